package sessiontest

import (
	"context"
	"time"

	"github.com/go-jot/jot/session"
)

// twice makes each call twice, and returns the second answer.
type twice struct{ once session.Store }

// Begin implements [session.Store].
func (t twice) Begin(ctx context.Context, r session.Record, limit int) error {
	_ = t.once.Begin(ctx, r, limit)
	return t.once.Begin(ctx, r, limit)
}

// Check implements [session.Store].
func (t twice) Check(ctx context.Context, q session.Query) (session.Status, error) {
	_, _ = t.once.Check(ctx, q)
	return t.once.Check(ctx, q)
}

// Rotate implements [session.Store].
func (t twice) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	_, _ = t.once.Rotate(ctx, r)
	return t.once.Rotate(ctx, r)
}

// End implements [session.Store].
func (t twice) End(ctx context.Context, e session.Ending) (ended bool, err error) {
	_, _ = t.once.End(ctx, e)
	return t.once.End(ctx, e)
}

// RevokeToken implements [session.Store].
func (t twice) RevokeToken(ctx context.Context, r session.Revocation) (first bool, err error) {
	_, _ = t.once.RevokeToken(ctx, r)
	return t.once.RevokeToken(ctx, r)
}

// RevokeSubject implements [session.Store].
func (t twice) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	_ = t.once.RevokeSubject(ctx, subject, now, until)
	return t.once.RevokeSubject(ctx, subject, now, until)
}

// RevokeAll implements [session.Store].
func (t twice) RevokeAll(ctx context.Context, now time.Time) error {
	_ = t.once.RevokeAll(ctx, now)
	return t.once.RevokeAll(ctx, now)
}

// List implements [session.Store].
func (t twice) List(ctx context.Context, subject string, now time.Time) ([]session.Record, error) {
	_, _ = t.once.List(ctx, subject, now)
	return t.once.List(ctx, subject, now)
}
