package session

import (
	"slices"
	"strings"
	"time"
)

// Rotation asks for a session's refresh token to be exchanged for the next one (RFC 9700 section 4.14.2).
type Rotation struct {
	Subject, Session string
	// Presented is the id of the refresh token that came, and Token its key, as in [Revocation].
	Presented, Token string
	// Next is the id of the one to come: random, and greater than Presented whatever the clock says.
	Next string
	// Scope is what the session is to allow from now on, parted by spaces.
	Scope string
	// Now is the caller's clock. Expires is when the session's record may be forgotten if Next becomes its token.
	Now, Expires time.Time
	// Grace is how far two calls with the same token may lie apart, to be taken for one client's. 0 is none.
	Grace time.Duration
}

// Result is what came of a [Rotation].
type Result struct {
	Outcome Outcome
	// Current is the id of the session's refresh token now, and Scope what the session allows, when Outcome is
	// Rotated, Replayed or Rewound.
	Current, Scope string
}

// Outcome says what a [Rotation] met. Its zero value refuses.
type Outcome int

// The outcomes of a [Rotation].
const (
	// Unknown: there is no such session, or it has ended.
	Unknown Outcome = iota
	// Rotated: the token presented was the current one. Next is, from now on.
	Rotated
	// Replayed: it was the one before, within the grace: a second tab, or a client whose answer was lost. The token
	// stays the one that it was exchanged for.
	Replayed
	// Rewound: it is newer than what the store knows, because the store has lost what it was told. Next is the
	// current token, as after Rotated.
	Rewound
	// Reused: it was exchanged before, and longer ago than the grace. One of its holders is a thief, so the session
	// has ended. Of any number of calls one is told so.
	Reused
	// Revoked: the token presented was revoked by itself. Nothing changes.
	Revoked
)

// Apply is the rule of rotation. known is the session's record, the zero Record if the store has none; revoked says
// whether the store knows Token as revoked. It returns the answer, and what becomes of the record, which is nothing if
// there was none. In this order:
//
//	there is no session, or it is over             Unknown
//	the token was revoked                          Revoked
//	Next is Current: a driver repeats the call     Rotated
//	Presented is Current                           Rotated
//	Presented is Previous, Grace is not 0, and
//	Now and RotatedAt lie less than Grace apart    Replayed
//	Presented is greater than Current              Rewound
//	anything else                                  Reused
//
// The distance of Now and RotatedAt counts whichever is the later: they may come from two clocks.
func (r Rotation) Apply(known Record, revoked bool) (Result, Record) {
	outcome := r.meets(known, revoked)
	next := known
	switch outcome {
	case Rotated, Rewound:
		if known.Current != r.Next {
			next.Previous, next.Current, next.RotatedAt = r.Presented, r.Next, r.Now
			next.Scope = narrow(known.Scope, r.Scope)
			if r.Expires.After(next.Expires) {
				next.Expires = r.Expires
			}
		}
	case Replayed:
		next.Scope = narrow(known.Scope, r.Scope)
	case Reused:
		if known.Current != "" {
			next = known.ended(r.Next, r.Now)
		}
		return Result{Outcome: Reused}, next
	case Unknown, Revoked:
		return Result{Outcome: outcome}, known
	}
	return Result{outcome, next.Current, next.Scope}, next
}

func (r Rotation) meets(known Record, revoked bool) Outcome {
	switch {
	case known.endedBy(r.Next, r.Now):
		return Reused
	case !known.Live(r.Now):
		return Unknown
	case revoked:
		return Revoked
	case r.Next == known.Current, r.Presented == known.Current:
		return Rotated
	case r.Presented == known.Previous && r.Now.Sub(known.RotatedAt).Abs() < r.Grace:
		return Replayed
	case r.Presented > known.Current:
		return Rewound
	}
	return Reused
}

// narrow returns those of the scopes asked that are had as well.
func narrow(had, asked string) string {
	if had == asked {
		return asked
	}
	have := strings.Fields(had)
	missing := func(scope string) bool { return !slices.Contains(have, scope) }
	return strings.Join(slices.DeleteFunc(strings.Fields(asked), missing), " ")
}
