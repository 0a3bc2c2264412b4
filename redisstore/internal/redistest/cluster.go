package redistest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
)

// slotMoves: while a cluster moves a slot to another node, and back, there may be errors, and no wrong answer.
func slotMoves(t *testing.T, open Open) {
	addrs := enginetest.NewRedisNodes(t)
	prefix := key() + ":"
	s := open.store(t, addrs, redisstore.Prefix(prefix))
	k := newKnown(t, s)
	nodes := []func(words ...string) any{node(t, addrs[0]), node(t, addrs[1]), node(t, addrs[2])}
	var ids []string
	slot, from := "", 0
	for i, ask := range nodes {
		ids = append(ids, ask("CLUSTER", "MYID").(string))
		for _, name := range ask("KEYS", prefix+"*:s:"+k.subject).([]any) {
			slot, from = fmt.Sprint(ask("CLUSTER", "KEYSLOT", name.(string))), i
		}
	}
	require.NotEmpty(t, slot)

	var stop atomic.Bool
	var group sync.WaitGroup
	var failed, wrong atomic.Int64
	defer func() {
		stop.Store(true)
		group.Wait()
	}()
	for range 4 {
		group.Go(func() {
			for !stop.Load() {
				for q, fine := range k.queries() {
					status, err := k.Check(patient(t), q)
					switch {
					case err != nil:
						failed.Add(1)
					case fine != (!status.Revoked && !status.Ended):
						wrong.Add(1)
					}
				}
			}
		})
	}
	for turn := range 6 {
		to := (from + 1 + turn%2) % 3
		move(t, addrs, nodes, ids, slot, from, to)
		from = to
		require.Eventually(t, func() bool { // a client may not know at once where it is
			agree(nodes, ids, slot, to)
			return s.Begin(patient(t), record(k.subject, "again "+strconv.Itoa(turn)), 9) == nil
		}, 10*time.Second, 10*time.Millisecond)
	}
	stop.Store(true)
	group.Wait()
	require.Zero(t, wrong.Load())
	t.Logf("%d errors", failed.Load())
}

// agree tells nodes once more where a slot is that believe late news from each other.
func agree(nodes []func(words ...string) any, ids []string, slot string, at int) {
	for _, ask := range nodes {
		for _, row := range ask("CLUSTER", "SLOTS").([]any) {
			row := row.([]any)
			n, _ := strconv.ParseInt(slot, 10, 64)
			if row[0].(int64) <= n && n <= row[1].(int64) && row[2].([]any)[2] != ids[at] {
				ask("CLUSTER", "SETSLOT", slot, "NODE", ids[at])
			}
		}
	}
}

// move gives a slot of a cluster to another node, with the keys in it.
func move(
	t *testing.T, addrs []string, nodes []func(words ...string) any, ids []string, slot string, from, to int,
) {
	t.Helper()
	nodes[to]("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from])
	nodes[from]("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to])
	host, port, _ := strings.Cut(addrs[to], ":")
	for {
		found := nodes[from]("CLUSTER", "GETKEYSINSLOT", slot, "1").([]any)
		if len(found) == 0 {
			break
		}
		nodes[from]("MIGRATE", host, port, found[0].(string), "0", "5000")
	}
	for _, i := range []int{to, from, 3 - from - to} {
		nodes[i]("CLUSTER", "SETSLOT", slot, "NODE", ids[to])
	}
}
