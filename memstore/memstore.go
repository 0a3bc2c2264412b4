// Package memstore keeps sessions in the memory of one process: a restart ends all of them, and a second process sees
// none. It fits tests, and services that run as one process and may log everybody out when they are deployed. What has
// to last belongs into package sqlstore.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/internal/expiry"
	"github.com/go-jot/jot/session"
)

// Store is a [session.Store]. Make one with [New].
//
// It forgets nothing early, and what has expired makes room before anything is refused. Memory comes back while the
// store is used: it starts no goroutine, and about once a second of its callers' clocks one call clears up a small
// part of it. A revoked token takes some 27 bytes, a session some 400.
type Store struct {
	revoked *expiry.Set
	seed    maphash.Seed
	shards  [shardCount]shard // of subjects

	limit    int64
	sessions atomic.Int64 // that go on, or have expired unnoticed
	marks    atomic.Int64
	everyone atomic.Pointer[everyone]
	started  atomic.Bool
	tidied   atomic.Int64 // when, in ms
	next     atomic.Uint32
}

var (
	_ session.Store   = (*Store)(nil)
	_ session.Starter = (*Store)(nil)
)

// never is before any instant, in ms.
const never = math.MinInt64

const defaultLimit = 10_000_000

var errFull = errors.New("memstore: full")

// New returns an empty store.
func New(opts ...Option) *Store {
	s := &Store{seed: maphash.MakeSeed(), limit: defaultLimit}
	s.everyone.Store(&everyone{mark: never})
	for i := range s.shards {
		s.shards[i].soonest.Store(math.MaxInt64)
	}
	for _, o := range opts {
		o.apply(s)
	}
	s.revoked = expiry.New(int(s.limit))
	return s
}

// Option is a setting of a [Store].
type Option interface{ apply(s *Store) }

type option func(*Store)

func (f option) apply(s *Store) { f(s) }

// MaxEntries sets how many sessions the store takes, how many revoked tokens, and how many subjects that were logged
// out everywhere: ten million of each unless set. It refuses more, since forgetting one would bring back what was
// revoked: logins and logouts are answered by 503 then. An n below 1 panics.
func MaxEntries(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("memstore: MaxEntries: %d is less than 1", n))
	}
	return option(func(s *Store) { s.limit = int64(n) })
}

// Since takes the store's word for tokens of no session that were issued after t, not at t: nobody had revoked any of
// them before the store was made. Unless set that is the moment at which the store is given to a jot.Manager. The
// zero time takes all, which is right where another system's tokens have to stay good, and wrong after a restart: what
// was revoked before, and every single-use link that was used, is good again.
func Since(t time.Time) Option {
	return option(func(s *Store) {
		s.started.Store(true)
		if !t.IsZero() {
			s.everyone.Store(&everyone{mark: t.UnixMilli()})
		}
	})
}

// Start implements [session.Starter]. It panics if the store was not made by [New].
func (s *Store) Start(now time.Time) {
	if s.revoked == nil {
		panic("memstore: make a Store by New")
	}
	if s.started.CompareAndSwap(false, true) {
		s.logout(now.UnixMilli()-1, 0) // a token of this very millisecond is one of the process
	}
}

// everyone is what concerns all subjects. It changes as one: who finds the mark moved finds the sessions ended.
type everyone struct {
	mark  int64  // in ms
	epoch uint64 // how often everyone was logged out
}

// logout moves the mark of all forward, and counts.
func (s *Store) logout(to int64, times uint64) {
	for {
		known := s.everyone.Load()
		next := &everyone{max(known.mark, to), known.epoch + times}
		if s.everyone.CompareAndSwap(known, next) {
			return
		}
	}
}

func (s *Store) epoch() uint64 { return s.everyone.Load().epoch }

// Len returns how many revoked tokens and how many sessions the store holds, those included that have expired and not
// made room yet.
func (s *Store) Len() (revoked, sessions int) { return s.revoked.Len(), int(s.sessions.Load()) }

// Begin implements [session.Store]. It fails when the store is full.
func (s *Store) Begin(_ context.Context, r session.Record, limit int) error {
	now := r.Start.UnixMilli()
	s.tidy(now)
	if !s.reserve(&s.sessions, now) {
		return errFull
	}
	sh := s.shard(r.Subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	entry := sh.subject(r.Subject)
	if entry.find(r.Session) != nil {
		s.sessions.Add(-1)
		return nil
	}
	epoch := s.epoch()
	s.drop(entry, func(r *record) bool { return r.over(now, epoch) })
	if limit > 0 {
		s.evict(entry, limit-1)
	}
	entry.sessions = append(entry.sessions, newRecord(r, epoch))
	sh.expects(r.Expires.UnixMilli())
	return nil
}

// Check implements [session.Store]. It never fails.
func (s *Store) Check(_ context.Context, q session.Query) (session.Status, error) {
	now := q.Now.UnixMilli()
	s.tidy(now)
	sh := s.shard(q.Subject)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	status := session.Status{
		Revoked: q.Token != "" && s.revoked.Has(expiry.Key{Owner: q.Subject, Name: q.Token}, clock(q.Now)),
		Ended:   q.Session != "",
	}
	entry := sh.subjects[q.Subject]
	if q.Session == "" {
		mark := s.everyone.Load().mark
		if entry != nil {
			mark = max(mark, entry.mark)
		}
		status.Revoked = status.Revoked || mark != never && (q.Issued.IsZero() || q.Issued.UnixMilli() <= mark)
		return status, nil
	}
	if r := entry.find(q.Session); r != nil && r.live(now, s.epoch()) {
		status.Ended = false
		if q.Record {
			status.Record = r.export(q.Subject)
		}
	}
	return status, nil
}

// Rotate implements [session.Store]. It never fails.
func (s *Store) Rotate(_ context.Context, r session.Rotation) (session.Result, error) {
	s.tidy(r.Now.UnixMilli())
	sh := s.shard(r.Subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// Asked behind the lock: who is told that the token is revoked must not find the session rotated by it later.
	revoked := s.revoked.Has(expiry.Key{Owner: r.Subject, Name: r.Token}, clock(r.Now))
	entry := sh.subjects[r.Subject]
	known := entry.find(r.Session)
	if known == nil || known.epoch != s.epoch() {
		return session.Result{}, nil
	}
	result, next := r.Apply(known.export(r.Subject), revoked)
	s.replace(sh, entry, known, next)
	return result, nil
}

// End implements [session.Store]. It never fails.
func (s *Store) End(_ context.Context, e session.Ending) (ended bool, err error) {
	s.tidy(e.Now.UnixMilli())
	sh := s.shard(e.Subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	entry := sh.subjects[e.Subject]
	known := entry.find(e.Session)
	if known == nil || known.epoch != s.epoch() {
		return false, nil
	}
	ended, next := e.Apply(known.export(e.Subject))
	s.replace(sh, entry, known, next)
	return ended, nil
}

// RevokeToken implements [session.Store]. It fails when the store is full.
func (s *Store) RevokeToken(_ context.Context, r session.Revocation) (first bool, err error) {
	s.tidy(r.Now.UnixMilli())
	until := second(r.Until.Add(time.Second - time.Millisecond)) // not before
	first, ok := s.revoked.Add(expiry.Key{Owner: r.Subject, Name: r.Token}, r.Call, until, clock(r.Now))
	if !ok {
		return false, errFull
	}
	return first, nil
}

// RevokeSubject implements [session.Store]. When the store is full it fails, and ends the sessions all the same.
func (s *Store) RevokeSubject(_ context.Context, subject string, now, until time.Time) error {
	at := now.UnixMilli()
	s.tidy(at)
	room := s.reserve(&s.marks, at)
	sh := s.shard(subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.subjects[subject] == nil && !room {
		return errFull
	}
	entry := sh.subject(subject)
	s.drop(entry, func(*record) bool { return true })
	if entry.mark == never && !room {
		sh.expects(at) // what is left of it
		return errFull
	}
	if entry.mark != never && room {
		s.marks.Add(-1) // it has one
	}
	entry.mark = max(entry.mark, at)
	entry.until = max(entry.until, until.UnixMilli())
	sh.expects(entry.until)
	return nil
}

// RevokeAll implements [session.Store]. It never fails.
func (s *Store) RevokeAll(_ context.Context, now time.Time) error {
	s.started.Store(true)
	s.logout(now.UnixMilli(), 1)
	for i := range s.shards { // what is over now makes room
		s.shards[i].expects(never)
	}
	return nil
}

// List implements [session.Store]. It never fails.
func (s *Store) List(_ context.Context, subject string, now time.Time) ([]session.Record, error) {
	sh := s.shard(subject)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	entry, epoch := sh.subjects[subject], s.epoch()
	if entry == nil {
		return nil, nil
	}
	var list []session.Record
	for i := range entry.sessions {
		if r := &entry.sessions[i]; r.live(now.UnixMilli(), epoch) {
			list = append(list, r.export(subject))
		}
	}
	return list, nil
}

// second cuts an instant to what the set of revoked tokens counts in. The last one, in 2106, stands for ever.
func second(t time.Time) uint32 { return uint32(min(max(0, t.Unix()), math.MaxUint32)) }

// clock does so with a caller's clock, which never reaches the last one.
func clock(t time.Time) uint32 { return min(second(t), math.MaxUint32-1) }
