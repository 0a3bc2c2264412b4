package site

import "strings"

// DeviceOf makes a label of what a browser calls itself.
func DeviceOf(userAgent string) string {
	find := func(names ...string) string {
		for _, name := range names {
			if strings.Contains(userAgent, name) {
				return name
			}
		}
		return "unknown"
	}
	// Most browsers also claim to be those that stand after them.
	browser := find("Edg", "Firefox", "Chrome", "Safari", "curl")
	system := find("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
	if browser == "unknown" && system == "unknown" {
		return "Unknown device"
	}
	return strings.Replace(browser, "Edg", "Edge", 1) + " on " + system
}
