package sqlstore

import (
	"context"
	"database/sql"
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

// dialect is what databases differ in. Statements are written for PostgreSQL, with names in capitals for what has
// another one elsewhere.
type dialect struct {
	name       string
	version    string            // asks for the version, as no other database is asked
	words      *strings.Replacer // makes a statement the dialect's
	prepare    func(ctx context.Context, db *sql.DB) error
	hasTables  string // asks whether a table has been made
	lockTables string // keeps other processes from making tables, until the transaction ends
	begin      string // begins a transaction
	forUpdate  string // locks the rows of a SELECT, until the transaction ends
	some       string // chooses the first %[3]d rows of the table %[1]s whose %[2]s is over, for a DELETE
	// oneWriter is a database that has one at a time: whoever begins a transaction has it for himself.
	oneWriter bool
}

var dialects = map[Dialect]dialect{
	SQLite: {
		name: "SQLite", version: "SELECT sqlite_version()",
		words: strings.NewReplacer(
			"$", "?", "LATER(", "MAX(", "BYTES", "BLOB", "SEQUENCE", "INTEGER PRIMARY KEY", "KEY OF (", "UNIQUE ("),
		prepare:   prepareSQLite,
		hasTables: "SELECT COUNT(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'jot_schema'",
		// It waits for its turn to write before it reads: one that has read may not be let to write any more.
		begin:     "BEGIN IMMEDIATE",
		some:      "rowid IN (SELECT rowid FROM %[1]s WHERE %[2]s <= $1 ORDER BY %[2]s LIMIT %[3]d)",
		oneWriter: true,
	},
	PostgreSQL: {
		name: "PostgreSQL", version: "SELECT current_setting('server_version')",
		words: strings.NewReplacer("LATER(", "GREATEST(", "BYTES", "bytea",
			"SEQUENCE", "bigint GENERATED ALWAYS AS IDENTITY", "KEY OF (", "PRIMARY KEY ("),
		prepare: func(context.Context, *sql.DB) error { return nil },
		// It reads the catalogue itself: to_regclass answers from a cache, as before the wait for the lock.
		hasTables: "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class " +
			"WHERE relname = 'jot_schema' AND pg_catalog.pg_table_is_visible(oid))",
		lockTables: "SELECT pg_advisory_xact_lock(7382146320)",
		// Each statement sees what others have committed before it began. A transaction first locks the row that it
		// decides upon, and only then reads, so that nothing can change in between: to be serializable would add
		// nothing but failures.
		begin:     "BEGIN ISOLATION LEVEL READ COMMITTED",
		forUpdate: " FOR UPDATE",
		// It passes over what others hold, so that it waits for nobody and no deadlock comes of it.
		some: "ctid = ANY(ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s <= $1 ORDER BY %[2]s LIMIT %[3]d" +
			" FOR UPDATE SKIP LOCKED))",
	},
}

// querier is a database, or a connection to it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// exec runs a statement, if there is one.
func exec(ctx context.Context, q querier, statement string, args ...any) error {
	if statement == "" {
		return nil
	}
	_, err := q.ExecContext(ctx, statement, args...)
	return err
}
