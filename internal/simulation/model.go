package simulation

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// model is what an observer knows who sees what clients ask and are told, what the clocks say, and which calls of the
// store the network has lost.
type model struct {
	start    time.Time // of the first manager, by its clock
	people   []*person
	everyone person // of the logouts of everyone
	limit    int    // the least of the nodes'
	sessions map[string]*sess
	grants   map[string]*grant // by the id of the token
	texts    map[string]*token
}

// person is a user.
type person struct {
	name     string
	sessions []*sess
	logouts           // everywhere
	entering int      // sessions that may be entered in the store any moment
	logins   int      // that were asked for
	loose    []*token // tokens of no session
	links    []*token // tokens for a single use
}

// logouts are those of a user everywhere, or of everyone.
type logouts struct {
	going   int       // on their way
	touched int       // when the last one may have been carried out
	sure    []mark    // those that have returned
	maybe   time.Time // the latest that may count, by its node's clock
}

// sess is a session.
type sess struct {
	id           string
	number       int
	who          *person
	asked, begun int
	start, end   time.Time
	ending       int    // calls on their way that end it
	maybe        bool   // it may have ended
	dead         string // why it has ended for sure
	gone         fact
	over         *call // the call by which it had, nil if a server has lost it
	adrift       bool  // a server has forgotten some of what was done to it: the model says little about it
	rivals       int   // sessions that may have been entered after it
	alarms       int
	scopes       scopes    // what it allows at most
	narrowing    int       // calls that may have taken scopes away, though nobody was told
	expires      time.Time // of the latest refresh token that somebody was given
	last         time.Time // when one was presented, by its node
	tokens       int
	access       *token // the latest
	refresh      *token
}

// grant is a token by its id. Of a refresh token there may be several texts, which differ in their scopes.
type grant struct {
	id, kind        string
	number          int // in its session
	who             *person
	sess            *sess // nil for a token of no session
	refresh         bool
	born            time.Time // as exactly as its id says
	issued, expires time.Time
	revoking        int  // calls on their way that revoke it
	maybe           bool // it may have been revoked
	revoked         fact
	uses            int // calls that may have used it up
	used            fact

	text          *token  // the latest
	asks          []*call // that may have been the one to exchange it
	exchanged     bool    // somebody was given its successor
	parent, child *grant
}

// token is a text that somebody was given.
type token struct {
	*grant
	raw    string
	scopes scopes
}

// scopes are a set of letters.
type scopes uint8

const letters = "abcd"

func (s scopes) names() (names []string) {
	for i := range len(letters) {
		if s&(1<<i) != 0 {
			names = append(names, letters[i:i+1])
		}
	}
	return names
}

func setOf(names []string) (s scopes) {
	for _, name := range names {
		s |= 1 << strings.Index(letters, name)
	}
	return s
}

func (m *model) init(w *world) {
	m.sessions, m.grants, m.texts = map[string]*sess{}, map[string]*grant{}, map[string]*token{}
	for i := range w.plan.settings.users {
		m.people = append(m.people, &person{name: "user" + strconv.Itoa(i)})
	}
	m.limit = 1 << 20
	for _, n := range w.plan.settings.nodes {
		m.limit = min(m.limit, n.limit)
	}
}

// began takes note of when the first manager was made.
func (m *model) began(now time.Time) {
	if m.start.IsZero() {
		m.start = now
	}
}

// certain reports whether the session goes on for sure.
func (w *world) certain(s *sess) bool { return s.rivals < w.model.limit && w.unended(s) }

// unended reports whether nothing but later logins can have ended the session. A call on its way that presents a
// refresh token out of turn may have.
func (w *world) unended(s *sess) bool {
	if s.dead != "" || s.maybe || s.ending > 0 || s.who.going > 0 || w.model.everyone.going > 0 {
		return false
	}
	for c := w.top; c != nil; c = c.outer {
		if c.presents != nil && c.presents.sess == s && !c.presents.inTurn(c) {
			return false
		}
	}
	return true
}

// Why a session has ended, where it was not this very call that ended it.
const (
	byLimit   = "eviction"
	byRefusal = "it was refused as revoked"
	byLoss    = "the server has lost it"
)

// finish notes that a session has ended for sure.
func (w *world) finish(s *sess, why string, by *call) {
	gone := w.fact(nil)
	if why != byLimit && why != byRefusal && why != byLoss {
		gone.by = by.server
	}
	switch {
	case s.dead == "":
		s.dead, s.over, s.gone = why, by, gone
		w.notef("%s has ended: %s", s, why)
	case s.gone.silent && gone.by != nil: // a logout counts, though the server did not know the session any more
		s.gone = gone
	}
}

// learn reads a token that somebody was given.
func (w *world) learn(raw string, who *person) *token {
	if t := w.model.texts[raw]; t != nil {
		return t
	}
	_, rest, _ := strings.Cut(raw, ".")
	body, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		w.fail("a token that nobody can read", err)
	}
	c := claims(text)
	t := &token{raw: raw, scopes: setOf(strings.Fields(c.text("scope")))}
	id := c.text("jti")
	if t.grant = w.model.grants[id]; t.grant == nil {
		t.grant = &grant{
			id: id, kind: c.text("type"), who: who, sess: w.model.sessions[c.text("sid")],
			refresh: c.text("type") == "refresh",
			born:    milliseconds(id), issued: c.time("iat"), expires: c.time("exp"),
		}
		t.enlist()
		w.model.grants[id] = t.grant
	}
	if sid := c.text("sid"); c.text("sub") != who.name || sid != "" && (t.sess == nil || t.sess.id != sid) {
		w.fail("a token of somebody else", c.text("sub"), c.text("sid"), "for", who.name)
	}
	if t.expires.Before(t.issued) || t.sess != nil && t.expires.After(t.sess.end) {
		w.fail("a token that lives too long", t, "until", t.expires)
	}
	w.model.texts[raw] = t
	t.text = t
	return t
}

// enlist makes the token one of its session.
func (t *token) enlist() {
	s := t.sess
	if s == nil {
		return
	}
	s.tokens++
	t.number = s.tokens
	if t.refresh {
		s.refresh, s.expires = t, latest(s.expires, t.expires)
	} else {
		s.access = t
	}
}

func (p *person) String() string { return p.name }
func (s *sess) String() string   { return "session " + strconv.Itoa(s.number) }

func (g *grant) String() string {
	if g.sess == nil {
		return g.kind + " token of " + g.who.name
	}
	return fmt.Sprintf("%s token %d of %s", g.kind, g.number, g.sess)
}

// claims is the text of a payload: flat, as our own are.
type claims string

func (c claims) raw(name string) string {
	_, rest, found := strings.Cut(string(c), `"`+name+`":`)
	if !found {
		return ""
	}
	if rest[0] == '"' {
		return rest[:strings.IndexByte(rest[1:], '"')+2]
	}
	return rest[:strings.IndexAny(rest, ",}")]
}

func (c claims) text(name string) string { return strings.Trim(c.raw(name), `"`) }

func (c claims) time(name string) time.Time {
	seconds, _ := strconv.ParseInt(c.raw(name), 10, 64)
	return time.Unix(seconds, 0).UTC()
}

// milliseconds is the instant in a UUIDv7.
func milliseconds(id string) time.Time {
	ms, err := strconv.ParseInt(strings.ReplaceAll(id[:13], "-", ""), 16, 64)
	if err != nil {
		panic(err)
	}
	return time.UnixMilli(ms).UTC()
}

// touch notes that a logout everywhere may just have been carried out: what had begun is uncertain.
func (w *world) touch(l *logouts, people []*person) {
	l.touched = w.tick()
	for _, p := range people {
		for _, s := range p.sessions {
			s.maybe = true
		}
	}
}

// loggedOut notes the end of a call that logs people out everywhere.
func (w *world) loggedOut(l *logouts, people []*person, c *call, became effect) {
	if became == none {
		return
	}
	l.maybe = latest(l.maybe, w.greatestMark(c))
	if c.err == nil {
		l.sure = append(l.sure, mark{c.lo, w.fact(c.server)})
		for _, p := range people {
			for _, s := range p.sessions {
				if s.begun < c.began {
					w.finish(s, "logout everywhere", c)
				}
			}
		}
	}
	if became != pending {
		w.touch(l, people)
	}
}

// greatestMark is the latest that a logout may count as. A node that has just logged somebody out issues tokens as of
// the next millisecond, and its next logout reaches them.
func (w *world) greatestMark(c *call) time.Time {
	at := c.hi
	for _, g := range w.model.grants {
		if ahead := g.born.Sub(c.hi); 0 < ahead && ahead <= 10*time.Millisecond {
			at = latest(at, g.born)
		}
	}
	return at
}

// entered notes a session that a login has returned.
func (w *world) entered(c *call, who *person, sid string, rivals int) *sess {
	s := &sess{
		number: len(w.model.sessions) + 1, id: sid, who: who, asked: c.began, begun: w.tick(),
		start: milliseconds(sid), rivals: rivals,
	}
	s.end = s.start.Add(w.plan.settings.sessionTTL).Truncate(time.Second)
	s.maybe = max(who.touched, w.model.everyone.touched) > c.began
	if w.model.sessions[sid] != nil {
		w.fail("a session begins twice", s)
	}
	w.model.sessions[sid] = s
	who.sessions = append(who.sessions, s)
	return s
}

// evict notes what a login has ended for sure: sessions after which as many began as may be, and go on.
func (w *world) evict(c *call, who *person) {
	begun := who.sessions[len(who.sessions)-1]
	for _, s := range who.sessions {
		later := 0
		for _, other := range who.sessions {
			after := other.asked > s.begun && (other.begun < c.began || other == begun)
			if after && w.certain(other) && other.expires.After(c.hi) {
				later++
			}
		}
		if later >= c.server.limit {
			w.finish(s, byLimit, c)
		}
	}
}

// evicted notes that a session is found to have ended, which only later logins can have done. Of those that were
// entered last as many as may be go on.
func (w *world) evicted(s *sess, c *call) {
	known, kept := 0, 0
	for _, other := range s.who.sessions {
		if other != s && other.begun > s.asked {
			known++
			if other.dead != byLimit {
				kept++
			}
		}
	}
	if known == s.rivals && kept < w.model.limit {
		w.fail("evicted for nothing", s, "though only", kept, "others go on")
	}
	w.finish(s, byLimit, c)
}

// alarm hears that a session has ended because of a theft.
func (w *world) alarm(sid string) {
	s := w.model.sessions[sid]
	switch {
	case s == nil:
		w.fail("an alarm about no session", sid)
		return
	case s.adrift && s.dead == "":
		return
	case s.dead != "" && (s.over == nil || s.over.ended != 0 && s.over.ended < w.top.began):
		w.fail("an alarm about a session that had ended", s, "by", s.dead)
	}
	if s.alarms++; s.alarms > 1 {
		w.fail("two alarms about one session", s)
	}
	w.top.alarms = append(w.top.alarms, s)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// withdraw forgets a call that has not been carried out.
func (g *grant) withdraw(c *call) {
	g.asks = slices.DeleteFunc(g.asks, func(a *call) bool { return a == c })
}
