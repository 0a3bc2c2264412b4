package simulation

import (
	"errors"
	"slices"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/session"
)

// leeway is the managers' default.
const leeway = 30 * time.Second

// purpose is what a call does with a token.
type purpose struct {
	times   bool // it asks whether the token holds now
	rotates bool
	usesUp  bool
}

var (
	verifies  = purpose{times: true}
	exchanges = purpose{times: true, rotates: true}
	consumes  = purpose{times: true, usesUp: true}
)

// view is what the model knows of a token when a call with it begins: that must count.
type view struct {
	*token
	purpose

	dead                  string // why its session had ended
	barred, spent         bool   // it had been revoked, or used up
	exchanged, superseded bool   // its successor was given to somebody, and that one's as well
	loggedOut             mark   // of no session: its user, at the latest
	allowed               scopes // by its session
}

// view returns what must count on a server. Where a token is used up the store is asked by that.
func (w *world) view(t *token, s *server, p purpose) view {
	v := view{token: t, purpose: p, exchanged: t.exchanged}
	v.barred = t.revoked.known() && (p.usesUp || w.binds(t, s, t.revoked))
	v.spent = t.used.known() && (p.usesUp || w.binds(t, s, t.used))
	v.superseded = t.exchanged && t.child != nil && t.child.exchanged
	if t.sess == nil {
		for _, m := range slices.Concat(t.who.sure, w.model.everyone.sure) {
			if m.clock.After(v.loggedOut.clock) && w.binds(t, s, m.fact) {
				v.loggedOut = m
			}
		}
		return v
	}
	v.allowed = t.sess.scopes
	if t.sess.dead != "" && w.binds(t, s, t.sess.gone) {
		v.dead = t.sess.dead
	}
	return v
}

func (g *grant) expired(now time.Time) bool { return !now.Before(g.expires.Add(leeway)) }
func (g *grant) notYet(now time.Time) bool  { return g.issued.After(now.Add(leeway)) }

// forbidden says why the call must refuse the token, and by which error; "" if it need not.
func (w *world) forbidden(v view, c *call) (why string, want error) {
	switch {
	case v.times && v.notYet(c.hi):
		return "its time had not come", jot.ErrInvalid
	case v.times && v.expired(c.lo):
		return "it had expired", jot.ErrExpired
	case v.dead != "":
		return "its session had ended: " + v.dead, jot.ErrRevoked
	case v.barred && w.remembered(v):
		return "it had been revoked", jot.ErrRevoked
	case v.spent && w.remembered(v):
		return "it had been used", jot.ErrRevoked
	case v.sess == nil && !v.loggedOut.clock.IsZero() && !v.born.After(v.loggedOut.clock):
		return "its user had been logged out", jot.ErrRevoked
	case v.adrift():
		return "", nil
	case v.superseded:
		return "its successor had been exchanged", jot.ErrReused
	case v.exchanged && v.apart(c):
		return "it had been exchanged longer ago than the grace", jot.ErrReused
	}
	return "", nil
}

// required reports whether nothing can be against the token, so that the call must accept it.
func (w *world) required(v view, c *call) bool {
	uses := v.uses
	if v.usesUp {
		uses-- // its own
	}
	switch {
	case c.lo.IsZero(), v.expired(c.hi), v.times && v.notYet(c.lo), v.tooLate(c):
		return false
	case v.doubtful() || uses > 0 || !w.remembered(v):
		return false
	case v.sess != nil:
		return w.certain(v.sess) && (!v.refresh || v.inTurn(c))
	}
	known := latest(v.who.maybe, w.model.everyone.maybe)
	quiet := v.who.going == 0 && w.model.everyone.going == 0
	return quiet && (known.IsZero() || v.born.After(known)) && !v.born.Before(w.model.start)
}

// remembered reports whether no clock has made the store forget what it knows of the token and its session. A call may
// be on its way for longer than its token lives, and calls that were made later are carried out before. And a token
// that was made by InSession may live longer than what its session is kept for.
func (w *world) remembered(v view) bool {
	if s := v.sess; s != nil && !s.expires.Add(w.plan.settings.accessTTL+5*time.Minute).After(w.latest) {
		return false
	}
	return v.expires.Add(5 * time.Minute).After(w.latest)
}

// goesOn reports whether nothing but the token's turn can be a reason to refuse it. A store remembers for a while, and
// for a few sessions, that the call which is repeated has ended one; whose clock is ahead counts.
func (w *world) goesOn(v view, c *call) bool {
	forgotten := c.repeated && (w.latest.Sub(c.lo) >= session.Echo || c.others > 3)
	return v.sess != nil && w.certain(v.sess) && !v.doubtful() && w.remembered(v) && !forgotten
}

// tooLate reports whether the next token would have expired already: the session may last no longer, or it is the one
// that was made before, and refresh tokens live no longer than the grace.
func (v view) tooLate(c *call) bool {
	if !v.rotates {
		return false
	}
	life := v.expires.Sub(v.issued)
	for _, a := range v.asks {
		if a != c && !a.lo.Add(life-time.Second).After(c.hi) {
			return true
		}
	}
	return !v.sess.end.After(c.hi)
}

// doubtful reports whether the token may have been revoked by itself.
func (g *grant) doubtful() bool { return g.maybe || g.revoked.known() || g.revoking > 0 }

// widened reports whether somebody got more scopes than the session allows.
func (v view) widened(got scopes) bool { return got&^v.allowed != 0 && !v.adrift() }

// adrift reports whether it is of a session of which a server has forgotten something.
func (g *grant) adrift() bool { return g.sess != nil && g.sess.adrift }

// inTurn reports whether c presents a refresh token that is surely the current one, or the one before and within the
// grace of whatever call may have exchanged it.
func (g *grant) inTurn(c *call) bool {
	if g.child != nil && (g.child.exchanged || len(g.child.asks) > 0) {
		return false
	}
	for _, a := range g.asks {
		if a != c && !a.lo.IsZero() && max(a.hi.Sub(c.lo), c.hi.Sub(a.lo)) >= c.server.grace {
			return false
		}
	}
	return true
}

// apart reports whether c lies further than the grace from all calls that may have exchanged the token.
func (g *grant) apart(c *call) bool {
	found := false
	for _, a := range g.asks {
		if a == c || a.lo.IsZero() {
			continue
		}
		found = true
		if max(a.lo.Sub(c.hi), c.lo.Sub(a.hi)) < c.server.grace {
			return false
		}
	}
	return found
}

// judge holds the answer to a call against what must have been, and learns from it.
func (w *world) judge(v view, c *call) (accepted bool) {
	must := w.required(v, c)
	why, want := w.forbidden(v, c)
	if v.refresh {
		v.sess.last = latest(v.sess.last, c.hi)
	}
	switch {
	case is(c.err, jot.ErrUnavailable):
		wrote := max(c.effects[rotate], c.effects[end])
		if !must && v.sess != nil && (wrote == done || wrote == unsure) {
			v.sess.maybe = true
		}
		w.countUnanswered(v, c)
		return false
	case c.err == nil:
		if why != "" {
			w.fail("accepted, though "+why, v)
		}
		w.checkRecall(v, c)
		if must {
			w.countAccepted(v, c)
		}
		return true
	case must:
		w.fail("refused for nothing", v, c.err)
	case !w.plausible(v, c, want):
		w.fail("refused for a wrong reason", v, c.err, "expected", why)
	}
	w.refused(v, c, why, want)
	return false
}

// plausible reports whether there can be such a reason.
func (w *world) plausible(v view, c *call, want error) bool {
	switch {
	case v.adrift():
		return true
	case is(c.err, jot.ErrExpired):
		return v.times && v.expired(c.hi) || v.tooLate(c)
	case is(c.err, jot.ErrNoToken): // a browser's that has expired, with nothing to renew it from
		return v.expired(c.hi) && c.presents != nil && !v.refresh
	case is(c.err, jot.ErrInvalid):
		return v.times && v.notYet(c.lo)
	case is(c.err, jot.ErrReused):
		others := len(v.asks)
		for _, a := range v.asks {
			if a == c {
				others--
			}
		}
		return (want == nil || errors.Is(want, jot.ErrReused)) && (v.grant.exchanged || others > 0)
	case is(c.err, jot.ErrRevoked):
		certain := w.goesOn(v, c)
		return want == nil || errors.Is(want, jot.ErrRevoked) || errors.Is(want, jot.ErrReused) && !certain
	}
	return false
}

// refused learns from a refusal.
func (w *world) refused(v view, c *call, why string, want error) {
	w.countRefused(v, c, why, want)
	if w.plan.settings.calm && !is(c.err, jot.ErrExpired) && w.remembered(v) {
		w.fail("an honest client is logged out", v, c.err)
	}
	s := v.sess
	switch {
	case s == nil, s.adrift:
	case is(c.err, jot.ErrReused):
		if why != "" && w.goesOn(v, c) {
			w.count(theft)
			if len(c.alarms) != 1 || s.alarms != 1 {
				w.fail("a theft without its one event", s, "has had", s.alarms)
			}
		}
		w.finish(s, "reuse", c)
	case !is(c.err, jot.ErrRevoked) || v.doubtful() || !w.remembered(v):
	case w.unended(s) && (!v.refresh || v.inTurn(c)):
		w.evicted(s, c)
	default:
		w.finish(s, byRefusal, c)
	}
}

func is(err, target error) bool { return err != nil && errors.Is(err, target) }
