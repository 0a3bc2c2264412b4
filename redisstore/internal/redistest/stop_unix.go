//go:build unix

package redistest

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
)

// stop makes a server silent, as a network does that drops everything, until goOn is called.
func stop(tb testing.TB, server *enginetest.Server) (goOn func()) {
	tb.Helper()
	p := server.Process()
	require.NoError(tb, p.Signal(syscall.SIGSTOP))
	return func() {
		tb.Helper()
		require.NoError(tb, p.Signal(syscall.SIGCONT))
	}
}
