package jot

import (
	"net/http"
	"strings"
)

// Location is a place in a request where a token travels.
type Location string

// InHeader is the Authorization header: "Authorization: Bearer <token>" (RFC 6750 section 2.1).
const InHeader Location = "header"

// bearer finds the token of the Authorization header. Nothing there, or another scheme, is "" without an error; a
// Bearer credential that is not one token68, or a second field, is malformed.
func bearer(h http.Header) (raw string, ok bool) {
	fields := h["Authorization"]
	if len(fields) == 0 {
		return "", true
	}
	if len(fields) > 1 {
		return "", false // which of them another reader would take is anybody's guess
	}
	const scheme = "bearer"
	value := fields[0]
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", true
	}
	rest := value[len(scheme):]
	if rest != "" && isTchar(rest[0]) {
		return "", true // a longer name, so another scheme
	}
	raw = strings.TrimLeft(rest, " ")
	if raw == rest || raw == "" {
		return "", false
	}
	if len(raw) > maxTokenSize {
		return raw, true // refused by its length before anybody reads it
	}
	return raw, isToken68(raw)
}

// isTchar reports whether c may stand in the name of a scheme (RFC 9110 section 5.6.2).
func isTchar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isToken68 follows the grammar of RFC 9110 section 11.2.
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~+/", c) >= 0) {
			return false
		}
	}
	return s != ""
}
