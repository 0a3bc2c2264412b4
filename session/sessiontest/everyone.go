package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

// ofEveryone are the cases that log everybody out.
var ofEveryone = []testCase{
	{"a logout of everyone ends all sessions of all subjects", store.endsAll},
	{"a logout of everyone revokes the tokens of no session that were issued before", store.marksAll},
	{"the mark of all moves only forward, and every logout of everyone counts", store.marksAllForward},
	{"a login after a logout of everyone lives, whatever the clocks say", store.beginsAfterAll},
	{"what a logout of everyone has ended does not count", store.countsNoneOfAll},
	{"a logout of everyone takes nothing back that was revoked", store.keepsRevoked},
	{"a rotation does not bring back a session when everyone is logged out at the same time", store.rotationBesideAll},
	{"logouts of everyone at once count all", store.allRace},
	{"a cancelled logout of everyone gives an error, or is carried out", store.cancelledAll},
	{"a logout of everyone is never forgotten", store.neverForgotten},
}

// everyone logs everyone out.
func (s store) everyone() {
	s.Helper()
	if err := s.RevokeAll(s.Context(), s.now); err != nil {
		s.Fatalf("RevokeAll: %v", err)
	}
}

func (s store) endsAll() {
	var all []session.Record
	for _, clock := range []time.Duration{0, -apart, apart, -time.Hour / 2, time.Hour} {
		o := s.another().at(clock)
		all = append(all, o.begin(0), o.rotated(o.begin(0)))
	}
	for _, node := range s.nodes() {
		r := s.begin(0)
		node.everyone()
		for _, r := range append(all, r) {
			o := s.of(r.Subject)
			o.wantRefused(r)
			o.end(r, key(), false)
			o.wantList()
		}
	}
}

func (s store) marksAll() {
	other := s.another()
	s.begin(0)
	s.everyone()
	for _, o := range []store{s, other, s.at(apart), s.at(-apart)} {
		for _, d := range []time.Duration{0, -time.Millisecond, -time.Hour, -1000 * time.Hour} {
			o.wantIssued(s.now.Add(d), true)
		}
		o.wantIssued(time.Time{}, true)
		o.wantIssued(s.now.Add(time.Millisecond), false)
		o.wantIssued(s.now.Add(time.Hour), false)
	}
	r := s.at(-apart).begin(0) // marks do not judge it
	if got := s.check(session.Query{Session: r.Session, Issued: r.Start}); got.Revoked || got.Ended {
		s.Fatalf("Check of a token issued at %s, of a session begun after everyone's logout at %s: %s, want neither",
			instant(r.Start), instant(s.now), verdict(got))
	}
	late := s.at(apart)
	late.logOut(time.Hour) // of the two marks the later counts
	s.wantIssued(late.now, true)
	other.wantIssued(late.now, false)
	other.logOut(time.Hour)
	late.at(time.Second).everyone()
	other.wantIssued(late.now, true)
}

func (s store) marksAllForward() {
	s.everyone()
	for _, behind := range []time.Duration{0, -time.Millisecond, -apart, -1000 * time.Hour} {
		r := s.begin(0)
		s.at(behind).everyone()
		s.wantRefused(r)
		s.wantIssued(s.now, true)
		s.wantIssued(s.now.Add(time.Millisecond), false)
	}
	later := s.at(apart)
	later.everyone()
	s.wantIssued(later.now, true)
	s.wantIssued(later.now.Add(time.Millisecond), false)
}

func (s store) beginsAfterAll() {
	for _, out := range s.nodes() {
		out.everyone()
		for _, in := range s.nodes() {
			o := in.another()
			r := o.begin(1)
			for _, node := range s.nodes() {
				node.wantLive(r)
				r = node.rotated(r)
				node.of(r.Subject).wantList(r)
			}
		}
	}
}

func (s store) countsNoneOfAll() {
	old := s.begin(0)
	s.begin(0)
	s.everyone()
	a, b := s.begin(2), s.begin(2)
	s.wantList(a, b)
	s.wantEnded(old)
	c := s.begin(2)
	s.wantList(b, c)
}

func (s store) keepsRevoked() {
	token := key()
	s.revoke(s.revocation(token, time.Hour), true)
	s.at(apart).logOut(time.Hour)
	s.everyone()
	s.wantIssued(s.at(apart).now, true)
	s.revoke(s.revocation(token, time.Hour), false)
	s.wantRevoked(token, true)
	r := s.begin(0)
	rotation := s.rotation(r)
	rotation.Token = token
	s.rotate(r, rotation, session.Revoked)
}

func (s store) rotationBesideAll() {
	s.wantNoReturn(func(o store, _ session.Record) error { return o.RevokeAll(o.Context(), o.now) })
}

// A login at the same time may be among those that end. What is listed goes on, and what was before does not.
func (s store) allRace() {
	for range s.rounds(10) {
		o := s.another()
		before := o.begin(0)
		race(o, some, func(racer int) (struct{}, error) {
			node := o.at(skew(racer, time.Millisecond))
			if racer%4 < 2 {
				return struct{}{}, o.Begin(o.Context(), node.record(), 0)
			}
			return struct{}{}, o.RevokeAll(o.Context(), node.now)
		})
		o.wantRefused(before)
		list := o.list()
		o.wantLive(list...)
		last := o.at(skew(some-2, time.Millisecond)).now
		o.wantIssued(last, true)
		o.wantIssued(last.Add(time.Millisecond), false)
		after := o.at(-apart).begin(0)
		o.wantList(append(list, after)...)
		s = s.at(time.Second)
	}
}

func (s store) cancelledAll() {
	r := s.begin(0)
	if err := s.RevokeAll(s.cancelledContext(), s.now); err == nil {
		s.wantEnded(r)
		s.wantIssued(s.now, true)
	}
	s.everyone()
	s.wantEnded(r)
	s.wantIssued(s.now, true)
	s.wantLive(s.begin(0))
}

func (s store) neverForgotten() {
	r := s.record()
	r.Expires = s.now.Add(10 * 365 * 24 * time.Hour) // of a manager whose sessions last longer
	s.enter(r, 0)
	s.everyone()
	for year := range 5 {
		late := s.at(time.Duration(year+1) * 365 * 24 * time.Hour)
		late.busy()
		late.wantRefused(r)
		late.wantList()
		late.wantIssued(s.now, true)
		late.another().wantIssued(s.now, true)
		late.wantIssued(s.now.Add(time.Millisecond), false)
	}
}
