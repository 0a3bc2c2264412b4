// Package strictjson reads one JSON object in one pass, and only if every reader would read it alike: valid UTF-8
// without lone surrogates, no name twice at any depth, names compared byte for byte, no more than 32 containers open
// at once, nothing but JSON white space around the object.
package strictjson

import (
	"errors"
	"slices"
	"strconv"
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
)

// linearNames is how many names of one object are compared one by one before a map takes over: names are few, but an
// attacker's header must not cost the square of its size.
const linearNames = 16

// Object reads s as one object and calls member for each of its members, in order. The name is decoded; raw is the
// value's text as it stands in s, already checked at every depth. An error of member ends the reading and is returned.
func Object(s string, member func(name, raw string) error) error {
	p := parser{s: s}
	p.space()
	if p.peek() != '{' {
		return ErrSyntax
	}
	if err := p.object(member); err != nil {
		return err
	}
	p.space()
	if p.i != len(s) {
		return ErrSyntax
	}
	return nil
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
	p := parser{s: raw, i: 1}
	for p.space(); p.peek() != ']'; p.space() {
		if p.peek() == ',' {
			p.i++
			continue
		}
		start := p.i
		if p.peek() != '"' || p.text() != nil {
			return nil, false
		}
		list = append(list, unquote(raw[start+1:p.i-1]))
	}
	return list, true
}

type parser struct {
	s     string
	i     int
	depth int
}

// peek returns the byte at hand, 0 at the end: no JSON token begins with 0.
func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) space() {
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
		return p.array()
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

func (p *parser) array() error {
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
		if err := p.value(); err != nil {
			return err
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

func (p *parser) object(member func(name, raw string) error) error {
	if err := p.open(); err != nil {
		return err
	}
	p.space()
	if p.peek() == '}' {
		p.shut()
		return nil
	}
	var seen names
	for {
		p.space()
		if p.peek() != '"' {
			return ErrSyntax
		}
		start := p.i
		if err := p.text(); err != nil {
			return err
		}
		name := unquote(p.s[start+1 : p.i-1])
		if !seen.add(name) {
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
			if err := member(name, p.s[start:p.i]); err != nil {
				return err
			}
		}
		p.space()
		switch p.peek() {
		case ',':
			p.i++
		case '}':
			p.shut()
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
		case c < utf8.RuneSelf:
			p.i++
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

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}

// unquote decodes the inside of a checked string. Without an escape it is part of the input, not a copy.
func unquote(s string) string {
	escape := -1
	for i := range len(s) {
		if s[i] == '\\' {
			escape = i
			break
		}
	}
	if escape < 0 {
		return s
	}
	out := append(make([]byte, 0, len(s)), s[:escape]...)
	for i := escape; i < len(s); {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		switch c := s[i+1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(s[i+2:])
			if utf16.IsSurrogate(r) {
				low, _ := hex4(s[i+8:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			out = utf8.AppendRune(out, r)
			i += 4
		default:
			out = append(out, c)
		}
		i += 2
	}
	return string(out)
}

// names is the set of names of one object.
type names struct {
	few  [linearNames]string
	n    int
	many map[string]struct{}
}

func (n *names) add(name string) bool {
	if n.many != nil {
		_, twice := n.many[name]
		n.many[name] = struct{}{}
		return !twice
	}
	if slices.Contains(n.few[:n.n], name) {
		return false
	}
	if n.n < len(n.few) {
		n.few[n.n] = name
		n.n++
		return true
	}
	n.many = make(map[string]struct{}, 2*len(n.few))
	for _, other := range n.few {
		n.many[other] = struct{}{}
	}
	n.many[name] = struct{}{}
	return true
}
