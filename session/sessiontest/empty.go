package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var emptyCases = []testCase{
	{"a session that nobody began has ended", store.unknown},
	{"a new store refuses tokens of no session that are older", store.older},
	{"a store that begins with its process begins once", store.startsOnce},
}

func (s store) unknown() {
	s.wantList()
	nobody := s.record()
	for range 2 { // looking for it does not make it
		s.wantRefused(nobody)
		s.end(nobody, key(), false)
	}
	r := s.begin(0)
	s.wantRefused(nobody)
	s.end(nobody, key(), false)
	s.wantLive(r)
	s.wantList(r)
}

// A store that lasts may have been made long ago, but not before the year 2000.
func (s store) older() {
	s.wantIssued(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), true)
	s.wantIssued(s.now, false)
	s.wantIssued(s.now.Add(time.Hour), false)
}

func (s store) startsOnce() {
	starter, ok := s.opened.(session.Starter)
	if !ok {
		s.Skip("the store is no session.Starter: it lasts longer than its process")
	}
	s.wantIssued(s.now.Add(-24*time.Hour), true)
	first := s.begun
	if s.check(session.Query{Issued: first.Add(-time.Millisecond)}).Revoked &&
		!s.check(session.Query{Issued: first.Add(time.Millisecond)}).Revoked { // it began when this case did
		s.wantIssued(first, false)
	}
	starter.Start(s.now.Add(time.Hour))
	s.wantIssued(s.now, false)
	r := s.begin(0)
	starter.Start(s.now.Add(time.Hour))
	s.wantLive(r)
	s.wantIssued(s.now, false)
}
