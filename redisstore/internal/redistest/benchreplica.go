package redistest

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
)

// BenchReplica is how long a replica takes to load a million entries, and the memory of the server and of the process
// for each; and what a look-up costs among them that the replica answers by itself (a miss), and one about a session
// that has ended (a hit), for which the server is asked afterwards. No session is looked up twice in a row of many, so
// that nothing of it lies in the processor's caches.
func BenchReplica(b *testing.B, open Open) {
	b.Helper()
	const n = 1_000_000
	server, s := quietServer(b, open)
	do := node(b, server.Addr)
	used := func() int {
		bytes, err := strconv.Atoi(field(do("INFO", "memory"), "used_memory"))
		require.NoError(b, err)
		return bytes
	}
	took := -used()
	publish(b, server, s, n)
	took += used()
	b.Run("load", func(b *testing.B) {
		var held uint64
		for b.Loop() {
			var empty, full runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&empty)
			r, err := redisstore.NewReplica(ctx, s)
			require.NoError(b, err)
			runtime.GC()
			runtime.ReadMemStats(&full)
			held = full.HeapAlloc - empty.HeapAlloc
			require.NoError(b, r.Close())
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "entries/s")
		b.ReportMetric(float64(held)/n, "B/entry")
		b.ReportMetric(float64(took)/n, "server-B/entry")
	})
	r := newReplica(b, s, redisstore.MaxStaleness(time.Minute))
	answersItself(b, r)
	for _, tc := range []struct {
		name  string
		first int
		known bool
	}{{"miss", n, true}, {"hit", 0, false}} {
		type names struct{ subject, session string }
		asked := make([]names, 0, n)
		for _, i := range rand.Perm(n) { //nolint:gosec // an order
			asked = append(asked, names{entrySubject(tc.first + i), entrySession(tc.first + i)})
		}
		recall := func(i int) bool {
			q := access(asked[i%n].subject, asked[i%n].session, "01b8dac5-b400-73e4-81e9-100000000000")
			_, ok := r.Recall(q)
			return ok
		}
		for i := range n {
			require.Equal(b, tc.known, recall(i))
		}
		b.Run("look-up/"+tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = recall(i)
			}
		})
		b.Run("look-up, at once/"+tc.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.N(n); pb.Next(); i++ { //nolint:gosec // a place to begin at
					_ = recall(i)
				}
			})
		})
	}
}

func entrySubject(i int) string { return fmt.Sprintf("aLnvsgEhtxYh%010d", i) }

func entrySession(i int) string { return fmt.Sprintf("01b8dac5-b400-73e4-81e9-%012d", i) }

// publish writes n entries to the logs of a store, as if as many sessions had ended just now.
func publish(b *testing.B, server *enginetest.Server, s *redisstore.Store, n int) {
	b.Helper()
	const logs = 64
	partition := func(subject string) int { return int(crc32.ChecksumIEEE([]byte(subject)) % logs) }
	names := map[int]string{} // which log is whose shows where the store writes to
	for i := 0; len(names) < logs; i++ {
		subject := "probe " + strconv.Itoa(i)
		if _, known := names[partition(subject)]; known {
			continue
		}
		names[partition(subject)] = ""
		_, err := s.RevokeToken(ctx, revocation(subject, "t"))
		require.NoError(b, err)
	}
	for _, name := range keysOf(b, server, "*:log") {
		last := fmt.Sprint(command(b, server, "XREVRANGE", name, "+", "-", "COUNT", "1"))
		from := strings.Index(last, "probe ")
		require.GreaterOrEqual(b, from, 0, last)
		subject, _, _ := strings.Cut(last[from:], "\xff")
		names[partition(subject)] = name
	}
	entries := map[int][]string{}
	for i := range n {
		p := partition(entrySubject(i))
		entries[p] = append(entries[p], entrySubject(i)+"\xff"+entrySession(i))
	}
	for p, list := range entries {
		for chunk := range slices.Chunk(list, 5000) {
			command(b, server, append([]string{
				"EVAL", "for _, names in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 's', names) end",
				"1", names[p],
			}, chunk...)...)
		}
	}
}

// BenchPropagation is how long after a logout by one process has returned it counts in another one with a replica: half
// of some hundreds, and 99 of 100. They come at any moment between two times that the replica asks for news.
func BenchPropagation(b *testing.B, open Open) {
	b.Helper()
	const users, logouts = 16, 50
	for _, staleness := range []time.Duration{time.Second, 100 * time.Millisecond} {
		b.Run("MaxStaleness "+staleness.String(), func(b *testing.B) {
			server, s := quietServer(b, open)
			r := newReplica(b, open.on(b, server), redisstore.MaxStaleness(staleness))
			answersItself(b, r)
			var mu sync.Mutex
			var took []time.Duration
			for b.Loop() {
				together(b, users, func(int) error {
					for range logouts {
						time.Sleep(rand.N(staleness / 4)) //nolint:gosec,forbidigo // any moment
						subject, token := key(), key()
						if _, err := s.RevokeToken(ctx, revocation(subject, token)); err != nil {
							return err
						}
						returned := time.Now()
						for known := true; known; _, known = r.Recall(access(subject, "", token)) {
							time.Sleep(200 * time.Microsecond) //nolint:forbidigo // a pace
						}
						mu.Lock()
						took = append(took, time.Since(returned))
						mu.Unlock()
					}
					return nil
				})
			}
			slices.Sort(took)
			for name, at := range map[string]int{"p50-ms": len(took) / 2, "p99-ms": len(took) * 99 / 100} {
				b.ReportMetric(float64(took[at].Microseconds())/1000, name)
			}
		})
	}
}
