// Package keyring holds keys, each bound to one algorithm and told apart by algorithm and id, and finds the one that
// may have signed a token.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-jot/jot/internal/wire"
)

// Ring is what a source of keys holds at one moment. It never changes: a source that changes hands out another one, so
// that the ring's address is its generation.
type Ring struct {
	// Signer signs; nil when the source only verifies.
	Signer *Key
	// Lookup finds keys that nobody holds beforehand, instead of the others.
	Lookup func(ctx context.Context, h wire.Header, text string) (*Key, error)

	single   *Key            // of a ring that is one key: it also verifies what names no key
	byHeader map[string]*Key // by the header segment that the key signs with
	byID     map[name]*Key
	bare     map[string]*Key // the one key without an id, by algorithm
}

type name struct{ alg, id string }

// New returns an empty ring.
func New() *Ring {
	return &Ring{byHeader: map[string]*Key{}, byID: map[name]*Key{}, bare: map[string]*Key{}}
}

// Add enters a key, or says which one it cannot be told from.
func (r *Ring) Add(k *Key) error {
	switch {
	case k.HasID && r.byID[name{k.Alg, k.ID}] != nil:
		return fmt.Errorf("two %s keys have the id %q", k.Alg, k.ID)
	case k.HasID:
		r.byID[name{k.Alg, k.ID}] = k
	case r.bare[k.Alg] != nil:
		return fmt.Errorf("two %s keys have no id: give one of them an id (Key.WithID)", k.Alg)
	default:
		r.bare[k.Alg] = k
	}
	r.byHeader[k.Header] = k
	return nil
}

// Known returns the key of the ring that has the same algorithm and id, if there is one.
func (r *Ring) Known(k *Key) *Key {
	if k.HasID {
		return r.byID[name{k.Alg, k.ID}]
	}
	return r.bare[k.Alg]
}

// Clone returns a ring of the same keys, to be changed.
func (r *Ring) Clone() *Ring {
	return &Ring{
		Signer: r.Signer, byHeader: maps.Clone(r.byHeader), byID: maps.Clone(r.byID), bare: maps.Clone(r.bare),
	}
}

// Remove takes a key of the ring out of it.
func (r *Ring) Remove(k *Key) {
	delete(r.byHeader, k.Header)
	if k.HasID {
		delete(r.byID, name{k.Alg, k.ID})
	} else {
		delete(r.bare, k.Alg)
	}
}

// All returns the keys, the same ones always in the same order.
func (r *Ring) All() []*Key {
	byName := func(a, b *Key) int { return strings.Compare(a.Prefix, b.Prefix) }
	return slices.SortedFunc(maps.Values(r.byHeader), byName)
}

// Merge enters all keys of another ring, and says which cannot be told apart. The very same key is only one, but where
// it would have two owners.
func (r *Ring) Merge(other *Ring, elsewhere bool) error {
	var errs []error
	for _, k := range other.byHeader {
		if elsewhere || r.Known(k) != k {
			errs = append(errs, r.Add(k))
		}
	}
	return errors.Join(errs...)
}

// Padded reports whether white space surrounds one of the secrets.
func (r *Ring) Padded() bool {
	for _, k := range r.byHeader {
		if k.Padded {
			return true
		}
	}
	return false
}

// Found is a key that may have signed a token.
type Found struct {
	Key    *Key   // nil if there is none
	Source int    // whose it is: the place among the sources
	Typ    string // what the token's header calls the token
}

// Find returns the one key of the sources' rings that may have signed a token with this header. Keys are never tried
// one after the other. One that we sign with is known by the segment as it stands, with nothing to parse. A kid that
// no key has counts as none where anyID says so.
func Find[S any](
	ctx context.Context, sources []S, ring func(*S) *Ring, segment, text string, anyID bool,
) (Found, error) {
	for i := range sources {
		if k := ring(&sources[i]).byHeader[segment]; k != nil {
			return Found{k, i, wire.JWT}, nil
		}
	}
	h, err := wire.ReadHeader(text)
	if err != nil {
		return Found{}, err
	}
	f, err := named(ctx, sources, ring, h, text)
	if f.Key == nil && err == nil && anyID && h.HasID {
		h.HasID = false
		return named(ctx, sources, ring, h, text)
	}
	return f, err
}

// named returns the key that a header names, or the one that is meant where it names none.
func named[S any](
	ctx context.Context, sources []S, ring func(*S) *Ring, h wire.Header, text string,
) (Found, error) {
	var failed error // one source that cannot tell does not silence the next
	for i := range sources {
		k, err := ring(&sources[i]).candidate(ctx, h, text)
		if k != nil && err == nil {
			return Found{k, i, h.Typ}, nil
		}
		failed = errors.Join(failed, err)
	}
	for i := range sources { // nobody was meant by name
		if k := ring(&sources[i]).single; k != nil && !h.HasID && k.Alg == h.Alg {
			return Found{k, i, h.Typ}, nil
		}
	}
	return Found{}, failed
}

// candidate returns the key that a header names, nil when there is none: that is an answer, not a failure.
func (r *Ring) candidate(ctx context.Context, h wire.Header, text string) (*Key, error) {
	switch {
	case r.Lookup != nil:
		return r.Lookup(ctx, h, text)
	case h.HasID:
		return r.byID[name{h.Alg, h.ID}], nil
	}
	return r.bare[h.Alg], nil
}
