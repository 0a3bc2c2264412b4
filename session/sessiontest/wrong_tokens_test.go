package sessiontest_test

import (
	"context"
	"errors"
	"time"

	"github.com/go-jot/jot/session"
)

// revoking is a store that remembers revocations otherwise.
func revoking(f func(r session.Revocation, known revocation) (bool, revocation)) func() session.Store {
	return with(func(rules *rules) { rules.revoke = f })
}

// remembered is a store that makes something else of what it remembers.
func remembered(
	change func(r session.Revocation, known revocation, first bool, next *revocation) bool,
) func() session.Store {
	return revoking(func(r session.Revocation, known revocation) (bool, revocation) {
		first, next := honest().revoke(r, known)
		return change(r, known, first, &next), next
	})
}

var wrongTokens = map[string]stores{
	"a revoked token is revoked, and no other": {
		"forgets revoked tokens": remembered(
			func(r session.Revocation, _ revocation, first bool, next *revocation) bool {
				next.until = r.Now
				return first
			},
		),
		"forgets revoked tokens early": remembered(
			func(_ session.Revocation, _ revocation, first bool, next *revocation) bool {
				next.until = next.until.Add(-time.Millisecond)
				return first
			},
		),
		"revokes all tokens": with(func(r *rules) {
			r.token = func(subject, _ string) string { return subject }
		}),
	},
	"a token that is revoked leaves its session alone": {
		"asks for the session alone": with(func(r *rules) {
			r.status = func(q session.Query, s session.Status) session.Status {
				s.Revoked = s.Revoked && q.Session == ""
				return s
			}
		}),
		"has no session for a revoked token": with(func(r *rules) {
			r.status = func(q session.Query, s session.Status) session.Status {
				if s.Revoked {
					s.Ended, s.Record = q.Session != "", session.Record{}
				}
				return s
			}
		}),
	},
	"a token without an id is judged by its session, and by marks": {
		"refuses a token without an id": with(func(r *rules) {
			r.status = func(q session.Query, s session.Status) session.Status {
				s.Revoked = s.Revoked || q.Token == ""
				return s
			}
		}),
		"takes any token without an id": with(func(r *rules) {
			r.status = func(q session.Query, s session.Status) session.Status {
				s.Revoked = s.Revoked && q.Token != ""
				return s
			}
		}),
	},
	"the call that enters a revocation is the first, and no other": {
		"is always first": remembered(
			func(session.Revocation, revocation, bool, *revocation) bool { return true },
		),
		"is first for who prolongs": remembered(
			func(r session.Revocation, known revocation, first bool, _ *revocation) bool {
				return first || r.Until.After(known.until)
			},
		),
	},
	"of several instants the latest counts": {
		"shortens a revocation": remembered(
			func(r session.Revocation, _ revocation, first bool, next *revocation) bool {
				next.until = r.Until
				return first
			},
		),
		"prolongs no revocation": remembered(
			func(r session.Revocation, known revocation, first bool, next *revocation) bool {
				if r.Now.Before(known.until) {
					next.until = known.until
				}
				return first
			},
		),
		"keeps revocations for full seconds": remembered(
			func(_ session.Revocation, _ revocation, first bool, next *revocation) bool {
				next.until = next.until.Truncate(time.Second)
				return first
			},
		),
	},
	"a revocation that is over is entered anew": {
		"is first once and for ever": remembered(
			func(r session.Revocation, known revocation, first bool, next *revocation) bool {
				if known.call != "" {
					next.call = known.call
				}
				return first && next.call == r.Call
			},
		),
		"enters nothing anew": remembered(
			func(_ session.Revocation, known revocation, first bool, next *revocation) bool {
				if known.call != "" {
					next.until = known.until
				}
				return first
			},
		),
	},
	"a token that nobody accepts any more may be revoked": {
		"refuses to revoke what has expired": by(changed{
			revoke: func(ctx context.Context, s session.Store, r session.Revocation) (bool, error) {
				if r.Until.Before(r.Now) {
					return false, errors.New("negative lifetime")
				}
				return s.RevokeToken(ctx, r)
			},
		}),
	},
}

var wrongEndings = map[string]stores{
	"a session ends once": {
		"ends a session again": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				_, next := e.Apply(known)
				return true, next
			}
		}),
		"ends all sessions": func() session.Store {
			s := newReference()
			s.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				ended, next := e.Apply(known)
				if ended {
					s.subject(e.Subject).sessions = nil
				}
				return ended, next
			}
			return s
		},
	},
	"what does not go on is not ended": {
		"ends what has expired": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				if known.Current != "" {
					known.Expires = e.Now.Add(time.Second)
				}
				return e.Apply(known)
			}
		}),
	},
	"what has expired by the clock of who ends it is ended for all, without a report": {
		"leaves alone what has expired": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				if known.Current != "" && !known.Live(e.Now) {
					return false, known
				}
				return e.Apply(known)
			}
		}),
		"reports the end of what has expired": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				if known.Current != "" {
					known.Expires = e.Now.Add(time.Second)
				}
				return e.Apply(known)
			}
		}),
		"reports it to the call that is repeated": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				ended, next := e.Apply(known)
				if known.Current != "" {
					next.Previous = e.Call
				}
				return ended, next
			}
		}),
	},
	"a session that was ended is over at once, also within the grace": {
		"replays the token of a session that has ended": with(func(r *rules) {
			r.rotate = func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
				if known.Current == "" && known.Session != "" && r.Grace > 0 {
					return session.Result{Outcome: session.Replayed, Current: r.Presented}, known
				}
				return r.Apply(known, revoked)
			}
		}),
	},
}
