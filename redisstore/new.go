package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/session"
)

// Store is a [session.Store] on Redis. Make one with [New], or by the New of a client's package: the methods of one
// made otherwise return errors.
type Store struct {
	client   Client
	prefix   string
	since    time.Time
	eviction eviction
	noLog    bool // and nothing is said about it
	// slots says that the server is one of a cluster, which runs no script on the keys of several slots.
	slots atomic.Bool
}

var _ session.Store = (*Store)(nil)

// eviction is what a server may do when it is full.
type eviction int

const (
	evictionRefused  eviction = iota // what it does is known, and it forgets nothing
	evictionAssumed                  // where nobody can ask, somebody has looked
	evictionAccepted                 // it may forget
)

// Option is a setting of a [Store].
type Option interface{ apply(s *Store) error }

type option func(s *Store) error

func (f option) apply(s *Store) error { return f(s) }

// Prefix sets what all keys in Redis begin with: "jot:" unless set. Managers that share sessions have the same one.
// The characters are letters, digits and ":.-_/", at most 64.
func Prefix(prefix string) Option {
	return option(func(s *Store) error {
		s.prefix = prefix
		const legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:.-_/"
		if len(prefix) > 64 || strings.Trim(prefix, legal) != "" {
			return fmt.Errorf("Prefix: %.80q is not at most 64 letters, digits and :.-_/", prefix)
		}
		return nil
	})
}

// Since takes the store's word for tokens of no session that were issued after t, not at t: nobody had revoked any of
// them before the store was made. It counts when New finds a server without the store's data, and is nothing
// afterwards; unless set it is that moment. The zero time takes all, which is right where another system's tokens have
// to stay good, and in tests whose clock is in the past; leave it out when the old tokens have ended, since a server
// that has lost its data looks like a new one.
func Since(t time.Time) Option {
	return option(func(s *Store) error {
		s.since = t
		return nil
	})
}

// AssumeNoEviction says that the server's maxmemory-policy is noeviction, and that somebody has looked it up. [New]
// believes it where the server does not say: a managed one may refuse INFO to its users. A server that says otherwise
// is refused all the same.
func AssumeNoEviction() Option {
	return option(func(s *Store) error {
		s.eviction = max(s.eviction, evictionAssumed)
		return nil
	})
}

// InsecureEviction lets a server forget when it is full: whatever maxmemory-policy chooses, so that a token that was
// revoked may be good again, without an error anywhere. Sessions that it forgets have ended.
func InsecureEviction() Option {
	return option(func(s *Store) error {
		s.eviction = evictionAccepted
		return nil
	})
}

// AcceptNoLog says that a server need not write a log (appendonly yes), and [New] does not warn of it. Right where
// another thing keeps what the server has acknowledged, as some managed ones do, where everyone may be logged out at a
// crash (no log, and no snapshots), and in tests. A server that takes snapshots alone has forgotten, after a crash,
// what was revoked since the last one: those tokens are good again.
func AcceptNoLog() Option {
	return option(func(s *Store) error {
		s.noLog = true
		return nil
	})
}

// New returns a store that a client reaches. The client stays the caller's to close. What the store needs on the server
// New makes; any number of processes may do so at once.
//
// It fails when the server, or one of a cluster's that have parts of the data, cannot be reached, may not be written
// to, or may evict keys: its maxmemory-policy must be noeviction. See [AssumeNoEviction] for servers that do not say.
// Of a server that says that it writes no log, which it should, [slog.Default] hears once: see [AcceptNoLog].
func New(ctx context.Context, client Client, opts ...Option) (*Store, error) {
	s := &Store{client: client, prefix: "jot:", since: time.Now()}
	var wrong []error
	if client == nil {
		wrong = append(wrong, errors.New("New wants a client"))
	}
	for _, o := range opts {
		if o == nil {
			wrong = append(wrong, errors.New("an option is nil"))
			continue
		}
		wrong = append(wrong, o.apply(s))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	mark := ""
	if !s.since.IsZero() {
		mark = decimal(s.since.UnixMilli())
	}
	var mu sync.Mutex
	var servers []server
	err := s.each(ctx, atOnce, func(ctx context.Context, first, count int) error {
		server, err := s.open(ctx, first, count, mark)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && !slices.Contains(servers, server) {
			servers = append(servers, server)
		}
		return err
	})
	if err == nil {
		err = s.eviction.judge(servers)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: New: %w", err)
	}
	if !s.noLog && slices.ContainsFunc(servers, func(server server) bool { return server.noLog }) {
		slog.WarnContext(ctx, "jot: Redis writes no log: when it crashes, tokens that were revoked since its last "+
			"snapshot are good again, and if it takes none everyone is logged out; set appendonly to yes, "+
			"or say redisstore.AcceptNoLog")
	}
	return s, nil
}

// server is what one says of itself.
type server struct {
	policy string // what it does when it is full
	noLog  bool   // it says that what it has in memory alone is lost with its process
}

// judge says whether servers with their policies may have the data.
func (e eviction) judge(servers []server) error {
	for _, server := range servers {
		why, unknown := strings.CutPrefix(server.policy, "unknown: ")
		switch {
		case e == evictionAccepted, server.policy == "noeviction", unknown && e == evictionAssumed:
		case unknown:
			return fmt.Errorf("the server does not say its maxmemory-policy (%s): let this user run INFO, "+
				"or look it up and say AssumeNoEviction", why)
		default:
			return fmt.Errorf("the server's maxmemory-policy is %s: when it is full it would forget what was revoked; "+
				"set it to noeviction", server.policy)
		}
	}
	return nil
}

// open makes what some partitions need, if it is not there, and returns what their server says of itself.
func (s *Store) open(ctx context.Context, first, count int, mark string) (server, error) {
	answer, err := s.run(ctx, scriptOpen, pairs(s.prefix, first, count), []string{mark, newEpoch()})
	if err != nil {
		return server{}, err
	}
	line, ok := answer.([]any)
	if !ok || len(line) != 2 {
		return server{}, odd(answer)
	}
	var texts texts
	policy := texts.next(line[0])
	noLog, err := number(line[1])
	if texts.wrong || err != nil {
		return server{}, odd(answer)
	}
	return server{policy, noLog == 1}, nil
}

// newEpoch is where the count of a partition begins. It is random, so that what is left of an earlier count is not
// taken for its own.
func newEpoch() string { return decimal(1 + rand.Int64N(1<<50)) } //nolint:gosec // nobody gains by guessing it

// each calls f with all partitions: in one call, or, in a cluster, each alone, some of them at once.
func (s *Store) each(ctx context.Context, atOnce int, f func(ctx context.Context, first, count int) error) error {
	if !s.slots.Load() {
		err := f(ctx, 0, partitions)
		if err == nil || !strings.HasPrefix(err.Error(), "CROSSSLOT") {
			return err
		}
		s.slots.Store(true)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, atOnce)
	for worker := range atOnce {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < partitions && errs[worker] == nil; i = int(next.Add(1)) - 1 {
				if errs[worker] = f(ctx, i, 1); errs[worker] != nil {
					cancel()
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// atOnce is how many calls are made at once for one of the caller's.
const atOnce = 8
