package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

var (
	ctx = context.Background()
	now = time.UnixMilli(time.Now().UnixMilli()).UTC()
)

// The driver tells of each connection that the tests end.
var _ = mysql.SetLogger(&mysql.NopLogger{})

// sqliteSettings do not wait for the disk: what a killed process has written is there all the same.
const sqliteSettings = "_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)"

// database is one that the tests run on.
type database struct {
	name    string
	dialect sqlstore.Dialect
	another bool // it is as one before, with other settings
	// open makes a new database; what it returns opens one more pool of connections to it.
	open func(t testing.TB) (pool func(t testing.TB) *sql.DB)
}

var databases = []database{
	{"SQLite", sqlstore.SQLite, false, func(t testing.TB) func(t testing.TB) *sql.DB {
		return sqlite(t, sqliteSettings)
	}},
	{"PostgreSQL", sqlstore.PostgreSQL, false, func(t testing.TB) func(t testing.TB) *sql.DB {
		return postgres(t, "read committed")
	}},
	{"PostgreSQL, serializable", sqlstore.PostgreSQL, true, func(t testing.TB) func(t testing.TB) *sql.DB {
		return postgres(t, "serializable")
	}},
	{"MariaDB", sqlstore.MySQL, false, func(t testing.TB) func(t testing.TB) *sql.DB {
		return mariadb(t, "")
	}},
	{"MariaDB, odd", sqlstore.MySQL, true, func(t testing.TB) func(t testing.TB) *sql.DB {
		return mariadb(t, odd)
	}},
}

// documented is the DSN of the package's documentation.
const documented = "interpolateParams=true" +
	"&timeout=2s&readTimeout=5s&writeTimeout=5s&innodb_lock_wait_timeout=2"

// odd is a DSN that asks for all that an application may want, and for what none should.
const odd = "clientFoundRows=true&interpolateParams=true&multiStatements=true&parseTime=true&loc=Asia%2FTokyo" +
	"&charset=latin1&autocommit=0&tx_isolation='SERIALIZABLE'&completion_type=CHAIN" +
	"&sql_mode='ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,IGNORE_SPACE'" +
	"&sql_select_limit=1&sql_auto_is_null=1&unique_checks=0&foreign_key_checks=0" +
	"&default_storage_engine=MyISAM&time_zone='%2B05:00'&low_priority_updates=1"

// TestMain lets as many subtests run at once as there are databases: they wait for them most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(strconv.Itoa(len(databases)))
	}
	m.Run()
}

// on runs a test on all databases, at once.
func on(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	onEach(t, databases, test)
}

// onServers runs a test on all that are servers.
func onServers(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	onEach(t, databases[1:], test)
}

func onEach(t *testing.T, list []database, test func(t *testing.T, d database)) {
	t.Helper()
	for _, d := range list {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

func open(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func sqlite(t testing.TB, settings string) func(t testing.TB) *sql.DB {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sessions.db")
	return func(t testing.TB) *sql.DB { return open(t, "sqlite", sqliteDSN(file, settings)) }
}

func sqliteDSN(file, settings string) string {
	return (&url.URL{Scheme: "file", Opaque: url.PathEscape(file), RawQuery: settings}).String()
}

// postgres makes a database whose transactions have an isolation unless they say otherwise.
func postgres(t testing.TB, isolation string) func(t testing.TB) *sql.DB {
	t.Helper()
	server := enginetest.Postgres(t)
	admin := open(t, "pgx", server)
	name := "jot_" + lower()
	for _, statement := range []string{
		"CREATE DATABASE " + name,
		"ALTER DATABASE " + name + " SET default_transaction_isolation = '" + isolation + "'",
	} {
		_, err := admin.ExecContext(ctx, statement)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
	})
	dsn, err := url.Parse(server)
	require.NoError(t, err)
	dsn.Path = "/" + name
	return func(t testing.TB) *sql.DB {
		db := open(t, "pgx", dsn.String())
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
		return db
	}
}

// mariadb makes a database whose connections have some settings.
func mariadb(t testing.TB, settings string) func(t testing.TB) *sql.DB {
	t.Helper()
	server := enginetest.MariaDB(t)
	admin := open(t, "mysql", server)
	name := "jot_" + lower()
	run(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { run(t, admin, "DROP DATABASE "+name) })
	server += name
	return func(t testing.TB) *sql.DB {
		db := open(t, "mysql", server+"?"+settings)
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
		return db
	}
}

func newStore(t testing.TB, db *sql.DB, d sqlstore.Dialect, opts ...sqlstore.Option) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(ctx, db, d, opts...)
	require.NoError(t, err)
	return s
}

// run runs statements that belong to no store.
func run(t testing.TB, q interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, statements ...string,
) {
	t.Helper()
	for _, statement := range statements {
		_, err := q.ExecContext(ctx, statement)
		require.NoError(t, err, statement)
	}
}

// count returns the number of rows that a condition chooses.
func count(t testing.TB, db *sql.DB, from string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+from).Scan(&n))
	return n
}

// allReturned waits until a pool has all its connections back: that of a caller who went away comes a moment later.
func allReturned(t testing.TB, db *sql.DB) {
	t.Helper()
	require.Eventually(t, func() bool { return db.Stats().InUse == 0 }, 10*time.Second, 10*time.Millisecond)
}

// lower makes a key that is a name in SQL as well.
func lower() string { return strings.ToLower(rand.Text()) }

func record(subject, id string) session.Record {
	return session.Record{
		Subject: subject, Session: id, Scope: "a b", Current: "1", Start: now, Expires: now.Add(time.Hour),
	}
}

func rotation(subject, id string) session.Rotation {
	return session.Rotation{Subject: subject, Session: id, Presented: "1", Next: "2", Token: "t", Now: now}
}

func revocation(subject, token string, until time.Time) session.Revocation {
	return session.Revocation{Subject: subject, Token: token, Call: lower(), Now: now, Until: until}
}

// together runs f many times at once, and asks that none fails.
func together(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	start, errs := make(chan struct{}), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	group.Wait()
	require.NoError(t, errors.Join(errs...))
}
