package flask_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
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
