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

// Tokens of a session, in the order in which they were made.
const (
	older    = "01000000-0000-7000-8000-00000000000a"
	previous = "01000000-0000-7000-8000-00000000000b"
	current  = "01000000-0000-7000-8000-00000000000c"
	newer    = "01000000-0000-7000-8000-00000000000d"
	next     = "01000000-0000-7000-8000-00000000000e"
)

var (
	rotatedAt = time.UnixMilli(1_800_000_000_123).UTC()
	expires   = rotatedAt.Add(time.Hour)
)

// known is a session that was rotated once or more.
func known() session.Record {
	return session.Record{
		Subject: "alice", Session: "s", Label: "Firefox", Scope: "a b c", Current: current, Previous: previous,
		Start: rotatedAt.Add(-time.Hour), RotatedAt: rotatedAt, Expires: expires,
	}
}

// ended is what is left of it when a call has ended it.
func ended(call string, at time.Time) session.Record {
	return session.Record{
		Subject: "alice", Session: "s", Previous: call, Start: rotatedAt.Add(-time.Hour), Expires: at.Add(session.Echo),
	}
}

// Every row of the rule, its boundaries, and which row wins where two apply.
func TestRotation(t *testing.T) {
	const grace = 10 * time.Second
	begun := known()
	begun.Previous, begun.RotatedAt = "", time.Time{}
	theirs, ours := ended("a call", rotatedAt), ended(next, rotatedAt)
	for name, tc := range map[string]struct {
		known     session.Record
		presented string
		next      string        // unless set, next
		apart     time.Duration // of Now and RotatedAt
		grace     time.Duration
		revoked   bool
		want      session.Outcome
	}{
		"no session":                     {session.Record{}, current, "", 0, grace, false, session.Unknown},
		"no session, revoked":            {session.Record{}, current, "", 0, grace, true, session.Unknown},
		"no session, nothing presented":  {session.Record{}, "", "", 0, grace, false, session.Unknown},
		"ended":                          {theirs, current, "", 0, grace, false, session.Unknown},
		"ended, revoked":                 {theirs, current, "", 0, grace, true, session.Unknown},
		"ended, its call is presented":   {ended(previous, rotatedAt), previous, "", 0, grace, false, session.Unknown},
		"ended by this":                  {ours, previous, "", 0, grace, false, session.Reused},
		"ended by this, revoked":         {ours, previous, "", 0, grace, true, session.Reused},
		"ended by this, a clock behind":  {ours, previous, "", -time.Hour, 0, false, session.Reused},
		"ended by this, at last":         {ours, previous, "", session.Echo - 1, grace, false, session.Reused},
		"ended by this, longer ago":      {ours, previous, "", session.Echo, grace, false, session.Unknown},
		"just before it expires":         {known(), current, "", time.Hour - 1, 0, false, session.Rotated},
		"when it expires":                {known(), current, "", time.Hour, 0, false, session.Unknown},
		"after it has expired, revoked":  {known(), current, "", 2 * time.Hour, grace, true, session.Unknown},
		"after it has expired, repeated": {known(), previous, current, time.Hour, grace, false, session.Unknown},
		"revoked current":                {known(), current, "", 0, grace, true, session.Revoked},
		"revoked previous, in time":      {known(), previous, "", 0, grace, true, session.Revoked},
		"revoked previous, later":        {known(), previous, "", time.Minute, grace, true, session.Revoked},
		"revoked older":                  {known(), older, "", 0, grace, true, session.Revoked},
		"revoked newer":                  {known(), newer, "", 0, grace, true, session.Revoked},
		"revoked, repeated":              {known(), previous, current, 0, grace, true, session.Revoked},
		"repeated":                       {known(), previous, current, 0, grace, false, session.Rotated},
		"repeated later":                 {known(), previous, current, time.Minute, grace, false, session.Rotated},
		"repeated without grace":         {known(), previous, current, 0, 0, false, session.Rotated},
		"repeated, by a clock behind":    {known(), previous, current, -time.Minute, 0, false, session.Rotated},
		"repeated after a rewinding":     {known(), newer, current, 0, 0, false, session.Rotated},
		"current":                        {known(), current, "", time.Minute, grace, false, session.Rotated},
		"current without grace":          {known(), current, "", 0, 0, false, session.Rotated},
		"current, by a clock behind":     {known(), current, "", -time.Hour, 0, false, session.Rotated},
		"current, the first":             {begun, current, "", 0, 0, false, session.Rotated},
		"previous at once":               {known(), previous, "", 0, grace, false, session.Replayed},
		"previous, at last":              {known(), previous, "", grace - 1, grace, false, session.Replayed},
		"previous, at the end":           {known(), previous, "", grace, grace, false, session.Reused},
		"previous, later":                {known(), previous, "", time.Minute, grace, false, session.Reused},
		"previous, behind, at last":      {known(), previous, "", 1 - grace, grace, false, session.Replayed},
		"previous, behind, at the end":   {known(), previous, "", -grace, grace, false, session.Reused},
		"previous, further behind":       {known(), previous, "", -time.Minute, grace, false, session.Reused},
		"previous, the shortest grace":   {known(), previous, "", 0, 1, false, session.Replayed},
		"previous, a long grace":         {known(), previous, "", 59 * time.Minute, time.Hour, false, session.Replayed},
		"previous without grace":         {known(), previous, "", 0, 0, false, session.Reused},
		"previous without grace, behind": {known(), previous, "", -1, 0, false, session.Reused},
		"previous, a negative grace":     {known(), previous, "", 0, -grace, false, session.Reused},
		"newer":                          {known(), newer, "", 0, 0, false, session.Rewound},
		"newer, later":                   {known(), newer, "", time.Minute, grace, false, session.Rewound},
		"newer, the first":               {begun, newer, "", 0, 0, false, session.Rewound},
		"older, in time":                 {known(), older, "", 0, grace, false, session.Reused},
		"older without grace":            {known(), older, "", 0, 0, false, session.Reused},
		"older, the first":               {begun, older, "", 0, grace, false, session.Reused},
		"nothing":                        {known(), "", "", 0, grace, false, session.Reused},
		"nothing, the first":             {begun, "", "", 0, grace, false, session.Reused},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.next == "" {
				tc.next = next
			}
			r := session.Rotation{
				Subject: "alice", Session: "s", Presented: tc.presented, Token: "a key", Next: tc.next, Scope: "c x a",
				Now: rotatedAt.Add(tc.apart), Expires: expires.Add(time.Minute), Grace: tc.grace,
			}
			result, record := r.Apply(tc.known, tc.revoked)

			want, left := session.Result{Outcome: tc.want}, tc.known
			switch tc.want {
			case session.Rotated, session.Rewound:
				if tc.next != tc.known.Current {
					left.Current, left.Previous, left.Scope = next, tc.presented, "c a"
					left.RotatedAt, left.Expires = r.Now, r.Expires
				}
				want.Current, want.Scope = left.Current, left.Scope
			case session.Replayed:
				left.Scope = "c a"
				want.Current, want.Scope = current, "c a"
			case session.Reused:
				if tc.known.Current != "" {
					left = ended(next, r.Now)
				}
			case session.Unknown, session.Revoked:
			}
			require.Equal(t, want, result)
			require.Equal(t, left, record)
		})
	}
}

// The first rotation of a session, and an expiry that is earlier than the one it has.
func TestRotationOfTheFirstToken(t *testing.T) {
	begun := known()
	begun.Previous, begun.RotatedAt = "", time.Time{}
	r := session.Rotation{
		Presented: current, Next: next, Scope: "a b c", Now: rotatedAt, Expires: expires.Add(-time.Minute),
	}
	result, record := r.Apply(begun, false)
	require.Equal(t, session.Result{Outcome: session.Rotated, Current: next, Scope: "a b c"}, result)
	want := known()
	want.Current, want.Previous = next, current
	require.Equal(t, want, record, "an earlier expiry shortens nothing")
}

func TestRotationNarrows(t *testing.T) {
	for _, tc := range []struct{ had, asked, want string }{
		{"", "", ""},
		{"", "a", ""},
		{"a", "", ""},
		{"a b", "a b", "a b"},
		{"a b", "b a", "b a"},
		{"a b", "b", "b"},
		{"a b", "b c", "b"},
		{"a b", "A B", ""},
		{"ab", "a b", ""},
		{"a b", "ab", ""},
		{"a:b", "a b a:b", "a:b"},
		{"a  b", " b ", "b"},
		{"a b", "\ta\n", "a"},
	} {
		for presented, outcome := range map[string]session.Outcome{
			current: session.Rotated, previous: session.Replayed, newer: session.Rewound,
		} {
			had := known()
			had.Scope = tc.had
			r := session.Rotation{
				Presented: presented, Next: next, Scope: tc.asked, Now: rotatedAt, Expires: expires, Grace: time.Second,
			}
			result, record := r.Apply(had, false)
			require.Equal(t, outcome, result.Outcome)
			require.Equal(t, tc.want, result.Scope, "%q of %q", tc.asked, tc.had)
			require.Equal(t, tc.want, record.Scope, "%q of %q", tc.asked, tc.had)

			again, same := r.Apply(record, false)
			require.Equal(t, result.Scope, again.Scope)
			require.Equal(t, record, same)
		}
	}
}

// What a zero Result says is a refusal.
func TestOutcomeRefuses(t *testing.T) {
	require.Equal(t, session.Unknown, session.Result{}.Outcome)
	require.Equal(t, session.Unknown, session.Outcome(0))
}

// Whatever comes in whatever order: a scope gets no wider, a token no older, an expiry no earlier, reuse is met once,
// and a call that is repeated is answered as before.
func TestRotationInAnyOrder(t *testing.T) {
	token := func(n int) string { return fmt.Sprintf("01000000-0000-7000-8000-%012x", n) }
	met := map[session.Outcome]int{}
	for seed := range uint64(1000) {
		dice := rand.New(rand.NewPCG(seed, 1))
		record, reuses, clock := known(), 0, rotatedAt
		seen := []string{older, previous, current}
		for step := range 40 {
			clock = clock.Add(time.Duration(dice.IntN(15)) * time.Second)
			presented := []string{record.Current, record.Current, record.Previous, token(100 + 2*step)}[dice.IntN(4)]
			if dice.IntN(15) == 0 {
				presented = seen[dice.IntN(len(seen))]
			}
			r := session.Rotation{
				Subject: "alice", Session: "s", Presented: presented, Next: token(101 + 2*step), Token: "a key",
				Scope:   strings.Join([]string{"a", "b", "c", "d"}[dice.IntN(2):2+dice.IntN(3)], " "),
				Now:     clock.Add(time.Duration(dice.IntN(20)-10) * time.Second),
				Expires: clock.Add(time.Duration(dice.IntN(120)) * time.Minute),
				Grace:   time.Duration(dice.IntN(3)) * 10 * time.Second,
			}
			revoked := dice.IntN(10) == 0
			before := record
			result, after := r.Apply(before, revoked)
			where := []any{"seed %d, step %d: %+v of %+v", seed, step, r, before}

			met[result.Outcome]++

			again, same := r.Apply(after, revoked)
			require.Equal(t, after, same, where...)
			if result.Outcome == session.Rewound { // the record does not say which of the two it was
				result.Outcome = session.Rotated
			}
			require.Equal(t, result, again, where...)

			require.Equal(t, before.Subject+before.Session, after.Subject+after.Session, where...)
			require.Equal(t, before.Start, after.Start, where...)
			if after.Current != "" {
				require.GreaterOrEqual(t, after.Current, before.Current, where...)
				require.False(t, after.Expires.Before(before.Expires), where...)
				require.Equal(t, before.Label, after.Label, where...)
				require.Subset(t, strings.Fields(before.Scope), strings.Fields(after.Scope), where...)
				seen = append(seen, after.Current)
			}
			switch result.Outcome {
			case session.Rotated, session.Replayed, session.Rewound:
				require.Equal(t, after.Current, result.Current, where...)
				require.Equal(t, after.Scope, result.Scope, where...)
			case session.Reused:
				reuses++
				require.Empty(t, after.Current, where...)
				fallthrough
			default:
				require.Empty(t, result.Current+result.Scope, where...)
			}
			record = after
		}
		require.LessOrEqual(t, reuses, 1, seed)
	}
	for outcome := session.Unknown; outcome <= session.Revoked; outcome++ {
		require.Greater(t, met[outcome], 300, outcome)
	}
}
