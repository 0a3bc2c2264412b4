//go:build unix

package enginetest

import "syscall"

// apart keeps a ^C and whatever else is for the testing process's group from the watchdog.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
