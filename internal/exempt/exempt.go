// Package exempt knows which requests a mux would route to patterns that are open to everyone. It fails closed: where
// another reader of a request's path could read it otherwise, the request is not exempt.
package exempt

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Patterns is a set of patterns, matched by a mux as they are written for one.
type Patterns struct {
	names  []string
	mux    *http.ServeMux
	under  *http.ServeMux    // what lies under patterns that are one path
	behind *http.ServeMux    // that of the handler, if it is one
	known  map[string]*Muxes // of each pattern
	asked  *sync.Once        // what nobody has
}

// New returns an empty set.
func New() *Patterns {
	return &Patterns{mux: http.NewServeMux(), under: http.NewServeMux(), known: map[string]*Muxes{}}
}

// Muxes are those behind the guards that share an option: a pattern is right if one of them has it.
type Muxes struct {
	mu  sync.Mutex
	all []*http.ServeMux
}

// maxMuxes bounds what guards that are made for each request could pile up.
const maxMuxes = 64

func (m *Muxes) add(mux *http.ServeMux) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) < maxMuxes && !slices.Contains(m.all, mux) {
		m.all = append(m.all, mux)
	}
}

func (m *Muxes) have(pattern string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	has := func(mux *http.ServeMux) bool { return slices.Contains(probe(mux, pattern), pattern) }
	return len(m.all) == maxMuxes || slices.ContainsFunc(m.all, has)
}

// lack reports whether none of them has anything where the pattern is.
func (m *Muxes) lack(pattern string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all) < maxMuxes &&
		!slices.ContainsFunc(m.all, func(mux *http.ServeMux) bool { return len(probe(mux, pattern)) > 0 })
}

// open marks the patterns in a mux; what it finds of another type is a redirect of its own.
type open struct{ name string }

func (open) ServeHTTP(http.ResponseWriter, *http.Request) {}

// Add adds a pattern, or says what is wrong with it. The muxes are those of the option that names it.
func (e *Patterns) Add(pattern string, known *Muxes) (err error) {
	if method, ok := isRoot(strings.TrimRight(pattern, "*")); ok {
		return fmt.Errorf("%q is every path there is: write %q for the front page", pattern, method+"/{$}")
	}
	if err := misspelled(pattern); err != nil {
		return err
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v", reason)
		}
	}()
	e.mux.Handle(pattern, open{pattern})
	e.names = append(e.names, pattern)
	e.known[pattern] = known
	if path := segments(pattern); !isRest(path[len(path)-1]) && path[len(path)-1] != "{$}" {
		defer func() { _ = recover() }() // of two that meet there, one is enough
		e.under.Handle(pattern+"/", open{pattern})
	}
	return nil
}

// misspelled says what a mux would take as it stands, and no request ever match.
func misspelled(pattern string) error {
	fields := strings.Fields(pattern)
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = "", pattern
	}
	upper := strings.ToUpper(method)
	under := strings.TrimRight(pattern, "*")
	switch {
	case len(fields) > 2:
		return fmt.Errorf("%q has white space within: give each pattern by itself", pattern)
	case len(fields) > 0 && pattern != strings.Join(fields, " "):
		return fmt.Errorf("%q has white space too much: write %q", pattern, strings.Join(fields, " "))
	case method == "*":
		return fmt.Errorf("%q: a pattern of every method has none: write %q", pattern, path)
	case method != upper && slices.Contains(methods, upper): // others may well be in small ones
		return fmt.Errorf("%q: methods are in capitals: write %q", pattern, upper+" "+path)
	case strings.Contains(path, "//"):
		return fmt.Errorf("%q has a doubled slash, which is no path that is clean", pattern)
	case strings.HasSuffix(under, "/") && under != pattern && !strings.Contains(under, "*"):
		return fmt.Errorf("%q: a mux takes * for itself: write %q for all that lies under it", pattern, under)
	case strings.Contains(path, "*"):
		return fmt.Errorf("%q: a mux takes * for itself: write {name} for one segment of a path, "+
			"and end it in a slash for all that lies under it", pattern)
	}
	return nil
}

// methods are those of net/http.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodConnect, http.MethodOptions, http.MethodTrace,
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
	inside.behind, inside.asked = mux, new(sync.Once)
	for _, known := range e.known {
		known.add(mux)
	}
	return &inside
}

// Cover returns the one of the patterns to which the mux would route r, as it stands, "" if there is none.
func (e *Patterns) Cover(r *http.Request) string {
	if r.Method == http.MethodConnect || !isPlain(r) {
		return ""
	}
	handler, _ := e.mux.Handler(r)
	found, ok := handler.(open)
	if !ok || e.behind == nil {
		return found.name
	}
	if _, pattern := e.behind.Handler(r); slices.Contains(e.names, pattern) {
		return pattern
	}
	return ""
}

// Doubt says which of the patterns may have been meant for r, which was refused: one that the mux behind does not have,
// because it spells the same path otherwise, or hands it to another mux, or has nothing there at all, as where a name
// is misspelled. It is empty if there is none. It quotes patterns, and nothing of r.
func (e *Patterns) Doubt(r *http.Request) string {
	if e.behind == nil {
		return ""
	}
	_, has := e.behind.Handler(r)
	if has == "" {
		return ""
	}
	_, matches := e.mux.Handler(r)
	_, everything := isRoot(has)
	for _, name := range e.names {
		switch {
		case shape(name) == shape(has) && e.known[name].have(name):
		case shape(name) == shape(has) && everything:
			return fmt.Sprintf("jot: Except names %q, but the mux has %q, which is every path: register %q there too",
				name, has, name)
		case shape(name) == shape(has):
			return fmt.Sprintf("jot: Except names %q, but the mux has %q: spell both alike", name, has)
		case name == matches && isAbove(has, name) && !e.known[name].have(name):
			return fmt.Sprintf("jot: Except names %q, but the mux hands that to %q: guard what is behind it instead",
				name, has)
		}
	}
	var names []string
	e.asked.Do(func() { // which is the same for every request
		for _, name := range e.names {
			if e.known[name].lack(name) {
				names = append(names, strconv.Quote(name))
			}
		}
	})
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "jot: Except names " + names[0] + ", which the mux does not have: it lets nobody through"
	}
	return "jot: Except names " + strings.Join(names, ", ") + ", which the mux does not have: they let nobody through"
}

// Near says which of the patterns r has missed by its last slash, "" if none. It quotes patterns, and nothing of r.
func (e *Patterns) Near(r *http.Request) string {
	if handler, name := e.mux.Handler(r); slices.Contains(e.names, name) && handler != (open{name}) {
		return fmt.Sprintf("Except names %q, to which a mux would only redirect this path", name)
	}
	handler, _ := e.under.Handler(r)
	if found, ok := handler.(open); ok {
		return fmt.Sprintf("Except names %q, and not what lies under it: write %q for that", found.name, found.name+"/")
	}
	return ""
}

// Astray reports whether a request that one of the patterns let through may have reached a route that is meant to be
// guarded, by the pattern that it got behind the guard: one of another path, unless it is among ours as well, or one
// for all that lies above.
func (e *Patterns) Astray(name, got string) bool {
	return e.behind == nil && !slices.Contains(e.names, got) && route(name) != route(got) && !isAbove(got, name)
}

// segments are those of a pattern's path.
func segments(pattern string) []string {
	_, path, _ := strings.Cut(pattern, "/")
	return strings.Split(path, "/")
}

func isWild(segment string) bool { return strings.HasPrefix(segment, "{") }
func isRest(segment string) bool {
	return segment == "" || segment == "*" || strings.HasSuffix(segment, "...}") // a * is what other routers write
}

// route is a pattern without its method, and the names of its wildcards.
func route(pattern string) string {
	host, _, _ := strings.Cut(pattern[strings.Index(pattern, " ")+1:], "/")
	path := segments(pattern)
	for i := range path {
		switch {
		case isRest(path[i]):
			path[i] = "*"
		case isWild(path[i]) && path[i] != "{$}":
			path[i] = "{}"
		}
	}
	return host + "/" + strings.Join(path, "/")
}

// shape is what a pattern's path has in common with those that mean nearly the same: the names of its wildcards do not
// matter, nor whether it means all that lies under it.
func shape(pattern string) string {
	path := segments(pattern)
	if last := path[len(path)-1]; isRest(last) || last == "{$}" {
		path = path[:len(path)-1]
	}
	for i := range path {
		if isWild(path[i]) {
			path[i] = "{}"
		}
	}
	return "/" + strings.Join(path, "/")
}

// isAbove reports whether a pattern is all that lies under a path, and another one's path lies there.
func isAbove(pattern, other string) bool {
	path := segments(pattern)
	return isRest(path[len(path)-1]) && strings.HasPrefix(shape(other)+"/", strings.TrimSuffix(shape(pattern), "/")+"/")
}

// probe returns the patterns of a mux to which it would route requests that a pattern is for: that pattern among them,
// if the mux has it, since no more exact one is likely to match all of them.
func probe(mux *http.ServeMux, pattern string) (found []string) {
	method, rest, ok := strings.Cut(pattern, " ")
	if !ok {
		method, rest = "ANY", pattern
	}
	host, _, _ := strings.Cut(rest, "/")
	path := segments(pattern)
	for _, under := range []string{"", "~/~/~"} {
		for i, segment := range path {
			switch {
			case isRest(segment):
				path[i] = under
			case segment == "{$}":
				path[i] = ""
			case isWild(segment):
				path[i] = "~"
			}
		}
		at := "/" + strings.Join(path, "/")
		if plain, err := url.PathUnescape(at); err == nil {
			at = plain
		}
		_, name := mux.Handler(&http.Request{Method: method, Host: host, URL: &url.URL{Path: at}})
		if name != "" {
			found = append(found, name)
		}
		path = segments(pattern)
	}
	return found
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
