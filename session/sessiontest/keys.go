package sessiontest

import (
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

var keyCases = []testCase{
	{"sessions are named by opaque keys", store.namesSessions},
	{"tokens are named by opaque keys", store.namesTokens},
	{"subjects are named by opaque keys", store.namesSubjects},
	{"calls are named by opaque keys", store.namesCalls},
	{"a session belongs to its subject", store.ownSessions},
	{"a revoked token belongs to its subject", store.ownTokens},
	{"one key may name many things", store.sameNames},
	{"keys do not run into each other", store.joinedNames},
}

// opaque are keys that something other than a comparison of bytes takes for one another.
func opaque(longest int) []string {
	long := strings.Repeat("x", longest-1)
	return []string{
		"a", "A", "aa", "a ", " a", "a\t", "ab", "a b", "0", "00", "0.0", "1e1", "10", "NULL", "null", "#",
		"%", "_", "*", "?", "a%", "a_", "a*", "a?", ".", "..", "a/", "'", "''", `"`, "`", "\\", "\\\\", "\\'", "$1",
		"{", "{a}", "[a]", "^a", "a|b", "a:", ":", "a,b", "a=b", "a+b", "a%20b",
		long + "a", long + "b", long + "A", long + " ", long, long[1:] + "a",
	}
}

// bothWays calls f with keys in one order and in the other: what begins like another key comes before it and after it.
func bothWays(s store, keys []string, f func(s store, keys []string)) {
	s.Helper()
	f(s.another(), keys)
	if s.repeated {
		return
	}
	keys = slices.Clone(keys)
	slices.Reverse(keys)
	f(s.another(), keys)
}

func (s store) namesSessions() {
	bothWays(s, opaque(64), func(s store, keys []string) {
		s.Helper()
		var all []session.Record
		for _, name := range keys {
			r := s.record()
			r.Session, r.Label = name, "the label of "+name
			s.wantEnded(r)
			s.enter(r, 0)
			all = append(all, r)
		}
		s.wantLive(all...)
		s.wantList(all...)
		for i := range all {
			all[i] = s.rotated(all[i])
		}
		s.wantList(all...)
		for i := range all {
			if i%2 == 0 {
				s.end(all[i], key(), true)
			}
		}
		var left []session.Record
		for i := range all {
			if i%2 == 1 {
				left = append(left, all[i])
			}
		}
		s.wantList(left...)
	})
}

func (s store) namesTokens() {
	bothWays(s, opaque(64), func(s store, keys []string) {
		s.Helper()
		r := s.begin(0)
		for _, token := range keys {
			s.wantRevoked(token, false)
			rotation := s.rotation(r)
			rotation.Token = token
			r = s.rotate(r, rotation, session.Rotated)
			s.revoke(s.revocation(token, time.Hour), true)
			s.wantRevoked(token, true)
			rotation = s.rotation(r)
			rotation.Token = token
			s.rotate(r, rotation, session.Revoked)
		}
		for _, token := range keys {
			s.wantRevoked(token, true)
		}
	})
}

func (s store) namesSubjects() {
	bothWays(s, opaque(64-12), func(s store, keys []string) {
		s.Helper()
		prefix := key()[:12]
		var all []session.Record
		for _, name := range keys {
			o := s.of(prefix + name)
			o.wantList()
			r := o.record()
			r.Session = "the same"
			o.enter(r, 1)
			all = append(all, r)
			o.wantRevoked("token", false)
			o.revoke(o.revocation("token", time.Hour), true)
		}
		s.wantLive(all...)
		for _, r := range all {
			o := s.of(r.Subject)
			o.wantList(r)
			o.wantIssued(s.now, false)
			o.logOut(time.Hour)
			o.wantIssued(s.now, true)
			o.wantList()
		}
	})
}

func (s store) namesCalls() {
	bothWays(s, opaque(64), func(s store, keys []string) {
		s.Helper()
		for i, call := range keys {
			other := keys[(i+1)%len(keys)]
			r := s.begin(0)
			s.end(r, call, true)
			s.end(r, other, false)
			s.end(r, call, true)

			first := s.revocation(key(), time.Hour)
			second := first
			first.Call, second.Call = call, other
			s.revoke(first, true)
			s.revoke(second, false)
			s.revoke(first, true)
		}
	})
}

func (s store) ownSessions() {
	r := s.rotated(s.begin(1))
	lower, longer, shorter := strings.ToLower(s.subject), s.subject+" ", s.subject[:12]
	for _, o := range []store{s.another(), s.of(lower), s.of(longer), s.of(shorter)} {
		theirs := r
		theirs.Subject = o.subject
		o.wantRefused(theirs)
		o.end(theirs, key(), false)
		o.wantList()
		o.logOut(time.Hour)
		s.wantLive(r)

		own := o.record()
		own.Session, own.Label = r.Session, "another label"
		o.enter(own, 1)
		own = o.rotated(own)
		o.wantList(own)
		s.wantList(r)
		o.end(own, key(), true)
		s.wantList(r)
	}
	r = s.rotated(r)
	o := s.another()
	own := o.record()
	own.Session = r.Session
	o.enter(own, 1)
	s.end(r, key(), true)
	o.wantLive(own)
}

func (s store) ownTokens() {
	o := s.another()
	s.revoke(s.revocation("token", time.Hour), true)
	o.wantRevoked("token", false)
	r := o.begin(0)
	rotation := o.rotation(r)
	rotation.Token = "token"
	o.rotate(r, rotation, session.Rotated)
	o.revoke(o.revocation("token", 2*time.Hour), true)
	o.wantRevoked("token", true)
	s = s.at(2 * time.Hour)
	s.revoke(s.revocation("token", time.Hour), true) // theirs made ours no longer
}

func (s store) sameNames() {
	r := s.record()
	r.Session = r.Subject
	s.enter(r, 0)
	s.wantRevoked(r.Subject, false)
	revocation := s.revocation(r.Subject, time.Hour)
	revocation.Call = r.Subject
	s.revoke(revocation, true)
	s.wantLive(r)
	s.wantIssued(s.now, false)
	o := s.of(r.Current) // another subject, named by what is ours
	own := o.record()
	own.Session, own.Label, own.Scope = r.Subject, r.Subject, r.Current
	o.enter(own, 0)
	s.end(r, r.Subject, true)
	s.wantRevoked(r.Subject, true)
	o.wantLive(own)
}

// joinedNames are the same when they are written one after the other.
func (s store) joinedNames() {
	for _, between := range []string{"", ":", "/", "|", ".", "-", "_", " ", ",", "\x7f", "::", "{}", "/s/", ":s:"} {
		long, short := s.of(s.subject+between+"b"), s.of(s.subject)
		a, b := long.record(), short.record()
		a.Session, b.Session = "c", "b"+between+"c"
		long.enter(a, 0)
		short.wantEnded(b)
		short.enter(b, 0)
		long.wantList(a)
		short.wantLive(b)
		short.end(b, key(), true)
		long.wantLive(a)

		long.revoke(long.revocation("c", time.Hour), true)
		short.wantRevoked("b"+between+"c", false)
		s = s.another()
	}
}
