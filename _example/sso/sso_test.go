package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// asProgram makes the test's own binary the program, so that its processes are real ones.
const asProgram = "JOT_SSO_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		for name, given := range passwords { // TestPasswords asks for the true hashes, which take long
			p := password{rounds: 1}
			p.hash, _ = p.of(given)
			table[name] = p
		}
		nobody.rounds = 1
		main()
		return
	}
	m.Run()
}

var passwords = map[string]string{"alice": "wonderland", "bob": "builder"}

func TestPasswords(t *testing.T) {
	errs := make(chan error, len(passwords)) // at once, since each takes seconds under the race detector
	for name, given := range passwords {
		go func() { errs <- authenticate(t.Context(), name, given) }()
	}
	for range passwords {
		require.NoError(t, <-errs)
	}
	require.Equal(t, table["alice"].rounds, nobody.rounds, "a name that nobody has takes as long")

	// A client that has gone waits for no hash.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range cap(slots) {
		slots <- struct{}{}
	}
	require.ErrorIs(t, authenticate(gone, "alice", "wonderland"), jot.ErrUnavailable)
	for range cap(slots) {
		<-slots
	}
}

// start starts a process of the program, which ends with the test, and returns it when it has said what is expected.
func start(t *testing.T, expected string, args ...string) (cmd *exec.Cmd, said string) {
	t.Helper()
	cmd = exec.CommandContext(context.Background(), os.Args[0], append(args, "-piped")...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var log bytes.Buffer
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
		if strings.Contains(log.String(), "DATA RACE") || t.Failed() {
			t.Error(args, log.String())
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if said += lines.Text() + "\n"; strings.Contains(lines.Text(), expected) {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return cmd, said
		}
	}
	require.Fail(t, "it has not started", said)
	return nil, ""
}

var addresses = regexp.MustCompile(`http://(127\.0\.0\.1:\d+) as process (\d+)`)

// listening starts a process that serves, and returns its address.
func listening(t *testing.T, args ...string) (cmd *exec.Cmd, addr string) {
	t.Helper()
	cmd, said := start(t, "Listening on", args...)
	return cmd, addresses.FindStringSubmatch(said)[1]
}

// system is an issuer and its services.
type system struct {
	*testing.T

	process  *exec.Cmd // the issuer's
	addr     string    // the issuer's
	args     []string  // the issuer's
	services []string  // their URLs
	down     atomic.Bool
}

func newSystem(t *testing.T, args ...string) *system {
	t.Helper()
	dir := t.TempDir()
	args = append(args, "-store", filepath.Join(dir, "sessions.db"))
	s := &system{T: t, args: append([]string{"issuer", "-keys", filepath.Join(dir, "keys.json")}, args...)}
	s.process, s.addr = listening(t, s.args...)
	for _, name := range services {
		_, addr := listening(t, append([]string{"service", "-name", name, "-issuer", "http://" + s.addr}, args...)...)
		s.services = append(s.services, "http://"+addr+"/"+name)
	}
	return s
}

// kids are the ids of the keys that the issuer publishes.
func (s *system) kids() (ids []string) {
	r, err := http.Get("http://" + s.addr + "/.well-known/jwks.json")
	if err != nil {
		return nil
	}
	defer func() { _ = r.Body.Close() }()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	_ = json.NewDecoder(r.Body).Decode(&set)
	for _, k := range set.Keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// until waits for what is to come.
func (s *system) until(what string, come func() bool) {
	s.Helper()
	require.Eventually(s, come, 40*time.Second, 50*time.Millisecond, what)
}

// tokens are what a login is answered with.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Life    int    `json:"expires_in"`
}

// kid is the id of the key that has signed a token.
func kid(token string) string {
	segment, _, _ := strings.Cut(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(segment)
	var header struct {
		ID string `json:"kid"`
	}
	_ = json.Unmarshal(text, &header)
	return header.ID
}

// Connections to an issuer that is killed are not kept.
var brief = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// ask sends a request to the issuer.
func (s *system) ask(method, path, token string, form url.Values) (status int, got tokens, err error) {
	r, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, got, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := brief.Do(r)
	if err != nil {
		return 0, got, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, &got)
	}
	return answer.StatusCode, got, err
}

func (s *system) login(name, password string) tokens {
	s.Helper()
	status, got, err := s.ask("POST", "/login", "", url.Values{"username": {name}, "password": {password}})
	require.NoError(s, err)
	require.Equal(s, 200, status)
	return got
}

// call calls a service, and returns the code of the refusal if it is one.
func call(service, token string) (status int, code string, err error) {
	r, err := http.NewRequest("GET", service, nil)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		Code string `json:"code"`
	}
	err = json.NewDecoder(answer.Body).Decode(&body)
	return answer.StatusCode, body.Code, err
}

// load is a user who is logged in, calls all services without a pause, and refreshes halfway, as a good client does.
type load struct {
	*system

	now      atomic.Pointer[tokens]
	requests atomic.Int64
	mu       sync.Mutex // of what follows
	failures []string
	kids     []string // of the tokens, in their order
}

func (s *system) load(ctx context.Context) *load {
	s.Helper()
	l := &load{system: s}
	l.take(s.login("alice", "wonderland"))
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	s.Cleanup(running.Wait)
	s.Cleanup(cancel)
	for _, service := range slices.Concat(s.services, s.services) {
		running.Go(func() { every(ctx, 8*time.Millisecond, func() { l.once(service) }) })
	}
	running.Go(func() {
		half := time.Now().Add(time.Duration(l.now.Load().Life) * time.Second / 2)
		every(ctx, 100*time.Millisecond, func() {
			if time.Now().After(half) && l.refresh() {
				half = time.Now().Add(time.Duration(l.now.Load().Life) * time.Second / 2)
			}
		})
	})
	return l
}

func every(ctx context.Context, d time.Duration, f func()) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}

func (l *load) take(got tokens) {
	l.now.Store(&got)
	l.mu.Lock()
	defer l.mu.Unlock()
	if id := kid(got.Access); !slices.Contains(l.kids, id) {
		l.kids = append(l.kids, id)
	}
}

func (l *load) once(service string) {
	status, code, err := call(service, l.now.Load().Access)
	l.requests.Add(1)
	if err != nil || status != 200 {
		l.fail(fmt.Sprintf("%s: %d %s %v", service, status, code, err))
	}
}

// refresh may fail only while the issuer is down.
func (l *load) refresh() bool {
	before := l.down.Load()
	status, got, err := l.ask("POST", "/refresh", l.now.Load().Refresh, nil)
	if err != nil && (before || l.down.Load()) {
		return false
	}
	if err != nil || status != 200 {
		l.fail(fmt.Sprintf("refresh: %d %v", status, err))
		return false
	}
	l.take(got)
	return true
}

func (l *load) fail(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < 10 {
		l.failures = append(l.failures, why)
	}
}

func (l *load) failed() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.failures)
}

// The issuer's key is replaced twice, and between the two the issuer is killed. Nobody who is logged in notices, and
// who is logged out meanwhile is so everywhere.
func TestNobodyNotices(t *testing.T) {
	s := newSystem(t, "-access", "8s", "-leeway", "2s", "-refetch", "300ms", "-rotate", "1s")
	away := s.login("alice", "wonderland") // on another device, which is switched off
	l := s.load(t.Context())
	first := kid(l.now.Load().Access)
	gone := func(id string) func() bool {
		return func() bool { now := s.kids(); return len(now) > 0 && !slices.Contains(now, id) }
	}
	s.until("the first key is retired", gone(first))
	second := kid(l.now.Load().Access)
	s.until("the third key is published", func() bool { return len(s.kids()) == 2 })

	// An outage, in the middle of the second time.
	s.down.Store(true)
	require.NoError(t, s.process.Process.Kill())
	_ = s.process.Wait()
	before := l.requests.Load()
	s.until("the services go on", func() bool { return l.requests.Load() > before+300 })
	s.process, _ = listening(t, append(s.args, "-addr", s.addr)...)
	s.down.Store(false)
	require.Len(t, s.kids(), 2, "it knows what it was at")

	// Bob logs out everywhere from one of his devices.
	phone, laptop := s.login("bob", "builder"), s.login("bob", "builder")
	for _, want := range []struct {
		status int
		code   string
	}{{200, ""}, {401, "token_revoked"}} {
		for _, token := range []string{phone.Access, laptop.Access} {
			for _, service := range s.services {
				status, code, err := call(service, token)
				require.NoError(t, err)
				require.Equal(t, want.status, status, service)
				require.Equal(t, want.code, code)
			}
		}
		if want.status == 200 {
			status, _, err := s.ask("DELETE", "/sessions", phone.Access, nil)
			require.NoError(t, err)
			require.Equal(t, 204, status)
		}
	}
	status, _, err := s.ask("POST", "/refresh", laptop.Refresh, nil)
	require.NoError(t, err)
	require.Equal(t, 401, status)

	s.until("the second key is retired", gone(second))
	s.until("there were requests enough", func() bool { return l.requests.Load() >= 5000 })
	status, _, err = s.ask("POST", "/refresh", away.Refresh, nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Empty(t, l.failed())
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Equal(t, []string{first, second}, l.kids[:2])
	require.GreaterOrEqual(t, len(l.kids), 3, "the tokens were of all keys")
	t.Logf("%d requests, by tokens of %d keys", l.requests.Load(), len(l.kids))
}

// What the test above looks for is there if a key is retired too early.
func TestRetiredTooEarly(t *testing.T) {
	s := newSystem(t, "-access", "8s", "-leeway", "2s", "-refetch", "300ms", "-rotate", "1s", "-keep", "1ms")
	l := s.load(t.Context())
	s.until("somebody notices", func() bool { return len(l.failed()) > 0 })
	require.Contains(t, l.failed()[0], "401 token_invalid")
}

// All are started together, what is killed comes back, and if the first is killed, all end.
func TestAll(t *testing.T) {
	dir, err := os.MkdirTemp("", "jot-sso-test-") // who is killed removes nothing
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	t.Setenv("TMPDIR", dir)
	process, said := start(t, "sessions -H", "all", "-port", "0", "-back", "10ms")
	found := addresses.FindAllStringSubmatch(said, -1)
	require.Len(t, found, 3)
	for _, each := range found {
		require.Contains(t, said, " http://"+each[1]+"/", "what it says can be tried")
	}
	s := &system{T: t, addr: found[0][1], services: []string{
		"http://" + found[1][1] + "/orders", "http://" + found[2][1] + "/invoices",
	}}
	token := s.login("alice", "wonderland").Access
	works := func() {
		for _, service := range s.services {
			status, _, err := call(service, token)
			require.NoError(t, err)
			require.Equal(t, 200, status, service)
		}
	}
	works()
	before := s.kids()
	pid, err := strconv.Atoi(found[0][2])
	require.NoError(t, err)
	issuer, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.NoError(t, issuer.Kill())
	s.until("the issuer is back", func() bool { return slices.Equal(before, s.kids()) })
	works()
	status, _, err := s.ask("DELETE", "/logout", token, nil)
	require.NoError(t, err)
	require.Equal(t, 204, status)
	for _, service := range s.services {
		_, code, err := call(service, token)
		require.NoError(t, err)
		require.Equal(t, "token_revoked", code)
	}

	require.NoError(t, process.Process.Kill())
	for _, each := range found {
		s.until("all end", func() bool {
			connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", each[1])
			if err == nil {
				_ = connection.Close()
			}
			return err != nil
		})
	}
}

func TestLogin(t *testing.T) {
	s := newSystem(t)
	for _, tc := range []struct {
		form   url.Values
		status int
	}{
		{url.Values{"username": {"alice"}, "password": {"wonderland"}}, 200},
		{url.Values{"username": {"alice"}, "password": {"builder"}}, 401},
		{url.Values{"username": {"nobody"}, "password": {"wonderland"}}, 401},
		{url.Values{}, 401},
		{url.Values{"username": {strings.Repeat("a", 5000)}}, 400},
	} {
		status, _, err := s.ask("POST", "/login", "", tc.form)
		require.NoError(t, err)
		require.Equal(t, tc.status, status, tc.form)
	}
	status, _, err := s.ask("POST", "/login?username=alice&password=wonderland", "", url.Values{})
	require.NoError(t, err)
	require.Equal(t, 401, status, "never from the URL")
	for _, service := range s.services {
		status, code, err := call(service, s.login("alice", "wonderland").Refresh)
		require.NoError(t, err)
		require.Equal(t, 401, status)
		require.Equal(t, "token_invalid", code, "a refresh token is the issuer's alone")
	}
}

func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(at("bad.json"), []byte(`{"current":"no PEM"}`), 0o600))
	require.NoError(t, os.WriteFile(at("empty.json"), []byte(`{}`), 0o600))
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Listener.Addr().String())
	require.NoError(t, err)
	for text, args := range map[string][]string{
		"neither issuer nor service":   {"reader"},
		"flag provided but not":        {"-no"},
		"there is no current key":      {"issuer", "-store", at("a.db"), "-keys", at("empty.json")},
		"bad.json":                     {"issuer", "-store", at("a.db"), "-keys", at("bad.json")},
		"-store":                       {"issuer", "-store", dir, "-keys", at("keys.json")},
		"see InsecureHTTP":             {"service", "-store", at("a.db"), "-issuer", "http://login.example"},
		"issuer: exit status":          {"-port", port},
		"jot: WithAccessTTL: 1.5s is ": {"issuer", "-store", at("a.db"), "-keys", at("keys.json"), "-access", "1500ms"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		said, err := cmd.CombinedOutput()
		require.Error(t, err, text)
		require.Contains(t, string(said), text)
	}
}
