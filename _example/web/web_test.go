package main

import (
	"bytes"
	"context"
	"database/sql"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/_example/internal/site"
)

// service is the example with a clock that is moved by hand, and the mails that it has sent.
type service struct {
	*testing.T
	http.Handler

	db    *sql.DB
	now   time.Time
	mails bytes.Buffer
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{T: t, now: time.Now().Add(time.Minute)} // no token is older than the store
	file := filepath.Join(t.TempDir(), "web.db")
	var err error
	s.db, err = site.OpenDatabase(t.Context(), file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.db.Close() })
	s.Handler, err = newHandler(t.Context(), config{
		store: file, access: 15 * time.Minute, rounds: 2, origin: "http://notes.test", mail: &s.mails,
		now: func() time.Time { return s.now },
	}, s.db)
	require.NoError(t, err)
	return s
}

// browser keeps cookies until they end, and the page that it is on.
type browser struct {
	*service

	site string // what Sec-Fetch-Site says
	jar  map[string]*http.Cookie
	page string
}

func (s *service) browser() *browser {
	return &browser{service: s, site: "same-origin", jar: map[string]*http.Cookie{}}
}

// send sends a request, and looks at what every answer must have.
func (b *browser) send(method, target, form string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	r.Header.Set("Sec-Fetch-Site", b.site)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36")
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, cookie := range b.jar {
		if b.now.Before(cookie.Expires) {
			r.AddCookie(&http.Cookie{Name: name, Value: cookie.Value})
		}
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		cookie.Expires = b.now.Add(time.Duration(cookie.MaxAge) * time.Second)
		b.jar[cookie.Name] = cookie
	}
	b.page = html.UnescapeString(w.Body.String())
	require.Contains(b, w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'none'; style-src")
	require.NotRegexp(b, `(?i)<script|javascript:|\son[a-z]+=|style=`, w.Body.String())
	return w
}

// get opens a page, and follows redirects. It returns the status and where it has ended.
func (b *browser) get(target string) (status int, at string) {
	b.Helper()
	return b.follow(target, b.send("GET", target, ""))
}

// post sends a form of the page that it is on, with its CSRF value.
func (b *browser) post(target, form string) (status int, at string) {
	b.Helper()
	require.Contains(b, b.page, `action="`+target+`"`, "the page has no such form")
	if match := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(b.page); match != nil {
		form += "&csrf=" + url.QueryEscape(match[1])
	}
	return b.follow(target, b.send("POST", target, form))
}

func (b *browser) follow(target string, w *httptest.ResponseRecorder) (status int, at string) {
	b.Helper()
	for range 5 {
		if w.Code != http.StatusSeeOther {
			return w.Code, target
		}
		target = w.Header().Get("Location")
		w = b.send("GET", target, "")
	}
	require.Fail(b, "redirects without an end")
	return 0, ""
}

// is asks for the status, the address and a text of the page.
func (b *browser) is(status int, at, text string) func(gotStatus int, gotAt string) {
	b.Helper()
	return func(gotStatus int, gotAt string) {
		b.Helper()
		require.Equal(b, status, gotStatus, b.page)
		require.Equal(b, at, gotAt)
		require.Contains(b, b.page, text)
	}
}

const alice = "username=alice&password=wonderland"

func (b *browser) login() {
	b.Helper()
	b.get("/login")
	b.is(200, "/notes", "Notes of alice")(b.post("/login", alice))
}

func (b *browser) names() (names []string) {
	for name, cookie := range b.jar {
		if b.now.Before(cookie.Expires) {
			names = append(names, name)
		}
	}
	return names
}

func TestPages(t *testing.T) {
	b := newService(t).browser()
	b.is(200, "/", "This page is for everybody")(b.get("/"))
	b.is(404, "/nowhere", "There is no such page")(b.get("/nowhere"))
	b.is(200, "/style.css", "prefers-color-scheme")(b.get("/style.css"))
	for _, path := range []string{"/notes", "/devices", "/account", "/confirm"} {
		b.is(200, "/login?next="+url.QueryEscape(path), "Log in")(b.get(path))
	}
	b.login()
	require.Len(t, b.names(), 4)
	for path, text := range map[string]string{
		"/": "Hello, alice", "/notes": "There is none yet", "/devices": "Chrome on Linux",
		"/account": "alice@example.com", "/confirm": "Is it you?", "/login": "Log in", "/forgot": "We mail you a link",
	} {
		b.is(200, path, text)(b.get(path))
	}
	b.is(404, "/nowhere", "Log out")(b.get("/nowhere"))
}

func TestLogin(t *testing.T) {
	b := newService(t).browser()
	b.get("/devices?from=mail")
	wrong := func(form string) string {
		b.Helper()
		b.is(422, "/login", "Wrong name or password.")(b.post("/login", form+"&next=%2Fdevices%3Ffrom%3Dmail"))
		require.NotContains(t, b.page, "rabbit", "no password comes back")
		return strings.ReplaceAll(b.page, "mallory", "alice")
	}
	require.Equal(t, wrong("username=alice&password=rabbit"), wrong("username=mallory&password=rabbit"))
	require.Empty(t, b.names())
	b.is(200, "/devices?from=mail", "Chrome on Linux")(b.post("/login", alice+"&next=%2Fdevices%3Ffrom%3Dmail"))

	b.site = "cross-site"
	b.is(403, "/login", "This form is out of date")(b.follow("/login", b.send("POST", "/login", alice)))
	b.is(403, "/forgot", "out of date")(b.follow("/forgot", b.send("POST", "/forgot", "email=alice@example.com")))
	b.is(403, "/reset", "out of date")(b.follow("/reset", b.send("POST", "/reset", "token=x&password=longenough")))
	require.Len(t, b.names(), 4)
}

func TestNoOpenRedirect(t *testing.T) {
	b := newService(t).browser()
	for _, next := range []string{
		"//evil.example", `/\evil.example`, `\\evil.example`, "https://evil.example/", "https:evil.example",
		"/\t/evil.example", "\t//evil.example", "/\n/evil.example", " //evil.example", "///evil.example",
		"evil.example", "javascript:alert(1)", "http:///evil.example", "", "%", "//", "@evil.example",
	} {
		for _, form := range []string{"/login", "/confirm"} {
			b.get("/login")
			b.post("/login", alice)
			b.get(form)
			w := b.send("POST", form, url.Values{
				"username": {"alice"}, "password": {"wonderland"}, "next": {next},
				"csrf": {b.jar["__Host-csrf_access_token"].Value},
			}.Encode())
			require.Equal(t, 303, w.Code)
			require.Contains(t, []string{"/notes", "/account"}, w.Header().Get("Location"), "%q", next)
		}
	}
	b.get("/confirm?next=//evil.example")
	b.is(200, "/notes", "Notes of alice")(b.post("/confirm", "password=wonderland&next=//evil.example"))
}

func TestNotes(t *testing.T) {
	s := newService(t)
	b, other := s.browser(), s.browser()
	b.login()
	b.is(422, "/notes/add", "Write something first.")(b.post("/notes/add", "text=+"))
	b.is(200, "/notes", "two\nlines")(b.post("/notes/add", "text=two%0Alines"))
	b.is(200, "/notes", `id="note2"><script>`)(b.post("/notes/add", "text=<script>"))

	other.get("/login")
	other.post("/login", "username=bob&password=builder")
	require.NotContains(t, other.page, "lines")
	other.post("/notes/add", "text=mine")
	other.is(200, "/notes", "mine")(other.post("/notes/delete", "id=1"))

	b.is(200, "/notes", "two")(b.get("/notes"))
	b.is(200, "/notes", "script")(b.post("/notes/delete", "id=1"))
	require.NotContains(t, b.page, "two")

	long := strings.Repeat("very long, ", 10_000) + "indeed"
	b.is(200, "/notes", long)(b.post("/notes/add", "text="+url.QueryEscape(long)))
	w := b.send("POST", "/notes/add", "text="+strings.Repeat("x", 256<<10))
	require.Equal(t, 400, w.Code)
	require.Contains(t, b.page, "too long")
}

func TestForgery(t *testing.T) {
	b := newService(t).browser()
	b.login()
	for _, path := range []string{
		"/notes/add", "/notes/delete", "/devices/logout", "/devices/logout-all", "/confirm", "/account/email",
		"/account/clear", "/logout",
	} {
		for _, form := range []string{"text=mine", "text=mine&csrf=x"} {
			b.is(403, path, "This form is out of date")(b.follow(path, b.send("POST", path, form)))
			require.Contains(t, b.page, "mine</textarea>", "what was typed can be copied")
		}
	}
	require.Len(t, b.names(), 4, "nobody is logged out by it")
	stranger := b.browser()
	stranger.site = "cross-site" // and so without cookies
	for _, method := range []string{"GET", "POST"} {
		require.Empty(t, stranger.send(method, "/notes", "text=x").Result().Cookies(), "nor by this")
	}
	b.is(200, "/notes", "There is none yet")(b.get("/notes"))
}

// Who comes back after hours goes on, and loses nothing.
func TestComingBack(t *testing.T) {
	b := newService(t).browser()
	b.login()
	b.now = b.now.Add(5 * time.Hour)
	require.Len(t, b.names(), 2, "the access token is gone")
	b.is(200, "/notes", "a long text")(b.post("/notes/add", "text=a+long+text"))
	require.Len(t, b.names(), 4)

	// After weeks the session is over: the login takes the text along.
	b.now = b.now.Add(31 * 24 * time.Hour)
	b.is(401, "/notes/add", "what you have written is kept")(b.post("/notes/add", "text=longer%0Astill"))
	require.Contains(t, b.page, "longer\nstill</textarea>")
	b.is(422, "/login", "still</textarea>")(b.post("/login", "username=alice&password=x&text=longer%0Astill"))
	b.is(200, "/login", "Your note is not saved yet.")(b.post("/login", alice+"&text=longer%0Astill"))
	require.Contains(t, b.page, "longer\nstill</textarea>")
	require.Contains(t, b.page, "a long text")
	b.is(200, "/notes", "longer\nstill")(b.post("/notes/add", "text=longer%0Astill"))
}

func TestStepUp(t *testing.T) {
	b := newService(t).browser()
	b.login()
	b.post("/notes/add", "text=precious")
	b.is(200, "/account", "alice@example.com")(b.get("/account"))
	b.now = b.now.Add(6 * time.Minute)
	const confirm = "/confirm?next=%2Faccount"
	b.is(200, confirm, "Is it you?")(b.post("/account/clear", ""))
	b.is(422, "/confirm", "Wrong password.")(b.post("/confirm", "password=x&next=/account"))
	b.is(200, confirm, "Is it you?")(b.get("/account"))
	b.is(200, "/account", "Delete all notes")(b.post("/confirm", "password=wonderland&next=/account"))
	b.is(422, "/account/email", "cannot be used")(b.post("/account/email", "email=bob@example.com"))
	b.is(422, "/account/email", "cannot be used")(b.post("/account/email", "email=Alice+<a@example.com>"))
	b.is(200, "/account?changed", `value="rabbit@example.com"`)(b.post("/account/email", "email=rabbit@example.com"))
	require.Contains(t, b.mails.String(), "Mail to alice@example.com: the address of alice is now rabbit@example.com")
	b.is(200, "/notes", "There is none yet")(b.post("/account/clear", ""))
	b.get("/devices")
	require.Equal(t, 1, strings.Count(b.page, "Chrome on Linux"), "it is the same session")
	require.Contains(t, b.page, "this one")
}

// link asks for one, and returns where it leads to.
func (b *browser) link(email string) string {
	b.Helper()
	b.mails.Reset()
	b.get("/forgot")
	b.is(200, "/forgot", "If the address belongs to an account")(b.post("/forgot", "email="+email))
	_, link, _ := strings.Cut(strings.TrimSpace(b.mails.String()), "http://notes.test")
	return link
}

func TestReset(t *testing.T) {
	s := newService(t)
	b, thief, scanner := s.browser(), s.browser(), s.browser()
	thief.login()
	require.Empty(t, b.link("mallory@example.com"))
	page := b.page
	link, older := b.link("alice@example.com"), b.link("alice@example.com")
	require.Equal(t, page, b.page, "it does not tell who has an account")
	require.Contains(t, link, "/reset?token=")
	scanner.is(200, link, "Choose a new password")(scanner.get(link))
	b.is(200, link, `value="alice"`)(b.get(link))

	form := "token=" + strings.TrimPrefix(link, "/reset?token=") + "&password="
	b.is(422, "/reset", "8 to 200 characters")(b.post("/reset", form+"short"))
	b.is(200, "/notes", "Notes of alice")(b.post("/reset", form+"looking-glass"))
	thief.is(200, "/login?next=%2Fnotes", "Log in")(thief.get("/notes"))
	require.Empty(t, thief.names(), "cookies of a session that is over go")
	thief.is(422, "/login", "Wrong name")(thief.post("/login", alice))
	thief.is(200, "/notes", "Notes")(thief.post("/login", "username=alice&password=looking-glass"))

	for _, over := range []string{link, older, "/reset?token=x", "/reset"} {
		b.is(403, over, "This link is over")(b.get(over))
	}
	b.is(403, "/reset", "This link is over")(b.follow("/reset", b.send("POST", "/reset", form+"looking-glass")))

	link = b.link("alice@example.com")
	b.now = b.now.Add(time.Hour)
	b.is(403, link, "This link is over")(b.get(link))
	link = b.link("alice@example.com")
	_, err := b.db.ExecContext(t.Context(), `UPDATE users SET email = 'a@example.com' WHERE name = 'alice'`)
	require.NoError(t, err)
	b.is(403, link, "This link is over")(b.get(link))
	_, err = b.db.ExecContext(t.Context(), `DELETE FROM users`)
	require.NoError(t, err)
	b.is(403, link, "This link is over")(b.get(link))
	b.is(200, "/login?next=%2Fnotes", "Log in")(b.get("/notes"))
}

func TestDevices(t *testing.T) {
	s := newService(t)
	b, phone := s.browser(), s.browser()
	b.login()
	s.now = s.now.Add(time.Minute)
	phone.login()
	b.get("/devices")
	require.Equal(t, 1, strings.Count(b.page, "this one"))
	require.Equal(t, 2, strings.Count(b.page, "Chrome on Linux"))
	ids := regexp.MustCompile(`name="id" value="([^"]+)"`).FindAllStringSubmatch(b.page, -1)
	b.is(400, "/devices/logout", "That did not work")(b.post("/devices/logout", "id=x"))
	b.get("/devices")
	b.is(200, "/devices", "this one")(b.post("/devices/logout", "id="+ids[0][1])) // the latest stands first
	require.Equal(t, 1, strings.Count(b.page, "Chrome on Linux"))

	// The phone was writing meanwhile.
	phone.is(401, "/notes/add", "what you have written is kept")(phone.post("/notes/add", "text=typed"))
	phone.login()
	phone.get("/")
	b.is(200, "/", "This page is for everybody")(b.post("/devices/logout-all", ""))
	require.Empty(t, b.names())
	phone.is(200, "/login?next=%2F", "Log in")(phone.get("/"))
	phone.is(200, "/", "This page is for everybody")(phone.get("/"))
}

func TestLogout(t *testing.T) {
	b := newService(t).browser()
	b.login()
	kept := b.jar
	b.is(200, "/", "This page is for everybody")(b.post("/logout", ""))
	require.Empty(t, b.names())
	b.is(200, "/", "This page is for everybody")(b.follow("/logout", b.send("POST", "/logout", "")))
	b.jar = kept
	b.is(200, "/login?next=%2Fnotes", "Log in")(b.get("/notes"))

	b.login()
	b.now = b.now.Add(time.Hour)
	b.is(200, "/", "This page is for everybody")(b.post("/logout", ""))
	require.Empty(t, b.names(), "also after the access token is gone")
}

func TestFailures(t *testing.T) {
	b := newService(t).browser()
	b.login()
	csrf := "&csrf=" + b.jar["__Host-csrf_access_token"].Value
	require.NoError(t, b.db.Close())
	b.is(503, "/notes", "One moment, please")(b.get("/notes"))
	w := b.send("POST", "/notes/add", "text=typed"+csrf)
	require.Equal(t, 503, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Contains(t, b.page, "typed</textarea>")
	require.Equal(t, 503, b.send("POST", "/login", alice).Code)
	require.Equal(t, 503, b.send("POST", "/forgot", "email=alice@example.com").Code)
	require.Equal(t, 503, b.send("POST", "/logout", csrf[1:]).Code)
}

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	cfg := config{addr: "127.0.0.1:0", access: time.Minute, rounds: 2, now: time.Now}
	require.ErrorIs(t, run(ctx, cfg, &out), context.Canceled)
	cfg.store = filepath.Join(t.TempDir(), "no", "web.db")
	require.ErrorContains(t, run(t.Context(), cfg, &out), "-store")
	cfg.store, cfg.access = "", 0
	require.ErrorContains(t, run(t.Context(), cfg, &out), "WithAccessTTL")
	cfg.addr = "nowhere:-1"
	require.Error(t, run(t.Context(), cfg, &out))

	cfg.addr, cfg.access, cfg.store = "127.0.0.1:0", time.Minute, filepath.Join(t.TempDir(), "a ?#.db")
	for range 2 { // a start, and a restart
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		require.NoError(t, run(ctx, cfg, &out))
		stop()
	}
	require.Contains(t, out.String(), "Listening on http://127.0.0.1:")
}
