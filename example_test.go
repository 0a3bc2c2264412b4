package jot_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

// get calls a handler with a token, for the examples.
func get(handler http.Handler, target, token string) (status int, body string) {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func Example() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		// … check the password …
		pair, err := auth.CreatePair(r.Context(), "alice", jot.Fresh())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair)
	})
	mux.Handle("GET /hello", auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello %s", jot.Identity(r.Context()))
	})))

	pair, err := auth.CreatePair(context.Background(), "alice", jot.Fresh())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(get(mux, "/hello", pair.AccessToken))
	status, refusal := get(mux, "/hello", "")
	fmt.Println(status)
	fmt.Println(refusal)
	// Output:
	// 200 hello alice
	// 401
	// {"type":"about:blank","title":"Unauthorized","status":401,"detail":"a token is required","code":"token_missing"}
}

func ExampleNew() {
	_, err := jot.New(jot.HS256([]byte("too short")), jot.WithAccessTTL(0), jot.WithRealm(`"`))
	fmt.Println(err)
	// Output:
	// jot: WithAccessTTL: 0s is not whole seconds from 1s to 100 years
	// jot: WithRealm: "\"" is not printable ASCII without quotes and backslashes
	// jot: the secret has 9 bytes, HS256 wants at least 32 (RFC 7518 section 3.2)
}

func ExampleManager_CreateAccessToken() {
	auth, err := jot.New(jot.HS256(secret), jot.WithIssuer("shop"))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateAccessToken(context.Background(), "alice",
		jot.Fresh(), jot.Scopes("orders:read"), jot.Claim("plan", "pro"))
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), raw)
	if err != nil {
		log.Fatal(err)
	}
	lifetime := token.ExpiresAt.Sub(token.IssuedAt)
	fmt.Println(token.Type, token.Subject, token.Issuer, token.Scopes, token.IsFresh(), lifetime)
	// Output: access alice shop [orders:read] true 15m0s
}

func ExampleManager_CreateRefreshToken() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateRefreshToken(context.Background(), "alice", jot.ExpiresIn(7*24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), raw, jot.Refresh())
	fmt.Println(token.Type, token.ExpiresAt.Sub(token.IssuedAt), err)
	// Output: refresh 168h0m0s <nil>
}

func ExampleManager_CreatePair() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	login := func(w http.ResponseWriter, r *http.Request) {
		pair, err := auth.CreatePair(r.Context(), "alice", jot.Fresh(), jot.Scopes("admin"))
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair) // {"access_token":"…","refresh_token":"…","token_type":"Bearer","expires_in":900}
	}
	w := httptest.NewRecorder()
	login(w, httptest.NewRequest(http.MethodPost, "/login", nil))
	fmt.Println(w.Code, w.Header().Get("Cache-Control"))
	// Output: 200 no-store
}

// A link to reset a password: no other route takes its token, and this one takes no other.
func ExampleManager_CreateToken() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateToken(context.Background(), "alice", jot.Type("password_reset"), jot.ExpiresIn(time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	_, err = auth.Verify(context.Background(), raw)
	fmt.Println(errors.Is(err, jot.ErrWrongType))
	token, err := auth.Verify(context.Background(), raw, jot.Type("password_reset"))
	fmt.Println(token.Subject, err)
	// Output:
	// true
	// alice <nil>
}

// A token that came by another way than a request.
func ExampleManager_Verify() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateAccessToken(context.Background(), "alice", jot.Scopes("read"))
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), raw, jot.Scopes("read"))
	fmt.Println(token.Subject, err)
	_, err = auth.Verify(context.Background(), raw, jot.Scopes("write"))
	fmt.Println(errors.Is(err, jot.ErrInsufficientScope))
	// Output:
	// alice <nil>
	// true
}

func ExampleManager_Required() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	greet := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+jot.Identity(r.Context()))
	})
	mux := http.NewServeMux()
	mux.Handle("/account", auth.Required()(greet))
	mux.Handle("/password", auth.Required(jot.MaxAge(5*time.Minute))(greet))
	mux.Handle("/admin", auth.Required(jot.Scopes("admin"))(greet))
	mux.Handle("/news", auth.Required(jot.Optional())(greet))

	raw, err := auth.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	for _, target := range []string{"/account", "/password", "/admin", "/news"} {
		status, _ := get(mux, target, raw)
		fmt.Println(target, status)
	}
	status, body := get(mux, "/news", "")
	fmt.Printf("/news without a token: %d %q\n", status, body)
	// Output:
	// /account 200
	// /password 401
	// /admin 403
	// /news 200
	// /news without a token: 200 "hello "
}

// A guard for an adapter to another framework.
func ExampleGuard_Admit() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	admins := auth.Guard(jot.Scopes("admin"))
	guard := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			admitted, err := admins.Admit(w, r)
			if err != nil {
				auth.WriteError(w, r, err)
				return
			}
			next.ServeHTTP(w, admitted)
			r.MultipartForm = admitted.MultipartForm // so that net/http removes the files of uploads
		})
	}
	raw, err := auth.CreateAccessToken(context.Background(), "alice", jot.Scopes("admin"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(get(guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, jot.Identity(r.Context()))
	})), "/", raw))
	// Output: 200 alice
}

func ExampleManager_Revoke() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()))
	if err != nil {
		log.Fatal(err)
	}
	logout := auth.Required(jot.AccessOrRefresh())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := jot.FromContext(r.Context())
		if err := auth.Revoke(r.Context(), token); err != nil {
			auth.WriteError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	raw, err := auth.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	status, _ := get(logout, "/logout", raw)
	fmt.Println(status)
	_, err = auth.Verify(context.Background(), raw)
	fmt.Println(errors.Is(err, jot.ErrRevoked))
	// Output:
	// 204
	// true
}

// A page that answers by itself: logging out leads to the front page.
func ExampleManager_Logout() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	logout := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := auth.Logout(w, r); err != nil {
			auth.WriteError(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	pair, err := auth.CreatePair(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "https://app.example/logout", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin") // as browsers do
	r.Header.Set("X-CSRF-Token", pair.CSRFToken)
	r.AddCookie(&http.Cookie{Name: "__Host-access_token", Value: pair.AccessToken})
	w := httptest.NewRecorder()
	logout.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"), len(w.Result().Cookies()), "cookies cleared")
	_, err = auth.Verify(context.Background(), pair.AccessToken)
	fmt.Println(errors.Is(err, jot.ErrRevoked))
	// Output:
	// 303 / 4 cookies cleared
	// true
}

func ExampleWithTokenInBlocklist() {
	revoked := map[string]bool{} // your database
	isRevoked := func(_ context.Context, t *jot.Token) (bool, error) { return revoked[t.ID], nil }
	auth, err := jot.New(jot.HS256(secret), jot.WithTokenInBlocklist(isRevoked))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), raw)
	fmt.Println(err)
	revoked[token.ID] = true
	_, err = auth.Verify(context.Background(), raw)
	fmt.Println(err)
	// Output:
	// <nil>
	// jot: token has been revoked: WithTokenInBlocklist says so
}

func ExampleWithAdditionalClaims() {
	planOf := func(_ context.Context, t *jot.Token) (map[string]any, error) {
		return map[string]any{"plan": "plan of " + t.Subject}, nil
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithAdditionalClaims(planOf))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	_, body := get(auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := jot.ClaimsAs[struct {
			Plan string `json:"plan"`
		}](r.Context())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_, _ = io.WriteString(w, claims.Plan)
	})), "/", raw)
	fmt.Println(body)
	// Output: plan of alice
}

// Machines have tokens of a Type, and are no users: what stands for them is of a type of its own.
func ExampleWithUserLookup_machines() {
	type user struct{ Name string }
	type machine struct{ Name string }
	known := map[string]*user{"1": {"Alice"}} // your database
	auth, err := jot.New(jot.HS256(secret), jot.WithUserLookup(func(_ context.Context, t *jot.Token) (any, error) {
		if t.Type == "machine" {
			return &machine{t.Subject}, nil
		}
		if u, ok := known[t.Subject]; ok {
			return u, nil
		}
		return nil, jot.ErrUserNotFound
	}))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateToken(context.Background(), "ci", jot.Type("machine"))
	if err != nil {
		log.Fatal(err)
	}
	deploy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, _ := jot.CurrentUser[*machine](r.Context())
		_, _ = io.WriteString(w, "deployed by "+m.Name)
	})
	fmt.Println(get(auth.Required(jot.Type("machine"))(deploy), "/deploy", raw))
	// Output: 200 deployed by ci
}

func ExampleWithUserLookup() {
	type user struct{ Name string }
	known := map[string]*user{"1": {"Alice"}} // your database
	auth, err := jot.New(jot.HS256(secret), jot.WithUserLookup(func(_ context.Context, t *jot.Token) (*user, error) {
		u, ok := known[t.Subject]
		if !ok {
			return nil, jot.ErrUserNotFound
		}
		return u, nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	me := auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := jot.CurrentUser[*user](r.Context())
		_, _ = io.WriteString(w, u.Name)
	}))
	for _, id := range []string{"1", "2"} {
		raw, err := auth.CreateAccessToken(context.Background(), id)
		if err != nil {
			log.Fatal(err)
		}
		status, _ := get(me, "/me", raw)
		fmt.Println(id, status)
	}
	// Output:
	// 1 200
	// 2 401
}

func ExampleWithErrorHandler() {
	answer := func(w http.ResponseWriter, r *http.Request, err error) {
		refusal, ok := errors.AsType[*jot.Error](err)
		if !ok || refusal.Status() >= 500 {
			jot.DefaultErrorHandler(w, r, err) // it logs them
			return
		}
		w.WriteHeader(refusal.Status()) // the challenge is in the header already
		_, _ = fmt.Fprintf(w, `{"msg":%q}`, refusal.Code())
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithErrorHandler(answer))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(get(auth.Required()(http.NotFoundHandler()), "/", ""))
	// Output: 401 {"msg":"token_missing"}
}

// A site of pages: whoever is not logged in goes to the login, and cookies that are good for nothing are cleared. The
// function is called when New has long returned, so it may use the Manager if that is declared before.
func ExampleWithErrorHandler_cookies() {
	var auth *jot.Manager
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}),
		jot.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) {
			refusal, ok := errors.AsType[*jot.Error](err)
			if !ok || refusal.Status() != http.StatusUnauthorized || r.Method != http.MethodGet {
				jot.DefaultErrorHandler(w, r, err)
				return
			}
			auth.UnsetCookies(w)
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		}))
	if err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest(http.MethodGet, "/notes", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-access_token", Value: "of no use"})
	w := httptest.NewRecorder()
	auth.Required()(http.NotFoundHandler()).ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"), len(w.Result().Cookies()), "cookies cleared")
	// Output: 303 /login 4 cookies cleared
}

// A stream that goes on for as long as the login does, and a day at most: with a token of its own, which nobody sees.
func ExampleManager_Recheck() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()))
	if err != nil {
		log.Fatal(err)
	}
	stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login, _ := jot.FromContext(r.Context())
		var own jot.Token
		_, err := auth.CreateToken(r.Context(), login.Subject, jot.Type("stream"), jot.InSession(login),
			jot.ExpiresIn(24*time.Hour), jot.Issued(&own))
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		for event := range 3 { // in earnest: of a channel, with a time.Ticker beside it
			if err := auth.Recheck(r.Context(), &own); err != nil {
				_, _ = fmt.Fprintln(w, "the end:", errors.Is(err, jot.ErrRevoked))
				return
			}
			_, _ = fmt.Fprintln(w, "event", event)
			if event == 1 { // meanwhile, elsewhere
				_ = auth.RevokeSession(r.Context(), login)
			}
		}
	})

	pair, err := auth.CreatePair(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	_, events := get(auth.Required()(stream), "/events", pair.AccessToken)
	fmt.Print(events)
	// Output:
	// event 0
	// event 1
	// the end: true
}

// A guard around a whole mux, with a few doors in it.
func ExampleExcept() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /public/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "for everybody")
	})
	mux.HandleFunc("GET /account", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "private")
	})
	handler := auth.Required(jot.Except("POST /login", "GET /public/"))(mux)

	fmt.Println(get(handler, "/public/logo.png", ""))
	status, _ := get(handler, "/account", "")
	fmt.Println(status)
	status, _ = get(handler, "/public/%2e%2e/account", "")
	fmt.Println(status)
	// Output:
	// 200 for everybody
	// 401
	// 401
}

// A rule of the application's own.
func ExampleCheck() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	notBob := jot.Check(func(_ context.Context, t *jot.Token) (bool, error) { return t.Subject != "bob", nil })
	raw, err := auth.CreateAccessToken(context.Background(), "bob")
	if err != nil {
		log.Fatal(err)
	}
	_, err = auth.Verify(context.Background(), raw, notBob)
	fmt.Println(err)
	// Output: jot: forbidden: a Check of the route says no
}

// A new access token in the session of a refresh token.
func ExampleInSession() {
	auth, err := jot.New(jot.HS256(secret))
	if err != nil {
		log.Fatal(err)
	}
	pair, err := auth.CreatePair(context.Background(), "alice", jot.Fresh(), jot.Scopes("read"))
	if err != nil {
		log.Fatal(err)
	}
	refresh, err := auth.Verify(context.Background(), pair.RefreshToken, jot.Refresh())
	if err != nil {
		log.Fatal(err)
	}
	raw, err := auth.CreateAccessToken(context.Background(), refresh.Subject, jot.InSession(refresh))
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), raw)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.SessionID == pair.SessionID, token.Scopes, token.IsFresh())
	// Output: true [read] false
}

func ExampleInsecureDecode() {
	header, claims, err := jot.InsecureDecode("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbnlib2R5In0.")
	fmt.Println(header, claims, err)
	// Output: map[alg:none] map[sub:anybody] <nil>
}

// One service issues, another only verifies.
func ExamplePublicKey() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := jot.New(jot.PrivateKey("ES256", private))
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := jot.New(jot.PublicKey("ES256", &private.PublicKey))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := issuer.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	token, err := verifier.Verify(context.Background(), raw)
	fmt.Println(token.Subject, err)
	_, err = verifier.CreateAccessToken(context.Background(), "mallory")
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// alice <nil>
	// true
}

func ExampleParsePEM() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		log.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}) // os.ReadFile("key.pem")

	key, err := jot.ParsePEM("ES256", text)
	if err != nil {
		log.Fatal(err)
	}
	_, err = jot.New(key)
	fmt.Println(err)
	_, err = jot.ParsePEM("RS256", text)
	fmt.Println(err)
	// Output:
	// <nil>
	// jot: ParsePEM: a key of type *ecdsa.PublicKey is not for RS256
}

// The secret is replaced: what the old one signed holds until it expires.
func ExampleNewKeySet() {
	old := []byte("the first secret, which had no id as yet")
	next := []byte("the second secret, which signs from now on")
	before, err := jot.New(jot.HS256(old))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := before.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}

	keys, err := jot.NewKeySet(jot.HS256(next).WithID("2"), jot.HS256(old))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(keys)
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), raw)
	fmt.Println(token.Subject, err)
	// Output: alice <nil>
}

func ExampleKeyfunc() {
	auth, err := jot.New(jot.Keyfunc(func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != "partner" {
			return nil, errors.New("nobody's key")
		}
		return &rsaKey.PublicKey, nil
	}, "RS256"))
	if err != nil {
		log.Fatal(err)
	}
	partner, err := jot.New(jot.PrivateKey("RS256", rsaKey).WithID("partner"))
	if err != nil {
		log.Fatal(err)
	}
	raw, err := partner.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), raw)
	fmt.Println(token.Subject, err)
	// Output: alice <nil>
}

// The test of a handler needs no server and no login.
func ExampleNewContext() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+jot.Identity(r.Context()))
	}

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	handler(w, r.WithContext(jot.NewContext(r.Context(), &jot.Token{Subject: "alice"})))
	fmt.Println(w.Body)
	// Output: hello alice
}

func ExampleManager_Rotate() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()))
	if err != nil {
		log.Fatal(err)
	}
	pair, err := auth.CreatePair(context.Background(), "alice", jot.Scopes("read", "write"))
	if err != nil {
		log.Fatal(err)
	}
	refresh, err := auth.Verify(context.Background(), pair.RefreshToken, jot.Refresh())
	if err != nil {
		log.Fatal(err)
	}
	next, err := auth.Rotate(context.Background(), refresh, jot.Scopes("read")) // what the user may do has changed
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.Verify(context.Background(), next.AccessToken)
	fmt.Println(token.Scopes, token.SessionID == pair.SessionID, err)
	// Output: [read] true <nil>
}

// After a change of password: log out everywhere, and in again here.
func ExampleManager_RevokeSubject() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()))
	if err != nil {
		log.Fatal(err)
	}
	recently := auth.Required(jot.MaxAge(5 * time.Minute)) // a login, that is
	changed := recently(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// … store the new password …
		user := jot.Identity(r.Context())
		if err := auth.RevokeSubject(r.Context(), user); err != nil {
			auth.WriteError(w, r, err)
			return
		}
		pair, err := auth.CreatePair(r.Context(), user, jot.Fresh())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair)
	}))
	before, err := auth.CreatePair(context.Background(), "alice", jot.Fresh())
	if err != nil {
		log.Fatal(err)
	}
	status, _ := get(changed, "/password", before.AccessToken)
	fmt.Println(status)
	_, err = auth.Verify(context.Background(), before.RefreshToken, jot.Refresh())
	fmt.Println(errors.Is(err, jot.ErrRevoked))
	// Output:
	// 200
	// true
}

func ExampleManager_RefreshHandler() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /refresh", auth.RefreshHandler())
	mux.Handle("POST /logout", auth.LogoutHandler())

	pair, err := auth.CreatePair(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range []string{"/refresh", "/logout", "/refresh"} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		r.Header.Set("Authorization", "Bearer "+pair.RefreshToken)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(path, w.Code)
	}
	// Output:
	// /refresh 200
	// /logout 204
	// /refresh 401
}

// Tokens of a browser, in cookies.
func ExampleManager_SetCookies() {
	auth, err := jot.New(jot.HS256(secret), jot.WithCookies(jot.CookieConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	pair, err := auth.CreatePair(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := auth.SetCookies(w, pair); err != nil {
		log.Fatal(err)
	}
	for _, cookie := range w.Result().Cookies() {
		fmt.Println(cookie.Name, cookie.HttpOnly, cookie.Secure, cookie.MaxAge)
	}
	// Output:
	// __Host-access_token true true 900
	// __Host-csrf_access_token false true 900
	// __Host-refresh_token true true 2592000
	// __Host-csrf_refresh_token false true 2592000
}

// One guard for pages and for programs.
func ExampleWithLocations() {
	auth, err := jot.New(jot.HS256(secret),
		jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InCookie))
	if err != nil {
		log.Fatal(err)
	}
	where := auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := jot.FromContext(r.Context())
		_, _ = io.WriteString(w, string(token.Location))
	}))
	raw, err := auth.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(get(where, "/", raw))
	// Output: 200 header
}
