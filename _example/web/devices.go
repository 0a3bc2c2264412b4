package main

import (
	"net/http"

	"github.com/go-jot/jot"
)

// device is a session of the user.
type device struct {
	jot.Session

	Here bool // it is that of the request
}

func (s *server) devicesPage(w http.ResponseWriter, r *http.Request) {
	t, _ := jot.FromContext(r.Context()) // there is one behind every guard
	sessions, err := s.auth.Sessions(r.Context(), t.Subject)
	if err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	devices := make([]device, len(sessions))
	for i, each := range sessions {
		devices[i] = device{each, each.ID == t.SessionID}
	}
	s.show(w, r, http.StatusOK, "devices", page{Devices: devices})
}

// logoutDevice ends one session. That of another user is none to RevokeSessionByID.
func (s *server) logoutDevice(w http.ResponseWriter, r *http.Request) {
	if err := s.auth.RevokeSessionByID(r.Context(), jot.Identity(r.Context()), r.PostForm.Get("id")); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, "/devices")
}

func (s *server) logoutEverywhere(w http.ResponseWriter, r *http.Request) {
	if err := s.auth.RevokeSubject(r.Context(), jot.Identity(r.Context())); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	s.auth.UnsetCookies(w)
	redirect(w, r, "/")
}
