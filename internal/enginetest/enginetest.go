// Package enginetest starts private engines for tests, each on a free port of the loopback and in a temporary
// directory. A process starts an engine when a test first asks for it, and nothing of it stays when the process has
// ended, however it did.
//
// Where an engine is not installed the test is skipped, or fails if CI is true; make test installs what is missing.
package enginetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// engine is one that is started at most once.
type engine struct {
	once sync.Once
	name string
	at   string
	err  error
}

var (
	postgres = engine{name: "PostgreSQL"}
	redis    = engine{name: "Redis"}
	cluster  = engine{name: "Redis"}
)

// Postgres returns the URL of a PostgreSQL database in which nothing is kept for long: it does not wait for the disk.
func Postgres(tb testing.TB) (dsn string) {
	tb.Helper()
	return postgres.use(tb, startPostgres)
}

// Redis returns the address of a Redis server, and with inCluster that of one that is alone in a cluster, so that it
// refuses commands on keys of several slots.
func Redis(tb testing.TB, inCluster bool) (addr string) {
	tb.Helper()
	if inCluster {
		return cluster.use(tb, func() (string, error) { return startRedis(true) })
	}
	return redis.use(tb, func() (string, error) { return startRedis(false) })
}

func (e *engine) use(tb testing.TB, start func() (string, error)) (at string) {
	tb.Helper()
	e.once.Do(func() {
		for range 5 { // another process may take the port meanwhile
			if e.at, e.err = start(); e.err == nil || isMissing(e.err) {
				return
			}
		}
	})
	switch {
	case e.err == nil:
	case isMissing(e.err) && os.Getenv("CI") != "true":
		tb.Skipf("NOT TESTED: %s is not installed: %v", e.name, e.err)
	default:
		tb.Fatalf("%s: %v", e.name, e.err)
	}
	return e.at
}

// missing is an engine's program that is not there.
type missing string

func (m missing) Error() string { return string(m) + " is not there" }

func isMissing(err error) bool {
	_, ok := err.(missing) //nolint:errorlint // nobody wraps it
	return ok
}

// find returns where a program is: in PATH, or in the last of some directories.
func find(program string, places ...string) (path string, err error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, pattern := range places {
		found, _ := filepath.Glob(filepath.Join(pattern, program))
		slices.Sort(found)
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", missing(program)
}

// watchdog runs an engine until the pipe that is its input closes, which it does with the process that holds its other
// end, and then removes the directory. A ^C is for that process alone.
const watchdog = `
trap '' INT HUP
dir=$1
shift
"$@" >"$dir/log" 2>&1 </dev/null &
engine=$!
read -r _
kill -QUIT "$engine" 2>/dev/null
kill -KILL "$engine" 2>/dev/null
wait "$engine"
rm -rf "$dir"
`

// run starts an engine, and waits until it is ready.
func run(dir string, command []string, ready func() error) error {
	dog := exec.Command("sh", append([]string{"-c", watchdog, "watchdog", dir}, command...)...) //nolint:gosec,noctx // the tests' own
	pipe, err := dog.StdinPipe()
	if err != nil {
		return err
	}
	if err := dog.Start(); err != nil {
		return err
	}
	end := time.Now().Add(30 * time.Second)
	for {
		err := ready()
		if err == nil {
			return nil // the pipe stays open for as long as the process lives
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(dir, "log")) //nolint:gosec // the engine's own
			_ = pipe.Close()
			_ = dog.Wait()
			return fmt.Errorf("it does not answer: %w\n%s", err, log)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// freePort returns a port that nobody listens on just now.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil //nolint:errcheck // it is one
}

// workplace returns a directory that users other than this one may pass.
func workplace() (string, error) {
	dir, err := os.MkdirTemp("", "jot-engine-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711) //nolint:gosec // engines run as users of their own
}

func startRedis(inCluster bool) (addr string, err error) {
	server, err := find("redis-server")
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	dir, err := workplace()
	if err != nil {
		return "", err
	}
	command := []string{server, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no"}
	if inCluster {
		command = append(command, "--cluster-enabled", "yes")
	}
	addr = "127.0.0.1:" + port
	slots := inCluster
	return addr, run(dir, command, func() error {
		c, err := Dial(addr)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		if slots {
			if _, err := c.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383"); err != nil {
				return err
			}
			slots = false
		}
		_, err = c.Do("SET", "ready", "1") // a cluster takes none before it has settled
		return err
	})
}

func startPostgres() (dsn string, err error) {
	const packaged = "/usr/lib/postgresql/*/bin"
	var programs [3]string
	for i, name := range [...]string{"initdb", "postgres", "pg_isready"} {
		if programs[i], err = find(name, packaged, "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"); err != nil {
			return "", err
		}
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	dir, err := workplace()
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return "", err
	}
	var as []string
	if os.Getuid() == 0 { // which it refuses to be
		if as, err = ordinary(data); err != nil {
			return "", err
		}
	}
	make := exec.Command("env", slices.Concat(as, []string{programs[0], "-D", data, "-U", "jot", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"})...) //nolint:gosec,noctx // the tests' own
	make.Dir = dir
	if output, err := make.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, output)
	}
	command := slices.Concat([]string{"env"}, as, []string{programs[1], "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "max_connections=300"})
	return "postgres://jot@127.0.0.1:" + port + "/postgres?sslmode=disable", run(dir, command, func() error {
		return exec.Command(programs[2], "-h", "127.0.0.1", "-p", port, "-U", "jot").Run() //nolint:gosec,noctx // the tests' own
	})
}

// ordinary gives a directory to PostgreSQL's own user, and returns what a command begins with to run as that user.
func ordinary(dir string) (prefix []string, err error) {
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, missing("the user postgres")
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	return []string{"setpriv", "--reuid=" + who.Uid, "--regid=" + who.Gid, "--init-groups"}, os.Chown(dir, uid, gid)
}
