package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-jot/jot/internal/strictjson"
)

// MaxDate is the last second that a date may name: 9999-12-31T23:59:59Z.
const MaxDate = 253402300799

// Claims are the registered claims of a token and jot's own. A date that is absent is NoDate.
type Claims struct {
	Issuer, Subject, ID, Type, SessionID   string
	CSRF                                   string // empty too if it is no string: it equals nothing then
	Audience, Scopes                       []string
	IssuedAt, NotBefore, Expires, AuthTime int64 // seconds since 1970
	Issued                                 int64 // IssuedAt, but rounded down: what came before a logout did
	Fresh                                  bool
	FreshUntil                             int64 // seconds since 1970, the last fresh one
}

// NoDate stands for a date that the token does not carry.
const NoDate = -1

// DefectError is a claim that is missing or malformed. It never quotes the token.
type DefectError struct {
	Claim   string
	Missing bool
}

// Error names the claim.
func (d DefectError) Error() string {
	if d.Missing {
		return d.Claim + " is missing"
	}
	return d.Claim + " is not what it must be"
}

var errBound = errors.New("cnf binds the token to a key, it is no bearer token") // RFC 9449 section 7.2, RFC 8705

// ReadClaims reads a payload's JSON text. It checks form and presence; whether a date has come is the caller's
// question.
func (p *Profile) ReadClaims(text string) (Claims, error) {
	c := Claims{
		Type: p.DefaultType, IssuedAt: NoDate, Issued: NoDate, NotBefore: NoDate, Expires: NoDate, AuthTime: NoDate,
		FreshUntil: NoDate,
	}
	subject := p.SubjectClaim()
	var m marks
	err := strictjson.Object(text, func(name, raw string) error {
		if !p.sets(&c, name, raw, subject) {
			return DefectError{Claim: name}
		}
		if name == "cnf" {
			return errBound
		}
		if p.Foreign || p.Required != nil {
			return m.note(p, name, raw)
		}
		return nil
	})
	if p.Foreign && err == nil {
		err = m.foreign(p, &c)
	}
	switch {
	case err != nil:
	case c.Subject == "":
		err = DefectError{subject, true}
	case c.Type == "":
		err = DefectError{"type", true}
	case c.ID == "" && !p.IDOptional:
		err = DefectError{"jti", true}
		if p.Foreign {
			err = errNoID
		}
	case c.Expires == NoDate && !slices.Contains(p.NoExpiry, c.Type):
		err = DefectError{"exp", true}
	case c.Type == "access":
		err = m.missing(p)
	}
	if err != nil {
		return Claims{}, fmt.Errorf("claims: %w", err)
	}
	return c, nil
}

// ReadIssuer returns the iss of a payload that nobody has vouched for yet, "" if it has none. It says whose keys to
// look at, and nothing else.
func ReadIssuer(text string) (name string) {
	_ = strictjson.Pick(text, len(text), []string{"iss"}, func(_, raw string) error {
		name, _ = strictjson.String(raw)
		return nil
	})
	return name
}

// sets takes one member as the profile reads it.
func (p *Profile) sets(c *Claims, name, raw, subject string) bool {
	switch {
	case name == subject && p.NumericSubject && isInteger(raw):
		c.Subject = raw
		return true
	case name == "sub" && name != subject && p.TextualSub:
		_, ok := strictjson.String(raw)
		return ok
	}
	return c.set(name, raw, subject)
}

// isInteger reports whether raw, a value of JSON, is a whole number without an exponent.
func isInteger(raw string) bool {
	return strings.Trim(strings.TrimPrefix(raw, "-"), "0123456789") == ""
}

// set takes one member; false means that its value has the wrong form. Dates that open a time are rounded up, those
// that end one down, so that a fraction never lengthens a token's life.
func (c *Claims) set(name, raw, subject string) (ok bool) {
	if name == subject {
		c.Subject, ok = text(raw)
		return ok
	}
	switch name {
	case "iss":
		c.Issuer, ok = text(raw)
	case "jti":
		c.ID, ok = text(raw)
	case "type":
		c.Type, ok = text(raw)
	case "sid":
		c.SessionID, ok = text(raw)
	case "csrf":
		c.CSRF, _ = strictjson.String(raw)
		ok = true
	case "aud":
		c.Audience, ok = texts(raw)
	case "scope":
		c.Scopes, ok = scopes(raw)
	case "exp":
		c.Expires, ok = date(raw, down)
	case "nbf":
		c.NotBefore, ok = date(raw, up)
	case "iat":
		c.IssuedAt, ok = date(raw, up)
		c.Issued, _ = date(raw, down)
	case "auth_time":
		c.AuthTime, ok = date(raw, down)
	case "fresh":
		switch raw {
		case "true":
			c.Fresh, ok = true, true
		case "false":
			ok = true
		default:
			c.FreshUntil, ok = date(raw, down)
		}
	default:
		ok = true
	}
	return ok
}

// text reads a string; these claims have no use for an empty one.
func text(raw string) (string, bool) {
	s, ok := strictjson.String(raw)
	return s, ok && s != ""
}

// texts reads a string or an array of strings, none of them empty and at least one (RFC 7519 section 4.1.3).
func texts(raw string) ([]string, bool) {
	if s, ok := text(raw); ok {
		return []string{s}, true
	}
	list, ok := strictjson.Strings(raw)
	for _, s := range list {
		ok = ok && s != ""
	}
	return list, ok && len(list) > 0
}

// scopes reads RFC 9068's one string of names between spaces, or an array of names.
func scopes(raw string) (list []string, ok bool) {
	if s, single := strictjson.String(raw); single {
		list, ok = spaced(s), true
	} else {
		list, ok = strictjson.Strings(raw)
	}
	for _, s := range list {
		ok = ok && IsScope(s)
	}
	return list, ok
}

// spaced cuts a text at its spaces.
func spaced(s string) []string {
	n := 0
	for i := range len(s) {
		if s[i] != ' ' && (i == 0 || s[i-1] == ' ') {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for s != "" {
		var name string
		if name, s, _ = strings.Cut(s, " "); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// IsScope reports whether s is a scope of RFC 6749 section 3.3. What is none would be another one, or several, once it
// is written into a string of them.
func IsScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// How a date with a fraction is rounded.
const (
	down = false
	up   = true
)

// date reads a NumericDate (RFC 7519 section 2) between 1970 and 9999: beyond them, arithmetic on time wraps around.
// It reads digit by digit, since a floating-point number has rounded the date before it is compared.
func date(raw string, roundUp bool) (int64, bool) {
	if seconds, ok := plainDate(raw); ok {
		return seconds, true
	}
	digits, negative := strings.CutPrefix(raw, "-")
	if digits == "" || digits[0] < '0' || '9' < digits[0] {
		return NoDate, false
	}
	exponent := 0
	if e := strings.IndexAny(digits, "eE"); e >= 0 {
		digits, exponent = digits[:e], power(digits[e+1:])
	}
	whole := exponent // how many digits, from here on, stand before the point
	if point := strings.IndexByte(digits, '.'); point >= 0 {
		whole += point
	} else {
		whole += len(digits)
	}
	seconds, fraction := int64(0), false
	for i := range len(digits) {
		switch c := digits[i]; {
		case c == '.':
			continue
		case whole > 0:
			if seconds = 10*seconds + int64(c-'0'); seconds > MaxDate {
				return NoDate, false
			}
		case c != '0':
			fraction = true
		}
		whole--
	}
	for ; whole > 0 && seconds > 0; whole-- {
		if seconds *= 10; seconds > MaxDate {
			return NoDate, false
		}
	}
	if fraction && (negative || seconds == MaxDate) || negative && seconds > 0 {
		return NoDate, false
	}
	if fraction && roundUp {
		seconds++
	}
	return seconds, true
}

// plainDate reads a date as nearly all are written: digits, no more than no date could have.
func plainDate(raw string) (seconds int64, ok bool) {
	if len(raw) == 0 || len(raw) > 12 {
		return NoDate, false
	}
	for i := range len(raw) {
		c := raw[i] - '0'
		if c > 9 {
			return NoDate, false
		}
		seconds = 10*seconds + int64(c)
	}
	return seconds, seconds <= MaxDate
}

// power reads the exponent of a number. One that is larger than any text is long is as good as any other.
func power(digits string) int {
	const most = 1 << 30
	n, err := strconv.ParseInt(digits, 10, 32)
	switch {
	case err == nil && -most <= n && n <= most:
		return int(n)
	case digits[0] == '-':
		return -most
	}
	return most
}

// AppendClaims writes c as the beginning of a JSON object, all but its closing brace. The claims that c lacks are
// left out; fresh is written where withFresh says so, since other decoders look for it.
func (p *Profile) AppendClaims(dst []byte, c *Claims, withFresh bool) []byte {
	dst = append(dst, `{"type":`...)
	dst = AppendText(dst, c.Type)
	for _, m := range []struct{ name, value string }{
		{p.SubjectClaim(), c.Subject},
		{"jti", c.ID},
		{"sid", c.SessionID},
		{"csrf", c.CSRF},
		{"iss", c.Issuer},
		{"scope", strings.Join(c.Scopes, " ")},
	} {
		if m.value != "" {
			dst = AppendText(append(AppendText(append(dst, ','), m.name), ':'), m.value)
		}
	}
	for _, m := range []struct {
		name  string
		value int64
	}{{"iat", c.IssuedAt}, {"nbf", c.NotBefore}, {"exp", c.Expires}, {"auth_time", c.AuthTime}} {
		if m.value != NoDate {
			dst = strconv.AppendInt(append(AppendText(append(dst, ','), m.name), ':'), m.value, 10)
		}
	}
	switch len(c.Audience) {
	case 0:
	case 1:
		dst = AppendText(append(dst, `,"aud":`...), c.Audience[0])
	default:
		list, _ := json.Marshal(c.Audience) // strings always have a JSON form
		dst = append(append(dst, `,"aud":`...), list...)
	}
	switch {
	case !withFresh:
	case c.FreshUntil != NoDate:
		dst = strconv.AppendInt(append(dst, `,"fresh":`...), c.FreshUntil, 10)
	default:
		dst = strconv.AppendBool(append(dst, `,"fresh":`...), c.Fresh)
	}
	return dst
}

// Apply changes what a token about to be made says.
func (m *Minting) Apply(c *Claims) {
	c.Issuer, c.Audience = m.Issuer, m.Audience
	if m.NotBefore {
		c.NotBefore = c.IssuedAt
	}
	c.CSRF = ""
	if m.NewCSRF != nil {
		c.CSRF = m.NewCSRF()
	}
}
