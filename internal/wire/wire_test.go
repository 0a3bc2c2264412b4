package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/wire"
)

func TestReadHeader(t *testing.T) {
	profile := wire.Profile{Typ: "at+jwt"}
	for text, want := range map[string]wire.Header{
		`{"alg":"HS256","typ":"JWT"}`:                               {Alg: "HS256"},
		`{"alg":"HS256"}`:                                           {Alg: "HS256"},
		`{"alg":"ES256","kid":"k","typ":"jwt"}`:                     {Alg: "ES256", ID: "k", HasID: true},
		`{"alg":"ES256","kid":"","typ":"application/jwt"}`:          {Alg: "ES256", HasID: true},
		`{"alg":"ES256","typ":"AT+JWT"}`:                            {Alg: "ES256"},
		`{"alg":"ES256","typ":"application/at+jwt"}`:                {Alg: "ES256"},
		`{"alg":"x","jku":"https://e","jwk":{},"x5c":[],"zip":"D"}`: {Alg: "x"},
		`{"ALG":"none"}`:                                            {},
	} {
		got, err := profile.ReadHeader(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		`{"alg":1}`, `{"alg":null}`, `{"kid":1}`, `{"kid":null}`, `{"typ":1}`, `{"typ":"JWE"}`, `{"typ":"application/"}`, `{"typ":"application/x"}`, `{"typ":""}`,
		`{"crit":["exp"]}`, `{"crit":[]}`, `{"crit":null}`, `{"b64":false}`, `{"b64":true}`, `{"enc":"A128GCM"}`, `{"alg":"a","alg":"a"}`, `[]`, ``,
	} {
		_, err := profile.ReadHeader(text)
		require.Error(t, err, text)
	}
	_, err := new(wire.Profile).ReadHeader(`{"alg":"ES256","typ":"at+jwt"}`)
	require.Error(t, err, "a typ of another profile")
}

const sound = `"sub":"alice","jti":"1","type":"access","exp":2000000000`

func TestReadClaims(t *testing.T) {
	got, err := new(wire.Profile).ReadClaims(`{` + sound + `,"iss":"i","sid":"s","aud":"a","scope":"x  y","iat":10,"nbf":11,"auth_time":9,"fresh":true,"role":[1]}`)
	require.NoError(t, err)
	require.Equal(t, wire.Claims{
		Issuer: "i", Subject: "alice", ID: "1", Type: "access", SessionID: "s", Audience: []string{"a"}, Scopes: []string{"x", "y"},
		IssuedAt: 10, Issued: 10, NotBefore: 11, Expires: 2000000000, AuthTime: 9, Fresh: true, FreshUntil: wire.NoDate,
	}, got)

	got, err = new(wire.Profile).ReadClaims(`{` + sound + `,"aud":["a","b"],"scope":["x","y"],"fresh":12.9}`)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, got.Audience)
	require.Equal(t, []string{"x", "y"}, got.Scopes)
	require.EqualValues(t, 12, got.FreshUntil)
	require.EqualValues(t, wire.NoDate, got.IssuedAt)
	require.EqualValues(t, wire.NoDate, got.NotBefore)
	require.EqualValues(t, wire.NoDate, got.AuthTime)
}

func TestReadClaimsDates(t *testing.T) {
	for raw, want := range map[string]int64{
		`0`: 0, `-0`: 0, `-0.0`: 0, `1e9`: 1000000000, `1.5`: 2, `1`: 1, `253402300799`: wire.MaxDate, `2534023007.990e2`: wire.MaxDate, `0.0000000001`: 1,
	} {
		got, err := new(wire.Profile).ReadClaims(`{` + sound + `,"iat":` + raw + `,"nbf":` + raw + `}`)
		require.NoError(t, err, raw)
		require.Equal(t, want, got.IssuedAt, raw)
		require.LessOrEqual(t, got.Issued, got.IssuedAt, raw)
		require.GreaterOrEqual(t, got.Issued, got.IssuedAt-1, raw)
		require.Equal(t, want, got.NotBefore, raw)
	}
	got, err := new(wire.Profile).ReadClaims(`{"sub":"a","jti":"1","type":"access","exp":12.999,"auth_time":12.999}`)
	require.NoError(t, err)
	require.EqualValues(t, 12, got.Expires, "an end is rounded down")
	require.EqualValues(t, 12, got.AuthTime, "a log-in is never younger than it says")

	for _, claim := range []string{"exp", "nbf", "iat", "auth_time", "fresh"} {
		for _, raw := range []string{
			`"1"`, `null`, `[1]`, `{}`, `-1`, `-0.5`, `253402300800`, `253402300799.5`, `1e19`, `9223372036854775807`, `9223372036854775808`, `1e400`, `-1e400`,
			strings.Repeat("9", 400),
		} {
			text := `{` + strings.Replace(sound, `,"exp":2000000000`, "", 1) + `,"` + claim + `":` + raw + `}`
			if claim != "exp" {
				text = `{` + sound + `,"` + claim + `":` + raw + `}`
			}
			_, err := new(wire.Profile).ReadClaims(text)
			require.ErrorContains(t, err, claim+" is not what it must be", raw)
		}
	}
	_, err = new(wire.Profile).ReadClaims(`{` + sound + `,"iat":true}`)
	require.Error(t, err, "true is a freshness, not a date")
}

func TestReadClaimsRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no sub":            `{"jti":"1","type":"access","exp":1}`,
		"no jti":            `{"sub":"a","type":"access","exp":1}`,
		"no type":           `{"sub":"a","jti":"1","exp":1}`,
		"no exp":            `{"sub":"a","jti":"1","type":"access"}`,
		"empty sub":         `{"sub":"","jti":"1","type":"access","exp":1}`,
		"number as sub":     `{"sub":7,"jti":"1","type":"access","exp":1}`,
		"other case":        `{"Sub":"a","jti":"1","type":"access","exp":1}`,
		"empty jti":         `{"sub":"a","jti":"","type":"access","exp":1}`,
		"null jti":          `{"sub":"a","jti":null,"type":"access","exp":1}`,
		"empty type":        `{"sub":"a","jti":"1","type":"","exp":1}`,
		"null type":         `{"sub":"a","jti":"1","type":null,"exp":1}`,
		"sub twice":         `{` + sound + `,"sub":"mallory"}`,
		"iss a list":        `{` + sound + `,"iss":["a"]}`,
		"sid a number":      `{` + sound + `,"sid":1}`,
		"aud empty":         `{` + sound + `,"aud":""}`,
		"aud empty list":    `{` + sound + `,"aud":[]}`,
		"aud a number":      `{` + sound + `,"aud":5}`,
		"aud mixed":         `{` + sound + `,"aud":["a",5]}`,
		"aud with an empty": `{` + sound + `,"aud":["a",""]}`,
		"scope a number":    `{` + sound + `,"scope":1}`,
		"scope mixed":       `{` + sound + `,"scope":["a",1]}`,
		"fresh a string":    `{` + sound + `,"fresh":"true"}`,
		"fresh null":        `{` + sound + `,"fresh":null}`,
		"cnf":               `{` + sound + `,"cnf":{"jkt":"x"}}`,
		"cnf null":          `{` + sound + `,"cnf":null}`,
		"not JSON":          `sub`,
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
	_, err = p.ReadClaims(`{"identity":"alice","type":""}`)
	require.Error(t, err)
}
