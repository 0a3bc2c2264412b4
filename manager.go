package jot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/go-jot/jot/internal/once"
	"github.com/go-jot/jot/session"
)

// Manager issues tokens and guards routes. Make one with [New] at start-up. It does not change afterwards, and is safe
// for concurrent use. Several managers in one process do not accept each other's tokens, unless they share keys.
type Manager struct{ config }

// New returns a Manager that signs with the current key of keys and verifies with all of them. Its error joins every
// mistake in keys and opts; once New has succeeded, the configuration cannot fail.
func New(keys KeySource, opts ...Option) (*Manager, error) {
	s := newSetup(keys)
	s.apply(opts)
	s.settle()
	defects := defects(s.verifier.trusts)
	s.errs = append(s.errs, defects...)
	s.wrong(s.sliding && len(defects) == 0 && !s.issuer.signs(),
		"WithSlidingSessions needs a key that signs: "+onlyVerifies)
	s.wrong(s.verifier.cache != nil && len(defects) == 0 && !s.verifier.pairs(),
		"WithTokenCache has no effect without a key pair: what secrets have signed is not kept")
	if err := errors.Join(s.errs...); err != nil {
		return nil, err
	}
	if store, ok := s.ledger.store.(session.Starter); ok {
		store.Start(s.origin.now())
	}
	if slices.Contains(s.places.order, InCookie) && s.jar.cookies.Insecure {
		slog.Warn("jot: cookies are Insecure: only for development")
	}
	if padded(s.verifier.trusts) {
		slog.Warn("jot: white space surrounds a secret, perhaps its file's line break: another service may trim it")
	}
	if c := s.jar.cookies; c != nil && c.SameSite == http.SameSiteNoneMode && !c.Partitioned {
		slog.Warn("jot: cookies with SameSite=None and without Partitioned: browsers drop them on another site's pages")
	}
	return &Manager{s.config}, nil
}

// exists panics, at start-up in most programs, where the error of New was passed over.
func (m *Manager) exists() {
	if m == nil {
		panic("jot: the Manager is nil: look at the error of New")
	}
}

// CreateAccessToken issues an access token for subject, the user's ID: 1 to 255 bytes of UTF-8, without control
// characters and U+FFFD, which string(id) makes of a number. Unless [InSession]
// says otherwise, it belongs to no session, and so is not affected when one ends: for a login use [Manager.CreatePair],
// whose tokens a logout ends together.
func (m *Manager) CreateAccessToken(ctx context.Context, subject string, opts ...TokenOption) (string, error) {
	m.exists()
	d := newDraft(opts)
	d.refuse(d.typ != "", "Type", "use CreateToken")
	return m.single(ctx, d, typeAccess, subject)
}

// CreateToken issues a token of the [Type] that opts must name: for a mailed link that resets a password, say. Only
// routes with the same Type accept it. It lives as long as an access token, unless [ExpiresIn] says otherwise. Where it
// is for a machine, [WithUserLookup] is asked about that too: let its function look at [Token.Type]. No cookie carries
// it: see [Type].
func (m *Manager) CreateToken(ctx context.Context, subject string, opts ...TokenOption) (string, error) {
	m.exists()
	d := newDraft(opts)
	d.refuse(d.typ == "", "CreateToken", "name the type by Type")
	return m.single(ctx, d, d.typ, subject)
}

// single issues a token that begins no session.
func (m *Manager) single(ctx context.Context, d *draft, typ, subject string) (string, error) {
	d.checkSingle()
	d.fail("InSession", cmp.Or(m.issuer.checkJoin(d.session, subject), m.ledger.checkJoin(d.session)))
	t, err := m.issuer.access(ctx, d, m.issuer.single(d, subject), typ)
	if err != nil {
		return "", m.failed(ctx, err, nil)
	}
	d.handOver()
	return t.raw, nil
}

// CreateRefreshToken begins a session for subject, and issues its refresh token without an access token. Most logins
// use [Manager.CreatePair]: a token of [Manager.CreateAccessToken] beside it is of no session, and a logout with
// either leaves the other.
func (m *Manager) CreateRefreshToken(ctx context.Context, subject string, opts ...TokenOption) (string, error) {
	m.exists()
	d := newDraft(opts)
	d.checkLogin()
	d.refuse(d.isFresh(), "Fresh", "a refresh token is never fresh")
	d.refuse(d.refreshExpiresIn > 0, "RefreshExpiresIn", "it is for CreatePair: use ExpiresIn")
	g := m.issuer.login(d, subject)
	d.refreshExpiresIn = d.expiresIn
	t, err := m.issuer.refresh(ctx, d, g)
	if err == nil {
		err = m.begin(ctx, d, g, t, t)
	}
	if err != nil {
		return "", m.failed(ctx, err, nil)
	}
	d.handOver()
	return t.raw, nil
}

// CreatePair logs subject in: it begins a session, and issues its access token and refresh token. Both carry the
// session's id (sid), and auth_time if [Fresh] or [FreshFor] says that a password was given. Of opts, [ExpiresIn],
// [Fresh], [FreshFor] and [HeaderParam] mean the access token, [RefreshExpiresIn] the refresh token; the others mean
// both. If either token cannot be issued, no session begins.
func (m *Manager) CreatePair(ctx context.Context, subject string, opts ...TokenOption) (*Pair, error) {
	m.exists()
	d := newDraft(opts)
	d.checkLogin()
	d.checkLives(m.issuer.usual(typeAccess), m.issuer.usual(typeRefresh))
	g := m.issuer.login(d, subject)
	pair, err := m.issuer.pair(ctx, d, g)
	if err == nil {
		err = m.fits(pair, "")
	}
	if err == nil {
		err = m.begin(ctx, d, g, pair.made[0], pair.made[1])
	}
	if err != nil {
		return nil, m.failed(ctx, err, nil)
	}
	d.handOver()
	if d.remembers(m.issuer.accessTTL) {
		once.Log(ctx, slog.LevelWarn, "jot: CreatePair with ExpiresIn of a day or more: that is the access token's, "+
			"and for a login that lasts it is RefreshExpiresIn; with both, nothing is said")
	}
	return pair, nil
}

// begin records the session of a login.
func (m *Manager) begin(ctx context.Context, d *draft, g grant, access, refresh minted) error {
	if why := m.ledger.begin(ctx, g.subject, g.record(d, m.issuer.sessionEnd(access, refresh))); why != nil {
		return why
	}
	if m.ledger.store != nil {
		m.event(ctx, Event{Kind: EventSessionBegun, Subject: g.subject, SessionID: g.session, TokenID: g.refreshID})
	}
	return nil
}

// fits reports whether both tokens of a pair are small enough for their cookies, if they go there, before a session
// begins, or a refresh token is used up, in vain.
func (m *Manager) fits(pair *Pair, at Location) error {
	if m.jar.cookies == nil || at != InCookie && !m.byCookie() {
		return nil
	}
	return errors.Join(m.jar.cookies.fits(pair.made[0]), m.jar.cookies.fits(pair.made[1]))
}

// byCookie reports whether tokens travel in cookies and in no header.
func (m *Manager) byCookie() bool {
	return m.jar.cookies != nil && !slices.Contains(m.places.order, InHeader)
}

// WritePair answers a login with the pair as JSON (RFC 6749 section 5.1), which no cache may store. Where tokens travel
// in cookies and in no header, it sets the cookies, and the JSON holds the CSRF values and no token: what a page's
// scripts can read, an injected script can steal. A pair may be put together by hand, of one token say: expires_in and
// the CSRF values are then read from its tokens. It writes the status 200, so write none before: cookies would not
// arrive. Its error is that of [Manager.SetCookies], in which case nothing was written, or that of the connection.
func (m *Manager) WritePair(w http.ResponseWriter, pair *Pair) error {
	m.exists()
	if pair == nil || pair.AccessToken == "" && pair.RefreshToken == "" {
		return mistake("WritePair", errEmptyPair)
	}
	pair = m.verifier.completed(pair)
	if !m.byCookie() {
		return writeJSON(w, pair)
	}
	if err := m.SetCookies(w, pair); err != nil {
		return err
	}
	return writeJSON(w, pair.withoutTokens())
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, _ := json.Marshal(v) // strings and a number always have a JSON form
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK) // net/http tells if there was one before, and no cookie or header of ours arrived
	_, err := w.Write(append(body, '\n'))
	return err
}

// SetCookies sets the cookies of a pair's tokens and of their CSRF values, for the response to a browser's login. A
// pair may hold one token only, from [Manager.CreateAccessToken] say. It fails, and sets nothing, if a token is not
// this manager's, or too large for a cookie (4096 bytes with the name): then keep large claims in a database. No cache
// may store the response. Without [WithCookies] the error wraps [errors.ErrUnsupported].
//
// Where scripts cannot read the cookies, because they run on another host, put [Pair.CSRFToken] into the response.
func (m *Manager) SetCookies(w http.ResponseWriter, pair *Pair) error {
	m.exists()
	if m.jar.cookies == nil {
		return unsupported("SetCookies", "WithCookies")
	}
	tokens, err := m.verifier.made(pair)
	if err != nil {
		return mistake("SetCookies", err)
	}
	cookies, err := m.jar.cookies.set(tokens, m.origin.now())
	if err != nil {
		return err
	}
	put(w, cookies)
	if pair.handed != nil {
		pair.handed.Store(true)
	}
	return nil
}

// UnsetCookies clears all cookies that [Manager.SetCookies] may have set, those of [CookieConfig].Former too. It ends
// no session: [Manager.Logout] does both. Without [WithCookies] it does nothing.
func (m *Manager) UnsetCookies(w http.ResponseWriter) {
	m.exists()
	if m.jar.cookies != nil {
		put(w, m.jar.cookies.clear())
	}
}

// CrossOriginGuard refuses requests that another origin's page has sent, as [ErrCSRF]: those that change something, by
// [http.CrossOriginProtection], and WebSocket upgrades. Put it around the login of a browser application, where it
// prevents login CSRF: another site's page must not log a visitor in under somebody else's name. Guards do the same
// for cookie credentials by themselves, and so do [Manager.RefreshHandler] and [Manager.LogoutHandler].
func (m *Manager) CrossOriginGuard(next http.Handler) http.Handler {
	m.exists()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := m.jar.crossOrigin(r); why != nil {
			m.WriteError(w, r, m.refuse(r.Context(), why, nil, ""))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// WriteError answers a request with err by the handler of [WithErrorHandler], [DefaultErrorHandler] unless set. It is
// the other half of [Guard.Admit] for adapters, and the way to answer when Create… fails.
func (m *Manager) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	m.exists()
	err = asRefusal(err, m.challenge)
	if m.errorHandler == nil {
		DefaultErrorHandler(w, r, err)
		return
	}
	e := factsOf(err)
	e.setHeaders(w.Header())
	own := &ownAnswer{ResponseWriter: w, status: e.Status()}
	if _, ok := w.(http.Flusher); ok {
		m.errorHandler(flushable{own}, r, err)
	} else {
		m.errorHandler(own, r, err)
	}
	own.begin()
}

// ownAnswer is the response of a handler of [WithErrorHandler]. Its status is the error's, unless the handler writes
// another: what was refused must not be 200 because a case was forgotten.
type ownAnswer struct {
	http.ResponseWriter

	status int
	begun  bool
}

// begin writes the status, if there is none yet.
func (a *ownAnswer) begin() {
	if !a.begun {
		a.WriteHeader(a.status)
	}
}

// WriteHeader notes that there is a status.
func (a *ownAnswer) WriteHeader(status int) {
	a.begun = a.begun || status >= 200 || status == http.StatusSwitchingProtocols
	a.ResponseWriter.WriteHeader(status)
}

// Write writes the status first.
func (a *ownAnswer) Write(b []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(b)
}

// FlushError is for [http.ResponseController], which also writes the status.
func (a *ownAnswer) FlushError() error {
	a.begin()
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// flushable is an answer whose writer can be flushed without a [http.ResponseController], so that it can be as well.
type flushable struct{ *ownAnswer }

// Flush writes the status first.
func (a flushable) Flush() { _ = a.FlushError() }

// Unwrap is for [http.ResponseController].
func (a *ownAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// refuse makes the refusal of a reason. Every verb that refuses ends here. First comes what has to follow (react),
// which may turn the refusal into 503, then EventRefused, and the same for the log of who looks for the cause.
func (m *Manager) refuse(ctx context.Context, why *reason, t *Token, at Location) error {
	why = m.react(ctx, why, t)
	e := Event{Kind: EventRefused, Location: at, Err: why.sentinel, Cause: why.cause}
	if t != nil {
		e.Subject, e.SessionID, e.TokenID = t.Subject, t.SessionID, t.ID
	}
	m.event(ctx, e)
	if log := slog.Default(); log.Enabled(ctx, slog.LevelDebug) {
		log.DebugContext(ctx, "jot: refused", "event", e)
	}
	return why.refusal(t, m.challenge)
}

// react does what has to follow from a reason: a theft ends the session, and a failing store is an event, unless it
// was the client who has gone. What it returns is the reason to answer with.
func (m *Manager) react(ctx context.Context, why *reason, t *Token) *reason {
	if why.theft {
		why = m.ledger.endForTheft(ctx, t, m.origin.now())
	}
	if why.endedNow {
		m.emit(ctx, EventReused, t)
	}
	if why.store && ctx.Err() == nil {
		m.event(ctx, Event{Kind: EventStoreUnavailable, Err: why.cause})
	}
	return why
}

// failOpen tells that a token passes of which nobody could tell whether it was revoked.
func (m *Manager) failOpen(ctx context.Context, why *reason, t *Token) {
	_ = m.react(ctx, why, t) // it is the reason already
	e := Event{
		Kind: EventFailedOpen, Subject: t.Subject, SessionID: t.SessionID, TokenID: t.ID, Location: t.Location,
		Err: why.cause,
	}
	m.event(ctx, e)
	slog.WarnContext(ctx,
		"jot: let pass, though nobody could tell whether it was revoked (InsecureFailOpen)", "err", e.Err)
}

// failed returns an error of the issuer's: the refusal, if it is a reason.
func (m *Manager) failed(ctx context.Context, err error, t *Token) error {
	if why, ok := errors.AsType[*reason](err); ok {
		at := Location("")
		if t != nil {
			at = t.Location
		}
		return m.refuse(ctx, why, t, at)
	}
	return err
}

func (m *Manager) event(ctx context.Context, e Event) {
	if m.eventHandler != nil {
		m.eventHandler(ctx, e)
	}
}

// renewalFailed is the event of a cookie that could not be renewed, of a token if there is one.
func (m *Manager) renewalFailed(ctx context.Context, err error, t *Token) {
	e := Event{Kind: EventRenewalFailed, Location: InCookie, Err: err}
	if t != nil {
		e.Subject, e.SessionID, e.TokenID = t.Subject, t.SessionID, t.ID
	}
	m.event(ctx, e)
}

// emit is an event of a token's session.
func (m *Manager) emit(ctx context.Context, kind EventKind, t *Token) {
	m.event(ctx, Event{Kind: kind, Subject: t.Subject, SessionID: t.SessionID, TokenID: t.ID, Location: t.Location})
}
