package jot

import (
	"context"
	"crypto"
	"slices"
	"strings"

	"github.com/go-jot/jot/internal/keyring"
	"github.com/go-jot/jot/internal/sieve"
	"github.com/go-jot/jot/internal/wire"
)

// cache holds what was read of tokens whose signatures were verified by public keys, so that those who send one again
// need not wait for that. Nothing that nobody has signed comes in. Whether a token is good is asked each time.
type cache struct{ tokens *sieve.Map[proven] }

// proven is what an authentic token says, and by whose key.
type proven struct {
	key             *keyring.Key
	source          int // whose, among those that the manager trusts
	header, payload string
	claims          wire.Claims
}

// remember keeps a token for those who send it again.
func (c *cache) remember(raw string, p proven) {
	if c != nil && !p.key.Symmetric() { // a secret verifies faster than a cache is worth
		p.claims = ownOf(p.claims)
		c.tokens.Put(strings.Clone(raw), p) // raw may be part of all that its connection has read
	}
}

// recall returns a token that was remembered, if its key still is one of its source's.
func (c *cache) recall(ctx context.Context, trusts []trust, raw string) (p proven, ok bool) {
	if c == nil {
		return proven{}, false
	}
	if p, ok = c.tokens.Get(raw); !ok {
		return proven{}, false
	}
	if !has(ctx, trusts[p.source].keys(), &p) {
		c.tokens.Delete(raw)
		return proven{}, false
	}
	p.claims = ownOf(p.claims)
	return p, true
}

// has reports whether a key is in a ring. A key function is asked each time, since nobody sees it change.
func has(ctx context.Context, ring *keyring.Ring, p *proven) bool {
	if ring.Lookup == nil {
		return ring.Known(p.key) == p.key
	}
	header, err := wire.ReadHeader(p.header)
	if err != nil {
		return false
	}
	found, err := ring.Lookup(ctx, header, p.header)
	if err != nil || found == nil {
		return false
	}
	public, ok := found.Public.(interface {
		Equal(key crypto.PublicKey) bool
	})
	return ok && public.Equal(p.key.Public)
}

// ownOf returns claims whose lists nobody else has.
func ownOf(c wire.Claims) wire.Claims {
	c.Audience, c.Scopes = slices.Clone(c.Audience), slices.Clone(c.Scopes)
	return c
}
