//go:build !unix

package enginetest

import "syscall"

func apart() *syscall.SysProcAttr { return nil }
