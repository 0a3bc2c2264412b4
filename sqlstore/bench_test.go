package sqlstore_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// BenchmarkStore is what a look-up, a refresh, a login and a revoked token cost, among as many sessions as fit a
// minute's preparation. PostgreSQL does not wait for the disk here, SQLite does.
func BenchmarkStore(b *testing.B) {
	for _, d := range databases[:2] {
		db := d.open(b)(b)
		if d.dialect == sqlstore.SQLite {
			db = open(b, "sqlite", "file:"+filepath.Join(b.TempDir(), "sessions.db")+"?_pragma=synchronous(FULL)")
		}
		s := newStore(b, db, d)
		const n = 5000
		together(16, func(worker int) {
			for i := worker; i < n; i += 16 {
				_ = s.Begin(ctx, record("user "+strconv.Itoa(i), "s"), 100)
			}
		})
		b.Run(d.name+"/check", func(b *testing.B) {
			i := 0
			for b.Loop() {
				_, err := s.Check(ctx, session.Query{Subject: "user " + strconv.Itoa(i%n), Session: "s", Token: "t", Now: now})
				require.NoError(b, err)
				i += 7
			}
		})
		b.Run(d.name+"/check, 16 at once", func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i += 7 {
					_, err := s.Check(ctx, session.Query{Subject: "user " + strconv.Itoa(i%n), Session: "s", Token: "t", Now: now})
					require.NoError(b, err)
				}
			})
		})
		b.Run(d.name+"/rotate", func(b *testing.B) {
			require.NoError(b, s.Begin(ctx, record("rotates", "s"), 1))
			i := 1
			for b.Loop() {
				result, err := s.Rotate(ctx, session.Rotation{
					Subject: "rotates", Session: "s", Presented: fmt.Sprint(i), Next: fmt.Sprint(i + 1), Token: "t", Now: now,
				})
				require.NoError(b, err)
				_ = result
				i++
			}
		})
		b.Run(d.name+"/begin", func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, s.Begin(ctx, record(lower(), "s"), 100))
			}
		})
		b.Run(d.name+"/revoke", func(b *testing.B) {
			for b.Loop() {
				_, err := s.RevokeToken(ctx, session.Revocation{
					Subject: "alice", Token: lower(), Call: "c", Now: now, Until: now.Add(time.Hour),
				})
				require.NoError(b, err)
			}
		})
	}
}
