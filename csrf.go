package jot

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// The causes of ErrCSRF, for the operator.
var (
	errCSRFMissing  = errors.New("the request does not repeat the CSRF value")
	errCSRFMismatch = errors.New("the CSRF value is not the token's")
)

// WithCrossOriginProtection sets the rule by which requests with cookies are refused when another origin's page sent
// them: a zero [http.CrossOriginProtection] unless set. Add to it the origins that may, such as
// https://app.example.com for an API of another host.
func WithCrossOriginProtection(p *http.CrossOriginProtection) Option {
	wrong := ""
	if p == nil {
		wrong = "it is nil"
	}
	return set("WithCrossOriginProtection", wrong, func(c *config) { c.protection = p })
}

// newCSRF returns the CSRF value of a session: 128 random bits.
func newCSRF() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// accessCSRF returns the CSRF value of a session's access tokens. It follows from the refresh token's, so that the
// forms of other tabs hold after a refresh; nobody comes back from it.
func accessCSRF(csrf string) string {
	if csrf == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("access " + csrf))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// isSafe reports whether a method changes nothing (RFC 9110 section 9.2.1). One that we do not know may.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// isUpgrade reports whether the request opens a WebSocket (RFC 6455 section 4.1): a GET that browsers send across
// origins with cookies.
func isUpgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		return len(r.Header[":protocol"]) > 0 // RFC 8441
	}
	return r.Method == http.MethodGet && strings.Contains(strings.ToLower(strings.Join(r.Header["Upgrade"], ",")), "websocket")
}

// crossOrigin refuses what another origin's page sends. CrossOriginProtection lets every GET pass, so an upgrade is
// shown to it as what it is, a request that changes something.
func (m *Manager) crossOrigin(r *http.Request) error {
	if isUpgrade(r) {
		upgrade := *r
		upgrade.Method = http.MethodPost
		r = &upgrade
	}
	if err := m.protection.Check(r); err != nil {
		return m.refuse(ErrCSRF, err, nil)
	}
	return nil
}

// csrfBefore is the half of the double submit that needs no token: the origin's rule, and that there is a value to
// compare. It returns the value, "" if none is asked.
func (m *Manager) csrfBefore(r *http.Request, refresh bool) (value string, err error) {
	header, field := m.cookies.CSRFHeader, m.cookies.CSRFField
	if p := m.profile.CSRF; p != nil {
		if !slices.Contains(p.Methods, r.Method) {
			return "", nil
		}
		which := 0
		if refresh {
			which = 1
		}
		header, field = p.Header[which], p.Field[which]
	} else {
		if err := m.crossOrigin(r); err != nil {
			return "", err
		}
		if isSafe(r.Method) || isUpgrade(r) { // for which a page cannot set headers
			return "", nil
		}
	}
	if fields := r.Header[http.CanonicalHeaderKey(header)]; len(fields) > 0 {
		value = fields[0]
	} else if field != "" {
		if value, err = inForms(r, field); err != nil {
			return "", m.refuse(ErrBadRequest, err, nil)
		}
	}
	if value == "" {
		return "", m.refuse(ErrCSRF, errCSRFMissing, nil)
	}
	return value, nil
}

// csrfAfter is the other half: the value is the one that the token's signature holds. To log out, a page whose access
// token is gone may repeat that one's value.
func (m *Manager) csrfAfter(t *Token, rt *route, value string) error {
	same := subtle.ConstantTimeCompare([]byte(t.csrf), []byte(value))
	if rt.leaving && t.Type == typeRefresh {
		same |= subtle.ConstantTimeCompare([]byte(accessCSRF(t.csrf)), []byte(value))
	}
	if t.csrf == "" || same != 1 {
		return m.refuse(ErrCSRF, errCSRFMismatch, t)
	}
	return nil
}

// CookieGuard refuses requests that another origin's page has sent, as [ErrCSRF]: those that change something by
// [http.CrossOriginProtection], and WebSocket upgrades. Put it around the log-in of a browser application: somebody
// else's page must not log a visitor in under another name. Guards do the same for cookie credentials by themselves,
// and so do [Manager.RefreshHandler] and [Manager.LogoutHandler].
func (m *Manager) CookieGuard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.crossOrigin(r); err != nil {
			m.refused(r.Context(), err, "")
			m.WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
