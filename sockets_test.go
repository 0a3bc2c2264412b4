package jot_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// A WebSocket over HTTP/2 is opened by CONNECT (RFC 8441): to a guard, what the upgrade of a GET is.
func TestWebSocketsOverConnect(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithStore(memstore.New()))
	p := pair(t, m)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = list1(value) }
	}
	protocol := set(":protocol", "websocket") // as net/http gives it
	for _, tc := range []struct {
		name   string
		method string
		change []func(*http.Request)
		code   string
	}{
		{name: "from here", method: "CONNECT", change: list1(protocol)}, // a page cannot set headers for it
		{name: "from here, with a value", method: "CONNECT", change: list1(protocol, set("X-Csrf-Token", p.CSRFToken))},
		{name: "from another site", method: "CONNECT", change: list1(protocol, set("Sec-Fetch-Site", "cross-site")), code: "csrf_failed"},
		{name: "from another host of the site", method: "CONNECT", change: list1(protocol, set("Sec-Fetch-Site", "same-site")), code: "csrf_failed"},
		{name: "from another origin, old browser", method: "CONNECT", change: list1(protocol, without2("Sec-Fetch-Site"), set("Origin", "https://evil.example")), code: "csrf_failed"},
		{name: "from another site, with the value", method: "CONNECT", change: list1(protocol, set("Sec-Fetch-Site", "cross-site"), set("X-Csrf-Token", p.CSRFToken)), code: "csrf_failed"},
		{name: "another protocol, from another site", method: "CONNECT", change: list1(set(":protocol", "connect-udp"), set("Sec-Fetch-Site", "cross-site")), code: "csrf_failed"},
		{name: "an old tunnel", method: "CONNECT", code: "csrf_failed"},
		{name: "an old tunnel that names an upgrade", method: "CONNECT", change: list1(set("Upgrade", "websocket")), code: "csrf_failed"},
		{name: "a GET with the field of CONNECT, from another site", method: "GET", change: list1(protocol, set("Sec-Fetch-Site", "cross-site"))},
		{name: "a POST with the field of CONNECT", method: "POST", change: list1(protocol), code: "csrf_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBrowser(t)
			b.cookies["__Host-access_token"] = &http.Cookie{Name: "__Host-access_token", Value: p.AccessToken}
			r := b.request("GET", "/socket")
			r.Method = tc.method
			for _, change := range tc.change {
				change(r)
			}
			got := send(m.Required(), r)
			require.Equal(t, tc.code == "", got.called, got.Body.String())
			if tc.code != "" {
				require.Equal(t, tc.code, got.code(t))
			}
		})
	}
}
