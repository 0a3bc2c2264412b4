package jot

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jot/jot/internal/cookie"
	"github.com/go-jot/jot/internal/credential"
	"github.com/go-jot/jot/internal/wire"
)

// CookieConfig says how tokens travel in cookies, for [WithCookies]. The zero value suits a browser application on one
// host: names with the __Host- prefix, so that no other host and no plain connection can set the cookies; Secure;
// HttpOnly; SameSite Lax for the access token, Strict for the refresh token; Path "/"; and the lifetime of the token.
// [New] reports what browsers would silently drop or weaken.
type CookieConfig struct {
	// AccessName and RefreshName are the names of the tokens' cookies: "__Host-access_token" and
	// "__Host-refresh_token" unless set, with __Secure- instead of __Host- where Domain or RefreshPath rule that out.
	AccessName, RefreshName string
	// AccessCSRFName and RefreshCSRFName are the names of the cookies that a page's script reads, to send their values
	// back in CSRFHeader: "__Host-csrf_access_token" and "__Host-csrf_refresh_token" unless set.
	// [Manager.RefreshHandler] and [Manager.LogoutHandler] take the value of either.
	AccessCSRFName, RefreshCSRFName string
	// CSRFHeader is the header in which a script sends the value: "X-CSRF-Token" unless set. CSRFField is the form
	// field that is read when the header is missing, for pages without scripts. Unless set, forms are not read. The
	// field must stand within the first 64 KiB of the form, before any files; a longer form without files is refused
	// as [ErrBadRequest], unless [http.Request.ParseForm] was called in front of the guard.
	CSRFHeader, CSRFField string
	// Domain lets every host of a domain receive the cookies. Each of these hosts can then set them too: leave it
	// empty if you can. Browsers drop those for a domain under which anybody may register, co.uk say: of these only
	// single labels, com or localhost, are an error here.
	Domain string
	// RefreshPath limits the refresh cookie to requests under this path: "/" unless set. The handlers for refreshing
	// and logging out must lie under it. It rules out the prefix __Host-.
	RefreshPath string
	// SameSite is that of the access token's cookie, Lax unless set; RefreshSameSite that of the refresh token's,
	// Strict unless set, and Lax with [WithSlidingSessions].
	SameSite, RefreshSameSite http.SameSite
	// Partitioned gives an embedded page separate cookies for each site that embeds it (CHIPS).
	Partitioned bool
	// Insecure is for development over plain HTTP: cookies without Secure, and without the prefixes that require it.
	// Since that changes their names, let scripts take the CSRF values from responses.
	Insecure bool
	// Former lists cookies that an earlier configuration has set. They are cleared whenever cookies are set or
	// cleared, because a request with two cookies of one name is refused.
	Former []FormerCookie

	made func(which int, value string, now time.Time) *http.Cookie // a profile's
}

// jar knows how tokens travel in cookies, and how they are protected there.
type jar struct {
	cookies    *CookieConfig // nil without any
	protection *http.CrossOriginProtection
	profile    *wire.CSRF
}

// FormerCookie names a cookie that is no longer used. Path is "/" unless set.
type FormerCookie struct{ Name, Domain, Path string }

const csrfHeader = "X-CSRF-Token"

// names are those of the four cookies.
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
			*mine = cookie.WithoutPrefix(*mine)
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

// check reports what a browser would drop or weaken.
func (c *CookieConfig) check() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("jot: WithCookies: "+format, args...))
		}
	}
	seen := map[string]bool{}
	for i, name := range c.names() {
		prefix := cookie.Prefix(*name)
		wrong(!cookie.IsName(*name), "%q is no name for a cookie", *name)
		wrong(seen[*name], "two cookies have the name %q", *name)
		wrong(strings.HasPrefix(prefix, "__Host-") && c.Domain != "", "a cookie of the name %q has no Domain", *name)
		wrong(strings.HasPrefix(prefix, "__Host-") && i == 1 && c.RefreshPath != "/",
			`a cookie of the name %q has the Path "/"`, *name)
		wrong(i > 1 && strings.HasSuffix(prefix, "Http-"), "a cookie of the name %q cannot be read by scripts", *name)
		seen[*name] = true
	}
	const none = http.SameSiteNoneMode
	wrong(c.Insecure && (c.SameSite == none || c.RefreshSameSite == none), "SameSite=None wants Secure")
	wrong(c.Insecure && c.Partitioned, "Partitioned wants Secure")
	for _, s := range []http.SameSite{c.SameSite, c.RefreshSameSite} {
		wrong(s < http.SameSiteLaxMode || s > http.SameSiteNoneMode, "SameSite %d is not Lax, Strict or None", s)
	}
	wrong(!credential.IsName(c.CSRFHeader), "%q is no name for a header", c.CSRFHeader)
	wrong(!cookie.IsDomain(c.Domain), "%q is no domain", c.Domain)
	wrong(c.Domain != "" && cookie.IsDomain(c.Domain) && !strings.Contains(c.Domain, "."),
		"the domain %q has no dot: browsers send its cookies to that very host, if at all: leave Domain empty",
		c.Domain)
	wrong(!cookie.IsPath(c.RefreshPath), "%q is no path", c.RefreshPath)
	for _, f := range c.Former {
		wrong(!credential.IsName(f.Name) || !cookie.IsDomain(f.Domain) || f.Path != "" && !cookie.IsPath(f.Path),
			"the former cookie %q cannot have been one", f.Name)
		wrong(c.sets(f), "the former cookie %q is one that is set now", f.Name)
	}
	return errors.Join(errs...)
}

// sets reports whether a cookie is one of the four.
func (c *CookieConfig) sets(f FormerCookie) bool {
	for i, name := range c.names() {
		path := "/"
		if i == 1 {
			path = c.RefreshPath
		}
		if f.Name == *name && f.Domain == c.Domain && cmp.Or(f.Path, "/") == path {
			return true
		}
	}
	return false
}

// cookie makes one of the four, by its place among the names. A life that has ended clears it.
func (c *CookieConfig) cookie(i int, value string, life time.Duration, now time.Time) *http.Cookie {
	if c.made != nil {
		return c.made(i, value, now)
	}
	cookie := &http.Cookie{ //nolint:gosec // as configured
		Name: *c.names()[i], Value: value, Path: "/", Domain: c.Domain, MaxAge: int(life / time.Second),
		HttpOnly: i < 2,
		Secure:   !c.Insecure, SameSite: c.SameSite, Partitioned: c.Partitioned,
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

// put adds cookies to a response, replacing any of the same name, and keeps the response out of caches.
func put(w http.ResponseWriter, cookies []*http.Cookie) {
	h := w.Header()
	if !strings.Contains(h.Get("Cache-Control"), "no-store") {
		h.Set("Cache-Control", "no-store")
	}
	for _, cookie := range cookies {
		if cookie == nil {
			continue
		}
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

// set makes the cookies of tokens, and clears former ones; none if one of the tokens is too large.
func (c *CookieConfig) set(tokens []minted, now time.Time) ([]*http.Cookie, error) {
	cookies := c.former()
	for _, t := range tokens {
		if err := c.fits(t); err != nil {
			return nil, err
		}
		life := instant(t.expires).Sub(now.Truncate(time.Second))
		if t.expires == wire.NoDate {
			life = 400 * 24 * time.Hour // browsers keep none longer
		}
		cookies = append(cookies, c.cookie(t.which(), t.raw, life, now))
		if t.csrf != "" {
			cookies = append(cookies, c.cookie(t.which()+2, t.csrf, life, now))
		}
	}
	return cookies, nil
}

// fits reports whether a token is small enough for its cookie.
func (c *CookieConfig) fits(t minted) error {
	name := *c.names()[t.which()]
	if size := len(name) + len(t.raw); size > cookie.MaxSize {
		return fmt.Errorf("%w: the cookie %s would have %d bytes, browsers keep %d",
			ErrTokenTooLarge, name, size, cookie.MaxSize)
	}
	return nil
}

// clear makes the cookies that remove all others.
func (c *CookieConfig) clear() []*http.Cookie {
	cookies := c.former()
	for i := range c.names() {
		cookies = append(cookies, c.cookie(i, "", 0, time.Time{}))
	}
	return cookies
}

func (c *CookieConfig) former() (cookies []*http.Cookie) {
	for _, f := range c.Former {
		cookies = append(cookies, &http.Cookie{ //nolint:gosec // it goes
			Name: f.Name, Path: cmp.Or(f.Path, "/"), Domain: f.Domain, MaxAge: -1, Expires: time.Unix(1, 0),
			Secure: !c.Insecure, HttpOnly: true,
		})
	}
	return cookies
}
