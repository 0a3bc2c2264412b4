//go:build !unix

package redistest

import (
	"testing"

	"github.com/go-jot/jot/internal/enginetest"
)

func stop(tb testing.TB, _ *enginetest.Server) (goOn func()) {
	tb.Helper()
	tb.Skip("NOT TESTED: a server that is silent: there is no SIGSTOP")
	return nil
}
