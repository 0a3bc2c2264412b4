// Package cookie knows the rules by which browsers and net/http take cookies, or silently drop or change them.
package cookie

import (
	"strconv"
	"strings"

	"github.com/go-jot/jot/internal/credential"
)

// MaxSize is how many bytes of name and value browsers keep (RFC 6265bis section 5.6).
const MaxSize = 4096

// prefixes are those that browsers know, the longer before the shorter. They ignore case.
var prefixes = []string{"__Host-Http-", "__Http-", "__Host-", "__Secure-"}

// Prefix returns the prefix of a name, "" if it has none that browsers know.
func Prefix(name string) string {
	for _, prefix := range prefixes {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return prefix
		}
	}
	return ""
}

// WithoutPrefix returns a name without its prefix.
func WithoutPrefix(name string) string { return name[len(Prefix(name)):] }

// IsName reports whether s can be the name of a cookie.
func IsName(s string) bool { return credential.IsName(s) && credential.IsName(WithoutPrefix(s)) }

// IsPath reports whether s can be the Path of a cookie.
func IsPath(s string) bool {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == ';' }
	return strings.HasPrefix(s, "/") && !strings.ContainsFunc(s, odd)
}

// IsDomain reports whether s can be the Domain of a cookie: empty, or a name in the form of RFC 1034 section 3.5. An
// address is none, nor is what a URL would take for one.
func IsDomain(s string) bool {
	if s == "" {
		return true
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, letters+strings.ToUpper(letters)+"0123456789-") != "" {
			return false
		}
	}
	_, err := strconv.Atoi(labels[len(labels)-1])
	return err != nil && len(s) <= 253
}

const letters = "abcdefghijklmnopqrstuvwxyz"
