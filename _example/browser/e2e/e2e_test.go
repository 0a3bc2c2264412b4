// Package e2e drives the pages of _example/browser, web, passwordless and oidc in a real browser: make e2e.
package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// chromium finds the browser. Without JOT_E2E the tests are skipped: they are slow, and want a browser.
func chromium(t *testing.T) string {
	t.Helper()
	if os.Getenv("JOT_E2E") == "" {
		t.Skip("NOT TESTED: the browser; make e2e does")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium was found")
	return ""
}

// build makes the binary of an example.
func build(t *testing.T, example string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), example)
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	command.Dir = "../../" + example // whose own module it may be
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	return binary
}

// start starts an example. After its address, its output is there to be read.
func start(t *testing.T, binary string, args ...string) (url string, out *bufio.Scanner, kill func()) {
	t.Helper()
	server := exec.CommandContext(t.Context(), binary, args...)
	pipe, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	kill = func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
	t.Cleanup(kill)
	out = bufio.NewScanner(pipe)
	for out.Scan() {
		if url, ok := strings.CutPrefix(out.Text(), "Listening on "); ok {
			return url, out, kill
		}
	}
	t.Fatal("the example did not start")
	return "", nil, nil
}

// serve starts the example with a page.
func serve(t *testing.T, life time.Duration) (url string) {
	t.Helper()
	url, _, _ = start(t, build(t, "browser"), "-addr", "127.0.0.1:0", "-access", life.String())
	return url
}

// tab is one tab of a browser.
type tab struct {
	*testing.T

	ctx context.Context //nolint:containedctx // chromedp keeps its browser in it
}

func open(t *testing.T, more ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.WindowSize(900, 800))
	options = append(options, more...)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // a sandbox wants another user than root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	ctx, stop = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	return &tab{t, ctx}
}

// second opens another tab of the same browser.
func (b *tab) second() *tab {
	ctx, stop := chromedp.NewContext(b.ctx)
	b.Cleanup(stop)
	return &tab{b.T, ctx}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	require.NoError(b, chromedp.Do(b.ctx, steps...))
}

func (b *tab) eval(expression string) string {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	require.NoError(b, err)
	return v
}

// wait waits until an expression holds, on this page or the one that the browser is on its way to. Each look has a time
// of its own, since one at a page that has just gone may hang.
func (b *tab) wait(expression string) {
	b.Helper()
	var err error
	for holds := false; !holds; {
		require.NoError(b, b.ctx.Err(), "%s: %v", expression, err)
		look, stop := context.WithTimeout(b.ctx, 2*time.Second)
		holds, err = chromedp.Run(look, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		stop()
		if !holds {
			<-time.After(30 * time.Millisecond)
		}
	}
}

// back presses the Back button. A page that comes from the browser's memory is never loaded, so there is nothing else
// to wait for.
func (b *tab) back() {
	b.Helper()
	b.eval(`setTimeout(() => history.back()); ""`)
}

// fetch calls the server as the page's own script, and returns status and body.
func (b *tab) fetch(method, path, csrf string) string {
	b.Helper()
	b.start(method, path, csrf)
	return b.fetched()
}

func (b *tab) start(method, path, csrf string) {
	b.Helper()
	b.eval(fmt.Sprintf(`
		window.answer = "";
		fetch(%q, {method: %q, headers: {"X-CSRF-Token": %q}, body: %q === "POST" ? "x" : undefined})
			.then(async (r) => { window.answer = r.status + " " + await r.text(); })
			.catch((e) => { window.answer = "failed " + e; });
		""`, path, method, csrf, method))
}

func (b *tab) fetched() string {
	b.Helper()
	b.wait(`window.answer !== ""`)
	return b.eval("window.answer")
}

// cookie reads one that script can see.
func (b *tab) cookie(name string) string {
	b.Helper()
	return b.eval(fmt.Sprintf(`document.cookie.split("; ").find((c) => c.startsWith(%q))?.slice(%d) ?? ""`,
		name+"=", len(name)+1))
}

// jar returns all cookies that the browser keeps, by name.
func (b *tab) jar() map[string]bool {
	b.Helper()
	found, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (map[string]bool, error) {
		result, err := cdp.Call(ctx, t, storage.GetCookies, storage.GetCookiesParams{})
		names := map[string]bool{}
		for _, cookie := range result.Cookies {
			names[cookie.Name] = cookie.HTTPOnly
		}
		return names, err
	})
	require.NoError(b, err)
	return found
}

// pictures keeps screenshots of a page in the light, in the dark and on a phone, where JOT_E2E names a directory.
func (b *tab) pictures(name string) {
	b.Helper()
	dir := os.Getenv("JOT_E2E")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return
	}
	keep := func(name string) {
		b.eval(`scrollTo(0, document.body.scrollHeight); ""`) // frames are drawn when they are seen
		png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
	}
	keep(name)
	b.colors("dark")
	keep(name + "-dark")
	b.colors("light")
	b.do(chromedp.EmulateViewport(360, 640))
	keep(name + "-narrow")
	b.do(chromedp.EmulateViewport(900, 800))
}

func (b *tab) colors(scheme string) {
	b.Helper()
	_, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	})
	require.NoError(b, err)
}

func (b *tab) login(url string) {
	b.Helper()
	b.do(chromedp.Navigate(url))
	b.wait(`!document.getElementById("login").hidden`)
	b.enter("wonderland")
	b.wait(`!document.getElementById("session").hidden && document.getElementById("name").textContent === "alice"`)
	b.wait(`document.getElementById("message").textContent === ""`)
}

// enter types the password, and logs in.
func (b *tab) enter(password string) {
	b.Helper()
	b.do(
		chromedp.SendKeys(chromedp.CSS("[name=password]"), password),
		chromedp.Click(chromedp.CSS("#login button")),
	)
}

// says waits for a message.
func (b *tab) says(message string) {
	b.Helper()
	b.wait(fmt.Sprintf(`document.getElementById("message")?.innerText === %q`, message))
}

func (b *tab) text(id string) string {
	b.Helper()
	return b.eval(fmt.Sprintf(`document.getElementById(%q).textContent`, id))
}

func TestSession(t *testing.T) {
	b := open(t)
	url := serve(t, time.Minute)
	b.login(url)
	require.Equal(t, map[string]bool{
		"__Host-access_token": true, "__Host-refresh_token": true,
		"__Host-csrf_access_token": false, "__Host-csrf_refresh_token": false,
	}, b.jar(), "the browser keeps them all")
	require.NotContains(t, b.eval("document.cookie"), "eyJ", "script sees no token")
	require.NotContains(t, b.eval("document.cookie"), "__Host-access_token")
	require.Contains(t, b.fetch("GET", "/me", ""), `200 {`)
	for _, which := range []string{"access", "refresh"} {
		require.Equal(t, b.cookie("__Host-csrf_"+which+"_token"), b.text("csrf-"+which), "the table shows it")
	}

	b.do(chromedp.SendKeys(chromedp.CSS("[name=text]"), "buy a <pocket> watch\n"))
	b.wait(`document.querySelector("#notes li")?.textContent === "buy a <pocket> watch"`)
	b.pictures("2-session")
	require.Equal(t, "1", b.rows(900), "three buttons in one row")
	require.Equal(t, "3", b.rows(360), "or below each other")
	require.Contains(t, b.fetch("POST", "/notes", ""), "403")
	require.Contains(t, b.fetch("POST", "/notes", b.cookie("__Host-csrf_refresh_token")), "csrf_failed")

	// A protected page of its own, then the logout, then the Back button.
	b.do(chromedp.Click(chromedp.CSS("#print")))
	b.wait(`document.title === "Notes of alice"`)
	b.pictures("3-print")
	b.do(chromedp.Click(chromedp.CSS("main a")))
	b.wait(`!document.getElementById("session").hidden`)
	access := b.cookie("__Host-csrf_access_token")
	b.do(chromedp.Click(chromedp.CSS("#logout")))
	b.says("Logged out.")
	require.Empty(t, b.jar(), "the logout clears everything")
	b.pictures("4-logged-out")
	require.Contains(t, b.fetch("POST", "/notes", access), "401")
	b.back()
	b.wait(`location.search === "?next=%2Fprint" && document.readyState === "complete"`)
	b.says("Log in to see that page.")
	require.NotContains(t, b.eval("document.documentElement.textContent"), "watch", "nothing protected comes back")
	b.pictures("5-back")
	b.back()
	b.wait(`location.pathname + location.search === "/"`)
	b.wait(`!document.getElementById("login").hidden && document.getElementById("session").hidden`)
	require.NotContains(t, b.eval("document.documentElement.textContent"), "watch")

	// A link to a guarded page leads to it by way of the login. No link leads elsewhere.
	b.do(chromedp.Navigate(url + "/print"))
	b.says("Log in to see that page.")
	b.enter("wonderland")
	b.wait(`document.title === "Notes of alice"`)
	b.do(chromedp.Navigate(url + "/?next=https%3A%2F%2Fevil.example"))
	b.wait(`!document.getElementById("session").hidden && location.pathname === "/"`)
}

// rows counts the rows in which the buttons of a session stand, at a width.
func (b *tab) rows(width int64) string {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, 800))
	return b.eval(`String(new Set([...document.querySelectorAll(".row button")].map((e) => e.offsetTop)).size)`)
}

// The page's own forgeries are refused, and it shows how.
func TestForgeriesToTry(t *testing.T) {
	b := open(t)
	url := serve(t, time.Minute)
	b.login(url)
	b.do(chromedp.Click(chromedp.CSS("#forge")))
	b.wait(`document.getElementById("refusal").innerText === "403 csrf_failed"`)
	stranger := b.frame(url + "/stranger.html")
	require.Equal(t, "null", stranger.eval("self.origin"), "it counts as another origin")
	stranger.do(chromedp.Click(chromedp.CSS("button")))
	stranger.wait(`document.querySelector("h1")?.innerText === "Refused: 401 token_missing"`)
	require.Equal(t, "none", stranger.eval(`getComputedStyle(document.querySelector(".away")).display`))
	b.pictures("6-forgeries")
	require.Equal(t, "200 []\n", b.fetch("GET", "/notes", ""))
}

// frame is a frame of another origin on this page.
func (b *tab) frame(url string) *tab {
	b.Helper()
	for {
		targets, err := chromedp.Targets(b.ctx)
		require.NoError(b, err)
		for _, info := range targets {
			if info.Type == "iframe" && info.URL == url {
				ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithTargetID(info.TargetID))
				b.Cleanup(stop)
				return &tab{b.T, ctx}
			}
		}
		<-time.After(30 * time.Millisecond)
	}
}

// A wrong password is the only mistake that looks like one.
func TestLoginFails(t *testing.T) {
	b := open(t)
	url, _, kill := start(t, build(t, "browser"), "-addr", "127.0.0.1:0")
	b.do(chromedp.Navigate(url))
	b.wait(`!document.getElementById("login").hidden`)
	b.pictures("0-login")
	isWrong := `document.querySelector("[name=password]").getAttribute("aria-invalid") === "true"`
	b.enter("rabbit")
	b.wait(isWrong + ` && document.querySelector("[role=alert]").innerText === "Wrong name or password."`)
	b.wait(`document.activeElement.name === "password" && document.activeElement.value === ""`)
	require.Equal(t, "wrong", b.eval(`document.activeElement.getAttribute("aria-describedby")`))
	require.Empty(t, b.text("message"))
	require.Empty(t, b.jar())
	b.pictures("1-wrong")

	b.eval(`window.real = fetch; window.fetch = async () => new Response("", { status: 503 }); ""`)
	b.enter("wonderland")
	b.says("The server cannot answer just now. Try again in a moment.")
	b.wait("!(" + isWrong + ")")
	require.Empty(t, b.text("wrong"))
	b.eval(`window.fetch = window.real; ""`)
	kill()
	b.do(chromedp.Click(chromedp.CSS("#login button")))
	b.says("The server cannot be reached. Try again in a moment.")
	b.wait("!(" + isWrong + ")")
	b.pictures("1-unreachable")

	// It is there again: what was typed is, too.
	start(t, build(t, "browser"), "-addr", strings.TrimPrefix(url, "http://"))
	b.do(chromedp.Click(chromedp.CSS("#login button")))
	b.wait(`!document.getElementById("session").hidden`)
}

// What does not work for now logs nobody out, and is not answered by a refresh.
func TestFailures(t *testing.T) {
	b := open(t)
	url := serve(t, time.Minute)
	b.login(url)
	b.eval(`
		window.asked = "";
		window.real = fetch;
		window.answerWith = (status, code) => {
			window.fetch = async (path) => { window.asked += path + " "; return Response.json({ code }, { status }); };
			return "";
		}; ""`)
	for _, tc := range []struct{ answer, says string }{
		{`503, "unavailable"`, "The server cannot answer just now. Try again in a moment."},
		{`403, "forbidden"`, "The server refused: 403 forbidden"},
		{`401, "token_revoked"`, "The session has ended. Log in again."},
	} {
		b.eval("answerWith(" + tc.answer + ")")
		b.do(chromedp.SendKeys(chromedp.CSS("[name=text]"), "tea\n"))
		b.says(tc.says)
	}
	b.wait(`document.getElementById("session").hidden`)
	require.Equal(t, "/notes /notes /notes ", b.eval("window.asked"))
}

// The access token ends, and the page goes on.
func TestSilentRefresh(t *testing.T) {
	b := open(t)
	url := serve(t, 3*time.Second)
	b.login(url)
	b.wait(`Number(document.getElementById("refreshes").textContent) >= 2`)
	require.Contains(t, b.fetch("GET", "/me", ""), "200")

	// A tab that slept until after the end: the first call refreshes.
	b.eval(`expiresAt = 0; ""`)
	b.wait(`!document.cookie.includes("csrf_access")`)
	require.Contains(t, b.fetch("GET", "/me", ""), "401")
	before := b.text("refreshes")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=text]"), "late\n"))
	b.wait(`document.querySelector("#notes li")?.textContent === "late"`)
	require.NotEqual(t, before, b.text("refreshes"))

	// A page that is no script's refreshes by way of the one that is.
	b.eval(`expiresAt = 0; ""`)
	b.wait(`!document.cookie.includes("csrf_access")`)
	b.do(chromedp.Navigate(url + "/print"))
	b.wait(`document.title === "Notes of alice"`)
}

// The access token ends while the server does not answer: the session goes on when it does.
func TestOutage(t *testing.T) {
	b := open(t)
	url := serve(t, 2*time.Second)
	b.login(url)
	b.eval(`window.real = fetch; window.fetch = async () => { throw new TypeError("gone"); }; ""`)
	b.says("The server cannot be reached. Try again in a moment.")
	before := b.text("refreshes")
	require.Equal(t, "false", b.eval(`String(document.getElementById("session").hidden)`))
	b.eval(`window.fetch = window.real; ""`)
	b.says("")
	b.wait(fmt.Sprintf(`document.getElementById("refreshes").textContent !== %q`, before))
}

// The access token ends while two tabs are open: one of them refreshes.
func TestSilentRefreshOfTwoTabs(t *testing.T) {
	first := open(t)
	url := serve(t, 4*time.Second)
	first.login(url)
	second := first.second()
	second.do(chromedp.Navigate(url))
	second.wait(`!document.getElementById("session").hidden`)
	tabs := []*tab{first, second}
	for _, b := range tabs {
		b.eval(`expiresAt = 0; ""`)
	}
	first.wait(`!document.cookie.includes("csrf_access")`)
	for _, b := range tabs {
		b.eval(`refreshes = 0; window.done = false; show().then(() => { window.done = true; }); ""`)
	}
	sum := ""
	for _, b := range tabs {
		b.wait(`window.done`)
		sum += b.eval(`String(refreshes)`)
	}
	require.Contains(t, []string{"01", "10"}, sum)
}

// Two tabs use the same refresh token at the same moment: both go on, and so does the session.
func TestTwoTabs(t *testing.T) {
	first := open(t)
	url := serve(t, time.Minute)
	first.login(url)
	second := first.second()
	second.do(chromedp.Navigate(url))
	second.wait(`!document.getElementById("session").hidden`)
	csrf := first.cookie("__Host-csrf_refresh_token")
	old := first.cookie("__Host-csrf_access_token")
	for range 3 {
		first.start("POST", "/refresh", csrf)
		second.start("POST", "/refresh", csrf)
		require.Contains(t, first.fetched(), "200")
		require.Contains(t, second.fetched(), "200")
	}
	for _, b := range []*tab{first, second} {
		require.Contains(t, b.fetch("GET", "/me", ""), "200")
		require.Contains(t, b.fetch("POST", "/notes", old), "200", "an open form holds its old value")
	}

	// Logged out everywhere in one tab, the other is out too.
	second.do(chromedp.Click(chromedp.CSS("#everywhere")))
	second.says("Logged out everywhere.")
	first.says("You are logged out.")
	require.Contains(t, first.fetch("GET", "/me", ""), "401")
	require.Contains(t, first.fetch("POST", "/refresh", csrf), "401")
}

// The script of the recipes, in two tabs whose access token ends at the same moment: one of them refreshes.
func TestRecipeScript(t *testing.T) {
	source, err := os.ReadFile("../../../testdata/recipes/api.js")
	require.NoError(t, err)
	first := open(t)
	url := serve(t, 3*time.Second)
	tabs := []*tab{first, first.second()}
	for _, b := range tabs {
		b.do(chromedp.Navigate(url))
		b.wait(`!document.getElementById("login").hidden`)
		b.eval("(() => {" + string(source) + `; window.api = api; })();
			const real = window.fetch;
			window.asked = "";
			window.fetch = (path, options) => { window.asked += path; return real(path, options); };
			""`)
	}
	first.eval(`fetch("/login", {method: "POST", body: '{"username": "alice", "password": "wonderland"}'}); ""`)
	first.wait(`document.cookie.includes("csrf_access")`)
	first.wait(`!document.cookie.includes("csrf_access")`)
	for _, b := range tabs {
		b.eval(`
			window.answers = "";
			Promise.all([api("/notes", {method: "POST", body: "tea"}), api("/me"), api("/notes")])
				.then((all) => { window.answers = all.map((r) => r.status).join(" "); });
			""`)
	}
	refreshes := 0
	for _, b := range tabs {
		b.wait(`window.answers !== ""`)
		require.Equal(t, "200 200 200", b.eval(`window.answers`))
		refreshes += strings.Count(b.eval(`window.asked`), "/refresh")
	}
	require.Equal(t, 1, refreshes)
}

// Pages of others: one on another port, to which the browser sends the cookies, and one on another host, to which it
// does not.
func TestForgery(t *testing.T) {
	b := open(t)
	url := serve(t, time.Minute)
	b.login(url)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<title>evil</title>
			<form method="post" enctype="text/plain" action="%s%s"><input name="x" value="y"></form>`, url, r.URL.Path)
	}))
	defer evil.Close()
	otherHost := strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)
	forge := func(from, path string) string {
		b.do(chromedp.Navigate(from + path))
		b.wait(`document.title === "evil"`)
		_, _ = chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.forms[0].submit(); ""`))
		b.wait(`location.origin === "` + url + `" && document.readyState === "complete"`)
		return b.eval("document.documentElement.textContent")
	}
	for _, path := range []string{"/notes", "/logout", "/logout-everywhere", "/refresh", "/login"} {
		got := forge(evil.URL, path)
		require.Contains(t, got, "csrf_failed", "%s from another port: the cookie came, and was refused", path)
	}
	b.pictures("7-refused")
	for _, path := range []string{"/notes", "/logout", "/logout-everywhere", "/refresh"} {
		require.Contains(t, forge(otherHost, path), "token_missing", "%s from another host: no cookie came", path)
	}
	require.Contains(t, forge(otherHost, "/login"), "csrf_failed", "nobody is logged in by somebody else's page")

	// And the session is what it was.
	b.do(chromedp.Navigate(url))
	b.wait(`!document.getElementById("session").hidden`)
	require.Equal(t, "0", b.eval(`String(document.querySelectorAll("#notes li").length)`))
}
