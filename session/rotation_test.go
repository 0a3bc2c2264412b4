package session_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

var now = time.UnixMilli(1893456000000).UTC()

// known is a session whose token 4 was exchanged for 5 a moment ago.
func known(change func(*session.Record)) session.Record {
	r := session.Record{
		Subject: "alice", Session: "s", Label: "phone", Scope: "a b", Current: "5", Previous: "4",
		Start: now.Add(-time.Hour), RotatedAt: now, Expires: now.Add(time.Hour),
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestRotation(t *testing.T) {
	after := func(current, previous, scope string) session.Record {
		return known(func(r *session.Record) { r.Current, r.Previous, r.Scope = current, previous, scope })
	}
	ended := session.Record{
		Subject: "alice", Session: "s", Previous: "6", Start: now.Add(-time.Hour), Expires: now.Add(session.Echo),
	}
	for _, tc := range []struct {
		name      string
		known     session.Record
		presented string
		apart     int // seconds
		grace     int
		revoked   bool
		want      session.Result
		next      session.Record
	}{
		{"nothing", session.Record{}, "5", 0, 10, false, session.Result{}, session.Record{}},
		{
			"expired", known(func(r *session.Record) { r.Expires = now }), "5", 0, 10, false,
			session.Result{},
			known(func(r *session.Record) { r.Expires = now }),
		},
		{
			"ended by another call", known(func(r *session.Record) { r.Current = "" }), "5", 0, 10, false,
			session.Result{},
			known(func(r *session.Record) { r.Current = "" }),
		},
		{"ended by this call", ended, "4", 0, 0, false, session.Result{Outcome: session.Reused}, ended},
		{"ended by this call, long ago", ended, "4", 60, 0, false, session.Result{}, ended},
		{"revoked", known(nil), "5", 0, 10, true, session.Result{Outcome: session.Revoked}, known(nil)},
		{"revoked before", known(nil), "4", 0, 10, true, session.Result{Outcome: session.Revoked}, known(nil)},
		{"revoked and old", known(nil), "1", 0, 10, true, session.Result{Outcome: session.Revoked}, known(nil)},
		{"ended and revoked", session.Record{}, "5", 0, 10, true, session.Result{}, session.Record{}},
		{
			"repeated", after("6", "5", "a"), "5", 0, 0, false,
			session.Result{Outcome: session.Rotated, Current: "6", Scope: "a"},
			after("6", "5", "a"),
		},
		{
			"repeated, much later", after("6", "5", "a b"), "5", 60, 1, false,
			session.Result{Outcome: session.Rotated, Current: "6", Scope: "a b"},
			after("6", "5", "a b"),
		},
		{
			"current", known(nil), "5", 0, 0, false,
			session.Result{Outcome: session.Rotated, Current: "6", Scope: "b"},
			after("6", "5", "b"),
		},
		{
			"before, at once", known(nil), "4", 0, 10, false,
			session.Result{Outcome: session.Replayed, Current: "5", Scope: "b"},
			after("5", "4", "b"),
		},
		{
			"before, just in time", known(nil), "4", 9, 10, false,
			session.Result{Outcome: session.Replayed, Current: "5", Scope: "b"},
			after("5", "4", "b"),
		},
		{
			"before, by a clock behind", known(nil), "4", -9, 10, false,
			session.Result{Outcome: session.Replayed, Current: "5", Scope: "b"},
			after("5", "4", "b"),
		},
		{"before, too late", known(nil), "4", 10, 10, false, session.Result{Outcome: session.Reused}, ended},
		{"before, by a clock too far behind", known(nil), "4", -10, 10, false, session.Result{Outcome: session.Reused}, ended},
		{"before, without grace", known(nil), "4", 0, 0, false, session.Result{Outcome: session.Reused}, ended},
		{"before, without grace, by a clock behind", known(nil), "4", -1, 0, false, session.Result{Outcome: session.Reused}, ended},
		{"older", known(nil), "3", 0, 10, false, session.Result{Outcome: session.Reused}, ended},
		{
			"newer", known(nil), "55", 0, 10, false,
			session.Result{Outcome: session.Rewound, Current: "6", Scope: "b"},
			after("6", "55", "b"),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := session.Rotation{
				Subject: "alice", Session: "s", Presented: tc.presented, Token: "t", Next: "6", Scope: "b c",
				Now: now.Add(seconds(tc.apart)), Expires: now, Grace: seconds(tc.grace),
			}
			got, next := r.Apply(tc.known, tc.revoked)
			require.Equal(t, tc.want, got)
			if tc.want.Outcome == session.Reused && tc.known.Current != "" {
				tc.next.Expires = r.Now.Add(session.Echo)
			}
			if tc.known.Current == "5" && (tc.want.Outcome == session.Rotated || tc.want.Outcome == session.Rewound) {
				tc.next.RotatedAt = r.Now
			}
			require.Equal(t, tc.next, next)
		})
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func TestEnding(t *testing.T) {
	e := session.Ending{Subject: "alice", Session: "s", Call: "c", Now: now}
	ended, next := e.Apply(known(nil))
	require.True(t, ended)
	require.Equal(t, session.Record{
		Subject: "alice", Session: "s", Previous: "c", Start: now.Add(-time.Hour), Expires: now.Add(session.Echo),
	}, next, "nothing else is left of it")
	require.False(t, next.Live(now))

	ended, again := e.Apply(next)
	require.True(t, ended, "the same call")
	require.Equal(t, next, again)
	other := e
	other.Call = "d"
	ended, again = other.Apply(next)
	require.False(t, ended)
	require.Equal(t, next, again)
	e.Now = now.Add(session.Echo)
	ended, _ = e.Apply(next)
	require.False(t, ended, "too late to know")

	ended, next = e.Apply(session.Record{})
	require.False(t, ended)
	require.Zero(t, next)
	e.Call, e.Now = "", now
	ended, _ = e.Apply(session.Record{Expires: now.Add(time.Hour)})
	require.False(t, ended)

	// By this clock it is over, and by another's it may not be.
	e.Call, e.Now = "c", now.Add(time.Hour)
	ended, next = e.Apply(known(nil))
	require.False(t, ended)
	require.False(t, next.Live(now))
	ended, _ = e.Apply(next)
	require.False(t, ended)
}

// Whatever is presented, whenever and by whatever clock: a session's scope gets no wider and its token no older, reuse
// is told once, and a call that is repeated hears the same.
func TestRotationsAtRandom(t *testing.T) {
	scopes := []string{"", "a", "b", "a b", "c", "a b c", "b c d"}
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		record := known(func(r *session.Record) { r.Current, r.Previous, r.Scope = "0100", "", "a b c" })
		at, reused := now, 0
		for i := range 30 {
			at = at.Add(time.Duration(random.IntN(12_000)-2000) * time.Millisecond)
			r := session.Rotation{
				Presented: fmt.Sprintf("%04d", 95+random.IntN(10+i)), Next: fmt.Sprintf("%04d", 200+i), Scope: scopes[random.IntN(len(scopes))],
				Now: at, Expires: at.Add(time.Hour), Grace: time.Duration(random.IntN(3)*5) * time.Second,
			}
			if random.IntN(2) == 0 {
				r.Presented = []string{record.Current, record.Previous}[random.IntN(2)]
			}
			result, next := r.Apply(record, random.IntN(20) == 0)
			if result.Outcome != session.Revoked {
				again, same := r.Apply(next, false)
				want := result
				if want.Outcome == session.Rewound {
					want.Outcome = session.Rotated
				}
				require.Equal(t, want, again, "seed %d, step %d: %+v of %+v", seed, i, r, record)
				require.Equal(t, next, same)
			}
			for scope := range strings.FieldsSeq(next.Scope) {
				require.Contains(t, strings.Fields(record.Scope), scope)
			}
			if next.Current != "" {
				require.GreaterOrEqual(t, next.Current, record.Current)
				require.False(t, next.Expires.Before(record.Expires))
			}
			if result.Outcome == session.Reused {
				reused++
			}
			record = next
		}
		require.LessOrEqual(t, reused, 1, seed)
	}
}
