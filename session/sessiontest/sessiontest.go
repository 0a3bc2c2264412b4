// Package sessiontest proves that a store keeps the promises of package session.
package sessiontest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jot/jot/session"
)

// Run proves that what open returns keeps the promises of [session.Store]: each sentence of its documentation has a
// case. All cases run twice, the second time through a driver that makes each call two times and returns the answer
// to the second.
//
// open may return the same store each time, one in which others are at work, or one that is full of data: the cases
// have subjects of their own. The last ones log everyone out. A store that is a [session.Starter] is started.
//
// Run it with -race too: that methods are called at once is seen by the detector alone.
func Run(t *testing.T, open func(t *testing.T) session.Store) {
	t.Helper()
	for _, driver := range []struct {
		name string
		wrap func(session.Store) session.Store
	}{
		{"each call once", func(s session.Store) session.Store { return s }},
		{"each call twice", func(s session.Store) session.Store { return repeating{s} }},
	} {
		passed := t.Run(driver.name, func(t *testing.T) {
			for _, test := range slices.Concat(sessionTests, rotationTests, tokenTests, raceTests, everyoneTests) {
				t.Run(test.name, func(t *testing.T) {
					s := open(t)
					now := instant()
					if starter, ok := s.(session.Starter); ok {
						starter.Start(now.Add(-time.Minute))
					}
					test.run(&suite{T: t, Store: driver.wrap(s), now: now, subject: key()})
				})
			}
		})
		if !passed {
			return // the same again would tell nothing new
		}
	}
}

// instant is when a case plays: after the mark of a store that is new, and after all cases before it.
func instant() time.Time {
	ids.Lock()
	defer ids.Unlock()
	ids.played = max(ids.played+10, time.Now().Add(time.Second).UnixMilli())
	return time.UnixMilli(ids.played).UTC()
}

// suite is one case: a store, a subject of its own, and a caller's clock.
type suite struct {
	*testing.T
	session.Store

	subject string
	now     time.Time
}

type test struct {
	name string
	run  func(s *suite)
}

// at returns the same case by the clock of another node, or later.
func (s *suite) at(d time.Duration) *suite {
	other := *s
	other.now = s.now.Add(d)
	return &other
}

// of returns the same case with another subject.
func (s *suite) of(subject string) *suite {
	other := *s
	other.subject = subject
	return &other
}

// grace is that of the rotations, and skew is how far clocks lie apart.
const (
	grace = 10 * time.Second
	skew  = 30 * time.Second
)

// key makes an opaque key.
func key() string { return rand.Text() }

// uuid makes the id of a token: greater than those that were made before.
func (s *suite) uuid() string {
	ids.Lock()
	defer ids.Unlock()
	ids.last = max(ids.last+1, s.now.UnixMilli())
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(ids.last)<<16) //nolint:gosec // 48 bits
	_, _ = rand.Read(b[6:])                                // never fails
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

var ids struct {
	sync.Mutex

	last, played int64 // in ms
}

// record is a session that begins now and lasts an hour.
func (s *suite) record() session.Record {
	return session.Record{
		Subject: s.subject, Session: s.uuid(), Scope: "a b c", Current: s.uuid(), Start: s.now, Expires: s.now.Add(time.Hour),
	}
}

func (s *suite) begin(limit int) session.Record {
	s.Helper()
	r := s.record()
	s.enter(r, limit)
	return r
}

func (s *suite) enter(r session.Record, limit int) {
	s.Helper()
	if err := s.Begin(s.Context(), r, limit); err != nil {
		s.Fatalf("Begin(%s, %d): %v", describe(r), limit, err)
	}
}

func (s *suite) check(q session.Query) session.Status {
	s.Helper()
	q.Subject, q.Now = s.subject, s.now
	if q.Token == "" {
		q.Token = "none"
	}
	status, err := s.Check(s.Context(), q)
	if err != nil {
		s.Fatalf("Check(%+v): %v", q, err)
	}
	return status
}

// known asks for exactly this record.
func (s *suite) known(want session.Record) {
	s.Helper()
	if got := s.check(session.Query{Session: want.Session, Record: true}); got.Revoked || got.Ended || !same(got.Record, want) {
		s.Fatalf("Check at %v: revoked = %v, ended = %v, and the record\n%s\nwant\n%s", s.now, got.Revoked, got.Ended,
			describe(got.Record), describe(want))
	}
}

// describe tells records, a line each, without what is long in them.
func describe(records ...session.Record) string {
	var lines []string
	for _, r := range records {
		if r == (session.Record{}) {
			lines = append(lines, "none")
			continue
		}
		lines = append(lines, fmt.Sprintf("session %s, current %s, previous %s, label %.30q, scope %.30q, start %v, rotated %v, expires %v",
			r.Session, r.Current, r.Previous, r.Label, r.Scope, r.Start, r.RotatedAt, r.Expires))
	}
	return strings.Join(lines, "\n")
}

func same(a, b session.Record) bool {
	times := a.Start.Equal(b.Start) && a.RotatedAt.Equal(b.RotatedAt) && a.Expires.Equal(b.Expires)
	a.Start, a.RotatedAt, a.Expires = b.Start, b.RotatedAt, b.Expires
	return times && a == b
}

// over asks that a session has ended, for access tokens and for refresh tokens.
func (s *suite) over(r session.Record) {
	s.Helper()
	for _, record := range []bool{false, true} {
		got := s.check(session.Query{Session: r.Session, Record: record, Issued: r.Start})
		if !got.Ended || got.Record != (session.Record{}) {
			s.Fatalf("Check at %v: ended = %v, and the record\n%s\nof a session that has ended:\n%s", s.now, got.Ended,
				describe(got.Record), describe(r))
		}
	}
}

func (s *suite) rotation(r session.Record, presented string) session.Rotation {
	return session.Rotation{
		Subject: s.subject, Session: r.Session, Presented: presented, Token: "token of " + presented, Next: s.uuid(),
		Scope: r.Scope, Now: s.now, Expires: r.Expires, Grace: grace,
	}
}

func (s *suite) rotate(r session.Rotation, want session.Outcome) session.Result {
	s.Helper()
	got, err := s.Rotate(s.Context(), r)
	if err != nil {
		s.Fatalf("Rotate(%+v): %v", r, err)
	}
	if _, twice := s.Store.(repeating); twice && want == session.Rewound {
		want = session.Rotated // the record does not say which of the two it was
	}
	if got.Outcome != want {
		s.Fatalf("Rotate(%+v): outcome %d, want %d", r, got.Outcome, want)
	}
	switch want {
	case session.Rotated, session.Rewound:
		if got.Current != r.Next {
			s.Fatalf("Rotate(%+v): current %q, want Next", r, got.Current)
		}
	case session.Unknown, session.Reused, session.Revoked:
		if got.Current != "" || got.Scope != "" {
			s.Fatalf("Rotate(%+v): %+v; a refusal tells nothing", r, got)
		}
	case session.Replayed:
	}
	return got
}

// rotated rotates the current token and returns the record as it must be.
func (s *suite) rotated(r session.Record) session.Record {
	s.Helper()
	rotation := s.rotation(r, r.Current)
	s.rotate(rotation, session.Rotated)
	r.Previous, r.Current, r.RotatedAt = r.Current, rotation.Next, s.now
	return r
}

func (s *suite) end(r session.Record, want bool) {
	s.Helper()
	got, err := s.End(s.Context(), session.Ending{Subject: s.subject, Session: r.Session, Call: key(), Now: s.now})
	if err != nil || got != want {
		s.Fatalf("End(%s): %v, %v; want %v", r.Session, got, err, want)
	}
}

func (s *suite) revoke(token string, until time.Time, want bool) {
	s.Helper()
	got, err := s.RevokeToken(s.Context(), session.Revocation{
		Subject: s.subject, Token: token, Call: key(), Now: s.now, Until: until,
	})
	if err != nil || got != want {
		s.Fatalf("RevokeToken(%q): first = %v, %v; want %v", token, got, err, want)
	}
}

func (s *suite) revoked(token string, want bool) {
	s.Helper()
	r := s.check(session.Query{Token: token, Session: "none", Issued: s.now})
	if r.Revoked != want {
		s.Fatalf("Check at %v of the token %q: revoked = %v, want %v", s.now, token, r.Revoked, want)
	}
}

// logout logs the subject out everywhere.
func (s *suite) logout(until time.Time) {
	s.Helper()
	if err := s.RevokeSubject(s.Context(), s.subject, s.now, until); err != nil {
		s.Fatalf("RevokeSubject: %v", err)
	}
}

func (s *suite) everyone() {
	s.Helper()
	if err := s.RevokeAll(s.Context(), s.now); err != nil {
		s.Fatalf("RevokeAll: %v", err)
	}
}

// refused asks whether a token of no session is.
func (s *suite) refused(issued time.Time, want bool) {
	s.Helper()
	if got := s.check(session.Query{Issued: issued, Expires: s.now.Add(time.Hour)}); got.Revoked != want || got.Ended {
		s.Fatalf("Check at %v of a token of no session, issued at %v: revoked = %v, ended = %v; want %v, false", s.now, issued,
			got.Revoked, got.Ended, want)
	}
}

func (s *suite) list(want ...session.Record) {
	s.Helper()
	got, err := s.List(s.Context(), s.subject, s.now)
	if err != nil {
		s.Fatalf("List: %v", err)
	}
	if !slices.EqualFunc(got, want, same) {
		s.Fatalf("List at %v:\n%s\nwant\n%s", s.now, describe(got...), describe(want...))
	}
}

// together runs f by all racers at once, and asks that none of them failed.
func (s *suite) together(racers int, f func(racer int) error) {
	s.Helper()
	start := make(chan struct{})
	errs := make([]error, racers)
	var group sync.WaitGroup
	for racer := range racers {
		group.Go(func() {
			<-start
			errs[racer] = f(racer)
		})
	}
	close(start)
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		s.Fatalf("of %d at once some failed: %v", racers, err)
	}
}
