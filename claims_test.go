package jot_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

type (
	address struct {
		City string `json:"city"`
	}
	person struct {
		Named

		Sub  string             `json:"sub"`
		Home address            `json:"home"`
		Work *address           `json:"work"`
		Past []address          `json:"past"`
		More map[string]address `json:"more"`
	}
	// Named is embedded.
	Named struct {
		Name string `json:"name"`
	}
)

// What a claim is called decides, whatever else is called nearly so: at every depth, whatever it is decoded into.
func TestClaimsAsMatchesNamesExactly(t *testing.T) {
	const cities = `{"City":"x","CITY":"x"}`
	token := verified(t, `"Sub":"mallory","SUB":"mallory","Name":"mallory","NAME":"mallory","Home":{"city":"x"},"home":`+cities+
		`,"work":`+cities+`,"past":[`+cities+`,{"city":"Bonn","City":"x"}],"more":{"a":`+cities+`,"A":{"city":"Ulm"}},"MORE":{"a":{"city":"x"}}`)
	ctx := jot.NewContext(ctx, token)
	want := person{
		Sub: "alice", Work: &address{}, Past: []address{{}, {"Bonn"}}, More: map[string]address{"a": {}, "A": {"Ulm"}},
	}

	value, err := jot.ClaimsAs[person](ctx)
	require.NoError(t, err)
	require.Equal(t, want, value)
	pointer, err := jot.ClaimsAs[*person](ctx)
	require.NoError(t, err)
	require.Equal(t, &want, pointer, "a pointer to a pointer to a struct is a struct")
	twice, err := jot.ClaimsAs[**person](ctx)
	require.NoError(t, err)
	require.Equal(t, want, **twice)

	var held any = new(person)
	require.NoError(t, token.Claims(&held), "an any that holds a pointer is what it points to")
	require.Equal(t, &want, held)

	var home address
	require.NoError(t, token.Claim("home", &home))
	require.Zero(t, home)
	var past []*address
	require.NoError(t, token.Claim("past", &past))
	require.Equal(t, []*address{{}, {"Bonn"}}, past)
	more, err := jot.ClaimsAs[map[string]json.RawMessage](ctx)
	require.NoError(t, err)
	require.Contains(t, more, "Sub", "a map takes every name")
	require.Contains(t, more, "sub")

	_, err = jot.ClaimsAs[*struct {
		Home string `json:"home"`
	}](ctx)
	require.ErrorContains(t, err, "claims do not fit **struct")
}

// Texts that must not be taken for what they resemble: each is a token that a key of ours has signed.
func TestStrictTexts(t *testing.T) {
	const minimal = `"sub":"alice","jti":"1","type":"access"`
	pad := strings.Repeat("0", 40)
	for _, tc := range []struct {
		name, header, payload string
		code                  string // "" passes
	}{
		{"cty of a nested token", `{"alg":"HS256","cty":"JWT"}`, `{` + sound + `}`, "token_invalid"},
		{"cty, typ too", `{"alg":"HS256","typ":"JWT","cty":"JWT"}`, `{` + sound + `}`, "token_invalid"},
		{"cty in lower case", `{"alg":"HS256","cty":"application/jwt"}`, `{` + sound + `}`, "token_invalid"},
		{"cty of anything", `{"alg":"HS256","cty":"json"}`, `{` + sound + `}`, "token_invalid"},
		{"cty null", `{"alg":"HS256","cty":null}`, `{` + sound + `}`, "token_invalid"},
		{"cty in the payload", ourHeader, with(`"cty":"JWT"`), ""},
		{"a scope of two", ourHeader, with(`"scope":["read write"]`), "token_invalid"},
		{"a scope with a space", ourHeader, with(`"scope":["read","write "]`), "token_invalid"},
		{"an empty scope", ourHeader, with(`"scope":[""]`), "token_invalid"},
		{"a scope with a quote", ourHeader, with(`"scope":["re\"ad"]`), "token_invalid"},
		{"a scope with a tab", ourHeader, with(`"scope":"read\twrite"`), "token_invalid"},
		{"a scope beyond ASCII", ourHeader, with(`"scope":"lesen schreiben größer"`), "token_invalid"},
		{"scopes", ourHeader, with(`"scope":["read","write"]`), ""},
		{"no scopes", ourHeader, with(`"scope":[]`), ""},

		// Leeway is 30 s, and the clock stands at 1893456000: 1893455970 is over, and a fraction more is no second more.
		{"the last second", ourHeader, `{` + minimal + `,"exp":1893455971}`, ""},
		{"over", ourHeader, `{` + minimal + `,"exp":1893455970}`, "token_expired"},
		{"over by a hair", ourHeader, `{` + minimal + `,"exp":1893455970.99999999}`, "token_expired"},
		{"over by less than a float64 tells", ourHeader, `{` + minimal + `,"exp":1893455970.999999999999}`, "token_expired"},
		{"over, by an exponent", ourHeader, `{` + minimal + `,"exp":18934559709999999999999e-13}`, "token_expired"},
		{"over, by a negative exponent", ourHeader, `{` + minimal + `,"exp":1e-1}`, "token_expired"},
		{"nbf at the edge", ourHeader, with(`"nbf":1893456030.` + pad), ""},
		{"nbf a hair beyond", ourHeader, with(`"nbf":1893456030.` + pad + `1`), "token_invalid"},
		{"iat a hair beyond", ourHeader, `{` + minimal + `,"exp":1893456900,"iat":1893456030.` + pad + `1}`, "token_invalid"},
		{"the last date", ourHeader, `{` + minimal + `,"exp":253402300799}`, ""},
		{"the last date, in another spelling", ourHeader, `{` + minimal + `,"exp":2.53402300799000e+11}`, ""},
		{"a hair after the last date", ourHeader, `{` + minimal + `,"exp":253402300799.00001}`, "token_invalid"},
		{"less than a float64 tells after it", ourHeader, `{` + minimal + `,"exp":253402300799.` + pad + `1}`, "token_invalid"},
		{"a hair before 1970", ourHeader, with(`"auth_time":-0.` + pad + `1`), "token_invalid"},
		{"before 1970, by an exponent", ourHeader, with(`"auth_time":-1e-400`), "token_invalid"},
		{"an exponent of twenty digits", ourHeader, with(`"nbf":1e99999999999999999999`), "token_invalid"},
		{"a date of a thousand digits", ourHeader, with(`"nbf":` + strings.Repeat("9", 1000)), "token_invalid"},
		{"nothing, by twenty digits", ourHeader, with(`"nbf":0e99999999999999999999`), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := send(newManager(t).Required(), bearer(forge(t, tc.header, tc.payload)))
			require.Equal(t, tc.code == "", got.called, got.Body.String())
			if tc.code != "" {
				require.Equal(t, tc.code, got.code(t))
			}
		})
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

// Somebody who says that they will have given a password has given none.
func TestAuthTimeInTheFuture(t *testing.T) {
	silence(t)
	for _, tc := range []struct {
		authTime int64
		age      time.Duration
		good     bool
	}{
		{now.Unix(), time.Minute, true},
		{now.Unix() - 60, time.Minute, true},
		{now.Unix() - 61, time.Minute, false},
		{now.Unix() + 3600, time.Minute, false},
		{now.Unix() + 3600, 24 * time.Hour, false},
		{253402300799, time.Minute, false},
		{253402300799, 100 * 365 * 24 * time.Hour, false},
	} {
		raw := forge(t, ourHeader, with(fmt.Sprintf(`"auth_time":%d`, tc.authTime)))
		got := send(newManager(t).Required(jot.MaxAge(tc.age)), bearer(raw))
		require.Equal(t, tc.good, got.called, "%d, %v", tc.authTime-now.Unix(), tc.age)
		if !tc.good {
			require.Equal(t, "fresh_token_required", got.code(t))
		}
		_, err := newManager(t).Verify(ctx, raw, jot.MaxAge(tc.age))
		require.Equal(t, tc.good, err == nil)
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
	raw, err := m.CreateAccessToken(ctx, "alice", params(62)) // with alg and typ 64
	require.NoError(t, err)
	_, err = m.Verify(ctx, raw)
	require.NoError(t, err)
	for _, opt := range []jot.TokenOption{params(63), jot.HeaderParam("list", make([]int, 62)), params(300)} {
		raw, err := m.CreateAccessToken(ctx, "alice", opt)
		require.Error(t, err)
		require.Empty(t, raw)
	}
}

// Before anything is authentic, what a stranger writes costs next to nothing: neither names that nobody asks for nor long values.
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
		require.LessOrEqual(t, allocations(header), least+2, name)
	}
}
