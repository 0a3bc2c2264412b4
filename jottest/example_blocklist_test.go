package jottest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/jottest"
)

// revocations is a blocklist of one's own.
type revocations struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (r *revocations) Revoke(_ context.Context, id string, until time.Time) (first bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.until[id]
	if until.After(known) {
		r.until[id] = until
	}
	return !time.Now().Before(known), nil
}

func (r *revocations) Revoked(_ context.Context, ids ...string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if time.Now().Before(r.until[id]) {
			return true, nil
		}
	}
	return false, nil
}

// The test of a blocklist of one's own: all that it says is in the suite.
func ExampleTestBlocklist() {
	testRevocations := func(t *testing.T) { // TestRevocations, in your own file
		jottest.TestBlocklist(t, func(*testing.T) jot.Blocklist {
			return &revocations{until: map[string]time.Time{}}
		})
	}
	_ = testRevocations
}
