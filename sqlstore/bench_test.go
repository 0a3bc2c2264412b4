package sqlstore_test

import (
	"database/sql"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// durable is SQLite as it is to be used. PostgreSQL does not wait for the disk here.
var durable = []database{{"SQLite", sqlstore.SQLite, func(t testing.TB) func(t testing.TB) *sql.DB {
	return sqlite(t, "_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)")
}}, databases[1]}

// BenchmarkStore is what a call costs among some thousand sessions, one at a time and many at once, with the median in
// µs.
func BenchmarkStore(b *testing.B) {
	for _, d := range durable {
		b.Run(d.name, func(b *testing.B) {
			const n = 5000
			s := newStore(b, d.open(b)(b), d.dialect)
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
				median(b, func(int) error { return s.Begin(ctx, record(lower(), "s"), 100) })
			})
			b.Run("revoke a token", func(b *testing.B) {
				median(b, func(int) error {
					_, err := s.RevokeToken(ctx, revocation("alice", lower(), now.Add(time.Hour)))
					return err
				})
			})
		})
	}
}

// rotations returns what rotates a session of its own, again and again.
func rotations(b *testing.B, s *sqlstore.Store) func(i int) error {
	b.Helper()
	user := lower()
	require.NoError(b, s.Begin(ctx, record(user, "s"), 1))
	next := 1
	return func(int) error {
		r := rotation(user, "s")
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

// BenchmarkRow reports how many bytes a session and a revoked token take, with all indexes.
func BenchmarkRow(b *testing.B) {
	size := map[sqlstore.Dialect]string{
		sqlstore.SQLite: "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
		sqlstore.PostgreSQL: "SELECT pg_total_relation_size('jot_sessions') + pg_total_relation_size('jot_tokens')" +
			" + pg_total_relation_size('jot_subjects')",
	}
	for _, d := range databases[:2] {
		db := d.open(b)(b)
		s := newStore(b, db, d.dialect)
		const n, id = 10_000, "01b8dac5-b400-73e4-81e9-100000000000"
		for name, enter := range map[string]func() error{
			"session": func() error {
				r := record(lower()[:22], id)
				r.Current, r.Previous, r.Label, r.Scope = id, id, "a telephone", "read write"
				return s.Begin(ctx, r, 100)
			},
			"token": func() error {
				_, err := s.RevokeToken(ctx, revocation(lower()[:22], id, now.Add(time.Hour)))
				return err
			},
		} {
			b.Run(d.name+"/"+name, func(b *testing.B) {
				var before, after int64
				for b.Loop() {
					require.NoError(b, db.QueryRowContext(ctx, size[d.dialect]).Scan(&before))
					together(b, 16, func(worker int) error {
						for i := worker; i < n; i += 16 {
							if err := enter(); err != nil {
								return err
							}
						}
						return nil
					})
					require.NoError(b, db.QueryRowContext(ctx, size[d.dialect]).Scan(&after))
				}
				b.ReportMetric(float64(after-before)/n, "B/row")
			})
		}
	}
}
