//go:build unix

package histories_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore/goredisstore"
	"github.com/go-jot/jot/redisstore/rueidisstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// engine is a kind of store: how its server is started, how it is reached, which each process does by itself, and what
// may happen to it.
type engine struct {
	name   string
	start  func(t testing.TB) server
	reach  func(ctx context.Context, at string, process int) (*reached, error)
	faults []fault

	staleness time.Duration // how late look-ups may be
}

// reachAgain reaches a store as soon as its server answers, which may take long on a busy machine.
func reachAgain(
	reach func(ctx context.Context, at string, process int) (*reached, error), at string, process int,
) (*reached, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		r, err := reach(ctx, at, process)
		if err == nil {
			return r, nil
		}
		if r != nil {
			r.close()
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// patience is how long is waited for what happens at once unless the machine is very busy.
const patience = 5 * time.Minute

// reached is a store, with what a process has to reach it.
type reached struct {
	session.Store

	tidy  func(ctx context.Context, now time.Time)
	close func()
}

// server is one that may be treated badly.
type server interface {
	at() string
	kill()
	restart()
	stop()
	goOn()
	cut()         // all connections
	callers() int // who are connected: without one, nothing is carried out any more
}

var engines = []engine{
	{"Redis, go-redis", durableRedis, reachGoRedis, allFaults, 0},
	{"Redis, rueidis", durableRedis, reachRueidis, allFaults, 0},
	{"Redis, replicas", oldRedis, reachReplica, replicaFaults, staleness},
	{"PostgreSQL", func(t testing.TB) server { return postgres(t, "-c", "fsync=on") }, reachPostgres, allFaults, 0},
	{"MariaDB", mariaDB, reachMariaDB, allFaults, 0},
	{"SQLite", sqlite, reachSQLite, processFaults, 0},
}

func engineOf(name string) engine {
	for _, e := range engines {
		if e.name == name {
			return e
		}
	}
	panic("no engine " + name)
}

// redisServer is a server of its own.
type redisServer struct {
	*enginetest.Server

	t   testing.TB
	pid int
}

func durableRedis(t testing.TB) server {
	return newRedis(t, "--appendonly", "yes", "--appendfsync", "always")
}

func newRedis(t testing.TB, settings ...string) *redisServer {
	t.Helper()
	s := &redisServer{Server: enginetest.NewRedis(t, settings...), t: t}
	s.pid = s.Process().Pid
	return s
}

func (s *redisServer) at() string { return s.Addr }
func (s *redisServer) kill()      { s.Kill() }

func (s *redisServer) restart() {
	s.Start()
	s.pid = s.Process().Pid
	require.Eventually(s.t, func() bool { // it answers while it reads its files, but nothing of use
		_, err := s.Do("PING")
		return err == nil
	}, patience, 5*time.Millisecond)
}

func (s *redisServer) stop() { require.NoError(s.t, unix.Kill(s.pid, unix.SIGSTOP)) }
func (s *redisServer) goOn() { require.NoError(s.t, unix.Kill(s.pid, unix.SIGCONT)) }

func (s *redisServer) cut() {
	_, err := s.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	require.NoError(s.t, err)
}

func (s *redisServer) callers() int {
	answer, err := s.Do("CLIENT", "LIST")
	require.NoError(s.t, err)
	return strings.Count(fmt.Sprint(answer), "\n") - 1 // who asks
}

// Clients repeat nothing: the users do, and say so.

func reachGoRedis(ctx context.Context, at string, _ int) (*reached, error) {
	rdb := redis.NewClient(goRedisOptions(at))
	s, err := goredisstore.New(ctx, rdb)
	return &reached{Store: s, close: func() { _ = rdb.Close() }}, err
}

func goRedisOptions(at string) *redis.Options {
	return &redis.Options{Addr: at, ContextTimeoutEnabled: true, MaxRetries: -1}
}

func reachRueidis(ctx context.Context, at string, _ int) (*reached, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{at}, DisableRetry: true})
	if err != nil {
		return nil, err
	}
	s, err := rueidisstore.New(ctx, c)
	return &reached{Store: s, close: c.Close}, err
}

// databaseServer is a server of its own.
type databaseServer struct {
	*enginetest.Database

	t     testing.TB
	admin *sql.DB
	dsn   string
	// others counts who else is connected, and ends selects statements that end their connections.
	others, ends string
}

func postgres(t testing.TB, settings ...string) server {
	t.Helper()
	s := &databaseServer{Database: enginetest.OwnPostgres(t, settings...), t: t}
	s.dsn = s.DSN
	const them = ` FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
	s.others, s.ends = "SELECT count(*)"+them, "SELECT format('SELECT pg_terminate_backend(%s)', pid)"+them
	s.manage("pgx")
	return s
}

// mariaDB has a binary log: without one others see what is committed before it is written to the disk, and may not see
// it any more after a crash.
func mariaDB(t testing.TB) server {
	t.Helper()
	settings := []string{"--innodb-flush-log-at-trx-commit=1", "--log-bin=log", "--sync-binlog=1"}
	s := &databaseServer{Database: enginetest.OwnMariaDB(t, settings...), t: t}
	s.dsn = s.DSN + "sessions?interpolateParams=true" + // as the package's documentation has it
		"&timeout=2s&readTimeout=5s&writeTimeout=5s&innodb_lock_wait_timeout=2"
	const them = ` FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'system user'`
	s.others, s.ends = "SELECT COUNT(*)"+them, "SELECT CONCAT('KILL ', id)"+them
	_ = mysql.SetLogger(&mysql.NopLogger{}) // which tells of each connection that ends
	s.manage("mysql")
	_, err := s.admin.ExecContext(t.Context(), "CREATE DATABASE sessions")
	require.NoError(t, err)
	return s
}

// manage opens a connection of its own, each time that it is wanted.
func (s *databaseServer) manage(driver string) {
	admin, err := sql.Open(driver, s.DSN)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = admin.Close() })
	admin.SetMaxOpenConns(1)
	admin.SetMaxIdleConns(-1)
	s.admin = admin
}

func (s *databaseServer) at() string { return s.dsn }
func (s *databaseServer) kill()      { s.Kill() }
func (s *databaseServer) restart()   { s.Restart() }
func (s *databaseServer) stop()      { s.Stop() }
func (s *databaseServer) goOn()      { s.Continue() }

func (s *databaseServer) cut() {
	for _, statement := range s.endings() {
		_, _ = s.admin.ExecContext(s.t.Context(), statement) // it may have ended meanwhile
	}
}

// endings are statements that end the connections that there are.
func (s *databaseServer) endings() (statements []string) {
	rows, err := s.admin.QueryContext(s.t.Context(), s.ends)
	require.NoError(s.t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var statement string
		require.NoError(s.t, rows.Scan(&statement))
		statements = append(statements, statement)
	}
	require.NoError(s.t, rows.Err())
	return statements
}

func (s *databaseServer) callers() (n int) {
	require.NoError(s.t, s.admin.QueryRowContext(s.t.Context(), s.others).Scan(&n))
	return n
}

func reachPostgres(ctx context.Context, at string, _ int) (*reached, error) {
	return reachSQL(ctx, "pgx", at, sqlstore.PostgreSQL)
}

func reachMariaDB(ctx context.Context, at string, _ int) (*reached, error) {
	_ = mysql.SetLogger(&mysql.NopLogger{})
	return reachSQL(ctx, "mysql", at, sqlstore.MySQL)
}

func reachSQL(ctx context.Context, driver, dsn string, d sqlstore.Dialect) (*reached, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	s, err := sqlstore.New(ctx, db, d)
	tidy := func(ctx context.Context, now time.Time) { _, _ = s.Purge(ctx, now) }
	return &reached{s, tidy, func() { _ = db.Close() }}, err
}

// file is a database without a server: only who calls it can be treated badly.
type file struct {
	server

	name string
}

func sqlite(t testing.TB) server { return file{name: filepath.Join(t.TempDir(), "sessions.db")} }

func (f file) at() string   { return f.name }
func (f file) callers() int { return 0 }

func reachSQLite(ctx context.Context, at string, _ int) (*reached, error) {
	const settings = "_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)"
	dsn := url.URL{Scheme: "file", Opaque: url.PathEscape(at), RawQuery: settings}
	return reachSQL(ctx, "sqlite", dsn.String(), sqlstore.SQLite)
}
