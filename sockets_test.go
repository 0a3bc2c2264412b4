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
	const passes, refused = true, false
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithStore(memstore.New()))
	p := pair(t, m)
	b := newBrowser(t)
	b.receive(m, p)

	socket := func(method string, changes ...edit) *http.Request {
		return by(method, b.request("GET", "/socket", changes...)) // httptest reads the target of a CONNECT otherwise
	}
	protocol := func(name string) edit { return setHeader(":protocol", name) } // as net/http gives it
	ws, udp := protocol("websocket"), protocol("connect-udp")
	upgrade, repeats := setHeader("Upgrade", "websocket"), setHeader("X-Csrf-Token", p.CSRFToken)
	from := func(site string) edit { return setHeader("Sec-Fetch-Site", site) }
	oldBrowser := func(r *http.Request) { // from before Sec-Fetch-Site, on another origin's page
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://evil.example")
	}

	for _, tc := range []struct {
		name string
		r    *http.Request
		ends bool
	}{
		{"from here", socket("CONNECT", ws), passes}, // a page cannot set headers for it
		{"from here, with a value", socket("CONNECT", ws, repeats), passes},
		{"from another site", socket("CONNECT", ws, from("cross-site")), refused},
		{"from another host of the site", socket("CONNECT", ws, from("same-site")), refused},
		{"from another origin, by an old browser", socket("CONNECT", ws, oldBrowser), refused},
		{"from another site, with the value", socket("CONNECT", ws, from("cross-site"), repeats), refused},
		{"another protocol, from another site", socket("CONNECT", udp, from("cross-site")), refused},
		{"an old tunnel", socket("CONNECT"), refused},
		{"an old tunnel that names an upgrade", socket("CONNECT", upgrade), refused},
		{"a GET with the field of CONNECT, from another site", socket("GET", ws, from("cross-site")), passes},
		{"a POST with the field of CONNECT", socket("POST", ws), refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := send(m.Required(), tc.r)
			require.Equal(t, tc.ends, got.called, got.Body.String())
			if tc.ends == refused {
				require.Equal(t, "csrf_failed", got.code(t))
			}
		})
	}
}
