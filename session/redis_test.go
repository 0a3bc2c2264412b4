package session_test

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

//go:embed testdata/*.lua
var scripts embed.FS

// redisStore shows that the contract fits Redis Cluster: each call is one script on the keys of one slot. All that
// concerns everyone is kept once for each of some slots, over which the subjects are spread.
type redisStore struct {
	conns chan *enginetest.Conn
	sha   map[string]string
}

func newRedisStore(t testing.TB) *redisStore {
	t.Helper()
	addr := enginetest.Redis(t, true)
	s := &redisStore{conns: make(chan *enginetest.Conn, 16), sha: map[string]string{}}
	for range cap(s.conns) {
		c, err := enginetest.Dial(addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		s.conns <- c
	}
	c := <-s.conns
	_, err := c.Do("FLUSHALL")
	require.NoError(t, err)
	prelude, err := scripts.ReadFile("testdata/prelude.lua")
	require.NoError(t, err)
	names := []string{"begin", "check", "rotate", "end", "revoke_token", "revoke_subject", "revoke_all", "list"}
	for _, name := range names {
		text, err := scripts.ReadFile("testdata/" + name + ".lua")
		require.NoError(t, err)
		sha, err := c.Do("SCRIPT", "LOAD", string(prelude)+string(text))
		require.NoError(t, err)
		s.sha[name] = sha.(string)
	}
	s.conns <- c
	require.NoError(t, s.RevokeAll(context.Background(), time.Now())) // it comes up empty
	return s
}

const slots = 64

// keys are those of a subject: its own, and what concerns all. The braces make them lie in one slot.
func keys(slot int, subject string) []string {
	tag := "jot:{" + strconv.Itoa(slot) + "}:"
	return []string{tag + "s:" + subject, tag + "all"}
}

func slotOf(subject string) (slot int) {
	for i := range len(subject) {
		slot = (slot*31 + int(subject[i])) % slots
	}
	return slot
}

// run calls a script on the keys of a subject, and of one of its tokens if that is not empty.
func (s *redisStore) run(ctx context.Context, script, subject, token string, args ...string) (any, error) {
	return s.runIn(ctx, slotOf(subject), script, subject, token, args...)
}

func (s *redisStore) runIn(ctx context.Context, slot int, script, subject, token string, args ...string) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	on := keys(slot, subject)
	if token != "" {
		on = append(on, on[0]+":t:"+token)
	}
	c := <-s.conns
	defer func() { s.conns <- c }()
	return c.Do(append(append([]string{"EVALSHA", s.sha[script], strconv.Itoa(len(on))}, on...), args...)...)
}

// ms is an instant as the scripts have it; the zero time is empty.
func ms(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func fromMS(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	n, _ := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(n).UTC()
}

func (s *redisStore) Begin(ctx context.Context, r session.Record, limit int) error {
	text, _ := json.Marshal(map[string]string{
		"label": r.Label, "scope": r.Scope, "current": r.Current, "previous": r.Previous,
		"start": ms(r.Start), "rotated": ms(r.RotatedAt), "expires": ms(r.Expires),
	})
	_, err := s.run(ctx, "begin", r.Subject, "", r.Session, string(text), strconv.Itoa(limit), ms(r.Start))
	return err
}

func record(subject, id, text string) (r session.Record, err error) {
	var m map[string]string
	err = json.Unmarshal([]byte(text), &m)
	return session.Record{
		Subject: subject, Session: id, Label: m["label"], Scope: m["scope"],
		Current: m["current"], Previous: m["previous"],
		Start: fromMS(m["start"]), RotatedAt: fromMS(m["rotated"]), Expires: fromMS(m["expires"]),
	}, err
}

func (s *redisStore) Check(ctx context.Context, q session.Query) (status session.Status, err error) {
	wanted := "0"
	if q.Record {
		wanted = "1"
	}
	answer, err := s.run(ctx, "check", q.Subject, q.Token, q.Session, ms(q.Issued), ms(q.Now), wanted)
	if err != nil {
		return status, err
	}
	list := answer.([]any)
	status.Revoked, status.Ended = list[0] == int64(1), list[1] == int64(1)
	if text := list[2].(string); text != "" {
		status.Record, err = record(q.Subject, q.Session, text)
	}
	return status, err
}

func (s *redisStore) Rotate(ctx context.Context, r session.Rotation) (result session.Result, err error) {
	grace := strconv.FormatInt(r.Grace.Milliseconds(), 10)
	answer, err := s.run(ctx, "rotate",
		r.Subject, r.Token, r.Session, r.Presented, r.Next, r.Scope, ms(r.Now), ms(r.Expires), grace)
	if err != nil {
		return result, err
	}
	list := answer.([]any)
	outcomes := map[any]session.Outcome{
		"unknown":  session.Unknown,
		"rotated":  session.Rotated,
		"replayed": session.Replayed,
		"rewound":  session.Rewound,
		"reused":   session.Reused,
		"revoked":  session.Revoked,
	}
	var ok bool
	if result.Outcome, ok = outcomes[list[0]]; !ok {
		return result, fmt.Errorf("an outcome of %v", list[0])
	}
	if len(list) > 1 {
		result.Current, result.Scope = list[1].(string), list[2].(string)
	}
	return result, nil
}

func (s *redisStore) End(ctx context.Context, e session.Ending) (bool, error) {
	answer, err := s.run(ctx, "end", e.Subject, "", e.Session, e.Call, ms(e.Now))
	return answer == int64(1), err
}

func (s *redisStore) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	answer, err := s.run(ctx, "revoke_token", r.Subject, r.Token, r.Call, ms(r.Now), ms(r.Until))
	return answer == int64(1), err
}

func (s *redisStore) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	_, err := s.run(ctx, "revoke_subject", subject, "", ms(now), ms(until))
	return err
}

func (s *redisStore) RevokeAll(ctx context.Context, now time.Time) error {
	for slot := range slots {
		if _, err := s.runIn(ctx, slot, "revoke_all", "", "", ms(now)); err != nil {
			return err
		}
	}
	return nil
}

func (s *redisStore) List(ctx context.Context, subject string, now time.Time) (list []session.Record, err error) {
	answer, err := s.run(ctx, "list", subject, "", ms(now))
	if err != nil {
		return nil, err
	}
	for _, text := range answer.([]any) {
		var m map[string]string
		if err := json.Unmarshal([]byte(text.(string)), &m); err != nil {
			return nil, err
		}
		r, err := record(subject, m["session"], text.(string))
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func TestContractFitsOneSlotOfRedis(t *testing.T) {
	store := newRedisStore(t)
	_, err := (<-store.conns).Do("EVAL", "return 1", "2", "a", "b")
	require.ErrorContains(t, err, "CROSSSLOT", "the server sees to it")
	sessiontest.Run(t, func(*testing.T) session.Store { return store })
}
