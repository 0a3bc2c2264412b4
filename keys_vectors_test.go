package jot_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// vector is a token, the key that it is to be read with, and what should come of it.
type vector struct {
	ID, Layer, Token, Why, Expect string
	Key                           json.RawMessage
	Algs, Needs                   []string
}

// jsonWebKey is as much of RFC 7517 as the vectors want.
type jsonWebKey struct {
	Kty, Alg, Kid, K, N, E, Crv, X, Y string
}

func (k jsonWebKey) public() crypto.PublicKey {
	number := func(s string) *big.Int { return new(big.Int).SetBytes(bytesOf(s)) }
	switch k.Kty {
	case "RSA":
		return &rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
		//nolint:staticcheck // some are meant to lie off their curve
		return &ecdsa.PublicKey{Curve: curve, X: number(k.X), Y: number(k.Y)}
	case "OKP":
		return ed25519.PublicKey(bytesOf(k.X))
	}
	return nil
}

func bytesOf(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// key makes the key of one algorithm that a vector wants.
func (k jsonWebKey) key(alg string) jot.Key {
	var key jot.Key
	switch alg {
	case "HS256":
		key = jot.HS256(bytesOf(k.K))
	case "HS384":
		key = jot.HS384(bytesOf(k.K))
	case "HS512":
		key = jot.HS512(bytesOf(k.K))
	default:
		key = jot.PublicKey(alg, k.public())
	}
	return key.WithID(k.Kid)
}

func vectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob("../shared/wycheproof/*.json")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the Wycheproof vectors are not here: not tested with them")
	}
	var all []vector
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var content struct{ Entries []vector }
		require.NoError(t, json.Unmarshal(text, &content))
		all = append(all, content.Entries...)
	}
	require.Greater(t, len(all), 500)
	return all
}

// The public vectors of Wycheproof and of the RFCs. Most carry no claims: for them it counts whether the signature is taken for good.
func TestVectors(t *testing.T) {
	tried := map[string]int{}
	for _, v := range vectors(t) {
		var set struct{ Keys []jsonWebKey }
		var one jsonWebKey
		require.NoError(t, json.Unmarshal(v.Key, &set))
		require.NoError(t, json.Unmarshal(v.Key, &one))
		if len(v.Needs) > 0 || len(set.Keys) > 0 {
			tried["needs a reader of JWK"]++
			continue
		}
		// The vectors write some algorithms beside kty and alg that do not fit together; each is tried as the token's own key.
		accepted := false
		for _, alg := range v.Algs {
			m, err := jot.New(one.key(alg), jot.WithAudience("https://api.example"), jot.WithClock(func() time.Time { return time.Unix(1800000000, 0) }))
			if err != nil {
				continue // a key that is refused verifies nothing
			}
			_, err = m.Verify(ctx, v.Token)
			accepted = accepted || err == nil || v.Layer == "jws" && signatureHeld(err)
		}
		if reason, ok := stricter[v.ID]; ok {
			require.False(t, accepted, v.ID+": no longer "+reason)
			require.Equal(t, "accept", v.Expect, v.ID)
			tried["refused though it may be accepted"]++
			continue
		}
		require.Equal(t, v.Expect == "accept", accepted, v.ID+": "+v.Why)
		tried[v.Expect]++
	}
	t.Log(tried)
	require.GreaterOrEqual(t, tried["accept"], 25)
	require.GreaterOrEqual(t, tried["reject"], 500)
}

// stricter are the vectors that we refuse and others accept, with the reason.
var stricter = map[string]string{
	"wp-jws-259": noClaims, "wp-jws-264": noClaims, "wp-jws-268": noClaims, "wp-jws-272": noClaims, "wp-jws-320": noClaims, "wp-jws-325": noClaims,
}

const noClaims = "an empty payload, which is good for a JWS but is no JWT"

// signatureHeld reports whether it was only the claims that were refused.
func signatureHeld(err error) bool {
	refusal, ok := errors.AsType[*jot.Error](err)
	if !ok || refusal.Cause == nil {
		return ok
	}
	cause := refusal.Cause.Error()
	before := []string{"signature does not match", "no key for its alg and kid", "not three segments of base64url", "longer than 8 KiB"}
	return !slices.Contains(before, cause) && !strings.HasPrefix(cause, "header: ")
}
