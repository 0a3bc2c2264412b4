package redistest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

func evicts(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	addrs := []string{server.Addr}
	for _, policy := range []string{
		"allkeys-lru", "allkeys-lfu", "allkeys-random",
		"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
	} {
		command(t, server, "CONFIG", "SET", "maxmemory-policy", policy)
		_, err := open(t, addrs)
		require.ErrorContains(t, err, "maxmemory-policy is "+policy)
		_, err = open(t, addrs, redisstore.AssumeNoEviction())
		require.ErrorContains(t, err, "maxmemory-policy is "+policy, "it can be asked")
		newKnown(t, open.store(t, addrs, redisstore.InsecureEviction(), redisstore.AssumeNoEviction())).answers(t)
	}
	command(t, server, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	newKnown(t, open.store(t, addrs)).answers(t)

	nodes := enginetest.RedisNodes(t) // of which one is enough
	evicting := node(t, nodes[2])
	evicting("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
	defer evicting("CONFIG", "SET", "maxmemory-policy", "noeviction")
	_, err := open(t, nodes)
	require.ErrorContains(t, err, "maxmemory-policy is volatile-lru")
}

// node returns what sends commands to a server.
func node(tb testing.TB, addr string) func(words ...string) any {
	tb.Helper()
	c, err := enginetest.Dial(addr)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return func(words ...string) any {
		answer, err := c.Do(words...)
		require.NoError(tb, err, words)
		return answer
	}
}

func doesNotSay(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	addrs := []string{server.Addr}
	command(t, server, "ACL", "SETUSER", "default", "-info", "-config")
	_, err := open(t, addrs)
	require.ErrorContains(t, err, "does not say its maxmemory-policy")
	require.ErrorContains(t, err, "AssumeNoEviction")
	newKnown(t, open.store(t, addrs, redisstore.AssumeNoEviction())).answers(t)
	newKnown(t, open.store(t, addrs, redisstore.InsecureEviction())).answers(t)
}

// writesNoLog: who may forget logouts at a crash is taken, and told of once, unless somebody knows or nobody can ask.
func writesNoLog(t *testing.T, open Open) {
	tells := func(told int, addrs []string, opts ...redisstore.Option) {
		t.Helper()
		lines := logged(t)
		s, err := open(t, addrs, append(opts, redisstore.Prefix(key()+":"))...)
		require.NoError(t, err)
		newKnown(t, s).answers(t)
		require.Equal(t, told, strings.Count(lines.String(), "\n"), lines)
		require.Equal(t, told, strings.Count(lines.String(), "level=WARN msg=\"jot: Redis writes no log: "))
	}
	server := enginetest.NewRedis(t)
	addrs := []string{server.Addr}
	tells(1, addrs)
	tells(1, addrs, redisstore.AssumeNoEviction(), redisstore.InsecureEviction())
	tells(0, addrs, redisstore.AcceptNoLog())
	command(t, server, "CONFIG", "SET", "appendonly", "yes")
	tells(0, addrs)
	command(t, server, "CONFIG", "SET", "appendonly", "no")
	command(t, server, "ACL", "SETUSER", "default", "-info", "-config")
	tells(0, addrs, redisstore.AssumeNoEviction())

	nodes := enginetest.RedisNodes(t) // of which one is enough
	for i, addr := range nodes {
		tells(1, nodes)
		ask := node(t, addr)
		ask("CONFIG", "SET", "appendonly", "yes")
		defer ask("CONFIG", "SET", "appendonly", "no")
		if i == 0 {
			tells(0, nodes, redisstore.AcceptNoLog())
		}
	}
	tells(0, nodes)
}

// logged returns what is logged from here on.
func logged(tb testing.TB) *bytes.Buffer {
	tb.Helper()
	before, lines := slog.Default(), new(bytes.Buffer)
	tb.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(lines, nil)))
	return lines
}

// Rights are all that a user needs, for keys that begin with jot:, as the guide has it.
const Rights = "~jot:* -@all +@connection +cluster|slots +cluster|shards +evalsha +eval +info +persist +time " +
	"+get +set +hget +hset +hsetnx +hdel +hlen +hgetall +hincrby +exists +pttl +pexpire +unlink " +
	"+xadd +xtrim +xrange +xrevrange"

func leastUser(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	command(t, server, append([]string{"ACL", "SETUSER", "default", "reset", "on", "nopass"}, fields(Rights)...)...)
	s := open.store(t, []string{server.Addr})
	k := newKnown(t, s)
	k.answers(t)
	newReplica(t, s)
	require.NoError(t, s.RevokeAll(ctx, now))
	for i := range 40 {
		require.NoError(t, s.Begin(ctx, record(k.subject, key()), 1+i%2))
		list, err := s.List(ctx, k.subject, now)
		require.NoError(t, err)
		for _, r := range list[1:] {
			_, err = s.Rotate(ctx, rotation(k.subject, r.Session))
			require.NoError(t, err)
			_, err = s.End(ctx, session.Ending{Subject: k.subject, Session: r.Session, Call: key(), Now: now})
			require.NoError(t, err)
		}
	}
	_, err := open(t, []string{server.Addr}, redisstore.Prefix("other:"))
	require.ErrorContains(t, err, "NOPERM")
}

func unreachable(t *testing.T, open Open) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = open(t, []string{listener.Addr().String()})
	require.Error(t, err)

	server := enginetest.NewRedis(t)
	k := newKnown(t, open.on(t, server))
	k.answers(t)
	over, cancel := context.WithCancel(ctx)
	cancel()
	for q := range k.queries() {
		_, err := k.Check(over, q)
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err = k.Rotate(over, rotation(k.subject, "lives"))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, k.RevokeAll(over, now), context.Canceled)
	k.answers(t)
}

func prefixes(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	addrs := []string{server.Addr}
	a, b := open.store(t, addrs, redisstore.Prefix("a:")), open.store(t, addrs, redisstore.Prefix(""))
	k := newKnown(t, a)
	require.NoError(t, b.RevokeAll(ctx, now))
	require.NoError(t, b.RevokeSubject(ctx, k.subject, now.Add(time.Minute), now.Add(time.Hour)))
	k.answers(t)
	same := open.store(t, addrs, redisstore.Prefix("a:"), redisstore.Since(time.Time{}))
	known{same, k.subject}.answers(t)

	late := open.store(t, addrs, redisstore.Prefix("late:"), redisstore.Since(now.Add(-time.Hour)))
	all := open.store(t, addrs, redisstore.Prefix("all:"), redisstore.Since(time.Time{}))
	for _, tc := range []struct {
		s       *redisstore.Store
		issued  time.Time
		revoked bool
	}{
		{late, now.Add(-time.Hour), true},
		{late, now.Add(1 - time.Hour), true}, // whole milliseconds
		{late, now.Add(time.Millisecond - time.Hour), false},
		{late, time.Time{}, true},
		{all, now.Add(-1000 * time.Hour), false},
		{all, time.Time{}, false},
	} {
		status, err := tc.s.Check(ctx, session.Query{Subject: "alice", Token: "t", Issued: tc.issued, Now: now})
		require.NoError(t, err)
		require.Equal(t, session.Status{Revoked: tc.revoked}, status, tc.issued)
	}
}
