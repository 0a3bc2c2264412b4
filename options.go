package jot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/internal/credential"
	"github.com/go-jot/jot/internal/keyring"
	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/session"
)

// Option is a setting of a [Manager], for [New].
type Option interface{ JotOption(_ wire.Sealed) }

// Options makes one Option of several.
func Options(opts ...Option) Option {
	opts = slices.Clone(opts)
	return managerOption(func(s *setup) { s.apply(opts) })
}

type managerOption func(*setup)

// JotOption makes it an [Option].
func (managerOption) JotOption(wire.Sealed) {}

// config is what a manager is made of. Everything in it is read-only after [New].
type config struct {
	profile      wire.Profile
	origin       *origin
	issuer       issuer
	verifier     verifier
	ledger       ledger
	jar          jar
	places       places
	realm        string
	sliding      bool
	verification func(context.Context, *Token) (bool, error)
	lookup       func(context.Context, *Token) (any, error)
	errorHandler func(http.ResponseWriter, *http.Request, error)
	eventHandler func(context.Context, Event)
}

// setup is a config that options are applied to.
type setup struct {
	config

	given map[string]bool
	errs  []error
}

// newSetup returns the settings as they are unless set.
func newSetup(keys KeySource) *setup {
	s := &setup{given: map[string]bool{}}
	s.origin = &origin{clock: time.Now, leeway: defaultLeeway}
	s.verifier.sources = []KeySource{keys}
	s.issuer.accessTTL, s.issuer.refreshTTL = defaultAccessTTL, defaultRefreshTTL
	s.ledger.grace, s.ledger.maxSessions = defaultGrace, defaultSessions
	s.places, s.realm, s.errorHandler = defaultPlaces, defaultRealm, DefaultErrorHandler
	s.jar.protection = http.NewCrossOriginProtection()
	return s
}

func (s *setup) apply(opts []Option) {
	for _, o := range opts {
		switch o := o.(type) {
		case managerOption:
			o(s)
		case wire.Profile:
			set("profile", "", func(s *setup) { s.profile = o }).(managerOption)(s)
		default:
			s.errs = append(s.errs, errors.New("jot: New: an option is nil"))
		}
	}
}

func (s *setup) wrong(is bool, text string) {
	if is {
		s.errs = append(s.errs, errors.New("jot: "+text))
	}
}

// settle finds what settings cannot mean together, and hands each part what others were told.
func (s *setup) settle() {
	s.settleSessions()
	s.settleCookies()
	s.settleTokens()
}

func (s *setup) settleSessions() {
	for _, name := range []string{"WithRotationGrace", "WithMaxSessions"} {
		s.wrong(s.given[name] && !s.given["WithStore"], name+" has no effect without WithStore")
	}
	s.wrong(s.given["WithStore"] && s.given["WithBlocklist"],
		"WithBlocklist beside WithStore: a store remembers revoked tokens as well")
	longest := max(s.issuer.accessTTL, s.issuer.refreshTTL)
	if s.issuer.sessionTTL == 0 {
		s.issuer.sessionTTL = max(defaultSessionTTL, longest)
	}
	s.wrong(s.issuer.sessionTTL < longest, "WithSessionTTL is shorter than the lifetime of a token")
	s.wrong(s.ledger.store != nil && s.issuer.accessTTL > session.MaxTokenLife,
		"WithAccessTTL is more than 400 days, which is how long a store remembers who was logged out")
	s.ledger.sessionTTL = s.issuer.sessionTTL
	if s.ledger.store != nil {
		s.issuer.longest = session.MaxTokenLife
	}
}

func (s *setup) settleCookies() {
	if len(s.places.order) == 0 {
		s.places.order = []Location{InHeader}
		if s.jar.cookies != nil {
			s.places.order = []Location{InCookie}
		}
	}
	if s.jar.cookies == nil && slices.Contains(s.places.order, InCookie) {
		s.jar.cookies = CookieConfig{}.settle()
	}
	s.wrong(s.sliding && s.ledger.store == nil,
		"WithSlidingSessions needs WithStore: a session that has ended must not go on")
	s.wrong(s.sliding && (s.jar.cookies == nil || s.jar.cookies.RefreshPath != "/"),
		"WithSlidingSessions needs WithCookies, without a RefreshPath")
	s.wrong(s.given["WithCrossOriginProtection"] && s.jar.cookies == nil,
		"WithCrossOriginProtection has no effect without WithCookies")
	s.jar.profile = s.profile.CSRF
	s.places.profile, s.places.access.param = &s.profile, s.places.param
	if s.profile.RefreshInQuery {
		s.places.refresh.param = s.places.param
	}
	for i, kind := range []*names{&s.places.access, &s.places.refresh} {
		if c := s.jar.cookies; c != nil {
			kind.cookie, kind.csrfHeader, kind.csrfField = *c.names()[i], c.CSRFHeader, c.CSRFField
		}
		if p := s.jar.profile; p != nil {
			kind.csrfHeader, kind.csrfField = p.Header[i], p.Field[i]
		}
		kind.csrfHeader = http.CanonicalHeaderKey(kind.csrfHeader)
	}
}

func (s *setup) settleTokens() {
	s.issuer.profile, s.verifier.profile = s.profile, &s.profile
	s.issuer.origin, s.verifier.origin = s.origin, s.origin
	s.issuer.signing = s.verifier.sources[0]
	s.issuer.csrf = s.jar.cookies != nil
	s.issuer.audience = s.verifier.audience
	s.verifier.issuers = s.profile.Issuers
	if len(s.verifier.issuers) == 0 && s.issuer.name != "" {
		s.verifier.issuers = []string{s.issuer.name}
	}
	s.ledger.issuer, s.ledger.endless = s.issuer.name, len(s.profile.NoExpiry) > 0
	if s.profile.Minting != nil {
		s.ledger.issuer = s.profile.Minting.Issuer
	}
}

// set makes an option of a setting that may be given once: of two blocklists, one would silently not be asked. wrong
// says what is wrong with the value, "" if nothing is.
func set(name, wrong string, apply func(*setup)) Option {
	return managerOption(func(s *setup) {
		switch {
		case s.given[name]:
			s.errs = append(s.errs, fmt.Errorf("jot: %s is given twice", name))
		case wrong != "":
			s.errs = append(s.errs, fmt.Errorf("jot: %s: %s", name, wrong))
		default:
			apply(s)
		}
		s.given[name] = true
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
)

// WithBlocklist asks b whether a token was revoked, once for each request, and is where [Manager.Revoke] writes. When
// b fails the answer is 503: a token that may be revoked is not let in. A call may take a second. Without it nothing
// is looked up but what [WithTokenInBlocklist] does.
func WithBlocklist(b Blocklist) Option {
	return set("WithBlocklist", nilStore(b), func(s *setup) { s.ledger.blocklist = b })
}

// WithStore keeps sessions in store, and remembers there what was revoked: what [Manager.Rotate],
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
func WithStore(store session.Store) Option {
	return set("WithStore", nilStore(store), func(s *setup) { s.ledger.store = store })
}

func nilStore(store any) string {
	if keyring.IsNil(store) {
		return "it is nil"
	}
	return ""
}

// WithTokenInBlocklist asks f whether a token was revoked, once for each request, before any blocklist. True refuses
// it as [ErrRevoked]. An error means that f cannot tell: 503, [ErrUnavailable], unless it wraps another of this
// package's errors.
func WithTokenInBlocklist(f func(ctx context.Context, t *Token) (revoked bool, err error)) Option {
	return set("WithTokenInBlocklist", nilFunc(f == nil), func(s *setup) { s.ledger.inBlocklist = f })
}

// WithTokenVerification asks f about every token that holds otherwise. False refuses it as [ErrForbidden]; an error
// means that f cannot tell: 503, unless it wraps another of this package's errors. For a rule of one route use
// [Check].
func WithTokenVerification(f func(ctx context.Context, t *Token) (ok bool, err error)) Option {
	return set("WithTokenVerification", nilFunc(f == nil), func(s *setup) { s.verification = f })
}

// WithUserLookup loads the user of every token that holds, for [CurrentUser]. It runs last, on every guarded route.
// An error that wraps [ErrUserNotFound] refuses the token: 401, the user is gone. Any other error is 503, so return
// ErrUserNotFound for [database/sql.ErrNoRows] and its like.
func WithUserLookup[T any](f func(ctx context.Context, t *Token) (T, error)) Option {
	return set("WithUserLookup", nilFunc(f == nil), func(s *setup) {
		s.lookup = func(ctx context.Context, t *Token) (any, error) { return f(ctx, t) }
	})
}

// WithAdditionalClaims adds the claims that f returns to every access token, and to no other: a refresh token lives
// long, and yesterday's rights must not live in it. f sees the token as far as it is made; its claims include those
// given by [Claim] and [Claims], which win over f's. A registered claim among f's is an error of the Create… method.
// When f fails it fails too, with [ErrUnavailable] unless the error wraps another of this package's. The map is
// copied.
func WithAdditionalClaims(f func(ctx context.Context, t *Token) (map[string]any, error)) Option {
	return set("WithAdditionalClaims", nilFunc(f == nil), func(s *setup) { s.issuer.claims = f })
}

// WithAdditionalHeaders adds the header parameters that f returns to every token. Those given by [HeaderParam] win;
// alg, kid, typ and the others that steer verification are an error of the Create… method. Errors are as with
// [WithAdditionalClaims]. The map is copied.
func WithAdditionalHeaders(f func(ctx context.Context, t *Token) (map[string]any, error)) Option {
	return set("WithAdditionalHeaders", nilFunc(f == nil), func(s *setup) { s.issuer.headers = f })
}

// WithAccessTTL sets how long access tokens live, and those of [Manager.CreateToken]: whole seconds, 15 minutes
// unless set. A token that is not looked up in a blocklist lives until then whatever happens.
func WithAccessTTL(d time.Duration) Option {
	return set("WithAccessTTL", badTTL(d), func(s *setup) { s.issuer.accessTTL = d })
}

// WithRefreshTTL sets how long refresh tokens live: whole seconds, 30 days unless set.
func WithRefreshTTL(d time.Duration) Option {
	return set("WithRefreshTTL", badTTL(d), func(s *setup) { s.issuer.refreshTTL = d })
}

// WithSessionTTL sets how long a session may last, however often it is refreshed: whole seconds, 90 days unless set,
// or the refresh lifetime if that is longer. No token of a session outlives it. How long a session may go without
// being refreshed is its refresh token's lifetime, [WithRefreshTTL].
func WithSessionTTL(d time.Duration) Option {
	return set("WithSessionTTL", badTTL(d), func(s *setup) { s.issuer.sessionTTL = d })
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
	return set("WithRotationGrace", wrong, func(s *setup) { s.ledger.grace = d })
}

// WithMaxSessions sets how many sessions a subject may have at once: 100 unless set. At a log-in beyond it the oldest
// ends; with 1 a user is logged in at one place only.
func WithMaxSessions(n int) Option {
	wrong := ""
	if n < 1 {
		wrong = fmt.Sprintf("%d is less than 1", n)
	}
	return set("WithMaxSessions", wrong, func(s *setup) { s.ledger.maxSessions = n })
}

// WithIssuer writes iss into every token, and refuses a token with another one or none as [ErrInvalid] (RFC 7519
// section 4.1.1). Names are compared byte for byte. Unless set, none is written and any accepted.
func WithIssuer(name string) Option {
	wrong := ""
	if name == "" || !isText(name) {
		wrong = "the name is empty or not UTF-8"
	}
	return set("WithIssuer", wrong, func(s *setup) { s.issuer.name = name })
}

// WithAudience writes aud into every token, and refuses a token for none of these as [ErrInvalid] (RFC 7519 section
// 4.1.3). Unless set, none is written, and a token that has an aud is refused: it is meant for somebody else. One
// route or one token may differ: [Audience].
func WithAudience(names ...string) Option {
	return set("WithAudience", badNames(names), func(s *setup) { s.verifier.audience = slices.Clone(names) })
}

// WithLeeway sets how far the clocks of servers may differ, for exp, nbf and iat: 30 seconds unless set, at most 5
// minutes. Without any, a token from a server whose clock is ahead is refused by the next. Freshness and [MaxAge]
// know no leeway.
func WithLeeway(d time.Duration) Option {
	wrong := ""
	if d < 0 || d > maxLeeway {
		wrong = fmt.Sprintf("%v is not from 0 to 5 minutes", d)
	}
	return set("WithLeeway", wrong, func(s *setup) { s.origin.leeway = d })
}

// WithVerificationKeys accepts tokens of further keys, which sign none: those that signed before, or those of other
// issuers that share this service's rules. It may be given several times.
func WithVerificationKeys(sources ...KeySource) Option {
	sources = slices.Clone(sources)
	return managerOption(func(s *setup) {
		if len(sources) == 0 {
			s.errs = append(s.errs, errors.New("jot: WithVerificationKeys: name at least one"))
		}
		s.verifier.sources = append(s.verifier.sources, sources...)
	})
}

// WithRealm sets the realm of the challenges in WWW-Authenticate (RFC 9110 section 11.5): "api" unless set. Printable
// ASCII without quotes and backslashes.
func WithRealm(realm string) Option {
	wrong := ""
	odd := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
	if realm == "" || strings.ContainsFunc(realm, odd) {
		wrong = fmt.Sprintf("%q is not printable ASCII without quotes and backslashes", realm)
	}
	return set("WithRealm", wrong, func(s *setup) { s.realm = realm })
}

// WithErrorHandler lets f answer every refused request, instead of [DefaultErrorHandler]. err is an [*Error] unless
// it is the application's own mistake; f chooses what a client sees of it by [Error.Status], [Error.Code] and
// [Error.Challenge].
func WithErrorHandler(f func(w http.ResponseWriter, r *http.Request, err error)) Option {
	return set("WithErrorHandler", nilFunc(f == nil), func(s *setup) { s.errorHandler = f })
}

// WithEventHandler calls f for what happens to tokens and sessions: see [EventKind]. It is called within the request,
// so it must not wait for anything, and for every refused token of anybody: do not log those above debug level.
func WithEventHandler(f func(ctx context.Context, e Event)) Option {
	return set("WithEventHandler", nilFunc(f == nil), func(s *setup) { s.eventHandler = f })
}

// WithClock sets the clock, for tests: [time.Now] unless set. A store refuses tokens of no session that are older than
// itself: with a clock in the past take package memstore, or give sqlstore.Since the zero time.
func WithClock(now func() time.Time) Option {
	return set("WithClock", nilFunc(now == nil), func(s *setup) { s.origin.clock = now })
}

// WithLocations looks for tokens in these places, in order: [InHeader] unless set, or [InCookie] with [WithCookies].
// Only where nothing is found does the search go on: something bad is refused. One route may differ: [Locations].
func WithLocations(places ...Location) Option {
	return set("WithLocations", badLocations(places), func(s *setup) { s.places.order = slices.Clone(places) })
}

// WithHeader sets the header and the scheme of [InHeader]: "Authorization" and "Bearer" unless set. Without a scheme
// the header holds the bare token.
func WithHeader(name, scheme string) Option {
	wrong := ""
	if !credential.IsName(name) || scheme != "" && !credential.IsName(scheme) {
		wrong = "not the name of a header and of a scheme"
	}
	name = http.CanonicalHeaderKey(name)
	return set("WithHeader", wrong, func(s *setup) { s.places.header, s.places.scheme = name, scheme })
}

// WithQueryParam sets the parameter of [InQuery], and what stands before the token in its value: "access_token" (RFC
// 6750 section 2.3) and nothing unless set.
func WithQueryParam(name, prefix string) Option {
	wrong := ""
	if name == "" {
		wrong = "the name is empty"
	}
	return set("WithQueryParam", wrong, func(s *setup) { s.places.param, s.places.prefix = name, prefix })
}

// WithBodyKeys sets the names under which [InBody] finds access tokens and refresh tokens: "access_token" and
// "refresh_token" unless set.
func WithBodyKeys(access, refresh string) Option {
	wrong := ""
	if access == "" || refresh == "" {
		wrong = "a name is empty"
	}
	return set("WithBodyKeys", wrong, func(s *setup) { s.places.access.key, s.places.refresh.key = access, refresh })
}

// WithCookies takes tokens from cookies, and protects them from other origins' pages: see [CookieConfig]. Tokens
// carry a CSRF value then, which every request that changes something has to repeat in a header. [Manager.WritePair]
// sets the cookies and answers with the CSRF values, unless [WithLocations] names [InHeader] as well.
func WithCookies(cookies CookieConfig) Option {
	settled := cookies.settle()
	settled.Former = slices.Clone(cookies.Former)
	return managerOption(func(s *setup) {
		if err := settled.check(); err != nil {
			s.errs = append(s.errs, err)
		}
		set("WithCookies", "", func(s *setup) { s.jar.cookies = settled }).(managerOption)(s)
	})
}

// WithCrossOriginProtection sets the rule by which requests with cookies are refused when another origin's page sent
// them: a zero [http.CrossOriginProtection] unless set. Add to it the origins that may, such as
// https://app.example.com for an API of another host.
func WithCrossOriginProtection(p *http.CrossOriginProtection) Option {
	wrong := ""
	if p == nil {
		wrong = "it is nil"
	}
	return set("WithCrossOriginProtection", wrong, func(s *setup) { s.jar.protection = p })
}

// WithSlidingSessions renews the access token of a browser that is at work, so that its pages need no script for it:
// within the last third of its life a guarded request is answered with a new cookie as well. It has what [InSession]
// of the refresh token gives, which must be in the browser too: claims, scopes and the CSRF value stay,
// [WithAdditionalClaims] is asked anew, and it is not fresh.
//
// The refresh token is asked what a guard would ask of it, and is not used up: one that was exchanged before means a
// thief, so it ends the session. A session that only slides ends with its refresh token ([WithRefreshTTL]); refresh
// now and then if it should last longer.
//
// The cookie is set before the handler runs, and taken back by whatever sets, clears or revokes afterwards. That it
// cannot be made is an event, and never fails a request. It wants [WithCookies] without a RefreshPath, and
// [WithStore]: a session that has ended must not go on. Routes with [InsecureSkipRevocation] renew nothing. Unless
// given, nothing is renewed.
func WithSlidingSessions() Option {
	return set("WithSlidingSessions", "", func(s *setup) { s.sliding = true })
}
