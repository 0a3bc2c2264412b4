package jot_test

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/jottest"
	"github.com/go-jot/jot/memstore"
)

// The pieces of the README, so that they compile. The README's test finds them here.

func Example_routes() {
	var auth *jot.Manager
	var mux *http.ServeMux
	var orders, report, account, news, password http.Handler

	mux.Handle("GET /orders", auth.Required()(orders))                               // any access token
	mux.Handle("GET /report", auth.Required(jot.Scopes("report", "read"))(report))   // all of these scopes
	mux.Handle("DELETE /account", auth.Required(jot.Fresh())(account))               // from a login, not from a refresh
	mux.Handle("POST /password", auth.Required(jot.MaxAge(5*time.Minute))(password)) // login with Fresh, at most 5m ago
	mux.Handle("GET /news", auth.Required(jot.Optional())(news))                     // for everybody, logged in or not

	// Or one guard around the whole mux, with doors for those who have no good access token.
	everything := auth.Required(jot.Except("POST /login", "POST /refresh", "DELETE /logout", "GET /public/"))(mux)

	_ = everything
}

func Example_handler() {
	var auth *jot.Manager
	type User struct{ Name string }
	_ = func(w http.ResponseWriter, r *http.Request) {
		token, _ := jot.FromContext(r.Context())        // ID, Subject, Scopes, SessionID, ExpiresAt, …
		id := jot.Identity(r.Context())                 // token.Subject
		user, ok := jot.CurrentUser[*User](r.Context()) // what WithUserLookup has loaded; not ok if that is no *User
		claims, err := jot.ClaimsAs[struct {            // your own claims
			Plan string `json:"plan"`
		}](r.Context())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}

		_, _, _, _, _ = token, id, user, ok, claims
	}
}

func Example_callbacks() {
	type User struct{ Name string }
	var db interface {
		UserByID(ctx context.Context, id string) (*User, error)
		RolesOf(ctx context.Context, id string) ([]string, error)
	}
	secret := []byte(os.Getenv("JWT_SECRET_KEY"))

	auth, err := jot.New(jot.HS256(secret),
		jot.WithStore(memstore.New()),
		jot.WithAdditionalClaims(func(ctx context.Context, t *jot.Token) (map[string]any, error) {
			roles, err := db.RolesOf(ctx, t.Subject)
			return map[string]any{"roles": roles}, err
		}),
		jot.WithUserLookup(func(ctx context.Context, t *jot.Token) (*User, error) { // tokens of a Type too: see t.Type
			user, err := db.UserByID(ctx, t.Subject)
			if errors.Is(err, sql.ErrNoRows) {
				return nil, jot.ErrUserNotFound // 401; any other error is 503
			}
			return user, err
		}))
	if err != nil {
		log.Fatal(err) // every mistake at once: a short secret, two stores, …
	}

	_ = auth
}

//nolint:ineffassign,wastedassign,govet // four ways, side by side
func Example_logout() {
	var auth *jot.Manager
	var ctx context.Context
	var token *jot.Token
	var id string
	err := auth.RevokeSession(ctx, token)        // this login: its access tokens and its refresh token
	err = auth.RevokeSubject(ctx, token.Subject) // this user, everywhere; after a change of password then CreatePair
	err = auth.RevokeAll(ctx)                    // everyone: after a leak
	err = auth.Revoke(ctx, token)                // this one token

	// The user's logins, told apart by jot.Label(r.UserAgent()): token.SessionID is this one. And the end of another.
	devices, err := auth.Sessions(ctx, token.Subject)
	err = auth.RevokeSessionByID(ctx, token.Subject, id)

	_, _ = devices, err
}

func Example_cookies() {
	var secret []byte
	var mux *http.ServeMux
	var login, orders http.Handler

	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	mux.Handle("POST /login", auth.CrossOriginGuard(login)) // as before: auth.WritePair sets the cookies
	mux.Handle("POST /refresh", auth.RefreshHandler())      // X-CSRF-Token repeats the cookie __Host-csrf_refresh_token
	mux.Handle("POST /logout", auth.LogoutHandler())        // clears the cookies
	mux.Handle("POST /orders", auth.Required()(orders))     // X-CSRF-Token repeats the cookie __Host-csrf_access_token

	_ = err
}

// TestOrders is what the README shows of a handler's test.
func TestOrders(t *testing.T) {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()))
	require.NoError(t, err)
	orders := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	router := auth.Required(jot.Scopes("orders"))(orders)

	w := httptest.NewRecorder()
	router.ServeHTTP(w, jottest.Request(t, auth, "GET", "/orders", "alice", jot.Scopes("orders")))
	require.Equal(t, http.StatusOK, w.Code)
}
