package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/_example/oidc/provider"
)

const (
	origin = "https://app.test"
	issues = "https://login.test"
)

var providerKey, otherKey = newKey(), newKey()

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// world is the service and its provider, with a clock that is moved by hand and a network that can be tampered with.
type world struct {
	*testing.T

	app, idp http.Handler
	db       *sql.DB
	now      time.Time
	asked    map[string]int // requests between the two, by address
	tamper   func(r *http.Request, usual http.Handler) http.Handler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, now: time.Now().Add(time.Minute).Truncate(time.Second), asked: map[string]int{}}
	file := filepath.Join(t.TempDir(), "oidc.db")
	var err error
	w.db, err = openDatabase(t.Context(), file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	cfg := config{
		store: file, access: 15 * time.Minute, now: func() time.Time { return w.now },
		origin: origin, issuer: issues, clientID: "notebook", clientSecret: "a secret, with %+ in it",
		http: &http.Client{Transport: w},
	}
	other := provider.Client{
		ID: "other", Secret: "other", RedirectURI: "https://other.test/", LogoutURI: "https://other.test/",
	}
	w.idp, err = provider.New(provider.Config{
		Issuer: issues, Key: providerKey, Clients: []provider.Client{cfg.client(), other},
		HTTP: cfg.http, Now: cfg.now,
	})
	require.NoError(t, err)
	w.app, err = newHandler(t.Context(), cfg, w.db)
	require.NoError(t, err)
	return w
}

// RoundTrip is the network between the service and the provider.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.String()
	w.asked[address]++
	handler := map[string]http.Handler{origin: w.app, issues: w.idp}[r.URL.Scheme+"://"+r.URL.Host]
	if w.tamper != nil {
		handler = w.tamper(r, handler)
	}
	if handler == nil {
		return nil, io.ErrUnexpectedEOF
	}
	request := httptest.NewRequest(r.Method, address, r.Body)
	request.Header = r.Header
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Result(), nil
}

// instead answers requests for one address by f.
func (w *world) instead(address string, f http.HandlerFunc) {
	w.tamper = func(r *http.Request, usual http.Handler) http.Handler {
		if r.URL.String() == address {
			return f
		}
		return usual
	}
}

// browser keeps the cookies of each host until they end, and the page that it is on.
type browser struct {
	*world

	site   string // what Sec-Fetch-Site says, if it is not by the page
	jars   map[string]map[string]*http.Cookie
	at     *url.URL
	status int
	page   string
}

func (w *world) browser() *browser {
	return &browser{world: w, jars: map[string]map[string]*http.Cookie{"app.test": {}, "login.test": {}}}
}

// send sends a request, from the page that it is on, and looks at what every answer must have.
func (b *browser) send(method, target, form string) *httptest.ResponseRecorder {
	b.Helper()
	to, err := url.Parse(target)
	require.NoError(b, err)
	if b.at != nil {
		to = b.at.ResolveReference(to)
	}
	r := httptest.NewRequest(method, to.String(), strings.NewReader(form))
	r.Header.Set("User-Agent", "a browser")
	site := cmp.Or(b.site, "none")
	if b.at != nil && b.site == "" {
		site = map[bool]string{true: "same-origin", false: "cross-site"}[b.at.Host == to.Host]
	}
	r.Header.Set("Sec-Fetch-Site", site)
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, cookie := range b.jars[to.Host] {
		if b.now.Before(cookie.Expires) && (site != "cross-site" || method == "GET") { // all are SameSite=Lax
			r.AddCookie(&http.Cookie{Name: name, Value: cookie.Value})
		}
	}
	w := httptest.NewRecorder()
	map[string]http.Handler{"app.test": b.app, "login.test": b.idp}[to.Host].ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		require.Equal(b, http.SameSiteLaxMode, cookie.SameSite)
		require.True(b, strings.HasPrefix(cookie.Name, "__Host-") && cookie.Secure && cookie.Path == "/")
		require.True(b, cookie.HttpOnly || strings.Contains(cookie.Name, "csrf"))
		require.LessOrEqual(b, len(cookie.Name+cookie.Value), 4096)
		cookie.Expires = b.now.Add(time.Duration(cookie.MaxAge) * time.Second)
		b.jars[to.Host][cookie.Name] = cookie
	}
	b.at, b.status, b.page = to, w.Code, html.UnescapeString(w.Body.String())
	require.Contains(b, w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'none'; style-src")
	require.NotRegexp(b, `(?i)<script|javascript:|\son[a-z]+=|style=`, w.Body.String())
	return w
}

// get opens a page, as from the address bar, and follows redirects.
func (b *browser) get(target string) {
	b.Helper()
	b.at = nil
	if target == origin || target == issues {
		target += "/"
	}
	b.follow(b.send("GET", target, ""))
}

// post sends a form of the page that it is on, with its CSRF value.
func (b *browser) post(target, form string) {
	b.Helper()
	require.Contains(b, b.page, `action="`+target+`"`, "the page has no such form")
	if match := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(b.page); match != nil {
		form += "&csrf=" + url.QueryEscape(match[1])
	}
	b.follow(b.send("POST", target, form))
}

func (b *browser) follow(w *httptest.ResponseRecorder) {
	b.Helper()
	for range 5 {
		if w.Code != http.StatusSeeOther {
			return
		}
		w = b.send("GET", w.Header().Get("Location"), "")
	}
	require.Fail(b, "redirects without an end")
}

// is asks for the status, the address and a text of the page.
func (b *browser) is(status int, at, text string) {
	b.Helper()
	require.Equal(b, status, b.status, b.page)
	require.Equal(b, at, b.at.Scheme+"://"+b.at.Host+b.at.Path)
	require.Contains(b, b.page, text)
}

// names are the cookies of a host, without what a login adds to their names.
func (b *browser) names(host string) (names []string) {
	for name, cookie := range b.jars[host] {
		if b.now.Before(cookie.Expires) {
			names = append(names, regexp.MustCompile(`__Host-|-[A-Z2-7]{26}$`).ReplaceAllString(name, ""))
		}
	}
	return names
}

// begin begins a login, and is on the provider's page then.
func (b *browser) begin(next string) {
	b.Helper()
	b.get(origin + "/login?next=" + url.QueryEscape(next))
	b.is(200, origin+"/login", "Log in")
	b.post("/login", "next="+url.QueryEscape(next))
	b.is(200, issues+"/authorize", "Sign in as alice")
}

// choose presses a button of the provider's page.
func (b *browser) choose(login string) {
	b.Helper()
	b.post(b.at.RequestURI(), "login="+login)
}

func (b *browser) login(login string) {
	b.Helper()
	b.begin("/")
	b.choose(login)
	b.is(200, origin+"/", "Hello, ")
}

// again logs in where the provider need not ask.
func (b *browser) again() {
	b.Helper()
	b.get(origin + "/login")
	b.post("/login", "next=")
}

// loggedIn asks a guarded page.
func (b *browser) loggedIn() bool {
	b.Helper()
	b.get(origin + "/sessions")
	require.Equal(b, 200, b.status)
	require.Contains(b, []string{"/login", "/sessions"}, b.at.Path)
	return b.at.Path == "/sessions"
}

// id is what the service calls its user.
func (b *browser) id() string {
	b.Helper()
	b.get(origin)
	return regexp.MustCompile(`and this service</dt><dd>(.*)</dd>`).FindStringSubmatch(b.page)[1]
}

// sidOf is the provider's session behind the latest login.
func (w *world) sidOf() (sid string) {
	w.Helper()
	row := w.db.QueryRowContext(w.Context(), `SELECT sid FROM logins ORDER BY rowid DESC LIMIT 1`)
	require.NoError(w, row.Scan(&sid))
	require.NotEmpty(w, sid)
	return sid
}

// logins counts the sessions of which it is known where they came from.
func (w *world) logins() (n int) {
	w.Helper()
	require.NoError(w, w.db.QueryRowContext(w.Context(), `SELECT count(*) FROM logins`).Scan(&n))
	return n
}

// claims are those of a token, of which some are set otherwise. A nil one is left out.
type claims map[string]any

func (c claims) with(others claims) claims {
	all := claims{}
	maps.Copy(all, c)
	maps.Copy(all, others)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// sign signs as the provider does, or as somebody who would like to be it.
func (w *world) sign(alg jose.SignatureAlgorithm, key any, typ string, c claims) string {
	w.Helper()
	answer := httptest.NewRecorder()
	w.idp.ServeHTTP(answer, httptest.NewRequest("GET", issues+"/jwks", nil))
	var set jose.JSONWebKeySet
	require.NoError(w, json.Unmarshal(answer.Body.Bytes(), &set))
	options := new(jose.SignerOptions)
	if typ != "" {
		options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: set.Keys[0].KeyID},
	}, options)
	require.NoError(w, err)
	payload, err := json.Marshal(c)
	require.NoError(w, err)
	signed, err := signer.Sign(payload)
	require.NoError(w, err)
	text, err := signed.CompactSerialize()
	require.NoError(w, err)
	return text
}

func (w *world) idToken() claims {
	return claims{
		"iss": issues, "aud": "notebook", "sub": "248289761001", "sid": "s1", "name": "Alice Liddell",
		"iat": w.now.Unix(), "exp": w.now.Unix() + 300,
	}
}

func (w *world) logoutToken() claims {
	return claims{
		"iss": issues, "aud": "notebook", "sub": "248289761001", "jti": rand.Text(),
		"iat": w.now.Unix(), "exp": w.now.Unix() + 120,
		"events": claims{"http://schemas.openid.net/event/backchannel-logout": claims{}},
	}
}

// tell sends a logout token, and looks at what every answer must have.
func (w *world) tell(token string) (status int, body string) {
	w.Helper()
	return w.tellForm(url.Values{"logout_token": {token}}.Encode())
}

func (w *world) tellForm(form string) (status int, body string) {
	w.Helper()
	r := httptest.NewRequest("POST", origin+backchannel, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	w.app.ServeHTTP(answer, r)
	require.Equal(w, "no-store", answer.Header().Get("Cache-Control"))
	require.Empty(w, answer.Result().Cookies())
	return answer.Code, answer.Body.String()
}

func TestRun(t *testing.T) {
	cfg := config{
		addr: "127.0.0.1:0", provider: "localhost:0", access: time.Minute, now: time.Now,
		clientID: "x", clientSecret: "y",
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	require.Error(t, run(ctx, cfg, &out))
	for _, change := range []func(*config){
		func(c *config) { c.addr = "nowhere:-1" },
		func(c *config) { c.provider = "nowhere:-1" },
		func(c *config) { c.access = 0 },
		func(c *config) { c.store = filepath.Join(t.TempDir(), "no", "oidc.db") },
	} {
		changed := cfg
		change(&changed)
		require.Error(t, run(t.Context(), changed, &out))
	}
	require.Empty(t, out.String())

	cfg.store = filepath.Join(t.TempDir(), "a ?#.db")
	for range 2 { // a start, and a restart
		ctx, stop := context.WithCancel(t.Context())
		reader, writer := io.Pipe()
		failed := make(chan error, 1)
		go func() { failed <- run(ctx, cfg, writer) }()
		text := make([]byte, 4096)
		n, err := reader.Read(text)
		require.NoError(t, err)
		require.Contains(t, string(text[:n]), "The provider is at http://localhost:")
		stop()
		require.NoError(t, <-failed)
	}
}
