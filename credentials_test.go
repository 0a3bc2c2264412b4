package jot_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// What net/http cannot read, it leaves out without a word: a cookie with a byte too many, a parameter with a semicolon,
// all of them when there are very many. It is there all the same, and whoever stands before or behind may read it. So
// names are counted in the raw text: two of a name are one too many, and what is there but cannot be read is refused
// and not passed over, neither for the next place nor for nobody.
func TestRawCredentials(t *testing.T) {
	const (
		twice = "invalid_request" // which of them is meant is anybody's guess
		bad   = ""                // refused in whatever words, or read after all
		good  = "good"
	)
	for _, tc := range []struct {
		at   jot.Location
		text string // of the Cookie header, or the query; TOKEN is alice's
		want string
	}{
		{jot.InCookie, `access_token=TOKEN`, good},
		{jot.InCookie, `access_token=TOKEN; other=x"y`, good},
		{jot.InCookie, `access_token=TOKEN; xaccess_token=x"y; access_token2=x"y`, good},
		{jot.InCookie, `access_token=TOKEN; access_token=x"y`, twice},
		{jot.InCookie, `access_token=x"y; access_token=TOKEN`, twice},
		{jot.InCookie, `access_token=x\y; access_token=TOKEN`, twice},
		{jot.InCookie, `access_token=TOKEN; access_token="x`, twice},
		{jot.InCookie, "access_token=TOKEN; access_token=caf\xc3\xa9", twice},
		{jot.InCookie, "access_token=\xff; access_token=TOKEN", twice},
		{jot.InCookie, "access_token=TOKEN; a=b; access_token=x\ty", twice},
		{jot.InCookie, `access_token=TOKEN;access_token =x"y`, twice},
		{jot.InCookie, "access_token=TOKEN\r\nother=1; access_token=x\"y", twice}, // two fields
		{jot.InCookie, "other=1\r\naccess_token=x\"y\r\naccess_token=TOKEN", twice},
		{jot.InCookie, `access_token=TOKEN"`, bad},
		{jot.InCookie, `access_token="TOKEN`, bad},
		{jot.InCookie, `other=1; access_token=x\y`, bad},
		{jot.InCookie, "access_token=TOKEN\xc3\xa9", bad},
		{jot.InCookie, "other=1\r\naccess_token=x\"y", bad},
		{jot.InCookie, `access_token=x"y; access_token=x"y`, twice},
		{jot.InCookie, strings.Repeat("a=;", 3000) + `access_token=TOKEN`, bad},
		{jot.InCookie, strings.Repeat("a=;", 3000) + `access_token=TOKEN; access_token=TOKEN`, twice},

		{jot.InQuery, "access_token=TOKEN", good},
		{jot.InQuery, "q=50%&access_token=TOKEN", good},
		{jot.InQuery, "q=a;b&access_token=TOKEN", good},
		{jot.InQuery, "access_token=TOKEN&access_token=a;b", twice},
		{jot.InQuery, "access_token=a;b&access_token=TOKEN", twice},
		{jot.InQuery, "access_token=TOKEN&access_token=%zz", twice},
		{jot.InQuery, "access_token=%&access_token=TOKEN", twice},
		{jot.InQuery, "access_token=TOKEN&access%5Ftoken=%zz", twice}, // the name in another spelling
		{jot.InQuery, "access_token=TOKEN&a=b;access_token=c", twice}, // for those who part by semicolons
		{jot.InQuery, "access_token=TOKEN;access_token=c", twice},
		{jot.InQuery, "access_token=TOKEN;a=b", bad},
		{jot.InQuery, "a=b;access_token=TOKEN", bad},
		{jot.InQuery, "access_token=TOKEN%", bad},
		{jot.InQuery, "access_token=%zz", bad},
		{jot.InQuery, "access%5ftoken=TOKEN%z0", bad},
		{jot.InQuery, strings.Repeat("&", 10000) + "access_token=TOKEN", bad},
		{jot.InQuery, strings.Repeat("&", 10000) + "access_token=TOKEN&access_token=TOKEN", twice},
	} {
		name := tc.text
		if len(name) > 100 {
			name = "… " + name[len(name)-60:]
		}
		t.Run(name, func(t *testing.T) {
			m := newManager(t, jot.WithCookies(shortNames), jot.WithLocations(tc.at, jot.InHeader))
			text := strings.ReplaceAll(tc.text, "TOKEN", access(t, m))
			other, err := m.CreateAccessToken(ctx, "bob")
			require.NoError(t, err)
			request := func() *http.Request {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				if tc.at == jot.InCookie {
					r.Header["Cookie"] = strings.Split(text, "\r\n")
				} else {
					r.URL.RawQuery = text
				}
				return r
			}
			beside := request()
			beside.Header.Set("Authorization", "Bearer "+other)
			for which, got := range map[string]*answer{
				"alone":                        send(m.Required(), request()),
				"where nobody need log in":     send(m.Required(jot.Optional()), request()),
				"beside another in the header": send(m.Required(), beside),
			} {
				switch {
				case tc.want == good || tc.want == bad && got.called:
					require.True(t, got.called, which)
					require.NotNil(t, got.token, which)
					require.Equal(t, "alice", got.token.Subject, which)
				case tc.want == twice:
					require.False(t, got.called, which)
					require.Equal(t, twice, got.code(t), which)
				default:
					require.Contains(t, []string{"invalid_request", "token_invalid"}, got.code(t), which)
				}
			}
		})
	}
}

var shortNames = jot.CookieConfig{AccessName: "access_token", RefreshName: "refresh_token"}

// The refresh cookie is counted like the other.
func TestRawRefreshCookies(t *testing.T) {
	m := newManager(t, jot.WithCookies(shortNames))
	raw := pair(t, m).RefreshToken
	for text, want := range map[string]string{
		"refresh_token=" + raw + `; access_token=x"y`:                     "",
		"refresh_token=" + raw + `; refresh_token=x"y`:                    "invalid_request",
		`refresh_token=x"y; refresh_token=` + raw:                         "invalid_request",
		"refresh_token=" + raw + "; refresh_token=" + raw + `; other=x"y`: "invalid_request",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", text)
		got := send(m.Required(jot.Refresh()), r)
		require.Equal(t, want == "", got.called)
		if want != "" {
			require.Equal(t, want, got.code(t))
		}
	}
}
