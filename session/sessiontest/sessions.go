package sessiontest

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/session"
)

var sessionCases = []testCase{
	{"a session that begins goes on", store.begins},
	{"a record comes back as it was entered", store.comesBack},
	{"instants are exact to the millisecond, up to the year 9999", store.instants},
	{"a session ends when it expires, and not before", store.expires},
	{"Check changes nothing", store.looks},
	{"a session that was entered before is left as it is", store.entersOnce},
	{"a session that ended a moment ago does not begin again", store.staysEnded},
	{"List returns what goes on, in the order in which it was entered", store.lists},
	{"a record is whole while it changes", store.whole},
}

func (s store) begins() {
	r := s.begin(0)
	s.wantLive(r)
	s.wantList(r)
	r = s.rotated(r)
	s.wantList(r)
	if got := s.check(session.Query{Issued: s.now}); got != (session.Status{}) {
		s.Fatalf("Check of a token of no session: %s, want neither, and no record", verdict(got))
	}
}

func (s store) comesBack() {
	words := strings.Repeat("read:orders write:orders ", 8192/25+1)
	var visible strings.Builder
	for c := byte(0x21); c < 0x7f; c++ {
		visible.WriteByte(c)
	}
	var all []session.Record
	for _, text := range []struct{ label, scope string }{
		{"", ""},
		{strings.Repeat("\U0001f600", 64), words[:8192-1] + "x"},
		{"it's \"mine\" \\ 100% _ ; -- /* ${x} {y} $1 ?1 :a @b \x60", visible.String()},
		{"\u00e9 e\u0301 \u00c9 \u00df \ufb03 \u0130 \u202e\u05d0\u200d", "a"},
		{" two  blanks, a\ttab and\r\nlines\n", "a A aa"},
		{"NULL", "null"},
		{"0012", "1e3"},
	} {
		r := s.record()
		r.Label, r.Scope = text.label, text.scope
		s.enter(r, 0)
		s.wantLive(r)
		all = append(all, r)
	}
	s.wantList(all...)
	for i := range all {
		all[i] = s.rotated(all[i])
	}
	s.wantList(all...)
}

// lastInstant is the last that a token can say.
var lastInstant = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)

func (s store) instants() {
	s.now = s.now.Truncate(time.Second)
	for _, place := range []*time.Location{time.UTC, time.FixedZone("", 14*3600), time.FixedZone("", -12*3600)} {
		for _, ms := range []int{0, 1, 10, 499, 500, 999} {
			at := s.at(time.Duration(ms) * time.Millisecond)
			at.now = at.now.In(place)
			r := at.record()
			at.enter(r, 0)
			at.wantLive(r)
			at = at.at(1001 * time.Millisecond)
			at.wantLive(at.rotated(r))
		}
	}
	r := s.record()
	r.Expires = lastInstant
	s.enter(r, 0)
	r = s.rotated(r)
	rotation := s.rotation(r)
	rotation.Expires = lastInstant.Add(-time.Millisecond)
	s.wantLive(s.rotate(r, rotation, session.Rotated))

	s.revoke(session.Revocation{Subject: s.subject, Token: "token", Call: key(), Now: s.now, Until: lastInstant}, true)
	s.wantRevoked("token", true)
	s.at(365*24*time.Hour).wantRevoked("token", true)
	s.wantIssued(lastInstant, false)
	s.logOut(lastInstant.Sub(s.now))
	s.wantIssued(s.now, true)
	s.wantIssued(lastInstant, false)
	s.at(365*24*time.Hour).wantIssued(s.now, true)
}

func (s store) expires() {
	r := s.begin(0)
	s.at(time.Hour - time.Millisecond).wantLive(r)
	s.at(time.Hour - time.Millisecond).wantList(r)

	longer := s.begin(0)
	rotation := s.rotation(longer)
	rotation.Expires = s.now.Add(2 * time.Hour)
	longer = s.rotate(longer, rotation, session.Rotated)
	rotation = s.rotation(longer)
	rotation.Expires = s.now.Add(time.Minute) // shortens nothing
	longer = s.rotate(longer, rotation, session.Rotated)

	s = s.at(time.Hour + time.Millisecond)
	s.wantList(longer)
	s.wantRefused(r)
	s.end(r, key(), false)
	s = s.at(time.Hour - 2*time.Millisecond)
	s.busy()
	s.wantLive(longer)
	s = s.at(2 * time.Millisecond)
	s.wantRefused(longer)
	s.wantList()
}

func (s store) looks() {
	r := s.rotated(s.begin(2))
	unknown, asked := key(), key()
	for range 3 {
		for _, now := range []store{s.at(-apart), s, s.at(apart)} {
			for _, record := range []bool{true, false} {
				now.check(session.Query{Session: r.Session, Token: asked, Issued: now.now, Record: record})
				now.check(session.Query{Session: unknown, Token: asked, Record: record})
				now.check(session.Query{Token: asked, Issued: now.now, Expires: now.now.Add(time.Hour), Record: record})
				now.another().check(session.Query{Session: r.Session, Token: asked, Record: record})
			}
			now.list()
		}
	}
	s.wantLive(r)
	s.wantList(r)
	s.wantRevoked(asked, false)
	s.revoke(s.revocation(asked, time.Hour), true)
	other := s.record()
	other.Session = unknown
	s.enter(other, 2)
	s.wantList(r, other)
	late := s.rotation(r)
	late.Presented = r.Previous
	s.rotate(r, late, session.Replayed)
}

func (s store) entersOnce() {
	a := s.begin(2)
	b := s.begin(2)
	s.enter(a, 2)
	s.wantList(a, b)
	otherwise := s.at(time.Second).record()
	otherwise.Session = a.Session
	s.enter(otherwise, 2)
	s.wantList(a, b)
	before := a
	a = s.rotated(a)
	s.enter(before, 2)
	s.wantLive(a)
	s.wantList(a, b)
	c := s.begin(2)
	s.wantList(b, c)
}

func (s store) staysEnded() {
	r := s.begin(0)
	s.end(r, key(), true)
	s.enter(r, 0)
	s.wantRefused(r)
	again := s.at(time.Second).record()
	again.Session = r.Session
	s.enter(again, 0)
	s.wantRefused(r)

	reused := s.begin(0)
	s.rotate(s.rotated(reused), s.at(grace).rotation(reused), session.Reused)
	s.enter(reused, 0)
	s.wantRefused(reused)
	s.wantList()
}

func (s store) lists() {
	var all []session.Record
	for i := range 6 { // each from a clock that is further behind
		all = append(all, s.at(-time.Duration(i)*time.Second).begin(0))
		s.wantList(all...)
	}
	s.another().begin(0)
	s.another().wantList()
	for _, i := range []int{3, 0} { // being used does not change the order
		all[i] = s.rotated(all[i])
		s.wantList(all...)
	}
	s.end(all[2], key(), true)
	s.wantList(all[0], all[1], all[3], all[4], all[5])
	short := s.record()
	short.Expires = s.now.Add(time.Minute)
	s.enter(short, 0)
	s.wantList(all[0], all[1], all[3], all[4], all[5], short)
	s.at(time.Minute+time.Millisecond).wantList(all[0], all[1], all[3], all[4], all[5])
}

// whole reads a record while it changes. Each of its states is known beforehand, and none comes back.
func (s store) whole() {
	states := []session.Record{s.begin(0)}
	var steps []session.Rotation
	for i := range 50 {
		at := s.at(time.Duration(i) * time.Millisecond)
		step := at.rotation(states[i])
		_, next := step.Apply(states[i], false)
		steps, states = append(steps, step), append(states, next)
	}
	var done atomic.Bool
	var wrong [8]error
	together(len(wrong), func(i int) {
		if i == 0 {
			defer done.Store(true)
			for _, step := range steps {
				if _, err := s.Rotate(s.Context(), step); err != nil {
					wrong[0] = err
				}
			}
			return
		}
		for seen := 0; !done.Load() && wrong[i] == nil; {
			seen, wrong[i] = s.read(states, seen)
		}
	})
	for _, err := range wrong {
		if err != nil {
			s.Fatalf("while a session is rotated: %v", err)
		}
	}
	s.wantLive(states[len(states)-1])
}

// read looks which of the states a record is in, in one of two ways.
func (s store) read(states []session.Record, seen int) (state int, err error) {
	r := states[0]
	q := session.Query{Subject: r.Subject, Session: r.Session, Token: "token", Now: s.now, Record: true}
	status, err := s.Check(s.Context(), q)
	if err != nil {
		return seen, err
	}
	list, err := s.List(s.Context(), r.Subject, s.now)
	if err != nil {
		return seen, err
	}
	for _, got := range append([]session.Record{status.Record}, list...) {
		for state = seen; state < len(states) && !same(states[state], got); {
			state++
		}
		if state == len(states) || len(list) != 1 {
			return seen, errors.New("Check or List returned no record that there was, or an older one than before")
		}
		seen = state
	}
	return seen, nil
}
