package sqlstore_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
	"github.com/go-jot/jot/sqlstore"
)

func TestStore(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		var s session.Store = newStore(t, d.open(t)(t), d.dialect)
		if d.another {
			s = another{s}
		}
		sessiontest.Run(t, func(*testing.T) session.Store { return s })
	})
}

// another is a store on a database whose like has all rounds of the races.
type another struct{ session.Store }

// FewRounds is heard by package sessiontest.
func (another) FewRounds() {}

// The limit is exact for processes that know nothing of each other.
func TestLimitOverPools(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		stores := [2]*sqlstore.Store{newStore(t, pool(t), d.dialect), newStore(t, pool(t), d.dialect)}
		for _, limit := range []int{1, 3} {
			subject := lower()
			together(t, 64, func(i int) error {
				if i%8 == 0 { // the lock's row goes at any time
					if _, err := stores[i%2].Purge(ctx, now); err != nil {
						return err
					}
				}
				return stores[i%2].Begin(ctx, record(subject, strconv.Itoa(i)), limit)
			})
			list, err := stores[0].List(ctx, subject, now)
			require.NoError(t, err)
			require.Len(t, list, limit)
		}
	})
}

// Whoever logs in and out without end fills nothing, and who ended what last is remembered.
func TestEchoesDoNotPileUp(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		db := d.open(t)(t)
		s := newStore(t, db, d.dialect)
		for i := range 50 {
			id, call := strconv.Itoa(i), "call "+strconv.Itoa(i)
			r := record("alice", id)
			r.Start = now.Add(time.Duration(i) * time.Second)
			require.NoError(t, s.Begin(ctx, r, i%2))
			ending := session.Ending{Subject: "alice", Session: id, Call: call, Now: r.Start}
			for range 2 {
				ended, err := s.End(ctx, ending)
				require.NoError(t, err)
				require.True(t, ended)
			}
			require.NoError(t, s.RevokeSubject(ctx, "alice", now, now))
			require.NoError(t, s.RevokeAll(ctx, now))
			ended, err := s.End(ctx, ending)
			require.NoError(t, err)
			require.True(t, ended, "whatever came since")
		}
		require.LessOrEqual(t, count(t, db, "jot_sessions"), 17)
	})
}

// All that a store does, by two pools at once: whatever isolation a database has by default, nothing fails.
func TestManyAtOnce(t *testing.T) {
	on(t, func(t *testing.T, d database) {
		pool := d.open(t)
		stores := [2]*sqlstore.Store{newStore(t, pool(t), d.dialect), newStore(t, pool(t), d.dialect)}
		together(t, 32, func(i int) error {
			s := stores[i%2]
			for round := range 10 {
				if err := everything(s, strconv.Itoa((i+round)%3), fmt.Sprint(i, "/", round), round); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func everything(s *sqlstore.Store, subject, id string, round int) error {
	calls := []func() error{
		func() error { return s.Begin(ctx, record(subject, id), 4) },
		func() error { _, err := s.Rotate(ctx, rotation(subject, id)); return err },
		func() error { _, err := s.RevokeToken(ctx, revocation(subject, "x", now.Add(time.Hour))); return err },
		func() error {
			_, err := s.Check(ctx, session.Query{Subject: subject, Session: id, Now: now})
			return err
		},
		func() error {
			_, err := s.End(ctx, session.Ending{Subject: subject, Session: id, Call: "c", Now: now})
			return err
		},
		func() error { _, err := s.List(ctx, subject, now); return err },
		func() error { _, err := s.Purge(ctx, now.Add(time.Duration(round%2)*2*time.Hour)); return err },
	}
	if round%4 == 0 {
		calls = append(calls, func() error { return s.RevokeSubject(ctx, subject, now, now.Add(time.Hour)) })
	}
	if round == 9 {
		calls = append(calls, func() error { return s.RevokeAll(ctx, now) })
	}
	for _, call := range calls {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}

// A file that nothing was said about, so that nobody waits for others, and some that much was said about.
func TestAnyDSN(t *testing.T) {
	for _, settings := range []string{"", "_pragma=journal_mode(WAL)&_txlock=exclusive", "_pragma=cache_size(0)"} {
		pool := sqlite(t, settings)
		var stores [2]*sqlstore.Store
		together(t, len(stores), func(i int) (err error) {
			stores[i], err = sqlstore.New(ctx, pool(t), sqlstore.SQLite)
			return err
		})
		together(t, 8, func(i int) error {
			return everything(stores[i%len(stores)], strconv.Itoa(i%5), strconv.Itoa(i), i)
		})
	}
}
