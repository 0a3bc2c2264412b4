package jot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jot/jot/internal/strictjson"
	"github.com/go-jot/jot/internal/wire"
)

// TokenOption says something about a token to be made, for the Create… methods.
type TokenOption interface{ JotTokenOption(_ wire.Sealed) }

// TokenOptions makes one TokenOption of several.
func TokenOptions(opts ...TokenOption) TokenOption {
	opts = slices.Clone(opts)
	return tokenOption(func(d *draft) { d.apply(opts) })
}

type tokenOption func(*draft)

// JotTokenOption makes it a [TokenOption].
func (tokenOption) JotTokenOption(wire.Sealed) {}

func (f tokenOption) on(d *draft) { f(d) }

// draft is what the options of a token say.
type draft struct {
	typ                         string
	fresh                       bool
	freshFor                    time.Duration
	authTime                    time.Time
	expiresIn, refreshExpiresIn time.Duration
	noExpiry                    bool
	ago                         time.Duration // when it was issued
	scopes, audience            []string
	claims, headers             wire.Members
	label, client               string
	session                     *Token
	issued, made                *Token // where the caller wants to know what was made, and that
	errs                        []error
}

// reservedClaims are set only by options of their own.
var reservedClaims = []string{
	"sub", "exp", "iat", "nbf", "jti", "type", "fresh", "auth_time", "scope", "sid", "csrf", "iss", "aud", "cnf",
	"client_id",
}

// reservedHeaders steer how a token is verified.
var reservedHeaders = []string{
	"alg", "kid", "typ", "crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "zip", "enc", "cty",
}

func (d *draft) apply(opts []TokenOption) {
	for _, o := range opts {
		switch o := o.(type) {
		case interface{ on(d *draft) }:
			o.on(d)
		case wire.NoExpiry:
			d.noExpiry = true
		case wire.Issued:
			d.ago = o.Ago
		case wire.ClientID:
			d.client = string(o)
		default:
			d.wrong("an option", "it is nil")
		}
	}
}

func (d *draft) wrong(name, text string) {
	if text != "" {
		d.errs = append(d.errs, fmt.Errorf("jot: %s: %s", name, text))
	}
}

func (d *draft) fail(name string, err error) {
	if err != nil {
		d.errs = append(d.errs, fmt.Errorf("jot: %s: %w", name, err))
	}
}

func (d *draft) refuse(when bool, name, text string) {
	if when {
		d.wrong(name, text)
	}
}

// handOver gives the caller what was made, when nothing can fail any more.
func (d *draft) handOver() {
	if d.issued != nil && d.made != nil {
		*d.issued = *d.made
		d.issued.made = true
	}
}

func (d *draft) isFresh() bool { return d.fresh || d.freshFor > 0 }

func (d *draft) add(option string, to *wire.Members, v any, reserved []string) {
	ms, err := wire.Split(v, reserved)
	d.fail(option, err)
	for _, m := range ms {
		*to = to.Set(m)
	}
}

func (d *draft) addOne(option string, to *wire.Members, name string, v any, reserved []string) {
	m, err := wire.One(name, v, reserved)
	d.fail(option, err)
	if err == nil {
		*to = to.Set(m)
	}
}

// newDraft reads the options of a token and reports every mistake in them.
func newDraft(opts []TokenOption) *draft {
	d := new(draft)
	d.apply(opts)
	d.refuse(d.fresh && d.freshFor > 0, "Fresh and FreshFor", "a token is fresh all its life or for a while")
	d.refuse(d.isFresh() && !d.authTime.IsZero(), "Fresh and AuthTime",
		"the user has authenticated now, or at that time")
	return d
}

// checkLogin refuses what has no place where a session begins.
func (d *draft) checkLogin() {
	d.refuse(d.typ != "", "Type", "use CreateToken")
	d.refuse(d.session != nil, "InSession", "it is for access tokens: here a session of its own begins")
}

// checkLives refuses a pair whose access token would outlive its refresh token because an option says so. The lives
// are those that tokens have unless set, 0 for ever.
func (d *draft) checkLives(access, refresh time.Duration) {
	access, refresh = cmp.Or(d.expiresIn, access), cmp.Or(d.refreshExpiresIn, refresh)
	switch {
	case d.noExpiry || access == 0 || refresh == 0 || access <= refresh:
	case d.refreshExpiresIn > 0:
		d.wrong("RefreshExpiresIn", fmt.Sprintf(
			"with %v, the refresh token is over before the access token, which lives %v: see ExpiresIn",
			refresh, access))
	case d.expiresIn > 0:
		d.wrong("ExpiresIn", fmt.Sprintf(
			"with %v, the access token outlives the refresh token, which lives %v: "+
				"RefreshExpiresIn is how long a login lasts", access, refresh))
	}
}

// remembers reports whether the options of a pair look like those of "remember me", with the wrong one of two.
func (d *draft) remembers(usual time.Duration) bool {
	return d.expiresIn >= 24*time.Hour && d.expiresIn > usual && d.refreshExpiresIn == 0
}

// checkSingle refuses what has no place in a token that begins no session.
func (d *draft) checkSingle() {
	d.refuse(d.refreshExpiresIn > 0, "RefreshExpiresIn", "it is for CreatePair: use ExpiresIn")
	d.refuse(d.label != "", "Label", "it is for CreatePair and CreateRefreshToken, which begin a session")
}

// checkRotation refuses what has no place where a session goes on.
func (d *draft) checkRotation() {
	d.refuse(d.typ != "", "Type", "a pair is an access token and a refresh token")
	d.refuse(d.isFresh(), "Fresh", "a refreshed token is never fresh: ask for the password, and use InSession")
	d.refuse(!d.authTime.IsZero(), "AuthTime", "a refresh asks for no password: use InSession")
	d.refuse(d.session != nil, "InSession", "Rotate takes the session of its token")
	d.refuse(d.label != "", "Label", "a session keeps the one that it began with")
}

// ExpiresIn sets the token's lifetime, in whole seconds, instead of [WithAccessTTL] or [WithRefreshTTL]. On a pair it
// means the access token: for "remember me" it is [RefreshExpiresIn] that you may mean. So a day or more, without that
// beside it, logs a warning, once per process, and more than the refresh token lives is an error.
func ExpiresIn(d time.Duration) TokenOption {
	return tokenOption(func(t *draft) {
		t.wrong("ExpiresIn", badTTL(d))
		t.expiresIn = d
	})
}

// RefreshExpiresIn sets the lifetime of a pair's refresh token, in whole seconds, instead of [WithRefreshTTL]. It is at
// least that of the access token.
func RefreshExpiresIn(d time.Duration) TokenOption {
	return tokenOption(func(t *draft) {
		t.wrong("RefreshExpiresIn", badTTL(d))
		t.refreshExpiresIn = d
	})
}

// FreshFor makes the token fresh, as [Fresh] does, but only for so long: whole seconds. On a pair it means the access
// token.
func FreshFor(d time.Duration) TokenOption {
	return tokenOption(func(t *draft) {
		t.wrong("FreshFor", badTTL(d))
		t.freshFor = d
	})
}

// AuthTime says when the user authenticated, where somebody else has asked for the password: an OpenID provider, whose
// ID token has it as auth_time. [MaxAge] goes by it. The token is not fresh: for that [Fresh] is, which says that the
// user has authenticated here and now. It is for a login, and with [InSession] for one that was asked to authenticate
// again. An instant in the future is an error, beyond the leeway for clocks.
func AuthTime(at time.Time) TokenOption {
	return tokenOption(func(t *draft) {
		t.refuse(at.Unix() <= 0, "AuthTime", "the instant is zero")
		t.authTime = at
	})
}

// badSubject says what is wrong with a subject. What string makes of a number may be the same for many: U+FFFD is.
func badSubject(s string, anyCharacter bool) string {
	switch {
	case s == "" || len(s) > 255 || !utf8.ValidString(s):
		return "it is not 1 to 255 bytes of UTF-8"
	case anyCharacter:
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }):
		return "it has a control character or U+FFFD, as string makes them of a number: write that by strconv.Itoa"
	}
	return ""
}

const maxTTL = 100 * 365 * 24 * time.Hour

func badTTL(d time.Duration) string {
	if d < time.Second || d > maxTTL || d%time.Second != 0 {
		return fmt.Sprintf("%v is not whole seconds from 1s to 100 years", d)
	}
	return ""
}

// Claim adds a claim of the application's, any value that [encoding/json] can encode. Registered claims and jot's own
// (sub, exp, iat, nbf, jti, type, fresh, auth_time, scope, sid, csrf, iss, aud, cnf, client_id) are an error. Given
// again, the later value counts. On a pair it means both tokens.
func Claim(name string, v any) TokenOption {
	return tokenOption(func(d *draft) { d.addOne("Claim", &d.claims, name, v, reservedClaims) })
}

// Claims adds the claims of a map or a struct, as [Claim] does one.
func Claims(v any) TokenOption {
	return tokenOption(func(d *draft) { d.add("Claims", &d.claims, v, reservedClaims) })
}

// HeaderParam adds a parameter to the token's header. Those that steer verification (alg, kid, typ, crit, b64, jku,
// jwk, x5u, x5c, x5t, zip, enc, cty) are an error. On a pair it means the access token.
func HeaderParam(name string, v any) TokenOption {
	return tokenOption(func(d *draft) { d.addOne("HeaderParam", &d.headers, name, v, reservedHeaders) })
}

// Label names the session that begins, after its browser or device say; it comes back in [Session.Label]. The text may
// be what the client sent: it is cut to 256 bytes, and bytes that are not UTF-8 are replaced. Only the store sees it,
// so without [WithStore] it has no effect. It is for [Manager.CreatePair] and [Manager.CreateRefreshToken]; elsewhere
// it is an error.
func Label(text string) TokenOption {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) > maxLabel {
		end := maxLabel
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return tokenOption(func(d *draft) { d.label = text })
}

// maxLabel is what stores take.
const maxLabel = 256

// Issued puts into t what is known of the token that is issued: its id, its dates, its claims, for a list of tokens
// that are to be revoked one by one say, by [Manager.RevokeByID] or by a callback that looks into the list
// ([WithTokenInBlocklist]). [Manager.Revoke] and [Manager.Recheck] take it, so that a connection may have a token of
// its own, whose text nobody sees. Nothing is put there if issuing fails. On a pair it means the access token.
func Issued(t *Token) TokenOption {
	return tokenOption(func(d *draft) {
		d.refuse(t == nil, "Issued", "the token is nil")
		d.issued = t
	})
}

// InSession issues the token in the session of t: it takes over t's session id and auth_time and, unless options say
// otherwise, its scopes and audience; from a refresh token also the claims that were given at login. It expires with
// the session at the latest ([WithSessionTTL]), and is refused once the session has ended. t is a token that this
// Manager has verified, of the same subject. With [Fresh] it is step-up authentication: the password was asked for
// again, and auth_time is now; the next refresh gives a token that is not fresh, with the auth_time of the login. It is
// for access tokens and those of a [Type]; a pair or a refresh token begins a session of its own.
func InSession(t *Token) TokenOption {
	return tokenOption(func(d *draft) {
		if t == nil {
			d.wrong("InSession", "the token is nil")
			return
		}
		d.session = t
	})
}

// join takes over what the session hands on.
func (d *draft) join(t *Token, subject string) {
	d.session = t
	if len(d.scopes) == 0 {
		d.scopes = t.Scopes
	}
	if len(d.audience) == 0 {
		d.audience = t.Audience
	}
	if t.Type != typeRefresh {
		return // an access token's claims may be those of WithAdditionalClaims, which are asked for anew
	}
	_ = strictjson.Object(t.within().payload, func(name, raw string) error {
		if !slices.Contains(reservedClaims, name) && !d.claims.Has(name) && name != subject {
			d.claims = append(d.claims, wire.Member{Name: name, Raw: raw})
		}
		return nil
	})
}
