package simulation

import (
	"context"
	"time"

	"github.com/go-jot/jot"
)

// refresh exchanges the refresh token. Where the answer is lost it asks again, and where it is refused it may log in.
func (w *world) refresh(h *holder, at, arg int) {
	t := h.refreshToken(w.elapsed)
	tries, pause := 1+arg%4, time.Duration(arg%1500)*time.Millisecond
	if w.plan.settings.calm { // until there is an answer, and soon
		tries, pause = 8, w.plan.settings.pace
	}
	for i := range tries {
		s := w.servers[(at+i*arg)%len(w.servers)]
		err := w.refreshOnce(h, t, s, arg)
		if !is(err, jot.ErrUnavailable) {
			if err != nil && arg%3 > 0 {
				w.login(h, s, arg)
			}
			return
		}
		w.elapsed += pause
	}
}

// stay keeps a session for as long as some refresh tokens live.
func (w *world) stay(h *holder, at, arg int) {
	for i := range 2 + arg%3 {
		t := h.refreshToken(w.elapsed)
		if t == nil || w.depth > 0 {
			return
		}
		if soon := t.expires.Sub(epoch) - time.Duration(5+arg%20)*time.Second; soon > w.elapsed {
			w.elapsed = soon
		}
		w.refresh(h, at+i, arg)
	}
}

// again presents a refresh token that was exchanged, when the grace is about to end by the clock of the node.
func (w *world) again(h *holder, s *server, arg int) {
	t := h.refreshToken(w.elapsed)
	if t != nil && len(t.asks) == 0 && t.parent != nil {
		t = t.parent.text
		if w.plan.settings.cookies && h.access != nil && arg%2 == 0 { // or visits with it
			w.towards(h.access, 4)
			kept := &jar{access: h.access, refresh: t, csrf: h.csrf}
			w.visit(&holder{name: h.name + " in another window", who: h.who, jar: kept, steal: h.steal}, s)
			return
		}
	}
	if t == nil || len(t.asks) == 0 {
		return
	}
	asked := t.asks[arg%len(t.asks)]
	edge := asked.lo.Add(s.grace - s.offset + time.Duration(arg%3-1)*time.Millisecond).Sub(epoch)
	if edge > w.elapsed && edge < w.elapsed+2*time.Minute {
		w.elapsed = edge
	}
	_ = w.refreshByCalls(h, t, s, arg>>4)
}

// refreshOnce exchanges t, by the endpoint or by calls.
func (w *world) refreshOnce(h *holder, t *token, s *server, arg int) error {
	byHandler := arg%5 < 2
	if byHandler && w.plan.settings.cookies {
		t = h.refreshToken(w.elapsed) // another tab may have replaced the one that was sent first
	}
	switch {
	case t == nil:
		return nil
	case byHandler:
		return w.refreshByHandler(h, t, s)
	}
	return w.refreshByCalls(h, t, s, arg)
}

// refreshByCalls is a handler of the application's.
func (w *world) refreshByCalls(h *holder, t *token, s *server, arg int) error {
	asked := t.scopes
	if arg%3 == 0 {
		asked &= scopes(arg >> 4 & 255)
	}
	verified, c := w.verify(h, "shows", s, t, verifies, jot.Refresh())
	if verified == nil {
		return c.err
	}
	w.dawdle(h, t, s, arg)
	var opts []jot.TokenOption
	if asked != t.scopes && asked != 0 {
		opts = append(opts, jot.Scopes(asked.names()...))
	} else {
		asked = t.scopes
	}
	var pair *jot.Pair
	var set answer
	return w.exchange(h, t, asked, purpose{rotates: true}, s, func(ctx context.Context) (*jot.Pair, *answer, error) {
		var err error
		if pair, err = s.Rotate(ctx, verified, opts...); err == nil && w.plan.settings.cookies {
			err = s.SetCookies(&set, pair)
		}
		return pair, &set, err
	})
}

// dawdle is what happens while a handler does something between its guard and the exchange: anything, or what matters
// most, another tab that comes late with the token before, and narrows the session.
func (w *world) dawdle(h *holder, t *token, s *server, arg int) {
	switch arg >> 7 % 8 {
	case 0:
		w.interleave(1 + arg%2)
	case 1:
		if t.parent != nil && t.parent.text != nil && w.depth < maxDepth && !w.plan.settings.calm {
			w.depth++
			other := &holder{name: h.name + " in another window", who: h.who, jar: new(jar), steal: h.steal}
			_ = w.refreshByCalls(other, t.parent.text, s, 3*(arg>>10)+6)
			w.depth--
		}
	}
}

// exchange presents a refresh token for the next pair, which ask makes.
func (w *world) exchange(
	h *holder, t *token, asked scopes, p purpose, s *server, ask func(ctx context.Context) (*jot.Pair, *answer, error),
) error {
	c := w.call(s, h, "exchanges", t)
	c.presents = t
	v := w.view(t, s, p)
	narrows := 0
	if asked != t.scopes {
		narrows = 1
	}
	t.sess.narrowing += narrows
	if !t.exchanged {
		t.grant.asks = append(t.grant.asks, c)
	}
	c.settle = func(m method) {
		w.settleEnd(t, m)
		if m == rotate && !t.inTurn(c) {
			t.sess.maybe = true
		}
	}
	var pair *jot.Pair
	var set *answer
	w.make(c, func(ctx context.Context) (err error) {
		pair, set, err = ask(ctx)
		return err
	})
	var access, next *token
	if w.judge(v, c) && w.failure == nil {
		t.grant.exchanged = true
		access, next = w.take(h, t.who, pair, set)
	}
	// A call that was carried out twice is answered by what it met the second time.
	undone := c.effects[rotate] == none || (is(c.err, jot.ErrRevoked) || is(c.err, jot.ErrReused)) && !c.repeated
	if next != nil || undone { // else it may have narrowed the session, though nobody has the proof
		t.sess.narrowing -= narrows
	}
	if undone || is(c.err, jot.ErrExpired) && !c.repeated {
		t.grant.withdraw(c)
	}
	if next != nil {
		w.succeeded(v, access, next, asked)
	}
	return c.err
}

// succeeded notes the successor of a refresh token.
func (w *world) succeeded(v view, access, next *token, asked scopes) {
	s, g := v.sess, v.grant
	switch {
	case s.adrift:
		return
	case next.grant == g:
		w.fail("a refresh token is its own successor", g)
	case g.child != nil && g.child != next.grant:
		w.fail("two successors", g, "was exchanged for", g.child, "and for", next)
	case next.parent != nil && next.parent != g:
		w.fail("one successor of two", next)
	case next.sess != s || access != nil && access.sess != s:
		w.fail("a successor in another session", next)
	}
	if access != nil && access.scopes != next.scopes || next.scopes&^(v.token.scopes&v.allowed&asked) != 0 {
		w.fail("a session's scope gets wider", next, next.scopes.names(), "of", v.allowed.names())
	}
	if had := v.token.scopes & asked & s.scopes; v.allowed == s.scopes && s.narrowing == 0 {
		w.count(scopesKept)
		if next.scopes != had {
			w.fail("a session loses a scope", next, next.scopes.names(), "of", had.names())
		}
		if v.token.scopes&asked&^s.scopes != 0 {
			w.count(scopesHeld)
		}
	}
	g.child, next.grant.parent = next.grant, g
	s.scopes &= next.scopes
}
