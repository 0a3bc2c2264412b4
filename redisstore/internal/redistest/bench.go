package redistest

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// Bench is what a call costs among some thousand sessions, one at a time and many at once, with the median in µs; and
// the same in memory, to compare with.
func Bench(b *testing.B, open Open) {
	b.Helper()
	for name, store := range map[string]func(b *testing.B) session.Store{
		"Redis": func(b *testing.B) session.Store {
			b.Helper()
			server := enginetest.NewRedis(b, "--appendonly", "yes", "--appendfsync", "everysec")
			return open.on(b, server)
		},
		"Redis Cluster": func(b *testing.B) session.Store {
			b.Helper()
			return open.store(b, enginetest.RedisNodes(b), redisstore.Prefix(key()))
		},
		"memory": func(*testing.B) session.Store { return memstore.New(memstore.Since(now.Add(-time.Hour))) },
	} {
		b.Run(name, func(b *testing.B) { bench(b, store(b)) })
	}
}

func bench(b *testing.B, s session.Store) {
	b.Helper()
	const n = 5000
	together(b, 16, func(worker int) error {
		for i := worker; i < n; i += 16 {
			if err := s.Begin(ctx, record("user "+strconv.Itoa(i), "s"), 100); err != nil {
				return err
			}
		}
		return nil
	})
	check := func(i int) error {
		_, err := s.Check(ctx, session.Query{
			Subject: "user " + strconv.Itoa(i*7%n), Session: "s", Token: "t", Now: now,
		})
		return err
	}
	b.Run("check", func(b *testing.B) { median(b, check) })
	b.Run("check, 16 at once", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				require.NoError(b, check(i))
			}
		})
	})
	b.Run("rotate", func(b *testing.B) { median(b, rotations(b, s)) })
	b.Run("begin", func(b *testing.B) {
		median(b, func(int) error { return s.Begin(ctx, record(key(), "s"), 100) })
	})
	b.Run("end", func(b *testing.B) {
		median(b, func(i int) error {
			_, err := s.End(ctx, session.Ending{
				Subject: "user " + strconv.Itoa(i*7%n), Session: "s", Call: "c", Now: now,
			})
			return err
		})
	})
	b.Run("revoke a token", func(b *testing.B) {
		median(b, func(int) error {
			_, err := s.RevokeToken(ctx, revocation("alice", key()))
			return err
		})
	})
}

// rotations returns what rotates a session of its own, again and again.
func rotations(b *testing.B, s session.Store) func(i int) error {
	b.Helper()
	user, id := key(), "01b8dac5-b400-73e4-81e9-100000000000"
	require.NoError(b, s.Begin(ctx, record(user, id), 1))
	next := 1
	return func(int) error {
		r := rotation(user, id)
		r.Presented, r.Next = strconv.Itoa(next), strconv.Itoa(next+1)
		next++
		_, err := s.Rotate(ctx, r)
		return err
	}
}

// median measures f, and reports the half that took less.
func median(b *testing.B, f func(i int) error) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		require.NoError(b, f(len(took)))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
}

// Size reports how many bytes of a server's memory a session and a revoked token take.
func Size(b *testing.B, open Open) {
	b.Helper()
	const n, id = 20_000, "01b8dac5-b400-73e4-81e9-100000000000"
	server := enginetest.NewRedis(b)
	s := open.on(b, server)
	used := func() int64 {
		bytes, err := strconv.ParseInt(field(command(b, server, "INFO", "memory"), "used_memory"), 10, 64)
		require.NoError(b, err)
		return bytes
	}
	for _, tc := range []struct {
		name  string
		enter func(subject string) error
	}{
		{"session", func(subject string) error {
			r := record(subject, id)
			r.Current, r.Previous, r.Label, r.Scope = id, id, "a telephone", "read write"
			return s.Begin(ctx, r, 100)
		}},
		{"token, with its entry in the log", func(subject string) error {
			_, err := s.RevokeToken(ctx, revocation(subject, id))
			return err
		}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			var before int64
			for b.Loop() {
				before = used()
				together(b, 16, func(worker int) error {
					for i := worker; i < n; i += 16 {
						if err := tc.enter(key()[:22]); err != nil {
							return err
						}
					}
					return nil
				})
			}
			b.ReportMetric(float64(used()-before)/n, "B/each")
		})
	}
}
