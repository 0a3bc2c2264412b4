package jottest

import (
	"cmp"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
)

// Request makes a request as [httptest.NewRequest] does, without a body, and logs subject in, as [Login] does: its
// Authorization header carries the access token of a session that begins, so that what ends sessions ends this one, and
// [jot.Manager.Sessions] lists it. If m has cookies, so does the request, with the CSRF value ([SetCookies]). Where
// [jot.WithMaxSessions] allows one session, a second Request for the same subject ends the first one's.
//
// If opts name a [jot.Type], it is a token of that, of no session unless they say [jot.InSession], and in the header
// alone: where m looks in cookies only, the route needs [jot.Locations] with [jot.InHeader], as it does in production.
func Request(tb testing.TB, m *jot.Manager, method, target, subject string, opts ...jot.TokenOption) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	Authorize(tb, r, m, subject, opts...)
	return r
}

// Authorize does what [Request] does with a request that is there already.
func Authorize(tb testing.TB, r *http.Request, m *jot.Manager, subject string, opts ...jot.TokenOption) {
	tb.Helper()
	pair, err := m.CreatePair(tb.Context(), subject, opts...)
	if err != nil && !errors.Is(err, jot.ErrUnavailable) { // a Type, or InSession
		if raw, other := single(tb, m, subject, opts...); other == nil {
			pair, err = &jot.Pair{AccessToken: raw}, nil
		}
	}
	check(tb, err)
	carry(tb, r, m, pair)
}

// single makes a token that begins no session.
func single(tb testing.TB, m *jot.Manager, subject string, opts ...jot.TokenOption) (string, error) {
	tb.Helper()
	raw, err := m.CreateAccessToken(tb.Context(), subject, opts...)
	if err == nil {
		return raw, nil
	}
	if typed, other := m.CreateToken(tb.Context(), subject, opts...); other == nil {
		return typed, nil
	}
	return "", err
}

// carry puts an access token wherever m may look for it.
func carry(tb testing.TB, r *http.Request, m *jot.Manager, pair *jot.Pair) {
	tb.Helper()
	r.Header.Set("Authorization", "Bearer "+pair.AccessToken)
	if err := m.SetCookies(httptest.NewRecorder(), pair); err == nil {
		SetCookies(tb, r, m, pair)
	}
}

// Expired makes a [Request] whose token expired an hour ago, of a session that goes on: [jot.ErrExpired]. It has no
// cookie, which in a browser would have gone with the token. So where m looks in cookies only, and not into the header,
// a guard says [jot.ErrNoToken], as it does to that browser.
func Expired(tb testing.TB, m *jot.Manager, method, target, subject string, opts ...jot.TokenOption) *http.Request {
	tb.Helper()
	over := slices.Concat(opts, []jot.TokenOption{wire.Issued{Ago: 2 * time.Hour}, jot.ExpiresIn(time.Hour)})
	if pair, err := m.CreatePair(tb.Context(), subject, opts...); err == nil {
		if token, err := m.Verify(tb.Context(), pair.AccessToken); err == nil {
			over = append(over, jot.InSession(token))
		}
	}
	raw, err := single(tb, m, subject, over...)
	check(tb, err)
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	carry(tb, r, m, &jot.Pair{AccessToken: raw})
	return r
}

// Revoked makes a [Request] of a login that has ended: [jot.ErrRevoked]. m needs [jot.WithStore] or
// [jot.WithBlocklist].
func Revoked(tb testing.TB, m *jot.Manager, method, target, subject string, opts ...jot.TokenOption) *http.Request {
	tb.Helper()
	pair := Login(tb, m, subject, opts...)
	check(tb, m.RevokeSession(tb.Context(), tokenOf(tb, m, pair.AccessToken)))
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	carry(tb, r, m, pair)
	return r
}

// tokenOf reads a token of m's.
func tokenOf(tb testing.TB, m *jot.Manager, raw string) *jot.Token {
	tb.Helper()
	token, err := m.Verify(tb.Context(), raw, jot.AccessOrRefresh(), jot.InsecureSkipRevocation())
	if refusal, ok := errors.AsType[*jot.Error](err); ok && refusal.Token != nil { // by a callback: never mind
		token, err = refusal.Token, nil
	}
	check(tb, err)
	return token
}

// Login logs subject in by [jot.Manager.CreatePair].
func Login(tb testing.TB, m *jot.Manager, subject string, opts ...jot.TokenOption) *jot.Pair {
	tb.Helper()
	pair, err := m.CreatePair(tb.Context(), subject, opts...)
	check(tb, err)
	return pair
}

// SetCookies makes r what a page of the same origin sends after the login of pair: it carries the cookies of m,
// repeats the CSRF value of the access token in X-CSRF-Token, and says same-origin in Sec-Fetch-Site, unless that or
// Origin is there already, for tests of other sites' pages. Set another header where [jot.CookieConfig] names one for
// the CSRF value. A pair may hold one token only. The cookie of an expired token is gone, as in a browser.
func SetCookies(tb testing.TB, r *http.Request, m *jot.Manager, pair *jot.Pair) {
	tb.Helper()
	w := httptest.NewRecorder()
	check(tb, m.SetCookies(w, pair))
	for _, cookie := range w.Result().Cookies() {
		if cookie.MaxAge >= 0 {
			r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value}) //nolint:gosec // of a request
		}
	}
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	value := pair.CSRFToken
	if value == "" {
		value = tokenOf(tb, m, cmp.Or(pair.AccessToken, pair.RefreshToken)).CSRFToken()
	}
	r.Header.Set("X-CSRF-Token", value)
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("jottest: %v", err)
	}
}
