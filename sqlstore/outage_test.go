//go:build unix

package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// own are servers of a test's own, and what opens a pool of connections to their first database.
var own = []struct {
	name    string
	dialect sqlstore.Dialect
	start   func(tb testing.TB) *enginetest.Database
	open    func(t testing.TB, server *enginetest.Database) *sql.DB
}{
	{"PostgreSQL", sqlstore.PostgreSQL, func(tb testing.TB) *enginetest.Database {
		return enginetest.OwnPostgres(tb)
	}, func(t testing.TB, server *enginetest.Database) *sql.DB {
		return open(t, "pgx", server.DSN)
	}},
	{"MariaDB", sqlstore.MySQL, func(tb testing.TB) *enginetest.Database {
		return enginetest.OwnMariaDB(tb)
	}, func(t testing.TB, server *enginetest.Database) *sql.DB {
		run(t, open(t, "mysql", server.DSN), "CREATE DATABASE sessions")
		return open(t, "mysql", server.DSN+"sessions?"+documented)
	}},
}

// What becomes of a service when its server does not answer: once they are over, outages have changed nothing.
func TestOutages(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, engine := range own {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			server := engine.start(t)
			db := engine.open(t, server)
			s := newStore(t, db, engine.dialect)
			t.Run("callers of a server that stops", func(t *testing.T) { stops(t, server, db, s) })
			t.Run("under load, stopped", func(t *testing.T) { outage(t, db, s, server.Stop, server.Continue) })
			t.Run("under load, killed", func(t *testing.T) { outage(t, db, s, server.Kill, server.Restart) })
		})
	}
}

// stops: a server that has stopped, with all of its processes, is heard of within the caller's time, and used again
// when it goes on.
func stops(t *testing.T, server *enginetest.Database, db *sql.DB, s *sqlstore.Store) {
	t.Helper()
	db.SetMaxOpenConns(4)
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	calls := []func(ctx context.Context) error{
		func(ctx context.Context) error {
			_, err := s.Check(ctx, session.Query{Subject: "alice", Session: "s", Token: "t", Now: now})
			return err
		},
		func(ctx context.Context) error { return s.Begin(ctx, record(lower(), "s"), 1) },
		func(ctx context.Context) error { _, err := s.Rotate(ctx, rotation("alice", "s")); return err },
		func(ctx context.Context) error {
			_, err := s.RevokeToken(ctx, revocation("alice", lower(), now))
			return err
		},
		func(ctx context.Context) error { _, err := s.List(ctx, "alice", now); return err },
	}
	server.Stop()
	// Some find a connection, some wait for one, and some make one.
	together(t, 4*len(calls), func(i int) error {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		if calls[i%len(calls)](short) == nil {
			return fmt.Errorf("call %d was answered", i%len(calls))
		}
		return nil
	})
	server.Continue()
	together(t, len(calls), func(i int) error { return calls[i](ctx) })
	allReturned(t, db)
}

// outage: while a server stops, or is killed and started again, under load, no revoked token passes, nobody is logged
// out, and what cannot be known is 503. When the server is back, all is as it was, without anything done about it.
func outage(t *testing.T, db *sql.DB, s *sqlstore.Store, begin, end func()) {
	t.Helper()
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	l := newLoad(t, s)
	l.run()
	l.until("nothing fails", func(w *worker) bool { return w.good.Load() >= 10 })
	begin()
	l.until("all have heard of it", func(w *worker) bool { return w.unavailable.Load() >= 3 })
	began := time.Now()
	end()
	for _, w := range l.workers {
		w.good.Store(0)
	}
	l.until("all is well again", func(w *worker) bool { return w.good.Load() >= 3 })
	back := time.Since(began)
	l.stop()
	l.report(back)
}

// load is a service, and users of it.
type load struct {
	*testing.T

	mux     *http.ServeMux
	workers []*worker
	ended   chan struct{}
	group   sync.WaitGroup
}

// worker is a user who logs in, refreshes, and logs out again, and a thief who keeps what was his.
type worker struct {
	*load

	name              string
	good, unavailable atomic.Int64
	took              []time.Duration // by the answers that were 503
	passed            []string        // by what should not have been
	revoked           []string
}

// tokens are the answer to a login.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func newLoad(t *testing.T, store session.Store) *load {
	t.Helper()
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(store), jot.WithRotationGrace(time.Minute))
	require.NoError(t, err)
	l := &load{T: t, mux: http.NewServeMux(), ended: make(chan struct{})}
	l.mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		pair, err := auth.CreatePair(r.Context(), r.FormValue("user"))
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair)
	})
	l.mux.Handle("POST /refresh", auth.RefreshHandler())
	l.mux.Handle("DELETE /logout", auth.LogoutHandler())
	l.mux.Handle("GET /me", auth.Required()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	for i := range 16 {
		l.workers = append(l.workers, &worker{load: l, name: fmt.Sprint("user ", i)})
	}
	return l
}

func (l *load) run() {
	for _, w := range l.workers {
		l.group.Go(w.run)
	}
}

// until waits until each worker is so far.
func (l *load) until(what string, far func(w *worker) bool) {
	l.Helper()
	require.Eventually(l, func() bool {
		return !slices.ContainsFunc(l.workers, func(w *worker) bool { return !far(w) })
	}, 2*time.Minute, 10*time.Millisecond, what)
}

// stop lets all workers end, and asks for all that was revoked once more.
func (l *load) stop() {
	close(l.ended)
	l.group.Wait()
	for _, w := range l.workers {
		for _, token := range w.revoked {
			status, _ := w.send("GET", "/me", token)
			require.Equal(l, http.StatusUnauthorized, status)
		}
	}
}

func (l *load) report(back time.Duration) {
	var took []time.Duration
	revoked := 0
	for _, w := range l.workers {
		require.Empty(l, w.passed)
		took = append(took, w.took...)
		revoked += len(w.revoked)
	}
	slices.Sort(took)
	l.Logf("%d answers were 503: half within %v, 99%% within %v, all within %v; well again after %v; %d sessions ended",
		len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1], back, revoked)
}

func (w *worker) over() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// run lives through one session after another.
func (w *worker) run() {
	for !w.over() {
		pair := w.insist("POST", "/login?user="+strings.ReplaceAll(w.name, " ", "+"), "", http.StatusOK)
		for range 3 {
			w.insist("GET", "/me", pair.AccessToken, http.StatusOK)
			pair = w.insist("POST", "/refresh", pair.RefreshToken, http.StatusOK)
		}
		w.insist("DELETE", "/logout", pair.AccessToken, http.StatusNoContent)
		if w.over() {
			return // it may not have been heard
		}
		w.revoked = append(w.revoked, pair.AccessToken, pair.RefreshToken)
		for _, token := range w.revoked[max(0, len(w.revoked)-4):] {
			w.insist("GET", "/me", token, http.StatusUnauthorized)
		}
	}
}

// insist sends a request until it is answered by something else than 503, which then is the one answer that there is.
func (w *worker) insist(method, path, token string, want int) (pair tokens) {
	for !w.over() {
		began := time.Now()
		status, body := w.send(method, path, token)
		took := time.Since(began)
		switch {
		case status == http.StatusServiceUnavailable:
			w.took = append(w.took, took)
			w.unavailable.Add(1)
			continue
		case status != want && (method != "DELETE" || status != http.StatusUnauthorized): // it has been logged out then
			w.passed = append(w.passed, fmt.Sprint(method, " ", path, ": ", status, ", not ", want, ": ", body))
		}
		w.good.Add(1)
		if len(body) > 0 {
			_ = json.Unmarshal([]byte(body), &pair)
		}
		return pair
	}
	return pair
}

func (w *worker) send(method, path, token string) (status int, body string) {
	r := httptest.NewRequest(method, path, http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	w.mux.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}
