// Package strictjson reads one JSON object in one pass, and only if every reader would read it alike: valid UTF-8
// without lone surrogates, no name twice at any depth, names compared byte for byte, no more than 32 containers open
// at once, nothing but JSON white space around the object.
package strictjson

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how many objects and arrays may be open at once, the outermost included.
const MaxDepth = 32

// The errors of [Object]. They never quote the input.
var (
	ErrSyntax    = errors.New("not one well-formed JSON object")
	ErrUTF8      = errors.New("JSON text is not valid UTF-8")
	ErrDuplicate = errors.New("JSON object has a member twice")
	ErrDepth     = errors.New("JSON is nested too deeply")
	ErrMany      = errors.New("JSON text has too many members")
)

// Object reads s as one object and calls member for each of its members, in order. The name is decoded; raw is the
// value's text as it stands in s, already checked at every depth. An error of member ends the reading and is returned.
func Object(s string, member func(name, raw string) error) error {
	p := parser{s: s, room: len(s)} // there is no member without a byte
	return p.whole(func(name, raw string, escaped bool) error {
		if escaped {
			name = unquote(name)
		}
		return member(name, raw)
	})
}

// Pick reads s as [Object] does, but calls member only for the names that are wanted, which have no backslash, and
// refuses more than limit members and array elements, counted at every depth. It allocates nothing up to a limit of
// 64, so it is for a text that nobody has vouched for yet.
func Pick(s string, limit int, wanted []string, member func(name, raw string) error) error {
	p := parser{s: s, room: limit}
	return p.whole(func(name, raw string, escaped bool) error {
		for _, w := range wanted {
			if w == name || escaped && same(name, w) {
				return member(w, raw)
			}
		}
		return nil
	})
}

// Elements calls element for each element of raw, an array that [Object] has checked, in order. An error of element
// ends the reading and is returned.
func Elements(raw string, element func(raw string) error) error {
	if raw == "" || raw[0] != '[' {
		return ErrSyntax
	}
	p := parser{s: raw, room: len(raw)}
	return p.array(element)
}

// String decodes raw, a value that [Object] has checked. ok is false when it is not a string.
func String(raw string) (s string, ok bool) {
	if raw == "" || raw[0] != '"' {
		return "", false
	}
	return unquote(raw[1 : len(raw)-1]), true
}

// Strings decodes raw, a value that [Object] has checked. ok is false when it is not an array of strings.
func Strings(raw string) (list []string, ok bool) {
	if raw == "" || raw[0] != '[' {
		return nil, false
	}
	err := Elements(raw, func(raw string) error {
		s, ok := String(raw)
		if !ok {
			return ErrSyntax
		}
		list = append(list, s)
		return nil
	})
	if err != nil {
		return nil, false
	}
	return list, true
}

type parser struct {
	s     string
	i     int
	depth int
	room  int // how many members and elements may still come
	names names

	escaped bool // an escape was seen in a string
}

// whole reads all of the text as one object, and gives its names as they stand there.
func (p *parser) whole(member func(name, raw string, escaped bool) error) error {
	p.space()
	if p.peek() != '{' {
		return ErrSyntax
	}
	if err := p.object(member); err != nil {
		return err
	}
	p.space()
	if p.i != len(p.s) {
		return ErrSyntax
	}
	return nil
}

// enter counts a member or an element.
func (p *parser) enter() error {
	if p.room == 0 {
		return ErrMany
	}
	p.room--
	return nil
}

// peek returns the byte at hand, 0 at the end: no JSON token begins with 0.
func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// space moves past white space, of which there mostly is none.
func (p *parser) space() {
	if p.i < len(p.s) && p.s[p.i] <= ' ' {
		p.spaces()
	}
}

func (p *parser) spaces() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) open() error {
	p.i++
	p.depth++
	if p.depth > MaxDepth {
		return ErrDepth
	}
	return nil
}

func (p *parser) shut() {
	p.i++
	p.depth--
}

func (p *parser) value() error {
	switch c := p.peek(); {
	case c == '"':
		return p.text()
	case c == '{':
		return p.object(nil)
	case c == '[':
		return p.array(nil)
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	case c == 't':
		return p.literal("true")
	case c == 'f':
		return p.literal("false")
	case c == 'n':
		return p.literal("null")
	}
	return ErrSyntax
}

func (p *parser) literal(word string) error {
	if len(p.s)-p.i < len(word) || p.s[p.i:p.i+len(word)] != word {
		return ErrSyntax
	}
	p.i += len(word)
	return nil
}

func (p *parser) array(element func(raw string) error) error {
	if err := p.open(); err != nil {
		return err
	}
	p.space()
	if p.peek() == ']' {
		p.shut()
		return nil
	}
	for {
		p.space()
		if err := p.enter(); err != nil {
			return err
		}
		start := p.i
		if err := p.value(); err != nil {
			return err
		}
		if element != nil {
			if err := element(p.s[start:p.i]); err != nil {
				return err
			}
		}
		p.space()
		switch p.peek() {
		case ',':
			p.i++
		case ']':
			p.shut()
			return nil
		default:
			return ErrSyntax
		}
	}
}

func (p *parser) object(member func(name, raw string, escaped bool) error) error {
	if err := p.open(); err != nil {
		return err
	}
	p.space()
	if p.peek() == '}' {
		p.shut()
		return nil
	}
	first := p.names.n
	var many map[string]struct{}
	for {
		p.space()
		if p.peek() != '"' {
			return ErrSyntax
		}
		if err := p.enter(); err != nil {
			return err
		}
		start := p.i
		p.escaped = false
		if err := p.text(); err != nil {
			return err
		}
		name, escaped := p.s[start+1:p.i-1], p.escaped
		if !p.names.add(name, escaped, first, &many) {
			return ErrDuplicate
		}
		p.space()
		if p.peek() != ':' {
			return ErrSyntax
		}
		p.i++
		p.space()
		start = p.i
		if err := p.value(); err != nil {
			return err
		}
		if member != nil {
			if err := member(name, p.s[start:p.i], escaped); err != nil {
				return err
			}
		}
		p.space()
		switch p.peek() {
		case ',':
			p.i++
		case '}':
			p.shut()
			p.names.n = first
			return nil
		default:
			return ErrSyntax
		}
	}
}

// number follows the grammar of RFC 8259 section 6: no leading zero, no bare point, no plus sign.
func (p *parser) number() error {
	if p.peek() == '-' {
		p.i++
	}
	if p.peek() == '0' {
		p.i++
	} else if !p.digits() {
		return ErrSyntax
	}
	if p.peek() == '.' {
		p.i++
		if !p.digits() {
			return ErrSyntax
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.i++
		if c := p.peek(); c == '+' || c == '-' {
			p.i++
		}
		if !p.digits() {
			return ErrSyntax
		}
	}
	return nil
}

func (p *parser) digits() bool {
	start := p.i
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.i++
	}
	return p.i > start
}

// text moves past a string, its quotes included.
func (p *parser) text() error {
	p.i++
	for p.i < len(p.s) {
		for p.i < len(p.s) && plain[p.s[p.i]] {
			p.i++
		}
		if p.i == len(p.s) {
			break
		}
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return nil
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
		case c < ' ':
			return ErrSyntax
		default:
			r, size := utf8.DecodeRuneInString(p.s[p.i:])
			if r == utf8.RuneError && size == 1 {
				return ErrUTF8
			}
			p.i += size
		}
	}
	return ErrSyntax
}

// escape moves past one escape; a surrogate must have its partner, for a lone one is no character.
func (p *parser) escape() error {
	p.escaped = true
	p.i++
	switch p.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.i++
		return nil
	case 'u':
	default:
		return ErrSyntax
	}
	p.i++
	r, ok := hex4(p.s[p.i:])
	if !ok {
		return ErrSyntax
	}
	p.i += 4
	if !utf16.IsSurrogate(r) {
		return nil
	}
	if rest := p.s[p.i:]; len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		if low, ok := hex4(rest[2:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
			p.i += 6
			return nil
		}
	}
	return ErrUTF8
}

// plain are the bytes that a string may have as they are.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()
