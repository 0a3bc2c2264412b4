package jot_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

var (
	formerKey = jot.HS256(secret)
	nextKey   = jot.HS256(bytes.Repeat([]byte("2."), 32)).WithID("2")

	otherSecret = bytes.Repeat([]byte("3."), 32)
)

func keySet(t testing.TB, current jot.Key, others ...jot.Key) *jot.KeySet {
	t.Helper()
	set, err := jot.NewKeySet(current, others...)
	require.NoError(t, err)
	return set
}

// signedBy returns the kid of a token that the manager makes now.
func signedBy(t testing.TB, m *jot.Manager) any {
	t.Helper()
	header, _, err := jot.InsecureDecode(access(t, m))
	require.NoError(t, err)
	return header["kid"]
}

// A key is published, promoted and retired while the manager serves, and each step counts at once.
func TestKeySetChangesWhileServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := keySet(t, formerKey)
		m, err := jot.New(set)
		require.NoError(t, err)
		former, err := jot.New(formerKey)
		require.NoError(t, err)
		next, err := jot.New(nextKey)
		require.NoError(t, err)
		first := access(t, m)

		require.False(t, accepts(t, m, next))
		require.NoError(t, set.Publish(nextKey))
		require.True(t, accepts(t, m, next), "it verifies")
		require.Nil(t, signedBy(t, m), "and does not sign")

		time.Sleep(10*time.Minute - time.Second) //nolint:forbidigo // in a bubble
		err = set.Promote(nextKey)
		require.ErrorIs(t, err, jot.ErrTooEarly)
		require.EqualError(t, err, "jot: Promote: the key is not known everywhere yet: "+
			"wait another 1s, or see InsecurePromoteNow")
		require.Nil(t, signedBy(t, m))
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		require.NoError(t, set.Promote(nextKey))
		require.Equal(t, "2", signedBy(t, m))
		_, err = m.Verify(t.Context(), first)
		require.NoError(t, err, "the former one goes on verifying")
		require.True(t, accepts(t, m, former))

		require.ErrorContains(t, set.Retire(nextKey), "jot: Retire: it is the key that signs")
		require.NoError(t, set.Retire(formerKey))
		_, err = m.Verify(t.Context(), first)
		require.ErrorIs(t, err, jot.ErrInvalid)
		require.Equal(t, "2", signedBy(t, m))
		require.True(t, accepts(t, m, next))

		// Published anew, it is as new; and there is a way for an emergency.
		require.NoError(t, set.Publish(formerKey))
		require.ErrorIs(t, set.Promote(formerKey), jot.ErrTooEarly)
		require.NoError(t, set.InsecurePromoteNow(formerKey))
		require.Nil(t, signedBy(t, m))

		// What a set begins with was published when it was made.
		set = keySet(t, formerKey, nextKey)
		require.ErrorIs(t, set.Promote(nextKey), jot.ErrTooEarly)
		time.Sleep(10 * time.Minute) //nolint:forbidigo // in a bubble
		require.NoError(t, set.Promote(nextKey))
	})
}

// A key that was promoted between two uses of a refresh token ends no session, and gives the same successor.
func TestPromotionBetweenRefreshes(t *testing.T) {
	set := keySet(t, formerKey, nextKey)
	m, err := jot.New(set, jot.WithStore(memstore.New()))
	require.NoError(t, err)
	rotate := func(raw string) *jot.Pair {
		token, err := m.Verify(ctx, raw, jot.Refresh())
		require.NoError(t, err)
		p, err := m.Rotate(ctx, token)
		require.NoError(t, err)
		return p
	}
	p := pair(t, m)
	before := rotate(p.RefreshToken)
	require.NoError(t, set.InsecurePromoteNow(nextKey))
	after := rotate(p.RefreshToken)
	require.NotEqual(t, before.RefreshToken, after.RefreshToken)
	require.Equal(t, claimsOf(t, before.RefreshToken), claimsOf(t, after.RefreshToken))
	require.NoError(t, set.Retire(formerKey))
	rotate(after.RefreshToken)
}

func TestKeySetMistakes(t *testing.T) {
	public := jot.PublicKey("EdDSA", edKey.Public())
	ending := nextKey.WithEnd(now)
	pairs := func() *jot.KeySet { return keySet(t, jot.PrivateKey("ES256", ecKey), public) }
	for _, tc := range []struct {
		name string
		err  error
		text string
	}{
		{
			"published twice", keySet(t, nextKey).Publish(jot.HS256(otherSecret).WithID("2")),
			`jot: Publish: two HS256 keys have the id "2"`,
		},
		{"two without an id", keySet(t, formerKey).Publish(jot.HS256(otherSecret)), "two HS256 keys have no id"},
		{"an empty key", keySet(t, formerKey).Publish(jot.Key{}), "jot: Publish: the key is empty"},
		{"a bad key", keySet(t, formerKey).Promote(jot.HS256(nil)), "jot: Promote: the secret has 0 bytes"},
		{"a secret beside pairs", pairs().Publish(nextKey), "a secret beside a key pair"},
		{"a pair beside secrets", keySet(t, formerKey).Publish(public), "a secret beside a key pair"},
		{"an unknown key", keySet(t, formerKey).InsecurePromoteNow(nextKey), "no key of this algorithm and id"},
		{"an unknown key, in its time", keySet(t, formerKey).Promote(nextKey), "no key of this algorithm and id"},
		{"an unknown key, to go", keySet(t, formerKey).Retire(nextKey), "no key of this algorithm and id"},
		{"a public key", pairs().InsecurePromoteNow(public), "it is a public key, which only verifies"},
		{"an end", keySet(t, formerKey, ending).InsecurePromoteNow(ending), "the key that signs has an end"},
		{"no set", (*jot.KeySet)(nil).Publish(nextKey), "jot: Publish: the key set is empty"},
		{"a set of nobody's", new(jot.KeySet).Retire(nextKey), "jot: Retire: the key set is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, tc.err, tc.text)
		})
	}
	_, err := jot.NewKeySet(ending)
	require.ErrorContains(t, err, "jot: NewKeySet: the key that signs has an end")
	_, err = jot.New(ending)
	require.ErrorContains(t, err, "jot: the key that signs has an end")
	_, err = jot.New(jot.HS256(nil).WithEnd(now))
	require.ErrorContains(t, err, "the secret has 0 bytes")

	// A verb that fails changes nothing.
	set := keySet(t, formerKey, nextKey)
	require.Error(t, set.Publish(jot.HS256(otherSecret).WithID("2")))
	require.Error(t, set.Retire(formerKey))
	m := manager(t, set)
	require.Nil(t, signedBy(t, m))
	require.True(t, accepts(t, m, manager(t, nextKey)))
	require.True(t, accepts(t, m, manager(t, formerKey)))
}

// An end takes a former key out of service by itself.
func TestKeyWithEnd(t *testing.T) {
	end := now.Add(5 * time.Minute)
	raw := access(t, manager(t, formerKey))
	for _, tc := range []struct {
		at   time.Time
		good bool
	}{{end.Add(-time.Nanosecond), true}, {end, false}, {end.Add(time.Hour), false}} {
		ending := formerKey.WithEnd(end)
		for _, m := range []*jot.Manager{
			must(jot.New(keySet(t, nextKey, ending), at(tc.at))),
			must(jot.New(nextKey, jot.WithVerificationKeys(ending), at(tc.at))),
		} {
			require.Equal(t, "2", signedBy(t, m))
			_, err := m.Verify(ctx, raw)
			if tc.good {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, jot.ErrInvalid)
			require.ErrorContains(t, err, "its key has ended")
		}
	}
}

// Requests go on while keys change: none is refused, whoever signed its token.
func TestKeysChangeUnderLoad(t *testing.T) {
	third := jot.HS256(otherSecret).WithID("3")
	set := keySet(t, formerKey, nextKey)
	m, err := jot.New(set)
	require.NoError(t, err)
	guarded := m.Required()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	done, failed := make(chan struct{}), make(chan string, 4)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				raw, err := m.CreateAccessToken(ctx, "alice")
				if err != nil || answerOf(guarded, bearer(raw)).Code != 204 {
					failed <- "a request failed while keys changed"
					return
				}
			}
		})
	}
	for i := range 300 {
		require.NoError(t, set.Publish(third))
		require.NoError(t, set.InsecurePromoteNow([]jot.Key{nextKey, formerKey}[i%2]))
		require.NoError(t, set.Retire(third))
	}
	close(done)
	clients.Wait()
	require.Empty(t, failed)
}

// The three deployments that replace a secret. While instances restart, the one before and the next one run side by
// side, and take each other's tokens.
func ExampleNewKeySet_deployments() {
	old := jot.HS256([]byte("the first secret, which had no id as yet"))
	next := jot.HS256([]byte("the second secret, which signs from now on")).WithID("2")
	var deployments [4]jot.KeySource
	var err [4]error
	deployments[0] = old
	deployments[1], err[1] = jot.NewKeySet(old, next) // the old one signs, both verify
	deployments[2], err[2] = jot.NewKeySet(next, old) // the next one signs
	deployments[3] = next

	for i := range 3 {
		before, err1 := jot.New(deployments[i])
		after, err2 := jot.New(deployments[i+1])
		if err := errors.Join(err[i], err[i+1], err1, err2); err != nil {
			log.Fatal(err)
		}
		raw, _ := after.CreateAccessToken(context.Background(), "alice")
		_, refused := before.Verify(context.Background(), raw)
		fmt.Println("step", i+1, "is understood by who has not got it yet:", refused == nil)
	}
	// Output:
	// step 1 is understood by who has not got it yet: true
	// step 2 is understood by who has not got it yet: true
	// step 3 is understood by who has not got it yet: true
}

func ExampleWithRefreshKeys() {
	key, own := jot.HS256(secret), jot.HS256(otherSecret).WithID("refresh")
	refresh, err := jot.NewKeySet(own, key) // key is for those who are logged in already
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(key, jot.WithRefreshKeys(refresh))
	if err != nil {
		log.Fatal(err)
	}
	pair, err := auth.CreatePair(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	for _, raw := range []string{pair.AccessToken, pair.RefreshToken} {
		header, _, _ := jot.InsecureDecode(raw)
		fmt.Println(header["kid"])
	}
	// Output:
	// <nil>
	// refresh
}

// Who may verify access tokens makes no refresh token, even with a secret.
func TestRefreshKeys(t *testing.T) {
	own := jot.HS256(otherSecret).WithID("r")
	m := manager(t, nextKey, jot.WithRefreshKeys(own), jot.WithStore(memstore.New()))
	shared, refreshes := manager(t, nextKey), manager(t, own)
	p := pair(t, m)
	_, err := shared.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	_, err = shared.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.ErrorContains(t, err, "no key for its alg and kid")
	token, err := m.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	next, err := m.Rotate(ctx, token)
	require.NoError(t, err)
	_, err = refreshes.Verify(ctx, next.RefreshToken, jot.Refresh())
	require.NoError(t, err)

	link := func(m *jot.Manager) string { return must(m.CreateToken(ctx, "alice", jot.Type("link"))) }
	for name, tc := range map[string]struct {
		raw    string
		demand jot.Demand
		good   bool
	}{
		"a refresh token by the shared key":  {pair(t, shared).RefreshToken, jot.Refresh(), false},
		"an access token by the other":       {access(t, refreshes), jot.AccessOrRefresh(), false},
		"a token of a type by the other":     {link(refreshes), jot.Type("link"), false},
		"a token of a type by the shared":    {link(shared), jot.Type("link"), true},
		"an access token by the shared":      {access(t, shared), jot.AccessOrRefresh(), true},
		"a refresh token by the other":       {pair(t, refreshes).RefreshToken, jot.Refresh(), true},
		"a refresh token by nobody's secret": {pair(t, manager(t, formerKey)).RefreshToken, jot.Refresh(), false},
	} {
		t.Run(name, func(t *testing.T) {
			// Without a store, which knows none of these sessions.
			_, err := manager(t, nextKey, jot.WithRefreshKeys(own)).Verify(ctx, tc.raw, tc.demand)
			if tc.good {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, jot.ErrInvalid)
		})
	}
	_, err = manager(t, nextKey, jot.WithRefreshKeys(own)).Verify(ctx, pair(t, shared).RefreshToken, jot.Refresh())
	require.ErrorContains(t, err, "its key is not for tokens of its type")

	// On the way there, the former key verifies both.
	both := manager(t, nextKey, jot.WithRefreshKeys(keySet(t, own, nextKey)))
	_, err = both.Verify(ctx, pair(t, shared).RefreshToken, jot.Refresh())
	require.NoError(t, err)
	require.True(t, accepts(t, both, shared))
	require.False(t, accepts(t, both, refreshes))

	pub := manager(t, jot.PrivateKey("EdDSA", edKey), jot.WithRefreshKeys(jot.PrivateKey("ES256", ecKey)))
	require.NotContains(t, published(pub.JWKSHandler(), "GET", "").Body.String(), "ES256")

	for name, tc := range map[string]struct {
		source jot.KeySource
		text   string
	}{
		"nil":        {nil, "jot: WithRefreshKeys: the key source is nil"},
		"nil set":    {(*jot.KeySet)(nil), "jot: WithRefreshKeys: the key source is nil"},
		"a bad key":  {jot.HS256(nil), "the secret has 0 bytes"},
		"public":     {jot.PublicKey("EdDSA", edKey.Public()), "jot: WithRefreshKeys: it has no key that signs"},
		"a function": {jot.Keyfunc(func(*jwt.Token) (any, error) { return secret, nil }, "HS256"), "no key that signs"},
		"no ids":     {jot.HS256(otherSecret), "two HS256 keys have no id"},
		"an end":     {own.WithEnd(now), "the key that signs has an end"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jot.New(formerKey, jot.WithRefreshKeys(tc.source))
			require.ErrorContains(t, err, tc.text)
		})
	}
}

// A key that is read from its file again is no mistake, and begins nothing anew. One that could pass for it is.
func TestPublishAgain(t *testing.T) {
	second := func() jot.Key { return jot.HS256(bytes.Repeat([]byte("2."), 32)).WithID("2") }
	private := func() jot.Key { return jot.PrivateKey("EdDSA", edKey) }
	public := func() jot.Key { return jot.PublicKey("EdDSA", edKey.Public()) }
	otherPublic, otherPrivate, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer := jot.PrivateKey("ES256", ecKey)
	for _, tc := range []struct {
		name        string
		current     jot.Key
		first, then func() jot.Key
		ok          bool
	}{
		{"a secret", formerKey, second, second, true},
		{"another secret", formerKey, second, func() jot.Key { return jot.HS256(otherSecret).WithID("2") }, false},
		{
			"a secret that ends", formerKey, func() jot.Key { return second().WithEnd(now) },
			func() jot.Key { return second().WithEnd(now.UTC()) }, true,
		},
		{
			"a secret that ends otherwise", formerKey, func() jot.Key { return second().WithEnd(now) },
			func() jot.Key { return second().WithEnd(now.Add(time.Hour)) }, false,
		},
		{"a secret that ends no more", formerKey, func() jot.Key { return second().WithEnd(now) }, second, false},
		{"a private key", signer, private, private, true},
		{"its public half", signer, private, public, true},
		{"a public key", signer, public, public, true},
		{"its private half", signer, public, private, false},
		{
			"another public key", signer, public,
			func() jot.Key { return jot.PublicKey("EdDSA", otherPublic).WithID(public().ID()) }, false,
		},
		{
			"another private key", signer, private,
			func() jot.Key { return jot.PrivateKey("EdDSA", otherPrivate).WithID(private().ID()) }, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := keySet(t, tc.current)
				require.NoError(t, set.Publish(tc.first()))
				time.Sleep(10 * time.Minute) //nolint:forbidigo // in a bubble
				err := set.Publish(tc.then())
				if !tc.ok {
					require.ErrorContains(t, err, "have the id")
				} else {
					require.NoError(t, err)
				}
				if err := set.Promote(tc.then()); err != nil { // it has been published for as long as before
					require.NotErrorIs(t, err, jot.ErrTooEarly)
				}
			})
		})
	}
}
