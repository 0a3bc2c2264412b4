package memstore_test

import (
	"context"
	"crypto/rand"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
)

var (
	ctx = context.Background()
	now = time.Unix(1893456000, 0).UTC()
)

// begin enters a session of its own for a subject, that ends at an instant.
func begin(t testing.TB, s *memstore.Store, subject string, at, expires time.Time) (string, error) {
	t.Helper()
	id := rand.Text()
	return id, s.Begin(ctx, session.Record{Subject: subject, Session: id, Current: "1", Start: at, Expires: expires}, 0)
}

func revoke(s *memstore.Store, token string, at, until time.Time) error {
	_, err := s.RevokeToken(ctx, session.Revocation{
		Subject: "alice", Token: token, Call: rand.Text(), Now: at, Until: until,
	})
	return err
}

func len2(s *memstore.Store) [2]int {
	revoked, sessions := s.Len()
	return [2]int{revoked, sessions}
}

// A full store refuses newcomers rather than forget; expired entries of any kind make room for them.
func TestFull(t *testing.T) {
	const limit = 1000
	s := memstore.New(memstore.MaxEntries(limit))
	expires := now.Add(time.Hour)
	for i := range limit {
		_, err := begin(t, s, strconv.Itoa(i), now, expires)
		require.NoError(t, err)
		require.NoError(t, revoke(s, strconv.Itoa(i), now, expires))
		require.NoError(t, s.RevokeSubject(ctx, "out "+strconv.Itoa(i), now, expires))
	}
	require.Equal(t, [2]int{limit, limit}, len2(s))
	for range 3 {
		_, err := begin(t, s, "one more", now, expires)
		require.EqualError(t, err, "memstore: full")
		require.EqualError(t, revoke(s, "one more", now, expires), "memstore: full")
		require.EqualError(t, s.RevokeSubject(ctx, "one more", now, expires), "memstore: full")
	}
	require.NoError(t, s.RevokeSubject(ctx, "out 7", now, expires), "one that has a mark needs no room")

	// One that has expired makes room for one.
	for round := range 2 {
		for i := range limit {
			_, err := begin(t, s, strconv.Itoa(i), expires, expires.Add(time.Hour))
			require.NoError(t, err, i)
			require.NoError(t, revoke(s, strconv.Itoa(i+limit), expires, expires.Add(time.Hour)))
			require.NoError(t, s.RevokeSubject(ctx, "out again "+strconv.Itoa(i), expires, expires.Add(time.Hour)))
		}
		_, err := begin(t, s, "one more", expires, expires.Add(time.Hour))
		require.EqualError(t, err, "memstore: full", round)
		expires = expires.Add(time.Hour)
	}
}

// What ended makes room as well: by one call, or by one for everyone.
func TestRoomForTheNext(t *testing.T) {
	s := memstore.New(memstore.MaxEntries(2))
	id, err := begin(t, s, "alice", now, now.Add(time.Hour))
	require.NoError(t, err)
	_, err = begin(t, s, "bob", now, now.Add(time.Hour))
	require.NoError(t, err)
	_, err = begin(t, s, "carol", now, now.Add(time.Hour))
	require.Error(t, err)
	ended, err := s.End(ctx, session.Ending{Subject: "alice", Session: id, Call: "c", Now: now})
	require.NoError(t, err)
	require.True(t, ended)
	_, err = begin(t, s, "carol", now, now.Add(time.Hour))
	require.NoError(t, err)
	require.NoError(t, s.RevokeAll(ctx, now))
	for _, name := range []string{"alice", "bob"} {
		_, err = begin(t, s, name, now, now.Add(time.Hour))
		require.NoError(t, err)
	}
	require.NoError(t, s.RevokeSubject(ctx, "bob", now, now.Add(time.Hour)))
	_, err = begin(t, s, "bob", now, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, [2]int{0, 2}, len2(s))
}

// A full store cannot keep a mark, and ends the sessions all the same.
func TestRevokeSubjectOfAFullStore(t *testing.T) {
	s := memstore.New(memstore.MaxEntries(1))
	require.NoError(t, s.RevokeSubject(ctx, "alice", now, now.Add(time.Hour)))
	_, err := begin(t, s, "bob", now, now.Add(time.Hour))
	require.NoError(t, err)
	require.Error(t, s.RevokeSubject(ctx, "bob", now, now.Add(time.Hour)))
	list, err := s.List(ctx, "bob", now)
	require.NoError(t, err)
	require.Empty(t, list)
}

// A session that is begun twice takes one place.
func TestBeginTwice(t *testing.T) {
	s := memstore.New(memstore.MaxEntries(2))
	r := session.Record{Subject: "alice", Session: "s", Current: "1", Start: now, Expires: now.Add(time.Hour)}
	for range 5 {
		require.NoError(t, s.Begin(ctx, r, 1))
	}
	require.Equal(t, [2]int{0, 1}, len2(s))
}

// Memory comes back while the store is used, though nothing begins: after a burst, some minutes of look-ups.
func TestMemoryComesBack(t *testing.T) {
	s := memstore.New()
	before := heap()
	for i := range 50_000 {
		_, err := begin(t, s, strconv.Itoa(i), now, now.Add(time.Hour))
		require.NoError(t, err)
		require.NoError(t, revoke(s, strconv.Itoa(i), now, now.Add(time.Hour)))
	}
	burst := heap() - before
	_, err := begin(t, s, "stays", now, now.Add(24*time.Hour))
	require.NoError(t, err)
	at := now.Add(time.Hour)
	for range 600 {
		at = at.Add(time.Second)
		_, err := s.Check(ctx, session.Query{Subject: "anybody", Session: "s", Now: at})
		require.NoError(t, err)
	}
	require.Equal(t, [2]int{0, 1}, len2(s))
	require.Less(t, heap()-before, burst/20)
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A subject that was logged out leaves a mark, and not the room of its sessions.
func TestMarksAreSmall(t *testing.T) {
	s := memstore.New()
	before := heap()
	const n = 1000
	for i := range n {
		subject := strconv.Itoa(i)
		for range 100 {
			_, err := begin(t, s, subject, now, now.Add(time.Hour))
			require.NoError(t, err)
		}
		require.NoError(t, s.RevokeSubject(ctx, subject, now, now.Add(time.Hour)))
	}
	require.Less(t, (heap()-before)/n, int64(700), "most of it is the store itself")
	runtime.KeepAlive(s)
}

// Logging in and out for ever does not fill the store.
func TestEchoesDoNotPileUp(t *testing.T) {
	s := memstore.New()
	before := heap()
	for i := range 30_000 {
		id, err := begin(t, s, "alice", now, now.Add(time.Hour))
		require.NoError(t, err)
		for range 2 { // a driver that repeats
			ended, err := s.End(ctx, session.Ending{Subject: "alice", Session: id, Call: strconv.Itoa(i), Now: now})
			require.NoError(t, err)
			require.True(t, ended)
		}
	}
	require.Less(t, heap()-before, int64(100_000))
	require.Equal(t, [2]int{0, 0}, len2(s))
	runtime.KeepAlive(s)
}

// What the store keeps is a copy: a token's text does not stay in memory for the sake of an id that is a part of it.
func TestKeepsNoTexts(t *testing.T) {
	s := memstore.New()
	before := heap()
	for i := range 1000 {
		text := string(make([]byte, 100_000)) + rand.Text()
		part := text[100_000:]
		r := session.Record{
			Subject: part, Session: part, Label: part, Scope: part, Current: part,
			Start: now, Expires: now.Add(time.Hour),
		}
		require.NoError(t, s.Begin(ctx, r, 0))
		_, err := s.Rotate(ctx, session.Rotation{
			Subject: part, Session: part, Presented: part, Token: part, Next: part + "x", Now: now,
		})
		require.NoError(t, err)
		require.NoError(t, s.RevokeSubject(ctx, text[99_999:], now, now.Add(time.Hour)), i)
	}
	require.Less(t, heap()-before, int64(5_000_000))
	runtime.KeepAlive(s)
}

func TestMarks(t *testing.T) {
	refuses := func(s *memstore.Store, issued, at time.Time) bool {
		status, err := s.Check(ctx, session.Query{Subject: "alice", Issued: issued, Now: at})
		require.NoError(t, err)
		return status.Revoked
	}
	s := memstore.New()
	require.False(t, refuses(s, now.Add(-time.Hour), now), "not started")
	s.Start(now)
	s.Start(now.Add(time.Hour))
	require.True(t, refuses(s, now.Add(-time.Millisecond), now))
	require.False(t, refuses(s, now, now), "of the process")
	require.True(t, refuses(s, time.Time{}, now))

	since := memstore.New(memstore.Since(now))
	since.Start(now.Add(time.Hour))
	require.True(t, refuses(since, now, now))
	require.False(t, refuses(since, now.Add(time.Millisecond), now))

	all := memstore.New(memstore.Since(time.Time{}))
	all.Start(now)
	require.False(t, refuses(all, now.Add(-time.Hour), now))
	require.False(t, refuses(all, time.Time{}, now))
	require.NoError(t, all.RevokeAll(ctx, now))
	require.True(t, refuses(all, now, now))

	early := memstore.New()
	require.NoError(t, early.RevokeAll(ctx, now))
	early.Start(now.Add(time.Hour))
	require.False(t, refuses(early, now.Add(time.Minute), now), "it was in use before")

	// Of two logouts the longer one counts, though memory is cleared up between.
	twice := memstore.New(memstore.Since(time.Time{}))
	require.NoError(t, twice.RevokeSubject(ctx, "alice", now, now.Add(3*time.Hour)))
	require.NoError(t, twice.RevokeSubject(ctx, "alice", now, now.Add(time.Hour)))
	for i := range 600 {
		require.True(t, refuses(twice, now, now.Add(time.Hour+time.Duration(i)*time.Second)))
	}

	// For ever is longer than the seconds that are counted.
	require.NoError(t, revoke(twice, "ever", now, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)))
	for _, year := range []int{2030, 2105, 2107, 3000} {
		status, err := twice.Check(ctx, session.Query{
			Subject: "alice", Session: "s", Token: "ever", Now: time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC),
		})
		require.NoError(t, err)
		require.True(t, status.Revoked, year)
	}

	require.PanicsWithValue(t, "memstore: make a Store by New", func() { new(memstore.Store).Start(now) })
	require.PanicsWithValue(t, "memstore: MaxEntries: 0 is less than 1", func() { memstore.MaxEntries(0) })
}

// Everything at once, for the race detector; the counts are right afterwards.
func TestManyAtOnce(t *testing.T) {
	s := memstore.New(memstore.MaxEntries(500))
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 2000 {
				at := now.Add(time.Duration(i) * time.Second)
				subject, id := strconv.Itoa((i*7+worker)%50), strconv.Itoa(worker)+"/"+strconv.Itoa(i)
				_ = s.Begin(ctx, session.Record{
					Subject: subject, Session: id, Current: "1", Start: at, Expires: at.Add(time.Minute),
				}, 3)
				_, _ = s.Rotate(ctx, session.Rotation{
					Subject: subject, Session: id, Presented: "1", Next: "2", Now: at,
				})
				_ = revoke(s, strconv.Itoa(i), at, at.Add(time.Minute))
				_, _ = s.List(ctx, subject, at)
				_, _ = s.Check(ctx, session.Query{Subject: subject, Session: "x", Token: "7", Now: at, Record: true})
				if i%97 == 0 {
					_ = s.RevokeSubject(ctx, subject, at, at.Add(time.Minute))
				}
				if i%501 == 0 {
					_ = s.RevokeAll(ctx, at)
				}
			}
		})
	}
	group.Wait()
	for i := range 400 {
		_, _ = s.Check(ctx, session.Query{Subject: "x", Now: now.Add(24*time.Hour + time.Duration(i)*time.Second)})
	}
	require.Equal(t, [2]int{0, 0}, len2(s))
}

// BenchmarkStore fills a store with a million sessions and reports what one costs, the look-up of one, and a rotation.
func BenchmarkStore(b *testing.B) {
	const n = 1_000_000
	before := heap()
	s := memstore.New()
	ids := make([]string, n)
	for i := range n {
		ids[i] = "01b8dac5-b400-73e4-81e9-" + strconv.FormatInt(100_000_000_000+int64(i), 10)
		err := s.Begin(ctx, session.Record{
			Subject: "12345678901234" + strconv.Itoa(10_000_000+i), Session: ids[i], Current: ids[i],
			Start: now, Expires: now.Add(time.Hour),
		}, 100)
		require.NoError(b, err)
	}
	perSession := float64(heap()-before)/n - 64 // the ids of the benchmark
	i := 0
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k := i % n
			_, _ = s.Check(ctx, session.Query{
				Subject: "1234567890123410000000", Session: ids[k], Token: ids[k], Now: now,
			})
			i += 7919
		}
		b.ReportMetric(perSession, "B/session")
	})
	runtime.KeepAlive(s)
	runtime.KeepAlive(ids)
}
