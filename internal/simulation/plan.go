package simulation

import (
	"math/rand/v2"
	"time"
)

// plan is a history before it happens. It follows from its seed, or is what shrinking has left of one.
type plan struct {
	seed     uint64
	settings settings
	steps    []step
}

// settings are what does not change within a history.
type settings struct {
	nodes                             []node
	users, browsers, tabs, thieves    int
	shared                            bool // the tabs of a browser share its cookies, or each keeps tokens of its own
	cookies                           bool // with sliding sessions, or tokens in headers
	accessTTL, refreshTTL, sessionTTL time.Duration
	lossy                             int  // of a hundred calls of the store so many go wrong
	flush                             bool // look whether the store is empty when all has expired
	calm                              bool // nobody is logged out, and delays and clocks stay within the grace
	eager                             bool // the store is the reference, which forgets as soon as it may
	young                             bool // the store of an engine is new, and not hours old
	pace                              time.Duration
}

// node is a process with a manager. Their settings may differ for a while, when a new version is rolled out.
type node struct {
	offset, grace time.Duration // of its clock, and its rotation's
	limit         int           // of sessions for each user

	replica            bool
	staleness, horizon time.Duration // of it
}

// step is what somebody does. Its numbers count modulo what there is, so a step keeps its meaning when others go.
type step struct {
	verb   verb
	who    int // of the holders
	node   int
	arg    int
	gap    time.Duration // after the step before
	faults [4]fault      // of the calls of the store that it makes
	polls  [4]fault      // of what replicas ask meanwhile
}

type verb int

const (
	login verb = iota
	use
	visit
	refresh
	flood
	again
	stay
	look
	logout
	logoutUser
	newPassword
	logoutAll
	revoke
	endSession
	list
	stepUp
	mint
	useLoose
	link
	useLink
	steal
	wait
	// Those of servers and replicas.
	haunt
	cut
	restart
	save
	failOver
	lose
	verbs // how many there are
)

var verbNames = [verbs]string{
	login: "login", use: "use", visit: "visit", refresh: "refresh", flood: "flood", again: "again", stay: "stay",
	look: "look", logout: "logout", logoutUser: "logout everywhere", newPassword: "new password",
	logoutAll: "logout of everyone", revoke: "revoke a token", endSession: "end a session", list: "list",
	stepUp: "step up", mint: "token of no session", useLoose: "use a token of no session", link: "link",
	useLink: "use a link", steal: "steal", wait: "wait", haunt: "use what was kept", cut: "a node is cut off",
	restart: "a node begins anew",
	save:    "another server has heard all", failOver: "another server takes over", lose: "the server loses all",
}

func (v verb) String() string { return verbNames[v] }

// often is how often a verb is chosen, before a seed prefers some of them.
var often = [verbs]int{
	login: 8, use: 10, visit: 8, refresh: 22, flood: 2, again: 5, stay: 2, look: 3, logout: 3, logoutUser: 2,
	newPassword: 2, logoutAll: 2, revoke: 3, endSession: 2, list: 3, stepUp: 2, mint: 3, useLoose: 4, link: 3,
	useLink: 6, steal: 6, wait: 16,
}

// fault is what happens to one call of the store.
type fault struct {
	kind  faultKind
	steps int // how many other steps are played meanwhile
}

type faultKind int

const (
	fine       faultKind = iota
	lostBefore           // an error, and not carried out
	lostAfter            // carried out, and an error
	twice                // carried out twice, with other steps between; the second answer counts
	slow                 // other steps are played before it is carried out
	slowAnswer           // other steps are played where a store that is not atomic lets them, or else before the answer
	late                 // an error, and carried out after other steps
	faultKinds
)

var faultNames = [faultKinds]string{"", "lost before", "lost after", "twice", "slow", "slow answer", "late"}

// newPlan draws a plan.
func newPlan(seed uint64) plan {
	random := rand.New(rand.NewPCG(seed, 0x6a6f74)) //nolint:gosec // so that it can be repeated
	p := plan{seed: seed, settings: newSettings(random)}
	// Some seeds do some things much more often, and others never.
	var weights [verbs]int
	total := 0
	for v := range haunt {
		weights[v] = often[v] * pick(random, 0, 1, 1, 1, 4)
		if p.settings.calm && !calm[v] {
			weights[v] = 0
		}
		if v == login || v == refresh || v == visit && p.settings.cookies {
			weights[v] = max(weights[v], often[v])
		}
		total += weights[v]
	}
	p.steps = make([]step, 30+random.IntN(51))
	for i := range p.steps {
		p.steps[i] = newStep(random, &p.settings, drawn(random, weights[:], total))
		if i > 0 && random.IntN(5) == 0 { // somebody clicks twice, or somebody else does the same at once
			before := &p.steps[i-1]
			p.steps[i].verb, p.steps[i].who, p.steps[i].arg = before.verb, before.who, before.arg
		} else if i > 0 && p.steps[i-1].verb == link {
			p.steps[i].verb, p.steps[i].who, p.steps[i].arg = useLink, p.steps[i-1].who, 1
		}
	}
	for i := range min(3, p.settings.browsers) { // nothing happens before somebody has logged in
		p.steps[i].verb, p.steps[i].who = login, i*p.settings.tabs
	}
	return p
}

func newSettings(random *rand.Rand) settings {
	s := settings{
		users: 1 + random.IntN(2), browsers: 1 + random.IntN(3), tabs: 1 + random.IntN(3),
		thieves: pick(random, 0, 1, 1, 2), shared: random.IntN(3) > 0, cookies: random.IntN(3) == 0,
		accessTTL:  pick(random, 20*time.Second, time.Minute, 5*time.Minute, 10*time.Minute),
		refreshTTL: pick(random, time.Minute, 5*time.Minute, 20*time.Minute),
		lossy:      pick(random, 0, 0, 3, 10, 30),
		flush:      random.IntN(8) == 0,
		eager:      random.IntN(4) == 0,
		pace:       pick(random, 0, 100*time.Millisecond, 2*time.Second, 20*time.Second),
	}
	s.sessionTTL = time.Duration(pick(random, 1, 3, 20)) * max(s.accessTTL, s.refreshTTL)
	apart := pick(random, 0, 50*time.Millisecond, time.Second, 8*time.Second, 30*time.Second)
	grace := pick(random, 0, 2*time.Second, 10*time.Second, 10*time.Second, time.Minute)
	limit := pick(random, 1, 3, 100, 100)
	s.nodes = make([]node, 1+random.IntN(4))
	for i := range s.nodes {
		s.nodes[i] = node{offset: between(random, -apart, apart), grace: grace, limit: limit}
	}
	if random.IntN(6) == 0 {
		s.calmDown(random)
	} else if random.IntN(8) == 0 {
		s.nodes[0].grace, s.nodes[0].limit = pick(random, 0, 10*time.Second), pick(random, 2, 100)
	}
	return s
}

// calm are the verbs that log nobody out.
var calm = [verbs]bool{
	login: true, use: true, visit: true, refresh: true, flood: true, look: true, list: true, stepUp: true, wait: true,
}

// calmDown makes the settings such that no honest client may be logged out: clocks are less than half the grace apart,
// and delays and repetitions take less than the other half.
func (s *settings) calmDown(random *rand.Rand) {
	s.calm, s.shared, s.thieves = true, true, 0
	s.accessTTL, s.refreshTTL, s.sessionTTL = 5*time.Minute, 20*time.Minute, 100*time.Minute
	grace := pick(random, 2*time.Second, 10*time.Second, time.Minute)
	for i := range s.nodes {
		s.nodes[i] = node{offset: between(random, -grace/4, grace/4), grace: grace, limit: 100}
	}
	s.pace = grace / 20
}

func newStep(random *rand.Rand, s *settings, v verb) step {
	st := step{verb: v, who: random.IntN(1 << 10), node: random.IntN(1 << 10), arg: random.IntN(1 << 16)}
	switch random.IntN(4) {
	case 0, 1:
		st.gap = time.Duration(random.IntN(5)) * time.Millisecond
	case 2:
		st.gap = between(random, 0, s.pace)
	case 3:
		st.gap = between(random, 0, 3*time.Second)
	}
	if s.calm {
		st.gap = between(random, 0, s.pace)
	}
	for i := range st.faults {
		if random.IntN(100) < s.lossy {
			st.faults[i] = fault{kind: 1 + faultKind(random.IntN(int(faultKinds)-1)), steps: 1 + random.IntN(4)}
		}
		if s.calm && st.faults[i].kind == late {
			st.faults[i].kind = lostAfter
		}
	}
	return st
}

func drawn(random *rand.Rand, weights []int, total int) verb {
	n := random.IntN(total)
	for v, weight := range weights {
		if n -= weight; n < 0 {
			return verb(v)
		}
	}
	panic("the weights are less than their sum")
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// between is in microseconds, so that what is cut to milliseconds shows.
func between(random *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(random.Int64N(int64((to-from)/time.Microsecond)+1))*time.Microsecond
}

// newReplicaPlan draws a plan for an engine, some nodes of which have a replica.
func newReplicaPlan(seed uint64) plan {
	random := rand.New(rand.NewPCG(seed, 0x7265706c696361)) //nolint:gosec // as above
	p := newPlan(seed)
	s := &p.settings
	s.eager, s.flush, s.young = false, false, random.IntN(10) == 0
	if len(s.nodes) == 1 && random.IntN(4) > 0 {
		s.nodes = append(s.nodes, s.nodes[0])
	}
	staleness := pick(random, 20*time.Millisecond, time.Second, time.Second, time.Second, 10*time.Second, time.Minute)
	horizon := pick(random, time.Minute, 5*time.Minute, 15*time.Minute, 15*time.Minute, time.Hour)
	for i := range s.nodes {
		s.nodes[i].staleness, s.nodes[i].horizon = staleness, horizon
		s.nodes[i].replica = i == 0 || random.IntN(4) > 0
	}
	silent := pick(random, 0, 10, 50, 90) // so many of a hundred questions for news go wrong
	losses := random.IntN(3) == 0
	for i := range p.steps {
		p.steps[i].misfortune(random, s.calm, losses)
		if i > 0 && follows[p.steps[i-1].verb] != nil && random.IntN(2) == 0 {
			p.steps[i].verb = pick(random, follows[p.steps[i-1].verb]...)
		}
		for j := range p.steps[i].polls {
			if random.IntN(100) < silent {
				kind := pick(random, lostBefore, lostBefore, lostAfter, slow, slowAnswer)
				p.steps[i].polls[j] = fault{kind, 1 + random.IntN(4)}
			}
		}
	}
	return p
}

// follows are what often comes after a verb: somebody keeps what has ended, and does it again where it was lost.
var follows = [verbs][]verb{
	logout: {haunt}, logoutUser: {haunt}, logoutAll: {haunt}, revoke: {haunt}, endSession: {haunt}, useLoose: {haunt},
	lose: {haunt}, save: {login, logout, failOver}, failOver: {logout, endSession, haunt, login},
}

// misfortune makes a step one of those that befall servers and nodes, now and then.
func (st *step) misfortune(random *rand.Rand, calm, losses bool) {
	n := random.IntN(100)
	switch {
	case calm:
	case st.verb == logoutAll && n < 70: // after it the replicas ask about all
		st.verb = haunt
	case n < 6:
		st.verb = haunt
	case n < 9:
		st.verb = cut
	case n < 11:
		st.verb = restart
	case losses && n < 20:
		st.verb = pick(random, save, save, save, failOver, failOver, lose)
	}
}
