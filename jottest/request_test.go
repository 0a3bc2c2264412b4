package jottest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/jottest"
	"github.com/go-jot/jot/memstore"
)

// Each request meets the guard as its name says, whatever the manager is like.
func TestRequests(t *testing.T) {
	key := jot.HS256(jot.GenerateSecret())
	nobody := jot.WithUserLookup(func(context.Context, *jot.Token) (string, error) { return "", jot.ErrUserNotFound })
	cookies := jot.WithCookies(jot.CookieConfig{Former: []jot.FormerCookie{{Name: "old"}}})
	both := jot.WithLocations(jot.InCookie, jot.InHeader)
	for name, opts := range map[string][]jot.Option{
		"store":         {jot.WithStore(memstore.New())},
		"cookies":       {jot.WithStore(memstore.New()), cookies, both},
		"cookies alone": {jot.WithStore(memstore.New()), cookies},
		"no user":       {jot.WithStore(memstore.New()), cookies, both, nobody},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := jot.New(key, opts...)
			require.NoError(t, err)
			good := http.StatusNoContent
			if name == "no user" {
				good = http.StatusUnauthorized
			}
			code := func(r *http.Request) int {
				w := httptest.NewRecorder()
				m.Required(jot.Scopes("a"))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusNoContent)
				})).ServeHTTP(w, r)
				return w.Code
			}
			require.Equal(t, good, code(jottest.Request(t, m, "GET", "/", "alice", jot.Scopes("a"))))

			var refusal *jot.Error
			expired := jottest.Expired(t, m, "GET", "/", "alice", jot.Scopes("a"))
			_, err = m.Verify(t.Context(), expired.Header.Get("Authorization")[len("Bearer "):])
			require.ErrorIs(t, err, jot.ErrExpired)
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, "alice", refusal.Token.Subject)
			if name == "cookies alone" {
				w := httptest.NewRecorder()
				m.Required()(http.NotFoundHandler()).ServeHTTP(w, expired)
				require.Contains(t, w.Body.String(), "token_missing", "as of a browser, whose cookie has gone")
			}
			revoked := jottest.Revoked(t, m, "GET", "/", "alice", jot.Scopes("a"))
			_, err = m.Verify(t.Context(), revoked.Header.Get("Authorization")[len("Bearer "):])
			require.ErrorIs(t, err, jot.ErrRevoked)
			require.Equal(t, http.StatusUnauthorized, code(expired))
			require.Equal(t, http.StatusUnauthorized, code(revoked))

			if name == "store" {
				return
			}
			pair := jottest.Login(t, m, "alice", jot.Scopes("a"))
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			jottest.SetCookies(t, r, m, pair)
			require.Equal(t, good, code(r))
			require.Len(t, r.Cookies(), 4, "no former one")
			r.Header.Del("X-CSRF-Token")
			require.Equal(t, http.StatusForbidden, code(r))

			// One token will do, with the CSRF value that stands in it.
			raw, err := m.CreateAccessToken(t.Context(), "alice", jot.Scopes("a"))
			require.NoError(t, err)
			r = httptest.NewRequest(http.MethodPost, "/", nil)
			jottest.SetCookies(t, r, m, &jot.Pair{AccessToken: raw})
			require.Equal(t, good, code(r))
			require.Equal(t, good, code(jottest.Request(t, m, "POST", "/", "alice", jot.Scopes("a"))))
			r = jottest.Revoked(t, m, "GET", "/", "alice", jot.Scopes("a"))
			r.Header.Del("Authorization")
			require.Equal(t, http.StatusUnauthorized, code(r))
			require.NotEmpty(t, r.Cookies())
		})
	}

	// Another site's page.
	m, err := jot.New(key, cookies)
	require.NoError(t, err)
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r := httptest.NewRequest(http.MethodPost, "https://app.example/", nil)
		r.Header.Set(header, value)
		jottest.SetCookies(t, r, m, jottest.Login(t, m, "alice"))
		w := httptest.NewRecorder()
		m.Required()(http.NotFoundHandler()).ServeHTTP(w, r)
		require.Equal(t, http.StatusForbidden, w.Code, header)
	}

	// Of a type of its own.
	m, err = jot.New(key)
	require.NoError(t, err)
	r := jottest.Request(t, m, "POST", "/", "alice", jot.Type("reset"))
	_, err = m.Verify(t.Context(), r.Header.Get("Authorization")[len("Bearer "):], jot.Type("reset"))
	require.NoError(t, err)
}

// What a test logs in can be logged out, listed, and refreshed.
func TestRequestsAreLogins(t *testing.T) {
	cookies := jot.WithCookies(jot.CookieConfig{})
	for name, opts := range map[string][]jot.Option{
		"header": nil, "cookies": {cookies}, "both": {cookies, jot.WithLocations(jot.InCookie, jot.InHeader)},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := jot.New(jot.HS256(jot.GenerateSecret()), append(opts, jot.WithStore(memstore.New()))...)
			require.NoError(t, err)
			serve := func(h http.Handler, r *http.Request) int {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Code
			}
			sessions := func() int {
				list, err := m.Sessions(t.Context(), "alice")
				require.NoError(t, err)
				return len(list)
			}
			page := m.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token, _ := jot.FromContext(r.Context())
				require.NotEmpty(t, token.SessionID)
				_, err := m.CreateToken(r.Context(), token.Subject, jot.Type("ws"), jot.InSession(token))
				require.NoError(t, err)
				w.WriteHeader(http.StatusNoContent)
			}))
			r := jottest.Request(t, m, "POST", "/", "alice", jot.Fresh(), jot.Label("phone"))
			require.Equal(t, 1, sessions())
			require.Equal(t, http.StatusNoContent, serve(page, r))
			require.Equal(t, http.StatusNoContent, serve(m.LogoutHandler(), r))
			require.Zero(t, sessions())
			require.Equal(t, http.StatusUnauthorized, serve(page, r))

			// The login of an expired token goes on, until somebody logs out by it.
			expired := jottest.Expired(t, m, "POST", "/", "alice")
			require.Equal(t, 1, sessions())
			require.Equal(t, http.StatusUnauthorized, serve(page, expired))
			if name == "header" {
				require.Equal(t, http.StatusNoContent, serve(m.LogoutHandler(), expired))
				require.Zero(t, sessions())
			}

			// In the session of another token.
			login := jottest.Login(t, m, "alice")
			token, err := m.Verify(t.Context(), login.AccessToken)
			require.NoError(t, err)
			before := sessions()
			joined := jottest.Request(t, m, "POST", "/", "alice", jot.InSession(token))
			require.Equal(t, http.StatusNoContent, serve(page, joined))
			require.Equal(t, before, sessions())

			if name == "cookies" {
				require.Equal(t, http.StatusOK, serve(m.RefreshHandler(), jottest.Request(t, m, "POST", "/", "alice")))
			}
		})
	}
}
