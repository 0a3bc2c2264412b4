package simulation

import (
	"slices"
	"time"
)

// fact is when something was known to be revoked, and by which node, whose replica has to know it at once; nil for
// what the others have to hear of. The zero fact is none.
type fact struct {
	at     time.Duration
	tick   int
	by     *server
	silent bool // no replica will hear of it
}

// mark is a logout everywhere, by its node's clock.
type mark struct {
	clock time.Time
	fact
}

func (w *world) fact(by *server) fact { return fact{at: w.elapsed, tick: w.tick(), by: by} }

func (f fact) known() bool { return f.tick > 0 }

// binds reports whether a server must know f when it is asked about a token now: at once where it has no replica, or
// none that may answer about that token, or where it was the one that did it; or else when it has heard the news, and
// when the staleness has passed.
func (w *world) binds(t *token, s *server, f fact) bool {
	heard := f.tick < s.told || f.at+s.staleness < w.elapsed
	return !s.recalls(t.grant) || f.by == s || !f.silent && heard
}

// recalls reports whether a replica may answer about a token by itself.
func (s *server) recalls(g *grant) bool {
	return s.replica && !g.refresh && g.expires.Sub(g.born) <= s.horizon
}

// checkRecall judges an acceptance for which no store was asked.
func (w *world) checkRecall(v view, c *call) {
	s := c.server
	switch {
	case c.asked > 0:
	case !s.recalls(v.grant):
		w.fail("accepted, though nobody has asked the store", v)
	case w.elapsed-s.heard > s.staleness:
		w.fail("an answer from memory that is too old", v, "by what was heard", w.elapsed-s.heard, "ago")
	default:
		w.count(recalled)
		if v.sess != nil && v.sess.dead != "" || v.grant.revoked.known() {
			w.count(recalledLate)
		}
	}
}

// countHeard counts a refusal by a node whose replica might have answered by itself.
func (w *world) countHeard(v view, c *call, why string) {
	if why == "" || !c.server.recalls(v.grant) {
		return
	}
	for _, f := range []struct {
		counts bool
		fact
	}{{v.barred, v.grant.revoked}, {v.dead != "", v.goneOf()}, {v.loggedOut.known(), v.loggedOut.fact}} {
		switch {
		case !f.counts:
		case f.by == c.server:
			w.count(ownHeard)
			return
		default:
			w.count(othersHeard)
			return
		}
	}
}

func (v view) goneOf() fact {
	if v.sess == nil {
		return fact{}
	}
	return v.sess.gone
}

// countUnanswered counts that a node which has heard nothing for too long does not answer.
func (w *world) countUnanswered(v view, c *call) {
	if c.server.recalls(v.grant) && w.elapsed-c.server.heard > c.server.staleness {
		w.count(heardNothing)
	}
}

// polls lets replicas ask for news that would have asked meanwhile: four times as often as they may be stale. What they
// would have asked while nobody did anything is one question, now.
func (w *world) polls() {
	for _, s := range w.servers {
		if s.replica && !s.polling && w.failure == nil && w.elapsed-s.polled >= s.staleness/4 {
			s.polling, s.polled = true, w.elapsed
			if err := w.engine.Poll(s.index); err != nil {
				w.notef("node %d hears no news", s.index)
			}
			s.polling = false
		}
	}
}

// passPoll sends the question of a replica through the network.
func (w *world) passPoll(s *server, deliver func() error) error {
	if !s.polling { // it begins
		return deliver()
	}
	f := &fault{}
	if w.frame != nil && w.frame.told < len(w.frame.polls) {
		f = &w.frame.polls[w.frame.told]
		w.frame.told++
	}
	if s.cut > w.elapsed || f.kind == lostBefore || f.kind == late {
		return errLost
	}
	began, tick := w.elapsed, w.tick()
	if f.kind == slow {
		w.notef("node %d asks for news, and waits", s.index)
		w.interleave(f.steps)
	}
	err := deliver()
	switch f.kind {
	case twice:
		err = deliver()
	case slowAnswer:
		w.notef("node %d waits for its news", s.index)
		w.interleave(f.steps)
	case lostAfter:
		return errLost
	case fine, lostBefore, slow, late, faultKinds:
	}
	if w.elapsed-s.polled > max(s.staleness, time.Second) { // it does not wait for longer
		return errLost
	}
	if err == nil {
		s.heard, s.told = began, tick
	}
	return err
}

// haunt uses an access token that somebody has kept, of a session that may have ended.
func (w *world) haunt(p *person, s *server, arg int) {
	tokens := p.loose
	for _, known := range p.sessions {
		if known.access != nil {
			tokens = append(slices.Clone(tokens), known.access)
		}
	}
	if len(tokens) > 0 {
		w.verify(p, "uses", s, tokens[len(tokens)-1-arg%min(3, len(tokens))], verifies)
	}
}

// cut parts a node from the server for a while.
func (w *world) cut(s *server, arg int) {
	s.cut = w.elapsed + time.Duration(1+arg%8)*max(s.staleness, time.Second)/2
	w.notef("node %d is cut off for %s", s.index, s.cut-w.elapsed)
}

// restart begins a node's process anew: its replica reads what there is.
func (w *world) restart(s *server) {
	if w.depth > 0 || w.engine == nil || s.cut > w.elapsed || s.polling {
		return
	}
	w.notef("node %d begins anew", s.index)
	tick := w.tick()
	if w.emptied { // it may be the first to find that out
		w.model.everyone.maybe = latest(w.model.everyone.maybe, w.clock(s.offset))
	}
	s = w.newServer(s.index, s.node)
	s.polled, s.heard, s.told = w.elapsed, w.elapsed, tick
	w.servers[s.index] = s
}

// save lets another server know what this one knows.
func (w *world) save() {
	if w.depth > 0 || w.engine == nil {
		return
	}
	w.engine.Save()
	w.saved = w.tick()
	w.notef("another server has heard all until now")
}

// failOver puts another server in the place of this one, which knows what it had heard, and whose clock differs.
func (w *world) failOver(arg int) {
	if w.depth > 0 || w.saved == 0 {
		return
	}
	skew := time.Duration(arg%11-5) * 20 * time.Second
	w.engine.FailOver(skew)
	w.notef("another server takes over, whose clock is off by %s", skew)
	w.lost(w.saved)
}

// lose takes all data from the server.
func (w *world) lose() {
	if w.depth > 0 {
		return
	}
	w.engine.Lose()
	w.emptied = true
	w.notef("the server has lost its data")
	w.lost(0)
	// Whoever finds that out first leaves the mark of a logout of everyone, by a clock of which this is the least.
	least := w.plan.settings.nodes[0].offset
	for _, n := range w.plan.settings.nodes {
		least = min(least, n.offset)
	}
	everyone := &w.model.everyone
	everyone.sure = append(everyone.sure, mark{w.now().Add(least).Truncate(time.Millisecond), w.fact(nil)})
}

// lost makes the model forget what nobody knows any more: what was done since.
func (w *world) lost(since int) {
	for _, l := range w.late { // on their way to a server that is no more
		if l.made.settle != nil {
			l.made.settle(l.of)
		}
	}
	w.late = nil
	for _, g := range w.model.grants {
		for _, f := range []*fact{&g.revoked, &g.used} {
			if f.tick > since {
				*f = fact{}
			}
		}
	}
	w.model.everyone.lost(since)
	for _, p := range w.model.people {
		p.lost(since)
		for _, s := range p.sessions {
			switch {
			case since == 0:
				if w.finish(s, byLoss, nil); s.gone.silent {
					s.gone = w.fact(nil) // replicas hear that all data were lost
				}
			case s.asked > since: // of a session that the server has never heard of they take a token's word
				w.finish(s, byLoss, nil)
				s.gone.silent = true
			case s.dead == "" || s.gone.tick > since:
				s.dead, s.over, s.gone, s.alarms, s.adrift, s.maybe = "", nil, fact{}, 0, true, true
			}
		}
	}
}

func (l *logouts) lost(since int) {
	l.sure = slices.DeleteFunc(l.sure, func(m mark) bool { return m.tick > since })
}
