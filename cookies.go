package jot

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// CookieConfig says how tokens travel in cookies, for [WithCookies]. The zero value is what a browser application on
// one host wants: names with the __Host- prefix, so that no other host and no plain connection can set them; Secure;
// HttpOnly; SameSite Lax for the access token, Strict for the refresh token; Path "/"; and the lifetime of the token.
// What a browser would silently drop or weaken is an error of [New].
type CookieConfig struct {
	// AccessName and RefreshName are the cookies of the tokens: "__Host-access_token" and "__Host-refresh_token"
	// unless set, or with the prefix __Secure- where Domain or RefreshPath rule out the other.
	AccessName, RefreshName string
	// AccessCSRFName and RefreshCSRFName are the cookies that a page's script reads, to send their values back in
	// CSRFHeader: "__Host-csrf_access_token" and "__Host-csrf_refresh_token" unless set.
	AccessCSRFName, RefreshCSRFName string
	// CSRFHeader is the header in which a script sends the value: "X-CSRF-Token" unless set. CSRFField is a field of
	// a form that is taken instead when the header is missing, for pages without scripts; empty, as it is unless set,
	// there is none.
	CSRFHeader, CSRFField string
	// Domain lets every host of a domain receive the cookies. Any of them can set them too then: leave it empty if
	// you can.
	Domain string
	// RefreshPath is the path under which alone the refresh cookie is sent: "/" unless set. The handlers for
	// refreshing and logging out must lie under it. It rules out the prefix __Host-.
	RefreshPath string
	// SameSite is that of the access token's cookie, Lax unless set; RefreshSameSite that of the refresh token's,
	// Strict unless set.
	SameSite, RefreshSameSite http.SameSite
	// Partitioned keeps a cookie of an embedded page apart for each site that embeds it (CHIPS).
	Partitioned bool
	// Insecure is for development over plain HTTP: without Secure, and without the prefixes that demand it. The names
	// change with it, so let scripts take the CSRF values from the answers.
	Insecure bool
	// Former are cookies that an earlier configuration has set. They are cleared whenever cookies are set or cleared:
	// two of one name are refused.
	Former []FormerCookie
}

// WithCookies takes tokens from cookies, and protects them from other origins' pages: see [CookieConfig]. Tokens
// carry a CSRF value then, which every request that changes something has to repeat in a header. [Manager.WritePair]
// sets the cookies and answers with the CSRF values, unless [WithLocations] names [InHeader] as well.
func WithCookies(cookies CookieConfig) Option {
	settled := cookies.settle()
	settled.Former = slices.Clone(cookies.Former)
	return managerOption(func(c *config) {
		if err := settled.check(); err != nil {
			c.errs = append(c.errs, err)
		}
		set("WithCookies", "", func(c *config) { c.cookies = settled }).applyManager(c)
	})
}

// FormerCookie names a cookie that is no longer used. Path is "/" unless set.
type FormerCookie struct{ Name, Domain, Path string }

// maxCookie is how many bytes of name and value browsers keep (RFC 6265bis section 5.6).
const maxCookie = 4096

const csrfHeader = "X-CSRF-Token"

// cookieNames are the four cookies by their use.
func (c *CookieConfig) names() [4]*string {
	return [4]*string{&c.AccessName, &c.RefreshName, &c.AccessCSRFName, &c.RefreshCSRFName}
}

// settle fills in what is not set.
func (c CookieConfig) settle() *CookieConfig {
	if c.RefreshPath == "" {
		c.RefreshPath = "/"
	}
	for i, name := range [...]string{"access_token", "refresh_token", "csrf_access_token", "csrf_refresh_token"} {
		mine := c.names()[i]
		switch {
		case *mine != "" && c.Insecure:
			*mine = withoutPrefix(*mine)
		case *mine != "":
		case c.Insecure:
			*mine = name
		case c.Domain != "" || i == 1 && c.RefreshPath != "/":
			*mine = "__Secure-" + name
		default:
			*mine = "__Host-" + name
		}
	}
	if c.CSRFHeader == "" {
		c.CSRFHeader = csrfHeader
	}
	if c.SameSite == 0 {
		c.SameSite = http.SameSiteLaxMode
	}
	if c.RefreshSameSite == 0 {
		c.RefreshSameSite = http.SameSiteStrictMode
	}
	return &c
}

// prefixes are those that browsers know, the longer before the shorter. They ignore case.
var prefixes = []string{"__Host-Http-", "__Http-", "__Host-", "__Secure-"}

func prefixOf(name string) string {
	for _, prefix := range prefixes {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return prefix
		}
	}
	return ""
}

func withoutPrefix(name string) string { return name[len(prefixOf(name)):] }

// check says what a browser would drop or weaken.
func (c *CookieConfig) check() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("jot: WithCookies: "+format, args...))
		}
	}
	seen := map[string]bool{}
	for i, name := range c.names() {
		prefix := prefixOf(*name)
		wrong(!isName(withoutPrefix(*name)) || !isName(*name), "%q is no name for a cookie", *name)
		wrong(seen[*name], "two cookies have the name %q", *name)
		wrong(strings.HasPrefix(prefix, "__Host-") && c.Domain != "", "a cookie of the name %q has no Domain", *name)
		wrong(strings.HasPrefix(prefix, "__Host-") && i == 1 && c.RefreshPath != "/", `a cookie of the name %q has the Path "/"`, *name)
		wrong(i > 1 && strings.HasSuffix(prefix, "Http-"), "a cookie of the name %q cannot be read by scripts", *name)
		seen[*name] = true
	}
	wrong(c.Insecure && (c.SameSite == http.SameSiteNoneMode || c.RefreshSameSite == http.SameSiteNoneMode), "SameSite=None wants Secure")
	wrong(c.Insecure && c.Partitioned, "Partitioned wants Secure")
	for _, s := range []http.SameSite{c.SameSite, c.RefreshSameSite} {
		wrong(s < http.SameSiteLaxMode || s > http.SameSiteNoneMode, "SameSite %d is not Lax, Strict or None", s)
	}
	wrong(!isName(c.CSRFHeader), "%q is no name for a header", c.CSRFHeader)
	wrong(!isDomain(c.Domain), "%q is no domain", c.Domain)
	wrong(!isPath(c.RefreshPath), "%q is no path", c.RefreshPath)
	for _, f := range c.Former {
		wrong(!isName(f.Name) || !isDomain(f.Domain) || f.Path != "" && !isPath(f.Path), "the former cookie %q cannot have been one", f.Name)
		wrong(seen[f.Name] && f.Domain == c.Domain && (f.Path == "" || f.Path == "/"), "the former cookie %q is one that is set now", f.Name)
	}
	return errors.Join(errs...)
}

func isPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ';' })
}

func isDomain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) && !strings.Contains(s, "..") && !strings.HasSuffix(s, ".")
}

// credential finds the token's cookie.
func (c *CookieConfig) credential(r *http.Request, refresh bool) (raw string, err error) {
	name := c.AccessName
	if refresh {
		name = c.RefreshName
	}
	found := r.CookiesNamed(name)
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", errCookies // one of them may be an attacker's, and which comes first is up to the browser
	}
	return found[0].Value, nil
}

// cookie makes one of the four, by its place among the names. Of a token that has ended it clears the cookie.
func (c *CookieConfig) cookie(i int, value string, life time.Duration) *http.Cookie {
	cookie := &http.Cookie{ //nolint:gosec // as configured
		Name: *c.names()[i], Value: value, Path: "/", Domain: c.Domain, MaxAge: int(life / time.Second), HttpOnly: i < 2,
		Secure: !c.Insecure, SameSite: c.SameSite, Partitioned: c.Partitioned,
	}
	if i == 1 {
		cookie.Path = c.RefreshPath
	}
	if i%2 == 1 {
		cookie.SameSite = c.RefreshSameSite
	}
	if life <= 0 {
		cookie.MaxAge = -1
		cookie.Expires = time.Unix(1, 0)
	}
	return cookie
}

// put adds cookies to an answer, in place of any of the same name that it has already.
func put(w http.ResponseWriter, cookies []*http.Cookie) {
	h := w.Header()
	for _, cookie := range cookies {
		kept := h["Set-Cookie"][:0]
		for _, line := range h["Set-Cookie"] {
			other, err := http.ParseSetCookie(line)
			if err != nil || other.Name != cookie.Name || other.Domain != cookie.Domain || other.Path != cookie.Path {
				kept = append(kept, line)
			}
		}
		h["Set-Cookie"] = append(kept, cookie.String())
	}
}

// SetCookies sets the cookies of a pair's tokens, and those of their CSRF values: the answer to a log-in from a
// browser. A pair with an access token only sets that one's. Nothing is set when its error is not nil: a token that
// is not this manager's, or one too large for a cookie (4096 bytes with the name), which says that claims belong into
// a database. Without [WithCookies] the error wraps [errors.ErrUnsupported].
//
// Answer with [Pair.CSRFToken] as well where scripts cannot read the cookies, because they run on another host.
func (m *Manager) SetCookies(w http.ResponseWriter, pair *Pair) error {
	if m.cookies == nil {
		return unsupported("SetCookies", "WithCookies")
	}
	if pair == nil || pair.AccessToken == "" && pair.RefreshToken == "" {
		return errors.New("jot: SetCookies: the pair is empty")
	}
	cookies := m.formerCookies()
	for i, raw := range [...]string{pair.AccessToken, pair.RefreshToken} {
		if raw == "" {
			continue
		}
		more, err := m.cookiesOf(raw, [...]string{typeAccess, typeRefresh}[i], i)
		if err != nil {
			return err
		}
		cookies = append(cookies, more...)
	}
	put(w, cookies)
	return nil
}

// SetAccessCookie sets the cookies of an access token alone, as [Manager.SetCookies] does those of a pair.
func (m *Manager) SetAccessCookie(w http.ResponseWriter, raw string) error {
	return m.SetCookies(w, &Pair{AccessToken: raw})
}

// SetRefreshCookie sets the cookies of a refresh token alone, as [Manager.SetCookies] does those of a pair.
func (m *Manager) SetRefreshCookie(w http.ResponseWriter, raw string) error {
	return m.SetCookies(w, &Pair{RefreshToken: raw})
}

// cookiesOf makes the two cookies of a token.
func (m *Manager) cookiesOf(raw, typ string, i int) ([]*http.Cookie, error) {
	t, err := m.read(raw)
	if err != nil {
		return nil, fmt.Errorf("jot: not a token of this Manager's: %w", err)
	}
	if t.Type != typ {
		return nil, fmt.Errorf("jot: not the cookie for a token of the type %q", t.Type)
	}
	life := t.ExpiresAt.Sub(m.now().Truncate(time.Second))
	cookies := []*http.Cookie{m.cookies.cookie(i, raw, life)}
	if t.csrf != "" {
		cookies = append(cookies, m.cookies.cookie(i+2, t.csrf, life))
	}
	return cookies, m.cookies.fits(i, raw)
}

// fits reports whether a token is small enough for its cookie.
func (c *CookieConfig) fits(i int, raw string) error {
	name := *c.names()[i]
	if size := len(name) + len(raw); size > maxCookie {
		return fmt.Errorf("%w: the cookie %s would have %d bytes, browsers keep %d", ErrTooLarge, name, size, maxCookie)
	}
	return nil
}

// byCookie reports whether tokens travel in cookies and in no header.
func (m *Manager) byCookie() bool {
	return m.cookies != nil && !slices.Contains(m.places.order, InHeader)
}

// fits reports whether both tokens of a pair are small enough for their cookies, if they go there. What is too large
// is found before a session begins, or a refresh token is used up, for nothing.
func (m *Manager) fits(pair *Pair, at Location) error {
	if at != InCookie && !m.byCookie() {
		return nil
	}
	return errors.Join(m.cookies.fits(0, pair.AccessToken), m.cookies.fits(1, pair.RefreshToken))
}

// UnsetCookies clears all cookies that [Manager.SetCookies] may have set, those of [CookieConfig].Former too. It ends
// no session: [Manager.LogoutHandler] does both. Without [WithCookies] it does nothing.
func (m *Manager) UnsetCookies(w http.ResponseWriter) {
	if m.cookies == nil {
		return
	}
	cookies := m.formerCookies()
	for i := range m.cookies.names() {
		cookies = append(cookies, m.cookies.cookie(i, "", 0))
	}
	put(w, cookies)
}

func (m *Manager) formerCookies() (cookies []*http.Cookie) {
	for _, f := range m.cookies.Former {
		path := f.Path
		if path == "" {
			path = "/"
		}
		cookies = append(cookies, &http.Cookie{ //nolint:gosec // it goes
			Name: f.Name, Path: path, Domain: f.Domain, MaxAge: -1, Expires: time.Unix(1, 0), Secure: !m.cookies.Insecure, HttpOnly: true,
		})
	}
	return cookies
}
