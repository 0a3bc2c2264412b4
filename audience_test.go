package jot_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// A login for an audience of its own is refreshed and logged out like any other: the two handlers ask who made the
// token, not whom it is for. A guard still does.
func TestLoginForAnAudience(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options []jot.Option
	}{
		{"where none is configured", nil},
		{"where another is configured", []jot.Option{jot.WithAudience("api")}},
		{"where others are configured", []jot.Option{jot.WithAudience("api", "web"), jot.WithIssuer("us")}},
	} {
		for _, to := range [][]string{{"mobile"}, {"mobile", "tv"}} {
			t.Run(tc.name, func(t *testing.T) {
				m := newManager(t, append(tc.options, jot.WithStore(memstore.New()))...)
				p := pair(t, m, jot.Audience(to...))
				audience := claimsOf(t, p.AccessToken)["aud"]

				got := ask(m.RefreshHandler(), p.RefreshToken)
				require.Equal(t, http.StatusOK, got.Code, got.Body.String())
				var next struct {
					Access  string `json:"access_token"`
					Refresh string `json:"refresh_token"`
				}
				require.NoError(t, json.Unmarshal(got.Body.Bytes(), &next))
				for _, raw := range []string{next.Access, next.Refresh} {
					require.Equal(t, audience, claimsOf(t, raw)["aud"], "for the same as before")
				}
				token, err := m.Verify(ctx, next.Refresh, jot.Refresh(), jot.Audience("mobile"))
				require.NoError(t, err)
				last, err := m.Rotate(ctx, token)
				require.NoError(t, err)
				require.Equal(t, audience, claimsOf(t, last.AccessToken)["aud"])

				by := func(opts ...jot.RouteOption) *answer {
					return send(m.Required(opts...), bearer(last.AccessToken))
				}
				require.True(t, by(jot.Audience("mobile")).called)
				require.Equal(t, "token_invalid", by().code(t), "it is not for this route")
				require.Equal(t, "token_invalid", by(jot.Audience("x")).code(t))

				require.Equal(t, http.StatusNoContent, ask(m.LogoutHandler(), last.AccessToken).Code)
				_, err = m.Verify(ctx, last.AccessToken, jot.Audience("mobile"))
				require.ErrorIs(t, err, jot.ErrRevoked)
			})
		}
	}
}

// Any token of such a login ends it, wherever what was revoked is remembered.
func TestLogoutForAnAudience(t *testing.T) {
	for name, remembering := range map[string]jot.Option{
		"a store":     jot.WithStore(memstore.New()),
		"a blocklist": jot.WithBlocklist(newBlocklist()),
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, remembering, jot.WithAudience("api"))
			mobile := jot.Audience("mobile")
			for which, raw := range map[string]string{
				"access":  pair(t, m, mobile).AccessToken,
				"refresh": pair(t, m, mobile).RefreshToken,
				"alone":   access(t, m, mobile),
			} {
				_, err := m.Verify(ctx, raw, jot.AccessOrRefresh(), mobile)
				require.NoError(t, err, which)
				got := ask(m.LogoutHandler(), raw)
				require.Equal(t, http.StatusNoContent, got.Code, got.Body.String())
				_, err = m.Verify(ctx, raw, jot.AccessOrRefresh(), mobile)
				require.ErrorIs(t, err, jot.ErrRevoked, which)
			}
		})
	}
}

// ask posts a token to a handler.
func ask(h http.Handler, raw string) *answer {
	r := bearer(raw)
	r.Method = http.MethodPost
	return answerOf(h, r)
}
