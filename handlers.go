package jot

import (
	"context"
	"net/http"
	"slices"
)

// RefreshHandler returns the whole endpoint for refreshing: it takes a refresh token as [Manager.Required] with
// [Refresh] does, rotates it, and answers with the next pair, or a refusal. A token that came in a cookie is answered by
// cookies and the CSRF values, any other by JSON. GET, HEAD and OPTIONS are answered by 405. Without [WithStore] it
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
// rotates the refresh token of the request, and sets the cookies of the next pair if it came in one: then show no token
// to the page. The pair is what [Manager.WritePair] takes; the error is for [Manager.WriteError]. Without [WithStore] it
// wraps [errors.ErrUnsupported].
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

// Logout logs out: it takes an access or a refresh token, or both of a browser's cookies, ends their session, and clears
// the cookies of [WithCookies]. An expired token will do, and so will one of a session that has ended already; a token of
// no session is revoked by itself. No callback is asked. GET, HEAD and OPTIONS are refused by [ErrMethodNotAllowed].
//
// Cookies are cleared unless another origin's page has sent the request, or the store has failed. The answer is the
// caller's: a redirect to the front page, say. The error is for [Manager.WriteError]. Without [WithStore] or
// [WithBlocklist] it wraps [errors.ErrUnsupported].
func (m *Manager) Logout(w http.ResponseWriter, r *http.Request) error {
	if !m.ledger.remembers() {
		return unsupported("Logout", "WithStore or WithBlocklist")
	}
	err := m.leave(m.enter(r, leaving), m.enter(r, m.leavingToo()))
	w.Header().Set("Cache-Control", "no-store")
	if m.jar.ours(r) && (err == nil || isUnauthorized(err)) {
		m.UnsetCookies(w)
	}
	return err
}

// leave ends what the tokens of a request belong to. What is wrong with one of them is no reason to keep the other.
func (m *Manager) leave(access, refresh *pass) error {
	if !access.method() {
		return access.refusal()
	}
	var last *Token
	for _, p := range []*pass{access, refresh} {
		if !p.leaves() || last != nil && last.SessionID == p.token.SessionID {
			continue
		}
		last = p.token
		if err := m.end(p.ctx, last); err != nil {
			return err
		}
	}
	if last != nil {
		return nil
	}
	if access.absent || refresh.why.sentinel == ErrCSRF { //nolint:errorlint // a fact, that nobody wraps
		return refresh.refusal()
	}
	return access.refusal()
}

// leaves asks of a token what a logout must know: that it is ours, and that a page of ours sent it.
func (p *pass) leaves() bool {
	return p.find() && p.origin() && p.read() && p.claims() && p.csrf() && p.route()
}

// end ends the session of a token, or the token if it belongs to none.
func (m *Manager) end(ctx context.Context, t *Token) error {
	if t.SessionID != "" {
		return m.RevokeSession(ctx, t)
	}
	return m.Revoke(ctx, t)
}

func isUnauthorized(err error) bool { return answerTo(err).status == http.StatusUnauthorized }
