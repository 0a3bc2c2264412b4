package jot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/internal/once"
	"github.com/go-jot/jot/internal/uuid7"
	"github.com/go-jot/jot/session"
)

// Session is a login of a user: what [Manager.CreatePair] begins and refreshing prolongs. It has a JSON form, for a
// list of devices. The one whose ID equals [Token.SessionID] is the request's own.
type Session struct {
	// ID is the sid claim of its tokens.
	ID string `json:"id"`
	// Label is what [Label] gave at login.
	Label string `json:"label,omitempty"`
	// StartedAt is when it began.
	StartedAt time.Time `json:"started_at"`
	// RefreshedAt is when it was last refreshed, zero if never.
	RefreshedAt time.Time `json:"refreshed_at,omitzero"`
	// ExpiresAt is when it ends if it is not refreshed, give or take some minutes.
	ExpiresAt time.Time `json:"expires_at"`
}

var (
	errNoSession = errors.New("the token belongs to no session: use Revoke")
	errNoSubject = errors.New("the subject is empty")
	// The id may come from a client, so this is a refusal (400), not a mistake of the caller's.
	errNoSessionID = &reason{
		sentinel: ErrBadRequest, argument: true,
		cause: told{text: "the session id is malformed", also: ": Sessions returns those that there are"},
	}
)

// eventOf are the events for each outcome of a good refresh token.
var eventOf = map[session.Outcome]EventKind{
	session.Rotated: EventRotated, session.Replayed: EventReplayed, session.Rewound: EventRewound,
}

// Rotate exchanges a refresh token that this Manager has verified for the next pair of its session: refresh token
// rotation (RFC 9700 section 4.14.2). A refresh token works once. So that a lost response does not end the session,
// whoever presents the token again within [WithRotationGrace], a second tab or a client that repeats its request, gets
// the same successor. After the grace, or once that successor has been exchanged itself, we assume that one of two
// holders is a thief: the session ends, and the error is [ErrReused]. Whatever can fail by itself is done before the
// token counts as used, but for making the same successor once more.
//
// The pair keeps what was given at login: claims, scopes, audience, auth_time, and the refresh token's lifetime, up to
// the end of the session ([WithSessionTTL]). [WithAdditionalClaims] is asked again. The access token is not fresh. Of
// opts, [Scopes] can only remove scopes, and does so for the rest of the session; access tokens issued before keep
// theirs until they expire. [Fresh], [FreshFor], [Type], [InSession] and [Label] are errors.
//
// If the session has ended, the error is [ErrRevoked]. Without [WithStore] it wraps [errors.ErrUnsupported].
func (m *Manager) Rotate(ctx context.Context, refresh *Token, opts ...TokenOption) (*Pair, error) {
	m.exists()
	switch {
	case m.ledger.store == nil:
		return nil, unsupported("Rotate", "WithStore")
	case refresh == nil || refresh.origin != m.origin || !refresh.verified:
		return nil, mistake("Rotate", errNotOurs)
	case refresh.Type != typeRefresh:
		return nil, mistake("Rotate", errors.New("it takes a refresh token"))
	}
	d := newDraft(opts)
	d.checkRotation()
	if why := m.ledger.checkRotation(refresh, d.scopes); why != nil {
		return nil, m.refuse(ctx, why, refresh, refresh.Location)
	}
	g := m.issuer.successor(d, refresh)
	pair, err := m.issuer.pair(ctx, d, g)
	if err == nil {
		err = m.fits(pair, refresh.Location)
	}
	if err != nil {
		return nil, m.failed(ctx, err, refresh)
	}
	scope := strings.Join(d.scopes, " ")
	result, why := m.ledger.rotate(ctx, refresh, session.Rotation{
		Next: g.refreshID, Scope: scope, Now: g.now,
		Expires: m.issuer.sessionEnd(pair.made[0], pair.made[1]),
	})
	if why != nil {
		return nil, m.refuse(ctx, why, refresh, refresh.Location)
	}
	m.emit(ctx, eventOf[result.Outcome], refresh)
	if result.Current == g.refreshID && result.Scope == scope {
		d.handOver()
		return pair, nil
	}
	// Another call was first, or the session allows less by now: make the successor that the store knows, with its
	// scopes.
	g.refreshID, d.scopes = result.Current, scopesOf(result.Scope)
	g.refreshAt, _ = uuid7.Time(result.Current)
	pair, err = m.issuer.pair(ctx, d, g)
	if err == nil {
		err = m.fits(pair, refresh.Location)
	}
	if err != nil {
		return nil, m.failed(ctx, err, refresh)
	}
	d.handOver()
	return pair, nil
}

// Revoke revokes one token: from now on every guard of every process that shares the store or [Blocklist] refuses it
// as [ErrRevoked]. It takes a token that this Manager has verified, or one from an [Error]; revoking an expired token
// is no error. Other tokens of the same login are not affected: [Manager.RevokeSession] ends them all. Like the other
// Revoke… methods, it withdraws a cookie that [WithSlidingSessions] has put into the response, if ctx is that
// request's.
//
// Without [WithStore] or [WithBlocklist] its error wraps [errors.ErrUnsupported], which is also logged, once per
// process, as it is by the other Revoke… methods; when the store fails, [ErrUnavailable]. That an access token ended
// whose session goes on is logged too: where that is a logout, it is RevokeSession that is meant.
func (m *Manager) Revoke(ctx context.Context, t *Token) error {
	m.exists()
	if !m.ledger.remembers() {
		return endsNothing(ctx, "Revoke", "WithStore or WithBlocklist")
	}
	if t == nil || t.origin != m.origin {
		return mistake("Revoke", errNotOurs)
	}
	m.takeBack(ctx)
	err := m.revoked(ctx, m.ledger.revoke(ctx, t, m.origin.now()), t, Event{Subject: t.Subject, TokenID: t.ID})
	if err == nil && t.Type == typeAccess && t.SessionID != "" && m.ledger.owns(t) {
		once.Log(ctx, slog.LevelInfo, "jot: Revoke ended an access token whose session goes on, "+
			"with its refresh token: a logout is RevokeSession")
	}
	return err
}

// RevokeByID is [Manager.Revoke] by what a list of tokens keeps: the subject, the id (jti), which [Issued] gives, and
// when the token expires. Without that (the zero time) it is remembered for 400 days, which no token of no session
// outlives where there is a store. The subject is that of the token: under another one nothing is revoked, and nobody
// can tell. An id that no token has is no error either. The text of a token in its place is, and one that is no UUID,
// as all ids of this package are, logs a warning, once per process: other issuers' ids may look otherwise. Tokens of
// the issuers of [WithIssuerKeys] are not reached: revoke those by [Manager.Revoke].
//
// Without [WithStore] or [WithBlocklist] its error wraps [errors.ErrUnsupported]; when the store fails,
// [ErrUnavailable].
func (m *Manager) RevokeByID(ctx context.Context, subject, id string, expires time.Time) error {
	m.exists()
	switch {
	case !m.ledger.remembers():
		return endsNothing(ctx, "RevokeByID", "WithStore or WithBlocklist")
	case subject == "":
		return mistake("RevokeByID", errNoSubject)
	case id == "":
		return mistake("RevokeByID", errors.New("the id is empty"))
	}
	if _, _, err := InsecureDecode(id); err == nil {
		return mistake("RevokeByID", errors.New("it is the text of a token: its id is Token.ID, which Issued gives"))
	}
	if !uuid7.Canonical(id) {
		once.Log(ctx, slog.LevelWarn, "jot: RevokeByID of an id that is not of the form which this package makes: "+
			"it wants the subject first, and then the token's id (Token.ID)")
	}
	now := m.origin.now()
	if expires.IsZero() && !m.ledger.endless {
		expires = now.Add(session.MaxTokenLife)
	}
	m.takeBack(ctx)
	why := m.ledger.revoke(ctx, &Token{Subject: subject, ID: id, ExpiresAt: expires}, now)
	return m.revoked(ctx, why, nil, Event{Subject: subject, TokenID: id})
}

// endsNothing is the error of a method that revokes, for want of an option. Who passes over it takes somebody for
// logged out who is not, so it is logged as well.
func endsNothing(ctx context.Context, method, option string) error {
	once.Log(ctx, slog.LevelError, "jot: "+method+" needs "+option+": nothing was revoked")
	return unsupported(method, option)
}

// revoked tells what was revoked, or the reason why it could not be.
func (m *Manager) revoked(ctx context.Context, why *reason, t *Token, e Event) error {
	switch {
	case why != nil && t != nil:
		return m.refuse(ctx, why, t, t.Location)
	case why != nil:
		return m.refuse(ctx, why, nil, "")
	}
	e.Kind = EventRevoked
	m.event(ctx, e)
	return nil
}

// RevokeSession ends the session that t belongs to: from now on its access tokens and its refresh token are refused as
// [ErrRevoked]. It takes a token that this Manager has verified, or one from an [Error], so that a logout works with
// an expired access token. Ending a session that has ended already is no error; a token outside any session is one.
//
// A store knows nothing of sessions that another issuer began: of those, the token alone is revoked.
//
// Without [WithStore] or [WithBlocklist] its error wraps [errors.ErrUnsupported]; when the store fails,
// [ErrUnavailable].
func (m *Manager) RevokeSession(ctx context.Context, t *Token) error {
	m.exists()
	switch {
	case !m.ledger.remembers():
		return endsNothing(ctx, "RevokeSession", "WithStore or WithBlocklist")
	case t == nil || t.origin != m.origin:
		return mistake("RevokeSession", errNotOurs)
	case t.SessionID == "":
		return mistake("RevokeSession", errNoSession)
	case m.ledger.store != nil && m.ledger.owns(t):
		return m.endSession(ctx, t, t.Subject, t.SessionID)
	case m.ledger.store != nil: // begun elsewhere, so the store knows nothing of it
		return m.Revoke(ctx, t)
	}
	m.takeBack(ctx)
	why := m.ledger.block(ctx, t, m.origin.now())
	return m.revoked(ctx, why, t, Event{Subject: t.Subject, SessionID: t.SessionID})
}

// RevokeSessionByID ends a session of subject by the id that [Manager.Sessions] gives. One that has ended already, or
// belongs to another subject, is no error. The id may come from a client: what is not the id of a session is
// [ErrBadRequest], without a challenge.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeSessionByID(ctx context.Context, subject, id string) error {
	m.exists()
	if m.ledger.store == nil {
		return endsNothing(ctx, "RevokeSessionByID", "WithStore")
	}
	if subject == "" {
		return mistake("RevokeSessionByID", errNoSubject)
	}
	if _, ok := uuid7.Time(id); !ok {
		return m.refuse(ctx, errNoSessionID, nil, "")
	}
	return m.endSession(ctx, nil, subject, id)
}

// endSession ends a session by its id, that of t if there is one.
func (m *Manager) endSession(ctx context.Context, t *Token, subject, id string) error {
	m.takeBack(ctx)
	ended, why := m.ledger.end(ctx, subject, id, m.origin.now())
	if why == nil && !ended {
		return nil
	}
	return m.revoked(ctx, why, t, Event{Subject: subject, SessionID: id})
}

// RevokeSubject logs a user out everywhere: all sessions of subject end, and so do tokens that a request is still
// minting for them. A later login is not affected, on any node, whatever its clock says. Tokens outside any session
// are refused if they were issued before, which for other managers' is as exact as clocks agree, and to the
// millisecond: after a change of password, begin a new session by [Manager.CreatePair].
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeSubject(ctx context.Context, subject string) error {
	m.exists()
	if m.ledger.store == nil {
		return endsNothing(ctx, "RevokeSubject", "WithStore")
	}
	if subject == "" {
		return mistake("RevokeSubject", errNoSubject)
	}
	m.takeBack(ctx)
	var why *reason
	m.origin.logOut(func(now time.Time) { why = m.ledger.revokeSubject(ctx, subject, now) })
	return m.revoked(ctx, why, nil, Event{Subject: subject})
}

// RevokeAll logs everyone out, as [Manager.RevokeSubject] does one user: after a leak, say.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) RevokeAll(ctx context.Context) error {
	m.exists()
	if m.ledger.store == nil {
		return endsNothing(ctx, "RevokeAll", "WithStore")
	}
	m.takeBack(ctx)
	var why *reason
	m.origin.logOut(func(now time.Time) { why = m.ledger.revokeAll(ctx, now) })
	return m.revoked(ctx, why, nil, Event{})
}

// Sessions returns the sessions of subject that have not ended, latest first: the devices on which a user is logged
// in. Of those that began in the same millisecond, the one that was entered last is the first.
//
// Without [WithStore] its error wraps [errors.ErrUnsupported]; when the store fails, [ErrUnavailable].
func (m *Manager) Sessions(ctx context.Context, subject string) ([]Session, error) {
	m.exists()
	if m.ledger.store == nil {
		return nil, unsupported("Sessions", "WithStore")
	}
	if subject == "" {
		return nil, mistake("Sessions", errNoSubject)
	}
	records, why := m.ledger.list(ctx, subject, m.origin.now())
	if why != nil {
		return nil, m.refuse(ctx, why, nil, "")
	}
	sessions := make([]Session, len(records))
	for i, r := range records {
		sessions[i] = Session{
			ID: r.Session, Label: r.Label, StartedAt: r.Start, RefreshedAt: r.RotatedAt, ExpiresAt: r.Expires,
		}
	}
	slices.Reverse(sessions) // stores list them as they were entered, which tells those of the same millisecond apart
	slices.SortStableFunc(sessions, func(a, b Session) int { return b.StartedAt.Compare(a.StartedAt) })
	return sessions, nil
}
