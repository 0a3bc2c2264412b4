package jot_test

import (
	"io"
	"net/http"
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
	b := newBrowser(t)
	b.receive(m, p)
	const passes = ""
	unread := func(*http.Request) {}
	form := func(r *http.Request) { _ = r.ParseForm() }
	value := func(r *http.Request) { _ = r.FormValue("a") }
	posted := func(r *http.Request) { _ = r.PostFormValue("a") }
	parts := func(r *http.Request) { _ = r.ParseMultipartForm(1 << 20) }
	good, large := "csrf="+p.CSRFToken+"&a=b", strings.Repeat("x", 1<<17)
	whole := part("a", "b") + part("csrf", p.CSRFToken) + lastPart
	for _, tc := range []struct {
		name   string
		parse  func(*http.Request)
		method string
		kind   string
		body   string
		code   string
	}{
		{"nobody was there before", unread, "POST", urlencoded, good, passes},
		{"ParseForm", form, "POST", urlencoded, good, passes},
		{"ParseForm, PUT", form, "PUT", urlencoded, good, passes},
		{"ParseForm, which reads no DELETE", form, "DELETE", urlencoded, good, passes},
		{"FormValue", value, "POST", urlencoded, good, passes},
		{"PostFormValue", posted, "POST", urlencoded, good, passes},
		{"ParseMultipartForm, of no parts", parts, "POST", urlencoded, good, passes},
		{"ParseForm of a large form", form, "POST", urlencoded, "a=" + large + "&" + good, passes},
		{"ParseForm, no value", form, "POST", urlencoded, "a=b", "csrf_failed"},
		{"ParseForm, a wrong value", form, "POST", urlencoded, "csrf=x&a=b", "csrf_failed"},
		{"ParseForm, two values", form, "POST", urlencoded, good + "&" + good, "invalid_request"},
		{"ParseForm, an empty value", form, "POST", urlencoded, "csrf=&a=b", "csrf_failed"},

		{"parts, nobody before", unread, "POST", withFiles, whole, passes},
		{"parts, ParseForm reads none", form, "POST", withFiles, whole, passes},
		{"ParseMultipartForm", parts, "POST", withFiles, whole, passes},
		{"ParseMultipartForm, PATCH", parts, "PATCH", withFiles, whole, passes},
		{"parts, FormValue", value, "POST", withFiles, whole, passes},
		{"a file before it", parts, "POST", withFiles, filePart("f", large) + whole, passes},
		{"parts, no value", parts, "POST", withFiles, part("a", "b") + lastPart, "csrf_failed"},
		{"parts, a wrong value", parts, "POST", withFiles, part("csrf", "x") + lastPart, "csrf_failed"},
		{"the value is a file", parts, "POST", withFiles, filePart("csrf", p.CSRFToken) + lastPart, "csrf_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request := func(query, body string) *http.Request {
				r := b.request(tc.method, "/"+query, setBody(tc.kind, body))
				tc.parse(r)
				return r
			}
			called, a := false, ""
			got := answerOf(m.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				called = true
				if r.Method == http.MethodDelete { // whose forms net/http does not read
					text, _ := io.ReadAll(r.Body)
					_, a, _ = strings.Cut(string(text), "&a=")
					return
				}
				_ = r.ParseMultipartForm(1 << 20)
				a = r.PostForm.Get("a")
			})), request("", tc.body))
			require.Equal(t, tc.code == passes, called, got.Body.String())
			if tc.code != passes {
				require.Equal(t, tc.code, got.code(t))
				return
			}
			require.Contains(t, []string{"b", large}, a, "the handler finds the form")

			stolen := request("?csrf="+p.CSRFToken, strings.ReplaceAll(tc.body, "csrf", "c"))
			require.Equal(t, "csrf_failed", send(m.Required(), stolen).code(t), "by the URL")
		})
	}
}
