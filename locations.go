package jot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jot/jot/internal/strictjson"
)

// Location is a place in a request where a token travels.
type Location string

// The places. Where a manager looks is set by [WithLocations], where one route does by [Locations].
const (
	// InHeader is the Authorization header: "Authorization: Bearer <token>" (RFC 6750 section 2.1), or that of
	// [WithHeader].
	InHeader Location = "header"
	// InCookie is a cookie, one for access tokens and one for refresh tokens: see [CookieConfig].
	InCookie Location = "cookie"
	// InQuery is a parameter of the URL (RFC 6750 section 2.3): see [WithQueryParam]. URLs end up in logs and
	// histories, so refresh tokens are never taken from there; use it for short-lived tokens where nothing else can
	// be sent.
	InQuery Location = "query"
	// InBody is a member of a JSON object or a field of an urlencoded form (RFC 6750 section 2.2): see [WithBodyKeys].
	InBody Location = "body"
)

// maxBody is how much of a body is read to look for a token.
const maxBody = 64 << 10

// places says where tokens are looked for, and under which names.
type places struct {
	order               []Location
	header, scheme      string
	param, prefix       string
	accessKey, freshKey string
}

var defaultPlaces = places{
	header: "Authorization", scheme: "Bearer", param: "access_token", accessKey: "access_token", freshKey: "refresh_token",
}

// WithLocations looks for tokens in these places, in order: [InHeader] unless set, or [InCookie] with [WithCookies].
// Only where nothing is found does the search go on: something bad is refused. One route may differ: [Locations].
func WithLocations(places ...Location) Option {
	return set("WithLocations", badLocations(places), func(c *config) { c.places.order = slices.Clone(places) })
}

func badLocations(places []Location) string {
	if len(places) == 0 {
		return "name at least one"
	}
	for i, at := range places {
		if at != InHeader && at != InCookie && at != InQuery && at != InBody {
			return fmt.Sprintf("%q is no location", string(at))
		}
		if slices.Contains(places[:i], at) {
			return fmt.Sprintf("%q is there twice", string(at))
		}
	}
	return ""
}

// WithHeader sets the header and the scheme of [InHeader]: "Authorization" and "Bearer" unless set. Without a scheme
// the header holds the bare token.
func WithHeader(name, scheme string) Option {
	wrong := ""
	if !isName(name) || scheme != "" && !isName(scheme) {
		wrong = "not the name of a header and of a scheme"
	}
	return set("WithHeader", wrong, func(c *config) { c.places.header, c.places.scheme = http.CanonicalHeaderKey(name), scheme })
}

// WithQueryParam sets the parameter of [InQuery], and what stands before the token in its value: "access_token" (RFC
// 6750 section 2.3) and nothing unless set.
func WithQueryParam(name, prefix string) Option {
	wrong := ""
	if name == "" {
		wrong = "the name is empty"
	}
	return set("WithQueryParam", wrong, func(c *config) { c.places.param, c.places.prefix = name, prefix })
}

// WithBodyKeys sets the names under which [InBody] finds access tokens and refresh tokens: "access_token" and
// "refresh_token" unless set.
func WithBodyKeys(access, refresh string) Option {
	wrong := ""
	if access == "" || refresh == "" {
		wrong = "a name is empty"
	}
	return set("WithBodyKeys", wrong, func(c *config) { c.places.accessKey, c.places.freshKey = access, refresh })
}

// The defects of a credential, for the operator.
var (
	errFields  = errors.New("more than one header field")
	errToken68 = errors.New("not one token behind the scheme")
	errCookies = errors.New("more than one cookie of the name: a former configuration may have set it with another domain or path")
	errParams  = errors.New("more than one parameter of the name, or not with its prefix")
	errBody    = errors.New("a body that is malformed, too large, or names the token twice")
)

// credential finds a token's text in one place. Nothing there is "" without an error.
func (m *Manager) credential(r *http.Request, at Location, refresh bool) (raw string, err error) {
	switch at {
	case InHeader:
		return m.places.inHeader(r.Header)
	case InCookie:
		return m.cookies.credential(r, refresh)
	case InQuery:
		if refresh && !m.profile.RefreshInQuery {
			return "", nil
		}
		return m.places.inQuery(r)
	case InBody:
		key := m.places.accessKey
		if refresh {
			key = m.places.freshKey
		}
		return inBody(r, key, !m.profile.NoForms)
	}
	return "", nil
}

// inHeader finds the token of the header. Another scheme is not there; a credential that is not one token68, or a
// second field, is malformed.
func (p *places) inHeader(h http.Header) (raw string, err error) {
	fields := h[p.header]
	if len(fields) == 0 {
		return "", nil
	}
	if len(fields) > 1 {
		return "", errFields // which of them another reader would take is anybody's guess
	}
	raw = fields[0]
	if p.scheme != "" {
		if len(raw) < len(p.scheme) || !strings.EqualFold(raw[:len(p.scheme)], p.scheme) {
			return "", nil
		}
		rest := raw[len(p.scheme):]
		if rest != "" && isTchar(rest[0]) {
			return "", nil // a longer name, so another scheme
		}
		raw = strings.TrimLeft(rest, " ")
		if raw == rest || raw == "" {
			return "", errToken68
		}
	}
	if raw != "" && len(raw) <= maxTokenSize && !isToken68(raw) { // a longer one is refused by its length before anybody reads it
		return "", errToken68
	}
	return raw, nil
}

// isTchar reports whether c may stand in a token of RFC 9110 section 5.6.2: the name of a scheme, a header field or a
// cookie.
func isTchar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isName reports whether s is a token of RFC 9110 section 5.6.2.
func isName(s string) bool {
	for i := range len(s) {
		if !isTchar(s[i]) {
			return false
		}
	}
	return s != ""
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

// inQuery finds the token of the URL.
func (p *places) inQuery(r *http.Request) (raw string, err error) {
	values := r.URL.Query()[p.param]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", nil
	case len(values) > 1:
		return "", errParams
	}
	raw, ok := strings.CutPrefix(values[0], p.prefix)
	if !ok || raw == "" {
		return "", errParams
	}
	return raw, nil
}

// inBody finds the token of a body, and leaves the body to be read again.
func inBody(r *http.Request, key string, forms bool) (raw string, err error) {
	kind, _ := bodyKind(r)
	form := forms && kind == formKind && r.Method == http.MethodPost
	if !form && kind != "application/json" && !(strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return "", nil
	}
	text, whole, err := peek(r)
	if err != nil || !whole {
		return "", errBody
	}
	if form {
		return inForm(text, key)
	}
	return inJSON(text, key)
}

const formKind = "application/x-www-form-urlencoded"

// bodyKind returns the media type of a body, "" if there is none that can be read.
func bodyKind(r *http.Request) (kind string, params map[string]string) {
	if coding := r.Header.Get("Content-Encoding"); r.Body == nil || r.Body == http.NoBody || coding != "" && !strings.EqualFold(coding, "identity") {
		return "", nil
	}
	kind, params, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind, params
}

// peek reads the beginning of a body, and leaves all of it to be read again; whole says that it was all.
func peek(r *http.Request) (text string, whole bool, err error) {
	head, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	return string(head), len(head) <= maxBody, err
}

// inForms finds a field of a form of either kind. Of one with files it has to stand before them.
func inForms(r *http.Request, name string) (value string, err error) {
	kind, params := bodyKind(r)
	if kind != formKind && kind != "multipart/form-data" {
		return "", nil
	}
	text, whole, err := peek(r)
	if err != nil {
		return "", errBody
	}
	if kind == formKind {
		if !whole {
			return "", errBody
		}
		return inForm(text, name)
	}
	parts := multipart.NewReader(strings.NewReader(text), params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return "", nil //nolint:nilerr // its end, or the end of what is looked at: not there
		}
		if part.FormName() == name && part.FileName() == "" {
			field, err := io.ReadAll(part)
			if err != nil {
				return "", errBody
			}
			return string(field), nil
		}
	}
}

func inForm(text, key string) (raw string, err error) {
	values, err := url.ParseQuery(text)
	if err != nil || len(values[key]) > 1 {
		return "", errBody
	}
	return values.Get(key), nil
}

func inJSON(text, key string) (raw string, err error) {
	if object := strings.TrimLeft(text, " \t\r\n"); object == "" || object[0] != '{' {
		return "", nil
	}
	err = strictjson.Object(text, func(name, value string) error {
		if name != key || value == "null" {
			return nil
		}
		var ok bool
		if raw, ok = strictjson.String(value); !ok {
			return errBody
		}
		return nil
	})
	switch {
	case errors.Is(err, errBody) || errors.Is(err, strictjson.ErrDuplicate):
		return "", errBody
	case err != nil:
		return "", nil //nolint:nilerr // no JSON, so no credential either
	}
	return raw, nil
}
