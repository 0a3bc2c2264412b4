package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var tokenTests = []test{
	{"a revoked token is known, and no other", (*suite).revokes},
	{"the first to revoke a token is told so, and again when its call is repeated", (*suite).revokesFirst},
	{"the latest end of a revocation counts", (*suite).revokesLonger},
	{"a revocation that is over may be entered anew", (*suite).revokesAnew},
	{"a logout everywhere ends the sessions of one subject", (*suite).logsOut},
	{"a logout everywhere reaches any node, whatever the clocks say", (*suite).logsOutByAnyClock},
	{"a login after a logout everywhere lives, whatever the clocks say", (*suite).logsInAgain},
	{"a logout everywhere reaches tokens of no session that were issued before", (*suite).marks},
	{"a mark moves forward alone, and is kept until the latest end", (*suite).marksLast},
	{"a store that comes up empty takes nothing from before", (*suite).startsEmpty},
}

func (s *suite) revokes() {
	r := s.begin(0)
	token := "token"
	s.revoked(token, false)
	s.revoke(token, s.now.Add(time.Hour), true)
	s.revoked(token, true)
	s.revoked("token2", false)
	s.of(key()).revoked(token, false)
	s.known(r)
	got := s.check(session.Query{Session: r.Session, Token: token, Record: true})
	if !got.Revoked || got.Ended || !same(got.Record, r) {
		s.Fatalf("Check of a revoked token in a session that goes on: %+v", got)
	}
	nameless, err := s.Check(s.Context(), session.Query{Subject: s.subject, Session: r.Session, Now: s.now})
	if err != nil || nameless.Revoked || nameless.Ended {
		s.Fatalf("Check of a token without an id: %+v, %v", nameless, err)
	}
	got = s.check(session.Query{Token: token, Issued: s.now.Add(time.Hour)})
	if !got.Revoked || got.Ended {
		s.Fatalf("Check of a revoked token of no session: %+v", got)
	}
	// By no clock is it good again while it could be accepted.
	for _, apart := range []time.Duration{-skew, skew, time.Hour - time.Millisecond} {
		s.at(apart).revoked(token, true)
	}
}

func (s *suite) revokesFirst() {
	mine := session.Revocation{Subject: s.subject, Token: "t", Call: key(), Now: s.now, Until: s.now.Add(time.Hour)}
	other := mine
	other.Call = key()
	for i, tc := range []struct {
		r    session.Revocation
		want bool
	}{{mine, true}, {mine, true}, {other, false}, {other, false}, {mine, true}} {
		if first, err := s.RevokeToken(s.Context(), tc.r); err != nil || first != tc.want {
			s.Fatalf("RevokeToken, call %d: first = %v, %v; want %v", i, first, err, tc.want)
		}
	}
	s.of(key()).revoke("t", s.now.Add(time.Hour), true)
}

func (s *suite) revokesLonger() {
	s.revoke("t", s.now.Add(time.Hour), true)
	s.revoke("t", s.now.Add(time.Minute), false)
	s.revoke("t", s.now.Add(-time.Minute), false)
	s.at(time.Hour-time.Millisecond).revoked("t", true)
	s.revoke("t", s.now.Add(3*time.Hour), false)
	s.at(2*time.Hour).revoked("t", true)
	s.revoke("ever", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), true)
	s.at(50*365*24*time.Hour).revoked("ever", true)
	s.revoke("passed", s.now.Add(-time.Hour), true)
}

func (s *suite) revokesAnew() {
	for i := range 20 {
		token := string(rune('a' + i))
		s.revoke(token, s.now.Add(time.Minute), true)
		later := s.at(time.Minute + 2*time.Second) // a store may count in seconds
		later.revoked(token, false)
		later.revoke(token, later.now.Add(time.Hour), true)
		later.revoke(token, later.now.Add(time.Hour), false)
		later.revoked(token, true)
	}
}

func (s *suite) logsOut() {
	a, b := s.begin(0), s.rotated(s.begin(0))
	other := s.of(key())
	theirs := other.begin(0)
	s.logout(s.now.Add(time.Hour))
	for _, r := range []session.Record{a, b} {
		s.over(r)
		s.rotate(s.rotation(r, r.Current), session.Unknown)
		s.end(r, false)
	}
	s.rotate(s.rotation(b, b.Previous), session.Unknown)
	s.list()
	other.known(theirs)
	other.refused(s.now, false)
	s.of(key()).logout(s.now.Add(time.Hour)) // one that nobody has seen
}

func (s *suite) logsOutByAnyClock() {
	for _, apart := range []time.Duration{-skew, 0, skew} {
		for _, login := range []time.Duration{-skew, 0, skew} {
			user := s.of(key())
			r := user.at(login).begin(0)
			user.at(apart).logout(s.now.Add(time.Hour))
			for _, node := range []time.Duration{-skew, 0, skew} {
				user.at(node).over(r)
				user.at(node).rotate(user.at(node).rotation(r, r.Current), session.Unknown)
			}
		}
	}
}

func (s *suite) logsInAgain() {
	for _, apart := range []time.Duration{-skew, 0, skew} {
		user := s.of(key())
		old := user.begin(0)
		user.at(apart).logout(s.now.Add(time.Hour))
		for _, login := range []time.Duration{-skew, 0, skew} {
			r := user.at(login).begin(0)
			user.known(r)
			access := user.check(session.Query{Session: r.Session, Issued: r.Start, Expires: r.Expires})
			if access.Ended || access.Revoked {
				s.Fatalf("Check of an access token of a login after the logout: %+v", access)
			}
			r = user.at(login).rotated(r)
			user.known(r)
		}
		user.over(old)
	}
}

func (s *suite) marks() {
	s.refused(s.now, false)
	s.refused(s.now.Add(-time.Millisecond), false)
	s.logout(s.now.Add(time.Hour))
	s.refused(s.now, true)
	s.refused(s.now.Add(-time.Hour), true)
	s.refused(s.now.Add(time.Millisecond), false)
	s.refused(time.Time{}, true)
	s.of(key()).refused(s.now, false)
	if got := s.check(session.Query{Session: "none", Issued: s.now}); got.Revoked || !got.Ended {
		s.Fatalf("Check of a token whose session the store does not know: %+v; it has ended, and marks are not asked", got)
	}
}

func (s *suite) marksLast() {
	s.logout(s.now.Add(3 * time.Hour))
	s.at(-time.Minute).logout(s.now.Add(time.Hour))
	s.refused(s.now, true)
	s.at(time.Minute).logout(s.now.Add(time.Hour))
	s.refused(s.now.Add(time.Minute), true)
	s.refused(s.now.Add(time.Minute+time.Millisecond), false)
	late := s.at(3*time.Hour - time.Millisecond)
	late.begin(1)
	late.refused(s.now.Add(time.Minute), true)
	late.refused(s.now.Add(time.Hour), false)
}

func (s *suite) startsEmpty() {
	s.refused(s.now.Add(-365*24*time.Hour), true)
	s.refused(time.Time{}, true)
	s.over(s.record())
}
