package flask

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot"
)

// Cookies sets and clears cookies as Flask-JWT-Extended does.
type Cookies struct{ config Config }

// NewCookies returns the cookies of that config.
func NewCookies(c Config) *Cookies { return &Cookies{c.settle()} }

// CookieOption changes one call.
type CookieOption func(*http.Cookie)

// MaxAge sets the lifetime of a cookie, instead of JWT_SESSION_COOKIE. 0 changes nothing.
func MaxAge(d time.Duration) CookieOption {
	return func(c *http.Cookie) { //nolint:gosec // one that is there
		if c.Value != "" && d > 0 {
			c.MaxAge = int(d / time.Second)
		}
	}
}

// Domain sets the domain of a cookie, instead of JWT_COOKIE_DOMAIN. Empty changes nothing.
func Domain(name string) CookieOption {
	return func(c *http.Cookie) { c.Domain = or(name, c.Domain) } //nolint:gosec // one that is there
}

// persistent is how long a cookie lives that is not the browser session's.
const persistent = 31540000

// sameSite reads JWT_COOKIE_SAMESITE, in any case. Empty, cookies have no such attribute.
func sameSite(name string) (mode http.SameSite, ok bool) {
	modes := map[string]http.SameSite{
		"": 0, "none": http.SameSiteNoneMode, "lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode,
	}
	mode, ok = modes[strings.ToLower(name)]
	return mode, ok
}

// written are a cookie's name and path, as the four are configured.
type written struct{ name, path string }

// four are the cookies of the access token, of the refresh token, and of their CSRF values.
func (k *Cookies) four() [4]written {
	c := &k.config
	return [4]written{
		{c.AccessCookieName, c.AccessCookiePath},
		{c.RefreshCookieName, c.RefreshCookiePath},
		{c.AccessCSRFCookieName, c.AccessCSRFCookiePath},
		{c.RefreshCSRFCookieName, c.RefreshCSRFCookiePath},
	}
}

// made makes one of the four, nil if there is none of its kind. Without a value it is cleared.
func (k *Cookies) made(which int, value string, now time.Time) *http.Cookie {
	if which > 1 && !k.showsCSRF() {
		return nil
	}
	mode, _ := sameSite(k.config.CookieSameSite)
	c := &http.Cookie{ //nolint:gosec // as configured
		Name:     k.four()[which].name,
		Value:    value,
		Path:     k.four()[which].path,
		Domain:   k.config.CookieDomain,
		Secure:   k.config.CookieSecure,
		HttpOnly: which < 2,
		SameSite: mode,
	}
	switch {
	case value == "":
		c.Expires = time.Unix(0, 0)
	case !is(k.config.SessionCookie):
		keep(c, persistent, now)
	}
	return c
}

// keep makes a cookie outlive the browser, in both of the ways that browsers know.
func keep(c *http.Cookie, seconds int, now time.Time) { //nolint:gosec // one that is there
	c.MaxAge, c.Expires = seconds, now.Add(time.Duration(seconds)*time.Second)
}

// showsCSRF reports whether pages find the CSRF values in cookies.
func (k *Cookies) showsCSRF() bool {
	return is(k.config.CookieCSRFProtect) && is(k.config.CSRFInCookies)
}

// put sets one of the four. The instant is when its token was made.
func (k *Cookies) put(w http.ResponseWriter, which int, value string, at time.Time, opts []CookieOption) {
	c := k.made(which, value, at)
	if c == nil {
		return
	}
	for _, o := range opts {
		o(c)
	}
	if c.MaxAge > 0 {
		keep(c, c.MaxAge, at)
	}
	w.Header().Add("Set-Cookie", ordered(c.String()))
}

// attributes are in the order in which Werkzeug writes them.
var attributes = []string{"Domain", "Expires", "Max-Age", "Secure", "HttpOnly", "Path", "SameSite"}

// ordered puts the attributes of a cookie into Werkzeug's order.
func ordered(line string) string {
	parts := strings.Split(line, "; ")
	rank := func(part string) int {
		name, _, _ := strings.Cut(part, "=")
		return slices.Index(attributes, name)
	}
	slices.SortStableFunc(parts[1:], func(a, b string) int { return rank(a) - rank(b) })
	return strings.Join(parts, "; ")
}

// set sets the token's cookie, and that of its CSRF value.
func (k *Cookies) set(w http.ResponseWriter, which int, raw string, opts []CookieOption) error {
	_, claims, err := jot.InsecureDecode(raw)
	if err != nil {
		return err
	}
	csrf, _ := claims["csrf"].(string)
	if k.showsCSRF() && csrf == "" {
		return errors.New("flask: the token has no csrf claim")
	}
	at := time.Now()
	if issued, ok := claims["iat"].(json.Number); ok {
		if seconds, err := issued.Int64(); err == nil {
			at = time.Unix(seconds, 0)
		}
	}
	k.put(w, which, raw, at, opts)
	k.put(w, which+2, csrf, at, opts)
	return nil
}

// SetAccess sets the cookies of an access token that has just been made: set_access_cookies.
func (k *Cookies) SetAccess(w http.ResponseWriter, raw string, opts ...CookieOption) error {
	return k.set(w, 0, raw, opts)
}

// SetRefresh sets the cookies of a refresh token that has just been made: set_refresh_cookies.
func (k *Cookies) SetRefresh(w http.ResponseWriter, raw string, opts ...CookieOption) error {
	return k.set(w, 1, raw, opts)
}

func (k *Cookies) unset(w http.ResponseWriter, which int, opts []CookieOption) {
	k.put(w, which, "", time.Time{}, opts)
	k.put(w, which+2, "", time.Time{}, opts)
}

// UnsetAccess clears the cookies of an access token: unset_access_cookies.
func (k *Cookies) UnsetAccess(w http.ResponseWriter, opts ...CookieOption) { k.unset(w, 0, opts) }

// UnsetRefresh clears the cookies of a refresh token: unset_refresh_cookies.
func (k *Cookies) UnsetRefresh(w http.ResponseWriter, opts ...CookieOption) { k.unset(w, 1, opts) }

// Unset clears all of them: unset_jwt_cookies.
func (k *Cookies) Unset(w http.ResponseWriter, opts ...CookieOption) {
	k.UnsetAccess(w, opts...)
	k.UnsetRefresh(w, opts...)
}

// newUUID returns a random UUID (RFC 9562 section 5.4), the form of Flask's CSRF values.
func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := hex.EncodeToString(b)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
