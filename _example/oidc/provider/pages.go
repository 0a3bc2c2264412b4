package provider

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
)

//go:embed page
var files embed.FS

// pages are the templates by name, each within the layout.
var pages = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"signin", "signout", "message"} {
		all[name] = template.Must(template.ParseFS(files, "page/layout.html", "page/"+name+".html"))
	}
	return all
}()

// page is everything that a template may show.
type page struct {
	Title, Notice string
	Users         []user
	Session       *session
	Action        string // where the form leads
}

func (p *provider) show(w http.ResponseWriter, status int, name string, data page) {
	var text bytes.Buffer // so that a template that fails shows no half page
	if err := pages[name].Execute(&text, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // it fails only when the client has gone
}

func (p *provider) message(w http.ResponseWriter, status int, title, text string) {
	p.show(w, status, "message", page{Title: title, Notice: text})
}

// front is the page of a browser's session.
func (p *provider) front(w http.ResponseWriter, r *http.Request) {
	if s := p.sessionOf(r); s != nil {
		p.show(w, http.StatusOK, "signout", page{Session: s, Action: "/end-session"})
		return
	}
	p.message(w, http.StatusOK, "You are not signed in", "Services that trust this provider send you here.")
}

func style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeFileFS(w, r, files, "page/style.css")
}
