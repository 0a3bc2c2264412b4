//go:build unix

package histories_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

// operation is one call of a store, a line of a history. Of the arguments that of its kind is set.
type operation struct {
	Client int    `json:"client"`
	Op     string `json:"op"`

	Begin         *begin              `json:"begin,omitempty"`
	Check         *session.Query      `json:"check,omitempty"`
	Rotate        *session.Rotation   `json:"rotate,omitempty"`
	End           *session.Ending     `json:"end,omitempty"`
	RevokeToken   *session.Revocation `json:"revokeToken,omitempty"`
	RevokeSubject *logout             `json:"revokeSubject,omitempty"`

	Answer answer `json:"answer"`
	// Error is why the call failed: whether it was carried out is not known, nor when.
	Error string `json:"error,omitempty"`
	// Invoked and Returned are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share.
	Invoked  int64 `json:"invoked"`
	Returned int64 `json:"returned"`
}

type begin struct {
	Record session.Record `json:"record"`
	Limit  int            `json:"limit"`
}

type logout struct {
	Subject    string `json:"subject"`
	Now, Until time.Time
}

// answer is what a store says; all kinds of calls have one type, so that answers can be compared.
type answer struct {
	Status session.Status `json:"status"`
	Result session.Result `json:"result"`
	Yes    bool           `json:"yes"` // ended, or first
}

func (o *operation) subject() string {
	switch {
	case o.Begin != nil:
		return o.Begin.Record.Subject
	case o.Check != nil:
		return o.Check.Subject
	case o.Rotate != nil:
		return o.Rotate.Subject
	case o.End != nil:
		return o.End.Subject
	case o.RevokeToken != nil:
		return o.RevokeToken.Subject
	}
	return o.RevokeSubject.Subject
}

// call makes the call, and keeps the answer.
func (o *operation) call(ctx context.Context, s session.Store) {
	var err error
	switch {
	case o.Begin != nil:
		o.Op = "Begin"
		err = s.Begin(ctx, o.Begin.Record, o.Begin.Limit)
	case o.Check != nil:
		o.Op = "Check"
		o.Answer.Status, err = s.Check(ctx, *o.Check)
	case o.Rotate != nil:
		o.Op = "Rotate"
		o.Answer.Result, err = s.Rotate(ctx, *o.Rotate)
	case o.End != nil:
		o.Op = "End"
		o.Answer.Yes, err = s.End(ctx, *o.End)
	case o.RevokeToken != nil:
		o.Op = "RevokeToken"
		o.Answer.Yes, err = s.RevokeToken(ctx, *o.RevokeToken)
	case o.RevokeSubject != nil:
		o.Op = "RevokeSubject"
		err = s.RevokeSubject(ctx, o.RevokeSubject.Subject, o.RevokeSubject.Now, o.RevokeSubject.Until)
	default:
		err = errors.New("no call")
	}
	if err != nil {
		o.Answer, o.Error = answer{}, err.Error()
	}
}

func (o *operation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "client %d, %.3f to %.3f ms: %s ",
		o.Client, float64(o.Invoked)/1e6, float64(o.Returned)/1e6, o.Op)
	switch {
	case o.Begin != nil:
		fmt.Fprintf(&text, "%s, limit %d", recorded(o.Begin.Record), o.Begin.Limit)
	case o.Check != nil:
		c := o.Check
		fmt.Fprintf(&text, "session %q token %q issued %d now %d", c.Session, c.Token, ms(c.Issued), ms(c.Now))
	case o.Rotate != nil:
		r := o.Rotate
		fmt.Fprintf(&text, "session %q %s to %s, scope %q, now %d, grace %v",
			r.Session, r.Presented, r.Next, r.Scope, ms(r.Now), r.Grace)
	case o.End != nil:
		fmt.Fprintf(&text, "session %q", o.End.Session)
	case o.RevokeToken != nil:
		fmt.Fprintf(&text, "token %q", o.RevokeToken.Token)
	case o.RevokeSubject != nil:
		fmt.Fprintf(&text, "now %d", ms(o.RevokeSubject.Now))
	}
	switch s := o.Answer.Status; {
	case o.Error != "":
		fmt.Fprintf(&text, ": FAILED: %.80s", o.Error)
	case o.Check != nil:
		fmt.Fprintf(&text, ": revoked %v, ended %v, %s", s.Revoked, s.Ended, recorded(s.Record))
	case o.Rotate != nil:
		fmt.Fprintf(&text, ": outcome %d, current %s, scope %q",
			o.Answer.Result.Outcome, o.Answer.Result.Current, o.Answer.Result.Scope)
	case o.End != nil, o.RevokeToken != nil:
		fmt.Fprintf(&text, ": %v", o.Answer.Yes)
	}
	return text.String()
}

func recorded(r session.Record) string {
	return fmt.Sprintf("{%s current %s, previous %s, scope %q, rotated %d}",
		r.Session, r.Current, r.Previous, r.Scope, ms(r.RotatedAt))
}

// ms is an instant, short enough to be read beside others.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli() % 100_000_000
}

// inUTC makes records comparable.
func inUTC(r session.Record) session.Record {
	r.Start, r.RotatedAt, r.Expires = r.Start.UTC(), r.RotatedAt.UTC(), r.Expires.UTC()
	return r
}

// history is what happened to one subject.
type history []*operation

// bySubject parts operations, and puts those of each subject in the order of their invocations.
func bySubject(all []*operation) (parts []history) {
	of := map[string]history{}
	for _, o := range all {
		of[o.subject()] = append(of[o.subject()], o)
	}
	for _, part := range of {
		slices.SortFunc(part, func(a, b *operation) int { return int(a.Invoked - b.Invoked) })
		parts = append(parts, part)
	}
	return parts
}
