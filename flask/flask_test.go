package flask_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
		"not the name of a header":  {HeaderName: new("")},
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
	require.JSONEq(t, `{"msg":"Missing JWT"}`, w.Body.String())
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
	for _, cookie := range w.Result().Cookies() {
		require.Equal(t, 3600, cookie.MaxAge)
		require.Equal(t, "example.com", cookie.Domain)
		require.Equal(t, http.SameSiteNoneMode, cookie.SameSite)
	}
	w = httptest.NewRecorder()
	k.Unset(w, flask.MaxAge(time.Hour))
	require.Len(t, w.Result().Cookies(), 4)
	for _, cookie := range w.Result().Cookies() {
		require.Negative(t, cookie.MaxAge, "a lifetime brings nothing back")
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
	// Output: 401 {"msg":"Missing JWT"}
}
