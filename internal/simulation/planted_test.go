package simulation

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

// planted are stores with a bug, which the simulation must find. To plant another, add a line: a function that spoils
// the memstore it is given, or a reference. A store that is not atomic calls pause(ctx) between what it reads and what
// it writes.
var planted = map[string]func(session.Store) session.Store{
	"grace by the database's clock":  func(session.Store) session.Store { return &ownClock{reference: newReference()} },
	"grace by one clock":             func(session.Store) session.Store { return oneClock{newReference()} },
	"eviction of the new one":        func(session.Store) session.Store { return oldestByClock{newReference()} },
	"check, then write":              func(session.Store) session.Store { return readThenRotate{newReference()} },
	"check, then use up":             func(session.Store) session.Store { return readThenUse{newReference()} },
	"forgotten mark":                 func(session.Store) session.Store { return markGone{newReference()} },
	"sliding by a dead token":        func(s session.Store) session.Store { return slidesAnyway{s} },
	"replay mints another successor": func(session.Store) session.Store { return forks{newReference()} },
	"logout everywhere by clock": func(session.Store) session.Store {
		return &byClock{reference: newReference(), out: map[string]time.Time{}}
	},
	"logout everywhere forgets none":        func(s session.Store) session.Store { return marksOnly{s} },
	"reuse ends nothing":                    func(session.Store) session.Store { return forgives{newReference()} },
	"a repeated end is no end":              func(session.Store) session.Store { return noEcho{newReference()} },
	"a repeated use is a second one":        func(session.Store) session.Store { return noCall{newReference()} },
	"scope as it is asked":                  func(session.Store) session.Store { return widens{newReference()} },
	"no longer than the first token":        func(session.Store) session.Store { return neverLonger{newReference()} },
	"a revocation ends at exp":              func(session.Store) session.Store { return tooShort{newReference()} },
	"a revoked token rotates":               func(session.Store) session.Store { return revokedTurns{newReference()} },
	"nothing is forgotten":                  func(session.Store) session.Store { return hoards() },
	"the limit is one too many":             func(s session.Store) session.Store { return oneMore{s} },
	"renewal with the scopes of login":      func(s session.Store) session.Store { return newFormerScopes(s) },
	"grace that is longer by a millisecond": func(session.Store) session.Store { return longGrace{newReference()} },
	"replay prolongs the grace":             func(session.Store) session.Store { return prolongs{newReference()} },
	"mark that moves back":                  func(session.Store) session.Store { return moveBack{newReference()} },
	"mark that ends with a short token":     func(session.Store) session.Store { return shortMark{newReference()} },
	"two logins evict each other":           func(session.Store) session.Store { return evictOthers{newReference()} },
	"answers from a replica": func(s session.Store) session.Store {
		return &replica{Store: s, last: map[session.Query]session.Status{}}
	},
	"an unknown session goes on": func(s session.Store) session.Store { return failsOpen{s} },
}

// quick are those of planted that are looked for while the race detector looks on as well.
var quick = []string{
	"grace by one clock", "eviction of the new one", "check, then write", "forgotten mark", "sliding by a dead token",
}

// With -v it tells the shortest history of each.
func TestPlantedBugs(t *testing.T) {
	for name, plant := range planted {
		t.Run(name, func(t *testing.T) {
			if Raced && !slices.Contains(quick, name) {
				t.Skip("it takes long; run it without -race")
			}
			planting(plant).find(t, 10_000)
		})
	}
}

// A history is shrunk to what it takes to fail, and fails in the same way.
func TestShrink(t *testing.T) {
	for _, name := range []string{"replay mints another successor", "forgotten mark", "check, then write"} {
		on := inMemory(planted[name])
		found := planting(planted[name]).search(1, 10_000)
		short := shrink(found.plan, on, found.failed.rule)
		failed, _ := play(&short, on, nil)
		require.NotNil(t, failed)
		require.Equal(t, found.failed.rule, failed.rule)
		require.LessOrEqual(t, len(short.steps), 5, name)
		require.Contains(t, story(&short, on), "\nFAILS "+failed.rule)
	}
}
