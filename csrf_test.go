package jot_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// A middleware outside may have read the form, to log it or to find a method in it. The body is empty then, and the
// CSRF value stands where net/http has put it: in what came by the body, never in what came by the URL.
func TestCSRFFieldOfAParsedForm(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}))
	p := pair(t, m)
	const urlencoded, multi = "application/x-www-form-urlencoded", "multipart/form-data; boundary=B"
	part := func(name, text string) string {
		return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + text + "\r\n"
	}
	file := func(name, text string) string {
		return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"x\"\r\n\r\n" + text + "\r\n"
	}
	not := func(*http.Request) {}
	form := func(r *http.Request) { _ = r.ParseForm() }
	value := func(r *http.Request) { _ = r.FormValue("a") }
	posted := func(r *http.Request) { _ = r.PostFormValue("a") }
	parts := func(r *http.Request) { _ = r.ParseMultipartForm(1 << 20) }
	good, large := "csrf="+p.CSRFToken+"&a=b", strings.Repeat("x", 1<<17)
	whole := part("a", "b") + part("csrf", p.CSRFToken) + "--B--\r\n"
	for _, tc := range []struct {
		name   string
		parse  func(*http.Request)
		method string
		kind   string
		body   string
		code   string // "" passes
	}{
		{"nobody was there before", not, "POST", urlencoded, good, ""},
		{"ParseForm", form, "POST", urlencoded, good, ""},
		{"ParseForm, PUT", form, "PUT", urlencoded, good, ""},
		{"ParseForm, which reads no DELETE", form, "DELETE", urlencoded, good, ""},
		{"FormValue", value, "POST", urlencoded, good, ""},
		{"PostFormValue", posted, "POST", urlencoded, good, ""},
		{"ParseMultipartForm, of no parts", parts, "POST", urlencoded, good, ""},
		{"ParseForm of a large form", form, "POST", urlencoded, "a=" + large + "&" + good, ""},
		{"ParseForm, no value", form, "POST", urlencoded, "a=b", "csrf_failed"},
		{"ParseForm, a wrong value", form, "POST", urlencoded, "csrf=x&a=b", "csrf_failed"},
		{"ParseForm, two values", form, "POST", urlencoded, good + "&" + good, "invalid_request"},
		{"ParseForm, an empty value", form, "POST", urlencoded, "csrf=&a=b", "csrf_failed"},

		{"parts, nobody before", not, "POST", multi, whole, ""},
		{"parts, ParseForm reads none", form, "POST", multi, whole, ""},
		{"ParseMultipartForm", parts, "POST", multi, whole, ""},
		{"ParseMultipartForm, PATCH", parts, "PATCH", multi, whole, ""},
		{"parts, FormValue", value, "POST", multi, whole, ""},
		{"a file before it", parts, "POST", multi, file("f", large) + whole, ""},
		{"parts, no value", parts, "POST", multi, part("a", "b") + "--B--\r\n", "csrf_failed"},
		{"parts, a wrong value", parts, "POST", multi, part("csrf", "x") + "--B--\r\n", "csrf_failed"},
		{"the value is a file", parts, "POST", multi, file("csrf", p.CSRFToken) + "--B--\r\n", "csrf_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request := func(query, body string) *http.Request {
				r := httptest.NewRequest(tc.method, "/"+query, strings.NewReader(body))
				r.Header.Set("Content-Type", tc.kind)
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.AddCookie(&http.Cookie{Name: "__Host-access_token", Value: p.AccessToken})
				tc.parse(r)
				return r
			}
			got, a := &answer{ResponseRecorder: httptest.NewRecorder()}, ""
			m.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got.called = true
				if r.Method == http.MethodDelete { // whose forms net/http does not read
					text, _ := io.ReadAll(r.Body)
					_, a, _ = strings.Cut(string(text), "&a=")
					return
				}
				_ = r.ParseMultipartForm(1 << 20)
				a = r.PostForm.Get("a")
			})).ServeHTTP(got, request("", tc.body))
			require.Equal(t, tc.code == "", got.called, got.Body.String())
			if tc.code != "" {
				require.Equal(t, tc.code, got.code(t))
				return
			}
			require.Contains(t, []string{"b", large}, a, "the handler finds the form")

			stolen := strings.ReplaceAll(tc.body, "csrf", "c")
			require.Equal(t, "csrf_failed", send(m.Required(), request("?csrf="+p.CSRFToken, stolen)).code(t), "by the URL")
		})
	}
}
