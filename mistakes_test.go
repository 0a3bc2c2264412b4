package jot_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// saysOnce asserts of a text of ours that each of its lines says whose it is at most once, and the first does at its
// beginning.
func saysOnce(t *testing.T, text any) {
	t.Helper()
	lines := strings.Split(fmt.Sprint(text), "\n")
	require.True(t, strings.HasPrefix(lines[0], "jot: "), "%q", text)
	for _, line := range lines {
		require.LessOrEqual(t, strings.Count(line, "jot: "), 1, "%q", line)
		require.NotContains(t, line, "jot: Required: Required")
	}
}

// contradicts asserts that Required panics with a text that says it once, and that Verify answers so, where it can be
// asked the same.
func contradicts(t *testing.T, m *jot.Manager, opts []jot.RouteOption) {
	t.Helper()
	reason := panicOf(func() { m.Required(opts...) })
	require.Contains(t, reason, "jot: Required: ")
	saysOnce(t, reason)

	var same []jot.Demand
	for _, o := range opts {
		if d, ok := o.(jot.Demand); ok || o == nil {
			same = append(same, d)
		}
	}
	if len(same) == len(opts) {
		_, err := m.Verify(ctx, "a.b.c", same...)
		require.Error(t, err)
		saysOnce(t, err)
	}
}

// No contradiction says "jot: Required: jot: …", however it is found.
func TestContradictionsSayItOnce(t *testing.T) {
	bare := newManager(t)
	rich := newManager(t, jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	several := demands(nil, jot.Scopes(), jot.Refresh(), jot.Fresh(), jot.Except("GET x"), jot.MaxAge(0))
	for name, opts := range map[string][]jot.RouteOption{
		"refresh and type":       demands(jot.Refresh(), jot.Type("x")),
		"refresh and fresh":      demands(jot.Refresh(), jot.Fresh()),
		"refresh and age":        demands(jot.Refresh(), jot.MaxAge(time.Minute)),
		"refresh and query":      demands(jot.Refresh(), jot.Locations(jot.InQuery)),
		"two types":              demands(jot.Type("x"), jot.Type("y")),
		"used up and refresh":    demands(jot.SingleUse(), jot.Refresh()),
		"used up and optional":   demands(jot.SingleUse(), jot.Optional()),
		"no scopes":              demands(jot.Scopes()),
		"no scope":               demands(jot.Scopes("a b")),
		"no audience":            demands(jot.Audience()),
		"an empty audience":      demands(jot.Audience("")),
		"no patterns":            demands(jot.Except()),
		"a bad pattern":          demands(jot.Except("GET x")),
		"patterns in conflict":   demands(jot.Except("/{a}/x", "/x/{b}")),
		"no age":                 demands(jot.MaxAge(0)),
		"no function":            demands(jot.Check(nil)),
		"a type of ours":         demands(jot.Type("access")),
		"an empty type":          demands(jot.Type("")),
		"no places":              demands(jot.Locations()),
		"no place":               demands(jot.Locations("moon")),
		"a place twice":          demands(jot.Locations(jot.InBody, jot.InBody)),
		"nil":                    demands(nil),
		"nil in a group":         demands(jot.RouteOptions(nil)),
		"several":                several,
		"several, in one option": demands(jot.Except("GET x", "", "/{a}/x", "/x/{b}")),
	} {
		t.Run(name, func(t *testing.T) {
			contradicts(t, bare, opts)
			contradicts(t, rich, opts)
		})
	}

	// What contradicts only the manager's own options.
	contradicts(t, bare, demands(jot.SingleUse()))
	contradicts(t, bare, demands(jot.Locations(jot.InCookie)))
	saysOnce(t, panicOf(func() { bare.Required()(nil) }))
	saysOnce(t, panicOf(func() { new(jot.Manager).Required() }))
	saysOnce(t, panicOf(func() { bare.RefreshHandler() }))
	saysOnce(t, panicOf(func() { bare.LogoutHandler() }))
	_, err := new(jot.Manager).Verify(ctx, "x")
	saysOnce(t, err)
	_, err = bare.Verify(ctx, "x", jot.SingleUse())
	require.ErrorIs(t, err, errors.ErrUnsupported, "and stays what it was")
}

// No mistake in the options of New says it twice, nor one in a key.
func TestMistakesOfNewSayItOnce(t *testing.T) {
	good := jot.HS256(secret)
	a, alsoA := good.WithID("a"), jot.HS256(secret).WithID("a")
	set, err := jot.NewKeySet(good)
	require.NoError(t, err)
	textOfAKey := []byte("-----BEGIN PUBLIC KEY-----" + strings.Repeat("x", 64))
	verifying := jot.WithVerificationKeys
	bounds := options(
		jot.WithLeeway(-1), jot.WithAccessTTL(0), jot.WithRefreshTTL(1), jot.WithSessionTTL(-1),
		jot.WithRotationGrace(-1), jot.WithMaxSessions(0),
		jot.WithRealm(`"`), jot.WithIssuer(""), jot.WithAudience(), jot.WithAudience(""),
	)
	noFunctions := options(
		jot.WithClock(nil), jot.WithErrorHandler(nil), jot.WithEventHandler(nil), jot.WithAdditionalClaims(nil),
		jot.WithAdditionalHeaders(nil), jot.WithTokenInBlocklist(nil), jot.WithTokenVerification(nil),
		jot.WithUserLookup[any](nil),
	)
	noPlaces := options(
		jot.WithLocations(), jot.WithHeader("", ""), jot.WithQueryParam("", ""), jot.WithBodyKeys("", ""),
	)
	noStore := options(jot.WithRotationGrace(0), jot.WithMaxSessions(1), jot.WithSlidingSessions())
	badCookies := jot.CookieConfig{
		AccessName: "a b", RefreshName: "a b", CSRFHeader: "a b", Domain: "a b", RefreshPath: "a",
	}
	for name, tc := range map[string]struct {
		keys jot.KeySource
		opts []jot.Option
	}{
		"no source":        {nil, nil},
		"the zero key":     {jot.Key{}, nil},
		"the zero key set": {new(jot.KeySet), nil},
		"a short secret":   {jot.HS256(nil), nil},
		"a PEM secret":     {jot.HS512(textOfAKey), nil},
		"no such alg":      {jot.PrivateKey("RS1", rsaKey), nil},
		"another alg":      {jot.PrivateKey("ES256", rsaKey), nil},
		"a nil key":        {jot.PrivateKey("RS256", nil), nil},
		"a public key":     {jot.PublicKey("HS256", nil), nil},
		"a bad id":         {good.WithID("\xff"), nil},
		"no key function":  {jot.Keyfunc(nil, "none", "HS256", "RS256"), nil},
		"an id twice":      {a, options(verifying(alsoA))},
		"verifying keys":   {set, options(verifying(jot.Key{}, jot.HS384(nil), nil), verifying())},
		"nil":              {good, options(nil, jot.Options(nil))},
		"twice":            {good, options(jot.WithRealm("a"), jot.WithRealm("a"))},
		"bounds":           {good, bounds},
		"functions":        {good, noFunctions},
		"stores":           {good, options(jot.WithStore(nil), jot.WithBlocklist(nil))},
		"both":             {good, options(jot.WithStore(memstore.New()), jot.WithBlocklist(newBlocklist()))},
		"no store":         {good, noStore},
		"places":           {good, noPlaces},
		"cookies":          {good, options(jot.WithCookies(badCookies))},
		"origin":           {good, options(jot.WithCrossOriginProtection(nil))},
		"lifetimes":        {good, options(jot.WithSessionTTL(time.Second), jot.WithRefreshTTL(time.Hour))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jot.New(tc.keys, tc.opts...)
			require.Error(t, err)
			saysOnce(t, err)
		})
	}
	for _, keys := range [][]jot.Key{{{}}, {jot.HS256(nil)}, {good}, {a, alsoA}, {{}, good, good, jot.HS384(nil)}} {
		_, err := jot.NewKeySet(good, keys...)
		require.Error(t, err)
		saysOnce(t, err)
		require.Contains(t, err.Error(), "jot: NewKeySet: key ")
	}
	for _, text := range []string{
		"",
		"-----BEGIN X-----\n-----END X-----\n",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
	} {
		_, err := jot.ParsePEM("RS256", []byte(text))
		require.Error(t, err)
		saysOnce(t, err)
	}
}

// No mistake in what a token is made of says it twice.
func TestMistakesOfCreateSayItOnce(t *testing.T) {
	w := newWorld(t)
	p := w.login(t)
	mine := accepted(t, w.Manager, p.AccessToken)
	foreign := accepted(t, newManager(t), p.AccessToken)
	lone := accepted(t, w.Manager, dated(`"iat":1893456001,"exp":1893456900`)(t, w.Manager)) // of no session
	refresh := w.refreshable(t, p.RefreshToken)
	type create func(context.Context, string, ...jot.TokenOption) (string, error)
	all := map[string]create{
		"access": w.CreateAccessToken, "refresh": w.CreateRefreshToken, "another": w.CreateToken,
		"pair": func(ctx context.Context, subject string, opts ...jot.TokenOption) (string, error) {
			_, err := w.CreatePair(ctx, subject, opts...)
			return "", err
		},
		"next": func(ctx context.Context, _ string, opts ...jot.TokenOption) (string, error) {
			_, err := w.Rotate(ctx, refresh, opts...)
			return "", err
		},
	}
	group := jot.TokenOptions
	several := group(nil, jot.Scopes(), jot.Claim("", 1), jot.InSession(foreign), jot.ExpiresIn(0), jot.Type(""))
	for name, opt := range map[string]jot.TokenOption{
		"nil":                  nil,
		"nil in a group":       group(nil),
		"no time":              jot.ExpiresIn(0),
		"parts of a second":    jot.ExpiresIn(1),
		"too long":             jot.ExpiresIn(50 * 365 * 24 * time.Hour),
		"no refresh time":      jot.RefreshExpiresIn(0),
		"fresh":                jot.Fresh(),
		"no fresh time":        jot.FreshFor(0),
		"fresh twice":          group(jot.Fresh(), jot.FreshFor(time.Hour)),
		"a type":               jot.Type("x"),
		"two types":            group(jot.Type("x"), jot.Type("y")),
		"a type of ours":       jot.Type("refresh"),
		"no type":              jot.Type(""),
		"no scopes":            jot.Scopes(),
		"no scope":             jot.Scopes(" "),
		"no audience":          jot.Audience(),
		"no name":              jot.Audience(""),
		"an empty claim":       jot.Claim("", 1),
		"a reserved claim":     jot.Claim("sub", 1),
		"no JSON":              jot.Claim("a", func() {}),
		"a claim too large":    jot.Claim("x", strings.Repeat("x", 9000)),
		"no claims":            jot.Claims(1),
		"a reserved parameter": jot.HeaderParam("alg", 1),
		"a label":              jot.Label("x"),
		"no session":           jot.InSession(nil),
		"a session":            jot.InSession(mine),
		"of no session":        jot.InSession(lone),
		"of another manager":   jot.InSession(foreign),
		"of nobody":            jot.InSession(&jot.Token{SessionID: "x"}),
		"all at once":          several,
	} {
		for by, f := range all {
			t.Run(name+", "+by, func(t *testing.T) {
				for _, subject := range []string{"bob", "", strings.Repeat("x", 256)} {
					if _, err := f(ctx, subject, opt); err != nil {
						saysOnce(t, err)
					}
				}
			})
		}
	}

	_, err := manager(t, jot.PublicKey("ES256", &ecKey.PublicKey)).CreateAccessToken(ctx, "alice")
	saysOnce(t, err)
	_, err = new(jot.Manager).CreateAccessToken(ctx, "alice")
	saysOnce(t, err)

	down := func(context.Context, *jot.Token) (map[string]any, error) { return nil, errDown }
	for _, bad := range options(
		jot.WithAdditionalClaims(adds(map[string]any{"sub": 1})),
		jot.WithAdditionalHeaders(adds(map[string]any{"": 1})),
		jot.WithAdditionalClaims(down),
	) {
		_, err := newManager(t, bad).CreateAccessToken(ctx, "alice")
		require.Error(t, err)
		saysOnce(t, err)
	}
}

// Nor does a method that lacks an option, or gets what it cannot take.
func TestMethodsSayItOnce(t *testing.T) {
	m := newManager(t)
	token := accepted(t, m, access(t, m))
	stored := newManager(t, jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	bad := &jot.Pair{AccessToken: "a.b.c"}
	for name, call := range map[string]func(m *jot.Manager) error{
		"rotate":          func(m *jot.Manager) error { _, err := m.Rotate(ctx, token); return err },
		"rotate nothing":  func(m *jot.Manager) error { _, err := m.Rotate(ctx, nil); return err },
		"revoke":          func(m *jot.Manager) error { return m.Revoke(ctx, token) },
		"end":             func(m *jot.Manager) error { return m.RevokeSession(ctx, token) },
		"set cookies":     func(m *jot.Manager) error { return m.SetCookies(unread{}, nil) },
		"set bad cookies": func(m *jot.Manager) error { return m.SetCookies(unread{}, bad) },
		"write nothing":   func(m *jot.Manager) error { return m.WritePair(unread{}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []*jot.Manager{m, stored} {
				err := call(m)
				require.Error(t, err)
				saysOnce(t, err)
			}
		})
	}
	_, _, err := jot.InsecureDecode("x")
	saysOnce(t, err)
	saysOnce(t, token.Claims(nil))
	saysOnce(t, token.Claim("x", nil))
}

// unread is an answer that nobody reads.
type unread struct{ http.ResponseWriter }

// Whoever passes over the error of New is told so by whatever is called first.
func TestNilManager(t *testing.T) {
	m := reflect.ValueOf((*jot.Manager)(nil))
	require.Greater(t, m.NumMethod(), 25)
	for i := range m.NumMethod() {
		method := m.Method(i)
		var args []reflect.Value
		for in := range method.Type().Ins() {
			args = append(args, reflect.Zero(in))
		}
		call := method.Call
		if method.Type().IsVariadic() {
			call = method.CallSlice
		}
		require.Equal(t, "jot: the Manager is nil: look at the error of New", panicOf(func() { call(args) }),
			m.Type().Method(i).Name)
	}
}

// What could never make a token is no refresher.
func TestRefreshersThatCannotSign(t *testing.T) {
	const why = "the Manager only verifies: its current key is public, a Keyfunc or NoKeys"
	only := func(*jwt.Token) (any, error) { return secret, nil }
	public := jot.PublicKey("ES256", &ecKey.PublicKey)
	set, err := jot.NewKeySet(public, jot.PrivateKey("EdDSA", edKey))
	require.NoError(t, err)
	for name, keys := range map[string]jot.KeySource{
		"a public key": public, "a set of keys": set, "a function": jot.Keyfunc(only, "HS256"),
	} {
		stored := jot.WithStore(memstore.New())
		m := manager(t, keys, stored)
		reason := panicOf(func() { m.RefreshHandler() })
		require.Equal(t, "jot: RefreshHandler needs a key that signs: "+why, reason, name)
		require.Empty(t, panicOf(func() { m.LogoutHandler() }), name)
		_, err := jot.New(keys, stored, jot.WithCookies(jot.CookieConfig{}), jot.WithSlidingSessions())
		require.EqualError(t, err, "jot: WithSlidingSessions needs a key that signs: "+why, name)
	}
	_, err = jot.New(nil, jot.WithSlidingSessions())
	require.ErrorContains(t, err, "the key source is nil")
	require.NotContains(t, err.Error(), why, "of a source that is none, nothing more is said")
}
