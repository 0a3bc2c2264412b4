//go:build unix

package histories_test

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jot/jot/session"
)

// call is one of a store's methods, and what it is called with.
type call struct {
	Method     string
	Record     session.Record     `json:",omitzero"`
	Limit      int                `json:",omitzero"`
	Query      session.Query      `json:",omitzero"`
	Rotation   session.Rotation   `json:",omitzero"`
	Ending     session.Ending     `json:",omitzero"`
	Revocation session.Revocation `json:",omitzero"`
	Subject    string             `json:",omitzero"`
	Now        time.Time          `json:",omitzero"`
	Until      time.Time          `json:",omitzero"`
}

// answer is what it returned.
type answer struct {
	Status session.Status   `json:",omitzero"`
	Result session.Result   `json:",omitzero"`
	Yes    bool             `json:",omitzero"` // it ended the session, or was the first to revoke the token
	List   []session.Record `json:",omitempty"`
	Recall bool             `json:",omitzero"` // it was answered from memory
	Failed string           `json:",omitzero"` // nobody knows whether it was carried out
}

// methods are those of [session.Store].
const (
	begin         = "Begin"
	check         = "Check"
	rotate        = "Rotate"
	end           = "End"
	revokeToken   = "RevokeToken"
	revokeSubject = "RevokeSubject"
	revokeAll     = "RevokeAll"
	list          = "List"
)

// ask calls a store.
func (c *call) ask(ctx context.Context, s session.Store) (a answer) {
	var err error
	switch c.Method {
	case begin:
		err = s.Begin(ctx, c.Record, c.Limit)
	case check:
		if local, ok := s.(session.Local); ok { // as a manager does
			a.Status, a.Recall = local.Recall(c.Query)
		}
		if !a.Recall {
			a.Status, err = s.Check(ctx, c.Query)
		}
	case rotate:
		a.Result, err = s.Rotate(ctx, c.Rotation)
	case end:
		a.Yes, err = s.End(ctx, c.Ending)
	case revokeToken:
		a.Yes, err = s.RevokeToken(ctx, c.Revocation)
	case revokeSubject:
		err = s.RevokeSubject(ctx, c.Subject, c.Now, c.Until)
	case revokeAll:
		err = s.RevokeAll(ctx, c.Now)
	case list:
		a.List, err = s.List(ctx, c.Subject, c.Now)
	}
	if err != nil {
		return answer{Failed: err.Error()}
	}
	return a
}

// subject is whose call it is; empty for a logout of everyone.
func (c *call) subject() string {
	return c.Record.Subject + c.Query.Subject + c.Rotation.Subject + c.Ending.Subject + c.Revocation.Subject + c.Subject
}

// id is what a call has in common with those that repeat it, if it has a name.
func (c *call) id() string {
	return c.Record.Session + c.Rotation.Next + c.Ending.Call + c.Revocation.Call
}

// now is what the caller's clock showed.
func (c *call) now() time.Time {
	for _, t := range []time.Time{
		c.Record.Start, c.Query.Now, c.Rotation.Now, c.Ending.Now, c.Revocation.Now,
	} {
		if !t.IsZero() {
			return t
		}
	}
	return c.Now
}

// asks reports whether the call changes nothing.
func (c *call) asks() bool { return c.Method == check || c.Method == list }

func (c *call) String() string {
	at := stamp(c.now())
	switch c.Method {
	case begin:
		return fmt.Sprintf("Begin(%s, limit %d) at %s", show(c.Record), c.Limit, at)
	case check:
		return fmt.Sprintf("Check(session %q, token %q, issued %s, expires %s, record %t) at %s",
			c.Query.Session, c.Query.Token, stamp(c.Query.Issued), stamp(c.Query.Expires), c.Query.Record, at)
	case rotate:
		r := c.Rotation
		return fmt.Sprintf("Rotate(session %q, %s to %s, token %q, scope %q, grace %s, expires %s) at %s",
			r.Session, r.Presented, r.Next, r.Token, r.Scope, r.Grace, stamp(r.Expires), at)
	case end:
		return fmt.Sprintf("End(session %q, call %s) at %s", c.Ending.Session, c.Ending.Call, at)
	case revokeToken:
		r := c.Revocation
		return fmt.Sprintf("RevokeToken(%q, call %s, until %s) at %s", r.Token, r.Call, stamp(r.Until), at)
	}
	return fmt.Sprintf("%s() at %s", c.Method, at)
}

// says is an answer in words.
func (c *call) says(a answer) string {
	switch {
	case a.Failed != "":
		return "nobody knows: " + a.Failed
	case c.Method == check && a.Recall:
		return fmt.Sprintf("from memory: revoked %t, ended %t", a.Status.Revoked, a.Status.Ended)
	case c.Method == check:
		return fmt.Sprintf("revoked %t, ended %t, %s", a.Status.Revoked, a.Status.Ended, show(a.Status.Record))
	case c.Method == rotate:
		return fmt.Sprintf("%s, current %s, scope %q", outcomes[a.Result.Outcome], a.Result.Current, a.Result.Scope)
	case c.Method == end, c.Method == revokeToken:
		return fmt.Sprint(a.Yes)
	case c.Method == list:
		text := fmt.Sprintf("%d sessions", len(a.List))
		for _, r := range a.List {
			text += ", " + show(r)
		}
		return text
	}
	return "done"
}

var outcomes = map[session.Outcome]string{
	session.Unknown: "Unknown", session.Rotated: "Rotated", session.Replayed: "Replayed",
	session.Rewound: "Rewound", session.Reused: "Reused", session.Revoked: "Revoked",
}

func show(r session.Record) string {
	if r.Session == "" {
		return "no record"
	}
	return fmt.Sprintf("session %q: %s after %s, scope %q, rotated %s, expires %s",
		r.Session, r.Current, r.Previous, r.Scope, stamp(r.RotatedAt), stamp(r.Expires))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("15:04:05.000")
}
