//go:build unix

package histories_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// What the processes' replicas are told, and what they are judged by.
const (
	staleness = 200 * time.Millisecond
	horizon   = 15 * time.Minute // which is theirs unless set
)

// reachReplica reaches a replica, by one client or the other. One of the processes hears badly.
func reachReplica(ctx context.Context, at string, process int) (*reached, error) {
	reach := reachGoRedis
	switch process {
	case 1:
		reach = reachRueidis
	case 2:
		return hearing(lossy{}, staleness)(ctx, at, process)
	}
	s, err := reach(ctx, at, process)
	if err != nil {
		return s, err
	}
	return replicaOf(ctx, s, staleness)
}

// replicaOf puts a replica around a store.
func replicaOf(ctx context.Context, s *reached, staleness time.Duration) (*reached, error) {
	replica, err := redisstore.NewReplica(ctx, s.Store.(*redisstore.Store), redisstore.MaxStaleness(staleness))
	if err != nil {
		return s, err
	}
	return &reached{Store: replica, close: func() {
		_ = replica.Close()
		s.close()
	}}, nil
}

// oldRedis is a server that is not new: of one that is, replicas ask about everything for 25 minutes.
func oldRedis(t testing.TB) server {
	t.Helper()
	s := durableRedis(t).(*redisServer)
	at, err := reachGoRedis(t.Context(), s.at(), 0)
	require.NoError(t, err)
	at.close()
	s.age()
	return s
}

// age lets an hour pass for the logs of a server: what they say has no meaning any more.
func (s *redisServer) age() {
	logs, err := s.Do("KEYS", "jot:{*}:log")
	require.NoError(s.t, err)
	for _, log := range logs.([]any) {
		_, err = s.Do("DEL", log.(string))
		require.NoError(s.t, err)
		_, err = s.Do("XADD", log.(string), "1000-1", "a", "")
		require.NoError(s.t, err)
	}
}

// mayRecall reports whether a replica may answer by itself, for all that the query says.
func mayRecall(q session.Query) bool {
	return !q.Record && !q.Issued.IsZero() && !q.Expires.IsZero() && q.Expires.Sub(q.Issued) <= horizon
}

// revokes reports whether the call, if it was carried out, speaks against what a query is about.
func (o operation) revokes(q session.Query) bool {
	switch o.Method {
	case end:
		return o.Ending.Session == q.Session
	case rotate:
		return o.Rotation.Session == q.Session && (o.unknown() || o.answer.Result.Outcome == session.Reused)
	case revokeToken:
		return o.Revocation.Token == q.Token
	case revokeSubject, revokeAll:
		return true
	}
	return false
}

// lag lets answers of replicas be late: what one says that nothing speaks against may have been so as long ago as its
// staleness. But not before the replica was made, which loads first; nor before its own process had been told, or had
// not, what became of a call that revokes what was asked about. Nor can a session have gone on before it began, which
// says nothing new and makes less to look at.
func lag(history []operation, staleness time.Duration) {
	type replica struct {
		process int
		reached int64
	}
	began := map[string]int64{}
	returned := map[replica][]operation{}
	of := func(o operation) replica { return replica{o.client / 10, o.reached} }
	for _, o := range history {
		if at, ok := began[o.Record.Session]; o.Method == begin && (!ok || o.began < at) {
			began[o.Record.Session] = o.began
		}
		if o.returned > 0 && !o.asks() {
			returned[of(o)] = append(returned[of(o)], o)
		}
	}
	for i, o := range history {
		if !o.fine() || !mayRecall(o.Query) {
			continue
		}
		from := max(o.began-int64(staleness), o.reached, began[o.Query.Session])
		for _, other := range returned[of(o)] {
			if other.returned <= o.began && other.revokes(o.Query) {
				from = max(from, other.returned+1)
			}
		}
		history[i].late = max(0, o.began-from)
	}
}

// fine reports whether the answer is that nothing speaks against a token.
func (o operation) fine() bool {
	return o.Method == check && !o.unknown() && o.answer.Status == (session.Status{})
}

// contradictions returns, of each answer that nothing spoke against a token, when others had been told the contrary at
// the latest: that the session had ended, or the token was revoked. There is none for most.
func contradictions(history []operation) map[int]int64 {
	begins := map[string][]operation{}
	for _, o := range history {
		if o.Method == begin {
			begins[o.Record.Session] = append(begins[o.Record.Session], o)
		}
	}
	before := func(q session.Query, o operation) bool { // the session had begun, and does so no more
		return !slices.ContainsFunc(begins[q.Session], func(b operation) bool { return b.over >= o.began })
	}
	told := map[int]int64{}
	for i, o := range history {
		if !o.fine() || !mayRecall(o.Query) {
			continue
		}
		for _, other := range history {
			switch {
			case other.unknown(), other.over >= o.began, !other.revokes(o.Query):
				continue
			case other.Method == revokeToken: // until an hour later
			case o.Query.Session == "" && o.Query.Issued.After(other.now()):
				continue
			case o.Query.Session != "" && !before(o.Query, other):
				continue
			}
			if at, ok := told[i]; !ok || other.over < at {
				told[i] = other.over
			}
		}
	}
	return told
}

// tooLate reports whether a replica has given an answer that was not right any more when it may have been given. It
// finds at once what takes the checker long.
func tooLate(history []operation) bool {
	for i, told := range contradictions(history) {
		if o := history[i]; o.late > 0 && told < o.from() {
			return true
		}
	}
	return false
}

// recalls counts what replicas have answered.
type recalls struct {
	may, fine, did int // what they may answer, of that what nothing spoke against, and what they answered
	late           int
	latest         time.Duration
}

func (c *recalls) add(part []operation) {
	for _, o := range part {
		if o.Method == check && mayRecall(o.Query) {
			c.may++
			if o.fine() {
				c.fine++
			}
			if o.answer.Recall {
				c.did++
			}
		}
	}
	for i, told := range contradictions(part) {
		c.late, c.latest = c.late+1, max(c.latest, time.Duration(part[i].began-told))
	}
}

func (c *recalls) String() string {
	return fmt.Sprintf("replicas answered %d of %d, nothing spoke against %d; %d after what others had revoked, "+
		"by %s at most", c.did, c.may, c.fine, c.late, c.latest)
}

// enough reports whether they have answered a good part, and some of it late.
func (c *recalls) enough() bool { return c.did > c.fine/3 && c.late >= 10 }
