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
func operations(history []operation) []porcupine.Operation {
	list := make([]porcupine.Operation, 0, len(history))
	for _, o := range history {
		list = append(list, porcupine.Operation{
			ClientId: o.client, Input: o.call, Call: o.began, Output: o.answer, Return: o.over,
		})
	}
	return list
}

// judge says whether the history of a subject can be explained, if it comes to a conclusion in time.
func judge(history []operation, limit time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model(factsOf(history)), operations(history), limit)
}

// shrink returns a shorter history that cannot be explained either. What began after some answer is left out, with the
// answers that came after it; and so is each call that changed nothing and without which it is still wrong. Others
// cannot be left out: others may have seen what it did.
func shrink(history []operation, limit time.Duration) []operation {
	wrong := func(h []operation) bool { return judge(h, limit) == porcupine.Illegal }
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
		if !o.idle() {
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
		if o.began > instant {
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
		fmt.Fprintf(&text, "%s: %s\n", o.call, o.says(o.answer))
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
