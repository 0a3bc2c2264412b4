//go:build unix

package histories_test

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/go-jot/jot/session"
)

// state is what belongs to one subject, by the contract of package session. It is never changed: each step makes
// another one.
type state struct {
	sessions []session.Record // that go on, in the order of entry, and those that have expired by a clock
	ended    []echo           // by End, or by a rotation that was Reused, in that order
	gone     []string         // sessions that a limit or a logout has ended, or that may have been forgotten
	tokens   []session.Revocation
	mark     time.Time // of the subject or of all, whichever is later
	endings  int       // how many were in ended, whoever has been left out; no more than few and one
	waiting  []int     // glances that have begun, and whose answer has not been right yet, in order
	hash     uint64
}

// facts are what is known of a history before it is checked. They keep states equal that differ in nothing that anybody
// asks for.
type facts struct {
	again   map[string]bool     // sessions and calls that are in it more than once
	fastest map[*call]time.Time // what clocks may have shown when a call was carried out
	glances []*call
}

// glance is the beginning of a call or its end, which must have found at some time in between that nothing speaks
// against what it asks about. Calls that change nothing and take long could be anywhere among all others; so the
// checker has to look at two instants alone.
type glance struct {
	n    int // of the call
	over bool
}

func factsOf(history []operation) *facts {
	f := &facts{again: map[string]bool{}, fastest: map[*call]time.Time{}}
	seen := map[string]bool{}
	for _, o := range history {
		id := o.id()
		f.again[id] = seen[id]
		seen[id] = true
		for _, other := range history {
			if other.began <= o.over {
				f.fastest[o.call] = latest(f.fastest[o.call], other.now())
			}
		}
	}
	return f
}

// echo is what is left of a session that has ended, and whether it must be remembered.
type echo struct {
	session.Record

	must bool
}

// few is how many sessions of a subject there may be that have ended, so that it is remembered of each who did it.
const few = 4

// model is the specification for the checker. Where the contract leaves something open a step has several states.
func model(f *facts) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{(&state{}).sealed()} },
		Step: func(from, input, output any) (next []any) {
			for _, s := range from.(*state).step(f, input, output.(answer)) {
				next = append(next, s.settled(f).sealed())
			}
			return next
		},
		Equal: func(a, b any) bool { return a.(*state).equal(b.(*state)) },
		Hash:  func(s any) uint64 { return s.(*state).hash },
		DescribeOperation: func(input, output any) string {
			switch c := input.(type) {
			case *call:
				return c.String() + ": " + c.says(output.(answer))
			case glance:
				return fmt.Sprintf("over %t: %s: %s", c.over, f.glances[c.n], f.glances[c.n].says(output.(answer)))
			}
			return ""
		},
		DescribeState: func(s any) string { return s.(*state).String() },
	}
	return m.ToModel()
}

var seed = maphash.MakeSeed()

// sealed is the state with its hash: whoever has changed a copy is done.
func (s *state) sealed() *state {
	slices.Sort(s.gone)
	slices.SortFunc(s.tokens, func(a, b session.Revocation) int { return strings.Compare(a.Token, b.Token) })
	var h maphash.Hash
	h.SetSeed(seed)
	for _, r := range s.sessions {
		maphash.WriteComparable(&h, r)
	}
	for _, e := range s.ended {
		maphash.WriteComparable(&h, e)
	}
	for _, id := range s.gone {
		maphash.WriteComparable(&h, id)
	}
	for _, t := range s.tokens {
		maphash.WriteComparable(&h, t)
	}
	maphash.WriteComparable(&h, s.mark)
	maphash.WriteComparable(&h, s.endings)
	for _, n := range s.waiting {
		maphash.WriteComparable(&h, n)
	}
	s.hash = h.Sum64()
	return s
}

func (s *state) equal(other *state) bool {
	return s == other || s.hash == other.hash && s.mark.Equal(other.mark) && s.endings == other.endings &&
		slices.Equal(s.sessions, other.sessions) && slices.Equal(s.ended, other.ended) &&
		slices.Equal(s.gone, other.gone) && slices.Equal(s.tokens, other.tokens) &&
		slices.Equal(s.waiting, other.waiting)
}

func (s *state) clone() *state {
	return &state{
		sessions: slices.Clone(s.sessions), ended: slices.Clone(s.ended), gone: slices.Clone(s.gone),
		tokens: slices.Clone(s.tokens), mark: s.mark, endings: s.endings, waiting: slices.Clone(s.waiting),
	}
}

// settled is the state when the glances have ended their wait that may.
func (s *state) settled(f *facts) *state {
	s.waiting = slices.DeleteFunc(s.waiting, func(n int) bool {
		return s.check(f.glances[n].Query) == session.Status{}
	})
	return s
}

// step returns what may have become of the state when a call was answered so. There is none if it cannot have been.
func (s *state) step(f *facts, input any, a answer) (next []*state) {
	if g, ok := input.(glance); ok {
		return s.glance(g)
	}
	c := input.(*call)
	for _, s := range s.clone().memories(f, c) {
		next = append(next, s.after(f, c, a)...)
	}
	if a.Failed != "" { // it may never have been carried out
		next = append(next, s.clone())
	}
	return next
}

func (s *state) glance(g glance) []*state {
	s = s.clone()
	at, waits := slices.BinarySearch(s.waiting, g.n)
	if !g.over {
		s.waiting = slices.Insert(s.waiting, at, g.n)
		waits = false
	}
	return s.unless(waits)
}

// memories are the states that the store may be in: what has expired by another clock, and not yet by the caller's, may
// have been forgotten. It matters only where the call meets it.
func (s *state) memories(f *facts, c *call) []*state {
	states := []*state{s}
	fork := func(forget func(s *state)) {
		for _, s := range slices.Clone(states) {
			s = s.clone()
			forget(s)
			states = append(states, s)
		}
	}
	uncertain := func(until time.Time) bool { return c.now().Before(until) && !f.fastest[c].Before(until) }
	all := c.Method == begin || c.Method == list
	id := c.Query.Session + c.Rotation.Session + c.Ending.Session
	for _, r := range s.sessions {
		if uncertain(r.Expires) && (all || r.Session == id) {
			fork(func(s *state) { s.forget(f, func(other session.Record) bool { return other.Session == r.Session }) })
		}
	}
	token := c.Query.Token + c.Rotation.Token + c.Revocation.Token
	for _, t := range s.tokens {
		if uncertain(t.Until) && t.Token == token {
			fork(func(s *state) {
				s.tokens = slices.DeleteFunc(s.tokens, func(other session.Revocation) bool { return other == t })
			})
		}
	}
	return states
}

// forget lets sessions go, without a trace of who did it.
func (s *state) forget(f *facts, which func(r session.Record) bool) {
	for _, r := range s.sessions {
		if f.again[r.Session] && which(r) {
			s.gone = append(s.gone, r.Session)
		}
	}
	s.sessions = slices.DeleteFunc(s.sessions, which)
}

// after is what becomes of a state that is the caller's own.
func (s *state) after(f *facts, c *call, a answer) []*state {
	told := func(right bool) bool { return a.Failed != "" || right }
	switch c.Method {
	case begin:
		return s.begin(f, c.Record, c.Limit)
	case check:
		return s.unless(!told(s.check(c.Query) == a.Status))
	case list:
		return s.unless(!told(slices.Equal(s.list(c.Now), a.List)))
	case rotate:
		r := c.Rotation
		_, revoked := s.revocation(r.Token, r.Now)
		return s.change(f, r.Session, func(known session.Record) (session.Record, bool) {
			result, next := r.Apply(known, revoked)
			return next, told(result == a.Result)
		})
	case end:
		return s.change(f, c.Ending.Session, func(known session.Record) (session.Record, bool) {
			ended, next := c.Ending.Apply(known)
			return next, told(ended == a.Yes)
		})
	case revokeToken:
		return s.unless(!told(s.revoke(f, c.Revocation) == a.Yes))
	}
	s.logout(f, c.Now)
	return []*state{s}
}

func (s *state) unless(wrong bool) []*state {
	if wrong {
		return nil
	}
	return []*state{s}
}

func (s *state) begin(f *facts, r session.Record, limit int) (next []*state) {
	same := func(other session.Record) bool { return other.Session == r.Session }
	ended := slices.IndexFunc(s.ended, func(e echo) bool { return same(e.Record) })
	switch {
	case slices.ContainsFunc(s.sessions, same):
		return []*state{s}
	case ended >= 0 && s.ended[ended].must:
		return []*state{s}
	case ended >= 0, slices.Contains(s.gone, r.Session): // it may begin anew
		next = []*state{s.clone()}
		s.ended = slices.DeleteFunc(s.ended, func(e echo) bool { return same(e.Record) })
		s.gone = slices.DeleteFunc(s.gone, func(id string) bool { return id == r.Session })
	}
	var live []session.Record
	for _, other := range s.sessions {
		if other.Live(r.Start) {
			live = append(live, other)
		}
	}
	if excess := len(live) + 1 - limit; limit > 0 && excess > 0 {
		s.forget(f, func(other session.Record) bool { return slices.Contains(live[:excess], other) })
	}
	s.sessions = append(s.sessions, r)
	return append(next, s)
}

func (s *state) check(q session.Query) (status session.Status) {
	if q.Token != "" {
		_, status.Revoked = s.revocation(q.Token, q.Now)
	}
	if q.Session == "" {
		status.Revoked = status.Revoked || !q.Issued.After(s.mark)
		return status
	}
	known := s.find(q.Session)
	if status.Ended = !known.Live(q.Now); q.Record && !status.Ended {
		status.Record = known
	}
	return status
}

func (s *state) list(now time.Time) (list []session.Record) {
	for _, r := range s.sessions {
		if r.Live(now) {
			list = append(list, r)
		}
	}
	return list
}

// find returns the record of a session, the zero one if it is not known to go on.
func (s *state) find(id string) session.Record {
	for _, r := range s.sessions {
		if r.Session == id {
			return r
		}
	}
	return session.Record{}
}

// change applies a rule to a session, which says what becomes of it, and whether the caller can have been told so.
func (s *state) change(
	f *facts, id string, rule func(known session.Record) (next session.Record, told bool),
) (next []*state) {
	for i, e := range s.ended {
		if e.Session != id {
			continue
		}
		if _, told := rule(e.Record); told {
			return []*state{s}
		}
		if s.ended[i].must {
			return nil
		}
	}
	known := s.find(id)
	became, told := rule(known)
	switch i := slices.Index(s.sessions, known); {
	case !told:
		return nil
	case i < 0:
	case became.Current != "":
		s.sessions[i] = became
	default:
		s.sessions = slices.Delete(s.sessions, i, i+1)
		if s.endings = min(s.endings+1, few+1); s.endings > few { // which the latest are by whose clock is open
			s.hush()
		}
		if f.again[id] || f.again[became.Previous] {
			s.ended = append(s.ended, echo{became, s.endings <= few})
		}
	}
	return []*state{s}
}

// revocation returns that of a token, and whether it counts.
func (s *state) revocation(token string, now time.Time) (at int, counts bool) {
	at = slices.IndexFunc(s.tokens, func(t session.Revocation) bool { return t.Token == token })
	return at, at >= 0 && now.Before(s.tokens[at].Until)
}

func (s *state) revoke(f *facts, r session.Revocation) (first bool) {
	at, counts := s.revocation(r.Token, r.Now)
	if r.Now = (time.Time{}); !f.again[r.Call] { // nobody asks for them any more
		r.Call = "once"
	}
	switch {
	case at < 0:
		s.tokens = append(s.tokens, r)
		return true
	case counts:
		first = s.tokens[at].Call == r.Call && f.again[r.Call]
		s.tokens[at].Until = latest(s.tokens[at].Until, r.Until)
		return first
	}
	r.Until = latest(s.tokens[at].Until, r.Until)
	s.tokens[at] = r
	return true
}

func (s *state) logout(f *facts, now time.Time) {
	s.forget(f, func(session.Record) bool { return true })
	s.hush()
	s.mark = latest(s.mark, now)
}

// hush lets the store forget who has ended sessions.
func (s *state) hush() {
	for i := range s.ended {
		s.ended[i].must = false
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *state) String() string {
	text := ""
	for _, r := range s.sessions {
		text += show(r) + "; "
	}
	for _, e := range s.ended {
		text += fmt.Sprintf("session %q was ended by %s, %t; ", e.Session, e.Previous, e.must)
	}
	for _, t := range s.tokens {
		text += fmt.Sprintf("token %q was revoked by %s until %s; ", t.Token, t.Call, stamp(t.Until))
	}
	return text + "mark " + stamp(s.mark)
}
