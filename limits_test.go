package jot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// sized is a token that holds and has exactly so many bytes: a longer name of the header where base64 leaves a gap.
func sized(t testing.TB, bytes int) string {
	t.Helper()
	for extra := range 4 {
		header := `{"alg":"HS256","x":"` + strings.Repeat("x", extra) + `"}`
		short := len(forge(t, header, with(`"y":""`)))
		for size := (bytes - short) * 3 / 4; size < bytes-short; size++ {
			raw := forge(t, header, with(`"y":"`+strings.Repeat("y", size)+`"`))
			if len(raw) == bytes {
				return raw
			}
			if len(raw) > bytes {
				break
			}
		}
	}
	t.Fatalf("no token has %d bytes", bytes)
	return ""
}

// 8 KiB are read, and not a byte more, wherever the token is.
func TestLimitOfATokenThatComes(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InQuery, jot.InBody, jot.InCookie))
	for bytes, good := range map[int]bool{8191: true, 8192: true, 8193: false, 8194: false} {
		raw := sized(t, bytes)
		_, err := m.Verify(ctx, raw)
		require.Equal(t, good, err == nil, "%d: %v", bytes, err)
		if !good {
			require.ErrorIs(t, err, jot.ErrInvalid)
			require.ErrorContains(t, err, "longer than 8 KiB")
		}
		inCookie := httptest.NewRequest(http.MethodGet, "/", nil)
		inCookie.AddCookie(&http.Cookie{Name: "__Host-access_token", Value: raw})
		inBody := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"access_token":"`+raw+`"}`))
		inBody.Header.Set("Content-Type", "application/json")
		for _, r := range []*http.Request{bearer(raw), inCookie, inBody, httptest.NewRequest(http.MethodGet, "/?access_token="+raw, nil)} {
			got := send(m.Required(), r)
			require.Equal(t, good, got.called, "%d: %s", bytes, got.Body)
			if !good {
				require.Equal(t, "token_invalid", got.code(t))
			}
		}
	}
}

// What is made is what is read: 8 KiB, and not a byte more.
func TestLimitOfATokenThatIsMade(t *testing.T) {
	m := newManager(t)
	made, refused := map[int]bool{}, map[string]bool{}
	for size := range 400 {
		raw, err := m.CreateAccessToken(ctx, "alice", jot.Claim("x", strings.Repeat("x", 5850+size/4)), jot.HeaderParam("y", strings.Repeat("y", size%4)))
		if err == nil {
			made[len(raw)] = true
		} else {
			refused[err.Error()] = true
		}
	}
	require.True(t, made[8192])
	require.False(t, made[8193])
	require.Contains(t, fmt.Sprint(refused), "access token of 8193 bytes")
	require.NotContains(t, fmt.Sprint(refused), "of 8192 bytes")
}

// 64 KiB of a body are looked at, and not a byte more, be it for a token or for the value against CSRF.
func TestLimitOfABody(t *testing.T) {
	m := newManager(t, jot.WithLocations(jot.InBody))
	cookies := newManager(t, jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}))
	p := pair(t, cookies)
	raw := access(t, m)
	padded := func(before, after string, bytes int) string {
		return before + strings.Repeat("x", bytes-len(before)-len(after)) + after
	}
	for bytes, good := range map[int]bool{65535: true, 65536: true, 65537: false, 65538: false} {
		for kind, text := range map[string]string{
			"application/json":                  padded(`{"access_token":"`+raw+`","x":"`, `"}`, bytes),
			"application/vnd.x+json":            padded(`{"x":"`, `","access_token":"`+raw+`"}`, bytes),
			"application/x-www-form-urlencoded": padded("x=", "&access_token="+raw, bytes),
		} {
			require.Len(t, text, bytes)
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
			r.Header.Set("Content-Type", kind)
			got := send(m.Required(), r)
			require.Equal(t, good, got.called, "%s of %d: %s", kind, bytes, got.Body)
			if !good {
				require.Equal(t, "invalid_request", got.code(t))
			}
		}
		r := httptest.NewRequest(http.MethodPost, "https://app.example/", strings.NewReader(padded("x=", "&csrf="+p.CSRFToken, bytes)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(&http.Cookie{Name: "__Host-access_token", Value: p.AccessToken})
		got := send(cookies.Required(), r)
		require.Equal(t, good, got.called, "a form of %d: %s", bytes, got.Body)
		if !good {
			require.Equal(t, "invalid_request", got.code(t))
		}
	}
}

// 32 objects and arrays may be open at once, in what comes and in what is made, payload and header.
func TestLimitOfDepth(t *testing.T) {
	m := newManager(t)
	nested := func(n int) json.RawMessage {
		return json.RawMessage(strings.Repeat(`[`, n) + strings.Repeat(`]`, n))
	}
	objects := func(n int) json.RawMessage {
		return json.RawMessage(strings.Repeat(`{"a":`, n) + `0` + strings.Repeat(`}`, n))
	}
	for depth, good := range map[int]bool{31: true, 32: true, 33: false} {
		for _, v := range []json.RawMessage{nested(depth - 1), objects(depth - 1)} {
			for _, opt := range []jot.TokenOption{jot.Claim("x", v), jot.Claims(map[string]any{"x": v}), jot.HeaderParam("x", v)} {
				raw, err := m.CreateAccessToken(ctx, "alice", opt)
				require.Equal(t, good, err == nil, "made, %d: %v", depth, err)
				if good {
					_, err = m.Verify(ctx, raw)
					require.NoError(t, err)
				}
			}
			for _, raw := range []string{forge(t, ourHeader, with(`"x":`+string(v))), forge(t, `{"alg":"HS256","x":`+string(v)+`}`, `{`+sound+`}`)} {
				_, err := m.Verify(ctx, raw)
				require.Equal(t, good, err == nil, "read, %d: %v", depth, err)
			}
		}
	}
}

// Bytes count, not characters.
func TestLimitOfNames(t *testing.T) {
	m := newManager(t, jot.WithStore(memstore.New(memstore.Since(time.Time{}))))
	for name, good := range map[string]bool{
		"": false, "x": true, strings.Repeat("x", 255): true, strings.Repeat("x", 256): false,
		strings.Repeat("é", 127) + "x": true, strings.Repeat("é", 128): false, strings.Repeat("😀", 63) + "éx": true, strings.Repeat("😀", 64): false,
	} {
		raw, err := m.CreateAccessToken(ctx, name)
		require.Equal(t, good, err == nil, "a subject of %d bytes", len(name))
		_, pairErr := m.CreatePair(ctx, name)
		require.Equal(t, good, pairErr == nil)
		if good {
			token, err := m.Verify(ctx, raw)
			require.NoError(t, err)
			require.Equal(t, name, token.Subject)
		}
	}
	for name, good := range map[string]bool{
		"": false, "x": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, strings.Repeat("é", 32): true, strings.Repeat("é", 32) + "x": false,
	} {
		raw, err := m.CreateToken(ctx, "alice", jot.Type(name))
		require.Equal(t, good, err == nil, "a type of %d bytes", len(name))
		_, err = m.Verify(ctx, raw, jot.Type(name))
		require.Equal(t, good, err == nil)
		if good {
			require.True(t, send(m.Required(jot.Type(name)), bearer(raw)).called)
		} else {
			require.Panics(t, func() { m.Required(jot.Type(name)) })
		}
	}
	for id, good := range map[string]bool{
		strings.Repeat("x", 256): true, strings.Repeat("x", 257): false, strings.Repeat("é", 128): true, strings.Repeat("é", 128) + "x": false,
	} {
		_, err := jot.New(jot.HS256(secret).WithID(id))
		require.Equal(t, good, err == nil, "a kid of %d bytes", len(id))
	}
	for label, want := range map[string]string{
		strings.Repeat("x", 255): strings.Repeat("x", 255), strings.Repeat("x", 256): strings.Repeat("x", 256), strings.Repeat("x", 257): strings.Repeat("x", 256),
		strings.Repeat("é", 128): strings.Repeat("é", 128), strings.Repeat("é", 127) + "xé": strings.Repeat("é", 127) + "x",
	} {
		p, err := m.CreatePair(ctx, "labelled", jot.Label(label))
		require.NoError(t, err)
		sessions, err := m.Sessions(ctx, "labelled")
		require.NoError(t, err)
		require.Equal(t, want, sessions[0].Label)
		require.NoError(t, m.RevokeSessionByID(ctx, "labelled", p.SessionID))
	}
}

// 4096 bytes of name and value are what browsers keep.
func TestLimitOfACookie(t *testing.T) {
	p := pair(t, newManager(t, jot.WithCookies(jot.CookieConfig{})))
	for bytes, good := range map[int]bool{4095: true, 4096: true, 4097: false} {
		for _, refresh := range []bool{false, true} {
			raw, config := p.AccessToken, jot.CookieConfig{}
			name := &config.AccessName
			if refresh {
				raw, name = p.RefreshToken, &config.RefreshName
			}
			*name = strings.Repeat("n", bytes-len(raw))
			m := newManager(t, jot.WithCookies(config))
			w := httptest.NewRecorder()
			err := m.SetCookies(w, p)
			require.Equal(t, good, err == nil, "%d: %v", bytes, err)
			if !good {
				require.ErrorContains(t, err, "would have 4097 bytes, browsers keep 4096")
				require.Empty(t, lines(w))
				continue
			}
			longest := 0
			for _, cookie := range w.Result().Cookies() {
				longest = max(longest, len(cookie.Name)+len(cookie.Value))
			}
			require.Equal(t, bytes, longest)
		}
	}
}

// The least and the most that a setting takes, and what lies just beyond.
func TestLimitsOfSettings(t *testing.T) {
	const century, year400 = 100 * 365 * 24 * time.Hour, 400 * 24 * time.Hour
	store := func(opt jot.Option) jot.Option { return jot.Options(jot.WithStore(memstore.New()), opt) }
	for _, tc := range []struct {
		name string
		opt  jot.Option
		good bool
	}{
		{"no leeway", jot.WithLeeway(0), true},
		{"leeway below none", jot.WithLeeway(-1), false},
		{"the most leeway", jot.WithLeeway(5 * time.Minute), true},
		{"more leeway", jot.WithLeeway(5*time.Minute + 1), false},
		{"no grace", store(jot.WithRotationGrace(0)), true},
		{"grace below none", store(jot.WithRotationGrace(-1)), false},
		{"the most grace", store(jot.WithRotationGrace(time.Minute)), true},
		{"more grace", store(jot.WithRotationGrace(time.Minute + 1)), false},
		{"one session", store(jot.WithMaxSessions(1)), true},
		{"no session", store(jot.WithMaxSessions(0)), false},
		{"a second of access", jot.WithAccessTTL(time.Second), true},
		{"less than a second of access", jot.WithAccessTTL(time.Second - 1), false},
		{"more than a second of access", jot.WithAccessTTL(time.Second + 1), false},
		{"a century of access", jot.WithAccessTTL(century), true},
		{"more than a century of access", jot.WithAccessTTL(century + time.Second), false},
		{"a second of refreshing", jot.WithRefreshTTL(time.Second), true},
		{"less than a second of refreshing", jot.WithRefreshTTL(time.Second - 1), false},
		{"a century of refreshing", jot.WithRefreshTTL(century), true},
		{"more than a century of refreshing", jot.WithRefreshTTL(century + time.Second), false},
		{"a session as long as its refresh token", jot.WithSessionTTL(30 * 24 * time.Hour), true},
		{"a session shorter than that", jot.WithSessionTTL(30*24*time.Hour - time.Second), false},
		{"as long as a store remembers", store(jot.WithAccessTTL(year400)), true},
		{"longer than that", store(jot.WithAccessTTL(year400 + time.Second)), false},
	} {
		_, err := jot.New(jot.HS256(secret), tc.opt)
		require.Equal(t, tc.good, err == nil, "%s: %v", tc.name, err)
	}
	for _, tc := range []struct {
		key  jot.Key
		good bool
	}{
		{jot.HS256(secret[:32]), true},
		{jot.HS256(secret[:31]), false},
		{jot.HS384(secret[:48]), true},
		{jot.HS384(secret[:47]), false},
		{jot.HS512(secret[:64]), true},
		{jot.HS512(secret[:63]), false},
	} {
		_, err := jot.New(tc.key)
		require.Equal(t, tc.good, err == nil, tc.key)
	}
	m := newManager(t)
	for age, good := range map[time.Duration]bool{time.Second: true, time.Second - 1: false} {
		_, err := m.Verify(ctx, "x", jot.MaxAge(age))
		require.Equal(t, good, codeOf(err) == "token_invalid")
	}
	for _, f := range []func(time.Duration) jot.TokenOption{jot.ExpiresIn, jot.FreshFor} {
		for life, good := range map[time.Duration]bool{time.Second: true, time.Second - 1: false, time.Second + 1: false, 0: false} {
			_, err := m.CreateAccessToken(ctx, "alice", f(life))
			require.Equal(t, good, err == nil, life)
		}
	}

	// One session more than there may be ends the first.
	for _, n := range []int{1, 2, 3} {
		w := newWorld(t, jot.WithMaxSessions(n))
		var pairs []*jot.Pair
		for range n {
			pairs = append(pairs, w.login(t))
			w.now = w.now.Add(time.Millisecond)
		}
		for _, p := range pairs {
			w.accepted(t, p)
		}
		w.login(t)
		w.refused(t, pairs[0], jot.ErrRevoked)
		for _, p := range pairs[1:] {
			w.accepted(t, p)
		}
	}
}
