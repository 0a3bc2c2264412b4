package jot

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The reasons for which a request or a token is refused. Every refusal wraps exactly one of them; test with
// [errors.Is]. The answer that a client gets for each is in the documentation of [DefaultErrorHandler].
var (
	// ErrNoToken: the request has no token where the route looks for one.
	ErrNoToken = errors.New("jot: no token")
	// ErrBadRequest: the request has a credential that is not exactly one token (RFC 6750 section 3.1,
	// invalid_request).
	ErrBadRequest = errors.New("jot: malformed credential")
	// ErrInvalid: the token is malformed, not signed by a known key, or not meant for this service.
	ErrInvalid = errors.New("jot: token is invalid")
	// ErrExpired: nothing else that the token says of itself was wrong. Whether it was revoked was not asked.
	ErrExpired = errors.New("jot: token has expired")
	// ErrRevoked: the token was revoked.
	ErrRevoked = errors.New("jot: token has been revoked")
	// ErrReused: a refresh token was used a second time.
	ErrReused = errors.New("jot: refresh token was used before")
	// ErrWrongType: the token is not of the type that the route requires, a refresh token instead of an access token
	// say.
	ErrWrongType = errors.New("jot: token has the wrong type")
	// ErrNotFresh: the route requires a recent login (RFC 9470).
	ErrNotFresh = errors.New("jot: fresh token required")
	// ErrInsufficientScope: the token lacks a scope that the route requires.
	ErrInsufficientScope = errors.New("jot: insufficient scope")
	// ErrForbidden: the application's own check said no.
	ErrForbidden = errors.New("jot: forbidden")
	// ErrCSRF: a cookie came without proof that a page of this site sent it.
	ErrCSRF = errors.New("jot: cross-site request refused")
	// ErrUserNotFound: the user of the token does not exist; what a function given to [WithUserLookup] returns.
	ErrUserNotFound = errors.New("jot: user not found")
	// ErrMethodNotAllowed: the route changes something, so GET, HEAD and OPTIONS are not for it. It says nothing about
	// the token.
	ErrMethodNotAllowed = errors.New("jot: method not allowed")
	// ErrUnavailable: a store or a callback failed, so it cannot be told whether the token is good.
	ErrUnavailable = errors.New("jot: temporarily unavailable")
	// ErrTokenTooLarge: the token would be larger than the 8 KiB that are accepted. Keep large claims in a database.
	ErrTokenTooLarge = errors.New("jot: token is too large")
)

// errNotNew is what a zero Manager says, whatever is called.
var errNotNew = errors.New("the Manager was not made by New")

// answer is what a client is told of a sentinel.
type answer struct {
	sentinel  error
	status    int
	code      string
	challenge string // the error attribute, or unchallenged
	detail    string
}

// unchallenged stands for no challenge at all.
const unchallenged = "-"

// The error attributes of RFC 6750 section 3.1, and that of RFC 9470 section 3.
const (
	invalidToken     = "invalid_token"
	fewScopes        = "insufficient_scope"
	notAuthenticated = "insufficient_user_authentication"
)

// answers also fixes which sentinel counts when a callback's error wraps several: the first here.
var answers = []answer{
	{ErrNoToken, http.StatusUnauthorized, "token_missing", "", "a token is required"},
	{ErrBadRequest, http.StatusBadRequest, "invalid_request", "invalid_request", "the credential is malformed"},
	{ErrInvalid, http.StatusUnauthorized, "token_invalid", invalidToken, "token is invalid"},
	{ErrExpired, http.StatusUnauthorized, "token_expired", invalidToken, "token has expired"},
	{ErrRevoked, http.StatusUnauthorized, "token_revoked", invalidToken, "token has been revoked"},
	{ErrReused, http.StatusUnauthorized, "token_reused", invalidToken, "refresh token was used before"},
	{ErrWrongType, http.StatusUnauthorized, "token_wrong_type", invalidToken, "token has the wrong type"},
	{ErrUserNotFound, http.StatusUnauthorized, "user_not_found", invalidToken, "user not found"},
	{ErrNotFresh, http.StatusUnauthorized, "fresh_token_required", notAuthenticated, "a recent login is required"},
	{ErrInsufficientScope, http.StatusForbidden, fewScopes, fewScopes, "token lacks a required scope"},
	{ErrForbidden, http.StatusForbidden, "forbidden", unchallenged, "not allowed"},
	{ErrCSRF, http.StatusForbidden, "csrf_failed", unchallenged, "cross-site request refused"},
	{ErrMethodNotAllowed, http.StatusMethodNotAllowed, "method_not_allowed", unchallenged, "use POST"},
	{ErrUnavailable, http.StatusServiceUnavailable, "unavailable", unchallenged, "try again in a moment"},
}

// unexpected is the answer to everything that is no refusal: the application's own mistake.
var unexpected = answer{nil, http.StatusInternalServerError, "", unchallenged, ""}

// answerTo finds the answer to err.
func answerTo(err error) *answer {
	for i := range answers {
		if err == answers[i].sentinel { //nolint:errorlint // as nearly all are
			return &answers[i]
		}
	}
	for i := range answers {
		if errors.Is(err, answers[i].sentinel) {
			return &answers[i]
		}
	}
	return &unexpected
}

// bodies are those of the answers, by sentinel.
var bodies = func() map[error][]byte {
	all := map[error][]byte{nil: unexpected.document(unexpected.detail)}
	for _, a := range answers {
		all[a.sentinel] = a.document(a.detail)
	}
	return all
}()

// document is the body of an answer with a detail.
func (a *answer) document(detail string) []byte {
	body, _ := json.Marshal(problem{"about:blank", http.StatusText(a.status), a.status, detail, a.code})
	return append(body, '\n')
}

// told is a cause that helps the sender of a request, says nothing of our inside, and quotes nothing: the default
// answer has it as its detail.
type told struct {
	text string
	fact error  // for whoever tells causes apart; nil where nobody does
	also string // for the operator alone
}

func (t told) Error() string { return t.text + t.also }
func (t told) Unwrap() error { return t.fact }

// Error is a refusal with its facts. Find it in an error by [errors.AsType] or [errors.As].
type Error struct {
	// Err is the one sentinel of this package that says why.
	Err error
	// Cause says more, for the operator's log. It may hold foreign text, so it does not go to the client.
	Cause error
	// Token is a token that was authentic but refused, because it had expired, was revoked, was of the wrong type and
	// so on. It is nil unless its signature was verified. Its holder is not logged in: use it for a message or a log
	// line, or to revoke it.
	Token *Token
	// Scopes are those that the route requires, when Err is [ErrInsufficientScope].
	Scopes []string
	// MaxAge is how recent a login the route requires, when Err is [ErrNotFresh] and the route has a MaxAge.
	MaxAge time.Duration

	challenge string // what all challenges of its manager have in common
}

const defaultRealm = "api"

func asError(err error) (*Error, bool) { return errors.AsType[*Error](err) }

// Error returns the sentinel's text and the cause's.
func (e *Error) Error() string {
	text := "jot: no reason given"
	if e.Err != nil {
		text = e.Err.Error()
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the sentinel and, if there is one, the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Cause}
}

// Status returns the HTTP status of the answer.
func (e *Error) Status() int { return answerTo(e.Err).status }

// Code returns a stable word for the reason, "token_expired" say, that clients may rely on. It is empty if the error
// is no refusal.
func (e *Error) Code() string { return answerTo(e.Err).code }

// Challenge returns the value of the WWW-Authenticate header (RFC 6750 section 3, RFC 9470 section 3), empty where
// the answer has none.
func (e *Error) Challenge() string {
	a := answerTo(e.Err)
	if a.challenge == unchallenged || e.challenge == unchallenged {
		return ""
	}
	common, attribute := e.challenge, ""
	if common == "" {
		common = challengeOf(defaultRealm, "")
	}
	if a.challenge != "" {
		attribute = `, error="` + a.challenge + `"`
	}
	text := "Bearer " + common + attribute
	if errors.Is(e.Err, ErrInsufficientScope) && len(e.Scopes) > 0 {
		text += `, scope="` + strings.Join(e.Scopes, " ") + `"`
	}
	if errors.Is(e.Err, ErrNotFresh) && e.MaxAge > 0 {
		text += `, max_age="` + strconv.FormatInt(int64(e.MaxAge/time.Second), 10) + `"`
	}
	return text
}

// challengeOf is what all challenges of a manager have in common (RFC 9728 section 5.1).
func challengeOf(realm, metadata string) string {
	text := `realm="` + realm + `"`
	if metadata != "" {
		text += `, resource_metadata="` + metadata + `"`
	}
	return text
}

// problem is the body of an answer (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code,omitempty"`
}

// DefaultErrorHandler answers a refused request with a problem document (RFC 9457) and the challenge of RFC 6750 or
// RFC 9470, and nothing of what the request said:
//
//	ErrNoToken                                 401  token_missing
//	ErrBadRequest                              400  invalid_request
//	ErrInvalid, ErrExpired, ErrRevoked         401  token_invalid, token_expired, token_revoked
//	ErrReused, ErrWrongType, ErrUserNotFound   401  token_reused, token_wrong_type, user_not_found
//	ErrNotFresh                                401  fresh_token_required
//	ErrInsufficientScope                       403  insufficient_scope
//	ErrForbidden, ErrCSRF                      403  forbidden, csrf_failed
//	ErrUnavailable                             503  unavailable, with Retry-After
//	ErrMethodNotAllowed                        405  method_not_allowed, with Allow
//
// The answer is no-store and nosniff. Any other error is a mistake of the application's, and is answered with 500 and
// no detail. Those, and ErrUnavailable, are logged by [slog.Default]; the cause of every other refusal is logged at
// debug level when it is made, whoever answers. [Manager.WriteError] calls it unless [WithErrorHandler] says
// otherwise; a handler of your own may call it for what it does not handle.
func DefaultErrorHandler(w http.ResponseWriter, r *http.Request, err error) {
	e := factsOf(err)
	e.setHeaders(w.Header())
	a := answerTo(e.Err)
	switch {
	case a.status == http.StatusInternalServerError:
		slog.ErrorContext(r.Context(), "jot: request failed", "error", err)
	case a.status == http.StatusServiceUnavailable && r.Context().Err() == nil:
		slog.WarnContext(r.Context(), "jot: cannot tell whether a token is good", "error", err)
	}
	body := bodies[a.sentinel]
	if text, ok := e.Cause.(told); ok { //nolint:errorlint // not one that somebody has wrapped in more
		body = a.document(text.text)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a client that has gone hears nothing
}

// factsOf returns err with its facts; without any, if it is no refusal.
func factsOf(err error) *Error {
	if e, ok := asError(err); ok {
		return e
	}
	return &Error{Err: err}
}

// setHeaders sets the headers that the answer has, whoever writes it.
func (e *Error) setHeaders(h http.Header) {
	all := &[...]string{"no-store", "nosniff", e.Challenge()} // in one piece
	h["Cache-Control"], h["X-Content-Type-Options"] = all[0:1:1], all[1:2:2]
	if all[2] != "" {
		h["Www-Authenticate"] = all[2:3:3]
	}
	switch e.Status() {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "POST, PUT, PATCH, DELETE")
	case http.StatusServiceUnavailable: // spread, so that those who wait do not all come back at once
		h.Set("Retry-After", strconv.Itoa(1+rand.IntN(3))) //nolint:gosec // nothing secret about it
	}
	h.Del("Content-Length") // of an answer that was begun before it failed
}

// asRefusal returns err as an [*Error] that says all it can, if it is a refusal.
func asRefusal(err error, challenge string) error {
	e, ok := asError(err)
	if ok && e.challenge != "" {
		return err
	}
	a := answerTo(err)
	if a.sentinel == nil {
		return err
	}
	full := Error{Err: a.sentinel}
	if ok {
		full = *e
	} else if err != a.sentinel { //nolint:errorlint // only the bare sentinel is its own cause
		full.Cause = err
	}
	full.challenge = challenge
	return &full
}

// mistake is the error of a method that was called wrongly.
func mistake(method string, err error) error { return fmt.Errorf("jot: %s: %w", method, err) }

// unsupported is the error of a method that lacks an option.
func unsupported(method, option string) error { return fmt.Errorf("jot: %w", lacks(method, option)) }

func lacks(what, option string) error {
	return fmt.Errorf("%s needs %s: %w", what, option, errors.ErrUnsupported)
}

// reason is why a request or a token is refused: what the parts behind a [Manager] return, nil when nothing speaks
// against it. The verb that was called makes the refusal of it, by [Manager.refuse].
type reason struct {
	sentinel error // one of this package's
	cause    error // for the operator
	scopes   []string
	maxAge   time.Duration
	// store says that it was the store which could not answer.
	store bool
	// theft says that somebody else has used the refresh token, so that its session must end; endedNow, that this very
	// call has ended it, so that the alarm is given once.
	theft, endedNow bool
	// argument says that it is about what a method was given, so that no other credential would help.
	argument bool
}

// Error returns the sentinel's text: where the making of a token fails, its error is a reason, or a mistake of the
// caller's.
func (r *reason) Error() string { return r.sentinel.Error() }

func invalid(cause error) *reason { return &reason{sentinel: ErrInvalid, cause: cause} }

// refusal returns the error of a reason.
func (r *reason) refusal(t *Token, challenge string) *Error {
	if r.argument {
		challenge = unchallenged
	}
	return &Error{Err: r.sentinel, Cause: r.cause, Token: t, Scopes: r.scopes, MaxAge: r.maxAge, challenge: challenge}
}

// verdict turns what a callback said into a reason: false is no, an error is "cannot tell", and an error that wraps
// one of our sentinels is that answer.
func verdict(ok bool, no, err error) *reason {
	switch a := answerTo(err); {
	case err == nil && ok:
		return nil
	case err == nil:
		return &reason{sentinel: no}
	case a.sentinel != nil:
		return &reason{sentinel: a.sentinel, cause: err}
	}
	return &reason{sentinel: ErrUnavailable, cause: err}
}
