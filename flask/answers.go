package flask

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/go-jot/jot"
)

// answer is what Flask-JWT-Extended says to one kind of refusal.
type answer struct {
	sentinel error
	kind     string
	status   int
	text     string
}

// notAllowed is what Flask itself says.
const notAllowed = "The method is not allowed for the requested URL."

var answers = []answer{
	{jot.ErrNoToken, "missing", http.StatusUnauthorized, "Missing JWT"},
	{jot.ErrBadRequest, "invalid", http.StatusUnprocessableEntity, "Bad credential. Expected one JWT"},
	{jot.ErrInvalid, "invalid", http.StatusUnprocessableEntity, "Invalid token"},
	{jot.ErrExpired, "expired", http.StatusUnauthorized, "Token has expired"},
	{jot.ErrRevoked, "revoked", http.StatusUnauthorized, "Token has been revoked"},
	{jot.ErrReused, "revoked", http.StatusUnauthorized, "Token has been revoked"},
	{jot.ErrWrongType, "wrong_type", http.StatusUnprocessableEntity, "Only tokens of another type are allowed"},
	{jot.ErrUserNotFound, "user_not_found", http.StatusUnauthorized, "Error loading the user"},
	{jot.ErrNotFresh, "not_fresh", http.StatusUnauthorized, "Fresh token required"},
	{jot.ErrInsufficientScope, "verification_failed", http.StatusBadRequest, "User claims verification failed"},
	{jot.ErrForbidden, "verification_failed", http.StatusBadRequest, "User claims verification failed"},
	{jot.ErrCSRF, "csrf", http.StatusUnauthorized, "CSRF double submit tokens do not match"},
	{jot.ErrMethodNotAllowed, "method_not_allowed", http.StatusMethodNotAllowed, notAllowed},
	{jot.ErrUnavailable, "unavailable", http.StatusServiceUnavailable, "Temporarily unavailable"},
}

var unexpected = answer{nil, "server_error", http.StatusInternalServerError, "Internal server error"}

func answerTo(err error) answer {
	for _, a := range answers {
		if errors.Is(err, a.sentinel) {
			return a
		}
	}
	return unexpected
}

// Kind names the loader that Flask-JWT-Extended would ask: missing (unauthorized_loader), csrf (the same), invalid,
// wrong_type (both invalid_token_loader), expired, revoked, not_fresh, verification_failed or user_not_found. What is
// no refusal is unavailable or server_error.
func Kind(err error) string { return answerTo(err).kind }

// WriteError answers as Flask-JWT-Extended does: the text of [Message] under the given key, JWT_ERROR_MESSAGE_KEY, with
// 401, 422 or 400. A store that cannot answer is 503.
func WriteError(w http.ResponseWriter, r *http.Request, err error, key string) {
	a := answerTo(err)
	if a.status >= http.StatusInternalServerError {
		slog.ErrorContext(r.Context(), "jot: request failed", "error", err)
	}
	if a.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	writeMessage(w, a.status, key, Message(err))
}
