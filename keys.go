package jot

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-jot/jot/internal/jwk"
	"github.com/go-jot/jot/internal/mac"
	"github.com/go-jot/jot/internal/wire"
)

// KeySource is where a [Manager] takes its keys from: a [Key], a [*KeySet] or a [Keyfunc]. No other package can make
// one.
type KeySource interface {
	// keys returns what the source holds now. A ring never changes: a source that changes hands out another one, so
	// the ring's address is its generation.
	keys() *ring
	// defect returns what makes the source unusable.
	defect() error
}

// ring is what a source holds at one moment: the candidates for a token, by algorithm and key id.
type ring struct {
	signer   *key            // signs; nil when the source only verifies
	single   *key            // the key of a source that is one key: it also verifies what names no key
	byHeader map[string]*key // by the header segment that the key signs with
	byID     map[keyID]*key
	bare     map[string]*key // the one key without an id, by algorithm
	lookup   func(h wire.Header, text string) (*key, error)
}

type keyID struct{ alg, id string }

// candidate returns the one key that may have signed a token with this header, nil when there is none. Keys are never
// tried one after the other.
func (r *ring) candidate(h wire.Header, text string) (*key, error) {
	switch {
	case r.lookup != nil:
		return r.lookup(h, text)
	case h.HasID:
		return r.byID[keyID{h.Alg, h.ID}], nil
	}
	return r.bare[h.Alg], nil // no candidate is an answer, not a failure
}

// add enters k, or says which key it cannot be told from.
func (r *ring) add(k *key) error {
	if k.hasID {
		if r.byID[keyID{k.alg, k.id}] != nil {
			return fmt.Errorf("jot: two %s keys have the id %q", k.alg, k.id)
		}
		r.byID[keyID{k.alg, k.id}] = k
	} else {
		if r.bare[k.alg] != nil {
			return fmt.Errorf("jot: two %s keys have no id: give one of them an id (Key.WithID)", k.alg)
		}
		r.bare[k.alg] = k
	}
	r.byHeader[k.header] = k
	return nil
}

// defects returns what makes sources unusable together.
func defects(sources []KeySource) (errs []error) {
	all := newRing()
	for _, source := range sources {
		if _, set := source.(*KeySet); !set && isNil(source) { // a nil set says so itself
			errs = append(errs, errors.New("jot: the key source is nil"))
			continue
		}
		if err := source.defect(); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, k := range source.keys().bare {
			errs = append(errs, all.add(k))
		}
		for _, k := range source.keys().byID {
			errs = append(errs, all.add(k))
		}
	}
	return errs
}

func newRing() *ring {
	return &ring{byHeader: map[string]*key{}, byID: map[keyID]*key{}, bare: map[string]*key{}}
}

// Key is a key bound to one algorithm, the only one that it signs or verifies by (RFC 8725 section 3.1). Make one
// with [HS256], [PrivateKey], [PublicKey] or [ParsePEM].
//
// A Key that cannot be used carries its defect, and [New] and [NewKeySet] report it, so that a key can be written
// where it is needed. The zero Key is such a one. A Key never shows its material: however printed, logged or encoded,
// it gives its algorithm and id.
type Key struct {
	k   *key
	err error
}

// key holds its material in functions, where no printer of values can look.
type key struct {
	alg, id string
	hasID   bool
	prefix  string // of the header: everything but its closing brace
	header  string // the header as a segment of a token
	sign    func(text string) ([]byte, error)
	verify  func(text string, signature []byte) error
	own     *ring
}

// HS256 returns a key for HMAC with SHA-256 (RFC 7518 section 3.2). The secret has at least 32 bytes, better from
// [GenerateSecret] than from a keyboard; it is copied. Who verifies with it can also sign with it: give it to no
// other service, use a key pair there.
func HS256(secret []byte) Key { return secretKey("HS256", secret) }

// HS384 is [HS256] with SHA-384 and a secret of at least 48 bytes.
func HS384(secret []byte) Key { return secretKey("HS384", secret) }

// HS512 is [HS256] with SHA-512 and a secret of at least 64 bytes.
func HS512(secret []byte) Key { return secretKey("HS512", secret) }

// GenerateSecret returns 64 random bytes, a secret for [HS256], [HS384] or [HS512]. Keep it: tokens signed with a
// secret that is forgotten at the next start are refused after it.
func GenerateSecret() []byte {
	secret := make([]byte, 64)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// PrivateKey returns a key that signs and verifies by alg: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512
// or EdDSA (Ed25519). RSA keys have at least 2048 bits; the algorithm decides the curve. The signer may live in a KMS or an
// HSM: of such a one only the public half is read here, and it is called once for each token. Its id is its RFC 7638
// thumbprint.
func PrivateKey(alg string, key crypto.Signer) Key {
	method, err := pairMethod(alg)
	if err != nil {
		return Key{err: err}
	}
	if isNil(key) {
		return Key{err: fmt.Errorf("jot: the %s key is nil", alg)}
	}
	if k, ok := key.(*ed25519.PrivateKey); ok {
		key = *k // a pointer to a key is a signer too, and may be changed to another key
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N == nil || k.D == nil || k.Validate() != nil {
			return Key{err: fmt.Errorf("jot: the %s key is not a valid RSA key", alg)}
		}
	case *ecdsa.PrivateKey:
		if k.D == nil { //nolint:staticcheck // an empty key would panic when it signs
			return Key{err: fmt.Errorf("jot: the %s key is not a valid EC key", alg)}
		}
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return Key{err: fmt.Errorf("jot: the %s key is not a valid Ed25519 key", alg)}
		}
	}
	public := publicKey(method, key.Public(), false)
	if public.err != nil {
		return public
	}
	public.k.sign = method.Signer(key)
	public.k.own.signer = public.k
	switch key.(type) {
	case *ecdsa.PrivateKey, ed25519.PrivateKey: // nothing else sees that the halves are of two keys; a KMS is not called
		if signature, err := public.k.sign(""); err != nil || public.k.verify("", signature) != nil {
			return Key{err: fmt.Errorf("jot: the %s key does not verify what it signs: its private half is not that of its public one", alg)}
		}
	}
	return public
}

// PublicKey returns a key that only verifies by alg, one of those of [PrivateKey]. A [Manager] whose current key is
// a public one issues no tokens. Its id is its RFC 7638 thumbprint, the same as the private key's.
func PublicKey(alg string, key crypto.PublicKey) Key {
	method, err := pairMethod(alg)
	if err != nil {
		return Key{err: err}
	}
	return publicKey(method, key, false)
}

// isNil reports whether v is nil, or a nil pointer.
func isNil(v any) bool {
	value := reflect.ValueOf(v)
	return v == nil || value.Kind() == reflect.Pointer && value.IsNil()
}

// pairMethod finds the method of a key pair.
func pairMethod(alg string) (mac.Method, error) {
	method, ok := mac.Lookup(alg)
	switch {
	case !ok:
		return mac.Method{}, fmt.Errorf("jot: unknown algorithm %q: want RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA", alg)
	case method.Symmetric():
		return mac.Method{}, fmt.Errorf("jot: %s signs with a secret: use jot.%s", alg, alg)
	}
	return method, nil
}

// publicKey checks a public key. A bare one gets no id: a thumbprint costs more than the check it would name.
func publicKey(method mac.Method, public crypto.PublicKey, bare bool) Key {
	switch k := public.(type) { // a value where a pointer is meant
	case rsa.PublicKey:
		public = &k
	case ecdsa.PublicKey:
		public = &k
	case *ed25519.PublicKey: // and a pointer where a value is
		if k != nil {
			public = *k
		}
	}
	if err := method.CheckPublic(public); err != nil {
		return Key{err: fmt.Errorf("jot: %w", err)}
	}
	verify := method.Verifier(public)
	if bare {
		return Key{k: &key{alg: method.Alg(), verify: verify}}
	}
	id, err := jwk.Thumbprint(public)
	if err != nil {
		return Key{err: fmt.Errorf("jot: %w", err)}
	}
	return newKey(key{alg: method.Alg(), id: id, hasID: true, verify: verify})
}

func secretKey(alg string, secret []byte) Key {
	method, _ := mac.Lookup(alg)
	if err := method.CheckSecret(secret); err != nil {
		return Key{err: fmt.Errorf("jot: %w", err)}
	}
	secret = bytes.Clone(secret)
	return newKey(key{alg: alg, sign: method.HMAC(secret), verify: method.Verifier(secret)})
}

// newKey fills in what follows from the rest: the header, always in this order, and the ring of the key alone.
func newKey(k key) Key {
	k.prefix = `{"alg":"` + k.alg + `"`
	if k.hasID {
		k.prefix += `,"kid":` + quote(k.id)
	}
	k.prefix += `,"typ":"JWT"`
	k.header = base64.RawURLEncoding.EncodeToString([]byte(k.prefix + "}"))
	k.own = newRing()
	k.own.single = &k
	if k.sign != nil {
		k.own.signer = &k
	}
	return Key{k: &k, err: k.own.add(&k)}
}

// quote writes a string as JSON.
func quote(s string) string {
	text, _ := json.Marshal(s) // strings always have a JSON form
	return string(text)
}

// WithID returns the key under another id, the "kid" of the tokens it signs; it verifies only tokens that name the
// same id. With an empty kid the key has no id: it writes none, and verifies the tokens without one. Of one algorithm
// only one key can be so.
func (k Key) WithID(kid string) Key {
	if k.defect() != nil {
		return k
	}
	if len(kid) > 256 || !utf8.ValidString(kid) {
		return Key{err: fmt.Errorf("jot: the key id %.40q is longer than 256 bytes or not UTF-8", kid)}
	}
	renamed := *k.k
	renamed.id, renamed.hasID = kid, kid != ""
	return newKey(renamed)
}

// ID returns the key's id: its RFC 7638 thumbprint unless [Key.WithID] gave it another, nothing for secrets.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.id
}

func (k Key) keys() *ring { return k.k.own }

func (k Key) defect() error {
	if k.k == nil && k.err == nil {
		return errors.New("jot: the key is empty: make one with HS256, PrivateKey, PublicKey or ParsePEM")
	}
	return k.err
}

// String returns the key's algorithm and id, never its material. An id with odd characters is quoted.
func (k Key) String() string {
	switch {
	case k.defect() != nil:
		return "jot.Key(unusable)"
	case k.k.hasID:
		return "jot.Key(" + k.k.alg + ", " + plain(k.k.id) + ")"
	}
	return "jot.Key(" + k.k.alg + ")"
}

// plain returns a name to be printed: as it is if that can mean nothing else, quoted if not. An id may hold line breaks, or
// what looks like the end of a log line.
func plain(name string) string {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || strings.IndexByte("\"'(),\\`", c) >= 0 {
			return strconv.QuoteToASCII(name)
		}
	}
	return name
}

// Format writes what [Key.String] returns, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns what [Key.String] returns.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// KeySet is several keys, told apart by algorithm and id: one that signs, and others that verify what they signed
// once or will sign soon.
type KeySet struct{ ring *ring }

// NewKeySet returns the set of current, which signs, and others, which verify. With a [PublicKey] as current the set
// only verifies. Two keys that could not be told apart are an error: the same algorithm and the same id, or both
// without one. So a first secret without an id is replaced by a second with one: NewKeySet(HS256(next).WithID("2"),
// HS256(old)).
func NewKeySet(current Key, others ...Key) (*KeySet, error) {
	set := &KeySet{ring: newRing()}
	var errs []error
	for i, k := range append([]Key{current}, others...) {
		err := k.defect()
		if err == nil {
			err = set.ring.add(k.k)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("jot: key %d of the set: %s", i, strings.TrimPrefix(err.Error(), "jot: ")))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if current.k.sign != nil {
		set.ring.signer = current.k
	}
	return set, nil
}

func (s *KeySet) keys() *ring { return s.ring }

func (s *KeySet) defect() error {
	if s == nil || s.ring == nil {
		return errors.New("jot: the key set is empty: make one with NewKeySet")
	}
	return nil
}
