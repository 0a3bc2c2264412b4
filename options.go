package jot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/session"
)

// Option is a setting of a [Manager], for [New].
type Option interface{ applyManager(*config) }

// TokenOption says something about a token to be made, for the Create… methods.
type TokenOption interface{ applyToken(*draft) }

// RouteOption says something about a route, for [Manager.Required] and [Manager.VerifyRequest].
type RouteOption interface{ applyRoute(*route) }

// Demand is a [RouteOption] that makes sense without a request, so [Manager.Verify] takes it too.
type Demand interface {
	RouteOption
	demand()
}

// Trait is what a token has and a route demands, in the same word: CreateAccessToken(ctx, id, Scopes("admin")) makes
// what Required(Scopes("admin")) asks for.
type Trait interface {
	TokenOption
	Demand
}

// Options makes one Option of several.
func Options(opts ...Option) Option {
	return managerOption(func(c *config) { c.apply(opts) })
}

// TokenOptions makes one TokenOption of several.
func TokenOptions(opts ...TokenOption) TokenOption {
	return tokenOption(func(d *draft) { d.apply(opts) })
}

// RouteOptions makes one RouteOption of several.
func RouteOptions(opts ...RouteOption) RouteOption {
	return routeOption(func(rt *route) { rt.apply(opts) })
}

type managerOption func(*config)

func (f managerOption) applyManager(c *config) { f(c) }

type tokenOption func(*draft)

func (f tokenOption) applyToken(d *draft) { f(d) }

type routeOption func(*route)

func (f routeOption) applyRoute(rt *route) { f(rt) }

type demandFunc func(*route)

func (f demandFunc) applyRoute(rt *route) { f(rt) }
func (demandFunc) demand()                {}

type trait struct {
	token tokenOption
	demandFunc
}

func (t trait) applyToken(d *draft) { t.token(d) }

// config is what the options of New set. Everything in it is read-only afterwards.
type config struct {
	profile      wire.Profile
	extra        []KeySource
	accessTTL    time.Duration
	refreshTTL   time.Duration
	issuer       string
	audience     []string
	leeway       time.Duration
	sessionTTL   time.Duration
	grace        time.Duration
	maxSessions  int
	realm        string
	places       places
	cookies      *CookieConfig // nil without any
	protection   *http.CrossOriginProtection
	sliding      bool
	clock        func() time.Time // nil is time.Now
	ledger       ledger
	inBlocklist  func(context.Context, *Token) (bool, error)
	verification func(context.Context, *Token) (bool, error)
	lookup       func(context.Context, *Token) (any, error)
	claims       func(context.Context, *Token) (map[string]any, error)
	headers      func(context.Context, *Token) (map[string]any, error)
	errorHandler func(http.ResponseWriter, *http.Request, error)
	eventHandler func(context.Context, Event)

	given map[string]bool
	errs  []error
}

// settle fills in what settings say together, and finds what they cannot mean together.
func (c *config) settle() {
	wrong := func(is bool, text string) {
		if is {
			c.errs = append(c.errs, errors.New("jot: "+text))
		}
	}
	for _, name := range []string{"WithRotationGrace", "WithMaxSessions"} {
		wrong(c.given[name] && !c.given["WithStore"], name+" has no effect without WithStore")
	}
	wrong(c.given["WithStore"] && c.given["WithBlocklist"], "WithBlocklist beside WithStore: a store remembers revoked tokens as well")
	if len(c.places.order) == 0 {
		c.places.order = []Location{InHeader}
		if c.cookies != nil {
			c.places.order = []Location{InCookie}
		}
	}
	if c.cookies == nil && slices.Contains(c.places.order, InCookie) {
		c.cookies = CookieConfig{}.settle()
	}
	wrong(c.sliding && c.ledger.store == nil, "WithSlidingSessions needs WithStore: a session that has ended must not go on")
	wrong(c.sliding && (c.cookies == nil || c.cookies.RefreshPath != "/"), "WithSlidingSessions needs WithCookies, without a RefreshPath")
	wrong(c.given["WithCrossOriginProtection"] && c.cookies == nil, "WithCrossOriginProtection has no effect without WithCookies")
	if c.protection == nil {
		c.protection = http.NewCrossOriginProtection()
	}
	longest := max(c.accessTTL, c.refreshTTL)
	if c.sessionTTL == 0 {
		c.sessionTTL = max(defaultSessionTTL, longest)
	}
	wrong(c.sessionTTL < longest, "WithSessionTTL is shorter than the lifetime of a token")
	wrong(c.ledger.store != nil && c.accessTTL > session.MaxTokenLife, "WithAccessTTL is more than 400 days, which is how long a store remembers who was logged out")
	c.ledger.issuer, c.ledger.endless = c.issuer, len(c.profile.NoExpiry) > 0
	if c.profile.Minting != nil {
		c.ledger.issuer = c.profile.Minting.Issuer
	}
}

func (c *config) apply(opts []Option) {
	for _, o := range opts {
		if o == nil {
			c.errs = append(c.errs, errors.New("jot: New: an option is nil"))
			continue
		}
		o.applyManager(c)
	}
}

// set makes an option of a setting that may be given once: of two blocklists, one would silently not be asked. check
// returns what is wrong with the value, "" if nothing is.
func set(name, wrong string, apply func(*config)) Option {
	return managerOption(func(c *config) {
		switch {
		case c.given[name]:
			c.errs = append(c.errs, fmt.Errorf("jot: %s is given twice", name))
		case wrong != "":
			c.errs = append(c.errs, fmt.Errorf("jot: %s: %s", name, wrong))
		default:
			apply(c)
		}
		c.given[name] = true
	})
}

func nilFunc(isNil bool) string {
	if isNil {
		return "the function is nil"
	}
	return ""
}

// The bounds and defaults of the settings.
const (
	defaultAccessTTL  = 15 * time.Minute
	defaultRefreshTTL = 30 * 24 * time.Hour
	defaultSessionTTL = 90 * 24 * time.Hour
	defaultGrace      = 10 * time.Second
	defaultSessions   = 100
	defaultLeeway     = 30 * time.Second
	maxLeeway         = 5 * time.Minute
	maxTTL            = 100 * 365 * 24 * time.Hour
	defaultRealm      = "api"
)

// WithBlocklist asks b whether a token was revoked, once for each request, and is where [Manager.Revoke] writes. When
// b fails the answer is 503: a token that may be revoked is not let in. A call may take a second. Without it nothing
// is looked up but what [WithTokenInBlocklist] does.
func WithBlocklist(b Blocklist) Option {
	return set("WithBlocklist", nilStore(b), func(c *config) { c.ledger.blocklist = b })
}

// WithStore keeps sessions in s, and remembers there what was revoked: what [Manager.Rotate],
// [Manager.RefreshHandler] and the Revoke… methods need. The guard asks it about token, session, subject and everyone
// in one call for each request; when it fails the answer is 503. A call may take a second.
//
// memstore.New is one process's memory: a restart logs everybody out. sqlstore.New is SQLite or PostgreSQL, and lasts.
// There is no store unless set: a hidden one would log everybody out at each start.
//
// Every Manager that shares keys wants the same store, and the same issuer, by which the store tells users apart: a
// session that the store does not know has ended, so its
// tokens are refused. Tokens of no session, those of [Manager.CreateAccessToken] without [InSession], are refused if
// they were issued before the store was made, because what was revoked then is not known; with one in memory, before
// the Manager was made. None of them lives longer than [session.MaxTokenLife], 400 days.
func WithStore(s session.Store) Option {
	return set("WithStore", nilStore(s), func(c *config) { c.ledger.store = s })
}

func nilStore(s any) string {
	if isNil(s) {
		return "it is nil"
	}
	return ""
}

// WithTokenInBlocklist asks f whether a token was revoked, once for each request, before any blocklist. True refuses
// it as [ErrRevoked]. An error means that f cannot tell: 503, [ErrUnavailable], unless it wraps another of this
// package's errors.
func WithTokenInBlocklist(f func(ctx context.Context, t *Token) (revoked bool, err error)) Option {
	return set("WithTokenInBlocklist", nilFunc(f == nil), func(c *config) { c.inBlocklist = f })
}

// WithTokenVerification asks f about every token that holds otherwise. False refuses it as [ErrForbidden]; an error
// means that f cannot tell: 503, unless it wraps another of this package's errors. For a rule of one route use
// [Check].
func WithTokenVerification(f func(ctx context.Context, t *Token) (ok bool, err error)) Option {
	return set("WithTokenVerification", nilFunc(f == nil), func(c *config) { c.verification = f })
}

// WithUserLookup loads the user of every token that holds, for [CurrentUser]. It runs last, on every guarded route.
// An error that wraps [ErrNoUser] refuses the token: 401, the user is gone. Any other error is 503, so return
// ErrNoUser for [database/sql.ErrNoRows] and its like.
func WithUserLookup[T any](f func(ctx context.Context, t *Token) (T, error)) Option {
	return set("WithUserLookup", nilFunc(f == nil), func(c *config) {
		c.lookup = func(ctx context.Context, t *Token) (any, error) { return f(ctx, t) }
	})
}

// WithAdditionalClaims adds the claims that f returns to every access token, and to no other: a refresh token lives
// long, and yesterday's rights must not live in it. f sees the token as far as it is made; its claims include those
// given by [Claim] and [Claims], which win over f's. A registered claim among f's is an error of the Create… method.
// When f fails it fails too, with [ErrUnavailable] unless the error wraps another of this package's. The map is
// copied.
func WithAdditionalClaims(f func(ctx context.Context, t *Token) (map[string]any, error)) Option {
	return set("WithAdditionalClaims", nilFunc(f == nil), func(c *config) { c.claims = f })
}

// WithAdditionalHeaders adds the header parameters that f returns to every token. Those given by [HeaderParam] win;
// alg, kid, typ and the others that steer verification are an error of the Create… method. Errors are as with
// [WithAdditionalClaims]. The map is copied.
func WithAdditionalHeaders(f func(ctx context.Context, t *Token) (map[string]any, error)) Option {
	return set("WithAdditionalHeaders", nilFunc(f == nil), func(c *config) { c.headers = f })
}

// WithAccessTTL sets how long access tokens live, and those of [Manager.CreateToken]: whole seconds, 15 minutes
// unless set. A token that is not looked up in a blocklist lives until then whatever happens.
func WithAccessTTL(d time.Duration) Option {
	return set("WithAccessTTL", badTTL(d), func(c *config) { c.accessTTL = d })
}

// WithRefreshTTL sets how long refresh tokens live: whole seconds, 30 days unless set.
func WithRefreshTTL(d time.Duration) Option {
	return set("WithRefreshTTL", badTTL(d), func(c *config) { c.refreshTTL = d })
}

// WithSessionTTL sets how long a session may last, however often it is refreshed: whole seconds, 90 days unless set,
// or the refresh lifetime if that is longer. No token of a session outlives it. How long a session may go without
// being refreshed is its refresh token's lifetime, [WithRefreshTTL].
func WithSessionTTL(d time.Duration) Option {
	return set("WithSessionTTL", badTTL(d), func(c *config) { c.sessionTTL = d })
}

// WithRotationGrace sets how long after its use a refresh token may be presented again, and get the same successor:
// 10 seconds unless set, at most a minute. Two tabs that refresh at once need it, and so does a client whose answer
// was lost. A thief who is as quick is found out at the rotation after next. With 0 a token is refused when it comes
// again, and its session ends. See [Manager.Rotate].
func WithRotationGrace(d time.Duration) Option {
	wrong := ""
	if d < 0 || d > time.Minute {
		wrong = fmt.Sprintf("%v is not from 0 to a minute", d)
	}
	return set("WithRotationGrace", wrong, func(c *config) { c.grace = d })
}

// WithMaxSessions sets how many sessions a subject may have at once: 100 unless set. At a log-in beyond it the oldest
// ends; with 1 a user is logged in at one place only.
func WithMaxSessions(n int) Option {
	wrong := ""
	if n < 1 {
		wrong = fmt.Sprintf("%d is less than 1", n)
	}
	return set("WithMaxSessions", wrong, func(c *config) { c.maxSessions = n })
}

func badTTL(d time.Duration) string {
	if d < time.Second || d > maxTTL || d%time.Second != 0 {
		return fmt.Sprintf("%v is not whole seconds from 1s to 100 years", d)
	}
	return ""
}

// WithIssuer writes iss into every token, and refuses a token with another one or none as [ErrInvalid] (RFC 7519
// section 4.1.1). Names are compared byte for byte. Unless set, none is written and any accepted.
func WithIssuer(name string) Option {
	wrong := ""
	if name == "" || !isText(name) {
		wrong = "the name is empty or not UTF-8"
	}
	return set("WithIssuer", wrong, func(c *config) { c.issuer = name })
}

// WithAudience writes aud into every token, and refuses a token for none of these as [ErrInvalid] (RFC 7519 section
// 4.1.3). Unless set, none is written, and a token that has an aud is refused: it is meant for somebody else. One
// route or one token may differ: [Audience].
func WithAudience(names ...string) Option {
	return set("WithAudience", badNames(names), func(c *config) { c.audience = append(c.audience, names...) })
}

// badNames says what is wrong with a list of names.
func badNames(names []string) string {
	if len(names) == 0 {
		return "name at least one"
	}
	for _, name := range names {
		if name == "" || !isText(name) {
			return "a name is empty or not UTF-8"
		}
	}
	return ""
}

// WithLeeway sets how far the clocks of servers may differ, for exp, nbf and iat: 30 seconds unless set, at most 5
// minutes. Without any, a token from a server whose clock is ahead is refused by the next. Freshness and [MaxAge]
// know no leeway.
func WithLeeway(d time.Duration) Option {
	wrong := ""
	if d < 0 || d > maxLeeway {
		wrong = fmt.Sprintf("%v is not from 0 to 5 minutes", d)
	}
	return set("WithLeeway", wrong, func(c *config) { c.leeway = d })
}

// WithVerificationKeys accepts tokens of further keys, which sign none: those that signed before, or those of other
// issuers that share this service's rules. It may be given several times.
func WithVerificationKeys(sources ...KeySource) Option {
	return managerOption(func(c *config) {
		if len(sources) == 0 {
			c.errs = append(c.errs, errors.New("jot: WithVerificationKeys: name at least one"))
		}
		c.extra = append(c.extra, sources...)
	})
}

// WithRealm sets the realm of the challenges in WWW-Authenticate (RFC 9110 section 11.5): "api" unless set. Printable
// ASCII without quotes and backslashes.
func WithRealm(realm string) Option {
	wrong := ""
	if realm == "" || strings.ContainsFunc(realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		wrong = fmt.Sprintf("%q is not printable ASCII without quotes and backslashes", realm)
	}
	return set("WithRealm", wrong, func(c *config) { c.realm = realm })
}

// WithErrorHandler lets f answer every refused request, instead of [DefaultErrorHandler]. err is an [*Error] unless
// it is the application's own mistake; f chooses what a client sees of it by [Error.Status], [Error.Code] and
// [Error.Challenge].
func WithErrorHandler(f func(w http.ResponseWriter, r *http.Request, err error)) Option {
	return set("WithErrorHandler", nilFunc(f == nil), func(c *config) { c.errorHandler = f })
}

// WithEventHandler calls f for what happens to tokens and sessions: see [EventKind]. It is called within the request,
// so it must not wait for anything, and for every refused token of anybody: do not log those above debug level.
func WithEventHandler(f func(ctx context.Context, e Event)) Option {
	return set("WithEventHandler", nilFunc(f == nil), func(c *config) { c.eventHandler = f })
}

// WithClock sets the clock, for tests: [time.Now] unless set. A store refuses tokens of no session that are older than
// itself: with a clock in the past take package memstore, or give sqlstore.Since the zero time.
func WithClock(now func() time.Time) Option {
	return set("WithClock", nilFunc(now == nil), func(c *config) { c.clock = now })
}

//nolint:gochecknoinits // the one door through which a package of this module sets the rules of reading
func init() {
	wire.NewOption = func(p wire.Profile) any {
		return set("profile", "", func(c *config) { c.profile = p })
	}
	wire.NoExpiry = func() any {
		return tokenOption(func(d *draft) { d.noExpiry = true })
	}
}
