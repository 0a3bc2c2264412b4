package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Dialect says which database it is.
type Dialect int

// The databases.
const (
	// SQLite is version 3.35 or later.
	SQLite Dialect = iota + 1
	// PostgreSQL is version 12 or later.
	PostgreSQL
)

// dialect is what the databases differ in. Statements are written for PostgreSQL.
type dialect struct {
	bytes     string                  // the type of what is compared byte for byte
	greatest  string                  // the function that returns the later of two
	forUpdate string                  // locks the rows of a SELECT
	some      string                  // chooses by %[2]s some rows of the table %[1]s, for a DELETE
	rewrite   func(sql string) string // into the dialect
	prepare   func(ctx context.Context, db *sql.DB) error
	begin     func(ctx context.Context, db *sql.DB) (transaction, error)
	lock      string // keeps other processes from making tables, within a transaction
	oneWriter bool   // a second one is sent away, to come again later
}

var parameter = regexp.MustCompile(`\$(\d+)`)

var dialects = map[Dialect]dialect{
	SQLite: {
		bytes: "BLOB", greatest: "MAX", some: "rowid IN (SELECT rowid FROM %s WHERE %s LIMIT %d)",
		rewrite: func(sql string) string { return parameter.ReplaceAllString(sql, "?$1") },
		prepare: prepareSQLite, begin: beginImmediate, oneWriter: true,
	},
	PostgreSQL: {
		bytes: "bytea", greatest: "GREATEST", forUpdate: " FOR UPDATE OF s",
		// It passes over what others hold, so that it waits for nobody and no deadlock comes of it.
		some:    "ctid = ANY(ARRAY(SELECT ctid FROM %s WHERE %s LIMIT %d FOR UPDATE SKIP LOCKED))",
		rewrite: func(sql string) string { return sql },
		prepare: func(context.Context, *sql.DB) error { return nil },
		begin:   beginReadCommitted, lock: "SELECT pg_advisory_xact_lock(7382146320)",
	},
}

// querier is a database, or a transaction in it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

type transaction interface {
	querier
	Commit() error
	Rollback() error
}

// beginReadCommitted begins a transaction that sees what others have committed as soon as it has the lock that it
// waited for. Whatever it decides upon it has locked before, so that a stricter isolation would only add failures.
func beginReadCommitted(ctx context.Context, db *sql.DB) (transaction, error) {
	return db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
}

// immediate is a transaction of SQLite that waits for its turn to write before it reads: one that reads first may not
// be let to write any more.
type immediate struct{ *sql.Conn }

func beginImmediate(ctx context.Context, db *sql.DB) (transaction, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return immediate{conn}, nil
}

// Commit keeps what was done.
func (t immediate) Commit() error { return t.end("COMMIT") }

// Rollback undoes it.
func (t immediate) Rollback() error { return t.end("ROLLBACK") }

// end ends the transaction whatever became of the caller: an open one would keep all others from writing. A
// connection that could not end it does not return to the pool.
func (t immediate) end(statement string) error {
	_, err := t.ExecContext(context.Background(), statement)
	if err != nil {
		_ = t.Raw(func(any) error { return driver.ErrBadConn })
		return err
	}
	return t.Close()
}

// prepareSQLite lets look-ups and writes go on side by side.
func prepareSQLite(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if !strings.EqualFold(mode, "wal") && db.Stats().MaxOpenConnections != 1 {
		return fmt.Errorf("journal_mode is %s, not wal: for a database in memory use package memstore, or SetMaxOpenConns(1)", mode)
	}
	return nil
}
