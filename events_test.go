package jot_test

import (
	"bytes"
	"context"
	"log/slog"
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
	begun := w.events[0]
	require.Equal(t, jot.Event{
		Kind: jot.EventSessionBegun, Subject: "alice", SessionID: p.SessionID, TokenID: claimsOf(t, p.RefreshToken)["jti"].(string),
	}, begun)

	// Of a token whose signature does not hold nothing is known but that.
	for raw, want := range map[string]jot.Event{
		"": {Kind: jot.EventRefused, Err: jot.ErrNoToken}, "a b": {Kind: jot.EventRefused, Location: jot.InHeader, Err: jot.ErrBadRequest},
		p.AccessToken + "x": {Kind: jot.EventRefused, Location: jot.InHeader, Err: jot.ErrInvalid},
	} {
		w.kinds()
		r := bearer(raw)
		if raw == "" {
			r.Header.Del("Authorization")
		}
		send(w.Required(), r)
		require.Equal(t, []jot.Event{want}, w.events)
	}
	w.kinds()
	send(w.Required(), bearer(p.RefreshToken))
	require.Equal(t, []jot.Event{{
		Kind: jot.EventRefused, Subject: "alice", SessionID: p.SessionID, TokenID: claimsOf(t, p.RefreshToken)["jti"].(string),
		Location: jot.InHeader, Err: jot.ErrWrongType,
	}}, w.events)

	// Nobody refused, nothing said.
	w.kinds()
	require.True(t, send(w.Required(), bearer(p.AccessToken)).called)
	r := bearer("")
	r.Header.Del("Authorization")
	require.True(t, send(w.Required(jot.Optional()), r).called)
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
	require.Contains(t, out.String(), "event.kind=session_begun event.subject=alice event.session="+p.SessionID+" event.token="+begun.TokenID)
	require.Contains(t, out.String(), "event.kind=store_unavailable event.error=")
	require.Contains(t, out.String(), "event.kind=revoked event.subject=alice\n")
	for _, hidden := range []string{p.AccessToken, p.RefreshToken, "alice@example", "eyJ"} {
		require.NotContains(t, out.String(), hidden)
	}
}

func ExampleWithEventHandler() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithEventHandler(func(ctx context.Context, e jot.Event) {
		switch e.Kind {
		case jot.EventReused: // tell the user
			slog.WarnContext(ctx, "a refresh token was stolen", "event", e)
		case jot.EventRefused:
			slog.DebugContext(ctx, "refused", "event", e)
		default:
			slog.InfoContext(ctx, "auth", "event", e)
		}
	}), jot.WithRotationGrace(5*time.Second))
	_, _ = auth, err
}
