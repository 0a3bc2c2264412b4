package sessiontest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-jot/jot/session"
)

// Racers and rounds of the races: enough to catch a store that reads first and writes later.
const racers = 64

func rounds() int {
	if testing.Short() {
		return 10
	}
	return 100
}

var raceTests = []test{
	{"of many that rotate one wins", (*suite).raceStrict},
	{"of many that rotate in time all get one successor", (*suite).raceGrace},
	{"of many that end a session one does", (*suite).raceEnd},
	{"of many that revoke a token one is first, and the latest end counts", (*suite).raceRevoke},
	{"a limit holds for many logins at once", (*suite).raceLimit},
	{"a login beside a logout everywhere is before it or after", (*suite).raceLogout},
	{"all methods may be called at once", (*suite).raceAll},
}

// race lets all racers present one token, each by a reading of the clock of its own, and counts what they met.
func (s *suite) race(r session.Record, grace time.Duration) (count map[session.Outcome]int, currents map[string]bool) {
	s.Helper()
	results := make([]session.Result, racers)
	s.together(racers, func(racer int) (err error) {
		node := s.at(time.Duration(racer-racers/2) * time.Millisecond)
		rotation := node.rotation(r, r.Current)
		rotation.Grace = grace
		results[racer], err = s.Rotate(s.Context(), rotation)
		return err
	})
	count, currents = map[session.Outcome]int{}, map[string]bool{}
	for _, result := range results {
		count[result.Outcome]++
		currents[result.Current] = true
	}
	return count, currents
}

func (s *suite) raceStrict() {
	_, twice := s.Store.(repeating)
	for round := range rounds() {
		user := s.of(key())
		r := user.begin(10)
		count, _ := user.race(r, 0)
		// A call that is repeated may find that another has ended the session meanwhile.
		won := count[session.Rotated] == 1 || twice && count[session.Rotated] == 0
		if !won || count[session.Reused] != 1 || count[session.Rotated]+count[session.Reused]+count[session.Unknown] != racers {
			s.Fatalf("round %d: of %d that presented one token, the outcomes (0 unknown, 1 rotated, 4 reused): %v; "+
				"want one rotated, one reused, the rest unknown", round, racers, count)
		}
		user.over(r)
	}
}

func (s *suite) raceGrace() {
	for round := range rounds() {
		user := s.of(key())
		r := user.begin(10)
		count, currents := user.race(r, grace)
		if count[session.Rotated] != 1 || count[session.Replayed] != racers-1 || len(currents) != 1 {
			s.Fatalf("round %d: of %d that presented one token, the outcomes (1 rotated, 2 replayed): %v, with %d successors; "+
				"want one rotated, the rest replayed, and one successor", round, racers, count, len(currents))
		}
		got := user.check(session.Query{Session: r.Session, Record: true})
		if got.Ended || !currents[got.Record.Current] || got.Record.Previous != r.Current {
			s.Fatalf("round %d: the session is %+v after it", round, got)
		}
	}
}

func (s *suite) raceEnd() {
	for round := range rounds() / 5 {
		r := s.begin(0)
		ended := make([]bool, racers)
		s.together(racers, func(racer int) (err error) {
			ended[racer], err = s.End(s.Context(), session.Ending{Subject: s.subject, Session: r.Session, Call: key(), Now: s.now})
			return err
		})
		if n := truths(ended); n != 1 {
			s.Fatalf("round %d: of %d that ended one session at once %d did", round, racers, n)
		}
		s.over(r)
	}
}

func truths(list []bool) (n int) {
	for _, is := range list {
		if is {
			n++
		}
	}
	return n
}

func (s *suite) raceRevoke() {
	for round := range rounds() / 2 {
		token := key()
		first := make([]bool, racers)
		s.together(racers, func(racer int) (err error) {
			until := s.now.Add(time.Minute)
			if racer == round {
				until = s.now.Add(time.Hour)
			}
			first[racer], err = s.RevokeToken(s.Context(), session.Revocation{
				Subject: s.subject, Token: token, Call: key(), Now: s.now, Until: until,
			})
			return err
		})
		if n := truths(first); n != 1 {
			s.Fatalf("round %d: of %d that revoked one token at once %d were the first", round, racers, n)
		}
		s.at(time.Hour-time.Second).revoked(token, true)
	}
}

func (s *suite) raceLimit() {
	for round := range max(1, rounds()/20) {
		for _, limit := range []int{1, 3} {
			user := s.of(key())
			before := user.begin(0)
			s.together(racers, func(racer int) error {
				node := user.at(time.Duration(racer-racers/2) * time.Second)
				return s.Begin(s.Context(), node.record(), limit)
			})
			list, err := s.List(s.Context(), user.subject, s.now)
			if err != nil || len(list) != limit {
				s.Fatalf("round %d: after %d logins at once with a limit of %d there are %d sessions, %v", round, racers, limit, len(list), err)
			}
			user.over(before)
			last := user.begin(limit)
			user.known(last)
		}
	}
}

// Nobody is in anybody's way. What each worker does with its own session comes out right.
func (s *suite) raceAll() {
	strangers := [2]*suite{s, s.of(key())}
	s.together(16, func(worker int) error {
		user := strangers[worker%2]
		for range max(2, rounds()/10) {
			r := user.record()
			rotation := user.rotation(r, r.Current)
			err := s.Begin(s.Context(), r, 0)
			result, failed := s.Rotate(s.Context(), rotation)
			status, unknown := s.Check(s.Context(), session.Query{
				Subject: user.subject, Session: r.Session, Token: "t", Now: user.now, Record: true,
			})
			list, unlisted := s.List(s.Context(), user.subject, user.now)
			_, unrevoked := s.RevokeToken(s.Context(), session.Revocation{
				Subject: user.subject, Token: r.Session, Call: key(), Now: user.now, Until: user.now.Add(time.Hour),
			})
			ended, unended := s.End(s.Context(), session.Ending{
				Subject: user.subject, Session: r.Session, Call: key(), Now: user.now,
			})
			if err := errors.Join(err, failed, unknown, unlisted, unrevoked, unended); err != nil {
				return err
			}
			if result.Current != rotation.Next || status.Record.Current != rotation.Next || len(list) == 0 || !ended {
				return fmt.Errorf("a session among others: %+v, %s, %d listed, ended = %v", result, describe(status.Record), len(list), ended)
			}
		}
		return nil
	})
}

// Whatever the order, what is listed is what is known, and a logout afterwards ends it.
func (s *suite) raceLogout() {
	for range max(1, rounds()/10) {
		user := s.of(key())
		user.begin(0)
		s.together(16, func(racer int) error {
			if racer%2 == 0 {
				return s.RevokeSubject(s.Context(), user.subject, s.now, s.now.Add(time.Hour))
			}
			return s.Begin(s.Context(), user.record(), 0)
		})
		list, err := s.List(s.Context(), user.subject, s.now)
		if err != nil {
			s.Fatal(err)
		}
		for _, r := range list {
			user.known(r)
		}
		user.logout(s.now.Add(time.Hour))
		for _, r := range list {
			user.over(r)
		}
		user.list()
	}
}
