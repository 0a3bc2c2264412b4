package jot_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

var ecKey = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

var edKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

// remoteSigner is a key whose holder is elsewhere.
type remoteSigner struct{ crypto.Signer }

// countingSigner is one that sends a bill.
type countingSigner struct {
	crypto.Signer

	calls *int
}

func (s countingSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	*s.calls++
	return s.Signer.Sign(random, digest, opts)
}

// saysPublic is a signer with a public half of anybody's choice.
type saysPublic struct {
	crypto.Signer

	public crypto.PublicKey
}

func (s saysPublic) Public() crypto.PublicKey { return s.public }

func manager(t testing.TB, keys jot.KeySource, opts ...jot.Option) *jot.Manager {
	t.Helper()
	m, err := jot.New(keys, append(opts, at(now))...)
	require.NoError(t, err)
	return m
}

// accepts reports whether a token of one manager is good at another.
func accepts(t testing.TB, verifier, issuer *jot.Manager) bool {
	t.Helper()
	_, err := verifier.Verify(ctx, access(t, issuer))
	if err != nil {
		require.ErrorIs(t, err, jot.ErrInvalid)
	}
	return err == nil
}

func TestEveryAlgorithm(t *testing.T) {
	long := bytes.Repeat([]byte("k."), 32)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	keys := map[string]jot.Key{"HS256": jot.HS256(long), "HS384": jot.HS384(long), "HS512": jot.HS512(long)}
	public := map[string]jot.Key{}
	for alg, signer := range map[string]crypto.Signer{
		"RS256": rsaKey, "RS384": rsaKey, "RS512": rsaKey, "PS256": rsaKey, "PS384": rsaKey, "PS512": rsaKey,
		"ES256": ecKey, "ES384": p384, "ES512": p521, "EdDSA": edKey,
	} {
		keys[alg] = jot.PrivateKey(alg, remoteSigner{signer})
		public[alg] = jot.PublicKey(alg, signer.Public())
		require.Equal(t, keys[alg].ID(), public[alg].ID())
		require.NotEmpty(t, keys[alg].ID())
	}
	for alg, key := range keys {
		m := manager(t, key)
		raw := access(t, m)
		header := `{"alg":"` + alg + `","typ":"JWT"}`
		if key.ID() != "" {
			header = `{"alg":"` + alg + `","kid":"` + key.ID() + `","typ":"JWT"}`
		}
		require.True(t, strings.HasPrefix(raw, encode(header)+"."), "the header's bytes are always these")
		_, err := m.Verify(ctx, raw)
		require.NoError(t, err)
		for other, otherKey := range keys {
			require.Equal(t, alg == other, accepts(t, manager(t, otherKey), m), "%s read by %s", alg, other)
		}
		if key, ok := public[alg]; ok {
			require.True(t, accepts(t, manager(t, key), m))
		}
	}
}

func TestSignerIsCalledOncePerToken(t *testing.T) {
	signers := map[string]crypto.Signer{"RS256": rsaKey, "PS256": rsaKey, "ES256": ecKey, "EdDSA": edKey}
	for alg, signer := range signers {
		calls := 0
		m := manager(t, jot.PrivateKey(alg, countingSigner{signer, &calls}).WithID("kms"))
		require.Zero(t, calls, alg)
		raw := access(t, m)
		require.Equal(t, 1, calls, alg)
		_, err := m.Verify(ctx, raw)
		require.NoError(t, err)
		require.Equal(t, 1, calls, alg)
	}
}

// The header's bytes are fixed: others compare them, and we recognise our own tokens by them.
func TestHeaderBytes(t *testing.T) {
	odd := "a\\b\x00\n\u2028<&"
	for _, tc := range []struct {
		key    jot.Key
		header string
	}{
		{jot.HS256(secret), `{"alg":"HS256","typ":"JWT"}`},
		{jot.HS512(secret).WithID("2026-01"), `{"alg":"HS512","kid":"2026-01","typ":"JWT"}`},
		{jot.HS384(secret).WithID("x").WithID(""), `{"alg":"HS384","typ":"JWT"}`},
		{jot.PrivateKey("ES256", ecKey).WithID(""), `{"alg":"ES256","typ":"JWT"}`},
		{jot.PrivateKey("EdDSA", edKey), `{"alg":"EdDSA","kid":"` + edThumbprint + `","typ":"JWT"}`},
		{jot.PrivateKey("EdDSA", edKey).WithID("mine"), `{"alg":"EdDSA","kid":"mine","typ":"JWT"}`},
		{jot.HS256(secret).WithID(`","alg":"none`), `{"alg":"HS256","kid":"\",\"alg\":\"none","typ":"JWT"}`},
		{jot.HS256(secret).WithID(odd), `{"alg":"HS256","kid":"a\\b\u0000\n\u2028\u003c\u0026","typ":"JWT"}`},
		{jot.HS256(secret).WithID("é🗝"), `{"alg":"HS256","kid":"é🗝","typ":"JWT"}`},
	} {
		m := manager(t, tc.key)
		raw := access(t, m)
		got, err := base64.RawURLEncoding.DecodeString(raw[:strings.IndexByte(raw, '.')])
		require.NoError(t, err)
		require.Equal(t, tc.header, string(got))
		token, _, err := jwt.NewParser().ParseUnverified(raw, jwt.MapClaims{})
		require.NoError(t, err)
		if kid, ok := token.Header["kid"]; ok || tc.key.ID() != "" {
			require.Equal(t, tc.key.ID(), kid, "others read the same")
		}
		_, err = m.Verify(ctx, raw)
		require.NoError(t, err)
	}
}

// edThumbprint is edKey's, by another way than the code's: its JWK written down, and hashed.
var edThumbprint = func() string {
	x := base64.RawURLEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey))
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}()

func TestKeyDefects(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	five, seven := big.NewInt(5), big.NewInt(7)
	small := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: big.NewInt(35), E: 5}, D: five, Primes: []*big.Int{five, seven},
	}
	shifted := &rsa.PrivateKey{
		PublicKey: rsaKey.PublicKey, D: new(big.Int).Add(rsaKey.D, big.NewInt(2)), Primes: rsaKey.Primes,
	}
	even := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 3}
	exponent := func(e int) *rsa.PublicKey { return &rsa.PublicKey{N: rsaKey.N, E: e} }
	halves := func(d *big.Int) *ecdsa.PrivateKey {
		return &ecdsa.PrivateKey{PublicKey: ecKey.PublicKey, D: d} //nolint:staticcheck // no parser would make it
	}
	otherHalf := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))[32:]
	pemText := []byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----")
	for _, tc := range []struct {
		text string
		key  jot.Key
	}{
		{"the key is empty", jot.Key{}},
		{"the key is empty", jot.Key{}.WithID("x")},
		{"the secret has 31 bytes, HS256 wants at least 32", jot.HS256(secret[:31])},
		{"the secret has 0 bytes", jot.HS256(nil)},
		{"HS384 wants at least 48", jot.HS384(secret[:47])},
		{"HS512 wants at least 64", jot.HS512(secret[:63])},
		{"the secret is a PEM text", jot.HS256(pemText)},
		{`unknown algorithm "RS1"`, jot.PrivateKey("RS1", rsaKey)},
		{`unknown algorithm "none"`, jot.PublicKey("none", &rsaKey.PublicKey)},
		{"HS256 signs with a secret: use jot.HS256", jot.PublicKey("HS256", []byte("secret"))},
		{"HS512 signs with a secret: use jot.HS512", jot.PrivateKey("HS512", rsaKey)},
		{"the RS256 key is nil", jot.PrivateKey("RS256", nil)},
		{"the RS256 key is nil", jot.PrivateKey("RS256", (*rsa.PrivateKey)(nil))},
		{"the RS256 key is nil", jot.PrivateKey("RS256", (*remoteSigner)(nil))},
		{"the RS256 key is not a valid RSA key", jot.PrivateKey("RS256", &rsa.PrivateKey{})},
		{"the ES256 key is nil", jot.PrivateKey("ES256", (*ecdsa.PrivateKey)(nil))},
		{"the ES256 key is not a valid EC key", jot.PrivateKey("ES256", &ecdsa.PrivateKey{})},
		{"the EdDSA key is not a valid Ed25519 key", jot.PrivateKey("EdDSA", ed25519.PrivateKey(nil))},
		{"the EdDSA key is not a valid Ed25519 key", jot.PrivateKey("EdDSA", edKey[:40])},
		{"RSA key", jot.PrivateKey("RS256", small)},
		{"the RS256 key is not a valid RSA key", jot.PrivateKey("RS256", shifted)},
		{"the ES256 key does not verify what it signs", jot.PrivateKey("ES256", halves(seven))},
		{"the ES256 key does not verify what it signs", jot.PrivateKey("ES256", halves(new(big.Int)))},
		{"the ES256 key does not verify what it signs", jot.PrivateKey("ES256", halves(elliptic.P256().Params().N))},
		{"the EdDSA key does not verify what it signs", jot.PrivateKey("EdDSA", append(edKey[:32:32], otherHalf...))},
		{"a key of type <nil> is not for RS256", jot.PrivateKey("RS256", saysPublic{rsaKey, nil})},
		{"the RSA key is empty", jot.PrivateKey("RS256", saysPublic{rsaKey, (*rsa.PublicKey)(nil)})},
		{"the RSA key is empty", jot.PublicKey("RS256", (*rsa.PublicKey)(nil))},
		{"the RSA key is empty", jot.PublicKey("RS256", rsa.PublicKey{})},
		{"the RSA key's exponent 1 is not", jot.PublicKey("PS256", exponent(1))},
		{"the RSA key's exponent 4 is not", jot.PublicKey("PS256", exponent(4))},
		{"the RSA key's modulus is even", jot.PublicKey("RS256", even)},
		{"the EC key is empty", jot.PublicKey("ES256", (*ecdsa.PublicKey)(nil))},
		{"the EC key is empty", jot.PublicKey("ES256", ecdsa.PublicKey{})},
		{"the Ed25519 key has 31 bytes", jot.PublicKey("EdDSA", edKey.Public().(ed25519.PublicKey)[:31])},
		{"the Ed25519 key has a small order", jot.PublicKey("EdDSA", make(ed25519.PublicKey, 32))},
		{"the EC key is on P-384, ES256 wants P-256", jot.PrivateKey("ES256", p384)},
		{"a key of type *rsa.PublicKey is not for EdDSA", jot.PrivateKey("EdDSA", rsaKey)},
		{"a key of type <nil> is not for RS256", jot.PublicKey("RS256", nil)},
		{"PublicKey wants the public half, key.Public(), or use PrivateKey", jot.PublicKey("RS256", rsaKey)},
		{"PublicKey wants the public half", jot.PublicKey("RS256", *rsaKey)},
		{"PublicKey wants the public half", jot.PublicKey("ES256", ecKey)},
		{"PublicKey wants the public half", jot.PublicKey("ES256", *ecKey)},
		{"PublicKey wants the public half", jot.PublicKey("EdDSA", edKey)},
		{"PublicKey wants the public half", jot.PublicKey("EdDSA", &edKey)},
		{"PublicKey wants the public half", jot.PublicKey("RS256", &remoteSigner{})},
		{"longer than 256 bytes or not UTF-8", jot.HS256(secret).WithID(strings.Repeat("x", 257))},
		{"longer than 256 bytes or not UTF-8", jot.HS256(secret).WithID("\xff")},
	} {
		_, err := jot.New(tc.key)
		require.ErrorContains(t, err, tc.text)
		_, err = jot.NewKeySet(jot.HS256(secret), tc.key)
		require.ErrorContains(t, err, tc.text)
		require.ErrorContains(t, err, "key 1 of the set")
		require.Empty(t, tc.key.ID())
		require.Equal(t, "jot.Key(unusable)", tc.key.String())
	}
	_, err = jot.NewKeySet(jot.HS256(nil), jot.Key{}, jot.HS256(secret), jot.HS256(secret))
	require.ErrorContains(t, err, "key 0 of the set")
	require.ErrorContains(t, err, "key 1 of the set")
	require.ErrorContains(t, err, "key 3 of the set: two HS256 keys have no id")
	keys := jot.WithVerificationKeys(jot.Key{}, jot.HS384(secret[:40]))
	noSet := jot.WithVerificationKeys((*jot.KeySet)(nil))
	_, err = jot.New(jot.HS256(nil), keys, noSet)
	for _, text := range []string{"HS256 wants", "the key is empty", "HS384 wants", "the key set is empty"} {
		require.ErrorContains(t, err, text, "New says all at once")
	}
	for _, set := range []*jot.KeySet{nil, {}} {
		_, err := jot.New(set)
		require.ErrorContains(t, err, "the key set is empty")
	}
}

// PublicKey takes the value where a pointer is usual: the mistake is harmless.
func TestPublicKeyByValue(t *testing.T) {
	rs, es := manager(t, jot.PrivateKey("RS256", rsaKey)), manager(t, jot.PrivateKey("ES256", ecKey))
	require.True(t, accepts(t, manager(t, jot.PublicKey("RS256", rsaKey.PublicKey)), rs))
	require.True(t, accepts(t, manager(t, jot.PublicKey("ES256", ecKey.PublicKey)), es))
}

func TestSecretIsCopied(t *testing.T) {
	mine := bytes.Clone(secret)
	m := manager(t, jot.HS256(mine))
	clear(mine)
	require.True(t, accepts(t, newManager(t), m))
	require.True(t, accepts(t, m, newManager(t)))
}

func TestGenerateSecret(t *testing.T) {
	a, b := jot.GenerateSecret(), jot.GenerateSecret()
	require.Len(t, a, 64)
	require.NotEqual(t, a, b)
	manager(t, jot.HS512(a))
}

func TestKeyIDs(t *testing.T) {
	// The key of RFC 7638 section 3.1.
	modulus, err := base64.RawURLEncoding.DecodeString("" +
		"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi" +
		"FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnY" +
		"b9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0" +
		"Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")
	require.NoError(t, err)
	example := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
	require.Equal(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", jot.PublicKey("RS256", example).ID())

	require.Empty(t, jot.HS256(secret).ID())
	for _, id := range []string{"1", "../../etc/passwd", `a"b\`, "é\u2028<>&", strings.Repeat("x", 256)} {
		key := jot.HS256(secret).WithID(id)
		require.Equal(t, id, key.ID())
		m := manager(t, key)
		token, err := m.Verify(ctx, access(t, m))
		require.NoError(t, err)
		kid, ok := token.Header("kid")
		require.True(t, ok)
		require.Equal(t, id, kid)
	}
	require.Empty(t, jot.PrivateKey("ES256", ecKey).WithID("").ID())
	require.Empty(t, jot.HS256(secret).WithID("a").WithID("").ID())
}

// Which key a token's kid leads to: exactly that one, and without a kid one that was meant for it.
func TestCandidates(t *testing.T) {
	set := func(current jot.Key, others ...jot.Key) jot.KeySource {
		s, err := jot.NewKeySet(current, others...)
		require.NoError(t, err)
		return s
	}
	other := bytes.Repeat([]byte("o."), 32)
	bare, named, renamed := jot.HS256(secret), jot.HS256(secret).WithID("a"), jot.HS256(secret).WithID("b")
	// One header as we write it, which is known by its bytes, and two as others do, which are parsed.
	type headers []string
	kid := func(id string) headers {
		q := quoteJSON(id)
		return headers{
			`{"alg":"HS256","kid":` + q + `,"typ":"JWT"}`,
			`{"typ":"JWT","kid":` + q + `,"alg":"HS256"}`,
			`{"alg":"HS256", "kid":` + q + `}`,
		}
	}
	none := headers{ourHeader, `{"typ":"JWT","alg":"HS256"}`, `{"alg":"HS256","x":1}`}
	for name, tc := range map[string]struct {
		keys jot.KeySource
		raw  headers
		good bool
	}{
		"a key without id, a token without kid":        {bare, none, true},
		"a key without id, a token with kid":           {bare, kid("a"), false},
		"a key with id, its own kid":                   {named, kid("a"), true},
		"a key with id, no kid":                        {named, none, true}, // there is no other
		"a key with id, another kid":                   {named, kid("b"), false},
		"a kid in another case":                        {named, kid("A"), false},
		"a kid that begins like the key's":             {named, kid("a "), false},
		"an empty kid is a kid":                        {bare, kid(""), false},
		"a single key of another algorithm, no kid":    {jot.HS512(secret).WithID("a"), none, false},
		"a set of one key with an id, its kid":         {set(named), kid("a"), true},
		"a first secret, replaced by one with an id":   {set(jot.HS256(other).WithID("2"), bare), none, true},
		"a set whose keys all have ids, no kid":        {set(named), none, false}, // never by trial
		"a set with one bare key, no kid":              {set(named, jot.HS256(secret)), none, true},
		"a set with another bare key, no kid":          {set(named, jot.HS256(other)), none, false},
		"a set with a bare key of another algorithm":   {set(named, jot.HS512(secret)), none, false},
		"a set, the second key's kid":                  {set(jot.HS256(other).WithID("o"), renamed), kid("b"), true},
		"a set, the other key's kid":                   {set(jot.HS256(other).WithID("o"), renamed), kid("o"), false},
		"one id under two algorithms":                  {set(jot.HS512(other).WithID("a"), named), kid("a"), true},
		"a set without ids, of two algorithms, no kid": {set(jot.HS512(other), bare), none, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, header := range tc.raw {
				_, err := manager(t, tc.keys).Verify(ctx, forge(t, header, `{`+sound+`}`))
				if tc.good {
					require.NoError(t, err, header)
				} else {
					require.ErrorIs(t, err, jot.ErrInvalid, header)
				}
			}
		})
	}
	_, err := jot.NewKeySet(named, jot.HS256(other).WithID("a"))
	require.ErrorContains(t, err, `two HS256 keys have the id "a"`)
	_, err = jot.NewKeySet(jot.PrivateKey("ES256", ecKey), jot.PublicKey("ES256", &ecKey.PublicKey))
	require.ErrorContains(t, err, "two ES256 keys have the id")
}

// A token that no key is meant for is refused before any key is tried.
func TestNoCandidate(t *testing.T) {
	const kidA = `{"alg":"HS256","kid":"a"}`
	for _, tc := range []struct {
		key    jot.Key
		header string
	}{
		{jot.HS512(secret), kidA},
		{jot.HS512(secret).WithID("a"), ourHeader},
		{jot.HS256(secret).WithID("a").WithID("b"), kidA},
	} {
		_, err := manager(t, tc.key).Verify(ctx, forge(t, tc.header, `{`+sound+`}`))
		require.ErrorIs(t, err, jot.ErrInvalid)
		require.ErrorContains(t, err, "no key for its alg and kid")
	}
}

// A key that no longer signs still verifies, until it is removed.
func TestRotatingKeys(t *testing.T) {
	first, second := jot.HS256(secret), jot.PrivateKey("ES256", ecKey)
	third := jot.HS256(bytes.Repeat([]byte("3."), 16)).WithID("3")
	with := func(current jot.Key, others ...jot.KeySource) *jot.Manager {
		return manager(t, current, jot.WithVerificationKeys(others...))
	}
	stages := []*jot.Manager{
		manager(t, first), with(first, second), with(second, first), // the second key is made known before it signs
		with(third, second, first), with(third, second), manager(t, third), // and the first is taken out late
	}
	for i, row := range []string{"yyyynn", "yyyynn", "nyyyyn", "nnnyyy", "nnnyyy", "nnnyyy"} {
		raw := access(t, stages[i])
		for j, want := range row {
			_, err := stages[j].Verify(ctx, raw)
			require.Equal(t, want == 'y', err == nil, "of stage %d at stage %d", i, j)
		}
	}
}

func TestKeySetSigns(t *testing.T) {
	s, err := jot.NewKeySet(jot.PrivateKey("EdDSA", edKey).WithID("2"), jot.PrivateKey("ES256", ecKey))
	require.NoError(t, err)
	header, _, err := jot.InsecureDecode(access(t, manager(t, s)))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "EdDSA", "kid": "2", "typ": "JWT"}, header)
	require.True(t, accepts(t, manager(t, s), manager(t, jot.PrivateKey("ES256", ecKey))))

	s, err = jot.NewKeySet(jot.PublicKey("ES256", &ecKey.PublicKey), jot.PrivateKey("EdDSA", edKey).WithID("2"))
	require.NoError(t, err)
	m := manager(t, s)
	_, err = m.CreateAccessToken(ctx, "alice")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = m.CreatePair(ctx, "alice")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.True(t, accepts(t, m, manager(t, jot.PrivateKey("ES256", ecKey))))
	second := manager(t, jot.PrivateKey("EdDSA", edKey).WithID("2"))
	require.True(t, accepts(t, m, second), "another key of the set could sign, but is not the one to")
}

func TestVerificationKeys(t *testing.T) {
	old, other := jot.HS256(bytes.Repeat([]byte("o."), 16)).WithID("old"), jot.PublicKey("ES256", &ecKey.PublicKey)
	m := newManager(t, jot.WithVerificationKeys(old), jot.WithVerificationKeys(other))
	for _, key := range []jot.Key{old, jot.PrivateKey("ES256", ecKey), jot.HS256(secret)} {
		require.True(t, accepts(t, m, manager(t, key)))
		require.Equal(t, key.ID() == "", accepts(t, manager(t, key), m), "but it signs with its own")
	}
	require.False(t, accepts(t, m, manager(t, jot.PrivateKey("EdDSA", edKey))))
}

// Whatever a key function does to what it is given, or says instead of a key, nobody passes but by the key: not even
// as nobody, where that is enough.
func TestKeyfuncLetsNobodyPass(t *testing.T) {
	silence(t)
	gives := func(key any, err error) jwt.Keyfunc { return func(*jwt.Token) (any, error) { return key, err } }
	becomesNone := func(token *jwt.Token) (any, error) {
		token.Header["alg"], token.Method = "none", jwt.SigningMethodNone
		return jwt.UnsafeAllowNoneSignatureType, nil
	}
	becomesTrue := func(token *jwt.Token) (any, error) {
		token.Valid, token.Claims = true, jwt.MapClaims{"sub": "mallory"}
		return nil, nil
	}
	short, empty := secret[:8], []byte{}
	for _, tc := range []struct {
		name   string
		f      jwt.Keyfunc
		signed []byte // by what secret
	}{
		{"an error of no token", gives(nil, jot.ErrNoToken), secret},
		{"the secret, and an error of no token", gives(secret, jot.ErrNoToken), secret},
		{"an empty secret", gives(empty, nil), empty},
		{"no secret", gives([]byte(nil), nil), empty},
		{"a short secret", gives(short, nil), short},
		{"it becomes none", becomesNone, secret},
		{"it becomes true", becomesTrue, secret},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := manager(t, jot.Keyfunc(tc.f, "HS256"))
			raw := forgeWith(t, jwt.SigningMethodHS256, tc.signed, ourHeader, `{`+sound+`}`)
			got := send(m.Required(jot.Optional()), bearer(raw))
			require.False(t, got.called)
			require.Equal(t, 401, got.Code, got.Body.String())
		})
	}
}

func TestKeyfunc(t *testing.T) {
	private := manager(t, jot.PrivateKey("ES256", ecKey).WithID("k"))
	raw := access(t, private, jot.HeaderParam("tenant", "a"))
	var seen *jwt.Token
	gives := func(key any, err error) jwt.Keyfunc {
		return func(token *jwt.Token) (any, error) { seen = token; return key, err }
	}
	set := func(keys ...jwt.VerificationKey) jwt.VerificationKeySet { return jwt.VerificationKeySet{Keys: keys} }
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	key := &ecKey.PublicKey
	down := fmt.Errorf("%w: %w", jot.ErrUnavailable, errDown)
	closed := fmt.Errorf("%w: this tenant is closed", jot.ErrForbidden)
	for _, tc := range []struct {
		name string
		f    jwt.Keyfunc
		want error
	}{
		{"the key", gives(key, nil), nil},
		{"the key, by value", gives(*key, nil), nil},
		{"the key, as a set of one", gives(set(key), nil), nil},
		{"a set of two", gives(set(key, key), nil), jot.ErrInvalid},
		{"a set of none", gives(set(), nil), jot.ErrInvalid},
		{"a set of a set", gives(set(set(key)), nil), jot.ErrInvalid},
		{"a key of another type", gives(&rsaKey.PublicKey, nil), jot.ErrInvalid},
		{"a key on another curve", gives(&p384.PublicKey, nil), jot.ErrInvalid},
		{"a secret", gives(secret, nil), jot.ErrInvalid},
		{"a secret, as text", gives(string(secret), nil), jot.ErrInvalid},
		{"a secret, as a set of one", gives(set(secret), nil), jot.ErrInvalid},
		{"nothing", gives(nil, nil), jot.ErrInvalid},
		{"a nil pointer", gives((*ecdsa.PublicKey)(nil), nil), jot.ErrInvalid},
		{"a private key", gives(ecKey, nil), jot.ErrInvalid},
		{"a key of ours", gives(jot.PublicKey("ES256", key), nil), jot.ErrInvalid},
		{"leave to check nothing", gives(jwt.UnsafeAllowNoneSignatureType, nil), jot.ErrInvalid},
		{"an error", gives(nil, errDown), jot.ErrInvalid},
		{"the key, and an error", gives(key, errDown), jot.ErrInvalid},
		{"an error that cannot tell", gives(nil, down), jot.ErrUnavailable},
		{"an error of another answer", gives(nil, closed), jot.ErrForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen = nil
			m := manager(t, jot.Keyfunc(tc.f, "ES256"))
			_, err := m.Verify(ctx, raw)
			require.ErrorIs(t, err, tc.want)

			require.Equal(t, &jwt.Token{
				Header: map[string]any{"alg": "ES256", "kid": "k", "typ": "JWT", "tenant": "a"},
				Claims: jwt.MapClaims{}, Method: jwt.SigningMethodES256,
			}, seen, "the header, and nothing of the payload")
			_, err = m.CreateAccessToken(ctx, "alice")
			require.ErrorIs(t, err, errors.ErrUnsupported)

			several := manager(t, jot.Keyfunc(tc.f, "RS256", "ES256", "ES256"))
			_, err = several.Verify(ctx, raw)
			require.ErrorIs(t, err, tc.want, "as one of several algorithms")
		})
	}

	// The function is not called for a token that is refused whatever its key.
	es256 := []string{"ES256"}
	for _, tc := range []struct {
		name, raw string
		algs      []string
	}{
		{"an algorithm that was not named", raw, []string{"RS256", "ES384"}},
		{"none", forge(t, `{"alg":"none"}`, `{`+sound+`}`), es256},
		{"HMAC by a public key", forge(t, ourHeader, `{`+sound+`}`), es256},
		{"crit", forge(t, `{"alg":"ES256","crit":["x"],"x":1}`, `{`+sound+`}`), es256},
		{"two kids", forge(t, `{"alg":"ES256","kid":"a","kid":"b"}`, `{`+sound+`}`), es256},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen = nil
			_, err := manager(t, jot.Keyfunc(gives(key, nil), tc.algs...)).Verify(ctx, tc.raw)
			require.ErrorIs(t, err, jot.ErrInvalid)
			require.Nil(t, seen)
		})
	}

	// Keys from the function must be as strong as any other.
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	token := forgeWith(t, jwt.SigningMethodRS256, weak, `{"alg":"RS256","typ":"JWT"}`, `{`+sound+`}`)
	_, err = manager(t, jot.Keyfunc(gives(&weak.PublicKey, nil), "RS256")).Verify(ctx, token)
	require.ErrorIs(t, err, jot.ErrInvalid)
	require.ErrorContains(t, err, "has 1024 bits")

	for secret, good := range map[string]bool{
		string(secret): true,
		"short":        false,
		"-----BEGIN PUBLIC KEY-----" + strings.Repeat("x", 64): false,
	} {
		token := forgeWith(t, jwt.SigningMethodHS256, []byte(secret), ourHeader, `{`+sound+`}`)
		for _, found := range []any{[]byte(secret), set([]byte(secret))} {
			_, err := manager(t, jot.Keyfunc(gives(found, nil), "HS256")).Verify(ctx, token)
			require.Equal(t, good, err == nil)
		}
	}

	for _, tc := range []struct {
		text string
		f    jwt.Keyfunc
		algs []string
	}{
		{"the function is nil", nil, es256},
		{"name the algorithms", gives(nil, nil), nil},
		{`unknown algorithm "none"`, gives(nil, nil), []string{"none"}},
		{"HMAC beside other algorithms", gives(nil, nil), []string{"RS256", "HS256"}},
	} {
		_, err := jot.New(jot.Keyfunc(tc.f, tc.algs...))
		require.ErrorContains(t, err, tc.text)
	}
	_, err = jot.New(jot.Keyfunc(nil, "none", "HS256", "RS256"))
	for _, text := range []string{"the function is nil", `unknown algorithm "none"`, "HMAC beside other algorithms"} {
		require.ErrorContains(t, err, text)
	}
}

// printers are the ways in which a value gets into a log.
var printers = func() map[string]func(v any) string {
	all := map[string]func(v any) string{
		"encoding/json": func(v any) string { text, _ := json.Marshal(v); return string(text) },
		"slog text": func(v any) string {
			return logLine(func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }, v)
		},
		"slog JSON": func(v any) string {
			return logLine(func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }, v)
		},
		"a dumper": func(v any) string {
			var out strings.Builder
			dump(&out, reflect.ValueOf(v), map[place]bool{})
			return out.String()
		},
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%T", "%p"} {
		all[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	return all
}()

func logLine(handler func(io.Writer) slog.Handler, v any) string {
	var out strings.Builder
	slog.New(handler(&out)).With("with", v).WithGroup("group").Info("message", "v", v)
	return out.String()
}

// place is where a dumper has been.
type place struct {
	reflect.Type

	pointer uintptr
}

// dump writes all that reflection reaches, whatever is exported and wherever pointers lead, as debuggers do.
func dump(out io.Writer, v reflect.Value, seen map[place]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if at := (place{v.Type(), v.Pointer()}); !v.IsNil() && !seen[at] {
			seen[at] = true
			dump(out, v.Elem(), seen)
		}
	case reflect.Interface:
		if !v.IsNil() {
			dump(out, v.Elem(), seen)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			dump(out, field, seen)
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			dump(out, entries.Key(), seen)
			dump(out, entries.Value(), seen)
		}
	case reflect.Slice, reflect.Array:
		if v.Len() > 1000 { // a table, no key
			return
		}
		_, _ = io.WriteString(out, "[")
		for i := range v.Len() {
			dump(out, v.Index(i), seen)
		}
		_, _ = io.WriteString(out, "]")
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
	default:
		_, _ = fmt.Fprint(out, v, " ") // numbers and texts
	}
}

// traces are the forms in which bytes can be recognised in print: their beginning, and all of them as a number.
func traces(material []byte) []string {
	b := material[:min(12, len(material))]
	decimal := strings.Trim(fmt.Sprint(b), "[]")
	hexes := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}")
	quoted := strings.Trim(strconv.Quote(string(material)), `"`) // of all: a rune must not be cut in two
	number := new(big.Int).SetBytes(material)
	forms := []string{
		// as text
		string(b), quoted[:min(12, len(quoted))],
		fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), fmt.Sprintf("% x", b),
		// the same for 12 bytes, whatever follows
		base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		// as a list of bytes
		decimal, strings.ReplaceAll(decimal, " ", ", "), strings.ReplaceAll(decimal, " ", ","),
		strings.Trim(fmt.Sprintf("%o", b), "[]"), hexes, strings.ToUpper(hexes),
		// as a number
		number.String(), number.Text(8), number.Text(16), fmt.Sprintf("%X", number),
	}
	for _, word := range number.Bits() { // as a dumper finds a number
		forms = append(forms, strconv.FormatUint(uint64(word), 10))
	}
	return slices.DeleteFunc(forms, func(form string) bool { return len(form) < 7 }) // that short it may be chance
}

// shows reports in which form a text shows a key's material, if it does.
func shows(text string, material [][]byte) (form string, found bool) {
	for _, b := range material {
		for _, form := range traces(b) {
			if strings.Contains(text, form) {
				return form, true
			}
		}
	}
	return "", false
}

// Whatever prints, logs, encodes or walks a key, or what holds one, shows none of it.
func TestKeysDoNotShow(t *testing.T) {
	hidden := []byte("the-hidden-secret-0123456789abcdef-0123456789abcdef-0123456789ab")
	scalar, err := ecKey.Bytes()
	require.NoError(t, err)
	p, q := rsaKey.Primes[0], rsaKey.Primes[1]
	runes := []byte("\x95\xb2\rz\x8eM\f\u00fc\x12\xe7\u0715\x82%o\xdd7") // the 12th byte is half of one
	material := [][]byte{hidden, hidden[:7], rsaKey.D.Bytes(), p.Bytes(), q.Bytes(), scalar, edKey[:32], runes}

	secrets, err := jot.NewKeySet(jot.HS256(hidden).WithID("s"))
	require.NoError(t, err)
	set, err := jot.NewKeySet(jot.PrivateKey("RS256", rsaKey))
	require.NoError(t, err)
	m, err := jot.New(set, jot.WithVerificationKeys(jot.PrivateKey("ES256", ecKey)), jot.WithStore(memstore.New()))
	require.NoError(t, err)
	keys := map[string]any{
		"HS256":            jot.HS256(hidden),
		"HS384":            new(jot.HS384(hidden)),
		"HS512":            jot.HS512(hidden).WithID("x"),
		"RS256":            jot.PrivateKey("RS256", rsaKey),
		"PS256":            jot.PrivateKey("PS256", rsaKey).WithID("x"),
		"ES256":            jot.PrivateKey("ES256", ecKey),
		"EdDSA":            jot.PrivateKey("EdDSA", edKey),
		"a remote key":     jot.PrivateKey("ES256", remoteSigner{ecKey}),
		"a set":            set,
		"a set of secrets": secrets,
		"a manager":        m,
		"a Keyfunc":        jot.Keyfunc(func(*jwt.Token) (any, error) { return hidden, nil }, "HS256"),
		"a defect":         jot.HS256(hidden[:7]),
	}
	for name, key := range keys {
		for holder, v := range map[string]any{
			"itself":             key,
			"a pointer":          &key,
			"a slice":            []any{key},
			"a map":              map[string]any{"k": key},
			"an exported field":  struct{ K any }{key},
			"another field":      struct{ k any }{key},
			"a pointer in there": &struct{ k *any }{&key},
		} {
			for printer, printed := range printers {
				if form, found := shows(printed(v), material); found {
					t.Fatalf("%s in %s, printed by %s, shows %q", name, holder, printer, form)
				}
			}
		}
	}

	// The eyes of this test are open: bare material, held the same way, is seen.
	for printer, printed := range printers {
		if printer == "%T" || printer == "%p" {
			continue
		}
		for _, bare := range []any{hidden, edKey, rsaKey.D, scalar, runes} {
			_, found := shows(printed(struct{ K any }{bare}), material)
			require.True(t, found, "%T by %s: %s", bare, printer, printed(struct{ K any }{bare}))
		}
	}

	tooShort, pemText := jot.HS256(hidden[:7]), jot.HS256(append([]byte("-----BEGIN "), hidden...))
	for _, mistake := range []jot.Key{tooShort, pemText, jot.HS256(hidden).WithID("\xff")} {
		_, err := jot.New(mistake)
		require.Error(t, err)
		_, found := shows(err.Error(), material)
		require.False(t, found, err)
	}
}

// What is printed instead is enough to tell keys apart.
func TestKeyString(t *testing.T) {
	for want, key := range map[string]jot.Key{
		"jot.Key(HS256)":           jot.HS256(secret),
		"jot.Key(HS256, 2)":        jot.HS256(secret).WithID("2"),
		"jot.Key(ES256, k)":        jot.PublicKey("ES256", &ecKey.PublicKey).WithID("k"),
		"jot.Key(ES256)":           jot.PrivateKey("ES256", ecKey).WithID(""),
		"jot.Key(unusable)":        {},
		`jot.Key(RS256, "a\x00b")`: jot.PrivateKey("RS256", rsaKey).WithID("a\x00b"),
	} {
		require.Equal(t, want, key.String())
		require.Equal(t, want, fmt.Sprintf("%x", key))
		require.Equal(t, want, fmt.Sprintf("%#v", key))
		require.Equal(t, want, key.LogValue().String())
		text, err := json.Marshal(map[string]any{"key": key})
		require.NoError(t, err)
		require.JSONEq(t, `{"key":{}}`, string(text))
	}
}

// Which source a token leads to does not depend on how its header is spelled, nor on a source that knows nothing.
func TestSeveralSources(t *testing.T) {
	next := jot.HS256(bytes.Repeat([]byte("n."), 32)).WithID("2")
	m := manager(t, next, jot.WithVerificationKeys(jot.HS256(secret)))
	for _, header := range []string{ourHeader, `{"typ":"JWT","alg":"HS256"}`, `{"alg":"HS256","x":1}`} {
		_, err := m.Verify(ctx, forge(t, header, `{`+sound+`}`))
		require.NoError(t, err, header)
	}

	es := manager(t, jot.PrivateKey("ES256", ecKey))
	unknown := func(err error) jot.KeySource {
		return jot.Keyfunc(func(*jwt.Token) (any, error) { return nil, err }, "ES256")
	}
	knows := jot.Keyfunc(func(*jwt.Token) (any, error) { return &ecKey.PublicKey, nil }, "ES256")
	notFound := errors.New("kid not found")
	down := fmt.Errorf("%w: no keys", jot.ErrUnavailable)
	for _, raw := range []string{access(t, es), access(t, es, jot.HeaderParam("a", "b"))} {
		for _, second := range []jot.KeySource{knows, jot.PublicKey("ES256", &ecKey.PublicKey)} {
			for _, err := range []error{notFound, down} {
				_, err := manager(t, unknown(err), jot.WithVerificationKeys(second)).Verify(ctx, raw)
				require.NoError(t, err)
			}
		}
		neither := manager(t, unknown(notFound), jot.WithVerificationKeys(unknown(down)))
		_, err := neither.Verify(ctx, raw)
		require.ErrorIs(t, err, jot.ErrUnavailable)
	}

	_, err := jot.New(jot.HS256(secret).WithID("1"), jot.WithVerificationKeys(next.WithID("1")))
	require.ErrorContains(t, err, `two HS256 keys have the id "1"`)
}

// A secret read from a file with its last line break works, until another service trims it: one line in the log.
func TestPaddedSecret(t *testing.T) {
	padded := jot.HS256(append(bytes.Clone(secret), '\n'))
	set, err := jot.NewKeySet(jot.HS256(secret).WithID("1"), padded)
	require.NoError(t, err)
	for _, tc := range []struct {
		source jot.KeySource
		opts   []jot.Option
		warns  bool
	}{
		{jot.HS256(secret), nil, false},
		{jot.HS256(append([]byte("\n\x00\xff"), secret...)), nil, false}, // random bytes
		{padded, nil, true},
		{set, nil, true},
		{jot.HS256(secret).WithID("1"), options(jot.WithVerificationKeys(padded)), true},
	} {
		out := logged(t)
		_, err := jot.New(tc.source, tc.opts...)
		require.NoError(t, err)
		require.Equal(t, tc.warns, strings.Contains(out.String(), "white space surrounds a secret"), out.String())
		require.NotContains(t, out.String(), string(secret[:8]))
	}
}
