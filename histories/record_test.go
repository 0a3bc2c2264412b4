//go:build unix

package histories_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/go-jot/jot/session"
)

// event is a line of a record: a call, or the answer to it.
type event struct {
	ID     int     `json:"id"`
	At     int64   `json:"at"`
	Client int     `json:"client"`
	Call   *call   `json:"call,omitempty"`
	Answer *answer `json:"answer,omitempty"` // neither: the process begins to reach its store
}

// recorder writes down what callers in one process ask and are told. What it has written stays when its process is
// killed.
type recorder struct {
	mu   sync.Mutex
	out  io.Writer
	last int
}

// ask calls a store, and writes it down: the call before it begins, and the answer after it has come. A question
// without an answer says nothing, so the end of its context does no harm.
func (r *recorder) ask(ctx context.Context, s session.Store, client int, c *call) answer {
	r.mu.Lock()
	r.last++
	id := r.last
	r.write(event{ID: id, At: monotonic(), Client: client, Call: c})
	r.mu.Unlock()
	a := c.ask(ctx, s)
	at := monotonic()
	r.mu.Lock()
	r.write(event{ID: id, At: at, Client: client, Answer: &a})
	r.mu.Unlock()
	return a
}

// reach writes down that the process is about to reach its store.
func (r *recorder) reach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(event{At: monotonic()})
}

func (r *recorder) write(e event) {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = r.out.Write(append(line, '\n'))
	}
	if err != nil {
		panic(err)
	}
}

// operation is a call of a history, from its beginning to its end.
type operation struct {
	*call

	client      int
	began, over int64
	answer      answer
	returned    int64 // also if it failed; 0 if it never did
	reached     int64 // when the process began to reach the store that it called
	late        int64 // how long before its beginning it may have been carried out
}

// from is when it was carried out at the earliest.
func (o operation) from() int64 { return o.began - o.late }

// unknown reports whether nobody knows if it was carried out.
func (o operation) unknown() bool { return o.answer.Failed != "" }

// forEver is the end of a call that has no other.
const forEver = math.MaxInt64

// read returns the operations that a process has written down, and how many bytes that took. What asks and was not
// answered is left out.
func read(in io.Reader, client int) (operations []operation, n int64, err error) {
	at := map[int]int{}
	reached := int64(0)
	lines := bufio.NewReaderSize(in, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // a line that is not whole was being written when its process was killed
			break
		}
		if err != nil {
			return nil, 0, err
		}
		n += int64(len(line))
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, 0, err
		}
		if e.Call == nil && e.Answer == nil {
			reached = e.At
			continue
		}
		if e.Call != nil {
			at[e.ID] = len(operations)
			operations = append(operations, operation{
				call: e.Call, client: client + e.Client, began: e.At, over: forEver,
				answer: answer{Failed: "its process was killed"}, reached: reached,
			})
			continue
		}
		o := &operations[at[e.ID]]
		o.returned = e.At
		if o.answer = *e.Answer; !o.unknown() {
			o.over = e.At
		}
	}
	operations = slices.DeleteFunc(operations, func(o operation) bool { return o.unknown() && o.asks() })
	return operations, n, nil
}

// bySubject parts a history. Logouts of everyone belong to each.
func bySubject(operations []operation) map[string][]operation {
	parts := map[string][]operation{}
	for _, o := range operations {
		if o.Method != revokeAll {
			parts[o.subject()] = append(parts[o.subject()], o)
		}
	}
	for _, o := range operations {
		if o.Method == revokeAll {
			for subject := range parts {
				parts[subject] = append(parts[subject], o)
			}
		}
	}
	for _, part := range parts {
		slices.SortFunc(part, func(a, b operation) int { return cmp.Compare(a.began, b.began) })
	}
	return parts
}
