package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

func TestLogin(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.get(origin)
	b.is(200, origin+"/", "This page is for everybody")
	b.get(origin + "/nowhere")
	b.is(404, origin+"/nowhere", "There is no such page")
	b.get(origin + "/style.css")
	b.is(200, origin+"/style.css", "prefers-color-scheme")
	b.get(issues + "/style.css")
	b.is(200, issues+"/style.css", "prefers-color-scheme")
	b.get(origin + "/sessions")
	b.is(200, origin+"/login", "Log in with the provider")
	b.post("/login", "next=/sessions")
	b.is(200, issues+"/authorize", "Sign in as alice")
	require.Equal(t, []string{"login"}, b.names("app.test"))
	b.choose("alice")
	b.is(200, origin+"/sessions", "A browser")
	require.Empty(t, b.at.RawQuery, "the code is not left in the address")
	require.ElementsMatch(t, []string{"access_token", "refresh_token", "csrf_access_token", "csrf_refresh_token"},
		b.names("app.test"), "the cookie of the login has gone")
	b.get(origin)
	b.is(200, origin+"/", "Hello, Alice Liddell")
	require.Contains(t, b.page, "248289761001")
	alice := b.id()
	require.NotContains(t, alice, "248289761001", "the service has an id of its own")

	require.Equal(t, "Edge", deviceOf("Mozilla/5.0 (Windows NT 10.0) Chrome/150 Safari/537 Edg/150"))

	// Here alone: the provider asks nothing the next time.
	b.post("/logout", "where=here")
	b.is(200, origin+"/", "This page is for everybody")
	require.Empty(t, b.names("app.test"))
	require.Zero(t, w.logins())
	b.again()
	b.is(200, origin+"/", "Hello, Alice Liddell")
	require.Equal(t, alice, b.id())

	other := w.browser()
	other.login("alice")
	require.Equal(t, alice, other.id())
	bob := w.browser()
	bob.login("bob")
	require.NotEqual(t, alice, bob.id())

	// An account that is gone.
	_, err := w.db.ExecContext(t.Context(), `DELETE FROM users WHERE sub = '248289761002'`)
	require.NoError(t, err)
	require.False(t, bob.loggedIn())
	require.Empty(t, bob.names("app.test"))
	require.True(t, other.loggedIn())
}

// The session knows when the user authenticated at the provider, which may have been before this login.
func TestAuthTime(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.login("alice")
	first := w.now
	b.post("/logout", "where=here")
	w.now = w.now.Add(7 * time.Minute)
	b.again()
	_, claims, err := jot.InsecureDecode(b.jars["app.test"]["__Host-access_token"].Value)
	require.NoError(t, err)
	require.Equal(t, json.Number(strconv.FormatInt(first.Unix(), 10)), claims["auth_time"])
	require.Equal(t, false, claims["fresh"])
}

// The same sub of another issuer is another user.
func TestUsersAreOfAnIssuer(t *testing.T) {
	w := newWorld(t)
	a := &accounts{w.db, func() time.Time { return w.now }}
	first, err := a.user(t.Context(), identity{Issuer: issues, Subject: "1", Name: "A"})
	require.NoError(t, err)
	again, err := a.user(t.Context(), identity{Issuer: issues, Subject: "1", Name: "B"})
	require.NoError(t, err)
	require.Equal(t, &user{first.ID, issues, "1", "B"}, again, "and the name is the latest")
	other, err := a.user(t.Context(), identity{Issuer: "https://other.test", Subject: "1"})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, other.ID)
}

// Not every provider has a session with an id. A logout token of one user is none of another's.
func TestWithoutSID(t *testing.T) {
	w := newWorld(t)
	a := &accounts{w.db, func() time.Time { return w.now }}
	revoked := ""
	revoke := func(_ context.Context, user, session string) error {
		revoked += user + session + " "
		return nil
	}
	require.NoError(t, a.end(t.Context(), ending{Issuer: issues, ID: "1", Subject: "1", IssuedAt: w.now}, revoke))
	for i, sub := range []string{"1", "2"} {
		who := identity{Issuer: issues, Subject: sub, IssuedAt: w.now}
		err := a.begin(t.Context(), "first"+sub, "u"+sub, who)
		require.Equal(t, i == 0, errors.Is(err, errLoggedOut))
		who.IssuedAt = w.now.Add(time.Second)
		require.NoError(t, a.begin(t.Context(), "next"+sub, "u"+sub, who))
	}
	require.NoError(t, a.end(t.Context(), ending{Issuer: issues, ID: "2", Subject: "1", IssuedAt: w.now}, revoke))
	require.Equal(t, "u1next1 ", revoked)
	require.NoError(t, a.end(t.Context(), ending{Issuer: "https://other.test", ID: "2", Subject: "2"}, revoke))
	require.Equal(t, "u1next1 ", revoked)

	require.Equal(t, 2, w.logins())
	w.now = w.now.Add(sessionTTL + time.Second)
	require.NoError(t, a.begin(t.Context(), "late", "u1", identity{Issuer: issues, Subject: "1", IssuedAt: w.now}))
	require.Equal(t, 1, w.logins(), "sessions that are over are forgotten")
}

func TestTwoTabs(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.begin("/sessions")
	first, page := b.at, b.page
	b.begin("/")
	require.Len(t, b.names("app.test"), 2)
	b.at, b.page = first, page
	b.choose("alice")
	b.is(200, origin+"/sessions", "A browser")
}

func TestNoOpenRedirect(t *testing.T) {
	b := newWorld(t).browser()
	b.login("alice")
	for _, next := range []string{
		"//evil.example", `/\evil.example`, "https://evil.example/", "/\t/evil.example", "\t//evil.example", "evil",
		"java\tscript:x", "", "/" + strings.Repeat("x", 5000),
	} {
		b.get(origin + "/login?next=" + url.QueryEscape(next))
		b.post("/login", "next="+url.QueryEscape(next))
		b.is(200, origin+"/", "Hello")
	}
}

// back chooses alice, and returns the address to which the provider leads back, which nobody follows.
func (b *browser) back() *url.URL {
	b.Helper()
	b.begin("/")
	w := b.send("POST", b.at.RequestURI(), "login=alice")
	require.Equal(b, http.StatusSeeOther, w.Code)
	to, err := url.Parse(w.Header().Get("Location"))
	require.NoError(b, err)
	require.Equal(b, origin+callback, to.Scheme+"://"+to.Host+to.Path)
	return to
}

// What comes back must be the answer to what this browser has begun.
func TestCallback(t *testing.T) {
	const over, bad = "This login is over", "The provider's answer was not good."
	for name, row := range map[string]struct {
		change func(b *browser, q url.Values)
		status int
		text   string
	}{
		"as it is":        {func(*browser, url.Values) {}, 200, "Hello, Alice"},
		"another state":   {func(_ *browser, q url.Values) { q.Set("state", rand.Text()) }, 400, over},
		"no state":        {func(_ *browser, q url.Values) { q.Del("state") }, 400, over},
		"odd state":       {func(_ *browser, q url.Values) { q.Set("state", "a b;\r\nc=d") }, 400, over},
		"another browser": {func(b *browser, _ url.Values) { clear(b.jars["app.test"]) }, 400, over},
		"too late":        {func(b *browser, _ url.Values) { b.now = b.now.Add(flowTTL) }, 400, over},
		"damaged cookie": {func(b *browser, q url.Values) {
			b.jars["app.test"][flowCookie+q.Get("state")].Value = "e30" // {}
		}, 400, over},
		"the cookie of another login": {func(b *browser, q url.Values) {
			other := b.browser()
			theirs := other.jars["app.test"][flowCookie+other.back().Query().Get("state")]
			b.jars["app.test"][flowCookie+q.Get("state")].Value = theirs.Value
		}, 400, bad},
		"another issuer":     {func(_ *browser, q url.Values) { q.Set("iss", "https://other.test") }, 400, bad},
		"no issuer":          {func(_ *browser, q url.Values) { q.Del("iss") }, 400, bad},
		"another code":       {func(_ *browser, q url.Values) { q.Set("code", rand.Text()) }, 400, bad},
		"no code":            {func(_ *browser, q url.Values) { q.Del("code") }, 400, bad},
		"cancelled":          {func(_ *browser, q url.Values) { q.Set("error", "access_denied") }, 403, "cancelled"},
		"an error":           {func(_ *browser, q url.Values) { q.Set("error", "<b>") }, 400, bad},
		"a code that is old": {func(b *browser, _ url.Values) { b.now = b.now.Add(2 * time.Minute) }, 400, bad},
	} {
		t.Run(name, func(t *testing.T) {
			b := newWorld(t).browser()
			to := b.back()
			query := to.Query()
			row.change(b, query)
			to.RawQuery = query.Encode()
			b.at, _ = url.Parse(issues)
			b.follow(b.send("GET", to.String(), ""))
			require.Equal(t, row.status, b.status, b.page)
			require.Contains(t, b.page, row.text)
			require.NotContains(t, b.page, "<b>")
			require.LessOrEqual(t, b.asked[issues+"/token"], 1, "a code that is refused is not presented again")
			require.Equal(t, row.status == 200, b.loggedIn())
		})
	}
}

func TestCallbackOnce(t *testing.T) {
	b := newWorld(t).browser()
	to := b.back()
	kept := b.jars["app.test"][flowCookie+to.Query().Get("state")]
	b.get(to.String())
	b.is(200, origin+"/", "Hello")
	b.get(to.String())
	b.is(400, origin+callback, "This login is over")
	b.jars["app.test"][kept.Name] = &http.Cookie{Value: kept.Value, Expires: b.now.Add(time.Minute)}
	b.get(to.String())
	b.is(400, origin+callback, "The provider's answer was not good.")
}

func TestCancel(t *testing.T) {
	b := newWorld(t).browser()
	b.begin("/")
	b.post(b.at.RequestURI(), "")
	b.is(403, origin+callback, "You have cancelled")
	require.Empty(t, b.names("app.test"))
	require.Empty(t, b.names("login.test"))
}

// Another site's page begins no login.
func TestLoginForgery(t *testing.T) {
	b := newWorld(t).browser()
	b.at, _ = url.Parse("https://evil.test")
	b.send("POST", origin+"/login", "next=/")
	b.is(403, origin+"/login", "This form is out of date")
	require.Empty(t, b.names("app.test"))
	b.begin("/")
	at := b.at.RequestURI()
	b.at, _ = url.Parse("https://evil.test")
	b.send("POST", issues+at, "login=bob")
	b.is(403, issues+"/authorize", "Another site")
}

// What an ID token must be.
func TestIDTokens(t *testing.T) {
	by := func(alg jose.SignatureAlgorithm, key any) func(w *world, c claims) string {
		return func(w *world, c claims) string { return w.sign(alg, key, "JWT", c) }
	}
	ps := by(jose.RS256, providerKey)
	for name, row := range map[string]struct {
		change claims
		sign   func(w *world, c claims) string
		good   bool
	}{
		"good":                   {nil, ps, true},
		"without a sid":          {claims{"sid": nil}, ps, true},
		"with azp":               {claims{"azp": "notebook"}, ps, true},
		"another nonce":          {claims{"nonce": "x"}, ps, false},
		"no nonce":               {claims{"nonce": nil}, ps, false},
		"for another client":     {claims{"aud": "other"}, ps, false},
		"for others too":         {claims{"aud": []string{"notebook", "other"}}, ps, false},
		"for nobody":             {claims{"aud": nil}, ps, false},
		"asked for by another":   {claims{"azp": "other"}, ps, false},
		"of another issuer":      {claims{"iss": "https://other.test"}, ps, false},
		"of nobody":              {claims{"sub": nil}, ps, false},
		"expired":                {claims{"exp": 1}, ps, false},
		"without an end":         {claims{"exp": nil}, ps, false},
		"from the future":        {claims{"iat": time.Now().Add(time.Hour).Unix()}, ps, false},
		"of no time":             {claims{"iat": nil}, ps, false},
		"without auth_time":      {claims{"auth_time": nil}, ps, true},
		"auth_time to come":      {claims{"auth_time": time.Now().Add(time.Hour).Unix()}, ps, false},
		"auth_time before all":   {claims{"auth_time": -1}, ps, false},
		"signed by another key":  {nil, by(jose.RS256, otherKey), false},
		"of another algorithm":   {nil, by(jose.PS256, providerKey), false},
		"by the client's secret": {nil, by(jose.HS256, make([]byte, 32)), false},
		"missing":                {nil, func(*world, claims) string { return "" }, false},
		"unsigned": {nil, func(w *world, c claims) string {
			return "eyJhbGciOiJub25lIn0." + strings.Split(ps(w, c), ".")[1] + "."
		}, false},
		"a logout token": {nil, func(w *world, _ claims) string {
			return w.sign(jose.RS256, providerKey, "logout+jwt", w.logoutToken())
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.begin("/")
			token := row.sign(w, w.idToken().with(claims{"nonce": b.at.Query().Get("nonce")}).with(row.change))
			w.instead(issues+"/token", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(claims{"access_token": "x", "token_type": "Bearer", "id_token": token})
			})
			b.choose("alice")
			if row.good {
				b.is(200, origin+"/", "Hello, Alice")
			} else {
				b.is(400, origin+callback, "The provider's answer was not good.")
			}
			require.Equal(t, row.good, b.loggedIn())
		})
	}
}

// A provider that does not answer is nobody's fault.
func TestProviderIsDown(t *testing.T) {
	for name, handler := range map[string]http.Handler{
		"no answer": nil,
		"an error":  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }),
		"nonsense":  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<p>")) }),
	} {
		for _, path := range []string{"/token", "/jwks"} {
			t.Run(name+path, func(t *testing.T) {
				w := newWorld(t)
				b := w.browser()
				w.tamper = func(r *http.Request, usual http.Handler) http.Handler {
					if r.URL.Path == path {
						return handler
					}
					return usual
				}
				b.begin("/")
				b.choose("alice")
				b.is(503, origin+callback, "One moment, please")
				token := w.sign(jose.RS256, providerKey, "logout+jwt", w.logoutToken())
				status, _ := w.tell(token)
				if path == "/token" {
					require.Equal(t, 204, status)
					return
				}
				require.Equal(t, 503, status)
				w.tamper = nil
				w.now = w.now.Add(keysRetry)
				status, _ = w.tell(token)
				require.Equal(t, 204, status, "a token that could not be verified may come again")
			})
		}
	}
}

// None of the provider's tokens is one of the service's, nor the other way round.
func TestTokensAreNotMixedUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.login("alice")
	var idToken string
	require.NoError(t, w.db.QueryRowContext(t.Context(), `SELECT hint FROM logins`).Scan(&idToken))
	logoutToken := w.sign(jose.RS256, providerKey, "logout+jwt", w.logoutToken())
	access, refresh := b.jars["app.test"]["__Host-access_token"].Value, b.jars["app.test"]["__Host-refresh_token"].Value

	for _, foreign := range []string{idToken, logoutToken} {
		for _, name := range []string{"__Host-access_token", "__Host-refresh_token"} {
			r := httptest.NewRequest("GET", origin+"/sessions", nil)
			r.AddCookie(&http.Cookie{Name: name, Value: foreign})
			answer := httptest.NewRecorder()
			w.app.ServeHTTP(answer, r)
			require.Equal(t, "/login?next=%2Fsessions", answer.Header().Get("Location"))
		}
		r := httptest.NewRequest("GET", origin+"/sessions", nil)
		r.Header.Set("Authorization", "Bearer "+foreign)
		answer := httptest.NewRecorder()
		w.app.ServeHTTP(answer, r)
		require.Equal(t, http.StatusSeeOther, answer.Code)
	}
	for _, own := range []string{access, refresh, idToken} {
		status, _ := w.tell(own)
		require.Equal(t, 400, status)
	}
	require.True(t, b.loggedIn())

	// Not even a manager that knows the provider's keys takes an ID token for an access token.
	answer := httptest.NewRecorder()
	w.idp.ServeHTTP(answer, httptest.NewRequest("GET", issues+"/jwks", nil))
	keys, err := jot.ParseJWKS(answer.Body.Bytes())
	require.NoError(t, err)
	clock := jot.WithClock(func() time.Time { return w.now })
	for _, audience := range []string{"notebook", "api"} {
		m, err := jot.New(keys, jot.WithIssuer(issues), jot.WithAudience(audience), clock)
		require.NoError(t, err)
		for _, foreign := range []string{idToken, logoutToken} {
			_, err = m.Verify(t.Context(), foreign)
			require.ErrorIs(t, err, jot.ErrInvalid)
		}
	}
}
