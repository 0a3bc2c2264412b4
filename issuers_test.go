package jot_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

const (
	provider = "https://login.example"
	partner  = "https://partner.example"
)

// provided is a token of the provider's, whose key is ecKey.
func provided(t testing.TB, header, claims string) string {
	t.Helper()
	return forgeWith(t, jwt.SigningMethodES256, ecKey, `{"alg":"ES256","kid":"p"`+header+`}`, "{"+claims+"}")
}

func providerKey() jot.Key { return jot.PublicKey("ES256", &ecKey.PublicKey).WithID("p") }

// saying adds claims to those that every token here has.
func saying(claims string) string {
	return `"iss":"` + provider + `","aud":"orders","sub":"alice","exp":1893456600,"iat":1893456000` + claims
}

// Which tokens of another issuer pass, by what the configuration says of it.
func TestIssuerKeys(t *testing.T) {
	plain := jot.Issuer{Name: provider, Keys: providerKey(), Audience: []string{"orders"}}
	untyped, rfc9068, anonymous := plain, plain, plain
	untyped.Untyped, untyped.WithoutID = true, true
	rfc9068.RFC9068 = true
	anonymous.WithoutID = true
	const typed = `,"jti":"1","type":"access"`
	const complete = `,"jti":"1","client_id":"c"`
	const at = `,"typ":"at+jwt"`
	const noAccess = "access tokens only"
	but := func(old, replaced string) string { return strings.Replace(saying(typed), old, replaced, 1) }
	for name, tc := range map[string]struct {
		issuer         jot.Issuer
		header, claims string
		want           string // in the cause, empty if it passes
	}{
		"as jot issues them":        {plain, `,"typ":"JWT"`, saying(typed), ""},
		"without typ":               {plain, ``, saying(typed), ""},
		"of no type":                {plain, ``, saying(`,"jti":"1","scope":"a"`), "type is missing"},
		"of no id":                  {plain, ``, saying(`,"type":"access"`), "jti is missing"},
		"of no id, by the option":   {anonymous, ``, saying(`,"type":"access"`), ""},
		"at+jwt":                    {plain, at, saying(typed), "typ is not accepted"},
		"a refresh token":           {plain, ``, saying(`,"jti":"1","type":"refresh"`), noAccess},
		"of a Type":                 {plain, ``, saying(`,"jti":"1","type":"magic_link"`), noAccess},
		"of another issuer":         {plain, ``, but(provider, partner), "iss is not"},
		"of this service by name":   {plain, ``, but(provider, "orders.example"), "token is invalid"},
		"for others":                {plain, ``, but("orders", "stock"), "aud names others"},
		"for another name of ours":  {plain, ``, but("orders", "us"), "aud names others"},
		"without an audience":       {plain, ``, but(`"aud":"orders",`, ""), "aud names others"},
		"expired":                   {plain, ``, but("1893456600", "1893455000"), "expired"},
		"an ID token":               {untyped, ``, saying(`,"nonce":"n"`), "ID token"},
		"an ID token, no nonce":     {untyped, ``, saying(`,"azp":"orders"`), "perhaps it is an ID"},
		"an ID token of a type":     {plain, ``, saying(typed + `,"at_hash":"h"`), "ID token"},
		"untyped, with scopes":      {untyped, `,"typ":"JWT"`, saying(`,"scp":["a"]`), ""},
		"untyped, but at+jwt":       {untyped, at, saying(complete), ""},
		"RFC 9068":                  {rfc9068, at, saying(complete), ""},
		"RFC 9068, spelt out":       {rfc9068, `,"typ":"application/at+jwt"`, saying(complete), ""},
		"RFC 9068, but JWT":         {rfc9068, `,"typ":"JWT"`, saying(complete), "typ is not accepted"},
		"RFC 9068, but without typ": {rfc9068, ``, saying(complete), "typ is not accepted"},
		"RFC 9068, no client":       {rfc9068, at, saying(`,"jti":"1"`), "client_id is missing"},
		"bound to a key":            {rfc9068, at, saying(complete + `,"cnf":{}`), "cnf"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, jot.WithIssuer("orders.example"), jot.WithAudience("us"), jot.WithIssuerKeys(tc.issuer))
			only := manager(t, jot.NoKeys(), jot.WithIssuerKeys(tc.issuer))
			raw := provided(t, tc.header, tc.claims)
			for _, m := range []*jot.Manager{m, only} {
				got, err := m.Verify(ctx, raw)
				if tc.want != "" {
					require.ErrorContains(t, err, tc.want)
					require.False(t, letsIn(m, raw))
					continue
				}
				require.NoError(t, err)
				require.Equal(t, provider+"|alice", got.Subject)
				require.Equal(t, "access", got.Type)
				require.True(t, letsIn(m, raw))
			}
			_, err := m.Verify(ctx, access(t, m))
			require.NoError(t, err, "its own are not affected")
		})
	}
}

// letsIn reports whether a guard lets a token through.
func letsIn(m *jot.Manager, raw string, opts ...jot.RouteOption) bool {
	return send(m.Required(opts...), bearer(raw)).called
}

// A route may name whom tokens must be for, whoever issues them.
func TestIssuerAudience(t *testing.T) {
	issuer := jot.Issuer{Name: provider, Keys: providerKey()}
	m := newManager(t, jot.WithIssuer("orders.example"), jot.WithAudience("orders"), jot.WithIssuerKeys(issuer))
	raw := provided(t, ``, saying(`,"jti":"1","type":"access"`))
	require.True(t, letsIn(m, raw), "WithAudience is meant where the issuer has no other name for it")
	require.False(t, letsIn(m, raw, jot.Audience("stock")))
	require.True(t, letsIn(m, raw, jot.Audience("stock", "orders")))
}

// What another issuer says is not taken for more than it is.
func TestIssuersKeepApart(t *testing.T) {
	rs := jot.PublicKey("RS256", &rsaKey.PublicKey).WithID("q")
	store := memstore.New()
	issuers := jot.WithIssuerKeys(
		jot.Issuer{Name: provider, Keys: providerKey()}, jot.Issuer{Name: partner, Keys: rs, SameSubjects: true},
	)
	options := []jot.Option{jot.WithIssuer("orders.example"), jot.WithAudience("orders"), issuers}
	m := newManager(t, append(options, jot.WithStore(store))...)
	ours, err := m.CreatePair(ctx, "alice", jot.Fresh())
	require.NoError(t, err)
	_, claims, err := jot.InsecureDecode(ours.AccessToken)
	require.NoError(t, err)
	jti, sid := claims["jti"].(string), claims["sid"].(string)
	same := `,"type":"access","jti":"` + jti + `","sid":"` + sid + `"`

	t.Run("fresh", func(t *testing.T) {
		raw := provided(t, ``, saying(same+`,"fresh":true,"auth_time":1893455990`))
		require.True(t, letsIn(m, raw))
		require.False(t, letsIn(m, raw, jot.Fresh()))
		require.True(t, letsIn(m, raw, jot.MaxAge(time.Minute)))
		require.False(t, letsIn(m, raw, jot.MaxAge(time.Second)))
	})
	t.Run("names", func(t *testing.T) {
		token, err := m.Verify(ctx, provided(t, ``, saying(same)))
		require.NoError(t, err)
		require.Equal(t, provider+"|alice", token.Subject)
		var raw string
		require.NoError(t, token.Claim("sub", &raw))
		require.Equal(t, "alice", raw)
		shared := forgeWith(t, jwt.SigningMethodRS256, rsaKey, `{"alg":"RS256","kid":"q"}`,
			"{"+strings.Replace(saying(same), provider, partner, 1)+"}")
		token, err = m.Verify(ctx, shared)
		require.NoError(t, err)
		require.Equal(t, "alice", token.Subject)

		// The keys are the issuers' own, whatever a token says.
		crossed := forgeWith(t, jwt.SigningMethodRS256, rsaKey, `{"alg":"RS256","kid":"q"}`, "{"+saying(same)+"}")
		_, err = m.Verify(ctx, crossed)
		require.ErrorContains(t, err, "no key for its alg and kid")
		_, err = m.Verify(ctx, forge(t, ourHeader, "{"+saying(same)+"}"))
		require.ErrorContains(t, err, "no key for its alg and kid")
	})
	t.Run("sessions", func(t *testing.T) {
		token, err := m.Verify(ctx, provided(t, ``, saying(same)))
		require.NoError(t, err)
		_, err = m.CreateAccessToken(ctx, token.Subject, jot.InSession(token))
		require.ErrorContains(t, err, "another issuer's")
		_, err = m.Rotate(ctx, token)
		require.Error(t, err)
		cookies := newManager(t, append(options, jot.WithCookies(jot.CookieConfig{}))...)
		err = cookies.SetCookies(httptest.NewRecorder(), &jot.Pair{AccessToken: provided(t, ``, saying(same))})
		require.ErrorContains(t, err, "it is another issuer's")
		keyless := manager(t, jot.NoKeys(), jot.WithAudience("orders"), issuers, jot.WithStore(memstore.New()))
		_, err = keyless.Verify(ctx, provided(t, ``, strings.Replace(saying(same), "1893456000", "1893456001", 1)))
		require.NoError(t, err, "no store knows another issuer's sessions")
		begun, err := m.CreatePair(ctx, token.Subject)
		require.NoError(t, err, "a session of this service for the same user")
		_, err = m.Verify(ctx, begun.AccessToken)
		require.NoError(t, err)
	})
	for kind, memory := range map[string]jot.Option{
		"store": jot.WithStore(memstore.New()), "blocklist": jot.WithBlocklist(newBlocklist()),
	} {
		t.Run("revocation, "+kind, func(t *testing.T) {
			m := newManager(t, append(options, memory)...)
			ours, err := m.CreatePair(ctx, "alice")
			require.NoError(t, err)
			mine, err := m.Verify(ctx, ours.AccessToken)
			require.NoError(t, err)
			said := func(issuer, id string) string {
				claims := `"iss":"` + issuer + `","aud":"orders","sub":"alice","exp":1893456600,"iat":1893456001,` +
					`"type":"access","sid":"` + mine.SessionID + `","jti":"` + id + `"`
				if issuer == partner {
					return forgeWith(t, jwt.SigningMethodRS256, rsaKey, `{"alg":"RS256","kid":"q"}`, "{"+claims+"}")
				}
				return provided(t, ``, claims)
			}
			for _, issuer := range []string{provider, partner} {
				theirs, err := m.Verify(ctx, said(issuer, mine.ID))
				require.NoError(t, err)
				require.NoError(t, m.Revoke(ctx, theirs))
				require.NoError(t, m.RevokeSession(ctx, theirs))
				_, err = m.Verify(ctx, said(issuer, mine.ID))
				require.ErrorIs(t, err, jot.ErrRevoked)
				_, err = m.Verify(ctx, ours.AccessToken)
				require.NoError(t, err, "whose id and session %s has used", issuer)
			}
			_, err = m.Verify(ctx, said(provider, "another"))
			if kind == "blocklist" {
				require.ErrorIs(t, err, jot.ErrRevoked, "it is of the same session of the provider's")
				return
			}
			require.NoError(t, err)

			// The user of one issuer is another one than that of the other.
			later := newManagerAt(t, now.Add(2*time.Second), append(options, memory)...)
			require.NoError(t, later.RevokeSubject(ctx, "alice"))
			_, err = later.Verify(ctx, ours.AccessToken)
			require.ErrorIs(t, err, jot.ErrRevoked)
			_, err = later.Verify(ctx, said(provider, "another"))
			require.NoError(t, err)
			_, err = later.Verify(ctx, said(partner, "another"))
			require.ErrorIs(t, err, jot.ErrRevoked, "SameSubjects")
			require.NoError(t, later.RevokeSubject(ctx, provider+"|alice"))
			_, err = later.Verify(ctx, said(provider, "another"))
			require.ErrorIs(t, err, jot.ErrRevoked)
			// An id that looks like one of ours, of a later instant, says nothing of when the token was issued.
			ahead := newManagerAt(t, now.Add(time.Hour))
			_, claims, err := jot.InsecureDecode(access(t, ahead))
			require.NoError(t, err)
			_, err = later.Verify(ctx, said(provider, claims["jti"].(string)))
			require.ErrorIs(t, err, jot.ErrRevoked)
		})
	}
}

// The issuer that a token names is the one whose keys are looked at: two may call theirs the same, and a key function
// hears nothing of the tokens of others.
func TestIssuersChooseTheKeys(t *testing.T) {
	const other = "https://other.example"
	partners, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	asked := 0
	others := jot.Keyfunc(func(*jwt.Token) (any, error) {
		asked++
		return nil, fmt.Errorf("%w: nobody answers", jot.ErrUnavailable)
	}, "ES256")
	m := newManager(t, jot.WithIssuer("orders.example"), jot.WithAudience("orders"), jot.WithIssuerKeys(
		jot.Issuer{Name: other, Keys: others},
		jot.Issuer{Name: provider, Keys: providerKey()},
		jot.Issuer{Name: partner, Keys: jot.PublicKey("ES256", &partners.PublicKey).WithID("p")},
	))
	const header = `{"alg":"ES256","kid":"p"}`
	says := func(issuer string) string {
		return "{" + strings.Replace(saying(`,"jti":"1","type":"access"`), provider, issuer, 1) + "}"
	}
	for _, tc := range []struct {
		issuer string
		key    *ecdsa.PrivateKey
		want   string // empty if it passes
	}{
		{provider, ecKey, ""},
		{partner, partners, ""},
		{provider, partners, "signature does not match"},
		{partner, ecKey, "signature does not match"},
		{"https://nobody.example", ecKey, `"https://nobody.example" is not one of ["orders.example" "` + other},
		{"", ecKey, `"" is not one of`},
		{"orders.example", ecKey, "no key for its alg and kid"},
	} {
		token, err := m.Verify(ctx, forgeWith(t, jwt.SigningMethodES256, tc.key, header, says(tc.issuer)))
		if tc.want != "" {
			require.ErrorContains(t, err, tc.want)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tc.issuer+"|alice", token.Subject)
	}
	twice := `{"iss":"` + partner + `","iss":"` + provider + `"}`
	for _, payload := range []string{`{"iss":1}`, `{"iss"`, `[]`, twice} {
		_, err := m.Verify(ctx, forgeWith(t, jwt.SigningMethodES256, ecKey, header, payload))
		require.ErrorIs(t, err, jot.ErrInvalid)
	}
	require.Zero(t, asked)
	_, err = m.Verify(ctx, forgeWith(t, jwt.SigningMethodES256, ecKey, header, says(other)))
	require.ErrorIs(t, err, jot.ErrUnavailable)
	require.Equal(t, 1, asked)

	// One set may be of several issuers, the tenants of one provider.
	tenants := newManager(t, jot.WithIssuer("orders.example"), jot.WithAudience("orders"), jot.WithIssuerKeys(
		jot.Issuer{Name: provider, Keys: providerKey()}, jot.Issuer{Name: partner, Keys: providerKey()},
	))
	for _, issuer := range []string{provider, partner} {
		token, err := tenants.Verify(ctx, forgeWith(t, jwt.SigningMethodES256, ecKey, header, says(issuer)))
		require.NoError(t, err)
		require.Equal(t, issuer+"|alice", token.Subject)
	}
}

// Callbacks see who issued a token.
func TestIssuerInCallbacks(t *testing.T) {
	m := newManager(t, jot.WithIssuer("orders.example"), jot.WithAudience("orders"),
		jot.WithIssuerKeys(jot.Issuer{Name: provider, Keys: providerKey()}),
		jot.WithUserLookup(func(_ context.Context, token *jot.Token) (*string, error) {
			user := token.Issuer + " " + token.Subject
			return &user, nil
		}))
	user := ""
	handler := m.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		found, _ := jot.CurrentUser[*string](r.Context())
		user = *found + " " + jot.Identity(r.Context())
	}))
	handler.ServeHTTP(httptest.NewRecorder(), bearer(provided(t, ``, saying(`,"jti":"1","type":"access"`))))
	require.Equal(t, provider+" "+provider+"|alice "+provider+"|alice", user)
}

// What contradicts itself is found at start-up.
func TestIssuerMistakes(t *testing.T) {
	own, us := jot.WithIssuer("orders.example"), jot.WithAudience("orders")
	good := jot.Issuer{Name: provider, Keys: providerKey()}
	of := func(change func(*jot.Issuer)) jot.Option {
		issuer := good
		change(&issuer)
		return jot.WithIssuerKeys(issuer)
	}
	for text, tc := range map[string]struct {
		keys jot.KeySource
		opts []jot.Option
	}{
		"WithIssuerKeys: name at least one": {nil, []jot.Option{own, us, jot.WithIssuerKeys()}},
		"Name is empty":                     {nil, []jot.Option{own, us, of(func(i *jot.Issuer) { i.Name = "" })}},
		`the Keys of "https://login.example" are nil`: {
			nil, []jot.Option{own, us, of(func(i *jot.Issuer) { i.Keys = nil })},
		},
		`the keys of "https://login.example": the key is empty`: {
			nil, []jot.Option{own, us, of(func(i *jot.Issuer) { i.Keys = jot.Key{} })},
		},
		"a name is empty": {nil, []jot.Option{own, us, of(func(i *jot.Issuer) { i.Audience = []string{""} })}},
		"RFC9068 and Untyped": {
			nil, []jot.Option{own, us, of(func(i *jot.Issuer) { i.RFC9068, i.Untyped = true, true })},
		},
		"Name it by Audience or WithAudience":   {nil, []jot.Option{own, jot.WithIssuerKeys(good)}},
		"WithIssuerKeys needs WithIssuer":       {nil, []jot.Option{us, jot.WithIssuerKeys(good)}},
		`"https://login.example" is named twic`: {nil, []jot.Option{own, us, jot.WithIssuerKeys(good, good)}},
		`"orders.example" is named twice, or b`: {
			nil, []jot.Option{own, us, of(func(i *jot.Issuer) { i.Name = "orders.example" })},
		},
		`two ES256 keys have the id "p"`: {
			jot.PrivateKey("ES256", ecKey).WithID("p"), []jot.Option{own, us, jot.WithIssuerKeys(good)},
		},
		"two HS256 keys have no id": {
			nil, []jot.Option{own, us, of(func(i *jot.Issuer) { i.Keys = jot.HS256(secret) })},
		},
		"NoKeys: name the issuers": {jot.NoKeys(), []jot.Option{own, us}},
	} {
		keys := tc.keys
		if keys == nil {
			keys = jot.HS256(secret)
		}
		_, err := jot.New(keys, tc.opts...)
		require.ErrorContains(t, err, text)
	}

	// A manager without keys only verifies.
	m := manager(t, jot.NoKeys(), us, jot.WithIssuerKeys(good))
	_, err := m.CreateAccessToken(ctx, "alice")
	require.ErrorContains(t, err, "the Manager only verifies")
	require.NotEmpty(t, panicOf(func() {
		manager(t, jot.NoKeys(), us, jot.WithIssuerKeys(good), jot.WithStore(memstore.New())).RefreshHandler()
	}))
	_, err = m.Verify(ctx, access(t, newManager(t, jot.WithAudience("orders"))))
	require.ErrorIs(t, err, jot.ErrInvalid)

	// Those who follow this service's own rules are no other issuers.
	_, err = jot.New(jot.NoKeys(), us, jot.WithVerificationKeys(providerKey()))
	require.NoError(t, err)
}
