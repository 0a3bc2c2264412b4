package remotekeys_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/remotekeys"
)

// member changes a key's JSON.
func member(t *testing.T, k jot.Key, changes map[string]any) json.RawMessage {
	t.Helper()
	text, err := k.JWK()
	require.NoError(t, err)
	members := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &members))
	maps.Copy(members, changes)
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	text, err = json.Marshal(members)
	require.NoError(t, err)
	return text
}

// following returns a Manager for one set, and what was said of it.
func following(t *testing.T, algs []string, keys ...json.RawMessage) (*jot.Manager, error) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(t, err)
	source, err := remotekeys.New(t.Context(), address, algs, quiet,
		remotekeys.WithClient(&http.Client{Transport: newIssuer(says(string(body)))}))
	if err != nil {
		return nil, err
	}
	return jot.New(source, jot.WithIssuer("login"), jot.WithAudience("orders"))
}

func TestSets(t *testing.T) {
	rs := jot.PrivateKey("RS256", rsaKey)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	weakN := jwkOfRSA(t, &weak.PublicKey)
	type changes = map[string]any
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }

	// Beside a good key: the set is good without the other, or all of it is refused.
	for _, tc := range []struct {
		name    string
		other   json.RawMessage
		refused string
	}{
		{"another key", member(t, second, nil), ""},
		{"of another kind", raw(`{"kty":"OKP","crv":"Ed448","x":"AA"}`), ""},
		{"of an unknown kind", raw(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`), ""},
		{"no kind at all", raw(`{}`), ""},
		{"no key at all", raw(`7`), ""},
		{"for encryption", member(t, second, changes{"use": "enc"}), ""},
		{"for an algorithm that was not named", member(t, rs, nil), ""},
		{"not on the curve", member(t, second, changes{"x": ed}), ""},
		{"an odd type of a member", member(t, second, changes{"kid": 7}), ""},
		{"too weak", weakN, ""},
		{"a secret", raw(`{"kty":"oct","alg":"HS256","k":"AAAA"}`), "a secret or a private key"},
		{"a secret, in another kind", member(t, second, changes{"k": "AAAA"}), "a secret or a private key"},
		{"a private key", member(t, second, changes{"d": ed}), "a secret or a private key"},
		{"a private key, an odd member", member(t, second, changes{"d": ed, "kid": 7}), "a secret or a private key"},
		{"the private exponent alone", member(t, rs, changes{"d": ed}), "a secret or a private key"},
		{"a prime", member(t, rs, changes{"p": ed}), "a secret or a private key"},
		{"the same id again", member(t, second, changes{"kid": "first"}), "the same algorithm and id"},
		{"the same id, for another algorithm", member(t, rs, changes{"kid": "first"}), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, keys := range [][]json.RawMessage{
				{tc.other, member(t, first.WithID("first"), nil)}, {member(t, first.WithID("first"), nil), tc.other},
			} {
				m, err := following(t, []string{"ES256"}, keys...)
				if tc.refused != "" {
					require.ErrorContains(t, err, tc.refused)
					require.NotContains(t, err.Error(), ed)
					return
				}
				require.NoError(t, err)
				require.NoError(t, verify(m, token(t, first.WithID("first"))))
			}
		})
	}

	// Alone: whether a token passes by it.
	for _, tc := range []struct {
		name  string
		key   json.RawMessage
		token jot.Key
		algs  []string
		good  bool
	}{
		{"as it is", member(t, first, nil), first, []string{"ES256"}, true},
		{"without alg", member(t, first, changes{"alg": nil}), first, []string{"RS256", "ES256"}, true},
		{"without kid", member(t, first, changes{"kid": nil}), first.WithID(""), []string{"ES256"}, true},
		{"without kid, for a token with one", member(t, first, changes{"kid": nil}), first, []string{"ES256"}, false},
		{"for a token without kid", member(t, first, nil), first.WithID(""), []string{"ES256"}, false},
		{
			"to verify",
			member(t, first, changes{"use": nil, "key_ops": []string{"verify"}}), first,
			[]string{"ES256"},
			true,
		},
		{"RSA", member(t, rs, nil), rs, []string{"RS256"}, true},
		{"RSA without alg, of two", member(t, rs, changes{"alg": nil}), rs, []string{"RS256", "PS256"}, true},
		{"RSA without alg, for the second", member(t, rs, changes{"alg": nil}), rs, []string{"PS256", "RS256"}, false},
		{"Ed25519", member(t, eddsa, nil), eddsa, []string{"EdDSA"}, true},
		{"certificates are not looked at", member(t, first, changes{
			"x5u": "http://127.0.0.1:1/", "x5c": []string{"AAAA"}, "x5t": "AAAA",
		}), first, []string{"ES256"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := following(t, tc.algs, tc.key)
			require.NoError(t, err)
			err = verify(m, token(t, tc.token))
			if tc.good {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, jot.ErrInvalid)
			}
		})
	}

	// Alone, and good for nothing: New says why.
	for text, key := range map[string]json.RawMessage{
		"it is for \"RS256\"":         member(t, rs, nil),
		"it is not for signatures":    member(t, first, changes{"use": nil, "key_ops": []string{"encrypt"}}),
		"key 0: it is not for signat": member(t, first, changes{"use": "enc"}),
		"is on P-256, ES384 wants":    member(t, first, changes{"alg": "ES384"}),
		"the RSA key has 1024 bits":   weakN,
		"key 0: json: cannot unmarsh": raw(`[]`),
	} {
		_, err := following(t, []string{"ES256", "ES384", "RS512"}, key)
		require.ErrorContains(t, err, "no key of it is for [ES256 ES384 RS512]")
		require.ErrorContains(t, err, text)
	}
}

var eddsa = edKey()

func jwkOfRSA(t *testing.T, key *rsa.PublicKey) json.RawMessage {
	t.Helper()
	good := jot.PrivateKey("RS256", rsaKey)
	return member(t, good, map[string]any{"n": encode(key.N.Bytes()), "alg": "RS512", "kid": "weak"})
}

// The algorithm counts as much as the id.
func TestKeysOfOneID(t *testing.T) {
	ours, other := first.WithID("a"), jot.PrivateKey("RS256", rsaKey).WithID("a")
	m, err := following(t, []string{"ES256"}, member(t, ours, nil), member(t, other, nil))
	require.NoError(t, err)
	require.NoError(t, verify(m, token(t, ours)))
	require.ErrorIs(t, verify(m, token(t, other)), jot.ErrInvalid)
	both, err := following(t, []string{"ES256", "RS256"}, member(t, ours, nil), member(t, other, nil))
	require.NoError(t, err)
	require.NoError(t, verify(both, token(t, ours)))
	require.NoError(t, verify(both, token(t, other)))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
