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

// link is a kind of link that is mailed.
type link struct {
	kind jot.Trait // the type of its token, which no other route takes
	name string
	ask  string // the page where one asks for it
	path string // and where it leads to
	does string // what the mail says
}

var (
	magicLink = newLink("magic_link", "/login", "/enter", "log in")
	resetLink = newLink("password_reset", "/forgot", "/reset", "choose a new password")
)

func newLink(name, ask, path, does string) link {
	return link{jot.Type(name), name, ask, path, does}
}

const linkLife = 10 * time.Minute

// What a link's token claims of the browser that asked for it, and of its user at that time.
const (
	browserClaim = "browser"
	stateClaim   = "state"
)

// to returns a new link for a user who has asked in a browser.
func (s *server) to(ctx context.Context, l link, u *site.User, browser string) (string, error) {
	token, err := s.auth.CreateToken(ctx, u.Name, l.kind, jot.ExpiresIn(linkLife),
		jot.Claim(browserClaim, hashOf(browser)), jot.Claim(stateClaim, u.State()))
	return s.origin + l.path + "?" + url.Values{"token": {token}}.Encode(), err
}

// follow returns the user of a link's token. [jot.SingleUse] among the demands uses it up, as the last of all checks.
func (s *server) follow(r *http.Request, l link, raw string, demands ...jot.Demand) (*site.User, error) {
	t, err := s.auth.Verify(r.Context(), raw, append(demands, l.kind, s.browsers.same(r))...)
	if err != nil {
		return nil, err
	}
	u, _ := jot.CurrentUser[*site.User](jot.NewContext(r.Context(), t)) // userOf has found one
	return u, nil
}

// userOf finds the user of a token. A link ends when its user's address or password is another.
func (s *server) userOf(ctx context.Context, t *jot.Token) (*site.User, error) {
	u, err := s.users.ByToken(ctx, t)
	if err != nil || t.Type != magicLink.name && t.Type != resetLink.name {
		return u, err
	}
	var state string
	if err := t.Claim(stateClaim, &state); err != nil || state != u.State() {
		return nil, fmt.Errorf("%w: its user has another address or password by now", jot.ErrRevoked)
	}
	return u, nil
}

// askPage asks for an address.
func (s *server) askPage(l link) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := page{Link: l.name}
		if r.URL.Query().Has("over") {
			p.Notice = "Your session is over. Log in again to go on."
		}
		s.show(w, r, http.StatusOK, "ask", p)
	}
}

// mailLink mails a link. Its answer does not tell who has an account.
func (s *server) mailLink(l link) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := page{Link: l.name, Email: r.PostForm.Get("email")}
		address, ok := addressOf(p.Email)
		if !ok {
			p.Error = "This is not an e-mail address."
			s.show(w, r, http.StatusUnprocessableEntity, "ask", p)
			return
		}
		u, err := s.users.ByEmail(r.Context(), address)
		if errors.Is(err, jot.ErrUserNotFound) {
			u, err = nil, nil
		}
		browser, ctx := s.browsers.know(w, r), context.WithoutCancel(r.Context())
		if err == nil {
			err = s.post.later(func() { s.mail(ctx, l, u, browser) })
		}
		if err != nil {
			s.auth.WriteError(w, r, err)
			return
		}
		s.show(w, r, http.StatusOK, "asked", p)
	}
}

// linkPage is where a link leads to. It uses nothing up: scanners of mails open links too, but press no buttons.
func (s *server) linkPage(l link) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw := r.URL.Query().Get("token")
		u, err := s.follow(r, l, raw)
		if err != nil {
			s.linkRefused(w, r, l, err)
			return
		}
		s.show(w, r, http.StatusOK, l.name, page{Token: raw, Email: u.Email})
	}
}

// linkRefused says what is wrong with a link, and offers another.
func (s *server) linkRefused(w http.ResponseWriter, r *http.Request, l link, err error) {
	p := page{Link: l.name}
	switch {
	case errors.Is(err, errBrowser):
		p.Title = "This link was asked for in another browser"
		p.Text = "It works there alone, so that nobody else can use it, and it is as good as before. " +
			"Open it there, or ask for one that is for this browser. If it was not you who asked, do nothing."
	case errors.Is(err, jot.ErrExpired):
		p.Title = "This link has expired"
		p.Text = "It works for ten minutes."
	case errors.Is(err, jot.ErrRevoked), errors.Is(err, site.ErrChanged):
		p.Title = "This link has been used"
		p.Text = "It works once, and a change of the password ends it as well."
	case errors.Is(err, jot.ErrInvalid), errors.Is(err, jot.ErrBadRequest), errors.Is(err, jot.ErrNoToken),
		errors.Is(err, jot.ErrWrongType), errors.Is(err, jot.ErrUserNotFound):
		p.Title = "This is not a link of ours"
		p.Text = "Perhaps a part of it was lost on the way: it is long, and some programs for mails break it."
	default:
		s.auth.WriteError(w, r, err)
		return
	}
	s.show(w, r, http.StatusForbidden, "refused", p)
}
