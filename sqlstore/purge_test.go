package sqlstore_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// fill enters 1300 revoked tokens, every other one for an hour and the rest for two, and for an hour 20 sessions and 20
// subjects that were logged out.
func fill(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	for i := range 1300 {
		_, err := s.RevokeToken(ctx, revocation("alice", strconv.Itoa(i), now.Add(time.Duration(i%2+1)*time.Hour)))
		require.NoError(t, err)
	}
	for i := range 20 {
		require.NoError(t, s.Begin(ctx, record("user "+strconv.Itoa(i), "s"), 1))
		require.NoError(t, s.RevokeSubject(ctx, "out "+strconv.Itoa(i), now, now.Add(time.Hour)))
	}
}

func isRevoked(s *sqlstore.Store, token string) (bool, error) {
	status, err := s.Check(ctx, session.Query{Subject: "alice", Session: "none", Token: token, Now: now})
	return status.Revoked, err
}

// Rows go in batches, while others ask, and none goes early.
func TestPurge(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		db := pool(t)
		s, other := newStore(t, db, d.dialect), newStore(t, pool(t), d.dialect)
		fill(t, s)
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				revoked, err := isRevoked(s, "1")
				if err == nil && !revoked {
					err = errors.New("a revoked token passed while others were purged")
				}
				if err != nil {
					done <- err
					return
				}
			}
		}()
		var purged [2]int64
		together(t, 2, func(i int) (err error) {
			purged[i], err = []*sqlstore.Store{s, other}[i].Purge(ctx, now.Add(time.Hour))
			return err
		})
		close(stop)
		require.NoError(t, <-done)
		last, err := s.Purge(ctx, now.Add(time.Hour))
		require.NoError(t, err)
		locks := map[sqlstore.Dialect]int64{sqlstore.PostgreSQL: 20, sqlstore.MySQL: 20}[d.dialect]
		require.Equal(t, 650+20+20+locks, purged[0]+purged[1]+last)
		for i := range 1300 {
			revoked, err := isRevoked(s, strconv.Itoa(i))
			require.NoError(t, err)
			require.Equal(t, i%2 == 1, revoked)
		}
		require.Equal(t, [3]int{0, 650, 0}, [3]int{
			count(t, db, "jot_sessions"), count(t, db, "jot_tokens"), count(t, db, "jot_subjects"),
		})
	})
}

// What others hold is passed over, and goes the next time.
func TestPurgeWaitsForNobody(t *testing.T) {
	onServers(t, func(t *testing.T, d database) {
		pool := d.open(t)
		s, other := newStore(t, pool(t), d.dialect), connection(t, pool(t))
		fill(t, s)
		run(t, other, begin[d.dialect],
			"UPDATE jot_sessions SET label = label WHERE subject IN ('user 1', 'user 2')",
			"UPDATE jot_tokens SET revoker = revoker WHERE subject = 'alice' AND token IN ('0', '2', '4')")
		purged, err := s.Purge(ctx, now.Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 650-3+20-2+40, purged)
		run(t, other, "ROLLBACK")
		purged, err = s.Purge(ctx, now.Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 5, purged)
	})
}

// Nobody has to purge: those who write do, an hour later.
func TestWhoWritesClearsUp(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		db := d.open(t)(t)
		s := newStore(t, db, d.dialect)
		fill(t, s)
		write := func(at time.Time) {
			for i := range 4 * 64 {
				subject := "late " + strconv.Itoa(i)
				r := session.Record{Subject: subject, Session: "s", Current: "1", Start: at, Expires: at}
				require.NoError(t, s.Begin(ctx, r, 1))
			}
		}
		write(now.Add(2*time.Hour - time.Millisecond))
		require.Equal(t, 1300, count(t, db, "jot_tokens"), "another node's clock may be behind")
		for range 3 {
			write(now.Add(3 * time.Hour))
		}
		require.Zero(t, count(t, db, "jot_tokens"))
		require.Zero(t, count(t, db, "jot_subjects WHERE mark > 0"))
	})
}
