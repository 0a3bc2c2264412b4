package jot_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// A demoted user loses scopes at the next refresh, and a promoted one gets them, without a new login; but no token has
// more than its login asked for.
func TestWithScopes(t *testing.T) {
	var has []string
	var fails error
	var seen []string // what the callback saw
	of := jot.WithScopes(func(_ context.Context, t *jot.Token) ([]string, error) {
		seen = append(seen, t.Type+" of "+t.Subject)
		return has, fails
	})
	both, read := []string{"admin", "read"}, []string{"read"}
	scopesOf := func(raw string) any { return claimsOf(t, raw)["scope"] }
	for _, tc := range []struct {
		name          string
		asked         []jot.TokenOption
		login, later  []string // what the user has
		atLogin, then any      // what the access token has
	}{
		{"a demotion", nil, both, read, "admin read", "read"},
		{"a promotion", nil, read, both, "read", "admin read"},
		{"none any more", nil, read, nil, "read", nil},
		{"none yet", nil, nil, read, nil, "read"},
		{"twice the same", nil, []string{"a", "a"}, []string{"a", "b", "a"}, "a", "a b"},
		{"a login that asked for less", list(jot.Scopes("read")), both, []string{"admin"}, "read", nil},
		{"a login that asked for more", list(jot.Scopes("read", "admin")), read, both, "read", "read admin"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, of)
			has, seen = tc.login, nil
			p := w.login(t, tc.asked...)
			require.Equal(t, tc.atLogin, scopesOf(p.AccessToken))
			require.Equal(t, []string{"access of alice"}, seen, "nobody is asked about a refresh token")
			has = tc.later
			w.now = w.now.Add(time.Minute)
			next := w.rotate(t, p.RefreshToken)
			require.Equal(t, tc.then, scopesOf(next.AccessToken))
			require.Equal(t, scopesOf(p.RefreshToken), scopesOf(next.RefreshToken), "which keeps what was asked for")
			refresh, err := w.Verify(ctx, next.RefreshToken, jot.Refresh())
			require.NoError(t, err)
			require.Equal(t, tc.then, scopesOf(access(t, w.Manager, jot.InSession(refresh))))
		})
	}

	m := newManager(t, of)
	has, seen = []string{"read"}, nil
	raw, err := m.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	require.Nil(t, scopesOf(raw))
	require.Empty(t, seen, "a token of a type is no access token")

	has = []string{"a b"}
	_, err = m.CreateAccessToken(ctx, "alice")
	require.ErrorContains(t, err, `WithScopes: "a b" is not a scope`)
	has, fails = nil, errDown
	_, err = m.CreatePair(ctx, "alice")
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.ErrorIs(t, err, errDown)
	fails = errors.Join(jot.ErrUserNotFound)
	_, err = m.CreatePair(ctx, "alice")
	require.ErrorIs(t, err, jot.ErrUserNotFound)
}
