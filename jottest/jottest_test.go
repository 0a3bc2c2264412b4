package jottest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/jottest"
)

// A blocklist that a user would write passes.
func TestOwnBlocklist(t *testing.T) {
	jottest.TestBlocklist(t, func(*testing.T) jot.Blocklist { return newMemory() })
}

// A store may run on a machine whose clock differs.
func TestBlocklistOfAnotherClock(t *testing.T) {
	for _, ahead := range []time.Duration{5 * time.Second, 150 * time.Millisecond, -5 * time.Second} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			jottest.TestBlocklist(t, func(*testing.T) jot.Blocklist { return elsewhere{newMemory(), ahead} })
		})
	}
}

// elsewhere moves the ends of entries instead of the clock.
type elsewhere struct {
	*revocations

	ahead time.Duration
}

func (e elsewhere) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	return e.revocations.Revoke(ctx, id, until.Add(-e.ahead))
}

// blocklists are wrong, each in one way.
var blocklists = map[string]struct {
	fails string
	make  func() jot.Blocklist
}{
	"says revoked to all":       {neverRevoked, func() jot.Blocklist { return all{newMemory()} }},
	"takes none for all":        {none, func() jot.Blocklist { return noneIsAll{newMemory()} }},
	"forgets":                   {revoked, func() jot.Blocklist { return forgetful{} }},
	"forgets all but the last":  {revoked, func() jot.Blocklist { return &single{} }},
	"knows only the first id":   {several, func() jot.Blocklist { return changed{newMemory(), first, nil} }},
	"knows only the last id":    {several, func() jot.Blocklist { return changed{newMemory(), last, nil} }},
	"is always first":           {onlyFirst, func() jot.Blocklist { return alwaysFirst{newMemory()} }},
	"reads, then writes":        {racing, func() jot.Blocklist { return newNaive() }},
	"loses the later end":       {racingEnds, func() jot.Blocklist { return lossy{newNaive(), newMemory()} }},
	"shortens":                  {extending, func() jot.Blocklist { return shortens{newNaive()} }},
	"does not extend":           {extending, func() jot.Blocklist { return sticks{newNaive()} }},
	"drops an entry that ends":  {extending, func() jot.Blocklist { return drops{newMemory()} }},
	"fails at what is past":     {past, func() jot.Blocklist { return fussy{newMemory()} }},
	"hides a cancellation":      {cancelled, func() jot.Blocklist { return hides{newMemory()} }},
	"forgets a cancelled entry": {cancelled, func() jot.Blocklist { return shrugs{newMemory()} }},
	"ignores case":              {opaque, func() jot.Blocklist { return changing(strings.ToLower) }},
	"cuts ids":                  {opaque, func() jot.Blocklist { return changing(cut) }},
	"trims ids":                 {opaque, func() jot.Blocklist { return changing(strings.TrimSpace) }},
	"takes signs for one":       {opaque, func() jot.Blocklist { return changing(plane) }},
	"takes ids for patterns":    {opaque, func() jot.Blocklist { return matching{newNaive(), like} }},
	"takes ids for beginnings":  {opaque, func() jot.Blocklist { return matching{newNaive(), strings.HasPrefix} }},
	"looks at beginnings":       {opaque, func() jot.Blocklist { return matching{newNaive(), begins} }},
}

// The tests of the suite, by what they are about.
const (
	neverRevoked = "unknown ids are not revoked"
	none         = "no ids are not revoked"
	revoked      = "a revoked id is found"
	several      = "any of several ids is found"
	onlyFirst    = "only the first to revoke is first"
	racing       = "of many at once one is first"
	racingEnds   = "of many at once the latest end holds"
	extending    = "revoking again extends and never shortens"
	past         = "what has passed is no error"
	cancelled    = "a cancelled context gives no wrong answer"
	opaque       = "ids are opaque"
)

const wanted = "JOTTEST_BROKEN"

// TestBroken runs in a process of its own, and fails.
func TestBroken(t *testing.T) {
	kind, name, _ := strings.Cut(os.Getenv(wanted), "/")
	switch kind {
	case "blocklist":
		jottest.TestBlocklist(t, func(*testing.T) jot.Blocklist { return blocklists[name].make() })
	default:
		t.Skip("only for the tests of the suites")
	}
}

// Each wrong blocklist fails the test that is about its mistake.
func TestSuitesFindMistakes(t *testing.T) {
	fails := func(t *testing.T, which, test string) {
		t.Helper()
		test = strings.ReplaceAll(test, " ", "_")
		only := "-test.run=^TestBroken$/^" + regexp.QuoteMeta(test) + "$"
		again := exec.CommandContext(t.Context(), os.Args[0], only, "-test.v")
		again.Env = append(os.Environ(), wanted+"="+which)
		output, err := again.CombinedOutput()
		require.Error(t, err, string(output))
		require.Contains(t, string(output), "--- FAIL: TestBroken/"+test)
	}
	for name, broken := range blocklists {
		t.Run("a blocklist that "+name, func(t *testing.T) {
			t.Parallel()
			fails(t, "blocklist/"+name, broken.fails)
		})
	}
}

// newMemory is the blocklist that the others spoil.
func newMemory() *revocations { return &revocations{until: map[string]time.Time{}} }

// naive looks first, and writes afterwards.
type naive struct {
	mu    sync.Mutex
	known map[string]time.Time
}

func newNaive() *naive { return &naive{known: map[string]time.Time{}} }

func (n *naive) get(id string) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	until, found := n.known[id]
	return until, found && time.Now().Before(until)
}

func (n *naive) set(id string, until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[id] = until
}

func (n *naive) Revoke(_ context.Context, id string, until time.Time) (bool, error) {
	known, found := n.get(id)
	runtime.Gosched()
	if !found || !known.After(until) {
		n.set(id, until)
	}
	return !found, nil
}

func (n *naive) Revoked(_ context.Context, ids ...string) (bool, error) {
	return slices.ContainsFunc(ids, func(id string) bool { _, found := n.get(id); return found }), nil
}

// shortens takes any end for the new one.
type shortens struct{ *naive }

func (s shortens) Revoke(_ context.Context, id string, until time.Time) (bool, error) {
	_, found := s.get(id)
	s.set(id, until)
	return !found, nil
}

// sticks keeps the first end.
type sticks struct{ *naive }

func (s sticks) Revoke(_ context.Context, id string, until time.Time) (bool, error) {
	_, found := s.get(id)
	if !found {
		s.set(id, until)
	}
	return !found, nil
}

// changing changes every id, when it is revoked and when it is asked about.
func changing(f func(string) string) jot.Blocklist { return changed{newMemory(), each(f), f} }

func each(f func(string) string) func([]string) []string {
	return func(ids []string) []string {
		out := make([]string, len(ids))
		for i, id := range ids {
			out[i] = f(id)
		}
		return out
	}
}

func first(ids []string) []string { return ids[:min(1, len(ids))] }
func last(ids []string) []string  { return ids[max(0, len(ids)-1):] }

func cut(id string) string { return id[:min(32, len(id))] }

func begins(known, id string) bool { return strings.HasPrefix(id, known) }

// changed changes ids on their way.
type changed struct {
	jot.Blocklist

	read  func([]string) []string
	write func(string) string
}

func (c changed) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	if c.write != nil {
		id = c.write(id)
	}
	return c.Blocklist.Revoke(ctx, id, until)
}

func (c changed) Revoked(ctx context.Context, ids ...string) (bool, error) {
	return c.Blocklist.Revoked(ctx, c.read(ids)...)
}

// lossy knows who was first, but not which end is the later.
type lossy struct {
	*naive

	first jot.Blocklist
}

func (l lossy) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	if _, err := l.naive.Revoke(ctx, id, until); err != nil {
		return false, err
	}
	return l.first.Revoke(ctx, id, time.Now().Add(time.Hour))
}

// drops does what Redis does with EXPIREAT and an instant that has passed.
type drops struct{ *revocations }

func (d drops) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	first, err := d.revocations.Revoke(ctx, id, until)
	if until.Before(time.Now()) {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.until, id)
	}
	return first, err
}

// matching finds an id by another rule than equality.
type matching struct {
	*naive

	matches func(known, id string) bool
}

func (m matching) Revoked(_ context.Context, ids ...string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for known := range m.known {
		if slices.ContainsFunc(ids, func(id string) bool { return m.matches(known, id) }) {
			return true, nil
		}
	}
	return false, nil
}

// like is SQL's, without the escaping.
func like(known, pattern string) bool {
	pattern = regexp.QuoteMeta(pattern)
	pattern = strings.NewReplacer("%", ".*", "_", ".").Replace(pattern)
	return regexp.MustCompile("^(?s:" + pattern + ")$").MatchString(known)
}

// plane does what a collation of three bytes a letter does: all beyond it are one.
func plane(id string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xffff {
			return '?'
		}
		return r
	}, id)
}

type shrugs struct{ jot.Blocklist }

func (b shrugs) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	if ctx.Err() != nil {
		return true, nil //nolint:nilerr // that is what is wrong with it
	}
	return b.Blocklist.Revoke(ctx, id, until)
}

// single has room for one id.
type single struct {
	mu sync.Mutex
	id string
}

func (s *single) Revoke(_ context.Context, id string, _ time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.id != id
	s.id = id
	return first, nil
}

func (s *single) Revoked(_ context.Context, ids ...string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(ids, s.id), nil
}

type forgetful struct{}

func (forgetful) Revoke(context.Context, string, time.Time) (bool, error) { return true, nil }
func (forgetful) Revoked(context.Context, ...string) (bool, error)        { return false, nil }

type noneIsAll struct{ jot.Blocklist }

func (b noneIsAll) Revoked(ctx context.Context, ids ...string) (bool, error) {
	if len(ids) == 0 {
		return true, nil
	}
	return b.Blocklist.Revoked(ctx, ids...)
}

type alwaysFirst struct{ jot.Blocklist }

func (b alwaysFirst) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	_, err := b.Blocklist.Revoke(ctx, id, until)
	return true, err
}

type hides struct{ jot.Blocklist }

func (b hides) Revoked(ctx context.Context, ids ...string) (bool, error) {
	if ctx.Err() != nil {
		return false, nil //nolint:nilerr // that is what is wrong with it
	}
	return b.Blocklist.Revoked(ctx, ids...)
}

type all struct{ jot.Blocklist }

func (all) Revoked(_ context.Context, ids ...string) (bool, error) { return len(ids) > 0, nil }

type fussy struct{ jot.Blocklist }

func (b fussy) Revoke(ctx context.Context, id string, until time.Time) (bool, error) {
	if until.Before(time.Now()) {
		return false, fmt.Errorf("negative lifetime")
	}
	return b.Blocklist.Revoke(ctx, id, until)
}

func TestRequest(t *testing.T) {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()))
	require.NoError(t, err)
	handler := auth.Required(jot.Scopes("admin"))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+jot.Identity(r.Context()))
	}))
	answer := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	r := jottest.Request(t, auth, "PUT", "/admin?x=1", "alice", jot.Scopes("admin"))
	require.Equal(t, "PUT /admin?x=1 alice", answer(r).Body.String())
	r = jottest.Request(t, auth, "GET", "/admin", "bob")
	require.Equal(t, 403, answer(r).Code)

	r = httptest.NewRequest("POST", "/admin", strings.NewReader("{}"))
	require.Equal(t, 401, answer(r).Code)
	r.Header.Set("Authorization", "Basic eDp5")
	jottest.Authorize(t, r, auth, "carol", jot.Scopes("admin", "more"))
	require.Equal(t, "POST /admin carol", answer(r).Body.String(), "instead of the credential that was there")
}

// A token that cannot be made fails the test, at once.
func TestRequestFails(t *testing.T) {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()))
	require.NoError(t, err)
	for _, f := range []func(testing.TB){
		func(tb testing.TB) { jottest.Request(tb, auth, "GET", "/", "") },
		func(tb testing.TB) {
			jottest.Authorize(tb, httptest.NewRequest("GET", "/", nil), auth, "alice", jot.ExpiresIn(-1))
		},
	} {
		tb := &stopped{TB: t}
		done := make(chan bool)
		go func() {
			defer close(done)
			f(tb)
			tb.message = "it went on"
		}()
		<-done
		require.Regexp(t, "^jottest: jot: .+", tb.message)
	}
}

// stopped is a test that may fail.
type stopped struct {
	testing.TB

	message string
}

func (s *stopped) Fatalf(format string, args ...any) {
	s.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
