package sessiontest

import (
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

var scopeCases = []testCase{
	{"a rotation narrows the scope for good", store.rotationNarrows},
	{"a replay narrows the scope for good", store.replayNarrows},
	{"a replay gets no more than what the rotation left", store.replayKeeps},
	{"a rewound session narrows its scope as well", store.rewoundNarrows},
	{"a scope is a word, not a part of one", store.wholeWords},
	{"of many that narrow at once each is heard", store.narrowAtOnce},
}

// asking wants a rotation that asks for a scope to leave another one.
func (s store) asking(
	r session.Record, rotation session.Rotation, outcome session.Outcome, asked, want string,
) session.Record {
	s.Helper()
	rotation.Scope = asked
	had := r.Scope
	r = s.rotate(r, rotation, outcome)
	if r.Scope != want {
		s.Fatalf("Rotation.Apply, %q of %q: the scope %q, want %q", asked, had, r.Scope, want)
	}
	s.wantList(r)
	return r
}

func (s store) rotationNarrows() {
	r := s.begin(0)
	for _, step := range [][2]string{
		{"read write admin", "read write admin"},
		{"admin write read", "admin write read"}, // in the order in which it is asked for
		{"read write", "read write"},
		{"read write admin", "read write"},
		{"admin write", "write"},
		{"read write admin", "write"},
		{"admin", ""},
		{"read write admin", ""},
		{"", ""},
	} {
		r = s.asking(r, s.rotation(r), session.Rotated, step[0], step[1])
	}
}

func (s store) replayNarrows() {
	r := s.rotated(s.begin(0))
	for _, step := range [][2]string{
		{"read write admin", "read write admin"},
		{"read write", "read write"},
		{"read write admin", "read write"},
		{"write other", "write"},
		{"read write admin", "write"},
		{"other", ""},
		{"read write admin", ""},
	} {
		late := s.at(time.Second)
		r = late.asking(r, late.earlier(r), session.Replayed, step[0], step[1])
	}
	s.asking(r, s.rotation(r), session.Rotated, "read write admin", "")
}

func (s store) replayKeeps() {
	r := s.begin(0)
	r = s.asking(r, s.rotation(r), session.Rotated, "read", "read")
	r = s.asking(r, s.earlier(r), session.Replayed, "read write admin", "read")
	s.asking(r, s.rotation(r), session.Rotated, "read write admin", "read")
}

func (s store) rewoundNarrows() {
	r := s.begin(0)
	for _, step := range [][2]string{
		{"write read other", "write read"},
		{"read write admin", "read write"},
		{"write", "write"},
	} {
		rotation := s.rotation(r)
		rotation.Presented, rotation.Next = s.token(), s.token()
		r = s.asking(r, rotation, session.Rewound, step[0], step[1])
	}
}

func (s store) wholeWords() {
	r := s.record()
	r.Scope = "read:all write a.b *"
	s.enter(r, 0)
	asked := "read Read:all read:al ead:all read:all: WRITE writes writ a?b aXb a% a .* % ? _"
	r = s.asking(r, s.rotation(r), session.Rotated, asked+" *", "*")
	r = s.asking(r, s.earlier(r), session.Replayed, "read:all * write", "*")
	s.asking(r, s.rotation(r), session.Rotated, "a", "")
}

// narrowAtOnce lets every second racer give up another scope. Whoever comes first, all of these are gone afterwards.
func (s store) narrowAtOnce() {
	names := make([]string, some)
	for i := range names {
		names[i] = "scope:" + string(rune('a'+i))
	}
	for range s.rounds(20) {
		o := s.another()
		r := o.record()
		r.Scope = strings.Join(names, " ")
		o.enter(r, 0)
		results := race(o, some, func(racer int) (session.Result, error) {
			rotation := o.rotation(r)
			if racer%2 == 0 {
				rotation.Scope = strings.Replace(r.Scope+" ", names[racer]+" ", "", 1)
				rotation.Scope = strings.TrimSuffix(rotation.Scope, " ")
			}
			return o.Rotate(o.Context(), rotation)
		})
		for racer, result := range results {
			if racer%2 == 0 && strings.Contains(result.Scope+" ", names[racer]+" ") {
				s.Fatalf("Rotate, that gives up %q: the scope %q", names[racer], result.Scope)
			}
		}
		var left []string
		for i, name := range names {
			if i%2 == 1 {
				left = append(left, name)
			}
		}
		status := o.check(session.Query{Session: r.Session, Record: true})
		if want := strings.Join(left, " "); status.Record.Scope != want {
			s.Fatalf("Check, after %d scopes were given up at once: the scope %q, want %q",
				some/2, status.Record.Scope, want)
		}
	}
}
