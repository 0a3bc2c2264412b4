package jot_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// spyBlocklist writes down how it is called.
type spyBlocklist struct {
	ids      []string
	untils   []time.Time
	deadline bool
	err      error
}

func (s *spyBlocklist) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	_, s.deadline = ctx.Deadline()
	s.ids, s.untils = append(s.ids, id), append(s.untils, until)
	return true, s.err
}

func (s *spyBlocklist) Revoked(ctx context.Context, ids ...string) (bool, error) {
	_, s.deadline = ctx.Deadline()
	s.ids = append(s.ids, ids...)
	return false, s.err
}

func TestRevoke(t *testing.T) {
	store := new(spyBlocklist)
	m := newManager(t, jot.WithBlocklist(store))
	token, err := m.Verify(ctx, access(t, m))
	require.NoError(t, err)
	require.Equal(t, []string{"j:" + token.ID}, store.ids)
	require.True(t, store.deadline)
	store.deadline = false
	require.NoError(t, m.Revoke(ctx, token))
	require.Equal(t, "j:"+token.ID, store.ids[1], "written where it is read")
	require.Equal(t, []time.Time{token.ExpiresAt.Add(5 * time.Minute)}, store.untils, "until no node accepts it")
	require.True(t, store.deadline)

	store.err = errDown
	err = m.Revoke(ctx, token)
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.ErrorIs(t, err, errDown)

	foreign, err := newManager(t).Verify(ctx, access(t, m))
	require.NoError(t, err)
	for _, other := range []*jot.Token{nil, {}, {ID: token.ID}, foreign} {
		require.ErrorContains(t, m.Revoke(ctx, other), "not a token that this Manager has verified")
	}
	err = newManager(t).Revoke(ctx, token)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "needs WithStore or WithBlocklist")
}

// Ids that others made may be long or hold anything: the store sees a hash of them.
func TestRevokeForeignIDs(t *testing.T) {
	store := new(spyBlocklist)
	m := newManager(t, jot.WithBlocklist(store))
	seen := map[string]bool{}
	for _, id := range []string{
		"1", "2", strings.Repeat("x", 4000), "a b\u0000", "4F1C0F7E-0000-4000-8000-000000000001", "4f1c0f7e-0000-4000-8000-00000000000g", "4f1c0f7e-0000-4000-8000x000000000001",
	} {
		_, err := m.Verify(ctx, forge(t, ourHeader, `{"sub":"alice","jti":`+quoteJSON(id)+`,"type":"access","exp":1893456900}`))
		require.NoError(t, err)
		key := store.ids[len(store.ids)-1]
		require.Regexp(t, `^j:[A-Za-z0-9_-]{22}$`, key)
		require.False(t, seen[key])
		seen[key] = true
	}
}

// A store that hangs costs a request a second, not for ever.
func TestSlowBlocklist(t *testing.T) {
	silence(t)
	synctest.Test(t, func(t *testing.T) {
		m, err := jot.New(jot.HS256(secret), jot.WithBlocklist(hangingBlocklist{}))
		require.NoError(t, err)
		began := time.Now()
		got := send(m.Required(), bearer(access(t, m)))
		require.Equal(t, time.Second, time.Since(began))
		require.False(t, got.called)
		require.Equal(t, "unavailable", got.code(t))
	})
}

type hangingBlocklist struct{}

func (hangingBlocklist) Revoke(ctx context.Context, _ string, _ time.Time) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

func (hangingBlocklist) Revoked(ctx context.Context, _ ...string) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

func revokedIn(s *jot.MemoryStore) int {
	revoked, _ := s.Len()
	return revoked
}

func TestMemoryStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := jot.NewMemoryStore()
		revoke := func(id string, d time.Duration) bool {
			first, err := s.Revoke(ctx, id, time.Now().Add(d))
			require.NoError(t, err)
			return first
		}
		revoked := func(ids ...string) bool {
			found, err := s.Revoked(ctx, ids...)
			require.NoError(t, err)
			return found
		}
		require.False(t, revoked("a"))
		require.True(t, revoke("a", time.Hour))
		require.False(t, revoke("a", time.Minute), "shorter changes nothing")
		<-time.After(time.Hour - time.Second)
		require.True(t, revoked("x", "a"))
		require.False(t, revoke("a", time.Hour), "longer extends")
		<-time.After(time.Hour - time.Second)
		require.True(t, revoked("a"))
		<-time.After(time.Second)
		require.False(t, revoked("a"))
		require.True(t, revoke("a", time.Second), "new again")

		require.True(t, revoke("gone", 0))
		require.False(t, revoked("gone"))
		require.Equal(t, 1, revokedIn(s))
	})
}

// What has expired makes room, what has not is kept whatever its number.
func TestMemoryStoreSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := jot.NewMemoryStore()
		for round := range 50 {
			for i := range 1000 {
				_, err := s.Revoke(ctx, strconv.Itoa(round)+"/"+strconv.Itoa(i), time.Now().Add(time.Minute))
				require.NoError(t, err)
			}
			require.LessOrEqual(t, revokedIn(s), 35_000)
			found, err := s.Revoked(ctx, strconv.Itoa(round)+"/0")
			require.NoError(t, err)
			require.True(t, found)
			<-time.After(31 * time.Second)
		}
		for i := range 20000 {
			_, err := s.Revoke(ctx, "live"+strconv.Itoa(i), time.Now().Add(time.Hour))
			require.NoError(t, err)
		}
		for i := range 20000 {
			found, err := s.Revoked(ctx, "live"+strconv.Itoa(i))
			require.NoError(t, err)
			require.True(t, found, "nothing is forgotten early")
		}
	})
}

// The store goes by the manager's clock, whichever way that differs from the machine's.
func TestMemoryStoreTakesTheManagersClock(t *testing.T) {
	for _, instant := range []time.Time{now, time.Unix(1e9, 0)} {
		s := jot.NewMemoryStore()
		m := newManagerAt(t, instant, jot.WithBlocklist(s))
		raw := revokedToken(t, m)
		_, err := m.Verify(ctx, raw)
		require.ErrorIs(t, err, jot.ErrRevoked)
		require.Equal(t, 1, revokedIn(s))

		// An expired one is nothing to remember.
		_, err = newManagerAt(t, instant.Add(-time.Hour)).Verify(ctx, raw)
		require.ErrorIs(t, err, jot.ErrInvalid)
		_, err = m.Verify(ctx, access(t, newManagerAt(t, instant.Add(-time.Hour))))
		expired, ok := errors.AsType[*jot.Error](err)
		require.True(t, ok)
		require.NoError(t, m.Revoke(ctx, expired.Token))
		require.Equal(t, 1, revokedIn(s))
	}
}
