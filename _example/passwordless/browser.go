package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jot/jot"
)

// browsers tells browsers apart by a random cookie. A link's token has its hash, so that who reads the link does not
// learn the cookie.
type browsers struct{ insecure bool }

// name has a prefix for which browsers take the cookie from this host alone, by HTTPS: no other host of the domain can
// plant one.
func (b browsers) name() string {
	if b.insecure {
		return "browser"
	}
	return "__Host-browser"
}

// know returns the value of a browser, which is the same while links are under way: all that it has asked for work.
func (b browsers) know(w http.ResponseWriter, r *http.Request) (value string) {
	value, ok := b.of(r)
	if !ok {
		value = rand.Text()
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure unless -insecure says otherwise
		Name: b.name(), Value: value, Path: "/", Secure: !b.insecure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // with Strict it would not come along with a link from a mail
		MaxAge:   int((linkLife + time.Minute) / time.Second),
	})
	return value
}

func (b browsers) of(r *http.Request) (value string, ok bool) {
	cookies := r.CookiesNamed(b.name())
	if len(cookies) != 1 || len(cookies[0].Value) != len(rand.Text()) {
		return "", false
	}
	return cookies[0].Value, true
}

func hashOf(browser string) string {
	sum := sha256.Sum256([]byte(browser))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var errBrowser = fmt.Errorf("%w: the link was asked for in another browser", jot.ErrForbidden)

// same demands of a token that the browser of the request has asked for it.
func (b browsers) same(r *http.Request) jot.Demand {
	value, known := b.of(r)
	return jot.Check(func(_ context.Context, t *jot.Token) (bool, error) {
		var asked string
		if err := t.Claim(browserClaim, &asked); err != nil || !known ||
			subtle.ConstantTimeCompare([]byte(asked), []byte(hashOf(value))) != 1 {
			return false, errBrowser
		}
		return true, nil
	})
}
