package main

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// ceilings are how often jot may allocate in a case. Whoever makes it less lowers them.
var ceilings = map[string]uint64{
	"verify HS256":               4,
	"verify HS256, memstore":     5,
	"verify HS256, cookie, CSRF": 7,
	"refuse HS256":               5,
	"issue HS256":                10,
	"rotate HS256, memstore":     20,
	"verify RS256":               17,
	"verify ES256":               29,
	"verify EdDSA":               6,
	"verify EdDSA, cache":        3,
}

func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("under the race detector pools forget")
	}
	if !strings.HasPrefix(runtime.Version(), "go1.26") {
		t.Skip("counted with Go 1.26: the standard library of another allocates differently")
	}
	require.Len(t, ceilings, len(cases))
	for _, c := range cases {
		mine, _ := c.setUp()
		cost, err := mine.allocations()
		require.NoError(t, err, c.name)
		require.LessOrEqual(t, cost.Allocs, ceilings[c.name], c.name)
	}
}

// Both sides do what a case says, as often as they are asked. The tests below show that an operation notices when they
// do not.
func TestCases(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			mine, peer := c.setUp()
			for range 20 {
				require.NoError(t, mine())
				require.NoError(t, peer())
			}
		})
	}
}

func TestToken(t *testing.T) {
	k := hs256()
	m := must(jot.New(k.jot))
	for maker, raw := range map[string]string{
		"jot": must(m.CreateAccessToken(ctx, subject, login...)), "golang-jwt": must(peerIssue(k)),
	} {
		t.Run(maker, func(t *testing.T) {
			require.InDelta(t, 300, len(raw), 30)
			var claims map[string]any
			text := must(base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1]))
			require.NoError(t, json.Unmarshal(text, &claims))
			require.ElementsMatch(t, slices.Collect(maps.Keys(claims)),
				[]string{"sub", "iat", "exp", "auth_time", "jti", "type", "fresh", "roles"})
			require.Len(t, claims["roles"], 2)
			for _, h := range []http.Handler{guarded(m), peerGuarded(k)} {
				require.NoError(t, send(h, bearer("GET", raw), 204)(), "each takes what the other issues")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	k := hs256()
	m := must(jot.New(k.jot))
	raw := must(m.CreateAccessToken(ctx, subject, login...))
	_, err := m.Verify(ctx, forge(raw))
	require.ErrorIs(t, err, jot.ErrInvalid)
	require.ErrorContains(t, err, "signature", "not for its form")
	_, err = jwt.Parse(forge(raw), func(*jwt.Token) (any, error) { return k.peer, nil })
	require.ErrorIs(t, err, jwt.ErrTokenSignatureInvalid)

	stranger := must(m.CreateAccessToken(ctx, "mallory"))
	for _, h := range []http.Handler{guarded(m), peerGuarded(k)} {
		require.ErrorContains(t, send(h, bearer("GET", forge(raw)), 204)(), "answered 401, not 204")
		require.ErrorContains(t, send(h, bearer("GET", raw), 401)(), "answered 204, not 401")
		require.ErrorContains(t, send(h, bearer("GET", stranger), 204)(), "answered 500", "the handler looks who it is")
	}
	same := fresh(func() (string, error) { return raw, nil })
	require.NoError(t, same())
	require.ErrorContains(t, same(), "the same token again")
}

// A rotation goes on for longer than the clocks of nodes may differ, in milliseconds.
func TestRotateForLong(t *testing.T) {
	mine, _ := rotate()
	for range 40_000 {
		require.NoError(t, mine())
	}
}

func TestStore(t *testing.T) {
	m := must(jot.New(hs256().jot, jot.WithStore(memstore.New())))
	pair := must(m.CreatePair(ctx, subject, login...))
	request := send(guarded(m), bearer("GET", pair.AccessToken), 204)
	require.NoError(t, request())
	require.NoError(t, m.RevokeSubject(ctx, subject))
	require.ErrorContains(t, request(), "answered 401", "the store is asked")
}

func TestCookies(t *testing.T) {
	m := must(jot.New(hs256().jot, jot.WithCookies(jot.CookieConfig{})))
	r := fromBrowser(m, must(m.CreatePair(ctx, subject, login...)))
	require.Len(t, r.Cookies(), 4)
	require.Empty(t, r.Header["Authorization"])
	require.NoError(t, send(guarded(m), r, 204)())
	for _, name := range []string{"X-CSRF-Token", "Cookie"} {
		without := r.Clone(ctx)
		without.Header.Del(name)
		require.Error(t, send(guarded(m), without, 204)(), name)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	require.Error(t, send(guarded(m), r, 204)(), "the origin is looked at")
}
