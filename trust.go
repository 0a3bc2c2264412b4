package jot

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-jot/jot/internal/keyring"
	"github.com/go-jot/jot/internal/wire"
)

// Issuer is another issuer, whose access tokens a [Manager] takes beside its own: see [WithIssuerKeys].
type Issuer struct {
	// Name is the iss of its tokens, byte for byte. Required.
	Name string
	// Keys are the issuer's own, which verify its tokens and no others. Required. Package remotekeys follows those that
	// are published at a URL; a file of them is read by [ParseJWKS]. The tenants of one provider are an Issuer each,
	// and may have the same Keys.
	Keys KeySource
	// Audience is what its tokens call this service, any of these; [WithAudience] unless set. One of both is required,
	// since an issuer signs for others too. Name an API, never a client: ID tokens are for clients.
	Audience []string
	// RFC9068 says that its access tokens are those of RFC 9068: their header has the typ "at+jwt", and iat and
	// client_id are required. They need no type, which otherwise must be there, and be "access", as jot writes it.
	RFC9068 bool
	// Untyped takes tokens without type for access tokens, from an OpenID provider whose access tokens have no typ of
	// their own, if they have one of the claims scope, scp, client_id, cid and appid. The scopes may be called scp.
	// Prefer RFC9068 where the provider can.
	Untyped bool
	// WithoutID takes tokens without jti. They cannot be revoked one by one.
	WithoutID bool
	// SameSubjects says that its subjects are those of this service: its alice is our alice. Otherwise
	// [Token.Subject] is the issuer's name, "|" and the subject, so that nobody is taken for somebody else.
	SameSubjects bool
}

// trust is a source of keys, and by which rules tokens are read that it verifies.
type trust struct {
	source  KeySource
	profile *wire.Profile
	by      *Issuer // nil for this service's own
}

func (t *trust) keys() *keyring.Ring { return t.source.keys() }

// defects returns what makes the sources of keys unusable together. The first is the one that signs. Whose keys are
// meant a token says by its iss, so those of two other issuers may have the same ids.
func defects(trusts []trust) (errs []error) {
	own := keyring.New()
	for i, t := range trusts {
		source := t.source
		err := errors.New("the key source is nil, or the key set is empty")
		if !keyring.IsNil(source) {
			err = source.defect()
		}
		if err == nil {
			all := own
			if t.by != nil {
				all = own.Clone()
			}
			err = all.Merge(source.keys(), t.by != nil)
			if k := source.keys().Signer; i == 0 && k != nil && !k.Until.IsZero() {
				err = errors.Join(err, errEnding)
			}
		}
		switch {
		case err != nil && t.by != nil:
			errs = append(errs, fmt.Errorf("jot: the keys of %q: %w", t.by.Name, err))
		case err != nil:
			errs = append(errs, fmt.Errorf("jot: %w", err))
		}
	}
	return errs
}

// padded reports whether white space surrounds one of the secrets.
func padded(trusts []trust) bool {
	return slices.ContainsFunc(trusts, func(t trust) bool { return t.keys().Padded() })
}

// defect says what is wrong with the issuer, beside its keys.
func (i *Issuer) defect() string {
	switch {
	case i.Name == "" || !isText(i.Name):
		return "the issuer's Name is empty or not UTF-8"
	case keyring.IsNil(i.Keys):
		return fmt.Sprintf("the Keys of %q are nil", i.Name)
	case len(i.Audience) > 0 && badNames(i.Audience) != "":
		return fmt.Sprintf("the Audience of %q: %s", i.Name, badNames(i.Audience))
	case i.RFC9068 && i.Untyped:
		return fmt.Sprintf("%q is RFC9068 and Untyped: such tokens say what they are", i.Name)
	}
	return ""
}

// trusted returns the issuer's keys and rules.
func (i Issuer) trusted() trust {
	i.Audience = slices.Clone(i.Audience)
	rules := wire.Profile{}
	switch {
	case i.RFC9068:
		rules = wire.RFC9068()
	case i.Untyped:
		rules.Typ, rules.Untyped = wire.RFC9068().AccessTyp, true
	}
	rules.Foreign, rules.IDOptional = true, i.WithoutID
	return trust{i.Keys, &rules, &i}
}

// subject returns what a subject of the issuer's is called here.
func (i *Issuer) subject(name string) string {
	if i.SameSubjects {
		return name
	}
	return i.Name + "|" + name
}

// badNames says what is wrong with a list of names.
func badNames(names []string) string {
	if len(names) == 0 {
		return "name at least one"
	}
	for _, name := range names {
		if name == "" || !isText(name) {
			return "a name is empty or not UTF-8"
		}
	}
	return ""
}

func isText(s string) bool { return utf8.ValidString(s) }
