package flask

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
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
		if c.MaxAge >= 0 && d > 0 {
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

var sameSite = map[string]http.SameSite{
	"None":   http.SameSiteNoneMode,
	"Lax":    http.SameSiteLaxMode,
	"Strict": http.SameSiteStrictMode,
}

func (k *Cookies) cookie(name, path, value string, script bool, opts []CookieOption) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // as configured
		Name:     name,
		Value:    value,
		Path:     path,
		Domain:   k.config.CookieDomain,
		Secure:   k.config.CookieSecure,
		HttpOnly: !script,
		SameSite: sameSite[k.config.CookieSameSite],
	}
	switch {
	case value == "":
		c.MaxAge, c.Expires = -1, time.Unix(1, 0)
	case !is(k.config.SessionCookie):
		c.MaxAge = persistent
	}
	for _, o := range opts {
		o(c)
	}
	return c
}

// set sets the token's cookie, and that of its CSRF value.
func (k *Cookies) set(w http.ResponseWriter, raw, name, path, csrfName, csrfPath string, opts []CookieOption) error {
	_, claims, err := jot.InsecureDecode(raw)
	if err != nil {
		return err
	}
	var cookies []*http.Cookie
	cookies = append(cookies, k.cookie(name, path, raw, false, opts))
	if is(k.config.CookieCSRFProtect) && is(k.config.CSRFInCookies) {
		csrf, ok := claims["csrf"].(string)
		if !ok || csrf == "" {
			return errors.New("flask: the token has no csrf claim")
		}
		cookies = append(cookies, k.cookie(csrfName, csrfPath, csrf, true, opts))
	}
	for _, c := range cookies {
		http.SetCookie(w, c)
	}
	return nil
}

// SetAccess sets the cookies of an access token that has just been made: set_access_cookies.
func (k *Cookies) SetAccess(w http.ResponseWriter, raw string, opts ...CookieOption) error {
	c := &k.config
	csrfName, csrfPath := c.AccessCSRFCookieName, c.AccessCSRFCookiePath
	return k.set(w, raw, c.AccessCookieName, c.AccessCookiePath, csrfName, csrfPath, opts)
}

// SetRefresh sets the cookies of a refresh token that has just been made: set_refresh_cookies.
func (k *Cookies) SetRefresh(w http.ResponseWriter, raw string, opts ...CookieOption) error {
	c := &k.config
	csrfName, csrfPath := c.RefreshCSRFCookieName, c.RefreshCSRFCookiePath
	return k.set(w, raw, c.RefreshCookieName, c.RefreshCookiePath, csrfName, csrfPath, opts)
}

func (k *Cookies) unset(w http.ResponseWriter, name, path, csrfName, csrfPath string, opts []CookieOption) {
	http.SetCookie(w, k.cookie(name, path, "", false, opts))
	if is(k.config.CookieCSRFProtect) && is(k.config.CSRFInCookies) {
		http.SetCookie(w, k.cookie(csrfName, csrfPath, "", true, opts))
	}
}

// UnsetAccess clears the cookies of an access token: unset_access_cookies.
func (k *Cookies) UnsetAccess(w http.ResponseWriter, opts ...CookieOption) {
	c := &k.config
	k.unset(w, c.AccessCookieName, c.AccessCookiePath, c.AccessCSRFCookieName, c.AccessCSRFCookiePath, opts)
}

// UnsetRefresh clears the cookies of a refresh token: unset_refresh_cookies.
func (k *Cookies) UnsetRefresh(w http.ResponseWriter, opts ...CookieOption) {
	c := &k.config
	k.unset(w, c.RefreshCookieName, c.RefreshCookiePath, c.RefreshCSRFCookieName, c.RefreshCSRFCookiePath, opts)
}

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
