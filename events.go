package jot

import "log/slog"

// EventKind names what happened.
type EventKind string

// The kinds of [Event]. More may come: let a switch over them have a default.
const (
	// EventSessionBegun: a login.
	EventSessionBegun EventKind = "session_begun"
	// EventRotated: a refresh token was exchanged for the next one.
	EventRotated EventKind = "session_rotated"
	// EventReplayed: a refresh token was presented again within the grace period, and got the same successor. Now and
	// then this is a second tab; if it happens often, look closer.
	EventReplayed EventKind = "session_replayed"
	// EventReused: a refresh token was presented again after the grace period, or after its successor was exchanged,
	// so somebody else holds it, and the session has ended. Tell the user.
	EventReused EventKind = "session_reused"
	// EventRewound: a refresh token was newer than the store's record. The store has lost data, perhaps revocations
	// too.
	EventRewound EventKind = "session_rewound"
	// EventRenewed: an access token's cookie was renewed ([WithSlidingSessions]).
	EventRenewed EventKind = "session_renewed"
	// EventRenewalFailed: the cookie was due to be renewed, and could not be; Err says why. The request went on.
	EventRenewalFailed EventKind = "session_renewal_failed"
	// EventRevoked: a token (TokenID), a session (SessionID), a user (Subject alone) or everyone (nothing) was logged
	// out.
	EventRevoked EventKind = "revoked"
	// EventRefused: a token or a request was refused; Err is the sentinel. Before the signature is verified, nothing
	// else is known.
	EventRefused EventKind = "refused"
	// EventStoreUnavailable: the store could not answer; Err is what it said.
	EventStoreUnavailable EventKind = "store_unavailable"
	// EventFailedOpen: a token passed of which nobody could tell whether it was revoked ([InsecureFailOpen]); Err says
	// why.
	EventFailedOpen EventKind = "failed_open"
)

// Event is something that happened to tokens and sessions, for [WithEventHandler]: for an audit log, for metrics, to
// warn a user. No token is in it, but ids and subjects are personal data.
type Event struct {
	Kind EventKind
	// Subject, SessionID and TokenID say whom and what it concerns, as far as that is known.
	Subject, SessionID, TokenID string
	// Location is where the token was, if it came in a request.
	Location Location
	// Err says why, for EventRefused, EventStoreUnavailable, EventFailedOpen and EventRenewalFailed.
	Err error
	// Cause says more of an EventRefused, as [Error].Cause does.
	Cause error
}

// Code returns the stable word for the reason of an EventRefused, as [Error.Code] does: a label for metrics. It is
// empty for other kinds, and never comes from a client.
func (e Event) Code() string { return answerTo(e.Err).code }

// LogValue returns what is known, as a group.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	for _, a := range []slog.Attr{
		slog.String("subject", e.Subject), slog.String("session", e.SessionID), slog.String("token", e.TokenID),
		slog.String("location", string(e.Location)),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	return slog.GroupValue(attrs...)
}
