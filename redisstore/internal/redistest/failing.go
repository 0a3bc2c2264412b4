package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
)

var fields = strings.Fields

func forgetsScripts(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	s := open.on(t, server)
	k := newKnown(t, s)
	for range 5 {
		command(t, server, "SCRIPT", "FLUSH")
		k.answers(t)
		command(t, server, "SCRIPT", "FLUSH")
		newKnown(t, s).answers(t)
		command(t, server, "SCRIPT", "FLUSH")
		_, err := s.Rotate(ctx, rotation(k.subject, "none"))
		require.NoError(t, err)
		command(t, server, "SCRIPT", "FLUSH")
		_, err = s.List(ctx, k.subject, now)
		require.NoError(t, err)
	}
	var stop atomic.Bool
	var group sync.WaitGroup
	group.Go(func() {
		for !stop.Load() {
			_, err := server.Do("SCRIPT", "FLUSH")
			if err != nil {
				stop.Store(true)
			}
		}
	})
	for range 20 {
		newKnown(t, s).answers(t)
	}
	require.False(t, stop.Swap(true))
	group.Wait()
}

// losesData: what is lost counts as logged out, at the moment when it is found out.
func losesData(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	s := open.on(t, server)
	for name, first := range map[string]func(k known, r session.Record, later time.Time) error{
		"check": func(k known, r session.Record, later time.Time) error {
			status, err := k.Check(ctx, session.Query{Subject: k.subject, Session: r.Session, Now: later})
			require.Equal(t, session.Status{Ended: true}, status)
			return err
		},
		"check a mark": func(k known, _ session.Record, later time.Time) error {
			status, err := k.Check(ctx, session.Query{Subject: k.subject, Issued: later, Now: later})
			require.Equal(t, session.Status{Revoked: true}, status)
			return err
		},
		"rotate": func(k known, r session.Record, later time.Time) error {
			rotation := rotation(k.subject, r.Session)
			rotation.Now = later
			result, err := k.Rotate(ctx, rotation)
			require.Equal(t, session.Result{}, result)
			return err
		},
		"begin": func(k known, r session.Record, later time.Time) error {
			r.Session, r.Start = "new", later
			return k.Begin(ctx, r, 9)
		},
		"end": func(k known, r session.Record, later time.Time) error {
			ended, err := k.End(ctx, session.Ending{Subject: k.subject, Session: r.Session, Call: "c", Now: later})
			require.False(t, ended)
			return err
		},
		"revoke": func(k known, _ session.Record, later time.Time) error {
			r := revocation(k.subject, "again")
			r.Now = later
			first, err := k.RevokeToken(ctx, r)
			require.True(t, first)
			return err
		},
		"list": func(k known, _ session.Record, later time.Time) error {
			list, err := k.List(ctx, k.subject, later)
			require.Empty(t, list)
			return err
		},
		"log out": func(k known, _ session.Record, later time.Time) error {
			return k.RevokeSubject(ctx, k.subject, later, later.Add(time.Hour))
		},
		"log everyone out": func(k known, _ session.Record, later time.Time) error { return k.RevokeAll(ctx, later) },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKnown(t, s)
			r := record(k.subject, "lives")
			command(t, server, "FLUSHALL")
			later := now.Add(time.Minute)
			require.NoError(t, first(k, r, later))
			for issued, revoked := range map[time.Time]bool{
				now: true, later: true, later.Add(time.Millisecond): false,
			} {
				status, err := k.Check(ctx, session.Query{Subject: k.subject, Token: "t", Issued: issued, Now: later})
				require.NoError(t, err)
				require.Equal(t, session.Status{Revoked: revoked}, status)
			}
			status, err := k.Check(ctx, session.Query{Subject: k.subject, Session: "lives", Now: later})
			require.NoError(t, err)
			require.True(t, status.Ended)
			require.NoError(t, s.Begin(ctx, record(k.subject, "again"), 9))
			status, err = k.Check(ctx, session.Query{Subject: k.subject, Session: "again", Now: later})
			require.NoError(t, err)
			require.Equal(t, session.Status{}, status)
		})
	}
}

// losesAPart: sessions that are left over do not come back, however often everyone is logged out afterwards.
func losesAPart(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	s := open.on(t, server)
	require.NoError(t, s.RevokeAll(ctx, now))
	k := newKnown(t, s)
	k.answers(t)
	for _, name := range keysOf(t, server, "*:all") {
		command(t, server, "DEL", name)
	}
	for range 5 {
		status, err := s.Check(ctx, session.Query{Subject: k.subject, Session: "lives", Now: now})
		require.NoError(t, err)
		require.Equal(t, session.Status{Ended: true}, status)
		require.NoError(t, s.RevokeAll(ctx, now))
	}
}

func keysOf(tb testing.TB, server *enginetest.Server, pattern string) (names []string) {
	tb.Helper()
	for _, name := range command(tb, server, "KEYS", pattern).([]any) {
		names = append(names, name.(string))
	}
	return names
}

// demoted: a replica knows less than its primary, so that it answers nothing.
func demoted(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	k := newKnown(t, open.on(t, server))
	command(t, server, "REPLICAOF", "127.0.0.1", "1")
	k.answersNothing(t, "READONLY")
	k.changesNothing(t, "READONLY")
	k.findsNothing(t, "READONLY")
	_, err := open(t, []string{server.Addr})
	require.ErrorContains(t, err, "READONLY")
	command(t, server, "CONFIG", "SET", "replica-serve-stale-data", "no")
	k.answersNothing(t, "MASTERDOWN")
	k.changesNothing(t, "MASTERDOWN")
	command(t, server, "REPLICAOF", "NO", "ONE")
	k.answers(t)
}

func cutOff(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	k := newKnown(t, open.on(t, server))
	command(t, server, "CONFIG", "SET", "min-replicas-to-write", "1")
	k.answersNothing(t, "NOREPLICAS")
	k.changesNothing(t, "NOREPLICAS")
	k.findsNothing(t, "NOREPLICAS")
	command(t, server, "CONFIG", "SET", "min-replicas-to-write", "0")
	k.answers(t)
}

// brokenDisk: what is known is known, and nothing is added to it.
func brokenDisk(t *testing.T, open Open) {
	server := enginetest.NewRedis(t, "--save", "3600 1", "--enable-protected-configs", "yes")
	k := newKnown(t, open.on(t, server))
	gone := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(gone, 0o700))
	old := command(t, server, "CONFIG", "GET", "dir").([]any)[1].(string)
	command(t, server, "CONFIG", "SET", "dir", gone)
	require.NoError(t, os.Remove(gone))
	command(t, server, "BGSAVE")
	require.Eventually(t, func() bool {
		return strings.Contains(command(t, server, "INFO", "persistence").(string), "rdb_last_bgsave_status:err")
	}, 10*time.Second, 10*time.Millisecond)
	k.answers(t)
	k.changesNothing(t, "MISCONF")
	k.answers(t)
	command(t, server, "CONFIG", "SET", "dir", old)
	command(t, server, "CONFIG", "SET", "save", "")
	newKnown(t, k.Store).answers(t)
}

// full: what is known is known, nobody logs in or refreshes, and a logout counts all the same.
func full(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	k := newKnown(t, open.on(t, server))
	r := record(k.subject, "lives")
	command(t, server, "CONFIG", "SET", "maxmemory", "1")
	k.answers(t)
	k.fails(t, "OOM", func(ctx context.Context) (any, error) { return nil, k.Begin(ctx, record(k.subject, "new"), 1) })
	k.fails(t, "OOM", func(ctx context.Context) (any, error) { return k.Rotate(ctx, rotation(k.subject, "lives")) })
	k.answers(t)
	list, err := k.List(ctx, k.subject, now)
	require.NoError(t, err)
	require.Equal(t, []session.Record{r}, list)
	first, err := k.RevokeToken(ctx, revocation(k.subject, "another"))
	require.NoError(t, err)
	require.True(t, first)
	ended, err := k.End(ctx, session.Ending{Subject: k.subject, Session: "lives", Call: "c", Now: now})
	require.NoError(t, err)
	require.True(t, ended)
	status, err := k.Check(ctx, session.Query{Subject: k.subject, Session: "lives", Token: "another", Now: now})
	require.NoError(t, err)
	require.Equal(t, session.Status{Revoked: true, Ended: true}, status)
	require.NoError(t, k.RevokeSubject(ctx, k.subject, now, now.Add(time.Hour)))
	require.NoError(t, k.RevokeAll(ctx, now))
	command(t, server, "CONFIG", "SET", "maxmemory", "0")
	newKnown(t, k.Store).answers(t)
}

func loading(t *testing.T, open Open) {
	server := enginetest.NewRedis(t, "--appendonly", "yes")
	k := newKnown(t, open.on(t, server))
	for i := range 20 {
		command(t, server, "SET", "filler:"+strconv.Itoa(i), strings.Repeat("x", 2000))
	}
	command(t, server, "BGREWRITEAOF")
	require.Eventually(t, func() bool {
		return strings.Contains(command(t, server, "INFO", "persistence").(string), "aof_rewrite_in_progress:0")
	}, 10*time.Second, 10*time.Millisecond)
	server.Kill()
	server.Start("--key-load-delay", "50000", "--loading-process-events-interval-bytes", "1024")
	require.Contains(t, command(t, server, "INFO", "persistence"), "\nloading:1")
	k.answersNothing(t, "LOADING")
	k.changesNothing(t, "LOADING")
	command(t, server, "CONFIG", "SET", "key-load-delay", "0")
	require.Eventually(t, func() bool {
		return strings.Contains(command(t, server, "INFO", "persistence").(string), "\nloading:0")
	}, 30*time.Second, 10*time.Millisecond)
	k.answers(t)
}

func busy(t *testing.T, open Open) {
	server := enginetest.NewRedis(t, "--busy-reply-threshold", "1")
	k := newKnown(t, open.on(t, server))
	endless := make(chan error, 1)
	go func() {
		_, err := server.Do("EVAL", "while true do end", "0")
		endless <- err
	}()
	require.Eventually(t, func() bool {
		_, err := server.Do("PING")
		return err != nil && strings.HasPrefix(err.Error(), "BUSY")
	}, 10*time.Second, time.Millisecond)
	k.answersNothing(t, "BUSY")
	k.changesNothing(t, "BUSY")
	command(t, server, "SCRIPT", "KILL")
	require.Error(t, <-endless)
	k.answers(t)
}

func stopped(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	k := newKnown(t, open.on(t, server))
	goOn := stop(t, server)
	k.answersNothing(t, "")
	k.changesNothing(t, "")
	goOn()
	// What was sent is carried out now. The sessions may have ended, and the next question is answered.
	require.Eventually(t, func() bool {
		q := session.Query{Subject: k.subject, Session: "ended", Token: "revoked", Now: now}
		status, err := k.Check(patient(t), q)
		return err == nil && status == session.Status{Revoked: true, Ended: true}
	}, 10*time.Second, 10*time.Millisecond)
	newKnown(t, k.Store).answers(t)
}

// killed: what was acknowledged is there after a crash, where the server waits for its disk.
func killed(t *testing.T, open Open) {
	server := enginetest.NewRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := open.on(t, server)
	all := newKnown(t, s)
	require.NoError(t, s.RevokeAll(ctx, now))
	var subjects []known
	for range 20 {
		subjects = append(subjects, newKnown(t, s))
	}
	server.Kill()
	all.answersNothing(t, "")
	server.Start()
	for _, k := range subjects {
		require.Eventually(t, func() bool {
			_, err := k.List(patient(t), k.subject, now)
			return err == nil
		}, 10*time.Second, 10*time.Millisecond)
		k.answers(t)
	}
	status, err := s.Check(ctx, session.Query{Subject: all.subject, Session: "lives", Now: now})
	require.NoError(t, err)
	require.Equal(t, session.Status{Ended: true}, status)
}

// otherTypes are errors, and nothing is changed by half.
func otherTypes(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	s := open.on(t, server)
	for _, kind := range []string{"all", "log", "s:", "e:", "m:", "t:"} {
		k := newKnown(t, s)
		k.answers(t)
		names := keysOf(t, server, "*:"+kind+"*")
		require.NotEmpty(t, names)
		for _, name := range names {
			command(t, server, "DEL", name)
			command(t, server, "SADD", name, "x")
		}
		failed := 0
		for q, fine := range k.queries() {
			status, err := s.Check(ctx, q)
			if err != nil {
				require.ErrorContains(t, err, "WRONGTYPE")
				require.Zero(t, status)
				failed++
				continue
			}
			require.Equal(t, fine, !status.Revoked && !status.Ended, "%+v", q)
		}
		require.Equal(t, kind != "log" && kind != "e:", failed > 0, kind)
		wrong := 0
		for _, change := range []func() error{
			func() error { return s.Begin(ctx, record(k.subject, "new"), 9) },
			func() error { _, err := s.RevokeToken(ctx, revocation(k.subject, "revoked")); return err },
			func() error { _, err := s.RevokeToken(ctx, revocation(k.subject, "again")); return err },
			func() error { return s.RevokeSubject(ctx, k.subject, now, now.Add(time.Hour)) },
			func() error {
				_, err := s.End(ctx, session.Ending{Subject: k.subject, Session: "lives", Call: "c", Now: now})
				return err
			},
			func() error { _, err := s.Rotate(ctx, rotation(k.subject, "none")); return err },
		} {
			if err := change(); err != nil {
				require.ErrorContains(t, err, "WRONGTYPE")
				wrong++
			}
		}
		require.Positive(t, wrong, kind)
		command(t, server, "FLUSHALL")
	}
	k := newKnown(t, s)
	for kind, value := range map[string][]string{"s:": {"HSET", ":lives", "no record"}, "m:": {"SET", "no mark"}} {
		for _, name := range keysOf(t, server, "*:"+kind+"*") {
			command(t, server, append([]string{value[0], name}, value[1:]...)...)
		}
	}
	for q, fine := range k.queries() {
		if status, err := s.Check(ctx, q); err == nil && !fine {
			require.True(t, status.Revoked || status.Ended, "%+v", q)
		}
	}
}

func droppedConnections(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	s := open.on(t, server)
	_, err := s.RevokeToken(ctx, revocation("alice", "t"))
	require.NoError(t, err)
	var stop atomic.Bool
	var group sync.WaitGroup
	var wrong, right, failed atomic.Int64
	for worker := range 8 {
		group.Go(func() {
			for i := 0; !stop.Load(); i++ {
				o := once{s, fmt.Sprint(worker, "/", i)}
				if err := o.all(); err != nil {
					if strings.HasPrefix(err.Error(), "wrong") {
						wrong.Add(1)
					}
					failed.Add(1)
					continue
				}
				right.Add(1)
			}
		})
	}
	for range 40 {
		command(t, server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		<-time.After(10 * time.Millisecond)
	}
	stop.Store(true)
	group.Wait()
	require.Zero(t, wrong.Load())
	require.Positive(t, right.Load())
	t.Logf("%d right, %d errors", right.Load(), failed.Load())
	newKnown(t, s).answers(t)
}

// once is one round of calls for a subject of its own, whose answers are known.
type once struct {
	session.Store

	subject string
}

func (o once) all() error {
	if err := o.Begin(ctx, record(o.subject, "s"), 1); err != nil {
		return err
	}
	result, err := o.Rotate(ctx, rotation(o.subject, "s"))
	if want := (session.Result{Outcome: session.Rotated, Current: "2"}); err == nil && result != want {
		return fmt.Errorf("wrong: %+v", result)
	} else if err != nil {
		return err
	}
	ended, err := o.End(ctx, session.Ending{Subject: o.subject, Session: "s", Call: "c", Now: now})
	if err == nil && !ended {
		return errors.New("wrong: it was not ended")
	} else if err != nil {
		return err
	}
	first, err := o.RevokeToken(ctx, revocation(o.subject, "t"))
	if err == nil && !first {
		return errors.New("wrong: it was not first")
	} else if err != nil {
		return err
	}
	status, err := o.Check(ctx, session.Query{Subject: o.subject, Session: "s", Token: "t", Now: now})
	if want := (session.Status{Revoked: true, Ended: true}); err == nil && status != want {
		return fmt.Errorf("wrong: %+v", status)
	}
	return err
}
