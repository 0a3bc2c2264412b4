package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var rotationCases = []testCase{
	{"the current token is exchanged", store.exchanges},
	{"the token before it is replayed within the grace", store.replays},
	{"a replay does not make the grace longer", store.replaysInTime},
	{"the token before it is reused outside of the grace", store.reuses},
	{"the distance that equals the grace is outside of it", store.boundary},
	{"without a grace nothing is replayed", store.strict},
	{"a token that is two generations old is reused, also within the grace", store.grandparent},
	{"a token that the store does not know yet is no reuse", store.rewinds},
	{"a session that is over does not rotate", store.overIsUnknown},
	{"a token that was revoked does not rotate, and nothing changes", store.revokedRotates},
	{"reuse is told once", store.reusedOnce},
	{"a rotation makes a record last longer, and never shorter", store.prolongs},
}

func (s store) exchanges() {
	r := s.begin(0)
	for range 20 {
		s = s.at(time.Minute)
		r = s.rotated(r)
		s.wantList(r)
	}
	r = s.at(-apart).rotated(r)
	strict := s.rotation(r)
	strict.Grace = 0
	s.rotate(r, strict, session.Rotated)
}

// earlier presents the token before the current one.
func (s store) earlier(r session.Record) session.Rotation {
	rotation := s.rotation(r)
	rotation.Presented = r.Previous
	return rotation
}

func (s store) replays() {
	r := s.rotated(s.begin(0))
	for _, ms := range []int{0, 1, 500, 5000, 9999, -1, -500, -5000, -9999} {
		late := s.at(time.Duration(ms) * time.Millisecond)
		rotation := late.earlier(r)
		rotation.Expires = r.Expires.Add(time.Hour) // only another token makes it last longer
		late.rotate(r, rotation, session.Replayed)
		s.wantList(r)
	}
	short, long := s.at(500*time.Millisecond).earlier(r), s.at(40*time.Minute).earlier(r)
	short.Grace, long.Grace = 501*time.Millisecond, time.Hour // it is the caller's
	s.rotate(r, short, session.Replayed)
	s.rotate(r, long, session.Replayed)
	next := s.at(30 * time.Minute)
	next.rotated(r)
}

func (s store) replaysInTime() {
	r := s.rotated(s.begin(0))
	for i := range 10 {
		late := s.at(time.Duration(i) * time.Second)
		late.rotate(r, late.earlier(r), session.Replayed)
	}
	late := s.at(grace)
	late.rotate(r, late.earlier(r), session.Reused)
}

func (s store) reuses() {
	const beyond = grace + time.Millisecond
	for _, d := range []time.Duration{beyond, time.Minute, 59 * time.Minute, -beyond, -time.Minute} {
		r := s.rotated(s.begin(0))
		late := s.at(d)
		late.rotate(r, late.earlier(r), session.Reused)
		late.wantRefused(r)
		s.wantRefused(r)
		s.end(r, key(), false)
	}
	s.wantList()
}

func (s store) boundary() {
	const ms = time.Millisecond
	for _, d := range []struct{ within, outside time.Duration }{
		{0, ms},
		{0, -ms},
		{999 * ms, time.Second},
		{-999 * ms, -time.Second},
		{grace - ms, grace},
		{ms - grace, -grace},
	} {
		r := s.rotated(s.begin(0))
		within, outside := s.at(d.within), s.at(d.outside)
		inside := within.earlier(r)
		inside.Grace = d.outside.Abs()
		within.rotate(r, inside, session.Replayed)
		beyond := outside.earlier(r)
		beyond.Grace = d.outside.Abs()
		outside.rotate(r, beyond, session.Reused)
		outside.wantRefused(r)
	}
}

func (s store) strict() {
	for _, ms := range []int{0, 1, -1, -1000, 1000, -30_000, 30_000} {
		r := s.rotated(s.begin(0))
		late := s.at(time.Duration(ms) * time.Millisecond)
		rotation := late.earlier(r)
		rotation.Grace = 0
		late.rotate(r, rotation, session.Reused)
		late.wantRefused(r)
	}
}

func (s store) grandparent() {
	first := s.begin(0)
	r := s.rotated(s.rotated(first))
	s.rotate(r, s.earlier(r), session.Replayed)
	rotation := s.rotation(r)
	rotation.Presented = first.Current
	s.rotate(r, rotation, session.Reused)
	s.wantRefused(r)

	r = s.begin(0) // a token that never was one of its, of before the login
	rotation = s.rotation(r)
	rotation.Presented = first.Current
	s.rotate(r, rotation, session.Reused)
}

func (s store) rewinds() {
	for _, graceful := range []time.Duration{0, grace} {
		r := s.rotated(s.begin(0))
		s = s.at(time.Minute)
		rotation := s.rotation(r)
		rotation.Presented = s.token()
		rotation.Next = s.token()
		rotation.Grace = graceful
		rotation.Expires = r.Expires.Add(time.Minute)
		r = s.rotate(r, rotation, session.Rewound)
		s.rotate(r, s.earlier(r), session.Replayed)
		r = s.rotated(r)
		s.wantList(r)
		s.end(r, key(), true)
	}
}

func (s store) overIsUnknown() {
	nobody := s.record()
	s.wantRefused(nobody)
	expired := s.rotated(s.begin(0))
	late := s.at(time.Hour + time.Millisecond)
	late.wantRefused(expired)
	revived := late.rotation(expired)
	revived.Expires = late.now.Add(time.Hour)
	late.rotate(session.Record{}, revived, session.Unknown)

	token := key() // it is over, whether or not the token was revoked
	s.revoke(s.revocation(token, time.Hour), true)
	r := s.begin(0)
	s.end(r, key(), true)
	rotation := s.rotation(r)
	rotation.Token = token
	s.rotate(session.Record{}, rotation, session.Unknown)
}

func (s store) revokedRotates() {
	first := s.begin(0)
	r := s.rotated(first)
	token := key()
	s.revoke(s.revocation(token, 2*time.Minute), true)
	for _, presented := range []string{r.Current, r.Previous, "00000000-0000-7000-8000-000000000000", s.token()} {
		for _, at := range []store{s, s.at(time.Minute)} { // whatever it would be otherwise
			rotation := at.rotation(r)
			rotation.Presented, rotation.Token, rotation.Scope = presented, token, "read"
			rotation.Expires = r.Expires.Add(time.Hour)
			at.rotate(r, rotation, session.Revoked)
			s.wantList(r)
		}
	}
	repeated := s.rotation(r)
	r = s.rotate(r, repeated, session.Rotated)
	repeated.Token = token
	s.rotate(r, repeated, session.Revoked)
	r = s.rotated(r)
	late := s.at(2*time.Minute - time.Millisecond)
	rotation := late.rotation(r)
	rotation.Token = token
	late.rotate(r, rotation, session.Revoked)
}

func (s store) reusedOnce() {
	r := s.rotated(s.begin(0))
	s = s.at(time.Minute)
	thief := s.earlier(r)
	s.rotate(r, thief, session.Reused)
	for range 3 {
		s.rotate(session.Record{}, s.earlier(r), session.Unknown)
		s.rotate(session.Record{}, s.rotation(r), session.Unknown)
		s.end(r, key(), false)
	}
	s.wantList()
}

func (s store) prolongs() {
	r := s.begin(0)
	for _, life := range []time.Duration{2 * time.Hour, time.Minute, 90 * time.Minute, 3 * time.Hour, 0} {
		rotation := s.rotation(r)
		rotation.Expires = s.now.Add(life)
		r = s.rotate(r, rotation, session.Rotated)
	}
	late := s.at(3*time.Hour - time.Millisecond)
	late.wantLive(r)
	late.wantList(r)
	late.at(2 * time.Millisecond).wantEnded(r)
}
