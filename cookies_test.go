package jot_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

func TestCookieConfigMistakes(t *testing.T) {
	for _, tc := range []struct {
		text string
		c    jot.CookieConfig
	}{
		{`a cookie of the name "__Host-a" has no Domain`, jot.CookieConfig{AccessName: "__Host-a", Domain: "example.com"}},
		{`a cookie of the name "__hOsT-a" has no Domain`, jot.CookieConfig{AccessCSRFName: "__hOsT-a", Domain: "example.com"}},
		{`a cookie of the name "__Host-r" has the Path "/"`, jot.CookieConfig{RefreshName: "__Host-r", RefreshPath: "/auth"}},
		{`a cookie of the name "__Http-c" cannot be read by scripts`, jot.CookieConfig{AccessCSRFName: "__Http-c"}},
		{`a cookie of the name "__Host-Http-c" cannot be read by scripts`, jot.CookieConfig{RefreshCSRFName: "__Host-Http-c"}},
		{"SameSite=None wants Secure", jot.CookieConfig{Insecure: true, SameSite: http.SameSiteNoneMode}},
		{"SameSite=None wants Secure", jot.CookieConfig{Insecure: true, RefreshSameSite: http.SameSiteNoneMode}},
		{"SameSite 1 is not Lax, Strict or None", jot.CookieConfig{SameSite: http.SameSiteDefaultMode}},
		{"SameSite 9 is not", jot.CookieConfig{RefreshSameSite: 9}},
		{"Partitioned wants Secure", jot.CookieConfig{Insecure: true, Partitioned: true}},
		{`"a b" is no name for a cookie`, jot.CookieConfig{AccessName: "a b"}},
		{`"a;b" is no name for a cookie`, jot.CookieConfig{RefreshName: "a;b"}},
		{`"__Secure-" is no name for a cookie`, jot.CookieConfig{AccessName: "__Secure-"}},
		{`two cookies have the name "a"`, jot.CookieConfig{AccessName: "a", RefreshName: "a"}},
		{`two cookies have the name "a"`, jot.CookieConfig{AccessName: "a", RefreshCSRFName: "a"}},
		{`"X CSRF" is no name for a header`, jot.CookieConfig{CSRFHeader: "X CSRF"}},
		{`"exa mple.com" is no domain`, jot.CookieConfig{Domain: "exa mple.com"}},
		{`"a..b" is no domain`, jot.CookieConfig{Domain: "a..b"}},
		{`"auth" is no path`, jot.CookieConfig{RefreshPath: "auth"}},
		{`"/a;b" is no path`, jot.CookieConfig{RefreshPath: "/a;b"}},
		{`the former cookie "" cannot have been one`, jot.CookieConfig{Former: []jot.FormerCookie{{}}}},
		{`the former cookie "x" cannot have been one`, jot.CookieConfig{Former: []jot.FormerCookie{{Name: "x", Path: "x"}}}},
		{`is one that is set now`, jot.CookieConfig{Former: []jot.FormerCookie{{Name: "__Host-access_token"}}}},
	} {
		_, err := jot.New(jot.HS256(secret), jot.WithCookies(tc.c))
		require.ErrorContains(t, err, tc.text)
	}
	_, err := jot.New(jot.HS256(secret), jot.WithCookies(jot.CookieConfig{AccessName: "a b", CSRFHeader: "a b", Domain: "a b"}))
	for _, text := range []string{"no name for a cookie", "no name for a header", "no domain"} {
		require.ErrorContains(t, err, text)
	}
	_, err = jot.New(jot.HS256(secret), jot.WithCookies(jot.CookieConfig{}), jot.WithCookies(jot.CookieConfig{}))
	require.ErrorContains(t, err, "WithCookies is given twice")
}

// lines are the Set-Cookie lines of an answer, with the values that differ each time masked.
func lines(w http.ResponseWriter) []string {
	var out []string
	for _, line := range w.Header()["Set-Cookie"] {
		name, rest, _ := strings.Cut(line, "=")
		value, attributes, _ := strings.Cut(rest, ";")
		switch {
		case strings.HasPrefix(value, "eyJ"):
			value = "TOKEN"
		case len(value) == 22:
			value = "CSRF"
		}
		out = append(out, name+"="+value+";"+attributes)
	}
	return out
}

func TestSetCookies(t *testing.T) {
	silence(t)
	for _, tc := range []struct {
		name string
		c    jot.CookieConfig
		want []string
	}{
		{"the zero value", jot.CookieConfig{}, []string{
			"__Host-access_token=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
			"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=Lax",
			"__Host-refresh_token=TOKEN; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict",
			"__Host-csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; Secure; SameSite=Strict",
		}},
		{"a path for refreshing", jot.CookieConfig{RefreshPath: "/auth"}, []string{
			"__Host-access_token=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
			"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=Lax",
			"__Secure-refresh_token=TOKEN; Path=/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict",
			"__Host-csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; Secure; SameSite=Strict",
		}},
		{"a domain", jot.CookieConfig{Domain: "example.com"}, []string{
			"__Secure-access_token=TOKEN; Path=/; Domain=example.com; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
			"__Secure-csrf_access_token=CSRF; Path=/; Domain=example.com; Max-Age=900; Secure; SameSite=Lax",
			"__Secure-refresh_token=TOKEN; Path=/; Domain=example.com; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict",
			"__Secure-csrf_refresh_token=CSRF; Path=/; Domain=example.com; Max-Age=2592000; Secure; SameSite=Strict",
		}},
		{"insecure", jot.CookieConfig{Insecure: true, AccessName: "__Host-mine"}, []string{
			"mine=TOKEN; Path=/; Max-Age=900; HttpOnly; SameSite=Lax",
			"csrf_access_token=CSRF; Path=/; Max-Age=900; SameSite=Lax",
			"refresh_token=TOKEN; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict",
			"csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; SameSite=Strict",
		}},
		{"own names, embedded", jot.CookieConfig{
			AccessName: "a", RefreshName: "__Secure-r", SameSite: http.SameSiteNoneMode, RefreshSameSite: http.SameSiteNoneMode, Partitioned: true,
		}, []string{
			"a=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=None; Partitioned",
			"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=None; Partitioned",
			"__Secure-r=TOKEN; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=None; Partitioned",
			"__Host-csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; Secure; SameSite=None; Partitioned",
		}},
		{"former ones", jot.CookieConfig{Former: []jot.FormerCookie{{Name: "old"}, {Name: "__Host-access_token", Domain: "example.com", Path: "/x"}}}, []string{
			"old=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure",
			"__Host-access_token=; Path=/x; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure",
			"__Host-access_token=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
			"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=Lax",
			"__Host-refresh_token=TOKEN; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict",
			"__Host-csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; Secure; SameSite=Strict",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newManager(t, jot.WithCookies(tc.c))
			w := httptest.NewRecorder()
			p := pair(t, m)
			require.NoError(t, m.SetCookies(w, p))
			require.Equal(t, tc.want, lines(w))
			require.NoError(t, m.SetCookies(w, pair(t, m)))
			require.Equal(t, tc.want, lines(w), "a second time is instead of the first")

			w = httptest.NewRecorder()
			m.UnsetCookies(w)
			require.Len(t, lines(w), 4+len(tc.c.Former))
			for _, line := range lines(w) {
				require.Contains(t, line, "=; Path=/")
				require.Contains(t, line, "Max-Age=0")
				require.Equal(t, !tc.c.Insecure, strings.Contains(line, "; Secure"), "a cookie with a prefix is not cleared without it")
			}
			require.NoError(t, m.SetCookies(w, pair(t, m)))
			require.Equal(t, tc.want, lines(w))
		})
	}
}

func TestSetCookiesRefuses(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InCookie))
	fits := 0
	for size := 2700; size < 3100; size++ {
		p := pair(t, m, jot.Claim("x", strings.Repeat("x", size)))
		w := httptest.NewRecorder()
		err := m.SetCookies(w, p)
		if err != nil {
			require.ErrorIs(t, err, jot.ErrTokenTooLarge)
			require.Empty(t, lines(w), "nothing is set by halves")
			continue
		}
		fits++
		for _, line := range w.Header()["Set-Cookie"] {
			cookie, err := http.ParseSetCookie(line)
			require.NoError(t, err)
			require.LessOrEqual(t, len(cookie.Name)+len(cookie.Value), 4096)
		}
	}
	require.Positive(t, fits)
	require.Less(t, fits, 400)

	w := httptest.NewRecorder()
	p := pair(t, m)
	for _, bad := range []*jot.Pair{nil, {}, {AccessToken: "x"}, {AccessToken: p.RefreshToken}, {RefreshToken: p.AccessToken}, {AccessToken: p.AccessToken, RefreshToken: "x"}} {
		require.Error(t, m.SetCookies(w, bad))
		require.Empty(t, lines(w))
	}
	require.NoError(t, m.SetCookies(w, &jot.Pair{AccessToken: p.AccessToken}))
	require.Len(t, lines(w), 2)
	require.NoError(t, m.SetCookies(w, &jot.Pair{RefreshToken: p.RefreshToken}))
	require.Len(t, lines(w), 4)

	without := newManager(t)
	require.ErrorIs(t, without.SetCookies(w, p), errors.ErrUnsupported)
	without.UnsetCookies(w)
	require.Len(t, lines(w), 4)
}

// browser keeps cookies as a browser does, and sends them along.
type browser struct {
	t       *testing.T
	cookies map[string]*http.Cookie
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{t, map[string]*http.Cookie{}}
}

func (b *browser) keep(w *httptest.ResponseRecorder) {
	for _, cookie := range w.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie
		}
	}
}

// request is what a page of this site sends.
func (b *browser) request(method, target string) *http.Request {
	r := httptest.NewRequest(method, "https://app.example"+target, nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range b.cookies {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	return r
}

func (b *browser) value(name string) string {
	require.Contains(b.t, b.cookies, name)
	return b.cookies[name].Value
}

func TestCookieCredentials(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}), jot.WithStore(memstore.New()))
	b := newBrowser(t)
	w := httptest.NewRecorder()
	p := pair(t, m)
	require.NoError(t, m.SetCookies(w, p))
	b.keep(w)
	csrf, refreshCSRF := b.value("__Host-csrf_access_token"), b.value("__Host-csrf_refresh_token")
	require.Equal(t, p.CSRFToken, csrf)
	require.Equal(t, p.RefreshCSRFToken, refreshCSRF)
	require.NotEqual(t, csrf, refreshCSRF)
	require.Equal(t, csrf, claimsOf(t, p.AccessToken)["csrf"])
	other := pair(t, m)

	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	form := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			again := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
			r.Body, r.ContentLength = again.Body, again.ContentLength
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	multi := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			form(text)(r)
			r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
		}
	}
	header := set("X-Csrf-Token", csrf)
	cookie := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
	}
	without := func(name string) func(*http.Request) {
		return func(r *http.Request) {
			all := r.Cookies()
			r.Header.Del("Cookie")
			for _, cookie := range all {
				if cookie.Name != name {
					r.AddCookie(cookie)
				}
			}
		}
	}
	replaced := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { without(name)(r); cookie(name, value)(r) }
	}
	unsigned := forge(t, ourHeader, `{`+sound+`}`) // ours by its signature, without a CSRF value
	for _, tc := range []struct {
		name    string
		method  string
		demands []jot.RouteOption
		change  []func(*http.Request)
		code    string
	}{
		{name: "a page is read", method: "GET"},
		{name: "HEAD", method: "HEAD"},
		{name: "OPTIONS", method: "OPTIONS"},
		{name: "a link from another site is followed", method: "GET", change: list1(set("Sec-Fetch-Site", "cross-site"))},
		{name: "something is changed", method: "POST", change: list1(header)},
		{name: "by DELETE", method: "DELETE", change: list1(header)},
		{name: "no value", method: "POST", code: "csrf_failed"},
		{name: "no value, by a method that nobody knows", method: "FROB", code: "csrf_failed"},
		{name: "no value, by a method in lower case", method: "get", code: "csrf_failed"},
		{name: "no value, TRACE", method: "TRACE", code: "csrf_failed"},
		{name: "an empty value", method: "POST", change: list1(set("X-Csrf-Token", "")), code: "csrf_failed"},
		{name: "a wrong value", method: "POST", change: list1(set("X-Csrf-Token", csrf+"x")), code: "csrf_failed"},
		{name: "a value that is no ASCII", method: "POST", change: list1(set("X-Csrf-Token", "é\xff")), code: "csrf_failed"},
		{name: "the value of another session", method: "POST", change: list1(set("X-Csrf-Token", other.CSRFToken)), code: "csrf_failed"},
		{name: "the value of the refresh token", method: "POST", change: list1(set("X-Csrf-Token", refreshCSRF)), code: "csrf_failed"},
		{name: "the first of two values counts", method: "POST", change: list1(set("X-Csrf-Token", "x", csrf)), code: "csrf_failed"},
		{name: "the value in the URL", method: "POST", change: list1(func(r *http.Request) { r.URL.RawQuery = "csrf=" + url.QueryEscape(csrf) }), code: "csrf_failed"},
		{name: "the value in a form", method: "POST", change: list1(form("csrf=" + csrf))},
		{name: "a wrong value in a form", method: "POST", change: list1(form("csrf=x")), code: "csrf_failed"},
		{name: "the value in a form with files", method: "POST", change: list1(multi("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--B\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + csrf + "\r\n--B--\r\n"))},
		{name: "a form with files, without the value", method: "POST", change: list1(multi("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--B--\r\n")), code: "csrf_failed"},
		{name: "a form with files, cut off", method: "POST", change: list1(multi("--B\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + csrf)), code: "invalid_request"},
		{name: "the value as a file", method: "POST", change: list1(multi("--B\r\nContent-Disposition: form-data; name=\"csrf\"; filename=\"x\"\r\n\r\n" + csrf + "\r\n--B--\r\n")), code: "csrf_failed"},
		{name: "a form that is too large", method: "POST", change: list1(form("a=" + strings.Repeat("x", 1<<16) + "&csrf=" + csrf)), code: "invalid_request"},
		{name: "a form that breaks off", method: "POST", change: list1(form("x"), func(r *http.Request) { r.Body = io.NopCloser(failingBody{}) }), code: "invalid_request"},
		{name: "the value in JSON", method: "POST", change: list1(form(`{"csrf":"`+csrf+`"}`), set("Content-Type", "application/json")), code: "csrf_failed"},
		{name: "two values in a form", method: "POST", change: list1(form("csrf=" + csrf + "&csrf=" + csrf)), code: "invalid_request"},
		{name: "a wrong header beside a right form", method: "POST", change: list1(set("X-Csrf-Token", "x"), form("csrf="+csrf)), code: "csrf_failed"},
		{name: "from another site", method: "POST", change: list1(header, set("Sec-Fetch-Site", "cross-site")), code: "csrf_failed"},
		{name: "from another host of the site", method: "POST", change: list1(header, set("Sec-Fetch-Site", "same-site")), code: "csrf_failed"},
		{name: "by an old browser, from another origin", method: "POST", change: list1(header, without2("Sec-Fetch-Site"), set("Origin", "https://evil.example")), code: "csrf_failed"},
		{name: "by an old browser, from null", method: "POST", change: list1(header, without2("Sec-Fetch-Site"), set("Origin", "null")), code: "csrf_failed"},
		{name: "by an old browser, from here", method: "POST", change: list1(header, without2("Sec-Fetch-Site"), set("Origin", "https://app.example"))},
		{name: "a WebSocket from here", method: "GET", change: list1(set("Upgrade", "WebSocket"))},
		{name: "a WebSocket from another site", method: "GET", change: list1(set("Upgrade", "websocket"), set("Sec-Fetch-Site", "cross-site")), code: "csrf_failed"},
		{name: "a WebSocket from another origin, old browser", method: "GET", change: list1(set("Upgrade", "h2c, websocket"), without2("Sec-Fetch-Site"), set("Origin", "https://evil.example")), code: "csrf_failed"},
		{name: "a POST that says it opens a WebSocket", method: "POST", change: list1(set("Upgrade", "websocket")), code: "csrf_failed"},
		{name: "a WebSocket over HTTP/2 from another site", method: "CONNECT", change: list1(func(r *http.Request) { r.Header[":protocol"] = []string{"websocket"} }, set("Sec-Fetch-Site", "cross-site")), code: "csrf_failed"},
		{name: "a token without a CSRF claim", method: "POST", change: list1(replaced("__Host-access_token", unsigned), header), code: "csrf_failed"},
		{name: "a token whose CSRF claim is a number", method: "POST", change: list1(replaced("__Host-access_token", forge(t, ourHeader, with(`"csrf":1`))), set("X-Csrf-Token", "1")), code: "csrf_failed"},
		{name: "a token whose CSRF claim is empty", method: "POST", change: list1(replaced("__Host-access_token", forge(t, ourHeader, with(`"csrf":""`))), set("X-Csrf-Token", "")), code: "csrf_failed"},
		{name: "a token without a CSRF claim, reading", method: "GET", change: list1(replaced("__Host-access_token", unsigned)), code: ""},
		{name: "optional is no way around", method: "POST", demands: demands(jot.Optional()), code: "csrf_failed"},
		{name: "no cookie", method: "POST", change: list1(header, without("__Host-access_token")), code: "token_missing"},
		{name: "no cookie, reading", method: "GET", change: list1(without("__Host-access_token")), code: "token_missing"},
		{name: "an empty cookie", method: "GET", change: list1(replaced("__Host-access_token", "")), code: "token_missing"},
		{name: "two cookies", method: "GET", change: list1(cookie("__Host-access_token", "x")), code: "invalid_request"},
		{name: "two cookies on an optional route", method: "GET", demands: demands(jot.Optional()), change: list1(cookie("__Host-access_token", "x")), code: "invalid_request"},
		{name: "a cookie in another case", method: "GET", change: list1(without("__Host-access_token"), cookie("__host-access_token", p.AccessToken)), code: "token_missing"},
		{name: "a bad cookie", method: "GET", change: list1(replaced("__Host-access_token", "x")), code: "token_invalid"},
		{name: "a refresh token in the access cookie", method: "GET", change: list1(replaced("__Host-access_token", p.RefreshToken)), code: "token_wrong_type"},
		{name: "refresh", method: "POST", demands: demands(jot.Refresh()), change: list1(set("X-Csrf-Token", refreshCSRF))},
		{name: "refresh by the access token's value", method: "POST", demands: demands(jot.Refresh()), change: list1(header), code: "csrf_failed"},
		{name: "the header is not looked at", method: "GET", change: list1(without("__Host-access_token"), set("Authorization", "Bearer "+p.AccessToken)), code: "token_missing"},
		{name: "the header of a route", method: "POST", demands: demands(jot.Locations(jot.InHeader, jot.InCookie)), change: list1(set("Authorization", "Bearer "+p.AccessToken))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := b.request(tc.method, "/")
			for _, change := range tc.change {
				change(r)
			}
			got := send(m.Required(tc.demands...), r)
			if tc.code == "" {
				require.True(t, got.called, got.Body.String())
				if got.token.Location == jot.InCookie {
					require.Equal(t, "private, no-store", got.Header().Get("Cache-Control"))
				}
				return
			}
			require.False(t, got.called)
			require.Equal(t, tc.code, got.code(t))
			require.Empty(t, lines(got), "a refusal clears nothing: another tab may just have set better ones")
			if tc.code == "csrf_failed" {
				require.Equal(t, 403, got.Code)
				require.Empty(t, got.Header().Get("WWW-Authenticate"))
			}
		})
	}

	// Trusted origins.
	protection := http.NewCrossOriginProtection()
	require.NoError(t, protection.AddTrustedOrigin("https://www.example"))
	trusting := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithCrossOriginProtection(protection), jot.WithStore(memstore.New()))
	b = newBrowser(t)
	w = httptest.NewRecorder()
	p = pair(t, trusting)
	require.NoError(t, trusting.SetCookies(w, p))
	b.keep(w)
	for origin, good := range map[string]bool{"https://www.example": true, "https://evil.example": false} {
		for _, upgrade := range []bool{false, true} {
			r := b.request("POST", "/")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", origin)
			r.Header.Set("X-Csrf-Token", p.CSRFToken)
			if upgrade {
				r.Method = "GET"
				r.Header.Set("Upgrade", "websocket")
			}
			require.Equal(t, good, send(trusting.Required(), r).called)
		}
	}
}

func list1[T any](v ...T) []T { return v }

func without2(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }

// Header credentials know no CSRF: a page of another origin that has the token may use it.
func TestHeaderCredentialsKnowNoCSRF(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InCookie))
	r := bearer(access(t, m))
	r.Method = "POST"
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	require.True(t, send(m.Required(), r).called)
}

func TestCookieGuard(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}))
	login := func(r *http.Request) *answer { return send(m.CrossOriginGuard, r) }
	b := newBrowser(t)
	require.True(t, login(b.request("POST", "/login")).called)
	r := b.request("POST", "/login")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	got := login(r)
	require.False(t, got.called)
	require.Equal(t, "csrf_failed", got.code(t))
	r.Method = "GET"
	require.True(t, login(r).called)
	r.Header.Set("Upgrade", "websocket")
	require.False(t, login(r).called)
}

// The life of a browser's session: log in, read, change, refresh in two tabs, log out.
func TestCookieSession(t *testing.T) {
	instant := now
	m, err := jot.New(jot.HS256(secret), jot.WithCookies(jot.CookieConfig{}), jot.WithStore(memstore.New()), jot.WithClock(func() time.Time { return instant }))
	require.NoError(t, err)
	b := newBrowser(t)
	w := httptest.NewRecorder()
	require.NoError(t, m.WritePair(w, pair(t, m)))
	require.Len(t, lines(w), 4)
	var body map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.NotContains(t, w.Body.String(), "eyJ", "script sees no token")
	require.EqualValues(t, 900, body["expires_in"])
	b.keep(w)
	csrf := b.value("__Host-csrf_access_token")
	require.Equal(t, csrf, body["csrf_token"])
	require.Equal(t, b.value("__Host-csrf_refresh_token"), body["refresh_csrf_token"])

	change := func(csrf string) *answer {
		r := b.request("POST", "/")
		r.Header.Set("X-CSRF-Token", csrf)
		return send(m.Required(), r)
	}
	require.True(t, change(csrf).called)

	refresh := func() *answer {
		r := b.request("POST", "/refresh")
		r.Header.Set("X-CSRF-Token", b.value("__Host-csrf_refresh_token"))
		a := &answer{ResponseRecorder: httptest.NewRecorder()}
		m.RefreshHandler().ServeHTTP(a, r)
		return a
	}
	instant = instant.Add(10 * time.Minute)
	first, second := refresh(), refresh()
	for _, got := range []*answer{first, second} {
		require.Equal(t, 200, got.Code, got.Body.String())
		require.Len(t, lines(got), 4)
		require.NotContains(t, got.Body.String(), "eyJ")
	}
	require.Equal(t, first.Result().Cookies()[2].Value, second.Result().Cookies()[2].Value, "both tabs hold one refresh token")
	b.keep(first.ResponseRecorder)
	b.keep(second.ResponseRecorder)
	require.True(t, change(csrf).called, "and an open form holds its old value")

	// The access cookie is gone, the refresh cookie is still there, and so is the script's value.
	instant = instant.Add(time.Hour)
	delete(b.cookies, "__Host-access_token")
	for _, value := range []string{"", "x"} {
		r := b.request("POST", "/logout")
		r.Header.Set("X-CSRF-Token", value)
		require.Equal(t, "csrf_failed", post2(m.LogoutHandler(), r).code(t))
	}
	r := b.request("POST", "/logout")
	r.Header.Set("X-CSRF-Token", csrf)
	got := post2(m.LogoutHandler(), r)
	require.Equal(t, 204, got.Code, got.Body.String())
	require.Len(t, lines(got), 4)
	refreshed := b.value("__Host-refresh_token")
	b.keep(got.ResponseRecorder)
	require.Empty(t, b.cookies)
	_, err = m.Verify(ctx, refreshed, jot.Refresh())
	require.ErrorIs(t, err, jot.ErrRevoked)

	require.Equal(t, "token_missing", post2(m.LogoutHandler(), b.request("POST", "/logout")).code(t))
}

func post2(h http.Handler, r *http.Request) *answer {
	a := &answer{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(a, r)
	return a
}

// A step-up keeps the page's CSRF value; a session that was begun without cookies gets one.
func TestCSRFValuesOfASession(t *testing.T) {
	plain := newManager(t)
	p := pair(t, plain)
	require.Empty(t, p.CSRFToken)
	require.NotContains(t, claimsOf(t, p.AccessToken), "csrf")

	store := memstore.New()
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithStore(store))
	p = pair(t, m)
	token, err := m.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	require.Equal(t, p.CSRFToken, claimsOf(t, access(t, m, jot.InSession(token)))["csrf"])
	refresh, err := m.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	require.Equal(t, p.CSRFToken, claimsOf(t, access(t, m, jot.InSession(refresh)))["csrf"])
	next, err := m.Rotate(ctx, refresh)
	require.NoError(t, err)
	require.Equal(t, []string{p.CSRFToken, p.RefreshCSRFToken}, []string{next.CSRFToken, next.RefreshCSRFToken})
	one, two := claimsOf(t, access(t, m)), claimsOf(t, access(t, m))
	require.NotEqual(t, one["csrf"], two["csrf"])

	older := newManager(t, jot.WithStore(store))
	p = pair(t, older)
	refresh, err = m.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	require.Len(t, claimsOf(t, access(t, m, jot.InSession(refresh)))["csrf"], 22)
	next, err = m.Rotate(ctx, refresh)
	require.NoError(t, err)
	require.Len(t, next.CSRFToken, 22)
}

func TestWritePairByLocation(t *testing.T) {
	for _, tc := range []struct {
		opts    []jot.Option
		cookies int
		tokens  bool
	}{
		{options(jot.WithLocations(jot.InHeader, jot.InCookie)), 0, true},
		{options(jot.WithLocations(jot.InCookie)), 4, false},
		{options(jot.WithCookies(jot.CookieConfig{})), 4, false},
		{options(jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InCookie, jot.InQuery)), 4, false},
		{options(), 0, true},
	} {
		m := newManager(t, tc.opts...)
		w := httptest.NewRecorder()
		require.NoError(t, m.WritePair(w, pair(t, m)))
		require.Len(t, lines(w), tc.cookies)
		require.Equal(t, tc.tokens, strings.Contains(w.Body.String(), "eyJ"))
	}
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}))
	w := httptest.NewRecorder()
	require.Error(t, m.WritePair(w, &jot.Pair{AccessToken: "x"}))
	require.Empty(t, w.Body.String())
}

// What is too large for a cookie is found before a session begins, or a refresh token is used up.
func TestTooLargeForACookie(t *testing.T) {
	silence(t)
	store := memstore.New()
	cookies := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithStore(store))
	large := jot.Claim("x", strings.Repeat("x", 4000))
	_, err := cookies.CreatePair(ctx, "alice", large)
	require.ErrorIs(t, err, jot.ErrTokenTooLarge)
	_, sessions := store.Len()
	require.Zero(t, sessions)

	both := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InCookie), jot.WithStore(store), jot.WithRotationGrace(0))
	p := pair(t, both, large)
	for range 2 {
		r := newBrowser(t).request("POST", "/refresh")
		r.AddCookie(&http.Cookie{Name: "__Host-refresh_token", Value: p.RefreshToken})
		r.Header.Set("X-CSRF-Token", p.RefreshCSRFToken)
		require.Equal(t, 500, post2(both.RefreshHandler(), r).Code)
	}
	r := bearer(p.RefreshToken)
	r.Method = "POST"
	require.Equal(t, 200, post2(both.RefreshHandler(), r).Code, "it is as good as before, where there is room")
}
