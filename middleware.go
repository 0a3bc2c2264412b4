package jot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-jot/jot/internal/once"
)

// Guard lets a request through to a handler only with a token that the manager's keys have signed, that has neither
// expired nor been revoked, and that has what the route demands. Make one with [Manager.Guard] at start-up; it is safe
// for concurrent use. Most applications use [Manager.Required], which is the guard's Handler; a Guard by itself is for
// adapters to frameworks without [http.Handler].
type Guard struct {
	m     *Manager
	route *route
}

// Guard returns the guard of a route, which demands of tokens what opts say; without opts, an access token. It panics,
// at start-up, if opts contradict each other, with a message that names them.
//
// The guard treats OPTIONS like any method: put CORS handling around it, not inside, so that preflights do not reach
// it and refusals carry CORS headers. Inside another guard of the same manager, it reuses the verified token and
// checks only its own demands.
func (m *Manager) Guard(opts ...RouteOption) *Guard {
	m.exists()
	rt, err := m.compile(opts)
	if err != nil {
		panic("jot: Guard: " + err.Error())
	}
	return &Guard{m, rt}
}

// Required returns middleware that guards a handler: it demands of tokens what opts say; without opts, an access
// token. The handler gets the token from [FromContext]; refused requests are answered by [Manager.WriteError], and do
// not reach the handler. It panics, at start-up, if opts contradict each other, with a message that names them. See
// [Manager.Guard] for OPTIONS and for guards within guards.
//
// It has the type that routers expect of middleware, and never wraps the ResponseWriter. What it returns is all that
// is guarded: serve that, in the handler's place.
func (m *Manager) Required(opts ...RouteOption) func(next http.Handler) http.Handler {
	m.exists()
	rt, err := m.compile(opts)
	if err != nil {
		panic("jot: Required: " + err.Error())
	}
	return (&Guard{m, rt}).Handler
}

// Handler returns next behind the guard. If next is an [http.ServeMux], [Except] asks it where a request would go.
func (g *Guard) Handler(next http.Handler) http.Handler {
	switch {
	case next == nil:
		panic("jot: the handler behind a guard is nil")
	case g.route == nil:
		panic("jot: the Guard was not made by a Manager")
	}
	g = g.around(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admitted, open, err := g.admit(w, r)
		if err != nil {
			g.doubt(r, err)
			g.m.answer(w, r, err)
			return
		}
		defer g.end(r, admitted, open)
		next.ServeHTTP(w, admitted)
	})
}

// answer is WriteError for a request that a guard has seen: a handler of [WithErrorHandler] may ask who is there.
func (m *Manager) answer(w http.ResponseWriter, r *http.Request, err error) {
	if m.errorHandler == nil {
		m.WriteError(w, r, err)
		return
	}
	again := seen(r)
	defer func() { r.MultipartForm = again.MultipartForm }() // whose files net/http removes
	m.WriteError(w, again, err)
}

// end hands the server's request what the handler's copy of it has got: net/http removes the files of uploads by the
// one that it knows, and a logger outside reads the mux's pattern there. Open is the pattern that let it through
// without a token, if there is one.
func (g *Guard) end(r, admitted *http.Request, open string) {
	if open != "" && admitted.Pattern != "" && admitted.Pattern != open {
		g.astray(r, open, admitted.Pattern)
	}
	if admitted == r {
		return
	}
	r.MultipartForm, r.Pattern = admitted.MultipartForm, admitted.Pattern
	v, outer := found(admitted.Context(), g.m.origin), found(r.Context(), g.m.origin)
	if v != nil && v.renewal != nil && (outer == nil || outer.renewal != v.renewal) {
		v.renewal.over.Store(true) // a guard further out has its handler still
	}
}

// doubt tells once that [Except] may have been meant to let a request through that was refused for want of a token.
func (g *Guard) doubt(r *http.Request, err error) {
	if g.route.except == nil || !errors.Is(err, ErrNoToken) {
		return
	}
	if text := g.route.except.Doubt(r); text != "" {
		once.Log(r.Context(), slog.LevelWarn, text)
	}
}

// astray tells once for each pattern of [Except] that behind the guard a request reached another route than the one for
// which it was let through.
func (g *Guard) astray(r *http.Request, open, got string) {
	if got != r.Pattern && g.route.except.Astray(open, got) {
		once.About(r.Context(), slog.LevelWarn, "Except "+open, fmt.Sprintf(
			"jot: Except let a request through by %q, and what served it is %q: "+
				"name that too if everybody may have it, or else put the guard directly around the mux", open, got))
	}
}

// around returns the guard as it is before a handler.
func (g *Guard) around(next http.Handler) *Guard {
	mux, ok := next.(*http.ServeMux)
	if !ok || g.route.except == nil {
		return g
	}
	rt := *g.route
	rt.except = rt.except.Within(mux)
	return &Guard{g.m, &rt}
}

// Admit does everything that [Guard.Handler] does before it calls the handler, for adapters to other frameworks. It
// returns the request whose context carries the token; with [Optional] or [Except] there may be none. Serve the
// request that it returns: for a handler that gets r itself, nobody is logged in. It sets headers of the response:
// those that keep caches away, and a renewed cookie. Its error is for [Manager.WriteError]; the request is nil then, so
// that whoever forgets to return cannot serve it.
//
// After its handler, an adapter sets MultipartForm and Pattern of r to those of the request that Admit returned,
// so that net/http removes the files of uploads.
func (g *Guard) Admit(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	admitted, _, err := g.admit(w, r)
	return admitted, err
}

// admit is Admit. Open is the pattern of [Except] that let the request through, "" otherwise.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request) (admitted *http.Request, open string, err error) {
	if g.route == nil {
		return nil, "", mistake("Guard", errNotNew)
	}
	if open, ok := g.exempts(r); ok {
		return seen(r), open, nil
	}
	p := g.m.enter(r, g.route)
	ok := p.check() || p.revive()
	if !g.m.profile.Silent {
		keepPrivate(w.Header(), p.at, g.m.places.header)
	}
	switch {
	case ok:
		return r.WithContext(p.context(p.slide(w))), "", nil
	case p.absent && g.route.optional:
		if p.renewal != nil && g.m.jar.ours(asPost(r)) { // of a session that has ended; a link changes nothing
			g.m.UnsetCookies(w)
		}
		return seen(p.anonymous()), "", nil
	}
	return nil, "", p.refusal()
}

// exempts reports whether the request passes without a look at its token, and by what pattern.
func (g *Guard) exempts(r *http.Request) (pattern string, ok bool) {
	if g.route.except != nil {
		pattern = g.route.except.Cover(r)
	}
	return pattern, pattern != "" || g.m.profile.ExemptOptions && r.Method == http.MethodOptions
}

// Verify checks a token's text as [Manager.Required] does, revocation and user lookup included, and returns the token.
// It is for tokens that do not come in a request: from a message queue, a WebSocket frame, a mailed link. Demands that
// contradict each other are an error.
//
// To look at any token of this service, even a revoked one, use Verify(ctx, raw, AccessOrRefresh(),
// InsecureSkipRevocation()).
func (m *Manager) Verify(ctx context.Context, raw string, demands ...Demand) (*Token, error) {
	m.exists()
	rt, err := m.compile(demandsOf(demands))
	if err != nil {
		return nil, mistake("Verify", err)
	}
	p := pass{m: m, want: rt, ctx: ctx, now: m.origin.now(), raw: raw}
	if !p.judge() {
		return nil, p.refusal()
	}
	return p.token, nil
}

// Recheck asks of a token that this Manager has verified what may have changed since: whether it has expired, and
// whether it or its session was revoked. It is for what outlives the request that opened it, a WebSocket or an event
// stream: ask once a minute, or before a message that matters, and close it when the token is not good any more. Of the
// callbacks, only that of [WithTokenInBlocklist] is asked.
//
// An access token lives for minutes, and whoever steals one should not have more. So that a connection goes on for as
// long as its login does, give it a token of its own: made by [Manager.CreateToken] with a [Type], [InSession],
// [ExpiresIn] for the longest that it may take, and [Issued], which gives the token that Recheck takes.
func (m *Manager) Recheck(ctx context.Context, t *Token) error {
	m.exists()
	if t == nil || t.origin != m.origin || !t.verified && !t.made {
		return mistake("Recheck", errNotOurs)
	}
	again := *t
	again.checked = false
	p := pass{m: m, want: new(route), ctx: ctx, now: m.origin.now(), token: &again, at: t.Location}
	if !p.times() || !p.revocation() {
		return p.refusal()
	}
	return nil
}

// compile reads the options of a route.
func (m *Manager) compile(opts []RouteOption) (*route, error) {
	if m.origin == nil {
		return nil, errNotNew
	}
	rt, err := newRoute(opts)
	if err == nil {
		err = rt.missing(m.ledger.remembers(), m.jar.cookies != nil)
	}
	return rt, err
}

// keepPrivate keeps responses out of shared caches, and URLs with tokens out of referrers: RFC 9111 section 3.5 takes
// care of the Authorization header only. The handler may change it.
func keepPrivate(h http.Header, at Location, header string) {
	if at == "" || at == InHeader && header == "Authorization" {
		return
	}
	h.Set("Cache-Control", "private, no-store")
	if at == InQuery {
		h.Set("Referrer-Policy", "no-referrer")
	}
}
