package jot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/internal/credential"
	"github.com/go-jot/jot/internal/keyring"
	"github.com/go-jot/jot/internal/sieve"
	"github.com/go-jot/jot/session"
)

// WithBlocklist asks b once per request whether a token was revoked; [Manager.Revoke] writes to it. If b fails, the
// answer is 503: a token that may have been revoked does not pass. A call may take a second ([WithStoreTimeout]).
// Without it nothing is looked up, except by [WithTokenInBlocklist].
func WithBlocklist(b Blocklist) Option {
	return set("WithBlocklist", nilStore(b), func(s *setup) { s.ledger.blocklist = b })
}

// WithStore keeps sessions and revocations in store. [Manager.Rotate], [Manager.RefreshHandler] and the Revoke…
// methods need it. Guards ask it about the token, its session, its subject and everyone in one call per request; if it
// fails, the answer is 503. A call may take a second ([WithStoreTimeout]).
//
// memstore.New lives in the memory of one process: a restart logs everybody out. sqlstore.New uses SQLite, PostgreSQL,
// MariaDB or MySQL, and goredisstore.New and rueidisstore.New use Redis: they survive restarts. There is no default: a
// hidden store in memory would log everybody out at each start.
//
// Managers that share keys must share a store, and the issuer, by which the store tells users apart: a session that
// the store does not know counts as ended, and its tokens are refused. Tokens outside any session, those of
// [Manager.CreateAccessToken] without [InSession], are refused if they were issued before the store was created,
// because the store cannot know which of them had been revoked; for a store in memory, that is before the Manager was
// made. None of them lives longer than [session.MaxTokenLife], 400 days.
func WithStore(store session.Store) Option {
	return set("WithStore", nilStore(store), func(s *setup) { s.ledger.store = store })
}

func nilFunc(isNil bool) string {
	if isNil {
		return "the function is nil"
	}
	return ""
}

func nilStore(store any) string {
	if keyring.IsNil(store) {
		return "it is nil"
	}
	return ""
}

// WithStoreTimeout sets how long one call of the store or the blocklist may take: 1 second unless set, from 1
// millisecond to 1 minute. A request that would wait longer is answered with 503, whether or not the engine's client
// looks at its context; many do not. At most 512 calls are under way at once. Where an engine has stalled, and holds
// as many, requests are answered with 503 at once instead of piling up behind them, until one of the calls comes back.
// What lives in memory, as memstore does, is not timed.
func WithStoreTimeout(d time.Duration) Option {
	wrong := ""
	if d < time.Millisecond || d > maxTimeout {
		wrong = fmt.Sprintf("%v is not from 1 millisecond to 1 minute", d)
	}
	return set("WithStoreTimeout", wrong, func(s *setup) { s.timeout = d })
}

// WithTokenInBlocklist asks f once per request whether a token was revoked, before any blocklist or store. True
// refuses it as [ErrRevoked]. An error means that f cannot tell: the answer is 503, [ErrUnavailable], unless it wraps
// another of this package's errors.
func WithTokenInBlocklist(f func(ctx context.Context, t *Token) (revoked bool, err error)) Option {
	return set("WithTokenInBlocklist", nilFunc(f == nil), func(s *setup) {
		s.ledger.inBlocklist = named("WithTokenInBlocklist", f)
	})
}

// WithTokenVerification asks f about every token that has passed all other checks. False refuses it as [ErrForbidden];
// an error means that f cannot tell: the answer is 503, unless it wraps another of this package's errors. For a rule
// of a single route, use [Check].
func WithTokenVerification(f func(ctx context.Context, t *Token) (ok bool, err error)) Option {
	return set("WithTokenVerification", nilFunc(f == nil), func(s *setup) {
		s.verification = named("WithTokenVerification", f)
	})
}

// WithUserLookup loads the user of every accepted token, for [CurrentUser]. It runs last, on every guarded route. An
// error that wraps [ErrUserNotFound] refuses the token with 401, and so does a user who is nobody: nil, or a struct all
// of whose fields are zero, as it is where nothing was found. Any other error is 503, so return ErrUserNotFound for
// [database/sql.ErrNoRows] and its like.
//
// It is asked about tokens of a [Type] as well, because a mailed link wants its user to be there still. Where such a
// token is for a machine, let f look at [Token.Type] first and return something that stands for the machine: T may be
// an interface.
func WithUserLookup[T any](f func(ctx context.Context, t *Token) (T, error)) Option {
	return set("WithUserLookup", nilFunc(f == nil), func(s *setup) {
		s.lookup = named("WithUserLookup", func(ctx context.Context, t *Token) (any, error) {
			user, err := f(ctx, t)
			if err == nil && isNobody(user) {
				err = ErrUserNotFound
			}
			return user, err
		})
	})
}

// isNobody reports whether a user is what a look-up that finds nothing leaves.
func isNobody(user any) bool {
	v := reflect.ValueOf(user)
	return keyring.IsNil(user) || v.Kind() == reflect.Struct && v.NumField() > 0 && v.IsZero()
}

// WithAdditionalClaims adds the claims that f returns to every access token, and to no other: a refresh token lives
// long, and must not preserve rights that its user has lost. f sees the unfinished token, whose claims include those
// given by [Claim] and [Claims]; they win over f's. If f returns a registered claim, the Create… method fails. If f
// fails, so does the Create… method, with [ErrUnavailable] unless the error wraps another of this package's. The map
// is copied.
func WithAdditionalClaims(f func(ctx context.Context, t *Token) (map[string]any, error)) Option {
	return set("WithAdditionalClaims", nilFunc(f == nil), func(s *setup) { s.issuer.claims = f })
}

// WithAdditionalHeaders adds the header parameters that f returns to every token. Those given by [HeaderParam] win; if
// f returns alg, kid, typ or another that controls verification, the Create… method fails. Errors of f count as with
// [WithAdditionalClaims]. The map is copied.
func WithAdditionalHeaders(f func(ctx context.Context, t *Token) (map[string]any, error)) Option {
	return set("WithAdditionalHeaders", nilFunc(f == nil), func(s *setup) { s.issuer.headers = f })
}

// WithScopes asks f for the scopes that the user has now, each time an access token is issued: at login, at each
// refresh and renewal. The token gets these; if the login asked for some by [Scopes], only those of them. So a right
// that a user loses is gone at the next refresh, and one that comes back is there again. Refresh tokens keep what the
// login asked for. What f does not name is left out without an error, be it all of the scopes: for an access token of a
// machine f has to know the machine. About tokens of a [Type] it is not asked. Without it, the scopes of a login last
// as long as its session: keep rights that may change out of [Scopes] then. If f fails, so does the Create… method,
// with [ErrUnavailable] unless the error wraps another of this package's.
func WithScopes(f func(ctx context.Context, t *Token) ([]string, error)) Option {
	return set("WithScopes", nilFunc(f == nil), func(s *setup) { s.issuer.scopes = f })
}

// WithAccessTTL sets the lifetime of access tokens, and of those of [Manager.CreateToken]: whole seconds, 15 minutes
// unless set. Without a store or a blocklist, a token cannot be revoked before it expires. With [WithRefreshTTL] beside
// it, it is at most that.
func WithAccessTTL(d time.Duration) Option {
	return set("WithAccessTTL", badTTL(d), func(s *setup) { s.issuer.accessTTL = d })
}

// WithRefreshTTL sets the lifetime of refresh tokens, and so how long a session may go without being refreshed: whole
// seconds, 30 days unless set.
func WithRefreshTTL(d time.Duration) Option {
	return set("WithRefreshTTL", badTTL(d), func(s *setup) { s.issuer.refreshTTL = d })
}

// WithSessionTTL sets how long a session may last, however often it is refreshed: whole seconds, 90 days unless set,
// or the lifetime of refresh tokens if that is longer. No token of a session outlives it.
func WithSessionTTL(d time.Duration) Option {
	return set("WithSessionTTL", badTTL(d), func(s *setup) { s.issuer.sessionTTL = d })
}

// WithRotationGrace sets how long a refresh token may be presented again after its use, to get the same successor: 10
// seconds unless set, at most a minute, and no longer than until its successor is used. Two tabs that refresh at once
// need it, and so does a client that lost the response. A thief who is as quick is detected at the rotation after next.
// With 0 a token that is presented again is refused, and its session ends. See [Manager.Rotate].
func WithRotationGrace(d time.Duration) Option {
	wrong := ""
	if d < 0 || d > time.Minute {
		wrong = fmt.Sprintf("%v is not from 0 to a minute", d)
	}
	return set("WithRotationGrace", wrong, func(s *setup) { s.ledger.grace = d })
}

// WithMaxSessions sets how many sessions a subject may have at once: 100 unless set. A login beyond the limit ends the
// oldest session; with 1 a user is logged in at one place only.
func WithMaxSessions(n int) Option {
	wrong := ""
	if n < 1 {
		wrong = fmt.Sprintf("%d is less than 1", n)
	}
	return set("WithMaxSessions", wrong, func(s *setup) { s.ledger.maxSessions = n })
}

// WithIssuer writes iss into every token, and refuses tokens with another iss or none as [ErrInvalid] (RFC 7519
// section 4.1.1). Names are compared byte for byte. Unless set, no iss is written and any is accepted.
func WithIssuer(name string) Option {
	wrong := ""
	if name == "" || !isText(name) {
		wrong = "the name is empty or not UTF-8"
	}
	return set("WithIssuer", wrong, func(s *setup) { s.issuer.name = name })
}

// WithAudience writes aud into every token, and refuses tokens that name none of these as [ErrInvalid] (RFC 7519
// section 4.1.3). Unless set, no aud is written, and a token that has one is refused: it is meant for another service.
// A single route or token may differ: [Audience].
func WithAudience(names ...string) Option {
	return set("WithAudience", badNames(names), func(s *setup) { s.verifier.audience = slices.Clone(names) })
}

// WithLeeway sets how far the clocks of servers may differ, for exp, nbf and iat: 30 seconds unless set, at most 5
// minutes. With none, a token from a server whose clock is ahead is refused by the others. Freshness and [MaxAge] have
// no leeway.
func WithLeeway(d time.Duration) Option {
	wrong := ""
	if d < 0 || d > maxLeeway {
		wrong = fmt.Sprintf("%v is not from 0 to 5 minutes", d)
	}
	return set("WithLeeway", wrong, func(s *setup) { s.origin.leeway = d })
}

// WithVerificationKeys accepts tokens signed by further keys, which sign no new ones: former keys, or those of other
// issuers that follow this service's rules. It may be given several times.
func WithVerificationKeys(sources ...KeySource) Option {
	sources = slices.Clone(sources)
	return managerOption(func(s *setup) {
		if len(sources) == 0 {
			s.errs = append(s.errs, errors.New("jot: WithVerificationKeys: name at least one"))
		}
		for _, source := range sources {
			s.verifier.trusts = append(s.verifier.trusts, trust{source: source})
		}
	})
}

// WithIssuerKeys accepts access tokens of other issuers, each by its own keys: those of an OpenID provider, or of a
// service that issues by rules of its own. It may be given several times. A token is verified by the keys of the issuer
// that it names (iss), and by no others, so ids of keys may be the same at two issuers. A token that names none of them
// must be this service's own.
//
// Of other issuers nothing else is accepted: no refresh token, nothing by a [Type], and no ID token. Their tokens are
// never fresh, which [Fresh] demands; [MaxAge] goes by their auth_time. A guard asks the store about them by names that
// no token of this service has, so one issuer cannot revoke what another has issued; [Manager.RevokeSubject] takes
// [Token.Subject]. They join no session of this service: [Manager.CreatePair] begins one for the same subject.
//
// A Manager with keys of its own needs [WithIssuer], and that name must be none of these; one without has [NoKeys].
// For services that share one login, let each verify the login's tokens as its own instead: give its public keys to
// [New], and its name to WithIssuer.
func WithIssuerKeys(issuers ...Issuer) Option {
	issuers = slices.Clone(issuers)
	return managerOption(func(s *setup) {
		s.wrong(len(issuers) == 0, "WithIssuerKeys: name at least one")
		s.others = append(s.others, issuers...)
	})
}

// WithRefreshKeys gives refresh tokens keys of their own, a [Key] or a [KeySet]: they are signed and verified by those,
// and all other tokens by the others. So the keys that services share to verify access tokens make no refresh token,
// not even a secret that has leaked there. [Manager.JWKSHandler] does not publish them. Without it, one key signs both.
//
// Refresh tokens that were issued before are refused. So that nobody is logged out, begin with a set that holds the
// former key too, the same [Key] that [New] is given, and leave that out once the last of them has expired.
func WithRefreshKeys(source KeySource) Option {
	wrong := ""
	switch {
	case keyring.IsNil(source):
		wrong = "the key source is nil"
	case source.defect() == nil && source.keys().Signer == nil:
		wrong = "it has no key that signs"
	case source.defect() == nil && !source.keys().Signer.Until.IsZero():
		wrong = errEnding.Error()
	}
	return set("WithRefreshKeys", wrong, func(s *setup) { s.verifier.refresh = source })
}

// WithTokenCache keeps up to n tokens whose signatures were verified, from 16 to a million, so that a token that comes
// again costs a microsecond instead of the 30 to 100 that RS256, ES256 and EdDSA take. Each takes some 2 KiB of memory,
// and 20 KiB at most. Without it, none is kept.
//
// Nothing else is taken for granted: expiry, issuer, audience, revocation, the route's demands and the callbacks are
// asked each time, and whether the key is still one of its source's; a [Keyfunc] is asked for it. Forged tokens never
// come in. What a secret has signed is not kept, since that is verified as fast: without a key pair or a Keyfunc the
// option is an error of [New].
func WithTokenCache(n int) Option {
	wrong := ""
	if n < 16 || n > 1_000_000 {
		wrong = fmt.Sprintf("%d is not from 16 to a million", n)
	}
	return set("WithTokenCache", wrong, func(s *setup) { s.verifier.cache = &cache{sieve.New[proven](n)} })
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

// WithErrorHandler lets f answer every refused request, instead of [DefaultErrorHandler]. err is an [*Error], unless
// it is a mistake of the application's; [Error.Status] and [Error.Code] are what a client should see of it. The headers
// of the answer are set already, and f may change them: the challenge, Allow, Retry-After, no-store and nosniff. Where
// f writes no status, or nothing at all, the status is that of the error, 500 for a mistake: a refused request is 200
// only if f says so by WriteHeader. For that the ResponseWriter is a wrapped one, an [http.Flusher] if the server's is;
// [http.ResponseController] finds the rest.
func WithErrorHandler(f func(w http.ResponseWriter, r *http.Request, err error)) Option {
	return set("WithErrorHandler", nilFunc(f == nil), func(s *setup) { s.errorHandler = f })
}

// WithEventHandler calls f whenever something happens to tokens or sessions: see [EventKind]. f runs within the
// request, so it must not block. Anybody can cause refusals: do not log them above debug level.
func WithEventHandler(f func(ctx context.Context, e Event)) Option {
	return set("WithEventHandler", nilFunc(f == nil), func(s *setup) { s.eventHandler = f })
}

// WithResourceMetadata publishes where clients get tokens for this service (RFC 9728), by
// [Manager.ResourceMetadataHandler] and in every challenge: a client that knows nothing but the service's address finds
// its issuer. Unless given, nothing is published.
func WithResourceMetadata(r ResourceMetadata) Option {
	wrong := ""
	where, err := r.address()
	if err != nil {
		wrong = err.Error()
	}
	r.AuthorizationServers, r.Scopes = slices.Clone(r.AuthorizationServers), slices.Clone(r.Scopes)
	return set("WithResourceMetadata", wrong, func(s *setup) { s.resource, s.metadata = &r, where })
}

// WithClock sets the clock, for tests: [time.Now] unless set. A store refuses tokens outside any session that are
// older than itself: with a clock in the past, use package memstore, or give the Since of the store's package the zero
// time. A method of one instant, such as time.Now().UTC, stands still and is an error: give a function that calls
// time.Now.
func WithClock(now func() time.Time) Option {
	wrong := nilFunc(now == nil)
	if now != nil && strings.HasPrefix(runtime.FuncForPC(reflect.ValueOf(now).Pointer()).Name(), "time.Time.") {
		wrong = "it stands still, as a method of one instant does: give a function that calls time.Now"
	}
	return set("WithClock", wrong, func(s *setup) { s.origin.clock = now })
}

// WithLocations looks for tokens in these places, in order: [InHeader] unless set, or [InCookie] with [WithCookies].
// The first place that holds something decides, even if what it holds is bad. A single route may differ: [Locations].
// [InCookie] without WithCookies is WithCookies(CookieConfig{}).
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

// WithQueryParam sets the parameter of [InQuery], and a prefix that its value must have before the token:
// "access_token" (RFC 6750 section 2.3) and none unless set. It does not make anybody look there: [WithLocations] or a
// route's [Locations] must name InQuery.
func WithQueryParam(name, prefix string) Option {
	wrong := ""
	if name == "" {
		wrong = "the name is empty"
	}
	return set("WithQueryParam", wrong, func(s *setup) { s.places.param, s.places.prefix = name, prefix })
}

// WithBodyKeys sets the names under which [InBody] finds access tokens and refresh tokens: "access_token" and
// "refresh_token" unless set. It does not make anybody look there: [WithLocations] or a route's [Locations] must name
// InBody.
func WithBodyKeys(access, refresh string) Option {
	wrong := ""
	if access == "" || refresh == "" {
		wrong = "a name is empty"
	}
	return set("WithBodyKeys", wrong, func(s *setup) { s.places.access.key, s.places.refresh.key = access, refresh })
}

// WithCookies reads tokens from cookies, and protects these against other origins' pages: see [CookieConfig]. Each
// token then carries a CSRF value, which every request that changes something must repeat in a header.
// [Manager.WritePair] sets the cookies and answers with the CSRF values, unless [WithLocations] names [InHeader] as
// well.
func WithCookies(cookies CookieConfig) Option {
	settled := cookies.settle()
	settled.Former = slices.Clone(cookies.Former)
	return managerOption(func(s *setup) {
		if err := settled.check(); err != nil {
			s.errs = append(s.errs, err)
		}
		s.given["RefreshSameSite"] = cookies.RefreshSameSite != 0
		set("WithCookies", "", func(s *setup) { s.jar.cookies = new(*settled) }).(managerOption)(s)
	})
}

// WithCrossOriginProtection sets the rule that refuses requests with cookies that another origin's page has sent: a
// zero [http.CrossOriginProtection] unless set. Add the origins that you trust to it, such as https://app.example.com
// for an API on another host.
func WithCrossOriginProtection(p *http.CrossOriginProtection) Option {
	wrong := ""
	if p == nil {
		wrong = "it is nil"
	}
	return set("WithCrossOriginProtection", wrong, func(s *setup) { s.jar.protection = p })
}

// WithSlidingSessions renews the access token of a browser that is in use, so that its pages need no script for it: in
// the last third of the token's life, the response to a guarded request also sets a new cookie. The new token is what
// [InSession] makes of the refresh token, whose cookie must be there too: claims, scopes and the CSRF value stay,
// [WithAdditionalClaims] is asked again, and the token is not fresh. The auth_time of step-up authentication stays too.
//
// The refresh token is checked as by a guard, and not used up. One that was exchanged before means theft, and ends the
// session. A session that only slides ends with its refresh token, 30 days after the login: [WithRefreshTTL] sets that,
// up to [WithSessionTTL].
//
// If the access token's cookie is gone, because the reader was away for longer than it lives, the guard makes a new
// token in the same way before it checks the request, so that nothing that was typed is lost; it has the login's
// auth_time. If the session has ended by then, the request is as one without a token. So that a link in a mail finds
// its reader logged in, RefreshSameSite is Lax, unless [CookieConfig] sets it. Pages put [Token.CSRFToken] into their
// forms.
//
// The cookie is set before the handler runs, and withdrawn if the handler sets or clears cookies, or revokes. A
// renewal that fails is an event, and never fails the request. It needs a key that signs, [WithCookies] without a
// RefreshPath, and [WithStore]: a session that has ended must not be renewed. Routes with [InsecureSkipRevocation]
// renew nothing. Unless given, nothing is renewed.
func WithSlidingSessions() Option {
	return set("WithSlidingSessions", "", func(s *setup) { s.sliding = true })
}
