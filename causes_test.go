package jot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// What somebody needs who is refused and does not know why: the client what it can do about it, in the detail of the
// answer, and the operator the cause, in the event and in the log.
func TestRefusalsSayWhatToDo(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })

	const page = "https://app.example/"
	const noCookie = "no cookie came: a login sets it by WritePair or SetCookies, before it writes anything else"
	at := func(method, target string, changes ...edit) func(string) *http.Request {
		return func(raw string) *http.Request {
			r := by(method, posted(target, changes...))
			for name := range r.Header {
				r.Header.Set(name, strings.ReplaceAll(r.Header.Get(name), "TOKEN", raw))
			}
			return r
		}
	}
	refresh := func(t testing.TB, m *jot.Manager) string { return pair(t, m).RefreshToken }
	kept := func(t testing.TB, m *jot.Manager) string { return pair(t, m).AccessToken }
	fresh := func(t testing.TB, m *jot.Manager) string { return pair(t, m, jot.Fresh()).AccessToken }
	machine := func(_ testing.TB, m *jot.Manager) string {
		return must(m.CreateToken(ctx, "alice", jot.Type("machine")))
	}
	lost := func(_ testing.TB, m *jot.Manager) string {
		return must(m.CreateToken(ctx, "gone", jot.Type("machine")))
	}
	ended := func(t testing.TB, m *jot.Manager) string {
		p := pair(t, m, jot.Fresh())
		require.NoError(t, m.RevokeSessionByID(ctx, "alice", p.SessionID))
		return p.AccessToken
	}
	cookies := jot.WithCookies(jot.CookieConfig{})
	insecure := jot.WithCookies(jot.CookieConfig{Insecure: true})
	forms := jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"})
	cookie := setHeader("Cookie", "__Host-access_token=TOKEN")
	ours, others := setHeader("Sec-Fetch-Site", "same-origin"), setHeader("Sec-Fetch-Site", "cross-site")
	inHeader, basic := setHeader("Authorization", "Bearer TOKEN"), setHeader("Authorization", "Basic YTpi")
	preflight := setHeader("Access-Control-Request-Method", "POST")
	options := func(opts ...jot.Option) []jot.Option { return opts }
	signedBy := func(key jot.Key) maker {
		return func(t testing.TB, _ *jot.Manager) string { return access(t, manager(t, key)) }
	}
	open := jot.Except("GET /public")
	never := func(context.Context, *jot.Token) (bool, error) { return false, nil }
	const theirs = `,"jti":"1","type":"access"`
	elsewhere := jot.Issuer{Name: provider, Keys: providerKey(), Audience: []string{"orders"}}
	foreign := jot.Options(jot.WithIssuer("here"), jot.WithIssuerKeys(elsewhere))
	elsewhere.RFC9068 = true
	standard := jot.Options(jot.WithIssuer("here"), jot.WithIssuerKeys(elsewhere))
	everyToken := func(context.Context, *jot.Token) (bool, error) { return true, nil }
	wants := func(demands ...jot.RouteOption) []jot.RouteOption { return demands }

	for _, tc := range []struct {
		name     string
		opts     []jot.Option
		demands  []jot.RouteOption
		token    maker
		request  func(raw string) *http.Request
		sentinel error
		detail   string // of the answer
		cause    string // for the operator; empty, the detail
	}{
		{
			"nothing", nil, nil, kept, at("GET", page), jot.ErrNoToken, "a token is required", "-",
		},
		{
			"another scheme", nil, nil, kept, at("GET", page, basic), jot.ErrNoToken,
			"the header Authorization does not begin with Bearer", "",
		},
		{
			"no scheme", nil, nil, kept, at("GET", page, setHeader("Authorization", "TOKEN")), jot.ErrNoToken,
			"the header Authorization does not begin with Bearer", "",
		},
		{
			"a colon behind the scheme", nil, nil, kept, at("GET", page, setHeader("Authorization", "Bearer: TOKEN")),
			jot.ErrBadRequest, "the header Authorization has a colon behind Bearer: leave it out", "",
		},
		{
			"a colon right before the token", nil, nil, kept,
			at("GET", page, setHeader("Authorization", "bearer:TOKEN")), jot.ErrBadRequest,
			"the header Authorization has a colon behind Bearer: leave it out", "",
		},
		{
			"a header, where cookies are read", options(cookies), nil, kept, at("GET", page, inHeader), jot.ErrNoToken,
			"a token is there, in a place where this route does not look: header", "",
		},
		{
			"a cookie, where headers are read", options(cookies), wants(jot.Locations(jot.InHeader)), kept,
			at("GET", page, cookie), jot.ErrNoToken,
			"a token is there, in a place where this route does not look: cookie", "",
		},
		{
			"a query", nil, nil, kept, at("GET", page+"?access_token=x"), jot.ErrNoToken,
			"a token is there, in a place where this route does not look: query", "",
		},
		{
			"a cookie that has gone", options(cookies), nil, refresh,
			at("GET", page, setHeader("Cookie", "__Host-refresh_token=TOKEN")), jot.ErrNoToken,
			"the access token's cookie has gone, the refresh token's is there: refresh", "",
		},
		{
			"by plain HTTP", options(cookies), nil, kept, at("GET", "http://192.168.0.7/"), jot.ErrNoToken,
			"no cookie came: browsers send Secure ones by HTTPS and to localhost only", "",
		},
		{
			"by plain HTTP to a proxy", options(cookies), nil, kept,
			at("GET", "http://192.168.0.7/", setHeader("X-Forwarded-Proto", "http")), jot.ErrNoToken,
			"no cookie came: browsers send Secure ones by HTTPS and to localhost only", "",
		},
		{
			"by plain HTTP, which is meant", options(insecure), nil, kept, at("GET", "http://192.168.0.7/"),
			jot.ErrNoToken, "a token is required", noCookie,
		},
		{
			"by plain HTTP here", options(cookies), nil, kept, at("GET", "http://127.0.0.1:80/"), jot.ErrNoToken,
			"a token is required", noCookie,
		},
		{
			"by HTTPS", options(cookies), nil, kept, at("GET", page), jot.ErrNoToken, "a token is required", noCookie,
		},
		{
			"by HTTPS, or another way", options(cookies, jot.WithLocations(jot.InHeader, jot.InCookie)), nil, kept,
			at("GET", page), jot.ErrNoToken, "a token is required", noCookie,
		},
		{
			"nothing where no cookie is looked for", options(cookies), wants(jot.Locations(jot.InHeader)), kept,
			at("GET", page), jot.ErrNoToken, "a token is required", "-",
		},
		{
			"a preflight", nil, nil, kept, at("OPTIONS", page, preflight), jot.ErrNoToken,
			"a CORS preflight reached the guard: answer it in front of it", "",
		},
		{
			"the refresh token", nil, nil, refresh, at("GET", page, inHeader), jot.ErrWrongType,
			"an access token is required, and this is a refresh token", "",
		},
		{
			"the access token", nil, wants(jot.Refresh()), kept, at("GET", page, inHeader), jot.ErrWrongType,
			"a refresh token is required, and this is an access token", "",
		},
		{
			"a type of its own", nil, wants(jot.Type("reset")), kept, at("GET", page, inHeader), jot.ErrWrongType,
			`a token of the type "reset" is required, and this is an access token`, "",
		},
		{
			"the refresh token for a type of its own", nil, wants(jot.Type("reset")), refresh,
			at("GET", page, inHeader), jot.ErrWrongType,
			`a token of the type "reset" is required, and this is a refresh token`, "",
		},
		{
			"another type", nil, wants(jot.Type("reset")), machine, at("GET", page, inHeader), jot.ErrWrongType,
			`a token of the type "reset" is required, and this is a token of another type`,
			`a token of the type "reset" is required, and this is a token of another type, "machine"`,
		},
		{
			"a type of its own as a user", nil, nil, machine, at("GET", page, inHeader), jot.ErrWrongType,
			"an access token is required, and this is a token of another type",
			`an access token is required, and this is a token of another type, "machine"`,
		},
		{
			"a type of its own as either", nil, wants(jot.AccessOrRefresh()), machine, at("GET", page, inHeader),
			jot.ErrWrongType, "an access or refresh token is required, and this is a token of another type",
			`an access or refresh token is required, and this is a token of another type, "machine"`,
		},
		{
			"a type of its own, and users", options(users), wants(jot.Type("machine")), lost, at("GET", page, inHeader),
			jot.ErrUserNotFound, "user not found", "a token of the Type \"machine\", whose subject may be no user: " +
				"look at Token.Type first: WithUserLookup: jot: user not found",
		},
		{
			"a user who is gone", options(users), nil, func(_ testing.TB, m *jot.Manager) string {
				return must(m.CreateAccessToken(ctx, "gone"))
			}, at("GET", page, inHeader), jot.ErrUserNotFound, "user not found", "WithUserLookup: jot: user not found",
		},
		{
			"an audience where none is expected", nil, nil, made(jot.Audience("there")), at("GET", page, inHeader),
			jot.ErrInvalid, "token is invalid", `aud names others: ["there"], and this Manager has no WithAudience`,
		},
		{
			"a login without Fresh", nil, wants(jot.Fresh()), kept, at("GET", page, inHeader), jot.ErrNotFresh,
			"a recent login is required",
			"the token does not say when a password was given: its login was made without Fresh",
		},
		{
			"a login without Fresh, and its age", nil, wants(jot.MaxAge(time.Hour)), kept, at("GET", page, inHeader),
			jot.ErrNotFresh, "a recent login is required",
			"the token does not say when a password was given: its login was made without Fresh",
		},
		{
			"no CSRF value", options(cookies), nil, kept, at("POST", page, cookie, ours), jot.ErrCSRF,
			"the CSRF value is missing: repeat it in the header X-Csrf-Token", "",
		},
		{
			"no CSRF value, where a form may have it", options(forms), nil, kept, at("POST", page, cookie, ours),
			jot.ErrCSRF, "the CSRF value is missing: repeat it in the header X-Csrf-Token or the form field csrf", "",
		},
		{
			"another CSRF value", options(cookies), nil, kept,
			at("POST", page, cookie, ours, setHeader("X-Csrf-Token", "x")), jot.ErrCSRF,
			"the CSRF value is not the one that goes with the token", "",
		},
		{
			"another site's page", options(cookies), nil, kept, at("POST", page, cookie, others), jot.ErrCSRF,
			"cross-site request refused",
			"cross-origin request detected from Sec-Fetch-Site header: WithCrossOriginProtection names who is trusted",
		},
		{
			"another issuer", options(jot.WithIssuer("here")), nil, made(), at("GET", page, inHeader),
			jot.ErrInvalid, "token is invalid", `iss is not the one expected: "" is not one of ["here"]`,
		},
		{
			"another audience", options(jot.WithAudience("here")), wants(jot.Audience("there")), fresh,
			at("GET", page, inHeader), jot.ErrInvalid, "token is invalid",
			`aud names others: ["here"], none of them of ["there"]`,
		},
		{
			"an ended session", nil, nil, ended, at("GET", page, inHeader), jot.ErrRevoked, "token has been revoked",
			"the store knows no such session: it has ended, or the store is new, or the memory of another process",
		},
		{
			"a token by itself", nil, nil, func(t testing.TB, m *jot.Manager) string {
				raw := pair(t, m).AccessToken
				require.NoError(t, m.Revoke(ctx, must(m.Verify(ctx, raw))))
				return raw
			}, at("GET", page, inHeader), jot.ErrRevoked, "token has been revoked",
			"this very token was revoked",
		},
		{
			"a rule of the application", options(jot.WithTokenVerification(never)), nil, kept,
			at("GET", page, inHeader), jot.ErrForbidden, "not allowed", "WithTokenVerification says no",
		},
		{
			"a rule of the route", nil, wants(jot.Check(never)), kept, at("GET", page, inHeader),
			jot.ErrForbidden, "not allowed", "a Check of the route says no",
		},
		{
			"another issuer's, fresh", options(foreign), wants(jot.Fresh()), given(provided(t, "", saying(theirs))),
			at("GET", page, inHeader), jot.ErrNotFresh, "a recent login is required",
			"another issuer's token is never fresh: MaxAge goes by its auth_time",
		},
		{
			"another issuer's, of no id", options(foreign), nil, given(provided(t, "", saying(`,"type":"access"`))),
			at("GET", page, inHeader), jot.ErrInvalid, "token is invalid",
			"claims: jti is missing: see Issuer.WithoutID",
		},
		{
			"of RFC 9068, where nobody expects it", options(foreign), nil,
			given(provided(t, `,"typ":"application/at+jwt"`, saying(theirs))),
			at("GET", page, inHeader), jot.ErrInvalid, "token is invalid", "typ is not accepted: " +
				`"application/at+jwt", which rfc9068.Profile and Issuer.RFC9068 are for`,
		},
		{
			"not of RFC 9068", options(standard), nil, given(provided(t, "", saying(theirs+`,"client_id":"c"`))),
			at("GET", page, inHeader), jot.ErrInvalid, "token is invalid",
			`typ is not accepted: "", and that of access tokens is "at+jwt"`,
		},
		{
			"a list", options(jot.WithTokenInBlocklist(everyToken)), nil, kept, at("GET", page, inHeader),
			jot.ErrRevoked, "token has been revoked", "WithTokenInBlocklist says so",
		},
		{
			"another secret", nil, nil, func(t testing.TB, _ *jot.Manager) string {
				return access(t, manager(t, jot.HS256(jot.GenerateSecret())))
			}, at("GET", page, inHeader), jot.ErrInvalid, "token is invalid", "signature does not match",
		},
		{
			"under a path that is open", nil, wants(open), kept, at("GET", page+"public/logo.png"), jot.ErrNoToken,
			"a token is required",
			`Except names "GET /public", and not what lies under it: write "GET /public/" for that`,
		},
		{
			"under one that is open with a host", nil, wants(jot.Except("app.example/public", "/{x}/y")), kept,
			at("PUT", page+"public/7"), jot.ErrNoToken, "a token is required",
			`Except names "app.example/public", and not what lies under it: write "app.example/public/" for that`,
		},
		{
			"a path that wants its slash", nil, wants(jot.Except("/open/")), kept, at("GET", page+"open"),
			jot.ErrNoToken, "a token is required",
			`Except names "/open/", to which a mux would only redirect this path`,
		},
		{
			"another path", nil, wants(open), kept, at("GET", page+"publicity/x"), jot.ErrNoToken,
			"a token is required", "-",
		},
		{
			"another method", nil, wants(open), kept, at("POST", page+"public/x"), jot.ErrNoToken,
			"a token is required", "-",
		},
		{
			"another kid", nil, nil, signedBy(jot.HS256(secret).WithID("the \"next\"\none")), at("GET", page, inHeader),
			jot.ErrInvalid, "token is invalid", `no key for its alg and kid: alg "HS256", kid "the \"next\"\none"`,
		},
		{
			"a long kid", nil, nil, signedBy(jot.HS256(secret).WithID(strings.Repeat("x", 99))),
			at("GET", page, inHeader), jot.ErrInvalid, "token is invalid",
			`no key for its alg and kid: alg "HS256", kid "` + strings.Repeat("x", 80) + `"`,
		},
		{
			"another algorithm", nil, nil, signedBy(jot.HS384(secret)), at("GET", page, inHeader),
			jot.ErrInvalid, "token is invalid", `no key for its alg and kid: alg "HS384", and no kid`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorldOver(t, memstore.New(memstore.Since(time.Time{})), tc.opts...)
			raw := tc.token(t, w.Manager)
			if tc.name == "another issuer" {
				raw = access(t, newManager(t))
			}
			w.kinds()
			log.Reset()
			got := send(w.Required(tc.demands...), tc.request(raw))
			require.Equal(t, told[tc.sentinel].code, got.code(t))
			var body struct{ Detail string }
			require.NoError(t, json.Unmarshal(got.Body.Bytes(), &body))
			require.Equal(t, tc.detail, body.Detail)

			cause, logged := w.causes[len(w.causes)-1], log.String()
			require.Contains(t, logged, `level=DEBUG msg="jot: refused"`)
			require.Contains(t, logged, "event.error=")
			require.NotContains(t, logged, raw)
			if tc.cause == "-" {
				require.NoError(t, cause)
				require.NotContains(t, logged, "event.cause=")
				return
			}
			if tc.cause == "" {
				tc.cause = tc.detail
			}
			require.EqualError(t, cause, tc.cause)
			require.Contains(t, logged, "event.cause=")
		})
	}

	// For nobody else it costs a word: the log is not written where nobody reads at that level.
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	log.Reset()
	send(newManager(t).Required(), bearer("x"))
	require.Empty(t, log.String())

	_, err := newManager(t).Verify(ctx, "Bearer a.b.c")
	require.ErrorContains(t, err, `leave out the scheme, "Bearer " say`)
}

// Behind a proxy that ends TLS, nobody is told of plain HTTP who spoke none: whatever the proxy says, or does not say.
func TestBehindAProxy(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}))
	for name, value := range map[string]string{
		"X-Forwarded-Proto": "https", "Forwarded": "for=192.0.2.1;proto=https", "X-Forwarded-For": "192.0.2.1",
		"X-Real-Ip": "192.0.2.1", "Via": "1.1 front", "Sec-Fetch-Site": "none", "X-Forwarded-proto": "HTTPS, http",
	} {
		r := httptest.NewRequest(http.MethodGet, "http://backend:8080/", nil)
		r.Header.Set(name, value)
		got := send(m.Required(), r)
		require.Equal(t, "token_missing", got.code(t))
		require.Contains(t, got.Body.String(), `"detail":"a token is required"`, name)
	}
}
