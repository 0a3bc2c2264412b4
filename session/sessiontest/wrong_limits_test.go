package sessiontest_test

import (
	"context"
	"slices"
	"time"

	"github.com/go-jot/jot/session"
)

// limited is a store that takes another limit for the one that comes.
func limited(change func(limit int) int) func() session.Store {
	return with(func(r *rules) {
		r.evict = func(sessions []*entry, r session.Record, limit, epoch int) []*entry {
			if limit = change(limit); limit > 0 {
				return evictFirst(sessions, r, limit, epoch)
			}
			return sessions
		}
	})
}

// counting is a store that counts more sessions than those that go on.
func counting(counts func(e *entry, r session.Record, epoch int) bool) func() session.Store {
	return with(func(r *rules) {
		r.evict = func(sessions []*entry, r session.Record, limit, epoch int) []*entry {
			others := 0
			for _, e := range sessions {
				if counts(e, r, epoch) && !(e.Live(r.Start) && e.epoch == epoch) {
					others++
				}
			}
			return evictFirst(sessions, r, max(1, limit-others), epoch)
		}
	})
}

var wrongLimits = map[string]stores{
	"a login beyond the limit ends the session that was entered first": {
		"knows no limit":  limited(func(int) int { return 0 }),
		"allows one more": limited(func(n int) int { return n + 1 }),
		"allows one less": limited(func(n int) int { return max(1, n-1) }),
		"ends the last": with(func(r *rules) {
			r.evict = func(sessions []*entry, r session.Record, limit, epoch int) []*entry {
				sessions = slices.Clone(sessions)
				slices.Reverse(sessions)
				sessions = evictFirst(sessions, r, limit, epoch)
				slices.Reverse(sessions)
				return sessions
			}
		}),
	},
	"a limit goes by the order of entry and not by clocks": {
		"ends by the clock": with(func(r *rules) {
			r.evict = func(sessions []*entry, r session.Record, limit, epoch int) []*entry {
				sessions = slices.Clone(sessions)
				slices.SortStableFunc(sessions, func(a, b *entry) int { return a.Start.Compare(b.Start) })
				return evictFirst(sessions, r, limit, epoch)
			}
		}),
		"ends who was not seen for long": with(func(r *rules) {
			r.evict = func(sessions []*entry, r session.Record, limit, epoch int) []*entry {
				seen := func(e *entry) time.Time { return latest(e.Start, e.RotatedAt) }
				sessions = slices.Clone(sessions)
				slices.SortStableFunc(sessions, func(a, b *entry) int { return seen(a).Compare(seen(b)) })
				return evictFirst(sessions, r, limit, epoch)
			}
		}),
	},
	"the login that comes from the clock furthest behind is not the one that ends": {
		"ends the one that begins": endsTheNew,
	},
	"without a limit no session ends": {
		"has a limit of its own": by(changed{
			begin: func(ctx context.Context, s session.Store, r session.Record, limit int) error {
				if limit <= 0 {
					limit = 10
				}
				return s.Begin(ctx, r, limit)
			},
		}),
		"takes a negative limit for one": by(changed{
			begin: func(ctx context.Context, s session.Store, r session.Record, limit int) error {
				if limit < 0 {
					limit = 1
				}
				return s.Begin(ctx, r, limit)
			},
		}),
	},
	"each login brings the limit of its own": {
		"remembers the first limit": func() session.Store {
			first := 0
			return limited(func(n int) int {
				if first == 0 {
					first = n
				}
				return first
			})()
		},
	},
	"a limit counts the sessions of one subject": {
		"counts the sessions of all": func() session.Store {
			s := newReference()
			s.evict = func([]*entry, session.Record, int, int) []*entry {
				for _, of := range s.of {
					of.sessions = nil
				}
				return nil
			}
			return s
		},
	},
	"what has ended or expired does not count": {
		"counts what has expired": counting(
			func(e *entry, _ session.Record, epoch int) bool { return e.Current != "" && e.epoch == epoch },
		),
		"counts what has ended": counting(
			func(e *entry, _ session.Record, epoch int) bool { return e.Current == "" && e.epoch == epoch },
		),
	},
	"what a logout of everyone has ended does not count": {
		"counts what a logout of everyone has ended": counting(
			func(e *entry, _ session.Record, epoch int) bool { return e.epoch != epoch },
		),
	},
	"an evicted session has ended": {
		"hides the sessions beyond the limit": func() session.Store {
			most := 0
			s := newReference()
			s.evict = func(sessions []*entry, _ session.Record, limit, _ int) []*entry {
				most = limit
				return sessions
			}
			s.list = func(sessions []*entry) []*entry { return sessions[max(0, len(sessions)-most):] }
			return s
		},
	},
}

// endsTheNew takes the one that begins for the one that began first, if its clock is behind.
func endsTheNew() session.Store {
	return changed{
		Store: newReference(),
		begin: func(ctx context.Context, s session.Store, r session.Record, limit int) error {
			list, err := s.List(ctx, r.Subject, r.Start)
			if err != nil {
				return err
			}
			behind := func(other session.Record) bool { return !other.Start.After(r.Start) }
			if limit > 0 && len(list) >= limit && !slices.ContainsFunc(list, behind) {
				return nil
			}
			return s.Begin(ctx, r, limit)
		},
	}
}
