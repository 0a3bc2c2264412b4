package sessiontest

import (
	"strconv"
	"time"

	"github.com/go-jot/jot/session"
)

var rotationTests = []test{
	{"the current token rotates", (*suite).rotates},
	{"a rotation prolongs the record and never shortens it", (*suite).prolongs},
	{"the token before is replayed in time, by any clock", (*suite).replays},
	{"the token before is reused later, by any clock", (*suite).reuses},
	{"without grace nothing is replayed, by any clock", (*suite).strict},
	{"a token before the one before is reused at any time", (*suite).grandparent},
	{"a token newer than the current one is no reuse", (*suite).rewinds},
	{"a token that was revoked does not rotate", (*suite).rotatesNoRevoked},
	{"what is not there does not rotate", (*suite).rotatesNothing},
	{"reuse is told once, and again to the call that found it", (*suite).tellsOnce},
	{"a rotation narrows for good", (*suite).narrows},
	{"nobody is logged out while clocks and delays stay below the grace", (*suite).promise},
}

func (s *suite) rotates() {
	r := s.begin(0)
	for range 5 {
		s = s.at(15 * time.Minute / 2)
		r = s.rotated(r)
		s.known(r)
	}
	behind := s.at(-skew)
	r = behind.rotated(r)
	s.known(r)
	behind.known(r)
}

func (s *suite) prolongs() {
	r := s.begin(0)
	rotation := s.rotation(r, r.Current)
	rotation.Expires = r.Expires.Add(time.Hour)
	s.rotate(rotation, session.Rotated)
	r.Previous, r.Current, r.RotatedAt, r.Expires = r.Current, rotation.Next, s.now, rotation.Expires
	s.at(90 * time.Minute).known(r)
	rotation = s.rotation(r, r.Current)
	rotation.Expires = s.now.Add(time.Minute)
	s.rotate(rotation, session.Rotated)
	r.Previous, r.Current = r.Current, rotation.Next
	s.at(90 * time.Minute).known(r)
}

func (s *suite) replays() {
	r := s.rotated(s.begin(0))
	for _, apart := range []time.Duration{
		0, time.Millisecond, -time.Millisecond, grace - time.Millisecond, time.Millisecond - grace,
	} {
		node := s.at(apart)
		if got := node.rotate(node.rotation(r, r.Previous), session.Replayed); got.Current != r.Current || got.Scope != r.Scope {
			s.Fatalf("Rotate of the token before, %v apart: %+v, want the successor %q", apart, got, r.Current)
		}
		s.known(r) // the window is not moved
	}
	next := s.at(time.Minute)
	next.known(next.rotated(r))
}

func (s *suite) reuses() {
	for _, apart := range []time.Duration{grace, -grace, skew, -skew, time.Hour / 2} {
		r := s.rotated(s.begin(0))
		node := s.at(apart)
		node.rotate(node.rotation(r, r.Previous), session.Reused)
		s.over(r)
		node.rotate(node.rotation(r, r.Previous), session.Unknown)
		node.rotate(node.rotation(r, r.Current), session.Unknown)
		s.rotate(s.rotation(r, r.Current), session.Unknown)
	}
	s.list()
}

func (s *suite) strict() {
	for _, apart := range []time.Duration{0, time.Millisecond, -time.Millisecond, skew, -skew} {
		r := s.rotated(s.begin(0))
		node := s.at(apart)
		rotation := node.rotation(r, r.Previous)
		rotation.Grace = 0
		node.rotate(rotation, session.Reused)
		s.over(r)
	}
}

func (s *suite) grandparent() {
	first := s.begin(0)
	r := s.rotated(s.rotated(first))
	s.known(r)
	s.rotate(s.rotation(r, first.Current), session.Reused)
	s.over(r)
	second := s.begin(0)
	s.rotate(s.rotation(second, "00000000-0000-7000-8000-000000000000"), session.Reused)
	s.over(second)
}

func (s *suite) rewinds() {
	r := s.rotated(s.begin(0))
	newer := s.uuid()
	rotation := s.rotation(r, newer)
	rotation.Scope = "a d"
	s.rotate(rotation, session.Rewound)
	r.Previous, r.Current, r.Scope = newer, rotation.Next, "a"
	s.known(r)
	s.known(s.rotated(r))
}

func (s *suite) rotatesNoRevoked() {
	r := s.begin(0)
	rotation := s.rotation(r, r.Current)
	s.revoke(rotation.Token, s.now.Add(time.Minute), true)
	s.rotate(rotation, session.Revoked)
	s.known(r)
	s.of(key()).revoke("token of another", s.now.Add(time.Minute), true)
	after := s.at(2 * time.Minute)
	after.known(after.rotated(r)) // the revocation is over
	s.end(r, true)
	s.rotate(s.rotation(r, r.Current), session.Unknown) // there is no session comes first
}

func (s *suite) rotatesNothing() {
	r := s.record()
	s.rotate(s.rotation(r, r.Current), session.Unknown)
	s.over(r)
	r = s.begin(0)
	late := s.at(time.Hour)
	late.rotate(late.rotation(r, r.Current), session.Unknown)
}

func (s *suite) tellsOnce() {
	r := s.rotated(s.begin(0))
	late := s.at(grace)
	found := late.rotation(r, r.Previous)
	late.rotate(found, session.Reused)
	late.rotate(found, session.Reused)
	late.rotate(late.rotation(r, r.Previous), session.Unknown)
	late.rotate(found, session.Reused)
	late.end(r, false)
	late.over(r)
	late.list()
	after := found
	after.Now = found.Now.Add(session.Echo)
	late.rotate(after, session.Unknown)
}

func (s *suite) narrows() {
	scopes := func(r session.Record, presented, ask string, outcome session.Outcome, want string) session.Record {
		s.Helper()
		rotation := s.rotation(r, presented)
		rotation.Scope = ask
		got := s.rotate(rotation, outcome)
		if got.Scope != want {
			s.Fatalf("Rotate of a session with the scope %q that asks %q: %q, want %q", r.Scope, ask, got.Scope, want)
		}
		if outcome != session.Replayed {
			r.Previous, r.Current, r.RotatedAt = presented, rotation.Next, s.now
		}
		r.Scope = want
		s.known(r)
		return r
	}
	r := s.begin(0) // a b c
	r = scopes(r, r.Current, "c b", session.Rotated, "c b")
	r = scopes(r, r.Previous, "a b c", session.Replayed, "b c")
	r = scopes(r, r.Previous, "b", session.Replayed, "b")
	r = scopes(r, r.Current, "a b c", session.Rotated, "b")
	r = scopes(r, r.Current, "b", session.Rotated, "b")
	r = scopes(r, r.Current, "bb", session.Rotated, "")
	scopes(r, r.Previous, "b", session.Replayed, "")
}

// Two tabs of one client refresh on two nodes, again and again.
func (s *suite) promise() {
	const apart, delay = 6 * time.Second, 3 * time.Second
	for i, clocks := range [][2]time.Duration{{0, apart}, {apart, 0}, {-apart / 2, apart / 2}, {0, 0}} {
		r := s.begin(1)
		for turn := range 6 {
			then := s.at(time.Duration(turn) * time.Minute)
			one, other := then.at(clocks[turn%2]), then.at(clocks[1-turn%2])
			presented := r.Current
			r = one.rotated(r)
			for _, late := range []time.Duration{0, delay} {
				tab := other.at(late)
				if got := tab.rotate(tab.rotation(r, presented), session.Replayed); got.Current != r.Current {
					s.Fatalf("clocks %s, turn %d: the tabs hold different tokens", strconv.Itoa(i), turn)
				}
			}
			other.known(r)
		}
	}
}
