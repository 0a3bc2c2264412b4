package simulation

import (
	"slices"
	"time"

	"github.com/go-jot/jot/session"
)

// Engine is what the stores of a history's nodes are on, one history after the other: a server of the engine's, and in
// front of it the code that is tested. All that a node says to the server it says through its [Link].
type Engine interface {
	// Begin empties the server, and makes the store of a new history, as of an age.
	Begin(age time.Duration)
	// Open returns the store of a node whose process has begun, with or without a replica as the link says. If the
	// server has no data, the store begins as if everyone had been logged out at since.
	Open(link *Link, since time.Time) session.Store
	// Poll lets a node's replica ask for news, which it does not do by itself.
	Poll(node int) error
	// Save keeps what the server has. FailOver puts that in its place, on a server whose clock is off by some time.
	Save()
	FailOver(skew time.Duration)
	// Lose empties the server.
	Lose()
}

// Link is a node's way to the server of its history.
type Link struct {
	world  *world
	server *server
}

// Node is the node's number in its history.
func (l *Link) Node() int { return l.server.index }

// Replica returns the settings of the node's replica; ok says whether it has one.
func (l *Link) Replica() (staleness, horizon time.Duration, ok bool) {
	return l.server.staleness, l.server.horizon, l.server.replica
}

// Now returns the true time.
func (l *Link) Now() time.Time { return l.world.now() }

// Call sends a call to the server: deliver is not called, or once, or twice, now or when others have called, and what
// it has returned may be lost. name is the method of the store, or "Open" for what a store that was emptied needs.
func (l *Link) Call(name string, deliver func() error) error {
	m := slices.Index(methodNames[:], name)
	if m < 0 {
		panic("no method of a store: " + name)
	}
	return l.world.pass(method(m), deliver)
}

// Poll is as Call, for what a replica asks.
func (l *Link) Poll(deliver func() error) error { return l.world.passPoll(l.server, deliver) }

// onEngine is a ground with replicas.
func onEngine(e Engine) ground {
	return func(w *world) func(s *server) session.Store {
		w.engine = e
		age := 3 * time.Hour // so that nobody remembers that it was made
		if w.plan.settings.young {
			age = 0
		}
		e.Begin(age)
		return func(s *server) session.Store {
			since := w.clock(s.offset)
			if len(w.servers) == 0 { // what is of this very millisecond is its own
				since = since.Add(-time.Millisecond)
			}
			return e.Open(&Link{w, s}, since)
		}
	}
}
