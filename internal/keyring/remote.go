package keyring

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-jot/jot/internal/mac"
)

const (
	// signTimeout bounds one call of a signer that is elsewhere.
	signTimeout = 5 * time.Second
	// outstanding is how many calls may wait for it at once: one that has stalled must not pile up requests.
	outstanding = 64
)

var (
	errSlow = errors.New("the signer has not answered")
	errLies = errors.New("the signer's answer does not verify by its public key")
)

// isLocal reports whether the signer's private key is in this process, where it neither waits nor fails.
func isLocal(signer crypto.Signer) bool {
	switch signer.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return true
	}
	return false
}

// remote signs by a key that is elsewhere, in a KMS or an HSM, whose answers are checked. Not all signers heed a
// context, so nobody waits for one that has gone silent.
func remote(
	method mac.Method, signer crypto.Signer, verify func(text, signature string) error,
) func(context.Context, string) ([]byte, error) {
	type answer struct {
		signature []byte
		err       error
		panicked  any
	}
	public, room := signer.Public(), make(chan struct{}, outstanding)
	return func(ctx context.Context, text string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, signTimeout)
		defer cancel()
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w, and many are waiting: %w", errSlow, ctx.Err())
		}
		answers := make(chan answer, 1)
		go func() {
			var a answer
			defer func() {
				a.panicked = recover()
				answers <- a
				<-room
			}()
			a.signature, a.err = method.Signer(asked{signer, ctx, public})(text)
		}()
		select {
		case a := <-answers:
			switch {
			case a.panicked != nil:
				panic(a.panicked) // where the caller's request can be given up
			case a.err == nil && verify(text, string(a.signature)) != nil:
				return nil, errLies
			}
			return a.signature, a.err
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errSlow, ctx.Err())
		}
	}
}

// asked is a signer for one call.
type asked struct {
	crypto.Signer

	ctx    context.Context //nolint:containedctx // of this call
	public crypto.PublicKey
}

// Public returns what the signer said when the key was made.
func (a asked) Public() crypto.PublicKey { return a.public }

// Sign signs, with the context of the call if the signer takes one.
func (a asked) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	type contextual interface {
		SignContext(ctx context.Context, random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error)
	}
	if s, ok := a.Signer.(contextual); ok {
		return s.SignContext(a.ctx, random, digest, opts)
	}
	return a.Signer.Sign(random, digest, opts)
}
