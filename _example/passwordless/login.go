package main

import (
	"errors"
	"net/http"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
)

// front shows where one is logged in, and to everybody else the way in.
func (s *server) front(w http.ResponseWriter, r *http.Request) {
	t, ok := jot.FromContext(r.Context())
	if !ok {
		s.show(w, r, http.StatusOK, "front", page{})
		return
	}
	sessions, err := s.auth.Sessions(r.Context(), t.Subject)
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	p := page{Devices: make([]device, len(sessions))}
	for i, each := range sessions {
		p.Devices[i] = device{each, each.ID == t.SessionID}
	}
	if r.URL.Query().Has("changed") {
		p.Notice = "Your password is set, and every other device is logged out."
	}
	s.show(w, r, http.StatusOK, "front", p)
}

// enter is the button behind a link: it uses the link up, and begins a session.
func (s *server) enter(w http.ResponseWriter, r *http.Request) {
	u, err := s.follow(r, magicLink, r.PostForm.Get("token"), jot.SingleUse())
	if err != nil {
		s.linkRefused(w, r, magicLink, err)
		return
	}
	s.begin(w, r, u, "/")
}

// begin begins a session, and leads to a page. A link proves who somebody is as a password does, so the token is fresh.
func (s *server) begin(w http.ResponseWriter, r *http.Request, u *site.User, page string) {
	pair, err := s.auth.CreatePair(r.Context(), u.Name, jot.Fresh(), jot.Label(site.DeviceOf(r.UserAgent())))
	if err == nil {
		err = s.auth.SetCookies(w, pair)
	}
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
}

func (s *server) passwordPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "password", page{})
}

// password is the other way in.
func (s *server) password(w http.ResponseWriter, r *http.Request) {
	p := page{Email: r.PostForm.Get("email")}
	address, _ := addressOf(p.Email) // what is none belongs to nobody
	u, err := s.users.Authenticate(r.Context(), address, r.PostForm.Get("password"))
	switch {
	case errors.Is(err, site.ErrLogin):
		p.Error = "Wrong address or password."
		s.show(w, r, http.StatusUnprocessableEntity, "password", p)
	case err != nil:
		s.auth.WriteError(w, r, err)
	default:
		s.begin(w, r, u, "/")
	}
}

// logout also answers a second press of its button, in another tab say, when there is nothing left to end.
func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.auth.Logout(w, r); err != nil && !errors.Is(err, jot.ErrNoToken) {
		s.auth.WriteError(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logoutEverywhere also ends the links that are under way.
func (s *server) logoutEverywhere(w http.ResponseWriter, r *http.Request) {
	if err := s.auth.RevokeSubject(r.Context(), jot.Identity(r.Context())); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	s.auth.UnsetCookies(w)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
