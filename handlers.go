package jot

import (
	"errors"
	"net/http"
)

// RefreshHandler returns the whole endpoint for refreshing: it takes a refresh token as [Manager.Required] with [Refresh]
// does, rotates it, and answers with the next pair, or a refusal. A token that came in a cookie is answered by cookies and the
// CSRF values, any other by JSON. GET, HEAD and OPTIONS are answered by 405. Without [WithStore] it panics, at start-up.
func (m *Manager) RefreshHandler() http.Handler {
	if m.ledger.store == nil {
		panic(unsupported("RefreshHandler", "WithStore").Error())
	}
	rt := &route{refresh: true, unsafe: true}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, _, err := m.verifyRequest(r, rt)
		var pair *Pair
		if err == nil {
			pair, err = m.Rotate(r.Context(), t)
		}
		if err != nil {
			m.WriteError(w, r, err)
			return
		}
		// An error now is the client's connection.
		if t.Location == InCookie {
			_ = m.writeCookies(w, pair)
		} else {
			_ = writeJSON(w, pair)
		}
	})
}

// LogoutHandler returns the whole endpoint for logging out: it takes an access or a refresh token, ends its session, clears
// the cookies of [WithCookies], and answers with 204. An expired token will do, and so will one of a session that has ended
// already; a token of no session is revoked by itself. No callback is asked. GET, HEAD and OPTIONS are answered by 405. Without
// [WithStore] or [WithBlocklist] it panics, at start-up.
func (m *Manager) LogoutHandler() http.Handler {
	if !m.ledger.any() {
		panic(unsupported("LogoutHandler", "WithStore or WithBlocklist").Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := m.leave(r)
		switch {
		case err != nil:
		case t.SessionID != "":
			err = m.RevokeSession(r.Context(), t)
		default:
			err = m.Revoke(r.Context(), t)
		}
		if err != nil {
			m.WriteError(w, r, err)
			return
		}
		m.UnsetCookies(w)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	})
}

// leave finds the token to log out with: the access token's place first, and when there is nothing, because a browser
// drops a cookie that has expired, the refresh token's.
func (m *Manager) leave(r *http.Request) (*Token, error) {
	rt := route{anyType: true, unsafe: true, leaving: true, skipRevocation: true}
	t, _, err := m.admit(r, &rt)
	if errors.Is(err, ErrNoToken) {
		rt.refresh = true
		t, _, err = m.admit(r, &rt)
	}
	if err != nil {
		m.refused(r.Context(), err, "")
	}
	return t, err
}
