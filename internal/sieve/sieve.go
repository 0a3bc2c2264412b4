// Package sieve is a map of bounded size that leaves out what nobody asks for, by the SIEVE algorithm: whoever is asked
// for again before its turn comes stays. So a flood of texts that come once pushes out little of what comes often.
package sieve

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Map holds values by texts. It is safe for concurrent use.
type Map[V any] struct {
	seed   maphash.Seed
	shards [shards]shard[V]
}

// shards is how many locks there are. Those who only read share one.
const shards = 16

type shard[V any] struct {
	mu     sync.RWMutex
	room   int
	byText map[string]*entry[V]
	newest *entry[V]
	oldest *entry[V]
	hand   *entry[V] // the next whose turn it is; nil, the oldest
}

type entry[V any] struct {
	text         string
	value        V
	asked        atomic.Bool // since its last turn
	newer, older *entry[V]
}

// New returns a map for so many values, or a few more, so that each shard has room.
func New[V any](n int) *Map[V] {
	m := &Map[V]{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].room = (n + shards - 1) / shards
		m.shards[i].byText = map[string]*entry[V]{}
	}
	return m
}

func (m *Map[V]) shard(text string) *shard[V] { return &m.shards[maphash.String(m.seed, text)%shards] }

// Get returns the value of a text.
func (m *Map[V]) Get(text string) (value V, ok bool) {
	s := m.shard(text)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.byText[text]
	if e == nil {
		return value, false
	}
	if !e.asked.Load() { // most are, and then nobody writes
		e.asked.Store(true)
	}
	return e.value, true
}

// Put enters a value, in the place of another of the same text.
func (m *Map[V]) Put(text string, value V) {
	s := m.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byText[text]; e != nil {
		e.value = value
		return
	}
	if len(s.byText) >= s.room {
		s.leaveOut()
	}
	e := &entry[V]{text: text, value: value, older: s.newest}
	if s.newest != nil {
		s.newest.newer = e
	} else {
		s.oldest = e
	}
	s.newest, s.byText[text] = e, e
}

// Delete takes a value out.
func (m *Map[V]) Delete(text string) {
	s := m.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byText[text]; e != nil {
		s.remove(e)
	}
}

// Len returns how many values there are.
func (m *Map[V]) Len() (n int) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		n += len(s.byText)
		s.mu.RUnlock()
	}
	return n
}

// leaveOut takes out the first, from the hand on towards the newest, that was not asked for since its last turn.
func (s *shard[V]) leaveOut() {
	e := s.turn()
	for e.asked.Load() {
		e.asked.Store(false)
		s.hand = e.newer
		e = s.turn()
	}
	s.remove(e)
}

func (s *shard[V]) turn() *entry[V] {
	if s.hand == nil {
		return s.oldest
	}
	return s.hand
}

func (s *shard[V]) remove(e *entry[V]) {
	if s.hand == e {
		s.hand = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	delete(s.byText, e.text)
}
