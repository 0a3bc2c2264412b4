package sessiontest_test

import (
	"testing"

	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

// The test of a store of one's own: all that it says is in the suite.
func ExampleRun() {
	testStore := func(t *testing.T) { // TestStore, in your own file
		sessiontest.Run(t, func(*testing.T) session.Store { return memstore.New() })
	}
	_ = testStore
}
