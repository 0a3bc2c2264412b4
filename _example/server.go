package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/session"
)

// server is what the handlers share.
type server struct {
	auth  *jot.Manager
	users *users
}

// newServer returns the whole service. A bad secret or lifetime is an error here, at start-up, and none later.
func newServer(cfg config, store session.Store) (http.Handler, error) {
	users, err := newUsers(cfg.rounds)
	if err != nil {
		return nil, err
	}
	auth, err := jot.New(jot.HS256(cfg.secret),
		jot.WithAccessTTL(cfg.accessTTL),
		jot.WithStore(store),
		jot.WithUserLookup(users.byToken),
		jot.Options(cfg.options...))
	if err != nil {
		return nil, err
	}
	s := &server{auth, users}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", s.login) // the only route without a guard
	guarded := func(pattern string, handler http.HandlerFunc, demands ...jot.RouteOption) {
		mux.Handle(pattern, auth.Required(demands...)(handler))
	}
	guarded("GET /protected", s.protected)
	guarded("GET /optional", s.optional, jot.Optional())
	guarded("GET /me", s.me)
	guarded("POST /sensitive", s.sensitive, jot.Fresh())
	guarded("GET /admin", s.admin, jot.Scopes("admin"))
	guarded("GET /sessions", s.sessions)
	guarded("DELETE /sessions", s.logoutEverywhere)
	mux.Handle("POST /refresh", auth.RefreshHandler())
	mux.Handle("DELETE /logout", auth.LogoutHandler())
	return mux, nil
}

// login answers a right password with an access token and a refresh token.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	name, password, status := credentials(w, r)
	if status != http.StatusOK {
		writeProblem(w, status, "send username and password, as JSON or as a form")
		return
	}
	u, err := s.users.authenticate(r.Context(), name, password)
	if errors.Is(err, errLogin) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`) // a 401 names the way in (RFC 9110 section 15.5.2)
		writeProblem(w, http.StatusUnauthorized, err.Error())
		return
	}
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	options := []jot.TokenOption{jot.Fresh()}
	if len(u.Scopes) > 0 {
		options = append(options, jot.Scopes(u.Scopes...))
	}
	pair, err := s.auth.CreatePair(r.Context(), u.Name, options...)
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	_ = s.auth.WritePair(w, pair) // it fails only when the client has gone
}

// protected wants any access token.
func (s *server) protected(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, map[string]string{"logged_in_as": jot.Identity(r.Context())})
}

// optional serves everybody, and knows who is logged in.
func (s *server) optional(w http.ResponseWriter, r *http.Request) {
	if _, ok := jot.FromContext(r.Context()); !ok {
		writeJSON(w, map[string]bool{"anonymous": true})
		return
	}
	s.protected(w, r)
}

// me answers with the user that WithUserLookup has loaded.
func (s *server) me(w http.ResponseWriter, r *http.Request) {
	u, _ := jot.CurrentUser[*user](r.Context()) // there is one behind every guard
	writeJSON(w, u)
}

// sensitive wants a token from a login, not from a refresh.
func (s *server) sensitive(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, map[string]string{"done_for": jot.Identity(r.Context())})
}

// sessions lists where the user is logged in.
func (s *server) sessions(w http.ResponseWriter, r *http.Request) {
	t, _ := jot.FromContext(r.Context()) // there is one behind every guard
	list, err := s.auth.Sessions(r.Context(), t.Subject)
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	type session struct {
		ID        string    `json:"id"`
		StartedAt time.Time `json:"started_at"`
		Current   bool      `json:"current"`
	}
	out := make([]session, len(list))
	for i, each := range list {
		out[i] = session{each.ID, each.StartedAt, each.ID == t.SessionID}
	}
	writeJSON(w, out)
}

// logoutEverywhere ends all sessions of the user, this one too.
func (s *server) logoutEverywhere(w http.ResponseWriter, r *http.Request) {
	if err := s.auth.RevokeSubject(r.Context(), jot.Identity(r.Context())); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// admin wants the scope "admin".
func (s *server) admin(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string][]string{"users": s.users.names()})
}

// maxLogin bounds the body of a login: nobody has to read more before a password was right.
const maxLogin = 4 << 10

// credentials reads username and password from a JSON object or a form, never from the URL, which ends up in logs. The
// status says what is wrong with the body, 200 if nothing is.
func credentials(w http.ResponseWriter, r *http.Request) (name, password string, status int) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	var err error
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "application/json":
		var body struct {
			Username string `json:"username"`
			Password string `json:"password"`
		}
		var text []byte
		if text, err = io.ReadAll(r.Body); err == nil {
			err = json.Unmarshal(text, &body)
		}
		name, password = body.Username, body.Password
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
		name, password = r.PostForm.Get("username"), r.PostForm.Get("password")
	default:
		return "", "", http.StatusUnsupportedMediaType
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return "", "", http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return "", "", http.StatusBadRequest
	}
	return name, password, http.StatusOK
}

// problem is an answer as the guards give it (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{"about:blank", http.StatusText(status), status, detail})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // it fails only when the client has gone
}
