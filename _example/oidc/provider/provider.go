// Package provider is a small OpenID Connect provider for the example: somebody else's service, of which the example
// knows nothing but what OpenID Connect Discovery says. It has the authorization code flow with PKCE (RFC 7636),
// RP-initiated logout and back-channel logout. Its users have no passwords, its clients are configured, and it forgets
// everything when it stops.
package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Client is a service whose users sign in here.
type Client struct {
	ID, Secret string
	// RedirectURI is where users come back to with a code, and LogoutURI where they come back to without a session.
	// Both are compared byte for byte.
	RedirectURI, LogoutURI string
	// BackchannelURI is told about sessions that have ended.
	BackchannelURI string
}

// Config is what a provider needs. No field may be left out.
type Config struct {
	Issuer  string // its address, without a slash at the end
	Key     *rsa.PrivateKey
	Clients []Client
	HTTP    *http.Client // for back-channel logouts
	Now     func() time.Time
}

// provider keeps sessions and codes in memory.
type provider struct {
	Config

	clients  map[string]Client
	signers  map[string]jose.Signer // by typ
	keys     jose.JSONWebKeySet
	sameSite *http.CrossOriginProtection

	mu       sync.Mutex
	sessions map[string]*session // by the cookie's value
	codes    map[string]code
}

// session is that of a browser.
type session struct {
	ID    string // the claim sid; not the cookie's value, which only its browser knows
	User  user
	Since time.Time

	clients map[string]bool // that have got an ID token in it
	ended   bool
}

// code is what an authorization code stands for.
type code struct {
	client, redirectURI, challenge, nonce string

	session *session
	until   time.Time
}

type user struct{ Login, Subject, Name string }

var users = []user{
	{"alice", "248289761001", "Alice Liddell"},
	{"bob", "248289761002", "Bob Builder"},
}

const (
	sessionTTL = 24 * time.Hour
	codeTTL    = time.Minute
	tokenTTL   = 5 * time.Minute
)

// New returns all pages and endpoints of a provider.
func New(cfg Config) (http.Handler, error) {
	p := &provider{
		Config: cfg, clients: map[string]Client{}, signers: map[string]jose.Signer{},
		sameSite: http.NewCrossOriginProtection(), sessions: map[string]*session{}, codes: map[string]code{},
	}
	for _, client := range cfg.Clients {
		p.clients[client.ID] = client
	}
	public := jose.JSONWebKey{Key: cfg.Key.Public(), KeyID: rand.Text(), Algorithm: string(jose.RS256), Use: "sig"}
	p.keys.Keys = []jose.JSONWebKey{public}
	for _, typ := range []string{typeID, typeLogout} {
		key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: cfg.Key, KeyID: public.KeyID}}
		signer, err := jose.NewSigner(key, new(jose.SignerOptions).WithType(jose.ContentType(typ)))
		if err != nil {
			return nil, err
		}
		p.signers[typ] = signer
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, p.keys) })
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /end-session", p.endSession)
	mux.HandleFunc("POST /end-session", p.endSession)
	mux.HandleFunc("POST /end-all", p.endAll)
	mux.HandleFunc("GET /{$}", p.front)
	mux.HandleFunc("GET /style.css", style)
	return p.secured(mux), nil
}

// secured forbids scripts, and bounds what anybody may send. A form may lead back to the clients.
func (p *provider) secured(next http.Handler) http.Handler {
	origins := []string{"'self'"}
	for _, client := range p.Clients {
		for _, uri := range []string{client.RedirectURI, client.LogoutURI} {
			if at, err := url.Parse(uri); err == nil {
				origins = append(origins, at.Scheme+"://"+at.Host)
			}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'none'; style-src 'self'; base-uri 'none'; "+
			"frame-ancestors 'none'; form-action "+strings.Join(origins, " "))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		if err := r.ParseForm(); err != nil {
			p.message(w, http.StatusBadRequest, "That did not work", "What was sent is damaged, or too long.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// discovery is OpenID Connect Discovery 1.0 section 4, and what the specifications of logout and RFC 9207 add to it.
func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                         p.Issuer,
		"authorization_endpoint":                         p.Issuer + "/authorize",
		"token_endpoint":                                 p.Issuer + "/token",
		"jwks_uri":                                       p.Issuer + "/jwks",
		"end_session_endpoint":                           p.Issuer + "/end-session",
		"scopes_supported":                               []string{"openid", "profile"},
		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          []string{"authorization_code"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{string(jose.RS256)},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
	})
}

// authorize asks who it is, unless that is known, and leads back with a code. Its form is sent to the address of the
// page, so that the request that is answered is the one that was asked.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	client, known := p.clients[one(asked, "client_id")]
	if !known || one(asked, "redirect_uri") != client.RedirectURI {
		p.message(w, http.StatusBadRequest, "That did not work", "The service that sent you here is not known.")
		return // never back to an address that nobody has registered
	}
	back := url.Values{"iss": {p.Issuer}, "state": {one(asked, "state")}}
	s := p.sessionOf(r)
	switch {
	case one(asked, "response_type") != "code":
		back.Set("error", "unsupported_response_type")
	case !slices.Contains(strings.Fields(one(asked, "scope")), "openid"):
		back.Set("error", "invalid_scope")
	case one(asked, "code_challenge_method") != "S256" || len(one(asked, "code_challenge")) != 43:
		back.Set("error", "invalid_request")
	case r.Method == http.MethodPost && p.sameSite.Check(r) != nil:
		p.message(w, http.StatusForbidden, "That did not work", "Another site's page has sent this form.")
		return
	case r.Method == http.MethodPost && r.PostForm.Get("login") == "":
		back.Set("error", "access_denied")
	case r.Method == http.MethodPost:
		s = p.begin(w, r.PostForm.Get("login"))
	}
	if !back.Has("error") && s == nil {
		p.show(w, http.StatusOK, "signin", page{Users: users, Action: r.URL.RequestURI()})
		return
	}
	if !back.Has("error") {
		back.Set("code", p.newCode(s, code{
			client: client.ID, redirectURI: client.RedirectURI,
			challenge: one(asked, "code_challenge"), nonce: one(asked, "nonce"),
		}))
	}
	http.Redirect(w, r, client.RedirectURI+"?"+back.Encode(), http.StatusSeeOther)
}

// one is a parameter that is there once.
func one(of url.Values, name string) string {
	if len(of[name]) != 1 {
		return ""
	}
	return of[name][0]
}

const cookieName = "__Host-provider"

// sessionOf is the session of a browser, nil for none.
func (p *provider) sessionOf(r *http.Request) *session {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.sessions[cookie.Value]; s != nil && p.Now().Before(s.Since.Add(sessionTTL)) {
		return s
	}
	return nil
}

// begin begins a session, nil for nobody whom it knows.
func (p *provider) begin(w http.ResponseWriter, login string) *session {
	i := slices.IndexFunc(users, func(u user) bool { return u.Login == login })
	if i < 0 {
		return nil
	}
	s, secret := &session{ID: rand.Text(), User: users[i], Since: p.Now(), clients: map[string]bool{}}, rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.sessions, func(_ string, s *session) bool { return !p.Now().Before(s.Since.Add(sessionTTL)) })
	p.sessions[secret] = s
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: secret, Path: "/", MaxAge: int(sessionTTL.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, // users come from the clients' pages
	})
	return s
}

func (p *provider) newCode(s *session, c code) string {
	text := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.codes, func(_ string, c code) bool { return p.Now().After(c.until) })
	c.session, c.until = s, p.Now().Add(codeTTL)
	p.codes[text] = c
	return text
}

// token exchanges a code for an ID token (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	client, ok := p.authenticated(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="provider"`)
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	if one(r.PostForm, "grant_type") != "authorization_code" {
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	c, ok := p.redeem(one(r.PostForm, "code"), client)
	ok = ok && one(r.PostForm, "redirect_uri") == c.redirectURI && proves(one(r.PostForm, "code_verifier"), c.challenge)
	if !ok {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	now := p.Now()
	idToken, err := p.sign(typeID, map[string]any{
		"iss": p.Issuer, "sub": c.session.User.Subject, "aud": client.ID, "sid": c.session.ID, "nonce": c.nonce,
		"iat": now.Unix(), "exp": now.Add(tokenTTL).Unix(), "auth_time": c.session.Since.Unix(),
		"name": c.session.User.Name,
	})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"id_token": idToken, "token_type": "Bearer", "expires_in": int(tokenTTL.Seconds()),
		"access_token": rand.Text(), // for the provider's own services, of which there are none
	})
}

// authenticated is the client of a request (RFC 6749 section 2.3.1).
func (p *provider) authenticated(r *http.Request) (Client, bool) {
	name, password, _ := r.BasicAuth()
	name, errName := url.QueryUnescape(name)
	password, errPassword := url.QueryUnescape(password)
	client, known := p.clients[name]
	good := subtle.ConstantTimeCompare([]byte(password), []byte(client.Secret)) == 1
	return client, known && good && errName == nil && errPassword == nil
}

// redeem uses a code up, whatever comes of it: one that is presented twice has been stolen.
func (p *provider) redeem(text string, by Client) (code, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, found := p.codes[text]
	delete(p.codes, text)
	if !found || c.client != by.ID || p.Now().After(c.until) || c.session.ended {
		return code{}, false
	}
	c.session.clients[by.ID] = true
	return c, true
}

// proves tells whether a verifier is that of a challenge (RFC 7636 section 4.6).
func proves(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

const (
	typeID     = "JWT"
	typeLogout = "logout+jwt"
)

func (p *provider) sign(typ string, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := p.signers[typ].Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// refuse answers with an error of RFC 6749 section 5.2.
func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]string{"error": code})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // it fails only when the client has gone
}
