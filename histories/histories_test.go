//go:build unix

package histories_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	duration  = flag.Duration("for", 0, "how long to play on each engine; unless set, until 5,000 operations")
	firstSeed = flag.Uint64("seed", 0, "of the first round; 0 is a new one")
)

// TestHistories plays on each engine, with all the faults.
func TestHistories(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			seed := *firstSeed
			if seed == 0 {
				seed = rand.Uint64N(1 << 48)
			}
			t.Logf("seed %d", seed)
			g := start(t, e, e.start(t), seed, "")
			for began := time.Now(); !g.enough(time.Since(began)); {
				for _, f := range g.round() {
					t.Error(g.report(f))
				}
				if t.Failed() {
					break
				}
			}
			t.Log(g.counts.String())
			require.True(t, e.staleness == 0 || g.counts.recalls.enough(), "replicas have answered too few")
			require.LessOrEqual(t, g.counts.undecided, g.counts.histories/5, "that are undecided")
		})
	}
}

// enough says when to end: not before each of the faults has happened, nor before replicas have answered something.
func (g *game) enough(took time.Duration) bool {
	if *duration > 0 {
		return took >= *duration
	}
	told := g.engine.staleness == 0 || g.counts.recalls.enough() || g.rounds > 20*len(g.faults)
	return told && g.counts.operations >= 5_000 && g.rounds >= len(g.faults)
}
