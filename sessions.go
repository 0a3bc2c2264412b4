package jot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jot/jot/internal/wire"
)

// Session is a log-in of a user: what [Manager.CreatePair] begins and refreshing prolongs.
type Session struct {
	// ID is the claim sid of its tokens.
	ID string
	// StartedAt is when it began, RefreshedAt when it was last refreshed, zero if never.
	StartedAt, RefreshedAt time.Time
	// ExpiresAt is when it ends if it is not refreshed, give or take some minutes.
	ExpiresAt time.Time
}

var (
	errNotOurs   = errors.New("jot: not a token that this Manager has verified")
	errNoSession = errors.New("jot: the token belongs to no session: use Revoke")
	errOver      = errors.New("its session has ended")
	// A client may send such a token, so it is an answer and not a mistake.
	errNoRotation = errors.New("a token that belongs to no session of ours does not rotate")
)

// unsupported is the error of a method that lacks an option.
func unsupported(method, option string) error {
	return fmt.Errorf("jot: %s needs %s: %w", method, option, errors.ErrUnsupported)
}

// Rotate exchanges a refresh token that this Manager has verified for the next pair of its session (RFC 9700 section
// 4.14.2). A refresh token works once. The answer to a client must not be lost for that: whoever presents the same
// token again within [WithRotationGrace], a second tab or a client that repeats its request, receives the same
// successor. Later than that one of its two holders is a thief: the session ends, and the error is [ErrReused]. All
// that can fail by itself is done before the token counts as used.
//
// The pair keeps what was given at log-in: claims, scopes, audience, auth_time, and the refresh token's lifetime, up
// to the end of the session ([WithSessionTTL]). [WithAdditionalClaims] is asked anew. Its access token is not fresh.
// Of opts, [Scopes] may only take scopes away, which is for good; [Fresh], [FreshFor], [Type] and [InSession] are
// errors.
//
// A session that has ended is [ErrRevoked]. Without [WithStore] the error wraps [errors.ErrUnsupported].
func (m *Manager) Rotate(ctx context.Context, refresh *Token, opts ...TokenOption) (*Pair, error) {
	if m.store == nil {
		return nil, unsupported("Rotate", "WithStore")
	}
	d, rq, err := m.successor(refresh, opts)
	if err != nil {
		return nil, err
	}
	pair, expires, err := m.mintPair(ctx, d, rq)
	if err == nil {
		err = m.fits(pair, refresh.Location)
	}
	if err != nil {
		return nil, err
	}
	store, cancel := m.storeContext(ctx)
	defer cancel()
	result, err := m.store.RotateSession(store, Rotation{
		Subject: m.subjectKey(refresh.Subject), Session: sessionKey(refresh.SessionID), Presented: refresh.ID, Next: rq.refreshID,
		Now: millisecond(rq.now), Grace: m.grace, Expires: expires,
	})
	if err != nil {
		return nil, m.storeFailed(ctx, err, refresh)
	}
	switch result.Outcome {
	case Rotated:
		m.emit(ctx, EventRotated, refresh)
	case Rewound:
		m.emit(ctx, EventRewound, refresh)
	case Replayed:
		m.emit(ctx, EventReplayed, refresh)
		var ok bool
		if rq.refreshAt, ok = bornAt(result.Current); !ok {
			return nil, m.storeFailed(ctx, errors.New("the store returned no token id"), refresh)
		}
		rq.refreshID = result.Current
		pair, _, err = m.mintPair(ctx, d, rq)
		return pair, err
	case Reused:
		m.emit(ctx, EventReused, refresh)
		return nil, m.refuse(ErrReused, nil, refresh)
	case RotationUnknown:
		return nil, m.refuse(ErrRevoked, errOver, refresh)
	}
	return pair, nil
}

// successor reads what the next pair of a session is to be.
func (m *Manager) successor(refresh *Token, opts []TokenOption) (d *draft, rq request, err error) {
	if refresh == nil || refresh.manager != m || !refresh.verified {
		return nil, rq, errNotOurs
	}
	if refresh.Type != typeRefresh {
		return nil, rq, errors.New("jot: Rotate takes a refresh token")
	}
	start, ok := bornAt(refresh.SessionID)
	presented, known := bornAt(refresh.ID)
	if !ok || !known {
		return nil, rq, m.refuse(ErrInvalid, errNoRotation, refresh)
	}
	d = newDraft(opts)
	d.refuse(d.typ != "", "Type", "a pair is an access token and a refresh token")
	d.refuse(d.isFresh(), "Fresh", "a refreshed token is never fresh: ask for the password, and use InSession")
	d.refuse(d.session != nil, "InSession", "Rotate takes the session of its token")
	for _, scope := range d.scopes {
		if !refresh.HasScope(scope) {
			e := m.refuse(ErrScope, errors.New("a refreshed token has no more scopes than the one before"), refresh)
			e.Scopes = slices.Clone(d.scopes)
			return nil, rq, e
		}
	}
	d.session = refresh
	d.join(m, refresh.Subject)
	if d.refreshExpiresIn == 0 && !refresh.IssuedAt.IsZero() && !refresh.ExpiresAt.IsZero() {
		d.refreshExpiresIn = refresh.ExpiresAt.Sub(refresh.IssuedAt)
	}
	// The next id is greater than this one even where the clock of another node was ahead: ids tell old from new.
	now := m.now()
	next := later(now, presented.Add(time.Millisecond))
	return d, request{
		now: now, authTime: refresh.AuthTime, subject: refresh.Subject,
		session: refresh.SessionID, end: start.Add(m.sessionTTL), refreshID: newUUID(next), refreshAt: next,
		csrf: m.sessionCSRF(refresh),
	}, nil
}

// sessionCSRF returns the CSRF value that the session of a refresh token keeps.
func (m *Manager) sessionCSRF(refresh *Token) string {
	if m.cookies != nil && refresh.csrf == "" {
		return newCSRF() // it was begun without cookies
	}
	return refresh.csrf
}

// enter begins the session in the store. It reports whether the store has moved its start, and with it its id.
func (m *Manager) enter(ctx context.Context, rq *request, expires time.Time) (moved bool, err error) {
	if m.store == nil {
		return false, nil
	}
	store, cancel := m.storeContext(ctx)
	defer cancel()
	start, err := m.store.BeginSession(store, SessionRecord{
		Subject: m.subjectKey(rq.subject), Session: sessionKey(rq.session), Current: rq.refreshID, Start: millisecond(rq.now), Expires: expires,
	}, m.maxSessions)
	if err != nil {
		return false, m.storeFailed(ctx, err, nil)
	}
	if begun := movedUUID(rq.session, start); begun != rq.session {
		rq.session, rq.end, moved = begun, start.Add(m.sessionTTL), true
	}
	m.event(ctx, Event{Kind: EventSessionBegun, Subject: rq.subject, SessionID: rq.session, TokenID: rq.refreshID})
	return moved, nil
}

// millisecond cuts an instant to what stores count in.
func millisecond(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// Revoke revokes one token, so that every guard of every process on the same [Blocklist] or [Store] refuses it as
// [ErrRevoked] from now on. It takes a token that this Manager has verified, or one from an [Error]: an expired one
// is nothing to revoke, and no error. Other tokens of the same log-in are not touched: [Manager.RevokeSession] ends
// them all.
//
// Without [WithStore] or [WithBlocklist] its error wraps [errors.ErrUnsupported]; when the store fails,
// [ErrUnavailable].
func (m *Manager) Revoke(ctx context.Context, t *Token) error {
	if m.blocklist == nil {
		return unsupported("Revoke", "WithStore or WithBlocklist")
	}
	if t == nil || t.manager != m {
		return errNotOurs
	}
	if t.ID == "" {
		return errors.New("jot: a token without an id cannot be revoked")
	}
	m.takeBack(ctx)
	if _, err := m.block(ctx, blockKey(kindToken, t.ID), m.lastUse(t), t); err != nil {
		return err
	}
	m.event(ctx, Event{Kind: EventRevoked, Subject: t.Subject, TokenID: t.ID})
	return nil
}

// lastUse is the instant from which no node accepts t.
func (m *Manager) lastUse(t *Token) time.Time {
	if t.ExpiresAt.IsZero() {
		return instant(wire.MaxDate) // only a profile takes tokens that never expire
	}
	return t.ExpiresAt.Add(maxLeeway) // any node may grant the greatest leeway there is
}

// block enters a key in the blocklist.
func (m *Manager) block(ctx context.Context, key string, until time.Time, t *Token) (first bool, err error) {
	store, cancel := m.storeContext(ctx)
	defer cancel()
	if first, err = m.blocklist.Revoke(store, key, until); err != nil {
		return false, m.storeFailed(ctx, err, t)
	}
	return first, nil
}

// RevokeSession ends the log-in that t belongs to: its access tokens and its refresh token are refused as
// [ErrRevoked] from now on. It takes a token that this Manager has verified, or one from an [Error], so that a
// log-out works with an expired access token. A session that has ended already is no error; a token of no session is
// one.
//
// Of a session that another issuer began, a Store knows nothing: then the token alone is revoked.
//
// Without [WithStore] or [WithBlocklist] its error wraps [errors.ErrUnsupported]; when the store fails,
// [ErrUnavailable].
func (m *Manager) RevokeSession(ctx context.Context, t *Token) error {
	switch {
	case m.blocklist == nil:
		return unsupported("RevokeSession", "WithStore or WithBlocklist")
	case t == nil || t.manager != m:
		return errNotOurs
	case t.SessionID == "":
		return errNoSession
	}
	start, ok := bornAt(t.SessionID)
	switch {
	case m.store != nil && ok:
		return m.RevokeSessionByID(ctx, t.Subject, t.SessionID)
	case m.store != nil: // begun elsewhere, so the store knows nothing of it
		return m.Revoke(ctx, t)
	}
	m.takeBack(ctx)
	if !ok {
		start = m.now()
	}
	until := start.Add(m.sessionTTL + maxLeeway)
	if _, err := m.block(ctx, blockKey(kindSession, t.SessionID), until, t); err != nil {
		return err
	}
	m.event(ctx, Event{Kind: EventRevoked, Subject: t.Subject, SessionID: t.SessionID})
	return nil
}

// RevokeSessionByID ends a session of subject by the id that [Manager.Sessions] gives. One that has ended already, or
// belongs to another subject, is no error.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeSessionByID(ctx context.Context, subject, id string) error {
	if m.store == nil {
		return unsupported("RevokeSessionByID", "WithStore")
	}
	if _, ok := bornAt(id); !ok {
		return nil
	}
	m.takeBack(ctx)
	ended, err := m.end(ctx, subject, id)
	if err == nil && ended {
		m.event(ctx, Event{Kind: EventRevoked, Subject: subject, SessionID: id})
	}
	return err
}

func (m *Manager) end(ctx context.Context, subject, id string) (ended bool, err error) {
	store, cancel := m.storeContext(ctx)
	defer cancel()
	if ended, err = m.store.EndSession(store, m.subjectKey(subject), sessionKey(id), millisecond(m.now())); err != nil {
		return false, m.storeFailed(ctx, err, nil)
	}
	return ended, nil
}

// RevokeSubject logs a user out everywhere: all sessions of subject end, and whatever they still mint dies with them.
// A log-in afterwards is not touched, on any node, whatever its clock says. Tokens of no session are refused if they
// were issued before, to the millisecond: after a change of password begin a new session by [Manager.CreatePair].
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeSubject(ctx context.Context, subject string) error {
	if m.store == nil {
		return unsupported("RevokeSubject", "WithStore")
	}
	m.takeBack(ctx)
	now := millisecond(m.now())
	store, cancel := m.storeContext(ctx)
	defer cancel()
	if err := m.store.RevokeSubject(store, m.subjectKey(subject), now, now.Add(m.sessionTTL+maxLeeway)); err != nil {
		return m.storeFailed(ctx, err, nil)
	}
	m.event(ctx, Event{Kind: EventRevoked, Subject: subject})
	return nil
}

// RevokeAll logs everyone out, after a leak say, as [Manager.RevokeSubject] does one user.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeAll(ctx context.Context) error {
	if m.store == nil {
		return unsupported("RevokeAll", "WithStore")
	}
	m.takeBack(ctx)
	now := millisecond(m.now())
	store, cancel := m.storeContext(ctx)
	defer cancel()
	if err := m.store.RevokeAll(store, now, now.Add(m.sessionTTL+maxLeeway)); err != nil {
		return m.storeFailed(ctx, err, nil)
	}
	m.event(ctx, Event{Kind: EventRevoked})
	return nil
}

// Sessions returns the sessions of subject that have not ended, the latest first: the devices on which a user is
// logged in.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) Sessions(ctx context.Context, subject string) ([]Session, error) {
	if m.store == nil {
		return nil, unsupported("Sessions", "WithStore")
	}
	store, cancel := m.storeContext(ctx)
	defer cancel()
	records, err := m.store.Sessions(store, m.subjectKey(subject), millisecond(m.now()))
	if err != nil {
		return nil, m.storeFailed(ctx, err, nil)
	}
	sessions := make([]Session, len(records))
	for i, r := range records {
		sessions[i] = Session{
			ID: movedUUID("00000000-0000-"+r.Session, r.Start), StartedAt: r.Start, RefreshedAt: r.RotatedAt, ExpiresAt: r.Expires,
		}
	}
	slices.SortFunc(sessions, func(a, b Session) int { return b.StartedAt.Compare(a.StartedAt) })
	return sessions, nil
}

// storeContext returns the context of one store call: it ends after a second, and carries the clock if it is not the
// usual one.
func (m *Manager) storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if m.clock != nil {
		ctx = context.WithValue(ctx, clockKey{}, m.clock)
	}
	if _, ok := m.blocklist.(*MemoryStore); ok {
		return ctx, func() {} // it does not wait for anything
	}
	return context.WithTimeout(ctx, storeTimeout)
}

// storeTimeout bounds one call of a store: a request waits no longer for it, it is answered by 503.
const storeTimeout = time.Second

// storeFailed is the refusal when a store cannot tell. A client that has gone is no failure of the store's.
func (m *Manager) storeFailed(ctx context.Context, err error, t *Token) error {
	if ctx.Err() == nil {
		m.event(ctx, Event{Kind: EventStoreUnavailable, Err: err})
	}
	return m.refuse(ErrUnavailable, err, t)
}
