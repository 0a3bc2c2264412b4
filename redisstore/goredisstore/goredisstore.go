// Package goredisstore keeps jot's sessions on Redis by the client github.com/redis/go-redis/v9. Package redisstore
// says what it promises, and what the server wants.
package goredisstore

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/go-jot/jot/redisstore"
)

// New returns a store that rdb reaches: one server, the primary that a Sentinel names, or a cluster. The client stays
// the caller's to close, and may be used for other things as well.
//
// Set ContextTimeoutEnabled in the client's options. Without it a call waits for ReadTimeout and its retries, five
// seconds and more, whatever the deadline of a request is; New refuses such a client. It also refuses a [redis.Ring],
// which takes another server when one is down, and afterwards the old one with what it knew then.
//
// While nobody listens at the server's address, a client with the usual settings dials five times, and repeats that
// three times, so that a request may wait for the whole time of a call before it is answered with 503. With
// DialerRetries: 1 and MaxRetries: 1 it is some dozens of milliseconds.
//
// See [redisstore.New] for what else it asks of a server.
func New(
	ctx context.Context, rdb redis.UniversalClient, opts ...redisstore.Option,
) (*redisstore.Store, error) {
	honoured := true
	switch rdb := rdb.(type) {
	case nil:
		return nil, errors.New("goredisstore: New wants a client")
	case *redis.Client:
		honoured = rdb.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		honoured = rdb.Options().ContextTimeoutEnabled
	case *redis.Ring:
		return nil, errors.New("goredisstore: a Ring takes another server when one is down, " +
			"which does not know what was revoked: use a cluster")
	}
	if !honoured {
		return nil, errors.New("goredisstore: set ContextTimeoutEnabled in the client's options: " +
			"without it a request waits for ReadTimeout, not for its deadline")
	}
	return redisstore.New(ctx, client{rdb}, opts...)
}

// client is a [redisstore.Client].
type client struct{ rdb redis.UniversalClient }

// Eval implements [redisstore.Client]. The client repeats a call by itself.
func (c client) Eval(ctx context.Context, command, script string, keys, args []string) (any, error) {
	list := make([]any, 0, 3+len(keys)+len(args))
	list = append(list, command, script, len(keys))
	for _, key := range keys {
		list = append(list, key)
	}
	for _, arg := range args {
		list = append(list, arg)
	}
	answer, err := c.rdb.Do(ctx, list...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil //nolint:nilnil // null is an answer
	}
	return answer, err
}
