package e2e

import (
	"bufio"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// reader is a browser that runs no scripts. Only the tests look into its pages by them.
type reader struct{ *tab }

func openReader(t *testing.T) *reader {
	t.Helper()
	b := &reader{open(t, chromedp.Flag("blink-settings", "scriptEnabled=false"))}
	b.do(chromedp.Navigate(`data:text/html,<title>still</title><script>document.title = "moved"</script>`))
	b.wait(`document.readyState === "complete"`)
	require.Equal(t, "still", b.eval("document.title"), "it runs no scripts")
	return b
}

// sees waits for a page with a heading and a text.
func (b *reader) sees(heading, text string) {
	b.Helper()
	b.wait(fmt.Sprintf(`document.readyState === "complete" && document.querySelector("h1")?.innerText === %q &&
		[document.body.innerText, ...[...document.querySelectorAll("input, textarea")].map((e) => e.value)].
			some((t) => t.includes(%q))`, heading, text))
}

func (b *reader) visit(url string) {
	b.Helper()
	b.do(chromedp.Navigate(url))
}

// fill types into a field.
func (b *reader) fill(name, text string) {
	b.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("[name="+name+"]"), text))
}

// press presses a button, or follows a link.
func (b *reader) press(selector string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *reader) login(password string) {
	b.Helper()
	b.sees("Log in", "Forgot your password?")
	b.eval(`document.querySelector("[name=username]").value = ""`)
	b.fill("username", "alice")
	b.fill("password", password+"\n")
}

func (b *reader) pictures(name string) {
	b.Helper()
	b.tab.pictures("web-" + name)
}

// mailed waits for a mail, and returns the link in it.
func mailed(t *testing.T, out *bufio.Scanner) string {
	t.Helper()
	for out.Scan() {
		if _, link, ok := strings.Cut(out.Text(), " at http"); ok && strings.HasPrefix(out.Text(), "Mail to") {
			return "http" + link
		}
	}
	t.Fatal("no mail came")
	return ""
}

// A day with the notebook.
func TestWithoutScripts(t *testing.T) {
	b := openReader(t)
	binary, file := build(t, "web"), filepath.Join(t.TempDir(), "web.db")
	url, _, kill := start(t, binary, "-addr", "127.0.0.1:0", "-store", file)

	b.visit(url)
	b.sees("A notebook without scripts", "This page is for everybody")
	b.pictures("1-front")
	b.visit(url + "/devices")
	b.login("rabbit")
	b.sees("Log in", "Wrong name or password.")
	require.Equal(t, "password", b.eval(`document.activeElement.name`), "what to mend has the focus")
	b.pictures("2-login")
	require.Empty(t, b.jar())
	b.login("wonderland")
	b.sees("Devices", "this one")
	require.Len(t, b.jar(), 4)

	b.press(`nav a[href="/notes"]`)
	b.sees("Notes of alice", "There is none yet.")
	b.fill("text", "buy a <pocket> watch\ndo not be late")
	b.press("main button")
	b.wait(`document.querySelector(".list span")?.innerText === "buy a <pocket> watch\ndo not be late"`)
	b.fill("text", "tea")
	b.press("main button")
	b.wait(`document.querySelectorAll(".list span").length === 2`)
	b.pictures("3-notes")
	b.press(".list button")
	b.wait(`document.querySelectorAll(".list span").length === 1`)

	// A restart, after which it is ten minutes later: what matters wants the password again.
	kill()
	addr := strings.TrimPrefix(url, "http://")
	_, _, kill = start(t, binary, "-addr", addr, "-store", file, "-ahead", "10m")
	b.press(`nav a[href="/account"]`)
	b.sees("Is it you?", "give your password once more")
	b.pictures("4-confirm")
	b.fill("password", "wonderland")
	b.press("main button")
	b.sees("Account", "alice@example.com")
	b.pictures("5-account")
	b.do(chromedp.Clear(chromedp.CSS("[name=email]")))
	b.fill("email", "rabbit@example.com")
	b.press("main button")
	b.sees("Account", "Your address is changed.")
	b.press(".danger")
	b.sees("Notes of alice", "There is none yet.")

	// Three hours later: nobody is logged out, and nothing that was typed is lost.
	b.fill("text", "a long text that took three hours")
	kill()
	_, _, kill = start(t, binary, "-addr", addr, "-store", file, "-ahead", "3h10m")
	b.press("main button")
	b.wait(`document.querySelector(".list span")?.innerText.includes("three hours")`)

	// Two months later even the session is over. What was typed is there after the login.
	b.fill("text", "a text that took two months")
	kill()
	start(t, binary, "-addr", addr, "-store", file, "-ahead", "1440h")
	b.press("main button")
	b.sees("Log in", "a text that took two months")
	b.pictures("6-session-over")
	b.login("wonderland")
	b.sees("Notes of alice", "Your note is not saved yet.")
	b.pictures("7-welcome-back")
	b.press("main button")
	b.wait(`document.querySelector(".list span")?.innerText.includes("two months")`)

	// Logged out, the Back button shows nothing.
	b.press("header button")
	b.sees("A notebook without scripts", "This page is for everybody")
	require.Empty(t, b.jar())
	_, _ = chromedp.Run(b.ctx, chromedp.NavigateBack())
	b.sees("Log in", "Forgot your password?")
	require.NotContains(t, b.eval("document.documentElement.textContent"), "months")
	b.visit(url + "/nowhere")
	b.sees("There is no such page", "a slip")
	b.pictures("8-error")
}

// The access token's cookie is gone from the browser itself.
func TestWithoutScriptsComingBack(t *testing.T) {
	b := openReader(t)
	url, _, _ := start(t, build(t, "web"), "-addr", "127.0.0.1:0", "-access", "2s")
	b.visit(url + "/login")
	b.login("wonderland")
	b.sees("Notes of alice", "There is none yet.")
	b.fill("text", "typed while the token ended")
	for b.jar()["__Host-access_token"] {
		<-time.After(100 * time.Millisecond)
	}
	b.press("main button")
	b.wait(`document.querySelector(".list span")?.innerText.includes("while the token ended")`)
}

// A password is forgotten, and somebody else is logged in.
func TestWithoutScriptsReset(t *testing.T) {
	b, other := openReader(t), openReader(t)
	url, out, _ := start(t, build(t, "web"), "-addr", "127.0.0.1:0")
	other.visit(url + "/login")
	other.login("wonderland")
	other.sees("Notes of alice", "There is none yet.")

	b.visit(url + "/login")
	b.press(`a[href="/forgot"]`)
	b.sees("A new password", "We mail you a link.")
	b.pictures("9-forgot")
	b.fill("email", "alice@example.com")
	b.press("main button")
	b.sees("Look into your mail", "It works once")
	link := mailed(t, out)
	b.visit(link)
	b.sees("Choose a new password", "alice")
	b.pictures("10-reset")
	b.fill("password", "looking-glass")
	b.press("main button")
	b.sees("Notes of alice", "There is none yet.")
	b.visit(link)
	b.sees("This link is over", "Ask for another.")

	other.fill("text", "typed by the other")
	other.press("main button")
	other.sees("Log in", "typed by the other")
	other.login("wonderland")
	other.sees("Log in", "Wrong name or password.")
	other.login("looking-glass")
	other.sees("Notes of alice", "typed by the other")

	b.visit(url + "/devices")
	b.wait(`document.querySelectorAll(".list li").length === 2`)
	b.pictures("11-devices")
	b.press(".list button") // the latest stands first
	b.wait(`document.querySelectorAll(".list li").length === 1`)
	other.visit(url + "/notes")
	other.sees("Log in", "Forgot your password?")
	other.login("looking-glass")
	other.sees("Notes of alice", "There is none yet.")
	b.visit(url + "/devices")
	b.press("main > form button")
	b.sees("A notebook without scripts", "This page is for everybody")
	other.visit(url + "/notes")
	other.sees("Log in", "Forgot your password?")
}
