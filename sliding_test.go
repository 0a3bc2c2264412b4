package jot_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

func TestSlidingSessions(t *testing.T) {
	silence(t)
	roles, fail := "admin", error(nil)
	w := newWorldOver(t, memstore.New(memstore.Since(time.Time{})), jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InCookie, jot.InHeader), jot.WithSlidingSessions(),
		jot.WithAdditionalClaims(func(context.Context, *jot.Token) (map[string]any, error) { return map[string]any{"roles": roles}, fail }))
	began := w.now
	b := newBrowser(t)
	p := w.login(t, jot.Fresh(), jot.Scopes("a"), jot.Claim("plan", "pro"))
	first := httptest.NewRecorder()
	require.NoError(t, w.SetCookies(first, p))
	b.keep(first)
	other := w.login(t)
	w.kinds()

	ask := func(handler http.HandlerFunc, demands []jot.RouteOption, change ...func(*http.Request)) *httptest.ResponseRecorder {
		got := httptest.NewRecorder()
		r := b.request("GET", "/")
		for _, f := range change {
			f(r)
		}
		guard := w.Required(demands...)
		guard(guard(handler)).ServeHTTP(got, r)
		require.Equal(t, 200, got.Code, got.Body.String())
		return got
	}
	nothing := func(http.ResponseWriter, *http.Request) {}

	w.now = began.Add(10*time.Minute - time.Second)
	require.Empty(t, lines(ask(nothing, nil)), "two thirds of its life")
	w.now = began.Add(10 * time.Minute)
	roles = "user"
	got := ask(nothing, nil)
	require.Equal(t, []string{
		"__Host-access_token=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
		"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=Lax",
	}, lines(got), "once, though two guards")
	require.Equal(t, []jot.EventKind{jot.EventRenewed}, w.kinds())
	claims := claimsOf(t, got.Result().Cookies()[0].Value)
	take(t, claims, "jti")
	require.Equal(t, map[string]any{
		"type": "access", "sub": "alice", "sid": p.SessionID, "scope": "a", "plan": "pro", "roles": "user", "csrf": p.CSRFToken,
		"iat": number(1893456600), "exp": number(1893457500), "auth_time": number(1893456000), "fresh": false,
	}, claims)

	for name, tc := range map[string]struct {
		demands []jot.RouteOption
		change  func(*http.Request)
		event   bool
	}{
		"a route that does not ask the store": {demands: demands(jot.InsecureSkipRevocation())},
		"a refresh token":                     {demands: demands(jot.Refresh())},
		"a link from another site":            {change: func(r *http.Request) { keepOnly(r, "__Host-access_token") }},
		"a header": {change: func(r *http.Request) {
			keepOnly(r, "__Host-refresh_token")
			r.Header.Set("Authorization", "Bearer "+p.AccessToken)
		}},
		"a token of no session": {change: func(r *http.Request) { swap(r, "__Host-access_token", aged(4*time.Minute)(t, w.Manager)) }},
		"a token without iat": {change: func(r *http.Request) {
			swap(r, "__Host-access_token", forge(t, ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":1893456700,"sid":"`+p.SessionID+`"}`))
		}},
		"the refresh token of another":     {change: func(r *http.Request) { swap(r, "__Host-refresh_token", other.RefreshToken) }, event: true},
		"a bad refresh token":              {change: func(r *http.Request) { swap(r, "__Host-refresh_token", "x") }, event: true},
		"an access token as refresh token": {change: func(r *http.Request) { swap(r, "__Host-refresh_token", p.AccessToken) }, event: true},
	} {
		t.Run(name, func(t *testing.T) {
			w.kinds()
			if tc.change == nil {
				tc.change = func(*http.Request) {}
			}
			require.Empty(t, lines(ask(nothing, tc.demands, tc.change)))
			if tc.event {
				require.Equal(t, []jot.EventKind{jot.EventRenewalFailed}, w.kinds())
			} else {
				require.Empty(t, w.kinds())
			}
		})
	}

	// What fails is an event, and the request goes on.
	fail = errDown
	w.kinds()
	require.Empty(t, lines(ask(nothing, nil)))
	require.Equal(t, []jot.EventKind{jot.EventRenewalFailed}, w.kinds())
	fail = nil
	roles = strings.Repeat("x", 5000)
	require.Empty(t, lines(ask(nothing, nil)), "too large for a cookie")
	require.Equal(t, []jot.EventKind{jot.EventRenewalFailed}, w.kinds())
	roles = "user"

	// Whoever sets, clears or revokes has the last word.
	spare := access(t, w.Manager)
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    int
	}{
		"its own cookies": {func(rw http.ResponseWriter, _ *http.Request) {
			http.SetCookie(rw, &http.Cookie{Name: "mine", Value: "x"})
		}, 3},
		"SetCookies": {func(rw http.ResponseWriter, r *http.Request) {
			p, err := w.CreatePair(r.Context(), "alice")
			require.NoError(t, err)
			require.NoError(t, w.SetCookies(rw, p))
		}, 4},
		"UnsetCookies":  {func(rw http.ResponseWriter, _ *http.Request) { w.UnsetCookies(rw) }, 4},
		"RevokeSubject": {func(_ http.ResponseWriter, r *http.Request) { require.NoError(t, w.RevokeSubject(r.Context(), "bob")) }, 0},
		"Revoke": {func(_ http.ResponseWriter, r *http.Request) {
			lone, err := w.Verify(r.Context(), spare)
			require.NoError(t, err)
			require.NoError(t, w.Revoke(r.Context(), lone))
		}, 0},
		"RevokeSessionByID": {func(_ http.ResponseWriter, r *http.Request) {
			require.NoError(t, w.RevokeSessionByID(r.Context(), "alice", other.SessionID))
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(tc.handler, nil)
			require.Len(t, lines(got), tc.want)
			names := map[string]bool{}
			for _, cookie := range got.Result().Cookies() {
				require.False(t, names[cookie.Name], "one cookie of a name")
				names[cookie.Name] = true
			}
		})
	}
	got = ask(func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "mine", Value: "x"})
		token, _ := jot.FromContext(r.Context())
		require.NoError(t, w.RevokeSession(r.Context(), token))
	}, nil)
	require.Equal(t, []string{"mine=x;"}, lines(got))

	again := httptest.NewRecorder()
	w.now = began
	require.NoError(t, w.SetCookies(again, w.login(t)))
	b.keep(again)
	w.now = began.Add(11 * time.Minute)
	require.Len(t, lines(ask(nothing, nil)), 2)
	require.Empty(t, lines(ask(func(_ http.ResponseWriter, r *http.Request) { require.NoError(t, w.RevokeAll(r.Context())) }, nil)))

	for text, opts := range map[string][]jot.Option{
		"WithSlidingSessions needs WithStore":   options(jot.WithSlidingSessions(), jot.WithCookies(jot.CookieConfig{})),
		"WithSlidingSessions needs WithCookies": options(jot.WithSlidingSessions(), jot.WithStore(memstore.New())),
		"without a RefreshPath":                 options(jot.WithSlidingSessions(), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{RefreshPath: "/auth"})),
	} {
		_, err := jot.New(jot.HS256(secret), opts...)
		require.ErrorContains(t, err, text)
	}
}

// The refresh token beside an access token is asked everything: a thief who holds a pair that was exchanged since gets
// nothing new, and is found out.
func TestSlidingByADeadToken(t *testing.T) {
	silence(t)
	for name, tc := range map[string]struct {
		kill func(t *testing.T, w *world, p *jot.Pair)
		want []jot.EventKind
	}{
		"rotated": {
			func(t *testing.T, w *world, p *jot.Pair) { w.rotate(t, p.RefreshToken) },
			[]jot.EventKind{jot.EventReused, jot.EventRenewalFailed},
		},
		"revoked": {
			func(t *testing.T, w *world, p *jot.Pair) {
				require.NoError(t, w.Revoke(ctx, w.refreshable(t, p.RefreshToken)))
			},
			[]jot.EventKind{jot.EventRenewalFailed},
		},
		"in the callback's list": {
			func(t *testing.T, _ *world, p *jot.Pair) { blocked[claimsOf(t, p.RefreshToken)["jti"].(string)] = true },
			[]jot.EventKind{jot.EventRenewalFailed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions(),
				jot.WithTokenInBlocklist(func(_ context.Context, t *jot.Token) (bool, error) { return blocked[t.ID], nil }))
			b := newBrowser(t)
			p := w.login(t)
			answer := httptest.NewRecorder()
			require.NoError(t, w.SetCookies(answer, p))
			b.keep(answer)
			tc.kill(t, w, p)
			w.kinds()
			w.now = w.now.Add(11 * time.Minute)
			got := httptest.NewRecorder()
			w.Required()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(got, b.request("GET", "/"))
			require.Equal(t, 200, got.Code, "the access token is good until it ends")
			require.Empty(t, lines(got))
			require.Equal(t, tc.want, w.kinds())
			if name == "rotated" {
				w.refused(t, &jot.Pair{AccessToken: p.AccessToken}, jot.ErrRevoked)
			}
		})
	}

	// A second tab that refreshed a moment ago is no thief.
	w := newWorld(t, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions(), jot.WithAudience("app"))
	b := newBrowser(t)
	p := w.login(t)
	answer := httptest.NewRecorder()
	require.NoError(t, w.SetCookies(answer, p))
	b.keep(answer)
	w.now = w.now.Add(11 * time.Minute)
	w.rotate(t, p.RefreshToken)
	got := httptest.NewRecorder()
	w.Required()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(got, b.request("GET", "/"))
	require.Len(t, lines(got), 2)
}

// blocked are the ids that a callback refuses.
var blocked = map[string]bool{}

// keepOnly leaves one cookie of a request.
func keepOnly(r *http.Request, name string) {
	cookie, err := r.Cookie(name)
	r.Header.Del("Cookie")
	if err == nil {
		r.AddCookie(cookie)
	}
}

// swap replaces the value of a cookie.
func swap(r *http.Request, name, value string) {
	all := r.Cookies()
	r.Header.Del("Cookie")
	for _, cookie := range all {
		if cookie.Name == name {
			cookie.Value = value
		}
		r.AddCookie(cookie)
	}
}
