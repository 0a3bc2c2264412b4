package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/sqlstore"
)

// sessionTTL is how long a session lasts at most.
const sessionTTL = 30 * 24 * time.Hour

// server is what the handlers share.
type server struct {
	auth     *jot.Manager
	accounts *accounts
	issuer   *issuer
	home     string // where a logout at the provider leads back to
	now      func() time.Time
}

// newHandler returns the whole service. It asks the provider what it is like.
func newHandler(ctx context.Context, cfg config, db *sql.DB) (http.Handler, error) {
	secret, err := keptSecret(cfg.store + ".secret")
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.New(ctx, db, sqlstore.SQLite)
	if err != nil {
		return nil, err
	}
	issuer, err := discover(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &server{accounts: &accounts{db, cfg.now}, issuer: issuer, home: cfg.client().LogoutURI, now: cfg.now}
	s.auth, err = jot.New(jot.HS256(secret),
		jot.WithStore(store),
		jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}),
		jot.WithSlidingSessions(), // so cookies are Lax; a Strict one would not be there on the way from the provider
		jot.WithAccessTTL(cfg.access),
		jot.WithRefreshTTL(sessionTTL),
		jot.WithSessionTTL(sessionTTL),
		jot.WithUserLookup(s.accounts.byToken),
		jot.WithErrorHandler(s.refused),
		jot.WithClock(cfg.now))
	if err != nil {
		return nil, err
	}
	return s.secured(s.auth.CrossOriginGuard(s.routes())), nil
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /style.css", http.HandlerFunc(style))
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET "+callback, s.callback)
	mux.HandleFunc("POST "+backchannel, s.backchannel) // from the provider itself, so there is no cookie to guard
	guarded := func(pattern string, handler http.HandlerFunc, demands ...jot.RouteOption) {
		mux.Handle(pattern, s.auth.Required(demands...)(handler))
	}
	guarded("/", s.notFound, jot.Optional())
	guarded("GET /{$}", s.front, jot.Optional())
	guarded("GET /sessions", s.sessionsPage)
	guarded("POST /sessions/logout", s.logoutSession)
	guarded("POST /logout", s.logout, jot.Optional())
	return mux
}

// secured forbids scripts, reads forms, and keeps what a page's address holds to this site. Two forms lead to the
// provider, which browsers count as a part of the form's action.
func (s *server) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'none'; style-src 'self'; base-uri 'none'; "+
			"frame-ancestors 'none'; form-action 'self' "+s.issuer.origins())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin") // a code in an address is nobody else's
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		if err := r.ParseForm(); err != nil {
			s.message(w, r, http.StatusBadRequest, "That did not work", "What was sent is damaged, or too long.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refused answers what a guard has refused.
func (s *server) refused(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*jot.Error](err)
	switch {
	case !ok: // a mistake of ours
		slog.ErrorContext(r.Context(), "internal error", "err", err)
		s.message(w, r, http.StatusInternalServerError, "Something went wrong", "It is not your fault.")
	case e.Status() == http.StatusUnauthorized:
		// Cookies of a session that is over go, those of one that the provider has ended too. Where there was none, it
		// may be that another site made the browser hold it back, and such a site must not log anybody out.
		if !errors.Is(err, jot.ErrNoToken) {
			s.auth.UnsetCookies(w)
		}
		if r.Method != http.MethodGet {
			redirect(w, r, "/login")
			return
		}
		redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()))
	case errors.Is(err, jot.ErrCSRF):
		s.message(w, r, e.Status(), "This form is out of date",
			"Somebody has logged in or out since it was opened. Open its page again, and send it from there.")
	case errors.Is(err, jot.ErrUnavailable): // the database, or the provider
		slog.ErrorContext(r.Context(), "unavailable", "err", err)
		s.message(w, r, e.Status(), "One moment, please", "The service cannot answer just now. Try again in a minute.")
	default:
		s.message(w, r, e.Status(), "That did not work", http.StatusText(e.Status())+".")
	}
}

// local returns the path to go to, or the front page if it would lead to another site: browsers read //evil.example and
// /\evil.example as one, and leave out tabs and line ends before they look.
func local(path string) string {
	odd := func(c rune) bool { return c < ' ' || c == '\\' }
	if len(path) > 1000 || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsFunc(path, odd) {
		return "/"
	}
	return path
}

// redirect leads to a page of this site, and to no other.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, local(path), http.StatusSeeOther)
}

func (s *server) front(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "front", page{})
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	s.message(w, r, http.StatusNotFound, "There is no such page", "Perhaps the address has a slip in it.")
}
