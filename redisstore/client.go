package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Client runs scripts on Redis. Packages goredisstore and rueidisstore make one of the two usual clients; of any other
// it is a few lines.
type Client interface {
	// Eval sends EVALSHA or EVAL, as command says, with the hash or the text of a script, the number of keys, the keys,
	// and the arguments. Of a cluster it asks the node that has the first key; all keys lie in one slot, or the server
	// may refuse.
	//
	// The answer is what the script returns: an int64, a string, nil for null, or a []any of them. What the server
	// refuses is an error whose text begins with the server's: "NOSCRIPT …" say. Where nobody knows whether a script
	// was run it may be sent again, but not after ctx is done; that is when Eval returns at the latest.
	Eval(ctx context.Context, command, script string, keys, args []string) (answer any, err error)
}

// run runs a script, which it sends only to a server that does not know it.
func (s *Store) run(ctx context.Context, script *script, keys, args []string) (answer any, err error) {
	if s.client == nil {
		return nil, errors.New("the Store was not made by New")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer, err = s.client.Eval(ctx, "EVALSHA", script.sha, keys, args)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		answer, err = s.client.Eval(ctx, "EVAL", script.text, keys, args)
	}
	return answer, err
}

// empty is what a script answers on a partition that is new, or has lost its data.
const empty = "empty"

// of runs a script on what belongs to a subject. A partition that is empty begins as if everyone had just been logged
// out, by the caller's clock: what it has lost would otherwise be good again.
func (s *Store) of(ctx context.Context, script *script, subject, token string, now int64, args ...string) (any, error) {
	keys := script.keysOf(s.prefix, subject, token)
	for range 2 {
		answer, err := s.run(ctx, script, keys, args)
		if err != nil || answer != empty {
			return answer, err
		}
		if _, err := s.open(ctx, partitionOf(subject), 1, decimal(now)); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the server forgets what it is told")
}

// odd is the error of an answer that no script gives.
func odd(answer any) error { return fmt.Errorf("an answer of %v", answer) }

// number returns an answer that is one.
func number(answer any) (int64, error) {
	n, ok := answer.(int64)
	if !ok {
		return 0, odd(answer)
	}
	return n, nil
}
