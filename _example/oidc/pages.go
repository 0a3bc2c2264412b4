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
	for _, name := range []string{"front", "login", "sessions", "message"} {
		all[name] = template.Must(template.ParseFS(files, "page/layout.html", "page/"+name+".html"))
	}
	return all
}()

// page is everything that a template may show.
type page struct {
	Title, Notice string
	User          *user  // who is logged in; nil for nobody
	CSRF          string // of the request's token
	Path          string // of the request, to mark where one is
	Next          string // where the login leads to
	Provider      string
	Sessions      []session
}

// show answers with a page. Every form on it repeats the CSRF value of the request's token.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	if t, ok := jot.FromContext(r.Context()); ok {
		p.User, _ = jot.CurrentUser[*user](r.Context())
		p.CSRF = t.CSRFToken()
	}
	p.Path, p.Provider = r.URL.Path, s.issuer.url
	var text bytes.Buffer // so that a template that fails shows no half page
	if err := pages[name].Execute(&text, p); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // it fails only when the client has gone
}

func (s *server) message(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	s.show(w, r, status, "message", page{Title: title, Notice: text})
}

func style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeFileFS(w, r, files, "page/style.css")
}
