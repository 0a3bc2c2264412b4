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

// manyNames returns an object of n members and one more of the name last.
func manyNames(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"n%d":%d,`, i, i)
	}
	fmt.Fprintf(&b, `%q:0}`, last)
	return b.String()
}

// escapedOnce writes the n of a name as an escape, where the name comes first.
func escapedOnce(text, name string) string {
	return strings.Replace(text, `"`+name+`"`, `"\u006e`+name[1:]+`"`, 1)
}

var accepted = map[string]string{
	"empty object":         `{}`,
	"white space around":   " \t\r\n{ \"a\" : 1 , \"b\" : [ ] } \n",
	"every kind":           `{"s":"x","n":-0.5e+3,"t":true,"f":false,"z":null,"o":{"a":{}},"l":[1,"2",[3],{"d":4}]}`,
	"escapes":              `{"\u0061\n\"\\\/\b\f\r\t":"\ud83d\ude00é"}`,
	"other case":           `{"sub":1,"Sub":2}`,
	"same name elsewhere":  `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`,
	"depth 32":             nested(32),
	"depth 32 in objects":  strings.Repeat(`{"a":`, 32) + `1` + strings.Repeat(`}`, 32),
	"siblings at depth 32": `{"a":[` + strings.Repeat(nested(30)+",", 32) + nested(30) + `]}`, // 33: depth is no count
	"33 siblings":          `{"a":[` + strings.Repeat(`{},`, 32) + `{}],"b":[` + strings.Repeat(`[],`, 32) + `[]]}`,
	"twenty names":         manyNames(20, "last"),
	"17 names":             manyNames(16, "n16"),
	"65 names":             manyNames(64, "n64"),
	"many names, deep":     `{"a":` + manyNames(70, "x") + `,"b":` + manyNames(70, "x") + `}`,
	"escaped, but another": `{"\u0061":1,"\u0062":2,"\\u0061":3,"A":4}`,
	"name of its parent":   `{"a":{"b":{"a":1}},"b":2}`,
	"long number":          `{"n":1e9,"m":0,"k":-0,"big":123456789012345678901234567890}`,
	"1e-1":                 `{"a":1e-1,"b":1E-1,"c":-1.0e-10,"d":0e0}`,
	"replacement char":     "{\"a\":\"\uFFFD\"}",
	"two bytes, U+0080":    "{\"a\":\"\u0080\"}", // its first byte is 0xC2
	"delete, byte 0x7F":    "{\"a\":\"\x7f\"}",
	"the last character":   `{"a":"\udbff\udfff"}`,
	"escaped NUL and null": `{"a":"\u0000"}`,
}

var refused = map[string]struct {
	text string
	err  error
}{
	"nothing":                       {``, strictjson.ErrSyntax},
	"array":                         {`[]`, strictjson.ErrSyntax},
	"string":                        {`"a"`, strictjson.ErrSyntax},
	"null":                          {`null`, strictjson.ErrSyntax},
	"trailing object":               {`{}{}`, strictjson.ErrSyntax},
	"trailing text":                 {`{} x`, strictjson.ErrSyntax},
	"trailing NUL":                  {"{}\x00", strictjson.ErrSyntax},
	"form feed around":              {"\f{}", strictjson.ErrSyntax},
	"byte order mark":               {"\uFEFF{}", strictjson.ErrSyntax},
	"open object":                   {`{`, strictjson.ErrSyntax},
	"open after name":               {`{"a"`, strictjson.ErrSyntax},
	"open after colon":              {`{"a":`, strictjson.ErrSyntax},
	"open after value":              {`{"a":1`, strictjson.ErrSyntax},
	"comma at the end":              {`{"a":1,}`, strictjson.ErrSyntax},
	"no comma":                      {`{"a":1 "b":2}`, strictjson.ErrSyntax},
	"bare name":                     {`{a:1}`, strictjson.ErrSyntax},
	"single quotes":                 {`{'a':1}`, strictjson.ErrSyntax},
	"open string":                   {`{"a`, strictjson.ErrSyntax},
	"control in string":             {"{\"a\":\"\n\"}", strictjson.ErrSyntax},
	"unknown escape":                {`{"a":"\x41"}`, strictjson.ErrSyntax},
	"short escape":                  {`{"a":"\u12`, strictjson.ErrSyntax},
	"signed escape":                 {`{"a":"\u+123"}`, strictjson.ErrSyntax},
	"escape at the end":             {`{"a":"\`, strictjson.ErrSyntax},
	"comment":                       {`{/**/}`, strictjson.ErrSyntax},
	"NaN":                           {`{"a":NaN}`, strictjson.ErrSyntax},
	"leading zero":                  {`{"a":01}`, strictjson.ErrSyntax},
	"plus":                          {`{"a":+1}`, strictjson.ErrSyntax},
	"bare minus":                    {`{"a":-}`, strictjson.ErrSyntax},
	"bare point":                    {`{"a":1.}`, strictjson.ErrSyntax},
	"bare exponent":                 {`{"a":1e}`, strictjson.ErrSyntax},
	"bare negative exponent":        {`{"a":1e-}`, strictjson.ErrSyntax},
	"exponent with a point":         {`{"a":1e-1.5}`, strictjson.ErrSyntax},
	"exponent with two signs":       {`{"a":1e--1}`, strictjson.ErrSyntax},
	"hexadecimal":                   {`{"a":0x1}`, strictjson.ErrSyntax},
	"misspelt true":                 {`{"a":trua}`, strictjson.ErrSyntax},
	"misspelt false":                {`{"a":fals`, strictjson.ErrSyntax},
	"misspelt null":                 {`{"a":nil}`, strictjson.ErrSyntax},
	"array without comma":           {`{"a":[1 2]}`, strictjson.ErrSyntax},
	"array with comma at the end":   {`{"a":[1,]}`, strictjson.ErrSyntax},
	"open array":                    {`{"a":[`, strictjson.ErrSyntax},
	"wrong bracket":                 {`{"a":[}]`, strictjson.ErrSyntax},
	"twice":                         {`{"sub":"a","sub":"b"}`, strictjson.ErrDuplicate},
	"twice by an escape":            {`{"sub":"a","\u0073ub":"b"}`, strictjson.ErrDuplicate},
	"twice deep inside":             {`{"a":[{"b":{"c":1,"c":2}}]}`, strictjson.ErrDuplicate},
	"twice among many":              {manyNames(20, "n3"), strictjson.ErrDuplicate},
	"twice among many, the latest":  {manyNames(20, "n19"), strictjson.ErrDuplicate},
	"twice, the seventeenth":        {manyNames(16, "n0"), strictjson.ErrDuplicate},
	"the seventeenth twice":         {manyNames(17, "n16"), strictjson.ErrDuplicate},
	"the 64th twice":                {manyNames(64, "n63"), strictjson.ErrDuplicate},
	"the 65th twice":                {manyNames(65, "n64"), strictjson.ErrDuplicate},
	"the first, as the 65th":        {manyNames(64, "n0"), strictjson.ErrDuplicate},
	"twice, escaped both times":     {`{"\u006a":1,"\u006A":2}`, strictjson.ErrDuplicate},
	"twice, the first escaped":      {`{"\u006a":1,"j":2}`, strictjson.ErrDuplicate},
	"twice, a pair and its UTF-8":   {`{"\ud83d\ude00":1,"😀":2}`, strictjson.ErrDuplicate},
	"twice, a slash escaped":        {`{"a\/b":1,"a/b":2}`, strictjson.ErrDuplicate},
	"twice escaped, among many":     {escapedOnce(manyNames(70, "n3"), "n3"), strictjson.ErrDuplicate},
	"twice behind an object":        {`{"a":{"b":1},"a":2}`, strictjson.ErrDuplicate},
	"bad UTF-8 in a value":          {"{\"a\":\"\xff\"}", strictjson.ErrUTF8},
	"bad UTF-8 in a name":           {"{\"\xc0\xaf\":1}", strictjson.ErrUTF8},
	"byte 0x80":                     {"{\"a\":\"\x80\"}", strictjson.ErrUTF8},
	"byte 0x80 in a name":           {"{\"\x80\":1}", strictjson.ErrUTF8},
	"byte 0x80 as white space":      {"{\x80}", strictjson.ErrSyntax},
	"half a character at the end":   {"{\"a\":\"\xc2\"}", strictjson.ErrUTF8},
	"surrogate in UTF-8":            {"{\"a\":\"\xed\xa0\x80\"}", strictjson.ErrUTF8},
	"lone high surrogate":           {`{"a":"\ud800"}`, strictjson.ErrUTF8},
	"lone low surrogate":            {`{"a":"\udc00"}`, strictjson.ErrUTF8},
	"high surrogate before other":   {`{"a":"\ud800\u0041"}`, strictjson.ErrUTF8},
	"two high surrogates":           {`{"a":"\ud800\ud800"}`, strictjson.ErrUTF8},
	"two low surrogates":            {`{"a":"\udc00\udc00"}`, strictjson.ErrUTF8},
	"surrogates the wrong way":      {`{"a":"\udc00\ud800"}`, strictjson.ErrUTF8},
	"half a pair, then text":        {`{"a":"\ud83dude00"}`, strictjson.ErrUTF8},
	"half a pair, then an escape":   {`{"a":"\ud83d\n\ude00"}`, strictjson.ErrUTF8},
	"half a pair, then a backslash": {`{"a":"\ud83d\\ude00"}`, strictjson.ErrUTF8},
	"half a pair, cut":              {`{"a":"\ud83d\ude0"}`, strictjson.ErrUTF8},
	"half a pair in a name":         {`{"\ude00":1}`, strictjson.ErrUTF8},
	"an escape below a surrogate's": {`{"a":"\ud7ff\udc00"}`, strictjson.ErrUTF8},
	"depth 33":                      {nested(33), strictjson.ErrDepth},
	"depth 8000":                    {nested(8000), strictjson.ErrDepth},
	"depth 33 in objects":           {strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 33), strictjson.ErrDepth},
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
		`""`:                   "",
		`"abc"`:                "abc",
		`"\ud83d\ude00!"`:      "😀!",
		`"a\"\\\/\b\f\n\r\tz"`: "a\"\\/\b\f\n\r\tz",
		`"\u00e9\u0000"`:       "é\x00",
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

// 64 members, and what stands in their arrays, may be in a text that nobody has vouched for yet.
func TestPickHasALimit(t *testing.T) {
	goesOn := func(string, string) error { return nil }
	for text, err := range map[string]error{
		manyNames(63, "a"):                                               nil, // 64 of them
		manyNames(64, "a"):                                               strictjson.ErrMany,
		`{"a":` + manyNames(62, "a") + `}`:                               nil,
		`{"a":` + manyNames(63, "a") + `}`:                               strictjson.ErrMany,
		`{"a":{"b":{` + manyNames(61, "a")[1:] + `}}`:                    nil,
		`{"a":{"b":{` + manyNames(62, "a")[1:] + `}}`:                    strictjson.ErrMany,
		`{"a":[` + strings.Repeat(`0,`, 62) + `0]}`:                      nil,
		`{"a":[` + strings.Repeat(`0,`, 63) + `0]}`:                      strictjson.ErrMany,
		`{"a":[` + strings.Repeat(`[],`, 30) + manyNames(31, "a") + `]}`: nil,
		`{"a":[` + strings.Repeat(`[],`, 30) + manyNames(32, "a") + `]}`: strictjson.ErrMany,
		manyNames(63, "n7"):                                              strictjson.ErrDuplicate,
	} {
		require.ErrorIs(t, strictjson.Pick(text, 64, []string{"a"}, goesOn), err, text)
		_, unlimited := members(text)
		if err != strictjson.ErrDuplicate { //nolint:errorlint // of this table
			require.NoError(t, unlimited)
		}
	}
	for name, tc := range refused {
		want := tc.err
		if strings.Contains(name, "65th") || strings.Contains(name, "64th") || name == "twice escaped, among many" {
			want = strictjson.ErrMany
		}
		require.ErrorIs(t, strictjson.Pick(tc.text, 64, nil, nil), want, name)
	}
}

func TestPick(t *testing.T) {
	var got [][2]string
	pick := func(text string, wanted ...string) error {
		got = nil
		return strictjson.Pick(text, 64, wanted, func(name, raw string) error {
			got = append(got, [2]string{name, raw})
			return nil
		})
	}
	require.NoError(t, pick(` {"a":1,"\u0062":[2],"c":{"a":3},"A":4,"":5} `, "b", "a", "d"))
	require.Equal(t, [][2]string{{"a", "1"}, {"b", "[2]"}}, got, "names match decoded, in the order of the text")
	require.NoError(t, pick(`{"a":1,"":5}`, ""))
	require.Equal(t, [][2]string{{"", "5"}}, got)
	stop := errors.New("stop")
	stops := func(string, string) error { return stop }
	require.Equal(t, stop, strictjson.Pick(`{"x":0,"a":1,"b":2}`, 64, []string{"a", "b"}, stops))
	require.ErrorIs(t, pick(`{"x":0,"a":1}}`, "a"), strictjson.ErrSyntax)
}

// What an attacker writes into a header costs no memory, whatever names it has.
func TestPickAllocatesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"two names":       `{"alg":"HS256","typ":"JWT"}`,
		"64 names":        manyNames(63, "alg"),
		"64 long names":   strings.ReplaceAll(manyNames(63, "alg"), `"n`, `"`+strings.Repeat("n", 90)),
		"64 escaped":      strings.ReplaceAll(manyNames(63, "alg"), `"n`, `"`+strings.Repeat(`\u006e`, 14)),
		"32 objects deep": strings.Repeat(`{"a":`, 32) + `1` + strings.Repeat(`}`, 32),
		"too many":        manyNames(900, "alg"),
		"a long array":    `{"a":[` + strings.Repeat(`0,`, 3000) + `0]}`,
	} {
		wanted, found := []string{"alg", "typ"}, 0
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_ = strictjson.Pick(text, 64, wanted, func(string, string) error { found++; return nil })
		}), name)
	}
}

// No object costs more because of those around it: inside one of 63 names, 64 KiB have room for thousands.
func TestObjectAllocatesLittle(t *testing.T) {
	const size = 64 << 10
	around, ends := strings.TrimSuffix(manyNames(62, "last"), "}"), strings.Repeat("}", 30)
	for name, tc := range map[string]struct{ before, each, after string }{
		"one long value":              {around + `,"x":"`, "a", `"}`},
		"objects of no name":          {around + `,"x":[`, `{},`, `1]}`},
		"objects of one name":         {around + `,"x":[`, `{"":1},`, `1]}`},
		"objects of one escaped name": {around + `,"x":[`, `{"\u0061":1},`, `1]}`},
		"objects of two names":        {around + `,"x":[`, `{"a":1,"b":2},`, `1]}`},
		"objects of 63 names":         {around + `,"x":[`, around + `},`, `1]}`},
		"objects, 30 deep":            {strings.Repeat(`{"a":0,"b":`, 30) + `[`, `{"":1},`, `1]` + ends},
		"objects, 30 deep, of names":  {strings.Repeat(around+`,"x":`, 30) + `[`, `{"":1},`, `1]` + ends},
	} {
		text := tc.before + strings.Repeat(tc.each, (size-len(tc.before)-len(tc.after))/len(tc.each)) + tc.after
		_, err := members(text)
		require.NoError(t, err, name)
		const few = 16 // enough for 2048 names in a slice that doubles
		require.LessOrEqual(t, testing.AllocsPerRun(10, func() {
			_ = strictjson.Object(text, func(string, string) error { return nil })
		}), few*1.0, name)
	}
}

func TestElements(t *testing.T) {
	for raw, want := range map[string][]string{
		`[]`:                                    nil,
		`[ ] `:                                  nil,
		`[1]`:                                   {`1`},
		"[ 1 ,\n\"a,]\" , [2,[3]],{\"b\":[]} ]": {`1`, `"a,]"`, `[2,[3]]`, `{"b":[]}`},
	} {
		var got []string
		require.NoError(t, strictjson.Elements(raw, func(raw string) error { got = append(got, raw); return nil }))
		require.Equal(t, want, got, raw)
	}
	stop := errors.New("stop")
	require.Equal(t, stop, strictjson.Elements(`[1,2]`, func(string) error { return stop }))
	for _, raw := range []string{``, `1`, `"a"`, `{}`} {
		require.ErrorIs(t, strictjson.Elements(raw, nil), strictjson.ErrSyntax, raw)
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
