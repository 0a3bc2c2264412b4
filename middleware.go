package jot

import (
	"context"
	"net/http"
	"time"
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
		return r.WithContext(p.context(g.m.slide(w, &p))), nil
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

// pass is one request's way through a guard. A step that fails says why.
type pass struct {
	m    *Manager
	want *route
	ctx  context.Context
	r    *http.Request
	now  time.Time
	// outer is what a guard further out has found, nil if there is none.
	outer *contextValue

	raw    string   // the credential
	at     Location // and where it was
	absent bool     // there was none
	proof  string   // the CSRF value that the request repeats, empty where none is asked
	ours   bool     // it was a cookie, and no other origin's page sent it
	token  *Token
	asked  asked
	why    *reason
}

// asked is what need not be asked again by a guard further in.
type asked struct {
	callbacks bool // the manager's own agreed
	used      bool // SingleUse has used the token up
}

// enter begins the way of a request.
func (m *Manager) enter(r *http.Request, want *route) pass {
	return pass{m: m, want: want, ctx: r.Context(), r: r, now: m.origin.now(), outer: found(r.Context(), m.origin)}
}

// check is the whole way: the cheap and harmless first, and nothing of the payload before the signature holds.
func (p *pass) check() bool {
	return p.method() &&
		p.find() &&
		p.origin() &&
		p.judge()
}

// judge asks a credential everything that does not depend on how it came.
func (p *pass) judge() bool {
	return p.read() &&
		p.claims() &&
		p.csrf() &&
		p.times() &&
		p.route() &&
		p.revocation() &&
		p.callbacks() &&
		p.use() &&
		p.vouch()
}

// holds goes on unless there is a reason not to.
func (p *pass) holds(why *reason) bool {
	p.why = why
	return why == nil
}

// method refuses requests that change nothing where something is changed.
func (p *pass) method() bool {
	if p.want.unsafe && isSafe(p.r.Method) {
		return p.holds(&reason{sentinel: ErrMethodNotAllowed})
	}
	return true
}

// find looks for the credential in the route's places.
func (p *pass) find() bool {
	var err error
	p.raw, p.at, err = p.m.places.find(p.r, p.want)
	if err != nil {
		return p.holds(&reason{sentinel: ErrBadRequest, cause: err})
	}
	if p.absent = p.raw == ""; p.absent {
		return p.holds(&reason{sentinel: ErrNoToken})
	}
	return true
}

// origin asks of a cookie, which browsers send by themselves, that a page of ours made the request send it.
func (p *pass) origin() bool {
	if p.at != InCookie {
		return true
	}
	var why *reason
	p.proof, why = p.m.jar.proof(p.r, p.want)
	return p.holds(why)
}

// read makes the token of the text, or takes over what an outer guard has made of it.
func (p *pass) read() bool {
	if p.outer != nil && p.outer.raw == p.raw {
		again := *p.outer.token // others may hold the outer one
		again.verified = false
		p.token, p.asked = &again, p.outer.asked
	} else if p.token, p.why = p.m.verifier.read(p.raw); p.why != nil {
		return false
	}
	p.token.Location = p.at
	return true
}

// claims asks who issued the token, and for whom.
func (p *pass) claims() bool {
	return p.holds(p.m.verifier.issuer(p.token)) &&
		(p.want.anyAudience || p.holds(p.m.verifier.meant(p.token, p.want.audience)))
}

// csrf compares what the request repeats with what the token's signature holds.
func (p *pass) csrf() bool {
	return p.proof == "" || p.holds(p.token.repeats(p.proof, p.want.leaving))
}

func (p *pass) times() bool { return p.holds(p.m.verifier.current(p.token, p.now)) }

// route asks for what the route demands.
func (p *pass) route() bool {
	if p.at == InQuery && p.token.Type == typeRefresh && !p.m.profile.RefreshInQuery {
		return p.holds(&reason{sentinel: ErrWrongType})
	}
	return p.holds(p.want.judge(p.token, p.now))
}

// revocation asks the ledger. A refresh token allows no more than its session still does.
func (p *pass) revocation() bool {
	if p.token.checked || p.want.skipRevocation {
		return true
	}
	record, why := p.m.ledger.check(p.ctx, p.token, p.now)
	if record.Session != "" {
		p.token.Scopes = both(p.token.claimed, scopesOf(record.Scope))
	}
	p.token.checked = why == nil
	return p.holds(why)
}

// callbacks asks the application: its rules, the route's, and who the user is. The manager's are asked once, however
// many guards there are.
func (p *pass) callbacks() bool {
	first := !p.asked.callbacks
	if first && p.m.verification != nil && !p.agrees(p.m.verification) {
		return false
	}
	for _, check := range p.want.checks {
		if !p.agrees(check) {
			return false
		}
	}
	if first && p.m.lookup != nil {
		user, err := p.m.lookup(p.ctx, p.token)
		if !p.holds(verdict(true, nil, err)) {
			return false
		}
		p.token.user = user
	}
	p.asked.callbacks = true
	return true
}

func (p *pass) agrees(check func(context.Context, *Token) (bool, error)) bool {
	ok, err := check(p.ctx, p.token)
	return p.holds(verdict(ok, ErrForbidden, err))
}

// use uses the token up: last of all, when nothing else can refuse it.
func (p *pass) use() bool {
	if !p.want.singleUse || p.asked.used {
		return true
	}
	p.asked.used = p.holds(p.m.ledger.use(p.ctx, p.token, p.now))
	return p.asked.used
}

// vouch makes the token evidence: nothing was found against it.
func (p *pass) vouch() bool {
	p.token.verified = true
	return true
}

// refusal is the error of a step that failed.
func (p *pass) refusal() error { return p.m.refuse(p.ctx, p.why, p.token, p.at) }

// context is that of the handler.
func (p *pass) context(renewal *renewal) context.Context {
	return withValue(p.ctx, &contextValue{token: p.token, raw: p.raw, asked: p.asked, renewal: renewal})
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
