package jot

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Required returns a guard: it lets a request through to next only with a token that the manager's keys signed, that
// has not expired, was not revoked, and has what opts demand; without any, an access token. The handler finds the
// token by [FromContext]. Any other request is answered by [Manager.WriteError], and the handler is not called.
//
// The guard treats OPTIONS like any method: put CORS handling around it, not within, so that preflights do not reach
// it and refusals carry its headers. Within another guard of the same manager, it verifies the same token's text no
// second time and runs its own demands only.
//
// Options that contradict each other panic, at start-up, with a message that names them. The guard has the type that
// routers take for middleware; it never wraps the ResponseWriter.
func (m *Manager) Required(opts ...RouteOption) func(next http.Handler) http.Handler {
	rt, err := m.route(opts)
	if err != nil {
		panic("jot: Required: " + err.Error())
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("jot: Required: the handler is nil")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t, found, err := m.verifyRequest(r, rt)
			guardCaches(w.Header(), found.at)
			if err != nil {
				m.WriteError(w, r, err)
				return
			}
			if t != nil {
				r = r.WithContext(newContext(r.Context(), t, found.raw, m.slide(w, r, t)))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// VerifyRequest is what [Manager.Required] does before it calls the handler, for adapters to other frameworks: they
// pass its error to [Manager.WriteError] and put its token into the context by [NewContext]. It returns neither a
// token nor an error exactly when [Optional] or [Except] lets the request through. Options that contradict each other
// are an error.
func (m *Manager) VerifyRequest(r *http.Request, opts ...RouteOption) (*Token, error) {
	rt, err := m.route(opts)
	if err != nil {
		return nil, err
	}
	t, _, err := m.verifyRequest(r, rt)
	return t, err
}

var errNotNew = errors.New("jot: the Manager was not made by New")

// route reads the options of a route.
func (m *Manager) route(opts []RouteOption) (*route, error) {
	if m.sources == nil {
		return nil, errNotNew
	}
	rt, err := newRoute(opts)
	if err == nil && rt.singleUse && !m.ledger.any() {
		err = unsupported("SingleUse", "WithStore or WithBlocklist")
	}
	if err == nil && m.cookies == nil && slices.Contains(rt.locations, InCookie) {
		err = unsupported("Locations(InCookie)", "WithCookies")
	}
	return rt, err
}

// verifyRequest also returns the credential as found.
func (m *Manager) verifyRequest(r *http.Request, rt *route) (t *Token, found credential, err error) {
	if rt.except != nil && rt.except.covers(r) || m.profile.ExemptOptions && r.Method == http.MethodOptions {
		return nil, credential{}, nil
	}
	t, found, err = m.admit(r, rt)
	if err != nil {
		m.refused(r.Context(), err, found.at)
		return nil, found, err
	}
	return t, found, nil
}

// credential is a token's text, and where it was.
type credential struct {
	raw string
	at  Location
}

// admit finds the credential of a request and asks it everything.
func (m *Manager) admit(r *http.Request, rt *route) (t *Token, found credential, err error) {
	if rt.unsafe && isSafe(r.Method) {
		return nil, found, m.refuse(errMethod, nil, nil)
	}
	if found, err = m.seek(r, rt); err != nil {
		return nil, found, m.refuse(ErrBadRequest, err, nil)
	}
	switch {
	case found.raw == "" && rt.optional:
		return nil, found, nil
	case found.raw == "":
		return nil, found, m.refuse(ErrNoToken, nil, nil)
	}
	csrf := ""
	if found.at == InCookie {
		if csrf, err = m.csrfBefore(r, rt.refresh); err != nil {
			return nil, found, err
		}
	}
	if outer := m.find(r.Context()); outer != nil && outer.raw == found.raw {
		again := *outer.token // others may hold the outer one
		again.verified = false
		t = &again
	} else if t, err = m.read(found.raw); err != nil {
		return nil, found, err
	}
	t.Location = found.at
	t, err = m.judge(r.Context(), t, rt, csrf)
	return t, found, err
}

// seek looks for the credential in the route's places. Only where there is nothing does it go on.
func (m *Manager) seek(r *http.Request, rt *route) (found credential, err error) {
	order := rt.locations
	if order == nil {
		order = m.places.order
	}
	for _, at := range order {
		raw, err := m.credential(r, at, rt.refresh)
		if raw != "" || err != nil {
			return credential{raw, at}, err
		}
	}
	return credential{}, nil
}

// guardCaches keeps answers out of caches and referrers where the request does not say that they are somebody's own:
// RFC 9111 section 3.5 looks after the Authorization header alone. The handler may change it.
func guardCaches(h http.Header, at Location) {
	switch at {
	case InCookie:
		h.Set("Cache-Control", "private, no-store")
	case InQuery:
		h.Set("Cache-Control", "private, no-store")
		h.Set("Referrer-Policy", "no-referrer")
	case InHeader, InBody:
	}
}

// exemption is a set of patterns, matched by the mux that they are written for.
type exemption struct{ mux *http.ServeMux }

func newExemption() *exemption { return &exemption{http.NewServeMux()} }

// exempt marks the patterns in the mux; what it finds of another type is a redirect of its own.
type exempt struct{}

func (exempt) ServeHTTP(http.ResponseWriter, *http.Request) {}

func (e *exemption) add(pattern string) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v", reason)
		}
	}()
	e.mux.Handle(pattern, exempt{})
	return nil
}

// covers reports whether the mux would route r, as it stands, to one of the patterns.
func (e *exemption) covers(r *http.Request) bool {
	if r.Method == http.MethodConnect || !isPlain(r) {
		return false
	}
	handler, _ := e.mux.Handler(r)
	_, ok := handler.(exempt)
	return ok
}

// isPlain reports whether every reader of the request's path would read it alike: clean, and percent-encoded only
// where it must be.
func isPlain(r *http.Request) bool {
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") || r.URL.RawPath != "" || r.URL.Opaque != "" || !utf8.ValidString(p) || strings.ContainsAny(p, "\\;%") {
		return false
	}
	if strings.ContainsFunc(p, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return false
	}
	clean := path.Clean(p)
	return p == clean || p == clean+"/"
}
