// Package bounded calls what may not come back: an engine that has stalled, through a client that does not look at its
// context.
package bounded

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Most is how many calls may be under way at once. Those that nobody waits for any more are among them.
const Most = 512

// ErrStalled says that as many calls are under way as may be, and none has come back for as long as one may take.
var ErrStalled = errors.New("no call of the store has come back for a while, and there are too many of them")

// Calls bounds calls of one engine, each in time and all in number.
type Calls struct {
	timeout time.Duration
	slots   chan struct{}
	began   time.Time
	moved   atomic.Int64 // when a call last came back, or went while there was no other; since began
}

// New returns calls that take no longer than timeout.
func New(timeout time.Duration) *Calls {
	return &Calls{timeout: timeout, slots: make(chan struct{}, Most), began: time.Now()}
}

// answer is what a call came back with.
type answer[T any] struct {
	value    T
	err      error
	panicked any
}

// Do calls f, and waits for it no longer than it may take. The context that f gets ends then as well, but f need not
// look at it: it counts among the calls under way until it has come back. What f panics with, Do panics with.
func Do[T any](ctx context.Context, c *Calls, f func(ctx context.Context) (T, error)) (value T, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := c.enter(ctx); err != nil {
		return value, err
	}
	done := make(chan answer[T], 1)
	go func() {
		a := answer[T]{err: errGone}
		defer func() {
			a.panicked = recover()
			c.moved.Store(int64(time.Since(c.began)))
			<-c.slots
			done <- a
		}()
		a.value, a.err = f(ctx)
	}()
	select {
	case a := <-done:
		if a.panicked != nil {
			panic(a.panicked)
		}
		return a.value, a.err
	case <-ctx.Done():
		return value, fmt.Errorf("the store has not answered: %w", context.Cause(ctx))
	}
}

// errGone is of a goroutine that has ended without an answer (runtime.Goexit).
var errGone = errors.New("the call has ended without an answer")

// enter takes a slot, and waits for one only where others come back.
func (c *Calls) enter(ctx context.Context) error {
	if len(c.slots) == 0 {
		c.moved.Store(int64(time.Since(c.began)))
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	if time.Since(c.began)-time.Duration(c.moved.Load()) > c.timeout {
		return ErrStalled
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("too many calls of the store are under way: %w", context.Cause(ctx))
	}
}
