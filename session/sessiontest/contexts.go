package sessiontest

import (
	"context"
	"time"

	"github.com/go-jot/jot/session"
)

var contextCases = []testCase{
	{"a cancelled context gives an error or the right answer", store.cancelled},
	{"calls that are cancelled on their way leave nothing behind that is wrong", store.cancelledMidway},
}

// cancelled makes each call with a context that is over. If it fails it may have been carried out or not, which is
// found out by repeating it.
func (s store) cancelled() {
	ctx := s.cancelledContext()
	r := s.rotated(s.begin(0))
	s.cancelledReads(r)

	rotation := s.rotation(r)
	got, err := s.Rotate(ctx, rotation)
	if err == nil && (got.Outcome != session.Rotated || got.Current != rotation.Next) {
		s.Fatalf("Rotate of the current token with a cancelled context: %s, without an error; want Rotated to Next",
			outcomes[got.Outcome])
	}
	known := s.check(session.Query{Session: r.Session, Record: true}).Record
	if known.Current != rotation.Next && (err == nil || known.Current != r.Current) {
		s.Fatalf("Check, after Rotate with a cancelled context and the error %v: Current is %s",
			err, short(known.Current))
	}
	r = s.rotate(known, rotation, session.Rotated)

	revocation := s.revocation(key(), time.Hour)
	first, err := s.RevokeToken(ctx, revocation)
	if err == nil {
		s.wantAnswer("RevokeToken", first)
		s.wantRevoked(revocation.Token, true)
	}
	s.revoke(revocation, true)

	call := key()
	ended, err := s.End(ctx, s.ending(r, call))
	if err == nil {
		s.wantAnswer("End", ended)
		s.wantEnded(r)
	}
	s.end(r, call, true)

	r = s.record()
	if err := s.Begin(ctx, r, 1); err == nil {
		s.wantList(r)
	}
	s.enter(r, 1)
	s.wantList(r)

	if err := s.RevokeSubject(ctx, s.subject, s.now, s.now.Add(time.Hour)); err == nil {
		s.wantEnded(r)
		s.wantIssued(s.now, true)
	}
	s.logOut(time.Hour)
	s.wantEnded(r)
}

func (s store) cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	return ctx
}

func (s store) wantAnswer(method string, got bool) {
	s.Helper()
	if !got {
		s.Fatalf("%s with a cancelled context: false, without an error; want true", method)
	}
}

func (s store) cancelledReads(r session.Record) {
	s.Helper()
	ctx := s.cancelledContext()
	token := key()
	s.revoke(s.revocation(token, time.Hour), true)
	for _, q := range []session.Query{
		{Token: token, Issued: s.now},
		{Token: token, Session: r.Session},
		{Token: key(), Session: key()},
		{Token: key(), Session: r.Session, Record: true},
	} {
		q.Subject, q.Now = s.subject, s.now
		want, err := s.Check(s.Context(), q)
		if err != nil {
			s.Fatalf("Check: %v", err)
		}
		got, err := s.Check(ctx, q)
		if err == nil && (got.Revoked != want.Revoked || got.Ended != want.Ended || !same(got.Record, want.Record)) {
			s.Fatalf("Check with a cancelled context: %s, without an error; want %s", verdict(got), verdict(want))
		}
	}
	list, err := s.List(ctx, s.subject, s.now)
	if d := listDifferences(list, []session.Record{r}); err == nil && d != "" {
		s.Fatalf("List with a cancelled context: %s, without an error", d)
	}
}

// cancelledMidway cancels calls while they are made, and then repeats them.
func (s store) cancelledMidway() {
	for round := range s.rounds(20) {
		o := s.another()
		r, over := o.begin(0), o.begin(0)
		rotations := make([]session.Rotation, some)
		ends := make([]session.Ending, some)
		for i := range some {
			rotations[i] = o.rotation(r)
			ends[i] = o.ending(over, key())
		}
		ctx, cancel := context.WithCancel(o.Context())
		if round == 0 { // all of them
			cancel()
		}
		together(some, func(racer int) {
			if racer == round%some {
				cancel()
			}
			_, _ = o.Rotate(ctx, rotations[racer])
			_, _ = o.End(ctx, ends[racer])
		})
		cancel()
		results := race(o, some, func(racer int) (session.Result, error) {
			return o.Rotate(o.Context(), rotations[racer])
		})
		o.wantOutcomes(results, map[session.Outcome]int{session.Rotated: 1}, session.Replayed)
		ended := race(o, some, func(racer int) (bool, error) { return o.End(o.Context(), ends[racer]) })
		if n := count(ended, true); n != 1 {
			s.Fatalf("End, %d at once, after they were cancelled on their way: %d did it, want 1", some, n)
		}
		o.wantEnded(over)
		r.Previous, r.Current, r.RotatedAt = r.Current, results[0].Current, o.now
		o.wantList(r)
		o.rotated(r)
	}
}
