package sessiontest_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/go-jot/jot/session"
)

// reference is a store of few words: one mutex, and nothing is ever cleared up. The wrong stores are made of it, by
// another rule for one thing.
type reference struct {
	rules

	mu     sync.Mutex
	of     map[string]*subject
	tokens map[string]revocation
	mark   time.Time // of all
	epoch  int
}

type subject struct {
	sessions    []*entry // in the order of entry
	mark, until time.Time
}

// entry is a session; one with another epoch than the store's has ended.
type entry struct {
	session.Record

	epoch int
}

type revocation struct {
	call  string
	until time.Time
}

// rules are what a store decides.
type rules struct {
	// keep is how a record is kept, and again what becomes of one that is entered again.
	keep  func(r session.Record) session.Record
	again func(known *entry, r session.Record)
	// evict returns the sessions that remain when r begins.
	evict func(sessions []*entry, r session.Record, limit, epoch int) []*entry
	// is says whether an entry is the one that is named, and token names what is revoked. mixed looks for the entry
	// among those of all.
	is    func(e *entry, subject, id string) bool
	mixed bool
	token func(subject, token string) string

	rotate func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record)
	end    func(e session.Ending, known session.Record) (bool, session.Record)
	revoke func(r session.Revocation, known revocation) (first bool, next revocation)

	// over says whether a session has ended with its subject's others, and drop which remain then.
	over func(s *reference, of *subject, e *entry, now time.Time) bool
	drop func(sessions []*entry, now time.Time) []*entry
	// later says what becomes of a mark, last until when it is kept, and judged whether it concerns a token.
	later, last func(known, next time.Time) time.Time
	judged      func(q session.Query, mark time.Time) bool
	// marks returns the marks of a subject and of all that are kept at an instant.
	marks func(s *reference, of *subject, now time.Time) []time.Time
	// status and list are what a caller hears.
	status func(q session.Query, s session.Status) session.Status
	list   func(sessions []*entry) []*entry

	// torn names a method that lets others in between what it reads and what it writes.
	torn string
}

func honest() rules {
	return rules{
		keep:  func(r session.Record) session.Record { return r },
		again: func(*entry, session.Record) {},
		evict: evictFirst,
		is:    func(e *entry, subject, id string) bool { return e.Subject == subject && e.Session == id },
		token: func(subject, token string) string { return subject + "\x00" + token },
		rotate: func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
			return r.Apply(known, revoked)
		},
		end: func(e session.Ending, known session.Record) (bool, session.Record) { return e.Apply(known) },
		revoke: func(r session.Revocation, known revocation) (bool, revocation) {
			if !r.Now.Before(known.until) {
				known = revocation{call: r.Call}
			}
			known.until = latest(known.until, r.Until)
			return known.call == r.Call, known
		},
		over:   func(s *reference, _ *subject, e *entry, _ time.Time) bool { return e.epoch != s.epoch },
		drop:   func([]*entry, time.Time) []*entry { return nil },
		later:  latest,
		last:   latest,
		judged: func(q session.Query, mark time.Time) bool { return q.Session == "" && !q.Issued.After(mark) },
		marks: func(s *reference, of *subject, now time.Time) []time.Time {
			if now.Before(of.until) {
				return []time.Time{s.mark, of.mark}
			}
			return []time.Time{s.mark}
		},
		status: func(_ session.Query, s session.Status) session.Status { return s },
		list:   func(sessions []*entry) []*entry { return sessions },
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// evictFirst forgets the sessions that were entered first, of those that go on.
func evictFirst(sessions []*entry, r session.Record, limit, epoch int) []*entry {
	goesOn := func(e *entry) bool { return e.epoch == epoch && e.Live(r.Start) }
	excess := 1 - limit
	for _, e := range sessions {
		if goesOn(e) {
			excess++
		}
	}
	return slices.DeleteFunc(sessions, func(e *entry) bool {
		if excess <= 0 || !goesOn(e) {
			return false
		}
		excess--
		return true
	})
}

func newReference() *reference {
	return &reference{rules: honest(), of: map[string]*subject{}, tokens: map[string]revocation{}, mark: time.Now()}
}

// between lets others in, if the method is torn.
func (s *reference) between(method string) {
	if s.torn == method {
		s.mu.Unlock()
		yield()
		s.mu.Lock()
	}
}

// yield lets others go on, for as long as a busy machine needs to get to them.
func yield() {
	for began := time.Now(); time.Since(began) < time.Millisecond; {
		runtime.Gosched()
	}
}

func (s *reference) subject(name string) *subject {
	if s.of[name] == nil {
		s.of[name] = &subject{}
	}
	return s.of[name]
}

// find returns the entry of a session, nil if there is none.
func (s *reference) find(name, id string) *entry {
	for _, e := range s.subject(name).sessions {
		if s.is(e, name, id) {
			return e
		}
	}
	if s.mixed {
		for _, of := range s.of {
			for _, e := range of.sessions {
				if s.is(e, name, id) {
					return e
				}
			}
		}
	}
	return nil
}

// known returns the record of a session, the zero Record if there is none that goes on.
func (s *reference) known(name, id string, now time.Time) (*entry, session.Record) {
	e := s.find(name, id)
	if e == nil || s.over(s, s.subject(name), e, now) {
		return nil, session.Record{}
	}
	return e, e.Record
}

func (s *reference) Begin(_ context.Context, r session.Record, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.find(r.Subject, r.Session); known != nil {
		s.again(known, r)
		return nil
	}
	of := s.subject(r.Subject)
	if limit > 0 {
		of.sessions = s.evict(of.sessions, r, limit, s.epoch)
	}
	s.between("Begin")
	of.sessions = append(of.sessions, &entry{s.keep(r), s.epoch})
	return nil
}

func (s *reference) Check(_ context.Context, q session.Query) (session.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.subject(q.Subject)
	status := session.Status{Revoked: q.Now.Before(s.tokens[s.token(q.Subject, q.Token)].until)}
	for _, mark := range s.marks(s, of, q.Now) {
		status.Revoked = status.Revoked || s.judged(q, mark)
	}
	_, known := s.known(q.Subject, q.Session, q.Now)
	status.Ended = q.Session != "" && !known.Live(q.Now)
	if q.Record && !status.Ended {
		status.Record = known
	}
	return s.status(q, status), nil
}

func (s *reference) Rotate(_ context.Context, r session.Rotation) (session.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.known(r.Subject, r.Session, r.Now)
	revoked := r.Now.Before(s.tokens[s.token(r.Subject, r.Token)].until)
	s.between("Rotate")
	result, next := s.rotate(r, known, revoked)
	if e == nil || next == known {
		return result, nil
	}
	if s.torn == "record" {
		e.Current = next.Current
		s.between("record")
	}
	e.Record = s.keep(next)
	if s.torn == "Rotate" { // it writes down what it has read, wherever that is now
		e.epoch = s.epoch
		if s.find(r.Subject, r.Session) == nil {
			s.subject(r.Subject).sessions = append(s.subject(r.Subject).sessions, e)
		}
	}
	return result, nil
}

func (s *reference) End(_ context.Context, e session.Ending) (ended bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, record := s.known(e.Subject, e.Session, e.Now)
	s.between("End")
	ended, next := s.end(e, record)
	if known != nil {
		known.Record = next
	}
	return ended, nil
}

func (s *reference) RevokeToken(_ context.Context, r session.Revocation) (first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.tokens[s.token(r.Subject, r.Token)]
	s.between("RevokeToken")
	first, next := s.revoke(r, known)
	s.tokens[s.token(r.Subject, r.Token)] = next
	return first, nil
}

func (s *reference) RevokeSubject(_ context.Context, name string, now, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.subject(name)
	mark, kept := of.mark, of.until
	s.between("RevokeSubject")
	of.sessions = s.drop(of.sessions, now)
	of.mark, of.until = s.later(mark, now), s.last(kept, until)
	return nil
}

func (s *reference) RevokeAll(_ context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	mark := s.mark
	s.between("RevokeAll")
	s.mark = s.later(mark, now)
	s.epoch++
	return nil
}

func (s *reference) List(_ context.Context, name string, now time.Time) ([]session.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []session.Record
	for _, e := range s.list(slices.Clone(s.subject(name).sessions)) {
		if _, known := s.known(e.Subject, e.Session, now); known.Live(now) {
			list = append(list, known)
		}
	}
	return list, nil
}
