package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-jot/jot/internal/mac"
	"github.com/go-jot/jot/internal/wire"
)

// Ask returns a ring that asks a golang-jwt key function, for tokens of these algorithms.
func Ask(f jwt.Keyfunc, algs ...string) (*Ring, error) {
	var errs []error
	if f == nil {
		errs = append(errs, errors.New("the function is nil"))
	}
	if len(algs) == 0 {
		errs = append(errs, errors.New("name the algorithms to accept"))
	}
	allowed, symmetric := map[string]mac.Method{}, 0
	for _, alg := range algs {
		method, ok := mac.Lookup(alg)
		if !ok {
			errs = append(errs, fmt.Errorf("unknown algorithm %q", alg))
			continue
		}
		allowed[alg] = method
		if method.Symmetric() {
			symmetric++
		}
	}
	if symmetric > 0 && symmetric < len(allowed) {
		errs = append(errs, errors.New(
			"HMAC beside other algorithms lets a public key be taken for a secret: use one source for each"))
	}
	r := New()
	r.Lookup = func(_ context.Context, h wire.Header, text string) (*Key, error) {
		method, ok := allowed[h.Alg]
		if !ok {
			return nil, nil //nolint:nilnil // no candidate
		}
		return ask(f, method, text)
	}
	return r, errors.Join(errs...)
}

// ask calls f for the key of a header and checks what it gives. The key gets no id: a thumbprint costs more than the
// check it would name.
func ask(f jwt.Keyfunc, method mac.Method, header string) (*Key, error) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(header), &fields); err != nil {
		return nil, errors.New("the header cannot be decoded")
	}
	found, err := f(&jwt.Token{Header: fields, Claims: jwt.MapClaims{}, Method: method.SigningMethod})
	if err != nil {
		return nil, err
	}
	if set, ok := found.(jwt.VerificationKeySet); ok && len(set.Keys) == 1 {
		found = set.Keys[0] // of several, none: keys are not tried in turn
	}
	if secret, ok := found.([]byte); ok {
		return &Key{Alg: method.Alg(), Verify: method.Verifier(secret)}, method.CheckSecret(secret)
	}
	key, err := checkPublic(method, found)
	if err != nil {
		return nil, err
	}
	return &Key{Alg: method.Alg(), Verify: method.Verifier(key)}, nil
}
