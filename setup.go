package jot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jot/jot/internal/bounded"
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
	resource     *ResourceMetadata // nil without
	challenge    string            // what the realm and the resource make of it
	sliding      bool
	verification func(context.Context, *Token) (bool, error)
	lookup       func(context.Context, *Token) (any, error)
	errorHandler func(http.ResponseWriter, *http.Request, error) // nil is DefaultErrorHandler
	eventHandler func(context.Context, Event)
}

// setup is a config that options are applied to.
type setup struct {
	config

	others   []Issuer
	timeout  time.Duration
	metadata string // where the resource's is
	given    map[string]bool
	errs     []error
}

// newSetup returns the settings as they are unless set.
func newSetup(keys KeySource) *setup {
	s := &setup{given: map[string]bool{}}
	s.origin = &origin{clock: time.Now, leeway: defaultLeeway}
	s.verifier.trusts = []trust{{source: keys}}
	s.issuer.accessTTL, s.issuer.refreshTTL = defaultAccessTTL, defaultRefreshTTL
	s.ledger.grace, s.ledger.maxSessions = defaultGrace, defaultSessions
	s.timeout, s.places, s.realm = defaultTimeout, defaultPlaces, defaultRealm
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

// settle finds settings that contradict each other, and tells each part what the others were told.
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
	for _, of := range []struct {
		name, option string
		ttl          time.Duration
	}{{"access", "WithAccessTTL", s.issuer.accessTTL}, {"refresh", "WithRefreshTTL", s.issuer.refreshTTL}} {
		s.wrong(s.issuer.sessionTTL < of.ttl, fmt.Sprintf("WithSessionTTL: %v is less than %s tokens live, %v: see %s",
			s.issuer.sessionTTL, of.name, of.ttl, of.option))
	}
	s.wrong(s.given["WithAccessTTL"] && s.given["WithRefreshTTL"] && !s.given["profile"] &&
		s.issuer.accessTTL > s.issuer.refreshTTL,
		fmt.Sprintf("WithAccessTTL: with %v, access tokens outlive refresh tokens, whose WithRefreshTTL is %v",
			s.issuer.accessTTL, s.issuer.refreshTTL))
	s.wrong(s.ledger.store != nil && s.issuer.accessTTL > session.MaxTokenLife,
		"WithAccessTTL is more than 400 days, which is how long a store remembers who was logged out")
	s.wrong(s.given["WithStoreTimeout"] && !s.ledger.remembers(),
		"WithStoreTimeout has no effect without WithStore or WithBlocklist")
	if _, inMemory := s.ledger.store.(session.Starter); !inMemory && s.ledger.remembers() {
		s.ledger.calls = bounded.New(s.timeout)
		s.ledger.local, _ = s.ledger.store.(session.Local)
	}
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
	if s.sliding && s.jar.cookies != nil && !s.given["RefreshSameSite"] {
		s.jar.cookies.RefreshSameSite = http.SameSiteLaxMode // a link from a mail finds its reader logged in
	}
	if s.jar.cookies != nil {
		s.jar.cookies.made = s.profile.Cookie
	}
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
	s.challenge = challengeOf(s.realm, s.metadata)
	s.issuer.profile, s.verifier.profile = s.profile, &s.profile
	s.issuer.origin, s.verifier.origin = s.origin, s.origin
	s.issuer.signing, s.issuer.refreshing = s.verifier.trusts[0].source, s.verifier.refresh
	if s.verifier.refresh != nil {
		s.verifier.trusts = append(s.verifier.trusts, trust{source: s.verifier.refresh})
	}
	for i := range s.verifier.trusts {
		s.verifier.trusts[i].profile = &s.profile
	}
	s.verifier.own = len(s.verifier.trusts)
	s.settleIssuers()
	s.wrong(s.profile.Requires("iss") && s.issuer.name == "",
		"rfc9068 needs WithIssuer: its tokens name who issued them")
	s.wrong(s.profile.Requires("aud") && len(s.verifier.audience) == 0,
		"rfc9068 needs WithAudience: its tokens name whom they are for")
	s.issuer.csrf, s.issuer.cookies = s.jar.cookies != nil, slices.Equal(s.places.order, []Location{InCookie})
	s.issuer.reserved = append(slices.Clone(reservedClaims), s.profile.SubjectClaim())
	s.issuer.audience = s.verifier.audience
	s.verifier.issuers = s.profile.Issuers
	if len(s.verifier.issuers) == 0 && s.issuer.name != "" {
		s.verifier.issuers = []string{s.issuer.name}
	}
	s.ledger.issuer, s.ledger.endless = s.issuer.name, len(s.profile.NoExpiry) > 0
	if s.profile.Minting != nil {
		s.ledger.issuer = s.profile.Minting.Issuer
		s.issuer.bare = s.profile.Minting.Bare && !s.ledger.remembers()
	}
}

// settleIssuers finds issuers that cannot be told apart. Those who follow our rules come first.
func (s *setup) settleIssuers() {
	_, keyless := s.verifier.trusts[0].source.(noKeys)
	s.wrong(keyless && len(s.others) == 0 && len(s.verifier.trusts) == 1,
		"NoKeys: name the issuers whose tokens are taken by WithIssuerKeys")
	own := append([]string{s.issuer.name}, s.profile.Issuers...)
	s.wrong(len(s.others) > 0 && !keyless && s.issuer.name == "" && len(s.profile.Issuers) == 0,
		"WithIssuerKeys needs WithIssuer: whose tokens are this service's own?")
	for i := range s.others {
		other := &s.others[i]
		if wrong := other.defect(); wrong != "" {
			s.wrong(true, "WithIssuerKeys: "+wrong)
			continue
		}
		s.wrong(slices.Contains(own, other.Name),
			fmt.Sprintf("WithIssuerKeys: %q is named twice, or by WithIssuer", other.Name))
		s.wrong(len(other.Audience)+len(s.verifier.audience) == 0, fmt.Sprintf(
			"WithIssuerKeys: what does %q call this service? Name it by Audience or WithAudience", other.Name))
		own = append(own, other.Name)
		s.verifier.trusts = append(s.verifier.trusts, other.trusted())
	}
}

// set makes an option that may be given once: of two blocklists, one would silently be ignored. wrong says what is
// wrong with the value, "" if nothing is.
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

// The bounds and defaults of the settings.
const (
	defaultAccessTTL  = 15 * time.Minute
	defaultRefreshTTL = 30 * 24 * time.Hour
	defaultSessionTTL = 90 * 24 * time.Hour
	defaultGrace      = 10 * time.Second
	defaultSessions   = 100
	defaultLeeway     = 30 * time.Second
	defaultTimeout    = time.Second
	maxTimeout        = time.Minute
)
