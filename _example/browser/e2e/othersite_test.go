package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// otherSite is the API of docs/recipes.md, "How does a page on another site log in?", word for word.
func otherSite(mux *http.ServeMux, login func(*jot.Manager) http.Handler) (http.Handler, *jot.Manager) {
	secret := jot.GenerateSecret()

	const page = "https://app.example" // the API is https://api.other.example
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(page); err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()),
		jot.WithCrossOriginProtection(protection),
		jot.WithCookies(jot.CookieConfig{
			SameSite: http.SameSiteNoneMode, RefreshSameSite: http.SameSiteNoneMode, Partitioned: true,
		}))
	if err != nil {
		log.Fatal(err)
	}
	value := func(w http.ResponseWriter, r *http.Request) { // for a page that was loaded anew
		token, _ := jot.FromContext(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"refresh_csrf_token": token.CSRFToken()})
	}
	mux.Handle("POST /login", auth.CrossOriginGuard(login(auth))) // WritePair answers with both CSRF values
	mux.Handle("GET /csrf", auth.Required(jot.Refresh())(http.HandlerFunc(value)))
	mux.Handle("POST /refresh", auth.RefreshHandler()) // and so does this
	mux.Handle("POST /logout", auth.LogoutHandler())
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // CORS is around all guards
		h := w.Header()
		h.Add("Vary", "Origin")
		if r.Header.Get("Origin") == page {
			h.Set("Access-Control-Allow-Origin", page)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", "Content-Type, X-CSRF-Token")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		mux.ServeHTTP(w, r)
	})

	return api, auth
}

// world is all hosts of a test: the API, and a page on each other host.
type world struct {
	address string

	mu      sync.Mutex
	answers []string
}

// otherPage has what a page on another site has: no cookies to read, only the values that answers hold.
const otherPage = `<!doctype html><title>%s</title><script>
let values = {}, answer = "";
async function send(method, path, options) {
	const csrf = ["/refresh", "/logout"].includes(path) ? values.refresh_csrf_token : values.csrf_token;
	const response = await fetch("https://api.other.example" + path, {
		method, credentials: "include", headers: csrf ? { "X-CSRF-Token": csrf } : {}, ...options,
	});
	const body = await response.text();
	try { Object.assign(values, JSON.parse(body)); } catch { /* no object */ }
	return response.status + " " + (JSON.parse(body || "{}").code ?? "");
}
</script>`

// newWorld serves the recipe's API, with what browsers make of cookies that are Partitioned, or are not.
func newWorld(t *testing.T, partitioned bool) *world {
	t.Helper()
	mux := http.NewServeMux()
	api, auth := otherSite(mux, func(auth *jot.Manager) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pair, err := auth.CreatePair(r.Context(), "alice")
			if err != nil {
				auth.WriteError(w, r, err)
				return
			}
			_ = auth.WritePair(w, pair)
		})
	})
	mux.Handle("POST /notes", auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	})))
	all := &world{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "api.other.example" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, otherPage, r.Host)
			return
		}
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		all.note(r, answer)
		for name, lines := range answer.Header() {
			for _, line := range lines {
				if !partitioned {
					line = strings.TrimSuffix(line, "; Partitioned")
				}
				w.Header().Add(name, line)
			}
		}
		w.WriteHeader(answer.Code)
		_, _ = io.Copy(w, answer.Body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser's own requests, over plain HTTP
	server.StartTLS()
	t.Cleanup(server.Close)
	all.address = server.Listener.Addr().String()
	return all
}

// note keeps what the API has answered.
func (all *world) note(r *http.Request, answer *httptest.ResponseRecorder) {
	var refusal struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(answer.Body.Bytes(), &refusal)
	if r.URL.Path == "/favicon.ico" {
		return
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.answers = append(all.answers, strings.TrimSpace(
		fmt.Sprint(r.Method, " ", r.URL.Path, " ", answer.Code, " ", refusal.Code)))
}

// answered returns what the API has answered since the last time.
func (all *world) answered() []string {
	all.mu.Lock()
	defer all.mu.Unlock()
	answers := all.answers
	all.answers = nil
	return answers
}

// open opens a browser for which all hosts are here, and which blocks third-party cookies or does not.
func (all *world) open(t *testing.T, blocks bool) *tab {
	t.Helper()
	profile := t.TempDir()
	mode := map[bool]int{false: 0, true: 1}[blocks]
	require.NoError(t, os.Mkdir(filepath.Join(profile, "Default"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(profile, "Default", "Preferences"),
		fmt.Appendf(nil, `{"profile": {"cookie_controls_mode": %d}}`, mode), 0o600))
	return open(t, chromedp.UserDataDir(profile), chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("host-resolver-rules", "MAP * "+all.address))
}

func (b *tab) visit(host string) {
	b.Helper()
	b.do(chromedp.Navigate("https://" + host))
	b.wait(`document.title === "` + host + `"`)
}

// send calls the API as the page's script, and returns status and code, or that nothing could be read.
func (b *tab) send(request, options string) string {
	b.Helper()
	method, path, _ := strings.Cut(request, " ")
	b.eval(fmt.Sprintf(`answer = "";
		send(%q, %q, %s).then((text) => { answer = text.trim(); }, () => { answer = "unreadable"; }); ""`,
		method, path, options))
	b.wait(`answer !== ""`)
	return b.eval("answer")
}

// partitions returns the site that each cookie belongs to besides its own, by the cookie's name.
func (b *tab) partitions() map[string]string {
	b.Helper()
	found, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (map[string]string, error) {
		result, err := cdp.Call(ctx, t, storage.GetCookies, storage.GetCookiesParams{})
		sites := map[string]string{}
		for _, cookie := range result.Cookies {
			sites[cookie.Name] = ""
			if cookie.PartitionKey != nil {
				sites[cookie.Name] = cookie.PartitionKey.TopLevelSite
			}
		}
		return sites, err
	})
	require.NoError(b, err)
	return found
}

// steps are requests of a page, with their answers.
func (b *tab) steps(steps ...string) {
	b.Helper()
	for _, step := range steps {
		request, want, _ := strings.Cut(step, ": ")
		require.Equal(b, want, b.send(request, "{}"), request)
	}
}

// The way of the recipe, in a browser that lets third-party cookies pass and in one that blocks them.
func TestOtherSite(t *testing.T) {
	for _, blocks := range []bool{false, true} {
		t.Run(fmt.Sprintf("blocks=%t", blocks), func(t *testing.T) {
			all := newWorld(t, true)
			b := all.open(t, blocks)
			b.visit("app.example")
			b.steps("POST /notes: 401 token_missing", "POST /login: 200", "POST /notes: 200")
			require.Equal(t, "401 token_missing", b.send("POST /notes", `{credentials: "same-origin"}`), "the default")
			require.Empty(t, b.eval("document.cookie"), "the page sees no cookie")
			site := "https://app.example"
			require.Equal(t, map[string]string{
				"__Host-access_token": site, "__Host-refresh_token": site,
				"__Host-csrf_access_token": site, "__Host-csrf_refresh_token": site,
			}, b.partitions())

			b.visit("app.example") // which is a reload
			b.steps("POST /notes: 403 csrf_failed", "GET /csrf: 200", "POST /refresh: 200", "POST /notes: 200")

			// A third site's page has none of the cookies.
			require.Equal(t, []string{
				"POST /login 403 csrf_failed", "POST /notes 401 token_missing", "GET /csrf 401 token_missing",
				"POST /refresh 401 token_missing", "POST /logout 401 token_missing", "OPTIONS /notes 204",
				"POST /login 403 csrf_failed", "POST /notes 401 token_missing", "POST /logout 401 token_missing",
			}, b.stranger(all))

			b.visit("app.example")
			b.steps("GET /csrf: 200", "POST /refresh: 200", "POST /notes: 200", "POST /logout: 204",
				"POST /notes: 401 token_missing", "POST /refresh: 401 token_missing")
			require.Empty(t, b.partitions(), "the logout clears everything")
		})
	}
}

// Without Partitioned, all is well where third-party cookies pass: they come along with a third site's requests too,
// but the guards refuse what changes something, and CORS keeps the rest from being read.
func TestOtherSiteNotPartitioned(t *testing.T) {
	all := newWorld(t, false)
	b := all.open(t, false)
	b.visit("app.example")
	b.steps("POST /login: 200", "POST /notes: 200")
	require.Equal(t, []string{
		"POST /login 403 csrf_failed", "POST /notes 403 csrf_failed", "GET /csrf 200",
		"POST /refresh 403 csrf_failed", "POST /logout 403 csrf_failed", "OPTIONS /notes 204",
		"POST /login 403 csrf_failed", "POST /notes 403 csrf_failed", "POST /logout 403 csrf_failed",
	}, b.stranger(all))
	b.visit("app.example")
	b.steps("GET /csrf: 200", "POST /refresh: 200", "POST /notes: 200", "POST /logout: 204")
	require.Empty(t, b.partitions())
}

// Where they are blocked, the login is forgotten at once.
func TestOtherSiteNotPartitionedBlocked(t *testing.T) {
	b := newWorld(t, false).open(t, true)
	b.visit("app.example")
	b.steps("POST /login: 200", "POST /notes: 401 token_missing", "GET /csrf: 401 token_missing")
	require.Empty(t, b.partitions())
}

// stranger tries what a page of a third site can, by its script and by its forms. The script reads nothing; what the
// API has answered is returned.
func (b *tab) stranger(all *world) []string {
	b.Helper()
	all.answered()
	b.visit("evil.example")
	for _, request := range []string{"POST /login", "POST /notes", "GET /csrf", "POST /refresh", "POST /logout"} {
		require.Equal(b, "unreadable", b.send(request, `{}`), request)
	}
	require.Equal(b, "unreadable", b.send("POST /notes", `{headers: {"X-CSRF-Token": "guessed"}}`), "not even sent")
	for _, path := range []string{"/login", "/notes", "/logout"} {
		b.visit("evil.example")
		_, _ = chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf(`
			const form = document.createElement("form");
			form.method = "post";
			form.action = "https://api.other.example%s";
			document.body.append(form);
			form.submit(); ""`, path)))
		b.wait(`location.host === "api.other.example" && document.readyState === "complete"`)
	}
	return all.answered()
}
