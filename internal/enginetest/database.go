//go:build unix

package enginetest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Database is a database server that one test has for itself, so that it may stop and kill it.
type Database struct {
	// DSN is as that of [Postgres] or [MariaDB]; it stays the same.
	DSN string

	tb        testing.TB
	port      int
	home      string // where its files are
	pid       string // the file of its process id
	serve     func(home, dir string, port int) (dsn string, p *process, err error)
	processes []*process // the first holds the files, the last one serves
}

// OwnPostgres starts a PostgreSQL server, with some options.
func OwnPostgres(tb testing.TB, options ...string) *Database {
	tb.Helper()
	Postgres(tb) // which says so where there is none
	return own(tb, func(home, dir string, port int) (dsn string, p *process, err error) {
		return servePostgres(home, dir, port, options...)
	}, "postmaster.pid")
}

// OwnMariaDB starts a MariaDB server, with some options.
func OwnMariaDB(tb testing.TB, options ...string) *Database {
	tb.Helper()
	MariaDB(tb)
	return own(tb, func(home, dir string, port int) (dsn string, p *process, err error) {
		return serveMariaDB(home, dir, port, options...)
	}, "pid")
}

func own(
	tb testing.TB, serve func(home, dir string, port int) (dsn string, p *process, err error), pid string,
) *Database {
	tb.Helper()
	s := &Database{tb: tb, serve: serve}
	tb.Cleanup(s.end)
	var err error
	for range 5 { // somebody may take a port meanwhile
		if s.home, err = workplace(); err != nil {
			break
		}
		s.port, s.pid = freePort(), filepath.Join(s.home, "data", pid)
		if err = s.start(s.home); err == nil {
			return s
		}
	}
	tb.Fatalf("enginetest: %v", err)
	return nil
}

func (s *Database) start(dir string) error {
	dsn, p, err := s.serve(s.home, dir, s.port)
	if err == nil {
		s.DSN = dsn
		s.processes = append(s.processes, p)
	}
	return err
}

// Stop stops all processes of the server, as a machine that is too busy does: whoever is connected stays so, and hears
// nothing.
func (s *Database) Stop() { s.signal(syscall.SIGSTOP) }

// Continue ends what Stop has begun.
func (s *Database) Continue() { s.signal(syscall.SIGCONT) }

// Kill ends all processes of the server in the middle of whatever they do.
func (s *Database) Kill() {
	s.signal(syscall.SIGKILL)
	<-s.processes[len(s.processes)-1].died
}

// Restart starts a server that was killed again, at the same port and with the same files.
func (s *Database) Restart() {
	s.tb.Helper()
	dir, err := workplace()
	if err == nil {
		err = os.Remove(s.pid) // its process has ended, but the watchdog has not looked after it yet
	}
	if err == nil {
		err = s.start(dir)
	}
	if err != nil {
		s.tb.Fatalf("enginetest: %v", err)
	}
}

// end ends the processes, those that use the files first.
func (s *Database) end() {
	for len(s.processes) > 0 {
		last := len(s.processes) - 1
		s.processes[last].end()
		s.processes = s.processes[:last]
	}
}

// signal sends a signal to the server and its children: to those that it has now, and to those that it has made until
// the signal reached it.
func (s *Database) signal(signal syscall.Signal) {
	s.tb.Helper()
	text, err := os.ReadFile(s.pid)
	if err != nil {
		s.tb.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	server, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		s.tb.Fatal(err)
	}
	children := childrenOf(s.tb, server)
	if err := syscall.Kill(server, signal); err != nil {
		s.tb.Fatal(err)
	}
	for _, child := range append(children, childrenOf(s.tb, server)...) {
		if err := syscall.Kill(child, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.tb.Fatal(err)
		}
	}
}

func childrenOf(tb testing.TB, parent int) (children []int) {
	tb.Helper()
	list, err := exec.CommandContext(tb.Context(), "ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		ids := strings.Fields(line)
		if len(ids) == 2 && ids[1] == strconv.Itoa(parent) {
			child, _ := strconv.Atoi(ids[0])
			children = append(children, child)
		}
	}
	return children
}
