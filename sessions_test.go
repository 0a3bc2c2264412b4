package jot_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
)

// world is a manager over a store, whose clock is moved by hand, and the events that it raised.
type world struct {
	*jot.Manager

	store  session.Store
	now    time.Time
	mu     sync.Mutex
	events []jot.Event
	causes []error // of the events, which are kept without theirs
}

func newWorld(t testing.TB, opts ...jot.Option) *world {
	t.Helper()
	return newWorldOver(t, memstore.New(), opts...)
}

func newWorldOver(t testing.TB, store session.Store, opts ...jot.Option) *world {
	t.Helper()
	w := &world{now: now, store: store}
	var err error
	w.Manager, err = jot.New(jot.HS256(secret), append(opts, jot.WithStore(store),
		jot.WithClock(func() time.Time { return w.now }),
		jot.WithEventHandler(func(_ context.Context, e jot.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.causes = append(w.causes, e.Cause)
			e.Cause = nil
			w.events = append(w.events, e)
		}))...)
	require.NoError(t, err)
	return w
}

// kinds returns the kinds of the events since the last call.
func (w *world) kinds() (kinds []jot.EventKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		kinds = append(kinds, e.Kind)
	}
	w.events = nil
	return kinds
}

func (w *world) login(t testing.TB, opts ...jot.TokenOption) *jot.Pair {
	t.Helper()
	return pair(t, w.Manager, opts...)
}

// refreshable verifies a refresh token as a guard does.
func (w *world) refreshable(t testing.TB, raw string) *jot.Token {
	t.Helper()
	token, err := w.Verify(ctx, raw, jot.Refresh())
	require.NoError(t, err)
	return token
}

func (w *world) rotate(t testing.TB, raw string, opts ...jot.TokenOption) *jot.Pair {
	t.Helper()
	next, err := w.Rotate(ctx, w.refreshable(t, raw), opts...)
	require.NoError(t, err)
	return next
}

// refused checks that both tokens of a pair are refused.
func (w *world) refused(t testing.TB, p *jot.Pair, want error) {
	t.Helper()
	for _, raw := range []string{p.AccessToken, p.RefreshToken} {
		if raw == "" {
			continue
		}
		_, err := w.Verify(ctx, raw, jot.AccessOrRefresh())
		require.ErrorIs(t, err, want)
	}
}

func (w *world) accepted(t testing.TB, p *jot.Pair) {
	t.Helper()
	for _, raw := range []string{p.AccessToken, p.RefreshToken} {
		_, err := w.Verify(ctx, raw, jot.AccessOrRefresh())
		require.NoError(t, err)
	}
}

func TestRotate(t *testing.T) {
	rights := map[string]any{"roles": []string{"admin"}}
	w := newWorld(t, jot.WithIssuer("us"), jot.WithAudience("api"), jot.WithAdditionalClaims(adds(rights)))
	p := w.login(t, jot.Fresh(), jot.Scopes("a", "b"), jot.Claim("plan", "pro"))
	require.Equal(t, []jot.EventKind{jot.EventSessionBegun}, w.kinds())

	w.now = w.now.Add(time.Hour)
	rights["roles"] = []string{"user"} // demoted
	next := w.rotate(t, p.RefreshToken)
	require.Equal(t, []jot.EventKind{jot.EventRotated}, w.kinds())
	require.Equal(t, p.SessionID, next.SessionID)
	require.Equal(t, 15*time.Minute, next.ExpiresIn)
	require.Equal(t, 30*24*time.Hour, next.RefreshExpiresIn)

	both := map[string]any{
		"sub": "alice", "sid": p.SessionID, "iss": "us", "aud": "api", "scope": "a b", "plan": "pro",
		"iat": number(1893459600), "auth_time": number(1893456000), "fresh": false,
	}
	claims := claimsOf(t, next.AccessToken)
	take(t, claims, "jti")
	want := map[string]any{"type": "access", "exp": number(1893460500), "roles": []any{"user"}}
	maps.Copy(want, both)
	require.Equal(t, want, claims)
	claims = claimsOf(t, next.RefreshToken)
	take(t, claims, "jti")
	want = map[string]any{"type": "refresh", "exp": number(1893459600 + 30*24*3600)}
	maps.Copy(want, both)
	require.Equal(t, want, claims)

	// The old access token lives on, the old refresh token does not.
	w.now = w.now.Add(-50 * time.Minute)
	_, err := w.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	w.now = w.now.Add(time.Hour)
	_, err = w.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.ErrorIs(t, err, jot.ErrReused)
}

func TestRotateScopes(t *testing.T) {
	w := newWorld(t)
	p := w.rotate(t, w.login(t, jot.Scopes("a", "b")).RefreshToken, jot.Scopes("b"))
	require.Equal(t, "b", claimsOf(t, p.AccessToken)["scope"])
	require.Equal(t, "b", claimsOf(t, p.RefreshToken)["scope"])
	for _, more := range []jot.Trait{jot.Scopes("a"), jot.Scopes("b", "c")} {
		_, err := w.Rotate(ctx, w.refreshable(t, p.RefreshToken), more)
		require.ErrorIs(t, err, jot.ErrInsufficientScope, "what was taken away does not come back")
	}
	w.rotate(t, p.RefreshToken) // and nothing was used up
}

// A client that presents a token again gets no more than the session's scopes, and can give up more of them.
func TestReplayKeepsScopesNarrow(t *testing.T) {
	for name, tc := range map[string]struct {
		first, again []jot.TokenOption
		want         string // after both
	}{
		"the first narrows":         {list(jot.Scopes("a")), nil, "a"},
		"the second narrows":        {nil, list(jot.Scopes("a")), "a"},
		"both narrow":               {list(jot.Scopes("a", "b")), list(jot.Scopes("b", "c")), "b"},
		"both narrow to other ones": {list(jot.Scopes("a")), list(jot.Scopes("b")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.login(t, jot.Scopes("a", "b", "c"))
			first := w.rotate(t, p.RefreshToken, tc.first...)
			again := w.rotate(t, p.RefreshToken, tc.again...)
			successor := claimsOf(t, first.RefreshToken)["jti"]
			require.Equal(t, successor, claimsOf(t, again.RefreshToken)["jti"])
			for _, holder := range []string{first.RefreshToken, again.RefreshToken} {
				next := w.rotate(t, holder)
				for _, raw := range []string{next.AccessToken, next.RefreshToken} {
					scope, _ := claimsOf(t, raw)["scope"].(string)
					require.Equal(t, tc.want, scope, "for good, whoever rotates next")
				}
			}
		})
	}
}

// A handler that makes its own tokens gets no more than the session's scopes either.
func TestGuardKnowsWhatTheSessionHas(t *testing.T) {
	w := newWorld(t)
	p := w.login(t, jot.Scopes("a", "b"))
	wide := w.rotate(t, p.RefreshToken)
	w.rotate(t, p.RefreshToken, jot.Scopes("a"))
	token := w.refreshable(t, wide.RefreshToken)
	require.Equal(t, []string{"a"}, token.Scopes)
	require.Equal(t, "a", claimsOf(t, access(t, w.Manager, jot.InSession(token)))["scope"])
	_, err := w.Verify(ctx, wide.RefreshToken, jot.Refresh(), jot.InsecureSkipRevocation())
	require.NoError(t, err)
	got := send(func(h http.Handler) http.Handler {
		return w.Required(jot.Refresh(), jot.InsecureSkipRevocation())(w.Required(jot.Refresh())(h))
	}, bearer(wide.RefreshToken))
	require.Equal(t, []string{"a"}, got.token.Scopes)

	unasked, err := w.Verify(ctx, wide.RefreshToken, jot.Refresh(), jot.InsecureSkipRevocation())
	require.NoError(t, err)
	_, err = w.CreateAccessToken(ctx, "alice", jot.InSession(unasked))
	require.ErrorContains(t, err, "InSession: nobody has asked whether the session goes on: take the token")
	next, err := w.Rotate(ctx, unasked, jot.Scopes("a", "b"))
	require.NoError(t, err)
	require.Equal(t, "a", claimsOf(t, next.AccessToken)["scope"], "whoever asks for it")
}

func TestRotateOptions(t *testing.T) {
	w := newWorld(t)
	p := w.login(t, jot.Claim("theme", "light"))
	lives := jot.TokenOptions(jot.ExpiresIn(time.Minute), jot.RefreshExpiresIn(time.Hour))
	next := w.rotate(t, p.RefreshToken, lives, jot.Claim("theme", "dark"), jot.HeaderParam("x", "y"))
	require.Equal(t, time.Minute, next.ExpiresIn)
	require.Equal(t, time.Hour, next.RefreshExpiresIn)
	require.Equal(t, "dark", claimsOf(t, next.RefreshToken)["theme"])
	third := w.rotate(t, next.RefreshToken)
	require.Equal(t, time.Hour, third.RefreshExpiresIn, "a login for an hour stays one")
	require.Equal(t, "dark", claimsOf(t, third.AccessToken)["theme"])

	token := w.refreshable(t, third.RefreshToken)
	for text, opt := range map[string]jot.TokenOption{
		"Type: a pair is":                         jot.Type("x"),
		"Fresh: a refreshed token is never fresh": jot.Fresh(),
		"never fresh: ask":                        jot.FreshFor(time.Hour),
		"InSession: Rotate takes":                 jot.InSession(token),
		"ExpiresIn: 0s is not":                    jot.ExpiresIn(0),
		"is reserved":                             jot.Claim("sid", 1),
	} {
		_, err := w.Rotate(ctx, token, opt)
		require.ErrorContains(t, err, text)
	}
}

func TestRotateTakesOnlyItsOwnEvidence(t *testing.T) {
	w := newWorld(t)
	p := w.login(t)
	accessToken, err := w.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	_, err = w.Rotate(ctx, accessToken)
	require.ErrorContains(t, err, "takes a refresh token")

	foreign, err := newManager(t).Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	for _, token := range []*jot.Token{nil, {Type: "refresh", SessionID: p.SessionID}, foreign} {
		_, err := w.Rotate(ctx, token)
		require.ErrorContains(t, err, "not a token that this Manager has verified")
	}
	const dates = `"iat":1893456000,"exp":1893456900`
	outside := forge(t, ourHeader, `{"sub":"alice","jti":"1","type":"refresh",`+dates+`}`)
	_, err = w.Rotate(ctx, w.refreshable(t, outside))
	require.ErrorIs(t, err, jot.ErrInvalid)
	require.Equal(t, "token_invalid", post(w.RefreshHandler(), "POST", outside).code(t))
	sid := `"sid":"` + p.SessionID + `"`
	strange := forge(t, ourHeader, `{"sub":"alice","jti":"zzz","type":"refresh","exp":1893456900,`+sid+`}`)
	_, err = w.Rotate(ctx, w.refreshable(t, strange))
	require.ErrorIs(t, err, jot.ErrInvalid)

	_, err = newManager(t).Rotate(ctx, foreign)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "Rotate needs WithStore")
}

// Two tabs, or a client that lost the answer, get the same successor if they ask in time.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	p := w.login(t, jot.RefreshExpiresIn(time.Hour))
	w.now = w.now.Add(1234 * time.Millisecond)
	first := w.rotate(t, p.RefreshToken)
	w.kinds()
	for range 3 {
		w.now = w.now.Add(3 * time.Second)
		again := w.rotate(t, p.RefreshToken)
		require.Equal(t, first.RefreshToken, again.RefreshToken)
		require.Equal(t, first.RefreshExpiresIn, again.RefreshExpiresIn)
		require.NotEqual(t, claimsOf(t, first.AccessToken)["jti"], claimsOf(t, again.AccessToken)["jti"])
		w.accepted(t, again)
		require.Equal(t, []jot.EventKind{jot.EventReplayed}, w.kinds())
	}
	// The window is counted from the first use.
	w.now = w.now.Add(time.Second)
	_, err := w.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.ErrorIs(t, err, jot.ErrReused)
	require.Equal(t, []jot.EventKind{jot.EventReused, jot.EventRefused}, w.kinds())
	w.refused(t, first, jot.ErrRevoked)
}

// A guard refuses a rotated token, whether or not its handler rotates.
func TestGuardRefusesRotatedTokens(t *testing.T) {
	silence(t)
	for name, tc := range map[string]struct {
		grace time.Duration
		after time.Duration
		want  string
	}{
		"within grace": {10 * time.Second, 9 * time.Second, ""},
		"after grace":  {10 * time.Second, 10 * time.Second, "token_reused"},
		"strict":       {0, 0, "token_reused"},
		"long grace":   {time.Minute, 59 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jot.WithRotationGrace(tc.grace))
			p := w.login(t)
			next := w.rotate(t, p.RefreshToken)
			w.kinds()
			w.now = w.now.Add(tc.after)
			got := send(w.Required(jot.Refresh()), bearer(p.RefreshToken))
			if tc.want == "" {
				require.True(t, got.called)
				w.accepted(t, next)
				return
			}
			require.False(t, got.called)
			require.Equal(t, 401, got.Code)
			require.Equal(t, tc.want, got.code(t))
			require.Equal(t, `Bearer realm="api", error="invalid_token"`, got.Header().Get("WWW-Authenticate"))
			require.Equal(t, []jot.EventKind{jot.EventReused, jot.EventRefused}, w.kinds())
			w.refused(t, next, jot.ErrRevoked)
			w.kinds()
			got = send(w.Required(jot.Refresh()), bearer(p.RefreshToken))
			require.Equal(t, "token_revoked", got.code(t), "the alarm is given once")
			require.Equal(t, []jot.EventKind{jot.EventRefused}, w.kinds())
		})
	}
}

// A thief who passed the guard in time is caught by Rotate itself.
func TestReuseFoundByRotate(t *testing.T) {
	w := newWorld(t, jot.WithRotationGrace(0))
	p := w.login(t)
	thief, victim := w.refreshable(t, p.RefreshToken), w.refreshable(t, p.RefreshToken)
	next, err := w.Rotate(ctx, victim)
	require.NoError(t, err)
	w.kinds()
	_, err = w.Rotate(ctx, thief)
	require.ErrorIs(t, err, jot.ErrReused)
	refusal, ok := errors.AsType[*jot.Error](err)
	require.True(t, ok)
	require.Equal(t, p.SessionID, refusal.Token.SessionID)
	require.Equal(t, []jot.EventKind{jot.EventReused, jot.EventRefused}, w.kinds())
	w.refused(t, next, jot.ErrRevoked)
	w.kinds()
	_, err = w.Rotate(ctx, thief)
	require.ErrorIs(t, err, jot.ErrRevoked)
	require.Equal(t, []jot.EventKind{jot.EventRefused}, w.kinds())
}

// Of 64 at once one wins, a hundred times over. With grace all of them hold the same successor; without it the session
// ends, and one alarm is raised.
func TestRotateRace(t *testing.T) {
	for name, grace := range map[string]time.Duration{"strict": 0, "grace": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jot.WithRotationGrace(grace))
			for range 100 {
				p := w.login(t)
				w.kinds()
				const racers = 64
				pairs, errs := make([]*jot.Pair, racers), make([]error, racers)
				tokens := make([]*jot.Token, racers)
				for i := range racers {
					tokens[i] = w.refreshable(t, p.RefreshToken)
				}
				var group sync.WaitGroup
				start := make(chan struct{})
				for i := range racers {
					group.Go(func() {
						<-start
						pairs[i], errs[i] = w.Rotate(ctx, tokens[i])
					})
				}
				close(start)
				group.Wait()

				count := map[jot.EventKind]int{}
				for _, kind := range w.kinds() {
					count[kind]++
				}
				require.Equal(t, 1, count[jot.EventRotated], "one winner")
				if grace == 0 {
					require.Equal(t, 1, count[jot.EventReused], "one alarm")
					for i := range racers {
						if errs[i] == nil {
							w.refused(t, pairs[i], jot.ErrRevoked)
						} else if !errors.Is(errs[i], jot.ErrReused) {
							require.ErrorIs(t, errs[i], jot.ErrRevoked)
						}
					}
					continue
				}
				require.Equal(t, racers-1, count[jot.EventReplayed])
				for i := range racers {
					require.NoError(t, errs[i])
					require.Equal(t, pairs[0].RefreshToken, pairs[i].RefreshToken)
				}
				w.rotate(t, pairs[0].RefreshToken)
			}
		})
	}
}

// Ids tell old tokens from new ones even if the next node's clock is behind.
func TestRotateOnANodeBehind(t *testing.T) {
	w := newWorld(t, jot.WithRotationGrace(0))
	p := w.login(t)
	w.now = w.now.Add(time.Second)
	first := w.rotate(t, p.RefreshToken)
	w.now = w.now.Add(-900 * time.Millisecond)
	second := w.rotate(t, first.RefreshToken)
	w.now = w.now.Add(time.Minute)
	_, err := w.Verify(ctx, first.RefreshToken, jot.Refresh())
	require.ErrorIs(t, err, jot.ErrReused, "older than the second, though its node's clock was ahead")
	w.refused(t, second, jot.ErrRevoked)
}

// Only the time between two uses counts, not which seems to be the later: nodes' clocks differ.
func TestGraceKnowsNoDirection(t *testing.T) {
	for name, tc := range map[string]struct {
		grace, between time.Duration
		reused         bool
	}{
		"strict, at once":              {0, 0, true},
		"strict, a reading before":     {0, -time.Millisecond, true},
		"strict, on a node far behind": {0, -30 * time.Second, true},
		"in time":                      {10 * time.Second, 10*time.Second - time.Millisecond, false},
		"in time, on a node behind":    {10 * time.Second, time.Millisecond - 10*time.Second, false},
		"too late":                     {10 * time.Second, 10 * time.Second, true},
		"too late, on a node behind":   {10 * time.Second, -10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jot.WithRotationGrace(tc.grace))
			p := w.login(t)
			w.now = w.now.Add(time.Minute)
			passed := w.refreshable(t, p.RefreshToken)
			next := w.rotate(t, p.RefreshToken)
			w.now = w.now.Add(tc.between)
			w.kinds()
			if !tc.reused {
				require.Equal(t, next.RefreshToken, w.rotate(t, p.RefreshToken).RefreshToken)
				return
			}
			_, err := w.Rotate(ctx, passed)
			require.ErrorIs(t, err, jot.ErrReused)
			require.Equal(t, []jot.EventKind{jot.EventReused, jot.EventRefused}, w.kinds())
			w.refused(t, next, jot.ErrRevoked)

			// And by the guard.
			p = w.login(t)
			w.now = w.now.Add(time.Minute)
			next = w.rotate(t, p.RefreshToken)
			w.now = w.now.Add(tc.between)
			_, err = w.Verify(ctx, p.RefreshToken, jot.Refresh())
			require.ErrorIs(t, err, jot.ErrReused)
			w.refused(t, next, jot.ErrRevoked)
		})
	}
}

// A store that has lost its last writes is no thief.
func TestRewound(t *testing.T) {
	store := &rewinding{Store: memstore.New()}
	w := newWorldOver(t, store)
	p := w.login(t)
	w.now = w.now.Add(time.Minute)
	store.lost = true // the next rotation will be forgotten
	next := w.rotate(t, p.RefreshToken)
	store.lost = false
	w.kinds()
	w.now = w.now.Add(time.Minute)
	third := w.rotate(t, next.RefreshToken)
	require.Equal(t, []jot.EventKind{jot.EventRewound}, w.kinds())
	w.accepted(t, third)
}

type rewinding struct {
	session.Store

	lost bool
}

func (s *rewinding) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	if s.lost {
		return session.Result{Outcome: session.Rotated, Current: r.Next, Scope: r.Scope}, nil
	}
	return s.Store.Rotate(ctx, r)
}

// What can fail is done before the token counts as used: a failure costs the client nothing.
func TestRotateFailsBeforeItConsumes(t *testing.T) {
	var fail error
	fails := func(context.Context, *jot.Token) (map[string]any, error) { return nil, fail }
	w := newWorld(t, jot.WithRotationGrace(0), jot.WithAdditionalClaims(fails))
	p := w.login(t)
	tooLarge := jot.Claim("x", string(make([]byte, 9000)))
	fail = errDown
	_, err := w.Rotate(ctx, w.refreshable(t, p.RefreshToken))
	require.ErrorIs(t, err, jot.ErrUnavailable)
	_, err = w.Rotate(ctx, w.refreshable(t, p.RefreshToken), tooLarge)
	require.ErrorIs(t, err, jot.ErrUnavailable)
	fail = nil
	_, err = w.Rotate(ctx, w.refreshable(t, p.RefreshToken), tooLarge)
	require.ErrorIs(t, err, jot.ErrTokenTooLarge)
	w.accepted(t, w.rotate(t, p.RefreshToken))
}

func TestSessionTTL(t *testing.T) {
	w := newWorld(t, jot.WithAccessTTL(time.Hour), jot.WithRefreshTTL(24*time.Hour), jot.WithSessionTTL(36*time.Hour))
	p := w.login(t)
	w.now = w.now.Add(20 * time.Hour)
	p = w.rotate(t, p.RefreshToken)
	require.Equal(t, 16*time.Hour, p.RefreshExpiresIn, "up to the end of the session")
	w.now = w.now.Add(15*time.Hour + 30*time.Minute)
	p = w.rotate(t, p.RefreshToken)
	require.Equal(t, 30*time.Minute, p.RefreshExpiresIn)
	require.Equal(t, 30*time.Minute, p.ExpiresIn)
	token := w.refreshable(t, p.RefreshToken)
	raw := access(t, w.Manager, jot.InSession(token), jot.ExpiresIn(2*time.Hour))
	end := number(now.Add(36 * time.Hour).Unix())
	require.Equal(t, end, claimsOf(t, raw)["exp"], "a token of the session ends with it")

	w.now = w.now.Add(30*time.Minute + 20*time.Second) // within leeway, but over
	token = w.refreshable(t, p.RefreshToken)
	_, err := w.Rotate(ctx, token)
	require.ErrorIs(t, err, jot.ErrExpired)
	_, err = w.CreateAccessToken(ctx, "alice", jot.InSession(token))
	require.ErrorIs(t, err, jot.ErrExpired)

	for _, opt := range []jot.TokenOption{jot.ExpiresIn(37 * time.Hour), jot.RefreshExpiresIn(37 * time.Hour)} {
		_, err := w.CreatePair(ctx, "alice", opt)
		require.ErrorContains(t, err, "longer than a session may last")
	}
	_, err = w.CreateAccessToken(ctx, "alice", jot.ExpiresIn(session.MaxTokenLife))
	require.NoError(t, err, "a token of no session may outlive sessions")
	_, err = w.CreateAccessToken(ctx, "alice", jot.ExpiresIn(session.MaxTokenLife+time.Second))
	require.ErrorContains(t, err, "ExpiresIn: a store remembers for 400 days", "it would forget a logout before")
	_, err = newManager(t).CreateAccessToken(ctx, "alice", jot.ExpiresIn(1000*24*time.Hour))
	require.NoError(t, err, "without a store nothing is remembered anyway")

	// Long refresh tokens need no second setting.
	long := newManager(t, jot.WithRefreshTTL(365*24*time.Hour))
	require.Equal(t, 365*24*time.Hour, pair(t, long).RefreshExpiresIn)
}

// A session that is not refreshed ends with its refresh token.
func TestIdleSession(t *testing.T) {
	w := newWorld(t, jot.WithRefreshTTL(time.Hour))
	p := w.login(t)
	sessions, err := w.Sessions(ctx, "alice")
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	w.now = w.now.Add(2 * time.Hour)
	sessions, err = w.Sessions(ctx, "alice")
	require.NoError(t, err)
	require.Empty(t, sessions)
	w.refused(t, p, jot.ErrExpired)
}

func TestRevokeSession(t *testing.T) {
	w := newWorld(t)
	p, other := w.login(t), w.login(t)
	joined := access(t, w.Manager, jot.InSession(w.refreshable(t, p.RefreshToken)))
	token, err := w.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	w.kinds()
	require.NoError(t, w.RevokeSession(ctx, token))
	require.Equal(t, []jot.EventKind{jot.EventRevoked}, w.kinds())
	w.refused(t, p, jot.ErrRevoked)
	w.refused(t, &jot.Pair{AccessToken: joined}, jot.ErrRevoked)
	w.accepted(t, other)
	w.kinds()
	require.NoError(t, w.RevokeSession(ctx, token), "again")
	require.Empty(t, w.kinds())

	// A token that passed the guard before cannot be rotated afterwards, not even within the grace.
	p = w.login(t)
	late := w.refreshable(t, p.RefreshToken)
	next := w.rotate(t, p.RefreshToken)
	token, err = w.Verify(ctx, next.AccessToken)
	require.NoError(t, err)
	require.NoError(t, w.RevokeSession(ctx, token))
	_, err = w.Rotate(ctx, late)
	require.ErrorIs(t, err, jot.ErrRevoked)

	elsewhere := forge(t, ourHeader, with(`"sid":"begun elsewhere"`))
	token, err = w.Verify(ctx, elsewhere)
	require.NoError(t, err)
	require.NoError(t, w.RevokeSession(ctx, token))
	w.refused(t, &jot.Pair{AccessToken: elsewhere}, jot.ErrRevoked)

	lone, err := w.Verify(ctx, access(t, w.Manager))
	require.NoError(t, err)
	require.ErrorContains(t, w.RevokeSession(ctx, lone), "belongs to no session: use Revoke")
	require.ErrorContains(t, w.RevokeSession(ctx, nil), "not a token that this Manager has verified")
	require.ErrorIs(t, newManager(t).RevokeSession(ctx, token), errors.ErrUnsupported)
}

// A blocklist is enough to end both tokens of a login.
func TestRevokeSessionByABlocklist(t *testing.T) {
	store := newBlocklist()
	m := newManager(t, jot.WithBlocklist(store))
	p, other := pair(t, m), pair(t, m)
	token, err := m.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	require.NoError(t, m.RevokeSession(ctx, token))
	for _, raw := range []string{p.AccessToken, p.RefreshToken} {
		_, err := m.Verify(ctx, raw, jot.AccessOrRefresh())
		require.ErrorIs(t, err, jot.ErrRevoked)
	}
	_, err = m.Verify(ctx, other.AccessToken)
	require.NoError(t, err)

	// It stays blocked until no node would accept any of its tokens.
	spy := new(spyBlocklist)
	m = newManager(t, jot.WithBlocklist(spy))
	token, err = m.Verify(ctx, pair(t, m).AccessToken)
	require.NoError(t, err)
	require.NoError(t, m.RevokeSession(ctx, token))
	require.Equal(t, []string{"j:" + token.ID, "s:" + token.SessionID, "s:" + token.SessionID}, spy.ids)
	require.Equal(t, now.Add(90*24*time.Hour+10*time.Minute), spy.untils[0])
	foreign, err := m.Verify(ctx, forge(t, ourHeader, with(`"sid":"elsewhere"`)))
	require.NoError(t, err)
	require.NoError(t, m.RevokeSession(ctx, foreign))
	require.Equal(t, now.Add(90*24*time.Hour+10*time.Minute), spy.untils[1])
	spy.err = errDown
	require.ErrorIs(t, m.RevokeSession(ctx, token), jot.ErrUnavailable)
}

func TestRevokeSubject(t *testing.T) {
	w := newWorld(t)
	p, second := w.login(t), w.login(t)
	bob, err := w.CreatePair(ctx, "bob")
	require.NoError(t, err)
	lone := access(t, w.Manager)
	foreign := forge(t, ourHeader, `{`+sound+`}`)
	undated := forge(t, ourHeader, `{"sub":"alice","jti":"x","type":"access","exp":1893456900}`)
	passed := w.refreshable(t, p.RefreshToken) // the thief has passed the guard
	w.kinds()
	require.NoError(t, w.RevokeSubject(ctx, "alice"))
	require.Equal(t, []jot.EventKind{jot.EventRevoked}, w.kinds())
	w.refused(t, p, jot.ErrRevoked)
	w.refused(t, second, jot.ErrRevoked)
	for _, raw := range []string{lone, foreign, undated} {
		w.refused(t, &jot.Pair{AccessToken: raw}, jot.ErrRevoked)
	}
	w.accepted(t, bob)
	_, err = w.Rotate(ctx, passed)
	require.ErrorIs(t, err, jot.ErrRevoked, "and has nothing from it")
	if raw, err := w.CreateAccessToken(ctx, "alice", jot.InSession(passed)); err == nil {
		w.refused(t, &jot.Pair{AccessToken: raw}, jot.ErrRevoked)
	}

	// A login afterwards is good, in the same millisecond and on a node whose clock is a second behind.
	w.accepted(t, w.login(t))
	w.now = w.now.Add(-time.Second)
	behind := w.login(t)
	w.accepted(t, behind)
	w.now = w.now.Add(time.Second)
	w.accepted(t, w.rotate(t, behind.RefreshToken))
	sessions, err := w.Sessions(ctx, "alice")
	require.NoError(t, err)
	require.Len(t, sessions, 2)
	require.Equal(t, behind.SessionID, sessions[1].ID, "the id in the tokens is the id in the store")

	// So is a token of no session, a few milliseconds later: its id says when it was made.
	w.now = w.now.Add(50 * time.Millisecond)
	_, err = w.Verify(ctx, access(t, w.Manager))
	require.NoError(t, err)

	require.ErrorIs(t, newManager(t).RevokeSubject(ctx, "alice"), errors.ErrUnsupported)
}

// What is revoked stays revoked for as long as any of its tokens could be accepted.
func TestRevokeSubjectLasts(t *testing.T) {
	w := newWorld(t, jot.WithSessionTTL(100*24*time.Hour))
	raw := access(t, w.Manager, jot.ExpiresIn(100*24*time.Hour))
	require.NoError(t, w.RevokeSubject(ctx, "alice"))
	w.now = w.now.Add(100*24*time.Hour + 29*time.Second)
	w.refused(t, &jot.Pair{AccessToken: raw}, jot.ErrRevoked)
}

func TestRevokeAll(t *testing.T) {
	w := newWorld(t)
	p := w.login(t)
	bob, err := w.CreatePair(ctx, "bob")
	require.NoError(t, err)
	w.kinds()
	require.NoError(t, w.RevokeAll(ctx))
	require.Equal(t, []jot.EventKind{jot.EventRevoked}, w.kinds())
	w.refused(t, p, jot.ErrRevoked)
	w.refused(t, bob, jot.ErrRevoked)
	sessions, err := w.Sessions(ctx, "alice")
	require.NoError(t, err)
	require.Empty(t, sessions)
	w.now = w.now.Add(-time.Second)
	w.accepted(t, w.login(t))
	require.ErrorIs(t, newManager(t).RevokeAll(ctx), errors.ErrUnsupported)
}

func TestMaxSessions(t *testing.T) {
	w := newWorld(t, jot.WithMaxSessions(2))
	var pairs []*jot.Pair
	for range 3 {
		pairs = append(pairs, w.login(t))
		w.now = w.now.Add(time.Minute)
	}
	w.refused(t, pairs[0], jot.ErrRevoked)
	w.accepted(t, pairs[1])
	w.accepted(t, pairs[2])
	_, err := w.CreateRefreshToken(ctx, "alice")
	require.NoError(t, err)
	w.refused(t, pairs[1], jot.ErrRevoked)

	one := newWorld(t, jot.WithMaxSessions(1))
	p := one.login(t)
	lone := access(t, one.Manager)
	next := one.login(t)
	one.refused(t, p, jot.ErrRevoked)
	one.accepted(t, next)
	_, err = one.Verify(ctx, lone)
	require.NoError(t, err, "a token of no session is no login")
}

// The session that begins is never the one that ends, whatever its node's clock says.
func TestMaxSessionsOnANodeBehind(t *testing.T) {
	w := newWorld(t, jot.WithMaxSessions(1))
	p := w.login(t)
	w.now = w.now.Add(-20 * time.Second)
	next := w.login(t)
	w.refused(t, p, jot.ErrRevoked)
	w.accepted(t, next)
}

// A logout of everyone is never forgotten: not after years, and not by a manager whose sessions last longer.
func TestRevokeAllBySettingsOfAnother(t *testing.T) {
	store := memstore.New()
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	long := newWorldOver(t, store, jot.WithRefreshTTL(1000*day), jot.WithSessionTTL(2000*day))
	short := newWorldOver(t, store, jot.WithAccessTTL(minute), jot.WithRefreshTTL(hour), jot.WithSessionTTL(hour))
	p := long.login(t)
	require.NoError(t, short.RevokeAll(ctx))
	for _, later := range []time.Duration{0, 2 * hour, 999 * day} {
		long.now = now.Add(later)
		_, err := long.Verify(ctx, p.RefreshToken, jot.Refresh())
		require.ErrorIs(t, err, jot.ErrRevoked, later)
	}
}

// A token of no session outlives no mark that could have concerned it.
func TestTokensOfNoSessionEnd(t *testing.T) {
	const longest = session.MaxTokenLife
	w := newWorld(t)
	raw := access(t, w.Manager, jot.ExpiresIn(longest))
	require.NoError(t, w.RevokeSubject(ctx, "alice"))
	foreign := forge(t, ourHeader, `{"sub":"alice","jti":"x","type":"access","iat":1893456001,"exp":1993456900}`)
	for _, later := range []time.Duration{time.Second, longest / 2, longest, longest + 29*time.Second} {
		w.now = now.Add(later)
		w.refused(t, &jot.Pair{AccessToken: raw}, jot.ErrRevoked)
		if later <= longest {
			_, err := w.Verify(ctx, foreign)
			require.NoError(t, err, "issued afterwards")
		}
	}
	_, err := w.Verify(ctx, foreign)
	require.ErrorIs(t, err, jot.ErrRevoked, "nobody remembers so long who was logged out")
	undated := forge(t, ourHeader, `{"sub":"bob","jti":"x","type":"access","exp":1993456900}`)
	_, err = w.Verify(ctx, undated)
	require.ErrorIs(t, err, jot.ErrRevoked)
}

// Where tokens never end, neither does a logout.
func TestLogoutOfEndlessTokens(t *testing.T) {
	w := newWorld(t, wire.Profile{NoExpiry: []string{"access"}})
	before := access(t, w.Manager)
	require.NotContains(t, claimsOf(t, before), "exp")
	require.NoError(t, w.RevokeSubject(ctx, "alice"))
	w.now = w.now.Add(time.Second)
	after := access(t, w.Manager)
	used := access(t, w.Manager)
	single, err := w.Verify(ctx, used)
	require.NoError(t, err)
	require.NoError(t, w.Revoke(ctx, single))
	w.now = w.now.Add(10 * session.MaxTokenLife)
	for range 600 { // memory is cleared up meanwhile
		w.now = w.now.Add(time.Second)
		_, err = w.Verify(ctx, after)
		require.NoError(t, err)
	}
	w.refused(t, &jot.Pair{AccessToken: before, RefreshToken: used}, jot.ErrRevoked)
}

// Tokens issued before a logout stay out, even within the same second.
func TestLogoutWithinASecond(t *testing.T) {
	w := newWorld(t)
	before := forge(t, ourHeader, `{"sub":"alice","jti":"x","type":"access","iat":1893456001.2,"exp":1893456900}`)
	w.now = w.now.Add(1500 * time.Millisecond)
	require.NoError(t, w.RevokeSubject(ctx, "alice"))
	w.now = w.now.Add(time.Second)
	w.refused(t, &jot.Pair{AccessToken: before}, jot.ErrRevoked)
	after := forge(t, ourHeader, `{"sub":"alice","jti":"x","type":"access","iat":1893456002,"exp":1893456900}`)
	_, err := w.Verify(ctx, after)
	require.NoError(t, err)
}

// With only a blocklist, a session stays out for as long as any of its tokens may be good.
func TestBlockedSessionsStayOut(t *testing.T) {
	store := newBlocklist()
	long := newManager(t, jot.WithBlocklist(store))
	p := pair(t, long)
	hour := jot.Options(jot.WithRefreshTTL(time.Hour), jot.WithSessionTTL(time.Hour))
	short := newManagerAt(t, now.Add(2*time.Hour), jot.WithBlocklist(store), hour)
	token, err := short.Verify(ctx, p.RefreshToken, jot.Refresh())
	require.NoError(t, err)
	require.NoError(t, short.RevokeSession(ctx, token))
	require.Equal(t, token.ExpiresAt.Add(10*time.Minute), store.until["s:"+p.SessionID], "and not by its own settings")

	endless := newManager(t, jot.WithBlocklist(store), wire.Profile{NoExpiry: []string{"access"}})
	p = pair(t, endless)
	token, err = endless.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	require.NoError(t, endless.RevokeSession(ctx, token))
	require.Equal(t, time.Unix(wire.MaxDate, 0).UTC(), store.until["s:"+p.SessionID])
}

// A node whose clock is past the end of a session ends it for those whose clocks are not.
func TestLogoutByAClockAhead(t *testing.T) {
	store := memstore.New()
	w := newWorldOver(t, store, jot.WithLeeway(5*time.Minute))
	p := w.login(t, jot.RefreshExpiresIn(time.Hour))
	w.now = w.now.Add(time.Hour + 4*time.Minute)
	late := access(t, w.Manager, jot.InSession(w.refreshable(t, p.RefreshToken)))
	end := now.Add(time.Hour + 15*time.Minute + 5*time.Minute)
	w.now = end.Add(5 * time.Second)
	_, err := w.Verify(ctx, late)
	expired, ok := errors.AsType[*jot.Error](err)
	require.True(t, ok)
	require.NoError(t, w.RevokeSession(ctx, expired.Token))
	w.now = end.Add(-5 * time.Second)
	_, err = w.Verify(ctx, late)
	require.ErrorIs(t, err, jot.ErrRevoked)
}

// A new store accepts no tokens from before: it cannot know which of them were revoked or used.
func TestNewStoreTakesNothingFromBefore(t *testing.T) {
	before := newWorld(t)
	raw, err := before.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	_, err = before.Verify(ctx, raw, jot.Type("reset"), jot.SingleUse())
	require.NoError(t, err)

	restarted := newWorldAt(t, now.Add(time.Second))
	_, err = restarted.Verify(ctx, raw, jot.Type("reset"), jot.SingleUse())
	require.ErrorIs(t, err, jot.ErrRevoked, "a link that was used stays used")
	_, err = restarted.Verify(ctx, before.login(t).AccessToken)
	require.ErrorIs(t, err, jot.ErrRevoked)
	require.ErrorContains(t, err, "the store knows no such session")
	_, err = restarted.Verify(ctx, access(t, restarted.Manager))
	require.NoError(t, err, "from the first millisecond")

	moved := newWorldOver(t, memstore.New(memstore.Since(now)))
	_, err = moved.Verify(ctx, access(t, newManagerAt(t, now)))
	require.ErrorIs(t, err, jot.ErrRevoked)
	_, err = moved.Verify(ctx, access(t, newManagerAt(t, now.Add(time.Millisecond))))
	require.NoError(t, err)
}

func newWorldAt(t testing.TB, at time.Time) *world {
	t.Helper()
	w := &world{now: at, store: memstore.New()}
	var err error
	clock := jot.WithClock(func() time.Time { return w.now })
	w.Manager, err = jot.New(jot.HS256(secret), jot.WithStore(w.store), clock)
	require.NoError(t, err)
	return w
}

// A session is asked about only where this manager's issuer began it; one that says nothing of its issuer trusts none.
func TestSessionsOfOtherIssuers(t *testing.T) {
	store := memstore.New()
	us := newWorldOver(t, store, jot.WithIssuer("us"))
	sid := us.login(t).SessionID
	foreign := forge(t, ourHeader, with(`"iss":"them","sid":"`+sid+`"`))
	open := newWorldOver(t, store)
	_, err := open.Verify(ctx, foreign)
	require.ErrorIs(t, err, jot.ErrRevoked, "it may be ours")
	lists := newWorldOver(t, store, wire.Profile{Issuers: []string{"us", "them"}, Minting: &wire.Minting{Issuer: "us"}})
	token, err := lists.Verify(ctx, foreign)
	require.NoError(t, err, "it is none of ours, whatever its sid")
	_, err = lists.CreateAccessToken(ctx, "alice", jot.InSession(token))
	require.ErrorContains(t, err, "InSession: the session is another issuer's")
	require.NoError(t, lists.RevokeSession(ctx, token))
	_, err = lists.Verify(ctx, foreign)
	require.ErrorIs(t, err, jot.ErrRevoked)
	require.NoError(t, open.RevokeSubject(ctx, "alice"))
	_, err = us.Verify(ctx, us.login(t).AccessToken)
	require.NoError(t, err, "the same name, of another issuer")

	// Issuer and subject are kept apart: us1 and x are not us and 1x.
	odd, plain := newWorldOver(t, store, jot.WithIssuer("us1")), newWorldOver(t, store, jot.WithIssuer("us"))
	p, err := odd.CreatePair(ctx, "x")
	require.NoError(t, err)
	require.NoError(t, plain.RevokeSubject(ctx, "1x"))
	odd.accepted(t, p)
}

func TestLabel(t *testing.T) {
	w := newWorld(t)
	times := func(n int, text string) string { return strings.Repeat(text, n) }
	w.login(t, jot.Label("Firefox on Linux"))
	p := w.login(t, jot.Label(times(128, "é")))
	w.rotate(t, p.RefreshToken)
	sessions, err := w.Sessions(ctx, "alice")
	require.NoError(t, err)
	labels := []string{sessions[0].Label, sessions[1].Label}
	require.ElementsMatch(t, []string{"Firefox on Linux", times(128, "é")}, labels)
	require.NotContains(t, claimsOf(t, p.AccessToken), "label")
	// A label is cut to 256 bytes, never within a rune, and is UTF-8.
	for label, want := range map[string]string{
		"":                      "",
		times(300, "x"):         times(256, "x"),
		"x" + times(200, "é"):   "x" + times(127, "é"),
		times(70, "\U0001f512"): times(64, "\U0001f512"),
		"a\xffb":                "a\ufffdb",
		times(500, "\xff"):      "\ufffd",
	} {
		_, err := w.CreatePair(ctx, "bob", jot.Label(label))
		require.NoError(t, err)
		sessions, err = w.Sessions(ctx, "bob")
		require.NoError(t, err)
		require.Equal(t, want, sessions[0].Label)
		require.NoError(t, w.RevokeSubject(ctx, "bob"))
	}
	_, err = w.CreateAccessToken(ctx, "alice", jot.Label("x"))
	require.ErrorContains(t, err, "Label: it is for CreatePair")
	_, err = w.Rotate(ctx, w.refreshable(t, w.login(t).RefreshToken), jot.Label("x"))
	require.ErrorContains(t, err, "Label: a session keeps")
}

func TestSessions(t *testing.T) {
	w := newWorld(t)
	first := w.login(t)
	w.now = w.now.Add(time.Minute)
	second := w.login(t)
	w.now = w.now.Add(time.Minute)
	w.rotate(t, first.RefreshToken)
	sessions, err := w.Sessions(ctx, "alice")
	require.NoError(t, err)
	const life = 30*24*time.Hour + 15*time.Minute + 5*time.Minute
	started, minute1, minute2 := now.UTC(), now.Add(time.Minute).UTC(), now.Add(2*time.Minute).UTC()
	require.Equal(t, []jot.Session{
		{ID: second.SessionID, StartedAt: minute1, ExpiresAt: minute1.Add(life)},
		{ID: first.SessionID, StartedAt: started, RefreshedAt: minute2, ExpiresAt: minute2.Add(life)},
	}, sessions)

	require.NoError(t, w.RevokeSessionByID(ctx, "bob", first.SessionID), "which is another's")
	for _, id := range []string{"nonsense", "", "alice", "4f1c0f7e-0000-4000-8000-000000000001"} {
		require.ErrorIs(t, w.RevokeSessionByID(ctx, "alice", id), jot.ErrBadRequest, id)
	}
	require.ErrorIs(t, w.RevokeSessionByID(ctx, first.SessionID, "alice"), jot.ErrBadRequest, "swapped")
	malformed := httptest.NewRecorder() // an id is no credential: another one would not help
	w.WriteError(malformed, httptest.NewRequest(http.MethodDelete, "/devices/7", nil),
		w.RevokeSessionByID(ctx, "alice", "7"))
	require.Equal(t, http.StatusBadRequest, malformed.Code)
	require.Contains(t, malformed.Body.String(), `"detail":"the session id is malformed","code":"invalid_request"`)
	require.Empty(t, malformed.Header().Values("WWW-Authenticate"))
	_, err = w.Sessions(ctx, "")
	for _, err := range []error{err, w.RevokeSessionByID(ctx, "", first.SessionID), w.RevokeSubject(ctx, "")} {
		require.ErrorContains(t, err, "the subject is empty", "a variable that nobody has set")
	}
	w.accepted(t, second)
	sessions, err = w.Sessions(ctx, "alice")
	require.NoError(t, err)
	require.Len(t, sessions, 2)
	require.NoError(t, w.RevokeSessionByID(ctx, "alice", first.SessionID))
	w.refused(t, &jot.Pair{AccessToken: first.AccessToken}, jot.ErrRevoked)
	sessions, err = w.Sessions(ctx, "bob")
	require.NoError(t, err)
	require.Empty(t, sessions)
	_, err = newManager(t).Sessions(ctx, "alice")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorIs(t, newManager(t).RevokeSessionByID(ctx, "alice", first.SessionID), errors.ErrUnsupported)
}

// A session that the store does not know has ended; what names no session of ours is judged by itself.
func TestUnknownSessions(t *testing.T) {
	p := pair(t, newManager(t)) // begun elsewhere, without a store
	w := newWorld(t)
	w.refused(t, p, jot.ErrRevoked)
	sidOfAnother := with(`"sid":"4f1c0f7e-0000-4000-8000-000000000009"`)
	refreshOfNone := `{"sub":"alice","jti":"1","type":"refresh","iat":1893456000,"exp":1893456900}`
	for _, payload := range []string{sidOfAnother, `{` + sound + `}`, refreshOfNone} {
		_, err := w.Verify(ctx, forge(t, ourHeader, payload), jot.AccessOrRefresh())
		require.NoError(t, err, payload)
	}
	_, err := w.Verify(ctx, access(t, w.Manager), jot.AccessOrRefresh())
	require.NoError(t, err)
	token, err := w.Verify(ctx, access(t, w.Manager))
	require.NoError(t, err)
	w.kinds()
	require.NoError(t, w.Revoke(ctx, token))
	require.Equal(t, []jot.EventKind{jot.EventRevoked}, w.kinds())
	_, err = w.Verify(ctx, access(t, w.Manager))
	require.NoError(t, err)
}

func TestCreateRefreshTokenBeginsASession(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.RevokeSubject(ctx, "alice")) // so that the store moves the start
	raw, err := w.CreateRefreshToken(ctx, "alice", jot.ExpiresIn(time.Hour))
	require.NoError(t, err)
	next := w.rotate(t, raw)
	require.Equal(t, time.Hour, next.RefreshExpiresIn)
	w.accepted(t, next)
	_, err = w.CreateRefreshToken(ctx, "alice", jot.ExpiresIn(91*24*time.Hour))
	require.ErrorContains(t, err, "longer than a session may last")
}

// post sends a token to a handler that changes something, and none if raw is empty.
func post(h http.Handler, method, raw string) *answer {
	a := &answer{ResponseRecorder: httptest.NewRecorder()}
	r := bearer(raw)
	r.Method = method
	if raw == "" {
		r.Header.Del("Authorization")
	}
	h.ServeHTTP(a, r)
	return a
}

func TestRefreshHandler(t *testing.T) {
	silence(t)
	w := newWorld(t)
	p := w.login(t, jot.Scopes("a"))
	handler := w.RefreshHandler()
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		got := post(handler, method, p.RefreshToken)
		require.Equal(t, 405, got.Code)
		require.Equal(t, "POST, PUT, PATCH, DELETE", got.Header().Get("Allow"))
		require.Equal(t, "method_not_allowed", got.code(t))
		require.Empty(t, got.Header().Get("WWW-Authenticate"))
	}
	got := post(handler, "POST", p.RefreshToken)
	require.Equal(t, 200, got.Code)
	require.Equal(t, "no-store", got.Header().Get("Cache-Control"))
	require.Contains(t, got.Body.String(), `"refresh_token":"`)
	require.Equal(t, 200, post(handler, "POST", p.RefreshToken).Code, "in time")
	w.now = w.now.Add(time.Minute)
	require.Equal(t, "token_reused", post(handler, "POST", p.RefreshToken).code(t))
	require.Equal(t, "token_wrong_type", post(handler, "POST", w.login(t).AccessToken).code(t))
	require.Equal(t, "token_missing", post(handler, "POST", "").code(t))
	require.Equal(t, "token_invalid", post(handler, "POST", "x").code(t))
	const misuse = "jot: RefreshHandler needs WithStore: unsupported operation"
	require.PanicsWithValue(t, misuse, func() { newManager(t).RefreshHandler() })
}

func TestLogoutHandler(t *testing.T) {
	silence(t)
	// Nothing must stand in the way of a logout, not even a user who cannot be loaded.
	lookup := jot.WithUserLookup(func(context.Context, *jot.Token) (int, error) { return 0, errDown })
	for name, memory := range map[string]jot.Option{
		"store":     jot.WithStore(memstore.New()),
		"blocklist": jot.WithBlocklist(newBlocklist()),
	} {
		t.Run(name, func(t *testing.T) {
			instant := now
			clock := jot.WithClock(func() time.Time { return instant })
			m, err := jot.New(jot.HS256(secret), memory, clock, lookup)
			require.NoError(t, err)
			handler := m.LogoutHandler()
			out := func(raw string) bool {
				_, err := m.Verify(ctx, raw, jot.AccessOrRefresh())
				return errors.Is(err, jot.ErrRevoked)
			}
			for _, which := range []string{"access", "refresh"} {
				p := pair(t, m)
				raw := map[string]string{"access": p.AccessToken, "refresh": p.RefreshToken}[which]
				require.Equal(t, 405, post(handler, "GET", raw).Code)
				got := post(handler, "POST", raw)
				require.Equal(t, 204, got.Code)
				require.Empty(t, got.Body.String())
				require.True(t, out(p.AccessToken))
				require.True(t, out(p.RefreshToken))
				require.Equal(t, 204, post(handler, "DELETE", raw).Code, "again")
			}

			// With an access token that has expired long ago.
			p := pair(t, m)
			instant = instant.Add(24 * time.Hour)
			require.Equal(t, 204, post(handler, "POST", p.AccessToken).Code)
			require.True(t, out(p.RefreshToken))

			lone := access(t, m)
			require.Equal(t, 204, post(handler, "POST", lone).Code)
			require.True(t, out(lone))

			reset, err := m.CreateToken(ctx, "alice", jot.Type("reset"))
			require.NoError(t, err)
			require.Equal(t, "token_wrong_type", post(handler, "POST", reset).code(t))
			require.Equal(t, "token_missing", post(handler, "POST", "").code(t))
			require.Equal(t, "token_invalid", post(handler, "POST", lone+"x").code(t))
		})
	}
	const misuse = "jot: LogoutHandler needs WithStore or WithBlocklist: unsupported operation"
	require.PanicsWithValue(t, misuse, func() { newManager(t).LogoutHandler() })
}

// A replaced refresh token is still good to log out with.
func TestLogoutWithARotatedToken(t *testing.T) {
	w := newWorld(t)
	p := w.login(t)
	next := w.rotate(t, p.RefreshToken)
	w.now = w.now.Add(time.Hour)
	w.kinds()
	require.Equal(t, 204, post(w.LogoutHandler(), "POST", p.RefreshToken).Code)
	require.Equal(t, []jot.EventKind{jot.EventRevoked}, w.kinds(), "and no alarm")
	w.refused(t, &jot.Pair{RefreshToken: next.RefreshToken}, jot.ErrRevoked)
}

func TestSingleUse(t *testing.T) {
	silence(t)
	w := newWorld(t)
	guard := w.Required(jot.Type("reset"), jot.SingleUse())
	raw, err := w.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	request := func(method string) *http.Request {
		r := bearer(raw)
		r.Method = method
		return r
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		got := send(guard, request(method))
		require.False(t, got.called, "a program that scans mail does not use it up")
		require.Equal(t, 405, got.Code)
	}
	require.True(t, send(guard, request("POST")).called)
	got := send(guard, request("POST"))
	require.False(t, got.called)
	require.Equal(t, "token_revoked", got.code(t))
	_, err = w.Verify(ctx, raw, jot.Type("reset"))
	require.ErrorIs(t, err, jot.ErrRevoked, "wherever it comes")

	// Verify uses a token up only if it passes every other check.
	raw, err = w.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	_, err = w.Verify(ctx, raw, jot.Type("reset"), jot.SingleUse(), jot.Check(says(false, nil)))
	require.ErrorIs(t, err, jot.ErrForbidden)
	_, err = w.Verify(ctx, raw, jot.Type("reset"), jot.SingleUse())
	require.NoError(t, err)
	_, err = w.Verify(ctx, raw, jot.Type("reset"), jot.SingleUse())
	require.ErrorIs(t, err, jot.ErrRevoked)

	// If many come at once, one gets through.
	raw, err = w.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	var group sync.WaitGroup
	var mu sync.Mutex
	used := 0
	for range 32 {
		group.Go(func() {
			if send(guard, request("POST")).called {
				mu.Lock()
				used++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, used)

	// Two guards around one handler use the token once.
	raw, err = w.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	require.True(t, send(func(h http.Handler) http.Handler { return guard(guard(h)) }, request("POST")).called)

	for text, demand := range map[string]jot.RouteOption{
		"SingleUse and Refresh":                jot.Refresh(),
		"SingleUse and AccessOrRefresh":        jot.AccessOrRefresh(),
		"SingleUse and InsecureSkipRevocation": jot.InsecureSkipRevocation(),
		"SingleUse and Optional":               jot.Optional(),
	} {
		require.Contains(t, panicOf(func() { w.Required(jot.SingleUse(), demand) }), text)
	}
	const misuse = "jot: Required: SingleUse needs WithStore or WithBlocklist: unsupported operation"
	require.PanicsWithValue(t, misuse, func() { newManager(t).Required(jot.SingleUse()) })
	_, err = newManager(t).Verify(ctx, raw, jot.SingleUse())
	require.ErrorIs(t, err, errors.ErrUnsupported)

	idless := newManager(t, jot.WithBlocklist(new(spyBlocklist)), lax)
	withoutID := forge(t, ourHeader, `{"sub":"alice","type":"access","exp":1893456900}`)
	_, err = idless.Verify(ctx, withoutID, jot.SingleUse())
	require.ErrorIs(t, err, jot.ErrInvalid, "what has no id cannot be remembered")
	outrun := newManager(t, jot.WithBlocklist(notFirst{}))
	_, err = outrun.Verify(ctx, access(t, outrun), jot.SingleUse())
	require.ErrorIs(t, err, jot.ErrRevoked, "another was first since the guard looked")
	down := newManager(t, jot.WithBlocklist(downOnWrite{}))
	_, err = down.Verify(ctx, access(t, down), jot.SingleUse())
	require.ErrorIs(t, err, jot.ErrUnavailable)
}

type notFirst struct{ stubBlocklist }

func (notFirst) Revoke(context.Context, string, time.Time) (bool, error) { return false, nil }

type downOnWrite struct{ stubBlocklist }

func (downOnWrite) Revoke(context.Context, string, time.Time) (bool, error) { return true, errDown }

// broken is a store that cannot answer at one of its methods.
type broken struct {
	session.Store

	at string
}

func (b *broken) fails(method string) error {
	if b.at == method {
		return errDown
	}
	return nil
}

func (b *broken) Begin(ctx context.Context, r session.Record, limit int) error {
	return errors.Join(b.Store.Begin(ctx, r, limit), b.fails("begin"))
}

func (b *broken) Check(ctx context.Context, q session.Query) (session.Status, error) {
	if err := b.fails("check"); err != nil {
		return session.Status{}, err
	}
	return b.Store.Check(ctx, q)
}

func (b *broken) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	switch b.at {
	case "rotate":
		return session.Result{Outcome: session.Rotated, Current: r.Next}, errDown
	case "no id":
		return session.Result{Outcome: session.Replayed, Current: "?"}, nil
	case "no outcome":
		return session.Result{Outcome: 99, Current: r.Next}, nil
	}
	return b.Store.Rotate(ctx, r)
}

func (b *broken) End(ctx context.Context, e session.Ending) (bool, error) {
	if err := b.fails("end"); err != nil {
		return true, err
	}
	return b.Store.End(ctx, e)
}

func (b *broken) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	if err := b.fails("token"); err != nil {
		return true, err
	}
	return b.Store.RevokeToken(ctx, r)
}

func (b *broken) RevokeSubject(context.Context, string, time.Time, time.Time) error {
	return b.fails("subject")
}
func (b *broken) RevokeAll(context.Context, time.Time) error { return b.fails("all") }

func (b *broken) List(context.Context, string, time.Time) ([]session.Record, error) {
	return nil, b.fails("list")
}

// hangsUp is a store whose client hangs up at the moment when a session is to end.
type hangsUp struct {
	session.Store

	cancel func()
}

// hangingUp is the context of a client that will hang up.
func (h *hangsUp) hangingUp() context.Context {
	var c context.Context
	c, h.cancel = context.WithCancel(ctx)
	return c
}

func (h *hangsUp) End(ctx context.Context, e session.Ending) (bool, error) {
	if h.cancel != nil {
		h.cancel()
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return h.Store.End(ctx, e)
}

// A thief cannot save the session by hanging up when the theft is found. Whoever ends a session by their own will can
// think better of it.
func TestThiefHangsUp(t *testing.T) {
	silence(t)
	type presents func(ctx context.Context, w *world, token *jot.Token, raw string) error
	byGuard := func(ctx context.Context, w *world, _ *jot.Token, raw string) error {
		_, err := admit(w.Manager, bearer(raw).WithContext(ctx), jot.Refresh())
		return err
	}
	byVerify := func(ctx context.Context, w *world, _ *jot.Token, raw string) error {
		_, err := w.Verify(ctx, raw, jot.Refresh())
		return err
	}
	byRotate := func(ctx context.Context, w *world, token *jot.Token, _ string) error { // it passed its guard in time
		_, err := w.Rotate(ctx, token)
		return err
	}
	byRefresh := func(ctx context.Context, w *world, _ *jot.Token, raw string) error {
		_, err := w.Refresh(httptest.NewRecorder(), by("POST", bearer(raw)).WithContext(ctx))
		return err
	}
	for name, present := range map[string]presents{
		"a guard": byGuard, "Verify": byVerify, "Rotate": byRotate, "Refresh": byRefresh,
	} {
		t.Run(name, func(t *testing.T) {
			store := &hangsUp{Store: memstore.New()}
			w := newWorldOver(t, store, jot.WithRotationGrace(0))
			p := w.login(t)
			token := w.refreshable(t, p.RefreshToken)
			next := w.rotate(t, p.RefreshToken)
			w.kinds()
			require.ErrorIs(t, present(store.hangingUp(), w, token, p.RefreshToken), jot.ErrReused)
			require.Equal(t, []jot.EventKind{jot.EventReused, jot.EventRefused}, w.kinds())
			w.refused(t, next, jot.ErrRevoked)
		})
	}
	store := &hangsUp{Store: memstore.New()}
	w := newWorldOver(t, store)
	p := w.login(t)
	require.ErrorIs(t, w.RevokeSessionByID(store.hangingUp(), "alice", p.SessionID), jot.ErrUnavailable)
	w.accepted(t, p)
}

// If a store fails, the answer is 503 with Retry-After, an event tells of it, and the handler is not called.
func TestStoreUnavailable(t *testing.T) {
	silence(t)
	store := &broken{Store: memstore.New()}
	w := newWorldOver(t, store, jot.WithRotationGrace(0))
	p := w.login(t)
	refresh := w.refreshable(t, p.RefreshToken)
	accessToken, err := w.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
	old := w.login(t).RefreshToken
	w.rotate(t, old)
	for at, call := range map[string]func() error{
		"begin":      func() error { _, err := w.CreatePair(ctx, "alice"); return err },
		"begin ":     func() error { _, err := w.CreateRefreshToken(ctx, "alice"); return err },
		"check":      func() error { _, err := w.Verify(ctx, p.AccessToken); return err },
		"rotate":     func() error { _, err := w.Rotate(ctx, refresh); return err },
		"no id":      func() error { _, err := w.Rotate(ctx, refresh); return err },
		"no outcome": func() error { _, err := w.Rotate(ctx, refresh); return err },
		"end":        func() error { return w.RevokeSession(ctx, accessToken) },
		"end ":       func() error { _, err := w.Verify(ctx, old, jot.Refresh()); return err },
		"subject":    func() error { return w.RevokeSubject(ctx, "alice") },
		"all":        func() error { return w.RevokeAll(ctx) },
		"list":       func() error { _, err := w.Sessions(ctx, "alice"); return err },
		"token":      func() error { return w.Revoke(ctx, accessToken) },
	} {
		t.Run(at, func(t *testing.T) {
			store.at = at
			if at[len(at)-1] == ' ' {
				store.at = at[:len(at)-1]
			}
			w.kinds()
			err := call()
			require.ErrorIs(t, err, jot.ErrUnavailable)
			require.Contains(t, w.kinds(), jot.EventStoreUnavailable)
			answer := httptest.NewRecorder()
			w.WriteError(answer, httptest.NewRequest("POST", "/", nil), err)
			require.Equal(t, 503, answer.Code)
			require.NotEmpty(t, answer.Header().Get("Retry-After"))
			require.NotContains(t, answer.Body.String(), "hunter2")
		})
	}
	store.at = "check"
	got := send(w.Required(), bearer(p.AccessToken))
	require.False(t, got.called)
	require.Equal(t, "unavailable", got.code(t))
	require.Equal(t, "unavailable", post(w.RefreshHandler(), "POST", p.RefreshToken).code(t))
	store.at = "rotate"
	require.Equal(t, "unavailable", post(w.RefreshHandler(), "POST", p.RefreshToken).code(t))
	store.at = "end"
	require.Equal(t, "unavailable", post(w.LogoutHandler(), "POST", p.AccessToken).code(t))

	// A client that hangs up is not a failure of the store.
	store.at = "check"
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	w.kinds()
	_, err = w.Verify(cancelled, p.AccessToken)
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.Equal(t, []jot.EventKind{jot.EventRefused}, w.kinds())
}

// What outlives its request is asked again whether it may go on.
func TestRecheck(t *testing.T) {
	w := newWorld(t)
	open := func(demands ...jot.Demand) *jot.Token {
		p := w.login(t)
		token, err := w.Verify(ctx, p.AccessToken, demands...)
		require.NoError(t, err)
		return token
	}
	ended, used, late, unasked := open(), open(), open(), open(jot.InsecureSkipRevocation())
	for _, token := range []*jot.Token{ended, used, late, unasked} {
		require.NoError(t, w.Recheck(ctx, token))
	}
	require.NoError(t, w.RevokeSession(ctx, ended))
	require.ErrorIs(t, w.Recheck(ctx, ended), jot.ErrRevoked)
	require.NoError(t, w.Revoke(ctx, used))
	require.ErrorIs(t, w.Recheck(ctx, used), jot.ErrRevoked)
	require.NoError(t, w.Recheck(ctx, late))
	require.NoError(t, w.RevokeSubject(ctx, "alice"))
	require.ErrorIs(t, w.Recheck(ctx, unasked), jot.ErrRevoked)
	require.Equal(t, jot.EventRefused, w.events[len(w.events)-1].Kind)

	late = open()
	w.now = w.now.Add(15*time.Minute + 29*time.Second)
	require.NoError(t, w.Recheck(ctx, late))
	w.now = w.now.Add(time.Second)
	require.ErrorIs(t, w.Recheck(ctx, late), jot.ErrExpired)

	_, err := w.Verify(ctx, w.login(t).AccessToken, jot.Fresh())
	refusal, ok := errors.AsType[*jot.Error](err)
	require.True(t, ok)
	for _, token := range []*jot.Token{nil, {Subject: "alice"}, refusal.Token, verified(t, `"x":1`)} {
		require.ErrorContains(t, w.Recheck(ctx, token), "jot: Recheck: not a token that this Manager has verified")
	}
	silence(t)
	down := newWorldOver(t, &broken{Store: memstore.New(), at: "check"})
	token, err := down.Verify(ctx, access(t, down.Manager), jot.InsecureSkipRevocation())
	require.NoError(t, err)
	require.ErrorIs(t, down.Recheck(ctx, token), jot.ErrUnavailable)
}

// A stream goes on for as long as the login does, with a token of its own.
func TestRecheckOfATokenOfItsOwn(t *testing.T) {
	w := newWorld(t)
	stream := func(p *jot.Pair) *jot.Token {
		login, err := w.Verify(ctx, p.AccessToken)
		require.NoError(t, err)
		var own jot.Token
		_, err = w.CreateToken(ctx, login.Subject, jot.Type("stream"), jot.InSession(login),
			jot.ExpiresIn(24*time.Hour), jot.Issued(&own))
		require.NoError(t, err)
		require.Equal(t, login.SessionID, own.SessionID)
		return &own
	}
	p, other := w.login(t), w.login(t)
	own, others := stream(p), stream(other)
	w.now = w.now.Add(20 * time.Hour) // the access token is long over
	p = w.rotate(t, p.RefreshToken)
	require.NoError(t, w.Recheck(ctx, own))
	require.NoError(t, w.RevokeSessionByID(ctx, "alice", p.SessionID))
	require.ErrorIs(t, w.Recheck(ctx, own), jot.ErrRevoked)
	require.NoError(t, w.Recheck(ctx, others))
	w.now = w.now.Add(5 * time.Hour)
	require.ErrorIs(t, w.Recheck(ctx, others), jot.ErrExpired)
	_, err := w.CreateAccessToken(ctx, "alice", jot.InSession(others))
	require.ErrorContains(t, err, "not a token that this Manager has verified", "it is no evidence")

	// It goes no further than its manager, and not for what was put together by hand.
	require.ErrorContains(t, newWorld(t).Recheck(ctx, own), "not a token that this Manager has verified")
}

// A list of tokens has no more of each than its id.
func TestRevokeByID(t *testing.T) {
	machine, year := jot.Type("machine"), jot.ExpiresIn(365*24*time.Hour)
	for name, m := range map[string]*world{
		"a store":     newWorld(t),
		"a blocklist": {Manager: newManager(t, jot.WithBlocklist(newBlocklist()))},
	} {
		t.Run(name, func(t *testing.T) {
			var kept jot.Token
			raw, err := m.CreateToken(ctx, "ci", machine, year, jot.Issued(&kept))
			require.NoError(t, err)
			other, err := m.CreateToken(ctx, "ci", machine, year)
			require.NoError(t, err)
			_, err = m.Verify(ctx, raw, machine)
			require.NoError(t, err)

			require.NoError(t, m.RevokeByID(ctx, "ci", "an id that no token has", time.Time{}))
			require.NoError(t, m.RevokeByID(ctx, kept.Subject, kept.ID, kept.ExpiresAt))
			_, err = m.Verify(ctx, raw, machine)
			require.ErrorIs(t, err, jot.ErrRevoked)
			_, err = m.Verify(ctx, other, machine)
			require.NoError(t, err)

			require.ErrorContains(t, m.RevokeByID(ctx, "", kept.ID, kept.ExpiresAt), "the subject is empty")
			require.ErrorContains(t, m.RevokeByID(ctx, "ci", "", kept.ExpiresAt), "the id is empty")
			require.ErrorContains(t, m.RevokeByID(ctx, "ci", raw, kept.ExpiresAt), "it is the text of a token")
		})
	}
	require.ErrorIs(t, newManager(t).RevokeByID(ctx, "ci", "x", now), errors.ErrUnsupported)

	// It is forgotten with the token, and without a date after the longest life there is.
	w := newWorld(t)
	raw, err := w.CreateToken(ctx, "ci", machine, jot.ExpiresIn(400*24*time.Hour))
	require.NoError(t, err)
	require.NoError(t, w.RevokeByID(ctx, "ci", claimsOf(t, raw)["jti"].(string), time.Time{}))
	require.Equal(t, []jot.Event{{
		Kind: jot.EventRevoked, Subject: "ci", TokenID: claimsOf(t, raw)["jti"].(string),
	}}, w.events)
	w.now = w.now.Add(400*24*time.Hour - time.Second)
	_, err = w.Verify(ctx, raw, machine)
	require.ErrorIs(t, err, jot.ErrRevoked)

	down := newWorldOver(t, &broken{Store: memstore.New(), at: "token"})
	require.ErrorIs(t, down.RevokeByID(ctx, "ci", "x", now), jot.ErrUnavailable)
}

// What is issued after a logout is good, within the same millisecond too, and ends with the next logout; what was
// issued before is not.
func TestIssuedAfterALogout(t *testing.T) {
	link := jot.Type("link")
	for name, logOut := range map[string]func(*world) error{
		"of a subject": func(w *world) error { return w.RevokeSubject(ctx, "alice") },
		"of everyone":  func(w *world) error { return w.RevokeAll(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jot.WithLeeway(0))
			issue := func() string {
				raw, err := w.CreateToken(ctx, "alice", link)
				require.NoError(t, err)
				return raw
			}
			good := func(raw string) bool {
				_, err := w.Verify(ctx, raw, link)
				if err != nil {
					require.ErrorIs(t, err, jot.ErrRevoked)
				}
				return err == nil
			}
			former := issue()
			for range 50 {
				require.True(t, good(former))
				require.NoError(t, logOut(w))
				require.False(t, good(former))
				former = issue()
				require.True(t, good(issue()))
			}
			// A clock that was set back: what a later logout would miss is not issued.
			w.now = w.now.Add(-time.Second)
			require.False(t, good(issue()))
			// Time goes on, and ids with it.
			w.now = w.now.Add(2 * time.Second)
			before := issue()
			require.True(t, good(before))
			require.NoError(t, logOut(w))
			require.False(t, good(before))
		})
	}
}

// The latest session is the first, also of those that began at the same instant.
func TestSessionsLatestFirst(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 20 {
		if i%5 == 0 {
			w.now = w.now.Add(time.Second)
		}
		want = append([]string{w.login(t).SessionID}, want...)
	}
	sessions, err := w.Sessions(ctx, "alice")
	require.NoError(t, err)
	var got []string
	for _, s := range sessions {
		got = append(got, s.ID)
	}
	require.Equal(t, want, got)
}

// Whoever gives the subject for the id is told, and whoever has ids of another issuer is not in the way.
func TestRevokeByIDDoubts(t *testing.T) {
	if !alone(t) {
		return
	}
	w, log := newWorld(t), logged(t)
	require.NoError(t, w.RevokeByID(ctx, "alice", claimsOf(t, access(t, w.Manager))["jti"].(string), time.Time{}))
	require.NoError(t, w.RevokeByID(ctx, "alice", "4f1c0f7e-0000-4000-8000-000000000001", time.Time{}), "of Flask")
	require.Empty(t, log.String())
	raw := forge(t, ourHeader, `{"sub":"alice","jti":"7","type":"access","iat":1893456000,"exp":1893456900}`)
	for range 2 {
		require.NoError(t, w.RevokeByID(ctx, "alice", "7", time.Time{}))
	}
	_, err := w.Verify(ctx, raw)
	require.ErrorIs(t, err, jot.ErrRevoked)
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
	require.Contains(t, log.String(), "RevokeByID of an id that is not of the form which this package makes")
	require.NotContains(t, log.String(), "alice")
}
