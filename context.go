package jot

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
)

type contextKey struct{}

// contextValue is what a guard leaves for the handler.
type contextValue struct {
	token   *Token  // nil of an anonymous request
	origin  *origin // the guard's manager
	raw     string  // the credential's text, by which a guard further in knows it again
	asked   asked
	outer   *contextValue // what a guard further out left
	renewal *renewal      // nil unless it was tried
}

// renewal is a renewed cookie in a response, or none if the renewal failed.
type renewal struct {
	header  http.Header
	cookies []*http.Cookie
	over    atomic.Bool // the handler has returned: the header is not ours any more
}

// asked is what need not be asked again by a guard further in.
type asked struct {
	callbacks bool // the manager's own agreed
	used      bool // SingleUse has used the token up
}

// NewContext returns a context that carries t, for tests and for tokens from [Manager.Verify]; guards do it by
// themselves. A nil t leaves ctx as it is.
func NewContext(ctx context.Context, t *Token) context.Context {
	if t == nil {
		return ctx
	}
	v := &contextValue{token: t, origin: t.origin}
	if outer := found(ctx, t.origin); outer != nil {
		v.renewal = outer.renewal
	}
	return withValue(ctx, v)
}

// withValue returns a context that carries v, within what guards further out left.
func withValue(ctx context.Context, v *contextValue) context.Context {
	v.outer, _ = ctx.Value(contextKey{}).(*contextValue)
	return context.WithValue(ctx, contextKey{}, v)
}

// FromContext returns the token that the innermost guard verified. ok is false on a route without a guard and for an
// anonymous request to one with [Optional].
func FromContext(ctx context.Context) (t *Token, ok bool) {
	if v, ok := ctx.Value(contextKey{}).(*contextValue); ok && v.token != nil {
		return v.token, true
	}
	return nil, false
}

// FromContext returns the token that a guard of this manager verified, where a process has several managers.
func (m *Manager) FromContext(ctx context.Context) (t *Token, ok bool) {
	if v := found(ctx, m.origin); v != nil && v.token != nil {
		return v.token, true
	}
	return nil, false
}

// found returns what the innermost guard of a manager left, nil if there is none.
func found(ctx context.Context, by *origin) *contextValue {
	v, _ := ctx.Value(contextKey{}).(*contextValue)
	for ; v != nil; v = v.outer {
		if v.origin == by {
			return v
		}
	}
	return nil
}

// Identity returns the subject of the token that [FromContext] returns, "" when there is none.
func Identity(ctx context.Context) string {
	if t, ok := FromContext(ctx); ok {
		return t.Subject
	}
	return ""
}

// ClaimsAs decodes the claims of the token that [FromContext] returns into a T, as [Token.Claims] does. Its error is
// [ErrNoToken] when there is no token.
func ClaimsAs[T any](ctx context.Context) (T, error) {
	var claims T
	t, ok := FromContext(ctx)
	if !ok {
		return claims, ErrNoToken
	}
	err := t.Claims(&claims)
	return claims, err
}

// CurrentUser returns what the function of [WithUserLookup] returned for the token that [FromContext] returns. ok is
// false when there is no token, no such function, or when it returns another type than T.
func CurrentUser[T any](ctx context.Context) (user T, ok bool) {
	if t, found := FromContext(ctx); found {
		user, ok = t.within().user.(T)
	}
	return user, ok
}

// takeBack takes a renewed cookie out of the answer to the request of ctx: what revokes must not hand out a token.
func (m *Manager) takeBack(ctx context.Context) {
	v := found(ctx, m.origin)
	if v == nil || v.renewal == nil || v.renewal.over.Load() {
		return
	}
	h := v.renewal.header
	for _, cookie := range v.renewal.cookies {
		h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool { return line == cookie.String() })
	}
}
