package jot_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"expvar"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/jottest"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/rfc9068"
)

// The recipes of docs/recipes.md, which quotes them word for word.

func Example_recipeRoles() {
	db := &database{
		scopes: map[string][]string{"alice": {"users:delete"}},
		roles:  map[string][]string{"alice": {"editor"}},
	}
	mux, done := http.NewServeMux(), answering("done")

	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()),
		jot.WithScopes(func(ctx context.Context, t *jot.Token) ([]string, error) {
			return db.ScopesOf(ctx, t.Subject) // asked at login, and again at every refresh
		}),
		jot.WithAdditionalClaims(func(ctx context.Context, t *jot.Token) (map[string]any, error) {
			roles, err := db.RolesOf(ctx, t.Subject)
			return map[string]any{"roles": roles}, err
		}))
	if err != nil {
		log.Fatal(err)
	}
	editor := jot.Check(func(_ context.Context, t *jot.Token) (bool, error) {
		var claims struct {
			Roles []string `json:"roles"`
		}
		err := t.Claims(&claims)
		return slices.Contains(claims.Roles, "editor"), err
	})
	mux.Handle("DELETE /users", auth.Required(jot.Scopes("users:delete"))(done))
	mux.Handle("POST /articles", auth.Required(editor)(done))
	mux.Handle("POST /refresh", auth.RefreshHandler())

	pair := must(auth.CreatePair(context.Background(), "alice"))
	both := func(pair *jot.Pair) string {
		return call(mux, "DELETE /users", pair.AccessToken) + ", " + call(mux, "POST /articles", pair.AccessToken)
	}
	fmt.Println("before:", both(pair))
	db.scopes, db.roles = nil, nil
	fmt.Println("demoted:", both(pair))
	fmt.Println("refreshed:", both(refreshed(mux, pair)))
	// Output:
	// before: 200 done, 200 done
	// demoted: 200 done, 200 done
	// refreshed: 403 insufficient_scope, 403 forbidden
}

func Example_recipeMachines() {
	ctx, mux := context.Background(), http.NewServeMux()
	inventory := machines{} // a table of yours
	deploy := answering("deployed")

	machine := jot.Type("machine")
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()))
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("POST /deploy", auth.Required(machine, jot.Scopes("deploy"))(deploy))

	issue := func(ctx context.Context, name string) (raw string, err error) {
		const year = 365 * 24 * time.Hour
		var token jot.Token
		raw, err = auth.CreateToken(ctx, "machine:"+name, machine,
			jot.Scopes("deploy"), jot.ExpiresIn(year), jot.Issued(&token))
		if err != nil {
			return "", err
		}
		return raw, inventory.Add(ctx, token.ID, token.Subject, token.ExpiresAt) // show raw once, and do not keep it
	}
	revoke := func(ctx context.Context, id string) error {
		subject, expires, err := inventory.Find(ctx, id)
		if err != nil {
			return err
		}
		return auth.RevokeByID(ctx, subject, id, expires)
	}

	deployments := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := jot.FromContext(r.Context())
		_, _ = io.WriteString(w, "for "+token.Type+" "+token.Subject)
	})
	machines := auth.Guard(machine, jot.Scopes("deploy"))
	either := func(next http.Handler) http.Handler {
		forUsers := auth.Required()(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			admitted, err := machines.Admit(w, r)
			switch {
			case errors.Is(err, jot.ErrWrongType), errors.Is(err, jot.ErrNoToken):
				forUsers.ServeHTTP(w, r)
			case err != nil:
				auth.WriteError(w, r, err)
			default:
				next.ServeHTTP(w, admitted)
				r.MultipartForm = admitted.MultipartForm // so that net/http removes the files of uploads
			}
		})
	}
	mux.Handle("GET /deployments", either(deployments)) // which Token.Type tells apart

	mux.Handle("GET /me", auth.Required()(answering("hello")))
	ci, cd := must(issue(ctx, "ci")), must(issue(ctx, "cd"))
	alice := must(auth.CreateAccessToken(ctx, "alice", jot.Scopes("deploy")))
	fmt.Println("machine:", call(mux, "POST /deploy", ci), "as a user:", call(mux, "GET /me", ci))
	fmt.Println("a user:", call(mux, "GET /me", alice), "as a machine:", call(mux, "POST /deploy", alice))
	weak := must(auth.CreateToken(ctx, "machine:x", machine))
	for _, raw := range []string{ci, alice, weak, ""} {
		fmt.Println("either:", call(mux, "GET /deployments", raw))
	}
	for id, row := range inventory {
		if row.subject == "machine:ci" {
			fmt.Println("revoked:", revoke(ctx, id))
		}
	}
	fmt.Println("revoked:", call(mux, "POST /deploy", ci), "the other:", call(mux, "POST /deploy", cd))
	_ = auth.RevokeSubject(ctx, "machine:cd")
	fmt.Println("all of its tokens:", call(mux, "POST /deploy", cd))
	// Output:
	// machine: 200 deployed as a user: 401 token_wrong_type
	// a user: 200 hello as a machine: 401 token_wrong_type
	// either: 200 for machine machine:ci
	// either: 200 for access alice
	// either: 403 insufficient_scope
	// either: 401 token_missing
	// revoked: <nil>
	// revoked: 401 token_revoked the other: 200 deployed
	// all of its tokens: 401 token_revoked
}

func Example_recipeReset() {
	db := &database{users: map[string]string{"alice@example.com": "alice"}, changes: map[string]int{}}
	mux := http.NewServeMux()
	var sent string
	mail := func(_, link string) { sent = link }
	auth := must(jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{})))

	reset := jot.Type("password_reset")
	mux.HandleFunc("POST /forgot", func(w http.ResponseWriter, r *http.Request) {
		address := r.PostFormValue("email")
		if user, ok := db.UserByEmail(r.Context(), address); ok {
			raw, err := auth.CreateToken(r.Context(), user, reset, jot.ExpiresIn(30*time.Minute),
				jot.Claim("changes", db.PasswordChanges(r.Context(), user))) // how often it was set
			if err != nil {
				auth.WriteError(w, r, err)
				return
			}
			mail(address, "https://app.example/reset#"+raw) // what follows # reaches no server, and no log
		}
		_, _ = io.WriteString(w, "If we know this address, a mail is on its way.")
	})
	mux.HandleFunc("GET /reset", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><title>New password</title>
<form method="post"><input type="hidden" name="token">
<label>New password <input type="password" name="password" autocomplete="new-password"></label>
<button>Set it</button></form>
<script>document.forms[0].token.value = location.hash.slice(1)</script>`)
	})
	mux.Handle("POST /reset", auth.CrossOriginGuard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, password := r.PostFormValue("token"), r.PostFormValue("password")
		if len(password) < 12 {
			http.Error(w, "at least 12 characters, please", http.StatusUnprocessableEntity) // the link is still good
			return
		}
		var changes int
		token, err := auth.Verify(r.Context(), raw, reset, jot.SingleUse()) // and now it is used up
		if err == nil {
			err = token.Claim("changes", &changes)
		}
		if err == nil {
			err = db.SetPassword(r.Context(), token.Subject, password, changes) // jot.ErrRevoked if it was set again
		}
		if err == nil {
			err = auth.RevokeSubject(r.Context(), token.Subject) // every session, and every other link
		}
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		pair, err := auth.CreatePair(r.Context(), token.Subject, jot.Fresh())
		if err == nil {
			err = auth.SetCookies(w, pair)
		}
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})))

	thief := must(auth.CreatePair(context.Background(), "alice"))
	call(mux, "POST /forgot", "", "email", "alice@example.com")
	first := sent
	call(mux, "POST /forgot", "", "email", "alice@example.com")
	_, raw, _ := strings.Cut(sent, "#")
	_, other, _ := strings.Cut(first, "#")
	set := func(raw, password string) string {
		return call(mux, "POST /reset", "", "token", raw, "password", password)
	}
	late := must(auth.CreateToken(context.Background(), "alice", reset, jot.Claim("changes", -1)))
	fmt.Println("of a password that was set since then:", set(late, "correct horse battery"))
	fmt.Println(set(raw, "short"))
	fmt.Println(set(raw, "correct horse battery"))
	fmt.Println("again:", set(raw, "correct horse battery"), "the other link:", set(other, "correct horse battery"))
	_, err := auth.Verify(context.Background(), thief.AccessToken)
	fmt.Println("whoever was logged in is logged out:", errors.Is(err, jot.ErrRevoked))
	// Output:
	// of a password that was set since then: 401 token_revoked
	// 422 at least 12 characters, please
	// 303
	// again: 401 token_revoked the other link: 401 token_revoked
	// whoever was logged in is logged out: true
}

func Example_recipeMagicLink() {
	db, mux := &database{users: map[string]string{"alice@example.com": "alice"}}, http.NewServeMux()
	var sent string
	mail := func(_, link string) { sent = link }
	auth := must(jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{})))

	link := jot.Type("magic_link")
	hash := func(value string) string {
		sum := sha256.Sum256([]byte(value))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	mux.Handle("POST /login", auth.CrossOriginGuard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		browser, address := rand.Text(), r.PostFormValue("email")
		http.SetCookie(w, &http.Cookie{
			Name: "__Host-browser", Value: browser, Path: "/", MaxAge: 660,
			Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, // it has to come along with a link
		})
		if user, ok := db.UserByEmail(r.Context(), address); ok {
			raw, err := auth.CreateToken(r.Context(), user, link, jot.ExpiresIn(10*time.Minute),
				jot.Claim("browser", hash(browser)))
			if err != nil {
				auth.WriteError(w, r, err)
				return
			}
			mail(address, "https://app.example/enter#"+raw)
		}
		_, _ = io.WriteString(w, "If we know this address, a mail is on its way.")
	})))
	mux.HandleFunc("GET /enter", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><title>Log in</title>
<form method="post"><input type="hidden" name="token"><button>Log in</button></form>
<script>document.forms[0].token.value = location.hash.slice(1)</script>`)
	})
	mux.Handle("POST /enter", auth.CrossOriginGuard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sameBrowser := jot.Check(func(_ context.Context, t *jot.Token) (bool, error) {
			var asked string
			cookie, err := r.Cookie("__Host-browser")
			return err == nil && t.Claim("browser", &asked) == nil && asked == hash(cookie.Value), nil
		})
		token, err := auth.Verify(r.Context(), r.PostFormValue("token"), link, sameBrowser, jot.SingleUse())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		pair, err := auth.CreatePair(r.Context(), token.Subject, jot.Fresh())
		if err == nil {
			err = auth.SetCookies(w, pair)
		}
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})))

	from := func(path string, cookies []*http.Cookie, field, value string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", path, strings.NewReader(url.Values{field: {value}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, cookie := range cookies {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	browser := from("/login", nil, "email", "alice@example.com").Result().Cookies()
	_, raw, _ := strings.Cut(sent, "#")
	other := from("/login", nil, "email", "alice@example.com").Result().Cookies()
	fmt.Println("in another browser:", from("/enter", other, "token", raw).Code)
	fmt.Println("in none:", from("/enter", nil, "token", raw).Code)
	in := from("/enter", browser, "token", raw)
	fmt.Println("where it was asked for:", in.Code, len(in.Result().Cookies()), "cookies")
	fmt.Println("again:", from("/enter", browser, "token", raw).Code)
	// Output:
	// in another browser: 403
	// in none: 403
	// where it was asked for: 303 4 cookies
	// again: 401
}

func Example_recipeDevices() {
	auth := must(jot.New(jot.HS256(secret), jot.WithStore(memstore.New())))
	mux := http.NewServeMux()

	login := func(w http.ResponseWriter, r *http.Request) {
		// … check the password …
		pair, err := auth.CreatePair(r.Context(), "alice", jot.Fresh(), jot.Label(r.UserAgent()))
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair)
	}
	devices := func(w http.ResponseWriter, r *http.Request) {
		type device struct {
			jot.Session
			Own bool `json:"own"`
		}
		token, _ := jot.FromContext(r.Context())
		sessions, err := auth.Sessions(r.Context(), token.Subject)
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		list := make([]device, len(sessions))
		for i, s := range sessions {
			list[i] = device{s, s.ID == token.SessionID}
		}
		_ = json.NewEncoder(w).Encode(list)
	}
	logOut := func(w http.ResponseWriter, r *http.Request) {
		if err := auth.RevokeSessionByID(r.Context(), jot.Identity(r.Context()), r.PathValue("id")); err != nil {
			auth.WriteError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	mux.HandleFunc("POST /login", login)
	mux.Handle("GET /devices", auth.Required()(http.HandlerFunc(devices)))
	mux.Handle("DELETE /devices/{id}", auth.Required()(http.HandlerFunc(logOut)))

	loginFrom := func(agent string) (pair struct {
		AccessToken string `json:"access_token"`
	},
	) {
		r := httptest.NewRequest(http.MethodPost, "/login", nil)
		r.Header.Set("User-Agent", agent)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		_ = json.Unmarshal(w.Body.Bytes(), &pair)
		return pair
	}
	phone, laptop := loginFrom("phone").AccessToken, loginFrom("laptop").AccessToken
	var list []struct {
		ID, Label string
		Own       bool
	}
	_, body, _ := strings.Cut(call(mux, "GET /devices", laptop), " ")
	_ = json.Unmarshal([]byte(body), &list)
	for _, d := range list {
		fmt.Println(d.Label, d.Own)
		if !d.Own {
			fmt.Println(call(mux, "DELETE /devices/"+d.ID, laptop))
		}
	}
	fmt.Println("phone:", call(mux, "GET /devices", phone))
	fmt.Println("anything:", call(mux, "DELETE /devices/anything", laptop))
	// Unordered output:
	// laptop true
	// phone false
	// 204
	// phone: 401 token_revoked
	// anything: 400 invalid_request
}

func Example_recipeStepUp() {
	db := &database{passwords: map[string]string{"alice": "wonderland"}}
	mux, remove := http.NewServeMux(), answering("gone")
	at := time.Now()
	clock := jot.WithClock(func() time.Time { return at })
	auth := must(jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), clock))

	confirm := func(w http.ResponseWriter, r *http.Request) {
		token, _ := jot.FromContext(r.Context())
		if !db.IsPassword(r.Context(), token.Subject, r.PostFormValue("password")) {
			http.Error(w, "wrong password", http.StatusForbidden)
			return
		}
		raw, err := auth.CreateAccessToken(r.Context(), token.Subject, jot.InSession(token), jot.Fresh())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, &jot.Pair{AccessToken: raw})
	}
	mux.Handle("POST /confirm", auth.Required()(http.HandlerFunc(confirm)))
	mux.Handle("DELETE /account", auth.Required(jot.MaxAge(5*time.Minute))(remove))

	mux.Handle("POST /refresh", auth.RefreshHandler())
	pair := must(auth.CreatePair(context.Background(), "alice", jot.Fresh()))
	fmt.Println("after the login:", call(mux, "DELETE /account", pair.AccessToken))
	at = at.Add(10 * time.Minute)
	fmt.Println("ten minutes later:", call(mux, "DELETE /account", pair.AccessToken))
	fmt.Println("wrong password:", call(mux, "POST /confirm", pair.AccessToken, "password", "rabbit"))
	answer := call(mux, "POST /confirm", pair.AccessToken, "password", "wonderland")
	fmt.Println("confirmed:", call(mux, "DELETE /account", accessTokenOf(answer)))
	fmt.Println("refreshed:", call(mux, "DELETE /account", refreshed(mux, pair).AccessToken))
	_ = auth.RevokeSubject(context.Background(), "alice")
	fmt.Println("logged out:", call(mux, "DELETE /account", accessTokenOf(answer)))
	// Output:
	// after the login: 200 gone
	// ten minutes later: 401 fresh_token_required
	// wrong password: 403 wrong password
	// confirmed: 200 gone
	// refreshed: 401 fresh_token_required
	// logged out: 401 token_revoked
}

func Example_recipeElsewhere() {
	auth := must(jot.New(jot.HS256(secret), jot.WithStore(memstore.New())))
	mux := http.NewServeMux()

	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		own, _ := jot.FromContext(r.Context())
		sessions, err := auth.Sessions(r.Context(), own.Subject)
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		for _, s := range sessions {
			if s.ID == own.SessionID {
				continue
			}
			if err := auth.RevokeSessionByID(r.Context(), own.Subject, s.ID); err != nil {
				auth.WriteError(w, r, err)
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}
	mux.Handle("POST /logout-elsewhere", auth.Required()(http.HandlerFunc(elsewhere)))

	mux.Handle("GET /me", auth.Required()(answering("hello")))
	here := must(auth.CreatePair(context.Background(), "alice"))
	there := must(auth.CreatePair(context.Background(), "alice"))
	fmt.Println(call(mux, "POST /logout-elsewhere", here.AccessToken))
	fmt.Println("here:", call(mux, "GET /me", here.AccessToken), "there:", call(mux, "GET /me", there.AccessToken))
	// Output:
	// 204
	// here: 200 hello there: 401 token_revoked
}

// writeKeys makes a key pair as openssl does.
func writeKeys() (private, public []byte, err error) {
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(privateKey)
	if err != nil {
		return nil, nil, err
	}
	private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if der, err = x509.MarshalPKIXPublicKey(publicKey); err != nil {
		return nil, nil, err
	}
	public = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return private, public, nil
}

func Example_recipeTwoServices() {
	private, public, err := writeKeys()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(twoServices(private, public))
	// Output: alice <nil>
}

// twoServices issues with the one key and verifies with the other.
func twoServices(privatePEM, publicPEM []byte) (subject string, err error) {
	// The service that logs users in.
	private, err := jot.ParsePEM("EdDSA", privatePEM)
	if err != nil {
		return "", err
	}
	login, err := jot.New(private, jot.WithStore(memstore.New()),
		jot.WithIssuer("https://login.example"), jot.WithAudience("orders"))
	if err != nil {
		return "", err
	}

	// The service that only asks who they are.
	public, err := jot.ParsePEM("EdDSA", publicPEM)
	if err != nil {
		return "", err
	}
	orders, err := jot.New(public, jot.WithIssuer("https://login.example"), jot.WithAudience("orders"))
	if err != nil {
		return "", err
	}

	raw, err := login.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		return "", err
	}
	token, err := orders.Verify(context.Background(), raw)
	if err != nil {
		return "", err
	}
	if _, err := orders.CreateAccessToken(context.Background(), "mallory"); !errors.Is(err, errors.ErrUnsupported) {
		return "", errors.New("a public key has signed")
	}
	return token.Subject, nil
}

func Example_recipeNewSecret() {
	old := []byte("the first secret, which had no id as yet")
	next := []byte("the second secret, which signs from now on")
	store := memstore.New()

	before := jot.HS256(old)
	first, err := jot.NewKeySet(jot.HS256(old), jot.HS256(next).WithID("2")) // the old one signs, both verify
	if err != nil {
		log.Fatal(err)
	}
	second, err := jot.NewKeySet(jot.HS256(next).WithID("2"), jot.HS256(old)) // the new one signs, both verify
	if err != nil {
		log.Fatal(err)
	}
	after := jot.HS256(next).WithID("2")

	earlier := must(must(jot.New(before, jot.WithStore(store))).CreatePair(context.Background(), "alice"))
	for i, step := range [][2]jot.KeySource{{before, first}, {first, second}, {second, after}, {before, second}} {
		one, two := must(jot.New(step[0], jot.WithStore(store))), must(jot.New(step[1], jot.WithStore(store)))
		_, err := two.Verify(context.Background(), earlier.RefreshToken, jot.Refresh())
		fmt.Println(i+1, "old and new instances agree:", agree(one, two), "who is logged in stays so:", err == nil)
	}
	// Output:
	// 1 old and new instances agree: true who is logged in stays so: true
	// 2 old and new instances agree: true who is logged in stays so: true
	// 3 old and new instances agree: true who is logged in stays so: false
	// 4 old and new instances agree: false who is logged in stays so: true
}

func TestRecipeKeysWhileServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := jot.HS256(secret), jot.HS256(jot.GenerateSecret()).WithID("2")
		ctx := t.Context()

		keys, err := jot.NewKeySet(first)
		if err != nil {
			log.Fatal(err)
		}
		auth, err := jot.New(keys, jot.WithStore(memstore.New()))
		if err != nil {
			log.Fatal(err)
		}
		steps := []func() error{ // each in every process, before the next in any
			func() error { return keys.Publish(second) },
			func() error { return keys.Promote(second) }, // ten minutes later; before that it is ErrTooEarly
			func() error { return keys.Retire(first) },   // when the last refresh token of the first has expired
		}

		pair := must(auth.CreatePair(ctx, "alice"))
		for i, want := range []string{"", "2", "2"} {
			require.NoError(t, steps[i]())
			raw := must(auth.CreateAccessToken(ctx, "alice"))
			header, _, err := jot.InsecureDecode(raw)
			require.NoError(t, err)
			require.Equal(t, want, fmt.Sprint(cmp.Or(header["kid"], "")))
			_ = must(auth.Verify(ctx, raw))
			_, err = auth.Verify(ctx, pair.RefreshToken, jot.Refresh())
			require.Equal(t, i == 2, err != nil, "the last step ends what the first key has signed")
			if i == 0 {
				require.ErrorIs(t, steps[1](), jot.ErrTooEarly)
				time.Sleep(10 * time.Minute)
			}
		}
	})
}

func Example_recipePublishKeys() {
	mux := http.NewServeMux()
	private, _, err := writeKeys()
	if err != nil {
		log.Fatal(err)
	}
	login := must(jot.New(must(jot.ParsePEM("EdDSA", private)),
		jot.WithIssuer("https://login.example"), jot.WithAudience("orders")))

	serve := func(fetched []byte) error {
		// The service that logs users in.
		mux.Handle("GET /.well-known/jwks.json", login.JWKSHandler())

		// The service that only asks who they are, with what it has fetched from there.
		keys, err := jot.ParseJWKS(fetched)
		if err != nil {
			return err
		}
		orders, err := jot.New(keys, jot.WithIssuer("https://login.example"), jot.WithAudience("orders"))
		if err != nil {
			return err
		}

		raw := must(login.CreateAccessToken(context.Background(), "alice"))
		token, err := orders.Verify(context.Background(), raw)
		if err != nil {
			return err
		}
		fmt.Println(token.Subject)
		return nil
	}
	w := httptest.NewRecorder()
	login.JWKSHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/jwks.json", nil))
	fmt.Println(serve(w.Body.Bytes()))
	// Output:
	// alice
	// <nil>
}

func Example_recipeOtherIssuers() {
	public := must(writePublic())
	partnerKeys := must(jot.ParseJWKS(public))
	auth, err := jot.New(jot.HS256(secret),
		jot.WithIssuer("https://shop.example"), jot.WithAudience("https://shop.example"),
		jot.WithIssuerKeys(jot.Issuer{
			Name: "https://id.partner.example", // their iss
			Keys: partnerKeys,
			// What their tokens call this service, in aud.
			Audience: []string{"https://api.shop.example"},
			RFC9068:  true, // or Untyped, where a provider's access tokens say nothing of what they are
		}),
		jot.WithUserLookup(func(ctx context.Context, t *jot.Token) (*customer, error) {
			if t.Issuer == "https://shop.example" {
				return customerNumber(ctx, t.Subject)
			}
			return customerOf(ctx, t.Subject) // "https://id.partner.example|248289761001"
		}))
	if err != nil {
		log.Fatal(err)
	}

	guarded := auth.Required()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, _ := jot.CurrentUser[*customer](r.Context())
		fmt.Println(user.name)
	}))
	for _, raw := range []string{must(auth.CreateAccessToken(context.Background(), "17")), must(partnerToken())} {
		guarded.ServeHTTP(httptest.NewRecorder(), bearer(raw))
	}
	// Output:
	// number 17
	// partner's https://id.partner.example|248289761001
}

type customer struct{ name string }

func customerNumber(_ context.Context, id string) (*customer, error) {
	return &customer{"number " + id}, nil
}

func customerOf(_ context.Context, subject string) (*customer, error) {
	return &customer{"partner's " + subject}, nil
}

// partnerKey signs for the partner of a recipe.
var partnerKey = jot.PrivateKey("ES256", ecKey)

func writePublic() ([]byte, error) {
	key, err := partnerKey.JWK()
	return []byte(`{"keys":[` + string(key) + `]}`), err
}

// partnerToken is one by RFC 9068.
func partnerToken() (string, error) {
	partner, err := jot.New(partnerKey, rfc9068.Profile("web"),
		jot.WithIssuer("https://id.partner.example"), jot.WithAudience("https://api.shop.example"))
	if err != nil {
		return "", err
	}
	return partner.CreateAccessToken(context.Background(), "248289761001")
}

// agree reports whether managers take each other's tokens.
func agree(one, two *jot.Manager) bool {
	for _, both := range [][2]*jot.Manager{{one, two}, {two, one}} {
		pair := must(both[0].CreatePair(context.Background(), "alice"))
		if _, err := both[1].Verify(context.Background(), pair.AccessToken); err != nil {
			return false
		}
	}
	return true
}

func Example_recipeErrors() {
	auth, err := jot.New(jot.HS256(secret),
		jot.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) {
			refusal, ok := errors.AsType[*jot.Error](err)
			if !ok || refusal.Status() >= 500 {
				jot.DefaultErrorHandler(w, r, err) // which logs it
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(refusal.Status())
			_ = json.NewEncoder(w).Encode(map[string]any{"success": false, "error": refusal.Code()})
		}))
	if err != nil {
		log.Fatal(err)
	}

	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer x")
	auth.Required()(answering("hello")).ServeHTTP(w, r)
	fmt.Print(w.Code, " ", w.Body)
	for _, name := range []string{"WWW-Authenticate", "Cache-Control", "X-Content-Type-Options"} {
		fmt.Println(name+":", w.Header().Get(name))
	}
	// Output:
	// 401 {"error":"token_invalid","success":false}
	// WWW-Authenticate: Bearer realm="api", error="invalid_token"
	// Cache-Control: no-store
	// X-Content-Type-Options: nosniff
}

func Example_recipeMetrics() {
	var events, refusals expvar.Map // with a name: expvar.NewMap("jot_refusals")
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()),
		jot.WithEventHandler(func(_ context.Context, e jot.Event) {
			events.Add(string(e.Kind), 1)
			if e.Kind == jot.EventRefused {
				refusals.Add(e.Code(), 1)
			}
		}))
	if err != nil {
		log.Fatal(err)
	}

	me := auth.Required()(answering("hello"))
	pair := must(auth.CreatePair(context.Background(), "alice"))
	call(me, "GET /", "")
	call(me, "GET /", "x")
	call(me, "GET /", pair.RefreshToken)
	call(me, "GET /", pair.RefreshToken)
	fmt.Println(events.String())
	fmt.Println(refusals.String())
	// Output:
	// {"refused": 4, "session_begun": 1}
	// {"token_invalid": 1, "token_missing": 1, "token_wrong_type": 2}
}

func Example_recipeWebSocket() {
	auth := must(jot.New(jot.HS256(secret), jot.WithStore(memstore.New())))

	// A token in the first message. Give the socket a limit for its size, and for how long you wait for it.
	serve := func(ctx context.Context, conn socket) error {
		raw, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		token, err := auth.Verify(ctx, raw)
		if err != nil {
			return conn.Close("log in first")
		}
		ctx, cancel := context.WithDeadline(ctx, token.ExpiresAt)
		defer cancel()
		for {
			message, err := conn.Read(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				return conn.Close("the token has expired")
			} else if err != nil {
				return err
			}
			if err := auth.Recheck(ctx, token); err != nil { // it may have been revoked meanwhile
				return conn.Close("log in again")
			}
			fmt.Println(token.Subject, "says", message)
		}
	}

	ctx := context.Background()
	pair := must(auth.CreatePair(ctx, "alice"))
	logOut := func() string {
		_ = auth.RevokeSubject(ctx, "alice")
		return "bye"
	}
	own := func(ctx context.Context, login *jot.Token) (own *jot.Token, err error) {
		own = new(jot.Token) // for Recheck; nobody needs its text
		_, err = auth.CreateToken(ctx, login.Subject, jot.Type("socket"), jot.InSession(login),
			jot.ExpiresIn(24*time.Hour), jot.Issued(own))
		return own, err
	}
	lasting := must(own(ctx, must(auth.Verify(ctx, pair.AccessToken))))
	fmt.Println("a day:", lasting.ExpiresAt.Sub(lasting.IssuedAt), auth.Recheck(ctx, lasting))
	_ = serve(ctx, script(pair.RefreshToken))
	_ = serve(ctx, script(pair.AccessToken, "hello", context.DeadlineExceeded))
	_ = serve(ctx, script(pair.AccessToken, logOut))
	fmt.Println(errors.Is(auth.Recheck(ctx, lasting), jot.ErrRevoked))
	// Output:
	// a day: 24h0m0s <nil>
	// closed: log in first
	// alice says hello
	// closed: the token has expired
	// closed: log in again
	// true
}

func Example_recipeWebSocketCookies() {
	mux := http.NewServeMux()
	upgrade := answering("upgraded") // here your WebSocket package takes over

	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("GET /socket", auth.Required()(upgrade)) // the guard sees to the origin of an upgrade

	pair := must(auth.CreatePair(context.Background(), "alice"))
	for _, site := range []string{"same-origin", "cross-site"} {
		r := httptest.NewRequest(http.MethodGet, "/socket", nil)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-Fetch-Site", site)
		r.AddCookie(&http.Cookie{Name: "__Host-access_token", Value: pair.AccessToken})
		fmt.Println(site, answerTo(mux, r))
	}
	// Output:
	// same-origin 200 upgraded
	// cross-site 403 csrf_failed
}

func Example_recipeWholeMux() {
	auth := must(jot.New(jot.HS256(secret), jot.WithStore(memstore.New())))
	login, logo, orders := answering("welcome"), answering("logo"), answering("orders")

	mux := http.NewServeMux()
	mux.Handle("POST /login", login)
	mux.Handle("POST /refresh", auth.RefreshHandler())
	mux.Handle("POST /logout", auth.LogoutHandler())
	mux.Handle("GET /public/", logo)
	mux.Handle("GET /orders", orders)
	guarded := auth.Required(jot.Except("POST /login", "POST /refresh", "POST /logout", "GET /public/"))(mux)

	pair := must(auth.CreatePair(context.Background(), "alice"))
	fmt.Println(call(guarded, "POST /login", ""), call(guarded, "GET /public/logo.png", ""))
	fmt.Println(call(guarded, "GET /orders", ""), call(guarded, "GET /nowhere", ""))
	fmt.Println(call(guarded, "GET /orders", pair.AccessToken))
	fmt.Println(call(guarded, "POST /logout", pair.RefreshToken))
	defer func() { fmt.Println(recover()) }()
	auth.Required(jot.Except("GET /"))
	// Output:
	// 200 welcome 200 logo
	// 401 token_missing 401 token_missing
	// 200 orders
	// 204
	// jot: Required: Except: "GET /" is every path there is: write "GET /{$}" for the front page
}

func newApp(auth *jot.Manager) http.Handler { return auth.Required()(answering("orders")) }

func TestRecipeHandlers(t *testing.T) {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()), jot.WithStore(memstore.New()))
	require.NoError(t, err)
	app := newApp(auth)
	serve := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		return w
	}

	loggedIn := jottest.Request(t, auth, "GET", "/orders", "alice")
	require.Equal(t, http.StatusOK, serve(loggedIn).Code)
	expired := jottest.Expired(t, auth, "GET", "/orders", "alice")
	require.Contains(t, serve(expired).Body.String(), "token_expired")
	revoked := jottest.Revoked(t, auth, "GET", "/orders", "alice")
	require.Contains(t, serve(revoked).Body.String(), "token_revoked")
}

func TestRecipeCookies(t *testing.T) {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()), jot.WithStore(memstore.New()),
		jot.WithCookies(jot.CookieConfig{}))
	require.NoError(t, err)
	app := newApp(auth)

	r := httptest.NewRequest("POST", "/orders", nil)
	jottest.SetCookies(t, r, auth, jottest.Login(t, auth, "alice")) // and X-CSRF-Token, without which: 403 csrf_failed
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)

	r.Header.Del("X-CSRF-Token")
	require.Equal(t, "403 csrf_failed", answerTo(app, r))
}

func Example_recipeOtherSite() {
	mux := http.NewServeMux()
	login := func(auth *jot.Manager) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = auth.WritePair(w, must(auth.CreatePair(r.Context(), "alice")))
		})
	}

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

	from := func(origin, request, csrf string, cookies []*http.Cookie) *http.Response {
		method, target, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("X-CSRF-Token", csrf)
		for _, cookie := range cookies {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w.Result()
	}
	values := func(response *http.Response) (members map[string]any) {
		_ = json.NewDecoder(response.Body).Decode(&members)
		return members
	}
	in := from(page, "POST /login", "", nil)
	fmt.Println("login", in.StatusCode, in.Header.Get("Access-Control-Allow-Origin"))
	fmt.Println("login by another page", from("https://evil.example", "POST /login", "", nil).StatusCode)
	fmt.Println(strings.Contains(in.Header.Get("Set-Cookie"), "Secure; SameSite=None; Partitioned"))
	again := values(from(page, "GET /csrf", "", in.Cookies()))["refresh_csrf_token"].(string)
	fmt.Println("the same value:", again == values(in)["refresh_csrf_token"])
	next := from(page, "POST /refresh", again, in.Cookies())
	fmt.Println("refresh", next.StatusCode, values(next)["csrf_token"] != nil)
	fmt.Println("logout by another page", from("https://evil.example", "POST /logout", again, in.Cookies()).StatusCode)
	// Output:
	// login 200 https://app.example
	// login by another page 403
	// true
	// the same value: true
	// refresh 200 true
	// logout by another page 403
}

func Example_recipeSinglePage() {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	mux := spa(auth, answering("done"))

	r := httptest.NewRequest(http.MethodPost, "/login", nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, len(w.Result().Cookies()), "cookies", strings.Contains(w.Body.String(), `"access_token"`))
	fmt.Println(answerTo(mux, httptest.NewRequest(http.MethodPost, "/orders", nil)))
	// Output:
	// 200 4 cookies false
	// 401 token_missing
}

// spa is the log-in API of a single-page application.
func spa(auth *jot.Manager, orders http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// … check the password …
		pair, err := auth.CreatePair(r.Context(), "alice", jot.Fresh())
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair)
	})

	mux.Handle("POST /login", auth.CrossOriginGuard(login))
	mux.Handle("POST /refresh", auth.RefreshHandler())
	mux.Handle("POST /logout", auth.LogoutHandler())
	mux.Handle("POST /orders", auth.Required()(orders))
	return mux
}

// database is what an application has.
type database struct {
	scopes, roles    map[string][]string
	users, passwords map[string]string
	changes          map[string]int
}

func (db *database) ScopesOf(_ context.Context, id string) ([]string, error) {
	return db.scopes[id], nil
}

func (db *database) RolesOf(_ context.Context, id string) ([]string, error) { return db.roles[id], nil }

func (db *database) UserByEmail(_ context.Context, address string) (id string, ok bool) {
	id, ok = db.users[address]
	return id, ok
}

func (db *database) PasswordChanges(_ context.Context, id string) int { return db.changes[id] }

func (db *database) SetPassword(_ context.Context, id, _ string, changes int) error {
	if db.changes[id] != changes {
		return jot.ErrRevoked
	}
	db.changes[id]++
	return nil
}

func (db *database) IsPassword(_ context.Context, id, password string) bool {
	return db.passwords[id] == password
}

// machines are the tokens of machines by their ids.
type machines map[string]struct {
	subject string
	expires time.Time
}

func (m machines) Add(_ context.Context, id, subject string, expires time.Time) error {
	row := m[id]
	row.subject, row.expires = subject, expires
	m[id] = row
	return nil
}

func (m machines) Find(_ context.Context, id string) (subject string, expires time.Time, err error) {
	return m[id].subject, m[id].expires, nil
}

// A second service with the same store learns of logouts, and one without does not.
func TestRecipeTwoServicesShareAStore(t *testing.T) {
	private, public, err := writeKeys()
	require.NoError(t, err)
	key, publicKey := must(jot.ParsePEM("EdDSA", private)), must(jot.ParsePEM("EdDSA", public))
	store := memstore.New()
	login := must(jot.New(key, jot.WithIssuer("login"), jot.WithStore(store)))
	sharing := must(jot.New(publicKey, jot.WithIssuer("login"), jot.WithStore(store)))
	alone := must(jot.New(publicKey, jot.WithIssuer("login")))

	pair, err := login.CreatePair(t.Context(), "alice")
	require.NoError(t, err)
	_, err = sharing.Verify(t.Context(), pair.AccessToken)
	require.NoError(t, err)
	require.NoError(t, login.RevokeSubject(t.Context(), "alice"))
	_, err = sharing.Verify(t.Context(), pair.AccessToken)
	require.ErrorIs(t, err, jot.ErrRevoked)
	_, err = alone.Verify(t.Context(), pair.AccessToken)
	require.NoError(t, err)
}

// A step-up in cookies too.
func TestRecipeStepUpCookies(t *testing.T) {
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	require.NoError(t, err)
	pair, err := auth.CreatePair(t.Context(), "alice")
	require.NoError(t, err)
	token, err := auth.Verify(t.Context(), pair.AccessToken)
	require.NoError(t, err)
	raw, err := auth.CreateAccessToken(t.Context(), "alice", jot.InSession(token), jot.Fresh())
	require.NoError(t, err)

	w := httptest.NewRecorder()
	require.NoError(t, auth.WritePair(w, &jot.Pair{AccessToken: raw}))
	require.Len(t, w.Result().Cookies(), 2)
	require.Equal(t, pair.CSRFToken, w.Result().Cookies()[1].Value)
	require.NotContains(t, w.Body.String(), raw)
}

// socket is what a WebSocket package has.
type socket interface {
	Read(ctx context.Context) (string, error)
	Close(reason string) error
}

// script is a socket that gets these messages.
func script(messages ...any) socket { return &scripted{messages} }

type scripted struct{ messages []any }

func (s *scripted) Read(context.Context) (string, error) {
	if len(s.messages) == 0 {
		return "", io.EOF
	}
	message := s.messages[0]
	s.messages = s.messages[1:]
	switch message := message.(type) {
	case func() string:
		return message(), nil
	case error:
		return "", message
	}
	return message.(string), nil
}

func (s *scripted) Close(reason string) error {
	fmt.Println("closed:", reason)
	return nil
}

// must is for what cannot fail in an example.
func must[T any](v T, err error) T {
	if err != nil {
		log.Panic(err)
	}
	return v
}

// answering is a handler of the application.
func answering(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// call sends a request with a token, and fields of a form.
func call(h http.Handler, request, token string, fields ...string) string {
	method, target, _ := strings.Cut(request, " ")
	form := url.Values{}
	for field := range slices.Chunk(fields, 2) {
		form.Set(field[0], field[1])
	}
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return answerTo(h, r)
}

// answerTo returns the status and the code of a refusal, or the body.
func answerTo(h http.Handler, r *http.Request) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var refusal struct {
		Code string `json:"code"`
	}
	body := string(bytes.TrimSpace(w.Body.Bytes()))
	if json.Unmarshal(w.Body.Bytes(), &refusal) == nil && refusal.Code != "" {
		body = refusal.Code
	}
	return strings.TrimSpace(fmt.Sprint(w.Code) + " " + body)
}

// refreshed is the pair after a refresh.
func refreshed(h http.Handler, pair *jot.Pair) *jot.Pair {
	answer := call(h, "POST /refresh", pair.RefreshToken)
	return &jot.Pair{AccessToken: accessTokenOf(answer)}
}

// accessTokenOf finds the token in an answer.
func accessTokenOf(answer string) string {
	_, body, _ := strings.Cut(answer, " ")
	var pair struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(body), &pair)
	return pair.AccessToken
}
