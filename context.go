package jot

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/go-jot/jot/internal/once"
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
	v := contextValue{token: t, origin: t.origin}
	if outer := found(ctx, t.origin); outer != nil {
		v.renewal = outer.renewal
	}
	return withValue(ctx, v)
}

// withValue returns a context that carries v, within what guards further out left.
func withValue(ctx context.Context, v contextValue) context.Context {
	made := &struct { // in one piece
		carrier
		v contextValue
	}{carrier{Context: ctx}, v}
	made.v.outer, _ = ctx.Value(contextKey{}).(*contextValue)
	made.carrier.v = &made.v
	return &made.carrier
}

// carrier is a context with a value, which it holds by a pointer, so that no printer of contexts shows it.
type carrier struct {
	context.Context //nolint:containedctx // it is one

	v *contextValue
}

// Value returns what the context carries.
func (c *carrier) Value(key any) any {
	if key == (contextKey{}) {
		return c.v
	}
	return c.Context.Value(key)
}

// String names the context as those of package context name theirs.
func (c *carrier) String() string { return fmt.Sprint(c.Context) + ".WithValue(jot)" }

// nobody is what a guard leaves that lets a request through without a token, where none further out has left anything.
var nobody = new(contextValue)

// seen returns the request as one that a guard has seen.
func seen(r *http.Request) *http.Request {
	ctx := r.Context()
	if ctx.Value(contextKey{}) != nil {
		return r
	}
	return r.WithContext(context.WithValue(ctx, contextKey{}, nobody))
}

// FromContext returns the token that the innermost guard verified. ok is false for an anonymous request to a route with
// [Optional], or one that [Except] lets through.
//
// It is also false where no guard has seen the request at all, because its route has none, or because the handler got
// another request than [Guard.Admit] returned. Nobody is ever logged in there, so that is logged at info level, once
// per process, as it is by [CurrentUser] and [ClaimsAs], and as a warning by [Identity], which cannot say that there is
// no token.
func FromContext(ctx context.Context) (t *Token, ok bool) {
	return sought(ctx, tokenIn(ctx), slog.LevelInfo, "FromContext")
}

// FromContext returns the token that a guard of this manager verified, where a process has several managers.
func (m *Manager) FromContext(ctx context.Context) (t *Token, ok bool) {
	m.exists()
	if v := found(ctx, m.origin); v != nil {
		t = v.token
	}
	return sought(ctx, t, slog.LevelInfo, "Manager.FromContext")
}

// tokenIn returns the token that the innermost guard verified, nil if there is none.
func tokenIn(ctx context.Context) *Token {
	if v, ok := ctx.Value(contextKey{}).(*contextValue); ok {
		return v.token
	}
	return nil
}

// sought returns a token to whoever has asked for it, and tells once that there never is one where no guard has seen
// the request.
func sought(ctx context.Context, t *Token, level slog.Level, by string) (*Token, bool) {
	if t == nil && ctx.Value(contextKey{}) == nil {
		text := "jot: " + by + " in a request that no guard has seen: is its route guarded, " +
			"and was it the guard that called its handler?"
		if level < slog.LevelWarn {
			text += " All is well where nobody need be logged in"
		}
		once.Log(ctx, level, text)
	}
	return t, t != nil
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

// Identity returns the subject of the token that [FromContext] returns, "" when there is none. Where no guard has seen
// the request, it also logs a warning, once per process.
func Identity(ctx context.Context) string {
	if t, ok := sought(ctx, tokenIn(ctx), slog.LevelWarn, "Identity"); ok {
		return t.Subject
	}
	return ""
}

// ClaimsAs decodes the claims of the token that [FromContext] returns into a T, as [Token.Claims] does. Its error is
// [ErrNoToken] when there is no token.
func ClaimsAs[T any](ctx context.Context) (T, error) {
	var claims T
	t, ok := sought(ctx, tokenIn(ctx), slog.LevelInfo, "ClaimsAs")
	if !ok {
		return claims, ErrNoToken
	}
	err := t.Claims(&claims)
	return claims, err
}

// CurrentUser returns what the function of [WithUserLookup] returned for the token that [FromContext] returns. ok is
// false when there is no token, no such function, or when it returns another type than T: since that is a mistake, it
// is also logged as an error, once per process and type.
func CurrentUser[T any](ctx context.Context) (user T, ok bool) {
	t, found := sought(ctx, tokenIn(ctx), slog.LevelInfo, "CurrentUser")
	if !found {
		return user, false
	}
	is := t.within().user
	if user, ok = is.(T); !ok && is != nil {
		once.Log(ctx, slog.LevelError,
			fmt.Sprintf("jot: CurrentUser[%v]: the function of WithUserLookup returns %T", reflect.TypeFor[T](), is))
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
