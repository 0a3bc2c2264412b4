package sqlstore

import "context"

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
