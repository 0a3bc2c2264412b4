//go:build unix

package histories_test

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

// step is a call in a history that is written by hand: from one ms to another, and what was answered.
type step struct {
	from, to int64
	call     call
	answer   answer
}

// What can be explained, and what cannot.
func TestModel(t *testing.T) {
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	record := func(id string) session.Record {
		return session.Record{Subject: "alice", Session: id, Scope: "a", Current: "1", Start: at(0), Expires: at(5001)}
	}
	login := func(id string, limit int) call { return call{Method: begin, Record: record(id), Limit: limit} }
	turn := func(presented, next string) call {
		return call{Method: rotate, Rotation: session.Rotation{
			Subject: "alice", Session: "s", Presented: presented, Token: "t" + presented, Next: next, Scope: "a",
			Now: at(2), Expires: at(6001),
		}}
	}
	turned := func(next string) answer {
		return answer{Result: session.Result{Outcome: session.Rotated, Current: next, Scope: "a"}}
	}
	revoke := func(id string, now, until int) call {
		return call{Method: revokeToken, Revocation: session.Revocation{
			Subject: "alice", Token: "t1", Call: id, Now: at(now), Until: at(until),
		}}
	}
	look := func(now int) call {
		return call{Method: check, Query: session.Query{Subject: "alice", Session: "s", Token: "t1", Now: at(now)}}
	}
	finish := call{Method: end, Ending: session.Ending{Subject: "alice", Session: "s", Call: "e", Now: at(4)}}
	logout := call{Method: revokeSubject, Subject: "alice", Now: at(4), Until: at(9000)}
	everyone := call{Method: revokeAll, Now: at(4)}
	sessions := func(known ...session.Record) step {
		return step{90, 95, call{Method: list, Subject: "alice", Now: at(6)}, answer{List: known}}
	}
	silence := answer{Failed: "silence"}
	ended := answer{Status: session.Status{Ended: true}}
	revoked := answer{Status: session.Status{Revoked: true}}
	yes, no, fine := answer{Yes: true}, answer{}, answer{}

	for name, tc := range map[string]struct {
		right bool
		steps []step
	}{
		"one of two rotations": {true, []step{
			{0, 1, login("s", 0), fine},
			{2, 9, turn("1", "2"), turned("2")},
			{3, 8, turn("1", "3"), answer{Result: session.Result{Outcome: session.Reused}}},
		}},
		"both": {false, []step{
			{0, 1, login("s", 0), fine},
			{2, 9, turn("1", "2"), turned("2")},
			{3, 8, turn("1", "3"), turned("3")},
		}},
		"a rotation that is repeated": {true, []step{
			{0, 1, login("s", 0), fine},
			{2, 50, turn("1", "2"), silence},
			{4, 9, turn("1", "2"), turned("2")},
		}},
		"a revoked token, as soon as it is": {true, []step{
			{0, 9, revoke("c", 0, 1001), yes}, {1, 3, look(2), ended}, {10, 11, look(2), answer{Status: session.Status{
				Revoked: true, Ended: true,
			}}},
		}},
		"not any more": {false, []step{
			{0, 1, login("s", 0), fine},
			{2, 9, revoke("c", 0, 1001), yes},
			{3, 4, look(2), revoked},
			{5, 6, look(2), fine},
		}},
		"when it is over": {true, []step{
			{0, 1, login("s", 0), fine}, {2, 9, revoke("c", 0, 1001), yes}, {10, 11, look(1002), fine},
		}},
		"when it is over by another clock": {true, []step{
			{0, 1, login("s", 0), fine},
			{2, 9, revoke("c", 0, 1001), yes},
			{10, 11, look(1002), fine},
			{12, 13, look(2), fine},
		}},
		"before it is over": {false, []step{
			{0, 1, login("s", 0), fine}, {2, 9, revoke("c", 0, 1001), yes}, {10, 11, look(1000), fine},
		}},
		"one is the first": {false, []step{{0, 9, revoke("c", 0, 1001), yes}, {1, 8, revoke("d", 0, 1001), yes}}},
		"one is the first, and hears it twice": {true, []step{
			{0, 1, revoke("c", 0, 1001), yes}, {2, 3, revoke("d", 0, 1001), no}, {4, 5, revoke("c", 0, 1001), yes},
		}},
		"a login that nobody knows of, and never was": {true, []step{{0, 50, login("s", 0), silence}, sessions()}},
		"and was": {true, []step{{0, 50, login("s", 0), silence}, sessions(record("s"))}},
		"and was, later": {true, []step{
			{0, 95, login("s", 0), silence}, {60, 70, look(2), ended}, sessions(record("s")),
		}},
		"but not after that": {false, []step{
			{0, 50, login("s", 0), silence}, {60, 70, look(2), ended}, sessions(record("s")),
		}},
		"a login that got lost": {false, []step{{0, 50, login("s", 0), fine}, sessions()}},
		"the limit": {true, []step{
			{0, 1, login("r", 0), fine},
			{2, 3, login("s", 0), fine},
			{4, 5, login("t", 2), fine},
			sessions(record("s"), record("t")),
		}},
		"the wrong one goes": {false, []step{
			{0, 1, login("r", 0), fine},
			{2, 3, login("s", 0), fine},
			{4, 5, login("t", 2), fine},
			sessions(record("r"), record("t")),
		}},
		"one too many goes": {false, []step{
			{0, 1, login("r", 0), fine},
			{2, 3, login("s", 0), fine},
			{4, 5, login("t", 2), fine},
			sessions(record("t")),
		}},
		"an end that is repeated": {true, []step{
			{0, 1, login("s", 0), fine},
			{2, 3, finish, yes},
			{4, 5, finish, yes},
			{6, 7, login("s", 0), fine},
			sessions(),
		}},
		"is remembered": {false, []step{{0, 1, login("s", 0), fine}, {2, 3, finish, yes}, {4, 5, finish, no}}},
		"and need not be, after a logout": {true, []step{
			{0, 1, login("s", 0), fine}, {2, 3, finish, yes}, {3, 4, logout, fine}, {4, 5, finish, no},
		}},
		"after a logout": {false, []step{
			{0, 1, login("s", 0), fine}, {2, 3, logout, fine}, sessions(record("s")),
		}},
		"after a logout, repeated": {true, []step{
			{0, 1, login("s", 0), fine}, {2, 3, logout, fine}, {4, 5, login("s", 0), fine}, sessions(record("s")),
		}},
		"after a logout of everyone": {false, []step{
			{0, 1, login("s", 0), fine}, {2, 3, everyone, fine}, sessions(record("s")),
		}},
		"with a logout of everyone": {true, []step{
			{0, 5, login("s", 0), fine}, {2, 3, everyone, fine}, sessions(record("s")),
		}},
		"dead on arrival": {true, []step{{0, 5, login("s", 0), fine}, {2, 3, everyone, fine}, sessions()}},
	} {
		t.Run(name, func(t *testing.T) {
			var history []operation
			for i, s := range tc.steps {
				o := operation{call: &s.call, client: i, began: s.from, over: s.to, answer: s.answer}
				history = append(history, o)
			}
			want := porcupine.Illegal
			if tc.right {
				want = porcupine.Ok
			}
			require.Equal(t, want, judge(history, time.Minute), tell(history))
		})
	}
}

// How late a replica's answer may be, in ms: 10 here.
func TestLag(t *testing.T) {
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	login := operation{began: 0, over: 1, call: &call{Method: begin, Record: session.Record{
		Subject: "alice", Session: "s", Current: "1", Start: at(0), Expires: at(9001),
	}}}
	finish := call{Method: end, Ending: session.Ending{Subject: "alice", Session: "s", Call: "e", Now: at(20)}}
	revoke := call{Method: revokeToken, Revocation: session.Revocation{
		Subject: "alice", Token: "t", Call: "c", Now: at(20), Until: at(9001),
	}}
	logout := call{Method: revokeSubject, Subject: "alice", Now: at(20), Until: at(9000)}
	everyone := call{Method: revokeAll, Now: at(20)}
	yes, silence := answer{Yes: true}, answer{Failed: "silence"}
	const own, other = 0, 10

	for name, tc := range map[string]struct {
		right   bool
		client  int
		call    call
		answer  answer
		from    int64
		reached int64
		life    time.Duration
		session string
	}{
		"heard of":                        {false, other, finish, yes, 32, 0, horizon, "s"},
		"not heard of":                    {true, other, finish, yes, 31, 0, horizon, "s"},
		"a token, heard of":               {false, other, revoke, yes, 32, 0, horizon, "s"},
		"a token":                         {true, other, revoke, yes, 31, 0, horizon, "s"},
		"a logout, heard of":              {false, other, logout, answer{}, 32, 0, horizon, ""},
		"a logout":                        {true, other, logout, answer{}, 31, 0, horizon, ""},
		"a logout of everyone, heard of":  {false, other, everyone, answer{}, 32, 0, horizon, "s"},
		"a logout of everyone":            {true, other, everyone, answer{}, 31, 0, horizon, "s"},
		"its own":                         {false, own, finish, yes, 22, 0, horizon, "s"},
		"its own token":                   {false, own, revoke, yes, 22, 0, horizon, "s"},
		"its own logout":                  {false, own, logout, answer{}, 22, 0, horizon, "s"},
		"its own logout of everyone":      {false, own, everyone, answer{}, 22, 0, horizon, "s"},
		"its own, of which nobody knows":  {true, own, finish, silence, 22, 0, horizon, "s"},
		"by a replica that was made then": {false, other, finish, yes, 25, 22, horizon, "s"},
		"by one that had been made":       {true, other, finish, yes, 25, 20, horizon, "s"},
		"a token that lives too long":     {false, other, finish, yes, 25, 0, horizon + 1, "s"},
	} {
		t.Run(name, func(t *testing.T) {
			history := []operation{
				login,
				{call: &tc.call, client: tc.client, began: 20, over: 21, returned: 21, answer: tc.answer},
				{client: own, began: tc.from, over: tc.from + 1, reached: tc.reached, call: &call{
					Method: check, Query: session.Query{
						Subject: "alice", Session: tc.session, Token: "t",
						Issued: at(5), Expires: at(5).Add(tc.life), Now: at(40),
					},
				}},
			}
			history[1].reached = tc.reached
			lag(history, 10)
			want := porcupine.Illegal
			if tc.right {
				want = porcupine.Ok
			}
			require.Equal(t, want, judge(history, time.Minute), tell(history))
		})
	}
}
