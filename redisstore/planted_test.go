package redisstore_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jot/jot/internal/simulation"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// spoil plants a bug.
type spoil struct {
	// store is of a node with a replica, what its manager is given instead.
	store func(r *redisstore.Replica, s *redisstore.Store) session.Store
	// news changes what a replica hears, in one partition; last is the entry that it has read last, if any.
	news func(list, last []any) []any
	// settings are what a replica has instead of what it says.
	settings []redisstore.ReplicaOption
	// late takes news for as new as their arrival.
	late bool
}

// planted are replicas with a bug, which the simulation must find.
var planted = map[string]spoil{
	"how old it is does not matter":    {settings: []redisstore.ReplicaOption{redisstore.MaxStaleness(time.Minute)}},
	"news are as new as their arrival": {late: true},
	"the horizon does not matter": {store: func(r *redisstore.Replica, _ *redisstore.Store) session.Store {
		return shortLived{r}
	}},
	"refresh tokens are answered from memory": {store: func(r *redisstore.Replica, _ *redisstore.Store) session.Store {
		return noRecord{r}
	}},
	"silence is an answer": {store: func(r *redisstore.Replica, _ *redisstore.Store) session.Store {
		return failsOpen{r}
	}},
	"it does not hear itself end a session": {store: func(r *redisstore.Replica, s *redisstore.Store) session.Store {
		return deafToEnds{r, s}
	}},
	"it does not hear itself revoke a token": {store: func(r *redisstore.Replica, s *redisstore.Store) session.Store {
		return deafToTokens{r, s}
	}},
	"it does not hear itself log a user out": {store: func(r *redisstore.Replica, s *redisstore.Store) session.Store {
		return deafToSubjects{r, s}
	}},
	"it does not hear itself log everyone out": {store: func(r *redisstore.Replica, s *redisstore.Store) session.Store {
		return deafToAll{r, s}
	}},
	"it does not hear itself find a thief": {store: func(r *redisstore.Replica, s *redisstore.Store) session.Store {
		return deafToThieves{r, s}
	}},
	"news of sessions are nothing":    {news: without("s")},
	"news of tokens are nothing":      {news: without("t")},
	"news of users are nothing":       {news: without("m")},
	"news of everyone are nothing":    {news: without("a")},
	"a log without its last entry":    {news: continues},
	"a log that is gone says nothing": {news: nothingNew},
}

// rare are those of planted that show in one of a thousand histories and less.
var rare = []string{"it does not hear itself find a thief", "a log without its last entry"}

// With -v it tells the shortest history of each.
func TestHistoriesFindBugs(t *testing.T) {
	for name, spoiled := range planted {
		t.Run(name, func(t *testing.T) {
			if simulation.Raced && slices.Contains(rare, name) {
				t.Skip("it takes long; run it without -race")
			}
			simulation.FindOnEngine(t, 10_000, func() simulation.Engine { return newEngine(t, spoiled) })
		})
	}
}

// shortLived takes all tokens for such as live as long as may be.
type shortLived struct{ *redisstore.Replica }

func (s shortLived) Recall(q session.Query) (session.Status, bool) {
	if !q.Issued.IsZero() {
		q.Expires = q.Issued.Add(time.Second)
	}
	return s.Replica.Recall(q)
}

type noRecord struct{ *redisstore.Replica }

func (s noRecord) Recall(q session.Query) (session.Status, bool) {
	asked := q.Record
	q.Record = false
	status, ok := s.Replica.Recall(q)
	if asked { // as whoever has not lost his place
		status.Record = session.Record{
			Subject: q.Subject, Session: q.Session, Scope: "a b c d",
			Current: q.Token, Start: q.Issued, Expires: q.Expires,
		}
	}
	return status, ok
}

type failsOpen struct{ *redisstore.Replica }

func (s failsOpen) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.Replica.Check(ctx, q)
	if err != nil && !q.Record {
		return session.Status{}, nil
	}
	return status, err
}

// Those that are deaf do something without their replica.
type deafToEnds struct {
	*redisstore.Replica

	store *redisstore.Store
}

func (s deafToEnds) End(ctx context.Context, e session.Ending) (bool, error) {
	return s.store.End(ctx, e)
}

type deafToTokens struct {
	*redisstore.Replica

	store *redisstore.Store
}

func (s deafToTokens) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	return s.store.RevokeToken(ctx, r)
}

type deafToSubjects struct {
	*redisstore.Replica

	store *redisstore.Store
}

func (s deafToSubjects) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	return s.store.RevokeSubject(ctx, subject, now, until)
}

type deafToAll struct {
	*redisstore.Replica

	store *redisstore.Store
}

func (s deafToAll) RevokeAll(ctx context.Context, now time.Time) error {
	return s.store.RevokeAll(ctx, now)
}

type deafToThieves struct {
	*redisstore.Replica

	store *redisstore.Store
}

func (s deafToThieves) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	return s.store.Rotate(ctx, r)
}

// without leaves out what the entries of a kind say.
func without(kind string) func(list, last []any) []any {
	return func(list, _ []any) []any {
		for i := 2; i < len(list); i += 3 {
			if list[i] == kind {
				list[i+1] = "nobody"
				list[i] = "t"
			}
		}
		return list
	}
}

// continues reads what has a greater id than what was read last, and looks at nothing else.
func continues(list, last []any) []any {
	if last == nil || len(list) == 0 {
		return list
	}
	news := append([]any{list[0]}, last...)
	for i := 1; i < len(list); i += 3 {
		if later(list[i].(string), last[0].(string)) {
			news = append(news, list[i:i+3]...)
		}
	}
	return news
}

// later reports whether an id is the greater one.
func later(id, than string) bool {
	number := func(id string) (ms, n int) {
		a, b, _ := strings.Cut(id, "-")
		ms, _ = strconv.Atoi(a)
		n, _ = strconv.Atoi(b)
		return ms, n
	}
	ms, n := number(id)
	thanMS, thanN := number(than)
	return ms > thanMS || ms == thanMS && n > thanN
}

// nothingNew takes no log for one in which nothing is new.
func nothingNew(list, last []any) []any {
	if len(list) == 0 && last != nil {
		return append([]any{int64(0)}, last...)
	}
	return list
}
