//go:build unix

package histories_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
)

// game is processes that call the store of one server, round after round.
type game struct {
	t         testing.TB
	engine    engine
	server    server
	processes []*process
	random    *rand.Rand
	rounds    int
	began     int64       // the round
	orders    []string    // what each process was told in it
	replaced  []operation // of it, by processes that have been replaced
	faults    []fault
	planted   bool // a fault that shows soon where calls are close together
	everyone  int  // how many calls of a thousand of the last process log everyone out, if not as usual
	counts    counts
	blind     bool          // replicas answer nothing, as of the last round
	limit     time.Duration // for the checker, for each history
}

// counts say what a game has proven.
type counts struct {
	rounds, operations, unknown, histories, undecided int

	faults   map[string]int
	outcomes map[string]int
	recalls  recalls
	longest  int           // history
	slowest  time.Duration // check
	checking time.Duration
}

// finding is the history of a subject that cannot be explained.
type finding struct {
	subject string
	history []operation
}

// start starts the server of an engine and three processes that call it, of which some may be faulty.
func start(t testing.TB, e engine, s server, seed uint64, plant string) *game {
	t.Helper()
	g := &game{
		t: t, engine: e, server: s, random: rand.New(rand.NewPCG(seed, 0)), faults: e.faults, limit: limit(),
		planted: plant != "",
		counts:  counts{faults: map[string]int{}, outcomes: map[string]int{}},
	}
	dir := t.TempDir()
	for i := range 3 {
		p := &process{t: t, dir: dir, task: task{Engine: e.name, At: s.at(), Number: i, Planted: plant}}
		p.start()
		t.Cleanup(p.end)
		g.processes = append(g.processes, p)
	}
	return g
}

// limit is how long the checker may take for a history: it takes some 100 MB more each second.
func limit() time.Duration {
	if *duration > 0 {
		return time.Minute
	}
	return 10 * time.Second
}

// millis is a time between two, in ms.
func (g *game) millis(least, most int) time.Duration {
	return time.Duration(least+g.random.IntN(most-least+1)) * time.Millisecond
}

// rest lets the processes go on for some ms.
func (g *game) rest(least, most int) { <-time.After(g.millis(least, most)) }

// play lets the processes go on until they have done something, however busy the machine is.
func (g *game) play() {
	g.t.Helper()
	written := func() (n int64) {
		for _, p := range g.processes {
			n += p.written()
		}
		return n
	}
	most := written() + enough
	if g.planted {
		most += 2 * enough
	}
	g.rest(200, 400)
	require.Eventually(g.t, func() bool { return written() > most }, patience, 5*time.Millisecond)
}

// enough is what they write of some hundred calls.
const enough = 100_000

// replace kills a process, and starts another one in its place.
func (g *game) replace(p *process) {
	p.kill()
	g.replaced = append(g.replaced, p.read()...)
	p.start()
	p.say(g.orders[p.task.Number])
	p.hear(ready)
}

// round plays one, and returns what cannot be explained of it.
func (g *game) round() []finding {
	g.t.Helper()
	f := g.faults[g.rounds%len(g.faults)]
	subjects := g.begin()
	g.play()
	f.happen(g)
	g.counts.faults[f.name]++
	g.play()
	for _, p := range g.processes {
		p.say(stop)
	}
	for _, p := range g.processes {
		p.hear(done)
	}
	require.Eventually(g.t, func() bool { return g.server.callers() == 0 }, patience, 5*time.Millisecond)
	settled := monotonic()
	history := g.replaced
	for _, p := range g.processes {
		history = append(history, p.read()...)
	}
	for i := range history {
		history[i].over = min(history[i].over, settled)
	}
	history = append(history, g.observe(subjects, history)...)
	g.rounds++
	return g.check(history)
}

// epoch is when the first round begins, by a right clock. Each begins an hour after the one before.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// begin tells the processes what to do, with clocks that are apart by little or by much.
func (g *game) begin() (subjects []string) {
	for _, p := range g.processes {
		if p.dead {
			p.start()
		}
	}
	n := 3 + g.random.IntN(4)
	if g.engine.staleness > 0 && !g.planted {
		n += 10
	}
	for i := range n {
		subjects = append(subjects, fmt.Sprintf("round %d, subject %d", g.rounds, i))
	}
	spread := []time.Duration{0, 40 * time.Millisecond, time.Second, 20 * time.Second}[g.random.IntN(4)]
	r := round{
		Number: g.rounds, Subjects: subjects, Users: 4, Loose: 4, Logouts: 20,
		Patience: 400 * time.Millisecond, Pause: 30 * time.Millisecond, Slowest: -spread,
	}
	every := 2
	if g.engine.staleness > 0 { // replicas answer nothing after a logout, and take no notice of what expires
		every, r.Logouts, r.Loose, r.Looks, r.Lasting = 4, 3, 16, true, true
		if g.blind { // since everyone was logged out
			g.server.(*redisServer).age()
		}
	}
	if g.planted {
		r.Logouts = 20
	}
	if g.everyone == 0 && g.random.IntN(every) == 0 {
		r.Everyone = 4 / every
	}
	g.blind = r.Everyone > 0 || g.everyone > 0
	g.began, g.orders, g.replaced = monotonic(), nil, nil
	for i, p := range g.processes {
		if r.Seed = g.random.Uint64(); g.everyone > 0 {
			r.Everyone = []int{0, 0, g.everyone}[i] // whose clock is ahead
		}
		r.Clock = clock{g.hour(), g.began, time.Duration(i-1) * spread}
		r.Grace = []time.Duration{0, 50 * time.Millisecond, time.Second, time.Minute}[g.random.IntN(4)]
		text, err := json.Marshal(r)
		require.NoError(g.t, err)
		g.orders = append(g.orders, string(text))
		p.say(string(text))
	}
	for _, p := range g.processes {
		p.hear(ready)
	}
	return subjects
}

func (g *game) hour() time.Time { return epoch.Add(time.Duration(g.rounds) * time.Hour) }

// observer is the caller who asks for everything when all others have gone.
const observer = 300

// observe asks for all that there is of some subjects, and for all that was revoked.
func (g *game) observe(subjects []string, history []operation) []operation {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	at, err := reachAgain(g.engine.reach, g.server.at(), 0)
	require.NoError(g.t, err)
	defer at.close()
	var out bytes.Buffer
	record := &recorder{out: &out}
	now := clock{Base: g.hour(), Began: g.began}.now()
	ask := func(c *call) answer {
		a := record.ask(ctx, at, 0, c)
		for a.Failed != "" && ctx.Err() == nil {
			a = record.ask(ctx, at, 0, c)
		}
		require.Empty(g.t, a.Failed)
		return a
	}
	for _, subject := range subjects {
		for _, r := range ask(&call{Method: list, Subject: subject, Now: now}).List {
			q := session.Query{Subject: subject, Session: r.Session, Now: now, Record: true}
			ask(&call{Method: check, Query: q})
		}
		for _, issued := range []time.Time{now.Add(-time.Second), now} {
			ask(&call{Method: check, Query: session.Query{Subject: subject, Issued: issued, Now: now}})
		}
	}
	asked := map[[2]string]bool{}
	for _, o := range history {
		r := o.Revocation
		if key := [2]string{r.Subject, r.Token}; o.Method == revokeToken && !asked[key] {
			asked[key] = true
			later := now.Add(time.Minute) // than all marks
			ask(&call{Method: check, Query: session.Query{Subject: r.Subject, Token: r.Token, Issued: later, Now: now}})
		}
	}
	operations, _, err := read(&out, observer)
	require.NoError(g.t, err)
	return operations
}

// check judges the history of each subject.
func (g *game) check(history []operation) (findings []finding) {
	g.t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for subject, part := range bySubject(history) {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if g.engine.staleness > 0 {
				lag(part, g.engine.staleness)
			}
			began := time.Now()
			result := judge(part, g.limit)
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			g.counts.slowest, g.counts.checking = max(g.counts.slowest, took), g.counts.checking+took
			switch result {
			case porcupine.Illegal:
				findings = append(findings, finding{subject, part})
			case porcupine.Unknown:
				g.counts.undecided++
			case porcupine.Ok:
			}
			g.counts.add(part)
			g.counts.recalls.add(part)
		})
	}
	group.Wait()
	g.counts.rounds++
	g.counts.operations += len(history)
	return findings
}

func (c *counts) add(part []operation) {
	c.histories++
	c.longest = max(c.longest, len(part))
	for _, o := range part {
		switch {
		case o.unknown():
			c.unknown++
		case o.Method == rotate:
			c.outcomes[outcomes[o.answer.Result.Outcome]]++
		default:
			c.outcomes[o.Method]++
		}
	}
}

func (c *counts) String() string {
	text := fmt.Sprintf("%d rounds, %d operations, of which nobody knows of %d; %d histories, the longest of %d, "+
		"%d of them undecided; checked in %s, the slowest in %s; faults %v; answers %v",
		c.rounds, c.operations, c.unknown, c.histories, c.longest, c.undecided, c.checking.Round(time.Millisecond),
		c.slowest.Round(time.Millisecond), c.faults, c.outcomes)
	if c.recalls.did > 0 {
		text += "; " + c.recalls.String()
	}
	return text
}

// report tells a history that cannot be explained, as short as it can be made, and keeps it with a picture.
func (g *game) report(f finding) string {
	short := shrink(f.history, g.limit)
	name := filepath.Join(g.t.ArtifactDir(), regexp.MustCompile(`\W+`).ReplaceAllString(f.subject, "-"))
	for suffix, history := range map[string][]operation{"": short, "-whole": f.history} {
		if err := os.WriteFile(name+suffix+".txt", []byte(tell(history)), 0o600); err != nil {
			g.t.Log(err)
		}
		f := factsOf(history)
		m := model(f)
		_, info := porcupine.CheckOperationsVerbose(m, operations(f, history), min(g.limit, 10*time.Second))
		if err := porcupine.VisualizePath(m, info, name+suffix+".html"); err != nil {
			g.t.Log(err)
		}
	}
	return fmt.Sprintf("%s, of %d operations, in short %d:\n%s", f.subject, len(f.history), len(short), tell(short))
}
