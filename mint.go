package jot

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/internal/keyring"
	"github.com/go-jot/jot/internal/uuid7"
	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/session"
)

// issuer makes tokens: it knows their lifetimes, the names that stand in them, the callbacks that add to them, and the
// key that signs.
type issuer struct {
	signing                           KeySource
	refreshing                        KeySource // signs refresh tokens, if they have keys of their own
	profile                           wire.Profile
	origin                            *origin
	name                              string // iss
	audience                          []string
	accessTTL, refreshTTL, sessionTTL time.Duration
	longest                           time.Duration // a token of no session lives no longer; 0 is no bound
	csrf                              bool          // tokens carry a CSRF value
	cookies                           bool          // and travel in cookies only
	bare                              bool          // and nothing of sessions, which there are none of
	reserved                          []string      // names of claims that no callback may set
	claims, headers                   func(context.Context, *Token) (map[string]any, error)
	scopes                            func(context.Context, *Token) ([]string, error)
}

// grant is what a token needs beyond its options.
type grant struct {
	now, authTime    time.Time
	issued           time.Time // as the id of an access token has it
	subject, session string
	end              time.Time // no token of the session outlives it; zero without one
	refreshID        string
	refreshAt        time.Time
	csrf             string // of the refresh token; the access token's follows from it
}

var (
	errSessionOver = errors.New("its session may last no longer")
	errNotOurs     = errors.New("not a token that this Manager has verified")
)

const onlyVerifies = "the Manager only verifies: its current key is public, a Keyfunc or NoKeys"

// signs reports whether there is a key that signs.
func (i *issuer) signs() bool {
	return i.signing.keys().Signer != nil && (i.refreshing == nil || i.refreshing.keys().Signer != nil)
}

// login is the grant of a session that starts now.
func (i *issuer) login(d *draft, subject string) grant {
	d.refuse(max(d.expiresIn, d.refreshExpiresIn) > i.sessionTTL, "ExpiresIn",
		"it is longer than a session may last: see WithSessionTTL")
	now := i.origin.now()
	g := grant{
		now: now, issued: now, subject: subject, session: uuid7.New(now), end: millisecond(now).Add(i.sessionTTL),
		refreshID: uuid7.New(now), refreshAt: now,
	}
	g.authTime = i.authTime(d, now, time.Time{})
	if i.csrf {
		g.csrf = newCSRF()
	}
	if i.bare {
		g.session, g.authTime = "", time.Time{}
	}
	return g
}

// authTime is when the user authenticated: now, or when the options say, or when it was for the session.
func (i *issuer) authTime(d *draft, now, session time.Time) time.Time {
	d.refuse(i.origin != nil && d.authTime.After(now.Add(i.origin.leeway)), "AuthTime", "it has not come yet")
	switch {
	case d.isFresh():
		return now
	case !d.authTime.IsZero():
		return d.authTime
	}
	return session
}

// single is the grant of a token that begins no session, but may join one.
func (i *issuer) single(d *draft, subject string) grant {
	g := grant{now: i.origin.now().Add(-d.ago), subject: subject}
	g.issued = i.origin.issuing(g.now)
	if t := d.session; t == nil {
		d.refuse(i.longest > 0 && d.expiresIn > i.longest, "ExpiresIn",
			"a store remembers for 400 days who was logged out, so no token of no session lives longer")
	} else {
		d.join(t, i.profile.SubjectClaim())
		g.session, g.authTime = t.SessionID, t.AuthTime
		if start, ok := uuid7.Time(g.session); ok {
			g.end = start.Add(i.sessionTTL)
		}
	}
	if !i.bare {
		g.authTime = i.authTime(d, g.now, g.authTime)
	}
	return g
}

// successor is the grant of the next pair of a session.
func (i *issuer) successor(d *draft, refresh *Token) grant {
	d.join(refresh, i.profile.SubjectClaim())
	d.scopes = both(d.scopes, refresh.Scopes)
	if d.refreshExpiresIn == 0 && !refresh.IssuedAt.IsZero() && !refresh.ExpiresAt.IsZero() {
		d.refreshExpiresIn = refresh.ExpiresAt.Sub(refresh.IssuedAt)
	}
	g := grant{
		now: i.origin.now(), authTime: refresh.AuthTime, subject: refresh.Subject, session: refresh.SessionID,
		csrf: refresh.within().csrf,
	}
	if start, ok := uuid7.Time(g.session); ok {
		g.end = start.Add(i.sessionTTL)
	}
	if i.csrf && g.csrf == "" {
		g.csrf = newCSRF() // the session was begun without cookies
	}
	// The next id is greater than this one even where the clock of another node was ahead: ids tell old from new.
	g.issued, g.refreshAt = g.now, g.now
	if presented, ok := uuid7.Time(refresh.ID); ok && g.now.Before(presented.Add(time.Millisecond)) {
		g.refreshAt = presented.Add(time.Millisecond)
	}
	g.refreshID = uuid7.New(g.refreshAt)
	return g
}

// checkJoin says why a token of subject cannot join the session of t.
func (i *issuer) checkJoin(t *Token, subject string) error {
	switch {
	case t == nil:
		return nil
	case t.origin != i.origin || !t.verified:
		return errNotOurs
	case t.SessionID == "":
		return errors.New("the token belongs to no session")
	case t.Subject != subject:
		return errors.New("the session belongs to another subject")
	}
	return nil
}

// record is what a store keeps of a session that begins.
func (g *grant) record(d *draft, expires time.Time) session.Record {
	return session.Record{
		Session: g.session, Label: d.label, Scope: strings.Join(d.scopes, " "), Current: g.refreshID,
		Start: g.now, Expires: expires,
	}
}

// access makes an access token, or one of a Type.
func (i *issuer) access(ctx context.Context, d *draft, g grant, typ string) (minted, error) {
	return i.mint(ctx, d, g, minted{
		typ: typ, id: uuid7.New(g.issued), csrf: i.accessCSRF(d, g),
		at: g.now.Unix(), expires: i.until(d.noExpiry, typ, g.now, g.end, d.expiresIn, i.accessTTL),
	})
}

// accessCSRF is the CSRF value of an access token: that of its session, or one of its own.
func (i *issuer) accessCSRF(d *draft, g grant) string {
	switch t := d.session; {
	case !i.csrf:
		return ""
	case g.csrf != "":
		return accessCSRF(g.csrf)
	case t == nil || t.within().csrf == "":
		return newCSRF()
	case t.Type == typeRefresh:
		return accessCSRF(t.within().csrf)
	default:
		return t.within().csrf
	}
}

// refresh makes the refresh token that the grant names.
func (i *issuer) refresh(ctx context.Context, d *draft, g grant) (minted, error) {
	return i.mint(ctx, d, g, minted{
		typ: typeRefresh, id: g.refreshID, csrf: g.csrf, at: g.refreshAt.Unix(),
		expires: i.until(d.noExpiry, typeRefresh, g.refreshAt, g.end, d.refreshExpiresIn, i.refreshTTL),
	})
}

// until is the end of a token's life.
func (i *issuer) until(never bool, typ string, at, end time.Time, given, usual time.Duration) int64 {
	if never || given == 0 && slices.Contains(i.profile.NoExpiry, typ) {
		return wire.NoDate
	}
	if given > 0 {
		usual = given
	}
	until := at.Add(usual).Unix()
	if !end.IsZero() {
		until = min(until, end.Unix())
	}
	return until
}

// usual is how long tokens of a type live unless options say otherwise, 0 for ever.
func (i *issuer) usual(typ string) time.Duration {
	switch {
	case slices.Contains(i.profile.NoExpiry, typ):
		return 0
	case typ == typeRefresh:
		return i.refreshTTL
	}
	return i.accessTTL
}

// pair makes both tokens of a grant, or neither.
func (i *issuer) pair(ctx context.Context, d *draft, g grant) (*Pair, error) {
	access, err := i.access(ctx, d, g, typeAccess)
	if err != nil {
		return nil, err
	}
	lasting := *d
	lasting.fresh, lasting.freshFor, lasting.headers, lasting.issued = false, 0, nil, nil
	refresh, err := i.refresh(ctx, &lasting, g)
	if err != nil {
		return nil, err
	}
	made := new(struct { // in one piece
		Pair
		handed atomic.Bool
	})
	made.Pair = Pair{
		AccessToken: access.raw, RefreshToken: refresh.raw, CSRFToken: access.csrf, RefreshCSRFToken: refresh.csrf,
		ExpiresIn: access.life(), RefreshExpiresIn: refresh.life(), SessionID: g.session,
		made: [2]minted{access, refresh}, cookies: i.cookies, handed: &made.handed,
	}
	return &made.Pair, nil
}

// sessionEnd is when a store may forget a session with these tokens: when no node accepts any of them, nor what one
// could still mint.
func (i *issuer) sessionEnd(access, refresh minted) time.Time {
	if access.expires == wire.NoDate || refresh.expires == wire.NoDate {
		return instant(wire.MaxDate) // only a profile makes tokens that never expire
	}
	return instant(max(access.expires, refresh.expires+int64(i.accessTTL/time.Second))).Add(maxLeeway)
}

// mint makes the text of one token. Its error is a reason, or a mistake of the caller's.
func (i *issuer) mint(ctx context.Context, d *draft, g grant, t minted) (minted, error) {
	if i.signing == nil {
		return minted{}, fmt.Errorf("jot: %w", errNotNew)
	}
	signer := i.signing.keys().Signer
	if t.typ == typeRefresh && i.refreshing != nil {
		signer = i.refreshing.keys().Signer
	}
	if signer == nil {
		return minted{}, fmt.Errorf("jot: %s: %w", onlyVerifies, errors.ErrUnsupported)
	}
	c := i.claimsOf(d, g, t)
	if err := errors.Join(d.errs...); err != nil {
		return minted{}, err
	}
	if c.Expires <= g.now.Unix() && c.Expires != wire.NoDate {
		return minted{}, &reason{sentinel: ErrExpired, cause: errSessionOver}
	}
	text, err := i.text(ctx, d, &c, signer)
	if err != nil {
		return minted{}, err
	}
	signature, err := signer.Sign(ctx, text)
	if err != nil {
		return minted{}, &reason{sentinel: ErrUnavailable, cause: fmt.Errorf("signing: %w", err)}
	}
	t.raw, t.csrf, t.origin = sealed(text, signature), c.CSRF, i.origin
	if len(t.raw) > maxTokenSize {
		return minted{}, fmt.Errorf("%w: %s token of %d bytes", ErrTokenTooLarge, t.typ, len(t.raw))
	}
	if d.issued != nil {
		f, _ := wire.Cut(t.raw)
		d.made = newToken(&c, f.Header, f.Payload, i.origin)
	}
	return t, nil
}

// sealed returns a token's text with its signature.
func sealed(text string, signature []byte) string {
	var raw strings.Builder
	raw.Grow(len(text) + 1 + base64.RawURLEncoding.EncodedLen(len(signature)))
	raw.WriteString(text)
	raw.WriteByte('.')
	var digits [96]byte // enough for most
	raw.Write(base64.RawURLEncoding.AppendEncode(digits[:0], signature))
	return raw.String()
}

// claimsOf returns the registered claims of a token, and says what is wrong with them.
func (i *issuer) claimsOf(d *draft, g grant, t minted) wire.Claims {
	c := wire.Claims{
		Type: t.typ, Subject: g.subject, ID: t.id, SessionID: g.session, CSRF: t.csrf, Issuer: i.name,
		Audience: i.audience, Scopes: d.scopes, IssuedAt: t.at, NotBefore: wire.NoDate, Expires: t.expires,
		AuthTime: wire.NoDate, Fresh: d.fresh, FreshUntil: wire.NoDate,
	}
	if p := i.profile.Minting; p != nil {
		p.Apply(&c)
	}
	i.client(d, t.typ)
	d.refuse(d.claims.Has(i.profile.SubjectClaim()), "Claim", "the name is that of the subject's claim")
	d.refuse(d.noExpiry && !slices.Contains(i.profile.NoExpiry, t.typ), "NoExpiry",
		"the manager takes no such token: its configuration says that tokens of this type expire")
	if len(d.audience) > 0 {
		c.Audience = d.audience
	}
	if !g.authTime.IsZero() {
		c.AuthTime = g.authTime.Unix()
	}
	if d.freshFor > 0 {
		c.FreshUntil = g.now.Add(d.freshFor).Unix()
	}
	d.wrong("the subject", badSubject(c.Subject, i.profile.Minting != nil && i.profile.Minting.AnySubject))
	d.refuse(c.IssuedAt < 0 || max(c.Expires, c.FreshUntil) > wire.MaxDate,
		"the clock", "the token's dates are not between 1970 and 9999")
	return c
}

// client names the client that a token is issued to, where access tokens must: the one that its options name, or that
// of its session, or the usual one. A refresh token hands it on.
func (i *issuer) client(d *draft, typ string) {
	if typ != typeAccess && typ != typeRefresh || !i.profile.Requires(clientClaim) {
		d.refuse(d.client != "", "ClientID", "only an access token of rfc9068.Profile names a client")
		return
	}
	inherited := ""
	if d.session != nil {
		_ = d.session.Claim(clientClaim, &inherited) // one from before the profile has none
	}
	id := cmp.Or(d.client, inherited, i.profile.ClientID)
	d.refuse(id == "" || !isText(id), "ClientID",
		"it is missing, or not UTF-8: RFC 9068 section 2.2 requires the client that a token is issued to")
	d.claims = d.claims.Set(wire.Member{Name: clientClaim, Raw: string(wire.AppendText(nil, id))})
}

// clientClaim is the client that a token was issued to (RFC 8693 section 4.3).
const clientClaim = "client_id"

// text returns what is signed: the token's header and payload, with what the callbacks add.
func (i *issuer) text(ctx context.Context, d *draft, c *wire.Claims, signer *keyring.Key) (string, error) {
	builtin := c.Type == typeAccess || c.Type == typeRefresh
	if err := i.narrow(ctx, d, c); err != nil {
		return "", err
	}
	var room [512]byte // enough for most
	payload := d.claims.Append(i.profile.AppendClaims(room[:0], c, builtin || d.isFresh()))
	params, err := i.added(ctx, "WithAdditionalHeaders", i.headers, d.headers, reservedHeaders, c, payload)
	if err != nil {
		return "", err
	}
	if c.Type == typeAccess || i.profile.Minting != nil && i.profile.Minting.ClaimsEverywhere {
		more, err := i.added(ctx, "WithAdditionalClaims", i.claims, d.claims, i.reserved, c, payload)
		if err != nil {
			return "", err
		}
		payload = more.Append(payload)
	}
	payload = append(payload, '}')
	head := signer.Header
	if prefix := i.profile.Head(signer.Prefix, c.Type); prefix != signer.Prefix || len(d.headers)+len(params) > 0 {
		header := string(append(params.Append(d.headers.Append([]byte(prefix))), '}'))
		if _, err := wire.ReadHeader(header); err != nil {
			return "", fmt.Errorf("jot: nobody would read the token: %w", err)
		}
		head = base64.RawURLEncoding.EncodeToString([]byte(header))
	}
	text := make([]byte, 0, len(head)+1+base64.RawURLEncoding.EncodedLen(len(payload)))
	text = base64.RawURLEncoding.AppendEncode(append(append(text, head...), '.'), payload)
	return string(text), nil
}

// narrow asks which scopes the user has now. An access token has no others, and of those no more than were asked for.
func (i *issuer) narrow(ctx context.Context, d *draft, c *wire.Claims) error {
	if i.scopes == nil || c.Type != typeAccess {
		return nil
	}
	now, err := i.scopes(ctx, i.unfinished(c, d.claims.Append(i.profile.AppendClaims(nil, c, true))))
	if err != nil {
		return verdict(true, nil, fmt.Errorf("WithScopes: %w", err))
	}
	for _, scope := range now {
		if !wire.IsScope(scope) {
			return fmt.Errorf("jot: WithScopes: %q is not a scope of RFC 6749 section 3.3", scope)
		}
	}
	if len(c.Scopes) > 0 {
		now = both(c.Scopes, now)
	}
	c.Scopes = union(nil, now)
	return nil
}

// unfinished is the token as far as it is made, for callbacks.
func (i *issuer) unfinished(c *wire.Claims, payload []byte) *Token {
	own := *c
	own.Audience, own.Scopes = slices.Clone(c.Audience), slices.Clone(c.Scopes)
	return newToken(&own, "", string(payload)+"}", i.origin)
}

// added asks f for more members of a token as far as it is made, and returns those that its options did not name.
func (i *issuer) added(
	ctx context.Context, name string, f func(context.Context, *Token) (map[string]any, error),
	have wire.Members, reserved []string, c *wire.Claims, payload []byte,
) (wire.Members, error) {
	if f == nil {
		return nil, nil
	}
	values, err := f(ctx, i.unfinished(c, payload))
	if err != nil {
		return nil, verdict(true, nil, fmt.Errorf("%s: %w", name, err))
	}
	more, err := wire.Split(values, reserved)
	if err != nil {
		return nil, fmt.Errorf("jot: %s: %w", name, err)
	}
	return more.Without(have), nil
}
