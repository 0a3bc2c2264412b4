package jot_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/memstore"
)

// A guard that finds nobody says so to its handler, whoever another guard further out has found. That one's token is
// still to be had by asking its manager, or another guard of it.
func TestAnonymousWithinAnotherGuard(t *testing.T) {
	services := newManager(t, users, jot.WithLocations(jot.InHeader, jot.InQuery))
	people, err := jot.New(jot.HS256(bytes.Repeat([]byte("p."), 32)), at(now), jot.WithHeader("X-User", ""))
	require.NoError(t, err)
	type guard = func(http.Handler) http.Handler
	service, person, perhaps := services.Required(), people.Required(), people.Required(jot.Optional())
	byQuery := services.Required(jot.Optional(), jot.Locations(jot.InQuery))
	const nobody, alice = "", "alice"
	for _, tc := range []struct {
		name         string
		outer, inner guard
		further      []guard // within the inner one
		is           string
		status       int
	}{
		{"another manager's", service, perhaps, nil, nobody, 204},
		{"the same manager's, of another place", service, byQuery, nil, nobody, 204},
		{"another's, twice", service, perhaps, within(perhaps), nobody, 204},
		{"the same manager's, and another's", service, byQuery, within(perhaps), nobody, 204},
		{"another's, and one that wants somebody", service, perhaps, within(person), nobody, 401},
		{"another's, and the first again", service, perhaps, within(service), alice, 204},
		{"the same manager's, and the first again", service, byQuery, within(service), alice, 204},
		{"nobody anywhere", perhaps, perhaps, nil, nobody, 204},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token, ok := jot.FromContext(r.Context())
				require.Equal(t, tc.is == alice, ok)
				require.Equal(t, ok, token != nil)
				require.Equal(t, tc.is, jot.Identity(r.Context()))
				_, ok = jot.CurrentUser[string](r.Context())
				require.Equal(t, tc.is == alice, ok)
				_, err := jot.ClaimsAs[map[string]any](r.Context())
				require.Equal(t, tc.is == nobody, errors.Is(err, jot.ErrNoToken))
				_, ok = people.FromContext(r.Context())
				require.False(t, ok)
				w.WriteHeader(http.StatusNoContent)
			})
			for i := len(tc.further); i > 0; i-- {
				handler = tc.further[i-1](handler)
			}
			got := answerOf(tc.outer(tc.inner(handler)), bearer(access(t, services)))
			require.Equal(t, tc.status, got.Code, got.Body.String())
		})
	}

	// The outer guard's manager answers as before.
	got := send(func(next http.Handler) http.Handler {
		return service(perhaps(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, ok := services.FromContext(r.Context())
			require.True(t, ok)
			require.Equal(t, alice, token.Subject)
			next.ServeHTTP(w, r)
		})))
	}, bearer(access(t, services)))
	require.True(t, got.called)
	require.Nil(t, got.token)
}

// Whatever stands in a context above a renewal, what revokes finds the cookie, and withdraws it.
func TestNewContextHidesNoRenewal(t *testing.T) {
	other := accepted(t, newManager(t), access(t, newManager(t)))
	for _, tc := range []struct{ name, inner, above string }{
		{"nothing", "", ""},
		{"the token", "own", ""},
		{"the token, twice", "own", "own"},
		{"a copy of it", "copy", ""},
		{"another manager's token", "other", ""},
		{"a token made by hand", "by hand", ""},
		{"another manager's, above the token", "own", "other"},
		{"the token, above one made by hand", "by hand", "own"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions())
			b := newBrowser(t)
			b.receive(w.Manager, w.login(t))
			w.now = w.now.Add(11 * time.Minute)
			require.Empty(t, lines(b.visit(w.Required(), func(rw http.ResponseWriter, r *http.Request) {
				require.Len(t, lines(rw), 2)
				own, _ := jot.FromContext(r.Context())
				named := map[string]*jot.Token{
					"own": own, "copy": own.Clone(), "other": other, "by hand": new(jot.Token), // and no token for ""
				}
				ctx := jot.NewContext(jot.NewContext(r.Context(), named[tc.inner]), named[tc.above])
				require.NoError(t, w.RevokeSession(ctx, own))
			})))
		})
	}
}

// A Manager that New has not made is called by handlers at the earliest: it answers as one without a store, and refuses
// what it cannot tell. The same goes for a Guard, and for tokens made by hand.
func TestZeroValues(t *testing.T) {
	silence(t)
	m := new(jot.Manager)
	sound := newManager(t, jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	rw := httptest.NewRecorder()
	byHand := &jot.Token{Subject: "alice", Type: "refresh", ID: "1", SessionID: "1"}
	crossSite := posted("https://app.example/", setHeader("Sec-Fetch-Site", "cross-site"))
	text := func(h http.Handler) error { return errors.New(answerOf(h, crossSite).Body.String()) }
	refreshed := func() error { _, err := m.Refresh(rw, crossSite); return err }
	require.PanicsWithValue(t, "jot: the Guard was not made by a Manager", func() {
		new(jot.Guard).Handler(http.NotFoundHandler())
	})
	admitted := func() error { _, err := new(jot.Guard).Admit(rw, crossSite); return err }
	written := func(err error) error {
		return text(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.WriteError(w, r, err) }))
	}
	created := func(by *jot.Manager, opts ...jot.TokenOption) error {
		_, err := by.CreateAccessToken(ctx, "alice", opts...)
		return err
	}
	const notMade, notOurs = "not made by New", "not a token that this Manager has verified"
	for name, tc := range map[string]struct {
		call func() error
		want string
	}{
		"CreateAccessToken": {func() error { return created(m) }, notMade},
		"InSession":         {func() error { return created(m, jot.InSession(byHand)) }, notMade},
		"Refresh":           {refreshed, "Refresh needs WithStore"},
		"Logout":            {func() error { return m.Logout(rw, crossSite) }, "Logout needs WithStore"},
		"Rotate":            {func() error { _, err := m.Rotate(ctx, byHand); return err }, "Rotate needs WithStore"},
		"Revoke":            {func() error { return m.Revoke(ctx, byHand) }, "Revoke needs WithStore"},
		"SetCookies":        {func() error { return m.SetCookies(rw, new(jot.Pair)) }, "SetCookies needs WithCookies"},
		"WriteError":        {func() error { return written(errDown) }, "Internal Server Error"},
		"WriteError, 401":   {func() error { return written(jot.ErrNoToken) }, "token_missing"},
		"CrossOriginGuard":  {func() error { return text(m.CrossOriginGuard(http.NotFoundHandler())) }, "csrf_failed"},
		"Admit":             {admitted, notMade},

		"Rotate, by hand":        {func() error { _, err := sound.Rotate(ctx, byHand); return err }, notOurs},
		"Revoke, by hand":        {func() error { return sound.Revoke(ctx, byHand) }, notOurs},
		"RevokeSession, by hand": {func() error { return sound.RevokeSession(ctx, byHand) }, notOurs},
		"InSession, by hand":     {func() error { return created(sound, jot.InSession(byHand)) }, notOurs},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, tc.call(), tc.want) })
	}
	require.NoError(t, m.WritePair(rw, &jot.Pair{AccessToken: access(t, sound)}))
	rw = httptest.NewRecorder()
	m.UnsetCookies(rw)
	require.Empty(t, lines(rw))

	// By hand a token is what its fields say. A context carries it, and no manager says that it has verified it.
	require.False(t, byHand.Expired())
	require.False(t, byHand.IsFresh())
	require.Equal(t, byHand, byHand.Clone())
	require.Error(t, byHand.Claim("sub", new(string)))
	_, ok := byHand.Header("alg")
	require.False(t, ok)
	carries := jot.NewContext(ctx, byHand)
	require.Equal(t, "alice", jot.Identity(carries))
	_, ok = sound.FromContext(carries)
	require.False(t, ok)
	_, ok = jot.CurrentUser[string](carries)
	require.False(t, ok)
	_, err := sound.Guard().Admit(rw, crossSite.WithContext(carries))
	require.ErrorIs(t, err, jot.ErrNoToken)

	// A place by hand is no reason to look for cookies where there are none.
	without := newManager(t, jot.WithStore(memstore.New()))
	token := accepted(t, without, pair(t, without).RefreshToken, jot.Refresh())
	token.Location = jot.InCookie
	_, err = without.Rotate(ctx, token)
	require.NoError(t, err)
}

// A handler whose route nobody guards asks who is there, and would greet "", or fail where it is sure of somebody. It
// is told once, whatever it asks.
func TestNobodyWithoutAGuard(t *testing.T) {
	if !alone(t) {
		return
	}
	const told = " in a request that no guard has seen: is its route guarded, " +
		"and was it the guard that called its handler?"
	m := newManager(t, users, jot.WithLocations(jot.InHeader, jot.InQuery), wire.Profile{ExemptOptions: true})
	others := newManager(t, jot.WithHeader("X-Other", ""))
	optional, open := m.Required(jot.Optional()), m.Required(jot.Except("/public/"))
	nowhere := func(next http.Handler) http.Handler { return next }
	instead := func(h http.Handler) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler { return h }
	}
	dropped := func(next http.Handler) http.Handler { // the old request, instead of that of Admit
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := m.Guard().Admit(w, r)
			require.NoError(t, err)
			next.ServeHTTP(w, r)
		})
	}
	both := func(next http.Handler) http.Handler { return m.Required()(others.Required(jot.Optional())(next)) }
	good, none := bearer(access(t, m)), httptest.NewRequest(http.MethodGet, "/", nil)
	public := httptest.NewRequest(http.MethodGet, "/public/x", nil)
	preflight := httptest.NewRequest(http.MethodOptions, "/", nil)
	carries := none.WithContext(jot.NewContext(ctx, accepted(t, m, access(t, m))))
	asks := []struct {
		name, level string
		by          *jot.Manager
		who         func(ctx context.Context) string
	}{
		{"Identity", "WARN", m, jot.Identity},
		{"FromContext", "INFO", m, func(ctx context.Context) string {
			t, ok := jot.FromContext(ctx)
			return who(t, ok)
		}},
		{"Manager.FromContext", "INFO", others, func(ctx context.Context) string {
			t, ok := others.FromContext(ctx)
			return who(t, ok)
		}},
		{"CurrentUser", "INFO", m, func(ctx context.Context) string {
			name, _ := jot.CurrentUser[string](ctx)
			return strings.ToLower(name)
		}},
		{"ClaimsAs", "INFO", m, func(ctx context.Context) string {
			claims, _ := jot.ClaimsAs[jwt.RegisteredClaims](ctx)
			return claims.Subject
		}},
	}
	store := jot.WithStore(memstore.New())
	refusing := newManager(t, users, store, jot.WithErrorHandler(func(_ http.ResponseWriter, r *http.Request, _ error) {
		for _, ask := range asks {
			require.Empty(t, ask.who(r.Context()))
		}
	}))
	out := logged(t)
	for _, tc := range []struct {
		name  string
		guard func(http.Handler) http.Handler
		r     *http.Request
		is    string
		told  bool
	}{
		{"guarded", m.Required(), good, "alice", false},
		{"optional", optional, good, "alice", false},
		{"anonymous", optional, none, "", false},
		{"anonymous within another's", both, good, "", false},
		{"exempt", open, public, "", false},
		{"exempt by a profile", m.Required(), preflight, "", false},
		{"refused", refusing.Required(), none, "", false},
		{"refused by the handler for refreshing", instead(refusing.RefreshHandler()), none, "", false},
		{"refused by the handler for logging out", instead(refusing.LogoutHandler()), none, "", false},
		{"put there by hand", nowhere, carries, "alice", false},
		{"not the request of Admit", dropped, good, "", true},
		{"not guarded", nowhere, good, "", false}, // not again
	} {
		for _, ask := range asks {
			out.Reset()
			tc.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				is := ask.who(r.Context())
				require.True(t, is == tc.is || ask.by == others && is == "", tc.name)
			})).ServeHTTP(httptest.NewRecorder(), tc.r)
			if !tc.told {
				require.Empty(t, out.String(), tc.name)
				continue
			}
			text := "jot: " + ask.name + told
			if ask.level == "INFO" {
				text += " All is well where nobody need be logged in"
			}
			require.Contains(t, out.String(), "level="+ask.level+` msg="`+text+`"`, tc.name)
			require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		}
	}
}

func who(t *jot.Token, ok bool) string {
	if !ok {
		return ""
	}
	return t.Subject
}

// A user of another type than the handler asks for is a mistake of the program's. It is told once for each type, and
// nothing of the user.
func TestCurrentUserOfAnotherType(t *testing.T) {
	if !alone(t) {
		return
	}
	type user struct{ Name string }
	m := newManager(t, finds(&user{"hunter2"}))
	token := accepted(t, m, access(t, m))
	carries := jot.NewContext(ctx, token)
	out := logged(t)
	_, without := jot.CurrentUser[user](jot.NewContext(ctx, accepted(t, newManager(t), access(t, m))))
	require.False(t, without)
	for range 3 {
		_, ok := jot.CurrentUser[user](carries)
		require.False(t, ok)
		_, ok = jot.CurrentUser[interface{ Admin() bool }](carries)
		require.False(t, ok)
		is, ok := jot.CurrentUser[*user](carries)
		require.True(t, ok)
		require.Equal(t, "hunter2", is.Name)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	const returns = ": the function of WithUserLookup returns *jot_test.user"
	require.Contains(t, lines[0], `level=ERROR msg="jot: CurrentUser[jot_test.user]`+returns)
	require.Contains(t, lines[1], `level=ERROR msg="jot: CurrentUser[interface { Admin() bool }]`+returns)
	require.NotContains(t, out.String(), "hunter2")
}
