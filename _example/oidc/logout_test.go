package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

func TestRefresh(t *testing.T) {
	b := newWorld(t).browser()
	b.login("alice")
	b.now = b.now.Add(5 * time.Hour)
	require.Len(t, b.names("app.test"), 2, "the access token is gone")
	require.True(t, b.loggedIn())
	require.Len(t, b.names("app.test"), 4)
	b.now = b.now.Add(sessionTTL)
	require.False(t, b.loggedIn())
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	b.login("alice")
	other.login("alice")
	w.now = w.now.Add(time.Second) // the latest session stands first
	kept := b.jars["app.test"]
	b.get(origin)
	b.post("/logout", "")
	b.is(200, origin+"/", "This page is for everybody")
	require.Empty(t, b.names("app.test"))
	require.Empty(t, b.names("login.test"))
	require.Equal(t, 1, w.asked[origin+backchannel])
	b.get(issues)
	b.is(200, issues+"/", "You are not signed in")
	b.jars["app.test"] = kept
	require.False(t, b.loggedIn())
	require.True(t, other.loggedIn(), "another browser's session goes on")
	require.Equal(t, 1, w.logins())

	// Once more, in another tab, and without any session.
	b.follow(b.send("POST", origin+"/logout", ""))
	b.is(200, origin+"/", "This page is for everybody")

	// Without the CSRF value.
	other.send("POST", origin+"/logout", "")
	other.is(403, origin+"/logout", "This form is out of date")
	require.True(t, other.loggedIn())

	// One of several sessions, from the list.
	b.login("alice")
	b.get(origin + "/sessions")
	require.Equal(t, 1, strings.Count(b.page, "this one"))
	ids := regexp.MustCompile(`name="id" value="([^"]+)"`).FindAllStringSubmatch(b.page, -1)
	require.Len(t, ids, 2)
	b.post("/sessions/logout", "id=x")
	b.is(400, origin+"/sessions/logout", "That did not work")
	b.get(origin + "/sessions")
	bob := w.browser()
	bob.login("bob")
	bob.get(origin + "/sessions")
	bob.post("/sessions/logout", "id="+ids[1][1])
	require.True(t, other.loggedIn(), "to another user it is no session")
	require.Equal(t, 3, w.logins())
	b.post("/sessions/logout", "id="+ids[1][1])
	b.is(200, origin+"/sessions", "this one")
	require.False(t, other.loggedIn())
	require.Equal(t, 2, w.logins())
}

// The end of a session at the provider is the end of those of the service, and of no others.
func TestBackchannelLogout(t *testing.T) {
	w := newWorld(t)
	b, other, bob := w.browser(), w.browser(), w.browser()
	b.login("alice")
	other.login("alice")
	bob.login("bob")
	b.get(issues)
	b.is(200, issues+"/", "Alice Liddell")
	b.post("/end-session", "")
	b.is(200, issues+"/end-session", "You are signed out")
	require.False(t, b.loggedIn())
	require.Empty(t, b.names("app.test"))
	require.True(t, other.loggedIn())
	other.get(issues)
	other.is(200, issues+"/", "Alice Liddell")
	require.True(t, bob.loggedIn())

	// Nor does the refresh cookie bring it back, in a browser that was asleep.
	b.login("alice")
	b.now = b.now.Add(time.Hour)
	require.Len(t, b.names("app.test"), 2)
	b.get(issues)
	b.post("/end-session", "")
	require.False(t, b.loggedIn())

	// All of a user: the logout token has no sid.
	b.now = b.now.Add(time.Second)
	b.login("alice")
	require.True(t, other.loggedIn())
	b.get(issues)
	b.post("/end-all", "")
	b.is(200, issues+"/end-all", "signed out everywhere")
	require.False(t, b.loggedIn())
	require.False(t, other.loggedIn())
	require.True(t, bob.loggedIn())
	b.now = b.now.Add(time.Second)
	b.login("alice")
	require.True(t, b.loggedIn(), "who signs in again is in")
}

// A form on another site's page ends nothing, and neither does a link.
func TestProviderLogoutForgery(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.login("alice")
	for _, site := range []string{"cross-site", "same-site"} {
		for _, path := range []string{"/end-session", "/end-all"} {
			b.site = site // to a page on another port the browser even sends the cookie
			b.send("POST", issues+path, "x=y")
			b.site = ""
			require.True(t, b.loggedIn())
		}
	}
	foreign := w.sign(jose.RS256, otherKey, "JWT", w.idToken().with(claims{"sid": w.sidOf()}))
	stale := w.sign(jose.RS256, providerKey, "JWT", w.idToken().with(claims{"sid": "another"}))
	for _, query := range []string{"", "?id_token_hint=x", "?id_token_hint=" + foreign, "?id_token_hint=" + stale} {
		b.get(issues + "/end-session" + query)
		b.is(200, issues+"/end-session", "You are signed in")
	}
	require.True(t, b.loggedIn())

	// With nobody's leave it leads nowhere else.
	for _, query := range []string{
		"?post_logout_redirect_uri=" + origin + "/",
		"?post_logout_redirect_uri=https://evil.test/&id_token_hint=" + stale,
	} {
		b.get(issues + "/end-session" + query)
		b.is(200, issues+"/end-session", "You are signed in")
		b.post(regexp.MustCompile(`action="(/end-session[^"]*)"`).FindStringSubmatch(b.page)[1], "")
		b.is(200, issues+"/end-session", "You are signed out")
		require.False(t, b.loggedIn())
		b.login("alice")
	}
}

// asJSON spells a token as JWS JSON Serialization, which a JWT never has.
func asJSON(format string) func(w *world, c claims) string {
	return func(w *world, c claims) string {
		parts := strings.Split(w.sign(jose.RS256, providerKey, "logout+jwt", c), ".")
		return fmt.Sprintf(format, parts[1], parts[0], parts[2])
	}
}

// What a logout token must be.
func TestLogoutTokens(t *testing.T) {
	const event = "http://schemas.openid.net/event/backchannel-logout"
	by := func(alg jose.SignatureAlgorithm, key any) func(w *world, c claims) string {
		return func(w *world, c claims) string { return w.sign(alg, key, "logout+jwt", c) }
	}
	ps := func(typ string) func(w *world, c claims) string {
		return func(w *world, c claims) string { return w.sign(jose.RS256, providerKey, typ, c) }
	}
	logout := ps("logout+jwt")
	for name, row := range map[string]struct {
		change claims
		sign   func(w *world, c claims) string
		status int
	}{
		"good":                  {nil, logout, 204},
		"without sub":           {claims{"sub": nil}, logout, 204},
		"without sid":           {claims{"sid": nil}, logout, 204},
		"without typ":           {nil, ps(""), 204},
		"with the long typ":     {nil, ps("application/Logout+JWT"), 204},
		"with more in it":       {claims{"trace": "x"}, logout, 204},
		"typ of another token":  {nil, ps("JWT"), 400},
		"typ of access tokens":  {nil, ps("at+jwt"), 400},
		"no sub, no sid":        {claims{"sub": nil, "sid": nil}, logout, 400},
		"a nonce":               {claims{"nonce": "x"}, logout, 400},
		"a nonce that is null":  {claims{"nonce": json.RawMessage("null")}, logout, 400},
		"no jti":                {claims{"jti": nil}, logout, 400},
		"no events":             {claims{"events": nil}, logout, 400},
		"another event":         {claims{"events": claims{"x": claims{}}}, logout, 400},
		"the event is a text":   {claims{"events": claims{event: "x"}}, logout, 400},
		"the event is null":     {claims{"events": claims{event: nil}}, logout, 400},
		"events in capitals":    {claims{"events": nil, "Events": claims{event: claims{}}}, logout, 400},
		"events are a list":     {claims{"events": []string{event}}, logout, 400},
		"expired":               {claims{"exp": time.Now().Unix() - 1}, logout, 400},
		"without an end":        {claims{"exp": nil}, logout, 400},
		"without a time":        {claims{"iat": nil}, logout, 400},
		"from the future":       {claims{"iat": time.Now().Add(time.Hour).Unix()}, logout, 400},
		"of another issuer":     {claims{"iss": "https://other.test"}, logout, 400},
		"for another client":    {claims{"aud": "other"}, logout, 400},
		"for others too":        {claims{"aud": []string{"notebook", "other"}}, logout, 400},
		"for nobody":            {claims{"aud": nil}, logout, 400},
		"signed by another key": {nil, by(jose.RS256, otherKey), 400},
		"of another algorithm":  {nil, by(jose.PS256, providerKey), 400},
		"by a secret":           {nil, by(jose.HS256, make([]byte, 32)), 400},
		"an ID token":           {claims{"nonce": "x", "events": nil}, ps("JWT"), 400},
		"no token":              {nil, func(*world, claims) string { return "x" }, 400},
		"nothing":               {nil, func(*world, claims) string { return "" }, 400},
		"as JSON":               {nil, asJSON(`{"payload":"%s","protected":"%s","signature":"%s"}`), 400},
		"as JSON of one": {
			nil, asJSON(`{"payload":"%s","signatures":[{"protected":"%s","signature":"%s"}]}`), 400,
		},
		"as JSON of none": {nil, asJSON(`{"payload":"%s","signatures":[]}%.0s%.0s`), 400},
		"unsigned": {nil, func(w *world, c claims) string {
			return "eyJhbGciOiJub25lIn0." + strings.Split(logout(w, c), ".")[1] + "."
		}, 400},
		"another session":                    {claims{"sid": "another"}, logout, 204},
		"another user":                       {claims{"sub": "248289761002", "sid": nil}, logout, 204},
		"another user's, of the same sid":    {claims{"sub": "248289761002"}, logout, 204},
		"another user, and no such session":  {claims{"sub": "248289761002", "sid": "another"}, logout, 204},
		"a subject that would be everything": {claims{"sub": "%", "sid": "%"}, logout, 204},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.login("alice")
			c := w.logoutToken().with(claims{"sid": w.sidOf()}).with(row.change)
			status, body := w.tell(row.sign(w, c))
			require.Equal(t, row.status, status, body)
			if status == 400 {
				const refusal = `{"error":"invalid_request","error_description":"the logout token is not good"}`
				require.JSONEq(t, refusal, body)
			} else {
				require.Empty(t, body)
			}
			ends := status == 204 && !strings.Contains(name, "another") && !strings.Contains(name, "everything")
			require.Equal(t, !ends, b.loggedIn())
		})
	}
}

func TestLogoutTokenOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := w.sign(jose.RS256, providerKey, "logout+jwt", w.logoutToken())
	for _, want := range []int{204, 400, 400} {
		w.now = w.now.Add(time.Second)
		status, _ := w.tell(token)
		require.Equal(t, want, status)
		b.login("alice")
		b.get(issues)
		b.post("/end-session", "")
	}
	b.login("alice")
	w.tell(token)
	require.True(t, b.loggedIn(), "a replayed one ends nothing")
	w.now = w.now.Add(2 * time.Hour)
	status, _ := w.tell(token)
	require.Equal(t, 400, status, "nor does one that was forgotten")
	w.tell(w.sign(jose.RS256, providerKey, "logout+jwt", w.logoutToken().with(claims{"sub": "x"})))
	rows := 0
	require.NoError(t, w.db.QueryRowContext(t.Context(), `SELECT count(*) FROM logouts`).Scan(&rows))
	require.Equal(t, 1, rows, "those of the last hour")
}

func TestLogoutRequests(t *testing.T) {
	w := newWorld(t)
	token := url.QueryEscape(w.sign(jose.RS256, providerKey, "logout+jwt", w.logoutToken()))
	for _, form := range []string{
		"", "x=y", "logout_token=" + token + "&logout_token=" + token, "logout_token=%", strings.Repeat("x", 100_000),
	} {
		status, _ := w.tellForm(form)
		require.Equal(t, 400, status)
	}
	for _, r := range []*http.Request{
		httptest.NewRequest("GET", origin+backchannel, nil),
		httptest.NewRequest("GET", origin+backchannel+"?logout_token="+token, nil),
		httptest.NewRequest("POST", origin+backchannel+"?logout_token="+token, nil), // the query is no form
	} {
		answer := httptest.NewRecorder()
		w.app.ServeHTTP(answer, r)
		require.Contains(t, []int{400, 404, 405}, answer.Code)
	}
	r := httptest.NewRequest("POST", origin+backchannel, strings.NewReader("logout_token="+token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer := httptest.NewRecorder()
	w.app.ServeHTTP(answer, r)
	require.Equal(t, 403, answer.Code, "and a provider is no browser")
	status, _ := w.tellForm("logout_token=" + token)
	require.Equal(t, 204, status)
}

// The session at the provider ends while its login is under way: whichever comes first, no session of the service is
// left over.
func TestLogoutOvertakesLogin(t *testing.T) {
	for name, change := range map[string]claims{"sid": {"sub": nil}, "sub": {"sid": nil}, "both": {}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.login("alice") // so that the session at the provider has an id that is known
			sid := w.sidOf()
			b.get(origin)
			b.post("/logout", "where=here")
			w.tamper = func(r *http.Request, usual http.Handler) http.Handler {
				if r.URL.Path == "/token" {
					return http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
						usual.ServeHTTP(answer, r)
						c := w.logoutToken().with(claims{"sid": sid}).with(change)
						status, _ := w.tell(w.sign(jose.RS256, providerKey, "logout+jwt", c))
						require.Equal(t, 204, status)
					})
				}
				return usual
			}
			b.again()
			b.is(403, origin+callback, "You have signed out at the provider meanwhile.")
			require.Empty(t, b.names("app.test"))
			require.False(t, b.loggedIn())
			require.Zero(t, w.logins())
			w.tamper = nil
			w.now = w.now.Add(time.Second)
			other := w.browser()
			other.login("alice")
			require.True(t, other.loggedIn())
			require.Equal(t, 1, strings.Count(other.page, "A browser"), "it is the only session")
		})
	}
}

// A database that does not answer is 503, and half a logout is none: the same token may come again.
func TestDatabaseIsDown(t *testing.T) {
	for _, table := range []string{"logouts", "logins", "jot_sessions"} {
		t.Run(table, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.login("alice")
			token := w.sign(jose.RS256, providerKey, "logout+jwt", w.logoutToken())
			exec := func(statement string) {
				t.Helper()
				_, err := w.db.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			exec(`ALTER TABLE ` + table + ` RENAME TO away`)
			for range 2 {
				status, body := w.tell(token)
				require.Equal(t, 503, status)
				require.Contains(t, body, "temporarily_unavailable")
				require.NotContains(t, body, table)
			}
			exec(`ALTER TABLE away RENAME TO ` + table)
			require.True(t, b.loggedIn())
			status, _ := w.tell(token)
			require.Equal(t, 204, status)
			require.False(t, b.loggedIn())
			status, _ = w.tell(token)
			require.Equal(t, 400, status)
		})
	}
	w := newWorld(t)
	b := w.browser()
	b.login("alice")
	b.get(origin)
	page := b.page
	require.NoError(t, w.db.Close())
	for _, path := range []string{"/", "/sessions"} {
		b.get(origin + path)
		b.is(503, origin+path, "One moment, please")
	}
	b.page = page
	b.post("/logout", "")
	b.is(503, origin+"/logout", "One moment, please")
	b.again()
	b.is(503, origin+callback, "One moment, please")
}

// Forged tokens do not make the service ask the provider again and again, and a new key is found all the same.
func TestKeys(t *testing.T) {
	w := newWorld(t)
	jwks := issues + "/jwks"
	forged := func() string {
		signer, err := jose.NewSigner(jose.SigningKey{
			Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: otherKey, KeyID: rand.Text()},
		}, nil)
		require.NoError(t, err)
		signed, err := signer.Sign([]byte("{}"))
		require.NoError(t, err)
		text, err := signed.CompactSerialize()
		require.NoError(t, err)
		return text
	}
	for range 20 {
		status, _ := w.tell(forged())
		require.Equal(t, 400, status)
	}
	require.Equal(t, 1, w.asked[jwks])
	w.browser().login("alice")
	require.Equal(t, 1, w.asked[jwks])
	w.now = w.now.Add(keysInterval)
	w.tell(forged())
	require.Equal(t, 2, w.asked[jwks], "it may be a new key")

	// Keys of which nothing is known are those of others.
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	answer := httptest.NewRecorder()
	w.idp.ServeHTTP(answer, httptest.NewRequest("GET", jwks, nil))
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &set))
	odd := json.RawMessage(`{"kty":"EC","crv":"secp256k1","x":"AQ","y":"AQ"}`)
	set.Keys = append([]json.RawMessage{odd}, set.Keys...)
	w.instead(jwks, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(set) })
	w.now = w.now.Add(keysMaxAge)
	w.browser().login("alice")
	require.Equal(t, 3, w.asked[jwks])

	// Without an answer, the keys that are known are good for a while, and no longer.
	w.instead(jwks, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	good := func() string { return w.sign(jose.RS256, providerKey, "", w.logoutToken().with(claims{"sub": "x"})) }
	w.now = w.now.Add(keysMaxAge - time.Second)
	status, _ := w.tell(good())
	require.Equal(t, 204, status)
	w.now = w.now.Add(time.Second)
	for range 2 {
		status, _ = w.tell(good())
		require.Equal(t, 503, status)
	}
	require.Equal(t, 4, w.asked[jwks])
	w.tamper = nil
	w.now = w.now.Add(keysRetry)
	status, _ = w.tell(good())
	require.Equal(t, 204, status)
}
