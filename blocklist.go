package jot

import (
	"context"
	"time"
)

// Blocklist remembers what was revoked until it would have expired anyway. Implement it over whatever your servers
// share; a conforming one passes jottest.TestBlocklist. Its methods are called by many goroutines at once. An error
// means "cannot tell" and becomes [ErrUnavailable]; it is never taken for either answer.
//
// It is enough for [Manager.Revoke], [Manager.RevokeSession] and [SingleUse]. Rotation, and log-outs of a user or of
// everyone, want a [Store].
type Blocklist interface {
	// Revoke remembers id until the instant; first reports, atomically, whether it was new. Ids are opaque keys of at
	// most 64 bytes made by the Manager, compared byte for byte. Revoking an id again never shortens how long it is
	// remembered. An until that has passed is no error, and need not be remembered.
	Revoke(ctx context.Context, id string, until time.Time) (first bool, err error)
	// Revoked reports whether any of ids is remembered. One call per request.
	Revoked(ctx context.Context, ids ...string) (bool, error)
}

// Store is a [Blocklist] that keeps sessions as well, for [WithStore]. Implement it over whatever your servers share;
// a conforming one passes jottest.TestStore. Errors mean "cannot tell", as with Blocklist. Every method is one atomic
// step, and all that time decides comes in as an argument: a store has no clock of its own.
//
// A subject and a session are opaque keys made by the Manager, of at most 64 bytes; a session's key is unique within
// its subject, so that all that concerns one subject may be kept in one place. Instants are whole milliseconds. A
// session that the store does not know, or whose Expires has passed, has ended: its tokens are refused.
//
// A mark is an instant before which all sessions are over, of one subject or of all; it only ever moves forward.
type Store interface {
	Blocklist

	// BeginSession enters a session that begins now, which is s.Start, but not before any mark that concerns it:
	// start is the latest of s.Start and both marks, and what is stored. If limit is positive, the oldest sessions of
	// the subject end so that no more than limit are left.
	BeginSession(ctx context.Context, s SessionRecord, limit int) (start time.Time, err error)
	// Check answers what a guard asks about one token, in one round trip.
	Check(ctx context.Context, q Query) (Status, error)
	// RotateSession replaces a session's current refresh token, if r presents it; see [Rotation].
	RotateSession(ctx context.Context, r Rotation) (RotationResult, error)
	// EndSession forgets a session; ended reports, atomically, whether there was one.
	EndSession(ctx context.Context, subject, session string, now time.Time) (ended bool, err error)
	// RevokeSubject moves the subject's mark behind where it was, behind now, and behind the Start of every session
	// of the subject, which so are all over and may be forgotten. The mark is kept until the instant.
	RevokeSubject(ctx context.Context, subject string, now, until time.Time) error
	// RevokeAll does the same with the mark of all.
	RevokeAll(ctx context.Context, now, until time.Time) error
	// Sessions returns the sessions of a subject that have not ended and did not begin before a mark, in any order.
	Sessions(ctx context.Context, subject string, now time.Time) ([]SessionRecord, error)
}

// SessionRecord is what a [Store] keeps of a session. It does not grow, however often the session is refreshed.
type SessionRecord struct {
	// Subject and Session are keys, not the claims sub and sid.
	Subject, Session string
	// Current is the id of the refresh token that is good now, Previous the one before it, empty before the first
	// rotation. They are UUIDs of version 7 in lower case: of two tokens of a session the later has the greater id.
	Current, Previous string
	// Start is when the session began, RotatedAt when Previous was replaced, zero if never.
	Start, RotatedAt time.Time
	// Expires is when the record may be forgotten, because no token of the session is accepted any more.
	Expires time.Time
}

// Query is what a guard asks a [Store].
type Query struct {
	// Token is the key of the token in the blocklist, as given to Revoke; empty for a token without an id.
	Token string
	// Subject and Session are keys as in [SessionRecord]; Session is empty for a token of no session.
	Subject, Session string
	// Now decides what has expired.
	Now time.Time
}

// Status is a [Store]'s answer to a [Query].
type Status struct {
	// Revoked reports whether the token is in the blocklist.
	Revoked bool
	// Session is the record of the session, zero if the store knows none.
	Session SessionRecord
	// SubjectMark and Mark are the marks of the subject and of all, zero if there is none.
	SubjectMark, Mark time.Time
}

// Rotation asks a [Store] to make Next the current refresh token in place of Presented. In this order:
//
//	no such session, or it has expired          RotationUnknown
//	Presented is Current                        Rotated
//	Presented is Previous, and Now is less than
//	Grace after RotatedAt                       Replayed, nothing changes
//	Presented is greater than Current           Rewound
//	anything else                               Reused, the session is forgotten
//
// Rotated and Rewound make Presented the Previous, Next the Current, Now RotatedAt, and Expires the later of Expires
// and what it was. Of any number of calls with one Presented, one gets Rotated, and at most one Reused.
type Rotation struct {
	Subject, Session string
	Presented, Next  string
	Now              time.Time
	Grace            time.Duration
	Expires          time.Time
}

// RotationResult is what came of a [Rotation].
type RotationResult struct {
	Outcome RotationOutcome
	// Current is the current refresh token's id after it: Next, or if Outcome is Replayed that of the rotation before.
	Current string
}

// RotationOutcome says what a [Rotation] met. Its zero value refuses.
type RotationOutcome int

// The outcomes of a [Rotation].
const (
	// RotationUnknown: there is no such session.
	RotationUnknown RotationOutcome = iota
	// Rotated: the token presented was the current one.
	Rotated
	// Replayed: it was the one before, just now: a second tab, or a client that repeats a request whose answer was
	// lost.
	Replayed
	// Rewound: it is newer than what the store knows: the store has lost what it was told, by a failover say.
	Rewound
	// Reused: it was replaced longer ago. One of its two holders is a thief.
	Reused
)
