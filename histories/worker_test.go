//go:build unix

package histories_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/go-jot/jot/session"
)

// workerEnv is where a worker's process learns what it is.
const workerEnv = "HISTORIES_WORKER"

// assignment is what a worker is.
type assignment struct {
	Number    int // of the process
	Clients   int // in it
	Store, At string
	Fault     string        // what its store does wrong
	Ahead     time.Duration // of its clock
	File      string        // where its history goes
	Seed      uint64
}

// round is a number of calls for each client of a worker, about some subjects at once.
type round struct {
	Subjects []string
	Calls    int // about each subject, of each client
}

// patience is how long a client waits for an answer.
const patience = 400 * time.Millisecond

// TestWorker is a process of its own, that another test starts.
func TestWorker(t *testing.T) {
	text := os.Getenv(workerEnv)
	if text == "" {
		t.Skip("only as a process of another test's")
	}
	var a assignment
	require.NoError(t, json.Unmarshal([]byte(text), &a))
	store, err := open(t.Context(), a.Store, a.At, a.Clients)
	require.NoError(t, err)
	file, err := os.OpenFile(a.File, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	require.NoError(t, err)
	w := &worker{assignment: a, store: spoil(store, a.Fault), file: file}
	say(t, "ready")
	rounds := bufio.NewScanner(os.Stdin)
	for number := uint64(0); rounds.Scan(); number++ {
		var r round
		require.NoError(t, json.Unmarshal(rounds.Bytes(), &r))
		w.run(t.Context(), r, number)
		say(t, "done")
	}
	require.NoError(t, file.Close())
}

// say tells the test that started the process.
func say(t *testing.T, what string) {
	t.Helper()
	_, err := fmt.Fprintln(os.Stdout, what)
	require.NoError(t, err)
}

type worker struct {
	assignment

	store session.Store
	mu    sync.Mutex
	file  *os.File
}

func (w *worker) run(ctx context.Context, r round, number uint64) {
	var all sync.WaitGroup
	for i := range w.Clients {
		c := &client{
			worker: w, number: w.Number*w.Clients + i, known: map[string]session.Record{},
			rand: rand.New(rand.NewPCG(w.Seed+number, uint64(w.Number*w.Clients+i))),
		}
		all.Go(func() {
			for n := range r.Calls * len(r.Subjects) {
				c.step(ctx, r.Subjects[c.rand.IntN(len(r.Subjects))], float64(n)/float64(r.Calls*len(r.Subjects)))
			}
		})
	}
	all.Wait()
}

// client makes one call at a time.
type client struct {
	*worker

	number, calls int
	rand          *rand.Rand
	known         map[string]session.Record // what it was told of sessions, by subject and session
}

// of picks one of few names. Those that are picked change, as the round goes on, so that what has ended does not make
// it dull.
func (c *client) of(kind string, progress float64) string {
	return kind + strconv.Itoa(int(4*progress)+c.rand.IntN(3))
}

// id returns a token's that is greater than another one.
func (c *client) id(than string) string {
	first, _, _ := strings.Cut(than, "-")
	n, _ := strconv.Atoi(first)
	return fmt.Sprintf("%08d-%d-%d", n+1, c.number, c.calls)
}

// step makes a call about a subject.
func (c *client) step(ctx context.Context, subject string, progress float64) {
	c.calls++
	now := time.Now().Add(c.Ahead).Truncate(time.Millisecond).UTC()
	expires := now.Add(time.Hour)
	id := c.of("s", progress)
	known := c.known[subject+id]
	call := fmt.Sprintf("call-%d-%d", c.number, c.calls)
	presented := known.Current
	if c.rand.IntN(4) == 0 {
		presented = known.Previous
	}
	o := &operation{Client: c.number}
	switch dice := c.rand.IntN(100); {
	case dice < 14:
		o.Begin = &begin{session.Record{
			Subject: subject, Session: id, Label: call, Scope: "a b c", Current: c.id(""), Start: now, Expires: expires,
		}, c.rand.IntN(4)}
	case dice < 40 && presented != "":
		grace := []time.Duration{0, time.Second, 10 * time.Second}[c.rand.IntN(3)]
		scope := "a b c"
		if c.rand.IntN(5) == 0 {
			scope = "c a"
		}
		o.Rotate = &session.Rotation{
			Subject: subject, Session: id, Presented: presented, Token: presented, Next: c.id(presented), Scope: scope,
			Now: now, Expires: expires, Grace: grace,
		}
	case dice >= 40 && dice < 45:
		o.End = &session.Ending{Subject: subject, Session: id, Call: call, Now: now}
	case dice >= 45 && dice < 53:
		token := c.of("t", progress)
		if presented != "" && c.rand.IntN(4) == 0 {
			token = presented
		}
		o.RevokeToken = &session.Revocation{Subject: subject, Token: token, Call: call, Now: now, Until: expires}
	case dice >= 53 && dice < 56:
		o.RevokeSubject = &logout{subject, now, now.Add(session.MaxTokenLife)}
	case dice >= 56 && dice < 66: // a token of no session, issued by a clock that is somewhere
		issued := now.Add(time.Duration(c.rand.IntN(4000)-2000) * time.Millisecond)
		o.Check = &session.Query{
			Subject: subject, Token: c.of("t", progress), Issued: issued, Expires: expires, Now: now,
		}
	default:
		token := c.of("t", progress)
		if presented != "" && c.rand.IntN(2) == 0 {
			token = presented
		}
		o.Check = &session.Query{
			Subject: subject, Session: id, Token: token, Issued: now, Expires: expires, Now: now,
			Record: presented == "" || c.rand.IntN(2) > 0,
		}
	}
	c.record(ctx, o)
	switch {
	case o.Error != "":
		c.wait(ctx)
	case o.Check != nil && o.Check.Record:
		c.known[subject+id] = o.Answer.Status.Record
	case o.Rotate != nil && o.Answer.Result.Current != "":
		c.known[subject+id] = session.Record{Current: o.Answer.Result.Current, Previous: presented}
	}
}

// record makes a call, and writes it down.
func (c *client) record(ctx context.Context, o *operation) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o.Invoked = monotonic()
	o.call(ctx, c.store)
	o.Returned = monotonic()
	o.Answer.Status.Record = inUTC(o.Answer.Status.Record)
	line, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.file.Write(append(line, '\n')); err != nil {
		panic(err)
	}
}

// wait waits until the store answers again: of calls that failed a history has few, or nobody could judge it.
func (c *client) wait(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		short, cancel := context.WithTimeout(ctx, patience)
		_, err := c.store.Check(short, session.Query{Subject: "nobody", Session: "s", Now: time.Now()})
		cancel()
		if err == nil {
			return
		}
		<-tick.C
	}
}

// monotonic reads the clock that all processes of the machine share.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// faults are what a worker's store may do wrong.
var faults = []string{"", "cache", "twice", "deaf"}

// spoil returns a store that does something wrong.
func spoil(s session.Store, fault string) session.Store {
	switch {
	case fault == "cache":
		return &cached{Store: s, of: map[session.Query]cachedStatus{}}
	case fault == "twice":
		return twice{s}
	case fault == "deaf":
		return deaf{s}
	case slices.Contains(faults, fault):
		return s
	}
	panic("no fault " + fault)
}

// cached answers from a memory of 300 ms.
type cached struct {
	session.Store

	mu sync.Mutex
	of map[session.Query]cachedStatus
}

type cachedStatus struct {
	status session.Status
	at     time.Time
}

func (s *cached) Check(ctx context.Context, q session.Query) (session.Status, error) {
	key := session.Query{Subject: q.Subject, Session: q.Session, Token: q.Token, Record: q.Record}
	s.mu.Lock()
	have, ok := s.of[key]
	s.mu.Unlock()
	if ok && time.Since(have.at) < 300*time.Millisecond {
		return have.status, nil
	}
	status, err := s.Store.Check(ctx, q)
	if err == nil {
		s.mu.Lock()
		s.of[key] = cachedStatus{status, time.Now()}
		s.mu.Unlock()
	}
	return status, err
}

// twice rotates again what it has rotated.
type twice struct{ session.Store }

func (s twice) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	result, err := s.Store.Rotate(ctx, r)
	if err == nil && result.Outcome == session.Rotated {
		r.Presented, r.Next = r.Next, r.Next+"-again"
		_, err = s.Store.Rotate(ctx, r)
	}
	return result, err
}

// deaf takes a logout for done, whatever the engine says.
type deaf struct{ session.Store }

func (s deaf) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	_ = s.Store.RevokeSubject(ctx, subject, now, until)
	return nil
}

func (s deaf) End(ctx context.Context, e session.Ending) (ended bool, err error) {
	ended, err = s.Store.End(ctx, e)
	return ended || err != nil, nil
}
