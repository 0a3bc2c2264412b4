package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/session"
)

// Store is a [session.Store] in a database. Make one with [New]: the methods of one made otherwise return errors.
type Store struct {
	db         *sql.DB
	dialect    dialect
	statements statements
	since      time.Time
	turn       chan struct{} // has room for the one writer of a database that has no more
	writes     atomic.Uint64
	unsettled  atomic.Bool // look-ups need transactions of their own
}

var _ session.Store = (*Store)(nil)

// New returns a store in db, whose tables it makes if there are none; any number of processes may do so at once. The
// database stays the caller's to close.
//
// It fails when the database cannot be reached, when it is not of the dialect, or when a later version of this package
// has made its tables.
func New(ctx context.Context, db *sql.DB, d Dialect, opts ...Option) (*Store, error) {
	known, ok := dialects[d]
	if !ok || db == nil {
		return nil, errors.New("sqlstore: New wants a database, and SQLite, PostgreSQL or MySQL")
	}
	s := &Store{
		db:         db,
		dialect:    known,
		statements: newStatements(known),
		since:      time.Now(),
		turn:       make(chan struct{}, 1),
	}
	s.writes.Store(rand.Uint64N(1000)) //nolint:gosec // so that processes that write little clear up as well
	for _, o := range opts {
		o.apply(s)
	}
	for _, step := range []struct {
		of  string
		run func(ctx context.Context, s *Store) error
	}{
		{"the database", known.prepare},
		{"the tables", func(ctx context.Context, s *Store) error { return s.migrate(ctx) }},
		{"the tables", known.verify},
	} {
		if step.run == nil {
			continue
		}
		if err := step.run(ctx, s); err != nil {
			return nil, fmt.Errorf("sqlstore: %s: %w%s", step.of, err, other(ctx, db, d))
		}
	}
	return s, nil
}

// other asks whether a database is one of another dialect's, if it answers as such a one does.
func other(ctx context.Context, db *sql.DB, d Dialect) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for is, known := range dialects {
		var version string
		if is != d && db.QueryRowContext(ctx, known.version).Scan(&version) == nil {
			return ": is this database " + known.name + "?"
		}
	}
	return ""
}

// Option is a setting of a [Store].
type Option interface{ apply(s *Store) }

type option func(*Store)

func (f option) apply(s *Store) { f(s) }

// Since takes the store's word for tokens of no session that were issued after t, not at t: nobody had revoked any of
// them before the store was made. It counts when New makes the tables, and is nothing afterwards; unless set it is
// that moment. The zero time takes all, which is right where another system's tokens have to stay good, and in tests
// whose clock is in the past.
func Since(t time.Time) Option {
	return option(func(s *Store) { s.since = t })
}

// Begin implements [session.Store].
func (s *Store) Begin(ctx context.Context, r session.Record, limit int) error {
	limited := limit > 0
	if !limited {
		limit = math.MaxInt32
	}
	subject, id := key(r.Subject), key(r.Session)
	err := s.transact(ctx, func(q querier) error {
		// Of several logins at once each sees those before it.
		if err := exec(ctx, q, s.statements.lockSubject, subject, int64(never), millis(r.Start)); err != nil {
			return err
		}
		if known, err := exists(ctx, q, s.statements.known, subject, id); known || err != nil {
			return err
		}
		entered, err := changed(ctx, q, s.statements.begin, subject, id,
			text(r.Label), text(r.Scope), key(r.Current), key(r.Previous),
			millis(r.Start), millis(r.RotatedAt), millis(r.Expires))
		if err != nil || entered == 0 {
			return err
		}
		if limited { // one that is just being ended does not count when this one has begun
			if _, err := exists(ctx, q, s.statements.lockSessions, subject); err != nil {
				return err
			}
		}
		return exec(ctx, q, s.statements.evict, subject, millis(r.Start), limit)
	})
	if err != nil {
		return fmt.Errorf("sqlstore: Begin: %w", err)
	}
	s.tidy(ctx, r.Start)
	return nil
}

// Check implements [session.Store], by one statement.
func (s *Store) Check(ctx context.Context, q session.Query) (session.Status, error) {
	var status session.Status
	var settled bool
	var mark int64
	var subjectMark *int64
	var r row
	statement := s.statements.check
	targets := append([]any{&settled, &status.Revoked, &mark, &subjectMark}, r.vitals()...)
	if q.Record {
		statement, targets = s.statements.checkRecord, append(targets, r.details()...)
	}
	err := s.look(ctx, func(db querier) (bool, error) {
		err := queryRow(ctx, db, statement, key(q.Subject), key(q.Token), millis(q.Now), key(q.Session)).
			Scan(targets...)
		return settled, err
	})
	if err != nil {
		return session.Status{}, fmt.Errorf("sqlstore: Check: %w", err)
	}
	if q.Session == "" {
		if subjectMark != nil {
			mark = max(mark, *subjectMark)
		}
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
	apply := func(known session.Record, revoked bool) (next session.Record) {
		result, next = r.Apply(known, revoked)
		return next
	}
	err := s.change(ctx, r.Subject, r.Session, r.Token, r.Now, apply)
	if err != nil {
		return session.Result{}, fmt.Errorf("sqlstore: Rotate: %w", err)
	}
	return result, nil
}

// End implements [session.Store].
func (s *Store) End(ctx context.Context, e session.Ending) (ended bool, err error) {
	apply := func(known session.Record, _ bool) (next session.Record) {
		ended, next = e.Apply(known)
		return next
	}
	err = s.change(ctx, e.Subject, e.Session, "", e.Now, apply)
	if err != nil {
		return false, fmt.Errorf("sqlstore: End: %w", err)
	}
	return ended, nil
}

// change locks a session, asks what becomes of it, and writes that down. The zero Record stands for one that the
// store does not know.
func (s *Store) change(
	ctx context.Context, subject, id, token string, now time.Time,
	apply func(known session.Record, revoked bool) session.Record,
) error {
	return s.transact(ctx, func(q querier) error {
		// Locked first and read then, by a statement of its own: what a statement that waits for a lock reads of
		// other tables is from before it waited. One that was not there to be locked may be there to be read: it began
		// in between, and another call may be changing it as well.
		locked, err := exists(ctx, q, s.statements.lockSession, key(subject), key(id))
		if err != nil {
			return err
		}
		if !locked && s.statements.lockSession.text != "" {
			apply(session.Record{}, false)
			return nil
		}
		free, err := s.lockToken(ctx, q, subject, token)
		if err != nil {
			return err
		}
		var revoked bool
		var r row
		err = queryRow(ctx, q, s.statements.read, key(subject), key(token), millis(now), key(id)).
			Scan(append(append([]any{&revoked}, r.vitals()...), r.details()...)...)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		known := r.record(subject, id)
		if next := apply(known, revoked); next != known {
			err := exec(ctx, q, s.statements.change, key(subject), key(id), text(next.Label), text(next.Scope),
				key(next.Current), key(next.Previous), millis(next.RotatedAt), millis(next.Expires))
			if err != nil {
				return err
			}
		}
		return free()
	})
}

// lockToken keeps a token from being revoked until the transaction has ended: who was told that it is, and then finds
// the session as it was, must not see it rotated by that token afterwards. free is the last that the transaction does.
func (s *Store) lockToken(ctx context.Context, q querier, subject, token string) (free func() error, err error) {
	if token == "" || s.statements.lockToken.text == "" {
		return func() error { return nil }, nil
	}
	err = exec(ctx, q, s.statements.lockToken, key(subject), key(token), key(""), int64(never))
	return func() error {
		return exec(ctx, q, s.statements.freeToken, key(subject), key(token), int64(never))
	}, err
}

// RevokeToken implements [session.Store], by one statement, or in MySQL by a transaction.
func (s *Store) RevokeToken(ctx context.Context, r session.Revocation) (first bool, err error) {
	var by []byte
	err = s.write(ctx, func(q querier) error {
		revoke, revoker := s.statements.revokeToken, s.statements.revoker
		args := []any{key(r.Subject), key(r.Token), key(r.Call), millis(r.Until), millis(r.Now)}
		if revoker.text != "" {
			if err := exec(ctx, q, revoke, args...); err != nil {
				return err
			}
			revoke = revoker
		}
		return queryRow(ctx, q, revoke, args...).Scan(&by)
	})
	if err != nil {
		return false, fmt.Errorf("sqlstore: RevokeToken: %w", err)
	}
	s.tidy(ctx, r.Now)
	return string(by) == r.Call, nil
}

// RevokeSubject implements [session.Store].
func (s *Store) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	err := s.transact(ctx, func(q querier) error {
		if err := exec(ctx, q, s.statements.mark, key(subject), millis(now), millis(until)); err != nil {
			return err
		}
		return exec(ctx, q, s.statements.endSubject, key(subject))
	})
	if err != nil {
		return fmt.Errorf("sqlstore: RevokeSubject: %w", err)
	}
	s.tidy(ctx, now)
	return nil
}

// RevokeAll implements [session.Store], by one statement.
func (s *Store) RevokeAll(ctx context.Context, now time.Time) error {
	err := s.write(ctx, func(q querier) error { return exec(ctx, q, s.statements.revokeAll, millis(now)) })
	if err != nil {
		return fmt.Errorf("sqlstore: RevokeAll: %w", err)
	}
	return nil
}

// List implements [session.Store], by one statement.
func (s *Store) List(ctx context.Context, subject string, now time.Time) (list []session.Record, err error) {
	err = s.look(ctx, func(q querier) (settled bool, err error) {
		list, settled, err = s.list(ctx, q, subject, now)
		return settled, err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: List: %w", err)
	}
	return list, nil
}

func (s *Store) list(
	ctx context.Context, q querier, subject string, now time.Time,
) (list []session.Record, settled bool, err error) {
	settled = true
	statement := s.statements.list
	rows, err := q.QueryContext(ctx, statement.text, statement.args([]any{key(subject), millis(now)})...)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id []byte
		var r row
		if err := rows.Scan(append(append([]any{&settled, &id}, r.vitals()...), r.details()...)...); err != nil {
			return nil, false, err
		}
		list = append(list, r.record(subject, string(id)))
	}
	return list, settled, rows.Err()
}
