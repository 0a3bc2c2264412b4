package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var expiryCases = []testCase{
	{"what has expired makes room, and is not seen", store.makesRoom},
}

func (s store) makesRoom() {
	const lots = 50
	for range 2 {
		var old []session.Record
		var tokens []string
		short := func(o store) session.Record {
			r := o.record()
			r.Expires = s.now.Add(time.Minute)
			o.enter(r, 0)
			return r
		}
		for range lots {
			old = append(old, short(s))
			short(s.another())
			tokens = append(tokens, key())
			s.revoke(s.revocation(tokens[len(tokens)-1], time.Minute), true)
			s.another().logOut(time.Minute)
		}
		live := s.begin(lots + 1)
		s.wantList(append(old, live)...)

		s = s.at(2 * time.Minute)
		s.wantList(live)
		s.wantEnded(old[0], old[lots/2], old[lots-1])
		a, b := s.begin(3), s.begin(3)
		s.wantList(live, a, b)
		for _, token := range tokens {
			s.revoke(s.revocation(token, time.Hour), true)
			s.revoke(s.revocation(token, time.Hour), false)
		}
		last := s.begin(1)
		s.wantList(last)
		s.end(last, key(), true)
	}
}
