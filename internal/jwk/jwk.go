// Package jwk writes public keys as RFC 7517 has them, as far as a key's own identifier needs it.
package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
)

// ErrUnsupported says that a key is of no kind that JSON Web Signatures use.
var ErrUnsupported = errors.New("unsupported kind of key")

// Thumbprint returns the SHA-256 thumbprint of a public key (RFC 7638): its required members, in lexical order, hashed.
func Thumbprint(key crypto.PublicKey) (string, error) {
	var members string
	switch k := key.(type) {
	case *rsa.PublicKey:
		members = `{"e":"` + encode(big.NewInt(int64(k.E)).Bytes()) + `","kty":"RSA","n":"` + encode(k.N.Bytes()) + `"}`
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 0x04, then both coordinates at full width
		if err != nil {
			return "", err
		}
		half := len(point) / 2
		x, y := encode(point[1:half+1]), encode(point[half+1:])
		members = `{"crv":"` + k.Curve.Params().Name + `","kty":"EC","x":"` + x + `","y":"` + y + `"}`
	case ed25519.PublicKey:
		members = `{"crv":"Ed25519","kty":"OKP","x":"` + encode(k) + `"}`
	default:
		return "", ErrUnsupported
	}
	sum := sha256.Sum256([]byte(members))
	return encode(sum[:]), nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
