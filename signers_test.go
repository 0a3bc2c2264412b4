package jot_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"io"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
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
