package redisstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// server is what a replica hears, whose clock does as it is told: a log for each partition. Whoever asks it about a
// token is told that it was revoked.
type server struct {
	ms    int64
	logs  [64][]any // id, kind, names
	odd   any
	polls int
}

func (s *server) client() redisstore.Client {
	return client(func(_ string, keys, args []string) (any, error) {
		switch {
		case len(keys) == 3:
			return int64(1), nil
		case len(args) != 2+64:
			return good, nil
		case s.odd != nil:
			err, _ := s.odd.(error)
			return s.odd, err
		}
		s.polls++
		span, _ := strconv.ParseInt(args[0], 10, 64)
		answer := []any{s.ms}
		for i := range s.logs {
			answer = append(answer, s.read(i, args[2+i], s.ms-span))
		}
		return answer, nil
	})
}

// read is what the script does.
func (s *server) read(partition int, last string, from int64) []any {
	list := []any{int64(0)}
	log := s.logs[partition]
	for i := 0; i < len(log); i += 3 {
		ms, _ := strconv.ParseInt(log[i].(string), 10, 64)
		begins, _ := strconv.ParseInt(last, 10, 64)
		if last == "" {
			begins = from
		}
		if ms >= begins && len(list) < 300 {
			list = append(list, log[i:i+3]...)
		} else if ms >= begins {
			list[0] = int64(1)
		}
	}
	switch {
	case len(log) == 0:
		return []any{}
	case len(list) == 1:
		return append(list, log[len(log)-3:]...)
	}
	return list
}

func (s *server) publish(kind, subject string, own ...string) {
	i, names := redisstore.PartitionOf(subject), strings.Join(append([]string{subject}, own...), "\xff")
	s.logs[i] = append(s.logs[i], strconv.FormatInt(s.ms, 10), kind, names)
}

func newServer() *server {
	s := &server{ms: 1_000_000_000}
	for i := range s.logs {
		s.logs[i] = []any{"1000", "t", "nobody\xffnothing"}
	}
	return s
}

func newReplica(t *testing.T, s *server, opts ...redisstore.ReplicaOption) *redisstore.Replica {
	t.Helper()
	store, err := redisstore.New(ctx, s.client())
	require.NoError(t, err)
	r, err := redisstore.NewReplica(ctx, store, append(opts, redisstore.MaxStaleness(time.Minute))...)
	require.NoError(t, err)
	require.NoError(t, r.Close()) // which leaves what it knows, and it is asked to catch up
	return r
}

// asks reports whether a replica asks about a token that was issued just now.
func asks(t *testing.T, r *redisstore.Replica, subject, id, token string, life time.Duration) bool {
	t.Helper()
	at := time.Now()
	status, err := r.Check(ctx, session.Query{
		Subject: subject, Session: id, Token: token, Issued: at, Expires: at.Add(life), Now: at,
	})
	require.NoError(t, err)
	return status.Revoked
}

func TestNewReplicaSaysAllMistakes(t *testing.T) {
	_, err := redisstore.NewReplica(ctx, nil, redisstore.Horizon(0), redisstore.MaxStaleness(0), nil,
		redisstore.Horizon(redisstore.MaxHorizon+1), redisstore.MaxStaleness(time.Minute+1))
	require.EqualError(t, err, strings.Join([]string{
		"redisstore: NewReplica wants a store that New has made",
		"Horizon: 0s is not more than 0 and at most 1h0m0s",
		"MaxStaleness: 0s is not from 20 ms to a minute",
		"an option is nil",
		"Horizon: 1h0m0.000000001s is not more than 0 and at most 1h0m0s",
		"MaxStaleness: 1m0.000000001s is not from 20 ms to a minute",
	}, "\n"))
	_, err = redisstore.NewReplica(ctx, &redisstore.Store{})
	require.ErrorContains(t, err, "a store that New has made")
	var r redisstore.Replica
	require.NoError(t, r.Close())
}

// What was revoked is held for as long as a token of the horizon may live, and ten minutes; not for ever.
func TestReplicaForgets(t *testing.T) {
	for _, horizon := range []time.Duration{time.Minute, 15 * time.Minute, time.Hour} {
		s := newServer()
		r := newReplica(t, s, redisstore.Horizon(horizon))
		require.True(t, asks(t, r, "alice", "s", "t", horizon+1))
		require.False(t, asks(t, r, "alice", "s", "t", horizon))
		span := horizon + 10*time.Minute
		for kind, revoke := range map[string]func(){
			"session": func() { s.publish("s", "alice", "s") },
			"token":   func() { s.publish("t", "alice", "t") },
			"mark":    func() { s.publish("m", "alice") },
			"all":     func() { s.publish("a", "alice") },
		} {
			for _, wait := range []time.Duration{0, span / 3, span - time.Millisecond} {
				s.ms += wait.Milliseconds()
				require.NoError(t, r.CatchUp(ctx))
				revoke()
				require.NoError(t, r.CatchUp(ctx))
				for range 10 {
					require.True(t, asks(t, r, "alice", "s", "t", horizon), kind)
					require.False(t, asks(t, r, "bob", "s", "t", horizon), kind)
					s.ms += span.Milliseconds()/10 - 1
					require.NoError(t, r.CatchUp(ctx))
				}
				require.True(t, asks(t, r, "alice", "s", "t", horizon), kind)
				s.ms += 2 * span.Milliseconds()
				require.NoError(t, r.CatchUp(ctx))
				s.ms += 2 * span.Milliseconds()
				require.NoError(t, r.CatchUp(ctx))
				require.False(t, asks(t, r, "alice", "s", "t", horizon), kind)
			}
		}
	}
}

// A replica that is new reads back as far as matters.
func TestReplicaReadsBack(t *testing.T) {
	s := newServer()
	s.publish("t", "alice", "old")
	s.ms += (25 * time.Minute).Milliseconds()
	s.publish("t", "alice", "young")
	s.ms++
	r := newReplica(t, s)
	require.False(t, asks(t, r, "alice", "s", "old", time.Minute))
	require.True(t, asks(t, r, "alice", "s", "young", time.Minute))
	s.logs[redisstore.PartitionOf("bob")] = []any{"1000", "a", ""} // long ago
	require.False(t, asks(t, newReplica(t, s), "bob", "s", "t", time.Minute))
	s.ms += (24 * time.Minute).Milliseconds()
	require.True(t, asks(t, newReplica(t, s), "alice", "s", "young", time.Minute))
}

// A log is read in parts, and until there is no more.
func TestReplicaReadsAll(t *testing.T) {
	s := newServer()
	for i := range 1000 {
		s.ms++
		s.publish("t", "alice", strconv.Itoa(i))
	}
	r := newReplica(t, s)
	require.Greater(t, s.polls, 9)
	for i := range 1000 {
		require.True(t, asks(t, r, "alice", "s", strconv.Itoa(i), time.Minute))
	}
	require.False(t, asks(t, r, "alice", "s", "another", time.Minute))
	for i := range 1000 {
		s.ms++
		s.publish("t", "alice", "more "+strconv.Itoa(i))
	}
	require.NoError(t, r.CatchUp(ctx))
	for i := range 1000 {
		require.True(t, asks(t, r, "alice", "s", "more "+strconv.Itoa(i), time.Minute))
	}
}

// A log that does not go on from where it was read is read anew, and what it has lost is not forgotten.
func TestReplicaReadsAnew(t *testing.T) {
	for name, lose := range map[string]func(s *server, i int){
		"the last entry":     func(s *server, i int) { s.logs[i] = s.logs[i][:len(s.logs[i])-3] },
		"all entries":        func(s *server, i int) { s.logs[i] = s.logs[i][:0] },
		"its last words":     func(s *server, i int) { s.logs[i][len(s.logs[i])-1] = "alice\xffsomething else" },
		"the kind of it":     func(s *server, i int) { s.logs[i][len(s.logs[i])-2] = "s" },
		"all but the newest": func(s *server, i int) { s.logs[i] = s.logs[i][len(s.logs[i])-3:] },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer()
			s.ms += time.Hour.Milliseconds()
			s.publish("t", "alice", "before")
			r := newReplica(t, s)
			s.ms += 5000
			s.publish("t", "alice", "lost")
			require.NoError(t, r.CatchUp(ctx))
			i := redisstore.PartitionOf("alice")
			lose(s, i)
			s.ms -= 3000 // the other server's clock is behind
			s.publish("t", "alice", "after")
			require.NoError(t, r.CatchUp(ctx))
			require.True(t, asks(t, r, "alice", "s", "before", time.Minute))
			require.True(t, asks(t, r, "alice", "s", "lost", time.Minute))
			if name != "all but the newest" { // a log only grows
				require.True(t, asks(t, r, "alice", "s", "after", time.Minute))
			}
			require.False(t, asks(t, r, "alice", "s", "another", time.Minute))
		})
	}
}

// Where there is no log, data were lost: the store is asked about all, until there is one again.
func TestReplicaWithoutALog(t *testing.T) {
	s := newServer()
	r := newReplica(t, s)
	s.logs[redisstore.PartitionOf("alice")] = nil
	require.NoError(t, r.CatchUp(ctx))
	require.True(t, asks(t, r, "alice", "s", "t", time.Minute))
	require.False(t, asks(t, r, "bob", "s", "t", time.Minute))
	require.True(t, asks(t, newReplica(t, s), "alice", "s", "t", time.Minute))
	s.publish("t", "alice", "x")
	require.NoError(t, r.CatchUp(ctx))
	require.False(t, asks(t, r, "alice", "s", "t", time.Minute))
	require.True(t, asks(t, r, "alice", "s", "x", time.Minute))
}

// What no script answers is an error, and news that did not come.
func TestReplicaOddAnswers(t *testing.T) {
	s := newServer()
	r := newReplica(t, s)
	lists := func(first any) []any {
		list := []any{int64(1), first}
		for range 63 {
			list = append(list, []any{int64(0), "1000", "t", "x"})
		}
		return list
	}
	for _, odd := range []any{
		"", int64(0),
		[]any{},
		[]any{int64(1)},
		lists(nil), lists("x"), lists([]any{"1"}), lists([]any{int64(0), "1"}),
		lists([]any{int64(0), "1", "t", int64(1)}), lists([]any{"0", "1", "t", "x"}),
		append(lists([]any{})[1:], int64(1)), lists([]any{})[:64], errors.New("READONLY"),
	} {
		s.odd = odd
		require.Error(t, r.CatchUp(ctx), fmt.Sprint(odd))
		store, err := redisstore.New(ctx, s.client())
		require.NoError(t, err)
		_, err = redisstore.NewReplica(ctx, store)
		require.Error(t, err)
	}
	s.odd = nil
	require.NoError(t, r.CatchUp(ctx))
	require.False(t, asks(t, r, "alice", "s", "t", time.Minute))
}
