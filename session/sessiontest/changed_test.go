package sessiontest_test

import (
	"context"
	"time"

	"github.com/go-jot/jot/session"
)

// changed is a store whose calls are intercepted, where it says by what.
type changed struct {
	session.Store

	begin    func(ctx context.Context, s session.Store, r session.Record, limit int) error
	check    func(ctx context.Context, s session.Store, q session.Query) (session.Status, error)
	rotate   func(ctx context.Context, s session.Store, r session.Rotation) (session.Result, error)
	end      func(ctx context.Context, s session.Store, e session.Ending) (bool, error)
	revoke   func(ctx context.Context, s session.Store, r session.Revocation) (bool, error)
	logOut   func(ctx context.Context, s session.Store, subject string, now, until time.Time) error
	everyone func(ctx context.Context, s session.Store, now time.Time) error
	list     func(ctx context.Context, s session.Store, subject string, now time.Time) ([]session.Record, error)
}

func (c changed) Begin(ctx context.Context, r session.Record, limit int) error {
	if c.begin != nil {
		return c.begin(ctx, c.Store, r, limit)
	}
	return c.Store.Begin(ctx, r, limit)
}

func (c changed) Check(ctx context.Context, q session.Query) (session.Status, error) {
	if c.check != nil {
		return c.check(ctx, c.Store, q)
	}
	return c.Store.Check(ctx, q)
}

func (c changed) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	if c.rotate != nil {
		return c.rotate(ctx, c.Store, r)
	}
	return c.Store.Rotate(ctx, r)
}

func (c changed) End(ctx context.Context, e session.Ending) (bool, error) {
	if c.end != nil {
		return c.end(ctx, c.Store, e)
	}
	return c.Store.End(ctx, e)
}

func (c changed) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	if c.revoke != nil {
		return c.revoke(ctx, c.Store, r)
	}
	return c.Store.RevokeToken(ctx, r)
}

func (c changed) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	if c.logOut != nil {
		return c.logOut(ctx, c.Store, subject, now, until)
	}
	return c.Store.RevokeSubject(ctx, subject, now, until)
}

func (c changed) RevokeAll(ctx context.Context, now time.Time) error {
	if c.everyone != nil {
		return c.everyone(ctx, c.Store, now)
	}
	return c.Store.RevokeAll(ctx, now)
}

func (c changed) List(ctx context.Context, subject string, now time.Time) ([]session.Record, error) {
	if c.list != nil {
		return c.list(ctx, c.Store, subject, now)
	}
	return c.Store.List(ctx, subject, now)
}

// renamed makes other keys of those that come, where it says how.
func renamed(subject, id, token, call func(string) string) changed {
	for _, f := range []*func(string) string{&subject, &id, &token, &call} {
		if *f == nil {
			*f = func(key string) string { return key }
		}
	}
	return changed{
		begin: func(ctx context.Context, s session.Store, r session.Record, limit int) error {
			r.Subject, r.Session = subject(r.Subject), id(r.Session)
			return s.Begin(ctx, r, limit)
		},
		check: func(ctx context.Context, s session.Store, q session.Query) (session.Status, error) {
			name := [2]string{q.Subject, q.Session}
			q.Subject, q.Session, q.Token = subject(q.Subject), id(q.Session), token(q.Token)
			status, err := s.Check(ctx, q)
			if status.Record.Subject != "" {
				status.Record.Subject, status.Record.Session = name[0], name[1]
			}
			return status, err
		},
		rotate: func(ctx context.Context, s session.Store, r session.Rotation) (session.Result, error) {
			r.Subject, r.Session, r.Token = subject(r.Subject), id(r.Session), token(r.Token)
			return s.Rotate(ctx, r)
		},
		end: func(ctx context.Context, s session.Store, e session.Ending) (bool, error) {
			e.Subject, e.Session, e.Call = subject(e.Subject), id(e.Session), call(e.Call)
			return s.End(ctx, e)
		},
		revoke: func(ctx context.Context, s session.Store, r session.Revocation) (bool, error) {
			r.Subject, r.Token, r.Call = subject(r.Subject), token(r.Token), call(r.Call)
			return s.RevokeToken(ctx, r)
		},
		logOut: func(ctx context.Context, s session.Store, name string, now, until time.Time) error {
			return s.RevokeSubject(ctx, subject(name), now, until)
		},
		list: func(ctx context.Context, s session.Store, name string, now time.Time) ([]session.Record, error) {
			list, err := s.List(ctx, subject(name), now)
			for i := range list {
				list[i].Subject = name
			}
			return list, err
		},
	}
}
