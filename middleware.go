package jot

import (
	"context"
	"net/http"
)

// Guard lets requests through to a handler only with a token that the manager's keys signed, that has not expired, was
// not revoked, and has what its route demands. Make one with [Manager.Guard] at start-up; it may be used by many
// goroutines at once. Most applications want [Manager.Required], which is its Handler; a Guard by itself is for
// adapters to frameworks that have no [http.Handler].
type Guard struct {
	m     *Manager
	route *route
}

// Guard returns the guard of a route: what opts demand of a token, without any an access token. Options that
// contradict each other panic, at start-up, with a message that names them.
//
// The guard treats OPTIONS like any method: put CORS handling around it, not within, so that preflights do not reach
// it and refusals carry its headers. Within another guard of the same manager it reuses the verified token and runs
// its own demands only.
func (m *Manager) Guard(opts ...RouteOption) *Guard {
	rt, err := m.compile(opts)
	if err != nil {
		panic("jot: Guard: " + err.Error())
	}
	return &Guard{m, rt}
}

// Required returns the middleware of a [Guard]. The handler that it wraps finds the token by [FromContext]; any other
// request is answered by [Manager.WriteError], and the handler is not called. Without opts it demands an access token.
// Options that contradict each other panic, at start-up, with a message that names them.
//
// It has the type that routers take for middleware, and never wraps the ResponseWriter.
func (m *Manager) Required(opts ...RouteOption) func(next http.Handler) http.Handler {
	rt, err := m.compile(opts)
	if err != nil {
		panic("jot: Required: " + err.Error())
	}
	return (&Guard{m, rt}).Handler
}

// Handler returns next behind the guard. Where next is an [http.ServeMux], [Except] asks it where a request would go.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if next == nil {
		panic("jot: Required: the handler is nil")
	}
	g = g.around(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admitted, err := g.Admit(w, r)
		if err != nil {
			g.m.WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, admitted)
		r.MultipartForm = admitted.MultipartForm // whose files net/http removes by the request that it knows
	})
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

// Admit is what [Guard.Handler] does before it calls the handler, for adapters to other frameworks. It returns the
// request for the handler, whose context carries the token; with [Optional] or [Except], perhaps none. In the answer's
// headers it sets what keeps caches away, and a renewed cookie. Its error is for [Manager.WriteError], and the request
// is nil then, so that whoever forgets to return cannot serve it.
//
// An adapter gives back what its handler has parsed: it sets the MultipartForm of r to that of the request that Admit
// returned, so that net/http removes the files of uploads.
func (g *Guard) Admit(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if g.exempts(r) {
		return r, nil
	}
	p := g.m.enter(r, g.route)
	ok := p.check()
	keepPrivate(w.Header(), p.at, g.m.places.header)
	switch {
	case ok:
		return r.WithContext(p.context(p.slide(w))), nil
	case p.absent && g.route.optional:
		return r, nil
	}
	return nil, p.refusal()
}

// exempts reports whether the request passes unseen.
func (g *Guard) exempts(r *http.Request) bool {
	return g.route.except != nil && g.route.except.Cover(r) ||
		g.m.profile.ExemptOptions && r.Method == http.MethodOptions
}

// Verify checks a token's text by the rules of [Manager.Required] and returns it. It is for tokens that come another
// way than in a request: a message queue, a WebSocket frame, a mailed link. Everything that Required does with the
// token is done, revocation and user lookup included. Demands that contradict each other are an error.
//
// Looking at any token of this service, whatever its type and even if revoked, is Verify(ctx, raw, AccessOrRefresh(),
// InsecureSkipRevocation()).
func (m *Manager) Verify(ctx context.Context, raw string, demands ...Demand) (*Token, error) {
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

// keepPrivate keeps answers out of caches and referrers where the request does not say that they are somebody's own:
// RFC 9111 section 3.5 looks after the Authorization header alone. The handler may change it.
func keepPrivate(h http.Header, at Location, header string) {
	if at == "" || at == InHeader && header == "Authorization" {
		return
	}
	h.Set("Cache-Control", "private, no-store")
	if at == InQuery {
		h.Set("Referrer-Policy", "no-referrer")
	}
}
