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

// Set remembers keys, each until a second. It holds no key itself, but 128 bits of a hash whose seed nobody knows, so
// that nobody can make two keys that it takes for one. All its methods may be called by many goroutines at once.
//
// Expired keys make room for new ones where they stand, or go when their shard is built anew. None goes earlier.
type Set struct {
	seeds  [2]maphash.Seed
	limit  int64
	held   atomic.Int64 // slots in use, those of expired keys included
	shards [shardCount]shard
}

type shard struct {
	mu    sync.RWMutex
	slots []slot // open addressing, linear probing
	used  int
}

// slot is 20 bytes without a gap, and nothing that a garbage collector would follow.
type slot struct {
	hash  [4]uint32
	until uint32 // second since 1970; 0 is an empty slot
}

// New returns an empty set that takes new keys until it holds limit.
func New(limit int) *Set {
	return &Set{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, limit: int64(limit)}
}

// locate returns the hash of key, its shard, and a number that says where in the shard to look first.
func (s *Set) locate(key string) (hash [4]uint32, sh *shard, start uint64) {
	a, b := maphash.String(s.seeds[0], key), maphash.String(s.seeds[1], key)
	return [4]uint32{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32)}, &s.shards[a%shardCount], b //nolint:gosec // the halves
}

// at scales a hash to an index below n.
func at(start uint64, n int) int {
	high, _ := bits.Mul64(start, uint64(n)) //nolint:gosec // a length
	return int(high)                        //nolint:gosec // below n
}

// Add remembers key until the given second; first reports that it was not remembered at now. It never shortens how
// long a key is remembered. ok is false when the set is full, and nothing was done.
func (s *Set) Add(key string, until, now uint32) (first, ok bool) {
	hash, sh, start := s.locate(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	spot, found := sh.find(hash, start, now)
	if found {
		known := &sh.slots[spot].until
		first = *known <= now
		*known = max(*known, until)
		return first, true
	}
	if until <= now {
		return true, true
	}
	if spot < 0 || sh.slots[spot].until == 0 && s.held.Load() >= s.limit {
		if !s.room(sh, now) {
			return false, false
		}
		spot, _ = sh.find(hash, start, now)
	}
	if sh.slots[spot].until == 0 {
		sh.used++
		s.held.Add(1)
	}
	sh.slots[spot] = slot{hash, until}
	return true, true
}

// Has reports whether key is remembered at now.
func (s *Set) Has(key string, now uint32) bool {
	hash, sh, start := s.locate(key)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	spot, found := sh.find(hash, start, now)
	return found && sh.slots[spot].until > now
}

// Len returns how many keys the set holds, expired ones included that have not made room yet.
func (s *Set) Len() int { return int(s.held.Load()) }

// find returns the slot of hash, or else one for it: an expired one on its way, or the empty one at its end. A shard
// that has no room for it gives -1.
func (sh *shard) find(hash [4]uint32, start uint64, now uint32) (spot int, found bool) {
	n := len(sh.slots)
	if n == 0 {
		return -1, false
	}
	free := -1
	for i := at(start, n); ; i++ {
		if i == n {
			i = 0
		}
		switch c := &sh.slots[i]; {
		case c.until == 0:
			if free < 0 && sh.used < mostUsed(n) {
				free = i
			}
			return free, false
		case c.hash == hash:
			return i, true
		case free < 0 && c.until <= now:
			free = i
		}
	}
}

// mostUsed is how many slots of n are used at most: with more, the ways from slot to slot grow long.
func mostUsed(n int) int { return n - n/8 - 1 }

// room builds the shard anew, without what has expired and with a quarter of room. It reports false when the set has
// no room for one more.
func (s *Set) room(sh *shard, now uint32) bool {
	live := 0
	for i := range sh.slots {
		if sh.slots[i].until > now {
			live++
		}
	}
	if s.held.Add(int64(live-sh.used)) >= s.limit && live == sh.used {
		return false
	}
	old := sh.slots
	sh.used = live
	sh.slots = make([]slot, (live+1)*10/7+8)
	for _, c := range old {
		if c.until > now {
			spot, _ := sh.find(c.hash, uint64(c.hash[2])|uint64(c.hash[3])<<32, now)
			sh.slots[spot] = c
		}
	}
	return s.held.Load() < s.limit
}
