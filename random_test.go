package jot_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
	"github.com/go-jot/jot/memstore"
)

// chance draws what a request is made of.
type chance struct{ *rand.Rand }

func (c chance) of(choices ...string) string { return choices[c.IntN(len(choices))] }

// oneIn is true once in n times.
func (c chance) oneIn(n int) bool { return c.IntN(n) == 0 }

// stranger sends requests to a world, as programs and pages may, good and bad.
type stranger struct {
	*world
	chance

	good, bad, values []string
}

// newStranger knows the tokens of two logins, their CSRF values, and some that are none.
func newStranger(t *testing.T, c chance, w *world) *stranger {
	w.now = now
	a, b := w.login(t), w.login(t)
	s := &stranger{world: w, chance: c}
	s.good = []string{a.AccessToken, a.RefreshToken, b.AccessToken, b.RefreshToken}
	s.bad = []string{
		"", "x", "a.b.c", a.AccessToken[:20], `"` + a.AccessToken + `"`, strings.Repeat("a", 9000),
		forge(t, ourHeader, with(`"csrf":"v"`)), forge(t, ourHeader, `{"sub":"alice","exp":1893456900,"csrf":"v"}`),
	}
	s.values = []string{"", "v", a.CSRFToken, a.CSRFToken, a.RefreshCSRFToken, a.RefreshCSRFToken, b.CSRFToken}
	const quarter = 14 * time.Minute
	ages := []time.Duration{0, 0, quarter, quarter, time.Hour, 91 * 24 * time.Hour, -time.Hour}
	w.now = now.Add(ages[c.IntN(len(ages))])
	w.kinds()
	return s
}

func (s *stranger) token() string { return s.of(s.of(s.good...), s.of(s.bad...)) }

func (s *stranger) value() string { return s.of(s.values...) }

// fields are tokens and a value, under names that mean something, joined as a kind of text has them.
func (s *stranger) fields(format, between string) string {
	var fields []string
	for range s.IntN(4) {
		name := s.of("access_token", "refresh_token", "csrf", "other")
		fields = append(fields, fmt.Sprintf(format, name, s.of(s.token(), s.value())))
	}
	return strings.Join(fields, between)
}

// jar is the cookies of a login, or of two.
func (s *stranger) jar() string {
	prefix := s.of("__Host-", "__Host-", "")
	refresh := s.of(s.good[1], s.good[1], s.good[3])
	return prefix + "access_token=" + s.good[0] + "; " + prefix + "refresh_token=" + refresh
}

func (s *stranger) body(r *http.Request) {
	switch s.IntN(6) {
	case 0:
		setBody("application/json", "{"+s.fields("%q:%q", ",")+"}")(r)
	case 1:
		setBody(urlencoded, s.fields("%s=%s", "&"))(r)
	case 2:
		setBody(withFiles, part("csrf", s.value())+s.of(lastPart, "", filePart("f", "x")))(r)
	case 3:
		kind := s.of("application/json", "application/x+json", urlencoded, withFiles, "multipart/form-data", ";", "")
		long := strings.Repeat("a", 70000)
		setBody(kind, s.of("{", "[]", "null", strings.Repeat("[", 100), `{"access_token":1}`, long))(r)
	}
}

// request is any request, and whether it is another origin's page that sends it.
func (s *stranger) request() (r *http.Request, foreign bool) {
	r = posted("https://app.example/")
	r.URL.RawQuery = s.of("", "", "", "access_token="+s.token(), s.fields("%s=%s", "&"))
	s.body(r)
	r.Method = s.of("POST", "POST", "POST", "GET", "GET", "HEAD", "OPTIONS", "DELETE", "CONNECT", "post", "FROB")
	for range s.IntN(2) + s.IntN(2) {
		cookies := s.of(s.jar(), s.jar(), s.fields("%s=%s", "; "), s.fields("__Host-%s=%s", ";"), ";;; =", "a")
		r.Header.Add("Cookie", cookies)
	}
	for range s.IntN(2) * s.IntN(3) {
		r.Header.Add("Authorization", s.of("Bearer ", "Bearer ", "bearer  ", "Basic ", "", "Bearer")+s.token())
	}
	for range s.IntN(3) {
		r.Header.Add("X-Csrf-Token", s.value())
	}
	if s.oneIn(6) {
		r.Header.Set("Upgrade", "websocket")
	}
	switch s.IntN(5) {
	case 0:
		r.Header.Set("Sec-Fetch-Site", s.of("cross-site", "same-site"))
		return r, true
	case 1:
		r.Header.Set("Origin", s.of("https://evil.example", "null"))
		return r, true
	case 2:
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r, false
}

// page is a handler that may call a verb, and passes its error on.
func (s *stranger) page() http.Handler {
	verb := s.IntN(4)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(nil)
		switch verb {
		case 0:
			err = s.Logout(w, r)
		case 1:
			_, err = s.Refresh(w, r)
		}
		if err != nil {
			s.WriteError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// handler is one of the ways in which a site may ask for tokens. A verb touches cookies, a guard may.
func (s *stranger) handler(others func(http.Handler) http.Handler) (name string, h http.Handler) {
	optional, either := s.Required(jot.Optional()), s.Required(jot.AccessOrRefresh())
	elsewhere := s.Required(jot.Optional(), jot.Locations(jot.InHeader, jot.InBody))
	away := s.Required(jot.Optional(), jot.Except("/public/"))
	fresh, unasked := s.Required(jot.Optional(), jot.Fresh()), s.Required(jot.InsecureSkipRevocation())
	switch s.IntN(8) {
	case 0:
		return "logout", s.LogoutHandler()
	case 1:
		return "refresh", s.RefreshHandler()
	case 2:
		return "a guard", s.Required()(s.page())
	case 3:
		return "optional, either type", optional(either(s.page()))
	case 4:
		return "refresh, elsewhere", s.Required(jot.Refresh())(elsewhere(s.page()))
	case 5:
		return "away, another manager's, fresh", away(others(fresh(s.page())))
	case 6:
		return "unasked, either type", unasked(either(s.page()))
	}
	return "once", s.Required(jot.SingleUse())(s.page())
}

// Whatever a request says: nothing panics or is a 500, each refusal is told once, and no other origin's page touches
// the cookies. JOT_SEED plays the requests of a failure again.
func TestRandomRequests(t *testing.T) {
	silence(t)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("JOT_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("JOT_SEED=%d", seed)
	c := chance{rand.New(rand.NewPCG(seed, 0))}
	places := []jot.Location{jot.InCookie, jot.InHeader, jot.InQuery, jot.InBody}
	cookies, sliding := jot.WithCookies(jot.CookieConfig{CSRFField: "csrf"}), jot.WithSlidingSessions()
	likeFlask := flask.Options(flask.Config{
		TokenLocation: flask.List{"headers", "cookies", "json", "query_string"}, CSRFCheckForm: true,
		AccessCookieName: "access_token", RefreshCookieName: "refresh_token", QueryStringName: "access_token",
	})
	flasks := newWorld(t, likeFlask) // knows no origins
	worlds := []*world{
		newWorld(t, cookies, sliding, jot.WithLocations(places...)),
		newWorld(t, cookies, jot.WithLocations(jot.InBody, jot.InQuery, jot.InHeader, jot.InCookie)),
		newWorld(t, cookies, sliding, jot.WithRotationGrace(0)),
		newWorldOver(t, memstore.New(memstore.Since(time.Time{})), cookies, jot.WithLocations(places...)),
		flasks,
		newWorld(t),
	}
	others := newManager(t, jot.WithHeader("X-Other", "")).Required(jot.Optional())
	seen := map[string]int{}
	for deadline, n := time.Now().Add(250*time.Millisecond), 0; n < 100 || time.Now().Before(deadline); n++ {
		s := newStranger(t, c, worlds[n%len(worlds)])
		r, foreign := s.request()
		name, handler := s.handler(others)
		text := fmt.Sprintf("seed %d, request %d to %s: %s %s %v", seed, n, name, r.Method, r.URL, r.Header)
		got := &answer{ResponseRecorder: httptest.NewRecorder()}
		require.Empty(t, panicOf(func() { handler.ServeHTTP(got, r) }), text)
		seen[strconv.Itoa(got.Code)]++
		require.NotEqual(t, 500, got.Code, text)
		refusals := 0
		if got.Code >= 400 {
			refusals = 1
		}
		require.Len(t, s.refusals(), refusals, text)
		kinds := s.kinds()
		for _, kind := range kinds {
			seen[string(kind)]++
		}
		if foreign && s.world != flasks && !slices.Contains(kinds, jot.EventRenewed) { // by a link, say
			require.Empty(t, lines(got), text)
		}
	}
	require.GreaterOrEqual(t, len(seen), 5, "hardly anything happened: %v", seen)
}
