package flask_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
	"github.com/go-jot/jot/memstore"
)

// signed makes a token as the original's PyJWT would. A kid is a header's.
func signed(t *testing.T, key string, claims jwt.MapClaims, kid ...any) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	for _, id := range kid {
		token.Header["kid"] = id
	}
	raw, err := token.SignedString([]byte(key))
	require.NoError(t, err)
	return raw
}

// with returns the claims of a good token, but for changes: nil takes one away.
func with(changes jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{"sub": "9", "jti": "1", "type": "access", "exp": now.Unix() + 60, "csrf": "value"}
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// The texts are those of the live run, for those who have no original beside them.
func TestTexts(t *testing.T) {
	quiet(t)
	good, forged := signed(t, secret, with(nil)), signed(t, "another secret "+secret, with(nil))
	segments := strings.Split(good, ".")
	all := flask.List{"headers", "cookies", "query_string", "json"}
	bearer := func(raw string) http.Header { return http.Header{"Authorization": {"Bearer " + raw}} }
	changed := func(changes jwt.MapClaims) http.Header { return bearer(signed(t, secret, with(changes))) }
	cookie := func(raw string, more ...string) http.Header {
		h := http.Header{"Cookie": {"access_token_cookie=" + raw}}
		if len(more) > 0 {
			h["X-Csrf-Token"] = more
		}
		return h
	}
	inJSON := http.Header{"Content-Type": {"application/json"}}
	refresh, lower, none := []jot.RouteOption{jot.Refresh()}, flask.List{"post"}, ""
	nobody := jot.WithUserLookup(func(_ context.Context, t *jot.Token) (any, error) {
		if t.Subject == "9" {
			return nil, jot.ErrUserNotFound
		}
		return t.Subject, nil
	})
	for _, tc := range []struct {
		name   string
		config flask.Config
		header http.Header
		target string
		body   string
		route  []jot.RouteOption
		option jot.Option
		want   string
	}{
		{name: "nothing", want: `401 Missing Authorization Header`},
		{name: "commas", header: http.Header{"Authorization": {" ,, "}}, want: `401 Missing Authorization Header`},
		{
			name: "another scheme", header: http.Header{"Authorization": {"Basic x"}},
			want: `401 Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'`,
		},
		{
			name: "two words", header: bearer("x y"),
			want: `422 Bad Authorization header. Expected 'Authorization: Bearer <JWT>'`,
		},
		{
			name: "without a scheme", config: flask.Config{HeaderType: &none}, header: bearer("x"),
			want: `422 Bad Authorization header. Expected 'Authorization: <JWT>'`,
		},
		{
			name: "another header", config: flask.Config{HeaderName: new("X-Auth")}, header: bearer(good),
			want: `401 Missing X-Auth Header`,
		},
		{
			name: "nothing anywhere", config: flask.Config{TokenLocation: all},
			want: `401 Missing JWT in headers, cookies, query_string or json (Missing Authorization Header; ` +
				`Missing cookie "access_token_cookie"; Missing 'jwt' query paramater; ` +
				`Invalid content-type. Must be application/json.)`,
		},
		{
			name: "no refresh token", config: flask.Config{TokenLocation: all[1:]}, header: inJSON, body: "{}",
			route: refresh,
			want: `401 Missing JWT in cookies, query_string or json (Missing cookie "refresh_token_cookie"; ` +
				`Missing 'jwt' query paramater; Missing "refresh_token" key in json data.)`,
		},
		{
			name: "no cookie", config: flask.Config{TokenLocation: all[1:2]},
			want: `401 Missing cookie "access_token_cookie"`,
		},
		{
			name: "no body", config: flask.Config{TokenLocation: all[3:]}, header: inJSON,
			want: `401 Missing "access_token" key in json data.`,
		},
		{
			name: "a number", config: flask.Config{TokenLocation: all[3:]}, header: inJSON, body: `{"access_token":7}`,
			want: `422 Invalid token type. Token must be a <class 'bytes'>`,
		},
		{
			name: "no prefix", target: "?jwt=x",
			config: flask.Config{TokenLocation: all[2:3], QueryStringValuePrefix: "é "},
			want:   `422 Invalid value for query parameter 'jwt'. Expected the value to start with '\u00e9 '`,
		},
		{
			name: "a prefix alone", config: flask.Config{TokenLocation: all[2:3], QueryStringValuePrefix: "v1"},
			target: "?jwt=v1", want: `422 Not enough segments`,
		},
		{
			name: "twice in the query", config: flask.Config{TokenLocation: all[2:3]}, target: "?jwt=x&jwt=x",
			want: `422 Bad credential. Expected one JWT`,
		},
		{
			name: "no CSRF", config: flask.Config{TokenLocation: all}, header: cookie(good),
			want: `401 Missing CSRF token`,
		},
		{
			name: "lower case", config: flask.Config{TokenLocation: all, CSRFMethods: lower}, header: cookie(good),
			want: `401 Missing CSRF token`,
		},
		{
			name: "another CSRF", config: flask.Config{TokenLocation: all}, header: cookie(good, "x"),
			want: `401 CSRF double submit tokens do not match`,
		},
		{
			name: "no csrf claim", config: flask.Config{TokenLocation: all},
			header: cookie(signed(t, secret, with(jwt.MapClaims{"csrf": nil})), "x"), want: `422 Missing claim: csrf`,
		},
		{name: "no token", header: bearer("x"), want: `422 Not enough segments`},
		{name: "no header", header: bearer("x." + segments[1] + ".x"), want: `422 Invalid header padding`},
		{name: "no payload", header: bearer(segments[0] + ".x." + segments[2]), want: `422 Invalid payload padding`},
		{name: "a letter", header: bearer(segments[0] + "." + segments[1] + ".x"), want: `422 Invalid crypto padding`},
		{
			name: "no signature", header: bearer(segments[0] + "." + segments[1] + "."),
			want: `422 Signature verification failed`,
		},
		{name: "a foreign key", header: bearer(forged), want: `422 Signature verification failed`},
		{
			name: "another alg", header: bearer("eyJhbGciOiJub25lIn0.e30.AAAA"),
			want: `422 The specified alg value is not allowed`,
		},
		{name: "no alg", header: bearer("e30.e30.AAAA"), want: `422 Algorithm not specified`},
		{name: "a list", header: bearer("W10.e30.AAAA"), want: `422 Invalid header string: must be a json object`},
		{
			name: "a number as kid", header: bearer(signed(t, secret, with(nil), 7)),
			want: `422 Key ID header parameter must be a string`,
		},
		{name: "five parts", header: bearer("a.b.c.d.e"), want: `422 Invalid token`},
		{
			name: "nbf", header: changed(jwt.MapClaims{"nbf": now.Unix() + 1}),
			want: `422 The token is not yet valid (nbf)`,
		},
		{
			name: "iat", header: changed(jwt.MapClaims{"iat": now.Unix() + 1}),
			want: `422 The token is not yet valid (iat)`,
		},
		{name: "exp", header: changed(jwt.MapClaims{"exp": now.Unix()}), want: `401 Token has expired`},
		{name: "no sub", header: changed(jwt.MapClaims{"sub": nil}), want: `422 Missing claim: sub`},
		{name: "no jti", header: changed(jwt.MapClaims{"jti": nil}), want: `422 Missing claim: jti`},
		{name: "no exp", header: changed(jwt.MapClaims{"exp": nil}), want: `422 Missing claim: exp`},
		{name: "sub", header: changed(jwt.MapClaims{"sub": 7}), want: `422 Subject must be a string`},
		{name: "jti", header: changed(jwt.MapClaims{"jti": 7}), want: `422 JWT ID must be a string`},
		{
			name: "sub beside the identity", config: flask.Config{IdentityClaim: "id"},
			header: changed(jwt.MapClaims{"id": "9", "sub": 7}), want: `422 Subject must be a string`,
		},
		{
			name: "no aud", config: flask.Config{DecodeAudience: flask.List{"api"}}, header: bearer(good),
			want: `422 Token is missing the \"aud\" claim`,
		},
		{
			name: "aud", config: flask.Config{DecodeAudience: flask.List{"api"}},
			header: changed(jwt.MapClaims{"aud": "web"}), want: `422 Audience doesn't match`,
		},
		{
			name: "no iss", config: flask.Config{DecodeIssuer: flask.List{"me"}}, header: bearer(good),
			want: `422 Token is missing the \"iss\" claim`,
		},
		{
			name: "iss", config: flask.Config{DecodeIssuer: flask.List{"me"}},
			header: changed(jwt.MapClaims{"iss": "you"}), want: `422 Invalid issuer`,
		},
		{
			name: "a refresh token", header: changed(jwt.MapClaims{"type": "refresh"}),
			want: `422 Only non-refresh tokens are allowed`,
		},
		{
			name: "another type", header: changed(jwt.MapClaims{"type": "reset"}),
			want: `422 Only access tokens are allowed`,
		},
		{
			name: "an access token for a link", header: bearer(good), route: []jot.RouteOption{jot.Type("reset")},
			want: `422 Only tokens of another type are allowed`,
		},
		{name: "an access token", header: bearer(good), route: refresh, want: `422 Only refresh tokens are allowed`},
		{name: "stale", header: bearer(good), route: []jot.RouteOption{jot.Fresh()}, want: `401 Fresh token required`},
		{name: "unknown", header: bearer(good), option: nobody, want: `401 Error loading the user 9`},
		{name: "good", header: bearer(good), want: "200"},
		{name: "spaces around", header: http.Header{"Authorization": {"\t Bearer " + good + " "}}, want: "200"},
		{name: "kid", header: bearer(signed(t, secret, with(nil), "unknown")), want: "200"},
		{
			name: "a number as the identity", config: flask.Config{IdentityClaim: "id"},
			header: changed(jwt.MapClaims{"id": 9, "sub": nil}), want: "200",
		},
		{
			name: "a fraction as the identity", config: flask.Config{IdentityClaim: "id"},
			header: changed(jwt.MapClaims{"id": 9.5, "sub": nil}), want: "422 Invalid token",
		},
		{
			name: "a number as sub", config: flask.Config{VerifySub: new(false)},
			header: changed(jwt.MapClaims{"sub": 9}), want: "200",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.config
			c.SecretKey = secret
			opts := []jot.Option{jot.WithClock(func() time.Time { return now })}
			if tc.option != nil {
				opts = append(opts, tc.option)
			}
			m := manager(t, c, opts...)
			r := httptest.NewRequest(http.MethodPost, "/"+tc.target, strings.NewReader(tc.body))
			r.Header = tc.header.Clone()
			w := httptest.NewRecorder()
			m.Required(tc.route...)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			got, want := fmt.Sprint(w.Code), tc.want
			if w.Code != http.StatusOK {
				var body map[string]string
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
				status, text, _ := strings.Cut(tc.want, " ")
				if !strings.Contains(text, `\`) {
					text = strings.ReplaceAll(text, `"`, `\"`)
				}
				want = status + ` {"msg":"` + text + "\"}\n"
				got += " " + w.Body.String()
				require.Equal(t, http.Header{"Content-Type": {"application/json"}}, w.Header(), "and no other header")
			}
			require.Equal(t, want, got)
		})
	}
}

// A text is written as Python's json writes it.
func TestTextsAreASCII(t *testing.T) {
	quiet(t)
	const name = "Zoë \U0001F511 \"\\ \n\r\t\b\f\x00\x7f<&>\u2028"
	m := manager(t, flask.Config{SecretKey: secret, ErrorMessageKey: "é"},
		jot.WithUserLookup(func(context.Context, *jot.Token) (any, error) { return nil, jot.ErrUserNotFound }),
		jot.WithClock(func() time.Time { return now }))
	raw, err := m.CreateAccessToken(ctx, name)
	require.NoError(t, err, "which users have such names was decided long ago")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+raw)
	w := httptest.NewRecorder()
	m.Required()(http.NotFoundHandler()).ServeHTTP(w, r)
	const want = `{"\u00e9":"Error loading the user Zo\u00eb \ud83d\udd11 \"\\ \n\r\t\b\f\u0000` +
		"\x7f" + `<&>\u2028"}` + "\n"
	require.Equal(t, want, w.Body.String()) //nolint:testifylint // byte for byte, not as JSON
}

// Message is what the loaders are told, wherever the error comes from.
func TestMessage(t *testing.T) {
	quiet(t)
	m := manager(t, flask.Config{SecretKey: secret})
	_, err := m.Verify(ctx, "x")
	require.Equal(t, "Not enough segments", flask.Message(err))
	require.ErrorIs(t, err, jot.ErrInvalid)
	require.ErrorContains(t, err, "not three segments", "the operator still reads why")
	_, err = m.Guard().Admit(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, "Missing Authorization Header", flask.Message(fmt.Errorf("x: %w", err)))
	require.Equal(t, "Token has been revoked", flask.Message(jot.ErrReused))
	require.Equal(t, "Internal server error", flask.Message(http.ErrServerClosed))

	// Without the profile errors are what they were.
	plain, err := jot.New(jot.HS256([]byte(secret)))
	require.NoError(t, err)
	_, err = plain.Verify(ctx, "x")
	require.EqualError(t, err, "jot: token is invalid: not three segments of base64url")
}

// Without a store or a blocklist there are no sessions, and nothing of them in tokens.
func TestClaimsOfSessions(t *testing.T) {
	quiet(t)
	for name, tc := range map[string]struct {
		opts []jot.Option
		more []string
	}{
		"without": {nil, nil},
		"with":    {[]jot.Option{jot.WithStore(memstore.New())}, []string{"auth_time", "sid"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := manager(t, flask.Config{SecretKey: secret}, tc.opts...)
			p, err := m.CreatePair(ctx, "alice", jot.Fresh())
			require.NoError(t, err)
			require.Equal(t, tc.more != nil, p.SessionID != "")
			for _, raw := range []string{p.AccessToken, p.RefreshToken} {
				_, claims, err := jot.InsecureDecode(raw)
				require.NoError(t, err)
				want := append([]string{"csrf", "exp", "fresh", "iat", "jti", "nbf", "sub", "type"}, tc.more...)
				slices.Sort(want)
				require.Equal(t, want, slices.Sorted(maps.Keys(claims)))
			}
		})
	}
}

// Nothing that a client sends is a 500: every method of every route, the token in every place, good and bad.
func TestNothingIsA500(t *testing.T) {
	all, keys := load(t, "testdata")
	profile := all.Profiles["all"]
	server, err := build(profile.Config, profile.Ext, keys)
	require.NoError(t, err)
	key := keys["default"].Secret
	good := signed(t, key, with(nil))
	raws := map[string]string{
		"none": "", "good": good, "refresh": signed(t, key, with(jwt.MapClaims{"type": "refresh"})),
		"forged": signed(t, secret, with(nil)), "nonsense": "x", "comma": ", ,", "dots": "..", "bytes": "é\x00ÿ",
		"deep":   strings.Repeat("eyJh", 2000) + ".e30.AAAA",
		"null":   signed(t, key, jwt.MapClaims{"exp": nil, "sub": nil, "fresh": nil, "iat": nil, "type": nil}),
		"lists":  signed(t, key, with(jwt.MapClaims{"fresh": []int{}, "csrf": 7, "aud": []int{7}})),
		"future": signed(t, key, with(jwt.MapClaims{"iat": int64(1) << 50})),
	}
	places := map[string]func(r *http.Request, raw string){
		"header": func(r *http.Request, raw string) { r.Header.Set("Authorization", "Bearer "+raw) },
		"bare":   func(r *http.Request, raw string) { r.Header.Set("Authorization", raw) },
		"cookie": func(r *http.Request, raw string) {
			r.Header.Set("Cookie", "access_token_cookie="+raw+"; refresh_token_cookie="+raw)
			r.Header.Set("X-Csrf-Token", "value")
		},
		"cookie without proof": func(r *http.Request, raw string) {
			r.Header.Set("Cookie", "access_token_cookie="+raw+"; refresh_token_cookie="+raw)
			r.Header.Set("X-Csrf-Token", "\xe9")
		},
		"query": func(r *http.Request, raw string) { r.URL.RawQuery = "jwt=" + raw + "%zz" },
		"json": func(r *http.Request, raw string) {
			text, _ := json.Marshal(map[string]string{"access_token": raw, "refresh_token": raw})
			setBody(r, string(text))
		},
		"json list": func(r *http.Request, raw string) { setBody(r, `["`+raw+`"]`) },
		"json cut":  func(r *http.Request, raw string) { setBody(r, `{"access_token":"`+raw) },
	}
	routes := []string{
		"/refresh", "/refresh_cookies", "/protected", "/optional", "/optional_fresh", "/refresh_optional", "/fresh",
		"/skip_revocation", "/logout", "/whoami", "/logout_cookies", "/any_type", "/any_type_refresh", "/user",
		"/user_optional", "/only/headers", "/only/cookies", "/only/query_string", "/only/json",
		"/only/query_then_headers", "/echo", "/decode", "/jti_csrf", "/login", "/nowhere",
	}
	methods := []string{
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get",
	}
	sent := 0
	for _, route := range routes {
		for _, method := range methods {
			for place, put := range places {
				for name, raw := range raws {
					r := httptest.NewRequest("GET", route, nil)
					r.Method = method
					put(r, raw)
					w := httptest.NewRecorder()
					server.ServeHTTP(w, r)
					require.Less(t, w.Code, 500, "%s %s, %s in the %s: %s", method, route, name, place, w.Body)
					sent++
				}
			}
		}
	}
	require.Equal(t, len(routes)*len(methods)*len(places)*len(raws), sent)
}

func setBody(r *http.Request, text string) {
	with := httptest.NewRequest("POST", "/", strings.NewReader(text))
	r.Body, r.ContentLength = with.Body, with.ContentLength
	r.Header.Set("Content-Type", "application/json")
}
