package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
	"github.com/go-jot/jot/sqlstore"
)

var (
	ctx = context.Background()
	now = time.UnixMilli(time.Now().UnixMilli()).UTC()
)

func lower() string { return strings.ToLower(rand.Text()) }

func newStore(t testing.TB, db *sql.DB, d database, opts ...sqlstore.Option) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(ctx, db, d.dialect, opts...)
	require.NoError(t, err)
	return s
}

func on(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) { test(t, d) })
	}
}

func TestStore(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		db := d.open(t)(t)
		sessiontest.Run(t, func(t *testing.T) session.Store { return newStore(t, db, d) })
	})
}

func record(subject, id string) session.Record {
	return session.Record{Subject: subject, Session: id, Scope: "a b", Current: "1", Start: now, Expires: now.Add(time.Hour)}
}

// together runs f many times at once.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	group.Wait()
}

// Any number of processes makes the tables at once, and finds those that are there.
func TestTablesAreMadeOnce(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		const n = 16
		var pools [n]*sql.DB
		for i := range pools {
			pools[i] = pool(t)
		}
		var errs [n]error
		together(n, func(i int) {
			for range 4 {
				_, err := sqlstore.New(ctx, pools[i], d.dialect)
				errs[i] = errors.Join(errs[i], err)
			}
		})
		require.NoError(t, errors.Join(errs[:]...))
		var versions int
		require.NoError(t, pools[0].QueryRowContext(ctx, "SELECT COUNT(*) FROM jot_schema").Scan(&versions))
		require.Equal(t, 1, versions)

		_, err := pools[0].ExecContext(ctx, "INSERT INTO jot_schema (version) VALUES (99)")
		require.NoError(t, err)
		_, err = sqlstore.New(ctx, pools[0], d.dialect)
		require.EqualError(t, err, "sqlstore: the tables: they have version 99, and this package knows 1: it is too old for them")
	})
}

// A service that may not make tables uses those that somebody else has made.
func TestTablesOfAnother(t *testing.T) {
	pool := postgres(t, "read committed")
	owner := pool(t)
	d := databases[1]
	newStore(t, owner, d)
	for _, statement := range []string{
		"DO $$ BEGIN CREATE ROLE service LOGIN; EXCEPTION WHEN duplicate_object THEN END $$",
		"REVOKE CREATE ON SCHEMA public FROM PUBLIC",
		"GRANT SELECT ON jot_schema, jot_state TO service", "GRANT UPDATE ON jot_state TO service",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON jot_subjects, jot_sessions, jot_tokens TO service",
	} {
		_, err := owner.ExecContext(ctx, statement)
		require.NoError(t, err, statement)
	}
	service := pool(t)
	service.SetMaxOpenConns(1)
	_, err := service.ExecContext(ctx, "SET ROLE service")
	require.NoError(t, err)
	_, err = service.ExecContext(ctx, "CREATE TABLE mine (x int)")
	require.Error(t, err)
	s := newStore(t, service, d)
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	require.NoError(t, s.RevokeSubject(ctx, "alice", now, now.Add(time.Hour)))
	require.NoError(t, s.RevokeAll(ctx, now))
	_, err = s.Purge(ctx, now.Add(2*time.Hour))
	require.NoError(t, err)
}

func TestNewRefuses(t *testing.T) {
	_, err := sqlstore.New(ctx, nil, sqlstore.SQLite)
	require.EqualError(t, err, "sqlstore: New wants a database, and SQLite or PostgreSQL")
	_, err = sqlstore.New(ctx, new(sql.DB), 0)
	require.EqualError(t, err, "sqlstore: New wants a database, and SQLite or PostgreSQL")

	_, err = sqlstore.New(ctx, open(t, "sqlite", ":memory:"), sqlstore.SQLite)
	require.ErrorContains(t, err, "for a database in memory use package memstore, or SetMaxOpenConns(1)")
	one := open(t, "sqlite", ":memory:")
	one.SetMaxOpenConns(1)
	s, err := sqlstore.New(ctx, one, sqlstore.SQLite)
	require.NoError(t, err)
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))

	closed := open(t, "pgx", "postgres://127.0.0.1:1/nowhere")
	_, err = sqlstore.New(ctx, closed, sqlstore.PostgreSQL)
	require.ErrorContains(t, err, "sqlstore: the tables: ")
}

// What was there before the store is taken or not, as Since says, and a second New changes nothing of it.
func TestSince(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		for name, tc := range map[string]struct {
			opts  []sqlstore.Option
			taken []bool // issued an hour ago, a minute ago, now and a minute
		}{
			"unless set": {nil, []bool{false, false, true}},
			"a time":     {[]sqlstore.Option{sqlstore.Since(now.Add(-30 * time.Minute))}, []bool{false, true, true}},
			"zero":       {[]sqlstore.Option{sqlstore.Since(time.Time{})}, []bool{true, true, true}},
		} {
			t.Run(name, func(t *testing.T) {
				db := d.open(t)(t)
				newStore(t, db, d, tc.opts...)
				s := newStore(t, db, d)
				for i, issued := range []time.Time{now.Add(-time.Hour), now.Add(-time.Minute), time.Now().Add(time.Minute)} {
					status, err := s.Check(ctx, session.Query{Subject: "alice", Token: "t", Issued: issued, Now: now})
					require.NoError(t, err)
					require.Equal(t, tc.taken[i], !status.Revoked, i)
				}
			})
		}
	})
}

// The limit is exact for processes that know nothing of each other.
func TestLimitOverPools(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		stores := [2]*sqlstore.Store{}
		for i := range stores {
			stores[i] = newStore(t, pool(t), d)
		}
		for _, limit := range []int{1, 3} {
			subject := lower()
			var errs [64]error
			together(len(errs), func(i int) {
				errs[i] = stores[i%2].Begin(ctx, record(subject, strconv.Itoa(i)), limit)
			})
			require.NoError(t, errors.Join(errs[:]...))
			list, err := stores[0].List(ctx, subject, now)
			require.NoError(t, err)
			require.Len(t, list, limit)
		}
	})
}

// Rows go in batches, while others are at work, and none goes early. Nobody has to purge: those who write do.
func TestPurge(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		db := d.open(t)(t)
		s := newStore(t, db, d)
		for i := range 1300 {
			_, err := s.RevokeToken(ctx, session.Revocation{
				Subject: "alice", Token: strconv.Itoa(i), Call: "c", Now: now, Until: now.Add(time.Duration(i%2+1) * time.Hour),
			})
			require.NoError(t, err)
		}
		for i := range 20 {
			require.NoError(t, s.Begin(ctx, record("user "+strconv.Itoa(i), "s"), 1))
			require.NoError(t, s.RevokeSubject(ctx, "out "+strconv.Itoa(i), now, now.Add(time.Hour)))
		}
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				status, err := s.Check(ctx, session.Query{Subject: "alice", Session: "none", Token: "1", Now: now})
				if err == nil && !status.Revoked {
					err = errors.New("a revoked token passed while others were purged")
				}
				if err != nil {
					done <- err
					return
				}
			}
		}()
		n, err := s.Purge(ctx, now.Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 650+20+20+20, n, "tokens, sessions, and the rows of subjects")
		close(stop)
		require.NoError(t, <-done)
		for i := range 1300 {
			status, err := s.Check(ctx, session.Query{Subject: "alice", Session: "none", Token: strconv.Itoa(i), Now: now})
			require.NoError(t, err)
			require.Equal(t, i%2 == 1, status.Revoked)
		}
		n, err = s.Purge(ctx, now.Add(time.Hour))
		require.NoError(t, err)
		require.Zero(t, n)

		later := now.Add(3 * time.Hour)
		for i := range 200 {
			r := record("later "+strconv.Itoa(i), "s")
			r.Start, r.Expires = later, later.Add(time.Hour)
			require.NoError(t, s.Begin(ctx, r, 1))
		}
		require.Equal(t, 0, count(t, db, "jot_tokens"), "who writes clears up")
	})
}

func count(t testing.TB, db *sql.DB, table string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

// Whoever keeps the rows of one subject locked is waited for, and the caller's time is the limit.
func TestDeadline(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db := pool(t)
		s := newStore(t, db, d)
		require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
		other, err := pool(t).Conn(ctx)
		require.NoError(t, err)
		defer func() { require.NoError(t, other.Close()) }()
		begin := map[sqlstore.Dialect]string{sqlstore.SQLite: "BEGIN IMMEDIATE", sqlstore.PostgreSQL: "BEGIN"}[d.dialect]
		_, err = other.ExecContext(ctx, begin)
		require.NoError(t, err)
		_, err = other.ExecContext(ctx, "UPDATE jot_sessions SET label = label")
		require.NoError(t, err)

		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err = s.Rotate(short, session.Rotation{Subject: "alice", Session: "s", Presented: "1", Next: "2", Token: "t", Now: now})
		require.Error(t, err)
		status, err := s.Check(ctx, session.Query{Subject: "alice", Session: "s", Token: "t", Now: now})
		require.NoError(t, err, "who looks up waits for nobody")
		require.False(t, status.Ended)

		_, err = other.ExecContext(ctx, "ROLLBACK")
		require.NoError(t, err)
		result, err := s.Rotate(ctx, session.Rotation{Subject: "alice", Session: "s", Presented: "1", Next: "2", Token: "t", Now: now})
		require.NoError(t, err)
		require.Equal(t, session.Rotated, result.Outcome, "what failed was not carried out")
		require.Zero(t, db.Stats().InUse)
	})
}

// Transactions that are in each other's way are tried again: whatever isolation a database has by default.
func TestManyAtOnce(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		stores := [2]*sqlstore.Store{newStore(t, pool(t), d), newStore(t, pool(t), d)}
		var errs [32]error
		together(len(errs), func(i int) {
			s, fail := stores[i%2], func(err error) { errs[i] = errors.Join(errs[i], err) }
			for round := range 10 {
				subject := strconv.Itoa((i + round) % 3)
				id := fmt.Sprint(i, "/", round)
				fail(s.Begin(ctx, record(subject, id), 4))
				_, err := s.Rotate(ctx, session.Rotation{Subject: subject, Session: id, Presented: "1", Next: "2", Token: "t", Now: now})
				fail(err)
				_, err = s.RevokeToken(ctx, session.Revocation{Subject: subject, Token: "x", Call: lower(), Now: now, Until: now.Add(time.Hour)})
				fail(err)
				_, err = s.End(ctx, session.Ending{Subject: subject, Session: id, Call: "c", Now: now})
				fail(err)
				_, err = s.List(ctx, subject, now)
				fail(err)
				if round%4 == 0 {
					fail(s.RevokeSubject(ctx, subject, now, now.Add(time.Hour)))
				}
				if round == 9 {
					fail(s.RevokeAll(ctx, now))
				}
				_, err = s.Purge(ctx, now.Add(time.Duration(round%2)*2*time.Hour))
				fail(err)
			}
		})
		require.NoError(t, errors.Join(errs[:]...))
	})
}
