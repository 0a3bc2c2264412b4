package jot

import (
	"context"
	"net/http"
	"slices"
)

// RefreshHandler returns the whole endpoint for refreshing: it takes a refresh token as [Manager.Required] with
// [Refresh] does, rotates it, and answers with the next pair, or a refusal. A token that came in a cookie is answered
// by cookies and the CSRF values, any other by JSON. GET, HEAD and OPTIONS are answered by 405. Without [WithStore] it
// panics, at start-up.
func (m *Manager) RefreshHandler() http.Handler {
	if m.ledger.store == nil {
		panic(unsupported("RefreshHandler", "WithStore").Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, pair, err := m.refresh(r)
		switch {
		case err != nil:
			m.WriteError(w, r, err)
		case t.Location == InCookie: // an error now is the client's connection
			_ = m.SetCookies(w, pair)
			_ = writeJSON(w, pair.withoutTokens())
		default:
			_ = writeJSON(w, pair)
		}
	})
}

// Refresh is [Manager.RefreshHandler] but for the answer, for handlers that answer by themselves, with a page say. It
// rotates the refresh token of the request, and sets the cookies of the next pair if it came in one: then show no
// token to the page. The pair is what [Manager.WritePair] takes; the error is for [Manager.WriteError]. Without
// [WithStore] it wraps [errors.ErrUnsupported].
func (m *Manager) Refresh(w http.ResponseWriter, r *http.Request) (*Pair, error) {
	if m.ledger.store == nil {
		return nil, unsupported("Refresh", "WithStore")
	}
	t, pair, err := m.refresh(r)
	if err == nil && t.Location == InCookie {
		err = m.SetCookies(w, pair)
	}
	return pair, err
}

// refreshing is what refreshing demands of a token, leaving what logging out does: as little as can be. Both take what
// we have made for anybody.
var (
	refreshing = &route{refresh: true, unsafe: true, anyAudience: true}
	leaving    = &route{accessOrRefresh: true, unsafe: true, leaving: true, anyAudience: true}
)

// leavingToo is for a refresh token beside the access token. In a header there is one token.
func (m *Manager) leavingToo() *route {
	places := slices.DeleteFunc(slices.Clone(m.places.order), func(at Location) bool { return at == InHeader })
	return &route{refresh: true, unsafe: true, leaving: true, anyAudience: true, locations: places}
}

// refresh rotates the refresh token of a request.
func (m *Manager) refresh(r *http.Request) (*Token, *Pair, error) {
	p := m.enter(r, refreshing)
	if !p.check() {
		return nil, nil, p.refusal()
	}
	pair, err := m.Rotate(p.ctx, p.token)
	return p.token, pair, err
}

// LogoutHandler returns the whole endpoint for logging out: [Manager.Logout], answered with 204, or a refusal. Without
// [WithStore] or [WithBlocklist] it panics, at start-up.
func (m *Manager) LogoutHandler() http.Handler {
	if !m.ledger.remembers() {
		panic(unsupported("LogoutHandler", "WithStore or WithBlocklist").Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.Logout(w, r); err != nil {
			m.WriteError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// Logout logs out: it takes an access or a refresh token, or both of a browser's cookies, ends their sessions, and
// clears the cookies of [WithCookies]. An expired token will do, and so will one of a session that has ended already,
// or a cookie that cannot be read; a token of no session is revoked by itself. No callback is asked. GET, HEAD and
// OPTIONS are refused as [ErrMethodNotAllowed].
//
// Cookies are cleared unless Logout fails, or another origin's page has sent the request with a token of its own. The
// answer is the caller's: a redirect to the front page, say. The error is for [Manager.WriteError]. Without [WithStore]
// or [WithBlocklist] it wraps [errors.ErrUnsupported].
func (m *Manager) Logout(w http.ResponseWriter, r *http.Request) error {
	if !m.ledger.remembers() {
		return unsupported("Logout", "WithStore or WithBlocklist")
	}
	w.Header().Set("Cache-Control", "no-store")
	err := (&departure{m.enter(r, leaving), m.enter(r, m.leavingToo())}).leave()
	if err == nil && m.jar.ours(r) {
		m.UnsetCookies(w)
	}
	return err
}

// end ends the session of a token, or the token if it belongs to none.
func (m *Manager) end(ctx context.Context, t *Token) error {
	if t.SessionID != "" {
		return m.RevokeSession(ctx, t)
	}
	return m.Revoke(ctx, t)
}

// departure is a request to log out: what it carries in the place of access tokens, and in that of refresh tokens.
type departure [2]pass

// leave ends what the tokens of the request belong to.
func (d *departure) leave() error {
	ends, refused := d.look()
	for i, t := range ends {
		if i > 0 && t.SessionID != "" && t.SessionID == ends[0].SessionID {
			continue
		}
		if err := d[0].m.end(d[0].ctx, t); err != nil {
			return err
		}
	}
	if refused != nil {
		return refused.refusal()
	}
	return nil
}

// look returns the tokens that are to be ended, or else the pass that says why there are none, if that is a refusal.
// What is wrong with one token is no reason to keep the other. The CSRF value of either cookie's token shows that the
// request is ours, and then both end.
func (d *departure) look() (ends []*Token, refused *pass) {
	if !d[0].method() {
		return nil, &d[0]
	}
	var good []*pass
	proven := false
	for i := range d {
		p := &d[i]
		if p.leaves() {
			good = append(good, p)
			proven = proven || p.at == InCookie && p.csrf()
		}
	}
	for _, p := range good {
		if p.at != InCookie || proven {
			ends = append(ends, p.token)
		}
	}
	if len(ends) > 0 {
		return ends, nil
	}
	return nil, d.refused(good)
}

// refused returns the pass whose reason is the answer, nil if all there is are our own page's cookies, with nothing in
// them that could be ended.
func (d *departure) refused(unproven []*pass) *pass {
	switch {
	case len(unproven) > 0:
		return unproven[0]
	case d[0].ours || d[1].ours:
		return nil
	case d[0].absent:
		return &d[1]
	}
	return &d[0]
}

// leaves asks of a token what a logout has to know. A cookie that cannot be read is one that has nothing to end.
func (p *pass) leaves() bool {
	if !p.find() && p.at != InCookie {
		return false
	}
	if !p.origin() {
		return false
	}
	p.ours = p.at == InCookie
	return p.read() && p.claims() && p.route()
}
