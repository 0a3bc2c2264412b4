package rfc9068_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/rfc9068"
)

var (
	ctx = context.Background()
	now = time.Unix(1893456000, 0)
	key = func() *ecdsa.PrivateKey {
		k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // never fails
		return k
	}()
	keys = jot.PrivateKey("ES256", key).WithID("k")
)

func manager(t *testing.T, opts ...jot.Option) *jot.Manager {
	t.Helper()
	m, err := jot.New(keys, append(opts, jot.WithIssuer("https://as.example"), jot.WithAudience("https://rs.example"),
		jot.WithClock(func() time.Time { return now }))...)
	require.NoError(t, err)
	return m
}

// sign makes a token of the key as another issuer would.
func sign(t *testing.T, typ string, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": "https://as.example", "sub": "alice", "aud": "https://rs.example", "client_id": "s6BhdRkqt3", "jti": "1",
		"iat": now.Unix(), "exp": now.Unix() + 600, "scope": "openid profile reademail",
	}
	change(claims)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = "k"
	delete(token.Header, "typ")
	if typ != "" {
		token.Header["typ"] = typ
	}
	raw, err := token.SignedString(key)
	require.NoError(t, err)
	return raw
}

// RFC 9068 section 4, row by row.
func TestVerifying(t *testing.T) {
	m := manager(t, rfc9068.Profile(""))
	without := func(name string) func(jwt.MapClaims) { return func(c jwt.MapClaims) { delete(c, name) } }
	set := func(name string, v any) func(jwt.MapClaims) { return func(c jwt.MapClaims) { c[name] = v } }
	for name, tc := range map[string]struct {
		typ    string
		change func(jwt.MapClaims)
		good   bool
	}{
		"as in section 3, figure 2":           {"at+jwt", func(jwt.MapClaims) {}, true},
		"the media type spelt out":            {"application/at+jwt", func(jwt.MapClaims) {}, true},
		"media types ignore case":             {"AT+JWT", func(jwt.MapClaims) {}, true},
		"several audiences":                   {"at+jwt", set("aud", []string{"x", "https://rs.example"}), true},
		"with the type that jot writes":       {"at+jwt", set("type", "access"), true},
		"JWT":                                 {"JWT", func(jwt.MapClaims) {}, false},
		"JWT, of the type that jot writes":    {"JWT", set("type", "access"), false},
		"no typ":                              {"", func(jwt.MapClaims) {}, false},
		"another typ":                         {"logout+jwt", func(jwt.MapClaims) {}, false},
		"a refresh token's typ":               {"rt+jwt", func(jwt.MapClaims) {}, false},
		"a refresh token, called access":      {"at+jwt", set("type", "refresh"), false},
		"another type, called access":         {"at+jwt", set("type", "magic_link"), false},
		"another issuer":                      {"at+jwt", set("iss", "https://other.example"), false},
		"another audience":                    {"at+jwt", set("aud", "https://other.example"), false},
		"expired":                             {"at+jwt", set("exp", now.Unix()-60), false},
		"an empty client_id":                  {"at+jwt", set("client_id", ""), false},
		"a client_id that is no string":       {"at+jwt", set("client_id", 7), false},
		"no iss":                              {"at+jwt", without("iss"), false},
		"no exp":                              {"at+jwt", without("exp"), false},
		"no aud":                              {"at+jwt", without("aud"), false},
		"no sub":                              {"at+jwt", without("sub"), false},
		"no client_id":                        {"at+jwt", without("client_id"), false},
		"no iat":                              {"at+jwt", without("iat"), false},
		"no jti":                              {"at+jwt", without("jti"), false},
		"no scope, which is optional":         {"at+jwt", without("scope"), true},
		"bound to a key that nobody can show": {"at+jwt", set("cnf", map[string]string{"jkt": "x"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			raw := sign(t, tc.typ, tc.change)
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+raw)
			w := httptest.NewRecorder()
			m.Required()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			})).ServeHTTP(w, r)
			if tc.good {
				require.Equal(t, http.StatusNoContent, w.Code)
				return
			}
			require.Equal(t, http.StatusUnauthorized, w.Code)
			require.Contains(t, w.Header().Get("WWW-Authenticate"), `error="invalid_token"`)
		})
	}
}

// What is issued says what RFC 9068 section 2 wants, through the life of a session.
func TestIssuing(t *testing.T) {
	m := manager(t, rfc9068.Profile("web"), jot.WithStore(memstore.New()), jot.WithRefreshTTL(time.Hour))
	check := func(raw, typ, client string) {
		t.Helper()
		header, claims, err := jot.InsecureDecode(raw)
		require.NoError(t, err)
		require.Equal(t, map[string]any{"alg": "ES256", "kid": "k", "typ": typ}, header)
		for _, name := range []string{"iss", "exp", "aud", "sub", "iat", "jti"} {
			require.Contains(t, claims, name)
		}
		require.Equal(t, client, claims["client_id"])
	}
	for client, opts := range map[string][]jot.TokenOption{"web": nil, "app": {rfc9068.ClientID("app")}} {
		pair, err := m.CreatePair(ctx, "alice", append(opts, jot.Scopes("read"))...)
		require.NoError(t, err)
		check(pair.AccessToken, "at+jwt", client)
		check(pair.RefreshToken, "rt+jwt", client)

		access, err := m.Verify(ctx, pair.AccessToken)
		require.NoError(t, err)
		require.True(t, access.HasScope("read"))
		refresh, err := m.Verify(ctx, pair.RefreshToken, jot.Refresh())
		require.NoError(t, err)
		_, err = m.Verify(ctx, pair.RefreshToken)
		require.ErrorIs(t, err, jot.ErrWrongType)
		_, err = m.Verify(ctx, pair.AccessToken, jot.Refresh())
		require.ErrorIs(t, err, jot.ErrWrongType)

		next, err := m.Rotate(ctx, refresh)
		require.NoError(t, err)
		check(next.AccessToken, "at+jwt", client)
		check(next.RefreshToken, "rt+jwt", client)
		raw, err := m.CreateAccessToken(ctx, "alice", jot.InSession(access), jot.Fresh())
		require.NoError(t, err)
		check(raw, "at+jwt", client)
	}

	// A token of a Type is nobody's access.
	raw, err := m.CreateToken(ctx, "alice", jot.Type("reset"))
	require.NoError(t, err)
	header, claims, err := jot.InsecureDecode(raw)
	require.NoError(t, err)
	require.Equal(t, "JWT", header["typ"])
	require.NotContains(t, claims, "client_id")
	_, err = m.Verify(ctx, raw, jot.Type("reset"))
	require.NoError(t, err)

	// Additional header parameters stand behind.
	raw, err = m.CreateAccessToken(ctx, "alice", jot.HeaderParam("tenant", "a"))
	require.NoError(t, err)
	_, err = m.Verify(ctx, raw)
	require.NoError(t, err)
}

// A resource server of its own, with public keys alone, and one for which it is another issuer.
func TestAcrossServices(t *testing.T) {
	issuer := manager(t, rfc9068.Profile("web"))
	raw, err := issuer.CreateAccessToken(ctx, "alice")
	require.NoError(t, err)
	clock := jot.WithClock(func() time.Time { return now })
	public := jot.PublicKey("ES256", &key.PublicKey).WithID("k")

	same, err := jot.New(public, rfc9068.Profile(""), clock,
		jot.WithIssuer("https://as.example"), jot.WithAudience("https://rs.example"))
	require.NoError(t, err)
	token, err := same.Verify(ctx, raw)
	require.NoError(t, err)
	require.Equal(t, "alice", token.Subject)

	another, err := jot.New(jot.NoKeys(), clock, jot.WithIssuerKeys(jot.Issuer{
		Name: "https://as.example", Keys: public, Audience: []string{"https://rs.example"}, RFC9068: true,
	}))
	require.NoError(t, err)
	token, err = another.Verify(ctx, raw)
	require.NoError(t, err)
	require.Equal(t, "https://as.example|alice", token.Subject)

	plain, err := jot.New(public, clock, jot.WithIssuer("https://as.example"), jot.WithAudience("https://rs.example"))
	require.NoError(t, err)
	_, err = plain.Verify(ctx, raw)
	require.ErrorIs(t, err, jot.ErrInvalid)
}

func TestMistakes(t *testing.T) {
	_, err := jot.New(keys, rfc9068.Profile("web"))
	require.ErrorContains(t, err, "needs WithIssuer")
	require.ErrorContains(t, err, "needs WithAudience")

	_, err = manager(t, rfc9068.Profile("")).CreateAccessToken(ctx, "alice")
	require.ErrorContains(t, err, "ClientID: it is missing")
	_, err = manager(t, rfc9068.Profile("")).CreateAccessToken(ctx, "alice", rfc9068.ClientID("\xff"))
	require.ErrorContains(t, err, "not UTF-8")
	_, err = manager(t).CreateAccessToken(ctx, "alice", rfc9068.ClientID("web"))
	require.ErrorContains(t, err, "ClientID: only an access token of rfc9068.Profile")
	_, err = manager(t, rfc9068.Profile("web")).CreateToken(ctx, "alice", jot.Type("reset"), rfc9068.ClientID("web"))
	require.ErrorContains(t, err, "ClientID: only an access token of rfc9068.Profile")
	_, err = manager(t, rfc9068.Profile("web")).CreateAccessToken(ctx, "alice", jot.Claim("client_id", "x"))
	require.ErrorContains(t, err, "reserved")
}
