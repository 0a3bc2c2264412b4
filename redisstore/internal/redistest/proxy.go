package redistest

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

// proxy passes on what a client and a server say, and loses answers.
type proxy struct {
	net.Listener

	server string
	lose   atomic.Bool // the next answer is lost, and its connection
	lost   atomic.Int64
	mu     sync.Mutex
	conns  []net.Conn
}

func newProxy(tb testing.TB, server string) *proxy {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &proxy{Listener: listener, server: server}
	go p.serve()
	tb.Cleanup(func() {
		require.NoError(tb, listener.Close())
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.conns {
			_ = c.Close()
		}
	})
	return p
}

func (p *proxy) serve() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", p.server, time.Second) //nolint:noctx // it has a limit
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		}()
		go p.answer(client, server)
	}
}

// answer passes on answers, until one is to be lost.
func (p *proxy) answer(client, server net.Conn) {
	defer func() { _, _ = client.Close(), server.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if n > 0 && p.lose.CompareAndSwap(true, false) {
			p.lost.Add(1)
			return
		}
		if err != nil {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// lostAnswers: a call whose answer was lost is repeated, and answered as if it had not been.
func lostAnswers(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	p := newProxy(t, server.Addr)
	s := open.store(t, []string{p.Addr().String()})
	for range 10 {
		k := newKnown(t, s)
		for q, fine := range k.queries() {
			status, err := losing{s, p}.Check(ctx, q)
			require.NoError(t, err)
			require.Equal(t, fine, !status.Revoked && !status.Ended)
		}
		require.NoError(t, once{losing{s, p}, key()}.all())
	}
	require.NoError(t, s.RevokeAll(ctx, now)) // so that the server knows the script
	before := epochs(t, server)
	require.NoError(t, losing{s, p}.RevokeAll(ctx, now))
	for name, epoch := range epochs(t, server) {
		require.Equal(t, before[name]+1, epoch, "a call that is repeated is one logout")
	}
	require.NoError(t, s.RevokeAll(ctx, now))
	for name, epoch := range epochs(t, server) {
		require.Equal(t, before[name]+2, epoch)
	}
	require.False(t, p.lose.Load())
	require.EqualValues(t, 10*(18+5)+1, p.lost.Load())
}

// epochs returns the counts of logouts of everyone.
func epochs(tb testing.TB, server *enginetest.Server) map[string]int {
	tb.Helper()
	found := map[string]int{}
	for _, name := range keysOf(tb, server, "*:all") {
		n, err := strconv.Atoi(command(tb, server, "HGET", name, "epoch").(string))
		require.NoError(tb, err)
		found[name] = n
	}
	require.Len(tb, found, 64)
	return found
}

// losing loses the answer to each call.
type losing struct {
	*redisstore.Store

	p *proxy
}

// Begin implements [session.Store].
func (l losing) Begin(ctx context.Context, r session.Record, limit int) error {
	l.p.lose.Store(true)
	return l.Store.Begin(ctx, r, limit)
}

// Check implements [session.Store].
func (l losing) Check(ctx context.Context, q session.Query) (session.Status, error) {
	l.p.lose.Store(true)
	return l.Store.Check(ctx, q)
}

// Rotate implements [session.Store].
func (l losing) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	l.p.lose.Store(true)
	return l.Store.Rotate(ctx, r)
}

// End implements [session.Store].
func (l losing) End(ctx context.Context, e session.Ending) (bool, error) {
	l.p.lose.Store(true)
	return l.Store.End(ctx, e)
}

// RevokeToken implements [session.Store].
func (l losing) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	l.p.lose.Store(true)
	return l.Store.RevokeToken(ctx, r)
}

// RevokeAll implements [session.Store].
func (l losing) RevokeAll(ctx context.Context, now time.Time) error {
	l.p.lose.Store(true)
	return l.Store.RevokeAll(ctx, now)
}
