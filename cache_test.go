package jot_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// cached is a manager with a cache, whose clock is read from at.
func cached(t testing.TB, keys jot.KeySource, at *time.Time, opts ...jot.Option) *jot.Manager {
	t.Helper()
	clock := jot.WithClock(func() time.Time { return *at })
	m, err := jot.New(keys, append(opts, jot.WithTokenCache(100), clock)...)
	require.NoError(t, err)
	return m
}

// A token that comes again is the same token, and no work of a signature's is done for it.
func TestTokenCache(t *testing.T) {
	traits := []jot.TokenOption{jot.Scopes("read", "write"), jot.Audience("orders", "stock"), jot.Claim("plan", "pro")}
	for alg, signer := range map[string]crypto.Signer{
		"RS256": rsaKey, "PS256": rsaKey, "ES256": ecKey, "EdDSA": edKey,
	} {
		t.Run(alg, func(t *testing.T) {
			at := now
			key := jot.PrivateKey(alg, signer)
			m, without := cached(t, key, &at, jot.WithAudience("orders")), manager(t, key, jot.WithAudience("orders"))
			raw := access(t, without, traits...)
			want, err := without.Verify(ctx, raw)
			require.NoError(t, err)
			for range 3 {
				got, err := m.Verify(ctx, raw)
				require.NoError(t, err)
				require.Equal(t, want.String(), got.String())
				require.Equal(t, want.Subject, got.Subject)
				require.Equal(t, want.ExpiresAt, got.ExpiresAt)
				require.Equal(t, []string{"orders", "stock"}, got.Audience)
				require.Equal(t, []string{"read", "write"}, got.Scopes)
				plan := ""
				require.NoError(t, got.Claim("plan", &plan))
				require.Equal(t, "pro", plan)
				got.Audience[0], got.Scopes[0] = "mine", "everything" // of this one alone
			}
			for _, bad := range []string{raw + "A", raw[:len(raw)-2], raw[:len(raw)-4] + "AAAA"} {
				_, err := m.Verify(ctx, bad)
				require.ErrorIs(t, err, jot.ErrInvalid)
			}
			if alg == "RS256" || alg == "ES256" { // whose checks need memory
				hit := testing.AllocsPerRun(100, func() { _, _ = m.Verify(ctx, raw) })
				miss := testing.AllocsPerRun(100, func() { _, _ = without.Verify(ctx, raw) })
				require.Less(t, hit, miss-5)
			}
		})
	}
}

// Whether it is good is asked each time.
func TestTokenCacheTakesNothingForGranted(t *testing.T) {
	key := jot.PrivateKey("EdDSA", edKey)
	verify := func(m *jot.Manager, raw string, demands ...jot.Demand) error {
		_, err := m.Verify(ctx, raw, demands...)
		return err
	}
	t.Run("time", func(t *testing.T) {
		at := now
		m := cached(t, key, &at)
		raw := access(t, m, jot.ExpiresIn(time.Minute))
		require.NoError(t, verify(m, raw))
		at = now.Add(-time.Minute)
		require.ErrorIs(t, verify(m, raw), jot.ErrInvalid)
		at = now.Add(2 * time.Minute)
		require.ErrorIs(t, verify(m, raw), jot.ErrExpired)
	})
	t.Run("revocation", func(t *testing.T) {
		at := now
		m := cached(t, key, &at, jot.WithStore(memstore.New()))
		p := pair(t, m)
		require.NoError(t, verify(m, p.AccessToken))
		require.NoError(t, m.RevokeSubject(ctx, "alice"))
		require.ErrorIs(t, verify(m, p.AccessToken), jot.ErrRevoked)
	})
	t.Run("callbacks and demands", func(t *testing.T) {
		at, asked := now, 0
		m := cached(t, key, &at, jot.WithTokenVerification(func(context.Context, *jot.Token) (bool, error) {
			asked++
			return asked < 3, nil
		}))
		raw := access(t, m, jot.Scopes("read"))
		require.NoError(t, verify(m, raw))
		require.ErrorIs(t, verify(m, raw, jot.Scopes("write")), jot.ErrInsufficientScope)
		require.ErrorIs(t, verify(m, raw, jot.Audience("orders")), jot.ErrInvalid)
		require.ErrorIs(t, verify(m, raw, jot.Refresh()), jot.ErrWrongType)
		require.NoError(t, verify(m, raw))
		require.ErrorIs(t, verify(m, raw), jot.ErrForbidden)
	})
	t.Run("a key that is taken out", func(t *testing.T) {
		at := now
		former := jot.PrivateKey("ES256", ecKey)
		set := keySet(t, former, key)
		m := cached(t, set, &at)
		raw := access(t, m)
		require.NoError(t, verify(m, raw))
		require.NoError(t, set.InsecurePromoteNow(key))
		require.NoError(t, verify(m, raw))
		require.NoError(t, set.Retire(former))
		require.ErrorContains(t, verify(m, raw), "no key for its alg and kid")
	})
	t.Run("a key that ends", func(t *testing.T) {
		at := now
		ending := jot.PublicKey("ES256", &ecKey.PublicKey).WithEnd(now.Add(time.Minute))
		m := cached(t, key, &at, jot.WithVerificationKeys(ending))
		raw := access(t, manager(t, jot.PrivateKey("ES256", ecKey)))
		require.NoError(t, verify(m, raw))
		at = now.Add(time.Minute)
		require.ErrorContains(t, verify(m, raw), "its key has ended")
	})
	t.Run("a key function", func(t *testing.T) {
		others, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		at, asked := now, 0
		var answer any = &ecKey.PublicKey
		var failed error
		m := cached(t, jot.Keyfunc(func(*jwt.Token) (any, error) {
			asked++
			return answer, failed
		}, "ES256"), &at)
		raw := access(t, manager(t, jot.PrivateKey("ES256", ecKey)))
		for range 3 {
			require.NoError(t, verify(m, raw))
		}
		require.Equal(t, 3, asked)
		answer = &others.PublicKey
		require.ErrorContains(t, verify(m, raw), "signature does not match")
		answer = &ecKey.PublicKey
		require.NoError(t, verify(m, raw))
		answer = nil
		require.ErrorIs(t, verify(m, raw), jot.ErrInvalid)
		answer = &ecKey.PublicKey
		require.NoError(t, verify(m, raw))
		failed = fmt.Errorf("%w: no set yet", jot.ErrUnavailable)
		require.ErrorIs(t, verify(m, raw), jot.ErrUnavailable)
	})
	t.Run("keys of refresh tokens", func(t *testing.T) {
		at := now
		m := cached(t, jot.PrivateKey("ES256", ecKey), &at, jot.WithStore(memstore.New()), jot.WithRefreshKeys(key))
		p := pair(t, m)
		for range 2 {
			require.NoError(t, verify(m, p.AccessToken))
			require.NoError(t, verify(m, p.RefreshToken, jot.Refresh()))
		}
	})
	t.Run("issuers", func(t *testing.T) {
		at := now
		m := cached(t, jot.HS256(secret), &at, jot.WithIssuer("orders.example"), jot.WithAudience("orders"),
			jot.WithIssuerKeys(jot.Issuer{Name: provider, Keys: providerKey()}))
		raw := provided(t, ``, saying(`,"jti":"1","type":"access"`))
		for range 3 {
			token, err := m.Verify(ctx, raw)
			require.NoError(t, err)
			require.Equal(t, provider+"|alice", token.Subject)
			require.ErrorIs(t, verify(m, raw, jot.Fresh()), jot.ErrNotFresh)
		}
	})
}

// Who guards a route twice, or for two kinds of tokens, meets no token of the one in the other.
func TestTokenCacheKeepsTokensApart(t *testing.T) {
	at := now
	m := cached(t, jot.PrivateKey("EdDSA", edKey), &at, jot.WithUserLookup(
		func(_ context.Context, token *jot.Token) (string, error) { return token.Subject, nil }))
	raw := access(t, m)
	first, err := m.Verify(ctx, raw)
	require.NoError(t, err)
	second, err := m.Verify(ctx, raw)
	require.NoError(t, err)
	require.NotSame(t, first, second)
	user, ok := jot.CurrentUser[string](jot.NewContext(ctx, second))
	require.True(t, ok)
	require.Equal(t, "alice", user)
}

func TestTokenCacheMistakes(t *testing.T) {
	pairs := jot.PrivateKey("EdDSA", edKey)
	for _, tc := range []struct {
		keys jot.KeySource
		n    int
		want string
	}{
		{pairs, 15, "jot: WithTokenCache: 15 is not from 16 to a million"},
		{pairs, -1, "jot: WithTokenCache: -1 is not from 16 to a million"},
		{pairs, 1_000_001, "jot: WithTokenCache: 1000001 is not from 16 to a million"},
		{
			jot.HS256(secret), 16,
			"jot: WithTokenCache has no effect without a key pair: what secrets have signed is not kept",
		},
	} {
		_, err := jot.New(tc.keys, jot.WithTokenCache(tc.n))
		require.EqualError(t, err, tc.want)
	}
	_, err := jot.New(jot.HS256(secret), jot.WithTokenCache(16), jot.WithVerificationKeys(pairs))
	require.NoError(t, err)
}
