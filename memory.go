package jot

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/internal/expiry"
)

// MemoryStore is a [Store] in the memory of one process: a restart ends all sessions and forgets every revocation,
// and a second process sees neither. It fits tests, and services that run as one process.
//
// It forgets nothing early. An entry that has expired makes room for the next, so that it holds little more than what
// can still matter: some 27 bytes for a revoked token, some 400 for a session. It starts no goroutine, and goes by
// the clock of its manager.
type MemoryStore struct {
	revoked *expiry.Set
	seed    maphash.Seed
	shards  [memoryShards]memoryShard // of subjects

	sessions atomic.Int64
	limit    int64

	all    atomic.Pointer[mark] // written under mu
	mu     sync.Mutex
	latest time.Time // the latest start of any session
}

const memoryShards = 256

type memoryShard struct {
	mu       sync.RWMutex
	subjects map[string]*memorySubject
}

// memorySubject is what is kept of one subject.
type memorySubject struct {
	mark     mark
	sessions []SessionRecord // few, by WithMaxSessions
}

// mark is an instant before which sessions are over, and when that may be forgotten.
type mark struct{ at, until time.Time }

// value returns the mark if there is one and it still counts.
func (m *mark) value(now time.Time) time.Time {
	if m == nil || !now.Before(m.until) {
		return time.Time{}
	}
	return m.at
}

const maxMemory = 10_000_000

var errMemoryFull = errors.New("jot: the memory store is full")

// NewMemoryStore returns an empty store. One process; a restart ends all sessions.
func NewMemoryStore(opts ...MemoryOption) *MemoryStore {
	s := &MemoryStore{seed: maphash.MakeSeed(), limit: maxMemory}
	for _, o := range opts {
		o.applyMemory(s)
	}
	s.revoked = expiry.New(int(s.limit))
	return s
}

// MemoryOption is a setting of a [MemoryStore].
type MemoryOption interface{ applyMemory(*MemoryStore) }

type memoryOption func(*MemoryStore)

func (f memoryOption) applyMemory(s *MemoryStore) { f(s) }

// MaxEntries sets how many revoked tokens a [MemoryStore] takes, and how many sessions: ten million each unless set.
// It refuses more, since forgetting one would bring back what was revoked: log-ins and log-outs are answered by 503
// then. An n below 1 panics.
func MaxEntries(n int) MemoryOption {
	if n < 1 {
		panic(fmt.Sprintf("jot: MaxEntries: %d is less than 1", n))
	}
	return memoryOption(func(s *MemoryStore) { s.limit = int64(n) })
}

// Len returns how many revoked tokens and how many sessions the store holds, expired ones included that have not made
// room yet.
func (s *MemoryStore) Len() (revoked, sessions int) { return s.revoked.Len(), int(s.sessions.Load()) }

// second rounds an instant up to what the set of revoked tokens counts in. The last one stands for ever.
func second(t time.Time) uint32 {
	return uint32(min(max(0, t.Add(time.Second-1).Unix()), math.MaxUint32))
}

// Revoke implements [Blocklist].
func (s *MemoryStore) Revoke(ctx context.Context, id string, until time.Time) (first bool, err error) {
	first, ok := s.revoked.Add(id, second(until), uint32(clockOf(ctx)().Unix())) //nolint:gosec // until 2106
	if !ok {
		return false, errMemoryFull
	}
	return first, nil
}

// Revoked implements [Blocklist]. It never fails.
func (s *MemoryStore) Revoked(ctx context.Context, ids ...string) (bool, error) {
	now := uint32(clockOf(ctx)().Unix()) //nolint:gosec // until 2106
	return slices.ContainsFunc(ids, func(id string) bool { return s.revoked.Has(id, now) }), nil
}

func (s *MemoryStore) shard(subject string) *memoryShard {
	return &s.shards[maphash.String(s.seed, subject)%memoryShards]
}

// subject returns the subject's entry, made if there is none. On its way it drops a few others that have expired: who
// writes clears up.
func (s *MemoryStore) subject(sh *memoryShard, name string, now time.Time) *memorySubject {
	if sh.subjects == nil {
		sh.subjects = map[string]*memorySubject{}
	}
	looked := 0
	for other, entry := range sh.subjects { // in an order of chance
		s.drop(entry, func(r *SessionRecord) bool { return !now.Before(r.Expires) })
		if len(entry.sessions) == 0 && entry.mark.value(now).IsZero() {
			delete(sh.subjects, other)
		}
		if looked++; looked == 4 {
			break
		}
	}
	entry := sh.subjects[name]
	if entry == nil {
		entry = new(memorySubject)
		sh.subjects[name] = entry
	}
	return entry
}

// drop ends the sessions that over chooses.
func (s *MemoryStore) drop(entry *memorySubject, over func(*SessionRecord) bool) {
	before := len(entry.sessions)
	entry.sessions = slices.DeleteFunc(entry.sessions, func(r SessionRecord) bool { return over(&r) })
	s.sessions.Add(int64(len(entry.sessions) - before))
}

// find returns the session, nil if there is none that has not ended.
func (e *memorySubject) find(session string, now time.Time) *SessionRecord {
	if e == nil {
		return nil
	}
	for i := range e.sessions {
		if r := &e.sessions[i]; r.Session == session && now.Before(r.Expires) {
			return r
		}
	}
	return nil
}

// BeginSession implements [Store].
func (s *MemoryStore) BeginSession(_ context.Context, r SessionRecord, limit int) (start time.Time, err error) {
	now := r.Start
	sh := s.shard(r.Subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	entry := s.subject(sh, r.Subject, now)
	s.drop(entry, func(r *SessionRecord) bool { return !now.Before(r.Expires) })
	if s.sessions.Add(1) > s.limit {
		s.sessions.Add(-1)
		return time.Time{}, errMemoryFull
	}
	r.Start = later(r.Start, entry.mark.value(now))
	s.mu.Lock()
	r.Start = later(r.Start, s.all.Load().value(now))
	s.latest = later(s.latest, r.Start)
	s.mu.Unlock()
	entry.sessions = append(entry.sessions, r)
	if excess := len(entry.sessions) - limit; limit > 0 && excess > 0 {
		slices.SortStableFunc(entry.sessions, func(a, b SessionRecord) int { return a.Start.Compare(b.Start) })
		s.sessions.Add(int64(-excess))
		entry.sessions = slices.Delete(entry.sessions, 0, excess)
	}
	return r.Start, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Check implements [Store]. It never fails.
func (s *MemoryStore) Check(_ context.Context, q Query) (Status, error) {
	var status Status
	if q.Token != "" {
		status.Revoked = s.revoked.Has(q.Token, uint32(q.Now.Unix())) //nolint:gosec // until 2106
	}
	sh := s.shard(q.Subject)
	sh.mu.RLock()
	if entry := sh.subjects[q.Subject]; entry != nil {
		status.SubjectMark = entry.mark.value(q.Now)
		if r := entry.find(q.Session, q.Now); r != nil {
			status.Session = *r
		}
	}
	sh.mu.RUnlock()
	status.Mark = s.all.Load().value(q.Now)
	return status, nil
}

// RotateSession implements [Store]. It never fails.
func (s *MemoryStore) RotateSession(_ context.Context, r Rotation) (RotationResult, error) {
	sh := s.shard(r.Subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	entry := sh.subjects[r.Subject]
	record := entry.find(r.Session, r.Now)
	outcome := Rotated
	switch {
	case record == nil:
		return RotationResult{}, nil
	case r.Presented == record.Current:
	case r.Presented == record.Previous && r.Now.Sub(record.RotatedAt) < r.Grace:
		return RotationResult{Replayed, record.Current}, nil
	case r.Presented > record.Current:
		outcome = Rewound
	default:
		s.drop(entry, func(other *SessionRecord) bool { return other.Session == r.Session })
		return RotationResult{Outcome: Reused}, nil
	}
	record.Previous, record.Current, record.RotatedAt = r.Presented, r.Next, r.Now
	record.Expires = later(record.Expires, r.Expires)
	return RotationResult{outcome, r.Next}, nil
}

// EndSession implements [Store]. It never fails.
func (s *MemoryStore) EndSession(_ context.Context, subject, session string, now time.Time) (ended bool, err error) {
	sh := s.shard(subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	entry := sh.subjects[subject]
	if entry.find(session, now) == nil {
		return false, nil
	}
	s.drop(entry, func(r *SessionRecord) bool { return r.Session == session })
	return true, nil
}

// RevokeSubject implements [Store]. It never fails.
func (s *MemoryStore) RevokeSubject(_ context.Context, subject string, now, until time.Time) error {
	sh := s.shard(subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	entry := s.subject(sh, subject, now)
	latest := now
	for _, r := range entry.sessions {
		latest = later(latest, r.Start)
	}
	entry.mark.move(latest, until)
	s.drop(entry, func(*SessionRecord) bool { return true })
	return nil
}

// move moves the mark behind an instant.
func (m *mark) move(latest, until time.Time) {
	m.at = later(m.at, latest).Add(time.Millisecond)
	m.until = later(m.until, until)
}

// RevokeAll implements [Store]. It never fails. Sessions that are over by it are forgotten when their subjects begin
// others, or when they expire.
func (s *MemoryStore) RevokeAll(_ context.Context, now, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var next mark
	if known := s.all.Load(); known != nil {
		next = *known
	}
	next.move(later(now, s.latest), until)
	s.all.Store(&next)
	return nil
}

// Sessions implements [Store]. It never fails.
func (s *MemoryStore) Sessions(_ context.Context, subject string, now time.Time) ([]SessionRecord, error) {
	all := s.all.Load().value(now)
	sh := s.shard(subject)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	entry := sh.subjects[subject]
	if entry == nil {
		return nil, nil
	}
	over := func(r SessionRecord) bool { return !now.Before(r.Expires) || r.Start.Before(all) }
	return slices.DeleteFunc(slices.Clone(entry.sessions), over), nil
}

type clockKey struct{}

// clockOf returns the caller's clock: a store that went by another would forget revocations early when WithClock
// stands in the past.
func clockOf(ctx context.Context) func() time.Time {
	if clock, ok := ctx.Value(clockKey{}).(func() time.Time); ok {
		return clock
	}
	return time.Now
}
