package flask_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
)

// newManager is that of the examples: its clock stands still.
func newManager(c flask.Config) *jot.Manager {
	keys, err := flask.Keys(c)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(keys, flask.Options(c), jot.WithClock(func() time.Time { return now }))
	if err != nil {
		log.Fatal(err)
	}
	return auth
}

// The loaders of an application: one function, which asks what happened.
func ExampleMessage() {
	auth := newManager(flask.Config{
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
	})
	protected := auth.Required()(http.NotFoundHandler())
	for _, header := range []string{"", "Bearer x"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		protected.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 401 Please log in: Missing Authorization Header
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
	// Output:
	// 7 headers
	// 7 cookies
	// 7 query_string
	// 7 json
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
