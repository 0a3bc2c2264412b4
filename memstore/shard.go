package memstore

import (
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/session"
)

// shardCount keeps each shard so small that clearing it up takes a millisecond or two, with ten million sessions in
// all.
const shardCount = 2048

// shard is a part of the subjects.
type shard struct {
	mu       sync.RWMutex
	subjects map[string]*subject
	most     int          // how many there have been at once, in this map
	soonest  atomic.Int64 // nothing expires before, in ms
}

// subject is what is kept of one subject.
type subject struct {
	mark, until int64 // in ms
	sessions    []record
}

// record is a session.Record in less room.
type record struct {
	session, current, previous, label, scope string
	start, rotated, expires                  int64 // in ms; rotated is never without a rotation
	epoch                                    uint64
}

// newRecord copies what may be part of a larger text, which would stay in memory with it.
func newRecord(r session.Record, epoch uint64) record {
	c := record{session: strings.Clone(r.Session), start: r.Start.UnixMilli(), epoch: epoch}
	c.set(r)
	return c
}

// set takes over what changes in a session's life.
func (c *record) set(r session.Record) {
	for _, text := range []struct {
		have *string
		want string
	}{{&c.current, r.Current}, {&c.previous, r.Previous}, {&c.label, r.Label}, {&c.scope, r.Scope}} {
		if *text.have != text.want {
			*text.have = strings.Clone(text.want)
		}
	}
	c.rotated, c.expires = never, r.Expires.UnixMilli()
	if !r.RotatedAt.IsZero() {
		c.rotated = r.RotatedAt.UnixMilli()
	}
}

func (c *record) export(name string) session.Record {
	r := session.Record{
		Subject: name, Session: c.session, Label: c.label, Scope: c.scope, Current: c.current, Previous: c.previous,
		Start: instant(c.start), Expires: instant(c.expires),
	}
	if c.rotated != never {
		r.RotatedAt = instant(c.rotated)
	}
	return r
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// live reports whether the session goes on.
func (c *record) live(now int64, epoch uint64) bool { return c.current != "" && !c.over(now, epoch) }

// over reports whether nothing of the record matters any more.
func (c *record) over(now int64, epoch uint64) bool { return now >= c.expires || c.epoch != epoch }

func (s *Store) shard(name string) *shard {
	return &s.shards[maphash.String(s.seed, name)%shardCount]
}

// subject returns the subject's entry, made if there is none.
func (sh *shard) subject(name string) *subject {
	entry := sh.subjects[name]
	if entry == nil {
		if sh.subjects == nil {
			sh.subjects = map[string]*subject{}
		}
		entry = &subject{mark: never}
		sh.subjects[strings.Clone(name)] = entry
		sh.most = max(sh.most, len(sh.subjects))
	}
	return entry
}

// expects takes note that something in the shard expires.
func (sh *shard) expects(at int64) {
	for {
		known := sh.soonest.Load()
		if known <= at || sh.soonest.CompareAndSwap(known, at) {
			return
		}
	}
}

// find returns the record of a session, nil if there is none.
func (e *subject) find(name string) *record {
	if e == nil {
		return nil
	}
	for i := range e.sessions {
		if e.sessions[i].session == name {
			return &e.sessions[i]
		}
	}
	return nil
}

// drop forgets the sessions that over chooses, and returns how many.
func (s *Store) drop(e *subject, over func(*record) bool) (dropped int) {
	live := int64(0)
	before := len(e.sessions)
	e.sessions = slices.DeleteFunc(e.sessions, func(r record) bool {
		gone := over(&r)
		if gone && r.current != "" {
			live++
		}
		return gone
	})
	s.sessions.Add(-live)
	if len(e.sessions) < cap(e.sessions)/4 {
		e.sessions = slices.Clone(e.sessions)
	}
	return before - len(e.sessions)
}

// evict forgets the sessions that were entered first, until no more than limit go on.
func (s *Store) evict(e *subject, limit int) {
	excess := -limit
	for i := range e.sessions {
		if e.sessions[i].current != "" {
			excess++
		}
	}
	s.drop(e, func(r *record) bool {
		if r.current == "" || excess <= 0 {
			return false
		}
		excess--
		return true
	})
}

// maxEchoes is how many sessions of a subject are remembered for having ended a moment ago.
const maxEchoes = 4

// replace puts next in the place of a record.
func (s *Store) replace(sh *shard, e *subject, known *record, next session.Record) {
	ended := known.current != "" && next.Current == ""
	known.set(next)
	if ended {
		s.sessions.Add(-1)
		sh.expects(known.expires)
		e.hush(known)
	}
}

// hush forgets the session that ended first of those that are remembered for it, if there are too many beside latest.
func (e *subject) hush(latest *record) {
	first, echoes := -1, 0
	for i := range e.sessions {
		if r := &e.sessions[i]; r.current == "" && r != latest {
			if echoes++; first < 0 || r.expires < e.sessions[first].expires {
				first = i
			}
		}
	}
	if echoes >= maxEchoes {
		e.sessions = slices.Delete(e.sessions, first, first+1)
	}
}

// reserve counts one more of what is limited. When there is no room it clears up first.
func (s *Store) reserve(count *atomic.Int64, now int64) bool {
	for {
		if count.Add(1) <= s.limit {
			return true
		}
		count.Add(-1)
		if !s.reclaim(now) {
			return false
		}
	}
}

// reclaim clears up until something has made room, and reports whether it has.
func (s *Store) reclaim(now int64) bool {
	for range shardCount {
		sh := &s.shards[s.next.Add(1)%shardCount]
		if now >= sh.soonest.Load() && s.clear(sh, now) {
			return true
		}
	}
	return false
}

const (
	// tidyEvery is the distance in ms of two calls that clear up a part of the store.
	tidyEvery = 1000
	// tidyTurns is how many of them it takes to clear up all of it.
	tidyTurns = 256
)

// tidy clears up the next part of the store, if nobody has for a second: so all of it in some minutes.
func (s *Store) tidy(now int64) {
	last := s.tidied.Load()
	if distance := now - last; -tidyEvery < distance && distance < tidyEvery || !s.tidied.CompareAndSwap(last, now) {
		return
	}
	for range shardCount / tidyTurns {
		if sh := &s.shards[s.next.Add(1)%shardCount]; now >= sh.soonest.Load() {
			s.clear(sh, now)
		}
	}
	s.revoked.Tidy(16, clock(instant(now)))
}

// clear forgets what is over in a shard, and reports whether anything was.
func (s *Store) clear(sh *shard, now int64) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	epoch, soonest, cleared := s.epoch(), int64(math.MaxInt64), false
	for name, entry := range sh.subjects {
		if s.drop(entry, func(r *record) bool { return r.over(now, epoch) }) > 0 {
			cleared = true
		}
		if entry.mark != never && now >= entry.until {
			entry.mark, entry.until, cleared = never, 0, true
			s.marks.Add(-1)
		}
		for i := range entry.sessions {
			soonest = min(soonest, entry.sessions[i].expires)
		}
		if entry.mark != never {
			soonest = min(soonest, entry.until)
		}
		if entry.mark == never && len(entry.sessions) == 0 {
			delete(sh.subjects, name)
		}
	}
	sh.soonest.Store(soonest)
	if s.epoch() != epoch { // everyone was logged out meanwhile
		sh.expects(never)
	}
	if len(sh.subjects) < sh.most/4 { // a map does not shrink by itself
		smaller := make(map[string]*subject, len(sh.subjects))
		maps.Copy(smaller, sh.subjects)
		sh.subjects, sh.most = smaller, len(smaller)
	}
	return cleared
}
