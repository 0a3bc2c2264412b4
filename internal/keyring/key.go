package keyring

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jot/jot/internal/jwk"
	"github.com/go-jot/jot/internal/mac"
	"github.com/go-jot/jot/internal/wire"
)

// Key is one key. It holds its material in functions, where no printer of values can look.
type Key struct {
	Alg, ID string
	HasID   bool
	// Prefix is the header of its tokens but for the closing brace, Header the same as a segment of a token.
	Prefix, Header string
	// Sign is nil where the key only verifies.
	Sign   func(ctx context.Context, text string) ([]byte, error)
	Verify func(text, signature string) error
	// Public is nil for a secret.
	Public crypto.PublicKey
	// Until is when the key ends; zero if it does not.
	Until time.Time
	// Own is the ring of the key alone.
	Own *Ring
	// Padded says that white space surrounds the secret, as where a file was read with its last line break.
	Padded bool
}

// Secret returns the key of an HMAC secret, which is copied.
func Secret(alg string, secret []byte) (*Key, error) {
	method, _ := mac.Lookup(alg)
	if err := method.CheckSecret(secret); err != nil {
		return nil, err
	}
	secret = bytes.Clone(secret)
	sign, verify := method.HMAC(secret)
	return newKey(Key{Alg: alg, Sign: local(sign), Verify: verify, Padded: isPadded(secret)})
}

// isPadded reports whether white space surrounds a text. Random bytes may begin and end as they like.
func isPadded(secret []byte) bool {
	text := bytes.TrimSpace(secret)
	return len(text) < len(secret) && utf8.Valid(text) && !bytes.ContainsFunc(text, unicode.IsControl)
}

// Private returns the key of a signer, whose id is its RFC 7638 thumbprint.
func Private(alg string, signer crypto.Signer) (*Key, error) {
	method, err := pairMethod(alg)
	if err != nil {
		return nil, err
	}
	if IsNil(signer) {
		return nil, fmt.Errorf("the %s key is nil", alg)
	}
	if k, ok := signer.(*ed25519.PrivateKey); ok {
		signer = *k // a pointer to a key is a signer too, and may be changed to another key
	}
	if err := checkPrivate(alg, signer); err != nil {
		return nil, err
	}
	k, err := public(method, signer.Public())
	if err != nil {
		return nil, err
	}
	k.Sign = local(method.Signer(signer))
	if !isLocal(signer) {
		k.Sign = remote(method, signer, k.Verify)
	}
	k.Own.Signer = k
	switch signer.(type) {
	// Nothing else sees that the halves are of two keys. A KMS is not called.
	case *ecdsa.PrivateKey, ed25519.PrivateKey:
		if signature, err := k.Sign(context.Background(), ""); err != nil || k.Verify("", string(signature)) != nil {
			return nil, fmt.Errorf(
				"the %s key does not verify what it signs: its private half is not that of its public one", alg)
		}
	}
	return k, nil
}

// checkPrivate says what is wrong with a private key that is not in a KMS.
func checkPrivate(alg string, signer crypto.Signer) error {
	valid, kind := true, ""
	switch k := signer.(type) {
	case *rsa.PrivateKey:
		valid, kind = k.N != nil && k.D != nil && k.Validate() == nil, "RSA"
	case *ecdsa.PrivateKey:
		valid, kind = k.D != nil, "EC" //nolint:staticcheck // an empty key would panic when it signs
	case ed25519.PrivateKey:
		valid, kind = len(k) == ed25519.PrivateKeySize, "Ed25519"
	}
	if !valid {
		return fmt.Errorf("the %s key is not a valid %s key", alg, kind)
	}
	return nil
}

// local is a signer that waits for nobody.
func local(sign func(text string) ([]byte, error)) func(context.Context, string) ([]byte, error) {
	return func(_ context.Context, text string) ([]byte, error) { return sign(text) }
}

// Public returns a key that only verifies, whose id is its RFC 7638 thumbprint.
func Public(alg string, key crypto.PublicKey) (*Key, error) {
	method, err := pairMethod(alg)
	if err != nil {
		return nil, err
	}
	switch key.(type) {
	case *ed25519.PrivateKey, rsa.PrivateKey, ecdsa.PrivateKey, crypto.Signer:
		return nil, errors.New(
			"the key is a private one: PublicKey wants the public half, key.Public(), or use PrivateKey")
	}
	return public(method, key)
}

// pairMethod finds the method of a key pair.
func pairMethod(alg string) (mac.Method, error) {
	method, ok := mac.Lookup(alg)
	switch {
	case !ok:
		return mac.Method{}, fmt.Errorf("unknown algorithm %q: "+
			"want RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA", alg)
	case method.Symmetric():
		return mac.Method{}, fmt.Errorf("%s signs with a secret: use jot.%s", alg, alg)
	}
	return method, nil
}

func public(method mac.Method, key crypto.PublicKey) (*Key, error) {
	key, err := checkPublic(method, key)
	if err != nil {
		return nil, err
	}
	id, err := jwk.Thumbprint(key)
	if err != nil {
		return nil, err
	}
	return newKey(Key{Alg: method.Alg(), ID: id, HasID: true, Public: key, Verify: method.Verifier(key)})
}

// checkPublic returns the key as the method wants it, which takes a value where a pointer is meant, and the other way
// round.
func checkPublic(method mac.Method, key crypto.PublicKey) (crypto.PublicKey, error) {
	switch k := key.(type) {
	case rsa.PublicKey:
		key = &k
	case ecdsa.PublicKey:
		key = &k
	case *ed25519.PublicKey:
		if k != nil {
			key = *k
		}
	}
	return key, method.CheckPublic(key)
}

// newKey fills in what follows from the rest: the header, always in this order, and the ring of the key alone.
func newKey(k Key) (*Key, error) {
	prefix := []byte(`{"alg":"` + k.Alg + `"`)
	if k.HasID {
		prefix = wire.AppendText(append(prefix, `,"kid":`...), k.ID)
	}
	k.Prefix = string(prefix) + `,"typ":"JWT"`
	k.Header = base64.RawURLEncoding.EncodeToString([]byte(k.Prefix + "}"))
	k.Own = New()
	k.Own.single = &k
	if k.Sign != nil {
		k.Own.Signer = &k
	}
	return &k, k.Own.Add(&k)
}

// WithID returns the key under another id, or none.
func (k *Key) WithID(id string) (*Key, error) {
	if len(id) > 256 || !utf8.ValidString(id) {
		return nil, fmt.Errorf("the key id %.40q is longer than 256 bytes or not UTF-8", id)
	}
	renamed := *k
	renamed.ID, renamed.HasID = id, id != ""
	return newKey(renamed)
}

// WithEnd returns the key with an end.
func (k *Key) WithEnd(at time.Time) (*Key, error) {
	ending := *k
	ending.Until = at
	return newKey(ending)
}

// Over reports whether the key has ended.
func (k *Key) Over(now func() time.Time) bool { return !k.Until.IsZero() && !now().Before(k.Until) }

// Symmetric reports whether who verifies by the key can also sign.
func (k *Key) Symmetric() bool { return k.Public == nil }

// IsNil reports whether v is nil, or a nil pointer.
func IsNil(v any) bool {
	value := reflect.ValueOf(v)
	return v == nil || value.Kind() == reflect.Pointer && value.IsNil()
}

// Plain returns a name to be printed: as it is if that can mean nothing else, quoted if not. An id may hold line
// breaks, or what looks like the end of a log line.
func Plain(name string) string {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || strings.IndexByte("\"'(),\\`", c) >= 0 {
			return strconv.QuoteToASCII(name)
		}
	}
	return name
}
