package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/go-jot/jot"
)

// logout ends the session here and, if the form says so, at the provider (RP-Initiated Logout 1.0). It also answers a
// second press of its button, when there is nothing left to end.
func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	t, ok := jot.FromContext(r.Context())
	if !ok {
		redirect(w, r, "/")
		return
	}
	hint, err := s.accounts.hint(r.Context(), t.SessionID)
	if err == nil {
		err = s.auth.Logout(w, r)
	}
	if err == nil {
		err = s.accounts.forget(r.Context(), t.Subject, t.SessionID)
	}
	switch {
	case err != nil:
		s.auth.WriteError(w, r, err)
	case r.PostForm.Get("where") == "here" || hint == "" || s.issuer.endSession == "":
		redirect(w, r, "/")
	default:
		asked := url.Values{
			"id_token_hint": {hint}, "client_id": {s.issuer.client.ClientID}, "post_logout_redirect_uri": {s.home},
		}
		http.Redirect(w, r, s.issuer.endSession+"?"+asked.Encode(), http.StatusSeeOther)
	}
}

// backchannel is told by the provider that a session has ended there (Back-Channel Logout 1.0). Section 2.8 knows 200
// and 400. A store that does not answer is 503 here, so that the provider may send the same token again.
func (s *server) backchannel(w http.ResponseWriter, r *http.Request) {
	raw := r.PostForm["logout_token"]
	if len(raw) != 1 {
		refuseLogout(w, http.StatusBadRequest, "invalid_request", "there is not one logout_token")
		return
	}
	// The provider does not wait for ever, and half of a logout is none.
	ctx := context.WithoutCancel(r.Context())
	ended, err := s.issuer.ended(ctx, raw[0])
	if err == nil {
		err = s.accounts.end(ctx, ended, s.auth.RevokeSessionByID)
	}
	switch {
	case errors.Is(err, errRefused), errors.Is(err, errReplayed):
		slog.DebugContext(ctx, "logout token refused", "err", err)
		refuseLogout(w, http.StatusBadRequest, "invalid_request", "the logout token is not good")
	case err != nil:
		slog.ErrorContext(ctx, "back-channel logout failed", "err", err)
		w.Header().Set("Retry-After", "2")
		refuseLogout(w, http.StatusServiceUnavailable, "temporarily_unavailable", "try again in a moment")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// refuseLogout answers the provider. The answer is no-store already, as all are.
func refuseLogout(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}

// session is one of the user's.
type session struct {
	jot.Session

	Here bool // it is that of the request
}

func (s *server) sessionsPage(w http.ResponseWriter, r *http.Request) {
	t, _ := jot.FromContext(r.Context()) // there is one behind every guard
	found, err := s.auth.Sessions(r.Context(), t.Subject)
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	sessions := make([]session, len(found))
	for i, each := range found {
		sessions[i] = session{each, each.ID == t.SessionID}
	}
	s.show(w, r, http.StatusOK, "sessions", page{Sessions: sessions})
}

// logoutSession ends one session of the user's, here alone. That of another user is none to RevokeSessionByID.
func (s *server) logoutSession(w http.ResponseWriter, r *http.Request) {
	user, id := jot.Identity(r.Context()), r.PostForm.Get("id")
	err := s.auth.RevokeSessionByID(r.Context(), user, id)
	if err == nil {
		err = s.accounts.forget(r.Context(), user, id)
	}
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, "/sessions")
}
