package jot_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
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
	long := bytes.Repeat([]byte("k"), 64)
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

func TestKeyDefects(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(35), E: 5}, D: big.NewInt(5), Primes: []*big.Int{big.NewInt(5), big.NewInt(7)}}
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
		{"the secret is a PEM text", jot.HS256([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"))},
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
		{"the EC key is on P-384, ES256 wants P-256", jot.PrivateKey("ES256", p384)},
		{"a key of type *rsa.PublicKey is not for EdDSA", jot.PrivateKey("EdDSA", rsaKey)},
		{"a key of type <nil> is not for RS256", jot.PublicKey("RS256", nil)},
		{"a key of type *rsa.PrivateKey is not for RS256", jot.PublicKey("RS256", rsaKey)},
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
	require.ErrorContains(t, err, "key 3 of the set: jot: two HS256 keys have no id")
	for _, set := range []*jot.KeySet{nil, {}} {
		_, err := jot.New(set)
		require.ErrorContains(t, err, "the key set is empty")
	}
}

// A pointer that is meant, and a value that is given.
func TestPublicKeyByValue(t *testing.T) {
	require.True(t, accepts(t, manager(t, jot.PublicKey("RS256", rsaKey.PublicKey)), manager(t, jot.PrivateKey("RS256", rsaKey))))
	require.True(t, accepts(t, manager(t, jot.PublicKey("ES256", ecKey.PublicKey)), manager(t, jot.PrivateKey("ES256", ecKey))))
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
	modulus, err := base64.RawURLEncoding.DecodeString("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst" +
		"n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")
	require.NoError(t, err)
	require.Equal(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", jot.PublicKey("RS256", &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}).ID())

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
	other := bytes.Repeat([]byte("o"), 64)
	bare, named, renamed := jot.HS256(secret), jot.HS256(secret).WithID("a"), jot.HS256(secret).WithID("b")
	kid := func(id string) string {
		return forge(t, `{"alg":"HS256","kid":`+quoteJSON(id)+`,"typ":"JWT"}`, `{`+sound+`}`)
	}
	none := forge(t, ourHeader, `{`+sound+`}`)
	for name, tc := range map[string]struct {
		keys jot.KeySource
		raw  string
		good bool
	}{
		"a key without id, a token without kid":        {bare, none, true},
		"a key without id, a token with kid":           {bare, kid("a"), false},
		"a key with id, its own kid":                   {named, kid("a"), true},
		"a key with id, no kid":                        {named, none, true}, // there is no other
		"a key with id, another kid":                   {named, kid("b"), false},
		"a kid in another case":                        {named, kid("A"), false},
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
			_, err := manager(t, tc.keys).Verify(ctx, tc.raw)
			if tc.good {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, jot.ErrInvalid)
			}
		})
	}
	_, err := jot.NewKeySet(named, jot.HS256(other).WithID("a"))
	require.ErrorContains(t, err, `two HS256 keys have the id "a"`)
	_, err = jot.NewKeySet(jot.PrivateKey("ES256", ecKey), jot.PublicKey("ES256", &ecKey.PublicKey))
	require.ErrorContains(t, err, "two ES256 keys have the id")
}

func TestKeySetSigns(t *testing.T) {
	s, err := jot.NewKeySet(jot.HS256(secret).WithID("2"), jot.PrivateKey("ES256", ecKey))
	require.NoError(t, err)
	header, _, err := jot.InsecureDecode(access(t, manager(t, s)))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "HS256", "kid": "2", "typ": "JWT"}, header)
	require.True(t, accepts(t, manager(t, s), manager(t, jot.PrivateKey("ES256", ecKey))))

	s, err = jot.NewKeySet(jot.PublicKey("ES256", &ecKey.PublicKey), jot.HS256(secret).WithID("2"))
	require.NoError(t, err)
	_, err = manager(t, s).CreateAccessToken(ctx, "alice")
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestVerificationKeys(t *testing.T) {
	old, other := jot.HS256(bytes.Repeat([]byte("o"), 32)).WithID("old"), jot.PublicKey("ES256", &ecKey.PublicKey)
	m := newManager(t, jot.WithVerificationKeys(old), jot.WithVerificationKeys(other))
	for _, key := range []jot.Key{old, jot.PrivateKey("ES256", ecKey), jot.HS256(secret)} {
		require.True(t, accepts(t, m, manager(t, key)))
		require.Equal(t, key.ID() == "", accepts(t, manager(t, key), m), "but it signs with its own")
	}
	require.False(t, accepts(t, m, manager(t, jot.PrivateKey("EdDSA", edKey))))
}

func TestKeyfunc(t *testing.T) {
	private := manager(t, jot.PrivateKey("ES256", ecKey).WithID("k"))
	raw := access(t, private, jot.HeaderParam("tenant", "a"))
	var seen *jwt.Token
	gives := func(key any, err error) jwt.Keyfunc {
		return func(token *jwt.Token) (any, error) { seen = token; return key, err }
	}
	for _, tc := range []struct {
		name string
		keys jot.KeySource
		is   error
	}{
		{"the key", jot.Keyfunc(gives(&ecKey.PublicKey, nil), "ES256"), nil},
		{"the key, as a set of one", jot.Keyfunc(gives(jwt.VerificationKeySet{Keys: []jwt.VerificationKey{&ecKey.PublicKey}}, nil), "ES256"), nil},
		{"one of several algorithms", jot.Keyfunc(gives(&ecKey.PublicKey, nil), "RS256", "ES256"), nil},
		{"a set of two", jot.Keyfunc(gives(jwt.VerificationKeySet{Keys: []jwt.VerificationKey{&ecKey.PublicKey, &ecKey.PublicKey}}, nil), "ES256"), jot.ErrInvalid},
		{"an algorithm that was not named", jot.Keyfunc(gives(&ecKey.PublicKey, nil), "RS256", "ES384"), jot.ErrInvalid},
		{"a key of another type", jot.Keyfunc(gives(&rsaKey.PublicKey, nil), "ES256"), jot.ErrInvalid},
		{"a secret", jot.Keyfunc(gives(secret, nil), "ES256"), jot.ErrInvalid},
		{"nothing", jot.Keyfunc(gives(nil, nil), "ES256"), jot.ErrInvalid},
		{"a private key", jot.Keyfunc(gives(ecKey, nil), "ES256"), jot.ErrInvalid},
		{"an error", jot.Keyfunc(gives(nil, errDown), "ES256"), jot.ErrInvalid},
		{"an error that cannot tell", jot.Keyfunc(gives(nil, fmt.Errorf("%w: %w", jot.ErrUnavailable, errDown)), "ES256"), jot.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen = nil
			m := manager(t, tc.keys)
			_, err := m.Verify(ctx, raw)
			if tc.is == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tc.is)
			}
			if seen != nil {
				require.Equal(t, map[string]any{"alg": "ES256", "kid": "k", "typ": "JWT", "tenant": "a"}, seen.Header)
				require.Equal(t, jwt.MapClaims{}, seen.Claims, "nothing of the payload was read")
				require.Equal(t, "ES256", seen.Method.Alg())
			}
			_, err = m.CreateAccessToken(ctx, "alice")
			require.ErrorIs(t, err, errors.ErrUnsupported)
		})
	}

	// Secrets are as strong as elsewhere.
	for key, good := range map[string]bool{string(secret): true, "short": false, "-----BEGIN PUBLIC KEY-----" + strings.Repeat("x", 64): false} {
		token := forgeWith(t, jwt.SigningMethodHS256, []byte(key), ourHeader, `{`+sound+`}`)
		_, err := manager(t, jot.Keyfunc(gives([]byte(key), nil), "HS256")).Verify(ctx, token)
		require.Equal(t, good, err == nil)
	}

	for _, tc := range []struct {
		text string
		f    jwt.Keyfunc
		algs []string
	}{
		{"the function is nil", nil, []string{"ES256"}},
		{"name the algorithms", gives(nil, nil), nil},
		{`unknown algorithm "none"`, gives(nil, nil), []string{"none"}},
		{"HMAC beside other algorithms", gives(nil, nil), []string{"RS256", "HS256"}},
	} {
		_, err := jot.New(jot.Keyfunc(tc.f, tc.algs...))
		require.ErrorContains(t, err, tc.text)
	}
}

// Whatever prints, logs, encodes or walks a key, or what holds one, shows none of it.
func TestKeysDoNotShow(t *testing.T) {
	hidden := []byte("the-hidden-secret-0123456789abcdef-0123456789abcdef-0123456789ab")
	set, err := jot.NewKeySet(jot.HS256(hidden).WithID("s"), jot.PrivateKey("RS256", rsaKey))
	require.NoError(t, err)
	m, err := jot.New(set, jot.WithVerificationKeys(jot.PrivateKey("ES256", ecKey)))
	require.NoError(t, err)

	var out bytes.Buffer
	for name, v := range map[string]any{
		"key": jot.HS256(hidden), "pointer": new(jot.HS384(hidden)), "rsa": jot.PrivateKey("RS256", rsaKey), "ec": jot.PrivateKey("ES256", ecKey),
		"ed": jot.PrivateKey("EdDSA", edKey), "set": set, "manager": m, "value": *set, "within": struct{ K jot.Key }{jot.HS512(hidden)},
		"slice": []jot.Key{jot.HS256(hidden)}, "map": map[string]any{"k": jot.HS256(hidden)},
		"keyfunc": jot.Keyfunc(func(*jwt.Token) (any, error) { return hidden, nil }, "HS256"), "defect": jot.HS256(hidden[:7]),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info(name, "v", v)
		}
		if text, err := json.Marshal(v); err == nil {
			out.Write(text)
		}
	}
	_, err = jot.New(jot.HS256(hidden[:7]))
	_, _ = io.WriteString(&out, err.Error())

	text := out.String()
	require.Contains(t, text, "jot.Key(HS256)")
	for _, b := range [][]byte{hidden, hidden[:7], rsaKey.D.Bytes(), rsaKey.Primes[0].Bytes(), edKey[:32]} {
		b = b[:min(12, len(b))]
		decimal := strings.Trim(fmt.Sprint(b), "[]")
		for _, form := range []string{
			string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), base64.StdEncoding.EncodeToString(b)[:8], decimal,
			strings.ReplaceAll(decimal, " ", ", "), strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"),
		} {
			require.NotContains(t, text, form)
		}
	}
	require.NotContains(t, text, rsaKey.D.String()[:20])
}
