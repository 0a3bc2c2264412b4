package jot_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// named is n more members, the last one of the given name.
func named(n int, last string) string {
	var b strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&b, `"n%d":%d,`, i, i)
	}
	return b.String() + quoteJSON(last) + `:0`
}

// What a signed text may hold, and what it may not, through the front door.
func TestTexts(t *testing.T) {
	header := func(more string) string { return `{"alg":"HS256",` + more + `}` }
	api := options(jot.WithAudience("api", "web"))
	for _, tc := range []struct {
		name            string
		options         []jot.Option
		header, payload string
		good            bool
	}{
		{name: "17 names", payload: with(named(12, "last")), good: true}, // sound has 5
		{name: "the 17th name twice", payload: with(named(12, "last") + `,"last":1`)},
		{name: "the 17th name as the 18th", payload: with(named(12, "n0"))},
		{name: "the first name as the 17th", payload: with(named(12, "sub"))},
		{name: "65 names", payload: with(named(60, "last")), good: true},
		{name: "the 65th name twice", payload: with(named(60, "last") + `,"last":1`)},
		{name: "the 65th name twice by an escape", payload: with(named(60, "last") + `,"\u006cast":1`)},
		{name: "the first name as the 65th", payload: with(named(60, "sub"))},
		{name: "the first name as the 65th, deep", payload: with(`"o":{` + named(65, "n0") + `}`)},
		{name: "17 names in a header", header: header(named(16, "x")), good: true},
		{name: "the 17th name of a header twice", header: header(named(16, "x") + `,"x":1`)},
		{name: "alg as the 17th name of a header", header: header(named(16, "alg"))},

		{name: "byte 0x80", payload: with("\"x\":\"\x80\"")},
		{name: "byte 0x80 in a name", payload: with("\"\x80\":1")},
		{name: "byte 0x80 in the subject", payload: strings.Replace(`{`+sound+`}`, "alice", "ali\x80ce", 1)},
		{name: "byte 0x80 behind the object", payload: `{` + sound + "}\x80"},
		{name: "byte 0x80 in a header", header: header("\"x\":\"\x80\"")},
		{name: "byte 0x80 as a kid", header: header("\"kid\":\"\x80\"")},
		{name: "U+0080", payload: with("\"x\":\"\u0080\""), good: true},
		{name: "byte 0x7F", payload: with("\"x\":\"\x7f\""), good: true},

		{name: "33 siblings", payload: with(`"x":[` + strings.Repeat(`{},`, 32) + `{}]`), good: true},
		{name: "33 siblings, each open to the limit", payload: with(`"x":[` + strings.Repeat(strings.Repeat("[", 30)+strings.Repeat("]", 30)+`,`, 32) + `0]`), good: true},
		{name: "33 siblings, the last too deep", payload: with(`"x":[` + strings.Repeat(`[],`, 32) + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `]`)},

		{name: "a pair", payload: with(`"x":"\ud83d\ude00"`), good: true},
		{name: "half a pair, the first", payload: with(`"x":"\ud83d"`)},
		{name: "half a pair, the second", payload: with(`"x":"\ude00"`)},
		{name: "half a pair, twice", payload: with(`"x":"\ud83d\ud83d"`)},
		{name: "a pair the wrong way", payload: with(`"x":"\ude00\ud83d"`)},
		{name: "half a pair, then text like the other", payload: with(`"x":"\ud83dude00"`)},
		{name: "half a pair, then an escaped backslash", payload: with(`"x":"\ud83d\\ude00"`)},
		{name: "half a pair in a name", payload: with(`"\ud83d":1`)},
		{name: "half a pair in the subject", payload: strings.Replace(`{`+sound+`}`, "alice", `\ud83d`, 1)},
		{name: "half a pair in a header", header: header(`"x":"\ud83d"`)},

		{name: "1e-1", payload: with(`"x":1e-1,"y":[1E-1,-1.5e-10]`), good: true},
		{name: "1e-", payload: with(`"x":1e-`)},
		{name: "1e-.1", payload: with(`"x":1e-.1`)},
		{name: "1e-1 as a date that is over", payload: with(`"nbf":1e-1`), good: true},
		{name: "1e-1 as auth_time", payload: with(`"auth_time":1e-1`), good: true},

		{name: "typ of JWT", header: header(`"typ":"application/JWT"`), good: true},
		{name: "typ of the prefix alone", header: header(`"typ":"application/"`)},
		{name: "typ of 12 spaces", header: header(`"typ":"            "`)},
		{name: "typ of 12 control characters", header: header(`"typ":"` + strings.Repeat(`\u0001`, 12) + `"`)},
		{name: "typ of 12 bytes beyond ASCII", header: header(`"typ":"éééééé"`)},
		{name: "typ of 12 bytes that fold to the prefix", header: header(`"typ":"applicat\u0131on"`)},
		{name: "typ of 12 bytes and JWT", header: header(`"typ":"applicationxJWT"`)},
		{name: "typ of 12 bytes beyond ASCII and JWT", header: header(`"typ":"ééééééJWT"`)},
		{name: "typ of 12 bytes that do not end in a slash", header: header(`"typ":"JWT         "`)},

		{name: "aud by its first name", options: api, payload: with(`"aud":["api","x","y"]`), good: true},
		{name: "aud by its last name only", options: api, payload: with(`"aud":["x","y","web"]`), good: true},
		{name: "aud by its last name only, and the last accepted", options: api, payload: with(`"aud":["x","web"]`), good: true},
		{name: "aud by no name", options: api, payload: with(`"aud":["x","y","z"]`)},
		{name: "aud by a name that begins like its last", options: api, payload: with(`"aud":["x","webb"]`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.header == "" {
				tc.header = ourHeader
			}
			if tc.payload == "" {
				tc.payload = `{` + sound + `}`
			}
			got := send(newManager(t, tc.options...).Required(), bearer(forge(t, tc.header, tc.payload)))
			require.Equal(t, tc.good, got.called, got.Body.String())
			if !tc.good {
				require.Equal(t, "token_invalid", got.code(t))
			}
		})
	}
	m := newManager(t)
	raw := access(t, m)
	for _, place := range []int{0, 5, len(raw) / 2, len(raw) - 1} {
		_, err := m.Verify(ctx, raw[:place]+"\x80"+raw[place+1:])
		require.ErrorIs(t, err, jot.ErrInvalid, "byte 0x80 in the text itself")
	}
}

// Each character that JSON has to escape, alone: beside another one, the other may have it escaped.
func TestWhatIsMintedIsJSON(t *testing.T) {
	odd := []string{`"`, `\`, `\"`, `"}`, `","sub":"mallory`, `\u0061`, "a\\", "\x7f", "<", ">", "&", "'", "/", "\u0080", "\u2028", "\u2029", "\ufffd", "é", "😀"}
	for c := range rune(' ') {
		odd = append(odd, string(c))
	}
	read := func(t *testing.T, m *jot.Manager, raw string, demands ...jot.Demand) (*jot.Token, jwt.MapClaims) {
		token, err := m.Verify(ctx, raw, demands...)
		require.NoError(t, err)
		claims := jwt.MapClaims{}
		_, _, err = jwt.NewParser().ParseUnverified(raw, claims) // by others
		require.NoError(t, err)
		payload, err := jwt.NewParser().DecodeSegment(strings.Split(raw, ".")[1])
		require.NoError(t, err)
		require.True(t, json.Valid(payload))
		return token, claims
	}
	for _, name := range odd {
		t.Run(quoteJSON(name), func(t *testing.T) {
			m := newManager(t, jot.WithIssuer(name), jot.WithAudience(name), jot.WithStore(memstore.New(memstore.Since(time.Time{}))))
			p, err := m.CreatePair(ctx, name, jot.Claim(name, name), jot.Label(name))
			require.NoError(t, err)
			link, err := m.CreateToken(ctx, name, jot.Type(name), jot.Audience("x", name))
			require.NoError(t, err)
			lone, err := m.CreateAccessToken(ctx, name, jot.HeaderParam(name, name))
			require.NoError(t, err)
			refresh, err := m.Verify(ctx, p.RefreshToken, jot.Refresh())
			require.NoError(t, err)
			next, err := m.Rotate(ctx, refresh)
			require.NoError(t, err)
			for raw, demands := range map[string][]jot.Demand{
				p.AccessToken: nil, p.RefreshToken: {jot.Refresh()}, next.AccessToken: nil, next.RefreshToken: {jot.Refresh()}, link: {jot.Type(name)}, lone: nil,
			} {
				token, claims := read(t, m, raw, demands...)
				require.Equal(t, name, token.Subject)
				require.Equal(t, name, token.Issuer)
				require.Contains(t, token.Audience, name)
				require.Equal(t, name, claims["sub"])
				require.Equal(t, name, claims["iss"])
				require.Equal(t, token.Type, claims["type"])
				if raw != link && raw != lone {
					require.Equal(t, name, claims[name])
				}
			}
			token, _ := read(t, m, lone)
			value, ok := token.Header(name)
			require.True(t, ok)
			require.Equal(t, name, value)
			sessions, err := m.Sessions(ctx, name)
			require.NoError(t, err)
			require.Len(t, sessions, 1)
			require.NoError(t, m.RevokeSubject(ctx, name))
			_, err = m.Verify(ctx, next.AccessToken)
			require.ErrorIs(t, err, jot.ErrRevoked)
		})
	}
}
