// Package credential finds the places of a request where a token travels, and gives its text as it stands there:
// nobody has verified it. Where there is nothing the text is empty. What is there, but is not one token, is an error,
// so that nobody looks on behind it.
package credential

import (
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// The defects of a credential. None quotes it.
var (
	errFields  = errors.New("more than one header field")
	errToken68 = errors.New("not one token behind the scheme")
	errCookies = errors.New(
		"more than one cookie of the name: a former configuration may have set it with another domain or path")
	errCookie = errors.New("a cookie that cannot be read")
	errParams = errors.New("more than one parameter of the name, or not with its prefix")
	errBody   = errors.New("a body that is malformed, too large, or names the token twice")
)

// ErrColon is the defect of a header that was written like two: "Authorization: Bearer: …".
var ErrColon = errors.New("a colon behind the scheme")

// ErrNotText is the defect of a body whose token is no string.
var ErrNotText = errors.New("a body whose token is no string")

// InHeader finds the token in a header field, behind the scheme unless that is empty. Another scheme is not there; a
// credential that is not one token68 is malformed, and so is a second field. Of one longer than longest nothing is
// asked: its length is what refuses it.
func InHeader(h http.Header, name, scheme string, longest int) (raw string, err error) {
	fields := h[name]
	if len(fields) == 0 {
		return "", nil
	}
	if len(fields) > 1 {
		return "", errFields // which of them another reader would take is anybody's guess
	}
	raw = strings.Trim(fields[0], " \t") // which are no part of it, RFC 9110 section 5.5
	if scheme != "" {
		if len(raw) < len(scheme) || !strings.EqualFold(raw[:len(scheme)], scheme) {
			return "", nil
		}
		rest := raw[len(scheme):]
		if strings.HasPrefix(rest, ":") {
			return "", ErrColon
		}
		if rest != "" && isTchar(rest[0]) {
			return "", nil // a longer name, so another scheme
		}
		raw = strings.TrimLeft(rest, " ")
		if raw == rest || raw == "" {
			return "", errToken68
		}
	}
	if raw != "" && len(raw) <= longest && !isToken68(raw) {
		return "", errToken68
	}
	return raw, nil
}

// isTchar reports whether c may stand in a token of RFC 9110 section 5.6.2: the name of a scheme, a header field or a
// cookie.
func isTchar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// IsName reports whether s is a token of RFC 9110 section 5.6.2.
func IsName(s string) bool {
	for i := range len(s) {
		if !isTchar(s[i]) {
			return false
		}
	}
	return s != ""
}

// isToken68 follows the grammar of RFC 9110 section 11.2.
func isToken68(s string) bool {
	for s != "" && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	for i := range len(s) {
		if !token68[s[i]] {
			return false
		}
	}
	return s != ""
}

var token68 = func() (table [256]bool) {
	for i := range table {
		c := byte(i)
		table[i] = isAlphanumeric(c) || strings.IndexByte("-._~+/", c) >= 0
	}
	return table
}()

// InCookie finds the token in the cookie of that name. Of two, one may be an attacker's, and which comes first is up to
// the browser. Names are counted in the header's text, because net/http passes over what it cannot read.
func InCookie(r *http.Request, name string) (raw string, err error) {
	count := 0
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			if key, _, _ := strings.Cut(pair, "="); textproto.TrimString(key) == name {
				count++
			}
		}
	}
	if count == 0 {
		return "", nil
	}
	if count > 1 {
		return "", errCookies
	}
	found := r.CookiesNamed(name)
	if len(found) != 1 {
		return "", errCookie
	}
	return found[0].Value, nil
}

// InQuery finds the token in the parameter of that name, behind the prefix. Names are counted in the URL's text,
// because net/url passes over what it cannot read; a semicolon parts them for some readers.
func InQuery(u *url.URL, name, prefix string) (raw string, err error) {
	count := 0
	for pair := range strings.FieldsFuncSeq(u.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		key, _, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err == nil && key == name {
			count++
		}
	}
	values := u.Query()[name]
	switch {
	case count == 0 || count == 1 && len(values) == 1 && values[0] == "":
		return "", nil
	case count > 1 || len(values) != 1:
		return "", errParams
	}
	raw, ok := strings.CutPrefix(values[0], prefix)
	if !ok || raw == "" {
		return "", errParams
	}
	return raw, nil
}
