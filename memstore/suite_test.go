package memstore_test

import (
	"testing"

	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

func TestStore(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) session.Store { return memstore.New() })
}

// One store for all cases, full of what the others have left.
func TestOneStore(t *testing.T) {
	s := memstore.New()
	sessiontest.Run(t, func(*testing.T) session.Store { return s })
}
