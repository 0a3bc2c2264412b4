package simulation

import (
	"context"
	"errors"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/session"
)

// logout ends the session of a token, by the endpoint. Of two cookies it ends both sessions, if they are of two.
func (w *world) logout(h *holder, s *server, arg int) {
	t := h.accessToken(w.elapsed)
	if t == nil || !w.plan.settings.cookies && arg%2 == 0 {
		t = h.refreshToken(w.elapsed)
	}
	if t == nil {
		return
	}
	c := w.call(s, h, "logs out by", t)
	csrf := 0
	if t.refresh {
		csrf = 1
	}
	r := w.request(h, "POST", t, csrf)
	var a answer
	sessions := []*sess{t.sess}
	if beside := h.refreshToken(w.elapsed); w.plan.settings.cookies && beside != nil && beside.sess != t.sess {
		sessions = append(sessions, beside.sess)
	}
	w.ending(sessions, c, "logout", func(context.Context) error {
		s.logout.ServeHTTP(&a, r)
		return nil
	})
	switch {
	case c.err == nil && w.plan.settings.cookies:
		w.keep(h, t.who, &a)
	case is(c.err, jot.ErrInvalid) && !c.hi.IsZero() && t.notYet(c.lo), is(c.err, jot.ErrUnavailable), c.err == nil:
	default:
		w.fail("a logout fails", c.err)
	}
}

// ending makes a call that ends sessions.
func (w *world) ending(sessions []*sess, c *call, why string, f func(context.Context) error) {
	uncertain := func(method) {
		for _, s := range sessions {
			s.maybe = true
		}
	}
	c.settle = uncertain
	for _, s := range sessions {
		s.ending++
	}
	w.make(c, f)
	for _, s := range sessions {
		s.ending--
		if c.err == nil {
			w.finish(s, why, c)
		}
	}
	if c.err != nil && (c.effects[end] == unsure || c.effects[end] == done) {
		uncertain(end)
	}
}

// endSession ends one of the sessions that a user sees.
func (w *world) endSession(p *person, s *server, arg int) {
	if len(p.sessions) == 0 {
		return
	}
	target := p.sessions[arg%len(p.sessions)]
	c := w.call(s, p, "ends", target)
	w.ending([]*sess{target}, c, "it was chosen to end", func(ctx context.Context) error {
		return s.RevokeSessionByID(ctx, p.name, target.id)
	})
	if c.err != nil && !is(c.err, jot.ErrUnavailable) {
		w.fail("a logout fails", c.err)
	}
}

// logoutUser logs a user out everywhere, and reports whether that is known to be done.
func (w *world) logoutUser(p *person, s *server) bool {
	c := w.call(s, p, "logs out everywhere")
	return w.everywhere(&p.logouts, []*person{p}, c, revokeSubject, func(ctx context.Context) error {
		return s.RevokeSubject(ctx, p.name)
	})
}

func (w *world) logoutAll(s *server) {
	c := w.call(s, "everyone", "is logged out")
	w.everywhere(&w.model.everyone.logouts, w.model.people, c, revokeAll, s.RevokeAll)
}

func (w *world) everywhere(l *logouts, people []*person, c *call, m method, f func(context.Context) error) bool {
	c.settle = func(method) { w.touch(l, people) }
	l.going++
	w.make(c, f)
	l.going--
	w.loggedOut(l, people, c, c.effects[m])
	if c.err != nil && !is(c.err, jot.ErrUnavailable) {
		w.fail("a logout fails", c.err)
	}
	return c.err == nil
}

// revoke revokes one token of a holder by itself.
func (w *world) revoke(h *holder, s *server, arg int) {
	t, demands := h.accessToken(w.elapsed), []jot.Demand(nil)
	if arg%2 == 0 {
		t, demands = h.refreshToken(w.elapsed), []jot.Demand{jot.Refresh()}
	}
	if t != nil {
		w.revokeToken(h, s, t, demands...)
	}
}

func (w *world) revokeToken(who any, s *server, t *token, demands ...jot.Demand) {
	verified, c := w.verify(who, "shows", s, t, verifies, demands...)
	if verified == nil {
		if e, ok := errors.AsType[*jot.Error](c.err); ok && e.Token != nil && !is(c.err, jot.ErrUnavailable) {
			verified = e.Token // refused, and to be revoked all the same
		} else {
			return
		}
	}
	c = w.call(s, who, "revokes", t)
	t.revoking++
	w.make(c, func(ctx context.Context) error { return s.Revoke(ctx, verified) })
	t.revoking--
	switch {
	case c.err == nil:
		t.maybe = true
		if !t.revoked.known() {
			t.revoked = w.fact(s)
		}
	case !is(c.err, jot.ErrUnavailable):
		w.fail("a token cannot be revoked", c.err)
	case c.effects[revokeToken] != none:
		t.maybe = true
	}
}

// mint makes a token of no session: an access token, or one for a link that works once.
func (w *world) mint(p *person, s *server, v verb, arg int) {
	c := w.call(s, p, "is given a", v)
	life := time.Duration(1+arg%20) * time.Minute
	var raw string
	w.make(c, func(ctx context.Context) (err error) {
		if v == link {
			raw, err = s.CreateToken(ctx, p.name, jot.Type("invite"), jot.ExpiresIn(life))
			return err
		}
		raw, err = s.CreateAccessToken(ctx, p.name, jot.ExpiresIn(life))
		return err
	})
	switch {
	case c.err != nil:
		w.fail("a token of no session cannot be made", c.err)
	case v == link:
		p.links = append(p.links, w.learn(raw, p))
	default:
		p.loose = append(p.loose, w.learn(raw, p))
	}
}

// present presents one of a user's tokens of no session, or revokes it.
func (w *world) present(p *person, s *server, v verb, arg int) {
	tokens := p.loose
	if v == useLink {
		tokens = p.links
	}
	if len(tokens) == 0 {
		return
	}
	t := tokens[len(tokens)-1] // mostly the latest
	if arg%4 == 0 {
		t = tokens[arg>>2%len(tokens)]
	}
	switch {
	case v == useLink:
		w.useUp(s, t)
	case arg>>8%16 == 0:
		w.revokeToken(p, s, t)
	default:
		w.verify(p, "uses", s, t, verifies)
	}
}

// useUp presents a token that works once.
func (w *world) useUp(s *server, t *token) {
	t.uses++
	_, c := w.verify(t.who, "uses up", s, t, consumes, jot.Type("invite"), jot.SingleUse())
	switch {
	case c.err == nil && t.used.known():
		w.fail("used up twice", t)
	case c.err == nil:
		t.used = w.fact(s)
	case c.effects[revokeToken] == none:
		t.uses--
	}
}

// stepUp makes another access token of the session, after the password was asked again.
func (w *world) stepUp(h *holder, s *server) {
	t := h.accessToken(w.elapsed)
	if t == nil {
		return
	}
	verified, _ := w.verify(h, "shows", s, t, verifies)
	if verified == nil {
		return
	}
	c := w.call(s, h, "steps up")
	var raw string
	var a answer
	w.make(c, func(ctx context.Context) (err error) {
		raw, err = s.CreateAccessToken(ctx, t.who.name, jot.InSession(verified), jot.Fresh())
		if err == nil && w.plan.settings.cookies {
			err = s.SetCookies(&a, &jot.Pair{AccessToken: raw})
		}
		return err
	})
	switch {
	case is(c.err, jot.ErrExpired) && !t.sess.end.After(c.hi): // the session may last no longer
	case c.err != nil:
		w.fail("a step-up fails", c.err)
	case w.plan.settings.cookies:
		w.keep(h, t.who, &a)
	default:
		h.access = w.learn(raw, t.who)
	}
}

// list asks for a user's sessions.
func (w *world) list(p *person, s *server) {
	c := w.call(s, p, "lists sessions")
	dead := map[string]string{}
	for _, known := range p.sessions {
		dead[known.id] = known.dead
	}
	var listed []jot.Session
	w.make(c, func(ctx context.Context) (err error) {
		listed, err = s.Sessions(ctx, p.name)
		return err
	})
	if c.err != nil {
		if !is(c.err, jot.ErrUnavailable) {
			w.fail("sessions cannot be listed", c.err)
		}
		return
	}
	seen, counting := map[string]bool{}, 0
	for _, l := range listed {
		if l.ExpiresAt.After(w.latest) { // what has expired by the clock of a login does not count for it
			counting++
		}
		if seen[l.ID] {
			w.fail("a session is listed twice", l.ID)
		}
		seen[l.ID] = true
		if why := dead[l.ID]; why != "" {
			w.fail("a session is listed that has ended", w.model.sessions[l.ID], "by", why)
		}
	}
	most := 0
	for _, n := range w.plan.settings.nodes {
		most = max(most, n.limit)
	}
	if counting > most {
		w.fail("more sessions than may be", counting)
	}
	for _, known := range p.sessions {
		switch {
		case known.asked < c.began && w.certain(known) && known.expires.After(c.hi):
			w.count(listedAlive)
			if !seen[known.id] {
				w.fail("a session is not listed that goes on", known)
			}
		case known.dead != "":
			w.count(unlistedDead)
		}
		// What its node may have minted last lives no longer than this.
		over := known.last.Add(w.plan.settings.refreshTTL + w.plan.settings.accessTTL + session.Echo + 10*time.Minute)
		if c.lo.After(over) && seen[known.id] {
			w.fail("a session is listed that has expired", known)
		}
	}
}

// lookBack presents in the end, on some node or other, what has not expired.
func (w *world) lookBack() {
	for i, p := range w.model.people {
		s := w.servers[i%len(w.servers)]
		for _, known := range p.sessions {
			if t := known.access; t != nil && !t.expired(w.latest) {
				w.verify(p, "uses", s, t, verifies)
			}
			if t := known.refresh; t != nil && !t.expired(w.latest) {
				w.verify(p, "shows", s, t, verifies, jot.Refresh())
			}
		}
		for _, t := range p.loose {
			if !t.expired(w.latest) {
				w.verify(p, "uses", s, t, verifies)
			}
		}
		for _, t := range p.links {
			if !t.expired(w.latest) {
				w.useUp(s, t)
			}
		}
		w.list(p, s)
	}
}

// steal copies what a holder has to a thief.
func (w *world) steal(st *step) {
	tabs := len(w.holders) - w.plan.settings.thieves
	if w.plan.settings.thieves == 0 {
		return
	}
	victim, thief := w.holders[st.who%tabs], w.holders[tabs+st.arg%w.plan.settings.thieves]
	if victim.access == nil || victim.jar.refresh == nil {
		return
	}
	had := *thief.jar
	*thief.jar = *victim.jar
	thief.till = [2]time.Duration{}
	if st.arg>>4%4 == 0 && had.access != nil { // and tries it with what came from elsewhere
		thief.access, thief.csrf[0] = had.access, had.csrf[0]
	}
	w.notef("%s steals from %s, and has %s, %s", thief, victim, thief.access, thief.jar.refresh)
}

// towards lets time pass until a part of a token's life is left.
func (w *world) towards(t *token, part time.Duration) {
	if t != nil && w.depth == 0 {
		w.elapsed = max(w.elapsed, t.expires.Add(-t.expires.Sub(t.issued)/part).Sub(epoch))
	}
}

// wait lets time pass, to where something is about to change for a holder.
func (w *world) wait(h *holder, arg int) {
	before := w.elapsed
	near := time.Duration(arg>>8%7-3) * time.Millisecond
	until := func(t time.Time) { w.elapsed = max(w.elapsed, t.Sub(epoch)+near) }
	grace := w.servers[arg%len(w.servers)].grace
	access, held := h.access, h.jar.refresh
	what := arg >> 4 % 10
	if w.plan.settings.calm || w.plan.settings.cookies && arg%3 == 0 {
		what = 4
	}
	switch what {
	case 0:
		w.elapsed += grace / 2
	case 1, 2:
		if held != nil && len(held.asks) > 0 { // the end of the grace, by some clock or another
			asked := held.asks[arg%len(held.asks)]
			until(asked.lo.Add(grace - w.servers[arg%len(w.servers)].offset))
		} else {
			w.elapsed += grace
		}
	case 3:
		w.elapsed += grace + time.Duration(arg%1000)*time.Millisecond
	case 4, 5:
		w.towards(access, 4)
	case 6:
		if access != nil {
			until(access.expires)
		}
	case 7:
		if held != nil {
			until(held.expires.Add(-10 * time.Second))
		}
	case 8:
		if held != nil {
			until(held.expires.Add(leeway))
		}
	case 9:
		w.elapsed += time.Duration(arg%10) * time.Minute
	}
	if w.depth > 0 { // no call is on its way for long
		w.elapsed = min(w.elapsed, before+65*time.Second)
	}
	w.notef("wait %s", w.elapsed-before)
}
