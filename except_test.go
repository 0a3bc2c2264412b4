package jot_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// "GET /" reads like the front page and is every page. Whoever means the front page is told how to say so.
func TestExceptRefusesEverything(t *testing.T) {
	m := newManager(t)
	reason := func(patterns ...string) string {
		return panicOf(func() { m.Required(jot.RouteOptions(jot.Except(patterns...))) })
	}
	for _, tc := range []struct{ pattern, cure string }{
		{"GET /", "GET /{$}"},
		{"POST /", "POST /{$}"},
		{"/", "/{$}"},
		{"GET  /", "GET /{$}"},
		{"GET\t/", "GET /{$}"},
		{"GET /{rest...}", "GET /{$}"},
		{"/{rest...}", "/{$}"},
	} {
		require.Contains(t, reason(tc.pattern), "jot: Required: ", tc.pattern)
		require.Contains(t, reason("GET /one", tc.pattern), tc.cure, "%q beside a good one", tc.pattern)
	}
	for _, pattern := range []string{
		"GET /{$}", "/{$}", "GET /one", "/public/", "GET /public/{rest...}", "files.example/",
	} {
		require.Empty(t, reason(pattern), "%q is not everything", pattern)
	}
}

// No clean path has two slashes in a row: for a mux, a pattern of such a path stands for the one above it, with
// everything below.
func TestExceptRefusesDoubledSlashes(t *testing.T) {
	m := newManager(t)
	for _, pattern := range []string{
		"/files//", "GET /files//", "/files//x", "/files///x", "//files/", "//", "GET //", "/files//{id}", "/{id}//",
		"files.example//", "files.example//x", "/files/{$}//", "//{$}", "//{rest...}",
	} {
		require.Contains(t, panicOf(func() { m.Guard(jot.Except(pattern)) }), "doubled slash", pattern)
		require.Contains(t, panicOf(func() { m.Required(jot.Except("GET /one", pattern)) }), "doubled slash", pattern)
	}
	// Beside it, nothing is exempt that has two.
	guard := m.Required(jot.Except("/files/"))
	for target, open := range map[string]bool{
		"/files/": true, "/files/x": true,
		"/files//": false, "/files//x": false, "//files/x": false, "/files/x//": false,
	} {
		r := httptest.NewRequest(http.MethodDelete, "http://a.test"+target, nil)
		require.Equal(t, open, send(guard, r).called, target)
	}
}

// A pattern that no request would ever match is refused, with the cure.
func TestExceptRefusesWhatMatchesNothing(t *testing.T) {
	m := newManager(t)
	for _, tc := range []struct{ pattern, cure string }{
		{"post /login", `methods are in capitals: write "POST /login"`},
		{"Post /login", `write "POST /login"`},
		{"* /login", `a pattern of every method has none: write "/login"`},
		{"POST /login ", `"POST /login " has white space too much: write "POST /login"`},
		{" POST /login", `write "POST /login"`},
		{"\tPOST /login\n", `write "POST /login"`},
		{" /login", `write "/login"`},
		{"/login ", `write "/login"`},
		{"POST  /login", `write "POST /login"`},
		{"POST\t/login", `write "POST /login"`},
		{"POST /login POST /refresh", "has white space within: give each pattern by itself"},
		{"GET /log in", "has white space within"},
		{"/login/*", `write "/login/" for all that lies under it`},
		{"GET /login/**", `write "GET /login/" for all that lies under it`},
		{"GET /users/{id}/*", `write "GET /users/{id}/"`},
		{"/users/*/avatar", "write {name} for one segment"},
		{"/users/*/*", "write {name} for one segment"},
		{"/*.js", "write {name} for one segment"},
		{"/login*", "write {name} for one segment"},
		{"/*", `write "/{$}" for the front page`},
		{"GET /**", `write "GET /{$}" for the front page`},
	} {
		reason := panicOf(func() { m.Required(jot.Except("GET /one", tc.pattern)) })
		require.Contains(t, reason, "jot: Required: Except: ", tc.pattern)
		require.Contains(t, reason, tc.cure, tc.pattern)
		saysOnce(t, reason)
	}
}

// A pattern that was meant for the request that is refused, and that the mux spells otherwise, is told once. One that
// the mux has is right, whatever else is refused beside it.
func TestExceptDoubts(t *testing.T) {
	if !alone(t) {
		return
	}
	const none = ""
	alike := func(name, has string) string {
		return `jot: Except names "` + name + `", but the mux has "` + has + `": spell both alike`
	}
	behind := func(name, has string) string {
		return `jot: Except names "` + name + `", but the mux hands that to "` + has +
			`": guard what is behind it instead`
	}
	nowhere := func(name string) string {
		return `jot: Except names "` + name + `", which the mux does not have: it lets nobody through`
	}
	register := func(name, has string) string {
		return `jot: Except names "` + name + `", but the mux has "` + has + `", which is every path: register "` +
			name + `" there too`
	}
	m := newManager(t, jot.WithLocations(jot.InHeader, jot.InQuery))
	for _, tc := range []struct {
		except, mux []string
		method, url string
		told        string
	}{
		// the method
		{of("/login"), of("POST /login"), "POST", "/login", alike("/login", "POST /login")},
		{of("GET /sign-in"), of("POST /sign-in"), "POST", "/sign-in", alike("GET /sign-in", "POST /sign-in")},
		{of("POST /enter"), of("/enter"), "POST", "/enter", alike("POST /enter", "/enter")},
		{of("POST /enter"), of("/enter"), "POST", "/enter", none}, // not again
		{of("/a"), of("POST /a"), "GET", "/a", none},              // which the mux has not
		{of("GET /b"), of("GET /b", "POST /b"), "POST", "/b", none},
		{of("/c"), of("/c", "POST /c"), "POST", "/c", none},
		{of("POST /d", "/d"), of("POST /d", "GET /d"), "GET", "/d", alike("/d", "GET /d")},
		// the slash
		{of("/public"), of("/public/"), "GET", "/public/x.png", alike("/public", "/public/")},
		{of("/e"), of("/e", "/e/"), "GET", "/e/x.png", none},
		{of("/f/"), of("GET /f"), "GET", "/f", alike("/f/", "GET /f")},
		{of("/f/{$}"), of("/f/"), "GET", "/f/x", alike("/f/{$}", "/f/")},
		{of("/g/"), of("/g/{rest...}"), "GET", "/g/x", alike("/g/", "/g/{rest...}")},
		{of("/h/"), of("/h/"), "GET", "/h", none},
		{of("/h/"), of("/h/", "/h/{$}"), "GET", "/h/", none},
		{of("/h/"), of("/h/", "/h/{id}"), "GET", "/h/x", none},
		{of("/h/"), of("/h/", "/h/{id}/{rest...}", "GET /h/{$}"), "GET", "/h/", none},
		// the names of wildcards, and hosts
		{of("/i/{id}"), of("/i/{name}"), "GET", "/i/7", alike("/i/{id}", "/i/{name}")},
		{of("/i/{id}"), of("/i/{id}", "GET /i/all"), "GET", "/i/all", none},
		{of("/i/{id}"), of("/i/{id}", "GET /i/{id}"), "GET", "/i/7", none},
		{of("/j"), of("example.com/j"), "GET", "/j", alike("/j", "example.com/j")},
		{of("example.com/k"), of("example.com/k", "POST example.com/k"), "POST", "/k", none},
		{of("/l%20m"), of("/l%20m", "POST /l%20m"), "POST", "/l%20m", none},
		// another mux, or everything
		{of("POST /api/login"), of("/api/"), "POST", "/api/login", behind("POST /api/login", "/api/")},
		{of("POST /n"), of("/"), "POST", "/n", behind("POST /n", "/")},
		{of("POST /o"), of("/", "POST /o"), "POST", "/x", none},
		{of("POST /p"), of("/"), "GET", "/p", none},
		{of("/r"), of("/s"), "GET", "/r", none}, // nobody there
		{of("POST /singin", "GET /u"), of("POST /signin", "GET /u"), "POST", "/signin", nowhere("POST /singin")},
		{
			of("POST /lgin", "POST /rfresh", "GET /y"), of("GET /y", "/z"), "GET", "/z",
			`jot: Except names "POST /lgin", "POST /rfresh", which the mux does not have: they let nobody through`,
		},
		{of("/v/"), of("/v/x"), "GET", "/v/x", nowhere("/v/")},
		{of("GET /w"), of("POST /w", "/x"), "GET", "/x", nowhere("GET /w")},
		{of("GET /{$}"), of("/"), "GET", "/", register("GET /{$}", "/")},
		{of("/{$}"), of("GET /"), "GET", "/x", register("/{$}", "GET /")},
		{of("purge /t"), of("/t"), "purge", "/t", alike("purge /t", "/t")},
	} {
		mux := http.NewServeMux()
		for _, pattern := range tc.mux {
			mux.HandleFunc(pattern, noContent)
		}
		name := tc.method + " " + tc.url + " but for " + strings.Join(tc.except, ", ")
		r := func() *http.Request { return httptest.NewRequest(tc.method, tc.url, nil) }
		out := logged(t)
		answerOf(m.Required(jot.Except(tc.except...))(noMux{mux}), r())
		out.Reset() // which may have told what became of it
		refused := r()
		refused.Header.Set("Authorization", "Bearer x")
		require.Equal(t, "token_invalid", answerOf(m.Required(jot.Except(tc.except...))(mux), refused).code(t), name)
		require.Empty(t, out.String(), name)
		for range 2 {
			require.Equal(t, "token_missing", answerOf(m.Required(jot.Except(tc.except...))(mux), r()).code(t), name)
		}
		if tc.told == none {
			require.Empty(t, out.String(), name)
			continue
		}
		require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		require.Contains(t, strings.ReplaceAll(out.String(), `\"`, `"`), `level=WARN msg="`+tc.told+`"`, name)
	}
}

// A pattern is right that one of the muxes has whose guards share the option.
func TestExceptOfTwoMuxes(t *testing.T) {
	if !alone(t) {
		return
	}
	m := newManager(t)
	mux := func(pattern string) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc(pattern, noContent)
		return mux
	}
	ask := func(guarded http.Handler, method string, status int) {
		require.Equal(t, status, answerOf(guarded, httptest.NewRequest(method, "/status", nil)).Code)
	}
	open := jot.Except("GET /status")
	for name, required := range map[string][2]func(http.Handler) http.Handler{
		"of two guards": {m.Required(open), m.Required(open)},
		"of one guard":  {m.Required(open), nil},
		"in a group":    {m.Required(jot.RouteOptions(open)), m.Required(jot.RouteOptions(open, jot.Fresh()))},
	} {
		if required[1] == nil {
			required[1] = required[0]
		}
		tells(t, "WARN", "", func() {
			writes, reads := required[0](mux("POST /status")), required[1](mux("GET /status"))
			ask(reads, "GET", http.StatusNoContent)
			ask(writes, "POST", http.StatusUnauthorized)
		})
		require.NotEmpty(t, name)
	}
	tells(t, "WARN", `jot: Except names "GET /status", but the mux has "POST /status": spell both alike`, func() {
		ask(m.Required(jot.Except("GET /status"))(mux("POST /status")), "POST", http.StatusUnauthorized)
	})
}

// Behind something else than a mux, a request that was let through may reach a route that was meant to be guarded.
func TestExceptAstray(t *testing.T) {
	if !alone(t) {
		return
	}
	m := newManager(t)
	const none = ""
	through := func(by, got string) string {
		return `jot: Except let a request through by "` + by + `", and what served it is "` + got +
			`": name that too if everybody may have it, or else put the guard directly around the mux`
	}
	moved := func(from, to string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = strings.Replace(r.URL.Path, from, to, 1)
				next.ServeHTTP(w, r)
			})
		}
	}
	copied := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(r.Context()))
		})
	}
	as := func(pattern string) func(http.Handler) http.Handler { // another router, which writes patterns of its own
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Pattern = pattern
				w.WriteHeader(http.StatusNoContent)
			})
		}
	}
	plain := moved("", "")
	for _, tc := range []struct {
		except, mux []string
		between     func(http.Handler) http.Handler
		method, url string
		told        string
	}{
		{of("GET /a/"), of("GET /a/", "GET /a/drafts"), plain, "GET", "/a/drafts", through("GET /a/", "GET /a/drafts")},
		{of("GET /a/"), of("GET /a/", "GET /a/{id}"), plain, "GET", "/a/7", none}, // not again
		{of("GET /b/", "GET /b/x"), of("GET /b/", "GET /b/x"), plain, "GET", "/b/x", none},
		{of("GET /b/"), of("GET /b/", "GET /b/x"), plain, "GET", "/b/y", none},
		{
			of("POST /c"), of("POST /c", "POST a.test/c"), plain, "POST", "http://a.test/c",
			through("POST /c", "POST a.test/c"),
		},
		{of("/d"), of("POST /d"), plain, "POST", "/d", none}, // it exempts every method
		{of("/e/{id}"), of("GET /e/{name}"), plain, "GET", "/e/7", none},
		{of("/f/"), of("/f/{rest...}"), plain, "GET", "/f/7", none},
		{of("/g/"), of("/g/", "/g/{$}"), plain, "GET", "/g/", through("/g/", "/g/{$}")},
		{of("GET /h/x"), of("/h/"), plain, "GET", "/h/x", none}, // another mux
		{of("GET /h/x"), of("/"), plain, "GET", "/h/x", none},
		{of("GET /i"), of("POST /j"), plain, "GET", "/i", none}, // nobody there
		{of("/k/"), of("/admin/"), moved("/k", "/admin"), "GET", "/k/x", through("/k/", "/admin/")},
		{of("/l/"), of("/l/x"), copied, "GET", "/l/x", none}, // the pattern stays with the copy
		{of("/m/"), nil, as("/m/*"), "GET", "/m/x", none},
		{of("/m/public"), nil, as("/m/*"), "GET", "/m/public", none},
		{of("/p/", "/admin/"), of("/admin/"), moved("/p", "/admin"), "GET", "/p/x", none},
		{of("POST /m/login"), nil, as("/m/login"), "POST", "/m/login", none},
		{of("/n/"), nil, as("/n/{id}/secret"), "GET", "/n/1/secret", through("/n/", "/n/{id}/secret")},
	} {
		mux := http.NewServeMux()
		for _, pattern := range tc.mux {
			mux.HandleFunc(pattern, noContent)
		}
		guarded := m.Required(jot.Except(tc.except...))(tc.between(mux))
		tells(t, "WARN", tc.told, func() {
			got := answerOf(guarded, httptest.NewRequest(tc.method, tc.url, nil))
			require.NotEqual(t, http.StatusUnauthorized, got.Code, tc.url)
		})
		if tc.mux != nil { // the mux itself is asked before
			tells(t, "WARN", "", func() {
				answerOf(m.Required(jot.Except(tc.except...))(mux), httptest.NewRequest(tc.method, "/nowhere", nil))
			})
		}
	}

	// What the guard's own request has from a mux around it says nothing.
	around, inner := http.NewServeMux(), http.NewServeMux()
	inner.HandleFunc("GET /o/x", noContent)
	around.Handle("GET /{any}/x", m.Required(jot.Except("GET /o/x"))(copied(inner)))
	outer := http.NewServeMux() // nor does another mux behind one that was asked
	outer.Handle("/o/", inner)
	tells(t, "WARN", "", func() {
		got := answerOf(m.Required(jot.Except("/o/"))(outer), httptest.NewRequest(http.MethodGet, "/o/x", nil))
		require.Equal(t, http.StatusNoContent, got.Code)
		got = answerOf(around, httptest.NewRequest(http.MethodGet, "/o/x", nil))
		require.Equal(t, http.StatusNoContent, got.Code)
	})
}

func of(patterns ...string) []string { return patterns }

// noMux hides what a handler is.
type noMux struct{ http.Handler }

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// A mux may have more exact patterns than the one that was named, and a guard that stands around it asks: what the mux
// would route elsewhere is not exempt.
func TestExceptAsksTheMux(t *testing.T) {
	m := newManager(t)
	const open, guarded = true, false
	mux := func(patterns ...string) *http.ServeMux {
		mux := http.NewServeMux()
		for _, pattern := range patterns {
			mux.HandleFunc(pattern, noContent)
		}
		return mux
	}
	files := mux("GET /files/", "GET /files/private", "GET /files/{id}/secret", "POST /files/", "files.example/files/")
	front := mux("GET /{$}", "GET /", "GET /admin")
	items := mux("/items/{id}", "/items/all", "/items/{id}/{$}")
	for _, tc := range []struct {
		except      string
		mux         *http.ServeMux
		method, url string
		is          bool
	}{
		{"GET /files/", files, "GET", "/files/", open},
		{"GET /files/", files, "GET", "/files/a/b", open},
		{"GET /files/", files, "HEAD", "/files/a", open},
		{"GET /files/", files, "GET", "/files/private", guarded},
		{"GET /files/", files, "HEAD", "/files/private", guarded},
		{"GET /files/", files, "GET", "/files/private/x", open},
		{"GET /files/", files, "GET", "/files/a/secret", guarded},
		{"GET /files/", files, "POST", "/files/a", guarded},
		{"GET /files/", files, "GET", "http://files.example/files/a", guarded}, // has a pattern of its own
		{"GET /files/", files, "GET", "/elsewhere", guarded},
		// The mux names these patterns too, but redirects, or reads the path otherwise.
		{"GET /files/", files, "GET", "/files", guarded},
		{"GET /files/", files, "GET", "/files//a", guarded},
		{"GET /files/", files, "GET", "/files/../files/a", guarded},
		{"GET /files/", files, "GET", "/files/%2e%2e/admin", guarded},
		{"GET /files/", files, "GET", "/files/a%2fb", guarded},
		{"GET /files/", files, "CONNECT", "/files/a", guarded},
		// What is named has to be what the mux has.
		{"/files/", files, "GET", "/files/a", guarded},
		{"GET /files/{rest...}", files, "GET", "/files/a", guarded},
		{"GET /files/private", files, "GET", "/files/private", open},
		{"GET /files/private", files, "GET", "/files/a", guarded},
		{"GET /about/", files, "GET", "/about/", guarded}, // nobody there
		{"GET /{$}", front, "GET", "/", open},
		{"GET /{$}", front, "GET", "/admin", guarded},
		{"GET /{$}", front, "GET", "/x", guarded},
		{"/items/{id}", items, "GET", "/items/7", open},
		{"/items/{id}", items, "GET", "/items/all", guarded},
		{"/items/{id}", items, "GET", "/items/7/", guarded},
	} {
		name := tc.method + " " + tc.url + " but for " + tc.except
		got := answerOf(m.Required(jot.Except(tc.except))(tc.mux), httptest.NewRequest(tc.method, tc.url, nil))
		want := map[bool]int{open: http.StatusNoContent, guarded: http.StatusUnauthorized}[tc.is]
		require.Equal(t, want, got.Code, name)
	}

	// It asks at the request: patterns may come later than the guard.
	late := mux("/files/")
	guard := m.Required(jot.Except("/files/"))(late)
	for _, want := range []int{http.StatusNoContent, http.StatusUnauthorized} {
		got := answerOf(guard, httptest.NewRequest(http.MethodGet, "/files/late", nil))
		require.Equal(t, want, got.Code)
		if want == http.StatusNoContent {
			late.HandleFunc("GET /files/late", func(http.ResponseWriter, *http.Request) {})
		}
	}
}

// A path is plain as everybody writes it: with the characters of RFC 3986 section 3.3 as they are, whether or not
// net/url would write them so, and the others percent-encoded. Encoding what need not be is how a path is hidden.
func TestExceptPlainPaths(t *testing.T) {
	m := newManager(t)
	const open, guarded = true, false
	for _, tc := range []struct {
		path string
		is   bool
	}{
		{"/app/(group)/x.js", open},
		{"/app/it's", open},
		{"/app/wow!", open},
		{"/app/*", open},
		{"/app/(a)/(b)/", open},
		{"/app/a+b,c=d&e@f:g$h", open},
		{"/app/(group)/caf%C3%A9", open},
		{"/app/(a%20b)", open},
		{"/app/-._~", open},

		{"/%61pp/x", guarded},
		{"/app/%28group%29/x.js", guarded},
		{"/app/(group%29/x.js", guarded},
		{"/app/it%27s", guarded},
		{"/app/wow%21", guarded},
		{"/app/%2A", guarded},
		{"/app/a%2Bb", guarded},
		{"/app/(group)/%78.js", guarded},
		{"/app/(group)/%2e%2e/%2e%2e/admin", guarded},
		{"/app/(group)/../../admin", guarded},
		{"/app/(group)//x.js", guarded},
		{"/app/(group)/a%2fb", guarded},
		{"/app/(group)/a%2Fb", guarded},
		{"/app/(group);x", guarded},
		{"/app/(group)/%3bx", guarded},
		{"/app/(group)/a%5cb", guarded},
		{"/app/(group)/%2561", guarded},
	} {
		got := send(m.Required(jot.Except("/app/")), httptest.NewRequest(http.MethodGet, tc.path, nil))
		require.Equal(t, tc.is, got.called, tc.path)

		// The mux that stands behind the guard sees the same path.
		mux := http.NewServeMux()
		mux.HandleFunc("/app/", noContent)
		guarded := m.Required(jot.Except("/app/"))(mux)
		got = answerOf(guarded, httptest.NewRequest(http.MethodGet, tc.path, nil))
		require.Equal(t, tc.is, got.Code == http.StatusNoContent, tc.path)
	}
}
