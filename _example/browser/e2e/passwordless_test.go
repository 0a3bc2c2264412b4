package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func (b *reader) askForLink(address string) {
	b.Helper()
	b.sees("Log in", "We mail you a link")
	b.fill("email", address)
	b.press("main button")
	b.sees("Look into your mail", address)
}

// A link is asked for, scanned, opened elsewhere, followed, and opened again.
func TestPasswordless(t *testing.T) {
	b, other := openReader(t), openReader(t)
	binary, file := build(t, "passwordless"), filepath.Join(t.TempDir(), "passwordless.db")
	url, out, kill := start(t, binary, "-addr", "127.0.0.1:0", "-store", file)

	b.visit(url)
	b.sees("No password to remember", "alice@example.com")
	b.tab.pictures("passwordless-1-front")
	b.press("main .button")
	b.sees("Log in", "We mail you a link")
	b.tab.pictures("passwordless-2-ask")
	b.askForLink("mallory@example.com")
	b.visit(url + "/login")
	b.askForLink("alice@example.com")
	b.tab.pictures("passwordless-3-asked")
	require.Equal(t, map[string]bool{"__Host-browser": true}, b.jar())
	link := mailed(t, out)
	for _, method := range []string{"GET", "HEAD"} { // a scanner
		r, err := http.NewRequestWithContext(t.Context(), method, link, nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, 403, answer.StatusCode)
	}

	other.visit(link)
	other.sees("This link was asked for in another browser", "it is as good as before")
	other.tab.pictures("passwordless-4-elsewhere")
	require.Empty(t, other.jar())

	// From a page of another site, as webmail is: the browser's cookie comes along.
	mail := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<h1>Inbox</h1><a href="%s">log in</a>`, link)
	}))
	defer mail.Close()
	b.visit(strings.Replace(mail.URL, "127.0.0.1", "localhost", 1))
	b.sees("Inbox", "log in")
	b.press("a")
	b.sees("Welcome", "Press the button to log in as alice@example.com.")
	b.tab.pictures("passwordless-5-button")
	b.press("main button")
	b.sees("Hello, alice", "this one")
	require.Len(t, b.jar(), 5)
	b.tab.pictures("passwordless-6-session")
	b.visit(link)
	b.sees("This link has been used", "You are logged in.")
	b.tab.pictures("passwordless-7-used")

	// A restart logs nobody out, and a quarter of an hour later a link is over.
	b.visit(url + "/login")
	b.askForLink("bob@example.com")
	link = mailed(t, out)
	kill()
	start(t, binary, "-addr", strings.TrimPrefix(url, "http://"), "-store", file, "-ahead", "15m")
	b.visit(link)
	b.sees("This link has expired", "ten minutes")
	b.tab.pictures("passwordless-8-expired")
	b.press(".home")
	b.sees("Hello, alice", "this one")
	b.press("header button")
	b.sees("No password to remember", "in this browser alone")
	require.NotContains(t, b.jar(), "__Host-access_token")
}

// A new password ends what others have.
func TestPasswordlessReset(t *testing.T) {
	b, other := openReader(t), openReader(t)
	url, out, _ := start(t, build(t, "passwordless"), "-addr", "127.0.0.1:0")
	other.visit(url + "/login")
	other.press(`main a[href="/password"]`)
	other.sees("Log in by password", "Forgot your password?")
	other.fill("email", "alice@example.com")
	other.fill("password", "rabbit\n")
	other.sees("Log in by password", "Wrong address or password.")
	other.tab.pictures("passwordless-9-wrong")
	other.fill("password", "wonderland\n")
	other.sees("Hello, alice", "this one")

	b.visit(url + "/password")
	b.press(`main a[href="/forgot"]`)
	b.sees("A new password", "We mail you a link")
	var links []string
	for range 2 {
		b.visit(url + "/forgot")
		b.fill("email", "alice@example.com")
		b.press("main button")
		b.sees("Look into your mail", "alice@example.com")
		links = append(links, mailed(t, out))
	}
	b.visit(links[0])
	b.sees("Choose a new password", "alice@example.com")
	b.tab.pictures("passwordless-10-reset")
	b.fill("password", "looking-glass")
	b.press("main button")
	b.sees("Hello, alice", "every other device is logged out")
	b.tab.pictures("passwordless-11-changed")
	b.visit(links[1])
	b.sees("This link has been used", "a change of the password ends it")

	other.visit(url)
	other.sees("Log in", "Your session is over.")
	require.Empty(t, other.jar())
	b.visit(url)
	b.sees("Hello, alice", "this one")
	b.press("main button")
	b.sees("No password to remember", "alice@example.com")
	b.do(chromedp.Navigate(links[1]))
	b.sees("This link has been used", "Ask for another:")
}
