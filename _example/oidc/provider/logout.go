package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// endSession is RP-Initiated Logout 1.0. A client that shows an ID token of the session ends it at once, and so does
// the button of this provider's own page; anybody else's link only leads to that.
func (p *provider) endSession(w http.ResponseWriter, r *http.Request) {
	client, sid := p.hinted(one(r.Form, "id_token_hint"))
	back := one(r.Form, "post_logout_redirect_uri")
	if back != client.LogoutURI {
		back = ""
	}
	s := p.sessionOf(r)
	own := r.Method == http.MethodPost && p.sameSite.Check(r) == nil
	if s != nil && s.ID != sid && !own {
		p.show(w, http.StatusOK, "signout", page{Session: s, Action: "/end-session?" + r.Form.Encode()})
		return
	}
	if s != nil {
		p.end(w, r, s, s.ID)
	}
	if back == "" {
		p.message(w, http.StatusOK, "You are signed out", "Services that you have used are told so.")
		return
	}
	if state := one(r.Form, "state"); state != "" {
		back += "?state=" + url.QueryEscape(state)
	}
	http.Redirect(w, r, back, http.StatusSeeOther) //nolint:gosec // it is registered
}

// hinted reads an ID token that this provider has issued. That it has expired does not matter: the session goes on.
func (p *provider) hinted(raw string) (client Client, sid string) {
	signed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return Client{}, ""
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		SID      string `json:"sid"`
	}
	if err := signed.Claims(p.Key.Public(), &claims); err != nil || claims.Issuer != p.Issuer {
		return Client{}, ""
	}
	return p.clients[claims.Audience], claims.SID
}

// endAll ends all sessions of the user, of whatever browser.
func (p *provider) endAll(w http.ResponseWriter, r *http.Request) {
	s := p.sessionOf(r)
	if s == nil || p.sameSite.Check(r) != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.end(w, r, s, "")
	p.message(w, http.StatusOK, "You are signed out everywhere", "Services that you have used are told so.")
}

// end ends a session, or with an empty sid all of its user, and tells the clients.
func (p *provider) end(w http.ResponseWriter, r *http.Request, s *session, sid string) {
	clients := map[string]bool{}
	p.mu.Lock()
	maps.DeleteFunc(p.sessions, func(_ string, other *session) bool {
		ends := other.ID == sid || sid == "" && other.User == s.User
		if ends {
			other.ended = true
			maps.Copy(clients, other.clients)
		}
		return ends
	})
	p.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	// Not for longer than anybody would wait, and even if the browser does not.
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer stop()
	for id := range clients {
		if err := p.tell(ctx, p.clients[id], s.User.Subject, sid); err != nil {
			slog.WarnContext(ctx, "back-channel logout failed", "client", id, "err", err)
		}
	}
}

// tell sends a logout token (Back-Channel Logout 1.0 section 2.5).
func (p *provider) tell(ctx context.Context, client Client, subject, sid string) error {
	now := p.Now()
	claims := map[string]any{
		"iss": p.Issuer, "aud": client.ID, "sub": subject, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": struct{}{}},
	}
	if sid != "" {
		claims["sid"] = sid
	}
	token, err := p.sign(typeLogout, claims)
	if err != nil {
		return err
	}
	form := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, client.BackchannelURI, form)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the client answered %s", response.Status)
	}
	return nil
}
