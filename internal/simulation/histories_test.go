package simulation

import (
	"math/rand/v2"
	"testing"
	"time"

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
		first, second := record(p, inMemory(itself)), record(p, inMemory(itself))
		require.Equal(t, first, second, seed)
	}
}

// memstore answers as the reference does, whatever happens.
func TestStoresAgree(t *testing.T) {
	first := rand.Uint64N(1 << 48)
	for seed := first; seed < first+200; seed++ {
		p := prompt(seed)
		plain := record(p, inMemory(func(session.Store) session.Store { return newReference() }))
		require.Equal(t, plain, record(p, inMemory(itself)), seed)
	}
}

// A logout reaches what its node has issued, though a logout before it in the same millisecond has put that into the
// next one.
func TestLogoutsWithinAMillisecond(t *testing.T) {
	p := newPlan(1)
	p.settings = settings{
		nodes: []node{{limit: 3}}, users: 1, browsers: 1, tabs: 1,
		accessTTL: time.Minute, refreshTTL: time.Hour, sessionTTL: time.Hour,
	}
	p.steps = []step{{verb: logoutAll}, {verb: mint}, {verb: logoutUser}, {verb: useLoose, arg: 1<<8 + 1}}
	failed, counted := play(&p, inMemory(itself), nil)
	require.Nil(t, failed)
	require.Zero(t, counted[looseAccepted])
}
