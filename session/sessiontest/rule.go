package sessiontest

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

var ruleCases = []testCase{
	{"whatever comes in whatever order, the rule decides", store.anyOrder},
}

// anyOrder makes calls at random, and compares what they do to what Rotation.Apply and Ending.Apply say.
func (s store) anyOrder() {
	seed := uint64(s.now.UnixMilli())
	defer func() {
		if s.Failed() {
			s.Logf("the dice had the seed %d", seed)
		}
	}()
	dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // no secret
	for range s.rounds(50) {
		s.another().walk(dice)
	}
}

// walk leads one session through many calls by nodes apart. It takes less time than anything takes to be forgotten.
func (s store) walk(dice *rand.Rand) {
	s.Helper()
	w := walk{Rand: dice, known: s.begin(0), revoked: key()}
	w.tokens = []string{s.token(), w.known.Current} // one of them never was the session's
	s.revoke(s.revocation(w.revoked, time.Hour), true)
	left := 20
	for ; left > 0; left-- {
		node := s.at(time.Duration(dice.IntN(11_000)-5_000) * time.Millisecond)
		if dice.IntN(25) == 0 {
			w.end(node)
		} else {
			w.rotate(node)
		}
		if w.known.Current == "" {
			left = min(left, 5)
		}
		s = s.at(time.Duration(dice.IntN(8)) * time.Second)
	}
}

// walk is a session on its way.
type walk struct {
	*rand.Rand

	known   session.Record
	tokens  []string // that it had
	revoked string   // a token's key
	last    session.Rotation
}

func (w *walk) rotate(s store) {
	s.Helper()
	r := w.last
	if r.Session == "" || w.IntN(6) > 0 { // or else a call is repeated
		r = s.rotation(w.known)
		r.Presented, r.Scope = w.token(s), w.scope()
		r.Grace = []time.Duration{0, time.Second, grace, 2 * grace}[w.IntN(4)]
		r.Expires = s.now.Add(time.Duration(w.IntN(120)) * time.Minute)
		if w.IntN(8) == 0 {
			r.Token = w.revoked
		}
	}
	w.last = r
	revoked := r.Token == w.revoked
	result, next := r.Apply(w.known, revoked)
	if s.repeated {
		result, next = r.Apply(next, revoked)
	}
	s.wantResult(r, w.known, result)
	w.become(s, next)
}

func (w *walk) end(s store) {
	s.Helper()
	e := session.Ending{Subject: s.subject, Session: w.known.Session, Call: key(), Now: s.now}
	want, next := e.Apply(w.known)
	got, err := s.End(s.Context(), e)
	if err != nil || got != want {
		s.Fatalf("End, at %s: %v, %v; want %v", instant(e.Now), got, err, want)
	}
	w.become(s, next)
}

// become takes note of what the record is now, and looks whether it is.
func (w *walk) become(s store, next session.Record) {
	s.Helper()
	w.known = next
	if next.Current == "" {
		s.wantEnded(next)
		s.wantList()
		return
	}
	s.wantLive(next)
	s.wantList(next)
	w.tokens = append(w.tokens, next.Current)
}

// token chooses the current token in most cases, or one of before, or one to come.
func (w *walk) token(s store) string {
	switch n := w.IntN(20); {
	case n < 9 && w.known.Current != "":
		return w.known.Current
	case n < 17 && w.known.Previous != "":
		return w.known.Previous
	case n < 18:
		return s.token()
	}
	return w.tokens[w.IntN(len(w.tokens))]
}

// scope chooses the one that the session has, or some of several.
func (w *walk) scope() string {
	if w.IntN(4) == 0 {
		return w.known.Scope
	}
	var asked []string
	for _, scope := range []string{"admin", "write", "read", "rea", "more", "read:all"} {
		if w.IntN(8) > 0 {
			asked = append(asked, scope)
		}
	}
	return strings.Join(asked, " ")
}
