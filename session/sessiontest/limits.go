package sessiontest

import (
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/session"
)

var limitCases = []testCase{
	{"a login beyond the limit ends the session that was entered first", store.evicts},
	{"a limit goes by the order of entry and not by clocks", store.evictsByOrder},
	{"the login that comes from the clock furthest behind is not the one that ends", store.sparesTheNew},
	{"without a limit no session ends", store.unlimited},
	{"each login brings the limit of its own", store.limitsDiffer},
	{"a limit counts the sessions of one subject", store.limitsOne},
	{"what has ended or expired does not count", store.countsLive},
	{"an evicted session has ended", store.evicted},
	{"of many logins at once as many sessions remain as the limit says", store.loginsAtOnce},
	{"logins at once may have different limits", store.limitsAtOnce},
	{"a rotation does not bring back a session that is evicted at the same time", store.rotationBesideEviction},
}

func (s store) evicts() {
	for _, limit := range []int{1, 2, 3} {
		o := s.another()
		var all []session.Record
		for i := range 6 {
			all = append(all, o.at(time.Duration(i)*time.Second).begin(limit))
			first := max(0, len(all)-limit)
			o.wantEnded(all[:first]...)
			o.wantLive(all[first:]...)
			o.wantList(all[first:]...)
		}
	}
}

func (s store) evictsByOrder() {
	a := s.at(apart).begin(3)
	b := s.begin(3)
	c := s.at(-apart).begin(3)
	b = s.rotated(b)
	a = s.at(time.Minute).rotated(a) // who was seen last was entered first
	d := s.at(-apart).begin(3)
	s.wantList(b, c, d)
	s.wantRefused(a)
	e := s.at(apart).begin(3)
	s.wantList(c, d, e)
	f := s.at(-apart).begin(3)
	s.wantList(d, e, f)
}

func (s store) sparesTheNew() {
	for _, limit := range []int{1, 2} {
		o := s.another()
		var all []session.Record
		for i := range 4 {
			all = append(all, o.at(-time.Duration(i)*10*time.Minute).begin(limit))
			o.wantList(all[max(0, len(all)-limit):]...)
		}
	}
}

func (s store) unlimited() {
	var all []session.Record
	for range 40 {
		all = append(all, s.begin(0))
	}
	s.wantList(all...)
	all = append(all, s.begin(-1), s.begin(1000), s.begin(len(all)+3))
	s.wantList(all...)
}

func (s store) limitsDiffer() {
	var all []session.Record
	for _, step := range []struct{ limit, remain int }{
		{0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {3, 3}, {5, 4}, {0, 5}, {2, 2}, {4, 3}, {1, 1}, {0, 2}, {1, 1},
	} {
		all = append(all, s.begin(step.limit))
		all = all[len(all)-step.remain:]
		s.wantList(all...)
	}
}

func (s store) limitsOne() {
	a := s.begin(1)
	o := s.another()
	b, c := o.begin(1), o.another().begin(1)
	s.wantList(a)
	s.wantLive(a, b, c)
}

// What no longer counts was entered last, so that what counts it ends one that goes on.
func (s store) countsLive() {
	ends := map[string]func(o store, r session.Record) store{
		"ended": func(o store, r session.Record) store {
			o.end(r, key(), true)
			return o
		},
		"reused": func(o store, r session.Record) store {
			late := o.rotated(o.rotated(r))
			rotation := o.rotation(late)
			rotation.Presented = r.Current
			o.rotate(late, rotation, session.Reused)
			return o
		},
		"expired": func(o store, _ session.Record) store { return o.at(2 * time.Minute) },
	}
	for _, limit := range []int{2, 3} {
		for _, end := range ends {
			o := s.another()
			var live []session.Record
			for range limit - 1 {
				live = append(live, o.begin(0))
			}
			short := o.record()
			short.Expires = o.now.Add(time.Minute)
			o.enter(short, 0)
			o = end(o, short)
			live = append(live, o.begin(limit))
			o.wantList(live...)
			live = append(live[1:], o.begin(limit))
			o.wantList(live...)
		}
	}
	s.begin(0)
	s.logOut(time.Hour)
	a, b := s.begin(2), s.begin(2)
	s.wantList(a, b)
}

func (s store) evicted() {
	r := s.rotated(s.begin(1))
	next := s.begin(1)
	s.wantRefused(r)
	s.end(r, key(), false)
	s.wantList(next)
}

// loginsAtOnce come from clocks apart. Which of them were entered last only the store knows: it says so when it evicts
// them one after the other. But one that had returned before others were called was entered before those.
func (s store) loginsAtOnce() {
	for round := range s.rounds(20) {
		for _, limit := range []int{1, 3} {
			o := s.another()
			before := o.begin(0)
			var step atomic.Int64
			var called, returned [many]int64
			most := make(chan int, many)
			records := race(o, many, func(racer int) (session.Record, error) {
				r := o.at(skew(racer, time.Second)).record()
				called[racer] = step.Add(1)
				err := o.Begin(o.Context(), r, limit)
				returned[racer] = step.Add(1)
				if err != nil {
					return r, err
				}
				if racer%4 > 0 {
					return r, nil
				}
				seen, err := o.List(o.Context(), o.subject, o.now)
				most <- len(seen)
				return r, err
			})
			close(most)
			for n := range most {
				if n > limit {
					s.Fatalf("round %d: List during %d logins at once: %d sessions, want at most %d",
						round, many, n, limit)
				}
			}
			left := o.list()
			if len(left) != limit {
				s.Fatalf("round %d: List after %d logins at once: %d sessions, want %d", round, many, len(left), limit)
			}
			for i, r := range records {
				later := 0
				for j := range records {
					if called[j] > returned[i] {
						later++
					}
				}
				if later >= limit && listed(left, r) {
					s.Fatalf("round %d: of %d logins at once one goes on, and %d came after it; the limit is %d",
						round, many, later, limit)
				}
			}
			o.wantEnded(before)
			for range limit {
				left = append(left[1:], o.begin(limit))
				o.wantList(left...)
			}
			o.wantEnded(records[round%many])
		}
	}
}

func listed(list []session.Record, r session.Record) bool {
	for _, each := range list {
		if each.Session == r.Session {
			return true
		}
	}
	return false
}

func (s store) limitsAtOnce() {
	for round := range s.rounds(10) {
		o := s.another()
		race(o, some, func(racer int) (struct{}, error) {
			return struct{}{}, o.Begin(o.Context(), o.at(skew(racer, time.Second)).record(), 1+racer%2*2)
		})
		left := o.list()
		if len(left) < 1 || len(left) > 3 {
			s.Fatalf("round %d: List after %d logins at once with limits of 1 and 3: %d sessions, want 1 to 3",
				round, some, len(left))
		}
		left = append(left, o.begin(2))
		o.wantList(left[len(left)-2:]...)
	}
}

func (s store) rotationBesideEviction() {
	s.wantNoReturn(func(o store, _ session.Record) (err error) {
		return o.Begin(o.Context(), o.record(), 1)
	})
}
