// Package expiry remembers keys until an instant, in little memory: the revoked tokens of a busy service are many and
// small.
package expiry

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// shardCount keeps each shard so small that building it anew holds its lock for some tens of microseconds, with ten
// million keys in all.
const shardCount = 4096

// Set remembers keys, each until a second. It holds no key itself, but a hash of 108 bits whose seed nobody knows, so
// that nobody can make two keys that it takes for one. All its methods may be called by many goroutines at once.
//
// Expired keys make room for new ones where they stand, or go when their shard is built anew. None goes earlier.
type Set struct {
	seeds  [3]maphash.Seed
	limit  int64
	held   atomic.Int64 // slots in use, those of expired keys included
	next   atomic.Uint32
	shards [shardCount]shard
}

type shard struct {
	mu      sync.RWMutex
	slots   []slot // open addressing, linear probing
	used    int
	soonest atomic.Uint32 // no key ends before; 0 if there is none
}

// slot is 20 bytes without a gap, and nothing that a garbage collector would follow.
type slot struct {
	hash  hash
	call  uint32 // a hash of the call that entered the key
	until uint32 // second since 1970; 0 is an empty slot
}

type hash [3]uint32

// Key is what a Set remembers: a name within an owner's.
type Key struct{ Owner, Name string }

// New returns an empty set that takes new keys until it holds limit.
func New(limit int) *Set {
	s := &Set{limit: int64(limit)}
	for i := range s.seeds {
		s.seeds[i] = maphash.MakeSeed()
	}
	return s
}

// locate returns the hash of key and its shard.
func (s *Set) locate(key Key) (hash, *shard) {
	a, b := maphash.Comparable(s.seeds[0], key), maphash.Comparable(s.seeds[1], key)
	return hash{uint32(a >> 32), uint32(b >> 32), uint32(b)}, &s.shards[a%shardCount] //nolint:gosec // the halves
}

// start is the slot of n at which to look first.
func (h hash) start(n int) int {
	high, _ := bits.Mul64(uint64(h[1])<<32|uint64(h[2]), uint64(n)) //nolint:gosec // a length
	return int(high)                                                //nolint:gosec // below n
}

// Add remembers key until the given second; first reports that it was not remembered at now, or that call is the one
// that entered it. It never shortens how long a key is remembered. ok is false when the set is full of what has not
// expired, and nothing was done.
func (s *Set) Add(key Key, call string, until, now uint32) (first, ok bool) {
	h, sh := s.locate(key)
	c := uint32(maphash.String(s.seeds[2], call)) //nolint:gosec // a part will do
	for {
		first, ok = s.add(sh, slot{h, c, until}, now)
		if ok || !s.reclaim(now) {
			return first, ok
		}
	}
}

func (s *Set) add(sh *shard, c slot, now uint32) (first, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	spot, found := sh.find(c.hash, now)
	if found {
		known := &sh.slots[spot]
		if first = known.until <= now || known.call == c.call; first {
			known.call = c.call
		}
		known.until = max(known.until, c.until)
		return first, true
	}
	if c.until <= now {
		return true, true
	}
	if spot < 0 {
		s.rebuild(sh, now, 1)
		spot, _ = sh.find(c.hash, now)
	}
	if sh.slots[spot].until == 0 {
		if s.held.Add(1) > s.limit {
			s.held.Add(-1)
			return false, false
		}
		sh.used++
	}
	sh.slots[spot] = c
	if soonest := sh.soonest.Load(); soonest == 0 || c.until < soonest {
		sh.soonest.Store(c.until)
	}
	return true, true
}

// Has reports whether key is remembered at now.
func (s *Set) Has(key Key, now uint32) bool {
	h, sh := s.locate(key)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	spot, found := sh.find(h, now)
	return found && sh.slots[spot].until > now
}

// Len returns how many keys the set holds, expired ones included that have not made room yet.
func (s *Set) Len() int { return int(s.held.Load()) }

// Tidy looks at n shards, the next ones each time, and gives back the memory of what has expired there.
func (s *Set) Tidy(n int, now uint32) {
	for range n {
		s.clear(&s.shards[s.next.Add(1)%shardCount], now)
	}
}

// reclaim makes room for at least one key, if anything has expired.
func (s *Set) reclaim(now uint32) bool {
	for range shardCount {
		if s.clear(&s.shards[s.next.Add(1)%shardCount], now) {
			return true
		}
	}
	return s.held.Load() < s.limit
}

// clear drops the expired keys of a shard, if there may be any, and reports whether there were.
func (s *Set) clear(sh *shard, now uint32) bool {
	if soonest := sh.soonest.Load(); soonest == 0 || soonest > now {
		return false
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return s.rebuild(sh, now, 0)
}

// find returns the slot of h, or else one for it: an expired one on its way, or the empty one at its end. A shard that
// has no room for it gives -1.
func (sh *shard) find(h hash, now uint32) (spot int, found bool) {
	n := len(sh.slots)
	if n == 0 {
		return -1, false
	}
	free := -1
	for i := h.start(n); ; i++ {
		if i == n {
			i = 0
		}
		switch c := &sh.slots[i]; {
		case c.until == 0:
			if free < 0 && sh.used < mostUsed(n) {
				free = i
			}
			return free, false
		case c.hash == h:
			return i, true
		case free < 0 && c.until <= now:
			free = i
		}
	}
}

// mostUsed is how many slots of n are used at most: with more, the ways from slot to slot grow long.
func mostUsed(n int) int { return n - n/8 - 1 }

// rebuild builds the shard anew, without what has expired and with a quarter of room, or none at all for nothing. It
// reports whether anything had expired.
func (s *Set) rebuild(sh *shard, now uint32, more int) bool {
	live, soonest := 0, uint32(0)
	for i := range sh.slots {
		if until := sh.slots[i].until; until > now {
			live++
			if soonest == 0 || until < soonest {
				soonest = until
			}
		}
	}
	dropped := sh.used - live
	s.held.Add(int64(-dropped))
	old := sh.slots
	sh.used, sh.slots = live, nil
	if live+more > 0 {
		sh.slots = make([]slot, (live+1)*10/7+8)
	}
	for _, c := range old {
		if c.until > now {
			spot, _ := sh.find(c.hash, now)
			sh.slots[spot] = c
		}
	}
	sh.soonest.Store(soonest)
	return dropped > 0
}
