package redistest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// expires: each key of a subject lives as long as something in it counts, and an hour.
func expires(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	past := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	s := open.on(t, server, redisstore.Since(time.Time{}))
	for name, now := range map[string]time.Time{
		"now": now, "a clock that stands still": past, "a clock ahead": now.Add(24 * 365 * time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			subject := key()
			r := record(subject, "s")
			r.Start, r.Expires = now, now.Add(10*time.Hour)
			require.NoError(t, s.Begin(ctx, r, 9))
			rotation := rotation(subject, "s")
			rotation.Now, rotation.Expires = now, now.Add(20*time.Hour)
			_, err := s.Rotate(ctx, rotation)
			require.NoError(t, err)
			r.Session, r.Expires = "another", now.Add(time.Hour)
			require.NoError(t, s.Begin(ctx, r, 9))
			_, err = s.End(ctx, session.Ending{Subject: subject, Session: "another", Call: "c", Now: now})
			require.NoError(t, err)
			for i := range 2 {
				until := now.Add(time.Duration(30-i) * time.Hour)
				_, err = s.RevokeToken(ctx, session.Revocation{
					Subject: subject, Token: "t", Call: key(), Now: now, Until: until,
				})
				require.NoError(t, err)
			}
			_, err = s.RevokeToken(ctx, session.Revocation{ // by a clock far ahead
				Subject: subject, Token: "t", Call: key(), Now: now.Add(25 * time.Hour), Until: now.Add(31 * time.Hour),
			})
			require.NoError(t, err)
			_, err = s.RevokeToken(ctx, session.Revocation{
				Subject: subject, Token: "ever", Call: key(), Now: now,
				Until: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
			})
			require.NoError(t, err)
			q := session.Query{Subject: subject, Session: "s", Token: "t", Now: now, Record: true}
			status, err := s.Check(ctx, q)
			require.NoError(t, err)
			require.Equal(t, "2", status.Record.Current)
			require.Equal(t, now.Add(20*time.Hour), status.Record.Expires)
			for kind, hours := range map[string]int64{"s:": 21, "e:": 1, "t:26:": 31} {
				found := keysOf(t, server, "*:"+kind+"*"+subject+"*")
				require.NotEmpty(t, found)
				for _, name := range found {
					if kind == "t:26:" && name[len(name)-4:] == "ever" {
						continue
					}
					left := command(t, server, "PTTL", name).(int64)
					require.LessOrEqual(t, left, hours*3600_000+60_000, name)
					require.Greater(t, left, hours*3600_000-60_000, name)
				}
			}
			require.NoError(t, s.RevokeSubject(ctx, subject, now, now.Add(40*time.Hour)))
			require.NoError(t, s.RevokeSubject(ctx, subject, now.Add(time.Millisecond), now.Add(time.Hour)))
			status, err = s.Check(ctx, session.Query{Subject: subject, Token: "x", Issued: now, Now: now})
			require.NoError(t, err)
			require.Equal(t, session.Status{Revoked: true}, status)
			require.Empty(t, keysOf(t, server, "*:s:"+subject))
			left := command(t, server, "PTTL", keysOf(t, server, "*:m:"+subject)[0]).(int64)
			require.Greater(t, left, int64(41*3600_000-60_000))
		})
	}
	for _, name := range keysOf(t, server, "*") {
		left := command(t, server, "PTTL", name).(int64)
		if name[len(name)-4:] == ":all" || name[len(name)-4:] == ":log" {
			require.EqualValues(t, -1, left, name)
		} else {
			require.Positive(t, left, name)
		}
	}
}

// doesNotGrow: whoever logs in and out without end fills nothing, and who ended what last is remembered.
func doesNotGrow(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	s := open.on(t, server)
	size := func(kind, subject string) (n int64) {
		for _, name := range keysOf(t, server, "*:"+kind+":"+subject) {
			n += command(t, server, "HLEN", name).(int64)
		}
		return n
	}
	subject := key()
	for i := range 100 {
		id, call := strconv.Itoa(i), "call "+strconv.Itoa(i)
		r := record(subject, id)
		r.Start = now.Add(time.Duration(i) * time.Second / 4)
		require.NoError(t, s.Begin(ctx, r, i%2))
		ending := session.Ending{Subject: subject, Session: id, Call: call, Now: r.Start}
		for range 2 {
			ended, err := s.End(ctx, ending)
			require.NoError(t, err)
			require.True(t, ended)
		}
		require.Zero(t, size("s", subject), "nothing is left of it")
		require.LessOrEqual(t, size("e", subject), int64(8))
		require.NoError(t, s.RevokeSubject(ctx, subject, now, now))
		require.NoError(t, s.RevokeAll(ctx, now))
		ended, err := s.End(ctx, ending)
		require.NoError(t, err)
		require.True(t, ended, "whatever came since")
	}
	for _, limit := range []int{0, 100} { // what expires is not ended by anybody
		subject = key()
		for i := range 500 {
			r := record(subject, strconv.Itoa(i))
			r.Start = now.Add(time.Duration(i) * 20 * time.Minute)
			r.Expires = r.Start.Add(time.Hour)
			require.NoError(t, s.Begin(ctx, r, limit))
			require.LessOrEqual(t, size("s", subject), int64(40))
		}
		list, err := s.List(ctx, subject, now.Add(499*20*time.Minute))
		require.NoError(t, err)
		require.Len(t, list, 3)
	}
	subject = key()
	for i := range 200 { // which a logout of everyone has ended
		require.NoError(t, s.Begin(ctx, record(subject, strconv.Itoa(i)), 0))
		if i%20 == 0 {
			require.NoError(t, s.RevokeAll(ctx, now))
		}
		require.LessOrEqual(t, size("s", subject), int64(70))
	}

	// Whoever has the token of a session that nobody knows any more may log out by it again and again.
	subject = key()
	kept := session.Ending{Subject: subject, Session: "kept", Call: "c", Now: now}
	for i := range 8 { // as many as are remembered; "kept" is the oldest
		ending := session.Ending{Subject: subject, Session: "kept", Call: "c", Now: now}
		if i > 0 {
			ending.Session, ending.Now = "kept "+strconv.Itoa(i), now.Add(time.Millisecond)
		}
		require.NoError(t, s.Begin(ctx, record(subject, ending.Session), 0))
		ended, err := s.End(ctx, ending)
		require.NoError(t, err)
		require.True(t, ended)
	}
	ended, err := s.End(ctx, session.Ending{Subject: subject, Session: "other", Call: "c", Now: now})
	require.NoError(t, err)
	require.False(t, ended)
	ended, err = s.End(ctx, kept)
	require.NoError(t, err)
	require.True(t, ended, "nobody is forgotten for a session that nobody knows")

	subject = key()
	kept.Subject = subject
	require.NoError(t, s.Begin(ctx, record(subject, "kept"), 0))
	ended, err = s.End(ctx, kept)
	require.NoError(t, err)
	require.True(t, ended)
	entries := func() (n int64) {
		for _, name := range keysOf(t, server, "*:log") {
			n += command(t, server, "XLEN", name).(int64)
		}
		return n
	}
	before := entries()
	for i := range 300 {
		ending := session.Ending{Subject: subject, Session: strconv.Itoa(i % 3), Call: strconv.Itoa(i), Now: now}
		ended, err := s.End(ctx, ending)
		require.NoError(t, err)
		require.False(t, ended)
	}
	require.Equal(t, before+3, entries(), "each was told to replicas, once")
	for i := range 20 {
		ending := session.Ending{Subject: subject, Session: "other " + strconv.Itoa(i), Call: "c", Now: now}
		ended, err := s.End(ctx, ending)
		require.NoError(t, err)
		require.False(t, ended)
	}
	ended, err = s.End(ctx, kept)
	require.NoError(t, err)
	require.True(t, ended, "whoever ended a session that was one is not forgotten for them")
	require.NoError(t, s.Begin(ctx, record(subject, "other 19"), 0))
	status, err := s.Check(ctx, session.Query{Subject: subject, Session: "other 19", Now: now})
	require.NoError(t, err)
	require.False(t, status.Ended, "nor is one that had not begun kept from it")
}

func limitOverClients(t *testing.T, open Open) {
	for _, addrs := range [][]string{{enginetest.Redis(t, false)}, enginetest.RedisNodes(t)} {
		prefix := redisstore.Prefix(key() + ":")
		stores := [2]*redisstore.Store{open.store(t, addrs, prefix), open.store(t, addrs, prefix)}
		for _, limit := range []int{1, 3, 100} {
			subject := key()
			together(t, 128, func(i int) error {
				return stores[i%2].Begin(ctx, record(subject, strconv.Itoa(i)), limit)
			})
			list, err := stores[0].List(ctx, subject, now)
			require.NoError(t, err)
			require.Len(t, list, limit)
		}
	}
}

// asInMemory has the same done to a store in memory, at random, and asks for the same answers.
func asInMemory(t *testing.T, open Open) {
	s := open.store(t, []string{enginetest.Redis(t, false)},
		redisstore.Prefix(key()+":"), redisstore.Since(now.Add(-time.Hour)))
	memory := memstore.New(memstore.Since(now.Add(-time.Hour)))
	d := dice{
		Rand:  rand.New(rand.NewPCG(rand.Uint64(), 1)), //nolint:gosec // what they threw is said
		clock: now.Truncate(time.Second), sessions: map[string][]string{}, tokens: map[string][]string{},
	}
	met := map[session.Outcome]int{}
	calls := 3000
	if testing.Short() {
		calls = 500
	}
	var did []string
	for range calls {
		d.clock = d.clock.Add(time.Duration(d.IntN(3)) * time.Second) // the store in memory counts in seconds
		name, call := d.call()
		for range 1 + d.IntN(2) { // a driver repeats it
			got, err := call(s)
			require.NoError(t, err, name)
			want, err := call(memory)
			require.NoError(t, err, name)
			did = append(did, fmt.Sprintf("%s: %+v\n", name, got))
			require.Equal(t, want, got, "after %v", did[max(0, len(did)-50):])
			if result, ok := got.(session.Result); ok {
				met[result.Outcome]++
			}
		}
	}
	for _, outcome := range outcomes {
		require.Positive(t, met[outcome], outcome)
	}
}

var outcomes = []session.Outcome{
	session.Unknown, session.Rotated, session.Replayed, session.Rewound, session.Reused, session.Revoked,
}

// dice throw calls. All names are new ones, since stores may differ in when they forget an old one.
type dice struct {
	*rand.Rand

	clock    time.Time
	last     int
	sessions map[string][]string // of each subject
	tokens   map[string][]string // of each session
}

func (d *dice) name() string {
	d.last++
	return fmt.Sprintf("%08d", d.last)
}

// pick returns one of the last few.
func (d *dice) pick(list ...string) string {
	if len(list) == 0 {
		return "none"
	}
	return list[len(list)-1-d.IntN(min(len(list), 4))]
}

// call returns a call of some store, which is the same each time.
func (d *dice) call() (name string, call func(s session.Store) (any, error)) {
	now := d.clock
	subject := d.pick("alice", "bob", "{x}")
	id, token := d.pick(d.sessions[subject]...), d.pick("t", "u", "v", "w")
	switch what := d.IntN(100); {
	case what < 15:
		r := session.Record{
			Subject: subject, Session: d.name(), Label: d.pick("", "Größe\x00"), Scope: d.pick("", "a b", "a b c d"),
			Current: d.name(), Start: now, Expires: now.Add(time.Hour),
		}
		d.sessions[subject] = append(d.sessions[subject], r.Session)
		d.tokens[r.Session] = []string{r.Current}
		limit := d.IntN(5)
		return fmt.Sprint(limit, r), func(s session.Store) (any, error) { return nil, s.Begin(ctx, r, limit) }
	case what < 60:
		r := session.Rotation{
			Subject: subject, Session: id, Presented: d.pick(d.tokens[id]...), Token: token, Next: d.name(),
			Scope: d.pick("", "a b", "b a", " c  b"), Now: now,
			Expires: now.Add(time.Duration(d.IntN(120)) * time.Minute),
			Grace:   time.Duration(d.IntN(4)*5)*time.Second + time.Duration(d.IntN(2)),
		}
		if d.IntN(10) == 0 {
			r.Presented = d.name()
			r.Next = d.name()
		}
		d.tokens[id] = append(d.tokens[id], r.Next)
		return fmt.Sprintf("%+v", r), func(s session.Store) (any, error) { return s.Rotate(ctx, r) }
	case what < 80:
		q := session.Query{Subject: subject, Token: token, Now: now, Record: d.IntN(2) == 0}
		if d.IntN(2) == 0 {
			q.Session = id
		} else if d.IntN(4) > 0 {
			q.Issued = now.Add(time.Duration(d.IntN(60)-50) * time.Second)
		}
		return fmt.Sprintf("%+v", q), func(s session.Store) (any, error) { return s.Check(ctx, q) }
	case what < 84:
		e := session.Ending{Subject: subject, Session: id, Call: d.name(), Now: now}
		return fmt.Sprintf("%+v", e), func(s session.Store) (any, error) { return s.End(ctx, e) }
	case what < 89:
		r := session.Revocation{
			Subject: subject, Token: token, Call: d.name(), Now: now,
			Until: now.Add(time.Duration(d.IntN(40)-10)*time.Second + time.Second/2),
		}
		return fmt.Sprintf("%+v", r), func(s session.Store) (any, error) { return s.RevokeToken(ctx, r) }
	case what < 91:
		return "log out " + subject, func(s session.Store) (any, error) {
			return nil, s.RevokeSubject(ctx, subject, now, now.Add(2*time.Hour))
		}
	case what < 92:
		return "log everyone out", func(s session.Store) (any, error) { return nil, s.RevokeAll(ctx, now) }
	}
	return "list " + subject, func(s session.Store) (any, error) {
		list, err := s.List(ctx, subject, now)
		return fmt.Sprint(list), err
	}
}
