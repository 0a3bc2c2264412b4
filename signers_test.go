package jot_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"io"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// A pointer to an Ed25519 key is a signer as well: the method set of a pointer holds that of its value.
func TestEd25519ByPointer(t *testing.T) {
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	short, empty, mixed := edKey[:40], ed25519.PrivateKey(nil), slices.Concat(edKey[:32], other[32:])
	for _, tc := range []struct {
		text string
		key  crypto.Signer
	}{
		{"the EdDSA key is nil", (*ed25519.PrivateKey)(nil)},
		{"the EdDSA key is not a valid Ed25519 key", &short},
		{"the EdDSA key is not a valid Ed25519 key", &empty},
		{"the EdDSA key does not verify what it signs", &mixed},
	} {
		require.NotPanics(t, func() {
			_, err := jot.New(jot.PrivateKey("EdDSA", tc.key))
			require.ErrorContains(t, err, tc.text)
		}, tc.text)
	}
	_, err := jot.New(jot.PublicKey("EdDSA", (*ed25519.PublicKey)(nil)))
	require.ErrorContains(t, err, "a key of type *ed25519.PublicKey is not for EdDSA")

	good, public := bytes.Clone(edKey), edKey.Public().(ed25519.PublicKey)
	key := jot.PrivateKey("EdDSA", (*ed25519.PrivateKey)(&good))
	require.Equal(t, jot.PrivateKey("EdDSA", edKey).ID(), key.ID())
	m := manager(t, key)
	good = other // what the pointer leads to later is not this key any more
	require.True(t, accepts(t, manager(t, jot.PublicKey("EdDSA", &public)), m))
	require.True(t, accepts(t, manager(t, jot.PrivateKey("EdDSA", edKey)), m))
}

// nonsenseSigner is a KMS whose answers somebody has got wrong.
type nonsenseSigner struct {
	crypto.Signer

	change func(signature []byte) []byte
}

func (s nonsenseSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := s.Signer.Sign(random, digest, opts)
	return s.change(signature), err
}

// A token that nobody will accept is not handed out.
func TestNonsenseOfASigner(t *testing.T) {
	order := elliptic.P256().Params().N
	der := func(r, s *big.Int) func([]byte) []byte {
		return func([]byte) []byte {
			text, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
			require.NoError(t, err)
			return text
		}
	}
	long := func(s []byte) []byte { return append(s, 0) }
	nothing := func([]byte) []byte { return nil }
	for _, tc := range []struct {
		name, alg string
		key       crypto.Signer
		change    func([]byte) []byte
	}{
		{"short", "RS256", rsaKey, func(s []byte) []byte { return s[1:] }},
		{"long", "RS256", rsaKey, long},
		{"nothing", "RS256", rsaKey, nothing},
		{"short", "PS256", rsaKey, func(s []byte) []byte { return s[:len(s)-1] }},
		{"long", "PS384", rsaKey, func(s []byte) []byte { return append([]byte{0}, s...) }},
		{"short", "EdDSA", edKey, func(s []byte) []byte { return s[:63] }},
		{"long", "EdDSA", edKey, long},
		{"nothing", "EdDSA", edKey, func([]byte) []byte { return []byte{} }},
		{"cut", "ES256", ecKey, func(s []byte) []byte { return s[:len(s)-1] }},
		{"followed by more", "ES256", ecKey, long},
		{"not ASN.1", "ES256", ecKey, func([]byte) []byte { return bytes.Repeat([]byte{1}, 64) }},
		{"r of zero", "ES256", ecKey, der(new(big.Int), big.NewInt(1))},
		{"s of zero", "ES256", ecKey, der(big.NewInt(1), new(big.Int))},
		{"r of the order", "ES256", ecKey, der(order, big.NewInt(1))},
		{"s of the order", "ES256", ecKey, der(big.NewInt(1), order)},
		{"negative s", "ES256", ecKey, der(big.NewInt(1), big.NewInt(-1))},
	} {
		t.Run(tc.alg+" "+tc.name, func(t *testing.T) {
			m := manager(t, jot.PrivateKey(tc.alg, nonsenseSigner{tc.key, tc.change}))
			raw, err := m.CreateAccessToken(ctx, "alice")
			require.ErrorIs(t, err, jot.ErrUnavailable)
			require.Empty(t, raw)
			p, err := m.CreatePair(ctx, "alice")
			require.ErrorIs(t, err, jot.ErrUnavailable)
			require.Nil(t, p)
		})
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	m := manager(t, jot.PrivateKey("ES512", nonsenseSigner{p521, der(elliptic.P521().Params().N, big.NewInt(1))}))
	_, err = m.CreateAccessToken(ctx, "alice")
	require.ErrorIs(t, err, jot.ErrUnavailable)
}

// elsewhere is a signer that is asked over a network: nothing is known of it but that it signs.
type elsewhere struct {
	crypto.Signer

	sign func(ctx context.Context) error
}

func (s elsewhere) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := s.sign(nil); err != nil {
		return nil, err
	}
	return s.Signer.Sign(random, digest, opts)
}

// heeding is one that takes a context.
type heeding struct{ elsewhere }

func (s heeding) SignContext(
	ctx context.Context, random io.Reader, digest []byte, opts crypto.SignerOpts,
) ([]byte, error) {
	if err := s.sign(ctx); err != nil {
		return nil, err
	}
	return s.Signer.Sign(random, digest, opts)
}

// A signer elsewhere signs by every algorithm of a key pair, and nobody waits for ever for one that has gone silent.
func TestSignersElsewhere(t *testing.T) {
	fine := func(context.Context) error { return nil }
	for alg, key := range map[string]crypto.Signer{
		"RS256": rsaKey, "RS384": rsaKey, "RS512": rsaKey, "PS256": rsaKey, "PS384": rsaKey, "PS512": rsaKey,
		"ES256": ecKey, "EdDSA": edKey,
	} {
		m := manager(t, jot.PrivateKey(alg, elsewhere{key, fine}))
		require.True(t, accepts(t, manager(t, jot.PublicKey(alg, key.Public())), m), alg)
	}

	type contextKey struct{}
	request := context.WithValue(ctx, contextKey{}, "the request's")
	m := manager(t, jot.PrivateKey("ES256", heeding{elsewhere{ecKey, func(ctx context.Context) error {
		require.Equal(t, "the request's", ctx.Value(contextKey{}))
		_, ends := ctx.Deadline()
		require.True(t, ends)
		return nil
	}}}))
	_, err := m.CreateAccessToken(request, "alice")
	require.NoError(t, err)

	down := manager(t, jot.PrivateKey("ES256", elsewhere{ecKey, func(context.Context) error { return errDown }}))
	_, err = down.CreateAccessToken(ctx, "alice")
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.ErrorIs(t, err, errDown)

	// One that signs with another key than it says.
	other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	lies := manager(t, jot.PrivateKey("ES256", saysPublic{remoteSigner{other}, ecKey.Public()}))
	_, err = lies.CreateAccessToken(ctx, "alice")
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.ErrorContains(t, err, "does not verify by its public key")

	panics := manager(t, jot.PrivateKey("ES256", elsewhere{ecKey, func(context.Context) error { panic("a bug") }}))
	require.PanicsWithValue(t, "a bug", func() { _, _ = panics.CreateAccessToken(ctx, "alice") })
}

func TestSlowSigners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, release := atomic.Int32{}, make(chan struct{})
		silent := func(context.Context) error {
			calls.Add(1)
			<-release
			return nil
		}
		m, err := jot.New(jot.PrivateKey("ES256", elsewhere{ecKey, silent}), jot.WithStore(memstore.New()))
		require.NoError(t, err)

		began := time.Now()
		_, err = m.CreatePair(t.Context(), "alice")
		require.ErrorIs(t, err, jot.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(began))
		sessions, err := m.Sessions(t.Context(), "alice")
		require.NoError(t, err)
		require.Empty(t, sessions, "no session began")

		hungUp, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err = m.CreateAccessToken(hungUp, "alice")
		require.ErrorIs(t, err, jot.ErrUnavailable)
		require.Equal(t, time.Second, time.Since(began))

		// However many ask, no more than 64 wait in there.
		var clients sync.WaitGroup
		for range 200 {
			clients.Go(func() { _, _ = m.CreateAccessToken(t.Context(), "alice") })
		}
		clients.Wait()
		require.EqualValues(t, 64, calls.Load())

		close(release)
		synctest.Wait()
		_, err = m.CreateAccessToken(t.Context(), "alice")
		require.NoError(t, err, "it answers again")
	})
}
