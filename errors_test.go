package jot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// logged collects what goes to the default logger.
func logged(t *testing.T) *bytes.Buffer {
	t.Helper()
	silence(t)
	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	return &out
}

func TestWriteError(t *testing.T) {
	m := newManager(t, jot.WithRealm("shop"))
	const (
		base      = `Bearer realm="shop"`
		malformed = base + `, error="invalid_request"`
		invalid   = base + `, error="invalid_token"`
		stepUp    = base + `, error="insufficient_user_authentication"`
		tooNarrow = base + `, error="insufficient_scope"`
		none      = ""
		quiet     = ""
	)
	ofTheApplication := &jot.Error{Err: jot.ErrInsufficientScope, Scopes: []string{"a", "b"}}
	withAnAge := &jot.Error{Err: jot.ErrNotFresh, MaxAge: 90 * time.Second, Cause: errDown}
	wrapped := fmt.Errorf("loading: %w (%w)", jot.ErrUnavailable, errDown)
	for _, tc := range []struct {
		name      string
		err       error
		status    int
		code      string
		challenge string
		log       string
	}{
		{"ErrNoToken", jot.ErrNoToken, 401, "token_missing", base, quiet},
		{"ErrBadRequest", jot.ErrBadRequest, 400, "invalid_request", malformed, quiet},
		{"ErrInvalid", jot.ErrInvalid, 401, "token_invalid", invalid, quiet},
		{"ErrExpired", jot.ErrExpired, 401, "token_expired", invalid, quiet},
		{"ErrRevoked", jot.ErrRevoked, 401, "token_revoked", invalid, quiet},
		{"ErrReused", jot.ErrReused, 401, "token_reused", invalid, quiet},
		{"ErrWrongType", jot.ErrWrongType, 401, "token_wrong_type", invalid, quiet},
		{"ErrUserNotFound", jot.ErrUserNotFound, 401, "user_not_found", invalid, quiet},
		{"ErrNotFresh", jot.ErrNotFresh, 401, "fresh_token_required", stepUp, quiet},
		{"ErrInsufficientScope", jot.ErrInsufficientScope, 403, "insufficient_scope", tooNarrow, quiet},
		{"ErrForbidden", jot.ErrForbidden, 403, "forbidden", none, quiet},
		{"ErrCSRF", jot.ErrCSRF, 403, "csrf_failed", none, quiet},
		{"ErrUnavailable", jot.ErrUnavailable, 503, "unavailable", none, "level=WARN"},
		{"ErrTokenTooLarge", jot.ErrTokenTooLarge, 500, "", none, "level=ERROR"},
		{"anything", errDown, 500, "", none, "hunter2"},
		{"nothing", nil, 500, "", none, "level=ERROR"},
		{"an empty Error", &jot.Error{}, 500, "", none, "no reason given"},
		{"wrapped", wrapped, 503, "unavailable", none, "hunter2"},
		{"of the application", ofTheApplication, 403, "insufficient_scope", tooNarrow + `, scope="a b"`, quiet},
		{"with an age", fmt.Errorf("x: %w", withAnAge), 401, "fresh_token_required", stepUp + `, max_age="90"`, quiet},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := logged(t)
			w := httptest.NewRecorder()
			w.Header().Set("Content-Length", "5")
			m.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), tc.err)
			require.Equal(t, tc.status, w.Code)
			require.Equal(t, tc.challenge, w.Header().Get("WWW-Authenticate"))
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			require.Empty(t, w.Header().Get("Content-Length"))
			require.Equal(t, tc.status == 503, w.Header().Get("Retry-After") != "")
			var body map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			code, _ := body["code"].(string)
			require.Equal(t, tc.code, code)
			require.Equal(t, tc.code != "", body["detail"] != nil)
			require.NotContains(t, w.Body.String(), "hunter2")
			if tc.log == quiet {
				require.Empty(t, out.String())
			} else {
				require.Contains(t, out.String(), tc.log)
			}
		})
	}
}

// A client that has gone is no reason to warn anybody.
func TestWriteErrorToAClientThatHasGone(t *testing.T) {
	out := logged(t)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(cancelled)
	newManager(t).WriteError(httptest.NewRecorder(), r, jot.ErrUnavailable)
	require.Empty(t, out.String())
}

func TestWithErrorHandler(t *testing.T) {
	var got []error
	m := newManager(t, jot.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, err error) {
		got = append(got, err)
		e, ok := errors.AsType[*jot.Error](err)
		if !ok {
			http.Error(w, "sorry", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(e.Status())
	}))
	refused := send(m.Required(), bearer("x"))
	require.Equal(t, 401, refused.Code)
	require.ErrorIs(t, got[0], jot.ErrInvalid)
	// It need not know what belongs to each answer, and may change it.
	require.Equal(t, `Bearer realm="api", error="invalid_token"`, refused.Header().Get("WWW-Authenticate"))
	require.Equal(t, "no-store", refused.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", refused.Header().Get("X-Content-Type-Options"))
	for err, header := range map[error]string{jot.ErrUnavailable: "Retry-After", jot.ErrMethodNotAllowed: "Allow"} {
		w := httptest.NewRecorder()
		m.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), err)
		require.NotEmpty(t, w.Header().Get(header))
	}
	for _, err := range []error{jot.ErrForbidden, errDown} {
		m.WriteError(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), err)
		require.ErrorIs(t, got[len(got)-1], err)
	}
}

// A handler that forgets a case, or the status of one, refuses all the same.
func TestErrorHandlerWithoutAStatus(t *testing.T) {
	type handler = func(w http.ResponseWriter, err error)
	write := func(text string) handler {
		return func(w http.ResponseWriter, _ error) { _, _ = io.WriteString(w, text) }
	}
	status := func(codes ...int) handler {
		return func(w http.ResponseWriter, _ error) {
			for _, code := range codes {
				w.WriteHeader(code)
			}
		}
	}
	flushes := func(w http.ResponseWriter, _ error) { _ = http.NewResponseController(w).Flush() }
	asserts := func(w http.ResponseWriter, _ error) { w.(http.Flusher).Flush(); _, _ = io.WriteString(w, "x") }
	full := func(w http.ResponseWriter, _ error) { _ = http.NewResponseController(w).EnableFullDuplex() }
	copies := func(w http.ResponseWriter, _ error) { _, _ = io.Copy(w, strings.NewReader("sorry")) }
	for _, tc := range []struct {
		name    string
		handler handler
		err     error
		status  int
		body    string
	}{
		{"it does nothing", func(http.ResponseWriter, error) {}, jot.ErrInvalid, 401, ""},
		{"nor for another reason", func(http.ResponseWriter, error) {}, jot.ErrUnavailable, 503, ""},
		{"nor for a mistake", func(http.ResponseWriter, error) {}, errDown, 500, ""},
		{"it writes only", write("{}"), jot.ErrForbidden, 403, "{}"},
		{"it writes nothing", write(""), jot.ErrForbidden, 403, ""},
		{"it copies", copies, jot.ErrRevoked, 401, "sorry"},
		{"it flushes", flushes, jot.ErrForbidden, 403, ""},
		{"it flushes by an assertion", asserts, jot.ErrForbidden, 403, "x"},
		{"it asks the server's writer", full, jot.ErrForbidden, 403, ""},
		{"a hint is no answer", status(http.StatusEarlyHints), jot.ErrForbidden, 403, ""},
		{"nor before one", status(http.StatusEarlyHints, 404), jot.ErrForbidden, 404, ""},
		{"it says another", status(404), jot.ErrInvalid, 404, ""},
		{"it says that all is well", status(200), jot.ErrInvalid, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newManager(t, jot.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, err error) {
				tc.handler(w, err)
			}))
			var out bytes.Buffer
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				m.WriteError(w, r, tc.err)
			}))
			server.Config.ErrorLog = log.New(&out, "", 0)
			server.Start()
			got, err := http.Get(server.URL)
			require.NoError(t, err)
			body, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			require.NoError(t, got.Body.Close())
			server.Close()
			require.Equal(t, tc.status, got.StatusCode)
			require.Equal(t, tc.body, string(body))
			require.Empty(t, out.String(), "no status is written twice")
		})
	}
}

// Whether an answer can be flushed is up to the server's writer.
func TestErrorHandlerOfAWriterThatCannotFlush(t *testing.T) {
	can := false
	m := newManager(t, jot.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, _ error) {
		_, can = w.(http.Flusher)
	}))
	for _, want := range []bool{true, false} {
		rw := httptest.NewRecorder()
		w := http.ResponseWriter(rw)
		if !want {
			w = struct{ http.ResponseWriter }{rw}
		}
		m.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), jot.ErrInvalid)
		require.Equal(t, want, can)
		require.Equal(t, 401, rw.Code)
	}
}

func TestError(t *testing.T) {
	e := &jot.Error{Err: jot.ErrInvalid}
	require.EqualError(t, e, "jot: token is invalid")
	require.Equal(t, []error{jot.ErrInvalid}, e.Unwrap())
	e.Cause = errDown
	require.EqualError(t, e, "jot: token is invalid: store down: password=hunter2")
	require.ErrorIs(t, e, errDown)
	require.ErrorIs(t, e, jot.ErrInvalid)
	require.NotErrorIs(t, e, jot.ErrExpired)
	require.Equal(t, `Bearer realm="api", error="invalid_token"`, e.Challenge())

	tooLarge := &jot.Error{Err: jot.ErrTokenTooLarge}
	require.Equal(t, 500, tooLarge.Status())
	require.Empty(t, tooLarge.Code())
	require.Empty(t, tooLarge.Challenge())
}
