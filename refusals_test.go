package jot_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
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

// codeOf returns the code of a refusal, and the text of any other error.
func codeOf(err error) string {
	if refusal, ok := err.(*jot.Error); ok && refusal != nil { //nolint:errorlint // as it is returned
		return refusal.Code()
	}
	return fmt.Sprint(err)
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
	const month = 30 * 24 * time.Hour
	strict, short := jot.WithRotationGrace(0), jot.WithSessionTTL(month)
	fails := func(err error) jot.Option { // once a login is over
		return jot.WithAdditionalClaims(func(_ context.Context, t *jot.Token) (map[string]any, error) {
			if t.IssuedAt.After(now) {
				return nil, err
			}
			return nil, nil
		})
	}
	closed := fmt.Errorf("%w: closed", jot.ErrForbidden)
	worldOf := func(opts ...jot.Option) *world { return newWorldOver(t, memstore.New(), opts...) }
	brokenAt := func(method string) *world { return newWorldOver(t, &broken{Store: memstore.New(), at: method}) }

	// What happens to a login's refresh token before Rotate gets it.
	type story func(w *world, token *jot.Token) *jot.Token
	nothing := func(_ *world, token *jot.Token) *jot.Token { return token }
	isUsed := func(w *world, token *jot.Token) *jot.Token {
		_, err := w.Rotate(ctx, token)
		require.NoError(t, err)
		return token
	}
	isRevoked := func(w *world, token *jot.Token) *jot.Token { require.NoError(t, w.Revoke(ctx, token)); return token }
	isEnded := func(w *world, token *jot.Token) *jot.Token {
		require.NoError(t, w.RevokeSession(ctx, token))
		return token
	}
	waits := func(w *world, token *jot.Token) *jot.Token { w.now = w.now.Add(month); return token }
	isLone := func(w *world, _ *jot.Token) *jot.Token { // another takes its place, minted elsewhere
		return w.refreshable(t, forge(t, ourHeader, `{"sub":"alice","jti":"lone","type":"refresh",
			"iat":1893456001,"exp":1893456900}`))
	}

	for _, tc := range []struct {
		name     string
		w        *world
		before   story
		asks     []jot.TokenOption
		sentinel error
	}{
		{"used before", worldOf(strict), isUsed, nil, jot.ErrReused},
		{"the token was revoked meanwhile", worldOf(), isRevoked, nil, jot.ErrRevoked},
		{"the session has ended meanwhile", worldOf(), isEnded, nil, jot.ErrRevoked},
		{"the session may last no longer", worldOf(short), waits, nil, jot.ErrExpired},
		{"a token of no session", worldOf(), isLone, nil, jot.ErrInvalid},
		{"more scopes than it has", worldOf(), nothing, list(jot.Scopes("admin")), jot.ErrInsufficientScope},
		{"a callback says no", worldOf(fails(closed)), nothing, nil, jot.ErrForbidden},
		{"a callback cannot tell", worldOf(fails(errDown)), nothing, nil, jot.ErrUnavailable},
		{"the store cannot tell", brokenAt("rotate"), nothing, nil, jot.ErrUnavailable},
		{"the store gives no id", brokenAt("no id"), nothing, nil, jot.ErrUnavailable},
		{"the store gives no outcome", brokenAt("no outcome"), nothing, nil, jot.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := tc.w
			p := w.login(t, jot.Scopes("read"))
			w.now = w.now.Add(2 * time.Second)
			token := tc.before(w, w.refreshable(t, p.RefreshToken))
			w.kinds()
			next, err := w.Rotate(ctx, token, tc.asks...)
			require.Nil(t, next)
			refusal, ok := errors.AsType[*jot.Error](err)
			require.True(t, ok, err)
			require.Same(t, tc.sentinel, refusal.Err)
			require.Equal(t, told[tc.sentinel].code, refusal.Code())
			require.Equal(t, refusal.Cause, w.causes[len(w.causes)-1], "which the event has too")
			require.Equal(t, []jot.Event{{
				Kind: jot.EventRefused, Err: tc.sentinel,
				Subject: "alice", SessionID: token.SessionID, TokenID: token.ID,
			}}, w.refusals(), "once")
		})
	}

	// What is no refusal is no such event.
	w := newWorld(t)
	token := w.refreshable(t, w.login(t).RefreshToken)
	w.kinds()
	for _, mistake := range []jot.TokenOption{jot.Fresh(), jot.Type("x"), nil} {
		_, err := w.Rotate(ctx, token, mistake)
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

// A refresh token two generations old is a stolen one, however soon it comes: the grace is for the one before.
func TestTwoGenerationsOld(t *testing.T) {
	silence(t)
	type presents func(w *world, token *jot.Token, raw string) (code string)
	for name, present := range map[string]presents{
		"at the guard": func(w *world, _ *jot.Token, raw string) string {
			return send(w.Required(jot.Refresh()), bearer(raw)).code(t)
		},
		"at the handler": func(w *world, _ *jot.Token, raw string) string {
			return post(w.RefreshHandler(), "POST", raw).code(t)
		},
		"by Rotate": func(w *world, token *jot.Token, _ string) string { // it passed its guard in time
			_, err := w.Rotate(ctx, token)
			return codeOf(err)
		},
	} {
		for _, between := range []time.Duration{0, time.Millisecond, 4 * time.Second} {
			t.Run(fmt.Sprint(name, ", ", between), func(t *testing.T) {
				w := newWorld(t, jot.WithRotationGrace(10*time.Second))
				p := w.login(t)
				old := w.refreshable(t, p.RefreshToken)
				w.now = w.now.Add(between)
				first := w.rotate(t, p.RefreshToken)
				w.now = w.now.Add(between)
				second := w.rotate(t, first.RefreshToken)
				w.kinds()

				require.Equal(t, "token_reused", present(w, old, p.RefreshToken))
				require.Contains(t, w.kinds(), jot.EventReused)
				w.refused(t, first, jot.ErrRevoked)
				w.refused(t, second, jot.ErrRevoked)
			})
		}
	}

	// One generation old it is a second tab.
	w := newWorld(t)
	first := w.rotate(t, w.login(t).RefreshToken)
	second := w.rotate(t, first.RefreshToken)
	require.Equal(t, second.RefreshToken, w.rotate(t, first.RefreshToken).RefreshToken)
}

// carrier puts a token into one place of a request.
type carrier struct {
	at      jot.Location
	request func(raw string) *http.Request
}

var (
	inField   = carrier{jot.InHeader, func(raw string) *http.Request { return by("POST", bearer(raw)) }}
	inURL     = carrier{jot.InQuery, func(raw string) *http.Request { return posted("/?access_token=" + raw) }}
	inNoPlace = carrier{"", func(string) *http.Request { return posted("/") }}
)

func inJSON(name string) carrier {
	return carrier{jot.InBody, func(raw string) *http.Request {
		return posted("/", setBody("application/json", `{"`+name+`":"`+raw+`"}`))
	}}
}

func inCookie(name string, changes ...edit) carrier {
	return carrier{jot.InCookie, func(raw string) *http.Request {
		page := []edit{setHeader("Sec-Fetch-Site", "same-origin"), addCookie(name, raw)}
		return posted("https://app.example/", append(page, changes...)...)
	}}
}

func posted(target string, changes ...edit) *http.Request {
	r := httptest.NewRequest("POST", target, nil)
	for _, change := range changes {
		change(r)
	}
	return r
}

// outOfSession is the refresh token of a session that has ended.
func outOfSession(t testing.TB, m *jot.Manager) string {
	p := pair(t, m)
	require.NoError(t, m.RevokeSessionByID(ctx, "alice", p.SessionID))
	return p.RefreshToken
}

// Whatever the two handlers refuse is one event, which says where the token was.
func TestHandlersSayWhereTheTokenWas(t *testing.T) {
	silence(t)
	const accessCookie, refreshCookie, nobodys, alices = "__Host-access_token", "__Host-refresh_token", "", "alice"
	everywhere := options(
		jot.WithCookies(jot.CookieConfig{}),
		jot.WithLocations(jot.InCookie, jot.InHeader, jot.InQuery, jot.InBody),
	)
	// refuses asserts that the handler answers so, and raises one event that says where the token was, and whose.
	refuses := func(t *testing.T, w *world, h http.Handler, c carrier, token maker, sentinel error, whose string) {
		t.Helper()
		raw := token(t, w.Manager)
		w.kinds()
		refused(sentinel).answers(t, answerOf(h, c.request(raw)))
		want := jot.Event{Kind: jot.EventRefused, Location: c.at, Err: sentinel}
		if whose == alices {
			claims := claimsOf(t, raw)
			want.Subject, want.TokenID = alices, claims["jti"].(string)
			want.SessionID, _ = claims["sid"].(string)
		}
		require.Equal(t, []jot.Event{want}, w.refusals(), "once")
	}

	refresh, logout := (*jot.Manager).RefreshHandler, (*jot.Manager).LogoutHandler
	refreshTwice, accessTwice := inJSON(`refresh_token":"a","refresh_token`), inJSON(`access_token":"a","access_token`)
	bad, malformed, wrong := given("a.b.c"), given("a b"), setHeader("X-Csrf-Token", "x")
	for _, tc := range []struct {
		name     string
		handler  func(*jot.Manager) http.Handler
		carrier  carrier
		token    maker
		sentinel error
		whose    string // so far as it is known
	}{
		{"refresh, invalid, in a header", refresh, inField, bad, jot.ErrInvalid, nobodys},
		{"refresh, malformed, in a header", refresh, inField, malformed, jot.ErrBadRequest, nobodys},
		{"refresh, invalid, in a body", refresh, inJSON("refresh_token"), bad, jot.ErrInvalid, nobodys},
		{"refresh, twice in a body", refresh, refreshTwice, bad, jot.ErrBadRequest, nobodys},
		{"refresh, invalid, in a cookie", refresh, inCookie(refreshCookie, wrong), bad, jot.ErrInvalid, nobodys},
		{"refresh, without a CSRF value", refresh, inCookie(refreshCookie), refreshToken, jot.ErrCSRF, nobodys},
		{"refresh, a wrong CSRF value", refresh, inCookie(refreshCookie, wrong), refreshToken, jot.ErrCSRF, alices},
		{"refresh, by an access token", refresh, inField, paired, jot.ErrWrongType, alices},
		{"refresh, of a session that has ended", refresh, inField, outOfSession, jot.ErrRevoked, alices},
		{"refresh, nothing", refresh, inNoPlace, given(""), jot.ErrNoToken, nobodys},

		{"logout, invalid, in a header", logout, inField, bad, jot.ErrInvalid, nobodys},
		{"logout, malformed, in a header", logout, inField, malformed, jot.ErrBadRequest, nobodys},
		{"logout, invalid, in a query", logout, inURL, bad, jot.ErrInvalid, nobodys},
		{"logout, invalid, in a body", logout, inJSON("access_token"), bad, jot.ErrInvalid, nobodys},
		{"logout, invalid refresh token in a body", logout, inJSON("refresh_token"), bad, jot.ErrInvalid, nobodys},
		{"logout, twice in a body", logout, accessTwice, bad, jot.ErrBadRequest, nobodys},
		{"logout, without a CSRF value", logout, inCookie(accessCookie), paired, jot.ErrCSRF, nobodys},
		{"logout, a wrong CSRF value", logout, inCookie(accessCookie, wrong), paired, jot.ErrCSRF, alices},
		{"logout, by a mailed link", logout, inField, mailedLink("reset"), jot.ErrWrongType, alices},
		{"logout, nothing", logout, inNoPlace, given(""), jot.ErrNoToken, nobodys},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorldOver(t, memstore.New(memstore.Since(time.Time{})), everywhere...)
			refuses(t, w, tc.handler(w.Manager), tc.carrier, tc.token, tc.sentinel, tc.whose)
		})
	}

	// What only Rotate finds, because another process has been there in between.
	for _, tc := range []struct {
		name     string
		outcome  session.Outcome
		carrier  carrier
		sentinel error
	}{
		{"reused", session.Reused, inField, jot.ErrReused},
		{"revoked", session.Revoked, inJSON("refresh_token"), jot.ErrRevoked},
		{"unknown", session.Unknown, inField, jot.ErrRevoked},
		{"no outcome", 99, inField, jot.ErrUnavailable},
	} {
		t.Run("refresh, as Rotate finds, "+tc.name, func(t *testing.T) {
			store := decides{memstore.New(memstore.Since(time.Time{})), tc.outcome}
			w := newWorldOver(t, store, everywhere...)
			refuses(t, w, w.RefreshHandler(), tc.carrier, refreshToken, tc.sentinel, alices)
		})
	}

	// What WithAdditionalClaims says of the next pair, once the login is over.
	closed := fmt.Errorf("%w: closed", jot.ErrForbidden)
	for _, tc := range []struct {
		name     string
		at       jot.Location
		says     error
		sentinel error
	}{
		{"no, in a header", jot.InHeader, closed, jot.ErrForbidden},
		{"no, in a body", jot.InBody, closed, jot.ErrForbidden},
		{"no, in a cookie", jot.InCookie, closed, jot.ErrForbidden},
		{"nothing, in a header", jot.InHeader, errDown, jot.ErrUnavailable},
		{"nothing, in a cookie", jot.InCookie, errDown, jot.ErrUnavailable},
	} {
		t.Run("refresh, a callback says "+tc.name, func(t *testing.T) {
			fails := error(nil)
			w := newWorldOver(t, memstore.New(), append(everywhere, jot.WithAdditionalClaims(
				func(context.Context, *jot.Token) (map[string]any, error) { return nil, fails }))...)
			p := w.login(t)
			fails = tc.says
			c := map[jot.Location]carrier{
				jot.InHeader: inField, jot.InBody: inJSON("refresh_token"),
				jot.InCookie: inCookie(refreshCookie, setHeader("X-Csrf-Token", p.RefreshCSRFToken)),
			}[tc.at]
			refuses(t, w, w.RefreshHandler(), c, given(p.RefreshToken), tc.sentinel, alices)
		})
	}

	// A store that fails when the session is to end: the logout is refused as well.
	w := newWorldOver(t, &broken{Store: memstore.New(), at: "end"})
	refuses(t, w, w.LogoutHandler(), inField, paired, jot.ErrUnavailable, alices)
}

// What a caller does with a slice afterwards is nobody's business: an option has its own.
func TestOptionsDoNotKeepTheCallersSlices(t *testing.T) {
	m := newManager(t, jot.WithCookies(jot.CookieConfig{}), jot.WithLocations(jot.InHeader, jot.InQuery))
	raw := access(t, m)
	places := []jot.Location{jot.InHeader}
	opt := jot.Locations(places...)
	guard := m.Required(opt)
	places[0] = jot.InQuery
	for _, guard := range []func(http.Handler) http.Handler{guard, m.Required(opt)} {
		require.True(t, send(guard, bearer(raw)).called)
		require.False(t, send(guard, inURL.request(raw)).called)
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
	minted := list(jot.Claim("a", 1))
	all := jot.TokenOptions(minted...)
	groups[0], minted[0] = jot.Scopes("x"), jot.Claim("b", 1)
	require.Equal(t, "fresh_token_required", send(m.Required(group), bearer(raw)).code(t))
	require.Contains(t, claimsOf(t, access(t, m, all)), "a")
}
