package flask_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
)

// newManager is that of the examples: its clock stands still.
func newManager(c flask.Config) *jot.Manager { return managerAt(c, now) }

func managerAt(c flask.Config, at time.Time) *jot.Manager {
	keys, err := flask.Keys(c)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(keys, flask.Options(c), jot.WithClock(func() time.Time { return at }))
	if err != nil {
		log.Fatal(err)
	}
	return auth
}

// The loaders of an application: one function, which asks what happened.
func ExampleMessage() {
	config := flask.Config{
		JWTSecretKey: "the secret that Python has used all the time",
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			switch flask.Kind(err) {
			case "missing", "csrf": // unauthorized_loader
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = fmt.Fprintln(w, "Please log in:", flask.Message(err))
			case "expired": // expired_token_loader
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = fmt.Fprintln(w, "Please log in again")
			default: // as without a loader
				flask.WriteError(w, r, err, "msg")
			}
		},
	}
	protected := newManager(config).Required()(http.NotFoundHandler())
	yesterday := managerAt(config, now.Add(-24*time.Hour))
	old, err := yesterday.CreateAccessToken(context.Background(), "example_user")
	if err != nil {
		log.Fatal(err)
	}
	for _, header := range []string{"", "Bearer " + old, "Bearer x"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		protected.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 401 Please log in: Missing Authorization Header
	// 401 Please log in again
	// 422 {"msg":"Not enough segments"}
}

// The four places of a token, and an identity, which is a string: where user_identity_loader made one of a user, the
// application passes it.
func ExampleLocation() {
	auth := newManager(flask.Config{
		JWTSecretKey:  "the secret that Python has used all the time",
		TokenLocation: flask.List{"headers", "cookies", "query_string", "json"},
	})
	user := struct{ ID int }{7}
	raw, err := auth.CreateAccessToken(context.Background(), strconv.Itoa(user.ID))
	if err != nil {
		log.Fatal(err)
	}
	where := auth.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token, _ := jot.FromContext(r.Context())
		fmt.Println(jot.Identity(r.Context()), flask.Location(token.Location))
	}))
	header := httptest.NewRequest(http.MethodGet, "/", nil)
	header.Header.Set("Authorization", "Bearer "+raw)
	cookie := httptest.NewRequest(http.MethodGet, "/", nil)
	cookie.AddCookie(&http.Cookie{Name: "access_token_cookie", Value: raw})
	query := httptest.NewRequest(http.MethodGet, "/?jwt="+raw, nil)
	body := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"access_token": "`+raw+`"}`))
	body.Header.Set("Content-Type", "application/json")
	for _, r := range []*http.Request{header, cookie, query, body} {
		where.ServeHTTP(httptest.NewRecorder(), r)
	}
	onlyHeaders := auth.Required(jot.Locations(jot.InHeader))(http.NotFoundHandler()) // locations=["headers"]
	w := httptest.NewRecorder()
	onlyHeaders.ServeHTTP(w, cookie)
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// 7 headers
	// 7 cookies
	// 7 query_string
	// 7 json
	// 401 {"msg":"Missing Authorization Header"}
}

// The implicit refresh of the original's documentation. In a middleware it comes before the handler, so that a handler
// which clears the cookies has the last word.
func ExampleCookies_SetAccess() {
	config := flask.Config{
		JWTSecretKey:  "the secret that Python has used all the time",
		TokenLocation: flask.List{"cookies"},
	}
	auth, cookies := newManager(config), flask.NewCookies(config)
	implicit := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, ok := jot.FromContext(r.Context())
			if ok && token.Location == jot.InCookie && token.ExpiresAt.Sub(now) < 30*time.Minute {
				if raw, err := auth.CreateAccessToken(r.Context(), token.Subject); err == nil {
					_ = cookies.SetAccess(w, raw) // it has just been made
				}
			}
			next.ServeHTTP(w, r)
		})
	}
	raw, err := auth.CreateAccessToken(context.Background(), "alice") // it lives for 15 minutes
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "access_token_cookie", Value: raw})
	w := httptest.NewRecorder()
	auth.Required()(implicit(http.NotFoundHandler())).ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		fmt.Println(cookie.Name)
	}
	// Output:
	// access_token_cookie
	// csrf_access_token
}

// Tokens of an identity server, such as Keycloak: they are verified with the keys that it publishes, where the original
// takes the first of them. Such a token has no type, and who it is of is another claim than sub.
func ExampleOptions_identityServer() {
	pem, err := os.ReadFile("testdata/keys/rs256.pem")
	if err != nil {
		log.Fatal(err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	if err != nil {
		log.Fatal(err)
	}
	server, err := jot.New(jot.PrivateKey("RS256", key).WithID("first"))
	if err != nil {
		log.Fatal(err)
	}
	published := httptest.NewRecorder() // what GET of its jwks_uri answers
	server.JWKSHandler().ServeHTTP(published, httptest.NewRequest(http.MethodGet, "/certs", nil))

	keys, err := jot.ParseJWKS(published.Body.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	config := flask.Config{
		Algorithm:      "RS256",
		DecodeIssuer:   flask.List{"https://my-identity-server.example/auth/realms/master"},
		DecodeAudience: flask.List{"example.my-identity-server"},
		IdentityClaim:  "email",
	}
	auth, err := jot.New(keys, flask.Options(config), jot.WithClock(func() time.Time { return now }))
	if err != nil {
		log.Fatal(err)
	}
	groupRequired := func(group string, next http.Handler) http.Handler {
		return auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, err := jot.ClaimsAs[struct {
				Groups []string `json:"groups"`
			}](r.Context())
			if err != nil || !slices.Contains(claims.Groups, group) {
				http.Error(w, "user not in group required to access this endpoint", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		}))
	}
	protected := groupRequired("api-access", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, jot.Identity(r.Context()))
	}))

	for _, groups := range [][]string{{"api-access", "staff"}, {"staff"}} {
		issued := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": config.DecodeIssuer[0], "aud": config.DecodeAudience[0], "sub": "f:1", "jti": "j", "typ": "Bearer",
			"exp": now.Unix() + 60, "email": "alice@example.com", "groups": groups,
		})
		issued.Header["kid"] = "first"
		raw, err := issued.SignedString(key)
		if err != nil {
			log.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/group-protected", nil)
		r.Header.Set("Authorization", "Bearer "+raw)
		w := httptest.NewRecorder()
		protected.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 alice@example.com
	// 401 user not in group required to access this endpoint
}
