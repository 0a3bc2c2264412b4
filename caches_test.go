package jot_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// Shared caches know of one place where a token travels, the Authorization header (RFC 9111 section 3.5). An answer to
// a token from anywhere else says by itself that it is somebody's own.
func TestCachesByLocation(t *testing.T) {
	const own, nothing = "private, no-store", ""
	type carry func(raw string) edit
	header := func(name, scheme string) carry {
		return func(raw string) edit { return setHeader(name, scheme+raw) }
	}
	query := func(raw string) edit { return func(r *http.Request) { r.URL.RawQuery = "access_token=" + raw } }
	cookie := func(raw string) edit { return addCookie("__Host-access_token", raw) }
	form := func(raw string) edit { return setBody(urlencoded, "access_token="+raw+"&a=b") }
	object := func(raw string) edit { return setBody("application/json", `{"access_token":"`+raw+`"}`) }
	bearer, jwt := header("Authorization", "Bearer "), header("Authorization", "JWT ")
	inBody, inQuery := jot.WithLocations(jot.InBody), jot.WithLocations(jot.InQuery)
	for _, tc := range []struct {
		name   string
		option jot.Option
		method string
		carry  carry
		want   string
	}{
		{"Authorization", jot.WithRealm("x"), "GET", bearer, nothing},
		{"Authorization by another scheme", jot.WithHeader("authorization", "JWT"), "GET", jwt, nothing},
		{"another header", jot.WithHeader("X-Token", ""), "GET", header("X-Token", ""), own},
		{"another header with a scheme", jot.WithHeader("X-Auth", "Bearer"), "GET", header("X-Auth", "Bearer "), own},
		{"JSON", inBody, "POST", object, own},
		{"a form", inBody, "POST", form, own},
		{"the query", inQuery, "GET", query, own},
		{"a cookie", jot.WithLocations(jot.InCookie), "GET", cookie, own},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newManager(t, tc.option, jot.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, _ error) {
				w.WriteHeader(http.StatusUnauthorized) // what the guard has set stays
			}))
			request := func(raw string) *http.Request {
				r := httptest.NewRequest(tc.method, "/", nil)
				tc.carry(raw)(r)
				return r
			}
			got := send(m.Required(), request(access(t, m)))
			require.True(t, got.called)
			require.Equal(t, tc.want, got.Header().Get("Cache-Control"))

			if tc.want == own { // a refusal is about somebody as well
				got = send(m.Required(), request("x"))
				require.False(t, got.called)
				require.Contains(t, got.Header().Get("Cache-Control"), "no-store")
			}

			answer := httptest.NewRecorder()
			m.Required()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", "public, max-age=60")
			})).ServeHTTP(answer, request(access(t, m)))
			require.Equal(t, "public, max-age=60", answer.Header().Get("Cache-Control"), "the handler knows better")
		})
	}
}

// Whatever sets or clears our cookies keeps the answer out of every cache: a Set-Cookie that is stored logs the next
// visitor in, or out.
func TestCookiesAreNotCached(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}))
	p := pair(t, m)
	single := &jot.Pair{AccessToken: p.AccessToken}
	for name, act := range map[string]func(http.ResponseWriter) error{
		"SetCookies":             func(w http.ResponseWriter) error { return m.SetCookies(w, p) },
		"SetCookies of a single": func(w http.ResponseWriter) error { return m.SetCookies(w, single) },
		"UnsetCookies":           func(w http.ResponseWriter) error { m.UnsetCookies(w); return nil },
	} {
		for _, before := range []string{"", "public, max-age=60", "private, no-store"} {
			w := httptest.NewRecorder()
			if before != "" {
				w.Header().Set("Cache-Control", before)
			}
			require.NoError(t, act(w))
			require.Contains(t, w.Header().Get("Cache-Control"), "no-store", "%s, after %q", name, before)
			require.NotContains(t, w.Header().Get("Cache-Control"), "public", "%s, after %q", name, before)
			require.Len(t, w.Header()["Cache-Control"], 1)
		}
	}

	// Where no cookie is set, nothing is said of caches.
	w := httptest.NewRecorder()
	w.Header().Set("Cache-Control", "public")
	require.Error(t, m.SetCookies(w, &jot.Pair{AccessToken: "x"}))
	newManager(t).UnsetCookies(w)
	require.Equal(t, "public", w.Header().Get("Cache-Control"))
}

// A renewed cookie is in the answer before the handler runs, which may know of no cookie and call its page public. Vary
// with an asterisk is what no cache overlooks (RFC 9111 section 4.1).
func TestRenewedCookiesAreNotCached(t *testing.T) {
	m := newWorld(t, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions())
	b := newBrowser(t)
	b.receive(m.Manager, pair(t, m.Manager))
	public := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "public, max-age=3600") }
	silent := func(http.ResponseWriter, *http.Request) {}
	compressed := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		public(w, r)
	}
	guard := m.Required()
	nested := func(h http.Handler) http.Handler { return guard(guard(h)) }
	const late, early = 11 * time.Minute, time.Minute
	for _, tc := range []struct {
		name    string
		guard   func(http.Handler) http.Handler
		handler http.HandlerFunc
		after   time.Duration
	}{
		{"a public page", guard, public, late},
		{"a public page behind two guards", nested, public, late},
		{"a compressed one", guard, compressed, late},
		{"a page that says nothing", guard, silent, late},
		{"a public page, nothing renewed", guard, public, early},
	} {
		m.now = now.Add(tc.after)
		got := answerOf(tc.guard(tc.handler), b.request("GET", "/"))
		require.Equal(t, http.StatusOK, got.Code, got.Body.String())
		h := got.Header()
		require.Equal(t, tc.after == late, len(h["Set-Cookie"]) > 0, tc.name)
		require.Equal(t, tc.after == late, slices.Contains(h["Vary"], "*"), tc.name)
	}
}
