package jot

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jot/jot/internal/credential"
	"github.com/go-jot/jot/internal/wire"
)

// The reasons that are the same for every request.
var (
	errCSRF = &reason{sentinel: ErrCSRF, cause: told{text: "the CSRF value is not the one that goes with the token"}}
	// A profile's clients know such a token as one that is not good at all.
	errNoCSRFClaim = invalid(wire.DefectError{Claim: "csrf", Missing: true})
)

// newCSRF returns the CSRF value of a session: 128 random bits.
func newCSRF() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// accessCSRF returns the CSRF value of a session's access tokens. It follows from the refresh token's, so that the
// forms of other tabs hold after a refresh. The derivation is one-way.
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
	protocols := strings.ToLower(strings.Join(r.Header["Upgrade"], ","))
	return r.Method == http.MethodGet && strings.Contains(protocols, "websocket")
}

// crossOrigin refuses what another origin's page sends. CrossOriginProtection lets every GET pass, so an upgrade is
// shown to it as what it is, a request that changes something.
func (j *jar) crossOrigin(r *http.Request) *reason {
	if isUpgrade(r) {
		r = asPost(r)
	}
	if j.protection == nil { // of a Manager that New has not made
		return &reason{sentinel: ErrCSRF, cause: errNotNew}
	}
	if err := j.protection.Check(r); err != nil {
		return &reason{sentinel: ErrCSRF, cause: fmt.Errorf("%w: WithCrossOriginProtection names who is trusted", err)}
	}
	return nil
}

// asPost returns the request as one that changes something.
func asPost(r *http.Request) *http.Request {
	post := *r
	post.Method = http.MethodPost
	return &post
}

// ours reports whether no other origin's page sent the request, as far as can be told. A profile has rules of its own.
func (j *jar) ours(r *http.Request) bool { return j.profile != nil || j.crossOrigin(r) == nil }

// proof is the half of the double submit that needs no token: the origin's rule, and whether there is a value to
// compare. It returns the value, "" where none is required.
func (j *jar) proof(r *http.Request, kind names) (value string, why *reason) {
	if j.profile != nil { // which knows no origins
		if !slices.Contains(j.profile.Methods, r.Method) {
			return "", nil
		}
		return repeated(r, kind)
	}
	if why := j.crossOrigin(r); why != nil {
		return "", why
	}
	if isSafe(r.Method) || isUpgrade(r) { // for which a page cannot set headers
		return "", nil
	}
	return repeated(r, kind)
}

// repeated finds the value in the header, or else in the form field, if there is one.
func repeated(r *http.Request, kind names) (value string, why *reason) {
	if fields := r.Header[kind.csrfHeader]; len(fields) > 0 {
		value = fields[0]
	} else if kind.csrfField != "" {
		var err error
		if value, err = credential.Field(r, kind.csrfField); err != nil {
			return "", &reason{sentinel: ErrBadRequest, cause: err}
		}
	}
	if value == "" {
		where := "the header " + kind.csrfHeader
		if kind.csrfField != "" {
			where += " or the form field " + kind.csrfField
		}
		text := "the CSRF value is missing: repeat it in " + where
		return "", &reason{sentinel: ErrCSRF, cause: told{text: text, fact: wire.ErrNoCSRF}}
	}
	return value, nil
}

// proves is the other half of the double submit: it reports whether the value is that of the signed token.
func (t *Token) proves(value string) bool { return equal(t.within().csrf, value) }

// provesAccess reports the same of the value that goes with the access tokens of a refresh token's session.
func (t *Token) provesAccess(value string) bool { return equal(accessCSRF(t.within().csrf), value) }

func equal(csrf, value string) bool {
	return csrf != "" && subtle.ConstantTimeCompare([]byte(csrf), []byte(value)) == 1
}
