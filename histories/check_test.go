//go:build unix

package histories_test

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/go-jot/jot/session"
)

// operations are a history as the checker wants it.
func operations(f *facts, history []operation) []porcupine.Operation {
	list := make([]porcupine.Operation, 0, len(history))
	for _, o := range history {
		if o.late > 0 {
			for _, over := range []bool{false, true} {
				g := glance{len(f.glances), over}
				at := map[bool]int64{false: o.from(), true: o.over}[over]
				list = append(list, porcupine.Operation{
					ClientId: o.client, Input: g, Call: at, Output: o.answer, Return: at,
				})
			}
			f.glances = append(f.glances, o.call)
			continue
		}
		list = append(list, porcupine.Operation{
			ClientId: o.client, Input: o.call, Call: o.from(), Output: o.answer, Return: o.over,
		})
	}
	return list
}

// judge says whether the history of a subject can be explained, if it comes to a conclusion in time. A call of which
// nobody knows may not have been carried out, so what can be explained without it is right; and each takes the checker
// long, as it may have been carried out at so many times.
func judge(history []operation, limit time.Duration) porcupine.CheckResult {
	if tooLate(history) {
		return porcupine.Illegal
	}
	explain := func(history []operation, limit time.Duration) porcupine.CheckResult {
		f := factsOf(history)
		return porcupine.CheckOperationsTimeout(model(f), operations(f, history), limit)
	}
	if result := explain(history, limit/20); result != porcupine.Unknown { // as for most
		return result
	}
	if less := seen(history); len(less) < len(history) && explain(less, limit/4) == porcupine.Ok {
		return porcupine.Ok
	}
	return explain(history, limit)
}

// seen leaves out the calls of which nobody knows and that nobody needs to have seen: what they have made was never
// shown, or one that repeats them was answered.
func seen(history []operation) (less []operation) {
	shown, answered := map[string]bool{}, map[string]bool{}
	for _, o := range history {
		shown[o.answer.Result.Current] = true
		for _, r := range append(o.answer.List, o.answer.Status.Record) {
			shown[r.Session], shown[r.Current], shown[r.Previous] = true, true, true
		}
		if id := o.id(); id != "" && !o.unknown() {
			answered[id] = true
		}
	}
	for _, o := range history {
		made := o.Method == begin && shown[o.Record.Session] || o.Method == rotate && shown[o.Rotation.Next]
		revoked := o.Method != begin && o.Method != rotate && !answered[o.id()]
		if !o.unknown() || made || revoked {
			less = append(less, o)
		}
	}
	return less
}

// shrink returns a shorter history that cannot be explained either, in a minute or two. What began after some answer is
// left out, with the answers that came after it; and so is each call that changed nothing and without which it is still
// wrong. Others cannot be left out: others may have seen what it did.
func shrink(history []operation, limit time.Duration) []operation {
	over := time.Now().Add(limit)
	wrong := func(h []operation) bool { return judge(h, min(limit, 5*time.Second)) == porcupine.Illegal }
	ends := []int64{}
	for _, o := range history {
		if !o.unknown() {
			ends = append(ends, o.over)
		}
	}
	slices.Sort(ends)
	at, _ := slices.BinarySearchFunc(ends, true, func(end int64, _ bool) int {
		if wrong(until(history, end)) {
			return 0
		}
		return -1
	})
	if at < len(ends) {
		history = until(history, ends[at])
	}
	for i, o := range slices.Backward(history) {
		if !o.idle() || time.Now().After(over) {
			continue
		}
		if less := slices.Delete(slices.Clone(history), i, i+1); wrong(less) {
			history = less
		}
	}
	return history
}

// idle reports whether the call cannot have changed anything.
func (o operation) idle() bool {
	refused := o.answer.Result.Outcome == session.Unknown || o.answer.Result.Outcome == session.Revoked
	return o.asks() || o.Method == rotate && !o.unknown() && refused
}

// until is what was known of a history at an instant.
func until(history []operation, instant int64) (known []operation) {
	for _, o := range history {
		if o.from() > instant {
			continue
		}
		if o.over > instant {
			if o.asks() {
				continue
			}
			o.over, o.answer = math.MaxInt64, answer{Failed: "later"}
		}
		known = append(known, o)
	}
	return known
}

// tell is a history in words, in the order of the calls.
func tell(history []operation) string {
	history = slices.Clone(history)
	slices.SortFunc(history, func(a, b operation) int { return cmp.Compare(a.began, b.began) })
	var text strings.Builder
	began := history[0].began
	ms := func(at int64) string {
		if at == forEver {
			return "       ?"
		}
		return fmt.Sprintf("%8.2f", float64(at-began)/1e6)
	}
	for _, o := range history {
		fmt.Fprintf(&text, "%s to %s ms, caller %3d: ", ms(o.began), ms(o.over), o.client)
		fmt.Fprintf(&text, "%s: %s", o.call, o.says(o.answer))
		if o.late > 0 {
			fmt.Fprintf(&text, ", perhaps as of %.2f ms before", float64(o.late)/1e6)
		}
		text.WriteByte('\n')
	}
	numbers := map[string]string{}
	return ids.ReplaceAllStringFunc(text.String(), func(id string) string {
		kind, id := id[:len(id)-18], id[len(id)-18:]
		if numbers[id] == "" {
			numbers[id] = fmt.Sprint("#", len(numbers)+1)
		}
		return kind + numbers[id]
	})
}

var ids = regexp.MustCompile(`\b[st]?[0-9a-f]{18}\b`)
