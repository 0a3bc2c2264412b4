package jot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/internal/keyring"
	"github.com/go-jot/jot/internal/wire"
)

// verifier turns text into tokens that are authentic, and says whether they are for this service, and for now.
type verifier struct {
	trusts   []trust   // whose tokens are taken: first those who follow our rules, then other issuers
	own      int       // how many follow our rules
	refresh  KeySource // that of refresh tokens, if they have keys of their own; it is the last of the former
	profile  *wire.Profile
	origin   *origin
	issuers  []string // any of them; empty, any issuer
	audience []string // where a route names none
	cache    *cache   // nil without
}

// The reasons that are the same for every token. None quotes one; noKey does.
var (
	errTooLong   = invalid(errors.New("longer than 8 KiB"))
	errMalformed = invalid(errors.New("not three segments of base64url"))
	errScheme    = invalid(errors.New("not three segments of base64url: leave out the scheme, \"Bearer \" say"))
	errKeyOver   = invalid(errors.New("its key has ended"))
	errKeyType   = invalid(errors.New("its key is not for tokens of its type"))
	errSignature = invalid(wire.ErrSignature)
	errNotYet    = invalid(wire.ErrNotYet)
	errPast      = &reason{sentinel: ErrExpired}
)

// read turns text into an authentic token.
func (v *verifier) read(ctx context.Context, raw string) (*Token, *reason) {
	if len(raw) > maxTokenSize {
		return nil, errTooLong
	}
	p, known := v.cache.recall(ctx, v.trusts, raw)
	if !known {
		var why *reason
		if p, why = v.prove(ctx, raw); why != nil {
			return nil, why
		}
	}
	switch {
	case p.key.Over(v.origin.now):
		return nil, errKeyOver
	case !v.isFor(p.key, p.claims.Type):
		return nil, errKeyType
	case !known:
		v.cache.remember(raw, p)
	}
	t := newToken(&p.claims, p.header, p.payload, v.origin)
	if by := v.trusts[p.source].by; by != nil {
		t.foreign, t.Subject = true, by.subject(t.Subject)
	}
	t.source = p.source
	return t, nil
}

// prove asks whether a text is authentic: frame, header, signature, and only then the payload.
func (v *verifier) prove(ctx context.Context, raw string) (proven, *reason) {
	f, ok := wire.Cut(raw)
	switch {
	case !ok && strings.Contains(raw, " "):
		return proven{}, errScheme
	case !ok:
		return proven{}, errMalformed
	}
	first, last := v.whose(&f)
	trusts := v.trusts[first:last]
	found, err := keyring.Find(ctx, trusts, (*trust).keys, f.Head, f.Header, v.profile.AnyKeyID)
	k, by := found.Key, &trusts[found.Source]
	switch {
	case err == nil && k == nil:
		return proven{}, v.noKey(&f)
	case err != nil && answerTo(err).sentinel != nil: // a key function that could not fetch its keys
		return proven{}, verdict(true, nil, err)
	case err != nil:
		return proven{}, invalid(err)
	case !by.profile.AcceptsTyp(found.Typ):
		return proven{}, badTyp(found.Typ, by.profile, "")
	case k.Verify(f.Signed, f.Signature) != nil:
		return proven{}, errSignature
	}
	claims, err := by.profile.ReadClaims(f.Payload)
	switch {
	case err != nil:
		return proven{}, invalid(err)
	case !by.profile.Fits(found.Typ, claims.Type):
		return proven{}, badTyp(found.Typ, by.profile, claims.Type)
	}
	return proven{k, first + found.Source, f.Header, f.Payload, claims}, nil
}

// badTyp is the reason for a token whose header calls it something else than the profile has for its type, which is
// empty where it was not read.
func badTyp(typ string, p *wire.Profile, tokenType string) *reason {
	text := fmt.Sprintf("typ is not accepted: %.40q", typ)
	switch standard := wire.RFC9068().AccessTyp; {
	case p.AccessTyp != "" && tokenType == typeAccess:
		text += fmt.Sprintf(", and that of access tokens is %q", p.AccessTyp)
	case p.AccessTyp == "" && strings.EqualFold(strings.TrimPrefix(typ, "application/"), standard):
		text += ", which rfc9068.Profile and Issuer.RFC9068 are for"
	}
	return invalid(errors.New(text))
}

// whose returns the place of those who may have signed a token: the other issuer that it names, or else we. Its word
// for that is as good as the kid for the key, and no better: the signature tells.
func (v *verifier) whose(f *wire.Frame) (first, last int) {
	if v.own < len(v.trusts) {
		name := wire.ReadIssuer(f.Payload)
		for i := v.own; i < len(v.trusts); i++ {
			if v.trusts[i].by.Name == name {
				return i, i + 1
			}
		}
	}
	return 0, v.own
}

// pairs reports whether any tokens are verified by public keys.
func (v *verifier) pairs() bool {
	return slices.ContainsFunc(v.trusts, func(t trust) bool {
		ring := t.keys()
		pair := func(k *keyring.Key) bool { return !k.Symmetric() }
		return ring.Lookup != nil || slices.ContainsFunc(ring.All(), pair)
	})
}

// noKey is the reason for a token whose key is not among those that may have signed it, for an operator who compares
// what it names with what there is.
func (v *verifier) noKey(f *wire.Frame) *reason {
	if v.own < len(v.trusts) {
		names := slices.Clone(v.issuers)
		for _, other := range v.trusts[v.own:] {
			names = append(names, other.by.Name)
		}
		if name := wire.ReadIssuer(f.Payload); !slices.Contains(names, name) {
			return invalid(fmt.Errorf("%w: %.80q is not one of %q", wire.ErrIssuer, name, names))
		}
	}
	h, _ := wire.ReadHeader(f.Header)
	if !h.HasID {
		return invalid(fmt.Errorf("%w: alg %.20q, and no kid", wire.ErrNoKey, h.Alg))
	}
	return invalid(fmt.Errorf("%w: alg %.20q, kid %.80q", wire.ErrNoKey, h.Alg, h.ID))
}

// made returns what is known of a pair's tokens: from their making, or else, of a token by itself, from its text.
func (v *verifier) made(pair *Pair) (tokens []minted, err error) {
	if pair == nil || pair.AccessToken == "" && pair.RefreshToken == "" {
		return nil, errEmptyPair
	}
	for i, raw := range [...]string{pair.AccessToken, pair.RefreshToken} {
		if raw == "" {
			continue
		}
		if t := pair.made[i]; t.origin == v.origin && t.raw == raw {
			tokens = append(tokens, t)
			continue
		}
		t, err := v.reread(raw, [...]string{typeAccess, typeRefresh}[i])
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// isFor reports whether a key verifies tokens of a type: those for refresh tokens verify no others.
func (v *verifier) isFor(k *keyring.Key, typ string) bool {
	if v.refresh == nil {
		return true
	}
	if v.refresh.keys().Known(k) == k {
		return typ == typeRefresh || v.shares(k)
	}
	return typ != typeRefresh
}

// shares reports whether a key of refresh tokens is one of the others as well.
func (v *verifier) shares(k *keyring.Key) bool {
	return slices.ContainsFunc(v.trusts, func(t trust) bool { return t.source != v.refresh && t.keys().Known(k) == k })
}

// completed returns the pair with what its tokens say of themselves, where it was put together by hand, of tokens of
// ours.
func (v *verifier) completed(pair *Pair) *Pair {
	if pair.made != [2]minted{} || v.origin == nil {
		return pair
	}
	tokens, err := v.made(pair)
	if err != nil {
		return pair
	}
	whole := *pair
	for _, t := range tokens {
		csrf, life := &whole.CSRFToken, &whole.ExpiresIn
		if t.typ == typeRefresh {
			csrf, life = &whole.RefreshCSRFToken, &whole.RefreshExpiresIn
		}
		*csrf, *life = cmp.Or(*csrf, t.csrf), cmp.Or(*life, t.life())
	}
	return &whole
}

var errEmptyPair = errors.New("the pair is empty")

// reread makes out of a token's text what its making knew.
func (v *verifier) reread(raw, typ string) (minted, error) {
	t, why := v.read(context.Background(), raw)
	switch {
	case why != nil:
		return minted{}, fmt.Errorf("not a token of this Manager's: %w", why.cause)
	case t.foreign:
		return minted{}, errors.New("it is another issuer's")
	case t.Type != typ:
		return minted{}, fmt.Errorf("not the cookie for a token of the type %q", t.Type)
	}
	expires := int64(wire.NoDate)
	if !t.ExpiresAt.IsZero() {
		expires = t.ExpiresAt.Unix()
	}
	return minted{
		raw: raw, typ: typ, csrf: t.within().csrf, at: t.IssuedAt.Unix(), expires: expires, origin: v.origin,
	}, nil
}

// issuer asks who issued the token: the one whose key verified it.
func (v *verifier) issuer(t *Token) *reason {
	issuers := v.issuers
	if t.foreign {
		issuers = []string{v.trusts[t.source].by.Name}
	}
	if len(issuers) > 0 && !slices.Contains(issuers, t.Issuer) {
		return invalid(fmt.Errorf("%w: %q is not one of %q", wire.ErrIssuer, t.Issuer, issuers))
	}
	return nil
}

// meant asks for whom the token is. Without an expected audience it is for nobody else.
func (v *verifier) meant(t *Token, audience []string) *reason {
	if len(audience) == 0 && t.foreign {
		audience = v.trusts[t.source].by.Audience
	}
	if len(audience) == 0 {
		audience = v.audience
	}
	if len(audience) == 0 && (len(t.Audience) == 0 || v.profile.AnyAudience) {
		return nil
	}
	for _, name := range t.Audience {
		if slices.Contains(audience, name) {
			return nil
		}
	}
	if len(audience) == 0 {
		return invalid(fmt.Errorf("%w: %q, and this Manager has no WithAudience", wire.ErrAudience, t.Audience))
	}
	return invalid(fmt.Errorf("%w: %q, none of them of %q", wire.ErrAudience, t.Audience, audience))
}

// current asks when the token is good. Expiry comes last, so that ErrExpired means that all else held.
func (v *verifier) current(t *Token, now time.Time) *reason {
	latest := now.Add(v.origin.leeway)
	if t.NotBefore.After(latest) || t.IssuedAt.After(latest) {
		return errNotYet
	}
	if t.expiredAt(now) {
		return errPast
	}
	return nil
}

// newToken makes the token of claims that are authentic, or about to be signed.
func newToken(c *wire.Claims, header, payload string, from *origin) *Token {
	made := &struct { // in one piece
		Token
		inside inside
		at     *inside
	}{inside: inside{header: header, payload: payload, csrf: c.CSRF}}
	made.at = &made.inside
	made.Token = Token{
		ID: c.ID, Type: c.Type, Subject: c.Subject, SessionID: c.SessionID, Issuer: c.Issuer,
		Audience: c.Audience, Scopes: c.Scopes, claimed: c.Scopes,
		issued:   instant(c.Issued),
		IssuedAt: instant(c.IssuedAt), NotBefore: instant(c.NotBefore), ExpiresAt: instant(c.Expires),
		AuthTime: instant(c.AuthTime), fresh: c.Fresh, freshUntil: instant(c.FreshUntil),
		origin: from, inside: &made.at,
	}
	return &made.Token
}
