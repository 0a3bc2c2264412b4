package simulation

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

func itself(s session.Store) session.Store { return s }

// planting are histories in memory, of a store in which there may be a bug.
func planting(plant func(session.Store) session.Store) game {
	return game{newPlan, func() ground { return inMemory(plant) }}
}

// TestHistories plays 2,000 histories, or as many as the flag or the environment says.
func TestHistories(t *testing.T) {
	planting(itself).play(t, 2000, func(o obligation) bool { return o < recalled })
}

// record plays a plan and returns every line of it.
func record(p *plan, plant func(session.Store) session.Store) (lines []string) {
	play(p, inMemory(plant), func(line string) { lines = append(lines, line) })
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
