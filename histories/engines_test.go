//go:build unix

package histories_test

import (
	"context"
	"database/sql"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/goredisstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// The driver tells of each connection that the tests end.
var _ = mysql.SetLogger(&mysql.NopLogger{})

// engine is a server of a test's own, and what to do to it.
type engine struct {
	store, at     string // for open
	stop, goOn    func()
	kill, restart func()
	// tellsEarly is an engine that lets others see what is not on its disk yet, and forgets it when it is killed.
	tellsEarly bool
}

// durableRedis starts a Redis server that has on its disk what it has acknowledged.
func durableRedis(t *testing.T) engine {
	t.Helper()
	return ofRedis(t, enginetest.NewRedis(t, "--appendonly", "yes", "--appendfsync", "always"))
}

func ofRedis(t *testing.T, server *enginetest.Server) engine {
	t.Helper()
	stopped := 0
	return engine{
		store: "redis", at: server.Addr,
		stop: func() {
			stopped = server.Process().Pid
			require.NoError(t, syscall.Kill(stopped, syscall.SIGSTOP))
		},
		goOn: func() { require.NoError(t, syscall.Kill(stopped, syscall.SIGCONT)) },
		kill: server.Kill, restart: func() { server.Start() },
	}
}

func durablePostgres(t *testing.T) engine {
	t.Helper()
	return ofDatabase("postgres", enginetest.OwnPostgres(t, "-c", "fsync=on"))
}

func durableMariaDB(t *testing.T) engine {
	t.Helper()
	server := enginetest.OwnMariaDB(t, "--innodb-flush-log-at-trx-commit=1")
	db, err := sql.Open("mysql", server.DSN)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE sessions")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	e := ofDatabase("mariadb", server)
	e.tellsEarly = true // a commit is waited for by him who asked for it alone
	e.at += "sessions?interpolateParams=true&timeout=2s&readTimeout=5s&writeTimeout=5s&innodb_lock_wait_timeout=2"
	return e
}

func ofDatabase(store string, server *enginetest.Database) engine {
	return engine{
		store: store, at: server.DSN,
		stop: server.Stop, goOn: server.Continue, kill: server.Kill, restart: server.Restart,
	}
}

// open returns the store of an engine, for a number of clients. No driver repeats a call: one that is carried out
// twice, with others in between, is two steps.
func open(ctx context.Context, store, at string, clients int) (session.Store, error) {
	if store == "redis" {
		rdb := redis.NewClient(&redis.Options{
			Addr: at, ContextTimeoutEnabled: true, MaxRetries: -1, PoolSize: clients, DialTimeout: time.Second,
		})
		return goredisstore.New(ctx, rdb, redisstore.Since(time.Time{}))
	}
	dialects := map[string]struct {
		driver  string
		dialect sqlstore.Dialect
	}{
		"postgres": {"pgx", sqlstore.PostgreSQL},
		"mariadb":  {"mysql", sqlstore.MySQL},
	}
	d, ok := dialects[store]
	if !ok {
		return nil, fmt.Errorf("no store %q", store)
	}
	db, err := sql.Open(d.driver, at)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(clients)
	db.SetMaxIdleConns(clients)
	return sqlstore.New(ctx, db, d.dialect, sqlstore.Since(time.Time{}))
}
