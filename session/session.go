// Package session is the contract between jot and what remembers sessions: [Store], the values that it takes and
// returns, and the rule of rotation, [Rotation.Apply]. It imports the standard library alone, so that an engine's
// package needs nothing else of jot's.
//
// Package memstore keeps sessions in the memory of one process, package sqlstore in SQLite, PostgreSQL, MariaDB or
// MySQL, package redisstore in Redis. For a store of your own implement Store, and prove it by sessiontest.Run, which
// has a case for each sentence of this documentation.
package session

import (
	"context"
	"time"
)

// Store remembers sessions, and what was revoked. Its methods are called by many goroutines at once, and by the
// managers of many processes, whose clocks and settings differ.
//
// Every method is one atomic step on what belongs to one subject, so all that belongs to a subject may be kept in one
// place: a shard, a slot of a Redis Cluster, rows behind one lock. [Store.RevokeAll] alone concerns all.
//
// All time comes in as an argument, cut to whole milliseconds: a store has no clock of its own, and no clock decides
// over sessions. A session ends because it was ended, evicted or forgotten. Clocks say only when something may be
// forgotten that no token can need any more, and which tokens of no session were issued before a logout. At the very
// instant until which something counts it may count or not.
//
// A method that fails may have been carried out or not: an error means "cannot tell", and is never taken for an
// answer. A driver that repeats a call because it heard no answer does no harm: unless the session
// has changed meanwhile, the repeated call changes nothing and is answered as the first one was, but for a rotation
// that was Rewound, which is Rotated then.
//
// Subjects, sessions, tokens and calls are opaque keys made by the caller, of 1 to 64 bytes of ASCII, compared byte
// for byte. Sessions and tokens are unique within their subject only.
//
// What is empty refuses: a session that the store does not know has ended, and a store that is new, or has lost its
// data, begins as if [Store.RevokeAll] had been called. One that lasts does that where it is made; see [Starter] for
// one that lives as long as the process.
type Store interface {
	// Begin enters the session r; what has expired at r.Start does not count any more. If limit is positive, the
	// subject has at most limit sessions afterwards: those that were entered first end, by the order of entry and not
	// by any clock, and never r itself, however many begin at once. A session that the store knows is left as it is,
	// even if it has ended a moment ago; one that a limit or a logout everywhere has ended may begin anew. A store
	// that has no room returns an error; nothing that has expired may be the reason.
	Begin(ctx context.Context, r Record, limit int) error
	// Check answers what a guard asks about one token, in one round trip. It changes nothing.
	Check(ctx context.Context, q Query) (Status, error)
	// Rotate exchanges the refresh token of a session, by the rule of [Rotation.Apply].
	Rotate(ctx context.Context, r Rotation) (Result, error)
	// End ends a session, by [Ending.Apply]; ended reports that this call did it. One that has expired by the caller's
	// clock is ended all the same, without a report: by another clock it may not have expired yet. See [Echo].
	End(ctx context.Context, e Ending) (ended bool, err error)
	// RevokeToken revokes one token until an instant; first reports that this call entered it, and no other before.
	// Of several instants the latest counts.
	RevokeToken(ctx context.Context, r Revocation) (first bool, err error)
	// RevokeSubject ends all sessions of the subject. So that tokens of no session are revoked as well, it moves the
	// subject's mark forward to now, if it is not there yet, and keeps it until an instant; of several the latest
	// counts. A session that begins afterwards is another one, whatever the clock of its node says.
	RevokeSubject(ctx context.Context, subject string, now, until time.Time) error
	// RevokeAll ends all sessions of all subjects, and moves the mark of all forward to now. It is never forgotten.
	// A counter does for the sessions: each remembers the count at its beginning, and one with another count has
	// ended. A session that begins meanwhile may be among those that end.
	RevokeAll(ctx context.Context, now time.Time) error
	// List returns the sessions of a subject that have not ended, in the order in which they were entered.
	List(ctx context.Context, subject string, now time.Time) ([]Record, error)
}

// Starter is a [Store] that begins empty with its process. jot.New calls Start with its clock when the store is given
// to it: tokens of no session that were issued before are refused, since what was revoked of them is not known any
// more. Those of the same millisecond are the process's own, so the mark of all becomes the one before. Only the first
// call counts. What lives in memory answers at once, so its calls get no deadline.
type Starter interface{ Start(now time.Time) }

// Local is a [Store] that answers some look-ups from memory: one beside a replica of what was revoked. Check may wait
// for an engine, so it is bounded in time; Recall is asked first, and is not.
type Local interface {
	// Recall answers as Check would, if it can do so at once; ok says whether it could.
	Recall(q Query) (status Status, ok bool)
}

// MaxTokenLife is how long a token of no session may live: the marks that log a subject out are kept so long.
const MaxTokenLife = 400 * 24 * time.Hour

// Echo is how long a store remembers which call ended a session, so that a driver that repeats the call hears the
// same answer. A store that remembers it in the record itself, as [Rotation.Apply] and [Ending.Apply] do, keeps the
// record for as long, and may do so for the latest few of a subject alone. What a limit, RevokeSubject or RevokeAll has
// ended may be forgotten at once.
const Echo = time.Minute

// Record is what a store keeps of a session. It does not grow, however often the session is refreshed.
type Record struct {
	// Subject and Session are keys, not claims.
	Subject, Session string
	// Label is the name of the device or whatever else was said at the login, at most 256 bytes of UTF-8.
	Label string
	// Scope is what the session allows, parted by spaces: at most 8 KiB of ASCII. It only ever gets narrower.
	Scope string
	// Current is the id of the refresh token that is good now, Previous the one before it, empty before the first
	// rotation. They are UUIDs of version 7 in lower case: of two tokens of a session the later has the greater id.
	//
	// A record without Current is a session that has ended; Previous is the call that ended it.
	Current, Previous string
	// Start is when the session began. RotatedAt is when Current became it, zero before the first rotation.
	Start, RotatedAt time.Time
	// Expires is when the record may be forgotten, because no token of the session is accepted any more.
	Expires time.Time
}

// Live reports whether the session goes on: it has not ended, and not expired.
func (r Record) Live(now time.Time) bool { return r.Current != "" && now.Before(r.Expires) }

// Query is what a guard asks about a token.
type Query struct {
	Subject string
	// Session is empty for a token of no session.
	Session string
	// Token is the token's key, as in [Revocation]; empty for a token without an id, which nobody can have revoked.
	Token string
	// Issued is when the token was made, zero if it does not say; it counts for a token of no session. Expires is
	// when it ends, zero for never.
	Issued, Expires time.Time
	// Now decides what has expired.
	Now time.Time
	// Record asks for the session's record as well.
	Record bool
}

// Status is the answer to a [Query].
type Status struct {
	// Revoked: the token itself was revoked, or it belongs to no session and was issued when or before its subject,
	// or everyone, was logged out.
	Revoked bool
	// Ended: the query names a session, and the store knows none of that name that goes on.
	Ended bool
	// Record is the session's, if the query asks for it and the session goes on.
	Record Record
}

// Revocation is a token to be revoked.
type Revocation struct {
	Subject, Token string
	// Call is random: it tells a call that a driver repeats from another one.
	Call string
	// Now decides whether an earlier revocation is over, so that this one is the first again. Until is when nobody
	// accepts the token any more; the revocation may be forgotten then, and not before.
	Now, Until time.Time
}

// Ending is a session to be ended.
type Ending struct {
	Subject, Session string
	// Call is random: it tells a call that a driver repeats from another one.
	Call string
	Now  time.Time
}

// Apply returns whether e ends the session, and what becomes of its record. known is the zero Record if the store has
// none, and then nothing becomes of it.
func (e Ending) Apply(known Record) (ended bool, next Record) {
	switch {
	case known.Live(e.Now):
		return true, known.ended(e.Call, e.Now)
	case known.Current != "": // over by this clock, and by another's perhaps not yet
		return false, known.ended("", e.Now)
	}
	return known.endedBy(e.Call, e.Now), known
}

// ended is what is left of a session: for a moment, which call ended it.
func (r Record) ended(call string, now time.Time) Record {
	return Record{Subject: r.Subject, Session: r.Session, Previous: call, Start: r.Start, Expires: now.Add(Echo)}
}

// endedBy reports whether call ended the session, a moment ago.
func (r Record) endedBy(call string, now time.Time) bool {
	return r.Current == "" && r.Previous == call && call != "" && now.Before(r.Expires)
}
