package jot

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/go-jot/jot/internal/once"
)

// RefreshHandler returns the endpoint for refreshing: it verifies a refresh token as [Manager.Required] with [Refresh]
// does, rotates it ([Manager.Rotate]), and answers with the next pair, or a refusal. If the token came in a cookie,
// the answer sets cookies and holds the CSRF values; otherwise it is the pair as JSON. GET, HEAD and OPTIONS get 405.
// Without [WithStore], or a key that signs, it panics, at start-up.
func (m *Manager) RefreshHandler() http.Handler {
	m.exists()
	if m.ledger.store == nil {
		panic(unsupported("RefreshHandler", "WithStore").Error())
	}
	if !m.issuer.signs() {
		panic("jot: RefreshHandler needs a key that signs: " + onlyVerifies)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, pair, err := m.refresh(w, r)
		switch {
		case err != nil:
			m.answer(w, r, err)
		case at == InCookie: // an error now is the client's connection
			_ = writeJSON(w, pair.withoutTokens())
		default:
			_ = writeJSON(w, pair)
		}
	})
}

// Refresh does everything that [Manager.RefreshHandler] does but answer, for handlers that answer by themselves, with
// a page or a redirect say. It rotates the request's refresh token and returns the next pair; if the token came in a
// cookie, it has also set the cookies, and the page should see no token. The error is for [Manager.WriteError].
// Without [WithStore] it wraps [errors.ErrUnsupported].
func (m *Manager) Refresh(w http.ResponseWriter, r *http.Request) (*Pair, error) {
	m.exists()
	if m.ledger.store == nil {
		return nil, unsupported("Refresh", "WithStore")
	}
	_, pair, err := m.refresh(w, r)
	return pair, err
}

// refreshing is what a refresh demands of a token, leaving what a logout does: as little as possible. Both accept our
// tokens for any audience.
var (
	refreshing = &route{refresh: true, unsafe: true, eitherProof: true, anyAudience: true}
	leaving    = &route{accessOrRefresh: true, unsafe: true, eitherProof: true, anyAudience: true}
)

// leavingToo is for the refresh token beside the access token. A header holds one token only.
func (m *Manager) leavingToo() *route {
	places := slices.DeleteFunc(slices.Clone(m.places.order), func(at Location) bool { return at == InHeader })
	return &route{refresh: true, unsafe: true, eitherProof: true, anyAudience: true, locations: places}
}

// refresh rotates the refresh token of a request, and sets the cookies of the next pair if it came in one.
func (m *Manager) refresh(w http.ResponseWriter, r *http.Request) (at Location, pair *Pair, err error) {
	p := m.enter(r, refreshing)
	if !p.check() {
		return "", nil, p.refusal()
	}
	if pair, err = m.Rotate(p.ctx, p.token); err == nil && p.at == InCookie {
		err = m.SetCookies(w, pair)
	}
	return p.at, pair, err
}

// LogoutHandler returns the endpoint for logging out: it calls [Manager.Logout] and answers with 204, or a refusal.
// What ends is the session of [Manager.CreatePair], with all its tokens. An access token of
// [Manager.CreateAccessToken] is of none and ends alone; where there is a store, that logs a warning once per process.
// Without [WithStore] or [WithBlocklist] it panics, at start-up.
func (m *Manager) LogoutHandler() http.Handler {
	m.exists()
	if !m.ledger.remembers() {
		panic(unsupported("LogoutHandler", "WithStore or WithBlocklist").Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.Logout(w, r); err != nil {
			m.answer(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// Logout logs the user of a request out: it takes an access or a refresh token, or both of a browser's cookies, ends
// their sessions, and clears the cookies of [WithCookies]. It accepts expired tokens, those of sessions that have
// ended, and cookies that cannot be read; a token outside any session is revoked. No callback is asked. GET, HEAD and
// OPTIONS are refused as [ErrMethodNotAllowed].
//
// Cookies are not cleared if Logout fails, nor for another origin's page that sends a token of its own. The answer is
// up to the caller: a redirect to the front page, say. The error is for [Manager.WriteError]. Without [WithStore] or
// [WithBlocklist] it wraps [errors.ErrUnsupported].
func (m *Manager) Logout(w http.ResponseWriter, r *http.Request) error {
	m.exists()
	if !m.ledger.remembers() {
		return endsNothing(r.Context(), "Logout", "WithStore or WithBlocklist")
	}
	w.Header().Set("Cache-Control", "no-store")
	err := (&departure{m.enter(r, leaving), m.enter(r, m.leavingToo())}).leave()
	if err == nil && m.jar.ours(r) {
		m.UnsetCookies(w)
	}
	return err
}

// logOut ends the session of a token, or the token if it belongs to none.
func (m *Manager) logOut(ctx context.Context, t *Token) error {
	if t.SessionID != "" {
		return m.RevokeSession(ctx, t)
	}
	return m.Revoke(ctx, t)
}

// departure is a request to log out: a pass for the access token, and one for the refresh token.
type departure [2]pass

// leave ends what the tokens of the request belong to.
func (d *departure) leave() error {
	ends, refused := d.look()
	for i, t := range ends {
		if i > 0 && d[0].m.ledger.endedBy(t, ends[0]) {
			continue
		}
		if err := d[0].m.logOut(d[0].ctx, t); err != nil {
			return err
		}
	}
	if refused != nil {
		return refused.refusal()
	}
	d[0].m.doubt(d[0].ctx, ends)
	return nil
}

// doubt tells once that a login cannot end as a whole whose tokens have no session in common.
func (m *Manager) doubt(ctx context.Context, ends []*Token) {
	alone := len(ends) == 1 && ends[0].SessionID == ""
	if alone && m.ledger.store != nil && m.profile.Minting == nil { // another system's logins are like that
		once.Log(ctx, slog.LevelWarn, "jot: a logout ended one token, which belongs to no session: "+
			"CreatePair makes a login that ends as a whole")
	}
}

// look returns the tokens whose sessions are to end, or else the pass whose reason is the refusal. A defect of one
// token does not save the other. The CSRF value of either cookie's token proves the request ours, and then both end.
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

// refused returns the pass whose reason is the refusal. It is nil if our own page sent nothing but cookies that cannot
// be read.
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

// leaves asks of a token what a logout has to know. A cookie that cannot be read has nothing to end.
func (p *pass) leaves() bool {
	if !p.find() && p.at != InCookie {
		return false
	}
	if !p.origin() {
		return false
	}
	p.ours = p.at == InCookie
	return p.read() && p.claims() && p.route() && p.endable()
}

// endable asks whether anything could remember that the token has ended.
func (p *pass) endable() bool {
	return p.token.SessionID != "" || p.token.ID != "" || p.holds(invalid(errNoID))
}
