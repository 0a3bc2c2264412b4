package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jot/jot/session"
)

// Replica is a [session.Store] around a [Store] that answers most look-ups of access tokens from memory: it holds what
// was revoked of late, by any process, and asks Redis where that does not tell. Everything else is the Store's. Make
// one with [NewReplica].
//
// A logout of this process counts at its next look-up, but for a session that a limit ends; one of another process
// counts within MaxStaleness, and within a quarter of it as long as Redis answers. When the replica has not heard from
// Redis for longer than that it asks it, and when that fails the look-up is an error.
//
// It takes the word of a token that this process has verified: whoever asks about a session that never was is told
// that it goes on.
type Replica struct {
	store     *Store
	horizon   time.Duration
	staleness time.Duration
	parts     [partitions]part
	clock     clock

	stop context.CancelFunc
	done chan struct{}
}

var (
	_ session.Store = (*Replica)(nil)
	_ session.Local = (*Replica)(nil)
)

const (
	// MaxHorizon is the greatest horizon of a [Replica]: revocations are kept for it as long, whether or not there is
	// one.
	MaxHorizon = time.Hour
	// margin is how much longer than a token's life a revocation counts for it: clocks are apart, and a guard grants
	// leeway.
	margin = 10 * time.Minute

	defaultHorizon   = 15 * time.Minute
	defaultStaleness = time.Second
)

// ReplicaOption is a setting of a [Replica].
type ReplicaOption interface{ apply(r *Replica) error }

type replicaOption func(r *Replica) error

func (f replicaOption) apply(r *Replica) error { return f(r) }

// Horizon sets how long a token may live, from its issue to its expiry, for the replica to answer for it: 15 minutes
// unless set, which is the life of access tokens unless that is set, and at most [MaxHorizon]. Redis is asked about
// all others. The replica holds what was revoked within the horizon and some minutes more, about 40 bytes each.
func Horizon(d time.Duration) ReplicaOption {
	return replicaOption(func(r *Replica) error {
		r.horizon = d
		if d <= 0 || d > MaxHorizon {
			return fmt.Errorf("Horizon: %v is not more than 0 and at most %v", d, MaxHorizon)
		}
		return nil
	})
}

// MaxStaleness sets how old what the replica knows may be when it answers: a second unless set, from 20 ms to a minute.
// It asks Redis for news four times as often, whatever the number of requests.
func MaxStaleness(d time.Duration) ReplicaOption {
	return replicaOption(func(r *Replica) error {
		r.staleness = d
		if d < 20*time.Millisecond || d > time.Minute {
			return fmt.Errorf("MaxStaleness: %v is not from 20 ms to a minute", d)
		}
		return nil
	})
}

// clock is the true time, which tests replace. time.Since is the faster way to ask.
type clock struct {
	now   func() time.Time
	since func(t time.Time) time.Duration
}

// NewReplica returns a replica of what is revoked in a store, when it has loaded what was revoked within the horizon.
// It follows the store until it is closed, in a goroutine.
func NewReplica(ctx context.Context, s *Store, opts ...ReplicaOption) (*Replica, error) {
	r, err := loadReplica(ctx, s, clock{time.Now, time.Since}, opts)
	if err != nil {
		return nil, err
	}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.follow(follow)
	return r, nil
}

// loadReplica returns a replica that has loaded, and does not follow yet.
func loadReplica(ctx context.Context, s *Store, c clock, opts []ReplicaOption) (*Replica, error) {
	r := &Replica{
		store: s, horizon: defaultHorizon, staleness: defaultStaleness, clock: c, done: make(chan struct{}),
	}
	var wrong []error
	if s == nil || s.client == nil {
		wrong = append(wrong, errors.New("NewReplica wants a store that New has made"))
	}
	for _, o := range opts {
		if o == nil {
			wrong = append(wrong, errors.New("an option is nil"))
			continue
		}
		wrong = append(wrong, o.apply(r))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	if err := r.catchUp(ctx); err != nil {
		return nil, fmt.Errorf("redisstore: NewReplica: %w", err)
	}
	return r, nil
}

// Close ends what the replica does by itself. Look-ups are the store's afterwards.
func (r *Replica) Close() error {
	if r.stop != nil {
		r.stop()
		<-r.done
	}
	return nil
}

// Staleness returns how old what the replica knows is, for a gauge: the age of the oldest part.
func (r *Replica) Staleness() time.Duration {
	age := time.Duration(0)
	for i := range r.parts {
		age = max(age, r.clock.since(r.parts[i].freshness()))
	}
	return age
}

// follow asks for news until ctx is done.
func (r *Replica) follow(ctx context.Context) {
	defer close(r.done)
	tick := time.NewTicker(r.staleness / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limited, cancel := context.WithTimeout(ctx, max(r.staleness, time.Second))
		_ = r.catchUp(limited) // the age of what is known tells
		cancel()
	}
}

// catchUp reads all that is new.
func (r *Replica) catchUp(ctx context.Context) error {
	var mu sync.Mutex
	var failed []error
	err := r.store.each(ctx, partitions, func(ctx context.Context, first, count int) error {
		for behind := true; behind; {
			var err error
			behind, err = r.poll(ctx, first, count)
			switch {
			case err != nil && count == 1: // others may be on other nodes
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
				return nil
			case err != nil:
				return err
			}
		}
		return nil
	})
	return errors.Join(append(failed, err)...)
}

// perPoll is how many entries are read at once: a server does nothing else meanwhile.
const perPoll = 6400

// poll reads some of what is new in some partitions, and reports whether there is more.
func (r *Replica) poll(ctx context.Context, first, count int) (behind bool, err error) {
	began := r.clock.now()
	span := r.horizon + margin
	args := []string{decimal(span.Milliseconds()), decimal(perPoll)}
	for i := range count {
		args = append(args, r.parts[first+i].last.id)
	}
	answer, err := r.store.run(ctx, scriptPoll, pairs(r.store.prefix, first, count), args)
	if err != nil {
		return false, err
	}
	lists, ok := answer.([]any)
	if !ok || len(lists) != 1+count {
		return false, odd(answer)
	}
	ms, err := number(lists[0])
	if err != nil {
		return false, err
	}
	for i := range count {
		entries, more, err := entriesOf(lists[1+i])
		if err != nil {
			return false, err
		}
		more = r.parts[first+i].read(entries, more, began, ms, span)
		behind = behind || more
	}
	return behind, nil
}

// Begin implements [session.Store].
func (r *Replica) Begin(ctx context.Context, s session.Record, limit int) error {
	return r.store.Begin(ctx, s, limit)
}

// Check implements [session.Store].
func (r *Replica) Check(ctx context.Context, q session.Query) (session.Status, error) {
	if status, ok := r.Recall(q); ok {
		return status, nil
	}
	return r.store.Check(ctx, q)
}

// Recall implements [session.Local].
func (r *Replica) Recall(q session.Query) (status session.Status, ok bool) {
	return session.Status{}, r.knows(q)
}

// knows reports whether all that could speak against a token is known here, and nothing does.
func (r *Replica) knows(q session.Query) bool {
	if q.Record || q.Issued.IsZero() || q.Expires.IsZero() ||
		q.Expires.Sub(q.Issued) > r.horizon || q.Now.Sub(q.Issued) > r.horizon+margin/2 {
		return false
	}
	p := &r.parts[partitionOf(q.Subject)]
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.whole && r.clock.since(p.fresh) <= r.staleness && !p.everyone() &&
		!p.has(kindMark, q.Subject) &&
		(q.Session == "" || !p.has(kindSession, q.Subject, q.Session)) &&
		(q.Token == "" || !p.has(kindToken, q.Subject, q.Token))
}

// Rotate implements [session.Store].
func (r *Replica) Rotate(ctx context.Context, rotation session.Rotation) (session.Result, error) {
	result, err := r.store.Rotate(ctx, rotation)
	if err != nil || result.Outcome == session.Reused {
		r.note(kindSession, rotation.Subject, rotation.Session)
	}
	return result, err
}

// End implements [session.Store].
func (r *Replica) End(ctx context.Context, e session.Ending) (ended bool, err error) {
	r.note(kindSession, e.Subject, e.Session)
	return r.store.End(ctx, e)
}

// RevokeToken implements [session.Store].
func (r *Replica) RevokeToken(ctx context.Context, t session.Revocation) (first bool, err error) {
	r.note(kindToken, t.Subject, t.Token)
	return r.store.RevokeToken(ctx, t)
}

// RevokeSubject implements [session.Store].
func (r *Replica) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	r.note(kindMark, subject)
	return r.store.RevokeSubject(ctx, subject, now, until)
}

// RevokeAll implements [session.Store].
func (r *Replica) RevokeAll(ctx context.Context, now time.Time) error {
	for i := range r.parts {
		r.parts[i].note(kindAll)
	}
	return r.store.RevokeAll(ctx, now)
}

// List implements [session.Store].
func (r *Replica) List(ctx context.Context, subject string, now time.Time) ([]session.Record, error) {
	return r.store.List(ctx, subject, now)
}

// note remembers what this process revokes, before it does: whether or not that succeeds, Redis is asked about it.
func (r *Replica) note(kind, subject string, own ...string) {
	r.parts[partitionOf(subject)].note(kind, append([]string{subject}, own...)...)
}
