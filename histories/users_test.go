//go:build unix

package histories_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-jot/jot/session"
)

// round is what a process is to do.
type round struct {
	Number   int
	Seed     uint64
	Clock    clock
	Subjects []string
	Users    int           // at once
	Grace    time.Duration // of this process
	Looks    bool          // every other call is a look-up
	Loose    int           // how many tokens of no session each subject has
	Logouts  int           // how many calls of a thousand log a subject out
	Everyone int           // and everyone
	Patience time.Duration // for one call
	Pause    time.Duration // between some calls, at most
	Lasting  bool          // nothing expires before the round ends
	Slowest  time.Duration // how much the slowest clock is ahead of a right one
}

// users call a store, each one call after the other.
type users struct {
	round

	process int
	store   session.Store
	tidy    func(ctx context.Context, now time.Time) // deletes what has expired, if the store has such a thing
	record  *recorder

	mu   sync.Mutex
	seen map[string][]session.Record // by subject, as they were when they were last seen
	sure map[string]bool             // sessions that have begun
	last int64                       // of the ids
}

// user is one of them.
type user struct {
	*users

	client int
	random *rand.Rand
}

// run lets all of them call until the context ends, and waits for their last answers.
func (u *users) run(ctx context.Context) {
	u.seen, u.sure = map[string][]session.Record{}, map[string]bool{}
	var group sync.WaitGroup
	for client := range u.Users {
		group.Go(func() {
			random := rand.New(rand.NewPCG(u.Seed, uint64(u.process*u.Users+client)))
			(&user{u, client, random}).run(ctx)
		})
	}
	group.Wait()
}

func (u *user) run(ctx context.Context) {
	for ctx.Err() == nil {
		subject := u.Subjects[u.random.IntN(len(u.Subjects))]
		for range 1 + u.random.IntN(12) { // they stay with a subject, so that they are in each other's way
			for c := u.next(subject); c != nil && ctx.Err() == nil; {
				c = u.look(c, u.insist(ctx, c))
			}
		}
		wait(ctx, time.Duration(u.random.Int64N(int64(u.Pause))))
	}
}

// insist asks, and perhaps asks again in the same words, as a driver does that has heard nothing: at once, or when the
// store answers again.
func (u *user) insist(ctx context.Context, c *call) answer {
	for attempts := 1 + u.random.IntN(3); ; attempts-- {
		a := u.ask(c)
		u.learn(c, a)
		if a.Failed == "" {
			return a
		}
		last := c.asks() || attempts == 1 || ctx.Err() != nil
		if last || u.random.IntN(2) == 0 {
			u.await(ctx)
		}
		if last {
			return a
		}
	}
}

// await waits until the store answers, so that not too much is unknown.
func (u *user) await(ctx context.Context) {
	for ctx.Err() == nil {
		subject := u.Subjects[u.random.IntN(len(u.Subjects))]
		if u.ask(&call{Method: list, Subject: subject, Now: u.Clock.now()}).Failed == "" {
			return
		}
		wait(ctx, time.Duration(10+u.random.IntN(40))*time.Millisecond)
	}
}

// ask gives a call its time. A round that ends waits for it.
func (u *user) ask(c *call) answer {
	ctx, cancel := context.WithTimeout(context.Background(), u.Patience)
	defer cancel()
	return u.record.ask(ctx, u.store, u.client, c)
}

func wait(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// learn keeps what sessions there are, for all users of the process.
func (u *user) learn(c *call, a answer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	put := func(r session.Record) {
		if r.Session == "" {
			return
		}
		u.sure[r.Session] = u.sure[r.Session] || a.Failed == ""
		all := u.seen[r.Subject]
		for i := range all {
			if all[i].Session == r.Session {
				all[i] = r
				return
			}
		}
		if len(all) == 8 {
			all = all[1:]
		}
		u.seen[r.Subject] = append(all, r)
	}
	put(c.Record)
	put(a.Status.Record)
	for _, r := range a.List {
		put(r)
	}
	if c.Method == rotate && a.Result.Current != "" {
		for i, r := range u.seen[c.subject()] {
			if r.Session == c.Rotation.Session && r.Current < a.Result.Current {
				u.seen[c.subject()][i].Previous, u.seen[c.subject()][i].Current = r.Current, a.Result.Current
			}
		}
	}
}

// id is later than all that were made before, in any process.
func (u *users) id() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = max(u.last+1, monotonic())
	return fmt.Sprintf("%016x%02x", u.last, u.process)
}

// known returns one of the sessions that were seen, a late one rather, or one that nobody has.
func (u *user) known(subject string) session.Record {
	return u.pick(subject, func(n int) int { return n - 1 - min(u.random.IntN(n), u.random.IntN(n)) })
}

// ever returns any of them.
func (u *user) ever(subject string) session.Record { return u.pick(subject, u.random.IntN) }

func (u *user) pick(subject string, which func(n int) int) session.Record {
	u.mu.Lock()
	defer u.mu.Unlock()
	if all := u.seen[subject]; len(all) > 0 {
		return all[which(len(all))]
	}
	return session.Record{Subject: subject, Session: "none", Current: "1", Previous: "0"}
}

// access is a query about a token that lives for as long as replicas answer for it, or for longer. They take its word
// for the session, so it says nothing of when it was issued unless that has begun.
func (u *user) access(subject, id, token string) session.Query {
	now := u.Clock.now()
	q := session.Query{Subject: subject, Session: id, Token: token, Now: now}
	u.mu.Lock()
	sure := id == "" || u.sure[id]
	u.mu.Unlock()
	if sure {
		q.Issued = now.Add(-time.Duration(u.random.IntN(1000)) * time.Millisecond)
		q.Expires = q.Issued.Add(horizon)
		if u.random.IntN(4) == 0 {
			q.Expires = q.Expires.Add(time.Millisecond)
		}
	}
	return q
}

// look asks about what a call has revoked, perhaps, when its answer is there, and perhaps about anything.
func (u *user) look(c *call, a answer) *call {
	q := session.Query{}
	switch subject := c.subject(); {
	case a.Failed != "" || u.random.IntN(2) == 0:
	case c.Method == end:
		q = u.access(subject, c.Ending.Session, u.loose())
	case c.Method == rotate && a.Result.Outcome == session.Reused:
		q = u.access(subject, c.Rotation.Session, u.loose())
	case c.Method == revokeToken:
		q = u.access(subject, "", c.Revocation.Token)
	case c.Method == revokeSubject:
		q = u.access(subject, "", u.loose())
	case u.Looks:
		// A token of a session is not older than that, so what is loose belongs to none here: it may have been revoked
		// before the session began.
		if known := u.ever(subject); u.random.IntN(2) == 0 {
			q = u.access(subject, known.Session, "t"+known.Current)
		} else {
			q = u.access(subject, "", u.loose())
		}
	}
	if q.Subject == "" {
		return nil
	}
	return &call{Method: check, Query: q}
}

// life is how long something lives: some things end before their round.
func (u *user) life() time.Duration {
	if u.random.IntN(5) == 0 && !u.Lasting {
		return 100*time.Millisecond + time.Duration(u.random.Int64N(int64(time.Second)))
	}
	return time.Hour
}

// loose are tokens of no session.
func (u *user) loose() string { return fmt.Sprint("loose ", u.random.IntN(u.Loose)) }

func (u *user) next(subject string) *call {
	now, known := u.Clock.now(), u.known(subject)
	r := u.random
	switch dice := r.IntN(1000); {
	case dice < 110:
		return u.login(subject, now)
	case dice < 350:
		q := u.access(subject, known.Session, "t"+[]string{known.Current, known.Current, known.Previous}[r.IntN(3)])
		q.Record = r.IntN(2) == 0
		return &call{Method: check, Query: q}
	case dice < 450:
		return &call{Method: check, Query: u.access(subject, "", u.loose())}
	case dice < 700:
		return u.rotation(known, now)
	case dice < 760:
		return &call{Method: end, Ending: session.Ending{
			Subject: subject, Session: known.Session, Call: u.id(), Now: now,
		}}
	case dice < 850:
		token := "t" + known.Current
		if r.IntN(3) > 0 {
			token = u.loose()
		}
		return &call{Method: revokeToken, Revocation: session.Revocation{
			Subject: subject, Token: token, Call: u.id(), Now: now, Until: u.Clock.after(now, u.life()),
		}}
	case dice < 850+u.Logouts:
		return &call{Method: revokeSubject, Subject: subject, Now: now, Until: now.Add(session.MaxTokenLife)}
	case dice < 850+u.Logouts+u.Everyone:
		return &call{Method: revokeAll, Now: now}
	case dice < 900 && u.tidy != nil:
		ctx, cancel := context.WithTimeout(context.Background(), u.Patience)
		u.tidy(ctx, now.Add(u.Slowest-u.Clock.Ahead-u.Patience)) // by the slowest clock, whose calls may take so long
		cancel()
	}
	return &call{Method: list, Subject: subject, Now: now}
}

func (u *user) login(subject string, now time.Time) *call {
	id := u.id()
	return &call{Method: begin, Limit: []int{0, 2, 3, 3, 4}[u.random.IntN(5)], Record: session.Record{
		Subject: subject, Session: "s" + id, Label: fmt.Sprint("user ", u.client), Scope: "a b c", Current: id,
		Start: now, Expires: u.Clock.after(now, u.life()),
	}}
}

// rotation presents mostly the token that is good, and else an older one, or one that the store has never heard of.
func (u *user) rotation(known session.Record, now time.Time) *call {
	presented := known.Current
	switch dice := u.random.IntN(100); {
	case dice < 12 && known.Previous != "":
		presented = known.Previous
	case dice < 15:
		presented = known.Session[1:] // the first one
	case dice < 18:
		presented = u.id()
	}
	return &call{Method: rotate, Rotation: session.Rotation{
		Subject: known.Subject, Session: known.Session, Presented: presented, Token: "t" + presented,
		Next: u.id(), Scope: []string{"a b c", "a b c", "b c", "c a"}[u.random.IntN(4)],
		Now: now, Expires: u.Clock.after(now, u.life()), Grace: u.Grace,
	}}
}
