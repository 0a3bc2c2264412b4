package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client keeps cookies, and repeats the CSRF value as the page does.
type client struct {
	http.Handler

	jar map[string]string
}

func (c *client) do(method, path, csrf, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-CSRF-Token", c.jar["__Host-csrf_"+csrf+"_token"])
	for name, value := range c.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.jar, cookie.Name)
		} else {
			c.jar[cookie.Name] = cookie.Value
		}
	}
	return w
}

func TestPage(t *testing.T) {
	now := time.Unix(1893456000, 0)
	handler, err := newHandler(time.Minute, false, func() time.Time { return now })
	require.NoError(t, err)
	c := &client{handler, map[string]string{}}

	for path, text := range map[string]string{
		"/":          "<title>jot in a browser",
		"/app.js":    "use strict",
		"/style.css": "--accent",
	} {
		w := c.do("GET", path, "", "")
		require.Equal(t, 200, w.Code)
		require.Contains(t, w.Body.String(), text)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'")
	}
	require.Equal(t, 400, c.do("POST", "/login", "", "x").Code)
	require.Equal(t, 401, c.do("POST", "/login", "", `{"username":"alice","password":"x"}`).Code)
	require.Equal(t, 401, c.do("GET", "/notes", "", "").Code)
	require.Equal(t, 200, c.do("POST", "/login", "", `{"username":"alice","password":"wonderland"}`).Code)
	require.Len(t, c.jar, 4)

	me := c.do("GET", "/me", "", "").Body.String()
	require.JSONEq(t, `{"name":"alice","fresh":true,"left":60,"life":60}`, me)
	require.Equal(t, 403, c.do("POST", "/notes", "", "x").Code)
	require.Equal(t, 400, c.do("POST", "/notes", "access", "").Code)
	require.JSONEq(t, `["<b>x</b>"]`, c.do("POST", "/notes", "access", "<b>x</b>").Body.String())
	require.JSONEq(t, `["<b>x</b>"]`, c.do("GET", "/notes", "", "").Body.String())
	printed := c.do("GET", "/print", "", "")
	require.Contains(t, printed.Body.String(), "&lt;b&gt;x")
	require.Equal(t, "private, no-store", printed.Header().Get("Cache-Control"))

	now = now.Add(time.Minute)
	require.Equal(t, 401, c.do("GET", "/me", "", "").Code)
	require.Equal(t, 200, c.do("POST", "/refresh", "refresh", "").Code)
	require.Equal(t, 200, c.do("GET", "/me", "", "").Code)
	require.Equal(t, 204, c.do("POST", "/logout-everywhere", "access", "").Code)
	require.Empty(t, c.jar)
	require.Equal(t, 200, c.do("POST", "/login", "", `{"username":"alice","password":"wonderland"}`).Code)
	require.Equal(t, 204, c.do("POST", "/logout", "access", "").Code)
	require.Empty(t, c.jar)
}

// Who follows a link, or sends a form, gets a page; a script gets the code.
func TestRefused(t *testing.T) {
	handler, err := newHandler(time.Minute, false, time.Now)
	require.NoError(t, err)
	for _, tc := range []struct {
		request, accept string
		status          int
		says            string
	}{
		{"GET /print", "text/html,*/*", 303, "/?next=%2Fprint"},
		{"GET /print", "*/*", 401, `"code":"token_missing"`},
		{"POST /notes", "text/html,*/*", 401, "<code>401 token_missing</code>"},
		{"POST /notes", "*/*", 401, `"code":"token_missing"`},
		{"POST /login", "text/html,*/*", 403, "<code>403 csrf_failed</code>"},
		{"POST /login", "*/*", 403, `"code":"csrf_failed"`},
		{"GET /stranger.html", "text/html,*/*", 200, `action="/notes"`},
	} {
		method, path, _ := strings.Cut(tc.request, " ")
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Accept", tc.accept)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, tc.status, w.Code, tc.request)
		require.Contains(t, w.Body.String()+w.Header().Get("Location"), tc.says)
		ancestors := "'none'"
		if strings.Contains(w.Body.String(), "<html") && path != "/print" {
			ancestors = "'self'"
		}
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors "+ancestors, tc.request)
	}
}

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	require.NoError(t, run(ctx, "127.0.0.1:0", time.Minute, true, &out))
	require.ErrorContains(t, run(t.Context(), "127.0.0.1:0", 0, false, &out), "WithAccessTTL")
	require.Error(t, run(t.Context(), "nowhere:-1", time.Minute, false, &out))
}
