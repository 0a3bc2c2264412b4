package jot_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// tells asserts that a program is told once what is wrong with it, in these words and at this level, however often it
// comes to it; not at all, if the words are none.
func tells(t *testing.T, level, text string, mistake func()) {
	t.Helper()
	out := logged(t)
	for range 2 {
		mistake()
	}
	lines := strings.ReplaceAll(out.String(), `\"`, `"`)
	if text == "" {
		require.Empty(t, lines)
		return
	}
	require.Equal(t, 1, strings.Count(lines, "\n"), lines)
	msg := ` msg="` + text + `"`
	require.Contains(t, lines, "level="+level+msg)
}

// What a key function returns is the application's doing, and its clients hear of it only that a token is bad.
func TestKeyfuncMistakes(t *testing.T) {
	if !alone(t) {
		return
	}
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	raw := map[string]string{
		"RS256": access(t, manager(t, jot.PrivateKey("RS256", rsaKey))),
		"ES256": access(t, manager(t, jot.PrivateKey("ES256", ecKey))),
		"EdDSA": access(t, manager(t, jot.PrivateKey("EdDSA", edKey))),
		"HS256": access(t, manager(t, jot.HS256(secret))),
	}
	const wants = "an *rsa.PublicKey: jwt.ParseRSAPublicKeyFromPEM makes one of a PEM text"
	for _, tc := range []struct {
		alg     string
		returns any
		cause   string
		told    bool
	}{
		{"RS256", text, "it returned a []byte for RS256, which wants " + wants, true},
		{"RS256", string(text), "it returned a string for RS256, which wants " + wants, true},
		{"RS256", rsaKey, "it returned a *rsa.PrivateKey for RS256, which wants " + wants, true},
		{"ES256", text, "it returned a []byte for ES256, which wants an *ecdsa.PublicKey: " +
			"jwt.ParseECPublicKeyFromPEM makes one of a PEM text", true},
		{"EdDSA", text, "it returned a []byte for EdDSA, which wants an ed25519.PublicKey: " +
			"jwt.ParseEdPublicKeyFromPEM makes one of a PEM text", true},
		{"HS256", string(secret), "it returned a string for HS256, which wants the secret as a []byte", true},
		{"HS256", secret[:5], "the secret has 5 bytes, HS256 wants at least 32 (RFC 7518 section 3.2)", true},
		// Which of several keys is asked for is up to the client.
		{"RS256", nil, "it returned a <nil> for RS256, which wants " + wants, false},
		{"RS256", &ecKey.PublicKey, "it returned a *ecdsa.PublicKey for RS256, which wants " + wants, false},
		{"RS256", secret, "it returned a []byte for RS256, which wants " + wants, false},
	} {
		m := manager(t, jot.Keyfunc(func(*jwt.Token) (any, error) { return tc.returns, nil }, tc.alg))
		cause, line := "Keyfunc: "+tc.cause, ""
		if tc.told {
			line = "jot: " + cause
		}
		tells(t, "WARN", line, func() {
			_, err := m.Verify(ctx, raw[tc.alg])
			require.EqualError(t, err, "jot: token is invalid: "+cause)
		})
	}
}

// An access token does not outlive the refresh token that it came with, and one that nearly does may be a mistake.
func TestPairsOfTheWrongLifetime(t *testing.T) {
	if !alone(t) {
		return
	}
	const day = 24 * time.Hour
	const long = "jot: CreatePair with ExpiresIn of a day or more: that is the access token's, " +
		"and for a login that lasts it is RefreshExpiresIn; with both, nothing is said"
	access, refresh := jot.ExpiresIn, jot.RefreshExpiresIn
	usual, weeks := newManager(t), newManager(t, jot.WithAccessTTL(14*day))
	for _, tc := range []struct {
		name   string
		m      *jot.Manager
		opts   []jot.TokenOption
		err    string
		warned bool
	}{
		{"less than a day", usual, list(access(day - time.Second)), "", false},
		{"more, as configured", weeks, list(access(7 * day)), "", false},
		{"more, and the other one too", usual, list(access(7*day), refresh(30*day)), "", false},
		{"the one that is meant", usual, list(refresh(60 * day)), "", false},
		{"the other one", usual, list(access(7 * day)), "", true},
		{"as long as the refresh token", usual, list(access(30*day), refresh(30*day)), "", false},
		{
			"longer than the refresh token", usual, list(access(60 * day)), "ExpiresIn: with 1440h0m0s, " +
				"the access token outlives the refresh token, which lives 720h0m0s: " +
				"RefreshExpiresIn is how long a login lasts", false,
		},
		{
			"a short refresh token", usual, list(refresh(5 * time.Minute)), "RefreshExpiresIn: with 5m0s, " +
				"the refresh token is over before the access token, which lives 15m0s: see ExpiresIn", false,
		},
		{
			"the two of them swapped", usual, list(access(7*day), refresh(time.Hour)),
			"RefreshExpiresIn: with 1h0m0s, the refresh token is over before the access token, " +
				"which lives 168h0m0s: see ExpiresIn", false,
		},
		{"a short pair", usual, list(access(time.Minute), refresh(5*time.Minute)), "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := ""
			if tc.warned {
				text = long
			}
			tells(t, "WARN", text, func() {
				_, err := tc.m.CreatePair(ctx, "alice", tc.opts...)
				if tc.err == "" {
					require.NoError(t, err)
					return
				}
				require.EqualError(t, err, "jot: "+tc.err)
			})
		})
	}
}

// Who passes over the error of a method that revokes takes somebody for logged out who is not.
func TestRevokingWithoutAStore(t *testing.T) {
	if !alone(t) {
		return
	}
	m := newManager(t)
	token := accepted(t, m, pair(t, m).AccessToken)
	const either, store = "WithStore or WithBlocklist", "WithStore"
	for _, tc := range []struct {
		name, needs string
		call        func(m *jot.Manager) error
	}{
		{"Revoke", either, func(m *jot.Manager) error { return m.Revoke(ctx, token) }},
		{"RevokeByID", either, func(m *jot.Manager) error { return m.RevokeByID(ctx, "alice", "1", now) }},
		{"RevokeSession", either, func(m *jot.Manager) error { return m.RevokeSession(ctx, token) }},
		{"RevokeSessionByID", store, func(m *jot.Manager) error { return m.RevokeSessionByID(ctx, "alice", "1") }},
		{"RevokeSubject", store, func(m *jot.Manager) error { return m.RevokeSubject(ctx, "alice") }},
		{"RevokeAll", store, func(m *jot.Manager) error { return m.RevokeAll(ctx) }},
		{"Logout", either, func(m *jot.Manager) error { return m.Logout(httptest.NewRecorder(), bearer("x")) }},
	} {
		tells(t, "ERROR", "jot: "+tc.name+" needs "+tc.needs+": nothing was revoked", func() {
			require.ErrorIs(t, tc.call(m), errors.ErrUnsupported, tc.name)
		})
	}
}

// Revoke ends one token. Where its session goes on, that may have been meant for a logout.
func TestRevokeForALogout(t *testing.T) {
	if !alone(t) {
		return
	}
	w := newWorldOver(t, memstore.New(memstore.Since(time.Time{})))
	verified := func(raw string, demands ...jot.Demand) *jot.Token { return accepted(t, w.Manager, raw, demands...) }
	login := func() *jot.Token { return verified(w.login(t).AccessToken) }
	link := func() *jot.Token {
		link, err := w.CreateToken(ctx, "alice", jot.Type("link"), jot.InSession(login()))
		require.NoError(t, err)
		return verified(link, jot.Type("link"))
	}
	foreign := verified(forge(t, ourHeader, with(`"sid":"s"`)))
	for name, revoke := range map[string]func() error{
		"a token of no session": func() error { return w.Revoke(ctx, verified(access(t, w.Manager))) },
		"a type of its own":     func() error { return w.Revoke(ctx, link()) },
		"the refresh token":     func() error { return w.Revoke(ctx, w.refreshable(t, w.login(t).RefreshToken)) },
		"the session":           func() error { return w.RevokeSession(ctx, login()) },
		"another's session":     func() error { return w.RevokeSession(ctx, foreign) },
	} {
		tells(t, "INFO", "", func() { require.NoError(t, revoke(), name) })
	}
	tells(t, "INFO", "jot: Revoke ended an access token whose session goes on, with its refresh token: "+
		"a logout is RevokeSession", func() { require.NoError(t, w.Revoke(ctx, login())) })
}

// The JSON of a pair whose tokens travel in cookies has none: whoever writes that, and sets no cookie, has lost them.
func TestPairsWhoseCookiesNobodySets(t *testing.T) {
	if !alone(t) {
		return
	}
	cookies := jot.WithCookies(jot.CookieConfig{})
	m, either := newManager(t, cookies), newManager(t, cookies, jot.WithLocations(jot.InHeader, jot.InCookie))
	write := func(p any) {
		_, err := json.Marshal(p)
		require.NoError(t, err)
	}
	for name, right := range map[string]func(){
		"WritePair": func() {
			require.NoError(t, m.WritePair(httptest.NewRecorder(), pair(t, m)))
		},
		"SetCookies, and what WritePair would write": func() {
			p := pair(t, m)
			require.NoError(t, m.SetCookies(httptest.NewRecorder(), p))
			write(p)
			write(map[string]any{"ok": true, "pair": *p})
		},
		"both ways, after WritePair": func() {
			p := pair(t, m)
			require.NoError(t, m.WritePair(httptest.NewRecorder(), p))
			write(p)
		},
		"a manager of headers": func() { write(pair(t, newManager(t))) },
		"one of either":        func() { write(pair(t, either)) },
		"a pair made by hand":  func() { write(jot.Pair{AccessToken: "x"}) },
		"a pair in the log":    func() { slog.DebugContext(ctx, "login", "pair", pair(t, m)) },
	} {
		t.Run(name, func(t *testing.T) { tells(t, "WARN", "", right) })
	}
	tells(t, "WARN", "jot: a Pair was written as JSON, which has no tokens where they travel in cookies only, "+
		"and its cookies were not set: WritePair does both", func() { write(pair(t, m)) })
}
