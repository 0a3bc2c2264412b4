package simulation

import (
	"context"
	"slices"
	"time"

	"github.com/go-jot/jot/session"
)

// reference is a session.Store as plain as can be: what the contract says, and nothing for speed. Bugs are planted into
// it, and memstore is compared with it.
type reference struct {
	subjects map[string]*subject
	started  bool
	mark     time.Time // of all
	count    int       // how often everyone was logged out
	latest   time.Time // that any caller's clock has said
	forgets  func(until, now time.Time) bool
}

type subject struct {
	sessions    []counted // in the order of entry
	tokens      map[string]session.Revocation
	mark, until time.Time
}

// counted is a record, and the count at its beginning.
type counted struct {
	session.Record

	count int
}

func newReference() *reference {
	return &reference{
		subjects: map[string]*subject{},
		forgets:  func(until, now time.Time) bool { return !now.Before(until) },
	}
}

// Start implements [session.Starter].
func (s *reference) Start(now time.Time) {
	if !s.started {
		s.started, s.mark = true, now.Add(-time.Millisecond)
	}
}

// Len counts what has not expired by the latest clock.
func (s *reference) Len() (revoked, sessions int) {
	for name := range s.subjects {
		entry := s.subject(name, s.latest)
		revoked += len(entry.tokens)
		sessions += len(entry.sessions)
	}
	return revoked, sessions
}

// subject returns what is kept of a subject, without what has expired.
func (s *reference) subject(name string, now time.Time) *subject {
	s.latest = latest(s.latest, now)
	entry := s.subjects[name]
	if entry == nil {
		entry = &subject{tokens: map[string]session.Revocation{}}
		s.subjects[name] = entry
	}
	entry.sessions = slices.DeleteFunc(entry.sessions, func(r counted) bool {
		return s.forgets(r.Expires, now) || r.count != s.count
	})
	for key, t := range entry.tokens {
		if s.forgets(t.Until, now) {
			delete(entry.tokens, key)
		}
	}
	if s.forgets(entry.until, now) {
		entry.mark = time.Time{}
	}
	return entry
}

// find returns a session's record, the zero one if there is none, and how to change it.
func (e *subject) find(name string) (session.Record, func(session.Record)) {
	for i := range e.sessions {
		if e.sessions[i].Session == name {
			return e.sessions[i].Record, func(next session.Record) {
				if j := slices.IndexFunc(e.sessions, func(r counted) bool { return r.Session == name }); j >= 0 {
					e.sessions[j].Record = next
				}
			}
		}
	}
	return session.Record{}, func(session.Record) {}
}

// Begin implements [session.Store].
func (s *reference) Begin(_ context.Context, r session.Record, limit int) error {
	entry := s.subject(r.Subject, r.Start)
	if known, _ := entry.find(r.Session); known.Session != "" {
		return nil
	}
	entry.sessions = append(entry.sessions, counted{r, s.count})
	entry.evict(limit, func([]counted) int { return 0 })
	return nil
}

// evict ends sessions until no more than limit go on: the one that choose names.
func (e *subject) evict(limit int, choose func(alive []counted) int) {
	for limit > 0 {
		alive := slices.DeleteFunc(slices.Clone(e.sessions), func(r counted) bool { return r.Current == "" })
		if len(alive) <= limit {
			return
		}
		over := alive[choose(alive)].Session
		e.sessions = slices.DeleteFunc(e.sessions, func(r counted) bool { return r.Session == over })
	}
}

// Check implements [session.Store].
func (s *reference) Check(_ context.Context, q session.Query) (session.Status, error) {
	entry := s.subject(q.Subject, q.Now)
	_, revoked := entry.tokens[q.Token]
	status := session.Status{Revoked: revoked && q.Token != ""}
	if q.Session == "" {
		for _, mark := range []time.Time{s.mark, entry.mark} {
			status.Revoked = status.Revoked || !mark.IsZero() && !q.Issued.After(mark)
		}
		return status, nil
	}
	known, _ := entry.find(q.Session)
	if status.Ended = !known.Live(q.Now); !status.Ended && q.Record {
		status.Record = known
	}
	return status, nil
}

// Rotate implements [session.Store].
func (s *reference) Rotate(_ context.Context, r session.Rotation) (session.Result, error) {
	entry := s.subject(r.Subject, r.Now)
	known, put := entry.find(r.Session)
	_, revoked := entry.tokens[r.Token]
	result, next := r.Apply(known, revoked)
	put(next)
	return result, nil
}

// End implements [session.Store].
func (s *reference) End(_ context.Context, e session.Ending) (ended bool, err error) {
	known, put := s.subject(e.Subject, e.Now).find(e.Session)
	ended, next := e.Apply(known)
	put(next)
	return ended, nil
}

// RevokeToken implements [session.Store].
func (s *reference) RevokeToken(_ context.Context, r session.Revocation) (first bool, err error) {
	entry := s.subject(r.Subject, r.Now)
	known, found := entry.tokens[r.Token]
	if found {
		known.Until = latest(known.Until, r.Until)
		entry.tokens[r.Token] = known
		return known.Call == r.Call, nil
	}
	entry.tokens[r.Token] = r
	return true, nil
}

// RevokeSubject implements [session.Store].
func (s *reference) RevokeSubject(_ context.Context, name string, now, until time.Time) error {
	entry := s.subject(name, now)
	entry.sessions = nil
	entry.mark, entry.until = latest(entry.mark, now), latest(entry.until, until)
	return nil
}

// RevokeAll implements [session.Store].
func (s *reference) RevokeAll(_ context.Context, now time.Time) error {
	s.count++
	s.mark, s.started = latest(s.mark, now), true
	return nil
}

// List implements [session.Store].
func (s *reference) List(_ context.Context, name string, now time.Time) (list []session.Record, err error) {
	for _, r := range s.subject(name, now).sessions {
		if r.Live(now) {
			list = append(list, r.Record)
		}
	}
	return list, nil
}
