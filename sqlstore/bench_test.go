//go:build unix

package sqlstore_test

import (
	"database/sql"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// engine is a database as it is to be used.
type engine struct {
	name    string
	dialect sqlstore.Dialect
	db      *sql.DB
	*sqlstore.Store
}

// engines wait for the disk, and show what it costs to have another round trip or to wait.
func engines(b *testing.B) (list []engine) {
	b.Helper()
	server := func(driver, dsn string) *sql.DB {
		db := open(b, driver, dsn)
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
		return db
	}
	waiting := enginetest.OwnMariaDB(b, "--innodb-flush-log-at-trx-commit=1").DSN
	admin := open(b, "mysql", waiting)
	run(b, admin, "CREATE DATABASE a", "CREATE DATABASE b")
	const file = "_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)"
	list = []engine{
		{"SQLite", sqlstore.SQLite, sqlite(b, file)(b), nil},
		{"PostgreSQL", sqlstore.PostgreSQL, server("pgx", enginetest.OwnPostgres(b, "-c", "fsync=on").DSN), nil},
		{"PostgreSQL-not-waiting", sqlstore.PostgreSQL, postgres(b, "read committed")(b), nil},
		{"MariaDB", sqlstore.MySQL, server("mysql", waiting+"a?interpolateParams=true"), nil},
		{"MariaDB-prepared", sqlstore.MySQL, server("mysql", waiting+"b"), nil},
		{"MariaDB-not-waiting", sqlstore.MySQL, mariadb(b, "interpolateParams=true")(b), nil},
	}
	for i, e := range list {
		list[i].Store = newStore(b, e.db, e.dialect)
	}
	return list
}

// BenchmarkStore is what a call costs among some thousand sessions: one at a time, on one engine after the other in one
// run, with each one's median in µs and as a multiple of the first one's; and look-ups many at once.
func BenchmarkStore(b *testing.B) {
	const n = 5000
	stores := engines(b)
	for _, s := range stores {
		together(b, 16, func(worker int) error {
			for i := worker; i < n; i += 16 {
				if err := s.Begin(ctx, record("user "+strconv.Itoa(i), "s"), 100); err != nil {
					return err
				}
			}
			return nil
		})
	}
	check := func(s *sqlstore.Store, i int) error {
		_, err := s.Check(ctx, session.Query{
			Subject: "user " + strconv.Itoa(i*7%n), Session: "s", Token: "t", Now: now,
		})
		return err
	}
	for _, call := range []struct {
		name string
		call func(s *sqlstore.Store, i int) error
	}{
		{"check", check},
		{"rotate", rotate},
		{"begin", func(s *sqlstore.Store, _ int) error { return s.Begin(ctx, record(lower(), "s"), 100) }},
		{"revoke a token", func(s *sqlstore.Store, _ int) error {
			_, err := s.RevokeToken(ctx, revocation("alice", lower(), now.Add(time.Hour)))
			return err
		}},
	} {
		b.Run(call.name, func(b *testing.B) {
			took := make([][]time.Duration, len(stores))
			for i := 0; b.Loop(); i++ {
				for k, s := range stores {
					began := time.Now()
					require.NoError(b, call.call(s.Store, i))
					took[k] = append(took[k], time.Since(began))
				}
			}
			first := median(took[0])
			for k, s := range stores {
				b.ReportMetric(median(took[k]), s.name+"-µs")
				b.ReportMetric(median(took[k])/first, s.name+"-ratio")
			}
		})
	}
	for _, s := range stores {
		b.Run("check, 16 at once/"+s.name, func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					require.NoError(b, check(s.Store, i))
				}
			})
		})
	}
}

// rotate rotates a session of its own, at the i-th call the i-th time.
func rotate(s *sqlstore.Store, i int) error {
	if i == 0 {
		if err := s.RevokeSubject(ctx, "bob", now, now); err != nil {
			return err
		}
		if err := s.Begin(ctx, record("bob", "s"), 1); err != nil {
			return err
		}
	}
	r := rotation("bob", "s")
	r.Presented, r.Next = strconv.Itoa(i+1), strconv.Itoa(i+2)
	result, err := s.Rotate(ctx, r)
	if err == nil && result.Outcome != session.Rotated {
		err = fmt.Errorf("the outcome is %d", result.Outcome)
	}
	return err
}

// median is in µs.
func median(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)/2].Nanoseconds()) / 1000
}

// BenchmarkPurge is how fast 200,000 rows go that have expired among 50,000 that have not, how long a batch of them
// takes, the longest one as well, and what a look-up takes meanwhile and otherwise: four users ask a thousand times a
// second at most, each.
func BenchmarkPurge(b *testing.B) {
	for _, e := range engines(b) {
		switch e.name {
		case "SQLite", "PostgreSQL", "MariaDB":
		default:
			continue
		}
		b.Run(e.name, func(b *testing.B) {
			const expired, live = 200_000, 50_000
			var alone, meanwhile, batches []time.Duration
			var rows int64
			var lasted time.Duration
			for b.Loop() {
				b.StopTimer()
				run(b, e.db, "DELETE FROM jot_sessions", "DELETE FROM jot_tokens")
				enter(b, e, expired, live)
				alone = append(alone, lookUps(b, e, live, func() error {
					time.Sleep(5 * time.Second) //nolint:forbidigo // how long it is measured
					return nil
				})...)
				b.StartTimer()
				meanwhile = append(meanwhile, lookUps(b, e, live, func() error {
					began := time.Now()
					n, took, err := e.PurgeInBatches(ctx, now)
					lasted += time.Since(began)
					rows += n
					batches = append(batches, took...)
					return err
				})...)
				require.Equal(b, live, count(b, e.db, "jot_sessions")+count(b, e.db, "jot_tokens"))
			}
			b.ReportMetric(float64(rows)/lasted.Seconds(), "rows/s")
			slices.Sort(batches)
			for name, took := range map[string]time.Duration{
				"batch-p50": batches[len(batches)/2], "batch-longest": batches[len(batches)-1],
				"look-up-p99": late(meanwhile), "look-up-p99-otherwise": late(alone),
				"look-up-longest": meanwhile[len(meanwhile)-1], "look-up-longest-otherwise": alone[len(alone)-1],
			} {
				b.ReportMetric(float64(took.Microseconds())/1000, name+"-ms")
			}
		})
	}
}

// late is what 99 of 100 took at most. It sorts them.
func late(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}

// lookUps looks up sessions that go on, as long as f runs, and returns how long each of that took.
func lookUps(b *testing.B, e engine, live int, f func() error) (took []time.Duration) {
	b.Helper()
	const users = 4
	var over atomic.Bool
	var each [users][]time.Duration
	together(b, users+1, func(user int) error {
		if user == users {
			defer over.Store(true)
			return f()
		}
		for i := user; !over.Load(); i += users {
			time.Sleep(time.Millisecond) //nolint:forbidigo // a pace
			began := time.Now()
			status, err := e.Check(ctx, session.Query{
				Subject: "live " + strconv.Itoa(i*7919%live/2*2), Session: "s", Token: "t", Now: now,
			})
			if err == nil && status != (session.Status{}) {
				err = fmt.Errorf("a session that goes on: %+v", status)
			}
			if err != nil {
				return err
			}
			each[user] = append(each[user], time.Since(began))
		}
		return nil
	})
	return slices.Concat(each[:]...)
}

// enter writes rows that have expired among others, in no order: every other one is a session, the rest are revoked
// tokens.
func enter(b *testing.B, e engine, expired, live int) {
	b.Helper()
	bytes := func(s string) string {
		if e.dialect == sqlstore.PostgreSQL {
			return fmt.Sprintf("'\\x%x'", s)
		}
		return fmt.Sprintf("x'%x'", s)
	}
	text, one, nothing := bytes("a telephone"), bytes("1"), bytes("")
	var sessions, tokens []string
	for _, i := range mathrand.Perm(expired + live) {
		subject, until := "live "+strconv.Itoa(i), now.Add(time.Hour)
		if i >= live {
			subject, until = lower()[:22], now.Add(-time.Duration(i)*time.Millisecond)
		}
		switch i % 2 {
		case 0:
			sessions = append(sessions, fmt.Sprintf("(%s, %s, 0, %s, %s, %s, %s, 0, 0, %d)",
				bytes(subject), bytes("s"), text, nothing, one, nothing, until.UnixMilli()))
		case 1:
			tokens = append(tokens, fmt.Sprintf("(%s, %s, %s, %d)", bytes(subject), one, one, until.UnixMilli()))
		}
	}
	for chunk := range slices.Chunk(sessions, 1000) {
		run(b, e.db, "INSERT INTO jot_sessions (subject, session, epoch, label, scope, current_id, previous_id,"+
			" started, rotated, expires) VALUES "+strings.Join(chunk, ", "))
	}
	for chunk := range slices.Chunk(tokens, 1000) {
		run(b, e.db, "INSERT INTO jot_tokens (subject, token, revoker, until) VALUES "+strings.Join(chunk, ", "))
	}
	analyze := map[sqlstore.Dialect]string{sqlstore.PostgreSQL: "ANALYZE ", sqlstore.MySQL: "ANALYZE TABLE "}[e.dialect]
	if analyze != "" { // which servers do by themselves within a minute
		run(b, e.db, analyze+"jot_sessions, jot_tokens")
	}
}

// BenchmarkRow reports how many bytes a session and a revoked token take, with all indexes.
func BenchmarkRow(b *testing.B) {
	for _, d := range []database{databases[0], databases[1], databases[3]} {
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
					before = sizeOf(b, db, d.dialect)
					together(b, 16, func(worker int) error {
						for i := worker; i < n; i += 16 {
							if err := enter(); err != nil {
								return err
							}
						}
						return nil
					})
					after = sizeOf(b, db, d.dialect)
				}
				b.ReportMetric(float64(after-before)/n, "B/row")
			})
		}
	}
}

// sizeOf returns how many bytes the tables of a database take.
func sizeOf(b *testing.B, db *sql.DB, d sqlstore.Dialect) (bytes int64) {
	b.Helper()
	if d == sqlstore.MySQL { // which counts now and then
		run(b, db, "ANALYZE TABLE jot_sessions, jot_tokens, jot_subjects")
	}
	size := map[sqlstore.Dialect]string{
		sqlstore.SQLite: "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
		sqlstore.PostgreSQL: "SELECT pg_total_relation_size('jot_sessions') + pg_total_relation_size('jot_tokens')" +
			" + pg_total_relation_size('jot_subjects')",
		sqlstore.MySQL: "SELECT CAST(SUM(data_length + index_length) AS SIGNED) FROM information_schema.tables " +
			"WHERE table_schema = DATABASE()",
	}
	require.NoError(b, db.QueryRowContext(ctx, size[d]).Scan(&bytes))
	return bytes
}
