package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The provider keeps to what it says.
func TestProvider(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.begin("/")
	asked := b.at.Query()
	require.Equal(t, "S256", asked.Get("code_challenge_method"))
	require.Equal(t, "openid profile", asked.Get("scope"))
	require.NotEmpty(t, asked.Get("nonce"))
	for name, row := range map[string]struct{ key, value, wants string }{
		"no challenge":     {"code_challenge", "", "invalid_request"},
		"plain challenge":  {"code_challenge_method", "plain", "invalid_request"},
		"no method":        {"code_challenge_method", "", "invalid_request"},
		"another response": {"response_type", "token", "unsupported_response_type"},
		"no OpenID":        {"scope", "profile", "invalid_scope"},
	} {
		changed := url.Values{}
		for key := range asked {
			changed.Set(key, asked.Get(key))
		}
		changed.Set(row.key, row.value)
		answer := b.send("GET", issues+"/authorize?"+changed.Encode(), "")
		require.Equal(t, 303, answer.Code, name)
		require.Contains(t, answer.Header().Get("Location"), origin+callback+"?error="+row.wants, name)
	}
	for _, change := range [][2]string{
		{"client_id", "nobody"}, {"redirect_uri", "https://evil.test"}, {"redirect_uri", ""},
	} {
		changed, _ := url.ParseQuery(asked.Encode())
		changed.Set(change[0], change[1])
		b.send("GET", issues+"/authorize?"+changed.Encode(), "")
		b.is(400, issues+"/authorize", "is not known")
	}
	b.send("GET", issues+"/authorize?"+asked.Encode()+"&redirect_uri=https://evil.test", "")
	b.is(400, issues+"/authorize", "is not known")
	b.send("POST", issues+"/authorize?"+asked.Encode(), "login=mallory")
	b.is(200, issues+"/authorize", "Sign in as alice")
}

func TestCodeOfASessionThatHasEnded(t *testing.T) {
	b := newWorld(t).browser()
	to := b.back()
	b.get(issues)
	b.post("/end-session", "")
	b.get(to.String())
	b.is(400, origin+callback, "The provider's answer was not good.")
}

// A code is good once, for its client, with its verifier.
func TestCodes(t *testing.T) {
	const secret = "a secret, with %+ in it"
	const badGrant = "invalid_grant"
	for name, row := range map[string]struct {
		change           func(form url.Values)
		client, password string
		code             int
		text             string
	}{
		"good":        {func(url.Values) {}, "notebook", secret, 200, `"id_token":"ey`},
		"no verifier": {func(f url.Values) { f.Del("code_verifier") }, "notebook", secret, 400, badGrant},
		"two verifiers": {
			func(f url.Values) { f.Add("code_verifier", "x") }, "notebook", secret, 400, badGrant,
		},
		"another verifier": {
			func(f url.Values) { f.Set("code_verifier", strings.Repeat("x", 43)) }, "notebook", secret, 400, badGrant,
		},
		"another redirection": {
			func(f url.Values) { f.Set("redirect_uri", "https://evil.test") }, "notebook", secret, 400, badGrant,
		},
		"another grant": {
			func(f url.Values) { f.Set("grant_type", "password") }, "notebook", secret, 400, "unsupported_grant_type",
		},
		"another client's": {func(url.Values) {}, "other", "other", 400, badGrant},
		"another secret":   {func(url.Values) {}, "notebook", "x", 401, "invalid_client"},
		"nobody":           {func(url.Values) {}, "", "", 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			to := b.back()
			name := flowCookie + to.Query().Get("state")
			r := httptest.NewRequest("GET", to.String(), nil)
			r.AddCookie(&http.Cookie{Name: name, Value: b.jars["app.test"][name].Value})
			begun, ok := resume(httptest.NewRecorder(), r)
			require.True(t, ok)
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")},
				"redirect_uri": {origin + callback}, "code_verifier": {begun.Verifier},
			}
			row.change(form)
			exchange := func() *httptest.ResponseRecorder {
				r := httptest.NewRequest("POST", issues+"/token", strings.NewReader(form.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.SetBasicAuth(url.QueryEscape(row.client), url.QueryEscape(row.password))
				answer := httptest.NewRecorder()
				w.idp.ServeHTTP(answer, r)
				require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
				return answer
			}
			answer := exchange()
			require.Equal(t, row.code, answer.Code)
			require.Contains(t, answer.Body.String(), row.text)
			if row.code != 401 {
				require.Equal(t, 400, exchange().Code, "it was used up")
			}
		})
	}
}
