//go:build unix

package histories_test

import (
	"hash/maphash"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/go-jot/jot/session"
)

// state is all that a store has to know of one subject. It is never changed: each step makes another one.
type state struct {
	// sessions are those that go on, in the order of entry, and then those of which it is remembered who ended them.
	sessions []session.Record
	tokens   []revoked // by name
	mark     time.Time
}

type revoked struct {
	token, call string
	until       time.Time
}

func (s state) equal(other state) bool {
	return s.mark.Equal(other.mark) && slices.Equal(s.sessions, other.sessions) && slices.Equal(s.tokens, other.tokens)
}

var seed = maphash.MakeSeed()

func (s state) hash() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, r := range s.sessions {
		maphash.WriteComparable(&h, r)
	}
	for _, r := range s.tokens {
		maphash.WriteComparable(&h, r)
	}
	maphash.WriteComparable(&h, s.mark)
	return h.Sum64()
}

// find returns where a session is, and its record: -1 and the zero Record for one that is not known.
func (s state) find(id string) (at int, known session.Record) {
	at = slices.IndexFunc(s.sessions, func(r session.Record) bool { return r.Session == id })
	if at >= 0 {
		known = s.sessions[at]
	}
	return at, known
}

// token returns where what is revoked is, or would be.
func (s state) token(name string, now time.Time) (at int, found, counts bool) {
	at, found = slices.BinarySearchFunc(s.tokens, name, func(r revoked, name string) int {
		return strings.Compare(r.token, name)
	})
	return at, found, found && now.Before(s.tokens[at].until)
}

// with returns the state with another record of a session that it knows.
func (s state) with(at int, next session.Record) state {
	s.sessions = slices.Clone(s.sessions)
	s.sessions[at] = next
	slices.SortStableFunc(s.sessions, func(a, b session.Record) int {
		switch { // in which order sessions have ended is of no account
		case a.Current == "" && b.Current == "":
			return strings.Compare(a.Session, b.Session)
		case a.Current == "":
			return 1
		case b.Current == "":
			return -1
		}
		return 0
	})
	return s
}

// apply is the sequential specification of a store: what is answered, and what is so afterwards.
func (s state) apply(o *operation) (a answer, next state) {
	switch {
	case o.Begin != nil:
		return answer{}, s.begin(o.Begin.Record, o.Begin.Limit)
	case o.Check != nil:
		return answer{Status: s.check(*o.Check)}, s
	case o.Rotate != nil:
		at, known := s.find(o.Rotate.Session)
		_, _, counts := s.token(o.Rotate.Token, o.Rotate.Now)
		result, record := o.Rotate.Apply(known, counts)
		if record != known {
			s = s.with(at, record)
		}
		return answer{Result: result}, s
	case o.End != nil:
		at, known := s.find(o.End.Session)
		ended, record := o.End.Apply(known)
		if record != known {
			s = s.with(at, record)
		}
		return answer{Yes: ended}, s
	case o.RevokeToken != nil:
		return s.revoke(*o.RevokeToken)
	}
	if o.RevokeSubject.Now.After(s.mark) {
		s.mark = o.RevokeSubject.Now
	}
	s.sessions = slices.DeleteFunc(slices.Clone(s.sessions), func(r session.Record) bool { return r.Current != "" })
	return answer{}, s
}

func (s state) begin(r session.Record, limit int) state {
	if at, _ := s.find(r.Session); at >= 0 {
		return s
	}
	excess := 1 - limit
	for _, known := range s.sessions {
		if known.Current != "" {
			excess++
		}
	}
	if limit <= 0 {
		excess = 0
	}
	s.sessions = slices.DeleteFunc(slices.Clone(s.sessions), func(known session.Record) bool {
		if known.Current == "" || excess <= 0 {
			return false
		}
		excess--
		return true
	})
	s.sessions = append(s.sessions, r)
	return s.with(len(s.sessions)-1, r)
}

func (s state) check(q session.Query) (status session.Status) {
	_, _, status.Revoked = s.token(q.Token, q.Now)
	if q.Session == "" {
		status.Revoked = status.Revoked || !s.mark.IsZero() && !q.Issued.After(s.mark)
		return status
	}
	_, known := s.find(q.Session)
	status.Ended = !known.Live(q.Now)
	if q.Record && !status.Ended {
		status.Record = known
	}
	return status
}

func (s state) revoke(r session.Revocation) (answer, state) {
	at, found, counts := s.token(r.Token, r.Now)
	next := revoked{r.Token, r.Call, r.Until}
	if !found {
		s.tokens = slices.Insert(slices.Clone(s.tokens), at, next)
		return answer{Yes: true}, s
	}
	if known := s.tokens[at]; counts {
		next.call = known.call
		if known.until.After(next.until) {
			next.until = known.until
		}
	}
	s.tokens = slices.Clone(s.tokens)
	s.tokens[at] = next
	return answer{Yes: next.call == r.Call}, s
}

// model is the specification for the checker. A call that failed was carried out or not.
var model = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(known, input, _ any) []any {
		s, o := known.(state), input.(*operation)
		a, next := s.apply(o)
		switch {
		case o.Error != "":
			return []any{s, next}
		case a != o.Answer:
			return nil
		}
		return []any{next}
	},
	Equal: func(a, b any) bool { return a.(state).equal(b.(state)) },
	Hash:  func(s any) uint64 { return s.(state).hash() },
}).ToModel()

// judge says whether there is an order of a history in which each call is one step, between its invocation and its
// return, and all answers are those of the specification. A call that failed may be carried out at any later time.
func judge(h history, patience time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model, h.operations(), patience)
}

func (h history) operations() (list []porcupine.Operation) {
	for _, o := range h {
		returned := o.Returned
		if o.Error != "" {
			if o.Check != nil {
				continue // it says nothing, and changes nothing
			}
			returned = math.MaxInt64
		}
		list = append(list, porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Invoked, Return: returned})
	}
	return list
}

// shrink returns the beginning of a history that is wrong, up to the answer that makes it so, without the look-ups that
// are right anyway. A call that has not returned until then is one that failed.
func (h history) shrink() history {
	wrong := func(h history) bool { return judge(h, time.Second) == porcupine.Illegal }
	returns := make([]int64, 0, len(h))
	for _, o := range h {
		returns = append(returns, o.Returned)
	}
	slices.Sort(returns)
	last := sort.Search(len(returns)-1, func(i int) bool { return wrong(h.until(returns[i])) })
	h = h.until(returns[last])
	for i, o := range slices.Backward(h) {
		if less := slices.Delete(slices.Clone(h), i, i+1); o.Check != nil && wrong(less) {
			h = less
		}
	}
	return h
}

// until returns what was known of a history at an instant.
func (h history) until(instant int64) (known history) {
	for _, o := range h {
		if o.Invoked > instant {
			continue
		}
		if o.Returned > instant {
			under := *o
			under.Answer, under.Error = answer{}, "under way"
			o = &under
		}
		known = append(known, o)
	}
	return known
}
