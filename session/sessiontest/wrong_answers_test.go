package sessiontest_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-jot/jot/session"
)

var wrongRepeats = map[string]stores{
	"an end that is repeated a moment later hears the same answer": {
		"does not know who ended a session": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				ended, next := known.Live(e.Now), known
				if ended {
					next.Current = ""
				}
				return ended, next
			}
		}),
		"forgets at once who ended a session": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				ended, next := e.Apply(known)
				if next.Current == "" && known.Current != "" {
					next.Expires = e.Now.Add(10 * time.Second)
				}
				return ended, next
			}
		}),
	},
	"repeated: a session ends once": {
		"does not know who ended a session, when the call is repeated": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				ended, next := known.Live(e.Now), known
				if ended {
					next.Current = ""
				}
				return ended, next
			}
		}),
	},
	"a rotation that is repeated a moment later hears the same answer": {
		"does not know a rotation again": asked(unknownNext),
	},
	"repeated: the current token is exchanged": {
		"does not know a rotation again, when the call is repeated": asked(unknownNext),
	},
	"reuse is told again to the call that met it, for a moment": {
		"does not know who met reuse": answered(session.Reused,
			func(_ session.Rotation, _ session.Record, _ *session.Result, next *session.Record) {
				next.Previous = ""
			},
		),
		"never forgets who met reuse": answered(session.Reused,
			func(_ session.Rotation, _ session.Record, _ *session.Result, next *session.Record) {
				next.Expires = next.Expires.Add(time.Minute)
			},
		),
	},
	"a revocation that is repeated a moment later hears the same answer": {
		"does not know who revoked a token": revoking(onceFirst),
		"knows only who revoked a token last": remembered(
			func(r session.Revocation, _ revocation, first bool, next *revocation) bool {
				next.call = r.Call
				return first
			},
		),
	},
	"repeated: the call that enters a revocation is the first, and no other": {
		"does not know who revoked a token, when the call is repeated": revoking(onceFirst),
	},
	"a login that is repeated a moment later changes nothing": {
		"moves a login that is repeated": func() session.Store {
			s := newReference()
			s.again = func(known *entry, _ session.Record) {
				of := s.subject(known.Subject)
				for i, e := range of.sessions {
					if e == known {
						of.sessions = append(append(of.sessions[:i:i], of.sessions[i+1:]...), known)
						return
					}
				}
			}
			return s
		},
	},
	"a session that was entered before is left as it is": {
		"evicts for a login that is repeated": by(changed{
			begin: func(ctx context.Context, s session.Store, r session.Record, limit int) error {
				all := s.(*reference)
				all.mu.Lock()
				if limit > 0 {
					of := all.subject(r.Subject)
					of.sessions = evictFirst(of.sessions, r, limit, all.epoch)
				}
				all.mu.Unlock()
				return s.Begin(ctx, r, 0)
			},
		}),
	},
	"many calls that are each repeated at once are each heard once": {
		"hears a call twice": revoking(onceFirst),
	},
}

// unknownNext takes a rotation that is repeated for another one.
func unknownNext(r *session.Rotation, known session.Record) {
	if r.Next == known.Current {
		r.Next += "0"
	}
}

// onceFirst does not say first to a call again.
func onceFirst(r session.Revocation, known revocation) (bool, revocation) {
	first, next := honest().revoke(r, known)
	return first && !r.Now.Before(known.until), next
}

var wrongContexts = map[string]stores{
	"a cancelled context gives an error or the right answer": {
		"lets in when it is cancelled": by(changed{
			check: func(ctx context.Context, s session.Store, q session.Query) (session.Status, error) {
				if ctx.Err() != nil {
					return session.Status{}, nil
				}
				return s.Check(ctx, q)
			},
		}),
		"finds no session when it is cancelled": by(changed{
			check: func(ctx context.Context, s session.Store, q session.Query) (session.Status, error) {
				if ctx.Err() != nil && q.Session != "" {
					return session.Status{Ended: true}, nil
				}
				return s.Check(ctx, q)
			},
		}),
		"lists nothing when it is cancelled": by(changed{
			list: func(ctx context.Context, s session.Store, subject string, now time.Time) ([]session.Record, error) {
				if ctx.Err() != nil {
					return nil, nil
				}
				return s.List(ctx, subject, now)
			},
		}),
		"rotates nothing when it is cancelled": by(changed{
			rotate: func(ctx context.Context, s session.Store, r session.Rotation) (session.Result, error) {
				if ctx.Err() != nil {
					return session.Result{}, nil
				}
				return s.Rotate(ctx, r)
			},
		}),
		"ends nothing when it is cancelled": by(changed{
			end: func(ctx context.Context, s session.Store, e session.Ending) (bool, error) {
				if ctx.Err() != nil {
					return false, nil
				}
				return s.End(ctx, e)
			},
		}),
		"revokes nothing when it is cancelled": by(changed{
			revoke: func(ctx context.Context, s session.Store, r session.Revocation) (bool, error) {
				if ctx.Err() != nil {
					return true, nil
				}
				return s.RevokeToken(ctx, r)
			},
		}),
		"begins nothing when it is cancelled": by(changed{
			begin: func(ctx context.Context, s session.Store, r session.Record, limit int) error {
				if ctx.Err() != nil {
					return nil
				}
				return s.Begin(ctx, r, limit)
			},
		}),
		"logs nobody out when it is cancelled": by(changed{
			logOut: func(ctx context.Context, s session.Store, subject string, now, until time.Time) error {
				if ctx.Err() != nil {
					return nil
				}
				return s.RevokeSubject(ctx, subject, now, until)
			},
		}),
	},
	"a cancelled logout of everyone gives an error, or is carried out": {
		"logs not everyone out when it is cancelled": by(changed{
			everyone: func(ctx context.Context, s session.Store, now time.Time) error {
				if ctx.Err() != nil {
					return nil
				}
				return s.RevokeAll(ctx, now)
			},
		}),
	},
	"calls that are cancelled on their way leave nothing behind that is wrong": {
		"forgets whose call it was that was cancelled": by(changed{
			end: func(ctx context.Context, s session.Store, e session.Ending) (bool, error) {
				if ctx.Err() != nil {
					e.Call = "cancelled"
					_, _ = s.End(ctx, e)
					return false, ctx.Err()
				}
				return s.End(ctx, e)
			},
		}),
	},
}

var wrongAtOnce = map[string]stores{
	"who revokes a token, and then finds its session as it was, does not see it rotated by it": {
		"rotates by a token that was good a moment ago": tearing("Rotate"),
	},
	"of many that present one token without a grace one rotates, and one is told of the reuse": {
		"rotates what it has read":    tearing("Rotate"),
		"trusts the clocks of racers": asked(trustClocks),
	},
	"of many that present one token within the grace all get one successor": {
		"rotates what it has read, within the grace": tearing("Rotate"),
		"gives each its own successor": answered(session.Replayed,
			func(r session.Rotation, _ session.Record, result *session.Result, next *session.Record) {
				result.Current, next.Current = r.Next, r.Next
			},
		),
	},
	"of many that present the token before, outside of the grace, one is told of the reuse": {
		"meets reuse in what it has read": tearing("Rotate"),
	},
	"a rotation does not bring back a session that is ended at the same time": {
		"rotates what has been ended": tearing("Rotate"),
	},
	"a rotation does not bring back a session that is evicted at the same time": {
		"rotates what has been evicted": tearing("Rotate"),
	},
	"a rotation does not bring back a session whose subject is logged out at the same time": {
		"rotates what has been logged out": tearing("Rotate"),
	},
	"a rotation does not bring back a session when everyone is logged out at the same time": {
		"rotates what ended with all": tearing("Rotate"),
	},
	"a record is whole while it changes": {
		"writes a record in two steps": tearing("record"),
	},
	"of many that end a session one does": {
		"ends what it has read": tearing("End"),
	},
	"of many that revoke a token at once one is first, and the latest instant counts": {
		"revokes what it has read": tearing("RevokeToken"),
	},
	"of many logins at once as many sessions remain as the limit says": {
		"counts before it enters": tearing("Begin"),
	},
	"logins at once may have different limits": {
		"counts before it enters, with several limits": tearing("Begin"),
	},
	"of many logouts at once the latest mark counts, and the latest instant": {
		"moves the mark that it has read": tearing("RevokeSubject"),
	},
	"all methods at once get in nobody's way": {
		"fails when others are at work": func() session.Store {
			var busy sync.Mutex
			alone := func(f func()) error {
				if !busy.TryLock() {
					return errors.New("locked")
				}
				defer busy.Unlock()
				yield()
				f()
				return nil
			}
			return changed{
				Store: newReference(),
				rotate: func(ctx context.Context, s session.Store, r session.Rotation) (session.Result, error) {
					var result session.Result
					var err error
					failed := alone(func() { result, err = s.Rotate(ctx, r) })
					return result, errors.Join(failed, err)
				},
				logOut: func(ctx context.Context, s session.Store, subject string, now, until time.Time) (err error) {
					failed := alone(func() { err = s.RevokeSubject(ctx, subject, now, until) })
					return errors.Join(failed, err)
				},
			}
		},
	},
}

// tearing is a store that lets others in between what a method reads and what it writes.
func tearing(method string) func() session.Store { return with(func(r *rules) { r.torn = method }) }
