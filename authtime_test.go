package jot_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// auth_time is when a password, or its like, was given. Only the application knows that, and says so by Fresh or
// FreshFor; what is made of such a token carries it. A login that was merely remembered has none.
func TestAuthTime(t *testing.T) {
	instant := now
	m, err := jot.New(jot.HS256(secret), jot.WithClock(func() time.Time { return instant }),
		jot.WithStore(memstore.New(memstore.Since(time.Time{}))))
	require.NoError(t, err)
	verified := func(raw string, demands ...jot.Demand) *jot.Token {
		t.Helper()
		token, err := m.Verify(ctx, raw, demands...)
		require.NoError(t, err)
		return token
	}
	fresh, forAWhile := list(jot.Fresh()), list(jot.FreshFor(time.Minute))
	const none = ""
	for _, tc := range []struct {
		name        string
		login, step []jot.TokenOption // at the login, and in its session two minutes later
		began, then string            // the auth_time of either, since the login
	}{
		{"a login that was remembered", nil, nil, none, none},
		{"a login by a password", fresh, nil, "0s", "0s"},
		{"a login that is fresh for a while", forAWhile, nil, "0s", "0s"},
		{"one that was remembered, then the password", nil, fresh, none, "2m0s"},
		{"one that was remembered, then fresh for a while", nil, forAWhile, none, "2m0s"},
		{"a password, and once more", fresh, fresh, "0s", "2m0s"},
		{"a provider, an hour ago", list(jot.AuthTime(now.Add(-time.Hour))), nil, "-1h0m0s", "-1h0m0s"},
		{"a provider, then the password", list(jot.AuthTime(now.Add(-time.Hour))), fresh, "-1h0m0s", "2m0s"},
		{"a password, then a provider", fresh, list(jot.AuthTime(now.Add(time.Minute))), "0s", "1m0s"},
		{"a provider whose clock is ahead", list(jot.AuthTime(now.Add(30 * time.Second))), nil, "30s", "30s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			instant = now
			p := pair(t, m, tc.login...)
			require.Equal(t, tc.began, authTime(t, p.AccessToken))
			require.Equal(t, tc.began, authTime(t, p.RefreshToken), "the session remembers it")

			instant = now.Add(time.Minute)
			next, err := m.Rotate(ctx, verified(p.RefreshToken, jot.Refresh()))
			require.NoError(t, err)
			require.Equal(t, tc.began, authTime(t, next.AccessToken), "refreshing asks for no password")
			require.Equal(t, tc.began, authTime(t, next.RefreshToken))

			instant = now.Add(2 * time.Minute)
			for _, of := range []*jot.Token{verified(next.AccessToken), verified(next.RefreshToken, jot.Refresh())} {
				step := append(list(jot.InSession(of)), tc.step...)
				require.Equal(t, tc.then, authTime(t, access(t, m, step...)))
				typed, err := m.CreateToken(ctx, "alice", append(step, jot.Type("export"))...)
				require.NoError(t, err)
				require.Equal(t, tc.then, authTime(t, typed))
			}
			last, err := m.Rotate(ctx, verified(next.RefreshToken, jot.Refresh()))
			require.NoError(t, err)
			require.Equal(t, tc.began, authTime(t, last.AccessToken), "the session is what it was")
		})
	}
	instant = now.Add(time.Minute)
	raw, err := m.CreateRefreshToken(ctx, "alice")
	require.NoError(t, err)
	require.Equal(t, none, authTime(t, raw))
	require.Equal(t, none, authTime(t, access(t, m)))
	require.Equal(t, "1m0s", authTime(t, access(t, m, jot.Fresh())), "of no session")
}

// What AuthTime cannot say.
func TestAuthTimeMistakes(t *testing.T) {
	m := newManager(t, jot.WithStore(memstore.New()))
	p := pair(t, m, jot.AuthTime(now.Add(-10*time.Minute)))
	refresh, err := m.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	_, err = m.Verify(ctx, p.AccessToken, jot.Fresh())
	require.ErrorIs(t, err, jot.ErrNotFresh, "nobody has asked for the password here")
	_, err = m.Verify(ctx, p.AccessToken, jot.MaxAge(11*time.Minute))
	require.NoError(t, err)
	_, err = m.Verify(ctx, p.AccessToken, jot.MaxAge(9*time.Minute))
	require.ErrorIs(t, err, jot.ErrNotFresh)
	tooEarly := jot.AuthTime(now.Add(31 * time.Second))
	for text, err := range map[string]error{
		"the instant is zero":                   second(m.CreatePair(ctx, "alice", jot.AuthTime(time.Time{}))),
		"it has not come yet":                   second(m.CreatePair(ctx, "alice", tooEarly)),
		"authenticated now, or at that time":    second(m.CreatePair(ctx, "alice", jot.AuthTime(now), jot.Fresh())),
		"a refresh asks for no password: use I": second(m.Rotate(ctx, refresh, jot.AuthTime(now))),
	} {
		require.ErrorContains(t, err, text)
	}
}

func second[T any](_ T, err error) error { return err }

// authTime is the auth_time of a token, reckoned from now; empty if it has none.
func authTime(t testing.TB, raw string) string {
	t.Helper()
	claim, found := claimsOf(t, raw)["auth_time"]
	if !found {
		return ""
	}
	seconds, err := claim.(json.Number).Int64()
	require.NoError(t, err)
	return time.Unix(seconds, 0).Sub(now).String()
}

// A login without a password is of no age that a route could ask for, just made or refreshed.
func TestMaxAgeWantsAPassword(t *testing.T) {
	m := newManager(t, jot.WithStore(memstore.New()))
	for _, tc := range []struct {
		name  string
		login []jot.TokenOption
		code  string // "" passes
	}{
		{"remembered", nil, "fresh_token_required"},
		{"by a password", list(jot.Fresh()), ""},
		{"fresh for a while", list(jot.FreshFor(time.Minute)), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := pair(t, m, tc.login...)
			token, err := m.Verify(ctx, p.RefreshToken, jot.Refresh())
			require.NoError(t, err)
			next, err := m.Rotate(ctx, token)
			require.NoError(t, err)
			for _, raw := range []string{p.AccessToken, access(t, m, jot.InSession(token)), next.AccessToken} {
				for _, age := range []time.Duration{5 * time.Minute, 100 * 365 * 24 * time.Hour} {
					got := send(m.Required(jot.MaxAge(age)), bearer(raw))
					require.Equal(t, tc.code == "", got.called, got.Body.String())
					if tc.code != "" {
						require.Equal(t, tc.code, got.code(t))
					}
				}
			}
		})
	}
}

// Somebody who says that they will have given a password has given none.
func TestAuthTimeInTheFuture(t *testing.T) {
	silence(t)
	const lastDate, century = 253402300799, 100 * 365 * 24 * time.Hour
	const passes, refused = true, false
	for _, tc := range []struct {
		name     string
		authTime int64
		age      time.Duration
		ends     bool
	}{
		{"now", now.Unix(), time.Minute, passes},
		{"just young enough", now.Unix() - 60, time.Minute, passes},
		{"too old", now.Unix() - 61, time.Minute, refused},
		{"in an hour", now.Unix() + 3600, time.Minute, refused},
		{"in an hour, where a day is allowed", now.Unix() + 3600, 24 * time.Hour, refused},
		{"on the last date", lastDate, time.Minute, refused},
		{"on the last date, where a century is allowed", lastDate, century, refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := forge(t, ourHeader, with(fmt.Sprintf(`"auth_time":%d`, tc.authTime)))
			got := send(newManager(t).Required(jot.MaxAge(tc.age)), bearer(raw))
			require.Equal(t, tc.ends, got.called, got.Body.String())
			if tc.ends == refused {
				require.Equal(t, "fresh_token_required", got.code(t))
			}
			_, err := newManager(t).Verify(ctx, raw, jot.MaxAge(tc.age))
			require.Equal(t, tc.ends, err == nil)
		})
	}
}
