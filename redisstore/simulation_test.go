package redisstore_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/internal/simulation"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// TestHistories plays histories of nodes with and without replicas, over a real server in virtual time.
func TestHistories(t *testing.T) {
	simulation.PlayOnEngine(t, 1000, func() simulation.Engine { return newEngine(t, spoil{}) })
}

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

// engine is a Redis server of its own.
type engine struct {
	spoil

	server *enginetest.Conn
	skew   time.Duration // of the server's clock
	nodes  map[int]*redisstore.Replica
}

func newEngine(tb testing.TB, spoiled spoil) *engine {
	tb.Helper()
	c, err := enginetest.Dial(enginetest.NewRedis(tb).Addr)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.Close() })
	e := &engine{spoil: spoiled, server: c}
	for _, s := range scripts {
		e.do("SCRIPT", "LOAD", s.text)
	}
	return e
}

// do sends a command that must succeed.
func (e *engine) do(words ...string) {
	if _, err := e.server.Do(words...); err != nil {
		panic(err)
	}
}

func (e *engine) Begin(age time.Duration) {
	e.do("FLUSHALL")
	e.skew, e.nodes = -age, map[int]*redisstore.Replica{}
}

func (e *engine) Open(l *simulation.Link) session.Store {
	c := &node{engine: e, link: l, opening: true, last: map[int][]any{}}
	s, err := redisstore.New(ctx, c, redisstore.Since(time.Time{}))
	if err != nil {
		panic(err)
	}
	e.skew = 0
	staleness, horizon, ok := l.Replica()
	if !ok {
		c.opening = false
		return s
	}
	settings := append([]redisstore.ReplicaOption{
		redisstore.MaxStaleness(staleness), redisstore.Horizon(horizon),
	}, e.settings...)
	r, err := redisstore.LoadReplica(ctx, s, l.Now, settings...)
	if err != nil {
		panic(err)
	}
	c.opening = false
	e.nodes[l.Node()] = r
	if e.store != nil {
		return e.store(r, s)
	}
	return r
}

func (e *engine) Poll(node int) error {
	err := e.nodes[node].CatchUp(ctx)
	if err == nil && e.late {
		e.nodes[node].Refresh()
	}
	return err
}

// copies fills a database with what another one has. What was saved is in database 1.
const copies = `redis.call('SELECT', ARGV[2]) redis.call('FLUSHDB') redis.call('SELECT', ARGV[1])
for _, name in ipairs(redis.call('KEYS', '*')) do redis.call('COPY', name, (name), 'DB', ARGV[2]) end`

func (e *engine) Save() { e.do("EVAL", copies, "0", "0", "1") }

func (e *engine) FailOver(skew time.Duration) {
	e.do("EVAL", copies, "0", "1", "0")
	e.skew = skew
}

func (e *engine) Lose() { e.do("FLUSHDB") }

// node is a node's client.
type node struct {
	*engine

	link    *simulation.Link
	opening bool
	last    map[int][]any // of each partition
}

// Eval implements [redisstore.Client].
func (c *node) Eval(_ context.Context, _, script string, keys, args []string) (answer any, err error) {
	s := scripts[script]
	deliver := func() error {
		answer, err = c.run(s, keys, args)
		return err
	}
	switch {
	case c.opening:
		err = deliver()
	case s.does == "Poll":
		err = c.link.Poll(deliver)
	default:
		err = c.link.Call(s.does, deliver)
	}
	if err != nil {
		return nil, err
	}
	if lists, ok := answer.([]any); ok && s.does == "Poll" {
		for i, list := range lists[1:] {
			c.hear(lists, 1+i, list.([]any))
		}
	}
	return answer, nil
}

// hear is where bugs of replicas are planted.
func (c *node) hear(lists []any, i int, list []any) {
	if c.news != nil {
		list = c.news(list, c.last[i])
		lists[i] = list
	}
	if len(list) > 3 {
		c.last[i] = list[len(list)-3:]
	}
}

// run runs a script on a server whose clock is the history's.
func (c *node) run(s script, keys, args []string) (any, error) {
	words := append([]string{"EVALSHA", s.sha, strconv.Itoa(len(keys))}, keys...)
	words = append(append(words, args...), strconv.FormatInt(c.link.Now().Add(c.skew).UnixMilli(), 10))
	return c.server.Do(words...)
}

type script struct{ does, text, sha string }

// clock gives a script another clock: its last argument.
const clock = `local CLOCK, server = table.remove(ARGV), redis
local redis = setmetatable({ call = function(command, ...)
  if command == 'TIME' then return { string.sub(CLOCK, 1, -4), string.sub(CLOCK, -3) .. '000' } end
  local words = { ... }
  if command == 'XADD' and words[2] == '*' then
    local id = server.pcall(command, words[1], CLOCK .. '-*', unpack(words, 3))
    if type(id) == 'string' then return id end -- or else the clock was ahead before
  end
  return server.call(command, ...)
end }, { __index = server })
`

// scripts by the hashes that a store calls them by.
var scripts = func() map[string]script {
	all := map[string]script{}
	hash := func(text string) string {
		sum := sha1.Sum([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	for does, texts := range redisstore.Scripts {
		for _, text := range texts {
			all[hash(text)] = script{does, clock + text, hash(clock + text)}
		}
	}
	return all
}()

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

// With -v it tells the shortest history of each.
func TestHistoriesFindBugs(t *testing.T) {
	for name, spoiled := range planted {
		t.Run(name, func(t *testing.T) {
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

// continues pretends that a log goes on from where it was read.
func continues(list, last []any) []any {
	if len(list) > 3 && last != nil && list[1] != last[0] {
		return append([]any{list[0]}, append(last, list[1:]...)...)
	}
	return list
}

// nothingNew takes no log for one in which nothing is new.
func nothingNew(list, last []any) []any {
	if len(list) == 0 && last != nil {
		return append([]any{int64(0)}, last...)
	}
	return list
}
