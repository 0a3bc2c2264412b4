package wire

import (
	"errors"
	"fmt"
	"slices"
)

// marks are what tells kinds of tokens apart where their type does not.
type marks struct {
	access   bool     // of an access token
	scopes   []string // by their other name
	required uint     // one bit for each that was there
}

var (
	errIdentity = errors.New("it is an ID token, or another that gives no access")
	errUnmarked = errors.New("it has no type, nor scope, scp, client_id, cid or appid: perhaps it is an ID token")
	errNoType   = errors.New("type is missing: see Issuer.RFC9068 and Issuer.Untyped")
	errNoID     = errors.New("jti is missing: see Issuer.WithoutID")
	errNoAccess = errors.New("another issuer's tokens are access tokens only")
)

// Claims that stand in tokens of one kind alone.
var (
	// OpenID Connect Core sections 2 and 3.3.2.11, Back-Channel Logout section 2.4 (RFC 8417).
	identityClaims = []string{"nonce", "at_hash", "c_hash", "s_hash", "events"}
	// RFC 9068 section 2.2; what others have called the same.
	accessClaims = []string{"scope", "scp", "client_id", "cid", "appid"}
)

// note takes one claim.
func (m *marks) note(p *Profile, name, raw string) error {
	if i := slices.Index(p.Required, name); i >= 0 {
		m.required |= 1 << i
		if _, ok := text(raw); !ok && name == "client_id" { // nobody else reads it
			return DefectError{Claim: name}
		}
	}
	if !p.Foreign {
		return nil
	}
	switch {
	case slices.Contains(identityClaims, name),
		name == "token_use" && raw == `"id"`, name == "typ" && raw != `"Bearer"` && raw != `"JWT"`:
		return fmt.Errorf("%w: it has %s", errIdentity, name)
	case slices.Contains(accessClaims, name):
		m.access = true
	}
	if name == "scp" && p.Untyped {
		var ok bool
		if m.scopes, ok = scopes(raw); !ok {
			return DefectError{Claim: name}
		}
	}
	return nil
}

// foreign holds another issuer's claims to what is taken from others.
func (m *marks) foreign(p *Profile, c *Claims) error {
	switch {
	case c.Type == "" && p.Untyped && m.access:
		c.Type = "access"
	case c.Type == "" && p.Untyped:
		return errUnmarked
	case c.Type == "" && p.Required == nil:
		return errNoType
	case c.Type != "" && c.Type != "access":
		return errNoAccess
	}
	if c.Scopes == nil {
		c.Scopes = m.scopes
	}
	c.Fresh, c.FreshUntil = false, NoDate
	return nil
}

// missing names a claim that had to be there.
func (m *marks) missing(p *Profile) error {
	for i, name := range p.Required {
		if m.required&(1<<i) == 0 {
			return DefectError{name, true}
		}
	}
	return nil
}
