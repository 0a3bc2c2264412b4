package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var markCases = []testCase{
	{"a logout of a subject ends all of its sessions", store.logsOut},
	{"a logout of a subject revokes its tokens of no session that were issued before", store.marks},
	{"a mark moves only forward", store.marksForward},
	{"a mark is kept until the latest instant", store.keepsMarks},
	{"a mark is kept for as long as a token of no session may live", store.keepsMarksLong},
	{"sessions are not judged by marks", store.marksNoSession},
	{"of many logouts at once the latest mark counts, and the latest instant", store.markRace},
	{"a rotation does not bring back a session whose subject is logged out at the same time", store.rotationAtLogout},
	{"a login at the same time as a logout is before it or after it", store.loginBesideLogout},
}

func (s store) logsOut() {
	a, b := s.begin(0), s.rotated(s.begin(0))
	theirs := s.another().begin(0)
	s.logOut(time.Hour)
	for _, r := range []session.Record{a, b} {
		s.wantRefused(r)
		s.end(r, key(), false)
	}
	s.wantList()
	s.wantLive(theirs)
	c := s.begin(0)
	s.wantList(c)
	s.logOut(time.Hour)
	s.wantRefused(c)
	s.another().logOut(time.Hour) // nobody
}

func (s store) marks() {
	other := s.another()
	s.logOut(time.Hour)
	for _, d := range []time.Duration{0, -time.Millisecond, -time.Second, -apart, -1000 * time.Hour} {
		s.wantIssued(s.now.Add(d), true)
	}
	for _, d := range []time.Duration{time.Millisecond, time.Second, time.Hour} {
		s.wantIssued(s.now.Add(d), false)
	}
	s.wantIssued(time.Time{}, true)
	for _, node := range []store{s.at(-apart), s.at(apart), s.at(time.Hour - time.Millisecond)} {
		node.wantIssued(s.now, true)
		node.wantIssued(s.now.Add(time.Millisecond), false)
	}
	other.wantIssued(s.now, false)
	other.wantIssued(s.now.Add(-time.Millisecond), false)
	s.wantEnded(s.record())
}

func (s store) marksForward() {
	s.logOut(time.Hour)
	s.at(-apart).logOut(time.Hour)
	s.wantIssued(s.now, true)
	s.wantIssued(s.now.Add(time.Millisecond), false)
	later := s.at(apart)
	later.logOut(time.Hour)
	s.logOut(time.Hour)
	s.wantIssued(later.now, true)
	s.wantIssued(later.now.Add(time.Millisecond), false)
}

func (s store) keepsMarks() {
	a, b := s.another(), s.another()
	a.logOut(3 * time.Hour)
	a.logOut(time.Hour)
	a.at(-apart).logOut(time.Minute)
	b.logOut(time.Hour)
	b.at(-apart).logOut(3*time.Hour + apart)
	b.logOut(time.Minute)
	for _, life := range []time.Duration{time.Minute, time.Hour, 3 * time.Hour} {
		late := s.at(life - time.Millisecond)
		late.busy()
		for _, o := range []store{a, b} {
			late.of(o.subject).wantIssued(s.now, true)
			late.of(o.subject).wantIssued(s.now.Add(time.Millisecond), false)
			r := late.of(o.subject).begin(1)
			late.end(r, key(), true)
		}
	}
}

func (s store) keepsMarksLong() {
	s.logOut(session.MaxTokenLife)
	late := s.at(session.MaxTokenLife - time.Millisecond)
	late.busy()
	late.wantIssued(s.now, true)
	late.wantIssued(s.now.Add(time.Millisecond), false)
}

func (s store) marksNoSession() {
	s.logOut(time.Hour)
	for _, clock := range []time.Duration{-apart, -time.Millisecond, 0, apart} {
		node := s.at(clock)
		r := node.begin(0)
		s.wantLive(r)
		for _, issued := range []time.Time{r.Start, r.Start.Add(-time.Hour), {}} {
			got := s.check(session.Query{Session: r.Session, Issued: issued, Expires: s.now.Add(time.Hour)})
			if got.Revoked || got.Ended {
				s.Fatalf("Check of a token issued at %s, whose session began after the logout at %s: %s, want neither",
					instant(issued), instant(s.now), verdict(got))
			}
		}
		r = node.rotated(r)
		s.end(r, key(), true)
	}
}

func (s store) markRace() {
	for range s.rounds(20) {
		o := s.another()
		r := o.begin(0)
		race(o, some, func(racer int) (struct{}, error) {
			now, minutes := o.at(skew(racer, time.Millisecond)).now, 1+(racer*7)%some
			until := o.now.Add(time.Duration(minutes) * time.Minute)
			return struct{}{}, o.RevokeSubject(o.Context(), o.subject, now, until)
		})
		o.wantRefused(r)
		last := o.now.Add(skew(some-2, time.Millisecond))
		late := o.at(some*time.Minute - time.Millisecond)
		late.wantIssued(last, true)
		late.wantIssued(last.Add(time.Millisecond), false)
		o.wantList(o.begin(0))
	}
}

func (s store) rotationAtLogout() {
	s.wantNoReturn(func(o store, _ session.Record) error {
		return o.RevokeSubject(o.Context(), o.subject, o.now, o.now.Add(time.Hour))
	})
}

// loginBesideLogout cannot know which of the logins were before the last logout. Those that are listed go on.
func (s store) loginBesideLogout() {
	for range s.rounds(20) {
		o := s.another()
		before := o.begin(0)
		records := race(o, some, func(racer int) (session.Record, error) {
			r := o.at(skew(racer, time.Second)).record()
			if racer%8 == 0 {
				return before, o.RevokeSubject(o.Context(), o.subject, o.now, o.now.Add(time.Hour))
			}
			return r, o.Begin(o.Context(), r, 0)
		})
		list := o.list()
		o.wantLive(list...)
		for _, r := range records {
			if !listed(list, r) {
				o.wantEnded(r)
			}
		}
		after := o.begin(0)
		o.wantList(append(list, after)...)
		o.logOut(time.Hour)
		o.wantEnded(append(records, before, after)...)
	}
}
