package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"net/http"

	"github.com/go-jot/jot"
)

// view is a handler that may fail.
type view func(w http.ResponseWriter, r *http.Request) error

func (a *app) handler(v view) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := v(w, r); err != nil {
			a.auth.WriteError(w, r, err)
		}
	})
}

type fault struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // it fails only when the client has gone
}

// asked reads the JSON of a request; what is not there is empty.
func asked[T any](w http.ResponseWriter, r *http.Request) (v T) {
	_ = json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&v)
	return v
}

// The API, whose clients send tokens in a header.

func (a *app) apiLogin(w http.ResponseWriter, r *http.Request) error {
	in := asked[struct{ Name, Password string }](w, r)
	id, ok, err := a.checked(r.Context(), in.Name, in.Password)
	if err != nil {
		return err
	}
	if !ok {
		answer(w, http.StatusUnauthorized, fault{"wrong name or password"})
		return nil
	}
	pair, err := a.auth.CreatePair(r.Context(), id, jot.Fresh())
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]string{"access_token": pair.AccessToken, "refresh_token": pair.RefreshToken})
	return nil
}

func (a *app) apiRefresh(w http.ResponseWriter, r *http.Request) error {
	raw, err := a.auth.CreateAccessToken(r.Context(), jot.Identity(r.Context()))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]string{"access_token": raw})
	return nil
}

func (a *app) apiLogout(w http.ResponseWriter, r *http.Request) error {
	t, _ := jot.FromContext(r.Context())
	if err := a.revoke(r.Context(), t); err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]string{"ended": t.Type})
	return nil
}

func (a *app) me(w http.ResponseWriter, r *http.Request) error {
	u, _ := jot.CurrentUser[user](r.Context())
	answer(w, http.StatusOK, u)
	return nil
}

type note struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

func (a *app) notes(w http.ResponseWriter, r *http.Request) error {
	found, err := list(r.Context(), a.db, func(n *note) []any { return []any{&n.ID, &n.Text} },
		"SELECT id, text FROM notes WHERE public OR owner = ? ORDER BY id", jot.Identity(r.Context()))
	if err == nil {
		answer(w, http.StatusOK, found)
	}
	return err
}

func (a *app) addNote(w http.ResponseWriter, r *http.Request) error {
	in := asked[struct{ Text string }](w, r)
	return a.change(w, r,
		"INSERT INTO notes (owner, text, public) VALUES (?, ?, FALSE)", jot.Identity(r.Context()), in.Text)
}

func (a *app) changePassword(w http.ResponseWriter, r *http.Request) error {
	in := asked[struct{ Password string }](w, r)
	hash, err := hashOf(a.method, in.Password)
	if err != nil {
		return err
	}
	return a.change(w, r, "UPDATE users SET password = ? WHERE id = ?", hash, jot.Identity(r.Context()))
}

func (a *app) users(w http.ResponseWriter, r *http.Request) error {
	found, err := list(r.Context(), a.db, func(u *user) []any { return []any{&u.ID, &u.Name, &u.Role} },
		"SELECT id, name, role FROM users ORDER BY id")
	if err == nil {
		answer(w, http.StatusOK, found)
	}
	return err
}

func (a *app) deleteUser(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, "DELETE FROM users WHERE id = ?", r.PathValue("id"))
}

// change changes the database, and says no more than that.
func (a *app) change(w http.ResponseWriter, r *http.Request, statement string, values ...any) error {
	_, err := a.db.ExecContext(r.Context(), statement, values...)
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// list returns the rows of a question.
func list[T any](ctx context.Context, db *sql.DB, fields func(*T) []any, question string, values ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, question, values...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	found := []T{}
	for rows.Next() {
		var one T
		if err := rows.Scan(fields(&one)...); err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, rows.Err()
}

// The pages, whose browser sends them in cookies.

func loginPage(w http.ResponseWriter, _ *http.Request) {
	page(w, http.StatusOK, "<form method=post><input name=name><input name=password type=password>"+
		"<button>Log in</button></form>")
}

func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // it fails only when the client has gone
}

var frontPage = template.Must(template.New("front").Parse(`<p>{{ .User }}</p><form method=post action=/logout>` +
	`<input name=csrf_token type=hidden value={{ .CSRF }}><button>Log out</button></form>`))

func (a *app) login(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	id, ok, err := a.checked(r.Context(), r.PostFormValue("name"), r.PostFormValue("password"))
	if err != nil {
		return err
	}
	if !ok {
		page(w, http.StatusUnauthorized, "wrong name or password")
		return nil
	}
	pair, err := a.auth.CreatePair(r.Context(), id, jot.Fresh())
	if err != nil {
		return err
	}
	if err := errors.Join(
		a.cookies.SetAccess(w, pair.AccessToken), a.cookies.SetRefresh(w, pair.RefreshToken)); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusFound)
	return nil
}

func (a *app) front(w http.ResponseWriter, r *http.Request) error {
	t, _ := jot.FromContext(r.Context())
	u, _ := jot.CurrentUser[user](r.Context())
	return frontPage.Execute(w, map[string]string{"User": u.Name, "CSRF": t.CSRFToken()})
}

func (a *app) refresh(w http.ResponseWriter, r *http.Request) error {
	raw, err := a.auth.CreateAccessToken(r.Context(), jot.Identity(r.Context()))
	if err != nil {
		return err
	}
	if err := a.cookies.SetAccess(w, raw); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusFound)
	return nil
}

func (a *app) logout(w http.ResponseWriter, r *http.Request) error {
	t, _ := jot.FromContext(r.Context())
	if err := a.revoke(r.Context(), t); err != nil {
		return err
	}
	a.cookies.Unset(w)
	http.Redirect(w, r, "/login", http.StatusFound)
	return nil
}
