package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
)

// resetToken is what a mailed link holds, and nothing else is: no other route takes it.
var resetToken = jot.Type("password_reset")

func (s *server) forgotPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "forgot", page{})
}

// forgot mails a link. Its answer does not tell who has an account.
func (s *server) forgot(w http.ResponseWriter, r *http.Request) {
	u, err := s.users.ByEmail(r.Context(), r.PostForm.Get("email"))
	if err == nil {
		err = s.mailLink(r.Context(), u) // in earnest: put it into a queue, so that it takes no longer
	}
	if err != nil && !errors.Is(err, jot.ErrUserNotFound) {
		s.auth.WriteError(w, r, err)
		return
	}
	s.message(w, r, http.StatusOK, "Look into your mail",
		"If the address belongs to an account, a link is on its way to it. It works once, for half an hour.")
}

func (s *server) mailLink(ctx context.Context, u *site.User) error {
	token, err := s.auth.CreateToken(ctx, u.Name, resetToken,
		jot.Claim("email", u.Email), jot.ExpiresIn(30*time.Minute))
	if err != nil {
		return err
	}
	link := s.origin + "/reset?" + url.Values{"token": {token}}.Encode()
	s.sendMail(u.Email, fmt.Sprintf("choose a new password for %s at %s", u.Name, link))
	return nil
}

// resetPage is where the link leads to. It uses nothing up: scanners of mails open links too, but press no buttons.
func (s *server) resetPage(w http.ResponseWriter, r *http.Request) {
	raw := r.URL.Query().Get("token")
	if u, ok := s.resetOf(w, r, raw); ok {
		s.show(w, r, http.StatusOK, "reset", page{Token: raw, Username: u.Name})
	}
}

// reset sets the new password, ends all sessions, which may be somebody else's, and begins a new one.
func (s *server) reset(w http.ResponseWriter, r *http.Request) {
	raw, password := r.PostForm.Get("token"), r.PostForm.Get("password")
	u, ok := s.resetOf(w, r, raw)
	if !ok {
		return
	}
	if err := site.CheckPassword(password); err != nil {
		s.show(w, r, http.StatusUnprocessableEntity, "reset", page{Token: raw, Username: u.Name, Error: err.Error()})
		return
	}
	if _, ok := s.resetOf(w, r, raw, jot.SingleUse()); !ok { // last of all: the link works until it has worked
		return
	}
	err := s.users.SetPassword(r.Context(), u, password)
	if err == nil {
		err = s.auth.RevokeSubject(r.Context(), u.Name)
	}
	if err == nil {
		r, err = s.begin(w, r, u)
	}
	switch {
	case errors.Is(err, site.ErrChanged):
		s.linkOver(w, r)
	case err != nil:
		s.auth.WriteError(w, r, err)
	default:
		redirect(w, r, "/notes")
	}
}

// resetOf returns the user whose link it is. A link to an address that is not theirs any more counts no more. If it is
// not ok, the answer is written.
func (s *server) resetOf(
	w http.ResponseWriter, r *http.Request, raw string, more ...jot.Demand,
) (u *site.User, ok bool) {
	t, err := s.auth.Verify(r.Context(), raw, append(more, resetToken)...)
	var email string
	if err == nil {
		u, _ = jot.CurrentUser[*site.User](jot.NewContext(r.Context(), t))
		err = t.Claim("email", &email)
	}
	switch {
	case errors.Is(err, jot.ErrUnavailable):
		s.auth.WriteError(w, r, err)
	case err != nil || email != u.Email:
		s.linkOver(w, r)
	default:
		return u, true
	}
	return nil, false
}

func (s *server) linkOver(w http.ResponseWriter, r *http.Request) {
	s.message(w, r, http.StatusForbidden, "This link is over",
		"It works once, for half an hour, and only the latest address gets one. Ask for another.")
}
