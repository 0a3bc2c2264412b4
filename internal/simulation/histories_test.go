package simulation_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

var (
	histories = flag.Int("histories", fromEnvironment("JOT_HISTORIES", 2000), "how many histories to play")
	firstSeed = flag.Uint64("seed", uint64(fromEnvironment("JOT_SEED", 0)), "of the first; 0 is a new one")
)

func fromEnvironment(name string, otherwise int) int {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 63); err == nil {
		return int(n)
	}
	return otherwise
}

func TestMain(m *testing.M) {
	debug.SetGCPercent(1600) // much is thrown away, and little kept
	os.Exit(m.Run())
}

func itself(s session.Store) session.Store { return s }

// TestHistories plays as many histories as the flag or the environment says, each from the seed after the one before.
func TestHistories(t *testing.T) {
	first := *firstSeed
	if first == 0 {
		first = rand.Uint64N(1 << 48)
	}
	t.Logf("%d histories from seed %d", *histories, first)
	began := time.Now()
	found := search(first, *histories, itself)
	if took := time.Since(began); took > time.Second {
		rate := float64(found.played) / took.Seconds()
		t.Logf("%d histories in %s, %.0f a second", found.played, took.Round(time.Millisecond), rate)
	}
	if found.failed != nil {
		t.Fatalf("seed %d: %s", found.seed, tell(found, itself))
	}
	for o, n := range found.counts {
		t.Logf("%10d times %s", n, obligationNames[o])
		if *histories >= 1000 {
			require.Greater(t, n, *histories/1000, obligationNames[o])
		}
	}
}

// tell shrinks what was found.
func tell(f finding, plant func(session.Store) session.Store) string {
	p := newPlan(f.seed)
	short := shrink(p, plant, f.failed.rule)
	text := story(&short, plant)
	return fmt.Sprintf("%s\nThe shortest history that fails so, of %d steps:\n%s", f.failed, len(short.steps), text)
}

// finding is what a search has come to: the failure of the least seed, if there is one.
type finding struct {
	seed   uint64
	failed *failure
	played int
	counts counts
}

// search plays histories until one fails.
func search(first uint64, n int, plant func(session.Store) session.Store) (found finding) {
	var (
		next    atomic.Int64
		mu      sync.Mutex
		workers sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			var counted counts
			played := 0
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				p := newPlan(first + uint64(i))
				failed, had := play(&p, plant, nil)
				played++
				for o := range had {
					counted[o] += had[o]
				}
				if failed != nil {
					next.Add(int64(n)) // the others end what they have begun
					mu.Lock()
					if found.failed == nil || p.seed < found.seed {
						found.seed, found.failed = p.seed, failed
					}
					mu.Unlock()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			found.played += played
			for o := range counted {
				found.counts[o] += counted[o]
			}
		})
	}
	workers.Wait()
	return found
}

// record plays a plan and returns every line of it.
func record(p *plan, plant func(session.Store) session.Store) (lines []string) {
	play(p, plant, func(line string) { lines = append(lines, line) })
	return lines
}

// prompt is a plan whose repeated calls come at once: how long a store remembers which call has ended a session, beyond
// what it must, is its own business, and in memory a matter of chance.
func prompt(seed uint64) *plan {
	p := newPlan(seed)
	for i := range p.steps {
		for j := range p.steps[i].faults {
			if f := &p.steps[i].faults[j]; f.kind == twice {
				f.steps = 1
			}
		}
	}
	return &p
}

// A seed tells the same history each time, whatever random bits the ids have.
func TestSeedsReproduce(t *testing.T) {
	for seed := range uint64(100) {
		p := prompt(seed)
		first, second := record(p, itself), record(p, itself)
		require.Equal(t, first, second, seed)
	}
}

// memstore answers as the reference does, whatever happens.
func TestStoresAgree(t *testing.T) {
	first := rand.Uint64N(1 << 48)
	for seed := first; seed < first+200; seed++ {
		p := prompt(seed)
		plain := record(p, func(session.Store) session.Store { return newReference() })
		require.Equal(t, plain, record(p, itself), seed)
	}
}
