package jottest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"github.com/go-jot/jot"
)

// TestStore proves that what open returns keeps the promises of [jot.Store], those of [jot.Blocklist] included: that
// a refresh token works once, also under a race; that whoever comes again in time gets the same successor, and later
// ends the session; that what was logged out stays out. open may return the same store each time, and one that holds
// other sessions; the last test ends all of them.
func TestStore(t *testing.T, open func(t *testing.T) jot.Store) {
	t.Helper()
	t.Run("Blocklist", func(t *testing.T) {
		TestBlocklist(t, func(t *testing.T) jot.Blocklist { return open(t) })
	})
	for _, test := range []struct {
		name string
		run  func(s store)
	}{
		{"Check knows a session", store.known},
		{"Check knows a revoked token", store.revokedToken},
		{"a session expires", store.expires},
		{"a session belongs to its subject", store.belongs},
		{"the current token rotates", store.rotates},
		{"the previous token is replayed in time", store.replays},
		{"the previous token is reused later", store.reuses},
		{"without grace nothing is replayed", store.strict},
		{"an older token is reused at any time", store.grandparent},
		{"a newer token is not reused", store.rewinds},
		{"an unknown session does not rotate", store.unknown},
		{"a session that ended does not rotate", store.ended},
		{"a session ends once", store.endsOnce},
		{"of many that rotate one wins", store.raceStrict},
		{"of many that rotate in time all get one successor", store.raceGrace},
		{"the oldest session ends", store.limit},
		{"Sessions lists what has not ended", store.lists},
		{"RevokeSubject ends the sessions of one subject", store.revokesSubject},
		{"RevokeSubject reaches a session from a clock ahead", store.revokesAhead},
		{"a log-in after RevokeSubject lives, from a clock behind", store.beginsBehind},
		{"RevokeAll ends all sessions", store.revokesAll},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := store{T: t, Store: open(t), subject: rand.Text()[:22], now: time.UnixMilli(time.Now().UnixMilli())}
			test.run(s)
		})
	}
}

// store is one test of a store, with a subject of its own.
type store struct {
	*testing.T
	jot.Store

	subject string
	now     time.Time
}

const grace = 10 * time.Second

// at returns the same test at another instant.
func (s store) at(d time.Duration) store {
	s.now = s.now.Add(d)
	return s
}

// token makes a refresh token's id, as the Manager does: greater than those made before.
func (s store) token() string {
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

	last int64
}

// begin begins a session that lasts an hour.
func (s store) begin(limit int) jot.SessionRecord {
	s.Helper()
	r := jot.SessionRecord{
		Subject: s.subject, Session: s.token()[14:], Current: s.token(), Start: s.now, Expires: s.now.Add(time.Hour).Truncate(time.Second),
	}
	start, err := s.BeginSession(s.Context(), r, limit)
	if err != nil {
		s.Fatalf("BeginSession: %v", err)
	}
	if start.Before(r.Start) {
		s.Fatalf("BeginSession: start = %v, before now, %v", start, r.Start)
	}
	r.Start = start
	return r
}

func (s store) check(r jot.SessionRecord) jot.Status {
	s.Helper()
	status, err := s.Check(s.Context(), jot.Query{Token: "j:" + r.Current, Subject: r.Subject, Session: r.Session, Now: s.now})
	if err != nil {
		s.Fatalf("Check: %v", err)
	}
	return status
}

// wantKnown asks for exactly this record.
func (s store) wantKnown(want jot.SessionRecord) {
	s.Helper()
	got := s.check(want).Session
	same := got.Subject == want.Subject && got.Session == want.Session && got.Current == want.Current && got.Previous == want.Previous &&
		got.Start.Equal(want.Start) && got.RotatedAt.Equal(want.RotatedAt) && got.Expires.Equal(want.Expires)
	if !same {
		s.Fatalf("Check: session\n%+v, want\n%+v", got, want)
	}
}

func (s store) wantUnknown(r jot.SessionRecord) {
	s.Helper()
	if got := s.check(r).Session; got != (jot.SessionRecord{}) {
		s.Fatalf("Check: session %+v, want none", got)
	}
}

func (s store) rotation(r jot.SessionRecord, presented string) jot.Rotation {
	return jot.Rotation{
		Subject: r.Subject, Session: r.Session, Presented: presented, Next: s.token(), Now: s.now, Grace: grace, Expires: r.Expires,
	}
}

func (s store) rotate(r jot.Rotation, want jot.RotationOutcome) jot.RotationResult {
	s.Helper()
	got, err := s.RotateSession(s.Context(), r)
	if err != nil {
		s.Fatalf("RotateSession: %v", err)
	}
	if got.Outcome != want {
		s.Fatalf("RotateSession: outcome %d, want %d", got.Outcome, want)
	}
	if current := map[jot.RotationOutcome]string{jot.Rotated: r.Next, jot.Rewound: r.Next}[want]; current != "" && got.Current != current {
		s.Fatalf("RotateSession: current %q, want Next, %q", got.Current, current)
	}
	return got
}

// rotated rotates r's current token and returns the record as it must be.
func (s store) rotated(r jot.SessionRecord) jot.SessionRecord {
	s.Helper()
	rotation := s.rotation(r, r.Current)
	s.rotate(rotation, jot.Rotated)
	r.Previous, r.Current, r.RotatedAt = r.Current, rotation.Next, s.now
	return r
}

func (s store) known() {
	r := s.begin(0)
	s.wantKnown(r)
	status := s.check(r)
	if status.Revoked || r.Start.Before(status.SubjectMark) || r.Start.Before(status.Mark) {
		s.Fatalf("Check: %+v: a new session is not over", status)
	}
	s.wantUnknown(jot.SessionRecord{Subject: s.subject, Session: s.token()[14:]})
	s.wantUnknown(jot.SessionRecord{Subject: s.subject})
}

func (s store) revokedToken() {
	r := s.begin(0)
	if _, err := s.Revoke(s.Context(), "j:"+r.Current, s.now.Add(time.Hour)); err != nil {
		s.Fatal(err)
	}
	if !s.check(r).Revoked {
		s.Fatal("Check: a revoked token is not revoked")
	}
	s.wantKnown(r)
	status, err := s.Check(s.Context(), jot.Query{Subject: s.subject, Session: r.Session, Now: s.now})
	if err != nil || status.Revoked {
		s.Fatalf("Check without a token: %+v, %v", status, err)
	}
}

func (s store) expires() {
	r := s.begin(0)
	s.at(r.Expires.Sub(s.now) - time.Second).wantKnown(r)
	s.at(r.Expires.Sub(s.now)).wantUnknown(r)
	end := s.at(time.Hour)
	end.rotate(end.rotation(r, r.Current), jot.RotationUnknown)

	r = s.begin(0)
	rotation := s.rotation(r, r.Current)
	rotation.Expires = r.Expires.Add(time.Hour)
	s.rotate(rotation, jot.Rotated)
	r.Previous, r.Current, r.RotatedAt, r.Expires = r.Current, rotation.Next, s.now, rotation.Expires
	s.at(90 * time.Minute).wantKnown(r)
	rotation = s.rotation(r, r.Current)
	rotation.Expires = s.now.Add(time.Minute)
	s.rotate(rotation, jot.Rotated)
	r.Previous, r.Current = r.Current, rotation.Next
	s.at(90 * time.Minute).wantKnown(r)
}

func (s store) belongs() {
	r := s.begin(0)
	other := s
	other.subject = rand.Text()[:22]
	theirs := r
	theirs.Subject = other.subject
	other.wantUnknown(theirs)
	other.rotate(other.rotation(theirs, r.Current), jot.RotationUnknown)
	if ended, err := s.EndSession(s.Context(), other.subject, r.Session, s.now); ended || err != nil {
		s.Fatalf("EndSession by another subject: %v, %v", ended, err)
	}
	s.wantKnown(r)
}

func (s store) rotates() {
	r := s.begin(0)
	for range 5 {
		s = s.at(time.Minute)
		r = s.rotated(r)
		s.wantKnown(r)
	}
}

func (s store) replays() {
	r := s.rotated(s.begin(0))
	for _, d := range []time.Duration{0, time.Second, grace - time.Millisecond, -time.Second} {
		late := s.at(d)
		if got := late.rotate(late.rotation(r, r.Previous), jot.Replayed); got.Current != r.Current {
			s.Fatalf("RotateSession: current %q, want the successor %q", got.Current, r.Current)
		}
		s.wantKnown(r)
	}
	next := s.at(time.Hour / 2)
	next.wantKnown(next.rotated(r))
}

func (s store) reuses() {
	r := s.rotated(s.begin(0))
	late := s.at(grace)
	late.rotate(late.rotation(r, r.Previous), jot.Reused)
	s.wantUnknown(r)
	late.rotate(late.rotation(r, r.Previous), jot.RotationUnknown)
	late.rotate(late.rotation(r, r.Current), jot.RotationUnknown)
}

func (s store) strict() {
	r := s.rotated(s.begin(0))
	rotation := s.rotation(r, r.Previous)
	rotation.Grace = 0
	s.rotate(rotation, jot.Reused)
	s.wantUnknown(r)
}

func (s store) grandparent() {
	first := s.begin(0)
	r := s.rotated(s.rotated(first))
	s.rotate(s.rotation(r, first.Current), jot.Reused)
	s.wantUnknown(r)
}

func (s store) rewinds() {
	r := s.rotated(s.begin(0))
	newer := s.token()
	rotation := s.rotation(r, newer)
	s.rotate(rotation, jot.Rewound)
	r.Previous, r.Current = newer, rotation.Next
	s.wantKnown(r)
}

func (s store) unknown() {
	r := jot.SessionRecord{Subject: s.subject, Session: s.token()[14:], Current: s.token(), Expires: s.now.Add(time.Hour)}
	s.rotate(s.rotation(r, r.Current), jot.RotationUnknown)
	s.wantUnknown(r)
}

func (s store) ended() {
	r := s.rotated(s.begin(0))
	s.end(r, true)
	s.wantUnknown(r)
	s.rotate(s.rotation(r, r.Previous), jot.RotationUnknown) // in time, but after a log-out there is no replay
	s.rotate(s.rotation(r, r.Current), jot.RotationUnknown)
	s.rotate(s.rotation(r, s.token()), jot.RotationUnknown)
	s.wantUnknown(r)
}

func (s store) end(r jot.SessionRecord, want bool) {
	s.Helper()
	got, err := s.EndSession(s.Context(), r.Subject, r.Session, s.now)
	if err != nil || got != want {
		s.Fatalf("EndSession: %v, %v; want %v", got, err, want)
	}
}

func (s store) endsOnce() {
	r, other := s.begin(0), s.begin(0)
	s.end(r, true)
	s.end(r, false)
	s.wantUnknown(r)
	s.wantKnown(other)
	for range 20 {
		r := s.begin(0)
		ends := make([]bool, racers)
		together(func(racer int) { ends[racer], _ = s.EndSession(s.Context(), r.Subject, r.Session, s.now) })
		if n := count(ends, true); n != 1 {
			s.Fatalf("of %d that ended one session at once %d did", racers, n)
		}
	}
}

func count[T comparable](list []T, v T) (n int) {
	for _, each := range list {
		if each == v {
			n++
		}
	}
	return n
}

// race lets all racers present one token, and returns what they got.
func (s store) race(r jot.SessionRecord, grace time.Duration) (outcomes []jot.RotationOutcome, currents []string) {
	s.Helper()
	outcomes, currents = make([]jot.RotationOutcome, racers), make([]string, racers)
	errs := make([]error, racers)
	together(func(racer int) {
		rotation := s.rotation(r, r.Current)
		rotation.Grace = grace
		result, err := s.RotateSession(s.Context(), rotation)
		outcomes[racer], currents[racer], errs[racer] = result.Outcome, result.Current, err
	})
	for _, err := range errs {
		if err != nil {
			s.Fatalf("RotateSession in a race: %v", err)
		}
	}
	return outcomes, currents
}

func (s store) raceStrict() {
	for round := range rounds {
		r := s.begin(10)
		outcomes, _ := s.race(r, 0)
		rotated, reused, unknown := count(outcomes, jot.Rotated), count(outcomes, jot.Reused), count(outcomes, jot.RotationUnknown)
		if rotated != 1 || reused != 1 || unknown != racers-2 {
			s.Fatalf("round %d: of %d that presented one token %d rotated, %d were reused, %d unknown; want 1, 1 and the rest", round, racers, rotated, reused, unknown)
		}
		s.wantUnknown(r)
	}
}

func (s store) raceGrace() {
	for round := range rounds {
		r := s.begin(10)
		outcomes, currents := s.race(r, grace)
		rotated, replayed := count(outcomes, jot.Rotated), count(outcomes, jot.Replayed)
		if rotated != 1 || replayed != racers-1 {
			s.Fatalf("round %d: of %d that presented one token %d rotated and %d were replayed; want 1 and the rest", round, racers, rotated, replayed)
		}
		if n := count(currents, currents[0]); n != racers {
			s.Fatalf("round %d: only %d of %d got the same successor", round, n, racers)
		}
		r.Previous, r.Current, r.RotatedAt = r.Current, currents[0], s.now
		s.wantKnown(r)
	}
}

func (s store) limit() {
	var begun []jot.SessionRecord
	for i := range 5 {
		begun = append(begun, s.at(time.Duration(i)*time.Second).begin(3))
	}
	s = s.at(5 * time.Second)
	for i, r := range begun {
		if i < 2 {
			s.wantUnknown(r)
		} else {
			s.wantKnown(r)
		}
	}
	s.wantSessions(begun[2:]...)
	one := s.begin(1)
	s.wantSessions(one)
	s.wantUnknown(begun[4])
}

func (s store) wantSessions(want ...jot.SessionRecord) {
	s.Helper()
	got, err := s.Sessions(s.Context(), s.subject, s.now)
	if err != nil {
		s.Fatalf("Sessions: %v", err)
	}
	if len(got) != len(want) {
		s.Fatalf("Sessions: %d of them, want %d", len(got), len(want))
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g.Session == w.Session && g.Subject == w.Subject && g.Start.Equal(w.Start) && g.Current == w.Current
		}
		if !found {
			s.Fatalf("Sessions: %+v is not among them", w)
		}
	}
}

func (s store) lists() {
	s.wantSessions()
	a, b := s.begin(0), s.begin(0)
	b = s.rotated(b)
	s.wantSessions(a, b)
	s.end(a, true)
	s.wantSessions(b)
	s.at(time.Hour).wantSessions()
}

func (s store) revoke() {
	s.Helper()
	if err := s.RevokeSubject(s.Context(), s.subject, s.now, s.now.Add(24*time.Hour)); err != nil {
		s.Fatalf("RevokeSubject: %v", err)
	}
}

// wantOver asks that a session is over by a mark, or forgotten.
func (s store) wantOver(r jot.SessionRecord) {
	s.Helper()
	status := s.check(r)
	if status.Session.Session != "" && !r.Start.Before(status.SubjectMark) && !r.Start.Before(status.Mark) {
		s.Fatalf("session of %v is not over: marks %v and %v", r.Start, status.SubjectMark, status.Mark)
	}
}

func (s store) revokesSubject() {
	a, b := s.begin(0), s.begin(0)
	other := s
	other.subject = rand.Text()[:22]
	theirs := other.begin(0)
	s.revoke()
	s.wantOver(a)
	s.wantOver(b)
	mark := s.check(a).SubjectMark
	if !mark.After(s.now) || !mark.After(a.Start) {
		s.Fatalf("the mark %v is not behind now, %v, and the sessions", mark, s.now)
	}
	s.wantSessions()
	other.wantKnown(theirs)
	if got := other.check(theirs).SubjectMark; !got.IsZero() {
		s.Fatalf("another subject has the mark %v", got)
	}
	if s.revoke(); !s.check(a).SubjectMark.After(mark) {
		s.Fatal("a second RevokeSubject did not move the mark")
	}
	moved := s.check(a).SubjectMark
	s.at(-time.Minute).revoke()
	if s.check(a).SubjectMark.Before(moved) {
		s.Fatal("RevokeSubject by a clock behind moved the mark back")
	}
	if got := s.at(24 * time.Hour).check(a).SubjectMark; got.After(s.now.Add(24 * time.Hour)) {
		s.Fatalf("the mark %v is beyond its time", got)
	}
}

func (s store) revokesAhead() {
	r := s.at(time.Minute).begin(0)
	s.revoke()
	s.wantOver(r)
}

func (s store) beginsBehind() {
	old := s.begin(0)
	s.revoke()
	r := s.at(-time.Second).begin(0)
	if mark := s.check(r).SubjectMark; r.Start.Before(mark) {
		s.Fatalf("a session that began after RevokeSubject starts at %v, before the mark %v", r.Start, mark)
	}
	s.wantKnown(r)
	s.wantSessions(r)
	s.wantOver(old)
	s.revoke()
	s.wantOver(r)
}

func (s store) revokesAll() {
	ahead := s.at(time.Minute).begin(0)
	r := s.begin(0)
	if err := s.RevokeAll(s.Context(), s.now, s.now.Add(24*time.Hour)); err != nil {
		s.Fatalf("RevokeAll: %v", err)
	}
	s.wantOver(r)
	s.wantOver(ahead)
	s.wantSessions()
	mark := s.check(r).Mark
	if !mark.After(s.now) {
		s.Fatalf("the mark %v is not behind now, %v", mark, s.now)
	}
	next := s.at(-time.Second).begin(0)
	if next.Start.Before(mark) {
		s.Fatalf("a session that began after RevokeAll starts at %v, before the mark %v", next.Start, mark)
	}
	s.wantSessions(next)
	if err := s.RevokeAll(s.Context(), s.now.Add(-time.Hour), s.now.Add(24*time.Hour)); err != nil {
		s.Fatalf("RevokeAll: %v", err)
	}
	s.wantOver(next)
}
