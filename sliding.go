package jot

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// WithSlidingSessions renews the access token of a browser that is at work, so that its pages need no script for it:
// within the last third of its life a guarded request is answered with a new cookie as well. It has what [InSession]
// of the refresh token gives, which must be in the browser too: claims, scopes and the CSRF value stay,
// [WithAdditionalClaims] is asked anew, and it is not fresh.
//
// The refresh token is asked what a guard would ask of it, and is not used up: one that was exchanged before means a
// thief, so it ends the session. A session that only slides ends with its refresh token ([WithRefreshTTL]); refresh
// now and then if it should last longer.
//
// The cookie is set before the handler runs, and taken back by whatever sets, clears or revokes afterwards. That it
// cannot be made is an event, and never fails a request. It wants [WithCookies] without a RefreshPath, and
// [WithStore]: a session that has ended must not go on. Routes with [SkipRevocation] renew nothing. Unless given,
// nothing is renewed.
func WithSlidingSessions() Option {
	return set("WithSlidingSessions", "", func(c *config) { c.sliding = true })
}

// The causes for which a renewal fails, for the operator.
var errNoRefresh = errors.New("the refresh token is not of the same session, or not good any more")

// renewal is a new cookie in an answer, or none if it failed.
type renewal struct {
	header  http.Header
	cookies []*http.Cookie
}

// slide renews the token if it is time, once for a request, however many guards it passes.
func (m *Manager) slide(w http.ResponseWriter, r *http.Request, t *Token) *renewal {
	if outer := m.find(r.Context()); outer != nil && outer.renewal != nil {
		return outer.renewal
	}
	if !m.sliding || t.Location != InCookie || t.Type != typeAccess || t.SessionID == "" || !t.checked {
		return nil
	}
	life, left := t.ExpiresAt.Sub(t.IssuedAt), t.ExpiresAt.Sub(m.now())
	if t.IssuedAt.IsZero() || t.ExpiresAt.IsZero() || left > life/3 {
		return nil
	}
	raw, err := m.cookies.credential(r, true)
	if err != nil || raw == "" {
		return nil // a link from another site brings no Strict cookie; the next request will
	}
	cookies, err := m.renewed(r.Context(), t, raw)
	if err != nil {
		m.event(r.Context(), Event{
			Kind: EventRenewalFailed, Subject: t.Subject, SessionID: t.SessionID, TokenID: t.ID, Location: t.Location, Err: err,
		})
		return new(renewal)
	}
	m.emit(r.Context(), EventRenewed, t)
	put(w, cookies)
	return &renewal{w.Header(), cookies}
}

// renewed makes the cookies of the next access token.
func (m *Manager) renewed(ctx context.Context, t *Token, raw string) ([]*http.Cookie, error) {
	refresh, err := m.read(raw)
	if err != nil {
		return nil, err
	}
	if refresh.Type != typeRefresh || refresh.SessionID != t.SessionID || refresh.Subject != t.Subject {
		return nil, errNoRefresh
	}
	if err := m.checkRenewal(ctx, t, refresh); err != nil {
		return nil, err
	}
	access, err := m.CreateAccessToken(ctx, t.Subject, InSession(refresh))
	if err != nil {
		return nil, err
	}
	return m.cookiesOf(access, typeAccess, 0)
}

// checkRenewal asks the refresh token what a guard would ask of it. It is not used up, but one that was exchanged or
// revoked before renews nothing: somebody else has its successor.
func (m *Manager) checkRenewal(ctx context.Context, t, refresh *Token) error {
	rt, now := &route{refresh: true, audience: t.Audience}, m.now()
	refresh.Location = t.Location
	err := m.checkClaims(refresh, rt, now, "")
	if err == nil {
		err = m.checkRoute(refresh, rt, now)
	}
	if err == nil {
		err = m.checkRevocation(ctx, refresh, now)
	}
	refresh.checked, refresh.verified = err == nil, err == nil
	return err
}

// takeBack takes a renewed cookie out of the answer to the request of ctx: what revokes must not hand out a token.
func (m *Manager) takeBack(ctx context.Context) {
	v := m.find(ctx)
	if v == nil || v.renewal == nil {
		return
	}
	h := v.renewal.header
	for _, cookie := range v.renewal.cookies {
		h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool { return line == cookie.String() })
	}
}
