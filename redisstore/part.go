package redisstore

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The kinds of entries in a log.
const (
	kindSession = "s"
	kindToken   = "t"
	kindMark    = "m"
	kindAll     = "a"
)

// entry is one of a log: what may not be accepted any more. The zero entry is none.
type entry struct{ id, kind, names string }

// entriesOf reads the list of a partition, and whether there may be more.
func entriesOf(answer any) (entries []entry, more bool, err error) {
	list, ok := answer.([]any)
	if !ok || len(list) > 0 && len(list)%3 != 1 {
		return nil, false, odd(answer)
	}
	if len(list) == 0 {
		return nil, false, nil
	}
	more, err = yes(list[0], nil)
	if err != nil {
		return nil, false, err
	}
	var texts texts
	for i := 1; i < len(list); i += 3 {
		entries = append(entries, entry{texts.next(list[i]), texts.next(list[i+1]), texts.next(list[i+2])})
	}
	if texts.wrong {
		return nil, false, odd(answer)
	}
	return entries, more, nil
}

// part is what is known of a partition.
type part struct {
	mu sync.RWMutex
	// last is the entry that was read last. As long as it stands in the log nothing comes before it.
	last entry
	// whole says that all of the log was read that matters, at fresh at least.
	whole bool
	fresh time.Time
	// recent and older hold what was revoked, by hashes: two that are the same cost a question and no more. An entry is
	// kept for a span at least, and at most for two.
	recent, older generation
}

// generation is what was revoked within a span.
type generation struct {
	began  int64 // in ms of the server's clock
	hashes map[uint64]struct{}
	all    bool // everyone was logged out
}

// read takes over what was read from a log at some time, and reports whether there is more to read.
func (p *part) read(entries []entry, more bool, began time.Time, serverMS int64, span time.Duration) (behind bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(entries) == 0 { // the store has lost its data; who asks it next lets it begin anew
		p.last, p.whole = entry{}, false
		return false
	}
	if p.last.id != "" && p.last != entries[0] {
		// The server is another one, which has not heard of all that the one before said. It is read anew.
		p.last, p.whole = entry{}, false
		return true
	}
	if serverMS-p.recent.began >= span.Milliseconds() {
		p.older, p.recent = p.recent, generation{began: serverMS}
	}
	for _, e := range entries {
		if p.last.id == "" || e != p.last {
			p.add(e, serverMS-span.Milliseconds())
		}
	}
	p.last = entries[len(entries)-1]
	if more {
		return true
	}
	p.whole, p.fresh = true, began
	return false
}

// add remembers an entry, unless it is older than what matters: the last of a log is read however old it is.
func (p *part) add(e entry, oldest int64) {
	ms, err := strconv.ParseInt(strings.SplitN(e.id, "-", 2)[0], 10, 64)
	if err == nil && ms < oldest {
		return
	}
	p.enter(e.kind, e.names)
}

// note remembers what this process is about to write.
func (p *part) note(kind string, names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enter(kind, names...)
}

func (p *part) enter(kind string, names ...string) {
	if kind == kindAll {
		p.recent.all = true
		return
	}
	if p.recent.hashes == nil {
		p.recent.hashes = map[uint64]struct{}{}
	}
	p.recent.hashes[hash(kind, names...)] = struct{}{}
}

// everyone reports whether everyone was logged out of late.
func (p *part) everyone() bool { return p.recent.all || p.older.all }

// has reports whether something was revoked of late.
func (p *part) has(kind string, names ...string) bool {
	h := hash(kind, names...)
	if _, ok := p.recent.hashes[h]; ok {
		return true
	}
	_, ok := p.older.hashes[h]
	return ok
}

// freshness is since when what is known is all that there was; the zero time if it never was.
func (p *part) freshness() time.Time {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.fresh
}

var seed = maphash.MakeSeed()

// hash is that of an entry, whose names are joined as in the log.
func hash(kind string, names ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(kind)
	for i, name := range names {
		if i > 0 {
			_ = h.WriteByte('\xff')
		}
		_, _ = h.WriteString(name)
	}
	return h.Sum64()
}
