package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-jot/jot"
)

// holder is a tab of a browser, or a thief.
type holder struct {
	name  string
	who   *person // nil for a thief
	*jar          // of the browser, where its tabs share it
	steal bool
}

// jar is what a holder has: cookies, or tokens in memory.
type jar struct {
	access, refresh *token
	csrf            [2]string        // of both
	till            [2]time.Duration // when a browser drops the cookies
}

func newHolders(s *settings, people []*person) (holders []*holder) {
	for i := range s.browsers {
		shared := new(jar)
		for tab := range s.tabs {
			h := &holder{name: fmt.Sprintf("browser %d tab %d", i, tab), who: people[i%len(people)], jar: shared}
			if !s.shared {
				h.jar = new(jar)
			}
			holders = append(holders, h)
		}
	}
	for i := range s.thieves {
		holders = append(holders, &holder{name: fmt.Sprintf("thief %d", i), jar: new(jar), steal: true})
	}
	return holders
}

func (h *holder) String() string { return h.name }

// act plays a step.
func (w *world) act(st *step) { //nolint:gocyclo // a table of verbs
	h, s := w.holders[st.who%len(w.holders)], w.servers[st.node%len(w.servers)]
	if w.plan.settings.calm && !w.due(h, st.verb) {
		return
	}
	p := w.model.people[st.who%len(w.model.people)]
	switch st.verb {
	case login:
		w.login(h, s, st.arg)
	case use:
		w.use(h, s)
	case visit:
		for _, tab := range w.holders { // often all that somebody has open
			if tab == h || st.arg%2 == 0 && tab.jar != h.jar && tab.who != nil && tab.who == h.who {
				w.visit(tab, s)
			}
		}
	case refresh:
		if st.arg>>3%3 == 0 { // when the access token is about to expire, as most clients do
			w.towards(h.access, 4)
		}
		w.refresh(h, st.node, st.arg)
	case flood:
		t := h.refreshToken(w.elapsed)
		for i := range 4 + st.arg%12 {
			err := w.refreshOnce(h, t, w.servers[(st.node+i*st.arg)%len(w.servers)], st.arg)
			if w.plan.settings.calm && !w.due(h, refresh) && !is(err, jot.ErrUnavailable) {
				break
			}
		}
	case again:
		w.again(h, s, st.arg)
	case stay:
		w.stay(h, st.node, st.arg)
	case look:
		w.look(h, s)
	case logout:
		w.logout(h, s, st.arg)
	case logoutUser:
		w.logoutUser(p, s)
	case newPassword:
		if h.who != nil && w.logoutUser(h.who, s) {
			w.elapsed += time.Duration(st.arg%2) * time.Millisecond
			w.login(h, w.servers[st.arg%len(w.servers)], st.arg)
		}
	case logoutAll:
		w.logoutAll(s)
	case revoke:
		w.revoke(h, s, st.arg)
	case endSession:
		w.endSession(p, s, st.arg)
	case list:
		w.list(p, s)
	case stepUp:
		w.stepUp(h, s)
	case mint, link:
		w.mint(p, s, st.verb, st.arg)
	case useLoose, useLink:
		w.present(p, s, st.verb, st.arg)
	case steal:
		w.steal(st)
	case wait:
		w.wait(h, st.arg)
	case haunt:
		w.haunt(p, s, st.arg)
	case cut:
		w.cut(s, st.arg)
	case restart:
		w.restart(s)
	case save:
		w.save()
	case failOver:
		w.failOver(st.arg)
	case lose:
		w.lose()
	case verbs:
	}
}

// due reports whether an honest client has a reason to log in or to refresh.
func (w *world) due(h *holder, v verb) bool {
	switch v {
	case login:
		return h.refreshToken(w.elapsed) == nil || h.jar.refresh.expired(w.latest)
	case refresh, flood:
		return h.access == nil || h.access.expires.Sub(epoch.Add(w.elapsed)) < w.plan.settings.accessTTL/3
	default:
		return true
	}
}

// login begins a session. A holder that had one before forgets it.
func (w *world) login(h *holder, s *server, arg int) {
	if h.steal {
		return
	}
	p := h.who
	c := w.call(s, h, "logs in as", p)
	others, before, ahead := slices.Clone(p.sessions), p.logins, p.entering
	for _, other := range others {
		other.rivals++
	}
	p.entering++
	p.logins++
	c.settle = func(method) { p.entering-- }
	asked := scopes(1<<len(letters) - 1)
	if arg%4 == 0 {
		asked = scopes(arg >> 4 & 15)
	}
	var opts []jot.TokenOption
	if asked != 0 {
		opts = append(opts, jot.Scopes(asked.names()...))
	}
	var pair *jot.Pair
	var set answer
	w.make(c, func(ctx context.Context) (err error) {
		if pair, err = s.CreatePair(ctx, p.name, opts...); err == nil && w.plan.settings.cookies {
			err = s.SetCookies(&set, pair)
		}
		return err
	})
	became := c.effects[begin]
	if became != pending {
		p.entering--
	}
	if became == none {
		for _, other := range others {
			other.rivals--
		}
	}
	if c.err != nil {
		if !is(c.err, jot.ErrUnavailable) {
			w.fail("a login fails", c.err)
		}
		return
	}
	session := w.entered(c, p, pair.SessionID, ahead+p.logins-before-1)
	session.scopes, session.last = asked, c.hi
	access, refresh := w.take(h, p, pair, &set)
	if access != nil && access.scopes != asked || refresh != nil && refresh.scopes != asked {
		w.fail("a login with other scopes than asked", session)
	}
	if !w.plan.settings.shared { // the other tabs were opened from this one
		for _, other := range w.holders {
			if other.who == p && sameBrowser(h, other) {
				*other.jar = *h.jar
			}
		}
	}
	w.evict(c, p)
}

func sameBrowser(a, b *holder) bool { return a.name[:len("browser 0")] == b.name[:len("browser 0")] }

// take keeps the pair of an answer, and returns it: in cookies there is none if it has expired on its way.
func (w *world) take(h *holder, owner *person, pair *jot.Pair, set *answer) (access, refresh *token) {
	if w.plan.settings.cookies {
		return w.keep(h, owner, set)
	}
	h.access, h.jar.refresh = w.learn(pair.AccessToken, owner), w.learn(pair.RefreshToken, owner)
	return h.access, h.jar.refresh
}

// use presents an access token.
func (w *world) use(h *holder, s *server) {
	if t := h.accessToken(w.elapsed); t != nil {
		w.verify(h, "uses", s, t, verifies)
	}
}

// look presents a refresh token, and does not exchange it.
func (w *world) look(h *holder, s *server) {
	if t := h.refreshToken(w.elapsed); t != nil {
		w.verify(h, "shows", s, t, verifies, jot.Refresh())
	}
}

// verify presents a token, and judges the answer.
func (w *world) verify(
	who any, does string, s *server, t *token, p purpose, demands ...jot.Demand,
) (verified *jot.Token, c *call) {
	c = w.call(s, who, does, t)
	if t.refresh {
		c.presents = t
	}
	c.settle = func(m method) { w.settleEnd(t, m) }
	v := w.view(t, s, p)
	w.make(c, func(ctx context.Context) (err error) {
		verified, err = s.Verify(ctx, t.raw, demands...)
		return err
	})
	if !w.judge(v, c) {
		return nil, c
	}
	if t.refresh && v.widened(setOf(verified.Scopes)) {
		w.fail("a session's scope gets wider", t, "is taken for", verified.Scopes, "of", v.allowed.names())
	}
	return verified, c
}

// settleEnd notes that a late call has ended a session, whose token was presented again.
func (w *world) settleEnd(t *token, m method) {
	if m == end {
		t.sess.maybe = true
	}
}
