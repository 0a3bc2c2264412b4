package jwk

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/go-jot/jot/internal/strictjson"
)

// Key is a JSON Web Key for signatures.
type Key struct {
	// Alg is what the key names, or else what its kind is used for: on a curve its one algorithm, for RSA RS256.
	Alg, ID string
	// Exactly one of these is there.
	Public  crypto.PublicKey
	Private crypto.Signer
	Secret  []byte
}

// Parse reads one key. The error is ErrUnsupported where it is well-formed but of a kind, a curve or a use that is
// not for verifying signatures. No error quotes the text.
func Parse(text string) (Key, error) {
	m := members{text: map[string]string{}}
	if err := strictjson.Object(text, m.add); err != nil {
		return Key{}, err
	}
	ops, named := m.ops, len(m.ops) > 0
	if use := m.text["use"]; use != "" && use != "sig" ||
		named && !slices.Contains(ops, "verify") && !slices.Contains(ops, "sign") {
		return Key{}, ErrUnsupported
	}
	k := Key{Alg: m.text["alg"], ID: m.text["kid"]}
	var usual string
	switch m.text["kty"] {
	case "RSA":
		usual = "RS256"
		m.rsa(&k)
	case "EC":
		usual = m.ec(&k)
	case "OKP":
		usual = "EdDSA"
		m.ed25519(&k)
	case "oct":
		k.Secret = m.bytes("k")
		if k.Alg == "" {
			m.fail(errors.New("a secret without alg: which one it is for cannot be seen"))
		}
	case "":
		m.fail(errors.New("there is no kty"))
	default:
		m.fail(ErrUnsupported)
	}
	if k.Alg == "" {
		k.Alg = usual
	}
	return k, m.err
}

// ParseSet reads the keys of a set that verify signatures. It leaves out what is of other kinds and for other uses, as
// RFC 7517 section 5 wants it, and refuses private keys and secrets: sets are published.
func ParseSet(text string) (keys []Key, err error) {
	found := false
	err = strictjson.Object(text, func(name, raw string) error {
		if name != "keys" {
			return nil
		}
		found = true
		at := -1
		return strictjson.Elements(raw, func(raw string) error {
			at++
			k, err := Parse(raw)
			switch {
			case errors.Is(err, ErrUnsupported):
				return nil
			case err != nil:
				return fmt.Errorf("key %d: %w", at, err)
			case k.Public == nil:
				return fmt.Errorf("key %d is private, in a set that is for publishing: others may know it", at)
			}
			keys = append(keys, k)
			return nil
		})
	})
	if err == nil && !found {
		err = errors.New("there are no keys in it")
	}
	return keys, err
}

// members are those of a key that are strings, and its operations. The first that is wrong makes err.
type members struct {
	text map[string]string
	ops  []string
	err  error
}

func (m *members) fail(err error) { m.err = errors.Join(m.err, err) }

func (m *members) add(name, raw string) error {
	if name == "key_ops" {
		var ok bool
		if m.ops, ok = strictjson.Strings(raw); !ok || len(m.ops) == 0 {
			return errors.New("key_ops is no list of names")
		}
		return nil
	}
	s, ok := strictjson.String(raw)
	if !ok && slices.Contains(readAsText, name) {
		return errors.New(name + " is no string")
	}
	m.text[name] = s
	return nil
}

var readAsText = []string{
	"kty", "use", "alg", "kid", "crv", "n", "e", "x", "y", "k", "d", "p", "q", "dp", "dq", "qi",
}

// bytes decodes what a member holds in base64url, spelled as an encoder spells it.
func (m *members) bytes(name string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(m.text[name])
	if err != nil || len(b) == 0 {
		m.fail(errors.New(name + " is missing, or not base64url"))
	}
	return b
}

func (m *members) number(name string) *big.Int { return new(big.Int).SetBytes(m.bytes(name)) }

// private reports whether the private half is there too.
func (m *members) private() bool {
	_, ok := m.text["d"]
	return ok
}

func (m *members) rsa(k *Key) {
	public, e := rsa.PublicKey{N: m.number("n")}, m.number("e")
	if !e.IsInt64() || e.Int64() > math.MaxInt32 {
		m.fail(errors.New("e is too large"))
		return
	}
	public.E = int(e.Int64())
	if !m.private() {
		k.Public = &public
		return
	}
	private := &rsa.PrivateKey{PublicKey: public, D: m.number("d"), Primes: []*big.Int{m.number("p"), m.number("q")}}
	if _, ok := m.text["oth"]; ok {
		m.fail(errors.New("it has more than two primes"))
	}
	if m.err == nil {
		m.fail(private.Validate())
	}
	k.Private = private
}

var curves = map[string]struct {
	elliptic.Curve
	alg string
}{
	"P-256": {elliptic.P256(), "ES256"},
	"P-384": {elliptic.P384(), "ES384"},
	"P-521": {elliptic.P521(), "ES512"},
}

func (m *members) ec(k *Key) (alg string) {
	curve, ok := curves[m.text["crv"]]
	if !ok {
		m.fail(ErrUnsupported)
		return ""
	}
	x, y := m.bytes("x"), m.bytes("y")
	public, err := ecdsa.ParseUncompressedPublicKey(curve.Curve, slices.Concat([]byte{4}, x, y))
	if size := (curve.Params().BitSize + 7) / 8; err != nil || len(x) != size || len(y) != size {
		m.fail(errors.New("x and y are no point of the curve, or not as long as it wants"))
		return ""
	}
	if !m.private() {
		k.Public = public
		return curve.alg
	}
	private, err := ecdsa.ParseRawPrivateKey(curve.Curve, m.bytes("d"))
	if err != nil || !private.PublicKey.Equal(public) {
		m.fail(errors.New("d is not the private half of x and y"))
	}
	k.Private = private
	return curve.alg
}

func (m *members) ed25519(k *Key) {
	if m.text["crv"] != "Ed25519" {
		m.fail(ErrUnsupported)
		return
	}
	x := m.bytes("x")
	if len(x) != ed25519.PublicKeySize {
		m.fail(errors.New("x is not 32 bytes long"))
		return
	}
	if !m.private() {
		k.Public = ed25519.PublicKey(x)
		return
	}
	seed := m.bytes("d")
	if len(seed) != ed25519.SeedSize || !bytes.Equal(ed25519.NewKeyFromSeed(seed)[ed25519.SeedSize:], x) {
		m.fail(errors.New("d is not the private half of x"))
		return
	}
	k.Private = ed25519.NewKeyFromSeed(seed)
}
