package jottest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
)

// Request makes a request as [httptest.NewRequest] does, without a body, and logs subject in: its Authorization
// header carries an access token that m has just made with opts.
func Request(tb testing.TB, m *jot.Manager, method, target, subject string, opts ...jot.TokenOption) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	Authorize(tb, r, m, subject, opts...)
	return r
}

// Authorize does what [Request] does with a request that is there already.
func Authorize(tb testing.TB, r *http.Request, m *jot.Manager, subject string, opts ...jot.TokenOption) {
	tb.Helper()
	raw, err := m.CreateAccessToken(tb.Context(), subject, opts...)
	check(tb, err)
	r.Header.Set("Authorization", "Bearer "+raw)
}

// Expired makes a [Request] whose token expired an hour ago: [jot.ErrExpired].
func Expired(tb testing.TB, m *jot.Manager, method, target, subject string, opts ...jot.TokenOption) *http.Request {
	tb.Helper()
	ago := []jot.TokenOption{wire.Issued{Ago: 2 * time.Hour}, jot.ExpiresIn(time.Hour)}
	return Request(tb, m, method, target, subject, append(opts, ago...)...)
}

// Revoked makes a [Request] of a login that has ended: [jot.ErrRevoked]. m needs [jot.WithStore] or
// [jot.WithBlocklist].
func Revoked(tb testing.TB, m *jot.Manager, method, target, subject string, opts ...jot.TokenOption) *http.Request {
	tb.Helper()
	pair := Login(tb, m, subject, opts...)
	token, err := m.Verify(tb.Context(), pair.AccessToken, jot.InsecureSkipRevocation())
	if refusal, ok := errors.AsType[*jot.Error](err); ok && refusal.Token != nil { // by a callback: never mind
		token, err = refusal.Token, nil
	}
	check(tb, err)
	check(tb, m.RevokeSession(tb.Context(), token))
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	r.Header.Set("Authorization", "Bearer "+pair.AccessToken)
	return r
}

// Login logs subject in by [jot.Manager.CreatePair].
func Login(tb testing.TB, m *jot.Manager, subject string, opts ...jot.TokenOption) *jot.Pair {
	tb.Helper()
	pair, err := m.CreatePair(tb.Context(), subject, opts...)
	check(tb, err)
	return pair
}

// SetCookies makes r what a page of the same origin sends after the login of pair: it carries the cookies of m, and
// repeats the CSRF value of the access token in X-CSRF-Token. Set another header where [jot.CookieConfig] names one.
func SetCookies(tb testing.TB, r *http.Request, m *jot.Manager, pair *jot.Pair) {
	tb.Helper()
	w := httptest.NewRecorder()
	check(tb, m.SetCookies(w, pair))
	for _, cookie := range w.Result().Cookies() {
		if cookie.MaxAge >= 0 {
			r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value}) //nolint:gosec // of a request
		}
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-CSRF-Token", pair.CSRFToken)
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("jottest: %v", err)
	}
}
