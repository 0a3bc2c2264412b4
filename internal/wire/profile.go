// Package wire holds the rules by which tokens are read: how a header and a payload become claims, before anything
// about time, keys or routes is asked. They are values of one struct, so that a package of this module can bend them
// without a branch in the core.
package wire

import "strings"

// Profile says how tokens are read. The zero value is jot's own rules, the strictest; each field relaxes or renames
// one.
type Profile struct {
	// Subject names the claim that holds the subject. Empty means "sub".
	Subject string
	// DefaultType is the type of a token that has no type claim. Empty means that such a token is refused.
	DefaultType string
	// ExpiryOptional accepts a token without exp.
	ExpiryOptional bool
	// IDOptional accepts a token without jti.
	IDOptional bool
	// NoCSRF takes cookies without any protection against other origins' pages.
	NoCSRF bool
	// Typ is a typ header accepted beside "JWT" and none at all, without "application/". Empty means none.
	Typ string
}

// NewOption makes a jot.Option of a profile. Package jot sets it: the option interface is sealed, and this is its one
// side door, for packages of this module.
var NewOption func(Profile) any

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
