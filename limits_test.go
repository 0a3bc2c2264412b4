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
	everywhere := jot.WithLocations(jot.InHeader, jot.InQuery, jot.InBody, jot.InCookie)
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), everywhere)
	for bytes, good := range map[int]bool{8191: true, 8192: true, 8193: false, 8194: false} {
		raw := sized(t, bytes)
		_, err := m.Verify(ctx, raw)
		require.Equal(t, good, err == nil, "%d: %v", bytes, err)
		if !good {
			require.ErrorIs(t, err, jot.ErrInvalid)
			require.ErrorContains(t, err, "longer than 8 KiB")
		}
		for place, r := range map[string]*http.Request{
			"header": bearer(raw),
			"cookie": newBrowser(t).request("GET", "/", addCookie("__Host-access_token", raw)),
			"body":   posted("/", setBody("application/json", `{"access_token":"`+raw+`"}`)),
			"URL":    httptest.NewRequest("GET", "/?access_token="+raw, nil),
		} {
			got := send(m.Required(), r)
			require.Equal(t, good, got.called, "%d in the %s: %s", bytes, place, got.Body)
			if !good {
				require.Equal(t, "token_invalid", got.code(t), place)
			}
		}
	}
}

// What is made is what is read: 8 KiB, and not a byte more.
func TestLimitOfATokenThatIsMade(t *testing.T) {
	m := newManager(t)
	made, refused := map[int]bool{}, map[string]bool{}
	for size := range 400 {
		claim := jot.Claim("x", strings.Repeat("x", 5850+size/4))
		param := jot.HeaderParam("y", strings.Repeat("y", size%4))
		raw, err := m.CreateAccessToken(ctx, "alice", claim, param)
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
	inBody := newManager(t, jot.WithLocations(jot.InBody))
	raw := access(t, inBody)
	cookies := newManager(t, jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}))
	b, p := newBrowser(t), pair(t, cookies)
	b.receive(cookies, p)
	const kindOfJSON = "application/vnd.x+json"
	for bytes, good := range map[int]bool{65535: true, 65536: true, 65537: false, 65538: false} {
		padded := func(before, after string) string {
			return before + strings.Repeat("x", bytes-len(before)-len(after)) + after
		}
		tokenFirst := padded(`{"access_token":"`+raw+`","x":"`, `"}`)
		tokenLast := padded(`{"x":"`, `","access_token":"`+raw+`"}`)
		tokenInForm, csrfInForm := padded("x=", "&access_token="+raw), padded("x=", "&csrf="+p.CSRFToken)
		for name, tc := range map[string]struct {
			m *jot.Manager
			r *http.Request
		}{
			"a token in JSON":           {inBody, posted("/", setBody("application/json", tokenFirst))},
			"a token in a kind of JSON": {inBody, posted("/", setBody(kindOfJSON, tokenLast))},
			"a token in a form":         {inBody, posted("/", setBody(urlencoded, tokenInForm))},
			"a CSRF value in a form":    {cookies, b.request("POST", "/", setBody(urlencoded, csrfInForm))},
		} {
			require.EqualValues(t, bytes, tc.r.ContentLength)
			got := send(tc.m.Required(), tc.r)
			require.Equal(t, good, got.called, "%s of %d: %s", name, bytes, got.Body)
			if !good {
				require.Equal(t, "invalid_request", got.code(t))
			}
		}
	}
}

// 32 objects and arrays may be open at once, in what comes and in what is made, payload and header.
func TestLimitOfDepth(t *testing.T) {
	m := newManager(t)
	objects := func(depth int) string { return strings.Repeat(`{"a":`, depth) + `0` + strings.Repeat(`}`, depth) }
	for depth, good := range map[int]bool{31: true, 32: true, 33: false} {
		for _, text := range []string{nested(depth - 1), objects(depth - 1)} { // in an object, which is open as well
			v := json.RawMessage(text)
			for _, opt := range list(jot.Claim("x", v), jot.Claims(map[string]any{"x": v}), jot.HeaderParam("x", v)) {
				raw, err := m.CreateAccessToken(ctx, "alice", opt)
				require.Equal(t, good, err == nil, "made, %d: %v", depth, err)
				if good {
					_, err = m.Verify(ctx, raw)
					require.NoError(t, err)
				}
			}
			for _, token := range []maker{claiming(`"x":` + text), heading(`"x":` + text)} {
				_, err := m.Verify(ctx, token(t, m))
				require.Equal(t, good, err == nil, "read, %d: %v", depth, err)
			}
		}
	}
}

// Bytes count, not characters.
func TestLimitOfNames(t *testing.T) {
	m := newManager(t, jot.WithStore(memstore.New(memstore.Since(time.Time{}))))
	many := func(character string) func(n int) string {
		return func(n int) string { return strings.Repeat(character, n) }
	}
	one, two, four := many("x"), many("é"), many("😀") // of so many bytes each

	for name, good := range map[string]bool{
		"": false, one(1): true, one(255): true, one(256): false,
		two(127) + one(1): true, two(128): false, four(63) + two(1) + one(1): true, four(64): false,
	} {
		raw, err := m.CreateAccessToken(ctx, name)
		require.Equal(t, good, err == nil, "a subject of %d bytes", len(name))
		_, pairErr := m.CreatePair(ctx, name)
		require.Equal(t, good, pairErr == nil)
		if good {
			require.Equal(t, name, accepted(t, m, raw).Subject)
		}
	}

	for name, good := range map[string]bool{
		"": false, one(1): true, one(64): true, one(65): false, two(32): true, two(32) + one(1): false,
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

	for id, good := range map[string]bool{one(256): true, one(257): false, two(128): true, two(128) + one(1): false} {
		_, err := jot.New(jot.HS256(secret).WithID(id))
		require.Equal(t, good, err == nil, "a kid of %d bytes", len(id))
	}

	// A label is cut, but not within a character.
	for label, want := range map[string]string{
		one(255): one(255), one(256): one(256), one(257): one(256),
		two(128): two(128), two(127) + one(1) + two(1): two(127) + one(1),
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
	const century, memory = 100 * 365 * 24 * time.Hour, 400 * 24 * time.Hour // a store's memory
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
		{"as long as a store remembers", store(jot.WithAccessTTL(memory)), true},
		{"longer than that", store(jot.WithAccessTTL(memory + time.Second)), false},
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
	for life, good := range map[time.Duration]bool{
		0: false, time.Second - 1: false, time.Second: true, time.Second + 1: false,
	} {
		for _, opt := range list(jot.ExpiresIn(life), jot.FreshFor(life)) {
			_, err := m.CreateAccessToken(ctx, "alice", opt)
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

// A header that our own guard refuses for its size is not written either.
func TestHeadersThatNobodyReadsAreNotMade(t *testing.T) {
	m := newManager(t)
	params := func(n int) jot.TokenOption {
		var all []jot.TokenOption
		for i := range n {
			all = append(all, jot.HeaderParam(fmt.Sprintf("x%d", i), i))
		}
		return jot.TokenOptions(all...)
	}
	accepted(t, m, access(t, m, params(62))) // with alg and typ 64
	for _, opt := range list(params(63), jot.HeaderParam("list", make([]int, 62)), params(300)) {
		raw, err := m.CreateAccessToken(ctx, "alice", opt)
		require.Error(t, err)
		require.Empty(t, raw)
	}
}

// Before anything is authentic, what a stranger writes costs next to nothing: neither names that nobody asks for nor
// long values.
func TestStrangersCostNothing(t *testing.T) {
	m := newManager(t)
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"name-number-%d":0`, i)
		}
		return b.String()
	}
	allocations := func(header string) float64 {
		raw := encode(header) + "." + encode(`{}`) + "." + encode("x")
		require.Less(t, len(raw), 8192)
		return testing.AllocsPerRun(100, func() { _, _ = m.Verify(ctx, raw) })
	}
	least := allocations(`{"alg":"HS256","x":0}`)
	for name, header := range map[string]string{
		"63 names":         `{"alg":"HS256"` + many(63) + `}`,
		"200 names":        `{"alg":"HS256"` + many(200) + `}`,
		"63 escaped names": `{"alg":"HS256"` + strings.ReplaceAll(many(63), "name", `\u006eame`) + `}`,
		"a long value":     `{"alg":"HS256","x":"` + strings.Repeat(`\u0041`, 900) + `"}`,
		"objects":          `{"alg":"HS256","x":[` + strings.Repeat(`{"a":{}},`, 500) + `0]}`,
	} {
		require.LessOrEqual(t, allocations(header), least+4, name)
	}
}
