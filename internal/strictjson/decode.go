package strictjson

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
)

// Decode decodes text, a value that [Object] has checked, into v by the rules of [encoding/json] but for two: numbers
// that go into an any become [json.Number], and names match the fields of structs byte for byte. A name that would be
// a field's if case were ignored is an error, unless the field's own name is there too. The second holds at every
// depth: in embedded structs, behind pointers, in slices, arrays and maps. It does not hold within a type that decodes
// itself, nor behind a pointer that an interface within v holds already.
func Decode(text string, v any) error {
	target := reflect.ValueOf(v)
	for (target.Kind() == reflect.Pointer || target.Kind() == reflect.Interface) && !target.IsNil() &&
		!decodesItself(target.Type()) {
		target = target.Elem()
	}
	if target.IsValid() && !takesAll(target.Type()) {
		exact, err := appendExact(make([]byte, 0, len(text)), text, target.Type())
		if err != nil {
			return err
		}
		text = string(exact)
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(v)
}

// decodesItself reports whether the type, or a pointer to it, gets its text as it stands.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	for _, own := range [...]reflect.Type{
		reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if t.Implements(own) || p.Implements(own) {
			return true
		}
	}
	return false
}

// takesAll reports whether a value of the type takes whatever names come.
func takesAll(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer:
		return decodesItself(t)
	case reflect.Map, reflect.Slice, reflect.Array:
		switch t.Elem().Kind() {
		case reflect.Struct, reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array:
			return decodesItself(t)
		default:
			return true
		}
	default:
		return true
	}
}

// appendExact appends raw without the members that encoding/json would match with a field of another name of t's: it
// takes "SUB" for a field named sub.
func appendExact(dst []byte, raw string, t reflect.Type) (_ []byte, err error) {
	for t.Kind() == reflect.Pointer && !decodesItself(t) {
		t = t.Elem()
	}
	if takesAll(t) {
		return append(dst, raw...), nil
	}
	switch {
	case raw[0] == '{' && t.Kind() == reflect.Struct:
		return appendStruct(dst, raw, fieldsOf(t))
	case raw[0] == '{' && t.Kind() == reflect.Map:
		return appendObject(dst, raw, func(string) (reflect.Type, error) { return t.Elem(), nil })
	case raw[0] == '[' && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		dst = append(dst, '[')
		first := true
		err = Elements(raw, func(raw string) (err error) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst, err = appendExact(dst, raw, t.Elem())
			return err
		})
		return append(dst, ']'), err
	}
	return append(dst, raw...), nil
}

// appendStruct appends the members that are fields.
func appendStruct(dst []byte, raw string, fields map[string]field) ([]byte, error) {
	return appendObject(dst, raw, func(name string) (reflect.Type, error) {
		f, ok := fields[name]
		if !ok {
			return nil, almost(raw, name, fields)
		}
		return f.Type, nil
	})
}

// almost is the error of a member that is a field but for case, nil if it is none, or if the field has a member of its
// own.
func almost(raw, name string, fields map[string]field) error {
	field := ""
	for other := range fields {
		if (field == "" || other < field) && strings.EqualFold(name, other) && !has(raw, other) {
			field = other
		}
	}
	switch f := fields[field]; {
	case field == "":
		return nil
	case f.tagged:
		return fmt.Errorf("claim %q is not the field %s, whose tag is json:%q", name, f.name, field)
	default:
		return fmt.Errorf("claim %q is not the field %s: add the tag json:%q", name, f.name, name)
	}
}

// has reports whether an object has a member.
func has(raw, want string) (found bool) {
	_ = Object(raw, func(name, _ string) error {
		found = found || name == want
		return nil
	})
	return found
}

// appendObject appends the members that typeOf knows.
func appendObject(dst []byte, raw string, typeOf func(name string) (reflect.Type, error)) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	p := parser{s: raw, room: len(raw)}
	err := p.whole(func(name, raw string, _ bool) error {
		t, err := typeOf(unquote(name))
		if t == nil || err != nil {
			return err
		}
		if !first {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), '"', ':')
		first = false
		dst, err = appendExact(dst, raw, t)
		return err
	})
	return append(dst, '}'), err
}

// field is one that encoding/json would fill.
type field struct {
	reflect.Type

	name           string // in Go
	depth          int
	tagged, hidden bool // named by a tag; another one of the same depth has the same right to the name
}

// known remembers what fieldsOf found, by type.
var known sync.Map

// fieldsOf returns the fields of a struct by their JSON names, those of embedded structs among them.
func fieldsOf(t reflect.Type) map[string]field {
	if found, ok := known.Load(t); ok {
		return found.(map[string]field) //nolint:forcetypeassert // nothing else is stored
	}
	found := map[string]field{}
	seen := map[reflect.Type]bool{t: true}
	for depth, level := 0, []reflect.Type{t}; len(level) > 0; depth++ {
		var next []reflect.Type
		for _, s := range level {
			for f := range s.Fields() {
				tag := f.Tag.Get("json")
				name, _, _ := strings.Cut(tag, ",")
				inner := f.Type
				if inner.Kind() == reflect.Pointer && inner.Name() == "" {
					inner = inner.Elem()
				}
				switch {
				case tag == "-":
				case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
					if !seen[inner] {
						seen[inner] = true
						next = append(next, inner)
					}
				case !f.IsExported():
				case name == "":
					enter(found, f.Name, field{Type: f.Type, name: f.Name, depth: depth})
				default:
					enter(found, name, field{Type: f.Type, name: f.Name, depth: depth, tagged: true})
				}
			}
		}
		level = next
	}
	maps.DeleteFunc(found, func(_ string, f field) bool { return f.hidden })
	known.Store(t, found)
	return found
}

// enter settles which of two fields of one name counts: the less deep, then the tagged one, otherwise neither.
func enter(found map[string]field, name string, f field) {
	other, taken := found[name]
	switch {
	case !taken || f.depth == other.depth && f.tagged && !other.tagged:
		found[name] = f
	case f.depth == other.depth && f.tagged == other.tagged:
		other.hidden = true
		found[name] = other
	}
}
