package jot

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/session"
)

// Blocklist remembers what was revoked until it would have expired anyway. Implement it over whatever your servers
// share; a conforming one passes jottest.TestBlocklist. Its methods are called by many goroutines at once. An error
// means "cannot tell" and becomes [ErrUnavailable]; it is never taken for either answer.
//
// It is enough for [Manager.Revoke], [Manager.RevokeSession] and [SingleUse]. Rotation, and logouts of a user or of
// everyone, want a [session.Store].
type Blocklist interface {
	// Revoke remembers id until the instant; first reports, atomically, whether it was new. Ids are opaque keys of at
	// most 64 bytes made by the Manager, compared byte for byte. Revoking an id again never shortens how long it is
	// remembered. An until that has passed is no error, and need not be remembered.
	Revoke(ctx context.Context, id string, until time.Time) (first bool, err error)
	// Revoked reports whether any of ids is remembered. One call per request.
	Revoked(ctx context.Context, ids ...string) (bool, error)
}

// ledger is where a manager looks up, and writes, what outlives a request: a store, or a blocklist, or neither. It
// knows their keys. What it returns are facts, and the errors of the store as they are.
type ledger struct {
	store     session.Store
	blocklist Blocklist
	// issuer is written into our tokens. Sessions of another's are none of ours. Empty, all tokens count as ours.
	issuer string
	// endless says that some tokens never expire.
	endless bool
}

// any reports whether there is anything to ask.
func (l *ledger) any() bool { return l.store != nil || l.blocklist != nil }

// finding is what the ledger knows of a token.
type finding struct {
	// sentinel says what speaks against it, and cause why; neither if nothing does.
	sentinel, cause error
	// session is the record of a refresh token's session.
	session session.Record
}

// The causes of a finding, for the operator.
var (
	errUnknownSession = errors.New(
		"the store knows no such session: it has ended, or the store is new, or the memory of another process")
	errOld = errors.New(
		"it was revoked or used up, or it was issued before its user or everyone was logged out, or before the store was made")
	errTooOld = errors.New(
		"it belongs to no session, and is older than what a store remembers, or does not say when it was issued")
)

// margin is how long what was revoked is remembered beyond the end of a token: any node may grant the greatest leeway
// there is, and clocks may be as far apart again.
const margin = 2 * maxLeeway

// check asks about a token.
func (l *ledger) check(ctx context.Context, t *Token, now time.Time, grace time.Duration) (finding, error) {
	switch {
	case l.store != nil:
		return l.checkStore(ctx, t, now, grace)
	case l.blocklist != nil:
		return l.checkBlocklist(ctx, t)
	}
	return finding{}, nil
}

func (l *ledger) checkBlocklist(ctx context.Context, t *Token) (finding, error) {
	ids := make([]string, 0, 2)
	if t.ID != "" {
		ids = append(ids, blockKey(kindToken, t.ID))
	}
	if t.SessionID != "" {
		ids = append(ids, blockKey(kindSession, t.SessionID))
	}
	if len(ids) == 0 {
		return finding{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	revoked, err := l.blocklist.Revoked(ctx, ids...)
	if err == nil && revoked {
		return finding{sentinel: ErrRevoked}, nil
	}
	return finding{}, err
}

// checkStore asks the store about the token, its session, its subject and everyone. A refresh token is asked for its
// turn as well, whether or not the handler rotates: one that was exchanged before is somebody else's.
func (l *ledger) checkStore(ctx context.Context, t *Token, now time.Time, grace time.Duration) (finding, error) {
	q := session.Query{
		Subject: l.subjectKey(t.Subject), Token: tokenKey(t.ID), Issued: issued(t), Expires: t.ExpiresAt,
		Now: millisecond(now),
	}
	ours := l.owns(t)
	if ours {
		q.Session, q.Record = t.SessionID, t.Type == typeRefresh
	} else if !t.ExpiresAt.IsZero() && now.Sub(q.Issued) > session.MaxTokenLife {
		return finding{sentinel: ErrRevoked, cause: errTooOld}, nil
	}
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	status, err := l.store.Check(ctx, q)
	switch {
	case err != nil:
		return finding{}, err
	case status.Revoked && !ours:
		return finding{sentinel: ErrRevoked, cause: errOld}, nil
	case status.Revoked:
		return finding{sentinel: ErrRevoked}, nil
	case status.Ended:
		return finding{sentinel: ErrRevoked, cause: errUnknownSession}, nil
	case !q.Record:
		return finding{}, nil
	}
	turn, _ := session.Rotation{Presented: t.ID, Now: q.Now, Grace: grace}.Apply(status.Record, false)
	switch turn.Outcome {
	case session.Rotated, session.Replayed, session.Rewound:
		return finding{session: status.Record}, nil
	case session.Reused:
		return finding{sentinel: ErrReused}, nil
	case session.Unknown, session.Revoked:
	}
	return finding{sentinel: ErrRevoked, cause: errUnknownSession}, nil
}

// owns reports whether the token's session is one that the store must know: ours, and by its form one that we begin.
func (l *ledger) owns(t *Token) bool {
	_, ok := bornAt(t.SessionID)
	return ok && (l.issuer == "" || t.Issuer == l.issuer)
}

// issued is when a token was made, as exactly as it says; zero if it does not.
func issued(t *Token) time.Time {
	if at, ok := bornAt(t.ID); ok {
		return at
	}
	return t.issued
}

// begin enters a session.
func (l *ledger) begin(ctx context.Context, subject string, r session.Record, limit int) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	r.Subject, r.Start = l.subjectKey(subject), millisecond(r.Start)
	return l.store.Begin(ctx, r, limit)
}

// rotate presents a refresh token; r says what is to come.
func (l *ledger) rotate(ctx context.Context, t *Token, r session.Rotation) (session.Result, error) {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	r.Subject, r.Session, r.Presented, r.Token = l.subjectKey(t.Subject), t.SessionID, t.ID, tokenKey(t.ID)
	r.Now = millisecond(r.Now)
	return l.store.Rotate(ctx, r)
}

// revoke revokes one token; first says that nobody had before.
func (l *ledger) revoke(ctx context.Context, t *Token, now time.Time) (first bool, err error) {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	until := instant(wire.MaxDate) // only a profile takes tokens that never expire
	if !t.ExpiresAt.IsZero() {
		until = t.ExpiresAt.Add(margin)
	}
	if l.store == nil {
		return l.blocklist.Revoke(ctx, blockKey(kindToken, t.ID), until)
	}
	return l.store.RevokeToken(ctx, session.Revocation{
		Subject: l.subjectKey(t.Subject), Token: tokenKey(t.ID), Call: rand.Text(), Now: millisecond(now), Until: until,
	})
}

// end ends a session of ours; ended says that it had not ended before.
func (l *ledger) end(ctx context.Context, subject, id string, now time.Time) (ended bool, err error) {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	return l.store.End(ctx, session.Ending{
		Subject: l.subjectKey(subject), Session: id, Call: rand.Text(), Now: millisecond(now),
	})
}

// block ends the session of t, where there is a blocklist alone, for as long as a session lasts from now.
func (l *ledger) block(ctx context.Context, t *Token, now time.Time, sessionTTL time.Duration) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	until := now.Add(sessionTTL)
	if t.ExpiresAt.After(until) { // of a manager whose sessions last longer
		until = t.ExpiresAt
	}
	until = until.Add(margin)
	if l.endless || t.ExpiresAt.IsZero() {
		until = instant(wire.MaxDate)
	}
	_, err := l.blocklist.Revoke(ctx, blockKey(kindSession, t.SessionID), until)
	return err
}

func (l *ledger) revokeSubject(ctx context.Context, subject string, now time.Time) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	until := now.Add(session.MaxTokenLife + margin)
	if l.endless {
		until = instant(wire.MaxDate)
	}
	return l.store.RevokeSubject(ctx, l.subjectKey(subject), millisecond(now), millisecond(until))
}

func (l *ledger) revokeAll(ctx context.Context, now time.Time) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	return l.store.RevokeAll(ctx, millisecond(now))
}

func (l *ledger) list(ctx context.Context, subject string, now time.Time) ([]session.Record, error) {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	return l.store.List(ctx, l.subjectKey(subject), millisecond(now))
}

// storeTimeout bounds one call of a store: a request waits no longer for it, it is answered by 503.
const storeTimeout = time.Second

// deadline bounds a call, unless the store lives in memory and waits for nothing.
func (l *ledger) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := l.store.(session.Starter); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, storeTimeout)
}

// millisecond cuts an instant to what stores count in.
func millisecond(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }
