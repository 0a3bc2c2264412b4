package jot_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
)

const uuidv7 = `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`

func number(n int64) json.Number {
	text, _ := json.Marshal(n)
	return json.Number(text)
}

// take removes the claims that differ each time and checks their form.
func take(t testing.TB, claims map[string]any, names ...string) {
	t.Helper()
	for _, name := range names {
		require.Regexp(t, uuidv7, claims[name], name)
		delete(claims, name)
	}
}

// adds is a callback that returns the same members for every token.
func adds(members map[string]any) func(context.Context, *jot.Token) (map[string]any, error) {
	return func(context.Context, *jot.Token) (map[string]any, error) { return members, nil }
}

func TestNewReportsEveryMistake(t *testing.T) {
	stored := func(opt jot.Option) jot.Option { return jot.Options(jot.WithStore(memstore.New()), opt) }
	blocking := jot.WithBlocklist(newBlocklist())
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	short := jot.WithSessionTTL(time.Hour)
	swapped := jot.Options(jot.WithAccessTTL(30*day), jot.WithRefreshTTL(15*time.Minute))
	longer := jot.Options(jot.WithSessionTTL(day), jot.WithAccessTTL(year), jot.WithRefreshTTL(day))
	for _, tc := range []struct {
		text string
		opt  jot.Option
	}{
		{"an option is nil", nil},
		{"WithBlocklist: it is nil", jot.WithBlocklist(nil)},
		{"WithBlocklist: it is nil", jot.WithBlocklist((*blocklist)(nil))},
		{"WithStore: it is nil", jot.WithStore(nil)},
		{"WithStore: it is nil", jot.WithStore((*memstore.Store)(nil))},
		{"WithAccessTTL is more than 400 days", stored(jot.WithAccessTTL(session.MaxTokenLife + time.Second))},
		{"WithBlocklist beside WithStore", stored(blocking)},
		{"WithRotationGrace has no effect without WithStore", jot.WithRotationGrace(0)},
		{"WithMaxSessions has no effect without WithStore", jot.WithMaxSessions(1)},
		{"WithMaxSessions: 0 is less than 1", stored(jot.WithMaxSessions(0))},
		{"WithRotationGrace: 1m0.000000001s is not from 0 to a minute", jot.WithRotationGrace(time.Minute + 1)},
		{"WithRotationGrace: -1ns is not", jot.WithRotationGrace(-1)},
		{"WithSessionTTL: 0s is not", jot.WithSessionTTL(0)},
		{"WithSessionTTL: 1h0m0s is less than refresh tokens live, 720h0m0s: see WithRefreshTTL", short},
		{"WithSessionTTL: 24h0m0s is less than access tokens live, 8760h0m0s: see WithAccessTTL", longer},
		{"WithAccessTTL: with 720h0m0s, access tokens outlive refresh tokens, whose WithRefreshTTL is 15m0s", swapped},
		{"WithEventHandler: the function is nil", jot.WithEventHandler(nil)},
		{"WithTokenInBlocklist: the function is nil", jot.WithTokenInBlocklist(nil)},
		{"WithTokenVerification: the function is nil", jot.WithTokenVerification(nil)},
		{"WithUserLookup: the function is nil", jot.WithUserLookup[int](nil)},
		{"WithAdditionalClaims: the function is nil", jot.WithAdditionalClaims(nil)},
		{"WithAdditionalHeaders: the function is nil", jot.WithAdditionalHeaders(nil)},
		{"WithAccessTTL: 0s is not whole seconds from 1s to 100 years", jot.WithAccessTTL(0)},
		{"WithAccessTTL: 1.5s is not whole seconds", jot.WithAccessTTL(1500 * time.Millisecond)},
		{"WithRefreshTTL: -1s is not", jot.WithRefreshTTL(-time.Second)},
		{"WithRefreshTTL: 2562047h47m16.854775807s is not", jot.WithRefreshTTL(math.MaxInt64)},
		{"WithIssuer: the name is empty", jot.WithIssuer("")},
		{"WithIssuer: the name is empty or not UTF-8", jot.WithIssuer("\xff")},
		{"WithAudience: name at least one", jot.WithAudience()},
		{"WithAudience: a name is empty", jot.WithAudience("a", "")},
		{"WithLeeway: -1ns is not from 0 to 5 minutes", jot.WithLeeway(-1)},
		{"WithLeeway: 5m0.000000001s is not", jot.WithLeeway(5*time.Minute + 1)},
		{"WithVerificationKeys: name at least one", jot.WithVerificationKeys()},
		{"the key source is nil", jot.WithVerificationKeys(nil)},
		{"the secret has 1 bytes", jot.WithVerificationKeys(jot.HS256([]byte("x")))},
		{"two HS256 keys have no id", jot.WithVerificationKeys(jot.HS256([]byte(strings.Repeat("o.", 16))))},
		{"WithRealm: \"\" is not printable", jot.WithRealm("")},
		{`WithRealm: "a\"b" is not`, jot.WithRealm(`a"b`)},
		{`WithRealm: "a\r\nSet-Cookie: x" is not`, jot.WithRealm("a\r\nSet-Cookie: x")},
		{"WithErrorHandler: the function is nil", jot.WithErrorHandler(nil)},
		{"WithScopes: the function is nil", jot.WithScopes(nil)},
		{"WithClock: the function is nil", jot.WithClock(nil)},
		{"WithClock: it stands still", jot.WithClock(now.UTC)},
		{"WithClock: it stands still", jot.WithClock(time.Now().UTC)},
		{"WithIssuer is given twice", jot.Options(jot.WithIssuer("a"), jot.WithIssuer("a"))},
		{"WithBlocklist is given twice", jot.Options(blocking, jot.Options(blocking))},
	} {
		m, err := jot.New(jot.HS256(secret), tc.opt)
		require.ErrorContains(t, err, tc.text)
		require.Nil(t, m)
	}

	// Several mistakes are reported at once.
	several := options(nil, jot.WithRealm(""), jot.Options(jot.WithClock(nil), jot.WithLeeway(time.Hour)))
	_, err := jot.New(jot.HS256([]byte("short")), several...)
	all := []string{"the secret has 5 bytes", "an option is nil", "WithRealm", "WithClock", "WithLeeway"}
	for _, text := range all {
		require.ErrorContains(t, err, text)
	}

	for _, source := range []jot.KeySource{nil, (*jot.Key)(nil)} {
		_, err = jot.New(source)
		require.ErrorContains(t, err, "the key source is nil")
	}
}

// What looks like one of the mistakes above, and is none.
func TestNewTakes(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for name, opt := range map[string]jot.Option{
		"access tokens that live long": jot.WithAccessTTL(year),
		"refresh tokens that do not":   jot.WithRefreshTTL(time.Second),
		"both the same":                jot.Options(jot.WithAccessTTL(year), jot.WithRefreshTTL(year)),
		"as another system has them":   jot.Options(jot.WithAccessTTL(year), jot.WithRefreshTTL(1e9), wire.Profile{}),
		"the clock":                    jot.WithClock(time.Now),
		"one that is a method":         jot.WithClock((&movingClock{now}).Now),
		"one that stands still":        jot.WithClock(func() time.Time { return now }),
	} {
		_, err := jot.New(jot.HS256(secret), opt)
		require.NoError(t, err, name)
	}
}

type movingClock struct{ time.Time }

func (c *movingClock) Now() time.Time { return c.Time }

func TestBoundsAreInclusive(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	m := newManager(t,
		jot.WithLeeway(5*time.Minute),
		jot.WithAccessTTL(time.Second),
		jot.WithRefreshTTL(century),
		jot.WithSessionTTL(century),
		jot.WithRealm(" ~"),
		jot.WithStore(memstore.New(memstore.MaxEntries(1))),
		jot.WithMaxSessions(1),
		jot.WithRotationGrace(time.Minute),
	)
	require.Equal(t, century, pair(t, m, jot.Scopes("!", "~", "[]")).RefreshExpiresIn)

	// The largest token that is made is the largest that is accepted. The header is padded too: base64 skips lengths.
	lengths := map[int]bool{}
	for size := range 800 {
		claim := jot.Claim("x", strings.Repeat("x", 5800+size/4))
		param := jot.HeaderParam("y", strings.Repeat("y", size%4))
		raw, err := m.CreateAccessToken(ctx, "alice", claim, param)
		if err == nil {
			lengths[len(raw)] = true
			_, err = m.Verify(ctx, raw)
			require.NoError(t, err)
		}
	}
	require.True(t, lengths[8192])
}

func TestNewDoesNotKeepTheCallersSlices(t *testing.T) {
	audience := []string{"api"}
	m := newManager(t, jot.WithAudience(audience...))
	audience[0] = "other"
	require.Equal(t, "api", claimsOf(t, access(t, m))["aud"])
}

// A Manager that New did not make says so, whatever is called.
func TestManagerNotMadeByNew(t *testing.T) {
	m := new(jot.Manager)
	_, err := m.Verify(ctx, "a.b.c")
	require.ErrorContains(t, err, "not made by New")
	require.Contains(t, panicOf(func() { m.Guard() }), "not made by New")
	_, err = m.CreateAccessToken(ctx, "alice")
	require.ErrorContains(t, err, "not made by New")
	_, err = m.CreatePair(ctx, "alice")
	require.ErrorContains(t, err, "not made by New")
	_, err = m.CreateRefreshToken(ctx, "alice")
	require.ErrorContains(t, err, "not made by New")
}

func TestDefaults(t *testing.T) {
	m := newManager(t)
	p := pair(t, m)
	require.Equal(t, 15*time.Minute, p.ExpiresIn)
	require.Equal(t, 30*24*time.Hour, p.RefreshExpiresIn)
	require.Equal(t, p.SessionID, claimsOf(t, p.AccessToken)["sid"])
	require.Equal(t, p.SessionID, claimsOf(t, p.RefreshToken)["sid"])
	refresh, err := m.CreateRefreshToken(ctx, "alice")
	require.NoError(t, err)
	reset, err := m.CreateToken(ctx, "alice", jot.Type("password_reset"))
	require.NoError(t, err)

	const minutes, days = 60, 24 * 60 * 60
	alone, inSession := []string{"jti"}, []string{"jti", "sid"}
	type claims = map[string]any
	fresh := claims{"fresh": false}
	for _, tc := range []struct {
		name, raw, kind string
		life            int64
		ids             []string // different each time
		more            claims
	}{
		{"an access token alone", access(t, m), "access", 15 * minutes, alone, fresh},
		{"the access token of a pair", p.AccessToken, "access", 15 * minutes, inSession, fresh},
		{"the refresh token of a pair", p.RefreshToken, "refresh", 30 * days, inSession, fresh},
		{"a refresh token alone", refresh, "refresh", 30 * days, inSession, fresh},
		{"a token of another type", reset, "password_reset", 15 * minutes, alone, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			iat := now.Unix()
			want := claims{"type": tc.kind, "sub": "alice", "iat": number(iat), "exp": number(iat + tc.life)}
			maps.Copy(want, tc.more)
			got := claimsOf(t, tc.raw)
			take(t, got, tc.ids...)
			require.Equal(t, want, got)
		})
	}

	// Without WithClock a manager goes by time.Now.
	m, err = jot.New(jot.HS256(secret))
	require.NoError(t, err)
	before := time.Now()
	token, err := m.Verify(ctx, access(t, m))
	require.NoError(t, err)
	require.WithinRange(t, token.IssuedAt, before.Truncate(time.Second), time.Now())
}

// Tokens and sessions of the same instant have different ids. A session's id begins with the time at which it began.
func TestIDs(t *testing.T) {
	m := newManager(t)
	seen := map[string]bool{}
	for range 100 {
		p := pair(t, m)
		accessID := claimsOf(t, p.AccessToken)["jti"].(string)
		refreshID := claimsOf(t, p.RefreshToken)["jti"].(string)
		for _, id := range []string{p.SessionID, accessID, refreshID} {
			require.False(t, seen[id])
			seen[id] = true
		}
		require.Equal(t, "01b8dac5-b400", p.SessionID[:13], "1893456000000 ms in hexadecimal")
	}
}

func TestManagerSettingsMint(t *testing.T) {
	lives := jot.Options(jot.WithAccessTTL(time.Minute), jot.WithRefreshTTL(time.Hour))
	m := newManager(t, jot.WithIssuer("us"), jot.WithAudience("api"), lives)
	p := pair(t, m)
	require.Equal(t, time.Minute, p.ExpiresIn)
	require.Equal(t, time.Hour, p.RefreshExpiresIn)
	for raw, exp := range map[string]int64{p.AccessToken: 60, p.RefreshToken: 3600, access(t, m): 60} {
		claims := claimsOf(t, raw)
		require.Equal(t, "us", claims["iss"])
		require.Equal(t, "api", claims["aud"])
		require.Equal(t, number(now.Unix()+exp), claims["exp"])
	}
	require.Equal(t, []any{"a", "b"}, claimsOf(t, access(t, newManager(t, jot.WithAudience("a", "b"))))["aud"])
}

func TestTokenOptions(t *testing.T) {
	type account struct {
		Plan  string `json:"plan"`
		Seats int    `json:"seats,omitempty"`
	}
	type claims = map[string]any
	const large int64 = 9007199254740993 // 2^53 + 1, which no float64 is
	name, text := "a\"\n</é", `"\`
	nested := claims{"sub": "nested is free"}
	nothing := list(jot.Claims(nil), jot.Claims(claims(nil)), jot.Claims((*account)(nil)))
	nest := jot.TokenOptions(jot.Claim("a", 1), jot.TokenOptions(jot.Scopes("s")))
	inSeconds := func(n int64) json.Number { return number(now.Unix() + n) }
	const days30 = 30 * 24 * 3600

	m := newManager(t, jot.WithAudience("api"))
	for _, tc := range []struct {
		name    string
		opts    []jot.TokenOption
		access  claims
		refresh claims // of a pair; as access when nil
	}{
		{"ExpiresIn", list(jot.ExpiresIn(time.Second)), claims{"exp": inSeconds(1)}, claims{"exp": inSeconds(days30)}},
		{"Fresh", list(jot.Fresh()), claims{"fresh": true}, claims{"fresh": false}},
		{"Fresh is dated", list(jot.Fresh()), claims{"auth_time": inSeconds(0)}, nil},
		{"FreshFor", list(jot.FreshFor(time.Minute)), claims{"fresh": inSeconds(60)}, claims{"fresh": false}},
		{"Scopes", list(jot.Scopes("a"), jot.Scopes("b", "a")), claims{"scope": "a b"}, nil},
		{"Audience", list(jot.Audience("web")), claims{"aud": "web"}, nil},
		{"Audience of two", list(jot.Audience("web", "app")), claims{"aud": []any{"web", "app"}}, nil},
		{"Claim", list(jot.Claim("a", 1), jot.Claim("b", nil)), claims{"a": number(1), "b": nil}, nil},
		{"Claim again", list(jot.Claim("a", 1), jot.Claim("a", "again")), claims{"a": "again"}, nil},
		{"Claim with a name to escape", list(jot.Claim(name, []string{text})), claims{name: []any{text}}, nil},
		{"Claims of a map", list(jot.Claims(claims{"n": large})), claims{"n": number(large)}, nil},
		{"Claims of maps", list(jot.Claims(claims{"a": nil, "o": nested})), claims{"a": nil, "o": nested}, nil},
		{"Claims of a struct", list(jot.Claims(account{Plan: "pro"})), claims{"plan": "pro"}, nil},
		{"Claims of nothing", nothing, claims{"plan": nil}, nil},
		{"several as one", list(nest), claims{"a": number(1), "scope": "s"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			has := func(raw string, want claims) {
				got := claimsOf(t, raw)
				for name, value := range want {
					require.Equal(t, value, got[name], name)
				}
			}
			if tc.refresh == nil {
				tc.refresh = tc.access
			}
			p := pair(t, m, tc.opts...)
			has(access(t, m, tc.opts...), tc.access)
			has(p.AccessToken, tc.access)
			has(p.RefreshToken, tc.refresh)
		})
	}

	p := pair(t, m, jot.ExpiresIn(time.Minute), jot.RefreshExpiresIn(time.Hour))
	require.Equal(t, time.Minute, p.ExpiresIn)
	require.Equal(t, time.Hour, p.RefreshExpiresIn)
	require.Equal(t, number(1893456000+3600), claimsOf(t, p.RefreshToken)["exp"])

	p = pair(t, m, jot.HeaderParam("x", 1))
	for raw, want := range map[string]any{p.AccessToken: number(1), p.RefreshToken: nil} {
		header, _, err := jot.InsecureDecode(raw)
		require.NoError(t, err)
		require.Equal(t, want, header["x"])
	}
	header := encode(`{"alg":"HS256","typ":"JWT","x":1}`)
	require.True(t, strings.HasPrefix(p.AccessToken, header+"."), "the header begins as always")
	_, err := m.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
}

func list(opts ...jot.TokenOption) []jot.TokenOption { return opts }

// All mistakes in a token's options are reported at once, and no token is made.
func TestTokenOptionMistakes(t *testing.T) {
	m := newManager(t, jot.WithBlocklist(newBlocklist()))
	session, err := m.Verify(ctx, pair(t, m).AccessToken)
	require.NoError(t, err)
	lone, err := m.Verify(ctx, access(t, m))
	require.NoError(t, err)
	foreign, err := newManager(t).Verify(ctx, pair(t, m).AccessToken)
	require.NoError(t, err)

	createAccess := m.CreateAccessToken
	createPair := func(ctx context.Context, subject string, opts ...jot.TokenOption) (string, error) {
		p, err := m.CreatePair(ctx, subject, opts...)
		if err != nil {
			return "", err
		}
		return p.AccessToken, nil
	}
	type create = func(context.Context, string, ...jot.TokenOption) (string, error)
	all := []create{createAccess, m.CreateRefreshToken, m.CreateToken, createPair}
	notPair := []create{createAccess, m.CreateRefreshToken, m.CreateToken}
	joining := []create{createAccess, m.CreateToken}
	onlyRefresh, onlyPair := []create{m.CreateRefreshToken}, []create{createPair}
	deep := json.RawMessage(strings.Repeat("[", 40) + strings.Repeat("]", 40))
	handmade := &jot.Token{SessionID: "x"}
	for _, tc := range []struct {
		text string
		opt  jot.TokenOption
		by   []create
	}{
		{"an option: it is nil", nil, all},
		{"ExpiresIn: 0s is not whole seconds", jot.ExpiresIn(0), all},
		{"ExpiresIn: 1ms is not", jot.ExpiresIn(time.Millisecond), all},
		{"RefreshExpiresIn: -1s is not", jot.RefreshExpiresIn(-time.Second), all},
		{"RefreshExpiresIn: it is for CreatePair: use ExpiresIn", jot.RefreshExpiresIn(time.Hour), notPair},
		{"FreshFor: 0s is not", jot.FreshFor(0), all},
		{"Fresh and FreshFor: a token is fresh", jot.TokenOptions(jot.Fresh(), jot.FreshFor(time.Hour)), all},
		{"Fresh: a refresh token is never fresh", jot.Fresh(), onlyRefresh},
		{"Fresh: a refresh token is never fresh", jot.FreshFor(time.Hour), onlyRefresh},
		{"Type: use CreateToken", jot.Type("x"), []create{createAccess, m.CreateRefreshToken}},
		{"Type: use CreateToken", jot.Type("x"), onlyPair},
		{"CreateToken: name the type by Type", jot.Fresh(), []create{m.CreateToken}},
		{"Type: a token has one type", jot.TokenOptions(jot.Type("x"), jot.Type("y")), all},
		{`Type: "access" is made by CreateAccessToken`, jot.Type("access"), all},
		{`Type: "refresh" is made by`, jot.Type("refresh"), all},
		{"Type: the name is empty", jot.Type(""), all},
		{"Scopes: name at least one", jot.Scopes(), all},
		{`Scopes: "a b" is not a scope`, jot.Scopes("a b"), all},
		{"Audience: name at least one", jot.Audience(), all},
		{"Audience: a name is empty", jot.Audience(""), all},
		{"Claim: a name is empty", jot.Claim("", 1), all},
		{"Claim: a name is not UTF-8", jot.Claim("a\xff", 1), all},
		{"Claim: it has no JSON form: json: unsupported", jot.Claim("a", func() {}), all},
		{"Claim: it has no JSON form: json: unsupported", jot.Claim("a", math.NaN()), all},
		{"Claim: JSON is nested too deeply", jot.Claim("a", deep), all},
		{"Claims: JSON object has a member twice", jot.Claims(json.RawMessage(`{"a":1,"a":2}`)), all},
		{"Claims: ", jot.Claims([]string{"a"}), all},
		{"Claims: ", jot.Claims("a"), all},
		{"HeaderParam: ", jot.HeaderParam("a", make(chan int)), all},
		{"InSession: the token is nil", jot.InSession(nil), all},
		{"InSession: it is for access tokens", jot.InSession(session), onlyPair},
		{"InSession: it is for access tokens", jot.InSession(session), onlyRefresh},
		{"InSession: the token belongs to no session", jot.InSession(lone), joining},
		{"InSession: not a token that this Manager has verified", jot.InSession(foreign), joining},
		{"InSession: not a token that this Manager has verified", jot.InSession(handmade), []create{createAccess}},
	} {
		for _, f := range tc.by {
			raw, err := f(ctx, "alice", tc.opt)
			require.ErrorContains(t, err, tc.text)
			require.Empty(t, raw)
			_, err = f(ctx, "", tc.opt)
			require.ErrorContains(t, err, tc.text)
			require.ErrorContains(t, err, "the subject: it is not 1 to 255 bytes")
		}
	}
	_, err = m.CreateAccessToken(ctx, "bob", jot.InSession(session))
	require.ErrorContains(t, err, "InSession: the session belongs to another subject")
}

func TestReservedNames(t *testing.T) {
	m := newManager(t)
	claims := []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", // RFC 7519
		"type", "fresh", "auth_time", "scope", "sid", "csrf", "cnf", "client_id",
	}
	for _, name := range claims {
		null := json.RawMessage(`{"` + name + `":null}`)
		for _, opt := range list(jot.Claim(name, 1), jot.Claims(map[string]any{name: "x"}), jot.Claims(null)) {
			_, err := m.CreateAccessToken(ctx, "alice", opt)
			require.ErrorContains(t, err, `"`+name+`" is reserved`)
			_, err = m.CreatePair(ctx, "alice", opt)
			require.ErrorContains(t, err, `"`+name+`" is reserved`)
		}
		callback := newManager(t, jot.WithAdditionalClaims(adds(map[string]any{name: 1})))
		_, err := callback.CreateAccessToken(ctx, "alice")
		require.ErrorContains(t, err, `WithAdditionalClaims: "`+name+`" is reserved`)
	}
	params := []string{"alg", "kid", "typ", "cty", "crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "zip", "enc"}
	for _, name := range params {
		_, err := m.CreateAccessToken(ctx, "alice", jot.HeaderParam(name, "x"))
		require.ErrorContains(t, err, `HeaderParam: "`+name+`" is reserved`)
		callback := newManager(t, jot.WithAdditionalHeaders(adds(map[string]any{name: 1})))
		_, err = callback.CreateAccessToken(ctx, "alice")
		require.ErrorContains(t, err, `WithAdditionalHeaders: "`+name+`" is reserved`)
	}
	// Names in another case are other names (RFC 7519 section 10.1.1), and readers of ours take them so.
	got := claimsOf(t, access(t, m, jot.Claim("Sub", "mallory")))
	require.Equal(t, "alice", got["sub"])
	require.Equal(t, "mallory", got["Sub"])
}

func TestSubjects(t *testing.T) {
	m := newManager(t)
	for _, name := range []string{"a", strings.Repeat("x", 255), "é \"\\\u2028</script>", "*", "\u00a0"} {
		raw, err := m.CreateAccessToken(ctx, name)
		require.NoError(t, err)
		token, err := m.Verify(ctx, raw)
		require.NoError(t, err)
		require.Equal(t, name, token.Subject)
	}
	for _, name := range []string{"", strings.Repeat("x", 256), "\xff"} {
		_, err := m.CreateAccessToken(ctx, name)
		require.ErrorContains(t, err, "the subject: it is not 1 to 255 bytes of UTF-8")
	}
	for _, id := range []int{0, 7, '\n', 0x7f, 0x85, 0xd800, 0x110000, -1} {
		_, err := m.CreateAccessToken(ctx, string(rune(id))) // what string(id) is, which no vet lets pass
		require.EqualError(t, err, "jot: the subject: it has a control character or U+FFFD, "+
			"as string makes them of a number: write that by strconv.Itoa", id)
	}
}

func TestClockOutOfRange(t *testing.T) {
	for _, instant := range []time.Time{time.Unix(-1, 0), {}, time.Unix(wire.MaxDate, 0)} {
		m := newManagerAt(t, instant)
		_, err := m.CreateAccessToken(ctx, "alice")
		require.ErrorContains(t, err, "the clock: the token's dates are not between 1970 and 9999")
	}
	_, err := newManagerAt(t, time.Unix(wire.MaxDate-900, 0)).CreateAccessToken(ctx, "alice")
	require.NoError(t, err)
}

// A clock that jumps between two readings, out of its range even, is answered or refused. Nothing panics.
func TestClockJumps(t *testing.T) {
	silence(t)
	instants := []time.Time{
		now, now.Add(-time.Hour), now.Add(time.Hour),
		{},
		time.Unix(-1, 0), time.Unix(1<<40, 0),
		now.Add(400 * 24 * time.Hour), time.UnixMilli(-5), time.Unix(wire.MaxDate, 0),
	}
	for step := range len(instants) {
		reading := 0
		m, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}),
			jot.WithSlidingSessions(), jot.WithClock(func() time.Time {
				reading += step
				return instants[reading%len(instants)]
			}))
		require.NoError(t, err)
		guard := m.Required()(http.HandlerFunc(noContent))
		for range 30 {
			reading++ // begins elsewhere
			p, err := m.CreatePair(ctx, "alice")
			if err != nil {
				require.ErrorContains(t, err, "the clock: ")
				continue
			}
			sent := []edit{
				setHeader("Sec-Fetch-Site", "same-origin"), setHeader("X-Csrf-Token", p.RefreshCSRFToken),
				addCookie("__Host-access_token", p.AccessToken), addCookie("__Host-refresh_token", p.RefreshToken),
			}
			require.Contains(t, []int{200, 401, 500}, answerOf(m.RefreshHandler(), posted("/", sent...)).Code)
			require.Contains(t, []int{204, 401}, answerOf(guard, by("GET", posted("/", sent...))).Code)
			require.Equal(t, 204, answerOf(m.LogoutHandler(), posted("/", sent...)).Code, "whatever the clock says")
		}
	}
}

func TestTooLarge(t *testing.T) {
	m := newManager(t)
	fits := 0
	for size := 5800; size < 6200; size++ {
		raw, err := m.CreateAccessToken(ctx, "alice", jot.Claim("x", strings.Repeat("x", size)))
		if err != nil {
			require.ErrorIs(t, err, jot.ErrTokenTooLarge)
			require.ErrorContains(t, err, "access token of ")
			continue
		}
		fits++
		_, err = m.Verify(ctx, raw)
		require.NoError(t, err, "what was made is accepted")
		require.LessOrEqual(t, len(raw), 8192)
	}
	require.Positive(t, fits)
	require.Less(t, fits, 400)

	// If the refresh token of a pair is too large, neither token is issued.
	big := jot.Claim("x", strings.Repeat("x", 9000))
	p, err := m.CreatePair(ctx, "alice", big)
	require.ErrorIs(t, err, jot.ErrTokenTooLarge)
	require.Nil(t, p)
}

func TestOnlyVerifying(t *testing.T) {
	m, err := jot.New(jot.PublicKey("RS256", &rsaKey.PublicKey))
	require.NoError(t, err)
	_, err = m.CreateAccessToken(ctx, "alice")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "only verifies")
	_, err = m.CreateRefreshToken(ctx, "alice")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "only verifies")
	_, err = m.CreatePair(ctx, "alice")
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestSigningFails(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	m, err := jot.New(jot.PrivateKey("ES256", failingSigner{key}))
	require.NoError(t, err)
	_, err = m.CreatePair(ctx, "alice")
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.ErrorIs(t, err, errDown)
	w := httptest.NewRecorder()
	silence(t)
	m.WriteError(w, httptest.NewRequest("POST", "/login", nil), err)
	require.Equal(t, 503, w.Code)
}

func TestAdditionalClaims(t *testing.T) {
	whatWeReturn := func() map[string]any { return map[string]any{"roles": []string{"admin"}, "plan": "pro"} }
	shared := whatWeReturn()
	var seen []*jot.Token
	m := newManager(t, jot.WithIssuer("us"), jot.WithAudience("api"),
		jot.WithAdditionalClaims(func(_ context.Context, token *jot.Token) (map[string]any, error) {
			seen = append(seen, token)
			token.Subject, token.Audience[0], token.Scopes[0] = "mallory", "mallory", "mallory" // changes nothing
			return shared, nil
		}))
	p := pair(t, m, jot.Scopes("s"), jot.Claim("plan", "free"), jot.Fresh())
	require.Len(t, seen, 1, "access tokens only")
	claims := claimsOf(t, p.AccessToken)
	require.Equal(t, []any{"admin"}, claims["roles"])
	require.Equal(t, "free", claims["plan"], "what was given at login wins")
	require.Equal(t, "alice", claims["sub"])
	require.Equal(t, "api", claims["aud"])
	require.Equal(t, "s", claims["scope"])
	require.NotContains(t, claimsOf(t, p.RefreshToken), "roles")
	require.Equal(t, whatWeReturn(), shared, "the callback's map is as it was")

	// The callback sees the token as it will be.
	token := seen[0]
	require.Equal(t, "access", token.Type)
	require.Equal(t, claims["jti"], token.ID)
	require.Equal(t, p.SessionID, token.SessionID)
	require.Equal(t, "us", token.Issuer)
	require.True(t, token.IsFresh())
	var plan string
	require.NoError(t, token.Claim("plan", &plan))
	require.Equal(t, "free", plan)
	_, err := m.CreateAccessToken(ctx, "alice", jot.InSession(token))
	require.ErrorContains(t, err, "not a token that this Manager has verified")

	raw, err := m.CreateToken(ctx, "alice", jot.Type("x"))
	require.NoError(t, err)
	require.NotContains(t, claimsOf(t, raw), "roles")
}

func TestAdditionalHeaders(t *testing.T) {
	types := []string{}
	m := newManager(t, jot.WithAdditionalHeaders(func(_ context.Context, token *jot.Token) (map[string]any, error) {
		types = append(types, token.Type)
		return map[string]any{"tenant": "a", "n": 1}, nil
	}))
	p := pair(t, m, jot.HeaderParam("tenant", "b"))
	require.Equal(t, []string{"access", "refresh"}, types)
	for raw, tenant := range map[string]string{p.AccessToken: "b", p.RefreshToken: "a"} {
		header, _, err := jot.InsecureDecode(raw)
		require.NoError(t, err)
		require.Equal(t, map[string]any{"alg": "HS256", "typ": "JWT", "tenant": tenant, "n": number(1)}, header)
		token, err := m.Verify(ctx, raw, jot.AccessOrRefresh())
		require.NoError(t, err)
		got, ok := token.Header("tenant")
		require.True(t, ok)
		require.Equal(t, tenant, got)
	}
}

// If a callback fails, no token is made: the answer is 503, or that of the sentinel that it returns.
func TestMintingCallbackErrors(t *testing.T) {
	for _, tc := range []struct {
		err, want error
		status    int
	}{
		{errDown, jot.ErrUnavailable, 503},
		{context.DeadlineExceeded, jot.ErrUnavailable, 503},
		{jot.ErrUserNotFound, jot.ErrUserNotFound, 401},
		{errors.Join(errDown, jot.ErrForbidden), jot.ErrForbidden, 403},
	} {
		fails := func(context.Context, *jot.Token) (map[string]any, error) { return map[string]any{"a": 1}, tc.err }
		for _, opt := range []jot.Option{jot.WithAdditionalClaims(fails), jot.WithAdditionalHeaders(fails)} {
			m := newManager(t, opt)
			p, err := m.CreatePair(ctx, "alice")
			require.Nil(t, p)
			require.ErrorIs(t, err, tc.want)
			require.ErrorIs(t, err, tc.err)
			silence(t)
			w := httptest.NewRecorder()
			m.WriteError(w, httptest.NewRequest("POST", "/login", nil), err)
			require.Equal(t, tc.status, w.Code)
			require.NotContains(t, w.Body.String(), "hunter2")
		}
	}
	half := newManager(t, jot.WithAdditionalHeaders(func(_ context.Context, t *jot.Token) (map[string]any, error) {
		if t.Type == "refresh" {
			return nil, errDown
		}
		return nil, nil
	}))
	p, err := half.CreatePair(ctx, "alice")
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.Nil(t, p)
	broken := adds(map[string]any{"a": func() {}})
	_, err = newManager(t, jot.WithAdditionalClaims(broken)).CreateAccessToken(ctx, "alice")
	require.ErrorContains(t, err, "WithAdditionalClaims: it has no JSON form: json: unsupported")
	_, err = newManager(t, jot.WithAdditionalHeaders(broken)).CreateRefreshToken(ctx, "alice")
	require.ErrorContains(t, err, "WithAdditionalHeaders: it has no JSON form: json: unsupported")
}

func TestInSession(t *testing.T) {
	rights := map[string]any{"roles": "admin"}
	opts := options(jot.WithAudience("api"), jot.WithAdditionalClaims(adds(rights)))
	m := newManager(t, opts...)
	settings := jot.Claims(map[string]any{"plan": "pro", "theme": "dark"})
	p := pair(t, m, jot.Fresh(), jot.Scopes("a", "b"), jot.Audience("web"), settings)

	afterwards := newManagerAt(t, now.Add(time.Hour), opts...)
	rights["roles"] = "user" // demoted
	refresh, err := afterwards.Verify(ctx, p.RefreshToken, jot.Refresh(), jot.Audience("web"))
	require.NoError(t, err)

	claims := claimsOf(t, access(t, afterwards, jot.InSession(refresh), jot.Claim("theme", "light")))
	take(t, claims, "jti")
	require.Equal(t, map[string]any{
		"type": "access", "sub": "alice", "sid": p.SessionID, "scope": "a b", "aud": "web", "fresh": false,
		"iat": number(1893459600), "exp": number(1893460500),
		"auth_time": number(1893456000), // the login, not the refresh
		"plan":      "pro", "theme": "light", "roles": "user",
	}, claims)

	claims = claimsOf(t, access(t, afterwards, jot.InSession(refresh), jot.Scopes("a"), jot.Audience("app")))
	require.Equal(t, "a", claims["scope"])
	require.Equal(t, "app", claims["aud"])

	// A step-up: the password was asked again.
	claims = claimsOf(t, access(t, afterwards, jot.InSession(refresh), jot.Fresh()))
	require.Equal(t, true, claims["fresh"])
	require.Equal(t, number(1893459600), claims["auth_time"])
	require.Equal(t, p.SessionID, claims["sid"])

	// From an access token: its claims may be yesterday's rights.
	fromAccess, err := m.Verify(ctx, p.AccessToken, jot.Audience("web"))
	require.NoError(t, err)
	claims = claimsOf(t, access(t, m, jot.InSession(fromAccess)))
	require.Equal(t, "user", claims["roles"])
	require.NotContains(t, claims, "plan")
	require.Equal(t, p.SessionID, claims["sid"])
	require.Equal(t, "a b", claims["scope"])

	// A token of another type can join a session too.
	raw, err := m.CreateToken(ctx, "alice", jot.Type("ws"), jot.InSession(fromAccess))
	require.NoError(t, err)
	require.Equal(t, p.SessionID, claimsOf(t, raw)["sid"])
}

func TestWritePair(t *testing.T) {
	m := newManager(t)
	p := pair(t, m)
	w := httptest.NewRecorder()
	require.NoError(t, m.WritePair(w, p))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	want := `{"access_token":"` + p.AccessToken + `","refresh_token":"` + p.RefreshToken + `",` +
		`"token_type":"Bearer","expires_in":900}` + "\n"
	require.Equal(t, want, w.Body.String())

	w = httptest.NewRecorder()
	require.NoError(t, m.WritePair(w, &jot.Pair{AccessToken: "a"}))
	require.JSONEq(t, `{"access_token":"a","token_type":"Bearer"}`, w.Body.String())

	w = httptest.NewRecorder() // what its token says of itself
	require.NoError(t, m.WritePair(w, &jot.Pair{AccessToken: p.AccessToken}))
	require.JSONEq(t, `{"access_token":"`+p.AccessToken+`","token_type":"Bearer","expires_in":900}`, w.Body.String())

	for _, empty := range []*jot.Pair{nil, {}, {CSRFToken: "x"}} {
		require.EqualError(t, m.WritePair(w, empty), "jot: WritePair: the pair is empty")
	}
	require.ErrorIs(t, m.WritePair(gone{httptest.NewRecorder()}, p), io.ErrClosedPipe)
}

// Many goroutines share one manager.
func TestConcurrentUse(t *testing.T) {
	extra := jot.WithAdditionalClaims(adds(map[string]any{"a": 1}))
	m := newManager(t, jot.WithBlocklist(newBlocklist()), users, extra)
	guard := m.Required(jot.Scopes("s"))
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 20 {
				p, err := m.CreatePair(ctx, "alice", jot.Scopes("s"))
				if err != nil || !send(guard, bearer(p.AccessToken)).called {
					t.Error("refused")
					return
				}
				token, err := m.Verify(ctx, p.AccessToken)
				if err != nil || m.Revoke(ctx, token) != nil || send(guard, bearer(p.AccessToken)).called {
					t.Error("not revoked")
					return
				}
			}
		})
	}
	group.Wait()
}

// Another library with the same secret reads our tokens.
func TestOthersReadOurs(t *testing.T) {
	p := pair(t, newManager(t, jot.WithIssuer("us"), jot.WithAudience("api")), jot.Fresh(), jot.Scopes("a", "b"))
	var claims struct {
		jwt.RegisteredClaims
		Type  string `json:"type"`
		Fresh bool   `json:"fresh"`
		Scope string `json:"scope"`
	}
	strict := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}),
		jwt.WithIssuer("us"),
		jwt.WithAudience("api"),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	_, err := strict.ParseWithClaims(p.AccessToken, &claims, func(*jwt.Token) (any, error) { return secret, nil })
	require.NoError(t, err)
	require.Equal(t, "alice", claims.Subject)
	require.Equal(t, "access", claims.Type)
	require.True(t, claims.Fresh)
	require.Equal(t, "a b", claims.Scope)
}
