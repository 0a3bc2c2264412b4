// Package wire holds the rules by which tokens are read: how a header and a payload become claims, before anything
// about time, keys or routes is asked. They are values of one struct, so that a package of this module can bend them
// without a branch in the core.
package wire

import (
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
	// Issuers are accepted, any of them, instead of the manager's. Empty means the manager's.
	Issuers []string
	// AnyAudience accepts a token that has an aud where none is configured.
	AnyAudience bool
	// Typ is a typ header accepted beside "JWT" and none at all, without "application/". Empty means none.
	Typ string

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
	// NewCSRF makes the CSRF value of each token; nil means that none has one.
	NewCSRF func() string
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

// NoExpiry is a jot.TokenOption, for a token that never expires.
type NoExpiry struct{}

// JotTokenOption makes it a jot.TokenOption.
func (NoExpiry) JotTokenOption(Sealed) {}

// SubjectClaim returns the name of the claim that holds the subject.
func (p *Profile) SubjectClaim() string {
	if p.Subject == "" {
		return "sub"
	}
	return p.Subject
}

// acceptsTyp compares as RFC 7515 section 4.1.9 has it: media types ignore case, and "application/" may be left out.
func (p *Profile) acceptsTyp(typ string) bool {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return strings.EqualFold(typ, "JWT") || p.Typ != "" && strings.EqualFold(typ, p.Typ)
}
