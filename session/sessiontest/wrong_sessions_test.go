package sessiontest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

var wrongSessions = map[string]stores{
	"a session that nobody began has ended": {
		"takes any session for one that goes on": with(func(r *rules) {
			r.status = func(_ session.Query, s session.Status) session.Status {
				return session.Status{Revoked: s.Revoked}
			}
		}),
	},
	"a new store refuses tokens of no session that are older": {
		"comes up empty, without a mark": func() session.Store {
			s := newReference()
			s.mark = time.Time{}
			s.judged = func(q session.Query, mark time.Time) bool { return !mark.IsZero() && honest().judged(q, mark) }
			return s
		},
	},
	"a store that begins with its process begins once": {
		"starts again and again": func() session.Store {
			return &starting{reference: newReference(), mark: -time.Millisecond, again: true}
		},
		"refuses what is issued when it begins": func() session.Store {
			return &starting{reference: newReference()}
		},
	},
	"a session that begins goes on": {
		"knows no session": with(func(r *rules) {
			r.status = func(q session.Query, s session.Status) session.Status {
				return session.Status{Revoked: s.Revoked, Ended: q.Session != ""}
			}
		}),
	},
	"a session that was ended is over at once, also within the grace": {
		"returns a record of a session that has ended": by(changed{
			check: func(ctx context.Context, s session.Store, q session.Query) (session.Status, error) {
				status, err := s.Check(ctx, q)
				if status.Ended {
					status.Record = session.Record{Subject: q.Subject, Session: q.Session}
				}
				return status, err
			},
		}),
	},
	"a record comes back as it was entered": {
		"drops the label": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				r.Label = ""
				return r
			}
		}),
		"cuts a label": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				r.Label = r.Label[:min(255, len(r.Label))]
				return r
			}
		}),
		"trims a label": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				r.Label = strings.TrimSpace(r.Label)
				return r
			}
		}),
		"cuts a scope": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				r.Scope = r.Scope[:min(8191, len(r.Scope))]
				return r
			}
		}),
	},
	"instants are exact to the millisecond, up to the year 9999": {
		"counts in seconds": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				r.Start, r.RotatedAt = r.Start.Truncate(time.Second), r.RotatedAt.Truncate(time.Second)
				return r
			}
		}),
		"ends with the 32 bits": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				if end := time.Unix(1<<31-1, 0); r.Expires.After(end) {
					r.Expires = end
				}
				return r
			}
		}),
		"forgets the place of an instant": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				y, month, d := r.Start.Date()
				h, minute, s := r.Start.Clock()
				r.Start = time.Date(y, month, d, h, minute, s, r.Start.Nanosecond(), time.UTC)
				return r
			}
		}),
	},
	"a session ends when it expires, and not before": {
		"keeps expired sessions": with(func(r *rules) {
			r.keep = func(r session.Record) session.Record {
				r.Expires = r.Expires.Add(time.Second)
				return r
			}
			r.status = func(_ session.Query, s session.Status) session.Status {
				if s.Record.Current != "" {
					s.Record.Expires = s.Record.Expires.Add(-time.Second)
				}
				return s
			}
		}),
	},
	"Check changes nothing": {
		"lets a token in once": by(changed{
			check: func(ctx context.Context, s session.Store, q session.Query) (session.Status, error) {
				status, err := s.Check(ctx, q)
				_, _ = s.RevokeToken(ctx, session.Revocation{
					Subject: q.Subject, Token: q.Token, Call: "a look", Now: q.Now, Until: q.Now.Add(time.Hour),
				})
				return status, err
			},
		}),
	},
	"a session that was entered before is left as it is": {
		"enters a session anew": with(func(r *rules) {
			r.again = func(known *entry, r session.Record) {
				if known.Current != "" {
					known.Record = r
				}
			}
		}),
	},
	"a session that ended a moment ago does not begin again": {
		"enters a session that has ended": with(func(r *rules) {
			r.again = func(known *entry, r session.Record) {
				if known.Current == "" {
					known.Record = r
				}
			}
		}),
	},
	"repeated: List returns what goes on, in the order in which it was entered": {
		"enters a session twice": func() session.Store {
			s := newReference()
			s.again = func(known *entry, _ session.Record) {
				of := s.subject(known.Subject)
				of.sessions = append(of.sessions, known)
			}
			return s
		},
	},
	"List returns what goes on, in the order in which it was entered": {
		"lists by the clock": with(func(r *rules) {
			r.list = func(sessions []*entry) []*entry {
				slices.SortStableFunc(sessions, func(a, b *entry) int { return a.Start.Compare(b.Start) })
				return sessions
			}
		}),
		"lists by name": with(func(r *rules) {
			r.list = func(sessions []*entry) []*entry {
				slices.SortFunc(sessions, func(a, b *entry) int { return cmp.Compare(a.Session, b.Session) })
				return sessions
			}
		}),
		"lists what has expired": by(changed{
			list: func(ctx context.Context, s session.Store, subject string, _ time.Time) ([]session.Record, error) {
				return s.List(ctx, subject, time.Time{})
			},
		}),
	},
	"what has expired makes room, and is not seen": {
		"is full of what has expired": func() session.Store {
			n := 0
			return changed{
				Store: newReference(),
				begin: func(ctx context.Context, s session.Store, r session.Record, limit int) error {
					if n++; n > 110 {
						return errors.New("full")
					}
					return s.Begin(ctx, r, limit)
				},
			}
		},
	},
}

var wrongKeys = map[string]stores{
	"sessions are named by opaque keys": {
		"ignores the case of sessions":  by(renamed(nil, strings.ToLower, nil, nil)),
		"trims sessions":                by(renamed(nil, strings.TrimSpace, nil, nil)),
		"finds sessions by a pattern":   with(matching(like)),
		"finds sessions by a beginning": with(matching(strings.HasPrefix)),
		"finds sessions by a beginning, the other way": with(matching(func(known, asked string) bool {
			return strings.HasPrefix(asked, known)
		})),
	},
	"tokens are named by opaque keys": {
		"cuts tokens":                  by(renamed(nil, nil, cut(32), nil)),
		"cuts the last byte of tokens": by(renamed(nil, nil, cut(63), nil)),
	},
	"subjects are named by opaque keys": {
		"ignores the case of subjects":  by(renamed(strings.ToLower, nil, nil, nil)),
		"ignores blanks after subjects": by(renamed(trimRight, nil, nil, nil)),
	},
	"calls are named by opaque keys": {
		"ignores the case of calls": by(renamed(nil, nil, nil, strings.ToLower)),
		"cuts calls":                by(renamed(nil, nil, nil, cut(16))),
	},
	"a session belongs to its subject": {
		"shares sessions": with(func(r *rules) {
			r.mixed, r.is = true, func(e *entry, _, id string) bool { return e.Session == id }
		}),
	},
	"a revoked token belongs to its subject": {
		"shares tokens": with(func(r *rules) {
			r.token = func(_, token string) string { return token }
		}),
	},
	"one key may name many things": {
		"takes tokens for sessions": by(changed{
			revoke: func(ctx context.Context, s session.Store, r session.Revocation) (bool, error) {
				_, _ = s.End(ctx, session.Ending{Subject: r.Subject, Session: r.Token, Call: r.Call, Now: r.Now})
				return s.RevokeToken(ctx, r)
			},
		}),
	},
	"keys do not run into each other": {
		"joins subject and session": with(func(r *rules) {
			r.mixed = true
			r.is = func(e *entry, subject, id string) bool { return e.Subject+":"+e.Session == subject+":"+id }
		}),
		"joins subject and token": with(func(r *rules) {
			r.token = func(subject, token string) string { return subject + token }
		}),
	},
}

func cut(n int) func(string) string { return func(key string) string { return key[:min(n, len(key))] } }

func trimRight(key string) string { return strings.TrimRight(key, " ") }

func matching(match func(known, asked string) bool) func(r *rules) {
	return func(r *rules) {
		r.is = func(e *entry, subject, id string) bool { return e.Subject == subject && match(e.Session, id) }
	}
}

// like is SQL's, for patterns of one letter.
func like(known, asked string) bool {
	return known == asked || asked == "%" || asked == "_" && len(known) == 1
}
