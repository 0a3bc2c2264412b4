package jottest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jot/jot"
)

// Request makes a request as [httptest.NewRequest] does, without a body, and logs subject in: its Authorization
// header carries an access token that m has just made with opts.
func Request(tb testing.TB, m *jot.Manager, method, target, subject string, opts ...jot.TokenOption) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	Authorize(tb, r, m, subject, opts...)
	return r
}

// Authorize does what [Request] does with a request that is there already.
func Authorize(tb testing.TB, r *http.Request, m *jot.Manager, subject string, opts ...jot.TokenOption) {
	tb.Helper()
	raw, err := m.CreateAccessToken(tb.Context(), subject, opts...)
	if err != nil {
		tb.Fatalf("jottest: %v", err)
	}
	r.Header.Set("Authorization", "Bearer "+raw)
}
