// Package misuse holds what must not compile, each on a line that says so, and beside it what must.
package misuse

import (
	"context"
	"net/http"
	"time"

	"github.com/go-jot/jot"
)

func managers() {
	_, _ = jot.New(jot.HS256(nil), jot.WithLeeway(time.Minute))
	_, _ = jot.New(jot.HS256(nil), jot.Fresh())      // refused
	_, _ = jot.New(jot.HS256(nil), jot.Optional())   // refused
	_, _ = jot.New(jot.HS256(nil), jot.Claim("", 1)) // refused
	_, _ = jot.New([]byte("secret"))                 // refused
	_, _ = jot.New("secret")                         // refused
	_, _ = jot.New(stranger{})                       // refused
}

func tokens(ctx context.Context, m *jot.Manager) {
	_, _ = m.CreateAccessToken(ctx, "a", jot.Fresh(), jot.Scopes("s"), jot.Audience("x"), jot.ExpiresIn(1))
	_, _ = m.CreateToken(ctx, "a", jot.Type("x"))
	_, _ = m.CreateAccessToken(ctx, "a", jot.Refresh())                // refused
	_, _ = m.CreateAccessToken(ctx, "a", jot.MaxAge(1))                // refused
	_, _ = m.CreateAccessToken(ctx, "a", jot.Optional())               // refused
	_, _ = m.CreatePair(ctx, "a", jot.WithAccessTTL(1))                // refused
	_, _ = m.CreateAccessToken(ctx, "a", jot.Check(nil))               // refused
	_, _ = m.CreateAccessToken(ctx, "a", jot.InsecureSkipRevocation()) // refused
	_, _ = m.CreateAccessToken(ctx, "a", jot.RouteOptions())           // refused
	_, _ = m.CreateAccessToken(ctx, 7)                                 // refused
	_, _ = m.CreateAccessToken(ctx, "a", func(any) {})                 // refused
	_, _ = m.CreateAccessToken(ctx, "a", jot.Except("/public"))        // refused
}

func routes(ctx context.Context, m *jot.Manager, r *http.Request) {
	m.Required(jot.Fresh(), jot.Scopes("s"), jot.Refresh(), jot.MaxAge(1), jot.Optional(), jot.Except("/"))
	m.Required(jot.ExpiresIn(time.Hour)) // refused
	m.Required(jot.FreshFor(time.Hour))  // refused
	m.Required(jot.Claim("a", 1))        // refused
	m.Required(jot.InSession(nil))       // refused
	m.Required(jot.WithLeeway(1))        // refused
	m.Required(jot.TokenOptions())       // refused
	_, _ = m.Guard(jot.Optional()).Admit(nil, r)
	m.Guard(jot.HeaderParam("", 1)) // refused
	_, _ = m.Verify(ctx, "raw", jot.Fresh(), jot.Refresh(), jot.AccessOrRefresh(), jot.InsecureSkipRevocation())
	_, _ = m.Verify(ctx, "raw", jot.Optional())     // refused
	_, _ = m.Verify(ctx, "raw", jot.Except("/"))    // refused
	_, _ = m.Verify(ctx, "raw", jot.RouteOptions()) // refused
}

func claims(ctx context.Context, m *jot.Manager) {
	_, decoded, _ := jot.InsecureDecode("raw")
	_ = m.Revoke(ctx, decoded)           // refused
	_ = jot.NewContext(ctx, decoded)     // refused
	_ = jot.InSession(decoded)           // refused
	var _ context.Context = &jot.Token{} // refused
}

// stranger tries to be a source of keys.
type stranger struct{}

func (stranger) keys() any     { return nil }
func (stranger) defect() error { return nil }
