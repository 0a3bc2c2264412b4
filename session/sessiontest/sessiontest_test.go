package sessiontest_test

import (
	"testing"
	"time"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

func TestReference(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) session.Store { return newReference() })
}

// One store serves for all cases, and for another run.
func TestReferenceShared(t *testing.T) {
	s := &starting{reference: newReference(), mark: -time.Millisecond}
	for range 2 {
		sessiontest.Run(t, func(*testing.T) session.Store { return s })
	}
}

// starting is a store that begins with its process.
type starting struct {
	*reference

	mark           time.Duration // from the beginning on
	again, started bool
}

func (s *starting) Start(now time.Time) {
	if s.again || !s.started {
		s.started, s.reference.mark = true, now.Add(s.mark)
	}
}
