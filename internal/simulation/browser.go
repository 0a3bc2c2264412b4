package simulation

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jot/jot"
)

// answer is what a handler writes.
type answer struct {
	header http.Header
	status int
	body   []byte
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements [http.ResponseWriter].
func (a *answer) Write(text []byte) (int, error) {
	a.body = append(a.body, text...)
	return len(text), nil
}

// The cookies, in the order of jar.till and jar.csrf.
var (
	tokenCookies = [2]string{"__Host-access_token", "__Host-refresh_token"}
	csrfCookies  = [2]string{"__Host-csrf_access_token", "__Host-csrf_refresh_token"}
)

// accessToken and refreshToken return what a holder has, nil if there is nothing or the browser has dropped it.
func (j *jar) accessToken(now time.Duration) *token  { return j.kept(0, j.access, now) }
func (j *jar) refreshToken(now time.Duration) *token { return j.kept(1, j.refresh, now) }

func (j *jar) kept(i int, t *token, now time.Duration) *token {
	if j.till[i] > 0 && j.till[i] <= now {
		return nil
	}
	return t
}

// keep takes over the cookies of an answer, and returns the tokens among them.
func (w *world) keep(h *holder, owner *person, a *answer) (access, refresh *token) {
	for _, line := range a.header["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			w.fail("a cookie that nobody can read", err)
			return nil, nil
		}
		for i := range tokenCookies {
			switch {
			case cookie.Name == csrfCookies[i]:
				h.csrf[i] = cookie.Value
			case cookie.Name != tokenCookies[i]:
			case cookie.MaxAge <= 0 && i == 0:
				h.access = nil
			case cookie.MaxAge <= 0:
				h.jar.refresh = nil
			default:
				if h.till[i] = w.elapsed + time.Duration(cookie.MaxAge)*time.Second; h.steal {
					h.till[i] = 0
				}
				if t := w.learn(cookie.Value, owner); i == 0 {
					h.access, access = t, t
				} else {
					h.jar.refresh, refresh = t, t
				}
			}
		}
	}
	return access, refresh
}

// request is one of the holder's, with its cookies or with the token in a header.
func (w *world) request(h *holder, method string, t *token, csrf int) *http.Request {
	r := &http.Request{
		Method: method, URL: &url.URL{Path: "/"}, Header: http.Header{}, Host: "example.com", Body: http.NoBody,
	}
	if w.plan.settings.cookies {
		for i, t := range [...]*token{h.accessToken(w.elapsed), h.refreshToken(w.elapsed)} {
			if t != nil {
				r.AddCookie(&http.Cookie{Name: tokenCookies[i], Value: t.raw}) //nolint:gosec // of a request
			}
		}
		r.Header.Set("X-Csrf-Token", h.csrf[csrf])
	} else if t != nil {
		r.Header.Set("Authorization", "Bearer "+t.raw)
	}
	return r.WithContext(w.ctx)
}

// refreshByHandler asks the endpoint for refreshing.
func (w *world) refreshByHandler(h *holder, t *token, s *server) error {
	var a answer
	r := w.request(h, "POST", t, 1)
	return w.exchange(h, t, t.scopes, exchanges, s, func(context.Context) (pair *jot.Pair, set *answer, err error) {
		s.refresh.ServeHTTP(&a, r)
		if len(a.header["Set-Cookie"]) > 0 && is(w.top.err, jot.ErrUnavailable) {
			w.fail("cookies are lost with an answer", a.header["Set-Cookie"])
		}
		if w.top.err == nil && !w.plan.settings.cookies {
			var body struct {
				Access  string `json:"access_token"`
				Refresh string `json:"refresh_token"`
			}
			if err := json.Unmarshal(a.body, &body); err != nil {
				return nil, nil, err
			}
			pair = &jot.Pair{AccessToken: body.Access, RefreshToken: body.Refresh}
		}
		return pair, &a, nil
	})
}

// visit asks for a page behind a guard, which may renew the access token from the refresh token beside it.
func (w *world) visit(h *holder, s *server) {
	access, beside := h.accessToken(w.elapsed), h.refreshToken(w.elapsed)
	if access == nil && beside == nil {
		return
	}
	c := w.call(s, h, "visits with", access)
	var v, renewing view
	if access != nil {
		v = w.view(access, s, verifies)
	}
	if beside != nil && w.plan.settings.cookies {
		renewing = w.view(beside, s, verifies)
		c.spared, c.presents = true, beside
		c.settle = func(m method) { w.settleEnd(beside, m) }
	}
	var a answer
	r := w.request(h, "GET", access, 0)
	w.make(c, func(context.Context) error {
		s.page.ServeHTTP(&a, r)
		return nil
	})
	renewed := w.renewed(h, access, renewing, c, &a)
	gone := access == nil || access.expired(c.hi)
	switch {
	case gone && (renewed || is(c.err, jot.ErrNoToken) || is(c.err, jot.ErrUnavailable)):
	case gone && w.endedMeanwhile(renewing, c):
	case access != nil:
		w.judge(v, c)
	default:
		w.fail("a visit without a token", c, c.err)
	}
	if c.lost && c.err == nil && len(a.header["Set-Cookie"]) > 0 {
		w.fail("a failing store was taken for an answer", c, "was renewed")
	}
}

// endedMeanwhile reports whether a session may have ended between the making of its access token and the look at it.
func (w *world) endedMeanwhile(v view, c *call) bool {
	return is(c.err, jot.ErrRevoked) && v.sess != nil && !w.certain(v.sess)
}

// renewed judges what the guard did with the refresh token, and reports whether there is a new access token.
func (w *world) renewed(h *holder, with *token, v view, c *call, a *answer) bool {
	if v.token == nil {
		return false
	}
	// A late answer may mix the cookies of two sessions, and so may a thief.
	must := w.required(v, c) && (with == nil || with.sess == v.sess)
	why, _ := w.forbidden(v, c)
	access, _ := w.keep(h, v.who, a)
	switch {
	case access != nil && why != "":
		w.fail("renewed, though "+why, v)
	case access != nil && (access.sess != v.sess || with != nil && with.sess != v.sess && !with.expired(c.hi)):
		w.fail("a renewal in another session", access)
	case access != nil && v.widened(access.scopes):
		w.fail("a session's scope gets wider", access, access.scopes.names(), "of", v.allowed.names())
	case access != nil:
		w.count(renewedAccess)
	case must && v.sess.end.After(c.hi) && (c.failedRenew && !c.lost || len(c.alarms) > 0):
		w.fail("a renewal refused for nothing", v)
	case c.failedRenew && why != "":
		w.count(renewalRefused)
	}
	for _, s := range c.alarms {
		w.finish(s, "reuse", c)
	}
	if wrote := c.effects[end]; !must && (wrote == done || wrote == unsure) {
		v.sess.maybe = true
	}
	return access != nil
}
