package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

// write runs f, which is one statement.
func (s *Store) write(ctx context.Context, f func(q querier) error) error {
	if s.dialect.oneWriter || s.dialect.mayNotCommit {
		// It waits for its turn; and SQLite carries out a statement that returns rows as its driver ends it, which not
		// every driver tells the end of. COMMIT does.
		return s.transact(ctx, f)
	}
	return s.retry(ctx, func() error { return f(s.db) })
}

// look runs f, which is one statement that changes nothing and which reports whether it was a transaction of its own.
// Where it was not, it has seen what was so when another one began: from then on all are given one.
func (s *Store) look(ctx context.Context, f func(q querier) (settled bool, err error)) error {
	if !s.unsettled.Load() {
		settled := false
		err := s.retry(ctx, func() (err error) {
			settled, err = f(s.db)
			return err
		})
		if err != nil || settled {
			return err
		}
		s.unsettled.Store(true)
	}
	return s.transact(ctx, func(q querier) error {
		_, err := f(q)
		return err
	})
}

// transact runs f in a transaction, again if it was in the way of another one.
func (s *Store) transact(ctx context.Context, f func(q querier) error) error {
	return s.retry(ctx, func() error { return s.attempt(ctx, f) })
}

// attempt runs f in a transaction.
func (s *Store) attempt(ctx context.Context, f func(q querier) error) (err error) {
	if s.dialect.oneWriter { // a queue here is fairer, and faster, than asking the engine again and again
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed { // an error, or a panic
			s.rollback(ctx, conn)
		}
		_ = conn.Close() // it returns to the pool
	}()
	for _, statement := range s.dialect.begin {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := f(conn); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, s.dialect.commit)
	committed = err == nil
	return err
}

// rollback ends a transaction, though its caller may be gone: an open one would keep others waiting. A connection on
// which that fails is closed, and the transaction ends with it.
func (s *Store) rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, err := conn.ExecContext(ctx, s.dialect.rollback)
	if err != nil && !strings.Contains(err.Error(), "no transaction is active") { // in SQLite's words: it never began
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// patience is how long what was in the way of others is tried again. No request waits so long.
const patience = 5 * time.Second

// retry runs f again while it fails for no other reason than others being at work.
func (s *Store) retry(ctx context.Context, f func() error) error {
	if s.db == nil {
		return errNotNew
	}
	last := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := f()
		if err == nil || !isPassing(err) || time.Now().After(last) {
			return err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // spread, so that the same do not meet again
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
}

var errNotNew = errors.New("the Store was not made by New")

// isPassing reports whether a database refused something that it may do the next time: PostgreSQL for a serialization
// failure or a deadlock, SQLite because another connection writes, MySQL for what passingInMySQL names. Nothing of it
// was carried out, once the transaction is rolled back.
func isPassing(err error) bool {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string // pgx and lib/pq have it
	}](err); ok {
		return e.SQLState() == "40001" || e.SQLState() == "40P01"
	}
	if e, ok := errors.AsType[interface {
		error
		Code() int // modernc.org/sqlite has it
	}](err); ok {
		return e.Code()&0xff == 5 || e.Code()&0xff == 6 // SQLITE_BUSY, SQLITE_LOCKED
	}
	text := err.Error()
	return strings.Contains(text, "database is locked") || strings.Contains(text, "database table is locked") ||
		passingInMySQL.MatchString(text)
}

// passingInMySQL are a record that has changed since the transaction began, a lock that was waited for too long, a
// deadlock or another node's commit of the same row, a transaction that a connection was left in, and a statement whose
// tables have been changed. What drivers call an error has no more in common than this text.
var passingInMySQL = regexp.MustCompile(`(?i)\berror (?:1020|1205|1213|1568|1615)\b`)
