// Package rueidisstore keeps jot's sessions on Redis by the client github.com/redis/rueidis, which sends what many
// requests ask in one go. Package redisstore says what it promises, and what the server wants.
package rueidisstore

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/go-jot/jot/redisstore"
)

// New returns a store that c reaches: one server, the primary that a Sentinel names, or a cluster. The client stays the
// caller's to close, and may be used for other things as well. Its cache is not used.
//
// While nobody listens at the server's address, a client with the usual settings asks again until the time of a call is
// over, and a request waits for that before it is answered with 503. A RetryDelay that gives up earlier makes it less.
//
// See [redisstore.New] for what it asks of a server.
func New(ctx context.Context, c rueidis.Client, opts ...redisstore.Option) (*redisstore.Store, error) {
	if c == nil {
		return nil, errors.New("rueidisstore: New wants a client")
	}
	return redisstore.New(ctx, client{c}, opts...)
}

// client is a [redisstore.Client].
type client struct{ c rueidis.Client }

// Eval implements [redisstore.Client].
func (c client) Eval(ctx context.Context, command, script string, keys, args []string) (any, error) {
	// A client of a cluster panics at keys of several slots. The server refuses them as well, and says so.
	cmd := c.c.B().Arbitrary(command).Args(script, strconv.Itoa(len(keys))).
		Keys(keys[0]).Args(keys[1:]...).Args(args...).Build()
	// It is pinned, or the client uses its memory for another command while a connection that broke still reads it.
	answer, err := c.c.Do(ctx, cmd.Pin().ToRetryable()).ToAny()
	if rueidis.IsRedisNil(err) {
		return nil, nil //nolint:nilnil // null is an answer
	}
	return answer, err
}
