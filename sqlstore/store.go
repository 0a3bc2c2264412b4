package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/session"
)

// Store is a [session.Store] in a database. Make one with [New].
type Store struct {
	db         *sql.DB
	dialect    dialect
	statements statements
	since      time.Time
	writes     atomic.Uint64
	turn       chan struct{} // of the one writer; nil where there may be many
}

var _ session.Store = (*Store)(nil)

// New returns a store in db, whose tables it makes if there are none; any number of processes may do so at once. The
// database stays the caller's to close.
//
// It fails when the database cannot be reached, or when a later version of this package has made its tables.
func New(ctx context.Context, db *sql.DB, d Dialect, opts ...Option) (*Store, error) {
	known, ok := dialects[d]
	if !ok || db == nil {
		return nil, errors.New("sqlstore: New wants a database, and SQLite or PostgreSQL")
	}
	s := &Store{db: db, dialect: known, since: time.Now()}
	for _, o := range opts {
		o.apply(s)
	}
	if known.oneWriter {
		s.turn = make(chan struct{}, 1)
	}
	s.statements = newStatements(known)
	s.writes.Store(rand.Uint64N(purgeEvery)) //nolint:gosec // so that those who live for a few writes purge as well
	if err := s.migrate(ctx); err != nil {
		return nil, fmt.Errorf("sqlstore: the tables: %w", err)
	}
	return s, nil
}

// Option is a setting of a [Store].
type Option interface{ apply(s *Store) }

type option func(*Store)

func (f option) apply(s *Store) { f(s) }

// Since takes the store's word for tokens of no session that were issued after t, not at t: nobody had revoked any of them
// before the store was made. It counts when New makes the tables; unless set that is the moment. The zero time takes
// all, which is right where another system's tokens have to stay good, and in tests whose clock is in the past.
func Since(t time.Time) Option {
	return option(func(s *Store) { s.since = t })
}

// Begin implements [session.Store].
func (s *Store) Begin(ctx context.Context, r session.Record, limit int) error {
	err := s.transact(ctx, func(q querier) error {
		// The subject's row is its lock: of several logins at once each sees those before it.
		if _, err := q.ExecContext(ctx, s.statements.touch, []byte(r.Subject), int64(never), millis(r.Expires)); err != nil {
			return err
		}
		var entered bool
		if err := q.QueryRowContext(ctx, s.statements.entered, []byte(r.Subject), []byte(r.Session)).Scan(&entered); err != nil || entered {
			return err
		}
		if limit > 0 {
			if _, err := q.ExecContext(ctx, s.statements.evict, []byte(r.Subject), millis(r.Start), limit-1); err != nil {
				return err
			}
		}
		_, err := q.ExecContext(ctx, s.statements.begin,
			[]byte(r.Subject), []byte(r.Session), []byte(r.Label), []byte(r.Scope), []byte(r.Current), []byte(r.Previous),
			millis(r.Start), millis(r.RotatedAt), millis(r.Expires))
		return err
	})
	return s.wrote(ctx, "Begin", r.Start, err)
}

// Check implements [session.Store], by one statement.
func (s *Store) Check(ctx context.Context, q session.Query) (session.Status, error) {
	var status session.Status
	var mark, subjectMark int64
	var r row
	err := retry(ctx, func() error {
		return s.db.QueryRowContext(ctx, s.statements.check, []byte(q.Subject), []byte(q.Session), []byte(q.Token), millis(q.Now)).
			Scan(append([]any{&status.Revoked, &mark, &subjectMark}, r.targets()...)...)
	})
	if err != nil {
		return session.Status{}, fmt.Errorf("sqlstore: Check: %w", err)
	}
	if q.Session == "" {
		mark = max(mark, subjectMark)
		status.Revoked = status.Revoked || mark != never && (q.Issued.IsZero() || q.Issued.UnixMilli() <= mark)
		return status, nil
	}
	record := r.record(q.Subject, q.Session)
	status.Ended = !record.Live(q.Now)
	if q.Record && !status.Ended {
		status.Record = record
	}
	return status, nil
}

// Rotate implements [session.Store].
func (s *Store) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	var result session.Result
	err := s.change(ctx, r.Subject, r.Session, r.Token, r.Now, func(known session.Record, revoked bool) (next session.Record) {
		result, next = r.Apply(known, revoked)
		return next
	})
	if err != nil {
		return session.Result{}, fmt.Errorf("sqlstore: Rotate: %w", err)
	}
	return result, nil
}

// End implements [session.Store].
func (s *Store) End(ctx context.Context, e session.Ending) (ended bool, err error) {
	err = s.change(ctx, e.Subject, e.Session, "", e.Now, func(known session.Record, _ bool) (next session.Record) {
		ended, next = e.Apply(known)
		return next
	})
	if err != nil {
		return false, fmt.Errorf("sqlstore: End: %w", err)
	}
	return ended, nil
}

// change locks a session, asks what becomes of it, and writes that down. The zero Record stands for one that the
// store does not know.
func (s *Store) change(
	ctx context.Context, subject, id, token string, now time.Time, apply func(known session.Record, revoked bool) session.Record,
) error {
	return s.transact(ctx, func(q querier) error {
		var revoked bool
		var r row
		err := q.QueryRowContext(ctx, s.statements.lock, []byte(subject), []byte(id), []byte(token), millis(now)).
			Scan(append([]any{&revoked}, r.targets()...)...)
		if errors.Is(err, sql.ErrNoRows) {
			apply(session.Record{}, false)
			return nil
		}
		if err != nil {
			return err
		}
		known := r.record(subject, id)
		next := apply(known, revoked)
		if next == known {
			return nil
		}
		_, err = q.ExecContext(ctx, s.statements.change, []byte(subject), []byte(id), []byte(next.Label), []byte(next.Scope),
			[]byte(next.Current), []byte(next.Previous), millis(next.RotatedAt), millis(next.Expires))
		return err
	})
}

// RevokeToken implements [session.Store], by one statement.
func (s *Store) RevokeToken(ctx context.Context, r session.Revocation) (first bool, err error) {
	var call []byte
	err = s.write(ctx, func() error {
		return s.db.QueryRowContext(ctx, s.statements.revoke,
			[]byte(r.Subject), []byte(r.Token), []byte(r.Call), millis(r.Until), millis(r.Now)).Scan(&call)
	})
	if err = s.wrote(ctx, "RevokeToken", r.Now, err); err != nil {
		return false, err
	}
	return string(call) == r.Call, nil
}

// RevokeSubject implements [session.Store].
func (s *Store) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	err := s.transact(ctx, func(q querier) error {
		if _, err := q.ExecContext(ctx, s.statements.touch, []byte(subject), millis(now), millis(until)); err != nil {
			return err
		}
		_, err := q.ExecContext(ctx, s.statements.forget, []byte(subject))
		return err
	})
	return s.wrote(ctx, "RevokeSubject", now, err)
}

// RevokeAll implements [session.Store].
func (s *Store) RevokeAll(ctx context.Context, now time.Time) error {
	err := s.write(ctx, func() error {
		_, err := s.db.ExecContext(ctx, s.statements.revokeAll, millis(now))
		return err
	})
	return s.wrote(ctx, "RevokeAll", now, err)
}

// List implements [session.Store].
func (s *Store) List(ctx context.Context, subject string, now time.Time) ([]session.Record, error) {
	var list []session.Record
	err := retry(ctx, func() error {
		rows, err := s.db.QueryContext(ctx, s.statements.list, []byte(subject), millis(now))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		list = nil
		for rows.Next() {
			var id []byte
			var r row
			if err := rows.Scan(append([]any{&id}, r.targets()...)...); err != nil {
				return err
			}
			list = append(list, r.record(subject, string(id)))
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: List: %w", err)
	}
	return list, nil
}
