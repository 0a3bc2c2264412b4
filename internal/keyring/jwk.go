package keyring

import (
	"errors"
	"fmt"

	"github.com/go-jot/jot/internal/jwk"
	"github.com/go-jot/jot/internal/mac"
)

// ParseJWK reads a key from a JSON Web Key, a private one or a secret too.
func ParseJWK(text []byte) (*Key, error) {
	parsed, err := jwk.Parse(string(text))
	if errors.Is(err, jwk.ErrUnsupported) {
		return nil, errors.New("it is for no signature that is known here: see its kty, crv, use and key_ops")
	}
	if err != nil {
		return nil, err
	}
	return fromJWK(parsed)
}

// ParseJWKS reads a set of public keys. What is for no algorithm that is known here is left out.
func ParseJWKS(text []byte) ([]*Key, error) {
	parsed, err := jwk.ParseSet(string(text))
	if err != nil {
		return nil, err
	}
	var keys []*Key
	var errs []error
	for _, p := range parsed {
		if _, known := mac.Lookup(p.Alg); !known {
			continue
		}
		k, err := fromJWK(p)
		if err == nil && p.ID == "" {
			k, err = k.WithID("") // for tokens without kid
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("the key %s: %w", Plain(p.ID), err))
			continue
		}
		keys = append(keys, k)
	}
	if len(keys)+len(errs) == 0 {
		errs = append(errs, errors.New("no key in it is for signatures"))
	}
	return keys, errors.Join(errs...)
}

func fromJWK(parsed jwk.Key) (k *Key, err error) {
	method, known := mac.Lookup(parsed.Alg)
	switch {
	case !known || method.Symmetric() != (parsed.Secret != nil):
		return nil, errors.New("alg is none that its kty is for")
	case parsed.Secret != nil:
		k, err = Secret(parsed.Alg, parsed.Secret)
	case parsed.Private != nil:
		k, err = Private(parsed.Alg, parsed.Private)
	default:
		k, err = Public(parsed.Alg, parsed.Public)
	}
	if err == nil && parsed.ID != "" {
		k, err = k.WithID(parsed.ID)
	}
	return k, err
}

// JWK returns what others need to verify by the key; "" where it is a secret.
func (k *Key) JWK() string {
	if k.Public == nil {
		return ""
	}
	text, _ := jwk.Public(k.Public, k.Alg, k.ID) // its thumbprint could be made
	return text
}
