// Package interop holds tests alone: other implementations of JOSE and OpenID Connect take jot's tokens and keys, and
// jot takes theirs. It is a module of its own, so that jot needs none of them.
package interop

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

const (
	issuer   = "https://login.example"
	audience = "orders"
)

// keys are one for each kind; the RSA key is that of six algorithms.
var keys = func() map[string]crypto.Signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	all := map[string]crypto.Signer{"EdDSA": edKey}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		all[alg] = rsaKey
	}
	for alg, curve := range map[string]elliptic.Curve{
		"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521(),
	} {
		all[alg], err = ecdsa.GenerateKey(curve, rand.Reader)
		must(err)
	}
	return all
}()

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// each runs a test for every algorithm.
func each(t *testing.T, test func(t *testing.T, alg string, key crypto.Signer)) {
	t.Helper()
	for alg, key := range keys {
		t.Run(alg, func(t *testing.T) { test(t, alg, key) })
	}
}

func manager(t *testing.T, keys jot.KeySource) *jot.Manager {
	t.Helper()
	m, err := jot.New(keys, jot.WithIssuer(issuer), jot.WithAudience(audience))
	require.NoError(t, err)
	return m
}

// thumbprint is go-jose's (RFC 7638).
func thumbprint(t *testing.T, key any) string {
	t.Helper()
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

// published are the address of a manager's keys, and what go-jose reads there.
func published(t *testing.T, m *jot.Manager) (url string, set jose.JSONWebKeySet) {
	t.Helper()
	server := httptest.NewServer(m.JWKSHandler())
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &set))
	return server.URL, set
}

// damaged is a token whose signature is another one, of the same length.
func damaged(token string) string {
	i := strings.LastIndexByte(token, '.') + 2
	other := byte('A')
	if token[i] == other {
		other = 'B'
	}
	return token[:i] + string(other) + token[i+1:]
}

func TestTheyTakeOurs(t *testing.T) {
	each(t, func(t *testing.T, alg string, key crypto.Signer) {
		m := manager(t, jot.PrivateKey(alg, key))
		url, set := published(t, m)
		raw, err := m.CreateAccessToken(t.Context(), "alice", jot.Scopes("read"), jot.Claim("n", int64(1)<<60))
		require.NoError(t, err)

		require.Len(t, set.Keys, 1)
		found := set.Keys[0]
		require.True(t, found.Valid())
		require.True(t, found.IsPublic())
		require.Equal(t, alg, found.Algorithm)
		require.Equal(t, "sig", found.Use)
		require.Equal(t, key.Public(), found.Key)
		require.Equal(t, thumbprint(t, key.Public()), found.KeyID)

		token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		require.NoError(t, err)
		require.Equal(t, found.KeyID, token.Headers[0].KeyID)
		var claims jwt.Claims
		var more struct {
			Scope string `json:"scope"`
			N     int64  `json:"n"`
		}
		require.NoError(t, token.Claims(set, &claims, &more)) // the set finds the key by its kid
		require.NoError(t, claims.Validate(jwt.Expected{
			Issuer: issuer, Subject: "alice", AnyAudience: jwt.Audience{audience}, Time: time.Now(),
		}))
		require.Equal(t, 15*time.Minute, claims.Expiry.Time().Sub(claims.IssuedAt.Time()))
		require.Equal(t, "read", more.Scope)
		require.Equal(t, int64(1)<<60, more.N)

		verifier := oidc.NewVerifier(issuer, oidc.NewRemoteKeySet(t.Context(), url), &oidc.Config{
			ClientID: audience, SupportedSigningAlgs: []string{alg},
		})
		verified, err := verifier.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Equal(t, "alice", verified.Subject)
		require.Equal(t, claims.Expiry.Time().UTC(), verified.Expiry.UTC())

		bad := damaged(raw)
		token, err = jwt.ParseSigned(bad, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		require.NoError(t, err)
		require.Error(t, token.Claims(set, &claims))
		_, err = verifier.Verify(t.Context(), bad)
		require.Error(t, err)
	})
}

// A set of several keys, while they change: who signs is found by the kid.
func TestTheyFollowOurKeys(t *testing.T) {
	first, next := jot.PrivateKey("ES256", keys["ES256"]), jot.PrivateKey("EdDSA", keys["EdDSA"])
	source, err := jot.NewKeySet(first)
	require.NoError(t, err)
	m := manager(t, source)
	url, set := published(t, m)
	require.Len(t, set.Keys, 1)
	remote := oidc.NewRemoteKeySet(t.Context(), url)
	verifier := oidc.NewVerifier(issuer, remote, &oidc.Config{
		ClientID: audience, SupportedSigningAlgs: []string{"ES256", "EdDSA"},
	})
	verify := func() (raw string, err error) {
		raw, err = m.CreateAccessToken(t.Context(), "alice")
		require.NoError(t, err)
		_, err = verifier.Verify(t.Context(), raw)
		return raw, err
	}
	before, err := verify()
	require.NoError(t, err)
	require.NoError(t, source.Publish(next))
	_, set = published(t, m)
	require.Len(t, set.Keys, 2)
	require.NoError(t, source.InsecurePromoteNow(next))
	_, err = verify()
	require.NoError(t, err)
	_, err = verifier.Verify(t.Context(), before)
	require.NoError(t, err)
}

// signed is a token of go-jose's.
func signed(t *testing.T, alg string, key any, options *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, options)
	require.NoError(t, err)
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return raw
}

// access are the claims of an access token as jot wants them.
func access() map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": issuer, "aud": audience, "sub": "bob", "jti": "7", "type": "access", "scope": "read write",
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
}

func TestWeTakeTheirs(t *testing.T) {
	each(t, func(t *testing.T, alg string, key crypto.Signer) {
		kid := thumbprint(t, key.Public())
		whole := jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg, Use: "sig"}
		plain := slices.Contains([]string{"RS256", "ES256", "ES384", "ES512", "EdDSA"}, alg) // what no alg stands for
		own, other := jot.PublicKey(alg, key.Public()), jot.PublicKey("ES256", otherKey(t).Public())
		require.Equal(t, kid, own.ID())
		for name, row := range map[string]struct {
			source func(t *testing.T) jot.KeySource
			kid    string
			good   bool
		}{
			"their set":           {set(whole), kid, true},
			"of several keys":     {set(also(t, whole)...), kid, true},
			"without use":         {set(jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg}), kid, true},
			"under a name":        {set(jose.JSONWebKey{Key: key.Public(), KeyID: "a", Algorithm: alg}), "a", true},
			"without a name":      {set(jose.JSONWebKey{Key: key.Public(), Algorithm: alg}), "", true},
			"without alg":         {set(jose.JSONWebKey{Key: key.Public(), KeyID: kid}), kid, plain},
			"our key":             {func(*testing.T) jot.KeySource { return own }, kid, true},
			"our key, renamed":    {func(*testing.T) jot.KeySource { return own.WithID("2026") }, "2026", true},
			"our set":             {func(t *testing.T) jot.KeySource { return ours(t, own, other) }, kid, true},
			"under another name":  {set(whole), "another", false},
			"a token with none":   {set(whole), "", false},
			"another's set":       {set(jose.JSONWebKey{Key: otherKey(t).Public(), KeyID: kid}), kid, false},
			"another's set alone": {func(t *testing.T) jot.KeySource { return ours(t, other) }, kid, false},
		} {
			t.Run(name, func(t *testing.T) {
				m := manager(t, row.source(t))
				typ := new(jose.SignerOptions).WithType("JWT")
				raw := signed(t, alg, jose.JSONWebKey{Key: key, KeyID: row.kid}, typ, access())
				token, err := m.Verify(t.Context(), raw, jot.Scopes("write"))
				if !row.good {
					require.ErrorIs(t, err, jot.ErrInvalid)
					return
				}
				require.NoError(t, err)
				require.Equal(t, "bob", token.Subject)
				_, err = m.Verify(t.Context(), damaged(raw))
				require.ErrorIs(t, err, jot.ErrInvalid)
			})
		}
	})
}

func set(keys ...jose.JSONWebKey) func(t *testing.T) jot.KeySource {
	return func(t *testing.T) jot.KeySource {
		t.Helper()
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		require.NoError(t, err)
		source, err := jot.ParseJWKS(text)
		require.NoError(t, err, string(text))
		return source
	}
}

// also adds keys of every other kind.
func also(t *testing.T, key jose.JSONWebKey) []jose.JSONWebKey {
	t.Helper()
	all := []jose.JSONWebKey{{Key: otherKey(t).Public(), KeyID: "other", Algorithm: "ES256"}, key}
	for alg, other := range keys {
		if alg != key.Algorithm {
			all = append(all, jose.JSONWebKey{Key: other.Public(), KeyID: alg, Algorithm: alg, Use: "sig"})
		}
	}
	return append(all, jose.JSONWebKey{Key: keys["RS256"].Public(), KeyID: "sealed", Algorithm: "RSA-OAEP", Use: "enc"})
}

func otherKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func ours(t *testing.T, current jot.Key, others ...jot.Key) *jot.KeySet {
	t.Helper()
	source, err := jot.NewKeySet(current, others...)
	require.NoError(t, err)
	return source
}

// Private keys and secrets that go-jose has written sign here as they do there.
func TestTheirPrivateKeys(t *testing.T) {
	secret := jot.GenerateSecret()
	rows := map[string]any{"HS256": secret, "HS384": secret, "HS512": secret}
	for alg, key := range keys {
		rows[alg] = key
	}
	for alg, key := range rows {
		t.Run(alg, func(t *testing.T) {
			text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "2026", Algorithm: alg, Use: "sig"})
			require.NoError(t, err)
			parsed, err := jot.ParseJWK(text)
			require.NoError(t, err)
			m := manager(t, parsed)
			raw, err := m.CreateAccessToken(t.Context(), "alice")
			require.NoError(t, err)
			token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			require.NoError(t, err)
			public := key
			if signer, ok := key.(crypto.Signer); ok {
				public = signer.Public()
			}
			require.NoError(t, token.Claims(public))
			require.Equal(t, "2026", token.Headers[0].KeyID)
			_, err = m.Verify(t.Context(), signed(t, alg, jose.JSONWebKey{Key: key, KeyID: "2026"}, nil, access()))
			require.NoError(t, err)

			both, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, Algorithm: alg}}})
			require.NoError(t, err)
			_, err = jot.ParseJWKS(both)
			require.Error(t, err, "a set is for everybody to read")
		})
	}
}

// RFC 7638 thumbprints are the same on both sides, and those of the RFCs.
func TestThumbprints(t *testing.T) {
	each(t, func(t *testing.T, alg string, key crypto.Signer) {
		require.Equal(t, thumbprint(t, key.Public()), jot.PublicKey(alg, key.Public()).ID())
		require.Equal(t, thumbprint(t, key.Public()), jot.PrivateKey(alg, key).ID())
	})
	const modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK" +
		"RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic" +
		"AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3" +
		"XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	for name, row := range map[string]struct{ text, want string }{
		"RFC 7638 section 3.1": {
			`{"kty":"RSA","n":"` + modulus + `","e":"AQAB","alg":"RS256"}`,
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		},
		"RFC 8037 appendix A.3": {
			`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ours, err := jot.ParseJWK([]byte(row.text))
			require.NoError(t, err)
			require.Equal(t, row.want, ours.ID())
			var theirs jose.JSONWebKey
			require.NoError(t, json.Unmarshal([]byte(row.text), &theirs))
			require.Equal(t, row.want, thumbprint(t, theirs.Key))
		})
	}
}

// A coordinate that begins with zeros keeps them (RFC 7518 section 6.2.1.2): without, it is another thumbprint, and no
// key at all to many.
func TestShortCoordinates(t *testing.T) {
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384()} {
		t.Run(alg, func(t *testing.T) {
			size := (curve.Params().BitSize + 7) / 8
			for inX, inY := false, false; !inX || !inY; {
				key, err := ecdsa.GenerateKey(curve, rand.Reader)
				require.NoError(t, err)
				point, err := key.PublicKey.Bytes()
				require.NoError(t, err)
				shortX, shortY := point[1] == 0, point[1+size] == 0
				if !shortX && !shortY {
					continue
				}
				inX, inY = inX || shortX, inY || shortY
				ours := jot.PublicKey(alg, key.Public())
				require.Equal(t, thumbprint(t, key.Public()), ours.ID())
				text, err := ours.JWK()
				require.NoError(t, err)
				var theirs jose.JSONWebKey
				require.NoError(t, json.Unmarshal(text, &theirs))
				require.Equal(t, key.Public(), theirs.Key)
				written, err := json.Marshal(jose.JSONWebKey{Key: key.Public(), Algorithm: alg})
				require.NoError(t, err)
				parsed, err := jot.ParseJWK(written)
				require.NoError(t, err)
				require.Equal(t, ours.ID(), parsed.ID())
			}
		})
	}
}

// What go-jose can make and is no access token here.
func TestWeRefuseTheirs(t *testing.T) {
	key := keys["RS256"].(*rsa.PrivateKey)
	kid := thumbprint(t, key.Public())
	m := manager(t, jot.PublicKey("RS256", key.Public()))
	mine := jose.JSONWebKey{Key: key, KeyID: kid}
	public, err := json.Marshal(jose.JSONWebKey{Key: key.Public(), KeyID: kid})
	require.NoError(t, err)
	without := func(name string) map[string]any {
		claims := access()
		delete(claims, name)
		return claims
	}
	with := func(name string, value any) map[string]any {
		claims := access()
		claims[name] = value
		return claims
	}
	serialized := func(write func(*jose.JSONWebSignature) string) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: mine}, nil)
		require.NoError(t, err)
		payload, err := json.Marshal(access())
		require.NoError(t, err)
		object, err := signer.Sign(payload)
		require.NoError(t, err)
		return write(object)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	embedded, critical := &jose.SignerOptions{EmbedJWK: true}, new(jose.SignerOptions).WithCritical("exp")
	typed := func(typ jose.ContentType) *jose.SignerOptions { return new(jose.SignerOptions).WithType(typ) }
	asSecret, bound := jose.JSONWebKey{Key: public, KeyID: kid}, map[string]any{"jkt": "x"}
	for name, row := range map[string]struct {
		raw  string
		want error
	}{
		"good":                          {signed(t, "RS256", mine, nil, access()), nil},
		"with a jwk that is ignored":    {signed(t, "RS256", mine, embedded, access()), nil},
		"by the key in its header":      {signed(t, "RS256", stranger, embedded, access()), jot.ErrInvalid},
		"by the public key as a secret": {signed(t, "HS256", asSecret, nil, access()), jot.ErrInvalid},
		"by another padding":            {signed(t, "PS256", mine, nil, access()), jot.ErrInvalid},
		"by another hash":               {signed(t, "RS512", mine, nil, access()), jot.ErrInvalid},
		"with a critical header":        {signed(t, "RS256", mine, critical, access()), jot.ErrInvalid},
		"of another typ":                {signed(t, "RS256", mine, typed("at+jwt"), access()), jot.ErrInvalid},
		"a logout token":                {signed(t, "RS256", mine, typed("logout+jwt"), access()), jot.ErrInvalid},
		"an ID token":                   {signed(t, "RS256", mine, nil, without("type")), jot.ErrInvalid},
		"a refresh token":               {signed(t, "RS256", mine, nil, with("type", "refresh")), jot.ErrWrongType},
		"bound to a key":                {signed(t, "RS256", mine, nil, with("cnf", bound)), jot.ErrInvalid},
		"for another service":           {signed(t, "RS256", mine, nil, with("aud", "billing")), jot.ErrInvalid},
		"of another issuer":             {signed(t, "RS256", mine, nil, with("iss", "https://evil")), jot.ErrInvalid},
		"expired":                       {signed(t, "RS256", mine, nil, with("exp", 1)), jot.ErrExpired},
		"without an end":                {signed(t, "RS256", mine, nil, without("exp")), jot.ErrInvalid},
		"as JSON":                       {serialized((*jose.JSONWebSignature).FullSerialize), jot.ErrInvalid},
		"detached": {serialized(func(s *jose.JSONWebSignature) string {
			text, err := s.DetachedCompactSerialize()
			require.NoError(t, err)
			return text
		}), jot.ErrInvalid},
		"encrypted": {encrypted(t, mine.Public()), jot.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := m.Verify(context.Background(), row.raw)
			if row.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, row.want)
		})
	}
}

func encrypted(t *testing.T, to jose.JSONWebKey) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: to}, nil)
	require.NoError(t, err)
	raw, err := jwt.Encrypted(encrypter).Claims(access()).Serialize()
	require.NoError(t, err)
	return raw
}
