package main

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
)

func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "login", page{Next: r.URL.Query().Get("next")})
}

// login leads back to where one was.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	p := page{Username: r.PostForm.Get("username"), Next: r.PostForm.Get("next"), Text: r.PostForm.Get("text")}
	u, err := s.users.Authenticate(r.Context(), p.Username, r.PostForm.Get("password"))
	if errors.Is(err, site.ErrLogin) {
		p.Error = "Wrong name or password."
		s.show(w, r, http.StatusUnprocessableEntity, "login", p)
		return
	}
	if err == nil {
		r, err = s.begin(w, r, u)
	}
	switch {
	case err != nil:
		s.auth.WriteError(w, r, err)
	case p.Text != "": // it was sent when the session was over: its writer sees it again, and decides
		s.showNotes(w, r, http.StatusOK, page{Text: p.Text, Notice: "Welcome back. Your note is not saved yet."})
	default:
		redirect(w, r, cmp.Or(p.Next, "/notes"))
	}
}

// begin begins a session, and returns the request as it looks behind a guard.
func (s *server) begin(w http.ResponseWriter, r *http.Request, u *site.User) (*http.Request, error) {
	pair, err := s.auth.CreatePair(r.Context(), u.Name, jot.Fresh(), jot.Label(site.DeviceOf(r.UserAgent())))
	if err != nil {
		return r, err
	}
	if err := s.auth.SetCookies(w, pair); err != nil {
		return r, err
	}
	t, err := s.auth.Verify(r.Context(), pair.AccessToken)
	if err != nil {
		return r, err
	}
	return r.WithContext(jot.NewContext(r.Context(), t)), nil
}

// logout also answers a second press of its button, in another tab say, when there is nothing left to end.
func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.auth.Logout(w, r); err != nil && !errors.Is(err, jot.ErrNoToken) {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, "/")
}

func (s *server) confirmPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "confirm", page{Next: r.URL.Query().Get("next")})
}

// confirm asks for the password again, and puts a token into the session that says so.
func (s *server) confirm(w http.ResponseWriter, r *http.Request) {
	t, _ := jot.FromContext(r.Context()) // there is one behind every guard
	next := r.PostForm.Get("next")
	_, err := s.users.Authenticate(r.Context(), t.Subject, r.PostForm.Get("password"))
	if errors.Is(err, site.ErrLogin) {
		s.show(w, r, http.StatusUnprocessableEntity, "confirm", page{Next: next, Error: "Wrong password."})
		return
	}
	access := ""
	if err == nil {
		access, err = s.auth.CreateAccessToken(r.Context(), t.Subject, jot.InSession(t), jot.Fresh())
	}
	if err == nil {
		err = s.auth.SetCookies(w, &jot.Pair{AccessToken: access})
	}
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, cmp.Or(next, "/account"))
}
