package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var repeatCases = []testCase{
	{"an end that is repeated a moment later hears the same answer", store.endRepeated},
	{"a rotation that is repeated a moment later hears the same answer", store.rotationRepeated},
	{"reuse is told again to the call that met it, for a moment", store.reuseRepeated},
	{"a revocation that is repeated a moment later hears the same answer", store.revocationRepeated},
	{"a login that is repeated a moment later changes nothing", store.loginRepeated},
	{"many calls that are each repeated at once are each heard once", store.repeatedAtOnce},
}

// moments are when a call may be repeated: by the driver of the node that made it, so it has the same clock reading,
// or one of a little later.
func (s store) moments() []store {
	return []store{s, s.at(time.Millisecond), s.at(time.Second), s.at(session.Echo - time.Millisecond)}
}

func (s store) endRepeated() {
	r := s.begin(0)
	call := key()
	s.end(r, call, true)
	for _, moment := range s.moments() {
		moment.end(r, call, true)
		moment.end(r, key(), false)
		moment.end(r, call, true)
		moment.wantRefused(r)
	}
}

func (s store) rotationRepeated() {
	r := s.begin(0)
	rotation := s.rotation(r)
	rotation.Scope = "read write"
	strict := rotation
	strict.Grace = 0
	r = s.rotate(r, rotation, session.Rotated)
	for _, moment := range s.moments() {
		rotation.Now, strict.Now = moment.now, moment.now
		moment.rotate(r, rotation, session.Rotated)
		moment.rotate(r, strict, session.Rotated)
	}
	replay := s.earlier(r)
	replay.Scope = "write"
	r = s.rotate(r, replay, session.Replayed)
	s.rotate(r, replay, session.Replayed)
	s.rotate(r, rotation, session.Rotated) // with what the replay has left
	s.wantList(r)
	s.rotated(r)
}

func (s store) reuseRepeated() {
	r := s.rotated(s.begin(0))
	s = s.at(time.Minute)
	reuse := s.earlier(r)
	ended := s.rotate(r, reuse, session.Reused)
	for _, moment := range s.moments() {
		reuse.Now = moment.now
		moment.rotate(ended, reuse, session.Reused)
		moment.rotate(ended, moment.earlier(r), session.Unknown)
		moment.end(r, reuse.Presented, false)
	}
	over := s.at(session.Echo + time.Millisecond)
	reuse.Now = over.now
	over.rotate(ended, reuse, session.Unknown)
}

func (s store) revocationRepeated() {
	revocation := s.revocation(key(), time.Hour)
	s.revoke(revocation, true)
	for _, moment := range s.moments() {
		revocation.Now = moment.now
		s.revoke(revocation, true)
		s.revoke(s.revocation(revocation.Token, 2*time.Hour), false)
		s.revoke(revocation, true)
	}
	s.at(2*time.Hour-time.Millisecond).wantRevoked(revocation.Token, true)
}

func (s store) loginRepeated() {
	a := s.begin(2)
	s.enter(a, 2)
	b := s.begin(2)
	for range 3 {
		s.enter(a, 2)
		s.wantList(a, b)
		s.enter(b, 2)
		s.wantList(a, b)
	}
	c := s.begin(2)
	s.enter(c, 2)
	s.wantList(b, c)
}

// repeatedAtOnce makes each of many calls twice at the same time.
func (s store) repeatedAtOnce() {
	for range s.rounds(20) {
		o := s.another()
		r := o.begin(0)
		o.twinRotations(r, grace, 2, 0)
		o.twinEnds(r)
		o.twinRevocations()
		o.twinLogins()
		strict := o.begin(0)
		o.twinRotations(strict, 0, 1, 2)
		o.wantRefused(strict)
	}
}

// twinRotations wants so many to be Rotated at least and Reused exactly, all of each kind the same call.
func (s store) twinRotations(r session.Record, grace time.Duration, rotated, reused int) {
	s.Helper()
	calls := make([]session.Rotation, some/2)
	for i := range calls {
		calls[i] = s.rotation(r)
		calls[i].Grace = grace
	}
	got := race(s, some, func(racer int) (session.Result, error) { return s.Rotate(s.Context(), calls[racer/2]) })
	heard := map[session.Outcome]map[string]int{session.Rotated: {}, session.Reused: {}}
	for racer, result := range got {
		if heard[result.Outcome] != nil {
			heard[result.Outcome][calls[racer/2].Next]++
		}
		if result.Outcome == session.Rotated && result.Current != calls[racer/2].Next {
			s.Fatalf("Rotate, each call twice at once: Rotated, but another token is the current one")
		}
	}
	if s.repeated && reused > 0 {
		rotated = 0 // by the time it was repeated the session had ended
	}
	won, lost := heard[session.Rotated], heard[session.Reused]
	if !byOne(won, rotated, 2) || !byOne(lost, reused, reused) {
		s.Fatalf("Rotate, %d calls each twice at once: Rotated, by call, %v; want one call, %d to 2 times; "+
			"Reused %v; want one call, %d times", len(calls), won, rotated, lost, reused)
	}
}

// byOne reports whether all that was heard was heard by one call, so many times.
func byOne(heard map[string]int, least, most int) bool {
	total := 0
	for _, n := range heard {
		total += n
	}
	return len(heard) <= 1 && least <= total && total <= most
}

func (s store) twinEnds(r session.Record) {
	s.Helper()
	calls := make([]string, some/2)
	for i := range calls {
		calls[i] = key()
	}
	got := race(s, some, func(racer int) (bool, error) {
		return s.End(s.Context(), s.ending(r, calls[racer/2]))
	})
	s.wantTwins("End", got)
	s.wantRefused(r)
}

func (s store) twinRevocations() {
	s.Helper()
	token := key()
	calls := make([]session.Revocation, some/2)
	for i := range calls {
		calls[i] = s.revocation(token, time.Hour)
	}
	got := race(s, some, func(racer int) (bool, error) { return s.RevokeToken(s.Context(), calls[racer/2]) })
	s.wantTwins("RevokeToken", got)
	s.wantRevoked(token, true)
}

func (s store) wantTwins(method string, got []bool) {
	s.Helper()
	for i := 0; i < len(got); i += 2 {
		if got[i] != got[i+1] {
			s.Fatalf("%s, a call twice at once: one heard %v, the other %v", method, got[i], got[i+1])
		}
	}
	if n := count(got, true); n != 2 {
		s.Fatalf("%s, %d calls each twice at once: %d heard true, want one call's 2", method, len(got)/2, n)
	}
}

func (s store) twinLogins() {
	s.Helper()
	records := make([]session.Record, some/2)
	for i := range records {
		records[i] = s.record()
	}
	race(s, some, func(racer int) (struct{}, error) { return struct{}{}, s.Begin(s.Context(), records[racer/2], 0) })
	list := s.list()
	if len(list) != len(records) {
		s.Fatalf("List, after %d logins each twice at once: %d sessions", len(records), len(list))
	}
	for _, r := range records {
		if !listed(list, r) {
			s.Fatalf("List, after %d logins each twice at once: not all of them", len(records))
		}
	}
	s.wantLive(list...)
}
