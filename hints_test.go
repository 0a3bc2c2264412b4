package jot_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
)

// A route that asks when the password was given is a dead end for logins that do not say so: that is told once.
func TestLoginsWithoutFreshAreTold(t *testing.T) {
	if !alone(t) {
		return
	}
	w, log := newWorld(t), logged(t)
	flask := newManager(t, wire.Profile{Minting: &wire.Minting{}}) // whose logins are like that
	send(flask.Required(jot.MaxAge(time.Minute)), bearer(access(t, flask)))
	p := w.login(t, jot.Fresh())
	w.now = w.now.Add(10 * time.Minute)
	refreshed := w.rotate(t, p.RefreshToken) // has a login with a password: that was too long ago, and may be repeated
	for _, demand := range []jot.RouteOption{jot.MaxAge(time.Minute), jot.Fresh()} {
		require.Equal(t, "fresh_token_required", send(w.Required(demand), bearer(refreshed.AccessToken)).code(t))
	}
	require.Empty(t, log.String())
	for range 2 {
		for _, demand := range []jot.RouteOption{jot.MaxAge(time.Minute), jot.Fresh()} {
			require.Equal(t, "fresh_token_required", send(w.Required(demand), bearer(w.login(t).AccessToken)).code(t))
		}
	}
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
	require.Contains(t, log.String(), "refused a login that was made without Fresh")
}

// SingleUse is for tokens that are made for one use. That it has used up a login's is told once.
func TestLoginsUsedUpAreTold(t *testing.T) {
	if !alone(t) {
		return
	}
	w, log := newWorld(t), logged(t)
	post := func(raw string, demands ...jot.RouteOption) string {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Authorization", "Bearer "+raw)
		return answerOf(w.Required(demands...)(http.HandlerFunc(noContent)), r).Result().Status
	}
	login, err := w.Verify(ctx, w.login(t).AccessToken)
	require.NoError(t, err)
	link, err := w.CreateToken(ctx, "alice", jot.Type("link"), jot.InSession(login))
	require.NoError(t, err)
	require.Equal(t, "204 No Content", post(link, jot.SingleUse(), jot.Type("link")))
	require.Equal(t, "204 No Content", post(access(t, w.Manager), jot.SingleUse()))
	require.Empty(t, log.String())
	for range 2 {
		raw := w.login(t).AccessToken
		require.Equal(t, "204 No Content", post(raw, jot.SingleUse()))
		require.Equal(t, "401 Unauthorized", post(raw, jot.SingleUse()))
	}
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
	require.Contains(t, log.String(), "SingleUse without Type has used up a login's access token")
}
