// Package jottest helps to test what is built on jot: [TestBlocklist] proves a blocklist of your own, [Request] and its
// like make the requests that tests of handlers send: logged in, expired, revoked, or with cookies. What proves a store
// is package sessiontest.
package jottest

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jot/jot"
)

// TestBlocklist proves that what open returns keeps the promises of [jot.Blocklist]: it finds what was revoked and
// nothing else, tells the first of several that revoke at once, never shortens how long it remembers, and takes ids
// for what they are. open may return the same store each time, and one that holds other entries: the ids of a run are
// its own. A store may be slow, and its clock may differ from the test's by some seconds. The suite waits for a good
// second, to see that what was extended is still there.
func TestBlocklist(t *testing.T, open func(t *testing.T) jot.Blocklist) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(b blocklist)
	}{
		{"unknown ids are not revoked", blocklist.unknown},
		{"no ids are not revoked", blocklist.none},
		{"a revoked id is found", blocklist.found},
		{"any of several ids is found", blocklist.anyOf},
		{"only the first to revoke is first", blocklist.first},
		{"of many at once one is first", blocklist.race},
		{"of many at once the latest end holds", blocklist.raceForEnd},
		{"revoking again extends and never shortens", blocklist.extends},
		{"what has passed is no error", blocklist.passed},
		{"ids are opaque", blocklist.opaque},
		{"a cancelled context gives no wrong answer", blocklist.cancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(blocklist{t, open(t), rand.Text()[:12]})
		})
	}
}

// blocklist is one test of a store, with a prefix for its ids.
type blocklist struct {
	*testing.T
	jot.Blocklist
	prefix string
}

func (b blocklist) revoke(id string, until time.Time) (first bool) {
	b.Helper()
	first, err := b.Revoke(b.Context(), id, until)
	if err != nil {
		b.Fatalf("Revoke(%q): %v", id, err)
	}
	return first
}

func (b blocklist) wantRevoked(want bool, ids ...string) {
	b.Helper()
	got, err := b.Revoked(b.Context(), ids...)
	if err != nil {
		b.Fatalf("Revoked(%q): %v", ids, err)
	}
	if got != want {
		b.Fatalf("Revoked(%q) = %v, want %v", ids, got, want)
	}
}

func (b blocklist) wantFirst(want bool, id string, until time.Time) {
	b.Helper()
	if got := b.revoke(id, until); got != want {
		b.Fatalf("Revoke(%q): first = %v, want %v", id, got, want)
	}
}

func (b blocklist) id(name string) string { return b.prefix + name }

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

func (b blocklist) unknown() {
	b.wantRevoked(false, b.id("a"))
	b.wantRevoked(false, b.id("a"), b.id("b"), b.id("c"))
}

func (b blocklist) none() {
	b.revoke(b.id("a"), inAnHour())
	b.wantRevoked(false)
}

func (b blocklist) found() {
	b.revoke(b.id("a"), inAnHour())
	b.wantRevoked(true, b.id("a"))
	b.wantRevoked(false, b.id("b"))
	b.revoke(b.id("c"), inAnHour())
	b.wantRevoked(true, b.id("c"))
	b.wantRevoked(true, b.id("a"))
	b.wantRevoked(false, b.id("b"))
}

func (b blocklist) anyOf() {
	b.revoke(b.id("x"), inAnHour())
	b.wantRevoked(true, b.id("x"), b.id("b"), b.id("c"))
	b.wantRevoked(true, b.id("a"), b.id("x"), b.id("c"))
	b.wantRevoked(true, b.id("a"), b.id("b"), b.id("x"))
	b.wantRevoked(true, b.id("x"), b.id("x"))
	b.wantRevoked(false, b.id("a"), b.id("b"), b.id("c"), b.id("d"))
}

func (b blocklist) first() {
	b.wantFirst(true, b.id("a"), inAnHour())
	b.wantFirst(false, b.id("a"), inAnHour())
	b.wantFirst(true, b.id("b"), inAnHour())
	b.wantFirst(false, b.id("a"), inAnHour().Add(time.Hour))
}

// Racers and rounds of the races: enough to catch a store that reads first and writes later.
const (
	racers = 64
	rounds = 100
)

func (b blocklist) race() {
	for round := range rounds {
		id := b.id(strconv.Itoa(round))
		var firsts, failed atomic.Int32
		together(func(int) {
			first, err := b.Revoke(b.Context(), id, inAnHour())
			if err != nil {
				failed.Add(1)
			}
			if first {
				firsts.Add(1)
			}
		})
		if failed.Load() > 0 || firsts.Load() != 1 {
			b.Fatalf("round %d: of %d that revoked one id at once %d were first, and %d got an error",
				round, racers, firsts.Load(), failed.Load())
		}
		b.wantRevoked(true, id)
	}
}

// One of the racers revokes for an hour, the others until an instant that has passed: a store that decides by what it
// has read before loses the hour, and here one sees it without waiting.
func (b blocklist) raceForEnd() {
	for round := range rounds / 4 {
		id := b.id(strconv.Itoa(round))
		var failed atomic.Int32
		together(func(racer int) {
			until := time.Now().Add(-time.Hour)
			if racer == round {
				until = inAnHour()
			}
			if _, err := b.Revoke(b.Context(), id, until); err != nil {
				failed.Add(1)
			}
		})
		if failed.Load() > 0 {
			b.Fatalf("round %d: of %d that revoked one id at once %d got an error", round, racers, failed.Load())
		}
		b.wantRevoked(true, id)
	}
}

// together runs f by all racers at once.
func together(f func(racer int)) {
	start := make(chan struct{})
	var group sync.WaitGroup
	for racer := range racers {
		group.Go(func() {
			<-start
			f(racer)
		})
	}
	close(start)
	group.Wait()
}

// Of two entries one was about to pass when it was extended, and one got an earlier end afterwards. Both are there
// later. Some stores count in seconds, so it waits for more than one. Whether the one about to pass was still known
// when it was extended is for the store's clock to say.
func (b blocklist) extends() {
	b.wantFirst(true, b.id("kept"), inAnHour())
	b.wantFirst(false, b.id("kept"), time.Now().Add(100*time.Millisecond))
	b.wantFirst(false, b.id("kept"), time.Now().Add(-time.Hour))
	b.wantRevoked(true, b.id("kept"))

	var extended string
	var ends time.Time
	// A slow store may have nothing left to extend: try again with a longer life.
	for life := 100 * time.Millisecond; !time.Now().Before(ends); life *= 2 {
		extended, ends = b.id(life.String()), time.Now().Add(life)
		b.revoke(extended, ends)
		b.revoke(extended, inAnHour())
	}
	for time.Now().Before(ends.Add(1100 * time.Millisecond)) {
		b.wantRevoked(true, extended)
		b.wantRevoked(true, b.id("kept"))
		<-time.After(50 * time.Millisecond)
	}
	b.wantRevoked(true, extended)
	b.wantFirst(false, extended, inAnHour())
	b.wantFirst(false, b.id("kept"), inAnHour())
}

func (b blocklist) passed() {
	b.revoke(b.id("a"), time.Now().Add(-time.Hour))
	b.revoke(b.id("b"), time.Unix(1, 0))
	b.revoke(b.id("c"), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
	b.wantRevoked(true, b.id("c"))
}

func (b blocklist) opaque() {
	long := strings.Repeat("x", 51)
	ids := []string{
		"", "a", "A", "aa", "a ", " a",
		"a:", "a%", "a_", "a*", "a?", "a\\", "a'", `a"`, "a;", "a{", "{a}", "[a]",
		"\u00e9", "e\u0301", "\u00c9", "\u00df", "ss", "\U0001f600", "\U0001f601",
		long + "a", long + "b", long + "A",
	}
	if len(b.id(long+"a")) != 64 {
		b.Fatalf("the longest id has %d bytes, not 64", len(b.id(long+"a")))
	}
	b.wantDistinct(ids)
	slices.Reverse(ids) // what begins like another came after it, now it comes before
	b.prefix = rand.Text()[:12]
	b.wantDistinct(ids)
}

// wantDistinct revokes ids one after the other, and none before its time.
func (b blocklist) wantDistinct(ids []string) {
	b.Helper()
	for i, id := range ids {
		for _, later := range ids[i:] {
			b.wantRevoked(false, b.id(later))
		}
		b.wantFirst(true, b.id(id), inAnHour())
		for _, earlier := range ids[:i+1] {
			b.wantRevoked(true, b.id(earlier))
		}
	}
}

func (b blocklist) cancelled() {
	b.revoke(b.id("a"), inAnHour())
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	if revoked, err := b.Revoked(ctx, b.id("a")); err == nil && !revoked {
		b.Fatal("Revoked says false for a cancelled context, without an error: that lets a revoked token in")
	}
	first, err := b.Revoke(ctx, b.id("b"), inAnHour())
	if err == nil {
		b.wantRevoked(true, b.id("b"))
		if !first {
			b.Fatal("Revoke says that an id was known which was not")
		}
	}
}
