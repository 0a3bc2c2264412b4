package main

import (
	"net/http"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
)

// reset sets a new password, ends all sessions, which may be somebody else's, and begins a new one. The link is used up
// last of all, so that a password that is too short costs nothing.
func (s *server) reset(w http.ResponseWriter, r *http.Request) {
	raw, password := r.PostForm.Get("token"), r.PostForm.Get("password")
	u, err := s.follow(r, resetLink, raw)
	if err != nil {
		s.linkRefused(w, r, resetLink, err)
		return
	}
	if err := site.CheckPassword(password); err != nil {
		s.show(w, r, http.StatusUnprocessableEntity, resetLink.name,
			page{Token: raw, Email: u.Email, Error: err.Error()})
		return
	}
	if u, err = s.follow(r, resetLink, raw, jot.SingleUse()); err == nil {
		err = s.users.SetPassword(r.Context(), u, password) // of two links at once, one sets it
	}
	if err == nil {
		err = s.auth.RevokeSubject(r.Context(), u.Name) // and all links with it
	}
	if err != nil {
		s.linkRefused(w, r, resetLink, err)
		return
	}
	s.begin(w, r, u, "/?changed")
}
