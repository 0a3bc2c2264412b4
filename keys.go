package jot

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-jot/jot/internal/keyring"
)

// KeySource is where a [Manager] gets its keys: a [Key], a [*KeySet], a [Keyfunc] or [NoKeys]. No other package can
// implement it.
type KeySource interface {
	// keys returns what the source holds now.
	keys() *keyring.Ring
	// defect returns what makes the source unusable.
	defect() error
}

var errEnding = errors.New("the key that signs has an end: WithEnd is for those that only verify")

// Key is a key bound to one algorithm, the only one that it signs or verifies by (RFC 8725 section 3.1). Make one
// with [HS256], [PrivateKey], [PublicKey], [ParsePEM] or [ParseJWK].
//
// A Key that cannot be used carries its defect, and [New] and [NewKeySet] report it, so that a key can be written
// where it is needed. The zero Key is such a one. A Key never shows its material: however printed, logged or encoded,
// it gives its algorithm and id.
type Key struct {
	k   *keyring.Key
	err error
}

// asKey is a key, or the defect that it carries.
func asKey(k *keyring.Key, err error) Key { return Key{k, err} }

// HS256 returns a key for HMAC with SHA-256 (RFC 7518 section 3.2). The secret has at least 32 bytes, which should
// come from [GenerateSecret], not from a keyboard; it is copied. Whoever can verify with it can also sign: do not
// share it with other services, give those a key pair's public half.
func HS256(secret []byte) Key { return asKey(keyring.Secret("HS256", secret)) }

// HS384 is [HS256] with SHA-384 and a secret of at least 48 bytes.
func HS384(secret []byte) Key { return asKey(keyring.Secret("HS384", secret)) }

// HS512 is [HS256] with SHA-512 and a secret of at least 64 bytes.
func HS512(secret []byte) Key { return asKey(keyring.Secret("HS512", secret)) }

// GenerateSecret returns 64 random bytes, a secret for [HS256], [HS384] or [HS512]. Keep it: tokens signed with a
// secret that is forgotten at the next start are refused after it.
func GenerateSecret() []byte {
	secret := make([]byte, 64)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// PrivateKey returns a key that signs and verifies by alg: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384,
// ES512 or EdDSA (Ed25519). RSA keys have at least 2048 bits; an EC key must be on the algorithm's curve. The signer
// may live in a KMS or an HSM (PKCS #11): then only its public key is read here, and it is called once per token, with
// the request's context if it has a method SignContext, which is Sign with a context in front. What it answers is
// verified; if it fails, gives a wrong answer, or none for 5 seconds, the error is [ErrUnavailable]. At most 64 calls
// are under way at once. The key's id is its RFC 7638 thumbprint.
func PrivateKey(alg string, key crypto.Signer) Key { return asKey(keyring.Private(alg, key)) }

// PublicKey returns a key that only verifies by alg, one of those of [PrivateKey]. A [Manager] whose current key is
// a public one issues no tokens. Its id is its RFC 7638 thumbprint, the same as the private key's.
func PublicKey(alg string, key crypto.PublicKey) Key { return asKey(keyring.Public(alg, key)) }

// ParsePEM returns the key in a PEM text, for alg, one of those of [PrivateKey]: a private key (PKCS #8, PKCS #1 or
// SEC 1), which signs and verifies, or a public key (PKIX or PKCS #1) or certificate, which only verifies. The text
// must hold exactly one key, not encrypted. Nothing but the key of a certificate is looked at. Errors never quote the
// text. To make a pair for EdDSA: openssl genpkey -algorithm ed25519 -out private.pem, and openssl pkey -in
// private.pem -pubout -out public.pem.
func ParsePEM(alg string, text []byte) (Key, error) {
	k, err := keyring.ParsePEM(alg, text)
	if err != nil {
		return Key{}, mistake("ParsePEM", err)
	}
	return Key{k: k}, nil
}

// ParseJWK returns the key in a JSON Web Key (RFC 7517) of the kind RSA, EC, OKP with Ed25519, or oct: a private key
// or a secret signs and verifies, a public one only verifies. Its algorithm is what alg says; without one it is RS256
// for RSA, and for a curve the only one there is. Its id is its kid, or else as [PrivateKey] has it. What is not for
// signatures by its use or key_ops is refused. Errors never quote the text.
func ParseJWK(text []byte) (Key, error) {
	k, err := keyring.ParseJWK(text)
	if err != nil {
		return Key{}, mistake("ParseJWK", err)
	}
	return Key{k: k}, nil
}

// WithID returns the key under another id, which is the "kid" of the tokens it signs; it verifies only tokens that
// name the same id. With an empty kid the key has no id: its tokens have no "kid", and it verifies tokens without one.
// Only one key of each algorithm can have no id.
func (k Key) WithID(kid string) Key {
	if k.defect() != nil {
		return k
	}
	return asKey(k.k.WithID(kid))
}

// WithEnd returns the key with an end: tokens that it has signed are refused from then on, by the Manager's clock. For
// a former key beside the one that signs, so that nobody has to remember to take it out.
func (k Key) WithEnd(at time.Time) Key {
	if k.defect() != nil {
		return k
	}
	return asKey(k.k.WithEnd(at))
}

// ID returns the key's id: its RFC 7638 thumbprint unless [Key.WithID] gave it another; for secrets it is empty.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.ID
}

// JWK returns the public half of the key as a JSON Web Key (RFC 7517) with kty, alg, kid and use. A secret has none,
// which is an error.
func (k Key) JWK() ([]byte, error) {
	if err := k.defect(); err != nil {
		return nil, mistake("JWK", err)
	}
	if k.k.Symmetric() {
		return nil, mistake("JWK", errors.New("a secret has no public half: whoever has it can sign"))
	}
	return []byte(k.k.JWK()), nil
}

func (k Key) keys() *keyring.Ring { return k.k.Own }

func (k Key) defect() error {
	if k.k == nil && k.err == nil {
		return errors.New("the key is empty: make one with HS256, PrivateKey, PublicKey, ParsePEM or ParseJWK")
	}
	return k.err
}

// String returns the key's algorithm and id, never its material. An id with odd characters is quoted.
func (k Key) String() string {
	switch {
	case k.defect() != nil:
		return "jot.Key(unusable)"
	case k.k.HasID:
		return "jot.Key(" + k.k.Alg + ", " + keyring.Plain(k.k.ID) + ")"
	}
	return "jot.Key(" + k.k.Alg + ")"
}

// Format writes what [Key.String] returns, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns what [Key.String] returns.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// keyfunc is what Keyfunc returns.
type keyfunc struct {
	ring *keyring.Ring
	err  error
}

// Keyfunc makes a key source of a golang-jwt key function, such as those that follow a JWKS endpoint. It only
// verifies, by the algorithms named, which must be all HMAC or none. f sees the token's header and empty claims,
// because nothing of the payload is read before its signature is verified; the key that it returns must suit the
// algorithm as if it had been given to [PublicKey] or [HS256]. An error of f refuses the token as [ErrInvalid], unless
// it wraps another of this package's errors: wrap [ErrUnavailable] if keys could not be fetched. What f returns that is
// no key at all, a PEM text say, is logged as a warning, once per process.
func Keyfunc(f jwt.Keyfunc, algs ...string) KeySource {
	ring, err := keyring.Ask(f, algs...)
	if err != nil {
		err = fmt.Errorf("Keyfunc: %w", err)
	}
	return keyfunc{ring, err}
}

func (f keyfunc) keys() *keyring.Ring { return f.ring }
func (f keyfunc) defect() error       { return f.err }

// NoKeys is the key source of a Manager that takes tokens of other issuers alone, those of [WithIssuerKeys]. It issues
// none.
func NoKeys() KeySource { return noKeys{} }

type noKeys struct{}

var noRing = keyring.New()

func (noKeys) keys() *keyring.Ring { return noRing }
func (noKeys) defect() error       { return nil }
