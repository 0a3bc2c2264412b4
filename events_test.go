package jot_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

func TestEvents(t *testing.T) {
	silence(t)
	w := newWorld(t)
	p := w.login(t, jot.Claim("email", "alice@example"))
	begun, id := w.events[0], claimsOf(t, p.RefreshToken)["jti"].(string)
	require.Equal(t, jot.Event{
		Kind: jot.EventSessionBegun, Subject: "alice", SessionID: p.SessionID, TokenID: id,
	}, begun)

	// Of a token whose signature does not hold nothing is known but that.
	nothing := func() *http.Request { return httptest.NewRequest(http.MethodGet, "/", nil) }
	for _, tc := range []struct {
		r    *http.Request
		want jot.Event
	}{
		{nothing(), jot.Event{Err: jot.ErrNoToken}},
		{bearer("a b"), jot.Event{Err: jot.ErrBadRequest, Location: jot.InHeader}},
		{bearer(p.AccessToken + "x"), jot.Event{Err: jot.ErrInvalid, Location: jot.InHeader}},
		{bearer(p.RefreshToken), jot.Event{
			Err: jot.ErrWrongType, Location: jot.InHeader, Subject: "alice", SessionID: p.SessionID, TokenID: id,
		}},
	} {
		w.kinds()
		send(w.Required(), tc.r)
		tc.want.Kind = jot.EventRefused
		require.Equal(t, []jot.Event{tc.want}, w.events)
	}

	// Nobody refused, nothing said.
	w.kinds()
	require.True(t, send(w.Required(), bearer(p.AccessToken)).called)
	require.True(t, send(w.Required(jot.Optional()), nothing()).called)
	require.Empty(t, w.events)

	// And logged, no event shows a token or a claim.
	w.rotate(t, p.RefreshToken)
	_, err := w.Verify(ctx, p.RefreshToken+"x", jot.Refresh())
	require.Error(t, err)
	require.NoError(t, w.RevokeSubject(ctx, "alice"))
	require.NoError(t, w.RevokeAll(ctx))
	w.events = append(w.events, begun, jot.Event{Kind: jot.EventStoreUnavailable, Err: errDown})
	var out bytes.Buffer
	for _, e := range w.events {
		slog.New(slog.NewTextHandler(&out, nil)).Info("jot", "event", e)
	}
	require.Contains(t, out.String(),
		"event.kind=session_begun event.subject=alice event.session="+p.SessionID+" event.token="+begun.TokenID)
	require.Contains(t, out.String(), "event.kind=store_unavailable event.error=")
	require.Contains(t, out.String(), "event.kind=revoked event.subject=alice\n")
	for _, hidden := range []string{p.AccessToken, p.RefreshToken, "alice@example", "eyJ"} {
		require.NotContains(t, out.String(), hidden)
	}
}

func ExampleWithEventHandler() {
	watch := func(ctx context.Context, e jot.Event) {
		switch e.Kind {
		case jot.EventReused: // tell the user
			slog.WarnContext(ctx, "a refresh token was stolen", "event", e)
		case jot.EventRefused:
			slog.DebugContext(ctx, "refused", "event", e)
		default:
			slog.InfoContext(ctx, "auth", "event", e)
		}
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()),
		jot.WithEventHandler(watch), jot.WithRotationGrace(5*time.Second))
	_, _ = auth, err
}

// A refusal's code is a label for metrics.
func TestEventCode(t *testing.T) {
	var codes []string
	m := newManager(t, jot.WithEventHandler(func(_ context.Context, e jot.Event) { codes = append(codes, e.Code()) }))
	for _, raw := range []string{"x", access(t, newManagerAt(t, now.Add(-time.Hour)))} {
		_, err := m.Verify(ctx, raw)
		require.Error(t, err)
	}
	require.Equal(t, []string{"token_invalid", "token_expired"}, codes)
	require.Empty(t, jot.Event{Kind: jot.EventRevoked}.Code())
}
