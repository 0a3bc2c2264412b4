package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-jot/jot/internal/strictjson"
)

// Members are members of a JSON object, in the order in which they are written.
type Members []Member

// Member is one name with its value's text.
type Member struct{ Name, Raw string }

// One is a member with v as its value. What could not be read again is refused now.
func One(name string, v any, reserved []string) (Member, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return Member{}, noForm(err)
	}
	if err := check(name, reserved); err != nil {
		return Member{}, err
	}
	err = strictjson.Object(`{"":`+string(text)+`}`, func(_, _ string) error { return nil })
	return Member{name, string(text)}, err
}

func noForm(err error) error { return fmt.Errorf("it has no JSON form: %w", err) }

func check(name string, reserved []string) error {
	switch {
	case name == "":
		return errors.New("a name is empty")
	case !utf8.ValidString(name):
		return errors.New("a name is not UTF-8")
	case slices.Contains(reserved, name):
		return fmt.Errorf("%q is reserved: only its own option sets it", name)
	}
	return nil
}

// Split turns v into the members of its JSON object. What could not be read again is refused now.
func Split(v any, reserved []string) (Members, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, noForm(err)
	}
	if string(text) == "null" {
		return nil, nil
	}
	var ms Members
	err = strictjson.Object(string(text), func(name, raw string) error {
		if err := check(name, reserved); err != nil {
			return err
		}
		ms = append(ms, Member{name, raw})
		return nil
	})
	return ms, err
}

// Has reports whether there is a member of that name.
func (ms Members) Has(name string) bool {
	return slices.ContainsFunc(ms, func(m Member) bool { return m.Name == name })
}

// Set replaces the member of that name, or appends it.
func (ms Members) Set(m Member) Members {
	for i := range ms {
		if ms[i].Name == m.Name {
			ms[i].Raw = m.Raw
			return ms
		}
	}
	return append(ms, m)
}

// Without returns the members of other names than those of have.
func (ms Members) Without(have Members) Members {
	return slices.DeleteFunc(ms, func(m Member) bool { return have.Has(m.Name) })
}

// Append writes each member behind a comma.
func (ms Members) Append(text []byte) []byte {
	for _, m := range ms {
		text = append(append(AppendText(append(text, ','), m.Name), ':'), m.Raw...)
	}
	return text
}

// AppendText writes s as a JSON string.
func AppendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(s)
			return append(dst, text...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
