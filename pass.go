package jot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-jot/jot/internal/credential"
	"github.com/go-jot/jot/internal/once"
	"github.com/go-jot/jot/internal/wire"
)

// pass is one request's way through a guard. A step that fails says why.
type pass struct {
	m    *Manager
	want *route
	ctx  context.Context
	r    *http.Request
	now  time.Time
	// outer is what a guard further out has found, nil if there is none.
	outer *contextValue

	raw     string   // the credential
	at      Location // and where it was
	absent  bool     // there was none
	proof   string   // the CSRF value that the request repeats, empty where none is asked
	ours    bool     // it was a cookie, and no other origin's page sent it
	token   *Token
	asked   asked
	why     *reason
	renewal *renewal // a cookie that was renewed, or could not be
}

// enter begins the way of a request.
func (m *Manager) enter(r *http.Request, want *route) pass {
	return pass{m: m, want: want, ctx: r.Context(), r: r, now: m.origin.now(), outer: found(r.Context(), m.origin)}
}

// check is the whole way: the cheap and harmless first, and nothing of the payload before the signature holds, but
// for the iss where it says whose keys to look at.
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
	p.raw, p.at, err = p.m.places.find(p.r, p.order(), p.kind())
	if errors.Is(err, credential.ErrColon) {
		where := p.m.places
		err = told{
			text: "the header " + where.header + " has a colon behind " + where.scheme + ": leave it out", fact: err,
		}
	}
	if err != nil {
		return p.holds(&reason{sentinel: ErrBadRequest, cause: err})
	}
	if p.absent = p.raw == ""; p.absent {
		return p.holds(&reason{sentinel: ErrNoToken})
	}
	return true
}

// order is that of the route's places.
func (p *pass) order() []Location {
	if p.want.locations != nil {
		return p.want.locations
	}
	return p.m.places.order
}

// kind is that of the token which the route reads.
func (p *pass) kind() names {
	if p.want.refresh {
		return p.m.places.refresh
	}
	return p.m.places.access
}

// origin asks of a cookie, which browsers send by themselves, that a page of ours made the request send it.
func (p *pass) origin() bool {
	if p.at != InCookie {
		return true
	}
	var why *reason
	p.proof, why = p.m.jar.proof(p.r, p.kind())
	return p.holds(why)
}

// read makes the token of the text, or takes over what an outer guard has made of it.
func (p *pass) read() bool {
	if p.outer != nil && p.outer.raw != "" && p.outer.raw == p.raw && p.outer.token != nil {
		again := *p.outer.token // others may hold the outer one
		again.verified = false
		p.token, p.asked = &again, p.outer.asked
	} else if p.token, p.why = p.m.verifier.read(p.ctx, p.raw); p.why != nil {
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
	switch {
	case p.proof == "" || p.token.proves(p.proof):
		return true
	case p.want.eitherProof && p.token.Type == typeRefresh && p.token.provesAccess(p.proof):
		return true // which is what the page knows
	case p.m.jar.profile != nil && p.token.CSRFToken() == "":
		return p.holds(errNoCSRFClaim)
	}
	return p.holds(errCSRF)
}

func (p *pass) times() bool { return p.holds(p.m.verifier.current(p.token, p.now)) }

// route asks for what the route demands.
func (p *pass) route() bool {
	if p.at == InQuery && p.token.Type == typeRefresh && !p.m.profile.RefreshInQuery {
		return p.holds(&reason{sentinel: ErrWrongType, cause: told{text: "a refresh token is not taken from a URL"}})
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
	p.token.checked, p.token.unknown = why == nil, false
	if why != nil && p.want.failOpen && errors.Is(why.sentinel, ErrUnavailable) && p.ctx.Err() == nil {
		p.token.unknown = true
		p.m.failOpen(p.ctx, why, p.token)
		why = nil
	}
	return p.holds(why) && p.holds(p.want.allows(p.token))
}

// callbacks asks the application: its rules, the route's, and who the user is. The manager's are asked once, however
// many guards there are.
func (p *pass) callbacks() bool {
	first := !p.asked.callbacks
	if first && p.m.verification != nil && !p.agrees(p.m.verification, errNotVerified) {
		return false
	}
	for _, check := range p.want.checks {
		if !p.agrees(check, errChecked) {
			return false
		}
	}
	if first && p.m.lookup != nil {
		user, err := p.m.lookup(p.ctx, p.token)
		if t := p.token.Type; err != nil && t != typeAccess && t != typeRefresh {
			err = fmt.Errorf("a token of the Type %q, whose subject may be no user: look at Token.Type first: %w",
				t, err)
		}
		if !p.holds(verdict(true, nil, err)) {
			return false
		}
		(*p.token.inside).user = user
	}
	p.asked.callbacks = true
	return true
}

var (
	errNotVerified = errors.New("WithTokenVerification says no")
	errChecked     = errors.New("a Check of the route says no")
)

func (p *pass) agrees(check func(context.Context, *Token) (bool, error), no error) bool {
	ok, err := check(p.ctx, p.token)
	why := verdict(ok, ErrForbidden, err)
	if err == nil && why != nil {
		why.cause = no
	}
	return p.holds(why)
}

// use uses the token of a SingleUse route up: last of all, when nothing else can refuse it. A refresh token is used
// up by Rotate.
func (p *pass) use() bool {
	if !p.want.singleUse || p.asked.used {
		return true
	}
	p.asked.used = p.holds(p.m.ledger.use(p.ctx, p.token, p.now))
	if p.asked.used && p.token.Type == typeAccess && p.token.SessionID != "" && !p.token.foreign {
		once.Log(p.ctx, slog.LevelWarn, "jot: SingleUse without Type has used up a login's access token, "+
			"which is good for nothing else now: name the Type of tokens that are made for one use")
	}
	return p.asked.used
}

// vouch makes the token evidence: nothing was found against it.
func (p *pass) vouch() bool {
	p.token.verified = true
	return true
}

// refusal is the error of a step that failed.
func (p *pass) refusal() error {
	if p.absent && p.r != nil {
		p.why = &reason{sentinel: ErrNoToken, cause: p.stray()}
	}
	// Another system's logins are like that.
	if errors.Is(p.why.cause, errNoAuthTime) && p.m.profile.Minting == nil && !p.token.foreign {
		once.Log(p.ctx, slog.LevelWarn, "jot: a route with Fresh or MaxAge refused a login that was made without "+
			"Fresh, which no refresh helps: give Fresh to CreatePair where the password was right, "+
			"or ask for the password again (InSession)")
	}
	err := p.m.refuse(p.ctx, p.why, p.token, p.at)
	if e, ok := asError(err); ok && p.m.profile.Explain != nil {
		e.Cause = p.m.profile.Explain(err, p.circumstances())
	}
	return err
}

// stray guesses why there is no token; nil without a guess.
func (p *pass) stray() error {
	cookies := p.m.jar.cookies
	guess := p.m.places.stray(p.r, p.order(), p.kind(), cookies != nil && !cookies.Insecure)
	near := ""
	if p.want.except != nil {
		near = p.want.except.Near(p.r)
	}
	switch {
	case guess != "":
		return told{text: guess}
	case near != "":
		return errors.New(near)
	case slices.Contains(p.order(), InCookie):
		return errNoCookie
	}
	return nil
}

// circumstances are what a profile's answers are written from.
func (p *pass) circumstances() wire.Circumstances {
	c := wire.Circumstances{
		Request: p.r, At: string(p.at), Refresh: p.want.refresh, Raw: p.raw, Latest: p.now.Add(p.m.origin.leeway),
	}
	for _, at := range p.order() {
		c.Places = append(c.Places, string(at))
	}
	return c
}

// anonymous is the request of nobody: the handler does not find the token of a guard further out either.
func (p *pass) anonymous() *http.Request {
	if tokenIn(p.ctx) == nil && p.renewal == nil {
		return p.r
	}
	v := contextValue{origin: p.m.origin, renewal: p.renewal}
	if p.outer != nil && p.outer.renewal != nil {
		v.renewal = p.outer.renewal
	}
	return p.r.WithContext(withValue(p.ctx, v))
}

// context is that of the handler.
func (p *pass) context(renewal *renewal) context.Context {
	return withValue(p.ctx, contextValue{
		token: p.token, origin: p.m.origin, raw: p.raw, asked: p.asked, renewal: renewal,
	})
}
