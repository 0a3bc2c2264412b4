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
	// MySQL is version 8.0 or later, and MariaDB 10.6 or later.
	MySQL
)

// dialect is what databases differ in. Statements are written for PostgreSQL, with names in capitals for what has
// another one elsewhere.
type dialect struct {
	name    string
	version string            // asks for the version, as no other database is asked
	words   *strings.Replacer // makes a statement the dialect's
	prepare func(ctx context.Context, s *Store) error
	verify  func(ctx context.Context, s *Store) error // asks whether the tables are as they were made
	// inPlace makes statements that make tables such that all of the tables are there at once, or none.
	inPlace    func(statements []string) []string
	hasTables  string // asks whether a table has been made
	lockTables func(ctx context.Context, q querier) (unlock func(), err error)
	begin      []string // begins a transaction
	commit     string
	rollback   string
	forUpdate  string // locks the rows of a SELECT, until the transaction ends
	some       string // deletes %[3]d rows of the table %[1]s whose %[2]s is over
	// unnumbered is a database whose arguments stand in the order in which a statement names them.
	unnumbered bool
	// tellsLittle is a database of which no driver tells what a statement that enters a row has met.
	tellsLittle bool
	// oneWriter is a database that has one at a time: whoever begins a transaction has it for himself.
	oneWriter bool
	// mayNotCommit is a database in which a statement without a transaction of ours may be part of another one.
	mayNotCommit bool
}

var dialects = map[Dialect]dialect{
	SQLite: {
		name: "SQLite", version: "SELECT sqlite_version()",
		words: strings.NewReplacer(
			"$", "?", "LATER(", "MAX(", "BYTES", "BLOB", "TEXT", "BLOB", "SEQUENCE", "INTEGER PRIMARY KEY",
			"KEY OF (", "UNIQUE (", "ENGINE", "", "SETTLED", "TRUE"),
		prepare:    prepareSQLite,
		hasTables:  "SELECT COUNT(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'jot_schema'",
		lockTables: func(context.Context, querier) (func(), error) { return func() {}, nil },
		// It waits for its turn to write before it reads: one that has read may not be let to write any more.
		begin: []string{"BEGIN IMMEDIATE"}, commit: "COMMIT", rollback: "ROLLBACK",
		some: "DELETE FROM %[1]s WHERE rowid IN (SELECT rowid FROM %[1]s WHERE %[2]s <= $1 ORDER BY %[2]s" +
			" LIMIT %[3]d) AND %[2]s <= $1",
		oneWriter: true,
	},
	PostgreSQL: {
		name: "PostgreSQL", version: "SELECT current_setting('server_version')",
		words: strings.NewReplacer("LATER(", "GREATEST(", "BYTES", "bytea", "TEXT", "bytea",
			"SEQUENCE", "bigint GENERATED ALWAYS AS IDENTITY", "KEY OF (", "PRIMARY KEY (", "ENGINE", "",
			"SETTLED", "TRUE"),
		// It reads the catalogue itself: to_regclass answers from a cache, as before the wait for the lock.
		hasTables: "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class " +
			"WHERE relname = 'jot_schema' AND pg_catalog.pg_table_is_visible(oid))",
		lockTables: func(ctx context.Context, q querier) (func(), error) {
			_, err := q.ExecContext(ctx, "SELECT pg_advisory_xact_lock(7382146320)")
			return func() {}, err
		},
		// Each statement sees what others have committed before it began. A transaction first locks the row that it
		// decides upon, and only then reads, so that nothing can change in between: to be serializable would add
		// nothing but failures.
		begin: []string{"BEGIN ISOLATION LEVEL READ COMMITTED"}, commit: "COMMIT", rollback: "ROLLBACK",
		forUpdate: " FOR UPDATE",
		// It passes over what others hold, so that it waits for nobody and no deadlock comes of it.
		some: "DELETE FROM %[1]s WHERE ctid = ANY(ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s <= $1 ORDER BY %[2]s" +
			" LIMIT %[3]d FOR UPDATE SKIP LOCKED)) AND %[2]s <= $1",
	},
	MySQL: mySQL,
}

// querier is a database, or a connection to it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
