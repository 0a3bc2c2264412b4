// Package sessiontest proves a [session.Store] of your own: [Run] has a case for each sentence of package session that
// concerns a store, with clocks apart and with racers.
package sessiontest

import (
	"crypto/rand"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/go-jot/jot/session"
)

// Run proves that what open returns keeps the promises of [session.Store].
//
// open may return the same store each time, and one that holds other data: each case has subjects of its own. It must
// be a store for tests, which nobody else uses meanwhile: the last cases end all of its sessions, and some speak of
// times to come, so that the store may forget what will have expired by then.
//
// All cases run a second time with each call made twice and only the second answer heard, as by a driver that repeats
// what it sent. In memory both take seconds, in a database less than a minute; -short makes the races fewer. Run them
// with -race as well: some mistakes of a store in memory show there alone. A store that is a [session.Starter] is
// started, as jot.New does it.
func Run(t *testing.T, open func(t *testing.T) session.Store) {
	t.Helper()
	for _, cases := range [][]testCase{ofSubjects, ofEveryone} {
		for _, repeated := range []bool{false, true} {
			if repeated && t.Failed() {
				continue // it would tell nothing new
			}
			for _, c := range cases {
				name := c.name
				if repeated {
					name = "repeated: " + name
				}
				t.Run(name, func(t *testing.T) { c.run(newStore(t, open(t), repeated)) })
			}
		}
	}
}

// testCase has a sentence for its name.
type testCase struct {
	name string
	run  func(s store)
}

// ofSubjects are the cases that disturb nobody. RevokeAll ends the sessions of the others, so its cases come last.
var ofSubjects = slices.Concat(
	emptyCases, sessionCases, keyCases, limitCases, rotationCases, ruleCases, raceCases, scopeCases, endingCases,
	tokenCases, markCases, clockCases, repeatCases, expiryCases, contextCases,
)

// store is one case: the store, a subject of the case's own, and the clock of the node that calls.
type store struct {
	*testing.T
	session.Store

	opened   session.Store // the store as it was opened
	begun    time.Time     // when it was started, if it was not before
	subject  string
	now      time.Time
	repeated bool // each call is made twice
}

// newStore returns a case whose clock is later than the mark of all, by more than clocks are apart in any case.
func newStore(t *testing.T, opened session.Store, repeated bool) store {
	t.Helper()
	s := store{
		T: t, Store: opened, opened: opened, repeated: repeated,
		subject: key(), now: time.UnixMilli(time.Now().UnixMilli()),
	}
	s.begun = s.now
	if starter, ok := opened.(session.Starter); ok {
		starter.Start(s.begun)
	}
	if repeated {
		s.Store = twice{opened}
	}
	for range 24 * 60 {
		if !s.check(session.Query{Issued: s.now}).Revoked {
			return s.at(2 * apart)
		}
		s = s.at(time.Minute)
	}
	s.Fatalf("Check of a token of no session that nobody revoked, to be issued at %s: Revoked is true, want false",
		instant(s.now))
	return s
}

// at returns the same case on a node whose clock shows another time.
func (s store) at(d time.Duration) store {
	s.now = s.now.Add(d)
	return s
}

// of returns the same case for another subject.
func (s store) of(subject string) store {
	s.subject = subject
	return s
}

// another returns the same case for a subject that nobody knows.
func (s store) another() store { return s.of(key()) }

// key makes a key that nobody knows.
func key() string { return rand.Text() }

// rounds counts how often a race is run: n times, but fewer if a store is slow, so that no case takes long. A store
// with a method FewRounds is as another one that has all of them.
func (s store) rounds(n int) iter.Seq[int] {
	if s.repeated {
		n = n/5 + 1
	}
	if _, few := s.opened.(interface{ FewRounds() }); few || testing.Short() {
		n = n/5 + 1
	}
	return func(yield func(int) bool) {
		began := time.Now()
		for i := range n {
			if slow := time.Since(began) > time.Duration(n)*30*time.Millisecond; i > 0 && slow || !yield(i) {
				return
			}
		}
	}
}

const (
	// grace is that of a rotation, unless the case says otherwise.
	grace = 10 * time.Second
	// apart is how far clocks are from the right time where the case is about clocks.
	apart = 30 * time.Second
)
