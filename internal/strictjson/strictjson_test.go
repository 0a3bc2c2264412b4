package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/strictjson"
)

func members(s string) (out [][2]string, err error) {
	err = strictjson.Object(s, func(name, raw string) error {
		out = append(out, [2]string{name, raw})
		return nil
	})
	return out, err
}

// nested returns an object with n containers open at its deepest place.
func nested(n int) string {
	return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
}

func manyNames(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"n%d":%d,`, i, i)
	}
	fmt.Fprintf(&b, `%q:0}`, last)
	return b.String()
}

var accepted = map[string]string{
	"empty object":         `{}`,
	"white space around":   " \t\r\n{ \"a\" : 1 , \"b\" : [ ] } \n",
	"every kind":           `{"s":"x","n":-0.5e+3,"t":true,"f":false,"z":null,"o":{"a":{}},"l":[1,"2",[3],{"d":4}]}`,
	"escapes":              `{"\u0061\n\"\\\/\b\f\r\t":"\ud83d\ude00é"}`,
	"other case":           `{"sub":1,"Sub":2}`,
	"same name elsewhere":  `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`,
	"depth 32":             nested(32),
	"twenty names":         manyNames(20, "last"),
	"long number":          `{"n":1e9,"m":0,"k":-0,"big":123456789012345678901234567890}`,
	"replacement char":     "{\"a\":\"\uFFFD\"}",
	"escaped NUL and null": `{"a":"\u0000"}`,
}

var refused = map[string]struct {
	text string
	err  error
}{
	"nothing":                      {``, strictjson.ErrSyntax},
	"array":                        {`[]`, strictjson.ErrSyntax},
	"string":                       {`"a"`, strictjson.ErrSyntax},
	"null":                         {`null`, strictjson.ErrSyntax},
	"trailing object":              {`{}{}`, strictjson.ErrSyntax},
	"trailing text":                {`{} x`, strictjson.ErrSyntax},
	"trailing NUL":                 {"{}\x00", strictjson.ErrSyntax},
	"form feed around":             {"\f{}", strictjson.ErrSyntax},
	"byte order mark":              {"\uFEFF{}", strictjson.ErrSyntax},
	"open object":                  {`{`, strictjson.ErrSyntax},
	"open after name":              {`{"a"`, strictjson.ErrSyntax},
	"open after colon":             {`{"a":`, strictjson.ErrSyntax},
	"open after value":             {`{"a":1`, strictjson.ErrSyntax},
	"comma at the end":             {`{"a":1,}`, strictjson.ErrSyntax},
	"no comma":                     {`{"a":1 "b":2}`, strictjson.ErrSyntax},
	"bare name":                    {`{a:1}`, strictjson.ErrSyntax},
	"single quotes":                {`{'a':1}`, strictjson.ErrSyntax},
	"open string":                  {`{"a`, strictjson.ErrSyntax},
	"control in string":            {"{\"a\":\"\n\"}", strictjson.ErrSyntax},
	"unknown escape":               {`{"a":"\x41"}`, strictjson.ErrSyntax},
	"short escape":                 {`{"a":"\u12`, strictjson.ErrSyntax},
	"signed escape":                {`{"a":"\u+123"}`, strictjson.ErrSyntax},
	"escape at the end":            {`{"a":"\`, strictjson.ErrSyntax},
	"comment":                      {`{/**/}`, strictjson.ErrSyntax},
	"NaN":                          {`{"a":NaN}`, strictjson.ErrSyntax},
	"leading zero":                 {`{"a":01}`, strictjson.ErrSyntax},
	"plus":                         {`{"a":+1}`, strictjson.ErrSyntax},
	"bare minus":                   {`{"a":-}`, strictjson.ErrSyntax},
	"bare point":                   {`{"a":1.}`, strictjson.ErrSyntax},
	"bare exponent":                {`{"a":1e}`, strictjson.ErrSyntax},
	"hexadecimal":                  {`{"a":0x1}`, strictjson.ErrSyntax},
	"misspelt true":                {`{"a":trua}`, strictjson.ErrSyntax},
	"misspelt false":               {`{"a":fals`, strictjson.ErrSyntax},
	"misspelt null":                {`{"a":nil}`, strictjson.ErrSyntax},
	"array without comma":          {`{"a":[1 2]}`, strictjson.ErrSyntax},
	"array with comma at the end":  {`{"a":[1,]}`, strictjson.ErrSyntax},
	"open array":                   {`{"a":[`, strictjson.ErrSyntax},
	"wrong bracket":                {`{"a":[}]`, strictjson.ErrSyntax},
	"twice":                        {`{"sub":"a","sub":"b"}`, strictjson.ErrDuplicate},
	"twice by an escape":           {`{"sub":"a","\u0073ub":"b"}`, strictjson.ErrDuplicate},
	"twice deep inside":            {`{"a":[{"b":{"c":1,"c":2}}]}`, strictjson.ErrDuplicate},
	"twice among many":             {manyNames(20, "n3"), strictjson.ErrDuplicate},
	"twice among many, the latest": {manyNames(20, "n19"), strictjson.ErrDuplicate},
	"twice, the seventeenth":       {manyNames(16, "n0"), strictjson.ErrDuplicate},
	"bad UTF-8 in a value":         {"{\"a\":\"\xff\"}", strictjson.ErrUTF8},
	"bad UTF-8 in a name":          {"{\"\xc0\xaf\":1}", strictjson.ErrUTF8},
	"surrogate in UTF-8":           {"{\"a\":\"\xed\xa0\x80\"}", strictjson.ErrUTF8},
	"lone high surrogate":          {`{"a":"\ud800"}`, strictjson.ErrUTF8},
	"lone low surrogate":           {`{"a":"\udc00"}`, strictjson.ErrUTF8},
	"high surrogate before other":  {`{"a":"\ud800\u0041"}`, strictjson.ErrUTF8},
	"two high surrogates":          {`{"a":"\ud800\ud800"}`, strictjson.ErrUTF8},
	"depth 33":                     {nested(33), strictjson.ErrDepth},
	"depth 8000":                   {nested(8000), strictjson.ErrDepth},
	"depth 33 in objects":          {strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 33), strictjson.ErrDepth},
}

func TestObjectAccepts(t *testing.T) {
	for name, text := range accepted {
		t.Run(name, func(t *testing.T) {
			_, err := members(text)
			require.NoError(t, err)
			require.True(t, json.Valid([]byte(text)), "the table itself is wrong")
		})
	}
}

func TestObjectRefuses(t *testing.T) {
	for name, tc := range refused {
		t.Run(name, func(t *testing.T) {
			_, err := members(tc.text)
			require.ErrorIs(t, err, tc.err)
		})
	}
}

func TestObjectMembers(t *testing.T) {
	got, err := members(` {"a" : [1, {"b":2}] ,"\u0062\ud83d\ude00":"\u0041\/", "c":{}} `)
	require.NoError(t, err)
	require.Equal(t, [][2]string{{"a", `[1, {"b":2}]`}, {"b😀", `"\u0041\/"`}, {"c", `{}`}}, got)
}

func TestObjectEndsWithTheErrorOfMember(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	err := strictjson.Object(`{"a":1,"b":2}`, func(string, string) error { calls++; return stop })
	require.Equal(t, stop, err)
	require.Equal(t, 1, calls)
}

func TestString(t *testing.T) {
	for raw, want := range map[string]string{
		`""`: "", `"abc"`: "abc", `"\ud83d\ude00!"`: "😀!", `"a\"\\\/\b\f\n\r\tz"`: "a\"\\/\b\f\n\r\tz", `"\u00e9\u0000"`: "é\x00",
	} {
		got, ok := strictjson.String(raw)
		require.True(t, ok, raw)
		require.Equal(t, want, got)
	}
	for _, raw := range []string{``, `1`, `null`, `["a"]`, `{}`} {
		_, ok := strictjson.String(raw)
		require.False(t, ok, raw)
	}
}

func TestStrings(t *testing.T) {
	for raw, want := range map[string][]string{
		`[]`: nil, `[ ]`: nil, `["a"]`: {"a"}, "[ \"a\" ,\n\"\\u0062]\" ]": {"a", "b]"},
	} {
		got, ok := strictjson.Strings(raw)
		require.True(t, ok, raw)
		require.Equal(t, want, got)
	}
	for _, raw := range []string{``, `"a"`, `null`, `[1]`, `["a",null]`, `[["a"]]`} {
		_, ok := strictjson.Strings(raw)
		require.False(t, ok, raw)
	}
}

// FuzzObject compares with the standard library: what is accepted here is accepted there, with the same names and
// values.
func FuzzObject(f *testing.F) {
	for _, text := range accepted {
		f.Add(text)
	}
	for _, tc := range refused {
		f.Add(tc.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := members(text)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(text))
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		require.Len(t, got, len(want))
		for _, m := range got {
			require.Equal(t, string(want[m[0]]), m[1])
			if s, ok := strictjson.String(m[1]); ok {
				var std string
				require.NoError(t, json.Unmarshal([]byte(m[1]), &std))
				require.Equal(t, std, s)
			}
			if list, ok := strictjson.Strings(m[1]); ok {
				var std []string
				require.NoError(t, json.Unmarshal([]byte(m[1]), &std))
				require.Len(t, list, len(std))
				for i := range std {
					require.Equal(t, std[i], list[i])
				}
			}
		}
	})
}
