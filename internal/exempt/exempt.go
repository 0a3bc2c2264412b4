// Package exempt knows which requests a mux would route to patterns that are open to everyone. It fails closed: where
// another reader of a request's path could read it otherwise, the request is not exempt.
package exempt

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Patterns is a set of patterns, matched by a mux as they are written for one.
type Patterns struct {
	names  []string
	mux    *http.ServeMux
	behind *http.ServeMux // that of the handler, if it is one
}

// New returns an empty set.
func New() *Patterns { return &Patterns{mux: http.NewServeMux()} }

// open marks the patterns in the mux; what it finds of another type is a redirect of its own.
type open struct{}

func (open) ServeHTTP(http.ResponseWriter, *http.Request) {}

// Add adds a pattern, or says what is wrong with it.
func (e *Patterns) Add(pattern string) (err error) {
	if method, ok := isRoot(pattern); ok {
		return fmt.Errorf("%q is every path there is: write %q for the front page", pattern, method+"/{$}")
	}
	if strings.Contains(pattern, "//") {
		return fmt.Errorf("%q has a doubled slash, which is no path that is clean", pattern)
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v", reason)
		}
	}()
	e.mux.Handle(pattern, open{})
	e.names = append(e.names, pattern)
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

// Within returns the set as it is before a mux: that one is asked as well.
func (e *Patterns) Within(mux *http.ServeMux) *Patterns {
	inside := *e
	inside.behind = mux
	return &inside
}

// Cover reports whether the mux would route r, as it stands, to one of the patterns.
func (e *Patterns) Cover(r *http.Request) bool {
	if r.Method == http.MethodConnect || !isPlain(r) {
		return false
	}
	handler, _ := e.mux.Handler(r)
	if _, ok := handler.(open); !ok || e.behind == nil {
		return ok
	}
	_, pattern := e.behind.Handler(r)
	return slices.Contains(e.names, pattern)
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
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
