package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
	"github.com/go-jot/jot/sqlstore"
)

// server is what the handlers share.
type server struct {
	auth     *jot.Manager
	anybody  *jot.Guard
	users    *site.Users
	browsers browsers
	post     *post
	origin   string
}

func newServer(ctx context.Context, cfg config, db *sql.DB) (*server, error) {
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
	s := &server{
		users: users, browsers: browsers{insecure: cfg.insecure}, post: newPost(cfg.mail, cfg.now), origin: cfg.origin,
	}
	s.auth, err = jot.New(jot.HS256(secret),
		jot.WithStore(store),
		jot.WithCookies(jot.CookieConfig{CSRFField: "csrf", Insecure: cfg.insecure}),
		jot.WithSlidingSessions(),
		jot.WithUserLookup(s.userOf),
		jot.WithErrorHandler(s.refused),
		jot.WithClock(cfg.now))
	if err != nil {
		return nil, err
	}
	s.anybody = s.auth.Guard(jot.Optional())
	return s, nil
}

// handler returns the whole service.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", site.Style)
	mux.Handle("GET /{$}", s.anybody.Handler(http.HandlerFunc(s.front)))
	mux.HandleFunc("/", s.open(s.notFound))
	for _, l := range []link{magicLink, resetLink} {
		mux.HandleFunc("GET "+l.ask, s.open(s.askPage(l)))
		mux.HandleFunc("POST "+l.ask, s.mailLink(l))
		mux.HandleFunc("GET "+l.path, s.open(s.linkPage(l)))
	}
	mux.HandleFunc("POST /enter", s.enter)
	mux.HandleFunc("POST /reset", s.reset)
	mux.HandleFunc("GET /password", s.open(s.passwordPage))
	mux.HandleFunc("POST /password", s.password)
	mux.HandleFunc("POST /logout", s.logout) // what it needs is in the cookies, expired or not
	mux.Handle("POST /logout-everywhere", s.auth.Required()(http.HandlerFunc(s.logoutEverywhere)))
	// What logs in needs no session, so it is the guard around everything that keeps other sites' forms away.
	return site.Secured(s.auth.CrossOriginGuard(mux), s.damaged)
}

// open shows a page to everybody, also to those whose session is no good: the page is about something else.
func (s *server) open(show http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if admitted, err := s.anybody.Admit(w, r); err == nil {
			r = admitted
		}
		show(w, r)
	}
}

// refused answers what a guard has refused.
func (s *server) refused(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*jot.Error](err)
	switch {
	case !ok: // a mistake of ours, or the database
		slog.ErrorContext(r.Context(), "internal error", "err", err)
		s.message(w, r, http.StatusInternalServerError, "Something went wrong", "It is not your fault.")
	case errors.Is(err, jot.ErrNoToken):
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	case e.Status() == http.StatusUnauthorized:
		s.auth.UnsetCookies(w)
		http.Redirect(w, r, "/login?over", http.StatusSeeOther)
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

func (s *server) damaged(w http.ResponseWriter, r *http.Request) {
	s.message(w, r, http.StatusBadRequest, "That did not work", "What was sent is damaged, or too long.")
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	s.message(w, r, http.StatusNotFound, "There is no such page", "Perhaps the address has a slip in it.")
}
