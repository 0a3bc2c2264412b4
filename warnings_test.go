package jot_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// tells asserts that a program is told once what is wrong with it, in these words and at this level, however often it
// comes to it; not at all, if the words are none.
func tells(t *testing.T, level, text string, mistake func()) {
	t.Helper()
	out := logged(t)
	for range 2 {
		mistake()
	}
	lines := strings.ReplaceAll(out.String(), `\"`, `"`)
	if text == "" {
		require.Empty(t, lines)
		return
	}
	require.Equal(t, 1, strings.Count(lines, "\n"), lines)
	msg := ` msg="` + text + `"`
	require.Contains(t, lines, "level="+level+msg)
}

// What a key function returns is the application's doing, and its clients hear of it only that a token is bad.
func TestKeyfuncMistakes(t *testing.T) {
	if !alone(t) {
		return
	}
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	raw := map[string]string{
		"RS256": access(t, manager(t, jot.PrivateKey("RS256", rsaKey))),
		"ES256": access(t, manager(t, jot.PrivateKey("ES256", ecKey))),
		"EdDSA": access(t, manager(t, jot.PrivateKey("EdDSA", edKey))),
		"HS256": access(t, manager(t, jot.HS256(secret))),
	}
	const wants = "an *rsa.PublicKey: jwt.ParseRSAPublicKeyFromPEM makes one of a PEM text"
	for _, tc := range []struct {
		alg     string
		returns any
		cause   string
		told    bool
	}{
		{"RS256", text, "it returned a []byte for RS256, which wants " + wants, true},
		{"RS256", string(text), "it returned a string for RS256, which wants " + wants, true},
		{"RS256", rsaKey, "it returned a *rsa.PrivateKey for RS256, which wants " + wants, true},
		{"ES256", text, "it returned a []byte for ES256, which wants an *ecdsa.PublicKey: " +
			"jwt.ParseECPublicKeyFromPEM makes one of a PEM text", true},
		{"EdDSA", text, "it returned a []byte for EdDSA, which wants an ed25519.PublicKey: " +
			"jwt.ParseEdPublicKeyFromPEM makes one of a PEM text", true},
		{"HS256", string(secret), "it returned a string for HS256, which wants the secret as a []byte", true},
		{"HS256", secret[:5], "the secret has 5 bytes, HS256 wants at least 32 (RFC 7518 section 3.2)", true},
		// Which of several keys is asked for is up to the client.
		{"RS256", nil, "it returned a <nil> for RS256, which wants " + wants, false},
		{"RS256", &ecKey.PublicKey, "it returned a *ecdsa.PublicKey for RS256, which wants " + wants, false},
		{"RS256", secret, "it returned a []byte for RS256, which wants " + wants, false},
	} {
		m := manager(t, jot.Keyfunc(func(*jwt.Token) (any, error) { return tc.returns, nil }, tc.alg))
		cause, line := "Keyfunc: "+tc.cause, ""
		if tc.told {
			line = "jot: " + cause
		}
		tells(t, "WARN", line, func() {
			_, err := m.Verify(ctx, raw[tc.alg])
			require.EqualError(t, err, "jot: token is invalid: "+cause)
		})
	}
}
