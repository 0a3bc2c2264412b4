// Package jwk reads and writes keys as RFC 7517 has them: JSON Web Keys of the kinds RSA, EC, OKP and, to read, oct.
package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
)

// ErrUnsupported says that a key is of no kind that JSON Web Signatures use.
var ErrUnsupported = errors.New("unsupported kind of key")

// Thumbprint returns the SHA-256 thumbprint of a public key (RFC 7638): its required members, in lexical order, hashed.
func Thumbprint(key crypto.PublicKey) (string, error) {
	members, err := required(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(members))
	return encode(sum[:]), nil
}

// Public returns the JSON Web Key of a public key that verifies signatures by alg.
func Public(key crypto.PublicKey, alg, id string) (string, error) {
	members, err := required(key)
	if err != nil {
		return "", err
	}
	more, err := json.Marshal(struct {
		Alg string `json:"alg"`
		Kid string `json:"kid,omitempty"`
		Use string `json:"use"`
	}{alg, id, "sig"})
	return members[:len(members)-1] + "," + string(more[1:]), err
}

// required returns the members that a key of its kind must have, in lexical order.
func required(key crypto.PublicKey) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		e := big.NewInt(int64(k.E)).Bytes()
		return `{"e":"` + encode(e) + `","kty":"RSA","n":"` + encode(k.N.Bytes()) + `"}`, nil
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 0x04, then both coordinates at full width
		if err != nil {
			return "", err
		}
		half := len(point) / 2
		x, y := encode(point[1:half+1]), encode(point[half+1:])
		return `{"crv":"` + k.Curve.Params().Name + `","kty":"EC","x":"` + x + `","y":"` + y + `"}`, nil
	case ed25519.PublicKey:
		return `{"crv":"Ed25519","kty":"OKP","x":"` + encode(k) + `"}`, nil
	}
	return "", ErrUnsupported
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
