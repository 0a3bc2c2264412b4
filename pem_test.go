package jot_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestParsePEM(t *testing.T) {
	der := func(b []byte, err error) []byte {
		require.NoError(t, err)
		return b
	}
	pkcs8 := func(key any) string { return block("PRIVATE KEY", der(x509.MarshalPKCS8PrivateKey(key))) }
	pkix := func(key any) string { return block("PUBLIC KEY", der(x509.MarshalPKIXPublicKey(key))) }
	certificate := func(public, private any) string {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
		return block("CERTIFICATE", der(x509.CreateCertificate(rand.Reader, template, template, public, private)))
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey)
	sec1 := block("EC PRIVATE KEY", der(x509.MarshalECPrivateKey(ecKey)))
	parameters := block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})

	issuers, ids := map[string]*jot.Manager{}, map[string]string{}
	signers := map[string]crypto.Signer{"RS256": rsaKey, "PS256": rsaKey, "ES256": ecKey, "EdDSA": edKey}
	for alg, signer := range signers {
		issuers[alg] = manager(t, jot.PrivateKey(alg, signer))
		ids[alg] = jot.PublicKey(alg, signer.Public()).ID()
	}
	for _, tc := range []struct {
		name, alg, text string
		signs           bool
	}{
		{"PKCS #8, RSA", "RS256", pkcs8(rsaKey), true},
		{"PKCS #8, RSA, for PSS", "PS256", pkcs8(rsaKey), true},
		{"PKCS #8, EC", "ES256", pkcs8(ecKey), true},
		{"PKCS #8, Ed25519", "EdDSA", pkcs8(edKey), true},
		{"PKCS #1", "RS256", block("RSA PRIVATE KEY", pkcs1), true},
		{"SEC 1", "ES256", sec1, true},
		{"SEC 1 with its curve before it", "ES256", parameters + sec1, true},
		{"text around it", "ES256", "Bag Attributes\n  friendlyName: x\n" + sec1 + "\n# end\n", true},
		{"PKIX, RSA", "RS256", pkix(&rsaKey.PublicKey), false},
		{"PKIX, EC", "ES256", pkix(&ecKey.PublicKey), false},
		{"PKIX, Ed25519", "EdDSA", pkix(edKey.Public()), false},
		{"PKCS #1, public", "RS256", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)), false},
		{"a certificate, out of date", "ES256", certificate(&ecKey.PublicKey, ecKey), false},
		{"a certificate, RSA", "PS256", certificate(&rsaKey.PublicKey, rsaKey), false},
		{"a certificate, Ed25519", "EdDSA", certificate(edKey.Public(), edKey), false},
		{"lines of another system", "ES256", strings.ReplaceAll(sec1, "\n", "\r\n"), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key, err := jot.ParsePEM(tc.alg, []byte(tc.text))
			require.NoError(t, err)
			require.Equal(t, ids[tc.alg], key.ID(), "both halves have one id")
			m := manager(t, key)
			require.True(t, accepts(t, m, issuers[tc.alg]))
			raw, err := m.CreateAccessToken(ctx, "alice")
			require.Equal(t, tc.signs, err == nil)
			if tc.signs {
				_, err := issuers[tc.alg].Verify(ctx, raw)
				require.NoError(t, err)
			}
		})
	}

	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	exchange, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	cert := certificate(&ecKey.PublicKey, ecKey)
	encrypted := block("ENCRYPTED PRIVATE KEY", []byte("x"))
	encryptedPKCS1 := string(pem.EncodeToMemory(&pem.Block{
		Type:    "RSA PRIVATE KEY",
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
		Bytes:   []byte("x"),
	}))
	sec1AsPKCS8 := block("PRIVATE KEY", der(x509.MarshalECPrivateKey(ecKey)))
	for _, tc := range []struct{ name, alg, text, want string }{
		{"nothing", "RS256", "", "holds no PEM block"},
		{"no PEM", "RS256", "secret", "holds no PEM block"},
		{"the name of a file", "RS256", "keys/private.pem", "it looks like the name of a file"},
		{"from an environment", "ES256", strings.ReplaceAll(sec1, "\n", `\n`), `it has \n where its lines end`},
		{"only parameters", "ES256", parameters, "holds no PEM block"},
		{"two keys", "ES256", sec1 + pkcs8(rsaKey), "more than one key"},
		{"a key and a certificate", "ES256", sec1 + cert, "more than one key"},
		{"two keys, the second encrypted", "ES256", sec1 + encrypted, "the key is encrypted"},
		{"both halves", "ES256", pkix(&ecKey.PublicKey) + sec1, "more than one key"},
		{"a chain of certificates", "ES256", cert + certificate(&ecKey.PublicKey, ecKey), "more than one key"},
		{"two files put together in one line", "ES256", strings.TrimSpace(sec1) + sec1, "holds no PEM block"},
		{"half a file", "ES256", sec1[:len(sec1)-30], "holds no PEM block"},
		{"encrypted PKCS #8", "RS256", encrypted, "the key is encrypted"},
		{"encrypted PKCS #1", "RS256", encryptedPKCS1, "the key is encrypted"},
		{"a key cut short", "RS256", block("RSA PRIVATE KEY", pkcs1[:600]), "the RSA PRIVATE KEY cannot be read"},
		{"one form under the name of another", "ES256", sec1AsPKCS8, "the PRIVATE KEY cannot be read"},
		{"a key that signs nothing", "EdDSA", pkcs8(exchange), "a key of type *ecdh.PrivateKey is not for EdDSA"},
		{"a key of another algorithm", "ES256", pkcs8(rsaKey), "a key of type *rsa.PublicKey is not for ES256"},
		{"another curve", "ES384", sec1, "the EC key is on P-256, ES384 wants P-384"},
		{"a weak key", "RS256", pkix(&weak.PublicKey), "has 1024 bits"},
		{"a weak key, private", "RS256", pkcs8(weak), "has 1024 bits"},
		{"HMAC", "HS256", pkcs8(rsaKey), "HS256 signs with a secret"},
		{"no algorithm", "", pkcs8(rsaKey), `unknown algorithm ""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key, err := jot.ParsePEM(tc.alg, []byte(tc.text))
			require.ErrorContains(t, err, tc.want)
			for line := range strings.Lines(tc.text) {
				if !strings.HasPrefix(line, "-----") && len(line) > 12 {
					require.NotContains(t, err.Error(), line[:12])
				}
			}
			_, err = jot.New(key)
			require.Error(t, err, "the key that comes with an error is none")
		})
	}

	// The error names the kind of block, and shows nothing of its contents.
	for kind, alg := range map[string]string{
		"OPENSSH PRIVATE KEY": "RS256", // a kind that is not read at all
		"PRIVATE KEY":         "RS256",
		"RSA PRIVATE KEY":     "RS256",
		"EC PRIVATE KEY":      "ES256",
		"PUBLIC KEY":          "RS256",
		"CERTIFICATE":         "RS256",
	} {
		t.Run("garbage, "+kind, func(t *testing.T) {
			key, err := jot.ParsePEM(alg, []byte(block(kind, []byte("hunter2"))))
			require.ErrorContains(t, err, "the "+kind+" cannot be read")
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "aHVudGVyMg==")
			_, err = jot.New(key)
			require.Error(t, err, "the key that comes with an error is none")
		})
	}
}
