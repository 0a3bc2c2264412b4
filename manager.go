package jot

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/session"
)

// Manager issues tokens and guards routes. Make one with [New] at start-up. It does not change afterwards, and all
// its methods may be called by many goroutines at once. Several managers in one process do not see each other's
// tokens, unless they share keys.
type Manager struct {
	config
	sources []KeySource // the first one signs
}

// New returns a Manager that signs with the current key of keys and verifies with all of them. Its error joins every
// mistake in keys and opts; after it, nothing about the configuration can fail.
func New(keys KeySource, opts ...Option) (*Manager, error) {
	m := &Manager{config: config{
		accessTTL: defaultAccessTTL, refreshTTL: defaultRefreshTTL, leeway: defaultLeeway, realm: defaultRealm,
		grace: defaultGrace, maxSessions: defaultSessions, places: defaultPlaces,
		errorHandler: DefaultErrorHandler, given: map[string]bool{},
	}}
	m.apply(opts)
	m.settle()
	m.sources = append([]KeySource{keys}, m.extra...)
	bare, named := map[string]bool{}, map[keyID]bool{}
	for _, source := range m.sources {
		if _, set := source.(*KeySet); !set && isNil(source) { // a nil set says so itself
			m.errs = append(m.errs, errors.New("jot: the key source is nil"))
			continue
		}
		if err := source.defect(); err != nil {
			m.errs = append(m.errs, err)
			continue
		}
		for alg := range source.keys().bare {
			if bare[alg] {
				m.errs = append(m.errs, fmt.Errorf("jot: two %s keys have no id: give one of them an id (Key.WithID)", alg))
			}
			bare[alg] = true
		}
		for id := range source.keys().byID {
			if named[id] {
				m.errs = append(m.errs, fmt.Errorf("jot: two %s keys have the id %q", id.alg, id.id))
			}
			named[id] = true
		}
	}
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	if s, ok := m.ledger.store.(session.Starter); ok {
		s.Start(m.now())
	}
	if slices.Contains(m.places.order, InCookie) && m.cookies.Insecure {
		slog.Warn("jot: cookies are Insecure: only for development")
	}
	return m, nil
}

func (m *Manager) now() time.Time {
	if m.clock != nil {
		return m.clock()
	}
	return time.Now()
}

// CreateAccessToken issues an access token for subject, the user's id: 1 to 255 bytes of UTF-8. It belongs to no
// session, so that a log-out of one does not end it, unless [InSession] says otherwise.
func (m *Manager) CreateAccessToken(ctx context.Context, subject string, opts ...TokenOption) (string, error) {
	d := newDraft(opts)
	d.refuse(d.typ != "", "Type", "use CreateToken")
	return m.single(ctx, d, typeAccess, subject)
}

// CreateRefreshToken issues a refresh token for subject, without an access token; it begins a session. Most log-ins
// want [Manager.CreatePair].
func (m *Manager) CreateRefreshToken(ctx context.Context, subject string, opts ...TokenOption) (string, error) {
	d := newDraft(opts)
	d.refuse(d.typ != "", "Type", "use CreateToken")
	d.refuse(d.isFresh(), "Fresh", "a refresh token is never fresh")
	d.refuse(d.refreshExpiresIn > 0, "RefreshExpiresIn", "it is for CreatePair: use ExpiresIn")
	d.refuse(d.session != nil, "InSession", "a refresh token begins a session of its own")
	rq := m.begin(d, subject)
	d.refreshExpiresIn = d.expiresIn
	raw, err := m.mint(ctx, d, rq, rq.refresh(m, d))
	if err != nil {
		return "", err
	}
	if err := m.enter(ctx, d, rq, m.sessionEnd(0, rq.refresh(m, d).expires)); err != nil {
		return "", err
	}
	return raw, nil
}

// CreateToken issues a token of a [Type], which opts must name: for a mailed link to reset a password, say. No route
// takes it but one with the same Type. It lives as long as an access token unless [ExpiresIn] says otherwise.
func (m *Manager) CreateToken(ctx context.Context, subject string, opts ...TokenOption) (string, error) {
	d := newDraft(opts)
	d.refuse(d.typ == "", "CreateToken", "name the type by Type")
	return m.single(ctx, d, d.typ, subject)
}

// CreatePair issues the access token and the refresh token of a new session for subject: a log-in. Both carry the
// session's id (sid) and auth_time. Of opts, [ExpiresIn], [Fresh], [FreshFor] and [HeaderParam] mean the access
// token, [RefreshExpiresIn] the refresh token; the others mean both. Nothing is issued unless both can be, and with
// [WithStore] no session begins before.
func (m *Manager) CreatePair(ctx context.Context, subject string, opts ...TokenOption) (*Pair, error) {
	d := newDraft(opts)
	d.refuse(d.typ != "", "Type", "a pair is an access token and a refresh token")
	d.refuse(d.session != nil, "InSession", "a pair begins a session of its own")
	rq := m.begin(d, subject)
	pair, end, err := m.mintPair(ctx, d, rq)
	if err == nil {
		err = m.fits(pair, "")
	}
	if err != nil {
		return nil, err
	}
	if err := m.enter(ctx, d, rq, end); err != nil {
		return nil, err
	}
	return pair, nil
}

// WritePair answers a log-in with the pair as JSON (RFC 6749 section 5.1), not to be stored by any cache. Where
// tokens travel in cookies and in no header, it sets the cookies, and the JSON holds the CSRF values and no token:
// what script can read, a script that somebody has slipped into the page can send away. Its error is that of
// [Manager.SetCookies], when nothing was written, or the client's connection.
func (m *Manager) WritePair(w http.ResponseWriter, pair *Pair) error {
	if pair == nil {
		return errors.New("jot: WritePair: the pair is nil")
	}
	if m.byCookie() {
		return m.writeCookies(w, pair)
	}
	return writeJSON(w, pair)
}

// writeCookies answers a page with cookies.
func (m *Manager) writeCookies(w http.ResponseWriter, pair *Pair) error {
	if err := m.SetCookies(w, pair); err != nil {
		return err
	}
	return writeJSON(w, pair.withoutTokens())
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, _ := json.Marshal(v) // strings and a number always have a JSON form
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err := w.Write(append(body, '\n'))
	return err
}

// request is what tokens to be made do not have from their options.
type request struct {
	now, authTime    time.Time
	subject, session string
	end              time.Time // no token of the session outlives it; zero without one
	refreshID        string
	refreshAt        time.Time
	csrf             string // of the refresh token; the access token's follows from it
}

// form is one token of a request.
type form struct {
	typ, id     string
	at, expires int64 // seconds since 1970
	csrf        string
}

// access is an access token, or one of a Type, issued now.
func (rq *request) access(m *Manager, d *draft, typ string) form {
	return form{typ, newUUID(rq.now), rq.now.Unix(), rq.until(m, d, typ, rq.now, d.expiresIn, m.accessTTL), accessCSRF(rq.csrf)}
}

// refresh is the refresh token that the request names.
func (rq *request) refresh(m *Manager, d *draft) form {
	return form{typeRefresh, rq.refreshID, rq.refreshAt.Unix(), rq.until(m, d, typeRefresh, rq.refreshAt, d.refreshExpiresIn, m.refreshTTL), rq.csrf}
}

// until is the end of a token's life.
func (rq *request) until(m *Manager, d *draft, typ string, at time.Time, given, usual time.Duration) int64 {
	if d.noExpiry || given == 0 && slices.Contains(m.profile.NoExpiry, typ) {
		return wire.NoDate
	}
	until := at.Add(or(given, usual)).Unix()
	if !rq.end.IsZero() {
		until = min(until, rq.end.Unix())
	}
	return until
}

// begin is the request of a log-in: a session starts now.
func (m *Manager) begin(d *draft, subject string) request {
	d.refuse(max(d.expiresIn, d.refreshExpiresIn) > m.sessionTTL, "ExpiresIn", "it is longer than a session may last: see WithSessionTTL")
	now := m.now()
	rq := request{
		now: now, authTime: now, subject: subject, session: newUUID(now), end: millisecond(now).Add(m.sessionTTL), refreshID: newUUID(now), refreshAt: now,
	}
	if m.cookies != nil {
		rq.csrf = newCSRF()
	}
	return rq
}

// sessionEnd is when a store may forget a session with these tokens: when no node accepts any of them, nor what one
// could still mint.
func (m *Manager) sessionEnd(access, refresh int64) time.Time {
	if access == wire.NoDate || refresh == wire.NoDate {
		return instant(wire.MaxDate) // only a profile makes tokens that never expire
	}
	return time.Unix(max(access, refresh+int64(m.accessTTL/time.Second)), 0).Add(maxLeeway).UTC()
}

// mintPair makes both tokens of a request, or neither; end is when a store may forget their session.
func (m *Manager) mintPair(ctx context.Context, d *draft, rq request) (pair *Pair, end time.Time, err error) {
	access, refresh := rq.access(m, d, typeAccess), rq.refresh(m, d)
	pair = &Pair{
		SessionID: rq.session, ExpiresIn: access.life(), RefreshExpiresIn: refresh.life(), CSRFToken: access.csrf, RefreshCSRFToken: refresh.csrf,
	}
	if pair.AccessToken, err = m.mint(ctx, d, rq, access); err != nil {
		return nil, end, err
	}
	lasting := *d
	lasting.fresh, lasting.freshFor, lasting.headers = false, 0, nil
	if pair.RefreshToken, err = m.mint(ctx, &lasting, rq, refresh); err != nil {
		return nil, end, err
	}
	return pair, m.sessionEnd(access.expires, refresh.expires), nil
}

func (f form) life() time.Duration {
	if f.expires == wire.NoDate {
		return 0
	}
	return time.Duration(f.expires-f.at) * time.Second
}

// single mints a token that begins no session, but may join one.
func (m *Manager) single(ctx context.Context, d *draft, typ, subject string) (string, error) {
	d.refuse(d.refreshExpiresIn > 0, "RefreshExpiresIn", "it is for CreatePair: use ExpiresIn")
	d.refuse(d.label != "", "Label", "it is for CreatePair and CreateRefreshToken, which begin a session")
	d.join(m, subject)
	rq := request{now: m.now(), subject: subject}
	if d.session != nil {
		d.refuse(m.ledger.store != nil && !d.session.checked, "InSession",
			"nobody has asked whether the session goes on: take the token of a route without SkipRevocation")
		rq.session, rq.authTime = d.session.SessionID, d.session.AuthTime
		if start, ok := bornAt(rq.session); ok {
			rq.end = start.Add(m.sessionTTL)
		}
	} else if m.ledger.store != nil {
		d.refuse(d.expiresIn > session.MaxTokenLife, "ExpiresIn", "a store remembers for 400 days who was logged out, so no token of no session lives longer")
	}
	if d.isFresh() {
		rq.authTime = rq.now
	}
	f := rq.access(m, d, typ)
	f.csrf = m.csrfFor(d.session)
	return m.mint(ctx, d, rq, f)
}

// csrfFor returns the CSRF value of a token that joins the session of t, or none if t is nil.
func (m *Manager) csrfFor(t *Token) string {
	switch {
	case m.cookies == nil:
		return ""
	case t == nil || t.csrf == "":
		return newCSRF()
	case t.Type == typeRefresh:
		return accessCSRF(t.csrf)
	}
	return t.csrf
}

// mint makes the text of one token.
func (m *Manager) mint(ctx context.Context, d *draft, rq request, f form) (string, error) {
	signer, err := m.signer()
	if err != nil {
		return "", err
	}
	c := wire.Claims{
		Type: f.typ, Subject: rq.subject, ID: f.id, SessionID: rq.session, CSRF: f.csrf, Issuer: m.issuer, Audience: m.audience, Scopes: d.scopes,
		IssuedAt: f.at, NotBefore: wire.NoDate, Expires: f.expires, AuthTime: wire.NoDate, Fresh: d.fresh, FreshUntil: wire.NoDate,
	}
	if p := m.profile.Minting; p != nil {
		p.Apply(&c)
	}
	if len(d.audience) > 0 {
		c.Audience = d.audience
	}
	if !rq.authTime.IsZero() {
		c.AuthTime = rq.authTime.Unix()
	}
	if d.freshFor > 0 {
		c.FreshUntil = rq.now.Add(d.freshFor).Unix()
	}
	if c.Subject == "" || len(c.Subject) > 255 || !isText(c.Subject) {
		d.wrong("the subject", "it is not 1 to 255 bytes of UTF-8")
	}
	if c.IssuedAt < 0 || max(c.Expires, c.FreshUntil) > wire.MaxDate {
		d.wrong("the clock", "the token's dates are not between 1970 and 9999")
	}
	if err := errors.Join(d.errs...); err != nil {
		return "", err
	}
	if c.Expires <= rq.now.Unix() && c.Expires != wire.NoDate {
		return "", m.refuse(ErrExpired, errSessionOver, nil)
	}
	builtin := f.typ == typeAccess || f.typ == typeRefresh
	payload := d.claims.appendTo(m.profile.AppendClaims(nil, &c, builtin || d.isFresh()))
	header, err := m.callback(ctx, "WithAdditionalHeaders", m.headers, d.headers, reservedHeaders, &c, payload)
	if err != nil {
		return "", err
	}
	if f.typ == typeAccess || m.profile.Minting != nil && m.profile.Minting.ClaimsEverywhere {
		extra, err := m.callback(ctx, "WithAdditionalClaims", m.config.claims, d.claims, reservedClaims, &c, payload)
		if err != nil {
			return "", err
		}
		payload = extra.appendTo(payload)
	}
	head := append(d.headers.appendTo([]byte(signer.prefix)), header.appendTo(nil)...)
	text := base64.RawURLEncoding.EncodeToString(append(head, '}')) + "." + base64.RawURLEncoding.EncodeToString(append(payload, '}'))
	signature, err := signer.sign(text)
	if err != nil {
		return "", m.refuse(ErrUnavailable, fmt.Errorf("signing: %w", err), nil)
	}
	raw := text + "." + base64.RawURLEncoding.EncodeToString(signature)
	if len(raw) > maxTokenSize {
		return "", fmt.Errorf("%w: %s token of %d bytes", ErrTooLarge, f.typ, len(raw))
	}
	return raw, nil
}

// signer returns the key that signs now.
func (m *Manager) signer() (*key, error) {
	if m.sources == nil {
		return nil, errNotNew
	}
	if k := m.sources[0].keys().signer; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("jot: the Manager only verifies: its current key is public or a Keyfunc: %w", errors.ErrUnsupported)
}

// callback asks f for more members of a token as far as it is made, and returns those that its options did not name.
func (m *Manager) callback(
	ctx context.Context, name string, f func(context.Context, *Token) (map[string]any, error), have members, reserved []string, c *wire.Claims, payload []byte,
) (members, error) {
	if f == nil {
		return nil, nil
	}
	own := *c
	own.Audience, own.Scopes = slices.Clone(c.Audience), slices.Clone(c.Scopes)
	values, err := f(ctx, m.newToken(&own, "", string(payload)+"}"))
	if err != nil {
		return nil, m.outcome(true, nil, fmt.Errorf("%s: %w", name, err), nil)
	}
	more, err := split(values, reserved)
	if err != nil {
		return nil, fmt.Errorf("jot: %s: %w", name, err)
	}
	return slices.DeleteFunc(more, func(m member) bool { return have.has(m.name) }), nil
}

// or returns d unless it was not given.
func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
