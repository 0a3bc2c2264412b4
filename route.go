package jot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jot/jot/internal/exempt"
	"github.com/go-jot/jot/internal/wire"
)

// RouteOption says something about a route, for [Manager.Required] and [Manager.Guard].
type RouteOption interface{ applyRoute(rt *route) }

// Demand is a [RouteOption] that makes sense without a request, so [Manager.Verify] takes it too.
type Demand interface {
	RouteOption
	demand()
}

// Trait is what a token has and a route demands: CreateAccessToken(ctx, id, Scopes("admin")) makes what
// Required(Scopes("admin")) asks for.
type Trait interface {
	TokenOption
	Demand
}

// RouteOptions makes one RouteOption of several.
func RouteOptions(opts ...RouteOption) RouteOption {
	opts = slices.Clone(opts)
	return routeOption(func(rt *route) { rt.apply(opts) })
}

type routeOption func(*route)

func (f routeOption) applyRoute(rt *route) { f(rt) }

type demandFunc func(*route)

func (f demandFunc) applyRoute(rt *route) { f(rt) }
func (demandFunc) demand()                {}

// demandsOf returns demands as options of a route, which they also are.
func demandsOf(demands []Demand) []RouteOption {
	opts := make([]RouteOption, len(demands))
	for i, d := range demands {
		opts[i] = d
	}
	return opts
}

type trait struct {
	tokenOption
	demandFunc
}

// route is what a route demands of a token.
type route struct {
	optional, fresh, refresh  bool
	accessOrRefresh           bool
	skipRevocation, singleUse bool
	failOpen                  bool
	unsafe                    bool // GET, HEAD and OPTIONS are not for it
	eitherProof               bool // the CSRF value of the access token will do for the refresh token
	anyAudience               bool // whoever it is for, if we have made it
	maxAge                    time.Duration
	typ                       string
	scopes, audience          []string
	locations                 []Location // instead of the manager's
	checks                    []func(context.Context, *Token) (bool, error)
	except                    *exempt.Patterns
	errs                      []error
}

func (rt *route) apply(opts []RouteOption) {
	for _, o := range opts {
		if o == nil {
			rt.failf("an option is nil")
			continue
		}
		o.applyRoute(rt)
	}
}

func (rt *route) failf(format string, args ...any) {
	rt.errs = append(rt.errs, fmt.Errorf(format, args...))
}

// newRoute reads the options of a route and reports every contradiction between them.
func newRoute(opts []RouteOption) (*route, error) {
	rt := new(route)
	rt.apply(opts)
	for _, c := range []struct {
		both bool
		text string
	}{
		{rt.refresh && rt.typ != "", "Refresh and Type: a token has one type"},
		{rt.accessOrRefresh && rt.typ != "", "Type and AccessOrRefresh: the latter never takes a Type"},
		{rt.refresh && rt.fresh, "Refresh and Fresh: a refresh token is never fresh"},
		{rt.refresh && rt.maxAge > 0, "Refresh and MaxAge: the age is asked where access is given"},
		{
			rt.refresh && len(rt.locations) == 1 && rt.locations[0] == InQuery,
			"Refresh and Locations(InQuery): a refresh token is not taken from a URL",
		},
		{rt.singleUse && rt.skipRevocation, "SingleUse and InsecureSkipRevocation: a used token is a revoked one"},
		{
			rt.failOpen && rt.skipRevocation,
			"InsecureFailOpen and InsecureSkipRevocation: what is not asked cannot fail",
		},
		{rt.failOpen && rt.singleUse, "InsecureFailOpen and SingleUse: a used token would be used again"},
		{
			rt.failOpen && (rt.refresh || rt.accessOrRefresh || rt.typ != ""),
			"InsecureFailOpen and Refresh, AccessOrRefresh or Type: it is for access tokens, which end soon",
		},
		{rt.singleUse && rt.refresh, "SingleUse and Refresh: it is Rotate that uses a refresh token up"},
		{rt.singleUse && rt.optional, "SingleUse and Optional: without a token nothing is used"},
		{rt.singleUse && rt.accessOrRefresh, "SingleUse and AccessOrRefresh: a log-in's tokens are used many times"},
	} {
		if c.both {
			rt.failf("contradiction of %s", c.text)
		}
	}
	return rt, errors.Join(rt.errs...)
}

// missing says what the route needs of a manager that does not remember what was revoked, or has no cookies.
func (rt *route) missing(remembers, cookies bool) error {
	switch {
	case rt.singleUse && !remembers:
		return lacks("SingleUse", "WithStore or WithBlocklist")
	case slices.Contains(rt.locations, InCookie) && !cookies:
		return lacks("Locations(InCookie)", "WithCookies")
	}
	return nil
}

// takes reports whether the route takes a token of this type.
func (rt *route) takes(typ string) bool {
	switch {
	case rt.typ != "":
		return typ == rt.typ
	case rt.accessOrRefresh:
		return typ == typeAccess || typ == typeRefresh
	case rt.refresh:
		return typ == typeRefresh
	}
	return typ == typeAccess
}

// judge asks whether it is the token that the route wants.
func (rt *route) judge(t *Token, now time.Time) *reason {
	if !rt.takes(t.Type) {
		return rt.another(t.Type)
	}
	if rt.fresh && !t.freshAt(now) || rt.maxAge > 0 && !t.provenSince(now, rt.maxAge) {
		why := &reason{sentinel: ErrNotFresh, maxAge: rt.maxAge}
		switch {
		case rt.fresh && t.foreign:
			why.cause = errForeign
		case t.AuthTime.IsZero():
			why.cause = errNoAuthTime
		}
		return why
	}
	return rt.allows(t)
}

var errForeign = errors.New("another issuer's token is never fresh: MaxAge goes by its auth_time")

var errNoAuthTime = errors.New("the token does not say when a password was given: its login was made without Fresh")

// another is the reason when a token is of another type than the route wants.
func (rt *route) another(typ string) *reason {
	want, is, also := "an access token", "a token of another type", ""
	switch {
	case rt.typ != "":
		want = fmt.Sprintf("a token of the type %q", rt.typ)
	case rt.accessOrRefresh:
		want = "an access or refresh token"
	case rt.refresh:
		want = "a refresh token"
	}
	switch typ {
	case typeAccess:
		is = "an access token"
	case typeRefresh:
		is = "a refresh token"
	default: // what a client sends is not repeated to it
		also = fmt.Sprintf(", %q", typ)
	}
	return &reason{sentinel: ErrWrongType, cause: told{text: want + " is required, and this is " + is, also: also}}
}

// allows asks for the scopes.
func (rt *route) allows(t *Token) *reason {
	for _, scope := range rt.scopes {
		if !t.HasScope(scope) {
			return &reason{sentinel: ErrInsufficientScope, scopes: slices.Clone(rt.scopes)}
		}
	}
	return nil
}

// Optional lets a request without a token through as an anonymous one, for which [FromContext] finds nothing. A bad
// token is still refused, and so is the cookie of a session that has ended, until it expires after 15 minutes or so: a
// site may let [WithErrorHandler] answer that by [Manager.UnsetCookies] and a redirect.
func Optional() RouteOption {
	return routeOption(func(rt *route) { rt.optional = true })
}

// Locations looks for the token in these places, in order, instead of those of [WithLocations]. The first that holds
// something decides, even if what it holds is bad. [InCookie] needs [WithCookies].
func Locations(places ...Location) RouteOption {
	places = slices.Clone(places)
	wrong := badLocations(places)
	return routeOption(func(rt *route) {
		rt.wrong("Locations", wrong)
		rt.locations = places
	})
}

// Except lets requests through, without looking at their tokens, that a [net/http.ServeMux] would route to one of these
// patterns: "POST /login" or "/public/" say. It is for a guard around a whole mux. Name the routes of
// [Manager.RefreshHandler] and [Manager.LogoutHandler] too: those look for a token by themselves, and not for an access
// token alone. So do routes with a guard of their own for tokens of a [Type], machines' say. A pattern that matches
// everything is an error: write "GET /{$}" for the front page. So is one that would match nothing: with a method of
// package net/http's in small letters, needless white space, or a * in its path.
//
// If the handler behind the guard is the [net/http.ServeMux] itself, it is asked which of its patterns the request
// matches, and that must be one of these, spelled as it is registered there, method and all. A request that
// is refused for want of a token although one of these is nearly its pattern logs a warning, once for each; guards of
// several muxes may share the option. Behind any other handler a pattern without a method exempts every method, and the
// guard cannot know that a more specific pattern, "GET /public/drafts" say, is meant to be guarded: exempt no more than
// you mean to. It can see afterwards which pattern it was, in most cases, and then logs a warning, once for each of
// these, unless that is one of them too.
//
// It fails closed. Paths with dot segments, doubled slashes, backslashes, semicolons or needless percent-encoding stay
// guarded, and so do CONNECT and what the mux would only redirect, because the handlers behind may read such a path
// differently. Patterns are matched against the path as it reaches the guard, before any [net/http.StripPrefix] behind
// it.
func Except(patterns ...string) RouteOption {
	muxes := new(exempt.Muxes)
	return routeOption(func(rt *route) {
		if len(patterns) == 0 {
			rt.failf("Except: name at least one pattern")
		}
		if rt.except == nil {
			rt.except = exempt.New()
		}
		for _, pattern := range patterns {
			if err := rt.except.Add(pattern, muxes); err != nil {
				rt.failf("Except: %w", err)
			}
		}
	})
}

// Refresh demands a refresh token. Without it a route takes access tokens only.
func Refresh() Demand {
	return demandFunc(func(rt *route) { rt.refresh = true })
}

// AccessOrRefresh accepts an access token or a refresh token, for a logout say. It never accepts a token of a [Type]:
// a mailed link is no login. With Refresh, it searches where refresh tokens travel, but accepts either type.
func AccessOrRefresh() Demand {
	return demandFunc(func(rt *route) { rt.accessOrRefresh = true })
}

// MaxAge requires that the user authenticated at most d ago (RFC 9470), with [ErrNotFresh] otherwise. It measures
// [Token.AuthTime], which refreshing does not renew. d is at least a second. Of two ages the shorter counts. A login
// that was made without [Fresh] never passes, however young it is; the first one that is refused logs a warning.
func MaxAge(d time.Duration) Demand {
	return demandFunc(func(rt *route) {
		switch {
		case d < time.Second:
			rt.failf("MaxAge: %v is less than a second", d)
		case rt.maxAge == 0 || d < rt.maxAge:
			rt.maxAge = d
		}
	})
}

// Check asks f about the token after all other checks but the user lookup. False refuses it as [ErrForbidden]; an
// error means that f cannot tell: the answer is 503, unless it wraps another of this package's errors. Several are
// asked in order. f sees no request: what depends on one, a cookie that a mailed link is bound to say, is for
// [Manager.Verify] in the handler, with a Check that is a closure.
func Check(f func(ctx context.Context, t *Token) (ok bool, err error)) Demand {
	return demandFunc(func(rt *route) {
		if f == nil {
			rt.failf("Check: the function is nil")
			return
		}
		rt.checks = append(rt.checks, named("Check", f))
	})
}

// named is a callback whose errors say which one it is.
func named[T any](name string, f func(context.Context, *Token) (T, error)) func(context.Context, *Token) (T, error) {
	return func(ctx context.Context, t *Token) (T, error) {
		v, err := f(ctx, t)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return v, err
	}
}

// InsecureSkipRevocation does not ask whether the token was revoked, for a route that must answer even when the store
// cannot. A revoked token passes there until it expires.
func InsecureSkipRevocation() Demand {
	return demandFunc(func(rt *route) { rt.skipRevocation = true })
}

// InsecureFailOpen lets an access token pass where the store or the blocklist cannot tell whether it was revoked, for a
// route that is worth more than that: reading, where nothing is lost if a user who was logged out reads on until the
// token expires. Everything else is asked as ever, and a token that is known to be revoked is refused. Whoever can slow
// the store down can use a revoked token there. The token says so, by [Token.RevocationUnknown], and so does an
// [EventFailedOpen]. It is no evidence: nothing joins its session ([InSession]), and a guard within asks again. A
// request whose client has gone does not pass.
func InsecureFailOpen() Demand {
	return demandFunc(func(rt *route) { rt.failOpen = true })
}

// SingleUse accepts a token once: the last check uses it up, and the second request gets [ErrRevoked]. It is for
// tokens of a [Type], in a mailed link say. Mail scanners open links, so GET, HEAD and OPTIONS are answered with 405:
// let the link lead to a page whose button sends a POST. Without [WithStore] or [WithBlocklist] it is an error.
//
// The guard uses the token up before the handler sees the request. If the handler may still refuse, because a new
// password is too short say, leave SingleUse off its guard, and let the handler use the token up at the end by
// [Manager.Verify] with SingleUse.
//
// Without a Type it uses access tokens up, those of logins too, and logs a warning, once per process, when it does:
// whoever sent one has to refresh. That is for access tokens of no session which are made, here or by another issuer,
// for one request each.
func SingleUse() Demand {
	return demandFunc(func(rt *route) { rt.singleUse, rt.unsafe = true, true })
}

// Fresh marks a token as issued by a login with a password, not by a refresh; on a route it requires such a token,
// with [ErrNotFresh] otherwise. A refreshed token is no longer fresh. On a pair it means the access token.
func Fresh() Trait {
	return trait{
		func(d *draft) { d.fresh = true },
		func(rt *route) { rt.fresh = true },
	}
}

// Scopes gives a token scopes (RFC 9068 section 2.2.3); on a route it requires all of them, with
// [ErrInsufficientScope] otherwise. A scope is printable ASCII without spaces, quotes and backslashes (RFC 6749
// section 3.3). On a pair it means both tokens. Where there is [WithScopes], an access token gets no others than that
// gives, without an error: none at all perhaps.
func Scopes(scopes ...string) Trait {
	scopes = slices.Clone(scopes)
	wrong := ""
	if len(scopes) == 0 {
		wrong = "name at least one"
	}
	for _, scope := range scopes {
		if !wire.IsScope(scope) {
			wrong = fmt.Sprintf("%q is not a scope of RFC 6749 section 3.3", scope)
		}
	}
	return trait{
		func(d *draft) {
			d.wrong("Scopes", wrong)
			d.scopes = union(d.scopes, scopes)
		},
		func(rt *route) {
			rt.wrong("Scopes", wrong)
			rt.scopes = union(rt.scopes, scopes)
		},
	}
}

// Audience says whom a token is for; on a route it accepts tokens for any of these. It replaces [WithAudience] there.
// On a pair it means both tokens.
func Audience(names ...string) Trait {
	names = slices.Clone(names)
	wrong := badNames(names)
	return trait{
		func(d *draft) {
			d.wrong("Audience", wrong)
			d.audience = union(d.audience, names)
		},
		func(rt *route) {
			rt.wrong("Audience", wrong)
			rt.audience = union(rt.audience, names)
		},
	}
}

// Type names a kind of token other than access and refresh, "password_reset" say: [Manager.CreateToken] issues it, and
// a route with the same Type accepts no other. A refusal names it to the client. The name is not "access" or "refresh"
// and has 1 to 64 bytes.
//
// It travels where access tokens do: see [WithLocations], [WithQueryParam], [WithBodyKeys]. But it has no cookie: where
// tokens are looked for in cookies only, its routes need [Locations] with [InHeader], say. Behind a guard around a
// whole mux, which takes no token of a Type, [Except] has to name them. The user of [WithUserLookup] is loaded for it
// too.
func Type(name string) Trait {
	wrong := ""
	switch {
	case name == typeAccess || name == typeRefresh:
		wrong = fmt.Sprintf("%q is made by CreateAccessToken, CreateRefreshToken and CreatePair, "+
			"and demanded by Required() and Refresh()", name)
	case name == "" || len(name) > 64 || !isText(name):
		wrong = "the name is empty, longer than 64 bytes or not UTF-8"
	}
	return trait{
		func(d *draft) {
			d.wrong("Type", wrong)
			if d.typ != "" && d.typ != name {
				d.wrong("Type", "a token has one type")
			}
			d.typ = name
		},
		func(rt *route) {
			rt.wrong("Type", wrong)
			if rt.typ != "" && rt.typ != name {
				rt.failf("contradiction of two Types: a token has one type")
			}
			rt.typ = name
		},
	}
}

func (rt *route) wrong(name, text string) {
	if text != "" {
		rt.failf("%s: %s", name, text)
	}
}

// union appends what is not there yet.
func union(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
