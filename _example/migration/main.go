// Command migration is app.py beside it, moved from Flask-JWT-Extended to jot: the same settings, the same database and
// the same answers, so that no client changes. Run it by
//
//	go run ./_example/migration
//
// The guide, docs/from-flask.md, goes through both.
package main

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver of the name sqlite

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
)

//go:embed schema.sql
var schema string

func main() {
	file := flag.String("settings", "_example/migration/settings.json", "the `file` of settings, that of app.py")
	flag.Parse()
	text, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newApp(context.Background(), text)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

type app struct {
	db      *sql.DB
	method  string // of the hashes of new passwords
	auth    *jot.Manager
	cookies *flask.Cookies
}

func newApp(ctx context.Context, text []byte) (http.Handler, error) {
	var settings struct {
		Database string `json:"DATABASE"`
		Method   string `json:"PASSWORD_METHOD"`
	}
	var config flask.Config
	if err := errors.Join(json.Unmarshal(text, &settings), json.Unmarshal(text, &config)); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+settings.Database+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	if _, err = db.ExecContext(ctx, schema); err != nil {
		return nil, err
	}
	a := &app{db: db, method: settings.Method, cookies: flask.NewCookies(config)}
	config.ErrorHandler = a.refused
	keys, err := flask.Keys(config)
	if err != nil {
		return nil, err
	}
	a.auth, err = jot.New(keys, flask.Options(config),
		jot.WithAdditionalClaims(a.claimsOf),
		jot.WithUserLookup(a.userOf),
		jot.WithTokenInBlocklist(a.isRevoked))
	if err != nil {
		return nil, err
	}
	return a.routes(), nil
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	guarded := func(pattern string, v view, demands ...jot.RouteOption) {
		mux.Handle(pattern, a.auth.Required(demands...)(a.handler(v)))
	}
	mux.Handle("POST /api/login", a.handler(a.apiLogin))
	guarded("POST /api/refresh", a.apiRefresh, jot.Refresh())
	guarded("DELETE /api/logout", a.apiLogout, jot.AccessOrRefresh())
	guarded("GET /api/me", a.me)
	guarded("GET /api/notes", a.notes, jot.Optional())
	guarded("POST /api/notes", a.addNote)
	guarded("PUT /api/password", a.changePassword, jot.Fresh())
	mux.Handle("GET /api/users", a.adminRequired(a.handler(a.users)))
	mux.Handle("DELETE /api/users/{id}", a.adminRequired(a.handler(a.deleteUser)))

	mux.HandleFunc("GET /login", loginPage)
	mux.Handle("POST /login", a.handler(a.login))
	guarded("GET /{$}", a.front)
	guarded("POST /refresh", a.refresh, jot.Refresh())
	guarded("POST /logout", a.logout)
	return mux
}

// What ties the tokens to the database.

type user struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

func (a *app) userOf(ctx context.Context, t *jot.Token) (u user, err error) {
	row := a.db.QueryRowContext(ctx, "SELECT id, name, role FROM users WHERE id = ?", t.Subject)
	err = row.Scan(&u.ID, &u.Name, &u.Role)
	if errors.Is(err, sql.ErrNoRows) {
		return u, jot.ErrUserNotFound
	}
	return u, err
}

func (a *app) claimsOf(ctx context.Context, t *jot.Token) (map[string]any, error) {
	u, err := a.userOf(ctx, t)
	return map[string]any{"role": u.Role}, err
}

func (a *app) isRevoked(ctx context.Context, t *jot.Token) (revoked bool, err error) {
	row := a.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT jti FROM revoked WHERE jti = ?)", t.ID)
	return revoked, row.Scan(&revoked)
}

func (a *app) revoke(ctx context.Context, t *jot.Token) error {
	_, err := a.db.ExecContext(ctx,
		"INSERT OR IGNORE INTO revoked (jti, ends) VALUES (?, ?)", t.ID, t.ExpiresAt.Unix())
	return err
}

// What is said to those who are refused.

func (a *app) refused(w http.ResponseWriter, r *http.Request, err error) {
	var text string
	switch flask.Kind(err) {
	case "missing", "csrf":
		text = flask.Message(err)
	case "expired":
		text = "your login has ended"
	case "revoked":
		text = "you have logged out"
	case "not_fresh":
		answer(w, http.StatusForbidden, fault{"give your password again"})
		return
	default: // for which app.py has no function
		flask.WriteError(w, r, err, "error")
		return
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		answer(w, http.StatusUnauthorized, fault{text})
		return
	}
	http.Redirect(w, r, "/login", http.StatusFound)
}

func (a *app) adminRequired(next http.Handler) http.Handler {
	return a.auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := jot.ClaimsAs[struct {
			Role string `json:"role"`
		}](r.Context())
		if err != nil || claims.Role != "admin" {
			answer(w, http.StatusForbidden, fault{"for admins only"})
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// checked returns the id of the user of that name, if the password is theirs.
func (a *app) checked(ctx context.Context, name, password string) (id string, ok bool, err error) {
	hash := ""
	err = a.db.QueryRowContext(ctx, "SELECT id, password FROM users WHERE name = ?", name).Scan(&id, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	ok, err = isPassword(hash, password)
	return id, ok, err
}
