package jot

import (
	"context"
	"sync"
	"time"
)

// Blocklist remembers what was revoked until it would have expired anyway. Implement it over whatever your servers
// share; a conforming one passes jottest.TestBlocklist. Its methods are called by many goroutines at once. An error
// means "cannot tell" and becomes [ErrUnavailable]; it is never taken for either answer.
type Blocklist interface {
	// Revoke remembers id until the instant; first reports, atomically, whether it was new. Ids are opaque keys of at
	// most 64 bytes made by the Manager, compared byte for byte. Revoking an id again never shortens how long it is
	// remembered. An until that has passed is no error, and need not be remembered.
	Revoke(ctx context.Context, id string, until time.Time) (first bool, err error)
	// Revoked reports whether any of ids is remembered. One call per request.
	Revoked(ctx context.Context, ids ...string) (bool, error)
}

// MemoryStore is a [Blocklist] in the memory of one process: a restart forgets every revocation, and a second process
// does not see them. It fits tests, and services that run as one process with short-lived tokens. It forgets nothing
// early, and holds nothing much longer than it can still matter: entries that have expired go when their number has
// doubled. It starts no goroutine.
type MemoryStore struct {
	mu      sync.RWMutex
	entries map[string]time.Time
	sweepAt int // how many entries are worth looking through
}

// minSweep is how few entries are not worth looking through.
const minSweep = 1024

// NewMemoryStore returns an empty store. One process; a restart ends its memory.
func NewMemoryStore() *MemoryStore { return new(MemoryStore) }

// Revoke implements [Blocklist]. An id whose time has passed is not stored. It never fails.
func (s *MemoryStore) Revoke(ctx context.Context, id string, until time.Time) (first bool, err error) {
	now := clockOf(ctx)()
	s.mu.Lock()
	defer s.mu.Unlock()
	known, found := s.entries[id]
	found = found && now.Before(known)
	if !now.Before(until) || found && !until.After(known) {
		return !found, nil
	}
	if s.entries == nil {
		s.entries = map[string]time.Time{}
	}
	s.entries[id] = until
	if len(s.entries) >= s.sweepAt {
		for id, until := range s.entries {
			if !now.Before(until) {
				delete(s.entries, id)
			}
		}
		s.sweepAt = max(minSweep, 2*len(s.entries))
	}
	return !found, nil
}

// Revoked implements [Blocklist]. It never fails.
func (s *MemoryStore) Revoked(ctx context.Context, ids ...string) (bool, error) {
	now := clockOf(ctx)()
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, id := range ids {
		if until, found := s.entries[id]; found && now.Before(until) {
			return true, nil
		}
	}
	return false, nil
}

// Len returns how many entries the store holds, expired ones included.
func (s *MemoryStore) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.entries)
}

type clockKey struct{}

// clockOf returns the caller's clock: a store that went by another would forget revocations early when WithClock
// stands in the past.
func clockOf(ctx context.Context) func() time.Time {
	if clock, ok := ctx.Value(clockKey{}).(func() time.Time); ok {
		return clock
	}
	return time.Now
}
