// Package enginetest starts private engines for tests, each on a free port of the loopback and in a temporary
// directory. A process starts an engine when a test first asks for it, and nothing of it stays when the process has
// ended, however it did.
//
// Where an engine cannot run the test is skipped, or fails if CI is true; make test installs what is missing.
package enginetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Postgres returns the URL of a PostgreSQL server, which all tests of the process share, for a user who may make
// databases. It does not wait for the disk.
func Postgres(tb testing.TB) (dsn string) {
	tb.Helper()
	return postgres.use(tb)
}

// MariaDB returns the DSN, for the driver github.com/go-sql-driver/mysql, of a MariaDB server, which all tests of the
// process share, for a user who may make databases; the name of one may be appended. It does not wait for the disk.
func MariaDB(tb testing.TB) (dsn string) {
	tb.Helper()
	return mariadb.use(tb)
}

// Redis returns the address of a Redis server, which all tests of the process share. With inCluster it is another
// one, alone in a cluster, so that it refuses commands on keys of several slots.
func Redis(tb testing.TB, inCluster bool) (addr string) {
	tb.Helper()
	if inCluster {
		return cluster.use(tb)
	}
	return redis.use(tb)
}

// engine is one that is started at most once.
type engine struct {
	name  string
	start func(port int) (at string, p *process, err error)

	once    sync.Once
	at      string
	process *process // held, since the engine ends when nobody does
	err     error
}

var (
	postgres = engine{name: "PostgreSQL", start: startPostgres}
	mariadb  = engine{name: "MariaDB", start: startMariaDB}
	redis    = engine{name: "Redis", start: startRedis}
	cluster  = engine{name: "Redis Cluster", start: startCluster}
)

func (e *engine) use(tb testing.TB) (at string) {
	tb.Helper()
	e.once.Do(e.begin)
	demand(tb, e.name, e.err)
	return e.at
}

// demand skips a test whose engine cannot run, or fails it.
func demand(tb testing.TB, name string, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case cannotRun(err) && os.Getenv("CI") != "true":
		tb.Skipf("NOT TESTED: %s: %v", name, err)
	default:
		tb.Fatalf("enginetest: %s: %v", name, err)
	}
}

// begin starts the engine, on another port if somebody has taken the first one meanwhile.
func (e *engine) begin() {
	for range 5 {
		e.at, e.process, e.err = e.start(freePort())
		if e.err == nil {
			return
		}
		if cannotRun(e.err) { // a skipped test says nothing unless asked
			fmt.Fprintf(os.Stderr, "!!! NOT TESTED: %s: %v\n", e.name, e.err)
			return
		}
	}
}

// cannotError says why an engine cannot run here at all.
type cannotError struct{ why string }

func (e *cannotError) Error() string { return e.why }

func cannotRun(err error) bool {
	_, ok := errors.AsType[*cannotError](err)
	return ok
}

// find returns where a program is: in PATH, or else in the last of some directories.
func find(program string, places ...string) (path string, err error) {
	if path, err = exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, pattern := range places {
		if found, _ := filepath.Glob(filepath.Join(pattern, program)); len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", &cannotError{program + " is not installed"}
}
