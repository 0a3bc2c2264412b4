package jot

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Except lets requests through that a [net/http.ServeMux] would route to one of these patterns, "POST /login" or
// "/public/" say, without looking at their tokens. It is for a guard around a whole mux. A pattern without a method
// exempts every method. One that is everything under the root is an error: write "GET /{$}" for the front page.
//
// If the handler behind the guard is the [net/http.ServeMux] itself, it is asked where the request would go, and that
// must be one of these patterns, as it is registered there. Behind any other handler the guard cannot know that a
// pattern of its own, "GET /public/drafts" say, is meant to be guarded: exempt no more than you mean.
//
// It fails closed: a path that is not clean, by dot segments, doubled slashes, backslashes, semicolons or needless
// percent-encoding, is guarded, and so are CONNECT and what the mux would only redirect, because what stands behind
// may read such a path otherwise. Patterns are those of the mux around which the guard stands, before any
// [net/http.StripPrefix] behind it.
func Except(patterns ...string) RouteOption {
	return routeOption(func(rt *route) {
		if len(patterns) == 0 {
			rt.failf("Except: name at least one pattern")
		}
		if rt.except == nil {
			rt.except = &exemption{mux: http.NewServeMux()}
		}
		for _, pattern := range patterns {
			if err := rt.except.add(pattern); err != nil {
				rt.failf("Except: %w", err)
			}
		}
	})
}

// exemption is a set of patterns, matched by the mux that they are written for.
type exemption struct {
	patterns []string
	mux      *http.ServeMux
	behind   *http.ServeMux // that of the handler, if it is one
}

// exempt marks the patterns in the mux; what it finds of another type is a redirect of its own.
type exempt struct{}

func (exempt) ServeHTTP(http.ResponseWriter, *http.Request) {}

func (e *exemption) add(pattern string) (err error) {
	if method, ok := isRoot(pattern); ok {
		return fmt.Errorf("%q is every path there is: write %q for the front page", pattern, method+"/{$}")
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v", reason)
		}
	}()
	e.mux.Handle(pattern, exempt{})
	e.patterns = append(e.patterns, pattern)
	return nil
}

// isRoot reports whether a pattern is all that lies under the root, of no host in particular, for what method.
func isRoot(pattern string) (method string, ok bool) {
	fields := strings.Fields(pattern)
	if len(fields) == 2 {
		method = fields[0] + " "
		fields = fields[1:]
	}
	if len(fields) != 1 {
		return "", false
	}
	under, ok := strings.CutPrefix(fields[0], "/")
	rest := strings.HasPrefix(under, "{") && strings.HasSuffix(under, "...}") && !strings.Contains(under, "/")
	return method, ok && (under == "" || rest)
}

// within returns the exemption before a mux.
func (e *exemption) within(mux *http.ServeMux) *exemption {
	inside := *e
	inside.behind = mux
	return &inside
}

// covers reports whether the mux would route r, as it stands, to one of the patterns.
func (e *exemption) covers(r *http.Request) bool {
	if r.Method == http.MethodConnect || !isPlain(r) {
		return false
	}
	handler, _ := e.mux.Handler(r)
	if _, ok := handler.(exempt); !ok || e.behind == nil {
		return ok
	}
	_, pattern := e.behind.Handler(r)
	return slices.Contains(e.patterns, pattern)
}

// isPlain reports whether every reader of the request's path would read it alike: clean, and percent-encoded only
// where it must be.
func isPlain(r *http.Request) bool {
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") || r.URL.Opaque != "" || !utf8.ValidString(p) || strings.ContainsAny(p, "\\;%") {
		return false
	}
	if strings.ContainsFunc(p, func(c rune) bool { return c < ' ' || c == 0x7f }) || r.URL.EscapedPath() != escaped(p) {
		return false
	}
	clean := path.Clean(p)
	return p == clean || p == clean+"/"
}

// escaped encodes a path where RFC 3986 section 3.3 says that it must be. Package net/url encodes more than that, and
// leaves what a client has sent as it is.
func escaped(p string) string {
	var b strings.Builder
	for i := range len(p) {
		c := p[i]
		if isAlphanumeric(c) || strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
