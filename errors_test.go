package jot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
