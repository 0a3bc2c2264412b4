package e2e

import (
	"bufio"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// visitor is a reader of _example/oidc.
type visitor struct {
	*reader

	service, provider string
}

func openVisitor(t *testing.T, service, provider string) *visitor {
	t.Helper()
	return &visitor{openReader(t), service, provider}
}

func (b *visitor) pictures(name string) {
	b.Helper()
	b.tab.pictures("oidc-" + name)
}

// login goes to the provider and back.
func (b *visitor) login(who string) {
	b.Helper()
	b.visit(b.service + "/login")
	b.sees("Log in", "and sends you back")
	b.press("main button")
	b.sees("Sign in", "A service asks who you are")
	b.wait(`location.origin === "` + b.provider + `"`)
	b.press("[value=" + who + "]")
}

// loggedIn asks a guarded page.
func (b *visitor) loggedIn() bool {
	b.Helper()
	b.visit(b.service + "/sessions")
	b.wait(`document.readyState === "complete" && /^(Sessions|Log in)$/.test(document.querySelector("h1")?.innerText)`)
	return b.eval(`document.querySelector("h1").innerText`) == "Sessions"
}

// providerOf waits for the line that says where it is.
func providerOf(t *testing.T, out *bufio.Scanner) string {
	t.Helper()
	for out.Scan() {
		if url, ok := strings.CutPrefix(out.Text(), "The provider is at "); ok {
			return url
		}
	}
	t.Fatal("there is no provider")
	return ""
}

// Signed in with a provider on another host, and signed out there.
func TestProvider(t *testing.T) {
	b := openReader(t)
	service, out, _ := start(t, build(t, "oidc"), "-addr", "127.0.0.1:0", "-provider", "localhost:0")
	provider := providerOf(t, out)
	first := &visitor{b, service, provider}
	second, bob := openVisitor(t, service, provider), openVisitor(t, service, provider)

	first.visit(service)
	first.sees("A service without passwords", "This page is for everybody")
	first.pictures("1-front")
	first.visit(service + "/sessions")
	first.sees("Log in", "and sends you back")
	first.pictures("2-login")
	first.press("main button")
	first.sees("Sign in", "A service asks who you are")
	first.pictures("3-provider")
	first.press(".quiet")
	first.sees("You are not logged in", "You have cancelled")
	first.pictures("4-cancelled")
	require.Empty(t, first.jar(), "nothing is left of a login that was cancelled")
	first.visit(service + "/sessions")
	first.press("main button")
	first.sees("Sign in", "A service asks who you are")
	first.press("[value=alice]")
	first.sees("Sessions", "this one")
	require.Equal(t, service+"/sessions", first.eval("location.href"), "no code is in the address")
	require.Equal(t, map[string]bool{
		"__Host-access_token": true, "__Host-refresh_token": true, "__Host-provider": true,
		"__Host-csrf_access_token": false, "__Host-csrf_refresh_token": false,
	}, first.jar())
	first.press(".home")
	first.sees("Hello, Alice Liddell", "calls you")
	first.pictures("5-session")

	second.login("alice")
	second.sees("Hello, Alice Liddell", "calls you")
	bob.login("bob")
	bob.sees("Hello, Bob Builder", "calls you")
	first.visit(service + "/sessions")
	first.wait(`document.querySelectorAll(".list li").length === 2`)
	first.pictures("6-sessions")

	// Signed out at the provider, in this browser alone.
	first.visit(provider)
	first.sees("You are signed in", "Alice Liddell")
	first.pictures("7-signed-in")
	first.press("form:first-of-type button")
	first.sees("You are signed out", "are told so")
	first.pictures("8-signed-out")
	require.False(t, first.loggedIn())
	require.Empty(t, first.jar(), "cookies of a session that has ended go")
	require.True(t, second.loggedIn())
	require.True(t, bob.loggedIn())

	// Logged out here alone, the provider knows the user still; logged out at both, it asks.
	second.visit(service)
	second.press("[value=here]")
	second.sees("A service without passwords", "This page is for everybody")
	second.visit(service + "/login")
	second.press("main button")
	second.sees("Hello, Alice Liddell", "calls you")
	second.press("main button")
	second.sees("A service without passwords", "This page is for everybody")
	require.Empty(t, second.jar())
	_, _ = chromedp.Run(second.ctx, chromedp.NavigateBack())
	second.wait(`document.readyState === "complete" && !document.body.innerText.includes("Alice")`)
	second.login("alice")
	second.sees("Hello, Alice Liddell", "calls you")

	// In all browsers.
	first.login("alice")
	first.sees("Hello, Alice Liddell", "calls you")
	second.visit(provider)
	second.press(".quiet")
	second.sees("You are signed out everywhere", "are told so")
	require.False(t, first.loggedIn())
	require.False(t, second.loggedIn())
	require.True(t, bob.loggedIn())
}
