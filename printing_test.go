package jot_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// What package fmt prints of a field that it cannot call methods of, because it is not exported, is the field's inside.
// There a Token shows its own fields, since they are exported, but no claim beside them, no header, and not the value
// against CSRF, which is half a credential; nor the user that the application has looked up.
func TestTokensHeldByValue(t *testing.T) {
	type account struct{ Hash string }
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithStore(memstore.New()),
		jot.WithUserLookup(func(context.Context, *jot.Token) (account, error) { return account{"$argon2id$"}, nil }))
	p := pair(t, m, jot.Claim("email", "alice@example"), jot.HeaderParam("tenant", "acme"))
	token, err := m.Verify(ctx, p.AccessToken)
	require.NoError(t, err)
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
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{held.holder, held, &held, []outer{held}, struct{ h *holder }{&held.holder}, struct{ t *jot.Token }{token}} {
			text := fmt.Sprintf(verb, v)
			for _, hidden := range []string{"alice@example", "email", "$argon2id$", "tenant", "acme", p.CSRFToken, p.AccessToken, `"exp"`, "616c696365406578616d706c65"} {
				require.NotContains(t, text, hidden, verb)
			}
		}
	}
	require.Equal(t, p.CSRFToken, claimsOf(t, p.AccessToken)["csrf"], "the test knows what it looks for")

	// The eyes of this test are open.
	type bare struct{ email, header string }
	require.Contains(t, fmt.Sprintf("%v", struct{ b bare }{bare{"alice@example", "acme"}}), "alice@example")
}

// Where fmt may call its methods a Pair is redacted, and behind a pointer most verbs show an address. More cannot be had:
// its tokens are exported texts, so in a field that is not exported fmt finds them, by value with every verb, and by
// pointer with the verbs that do not fit a pointer (%s, %q). Its doc comment says not to keep one there.
func TestPairsThatFmtCanAsk(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}))
	p := pair(t, m)
	shows := func(verb string, v any) {
		text := fmt.Sprintf(verb, v)
		for _, hidden := range []string{p.AccessToken, p.RefreshToken, p.CSRFToken, p.RefreshCSRFToken, fmt.Sprintf("%x", p.AccessToken)} {
			require.NotContains(t, text, hidden, "%s of %T", verb, v)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{
			p, *p, &p, struct{ P *jot.Pair }{p}, struct{ P jot.Pair }{*p}, &struct{ P jot.Pair }{*p}, []jot.Pair{*p}, map[string]jot.Pair{"a": *p}, [1]jot.Pair{*p},
		} {
			shows(verb, v)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		for _, v := range []any{struct{ p *jot.Pair }{p}, []struct{ p *jot.Pair }{{p}}, map[string]struct{ p *jot.Pair }{"a": {p}}} {
			shows(verb, v)
		}
	}
}
