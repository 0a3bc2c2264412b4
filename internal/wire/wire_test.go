package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/wire"
)

func TestReadHeader(t *testing.T) {
	for text, want := range map[string]wire.Header{
		`{"alg":"HS256","typ":"JWT"}`:                               {Alg: "HS256", Typ: "JWT"},
		`{"alg":"HS256"}`:                                           {Alg: "HS256"},
		`{"alg":"ES256","kid":"k","typ":"jwt"}`:                     {Alg: "ES256", ID: "k", HasID: true, Typ: "jwt"},
		`{"alg":"ES256","kid":"","typ":"x/jwt"}`:                    {Alg: "ES256", HasID: true, Typ: "x/jwt"},
		`{"alg":"ES256","typ":"\u0061t+jwt"}`:                       {Alg: "ES256", Typ: "at+jwt"},
		`{"alg":"x","jku":"https://e","jwk":{},"x5c":[],"zip":"D"}`: {Alg: "x"},
		`{"ALG":"none"}`:                                            {},
		`{"CTY":"JWT","ctY":"x"}`:                                   {},
		`{"\u0061lg":"HS\u003256","\u006bid":"\u006b"}`:             {Alg: "HS256", ID: "k", HasID: true},
	} {
		got, err := wire.ReadHeader(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		``, `[]`, `{"alg":"a","alg":"a"}`,
		`{"alg":1}`, `{"alg":null}`, `{"kid":1}`, `{"kid":null}`,
		`{"crit":["exp"]}`, `{"crit":[]}`, `{"crit":null}`, `{"b64":false}`, `{"b64":true}`, `{"enc":"A128GCM"}`,
		`{"cty":"JWT"}`, `{"cty":"jwt"}`, `{"cty":"application/JWT"}`, `{"\u0063ty":"JWT"}`,
		`{"cty":"json"}`, `{"cty":""}`, `{"cty":null}`, `{"cty":1}`,
		`{"typ":1}`, `{"typ":""}`, `{"typ":null}`,
	} {
		_, err := wire.ReadHeader(text)
		require.Error(t, err, text)
	}
}

func TestAcceptsTyp(t *testing.T) {
	twelve := wire.Profile{Typ: "at+jwt-12byt"} // as long as "application/", which is compared as a whole
	require.Len(t, twelve.Typ, len("application/"))
	const controls = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0e\x7f"
	for _, test := range []struct {
		profile wire.Profile
		good    []string
		bad     []string
	}{
		{
			wire.Profile{},
			[]string{"", "JWT", "jwt", "application/jwt", "APPLICATION/JWT"},
			[]string{
				"JWE", "JWT ", " JWT", "JW\x00", "application/", "application/x", "pplication/jwt", "text/plain/jwt",
				"            ", "applicationXJWT", "\u017Fpplication/jwt", "applicatio\u212A/jwt", "at+jwt", "rt+jwt",
			},
		},
		{
			wire.Profile{Typ: "at+jwt"},
			[]string{"", "JWT", "AT+JWT", "application/at+jwt"},
			[]string{"rt+jwt", "at+jwt2"},
		},
		{
			wire.RFC9068(),
			[]string{"", "JWT", "at+jwt", "Application/At+Jwt", "rt+jwt"},
			[]string{"logout+jwt", "dpop+jwt"},
		},
		{
			twelve,
			[]string{"at+jwt-12byt", "AT+JWT-12BYT", "application/at+jwt-12byt", "application/JWT"},
			[]string{
				"at+jwt-12byu", "application/", "APPLICATION/", "application/JW", "            ", controls, "éééééé",
				"\U0001F5DD\U0001F5DD\U0001F5DD",
			},
		},
	} {
		for _, typ := range test.good {
			require.True(t, test.profile.AcceptsTyp(typ), "%q", typ)
		}
		for _, typ := range test.bad {
			require.False(t, test.profile.AcceptsTyp(typ), "%q", typ)
		}
	}
}

// A typ that only tokens of one type have says which type it is, and the type says which typ.
func TestFits(t *testing.T) {
	p := wire.RFC9068()
	for of, good := range map[string]string{"access": "at+jwt", "refresh": "rt+jwt", "password_reset": "JWT"} {
		for typ, same := range map[string]string{
			"": "JWT", "JWT": "JWT", "at+jwt": "at+jwt", "application/AT+JWT": "at+jwt", "rt+jwt": "rt+jwt",
		} {
			require.Equal(t, same == good, p.Fits(typ, of), "%q of %q", typ, of)
		}
		require.True(t, new(wire.Profile).Fits("JWT", of), "without types of their own")
		require.Equal(t, `"typ":"`+good+`"`, p.Head(`"typ":"JWT"`, of))
		require.Equal(t, `"typ":"JWT"`, new(wire.Profile).Head(`"typ":"JWT"`, of))
	}
}

// 64 members and elements are read, one more is not, wherever it stands.
func TestHeaderHasALimit(t *testing.T) {
	for text, good := range map[string]bool{
		`{"alg":"x"` + many(63) + `}`:                                          true,
		`{"alg":"x"` + many(64) + `}`:                                          false,
		`{"alg":"x","o":{"a":1` + many(61) + `}}`:                              true,
		`{"alg":"x","o":{"a":1` + many(62) + `}}`:                              false,
		`{"alg":"x","x5c":["a"` + strings.Repeat(`,"a"`, 61) + `]}`:            true,
		`{"alg":"x","x5c":["a"` + strings.Repeat(`,"a"`, 62) + `]}`:            false,
		`{"alg":"x","jwk":{"k":[[1,2],{"a":[3]}]}` + many(64-9) + `}`:          true,
		`{"alg":"x","jwk":{"k":[[1,2],{"a":[3]}]}` + many(64-8) + `}`:          false,
		`{"x":[` + strings.Repeat(`0,`, 3000) + `0],"alg":"x","crit":["exp"]}`: false,
	} {
		h, err := wire.ReadHeader(text)
		require.Equal(t, good, err == nil, text)
		require.Equal(t, good, h.Alg == "x", text)
	}
}

// many is n members that nobody asks for.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"n%d":0`, i)
	}
	return b.String()
}

// Names and values that nobody asks for cost no memory: a header is read before anything is authentic.
func TestReadHeaderAllocatesNothing(t *testing.T) {
	escaped := func(n int) string { return strings.Repeat(`\u00e9`, n) }
	for name, text := range map[string]string{
		"none unknown": `{"alg":"HS256","kid":"k","typ":"JWT"}`,
		"63 unknown":   `{"alg":"HS256"` + many(63) + `}`,
		"20, escaped":  `{"alg":"HS256"` + strings.ReplaceAll(many(20), `"n`, `"\u006e`+escaped(15)) + `}`,
		"one, long":    `{"alg":"HS256","` + escaped(900) + `":"` + escaped(60) + `"}`,
		"deep":         `{"alg":"HS256","a":` + strings.Repeat(`{"a":`, 31) + `1` + strings.Repeat(`}`, 31) + `}`,
	} {
		_, err := wire.ReadHeader(text)
		require.NoError(t, err, name)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = wire.ReadHeader(text) }), name)
	}
	// A refusal costs its error, however much was sent.
	text := `{"alg":"HS256"` + many(700) + `}`
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = wire.ReadHeader(text) }), 3.0)
}

// sound is the members of a token that is, timeless all but the last.
const (
	sound    = timeless + `,"exp":2000000000`
	timeless = `"sub":"alice","jti":"1","type":"access"`
)

// read reads the claims of a sound token that has these members too.
func read(more string) (wire.Claims, error) {
	return new(wire.Profile).ReadClaims(`{` + sound + `,` + more + `}`)
}

func TestReadClaims(t *testing.T) {
	got, err := read(`"iss":"i","sid":"s","aud":"a","scope":"x  y",
		"iat":10,"nbf":11,"auth_time":9,"fresh":true,"role":[1]`)
	require.NoError(t, err)
	require.Equal(t, wire.Claims{
		Issuer: "i", Subject: "alice", ID: "1", Type: "access", SessionID: "s",
		Audience: []string{"a"}, Scopes: []string{"x", "y"},
		IssuedAt: 10, Issued: 10, NotBefore: 11, Expires: 2000000000, AuthTime: 9,
		Fresh: true, FreshUntil: wire.NoDate,
	}, got)

	got, err = read(`"aud":["a","b"],"scope":["x","y"],"fresh":12.9`)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, got.Audience)
	require.Equal(t, []string{"x", "y"}, got.Scopes)
	require.EqualValues(t, 12, got.FreshUntil)
	require.EqualValues(t, wire.NoDate, got.IssuedAt)
	require.EqualValues(t, wire.NoDate, got.NotBefore)
	require.EqualValues(t, wire.NoDate, got.AuthTime)
}

func TestReadClaimsScopes(t *testing.T) {
	for raw, want := range map[string][]string{
		`""`:                    nil,
		`" "`:                   nil,
		`[]`:                    nil,
		`" a  b "`:              {"a", "b"},
		`"!#[]~"`:               {"!#[]~"},
		`["!","#","[","]","~"]`: {"!", "#", "[", "]", "~"},
		`["a:b/c?d=e"]`:         {"a:b/c?d=e"},
		`["\u0061"]`:            {"a"},
		`"\u0061\u0020b"`:       {"a", "b"},
	} {
		got, err := read(`"scope":` + raw)
		require.NoError(t, err, raw)
		require.ElementsMatch(t, want, got.Scopes, raw)
	}
}

func zeros(n int) string { return strings.Repeat("0", n) }
func nines(n int) string { return strings.Repeat("9", n) }

// A beginning is rounded up, to the digit: a float64 has 53 bits.
func TestReadClaimsDates(t *testing.T) {
	const almost = wire.MaxDate - 1
	for raw, want := range map[string]int64{
		`0`: 0, `-0`: 0, `-0.0`: 0, `1`: 1, `1.5`: 2, `1e9`: 1000000000, `0.0000000001`: 1,
		`4102444799.000`: 4102444799, `4102444799.99999999`: 4102444800, `4102444799.` + zeros(24) + `1`: 4102444800,
		`253402300799`: wire.MaxDate, `253402300799.000000000000`: wire.MaxDate, `2534023007.990e2`: wire.MaxDate,
		`253402300798.00000001`: wire.MaxDate, `253402300798.` + nines(20): wire.MaxDate,
		`2534023007990000e-4`: wire.MaxDate, `0.253402300799e12`: wire.MaxDate,
		`0e` + nines(20): 0, `0.0e+2147483648`: 0, `-0e5`: 0, `-0.000e-3`: 0, `1e-1`: 1, `1E-` + nines(21): 1,
		`12e0`: 12, `12E+1`: 120, `120e-1`: 12, `121e-1`: 13, `0.00012e5`: 12, `0.000125e5`: 13,
		`0.` + zeros(3000) + `7e3001`: 7, `7` + zeros(3000) + `e-3000`: 7, `7.` + zeros(3000) + `1`: 8,
	} {
		got, err := read(`"iat":` + raw + `,"nbf":` + raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got.IssuedAt, raw)
		require.LessOrEqual(t, got.Issued, got.IssuedAt, raw)
		require.GreaterOrEqual(t, got.Issued, got.IssuedAt-1, raw)
		require.Equal(t, want, got.NotBefore, raw)
	}

	// An end is rounded down, and a login is never younger than it says.
	for raw, want := range map[string]int64{
		`12.999`: 12, `1e-1`: 0, `0.` + nines(3000): 0, `0.` + nines(19) + `e1`: 9,
		`4102444799.99999999`: 4102444799, `4102444799.` + nines(23): 4102444799,
		`41024447999999999999e-10`: 4102444799, `9007199254740.993e-3`: 9007199254,
		`253402300798.` + nines(17): almost, nines(3001) + `e-2991`: 9999999999,
	} {
		got, err := new(wire.Profile).ReadClaims(
			`{` + timeless + `,"exp":` + raw + `,"auth_time":` + raw + `,"fresh":` + raw + `}`)
		require.NoError(t, err, raw)
		require.Equal(t, want, got.Expires, raw)
		require.Equal(t, want, got.AuthTime, raw)
		require.Equal(t, want, got.FreshUntil, raw)
	}

	for _, claim := range []string{"exp", "nbf", "iat", "auth_time", "fresh"} {
		others := sound
		if claim == "exp" {
			others = timeless
		}
		for _, raw := range []string{
			`"1"`, `null`, `[1]`, `{}`, // no numbers
			`-1`, `-0.5`, `-1e-1`, `-1e400`, `-1e-` + nines(20), `-0.` + zeros(400) + `1`, // before 1970
			`253402300800`, `253402300799.5`, `253402300799.00001`, `253402300799.` + zeros(60) + `1`, // after 9999
			`253402300799000001e-6`, `2534023008e2`, `2534023008` + zeros(3000) + `e-2998`,
			`9223372036854775807`, `9223372036854775808`, `18446744073709551616`, `18446744073709551617e0`,
			`0.1e13`, `1e12`, `1e19`, `1e400`, `1e1000000000`, `1e` + nines(20), nines(400), `9` + zeros(3000),
		} {
			_, err := new(wire.Profile).ReadClaims(`{` + others + `,"` + claim + `":` + raw + `}`)
			require.ErrorContains(t, err, claim+" is not what it must be", raw)
		}
	}
	_, err := read(`"iat":true`)
	require.Error(t, err, "true is a freshness, not a date")
}

func TestReadClaimsRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no sub":             `{"jti":"1","type":"access","exp":1}`,
		"no jti":             `{"sub":"a","type":"access","exp":1}`,
		"no type":            `{"sub":"a","jti":"1","exp":1}`,
		"no exp":             `{"sub":"a","jti":"1","type":"access"}`,
		"empty sub":          `{"sub":"","jti":"1","type":"access","exp":1}`,
		"number as sub":      `{"sub":7,"jti":"1","type":"access","exp":1}`,
		"other case":         `{"Sub":"a","jti":"1","type":"access","exp":1}`,
		"empty jti":          `{"sub":"a","jti":"","type":"access","exp":1}`,
		"null jti":           `{"sub":"a","jti":null,"type":"access","exp":1}`,
		"empty type":         `{"sub":"a","jti":"1","type":"","exp":1}`,
		"null type":          `{"sub":"a","jti":"1","type":null,"exp":1}`,
		"sub twice":          `{` + sound + `,"sub":"mallory"}`,
		"iss a list":         `{` + sound + `,"iss":["a"]}`,
		"sid a number":       `{` + sound + `,"sid":1}`,
		"aud empty":          `{` + sound + `,"aud":""}`,
		"aud empty list":     `{` + sound + `,"aud":[]}`,
		"aud a number":       `{` + sound + `,"aud":5}`,
		"aud mixed":          `{` + sound + `,"aud":["a",5]}`,
		"aud with an empty":  `{` + sound + `,"aud":["a",""]}`,
		"scope a number":     `{` + sound + `,"scope":1}`,
		"scope mixed":        `{` + sound + `,"scope":["a",1]}`,
		"scopes in one":      `{` + sound + `,"scope":["read write"]}`,
		"scope and a space":  `{` + sound + `,"scope":["read","write "]}`,
		"a space as scope":   `{` + sound + `,"scope":[" "]}`,
		"an empty scope":     `{` + sound + `,"scope":["read",""]}`,
		"scope with a tab":   `{` + sound + `,"scope":["read\twrite"]}`,
		"scope with a NUL":   `{` + sound + `,"scope":["read\u0000"]}`,
		"scope with a DEL":   `{` + sound + `,"scope":["read\u007f"]}`,
		"scope quoted":       `{` + sound + `,"scope":["\"read\""]}`,
		"scope escaped":      `{` + sound + `,"scope":["a\\b"]}`,
		"scope beyond ASCII": `{` + sound + `,"scope":["é"]}`,
		"other white space":  `{` + sound + `,"scope":["a\u00a0b"]}`,
		"string with a tab":  `{` + sound + `,"scope":"read\twrite"}`, // which strings.Fields would cut
		"string, line break": `{` + sound + `,"scope":"read\nwrite"}`,
		"string, no-break":   `{` + sound + `,"scope":"read\u00a0write"}`,
		"string, quoted":     `{` + sound + `,"scope":"read \"write\""}`,
		"fresh a string":     `{` + sound + `,"fresh":"true"}`,
		"fresh null":         `{` + sound + `,"fresh":null}`,
		"cnf":                `{` + sound + `,"cnf":{"jkt":"x"}}`,
		"cnf null":           `{` + sound + `,"cnf":null}`,
		"not JSON":           `sub`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := new(wire.Profile).ReadClaims(text)
			require.Error(t, err)
			require.Zero(t, got)
			require.NotContains(t, err.Error(), "mallory")
		})
	}
}

func TestProfileRelaxes(t *testing.T) {
	p := wire.Profile{Subject: "identity", DefaultType: "access", NoExpiry: []string{"access"}, IDOptional: true}
	got, err := p.ReadClaims(`{"identity":"alice","sub":7}`)
	require.NoError(t, err)
	require.Equal(t, "alice", got.Subject)
	require.Equal(t, "access", got.Type)
	require.EqualValues(t, wire.NoDate, got.Expires)
	_, err = p.ReadClaims(`{"sub":"alice"}`)
	require.ErrorContains(t, err, "identity is missing")

	p.TextualSub, p.NumericSubject = true, true
	for raw, want := range map[string]string{
		`7`: "7", `-7`: "-7", `0`: "0", `12345678901234567890`: "12345678901234567890", `"x"`: "x",
		`7.0`: "", `1e3`: "", `true`: "", `null`: "", `""`: "", `[7]`: "", `{}`: "",
	} {
		got, err := p.ReadClaims(`{"identity":` + raw + `,"sub":"x"}`)
		require.Equal(t, want, got.Subject, raw)
		require.Equal(t, want == "", err != nil, raw)
		var defect wire.DefectError
		if err != nil {
			require.ErrorAs(t, err, &defect, raw)
			require.Equal(t, wire.DefectError{Claim: "identity"}, defect, raw)
		}
	}
	_, err = p.ReadClaims(`{"identity":"alice","sub":7}`)
	require.ErrorContains(t, err, "sub is not what it must be")
	_, err = p.ReadClaims(`{"identity":"alice","type":""}`)
	require.Error(t, err)
}
