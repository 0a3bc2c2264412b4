package simulation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-jot/jot/session"
)

// faulty is the store as the managers see it: behind a network that loses, repeats and delays.
type faulty struct {
	session.Store
	world *world
}

var errLost = errors.New("simulation: no answer")

type method int

const (
	begin method = iota
	check
	rotate
	end
	revokeToken
	revokeSubject
	revokeAll
	listSessions
	open // of a server that has lost its data
	methods
)

var methodNames = [methods]string{
	"Begin", "Check", "Rotate", "End", "RevokeToken", "RevokeSubject", "RevokeAll", "List", "Open",
}

// effect is what became of a call of the store, in the order of what counts if there were several.
type effect int

const (
	none    effect = iota // not made, or not carried out
	done                  // carried out and answered
	unsure                // carried out, and the caller was told an error
	pending               // to be carried out, and the caller was told an error
)

// lateCall is a call whose caller has given up.
type lateCall struct {
	due   int // before that step
	made  *call
	of    method
	apply func() error
}

func (f *faulty) pass(m method, apply func() error) error {
	return f.world.pass(m, apply)
}

// pass sends a call of the store through the network.
func (w *world) pass(m method, apply func() error) error {
	c := w.top
	c.asked++
	if c.server.cut > w.elapsed {
		c.lost = true
		c.faults = append(c.faults, methodNames[m]+" cut off")
		return errLost
	}
	what := fine
	steps := 0
	if c.frame.used < len(c.frame.faults) {
		what, steps = c.frame.faults[c.frame.used].kind, c.frame.faults[c.frame.used].steps
		c.frame.used++
	}
	if what == late && m == open {
		what = lostBefore
	}
	if what != fine && w.trace != nil {
		c.faults = append(c.faults, methodNames[m]+" "+faultNames[what])
	}
	became := done
	switch what {
	case lostBefore:
		c.lost = true
		return errLost
	case late:
		c.lost = true
		c.effects[m] = pending
		w.late = append(w.late, &lateCall{w.played + steps, c, m, apply})
		return errLost
	case lostAfter:
		c.lost, became = true, unsure
	case slow:
		w.await(c, steps)
	case slowAnswer:
		w.pause = steps
	case fine, twice, faultKinds:
	}
	c.effects[m] = max(c.effects[m], became)
	err := apply()
	if m == open { // which has left the mark of a logout of everyone
		w.model.everyone.maybe = latest(w.model.everyone.maybe, c.hi)
	}
	unplayed := w.pause
	w.pause = 0
	switch what {
	case twice:
		c.repeated = true
		w.await(c, steps-1)
		err = apply()
	case slowAnswer:
		w.await(c, unplayed)
	case lostAfter:
		err = errLost
	case fine, lostBefore, slow, late, faultKinds:
	}
	return err
}

// await plays other steps while c waits.
func (w *world) await(c *call, steps int) {
	if steps > 0 {
		w.notef("%s waits", c)
		w.interleave(steps)
	}
}

// carryOut carries out the late calls that are due before a step.
func (w *world) carryOut(before int) {
	for i := 0; i < len(w.late); i++ {
		l := w.late[i]
		if l.due > before {
			continue
		}
		w.late = slices.Delete(w.late, i, i+1)
		i--
		outer := w.frame
		w.frame = l.made.frame
		_ = l.apply()
		w.frame = outer
		w.notef("%s of %s is carried out now", methodNames[l.of], l.made)
		if l.made.settle != nil {
			l.made.settle(l.of)
		}
	}
}

type worldKey struct{}

// pause is where a store that is not atomic lets other calls in.
func pause(ctx context.Context) {
	if w, ok := ctx.Value(worldKey{}).(*world); ok && w.pause > 0 {
		steps := w.pause
		w.pause = 0
		w.await(w.top, steps)
	}
}

// verbOf is what the client is doing for which a store is called.
func verbOf(ctx context.Context) verb {
	w, _ := ctx.Value(worldKey{}).(*world)
	return w.frame.verb
}

// Start implements [session.Starter].
func (f *faulty) Start(now time.Time) {
	if s, ok := f.Store.(session.Starter); ok {
		s.Start(now)
	}
}

// Begin implements [session.Store].
func (f *faulty) Begin(ctx context.Context, r session.Record, limit int) error {
	return f.pass(begin, func() error { return f.Store.Begin(ctx, r, limit) })
}

// Check implements [session.Store].
func (f *faulty) Check(ctx context.Context, q session.Query) (status session.Status, err error) {
	err = f.pass(check, func() (err error) { status, err = f.Store.Check(ctx, q); return err })
	return status, err
}

// Rotate implements [session.Store].
func (f *faulty) Rotate(ctx context.Context, r session.Rotation) (result session.Result, err error) {
	err = f.pass(rotate, func() (err error) { result, err = f.Store.Rotate(ctx, r); return err })
	return result, err
}

// End implements [session.Store].
func (f *faulty) End(ctx context.Context, e session.Ending) (ended bool, err error) {
	err = f.pass(end, func() (err error) { ended, err = f.Store.End(ctx, e); return err })
	return ended, err
}

// RevokeToken implements [session.Store].
func (f *faulty) RevokeToken(ctx context.Context, r session.Revocation) (first bool, err error) {
	err = f.pass(revokeToken, func() (err error) { first, err = f.Store.RevokeToken(ctx, r); return err })
	return first, err
}

// RevokeSubject implements [session.Store].
func (f *faulty) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	return f.pass(revokeSubject, func() error { return f.Store.RevokeSubject(ctx, subject, now, until) })
}

// RevokeAll implements [session.Store].
func (f *faulty) RevokeAll(ctx context.Context, now time.Time) error {
	return f.pass(revokeAll, func() error { return f.Store.RevokeAll(ctx, now) })
}

// List implements [session.Store].
func (f *faulty) List(ctx context.Context, subject string, now time.Time) (records []session.Record, err error) {
	err = f.pass(listSessions, func() (err error) { records, err = f.Store.List(ctx, subject, now); return err })
	return records, err
}
