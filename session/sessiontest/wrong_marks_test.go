package sessiontest_test

import (
	"context"
	"slices"
	"time"

	"github.com/go-jot/jot/session"
)

// byTime are rules by which marks end sessions, and nothing else does.
func byTime(mark func(s *reference, of *subject) time.Time) func(r *rules) {
	return func(r *rules) {
		r.drop = func(sessions []*entry, _ time.Time) []*entry { return sessions }
		r.over = func(s *reference, of *subject, e *entry, _ time.Time) bool { return !e.Start.After(mark(s, of)) }
	}
}

func markOfSubject(_ *reference, of *subject) time.Time { return of.mark }

func markOfAll(s *reference, _ *subject) time.Time { return s.mark }

var wrongMarks = map[string]stores{
	"a logout of a subject ends all of its sessions": {
		"lets the sessions of a subject go on": with(func(r *rules) {
			r.drop = func(sessions []*entry, _ time.Time) []*entry { return sessions }
		}),
	},
	"a logout of a subject revokes its tokens of no session that were issued before": {
		"leaves no mark": with(func(r *rules) {
			r.marks = func(s *reference, _ *subject, _ time.Time) []time.Time { return []time.Time{s.mark} }
		}),
		"spares what is issued at the mark": with(func(r *rules) {
			r.judged = func(q session.Query, mark time.Time) bool { return q.Session == "" && q.Issued.Before(mark) }
		}),
		"keeps marks in seconds": with(func(r *rules) {
			r.later = func(known, next time.Time) time.Time {
				return latest(known, next.Truncate(time.Second).Add(time.Second))
			}
		}),
		"takes a token that does not say when it was issued": with(func(r *rules) {
			r.judged = func(q session.Query, mark time.Time) bool {
				return !q.Issued.IsZero() && honest().judged(q, mark)
			}
		}),
	},
	"a mark moves only forward": {
		"moves marks back": with(func(r *rules) {
			r.later = func(_, next time.Time) time.Time { return next }
		}),
		"keeps the first mark": with(func(r *rules) {
			r.later = func(known, next time.Time) time.Time {
				if known.IsZero() {
					return next
				}
				return known
			}
		}),
	},
	"a mark is kept until the latest instant": {
		"shortens a mark": with(func(r *rules) {
			r.last = func(_, next time.Time) time.Time { return next }
		}),
		"prolongs no mark": with(func(r *rules) {
			r.last = func(known, next time.Time) time.Time {
				if known.IsZero() {
					return next
				}
				return known
			}
		}),
	},
	"a mark is kept for as long as a token of no session may live": {
		"keeps marks for a month": with(func(r *rules) {
			r.marks = func(s *reference, of *subject, now time.Time) []time.Time {
				if now.Before(of.mark.AddDate(0, 1, 0)) {
					return []time.Time{s.mark, of.mark}
				}
				return []time.Time{s.mark}
			}
		}),
	},
	"sessions are not judged by marks": {
		"compares sessions with marks": with(byTime(markOfSubject)),
		"asks marks about any token": with(func(r *rules) {
			r.judged = func(q session.Query, mark time.Time) bool { return !q.Issued.After(mark) }
		}),
	},
	"a login at the same time as a logout is before it or after it": {
		"lists by marks": by(changed{
			list: func(ctx context.Context, s session.Store, subject string, now time.Time) ([]session.Record, error) {
				list, err := s.List(ctx, subject, now)
				mark := s.(*reference).subject(subject).mark
				return slices.DeleteFunc(list, func(r session.Record) bool { return !r.Start.After(mark) }), err
			},
		}),
	},
}

var wrongForAll = map[string]stores{
	"a logout of everyone ends all sessions of all subjects": {
		"lets all sessions go on": with(func(r *rules) {
			r.over = func(*reference, *subject, *entry, time.Time) bool { return false }
		}),
		"ends what began before everyone was logged out": with(byTime(markOfAll)),
	},
	"logouts of everyone at once count all": {
		"ends the sessions of everyone who is there": with(func(r *rules) { r.torn = "RevokeAll" }),
	},
	"a logout of everyone revokes the tokens of no session that were issued before": {
		"leaves no mark of all": func() session.Store {
			s := newReference()
			since := s.mark
			s.marks = func(_ *reference, of *subject, _ time.Time) []time.Time { return []time.Time{since, of.mark} }
			return s
		},
		"takes the mark of all for that of who has none": with(func(r *rules) {
			r.marks = func(s *reference, of *subject, _ time.Time) []time.Time {
				if of.mark.IsZero() {
					return []time.Time{s.mark}
				}
				return []time.Time{of.mark}
			}
		}),
	},
	"the mark of all moves only forward, and every logout of everyone counts": {
		"moves the mark of all back": with(func(r *rules) {
			r.later = func(_, next time.Time) time.Time { return next }
		}),
		"hears the first logout of everyone": by(changed{
			everyone: func(ctx context.Context, s session.Store, now time.Time) error {
				if all := s.(*reference); !now.After(all.mark) {
					return nil
				}
				return s.RevokeAll(ctx, now)
			},
		}),
	},
	"a login after a logout of everyone lives, whatever the clocks say": {
		"compares sessions with the mark of all": with(byTime(markOfAll)),
	},
	"a logout of everyone takes nothing back that was revoked": {
		"forgets what was revoked when all are logged out": by(changed{
			everyone: func(ctx context.Context, s session.Store, now time.Time) error {
				all := s.(*reference)
				all.mu.Lock()
				clear(all.tokens)
				all.mu.Unlock()
				return s.RevokeAll(ctx, now)
			},
		}),
		"forgets marks when all are logged out": by(changed{
			everyone: func(ctx context.Context, s session.Store, now time.Time) error {
				all := s.(*reference)
				all.mu.Lock()
				clear(all.of)
				all.mu.Unlock()
				return s.RevokeAll(ctx, now)
			},
		}),
	},
	"a logout of everyone is never forgotten": {
		"keeps the mark of all as long as the others": with(func(r *rules) {
			r.marks = func(s *reference, of *subject, now time.Time) []time.Time {
				if now.Before(s.mark.Add(session.MaxTokenLife)) {
					return []time.Time{s.mark, of.mark}
				}
				return []time.Time{of.mark}
			}
		}),
		"forgets that all sessions have ended": with(func(r *rules) {
			r.over = func(s *reference, _ *subject, e *entry, now time.Time) bool {
				return e.epoch != s.epoch && now.Before(s.mark.AddDate(0, 0, 90))
			}
		}),
	},
}

var wrongClocks = map[string]stores{
	"a logout by any clock ends what began by any clock, for all": {
		"ends what began before the logout": with(func(r *rules) {
			r.drop = func(sessions []*entry, now time.Time) []*entry {
				return slices.DeleteFunc(sessions, func(e *entry) bool { return !e.Start.After(now) })
			}
		}),
	},
	"a session that ended by any clock has ended for all": {
		"lets sessions end at their time": with(func(r *rules) {
			r.end = func(e session.Ending, known session.Record) (bool, session.Record) {
				ended := known.Live(e.Now)
				if ended {
					known.Expires = e.Now
				}
				return ended, known
			}
		}),
	},
	"a login after a logout lives, whatever the clocks say": {
		"compares logins with the logout": with(byTime(markOfSubject)),
	},
	"a token that is revoked by any clock is revoked for all": {
		"revokes from now on": func() session.Store {
			since := map[string]time.Time{}
			return changed{
				Store: newReference(),
				revoke: func(ctx context.Context, s session.Store, r session.Revocation) (bool, error) {
					since[r.Token] = r.Now
					return s.RevokeToken(ctx, r)
				},
				check: func(ctx context.Context, s session.Store, q session.Query) (session.Status, error) {
					status, err := s.Check(ctx, q)
					status.Revoked = status.Revoked && !q.Now.Before(since[q.Token])
					return status, err
				},
			}
		},
	},
	"while clocks and delays are less than the grace apart nobody is logged out": {
		"halves the grace": asked(
			func(r *session.Rotation, _ session.Record) { r.Grace /= 2 },
		),
		"replays what comes after the rotation alone": asked(
			func(r *session.Rotation, known session.Record) {
				if r.Now.Before(known.RotatedAt) {
					r.Grace = 0
				}
			},
		),
	},
	"when clocks are further apart a session may end, and nothing revoked is accepted": {
		"replays what comes from a clock behind": asked(trustClocks),
	},
}
