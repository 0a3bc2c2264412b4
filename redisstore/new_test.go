package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

var ctx = context.Background()

// client answers as it is told, which no server does.
type client func(command string, keys, args []string) (any, error)

func (f client) Eval(_ context.Context, command, _ string, keys, args []string) (any, error) {
	return f(command, keys, args)
}

// good is what a server says of itself that New takes.
var good = []any{"noeviction", int64(0)}

func noeviction(string, []string, []string) (any, error) { return good, nil }

func TestNewSaysAllMistakes(t *testing.T) {
	_, err := redisstore.New(ctx, nil, redisstore.Prefix("{x}"), nil, redisstore.Prefix(strings.Repeat("x", 65)))
	require.EqualError(t, err, strings.Join([]string{
		"redisstore: New wants a client",
		`Prefix: "{x}" is not at most 64 letters, digits and :.-_/`,
		"an option is nil",
		`Prefix: "` + strings.Repeat("x", 65) + `" is not at most 64 letters, digits and :.-_/`,
	}, "\n"))
	for _, prefix := range []string{"", "a", "app:Jot-1_2/3.4:", strings.Repeat("x", 64)} {
		_, err := redisstore.New(ctx, client(noeviction), redisstore.Prefix(prefix))
		require.NoError(t, err, prefix)
	}
	for _, prefix := range []string{" ", "a b", "ä", "a\n", "a}b", "*", "a\x00", "\u212a"} {
		_, err := redisstore.New(ctx, client(noeviction), redisstore.Prefix(prefix))
		require.Error(t, err, prefix)
	}
}

// A server that says what none says is not understood.
func TestNewAsks(t *testing.T) {
	says := func(policy string) any { return []any{policy, int64(0)} }
	for _, tc := range []struct {
		answer any
		opts   []redisstore.Option
		want   string
	}{
		{says("noeviction"), nil, ""},
		{says("allkeys-lru"), nil, "maxmemory-policy is allkeys-lru"},
		{says("unknown: NOPERM"), nil, "does not say its maxmemory-policy (NOPERM)"},
		{says("unknown: NOPERM"), []redisstore.Option{redisstore.AssumeNoEviction()}, ""},
		{says("volatile-ttl"), []redisstore.Option{redisstore.AssumeNoEviction()}, "maxmemory-policy is volatile-ttl"},
		{says("volatile-ttl"), []redisstore.Option{redisstore.InsecureEviction()}, ""},
		{says(""), nil, "maxmemory-policy is "},
		{"noeviction", nil, "an answer of noeviction"},
		{[]any{"noeviction"}, nil, "an answer of [noeviction]"},
		{[]any{"noeviction", "0"}, nil, "an answer of [noeviction 0]"},
		{[]any{int64(0), int64(0)}, nil, "an answer of [0 0]"},
		{int64(1), nil, "an answer of 1"},
		{nil, nil, "an answer of <nil>"},
		{errors.New("ERR no"), []redisstore.Option{redisstore.InsecureEviction()}, "ERR no"},
	} {
		_, err := redisstore.New(ctx, client(func(string, []string, []string) (any, error) {
			err, _ := tc.answer.(error)
			return tc.answer, err
		}), tc.opts...)
		if tc.want == "" {
			require.NoError(t, err, tc.answer)
		} else {
			require.ErrorContains(t, err, tc.want)
		}
	}
}

// In a cluster each partition is asked alone, and one node's answer is enough to be refused.
func TestNewAsksEachPartition(t *testing.T) {
	for _, evicting := range []string{"", "jot:{44}:all"} {
		_, err := redisstore.New(ctx, client(func(_ string, keys, _ []string) (any, error) {
			switch {
			case len(keys) > 2:
				return nil, errors.New("CROSSSLOT Keys in request don't hash to the same slot")
			case keys[0] == evicting:
				return []any{"allkeys-lru", int64(0)}, nil
			}
			return good, nil
		}))
		require.Equal(t, evicting == "", err == nil, err)
	}
	_, err := redisstore.New(ctx, client(func(_ string, keys, _ []string) (any, error) {
		if len(keys) > 2 {
			return nil, errors.New("CROSSSLOT Keys in request don't hash to the same slot")
		}
		return nil, errors.New("CLUSTERDOWN Hash slot not served")
	}))
	require.ErrorContains(t, err, "CLUSTERDOWN")
}

// every calls all methods of a store, and returns what each says beside its error.
func every(s *redisstore.Store) map[string]func() (any, error) {
	record, revocation := session.Record{Subject: "a", Session: "s"}, session.Revocation{Subject: "a", Token: "t"}
	now := time.Now()
	return map[string]func() (any, error){
		"Begin":           func() (any, error) { return nil, s.Begin(ctx, record, 1) },
		"Check":           func() (any, error) { return s.Check(ctx, session.Query{Subject: "a", Session: "s"}) },
		"Check of a mark": func() (any, error) { return s.Check(ctx, session.Query{Subject: "a"}) },
		"Check of a record": func() (any, error) {
			return s.Check(ctx, session.Query{Subject: "a", Session: "s", Record: true})
		},
		"Rotate":        func() (any, error) { return s.Rotate(ctx, session.Rotation{Subject: "a", Session: "s"}) },
		"End":           func() (any, error) { return s.End(ctx, session.Ending{Subject: "a", Session: "s"}) },
		"RevokeToken":   func() (any, error) { return s.RevokeToken(ctx, revocation) },
		"RevokeSubject": func() (any, error) { return nil, s.RevokeSubject(ctx, "a", now, now) },
		"RevokeAll":     func() (any, error) { return nil, s.RevokeAll(ctx, now) },
		"List":          func() (any, error) { return s.List(ctx, "a", now) },
	}
}

func TestStoreNotMadeByNew(t *testing.T) {
	for name, call := range every(&redisstore.Store{}) {
		answer, err := call()
		require.ErrorContains(t, err, "not made by New", name)
		require.Empty(t, answer)
	}
}

// What no script answers is an error, and never a verdict.
func TestOddAnswers(t *testing.T) {
	var answer any
	s, err := redisstore.New(ctx, client(func(_ string, keys, _ []string) (any, error) {
		if len(keys) == 128 {
			return good, nil
		}
		return answer, nil
	}))
	require.NoError(t, err)
	whole := []any{int64(0), int64(1), nil, int64(2), "c", "p", "scope", "label"}
	with := func(i int, v any) []any {
		list := append([]any{}, whole...)
		list[i] = v
		return list
	}
	for _, answer = range []any{
		nil, "", "fine", int64(-1), int64(4), int64(1 << 40), 0, true,
		[]any{},
		[]any{int64(0)},
		[]any{nil},
		whole[1:],
		with(0, "0"), with(0, int64(9)), with(1, "1"), with(2, ""), with(3, 2.5), with(4, nil), with(4, ""),
		with(5, int64(0)), with(6, nil), with(7, []any{}), append(with(0, int64(0)), ""),
		map[any]any{},
	} {
		for _, q := range []session.Query{{Subject: "a", Session: "s"}, {Subject: "a"}, {Subject: "a", Record: true}} {
			status, err := s.Check(ctx, q)
			require.ErrorContains(t, err, "an answer of", "%v", answer)
			require.Zero(t, status)
		}
	}
	for _, answer = range []any{
		nil, "", "gone", "rotated", "replayed", "rewound", int64(1),
		[]any{"rotated"},
		[]any{"rotated", "c"},
		[]any{"rotated", "c", nil},
		[]any{"rotated", int64(1), ""},
		[]any{"unknown", "c", ""},
		[]any{"x", "c", ""},
		[]any{"rotated", "c", "", ""},
		[]any{[]any{}, "c", ""},
		[]any{"reused", "", ""},
	} {
		result, err := s.Rotate(ctx, session.Rotation{Subject: "a", Session: "s"})
		require.ErrorContains(t, err, "an answer of", "%v", answer)
		require.Zero(t, result)
	}
	for _, answer = range []any{nil, "1", []any{}, true} {
		ended, err := s.End(ctx, session.Ending{Subject: "a", Session: "s"})
		require.ErrorContains(t, err, "an answer of")
		require.False(t, ended)
		first, err := s.RevokeToken(ctx, session.Revocation{Subject: "a", Token: "t"})
		require.ErrorContains(t, err, "an answer of")
		require.False(t, first)
	}
	for _, answer = range []any{
		nil, "x", int64(0),
		[]any{nil},
		[]any{"x"},
		[]any{[]any{}},
		[]any{with(0, int64(1))},
		[]any{with(3, nil)[1:]},
		[]any{with(4, "")},
	} {
		list, err := s.List(ctx, "a", time.Now())
		require.ErrorContains(t, err, "an answer of", "%v", answer)
		require.Empty(t, list)
	}
}

// A server that is empty again as soon as it was filled is an error.
func TestForgetfulServer(t *testing.T) {
	s, err := redisstore.New(ctx, client(func(_ string, keys, _ []string) (any, error) {
		if len(keys) == 128 || len(keys) == 2 && strings.HasSuffix(keys[1], ":log") {
			return good, nil
		}
		return "empty", nil
	}))
	require.NoError(t, err)
	for name, call := range every(s) {
		if name == "RevokeAll" { // which fills it
			continue
		}
		answer, err := call()
		require.ErrorContains(t, err, "forgets what it is told", name)
		require.Empty(t, answer)
	}
}

// The text of a script is sent only to a server that does not know it.
func TestScriptsAreSentOnce(t *testing.T) {
	var said []string
	s, err := redisstore.New(ctx, client(func(command string, keys, _ []string) (any, error) {
		said = append(said, command)
		switch {
		case command == "EVALSHA" && len(said)%2 == 1:
			return nil, errors.New("NOSCRIPT No matching script. Please use EVAL.")
		case len(keys) == 128:
			return good, nil
		}
		return int64(0), nil
	}))
	require.NoError(t, err)
	require.Equal(t, []string{"EVALSHA", "EVAL"}, said)
	_, err = s.Check(ctx, session.Query{Subject: "a", Session: "s"})
	require.NoError(t, err)
	require.Equal(t, []string{"EVALSHA", "EVAL", "EVALSHA", "EVAL"}, said)
}
