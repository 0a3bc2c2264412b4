package jot

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-jot/jot/internal/credential"
)

// The cause for which a renewal fails, for the operator.
var errNoRefresh = errors.New("the refresh token is not of the same session, or not good any more")

// slide renews the token that has passed if it is time, once for a request, however many guards it passes. It returns
// nil if there was nothing to do.
func (p *pass) slide(w http.ResponseWriter) *renewal {
	if p.outer != nil && p.outer.renewal != nil {
		return p.outer.renewal
	}
	if !p.m.sliding || p.at != InCookie || !p.token.isWaning(p.now) {
		return nil
	}
	raw, err := credential.InCookie(p.r, p.m.jar.cookies.RefreshName)
	if err != nil || raw == "" {
		return nil // a link from another site brings no Strict cookie; the next request will
	}
	cookies, err := p.renew(raw)
	if err != nil {
		t := p.token
		p.m.event(p.ctx, Event{
			Kind: EventRenewalFailed, Subject: t.Subject, SessionID: t.SessionID, TokenID: t.ID,
			Location: p.at, Err: err,
		})
		return new(renewal)
	}
	p.m.emit(p.ctx, EventRenewed, p.token)
	put(w, cookies)
	w.Header().Set("Vary", "*") // whatever the handler says of caches: this answer is for nobody else
	return &renewal{header: w.Header(), cookies: cookies}
}

// isWaning reports whether an access token of a session, whose revocation was looked up, is in the last third of its
// life.
func (t *Token) isWaning(now time.Time) bool {
	if t.Type != typeAccess || t.SessionID == "" || !t.checked || t.IssuedAt.IsZero() || t.ExpiresAt.IsZero() {
		return false
	}
	return t.ExpiresAt.Sub(now) <= t.ExpiresAt.Sub(t.IssuedAt)/3
}

// renew makes the cookies of the next access token. The refresh token is asked what a guard would ask of it. It is not
// used up, but one that was exchanged or revoked before renews nothing: somebody else has its successor.
func (p *pass) renew(raw string) ([]*http.Cookie, error) {
	m, t := p.m, p.token
	refresh := pass{m: m, want: renewing, ctx: p.ctx, now: p.now, raw: raw, at: InCookie}
	if !refresh.read() {
		return nil, refresh.why.refusal(nil, m.realm)
	}
	if refresh.token.SessionID != t.SessionID || refresh.token.Subject != t.Subject {
		return nil, errNoRefresh
	}
	if !refresh.claims() || !refresh.times() || !refresh.route() || !refresh.revocation() {
		return nil, m.react(p.ctx, refresh.why, refresh.token).refusal(refresh.token, m.realm)
	}
	d := newDraft([]TokenOption{InSession(refresh.token)})
	access, err := m.issuer.access(p.ctx, d, m.issuer.single(d, t.Subject), typeAccess)
	if why, ok := errors.AsType[*reason](err); ok {
		return nil, why.refusal(refresh.token, m.realm)
	}
	if err != nil {
		return nil, err
	}
	return m.jar.cookies.set([]minted{access}, p.now)
}

// renewing is what a renewal demands of the refresh token.
var renewing = &route{refresh: true, anyAudience: true}
