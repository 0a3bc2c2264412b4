package mac_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/mac"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

	rsaKey = must(rsa.GenerateKey(rand.Reader, 2048))
	curves = map[string]*ecdsa.PrivateKey{
		"ES256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"ES384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"ES512": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
	}
	edwards = must2(ed25519.GenerateKey(rand.Reader))
	secret  = []byte(strings.Repeat("s.", 32))
)

func must2(_ ed25519.PublicKey, key ed25519.PrivateKey, err error) ed25519.PrivateKey {
	return must(key, err)
}

func lookup(t *testing.T, alg string) mac.Method {
	t.Helper()
	m, ok := mac.Lookup(alg)
	require.True(t, ok)
	require.Equal(t, alg, m.Alg())
	return m
}

func pairOf(alg string) crypto.Signer {
	switch alg[:2] {
	case "RS", "PS":
		return rsaKey
	case "ES":
		return curves[alg]
	}
	return edwards
}

// remote is a key in a KMS: nothing but its public half is known.
type remote struct{ crypto.Signer }

const text = "eyJhbGciOiJ4In0.e30"

// Both ways with golang-jwt: what one signs the other verifies.
func TestMethodsAgainstGolangJWT(t *testing.T) {
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		m, theirs := lookup(t, alg), jwt.GetSigningMethod(alg)
		require.True(t, m.Symmetric())
		sign, verify := m.HMAC(secret)
		signature, err := sign(text)
		require.NoError(t, err)
		wantOnly(t, verify, signature)
		require.NoError(t, theirs.Verify(text, signature, secret))
		require.Equal(t, must(theirs.Sign(text, secret)), signature)
		wantOnly(t, m.Verifier(secret), signature)
	}
	for _, alg := range asymmetric {
		m, theirs, key := lookup(t, alg), jwt.GetSigningMethod(alg), pairOf(alg)
		require.False(t, m.Symmetric())
		require.NoError(t, m.CheckPublic(key.Public()))
		verify := m.Verifier(key.Public())
		for _, signer := range []crypto.Signer{key, remote{key}} {
			signature, err := m.Signer(signer)(text)
			require.NoError(t, err)
			require.NoError(t, theirs.Verify(text, signature, key.Public()))
			wantOnly(t, verify, signature)
		}
		require.NoError(t, verify(text, string(must(theirs.Sign(text, key)))), alg)
	}
	for _, alg := range []string{"none", "", "hs256", "HS1", "ES256K", "EDDSA", "Ed448"} {
		_, ok := mac.Lookup(alg)
		require.False(t, ok, alg)
	}
}

// wantOnly asks that a signature is good, and that none is that differs from it, or is of another text.
func wantOnly(t *testing.T, verify func(text, signature string) error, signature []byte) {
	t.Helper()
	good := string(signature)
	require.NoError(t, verify(text, good))
	for i := 0; i < len(signature); i += 1 + len(signature)/70 { // of a long one every few bytes
		changed := bytes.Clone(signature)
		changed[i] ^= 1
		require.Error(t, verify(text, string(changed)), i)
	}
	require.Error(t, verify(text+"x", good))
	require.Error(t, verify("", good))
	require.Error(t, verify(text, good[1:]))
	require.Error(t, verify(text, good[:len(good)-1]))
	require.Error(t, verify(text, good+"\x00"))
	require.Error(t, verify(text, good+strings.Repeat("\x00", 256)))
	require.Error(t, verify(text, strings.Repeat("\x00", len(good))))
	require.Error(t, verify(text, ""))
}

// RFC 7518 section 3.5: the salt is as long as the hash, no other.
func TestPSSSalt(t *testing.T) {
	for alg, hash := range map[string]crypto.Hash{
		"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512,
	} {
		verify := lookup(t, alg).Verifier(&rsaKey.PublicKey)
		h := hash.New()
		h.Write([]byte(text))
		for _, length := range []int{hash.Size(), 20, hash.Size() - 1, hash.Size() + 1, rsa.PSSSaltLengthAuto} {
			signature, err := rsa.SignPSS(rand.Reader, rsaKey, hash, h.Sum(nil), &rsa.PSSOptions{SaltLength: length})
			require.NoError(t, err)
			require.Equal(t, length == hash.Size(), verify(text, string(signature)) == nil, "%s: %d", alg, length)
		}
	}
}

func TestCheckSecret(t *testing.T) {
	textOfAKey := []byte("\n-----BEGIN PUBLIC KEY-----\n" + strings.Repeat("A", 64))
	for alg, size := range map[string]int{"HS256": 32, "HS384": 48, "HS512": 64} {
		m := lookup(t, alg)
		require.NoError(t, m.CheckSecret(secret[:size]))
		require.ErrorContains(t, m.CheckSecret(secret[:size-1]), alg+" wants at least ")
		require.ErrorContains(t, m.CheckSecret(make([]byte, size)), "is one byte, repeated")
		require.ErrorContains(t, m.CheckSecret(nil), "the secret has 0 bytes")
		require.ErrorContains(t, m.CheckSecret(textOfAKey), "is a PEM text")
	}
	require.ErrorContains(t, lookup(t, "RS256").CheckSecret(secret), "RS256 does not sign with a secret")
}

func TestCheckPublic(t *testing.T) {
	wide := func(bits int) *rsa.PublicKey {
		return &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), bits-1, 1), E: 65537}
	}
	exponent := func(e int) *rsa.PublicKey { return &rsa.PublicKey{N: rsaKey.N, E: e} }
	tooWide := math.MaxInt32
	tooWide += 2 // negative on a 32-bit machine
	//nolint:staticcheck // no parser would make most of them
	point := func(x, y *big.Int) *ecdsa.PublicKey { return &ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y} }
	coordinates := must(curves["ES256"].PublicKey.Bytes())[1:]
	x, y, zero := new(big.Int).SetBytes(coordinates[:32]), new(big.Int).SetBytes(coordinates[32:]), new(big.Int)
	for _, tc := range []struct {
		alg  string
		key  crypto.PublicKey
		want string
	}{
		{"RS256", wide(2047), "has 2047 bits, RS256 wants 2048 to 16384"},
		{"PS512", wide(16385), "has 16385 bits"},
		{"RS256", wide(2048), ""},
		{"RS256", wide(16384), ""},
		{"RS256", exponent(1), "exponent 1 is not"},
		{"RS256", exponent(65536), "exponent 65536 is not"},
		{"RS256", exponent(-1), "exponent -1 is not"},
		{"RS256", exponent(tooWide), "is not an odd number from 3 to 2147483647"},
		{"RS256", exponent(3), ""},
		{"RS256", exponent(math.MaxInt32), ""},
		{"PS256", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(3), 2047), E: 65537}, "the RSA key's modulus is even"},
		{"RS256", (*rsa.PublicKey)(nil), "the RSA key is empty"},
		{"RS256", &rsa.PublicKey{}, "the RSA key is empty"},
		{"RS256", &rsa.PublicKey{N: big.NewInt(-7), E: 3}, "the RSA key is empty"},
		{"ES256", (*ecdsa.PublicKey)(nil), "the EC key is empty"},
		{"ES256", &ecdsa.PublicKey{}, "the EC key is empty"},
		{"ES256", &ecdsa.PublicKey{Curve: elliptic.P256()}, "the EC key is empty"},
		{"ES256", point(x, y), ""},
		{"ES256", point(big.NewInt(1), big.NewInt(1)), "the EC key is not on its curve"},
		{"ES256", point(zero, zero), "the EC key is not on its curve"}, // the point at infinity
		{"ES256", point(y, x), "the EC key is not on its curve"},
		{"ES256", point(new(big.Int).Neg(x), y), "the EC key is not on its curve"},
		{"ES256", point(new(big.Int).Add(x, elliptic.P256().Params().P), y), "the EC key is not on its curve"},
		{"ES256", &curves["ES384"].PublicKey, "the EC key is on P-384, ES256 wants P-256"},
		{"ES512", &curves["ES256"].PublicKey, "is on P-256, ES512 wants P-521"},
		{"EdDSA", ed25519.PublicKey(nil), "has 0 bytes, not 32"},
		{"EdDSA", edwards.Public().(ed25519.PublicKey)[:31], "has 31 bytes, not 32"},
		{"EdDSA", &rsaKey.PublicKey, "a key of type *rsa.PublicKey is not for EdDSA"},
		{"ES256", &rsaKey.PublicKey, "a key of type *rsa.PublicKey is not for ES256"},
		{"RS256", &curves["ES256"].PublicKey, "a key of type *ecdsa.PublicKey is not for RS256"},
		{"RS256", edwards.Public(), "a key of type ed25519.PublicKey is not for RS256"},
		{"HS256", &rsaKey.PublicKey, "a key of type *rsa.PublicKey is not for HS256"},
		{"RS256", rsaKey, "a key of type *rsa.PrivateKey is not for RS256"},
		{"RS256", secret, "a key of type []uint8 is not for RS256"},
		{"RS256", nil, "a key of type <nil> is not for RS256"},
	} {
		err := lookup(t, tc.alg).CheckPublic(tc.key)
		if tc.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, tc.want)
		}
	}
}

// smallOrders are all encodings of the points of order 1, 2, 4 and 8: those not reduced (p and p+1) included.
func smallOrders() (keys []ed25519.PublicKey) {
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		key := must(hex.DecodeString(y))
		signed := bytes.Clone(key)
		signed[31] |= 0x80
		keys = append(keys, key, signed)
	}
	return keys
}

// With a key of small order nobody needs a private key: of few messages one has a signature that can be written down.
func TestSmallOrder(t *testing.T) {
	m := lookup(t, "EdDSA")
	forgeable := func(key ed25519.PublicKey) bool {
		for i := range 100 {
			for _, r := range smallOrders() {
				if ed25519.Verify(key, []byte{byte(i)}, append(r, make([]byte, 32)...)) {
					return true
				}
			}
		}
		return false
	}
	for _, key := range smallOrders() {
		require.True(t, forgeable(key), "%x is none", []byte(key))
		require.ErrorContains(t, m.CheckPublic(key), "has a small order", "%x", []byte(key))
	}
	public := edwards.Public().(ed25519.PublicKey)
	require.False(t, forgeable(public))
	require.NoError(t, m.CheckPublic(public))
}

// answers is a signer that answers one thing.
type answers struct {
	crypto.Signer

	signature []byte
	err       error
}

func (a answers) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return a.signature, a.err
}

func TestSignersThatFail(t *testing.T) {
	errDown := errors.New("KMS unreachable")
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		_, err := lookup(t, alg).Signer(answers{pairOf(alg), nil, errDown})(text)
		require.ErrorIs(t, err, errDown, alg)
	}
	order := elliptic.P256().Params().N
	zero, one, wide := new(big.Int), big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 256)
	for name, der := range map[string][]byte{
		"not ASN.1": []byte("nonsense"),
		"trailing":  append(asDER(one, one), 0),
		"zero r":    asDER(zero, one),
		"zero s":    asDER(one, zero),
		"negative":  asDER(big.NewInt(-1), one),
		"wide r":    asDER(wide, one),
		"wide s":    asDER(one, wide),
		"empty":     nil,
		"r alone":   must(asn1.Marshal(struct{ R *big.Int }{one})),
		"fixed":     bytes.Repeat([]byte{1}, 64), // as JWS wants it: a signer that is not Go's
		"r = order": asDER(order, one),
		"s = order": asDER(one, order),
		"no minus":  {0x30, 0x06, 0x02, 0x01, 0x81, 0x02, 0x01, 0x01}, // a sign bit that somebody forgot about
	} {
		_, err := lookup(t, "ES256").Signer(answers{pairOf("ES256"), der, nil})(text)
		require.ErrorContains(t, err, "the signer's answer is no ES256 signature", name)
	}
	for alg, size := range map[string]int{"ES256": 32, "ES384": 48, "ES512": 66} {
		short, err := lookup(t, alg).Signer(answers{pairOf(alg), asDER(one, big.NewInt(2)), nil})(text)
		require.NoError(t, err)
		zeros := strings.Repeat("00", size-1)
		require.Equal(t, zeros+"01"+zeros+"02", hex.EncodeToString(short), "small numbers have full width too")
	}
}

// A signature of another length, or with numbers beyond the order of its curve, is an error when it is made. The token
// would be dead, and nobody would know before it comes back.
func TestSignersThatAnswerNonsense(t *testing.T) {
	for alg, size := range map[string]int{"RS256": 256, "RS512": 256, "PS256": 256, "PS384": 256, "EdDSA": 64} {
		good, err := lookup(t, alg).Signer(pairOf(alg))(text)
		require.NoError(t, err)
		require.Len(t, good, size)
		for name, signature := range map[string][]byte{
			"nothing":       nil,
			"empty":         {},
			"short":         good[:size-1],
			"its tail":      good[1:],
			"long":          slices.Concat(good, []byte{0}),
			"a zero before": slices.Concat([]byte{0}, good),
			"twice":         slices.Concat(good, good),
			"half":          good[:size/2],
		} {
			signature, err := lookup(t, alg).Signer(answers{pairOf(alg), signature, nil})(text)
			require.ErrorContains(t, err, "a "+alg+" signature by this key has ", name)
			require.Nil(t, signature)
		}
		exact, err := lookup(t, alg).Signer(answers{pairOf(alg), make([]byte, size), nil})(text)
		require.NoError(t, err, "its length is all that can be seen for nothing")
		require.Len(t, exact, size)
	}
	for alg, key := range curves {
		order, zero, one := key.Params().N, new(big.Int), big.NewInt(1)
		largest, beyond := new(big.Int).Sub(order, one), new(big.Int).Add(order, one)
		for _, tc := range []struct {
			r, s *big.Int
			good bool
		}{
			{one, one, true},
			{largest, largest, true},
			{order, one, false},
			{one, order, false},
			{beyond, one, false},
			{one, zero, false},
		} {
			signature, err := lookup(t, alg).Signer(answers{pairOf(alg), asDER(tc.r, tc.s), nil})(text)
			require.Equal(t, tc.good, err == nil, "%s: %v, %v", alg, tc.r, tc.s)
			require.Equal(t, tc.good, signature != nil)
		}
	}
}

// asDER is the ECDSA signature of two numbers, as Go's signers write it.
func asDER(r, s *big.Int) []byte {
	return must(asn1.Marshal(struct{ R, S *big.Int }{r, s}))
}
