package sessiontest_test

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jot/jot/session"
)

// reference is a store in its simplest form, or one that makes a mistake.
type reference struct {
	mu       sync.Mutex
	mistake  string
	subjects map[string]*subject
	mark     int64
	epoch    int
	entered  int
	since    time.Time // of the mark of all, where it is forgotten
}

type subject struct {
	mark, until int64
	sessions    map[string]entry
	tokens      map[string]revocation
}

type entry struct {
	session.Record

	entered, epoch int
}

type revocation struct {
	until time.Time
	call  string
}

const never = -1 << 62

func newReference(mistake string) *reference {
	s := &reference{mistake: mistake, subjects: map[string]*subject{}, mark: time.Now().Add(-time.Minute).UnixMilli()}
	if mistake == "comes up empty without a mark" {
		s.mark = never
	}
	return s
}

// of returns what is kept of a subject.
func (s *reference) of(name string) *subject {
	name = s.key(name)
	if s.subjects[name] == nil {
		s.subjects[name] = &subject{mark: never, sessions: map[string]entry{}, tokens: map[string]revocation{}}
	}
	return s.subjects[name]
}

func (s *reference) key(k string) string {
	switch s.mistake {
	case "ignores case":
		return strings.ToLower(k)
	case "cuts keys":
		return k[:min(32, len(k))]
	case "trims keys":
		return strings.TrimSpace(k)
	}
	return k
}

// tokens returns where the tokens of a subject are kept.
func (s *reference) tokens(name string) map[string]revocation {
	if s.mistake == "shares tokens among subjects" {
		name = "all"
	}
	return s.of(name).tokens
}

// apart lets others in, where the mistake is to read first and write later.
func (s *reference) apart() {
	if s.mistake == "reads, then writes" {
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
}

func (s *reference) Begin(ctx context.Context, r session.Record, limit int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of, id := s.of(r.Subject), s.key(r.Session)
	known, again := of.sessions[id]
	if again && (s.mistake != "begins ended ones again" || known.Current != "") && s.mistake != "begins twice" {
		return nil
	}
	switch s.mistake {
	case "drops labels":
		r.Label = ""
	case "cuts instants to seconds":
		r.Start, r.Expires = r.Start.Truncate(time.Second), r.Expires.Truncate(time.Second)
	case "begins at the mark":
		r.Start = later(r.Start, time.UnixMilli(of.mark+1).UTC())
	}
	var others []entry
	for _, e := range of.sessions {
		counts := e.Live(r.Start) && e.epoch == s.epoch
		if counts || s.mistake == "counts what is over" {
			others = append(others, e)
		}
	}
	slices.SortFunc(others, func(a, b entry) int {
		switch s.mistake {
		case "evicts by clocks":
			return a.Start.Compare(b.Start)
		case "evicts by use":
			return later(a.Start, a.RotatedAt).Compare(later(b.Start, b.RotatedAt))
		case "evicts the latest":
			return cmp.Compare(b.entered, a.entered)
		}
		return cmp.Compare(a.entered, b.entered)
	})
	s.apart()
	excess := len(others) - limit + 1
	if s.mistake == "allows one too many" {
		excess--
	}
	for i := range others {
		if limit > 0 && i < excess && s.mistake != "knows no limit" {
			delete(of.sessions, s.key(others[i].Session))
		}
	}
	s.entered++
	if s.mistake == "evicts the new one" && limit > 0 && len(others) >= limit && slices.ContainsFunc(others, func(e entry) bool {
		return e.Start.After(r.Start)
	}) {
		return nil
	}
	of.sessions[id] = entry{r, s.entered, s.epoch}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// known returns the record of a session.
func (s *reference) known(subject, id string) session.Record {
	e := s.of(subject).sessions[s.key(id)]
	if s.mistake == "shares sessions among subjects" {
		for _, other := range s.subjects {
			if found, ok := other.sessions[id]; ok {
				e = found
			}
		}
	}
	if e.epoch != s.epoch && s.mistake != "forgets that everyone is out" {
		return session.Record{}
	}
	return e.Record
}

func (s *reference) revoked(subject, token string, now time.Time) bool {
	return now.Before(s.tokens(subject)[s.key(token)].until)
}

func (s *reference) Check(ctx context.Context, q session.Query) (session.Status, error) {
	if ctx.Err() != nil {
		if s.mistake == "hides a cancellation" {
			return session.Status{}, nil
		}
		return session.Status{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(q.Subject)
	status := session.Status{Revoked: s.revoked(q.Subject, q.Token, q.Now)}
	issued := q.Issued.UnixMilli()
	mark := max(of.mark, s.mark)
	switch {
	case s.mistake == "forgets the mark of all" && !s.since.IsZero() && q.Now.Sub(s.since) > 365*24*time.Hour:
		mark = of.mark
	case s.mistake == "forgets marks early" && q.Now.UnixMilli() > of.until-int64(time.Hour/time.Millisecond):
		mark = s.mark
	case s.mistake == "has no mark of a subject":
		mark = s.mark
	case s.mistake == "has no mark of all":
		mark = of.mark
	}
	if q.Session == "" {
		old := issued <= mark
		if s.mistake == "takes what is issued at the mark" {
			old = issued < mark
		}
		if s.mistake == "takes what does not say when" && q.Issued.IsZero() {
			old = false
		}
		status.Revoked = status.Revoked || old
		return status, nil
	}
	record := s.known(q.Subject, q.Session)
	status.Ended = !record.Live(q.Now)
	switch s.mistake {
	case "judges sessions by marks":
		status.Ended = status.Ended || record.Start.UnixMilli() <= mark
	case "judges tokens of sessions by marks":
		status.Revoked = status.Revoked || issued <= mark
	case "takes what it does not know":
		status.Ended = record.Session != "" && status.Ended
	}
	if q.Record && (!status.Ended || s.mistake == "shows records of ended ones") {
		status.Record = record
	}
	return status, nil
}

func (s *reference) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	if err := ctx.Err(); err != nil {
		return session.Result{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.known(r.Subject, r.Session)
	revoked := s.revoked(r.Subject, r.Token, r.Now)
	s.apart()
	asked := r
	distance := r.Now.Sub(known.RotatedAt)
	switch s.mistake {
	case "goes by one clock":
		if distance < 0 && r.Presented == known.Previous {
			r.Now, r.Grace = known.RotatedAt, max(r.Grace, 1)
		}
	case "replays for ever":
		if r.Grace > 0 {
			r.Grace = 24 * time.Hour
		}
	case "replays at the end of the grace":
		if r.Grace > 0 {
			r.Grace++
		}
	case "replays without grace":
		r.Grace += time.Millisecond
	case "never replays":
		r.Grace = 0
	case "replays at any depth":
		if r.Presented < known.Previous && distance.Abs() < r.Grace {
			r.Presented = known.Previous
		}
	case "takes newer for reuse":
		if r.Presented > known.Current && r.Next != known.Current {
			r.Presented = "0"
		}
	case "rotates revoked tokens":
		revoked = false
	case "does not know a repeated rotation":
		if r.Next == known.Current {
			r.Next += "x"
		}
	case "does not know who found the reuse":
		if known.Current == "" {
			known.Previous = ""
		}
	case "lets sessions live on":
		known.Expires = later(known.Expires, r.Now.Add(time.Hour))
	}
	result, next := r.Apply(known, revoked)
	switch s.mistake {
	case "forks":
		if result.Outcome == session.Replayed {
			result.Current = asked.Next
		}
	case "widens by a replay":
		if result.Outcome == session.Replayed {
			next.Scope, result.Scope = asked.Scope, asked.Scope
		}
	case "forgets narrowing by a replay":
		if result.Outcome == session.Replayed {
			next.Scope = known.Scope
		}
	case "widens by a rotation":
		if result.Outcome == session.Rotated && known.Current == asked.Presented {
			next.Scope, result.Scope = asked.Scope, asked.Scope
		}
	case "moves the window":
		if result.Outcome == session.Replayed {
			next.RotatedAt = asked.Now
		}
	case "takes the last end":
		next.Expires = asked.Expires
	case "does not prolong":
		next.Expires = later(known.Expires, time.Time{})
	case "keeps a reused session":
		if result.Outcome == session.Reused {
			next = known
		}
	}
	s.put(known, next)
	return result, nil
}

// put writes a record down where it was read.
func (s *reference) put(known, next session.Record) {
	if known.Session != "" {
		e := s.of(known.Subject).sessions[s.key(known.Session)]
		e.Record = next
		s.of(known.Subject).sessions[s.key(known.Session)] = e
	}
}

func (s *reference) End(ctx context.Context, e session.Ending) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.known(e.Subject, e.Session)
	s.apart()
	ended, next := e.Apply(known)
	switch s.mistake {
	case "does not know a repeated end":
		ended = ended && known.Current != ""
	case "ends twice":
		ended = known.Session != ""
	case "ends nothing":
		next = known
	case "ends by the clock":
		if !known.Live(e.Now) {
			next = known
		}
	}
	s.put(known, next)
	return ended, nil
}

func (s *reference) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tokens, key := s.tokens(r.Subject), s.key(r.Token)
	known := tokens[key]
	s.apart()
	first := !r.Now.Before(known.until) || known.call == r.Call
	call := known.call
	if first {
		call = r.Call
	}
	switch s.mistake {
	case "does not know a repeated revocation":
		first = !r.Now.Before(known.until)
	case "is always first":
		first = true
	case "is first once for ever":
		first = known.call == "" || known.call == r.Call
	}
	until := later(known.until, r.Until)
	switch s.mistake {
	case "shortens revocations":
		until = r.Until
	case "does not prolong revocations":
		if !known.until.IsZero() {
			until = known.until
		}
	case "forgets revocations early":
		until = until.Add(-20 * time.Second)
	}
	tokens[key] = revocation{until, call}
	return first, nil
}

func (s *reference) RevokeSubject(ctx context.Context, name string, now, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(name)
	for id, e := range of.sessions {
		if s.mistake != "logs out by clocks" || !e.Start.After(now) {
			delete(of.sessions, id)
		}
	}
	of.mark, of.until = max(of.mark, now.UnixMilli()), max(of.until, until.UnixMilli())
	if s.mistake == "moves marks back" {
		of.mark = now.UnixMilli()
	}
	return nil
}

func (s *reference) RevokeAll(ctx context.Context, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.mark, s.since = max(s.mark, now.UnixMilli()), now
	if s.mistake == "moves the mark of all back" {
		s.mark = now.UnixMilli()
	}
	if s.mistake == "logs everyone out by clocks" {
		for _, of := range s.subjects {
			for id, e := range of.sessions {
				if e.Start.After(now) {
					e.epoch = s.epoch
					of.sessions[id] = e
				}
			}
		}
	}
	return nil
}

func (s *reference) List(ctx context.Context, name string, now time.Time) ([]session.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []entry
	for _, e := range s.of(name).sessions {
		if s.known(name, e.Session).Live(now) || s.mistake == "lists what is over" {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b entry) int {
		if s.mistake == "lists by clocks" {
			return a.Start.Compare(b.Start)
		}
		return cmp.Compare(a.entered, b.entered)
	})
	var records []session.Record
	for _, e := range list {
		records = append(records, e.Record)
	}
	return records, nil
}
