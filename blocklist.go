package jot

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-jot/jot/internal/bounded"
	"github.com/go-jot/jot/internal/uuid7"
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

// ledger is where a manager looks up, and writes, what outlives a request: a store, or a blocklist, or neither, and
// the application's own callback. It alone calls them, and knows their keys, deadlines and failures.
type ledger struct {
	store       session.Store
	blocklist   Blocklist
	inBlocklist func(context.Context, *Token) (bool, error)
	// issuer is written into our tokens. Sessions of another's are none of ours. Empty, all tokens count as ours.
	issuer string
	// endless says that some tokens never expire.
	endless     bool
	calls       *bounded.Calls // nil where the store lives in memory
	local       session.Local  // nil where it answers nothing from memory
	grace       time.Duration
	sessionTTL  time.Duration
	maxSessions int
}

// remembers reports whether there is anything to write to.
func (l *ledger) remembers() bool { return l.store != nil || l.blocklist != nil }

// The causes of a refusal, for the operator.
var (
	errUnknownSession = errors.New(
		"the store knows no such session: it has ended, or the store is new, or the memory of another process")
	errOld = errors.New(
		"it was revoked or used up, or it was issued before its user or everyone was logged out, " +
			"or before the store was made")
	errTooOld = errors.New(
		"it belongs to no session, and is older than what a store remembers, or does not say when it was issued")
	errListed      = errors.New("WithTokenInBlocklist says so")
	errBlocked     = errors.New("the Blocklist says so, of the token or of its session")
	errByItself    = errors.New("this very token was revoked")
	errNoID        = errors.New("without a jti it cannot be revoked or used up")
	errUsed        = errors.New("it has been used")
	errUsedOrWrong = errors.New("it has been used, or the Blocklist does not say first: see jottest.TestBlocklist")
	// A client may send such a token, so this is a refusal (401), not a mistake of the caller's.
	errNoRotation = errors.New("a token that belongs to no session of ours does not rotate")
	errNoMore     = errors.New("a refreshed token has no more scopes than the one before")
)

// margin is how long what was revoked is remembered beyond the end of a token: any node may grant the greatest leeway
// there is, and clocks may be as far apart again.
const margin = 2 * maxLeeway

// unanswered is the reason when a store could not tell.
func unanswered(err error) *reason {
	if err == nil {
		return nil
	}
	return &reason{sentinel: ErrUnavailable, cause: err, store: true}
}

// check asks whether a token was revoked: the callback, then the store or the blocklist. The record is that of a
// refresh token's session.
func (l *ledger) check(ctx context.Context, t *Token, now time.Time) (r session.Record, why *reason) {
	if l.inBlocklist != nil {
		revoked, err := l.inBlocklist(ctx, t)
		if why := verdict(!revoked, ErrRevoked, err); why != nil {
			why.cause = cmp.Or(why.cause, errListed)
			return r, why
		}
	}
	switch {
	case l.store != nil:
		return l.checkStore(ctx, t, now)
	case l.blocklist != nil:
		return r, l.checkBlocklist(ctx, t)
	}
	return r, nil
}

func (l *ledger) checkBlocklist(ctx context.Context, t *Token) *reason {
	ids := make([]string, 0, 2)
	if t.ID != "" {
		ids = append(ids, keyOf(t, kindToken, t.ID))
	}
	if t.SessionID != "" {
		ids = append(ids, keyOf(t, kindSession, t.SessionID))
	}
	if len(ids) == 0 {
		return nil
	}
	revoked, err := ask(ctx, l, func(ctx context.Context) (bool, error) { return l.blocklist.Revoked(ctx, ids...) })
	switch {
	case err != nil:
		return unanswered(err)
	case revoked:
		return &reason{sentinel: ErrRevoked, cause: errBlocked}
	}
	return nil
}

// checkStore asks the store about the token, its session, its subject and everyone. Of a refresh token it also tells
// what Rotate would say, whether or not the handler rotates: one that was exchanged earlier than the grace allows was
// stolen. It changes nothing: Manager.react ends the session of a thief.
func (l *ledger) checkStore(ctx context.Context, t *Token, now time.Time) (r session.Record, why *reason) {
	q := session.Query{
		Subject: l.subjectKey(t.Subject), Token: keyOf(t, "", t.ID), Issued: issued(t), Expires: t.ExpiresAt,
		Now: millisecond(now),
	}
	ours := l.owns(t)
	if ours {
		q.Session, q.Record = t.SessionID, t.Type == typeRefresh
	} else if !t.ExpiresAt.IsZero() && now.Sub(q.Issued) > session.MaxTokenLife {
		return r, &reason{sentinel: ErrRevoked, cause: errTooOld}
	}
	status, err := l.status(ctx, q)
	switch {
	case err != nil:
		return r, unanswered(err)
	case status.Revoked && !ours:
		return r, &reason{sentinel: ErrRevoked, cause: errOld}
	case status.Revoked:
		return r, &reason{sentinel: ErrRevoked, cause: errByItself}
	case status.Ended:
		return r, &reason{sentinel: ErrRevoked, cause: errUnknownSession}
	case !q.Record:
		return r, nil
	}
	turn, _ := session.Rotation{Presented: t.ID, Now: q.Now, Grace: l.grace}.Apply(status.Record, false)
	switch turn.Outcome {
	case session.Rotated, session.Replayed, session.Rewound:
		return status.Record, nil
	case session.Reused:
		return r, &reason{sentinel: ErrReused, theft: true}
	case session.Unknown, session.Revoked:
	}
	return r, &reason{sentinel: ErrRevoked, cause: errUnknownSession}
}

// owns reports whether the token's session is one that the store must know: ours, and by its form one that we begin.
func (l *ledger) owns(t *Token) bool {
	_, ok := uuid7.Time(t.SessionID)
	return ok && !t.foreign && (l.issuer == "" || t.Issuer == l.issuer)
}

// checkJoin says why a token cannot join the session of t.
func (l *ledger) checkJoin(t *Token) error {
	switch {
	case t != nil && t.unknown:
		return errors.New("nobody could tell whether the token was revoked (InsecureFailOpen)")
	case t == nil || l.store == nil:
		return nil
	case !l.owns(t):
		return errors.New("the session is another issuer's")
	case !t.checked:
		return errors.New(
			"nobody has asked whether the session goes on: take the token of a route without InsecureSkipRevocation")
	}
	return nil
}

// checkRotation says why a refresh token cannot be exchanged for one with these scopes.
func (l *ledger) checkRotation(t *Token, scopes []string) *reason {
	if _, ok := uuid7.Time(t.ID); !ok || !l.owns(t) {
		return invalid(errNoRotation)
	}
	for _, scope := range scopes {
		if !slices.Contains(t.claimed, scope) {
			return &reason{sentinel: ErrInsufficientScope, cause: errNoMore, scopes: slices.Clone(scopes)}
		}
	}
	return nil
}

// issued is when a token was made, as exactly as it says; zero if it does not. Another issuer's ids are its own affair.
func issued(t *Token) time.Time {
	if at, ok := uuid7.Time(t.ID); ok && !t.foreign {
		return at
	}
	return t.issued
}

// begin records the session of a login, if there is a store.
func (l *ledger) begin(ctx context.Context, subject string, r session.Record) *reason {
	if l.store == nil {
		return nil
	}
	r.Subject, r.Start = l.subjectKey(subject), millisecond(r.Start)
	return l.tell(ctx, func(ctx context.Context) error { return l.store.Begin(ctx, r, l.maxSessions) })
}

// rotate presents a refresh token; r says what its successor is to be.
func (l *ledger) rotate(ctx context.Context, t *Token, r session.Rotation) (session.Result, *reason) {
	r.Subject, r.Session, r.Presented, r.Token = l.subjectKey(t.Subject), t.SessionID, t.ID, keyOf(t, "", t.ID)
	r.Now, r.Grace = millisecond(r.Now), l.grace
	result, err := l.exchange(ctx, r)
	if err != nil {
		return result, unanswered(err)
	}
	switch result.Outcome {
	case session.Rotated, session.Replayed, session.Rewound:
		if _, ok := uuid7.Time(result.Current); !ok {
			return result, unanswered(errors.New("the store returned no token id"))
		}
		return result, nil
	case session.Reused: // the store has ended the session
		return result, &reason{sentinel: ErrReused, endedNow: true}
	case session.Revoked:
		return result, &reason{sentinel: ErrRevoked, cause: errByItself}
	case session.Unknown:
		return result, &reason{sentinel: ErrRevoked, cause: errUnknownSession}
	}
	return result, unanswered(fmt.Errorf("the store returned the outcome %d", result.Outcome))
}

// revoke revokes a token.
func (l *ledger) revoke(ctx context.Context, t *Token, now time.Time) *reason {
	_, why := l.write(ctx, t, now)
	return why
}

// use revokes a token that nobody has revoked before.
func (l *ledger) use(ctx context.Context, t *Token, now time.Time) *reason {
	first, why := l.write(ctx, t, now)
	switch {
	case why == nil && !first && l.blocklist != nil:
		return &reason{sentinel: ErrRevoked, cause: errUsedOrWrong}
	case why == nil && !first:
		return &reason{sentinel: ErrRevoked, cause: errUsed}
	}
	return why
}

// write records that a token was revoked; first says that it had not been before.
func (l *ledger) write(ctx context.Context, t *Token, now time.Time) (first bool, why *reason) {
	if t.ID == "" {
		return false, &reason{sentinel: ErrInvalid, cause: errNoID}
	}
	until := instant(wire.MaxDate) // only a profile takes tokens that never expire
	if !t.ExpiresAt.IsZero() {
		until = t.ExpiresAt.Add(margin)
	}
	r := session.Revocation{
		Subject: l.subjectKey(t.Subject), Token: keyOf(t, "", t.ID), Call: rand.Text(),
		Now: millisecond(now), Until: until,
	}
	first, err := ask(ctx, l, func(ctx context.Context) (bool, error) {
		if l.store == nil {
			return l.blocklist.Revoke(ctx, keyOf(t, kindToken, t.ID), until)
		}
		return l.store.RevokeToken(ctx, r)
	})
	return first, unanswered(err)
}

// end ends a session of ours; ended says that it had not ended before.
func (l *ledger) end(ctx context.Context, subject, id string, now time.Time) (ended bool, why *reason) {
	if _, ok := uuid7.Time(id); !ok {
		return false, nil
	}
	e := session.Ending{Subject: l.subjectKey(subject), Session: id, Call: rand.Text(), Now: millisecond(now)}
	ended, err := ask(ctx, l, func(ctx context.Context) (bool, error) { return l.store.End(ctx, e) })
	return ended, unanswered(err)
}

// endForTheft ends the session of a refresh token that somebody else has used.
func (l *ledger) endForTheft(ctx context.Context, t *Token, now time.Time) *reason {
	ctx = context.WithoutCancel(ctx) // a thief who hangs up changes nothing
	ended, why := l.end(ctx, t.Subject, t.SessionID, now)
	if why != nil {
		return why
	}
	return &reason{sentinel: ErrReused, endedNow: ended}
}

// endedBy reports whether a logout with another token has ended t as well.
func (l *ledger) endedBy(t, other *Token) bool {
	if t.SessionID == "" || l.store != nil && !l.owns(t) { // which were revoked one by one
		return t.ID != "" && t.ID == other.ID
	}
	return t.SessionID == other.SessionID
}

// block ends the session of t, where there is a blocklist alone, for as long as a session lasts from now.
func (l *ledger) block(ctx context.Context, t *Token, now time.Time) *reason {
	until := now.Add(l.sessionTTL)
	if t.ExpiresAt.After(until) { // of a manager whose sessions last longer
		until = t.ExpiresAt
	}
	until = until.Add(margin)
	if l.endless || t.ExpiresAt.IsZero() {
		until = instant(wire.MaxDate)
	}
	return l.tell(ctx, func(ctx context.Context) error {
		_, err := l.blocklist.Revoke(ctx, keyOf(t, kindSession, t.SessionID), until)
		return err
	})
}

func (l *ledger) revokeSubject(ctx context.Context, subject string, now time.Time) *reason {
	until := now.Add(session.MaxTokenLife + margin)
	if l.endless {
		until = instant(wire.MaxDate)
	}
	return l.tell(ctx, func(ctx context.Context) error {
		return l.store.RevokeSubject(ctx, l.subjectKey(subject), millisecond(now), millisecond(until))
	})
}

func (l *ledger) revokeAll(ctx context.Context, now time.Time) *reason {
	return l.tell(ctx, func(ctx context.Context) error { return l.store.RevokeAll(ctx, millisecond(now)) })
}

func (l *ledger) list(ctx context.Context, subject string, now time.Time) ([]session.Record, *reason) {
	records, err := ask(ctx, l, func(ctx context.Context) ([]session.Record, error) {
		return l.store.List(ctx, l.subjectKey(subject), millisecond(now))
	})
	return records, unanswered(err)
}

// status asks what becomes of a token. What lives in memory answers at once: it needs no bounds, and costs no memory.
func (l *ledger) status(ctx context.Context, q session.Query) (session.Status, error) {
	if l.calls == nil {
		return l.store.Check(ctx, q)
	}
	if l.local != nil {
		if status, ok := l.local.Recall(q); ok {
			return status, nil
		}
	}
	far := q // so that q itself costs no memory
	return ask(ctx, l, func(ctx context.Context) (session.Status, error) { return l.store.Check(ctx, far) })
}

// exchange is as status.
func (l *ledger) exchange(ctx context.Context, r session.Rotation) (session.Result, error) {
	if l.calls == nil {
		return l.store.Rotate(ctx, r)
	}
	far := r // so that r itself costs no memory
	return ask(ctx, l, func(ctx context.Context) (session.Result, error) { return l.store.Rotate(ctx, far) })
}

// ask is one call of the store or the blocklist, within its bounds.
func ask[T any](ctx context.Context, l *ledger, call func(ctx context.Context) (T, error)) (T, error) {
	if l.calls == nil {
		return call(ctx)
	}
	return bounded.Do(ctx, l.calls, call)
}

// tell is one that has nothing to say but whether it has failed.
func (l *ledger) tell(ctx context.Context, call func(ctx context.Context) error) *reason {
	_, err := ask(ctx, l, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return unanswered(err)
}

// millisecond cuts an instant to what stores count in.
func millisecond(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// The kinds of ids in a blocklist.
const (
	kindToken   = "j:"
	kindSession = "s:"
)

// keyOf returns the key under which a store or a blocklist knows an id of t's, the token's or the session's. Only ids
// of the form we make are kept as they are: others may have any length and any bytes. What another issuer calls by an
// id of ours is something else. No id has no key.
func keyOf(t *Token, kind, id string) string {
	switch {
	case id == "":
		return kind
	case t.foreign:
		return kind + digestOf(t.Issuer, id)
	case uuid7.Canonical(id):
		return kind + id
	}
	return kind + digest([]byte(id))
}

// subjectKey returns the key under which a store knows a subject: a hash, because subjects are personal data and may
// hold any bytes.
func (l *ledger) subjectKey(subject string) string { return digestOf(l.issuer, subject) }

// digestOf is of an issuer's name for something. The length keeps both apart.
func digestOf(issuer, name string) string {
	var room [128]byte // enough for most
	text := append(strconv.AppendInt(room[:0], int64(len(issuer)), 10), ':')
	return digest(append(append(text, issuer...), name...))
}

// digest returns 132 bits of a hash, as text.
func digest(text []byte) string {
	sum := sha256.Sum256(text)
	var digits [43]byte
	base64.RawURLEncoding.Encode(digits[:], sum[:])
	return string(digits[:22])
}
