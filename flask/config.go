// Package flask makes a [jot.Manager] behave on the wire as Flask-JWT-Extended does, so that a team that leaves it
// changes no client: its names of cookies, headers, query and JSON keys and claims, its {"msg": …} answers with 401,
// 422 and 400, its CSRF values, OPTIONS exempt, its claims in every token.
//
//	keys, err := flask.Keys(config)
//	auth, err := jot.New(keys, flask.Options(config), …)
//
// The texts of refusals are the original's, and so are cookies and headers, byte for byte. What differs on purpose is a
// table in docs/from-flask.md.
//
// What a new service wants is jot's own way: this one has cookies without prefixes, no protection by origin, no headers
// that keep caches away, and the weaknesses that clients depend on.
package flask

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
)

// Config holds the options of Flask-JWT-Extended under their names: a config file can be decoded into it as it is.
// What is empty has Flask's default.
type Config struct {
	// SecretKey is used where JWTSecretKey is empty.
	SecretKey    string `json:"SECRET_KEY"`
	JWTSecretKey string `json:"JWT_SECRET_KEY"`
	// PrivateKey and PublicKey are PEM texts.
	PrivateKey string `json:"JWT_PRIVATE_KEY"`
	PublicKey  string `json:"JWT_PUBLIC_KEY"`
	// Algorithm is HS256 unless set. DecodeAlgorithms are further ones, of the same family.
	Algorithm        string `json:"JWT_ALGORITHM"`
	DecodeAlgorithms List   `json:"JWT_DECODE_ALGORITHMS"`

	AccessTokenExpires  Expires `json:"JWT_ACCESS_TOKEN_EXPIRES"`
	RefreshTokenExpires Expires `json:"JWT_REFRESH_TOKEN_EXPIRES"`
	EncodeAudience      List    `json:"JWT_ENCODE_AUDIENCE"`
	EncodeIssuer        string  `json:"JWT_ENCODE_ISSUER"`
	DecodeAudience      List    `json:"JWT_DECODE_AUDIENCE"`
	DecodeIssuer        List    `json:"JWT_DECODE_ISSUER"`
	// DecodeLeeway is in seconds.
	DecodeLeeway int   `json:"JWT_DECODE_LEEWAY"`
	EncodeNBF    *bool `json:"JWT_ENCODE_NBF"`
	// VerifySub set to false accepts tokens whose sub is a whole number, as its digits: those of an application whose
	// identities were numbers. New tokens hold a string in any case.
	VerifySub       *bool  `json:"JWT_VERIFY_SUB"`
	IdentityClaim   string `json:"JWT_IDENTITY_CLAIM"`
	ErrorMessageKey string `json:"JWT_ERROR_MESSAGE_KEY"`

	// TokenLocation is nil for Flask's default, the headers. Without any place, or with an unknown one, jot.New fails.
	TokenLocation List    `json:"JWT_TOKEN_LOCATION"`
	HeaderName    *string `json:"JWT_HEADER_NAME"`
	HeaderType    *string `json:"JWT_HEADER_TYPE"`

	QueryStringName        string `json:"JWT_QUERY_STRING_NAME"`
	QueryStringValuePrefix string `json:"JWT_QUERY_STRING_VALUE_PREFIX"`
	JSONKey                string `json:"JWT_JSON_KEY"`
	RefreshJSONKey         string `json:"JWT_REFRESH_JSON_KEY"`

	AccessCookieName  string `json:"JWT_ACCESS_COOKIE_NAME"`
	AccessCookiePath  string `json:"JWT_ACCESS_COOKIE_PATH"`
	RefreshCookieName string `json:"JWT_REFRESH_COOKIE_NAME"`
	RefreshCookiePath string `json:"JWT_REFRESH_COOKIE_PATH"`
	CookieSecure      bool   `json:"JWT_COOKIE_SECURE"`
	CookieDomain      string `json:"JWT_COOKIE_DOMAIN"`
	CookieSameSite    string `json:"JWT_COOKIE_SAMESITE"`
	SessionCookie     *bool  `json:"JWT_SESSION_COOKIE"`

	CookieCSRFProtect *bool `json:"JWT_COOKIE_CSRF_PROTECT"`
	// CSRFMethods is nil for Flask's default; empty, nothing is protected. Lower case is as good as upper case; in the
	// original it switches the protection off.
	CSRFMethods           List   `json:"JWT_CSRF_METHODS"`
	CSRFInCookies         *bool  `json:"JWT_CSRF_IN_COOKIES"`
	CSRFCheckForm         bool   `json:"JWT_CSRF_CHECK_FORM"`
	AccessCSRFCookieName  string `json:"JWT_ACCESS_CSRF_COOKIE_NAME"`
	AccessCSRFCookiePath  string `json:"JWT_ACCESS_CSRF_COOKIE_PATH"`
	RefreshCSRFCookieName string `json:"JWT_REFRESH_CSRF_COOKIE_NAME"`
	RefreshCSRFCookiePath string `json:"JWT_REFRESH_CSRF_COOKIE_PATH"`
	AccessCSRFHeaderName  string `json:"JWT_ACCESS_CSRF_HEADER_NAME"`
	RefreshCSRFHeaderName string `json:"JWT_REFRESH_CSRF_HEADER_NAME"`
	AccessCSRFFieldName   string `json:"JWT_ACCESS_CSRF_FIELD_NAME"`
	RefreshCSRFFieldName  string `json:"JWT_REFRESH_CSRF_FIELD_NAME"`

	// ErrorHandler answers refused requests instead of [WriteError]: the error loaders.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error) `json:"-"`
}

// UnmarshalJSON takes a config file, whatever else it says, but no name that begins with JWT_ and is no option: a
// misspelt one would leave its default standing.
func (c *Config) UnmarshalJSON(text []byte) error {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(text, &names); err != nil {
		return err
	}
	for name := range names {
		if strings.HasPrefix(strings.ToUpper(name), "JWT_") && !slices.Contains(options, name) {
			return fmt.Errorf("flask: %s is no option", name)
		}
	}
	type plain Config // without this method
	return json.Unmarshal(text, (*plain)(c))
}

// options are the names that a Config has.
var options = func() (names []string) {
	for field := range reflect.TypeFor[Config]().Fields() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}()

// List is a list of strings, or one of them.
type List []string

// UnmarshalJSON takes a string or a list.
func (l *List) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = List{}
		if one != "" {
			*l = List{one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// Expires is a lifetime: 0 is Flask's default, [Never] is none.
type Expires time.Duration

// Never is the lifetime of tokens that do not expire: Flask's False. Nothing ends such a token but a blocklist that
// forgets nothing.
// If several managers share a store, all of them say Never or none does: a logout everywhere is remembered for as long
// as the manager that makes it takes tokens.
const Never Expires = -1

// UnmarshalJSON takes a number of seconds, or false for [Never].
func (e *Expires) UnmarshalJSON(text []byte) error {
	if string(text) == "false" {
		*e = Never
		return nil
	}
	var seconds int64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	if seconds <= 0 || seconds > 100*365*24*3600 {
		return errors.New("flask: a lifetime is a positive number of seconds, or false")
	}
	*e = Expires(time.Duration(seconds) * time.Second)
	return nil
}

// NoExpiry makes one token that never expires, as expires_delta=False does.
func NoExpiry() jot.TokenOption { return wire.NoExpiry{} }

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// is reads an option that is true unless set.
func is(v *bool) bool { return v == nil || *v }

// settle fills in Flask's defaults.
func (c Config) settle() Config {
	c.Algorithm = or(c.Algorithm, "HS256")
	c.IdentityClaim = or(c.IdentityClaim, "sub")
	c.ErrorMessageKey = or(c.ErrorMessageKey, "msg")
	if c.TokenLocation == nil {
		c.TokenLocation = List{"headers"}
	}
	if c.HeaderName == nil {
		c.HeaderName = new("Authorization")
	}
	if c.HeaderType == nil {
		c.HeaderType = new("Bearer")
	}
	for field, otherwise := range map[*string]string{
		&c.QueryStringName: "jwt",
		&c.JSONKey:         "access_token", &c.RefreshJSONKey: "refresh_token",
		&c.AccessCookieName: "access_token_cookie", &c.RefreshCookieName: "refresh_token_cookie",
		&c.AccessCookiePath: "/", &c.RefreshCookiePath: "/",
		&c.AccessCSRFCookieName: "csrf_access_token", &c.RefreshCSRFCookieName: "csrf_refresh_token",
		&c.AccessCSRFCookiePath: "/", &c.RefreshCSRFCookiePath: "/",
		&c.AccessCSRFHeaderName: "X-CSRF-TOKEN", &c.RefreshCSRFHeaderName: "X-CSRF-TOKEN",
		&c.AccessCSRFFieldName: "csrf_token", &c.RefreshCSRFFieldName: "csrf_token",
	} {
		*field = or(*field, otherwise)
	}
	if c.CSRFMethods == nil {
		c.CSRFMethods = List{"POST", "PUT", "PATCH", "DELETE"}
	}
	methods := make(List, len(c.CSRFMethods))
	for i, name := range c.CSRFMethods {
		methods[i] = strings.ToUpper(name)
	}
	c.CSRFMethods = methods
	return c
}

// locations are Flask's names of the places where tokens travel.
var locations = map[string]jot.Location{
	"headers":      jot.InHeader,
	"cookies":      jot.InCookie,
	"query_string": jot.InQuery,
	"json":         jot.InBody,
}

// Location returns Flask's name of a place: "headers", "cookies", "query_string" or "json".
func Location(at jot.Location) string {
	for name, each := range locations {
		if each == at {
			return name
		}
	}
	return ""
}

// Options returns the options of a Manager that behaves as Flask-JWT-Extended with that config. Mistakes in it are
// errors of [jot.New].
func Options(c Config) jot.Option {
	c = c.settle()
	profile := wire.Profile{
		DefaultType:    "access",
		Issuers:        c.DecodeIssuer,
		AnyAudience:    len(c.DecodeAudience) == 0,
		ExemptOptions:  true,
		RefreshInQuery: true,
		NoForms:        true,
		AnyKeyID:       true,
		NumericSubject: c.IdentityClaim != "sub" || !is(c.VerifySub),
		TextualSub:     is(c.VerifySub),
		Silent:         true,
		Explain:        c.explain,
		Cookie:         (&Cookies{c}).made,
		Minting: &wire.Minting{
			Issuer:           c.EncodeIssuer,
			Audience:         c.EncodeAudience,
			NotBefore:        is(c.EncodeNBF),
			ClaimsEverywhere: true,
			Bare:             true,
			AnySubject:       true,
		},
		CSRF: &wire.CSRF{
			Methods: c.CSRFMethods,
			Header:  [2]string{c.AccessCSRFHeaderName, c.RefreshCSRFHeaderName},
		},
	}
	if c.IdentityClaim != "sub" {
		profile.Subject = c.IdentityClaim
	}
	if c.CSRFCheckForm {
		profile.CSRF.Field = [2]string{c.AccessCSRFFieldName, c.RefreshCSRFFieldName}
	}
	if is(c.CookieCSRFProtect) {
		profile.Minting.NewCSRF = newUUID
	} else {
		profile.CSRF.Methods = nil
	}
	unknown := http.SameSite(0)
	if _, ok := sameSite(c.CookieSameSite); !ok {
		unknown = -1 // New says so
	}
	opts := []jot.Option{
		jot.WithLeeway(time.Duration(c.DecodeLeeway) * time.Second),
		jot.WithLocations(c.order()...),
		jot.WithHeader(*c.HeaderName, *c.HeaderType),
		jot.WithQueryParam(c.QueryStringName, c.QueryStringValuePrefix),
		jot.WithBodyKeys(c.JSONKey, c.RefreshJSONKey),
		jot.WithCookies(jot.CookieConfig{
			AccessName:      c.AccessCookieName,
			RefreshName:     c.RefreshCookieName,
			AccessCSRFName:  c.AccessCSRFCookieName,
			RefreshCSRFName: c.RefreshCSRFCookieName,
			Insecure:        !c.CookieSecure,
			Domain:          strings.TrimPrefix(c.CookieDomain, "."),
			RefreshPath:     c.RefreshCookiePath,
			SameSite:        unknown,
		}),
	}
	if len(c.DecodeAudience) > 0 {
		opts = append(opts, jot.WithAudience(c.DecodeAudience...))
	}
	for _, life := range []struct {
		typ    string
		value  Expires
		option func(time.Duration) jot.Option
	}{{"access", c.AccessTokenExpires, jot.WithAccessTTL}, {"refresh", c.RefreshTokenExpires, jot.WithRefreshTTL}} {
		switch life.value {
		case 0:
		case Never:
			profile.NoExpiry = append(profile.NoExpiry, life.typ)
		default:
			opts = append(opts, life.option(time.Duration(life.value)))
		}
	}
	handler := c.ErrorHandler
	if handler == nil {
		handler = func(w http.ResponseWriter, r *http.Request, err error) { WriteError(w, r, err, c.ErrorMessageKey) }
	}
	return jot.Options(append(opts, jot.WithErrorHandler(unannounced(handler)), profile)...)
}

type errorHandler = func(w http.ResponseWriter, r *http.Request, err error)

// unannounced takes away the headers that jot sets and Flask-JWT-Extended does not.
func unannounced(handler errorHandler) errorHandler {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		w.Header().Del("Cache-Control")
		w.Header().Del("WWW-Authenticate")
		w.Header().Del("X-Content-Type-Options")
		handler(w, r, err)
	}
}

func (c Config) order() []jot.Location {
	order := make([]jot.Location, len(c.TokenLocation))
	for i, name := range c.TokenLocation {
		at, ok := locations[name]
		if !ok {
			at = jot.Location(name) // New says so
		}
		order[i] = at
	}
	return order
}

// Keys returns the keys of that config. They have no id, as Flask's: a token is checked with the one key of its
// algorithm.
func Keys(c Config) (jot.KeySource, error) {
	c = c.settle()
	algorithms := c.algorithms()
	for _, alg := range algorithms {
		if strings.HasPrefix(alg, "HS") != strings.HasPrefix(c.Algorithm, "HS") {
			return nil, fmt.Errorf("flask: JWT_DECODE_ALGORITHMS: %s beside %s lets a public key be taken for a secret",
				alg, c.Algorithm)
		}
	}
	var keys []jot.Key
	for _, alg := range algorithms {
		key, err := c.key(alg)
		if err != nil {
			return nil, fmt.Errorf("flask: %w", err)
		}
		keys = append(keys, key.WithID(""))
	}
	if len(keys) == 1 {
		return keys[0], nil
	}
	return jot.NewKeySet(keys[0], keys[1:]...)
}

// algorithms are those that tokens may have.
func (c *Config) algorithms() List {
	algorithms := List{c.Algorithm}
	for _, alg := range c.DecodeAlgorithms {
		if !slices.Contains(algorithms, alg) {
			algorithms = append(algorithms, alg)
		}
	}
	return algorithms
}

func (c *Config) key(alg string) (jot.Key, error) {
	if strings.HasPrefix(alg, "HS") {
		secret := []byte(or(c.JWTSecretKey, c.SecretKey))
		if len(secret) == 0 {
			return jot.Key{}, errors.New("JWT_SECRET_KEY or SECRET_KEY is not set")
		}
		switch alg {
		case "HS256":
			return jot.HS256(secret), nil
		case "HS384":
			return jot.HS384(secret), nil
		case "HS512":
			return jot.HS512(secret), nil
		}
		return jot.Key{}, fmt.Errorf("unknown algorithm %q", alg)
	}
	text := or(c.PrivateKey, c.PublicKey)
	if text == "" {
		return jot.Key{}, errors.New("JWT_PRIVATE_KEY or JWT_PUBLIC_KEY is not set")
	}
	return jot.ParsePEM(alg, []byte(text))
}
