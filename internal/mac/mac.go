// Package mac signs and verifies the text of a token by one algorithm of RFC 7518 or RFC 8037, with keys whose
// fitness for that algorithm is checked beforehand.
package mac

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

type family uint8

const (
	familyHMAC family = iota
	familyRSA
	familyPSS
	familyECDSA
	familyEd25519
)

// Method is one signature algorithm.
type Method struct {
	jwt.SigningMethod
	family family
	hash   crypto.Hash
	curve  elliptic.Curve // the one curve of an ECDSA algorithm
	size   int            // bytes of one ECDSA coordinate
}

var methods = map[string]Method{
	"HS256": {jwt.SigningMethodHS256, familyHMAC, crypto.SHA256, nil, 0},
	"HS384": {jwt.SigningMethodHS384, familyHMAC, crypto.SHA384, nil, 0},
	"HS512": {jwt.SigningMethodHS512, familyHMAC, crypto.SHA512, nil, 0},
	"RS256": {jwt.SigningMethodRS256, familyRSA, crypto.SHA256, nil, 0},
	"RS384": {jwt.SigningMethodRS384, familyRSA, crypto.SHA384, nil, 0},
	"RS512": {jwt.SigningMethodRS512, familyRSA, crypto.SHA512, nil, 0},
	"PS256": pss("PS256", crypto.SHA256),
	"PS384": pss("PS384", crypto.SHA384),
	"PS512": pss("PS512", crypto.SHA512),
	"ES256": {jwt.SigningMethodES256, familyECDSA, crypto.SHA256, elliptic.P256(), 32},
	"ES384": {jwt.SigningMethodES384, familyECDSA, crypto.SHA384, elliptic.P384(), 48},
	"ES512": {jwt.SigningMethodES512, familyECDSA, crypto.SHA512, elliptic.P521(), 66},
	"EdDSA": {jwt.SigningMethodEdDSA, familyEd25519, 0, nil, 0},
}

// pss verifies with a salt as long as the hash and no other (RFC 7518 section 3.5); golang-jwt's own values take any.
func pss(name string, hash crypto.Hash) Method {
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	return Method{
		SigningMethod: &jwt.SigningMethodRSAPSS{
			SigningMethodRSA: &jwt.SigningMethodRSA{Name: name, Hash: hash}, Options: options, VerifyOptions: options,
		},
		family: familyPSS,
		hash:   hash,
	}
}

// Lookup finds a method by its exact name.
func Lookup(alg string) (Method, bool) {
	m, ok := methods[alg]
	return m, ok
}

// Symmetric reports whether who verifies can also sign.
func (m Method) Symmetric() bool { return m.family == familyHMAC }

// CheckSecret reports what makes secret unfit: an HMAC key is at least as long as the hash (RFC 7518 section 3.2),
// and a PEM text is a public key that somebody took for a secret.
func (m Method) CheckSecret(secret []byte) error {
	switch {
	case !m.Symmetric():
		return fmt.Errorf("%s does not sign with a secret", m.Alg())
	case len(secret) < m.hash.Size():
		return fmt.Errorf("the secret has %d bytes, %s wants at least %d (RFC 7518 section 3.2)",
			len(secret), m.Alg(), m.hash.Size())
	case bytes.Contains(secret, []byte("-----BEGIN ")):
		return errors.New("the secret is a PEM text: a key pair belongs into PrivateKey, PublicKey or ParsePEM")
	case bytes.Count(secret, secret[:1]) == len(secret):
		return errors.New("the secret is one byte, repeated: GenerateSecret makes one that nobody can guess")
	}
	return nil
}

// CheckPublic reports what makes key unfit: of another kind, too weak, not on the curve of the algorithm.
func (m Method) CheckPublic(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		switch {
		case m.family != familyRSA && m.family != familyPSS:
		case k == nil || k.N == nil || k.N.Sign() <= 0:
			return errors.New("the RSA key is empty")
		case k.N.BitLen() < 2048 || k.N.BitLen() > 16384:
			return fmt.Errorf("the RSA key has %d bits, %s wants 2048 to 16384", k.N.BitLen(), m.Alg())
		case k.N.Bit(0) == 0: // crypto/rsa would refuse this and the next at every token
			return errors.New("the RSA key's modulus is even")
		case k.E < 3 || k.E%2 == 0 || k.E > math.MaxInt32:
			return fmt.Errorf("the RSA key's exponent %d is not an odd number from 3 to %d", k.E, math.MaxInt32)
		default:
			return nil
		}
	case *ecdsa.PublicKey:
		switch {
		case m.family != familyECDSA:
		case k == nil || k.Curve == nil || k.X == nil || k.Y == nil: //nolint:staticcheck // Bytes would panic on them
			return errors.New("the EC key is empty")
		case k.Curve.Params().Name != m.curve.Params().Name:
			return fmt.Errorf("the EC key is on %s, %s wants %s", k.Curve.Params().Name, m.Alg(), m.curve.Params().Name)
		default:
			if _, err := k.Bytes(); err != nil {
				return errors.New("the EC key is not on its curve")
			}
			return nil
		}
	case ed25519.PublicKey:
		switch {
		case m.family != familyEd25519:
		case len(k) != ed25519.PublicKeySize:
			return fmt.Errorf("the Ed25519 key has %d bytes, not %d", len(k), ed25519.PublicKeySize)
		case smallOrder(k):
			return errors.New("the Ed25519 key has a small order: it verifies signatures that nobody made")
		default:
			return nil
		}
	}
	return fmt.Errorf("%w of type %T is not for %s", ErrWrongType, key, m.Alg())
}

// ErrWrongType is the defect of a key of another kind than the algorithm takes.
var ErrWrongType = errors.New("a key")

// Wants says what verifies, for whoever has given something else.
func (m Method) Wants() string {
	switch m.family {
	case familyHMAC:
		return "the secret as a []byte"
	case familyECDSA:
		return "an *ecdsa.PublicKey: jwt.ParseECPublicKeyFromPEM makes one of a PEM text"
	case familyEd25519:
		return "an ed25519.PublicKey: jwt.ParseEdPublicKeyFromPEM makes one of a PEM text"
	case familyRSA, familyPSS:
	}
	return "an *rsa.PublicKey: jwt.ParseRSAPublicKeyFromPEM makes one of a PEM text"
}

// smallOrders are the encodings of the points of order 1, 2, 4 and 8, without their sign bit.
var smallOrders = func() [][]byte {
	var points [][]byte
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		point, _ := hex.DecodeString(text)
		points = append(points, point)
	}
	return points
}()

func smallOrder(key ed25519.PublicKey) bool {
	unsigned := bytes.Clone(key)
	unsigned[31] &= 0x7f
	for _, point := range smallOrders {
		if bytes.Equal(unsigned, point) {
			return true
		}
	}
	return false
}

// Verifier returns the check of a signature. The key hides in the function: no printer or dumper of values finds it
// there.
func (m Method) Verifier(key any) func(text, signature string) error {
	return func(text, signature string) error { return m.Verify(text, []byte(signature), key) }
}

// Signer returns the signer of a key pair. It needs no private key, only its holder: a KMS or an HSM will do. An answer
// that cannot be a signature is an error here: in a token nobody would see it before every verifier refuses it.
func (m Method) Signer(key crypto.Signer) func(text string) ([]byte, error) {
	size := signatureSize(key.Public())
	return func(text string) ([]byte, error) {
		digest, options := []byte(text), crypto.SignerOpts(crypto.Hash(0)) // Ed25519 hashes by itself, twice
		if m.family != familyEd25519 {
			h := m.hash.New()
			h.Write([]byte(text))
			digest, options = h.Sum(nil), m.hash
		}
		if m.family == familyPSS {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: m.hash}
		}
		signature, err := key.Sign(rand.Reader, digest, options)
		switch {
		case err != nil:
			return nil, err
		case m.family == familyECDSA:
			return m.fixed(signature)
		case len(signature) != size:
			return nil, fmt.Errorf("the signer's answer has %d bytes, a %s signature by this key has %d",
				len(signature), m.Alg(), size)
		}
		return signature, nil
	}
}

// signatureSize is how long each signature by a key is, unless it is ECDSA's.
func signatureSize(public crypto.PublicKey) int {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return k.Size()
	case rsa.PublicKey:
		return k.Size()
	}
	return ed25519.SignatureSize
}

// fixed turns an ASN.1 signature into two numbers of full width, one behind the other (RFC 7518 section 3.4). Both lie
// between 0 and the order of the curve.
func (m Method) fixed(der []byte) ([]byte, error) {
	order := m.curve.Params().N
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &pair)
	if err != nil || len(rest) > 0 || pair.R.Sign() <= 0 || pair.S.Sign() <= 0 ||
		pair.R.Cmp(order) >= 0 || pair.S.Cmp(order) >= 0 {
		return nil, fmt.Errorf("the signer's answer is no %s signature", m.Alg())
	}
	out := make([]byte, 2*m.size)
	pair.R.FillBytes(out[:m.size])
	pair.S.FillBytes(out[m.size:])
	return out, nil
}
