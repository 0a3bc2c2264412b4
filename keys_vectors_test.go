package jot_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// vector is a token, the key or keys that it is to be read with, and what should come of it.
type vector struct {
	ID, Layer, Token, Why, Expect string
	ExpectJWT                     string `json:"expect_jwt"` // where Expect speaks of the signature alone
	Key                           json.RawMessage
	Algs                          []string
}

func vectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob("../shared/wycheproof/*.json")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no ../shared/wycheproof: the vectors of Wycheproof and of the RFCs are not tried")
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

// sources are the key sources to try a vector with: a key of its own, or a set of them. Some write algorithms beside
// kty and alg that do not fit together: each is tried as the token's own. A set that is refused verifies nothing.
func (v vector) sources(t *testing.T) (sources []jot.KeySource) {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	require.NoError(t, json.Unmarshal(v.Key, &set))
	if len(set.Keys) == 0 {
		for _, alg := range v.Algs {
			var members map[string]any
			require.NoError(t, json.Unmarshal(v.Key, &members))
			members["alg"] = alg
			text, err := json.Marshal(members)
			require.NoError(t, err)
			if key, err := jot.ParseJWK(text); err == nil {
				sources = append(sources, key)
			}
		}
		return sources
	}
	if keys, err := jot.ParseJWKS(v.Key); err == nil {
		return append(sources, keys)
	}
	var keys []jot.Key // perhaps of secrets, which are for no such set
	for _, text := range set.Keys {
		key, err := jot.ParseJWK(text)
		if err != nil {
			return nil
		}
		keys = append(keys, key)
	}
	if s, err := jot.NewKeySet(keys[0], keys[1:]...); err == nil {
		sources = append(sources, s)
	}
	return sources
}

// The public vectors of Wycheproof and of the RFCs. Most carry no claims: for them it counts whether the signature is
// taken for good.
func TestVectors(t *testing.T) {
	clock := at(time.Unix(1800000000, 0))
	audience := jot.WithAudience("https://api.example")
	tried := map[string]int{}
	unused := maps.Clone(judged)
	for _, v := range vectors(t) {
		accepted := false
		for _, source := range v.sources(t) {
			m, err := jot.New(source, audience, clock)
			if err != nil {
				continue // a key that is refused verifies nothing
			}
			_, err = m.Verify(ctx, v.Token)
			if v.ExpectJWT == "reject" {
				require.ErrorIs(t, err, jot.ErrInvalid, v.ID)
			}
			accepted = accepted || err == nil || v.Layer == "jws" && signatureHeld(err)
		}
		want := v.Expect == "accept"
		if reason, ok := judged[v.ID]; ok {
			delete(unused, v.ID)
			require.NotEqual(t, want, accepted, "%s is judged as it says, and no longer an exception: %s", v.ID, reason)
			tried[reason]++
			continue
		}
		require.Equal(t, want, accepted, v.ID+": "+v.Why)
		tried[v.Expect]++
	}
	t.Log(tried)
	require.Empty(t, unused, "exceptions that no vector is")
	require.GreaterOrEqual(t, tried["accept"], 45)
	require.GreaterOrEqual(t, tried["reject"], 600)
}

// judged are the vectors that we take otherwise than they say, with the reason.
var judged = map[string]string{
	"wp-jws-259": noClaims, "wp-jws-264": noClaims, "wp-jws-268": noClaims,
	"wp-jws-272": noClaims, "wp-jws-320": noClaims, "wp-jws-325": noClaims,
	"wp-jwk-7": roca, "wp-crypto-46": roca,
	"wp-jws-357": zeros, "wp-jws-377": zeros, "wp-jws-376": zeros, "wp-jws-359": zeros, "wp-jws-358": zeros,
}

const (
	noClaims = "an empty payload, which is good for a JWS but is no JWT"
	zeros    = "a secret of one repeated byte, which is a placeholder that somebody forgot"
	roca     = "a key of a chip that chose its primes badly, which looks like any other: chips are not for us to judge"
)

// signatureHeld reports whether it was only the claims that were refused.
func signatureHeld(err error) bool {
	refusal, ok := errors.AsType[*jot.Error](err)
	if !ok || refusal.Cause == nil {
		return ok
	}
	cause := refusal.Cause.Error()
	before := []string{ // the claims
		"signature does not match",
		"no key for its alg and kid",
		"not three segments of base64url",
		"longer than 8 KiB",
		"header: ",
	}
	return !slices.ContainsFunc(before, func(text string) bool { return strings.HasPrefix(cause, text) })
}
