package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

func TestLive(t *testing.T) {
	for name, tc := range map[string]struct {
		record session.Record
		now    time.Time
		want   bool
	}{
		"goes on":              {known(), rotatedAt, true},
		"a clock far behind":   {known(), rotatedAt.AddDate(-1, 0, 0), true},
		"before it expires":    {known(), expires.Add(-1), true},
		"when it expires":      {known(), expires, false},
		"after it has expired": {known(), expires.Add(time.Hour), false},
		"ended":                {ended("a call", rotatedAt), rotatedAt, false},
		"none":                 {session.Record{}, rotatedAt, false},
		"none, at no time":     {session.Record{}, time.Time{}, false},
	} {
		require.Equal(t, tc.want, tc.record.Live(tc.now), name)
	}
}

func TestEnding(t *testing.T) {
	for name, tc := range map[string]struct {
		known session.Record
		call  string
		apart time.Duration // of Now and RotatedAt
		want  bool
		left  session.Record
	}{
		"goes on":                {known(), "mine", 0, true, ended("mine", rotatedAt)},
		"goes on, a clock ahead": {known(), "mine", time.Hour - 1, true, ended("mine", expires.Add(-1))},
		"goes on, behind":        {known(), "mine", -time.Hour, true, ended("mine", rotatedAt.Add(-time.Hour))},
		"expired":                {known(), "mine", time.Hour, false, ended("", expires)},
		"expired long ago":       {known(), "mine", 9 * time.Hour, false, ended("", expires.Add(8*time.Hour))},
		"none":                   {session.Record{}, "mine", 0, false, session.Record{}},
		"none, no call":          {session.Record{}, "", 0, false, session.Record{}},
		"by another":             {ended("another", rotatedAt), "mine", 0, false, ended("another", rotatedAt)},
		"by this call":           {ended("mine", rotatedAt), "mine", 0, true, ended("mine", rotatedAt)},
		"by this call, later":    {ended("mine", rotatedAt), "mine", session.Echo - 1, true, ended("mine", rotatedAt)},
		"by this call, too late": {ended("mine", rotatedAt), "mine", session.Echo, false, ended("mine", rotatedAt)},
		"by no call":             {ended("", rotatedAt), "", 0, false, ended("", rotatedAt)},
	} {
		t.Run(name, func(t *testing.T) {
			e := session.Ending{Subject: "alice", Session: "s", Call: tc.call, Now: rotatedAt.Add(tc.apart)}
			got, left := e.Apply(tc.known)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.left, left)
			require.False(t, left.Live(e.Now))

			again, same := e.Apply(left)
			require.Equal(t, got, again, "a call that is repeated hears the same")
			require.Equal(t, left, same)
		})
	}
}

// An end and a reuse do not take each other's calls for theirs.
func TestEndingAfterReuse(t *testing.T) {
	r := session.Rotation{Presented: older, Next: next, Now: rotatedAt}
	result, left := r.Apply(known(), false)
	require.Equal(t, session.Reused, result.Outcome)
	got, _ := session.Ending{Call: "mine", Now: rotatedAt}.Apply(left)
	require.False(t, got)

	_, left = session.Ending{Call: "mine", Now: rotatedAt}.Apply(known())
	result, same := r.Apply(left, false)
	require.Equal(t, session.Unknown, result.Outcome)
	require.Equal(t, left, same)
}
