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

func TestLocations(t *testing.T) {
	type guard = func(http.Handler) http.Handler
	guarded := func(opts ...jot.Option) guard { return newManager(t, opts...).Required() }
	byQuery, byBody := jot.WithLocations(jot.InQuery), jot.WithLocations(jot.InBody)

	// The guards, by where they look.
	header, bare := guarded(jot.WithHeader("x-auth", "Token")), guarded(jot.WithHeader("X-Auth", ""))
	standard, query, body := guarded(), guarded(byQuery), guarded(byBody)
	namedQuery := guarded(byQuery, jot.WithQueryParam("jwt", ""))
	prefixedQuery := guarded(byQuery, jot.WithQueryParam("jwt", "Bearer "))
	namedBody := guarded(byBody, jot.WithBodyKeys("a", "r"))
	headerThenQuery := guarded(jot.WithLocations(jot.InHeader, jot.InQuery))
	queryThenHeader := guarded(jot.WithLocations(jot.InQuery, jot.InHeader))
	refreshByQuery := newManager(t, jot.WithLocations(jot.InHeader, jot.InQuery)).Required(jot.Refresh())
	refreshByBody := newManager(t, byBody).Required(jot.Refresh())
	eitherByQuery := newManager(t, byQuery).Required(jot.AccessOrRefresh())
	routeByQuery := newManager(t).Required(jot.Locations(jot.InQuery))
	routeByHeader := newManager(t, byBody).Required(jot.Locations(jot.InHeader))

	// What requests carry. TOKEN and REFRESH stand for tokens, which any of the managers takes.
	m := newManager(t)
	tokens := strings.NewReplacer("TOKEN", access(t, m), "REFRESH", pair(t, m).RefreshToken)
	post := func(edits ...edit) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		for _, edit := range edits {
			edit(r)
		}
		return r
	}
	field := func(name, text string) edit {
		return func(r *http.Request) { r.Header.Add(name, tokens.Replace(text)) }
	}
	bearer, twoWords := field("Authorization", "Bearer TOKEN"), field("Authorization", "Bearer a b")
	xAuth := field("X-Auth", "TOKEN")
	params := func(text string) edit { return func(r *http.Request) { r.URL.RawQuery = tokens.Replace(text) } }
	param, badParam := params("access_token=TOKEN"), params("access_token=x")
	text := func(kind, text string) edit { return setBody(kind, tokens.Replace(text)) }
	object := func(members string) edit { return text("application/json", members) }
	form := func(fields string) edit { return text(urlencoded, fields) }
	const jsonOfAKind = "application/vnd.x+json; charset=utf-8"
	large := `{"access_token":"TOKEN","x":"` + strings.Repeat("x", 1<<16) + `"}`
	gzip := setHeader("Content-Encoding", "gzip")
	put := func(r *http.Request) { r.Method = http.MethodPut }
	password := func(r *http.Request) { r.SetBasicAuth("a", "b") }

	// What they get: a pass with the token's place, or a refusal. Where the URL had a token, even a bad one, the answer
	// asks that the URL be told to nobody.
	type verdict struct {
		code  string // "" passes
		found jot.Location
	}
	inHeader, inQuery, inBody := verdict{found: jot.InHeader}, verdict{found: jot.InQuery}, verdict{found: jot.InBody}
	missing, malformed := verdict{code: "token_missing"}, verdict{code: "invalid_request"}
	inQueryBut := func(code string) verdict { return verdict{code, jot.InQuery} }

	for _, tc := range []struct {
		name  string
		guard guard
		r     *http.Request
		want  verdict
	}{
		{"another header", header, post(field("X-Auth", "token TOKEN")), inHeader},
		{"another header, and the usual one", header, post(bearer), missing},
		{"a bare token", bare, post(xAuth), inHeader},
		{"a bare token, empty", bare, post(field("X-Auth", "")), missing},
		{"a bare token with a scheme", bare, post(field("X-Auth", "Bearer TOKEN")), malformed},
		{"a bare token, twice", bare, post(xAuth, xAuth), malformed},

		{"query", query, post(params("a=b&access_token=TOKEN")), inQuery},
		{"query, nothing", query, post(params("a=b")), missing},
		{"query, empty", query, post(params("access_token=")), missing},
		{"query, twice", query, post(params("access_token=TOKEN&access_token=TOKEN")), inQueryBut("invalid_request")},
		{"query, garbage", query, post(params("access_token=x")), inQueryBut("token_invalid")},
		{"query, another name", namedQuery, post(params("jwt=TOKEN")), inQuery},
		{"query, with a prefix", prefixedQuery, post(params("jwt=Bearer+TOKEN")), inQuery},
		{"query, without its prefix", prefixedQuery, post(params("jwt=TOKEN")), inQueryBut("invalid_request")},
		{"query, the prefix alone", prefixedQuery, post(params("jwt=Bearer+")), inQueryBut("invalid_request")},
		{"query, but not looked at", standard, post(params("access_token=TOKEN")), missing},
		{"query, refresh", refreshByQuery, post(params("refresh_token=REFRESH&access_token=REFRESH")), missing},
		{"query, either", eitherByQuery, post(params("access_token=REFRESH")), inQueryBut("token_wrong_type")},

		{"JSON", body, post(object(`{"access_token":"TOKEN","a":1}`)), inBody},
		{"JSON of a kind", body, post(text(jsonOfAKind, ` {"access_token":"TOKEN"} `)), inBody},
		{"JSON, a refresh token", refreshByBody, post(object(`{"refresh_token":"REFRESH"}`)), inBody},
		{"JSON, the other key", refreshByBody, post(object(`{"access_token":"REFRESH"}`)), missing},
		{"JSON, own keys", namedBody, post(object(`{"a":"TOKEN"}`)), inBody},
		{"JSON, nothing", body, post(object(`{}`)), missing},
		{"JSON, null", body, post(object(`{"access_token":null}`)), missing},
		{"JSON, empty", body, post(object(`{"access_token":""}`)), missing},
		{"JSON, a number", body, post(object(`{"access_token":1}`)), malformed},
		{"JSON, twice", body, post(object(`{"access_token":"TOKEN","access_token":"TOKEN"}`)), malformed},
		{"JSON, broken", body, post(object(`{"access_token":"TOKEN"`)), missing},
		{"JSON, an array", body, post(object(`["TOKEN"]`)), missing},
		{"JSON, no text", body, post(object(``)), missing},
		{"JSON, too large", body, post(object(large)), malformed},
		{"JSON, not said to be", body, post(text("text/plain", `{"access_token":"TOKEN"}`)), missing},
		{"JSON, compressed", body, post(object(`{"access_token":"TOKEN"}`), gzip), missing},
		{"no body", body, post(), missing},

		{"form", body, post(form("a=b&access_token=TOKEN")), inBody},
		{"form, nothing", body, post(form("a=b")), missing},
		{"form, twice", body, post(form("access_token=TOKEN&access_token=TOKEN")), malformed},
		{"form, broken", body, post(form("access_token=TOKEN&%zz")), malformed},
		{"form, not by POST", body, post(form("access_token=TOKEN"), put), missing},
		{"form, of files", body, post(text(withFiles, "access_token=TOKEN")), missing},

		{"the first place decides", queryThenHeader, post(bearer, badParam), inQueryBut("token_invalid")},
		{"the first place decides, good", headerThenQuery, post(bearer, badParam), inHeader},
		{"something bad does not fall through", headerThenQuery, post(twoWords, param), malformed},
		{"another scheme is not there", headerThenQuery, post(password, param), inQuery},
		{"places of the route", routeByQuery, post(bearer, badParam), inQueryBut("token_invalid")},
		{"places of the route, good", routeByHeader, post(bearer), inHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := send(tc.guard, tc.r)
			if tc.want.code != "" {
				require.False(t, got.called)
				require.Equal(t, tc.want.code, got.code(t))
			} else {
				require.True(t, got.called, got.Body.String())
				require.Equal(t, tc.want.found, got.token.Location)
				caching := "private, no-store" // RFC 9111 section 3.5 looks after Authorization alone
				if tc.want.found == jot.InHeader && tc.r.Header.Get("Authorization") != "" {
					caching = ""
				}
				require.Equal(t, caching, got.Header().Get("Cache-Control"))
			}
			referrer := ""
			if tc.want.found == jot.InQuery {
				referrer = "no-referrer"
			}
			require.Equal(t, referrer, got.Header().Get("Referrer-Policy"))
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

	// So does whoever stands behind twenty guards, each of which has looked for a token and for a CSRF value.
	forms := newManager(t, jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}),
		jot.WithLocations(jot.InBody, jot.InCookie))
	p := pair(t, forms)
	b := newBrowser(t)
	b.receive(forms, p)
	text, read := "csrf="+p.CSRFToken+"&x="+strings.Repeat("y", 60000), ""
	var handler http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		all, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		read = string(all)
	})
	for range 20 {
		handler = forms.Required()(handler)
	}
	answerOf(handler, b.request("POST", "/", setBody(urlencoded, text)))
	require.Equal(t, text, read)

	r := httptest.NewRequest(http.MethodPost, "/", failingBody{})
	r.Header.Set("Content-Type", "application/json")
	require.Equal(t, "invalid_request", send(m.Required(), r).code(t))
}

type failingBody struct{}

func (failingBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLocationMistakes(t *testing.T) {
	protection := jot.WithCrossOriginProtection(http.NewCrossOriginProtection())
	for _, tc := range []struct {
		option jot.Option
		wrong  string
	}{
		{jot.WithLocations(), "WithLocations: name at least one"},
		{jot.WithLocations("moon"), `WithLocations: "moon" is no location`},
		{jot.WithLocations(jot.InQuery, jot.InQuery), `WithLocations: "query" is there twice`},
		{jot.WithHeader("X Auth", "Bearer"), "WithHeader: not the name"},
		{jot.WithHeader("X-Auth", "Bearer:"), "WithHeader: not the name of a header"},
		{jot.WithQueryParam("", "x"), "WithQueryParam: the name is empty"},
		{jot.WithBodyKeys("a", ""), "WithBodyKeys: a name is empty"},
		{jot.WithCrossOriginProtection(nil), "WithCrossOriginProtection: it is nil"},
		{protection, "WithCrossOriginProtection has no effect without WithCookies"},
	} {
		_, err := jot.New(jot.HS256(secret), tc.option)
		require.ErrorContains(t, err, tc.wrong)
	}

	m := newManager(t)
	for _, tc := range []struct {
		option jot.RouteOption
		wrong  string
	}{
		{jot.Locations(), "Locations: name at least one"},
		{jot.Locations("moon"), `Locations: "moon" is no location`},
		{jot.RouteOptions(jot.Refresh(), jot.Locations(jot.InQuery)), "Refresh and Locations(InQuery)"},
		{jot.Locations(jot.InCookie), "Locations(InCookie) needs WithCookies"},
	} {
		reason := panicOf(func() { m.Guard(tc.option) })
		require.Contains(t, reason, "jot: Guard: ")
		require.Contains(t, reason, tc.wrong)
	}
}
