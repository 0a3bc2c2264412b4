package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
)

// accountPage is guarded by MaxAge: who gets here has given the password a moment ago.
func (s *server) accountPage(w http.ResponseWriter, r *http.Request) {
	u, _ := jot.CurrentUser[*site.User](r.Context()) // there is one behind every guard
	p := page{Email: u.Email}
	if r.URL.Query().Has("changed") {
		p.Notice = "Your address is changed."
	}
	s.show(w, r, http.StatusOK, "account", p)
}

// changeEmail decides who can reset the password, so the password comes first. In earnest, the new address counts when
// a link that was mailed to it has been followed.
func (s *server) changeEmail(w http.ResponseWriter, r *http.Request) {
	u, _ := jot.CurrentUser[*site.User](r.Context())
	email := r.PostForm.Get("email")
	switch err := s.users.SetEmail(r.Context(), u.Name, email); {
	case errors.Is(err, site.ErrEmail):
		s.show(w, r, http.StatusUnprocessableEntity, "account", page{Email: email, Error: err.Error()})
	case err != nil:
		s.auth.WriteError(w, r, err)
	default:
		s.sendMail(u.Email, fmt.Sprintf("the address of %s is now %s; if it was not you, write to us", u.Name, email))
		redirect(w, r, "/account?changed")
	}
}

func (s *server) deleteNotes(w http.ResponseWriter, r *http.Request) {
	if err := s.notes.clear(r.Context(), jot.Identity(r.Context())); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, "/notes")
}
