package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var endingCases = []testCase{
	{"a session ends once", store.endsOnce},
	{"what does not go on is not ended", store.endsNothing},
	{"what has expired by the clock of who ends it is ended for all, without a report", store.endsExpired},
	{"a session that was ended is over at once, also within the grace", store.endsAtOnce},
	{"of many that end a session one does", store.endRace},
	{"a rotation does not bring back a session that is ended at the same time", store.rotationBesideEnd},
}

func (s store) endsOnce() {
	r, other := s.begin(0), s.begin(0)
	theirs := s.another().begin(0)
	s.end(r, key(), true)
	s.end(r, key(), false)
	s.at(apart).end(r, key(), false)
	s.at(-apart).end(r, key(), false)
	s.at(time.Hour/2).end(r, key(), false)
	s.wantRefused(r)
	s.wantList(other)
	s.wantLive(other, theirs)
	s.rotated(other)
}

func (s store) endsNothing() {
	s.end(s.record(), key(), false)
	s.wantList()

	reused := s.rotated(s.begin(0))
	late := s.at(time.Minute)
	late.rotate(reused, late.earlier(reused), session.Reused)
	late.end(reused, key(), false)

	evicted := s.begin(0)
	s.begin(1)
	s.end(evicted, key(), false)

	expired := s.begin(0)
	s.at(time.Hour-time.Millisecond).end(expired, key(), true)
	expired = s.begin(0)
	s = s.at(time.Hour + time.Millisecond)
	s.end(expired, key(), false)

	loggedOut := s.begin(0)
	s.logOut(time.Hour)
	s.end(loggedOut, key(), false)
}

func (s store) endsExpired() {
	for _, ahead := range []time.Duration{time.Hour + time.Millisecond, 2 * time.Hour} {
		r := s.rotated(s.begin(0))
		late := s.at(ahead)
		call := key()
		late.end(r, call, false)
		late.end(r, call, false)
		for _, node := range s.nodes() {
			node.wantRefused(r)
			node.end(r, key(), false)
			node.wantList()
		}
	}
}

func (s store) endsAtOnce() {
	r := s.rotated(s.begin(0))
	s.end(r, key(), true)
	for _, node := range []store{s, s.at(time.Second), s.at(-apart), s.at(apart)} {
		node.rotate(session.Record{}, node.earlier(r), session.Unknown)
		node.wantRefused(r)
		node.wantList()
	}
}

func (s store) endRace() {
	for range s.rounds(50) {
		r := s.begin(0)
		ended := race(s, many, func(racer int) (bool, error) {
			return s.End(s.Context(), s.at(skew(racer, time.Millisecond)).ending(r, key()))
		})
		if n := count(ended, true); n != 1 {
			s.Fatalf("End, %d at once of one session: %d did it, want 1", many, n)
		}
		s.wantRefused(r)
	}
}

func (s store) rotationBesideEnd() {
	s.wantNoReturn(func(o store, r session.Record) error {
		ended, err := o.End(o.Context(), o.ending(r, key()))
		if err == nil && !ended {
			o.Errorf("End, while others rotate the session: false, want true")
		}
		return err
	})
}
