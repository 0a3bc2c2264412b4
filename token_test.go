package jot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// verified forges a token with these further claims and verifies it.
func verified(t testing.TB, more string) *jot.Token {
	t.Helper()
	token, err := newManager(t).Verify(ctx, forge(t, ourHeader, with(more)), jot.AccessOrRefresh())
	require.NoError(t, err)
	return token
}

func TestTokenFields(t *testing.T) {
	m := newManager(t, jot.WithAudience("api", "web"))
	raw := forge(t, ourHeader, `{"iss":"us","sub":"alice","jti":"1","type":"refresh",
		"sid":"s","aud":["x","web"],"scope":"a b",
		"iat":1893455999.5,"nbf":1893456000,"exp":1893456900,"auth_time":1893450000}`)
	token, err := m.Verify(ctx, raw, jot.Refresh())
	require.NoError(t, err)
	require.Equal(t, "us", token.Issuer)
	require.Equal(t, "alice", token.Subject)
	require.Equal(t, "1", token.ID)
	require.Equal(t, "refresh", token.Type)
	require.Equal(t, "s", token.SessionID)
	require.Equal(t, []string{"x", "web"}, token.Audience)
	require.Equal(t, []string{"a", "b"}, token.Scopes)
	require.Equal(t, now.UTC(), token.IssuedAt)
	require.Equal(t, now.UTC(), token.NotBefore)
	require.Equal(t, now.Add(15*time.Minute).UTC(), token.ExpiresAt)
	require.Equal(t, now.Add(-6000*time.Second).UTC(), token.AuthTime)
	require.Empty(t, token.Location)
	require.True(t, token.HasScope("a"))
	require.False(t, token.HasScope("A"))

	token = verified(t, `"x":1`)
	require.Zero(t, token.NotBefore)
	require.Zero(t, token.AuthTime)
	require.Empty(t, token.Scopes)
}

func TestTokenClaims(t *testing.T) {
	token := verified(t, `"n":9007199254740993,"o":{"Sub":1,"f":1.5},"Sub":"mallory","SUB":"mallory",
		"email":"a@example","N":7,"list":[1,"a",null]`)

	var all map[string]any
	require.NoError(t, token.Claims(&all))
	require.Equal(t, json.Number("9007199254740993"), all["n"], "no digit is lost")
	require.Equal(t, "alice", all["sub"])
	require.Equal(t, map[string]any{"Sub": json.Number("1"), "f": json.Number("1.5")}, all["o"])

	type embedded struct {
		Email string `json:"email"`
	}
	var some struct {
		embedded

		Sub   string `json:"sub"`
		Small int64  `json:"n"`
		N     int
		Other struct {
			F float64 `json:"f"`
		} `json:"o"`
		Ignored string `json:"-"`
	}
	require.NoError(t, token.Claims(&some))
	require.Equal(t, "alice", some.Sub, "names match byte for byte")
	require.Equal(t, int64(9007199254740993), some.Small)
	require.Equal(t, 7, some.N)
	require.Equal(t, "a@example", some.Email)
	require.InDelta(t, 1.5, some.Other.F, 0)

	var wrong struct {
		N string `json:"n"`
	}
	require.ErrorContains(t, token.Claims(&wrong), "claims do not fit *struct")
	require.Error(t, token.Claims(nil))
	require.Error(t, token.Claims(some))
	require.ErrorContains(t, (&jot.Token{}).Claims(&all), "was not made by a Manager")

	var own selfDecoding
	require.NoError(t, token.Claims(&own))
	require.Contains(t, string(own), `"Sub":"mallory"`, "a type that decodes itself sees everything")
	require.NoError(t, verified(t, `"x":1`).Claims(&struct{}{}))
}

type selfDecoding string

func (s *selfDecoding) UnmarshalJSON(text []byte) error {
	*s = selfDecoding(text)
	return nil
}

func TestTokenClaim(t *testing.T) {
	token := verified(t, `"n":9007199254740993,"Sub":"mallory","null":null,"esc\u0061ped":"x"`)
	var sub string
	require.NoError(t, token.Claim("sub", &sub))
	require.Equal(t, "alice", sub)
	var v any
	require.NoError(t, token.Claim("n", &v))
	require.Equal(t, json.Number("9007199254740993"), v)
	require.NoError(t, token.Claim("null", &v))
	require.Nil(t, v)
	require.NoError(t, token.Claim("escaped", &v))
	require.EqualError(t, token.Claim("SUB", &v), `jot: the token has no claim "SUB"`)
	require.EqualError(t, (&jot.Token{}).Claim("sub", &v), `jot: the token has no claim "sub"`)
	var n int32
	require.ErrorContains(t, token.Claim("n", &n), `claim "n" does not fit *int32`)
}

func TestTokenHeader(t *testing.T) {
	token, err := newManager(t).Verify(ctx, forge(t, `{"alg":"HS256","x":"y","n":1}`, `{`+sound+`}`))
	require.NoError(t, err)
	for name, want := range map[string]string{"alg": "HS256", "x": "y"} {
		got, ok := token.Header(name)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"kid", "n", "ALG", ""} {
		got, ok := token.Header(name)
		require.False(t, ok, name)
		require.Empty(t, got)
	}
	_, ok := (&jot.Token{}).Header("alg")
	require.False(t, ok)
}

func TestTokenIsFresh(t *testing.T) {
	instant := now
	m, err := jot.New(jot.HS256(secret), jot.WithClock(func() time.Time { return instant }))
	require.NoError(t, err)
	verify := func(opts ...jot.TokenOption) *jot.Token {
		token, err := m.Verify(ctx, access(t, m, opts...))
		require.NoError(t, err)
		return token
	}
	stale, fresh, aWhile := verify(), verify(jot.Fresh()), verify(jot.FreshFor(time.Minute))
	require.False(t, stale.IsFresh())
	require.True(t, fresh.IsFresh())
	instant = now.Add(time.Minute)
	require.True(t, aWhile.IsFresh())
	instant = instant.Add(time.Second)
	require.False(t, aWhile.IsFresh())
	require.True(t, fresh.IsFresh())
	require.False(t, (&jot.Token{}).IsFresh())

	require.False(t, fresh.Expired())
	instant = now.Add(15*time.Minute + 29*time.Second)
	require.False(t, fresh.Expired())
	instant = now.Add(15*time.Minute + 30*time.Second)
	require.True(t, fresh.Expired())
	require.False(t, (&jot.Token{}).Expired())
}

func TestTokenClone(t *testing.T) {
	m := newManager(t, jot.WithAudience("api"))
	token, err := m.Verify(ctx, access(t, m, jot.Scopes("a")))
	require.NoError(t, err)
	clone := token.Clone()
	require.Equal(t, token, clone)
	clone.Scopes[0], clone.Audience[0] = "x", "x"
	require.Equal(t, []string{"a"}, token.Scopes)
	require.Equal(t, []string{"api"}, token.Audience)
}

// No request shares a Token with another, whatever it does to it.
func TestTokensAreNotShared(t *testing.T) {
	m := newManager(t)
	raw := access(t, m, jot.Scopes("a"))
	one, err := m.Verify(ctx, raw)
	require.NoError(t, err)
	one.Subject, one.Scopes[0] = "mallory", "x"
	two, err := m.Verify(ctx, raw)
	require.NoError(t, err)
	require.Equal(t, "alice", two.Subject)
	require.Equal(t, []string{"a"}, two.Scopes)
}

// Whatever prints or logs a token or a pair shows no claims and no token.
func TestRedaction(t *testing.T) {
	m := newManager(t)
	p := pair(t, m, jot.Claim("email", "alice@example"))
	token, err := m.Verify(ctx, p.AccessToken)
	require.NoError(t, err)

	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(handler).Info("x", "token", token, "pair", p, "pair value", *p, "clone", *token.Clone())
	}
	texts := []string{logged.String(), token.String(), p.String()}
	within := []any{[]*jot.Token{token}, struct{ P jot.Pair }{*p}, map[string]any{"t": token}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range append(within, token, p, *p) {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
	}
	for _, text := range texts {
		for _, hidden := range []string{"alice", p.AccessToken, p.RefreshToken, strings.Split(p.AccessToken, ".")[2]} {
			require.NotContains(t, text, hidden)
		}
	}
	require.Equal(t, "jot.Token(access, "+token.ID+")", token.String())
	require.Equal(t, "<nil>", fmt.Sprint((*jot.Token)(nil)))
	require.Contains(t, logged.String(), token.ID)
}

func TestInsecureDecode(t *testing.T) {
	raw := encode(`{"alg":"none"}`) + "." + encode(`{"exp":1,"n":9007199254740993}`) + "."
	header, claims, err := jot.InsecureDecode(raw)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "none"}, header)
	require.Equal(t, map[string]any{"exp": json.Number("1"), "n": json.Number("9007199254740993")}, claims)

	empty, array, null := encode(`{}`), encode(`[]`), encode(`null`)
	for _, tc := range []struct{ raw, wrong string }{
		{"", "this text has 1"},
		{"a.b", "this text has 2"},
		{"a.b.c.d.e", "this text has 5"},
		{"?." + empty + ".x", "the header is not base64url"},
		{array + "." + empty + ".", "the header is not a JSON object"},
		{empty + ".a.x", "the payload is not base64url"},
		{empty + "." + null + ".", "the payload is not a JSON object"},
	} {
		header, claims, err := jot.InsecureDecode(tc.raw)
		require.ErrorContains(t, err, tc.wrong)
		require.Nil(t, header)
		require.Nil(t, claims)
	}
}

// Tokens minted elsewhere with the same secret: the first as recorded from Flask-JWT-Extended 4.7, the others by
// PyJWT with its claims.
func TestFlasksTokens(t *testing.T) {
	m := newManager(t)
	for _, tc := range []struct {
		payload, signature string
		typ, id            string
		fresh              bool
	}{
		{
			`{"fresh":false,"iat":1893456000,"jti":"h-uppercase-bearer-1","type":"access","sub":"alice",` +
				`"nbf":1893456000,"csrf":"csrf-value","exp":1893456600}`,
			"gGWfwETRJP3WJ9BDTyeWRUlnbGqFACAhDLFSH8VKHtE",
			"access", "h-uppercase-bearer-1", false,
		},
		{
			`{"fresh":true,"iat":1893456000,"jti":"2b2c1c7e-3a9d-4f7e-9d55-1f0f6f1b7a01","type":"access",` +
				`"sub":"alice","nbf":1893456000,"csrf":"b2a3f1de-6f2c-4c53-8e6f-0a4c9a1f9d11","exp":1893456900}`,
			"6Cxl5N5Ecw3RgnlZoB6OzH17gsavfGXQAIaPiPewiUc",
			"access", "2b2c1c7e-3a9d-4f7e-9d55-1f0f6f1b7a01", true,
		},
		{
			`{"fresh":false,"iat":1893456000,"jti":"7d1f0a52-58f9-4c6e-a1c5-9a4c0d2e6b02","type":"refresh",` +
				`"sub":"alice","nbf":1893456000,"csrf":"b2a3f1de-6f2c-4c53-8e6f-0a4c9a1f9d12","exp":1896048000}`,
			"wOfyh36UlK1GfErEPENZV2O-Z-_-eHEfebkfiK-xYIk",
			"refresh", "7d1f0a52-58f9-4c6e-a1c5-9a4c0d2e6b02", false,
		},
	} {
		raw := encode(ourHeader) + "." + encode(tc.payload) + "." + tc.signature // theirs, byte for byte
		got := send(m.Required(jot.AccessOrRefresh()), bearer(raw))
		require.True(t, got.called, got.Body.String())
		require.Equal(t, "alice", got.token.Subject)
		require.Equal(t, tc.typ, got.token.Type)
		require.Equal(t, tc.id, got.token.ID)
		require.Equal(t, tc.fresh, got.token.IsFresh())
	}
}

func TestContextAccess(t *testing.T) {
	_, ok := jot.FromContext(ctx)
	require.False(t, ok)
	require.Empty(t, jot.Identity(ctx))
	_, err := jot.ClaimsAs[map[string]any](ctx)
	require.ErrorIs(t, err, jot.ErrNoToken)
	_, ok = jot.CurrentUser[string](ctx)
	require.False(t, ok)
	require.Equal(t, ctx, jot.NewContext(ctx, nil))
	_, ok = newManager(t).FromContext(ctx)
	require.False(t, ok)

	type claims struct {
		Plan string `json:"plan"`
	}
	m := newManager(t, users)
	token, err := m.Verify(ctx, access(t, m, jot.Claim("plan", "pro")))
	require.NoError(t, err)
	carrying := jot.NewContext(ctx, token)
	got, ok := jot.FromContext(carrying)
	require.True(t, ok)
	require.Same(t, token, got)
	got, ok = m.FromContext(carrying)
	require.True(t, ok)
	require.Same(t, token, got)
	require.Equal(t, "alice", jot.Identity(carrying))
	user, ok := jot.CurrentUser[string](carrying)
	require.True(t, ok)
	require.Equal(t, "Alice", user)
	_, ok = jot.CurrentUser[int](carrying)
	require.False(t, ok, "another type")
	mine, err := jot.ClaimsAs[claims](carrying)
	require.NoError(t, err)
	require.Equal(t, claims{"pro"}, mine)
	_, err = jot.ClaimsAs[int](carrying)
	require.ErrorContains(t, err, "claims do not fit *int")
	_, isContext := any(token).(context.Context)
	require.False(t, isContext)

	// A handler's test may make a token by hand.
	byHand := jot.NewContext(ctx, &jot.Token{Subject: "bob"})
	require.Equal(t, "bob", jot.Identity(byHand))
	_, ok = m.FromContext(byHand)
	require.False(t, ok, "it is no manager's")
	_, err = jot.ClaimsAs[claims](byHand)
	require.Error(t, err)
}

// A list of devices is a JSON answer as it stands.
func TestSessionJSON(t *testing.T) {
	text, err := json.Marshal(jot.Session{ID: "1", StartedAt: now.UTC(), ExpiresAt: now.UTC()})
	require.NoError(t, err)
	at := `"2030-01-01T00:00:00Z"`
	require.JSONEq(t, `{"id":"1","started_at":`+at+`,"expires_at":`+at+`}`, string(text))
}

// Issued is what a verifier would find in the token, for a list of those that are to be revoked one by one.
func TestIssued(t *testing.T) {
	m := newManager(t, jot.WithBlocklist(newBlocklist()))
	for name, create := range map[string]func(jot.TokenOption) (string, error){
		"access": func(o jot.TokenOption) (string, error) {
			return m.CreateAccessToken(ctx, "alice", o, jot.Claim("plan", "pro"), jot.Scopes("a"))
		},
		"refresh": func(o jot.TokenOption) (string, error) { return m.CreateRefreshToken(ctx, "alice", o) },
		"machine": func(o jot.TokenOption) (string, error) {
			return m.CreateToken(ctx, "ci", o, jot.Type("machine"), jot.ExpiresIn(time.Hour))
		},
		"pair": func(o jot.TokenOption) (string, error) {
			p, err := m.CreatePair(ctx, "alice", o, jot.Fresh())
			return p.AccessToken, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var issued jot.Token
			raw, err := create(jot.Issued(&issued))
			require.NoError(t, err)
			demand := jot.AccessOrRefresh()
			if name == "machine" {
				demand = jot.Type("machine")
			}
			verified, err := m.Verify(ctx, raw, demand)
			require.NoError(t, err)
			require.Equal(t, verified.ID, issued.ID)
			require.Equal(t, verified.ExpiresAt, issued.ExpiresAt)
			require.Equal(t, verified.Scopes, issued.Scopes)
			require.Equal(t, verified.IsFresh(), issued.IsFresh())
			var want, got map[string]any
			require.NoError(t, verified.Claims(&want))
			require.NoError(t, issued.Claims(&got))
			require.Equal(t, want, got)

			require.NoError(t, m.Recheck(ctx, &issued), "which needs no look at the text")
			require.NoError(t, m.Revoke(ctx, &issued), "nor does this")
			require.ErrorIs(t, m.Recheck(ctx, &issued), jot.ErrRevoked)
			_, err = m.Verify(ctx, raw, demand)
			require.ErrorIs(t, err, jot.ErrRevoked)
			_, err = m.CreateAccessToken(ctx, "alice", jot.InSession(&issued))
			require.ErrorContains(t, err, "not a token that this Manager has verified", "it is no evidence")
		})
	}
	// Nothing is there if nothing was issued, also where it is the store that fails, or the cookie that is too small.
	silence(t)
	down := newWorldOver(t, &broken{Store: memstore.New(), at: "begin"}, jot.WithCookies(jot.CookieConfig{}))
	var issued jot.Token
	_, err := down.CreatePair(ctx, "alice", jot.Issued(&issued))
	require.ErrorIs(t, err, jot.ErrUnavailable)
	_, err = down.CreateRefreshToken(ctx, "alice", jot.Issued(&issued))
	require.ErrorIs(t, err, jot.ErrUnavailable)
	_, err = newWorld(t, jot.WithCookies(jot.CookieConfig{})).CreatePair(ctx, "alice", jot.Issued(&issued),
		jot.Claim("x", strings.Repeat("x", 4000)))
	require.ErrorContains(t, err, "4096")
	require.Empty(t, issued.ID)

	_, err = m.CreateAccessToken(ctx, "alice", jot.Issued(nil))
	require.ErrorContains(t, err, "Issued: the token is nil")
}
