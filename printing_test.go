package jot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// verbs are those of package fmt that print what is within a value.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"}

// hides asserts that a value, printed by a verb, shows none of these texts, nor the hexadecimal form of one.
func hides(t *testing.T, verb string, v any, secrets ...string) {
	t.Helper()
	text := fmt.Sprintf(verb, v)
	for _, secret := range secrets {
		require.NotContains(t, text, secret, "%s of %T", verb, v)
		require.NotContains(t, text, fmt.Sprintf("%x", secret), "%s of %T", verb, v)
	}
}

// What package fmt prints of a field that it cannot call methods of, because it is not exported, is the field's inside.
// There a Token shows its own fields, since they are exported, but no claim beside them, no header, and not the value
// against CSRF, which is half a credential; nor the user that the application has looked up.
func TestTokensHeldByValue(t *testing.T) {
	type account struct{ Hash string }
	lookup := func(context.Context, *jot.Token) (account, error) { return account{"$argon2id$"}, nil }
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithStore(memstore.New()), jot.WithUserLookup(lookup))
	p := pair(t, m, jot.Claim("email", "alice@example"), jot.HeaderParam("tenant", "acme"))
	token := accepted(t, m, p.AccessToken)
	secrets := []string{
		"alice@example", "email", "$argon2id$", "tenant", "acme", p.CSRFToken, p.AccessToken, `"exp"`,
	}
	require.Equal(t, p.CSRFToken, claimsOf(t, p.AccessToken)["csrf"], "the test knows what it looks for")

	type holder struct {
		token jot.Token
	}
	type outer struct {
		holder

		list []jot.Token
		all  map[string]jot.Token
		any  any
	}
	held := outer{holder{*token}, []jot.Token{*token}, map[string]jot.Token{"a": *token}, *token}
	for _, verb := range verbs {
		for _, v := range []any{
			held.holder, held, &held,
			[]outer{held},
			struct{ h *holder }{&held.holder},
			struct{ t *jot.Token }{token},
		} {
			hides(t, verb, v, secrets...)
		}
	}

	// The eyes of this test are open.
	type bare struct{ email, header string }
	open := struct{ b bare }{bare{"alice@example", "acme"}}
	require.Contains(t, fmt.Sprintf("%v", open), "alice@example")
	require.Contains(t, fmt.Sprintf("%x", open), fmt.Sprintf("%x", "alice@example"))
}

// Where fmt may call its methods a Pair is redacted, and behind a pointer most verbs show an address. More cannot be
// had: its tokens are exported texts, so in a field that is not exported fmt finds them, by value with every verb, and
// by pointer with the verbs that do not fit a pointer (%s, %q). Its doc comment says not to keep one there.
func TestPairsThatFmtCanAsk(t *testing.T) {
	p := pair(t, newManager(t, jot.WithCookies(jot.CookieConfig{})))
	secrets := []string{p.AccessToken, p.RefreshToken, p.CSRFToken, p.RefreshCSRFToken}
	type exported struct{ P *jot.Pair }
	type byValue struct{ P jot.Pair }
	type unexported struct{ p *jot.Pair }
	for _, verb := range verbs {
		for _, v := range []any{
			p, *p, &p,
			exported{p},
			byValue{*p},
			&byValue{*p},
			[]jot.Pair{*p},
			[1]jot.Pair{*p},
			map[string]jot.Pair{"a": *p},
		} {
			hides(t, verb, v, secrets...)
		}
		if verb == "%s" || verb == "%q" { // they do not fit a pointer
			continue
		}
		for _, v := range []any{unexported{p}, []unexported{{p}}, map[string]unexported{"a": {p}}} {
			hides(t, verb, v, secrets...)
		}
	}
}

// An id may come from a file that somebody else writes: printed, it is one line, and ends where it ends.
func TestKeyIDsArePrintedAsOneWord(t *testing.T) {
	for id, want := range map[string]string{
		"2026-01":                    "jot.Key(HS256, 2026-01)",
		"https://id.example/k/1?a=b": "jot.Key(HS256, https://id.example/k/1?a=b)",
		"a\r\nlevel=INFO msg=ok":     `jot.Key(HS256, "a\r\nlevel=INFO msg=ok")`,
		"a\nb":                       `jot.Key(HS256, "a\nb")`,
		"\x1b[2J":                    `jot.Key(HS256, "\x1b[2J")`,
		"a b":                        `jot.Key(HS256, "a b")`,
		"a), jot.Key(HS256, b":       `jot.Key(HS256, "a), jot.Key(HS256, b")`,
		`"a"`:                        `jot.Key(HS256, "\"a\"")`,
		`a\nb`:                       `jot.Key(HS256, "a\\nb")`,
		"\u202eabc":                  `jot.Key(HS256, "\u202eabc")`,
		"\u2028":                     `jot.Key(HS256, "\u2028")`,
		"é":                          `jot.Key(HS256, "\u00e9")`,
	} {
		key := jot.HS256(secret).WithID(id)
		require.Equal(t, id, key.ID(), "the id itself stays as it is")
		for _, printed := range []string{
			fmt.Sprint(key), fmt.Sprintf("%v", &key), fmt.Sprintf("%+v", key), fmt.Sprintf("%#v", key),
			fmt.Sprintf("%q", key), key.String(), key.LogValue().String(), fmt.Sprint(slog.AnyValue(key).Resolve()),
		} {
			require.Equal(t, want, printed)
		}
		text, err := json.Marshal(map[string]any{"key": key})
		require.NoError(t, err)
		require.JSONEq(t, `{"key":{}}`, string(text))
		require.NotContains(t, strings.TrimSuffix(printers["slog text"](key), "\n"), "\n")
	}
}

// So is what a token says of itself: its id may be another issuer's.
func TestTokenIDsArePrintedAsOneWord(t *testing.T) {
	const payload = `{"sub":"a","jti":"1\r\nmsg=ok","type":"a\n, b","exp":1893456900}`
	token := accepted(t, newManager(t), forge(t, ourHeader, payload), jot.Type("a\n, b"))
	for _, printed := range []string{fmt.Sprint(token), fmt.Sprint(*token), token.String(), token.LogValue().String()} {
		require.Equal(t, `jot.Token("a\n, b", "1\r\nmsg=ok")`, printed)
	}
}

// A context is printed by whoever looks for a deadline, and a request with its context.
func TestContextsShowNoToken(t *testing.T) {
	m := newManager(t)
	raw := access(t, m, jot.Claim("email", "alice@example"))
	served := false
	m.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		served = true
		r.Header.Del("Authorization")
		within, cancel := context.WithCancel(r.Context())
		defer cancel()
		for _, verb := range verbs {
			for _, v := range []any{r.Context(), within, r, *r, struct{ c context.Context }{r.Context()}} {
				hides(t, verb, v, raw, "alice")
			}
		}
		require.Equal(t, "context.Background.WithValue(jot).WithCancel", fmt.Sprint(within))
	})).ServeHTTP(httptest.NewRecorder(), bearer(raw))
	require.True(t, served)
}
