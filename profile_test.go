package jot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
)

// lax takes tokens without an id.
var lax = wire.Profile{IDOptional: true}

func TestProfile(t *testing.T) {
	store := new(spyBlocklist)
	m := newManager(t, jot.WithBlocklist(store), wire.Profile{
		Subject: "identity", DefaultType: "access", NoExpiry: []string{"access"}, IDOptional: true, Typ: "at+jwt",
	})

	token, err := m.Verify(ctx, forge(t, `{"alg":"HS256","typ":"at+JWT"}`, `{"identity":"alice"}`))
	require.NoError(t, err)
	require.Equal(t, "alice", token.Subject)
	require.Equal(t, "access", token.Type)
	require.False(t, token.Expired())
	require.Empty(t, store.ids, "nothing to ask about")
	require.ErrorContains(t, m.Revoke(ctx, token), "without a jti it cannot be revoked or used up")

	token, err = m.Verify(ctx, forge(t, ourHeader, `{"identity":"alice","jti":"1"}`))
	require.NoError(t, err)
	require.NoError(t, m.Revoke(ctx, token))
	forever := time.Unix(wire.MaxDate, 0).UTC()
	require.Equal(t, []time.Time{forever}, store.untils, "what never expires is never forgotten")

	claims := claimsOf(t, access(t, m))
	require.NotContains(t, claims, "exp")
	require.Equal(t, "alice", claims["identity"])
	require.NotContains(t, claims, "sub")

	// Cookies as they were used before anybody thought of forgeries.
	bare := newManager(t, jot.WithCookies(jot.CookieConfig{}), wire.Profile{CSRF: &wire.CSRF{}})
	b := newBrowser(t)
	b.receive(bare, pair(t, bare))
	crossSite := setHeader("Sec-Fetch-Site", "cross-site")
	require.True(t, send(bare.Required(), b.request("POST", "/", crossSite)).called)

	_, err = jot.New(jot.HS256(secret), wire.Profile{}, wire.Profile{})
	require.ErrorContains(t, err, "given twice")
}
