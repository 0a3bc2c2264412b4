package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// batch is how many rows are deleted at once: few enough to hold no lock for long.
const batch = 500

// Purge deletes all that has expired at now, some hundred rows at a time, and returns how many rows that were. Nothing
// has to call it, since writes delete what has expired an hour ago; it is for what a burst has left. Any number of
// processes may purge at once, and all others go on meanwhile.
//
// What one node's clock takes for expired is forgotten for all: now must be no later than the clock of any node.
func (s *Store) Purge(ctx context.Context, now time.Time) (rows int64, err error) {
	if s.db == nil {
		return 0, fmt.Errorf("sqlstore: Purge: %w", errNotNew)
	}
	for _, statement := range s.statements.purge {
		for n := int64(-1); n != 0; rows += n {
			if n, err = s.purgeSome(ctx, statement, now); err != nil {
				return rows, fmt.Errorf("sqlstore: Purge: %w", err)
			}
		}
	}
	return rows, nil
}

// purgeSome deletes a batch of a table.
func (s *Store) purgeSome(ctx context.Context, statement statement, now time.Time) (rows int64, err error) {
	err = s.write(ctx, func(q querier) (err error) {
		rows, err = changed(ctx, q, statement, millis(now))
		return err
	})
	return rows, err
}

const (
	// tidyEvery is how many writes there are for one that clears up. It deletes more than they have made.
	tidyEvery = 64
	// late is how long what has expired is kept all the same, for a node whose clock is behind.
	late = time.Hour
	// tidyTime is how long a write may take longer for it.
	tidyTime = 250 * time.Millisecond
)

// tidy ends a method that has written: who writes clears up, so that a database that nobody purges does not grow. One
// write in some dozens deletes one batch, of each table in turn. What becomes of that is not the caller's business.
func (s *Store) tidy(ctx context.Context, now time.Time) {
	n := s.writes.Add(1)
	if n%tidyEvery != 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tidyTime)
	defer cancel()
	statement := s.statements.purge[n/tidyEvery%uint64(len(s.statements.purge))]
	_ = s.attempt(ctx, func(q querier) error {
		_, err := changed(ctx, q, statement, millis(now.Add(-late)))
		return err
	})
}
