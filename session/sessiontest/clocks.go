package sessiontest

import (
	"time"

	"github.com/go-jot/jot/session"
)

var clockCases = []testCase{
	{"a logout by any clock ends what began by any clock, for all", store.logsOutAnywhere},
	{"a session that ended by any clock has ended for all", store.endsAnywhere},
	{"a login after a logout lives, whatever the clocks say", store.logsInAnywhere},
	{"a token that is revoked by any clock is revoked for all", store.revokesAnywhere},
	{"while clocks and delays are less than the grace apart nobody is logged out", store.staysLoggedIn},
	{"when clocks are further apart a session may end, and nothing revoked is accepted", store.tooFarApart},
}

// nodes are the same case where clocks are right, behind and ahead.
func (s store) nodes() []store { return []store{s, s.at(-apart), s.at(apart)} }

func (s store) logsOutAnywhere() {
	for _, begins := range s.nodes() {
		for _, out := range s.nodes() {
			o := begins.another()
			r := o.rotated(o.begin(0))
			out.of(o.subject).logOut(time.Hour)
			for _, node := range s.nodes() {
				node = node.of(o.subject)
				node.wantRefused(r)
				node.wantList()
			}
		}
	}
}

func (s store) endsAnywhere() {
	for _, begins := range s.nodes() {
		for _, ends := range s.nodes() {
			r := begins.rotated(begins.begin(0))
			ends.end(r, key(), true)
			for _, node := range s.nodes() {
				node.wantRefused(r)
				node.end(r, key(), false)
				node.wantList()
			}
		}
	}
}

func (s store) logsInAnywhere() {
	for _, out := range s.nodes() {
		old := s.begin(0)
		out.logOut(time.Hour)
		for _, in := range s.nodes() {
			r := in.begin(3)
			for _, node := range s.nodes() {
				node.wantLive(r)
				node.wantEnded(old)
				r = node.rotated(r)
			}
		}
		if n := len(s.list()); n != 3 {
			s.Fatalf("List, of a subject that logged in on 3 nodes after a logout: %d sessions", n)
		}
	}
}

func (s store) revokesAnywhere() {
	for _, revokes := range s.nodes() {
		r := revokes.begin(0)
		token := key()
		revocation := revokes.revocation(token, time.Hour)
		revocation.Until = s.now.Add(time.Hour) // the token says when it ends
		revokes.revoke(revocation, true)
		for _, node := range s.nodes() {
			node.wantRevoked(token, true)
			rotation := node.rotation(r)
			rotation.Token = token
			node.rotate(r, rotation, session.Revoked)
			revocation = node.revocation(token, time.Minute)
			node.revoke(revocation, false)
		}
	}
}

// staysLoggedIn has a client with two tabs, which are served by two nodes. Both refresh at the same time, or one of
// them a little later, again and again.
func (s store) staysLoggedIn() {
	const distance, delay = 6 * time.Second, 3 * time.Second
	for _, clocks := range [][2]time.Duration{{0, 0}, {0, distance}, {distance, 0}, {-distance / 2, distance / 2}} {
		r := s.begin(1)
		for turn := range 6 {
			right := s.at(time.Duration(turn) * 5 * time.Minute)
			one, other := right.at(clocks[turn%2]), right.at(clocks[1-turn%2])
			r = one.rotated(r)
			for _, late := range []time.Duration{0, delay} {
				tab := other.at(late)
				tab.rotate(r, tab.earlier(r), session.Replayed)
			}
			for _, node := range s.nodes() {
				node.wantLive(r)
			}
		}
	}
}

func (s store) tooFarApart() {
	for _, ahead := range []time.Duration{apart, -apart} {
		first := s.begin(0)
		r := s.rotated(first)
		other := s.at(ahead)
		other.rotate(r, other.earlier(r), session.Reused)
		for _, node := range append(s.nodes(), s.at(2*ahead)) {
			node.wantRefused(r)
			node.wantRefused(first)
			node.wantList()
		}
	}
}
