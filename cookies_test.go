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
	type config = jot.CookieConfig
	former := func(c jot.FormerCookie) config { return config{Former: []jot.FormerCookie{c}} }
	for _, tc := range []struct {
		config config
		wrong  string
	}{
		{config{AccessName: "__Host-a", Domain: "example.com"}, `a cookie of the name "__Host-a" has no Domain`},
		{config{AccessCSRFName: "__hOsT-a", Domain: "example.com"}, `a cookie of the name "__hOsT-a" has no Domain`},
		{config{RefreshName: "__Host-r", RefreshPath: "/auth"}, `a cookie of the name "__Host-r" has the Path "/"`},
		{config{AccessCSRFName: "__Http-c"}, `a cookie of the name "__Http-c" cannot be read by scripts`},
		{config{RefreshCSRFName: "__Host-Http-c"}, `a cookie of the name "__Host-Http-c" cannot be read by scripts`},
		{config{Insecure: true, SameSite: http.SameSiteNoneMode}, "SameSite=None wants Secure"},
		{config{Insecure: true, RefreshSameSite: http.SameSiteNoneMode}, "SameSite=None wants Secure"},
		{config{SameSite: http.SameSiteDefaultMode}, "SameSite 1 is not Lax, Strict or None"},
		{config{RefreshSameSite: 9}, "SameSite 9 is not"},
		{config{Insecure: true, Partitioned: true}, "Partitioned wants Secure"},
		{config{AccessName: "a b"}, `"a b" is no name for a cookie`},
		{config{RefreshName: "a;b"}, `"a;b" is no name for a cookie`},
		{config{AccessName: "__Secure-"}, `"__Secure-" is no name for a cookie`},
		{config{AccessName: "a", RefreshName: "a"}, `two cookies have the name "a"`},
		{config{AccessName: "a", RefreshCSRFName: "a"}, `two cookies have the name "a"`},
		{config{CSRFHeader: "X CSRF"}, `"X CSRF" is no name for a header`},
		{config{Domain: "exa mple.com"}, `"exa mple.com" is no domain`},
		{config{Domain: "a..b"}, `"a..b" is no domain`},
		{config{RefreshPath: "auth"}, `"auth" is no path`},
		{config{RefreshPath: "/a;b"}, `"/a;b" is no path`},
		{former(jot.FormerCookie{}), `the former cookie "" cannot have been one`},
		{former(jot.FormerCookie{Name: "x", Path: "x"}), `the former cookie "x" cannot have been one`},
		{former(jot.FormerCookie{Name: "__Host-access_token"}), `is one that is set now`},
	} {
		_, err := jot.New(jot.HS256(secret), jot.WithCookies(tc.config))
		require.ErrorContains(t, err, tc.wrong)
	}

	// All mistakes are reported at once.
	_, err := jot.New(jot.HS256(secret), jot.WithCookies(config{AccessName: "a b", CSRFHeader: "a b", Domain: "a b"}))
	for _, wrong := range []string{"no name for a cookie", "no name for a header", "no domain"} {
		require.ErrorContains(t, err, wrong)
	}
	_, err = jot.New(jot.HS256(secret), jot.WithCookies(config{}), jot.WithCookies(config{}))
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
	const cleared = "; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure"
	embedded := jot.CookieConfig{AccessName: "a", RefreshName: "__Secure-r", Partitioned: true}
	embedded.SameSite, embedded.RefreshSameSite = http.SameSiteNoneMode, http.SameSiteNoneMode
	renamed := jot.CookieConfig{Former: []jot.FormerCookie{
		{Name: "old"}, {Name: "__Host-access_token", Domain: "example.com", Path: "/x"},
	}}
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
		{"a domain", jot.CookieConfig{Domain: "app.test"}, []string{
			"__Secure-access_token=TOKEN; Path=/; Domain=app.test; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
			"__Secure-csrf_access_token=CSRF; Path=/; Domain=app.test; Max-Age=900; Secure; SameSite=Lax",
			"__Secure-refresh_token=TOKEN; Path=/; Domain=app.test; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict",
			"__Secure-csrf_refresh_token=CSRF; Path=/; Domain=app.test; Max-Age=2592000; Secure; SameSite=Strict",
		}},
		{"insecure", jot.CookieConfig{Insecure: true, AccessName: "__Host-mine"}, []string{
			"mine=TOKEN; Path=/; Max-Age=900; HttpOnly; SameSite=Lax",
			"csrf_access_token=CSRF; Path=/; Max-Age=900; SameSite=Lax",
			"refresh_token=TOKEN; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict",
			"csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; SameSite=Strict",
		}},
		{"own names, embedded", embedded, []string{
			"a=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=None; Partitioned",
			"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=None; Partitioned",
			"__Secure-r=TOKEN; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=None; Partitioned",
			"__Host-csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; Secure; SameSite=None; Partitioned",
		}},
		{"former ones", renamed, []string{
			"old=; Path=/" + cleared,
			"__Host-access_token=; Path=/x; Domain=example.com" + cleared,
			"__Host-access_token=TOKEN; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
			"__Host-csrf_access_token=CSRF; Path=/; Max-Age=900; Secure; SameSite=Lax",
			"__Host-refresh_token=TOKEN; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict",
			"__Host-csrf_refresh_token=CSRF; Path=/; Max-Age=2592000; Secure; SameSite=Strict",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newManager(t, jot.WithCookies(tc.c))
			w := httptest.NewRecorder()
			require.NoError(t, m.SetCookies(w, pair(t, m)))
			require.Equal(t, tc.want, lines(w))
			require.NoError(t, m.SetCookies(w, pair(t, m)))
			require.Equal(t, tc.want, lines(w), "a second time is instead of the first")

			w = httptest.NewRecorder()
			m.UnsetCookies(w)
			require.Len(t, lines(w), 4+len(tc.c.Former))
			for _, line := range lines(w) {
				require.Contains(t, line, "=; Path=/")
				require.Contains(t, line, "Max-Age=0")
				secure := strings.Contains(line, "; Secure") // without it, browsers ignore a name with a prefix
				require.Equal(t, !tc.c.Insecure, secure)
			}
			require.NoError(t, m.SetCookies(w, pair(t, m)))
			require.Equal(t, tc.want, lines(w))
		})
	}
}

func TestSetCookiesRefuses(t *testing.T) {
	// With the header first, a token may be larger than a cookie can be.
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
	for name, bad := range map[string]*jot.Pair{
		"nil":                              nil,
		"empty":                            {},
		"an access token that is none":     {AccessToken: "x"},
		"a refresh token that is none":     {AccessToken: p.AccessToken, RefreshToken: "x"},
		"a refresh token as access token":  {AccessToken: p.RefreshToken},
		"an access token as refresh token": {RefreshToken: p.AccessToken},
	} {
		require.Error(t, m.SetCookies(w, bad), name)
		require.Empty(t, lines(w), name)
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

// receive keeps the cookies of a pair, as after a login.
func (b *browser) receive(m *jot.Manager, p *jot.Pair) {
	b.t.Helper()
	w := httptest.NewRecorder()
	require.NoError(b.t, m.SetCookies(w, p))
	b.keep(w)
}

// request is what a page of this site sends, with these changes.
func (b *browser) request(method, target string, changes ...edit) *http.Request {
	r := httptest.NewRequest(method, "https://app.example"+target, nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range b.cookies {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	for _, change := range changes {
		change(r)
	}
	return r
}

func (b *browser) value(name string) string {
	require.Contains(b.t, b.cookies, name)
	return b.cookies[name].Value
}

// edit changes one thing about a request.
type edit func(*http.Request)

func setHeader(name string, values ...string) edit {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func addCookie(name, value string) edit {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
}

// keepCookies drops the cookies that keep refuses.
func keepCookies(keep func(name string) bool) edit {
	return func(r *http.Request) {
		all := r.Cookies()
		r.Header.Del("Cookie")
		for _, cookie := range all {
			if keep(cookie.Name) {
				r.AddCookie(cookie)
			}
		}
	}
}

func dropCookie(name string) edit {
	return keepCookies(func(other string) bool { return other != name })
}

// swapCookie replaces the value of a cookie.
func swapCookie(name, value string) edit {
	return func(r *http.Request) {
		dropCookie(name)(r)
		addCookie(name, value)(r)
	}
}

// setBody replaces the body of a request, and says what kind of text it is.
func setBody(kind, text string) edit {
	return func(r *http.Request) {
		other := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
		r.Body, r.ContentLength = other.Body, other.ContentLength
		r.Header.Set("Content-Type", kind)
	}
}

// The kinds of forms, and the parts of one with files.
const (
	urlencoded = "application/x-www-form-urlencoded"
	withFiles  = "multipart/form-data; boundary=B"
	lastPart   = "--B--\r\n"
)

func part(name, text string) string {
	return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + text + "\r\n"
}

func filePart(name, text string) string {
	return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"x\"\r\n\r\n" + text + "\r\n"
}

func TestCookieCredentials(t *testing.T) {
	const passes, accessCookie, evil = "", "__Host-access_token", "https://evil.example"
	m := newManager(t, jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}), jot.WithStore(memstore.New()))
	p, other := pair(t, m), pair(t, m)
	b := newBrowser(t)
	b.receive(m, p)
	csrf, refreshCSRF := b.value("__Host-csrf_access_token"), b.value("__Host-csrf_refresh_token")
	require.Equal(t, p.CSRFToken, csrf)
	require.Equal(t, p.RefreshCSRFToken, refreshCSRF)
	require.NotEqual(t, csrf, refreshCSRF)
	require.Equal(t, csrf, claimsOf(t, p.AccessToken)["csrf"])

	// What the requests below are made of.
	value := func(values ...string) edit { return setHeader("X-Csrf-Token", values...) }
	repeats := value(csrf)
	form := func(text string) edit { return setBody(urlencoded, text) }
	files := func(parts ...string) edit { return setBody(withFiles, strings.Join(parts, "")) }
	inURL := func(r *http.Request) { r.URL.RawQuery = "csrf=" + url.QueryEscape(csrf) }
	large := strings.Repeat("x", 1<<16)
	breaksOff := func(r *http.Request) { r.Body = io.NopCloser(failingBody{}) }
	from := func(site string) edit { return setHeader("Sec-Fetch-Site", site) }
	oldBrowser := func(origin string) edit { // from before Sec-Fetch-Site
		return func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", origin)
		}
	}
	upgrade := func(protocols string) edit { return setHeader("Upgrade", protocols) }
	overHTTP2 := func(r *http.Request) { r.Header[":protocol"] = []string{"websocket"} }
	byHeader := setHeader("Authorization", "Bearer "+p.AccessToken)
	holding := func(raw string) edit { return swapCookie(accessCookie, raw) }
	otherCase := func(r *http.Request) {
		dropCookie(accessCookie)(r)
		addCookie("__host-access_token", p.AccessToken)(r)
	}
	secondCookie := addCookie(accessCookie, "x")
	withCSRF := func(claim string) edit { return holding(forge(t, ourHeader, with(`"csrf":`+claim))) }
	withoutCSRF := holding(forge(t, ourHeader, `{`+sound+`}`))

	page := func(method string, changes ...edit) *http.Request { return b.request(method, "/", changes...) }
	check := func(guard func(http.Handler) http.Handler, r *http.Request, code string) func(*testing.T) {
		return func(t *testing.T) {
			got := send(guard, r)
			if code == passes {
				require.True(t, got.called, got.Body.String())
				if got.token.Location == jot.InCookie {
					require.Equal(t, "private, no-store", got.Header().Get("Cache-Control"))
				}
				return
			}
			require.False(t, got.called)
			require.Equal(t, code, got.code(t))
			require.Empty(t, lines(got), "a refusal clears nothing: another tab may just have set better ones")
			if code == "csrf_failed" {
				require.Equal(t, 403, got.Code)
				require.Empty(t, got.Header().Get("WWW-Authenticate"))
			}
		}
	}

	for _, tc := range []struct {
		name string
		r    *http.Request
		code string
	}{
		{"a page is read", page("GET"), passes},
		{"HEAD", page("HEAD"), passes},
		{"OPTIONS", page("OPTIONS"), passes},
		{"a link from another site is followed", page("GET", from("cross-site")), passes},
		{"something is changed", page("POST", repeats), passes},
		{"by DELETE", page("DELETE", repeats), passes},

		{"no value", page("POST"), "csrf_failed"},
		{"no value, by a method that nobody knows", page("FROB"), "csrf_failed"},
		{"no value, by a method in lower case", page("get"), "csrf_failed"},
		{"no value, TRACE", page("TRACE"), "csrf_failed"},
		{"an empty value", page("POST", value("")), "csrf_failed"},
		{"a wrong value", page("POST", value(csrf+"x")), "csrf_failed"},
		{"a value that is no ASCII", page("POST", value("é\xff")), "csrf_failed"},
		{"the value of another session", page("POST", value(other.CSRFToken)), "csrf_failed"},
		{"the value of the refresh token", page("POST", value(refreshCSRF)), "csrf_failed"},
		{"the first of two values counts", page("POST", value("x", csrf)), "csrf_failed"},

		{"the value in the URL", page("POST", inURL), "csrf_failed"},
		{"the value in JSON", page("POST", setBody("application/json", `{"csrf":"`+csrf+`"}`)), "csrf_failed"},
		{"the value in a form", page("POST", form("csrf="+csrf)), passes},
		{"a wrong value in a form", page("POST", form("csrf=x")), "csrf_failed"},
		{"two values in a form", page("POST", form("csrf="+csrf+"&csrf="+csrf)), "invalid_request"},
		{"a wrong header beside a right form", page("POST", value("x"), form("csrf="+csrf)), "csrf_failed"},
		{"a form that is too large", page("POST", form("a="+large+"&csrf="+csrf)), "invalid_request"},
		{"a form that breaks off", page("POST", form("x"), breaksOff), "invalid_request"},
		{"the value in a form with files", page("POST", files(part("a", "b"), part("csrf", csrf), lastPart)), passes},
		{"a form with files, without the value", page("POST", files(part("a", "b"), lastPart)), "csrf_failed"},
		{"a form with files, cut off", page("POST", files(strings.TrimSpace(part("csrf", csrf)))), "invalid_request"},
		{"the value as a file", page("POST", files(filePart("csrf", csrf), lastPart)), "csrf_failed"},

		{"from another site", page("POST", repeats, from("cross-site")), "csrf_failed"},
		{"from another host of the site", page("POST", repeats, from("same-site")), "csrf_failed"},
		{"by an old browser, from another origin", page("POST", repeats, oldBrowser(evil)), "csrf_failed"},
		{"by an old browser, from null", page("POST", repeats, oldBrowser("null")), "csrf_failed"},
		{"by an old browser, from here", page("POST", repeats, oldBrowser("https://app.example")), passes},

		{"a WebSocket from here", page("GET", upgrade("WebSocket")), passes},
		{"a WebSocket from another site", page("GET", upgrade("websocket"), from("cross-site")), "csrf_failed"},
		{"a WebSocket of an old browser", page("GET", upgrade("h2c, websocket"), oldBrowser(evil)), "csrf_failed"},
		{"a WebSocket over HTTP/2 from another site", page("CONNECT", overHTTP2, from("cross-site")), "csrf_failed"},
		{"a POST that says it opens a WebSocket", page("POST", upgrade("websocket")), "csrf_failed"},

		{"a token without a CSRF claim", page("POST", withoutCSRF, repeats), "csrf_failed"},
		{"a token without a CSRF claim, reading", page("GET", withoutCSRF), passes},
		{"a token whose CSRF claim is a number", page("POST", withCSRF("1"), value("1")), "csrf_failed"},
		{"a token whose CSRF claim is empty", page("POST", withCSRF(`""`), value("")), "csrf_failed"},

		{"no cookie", page("POST", repeats, dropCookie(accessCookie)), "token_missing"},
		{"no cookie, reading", page("GET", dropCookie(accessCookie)), "token_missing"},
		{"an empty cookie", page("GET", holding("")), "token_missing"},
		{"two cookies", page("GET", secondCookie), "invalid_request"},
		{"a cookie in another case", page("GET", otherCase), "token_missing"},
		{"a bad cookie", page("GET", holding("x")), "token_invalid"},
		{"a refresh token in the access cookie", page("GET", holding(p.RefreshToken)), "token_wrong_type"},
		{"the header is not looked at", page("GET", dropCookie(accessCookie), byHeader), "token_missing"},
	} {
		t.Run(tc.name, check(m.Required(), tc.r, tc.code))
	}

	optional, refresh := m.Required(jot.Optional()), m.Required(jot.Refresh())
	headerFirst := m.Required(jot.Locations(jot.InHeader, jot.InCookie))
	t.Run("optional is no way around", check(optional, page("POST"), "csrf_failed"))
	t.Run("two cookies on an optional route", check(optional, page("GET", secondCookie), "invalid_request"))
	t.Run("refresh", check(refresh, page("POST", value(refreshCSRF)), passes))
	t.Run("refresh by the access token's value", check(refresh, page("POST", repeats), "csrf_failed"))
	t.Run("the header of a route", check(headerFirst, page("POST", byHeader), passes))

	// Trusted origins.
	protection := http.NewCrossOriginProtection()
	require.NoError(t, protection.AddTrustedOrigin("https://www.example"))
	trusting := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithStore(memstore.New()),
		jot.WithCrossOriginProtection(protection))
	b, p = newBrowser(t), pair(t, trusting)
	b.receive(trusting, p)
	for origin, trusted := range map[string]bool{"https://www.example": true, evil: false} {
		sent := []edit{value(p.CSRFToken), from("cross-site"), setHeader("Origin", origin)}
		changes, opensWebSocket := page("POST", sent...), page("GET", append(sent, upgrade("websocket"))...)
		require.Equal(t, trusted, send(trusting.Required(), changes).called)
		require.Equal(t, trusted, send(trusting.Required(), opensWebSocket).called)
	}
}

// Header credentials know no CSRF: a page of another origin that has the token may use it.
func TestHeaderCredentialsKnowNoCSRF(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InCookie))
	r := bearer(access(t, m))
	r.Method = "POST"
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	require.True(t, send(m.Required(), r).called)
}

// A token that a guard has verified as a header is asked for the page's proof as a cookie, the same text or not.
func TestCookieWithinAHeadersGuard(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InCookie))
	p := pair(t, m)
	b := newBrowser(t)
	b.receive(m, p)
	byHeader, byCookie := m.Required(), m.Required(jot.Locations(jot.InCookie))
	const passes = ""
	for _, tc := range []struct {
		name   string
		site   string
		values []string
		code   string
	}{
		{"without a value", "same-origin", nil, "csrf_failed"},
		{"by a wrong value", "same-origin", []string{"x"}, "csrf_failed"},
		{"by the value", "same-origin", []string{p.CSRFToken}, passes},
		{"by the value, from another site", "cross-site", []string{p.CSRFToken}, "csrf_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			authorization := setHeader("Authorization", "Bearer "+p.AccessToken)
			r := b.request("POST", "/", authorization, setHeader("X-Csrf-Token", tc.values...),
				setHeader("Sec-Fetch-Site", tc.site))
			require.True(t, send(byHeader, r).called)
			got := send(func(next http.Handler) http.Handler { return byHeader(byCookie(next)) }, r)
			require.Equal(t, tc.code == passes, got.called, got.Body.String())
			if tc.code != passes {
				require.Equal(t, tc.code, got.code(t))
			}
		})
	}
}

// HTTP/2 may send each cookie in a field of its own (RFC 9113 section 8.2.3): they are one list all the same.
func TestCookiesOverHTTP2(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}))
	server := httptest.NewUnstartedServer(m.Required()(http.HandlerFunc(noContent)))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	token := "__Host-access_token=" + access(t, m)
	for _, tc := range []struct {
		name   string
		fields []string
		status int
	}{
		{"one field", []string{"a=b; " + token + "; c=d"}, 204},
		{"a field for each", []string{"a=b", token, "c=d"}, 204},
		{"the same name in another field", []string{"__Host-access_token=x", token}, 400},
		{"the same cookie twice", []string{token, token}, 400},
		{"no token", []string{"a=b", "c=d"}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			require.NoError(t, err)
			r.Header["Cookie"] = tc.fields
			response, err := server.Client().Do(r)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, 2, response.ProtoMajor)
			require.Equal(t, tc.status, response.StatusCode)
		})
	}
}

func TestCookieGuard(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}))
	login := func(method string, changes ...edit) *answer {
		return send(m.CrossOriginGuard, newBrowser(t).request(method, "/login", changes...))
	}
	crossSite, upgrade := setHeader("Sec-Fetch-Site", "cross-site"), setHeader("Upgrade", "websocket")
	require.True(t, login("POST").called)
	got := login("POST", crossSite)
	require.False(t, got.called)
	require.Equal(t, "csrf_failed", got.code(t))
	require.True(t, login("GET", crossSite).called)
	require.False(t, login("GET", crossSite, upgrade).called)
}

// The life of a browser's session: log in, read, change, refresh in two tabs, log out.
func TestCookieSession(t *testing.T) {
	m := newWorld(t, jot.WithCookies(jot.CookieConfig{}))
	b := newBrowser(t)
	w := httptest.NewRecorder()
	require.NoError(t, m.WritePair(w, pair(t, m.Manager)))
	require.Len(t, lines(w), 4)
	var body map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.NotContains(t, w.Body.String(), "eyJ", "script sees no token")
	require.EqualValues(t, 900, body["expires_in"])
	b.keep(w)
	csrf := b.value("__Host-csrf_access_token")
	require.Equal(t, csrf, body["csrf_token"])
	require.Equal(t, b.value("__Host-csrf_refresh_token"), body["refresh_csrf_token"])

	post := func(target, csrf string) *http.Request {
		return b.request("POST", target, setHeader("X-CSRF-Token", csrf))
	}
	require.True(t, send(m.Required(), post("/", csrf)).called)

	m.now = m.now.Add(10 * time.Minute)
	inOneTab := post("/refresh", b.value("__Host-csrf_refresh_token"))
	inAnother := post("/refresh", b.value("__Host-csrf_refresh_token"))
	first, second := answerOf(m.RefreshHandler(), inOneTab), answerOf(m.RefreshHandler(), inAnother)
	for _, got := range []*answer{first, second} {
		require.Equal(t, 200, got.Code, got.Body.String())
		require.Len(t, lines(got), 4)
		require.NotContains(t, got.Body.String(), "eyJ")
		b.keep(got.ResponseRecorder)
	}
	refreshOf := func(a *answer) string { return a.Result().Cookies()[2].Value }
	require.Equal(t, refreshOf(first), refreshOf(second), "both tabs hold one refresh token")
	require.True(t, send(m.Required(), post("/", csrf)).called, "and an open form holds its old value")

	// The access cookie is gone, the refresh cookie is still there, and so is the script's value.
	m.now = m.now.Add(time.Hour)
	delete(b.cookies, "__Host-access_token")
	for _, wrong := range []string{"", "x"} {
		require.Equal(t, "csrf_failed", answerOf(m.LogoutHandler(), post("/logout", wrong)).code(t))
	}
	got := answerOf(m.LogoutHandler(), post("/logout", csrf))
	require.Equal(t, 204, got.Code, got.Body.String())
	require.Len(t, lines(got), 4)
	refreshed := b.value("__Host-refresh_token")
	b.keep(got.ResponseRecorder)
	require.Empty(t, b.cookies)
	_, err := m.Verify(ctx, refreshed, jot.Refresh())
	require.ErrorIs(t, err, jot.ErrRevoked)

	require.Equal(t, "token_missing", answerOf(m.LogoutHandler(), b.request("POST", "/logout")).code(t))
}

// answerOf is what a handler answers.
func answerOf(h http.Handler, r *http.Request) *answer {
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
	withCookies := jot.WithCookies(jot.CookieConfig{})
	const set, none, tokens, noTokens = 4, 0, true, false
	for _, tc := range []struct {
		name    string
		options []jot.Option
		cookies int
		body    bool // has the tokens
	}{
		{"without cookies", nil, none, tokens},
		{"with cookies", []jot.Option{withCookies}, set, noTokens},
		{"in cookies", []jot.Option{jot.WithLocations(jot.InCookie)}, set, noTokens},
		{"cookies first", []jot.Option{withCookies, jot.WithLocations(jot.InCookie, jot.InQuery)}, set, noTokens},
		{"the header first", []jot.Option{jot.WithLocations(jot.InHeader, jot.InCookie)}, none, tokens},
	} {
		m := newManager(t, tc.options...)
		w := httptest.NewRecorder()
		require.NoError(t, m.WritePair(w, pair(t, m)), tc.name)
		require.Len(t, lines(w), tc.cookies, tc.name)
		require.Equal(t, tc.body, strings.Contains(w.Body.String(), "eyJ"), tc.name)
	}
	m := newManager(t, withCookies)
	w := httptest.NewRecorder()
	require.Error(t, m.WritePair(w, &jot.Pair{AccessToken: "x"}))
	require.Empty(t, w.Body.String())

	// One token, as after step-up authentication, and what a page needs for it.
	p := pair(t, m)
	for _, tc := range []struct {
		pair jot.Pair
		body string
	}{
		{jot.Pair{AccessToken: p.AccessToken}, `{"csrf_token":"` + p.CSRFToken + `","expires_in":900}`},
		{jot.Pair{RefreshToken: p.RefreshToken}, `{"refresh_csrf_token":"` + p.RefreshCSRFToken + `"}`},
		{
			jot.Pair{AccessToken: p.AccessToken, CSRFToken: "x", ExpiresIn: time.Minute},
			`{"csrf_token":"x","expires_in":60}`,
		},
	} {
		w = httptest.NewRecorder()
		require.NoError(t, m.WritePair(w, &tc.pair))
		require.Len(t, lines(w), 2)
		require.JSONEq(t, tc.body, w.Body.String())
	}
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

	both := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InCookie),
		jot.WithStore(store), jot.WithRotationGrace(0))
	p := pair(t, both, large)
	inCookie := addCookie("__Host-refresh_token", p.RefreshToken)
	repeats := setHeader("X-CSRF-Token", p.RefreshCSRFToken)
	for range 2 {
		r := newBrowser(t).request("POST", "/refresh", inCookie, repeats)
		require.Equal(t, 500, answerOf(both.RefreshHandler(), r).Code)
	}
	r := bearer(p.RefreshToken)
	r.Method = "POST"
	require.Equal(t, 200, answerOf(both.RefreshHandler(), r).Code, "it is as good as before, where there is room")
}
