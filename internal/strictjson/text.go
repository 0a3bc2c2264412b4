package strictjson

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote decodes the inside of a checked string. Without an escape it is part of the input, not a copy.
func unquote(s string) string {
	escape := strings.IndexByte(s, '\\')
	if escape < 0 {
		return s
	}
	out := append(make([]byte, 0, len(s)), s[:escape]...)
	for s = s[escape:]; s != ""; {
		c, size := character(s)
		out = utf8.AppendRune(out, c)
		s = s[size:]
	}
	return string(out)
}

// character decodes the first character of the inside of a checked string, and says how many bytes it takes there.
func character(s string) (c rune, size int) {
	if s[0] != '\\' {
		return utf8.DecodeRuneInString(s)
	}
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		c, _ = hex4(s[2:])
		if !utf16.IsSurrogate(c) {
			return c, 6
		}
		low, _ := hex4(s[8:])
		return utf16.DecodeRune(c, low), 12
	}
	return rune(s[1]), 2
}

// same reports whether the insides of two checked strings decode to the same text.
func same(a, b string) bool {
	for a != "" && b != "" {
		c, n := character(a)
		d, m := character(b)
		if c != d {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}
