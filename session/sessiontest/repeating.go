package sessiontest

import (
	"context"
	"time"

	"github.com/go-jot/jot/session"
)

// repeating is a driver that heard no answer to each call, so it makes it again.
type repeating struct{ store session.Store }

// Begin makes the call twice.
func (r repeating) Begin(ctx context.Context, record session.Record, limit int) error {
	_ = r.store.Begin(ctx, record, limit)
	return r.store.Begin(ctx, record, limit)
}

// Check makes the call twice.
func (r repeating) Check(ctx context.Context, q session.Query) (session.Status, error) {
	_, _ = r.store.Check(ctx, q)
	return r.store.Check(ctx, q)
}

// Rotate makes the call twice.
func (r repeating) Rotate(ctx context.Context, rotation session.Rotation) (session.Result, error) {
	_, _ = r.store.Rotate(ctx, rotation)
	return r.store.Rotate(ctx, rotation)
}

// End makes the call twice.
func (r repeating) End(ctx context.Context, e session.Ending) (bool, error) {
	_, _ = r.store.End(ctx, e)
	return r.store.End(ctx, e)
}

// RevokeToken makes the call twice.
func (r repeating) RevokeToken(ctx context.Context, revocation session.Revocation) (bool, error) {
	_, _ = r.store.RevokeToken(ctx, revocation)
	return r.store.RevokeToken(ctx, revocation)
}

// RevokeSubject makes the call twice.
func (r repeating) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	_ = r.store.RevokeSubject(ctx, subject, now, until)
	return r.store.RevokeSubject(ctx, subject, now, until)
}

// RevokeAll makes the call twice.
func (r repeating) RevokeAll(ctx context.Context, now time.Time) error {
	_ = r.store.RevokeAll(ctx, now)
	return r.store.RevokeAll(ctx, now)
}

// List makes the call twice.
func (r repeating) List(ctx context.Context, subject string, now time.Time) ([]session.Record, error) {
	_, _ = r.store.List(ctx, subject, now)
	return r.store.List(ctx, subject, now)
}
