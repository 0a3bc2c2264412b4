package jot_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

var errDown = errors.New("store down: password=hunter2")

// stubBlocklist answers one way.
type stubBlocklist struct {
	revoked bool
	err     error
}

func (s stubBlocklist) Revoke(context.Context, string, time.Time) (bool, error) { return true, s.err }

func (s stubBlocklist) Revoked(context.Context, ...string) (bool, error) { return s.revoked, s.err }

func says(ok bool, err error) func(context.Context, *jot.Token) (bool, error) {
	return func(context.Context, *jot.Token) (bool, error) { return ok, err }
}

const (
	plain   = `Bearer realm="api"`
	invalid = `Bearer realm="api", error="invalid_token"`
	bad     = `Bearer realm="api", error="invalid_request"`
	stale   = `Bearer realm="api", error="insufficient_user_authentication"`
)

// row is one request and its answer. A row without a status passes.
type row struct {
	name      string
	options   []jot.Option      // of the manager
	demands   []jot.RouteOption // of the route
	token     func(t testing.TB, m *jot.Manager) string
	fields    []string // Authorization fields instead of a token
	status    int
	code      string
	challenge string
	is        error
	once      bool // the answer is another the second time
}

func given(raw string) func(testing.TB, *jot.Manager) string {
	return func(testing.TB, *jot.Manager) string { return raw }
}

func forged(header, payload string) func(testing.TB, *jot.Manager) string {
	return func(t testing.TB, _ *jot.Manager) string { return forge(t, header, payload) }
}

func made(opts ...jot.TokenOption) func(testing.TB, *jot.Manager) string {
	return func(t testing.TB, m *jot.Manager) string { return access(t, m, opts...) }
}

// aged is a token that another manager made, d ago.
func aged(d time.Duration, opts ...jot.TokenOption) func(testing.TB, *jot.Manager) string {
	return func(t testing.TB, _ *jot.Manager) string { return access(t, newManagerAt(t, now.Add(-d)), opts...) }
}

func refreshToken(t testing.TB, m *jot.Manager) string {
	t.Helper()
	return pair(t, m).RefreshToken
}

func typed(name string) func(testing.TB, *jot.Manager) string {
	return func(t testing.TB, m *jot.Manager) string {
		raw, err := m.CreateToken(ctx, "alice", jot.Type(name))
		require.NoError(t, err)
		return raw
	}
}

func revokedToken(t testing.TB, m *jot.Manager) string {
	t.Helper()
	raw := access(t, m)
	token, err := m.Verify(ctx, raw)
	require.NoError(t, err)
	require.NoError(t, m.Revoke(ctx, token))
	return raw
}

func paired(t testing.TB, m *jot.Manager) string {
	t.Helper()
	return pair(t, m).AccessToken
}

func loggedOut(t testing.TB, m *jot.Manager) string {
	t.Helper()
	raw := paired(t, m)
	token, err := m.Verify(ctx, raw)
	require.NoError(t, err)
	require.NoError(t, m.RevokeSession(ctx, token))
	return raw
}

// rotated is a refresh token that has been used.
func rotated(t testing.TB, m *jot.Manager) string {
	t.Helper()
	raw := refreshToken(t, m)
	token, err := m.Verify(ctx, raw, jot.Refresh())
	require.NoError(t, err)
	_, err = m.Rotate(ctx, token)
	require.NoError(t, err)
	return raw
}

// tampered changes the token at one place.
func tampered(change func(parts []string)) func(testing.TB, *jot.Manager) string {
	return func(t testing.TB, m *jot.Manager) string {
		parts := strings.Split(access(t, m), ".")
		change(parts)
		return strings.Join(parts, ".")
	}
}

var rsaKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}()

// confused is an HS256 token whose secret is the text of the RSA public key.
func confused(t testing.TB, _ *jot.Manager) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return forgeWith(t, jwt.SigningMethodHS256, text, ourHeader, `{`+sound+`}`)
}

func options(opts ...jot.Option) []jot.Option           { return opts }
func demands(opts ...jot.RouteOption) []jot.RouteOption { return opts }

var users = jot.WithUserLookup(func(_ context.Context, t *jot.Token) (string, error) {
	switch t.Subject {
	case "alice":
		return "Alice", nil
	case "gone":
		return "", jot.ErrUserNotFound
	}
	return "", errDown
})

func subject(name string) func(testing.TB, *jot.Manager) string {
	return func(t testing.TB, m *jot.Manager) string {
		raw, err := m.CreateAccessToken(ctx, name)
		require.NoError(t, err)
		return raw
	}
}

var rows = []row{
	// What is there, and what is not.
	{name: "no header", fields: []string{}, status: 401, code: "token_missing", challenge: plain, is: jot.ErrNoToken},
	{name: "empty header", fields: []string{""}, status: 401, code: "token_missing", challenge: plain, is: jot.ErrNoToken},
	{name: "another scheme", fields: []string{"Basic YWxpY2U6eA=="}, status: 401, code: "token_missing", challenge: plain, is: jot.ErrNoToken},
	{name: "bare token", fields: []string{"eyJhbGciOiJIUzI1NiJ9.e30.x"}, status: 401, code: "token_missing", challenge: plain, is: jot.ErrNoToken},
	{name: "longer scheme", fields: []string{"BearerX abc"}, status: 401, code: "token_missing", challenge: plain, is: jot.ErrNoToken},
	{name: "scheme alone", fields: []string{"Bearer"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "empty token", fields: []string{"Bearer "}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "two words", fields: []string{"Bearer a.b.c d"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "two in a list", fields: []string{"Bearer a.b.c, Bearer a.b.c"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "tab behind the scheme", fields: []string{"Bearer\ta.b.c"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "quoted token", fields: []string{`Bearer "a.b.c"`}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "only padding", fields: []string{`Bearer ==`}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "padding inside", fields: []string{`Bearer a=b`}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "NUL", fields: []string{"Bearer a\x00.b.c"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "latin-1", fields: []string{"Bearer a\xe9.b.c"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "two fields", fields: []string{"Bearer a.b.c", "Bearer a.b.c"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "two fields, one of another scheme", fields: []string{"Basic eA==", "Bearer a.b.c"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},

	// The frame.
	{name: "1 MB token", token: given(strings.Repeat("a", 1<<20)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "1 MB of dots", token: given(strings.Repeat(".", 1<<20)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "8 KiB and one byte", token: given(strings.Repeat("a", 8193)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "one segment", token: given("abcd"), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "two segments", token: given("abcd.abcd"), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "four segments", token: tampered(func(p []string) { p[2] += ".x" }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "five segments, as of a JWE", token: given("a.b.c.d.e"), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "leading dot", token: tampered(func(p []string) { p[0] = "." + p[0] }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "padding", token: tampered(func(p []string) { p[2] += "=" }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "the other base64", token: tampered(func(p []string) { p[2] = "+" + p[2][1:] }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "header not base64", token: tampered(func(p []string) { p[0] = "a" }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "payload not base64", token: tampered(func(p []string) { p[1] += "aaa"[:5-len(p[1])%4] }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "signature not base64", token: tampered(func(p []string) { p[2] = p[2][:41] }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "spare bits set", token: tampered(func(p []string) {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := len(p[2]) - 1
		p[2] = p[2][:last] + string(alphabet[strings.IndexByte(alphabet, p[2][last])+1])
	}), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "no signature", token: tampered(func(p []string) { p[2] = "" }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "no payload", token: tampered(func(p []string) { p[1] = "" }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},

	// The header.
	{name: "alg none", token: given(encode(`{"alg":"none","typ":"JWT"}`) + "." + encode(`{`+sound+`}`) + "."), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "alg none with a signature", token: forged(`{"alg":"none","typ":"JWT"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "alg None", token: forged(`{"alg":"None"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "alg in lower case", token: forged(`{"alg":"hs256"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "no alg", token: forged(`{"typ":"JWT"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "alg a number", token: forged(`{"alg":256}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "alg of another key", token: func(t testing.TB, _ *jot.Manager) string {
		return forgeWith(t, jwt.SigningMethodRS256, rsaKey, `{"alg":"RS256","typ":"JWT"}`, `{`+sound+`}`)
	}, status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "HS512 by the same secret", token: func(t testing.TB, _ *jot.Manager) string {
		return forgeWith(t, jwt.SigningMethodHS512, secret, `{"alg":"HS512","typ":"JWT"}`, `{`+sound+`}`)
	}, status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "alg twice", token: forged(`{"alg":"HS256","alg":"HS256"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "crit", token: forged(`{"alg":"HS256","crit":["exp"],"exp":1}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "empty crit", token: forged(`{"alg":"HS256","crit":[]}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "b64", token: forged(`{"alg":"HS256","b64":true}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "enc", token: forged(`{"alg":"HS256","enc":"A256GCM"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "foreign typ", token: forged(`{"alg":"HS256","typ":"dpop+jwt"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "unknown kid", token: forged(`{"alg":"HS256","kid":"x"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "empty kid", token: forged(`{"alg":"HS256","kid":""}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "kid a path", token: forged(`{"alg":"HS256","kid":"../../dev/null"}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "kid a number", token: forged(`{"alg":"HS256","kid":1}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "header not an object", token: forged(`["HS256"]`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "header with trailing text", token: forged(`{"alg":"HS256"} x`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "header nested 5000 deep", token: forged(`{"alg":"HS256","x":`+strings.Repeat("[", 2500)+strings.Repeat("]", 2500)+`}`, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "header in another spelling", token: forged("\n{ \"typ\":\"application/jwt\", \"alg\":\"HS256\"}", `{`+sound+`}`)},
	{name: "header without typ", token: forged(`{"alg":"HS256"}`, `{`+sound+`}`)},
	{name: "header with keys of its own", token: forged(`{"alg":"HS256","jku":"https://evil.example","jwk":{"kty":"oct","k":"AA"},"x5u":"x","x5c":["x"]}`, `{`+sound+`}`)},

	// The signature.
	{name: "signature of another secret", token: func(t testing.TB, _ *jot.Manager) string {
		return forgeWith(t, jwt.SigningMethodHS256, []byte("another"), ourHeader, `{`+sound+`}`)
	}, status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "payload changed", token: tampered(func(p []string) { p[1] = encode(`{` + sound + `,"admin":true}`) }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "signature cut short", token: tampered(func(p []string) { p[2] = p[2][:40] }), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},

	// The payload.
	{name: "sound", token: forged(ourHeader, `{`+sound+`}`)},
	{name: "payload not JSON", token: forged(ourHeader, `alice`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "payload with trailing text", token: forged(ourHeader, `{`+sound+`}{}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "payload not UTF-8", token: forged(ourHeader, with("\"n\":\"\xff\"")), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "lone surrogate", token: forged(ourHeader, with(`"n":"\ud800"`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "claim twice", token: forged(ourHeader, with(`"sub":"mallory"`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "claim twice by an escape", token: forged(ourHeader, with(`"\u0073ub":"mallory"`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "own claim twice, deep", token: forged(ourHeader, with(`"o":[{"a":1,"a":2}]`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "depth 33", token: forged(ourHeader, with(`"o":`+strings.Repeat("[", 32)+strings.Repeat("]", 32))), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "depth 32", token: forged(ourHeader, with(`"o":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)))},
	{name: "quoted exp", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":"1893456900"}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "exp of 1e19", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":1e19}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "exp of 10000000000000000000", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":10000000000000000000}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "negative exp", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":-1}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "no exp", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access"}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "EXP", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","EXP":1893456900}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "no type", token: forged(ourHeader, `{"sub":"alice","jti":"1","exp":1893456900}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "no jti", token: forged(ourHeader, `{"sub":"alice","type":"access","exp":1893456900}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "no sub", token: forged(ourHeader, `{"jti":"1","type":"access","exp":1893456900}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "sub a number", token: forged(ourHeader, `{"sub":7,"jti":"1","type":"access","exp":1893456900}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "cnf", token: forged(ourHeader, with(`"cnf":{"jkt":"x"}`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "minimal", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":1893456900}`)},

	// For whom and when.
	{name: "issuer matches", options: options(jot.WithIssuer("us")), token: made()},
	{name: "issuer missing", options: options(jot.WithIssuer("us")), token: forged(ourHeader, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "issuer begins alike", options: options(jot.WithIssuer("us")), token: forged(ourHeader, with(`"iss":"us.evil"`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "issuer nobody asked for", token: forged(ourHeader, with(`"iss":"them"`))},
	{name: "audience matches", options: options(jot.WithAudience("api", "web")), token: made()},
	{name: "audience in a list", options: options(jot.WithAudience("api")), token: forged(ourHeader, with(`"aud":["x","api"]`))},
	{name: "audience of others", options: options(jot.WithAudience("api")), token: forged(ourHeader, with(`"aud":["x","API"]`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "audience missing", options: options(jot.WithAudience("api")), token: forged(ourHeader, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "audience where none is configured", token: forged(ourHeader, with(`"aud":"api"`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "audience of the route", options: options(jot.WithAudience("api")), demands: demands(jot.Audience("web")), token: made(jot.Audience("web"))},
	{name: "audience of the manager at a route of its own", options: options(jot.WithAudience("api")), demands: demands(jot.Audience("web")), token: made(), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "last second", token: aged(15*time.Minute + 29*time.Second)},
	{name: "expired to the second", token: aged(15*time.Minute + 30*time.Second), status: 401, code: "token_expired", challenge: invalid, is: jot.ErrExpired},
	{name: "expired", token: aged(time.Hour), status: 401, code: "token_expired", challenge: invalid, is: jot.ErrExpired},
	{name: "no leeway", options: options(jot.WithLeeway(0)), token: aged(15 * time.Minute), status: 401, code: "token_expired", challenge: invalid, is: jot.ErrExpired},
	{name: "exp with a fraction", options: options(jot.WithLeeway(0)), token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":1893456000.9}`), status: 401, code: "token_expired", challenge: invalid, is: jot.ErrExpired},
	{name: "a clock ahead within leeway", token: aged(-30 * time.Second)},
	{name: "a clock ahead beyond leeway", token: aged(-31 * time.Second), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "nbf within leeway", token: forged(ourHeader, with(`"nbf":1893456030`))},
	{name: "nbf beyond leeway", token: forged(ourHeader, with(`"nbf":1893456031`)), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "expired and not yet valid", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":1,"nbf":1993456000}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "expired and for others", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"access","exp":1,"aud":"x"}`), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},

	// The route.
	{name: "refresh token on an access route", token: refreshToken, status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "access token on a refresh route", demands: demands(jot.Refresh()), token: made(), status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "refresh token on a refresh route", demands: demands(jot.Refresh()), token: refreshToken},
	{name: "unknown type on an access route", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"id","exp":1893456900}`), status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "type in another case", token: forged(ourHeader, `{"sub":"alice","jti":"1","type":"Access","exp":1893456900}`), status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "any type, access", demands: demands(jot.AccessOrRefresh()), token: made()},
	{name: "any type, refresh", demands: demands(jot.AccessOrRefresh()), token: refreshToken},
	{name: "any type where refresh travels, access", demands: demands(jot.Refresh(), jot.AccessOrRefresh()), token: made()},
	{name: "any type is no mailed link", demands: demands(jot.AccessOrRefresh()), token: typed("password_reset"), status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "mailed link on an access route", token: typed("password_reset"), status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "mailed link where it belongs", demands: demands(jot.Type("password_reset")), token: typed("password_reset")},
	{name: "mailed link of another kind", demands: demands(jot.Type("password_reset")), token: typed("verify_email"), status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "access token on a route of a type", demands: demands(jot.Type("password_reset")), token: made(), status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "fresh", demands: demands(jot.Fresh()), token: made(jot.Fresh())},
	{name: "fresh for a while", demands: demands(jot.Fresh()), token: aged(time.Minute, jot.FreshFor(time.Minute))},
	{name: "fresh for a while, then not", demands: demands(jot.Fresh()), token: aged(time.Minute+time.Second, jot.FreshFor(time.Minute)), status: 401, code: "fresh_token_required", challenge: stale, is: jot.ErrNotFresh},
	{name: "stale", demands: demands(jot.Fresh()), token: made(), status: 401, code: "fresh_token_required", challenge: stale, is: jot.ErrNotFresh},
	{name: "no fresh claim", demands: demands(jot.Fresh()), token: forged(ourHeader, `{`+sound+`}`), status: 401, code: "fresh_token_required", challenge: stale, is: jot.ErrNotFresh},
	{name: "fresh of 1", demands: demands(jot.Fresh()), token: forged(ourHeader, with(`"fresh":1`)), status: 401, code: "fresh_token_required", challenge: stale, is: jot.ErrNotFresh},
	{name: "young enough", demands: demands(jot.MaxAge(time.Minute)), token: aged(time.Minute, jot.Fresh())},
	{name: "too old", demands: demands(jot.MaxAge(time.Minute)), token: aged(time.Minute+time.Second, jot.Fresh()), status: 401, code: "fresh_token_required", challenge: stale + `, max_age="60"`, is: jot.ErrNotFresh},
	{name: "the shorter age counts", demands: demands(jot.MaxAge(time.Minute), jot.MaxAge(time.Hour)), token: aged(5*time.Minute, jot.Fresh()), status: 401, code: "fresh_token_required", challenge: stale + `, max_age="60"`, is: jot.ErrNotFresh},
	{name: "age unknown", demands: demands(jot.MaxAge(time.Minute)), token: made(), status: 401, code: "fresh_token_required", challenge: stale + `, max_age="60"`, is: jot.ErrNotFresh},
	{name: "wrong type before freshness", demands: demands(jot.Fresh()), token: refreshToken, status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "scopes", demands: demands(jot.Scopes("read", "write")), token: made(jot.Scopes("write", "read", "more"))},
	{name: "scopes as an array", demands: demands(jot.Scopes("read", "write")), token: forged(ourHeader, with(`"scope":["read","write"]`))},
	{name: "one scope lacks", demands: demands(jot.Scopes("read"), jot.Scopes("write")), token: made(jot.Scopes("read")), status: 403, code: "insufficient_scope", challenge: `Bearer realm="api", error="insufficient_scope", scope="read write"`, is: jot.ErrInsufficientScope},
	{name: "no scopes", demands: demands(jot.Scopes("read")), token: made(), status: 403, code: "insufficient_scope", challenge: `Bearer realm="api", error="insufficient_scope", scope="read"`, is: jot.ErrInsufficientScope},

	// Revocation.
	{name: "revoked", options: options(jot.WithBlocklist(newBlocklist())), token: revokedToken, status: 401, code: "token_revoked", challenge: invalid, is: jot.ErrRevoked},
	{name: "not revoked", options: options(jot.WithBlocklist(newBlocklist())), token: made()},
	{name: "revoked, and the route does not ask", options: options(jot.WithBlocklist(newBlocklist())), demands: demands(jot.InsecureSkipRevocation()), token: revokedToken},
	{name: "blocklist error", options: options(jot.WithBlocklist(stubBlocklist{err: errDown})), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "blocklist error and an answer", options: options(jot.WithBlocklist(stubBlocklist{revoked: true, err: errDown})), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "blocklist error, and the route does not ask", options: options(jot.WithBlocklist(stubBlocklist{err: errDown})), demands: demands(jot.InsecureSkipRevocation()), token: made()},
	{name: "callback says revoked", options: options(jot.WithTokenInBlocklist(says(true, nil))), token: made(), status: 401, code: "token_revoked", challenge: invalid, is: jot.ErrRevoked},
	{name: "callback says no", options: options(jot.WithTokenInBlocklist(says(false, nil))), token: made()},
	{name: "callback cannot tell", options: options(jot.WithTokenInBlocklist(says(false, errDown))), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "callback cannot tell but says revoked", options: options(jot.WithTokenInBlocklist(says(true, errDown))), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "wrong type before revoked", options: options(jot.WithTokenInBlocklist(says(true, nil))), token: refreshToken, status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "revoked before verification", options: options(jot.WithTokenInBlocklist(says(true, nil)), jot.WithTokenVerification(says(false, nil))), token: made(), status: 401, code: "token_revoked", challenge: invalid, is: jot.ErrRevoked},

	// Sessions.
	{name: "session", options: options(jot.WithStore(memstore.New())), token: paired},
	{name: "session, refresh token", options: options(jot.WithStore(memstore.New())), demands: demands(jot.Refresh()), token: refreshToken},
	{name: "session that has ended", options: options(jot.WithStore(memstore.New())), token: loggedOut, status: 401, code: "token_revoked", challenge: invalid, is: jot.ErrRevoked},
	{name: "session that the store does not know", options: options(jot.WithStore(memstore.New())), token: func(t testing.TB, _ *jot.Manager) string {
		return paired(t, newManager(t))
	}, status: 401, code: "token_revoked", challenge: invalid, is: jot.ErrRevoked},
	{name: "rotated refresh token", options: options(jot.WithStore(memstore.New()), jot.WithRotationGrace(0)), demands: demands(jot.Refresh()), token: rotated, once: true, status: 401, code: "token_reused", challenge: invalid, is: jot.ErrReused},
	{name: "rotated refresh token, just now", options: options(jot.WithStore(memstore.New())), demands: demands(jot.Refresh()), token: rotated},
	{name: "rotated refresh token, and the route does not ask", options: options(jot.WithStore(memstore.New()), jot.WithRotationGrace(0)), demands: demands(jot.Refresh(), jot.InsecureSkipRevocation()), token: rotated},
	{name: "store error", options: options(jot.WithStore(&broken{Store: memstore.New(), at: "check"})), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "store error, refresh token", options: options(jot.WithStore(&broken{Store: memstore.New(), at: "check"})), demands: demands(jot.Refresh()), token: refreshToken, status: 503, code: "unavailable", is: jot.ErrUnavailable},

	// Callbacks.
	{name: "verification agrees", options: options(jot.WithTokenVerification(says(true, nil))), token: made()},
	{name: "verification refuses", options: options(jot.WithTokenVerification(says(false, nil))), token: made(), status: 403, code: "forbidden", is: jot.ErrForbidden},
	{name: "verification cannot tell", options: options(jot.WithTokenVerification(says(true, errDown))), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "verification answers otherwise", options: options(jot.WithTokenVerification(says(false, errors.Join(errDown, jot.ErrInvalid)))), token: made(), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "check agrees", demands: demands(jot.Check(says(true, nil))), token: made()},
	{name: "check refuses", demands: demands(jot.Check(says(true, nil)), jot.Check(says(false, nil))), token: made(), status: 403, code: "forbidden", is: jot.ErrForbidden},
	{name: "check cannot tell", demands: demands(jot.Check(says(false, errDown))), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "check answers csrf_failed", demands: demands(jot.Check(says(false, jot.ErrCSRF))), token: made(), status: 403, code: "csrf_failed", is: jot.ErrCSRF},
	{name: "check answers token_reused", demands: demands(jot.Check(says(false, jot.ErrReused))), token: made(), status: 401, code: "token_reused", challenge: invalid, is: jot.ErrReused},
	{name: "check answers insufficient_scope", demands: demands(jot.Check(says(false, jot.ErrInsufficientScope))), token: made(), status: 403, code: "insufficient_scope", challenge: `Bearer realm="api", error="insufficient_scope"`, is: jot.ErrInsufficientScope},
	{name: "user", options: options(users), token: subject("alice")},
	{name: "user gone", options: options(users), token: subject("gone"), status: 401, code: "user_not_found", challenge: invalid, is: jot.ErrUserNotFound},
	{name: "user cannot be looked up", options: options(users), token: subject("bob"), status: 503, code: "unavailable", is: jot.ErrUnavailable},
	{name: "check before the user", options: options(users), demands: demands(jot.Check(says(false, nil))), token: subject("gone"), status: 403, code: "forbidden", is: jot.ErrForbidden},

	// Settings of the answer.
	{name: "realm", options: options(jot.WithRealm("my realm")), fields: []string{}, status: 401, code: "token_missing", challenge: `Bearer realm="my realm"`, is: jot.ErrNoToken},

	// Optional: nothing is anonymous, something bad is refused.
	{name: "optional, good", demands: demands(jot.Optional()), token: made()},
	{name: "optional, malformed", demands: demands(jot.Optional()), fields: []string{"Bearer a b"}, status: 400, code: "invalid_request", challenge: bad, is: jot.ErrBadRequest},
	{name: "optional, invalid", demands: demands(jot.Optional()), token: given("a.b.c"), status: 401, code: "token_invalid", challenge: invalid, is: jot.ErrInvalid},
	{name: "optional, expired", demands: demands(jot.Optional()), token: aged(time.Hour), status: 401, code: "token_expired", challenge: invalid, is: jot.ErrExpired},
	{name: "optional, revoked", options: options(jot.WithTokenInBlocklist(says(true, nil))), demands: demands(jot.Optional()), token: made(), status: 401, code: "token_revoked", challenge: invalid, is: jot.ErrRevoked},
	{name: "optional, wrong type", demands: demands(jot.Optional()), token: refreshToken, status: 401, code: "token_wrong_type", challenge: invalid, is: jot.ErrWrongType},
	{name: "optional, stale", demands: demands(jot.Optional(), jot.Fresh()), token: made(), status: 401, code: "fresh_token_required", challenge: stale, is: jot.ErrNotFresh},
	{name: "optional refresh", demands: demands(jot.Optional(), jot.Refresh()), token: refreshToken},
	{name: "optional, cannot tell", options: options(jot.WithBlocklist(stubBlocklist{err: errDown})), demands: demands(jot.Optional()), token: made(), status: 503, code: "unavailable", is: jot.ErrUnavailable},

	// Groups.
	{name: "route options in a group", demands: demands(jot.RouteOptions(jot.Fresh(), jot.RouteOptions(jot.Scopes("a")))), token: made(jot.TokenOptions(jot.Fresh(), jot.Scopes("a")))},
	{name: "manager options in a group", options: options(jot.Options(jot.WithRealm("x"), jot.WithIssuer("us"))), token: forged(ourHeader, `{`+sound+`}`), status: 401, code: "token_invalid", challenge: `Bearer realm="x", error="invalid_token"`, is: jot.ErrInvalid},
}

func TestRequired(t *testing.T) {
	silence(t)
	for _, tc := range rows {
		t.Run(tc.name, func(t *testing.T) {
			var refusal error
			m := newManager(t, append(tc.options, jot.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) {
				refusal = err
				_, found := jot.FromContext(r.Context())
				require.False(t, found, "claims of a refused token in the context")
				jot.DefaultErrorHandler(w, r, err)
			}))...)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			raw := ""
			if tc.token != nil {
				raw = tc.token(t, m)
				r = bearer(raw)
			} else if len(tc.fields) > 0 {
				r.Header["Authorization"] = tc.fields
			}
			got := send(m.Required(tc.demands...), r)

			if tc.status == 0 {
				require.NoError(t, refusal)
				require.Equal(t, http.StatusNoContent, got.Code, got.Body.String())
				require.NotNil(t, got.token)
				require.Equal(t, "alice", got.token.Subject)
				require.Equal(t, jot.InHeader, got.token.Location)
				return
			}
			require.False(t, got.called, "the handler ran")
			require.Equal(t, tc.status, got.Code, got.Body.String())
			require.Equal(t, tc.code, got.code(t))
			require.Equal(t, tc.challenge, got.Header().Get("WWW-Authenticate"))
			require.Equal(t, "application/problem+json", got.Header().Get("Content-Type"))
			require.Equal(t, "no-store", got.Header().Get("Cache-Control"))
			if tc.status == http.StatusServiceUnavailable {
				require.Contains(t, []string{"1", "2", "3"}, got.Header().Get("Retry-After"))
			} else {
				require.Empty(t, got.Header().Get("Retry-After"))
			}
			require.NotContains(t, got.Body.String(), "hunter2", "a cause reached the client")
			if raw != "" && len(raw) < 8192 {
				require.NotContains(t, got.Body.String(), raw)
				require.NotContains(t, refusal.Error(), raw)
			}

			require.ErrorIs(t, refusal, tc.is)
			var e *jot.Error
			require.ErrorAs(t, refusal, &e)
			require.Equal(t, tc.is, e.Err)
			require.Equal(t, tc.status, e.Status())
			require.Equal(t, tc.code, e.Code())
			require.Equal(t, tc.challenge, e.Challenge())

			// Verify answers as Required does.
			if raw == "" || tc.once {
				return
			}
			var same []jot.Demand
			for _, o := range tc.demands {
				d, ok := o.(jot.Demand)
				if !ok {
					return
				}
				same = append(same, d)
			}
			token, err := m.Verify(ctx, raw, same...)
			require.ErrorIs(t, err, tc.is)
			require.Nil(t, token)
		})
	}
}

// TestRequiredKeyConfusion is the one row that needs another key.
func TestRequiredKeyConfusion(t *testing.T) {
	for _, key := range []jot.Key{jot.PrivateKey("RS256", rsaKey), jot.PrivateKey("RS256", rsaKey).WithID(""), jot.PublicKey("RS256", &rsaKey.PublicKey)} {
		m, err := jot.New(key, at(now))
		require.NoError(t, err)
		got := send(m.Required(), bearer(confused(t, m)))
		require.False(t, got.called)
		require.Equal(t, "token_invalid", got.code(t))
	}
}

func TestOptionalAnonymous(t *testing.T) {
	m := newManager(t, users)
	for _, fields := range [][]string{nil, {""}, {"Basic x"}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = fields
		got := send(m.Required(jot.Optional(), jot.Fresh()), r)
		require.True(t, got.called)
		require.Nil(t, got.token)
		token, err := admit(m, r, jot.Optional())
		require.NoError(t, err)
		require.Nil(t, token)
	}
}

func TestRequiredLetsTheSchemeBeWrittenAnyhow(t *testing.T) {
	m := newManager(t)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR   "} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", scheme+access(t, m))
		require.True(t, send(m.Required(), r).called, scheme)
	}
}

func TestRequiredTreatsEveryMethodAlike(t *testing.T) {
	m := newManager(t)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method = method
		require.False(t, send(m.Required(), r).called, method)
	}
}

// Every refusal after the signature knows the token, none before it does, and no such token is evidence.
func TestErrorToken(t *testing.T) {
	silence(t)
	m := newManager(t, jot.WithBlocklist(newBlocklist()))
	for _, raw := range []string{"a.b.c", forge(t, ourHeader, `{"sub":"alice"}`)} {
		_, err := m.Verify(ctx, raw)
		var e *jot.Error
		require.ErrorAs(t, err, &e)
		require.Nil(t, e.Token)
	}
	for _, raw := range []string{access(t, newManagerAt(t, now.Add(-time.Hour))), pair(t, m).RefreshToken, revokedToken(t, m), access(t, m, jot.Audience("x"))} {
		_, err := m.Verify(ctx, raw)
		var e *jot.Error
		require.ErrorAs(t, err, &e)
		require.NotNil(t, e.Token)
		require.Equal(t, "alice", e.Token.Subject)
		_, err = m.CreateAccessToken(ctx, "alice", jot.InSession(e.Token))
		require.ErrorContains(t, err, "not a token that this Manager has verified")
		require.NoError(t, m.Revoke(ctx, e.Token), "but it can be revoked")
	}
	_, err := m.Verify(ctx, access(t, newManagerAt(t, now.Add(-time.Hour))))
	var e *jot.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.Token.Expired())
}

// Nothing in the payload is read before the signature holds: the same garbage gets the same answer.
func TestSignatureComesFirst(t *testing.T) {
	var causes []error
	m := newManager(t, jot.WithErrorHandler(func(_ http.ResponseWriter, _ *http.Request, err error) { causes = append(causes, err) }))
	payloads := []string{`{` + sound + `}`, `nonsense`, strings.Repeat("[", 4000), `{"exp":1}`}
	for _, payload := range payloads {
		raw := encode(ourHeader) + "." + encode(payload) + "." + encode(strings.Repeat("x", 32))
		require.False(t, send(m.Required(), bearer(raw)).called)
	}
	require.Len(t, causes, len(payloads), "each was refused, and the handler told")
	for _, cause := range causes {
		require.EqualError(t, cause, "jot: token is invalid: signature does not match")
	}
}

func TestRequiredPanicsOnContradictions(t *testing.T) {
	m := newManager(t)
	for _, tc := range []struct {
		text string
		opts []jot.RouteOption
	}{
		{"Refresh and Type", demands(jot.Refresh(), jot.Type("x"))},
		{"Type and AccessOrRefresh", demands(jot.Type("x"), jot.AccessOrRefresh())},
		{"Refresh and Fresh", demands(jot.Refresh(), jot.Fresh())},
		{"Refresh and Fresh", demands(jot.Refresh(), jot.AccessOrRefresh(), jot.Fresh())},
		{"Refresh and MaxAge", demands(jot.Refresh(), jot.MaxAge(time.Minute))},
		{"two Types", demands(jot.Type("x"), jot.Type("y"))},
		{"Scopes: name at least one", demands(jot.Scopes())},
		{`Scopes: "a b" is not a scope`, demands(jot.Scopes("a b"))},
		{`Scopes: "" is not a scope`, demands(jot.Scopes(""))},
		{`is not a scope`, demands(jot.Scopes(`a"b`))},
		{`is not a scope`, demands(jot.Scopes("é"))},
		{"Audience: name at least one", demands(jot.Audience())},
		{"Audience: a name is empty", demands(jot.Audience(""))},
		{"Except: name at least one", demands(jot.Except())},
		{"Except:", demands(jot.Except("GET x"))},
		{"Except:", demands(jot.Except(""))},
		{"Except:", demands(jot.Except("/{a}/x", "/x/{b}"))},
		{"MaxAge: 0s is less than a second", demands(jot.MaxAge(0))},
		{"Check: the function is nil", demands(jot.Check(nil))},
		{`Type: "access" is made by`, demands(jot.Type("access"))},
		{`Type: "refresh" is made by`, demands(jot.Type("refresh"))},
		{"Type: the name is empty", demands(jot.Type(""))},
		{"Type: the name is empty, longer", demands(jot.Type(strings.Repeat("x", 65)))},
		{"an option is nil", demands(nil)},
	} {
		t.Run(tc.text, func(t *testing.T) {
			panicked := panicOf(func() { m.Required(tc.opts...) })
			require.Contains(t, panicked, "jot: Required: ")
			require.Contains(t, panicked, tc.text)
			require.Contains(t, panicOf(func() { m.Guard(tc.opts...) }), tc.text)
		})
	}
	_, err := m.Verify(ctx, access(t, m), jot.Refresh(), jot.Fresh())
	require.ErrorContains(t, err, "Refresh and Fresh")
	require.PanicsWithValue(t, "jot: Required: the handler is nil", func() { m.Required()(nil) })
	require.Panics(t, func() { new(jot.Manager).Required() })
}

func TestExcept(t *testing.T) {
	m := newManager(t)
	guard := m.Required(jot.Except("/public/", "GET /one", "POST /login", "/items/{id}", "files.example/"))
	request := func(method, target string) *http.Request {
		r := httptest.NewRequest(method, "/", nil)
		u, err := url.ParseRequestURI(target) // as net/http reads a request line
		require.NoError(t, err)
		r.URL = u
		return r
	}
	for _, tc := range []struct{ method, target string }{
		{"GET", "/public/"},
		{"DELETE", "/public/a/b"},
		{"GET", "/public/a%20b"},
		{"GET", "/public/caf%C3%A9"},
		{"GET", "/public/a.b"},
		{"GET", "/public/..."},
		{"GET", "/one"},
		{"HEAD", "/one"},
		{"GET", "/one?next=../admin"},
		{"POST", "/login"},
		{"GET", "/items/7"},
		{"OPTIONS", "/public/x"},
	} {
		require.True(t, send(guard, request(tc.method, tc.target)).called, tc.method+" "+tc.target)
	}
	for _, tc := range []struct{ method, target string }{
		{"GET", "/"},
		{"GET", "/admin"},
		{"GET", "/publicx"},
		{"GET", "/Public/"},
		{"GET", "/public"}, // ServeMux redirects
		{"POST", "/one"},
		{"GET", "/one/"},
		{"GET", "/login"},
		{"post", "/login"},
		{"GET", "/items/"},
		{"GET", "/items/7/8"},
		{"GET", "/items/7%2f8"},
		{"GET", "/public/%2e%2e/admin"},
		{"GET", "/public/%2E%2E/admin"},
		{"GET", "/public/.%2e/admin"},
		{"GET", "/public/../admin"},
		{"GET", "/public/./x"},
		{"GET", "/public/..%2fadmin"},
		{"GET", "/public/%2fadmin"},
		{"GET", `/public/..\admin`},
		{"GET", "/public/..%5cadmin"},
		{"GET", "/public/..;/admin"},
		{"GET", "/public/..%3b/admin"},
		{"GET", "/public/;/admin"},
		{"GET", "/public/x;a=b"},
		{"GET", "/public//admin"},
		{"GET", "//public/x"},
		{"GET", "/public/a%2eb"},
		{"GET", "/public/%252e%252e/admin"},
		{"GET", "/public/%00"},
		{"GET", "/public/%0d%0a"},
		{"GET", "/public/%7f"},
		{"GET", "/public/%c0%ae%c0%ae/admin"},
		{"GET", "/public/.."},
		{"GET", "/public/a/" + "%2e"},
		{"CONNECT", "/public/x"},
		{"CONNECT", "/public/../admin"},
		{"GET", "/%70ublic/x"},
	} {
		got := send(guard, request(tc.method, tc.target))
		require.False(t, got.called, tc.method+" "+tc.target)
		require.Equal(t, 401, got.Code, tc.method+" "+tc.target)
	}

	r := request("GET", "/anything")
	r.Host = "files.example"
	require.True(t, send(guard, r).called)
	r.Host = "other.example"
	require.False(t, send(guard, r).called)

	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.URL.Opaque = "opaque" },
		func(r *http.Request) { r.URL.Path = "" },
		func(r *http.Request) { r.URL.Path = "*" },
		func(r *http.Request) { r.URL.Path = "public/x" },
	} {
		r := request("GET", "/public/x")
		change(r)
		require.False(t, send(guard, r).called)
	}

	// An exempt request is not looked at, and carries nobody.
	r = bearer("nonsense")
	r.URL.Path = "/public/"
	got := send(guard, r)
	require.True(t, got.called)
	require.Nil(t, got.token)
}

// The paths that Except must not exempt, through a real server and a mux that routes them.
func TestExceptOnTheWire(t *testing.T) {
	m := newManager(t)
	reached := ""
	mux := http.NewServeMux()
	mux.HandleFunc("/public/", func(_ http.ResponseWriter, r *http.Request) { reached = "public " + r.URL.Path })
	mux.HandleFunc("/admin", func(http.ResponseWriter, *http.Request) { reached = "admin" })
	server := httptest.NewServer(m.Required(jot.Except("/public/"))(mux))
	defer server.Close()
	for path, want := range map[string]string{
		"/public/x": "public /public/x", "/admin": "", "/public/%2e%2e/admin": "", "/public/..%2fadmin": "", "/public/..;/admin": "", "//admin": "", "/public/../admin": "",
	} {
		reached = ""
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		r.URL.Opaque = path // sent as it stands
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, reached, path)
	}
}

func TestNested(t *testing.T) {
	lookups, asked, verified := 0, 0, 0
	m := newManager(t,
		jot.WithUserLookup(func(context.Context, *jot.Token) (string, error) { lookups++; return "Alice", nil }),
		jot.WithTokenInBlocklist(func(context.Context, *jot.Token) (bool, error) { asked++; return false, nil }),
		jot.WithTokenVerification(func(context.Context, *jot.Token) (bool, error) { verified++; return true, nil }),
	)
	nested := func(outer, inner func(http.Handler) http.Handler) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler { return outer(inner(h)) }
	}
	raw := access(t, m, jot.Scopes("a"))
	got := send(nested(m.Required(), m.Required(jot.Scopes("a"))), bearer(raw))
	require.True(t, got.called)
	require.Equal(t, []int{1, 1, 1}, []int{lookups, asked, verified}, "asked once")

	got = send(nested(m.Required(), m.Required(jot.Scopes("b"))), bearer(raw))
	require.Equal(t, "insufficient_scope", got.code(t), "the inner guard's own demand")

	lookups, asked, verified = 0, 0, 0
	got = send(nested(m.Required(jot.InsecureSkipRevocation()), m.Required()), bearer(raw))
	require.True(t, got.called)
	require.Equal(t, []int{1, 1, 1}, []int{lookups, asked, verified}, "the inner guard asks what the outer left out")

	got = send(nested(m.Required(jot.Optional()), m.Required()), httptest.NewRequest("GET", "/", nil))
	require.Equal(t, "token_missing", got.code(t), "anonymous is not enough within")

	// Another credential than the one that was verified is verified anew.
	swap := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+raw+"x")
			h.ServeHTTP(w, r)
		})
	}
	got = send(nested(m.Required(), func(h http.Handler) http.Handler { return swap(m.Required()(h)) }), bearer(raw))
	require.Equal(t, "token_invalid", got.code(t))
}

func TestTwoManagers(t *testing.T) {
	staff, err := jot.New(jot.HS256([]byte(strings.Repeat("s", 32))), at(now), jot.WithRealm("staff"))
	require.NoError(t, err)
	public := newManager(t, users)

	require.Equal(t, "token_invalid", send(staff.Required(), bearer(access(t, public))).code(t), "each has its own keys")

	staffToken, err := staff.CreateAccessToken(ctx, "bob")
	require.NoError(t, err)
	r := bearer(access(t, public))
	handler := public.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+staffToken)
		staff.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			inner, ok := staff.FromContext(r.Context())
			require.True(t, ok)
			require.Equal(t, "bob", inner.Subject)
			outer, ok := public.FromContext(r.Context())
			require.True(t, ok)
			require.Equal(t, "alice", outer.Subject)
			require.Equal(t, "bob", jot.Identity(r.Context()), "the innermost")
			_, ok = jot.CurrentUser[string](r.Context())
			require.False(t, ok, "alice's user is not bob's")
			_, ok = newManager(t).FromContext(r.Context())
			require.False(t, ok)
		})).ServeHTTP(httptest.NewRecorder(), r)
	}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
}

// An adapter does with its own hands what Required does.
func TestAdmitAsASeam(t *testing.T) {
	m := newManager(t, users)
	guard := m.Guard(jot.Optional())
	adapter := func(w http.ResponseWriter, r *http.Request) {
		admitted, err := guard.Admit(w, r)
		if err != nil {
			require.Nil(t, admitted)
			m.WriteError(w, r, err)
			return
		}
		user, _ := jot.CurrentUser[string](admitted.Context())
		_, _ = io.WriteString(w, jot.Identity(admitted.Context())+"/"+user)
	}
	for raw, want := range map[string]string{access(t, m): "alice/Alice", "": "/"} {
		w := httptest.NewRecorder()
		r := bearer(raw)
		if raw == "" {
			r.Header.Del("Authorization")
		}
		adapter(w, r)
		require.Equal(t, want, w.Body.String())
	}
	w := httptest.NewRecorder()
	adapter(w, bearer("x"))
	require.Equal(t, 401, w.Code)
	require.Equal(t, invalid, w.Header().Get("WWW-Authenticate"))
}

// silence keeps the expected log lines out of the test's output.
func silence(t *testing.T) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
}
