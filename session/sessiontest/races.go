package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var raceCases = []testCase{
	{"of many that present one token without a grace one rotates, and one is told of the reuse", store.raceStrict},
	{"of many that present one token within the grace all get one successor", store.raceGraceful},
	{"of many that present the token before, outside of the grace, one is told of the reuse", store.raceReuse},
	{"who revokes a token, and then finds its session as it was, does not see it rotated by it", store.revokedInTime},
	{"all methods at once get in nobody's way", store.allAtOnce},
}

// presentAtOnce lets all racers present a token, each by a clock of its own, and returns what they heard.
func (s store) presentAtOnce(r session.Record, presented string, grace, step time.Duration) []session.Result {
	s.Helper()
	return race(s, many, func(racer int) (session.Result, error) {
		rotation := s.at(skew(racer, step)).rotation(r)
		rotation.Presented, rotation.Grace = presented, grace
		return s.Rotate(s.Context(), rotation)
	})
}

// wantOutcomes wants these numbers of results, and the rest to be of one kind.
func (s store) wantOutcomes(results []session.Result, want map[session.Outcome]int, rest session.Outcome) {
	s.Helper()
	got := map[session.Outcome]int{}
	for _, r := range results {
		got[r.Outcome]++
	}
	missing := len(results)
	for outcome, n := range want {
		missing -= n
		if got[outcome] != n {
			s.Fatalf("Rotate, %d at once: outcomes %v; want %d %s", len(results), histogram(got), n, outcomes[outcome])
		}
	}
	if got[rest] != missing {
		s.Fatalf("Rotate, %d at once: outcomes %v; want %d %s", len(results), histogram(got), missing, outcomes[rest])
	}
}

func histogram(got map[session.Outcome]int) map[string]int {
	named := map[string]int{}
	for outcome, n := range got {
		named[outcomes[outcome]] = n
	}
	return named
}

func (s store) raceStrict() {
	for range s.rounds(100) {
		o := s.another()
		r := o.begin(10)
		results := o.presentAtOnce(r, r.Current, 0, time.Millisecond)
		want := map[session.Outcome]int{session.Rotated: 1, session.Reused: 1}
		if s.repeated && !contains(results, session.Rotated) {
			want[session.Rotated] = 0 // by the time it was repeated the session had ended
		}
		o.wantOutcomes(results, want, session.Unknown)
		o.wantEnded(r)
		for _, result := range results {
			if result.Outcome == session.Rotated {
				rotation := o.rotation(r)
				rotation.Presented = result.Current
				o.rotate(session.Record{}, rotation, session.Unknown)
			}
		}
	}
}

func contains(results []session.Result, outcome session.Outcome) bool {
	for _, r := range results {
		if r.Outcome == outcome {
			return true
		}
	}
	return false
}

func (s store) raceGraceful() {
	for range s.rounds(100) {
		o := s.another()
		r := o.begin(10)
		results := o.presentAtOnce(r, r.Current, grace, 100*time.Millisecond)
		o.wantOutcomes(results, map[session.Outcome]int{session.Rotated: 1}, session.Replayed)
		for racer, result := range results {
			if result.Current != results[0].Current || result.Scope != r.Scope {
				s.Fatalf("Rotate, %d at once: two got %+v and %+v, want one successor for all, with the scope %q",
					many, results[0], result, r.Scope)
			}
			if result.Outcome == session.Rotated {
				r.Previous, r.Current = r.Current, result.Current
				r.RotatedAt = o.at(skew(racer, 100*time.Millisecond)).now
			}
		}
		o.wantLive(r)
		o.wantList(r)
		o.rotated(r)
	}
}

func (s store) raceReuse() {
	for range s.rounds(20) {
		o := s.another()
		r := o.rotated(o.begin(10))
		results := o.at(time.Minute).presentAtOnce(r, r.Previous, grace, time.Millisecond)
		o.wantOutcomes(results, map[session.Outcome]int{session.Reused: 1}, session.Unknown)
		o.wantRefused(r)
	}
}

// revokedInTime lets one rotate, and others revoke the token presented and then look. A rotation that some of them have
// not seen by then comes after the revocation.
func (s store) revokedInTime() {
	for range s.rounds(50) {
		o := s.another()
		r := o.begin(0)
		rotation := o.rotation(r)
		before := race(o, some, func(racer int) (bool, error) {
			if racer == 0 {
				result, err := o.Rotate(o.Context(), rotation)
				return result.Outcome == session.Rotated, err
			}
			_, err := o.RevokeToken(o.Context(), o.revocation(rotation.Token, time.Hour))
			if err != nil {
				return false, err
			}
			status, err := o.Check(o.Context(), session.Query{
				Subject: r.Subject, Session: r.Session, Now: o.now, Record: true,
			})
			return status.Record.Current == r.Current, err
		})
		if rotated, unseen := before[0], count(before[1:], true); rotated && unseen > 0 {
			s.Fatalf("Rotate, and RevokeToken of the token presented by others at once: rotated, though %d of them "+
				"found the session as it was after the token had been revoked; want Revoked then", unseen)
		}
	}
}

// wantNoReturn ends a session while others rotate it. Afterwards it is over, whatever they were told.
func (s store) wantNoReturn(end func(o store, r session.Record) error) {
	s.Helper()
	for range s.rounds(50) {
		o := s.another()
		r := o.begin(0)
		results := race(o, some, func(racer int) (session.Result, error) {
			if racer == some/2 {
				return session.Result{}, end(o, r)
			}
			rotation := o.at(skew(racer, time.Millisecond)).rotation(r)
			return o.Rotate(o.Context(), rotation)
		})
		o.wantRefused(r)
		for _, result := range results {
			if result.Current != "" {
				r.Current = result.Current
			}
		}
		o.wantRefused(r)
	}
}

// allAtOnce wants no call to fail because of others. What it was, a logout ends afterwards.
func (s store) allAtOnce() {
	for range s.rounds(20) {
		subjects := []store{s.another(), s.another()}
		begun := []session.Record{subjects[0].begin(0), subjects[1].begin(0)}
		records := race(s, many, func(racer int) (session.Record, error) {
			o, r := subjects[racer%2].at(skew(racer, time.Second)), begun[racer%2]
			var err error
			switch racer / 2 % 8 {
			case 0:
				r = o.record()
				err = o.Begin(o.Context(), r, 1+racer/16)
			case 1:
				_, err = o.Rotate(o.Context(), o.rotation(r))
			case 2:
				_, err = o.End(o.Context(), o.ending(r, key()))
			case 3:
				_, err = o.RevokeToken(o.Context(), o.revocation("token", time.Hour))
			case 4:
				err = o.RevokeSubject(o.Context(), o.subject, o.now, o.now.Add(time.Hour))
			case 5:
				_, err = o.List(o.Context(), o.subject, o.now)
			default:
				_, err = o.Check(o.Context(), session.Query{
					Subject: r.Subject, Session: r.Session, Token: "token", Now: o.now, Record: racer%4 == 0,
				})
			}
			return r, err
		})
		for _, o := range subjects {
			o.wantRevoked("token", true)
			o.wantLive(o.list()...)
			o.logOut(time.Hour)
			o.wantList()
		}
		s.wantEnded(records...)
	}
}
