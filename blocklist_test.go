package jot_test

import (
	"context"
	"errors"
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
	require.Equal(t, []time.Time{token.ExpiresAt.Add(10 * time.Minute)}, store.untils, "until no node accepts it")
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
		"1",
		"2",
		"a b\u0000",
		strings.Repeat("x", 4000),
		"4F1C0F7E-0000-4000-8000-000000000001", // three that are almost UUIDs as we write them
		"4f1c0f7e-0000-4000-8000-00000000000g",
		"4f1c0f7e-0000-4000-8000x000000000001",
	} {
		payload := `{"sub":"alice","jti":` + quoteJSON(id) + `,"type":"access","exp":1893456900}`
		_, err := m.Verify(ctx, forge(t, ourHeader, payload))
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

// An operator who looks for the cause is led to the list.
func TestBlocklistIsTheCause(t *testing.T) {
	m := newManager(t, jot.WithBlocklist(newBlocklist()))
	raw := access(t, m)
	token, err := m.Verify(ctx, raw)
	require.NoError(t, err)
	require.NoError(t, m.Revoke(ctx, token))
	_, err = m.Verify(ctx, raw)
	require.EqualError(t, err, "jot: token has been revoked: the Blocklist says so, of the token or of its session")
}
