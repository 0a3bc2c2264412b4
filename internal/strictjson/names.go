package strictjson

import "math/rand/v2"

// linearNames is how many names of one object are compared one by one, before a map takes over: names are few, but
// many must not cost the square of their number.
const linearNames = 64

// names are those of the objects that are open, outermost first, as they stand in the text. Few of them need no memory
// of their own, and no object costs more because of those around it.
type names struct {
	few     [linearNames]entry
	more    []entry
	n       int
	escaped bool
}

// entry is a name, with the sum of what it decodes to, once one of the names is escaped.
type entry struct {
	name string
	sum  uint64
}

func (n *names) at(i int) *entry {
	if i < len(n.few) {
		return &n.few[i]
	}
	return &n.more[i-len(n.few)]
}

func (n *names) push(e entry) {
	if n.n < len(n.few) {
		n.few[n.n] = e
	} else {
		n.more = append(n.more[:n.n-len(n.few)], e)
	}
	n.n++
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

// add enters a name of the object whose names begin at first, false if it is there. What is too many for comparing goes
// into many, decoded.
func (n *names) add(name string, escaped bool, first int, many *map[string]struct{}) bool {
	if *many != nil {
		name = unquote(name)
		_, twice := (*many)[name]
		(*many)[name] = struct{}{}
		return !twice
	}
	if escaped && !n.escaped {
		n.escaped = true
		for i := range n.n {
			n.at(i).sum = sum(n.at(i).name)
		}
	}
	e := entry{name: name}
	if n.escaped {
		e.sum = sum(name)
	}
	for i := first; i < n.n; i++ {
		if other := n.at(i); other.name == name || n.escaped && other.sum == e.sum && same(other.name, name) {
			return false
		}
	}
	if n.n-first < linearNames {
		n.push(e)
		return true
	}
	*many = make(map[string]struct{}, 2*linearNames)
	for i := first; i < n.n; i++ {
		(*many)[unquote(n.at(i).name)] = struct{}{}
	}
	(*many)[unquote(name)] = struct{}{}
	return true
}
