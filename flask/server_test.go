package flask_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
	"github.com/go-jot/jot/memstore"
)

// now is where the clock of the recorded exchanges stands.
var now = time.Unix(1893456000, 0)

// extension describes the callbacks of the recorded application.
type extension struct {
	Blocklist              *bool             `json:"blocklist"`
	Users                  []string          `json:"users"`
	VerifyClaim            map[string]any    `json:"verify_claim"`
	AdditionalClaims       map[string]any    `json:"additional_claims"`
	AdditionalClaimsShared map[string]any    `json:"additional_claims_shared"`
	AdditionalHeaders      map[string]any    `json:"additional_headers"`
	IdentityFromObject     bool              `json:"identity_from_object"`
	KeysByKid              map[string]string `json:"keys_by_kid"`
	EncodeKid              string            `json:"encode_kid"`
	ErrorLoaders           bool              `json:"error_loaders"`
	ImplicitRefresh        int               `json:"implicit_refresh"`
	Store                  bool              `json:"store"`   // which the original has not
	Failing                bool              `json:"failing"` // the blocklist cannot tell
}

// app is the recorded application, built on jot.
type app struct {
	auth, decoder *jot.Manager
	cookies       *flask.Cookies
	ext           extension
	mu            sync.Mutex
	revoked       map[string]bool
	ahead         atomic.Int64 // seconds
}

func (a *app) now() time.Time { return now.Add(time.Duration(a.ahead.Load()) * time.Second) }

func newApp(config flask.Config, ext extension, keys jot.KeySource) (http.Handler, error) {
	a := &app{cookies: flask.NewCookies(config), ext: ext, revoked: map[string]bool{}}
	config.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
		kind := flask.Kind(err)
		w.Header().Set("X-Error-Kind", kind)
		if ext.ErrorLoaders {
			a.loaders(w, err, kind)
			return
		}
		key := config.ErrorMessageKey
		if key == "" {
			key = "msg"
		}
		flask.WriteError(w, r, err, key)
	}
	base := jot.Options(flask.Options(config), jot.WithClock(a.now))
	opts := []jot.Option{base}
	if ext.Blocklist == nil || *ext.Blocklist {
		opts = append(opts, jot.WithTokenInBlocklist(func(_ context.Context, t *jot.Token) (bool, error) {
			if ext.Failing {
				return false, errors.New("the database is away")
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.revoked[t.ID], nil
		}))
	}
	if ext.Store {
		opts = append(opts, jot.WithStore(memstore.New(memstore.Since(time.Time{}))))
	}
	if ext.Users != nil {
		opts = append(opts, jot.WithUserLookup(func(_ context.Context, t *jot.Token) (map[string]any, error) {
			if !slices.Contains(ext.Users, t.Subject) {
				return nil, jot.ErrUserNotFound
			}
			return map[string]any{"name": t.Subject}, nil
		}))
	}
	if ext.VerifyClaim != nil {
		opts = append(opts, jot.WithTokenVerification(func(_ context.Context, t *jot.Token) (bool, error) {
			var claims map[string]any
			if err := t.Claims(&claims); err != nil {
				return false, err
			}
			for name, value := range ext.VerifyClaim {
				if claims[name] != value {
					return false, nil
				}
			}
			return true, nil
		}))
	}
	if extra := or(ext.AdditionalClaims, ext.AdditionalClaimsShared); extra != nil {
		opts = append(opts, jot.WithAdditionalClaims(adds(extra)))
	}
	if ext.AdditionalHeaders != nil {
		headers := maps.Clone(ext.AdditionalHeaders)
		if ext.EncodeKid != "" {
			delete(headers, "kid") // the key's own
		}
		opts = append(opts, jot.WithAdditionalHeaders(adds(headers)))
	}
	var err error
	if a.auth, err = jot.New(keys, opts...); err != nil {
		return nil, err
	}
	if a.decoder, err = jot.New(keys, base); err != nil {
		return nil, err
	}
	return a.routes(), nil
}

func or(a, b map[string]any) map[string]any {
	if a != nil {
		return a
	}
	return b
}

func (a *app) loaders(w http.ResponseWriter, err error, kind string) {
	sub := ""
	if refusal, ok := errors.AsType[*jot.Error](err); ok && refusal.Token != nil {
		sub = refusal.Token.Subject
	}
	switch kind {
	case "missing", "csrf":
		answer(w, 460, map[string]any{"custom": "unauthorized", "reason": flask.Message(err)})
	case "invalid", "wrong_type":
		answer(w, 461, map[string]any{"custom": "invalid", "reason": flask.Message(err)})
	case "expired":
		answer(w, 462, map[string]any{"custom": kind, "sub": sub})
	case "revoked":
		answer(w, 463, map[string]any{"custom": kind, "sub": sub})
	case "not_fresh":
		answer(w, 464, map[string]any{"custom": "needs_fresh", "sub": sub})
	case "verification_failed":
		answer(w, 465, map[string]any{"custom": kind, "sub": sub})
	case "user_not_found":
		answer(w, 466, map[string]any{"custom": "user_lookup_error", "sub": sub})
	default:
		answer(w, 500, map[string]any{"msg": kind})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("X-Error-Kind") == "" {
		w.Header().Set("X-Error-Kind", "ok")
	}
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body)
}

type obj = map[string]any

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	access := func(patterns string, h http.HandlerFunc, demands ...jot.RouteOption) {
		guard := a.auth.Required(demands...)
		for pattern := range strings.SplitSeq(patterns, ", ") {
			mux.Handle(pattern, guard(a.implicit(h)))
		}
	}
	methods := func(path string, names ...string) string {
		for i, name := range names {
			names[i] = name + " " + path
		}
		return strings.Join(names, ", ")
	}
	ok := func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, obj{"ok": true}) }

	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /login_cookies", a.loginCookies)
	access("POST /refresh", a.refresh, jot.Refresh())
	access("POST /refresh_cookies", a.refreshCookies, jot.Refresh())
	access(methods("/protected", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), ok)
	access(methods("/optional", "GET", "POST"), optional, jot.Optional())
	access("GET /optional_fresh", optional, jot.Optional(), jot.Fresh())
	access("GET /refresh_optional", optional, jot.Optional(), jot.Refresh())
	access(methods("/fresh", "GET", "POST"), ok, jot.Fresh())
	access("GET /skip_revocation", ok, jot.InsecureSkipRevocation())
	mux.Handle("DELETE /logout", a.auth.Required(jot.AccessOrRefresh())(http.HandlerFunc(a.logout)))
	access(methods("/whoami", "GET", "POST", "OPTIONS"), whoami)
	mux.HandleFunc("POST /logout_cookies", a.logoutCookies)
	kind := func(w http.ResponseWriter, r *http.Request) {
		t, _ := jot.FromContext(r.Context())
		answer(w, 200, obj{"type": t.Type})
	}
	access(methods("/any_type", "GET", "POST"), kind, jot.AccessOrRefresh())
	access(methods("/any_type_refresh", "GET", "POST"), kind, jot.AccessOrRefresh(), jot.Refresh())
	user := func(w http.ResponseWriter, r *http.Request) {
		u, _ := jot.CurrentUser[map[string]any](r.Context())
		answer(w, 200, obj{"user": u})
	}
	access("GET /user", user)
	access("GET /user_optional", user, jot.Optional())
	mux.HandleFunc("GET /unprotected_identity", func(w http.ResponseWriter, r *http.Request) {
		a.auth.WriteError(w, r, errors.New("nobody has verified anything"))
	})
	only := func(w http.ResponseWriter, r *http.Request) {
		t, _ := jot.FromContext(r.Context())
		answer(w, 200, obj{"location": flask.Location(t.Location)})
	}
	access(methods("/only/headers", "GET", "POST"), only, jot.Locations(jot.InHeader))
	access(methods("/only/cookies", "GET", "POST"), only, jot.Locations(jot.InCookie))
	access(methods("/only/query_string", "GET", "POST"), only, jot.Locations(jot.InQuery))
	access(methods("/only/json", "GET", "POST"), only, jot.Locations(jot.InBody))
	access("GET /only/query_then_headers", only, jot.Locations(jot.InQuery, jot.InHeader))
	access("POST /echo", echo)
	mux.HandleFunc("POST /decode", a.decode)
	mux.HandleFunc("POST /jti_csrf", a.jtiCSRF)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ahead, _ := strconv.ParseInt(r.Header.Get("X-Clock"), 10, 64)
		a.ahead.Store(ahead)
		mux.ServeHTTP(w, r)
	})
}

// implicit renews an access cookie that is about to end, the recipe of Flask-JWT-Extended's documentation.
func (a *app) implicit(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, ok := jot.FromContext(r.Context())
		if a.ext.ImplicitRefresh > 0 && ok && t.Location == jot.InCookie && t.Type == "access" &&
			t.ExpiresAt.Before(a.now().Add(time.Duration(a.ext.ImplicitRefresh)*time.Second)) {
			if raw, err := a.auth.CreateAccessToken(r.Context(), t.Subject); err == nil {
				_ = a.cookies.SetAccess(w, raw)
			}
		}
		next(w, r)
	})
}

// loginRequest is the body of a login.
type loginRequest struct {
	Username       any             `json:"username"`
	Fresh          json.RawMessage `json:"fresh"`
	Expires        json.RawMessage `json:"expires"`
	RefreshExpires json.RawMessage `json:"refresh_expires"`
	Claims         map[string]any  `json:"claims"`
	Headers        map[string]any  `json:"headers"`
	MaxAge         float64         `json:"max_age"`
	Domain         string          `json:"domain"`
}

func body[T any](r *http.Request) (v T) {
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &v) // a body that is no JSON reads as {}
	return v
}

func lifetime(raw json.RawMessage) []jot.TokenOption {
	switch text := string(raw); text {
	case "", "null":
		return nil
	case "false":
		return []jot.TokenOption{flask.NoExpiry()}
	default:
		var seconds float64
		_ = json.Unmarshal(raw, &seconds)
		return []jot.TokenOption{jot.ExpiresIn(time.Duration(seconds * float64(time.Second)))}
	}
}

func (a *app) mint(r *http.Request, in *loginRequest) (access, refresh string, err error) {
	identity, ok := in.Username.(string)
	if in.Username == nil {
		identity, ok = "alice", true
	}
	if object, is := in.Username.(map[string]any); is && a.ext.IdentityFromObject {
		identity, ok = fmt.Sprint(object["id"]), true
	}
	if !ok {
		return "", "", errors.New("an identity is a string")
	}
	var shared []jot.TokenOption
	if in.Claims != nil {
		shared = append(shared, jot.Claims(in.Claims))
	}
	for name, value := range in.Headers {
		shared = append(shared, jot.HeaderParam(name, value))
	}
	opts := slices.Concat(shared, lifetime(in.Expires))
	var window struct {
		Seconds float64 `json:"seconds"`
	}
	if in.Fresh == nil || string(in.Fresh) == "true" {
		opts = append(opts, jot.Fresh())
	} else if strings.HasPrefix(string(in.Fresh), "{") && json.Unmarshal(in.Fresh, &window) == nil {
		opts = append(opts, jot.FreshFor(time.Duration(window.Seconds*float64(time.Second))))
	}
	if access, err = a.auth.CreateAccessToken(r.Context(), identity, opts...); err != nil {
		return "", "", err
	}
	opts = slices.Concat(shared, lifetime(in.RefreshExpires))
	refresh, err = a.auth.CreateRefreshToken(r.Context(), identity, opts...)
	return access, refresh, err
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	in := body[loginRequest](r)
	access, refresh, err := a.mint(r, &in)
	if err != nil {
		a.auth.WriteError(w, r, err)
		return
	}
	answer(w, 200, obj{"access_token": access, "refresh_token": refresh})
}

func (a *app) loginCookies(w http.ResponseWriter, r *http.Request) {
	in := body[loginRequest](r)
	access, refresh, err := a.mint(r, &in)
	opts := []flask.CookieOption{flask.MaxAge(time.Duration(in.MaxAge * float64(time.Second))), flask.Domain(in.Domain)}
	if err == nil {
		err = errors.Join(a.cookies.SetAccess(w, access, opts...), a.cookies.SetRefresh(w, refresh, opts...))
	}
	if err != nil {
		a.auth.WriteError(w, r, err)
		return
	}
	answer(w, 200, obj{"login": true})
}

func (a *app) renewed(w http.ResponseWriter, r *http.Request) (raw string, ok bool) {
	raw, err := a.auth.CreateAccessToken(r.Context(), jot.Identity(r.Context()))
	if err != nil {
		a.auth.WriteError(w, r, err)
	}
	return raw, err == nil
}

func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	if raw, ok := a.renewed(w, r); ok {
		answer(w, 200, obj{"access_token": raw})
	}
}

func (a *app) refreshCookies(w http.ResponseWriter, r *http.Request) {
	if raw, ok := a.renewed(w, r); ok {
		_ = a.cookies.SetAccess(w, raw)
		answer(w, 200, obj{"refresh": true})
	}
}

func optional(w http.ResponseWriter, r *http.Request) {
	t, ok := jot.FromContext(r.Context())
	if !ok {
		answer(w, 200, obj{"sub": nil, "anonymous": true})
		return
	}
	answer(w, 200, obj{"sub": t.Subject, "anonymous": false})
}

func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	t, _ := jot.FromContext(r.Context())
	a.mu.Lock()
	a.revoked[t.ID] = true
	a.mu.Unlock()
	answer(w, 200, obj{"revoked": t.Type})
}

func whoami(w http.ResponseWriter, r *http.Request) {
	t, ok := jot.FromContext(r.Context())
	if !ok {
		answer(w, 200, obj{"sub": nil})
		return
	}
	var claims map[string]any
	_ = t.Claims(&claims)
	for name, absent := range (obj{"type": t.Type, "fresh": false, "jti": nil}) {
		if _, there := claims[name]; !there {
			claims[name] = absent // as Flask reads them
		}
	}
	header := obj{}
	for _, name := range []string{"alg", "typ", "kid", "x", "cty"} {
		if value, ok := t.Header(name); ok {
			header[name] = value
		}
	}
	answer(w, 200, obj{"sub": t.Subject, "claims": claims, "header": header, "location": flask.Location(t.Location)})
}

func (a *app) logoutCookies(w http.ResponseWriter, r *http.Request) {
	in := body[struct{ Which, Domain string }](r)
	switch in.Which {
	case "access":
		a.cookies.UnsetAccess(w, flask.Domain(in.Domain))
	case "refresh":
		a.cookies.UnsetRefresh(w, flask.Domain(in.Domain))
	default:
		a.cookies.Unset(w, flask.Domain(in.Domain))
	}
	answer(w, 200, obj{"logout": true})
}

func echo(w http.ResponseWriter, r *http.Request) {
	out := obj{"sub": jot.Identity(r.Context()), "json": nil, "form": obj{}}
	if strings.Contains(r.Header.Get("Content-Type"), "json") {
		out["json"] = body[any](r)
	} else if r.ParseForm() == nil {
		form := obj{}
		for name := range r.PostForm {
			form[name] = r.PostForm.Get(name)
		}
		out["form"] = form
	}
	answer(w, 200, out)
}

func (a *app) decode(w http.ResponseWriter, r *http.Request) {
	in := body[struct {
		Token        string
		CSRF         string `json:"csrf"`
		AllowExpired bool   `json:"allow_expired"`
	}](r)
	t, err := a.decoder.Verify(r.Context(), in.Token, jot.AccessOrRefresh())
	refusal, ok := errors.AsType[*jot.Error](err)
	if in.AllowExpired && errors.Is(err, jot.ErrExpired) && ok && refusal.Token != nil {
		t, err = refusal.Token, nil
	}
	if err != nil {
		a.auth.WriteError(w, r, err)
		return
	}
	var claims map[string]any
	_ = t.Claims(&claims)
	if in.CSRF != "" && claims["csrf"] != in.CSRF {
		a.auth.WriteError(w, r, jot.ErrCSRF)
		return
	}
	answer(w, 200, obj{"claims": claims})
}

func (a *app) jtiCSRF(w http.ResponseWriter, r *http.Request) {
	t, err := a.decoder.Verify(r.Context(), body[struct{ Token string }](r).Token, jot.AccessOrRefresh())
	if err != nil {
		a.auth.WriteError(w, r, err)
		return
	}
	csrf := ""
	_ = t.Claim("csrf", &csrf)
	answer(w, 200, obj{"jti": t.ID, "csrf": csrf})
}
