package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// shrink returns a plan as short as it finds that fails in the same way. Ids of tokens hold random bits that no seed
// decides; where two are made within a millisecond and the store is wrong, their order may decide. So a shorter plan
// has to fail several times.
func shrink(p plan, on ground, rule string) plan {
	failing := func(times int) func(plan) bool {
		return func(q plan) bool {
			for range times {
				if failed, _ := play(&q, on, nil); failed == nil || failed.rule != rule {
					return false
				}
			}
			return true
		}
	}
	if short := shorten(p, failing(1)); failing(8)(short) {
		return short
	}
	return shorten(p, failing(8))
}

func shorten(p plan, fails func(plan) bool) plan {
	for before := -1; before != p.size(); {
		before = p.size()
		p = dropSteps(p, fails)
		p = calmDown(p, fails)
		p = simplify(p, fails)
	}
	return p
}

// size is what shrinking makes smaller.
func (p *plan) size() int {
	n := 100 * len(p.steps)
	for _, st := range p.steps {
		for _, f := range slices.Concat(st.faults[:], st.polls[:]) {
			if f.kind != fine {
				n += 10 + f.steps
			}
		}
		if st.gap > 0 {
			n++
		}
	}
	for _, node := range p.settings.nodes {
		n += 10
		if node.offset != 0 {
			n++
		}
		if node.replica {
			n++
		}
	}
	return n + p.settings.browsers + p.settings.tabs + p.settings.thieves + p.settings.users
}

// dropSteps leaves out steps, many at once first. Their time goes by all the same, if that helps.
func dropSteps(p plan, fails func(plan) bool) plan {
	for size := max(1, len(p.steps)/2); size > 0; size /= 2 {
		for at := len(p.steps) - size; at >= 0; at -= size {
			q, slow := p.clone(), p.clone()
			gap := time.Duration(0)
			for _, st := range p.steps[at : at+size] {
				gap += st.gap
			}
			if at+size < len(slow.steps) {
				slow.steps[at+size].gap += gap
			}
			q.steps, slow.steps = slices.Delete(q.steps, at, at+size), slices.Delete(slow.steps, at, at+size)
			if fails(q) {
				p = q
			} else if fails(slow) {
				p = slow
			}
			at = min(at, len(p.steps))
		}
	}
	return p
}

// calmDown takes away faults and time.
func calmDown(p plan, fails func(plan) bool) plan {
	for i := range p.steps {
		for j := range p.steps[i].faults {
			if f := p.steps[i].faults[j]; f.kind != fine {
				p = attempt(p, fails, func(q *plan) { q.steps[i].faults[j] = fault{} })
				p = attempt(p, fails, func(q *plan) { q.steps[i].faults[j].steps = 1 })
			}
			if f := p.steps[i].polls[j]; f.kind != fine {
				p = attempt(p, fails, func(q *plan) { q.steps[i].polls[j] = fault{} })
				p = attempt(p, fails, func(q *plan) { q.steps[i].polls[j] = fault{kind: lostBefore} })
			}
		}
		had := p.steps[i].gap
		for _, gap := range []time.Duration{0, time.Second, had.Truncate(time.Second), had.Truncate(time.Millisecond)} {
			if gap < p.steps[i].gap {
				p = attempt(p, fails, func(q *plan) { q.steps[i].gap = gap })
			}
		}
	}
	return p
}

// simplify makes the settings simpler.
func simplify(p plan, fails func(plan) bool) plan {
	for _, change := range []func(s *settings){
		func(s *settings) { s.thieves = 0 },
		func(s *settings) { s.thieves = 1 },
		func(s *settings) { s.users = 1 },
		func(s *settings) { s.browsers = 1 },
		func(s *settings) { s.tabs = 1 },
		func(s *settings) { s.shared = true },
		func(s *settings) { s.cookies = false },
		func(s *settings) { s.nodes = s.nodes[:1] },
		func(s *settings) { s.nodes = s.nodes[:min(2, len(s.nodes))] },
		func(s *settings) { s.nodes = s.nodes[len(s.nodes)-1:] },
	} {
		p = attempt(p, fails, func(q *plan) { change(&q.settings) })
	}
	for i := range p.settings.nodes {
		for _, offset := range []time.Duration{0, p.settings.nodes[i].offset.Truncate(time.Second)} {
			p = attempt(p, fails, func(q *plan) {
				if i < len(q.settings.nodes) {
					q.settings.nodes[i].offset = offset
				}
			})
		}
		p = attempt(p, fails, func(q *plan) {
			if i < len(q.settings.nodes) {
				q.settings.nodes[i].replica = false
			}
		})
	}
	return p
}

// attempt keeps a change if the plan is not larger for it and still fails.
func attempt(p plan, fails func(plan) bool, change func(*plan)) plan {
	q := p.clone()
	change(&q)
	if q.size() <= p.size() && fails(q) {
		return q
	}
	return p
}

func (p *plan) clone() plan {
	q := *p
	q.steps, q.settings.nodes = slices.Clone(p.steps), slices.Clone(p.settings.nodes)
	return q
}

// story is a history for a reader.
func story(p *plan, on ground) string {
	s := &p.settings
	lines := []string{fmt.Sprintf("tokens live %s, refresh tokens %s, sessions %s; cookies: %t; tabs share them: %t",
		s.accessTTL, s.refreshTTL, s.sessionTTL, s.cookies, s.shared)}
	for i, n := range s.nodes {
		lines = append(lines,
			fmt.Sprintf("node %d: clock %+.6fs, grace %s, %d sessions", i, n.offset.Seconds(), n.grace, n.limit))
		if n.replica {
			lines[len(lines)-1] += fmt.Sprintf(", replica: staleness %s, horizon %s", n.staleness, n.horizon)
		}
	}
	failed, _ := play(p, on, func(line string) { lines = append(lines, line) })
	if failed != nil && failed.rule == "panic" {
		lines = append(lines, failed.String())
	}
	return strings.Join(lines, "\n")
}
