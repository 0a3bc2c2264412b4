package simulation

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
)

var (
	histories = flag.Uint64("histories", fromEnvironment("JOT_HISTORIES"), "how many histories to play; 0 is some")
	firstSeed = flag.Uint64("seed", fromEnvironment("JOT_SEED"), "of the first; 0 is a new one")
)

func fromEnvironment(name string) uint64 {
	n, _ := strconv.ParseUint(os.Getenv(name), 10, 62) // or none
	return n
}

// game is a kind of histories: how they are drawn, and what they are played on. Each goroutine has a ground of its own.
type game struct {
	draw func(seed uint64) plan
	open func() ground
}

// PlayOnEngine plays as many histories as the flag or the environment says, n unless they do, each from the seed after
// the one before, on engines that open makes.
func PlayOnEngine(t *testing.T, n uint64, open func() Engine) {
	t.Helper()
	gameOn(open).play(t, n, func(o obligation) bool { return o != emptied && o != notYetRefused })
}

// FindOnEngine asks that a bug which is planted shows in one of n histories. With -v it tells the shortest.
func FindOnEngine(t *testing.T, n uint64, open func() Engine) {
	t.Helper()
	gameOn(open).find(t, n)
}

// ReproduceOnEngine asks that a seed tells the same history each time, whatever random bits the ids have.
func ReproduceOnEngine(t *testing.T, n uint64, open func() Engine) {
	t.Helper()
	on := onEngine(open())
	for seed := range n {
		p := newReplicaPlan(seed)
		first, second := record(&p, on), record(&p, on)
		require.Equal(t, first, second, seed)
	}
}

// record plays a plan and returns every line of it.
func record(p *plan, on ground) (lines []string) {
	play(p, on, func(line string) { lines = append(lines, line) })
	return lines
}

func gameOn(open func() Engine) game {
	return game{newReplicaPlan, func() ground { return onEngine(open()) }}
}

// play plays histories until one fails, and asks that each obligation of those that count was met often.
func (g game) play(t *testing.T, n uint64, counts func(o obligation) bool) {
	t.Helper()
	if *histories > 0 {
		n = *histories
	}
	first := *firstSeed
	if first == 0 {
		first = rand.Uint64N(1 << 48) //nolint:gosec // it is said
	}
	t.Logf("%d histories from seed %d", n, first)
	began := time.Now()
	found := g.search(first, n)
	if took := time.Since(began); took > time.Second {
		rate := float64(found.played) / took.Seconds()
		t.Logf("%d histories in %s, %.0f a second", found.played, took.Round(time.Millisecond), rate)
	}
	if found.failed != nil {
		t.Fatalf("seed %d: %s", found.plan.seed, g.tell(found))
	}
	for o, times := range found.counts {
		if !counts(obligation(o)) {
			continue
		}
		t.Logf("%10d times %s", times, obligationNames[o])
		if n >= 1000 {
			require.Greater(t, times, n/1000, obligationNames[o])
		}
	}
}

// find asks that one of n histories fails.
func (g game) find(t *testing.T, n uint64) {
	t.Helper()
	found := g.search(1, n)
	require.NotNil(t, found.failed, "not found")
	if testing.Verbose() {
		t.Logf("found in history %d: %s", found.plan.seed, g.tell(found))
	}
}

// tell shrinks what was found.
func (g game) tell(f finding) string {
	on := g.open()
	short := shrink(f.plan, on, f.failed.rule)
	text := story(&short, on)
	return fmt.Sprintf("%s\nThe shortest history that fails so, of %d steps:\n%s", f.failed, len(short.steps), text)
}

// finding is what a search has come to: the failure of the least seed, if there is one.
type finding struct {
	plan   plan
	failed *failure
	played uint64
	counts counts
}

// search plays histories until one fails.
func (g game) search(first, n uint64) (found finding) {
	defer debug.SetGCPercent(debug.SetGCPercent(1600)) // much is thrown away, and little kept
	var (
		next    atomic.Uint64
		mu      sync.Mutex
		workers sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		on := g.open()
		workers.Go(func() {
			var counted counts
			played := uint64(0)
			for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
				p := g.draw(first + i)
				failed, had := play(&p, on, nil)
				played++
				for o := range had {
					counted[o] += had[o]
				}
				if failed != nil {
					next.Add(n) // the others end what they have begun
					mu.Lock()
					if found.failed == nil || p.seed < found.plan.seed {
						found.plan, found.failed = p, failed
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
