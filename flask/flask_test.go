package flask_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
	"github.com/go-jot/jot/memstore"
)

const secret = "a secret of Flask's, long enough for HS512: 0123456789abcdef0123"

var ctx = context.Background()

func manager(t *testing.T, config flask.Config, opts ...jot.Option) *jot.Manager {
	t.Helper()
	keys, err := flask.Keys(config)
	require.NoError(t, err)
	m, err := jot.New(keys, append(opts, flask.Options(config))...)
	require.NoError(t, err)
	return m
}

// adds is a callback that returns the same members for every token.
func adds(members map[string]any) func(context.Context, *jot.Token) (map[string]any, error) {
	return func(context.Context, *jot.Token) (map[string]any, error) { return members, nil }
}

func quiet(t *testing.T) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
}

// A config file is decoded as it is.
func TestConfigFile(t *testing.T) {
	var c flask.Config
	require.NoError(t, json.Unmarshal([]byte(`{
		"JWT_SECRET_KEY": "x",
		"JWT_TOKEN_LOCATION": "cookies",
		"JWT_ACCESS_TOKEN_EXPIRES": 60,
		"JWT_REFRESH_TOKEN_EXPIRES": false,
		"JWT_DECODE_AUDIENCE": ["a", "b"],
		"JWT_CSRF_METHODS": [],
		"JWT_ENCODE_NBF": false,
		"JWT_HEADER_TYPE": "",
		"JWT_ENCODE_AUDIENCE": null,
		"DEBUG": true
	}`), &c))
	require.Equal(t, flask.Config{
		JWTSecretKey:        "x",
		TokenLocation:       flask.List{"cookies"},
		AccessTokenExpires:  flask.Expires(time.Minute),
		RefreshTokenExpires: flask.Never,
		DecodeAudience:      flask.List{"a", "b"},
		CSRFMethods:         flask.List{},
		EncodeNBF:           new(false),
		HeaderType:          new(""),
	}, c)
	for text, want := range map[string]string{
		`{"JWT_ACCESS_TOKEN_EXPIRES": 0}`:            "a lifetime is a positive number of seconds",
		`{"JWT_ACCESS_TOKEN_EXPIRES": -1}`:           "a lifetime is",
		`{"JWT_ACCESS_TOKEN_EXPIRES": true}`:         "cannot unmarshal",
		`{"JWT_REFRESH_TOKEN_EXPIRES": 1e12}`:        "cannot unmarshal",
		`{"JWT_REFRESH_TOKEN_EXPIRES": 99999999999}`: "a lifetime is",
		`{"JWT_TOKEN_LOCATION": 1}`:                  "cannot unmarshal",
		`{"JWT_TOKEN_LOCATIONS": ["cookies"]}`:       "flask: JWT_TOKEN_LOCATIONS is no option",
		`{"jwt_secret_key": "x"}`:                    "flask: jwt_secret_key is no option",
		`[]`:                                         "cannot unmarshal",
	} {
		require.ErrorContains(t, json.Unmarshal([]byte(text), new(flask.Config)), want)
	}
}

func TestMistakes(t *testing.T) {
	quiet(t)
	rs256, hs512 := flask.List{"RS256"}, flask.List{"HS512"}
	for want, c := range map[string]flask.Config{
		"JWT_SECRET_KEY or SECRET_KEY is not set":       {},
		"JWT_PRIVATE_KEY or JWT_PUBLIC_KEY is not set":  {Algorithm: "ES256"},
		"holds no PEM block":                            {Algorithm: "RS256", PrivateKey: "x"},
		`unknown algorithm "HS1"`:                       {Algorithm: "HS1", JWTSecretKey: secret},
		"RS256 beside HS256 lets a public key be taken": {JWTSecretKey: secret, DecodeAlgorithms: rs256},
		"HS512 beside EdDSA lets a public key be taken": {Algorithm: "EdDSA", PublicKey: "x", DecodeAlgorithms: hs512},
	} {
		_, err := flask.Keys(c)
		require.ErrorContains(t, err, want)
	}
	for want, c := range map[string]flask.Config{
		`"moon" is no location`:     {TokenLocation: flask.List{"moon"}},
		"name at least one":         {TokenLocation: flask.List{}},
		"not the name of a header":  {HeaderName: new("")},
		"SameSite -1 is not Lax":    {CookieSameSite: "Loose"},
		`"127.0.0.1" is no domain`:  {CookieDomain: "127.0.0.1"},
		"WithLeeway: 10m0s is not":  {DecodeLeeway: 600},
		"two cookies have the name": {AccessCookieName: "a", RefreshCookieName: "a"},
	} {
		_, err := jot.New(jot.HS256([]byte(secret)), flask.Options(c))
		require.ErrorContains(t, err, want)
	}
}

func TestPairsAndLifetimes(t *testing.T) {
	quiet(t)
	minute := flask.Expires(time.Minute)
	c := flask.Config{SecretKey: secret, RefreshTokenExpires: flask.Never, AccessTokenExpires: minute}
	m := manager(t, c, jot.WithAdditionalClaims(adds(map[string]any{"role": "x"})))
	p, err := m.CreatePair(ctx, "alice", jot.Fresh())
	require.NoError(t, err)
	require.Equal(t, time.Minute, p.ExpiresIn)
	require.Zero(t, p.RefreshExpiresIn)
	for raw, expires := range map[string]bool{p.AccessToken: true, p.RefreshToken: false} {
		_, claims, err := jot.InsecureDecode(raw)
		require.NoError(t, err)
		require.Equal(t, expires, claims["exp"] != nil)
		require.Equal(t, "x", claims["role"], "in both")
		require.Equal(t, claims["iat"], claims["nbf"])
		require.Regexp(t, uuid, claims["csrf"])
		_, err = m.Verify(ctx, raw, jot.AccessOrRefresh())
		require.NoError(t, err)
	}
	// Rotation, which Flask does not have, keeps a refresh token without an end.
	instant := now
	stored := manager(t, c, jot.WithStore(memstore.New()), jot.WithClock(func() time.Time { return instant }))
	p, err = stored.CreatePair(ctx, "alice")
	require.NoError(t, err)
	instant = instant.Add(80 * 24 * time.Hour)
	refresh, err := stored.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	p, err = stored.Rotate(ctx, refresh)
	require.NoError(t, err)
	_, claims, err := jot.InsecureDecode(p.RefreshToken)
	require.NoError(t, err)
	require.NotContains(t, claims, "exp")

	_, err = m.CreateAccessToken(ctx, "alice", flask.NoExpiry())
	require.ErrorContains(t, err, "NoExpiry", "nobody would take it where that is not configured")
	raw, err := m.CreateRefreshToken(ctx, "alice", jot.ExpiresIn(time.Hour))
	require.NoError(t, err)
	token, err := m.Verify(ctx, raw, jot.Refresh())
	require.NoError(t, err)
	require.Equal(t, time.Hour, token.ExpiresAt.Sub(token.IssuedAt))
}

func TestIssuersAndForms(t *testing.T) {
	quiet(t)
	issuers, bodies := flask.List{"a", "b"}, flask.List{"json"}
	m := manager(t, flask.Config{SecretKey: secret, EncodeIssuer: "c", DecodeIssuer: issuers, TokenLocation: bodies})
	admits := func(contentType, body string) bool {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		_, err := m.Guard().Admit(httptest.NewRecorder(), r)
		return err == nil
	}
	for issuer, good := range map[string]bool{"a": true, "b": true, "c": false, "": false} {
		raw, err := manager(t, flask.Config{SecretKey: secret, EncodeIssuer: issuer}).CreateAccessToken(ctx, "alice")
		require.NoError(t, err)
		_, err = m.Verify(ctx, raw)
		require.Equal(t, good, err == nil, issuer)
		if good {
			require.True(t, admits("application/json", `{"access_token":"`+raw+`"}`))
			require.False(t, admits("application/x-www-form-urlencoded", "access_token="+raw), "Flask reads no forms")
		}
	}
}

func TestWriteError(t *testing.T) {
	quiet(t)
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	for err, want := range map[error]string{
		jot.ErrNoToken:           "401 missing",
		jot.ErrBadRequest:        "422 invalid",
		jot.ErrInvalid:           "422 invalid",
		jot.ErrExpired:           "401 expired",
		jot.ErrRevoked:           "401 revoked",
		jot.ErrReused:            "401 revoked",
		jot.ErrWrongType:         "422 wrong_type",
		jot.ErrUserNotFound:      "401 user_not_found",
		jot.ErrNotFresh:          "401 not_fresh",
		jot.ErrInsufficientScope: "400 verification_failed",
		jot.ErrForbidden:         "400 verification_failed",
		jot.ErrCSRF:              "401 csrf",
		jot.ErrUnavailable:       "503 unavailable",
		errors.New("hunter2"):    "500 server_error",
	} {
		w := httptest.NewRecorder()
		flask.WriteError(w, request, fmt.Errorf("x: %w", err), "message")
		require.Equal(t, want, fmt.Sprint(w.Code, " ", flask.Kind(err)))
		require.Contains(t, w.Body.String(), `{"message":"`)
		require.NotContains(t, w.Body.String(), "hunter2")
		require.Equal(t, w.Code == 503, w.Header().Get("Retry-After") != "")
	}
	w := httptest.NewRecorder()
	manager(t, flask.Config{SecretKey: secret}).Required()(http.NotFoundHandler()).ServeHTTP(w, request)
	require.JSONEq(t, `{"msg":"Missing Authorization Header"}`, w.Body.String())
}

// sentinels are the names of package jot's exported errors, as its source has them.
func sentinels(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../errors.go", nil, 0)
	require.NoError(t, err)
	for name, object := range file.Scope.Objects {
		if object.Kind == ast.Var && strings.HasPrefix(name, "Err") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Every refusal of package jot has an answer of its own, which is the client's fault, or that of what cannot tell. What
// is too large is nobody's but ours.
func TestEverySentinelHasAnAnswer(t *testing.T) {
	quiet(t)
	m := manager(t, flask.Config{SecretKey: secret})
	table := map[string]struct {
		sentinel error
		status   int
	}{
		"ErrNoToken":           {jot.ErrNoToken, 401},
		"ErrBadRequest":        {jot.ErrBadRequest, 422},
		"ErrInvalid":           {jot.ErrInvalid, 422},
		"ErrExpired":           {jot.ErrExpired, 401},
		"ErrRevoked":           {jot.ErrRevoked, 401},
		"ErrReused":            {jot.ErrReused, 401},
		"ErrWrongType":         {jot.ErrWrongType, 422},
		"ErrNotFresh":          {jot.ErrNotFresh, 401},
		"ErrInsufficientScope": {jot.ErrInsufficientScope, 400},
		"ErrForbidden":         {jot.ErrForbidden, 400},
		"ErrCSRF":              {jot.ErrCSRF, 401},
		"ErrUserNotFound":      {jot.ErrUserNotFound, 401},
		"ErrMethodNotAllowed":  {jot.ErrMethodNotAllowed, 405},
		"ErrUnavailable":       {jot.ErrUnavailable, 503},
		"ErrTokenTooLarge":     {jot.ErrTokenTooLarge, 500},
	}
	require.Equal(t, sentinels(t), slices.Sorted(maps.Keys(table)))
	for name, tc := range table {
		w := httptest.NewRecorder()
		m.WriteError(w, httptest.NewRequest(http.MethodPost, "/", nil), tc.sentinel)
		require.Equal(t, tc.status, w.Code, name)
		require.Equal(t, tc.status == 500, flask.Kind(tc.sentinel) == "server_error", name)
		require.Regexp(t, `^\{"msg":"[^"]+"\}\n$`, w.Body.String(), name)
	}
}

// What changes something is not for GET and its like, and says so as Flask does.
func TestMethodNotAllowed(t *testing.T) {
	quiet(t)
	places := flask.List{"headers", "cookies", "json", "query_string"}
	m := manager(t, flask.Config{SecretKey: secret, TokenLocation: places}, jot.WithStore(memstore.New()))
	p, err := m.CreatePair(ctx, "alice")
	require.NoError(t, err)
	link, err := m.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	once := m.Required(jot.Type("reset"), jot.SingleUse())
	const wrong = `{"msg":"The method is not allowed for the requested URL."}`
	for name, tc := range map[string]struct {
		handler http.Handler
		token   string
	}{
		"RefreshHandler": {m.RefreshHandler(), p.RefreshToken},
		"LogoutHandler":  {m.LogoutHandler(), p.AccessToken},
		"SingleUse":      {once(http.NotFoundHandler()), link},
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			if name == "SingleUse" && method == "OPTIONS" {
				continue // which Flask's guards let pass, whoever asks
			}
			for _, raw := range []string{tc.token, "", "nonsense"} {
				t.Run(name+", "+method+", "+raw[:min(len(raw), 8)], func(t *testing.T) {
					r := httptest.NewRequest(method, "/", nil)
					if raw != "" {
						r.Header.Set("Authorization", "Bearer "+raw)
					}
					w := httptest.NewRecorder()
					tc.handler.ServeHTTP(w, r)
					require.Equal(t, 405, w.Code, w.Body.String())
					require.Equal(t, "POST, PUT, PATCH, DELETE", w.Header().Get("Allow"))
					require.JSONEq(t, wrong, w.Body.String())
				})
			}
		}
	}
	for _, raw := range []string{p.AccessToken, p.RefreshToken} {
		_, err = m.Verify(ctx, raw, jot.AccessOrRefresh())
		require.NoError(t, err, "nothing has ended")
	}
}

// The claim of the identity is made once, whatever a token takes over from another, and nobody else writes it.
func TestIdentityClaim(t *testing.T) {
	quiet(t)
	more := map[string]any{}
	c := flask.Config{SecretKey: secret, IdentityClaim: "identity"}
	m := manager(t, c, jot.WithStore(memstore.New()), jot.WithAdditionalClaims(adds(more)))
	isAlices := func(t *testing.T, raws ...string) {
		for _, raw := range raws {
			got, err := m.Verify(ctx, raw, jot.AccessOrRefresh())
			require.NoError(t, err)
			require.Equal(t, "alice", got.Subject)
			_, claims, err := jot.InsecureDecode(raw)
			require.NoError(t, err)
			require.Equal(t, "alice", claims["identity"])
			require.NotContains(t, claims, "sub")
			require.Equal(t, "pro", claims["plan"])
		}
	}
	p, err := m.CreatePair(ctx, "alice", jot.Claim("plan", "pro"))
	require.NoError(t, err)
	isAlices(t, p.AccessToken, p.RefreshToken)
	refresh, err := m.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	next, err := m.Rotate(ctx, refresh)
	require.NoError(t, err)
	isAlices(t, next.AccessToken, next.RefreshToken)
	again, err := m.Rotate(ctx, refresh)
	require.NoError(t, err)
	isAlices(t, again.AccessToken, again.RefreshToken)
	access, err := m.CreateAccessToken(ctx, "alice", jot.InSession(refresh), jot.Fresh())
	require.NoError(t, err)
	isAlices(t, access)

	bob := jot.Claim("identity", "bob")
	makes := map[string]func() error{
		"CreatePair":         func() error { _, err := m.CreatePair(ctx, "alice", bob); return err },
		"CreateAccessToken":  func() error { _, err := m.CreateAccessToken(ctx, "alice", bob); return err },
		"CreateRefreshToken": func() error { _, err := m.CreateRefreshToken(ctx, "alice", bob); return err },
		"CreateToken":        func() error { _, err := m.CreateToken(ctx, "alice", jot.Type("x"), bob); return err },
		"InSession": func() error {
			_, err := m.CreateAccessToken(ctx, "alice", jot.InSession(refresh), bob)
			return err
		},
		"Rotate": func() error { _, err := m.Rotate(ctx, refresh, bob); return err },
	}
	for name, create := range makes {
		require.ErrorContains(t, create(), "Claim: the name is that of the subject's claim", name)
	}
	more["identity"] = "bob"
	bob = jot.Claim("plan", "pro")
	for name, create := range makes {
		require.ErrorContains(t, create(), "identity", name)
	}
	delete(more, "identity")
	for name, create := range makes {
		require.NoError(t, create(), name)
	}
	_, err = manager(t, flask.Config{SecretKey: secret}).CreateAccessToken(ctx, "alice", jot.Claim("identity", "bob"))
	require.NoError(t, err, "it is a name like any other where the identity is sub")
}

// The manager's own handlers set and clear cookies as they are configured, whatever the lifetimes of the tokens.
func TestCookiesOfHandlers(t *testing.T) {
	quiet(t)
	for name, tc := range map[string]struct {
		config flask.Config
		want   string // of the access token's cookie, behind its value
	}{
		"as they are": {flask.Config{}, "; Path=/; HttpOnly"},
		"endless": {
			flask.Config{AccessTokenExpires: flask.Never, RefreshTokenExpires: flask.Never}, "; Path=/; HttpOnly",
		},
		"persistent": {
			flask.Config{SessionCookie: new(false)},
			"; Path=/; Expires=Wed, 01 Jan 2031 01:06:40 GMT; Max-Age=31540000; HttpOnly",
		},
		"all": {
			flask.Config{
				CookieDomain: ".example.com", CookieSameSite: "Strict", CookieSecure: true,
				AccessCookiePath: "/api", RefreshCookiePath: "/r", AccessCSRFCookiePath: "/p",
			},
			"; Path=/api; Domain=example.com; HttpOnly; Secure; SameSite=Strict",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := tc.config
			c.SecretKey, c.TokenLocation = secret, flask.List{"cookies"}
			m := manager(t, c, jot.WithStore(memstore.New()), jot.WithClock(func() time.Time { return now }))
			p, err := m.CreatePair(ctx, "alice")
			require.NoError(t, err)
			login, refreshed, out := httptest.NewRecorder(), httptest.NewRecorder(), httptest.NewRecorder()
			require.NoError(t, m.WritePair(login, p))
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.AddCookie(&http.Cookie{Name: "refresh_token_cookie", Value: p.RefreshToken})
			r.Header.Set("X-CSRF-TOKEN", p.RefreshCSRFToken)
			m.RefreshHandler().ServeHTTP(refreshed, r)
			for _, w := range []*httptest.ResponseRecorder{login, refreshed} {
				require.Equal(t, 200, w.Code, w.Body.String())
				lines := w.Header()["Set-Cookie"]
				require.Len(t, lines, 4)
				_, attributes, _ := strings.Cut(lines[0], ";")
				require.Equal(t, tc.want, ";"+attributes)
			}
			m.UnsetCookies(out)
			require.Len(t, out.Result().Cookies(), 4)
			for i, cookie := range out.Result().Cookies() {
				require.Empty(t, cookie.Value)
				require.Equal(t, time.Unix(0, 0).UTC(), cookie.Expires)
				require.Equal(t, i < 2, cookie.HttpOnly)
			}
			require.Equal(t, login.Result().Cookies()[2].Path, out.Result().Cookies()[1].Path, "of the refresh token")

			c.CSRFInCookies = new(false)
			m = manager(t, c, jot.WithStore(memstore.New()))
			bare := httptest.NewRecorder()
			m.UnsetCookies(bare)
			require.Len(t, bare.Result().Cookies(), 2)
		})
	}
}

// NoExpiry is for managers that take such tokens: nobody else makes one that nobody takes.
func TestNoExpiryWhereNothingIsEndless(t *testing.T) {
	quiet(t)
	plain, err := jot.New(jot.HS256([]byte(secret)))
	require.NoError(t, err)
	endless := manager(t, flask.Config{SecretKey: secret, AccessTokenExpires: flask.Never})
	never := flask.NoExpiry()
	access := func(m *jot.Manager) error { _, err := m.CreateAccessToken(ctx, "alice", never); return err }
	refresh := func(m *jot.Manager) error { _, err := m.CreateRefreshToken(ctx, "alice", never); return err }
	link := func(m *jot.Manager) error { _, err := m.CreateToken(ctx, "alice", jot.Type("x"), never); return err }
	both := func(m *jot.Manager) error { _, err := m.CreatePair(ctx, "alice", never); return err }
	for _, tc := range []struct {
		name string
		m    *jot.Manager
		make func(m *jot.Manager) error
		good bool
	}{
		{"an access token", plain, access, false},
		{"a refresh token", plain, refresh, false},
		{"a mailed link", plain, link, false},
		{"a pair", plain, both, false},
		{"an access token where it never expires", endless, access, true},
		{"a refresh token where the access token never expires", endless, refresh, false},
		{"a mailed link where the access token never expires", endless, link, false},
	} {
		err := tc.make(tc.m)
		if tc.good {
			require.NoError(t, err, tc.name)
			continue
		}
		require.ErrorContains(t, err, "NoExpiry: the manager takes no such token", tc.name)
	}
}

func TestCookies(t *testing.T) {
	quiet(t)
	c := flask.Config{SecretKey: secret, CookieSameSite: "None", CookieSecure: true}
	m := manager(t, c)
	k := flask.NewCookies(c)
	p, err := m.CreatePair(ctx, "alice")
	require.NoError(t, err)
	w := httptest.NewRecorder()
	require.NoError(t, k.SetAccess(w, p.AccessToken, flask.MaxAge(time.Hour), flask.Domain("example.com")))
	_, claims, err := jot.InsecureDecode(p.AccessToken)
	require.NoError(t, err)
	issued, err := claims["iat"].(json.Number).Int64()
	require.NoError(t, err)
	require.Equal(t, "access_token_cookie="+p.AccessToken+"; Domain=example.com; Expires="+
		time.Unix(issued, 0).Add(time.Hour).UTC().Format(http.TimeFormat)+
		"; Max-Age=3600; Secure; HttpOnly; Path=/; SameSite=None", w.Header().Get("Set-Cookie"), "as Werkzeug writes")
	for _, cookie := range w.Result().Cookies() {
		require.Equal(t, 3600, cookie.MaxAge)
		require.Equal(t, "example.com", cookie.Domain)
		require.Equal(t, http.SameSiteNoneMode, cookie.SameSite)
	}
	w = httptest.NewRecorder()
	k.Unset(w, flask.MaxAge(time.Hour))
	require.Len(t, w.Result().Cookies(), 4)
	for _, cookie := range w.Result().Cookies() {
		require.Zero(t, cookie.MaxAge, "a lifetime brings nothing back")
		require.Equal(t, time.Unix(0, 0).UTC(), cookie.Expires)
	}
	w = httptest.NewRecorder()
	require.Error(t, k.SetAccess(w, "x"))
	plain, err := jot.New(jot.HS256([]byte(secret)))
	require.NoError(t, err)
	raw, err := plain.CreateAccessToken(ctx, "alice")
	require.NoError(t, err)
	require.ErrorContains(t, k.SetRefresh(w, raw), "the token has no csrf claim")
	require.Empty(t, w.Result().Cookies())
}

func TestLocation(t *testing.T) {
	for at, want := range map[jot.Location]string{
		jot.InHeader: "headers",
		jot.InCookie: "cookies",
		jot.InQuery:  "query_string",
		jot.InBody:   "json",
		"":           "",
	} {
		require.Equal(t, want, flask.Location(at))
	}
}

// Insecure cookies are Flask's default: making the manager logs a warning, once.
func TestInsecureCookiesAreSaid(t *testing.T) {
	quiet(t)
	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	cookies := flask.List{"cookies"}
	manager(t, flask.Config{SecretKey: secret, TokenLocation: cookies})
	require.Contains(t, out.String(), "cookies are Insecure")
	out.Reset()
	manager(t, flask.Config{SecretKey: secret, TokenLocation: cookies, CookieSecure: true})
	manager(t, flask.Config{SecretKey: secret})
	require.Empty(t, out.String())
}

//nolint:ineffassign,wastedassign,lll // the guide's lines
func Example_guide() {
	var text []byte
	var revoked func(context.Context, *jot.Token) (bool, error)
	var users struct {
		ByToken func(context.Context, *jot.Token) (string, error)
	}
	config := flask.Config{}
	err := json.Unmarshal(text, &config) // {"JWT_SECRET_KEY": "…", "JWT_TOKEN_LOCATION": ["headers", "cookies"], …}
	keys, err := flask.Keys(config)
	auth, err := jot.New(keys, flask.Options(config), jot.WithTokenInBlocklist(revoked), jot.WithUserLookup(users.ByToken))
	cookies := flask.NewCookies(config)

	_ = []any{auth, cookies, err}
}

func ExampleOptions() {
	const text = `{
		"JWT_SECRET_KEY": "the secret that Python has used all the time",
		"JWT_ACCESS_TOKEN_EXPIRES": 3600
	}`
	var config flask.Config
	err := json.Unmarshal([]byte(text), &config)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := flask.Keys(config)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(keys, flask.Options(config))
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	auth.Required()(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 401 {"msg":"Missing Authorization Header"}
}
