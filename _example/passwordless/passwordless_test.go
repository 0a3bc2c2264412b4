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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/_example/internal/site"
)

// service is the example with a clock that is moved by hand, and the mails that it has sent.
type service struct {
	*testing.T
	*server
	http.Handler

	db    *sql.DB
	file  string
	now   time.Time
	mails bytes.Buffer
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{T: t, now: time.Now().Add(time.Minute)} // no token is older than the store
	s.file = filepath.Join(t.TempDir(), "passwordless.db")
	s.start()
	return s
}

// start starts it, or starts it again.
func (s *service) start() {
	s.Helper()
	var err error
	s.db, err = site.OpenDatabase(s.Context(), s.file)
	require.NoError(s, err)
	s.Cleanup(func() { _ = s.db.Close() })
	s.server, err = newServer(s.Context(), config{
		store: s.file, rounds: 2, origin: "http://site.test", mail: &s.mails, now: func() time.Time { return s.now },
	}, s.db)
	require.NoError(s, err)
	s.Handler = s.handler()
}

// sent waits for the mails, and returns those since the last call.
func (s *service) sent() []string {
	s.post.wait()
	defer s.mails.Reset()
	return strings.Split(strings.TrimSuffix(s.mails.String(), "\n"), "\n")
}

// browser keeps cookies, and the page that it is on.
type browser struct {
	*service

	jar  map[string]string
	page string
}

func (s *service) browser() *browser { return &browser{service: s, jar: map[string]string{}} }

// asks makes a request as a page of this site would, with other headers if some are named.
func (b *browser) asks(method, target, form string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36")
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// send sends a request, and looks at what every answer must have.
func (b *browser) send(method, target, form string, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, b.asks(method, target, form, headers...))
	for _, cookie := range w.Result().Cookies() {
		require.True(b, cookie.Secure)
		if b.jar[cookie.Name] = cookie.Value; cookie.MaxAge < 0 {
			delete(b.jar, cookie.Name)
		}
	}
	b.page = html.UnescapeString(w.Body.String())
	require.Contains(b, w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'none'; style-src")
	require.NotRegexp(b, `(?i)<script|javascript:|\son[a-z]+=|style=`, w.Body.String())
	if target != "/style.css" {
		require.Contains(b, w.Header().Get("Cache-Control"), "no-store")
		require.Equal(b, "strict-origin", w.Header().Get("Referrer-Policy"), "no path, so no token")
	}
	return w
}

// is asks for a status, and a text of the page or of where it leads to.
func (b *browser) is(status int, text string) func(w *httptest.ResponseRecorder) {
	b.Helper()
	return func(w *httptest.ResponseRecorder) {
		b.Helper()
		require.Equal(b, status, w.Code, b.page)
		if status == http.StatusSeeOther {
			require.Equal(b, text, w.Header().Get("Location"))
		}
		require.Contains(b, w.Header().Get("Location")+b.page, text)
	}
}

// get opens a page, which says something.
func (b *browser) get(target string, status int, text string) {
	b.Helper()
	b.is(status, text)(b.send("GET", target, ""))
}

// submit sends a form of the page that it is on, with its CSRF value if it has one.
func (b *browser) submit(target, form string) *httptest.ResponseRecorder {
	b.Helper()
	require.Contains(b, b.page, `action="`+target+`"`, "the page has no such form")
	if match := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(b.page); match != nil {
		form += "&csrf=" + url.QueryEscape(match[1])
	}
	return b.send("POST", target, form)
}

// ask asks for a link of a kind, and returns what is in the mail.
func (b *browser) ask(l link) (url, token string) {
	b.Helper()
	b.sent()
	b.get(l.ask, 200, "We mail you a link")
	b.is(200, "Look into your mail")(b.submit(l.ask, "email=alice@example.com"))
	mails := b.sent()
	require.Len(b, mails, 1)
	_, url, found := strings.Cut(mails[0], "at http://site.test"+l.path)
	require.True(b, found, mails[0])
	return l.path + url, strings.TrimPrefix(url, "?token=")
}

// login asks for a link and follows it.
func (b *browser) login() {
	b.Helper()
	link, token := b.ask(magicLink)
	b.get(link, 200, "to log in as <b>alice@example.com</b>")
	b.is(303, "/")(b.submit("/enter", "token="+token))
	b.get("/", 200, "Hello, alice")
}

func (b *browser) exec(query string) {
	b.Helper()
	_, err := b.db.ExecContext(b.Context(), query)
	require.NoError(b, err)
}

func TestPages(t *testing.T) {
	b := newService(t).browser()
	for path, text := range map[string]string{
		"/": "No password to remember", "/login": "Mail me a link", "/forgot": "A new password",
		"/login?over": "Your session is over",
		"/password":   "Log in by a link instead", "/style.css": "prefers-color-scheme",
	} {
		b.get(path, 200, text)
	}
	b.get("/nowhere", 404, "There is no such page")
	b.is(303, "/login")(b.send("POST", "/logout-everywhere", ""))
	b.is(400, "damaged")(b.send("POST", "/login", "%"))
	b.is(400, "too long")(b.send("POST", "/login", "email="+strings.Repeat("x", 256<<10)))
	require.Empty(t, b.jar)
	b.login()
	for path, text := range map[string]string{
		"/": "Chrome on Linux", "/login": "Log out", "/forgot": "Log out", "/password": "Log out",
	} {
		b.get(path, 200, text)
	}
	b.get("/nowhere", 404, "Log out")
}

// A link works once, and then a session is there like any other.
func TestLogin(t *testing.T) {
	s := newService(t)
	b := s.browser()
	first, one := b.ask(magicLink)
	second, two := b.ask(magicLink)
	require.Len(t, b.jar, 1)
	b.get(first, 200, "Press the button")
	b.is(303, "/")(b.submit("/enter", "token="+one))
	require.Len(t, b.jar, 5)
	b.get("/", 200, "this one")

	b.get(first, 403, "You are logged in.")
	require.Contains(t, b.page, "This link has been used")
	b.is(403, "This link has been used")(b.send("POST", "/enter", "token="+one))
	require.Contains(t, b.page, `action="/login"`, "it offers another")
	b.get(second, 200, "Press the button")

	// A restart logs nobody out, and spares the links.
	require.NoError(t, s.db.Close())
	s.start()
	b.get("/", 200, "this one")
	b.is(303, "/")(b.send("POST", "/enter", "token="+two))
	s.now = s.now.Add(5 * time.Hour)
	b.get("/", 200, "Hello, alice")

	kept := b.jar["__Host-access_token"]
	b.is(303, "/")(b.submit("/logout", ""))
	b.get("/", 200, "No password")
	require.Len(t, b.jar, 1, "the browser's own")
	b.is(303, "/")(b.send("POST", "/logout", ""))
	b.jar["__Host-access_token"] = kept
	b.is(303, "/login?over")(b.send("GET", "/", ""))
	require.Len(t, b.jar, 1)
}

// Whatever is tried with a link, it logs in nobody else, and mostly it is as good as before.
func TestLinks(t *testing.T) {
	type answer = *httptest.ResponseRecorder
	stranger := func(b *browser) *browser {
		other := b.browser()
		_, _ = other.ask(magicLink) // it has a value of its own
		return other
	}
	post := func(b *browser, form string, headers ...string) answer {
		return b.send("POST", "/enter", form, headers...)
	}
	type row struct {
		name   string
		status int
		says   string
		over   bool // the link is
		try    func(b *browser, link, token string) answer
	}
	for _, tc := range []row{
		{"opened", 200, "Press the button", false, func(b *browser, link, _ string) answer {
			return b.send("GET", link, "")
		}},
		{"looked at", 200, "", false, func(b *browser, link, _ string) answer {
			return b.send("HEAD", link, "")
		}},
		{"scanned", 403, "another browser", false, func(b *browser, link, _ string) answer {
			return b.browser().send("GET", link, "")
		}},
		{"sent by a scanner", 403, "another browser", false, func(b *browser, _, token string) answer {
			return post(b.browser(), "token="+token)
		}},
		{"opened elsewhere", 403, "another browser", false, func(b *browser, link, _ string) answer {
			return stranger(b).send("GET", link, "")
		}},
		{"sent from elsewhere", 403, "another browser", false, func(b *browser, _, token string) answer {
			return post(stranger(b), "token="+token)
		}},
		{"two values", 403, "another browser", false, func(b *browser, _, token string) answer {
			name := b.browsers.name()
			return post(b.browser(), "token="+token, "Cookie", name+"="+b.jar[name]+"; "+name+"="+b.jar[name])
		}},
		{"by another site", 403, "out of date", false, func(b *browser, _, token string) answer {
			return post(b, "token="+token, "Sec-Fetch-Site", "cross-site")
		}},
		{"by a sibling", 403, "out of date", false, func(b *browser, _, token string) answer {
			return post(b, "token="+token, "Sec-Fetch-Site", "same-site")
		}},
		{"by an old browser", 403, "out of date", false, func(b *browser, _, token string) answer {
			return post(b, "token="+token, "Sec-Fetch-Site", "", "Origin", "https://evil.example")
		}},
		{"in the address", 403, "not a link of ours", false, func(b *browser, _, token string) answer {
			return b.send("POST", "/enter?token="+token, "")
		}},
		{"cut", 403, "not a link of ours", false, func(b *browser, link, _ string) answer {
			return b.send("GET", link[:len(link)-9], "")
		}},
		{"nothing", 403, "not a link of ours", false, func(b *browser, _, _ string) answer {
			return b.send("GET", "/enter", "")
		}},
		{"to reset", 403, "not a link of ours", false, func(b *browser, _, token string) answer {
			return b.send("POST", "/reset", "password=looking-glass&token="+token)
		}},
		{"one to reset", 403, "not a link of ours", false, func(b *browser, _, _ string) answer {
			_, token := b.ask(resetLink)
			return post(b, "token="+token)
		}},
		{"a session's", 403, "not a link of ours", false, func(b *browser, _, _ string) answer {
			b.login()
			return post(b, "token="+b.jar["__Host-access_token"])
		}},
		{"as a session", 303, "/login?over", false, func(b *browser, _, token string) answer {
			return b.browser().send("GET", "/", "", "Cookie", "__Host-access_token="+token)
		}},
		{"at its end", 200, "Press the button", false, func(b *browser, link, _ string) answer {
			b.now = b.now.Add(linkLife - time.Second)
			return b.send("GET", link, "")
		}},
		{"after its end", 403, "has expired", true, func(b *browser, link, _ string) answer {
			b.now = b.now.Add(linkLife + time.Minute)
			return b.send("GET", link, "")
		}},
		{"late", 403, "has expired", true, func(b *browser, _, token string) answer {
			b.now = b.now.Add(linkLife + time.Minute)
			return post(b, "token="+token)
		}},
		{"another address", 403, "has been used", true, func(b *browser, link, _ string) answer {
			b.exec(`UPDATE users SET email = 'rabbit@example.com' WHERE name = 'alice'`)
			return b.send("GET", link, "")
		}},
		{"another password", 403, "has been used", true, func(b *browser, link, _ string) answer {
			u, err := b.users.ByName(b.Context(), "alice")
			require.NoError(b, err)
			require.NoError(b, b.users.SetPassword(b.Context(), u, "looking-glass"))
			return b.send("GET", link, "")
		}},
		{"nobody's", 403, "not a link of ours", true, func(b *browser, link, _ string) answer {
			b.exec(`DELETE FROM users`)
			return b.send("GET", link, "")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newService(t).browser()
			link, token := b.ask(magicLink)
			w := tc.try(b, link, token)
			require.Equal(t, tc.status, w.Code, w.Body)
			require.Contains(t, w.Header().Get("Location")+w.Body.String(), tc.says)
			for _, cookie := range w.Result().Cookies() {
				require.True(t, cookie.Name == b.browsers.name() || cookie.MaxAge < 0, "it logs nobody in")
			}
			if tc.over {
				require.Equal(t, 403, post(b, "token="+token).Code)
			} else {
				b.is(303, "/")(post(b, "token="+token))
			}
		})
	}
}

// racing sends all forms at once, and returns how many of them succeed. The others are told that the link is used up.
func (b *browser) racing(target string, forms ...string) (succeeded int) {
	b.Helper()
	answers := make([]*httptest.ResponseRecorder, len(forms))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, form := range forms {
		r := b.asks("POST", target, form)
		answers[i] = httptest.NewRecorder()
		all.Go(func() {
			<-start
			b.ServeHTTP(answers[i], r)
		})
	}
	close(start)
	all.Wait()
	for _, w := range answers {
		if w.Code == http.StatusSeeOther {
			succeeded++
			continue
		}
		require.Equal(b, 403, w.Code, w.Body)
		require.Contains(b, w.Body.String(), "This link has been used")
	}
	return succeeded
}

func TestOnceAtOnce(t *testing.T) {
	b := newService(t).browser()
	for range 3 {
		_, token := b.ask(magicLink)
		require.Equal(t, 1, b.racing("/enter", "token="+token, "token="+token, "token="+token))
		_, token = b.ask(resetLink)
		_, other := b.ask(resetLink)
		const password = "&password=looking-glass"
		require.Equal(t, 1, b.racing("/reset",
			"token="+token+password, "token="+token+password, "token="+other+password, "token="+other+password))
		b.now = b.now.Add(linkLife)
	}
}

// Nothing in the answer tells who has an account, nor who has asked too often.
func TestAnswersAlike(t *testing.T) {
	s := newService(t)
	for _, l := range []link{magicLink, resetLink} {
		s.now = s.now.Add(time.Hour)
		answer := func(b *browser, address string) (headers http.Header, body string) {
			w := b.send("POST", l.ask, "email="+url.QueryEscape(address))
			require.Equal(t, 200, w.Code)
			value := regexp.MustCompile(`=\w{26};`)
			require.Regexp(t, value, w.Header().Get("Set-Cookie"))
			w.Header().Set("Set-Cookie", value.ReplaceAllString(w.Header().Get("Set-Cookie"), "=…;"))
			require.Contains(t, b.page, "<b>"+address+"</b>")
			return w.Header(), strings.ReplaceAll(b.page, address, "…")
		}
		known, text := answer(s.browser(), "alice@example.com")
		require.Len(t, s.sent(), 1)
		for _, address := range []string{
			"mallory@example.com", "alice@example.com", " ALICE@example.com", "alice@example.com",
			"mallory@example.com",
		} {
			headers, body := answer(s.browser(), address)
			require.Equal(t, known, headers)
			require.Equal(t, text, body)
		}
		mails := s.sent()
		require.Len(t, mails, 2, "the third and last for alice, none for mallory")
		require.Contains(t, mails[1], "Mail to alice@example.com: ")
		_, _ = answer(s.browser(), "bob@example.com")
		require.Len(t, s.sent(), 1, "others may ask")

		s.now = s.now.Add(linkLife)
		_, _ = answer(s.browser(), "alice@example.com")
		require.Contains(t, s.sent()[0], "Mail to alice@example.com: "+l.does)
	}
	b := s.browser()
	long := "a@" + strings.Repeat("b", 254)
	for _, address := range []string{"", "alice", "a@b@c", "Alice <alice@example.com>", long} {
		b.is(422, "not an e-mail address")(b.send("POST", "/login", "email="+url.QueryEscape(address)))
	}
	b.is(403, "out of date")(b.send("POST", "/login", "email=alice@example.com", "Sec-Fetch-Site", "cross-site"))
	require.Empty(t, b.jar)
}

func TestReset(t *testing.T) {
	s := newService(t)
	b, thief, phone := s.browser(), s.browser(), s.browser()
	thief.get("/password", 200, "Forgot your password?")
	thief.is(422, "Wrong address or password.")(thief.submit("/password", "email=alice@example.com&password=rabbit"))
	thief.is(422, "Wrong address or password.")(thief.submit("/password", "email=mallory@example.com&password=rabbit"))
	thief.is(303, "/")(thief.submit("/password", "email=Alice@example.com&password=wonderland"))
	phone.login()

	s.now = s.now.Add(linkLife)
	older, old := b.ask(resetLink)
	link, token := b.ask(resetLink)
	entry, enter := phone.ask(magicLink)
	stranger := s.browser()
	stranger.get(link, 403, "another browser")
	stranger.is(403, "another browser")(stranger.send("POST", "/reset", "password=looking-glass&token="+token))
	require.Contains(t, stranger.page, `action="/forgot"`)
	b.get(link, 200, "alice@example.com")
	b.is(422, "8 to 200 characters")(b.submit("/reset", "password=short&token="+token))
	b.is(303, "/?changed")(b.submit("/reset", "password=looking-glass&token="+token))
	b.get("/?changed", 200, "every other device is logged out")
	require.Equal(t, 1, strings.Count(b.page, "Chrome on Linux"))

	for _, other := range []*browser{thief, phone} {
		other.is(303, "/login?over")(other.send("GET", "/", ""))
		require.NotContains(t, other.jar, "__Host-access_token")
	}
	phone.get(entry, 403, "has been used")
	phone.is(403, "has been used")(phone.send("POST", "/enter", "token="+enter))
	for _, path := range []string{older, link} {
		b.get(path, 403, "This link has been used")
	}
	for _, over := range []string{old, token} {
		b.is(403, "has been used")(b.send("POST", "/reset", "password=looking-glass&token="+over))
	}
	thief.get("/password", 200, "Log in")
	thief.is(422, "Wrong")(thief.submit("/password", "email=alice@example.com&password=wonderland"))
	thief.is(303, "/")(thief.submit("/password", "email=alice@example.com&password=looking-glass"))

	// Logging out everywhere ends links as well.
	s.now = s.now.Add(linkLife)
	entry, _ = phone.ask(magicLink)
	s.now = s.now.Add(time.Second)
	thief.get("/", 200, "Log out everywhere")
	thief.is(403, "out of date")(thief.send("POST", "/logout-everywhere", ""))
	thief.get("/", 200, "Log out everywhere")
	thief.is(303, "/")(thief.submit("/logout-everywhere", ""))
	b.is(303, "/login?over")(b.send("GET", "/", ""))
	phone.get(entry, 403, "has been used")
}

func TestFailures(t *testing.T) {
	s := newService(t)
	b := s.browser()
	b.login()
	link, token := b.ask(magicLink)
	_, reset := b.ask(resetLink)

	// Too many mails at once.
	for range cap(s.post.slots) {
		s.post.slots <- struct{}{}
	}
	for _, address := range []string{"alice", "mallory"} {
		b.is(503, "One moment, please")(b.send("POST", "/login", "email="+address+"@example.com"))
	}
	for range cap(s.post.slots) {
		<-s.post.slots
	}

	require.NoError(t, s.db.Close())
	for _, address := range []string{"alice", "mallory"} {
		w := b.send("POST", "/login", "email="+address+"@example.com")
		b.is(503, "One moment, please")(w)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
	}
	b.get("/", 503, "One moment, please")
	b.get("/login", 200, "Mail me a link")
	b.get(link, 503, "One moment, please")
	b.is(503, "One moment, please")(b.send("POST", "/enter", "token="+token))
	b.is(503, "One moment, please")(b.send("POST", "/reset", "password=looking-glass&token="+reset))
	require.Equal(t, 503, b.send("POST", "/password", "email=alice@example.com&password=wonderland").Code)
}

// With -insecure, cookies lose the prefix that browsers want HTTPS for.
func TestInsecure(t *testing.T) {
	require.Equal(t, "browser", browsers{insecure: true}.name())
	w := httptest.NewRecorder()
	value := browsers{insecure: true}.know(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, "browser="+value+"; Path=/; Max-Age=660; HttpOnly; SameSite=Lax", w.Header().Get("Set-Cookie"))
}

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	cfg := config{addr: "127.0.0.1:0", rounds: 2, now: time.Now}
	require.ErrorIs(t, run(ctx, cfg, &out), context.Canceled)
	cfg.store = filepath.Join(t.TempDir(), "no", "passwordless.db")
	require.ErrorContains(t, run(t.Context(), cfg, &out), "-store")
	cfg.store, cfg.addr = "", "nowhere:-1"
	require.Error(t, run(t.Context(), cfg, &out))

	cfg.addr, cfg.store = "127.0.0.1:0", filepath.Join(t.TempDir(), "a ?#.db")
	for range 2 { // a start, and a restart
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		require.NoError(t, run(ctx, cfg, &out))
		stop()
	}
	require.Contains(t, out.String(), "Listening on http://127.0.0.1:")
}
