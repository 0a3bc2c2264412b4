package jot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

// Session is a log-in of a user: what [Manager.CreatePair] begins and refreshing prolongs.
type Session struct {
	// ID is the claim sid of its tokens.
	ID string
	// Label is what [Label] said at the login.
	Label string
	// StartedAt is when it began, RefreshedAt when it was last refreshed, zero if never.
	StartedAt, RefreshedAt time.Time
	// ExpiresAt is when it ends if it is not refreshed, give or take some minutes.
	ExpiresAt time.Time
}

var (
	errNotOurs   = errors.New("jot: not a token that this Manager has verified")
	errNoSession = errors.New("jot: the token belongs to no session: use Revoke")

	errSessionOver = errors.New("its session may last no longer")
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
// successor, unless that has been exchanged itself meanwhile. Later than that one of its two holders is a thief: the
// session ends, and the error is [ErrReused]. All
// that can fail by itself is done before the token counts as used.
//
// The pair keeps what was given at log-in: claims, scopes, audience, auth_time, and the refresh token's lifetime, up
// to the end of the session ([WithSessionTTL]). [WithAdditionalClaims] is asked anew. Its access token is not fresh.
// Of opts, [Scopes] may only take scopes away, which is for good: access tokens that were made before keep theirs until
// they expire. [Fresh], [FreshFor], [Type] and [InSession] are
// errors.
//
// A session that has ended is [ErrRevoked]. Without [WithStore] the error wraps [errors.ErrUnsupported].
func (m *Manager) Rotate(ctx context.Context, refresh *Token, opts ...TokenOption) (*Pair, error) {
	if m.ledger.store == nil {
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
	scope := strings.Join(d.scopes, " ")
	result, err := m.ledger.rotate(ctx, refresh, session.Rotation{
		Next: rq.refreshID, Scope: scope, Now: rq.now, Expires: expires, Grace: m.grace,
	})
	if err != nil {
		return nil, m.storeFailed(ctx, err, refresh)
	}
	switch result.Outcome {
	case session.Rotated:
		m.emit(ctx, EventRotated, refresh)
	case session.Rewound:
		m.emit(ctx, EventRewound, refresh)
	case session.Replayed:
		m.emit(ctx, EventReplayed, refresh)
	case session.Reused:
		m.emit(ctx, EventReused, refresh)
		return nil, m.refuse(ErrReused, nil, refresh)
	case session.Revoked:
		return nil, m.refuse(ErrRevoked, nil, refresh)
	case session.Unknown:
		return nil, m.refuse(ErrRevoked, errUnknownSession, refresh)
	default:
		return nil, m.storeFailed(ctx, fmt.Errorf("the store returned the outcome %d", result.Outcome), refresh)
	}
	if result.Current == rq.refreshID && result.Scope == scope {
		return pair, nil
	}
	// Another call was first, or the session allows less by now: the same successor, and no more than the store says.
	var ok bool
	if rq.refreshAt, ok = bornAt(result.Current); !ok {
		return nil, m.storeFailed(ctx, errors.New("the store returned no token id"), refresh)
	}
	rq.refreshID, d.scopes = result.Current, strings.Fields(result.Scope)
	pair, _, err = m.mintPair(ctx, d, rq)
	return pair, err
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
	if !ok || !known || !m.ledger.owns(refresh) {
		return nil, rq, m.refuse(ErrInvalid, errNoRotation, refresh)
	}
	d = newDraft(opts)
	d.refuse(d.typ != "", "Type", "a pair is an access token and a refresh token")
	d.refuse(d.isFresh(), "Fresh", "a refreshed token is never fresh: ask for the password, and use InSession")
	d.refuse(d.session != nil, "InSession", "Rotate takes the session of its token")
	d.refuse(d.label != "", "Label", "a session keeps the one that it began with")
	for _, scope := range d.scopes {
		if !slices.Contains(refresh.claimed, scope) {
			e := m.refuse(ErrScope, errors.New("a refreshed token has no more scopes than the one before"), refresh)
			e.Scopes = slices.Clone(d.scopes)
			return nil, rq, e
		}
	}
	d.session = refresh
	d.join(m, refresh.Subject)
	d.scopes = both(d.scopes, refresh.Scopes)
	if d.refreshExpiresIn == 0 && !refresh.IssuedAt.IsZero() && !refresh.ExpiresAt.IsZero() {
		d.refreshExpiresIn = refresh.ExpiresAt.Sub(refresh.IssuedAt)
	}
	// The next id is greater than this one even where the clock of another node was ahead: ids tell old from new.
	now := m.now()
	next := now
	if least := presented.Add(time.Millisecond); next.Before(least) {
		next = least
	}
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

// enter begins the session in the store.
func (m *Manager) enter(ctx context.Context, d *draft, rq request, expires time.Time) error {
	if m.ledger.store == nil {
		return nil
	}
	err := m.ledger.begin(ctx, rq.subject, session.Record{
		Session: rq.session, Label: d.label, Scope: strings.Join(d.scopes, " "), Current: rq.refreshID,
		Start: rq.now, Expires: expires,
	}, m.maxSessions)
	if err != nil {
		return m.storeFailed(ctx, err, nil)
	}
	m.event(ctx, Event{Kind: EventSessionBegun, Subject: rq.subject, SessionID: rq.session, TokenID: rq.refreshID})
	return nil
}

// Revoke revokes one token, so that every guard of every process on the same [Blocklist] or [Store] refuses it as
// [ErrRevoked] from now on. It takes a token that this Manager has verified, or one from an [Error]: an expired one
// is nothing to revoke, and no error. Other tokens of the same log-in are not touched: [Manager.RevokeSession] ends
// them all. Like its sisters it takes back what [WithSlidingSessions] has put into the answer to a request, if ctx is
// that request's.
//
// Without [WithStore] or [WithBlocklist] its error wraps [errors.ErrUnsupported]; when the store fails,
// [ErrUnavailable].
func (m *Manager) Revoke(ctx context.Context, t *Token) error {
	if !m.ledger.any() {
		return unsupported("Revoke", "WithStore or WithBlocklist")
	}
	if t == nil || t.manager != m {
		return errNotOurs
	}
	if t.ID == "" {
		return m.refuse(ErrInvalid, errors.New("a token without an id cannot be revoked"), t)
	}
	m.takeBack(ctx)
	if _, err := m.ledger.revoke(ctx, t, m.now()); err != nil {
		return m.storeFailed(ctx, err, t)
	}
	m.event(ctx, Event{Kind: EventRevoked, Subject: t.Subject, TokenID: t.ID})
	return nil
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
	case !m.ledger.any():
		return unsupported("RevokeSession", "WithStore or WithBlocklist")
	case t == nil || t.manager != m:
		return errNotOurs
	case t.SessionID == "":
		return errNoSession
	case m.ledger.store != nil && m.ledger.owns(t):
		return m.RevokeSessionByID(ctx, t.Subject, t.SessionID)
	case m.ledger.store != nil: // begun elsewhere, so the store knows nothing of it
		return m.Revoke(ctx, t)
	}
	m.takeBack(ctx)
	if err := m.ledger.block(ctx, t, m.now(), m.sessionTTL); err != nil {
		return m.storeFailed(ctx, err, t)
	}
	m.event(ctx, Event{Kind: EventRevoked, Subject: t.Subject, SessionID: t.SessionID})
	return nil
}

// RevokeSessionByID ends a session of subject by the id that [Manager.Sessions] gives. One that has ended already, or
// belongs to another subject, is no error.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeSessionByID(ctx context.Context, subject, id string) error {
	if m.ledger.store == nil {
		return unsupported("RevokeSessionByID", "WithStore")
	}
	if _, ok := bornAt(id); !ok {
		return nil
	}
	m.takeBack(ctx)
	ended, err := m.ledger.end(ctx, subject, id, m.now())
	if err != nil {
		return m.storeFailed(ctx, err, nil)
	}
	if ended {
		m.event(ctx, Event{Kind: EventRevoked, Subject: subject, SessionID: id})
	}
	return nil
}

// RevokeSubject logs a user out everywhere: all sessions of subject end, and whatever they still mint dies with them.
// A log-in afterwards is not touched, on any node, whatever its clock says. Tokens of no session are refused if they
// were issued before or within the same millisecond: after a change of password begin a new session by
// [Manager.CreatePair].
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeSubject(ctx context.Context, subject string) error {
	if m.ledger.store == nil {
		return unsupported("RevokeSubject", "WithStore")
	}
	m.takeBack(ctx)
	if err := m.ledger.revokeSubject(ctx, subject, m.now()); err != nil {
		return m.storeFailed(ctx, err, nil)
	}
	m.event(ctx, Event{Kind: EventRevoked, Subject: subject})
	return nil
}

// RevokeAll logs everyone out, after a leak say, as [Manager.RevokeSubject] does one user.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeAll(ctx context.Context) error {
	if m.ledger.store == nil {
		return unsupported("RevokeAll", "WithStore")
	}
	m.takeBack(ctx)
	if err := m.ledger.revokeAll(ctx, m.now()); err != nil {
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
	if m.ledger.store == nil {
		return nil, unsupported("Sessions", "WithStore")
	}
	records, err := m.ledger.list(ctx, subject, m.now())
	if err != nil {
		return nil, m.storeFailed(ctx, err, nil)
	}
	sessions := make([]Session, len(records))
	for i, r := range records {
		sessions[i] = Session{
			ID: r.Session, Label: r.Label, StartedAt: r.Start, RefreshedAt: r.RotatedAt, ExpiresAt: r.Expires,
		}
	}
	slices.SortStableFunc(sessions, func(a, b Session) int { return b.StartedAt.Compare(a.StartedAt) })
	return sessions, nil
}

// storeFailed is the refusal when a store cannot tell. A client that has gone is no failure of the store's.
func (m *Manager) storeFailed(ctx context.Context, err error, t *Token) error {
	if ctx.Err() == nil {
		m.event(ctx, Event{Kind: EventStoreUnavailable, Err: err})
	}
	return m.refuse(ErrUnavailable, err, t)
}
