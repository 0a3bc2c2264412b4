package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// Whoever keeps the rows of one subject locked is waited for, and the caller's time is the limit.
func TestDeadline(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db := pool(t)
		s := newStore(t, db, d.dialect)
		require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
		other := connection(t, pool(t))
		run(t, other, begin[d.dialect], "UPDATE jot_sessions SET label = label")

		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := s.Rotate(short, rotation("alice", "s"))
		require.Error(t, err)
		require.Less(t, time.Since(began), 3*time.Second)
		status, err := s.Check(ctx, session.Query{Subject: "alice", Session: "s", Token: "t", Now: now})
		require.NoError(t, err, "who looks up waits for nobody")
		require.False(t, status.Ended)

		run(t, other, "ROLLBACK")
		result, err := s.Rotate(ctx, rotation("alice", "s"))
		require.NoError(t, err)
		require.Equal(t, session.Rotated, result.Outcome, "what failed was not carried out")
		allReturned(t, db)
	})
}

var begin = map[sqlstore.Dialect]string{
	sqlstore.SQLite: "BEGIN IMMEDIATE", sqlstore.PostgreSQL: "BEGIN", sqlstore.MySQL: "BEGIN",
}

func connection(t testing.TB, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// Callers that go away at any moment leave no transaction behind, which would keep all others waiting.
func TestCallersGoAway(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db := pool(t)
		s := newStore(t, db, d.dialect)
		together(t, 16, func(worker int) error {
			for i := range 60 {
				short, cancel := context.WithTimeout(ctx, rand.N(4*time.Millisecond))
				subject := strconv.Itoa(i % 3)
				id := fmt.Sprint(worker, "/", i)
				_ = s.Begin(short, record(subject, id), 2)
				_, _ = s.Rotate(short, rotation(subject, id))
				_, _ = s.RevokeToken(short, revocation(subject, id, now.Add(time.Hour)))
				_ = s.RevokeSubject(short, subject, now, now.Add(time.Hour))
				cancel()
			}
			return nil
		})
		allReturned(t, db)
		other := connection(t, pool(t))
		if d.dialect == sqlstore.PostgreSQL {
			const open = "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
			require.Eventually(t, func() bool { return count(t, db, open) == 0 },
				10*time.Second, 10*time.Millisecond, "a connection that was closed ends a moment later")
		}
		run(t, other, begin[d.dialect],
			"UPDATE jot_sessions SET label = label", "UPDATE jot_subjects SET mark = mark", "COMMIT")
	})
}

// A panic leaves no transaction behind either.
func TestPanic(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		db := d.open(t)(t)
		db.SetMaxOpenConns(1)
		s := newStore(t, db, d.dialect)
		require.PanicsWithValue(t, "in the middle", func() {
			_ = s.Transact(ctx, func(exec func(string) error) error {
				require.NoError(t, exec("UPDATE jot_state SET mark = mark"))
				panic("in the middle")
			})
		})
		gone, cancel := context.WithCancel(ctx)
		require.ErrorIs(t, s.Transact(gone, func(func(string) error) error {
			cancel()
			return gone.Err()
		}), context.Canceled)
		require.NoError(t, s.RevokeAll(ctx, now))
		require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	})
}

// A transaction that cannot be committed is not left open either.
func TestCommitFails(t *testing.T) {
	db := sqlite(t, sqliteSettings+"&_pragma=foreign_keys(1)")(t)
	db.SetMaxOpenConns(1)
	s := newStore(t, db, sqlstore.SQLite)
	run(t, db, "CREATE TABLE parts (whole integer REFERENCES jot_state DEFERRABLE INITIALLY DEFERRED)")
	require.ErrorContains(t, s.Transact(ctx, func(exec func(statement string) error) error {
		return exec("INSERT INTO parts VALUES (7)")
	}), "constraint")
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	require.Zero(t, count(t, db, "parts"))
}

// A transaction that a server ends, for a deadlock with another one, is tried again.
func TestDeadlock(t *testing.T) {
	onServers(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db := pool(t)
		s, other := newStore(t, db, d.dialect), connection(t, pool(t))
		for i := range 20 {
			require.NoError(t, s.RevokeSubject(ctx, fmt.Sprint("user ", i), now, now.Add(time.Hour)))
		}
		if d.dialect == sqlstore.PostgreSQL { // the one that looks first ends itself, and in MariaDB who has done less
			run(t, other, "SET deadlock_timeout = '1min'")
		}
		run(t, other, begin[d.dialect], "UPDATE jot_subjects SET mark = mark + 1")
		tries := 0
		err := s.Transact(ctx, func(exec func(statement string) error) error {
			tries++
			require.NoError(t, exec("UPDATE jot_state SET mark = mark"))
			if tries == 1 {
				go func() { // it waits for this transaction, which is going to wait for it
					_, _ = other.ExecContext(ctx, "UPDATE jot_state SET mark = mark")
					_, _ = other.ExecContext(ctx, "COMMIT")
				}()
				oneWaits(t, db, d.dialect)
			}
			return exec("UPDATE jot_subjects SET mark = mark")
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, tries, 2) // and a third time, if the other has not committed by then
	})
}

// oneWaits waits until a connection of a server's database waits for another.
func oneWaits(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
	t.Helper()
	waiting := map[sqlstore.Dialect]string{
		sqlstore.PostgreSQL: "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
		sqlstore.MySQL: "information_schema.innodb_trx JOIN information_schema.processlist p " +
			"ON p.id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()",
	}[d]
	require.Eventually(t, func() bool {
		if d == sqlstore.MySQL { // it renews its answer only where nobody has asked for a tenth of a second
			askingWhoWaits.Lock()
			defer askingWhoWaits.Unlock()
			<-time.After(120 * time.Millisecond)
		}
		return count(t, db, waiting) == 1
	}, 20*time.Second, time.Millisecond)
}

var askingWhoWaits sync.Mutex

// Who waits for a session decides by what is so afterwards, and not by what was before.
func TestWhatComesWhileOneWaits(t *testing.T) {
	onServers(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db := pool(t)
		s, other := newStore(t, db, d.dialect), connection(t, pool(t))
		for _, tc := range []struct {
			change func() error
			want   session.Outcome
		}{
			{func() error {
				_, err := s.RevokeToken(ctx, revocation("alice", "t", now.Add(time.Hour)))
				return err
			}, session.Revoked},
			{func() error { return s.RevokeAll(ctx, now) }, session.Unknown},
		} {
			require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
			run(t, other, "BEGIN", "UPDATE jot_sessions SET label = label")
			answer := make(chan session.Result, 1)
			go func() {
				result, err := s.Rotate(ctx, rotation("alice", "s"))
				if err != nil {
					result.Scope = err.Error()
				}
				answer <- result
			}()
			oneWaits(t, db, d.dialect)
			require.NoError(t, tc.change())
			run(t, other, "COMMIT")
			require.Equal(t, session.Result{Outcome: tc.want}, <-answer)
		}
	})
}

// A session that was not there to be locked is not decided upon, though it begins before it would be read: two calls
// that have locked nothing would both end it.
func TestWhatIsNotLocked(t *testing.T) {
	pool := postgres(t, "read committed")
	db := pool(t)
	s, other := newStore(t, db, sqlstore.PostgreSQL), connection(t, pool(t))
	// Who locks a session passes, and who reads one waits.
	run(t, other, "BEGIN", "LOCK TABLE jot_state IN ACCESS EXCLUSIVE MODE")
	for _, call := range []func() (any, error){
		func() (any, error) {
			return s.End(ctx, session.Ending{Subject: "alice", Session: "s", Call: "c", Now: now})
		},
		func() (any, error) {
			result, err := s.Rotate(ctx, rotation("alice", "s"))
			return result.Outcome != session.Unknown, err
		},
	} {
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		answer := make(chan error, 1)
		go func() {
			done, err := call()
			if err == nil && done != false {
				err = errors.New("it has decided")
			}
			answer <- err
		}()
		select {
		case err := <-answer:
			require.NoError(t, err)
		case <-short.Done():
			require.Fail(t, "it reads what it has not locked")
		}
		cancel()
	}
	run(t, other, "ROLLBACK")
}

// A token is not revoked while a rotation decides upon it: who is told that it is will not see it rotated later.
func TestRevokedWhileItRotates(t *testing.T) {
	pool := postgres(t, "read committed")
	db := pool(t)
	s, other := newStore(t, db, sqlstore.PostgreSQL), connection(t, pool(t))
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	run(t, other, "BEGIN", "LOCK TABLE jot_state IN ACCESS EXCLUSIVE MODE")
	rotated := make(chan session.Outcome, 1)
	go func() {
		result, _ := s.Rotate(ctx, rotation("alice", "s"))
		rotated <- result.Outcome
	}()
	oneWaits(t, db, sqlstore.PostgreSQL)
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err := s.RevokeToken(short, revocation("alice", "t", now.Add(time.Hour)))
	require.Error(t, err, "it waits for the rotation")
	run(t, other, "ROLLBACK")
	require.Equal(t, session.Rotated, <-rotated)
	require.Zero(t, count(t, db, "jot_tokens"), "no lock stays")
}

// A session that ends while another one begins does not count for the limit: who is told that it has ended will not
// see one too many evicted later.
func TestEndsWhileAnotherBegins(t *testing.T) {
	onServers(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db := pool(t)
		s, other := newStore(t, db, d.dialect), connection(t, pool(t))
		require.NoError(t, s.Begin(ctx, record("alice", "first"), 2))
		require.NoError(t, s.Begin(ctx, record("alice", "second"), 2))
		run(t, other, "BEGIN", "UPDATE jot_sessions SET current_id = '' WHERE session = 'second'")
		begun := make(chan error, 1)
		go func() { begun <- s.Begin(ctx, record("alice", "third"), 2) }()
		oneWaits(t, db, d.dialect)
		run(t, other, "COMMIT")
		require.NoError(t, <-begun)
		list, err := s.List(ctx, "alice", now)
		require.NoError(t, err)
		require.Equal(t, []session.Record{record("alice", "first"), record("alice", "third")}, list)
	})
}

// Look-ups and writes of one statement are transactions of their own, and as strict as the database says.
func TestSerializationFailures(t *testing.T) {
	db := postgres(t, "serializable")(t)
	s := newStore(t, db, sqlstore.PostgreSQL)
	run(t, db, "CREATE TABLE failures (n integer NOT NULL)", "INSERT INTO failures VALUES (0)",
		`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') % 5 < 3 THEN RAISE EXCEPTION 'in the way' USING ERRCODE = '40001'; END IF;
			RETURN NEW; END $$`,
		"CREATE SEQUENCE tries",
		"CREATE TRIGGER fail BEFORE INSERT ON jot_tokens FOR EACH ROW EXECUTE FUNCTION fail()",
		"CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON jot_sessions FOR EACH ROW EXECUTE FUNCTION fail()",
		"CREATE TRIGGER fail BEFORE UPDATE ON jot_state FOR EACH ROW EXECUTE FUNCTION fail()")
	require.NoError(t, s.Begin(ctx, record("alice", "s"), 1))
	result, err := s.Rotate(ctx, rotation("alice", "s"))
	require.NoError(t, err)
	require.Equal(t, session.Result{Outcome: session.Rotated, Current: "2"}, result)
	first, err := s.RevokeToken(ctx, revocation("alice", "t", now.Add(time.Hour)))
	require.NoError(t, err)
	require.True(t, first)
	require.NoError(t, s.RevokeAll(ctx, now))

	run(t, db, "DROP TRIGGER fail ON jot_tokens", `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '40001'; END $$`)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.RevokeAll(short, now), context.DeadlineExceeded, "the caller's time is the limit")
	require.ErrorContains(t, s.RevokeAll(ctx, now), "in the way", "and there is one for callers without")
}

type stateError string

func (stateError) Error() string      { return "in the way" }
func (s stateError) SQLState() string { return string(s) }

type codeError int

func (codeError) Error() string { return "in the way" }
func (c codeError) Code() int   { return int(c) }

func TestWhatIsTriedAgain(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{stateError("40001"), true},
		{stateError("40P01"), true},
		{stateError("23505"), false},
		{codeError(5), true},
		{codeError(5 | 2<<8), true}, // SQLITE_BUSY_SNAPSHOT
		{codeError(6), true},
		{codeError(19), false},
		{errors.New("sqlite3: database is locked"), true},
		{errors.New("database table is locked: jot_sessions"), true},
		{errors.New("disk I/O error"), false},
		{errors.New("Error 1213 (40001): Deadlock found when trying to get lock"), true},
		{errors.New("ERROR 1205 (HY000): Lock wait timeout exceeded"), true},
		{errors.New("Error 1213: Deadlock found when trying to get lock"), true},
		{errors.New("Error 1020 (HY000): Record has changed since last read in table 'jot_state'"), true},
		{errors.New("Error 1062 (23000): Duplicate entry '1213' for key 'PRIMARY'"), false},
		{errors.New("Error 12134 (HY000): "), false},
		{errors.New("invalid connection"), false}, // whatever it was may have been carried out
		{context.Canceled, false},
		{sql.ErrNoRows, false},
	} {
		require.Equal(t, tc.want, sqlstore.IsPassing(tc.err), tc.err)
		require.Equal(t, tc.want, sqlstore.IsPassing(fmt.Errorf("driver: %w", tc.err)), tc.err)
	}
}
