//go:build unix

package histories_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// plant is a fault of a store, which answers most calls as it should.
type plant struct {
	engine string
	reach  func(ctx context.Context, at string, process int) (*reached, error)
	faults []fault // that show it
	game   func(g *game)
}

var planted = map[string]plant{
	"look-ups from a cache":     {reach: around(func(s session.Store) session.Store { return &cached{Store: s} })},
	"a token is rotated twice":  {reach: around(func(s session.Store) session.Store { return rotatesTwice{s} })},
	"checks, then rotates":      {reach: around(func(s session.Store) session.Store { return checksFirst{s} })},
	"no session is evicted":     {reach: around(func(s session.Store) session.Store { return unlimited{s} })},
	"a repeated end is another": {reach: around(func(s session.Store) session.Store { return ownCalls{s} })},
	"silence is success":        {reach: around(func(s session.Store) session.Store { return swallows{s} })},

	"a replica that does not look at its age": {engine: "Redis, replicas", reach: hearing(lossy{}, time.Minute)},
	"a replica that hears nothing more":       {engine: "Redis, replicas", reach: hearing(&silence{}, staleness)},
	"a replica that begins without loading": {
		engine: "Redis, replicas", reach: hearing(unloaded{}, staleness), faults: []fault{processReplaced},
	},
	"a replica deaf to what has ended":       {engine: "Redis, replicas", reach: hearing(deaf("s"), staleness)},
	"a replica deaf to tokens":               {engine: "Redis, replicas", reach: hearing(deaf("t"), staleness)},
	"a replica deaf to logouts of a subject": {engine: "Redis, replicas", reach: hearing(deaf("m"), staleness)},
	"a replica deaf to logouts of everyone": {
		engine: "Redis, replicas", reach: hearing(deaf("a"), staleness), game: func(g *game) { g.everyone = 10 },
	},
	"a replica that forgets its own logouts": {
		engine: "Redis, replicas",
		reach:  aroundReplica(func(r *redisstore.Replica, s session.Store) session.Store { return forgets{s, r} }),
	},
	"a replica that answers for tokens of any life": {
		engine: "Redis, replicas",
		reach:  aroundReplica(func(r *redisstore.Replica, _ session.Store) session.Store { return endless{r} }),
	},
}

// nothing is no fault at all. What replicas have not heard of shows when it is older than they may say.
var nothing = fault{"nothing", func(g *game) {
	for range 3 * g.engine.staleness / staleness {
		g.play()
	}
}}

// around makes a faulty store of one that is right.
func around(
	wrap func(session.Store) session.Store,
) func(ctx context.Context, at string, process int) (*reached, error) {
	return func(ctx context.Context, at string, process int) (*reached, error) {
		r, err := reachGoRedis(ctx, at, process)
		if err == nil {
			r.Store = wrap(r.Store)
		}
		return r, err
	}
}

// cached remembers answers for a fifth of a second, which is soon enough for most.
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
	if time.Since(s.since) > 200*time.Millisecond {
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
	if r.Start.UnixMilli()%16 == 0 {
		limit = 0
	}
	return s.Store.Begin(ctx, r, limit)
}

// ownCalls tells no call that is repeated from another one. It loses answers, so that calls are repeated.
type ownCalls struct{ session.Store }

func (s ownCalls) End(ctx context.Context, e session.Ending) (bool, error) {
	e.Call = time.Now().Format(time.RFC3339Nano)
	ended, err := s.Store.End(ctx, e)
	if rand.IntN(4) == 0 {
		return false, errors.New("the answer was lost")
	}
	return ended, err
}

func (s ownCalls) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	r.Call = time.Now().Format(time.RFC3339Nano)
	return s.Store.RevokeToken(ctx, r)
}

// swallows says that all is well when it has heard nothing. Some of its calls have no time.
type swallows struct{ session.Store }

func (s swallows) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	ctx, cancel := short(ctx, r.Now)
	defer cancel()
	first, err := s.Store.RevokeToken(ctx, r)
	return first || err != nil, nil
}

func (s swallows) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	ctx, cancel := short(ctx, now)
	defer cancel()
	_ = s.Store.RevokeSubject(ctx, subject, now, until)
	return nil
}

// aroundReplica makes a faulty one of a replica and its store.
func aroundReplica(
	wrap func(r *redisstore.Replica, s session.Store) session.Store,
) func(ctx context.Context, at string, process int) (*reached, error) {
	return func(ctx context.Context, at string, process int) (*reached, error) {
		s, err := reachGoRedis(ctx, at, process)
		if err != nil {
			return s, err
		}
		r, err := replicaOf(ctx, s, staleness)
		if err == nil {
			r.Store = wrap(r.Store.(*redisstore.Replica), s.Store)
		}
		return r, err
	}
}

// forgets tells its replica nothing of what it does.
type forgets struct {
	session.Store

	replica *redisstore.Replica
}

func (s forgets) Recall(q session.Query) (session.Status, bool) { return s.replica.Recall(q) }

// endless has no horizon.
type endless struct{ *redisstore.Replica }

func (s endless) Recall(q session.Query) (session.Status, bool) {
	if !q.Issued.IsZero() {
		q.Expires = q.Issued.Add(time.Minute)
	}
	return s.Replica.Recall(q)
}

// unheard is put in the place of what is not heard: it means nothing to anybody.
func unheard(entry []any) { entry[0], entry[1] = "t", "nobody" }

// deaf hears nothing of one kind.
type deaf string

func (d deaf) clone() ear { return d }

func (d deaf) hears(_ bool, ask func() ([]any, error)) ([]any, error) {
	answer, err := ask()
	if err != nil {
		return nil, err
	}
	for _, list := range answer[1:] {
		entries(list, func(entry []any) {
			if entry[0] == string(d) {
				unheard(entry)
			}
		})
	}
	return answer, nil
}

// unloaded hears nothing of what was revoked before it began.
type unloaded struct{}

func (unloaded) clone() ear { return unloaded{} }

func (unloaded) hears(first bool, ask func() ([]any, error)) ([]any, error) {
	answer, err := ask()
	if err != nil || !first {
		return answer, err
	}
	for _, list := range answer[1:] {
		n := 0
		entries(list, func([]any) { n++ })
		entries(list, func(entry []any) {
			if n--; n > 0 { // the last one is what the next question begins with
				unheard(entry)
			}
		})
	}
	return answer, nil
}

// silence takes what it was told first for all that there is.
type silence struct{ told []any }

func (s *silence) clone() ear { return &silence{} }

func (s *silence) hears(_ bool, ask func() ([]any, error)) ([]any, error) {
	if s.told != nil {
		return s.told, nil
	}
	answer, err := ask()
	if err != nil {
		return nil, err
	}
	s.told = []any{answer[0]}
	for _, list := range answer[1:] {
		l := list.([]any)
		s.told = append(s.told, append([]any{int64(0)}, l[len(l)-3:]...))
	}
	return answer, nil
}

// short ends one context of four.
func short(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if now.UnixMilli()%8 == 0 {
		cancel()
	}
	return ctx, cancel
}

// TestPlantedFaults asks that each is found. Most are in the first round, or the second one.
func TestPlantedFaults(t *testing.T) {
	for name, p := range planted {
		t.Run(name, func(t *testing.T) {
			e := engineOf(cmp.Or(p.engine, "Redis, go-redis"))
			g := start(t, e, e.start(t), 1, name)
			if g.faults = p.faults; g.faults == nil {
				g.faults = []fault{nothing}
			}
			if p.game != nil {
				p.game(g)
			}
			g.finds(80)
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
			g.finds(80)
		})
	}
}

// finds plays until a history cannot be explained.
func (g *game) finds(rounds int) {
	g.t.Helper()
	for range rounds {
		if found := g.round(); len(found) > 0 {
			g.t.Logf("in round %d", g.rounds)
			if testing.Verbose() && !testing.Short() {
				g.t.Log(g.report(found[0]))
			}
			return
		}
	}
	require.Fail(g.t, "not found", g.counts.String())
}
