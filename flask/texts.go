package flask

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/credential"
	"github.com/go-jot/jot/internal/wire"
)

// told is the cause of a refusal that knows what Flask-JWT-Extended would say.
type told struct {
	text  string
	cause error
}

func (t *told) Error() string {
	if t.cause == nil {
		return t.text
	}
	return t.text + ": " + t.cause.Error()
}

func (t *told) Unwrap() error { return t.cause }

// Message returns what Flask-JWT-Extended says to a refusal: the reason that its loaders are given, for
// Config.ErrorHandler. The texts are the original's, and PyJWT's where that is their author.
func Message(err error) string {
	if t, ok := errors.AsType[*told](err); ok {
		return t.text
	}
	return answerTo(err).text
}

// explain gives a refusal the original's text.
func (c *Config) explain(refusal error, of wire.Circumstances) error {
	e, ok := errors.AsType[*jot.Error](refusal)
	if !ok {
		return nil
	}
	text := c.text(e, &of)
	if text == "" {
		text = answerTo(e.Err).text
	}
	return &told{text, e.Cause}
}

// text is empty where the answer's general text will do.
func (c *Config) text(e *jot.Error, of *wire.Circumstances) string {
	switch is := func(sentinel error) bool { return errors.Is(e.Err, sentinel) }; {
	case is(jot.ErrNoToken):
		return c.missing(of)
	case is(jot.ErrBadRequest):
		return c.malformed(e.Cause, of)
	case is(jot.ErrInvalid):
		return c.invalid(e, of)
	case is(jot.ErrWrongType):
		return onlyOf(e.Token, of.Refresh)
	case is(jot.ErrUserNotFound):
		if e.Token != nil {
			return "Error loading the user " + e.Token.Subject
		}
	case is(jot.ErrCSRF):
		if errors.Is(e.Cause, wire.ErrNoCSRF) {
			return "Missing CSRF token"
		}
	}
	return ""
}

// onlyOf says which tokens a route takes, that does not take t.
func onlyOf(t *jot.Token, refresh bool) string {
	switch {
	case refresh:
		return "Only refresh tokens are allowed"
	case t == nil || t.Type == "access": // which only a route for a type of its own refuses
		return ""
	case t.Type == "refresh":
		return "Only non-refresh tokens are allowed"
	}
	return "Only access tokens are allowed"
}

// missing says where a token was looked for.
func (c *Config) missing(of *wire.Circumstances) string {
	var names, reasons []string
	for _, at := range of.Places {
		names = append(names, Location(jot.Location(at)))
		reasons = append(reasons, c.missingIn(jot.Location(at), of))
	}
	switch last := len(names) - 1; last {
	case -1:
		return ""
	case 0:
		return reasons[0]
	default:
		return fmt.Sprintf("Missing JWT in %s or %s (%s)",
			strings.Join(names[:last], ", "), names[last], strings.Join(reasons, "; "))
	}
}

func (c *Config) missingIn(at jot.Location, of *wire.Circumstances) string {
	cookie, key := c.AccessCookieName, c.JSONKey
	if of.Refresh {
		cookie, key = c.RefreshCookieName, c.RefreshJSONKey
	}
	switch at {
	case jot.InHeader:
		if of.Request == nil || strings.Trim(of.Request.Header.Get(*c.HeaderName), " \t,") == "" {
			return "Missing " + *c.HeaderName + " Header"
		}
		return fmt.Sprintf("Missing '%s' type in '%s' header. Expected '%s: %s <JWT>'",
			*c.HeaderType, *c.HeaderName, *c.HeaderName, *c.HeaderType)
	case jot.InCookie:
		return `Missing cookie "` + cookie + `"`
	case jot.InQuery:
		return "Missing '" + c.QueryStringName + "' query paramater" // as it is written there
	case jot.InBody:
		if of.Request == nil || !saysJSON(of.Request) {
			return "Invalid content-type. Must be application/json."
		}
		return `Missing "` + key + `" key in json data.`
	}
	return ""
}

// saysJSON reports whether the body's type is JSON, whether or not there is a body.
func saysJSON(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// malformed says how a credential should have looked.
func (c *Config) malformed(cause error, of *wire.Circumstances) string {
	switch jot.Location(of.At) {
	case jot.InHeader:
		if *c.HeaderType == "" {
			return fmt.Sprintf("Bad %s header. Expected '%s: <JWT>'", *c.HeaderName, *c.HeaderName)
		}
		return fmt.Sprintf("Bad %s header. Expected '%s: %s <JWT>'", *c.HeaderName, *c.HeaderName, *c.HeaderType)
	case jot.InQuery:
		switch prefix := c.QueryStringValuePrefix; {
		case prefix == "":
			return ""
		case of.Request != nil && of.Request.URL.Query().Get(c.QueryStringName) == prefix:
			return "Not enough segments"
		}
		return fmt.Sprintf("Invalid value for query parameter '%s'. Expected the value to start with '%s'",
			c.QueryStringName, c.QueryStringValuePrefix)
	case jot.InBody:
		if errors.Is(cause, credential.ErrNotText) {
			return "Invalid token type. Token must be a <class 'bytes'>"
		}
	case jot.InCookie: // two of them, where the original takes one
	}
	return ""
}

// invalid says what PyJWT finds wrong with a token.
func (c *Config) invalid(e *jot.Error, of *wire.Circumstances) string {
	if defect, ok := errors.AsType[wire.DefectError](e.Cause); ok {
		return c.defective(defect)
	}
	switch cause := e.Cause; {
	case errors.Is(cause, wire.ErrSignature):
		return "Signature verification failed"
	case errors.Is(cause, wire.ErrNotYet) && e.Token != nil:
		if e.Token.IssuedAt.After(of.Latest) {
			return "The token is not yet valid (iat)"
		}
		return "The token is not yet valid (nbf)"
	case errors.Is(cause, wire.ErrIssuer) && e.Token != nil:
		if e.Token.Issuer == "" {
			return `Token is missing the "iss" claim`
		}
		return "Invalid issuer"
	case errors.Is(cause, wire.ErrAudience) && e.Token != nil:
		if len(e.Token.Audience) == 0 {
			return `Token is missing the "aud" claim`
		}
		return "Audience doesn't match"
	}
	return c.unreadable(of.Raw)
}

// defective says what is wrong with a claim.
func (c *Config) defective(d wire.DefectError) string {
	if d.Missing {
		return "Missing claim: " + d.Claim
	}
	switch d.Claim {
	case "sub":
		return "Subject must be a string"
	case "jti":
		return "JWT ID must be a string"
	case "aud":
		return "Invalid claim format in token"
	case "iss":
		return "Payload Issuer (iss) must be a string"
	case "exp":
		return "Expiration Time claim (exp) must be an integer."
	case "nbf":
		return "Not Before claim (nbf) must be an integer."
	case "iat":
		return "Issued At claim (iat) must be an integer."
	}
	return ""
}

// unreadable says why nothing of a token's payload was looked at: what its frame or its header lacks.
func (c *Config) unreadable(raw string) string {
	segments := strings.Split(raw, ".")
	if len(segments) < 3 {
		return "Not enough segments"
	}
	if len(segments) > 3 {
		return ""
	}
	for i, what := range []string{"header", "payload", "crypto"} {
		if len(strings.TrimRight(segments[i], "="))%4 == 1 {
			return "Invalid " + what + " padding"
		}
	}
	text, err := base64.RawURLEncoding.DecodeString(segments[0])
	if err != nil || !utf8.Valid(text) || !json.Valid(text) {
		return ""
	}
	var header map[string]any
	if json.Unmarshal(text, &header) != nil || header == nil {
		return "Invalid header string: must be a json object"
	}
	if kid, ok := header["kid"]; ok {
		if _, ok := kid.(string); !ok {
			return "Key ID header parameter must be a string"
		}
	}
	alg, ok := header["alg"]
	switch {
	case header["crit"] != nil:
		return ""
	case !ok:
		return "Algorithm not specified"
	case !c.verifies(alg):
		return "The specified alg value is not allowed"
	}
	if _, ok := wire.Cut(raw); !ok {
		return "Signature verification failed"
	}
	return ""
}

// verifies reports whether alg is one of the algorithms that tokens may have.
func (c *Config) verifies(alg any) bool {
	for _, each := range c.algorithms() {
		if each == alg {
			return true
		}
	}
	return false
}

// quote writes a text as Python's json does: in ASCII, so that answers are the same byte for byte.
func quote(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case ' ' <= r && r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		case r > 0xffff:
			r -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return append(dst, '"')
}

// writeMessage answers with a text under a key.
func writeMessage(w http.ResponseWriter, status int, key, text string) {
	body := append(quote(append(quote([]byte("{"), key), ':'), text), "}\n"...)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone hears nothing
}
