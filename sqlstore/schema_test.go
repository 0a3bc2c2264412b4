package sqlstore_test

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// Any number of processes makes the tables at once, and finds those that are there.
func TestTablesAreMadeOnce(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		var pools [16]*sql.DB
		for i := range pools {
			pools[i] = pool(t)
		}
		together(t, 64, func(i int) error {
			_, err := sqlstore.New(ctx, pools[i%len(pools)], d.dialect)
			return err
		})
		require.Equal(t, 1, count(t, pools[0], "jot_schema WHERE version = 1"))
		require.Equal(t, 1, count(t, pools[0], "jot_schema"))
		require.Equal(t, 1, count(t, pools[0], "jot_state"))
	})
}

func TestTablesOfOthers(t *testing.T) {
	const tooNew = "they have version 99, and this package knows 1: it is too old for them"
	for _, tc := range []struct{ statement, want string }{
		{"UPDATE jot_schema SET version = 99", tooNew},
		{"DELETE FROM jot_schema", "jot_schema is empty: it is not this package's"},
	} {
		on(t, func(t *testing.T, d database) {
			db := d.open(t)(t)
			newStore(t, db, d.dialect)
			run(t, connection(t, db), begin[d.dialect], tc.statement, "COMMIT")
			_, err := sqlstore.New(ctx, db, d.dialect)
			require.EqualError(t, err, "sqlstore: the tables: "+tc.want)
		})
	}
}

// What fails in the middle leaves nothing.
func TestTablesAreMadeWhole(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		db := d.open(t)(t)
		run(t, db, "CREATE TABLE jot_tokens (x integer)")
		_, err := sqlstore.New(ctx, db, d.dialect)
		require.ErrorContains(t, err, "sqlstore: the tables: ")
		require.ErrorContains(t, err, "jot_tokens")
		run(t, db, "DROP TABLE jot_tokens")
		newStore(t, db, d.dialect)
	})
}

// Once the tables are there a service needs no right to make any.
func TestFewRights(t *testing.T) {
	for _, d := range databases[1:] {
		t.Run(d.name, func(t *testing.T) {
			db, role := d.open(t)(t), "r"+lower()[:20]
			newStore(t, db, d.dialect)
			s := newStore(t, asRole(t, db, d.dialect, role), d.dialect)
			require.NoError(t, everything(s, "alice", "s", 0))
			_, err := s.Purge(ctx, now)
			require.NoError(t, err)
			require.NoError(t, s.RevokeAll(ctx, now))
		})
	}
}

// asRole opens a database as one who may read and write what is there.
func asRole(t *testing.T, db *sql.DB, d sqlstore.Dialect, role string) *sql.DB {
	t.Helper()
	var name string
	if d == sqlstore.PostgreSQL {
		require.NoError(t, db.QueryRowContext(ctx, "SELECT current_database()").Scan(&name))
		run(t, db, "CREATE ROLE "+role+" LOGIN", "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
			"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+role)
		t.Cleanup(func() { run(t, db, "DROP OWNED BY "+role, "DROP ROLE "+role) })
		dsn, err := url.Parse(enginetest.Postgres(t))
		require.NoError(t, err)
		dsn.User, dsn.Path = url.User(role), "/"+name
		return open(t, "pgx", dsn.String())
	}
	require.NoError(t, db.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&name))
	run(t, db, "CREATE USER "+role, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+name+".* TO "+role)
	t.Cleanup(func() { run(t, db, "DROP USER "+role) })
	return open(t, "mysql", strings.Replace(enginetest.MariaDB(t), "root@", role+"@", 1)+name)
}

func TestNewRefuses(t *testing.T) {
	_, err := sqlstore.New(ctx, nil, sqlstore.SQLite)
	require.EqualError(t, err, "sqlstore: New wants a database, and SQLite, PostgreSQL or MySQL")
	_, err = sqlstore.New(ctx, new(sql.DB), 0)
	require.EqualError(t, err, "sqlstore: New wants a database, and SQLite, PostgreSQL or MySQL")
	_, err = sqlstore.New(ctx, open(t, "pgx", "postgres://127.0.0.1:1/nowhere"), sqlstore.PostgreSQL)
	require.ErrorContains(t, err, "sqlstore: the tables: ")
}

// The database of another dialect is known by how it answers.
func TestWrongDialect(t *testing.T) {
	_, err := sqlstore.New(ctx, sqlite(t, sqliteSettings)(t), sqlstore.PostgreSQL)
	require.ErrorContains(t, err, "sqlstore: the tables: ")
	require.ErrorContains(t, err, ": is this database SQLite?")
	server := postgres(t, "read committed")(t)
	_, err = sqlstore.New(ctx, server, sqlstore.SQLite)
	require.ErrorContains(t, err, "sqlstore: the database: ")
	require.ErrorContains(t, err, ": is this database PostgreSQL?")
	newStore(t, server, sqlstore.PostgreSQL)
	_, err = sqlstore.New(ctx, server, sqlstore.MySQL)
	require.ErrorContains(t, err, ": is this database PostgreSQL?")
	_, err = sqlstore.New(ctx, sqlite(t, sqliteSettings)(t), sqlstore.MySQL)
	require.ErrorContains(t, err, ": is this database SQLite?")
	for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL} {
		_, err = sqlstore.New(ctx, mariadb(t, "")(t), d)
		require.ErrorContains(t, err, ": is this database MySQL?")
	}

	gone, cancel := context.WithCancel(ctx)
	cancel()
	for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL, sqlstore.MySQL} {
		_, err = sqlstore.New(gone, server, d)
		require.ErrorIs(t, err, context.Canceled)
		require.NotContains(t, err.Error(), "is this database")
	}
}

// A Store that nobody made says so, whatever is asked of it.
func TestStoreOfNobody(t *testing.T) {
	s := new(sqlstore.Store)
	for name, call := range map[string]func() error{
		"Begin":         func() error { return s.Begin(ctx, record("alice", "s"), 1) },
		"Check":         func() error { _, err := s.Check(ctx, session.Query{Subject: "alice"}); return err },
		"Rotate":        func() error { _, err := s.Rotate(ctx, rotation("alice", "s")); return err },
		"End":           func() error { _, err := s.End(ctx, session.Ending{Subject: "alice"}); return err },
		"RevokeToken":   func() error { _, err := s.RevokeToken(ctx, revocation("alice", "t", now)); return err },
		"RevokeSubject": func() error { return s.RevokeSubject(ctx, "alice", now, now) },
		"RevokeAll":     func() error { return s.RevokeAll(ctx, now) },
		"List":          func() error { _, err := s.List(ctx, "alice", now); return err },
		"Purge":         func() error { _, err := s.Purge(ctx, now); return err },
	} {
		require.EqualError(t, call(), "sqlstore: "+name+": the Store was not made by New")
	}
}

func TestInMemory(t *testing.T) {
	for _, dsn := range []string{":memory:", "file::memory:?cache=shared", ""} {
		_, err := sqlstore.New(ctx, open(t, "sqlite", dsn), sqlstore.SQLite)
		require.ErrorContains(t, err, "name a file, use package memstore, or SetMaxOpenConns(1)", dsn)
	}
	one := open(t, "sqlite", ":memory:")
	one.SetMaxOpenConns(1)
	s := newStore(t, one, sqlstore.SQLite)
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	together(t, 8, func(int) error {
		_, err := s.Rotate(ctx, rotation("alice", "s"))
		return err
	})
	gone, cancel := context.WithCancel(ctx)
	require.ErrorIs(t, s.Transact(gone, func(func(string) error) error {
		cancel()
		return gone.Err()
	}), context.Canceled)
	require.Error(t, s.Begin(gone, record("bob", "s"), 1))
	list, err := s.List(ctx, "alice", now)
	require.NoError(t, err)
	require.Len(t, list, 1, "whoever goes away leaves the one connection as it is")
}

// What was there before the store is taken or not, as Since says, and a second New changes nothing of it.
func TestSince(t *testing.T) {
	since := func(t time.Time) []sqlstore.Option { return []sqlstore.Option{sqlstore.Since(t)} }
	on(t, func(t *testing.T, d database) {
		for name, tc := range map[string]struct {
			opts  []sqlstore.Option
			taken []bool // issued an hour ago, a minute ago, now and a minute, and nobody knows when
		}{
			"unless set": {nil, []bool{false, false, true, false}},
			"a time":     {since(now.Add(-30 * time.Minute)), []bool{false, true, true, false}},
			"zero":       {since(time.Time{}), []bool{true, true, true, true}},
		} {
			t.Run(name, func(t *testing.T) {
				db := d.open(t)(t)
				newStore(t, db, d.dialect, tc.opts...)
				s := newStore(t, db, d.dialect, sqlstore.Since(now.Add(time.Hour)))
				for i, issued := range []time.Time{
					now.Add(-time.Hour), now.Add(-time.Minute), time.Now().Add(time.Minute), {},
				} {
					status, err := s.Check(ctx, session.Query{Subject: "alice", Token: "t", Issued: issued, Now: now})
					require.NoError(t, err)
					require.Equal(t, tc.taken[i], !status.Revoked, i)
				}
			})
		}
	})
}
