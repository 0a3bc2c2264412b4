package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/strictjson"
)

type (
	user struct {
		Sub   string `json:"sub"`
		Admin bool   `json:"admin"`
	}
	byPointer struct{ *user }
	Embedded  struct {
		user

		Team *user `json:"team"`
	}
	twin      struct{ Sub string }
	ambiguous struct {
		twin
		other

		SUB string
	}
	other  struct{ Sub string }
	unseen struct {
		sub string //nolint:unused // that is the point
		Sub string
		Not string `json:"-"`
		Odd string `json:"-,"` //nolint:staticcheck // the name is a hyphen
	}
	embedsSub struct {
		Sub

		Name string `json:"sub"`
	}
	Sub  struct{ Role string }
	loop struct {
		Name string `json:"name"`
		Next *loop  `json:"next"`
	}
	own struct{ text string }
)

func (o *own) UnmarshalJSON(text []byte) error {
	o.text = string(text)
	return nil
}

// Names match byte for byte, however deep the struct stands and whatever it stands in.
func TestDecodeMatchesNamesExactly(t *testing.T) {
	const folded = `{"Sub":"m","SUB":"m","ADMIN":true,"\u017fub":"m","sub":"a","Admin":true,"admin":false}`
	want := user{Sub: "a"}
	type (
		member struct{ Team user }
		kept   struct{ O json.RawMessage }
		dated  struct{ At time.Time }
		itself struct{ A own }
		slices map[string]map[string][][]user
		object = map[string]any
		row    struct {
			text string
			into any
			want any
		}
	)
	first, numbers := time.Unix(1893456000, 0).UTC(), object{"A": json.Number("1"), "a": json.Number("2")}
	beside, twice := `{"sub":"a","team":`+folded+`,"TEAM":{"sub":"m"}}`, `{"x":`+folded+`,"X":`+folded+`}`
	orNull, embedding := `{"x":`+folded+`,"y":null}`, `{"Sub":"m","sub":"","Role":"a","ROLE":"m"}`
	chain := `{"name":"a","next":{"NAME":"m","name":"b","next":{"name":"c","NEXT":{},"next":null}}}`
	inMap := `{"x":{"team":{"sub":"m"},"Team":` + folded + `}}`
	for name, tc := range map[string]row{
		"a struct":             {folded, new(user), &want},
		"behind pointers":      {folded, new(**user), new(new(&want))},
		"in an any":            {folded, new(any(new(user))), new(any(&want))},
		"embedded":             {folded, new(Embedded), &Embedded{user: want}},
		"embedded by pointer":  {`{"x":1}`, new(byPointer), &byPointer{}},
		"beside an embedded":   {beside, new(Embedded), &Embedded{user: want, Team: &want}},
		"in a map":             {twice, new(map[string]user), &map[string]user{"x": want, "X": want}},
		"in a map, by pointer": {orNull, new(map[string]*user), &map[string]*user{"x": &want, "y": nil}},
		"in a slice":           {`[` + folded + `, ` + folded + `]`, new([]user), &[]user{want, want}},
		"in an array":          {`[` + folded + `]`, new([1]*user), &[1]*user{&want}},
		"in an empty slice":    {`[]`, new([]user), &[]user{}},
		"in maps of slices":    {`{"x":{"y":[[` + folded + `]]}}`, new(slices), &slices{"x": {"y": {{want}}}}},
		"in a struct in a map": {inMap, new(map[string]member), &map[string]member{"x": {want}}},
		"in itself":            {chain, new(loop), &loop{"a", &loop{"b", &loop{"c", nil}}}},
		"of two embedded":      {`{"Sub":"a","sub":"b","SUB":"c"}`, new(ambiguous), &ambiguous{SUB: "c"}},
		"of one unexported":    {`{"Not":"m","not":"m","-":"a"}`, new(unseen), &unseen{Odd: "a"}},
		"of the embedded type": {embedding, new(embedsSub), &embedsSub{Sub: Sub{"a"}}},
		"where there are none": {`{"a":{"A":1,"a":2}}`, new(object), &object{"a": numbers}},
		"of numbers":           {`[1,2]`, new([]int), &[]int{1, 2}},
		"null":                 {`{"team":null}`, new(Embedded), &Embedded{}},
		"of one that does":     {folded, new(own), &own{folded}},
		"of several that do":   {`{"a":` + folded + `,"A":1}`, new(itself), &itself{own{`1`}}},
		"of those in a map":    {`{"a":` + folded + `}`, new(map[string]own), &map[string]own{"a": {folded}}},
		"kept as text":         {`{"o":{"A":1},"O":2}`, new(kept), &kept{json.RawMessage(`2`)}},
		"of a time":            {`{"At":"2030-01-01T00:00:00Z","at":1}`, new(dated), &dated{first}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, strictjson.Decode(tc.text, tc.into))
			require.Equal(t, tc.want, tc.into)
			require.NoError(t, strictjson.Decode(tc.text, tc.into), "what is there already does not matter")
			require.Equal(t, tc.want, tc.into)
		})
	}
	for _, into := range []any{nil, user{}, (*user)(nil), new(int), new([]user), make(chan int), func() {}} {
		require.Error(t, strictjson.Decode(folded, into), "%T", into)
	}
	require.Error(t, strictjson.Decode(`{"sub":1}`, new(user)))
}

// A name that encoding/json would take for a field's is not dropped in silence, however deep it stands.
func TestDecodeNamesWhatItWouldDrop(t *testing.T) {
	type (
		untagged struct{ Plan string }
		twins    struct {
			Plan string
			PLAN string
		}
	)
	const plan, sub = `claim "plan" is not the field Plan: add the tag json:"plan"`,
		`claim "SUB" is not the field Sub, whose tag is json:"sub"`
	for name, tc := range map[string]struct {
		text string
		into any
		want string // the error
	}{
		"a field without a tag":  {`{"exp":1,"plan":"secret"}`, new(untagged), plan},
		"one with a tag":         {`{"SUB":"m"}`, new(user), sub},
		"in another script":      {`{"\u017fub":"m"}`, new(user), strings.Replace(sub, "SUB", "\u017fub", 1)},
		"behind pointers":        {`{"plan":1}`, new(new(new(untagged))), plan},
		"embedded":               {`{"SUB":"m","x":1}`, new(byPointer), sub},
		"in a slice":             {`[{"Plan":"a"},{"plan":"b"}]`, new([]untagged), plan},
		"in an array":            {`[{"plan":"b"}]`, new([1]untagged), plan},
		"in a map":               {`{"x":{"y":{"plan":1}}}`, new(map[string]map[string]untagged), plan},
		"in a struct":            {`{"sub":"a","team":{"SUB":"m"}}`, new(Embedded), sub},
		"the first of several":   {`{"plan":"b"}`, new(twins), strings.Replace(plan, "Plan", "PLAN", 1)},
		"one that is there":      {`{"plan":"b","Plan":"a","PLAN":""}`, new(twins), ""},
		"one that is escaped":    {`{"plan":"b","\u0050lan":"a"}`, new(untagged), ""},
		"a field that is hidden": {`{"NOT":"m"}`, new(unseen), ""},
		"of an unexported field": {`{"SUB":"m","Sub":""}`, new(unseen), ""},
		"nothing of the kind":    {`{"plans":"b","pla":1}`, new(untagged), ""},
		"one that does itself":   {`{"TEXT":"b"}`, new(own), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := strictjson.Decode(tc.text, tc.into)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
}
