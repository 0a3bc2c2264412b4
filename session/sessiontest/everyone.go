package sessiontest

import (
	"errors"
	"time"

	"github.com/go-jot/jot/session"
)

// everyoneTests log everyone out, so they come last.
var everyoneTests = []test{
	{"a logout of everyone ends all sessions, of all settings and for ever", (*suite).endsAll},
	{"a login after a logout of everyone lives, whatever the clocks say", (*suite).beginsAfterAll},
	{"a logout of everyone reaches tokens of no session, for ever", (*suite).marksAll},
	{"what everyone's logout ended does not count", (*suite).limitsAfterAll},
	{"a logout of everyone may come at any time", (*suite).raceEveryone},
}

func (s *suite) endsAll() {
	long := s.record()
	long.Expires = s.now.Add(10 * 365 * 24 * time.Hour) // of a manager whose sessions last longer
	s.enter(long, 0)
	other := s.of(key())
	begun := map[string]session.Record{}
	for _, login := range []time.Duration{-skew, 0, skew} {
		r := other.at(login).begin(0)
		begun[r.Session] = r
	}
	s.at(-skew).everyone()
	for _, later := range []time.Duration{-skew, 0, skew, time.Hour, 9 * 365 * 24 * time.Hour} {
		s.at(later).over(long)
		s.at(later).rotate(s.at(later).rotation(long, long.Current), session.Unknown)
		s.at(later).end(long, false)
		s.at(later).list()
	}
	for _, r := range begun {
		other.over(r)
	}
	other.list()
}

func (s *suite) beginsAfterAll() {
	s.everyone()
	var begun []session.Record
	for _, login := range []time.Duration{-skew, 0, skew} {
		r := s.at(login).begin(0)
		s.known(r)
		begun = append(begun, s.at(login).rotated(r))
	}
	s.list(begun...)
	s.at(-skew).everyone() // again, by another clock
	for _, r := range begun {
		s.over(r)
	}
}

func (s *suite) marksAll() {
	s.everyone()
	s.refused(s.now, true)
	s.refused(s.now.Add(time.Millisecond), false)
	s.at(-skew).everyone()
	s.refused(s.now, true)
	s.at(5*365*24*time.Hour).refused(s.now, true)
	s.at(5*365*24*time.Hour).refused(s.now.Add(time.Hour), false)
	s.of(key()).refused(s.now, true)
	s.logout(s.now.Add(time.Minute))
	s.at(time.Hour).refused(s.now, true)
}

func (s *suite) raceEveryone() {
	s.together(16, func(worker int) error {
		if worker == 0 {
			return errors.Join(s.RevokeAll(s.Context(), s.now), s.RevokeAll(s.Context(), s.now))
		}
		user := s.of(key())
		for range 20 {
			r := user.record()
			err := s.Begin(s.Context(), r, 1)
			_, unknown := s.Check(s.Context(), session.Query{Subject: user.subject, Session: r.Session, Token: "t", Now: s.now})
			_, unlisted := s.List(s.Context(), user.subject, s.now)
			_, failed := s.Rotate(s.Context(), user.rotation(r, r.Current))
			if err := errors.Join(err, unknown, unlisted, failed); err != nil {
				return err
			}
		}
		return nil
	})
	s.everyone()
	s.list()
}

func (s *suite) limitsAfterAll() {
	old := s.begin(2)
	s.everyone()
	a, b := s.begin(2), s.begin(2)
	s.list(a, b)
	s.over(old)
	c := s.begin(2)
	s.list(b, c)
}
