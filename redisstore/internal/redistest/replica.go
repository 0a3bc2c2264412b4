package redistest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// newReplica makes a replica that ends with the test.
func newReplica(tb testing.TB, s *redisstore.Store, opts ...redisstore.ReplicaOption) *redisstore.Replica {
	tb.Helper()
	r, err := redisstore.NewReplica(ctx, s, opts...)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, r.Close()) })
	return r
}

// access is a question about an access token that was issued just now.
func access(subject, id, token string) session.Query {
	issued := time.Now()
	return session.Query{
		Subject: subject, Session: id, Token: token, Issued: issued, Expires: issued.Add(15 * time.Minute), Now: issued,
	}
}

// quiet waits until enough time has passed since the server was made: that counts as a logout of everyone, so that a
// replica asks it about all. Since nobody waits for minutes, the entry is taken away.
func quiet(tb testing.TB, do func(words ...string) any) {
	tb.Helper()
	for _, name := range do("KEYS", "*:log").([]any) {
		do("XADD", name.(string), "*", "t", "nobody\xffnothing")
		do("XTRIM", name.(string), "MAXLEN", "1")
	}
}

// quietServer is a server of a test's own whose store was made long ago.
func quietServer(tb testing.TB, open Open) (*enginetest.Server, *redisstore.Store) {
	tb.Helper()
	server := enginetest.NewRedis(tb)
	s := open.on(tb, server)
	quiet(tb, func(words ...string) any { return command(tb, server, words...) })
	return server, s
}

// wantAsked asks that a replica does not answer by itself: the store says something else.
func wantAsked(tb testing.TB, s session.Store, q session.Query, want session.Status) {
	tb.Helper()
	status, err := s.Check(ctx, q)
	require.NoError(tb, err)
	require.Equal(tb, want, status)
}

var (
	fine    = session.Status{}
	revoked = session.Status{Revoked: true}
	ended   = session.Status{Ended: true}
)

// answersAlone: a replica answers without its server where it may, and not elsewhere.
func answersAlone(t *testing.T, open Open) {
	server, s := quietServer(t, open)
	require.NoError(t, s.Begin(ctx, record("alice", "before"), 9))
	_, err := s.End(ctx, session.Ending{Subject: "alice", Session: "before", Call: "c", Now: now})
	require.NoError(t, err)
	r := newReplica(t, s, redisstore.MaxStaleness(time.Minute))
	require.NoError(t, r.Begin(ctx, record("alice", "s"), 9))
	_, err = r.RevokeToken(ctx, revocation("alice", "revoked"))
	require.NoError(t, err)
	require.NoError(t, r.RevokeSubject(ctx, "bob", now, now.Add(time.Hour)))

	alone := map[string]session.Query{
		"of a session": access("alice", "s", "t"), "of no session": access("carol", "", "t"),
	}
	asks := map[string]session.Query{
		"a session that was ended before": access("alice", "before", "t"),
		"a revoked token":                 access("alice", "s", "revoked"),
		"a revoked token of no session":   access("alice", "", "revoked"),
		"a user who was logged out":       access("bob", "s", "t"),
		"who was logged out, no session":  access("bob", "", "t"),
	}
	for name, change := range map[string]func(q *session.Query){
		"a refresh token":          func(q *session.Query) { q.Record = true },
		"a token that lives long":  func(q *session.Query) { q.Expires = q.Issued.Add(15*time.Minute + 1) },
		"a token that never ends":  func(q *session.Query) { q.Expires = time.Time{} },
		"a token without a birth":  func(q *session.Query) { q.Issued = time.Time{} },
		"a token that is too old":  func(q *session.Query) { q.Now = q.Issued.Add(21 * time.Minute) },
		"a birth, and no end":      func(q *session.Query) { q.Issued, q.Expires = now, time.Time{} },
		"a token of a long life":   func(q *session.Query) { q.Issued = q.Issued.Add(-time.Hour) },
		"a token of the far past":  func(q *session.Query) { q.Issued, q.Expires = now.Add(-1e15), now.Add(-1e15+1) },
		"neither a birth nor ends": func(q *session.Query) { q.Issued, q.Expires = time.Time{}, time.Time{} },
	} {
		q := access("alice", "s", "t")
		change(&q)
		asks[name] = q
	}
	for name, q := range alone {
		wantAsked(t, r, q, fine)
		q.Session = "which nobody knows"
		if name == "of a session" {
			wantAsked(t, r, q, fine) // it takes the word of a token
		}
	}
	goOn := stop(t, server)
	for name, q := range alone {
		status, err := r.Check(ctx, q)
		require.NoError(t, err, name)
		require.Equal(t, fine, status)
	}
	for name, q := range asks {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		_, err := r.Check(short, q)
		cancel()
		require.Error(t, err, name)
	}
	require.NoError(t, r.Close())
	goOn()
	require.Eventually(t, func() bool {
		_, err := s.List(patient(t), "alice", now)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	wantAsked(t, r, access("alice", "s", "t"), fine)
	_, err = s.End(ctx, session.Ending{Subject: "alice", Session: "s", Call: "c", Now: now})
	require.NoError(t, err)
	wantAsked(t, r, access("alice", "before", "t"), ended)
}

// endings are all that may end a token before its time.
func endings(s session.Store, subject string) map[string]func() (session.Query, session.Status, error) {
	begun := func(id string) error { return s.Begin(ctx, record(subject, id), 0) }
	return map[string]func() (session.Query, session.Status, error){
		"end": func() (session.Query, session.Status, error) {
			_, err := s.End(ctx, session.Ending{Subject: subject, Session: "end", Call: key(), Now: now})
			return access(subject, "end", "t"), ended, err
		},
		"end by a clock ahead": func() (session.Query, session.Status, error) {
			ahead := now.Add(2 * time.Hour)
			_, err := s.End(ctx, session.Ending{Subject: subject, Session: "late", Call: key(), Now: ahead})
			return access(subject, "late", "t"), ended, err
		},
		"reuse": func() (session.Query, session.Status, error) {
			rotation := rotation(subject, "reuse")
			rotation.Presented = "0"
			result, err := s.Rotate(ctx, rotation)
			if err == nil && result.Outcome != session.Reused {
				err = fmt.Errorf("%+v", result)
			}
			return access(subject, "reuse", "t"), ended, err
		},
		"revoke a token": func() (session.Query, session.Status, error) {
			_, err := s.RevokeToken(ctx, revocation(subject, "revoked"))
			return access(subject, "end", "revoked"), session.Status{Revoked: true, Ended: true}, err
		},
		"revoke a token of no session": func() (session.Query, session.Status, error) {
			_, err := s.RevokeToken(ctx, revocation(subject, "alone"))
			return access(subject, "", "alone"), revoked, err
		},
		"revoke a subject": func() (session.Query, session.Status, error) {
			err := s.RevokeSubject(ctx, subject+"'s brother", time.Now().Add(time.Second), now.Add(time.Hour))
			return access(subject+"'s brother", "", "t"), revoked, err
		},
		"revoke a subject with a session": func() (session.Query, session.Status, error) {
			err := begun("x")
			if err == nil {
				err = s.RevokeSubject(ctx, subject, now, now.Add(time.Hour))
			}
			return access(subject, "x", "t"), ended, err
		},
	}
}

// hearsOthers: whatever another process ends, a replica hears of it.
func hearsOthers(t *testing.T, open Open) {
	for _, addrs := range [][]string{{enginetest.NewRedis(t).Addr}, enginetest.RedisNodes(t)} {
		prefix := redisstore.Prefix(key() + ":")
		s := open.store(t, addrs, prefix)
		for _, addr := range addrs {
			quiet(t, node(t, addr))
		}
		r := newReplica(t, open.store(t, addrs, prefix), redisstore.MaxStaleness(100*time.Millisecond))
		answersItself(t, r)
		subject := key()
		for _, id := range []string{"end", "late", "reuse"} {
			require.NoError(t, s.Begin(ctx, record(subject, id), 0))
			wantAsked(t, r, access(subject, id, "t"), fine)
		}
		for _, name := range []string{
			"end", "end by a clock ahead", "reuse", "revoke a token", "revoke a token of no session",
			"revoke a subject", "revoke a subject with a session",
		} {
			q, want, err := endings(s, subject)[name]()
			require.NoError(t, err, name)
			require.Eventually(t, func() bool {
				status, err := r.Check(ctx, q)
				return err == nil && status == want
			}, 10*time.Second, time.Millisecond, name)
		}
		subject = key() // a limit
		require.NoError(t, s.Begin(ctx, record(subject, "first"), 1))
		wantAsked(t, r, access(subject, "first", "t"), fine)
		require.NoError(t, s.Begin(ctx, record(subject, "second"), 1))
		require.Eventually(t, func() bool {
			status, err := r.Check(ctx, access(subject, "first", "t"))
			return err == nil && status == ended
		}, 10*time.Second, time.Millisecond)
		wantAsked(t, r, access(subject, "second", "t"), fine)

		require.NoError(t, s.RevokeAll(ctx, time.Now().Add(time.Second)))
		for _, q := range []session.Query{access(subject, "second", "t"), access(key(), "", "t")} {
			require.Eventually(t, func() bool {
				status, err := r.Check(ctx, q)
				return err == nil && status != fine
			}, 10*time.Second, time.Millisecond)
		}
	}
}

// hearsItself: what it ends itself counts at once; and what was ended before it was made.
func hearsItself(t *testing.T, open Open) {
	server, s := quietServer(t, open)
	r := newReplica(t, s, redisstore.MaxStaleness(time.Minute)) // it hears of nothing for 15 s
	subject := key()
	for _, id := range []string{"end", "late", "reuse"} {
		require.NoError(t, r.Begin(ctx, record(subject, id), 0))
	}
	late := map[string]session.Query{}
	wants := map[string]session.Status{}
	for name, end := range endings(r, subject) {
		if name == "revoke a subject with a session" {
			continue
		}
		q, want, err := end()
		require.NoError(t, err, name)
		if want.Ended && want.Revoked {
			want.Ended = false // which of the two came first is not said
			status, err := r.Check(ctx, q)
			require.NoError(t, err)
			require.True(t, status.Revoked)
			continue
		}
		wantAsked(t, r, q, want)
		late[name], wants[name] = q, want
	}
	another := newReplica(t, open.on(t, server), redisstore.MaxStaleness(time.Minute))
	for name, q := range late {
		wantAsked(t, another, q, wants[name])
	}
	require.NoError(t, r.RevokeAll(ctx, time.Now().Add(time.Second)))
	wantAsked(t, r, access(key(), "", "t"), revoked)
	wantAsked(t, another, access(key(), "", "t"), fine)
	wantAsked(t, newReplica(t, open.on(t, server)), access(key(), "", "t"), revoked)
}

// growsStale: a replica whose server is silent answers for as long as it may, and then not at all; when the server is
// back it answers again.
func growsStale(t *testing.T, open Open) {
	server, s := quietServer(t, open)
	const staleness = 200 * time.Millisecond
	r := newReplica(t, s, redisstore.MaxStaleness(staleness))
	wantAsked(t, r, access("alice", "s", "t"), fine)
	goOn := stop(t, server)
	over := time.Now().Add(staleness)
	failed := 0
	for failed < 5 {
		asked := time.Now()
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		status, err := r.Check(short, access("alice", "s", "t"))
		cancel()
		switch {
		case err != nil:
			failed++
		case asked.After(over):
			require.Fail(t, "an answer that is too old", "%v later: %+v", asked.Sub(over), status)
		}
	}
	require.Greater(t, r.Staleness(), staleness)
	goOn()
	require.Eventually(t, func() bool { return r.Staleness() < staleness }, 10*time.Second, time.Millisecond)
	wantAsked(t, r, access("alice", "s", "t"), fine)

	server.Kill()
	require.Eventually(t, func() bool {
		_, err := r.Check(patient(t), access("alice", "s", "t"))
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)
	server.Start() // and has lost all
	require.Eventually(t, func() bool {
		status, err := r.Check(patient(t), access("alice", "s", "t"))
		return err == nil && status == ended
	}, 10*time.Second, 10*time.Millisecond)
	_, err := s.RevokeToken(ctx, revocation("alice", "t"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, err := r.Check(patient(t), access("alice", "", "t"))
		return err == nil && status == revoked
	}, 10*time.Second, 10*time.Millisecond)
}

// missesNone: 20,000 tokens are revoked while all connections are killed again and again.
func missesNone(t *testing.T, open Open) {
	server, s := quietServer(t, open)
	n := 20_000
	if testing.Short() {
		n = 2000
	}
	r := newReplica(t, open.on(t, server), redisstore.MaxStaleness(40*time.Millisecond))
	token := func(i int) (subject, token string) { return "user " + strconv.Itoa(i%500), strconv.Itoa(i) }
	var next, repeated atomic.Int64
	var stop atomic.Bool
	var killers, writers sync.WaitGroup
	killers.Go(func() {
		for !stop.Load() {
			_, err := server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			if err != nil {
				return
			}
			<-time.After(50 * time.Millisecond)
		}
	})
	for range 8 {
		writers.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				subject, id := token(i)
				for { // until it is acknowledged
					if _, err := s.RevokeToken(patient(t), revocation(subject, id)); err == nil {
						break
					}
					repeated.Add(1)
				}
			}
		})
	}
	writers.Wait()
	last := time.Now()
	require.Eventually(t, func() bool { return r.Staleness() < time.Since(last) }, 10*time.Second, time.Millisecond)
	stop.Store(true)
	killers.Wait()
	missed := 0
	for i := 1; i <= n; i++ {
		subject, id := token(i)
		status, err := r.Check(ctx, access(subject, "", id))
		require.NoError(t, err)
		if !status.Revoked {
			missed++
		}
	}
	require.Zero(t, missed)
	killed, err := strconv.Atoi(field(command(t, server, "INFO", "stats"), "total_connections_received"))
	require.NoError(t, err)
	require.Greater(t, killed, 100, "connections")
	t.Logf("%d revoked, %d connections, %d calls repeated", n, killed, repeated.Load())
	answersItself(t, r)
}

// failsOver: another server takes over, which has not heard of the last entries, and whose clock is behind.
func failsOver(t *testing.T, open Open) {
	server, s := quietServer(t, open)
	r := newReplica(t, open.on(t, server), redisstore.MaxStaleness(100*time.Millisecond))
	hears := func(id string) {
		t.Helper()
		require.Eventually(t, func() bool {
			status, err := r.Check(patient(t), access("alice", "", id))
			return err == nil && status == revoked
		}, 10*time.Second, time.Millisecond)
	}
	revoke := func(id string) {
		t.Helper()
		require.Eventually(t, func() bool {
			_, err := s.RevokeToken(patient(t), revocation("alice", id))
			return err == nil
		}, 10*time.Second, time.Millisecond)
	}
	revoke("before")
	hears("before")
	command(t, server, "SAVE")
	for _, name := range keysOf(t, server, "*:log") {
		ahead := strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10)
		command(t, server, "XADD", name, ahead+"-0", "t", "nobody\xffnothing")
	}
	revoke("lost")
	hears("lost")
	wantAsked(t, r, access("alice", "", "never"), fine)
	server.Kill()
	server.Start()
	for i := range 5 {
		id := "after " + strconv.Itoa(i)
		revoke(id)
		hears(id)
	}
	hears("before")
	answersItself(t, r)
	// A login is among what was lost, and so was its logout: both have to be done again.
	another := newReplica(t, open.on(t, server), redisstore.MaxStaleness(8*time.Second)) // so that it asks for news
	wantAsked(t, another, access("alice", "begun before", "t"), fine)
	ended, err := r.End(ctx, session.Ending{Subject: "alice", Session: "begun before", Call: "c", Now: now})
	require.NoError(t, err)
	require.False(t, ended)
	require.Eventually(t, func() bool {
		status, err := another.Check(patient(t), access("alice", "begun before", "t"))
		return err == nil && status.Ended
	}, 6*time.Second, time.Millisecond)
	wantAsked(t, another, access("alice", "begun then", "t"), fine)
}

// losesDataToo: a replica whose store has lost its data, or its log alone, asks it about all.
func losesDataToo(t *testing.T, open Open) {
	server, s := quietServer(t, open)
	for i, lose := range []func(){
		func() { command(t, server, "FLUSHALL") },
		func() { command(t, server, append([]string{"DEL"}, keysOf(t, server, "*:log")...)...) },
		func() { command(t, server, append([]string{"DEL"}, keysOf(t, server, "*:all")...)...) },
	} {
		r := newReplica(t, s, redisstore.MaxStaleness(100*time.Millisecond))
		answersItself(t, r)
		id := strconv.Itoa(i)
		require.NoError(t, s.Begin(ctx, record("alice", id), 9))
		lose()
		require.Eventually(t, func() bool {
			status, err := r.Check(ctx, access("alice", "none", "t"))
			return err == nil && status == ended
		}, 10*time.Second, time.Millisecond)
		_, err := s.End(ctx, session.Ending{Subject: "alice", Session: id, Call: "c", Now: now})
		require.NoError(t, err)
		another := newReplica(t, s)
		wantAsked(t, another, access("alice", id, "t"), ended)
		wantAsked(t, another, access("alice", "none", "t"), ended)
		quiet(t, func(words ...string) any { return command(t, server, words...) })
	}
}

// answersItself asks that a replica does not ask: the store would say that it knows no such session.
func answersItself(tb testing.TB, s session.Store) {
	tb.Helper()
	require.Eventually(tb, func() bool { // it may have to hear of something first
		status, err := s.Check(ctx, access("alice", "which nobody knows", "t"))
		return err == nil && status == fine
	}, 10*time.Second, time.Millisecond)
}

// field returns one of what INFO says.
func field(info any, name string) string {
	for line := range strings.Lines(info.(string)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
