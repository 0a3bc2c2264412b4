package sqlstore_test

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/sqlstore"
)

// database is one that the tests run on.
type database struct {
	name    string
	dialect sqlstore.Dialect
	// open makes a new database; what it returns opens one more pool of connections to it.
	open func(t testing.TB) (pool func(t testing.TB) *sql.DB)
}

var databases = []database{
	{"SQLite", sqlstore.SQLite, func(t testing.TB) func(t testing.TB) *sql.DB {
		file := filepath.Join(t.TempDir(), "sessions.db")
		return func(t testing.TB) *sql.DB { return open(t, "sqlite", sqliteDSN(file)) }
	}},
	{"PostgreSQL", sqlstore.PostgreSQL, func(t testing.TB) func(t testing.TB) *sql.DB {
		return postgres(t, "read committed")
	}},
	{"PostgreSQL, serializable", sqlstore.PostgreSQL, func(t testing.TB) func(t testing.TB) *sql.DB {
		return postgres(t, "serializable")
	}},
}

func open(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// sqliteDSN does not wait for the disk: what a killed process has written is there all the same.
func sqliteDSN(file string) string {
	return "file:" + file + "?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)"
}

// postgres makes a database whose transactions have an isolation of their own unless they say otherwise.
func postgres(t testing.TB, isolation string) func(t testing.TB) *sql.DB {
	t.Helper()
	server := enginetest.Postgres(t)
	admin := open(t, "pgx", server)
	name := "jot_" + lower()
	for _, statement := range []string{
		"CREATE DATABASE " + name, "ALTER DATABASE " + name + " SET default_transaction_isolation = '" + isolation + "'",
	} {
		_, err := admin.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
	})
	return func(t testing.TB) *sql.DB {
		dsn, err := url.Parse(server)
		require.NoError(t, err)
		dsn.Path = "/" + name
		db := open(t, "pgx", dsn.String())
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
		return db
	}
}
