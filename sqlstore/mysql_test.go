package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// What would not keep the promises of a store is refused when the store is made, and says why.
func TestMySQLRefuses(t *testing.T) {
	for _, tc := range []struct{ settings, want string }{
		{"charset=gbk", "character_set_client is gbk, in which quoting is not safe: use utf8mb4"},
		{"charset=sjis", "character_set_client is sjis, in which quoting is not safe: use utf8mb4"},
		{"character_set_connection=utf16", "and character_set_connection utf16: they have to be the same"},
		{"sql_safe_updates=1", "sql_safe_updates is on, with which nothing that has expired can be deleted"},
	} {
		_, err := sqlstore.New(ctx, mariadb(t, tc.settings)(t), sqlstore.MySQL)
		require.ErrorContains(t, err, "sqlstore: the database: ")
		require.ErrorContains(t, err, tc.want)
		require.NotContains(t, err.Error(), "is this database")
	}
	_, err := sqlstore.New(ctx, open(t, "mysql", enginetest.MariaDB(t)), sqlstore.MySQL)
	require.ErrorContains(t, err, "no database is selected")
	_, err = sqlstore.New(ctx, open(t, "mysql", "root@tcp(127.0.0.1:1)/nowhere"), sqlstore.MySQL)
	require.ErrorContains(t, err, "refused")
}

func TestMySQLVersions(t *testing.T) {
	for version, want := range map[string]string{
		"8.0.19":                      "",
		"8.4.3-0ubuntu1":              "",
		"9.1.0":                       "",
		"8.0.11-TiDB-v7.5.1":          "",
		"10.6.0-MariaDB":              "",
		"10.11.19-MariaDB-0+deb12u1":  "",
		"11.4.2-MariaDB-log":          "",
		"5.7.44-log":                  "it is MySQL 5.7.44-log, and has to be MySQL 8.0 or MariaDB 10.6 at least",
		"10.5.26-MariaDB-0+deb11u2":   "it is MariaDB 10.5.26-MariaDB-0+deb11u2, and has to be",
		"5.5.5-10.3.39-MariaDB-proxy": "it is MariaDB 5.5.5-10.3.39-MariaDB-proxy, and has to be",
		"":                            "it is MySQL , and has to be",
	} {
		err := sqlstore.RefuseOld(version)
		if want == "" {
			require.NoError(t, err, version)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}

// A server whose log is one of statements carries out none of ours.
func TestMySQLLog(t *testing.T) {
	server := enginetest.OwnMariaDB(t, "--log-bin", "--server-id=1")
	admin := open(t, "mysql", server.DSN)
	run(t, admin, "CREATE DATABASE sessions")
	_, err := sqlstore.New(ctx, open(t, "mysql", server.DSN+"sessions?binlog_format=STATEMENT"), sqlstore.MySQL)
	require.ErrorContains(t, err, "binlog_format is STATEMENT, with which nothing can be written")
	s := newStore(t, open(t, "mysql", server.DSN+"sessions"), sqlstore.MySQL)
	require.NoError(t, everything(s, "alice", "s", 0))
}

// Tables of an engine without transactions are refused, whoever changed them.
func TestMySQLEngine(t *testing.T) {
	db := mariadb(t, "")(t)
	newStore(t, db, sqlstore.MySQL)
	run(t, db, "ALTER TABLE jot_tokens ENGINE=MyISAM")
	_, err := sqlstore.New(ctx, db, sqlstore.MySQL)
	require.EqualError(t, err, "sqlstore: the tables: their engine is not InnoDB")
	run(t, db, "ALTER TABLE jot_tokens ENGINE=InnoDB")
	newStore(t, db, sqlstore.MySQL)
}

// A process that was killed while it made the tables has left some, under names of their own.
func TestMySQLTablesOfOneThatWasKilled(t *testing.T) {
	db := mariadb(t, "")(t)
	run(t, db, "CREATE TABLE jot_new_schema (version integer)", "CREATE TABLE jot_new_tokens (x integer)")
	s := newStore(t, db, sqlstore.MySQL)
	require.NoError(t, everything(s, "alice", "s", 0))
	require.Equal(t, 5, count(t, db, "information_schema.tables WHERE table_schema = DATABASE()"))
}

// Whoever makes tables keeps others from it, whatever becomes of him.
func TestMySQLWhoMakesTablesIsAlone(t *testing.T) {
	pool := mariadb(t, "")
	other := connection(t, pool(t))
	locked := 0
	require.NoError(t, other.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('jot ', MD5(DATABASE())), 0)").Scan(&locked))
	require.Equal(t, 1, locked)
	made := make(chan error, 1)
	db := pool(t)
	go func() {
		_, err := sqlstore.New(ctx, db, sqlstore.MySQL)
		made <- err
	}()
	require.Eventually(t, func() bool {
		return count(t, db, "information_schema.processlist WHERE db = DATABASE() AND state = 'User lock'") == 1
	}, 10*time.Second, time.Millisecond)
	require.Zero(t, count(t, db, "information_schema.tables WHERE table_schema = DATABASE()"))
	run(t, other, "DO RELEASE_ALL_LOCKS()")
	require.NoError(t, <-made)
	require.NoError(t, other.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('jot ', MD5(DATABASE())), 0)").Scan(&locked))
	require.Equal(t, 1, locked, "nobody holds it afterwards")
}

// A connection without autocommit begins a transaction at a look-up, and would see the same for ever.
func TestMySQLAutocommit(t *testing.T) {
	pool := mariadb(t, "")
	direct := newStore(t, pool(t), sqlstore.MySQL)
	for name, open := range map[string]func(t *testing.T) (*sqlstore.Store, *sql.DB){
		"off": func(t *testing.T) (*sqlstore.Store, *sql.DB) {
			var name string
			require.NoError(t, pool(t).QueryRowContext(ctx, "SELECT DATABASE()").Scan(&name))
			db := open(t, "mysql", enginetest.MariaDB(t)+name+"?autocommit=0")
			return newStore(t, db, sqlstore.MySQL), db
		},
		"switched off": func(t *testing.T) (*sqlstore.Store, *sql.DB) {
			db := pool(t)
			s := newStore(t, db, sqlstore.MySQL)
			db.SetMaxOpenConns(1)
			run(t, db, "SET autocommit = 0")
			return s, db
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, db := open(t)
			db.SetMaxOpenConns(1)
			subject := lower()
			require.NoError(t, s.Begin(ctx, record(subject, "s"), 1))
			q := session.Query{Subject: subject, Session: "s", Token: "t", Now: now}
			for _, revoked := range []bool{false, true} {
				status, err := s.Check(ctx, q)
				require.NoError(t, err)
				require.Equal(t, session.Status{Revoked: revoked}, status)
				list, err := s.List(ctx, subject, now)
				require.NoError(t, err)
				require.Len(t, list, 1)
				_, err = direct.RevokeToken(ctx, revocation(subject, "t", now.Add(time.Hour)))
				require.NoError(t, err)
			}
			ended, err := direct.End(ctx, session.Ending{Subject: subject, Session: "s", Call: "c", Now: now})
			require.NoError(t, err)
			require.True(t, ended)
			list, err := s.List(ctx, subject, now)
			require.NoError(t, err)
			require.Empty(t, list)
			_, err = s.RevokeToken(ctx, revocation(subject, "x", now.Add(time.Hour)))
			require.NoError(t, err)
			require.NoError(t, s.RevokeAll(ctx, now))
			status, err := direct.Check(ctx, session.Query{Subject: subject, Session: "s", Token: "x", Now: now})
			require.NoError(t, err)
			require.True(t, status.Revoked, "what one has written others see")
		})
	}
}

// What is not committed yet may never be, and nobody sees it, even where that is the default.
func TestMySQLUncommitted(t *testing.T) {
	pool := mariadb(t, "tx_isolation='READ-UNCOMMITTED'")
	s, other := newStore(t, pool(t), sqlstore.MySQL), connection(t, pool(t))
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	run(t, other, "BEGIN", "DELETE FROM jot_sessions", "UPDATE jot_state SET epoch = epoch + 1",
		"INSERT INTO jot_tokens VALUES ('alice', 't', 'c', 9223372036854775807)")
	status, err := s.Check(ctx, session.Query{Subject: "alice", Session: "s", Token: "t", Now: now})
	require.NoError(t, err)
	require.Equal(t, session.Status{}, status)
	list, err := s.List(ctx, "alice", now)
	require.NoError(t, err)
	require.Len(t, list, 1)
	run(t, other, "ROLLBACK")
}

// A lock that a server lets nobody wait for long is asked for again.
func TestMySQLLockWait(t *testing.T) {
	pool := mariadb(t, "innodb_lock_wait_timeout=1")
	s, other := newStore(t, pool(t), sqlstore.MySQL), connection(t, pool(t))
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	run(t, other, "BEGIN", "UPDATE jot_sessions SET label = label")
	waited := 0
	err := s.Transact(ctx, func(exec func(statement string) error) error {
		err := exec("UPDATE jot_sessions SET label = label")
		if err != nil {
			require.ErrorContains(t, err, "1205")
			waited++
			run(t, other, "ROLLBACK")
		}
		return err
	})
	require.NoError(t, err)
	require.Equal(t, 1, waited)
}

// Callers that go away while they wait for a lock, of a row or of a table, leave no connections that wait on.
func TestMySQLNobodyWaitsForNobody(t *testing.T) {
	for name, lock := range map[string][]string{
		"row":   {"BEGIN", "UPDATE jot_sessions SET label = label"},
		"table": {"LOCK TABLES jot_sessions WRITE, jot_state WRITE"},
	} {
		t.Run(name, func(t *testing.T) {
			pool := mariadb(t, documented)
			db := pool(t)
			s, other := newStore(t, db, sqlstore.MySQL), connection(t, pool(t))
			require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
			run(t, other, lock...)
			together(t, 8, func(int) error {
				short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
				defer cancel()
				if _, err := s.Rotate(short, rotation("alice", "s")); err == nil {
					return errors.New("nobody was waited for")
				}
				return nil
			})
			require.Eventually(t, func() bool {
				return count(t, db, "information_schema.processlist WHERE db = DATABASE() AND info LIKE '%jot_%' "+
					"AND id <> CONNECTION_ID()") == 0
			}, 30*time.Second, 10*time.Millisecond)
			run(t, other, "UNLOCK TABLES", "ROLLBACK")
			_, err := s.Rotate(ctx, rotation("alice", "s"))
			require.NoError(t, err)
		})
	}
}

// A server that is not strict cuts what is too long, and takes it for something else.
func TestTooLong(t *testing.T) {
	for name, pool := range map[string]func(t testing.TB) *sql.DB{
		"SQLite": sqlite(t, sqliteSettings), "PostgreSQL": postgres(t, "read committed"),
		"MariaDB": mariadb(t, "sql_mode=''"),
	} {
		t.Run(name, func(t *testing.T) {
			db := pool(t)
			s := newStore(t, db, map[string]sqlstore.Dialect{
				"SQLite": sqlstore.SQLite, "PostgreSQL": sqlstore.PostgreSQL, "MariaDB": sqlstore.MySQL,
			}[name])
			long := strings.Repeat("x", 65)
			require.ErrorContains(t, s.Begin(ctx, record(long, "s"), 1), "65 bytes are more than 64")
			require.ErrorContains(t, s.Begin(ctx, record("alice", long), 1), "65 bytes are more than 64")
			r := record("alice", "s")
			r.Scope = strings.Repeat("x", 8193)
			require.ErrorContains(t, s.Begin(ctx, r, 1), "8193 bytes are more than 8192")
			r.Scope, r.Label = r.Scope[1:], strings.Repeat("é", 128)
			require.NoError(t, s.Begin(ctx, r, 1))
			list, err := s.List(ctx, "alice", now)
			require.NoError(t, err)
			require.Equal(t, []session.Record{r}, list)
			_, err = s.RevokeToken(ctx, revocation("alice", long, now.Add(time.Hour)))
			require.ErrorContains(t, err, "65 bytes are more than 64")
			_, err = s.Check(ctx, session.Query{Subject: "alice", Token: long, Now: now})
			require.ErrorContains(t, err, "65 bytes are more than 64")
			require.Equal(t, 0, count(t, db, "jot_tokens"))
		})
	}
}
