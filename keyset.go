package jot

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/internal/keyring"
)

// KeySet is several keys, told apart by algorithm and id: one that signs, and others that verify tokens of the past or
// of a key to come. It may change while it is in use, by any goroutine, and what it is told counts from the next
// request on:
//
//  1. [KeySet.Publish] the next key in every process that verifies: it verifies, and [Manager.JWKSHandler] shows it.
//  2. Wait until all of them know it, and then [KeySet.Promote] it in every process that issues: it signs.
//  3. Wait until the last token of the former key has expired, and [KeySet.Retire] that.
//
// Where a key has leaked, promote the next one by [KeySet.InsecurePromoteNow], retire the leaked one at once, and call
// [Manager.RevokeAll]: everybody logs in again.
type KeySet struct {
	mu        sync.Mutex // for one change at a time
	ring      atomic.Pointer[keyring.Ring]
	published map[*keyring.Key]time.Time
}

// jwksMaxAge is for how long others may keep the published keys.
const jwksMaxAge = 5 * time.Minute

// publishFor is how long a key is published before it may sign: whoever keeps a published set for as long as it says
// has asked for it twice by then.
const publishFor = 2 * jwksMaxAge

// ErrTooEarly says that a key was published too short a time ago to sign. See [KeySet.Promote].
var ErrTooEarly = errors.New("the key is not known everywhere yet")

// NewKeySet returns the set of current, which signs, and others, which verify. With a [PublicKey] as current, the set
// only verifies. Two keys of one algorithm with the same id, or without ids, are an error. So give an id to the secret
// that replaces a first one without: NewKeySet(HS256(next).WithID("2"), HS256(old)). Secrets beside key pairs are an
// error too: give those that sign no more to [WithVerificationKeys].
//
// Where a key is replaced by restarting instances, one after the other, that takes three deployments, of secrets as of
// key pairs, because every instance must know a key before any of them signs with it:
//
//  1. NewKeySet(old, next): the old key signs, and both verify. Wait until all instances have this.
//  2. NewKeySet(next, old): the next one signs. Wait until the last token of the old one has expired.
//  3. The next key alone.
func NewKeySet(current Key, others ...Key) (*KeySet, error) {
	set, err := newKeySet(append([]Key{current}, others...))
	if err == nil && current.k.Sign != nil {
		err = sign(set.ring.Load(), current.k)
	}
	if err != nil {
		return nil, mistake("NewKeySet", err)
	}
	return set, nil
}

// ParseJWKS returns the set of the public keys in a JSON Web Key Set (RFC 7517), which only verifies: of an issuer
// whose set is kept in a file, say. Keys that are not for signatures by their kty, alg, use or key_ops are left out, as
// the RFC wants it; private keys and secrets are an error, because such a set is for everybody to read. A key without
// alg is taken as [ParseJWK] takes it; one without kid verifies tokens without kid. Errors never quote the text.
func ParseJWKS(text []byte) (*KeySet, error) {
	found, err := keyring.ParseJWKS(text)
	if err != nil {
		return nil, mistake("ParseJWKS", err)
	}
	keys := make([]Key, len(found))
	for i, k := range found {
		keys[i] = Key{k: k}
	}
	set, err := newKeySet(keys)
	if err != nil {
		return nil, mistake("ParseJWKS", err)
	}
	return set, nil
}

// newKeySet returns the set of keys, of which none signs.
func newKeySet(keys []Key) (*KeySet, error) {
	set, ring, now := &KeySet{published: map[*keyring.Key]time.Time{}}, keyring.New(), time.Now()
	var errs []error
	for i, k := range keys {
		err := k.defect()
		if err == nil {
			err = publish(ring, k.k)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("key %d of the set: %w", i, err))
		}
		set.published[k.k] = now
	}
	set.ring.Store(ring)
	return set, errors.Join(errs...)
}

// Publish adds a key that verifies, and may sign later. A key that is in the set already, read from its file again say,
// is left as it is, and counts as published since then. It is an error if the set has another one of its algorithm and
// id, or the public half alone of a private key, or one with another end; or if one is a secret and the other a key
// pair.
func (s *KeySet) Publish(k Key) error {
	return s.change("Publish", k, func(ring *keyring.Ring, known *keyring.Key) error {
		if known != nil && covers(known, k.k) {
			return nil
		}
		err := publish(ring, k.k)
		if err == nil {
			s.published[k.k] = time.Now()
		}
		return err
	})
}

// covers reports whether a key does all that another one of its algorithm and id would do, since both are of the same
// material.
func covers(known, k *keyring.Key) bool {
	if !known.Until.Equal(k.Until) || known.Sign == nil && k.Sign != nil || known.Symmetric() != k.Symmetric() {
		return false
	}
	if public, ok := known.Public.(interface {
		Equal(key crypto.PublicKey) bool
	}); ok {
		return public.Equal(k.Public)
	}
	const text = "of secrets nothing shows but what they sign"
	signature, err := k.Sign(context.Background(), text)
	return err == nil && known.Verify(text, string(signature)) == nil
}

// Promote makes a key of the set, named by its algorithm and id, the one that signs; the one before goes on verifying.
// The error wraps [ErrTooEarly] until the key has been in the set for 10 minutes, twice as long as others keep what
// [Manager.JWKSHandler] shows: whoever does not know a key yet refuses what it signs. Keys that [NewKeySet] was given
// count as published then.
func (s *KeySet) Promote(k Key) error {
	return s.change("Promote", k, func(ring *keyring.Ring, known *keyring.Key) error {
		if early := publishFor - time.Since(s.published[known]); known != nil && early > 0 {
			return fmt.Errorf("%w: wait another %v, or see InsecurePromoteNow", ErrTooEarly, early.Round(time.Second))
		}
		return sign(ring, known)
	})
}

// InsecurePromoteNow is [KeySet.Promote] without the wait: for where this process alone verifies, or where the former
// key has leaked. Others that do not know the key yet refuse what it signs.
func (s *KeySet) InsecurePromoteNow(k Key) error { return s.change("InsecurePromoteNow", k, sign) }

// Retire takes a key, named by its algorithm and id, out of the set. From the next request on, tokens that it has
// signed are refused here, which also ends the sessions of refresh tokens that it has signed: wait for as long as
// those live after another key was promoted. Resource servers follow when they ask for the set again. The key that
// signs cannot be retired.
func (s *KeySet) Retire(k Key) error {
	return s.change("Retire", k, func(ring *keyring.Ring, known *keyring.Key) error {
		switch known {
		case nil:
			return errUnpublished
		case ring.Signer:
			return errors.New("it is the key that signs: promote another one first")
		}
		delete(s.published, known)
		ring.Remove(known)
		return nil
	})
}

var errUnpublished = errors.New("the set has no key of this algorithm and id")

// change lets a verb change a copy of the ring, which takes its place. Who is reading the ring sees all of it or none.
func (s *KeySet) change(verb string, k Key, step func(ring *keyring.Ring, known *keyring.Key) error) error {
	err := errors.Join(s.defect(), k.defect())
	if err != nil {
		return mistake(verb, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ring := s.ring.Load().Clone()
	if err := step(ring, ring.Known(k.k)); err != nil {
		return mistake(verb, err)
	}
	s.ring.Store(ring)
	return nil
}

// publish adds a key to the ring. A secret beside a key pair is one that others know, or will take for a public key.
func publish(ring *keyring.Ring, k *keyring.Key) error {
	for _, other := range ring.All() {
		if other.Symmetric() != k.Symmetric() {
			return errors.New("a secret beside a key pair: give what signs no more to WithVerificationKeys")
		}
	}
	return ring.Add(k)
}

// sign makes a key of the ring the one that signs.
func sign(ring *keyring.Ring, known *keyring.Key) error {
	switch {
	case known == nil:
		return errUnpublished
	case known.Sign == nil:
		return errors.New("it is a public key, which only verifies")
	case !known.Until.IsZero():
		return errEnding
	}
	ring.Signer = known
	return nil
}

func (s *KeySet) keys() *keyring.Ring { return s.ring.Load() }

func (s *KeySet) defect() error {
	if s == nil || s.ring.Load() == nil {
		return errors.New("the key set is empty: make one with NewKeySet or ParseJWKS")
	}
	return nil
}
