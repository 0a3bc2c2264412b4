package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// service is the example with a clock that is moved by hand.
type service struct {
	http.Handler

	now time.Time
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{now: time.Unix(1893456000, 0)}
	clock := jot.WithClock(func() time.Time { return s.now })
	var err error
	s.Handler, err = newServer(config{
		secret: jot.GenerateSecret(), accessTTL: time.Hour, rounds: 2, options: []jot.Option{clock},
	}, memstore.New())
	require.NoError(t, err)
	return s
}

// do sends a request; a body that begins with { is JSON.
func (s *service) do(method, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
}

func (s *service) login(t *testing.T, body string) tokens {
	t.Helper()
	w := s.do("POST", "/login", "", body)
	require.Equal(t, 200, w.Code, w.Body.String())
	return read[tokens](t, w)
}

func read[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}

func (s *service) refused(t *testing.T, method, target, token string, status int, code string) {
	t.Helper()
	w := s.do(method, target, token, "")
	require.Equal(t, status, w.Code)
	require.Equal(t, code, read[map[string]any](t, w)["code"])
}

const (
	alice = "username=alice&password=wonderland"
	bob   = `{"username":"bob","password":"builder"}`
)

func TestLogin(t *testing.T) {
	s := newService(t)
	for _, body := range []string{alice, bob} {
		w := s.do("POST", "/login", "", body)
		require.Equal(t, 200, w.Code)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		pair := read[tokens](t, w)
		require.Equal(t, "Bearer", pair.Type)
		require.Equal(t, 200, s.do("GET", "/protected", pair.Access, "").Code)
	}

	// One answer, whether the name or the password was wrong.
	wrong := []*httptest.ResponseRecorder{
		s.do("POST", "/login", "", "username=alice&password=builder"),
		s.do("POST", "/login", "", "username=mallory&password=wonderland"),
		s.do("POST", "/login", "", "username=&password="),
		s.do("POST", "/login", "", `{}`),
	}
	for _, w := range wrong {
		require.Equal(t, 401, w.Code)
		require.Equal(t, wrong[0].Body.String(), w.Body.String())
		require.Equal(t, wrong[0].Header(), w.Header())
		require.Equal(t, `Bearer realm="api"`, w.Header().Get("WWW-Authenticate"))
	}

	for body, status := range map[string]int{
		"":                                      415,
		`{"username":`:                          400,
		`{"username":7}`:                        400,
		"username=%zz":                          400,
		"username=" + strings.Repeat("x", 5000): 413,
	} {
		w := s.do("POST", "/login", "", body)
		require.Equal(t, status, w.Code, body)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	}
	inURL := s.do("POST", "/login?username=alice&password=wonderland", "", "x=y")
	require.Equal(t, 401, inURL.Code, "never from the URL")
	require.Equal(t, 405, s.do("GET", "/login", "", "").Code)

	// A client that has gone waits for no hash.
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	users, err := newUsers(2)
	require.NoError(t, err)
	for range cap(users.slots) {
		users.slots <- struct{}{}
	}
	_, err = users.authenticate(gone, "alice", "wonderland")
	require.ErrorIs(t, err, jot.ErrUnavailable)
}

func TestRoutes(t *testing.T) {
	s := newService(t)
	pair := s.login(t, alice)
	for _, target := range []string{"/protected", "/me", "/admin", "/sessions"} {
		s.refused(t, "GET", target, "", 401, "token_missing")
		s.refused(t, "GET", target, "nonsense", 401, "token_invalid")
		s.refused(t, "GET", target, pair.Refresh, 401, "token_wrong_type")
		require.Equal(t, 200, s.do("GET", target, pair.Access, "").Code)
	}
	require.JSONEq(t, `{"logged_in_as":"alice"}`, s.do("GET", "/protected", pair.Access, "").Body.String())
	require.JSONEq(t, `{"name":"alice","scopes":["admin"]}`, s.do("GET", "/me", pair.Access, "").Body.String())
	require.JSONEq(t, `{"users":["alice","bob"]}`, s.do("GET", "/admin", pair.Access, "").Body.String())

	require.JSONEq(t, `{"logged_in_as":"alice"}`, s.do("GET", "/optional", pair.Access, "").Body.String())
	require.JSONEq(t, `{"anonymous":true}`, s.do("GET", "/optional", "", "").Body.String())
	s.refused(t, "GET", "/optional", "nonsense", 401, "token_invalid")

	w := s.do("GET", "/admin", s.login(t, bob).Access, "")
	require.Equal(t, 403, w.Code)
	require.Equal(t, `Bearer realm="api", error="insufficient_scope", scope="admin"`,
		w.Header().Get("WWW-Authenticate"))

	s.now = s.now.Add(time.Hour + time.Minute)
	s.refused(t, "GET", "/protected", pair.Access, 401, "token_expired")
}

func TestRefresh(t *testing.T) {
	s := newService(t)
	pair := s.login(t, alice)
	require.JSONEq(t, `{"done_for":"alice"}`, s.do("POST", "/sensitive", pair.Access, "").Body.String())
	s.refused(t, "POST", "/refresh", pair.Access, 401, "token_wrong_type")

	s.now = s.now.Add(time.Minute)
	w := s.do("POST", "/refresh", pair.Refresh, "")
	require.Equal(t, 200, w.Code)
	next := read[tokens](t, w)
	require.Equal(t, 200, s.do("GET", "/protected", next.Access, "").Code)
	s.refused(t, "POST", "/sensitive", next.Access, 401, "fresh_token_required")

	s.now = s.now.Add(time.Minute)
	s.refused(t, "POST", "/refresh", pair.Refresh, 401, "token_reused")
	s.refused(t, "GET", "/protected", next.Access, 401, "token_revoked")
}

func TestLogout(t *testing.T) {
	s := newService(t)
	pair, other := s.login(t, alice), s.login(t, alice)
	require.Equal(t, 204, s.do("DELETE", "/logout", pair.Access, "").Code)
	s.refused(t, "GET", "/protected", pair.Access, 401, "token_revoked")
	s.refused(t, "POST", "/refresh", pair.Refresh, 401, "token_revoked")

	list := read[[]struct {
		Current bool `json:"current"`
	}](t, s.do("GET", "/sessions", other.Access, ""))
	require.Len(t, list, 1)
	require.True(t, list[0].Current)

	require.Equal(t, 204, s.do("DELETE", "/sessions", other.Access, "").Code)
	s.refused(t, "GET", "/protected", other.Access, 401, "token_revoked")
	require.Equal(t, 200, s.do("GET", "/protected", s.login(t, alice).Access, "").Code)
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		secret, expires string
		want            time.Duration
		wrong           string
	}{
		{want: 15 * time.Minute},
		{secret: strings.Repeat("s.", 16), expires: "90", want: 90 * time.Second},
		{expires: "2h", want: 2 * time.Hour},
		{expires: "soon", wrong: "JWT_ACCESS_TOKEN_EXPIRES: time: invalid duration"},
	} {
		cfg, err := configFrom(func(name string) string {
			return map[string]string{"JWT_SECRET_KEY": tc.secret, "JWT_ACCESS_TOKEN_EXPIRES": tc.expires}[name]
		}, "")
		if tc.wrong != "" {
			require.ErrorContains(t, err, tc.wrong)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tc.want, cfg.accessTTL)
		require.Equal(t, tc.secret == "", cfg.generated)
		require.Equal(t, 600_000, cfg.rounds)
		if tc.secret != "" {
			require.Equal(t, tc.secret, string(cfg.secret))
		}
	}
	for text, cfg := range map[string]config{
		"the secret has 5 bytes":   {secret: []byte("short"), accessTTL: time.Hour, rounds: 1},
		"WithAccessTTL: 0s is not": {secret: jot.GenerateSecret(), rounds: 1},
		"invalid port":             {addr: "nowhere:-1", secret: jot.GenerateSecret(), accessTTL: time.Hour, rounds: 1},
	} {
		require.ErrorContains(t, run(t.Context(), cfg, io.Discard), text)
	}
}

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	wrote  chan struct{}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.buffer.Write(p)
	if strings.Contains(b.buffer.String(), "Listening on ") {
		select {
		case b.wrote <- struct{}{}:
		default:
		}
	}
	return n, err
}

// The whole program: it says where it listens and what to try, answers, and ends when it is told to.
func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out := &lockedBuffer{wrote: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	cfg := config{
		addr: "127.0.0.1:0", secret: jot.GenerateSecret(), generated: true, accessTTL: time.Hour, rounds: 2,
	}
	go func() { ended <- run(ctx, cfg, out) }()
	select {
	case <-out.wrote:
	case err := <-ended:
		t.Fatal(err)
	}
	out.mu.Lock()
	text := out.buffer.String()
	out.mu.Unlock()
	require.Contains(t, text, "JWT_SECRET_KEY is not set")
	require.Contains(t, text, "curl -i http://127.0.0.1:")
	_, url, _ := strings.Cut(text, "Listening on ")
	url, _, _ = strings.Cut(url, "\n")

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/optional", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.JSONEq(t, `{"anonymous":true}`, string(body))

	stop()
	require.NoError(t, <-ended)
}
