package jot

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/internal/wire"
)

// maxTokenSize is how long a token may be. Longer ones are refused by their length alone, and not issued.
const maxTokenSize = 8 << 10

// The causes of ErrInvalid, for the operator. None quotes the token.
var (
	errSize      = errors.New("longer than 8 KiB")
	errFrame     = errors.New("not three segments of base64url")
	errNoKey     = errors.New("no key for its alg and kid")
	errSignature = errors.New("signature does not match")
	errIssuer    = errors.New("iss is not the one expected")
	errAudience  = errors.New("aud names others")
	errNoID      = errors.New("without a jti it cannot be used up")
	errUsed      = errors.New("it has been used")
	errNotYet    = errors.New("nbf or iat lies in the future")
)

// Verify checks a token's text by the rules of [Manager.Required] and returns it. It is for tokens that come another
// way than in a request: a message queue, a WebSocket frame, a mailed link. Everything that Required does with the
// token is done, revocation and user lookup included. Demands that contradict each other are an error.
//
// Looking at any token of this service, whatever its type and even if revoked, is Verify(ctx, raw, AnyType(),
// SkipRevocation()).
func (m *Manager) Verify(ctx context.Context, raw string, demands ...Demand) (*Token, error) {
	opts := make([]RouteOption, len(demands))
	for i, d := range demands {
		opts[i] = d
	}
	rt, err := m.route(opts)
	if err != nil {
		return nil, err
	}
	t, err := m.read(raw)
	if err == nil {
		t, err = m.judge(ctx, t, rt, "")
	}
	if err != nil {
		m.refused(ctx, err, "")
		return nil, err
	}
	return t, nil
}

// read turns text into an authentic token: frame, header, signature, and only then the payload.
func (m *Manager) read(raw string) (*Token, error) {
	invalid := func(cause error) (*Token, error) { return nil, m.refuse(ErrInvalid, cause, nil) }
	if len(raw) > maxTokenSize {
		return invalid(errSize)
	}
	head, body, tail, ok := frame(raw)
	if !ok {
		return invalid(errFrame)
	}
	header, ok := decodeSegment(head)
	if !ok {
		return invalid(errFrame)
	}
	signature, ok := decodeSegment(tail)
	if !ok {
		return invalid(errFrame)
	}
	payload, ok := decodeSegment(body)
	if !ok {
		return invalid(errFrame)
	}
	k, err := m.keyOf(head, header)
	if err != nil {
		if answerTo(err).sentinel != nil { // a key function that could not fetch its keys
			return nil, m.outcome(true, nil, err, nil)
		}
		return invalid(err)
	}
	if k.verify(raw[:len(head)+1+len(body)], []byte(signature)) != nil {
		return invalid(errSignature)
	}
	claims, err := m.profile.ReadClaims(payload)
	if err != nil {
		return invalid(err)
	}
	return m.newToken(&claims, header, payload), nil
}

// segmentByte marks the alphabet of base64url (RFC 4648 section 5).
var segmentByte = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		table[c] = true
	}
	return table
}()

// frame cuts a token into its three segments. The alphabet is checked here, since the decoder skips line breaks.
func frame(raw string) (head, body, tail string, ok bool) {
	head, rest, _ := strings.Cut(raw, ".")
	body, tail, ok = strings.Cut(rest, ".")
	for _, segment := range [...]string{head, body, tail} {
		for i := range len(segment) {
			if !segmentByte[segment[i]] {
				return "", "", "", false
			}
		}
		ok = ok && segment != ""
	}
	return head, body, tail, ok
}

// decodeSegment decodes canonical base64url: of the spellings of one text exactly one is right.
func decodeSegment(segment string) (string, bool) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	return string(text), err == nil
}

// keyOf finds the key that a header speaks of. One that we sign with is known by its bytes, with nothing to parse.
func (m *Manager) keyOf(segment, text string) (*key, error) {
	for _, source := range m.sources {
		if k := source.keys().byHeader[segment]; k != nil {
			return k, nil
		}
	}
	h, err := m.profile.ReadHeader(text)
	if err != nil {
		return nil, err
	}
	var failed error // one source that cannot tell does not silence the next
	for _, source := range m.sources {
		k, err := source.keys().candidate(h, text)
		if k != nil && err == nil {
			return k, nil
		}
		failed = errors.Join(failed, err)
	}
	for _, source := range m.sources { // nobody was meant by name
		if k := source.keys().single; k != nil && !h.HasID && k.alg == h.Alg {
			return k, nil
		}
	}
	if failed != nil {
		return nil, failed
	}
	return nil, errNoKey
}

// newToken makes the token of claims that are authentic, or about to be signed.
func (m *Manager) newToken(c *wire.Claims, header, payload string) *Token {
	return &Token{
		ID: c.ID, Type: c.Type, Subject: c.Subject, SessionID: c.SessionID, Issuer: c.Issuer,
		Audience: c.Audience, Scopes: c.Scopes, claimed: c.Scopes, csrf: c.CSRF,
		issued:   instant(c.Issued),
		IssuedAt: instant(c.IssuedAt), NotBefore: instant(c.NotBefore), ExpiresAt: instant(c.Expires), AuthTime: instant(c.AuthTime),
		header: header, payload: payload, fresh: c.Fresh, freshUntil: instant(c.FreshUntil), manager: m,
	}
}

func instant(seconds int64) time.Time {
	if seconds == wire.NoDate {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// judge asks an authentic token everything else, in the order of cost: its claims, the route, the stores, the
// callbacks.
// csrf is the value that the request repeats, "" where none is asked.
func (m *Manager) judge(ctx context.Context, t *Token, rt *route, csrf string) (*Token, error) {
	now := m.now()
	if err := m.checkClaims(t, rt, now, csrf); err != nil {
		return nil, err
	}
	if err := m.checkRoute(t, rt, now); err != nil {
		return nil, err
	}
	if !t.checked && !rt.skipRevocation {
		if err := m.checkRevocation(ctx, t, now); err != nil {
			return nil, err
		}
		t.checked = true
	}
	if rt.leaving {
		return t, nil
	}
	if err := m.checkCallbacks(ctx, t, rt); err != nil {
		return nil, err
	}
	if rt.singleUse && !t.consumed {
		if err := m.consume(ctx, t); err != nil {
			return nil, err
		}
	}
	t.verified = true
	return t, nil
}

// checkClaims asks for whom and when the token is. Expiry comes last, so that ErrExpired means that all else held.
func (m *Manager) checkClaims(t *Token, rt *route, now time.Time, csrf string) error {
	issuers := m.profile.Issuers
	if len(issuers) == 0 && m.issuer != "" {
		issuers = []string{m.issuer}
	}
	if len(issuers) > 0 && !slices.Contains(issuers, t.Issuer) {
		return m.refuse(ErrInvalid, errIssuer, t)
	}
	audience := rt.audience
	if len(audience) == 0 {
		audience = m.audience
	}
	meant := len(audience) == 0 && (len(t.Audience) == 0 || m.profile.AnyAudience)
	for _, name := range t.Audience {
		meant = meant || slices.Contains(audience, name)
	}
	if !meant {
		return m.refuse(ErrInvalid, errAudience, t)
	}
	if csrf != "" {
		if err := m.csrfAfter(t, rt, csrf); err != nil {
			return err
		}
	}
	latest := now.Add(m.leeway)
	if t.NotBefore.After(latest) || t.IssuedAt.After(latest) {
		return m.refuse(ErrInvalid, errNotYet, t)
	}
	if t.expiredAt(now) && !rt.leaving {
		return m.refuse(ErrExpired, nil, t)
	}
	return nil
}

// checkRoute asks whether it is the token that the route wants.
func (m *Manager) checkRoute(t *Token, rt *route, now time.Time) error {
	if !rt.takes(t.Type) || t.Location == InQuery && t.Type == typeRefresh && !m.profile.RefreshInQuery {
		return m.refuse(ErrWrongType, nil, t)
	}
	if rt.fresh && !t.freshAt(now) || rt.maxAge > 0 && (t.AuthTime.IsZero() || now.Sub(t.AuthTime) > rt.maxAge) {
		e := m.refuse(ErrNotFresh, nil, t)
		e.MaxAge = rt.maxAge
		return e
	}
	for _, scope := range rt.scopes {
		if !t.HasScope(scope) {
			e := m.refuse(ErrScope, nil, t)
			e.Scopes = slices.Clone(rt.scopes)
			return e
		}
	}
	return nil
}

// checkRevocation asks the callback, then the ledger.
func (m *Manager) checkRevocation(ctx context.Context, t *Token, now time.Time) error {
	if m.inBlocklist != nil {
		revoked, err := m.inBlocklist(ctx, t)
		if err := m.outcome(!revoked, ErrRevoked, err, t); err != nil {
			return err
		}
	}
	found, err := m.ledger.check(ctx, t, now, m.grace)
	switch {
	case err != nil:
		return m.storeFailed(ctx, err, t)
	case found.sentinel == nil && found.session.Session != "":
		t.Scopes = both(t.claimed, strings.Fields(found.session.Scope))
		return nil
	case found.sentinel == nil:
		return nil
	case found.sentinel == ErrReused: //nolint:errorlint // a fact of the ledger's, not an error that somebody wrapped
		ended, err := m.ledger.end(ctx, t.Subject, t.SessionID, now)
		if err != nil {
			return m.storeFailed(ctx, err, t)
		}
		if ended {
			m.emit(ctx, EventReused, t)
		}
	}
	return m.refuse(found.sentinel, found.cause, t)
}

// both returns those scopes that are among the others as well.
func both(scopes, others []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(others, s) })
}

// consume uses the token up.
func (m *Manager) consume(ctx context.Context, t *Token) error {
	if t.ID == "" {
		return m.refuse(ErrInvalid, errNoID, t)
	}
	first, err := m.ledger.revoke(ctx, t, m.now())
	switch {
	case err != nil:
		return m.storeFailed(ctx, err, t)
	case !first:
		return m.refuse(ErrRevoked, errUsed, t)
	}
	t.consumed = true
	return nil
}

// checkCallbacks asks the application: its rules, the route's, and who the user is. A nested guard does not ask the
// manager's a second time.
func (m *Manager) checkCallbacks(ctx context.Context, t *Token, rt *route) error {
	if !t.admitted && m.verification != nil {
		ok, err := m.verification(ctx, t)
		if err := m.outcome(ok, ErrForbidden, err, t); err != nil {
			return err
		}
	}
	for _, check := range rt.checks {
		ok, err := check(ctx, t)
		if err := m.outcome(ok, ErrForbidden, err, t); err != nil {
			return err
		}
	}
	if !t.admitted && m.lookup != nil {
		user, err := m.lookup(ctx, t)
		if err := m.outcome(true, nil, err, t); err != nil {
			return err
		}
		t.user = user
	}
	t.admitted = true
	return nil
}
