package jot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/session"
)

// leaver is a browser that logs out: two logins of its user, A and B, tokens of other kinds, and what becomes of them.
type leaver struct {
	*jot.Manager

	tokens, values map[string]string // tokens by name, "A refresh" say, and the CSRF value of each
}

func newLeaver(t *testing.T, remembering jot.Option, opts ...jot.Option) *leaver {
	t.Helper()
	instant := now
	clock := jot.WithClock(func() time.Time { return instant })
	cookies, anotherSecret := jot.WithCookies(jot.CookieConfig{}), []byte(strings.Repeat("another ", 8))
	m, err := jot.New(jot.HS256(secret), append(opts, cookies, remembering, clock)...)
	require.NoError(t, err)
	foreign, err := jot.New(jot.HS256(anotherSecret), cookies, clock)
	require.NoError(t, err)
	l := &leaver{m, map[string]string{"unreadable": "x", "no cookie value": `x"y`}, map[string]string{"wrong": "x"}}
	for name, by := range map[string]*jot.Manager{"A": m, "B": m, "C": m, "foreign": foreign} {
		p := pair(t, by, jot.ExpiresIn(24*time.Hour))
		l.tokens[name], l.tokens[name+" refresh"] = p.AccessToken, p.RefreshToken
	}
	a, err := m.Verify(ctx, l.tokens["A"])
	require.NoError(t, err)
	l.tokens["A expired"] = access(t, m, jot.InSession(a), jot.ExpiresIn(time.Minute))
	l.tokens["lone"] = access(t, m, jot.ExpiresIn(24*time.Hour))
	l.tokens["reset"], err = m.CreateToken(ctx, "alice", jot.Type("reset"), jot.ExpiresIn(24*time.Hour))
	require.NoError(t, err)
	for kind, name := range map[string]string{"access": "elsewhere", "refresh": "elsewhere refresh"} {
		l.tokens[name] = forge(t, ourHeader, `{"sub":"alice","jti":"`+kind+`","type":"`+kind+`","iat":1893456000,`+
			`"exp":1893542400,"sid":"their-session","csrf":"value of `+name+`"}`)
	}
	for name, raw := range l.tokens {
		if strings.HasPrefix(raw, "eyJ") {
			l.values[name], _ = claimsOf(t, raw)["csrf"].(string)
		}
	}
	instant = instant.Add(time.Hour)
	return l
}

// request posts a logout from a page, with the cookies of these names: a comma parts two of one kind.
func (l *leaver) request(site, access, refresh, value string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://app.example/logout", nil)
	if site != "" {
		r.Header.Set("Sec-Fetch-Site", site)
	}
	var cookies []string
	for kind, names := range map[string]string{"access": access, "refresh": refresh} {
		for name := range strings.SplitSeq(names, ", ") {
			if kind == "refresh" && l.tokens[name+" refresh"] != "" {
				name += " refresh"
			}
			if names != "" {
				cookies = append(cookies, "__Host-"+kind+"_token="+l.tokens[name])
			}
		}
	}
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	if value != "none" {
		r.Header.Set("X-CSRF-Token", l.values[value])
	}
	return r
}

// ended are the names of what is over.
func (l *leaver) ended(t *testing.T) string {
	t.Helper()
	var names []string
	for _, name := range []string{"A", "B", "C", "lone", "reset", "elsewhere", "elsewhere refresh"} {
		demand := jot.AccessOrRefresh()
		if name == "reset" {
			demand = jot.Type("reset")
		}
		if _, err := l.Verify(ctx, l.tokens[name], demand); err != nil {
			require.ErrorIs(t, err, jot.ErrRevoked)
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// cleared are how many cookies an answer clears. It sets none.
func cleared(t *testing.T, a *answer) int {
	t.Helper()
	for _, cookie := range a.Result().Cookies() {
		require.Negative(t, cookie.MaxAge, cookie.Name)
	}
	return len(a.Result().Cookies())
}

// A logout looks at both cookies and ends what it can. A request is our own page's if the origin's rule lets it pass
// and it repeats the value of either cookie; then all four are cleared, whatever was in them. One that is not ours ends
// and clears nothing.
func TestLogoutByCookies(t *testing.T) {
	const ours, refused, theirs = http.StatusNoContent, 0, "elsewhere, elsewhere refresh"
	for _, tc := range []struct {
		name                   string
		access, refresh, value string // the cookies, and whose CSRF value the page repeats
		status                 int
		ended                  string
	}{
		{"both cookies", "A", "A", "A", ours, "A"},
		{"both cookies, by the other value", "A", "A", "A refresh", ours, "A"},
		{"the access cookie alone", "A", "", "A", ours, "A"},
		{"the refresh cookie alone", "", "A", "A", ours, "A"},
		{"the refresh cookie alone, by its own value", "", "A", "A refresh", ours, "A"},
		{"an access cookie that has expired", "A expired", "A", "A", ours, "A"},
		{"an access cookie that has expired, alone", "A expired", "", "A", ours, "A"},

		{"an unreadable access cookie", "unreadable", "A", "A", ours, "A"},
		{"an unreadable access cookie, by the other value", "unreadable", "A", "A refresh", ours, "A"},
		{"an access cookie that is none for net/http", "no cookie value", "A", "A", ours, "A"},
		{"a foreign access cookie", "foreign", "A", "A", ours, "A"},
		{"a refresh token of ours in the access cookie", "B refresh", "A", "A", ours, "A, B"},
		{"a mailed link in the access cookie", "reset", "A", "A", ours, "A"},
		{"two access cookies", "B, unreadable", "A", "A", ours, "A"},
		{"an unreadable refresh cookie", "A", "unreadable", "A", ours, "A"},
		{"a foreign refresh cookie", "A", "foreign", "A", ours, "A"},
		{"two refresh cookies", "A", "B, unreadable", "A", ours, "A"},

		{"an access cookie of no session", "lone", "A", "lone", ours, "A, lone"},
		{"an access cookie of no session, by the session's value", "lone", "A", "A", ours, "A, lone"},
		{"cookies of two logins", "B", "A", "B", ours, "A, B"},
		{"cookies of two logins, by the other value", "B", "A", "A", ours, "A, B"},

		{"a session of another issuer", "elsewhere", "elsewhere", "elsewhere", ours, theirs},
		{"a session of another issuer, the other value", "elsewhere", "elsewhere", "elsewhere refresh", ours, theirs},

		{"nothing to end", "unreadable", "unreadable", "wrong", ours, ""},
		{"nothing to end, the access cookie alone", "foreign", "", "foreign", ours, ""},
		{"nothing to end, the refresh cookie alone", "", "unreadable", "wrong", ours, ""},

		{"no value", "A", "A", "none", refused, ""},
		{"a wrong value", "A", "A", "wrong", refused, ""},
		{"another login's value", "A", "A", "B", refused, ""},
		{"no value, an unreadable access cookie", "unreadable", "A", "none", refused, ""},
		{"a wrong value, an unreadable access cookie", "unreadable", "A", "wrong", refused, ""},
		{"the value of a foreign access cookie", "foreign", "A", "foreign", refused, ""},
		{"another login's value, an access cookie of no session", "lone", "A", "B", refused, ""},
		{"nobody", "", "", "A", refused, ""},
	} {
		for kind, remembering := range map[string]jot.Option{
			"store":     jot.WithStore(memstore.New(memstore.Since(time.Time{}))),
			"blocklist": jot.WithBlocklist(newBlocklist()),
		} {
			t.Run(tc.name+"/"+kind, func(t *testing.T) {
				l := newLeaver(t, remembering)
				got := answerOf(l.LogoutHandler(), l.request("same-origin", tc.access, tc.refresh, tc.value))
				require.Equal(t, tc.ended, l.ended(t))
				if tc.status == ours {
					require.Equal(t, ours, got.Code, got.Body.String())
					require.Equal(t, 4, cleared(t, got))
					return
				}
				require.Contains(t, []int{401, 403}, got.Code)
				require.Zero(t, cleared(t, got))
			})
		}
		// Another's page achieves nothing by the same cookies, even if it knew the value.
		for _, site := range []string{"cross-site", "same-site"} {
			t.Run(tc.name+"/"+site, func(t *testing.T) {
				l := newLeaver(t, jot.WithBlocklist(newBlocklist()))
				got := answerOf(l.LogoutHandler(), l.request(site, tc.access, tc.refresh, tc.value))
				require.Contains(t, []int{400, 401, 403}, got.Code)
				require.Empty(t, l.ended(t))
				require.Zero(t, cleared(t, got))
			})
		}
	}
}

// Whoever brings a token of their own elsewhere than in a cookie ends that one: another's page may do so too. But the
// cookies are the visitor's, and only a request that passes the origin's rule touches them.
func TestLogoutBesideCookies(t *testing.T) {
	trusting := http.NewCrossOriginProtection()
	require.NoError(t, trusting.AddTrustedOrigin("https://www.example"))
	const all, none = 4, 0
	for _, tc := range []struct {
		name         string
		site, origin string
		value        string // the CSRF value that is repeated
		cleared      int
		ended        string // B is what the request brings, A are the cookies
	}{
		{"another site's page", "cross-site", "https://evil.example", "none", none, "B"},
		{"a page of another host of the site", "same-site", "https://evil.app.example", "none", none, "B"},
		{"another's page in an old browser", "", "https://evil.example", "none", none, "B"},
		{"a page of nowhere in an old browser", "", "null", "none", none, "B"},
		{"another site's page that knew the value", "cross-site", "https://evil.example", "A", none, "B"},
		{"a page that is trusted", "cross-site", "https://www.example", "none", all, "B"},
		{"our own page", "same-origin", "https://app.example", "none", all, "B"},
		{"our own page in an old browser", "", "https://app.example", "none", all, "B"},
		{"our own page with the cookies' value", "same-origin", "https://app.example", "A", all, "A, B"},
		{"a page that is trusted, with the cookies' value", "cross-site", "https://www.example", "A", all, "A, B"},
		{"no browser", "", "", "none", all, "B"},
	} {
		for _, at := range []jot.Location{jot.InHeader, jot.InBody, jot.InQuery} {
			t.Run(tc.name+"/"+string(at), func(t *testing.T) {
				l := newLeaver(t, jot.WithBlocklist(newBlocklist()), jot.WithLocations(at, jot.InCookie),
					jot.WithCrossOriginProtection(trusting))
				r := l.request(tc.site, "A", "A", tc.value)
				if tc.origin != "" {
					r.Header.Set("Origin", tc.origin)
				}
				map[jot.Location]edit{
					jot.InHeader: setHeader("Authorization", "Bearer "+l.tokens["B"]),
					jot.InQuery:  func(r *http.Request) { r.URL.RawQuery = "access_token=" + l.tokens["B"] },
					jot.InBody:   setBody(urlencoded, "access_token="+l.tokens["B"]),
				}[at](r)
				got := answerOf(l.LogoutHandler(), r)
				require.Equal(t, http.StatusNoContent, got.Code, got.Body.String())
				require.Equal(t, tc.cleared, cleared(t, got))
				require.Equal(t, tc.ended, l.ended(t))
			})
		}
	}
}

// halting is a blocklist that cannot write the n-th time.
type halting struct {
	*blocklist

	n int
}

func (h *halting) Revoke(c context.Context, id string, until time.Time) (first bool, err error) {
	if h.n--; h.n == 0 {
		return false, context.DeadlineExceeded
	}
	return h.blocklist.Revoke(c, id, until)
}

// When it cannot be remembered that a session is over, the cookies stay, all of them: without them nobody could try
// again, and the session would go on.
func TestLogoutWhenTheStoreFails(t *testing.T) {
	silence(t) // the log line about it is expected
	for _, tc := range []struct {
		name            string
		access, refresh string
		at              int // which write fails
		ended           string
	}{
		{"both cookies", "A", "A", 1, "A"},
		{"an unreadable access cookie", "unreadable", "A", 1, "A"},
		{"a foreign access cookie", "foreign", "A", 1, "A"},
		{"an access cookie of no session, at the first", "lone", "A", 1, "A, lone"},
		{"an access cookie of no session, at the second", "lone", "A", 2, "A, lone"},
		{"cookies of two logins, at the second", "B", "A", 2, "A, B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLeaver(t, jot.WithBlocklist(&halting{newBlocklist(), tc.at}))
			got := answerOf(l.LogoutHandler(), l.request("same-origin", tc.access, tc.refresh, "A"))
			require.Equal(t, http.StatusServiceUnavailable, got.Code, got.Body.String())
			require.NotEmpty(t, got.Header().Get("Retry-After"))
			require.Zero(t, cleared(t, got))

			got = answerOf(l.LogoutHandler(), l.request("same-origin", tc.access, tc.refresh, "A"))
			require.Equal(t, http.StatusNoContent, got.Code, "the browser tries again")
			require.Equal(t, 4, cleared(t, got))
			require.Equal(t, tc.ended, l.ended(t))
		})
	}
}

// The verbs do all that the handlers do but answer: a page answers by a redirect.
func TestVerbsOfTheHandlers(t *testing.T) {
	m := newManager(t, jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}),
		jot.WithLocations(jot.InCookie, jot.InHeader))
	var next *jot.Pair
	redirecting := func(err error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err != nil {
				m.WriteError(w, r, err)
				return
			}
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
	}
	refresh := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pair, err := m.Refresh(w, r)
		if err == nil {
			next = pair
		}
		redirecting(err)(w, r)
	})
	logout := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { redirecting(m.Logout(w, r))(w, r) })
	byCookie := func(p *jot.Pair, value string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "https://app.example/", nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("X-CSRF-Token", value)
		r.AddCookie(&http.Cookie{Name: "__Host-access_token", Value: p.AccessToken})
		r.AddCookie(&http.Cookie{Name: "__Host-refresh_token", Value: p.RefreshToken})
		return r
	}
	byHeader := func(raw string) *http.Request {
		r := bearer(raw)
		r.Method = http.MethodPost
		return r
	}
	p := pair(t, m)
	page := func() *http.Request { return byCookie(next, next.CSRFToken) }
	const seeOther = http.StatusSeeOther
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		request func() *http.Request
		status  int
		cookies int
	}{
		{"refresh by cookies, of another page", refresh, func() *http.Request { return byCookie(p, "x") }, 403, 0},
		{"refresh by cookies", refresh, func() *http.Request { return byCookie(p, p.RefreshCSRFToken) }, seeOther, 4},
		{"refresh by what the page knows", refresh, page, seeOther, 4},
		{"refresh by a header", refresh, func() *http.Request { return byHeader(next.RefreshToken) }, seeOther, 0},
		{"refresh by an access token", refresh, func() *http.Request { return byHeader(next.AccessToken) }, 401, 0},
		{"log out by cookies, of another page", logout, func() *http.Request { return byCookie(next, "x") }, 403, 0},
		{"log out by cookies", logout, page, seeOther, 4},
		{"log out again", logout, page, seeOther, 4},
		{"refresh afterwards", refresh, func() *http.Request { return byHeader(next.RefreshToken) }, 401, 0},
	} {
		got := answerOf(tc.handler, tc.request())
		require.Equal(t, tc.status, got.Code, "%s: %s", tc.name, got.Body)
		require.Len(t, got.Result().Cookies(), tc.cookies, tc.name)
		if tc.status != seeOther {
			continue
		}
		require.Empty(t, got.Body.String(), "no token, no word")
		if tc.cookies > 0 {
			require.Equal(t, "no-store", got.Header().Get("Cache-Control"))
		}
	}

	// What they need is an error, and no panic: the handlers are made at start-up, the verbs called later.
	w, without := httptest.NewRecorder(), newManager(t)
	_, err := without.Refresh(w, bearer("x"))
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "Refresh needs WithStore")
	require.ErrorIs(t, without.Logout(w, bearer("x")), errors.ErrUnsupported)
	require.Empty(t, w.Header())
}

// Whoever logs out is whom the request says: what else its context carries goes on.
func TestLogoutTakesNoTokenOfTheContext(t *testing.T) {
	for _, tc := range []struct {
		name, access string
		status       int
	}{
		{"two access cookies", "A, unreadable", 204},
		{"an unreadable access cookie", "unreadable", 204},
		{"an access cookie that is none for net/http", "no cookie value", 204},
		{"an empty access cookie", "a name of no token", 401},
		{"nothing", "", 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLeaver(t, jot.WithBlocklist(newBlocklist()))
			token, err := l.Verify(ctx, l.tokens["B"])
			require.NoError(t, err)
			r := l.request("same-origin", tc.access, "", "B")
			got := answerOf(l.LogoutHandler(), r.WithContext(jot.NewContext(r.Context(), token)))
			require.Equal(t, tc.status, got.Code, got.Body.String())
			require.Empty(t, l.ended(t))
		})
	}
}

// One token under the names of both is ended once.
func TestLogoutOfOneTokenTwice(t *testing.T) {
	const dates = `"iat":1893456000,"exp":1893456900`
	lone := forge(t, ourHeader, `{"sub":"alice","jti":"1","type":"refresh",`+dates+`}`)
	elsewhere := forge(t, ourHeader, `{"sub":"alice","jti":"1","type":"refresh","sid":"their-session",`+dates+`}`)
	for name, token := range map[string]maker{
		"a refresh token of no session":               given(lone),
		"a refresh token":                             refreshToken,
		"a refresh token of another issuer's session": given(elsewhere),
		"an access token":                             made(),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOver(t, memstore.New(memstore.Since(time.Time{})),
				jot.WithLocations(jot.InBody), jot.WithBodyKeys("token", "token"))
			raw := token(t, w.Manager)
			w.kinds()
			got := answerOf(w.LogoutHandler(), inJSON("token").request(raw))
			require.Equal(t, 204, got.Code, got.Body.String())
			require.Equal(t, []jot.EventKind{jot.EventRevoked}, w.kinds())
			_, err := w.Verify(ctx, raw, jot.AccessOrRefresh())
			require.ErrorIs(t, err, jot.ErrRevoked)
		})
	}
}

// Nothing remembers a token that has neither an id nor a session, which a profile may accept: it is refused, and in a
// cookie it is cleared.
func TestLogoutWithoutAnID(t *testing.T) {
	const dates = `"iat":1893456000,"exp":1893456900`
	places := jot.Options(
		jot.WithLocations(jot.InCookie, jot.InHeader),
		jot.WithCookies(jot.CookieConfig{AccessName: "access_token_cookie"}),
		wire.Profile{IDOptional: true, DefaultType: "access", CSRF: &wire.CSRF{
			Methods: []string{"POST"}, Header: [2]string{"X-Csrf-Token", "X-Csrf-Token"},
		}})
	nameless := forge(t, ourHeader, `{"sub":"alice",`+dates+`,"csrf":"value"}`)
	ofSession := forge(t, ourHeader, `{"sub":"alice",`+dates+`,"csrf":"value","sid":"their-session"}`)
	repeats := setHeader("X-Csrf-Token", "value")
	for _, tc := range []struct {
		name    string
		carrier carrier
		raw     string
		status  int
		cleared int
	}{
		{"in a header", inField, nameless, 401, 0},
		{"in a cookie", inCookie("access_token_cookie", repeats), nameless, 204, 4},
		{"in a cookie, by no value", inCookie("access_token_cookie"), nameless, 403, 0},
		{"of a session, in a header", inField, ofSession, 204, 4},
		{"of a session, in a cookie", inCookie("access_token_cookie", repeats), ofSession, 204, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			silence(t)
			m := newManager(t, places, jot.WithBlocklist(newBlocklist()))
			_, err := m.Verify(ctx, tc.raw)
			require.NoError(t, err, "it is good for everything else")
			got := answerOf(m.LogoutHandler(), tc.carrier.request(tc.raw))
			require.Equal(t, tc.status, got.Code, got.Body.String())
			require.Equal(t, tc.cleared, cleared(t, got))
		})
	}
}

// unending is a store that cannot end the n-th session.
type unending struct {
	session.Store

	n int
}

func (u *unending) End(c context.Context, e session.Ending) (bool, error) {
	if u.n--; u.n == 0 {
		return false, errDown
	}
	return u.Store.End(c, e)
}

// A logout of two sessions that ends one says that it has failed. The next try ends the other, and tells of that alone.
func TestLogoutByHalves(t *testing.T) {
	silence(t)
	w := newWorldOver(t, &unending{memstore.New(), 2}, jot.WithCookies(jot.CookieConfig{}))
	a, b := w.login(t), w.login(t)
	both := inCookie("__Host-access_token", addCookie("__Host-refresh_token", b.RefreshToken),
		setHeader("X-Csrf-Token", a.CSRFToken))
	for _, tc := range []struct {
		status  int
		cleared int
		events  []jot.EventKind
	}{
		{503, 0, []jot.EventKind{jot.EventRevoked, jot.EventStoreUnavailable, jot.EventRefused}},
		{204, 4, []jot.EventKind{jot.EventRevoked}},
		{204, 4, nil},
	} {
		w.kinds()
		got := answerOf(w.LogoutHandler(), both.request(a.AccessToken))
		require.Equal(t, tc.status, got.Code, got.Body.String())
		require.Equal(t, tc.cleared, cleared(t, got))
		require.Equal(t, tc.events, w.kinds())
		w.refused(t, a, jot.ErrRevoked)
	}
	w.refused(t, b, jot.ErrRevoked)
}

// The successor that another tab has got is made once more, and may have become too large for a cookie: then there are
// neither cookies nor a pair, and the answer says so. Nothing is lost: the next try may come in time.
func TestReplayTooLargeForACookie(t *testing.T) {
	silence(t)
	calls, large := 0, func(int) bool { return false }
	w := newWorld(t, jot.WithCookies(jot.CookieConfig{}),
		jot.WithAdditionalClaims(func(context.Context, *jot.Token) (map[string]any, error) {
			if calls++; large(calls) {
				return map[string]any{"x": strings.Repeat("x", 4000)}, nil
			}
			return nil, nil
		}))
	p := w.login(t)
	w.rotate(t, p.RefreshToken)
	request := inCookie("__Host-refresh_token", setHeader("X-Csrf-Token", p.RefreshCSRFToken)).request

	calls, large = 0, func(n int) bool { return n == 2 } // the first is for the pair that is thrown away
	got := answerOf(w.RefreshHandler(), request(p.RefreshToken))
	require.Equal(t, 500, got.Code, got.Body.String())
	require.Empty(t, lines(got))
	require.Equal(t, 2, calls)

	calls = 0
	rw := httptest.NewRecorder()
	next, err := w.Refresh(rw, request(p.RefreshToken))
	require.ErrorIs(t, err, jot.ErrTokenTooLarge)
	require.Nil(t, next)
	require.Empty(t, lines(rw))

	calls = 0
	_, err = w.Rotate(ctx, w.refreshable(t, p.RefreshToken))
	require.ErrorIs(t, err, jot.ErrTokenTooLarge)

	large = func(int) bool { return false }
	got = answerOf(w.RefreshHandler(), request(p.RefreshToken))
	require.Equal(t, 200, got.Code, got.Body.String())
	require.Len(t, lines(got), 4)
}

// Whoever writes a status before the cookies of a login is told so by net/http, since no cookie arrives.
func TestStatusBeforeTheCookies(t *testing.T) {
	m := newManager(t, jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	for early, want := range map[bool]string{true: "superfluous response.WriteHeader call", false: ""} {
		var out bytes.Buffer
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if early {
				w.WriteHeader(http.StatusOK)
			}
			_ = m.WritePair(w, pair(t, m))
		}))
		server.Config.ErrorLog = log.New(&out, "", 0)
		server.Start()
		got, err := http.Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		server.Close()
		require.Equal(t, http.StatusOK, got.StatusCode)
		require.Equal(t, early, len(got.Cookies()) == 0)
		require.Contains(t, out.String(), want)
		require.Equal(t, early, out.Len() > 0, out.String())
	}
}

// Where tokens are looked for in cookies only, no way of writing a pair as JSON shows them to scripts.
func TestPairAsJSON(t *testing.T) {
	cookies := jot.WithCookies(jot.CookieConfig{})
	for _, tc := range []struct {
		name  string
		opts  []jot.Option
		shows bool
	}{
		{"header", nil, true},
		{"cookies", options(cookies), false},
		{"cookies, as a place", options(jot.WithLocations(jot.InCookie)), false},
		{"both", options(cookies, jot.WithLocations(jot.InCookie, jot.InHeader)), true},
		{"cookies and bodies", options(cookies, jot.WithLocations(jot.InCookie, jot.InBody)), true},
	} {
		w := newWorld(t, tc.opts...)
		login := w.login(t)
		next, err := w.Rotate(ctx, accepted(t, w.Manager, login.RefreshToken, jot.Refresh()))
		require.NoError(t, err)
		for _, p := range []*jot.Pair{login, next} {
			for _, v := range []any{p, *p, map[string]any{"pair": p}} {
				text, err := json.Marshal(v)
				require.NoError(t, err)
				require.Equal(t, tc.shows, strings.Contains(string(text), p.AccessToken), tc.name)
				require.Equal(t, tc.shows, strings.Contains(string(text), p.RefreshToken), tc.name)
				require.Equal(t, !tc.shows, strings.Contains(string(text), `"csrf_token"`), tc.name)
			}
		}
		text, err := json.Marshal(jot.Pair{AccessToken: login.AccessToken})
		require.NoError(t, err)
		require.Contains(t, string(text), login.AccessToken, "what somebody writes down is written")
	}
}

// A logout that leaves the refresh token behind, because its login was made of two that have nothing in common, is
// told once.
func TestLogoutOfALoginInTwo(t *testing.T) {
	if !alone(t) {
		return
	}
	const told = "jot: a logout ended one token, which belongs to no session: " +
		"CreatePair makes a login that ends as a whole"
	w := newWorld(t, jot.WithLocations(jot.InHeader, jot.InBody))
	others := newWorld(t, wire.Profile{Minting: &wire.Minting{}})
	blocking := newManager(t, jot.WithBlocklist(newBlocklist()))
	typed, err := w.CreateToken(ctx, "alice", jot.Type("machine"))
	require.NoError(t, err)
	refresh, err := w.CreateRefreshToken(ctx, "alice")
	require.NoError(t, err)
	joined := access(t, w.Manager, jot.InSession(accepted(t, w.Manager, w.login(t).AccessToken)))
	both := bearer(access(t, w.Manager))
	both.Method, both.Body = http.MethodPost, io.NopCloser(strings.NewReader(`{"refresh_token":"`+refresh+`"}`))
	both.Header.Set("Content-Type", "application/json")
	post := func(raw string) *http.Request {
		r := bearer(raw)
		r.Method = http.MethodPost
		return r
	}
	out := logged(t)
	for _, tc := range []struct {
		name   string
		m      *jot.Manager
		r      *http.Request
		status int
		told   bool
	}{
		{"a login", w.Manager, post(w.login(t).AccessToken), 204, false},
		{"its refresh token", w.Manager, post(w.login(t).RefreshToken), 204, false},
		{"one that joined", w.Manager, post(joined), 204, false},
		{"none", w.Manager, post("x"), 401, false},
		{"no login's", w.Manager, post(typed), 401, false},
		{"both of two", w.Manager, both, 204, false},
		{"where nothing is kept of sessions", blocking, post(access(t, blocking)), 204, false},
		{"another system's", others.Manager, post(access(t, others.Manager)), 204, false},
		{"one of two", w.Manager, post(access(t, w.Manager)), 204, true},
		{"another one", w.Manager, post(access(t, w.Manager)), 204, false}, // not again
	} {
		out.Reset()
		got := answerOf(tc.m.LogoutHandler(), tc.r)
		require.Equal(t, tc.status, got.Code, tc.name)
		require.Equal(t, tc.told, strings.Contains(out.String(), `level=WARN msg="`+told+`"`), tc.name)
		require.Equal(t, tc.told, out.Len() > 0, out.String())
	}
}
