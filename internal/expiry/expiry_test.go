package expiry_test

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/expiry"
)

func add(t testing.TB, s *expiry.Set, key string, until, now uint32) bool {
	t.Helper()
	first, ok := s.Add(named(key), rand.Text(), until, now)
	require.True(t, ok)
	return first
}

func named(name string) expiry.Key { return expiry.Key{Owner: "alice", Name: name} }

func TestSet(t *testing.T) {
	s := expiry.New(100)
	require.False(t, s.Has(named("a"), 1))
	require.True(t, add(t, s, "a", 10, 1))
	require.False(t, add(t, s, "a", 5, 1), "known")
	require.True(t, s.Has(named("a"), 9), "and not shortened")
	require.False(t, s.Has(named("a"), 10))
	require.False(t, add(t, s, "a", 20, 9), "extended")
	require.True(t, s.Has(named("a"), 19))
	require.True(t, add(t, s, "a", 30, 20), "new again")
	require.True(t, s.Has(named("a"), 29))
	require.Equal(t, 1, s.Len())

	require.True(t, add(t, s, "past", 5, 5))
	require.False(t, s.Has(named("past"), 5))
	require.Equal(t, 1, s.Len(), "what has passed is not stored")
	require.False(t, s.Has(named("A"), 20))
	require.False(t, s.Has(named(""), 20))
	require.True(t, add(t, s, "", 30, 20))
	require.True(t, s.Has(named(""), 20))
}

// A model beside the set, through many growths, expiries and extensions.
func TestSetAgainstAMap(t *testing.T) {
	s := expiry.New(1 << 30)
	model := map[string]uint32{}
	random := mathrand.New(mathrand.NewPCG(1, 2))
	now := uint32(1000)
	for step := range 80_000 {
		key := strconv.Itoa(random.IntN(20_000))
		if step%4 == 0 {
			require.Equal(t, model[key] > now, s.Has(named(key), now))
			continue
		}
		until := now + random.Uint32N(300)
		require.Equal(t, model[key] <= now, add(t, s, key, until, now))
		model[key] = max(model[key], until)
		if step%500 == 0 {
			now++
		}
	}
	for key, until := range model {
		require.Equal(t, until > now, s.Has(named(key), now))
	}
	require.Less(t, s.Len(), 20_001)
}

// What has expired makes room: the same load for ever does not grow.
func TestSetForgetsWhatHasExpired(t *testing.T) {
	s := expiry.New(1 << 30)
	for i := range 500_000 {
		now := uint32(i/5_000) + 1
		add(t, s, strconv.Itoa(i), now+5, now)
	}
	require.Less(t, s.Len(), 80_000, "twenty-five thousand are alive at any time")
}

func TestSetRefusesWhenFull(t *testing.T) {
	s := expiry.New(1000)
	for i := range 1000 {
		add(t, s, strconv.Itoa(i), 10, 1)
	}
	first, ok := s.Add(named("one more"), "", 10, 1)
	require.False(t, ok)
	require.False(t, first)
	require.False(t, add(t, s, "7", 20, 1), "a known one needs no room")
	for i := range 1000 {
		require.True(t, s.Has(named(strconv.Itoa(i)), 9), "nothing was forgotten for it")
	}
	// What has expired makes room, wherever it stands, and as much as there is of it.
	for i := range 999 {
		require.True(t, add(t, s, "next "+strconv.Itoa(i), 30, 10))
	}
	_, ok = s.Add(named("one more"), "", 30, 10)
	require.False(t, ok)
	require.True(t, s.Has(named("7"), 11))
	require.True(t, s.Has(named("next 0"), 11))
}

// Memory comes back without new keys.
func TestSetTidies(t *testing.T) {
	s := expiry.New(1 << 30)
	for i := range 100_000 {
		add(t, s, strconv.Itoa(i), 10, 1)
	}
	add(t, s, "stays", 100, 1)
	for range 256 {
		s.Tidy(16, 9)
	}
	require.Equal(t, 100_001, s.Len(), "not yet")
	for range 256 {
		s.Tidy(16, 10)
	}
	require.Equal(t, 1, s.Len())
	require.True(t, s.Has(named("stays"), 10))
}

// A call that is repeated is first again, whatever happened to the key meanwhile; no other is.
func TestSetKnowsItsCall(t *testing.T) {
	s := expiry.New(100)
	for _, tc := range []struct {
		call       string
		until, now uint32
		first      bool
	}{
		{"a", 10, 1, true},
		{"a", 10, 1, true},
		{"b", 20, 1, false},
		{"b", 20, 1, false},
		{"a", 10, 19, true},
		{"c", 30, 20, true},
		{"a", 30, 20, false},
		{"c", 30, 20, true},
	} {
		first, ok := s.Add(named("x"), tc.call, tc.until, tc.now)
		require.True(t, ok)
		require.Equal(t, tc.first, first, tc)
	}
	require.True(t, s.Has(named("x"), 29))
}

// Owners do not share names, however they are cut.
func TestSetOfOwners(t *testing.T) {
	s := expiry.New(100)
	_, ok := s.Add(expiry.Key{Owner: "ab", Name: "c"}, "", 10, 1)
	require.True(t, ok)
	for _, other := range []expiry.Key{{"a", "bc"}, {"abc", ""}, {"", "abc"}, {"c", "ab"}, {"ab", "C"}} {
		require.False(t, s.Has(other, 1), other)
	}
	require.True(t, s.Has(expiry.Key{Owner: "ab", Name: "c"}, 1))
}

// Of many who add one key at once exactly one is the first.
func TestSetIsAtomic(t *testing.T) {
	s := expiry.New(1 << 30)
	for round := range 200 {
		var firsts atomic.Int32
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				if first, _ := s.Add(named(strconv.Itoa(round)), rand.Text(), 10, 1); first {
					firsts.Add(1)
				}
				s.Has(named(strconv.Itoa(round-1)), 1)
			})
		}
		group.Wait()
		require.EqualValues(t, 1, firsts.Load())
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkSet fills a set with ten million keys and reports what one costs, the slowest calls, and a look-up on cold
// memory.
func BenchmarkSet(b *testing.B) {
	const n = 10_000_000
	before := heap()
	s := expiry.New(1 << 30)
	slow := make([]time.Duration, 0, 1<<16) // the calls that built a shard anew
	key := make([]byte, 0, 40)
	for i := range n {
		key = strconv.AppendInt(append(key[:0], "j:01b8dac5-b400-73e4-81e9-"...), int64(i), 10)
		text := string(key)
		began := time.Now()
		s.Add(expiry.Key{Owner: "1234567890123456789012", Name: text}, "call", 1000, 1)
		if took := time.Since(began); took > 5*time.Microsecond {
			slow = append(slow, took)
		}
	}
	perKey := float64(heap()-before) / n
	began := time.Now()
	runtime.GC()
	collection := time.Since(began)
	keys := make([]string, 1<<16)
	for i := range keys {
		keys[i] = "j:01b8dac5-b400-73e4-81e9-" + strconv.Itoa(mathrand.IntN(2*n))
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		s.Has(named(keys[i&(len(keys)-1)]), 1)
		i++
	}
	b.ReportMetric(perKey, "B/key")
	slices.Sort(slow)
	p99 := slow[len(slow)*99/100] // beyond it the scheduler is measured
	b.ReportMetric(float64(p99.Microseconds()), "µs-rebuild-p99")
	b.ReportMetric(float64(collection.Microseconds()), "µs-GC")
	runtime.KeepAlive(s)
}
