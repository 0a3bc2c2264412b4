//go:build unix

package sqlstore_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// engines are databases as they are to be used, waiting for the disk, and what it costs to have another round trip or
// to wait.
func engines(b *testing.B) (names []string, stores []*sqlstore.Store) {
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
	for _, engine := range []struct {
		name    string
		dialect sqlstore.Dialect
		db      *sql.DB
	}{
		{"SQLite", sqlstore.SQLite, sqlite(b, file)(b)},
		{"PostgreSQL", sqlstore.PostgreSQL, server("pgx", enginetest.OwnPostgres(b, "-c", "fsync=on").DSN)},
		{"PostgreSQL-not-waiting", sqlstore.PostgreSQL, postgres(b, "read committed")(b)},
		{"MariaDB", sqlstore.MySQL, server("mysql", waiting+"a?interpolateParams=true")},
		{"MariaDB-prepared", sqlstore.MySQL, server("mysql", waiting+"b")},
		{"MariaDB-not-waiting", sqlstore.MySQL, mariadb(b, "interpolateParams=true")(b)},
	} {
		names = append(names, engine.name)
		stores = append(stores, newStore(b, engine.db, engine.dialect))
	}
	return names, stores
}

// BenchmarkStore is what a call costs among some thousand sessions: one at a time, on one engine after the other in one
// run, with each one's median in µs and as a multiple of the first one's; and look-ups many at once.
func BenchmarkStore(b *testing.B) {
	const n = 5000
	names, stores := engines(b)
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
					require.NoError(b, call.call(s, i))
					took[k] = append(took[k], time.Since(began))
				}
			}
			first := median(took[0])
			for k, name := range names {
				b.ReportMetric(median(took[k]), name+"-µs")
				b.ReportMetric(median(took[k])/first, name+"-ratio")
			}
		})
	}
	for k, s := range stores {
		b.Run("check, 16 at once/"+names[k], func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					require.NoError(b, check(s, i))
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
