package sqlstore_test

import (
	"database/sql"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// wire is between a store and its server, and cuts the connection at an answer, which the server has given by then.
type wire struct {
	net.Listener

	server string
	left   atomic.Int64 // answers until then; below zero there is no such
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	w := &wire{Listener: listener, server: server}
	w.left.Store(-1)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go w.join(client)
		}
	}()
	return w
}

func (w *wire) join(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		defer func() { _ = server.Close() }()
		buffer := make([]byte, 1<<16)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil || w.left.Add(-1) == -1 {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// throughWire opens a pool of one connection to the database of another pool, through a wire.
func throughWire(t *testing.T, db *sql.DB, d sqlstore.Dialect) (*wire, *sql.DB) {
	t.Helper()
	var name, port string
	if d == sqlstore.PostgreSQL {
		require.NoError(t, db.QueryRowContext(ctx,
			"SELECT current_database(), current_setting('port')").Scan(&name, &port))
	} else {
		require.NoError(t, db.QueryRowContext(ctx, "SELECT DATABASE(), @@port").Scan(&name, &port))
	}
	w := newWire(t, "127.0.0.1:"+port)
	var through *sql.DB
	if d == sqlstore.PostgreSQL {
		through = open(t, "pgx", "postgres://jot@"+w.Addr().String()+"/"+name+"?sslmode=disable")
	} else {
		through = open(t, "mysql", "root@tcp("+w.Addr().String()+")/"+name+"?interpolateParams=true")
	}
	through.SetMaxOpenConns(1)
	return w, through
}

// Whichever answer of the server's is lost, that to a COMMIT among them: the call says that it cannot tell, and when it
// is repeated hears what it would have heard.
func TestLostAnswers(t *testing.T) {
	onServers(t, func(t *testing.T, d database) {
		db := d.open(t)(t)
		direct := newStore(t, db, d.dialect)
		w, through := throughWire(t, db, d.dialect)
		lossy := newStore(t, through, d.dialect)
		for name, call := range map[string]func(s *sqlstore.Store, subject string) error{
			"Begin": func(s *sqlstore.Store, subject string) error {
				r := record(subject, "new")
				if err := s.Begin(ctx, r, 2); err != nil {
					return err
				}
				list, err := direct.List(ctx, subject, now)
				require.NoError(t, err)
				require.Len(t, list, 2)
				require.Equal(t, r, list[1])
				return nil
			},
			"Rotate": func(s *sqlstore.Store, subject string) error {
				result, err := s.Rotate(ctx, rotation(subject, "s"))
				if err == nil {
					require.Equal(t, session.Result{Outcome: session.Rotated, Current: "2"}, result)
				}
				return err
			},
			"End": func(s *sqlstore.Store, subject string) error {
				ended, err := s.End(ctx, session.Ending{Subject: subject, Session: "s", Call: "c", Now: now})
				if err == nil {
					require.True(t, ended)
				}
				return err
			},
			"RevokeToken": func(s *sqlstore.Store, subject string) error {
				r := revocation(subject, "t", now.Add(time.Hour))
				r.Call = "c"
				first, err := s.RevokeToken(ctx, r)
				if err == nil {
					require.True(t, first)
				}
				return err
			},
			"RevokeSubject": func(s *sqlstore.Store, subject string) error {
				err := s.RevokeSubject(ctx, subject, now, now.Add(time.Hour))
				if err == nil {
					list, err := direct.List(ctx, subject, now)
					require.NoError(t, err)
					require.Empty(t, list)
				}
				return err
			},
			"Check": func(s *sqlstore.Store, subject string) error {
				status, err := s.Check(ctx, session.Query{Subject: subject, Session: "s", Token: "t", Now: now})
				if err == nil {
					require.Equal(t, session.Status{}, status)
				}
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				failed := 0
				for lost := int64(0); ; lost++ {
					subject := lower()
					require.NoError(t, direct.Begin(ctx, record(subject, "s"), 0))
					require.NoError(t, through.PingContext(ctx))
					w.left.Store(lost)
					err := call(lossy, subject)
					whole := w.left.Swap(-1) >= 0
					if err != nil {
						failed++
						require.NoError(t, call(direct, subject), "after %v", err)
					}
					if whole {
						require.NoError(t, err)
						break
					}
				}
				if name != "Check" && name != "RevokeToken" { // which is one statement, that the pool repeats
					require.Greater(t, failed, 2)
				}
			})
		}
	})
}
