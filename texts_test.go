package jot_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// The texts that a token may be made of, and those that must not be taken for them. A key of ours has signed each.

// named is n more members, the last one of the given name.
func named(n int, last string) string {
	var b strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&b, `"n%d":%d,`, i, i)
	}
	return b.String() + quoteJSON(last) + `:0`
}

// heading is a sound token whose header says more.
func heading(more string) maker { return headed(`{"alg":"HS256",` + more + `}`) }

// naming is a sound token of another subject.
func naming(subject string) maker {
	return holding(strings.Replace(`{`+sound+`}`, "alice", subject, 1))
}

// What a signed text may hold, and what it may not, through the front door.
func TestTexts(t *testing.T) {
	type rows = []struct {
		name  string
		token maker
		ends  verdict
	}
	invalid := refused(jot.ErrInvalid)
	for about, rows := range map[string]rows{
		"names": { // sound has 5
			{"17", claiming(named(12, "last")), passes},
			{"the 17th twice", claiming(named(12, "last") + `,"last":1`), invalid},
			{"the 17th as the 18th", claiming(named(12, "n0")), invalid},
			{"the first as the 17th", claiming(named(12, "sub")), invalid},
			{"65", claiming(named(60, "last")), passes},
			{"the 65th twice", claiming(named(60, "last") + `,"last":1`), invalid},
			{"the 65th twice by an escape", claiming(named(60, "last") + `,"\u006cast":1`), invalid},
			{"the first as the 65th", claiming(named(60, "sub")), invalid},
			{"the first as the 65th, deep", claiming(`"o":{` + named(65, "n0") + `}`), invalid},
			{"17 in a header", heading(named(16, "x")), passes},
			{"the 17th of a header twice", heading(named(16, "x") + `,"x":1`), invalid},
			{"alg as the 17th of a header", heading(named(16, "alg")), invalid},
		},
		"bytes": {
			{"0x80", claiming("\"x\":\"\x80\""), invalid},
			{"0x80 in a name", claiming("\"\x80\":1"), invalid},
			{"0x80 in the subject", naming("ali\x80ce"), invalid},
			{"0x80 behind the object", holding(`{` + sound + "}\x80"), invalid},
			{"0x80 in a header", heading("\"x\":\"\x80\""), invalid},
			{"0x80 as a kid", heading("\"kid\":\"\x80\""), invalid},
			{"U+0080", claiming("\"x\":\"\u0080\""), passes},
			{"0x7F", claiming("\"x\":\"\x7f\""), passes},
		},
		"siblings": { // depth is no count
			{"33", claiming(`"x":[` + strings.Repeat(`{},`, 32) + `{}]`), passes},
			{"33, each open to the limit", claiming(`"x":[` + strings.Repeat(nested(30)+`,`, 32) + `0]`), passes},
			{"33, the last too deep", claiming(`"x":[` + strings.Repeat(`[],`, 32) + nested(31) + `]`), invalid},
		},
		"surrogates": {
			{"a pair", claiming(`"x":"\ud83d\ude00"`), passes},
			{"half a pair, the first", claiming(`"x":"\ud83d"`), invalid},
			{"half a pair, the second", claiming(`"x":"\ude00"`), invalid},
			{"half a pair, twice", claiming(`"x":"\ud83d\ud83d"`), invalid},
			{"a pair the wrong way", claiming(`"x":"\ude00\ud83d"`), invalid},
			{"half a pair, then text like the other", claiming(`"x":"\ud83dude00"`), invalid},
			{"half a pair, then an escaped backslash", claiming(`"x":"\ud83d\\ude00"`), invalid},
			{"half a pair in a name", claiming(`"\ud83d":1`), invalid},
			{"half a pair in the subject", naming(`\ud83d`), invalid},
			{"half a pair in a header", heading(`"x":"\ud83d"`), invalid},
		},
		"numbers": {
			{"1e-1", claiming(`"x":1e-1,"y":[1E-1,-1.5e-10]`), passes},
			{"1e-", claiming(`"x":1e-`), invalid},
			{"1e-.1", claiming(`"x":1e-.1`), invalid},
			{"1e-1 as a date that is over", claiming(`"nbf":1e-1`), passes},
			{"1e-1 as auth_time", claiming(`"auth_time":1e-1`), passes},
		},
		"typ": { // "application/" has 12 bytes
			{"JWT, in full", heading(`"typ":"application/JWT"`), passes},
			{"the prefix alone", heading(`"typ":"application/"`), invalid},
			{"12 spaces", heading(`"typ":"            "`), invalid},
			{"12 control characters", heading(`"typ":"` + strings.Repeat(`\u0001`, 12) + `"`), invalid},
			{"12 bytes beyond ASCII", heading(`"typ":"éééééé"`), invalid},
			{"12 bytes that fold to the prefix", heading(`"typ":"applicat\u0131on"`), invalid},
			{"12 bytes and JWT", heading(`"typ":"applicationxJWT"`), invalid},
			{"12 bytes beyond ASCII and JWT", heading(`"typ":"ééééééJWT"`), invalid},
			{"12 bytes that do not end in a slash", heading(`"typ":"JWT         "`), invalid},
		},
	} {
		for _, tc := range rows {
			t.Run(about+": "+tc.name, row{tc.name, required(), tc.token, tc.ends}.run)
		}
	}

	api := where(jot.WithAudience("api", "web"))
	run(t, []row{
		{"aud by its first name", api, claiming(`"aud":["api","x","y"]`), passes},
		{"aud by its last name only", api, claiming(`"aud":["x","y","web"]`), passes},
		{"aud by its last name only, and the last accepted", api, claiming(`"aud":["x","web"]`), passes},
		{"aud by no name", api, claiming(`"aud":["x","y","z"]`), invalid},
		{"aud by a name that begins like its last", api, claiming(`"aud":["x","webb"]`), invalid},
	})

	m := newManager(t)
	raw := access(t, m)
	for _, place := range []int{0, 5, len(raw) / 2, len(raw) - 1} {
		_, err := m.Verify(ctx, raw[:place]+"\x80"+raw[place+1:])
		require.ErrorIs(t, err, jot.ErrInvalid, "byte 0x80 in the text itself")
	}
}

// Texts that resemble others: a content type, scopes, and dates that are nearly over.
func TestStrictTexts(t *testing.T) {
	invalid, expired := refused(jot.ErrInvalid), refused(jot.ErrExpired)
	pad := strings.Repeat("0", 40)
	for _, tc := range []struct {
		name  string
		token maker
		ends  verdict
	}{
		{"cty of a nested token", headed(`{"alg":"HS256","cty":"JWT"}`), invalid},
		{"cty, typ too", headed(`{"alg":"HS256","typ":"JWT","cty":"JWT"}`), invalid},
		{"cty in lower case", headed(`{"alg":"HS256","cty":"application/jwt"}`), invalid},
		{"cty of anything", headed(`{"alg":"HS256","cty":"json"}`), invalid},
		{"cty null", headed(`{"alg":"HS256","cty":null}`), invalid},
		{"cty in the payload", claiming(`"cty":"JWT"`), passes},
		{"a scope of two", claiming(`"scope":["read write"]`), invalid},
		{"a scope with a space", claiming(`"scope":["read","write "]`), invalid},
		{"an empty scope", claiming(`"scope":[""]`), invalid},
		{"a scope with a quote", claiming(`"scope":["re\"ad"]`), invalid},
		{"a scope with a tab", claiming(`"scope":"read\twrite"`), invalid},
		{"a scope beyond ASCII", claiming(`"scope":"lesen schreiben größer"`), invalid},
		{"scopes", claiming(`"scope":["read","write"]`), passes},
		{"no scopes", claiming(`"scope":[]`), passes},

		// Leeway is 30 s, the clock stands at 1893456000: 1893455970 is over, and a fraction more is no second more.
		{"the last second", dated(`"exp":1893455971`), passes},
		{"over", dated(`"exp":1893455970`), expired},
		{"over by a hair", dated(`"exp":1893455970.99999999`), expired},
		{"over by less than a float64 tells", dated(`"exp":1893455970.999999999999`), expired},
		{"over, by an exponent", dated(`"exp":18934559709999999999999e-13`), expired},
		{"over, by a negative exponent", dated(`"exp":1e-1`), expired},
		{"nbf at the edge", claiming(`"nbf":1893456030.` + pad), passes},
		{"nbf a hair beyond", claiming(`"nbf":1893456030.` + pad + `1`), invalid},
		{"iat a hair beyond", dated(`"exp":1893456900,"iat":1893456030.` + pad + `1`), invalid},
		{"the last date", dated(`"exp":253402300799`), passes},
		{"the last date, in another spelling", dated(`"exp":2.53402300799000e+11`), passes},
		{"a hair after the last date", dated(`"exp":253402300799.00001`), invalid},
		{"less than a float64 tells after it", dated(`"exp":253402300799.` + pad + `1`), invalid},
		{"a hair before 1970", claiming(`"auth_time":-0.` + pad + `1`), invalid},
		{"before 1970, by an exponent", claiming(`"auth_time":-1e-400`), invalid},
		{"an exponent of twenty digits", claiming(`"nbf":1e99999999999999999999`), invalid},
		{"a date of a thousand digits", claiming(`"nbf":` + strings.Repeat("9", 1000)), invalid},
		{"nothing, by twenty digits", claiming(`"nbf":0e99999999999999999999`), passes},
	} {
		t.Run(tc.name, row{tc.name, required(), tc.token, tc.ends}.run)
	}
}

// A scope that is none may not become two on its way through a session.
func TestScopesDoNotWidenThroughASession(t *testing.T) {
	m := newManager(t)
	for _, scope := range []string{`["read write"]`, `["read","x write"]`, `"read\twrite"`, `"read\u00a0write"`} {
		token, err := m.Verify(ctx, forge(t, ourHeader, with(`"sid":"s","scope":`+scope)))
		require.ErrorIs(t, err, jot.ErrInvalid, scope)
		require.Nil(t, token)
	}
}

// Each character that JSON has to escape, alone: beside another one, the other may have it escaped.
func TestWhatIsMintedIsJSON(t *testing.T) {
	odd := []string{
		`"`, `\`, `\"`, `"}`, `","sub":"mallory`, `\u0061`, "a\\", "\x7f", "<", ">", "&", "'", "/",
		"\u0080", "\u2028", "\u2029", "\ufffd", "é", "😀",
	}
	for c := range rune(' ') {
		odd = append(odd, string(c))
	}
	// read verifies a token, and has others read it too.
	read := func(t *testing.T, m *jot.Manager, raw string, demands ...jot.Demand) (*jot.Token, jwt.MapClaims) {
		token := accepted(t, m, raw, demands...)
		claims := jwt.MapClaims{}
		_, _, err := jwt.NewParser().ParseUnverified(raw, claims)
		require.NoError(t, err)
		payload, err := jwt.NewParser().DecodeSegment(strings.Split(raw, ".")[1])
		require.NoError(t, err)
		require.True(t, json.Valid(payload))
		return token, claims
	}
	for _, name := range odd {
		t.Run(quoteJSON(name), func(t *testing.T) {
			store := jot.WithStore(memstore.New(memstore.Since(time.Time{})))
			m := newManager(t, jot.WithIssuer(name), jot.WithAudience(name), store)
			subject := name
			odd := func(r rune) bool { return unicode.IsControl(r) || r == '\ufffd' }
			if strings.ContainsFunc(name, odd) {
				_, err := m.CreatePair(ctx, name)
				require.EqualError(t, err, "jot: the subject: it has a control character or U+FFFD, "+
					"as string makes them of a number: write that by strconv.Itoa")
				subject = "alice"
			}
			p, err := m.CreatePair(ctx, subject, jot.Claim(name, name), jot.Label(name))
			require.NoError(t, err)
			link, err := m.CreateToken(ctx, subject, jot.Type(name), jot.Audience("x", name))
			require.NoError(t, err)
			lone, err := m.CreateAccessToken(ctx, subject, jot.HeaderParam(name, name))
			require.NoError(t, err)
			next, err := m.Rotate(ctx, accepted(t, m, p.RefreshToken, jot.Refresh()))
			require.NoError(t, err)
			refresh, typed := []jot.Demand{jot.Refresh()}, []jot.Demand{jot.Type(name)}
			for _, tc := range []struct {
				raw     string
				demands []jot.Demand
				claims  bool // the claim of this name
			}{
				{p.AccessToken, nil, true},
				{p.RefreshToken, refresh, true},
				{next.AccessToken, nil, true},
				{next.RefreshToken, refresh, true},
				{link, typed, false},
				{lone, nil, false},
			} {
				token, claims := read(t, m, tc.raw, tc.demands...)
				require.Equal(t, subject, token.Subject)
				require.Equal(t, name, token.Issuer)
				require.Contains(t, token.Audience, name)
				require.Equal(t, subject, claims["sub"])
				require.Equal(t, name, claims["iss"])
				require.Equal(t, token.Type, claims["type"])
				if tc.claims {
					require.Equal(t, name, claims[name])
				}
			}
			token, _ := read(t, m, lone)
			value, ok := token.Header(name)
			require.True(t, ok)
			require.Equal(t, name, value)
			sessions, err := m.Sessions(ctx, subject)
			require.NoError(t, err)
			require.Len(t, sessions, 1)
			require.NoError(t, m.RevokeSubject(ctx, subject))
			_, err = m.Verify(ctx, next.AccessToken)
			require.ErrorIs(t, err, jot.ErrRevoked)
		})
	}
}
