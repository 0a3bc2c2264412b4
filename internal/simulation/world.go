package simulation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
)

// epoch is when every history begins.
var epoch = time.Unix(1893456000, 0).UTC()

var secret = []byte("simulation-secret-0123456789abcdef-0123456789abcdef-0123456789abcdef")

// world plays one plan.
type world struct {
	plan    *plan
	ctx     context.Context
	store   session.Store // as the managers' network does not show it, where it is in memory
	engine  Engine        // or else what the stores are on
	storeOf func(s *server) session.Store
	servers []*server
	holders []*holder

	elapsed time.Duration // the true time
	latest  time.Time     // that any clock has said
	cursor  int           // the next step
	played  int           // how many have begun
	depth   int           // how many calls wait while others go on
	ticks   int           // orders what happened, the true time does not
	frame   *frame
	top     *call
	late    []*lateCall
	pause   int // how many steps a store that is not atomic lets in
	saved   int // when another server had heard all
	emptied bool

	model   model
	counts  counts
	failure *failure
	trace   func(line string)
}

// server is a process with a manager.
type server struct {
	*jot.Manager
	node
	index                 int
	cut                   time.Duration // until when it reaches no server
	polled, heard         time.Duration // when its replica asked for news, and when for the last that came
	told                  int           // as heard
	polling               bool
	refresh, logout, page http.Handler
}

// failure is an invariant that did not hold.
type failure struct{ rule, detail string }

func (f *failure) String() string { return f.rule + ": " + f.detail }

// frame is a step that is being played, and how many of its faults have happened.
type frame struct {
	*step
	used int
	told int // of the faults of polls
}

// call is one call of the public API.
type call struct {
	what         []any
	outer        *call // which waits meanwhile
	frame        *frame
	server       *server
	began, ended int
	others       int       // steps that were played meanwhile
	lo, hi       time.Time // what the server's clock said during it, in whole milliseconds
	asked        int       // how many calls of the store it has made
	effects      [methods]effect
	lost         bool         // a call of the store was made to fail
	repeated     bool         // one was carried out twice
	spared       bool         // its failure fails nothing but a renewal
	presents     *token       // for refreshing, or for a renewal beside an access token
	settle       func(method) // a call of the store that was late has been carried out
	alarms       []*sess
	failedRenew  bool
	err          error
	faults       []string // for the trace
}

// roomOf is how many entries of each kind the store takes: more than a history makes.
const roomOf = 200

// ground is what is behind the managers of a history: what the network shows of the store to each.
type ground func(w *world) func(s *server) session.Store

// inMemory is a store in memory, or what plant makes of it.
func inMemory(plant func(session.Store) session.Store) ground {
	return func(w *world) func(s *server) session.Store {
		if w.store = plant(newReference()); !w.plan.settings.eager {
			w.store = plant(memstore.New(memstore.MaxEntries(roomOf)))
		}
		return func(*server) session.Store { return &faulty{w.store, w} }
	}
}

// play plays a plan. trace may be nil.
func play(p *plan, on ground, trace func(string)) (failed *failure, counted counts) {
	w := &world{plan: p, trace: trace}
	defer func() {
		if reason := recover(); reason != nil {
			failed = &failure{"panic", fmt.Sprintf("%v\n%s", reason, debug.Stack())}
		}
	}()
	w.ctx = context.WithValue(context.Background(), worldKey{}, w)
	w.model.init(w)
	w.storeOf = on(w)
	for i, n := range p.settings.nodes {
		w.servers = append(w.servers, w.newServer(i, n))
	}
	w.holders = newHolders(&p.settings, w.model.people)
	for w.cursor < len(p.steps) && w.failure == nil {
		w.next()
	}
	w.carryOut(len(p.steps) + 1<<10)
	if w.failure == nil {
		w.frame = &frame{step: new(step)}
		w.lookBack()
	}
	if p.settings.flush && w.failure == nil {
		w.checkEmpty()
	}
	return w.failure, w.counts
}

func (w *world) newServer(index int, n node) *server {
	s, set := &server{node: n, index: index}, &w.plan.settings
	opts := []jot.Option{
		wire.Profile{}, // jot's own rules; New leaves access tokens that outlive refresh tokens to whoever gives one
		jot.WithStore(w.storeOf(s)), jot.WithStoreTimeout(time.Minute),
		jot.WithRotationGrace(n.grace), jot.WithMaxSessions(n.limit),
		jot.WithAccessTTL(set.accessTTL), jot.WithRefreshTTL(set.refreshTTL), jot.WithSessionTTL(set.sessionTTL),
		jot.WithClock(func() time.Time { return w.clock(n.offset) }),
		jot.WithEventHandler(func(_ context.Context, e jot.Event) { w.happened(e) }),
		jot.WithErrorHandler(func(rw http.ResponseWriter, _ *http.Request, err error) {
			w.top.err = err
			rw.WriteHeader(http.StatusTeapot)
		}),
	}
	if set.cookies {
		opts = append(opts, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions())
	}
	m, err := jot.New(jot.HS256(secret), opts...)
	if err != nil {
		panic(err)
	}
	s.Manager, s.refresh, s.logout = m, m.RefreshHandler(), m.LogoutHandler()
	s.page = m.Required()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return s
}

// clock reads a node's clock, and takes note of what the call now going on was told.
func (w *world) clock(offset time.Duration) time.Time {
	at := w.now().Add(offset)
	cut := at.Truncate(time.Millisecond)
	w.latest = latest(w.latest, cut)
	if c := w.top; c == nil {
		w.model.began(cut)
	} else {
		if c.lo.IsZero() || cut.Before(c.lo) {
			c.lo = cut
		}
		if cut.After(c.hi) {
			c.hi = cut
		}
	}
	return at
}

// now is the true time.
func (w *world) now() time.Time { return epoch.Add(w.elapsed) }

// next plays a step.
func (w *world) next() {
	st := &w.plan.steps[w.cursor]
	w.cursor++
	w.played++
	w.elapsed += st.gap
	w.carryOut(w.played)
	outer, top := w.frame, w.top
	w.frame = &frame{step: st}
	w.polls()
	w.act(st)
	w.frame, w.top = outer, top
}

const maxDepth = 3

// interleave plays the next steps while a call is on its way.
func (w *world) interleave(n int) {
	if w.depth == maxDepth || w.depth == 1 && w.plan.settings.calm {
		return
	}
	w.depth++
	for range n {
		if w.cursor < len(w.plan.steps) && w.failure == nil {
			w.next()
		}
	}
	w.depth--
}

// call prepares one call of the public API.
func (w *world) call(s *server, what ...any) *call {
	return &call{what: what, outer: w.top, frame: w.frame, server: s, began: w.tick()}
}

// String says who does what.
func (c *call) String() string { return strings.TrimSuffix(fmt.Sprintln(c.what...), "\n") }

// make makes it.
func (w *world) make(c *call, f func(ctx context.Context) error) {
	w.polls()
	w.top = c
	at, played := w.elapsed, w.played
	if err := f(w.ctx); err != nil {
		c.err = err
	}
	w.top = c.outer
	c.ended, c.others = w.tick(), w.played-played
	if w.trace != nil {
		w.describe(c, at)
	}
	switch unavailable := is(c.err, jot.ErrUnavailable); {
	case unavailable && !c.lost:
		w.fail("cannot tell, though the store did", c, c.err)
	case c.lost && c.err == nil && !c.spared:
		w.fail("a failing store was taken for an answer", c, "was accepted")
	case c.lost && c.err != nil && !unavailable:
		w.fail("a failing store was taken for an answer", c, c.err)
	case unavailable:
		w.count(unavailableAnswered)
	}
}

func (w *world) tick() int {
	w.ticks++
	return w.ticks
}

// fail notes the first invariant that does not hold. The history ends there.
func (w *world) fail(rule string, detail ...any) {
	if w.failure != nil {
		return
	}
	w.failure = &failure{rule, strings.TrimSuffix(fmt.Sprintln(detail...), "\n")}
	if w.trace != nil {
		w.trace("FAILS " + w.failure.String())
		w.trace = nil
	}
}

// describe writes a line of the history.
func (w *world) describe(c *call, at time.Duration) {
	outcome := "ok"
	if e, ok := errors.AsType[*jot.Error](c.err); ok {
		outcome = strings.TrimPrefix(e.Err.Error(), "jot: ")
	} else if c.err != nil {
		outcome = c.err.Error()
	}
	faults := ""
	if len(c.faults) > 0 {
		faults = " [" + strings.Join(c.faults, ", ") + "]"
	}
	var told strings.Builder
	for _, s := range c.alarms {
		told.WriteString(", EventReused of " + s.String())
	}
	w.line(at, fmt.Sprintf("node %d  %s%s: %s", c.server.index, c, faults, outcome+told.String()))
}

// notef writes another line of it.
func (w *world) notef(format string, args ...any) {
	if w.trace != nil {
		w.line(w.elapsed, fmt.Sprintf(format, args...))
	}
}

func (w *world) line(at time.Duration, text string) {
	w.trace(fmt.Sprintf("%s%10s  %s", strings.Repeat("  | ", w.depth), at.Round(time.Microsecond), text))
}

// happened hears the managers' events.
func (w *world) happened(e jot.Event) {
	switch e.Kind {
	case jot.EventReused:
		w.alarm(e.SessionID)
	case jot.EventRenewalFailed:
		w.top.failedRenew = true
	case jot.EventRewound:
		if s := w.model.sessions[e.SessionID]; s == nil || !s.adrift {
			w.fail("a token from the future", "EventRewound, though the store forgot nothing")
		}
	default: // it shows in what the call returns
	}
}

const hoarded = "the store keeps what nobody needs"

// checkEmpty looks whether there is room when everyone was logged out, and whether everything is forgotten when nothing
// can be alive any more.
func (w *world) checkEmpty() {
	held, ok := w.store.(interface {
		Len() (revoked, sessions int)
	})
	if !ok {
		return
	}
	now := epoch.Add(w.elapsed)
	if err := w.store.RevokeAll(w.ctx, now); err != nil {
		panic(err)
	}
	for i := range roomOf {
		name := "crowd " + strconv.Itoa(i)
		r := session.Record{Subject: name, Session: name, Current: name, Start: now, Expires: now.Add(time.Hour)}
		if err := w.store.Begin(w.ctx, r, 1); err != nil {
			w.fail(hoarded, "no room for", roomOf, "logins after a logout of everyone:", err)
		}
	}
	at := epoch.Add(w.elapsed + session.MaxTokenLife + 24*time.Hour)
	for range 600 {
		at = at.Add(time.Second)
		if _, err := w.store.Check(w.ctx, session.Query{Subject: "nobody", Token: "none", Now: at}); err != nil {
			panic(err)
		}
	}
	for i := range roomOf { // one mark for each subject
		name := "nobody " + strconv.Itoa(i)
		if err := w.store.RevokeSubject(w.ctx, name, at, at.Add(session.MaxTokenLife)); err != nil {
			w.fail(hoarded, "no room for", roomOf, "logouts:", err)
		}
	}
	if revoked, sessions := held.Len(); revoked != 0 || sessions != 0 {
		w.fail(hoarded, revoked, "revoked tokens and", sessions, "sessions when everything has expired")
	}
	w.count(emptied)
}
