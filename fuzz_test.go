package jot_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// FuzzVerify signs whatever header and payload come, and reads whatever text comes. What is accepted, golang-jwt
// accepts too, and its text is the one text of its content.
func FuzzVerify(f *testing.F) {
	for _, header := range []string{
		ourHeader,
		`{"alg":"HS256"}`,
		`{"alg":"none"}`,
		`{"alg":"HS256","kid":"1"}`,
		`{"alg":"HS256","crit":["b64"],"b64":false}`,
		`{ "typ":"jwt","alg":"HS256"}`,
	} {
		for _, payload := range []string{
			`{` + sound + `}`,
			with(`"nbf":1.5e9,"aud":["a"],"scope":"a b","fresh":true`),
			with(`"sub":"b"`),
			with(`"x":{"a":[1,null,"\ud83d\ude00"]}`),
			`{"exp":1e19}`,
			`[]`,
			"",
		} {
			f.Add(header, payload, "")
		}
	}
	f.Add("", "", "a.b.c")
	f.Add("", "", strings.Repeat(".", 9000))
	m := newManager(f, jot.WithAudience("a"))
	open := newManager(f)
	oracle := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(30*time.Second), jwt.WithTimeFunc(func() time.Time { return now }))
	f.Fuzz(func(t *testing.T, header, payload, raw string) {
		if raw == "" {
			raw = forge(t, header, payload)
		}
		for _, m := range []*jot.Manager{m, open} {
			token, err := m.Verify(ctx, raw, jot.AccessOrRefresh())
			if err != nil {
				require.Nil(t, token)
				require.Equal(t, err.Error(), strings.ToValidUTF8(err.Error(), ""), "a defect quotes the token")
				continue
			}
			claims := jwt.MapClaims{}
			_, err = oracle.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return secret, nil })
			require.NoError(t, err)
			require.Equal(t, claims["sub"], token.Subject)
			require.Equal(t, claims["jti"], token.ID)
			for part := range strings.SplitSeq(raw, ".") {
				text, err := base64.RawURLEncoding.DecodeString(part)
				require.NoError(t, err)
				require.Equal(t, part, base64.RawURLEncoding.EncodeToString(text))
			}
			var all map[string]any
			require.NoError(t, token.Claims(&all))
			_, err = json.Marshal(all)
			require.NoError(t, err)
		}
	})
}

// FuzzRequired takes any Authorization field: it is answered, by a status of ours, and never with what it says.
func FuzzRequired(f *testing.F) {
	for _, field := range []string{
		"", "Bearer", "Bearer ", "bearer a.b.c", "Basic x", "Bearer a b", "Bearer\t", "Bearer =",
		strings.Repeat("Bearer ", 100),
	} {
		f.Add(field)
	}
	m := newManager(f)
	guard := m.Required()
	f.Fuzz(func(t *testing.T, field string) {
		r := bearer("")
		r.Header["Authorization"] = []string{field}
		got := send(guard, r)
		require.False(t, got.called)
		require.Contains(t, []int{400, 401}, got.Code)
		if len(field) > 20 {
			require.NotContains(t, got.Body.String(), field)
		}
	})
}

// FuzzLocations takes any cookies, query and body: they are answered, by a status of ours, and the body stays what it
// was.
func FuzzLocations(f *testing.F) {
	for _, kind := range []string{
		"application/json", "x/y+json; charset", urlencoded, withFiles, "multipart/form-data",
	} {
		for _, body := range []string{
			"",
			`{"access_token":"a.b.c"}`,
			"access_token=a.b.c&csrf=x",
			part("csrf", "x") + "--B--",
			"[[[",
		} {
			f.Add(`__Host-access_token=a.b.c; x="y"`, "access_token=a.b.c", kind, body)
		}
	}
	f.Add("__Host-access_token=a; __Host-access_token=b", "%zz;&=", "", "x")
	m := newManager(f, jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}),
		jot.WithLocations(jot.InCookie, jot.InQuery, jot.InBody))
	guards := []func(http.Handler) http.Handler{
		m.Required(),
		m.Required(jot.Refresh()),
		m.Required(jot.Locations(jot.InBody)),
		m.Required(jot.Locations(jot.InQuery)),
	}
	f.Fuzz(func(t *testing.T, cookie, query, kind, body string) {
		for _, guard := range guards {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header = http.Header{"Cookie": {cookie}, "Content-Type": {kind}}
			got := send(guard, r)
			require.False(t, got.called)
			require.Contains(t, []int{400, 401, 403}, got.Code)
			rest, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, body, string(rest))
		}
	})
}
