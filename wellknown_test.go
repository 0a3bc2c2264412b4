package jot_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// published asks for the published keys.
func published(h http.Handler, method, tag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/.well-known/jwks.json", nil)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// What an issuer publishes is enough for another service, and too little to sign.
func TestPublishedKeys(t *testing.T) {
	set := keySet(t, jot.PrivateKey("EdDSA", edKey),
		jot.PrivateKey("RS256", rsaKey), jot.PrivateKey("PS256", rsaKey),
		jot.PublicKey("ES256", &ecKey.PublicKey).WithID("old"))
	issuer := manager(t, set, jot.WithVerificationKeys(jot.HS256(secret)))
	h := issuer.JWKSHandler()

	first := published(h, "GET", "")
	require.Equal(t, 200, first.Code)
	require.Equal(t, "application/jwk-set+json", first.Header().Get("Content-Type"))
	require.Equal(t, "public, max-age=300", first.Header().Get("Cache-Control"))
	require.Equal(t, first.Body.String(), published(h, "GET", "").Body.String(), "the same order each time")
	var body struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(first.Body.Bytes(), &body))
	names := []string{}
	for _, k := range body.Keys {
		names = append(names, k["kty"]+" "+k["alg"]+" "+k["use"])
		require.NotEmpty(t, k["kid"])
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			require.NotContains(t, k, private)
		}
	}
	require.Equal(t, []string{"OKP EdDSA sig", "EC ES256 sig", "RSA PS256 sig", "RSA RS256 sig"}, sorted(names))

	service := manager(t, must(jot.ParseJWKS(first.Body.Bytes())))
	require.True(t, accepts(t, service, issuer))
	require.True(t, accepts(t, service, manager(t, jot.PrivateKey("PS256", rsaKey))))
	require.True(t, accepts(t, service, manager(t, jot.PrivateKey("ES256", ecKey).WithID("old"))))
	_, err := service.CreateAccessToken(ctx, "alice")
	require.Error(t, err, "it only verifies")

	// Whoever has them asks whether they have changed.
	tag := first.Header().Get("Etag")
	require.Equal(t, 304, published(h, "GET", tag).Code)
	head := published(h, "HEAD", "")
	require.Equal(t, 200, head.Code)
	require.Empty(t, head.Body.String())
	require.Equal(t, tag, head.Header().Get("Etag"))
	require.NoError(t, set.Retire(jot.PrivateKey("PS256", rsaKey)))
	changed := published(h, "GET", tag)
	require.Equal(t, 200, changed.Code)
	require.NotEqual(t, tag, changed.Header().Get("Etag"))
	require.NotContains(t, changed.Body.String(), "PS256")
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE"} {
		got := published(h, method, "")
		require.Equal(t, 405, got.Code, method)
		require.Equal(t, "GET, HEAD", got.Header().Get("Allow"))
	}
	require.NotContains(t, changed.Body.String(), "oct", "no secret, wherever one is")
}

func sorted(names []string) []string {
	byAlg := map[string]string{}
	for _, name := range names {
		byAlg[strings.Fields(name)[1]] = name
	}
	return []string{byAlg["EdDSA"], byAlg["ES256"], byAlg["PS256"], byAlg["RS256"]}
}

// A key that has ended is published no more, and secrets never are.
func TestWhatIsNotPublished(t *testing.T) {
	ending := jot.PublicKey("ES256", &ecKey.PublicKey).WithEnd(now.Add(time.Hour))
	set := keySet(t, jot.PrivateKey("EdDSA", edKey), ending)
	for hours, alg := range []string{"ES256", "EdDSA"} {
		m := must(jot.New(set, at(now.Add(time.Duration(hours)*time.Hour))))
		text := published(m.JWKSHandler(), "GET", "").Body.String()
		require.Contains(t, text, alg)
		require.Equal(t, hours == 0, strings.Contains(text, "ES256"))
	}
	require.PanicsWithValue(t, "jot: JWKSHandler: the keys are secrets: whoever reads one can sign",
		func() { manager(t, jot.HS256(secret)).JWKSHandler() })
	ask := jot.Keyfunc(func(*jwt.Token) (any, error) { return &ecKey.PublicKey, nil }, "ES256")
	require.PanicsWithValue(t, "jot: JWKSHandler: a Keyfunc does not say which keys it has",
		func() { manager(t, ask).JWKSHandler() })

	text, err := jot.HS256(secret).JWK()
	require.ErrorContains(t, err, "jot: JWK: a secret has no public half")
	require.Empty(t, text)
	_, err = jot.Key{}.JWK()
	require.ErrorContains(t, err, "the key is empty")
}

// Keys of the RFCs, as they stand there.
const (
	rfc8037Private = `{"kty":"OKP","crv":"Ed25519",
		"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc8037Public  = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc8037ID      = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	rfc7515Private = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
		"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
	rfc7515Secret = `{"kty":"oct","alg":"HS256",
		"k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
)

func TestParseJWK(t *testing.T) {
	key := must(jot.ParseJWK([]byte(rfc8037Private)))
	require.Equal(t, rfc8037ID, key.ID())
	require.Equal(t, rfc8037ID, must(jot.ParseJWK([]byte(rfc8037Public))).ID())
	require.JSONEq(t, strings.TrimSuffix(rfc8037Public, "}")+`,"alg":"EdDSA","use":"sig","kid":"`+rfc8037ID+`"}`,
		string(must(key.JWK())))
	issuer, service := manager(t, key), manager(t, must(jot.ParseJWK([]byte(rfc8037Public))))
	require.True(t, accepts(t, service, issuer))
	_, err := service.CreateAccessToken(ctx, "alice")
	require.Error(t, err)
	named := strings.Replace(rfc8037Private, `{`, `{"kid":"k1","key_ops":["sign"],"x5t":"ignored",`, 1)
	require.Equal(t, "k1", must(jot.ParseJWK([]byte(named))).ID())
	for _, text := range []string{rfc7515Private, rfc7515Secret} {
		own := manager(t, must(jot.ParseJWK([]byte(text))))
		require.True(t, accepts(t, own, own))
	}

	// Whatever is written comes back.
	curve := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	for _, key := range []jot.Key{
		jot.PrivateKey("RS512", rsaKey), jot.PrivateKey("PS384", rsaKey), jot.PrivateKey("ES256", ecKey),
		jot.PrivateKey("ES512", curve), jot.PrivateKey("EdDSA", edKey).WithID(`"odd" <id>`),
	} {
		back := must(jot.ParseJWK(must(key.JWK())))
		require.Equal(t, key.ID(), back.ID())
		require.True(t, accepts(t, manager(t, back), manager(t, key)))
	}
}

func TestParseJWKRefuses(t *testing.T) {
	ec := func(old, with string) string {
		text := strings.Replace(rfc7515Private, old, with, 1)
		if text == rfc7515Private {
			panic(old)
		}
		return text
	}
	const unknown, pair = "it is for no signature that is known here", `{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"`
	for name, tc := range map[string]struct{ text, says string }{
		"nothing":             {"", "not one well-formed JSON object"},
		"no object":           {"[]", "not one well-formed JSON object"},
		"a member twice":      {`{"kty":"oct","kty":"RSA"}`, "a member twice"},
		"no kty":              {`{"alg":"HS256"}`, "there is no kty"},
		"another kind":        {`{"kty":"AKP"}`, unknown},
		"for encryption":      {ec(`{`, `{"use":"enc",`), unknown},
		"for other work":      {ec(`{`, `{"key_ops":["deriveKey"],`), unknown},
		"ops of no names":     {ec(`{`, `{"key_ops":"sign",`), "key_ops is no list of names"},
		"another curve":       {ec("P-256", "secp256k1"), unknown},
		"for agreement":       {strings.Replace(rfc8037Public, "Ed25519", "X25519", 1), unknown},
		"off the curve":       {ec("f83O", "f83A"), "x and y are no point of the curve"},
		"a longer number":     {ec(`"x":"`, `"x":"AA`), "x is missing, or not base64url"},
		"padding":             {ec("RVEU", "RVEU="), "x is missing, or not base64url"},
		"another spelling":    {ec("RVEU", "RVEV"), "x is missing, or not base64url"},
		"no string":           {`{"kty":"EC","crv":"P-256","x":1}`, "x is no string"},
		"another's d":         {ec("jpsQ", "jpsA"), "d is not the private half of x and y"},
		"another alg":         {ec(`{`, `{"alg":"RS256",`), "not for RS256"},
		"another curve's alg": {ec(`{`, `{"alg":"ES384",`), "the EC key is on P-256, ES384 wants P-384"},
		"an unknown alg":      {ec(`{`, `{"alg":"ES999",`), "alg is none that its kty is for"},
		"HMAC by a pair":      {ec(`{`, `{"alg":"HS256",`), "alg is none that its kty is for"},
		"a secret for pairs":  {strings.Replace(rfc7515Secret, "HS256", "ES256", 1), "alg is none that its kty is for"},
		"a secret of no alg":  {strings.Replace(rfc7515Secret, `"alg":"HS256",`, "", 1), "a secret without alg"},
		"a short secret":      {`{"kty":"oct","alg":"HS256","k":"AAECAw"}`, "the secret has 4 bytes"},
		"half an Ed25519 key": {strings.Replace(rfc8037Public, "11qY", "", 1), "x is"},
		"another's seed":      {strings.Replace(rfc8037Private, "nWGx", "nWGA", 1), "d is not the private half of x"},
		"a great exponent":    {`{"kty":"RSA","n":"AQAB","e":"AQAAAAAAAAAB"}`, "e is too large"},
		"a short RSA key":     {`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, "the RSA key has 17 bits"},
		"half a private key":  {pair + `}`, "p is missing"},
		"many primes":         {pair + `,"p":"Aw","q":"Aw","oth":[]}`, "more than two primes"},
		"no RSA key":          {pair + `,"p":"Aw","q":"Aw"}`, "jot: ParseJWK:"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := jot.ParseJWK([]byte(tc.text))
			require.ErrorContains(t, err, "jot: ParseJWK: ")
			require.ErrorContains(t, err, tc.says)
			require.NotContains(t, err.Error(), "jpsQ")
			_, err = jot.New(key)
			require.Error(t, err)
		})
	}
}

func TestParseJWKS(t *testing.T) {
	public := string(must(jot.PrivateKey("ES256", ecKey).JWK()))
	bare := strings.Replace(rfc8037Public, `{`, `{"alg":"EdDSA",`, 1)
	others := `{"kty":"AKP"},{"kty":"EC","crv":"secp256k1"},{"kty":"RSA","use":"enc"},{"kty":"RSA","alg":"RSA-OAEP",` +
		`"n":"AQAB","e":"AQAB"}`
	set := must(jot.ParseJWKS([]byte(`{"keys":[` + others + `,` + public + `,` + bare + `],"more":1}`)))
	m := manager(t, set)
	require.True(t, accepts(t, m, manager(t, jot.PrivateKey("ES256", ecKey))))
	rfc := must(jot.ParseJWK([]byte(rfc8037Private)))
	require.True(t, accepts(t, m, manager(t, rfc.WithID(""))), "a key without kid is for tokens without")
	require.False(t, accepts(t, m, manager(t, rfc)))

	for name, tc := range map[string]struct{ text, says string }{
		"nothing":         {"", "not one well-formed JSON object"},
		"no keys":         {`{}`, "there are no keys in it"},
		"no list":         {`{"keys":{}}`, "not one well-formed JSON object"},
		"an empty list":   {`{"keys":[]}`, "no key in it is for signatures"},
		"none for us":     {`{"keys":[` + others + `]}`, "no key in it is for signatures"},
		"a private key":   {`{"keys":[` + public + `,` + rfc7515Private + `]}`, "key 1 is private, in a set"},
		"a secret":        {`{"keys":[` + rfc7515Secret + `]}`, "key 0 is private, in a set that is for publishing"},
		"a key twice":     {`{"keys":[` + public + `,` + public + `]}`, "two ES256 keys have the id"},
		"a broken one":    {`{"keys":[` + public + `,{"kty":"RSA"}]}`, "key 1: n is missing"},
		"a weak one":      {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"w"}]}`, "the key w: the RSA key has"},
		"two without kid": {`{"keys":[` + bare + `,` + bare + `]}`, "two EdDSA keys have no id"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := jot.ParseJWKS([]byte(tc.text))
			require.Nil(t, set)
			require.ErrorContains(t, err, "jot: ParseJWKS: ")
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// Whoever is refused learns where to get a token, from the challenge on.
func TestResourceMetadata(t *testing.T) {
	orders := jot.WithResourceMetadata(jot.ResourceMetadata{
		Resource: "https://api.example/orders/", AuthorizationServers: []string{"https://login.example"},
		Scopes: []string{"orders:read", "orders:write"}, Name: "Orders", Documentation: "https://docs.example",
	})
	m := newManager(t, orders, jot.WithLocations(jot.InHeader, jot.InBody), jot.WithRealm("orders"))
	const where = "https://api.example/.well-known/oauth-protected-resource/orders"
	const challenge = `Bearer realm="orders", resource_metadata="` + where + `"`
	for _, tc := range []struct {
		guard     func(http.Handler) http.Handler
		r         *http.Request
		challenge string
	}{
		{m.Required(), posted("/"), challenge},
		{m.Required(), bearer("x"), challenge + `, error="invalid_token"`},
		{m.Required(jot.Scopes("a")), bearer(access(t, m)), challenge + `, error="insufficient_scope", scope="a"`},
	} {
		require.Equal(t, tc.challenge, send(tc.guard, tc.r).Header().Get("WWW-Authenticate"))
	}

	h := m.ResourceMetadataHandler()
	got := published(h, "GET", "")
	require.Equal(t, 200, got.Code)
	require.Equal(t, "application/json", got.Header().Get("Content-Type"))
	require.JSONEq(t, `{"resource":"https://api.example/orders/","authorization_servers":["https://login.example"],
		"scopes_supported":["orders:read","orders:write"],"bearer_methods_supported":["header","body"],
		"resource_name":"Orders","resource_documentation":"https://docs.example"}`, got.Body.String())
	require.Equal(t, 304, published(h, "GET", got.Header().Get("Etag")).Code)
	require.Equal(t, 405, published(h, "POST", "").Code)

	plain := newManager(t, jot.WithResourceMetadata(jot.ResourceMetadata{Resource: "http://127.0.0.1:8080"}))
	require.Contains(t, send(plain.Required(), posted("/")).Header().Get("WWW-Authenticate"),
		`resource_metadata="http://127.0.0.1:8080/.well-known/oauth-protected-resource"`)
	require.PanicsWithValue(t, "jot: ResourceMetadataHandler needs WithResourceMetadata: unsupported operation",
		func() { newManager(t).ResourceMetadataHandler() })

	for _, tc := range []struct{ resource, server, text string }{
		{"", "", "the Resource is no URL"},
		{"orders", "", "the Resource is no URL"},
		{"https://api.example/?a=b", "", "the Resource is no URL"},
		{"https://api.example/?", "", "the Resource is no URL"},
		{"https://api.example/#a", "", "the Resource is no URL"},
		{"https://a:b@api.example/", "", "the Resource is no URL"},
		{`https://api.example/"x`, "", "the Resource is no URL"},
		{"http://api.example", "", "the Resource is no https URL"},
		{"ftp://127.0.0.1", "", "the Resource is no https URL"},
		{"https://api.example", "login", "one of AuthorizationServers is no URL"},
	} {
		r := jot.ResourceMetadata{Resource: tc.resource}
		if tc.server != "" {
			r.AuthorizationServers = []string{"https://login.example", tc.server}
		}
		_, err := jot.New(jot.HS256(secret), jot.WithResourceMetadata(r))
		require.ErrorContains(t, err, "jot: WithResourceMetadata: "+tc.text)
	}
}
