package jot_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// A reader comes back after the access token is gone. With sliding sessions the refresh token's cookie makes another
// one, of which everything is asked as of any, so that no script and no second login is needed.
func TestSlidingAfterTheTokenIsGone(t *testing.T) {
	silence(t)
	const accessCookie, refreshCookie = "__Host-access_token", "__Host-refresh_token"
	renewed, failed, refused := jot.EventRenewed, jot.EventRenewalFailed, jot.EventRefused

	// The guards.
	type guardOf func(*world) func(http.Handler) http.Handler
	required := func(demands ...jot.RouteOption) guardOf {
		return func(w *world) func(http.Handler) http.Handler { return w.Required(demands...) }
	}
	twice := func(outer, inner guardOf) guardOf {
		return func(w *world) func(http.Handler) http.Handler {
			return func(h http.Handler) http.Handler { return outer(w)(inner(w)(h)) }
		}
	}
	page, everybody := required(), required(jot.Optional())
	blind, elsewhere := required(jot.InsecureSkipRevocation()), required(jot.Refresh(), jot.Locations(jot.InHeader))
	admin, fresh := required(jot.Scopes("admin")), required(jot.Fresh())

	// The requests. A browser drops the cookie of a token that has expired; one whose clock is behind keeps it.
	const itsOwn = "the session's"
	edits := func(changes ...edit) []edit { return changes }
	gone, noRefresh, unreadable := dropCookie(accessCookie), dropCookie(refreshCookie), swapCookie(refreshCookie, "x")
	post := func(r *http.Request) { r.Method = http.MethodPost }
	value := func(text string) edit { return setHeader("X-CSRF-Token", text) }
	crossSite := setHeader("Sec-Fetch-Site", "cross-site")

	// What happened before.
	ended := func(w *world, p *jot.Pair) { require.NoError(t, w.RevokeSessionByID(ctx, "alice", p.SessionID)) }
	exchanged := func(w *world, p *jot.Pair) { w.rotate(t, p.RefreshToken) }
	broke := func(w *world, _ *jot.Pair) { w.store.(*broken).at = "check" }

	// How it ends: the answer, whom the handler meets, how many cookies are set, or cleared if it meets nobody, and
	// what the operator hears.
	type ending struct {
		status  int
		user    string
		cookies int
		events  []jot.EventKind
	}
	goesOn := ending{200, "alice", 2, []jot.EventKind{renewed}}
	nobody := ending{200, "", 4, []jot.EventKind{failed}}
	told := func(status int, events ...jot.EventKind) ending {
		return ending{status, "", 0, append(events, refused)}
	}
	down := told(503, jot.EventStoreUnavailable, failed)
	outerCleared := ending{401, "", 4, []jot.EventKind{failed, refused}}

	for _, tc := range []struct {
		name    string
		guard   guardOf
		changes []edit
		before  func(*world, *jot.Pair)
		ends    ending
	}{
		{"a page", page, edits(gone), nil, goesOn},
		{"a page, with the old cookie", page, nil, nil, goesOn},
		{"two guards", twice(page, page), edits(gone), nil, goesOn},
		{"two guards, with the old cookie", twice(page, page), nil, nil, goesOn},
		{"a page for everybody", everybody, edits(gone), nil, goesOn},
		{"a form", page, edits(gone, post, value(itsOwn)), nil, goesOn},

		{"a form without the value", page, edits(gone, post), nil, told(403, renewed)},
		{"a form with another value", page, edits(gone, post, value("x")), nil, told(403, renewed)},
		{"a form of another site", page, edits(gone, post, value(itsOwn), crossSite), nil, told(401)},
		{"a scope that it lacks", admin, edits(gone), nil, told(403, renewed)},
		{"a fresh login", fresh, edits(gone), nil, told(401, renewed)},

		{"no refresh cookie", page, edits(gone, noRefresh), nil, told(401)},
		{"an unreadable one", page, edits(gone, unreadable), nil, told(401, failed)},
		{"a route that does not ask the store", blind, edits(gone), nil, told(401)},
		{"a route for refresh tokens in a header", elsewhere, edits(gone), nil, told(401)},

		{"a session that has ended", page, edits(gone), ended, told(401, failed)},
		{"a session that has ended, with the old cookie", page, nil, ended, told(401, failed)},
		{"a session that has ended, for everybody", everybody, edits(gone), ended, nobody},
		{"a session that has ended, two guards", twice(everybody, page), edits(gone), ended, outerCleared},
		{"a token that was exchanged", page, edits(gone), exchanged, told(401, jot.EventReused, failed)},
		{"a store that fails", page, edits(gone), broke, down},
		{"a store that fails, for everybody", everybody, edits(gone), broke, down},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorldOver(t, &broken{Store: memstore.New(memstore.Since(time.Time{}))}, jot.WithSlidingSessions(),
				jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InCookie, jot.InHeader))
			b := newBrowser(t)
			p := w.login(t, jot.Fresh(), jot.Scopes("read"))
			b.receive(w.Manager, p)
			if tc.before != nil {
				tc.before(w, p)
			}
			w.now = w.now.Add(time.Hour)
			w.kinds()
			user := ""
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				user = jot.Identity(r.Context())
				if token, ok := jot.FromContext(r.Context()); ok {
					require.Equal(t, p.CSRFToken, token.CSRFToken(), "the open pages' value still fits")
				}
			})
			r := b.request("GET", "/", tc.changes...)
			if r.Header.Get("X-CSRF-Token") == itsOwn {
				r.Header.Set("X-CSRF-Token", p.CSRFToken)
			}
			got := answerOf(tc.guard(w)(handler), r)
			require.Equal(t, tc.ends.status, got.Code, got.Body.String())
			require.Equal(t, tc.ends.user, user)
			require.Equal(t, tc.ends.events, w.kinds())
			require.Len(t, got.Result().Cookies(), tc.ends.cookies)
			for _, cookie := range got.Result().Cookies() {
				require.Equal(t, tc.ends.user == "", cookie.MaxAge < 0, cookie.Name)
			}
			if tc.ends.user != "" {
				require.Equal(t, "*", got.Header().Get("Vary"))
				_, err := w.Verify(ctx, got.Result().Cookies()[0].Value)
				require.NoError(t, err)
			}
		})
	}
}

// A link in a mail finds its reader logged in: browsers send a Lax cookie along. Whoever names another policy gets it.
func TestSlidingIsLax(t *testing.T) {
	strict := jot.CookieConfig{RefreshSameSite: http.SameSiteStrictMode}
	sliding, unset := jot.WithSlidingSessions(), jot.WithCookies(jot.CookieConfig{})
	for _, tc := range []struct {
		options []jot.Option
		want    http.SameSite
	}{
		{[]jot.Option{unset}, http.SameSiteStrictMode},
		{[]jot.Option{unset, sliding}, http.SameSiteLaxMode},
		{[]jot.Option{sliding, unset}, http.SameSiteLaxMode},
		{[]jot.Option{sliding, jot.WithCookies(strict)}, http.SameSiteStrictMode},
	} {
		w := newWorld(t, tc.options...)
		b := newBrowser(t)
		b.receive(w.Manager, w.login(t))
		require.Equal(t, tc.want, b.cookies["__Host-refresh_token"].SameSite)
		require.Equal(t, http.SameSiteLaxMode, b.cookies["__Host-access_token"].SameSite)
	}
}

// A password that was given again is not forgotten with the next renewal, but freshness is for one token.
func TestSlidingKeepsAStepUp(t *testing.T) {
	w := newWorld(t, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions())
	b := newBrowser(t)
	b.receive(w.Manager, w.login(t, jot.Fresh()))
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	visit := func(demands ...jot.RouteOption) int {
		got := answerOf(w.Required(demands...)(handler), b.request("GET", "/"))
		b.keep(got.ResponseRecorder)
		return got.Code
	}
	recently := jot.MaxAge(30 * time.Minute)
	for range 6 { // an hour of reading
		w.now = w.now.Add(10 * time.Minute)
		require.Equal(t, 200, visit())
	}
	require.Equal(t, 401, visit(recently), "the login was long ago")

	token, err := w.Verify(ctx, b.value("__Host-access_token"))
	require.NoError(t, err)
	steppedUp, err := w.CreateAccessToken(ctx, "alice", jot.InSession(token), jot.Fresh())
	require.NoError(t, err)
	b.receive(w.Manager, &jot.Pair{AccessToken: steppedUp})
	require.Equal(t, 200, visit(recently, jot.Fresh()))
	w.now = w.now.Add(10 * time.Minute)
	require.Equal(t, 200, visit(recently), "which renews it")
	w.now = w.now.Add(10 * time.Minute)
	require.Equal(t, 200, visit(recently))
	require.Equal(t, 401, visit(jot.Fresh()))
	w.now = w.now.Add(11 * time.Minute)
	require.Equal(t, 401, visit(recently))
}
