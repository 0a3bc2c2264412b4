package jot_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
)

// stuck is a store whose checks do not come back while it has stalled, whatever their contexts say.
type stuck struct {
	session.Store // which hides that it lives in memory

	stalled atomic.Pointer[chan struct{}]
	under   atomic.Int32
}

func (s *stuck) Check(ctx context.Context, q session.Query) (session.Status, error) {
	s.under.Add(1)
	defer s.under.Add(-1)
	if stalled := s.stalled.Load(); stalled != nil {
		<-*stalled
	}
	return s.Store.Check(ctx, q)
}

// A store that stalls costs a request no longer than its time, and not that either once it holds as many calls as it
// may. It is used again as soon as it goes on.
func TestStoreStalls(t *testing.T) {
	silence(t)
	synctest.Test(t, func(t *testing.T) {
		store, stall := &stuck{Store: memstore.New()}, make(chan struct{})
		m, err := jot.New(jot.HS256(secret), jot.WithStore(store), jot.WithStoreTimeout(200*time.Millisecond))
		require.NoError(t, err)
		raw := access(t, m)
		time.Sleep(2 * time.Millisecond) //nolint:forbidigo // in a bubble
		guard := m.Required()
		request := func() (status int, took time.Duration) {
			began := time.Now()
			a := send(guard, bearer(raw))
			if a.Code == http.StatusServiceUnavailable {
				require.Equal(t, "unavailable", a.code(t))
				require.NotEmpty(t, a.Header().Get("Retry-After"))
			}
			return a.Code, time.Since(began)
		}
		status, _ := request()
		require.Equal(t, http.StatusNoContent, status)

		store.stalled.Store(&stall)
		var all sync.WaitGroup
		for range 2000 {
			all.Go(func() {
				status, took := request()
				require.Equal(t, http.StatusServiceUnavailable, status)
				require.LessOrEqual(t, took, 200*time.Millisecond)
			})
		}
		all.Wait()
		require.EqualValues(t, 512, store.under.Load(), "as many as may be")
		time.Sleep(time.Millisecond) //nolint:forbidigo // in a bubble
		status, took := request()
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Zero(t, took)
		require.EqualValues(t, 512, store.under.Load())

		store.stalled.Store(nil)
		close(stall)
		synctest.Wait()
		status, _ = request()
		require.Equal(t, http.StatusNoContent, status)
	})
}

// Routes that fail open take an access token of which nobody can tell, say so, and take nothing else.
func TestInsecureFailOpen(t *testing.T) {
	silence(t)
	const open, closed = http.StatusNoContent, http.StatusServiceUnavailable
	down := &broken{Store: memstore.New()}
	noAnswer := func(context.Context, *jot.Token) (bool, error) { return false, errDown }
	for name, tc := range map[string]struct {
		opts    []jot.Option
		demands []jot.RouteOption
		want    int
	}{
		"a store":                   {[]jot.Option{jot.WithStore(down)}, nil, open},
		"a blocklist":               {[]jot.Option{jot.WithBlocklist(stubBlocklist{err: errDown})}, nil, open},
		"a callback":                {[]jot.Option{jot.WithTokenInBlocklist(noAnswer)}, nil, open},
		"a blocklist that answers":  {[]jot.Option{jot.WithBlocklist(stubBlocklist{revoked: true})}, nil, 401},
		"another callback":          {[]jot.Option{jot.WithTokenVerification(noAnswer)}, nil, closed},
		"other demands":             {[]jot.Option{jot.WithStore(down)}, []jot.RouteOption{jot.Scopes("x")}, 403},
		"freshness":                 {[]jot.Option{jot.WithStore(down)}, []jot.RouteOption{jot.Fresh()}, 401},
		"the same, and it is fine":  {nil, nil, open},
		"optional, with a token":    {[]jot.Option{jot.WithStore(down)}, []jot.RouteOption{jot.Optional()}, open},
		"a user who is not to find": {[]jot.Option{jot.WithStore(down), users}, nil, open},
	} {
		t.Run(name, func(t *testing.T) {
			var events []jot.Event
			w := newManager(t, append(tc.opts, jot.WithEventHandler(func(_ context.Context, e jot.Event) {
				events = append(events, e)
			}))...)
			down.at = ""
			raw := access(t, w)
			down.at = "check"
			defer func() { down.at = "" }()
			a := send(w.Required(append(tc.demands, jot.InsecureFailOpen())...), bearer(raw))
			require.Equal(t, tc.want, a.Code)
			unknown := tc.opts != nil && tc.want == open
			require.Equal(t, unknown, a.called && a.token.RevocationUnknown())
			if !unknown {
				return
			}
			last := events[len(events)-1]
			require.Equal(t, jot.EventFailedOpen, last.Kind)
			require.Equal(t, a.token.ID, last.TokenID)
			require.ErrorIs(t, last.Err, errDown)
			require.Equal(t, closed, send(w.Required(), bearer(raw)).Code, "any other route is closed")
		})
	}
}

// A token that nobody has looked up is no evidence.
func TestFailedOpenIsNoEvidence(t *testing.T) {
	silence(t)
	for name, memory := range map[string]jot.Option{
		"a store":     jot.WithStore(&broken{Store: memstore.New(), at: "check"}),
		"a blocklist": jot.WithBlocklist(stubBlocklist{err: errDown}),
	} {
		m := newManager(t, memory)
		p := pair(t, m)
		token, err := m.Verify(ctx, p.AccessToken, jot.InsecureFailOpen())
		require.NoError(t, err, name)
		require.True(t, token.RevocationUnknown())
		_, err = m.CreateAccessToken(ctx, "alice", jot.InSession(token), jot.Fresh())
		require.ErrorContains(t, err, "nobody could tell whether the token was revoked", name)

		// A guard within asks again, and its handler is told what it has found.
		store := &broken{Store: memstore.New(), at: "check"}
		m = newManager(t, jot.WithStore(store))
		raw := pair(t, m).AccessToken
		both := func(next http.Handler) http.Handler { return m.Required(jot.InsecureFailOpen())(m.Required()(next)) }
		require.Equal(t, http.StatusServiceUnavailable, send(both, bearer(raw)).Code)
		back := func(next http.Handler) http.Handler {
			return m.Required(jot.InsecureFailOpen())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				store.at = ""
				m.Required()(next).ServeHTTP(w, r)
			}))
		}
		a := send(back, bearer(raw))
		require.True(t, a.called)
		require.False(t, a.token.RevocationUnknown())
	}
}

// Whoever hangs up while the store is asked has not made it fail.
func TestFailOpenAndHangUp(t *testing.T) {
	silence(t)
	out := logged(t)
	open := newManager(t, jot.WithBlocklist(stubBlocklist{err: errDown}))
	require.True(t, send(open.Required(jot.InsecureFailOpen()), bearer(access(t, open))).called)
	require.Contains(t, out.String(), "level=WARN msg=\"jot: let pass, though nobody could tell")
	gone, cancel := context.WithCancel(ctx)
	asked := jot.WithTokenInBlocklist(func(ctx context.Context, _ *jot.Token) (bool, error) {
		cancel()
		return false, ctx.Err()
	})
	m := newManager(t, asked)
	a := send(m.Required(jot.InsecureFailOpen()), bearer(access(t, m)).WithContext(gone))
	require.False(t, a.called)
	require.Equal(t, http.StatusServiceUnavailable, a.Code)
}

// What contradicts it, and its time.
func TestOutageMistakes(t *testing.T) {
	m := newManager(t, jot.WithStore(memstore.New()))
	for text, demand := range map[string]jot.RouteOption{
		"what is not asked cannot fail":      jot.InsecureSkipRevocation(),
		"a used token would be used again":   jot.SingleUse(),
		"it is for access tokens, which end": jot.Refresh(),
		"InsecureFailOpen and Refresh, Acce": jot.AccessOrRefresh(),
		"AccessOrRefresh or Type: it is for": jot.Type("x"),
	} {
		require.Contains(t, panicOf(func() { m.Required(jot.InsecureFailOpen(), demand) }), text)
	}
	for _, d := range []time.Duration{0, -1, time.Microsecond, time.Hour} {
		_, err := jot.New(jot.HS256(secret), jot.WithBlocklist(stubBlocklist{}), jot.WithStoreTimeout(d))
		require.ErrorContains(t, err, "is not from 1 millisecond to 1 minute")
	}
	_, err := jot.New(jot.HS256(secret), jot.WithStoreTimeout(time.Second))
	require.ErrorContains(t, err, "has no effect without WithStore or WithBlocklist")
	_, err = jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithStoreTimeout(time.Second))
	require.NoError(t, err)
}

// A blocklist that panics does so in the request that asked, where net/http recovers.
func TestBlocklistPanics(t *testing.T) {
	m := newManager(t, jot.WithBlocklist(panicking{}))
	raw := access(t, m)
	require.Equal(t, "at once", panicOf(func() { _, _ = m.Verify(ctx, raw) }))
}

type panicking struct{ stubBlocklist }

func (panicking) Revoked(context.Context, ...string) (bool, error) { panic(errors.New("at once")) }

// recalling is a store that knows some answers by itself.
type recalling struct {
	*broken

	answers map[string]session.Status // of sessions
}

func (r recalling) Recall(q session.Query) (session.Status, bool) {
	status, ok := r.answers[q.Session]
	return status, ok
}

// What a store knows by itself is no call of its engine, and needs none.
func TestStoreRecalls(t *testing.T) {
	silence(t)
	store := recalling{&broken{Store: memstore.New()}, map[string]session.Status{}}
	m := newManager(t, jot.WithStore(store))
	good, ended, other := pair(t, m), pair(t, m), pair(t, m)
	store.answers[good.SessionID], store.answers[ended.SessionID] = session.Status{}, session.Status{Ended: true}
	store.at = "check" // the engine is down
	_, err := m.Verify(ctx, good.AccessToken)
	require.NoError(t, err)
	_, err = m.Verify(ctx, ended.AccessToken)
	require.ErrorIs(t, err, jot.ErrRevoked)
	_, err = m.Verify(ctx, other.AccessToken)
	require.ErrorIs(t, err, jot.ErrUnavailable)
}
