package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var tokenCases = []testCase{
	{"a revoked token is revoked, and no other", store.revokes},
	{"a token that is revoked leaves its session alone", store.revokesAlone},
	{"a token without an id is judged by its session, and by marks", store.nameless},
	{"the call that enters a revocation is the first, and no other", store.firstOnce},
	{"of several instants the latest counts", store.latestUntil},
	{"a revocation that is over is entered anew", store.anew},
	{"a token that nobody accepts any more may be revoked", store.passed},
	{"of many that revoke a token at once one is first, and the latest instant counts", store.revocationRace},
}

func (s store) revokes() {
	a, b := key(), key()
	s.wantRevoked(a, false)
	s.revoke(s.revocation(a, time.Hour), true)
	s.wantRevoked(a, true)
	s.wantRevoked(b, false)
	s.another().wantRevoked(a, false)
	s.revoke(s.revocation(b, time.Minute), true)
	for _, node := range []store{s.at(-apart), s, s.at(apart), s.at(time.Minute - time.Millisecond)} {
		node.wantRevoked(a, true)
		node.wantRevoked(b, true)
	}
	s = s.at(time.Hour - time.Millisecond)
	s.busy()
	s.wantRevoked(a, true)
}

func (s store) revokesAlone() {
	r := s.begin(0)
	token := key()
	s.revoke(s.revocation(token, time.Hour), true)
	s.wantLive(r)
	s.wantList(r)
	for _, record := range []bool{true, false} {
		got := s.check(session.Query{Session: r.Session, Token: token, Record: record})
		if !got.Revoked || got.Ended || record && !same(got.Record, r) {
			s.Fatalf("Check of a revoked token whose session goes on: %s, want Revoked alone (record asked for: %v)",
				verdict(got), record)
		}
	}
	s.end(r, key(), true)
	got := s.check(session.Query{Session: r.Session, Token: token, Record: true})
	if !got.Revoked || !got.Ended || got.Record != (session.Record{}) {
		s.Fatalf("Check of a revoked token whose session has ended: %s, want both, and no record", verdict(got))
	}
}

func (s store) nameless() {
	r := s.begin(0)
	ask := func(q session.Query) session.Status {
		s.Helper()
		q.Subject, q.Now = s.subject, s.now
		got, err := s.Check(s.Context(), q)
		if err != nil {
			s.Fatalf("Check of a token without an id: %v", err)
		}
		return got
	}
	ofNone, ofSession := session.Query{Issued: s.now}, session.Query{Session: r.Session}
	ofNobody := session.Query{Session: key()}
	s.revoke(s.revocation(key(), time.Hour), true)
	a, b, c := ask(ofNone), ask(ofSession), ask(ofNobody)
	if a.Revoked || b.Revoked || b.Ended || c.Revoked || !c.Ended {
		s.Fatalf("Check of tokens without an id: of no session %s, of one that goes on %s, of one that nobody began %s",
			verdict(a), verdict(b), verdict(c))
	}
	s.logOut(time.Hour)
	if a, b := ask(ofNone), ask(ofSession); !a.Revoked || b.Revoked || !b.Ended {
		s.Fatalf("Check of tokens without an id, after a logout, of no session: %s; of one that has ended: %s",
			verdict(a), verdict(b))
	}
}

func (s store) firstOnce() {
	token := key()
	s.revoke(s.revocation(token, time.Hour), true)
	for range 3 {
		s.revoke(s.revocation(token, time.Hour), false)
	}
	s.revoke(s.revocation(token, 2*time.Hour), false)
	s.revoke(s.revocation(token, time.Minute), false)
	s.at(-apart).revoke(s.revocation(token, time.Hour), false)
	s.revoke(s.revocation(key(), time.Hour), true)
	s = s.at(time.Hour)
	s.revoke(s.revocation(token, 2*time.Hour), false)
}

func (s store) latestUntil() {
	kept, longer, exact := key(), key(), key()
	s.revoke(s.revocation(kept, 2*time.Hour), true)
	s.revoke(s.revocation(kept, time.Minute), false)
	s.revoke(s.revocation(kept, -time.Minute), false)
	s.revoke(s.revocation(longer, time.Minute), true)
	s.revoke(s.revocation(longer, 2*time.Hour), false)
	s.revoke(s.revocation(longer, time.Minute), false)
	s.revoke(s.revocation(exact, 1501*time.Millisecond), true)

	s.at(1500*time.Millisecond).wantRevoked(exact, true)
	for _, d := range []time.Duration{time.Minute, time.Hour, 2*time.Hour - time.Millisecond} {
		late := s.at(d)
		late.busy()
		late.wantRevoked(kept, true)
		late.wantRevoked(longer, true)
	}
}

func (s store) anew() {
	token := key()
	for range 3 {
		s.revoke(s.revocation(token, time.Minute), true)
		s.revoke(s.revocation(token, time.Minute), false)
		s = s.at(2 * time.Minute)
	}
	s.busy()
	s.revoke(s.revocation(token, time.Hour), true)
	s = s.at(time.Hour - time.Millisecond)
	s.wantRevoked(token, true)
	s.revoke(s.revocation(token, time.Hour), false)
}

func (s store) passed() {
	other := key()
	s.revoke(s.revocation(other, time.Hour), true)
	token := key()
	if _, err := s.RevokeToken(s.Context(), s.revocation(token, -time.Minute)); err != nil {
		s.Fatalf("RevokeToken, until an instant that has passed: %v", err)
	}
	s.wantRevoked(other, true)
	s.revoke(s.revocation(token, time.Hour), true)
	s.wantRevoked(token, true)
}

func (s store) revocationRace() {
	for round := range s.rounds(50) {
		token := key()
		first := race(s, many, func(racer int) (bool, error) {
			life := time.Minute + time.Duration(racer)*time.Second
			if racer == round%many {
				life = 2 * time.Hour
			}
			return s.RevokeToken(s.Context(), s.revocation(token, life))
		})
		if n := count(first, true); n != 1 {
			s.Fatalf("RevokeToken, %d at once of one token: %d were first, want 1", many, n)
		}
		s.at(2*time.Hour-time.Millisecond).wantRevoked(token, true)
	}
}
