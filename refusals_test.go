package jot_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
)

// refusals returns the refusals among the events since the last call of kinds.
func (w *world) refusals() (refusals []jot.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == jot.EventRefused {
			refusals = append(refusals, e)
		}
	}
	return refusals
}

// decides is a store that has one answer to every rotation, as another process may have caused it.
type decides struct {
	session.Store

	outcome session.Outcome
}

func (d decides) Rotate(context.Context, session.Rotation) (session.Result, error) {
	return session.Result{Outcome: d.outcome}, nil
}

// Whatever Rotate refuses is one event with its reason, and says whose token it was.
func TestRotateRaisesItsRefusals(t *testing.T) {
	silence(t)
	noSession := func(w *world) *jot.Token { // minted elsewhere
		raw := forge(t, ourHeader, `{"sub":"alice","jti":"lone","type":"refresh","iat":1893456001,"exp":1893456900}`)
		token, err := w.Verify(ctx, raw, jot.Refresh())
		require.NoError(t, err)
		return token
	}
	fails := func(err error) jot.Option {
		return jot.WithAdditionalClaims(func(_ context.Context, t *jot.Token) (map[string]any, error) {
			if t.IssuedAt.After(now) {
				return nil, err
			}
			return nil, nil
		})
	}
	for _, tc := range []struct {
		name    string
		store   session.Store
		options []jot.Option
		token   func(w *world) *jot.Token // unless it is a log-in's
		before  func(w *world, t *jot.Token)
		opts    []jot.TokenOption
		code    string
	}{
		{name: "used before", options: options(jot.WithRotationGrace(0)), before: func(w *world, token *jot.Token) {
			_, err := w.Rotate(ctx, token)
			require.NoError(t, err)
		}, code: "token_reused"},
		{name: "the token was revoked meanwhile", before: func(w *world, token *jot.Token) {
			require.NoError(t, w.Revoke(ctx, token))
		}, code: "token_revoked"},
		{name: "the session has ended meanwhile", before: func(w *world, token *jot.Token) {
			require.NoError(t, w.RevokeSession(ctx, token))
		}, code: "token_revoked"},
		{name: "the session may last no longer", options: options(jot.WithSessionTTL(30 * 24 * time.Hour)), before: func(w *world, _ *jot.Token) {
			w.now = w.now.Add(30 * 24 * time.Hour)
		}, code: "token_expired"},
		{name: "a token of no session", token: noSession, code: "token_invalid"},
		{name: "more scopes than it has", opts: tokenOptions(jot.Scopes("admin")), code: "insufficient_scope"},
		{name: "a callback says no", options: options(fails(fmt.Errorf("%w: closed", jot.ErrForbidden))), code: "forbidden"},
		{name: "a callback cannot tell", options: options(fails(errDown)), code: "unavailable"},
		{name: "the store cannot tell", store: &broken{Store: memstore.New(), at: "rotate"}, code: "unavailable"},
		{name: "the store gives no id", store: &broken{Store: memstore.New(), at: "no id"}, code: "unavailable"},
		{name: "the store gives no outcome", store: &broken{Store: memstore.New(), at: "no outcome"}, code: "unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.store == nil {
				tc.store = memstore.New()
			}
			w := newWorldOver(t, tc.store, tc.options...)
			p := w.login(t, jot.Scopes("read"))
			w.now = w.now.Add(2 * time.Second)
			token := w.refreshable
			present := token(t, p.RefreshToken)
			if tc.token != nil {
				present = tc.token(w)
			}
			if tc.before != nil {
				tc.before(w, token(t, p.RefreshToken))
			}
			w.kinds()
			next, err := w.Rotate(ctx, present, tc.opts...)
			require.Nil(t, next)
			refusal, ok := errors.AsType[*jot.Error](err)
			require.True(t, ok, err)
			require.Equal(t, tc.code, refusal.Code())
			require.Equal(t, []jot.Event{{
				Kind: jot.EventRefused, Subject: "alice", SessionID: present.SessionID, TokenID: present.ID, Err: refusal.Err,
			}}, w.refusals(), "once")
		})
	}

	// What is no refusal is no such event.
	w := newWorld(t)
	p := w.login(t)
	token := w.refreshable(t, p.RefreshToken)
	w.kinds()
	for _, mistake := range [][]jot.TokenOption{tokenOptions(jot.Fresh()), tokenOptions(jot.Type("x")), tokenOptions(nil)} {
		_, err := w.Rotate(ctx, token, mistake...)
		require.Error(t, err)
	}
	_, err := w.Rotate(ctx, nil)
	require.Error(t, err)
	_, err = w.Rotate(ctx, token)
	require.NoError(t, err)
	require.Empty(t, w.refusals())
}

// The alarm comes beside the refusal, and before it.
func TestReuseRaisesBoth(t *testing.T) {
	w := newWorld(t, jot.WithRotationGrace(0))
	p := w.login(t)
	thief := w.refreshable(t, p.RefreshToken)
	w.rotate(t, p.RefreshToken)
	w.kinds()
	_, err := w.Rotate(ctx, thief)
	require.ErrorIs(t, err, jot.ErrReused)
	require.Equal(t, []jot.EventKind{jot.EventReused, jot.EventRefused}, w.kinds())
	_, err = w.Rotate(ctx, thief)
	require.ErrorIs(t, err, jot.ErrRevoked)
	require.Equal(t, []jot.EventKind{jot.EventRefused}, w.kinds(), "the alarm is given once")
}

// Whatever the two handlers refuse is one event, which says where the token was.
func TestHandlersSayWhereTheTokenWas(t *testing.T) {
	silence(t)
	everywhere := options(jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InCookie, jot.InHeader, jot.InQuery, jot.InBody))
	type carrier func(raw string) *http.Request
	inField := func(raw string) *http.Request {
		r := bearer(raw)
		r.Method = http.MethodPost
		return r
	}
	inJSON := func(name string) carrier {
		return func(raw string) *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"`+name+`":"`+raw+`"}`))
			r.Header.Set("Content-Type", "application/json")
			return r
		}
	}
	inURL := func(raw string) *http.Request {
		return httptest.NewRequest(http.MethodPost, "/?access_token="+raw, nil)
	}
	inCookie := func(name, csrf string) carrier {
		return func(raw string) *http.Request {
			r := httptest.NewRequest(http.MethodPost, "https://app.example/", nil)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.AddCookie(&http.Cookie{Name: name, Value: raw})
			if csrf != "" {
				r.Header.Set("X-Csrf-Token", csrf)
			}
			return r
		}
	}
	const accessCookie, refreshCookie = "__Host-access_token", "__Host-refresh_token"
	refresh, logout := (*jot.Manager).RefreshHandler, (*jot.Manager).LogoutHandler
	for _, tc := range []struct {
		name    string
		handler func(*jot.Manager) http.Handler
		outcome []session.Outcome // of every rotation
		carry   carrier
		raw     func(w *world, p *jot.Pair) string
		at      jot.Location
		code    string
		known   bool // whose token it is
	}{
		{name: "refresh, invalid, in a header", handler: refresh, carry: inField, raw: text("a.b.c"), at: jot.InHeader, code: "token_invalid"},
		{name: "refresh, malformed, in a header", handler: refresh, carry: inField, raw: text("a b"), at: jot.InHeader, code: "invalid_request"},
		{name: "refresh, invalid, in a body", handler: refresh, carry: inJSON("refresh_token"), raw: text("a.b.c"), at: jot.InBody, code: "token_invalid"},
		{name: "refresh, twice in a body", handler: refresh, carry: inJSON(`refresh_token":"a","refresh_token`), raw: text("a.b.c"), at: jot.InBody, code: "invalid_request"},
		{name: "refresh, invalid, in a cookie", handler: refresh, carry: inCookie(refreshCookie, "x"), raw: text("a.b.c"), at: jot.InCookie, code: "token_invalid"},
		{name: "refresh, without a CSRF value", handler: refresh, carry: inCookie(refreshCookie, ""), raw: refreshOf, at: jot.InCookie, code: "csrf_failed"},
		{name: "refresh, with a wrong CSRF value", handler: refresh, carry: inCookie(refreshCookie, "x"), raw: refreshOf, at: jot.InCookie, code: "csrf_failed", known: true},
		{name: "refresh, by an access token", handler: refresh, carry: inField, raw: accessOf, at: jot.InHeader, code: "token_wrong_type", known: true},
		{name: "refresh, of a session that has ended", handler: refresh, carry: inField, raw: endedOf, at: jot.InHeader, code: "token_revoked", known: true},
		{name: "refresh, reused as Rotate finds", handler: refresh, outcome: list1[session.Outcome](session.Reused), carry: inField, raw: refreshOf, at: jot.InHeader, code: "token_reused", known: true},
		{name: "refresh, revoked as Rotate finds", handler: refresh, outcome: list1[session.Outcome](session.Revoked), carry: inJSON("refresh_token"), raw: refreshOf, at: jot.InBody, code: "token_revoked", known: true},
		{name: "refresh, unknown as Rotate finds", handler: refresh, outcome: list1[session.Outcome](session.Unknown), carry: inField, raw: refreshOf, at: jot.InHeader, code: "token_revoked", known: true},
		{name: "refresh, no outcome", handler: refresh, outcome: list1[session.Outcome](99), carry: inField, raw: refreshOf, at: jot.InHeader, code: "unavailable", known: true},
		{name: "refresh, nothing", handler: refresh, carry: func(string) *http.Request { return httptest.NewRequest("POST", "/", nil) }, raw: text(""), code: "token_missing"},
		{name: "logout, invalid, in a header", handler: logout, carry: inField, raw: text("a.b.c"), at: jot.InHeader, code: "token_invalid"},
		{name: "logout, malformed, in a header", handler: logout, carry: inField, raw: text("a b"), at: jot.InHeader, code: "invalid_request"},
		{name: "logout, invalid, in a query", handler: logout, carry: inURL, raw: text("a.b.c"), at: jot.InQuery, code: "token_invalid"},
		{name: "logout, invalid, in a body", handler: logout, carry: inJSON("access_token"), raw: text("a.b.c"), at: jot.InBody, code: "token_invalid"},
		{name: "logout, the refresh token in a body, invalid", handler: logout, carry: inJSON("refresh_token"), raw: text("a.b.c"), at: jot.InBody, code: "token_invalid"},
		{name: "logout, twice in a body", handler: logout, carry: inJSON(`access_token":"a","access_token`), raw: text("a.b.c"), at: jot.InBody, code: "invalid_request"},
		{name: "logout, without a CSRF value", handler: logout, carry: inCookie(accessCookie, ""), raw: accessOf, at: jot.InCookie, code: "csrf_failed"},
		{name: "logout, with a wrong CSRF value", handler: logout, carry: inCookie(accessCookie, "x"), raw: accessOf, at: jot.InCookie, code: "csrf_failed", known: true},
		{name: "logout, by a mailed link", handler: logout, carry: inField, raw: mailed, at: jot.InHeader, code: "token_wrong_type", known: true},
		{name: "logout, nothing", handler: logout, carry: func(string) *http.Request { return httptest.NewRequest("POST", "/", nil) }, raw: text(""), code: "token_missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var store session.Store = memstore.New(memstore.Since(time.Time{}))
			if tc.outcome != nil {
				store = decides{store, tc.outcome[0]}
			}
			w := newWorldOver(t, store, everywhere...)
			p := w.login(t)
			raw := tc.raw(w, p)
			w.kinds()
			got := post2(tc.handler(w.Manager), tc.carry(raw))
			require.Equal(t, tc.code, got.code(t))
			refusals := w.refusals()
			require.Len(t, refusals, 1, "once")
			e := refusals[0]
			require.Equal(t, tc.at, e.Location)
			require.Equal(t, tc.code, (&jot.Error{Err: e.Err}).Code())
			if !tc.known {
				require.Empty(t, e.Subject+e.SessionID+e.TokenID)
				return
			}
			claims := claimsOf(t, raw)
			sid, _ := claims["sid"].(string)
			require.Equal(t, []string{"alice", sid, claims["jti"].(string)}, []string{e.Subject, e.SessionID, e.TokenID})
		})
	}

	// A store that fails when the session is to end: the log-out is refused as well.
	store := &broken{Store: memstore.New(), at: "end"}
	w := newWorldOver(t, store)
	p := w.login(t)
	w.kinds()
	require.Equal(t, "unavailable", post(w.LogoutHandler(), "POST", p.AccessToken).code(t))
	require.Equal(t, []jot.Event{{
		Kind: jot.EventRefused, Subject: "alice", SessionID: p.SessionID, TokenID: claimsOf(t, p.AccessToken)["jti"].(string),
		Location: jot.InHeader, Err: jot.ErrUnavailable,
	}}, w.refusals())
}

func text(raw string) func(*world, *jot.Pair) string {
	return func(*world, *jot.Pair) string { return raw }
}
func accessOf(_ *world, p *jot.Pair) string  { return p.AccessToken }
func refreshOf(_ *world, p *jot.Pair) string { return p.RefreshToken }

func endedOf(w *world, p *jot.Pair) string {
	if err := w.RevokeSessionByID(ctx, "alice", p.SessionID); err != nil {
		panic(err)
	}
	return p.RefreshToken
}

func mailed(w *world, _ *jot.Pair) string {
	raw, err := w.CreateToken(ctx, "alice", jot.Type("reset"))
	if err != nil {
		panic(err)
	}
	return raw
}

// What a caller does with a slice afterwards is nobody's business: an option has its own.
func TestOptionsDoNotKeepTheCallersSlices(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InQuery))
	raw := access(t, m)
	places := []jot.Location{jot.InHeader}
	opt := jot.Locations(places...)
	guard := m.Required(opt)
	places[0] = jot.InQuery
	inURL := httptest.NewRequest(http.MethodGet, "/?access_token="+raw, nil)
	for _, guard := range []func(http.Handler) http.Handler{guard, m.Required(opt)} {
		require.True(t, send(guard, bearer(raw)).called)
		require.False(t, send(guard, inURL).called)
	}

	scopes, names := []string{"read"}, []string{"api"}
	demand, mint := jot.Scopes(scopes...), jot.Scopes(scopes...)
	audience := jot.Audience(names...)
	scopes[0], names[0] = "admin", "other"
	made := access(t, m, mint, audience)
	require.Equal(t, "read", claimsOf(t, made)["scope"])
	require.Equal(t, "api", claimsOf(t, made)["aud"])
	_, err := m.Verify(ctx, made, demand, audience)
	require.NoError(t, err)
	_, err = m.Verify(ctx, access(t, m, audience), demand, audience)
	require.Error(t, err)

	groups := []jot.RouteOption{jot.Fresh()}
	group := jot.RouteOptions(groups...)
	minted := []jot.TokenOption{jot.Claim("a", 1)}
	all := jot.TokenOptions(minted...)
	groups[0], minted[0] = jot.Scopes("x"), jot.Claim("b", 1)
	require.Equal(t, "fresh_token_required", send(m.Required(group), bearer(raw)).code(t))
	require.Contains(t, claimsOf(t, access(t, m, all)), "a")
}
