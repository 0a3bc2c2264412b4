package sessiontest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

var sessionTests = []test{
	{"a session is known until it expires", (*suite).begins},
	{"a record comes back as it went in", (*suite).keepsRecords},
	{"a session that began before is left as it is", (*suite).beginsOnce},
	{"a session belongs to its subject", (*suite).belongs},
	{"keys are opaque", (*suite).opaque},
	{"a session ends once", (*suite).endsOnce},
	{"a session that ended is not begun again", (*suite).staysEnded},
	{"sessions are listed in the order in which they began", (*suite).lists},
	{"a limit ends those that began first", (*suite).limits},
	{"a limit is that of the login", (*suite).limitsOfOthers},
	{"a limit goes by the order of logins and not by clocks", (*suite).limitsByOrder},
	{"what is over does not count", (*suite).limitsTheLiving},
	{"a cancelled context gives no wrong answer", (*suite).cancelled},
}

func (s *suite) begins() {
	unknown := s.record()
	s.over(unknown)
	s.list()
	r := s.begin(0)
	s.known(r)
	s.over(unknown)
	s.at(time.Hour - time.Millisecond).known(r)
	s.at(time.Hour).over(r)
	s.at(time.Hour).list()
	for _, apart := range []time.Duration{-skew, skew} {
		s.at(apart).known(s.at(-apart).begin(0))
	}
}

func (s *suite) keepsRecords() {
	plain := s.record()
	plain.Scope = ""
	s.enter(plain, 0)
	s.known(plain)

	full := s.record()
	full.Label = strings.Repeat("\U0001f512", 60) + `a b'c"d\e` + "\n\t%{}[]|"
	full.Scope = strings.TrimSpace(strings.Repeat("scope:read ", 8<<10/11))
	full.Start, full.Expires = full.Start.Add(-time.Millisecond), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
	s.enter(full, 0)
	s.known(full)
	full = s.rotated(full)
	s.known(full)
	s.list(plain, full)
	if got := s.check(session.Query{Session: full.Session}); got.Ended || got.Record.Session != "" && !same(got.Record, full) {
		s.Fatalf("Check without asking for the record: %+v", got)
	}
}

func (s *suite) beginsOnce() {
	r := s.begin(2)
	other := s.begin(2)
	again := s.rotated(r)
	s.enter(r, 1) // a driver's late repetition: nothing of it counts
	s.known(again)
	s.known(other)
	s.list(again, other)
}

func (s *suite) belongs() {
	r := s.begin(0)
	stranger := s.of(key())
	stranger.over(r)
	stranger.rotate(stranger.rotation(r, r.Current), session.Unknown)
	stranger.end(r, false)
	stranger.logout(s.now.Add(time.Hour))
	stranger.list()
	s.known(r)

	twin := r
	twin.Subject, twin.Label = stranger.subject, "another's session of the same name"
	stranger.enter(twin, 1)
	stranger.known(twin)
	stranger.end(twin, true)
	s.known(r)
	s.list(r)
}

func (s *suite) opaque() {
	long := strings.Repeat("x", 63)
	names := []string{
		"a", "A", "aa", "a ", " a", "a:", "a%", "a_", "a*", "a?", `a\`, "a'", `a"`, "a;", "a{", "{a}", "[a]", "a|b", "a/b", "0", "00",
		"-1", long + "a", long + "b", long + "A",
	}
	records := map[string]session.Record{}
	prefix := key()[:8]
	for i, name := range names {
		subject := s.of((prefix + name)[:min(64, len(prefix+name))])
		if len(name) == 64 {
			subject = s.of(name[:56] + prefix[:7] + name[63:])
		}
		for _, id := range []string{name, names[(i+1)%len(names)]} {
			r := subject.record()
			r.Session = id
			subject.over(r)
			subject.enter(r, 0)
			subject.known(r)
			records[subject.subject+" "+id] = r
		}
		subject.revoked(name, false)
		subject.revoke(name, s.now.Add(time.Hour), true)
		subject.revoked(name, true)
		subject.revoked(names[(i+1)%len(names)], false)
	}
	for _, r := range records {
		s.of(r.Subject).known(r)
	}
	if len(records) != 2*len(names) {
		s.Fatalf("the subjects of the case are not distinct: %d", len(records))
	}
}

func (s *suite) endsOnce() {
	r, other := s.begin(0), s.begin(0)
	r = s.rotated(r)
	s.end(r, true)
	s.over(r)
	s.end(r, false)
	s.rotate(s.rotation(r, r.Previous), session.Unknown) // in time, but after a logout there is no replay
	s.rotate(s.rotation(r, r.Current), session.Unknown)
	s.rotate(s.rotation(r, s.uuid()), session.Unknown)
	s.over(r)
	s.known(other)
	s.list(other)
	s.end(s.record(), false)
	s.at(time.Hour).end(other, false)

	// The call that ended it hears the same again, when a driver repeats it within a moment; no other does.
	third := s.begin(0)
	s.at(time.Hour).end(third, false) // by a clock ahead it has expired, and it ends all the same
	s.over(third)
	s.at(-skew).over(third)
	third = s.begin(0)
	call := session.Ending{Subject: s.subject, Session: third.Session, Call: key(), Now: s.now}
	for i := range 3 {
		if ended, err := s.End(s.Context(), call); err != nil || !ended {
			s.Fatalf("End, for the %d. time with one Call: %v, %v", i+1, ended, err)
		}
	}
	s.end(third, false)
	s.over(third)
}

func (s *suite) staysEnded() {
	r := s.begin(3)
	s.end(r, true)
	s.enter(r, 3)
	s.over(r)
	s.list()
}

func (s *suite) lists() {
	s.list()
	late := s.at(skew).begin(0)
	early := s.at(-skew).begin(0)
	now := s.begin(0)
	s.list(late, early, now)
	early = s.at(time.Minute).rotated(early)
	s.list(late, early, now)
	s.end(late, true)
	s.list(early, now)
	s.logout(s.now.Add(time.Hour))
	s.list()
}

func (s *suite) limits() {
	for _, limit := range []int{1, 3} {
		user := s.of(key())
		var begun []session.Record
		for range 6 {
			begun = append(begun, user.begin(limit))
			kept := begun[max(0, len(begun)-limit):]
			user.list(kept...)
			for _, r := range begun[:len(begun)-len(kept)] {
				user.over(r)
			}
		}
	}
	free := s.of(key())
	for range 30 {
		free.begin(0)
	}
	if got, err := free.List(s.Context(), free.subject, s.now); err != nil || len(got) != 30 {
		s.Fatalf("List without a limit: %d of 30 sessions, %v", len(got), err)
	}
}

func (s *suite) limitsOfOthers() {
	var begun []session.Record
	for range 5 {
		begun = append(begun, s.begin(0))
	}
	begun = append(begun, s.begin(4)) // a manager with another limit
	s.list(begun[2:]...)
	begun = append(begun, s.begin(0))
	s.list(begun[2:]...)
	one := s.begin(1)
	s.list(one)
}

func (s *suite) limitsByOrder() {
	first := s.at(skew).begin(1) // its node's clock is ahead
	second := s.at(-skew).begin(1)
	s.over(first)
	s.known(second)
	third := s.at(-2 * skew).begin(2)
	s.list(second, third)
	fourth := s.at(-3 * skew).begin(2)
	s.over(second)
	s.list(third, fourth)
	third = s.at(time.Minute).rotated(third) // which makes it no younger
	s.begin(2)
	s.over(third)
	s.known(fourth)
}

func (s *suite) limitsTheLiving() {
	keep := s.begin(3)
	gone := s.begin(3)
	s.end(gone, true)
	short := s.record()
	short.Expires = s.now.Add(time.Minute)
	s.enter(short, 3)
	later := s.at(2 * time.Minute)
	second, third := later.begin(3), later.begin(3)
	later.list(keep, second, third)
	later.over(short)
	later.begin(3)
	later.over(keep)
}

func (s *suite) cancelled() {
	r := s.begin(0)
	s.revoke("t", s.now.Add(time.Hour), true)
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	q := session.Query{Subject: s.subject, Session: "none", Token: "t", Now: s.now}
	if status, err := s.Check(ctx, q); err == nil && (!status.Revoked || !status.Ended) {
		s.Fatalf("Check says %+v for a cancelled context, without an error", status)
	}
	if list, err := s.List(ctx, s.subject, s.now); err == nil && !slices.EqualFunc(list, []session.Record{r}, same) {
		s.Fatalf("List says %+v for a cancelled context, without an error", list)
	}
	rotation := s.rotation(r, r.Current)
	if result, err := s.Rotate(ctx, rotation); err == nil && result.Current != rotation.Next {
		s.Fatalf("Rotate says %+v for a cancelled context, without an error", result)
	}
	other := s.begin(0)
	if _, err := s.End(ctx, session.Ending{Subject: s.subject, Session: other.Session, Call: key(), Now: s.now}); err == nil {
		s.over(other)
	}
	third := s.record()
	if s.Begin(ctx, third, 0) == nil {
		s.known(third)
	}
	revocation := session.Revocation{Subject: s.subject, Token: "u", Call: key(), Now: s.now, Until: s.now.Add(time.Hour)}
	if first, err := s.RevokeToken(ctx, revocation); err == nil {
		s.revoked("u", true)
		if !first {
			s.Fatal("RevokeToken says that a token was revoked before which was not")
		}
	}
	if s.RevokeSubject(ctx, s.subject, s.now, s.now.Add(time.Hour)) == nil {
		s.list()
	}
}
