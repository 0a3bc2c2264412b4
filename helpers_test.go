package jot_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// now is where the tests' clock stands, the instant of the recorded Flask-JWT-Extended exchanges.
var now = time.Unix(1893456000, 0)

var secret = []byte("vector-default-secret-0123456789abcdef-0123456789abcdef-0123456789abcdef")

var ctx = context.Background()

// at is a clock that stands still.
func at(t time.Time) jot.Option { return jot.WithClock(func() time.Time { return t }) }

// newManager makes a manager of the test secret whose clock stands at now, unless opts set one.
func newManager(t testing.TB, opts ...jot.Option) *jot.Manager {
	t.Helper()
	return newManagerAt(t, now, opts...)
}

func newManagerAt(t testing.TB, instant time.Time, opts ...jot.Option) *jot.Manager {
	t.Helper()
	m, err := jot.New(jot.HS256(secret), append(opts, at(instant))...)
	require.NoError(t, err)
	return m
}

func access(t testing.TB, m *jot.Manager, opts ...jot.TokenOption) string {
	t.Helper()
	raw, err := m.CreateAccessToken(ctx, "alice", opts...)
	require.NoError(t, err)
	return raw
}

func pair(t testing.TB, m *jot.Manager, opts ...jot.TokenOption) *jot.Pair {
	t.Helper()
	p, err := m.CreatePair(ctx, "alice", opts...)
	require.NoError(t, err)
	return p
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// forge signs any header and payload text with the test secret.
func forge(t testing.TB, header, payload string) string {
	t.Helper()
	return forgeWith(t, jwt.SigningMethodHS256, secret, header, payload)
}

func forgeWith(t testing.TB, method jwt.SigningMethod, key any, header, payload string) string {
	t.Helper()
	text := encode(header) + "." + encode(payload)
	signature, err := method.Sign(text, key)
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

const (
	ourHeader = `{"alg":"HS256","typ":"JWT"}`
	// sound is the members of an access token that holds at now.
	sound = `"sub":"alice","jti":"4f1c0f7e-0000-4000-8000-000000000001","type":"access",` +
		`"iat":1893456000,"exp":1893456900`
)

// with is a payload of sound and more members.
func with(more string) string { return `{` + sound + `,` + more + `}` }

// claimsOf decodes a token's claims.
func claimsOf(t testing.TB, raw string) map[string]any {
	t.Helper()
	_, claims, err := jot.InsecureDecode(raw)
	require.NoError(t, err)
	return claims
}

// answer is what a client got.
type answer struct {
	*httptest.ResponseRecorder
	called bool       // the handler ran
	token  *jot.Token // what it found in its context
}

func (a *answer) code(t testing.TB) string {
	t.Helper()
	var body struct {
		Type, Title, Code, Detail string
		Status                    int
	}
	require.NoError(t, json.Unmarshal(a.Body.Bytes(), &body), a.Body.String())
	require.Equal(t, "about:blank", body.Type)
	require.Equal(t, a.Code, body.Status)
	require.Equal(t, http.StatusText(a.Code), body.Title)
	return body.Code
}

// send puts a request through a guard.
func send(guard func(http.Handler) http.Handler, r *http.Request) *answer {
	a := &answer{ResponseRecorder: httptest.NewRecorder()}
	guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.called = true
		a.token, _ = jot.FromContext(r.Context())
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(a, r)
	return a
}

// bearer is a request that carries a token.
func bearer(raw string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+raw)
	return r
}

// admit puts a request through a guard as an adapter does, and returns what its handler would find.
func admit(m *jot.Manager, r *http.Request, opts ...jot.RouteOption) (*jot.Token, error) {
	admitted, err := m.Guard(opts...).Admit(httptest.NewRecorder(), r)
	if err != nil {
		return nil, err
	}
	token, _ := jot.FromContext(admitted.Context())
	return token, nil
}

// panicOf returns what f panics with, "" if it does not.
func panicOf(f func()) (text string) {
	defer func() {
		if reason := recover(); reason != nil {
			text = fmt.Sprint(reason)
		}
	}()
	f()
	return ""
}

// gone is a client that has hung up.
type gone struct{ *httptest.ResponseRecorder }

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// failingSigner is a KMS that cannot be reached.
type failingSigner struct{ crypto.Signer }

func (failingSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errDown }

func quoteJSON(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// blocklist is what a user would write.
type blocklist struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func newBlocklist() *blocklist { return &blocklist{until: map[string]time.Time{}} }

func (b *blocklist) Revoke(_ context.Context, id string, until time.Time) (first bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, found := b.until[id]
	if !found || until.After(known) {
		b.until[id] = until
	}
	return !found, nil
}

func (b *blocklist) Revoked(_ context.Context, ids ...string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(ids, func(id string) bool { _, found := b.until[id]; return found }), nil
}

// verdict is how a request ends: it passes, or it is refused for the reason of a sentinel.
type verdict struct {
	sentinel   error
	anonymous  bool   // it passes without a token
	attributes string // of the challenge, beside the error
	realm      string
	next       error // the sentinel of the second time, where it is another
}

var passes, anonymous = verdict{}, verdict{anonymous: true}

func refused(sentinel error, attributes ...string) verdict {
	v := verdict{sentinel: sentinel, realm: "api"}
	for _, attribute := range attributes {
		v.attributes += ", " + attribute
	}
	return v
}

// lacking is a refusal for want of scopes, all those that the route demands.
func lacking(scopes string) verdict { return refused(jot.ErrInsufficientScope, `scope="`+scopes+`"`) }

func (v verdict) in(realm string) verdict { v.realm = realm; return v }
func (v verdict) then(next error) verdict { v.next = next; return v }

// later is the verdict of the second time.
func (v verdict) later() verdict {
	if v.next != nil {
		return refused(v.next).in(v.realm)
	}
	return v
}

const (
	unchallenged = "" // another token would not help
	challenged   = `Bearer realm="REALM"`
	invalid      = challenged + `, error="invalid_token"`
	stepUp       = challenged + `, error="insufficient_user_authentication"` // RFC 9470 section 3
)

// told is what a client is told of each refusal, in the words of [jot.DefaultErrorHandler]'s documentation.
var told = map[error]struct {
	status    int
	code      string
	challenge string
}{
	jot.ErrNoToken:           {401, "token_missing", challenged},
	jot.ErrBadRequest:        {400, "invalid_request", challenged + `, error="invalid_request"`},
	jot.ErrInvalid:           {401, "token_invalid", invalid},
	jot.ErrExpired:           {401, "token_expired", invalid},
	jot.ErrRevoked:           {401, "token_revoked", invalid},
	jot.ErrReused:            {401, "token_reused", invalid},
	jot.ErrWrongType:         {401, "token_wrong_type", invalid},
	jot.ErrUserNotFound:      {401, "user_not_found", invalid},
	jot.ErrNotFresh:          {401, "fresh_token_required", stepUp},
	jot.ErrInsufficientScope: {403, "insufficient_scope", challenged + `, error="insufficient_scope"`},
	jot.ErrForbidden:         {403, "forbidden", unchallenged},
	jot.ErrCSRF:              {403, "csrf_failed", unchallenged},
	jot.ErrMethodNotAllowed:  {405, "method_not_allowed", unchallenged},
	jot.ErrUnavailable:       {503, "unavailable", unchallenged},
}

func (v verdict) challenge() string {
	challenge := told[v.sentinel].challenge
	if challenge == unchallenged {
		return unchallenged
	}
	return strings.Replace(challenge, "REALM", v.realm, 1) + v.attributes
}

// answers asserts what the client gets: all that refusals have in common, and what the sentinel adds.
func (v verdict) answers(t *testing.T, got *answer) {
	t.Helper()
	body := got.Body.String()
	if v.sentinel == nil {
		require.True(t, got.called, body)
		require.Equal(t, http.StatusNoContent, got.Code, body)
		if v.anonymous {
			require.Nil(t, got.token)
			return
		}
		require.NotNil(t, got.token)
		require.Equal(t, "alice", got.token.Subject)
		require.Equal(t, jot.InHeader, got.token.Location)
		return
	}
	want, header := told[v.sentinel], got.Header()
	require.False(t, got.called, "the handler ran")
	require.Equal(t, want.status, got.Code, body)
	require.Equal(t, want.code, got.code(t))
	require.Equal(t, v.challenge(), header.Get("WWW-Authenticate"))
	require.Equal(t, "application/problem+json", header.Get("Content-Type"))
	require.Equal(t, "no-store", header.Get("Cache-Control"))
	require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	require.Equal(t, map[int]string{405: "POST, PUT, PATCH, DELETE"}[want.status], header.Get("Allow"))
	if want.status == 503 {
		require.Regexp(t, "^[123]$", header.Get("Retry-After"))
	} else {
		require.Empty(t, header.Get("Retry-After"))
	}
	require.NotContains(t, body, "hunter2", "a cause reached the client")
}

// means asserts what the application gets: the facts of the refusal, of exactly this sentinel.
func (v verdict) means(t *testing.T, refusal error) {
	t.Helper()
	if v.sentinel == nil {
		require.NoError(t, refusal)
		return
	}
	want := told[v.sentinel]
	require.ErrorIs(t, refusal, v.sentinel)
	var e *jot.Error
	require.ErrorAs(t, refusal, &e)
	require.Same(t, v.sentinel, e.Err)
	require.Equal(t, want.status, e.Status())
	require.Equal(t, want.code, e.Code())
	require.Equal(t, v.challenge(), e.Challenge())
}

// maker makes a token when a manager stands, which has made it unless the maker's name says something else.
type maker = func(t testing.TB, m *jot.Manager) string

func given(raw string) maker { return func(testing.TB, *jot.Manager) string { return raw } }

func made(opts ...jot.TokenOption) maker {
	return func(t testing.TB, m *jot.Manager) string { return access(t, m, opts...) }
}

// aged is a token that another manager made, d ago.
func aged(d time.Duration, opts ...jot.TokenOption) maker {
	return func(t testing.TB, _ *jot.Manager) string { return access(t, newManagerAt(t, now.Add(-d)), opts...) }
}

func refreshToken(t testing.TB, m *jot.Manager) string { t.Helper(); return pair(t, m).RefreshToken }

func options(opts ...jot.Option) []jot.Option        { return opts }
func demands(o ...jot.RouteOption) []jot.RouteOption { return o }

var rsaKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}()

var errDown = errors.New("store down: password=hunter2")

// stubBlocklist answers one way.
type stubBlocklist struct {
	revoked bool
	err     error
}

func (s stubBlocklist) Revoke(context.Context, string, time.Time) (bool, error) { return true, s.err }

func (s stubBlocklist) Revoked(context.Context, ...string) (bool, error) { return s.revoked, s.err }

// says is a callback that answers one way.
func says(ok bool, err error) func(context.Context, *jot.Token) (bool, error) {
	return func(context.Context, *jot.Token) (bool, error) { return ok, err }
}

var users = jot.WithUserLookup(func(_ context.Context, t *jot.Token) (string, error) {
	switch t.Subject {
	case "alice":
		return "Alice", nil
	case "gone":
		return "", jot.ErrUserNotFound
	}
	return "", errDown
})

// silence keeps the expected log lines out of the test's output.
func silence(t *testing.T) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
}

// alone reports whether the test has a process of its own, as one that looks at what is logged once per process must.
// If not, it runs the test in one, and there is nothing left to do.
func alone(t *testing.T) bool {
	t.Helper()
	const key = "JOT_TEST_ALONE"
	if os.Getenv(key) == t.Name() {
		return true
	}
	program, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), key+"="+t.Name())
	output, err := child.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "--- PASS: "+t.Name(), "the test is there")
	return false
}
