package redistest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/bounded"
	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/session"
)

const (
	staleness = 2 * time.Second // of the replica
	crowd     = 2000            // requests at once, while the server is out
	clients   = 300             // goroutines of two clients of Redis and a replica
)

// outage is a way in which a server does not answer.
type outage struct {
	name  string
	begin func(tb testing.TB, server *enginetest.Server) (end func())
}

var (
	isStopped = outage{"stopped", stop}
	isKilled  = outage{"killed", func(_ testing.TB, server *enginetest.Server) func() {
		server.Kill()
		return func() { server.Start() }
	}}
)

func stopsAndIsKilled(t *testing.T, open Open) { outages(t, open, isStopped, isKilled) }

// Killed kills a server under load, by a client with other settings.
func Killed(t *testing.T, open Open) {
	t.Helper()
	outages(t, open, isKilled)
}

// outages takes a server from two services under load, one of which has a replica: no revoked token passes, nobody is
// logged out, and what cannot be known is 503. When the server is back all is as it was, without anything done about
// it.
func outages(t *testing.T, open Open, all ...outage) {
	t.Helper()
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.DiscardHandler))

	server := enginetest.NewRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := open.on(t, server)
	quiet(t, func(words ...string) any { return command(t, server, words...) })
	keys := jot.HS256(jot.GenerateSecret())
	plain := newLoad(t, "the store", keys, s)
	replica := newReplica(t, open.on(t, server), redisstore.MaxStaleness(staleness))
	answersItself(t, replica)
	near := newLoad(t, "a replica", keys, replica)
	loads := []*load{plain, near}
	for _, l := range loads {
		l.steal(plain)
	}

	goroutines := newGauge(t)
	for _, l := range loads {
		l.run()
	}
	for _, outage := range all {
		until(t, loads, "nothing fails", func(w *worker) bool { return w.good.Load() >= 10 })
		for _, l := range loads {
			l.begin(outage.name)
		}
		end := outage.begin(t, server)
		silent := time.Now()
		plain.out.Store(&span{since: silent})
		near.out.Store(&span{since: silent, alone: staleness})
		until(t, loads, "all have heard of it", func(w *worker) bool { return w.unavailable.Load() >= 2 })
		together(t, crowd, plain.rush)
		for _, l := range loads {
			l.out.Store(nil) // from here on an answer may come at any time
			l.back.Store(&span{since: time.Now()})
		}
		end()
		for _, l := range loads {
			for _, w := range l.workers {
				w.good.Store(0)
			}
		}
		until(t, loads, "all is well again", func(w *worker) bool { return w.good.Load() >= 3 })
		for _, l := range loads {
			l.report()
		}
	}
	require.Positive(t, near.alone.Load(), "a replica goes on for a while")
	for _, l := range loads {
		l.stop()
	}
	// There is one for each request, and for each call of a store; and rueidis keeps one for each call that nobody
	// waits for any more, until the server answers or the connection breaks.
	goroutines.stop(crowd + 2*bounded.Most + 3*(len(plain.workers)+len(near.workers)) + clients)
}

// span is a time since when a server is out, or back. For some of it a replica may go on alone.
type span struct {
	since time.Time
	alone time.Duration
}

// load is a service, and users of it.
type load struct {
	*testing.T

	name    string
	auth    *jot.Manager
	mux     *http.ServeMux
	workers []*worker
	ended   chan struct{}
	group   sync.WaitGroup
	revoked []tokens // before the outages

	out, back atomic.Pointer[span] // nil while it is not
	alone     atomic.Int64         // answers that were 200 while the server was out

	mu     sync.Mutex
	outage string
	counts map[int]int
	took   map[bool][]time.Duration // by the answers that were 503: to the crowd, and to the others
	well   time.Duration            // from the return of the server to the first answer that is 200
	wrong  []string
}

// worker is a user of a service.
type worker struct {
	*load

	name              string
	crowd             bool
	good, unavailable atomic.Int64
}

// tokens are the answer to a login.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func newLoad(t *testing.T, name string, keys jot.KeySource, store session.Store) *load {
	t.Helper()
	auth, err := jot.New(keys, jot.WithStore(store), jot.WithRotationGrace(time.Minute))
	require.NoError(t, err)
	l := &load{T: t, name: name, auth: auth, mux: http.NewServeMux(), ended: make(chan struct{})}
	l.begin("")
	l.mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		pair, err := auth.CreatePair(r.Context(), r.FormValue("user"))
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair)
	})
	l.mux.Handle("POST /refresh", auth.RefreshHandler())
	l.mux.Handle("DELETE /logout", auth.LogoutHandler())
	l.mux.Handle("GET /me", auth.Required()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	for i := range 12 {
		l.workers = append(l.workers, &worker{load: l, name: fmt.Sprintf("%s, user %d", name, i)})
	}
	return l
}

// steal has tokens that were revoked before the outages in all ways that there are, some of them by another process.
func (l *load) steal(another *load) {
	for _, by := range []*load{l, another} {
		for i, revoke := range []func(token *jot.Token) error{
			func(token *jot.Token) error { return by.auth.Revoke(ctx, token) },
			func(token *jot.Token) error { return by.auth.RevokeSession(ctx, token) },
			func(token *jot.Token) error { return by.auth.RevokeSubject(ctx, token.Subject) },
		} {
			pair, err := by.auth.CreatePair(ctx, fmt.Sprintf("%s, stolen %s %d", l.name, key(), i))
			require.NoError(l, err)
			for _, raw := range []string{pair.AccessToken, pair.RefreshToken} {
				token, err := by.auth.Verify(ctx, raw, jot.AccessOrRefresh())
				if err == nil { // or it has ended with the other one
					require.NoError(l, revoke(token))
				}
				require.Eventually(l, func() bool { // a replica has to hear of it
					_, err := l.auth.Verify(ctx, raw, jot.AccessOrRefresh())
					return err != nil
				}, 10*time.Second, 10*time.Millisecond)
			}
			l.revoked = append(l.revoked, tokens{pair.AccessToken, pair.RefreshToken})
		}
	}
}

func (l *load) run() {
	for i, w := range l.workers {
		l.group.Go([]func(){w.reads, w.comesAndGoes, w.steals}[i%3])
	}
}

// until waits until each worker is so far, or something is wrong, which ends the test.
func until(t *testing.T, loads []*load, what string, far func(w *worker) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(loads, func(l *load) bool { return len(l.mistakes()) > 0 }) ||
			!slices.ContainsFunc(loads, func(l *load) bool {
				return slices.ContainsFunc(l.workers, func(w *worker) bool { return !far(w) })
			})
	}, 2*time.Minute, 10*time.Millisecond, what)
	for _, l := range loads {
		require.Empty(t, l.mistakes())
	}
}

func (l *load) mistakes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.wrong)
}

// begin forgets what came before an outage.
func (l *load) begin(outage string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outage, l.counts, l.took, l.well = outage, map[int]int{}, map[bool][]time.Duration{}, 0
	l.back.Store(nil)
	for _, w := range l.workers {
		w.unavailable.Store(0)
	}
}

// rush is one of a crowd, of whom nobody has a token that was not revoked.
func (l *load) rush(i int) error {
	w := &worker{load: l, name: "one of the crowd", crowd: true}
	if status := w.ask("GET", "/me", l.revoked[i%len(l.revoked)].AccessToken, nil); status != 503 {
		return fmt.Errorf("%s, one of the crowd: %d", l.name, status)
	}
	return nil
}

// report says what an outage was like.
func (l *load) report() {
	l.Helper()
	require.Empty(l, l.mistakes())
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, took := range l.took {
		slices.Sort(took)
	}
	l.Logf("%s, %s: %d answers were 200, %d 204, %d 401, %d 503, of which %s; the first 200 came %v after the return",
		l.name, l.outage, l.counts[200], l.counts[204], l.counts[401], l.counts[503], spread(l.took[false]),
		l.well.Round(time.Millisecond))
	if took := l.took[true]; len(took) > 0 {
		l.Logf("to %d at once: 503, %s", len(took), spread(took))
	}
}

func spread(took []time.Duration) string {
	ms := func(percent int) time.Duration {
		return took[(len(took)-1)*percent/100].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("half within %v, 99%% within %v", ms(50), ms(99))
}

// stop lets all workers end, and asks for all that was revoked once more.
func (l *load) stop() {
	close(l.ended)
	l.group.Wait()
	w := &worker{load: l, name: "the last one"}
	for _, pair := range l.revoked {
		require.Equal(l, http.StatusUnauthorized, w.ask("GET", "/me", pair.AccessToken, nil))
		require.Equal(l, http.StatusUnauthorized, w.ask("POST", "/refresh", pair.RefreshToken, nil))
	}
	require.Empty(l, l.mistakes())
}

func (l *load) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// reads asks for a page with a token that is good all the time.
func (w *worker) reads() {
	pair := w.insist("POST", "/login?user="+strings.ReplaceAll(w.name, " ", "+"), "", http.StatusOK)
	for !w.over() {
		w.insist("GET", "/me", pair.AccessToken, http.StatusOK)
	}
}

// comesAndGoes lives through one session after another, and tries what is left of them.
func (w *worker) comesAndGoes() {
	for !w.over() {
		pair := w.insist("POST", "/login?user="+strings.ReplaceAll(w.name, " ", "+"), "", http.StatusOK)
		for range 3 {
			w.insist("GET", "/me", pair.AccessToken, http.StatusOK)
			pair = w.insist("POST", "/refresh", pair.RefreshToken, http.StatusOK)
		}
		// A logout that was not heard of may have been carried out.
		w.insist("DELETE", "/logout", pair.AccessToken, http.StatusNoContent, http.StatusUnauthorized)
		if w.over() {
			return
		}
		w.insist("GET", "/me", pair.AccessToken, http.StatusUnauthorized)
		w.insist("POST", "/refresh", pair.RefreshToken, http.StatusUnauthorized)
	}
}

// steals asks with what was revoked.
func (w *worker) steals() {
	for i := 0; !w.over(); i++ {
		pair := w.revoked[i%len(w.revoked)]
		w.insist("GET", "/me", pair.AccessToken, http.StatusUnauthorized)
		w.insist("POST", "/refresh", pair.RefreshToken, http.StatusUnauthorized)
	}
}

// insist sends a request until it is answered by something else than 503, which then is one of what it has to be.
func (w *worker) insist(method, path, token string, want ...int) (pair tokens) {
	for !w.over() {
		status := w.ask(method, path, token, &pair)
		if status == http.StatusServiceUnavailable {
			w.unavailable.Add(1)
			continue
		}
		if !slices.Contains(want, status) {
			w.fail(fmt.Sprintf("%s %s: %d, not %d", method, path, status, want))
		}
		w.good.Add(1)
		return pair
	}
	return pair
}

// ask sends a request, and counts the answer.
func (w *worker) ask(method, path, token string, pair *tokens) (status int) {
	r := httptest.NewRequestWithContext(ctx, method, path, http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	began := time.Now()
	w.mux.ServeHTTP(answer, r)
	took := time.Since(began)

	if out := w.out.Load(); out != nil && began.After(out.since) && answer.Code == http.StatusOK {
		w.alone.Add(1)
	}
	if out := w.out.Load(); out != nil && answer.Code != http.StatusServiceUnavailable {
		if late := began.Sub(out.since) - out.alone; late > 0 {
			w.fail(fmt.Sprintf("%s %s: %d, %v after nothing could be known", method, path, answer.Code, late))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[answer.Code]++
	switch answer.Code {
	case http.StatusServiceUnavailable:
		w.took[w.crowd] = append(w.took[w.crowd], took)
		if answer.Header().Get("Retry-After") == "" {
			w.wrong = append(w.wrong[:min(len(w.wrong), 9)], "503 without Retry-After")
		}
	case http.StatusOK:
		if back := w.back.Load(); w.well == 0 && back != nil && began.After(back.since) {
			w.well = time.Since(back.since)
		}
		if pair != nil && answer.Body.Len() > 0 {
			_ = json.Unmarshal(answer.Body.Bytes(), pair)
		}
	}
	return answer.Code
}

func (w *worker) fail(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong[:min(len(w.wrong), 9)], w.name+": "+text)
}

// gauge measures how many goroutines there are.
type gauge struct {
	testing.TB

	before, most int
	ended        chan struct{}
	group        sync.WaitGroup
}

func newGauge(tb testing.TB) *gauge {
	tb.Helper()
	g := &gauge{TB: tb, before: runtime.NumGoroutine(), ended: make(chan struct{})}
	g.group.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				g.most = max(g.most, runtime.NumGoroutine())
			case <-g.ended:
				return
			}
		}
	})
	return g
}

// stop asks that there were no more than some, and that they are gone.
func (g *gauge) stop(most int) {
	g.Helper()
	close(g.ended)
	g.group.Wait()
	require.LessOrEqual(g, g.most-g.before, most)
	require.Eventually(g, func() bool { return runtime.NumGoroutine() <= g.before+clients },
		10*time.Second, 10*time.Millisecond)
	g.Logf("goroutines: %d before, %d at most, %d afterwards", g.before, g.most, runtime.NumGoroutine())
}
