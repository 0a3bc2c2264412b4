package sqlstore

import (
	"context"
	"time"
)

// IsPassing says what is tried again.
var IsPassing = isPassing

// RefuseOld refuses a version of MySQL or MariaDB.
var RefuseOld = refuseOld

// Transact runs f in a transaction of the store.
func (s *Store) Transact(ctx context.Context, f func(exec func(statement string) error) error) error {
	return s.transact(ctx, func(q querier) error {
		return f(func(text string) error { return exec(ctx, q, statement{text: text}) })
	})
}

// PurgeInBatches purges as Purge does, and tells how long each batch took that deleted anything.
func (s *Store) PurgeInBatches(ctx context.Context, now time.Time) (rows int64, took []time.Duration, err error) {
	for _, statement := range s.statements.purge {
		for n := int64(-1); n != 0; rows += n {
			began := time.Now()
			if n, err = s.purgeSome(ctx, statement, now); err != nil {
				return rows, took, err
			}
			if n > 0 {
				took = append(took, time.Since(began))
			}
		}
	}
	return rows, took, nil
}
