package jot_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
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
)

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header          { clear(n.header); return n.header }
func (nowhere) Write(text []byte) (int, error) { return len(text), nil }
func (nowhere) WriteHeader(int)                {}

// serving has a handler answer one request again and again.
func serving(handler http.Handler, r *http.Request) func(*testing.B) {
	return func(b *testing.B) {
		w := nowhere{http.Header{}}
		b.ReportAllocs()
		for b.Loop() {
			handler.ServeHTTP(w, r)
		}
	}
}

// BenchmarkVerify puts what a guarded request costs beside golang-jwt's parser into a map and into a struct, which
// only parse: no route, no context, no strict reading.
func BenchmarkVerify(b *testing.B) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(b, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, alg := range []struct {
		name string
		key  jot.Key
		raw  any
	}{
		{"HS256", jot.HS256(secret), secret},
		{"ES256", jot.PrivateKey("ES256", curve), curve.Public()},
		{"EdDSA", jot.PrivateKey("EdDSA", edwards), edwards.Public()},
		{"RS256", jot.PrivateKey("RS256", rsaKey), crypto.PublicKey(&rsaKey.PublicKey)},
	} {
		traits := []jot.TokenOption{jot.Fresh(), jot.Scopes("read", "write"), jot.Claim("plan", "pro")}
		m, err := jot.New(alg.key, at(now))
		require.NoError(b, err)
		token := access(b, m, traits...)
		b.Run(alg.name+"/jot", serving(m.Required()(nothing), bearer(token)))
		stored, err := jot.New(alg.key, at(now), jot.WithStore(memstore.New()))
		require.NoError(b, err)
		login := pair(b, stored, traits...).AccessToken
		b.Run(alg.name+"/jot with a store", serving(stored.Required()(nothing), bearer(login)))

		clock := jwt.WithTimeFunc(func() time.Time { return now })
		parser := jwt.NewParser(jwt.WithValidMethods([]string{alg.name}), clock)
		key := func(*jwt.Token) (any, error) { return alg.raw, nil }
		b.Run(alg.name+"/golang-jwt map", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parser.ParseWithClaims(token, jwt.MapClaims{}, key); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg.name+"/golang-jwt struct", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parser.ParseWithClaims(token, &jwt.RegisteredClaims{}, key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCreate puts the making of a token beside golang-jwt's of a map.
func BenchmarkCreate(b *testing.B) {
	m := newManager(b)
	b.Run("jot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.CreateAccessToken(ctx, "alice", jot.Fresh(), jot.Claim("plan", "pro")); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("golang-jwt map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			claims := jwt.MapClaims{
				"sub": "alice", "jti": rand.Text(), "type": "access", "iat": 1893456000, "exp": 1893456900,
				"fresh": true, "plan": "pro",
			}
			if _, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRefuse is what a flood of bad requests costs.
func BenchmarkRefuse(b *testing.B) {
	m := newManager(b, jot.WithErrorHandler(func(http.ResponseWriter, *http.Request, error) {}))
	handler := m.Required()(http.NotFoundHandler())
	good := access(b, m)
	for name, raw := range map[string]string{
		"bad signature": good[:len(good)-4] + "AAAA",
		"unknown key":   forge(b, `{"alg":"HS256","kid":"x"}`, `{}`),
		"too long":      string(make([]byte, 1<<20)),
	} {
		b.Run(name, serving(handler, bearer(raw)))
	}
	b.Run("no token", serving(handler, httptest.NewRequest(http.MethodGet, "/", nil)))
}

// BenchmarkRotate is a refresh, store included.
func BenchmarkRotate(b *testing.B) {
	m := newManager(b, jot.WithStore(memstore.New()))
	p := pair(b, m)
	b.ReportAllocs()
	for b.Loop() {
		t, err := m.Verify(ctx, p.RefreshToken, jot.Refresh())
		require.NoError(b, err)
		p, err = m.Rotate(ctx, t)
		require.NoError(b, err)
	}
}
