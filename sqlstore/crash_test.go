package sqlstore_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

const (
	writerFile = "SQLSTORE_WRITER_FILE"
	writerName = "SQLSTORE_WRITER_NAME"
)

// TestWriter is a process of its own: it logs in, rotates and logs out without end, and says what was acknowledged.
func TestWriter(t *testing.T) {
	file, name := os.Getenv(writerFile), os.Getenv(writerName)
	if file == "" {
		t.Skip("only as a process of another test's")
	}
	s := newStore(t, open(t, "sqlite", sqliteDSN(file, sqliteSettings)), sqlstore.SQLite)
	for i := 0; ; i++ {
		id := name + strconv.Itoa(i)
		require.NoError(t, s.Begin(ctx, record(name, id), 0))
		fmt.Fprintln(os.Stdout, "begun", id)
		result, err := s.Rotate(ctx, rotation(name, id))
		require.NoError(t, err)
		require.Equal(t, session.Rotated, result.Outcome)
		fmt.Fprintln(os.Stdout, "rotated", id)
		if i%2 == 0 {
			ended, err := s.End(ctx, session.Ending{Subject: name, Session: id, Call: "c", Now: now})
			require.NoError(t, err)
			require.True(t, ended)
			fmt.Fprintln(os.Stdout, "ended", id)
		}
		first, err := s.RevokeToken(ctx, revocation(name, id, now.Add(time.Hour)))
		require.NoError(t, err)
		require.True(t, first)
		fmt.Fprintln(os.Stdout, "revoked", id)
	}
}

// Two processes write to one file, and are killed in the middle of it: all that was acknowledged is there.
func TestKilledProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.db")
	var mu sync.Mutex
	said := map[string]string{} // the last word on a session, and on its token
	var group sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		writer := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriter$", "-test.v")
		writer.Env = append(os.Environ(), writerFile+"="+file, writerName+"="+name)
		out, err := writer.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, writer.Start())
		group.Go(func() {
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				if word, id, ok := strings.Cut(lines.Text(), " "); ok && strings.HasPrefix(id, name) {
					mu.Lock()
					if word == "revoked" {
						said["token "+id] = word
					} else {
						said[id] = word
					}
					mu.Unlock()
				}
				if n == 400 {
					_ = writer.Process.Kill()
				}
			}
			_ = writer.Wait()
		})
	}
	group.Wait()
	require.Greater(t, len(said), 300)
	db := open(t, "sqlite", sqliteDSN(file, sqliteSettings))
	s := newStore(t, db, sqlstore.SQLite)
	var whole string
	require.NoError(t, db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&whole))
	require.Equal(t, "ok", whole)
	for id, word := range said {
		id, token := strings.CutPrefix(id, "token ")
		status, err := s.Check(ctx, session.Query{Subject: id[:1], Session: id, Token: id, Now: now, Record: true})
		require.NoError(t, err)
		switch {
		case token:
			require.True(t, status.Revoked, id)
		case word == "ended":
			require.True(t, status.Ended, id)
		case word == "rotated" && !status.Ended: // the call that ended it may have been on its way
			require.Equal(t, "2", status.Record.Current, id)
		case word == "begun" && !status.Ended:
			require.Contains(t, []string{"1", "2"}, status.Record.Current, id)
		}
	}
}

// A server that drops its connections gives errors, never a wrong answer, and is used again when it is back.
func TestDroppedConnections(t *testing.T) {
	onServers(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db, admin := pool(t), pool(t)
		s := newStore(t, db, d.dialect)
		_, err := s.RevokeToken(ctx, revocation("alice", "t", now.Add(time.Hour)))
		require.NoError(t, err)
		stop := make(chan struct{})
		var group sync.WaitGroup
		var wrong, right, failed [8]int
		for worker := range wrong {
			group.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					subject := fmt.Sprint(worker, "/", i)
					err := s.Begin(ctx, record(subject, "s"), 1)
					var result session.Result
					if err == nil {
						result, err = s.Rotate(ctx, rotation(subject, "s"))
					}
					var status session.Status
					if err == nil {
						q := session.Query{Subject: "alice", Session: "none", Token: "t", Now: now}
						status, err = s.Check(ctx, q)
					}
					switch {
					case err != nil:
						failed[worker]++
					case result.Outcome != session.Rotated || !status.Revoked:
						wrong[worker]++
					default:
						right[worker]++
					}
				}
			})
		}
		for range 20 {
			drop(t, admin, d.dialect)
			<-time.After(20 * time.Millisecond)
		}
		close(stop)
		group.Wait()
		sum := func(list [8]int) (n int) {
			for _, each := range list {
				n += each
			}
			return n
		}
		require.Zero(t, sum(wrong))
		require.Positive(t, sum(right))
		require.Positive(t, sum(failed), "some were dropped in the middle")
		require.NoError(t, s.Begin(ctx, record("afterwards", "s"), 1))
		allReturned(t, db)
	})
}

// drop ends all connections to a server's database but one.
func drop(t *testing.T, admin *sql.DB, d sqlstore.Dialect) {
	t.Helper()
	if d == sqlstore.PostgreSQL {
		run(t, admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		return
	}
	conn, err := admin.Conn(ctx)
	require.NoError(t, err)
	var ids *string
	require.NoError(t, conn.QueryRowContext(ctx, `SELECT GROUP_CONCAT(id) FROM information_schema.processlist
		WHERE db = DATABASE() AND id <> CONNECTION_ID()`).Scan(&ids))
	if ids != nil {
		for id := range strings.SplitSeq(*ids, ",") {
			_, _ = conn.ExecContext(ctx, "KILL "+id) // it may have ended meanwhile
		}
	}
	require.NoError(t, conn.Close())
}
