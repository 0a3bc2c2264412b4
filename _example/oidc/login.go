package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/go-jot/jot"
)

// flow is a login that is under way at the provider: what its browser must bring back.
type flow struct {
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE: a code that somebody else has got hold of is nothing without it
	Next     string `json:"next"`
}

// flowTTL is how long one may take at the provider.
const flowTTL = 10 * time.Minute

// flowCookie and the state are the name of a login's cookie, so that the callback of a login that another browser has
// begun finds none, and that two tabs are not in each other's way. No other host and no plain connection can set a
// __Host- cookie.
const flowCookie = "__Host-login-"

func setFlow(w http.ResponseWriter, state, value string, maxAge time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: flowCookie + state, Value: value, Path: "/", MaxAge: int(maxAge.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, // the way back begins on the provider's site
	})
}

func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "login", page{Next: r.URL.Query().Get("next")})
}

// login leads to the provider. It is a form, so that no other site's page begins it.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	state := rand.Text()
	begun := flow{Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: local(r.PostForm.Get("next"))}
	text, err := json.Marshal(begun)
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	setFlow(w, state, base64.RawURLEncoding.EncodeToString(text), flowTTL)
	http.Redirect(w, r, s.issuer.client.AuthCodeURL(state, oidc.Nonce(begun.Nonce),
		oauth2.S256ChallengeOption(begun.Verifier)), http.StatusSeeOther)
}

// callback is where the provider leads back to: an ID token becomes a session of jot's.
func (s *server) callback(w http.ResponseWriter, r *http.Request) {
	begun, ok := resume(w, r)
	if !ok {
		s.message(w, r, http.StatusBadRequest, "This login is over",
			"It was begun in another browser, or it has taken too long. Log in again.")
		return
	}
	who, err := s.issuer.identify(r.Context(), r.URL.Query(), begun)
	switch {
	case errors.Is(err, errCancelled):
		s.message(w, r, http.StatusForbidden, "You are not logged in", "You have cancelled at the provider.")
		return
	case errors.Is(err, errRefused):
		slog.DebugContext(r.Context(), "login refused", "err", err)
		s.message(w, r, http.StatusBadRequest, "That did not work", "The provider's answer was not good. Log in again.")
		return
	}
	if err == nil {
		err = s.begin(w, r, who)
	}
	if errors.Is(err, errLoggedOut) {
		s.message(w, r, http.StatusForbidden, "You are not logged in", "You have signed out at the provider meanwhile.")
		return
	}
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, begun.Next)
}

// resume finds the login that a callback belongs to. Its cookie is good for one callback.
func resume(w http.ResponseWriter, r *http.Request) (begun flow, ok bool) {
	state := r.URL.Query().Get("state")
	cookie, err := r.Cookie(flowCookie + state)
	if err != nil {
		return flow{}, false
	}
	setFlow(w, state, "", -time.Second)
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(text, &begun) != nil || begun.Nonce == "" || begun.Verifier == "" {
		return flow{}, false
	}
	return begun, true
}

// begin begins the session of a user whom the provider has named. It is not Fresh: when a password was given is for the
// provider to say, and may be hours ago. If it does say so, MaxAge can go by it.
func (s *server) begin(w http.ResponseWriter, r *http.Request, who identity) error {
	u, err := s.accounts.user(r.Context(), who)
	if err != nil {
		return err
	}
	opts := []jot.TokenOption{jot.Label(deviceOf(r.UserAgent()))}
	if !who.AuthTime.IsZero() {
		opts = append(opts, jot.AuthTime(who.AuthTime))
	}
	pair, err := s.auth.CreatePair(r.Context(), u.ID, opts...)
	if err != nil {
		return err
	}
	// First the row, then the look at what the provider has told: a logout that comes between finds the row.
	if err := s.accounts.begin(r.Context(), pair.SessionID, u.ID, who); err != nil {
		return errors.Join(err, s.auth.RevokeSessionByID(r.Context(), u.ID, pair.SessionID))
	}
	return s.auth.SetCookies(w, pair)
}

// deviceOf makes a label of what a browser calls itself. Most also claim to be those that stand after them.
func deviceOf(userAgent string) string {
	for _, name := range []string{"Edg", "Firefox", "Chrome", "Safari"} {
		if strings.Contains(userAgent, name) {
			return strings.Replace(name, "Edg", "Edge", 1)
		}
	}
	return "A browser"
}
