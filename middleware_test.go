package jot_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// The route × token matrix: which request passes which guard, and what the others are told. The tests follow the steps
// of a request; what they are made of stands below them.

// row is one token at one door, and how it ends.
type row struct {
	name  string
	door  door
	token maker // nothing: no Authorization field
	ends  verdict
}

func run(t *testing.T, rows []row) {
	silence(t)
	for _, tc := range rows {
		t.Run(tc.name, tc.run)
	}
}

func (tc row) run(t *testing.T) {
	g := tc.door.open(t)
	if tc.token == nil {
		g.check(t, authorized(nil), tc.ends)
		return
	}
	raw := tc.token(t, g.Manager)
	refusal := g.check(t, bearer(raw), tc.ends)
	if refusal != nil && len(raw) < 8192 { // a megabyte of dots would only slow the search down
		require.NotContains(t, refusal.Error(), raw)
	}
	// Verify answers as Required does, to what can be asked of it.
	var same []jot.Demand
	for _, o := range tc.door.demands {
		d, ok := o.(jot.Demand)
		if !ok {
			return
		}
		same = append(same, d)
	}
	token, err := g.Verify(ctx, raw, same...)
	tc.ends.later().means(t, err)
	require.Equal(t, err == nil, token != nil)
}

// Find: what is there, and what is not.
func TestRequiredFinds(t *testing.T) {
	for _, tc := range []struct {
		name          string
		authorization []string
		ends          verdict
	}{
		{"no header", fields(), refused(jot.ErrNoToken)},
		{"empty header", fields(""), refused(jot.ErrNoToken)},
		{"another scheme", fields("Basic YWxpY2U6eA=="), refused(jot.ErrNoToken)},
		{"bare token", fields("eyJhbGciOiJIUzI1NiJ9.e30.x"), refused(jot.ErrNoToken)},
		{"longer scheme", fields("BearerX abc"), refused(jot.ErrNoToken)},
		{"scheme alone", fields("Bearer"), refused(jot.ErrBadRequest)},
		{"empty token", fields("Bearer "), refused(jot.ErrBadRequest)},
		{"two words", fields("Bearer a.b.c d"), refused(jot.ErrBadRequest)},
		{"two in a list", fields("Bearer a.b.c, Bearer a.b.c"), refused(jot.ErrBadRequest)},
		{"tab behind the scheme", fields("Bearer\ta.b.c"), refused(jot.ErrBadRequest)},
		{"quoted token", fields(`Bearer "a.b.c"`), refused(jot.ErrBadRequest)},
		{"only padding", fields("Bearer =="), refused(jot.ErrBadRequest)},
		{"padding inside", fields("Bearer a=b"), refused(jot.ErrBadRequest)},
		{"NUL", fields("Bearer a\x00.b.c"), refused(jot.ErrBadRequest)},
		{"latin-1", fields("Bearer a\xe9.b.c"), refused(jot.ErrBadRequest)},
		{"two fields", fields("Bearer a.b.c", "Bearer a.b.c"), refused(jot.ErrBadRequest)},
		{"two fields, one of another scheme", fields("Basic eA==", "Bearer a.b.c"), refused(jot.ErrBadRequest)},
	} {
		t.Run(tc.name, func(t *testing.T) { required().open(t).check(t, authorized(tc.authorization), tc.ends) })
	}
}

func TestRequiredLetsTheSchemeBeWrittenAnyhow(t *testing.T) {
	g := required().open(t)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR   "} {
		t.Run(scheme, func(t *testing.T) { g.check(t, authorized(fields(scheme+access(t, g.Manager))), passes) })
	}
}

func TestRequiredTreatsEveryMethodAlike(t *testing.T) {
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"}
	for _, method := range methods {
		r := by(method, authorized(nil))
		t.Run(method, func(t *testing.T) { required().open(t).check(t, r, refused(jot.ErrNoToken)) })
	}
}

// Optional: no credential is anonymous, and a bad one is refused as ever.
func TestOptional(t *testing.T) {
	optional := required(jot.Optional())
	down := where(jot.WithBlocklist(stubBlocklist{err: errDown}))
	revoking := where(jot.WithTokenInBlocklist(says(true, nil)))
	run(t, []row{
		{"good", optional, made(), passes},
		{"invalid", optional, given("a.b.c"), refused(jot.ErrInvalid)},
		{"expired", optional, aged(time.Hour), refused(jot.ErrExpired)},
		{"revoked", revoking.required(jot.Optional()), made(), refused(jot.ErrRevoked)},
		{"wrong type", optional, refreshToken, refused(jot.ErrWrongType)},
		{"stale", required(jot.Optional(), jot.Fresh()), made(), refused(jot.ErrNotFresh)},
		{"refresh", required(jot.Optional(), jot.Refresh()), refreshToken, passes},
		{"cannot tell", down.required(jot.Optional()), made(), refused(jot.ErrUnavailable)},
	})
	t.Run("malformed", func(t *testing.T) {
		optional.open(t).check(t, authorized(fields("Bearer a b")), refused(jot.ErrBadRequest))
	})
}

func TestOptionalAnonymous(t *testing.T) {
	g := where(users).required(jot.Optional(), jot.Fresh()).open(t)
	for _, nobody := range [][]string{nil, {""}, {"Basic x"}} {
		g.check(t, authorized(nobody), anonymous)
		token, err := admit(g.Manager, authorized(nobody), jot.Optional())
		require.NoError(t, err)
		require.Nil(t, token)
	}
}

// Origin: only a cookie has one to prove, see cookies_test.go.

// Read: the frame, the header, the signature and the payload, in this order.
func TestRequiredReads(t *testing.T) {
	const ownKeys = `{"alg":"HS256","jku":"https://evil.example","jwk":{"kty":"oct","k":"AA"},"x5u":"x","x5c":["x"]}`
	none := encode(`{"alg":"none","typ":"JWT"}`) + "." + encode(`{`+sound+`}`) + "."
	admin := encode(with(`"admin":true`))
	for _, tc := range []struct {
		name  string
		token maker
		ends  verdict
	}{
		// The frame.
		{"1 MB token", given(strings.Repeat("a", 1<<20)), refused(jot.ErrInvalid)},
		{"1 MB of dots", given(strings.Repeat(".", 1<<20)), refused(jot.ErrInvalid)},
		{"8 KiB and one byte", given(strings.Repeat("a", 8193)), refused(jot.ErrInvalid)},
		{"one segment", given("abcd"), refused(jot.ErrInvalid)},
		{"two segments", given("abcd.abcd"), refused(jot.ErrInvalid)},
		{"four segments", tampered(func(p []string) { p[2] += ".x" }), refused(jot.ErrInvalid)},
		{"five segments, as of a JWE", given("a.b.c.d.e"), refused(jot.ErrInvalid)},
		{"leading dot", tampered(func(p []string) { p[0] = "." + p[0] }), refused(jot.ErrInvalid)},
		{"padding", tampered(func(p []string) { p[2] += "=" }), refused(jot.ErrInvalid)},
		{"the other base64", tampered(func(p []string) { p[2] = "+" + p[2][1:] }), refused(jot.ErrInvalid)},
		{"header not base64", tampered(func(p []string) { p[0] = noBase64(p[0]) }), refused(jot.ErrInvalid)},
		{"payload not base64", tampered(func(p []string) { p[1] = noBase64(p[1]) }), refused(jot.ErrInvalid)},
		{"signature not base64", tampered(func(p []string) { p[2] = noBase64(p[2]) }), refused(jot.ErrInvalid)},
		{"spare bits set", tampered(func(p []string) { p[2] = spareBits(p[2]) }), refused(jot.ErrInvalid)},
		{"no signature", tampered(func(p []string) { p[2] = "" }), refused(jot.ErrInvalid)},
		{"no payload", tampered(func(p []string) { p[1] = "" }), refused(jot.ErrInvalid)},

		// The header.
		{"alg none", given(none), refused(jot.ErrInvalid)},
		{"alg none with a signature", headed(`{"alg":"none","typ":"JWT"}`), refused(jot.ErrInvalid)},
		{"alg None", headed(`{"alg":"None"}`), refused(jot.ErrInvalid)},
		{"alg in lower case", headed(`{"alg":"hs256"}`), refused(jot.ErrInvalid)},
		{"no alg", headed(`{"typ":"JWT"}`), refused(jot.ErrInvalid)},
		{"alg a number", headed(`{"alg":256}`), refused(jot.ErrInvalid)},
		{"alg of another key", signed(jwt.SigningMethodRS256, rsaKey), refused(jot.ErrInvalid)},
		{"HS512 by the same secret", signed(jwt.SigningMethodHS512, secret), refused(jot.ErrInvalid)},
		{"alg twice", headed(`{"alg":"HS256","alg":"HS256"}`), refused(jot.ErrInvalid)},
		{"crit", headed(`{"alg":"HS256","crit":["exp"],"exp":1}`), refused(jot.ErrInvalid)},
		{"empty crit", headed(`{"alg":"HS256","crit":[]}`), refused(jot.ErrInvalid)},
		{"b64", headed(`{"alg":"HS256","b64":true}`), refused(jot.ErrInvalid)},
		{"enc", headed(`{"alg":"HS256","enc":"A256GCM"}`), refused(jot.ErrInvalid)},
		{"foreign typ", headed(`{"alg":"HS256","typ":"dpop+jwt"}`), refused(jot.ErrInvalid)},
		{"unknown kid", headed(`{"alg":"HS256","kid":"x"}`), refused(jot.ErrInvalid)},
		{"empty kid", headed(`{"alg":"HS256","kid":""}`), refused(jot.ErrInvalid)},
		{"kid a path", headed(`{"alg":"HS256","kid":"../../dev/null"}`), refused(jot.ErrInvalid)},
		{"kid a number", headed(`{"alg":"HS256","kid":1}`), refused(jot.ErrInvalid)},
		{"header not an object", headed(`["HS256"]`), refused(jot.ErrInvalid)},
		{"header with trailing text", headed(`{"alg":"HS256"} x`), refused(jot.ErrInvalid)},
		{"header nested 5000 deep", headed(`{"alg":"HS256","x":` + nested(2500) + `}`), refused(jot.ErrInvalid)},
		{"header in another spelling", headed("\n{ \"typ\":\"application/jwt\", \"alg\":\"HS256\"}"), passes},
		{"header without typ", headed(`{"alg":"HS256"}`), passes},
		{"header with keys of its own", headed(ownKeys), passes},

		// The signature.
		{"signature of another secret", signed(jwt.SigningMethodHS256, []byte("another")), refused(jot.ErrInvalid)},
		{"payload changed", tampered(func(p []string) { p[1] = admin }), refused(jot.ErrInvalid)},
		{"signature cut short", tampered(func(p []string) { p[2] = p[2][:40] }), refused(jot.ErrInvalid)},

		// The payload.
		{"sound", soundToken, passes},
		{"payload not JSON", holding(`alice`), refused(jot.ErrInvalid)},
		{"payload with trailing text", holding(`{` + sound + `}{}`), refused(jot.ErrInvalid)},
		{"payload not UTF-8", claiming("\"n\":\"\xff\""), refused(jot.ErrInvalid)},
		{"lone surrogate", claiming(`"n":"\ud800"`), refused(jot.ErrInvalid)},
		{"claim twice", claiming(`"sub":"mallory"`), refused(jot.ErrInvalid)},
		{"claim twice by an escape", claiming(`"\u0073ub":"mallory"`), refused(jot.ErrInvalid)},
		{"own claim twice, deep", claiming(`"o":[{"a":1,"a":2}]`), refused(jot.ErrInvalid)},
		{"depth 33", claiming(`"o":` + nested(32)), refused(jot.ErrInvalid)},
		{"depth 32", claiming(`"o":` + nested(31)), passes},
		{"quoted exp", dated(`"exp":"1893456900"`), refused(jot.ErrInvalid)},
		{"exp of 1e19", dated(`"exp":1e19`), refused(jot.ErrInvalid)},
		{"exp of 10000000000000000000", dated(`"exp":10000000000000000000`), refused(jot.ErrInvalid)},
		{"negative exp", dated(`"exp":-1`), refused(jot.ErrInvalid)},
		{"no exp", holding(`{"sub":"alice","jti":"1","type":"access"}`), refused(jot.ErrInvalid)},
		{"EXP", dated(`"EXP":1893456900`), refused(jot.ErrInvalid)},
		{"no type", holding(`{"sub":"alice","jti":"1","exp":1893456900}`), refused(jot.ErrInvalid)},
		{"no jti", holding(`{"sub":"alice","type":"access","exp":1893456900}`), refused(jot.ErrInvalid)},
		{"no sub", holding(`{"jti":"1","type":"access","exp":1893456900}`), refused(jot.ErrInvalid)},
		{"sub a number", holding(`{"sub":7,"jti":"1","type":"access","exp":1893456900}`), refused(jot.ErrInvalid)},
		{"cnf", claiming(`"cnf":{"jkt":"x"}`), refused(jot.ErrInvalid)},
		{"minimal", dated(`"exp":1893456900`), passes},
	} {
		t.Run(tc.name, row{tc.name, required(), tc.token, tc.ends}.run)
	}
}

// A public key is no secret: an HS256 token whose secret is the text of the RSA public key.
func TestRequiredKeyConfusion(t *testing.T) {
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for name, key := range map[string]jot.Key{
		"a private key":     jot.PrivateKey("RS256", rsaKey),
		"one without an id": jot.PrivateKey("RS256", rsaKey).WithID(""),
		"a public key":      jot.PublicKey("RS256", &rsaKey.PublicKey),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := jot.New(key, at(now))
			require.NoError(t, err)
			raw := signed(jwt.SigningMethodHS256, text)(t, m)
			refused(jot.ErrInvalid).answers(t, send(m.Required(), bearer(raw)))
		})
	}
}

// Nothing in the payload is read before the signature holds: the same garbage gets the same answer.
func TestSignatureComesFirst(t *testing.T) {
	for _, payload := range []string{`{` + sound + `}`, `nonsense`, strings.Repeat("[", 4000), `{"exp":1}`} {
		raw := encode(ourHeader) + "." + encode(payload) + "." + encode(strings.Repeat("x", 32))
		refusal := required().open(t).check(t, bearer(raw), refused(jot.ErrInvalid))
		require.EqualError(t, refusal, "jot: token is invalid: signature does not match")
	}
}

// Claims: who issued it, and for whom.
func TestRequiredClaims(t *testing.T) {
	us, api := where(jot.WithIssuer("us")), where(jot.WithAudience("api"))
	run(t, []row{
		{"issuer matches", us, made(), passes},
		{"issuer missing", us, soundToken, refused(jot.ErrInvalid)},
		{"issuer begins alike", us, claiming(`"iss":"us.evil"`), refused(jot.ErrInvalid)},
		{"issuer nobody asked for", required(), claiming(`"iss":"them"`), passes},
		{"audience matches", where(jot.WithAudience("api", "web")), made(), passes},
		{"audience in a list", api, claiming(`"aud":["x","api"]`), passes},
		{"audience of others", api, claiming(`"aud":["x","API"]`), refused(jot.ErrInvalid)},
		{"audience missing", api, soundToken, refused(jot.ErrInvalid)},
		{"audience where none is configured", required(), claiming(`"aud":"api"`), refused(jot.ErrInvalid)},
		{"audience of the route", api.required(jot.Audience("web")), made(jot.Audience("web")), passes},
		{"audience of the manager, not the route", api.required(jot.Audience("web")), made(), refused(jot.ErrInvalid)},
	})
}

// Times: expiry is asked last, so that an expired token has nothing else against it.
func TestRequiredTimes(t *testing.T) {
	const lifetime, leeway = 15 * time.Minute, 30 * time.Second
	exact := where(jot.WithLeeway(0))
	run(t, []row{
		{"last second", required(), aged(lifetime + leeway - time.Second), passes},
		{"expired to the second", required(), aged(lifetime + leeway), refused(jot.ErrExpired)},
		{"expired", required(), aged(time.Hour), refused(jot.ErrExpired)},
		{"no leeway", exact, aged(lifetime), refused(jot.ErrExpired)},
		{"exp with a fraction", exact, dated(`"exp":1893456000.9`), refused(jot.ErrExpired)},
		{"a clock ahead within leeway", required(), aged(-leeway), passes},
		{"a clock ahead beyond leeway", required(), aged(-leeway - time.Second), refused(jot.ErrInvalid)},
		{"nbf within leeway", required(), claiming(`"nbf":1893456030`), passes},
		{"nbf beyond leeway", required(), claiming(`"nbf":1893456031`), refused(jot.ErrInvalid)},
		{"expired and not yet valid", required(), dated(`"exp":1,"nbf":1993456000`), refused(jot.ErrInvalid)},
		{"expired and for others", required(), dated(`"exp":1,"aud":"x"`), refused(jot.ErrInvalid)},
	})
}

// Route: the type of token that it takes.
func TestRequiredTypes(t *testing.T) {
	refresh, either, reset := jot.Refresh(), jot.AccessOrRefresh(), jot.Type("password_reset")
	run(t, []row{
		{"refresh token on an access route", required(), refreshToken, refused(jot.ErrWrongType)},
		{"access token on a refresh route", required(refresh), made(), refused(jot.ErrWrongType)},
		{"refresh token on a refresh route", required(refresh), refreshToken, passes},
		{"unknown type on an access route", required(), ofType("id"), refused(jot.ErrWrongType)},
		{"type in another case", required(), ofType("Access"), refused(jot.ErrWrongType)},
		{"either type, access", required(either), made(), passes},
		{"either type, refresh", required(either), refreshToken, passes},
		{"either type where refresh travels, access", required(refresh, either), made(), passes},
		{"either type is no mailed link", required(either), mailedLink("password_reset"), refused(jot.ErrWrongType)},
		{"mailed link on an access route", required(), mailedLink("password_reset"), refused(jot.ErrWrongType)},
		{"mailed link where it belongs", required(reset), mailedLink("password_reset"), passes},
		{"mailed link of another kind", required(reset), mailedLink("verify_email"), refused(jot.ErrWrongType)},
		{"access token on a route of a type", required(reset), made(), refused(jot.ErrWrongType)},
		{"wrong type before freshness", required(jot.Fresh()), refreshToken, refused(jot.ErrWrongType)},
	})
}

// Route: freshness, age and scopes.
func TestRequiredTraits(t *testing.T) {
	fresh, minute := jot.Fresh(), jot.MaxAge(time.Minute)
	read, write := jot.Scopes("read"), jot.Scopes("write")
	forAMinute := jot.FreshFor(time.Minute)
	tooOld := refused(jot.ErrNotFresh, `max_age="60"`)
	run(t, []row{
		{"fresh", required(fresh), made(fresh), passes},
		{"fresh for a while", required(fresh), aged(time.Minute, forAMinute), passes},
		{"fresh for a while, then not", required(fresh), aged(61*time.Second, forAMinute), refused(jot.ErrNotFresh)},
		{"stale", required(fresh), made(), refused(jot.ErrNotFresh)},
		{"no fresh claim", required(fresh), soundToken, refused(jot.ErrNotFresh)},
		{"fresh of 1", required(fresh), claiming(`"fresh":1`), refused(jot.ErrNotFresh)},
		{"young enough", required(minute), aged(time.Minute, fresh), passes},
		{"too old", required(minute), aged(61*time.Second, fresh), tooOld},
		{"the shorter age counts", required(minute, jot.MaxAge(time.Hour)), aged(5*time.Minute, fresh), tooOld},
		{"age unknown", required(minute), made(), tooOld},
		{"scopes", required(jot.Scopes("read", "write")), made(jot.Scopes("write", "read", "more")), passes},
		{"scopes as an array", required(jot.Scopes("read", "write")), claiming(`"scope":["read","write"]`), passes},
		{"one scope lacks", required(read, write), made(read), lacking("read write")},
		{"no scopes", required(read), made(), lacking("read")},
	})
}

// Revocation: a blocklist, or the application's callback. Who cannot tell never passes, whatever else it said.
func TestRequiredRevocation(t *testing.T) {
	callback := func(ok bool, err error) jot.Option { return jot.WithTokenInBlocklist(says(ok, err)) }
	forbids := jot.WithTokenVerification(says(false, nil))
	list := func(list jot.Blocklist) door { return where(jot.WithBlocklist(list)) }
	down, unasked := stubBlocklist{err: errDown}, jot.InsecureSkipRevocation()
	run(t, []row{
		{"revoked", list(newBlocklist()), revoked, refused(jot.ErrRevoked)},
		{"not revoked", list(newBlocklist()), made(), passes},
		{"revoked, and the route does not ask", list(newBlocklist()).required(unasked), revoked, passes},
		{"error", list(down), made(), refused(jot.ErrUnavailable)},
		{"error and an answer", list(stubBlocklist{true, errDown}), made(), refused(jot.ErrUnavailable)},
		{"error, and the route does not ask", list(down).required(unasked), made(), passes},
		{"callback says revoked", where(callback(true, nil)), made(), refused(jot.ErrRevoked)},
		{"callback says no", where(callback(false, nil)), made(), passes},
		{"callback cannot tell", where(callback(false, errDown)), made(), refused(jot.ErrUnavailable)},
		{"callback cannot tell but says revoked", where(callback(true, errDown)), made(), refused(jot.ErrUnavailable)},
		{"wrong type before revoked", where(callback(true, nil)), refreshToken, refused(jot.ErrWrongType)},
		{"revoked before verification", where(callback(true, nil), forbids), made(), refused(jot.ErrRevoked)},
	})
}

// Revocation: a store knows sessions too. Each row that asks for sessions has a store of its own.
func TestRequiredSessions(t *testing.T) {
	sessions := func(opts ...jot.Option) door {
		return where(jot.WithStore(memstore.New()), jot.Options(opts...))
	}
	broken := where(jot.WithStore(&broken{Store: memstore.New(), at: "check"}))
	strict, refresh, unasked := jot.WithRotationGrace(0), jot.Refresh(), jot.InsecureSkipRevocation()
	admin, read, never := jot.Scopes("admin"), jot.Scopes("read"), jot.Check(says(false, nil))
	ofAnother := func(t testing.TB, _ *jot.Manager) string { return paired(t, newManager(t)) }
	// Who presents a used refresh token ends its session, so it is told something else the second time.
	reused := refused(jot.ErrReused).then(jot.ErrRevoked)
	run(t, []row{
		{"session", sessions(), paired, passes},
		{"session, refresh token", sessions().required(refresh), refreshToken, passes},
		{"session that has ended", sessions(), loggedOut, refused(jot.ErrRevoked)},
		{"session that the store does not know", sessions(), ofAnother, refused(jot.ErrRevoked)},
		{"rotated refresh token", sessions(strict).required(refresh), rotated, reused},
		{"rotated refresh token, just now", sessions().required(refresh), rotated, passes},
		{"rotated, and the route does not ask", sessions(strict).required(refresh, unasked), rotated, passes},
		{"session that has lost the scope", sessions().required(refresh, admin), narrowed, lacking("admin")},
		{"session that has the scope", sessions().required(refresh, read), narrowed, passes},
		{"scope lost, either type", sessions().required(jot.AccessOrRefresh(), admin), narrowed, lacking("admin")},
		{"scope lost, and the route does not ask", sessions().required(refresh, admin, unasked), narrowed, passes},
		{"scope lost, before any check", sessions().required(refresh, admin, never), narrowed, lacking("admin")},
		{"store error", broken, made(), refused(jot.ErrUnavailable)},
		{"store error, refresh token", broken.required(refresh), refreshToken, refused(jot.ErrUnavailable)},
	})
}

// Callbacks: the manager's rules, the route's, and who the user is.
func TestRequiredCallbacks(t *testing.T) {
	verification := func(ok bool, err error) door { return where(jot.WithTokenVerification(says(ok, err))) }
	check := func(ok bool, err error) jot.Demand { return jot.Check(says(ok, err)) }
	otherwise, lacks := errors.Join(errDown, jot.ErrInvalid), jot.ErrInsufficientScope
	run(t, []row{
		{"verification agrees", verification(true, nil), made(), passes},
		{"verification refuses", verification(false, nil), made(), refused(jot.ErrForbidden)},
		{"verification cannot tell", verification(true, errDown), made(), refused(jot.ErrUnavailable)},
		{"verification answers otherwise", verification(false, otherwise), made(), refused(jot.ErrInvalid)},
		{"check agrees", required(check(true, nil)), made(), passes},
		{"check refuses", required(check(true, nil), check(false, nil)), made(), refused(jot.ErrForbidden)},
		{"check cannot tell", required(check(false, errDown)), made(), refused(jot.ErrUnavailable)},
		{"check answers csrf_failed", required(check(false, jot.ErrCSRF)), made(), refused(jot.ErrCSRF)},
		{"check answers token_reused", required(check(false, jot.ErrReused)), made(), refused(jot.ErrReused)},
		{"check answers insufficient_scope", required(check(false, lacks)), made(), refused(lacks)},
		{"user", where(users), subject("alice"), passes},
		{"user gone", where(users), subject("gone"), refused(jot.ErrUserNotFound)},
		{"user cannot be looked up", where(users), subject("bob"), refused(jot.ErrUnavailable)},
		{"check before the user", where(users).required(check(false, nil)), subject("gone"), refused(jot.ErrForbidden)},
	})
}

// Use: a mailed link works once, and not by the methods of programs that scan mail. See TestSingleUse.
func TestRequiredUses(t *testing.T) {
	g := where(jot.WithBlocklist(newBlocklist())).required(jot.Type("reset"), jot.SingleUse()).open(t)
	raw := mailedLink("reset")(t, g.Manager)
	for _, tc := range []struct {
		method string
		ends   verdict
	}{
		{"GET", refused(jot.ErrMethodNotAllowed)},
		{"HEAD", refused(jot.ErrMethodNotAllowed)},
		{"OPTIONS", refused(jot.ErrMethodNotAllowed)},
		{"POST", passes},
		{"POST", refused(jot.ErrRevoked)},
	} {
		g.check(t, by(tc.method, bearer(raw)), tc.ends)
	}
}

// Options in groups, and the realm, which every challenge names.
func TestRequiredGroups(t *testing.T) {
	freshA, shop := jot.RouteOptions(jot.Fresh(), jot.RouteOptions(jot.Scopes("a"))), jot.WithRealm("my shop")
	ours := where(jot.Options(shop, jot.WithIssuer("us")))
	run(t, []row{
		{"realm", where(shop), nothing, refused(jot.ErrNoToken).in("my shop")},
		{"route options", required(freshA), made(jot.TokenOptions(jot.Fresh(), jot.Scopes("a"))), passes},
		{"manager options", ours, soundToken, refused(jot.ErrInvalid).in("my shop")},
	})
}

// Every refusal after the signature knows the token, none before it does, and no such token is evidence.
func TestErrorToken(t *testing.T) {
	silence(t)
	m := newManager(t, jot.WithBlocklist(newBlocklist()))
	for name, token := range map[string]maker{"garbage": given("a.b.c"), "hardly a claim": holding(`{"sub":"alice"}`)} {
		t.Run(name, func(t *testing.T) { require.Nil(t, refusalOf(t, m, token).Token) })
	}
	for name, token := range map[string]maker{
		"expired": aged(time.Hour), "wrong type": refreshToken, "revoked": revoked, "others'": made(jot.Audience("x")),
	} {
		t.Run(name, func(t *testing.T) {
			e := refusalOf(t, m, token)
			require.NotNil(t, e.Token)
			require.Equal(t, "alice", e.Token.Subject)
			_, err := m.CreateAccessToken(ctx, "alice", jot.InSession(e.Token))
			require.ErrorContains(t, err, "not a token that this Manager has verified")
			require.NoError(t, m.Revoke(ctx, e.Token), "but it can be revoked")
		})
	}
	require.True(t, refusalOf(t, m, aged(time.Hour)).Token.Expired())
}

func TestRequiredPanicsOnContradictions(t *testing.T) {
	m := newManager(t)
	for _, tc := range []struct {
		text string
		opts []jot.RouteOption
	}{
		{"Refresh and Type", demands(jot.Refresh(), jot.Type("x"))},
		{"Type and AccessOrRefresh", demands(jot.Type("x"), jot.AccessOrRefresh())},
		{"Refresh and Fresh", demands(jot.Refresh(), jot.Fresh())},
		{"Refresh and Fresh", demands(jot.Refresh(), jot.AccessOrRefresh(), jot.Fresh())},
		{"Refresh and MaxAge", demands(jot.Refresh(), jot.MaxAge(time.Minute))},
		{"two Types", demands(jot.Type("x"), jot.Type("y"))},
		{"Scopes: name at least one", demands(jot.Scopes())},
		{`Scopes: "a b" is not a scope`, demands(jot.Scopes("a b"))},
		{`Scopes: "" is not a scope`, demands(jot.Scopes(""))},
		{`is not a scope`, demands(jot.Scopes(`a"b`))},
		{`is not a scope`, demands(jot.Scopes("é"))},
		{"Audience: name at least one", demands(jot.Audience())},
		{"Audience: a name is empty", demands(jot.Audience(""))},
		{"Except: name at least one", demands(jot.Except())},
		{"Except:", demands(jot.Except("GET x"))},
		{"Except:", demands(jot.Except(""))},
		{"Except:", demands(jot.Except("/{a}/x", "/x/{b}"))},
		{"MaxAge: 0s is less than a second", demands(jot.MaxAge(0))},
		{"Check: the function is nil", demands(jot.Check(nil))},
		{`Type: "access" is made by`, demands(jot.Type("access"))},
		{`Type: "refresh" is made by`, demands(jot.Type("refresh"))},
		{"Type: the name is empty", demands(jot.Type(""))},
		{"Type: the name is empty, longer", demands(jot.Type(strings.Repeat("x", 65)))},
		{"an option is nil", demands(nil)},
	} {
		t.Run(tc.text, func(t *testing.T) {
			panicked := panicOf(func() { m.Required(tc.opts...) })
			require.Contains(t, panicked, "jot: Required: ")
			require.Contains(t, panicked, tc.text)
			require.Contains(t, panicOf(func() { m.Guard(tc.opts...) }), tc.text)
		})
	}
	_, err := m.Verify(ctx, access(t, m), jot.Refresh(), jot.Fresh())
	require.ErrorContains(t, err, "Refresh and Fresh")
	require.PanicsWithValue(t, "jot: the handler behind a guard is nil", func() { m.Required()(nil) })
	require.Panics(t, func() { new(jot.Manager).Required() })
}

func TestExcept(t *testing.T) {
	m := newManager(t)
	guard := m.Required(jot.Except("/public/", "GET /one", "POST /login", "/items/{id}", "files.example/"))
	// request has its target as net/http reads it from a request line.
	request := func(line string) *http.Request {
		method, target, _ := strings.Cut(line, " ")
		u, err := url.ParseRequestURI(target)
		require.NoError(t, err)
		r := by(method, authorized(nil))
		r.URL = u
		return r
	}
	for _, line := range []string{
		"GET /public/", "DELETE /public/a/b", "OPTIONS /public/x",
		"GET /public/a%20b", "GET /public/caf%C3%A9", "GET /public/a.b", "GET /public/...",
		"GET /one", "HEAD /one", "GET /one?next=../admin", "POST /login", "GET /items/7",
	} {
		t.Run(line, func(t *testing.T) { anonymous.answers(t, send(guard, request(line))) })
	}
	for _, line := range []string{
		// Other paths, and /public, which ServeMux would only redirect.
		"GET /", "GET /admin", "GET /publicx", "GET /Public/", "GET /public", "GET /%70ublic/x",
		"GET /one/", "GET /items/", "GET /items/7/8", "GET /items/7%2f8",
		// Other methods, and CONNECT, whose path ServeMux does not clean.
		"POST /one", "GET /login", "post /login", "CONNECT /public/x", "CONNECT /public/../admin",
		// Dot segments, written in every way.
		"GET /public/../admin", "GET /public/./x", "GET /public/..", "GET /public/a/%2e", "GET /public/a%2eb",
		"GET /public/%2e%2e/admin", "GET /public/%2E%2E/admin", "GET /public/.%2e/admin", "GET /public/..%2fadmin",
		"GET /public/%252e%252e/admin", "GET /public/%c0%ae%c0%ae/admin",
		// Slashes, backslashes and semicolons, which what stands behind may read otherwise.
		"GET /public//admin", "GET //public/x", "GET /public/%2fadmin", `GET /public/..\admin`,
		"GET /public/..%5cadmin", "GET /public/..;/admin", "GET /public/..%3b/admin", "GET /public/;/admin",
		"GET /public/x;a=b",
		// Control characters.
		"GET /public/%00", "GET /public/%0d%0a", "GET /public/%7f",
	} {
		t.Run(line, func(t *testing.T) { refused(jot.ErrNoToken).answers(t, send(guard, request(line))) })
	}
	for name, tc := range map[string]struct {
		change func(*http.Request)
		ends   verdict
	}{
		"a host's pattern":  {func(r *http.Request) { r.Host, r.URL.Path = "files.example", "/x" }, anonymous},
		"another host":      {func(r *http.Request) { r.Host, r.URL.Path = "a.test", "/x" }, refused(jot.ErrNoToken)},
		"an opaque URL":     {func(r *http.Request) { r.URL.Opaque = "opaque" }, refused(jot.ErrNoToken)},
		"no path":           {func(r *http.Request) { r.URL.Path = "" }, refused(jot.ErrNoToken)},
		"a path of *":       {func(r *http.Request) { r.URL.Path = "*" }, refused(jot.ErrNoToken)},
		"no slash in front": {func(r *http.Request) { r.URL.Path = "public/x" }, refused(jot.ErrNoToken)},
		// An exempt request is not looked at, and carries nobody.
		"a bad token": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer nonsense") }, anonymous},
	} {
		t.Run(name, func(t *testing.T) {
			r := request("GET /public/x")
			tc.change(r)
			tc.ends.answers(t, send(guard, r))
		})
	}
}

// The paths that Except must not exempt, through a real server and a mux that routes them.
func TestExceptOnTheWire(t *testing.T) {
	m := newManager(t)
	reached := ""
	mux := http.NewServeMux()
	mux.HandleFunc("/public/", func(_ http.ResponseWriter, r *http.Request) { reached = "public " + r.URL.Path })
	mux.HandleFunc("/admin", func(http.ResponseWriter, *http.Request) { reached = "admin" })
	server := httptest.NewServer(m.Required(jot.Except("/public/"))(mux))
	defer server.Close()
	for path, want := range map[string]string{
		"/public/x": "public /public/x", "/admin": "", "//admin": "", "/public/../admin": "",
		"/public/%2e%2e/admin": "", "/public/..%2fadmin": "", "/public/..;/admin": "",
	} {
		reached = ""
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		r.URL.Opaque = path // sent as it stands
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, reached, path)
	}
}

// Within another guard the token is not asked twice, but the inner guard has demands of its own.
func TestNested(t *testing.T) {
	lookups, asked, verified := 0, 0, 0
	var refusal error
	m := newManager(t,
		jot.WithUserLookup(func(context.Context, *jot.Token) (string, error) { lookups++; return "Alice", nil }),
		jot.WithTokenInBlocklist(func(context.Context, *jot.Token) (bool, error) { asked++; return false, nil }),
		jot.WithTokenVerification(func(context.Context, *jot.Token) (bool, error) { verified++; return true, nil }),
		jot.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) {
			refusal = err
			jot.DefaultErrorHandler(w, r, err)
		}),
	)
	raw := access(t, m, jot.Scopes("a"))
	a, b := m.Required(jot.Scopes("a")), m.Required(jot.Scopes("b"))
	optional, unasked := m.Required(jot.Optional()), m.Required(jot.InsecureSkipRevocation())
	swapped := func(next http.Handler) http.Handler { // the credential that the inner guard sees
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+raw+"x")
			m.Required()(next).ServeHTTP(w, r)
		})
	}
	for _, tc := range []struct {
		name         string
		outer, inner func(http.Handler) http.Handler
		token        string
		ends         verdict
		times        int // that each callback is asked
	}{
		{"asked once", m.Required(), a, raw, passes, 1},
		{"the inner guard's own demand", m.Required(), b, raw, lacking("b"), 1},
		{"the inner guard asks what the outer left out", unasked, m.Required(), raw, passes, 1},
		{"anonymous is not enough within", optional, m.Required(), "", refused(jot.ErrNoToken), 0},
		{"another credential is verified anew", m.Required(), swapped, raw, refused(jot.ErrInvalid), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lookups, asked, verified, refusal = 0, 0, 0, nil
			r := bearer(tc.token)
			if tc.token == "" {
				r = authorized(nil)
			}
			tc.ends.answers(t, send(func(h http.Handler) http.Handler { return tc.outer(tc.inner(h)) }, r))
			tc.ends.means(t, refusal)
			require.Equal(t, []int{tc.times, tc.times, tc.times}, []int{lookups, asked, verified})
			if e, ok := errors.AsType[*jot.Error](refusal); ok && e.Token != nil {
				_, err := m.CreateAccessToken(ctx, "alice", jot.InSession(e.Token))
				require.ErrorContains(t, err, "not a token that this Manager has verified", "but for the outer guard")
			}
		})
	}
}

// A logger outside reads the pattern of the mux where the mux would have put it without a guard between.
func TestPatternIsGivenBack(t *testing.T) {
	m := newManager(t)
	required, optional := m.Required(), m.Required(jot.Optional())
	elsewhere, exempt := m.Required(jot.Except("/other/")), m.Required(jot.Except("GET /items/{id}"))
	alice, nobody := bearer(access(t, m)), authorized(nil)
	for _, tc := range []struct {
		name    string
		guards  []func(http.Handler) http.Handler // from the outside
		r       *http.Request
		path    string
		pattern string
	}{
		{"without a guard", within(), nobody, "/items/1", "GET /items/{id}"},
		{"behind a guard", within(required), alice, "/items/1", "GET /items/{id}"},
		{"behind two guards", within(optional, required), alice, "/items/1", "GET /items/{id}"},
		{"behind a guard that saw nobody", within(optional), nobody, "/items/1", "GET /items/{id}"},
		{"behind a guard that looked away", within(exempt), nobody, "/items/1", "GET /items/{id}"},
		{"behind a guard that looks away elsewhere", within(elsewhere), alice, "/items/1", "GET /items/{id}"},
		{"where there is nothing", within(required), alice, "/nothing", ""},
		{"refused", within(required), nobody, "/items/1", ""},
		{"a handler that panics", within(recovering, required), alice, "/panics", "GET /panics"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /items/{id}", func(http.ResponseWriter, *http.Request) {})
			mux.HandleFunc("GET /panics", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			var handler http.Handler = mux
			for i := len(tc.guards); i > 0; i-- {
				handler = tc.guards[i-1](handler)
			}
			r := tc.r.Clone(ctx)
			r.URL.Path = tc.path
			answerOf(handler, r)
			require.Equal(t, tc.pattern, r.Pattern)
		})
	}
}

// One tree of guards serves all requests at once, and mixes nothing up: whose token, whose user, whose cookies.
func TestGoroutinesShareGuards(t *testing.T) {
	w := newWorld(t, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions(),
		jot.WithUserLookup(func(_ context.Context, t *jot.Token) (string, error) { return "user " + t.Subject, nil }))
	services, err := jot.New(jot.HS256([]byte(strings.Repeat("s.", 32))), at(now.Add(11*time.Minute)),
		jot.WithHeader("X-Service", ""))
	require.NoError(t, err)
	const clients, rounds = 8, 40
	requests := make([]*http.Request, clients)
	for i := range requests {
		name := strconv.Itoa(i)
		b := newBrowser(t)
		p, err := w.CreatePair(ctx, name, jot.Scopes("read"))
		require.NoError(t, err)
		b.receive(w.Manager, p)
		service, err := services.CreateAccessToken(ctx, "service "+name)
		require.NoError(t, err)
		requests[i] = b.request("GET", "/", setHeader("X-Service", service), setHeader("X-Want", name))
	}
	w.now = w.now.Add(11 * time.Minute)
	optional, required := w.Required(jot.Optional(), jot.Except("/public/")), w.Required(jot.Scopes("read"))
	handler := optional(services.Required()(required(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		user, _ := jot.CurrentUser[string](r.Context())
		service, _ := services.FromContext(r.Context())
		_, _ = io.WriteString(rw, jot.Identity(r.Context())+", "+user+", "+service.Subject)
	}))))
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			for round := range rounds {
				r := requests[(i+round)%clients].Clone(ctx)
				name, got := r.Header.Get("X-Want"), answerOf(handler, r)
				if want := name + ", user " + name + ", service " + name; got.Body.String() != want {
					t.Errorf("%s instead of %s", got.Body, want)
				}
				cookies := got.Result().Cookies()
				if len(cookies) != 2 {
					t.Errorf("%d cookies", len(cookies))
					return
				}
				if _, claims, _ := jot.InsecureDecode(cookies[0].Value); claims["sub"] != name {
					t.Errorf("a cookie of %v instead of %s", claims["sub"], name)
				}
			}
		})
	}
	group.Wait()
}

func TestTwoManagers(t *testing.T) {
	staff, err := jot.New(jot.HS256([]byte(strings.Repeat("s.", 16))), at(now), jot.WithRealm("staff"))
	require.NoError(t, err)
	public := newManager(t, users)
	// Each has keys of its own.
	refused(jot.ErrInvalid).in("staff").answers(t, send(staff.Required(), bearer(access(t, public))))

	staffToken := subject("bob")(t, staff)
	handler := public.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+staffToken)
		staff.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			inner, ok := staff.FromContext(r.Context())
			require.True(t, ok)
			require.Equal(t, "bob", inner.Subject)
			outer, ok := public.FromContext(r.Context())
			require.True(t, ok)
			require.Equal(t, "alice", outer.Subject)
			require.Equal(t, "bob", jot.Identity(r.Context()), "the innermost")
			_, ok = jot.CurrentUser[string](r.Context())
			require.False(t, ok, "alice's user is not bob's")
			_, ok = newManager(t).FromContext(r.Context())
			require.False(t, ok)
		})).ServeHTTP(httptest.NewRecorder(), r)
	}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, bearer(access(t, public)))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
}

// An adapter does with its own hands what Required does.
func TestAdmitAsASeam(t *testing.T) {
	m := newManager(t, users)
	guard := m.Guard(jot.Optional())
	adapter := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		admitted, err := guard.Admit(w, r)
		if err != nil {
			require.Nil(t, admitted)
			m.WriteError(w, r, err)
			return w
		}
		user, _ := jot.CurrentUser[string](admitted.Context())
		_, _ = io.WriteString(w, jot.Identity(admitted.Context())+"/"+user)
		return w
	}
	require.Equal(t, "alice/Alice", adapter(bearer(access(t, m))).Body.String())
	require.Equal(t, "/", adapter(authorized(nil)).Body.String())
	refused(jot.ErrInvalid).answers(t, &answer{ResponseRecorder: adapter(bearer("x"))})
}

// door is a manager and a route, as they are configured: where(…) the manager, required(…) the route.
type door struct {
	options []jot.Option
	demands []jot.RouteOption
}

func where(opts ...jot.Option) door            { return door{options: opts} }
func required(demands ...jot.RouteOption) door { return door{demands: demands} }

func (d door) required(demands ...jot.RouteOption) door { return door{d.options, demands} }

// gate is a door that stands.
type gate struct {
	*jot.Manager

	guard   func(http.Handler) http.Handler
	refusal error // the last one
}

func (d door) open(t *testing.T) *gate {
	t.Helper()
	g := new(gate)
	onError := jot.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) {
		g.refusal = err
		_, found := jot.FromContext(r.Context())
		require.False(t, found, "claims of a refused token in the context")
		jot.DefaultErrorHandler(w, r, err)
	})
	g.Manager = newManager(t, append(options(onError), d.options...)...)
	g.guard = g.Required(d.demands...)
	return g
}

// check sends a request to the gate, asserts that it ends so, and returns the refusal.
func (g *gate) check(t *testing.T, r *http.Request, ends verdict) error {
	t.Helper()
	g.refusal = nil
	got := send(g.guard, r)
	ends.answers(t, got)
	ends.means(t, g.refusal)
	for _, field := range r.Header["Authorization"] {
		if credential := strings.TrimPrefix(field, "Bearer "); credential != "" && ends.sentinel != nil {
			require.NotContains(t, got.Body.String(), credential, "reflected")
		}
	}
	return g.refusal
}

// refusalOf has Verify refuse a token, and returns the facts.
func refusalOf(t *testing.T, m *jot.Manager, token maker) *jot.Error {
	t.Helper()
	_, err := m.Verify(ctx, token(t, m))
	var e *jot.Error
	require.ErrorAs(t, err, &e)
	return e
}

func fields(authorization ...string) []string { return authorization }

// authorized is a request with these Authorization fields.
func authorized(fields []string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if len(fields) > 0 {
		r.Header["Authorization"] = fields
	}
	return r
}

func by(method string, r *http.Request) *http.Request {
	r.Method = method
	return r
}

// nothing is no token at all.
var nothing maker

// forged is a token of any text, by the manager's own secret.
func forged(header, payload string) maker {
	return func(t testing.TB, _ *jot.Manager) string { return forge(t, header, payload) }
}

var soundToken = holding(`{` + sound + `}`)

func headed(header string) maker   { return forged(header, `{`+sound+`}`) }
func holding(payload string) maker { return forged(ourHeader, payload) }

// claiming is a sound token that claims more.
func claiming(more string) maker { return holding(with(more)) }

// dated is a token of the least claims, for which exp is still to be given.
func dated(dates string) maker {
	return holding(`{"sub":"alice","jti":"1","type":"access",` + dates + `}`)
}

func ofType(name string) maker {
	return holding(`{"sub":"alice","jti":"1","type":"` + name + `","exp":1893456900}`)
}

// signed is a sound token that another key has signed, by its own algorithm.
func signed(method jwt.SigningMethod, key any) maker {
	return func(t testing.TB, _ *jot.Manager) string {
		return forgeWith(t, method, key, `{"alg":"`+method.Alg()+`","typ":"JWT"}`, `{`+sound+`}`)
	}
}

// tampered is a token of which somebody has changed a part.
func tampered(change func(parts []string)) maker {
	return func(t testing.TB, m *jot.Manager) string {
		parts := strings.Split(access(t, m), ".")
		change(parts)
		return strings.Join(parts, ".")
	}
}

// noBase64 cuts a part to a length that no base64 text has: one more than a multiple of four.
func noBase64(part string) string { return part[:len(part)/4*4-3] }

// spareBits sets a bit in the last character which no byte needs (RFC 4648 section 3.5).
func spareBits(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(part) - 1
	return part[:last] + string(alphabet[strings.IndexByte(alphabet, part[last])+1])
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func subject(name string) maker {
	return func(t testing.TB, m *jot.Manager) string {
		raw, err := m.CreateAccessToken(ctx, name)
		require.NoError(t, err)
		return raw
	}
}

func mailedLink(name string) maker {
	return func(t testing.TB, m *jot.Manager) string {
		raw, err := m.CreateToken(ctx, "alice", jot.Type(name))
		require.NoError(t, err)
		return raw
	}
}

func accepted(t testing.TB, m *jot.Manager, raw string, demands ...jot.Demand) *jot.Token {
	t.Helper()
	token, err := m.Verify(ctx, raw, demands...)
	require.NoError(t, err)
	return token
}

func revoked(t testing.TB, m *jot.Manager) string {
	t.Helper()
	raw := access(t, m)
	require.NoError(t, m.Revoke(ctx, accepted(t, m, raw)))
	return raw
}

// paired is the access token of a session.
func paired(t testing.TB, m *jot.Manager) string { t.Helper(); return pair(t, m).AccessToken }

func loggedOut(t testing.TB, m *jot.Manager) string {
	t.Helper()
	raw := paired(t, m)
	require.NoError(t, m.RevokeSession(ctx, accepted(t, m, raw)))
	return raw
}

// rotated is a refresh token that has been used.
func rotated(t testing.TB, m *jot.Manager) string {
	t.Helper()
	raw := refreshToken(t, m)
	_, err := m.Rotate(ctx, accepted(t, m, raw, jot.Refresh()))
	require.NoError(t, err)
	return raw
}

// narrowed is a refresh token of two scopes, of a session that has but one of them by now.
func narrowed(t testing.TB, m *jot.Manager) string {
	t.Helper()
	raw := pair(t, m, jot.Scopes("admin", "read")).RefreshToken
	_, err := m.Rotate(ctx, accepted(t, m, raw, jot.Refresh()), jot.Scopes("read"))
	require.NoError(t, err)
	return raw
}

// A look-up that finds nobody and forgets to say so lets nobody in.
func TestUserIsNobody(t *testing.T) {
	type (
		empty struct{}
		user  struct {
			Name string
			at   *time.Time
		}
	)
	for name, tc := range map[string]struct {
		lookup jot.Option
		passes bool
	}{
		"a nil pointer":           {finds[*user](nil), false},
		"nil":                     {finds[any](nil), false},
		"a zero struct":           {finds(user{}), false},
		"in an any":               {finds[any](user{}), false},
		"a struct":                {finds(user{Name: "a"}), true},
		"with one hidden field":   {finds(user{at: new(time.Time)}), true},
		"a pointer to a zero one": {finds(&user{}), true},
		"one without fields":      {finds(empty{}), true},
		"no name":                 {finds(""), true},
		"no number":               {finds(0), true},
		"an array":                {finds([2]user{}), true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, tc.lookup)
			got := send(m.Required(), bearer(access(t, m)))
			require.Equal(t, tc.passes, got.called)
			if !tc.passes {
				require.Equal(t, "user_not_found", got.code(t))
			}
		})
	}
}

// finds is a look-up that always finds the same.
func finds[T any](user T) jot.Option {
	return jot.WithUserLookup(func(context.Context, *jot.Token) (T, error) { return user, nil })
}

// Whichever callback it was that failed, the operator learns its name, and errors.Is what it said.
func TestCallbacksThatFailAreNamed(t *testing.T) {
	adds := func(context.Context, *jot.Token) (map[string]any, error) { return nil, errDown }
	narrows := func(context.Context, *jot.Token) ([]string, error) { return nil, errDown }
	looks := func(context.Context, *jot.Token) (any, error) { return nil, errDown }
	for name, tc := range map[string]struct {
		option jot.Option
		demand []jot.Demand
	}{
		"WithTokenInBlocklist":  {jot.WithTokenInBlocklist(says(false, errDown)), nil},
		"WithTokenVerification": {jot.WithTokenVerification(says(true, errDown)), nil},
		"WithUserLookup":        {jot.WithUserLookup(looks), nil},
		"WithAdditionalClaims":  {jot.WithAdditionalClaims(adds), nil},
		"WithAdditionalHeaders": {jot.WithAdditionalHeaders(adds), nil},
		"WithScopes":            {jot.WithScopes(narrows), nil},
		"Check":                 {jot.Options(), []jot.Demand{jot.Check(says(true, errDown))}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newManager(t, tc.option).Verify(ctx, access(t, newManager(t)), tc.demand...)
			if err == nil { // it makes tokens
				_, err = newManager(t, tc.option).CreateAccessToken(ctx, "alice")
			}
			require.ErrorIs(t, err, jot.ErrUnavailable)
			require.ErrorIs(t, err, errDown)
			require.EqualError(t, err, jot.ErrUnavailable.Error()+": "+name+": "+errDown.Error())
		})
	}
	m := newManager(t, jot.WithTokenVerification(says(true, jot.ErrForbidden)))
	_, err := m.Verify(ctx, access(t, m))
	require.ErrorIs(t, err, jot.ErrForbidden, "a sentinel is an answer, whoever wraps it")
}
