package strictjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// Decode decodes text, a value that [Object] has checked, into v by the rules of [encoding/json] but for two: numbers
// that go into an any become [json.Number], and names match the fields of structs byte for byte. The second holds at
// every depth: in embedded structs, behind pointers, in slices, arrays and maps. It does not hold within a type that
// decodes itself, nor behind a pointer that an interface within v holds already.
func Decode(text string, v any) error {
	target := reflect.ValueOf(v)
	for (target.Kind() == reflect.Pointer || target.Kind() == reflect.Interface) && !target.IsNil() &&
		!decodesItself(target.Type()) {
		target = target.Elem()
	}
	if target.IsValid() && !takesAll(target.Type()) {
		text = string(appendExact(make([]byte, 0, len(text)), text, target.Type()))
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
func appendExact(dst []byte, raw string, t reflect.Type) []byte {
	for t.Kind() == reflect.Pointer && !decodesItself(t) {
		t = t.Elem()
	}
	if takesAll(t) {
		return append(dst, raw...)
	}
	switch {
	case raw[0] == '{' && t.Kind() == reflect.Struct:
		fields := fieldsOf(t)
		return appendObject(dst, raw, func(name string) (reflect.Type, bool) {
			field, ok := fields[name]
			return field, ok
		})
	case raw[0] == '{' && t.Kind() == reflect.Map:
		return appendObject(dst, raw, func(string) (reflect.Type, bool) { return t.Elem(), true })
	case raw[0] == '[' && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		dst = append(dst, '[')
		first := true
		_ = Elements(raw, func(raw string) error {
			if !first {
				dst = append(dst, ',')
			}
			first, dst = false, appendExact(dst, raw, t.Elem())
			return nil
		})
		return append(dst, ']')
	}
	return append(dst, raw...)
}

// appendObject appends the members that typeOf knows.
func appendObject(dst []byte, raw string, typeOf func(name string) (reflect.Type, bool)) []byte {
	dst = append(dst, '{')
	first := true
	p := parser{s: raw, room: len(raw)}
	_ = p.whole(func(name, raw string) error {
		t, ok := typeOf(unquote(name))
		if !ok {
			return nil
		}
		if !first {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), '"', ':')
		first, dst = false, appendExact(dst, raw, t)
		return nil
	})
	return append(dst, '}')
}

// field is one that encoding/json would fill.
type field struct {
	reflect.Type

	depth          int
	tagged, hidden bool // named by a tag; another one of the same depth has the same right to the name
}

// known remembers what fieldsOf found, by type.
var known sync.Map

// fieldsOf returns the fields of a struct by their JSON names, those of embedded structs among them.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if found, ok := known.Load(t); ok {
		return found.(map[string]reflect.Type) //nolint:forcetypeassert // nothing else is stored
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
					enter(found, f.Name, field{Type: f.Type, depth: depth})
				default:
					enter(found, name, field{Type: f.Type, depth: depth, tagged: true})
				}
			}
		}
		level = next
	}
	types := map[string]reflect.Type{}
	for name, f := range found {
		if !f.hidden {
			types[name] = f.Type
		}
	}
	known.Store(t, types)
	return types
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
