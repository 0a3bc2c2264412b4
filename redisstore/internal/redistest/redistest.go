// Package redistest proves a store on Redis with one client: the packages of the clients run it.
package redistest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

// Open makes a store by the client that is tested, with a client of its own, which reaches one server or a cluster.
type Open func(tb testing.TB, addrs []string, opts ...redisstore.Option) (*redisstore.Store, error)

// Run runs all tests: by a client as it is by default, and the suite by one with an older protocol as well.
func Run(t *testing.T, open, older Open) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"who evicts is refused", evicts},
		{"who does not say whether it evicts", doesNotSay},
		{"who writes no log", writesNoLog},
		{"a user who may do no more than needed", leastUser},
		{"a server that cannot be reached", unreachable},
		{"prefixes part stores", prefixes},
		{"scripts are forgotten", forgetsScripts},
		{"data are lost", losesData},
		{"a part of the data is lost", losesAPart},
		{"a primary becomes a replica", demoted},
		{"a primary is cut off from its replicas", cutOff},
		{"a disk is broken", brokenDisk},
		{"memory is full", full},
		{"a server is loading", loading},
		{"a server is busy", busy},
		{"a server stops, and goes on", stopped},
		{"a guard whose server stops", guarded},
		{"a server is killed", killed},
		{"a server stops and is killed, under load", stopsAndIsKilled},
		{"answers are lost", lostAnswers},
		{"connections are dropped", droppedConnections},
		{"keys are of another type", otherTypes},
		{"what expires goes", expires},
		{"a subject does not grow", doesNotGrow},
		{"the limit is exact over many clients", limitOverClients},
		{"as in memory", asInMemory},
		{"a slot moves", slotMoves},
		{"a replica answers alone where it may", answersAlone},
		{"a replica hears others", hearsOthers},
		{"a replica hears itself", hearsItself},
		{"a replica grows stale", growsStale},
		{"a replica misses none", missesNone},
		{"a replica whose server fails over", failsOver},
		{"a replica whose store loses its data", losesDataToo},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
	suites(t, open, older)
}

var (
	ctx = context.Background()
	now = time.UnixMilli(time.Now().UnixMilli()).UTC()
)

// open makes a store that must come up. Most of the servers write no log, and nobody has to be told.
func (open Open) store(tb testing.TB, addrs []string, opts ...redisstore.Option) *redisstore.Store {
	tb.Helper()
	s, err := open(tb, addrs, append(opts, redisstore.AcceptNoLog())...)
	require.NoError(tb, err)
	return s
}

// on makes a store on a server of a test's own.
func (open Open) on(tb testing.TB, server *enginetest.Server, opts ...redisstore.Option) *redisstore.Store {
	tb.Helper()
	return open.store(tb, []string{server.Addr}, opts...)
}

// command sends a command that must succeed.
func command(tb testing.TB, server *enginetest.Server, words ...string) any {
	tb.Helper()
	answer, err := server.Do(words...)
	require.NoError(tb, err, words)
	return answer
}

func key() string { return strings.ToLower(rand.Text()) }

func record(subject, id string) session.Record {
	return session.Record{
		Subject: subject, Session: id, Scope: "a b", Current: "1", Start: now, Expires: now.Add(time.Hour),
	}
}

func rotation(subject, id string) session.Rotation {
	return session.Rotation{
		Subject: subject, Session: id, Presented: "1", Next: "2", Token: "t", Now: now, Expires: now.Add(time.Hour),
	}
}

func revocation(subject, token string) session.Revocation {
	return session.Revocation{Subject: subject, Token: token, Call: key(), Now: now, Until: now.Add(time.Hour)}
}

// patient is a context that gives a server some time.
func patient(tb testing.TB) context.Context {
	tb.Helper()
	c, cancel := context.WithTimeout(ctx, time.Second)
	tb.Cleanup(cancel)
	return c
}

// known is a store's subject, of whom enough is known to see a wrong answer.
type known struct {
	*redisstore.Store

	subject string
}

// newKnown has a session that goes on, one that has ended, a revoked token, and a mark.
func newKnown(tb testing.TB, s *redisstore.Store) known {
	tb.Helper()
	k := known{s, key()}
	require.NoError(tb, s.RevokeSubject(ctx, k.subject, now, now.Add(time.Hour)))
	require.NoError(tb, s.Begin(ctx, record(k.subject, "lives"), 9))
	require.NoError(tb, s.Begin(ctx, record(k.subject, "ended"), 9))
	ended, err := s.End(ctx, session.Ending{Subject: k.subject, Session: "ended", Call: "c", Now: now})
	require.NoError(tb, err)
	require.True(tb, ended)
	first, err := s.RevokeToken(ctx, revocation(k.subject, "revoked"))
	require.NoError(tb, err)
	require.True(tb, first)
	return k
}

// queries are questions about it, and whether the answer is that all is well.
func (k known) queries() map[session.Query]bool {
	return map[session.Query]bool{
		{Subject: k.subject, Session: "lives", Token: "t", Now: now}:                          true,
		{Subject: k.subject, Session: "lives", Token: "t", Now: now, Record: true}:            true,
		{Subject: k.subject, Session: "lives", Token: "revoked", Now: now}:                    false,
		{Subject: k.subject, Session: "ended", Token: "t", Now: now}:                          false,
		{Subject: k.subject, Session: "none", Token: "t", Now: now, Record: true}:             false,
		{Subject: k.subject, Token: "t", Issued: now, Now: now}:                               false,
		{Subject: k.subject, Token: "t", Now: now}:                                            false,
		{Subject: k.subject, Token: "t", Issued: now.Add(time.Hour), Now: now}:                true,
		{Subject: k.subject, Token: "revoked", Issued: now.Add(time.Hour), Now: now}:          false,
		{Subject: k.subject + "?", Token: "t", Issued: now.Add(-24 * time.Hour), Now: now}:    false,
		{Subject: k.subject, Session: "ended", Token: "revoked", Issued: now, Now: now}:       false,
		{Subject: k.subject + "?", Session: "lives", Token: "t", Issued: now, Now: now}:       false,
		{Subject: k.subject, Session: "lives", Token: "revoked", Now: now, Record: true}:      false,
		{Subject: k.subject, Session: "lives", Token: "", Issued: now.Add(-1), Now: now}:      true,
		{Subject: k.subject, Session: "lives", Token: "t", Now: now.Add(2 * time.Hour)}:       false,
		{Subject: k.subject, Session: "lives", Token: "revoked", Issued: now, Now: now}:       false,
		{Subject: k.subject, Session: "", Token: "", Issued: now.Add(time.Hour), Now: now}:    true,
		{Subject: k.subject, Session: "", Token: "", Issued: now.Add(-time.Second), Now: now}: false,
	}
}

// answers asks that all questions are answered, and right.
func (k known) answers(tb testing.TB) {
	tb.Helper()
	for q, fine := range k.queries() {
		status, err := k.Check(patient(tb), q)
		require.NoError(tb, err)
		require.Equal(tb, fine, !status.Revoked && !status.Ended, "%+v: %+v", q, status)
	}
}

// answersNothing asks that each question is an error.
func (k known) answersNothing(tb testing.TB, text string) {
	tb.Helper()
	for q := range k.queries() {
		k.fails(tb, text, func(ctx context.Context) (any, error) { return k.Check(ctx, q) })
	}
	k.fails(tb, text, func(ctx context.Context) (any, error) { return k.List(ctx, k.subject, now) })
}

// changesNothing asks that each change is an error.
func (k known) changesNothing(tb testing.TB, text string) {
	tb.Helper()
	for _, change := range []func(ctx context.Context) (any, error){
		func(ctx context.Context) (any, error) { return nil, k.Begin(ctx, record(k.subject, "new"), 1) },
		func(ctx context.Context) (any, error) { return k.Rotate(ctx, rotation(k.subject, "lives")) },
		func(ctx context.Context) (any, error) {
			return k.End(ctx, session.Ending{Subject: k.subject, Session: "lives", Call: "c", Now: now})
		},
		func(ctx context.Context) (any, error) { return k.RevokeToken(ctx, revocation(k.subject, "t")) },
		func(ctx context.Context) (any, error) {
			return nil, k.RevokeSubject(ctx, k.subject, now.Add(time.Minute), now.Add(time.Hour))
		},
		func(ctx context.Context) (any, error) { return nil, k.RevokeAll(ctx, now) },
	} {
		k.fails(tb, text, change)
	}
}

// findsNothing asks that what would change nothing is an error as well: the server may not know.
func (k known) findsNothing(tb testing.TB, text string) {
	tb.Helper()
	for _, change := range []func(ctx context.Context) (any, error){
		func(ctx context.Context) (any, error) { return nil, k.Begin(ctx, record(k.subject, "lives"), 1) },
		func(ctx context.Context) (any, error) { return k.Rotate(ctx, rotation(k.subject, "none")) },
		func(ctx context.Context) (any, error) {
			return k.End(ctx, session.Ending{Subject: k.subject, Session: "none", Call: "c", Now: now})
		},
		func(ctx context.Context) (any, error) { return k.RevokeToken(ctx, revocation(k.subject, "revoked")) },
	} {
		k.fails(tb, text, change)
	}
}

// fails makes a call that must fail: soon, and without an answer.
func (k known) fails(tb testing.TB, text string, call func(ctx context.Context) (any, error)) {
	tb.Helper()
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	answer, err := call(short)
	require.Error(tb, err)
	// A client may ask again until it is too late, if it hopes for a better answer.
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
		require.ErrorContains(tb, err, text)
	}
	if v := reflect.ValueOf(answer); v.IsValid() {
		require.True(tb, v.IsZero(), "an error, and an answer: %v", answer)
	}
}

// together runs f many times at once, and asks that none fails.
func together(tb testing.TB, n int, f func(i int) error) {
	tb.Helper()
	start, errs := make(chan struct{}), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	group.Wait()
	require.NoError(tb, errors.Join(errs...))
}

// suites runs the suite on all that there are, at once, when nothing else runs.
func suites(t *testing.T, open, older Open) {
	t.Helper()
	for _, c := range []struct {
		name string
		open func(t *testing.T) session.Store
	}{
		{"the suite, on one server", func(t *testing.T) session.Store {
			return open.store(t, []string{enginetest.Redis(t, false)}, redisstore.Prefix(key()+":"))
		}},
		{"the suite, on one server, by an older protocol", func(t *testing.T) session.Store {
			return another{older.store(t, []string{enginetest.Redis(t, false)}, redisstore.Prefix(key()+":"))}
		}},
		{"the suite, on a cluster", func(t *testing.T) session.Store {
			return open.store(t, enginetest.RedisNodes(t), redisstore.Prefix(key()+":"))
		}},
		// It asks about tokens that never expire, so that the store answers.
		{"the suite, by a replica", func(t *testing.T) session.Store {
			s := open.store(t, enginetest.RedisNodes(t), redisstore.Prefix(key()+":"))
			return another{newReplica(t, s)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.open(t)
			sessiontest.Run(t, func(*testing.T) session.Store { return s })
		})
	}
}

// another is a store whose like has all rounds of the races.
type another struct{ session.Store }

// FewRounds is heard by package sessiontest.
func (another) FewRounds() {}
