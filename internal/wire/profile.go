// Package wire holds the rules by which tokens are read: how a header and a payload become claims, before anything
// about time, keys or routes is asked. They are values of one struct, so that a package of this module can bend them
// without a branch in the core.
package wire

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Profile says how tokens are read and written. The zero value is jot's own rules, the strictest; each field relaxes
// or renames one.
type Profile struct {
	// Subject names the claim that holds the subject. Empty means "sub".
	Subject string
	// DefaultType is the type of a token that has no type claim. Empty means that such a token is refused.
	DefaultType string
	// NoExpiry are the types whose tokens may lack exp, and are made without it.
	NoExpiry []string
	// IDOptional accepts a token without jti.
	IDOptional bool
	// NumericSubject reads a subject that is a number as its digits.
	NumericSubject bool
	// TextualSub refuses a sub that is no string, even where another claim holds the subject.
	TextualSub bool
	// AnyKeyID reads a kid that no key has as none.
	AnyKeyID bool
	// Issuers are accepted, any of them, instead of the manager's. Empty means the manager's.
	Issuers []string
	// AnyAudience accepts a token that has an aud where none is configured.
	AnyAudience bool
	// Typ is a typ header accepted beside "JWT" and none at all, without "application/". Empty means none.
	Typ string
	// AccessTyp and RefreshTyp are the typ headers of access tokens and refresh tokens, and of no others. Empty means
	// that they have none of their own.
	AccessTyp, RefreshTyp string
	// Required are claims that access tokens must have beside sub, jti and exp, not empty.
	Required []string
	// ClientID is the client_id of tokens that name no other, where it is among those required.
	ClientID string
	// Foreign says that another issuer makes the tokens: they are access tokens, never fresh, and what marks an ID
	// token is refused.
	Foreign bool
	// Untyped takes a foreign token without a type for an access token, if it has a mark of one.
	Untyped bool

	// Minting, unless nil, replaces what is written into tokens.
	Minting *Minting

	// ExemptOptions lets OPTIONS requests through unseen.
	ExemptOptions bool
	// NoForms takes tokens from bodies of JSON alone.
	NoForms bool
	// RefreshInQuery takes refresh tokens from URLs too.
	RefreshInQuery bool
	// CSRF, unless nil, replaces the protection of cookies against other origins' pages.
	CSRF *CSRF
	// Cookie, unless nil, makes the cookies of the manager: that of the access token, of the refresh token, and of
	// their CSRF values. An empty value clears one. It returns nil where there is no such cookie.
	Cookie func(which int, value string, now time.Time) *http.Cookie
	// Silent sets no header that keeps caches away.
	Silent bool
	// Explain, unless nil, returns the cause of a refusal: what the answer says.
	Explain func(refusal error, of Circumstances) error
}

// Circumstances are those of a refusal.
type Circumstances struct {
	// Request is nil where a token was verified without one.
	Request *http.Request
	// Places are where the route looks for a token, Refresh says that it looks for refresh tokens there. At is where
	// it found what it refuses, empty if there was nothing.
	Places  []string
	At      string
	Refresh bool
	// Raw is the token's text, which nobody may have vouched for.
	Raw string
	// Latest is the instant, leeway included, after which no token may begin.
	Latest time.Time
}

// Minting says what tokens are made with, beside what every token has.
type Minting struct {
	// Issuer and Audience are written, whatever is demanded of tokens that come.
	Issuer   string
	Audience []string
	// NotBefore writes nbf.
	NotBefore bool
	// ClaimsEverywhere writes the claims of WithAdditionalClaims into refresh tokens too.
	ClaimsEverywhere bool
	// AnySubject issues to subjects with control characters too.
	AnySubject bool
	// NewCSRF makes the CSRF value of each token; nil means that none has one.
	NewCSRF func() string
	// Bare leaves out sid and auth_time where there is neither a store nor a blocklist, so no session either.
	Bare bool
}

// CSRF says how cookies are protected.
type CSRF struct {
	// Methods are those that must repeat the value. Without any there is no protection at all.
	Methods []string
	// Header and Field are where the value is looked for, beside an access token and beside a refresh token. Without
	// a field forms are not read.
	Header, Field [2]string
}

// Sealed is the parameter by which the option interfaces of package jot are closed to other modules: only this one can
// write it down. So a Profile is an option as it stands.
type Sealed struct{}

// JotOption makes it a jot.Option.
func (Profile) JotOption(Sealed) {}

// Issued is a jot.TokenOption, for a token that was issued some time ago: tests want expired ones.
type Issued struct{ Ago time.Duration }

// JotTokenOption makes it a jot.TokenOption.
func (Issued) JotTokenOption(Sealed) {}

// ClientID is a jot.TokenOption, the client that a token is issued to.
type ClientID string

// JotTokenOption makes it a jot.TokenOption.
func (ClientID) JotTokenOption(Sealed) {}

// NoExpiry is a jot.TokenOption, for a token that never expires.
type NoExpiry struct{}

// JotTokenOption makes it a jot.TokenOption.
func (NoExpiry) JotTokenOption(Sealed) {}

// The causes that a profile explains. None quotes the token.
var (
	ErrNoKey     = errors.New("no key for its alg and kid")
	ErrSignature = errors.New("signature does not match")
	ErrIssuer    = errors.New("iss is not the one expected")
	ErrAudience  = errors.New("aud names others")
	ErrNotYet    = errors.New("nbf or iat lies in the future")
	ErrNoCSRF    = errors.New("the request does not repeat the CSRF value")
)

// SubjectClaim returns the name of the claim that holds the subject.
func (p *Profile) SubjectClaim() string {
	if p.Subject == "" {
		return "sub"
	}
	return p.Subject
}

// JWT is the typ of tokens that have none of their own.
const JWT = "JWT"

// AcceptsTyp reports whether any token may have this typ.
func (p *Profile) AcceptsTyp(typ string) bool {
	return typ == "" || typ == JWT || isTyp(typ, JWT) ||
		isTyp(typ, p.Typ) || isTyp(typ, p.AccessTyp) || isTyp(typ, p.RefreshTyp)
}

// Fits reports whether a token of a type may have this typ, which is one that is accepted.
func (p *Profile) Fits(typ, tokenType string) bool {
	for _, own := range []struct{ typ, of string }{{p.AccessTyp, "access"}, {p.RefreshTyp, "refresh"}} {
		if own.typ != "" && isTyp(typ, own.typ) != (tokenType == own.of) {
			return false
		}
	}
	return true
}

// Head is the header of a token of a type, of which prefix is all with the usual typ at its end.
func (p *Profile) Head(prefix, tokenType string) string {
	for _, own := range []struct{ typ, of string }{{p.AccessTyp, "access"}, {p.RefreshTyp, "refresh"}} {
		if own.typ != "" && tokenType == own.of {
			return strings.TrimSuffix(prefix, `"`+JWT+`"`) + `"` + own.typ + `"`
		}
	}
	return prefix
}

// isTyp compares as RFC 7515 section 4.1.9 has it: media types ignore case, and "application/" may be left out.
func isTyp(typ, want string) bool {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return want != "" && strings.EqualFold(typ, want)
}

// Requires reports whether access tokens must have a claim that others may lack.
func (p *Profile) Requires(claim string) bool { return slices.Contains(p.Required, claim) }

// RFC9068 is the JWT profile for OAuth 2.0 access tokens. A refresh token has a typ of its own, since whoever demands
// that of access tokens takes no other token for one.
func RFC9068() Profile {
	return Profile{
		DefaultType: "access", AccessTyp: "at+jwt", RefreshTyp: "rt+jwt",
		Required: []string{"iss", "aud", "iat", "client_id"}, // RFC 9068 section 2.2, beside what is always required
	}
}
