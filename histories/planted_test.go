//go:build unix

package histories_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

// planted are faults of a store, each of which answers most calls as it should.
var planted = map[string]func(session.Store) session.Store{
	"look-ups from a cache":     func(s session.Store) session.Store { return &cached{Store: s} },
	"a token is rotated twice":  func(s session.Store) session.Store { return rotatesTwice{s} },
	"checks, then rotates":      func(s session.Store) session.Store { return checksFirst{s} },
	"no session is evicted":     func(s session.Store) session.Store { return unlimited{s} },
	"a repeated end is another": func(s session.Store) session.Store { return ownCalls{s} },
	"silence is success":        func(s session.Store) session.Store { return swallows{s} },
}

// cached remembers answers for a twentieth of a second, which is soon enough for most.
type cached struct {
	session.Store

	mu    sync.Mutex
	known map[session.Query]session.Status
	since time.Time
}

func (s *cached) Check(ctx context.Context, q session.Query) (session.Status, error) {
	key := q
	key.Now, key.Issued, key.Expires = time.Time{}, time.Time{}, time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.since) > 50*time.Millisecond {
		s.known, s.since = map[session.Query]session.Status{}, time.Now()
	}
	if status, ok := s.known[key]; ok && q.Session != "" {
		return status, nil
	}
	status, err := s.Store.Check(ctx, q)
	if err == nil {
		s.known[key] = status
	}
	return status, err
}

// rotatesTwice takes a replay for the first.
type rotatesTwice struct{ session.Store }

func (s rotatesTwice) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	result, err := s.Store.Rotate(ctx, r)
	if result.Outcome == session.Replayed {
		result.Outcome, result.Current = session.Rotated, r.Next
	}
	return result, err
}

// checksFirst asks in two steps what has to be one.
type checksFirst struct{ session.Store }

func (s checksFirst) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	status, err := s.Store.Check(ctx, session.Query{
		Subject: r.Subject, Session: r.Session, Token: r.Token, Now: r.Now, Record: true,
	})
	if err != nil {
		return session.Result{}, err
	}
	result, _ := r.Apply(status.Record, status.Revoked)
	if result.Outcome == session.Rotated || result.Outcome == session.Reused {
		r.Presented = status.Record.Current // whatever it is by now
		r.Token, r.Grace = "", time.Hour
		_, err = s.Store.Rotate(ctx, r)
	}
	return result, err
}

// unlimited forgets that there is a limit, now and then.
type unlimited struct{ session.Store }

func (s unlimited) Begin(ctx context.Context, r session.Record, limit int) error {
	if r.Start.UnixMilli()%64 == 0 {
		limit = 0
	}
	return s.Store.Begin(ctx, r, limit)
}

// ownCalls tells no call that is repeated from another one.
type ownCalls struct{ session.Store }

func (s ownCalls) End(ctx context.Context, e session.Ending) (bool, error) {
	e.Call = time.Now().Format(time.RFC3339Nano)
	return s.Store.End(ctx, e)
}

func (s ownCalls) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	r.Call = time.Now().Format(time.RFC3339Nano)
	return s.Store.RevokeToken(ctx, r)
}

// swallows says that all is well when it has heard nothing.
type swallows struct{ session.Store }

func (s swallows) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	first, err := s.Store.RevokeToken(ctx, r)
	return first || err != nil, nil
}

func (s swallows) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	_ = s.Store.RevokeSubject(ctx, subject, now, until)
	return nil
}

// TestPlantedFaults asks that each is found, within some rounds.
func TestPlantedFaults(t *testing.T) {
	for name := range planted {
		t.Run(name, func(t *testing.T) {
			g := start(t, engineOf("Redis, go-redis"), durableRedis(t), 1, name)
			g.finds(30)
		})
	}
}

// A server that says that it has written, and has not, is found when it is killed. With -v the history is told.
func TestForgetfulServers(t *testing.T) {
	killed := []fault{{"server killed", killsServer}}
	for _, tc := range []struct {
		name, engine string
		server       func(t testing.TB) server
		fault        []fault
	}{
		{"Redis without files", "Redis, go-redis", func(t testing.TB) server { return newRedis(t) }, killed},
		{
			"Redis with the state of some time ago", "Redis, rueidis", func(t testing.TB) server { return newRedis(t) },
			[]fault{{"server killed", func(g *game) {
				_, err := g.server.(*redisServer).Do("SAVE")
				require.NoError(t, err)
				g.rest(100, 200)
				killsServer(g)
			}}},
		},
		{"PostgreSQL that does not wait for the disk", "PostgreSQL", func(t testing.TB) server {
			return postgres(t, "-c", "synchronous_commit=off", "-c", "wal_writer_delay=10s")
		}, killed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := start(t, engineOf(tc.engine), tc.server(t), 1, "")
			g.faults = tc.fault
			g.finds(10)
		})
	}
}

// finds plays until a history cannot be explained.
func (g *game) finds(rounds int) {
	g.t.Helper()
	for range rounds {
		if found := g.round(); len(found) > 0 {
			if testing.Verbose() {
				g.t.Logf("in round %d: %s", g.rounds, g.report(found[0]))
			}
			return
		}
	}
	require.Fail(g.t, "not found", g.counts.String())
}
