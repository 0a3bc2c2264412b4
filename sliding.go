package jot

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-jot/jot/internal/credential"
)

// The cause for which a renewal fails, for the operator.
var errNoRefresh = errors.New("the refresh token is not of the same session, or not good any more")

// slide puts the renewed cookie into the response, if there is one: that of revive, or a new one if it is time. It does
// so once for a request, however many guards it passes, and returns nil if there was nothing to do.
func (p *pass) slide(w http.ResponseWriter) *renewal {
	switch {
	case p.outer != nil && p.outer.renewal != nil:
		return p.outer.renewal
	case p.renewal == nil && p.slides() && p.at == InCookie && p.token.isWaning(p.now):
		p.renew()
	}
	if p.renewal != nil && p.renewal.cookies != nil {
		put(w, p.renewal.cookies)
		w.Header().Set("Vary", "*") // whatever the handler says of caches: this response is for nobody else
		p.renewal.header = w.Header()
	}
	return p.renewal
}

// slides reports whether the route renews access tokens.
func (p *pass) slides() bool {
	return p.m.sliding && p.r != nil && !p.want.skipRevocation && p.want.takes(typeAccess) &&
		slices.Contains(p.order(), InCookie)
}

// isWaning reports whether an access token of a session, whose revocation was looked up, is in the last third of its
// life.
func (t *Token) isWaning(now time.Time) bool {
	if t.Type != typeAccess || t.SessionID == "" || !t.checked || t.IssuedAt.IsZero() || t.ExpiresAt.IsZero() {
		return false
	}
	return t.ExpiresAt.Sub(now) <= t.ExpiresAt.Sub(t.IssuedAt)/3
}

// revive goes on where the access token is gone, because its reader was away for longer than it lives: it makes another
// one, of which everything is asked as of any. A session that has ended is as no credential.
func (p *pass) revive() bool {
	if !p.absent && (p.why != errPast || p.at != InCookie) || !p.slides() || !p.m.jar.ours(p.r) {
		return false
	}
	raw := ""
	if o := p.outer; o != nil && o.renewal != nil {
		if o.renewal.cookies != nil { // by a guard further out
			raw = o.raw
		}
	} else {
		raw = p.renew().raw
	}
	if raw == "" {
		return false
	}
	p.raw, p.at, p.absent, p.token = raw, InCookie, false, nil
	p.now = p.m.origin.now() // the store may have taken its time
	return p.origin() && p.judge()
}

// renew makes the next access token from the refresh token's cookie. What keeps it from that is an event.
func (p *pass) renew() (made minted) {
	raw, err := credential.InCookie(p.r, p.m.jar.cookies.RefreshName)
	if err != nil || raw == "" {
		return made // a link from another site brings no Strict cookie; the next request will
	}
	p.renewal = new(renewal)
	refresh := pass{m: p.m, want: renewing, ctx: p.ctx, now: p.now, raw: raw, at: InCookie}
	made, err = refresh.successor(p.token)
	of := refresh.token
	if p.token != nil {
		of = p.token
	}
	if err == nil {
		p.renewal.cookies, err = p.m.jar.cookies.set([]minted{made}, p.now)
	}
	if err != nil {
		p.m.renewalFailed(p.ctx, err, of)
		p.lapse(err)
		return minted{}
	}
	p.m.emit(p.ctx, EventRenewed, of)
	return made
}

// lapse says what becomes of a request whose access token is gone, and could not be replaced.
func (p *pass) lapse(err error) {
	switch {
	case !p.absent && p.why != errPast: // it is only about to go
	case errors.Is(err, ErrUnavailable):
		p.absent, p.why = false, &reason{sentinel: ErrUnavailable, cause: err}
	default:
		p.absent, p.token, p.why = true, nil, &reason{sentinel: ErrNoToken}
	}
}

// successor makes an access token in the session of a refresh token, which is asked what a guard would ask of it, and
// whether it is of the same session as t, if there is one. It is not used up, but one that was exchanged or revoked
// before renews nothing: somebody else has its successor.
func (p *pass) successor(t *Token) (made minted, err error) {
	if !p.read() {
		return made, p.why.refusal(nil, p.m.challenge)
	}
	if t != nil && (p.token.SessionID != t.SessionID || p.token.Subject != t.Subject) {
		return made, errNoRefresh
	}
	if !p.claims() || !p.times() || !p.route() || !p.revocation() {
		return made, p.m.react(p.ctx, p.why, p.token).refusal(p.token, p.m.challenge)
	}
	if t != nil && t.AuthTime.After(p.token.AuthTime) { // by step-up authentication, which the refresh token missed
		p.token.AuthTime = t.AuthTime
	}
	p.token.verified = true
	d := newDraft([]TokenOption{InSession(p.token)})
	made, err = p.m.issuer.access(p.ctx, d, p.m.issuer.single(d, p.token.Subject), typeAccess)
	if why, ok := errors.AsType[*reason](err); ok {
		return made, why.refusal(p.token, p.m.challenge)
	}
	return made, err
}

// renewing is what a renewal demands of the refresh token.
var renewing = &route{refresh: true, anyAudience: true}
