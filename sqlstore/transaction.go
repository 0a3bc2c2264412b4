package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// transact runs f in a transaction, again if it was in the way of another one.
func (s *Store) transact(ctx context.Context, f func(q querier) error) error {
	return s.write(ctx, func() (err error) {
		t, err := s.dialect.begin(ctx, s.db)
		if err != nil {
			return err
		}
		done := false
		defer func() {
			if !done { // an error, or a panic
				_ = t.Rollback() // or its connection is gone, and the transaction with it
			}
		}()
		if err := f(t); err != nil {
			return err
		}
		done = true
		return t.Commit()
	})
}

// write runs f when it is its turn, and again if it was in the way of another process. Writers of one process wait in
// line: where a database takes one at a time, it would send the others away, and some of them again and again.
func (s *Store) write(ctx context.Context, f func() error) error {
	if s.turn != nil {
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return retry(ctx, f)
}

// attempts is how often what was in the way of another transaction is tried. With the waits between, the last comes
// after some seconds, which is longer than any caller waits.
const attempts = 60

// retry runs f again while it fails for no other reason than others being at work.
func retry(ctx context.Context, f func() error) error {
	wait := time.Millisecond
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || attempt == attempts || !isPassing(err) {
			return err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // spread, so that the same do not meet again
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
		wait = min(2*wait, 100*time.Millisecond)
	}
}

// isPassing reports whether a database refused something that it may do the next time: PostgreSQL for a serialization
// failure or a deadlock, SQLite because another connection writes. Every driver has a type of its own for it.
func isPassing(err error) bool {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState() == "40001" || e.SQLState() == "40P01"
	}
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return e.Code()&0xff == 5 || e.Code()&0xff == 6 // SQLITE_BUSY, SQLITE_LOCKED
	}
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// batch is how many rows are deleted at once: few enough to hold no lock for long.
const batch = 500

// purgeEvery is how many writes there are for one that clears up.
const purgeEvery = 64

// wrote ends a method that has written: who writes clears up, so that a database that nobody purges does not grow.
// What becomes of that is not the caller's business.
func (s *Store) wrote(ctx context.Context, method string, now time.Time, err error) error {
	if err != nil {
		return fmt.Errorf("sqlstore: %s: %w", method, err)
	}
	if s.writes.Add(1)%purgeEvery == 0 {
		_, _ = s.purge(ctx, now)
	}
	return nil
}

// Purge deletes all that has expired at now, some hundred rows at a time, and returns how many rows that were. Nothing
// has to call it: one write in some dozens deletes a few hundred. It is for what a burst has left. Any number of
// processes may purge at once.
func (s *Store) Purge(ctx context.Context, now time.Time) (rows int64, err error) {
	for {
		n, err := s.purge(ctx, now)
		rows += n
		if err != nil {
			return rows, fmt.Errorf("sqlstore: Purge: %w", err)
		}
		if n == 0 {
			return rows, nil
		}
	}
}

// purge deletes one batch of each table.
func (s *Store) purge(ctx context.Context, now time.Time) (rows int64, err error) {
	for _, statement := range s.statements.purge {
		err := s.write(ctx, func() error {
			result, err := s.db.ExecContext(ctx, statement, millis(now))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			rows += n
			return err
		})
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}
