package jot_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// carry puts a token into a request, somewhere.
type carry func(r *http.Request, raw string) *http.Request

func inHeader(name, prefix string) carry {
	return func(r *http.Request, raw string) *http.Request {
		r.Header.Add(name, prefix+raw)
		return r
	}
}

func inQuery(text string) carry {
	return func(r *http.Request, raw string) *http.Request {
		r.URL.RawQuery = strings.ReplaceAll(text, "TOKEN", raw)
		return r
	}
}

func inBody(kind, text string) carry {
	return func(_ *http.Request, raw string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.ReplaceAll(text, "TOKEN", raw)))
		r.Header.Set("Content-Type", kind)
		return r
	}
}

func both(a, b carry) carry {
	return func(r *http.Request, raw string) *http.Request { return b(a(r, raw), raw) }
}

func TestLocations(t *testing.T) {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	bearerOf := inHeader("Authorization", "Bearer ")
	query, body := jot.WithLocations(jot.InQuery), jot.WithLocations(jot.InBody)
	for _, tc := range []struct {
		name    string
		options []jot.Option
		demands []jot.RouteOption
		token   func(testing.TB, *jot.Manager) string
		carry   carry
		code    string // "" passes
		at      jot.Location
	}{
		{name: "another header", options: options(jot.WithHeader("x-auth", "Token")), carry: inHeader("X-Auth", "token "), at: jot.InHeader},
		{name: "another header, and the usual one", options: options(jot.WithHeader("X-Auth", "Token")), carry: bearerOf, code: "token_missing"},
		{name: "a bare token", options: options(jot.WithHeader("X-Auth", "")), carry: inHeader("X-Auth", ""), at: jot.InHeader},
		{name: "a bare token, empty", options: options(jot.WithHeader("X-Auth", "")), token: given(""), carry: inHeader("X-Auth", ""), code: "token_missing"},
		{name: "a bare token with a scheme", options: options(jot.WithHeader("X-Auth", "")), carry: inHeader("X-Auth", "Bearer "), code: "invalid_request"},
		{name: "a bare token, twice", options: options(jot.WithHeader("X-Auth", "")), carry: both(inHeader("X-Auth", ""), inHeader("X-Auth", "")), code: "invalid_request"},

		{name: "query", options: options(query), carry: inQuery("a=b&access_token=TOKEN"), at: jot.InQuery},
		{name: "query, nothing", options: options(query), carry: inQuery("a=b"), code: "token_missing"},
		{name: "query, empty", options: options(query), carry: inQuery("access_token="), code: "token_missing"},
		{name: "query, twice", options: options(query), carry: inQuery("access_token=TOKEN&access_token=TOKEN"), code: "invalid_request", at: jot.InQuery},
		{name: "query, garbage", options: options(query), carry: inQuery("access_token=x"), code: "token_invalid", at: jot.InQuery},
		{name: "query, another name", options: options(query, jot.WithQueryParam("jwt", "")), carry: inQuery("jwt=TOKEN"), at: jot.InQuery},
		{name: "query, with a prefix", options: options(query, jot.WithQueryParam("jwt", "Bearer ")), carry: inQuery("jwt=Bearer+TOKEN"), at: jot.InQuery},
		{name: "query, without its prefix", options: options(query, jot.WithQueryParam("jwt", "Bearer ")), carry: inQuery("jwt=TOKEN"), code: "invalid_request", at: jot.InQuery},
		{name: "query, the prefix alone", options: options(query, jot.WithQueryParam("jwt", "Bearer ")), carry: inQuery("jwt=Bearer+"), code: "invalid_request", at: jot.InQuery},
		{name: "query, but not looked at", carry: inQuery("access_token=TOKEN"), code: "token_missing"},
		{name: "query, a refresh token", options: options(jot.WithLocations(jot.InHeader, jot.InQuery)), demands: demands(jot.Refresh()), token: refreshToken, carry: inQuery("refresh_token=TOKEN&access_token=TOKEN"), code: "token_missing"},
		{name: "query, a refresh token on a route for any", options: options(query), demands: demands(jot.AccessOrRefresh()), token: refreshToken, carry: inQuery("access_token=TOKEN"), code: "token_wrong_type", at: jot.InQuery},

		{name: "JSON", options: options(body), carry: inBody(object, `{"access_token":"TOKEN","a":1}`), at: jot.InBody},
		{name: "JSON of a kind", options: options(body), carry: inBody("application/vnd.x+json; charset=utf-8", ` {"access_token":"TOKEN"} `), at: jot.InBody},
		{name: "JSON, a refresh token", options: options(body), demands: demands(jot.Refresh()), token: refreshToken, carry: inBody(object, `{"refresh_token":"TOKEN"}`), at: jot.InBody},
		{name: "JSON, the other key", options: options(body), demands: demands(jot.Refresh()), token: refreshToken, carry: inBody(object, `{"access_token":"TOKEN"}`), code: "token_missing"},
		{name: "JSON, own keys", options: options(body, jot.WithBodyKeys("a", "r")), carry: inBody(object, `{"a":"TOKEN"}`), at: jot.InBody},
		{name: "JSON, nothing", options: options(body), carry: inBody(object, `{}`), code: "token_missing"},
		{name: "JSON, null", options: options(body), carry: inBody(object, `{"access_token":null}`), code: "token_missing"},
		{name: "JSON, empty", options: options(body), carry: inBody(object, `{"access_token":""}`), code: "token_missing"},
		{name: "JSON, a number", options: options(body), carry: inBody(object, `{"access_token":1}`), code: "invalid_request"},
		{name: "JSON, twice", options: options(body), carry: inBody(object, `{"access_token":"TOKEN","access_token":"TOKEN"}`), code: "invalid_request"},
		{name: "JSON, broken", options: options(body), carry: inBody(object, `{"access_token":"TOKEN"`), code: "token_missing"},
		{name: "JSON, an array", options: options(body), carry: inBody(object, `["TOKEN"]`), code: "token_missing"},
		{name: "JSON, no text", options: options(body), carry: inBody(object, ``), code: "token_missing"},
		{name: "JSON, too large", options: options(body), carry: inBody(object, `{"access_token":"TOKEN","x":"`+strings.Repeat("x", 1<<16)+`"}`), code: "invalid_request"},
		{name: "JSON, not said to be", options: options(body), carry: inBody("text/plain", `{"access_token":"TOKEN"}`), code: "token_missing"},
		{name: "JSON, compressed", options: options(body), carry: both(inBody(object, `{"access_token":"TOKEN"}`), func(r *http.Request, _ string) *http.Request {
			r.Header.Set("Content-Encoding", "gzip")
			return r
		}), code: "token_missing"},
		{name: "no body", options: options(body), carry: func(r *http.Request, _ string) *http.Request { return r }, code: "token_missing"},
		{name: "form", options: options(body), carry: inBody(form, "a=b&access_token=TOKEN"), at: jot.InBody},
		{name: "form, nothing", options: options(body), carry: inBody(form, "a=b"), code: "token_missing"},
		{name: "form, twice", options: options(body), carry: inBody(form, "access_token=TOKEN&access_token=TOKEN"), code: "invalid_request"},
		{name: "form, broken", options: options(body), carry: inBody(form, "access_token=TOKEN&%zz"), code: "invalid_request"},
		{name: "form, not by POST", options: options(body), carry: both(inBody(form, "access_token=TOKEN"), func(r *http.Request, _ string) *http.Request {
			r.Method = http.MethodPut
			return r
		}), code: "token_missing"},
		{name: "form, of files", options: options(body), carry: inBody("multipart/form-data; boundary=x", "access_token=TOKEN"), code: "token_missing"},

		{name: "the first place decides", options: options(jot.WithLocations(jot.InQuery, jot.InHeader)), carry: both(bearerOf, inQuery("access_token=x")), code: "token_invalid", at: jot.InQuery},
		{name: "the first place decides, good", options: options(jot.WithLocations(jot.InHeader, jot.InQuery)), carry: both(bearerOf, inQuery("access_token=x")), at: jot.InHeader},
		{name: "something bad does not fall through", options: options(jot.WithLocations(jot.InHeader, jot.InQuery)), carry: both(inHeader("Authorization", "Bearer a b"), inQuery("access_token=TOKEN")), code: "invalid_request"},
		{name: "another scheme is not there", options: options(jot.WithLocations(jot.InHeader, jot.InQuery)), carry: both(func(r *http.Request, _ string) *http.Request {
			r.SetBasicAuth("a", "b")
			return r
		}, inQuery("access_token=TOKEN")), at: jot.InQuery},
		{name: "places of the route", demands: demands(jot.Locations(jot.InQuery)), carry: both(bearerOf, inQuery("access_token=x")), code: "token_invalid", at: jot.InQuery},
		{name: "places of the route, good", options: options(body), demands: demands(jot.Locations(jot.InHeader)), carry: bearerOf, at: jot.InHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newManager(t, tc.options...)
			if tc.token == nil {
				tc.token = made()
			}
			r := tc.carry(httptest.NewRequest(http.MethodPost, "/", nil), tc.token(t, m))
			got := send(m.Required(tc.demands...), r)
			if tc.code != "" {
				require.False(t, got.called)
				require.Equal(t, tc.code, got.code(t))
			} else {
				require.True(t, got.called, got.Body.String())
				require.Equal(t, tc.at, got.token.Location)
				want := "private, no-store" // RFC 9111 section 3.5 looks after Authorization alone
				if tc.at == jot.InHeader && r.Header.Get("Authorization") != "" {
					want = ""
				}
				require.Equal(t, want, got.Header().Get("Cache-Control"))
			}
			require.Equal(t, map[jot.Location]string{jot.InQuery: "no-referrer"}[tc.at], got.Header().Get("Referrer-Policy"))
		})
	}
}

// Whoever reads the body afterwards finds all of it, however much was looked at.
func TestBodyStaysReadable(t *testing.T) {
	m := newManager(t, jot.WithLocations(jot.InBody, jot.InHeader))
	raw := access(t, m)
	for _, tc := range []struct{ kind, text string }{
		{"application/json", `{"access_token":"` + raw + `","n":[1,2]}`},
		{"application/x-www-form-urlencoded", "n=1&access_token=" + raw},
		{"text/plain", strings.Repeat("x", 1<<20)},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.text))
		r.Header.Set("Content-Type", tc.kind)
		r.Header.Set("Authorization", "Bearer "+raw)
		read := ""
		m.Required()(m.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(tc.kind, "urlencoded") {
				read = "n=" + r.FormValue("n") + "&access_token=" + r.FormValue("access_token")
				return
			}
			text, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.NoError(t, r.Body.Close())
			read = string(text)
		}))).ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, tc.text, read)
	}

	r := httptest.NewRequest(http.MethodPost, "/", failingBody{})
	r.Header.Set("Content-Type", "application/json")
	require.Equal(t, "invalid_request", send(m.Required(), r).code(t))
}

type failingBody struct{}

func (failingBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLocationMistakes(t *testing.T) {
	for text, opt := range map[string]jot.Option{
		"WithLocations: name at least one":                            jot.WithLocations(),
		`WithLocations: "moon" is no location`:                        jot.WithLocations("moon"),
		`WithLocations: "query" is there twice`:                       jot.WithLocations(jot.InQuery, jot.InQuery),
		"WithHeader: not the name":                                    jot.WithHeader("X Auth", "Bearer"),
		"WithHeader: not the name of a header":                        jot.WithHeader("X-Auth", "Bearer:"),
		"WithQueryParam: the name is empty":                           jot.WithQueryParam("", "x"),
		"WithBodyKeys: a name is empty":                               jot.WithBodyKeys("a", ""),
		"WithCrossOriginProtection: it is nil":                        jot.WithCrossOriginProtection(nil),
		"WithCrossOriginProtection has no effect without WithCookies": jot.WithCrossOriginProtection(http.NewCrossOriginProtection()),
	} {
		_, err := jot.New(jot.HS256(secret), opt)
		require.ErrorContains(t, err, text)
	}
	m := newManager(t)
	for text, opt := range map[string]jot.RouteOption{
		"Locations: name at least one":          jot.Locations(),
		`Locations: "moon" is no location`:      jot.Locations("moon"),
		"Refresh and Locations(InQuery)":        jot.RouteOptions(jot.Refresh(), jot.Locations(jot.InQuery)),
		"Locations(InCookie) needs WithCookies": jot.Locations(jot.InCookie),
	} {
		require.Contains(t, panicOf(func() { m.Guard(opt) }), "jot: Guard: ")
		require.Contains(t, panicOf(func() { m.Guard(opt) }), text)
	}
}
