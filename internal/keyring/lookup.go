package keyring

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-jot/jot/internal/mac"
	"github.com/go-jot/jot/internal/once"
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
	r.Lookup = func(ctx context.Context, h wire.Header, text string) (*Key, error) {
		method, ok := allowed[h.Alg]
		if !ok {
			return nil, nil //nolint:nilnil // no candidate
		}
		return ask(ctx, f, method, text)
	}
	return r, errors.Join(errs...)
}

// ask calls f for the key of a header and checks what it gives. The key gets no id: a thumbprint costs more than the
// check it would name.
func ask(ctx context.Context, f jwt.Keyfunc, method mac.Method, header string) (*Key, error) {
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
	if secret, ok := found.([]byte); ok && method.Symmetric() {
		key := &Key{Alg: method.Alg(), Verify: method.Verifier(secret)}
		return key, mistaken(ctx, method.CheckSecret(secret), true)
	}
	key, err := checkPublic(method, found)
	if errors.Is(err, mac.ErrWrongType) {
		kind := strings.Replace(fmt.Sprintf("%T", found), "uint8", "byte", 1)
		err = fmt.Errorf("it returned a %s for %s, which wants %s", kind, method.Alg(), method.Wants())
		return nil, mistaken(ctx, err, !isKey(found))
	}
	if err != nil {
		return nil, err
	}
	return &Key{Alg: method.Alg(), Public: key, Verify: method.Verifier(key)}, nil
}

// mistaken says whose the mistake is, and tells the operator once where the function is wrong whatever a token said:
// clients hear nothing but that theirs is bad.
func mistaken(ctx context.Context, err error, always bool) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("Keyfunc: %w", err) //nolint:staticcheck // the name as it is written
	if always {
		once.Log(ctx, slog.LevelWarn, "jot: "+err.Error())
	}
	return err
}

// isKey reports whether a key function may well return the value, for a token that asks for it by another algorithm's
// name, or by one that it does not know.
func isKey(found any) bool {
	switch k := found.(type) {
	case nil, *rsa.PublicKey, rsa.PublicKey, *ecdsa.PublicKey, ecdsa.PublicKey, ed25519.PublicKey, *ed25519.PublicKey,
		jwt.VerificationKeySet:
		return true
	case []byte:
		return !bytes.Contains(k, []byte("-----BEGIN "))
	}
	return false
}
