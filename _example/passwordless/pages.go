package main

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"

	"github.com/go-jot/jot"
)

//go:embed page
var files embed.FS

// pages are the templates by name, each within the layout.
var pages = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{
		"front", "ask", "asked", "magic_link", "password_reset", "refused", "password", "message",
	} {
		all[name] = template.Must(template.ParseFS(files, "page/layout.html", "page/"+name+".html"))
	}
	return all
}()

// page is everything that a template may show.
type page struct {
	Title, Text string
	Notice      string
	Error       string // what is wrong with the form
	Name, CSRF  string // of who is logged in; empty for nobody
	Link        string // the kind of link that one may ask for
	Email       string
	Token       string // of a mailed link
	Devices     []device
}

// device is a session of the user.
type device struct {
	jot.Session

	Here bool // it is that of the request
}

// show answers with a page. Every form behind a guard repeats the CSRF value of the request's token.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	if t, ok := jot.FromContext(r.Context()); ok {
		p.Name, p.CSRF = t.Subject, t.CSRFToken()
	}
	var text bytes.Buffer // so that a template that fails shows no half page
	if err := pages[name].Execute(&text, p); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // it fails only when the client has gone
}

// message shows a page that says something.
func (s *server) message(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	s.show(w, r, status, "message", page{Title: title, Text: text})
}
