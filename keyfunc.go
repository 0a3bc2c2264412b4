package jot

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-jot/jot/internal/mac"
	"github.com/go-jot/jot/internal/wire"
)

// keyfunc is what Keyfunc returns.
type keyfunc struct {
	ring *ring
	err  error
}

// Keyfunc makes a source of a golang-jwt key function, such as those that follow a JWKS endpoint. It only verifies,
// by the algorithms named, which must be either all HMAC or all not. The function sees the token's header and empty
// claims, because nothing of the payload is read before its signature is checked; the key that it returns must fit
// the algorithm of the header, as strictly as if it had been given to [PublicKey] or [HS256]. Its error refuses the
// token as [ErrInvalid], unless it wraps another of this package's errors: let it wrap [ErrUnavailable] when keys
// could not be fetched.
func Keyfunc(f jwt.Keyfunc, algs ...string) KeySource {
	var errs []error
	if f == nil {
		errs = append(errs, errors.New("jot: Keyfunc: the function is nil"))
	}
	if len(algs) == 0 {
		errs = append(errs, errors.New("jot: Keyfunc: name the algorithms to accept"))
	}
	allowed := map[string]mac.Method{}
	symmetric := 0
	for _, alg := range algs {
		method, ok := mac.Lookup(alg)
		if !ok {
			errs = append(errs, fmt.Errorf("jot: Keyfunc: unknown algorithm %q", alg))
			continue
		}
		allowed[alg] = method
		if method.Symmetric() {
			symmetric++
		}
	}
	if symmetric > 0 && symmetric < len(allowed) {
		errs = append(errs, errors.New("jot: Keyfunc: HMAC beside other algorithms lets a public key be taken for a secret: use one source for each"))
	}
	r := newRing()
	r.lookup = func(h wire.Header, text string) (*key, error) {
		method, ok := allowed[h.Alg]
		if !ok {
			return nil, nil //nolint:nilnil // no candidate
		}
		return ask(f, method, text)
	}
	return keyfunc{r, errors.Join(errs...)}
}

// ask calls f for the key of a header and checks what it gives.
func ask(f jwt.Keyfunc, method mac.Method, header string) (*key, error) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(header), &fields); err != nil {
		return nil, errors.New("the header cannot be decoded")
	}
	found, err := f(&jwt.Token{Header: fields, Claims: jwt.MapClaims{}, Method: method.SigningMethod})
	if err != nil {
		return nil, err
	}
	if set, ok := found.(jwt.VerificationKeySet); ok && len(set.Keys) == 1 { // of several, none: keys are not tried in turn
		found = set.Keys[0]
	}
	if secret, ok := found.([]byte); ok {
		if err := method.CheckSecret(secret); err != nil {
			return nil, err
		}
		return &key{alg: method.Alg(), verify: method.Verifier(secret)}, nil
	}
	k := publicKey(method, found, true)
	return k.k, k.err
}

func (f keyfunc) keys() *ring   { return f.ring }
func (f keyfunc) defect() error { return f.err }
