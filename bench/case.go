package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// operation is done again and again by one side. Its error says that it did not do what the case is about: a refusal
// is quicker than a login, and must not be taken for one.
type operation func() error

// testCase is the same work done by both sides. They are set up only when the case runs: an RSA key takes a while.
type testCase struct {
	name  string
	setUp func() (mine, peer operation)
}

var cases = []testCase{
	{"verify HS256", func() (mine, peer operation) { return verify(hs256()) }},
	{"verify HS256, memstore", verifyStored},
	{"verify HS256, cookie, CSRF", verifyCookie},
	{"refuse HS256", refuse},
	{"issue HS256", issue},
	{"rotate HS256, memstore", rotate},
	{"verify RS256", func() (mine, peer operation) {
		return verify(keyPair("RS256", must(rsa.GenerateKey(rand.Reader, 2048))))
	}},
	{"verify ES256", func() (mine, peer operation) {
		return verify(keyPair("ES256", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	}},
	{"verify EdDSA", func() (mine, peer operation) {
		return verify(keyPair("EdDSA", ed25519.NewKeyFromSeed(random(ed25519.SeedSize))))
	}},
	{"verify EdDSA, cache", func() (mine, peer operation) {
		return verify(keyPair("EdDSA", ed25519.NewKeyFromSeed(random(ed25519.SeedSize))), jot.WithTokenCache(1000))
	}},
}

// key is one key as each side wants it; the peer's verifies.
type key struct {
	alg  string
	jot  jot.Key
	peer any
}

func hs256() key {
	secret := random(32)
	return key{"HS256", jot.HS256(secret), secret}
}

func keyPair(alg string, k crypto.Signer) key {
	return key{alg, jot.PrivateKey(alg, k), k.Public()}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

const subject = "user-4711"

var (
	ctx   = context.Background()
	roles = []string{"editor", "billing"}
	// login makes tokens of some 300 bytes.
	login = []jot.TokenOption{jot.Fresh(), jot.Claim("roles", roles)}
)

// verify is a request with a good token, from the header to the subject in the handler.
func verify(k key, opts ...jot.Option) (mine, peer operation) {
	m := must(jot.New(k.jot, opts...))
	r := bearer("GET", must(m.CreateAccessToken(ctx, subject, login...)))
	return send(guarded(m), r, 204), send(peerGuarded(k), r, 204)
}

// verifyStored asks a store as well, which knows the session. golang-jwt has none.
func verifyStored() (mine, peer operation) {
	k := hs256()
	m := must(jot.New(k.jot, jot.WithStore(memstore.New())))
	r := bearer("GET", must(m.CreatePair(ctx, subject, login...)).AccessToken)
	return send(guarded(m), r, 204), send(peerGuarded(k), r, 204)
}

// verifyCookie is a POST from a browser. golang-jwt takes the same token from the header, since it knows no cookies.
func verifyCookie() (mine, peer operation) {
	k := hs256()
	m := must(jot.New(k.jot, jot.WithCookies(jot.CookieConfig{})))
	pair := must(m.CreatePair(ctx, subject, login...))
	return send(guarded(m), fromBrowser(m, pair), 204), send(peerGuarded(k), bearer("POST", pair.AccessToken), 204)
}

func refuse() (mine, peer operation) {
	k := hs256()
	m := must(jot.New(k.jot))
	r := bearer("GET", forge(must(m.CreateAccessToken(ctx, subject, login...))))
	return send(guarded(m), r, 401), send(peerGuarded(k), r, 401)
}

func issue() (mine, peer operation) {
	k := hs256()
	m := must(jot.New(k.jot))
	return fresh(func() (string, error) { return m.CreateAccessToken(ctx, subject, login...) }),
		fresh(func() (string, error) { return peerIssue(k) })
}

// rotate verifies a refresh token and exchanges it for a new pair. golang-jwt issues two tokens, and remembers nothing.
func rotate() (mine, peer operation) {
	k := hs256()
	m := must(jot.New(k.jot, jot.WithStore(memstore.New())))
	pair := must(m.CreatePair(ctx, subject, login...))
	rotations := 0
	mine = fresh(func() (string, error) {
		// Each refresh token of a session is dated a millisecond later than the one before, at least. We rotate faster
		// than that, so a session that goes on for long would come to tokens of the future.
		if rotations++; rotations%1000 == 0 {
			pair = must(m.CreatePair(ctx, subject, login...))
		}
		refresh, err := m.Verify(ctx, pair.RefreshToken, jot.Refresh())
		if err == nil {
			pair, err = m.Rotate(ctx, refresh)
		}
		if err != nil {
			return "", err
		}
		return pair.RefreshToken, nil
	})
	peer = fresh(func() (string, error) {
		raw, err := peerIssue(k)
		if err == nil {
			raw, err = peerIssue(k)
		}
		return raw, err
	})
	return mine, peer
}

// guarded is a handler behind jot that reads who is there.
func guarded(m *jot.Manager) http.Handler {
	return m.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		greet(w, jot.Identity(r.Context()))
	}))
}

// greet answers 204 to the one who has logged in, and 500 if a guard has let in somebody else.
func greet(w http.ResponseWriter, name any) {
	if name != subject {
		w.WriteHeader(500)
		return
	}
	w.WriteHeader(204)
}

func bearer(method, raw string) *http.Request {
	r := must(http.NewRequestWithContext(ctx, method, "https://example.com/orders", nil))
	r.Header.Set("Authorization", "Bearer "+raw)
	return r
}

// fromBrowser is a POST with all the cookies of a login, as a page's script sends it.
func fromBrowser(m *jot.Manager, pair *jot.Pair) *http.Request {
	w := &answer{header: http.Header{}}
	if err := m.SetCookies(w, pair); err != nil {
		panic(err)
	}
	r := must(http.NewRequestWithContext(ctx, "POST", "https://example.com/orders", nil))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, line := range w.header["Set-Cookie"] {
		cookie := must(http.ParseSetCookie(line))
		r.AddCookie(cookie)
		if strings.HasSuffix(cookie.Name, "csrf_access_token") {
			r.Header.Set("X-CSRF-Token", cookie.Value)
		}
	}
	return r
}

// forge puts another signature under a token, of the right length.
func forge(raw string) string { return raw[:len(raw)-8] + "AAAAAAAA" }

// send is a request that is answered with this status.
func send(h http.Handler, r *http.Request, status int) operation {
	w := &answer{header: http.Header{}}
	return func() error {
		clear(w.header)
		w.status = 0
		h.ServeHTTP(w, r)
		if w.status != status {
			return fmt.Errorf("answered %d, not %d", w.status, status)
		}
		return nil
	}
}

// answer is a ResponseWriter that costs nothing, unlike httptest's.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header            { return a.header }
func (a *answer) Write(text []byte) (int, error) { return len(text), nil }
func (a *answer) WriteHeader(status int)         { a.status = status }

// fresh is a token made anew each time.
func fresh(create func() (string, error)) operation {
	last := ""
	return func() error {
		raw, err := create()
		if err == nil && raw == last {
			err = errors.New("the same token again")
		}
		last = raw
		return err
	}
}

// must is for setting up, where only a mistake in this program can fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
