package strictjson

import (
	"math/rand/v2"
	"strings"
)

// linearNames is how many names of one object are compared one by one, before a map takes over: names are few, but
// many must not cost the square of their number.
const linearNames = 64

// names are those of the objects that are open, outermost first, as they stand in the text. Few of them need no memory
// of their own.
type names struct {
	few     [linearNames]string
	sums    [linearNames]uint64 // of what they decode to, once one of them is escaped
	n       int
	escaped bool
}

// factor is not known to those who choose names: they could write many with one sum otherwise, each to be decoded again
// for each of the others.
var factor = rand.Uint64() | 1 //nolint:gosec // it needs to be unknown, and is no key

// sum is the same for all spellings of a name.
func sum(name string) (h uint64) {
	for name != "" {
		c, size := character(name)
		h = h*factor + uint64(c) //nolint:gosec // no character is negative
		name = name[size:]
	}
	return h
}

// add enters a name of the object whose names begin at first, false if it is there. What few cannot hold goes into
// many, decoded.
func (n *names) add(name string, first int, many *map[string]struct{}) bool {
	if *many != nil {
		name = unquote(name)
		_, twice := (*many)[name]
		(*many)[name] = struct{}{}
		return !twice
	}
	if !n.escaped && strings.IndexByte(name, '\\') >= 0 {
		n.escaped = true
		for i, other := range n.few[:n.n] {
			n.sums[i] = sum(other)
		}
	}
	h := uint64(0)
	if n.escaped {
		h = sum(name)
	}
	for i := first; i < n.n; i++ {
		if n.few[i] == name || n.escaped && n.sums[i] == h && same(n.few[i], name) {
			return false
		}
	}
	if n.n < len(n.few) {
		n.few[n.n], n.sums[n.n] = name, h
		n.n++
		return true
	}
	*many = make(map[string]struct{}, 2*len(n.few))
	for _, other := range n.few[first:n.n] {
		(*many)[unquote(other)] = struct{}{}
	}
	(*many)[unquote(name)] = struct{}{}
	return true
}
