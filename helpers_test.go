package jot_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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
	sound = `"sub":"alice","jti":"4f1c0f7e-0000-4000-8000-000000000001","type":"access","iat":1893456000,"exp":1893456900`
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
