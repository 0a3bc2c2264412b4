// Command browser is a page that logs in with cookies: run it by
//
//	go run ./_example/browser
//
// and open what it prints. Tokens are in cookies that no script sees, forgeries from other sites are refused, which the
// page lets you try, and it refreshes its session by itself. Chromium and Firefox take its Secure cookies on
// http://127.0.0.1; for a browser that does not there is -insecure.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "where to listen; port 0 picks a free one")
	life := flag.Duration("access", time.Minute,
		"how long an access token lives: short, so that there is something to see")
	insecure := flag.Bool("insecure", false, "cookies without Secure, for a browser that wants HTTPS for them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, *addr, *life, *insecure, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string, life time.Duration, insecure bool, out io.Writer) error {
	handler, err := newHandler(life, insecure, time.Now)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "Listening on http://%s\nLog in as alice, password wonderland.\n", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

//go:embed page
var page embed.FS

// newHandler returns the page and what it calls.
func newHandler(life time.Duration, insecure bool, now func() time.Time) (http.Handler, error) {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()),
		jot.WithStore(memstore.New()),
		jot.WithCookies(jot.CookieConfig{Insecure: insecure}),
		jot.WithAccessTTL(life),
		jot.WithLeeway(0), // so that the countdown is to the second
		jot.WithClock(now),
		jot.WithErrorHandler(refused))
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, err
	}
	n := &notes{}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /stranger.html", func(w http.ResponseWriter, r *http.Request) {
		letFrame(w)
		http.ServeFileFS(w, r, files, "stranger.html")
	})
	mux.Handle("POST /login", auth.CrossOriginGuard(login(auth)))
	mux.Handle("POST /refresh", auth.RefreshHandler())
	mux.Handle("POST /logout", auth.LogoutHandler())
	guarded := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, auth.Required()(h)) }
	guarded("GET /me", me(now))
	guarded("GET /notes", n.list)
	guarded("POST /notes", n.add)
	guarded("GET /print", n.print)
	guarded("POST /logout-everywhere", func(w http.ResponseWriter, r *http.Request) {
		if err := auth.RevokeSubject(r.Context(), jot.Identity(r.Context())); err != nil {
			auth.WriteError(w, r, err)
			return
		}
		auth.UnsetCookies(w)
		w.WriteHeader(http.StatusNoContent)
	})
	return secured(mux), nil
}

// policy lets a page run its own scripts and nobody else's. Who may frame it comes last.
const policy = "default-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "

// secured sets what browsers are told with every answer.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy+"'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// letFrame is for what the page shows in a frame: a form that plays a stranger's, and the refusal that it gets.
func letFrame(w http.ResponseWriter) { w.Header().Set("Content-Security-Policy", policy+"'self'") }

var refusal = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Refused</title><link rel="stylesheet" href="/style.css">
<main>
<h1>Refused: <code>{{.Status}} {{.Code}}</code></h1>
<p>It {{if eq .Status 401}}came without a login{{else}}did not come from our own page{{end}}. Nothing was changed.</p>
<p class="away"><a href="/">{{if eq .Status 401}}Log in{{else}}To our own page{{end}}</a></p>
</main>
</html>
`))

// refused gives scripts the usual answer, and people a page. A link to a guarded page leads to "/", which refreshes or
// asks for the password, and leads back.
func refused(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*jot.Error](err)
	switch {
	case !ok || !strings.Contains(r.Header.Get("Accept"), "text/html") || e.Status() > http.StatusForbidden:
		jot.DefaultErrorHandler(w, r, err)
	case e.Status() == http.StatusUnauthorized && r.Method == http.MethodGet:
		http.Redirect(w, r, "/?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
	default:
		letFrame(w)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(e.Status())
		_ = refusal.Execute(w, e)
	}
}

// login checks the password; see _example for how it is done in earnest.
func login(auth *jot.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Username string `json:"username"`
			Password string `json:"password"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body); err != nil {
			http.Error(w, "send username and password as JSON", http.StatusBadRequest)
			return
		}
		if body.Username != "alice" || body.Password != "wonderland" {
			http.Error(w, "wrong username or password", http.StatusUnauthorized)
			return
		}
		pair, err := auth.CreatePair(r.Context(), body.Username, jot.Fresh())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair) // it fails only when the client has gone
	}
}

// me tells the page who is logged in, and how many seconds without a refresh: the page's clock may be wrong.
func me(now func() time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, _ := jot.FromContext(r.Context())
		writeJSON(w, map[string]any{
			"name": t.Subject, "fresh": t.IsFresh(),
			"left": t.ExpiresAt.Sub(now()).Seconds(), "life": t.ExpiresAt.Sub(t.IssuedAt).Seconds(),
		})
	}
}

// notes are what there is to protect.
type notes struct {
	mu    sync.Mutex
	texts []string
}

func (n *notes) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.texts...)
}

func (n *notes) list(w http.ResponseWriter, _ *http.Request) { writeJSON(w, n.all()) }

func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil || len(text) == 0 {
		http.Error(w, "send a note of up to 1 KiB", http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	n.texts = append(n.texts[max(0, len(n.texts)-19):], string(text))
	n.mu.Unlock()
	writeJSON(w, n.all())
}

var printed = template.Must(template.New("print").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notes of {{.Name}}</title><link rel="stylesheet" href="/style.css">
<main>
<h1>Notes of {{.Name}}</h1>
<ul class="notes">{{range .Notes}}<li>{{.}}</li>{{end}}</ul>
<p><a href="/">Back to the page</a></p>
</main>
</html>
`))

// print is a page of its own: no cache may show it after the logout.
func (n *notes) print(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = printed.Execute(w, map[string]any{"Name": jot.Identity(r.Context()), "Notes": n.all()})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
