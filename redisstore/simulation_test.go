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

// TestHistories plays histories of nodes with and without replicas, over a real server in virtual time: 1,000, or as
// many as the flag or the environment says.
func TestHistories(t *testing.T) {
	n := uint64(1000)
	if simulation.Raced {
		n = 200
	}
	simulation.PlayOnEngine(t, n, func() simulation.Engine { return newEngine(t, spoil{}) })
}

// A seed tells the same history each time.
func TestSeedsReproduce(t *testing.T) {
	simulation.ReproduceOnEngine(t, 50, func() simulation.Engine { return newEngine(t, spoil{}) })
}

// engine is a Redis server of its own.
type engine struct {
	spoil

	server *enginetest.Conn
	age    time.Duration // of the store, until it is made
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
	e.age, e.skew, e.nodes = age, 0, map[int]*redisstore.Replica{}
}

func (e *engine) Open(l *simulation.Link, since time.Time) session.Store {
	c := &node{engine: e, link: l, opening: true, last: map[int][]any{}}
	s, err := redisstore.New(ctx, c, redisstore.Since(since))
	if err != nil {
		panic(err)
	}
	e.age = 0
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
	at := c.link.Now().Add(c.skew - c.age)
	words = append(append(words, args...), strconv.FormatInt(at.UnixMilli(), 10))
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
