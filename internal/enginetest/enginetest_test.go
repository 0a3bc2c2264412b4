//go:build unix

package enginetest_test

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
)

// modeOf is where a process that a test starts learns what to do.
const modeOf = "ENGINETEST_MODE"

// TestProcess is a process of its own that uses an engine and then ends, in one of several ways.
func TestProcess(t *testing.T) {
	engine, end, _ := strings.Cut(os.Getenv(modeOf), " ")
	switch engine {
	case "":
		t.Skip("only as a process of another test's")
	case "redis":
		println("at " + enginetest.Redis(t, false))
	case "cluster":
		println("at " + enginetest.Redis(t, true))
	case "nodes":
		println("at " + enginetest.RedisNodes(t)[0])
	case "server":
		println("at " + enginetest.NewRedis(t).Addr)
	case "postgres":
		dsn, err := url.Parse(enginetest.Postgres(t))
		require.NoError(t, err)
		println("at " + dsn.Host)
	case "mariadb":
		_, at, _ := strings.Cut(enginetest.MariaDB(t), "(")
		at, _, _ = strings.Cut(at, ")")
		println("at " + at)
	case "stopped-postgres":
		server := enginetest.OwnPostgres(t)
		server.Stop()
		dsn, err := url.Parse(server.DSN)
		require.NoError(t, err)
		println("at " + dsn.Host)
	case "stopped-mariadb":
		server := enginetest.OwnMariaDB(t)
		server.Stop()
		_, at, _ := strings.Cut(server.DSN, "(")
		at, _, _ = strings.Cut(at, ")")
		println("at " + at)
	}
	switch end {
	case "panics":
		panic("in a test")
	case "waits":
		<-t.Context().Done()
	}
}

// start starts a process whose temporary directory is dir.
func start(t *testing.T, mode, dir string, env ...string) (p *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	p = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$", "-test.v")
	p.Env = append(os.Environ(), append([]string{modeOf + "=" + mode, "TMPDIR=" + dir}, env...)...)
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	p.Stderr = p.Stdout
	require.NoError(t, p.Start())
	return p, bufio.NewScanner(out)
}

// temporary makes a directory that the engines' own users may pass.
func temporary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jot-enginetest-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

// gone waits until nothing is left in a directory, and nobody listens at an address.
func gone(t *testing.T, dir, addr string) {
	t.Helper()
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		return len(left) == 0
	}, 30*time.Second, 20*time.Millisecond)
	if addr != "" {
		_, err := net.Dial("tcp", addr)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
}

// However a process ends, nothing of its engines stays.
func TestNothingStays(t *testing.T) {
	enginetest.Redis(t, false)
	for _, mode := range []string{
		"redis exits", "redis panics", "redis waits", "cluster waits", "nodes waits", "server waits",
		"postgres exits", "postgres waits", "mariadb exits", "mariadb waits",
		"stopped-postgres waits", "stopped-mariadb waits",
	} {
		signals := []syscall.Signal{0}
		if strings.HasSuffix(mode, "waits") {
			signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL}
		}
		switch { // these take seconds to start
		case strings.HasPrefix(mode, "stopped"):
			signals = []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}
		case len(signals) > 1 && (strings.HasPrefix(mode, "postgres") || strings.HasPrefix(mode, "mariadb")):
			signals = []syscall.Signal{syscall.SIGINT, syscall.SIGKILL}
		}
		for _, signal := range signals {
			t.Run(mode+" "+strconv.Itoa(int(signal)), func(t *testing.T) {
				if strings.Contains(mode, "postgres") {
					enginetest.Postgres(t)
				}
				if strings.Contains(mode, "mariadb") {
					enginetest.MariaDB(t)
				}
				dir := temporary(t)
				p, lines := start(t, mode, dir)
				addr, memory := "", ""
				for lines.Scan() {
					if at, ok := strings.CutPrefix(lines.Text(), "at "); ok {
						addr, memory = at, sharedMemory(t, dir)
						if signal != 0 { // to its whole group, as a terminal does
							conn, err := net.Dial("tcp", addr)
							require.NoError(t, err)
							require.NoError(t, conn.Close())
							require.NoError(t, syscall.Kill(-p.Process.Pid, signal))
						}
					}
				}
				require.NotEmpty(t, addr)
				require.Equal(t, strings.HasSuffix(mode, "exits"), p.Wait() == nil)
				gone(t, dir, addr)
				segments, _ := os.ReadFile("/proc/sysvipc/shm") // where there is one
				require.NotContains(t, strings.Fields(string(segments)), memory)
			})
		}
	}
}

// sharedMemory returns the key of what a PostgreSQL server shares among its processes, if there is one.
func sharedMemory(t *testing.T, dir string) (key string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "data", "postmaster.pid"))
	require.NoError(t, err)
	if len(found) == 0 {
		return "none"
	}
	text, err := os.ReadFile(found[0])
	require.NoError(t, err)
	return strings.Fields(strings.Split(string(text), "\n")[6])[0]
}

// A process that is killed while it prepares an engine leaves nothing either.
func TestNothingStaysOfWhatIsPrepared(t *testing.T) {
	enginetest.Postgres(t)
	dir := temporary(t)
	p, _ := start(t, "postgres waits", dir)
	require.Eventually(t, func() bool {
		found, err := filepath.Glob(filepath.Join(dir, "*", "data", "base"))
		require.NoError(t, err)
		return len(found) > 0
	}, 30*time.Second, time.Millisecond)
	require.NoError(t, p.Process.Kill())
	require.Error(t, p.Wait())
	gone(t, dir, "")
}

// Without the engine a test says loudly that it did not run, and fails where it must.
func TestNotInstalled(t *testing.T) {
	for _, tc := range []struct {
		ci, want string
		passes   bool
	}{
		{"", "!!! NOT TESTED: Redis: redis-server is not installed", true},
		{"true", "enginetest: Redis: redis-server is not installed", false},
	} {
		dir := temporary(t)
		p, lines := start(t, "redis exits", dir, "PATH="+dir, "CI="+tc.ci)
		said := ""
		for lines.Scan() {
			said += lines.Text() + "\n"
		}
		require.Equal(t, tc.passes, p.Wait() == nil)
		require.Contains(t, said, tc.want)
		gone(t, dir, "")
	}
}

// Another server at a port is not taken for the one that was to start there.
func TestPortIsTaken(t *testing.T) {
	_, text, err := net.SplitHostPort(enginetest.Redis(t, false))
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	dir := temporary(t)
	t.Setenv("TMPDIR", dir)
	require.ErrorContains(t, enginetest.StartRedis(port), "it has ended")
	if !testing.Short() {
		require.ErrorContains(t, enginetest.StartPostgres(port), "it has ended")
		require.ErrorContains(t, enginetest.StartMariaDB(port), "it has ended")
	}
	gone(t, dir, "")
}

func TestConn(t *testing.T) {
	c, err := enginetest.Dial(enginetest.Redis(t, false))
	require.NoError(t, err)
	for _, tc := range []struct {
		args []string
		want any
	}{
		{[]string{"SET", "a", "1\r\n2"}, "OK"},
		{[]string{"GET", "a"}, "1\r\n2"},
		{[]string{"GET", "none"}, nil},
		{[]string{"EXISTS", "a"}, int64(1)},
		{
			[]string{"EVAL", "return {1, 'x', false, {err='ERR no'}, {}}", "0"},
			[]any{int64(1), "x", nil, enginetest.Error("ERR no"), []any{}},
		},
		{[]string{"GET", "a"}, "1\r\n2"},
		{[]string{"MULTI"}, "OK"},
		{[]string{"DISCARD"}, "OK"},
	} {
		got, err := c.Do(tc.args...)
		require.NoError(t, err)
		require.Equal(t, tc.want, got, tc.args)
	}
	_, err = c.Do("NONE")
	require.ErrorAs(t, err, new(enginetest.Error))
	require.NoError(t, c.Close())
	_, err = c.Do("PING")
	require.ErrorIs(t, err, net.ErrClosed)
}

// A server that is alone in a cluster refuses what a larger one could not do.
func TestCluster(t *testing.T) {
	c, err := enginetest.Dial(enginetest.Redis(t, true))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	_, err = c.Do("MSET", "a", "1", "b", "2")
	require.ErrorContains(t, err, "CROSSSLOT")
	answer, err := c.Do("MSET", "{x}a", "1", "{x}b", "2")
	require.NoError(t, err)
	require.Equal(t, "OK", answer)
}

// Of a cluster of three each server answers for its own slots, and says where the others are.
func TestRedisNodes(t *testing.T) {
	addrs := enginetest.RedisNodes(t)
	require.Len(t, addrs, 3)
	require.Equal(t, addrs, enginetest.RedisNodes(t))
	slots := map[string]int{}
	for _, key := range []string{"b", "c", "a"} { // of the slots 3300, 7365 and 15495
		for i, addr := range addrs {
			c, err := enginetest.Dial(addr)
			require.NoError(t, err)
			if _, err = c.Do("SET", key, "1"); err == nil {
				slots[key] = i
			} else {
				require.ErrorContains(t, err, "MOVED")
			}
			require.NoError(t, c.Close())
		}
	}
	require.Equal(t, map[string]int{"b": 0, "c": 1, "a": 2}, slots)
}

// A server of a test's own keeps what is on its disk when it is killed.
func TestServer(t *testing.T) {
	s := enginetest.NewRedis(t, "--appendonly", "yes")
	_, err := s.Do("SET", "a", "1")
	require.NoError(t, err)
	addr, p := s.Addr, s.Process()
	s.Kill()
	_, err = s.Do("GET", "a")
	require.Error(t, err)
	s.Start()
	require.Equal(t, addr, s.Addr)
	require.NotEqual(t, p.Pid, s.Process().Pid)
	var answer any
	require.Eventually(t, func() bool { // it may be loading what it had
		answer, err = s.Do("GET", "a")
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, "1", answer)
}

// What is not the protocol is an error.
func TestConnRefuses(t *testing.T) {
	for _, answer := range []string{"", "\r\n", "+", "?1\r\n", ":x\r\n", "$3\r\nab", "*1\r\n", "*1\r\n$1\r\n"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go func() {
			conn, _ := listener.Accept()
			_, _ = conn.Read(make([]byte, 100))
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}()
		c, err := enginetest.Dial(listener.Addr().String())
		require.NoError(t, err)
		_, err = c.Do("PING")
		require.Error(t, err, answer)
		require.NoError(t, c.Close())
		require.NoError(t, listener.Close())
	}
	_, err := enginetest.Dial("127.0.0.1:0")
	require.Error(t, err)
}
