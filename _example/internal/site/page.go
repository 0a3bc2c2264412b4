// Package site is what the examples that are sites for browsers have in common. None of it is about tokens.
package site

import (
	_ "embed" // for the style
	"net/http"
	"strings"
	"time"
)

// maxForm bounds what anybody may send.
const maxForm = 256 << 10

// Secured forbids scripts, reads forms, and keeps what a page's address holds to this site. For a form that is damaged
// or too long it calls damaged.
func Secured(next http.Handler, damaged http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'none'; style-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin") // no-referrer would make a form's Origin null
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			damaged(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

//go:embed style.css
var style string

// Style answers with the style sheet of the pages.
func Style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeContent(w, r, "style.css", time.Time{}, strings.NewReader(style))
}
