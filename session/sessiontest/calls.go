package sessiontest

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/go-jot/jot/session"
)

// token makes the id of a refresh token as a manager does: greater than those that were made before.
func (s store) token() string {
	ids.Lock()
	defer ids.Unlock()
	ids.last = max(ids.last+1, s.now.UnixMilli())
	var b [16]byte
	for i := range 6 {
		b[i] = byte(ids.last >> (40 - 8*i)) //nolint:gosec // one byte after the other
	}
	_, _ = rand.Read(b[6:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

var ids struct {
	sync.Mutex

	last int64
}

// record is that of a session which begins now and lasts an hour.
func (s store) record() session.Record {
	return session.Record{
		Subject: s.subject, Session: key(), Label: "Firefox", Scope: "read write admin", Current: s.token(),
		Start: s.now, Expires: s.now.Add(time.Hour),
	}
}

// enter begins a session.
func (s store) enter(r session.Record, limit int) {
	s.Helper()
	if err := s.Begin(s.Context(), r, limit); err != nil {
		s.Fatalf("Begin: %v", err)
	}
}

// begin begins a session as record has it.
func (s store) begin(limit int) session.Record {
	s.Helper()
	r := s.record()
	s.enter(r, limit)
	return r
}

// check asks about a token of the subject, which is a new one unless q names it.
func (s store) check(q session.Query) session.Status {
	s.Helper()
	q.Subject, q.Now = s.subject, s.now
	if q.Token == "" {
		q.Token = key()
	}
	status, err := s.Check(s.Context(), q)
	if err != nil {
		s.Fatalf("Check: %v", err)
	}
	return status
}

// wantLive wants these sessions to go on, with exactly these records.
func (s store) wantLive(want ...session.Record) {
	s.Helper()
	for _, w := range want {
		of := s.of(w.Subject)
		if got := of.check(session.Query{Session: w.Session}); got.Ended || got.Revoked {
			s.Fatalf("Check, at %s, of a token whose session goes on: %s, want neither", instant(s.now), verdict(got))
		}
		got := of.check(session.Query{Session: w.Session, Record: true})
		if got.Ended || got.Revoked {
			s.Fatalf("Check, at %s, of a token whose session goes on, for its record: %s, want neither",
				instant(s.now), verdict(got))
		}
		if !same(got.Record, w) {
			s.Fatalf("Check, at %s, for the record: %s", instant(s.now), differences(got.Record, w))
		}
	}
}

// wantEnded wants these sessions not to go on.
func (s store) wantEnded(sessions ...session.Record) {
	s.Helper()
	for _, r := range sessions {
		for _, record := range []bool{false, true} {
			got := s.of(r.Subject).check(session.Query{Session: r.Session, Record: record})
			if !got.Ended || got.Revoked || got.Record != (session.Record{}) {
				s.Fatalf("Check, at %s, of a token whose session has ended: %s, want Ended alone",
					instant(s.now), verdict(got))
			}
		}
	}
}

// list returns the sessions of the subject.
func (s store) list() []session.Record {
	s.Helper()
	list, err := s.List(s.Context(), s.subject, s.now)
	if err != nil {
		s.Fatalf("List: %v", err)
	}
	return list
}

// wantList wants exactly these sessions of the subject to go on, in this order.
func (s store) wantList(want ...session.Record) {
	s.Helper()
	if d := listDifferences(s.list(), want); d != "" {
		s.Fatalf("List, at %s: %s", instant(s.now), d)
	}
}

// rotation presents the current token of a session, and asks for all that it allows.
func (s store) rotation(r session.Record) session.Rotation {
	return session.Rotation{
		Subject: r.Subject, Session: r.Session, Presented: r.Current, Token: key(), Next: s.token(), Scope: r.Scope,
		Now: s.now, Expires: r.Expires, Grace: grace,
	}
}

// rotate wants a rotation to have an outcome, and to do to the record of the session what the rule says. It returns
// what becomes of the record.
func (s store) rotate(known session.Record, r session.Rotation, want session.Outcome) session.Record {
	s.Helper()
	result, next := r.Apply(known, want == session.Revoked)
	if result.Outcome != want {
		s.Fatalf("Rotation.Apply: %s, want %s, for %s", outcomes[result.Outcome], outcomes[want], describe(r, known))
	}
	if s.repeated {
		result, next = r.Apply(next, want == session.Revoked)
	}
	s.wantResult(r, known, result)
	if next.Live(r.Now) {
		s.wantLive(next)
	} else {
		known.Subject, known.Session = r.Subject, r.Session
		s.wantEnded(known)
	}
	return next
}

// wantResult calls Rotate, and wants this answer.
func (s store) wantResult(r session.Rotation, known session.Record, want session.Result) {
	s.Helper()
	got, err := s.Rotate(s.Context(), r)
	if err != nil {
		s.Fatalf("Rotate: %v", err)
	}
	if got.Outcome != want.Outcome {
		s.Fatalf("Rotate, at %s: %s, want %s, for %s",
			instant(r.Now), outcomes[got.Outcome], outcomes[want.Outcome], describe(r, known))
	}
	if want.Current != "" && got != want {
		s.Fatalf("Rotate, at %s: %s with Current %s and Scope %s, want %s and %s, for %s",
			instant(r.Now), outcomes[got.Outcome], short(got.Current), short(got.Scope),
			short(want.Current), short(want.Scope), describe(r, known))
	}
}

// rotated exchanges the current token of a session.
func (s store) rotated(r session.Record) session.Record {
	s.Helper()
	return s.rotate(r, s.rotation(r), session.Rotated)
}

// wantRefused wants a session to be over for all of its tokens, and for any that there may be.
func (s store) wantRefused(r session.Record) {
	s.Helper()
	s.wantEnded(r)
	for _, presented := range []string{r.Current, r.Previous, s.token()} {
		if presented != "" {
			rotation := s.rotation(r)
			rotation.Presented = presented
			s.rotate(session.Record{}, rotation, session.Unknown)
		}
	}
}

// end wants to hear whether a call ends a session.
func (s store) end(r session.Record, call string, want bool) {
	s.Helper()
	got, err := s.End(s.Context(), s.ending(r, call))
	if err != nil || got != want {
		s.Fatalf("End, at %s, of the session %s by the call %s: %v, %v; want %v",
			instant(s.now), short(r.Session), short(call), got, err, want)
	}
	s.wantEnded(r)
}

// ending ends a session now.
func (s store) ending(r session.Record, call string) session.Ending {
	return session.Ending{Subject: r.Subject, Session: r.Session, Call: call, Now: s.now}
}

// revocation revokes a token of the subject for some time.
func (s store) revocation(token string, life time.Duration) session.Revocation {
	return session.Revocation{Subject: s.subject, Token: token, Call: key(), Now: s.now, Until: s.now.Add(life)}
}

// revoke wants to hear whether a call is the first to revoke a token.
func (s store) revoke(r session.Revocation, first bool) {
	s.Helper()
	got, err := s.RevokeToken(s.Context(), r)
	if err != nil || got != first {
		s.Fatalf("RevokeToken, at %s, of %s until %s by the call %s: first is %v, %v; want %v",
			instant(r.Now), short(r.Token), instant(r.Until), short(r.Call), got, err, first)
	}
}

// wantRevoked wants a token of the subject to be revoked or not, whether it belongs to a session or to none. It is one
// that was issued now, so that no mark concerns it.
func (s store) wantRevoked(token string, want bool) {
	s.Helper()
	for _, q := range []session.Query{{Token: token, Issued: s.now}, {Token: token, Session: key()}} {
		if got := s.check(q); got.Revoked != want {
			s.Fatalf("Check, at %s, of the token %s of the session %s: %s, want Revoked %v",
				instant(s.now), short(token), short(q.Session), verdict(got), want)
		}
	}
}

// logOut logs the subject out, and keeps its mark for some time.
func (s store) logOut(life time.Duration) {
	s.Helper()
	if err := s.RevokeSubject(s.Context(), s.subject, s.now, s.now.Add(life)); err != nil {
		s.Fatalf("RevokeSubject: %v", err)
	}
}

// wantIssued wants a token of no session of the subject, that was issued at an instant, to be revoked or not.
func (s store) wantIssued(at time.Time, revoked bool) {
	s.Helper()
	for _, q := range []session.Query{{Issued: at}, {Issued: at, Expires: s.now.Add(time.Hour)}} {
		if got := s.check(q); got.Revoked != revoked || got.Ended {
			s.Fatalf("Check, at %s, of a token of no session that was issued at %s: %s, want Revoked %v and not Ended",
				instant(s.now), instant(at), verdict(got), revoked)
		}
	}
}

// busy writes so much about others that a store which clears up now and then does it.
func (s store) busy() {
	s.Helper()
	for range 70 {
		o := s.another()
		o.revoke(o.revocation(key(), time.Hour), true)
	}
}
