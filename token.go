package jot

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jot/jot/internal/keyring"
	"github.com/go-jot/jot/internal/once"
	"github.com/go-jot/jot/internal/strictjson"
	"github.com/go-jot/jot/internal/wire"
)

// The types of token that a [Manager] issues by itself, the values of [Token.Type] and of the claim "type".
const (
	typeAccess  = "access"
	typeRefresh = "refresh"
)

// Token is a verified token, as [FromContext] and [Manager.Verify] return it: the registered claims (RFC 7519 section
// 4.1, RFC 9068) and jot's own are fields, the rest is in [Token.Claims]. Its text is not kept. Treat it as read-only.
// A Token belongs to one request; keep a [Token.Clone] of it afterwards.
//
// Printed or logged, it shows its type and id only: claims are personal data. A Token in an unexported field of
// another struct is printed by package fmt with the fields below, and nothing else.
type Token struct {
	// ID is the token's own id (jti).
	ID string
	// Type is "access", "refresh", or the name given by [Type].
	Type string
	// Subject is the user (sub), what the token was issued for. Of another issuer's token, see [Issuer].SameSubjects.
	Subject string
	// SessionID is the login that the token belongs to (sid); empty for a token outside any session.
	SessionID string
	// Issuer is who issued it (iss).
	Issuer string
	// Audience is whom it is meant for (aud).
	Audience []string
	// Scopes is what it allows (scope, RFC 9068 section 2.2.3); for a refresh token, what its session still allows.
	Scopes []string
	// IssuedAt (iat), NotBefore (nbf) and ExpiresAt (exp) are in whole seconds, and zero where the token lacks the
	// claim.
	IssuedAt, NotBefore, ExpiresAt time.Time
	// AuthTime is when the user last authenticated (auth_time, RFC 9470), with a password say; zero if the token does
	// not tell. [MaxAge] measures it.
	AuthTime time.Time
	// Location is where in the request it was found; empty for [Manager.Verify].
	Location Location

	claimed    []string  // the scopes in its text
	issued     time.Time // as IssuedAt, rounded down
	fresh      bool
	freshUntil time.Time
	origin     *origin // the manager whose keys signed it
	source     int     // whose keys, among those that the manager trusts
	foreign    bool    // those of another issuer
	verified   bool    // nothing was found against it, so that it may act as evidence
	made       bool    // by its manager, for the caller who has it: see Issued
	checked    bool    // revocation was looked up, and there was none
	unknown    bool    // it could not be, and the route takes it nevertheless
	inside     **inside
}

// inside is what no printer of values shows, whatever holds the token: fmt looks behind one pointer at times, behind
// two never.
type inside struct {
	header, payload string // their JSON texts
	csrf            string
	user            any // what WithUserLookup's function returned
}

// within returns what is inside, of a token that no Manager has made nothing.
func (t *Token) within() inside {
	if t.inside == nil {
		return inside{}
	}
	return **t.inside
}

// origin is what a manager's tokens have in common, and by which it knows them again.
type origin struct {
	clock  func() time.Time
	leeway time.Duration

	mu sync.Mutex
	// out is the last logout of a subject or of everyone here, and past the latest id of a token that was issued
	// within the same millisecond, after it. Both are in milliseconds.
	out, past int64
}

// nearby bounds how far an id is ahead of the clock, in milliseconds. A clock that was set back is farther behind.
const nearby = 100

// issuing is what the id of a token says of when it was made. Within the millisecond of a logout that is the next one:
// stores count in milliseconds, and refuse what was issued before the logout.
func (o *origin) issuing(now time.Time) time.Time {
	if o == nil { // of a Manager that New has not made
		return now
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if behind := o.out - now.UnixMilli(); behind < 0 || behind >= nearby {
		return now
	}
	o.past = max(o.past, o.out+1)
	return time.UnixMilli(o.out + 1)
}

// logOut lets f log a subject or everyone out as of an instant, no earlier than any token here was issued.
func (o *origin) logOut(f func(now time.Time)) {
	now := o.now()
	o.mu.Lock()
	if ahead := o.past - now.UnixMilli(); 0 < ahead && ahead <= nearby {
		now = time.UnixMilli(o.past)
	}
	o.mu.Unlock()
	f(now)
	o.mu.Lock()
	defer o.mu.Unlock()
	if out := now.UnixMilli(); out > o.out || o.out-out >= nearby {
		o.out = out
	}
}

// maxLeeway is the greatest that any manager may grant.
const maxLeeway = 5 * time.Minute

func (o *origin) now() time.Time {
	if o == nil { // of a Manager that New has not made
		return time.Now()
	}
	return o.clock()
}

func instant(seconds int64) time.Time {
	if seconds == wire.NoDate {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// Claims decodes all claims into v, a pointer to a struct or a map, by the rules of [encoding/json] but for two: names
// match byte for byte (RFC 7519 section 7.3), and numbers that go into an any become [json.Number], so that none loses
// a digit. Both hold at every depth: in embedded structs, behind pointers, in slices, arrays and maps. Only a type
// that decodes itself ([json.Unmarshaler]) goes by its own rules, and so does what an interface within v points to
// before.
func (t *Token) Claims(v any) error {
	if t.within().payload == "" {
		return errors.New("jot: the token has no claims: it was not made by a Manager")
	}
	if err := strictjson.Decode(t.within().payload, v); err != nil {
		return fmt.Errorf("jot: claims do not fit %T: %w", v, err)
	}
	return nil
}

// Claim decodes the claim of that name into v, as [Token.Claims] does. That the token lacks it is an error.
func (t *Token) Claim(name string, v any) error {
	value := ""
	if text := t.within().payload; text != "" {
		_ = strictjson.Object(text, func(member, raw string) error {
			if member == name {
				value = raw
			}
			return nil
		})
	}
	if value == "" {
		return fmt.Errorf("jot: the token has no claim %q", name)
	}
	if err := strictjson.Decode(value, v); err != nil {
		return fmt.Errorf("jot: claim %q does not fit %T: %w", name, v, err)
	}
	return nil
}

// Header returns a parameter of the token's header that is a string, "kid" say.
func (t *Token) Header(name string) (value string, ok bool) {
	text := t.within().header
	if text == "" {
		return "", false
	}
	_ = strictjson.Object(text, func(member, raw string) error {
		if member == name {
			value, ok = strictjson.String(raw)
		}
		return nil
	})
	return value, ok
}

// both returns those scopes that are among the others as well.
func both(scopes, others []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(others, s) })
}

// scopesOf reads what a store keeps.
func scopesOf(scope string) []string { return strings.Fields(scope) }

// CSRFToken returns the CSRF value that a page has to repeat, in a field of its forms say; empty without [WithCookies].
// It is that of the request's own token, so that it fits also after [WithSlidingSessions] has renewed the cookie.
func (t *Token) CSRFToken() string { return t.within().csrf }

// HasScope reports whether the token has the scope.
func (t *Token) HasScope(scope string) bool { return slices.Contains(t.Scopes, scope) }

// IsFresh reports whether the token is fresh now: made by [Fresh], or by [FreshFor] not too long ago.
func (t *Token) IsFresh() bool {
	return t.fresh || t.origin != nil && t.freshAt(t.origin.now())
}

func (t *Token) freshAt(now time.Time) bool {
	return t.fresh || !t.freshUntil.IsZero() && !now.After(t.freshUntil)
}

// provenSince reports whether the user has proved who they are at most so long ago. A time to come proves nothing.
func (t *Token) provenSince(now time.Time, age time.Duration) bool {
	return !t.AuthTime.IsZero() && now.Sub(t.AuthTime) <= age && !t.AuthTime.After(now.Add(t.origin.leeway))
}

// Expired reports whether the token has expired by now, leeway included. Tokens from [FromContext] had not when they
// were verified; those in an [Error] may have long ago.
func (t *Token) Expired() bool {
	return t.origin != nil && t.expiredAt(t.origin.now())
}

func (t *Token) expiredAt(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt.Add(t.origin.leeway))
}

// RevocationUnknown reports whether nobody could tell whether the token was revoked, on a route with
// [InsecureFailOpen]. Show such a reader no more than you must.
func (t *Token) RevocationUnknown() bool { return t.unknown }

// Clone returns a copy that shares nothing mutable with t, for use after the request.
func (t *Token) Clone() *Token {
	clone := *t
	clone.Audience = slices.Clone(t.Audience)
	clone.Scopes = slices.Clone(t.Scopes)
	return &clone
}

// String returns the token's type and id, quoted if they hold odd characters.
func (t Token) String() string {
	return "jot.Token(" + keyring.Plain(t.Type) + ", " + keyring.Plain(t.ID) + ")"
}

// Format writes what [Token.String] returns, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue returns what [Token.String] returns.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Pair is the access token and the refresh token of a login. [Manager.WritePair] writes it as the JSON of RFC 6749
// section 5.1. Where a manager looks for tokens in cookies only, the JSON of its pairs has the CSRF values instead of
// the tokens, as that of WritePair, so that no script sees them; [Manager.SetCookies] hands them out. Printed or
// logged, it is redacted, except by package fmt when it is in an unexported field of another struct: keep no Pair
// there.
type Pair struct {
	AccessToken, RefreshToken string
	// CSRFToken and RefreshCSRFToken are the values that a page must send back with the tokens' cookies; empty without
	// [WithCookies].
	CSRFToken, RefreshCSRFToken string
	// ExpiresIn and RefreshExpiresIn are the tokens' lifetimes, from when they were issued.
	ExpiresIn, RefreshExpiresIn time.Duration
	// SessionID is the id of the login (sid).
	SessionID string

	made    [2]minted    // what the issuer knows of both
	cookies bool         // tokens travel in these only
	handed  *atomic.Bool // and were set; nil of a pair made by hand
}

// minted is a token that was made, with what cookies and answers say of it.
type minted struct {
	raw, typ, id, csrf string
	at, expires        int64 // seconds since 1970
	origin             *origin
}

func (t minted) life() time.Duration {
	if t.expires == wire.NoDate {
		return 0
	}
	return time.Duration(t.expires-t.at) * time.Second
}

// which is the place of the token's cookie among the names.
func (t minted) which() int {
	if t.typ == typeRefresh {
		return 1
	}
	return 0
}

// MarshalJSON returns the access token response of RFC 6749 section 5.1. Empty members are left out, so a Pair with an
// access token alone is the response of a handler that refreshes without rotation. Of a pair whose tokens travel in
// cookies only, it returns the CSRF values instead. That logs a warning, once per process, unless
// [Manager.SetCookies] has had the pair before.
func (p Pair) MarshalJSON() ([]byte, error) {
	if p.cookies {
		if p.handed != nil && !p.handed.Load() {
			once.Log(context.Background(), slog.LevelWarn, "jot: a Pair was written as JSON, which has no tokens "+
				"where they travel in cookies only, and its cookies were not set: WritePair does both")
		}
		return json.Marshal(p.withoutTokens())
	}
	return json.Marshal(struct {
		Access    string `json:"access_token"`
		Refresh   string `json:"refresh_token,omitempty"`
		Type      string `json:"token_type"`
		ExpiresIn int64  `json:"expires_in,omitempty"`
	}{p.AccessToken, p.RefreshToken, "Bearer", int64(p.ExpiresIn / time.Second)})
}

// withoutTokens is the answer to a page whose tokens are in cookies: script must not see them.
func (p *Pair) withoutTokens() any {
	return struct {
		CSRF        string `json:"csrf_token,omitempty"`
		RefreshCSRF string `json:"refresh_csrf_token,omitempty"`
		ExpiresIn   int64  `json:"expires_in,omitempty"`
	}{p.CSRFToken, p.RefreshCSRFToken, int64(p.ExpiresIn / time.Second)}
}

// String returns no token.
func (p Pair) String() string { return "jot.Pair(REDACTED)" }

// Format writes no token, whatever the verb.
func (p Pair) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue returns no token.
func (p Pair) LogValue() slog.Value { return slog.StringValue(p.String()) }

// InsecureDecode returns the header and the claims of a token without verifying anything, for debugging: they say
// whatever the sender chose. They are plain maps that no function of this package accepts. Numbers are [json.Number].
func InsecureDecode(raw string) (header, claims map[string]any, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("jot: a token has three parts, this text has %d", len(parts))
	}
	if header, err = decodeMap(parts[0]); err != nil {
		return nil, nil, fmt.Errorf("jot: the header %w", err)
	}
	if claims, err = decodeMap(parts[1]); err != nil {
		return nil, nil, fmt.Errorf("jot: the payload %w", err)
	}
	return header, claims, nil
}

func decodeMap(segment string) (map[string]any, error) {
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return nil, errors.New("is not base64url")
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil || object == nil {
		return nil, errors.New("is not a JSON object")
	}
	return object, nil
}
