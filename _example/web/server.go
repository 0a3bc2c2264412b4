package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
	"github.com/go-jot/jot/sqlstore"
)

// server is what the handlers share.
type server struct {
	auth   *jot.Manager
	users  *site.Users
	notes  *notes
	origin string
	mail   io.Writer
}

// newHandler returns the whole service.
func newHandler(ctx context.Context, cfg config, db *sql.DB) (http.Handler, error) {
	secret, err := site.KeptSecret(cfg.store + ".secret")
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.New(ctx, db, sqlstore.SQLite)
	if err != nil {
		return nil, err
	}
	users, err := site.NewUsers(ctx, db, cfg.rounds)
	if err != nil {
		return nil, err
	}
	notes, err := newNotes(ctx, db)
	if err != nil {
		return nil, err
	}
	s := &server{users: users, notes: notes, origin: cfg.origin, mail: cfg.mail}
	s.auth, err = jot.New(jot.HS256(secret),
		jot.WithStore(store),
		jot.WithCookies(jot.CookieConfig{CSRFField: "csrf", Insecure: cfg.insecure}),
		jot.WithSlidingSessions(),
		jot.WithAccessTTL(cfg.access),
		jot.WithUserLookup(users.ByToken),
		jot.WithErrorHandler(s.refused),
		jot.WithClock(cfg.now))
	if err != nil {
		return nil, err
	}
	return site.Secured(s.auth.CrossOriginGuard(s.routes()), s.damaged), nil
}

// routes lists all pages. The path of a form begins with that of the page on which it stands: see pageOf.
func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /style.css", http.HandlerFunc(site.Style))
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout) // what it needs is in the cookies, expired or not
	mux.HandleFunc("GET /forgot", s.forgotPage)
	mux.HandleFunc("POST /forgot", s.forgot)
	mux.HandleFunc("GET /reset", s.resetPage)
	mux.HandleFunc("POST /reset", s.reset)
	guarded := func(pattern string, handler http.HandlerFunc, demands ...jot.RouteOption) {
		mux.Handle(pattern, s.auth.Required(demands...)(handler))
	}
	guarded("/", s.notFound, jot.Optional())
	guarded("GET /{$}", s.front, jot.Optional())
	guarded("GET /notes", s.notesPage)
	guarded("POST /notes/add", s.addNote)
	guarded("POST /notes/delete", s.deleteNote)
	guarded("GET /devices", s.devicesPage)
	guarded("POST /devices/logout", s.logoutDevice)
	guarded("POST /devices/logout-all", s.logoutEverywhere)
	guarded("GET /confirm", s.confirmPage)
	guarded("POST /confirm", s.confirm)
	// The password was given just now, or else refused leads to /confirm. What confirm makes lasts until the token is
	// renewed, after two thirds of its life, so this is less.
	recently := jot.MaxAge(5 * time.Minute)
	guarded("GET /account", s.accountPage, recently)
	guarded("POST /account/email", s.changeEmail, recently)
	guarded("POST /account/clear", s.deleteNotes, recently)
	return mux
}

// refused answers what a guard has refused.
func (s *server) refused(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*jot.Error](err)
	switch {
	case !ok: // a mistake of ours, or the database
		slog.ErrorContext(r.Context(), "internal error", "err", err)
		s.message(w, r, http.StatusInternalServerError, "Something went wrong", "It is not your fault.")
	case errors.Is(err, jot.ErrNotFresh):
		redirect(w, r, "/confirm?next="+url.QueryEscape(pageOf(r)))
	case e.Status() == http.StatusUnauthorized:
		// Cookies that are no good any more go. Where there was none, it may be that another site made the browser
		// hold it back, and such a site must not log anybody out.
		if !errors.Is(err, jot.ErrNoToken) {
			s.auth.UnsetCookies(w)
		}
		s.askToLogin(w, r)
	case errors.Is(err, jot.ErrCSRF):
		s.message(w, r, e.Status(), "This form is out of date",
			"Somebody has logged in or out since it was opened. Open its page again, and send it from there.")
	case errors.Is(err, jot.ErrUnavailable):
		slog.ErrorContext(r.Context(), "unavailable", "err", err)
		s.message(w, r, e.Status(), "One moment, please", "The service cannot answer just now. Try again in a minute.")
	default:
		s.message(w, r, e.Status(), "That did not work", http.StatusText(e.Status())+".")
	}
}

// askToLogin leads to the login and back. A form that was sent is not lost: the login takes its text along.
func (s *server) askToLogin(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		redirect(w, r, "/login?next="+url.QueryEscape(pageOf(r)))
		return
	}
	p := page{Next: pageOf(r), Text: r.PostForm.Get("text"), Notice: "Your session is over. Log in again to go on."}
	if p.Text != "" {
		p.Notice = "Your session is over. Log in again: what you have written is kept."
	}
	s.show(w, r, http.StatusUnauthorized, "login", p)
}

// pageOf is the page of a request: itself, or that on which its form stands.
func pageOf(r *http.Request) string {
	if r.Method == http.MethodGet {
		return r.URL.RequestURI()
	}
	return sectionOf(r)
}

// sectionOf is the first part of the path.
func sectionOf(r *http.Request) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return "/" + first
}

// local returns the path to go to, or that of the notes if it would lead to another site: browsers read //evil.example
// and /\evil.example as one, and leave out tabs and line ends before they look.
func local(path string) string {
	odd := func(c rune) bool { return c < ' ' || c == '\\' }
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, odd) {
		return "/notes"
	}
	return path
}

// redirect leads to a page of this site, and to no other. After a form, Back and Reload send nothing twice.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, local(path), http.StatusSeeOther) //nolint:gosec // local has looked at it
}

func (s *server) front(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "front", page{Title: "A notebook"})
}

func (s *server) damaged(w http.ResponseWriter, r *http.Request) {
	s.message(w, r, http.StatusBadRequest, "That did not work", "What was sent is damaged, or too long.")
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	s.message(w, r, http.StatusNotFound, "There is no such page", "Perhaps the address has a slip in it.")
}

// sendMail would send a mail, and prints it.
func (s *server) sendMail(to, text string) {
	_, _ = fmt.Fprintf(s.mail, "Mail to %s: %s\n", to, text)
}
