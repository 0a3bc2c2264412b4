package jot_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// visit puts a request of a browser through two guards, one in the other, and has it answered.
func (b *browser) visit(guard func(http.Handler) http.Handler, page http.HandlerFunc, changes ...edit) *answer {
	b.t.Helper()
	got := answerOf(guard(guard(page)), b.request("GET", "/", changes...))
	require.Equal(b.t, 200, got.Code, got.Body.String())
	return got
}

func TestSlidingSessions(t *testing.T) {
	silence(t)
	roles, fail := "admin", error(nil)
	rolesOf := func(context.Context, *jot.Token) (map[string]any, error) { return map[string]any{"roles": roles}, fail }
	w := newWorldOver(t, memstore.New(memstore.Since(time.Time{})),
		jot.WithSlidingSessions(), jot.WithAdditionalClaims(rolesOf),
		jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InCookie, jot.InHeader))
	began := w.now
	b := newBrowser(t)
	p := w.login(t, jot.Fresh(), jot.Scopes("a"), jot.Claim("plan", "pro"))
	b.receive(w.Manager, p)
	other := w.login(t)
	w.kinds()
	guard := w.Required()
	silent := func(http.ResponseWriter, *http.Request) {} // a page that says nothing
	failed := []jot.EventKind{jot.EventRenewalFailed}

	w.now = began.Add(10*time.Minute - time.Second)
	require.Empty(t, lines(b.visit(guard, silent)), "two thirds of its life")
	w.now = began.Add(10 * time.Minute)
	roles = "user"
	got := b.visit(guard, silent)
	require.Equal(t, []string{
		"__Host-access_token=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
		"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=Lax",
	}, lines(got), "once, though two guards")
	require.Equal(t, []jot.EventKind{jot.EventRenewed}, w.kinds())
	claims := claimsOf(t, got.Result().Cookies()[0].Value)
	take(t, claims, "jti")
	require.Equal(t, map[string]any{
		"type": "access", "sub": "alice", "sid": p.SessionID, "scope": "a", "plan": "pro", "roles": "user",
		"csrf": p.CSRFToken, "iat": number(1893456600), "exp": number(1893457500),
		"auth_time": number(1893456000), "fresh": false,
	}, claims)

	// Where nothing is renewed, and whether the operator learns of it.
	const accessCookie, refreshCookie = "__Host-access_token", "__Host-refresh_token"
	keepOnly := func(name string) edit { return keepCookies(func(other string) bool { return other == name }) }
	byHeader := func(r *http.Request) {
		keepOnly(refreshCookie)(r)
		r.Header.Set("Authorization", "Bearer "+p.AccessToken)
	}
	lone := access(t, newManagerAt(t, w.now.Add(-14*time.Minute))) // of no session
	undated := forge(t, ourHeader,
		`{"sub":"alice","jti":"1","type":"access","exp":1893456700,"sid":"`+p.SessionID+`"}`)
	unchanged := func(*http.Request) {}
	for _, tc := range []struct {
		name   string
		guard  func(http.Handler) http.Handler
		change edit
		want   []jot.EventKind
	}{
		{"a route that does not ask the store", w.Required(jot.InsecureSkipRevocation()), unchanged, nil},
		{"a refresh token", w.Required(jot.Refresh()), unchanged, nil},
		{"a link from another site", guard, keepOnly(accessCookie), nil},
		{"a header", guard, byHeader, nil},
		{"a token of no session", guard, swapCookie(accessCookie, lone), nil},
		{"a token without iat", guard, swapCookie(accessCookie, undated), nil},
		{"the refresh token of another", guard, swapCookie(refreshCookie, other.RefreshToken), failed},
		{"a bad refresh token", guard, swapCookie(refreshCookie, "x"), failed},
		{"an access token as refresh token", guard, swapCookie(refreshCookie, p.AccessToken), failed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.kinds()
			require.Empty(t, lines(b.visit(tc.guard, silent, tc.change)))
			require.Equal(t, tc.want, w.kinds())
		})
	}

	// What fails is an event, and the request goes on.
	fail = errDown
	w.kinds()
	require.Empty(t, lines(b.visit(guard, silent)))
	require.Equal(t, failed, w.kinds())
	fail = nil
	roles = strings.Repeat("x", 5000)
	require.Empty(t, lines(b.visit(guard, silent)), "too large for a cookie")
	require.Equal(t, failed, w.kinds())
	roles = "user"

	// Whoever sets, clears or revokes has the last word.
	spare := access(t, w.Manager)
	ownCookie := func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "mine", Value: "x"})
	}
	setCookies := func(rw http.ResponseWriter, r *http.Request) {
		p, err := w.CreatePair(r.Context(), "alice")
		require.NoError(t, err)
		require.NoError(t, w.SetCookies(rw, p))
	}
	unsetCookies := func(rw http.ResponseWriter, _ *http.Request) { w.UnsetCookies(rw) }
	revokeBob := func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, w.RevokeSubject(r.Context(), "bob"))
	}
	revokeSpare := func(_ http.ResponseWriter, r *http.Request) {
		lone, err := w.Verify(r.Context(), spare)
		require.NoError(t, err)
		require.NoError(t, w.Revoke(r.Context(), lone))
	}
	revokeOther := func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, w.RevokeSessionByID(r.Context(), "alice", other.SessionID))
	}
	for _, tc := range []struct {
		name    string
		page    http.HandlerFunc
		cookies int
	}{
		{"its own cookies", ownCookie, 3},
		{"SetCookies", setCookies, 4},
		{"UnsetCookies", unsetCookies, 4},
		{"RevokeSubject", revokeBob, 0},
		{"Revoke", revokeSpare, 0},
		{"RevokeSessionByID", revokeOther, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := b.visit(guard, tc.page)
			require.Len(t, lines(got), tc.cookies)
			names := map[string]bool{}
			for _, cookie := range got.Result().Cookies() {
				require.False(t, names[cookie.Name], "one cookie of a name")
				names[cookie.Name] = true
			}
		})
	}
	revokeSession := func(rw http.ResponseWriter, r *http.Request) {
		ownCookie(rw, r)
		token, _ := jot.FromContext(r.Context())
		require.NoError(t, w.RevokeSession(r.Context(), token))
	}
	require.Equal(t, []string{"mine=x;"}, lines(b.visit(guard, revokeSession)))

	w.now = began
	b.receive(w.Manager, w.login(t))
	w.now = began.Add(11 * time.Minute)
	revokeAll := func(_ http.ResponseWriter, r *http.Request) { require.NoError(t, w.RevokeAll(r.Context())) }
	require.Len(t, lines(b.visit(guard, silent)), 2)
	require.Empty(t, lines(b.visit(guard, revokeAll)))
}

// There is nothing to renew by without a store and cookies, or where the refresh cookie does not come along.
func TestSlidingMistakes(t *testing.T) {
	sliding, store := jot.WithSlidingSessions(), jot.WithStore(memstore.New())
	cookies := jot.WithCookies(jot.CookieConfig{})
	narrow := jot.WithCookies(jot.CookieConfig{RefreshPath: "/auth"})
	for _, tc := range []struct {
		options []jot.Option
		wrong   string
	}{
		{[]jot.Option{sliding, cookies}, "WithSlidingSessions needs WithStore"},
		{[]jot.Option{sliding, store}, "WithSlidingSessions needs WithCookies"},
		{[]jot.Option{sliding, store, narrow}, "without a RefreshPath"},
	} {
		_, err := jot.New(jot.HS256(secret), tc.options...)
		require.ErrorContains(t, err, tc.wrong)
	}
}

// The refresh token beside an access token is asked everything: a thief who holds a pair that was exchanged since gets
// nothing new, and is found out.
func TestSlidingByADeadToken(t *testing.T) {
	silence(t)
	cookies, sliding := jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions()
	listed := map[string]bool{}
	isListed := func(_ context.Context, t *jot.Token) (bool, error) { return listed[t.ID], nil }

	type killer func(t *testing.T, w *world, refresh string)
	rotate := func(t *testing.T, w *world, refresh string) { w.rotate(t, refresh) }
	revoke := func(t *testing.T, w *world, refresh string) {
		require.NoError(t, w.Revoke(ctx, w.refreshable(t, refresh)))
	}
	list := func(t *testing.T, _ *world, refresh string) { listed[claimsOf(t, refresh)["jti"].(string)] = true }
	silent := func(http.ResponseWriter, *http.Request) {} // a page that says nothing
	for _, tc := range []struct {
		name string
		kill killer
		want []jot.EventKind
	}{
		{"rotated", rotate, []jot.EventKind{jot.EventReused, jot.EventRenewalFailed}},
		{"revoked", revoke, []jot.EventKind{jot.EventRenewalFailed}},
		{"in the callback's list", list, []jot.EventKind{jot.EventRenewalFailed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, cookies, sliding, jot.WithTokenInBlocklist(isListed))
			b := newBrowser(t)
			p := w.login(t)
			b.receive(w.Manager, p)
			tc.kill(t, w, p.RefreshToken)
			w.kinds()
			w.now = w.now.Add(11 * time.Minute)
			got := answerOf(w.Required()(http.HandlerFunc(silent)), b.request("GET", "/"))
			require.Equal(t, 200, got.Code, "the access token is good until it ends")
			require.Empty(t, lines(got))
			require.Equal(t, tc.want, w.kinds())
			if tc.name == "rotated" {
				w.refused(t, &jot.Pair{AccessToken: p.AccessToken}, jot.ErrRevoked)
			}
		})
	}

	// A second tab that refreshed a moment ago is no thief.
	w := newWorld(t, cookies, sliding, jot.WithAudience("app"))
	b := newBrowser(t)
	p := w.login(t)
	b.receive(w.Manager, p)
	w.now = w.now.Add(11 * time.Minute)
	w.rotate(t, p.RefreshToken)
	got := answerOf(w.Required()(http.HandlerFunc(silent)), b.request("GET", "/"))
	require.Len(t, lines(got), 2)
}

// A thief who is found out while sliding gets this answer, without new cookies, and no other.
func TestSlidingFindsAThief(t *testing.T) {
	silence(t)
	store := &hangsUp{Store: memstore.New()}
	cookies, sliding := jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions()
	w := newWorldOver(t, store, cookies, sliding, jot.WithRotationGrace(0))
	thief := newBrowser(t)
	p := w.login(t)
	thief.receive(w.Manager, p)
	next := w.rotate(t, p.RefreshToken)
	w.now = w.now.Add(11 * time.Minute)
	w.kinds()
	got := send(w.Required(), thief.request("GET", "/").WithContext(store.hangingUp()))
	require.True(t, got.called, "the access token is good until it ends")
	require.Empty(t, lines(got))
	require.Equal(t, []jot.EventKind{jot.EventReused, jot.EventRenewalFailed}, w.kinds())
	w.refused(t, next, jot.ErrRevoked)

	got = send(w.Required(), thief.request("GET", "/"))
	require.Equal(t, "token_revoked", got.code(t))
	require.Empty(t, lines(got))
}

// Once the handler has returned, its header belongs to the server, which may be writing it: what revokes in the
// background, with the context of the request, lets it be. Until then there is something to withdraw.
func TestRevokingInTheBackground(t *testing.T) {
	silence(t)
	cookies := jot.WithCookies(jot.CookieConfig{})
	const withdrawn, sent = 0, 2
	for _, tc := range []struct {
		name    string
		guards  int  // one in the other
		panics  bool // the handler does
		between bool // it is revoked within the outermost guard, when the inner ones have returned
		cookies int
	}{
		{"behind a guard", 1, false, false, sent},
		{"behind three guards", 3, false, false, sent},
		{"between two guards", 1, false, true, withdrawn},
		{"between three guards", 2, false, true, withdrawn},
		{"behind a guard, after a panic", 1, true, false, sent},
		{"behind three guards, after a panic", 3, true, false, sent},
		{"between two guards, after a panic", 1, true, true, withdrawn},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, cookies, jot.WithSlidingSessions())
			b := newBrowser(t)
			p := w.login(t)
			b.receive(w.Manager, p)
			w.now = w.now.Add(11 * time.Minute)
			var served *http.Request
			revoke := func() {
				token, ok := jot.FromContext(served.Context())
				require.True(t, ok)
				require.NoError(t, w.RevokeSession(context.WithoutCancel(served.Context()), token))
			}
			var handler http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				served = r
				if tc.panics {
					panic(http.ErrAbortHandler)
				}
			})
			for range tc.guards {
				handler = w.Required()(handler)
			}
			handler = recovering(handler)
			if tc.between {
				inner := handler
				handler = w.Required()(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					inner.ServeHTTP(rw, r)
					revoke()
				}))
			}
			got := answerOf(handler, b.request("GET", "/"))
			if !tc.between {
				require.Len(t, lines(got), sent)
				revoke()
			}
			require.Len(t, lines(got), tc.cookies)
			w.refused(t, p, jot.ErrRevoked)
		})
	}
}

// The cookie is the outermost guard's until its handler has returned, whatever stands within.
func TestRevokingBehindOtherGuards(t *testing.T) {
	silence(t)
	services, err := jot.New(jot.HS256(secret), at(now), jot.WithHeader("X-Service", ""))
	require.NoError(t, err)
	type guard = func(http.Handler) http.Handler
	for name, inner := range map[string]func(w *world) []guard{
		"another manager's between": func(w *world) []guard { return []guard{services.Required(), w.Required()} },
		"for everybody": func(w *world) []guard {
			return []guard{services.Required(), w.Required(jot.Optional(), jot.Locations(jot.InHeader))}
		},
		"exempt": func(w *world) []guard { return []guard{w.Required(jot.Except("GET /{$}"))} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions())
			b := newBrowser(t)
			b.receive(w.Manager, w.login(t))
			w.now = w.now.Add(11 * time.Minute)
			var h http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
			for _, guard := range slices.Backward(inner(w)) {
				h = guard(h)
			}
			revoking := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(rw, r)
				token, _ := w.FromContext(r.Context())
				require.NoError(t, w.RevokeSession(r.Context(), token))
			})
			got := answerOf(w.Required()(revoking), b.request("GET", "/", setHeader("X-Service", access(t, services))))
			require.Equal(t, 200, got.Code, got.Body.String())
			require.Empty(t, lines(got))
		})
	}
}
