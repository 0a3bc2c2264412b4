package jot_test

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// A Domain that net/http leaves out, with a line in the log, or that no browser takes, would make cookies of one host
// out of those of many, or none at all.
func TestCookieDomains(t *testing.T) {
	label := strings.Repeat("x", 63)
	for _, tc := range []struct{ domain, wrong string }{
		{"example.com", ""},
		{"EXAMPLE.com", ""},
		{"a-b.example.com", ""},
		{"1.example.com", ""},
		{"1x.2y", ""},
		{"xn--mnchen-3ya.example", ""},
		{label + ".example", ""},
		{"1.2.3.4", "no name but an address"},
		{"127.0.0.1", "no name but an address"},
		{"1.2.3", "nothing but numbers"},
		{"1234", "nothing but numbers"},
		{"example.1", "its last part is a number, as an address has it"},
		{".example.com", "a leading dot"},
		{".", "a dot alone"},
		{"example..com", "two dots"},
		{"example.com.", "a dot at its end"},
		{"-a.example", "a hyphen before a part"},
		{"a.-b.example", "a hyphen before a part"},
		{"a-.example", "a hyphen behind a part"},
		{"a.example-", "a hyphen behind a part"},
		{"-", "a hyphen alone"},
		{"exa_mple.com", "an underscore"},
		{"münchen.example", "not ASCII"},
		{label + "x.example", "a part of 64 bytes"},
		{"example." + label + "x", "a part of 64 bytes"},
		{strings.Repeat(label+".", 4) + "x", "257 bytes"},
		{"localhost", "one label"},
		{"com", "one label"},
	} {
		former := []jot.FormerCookie{{Name: "old", Domain: tc.domain}}
		_, err := jot.New(jot.HS256(secret), jot.WithCookies(jot.CookieConfig{Domain: tc.domain}))
		_, formerErr := jot.New(jot.HS256(secret), jot.WithCookies(jot.CookieConfig{Former: former}))
		if tc.wrong == "" {
			require.NoError(t, err, tc.domain)
			require.NoError(t, formerErr, tc.domain)
			continue
		}
		require.Error(t, err, "%q has %s", tc.domain, tc.wrong)
		want := "is no domain"
		if tc.wrong == "one label" { // which a cookie may have
			want = "has no dot: browsers send its cookies to that very host, if at all: leave Domain empty"
			require.NoError(t, formerErr)
		}
		require.ErrorContains(t, err, want)
		line := (&http.Cookie{Name: "old", Domain: tc.domain}).String()
		if !strings.Contains(line, "Domain") {
			require.Error(t, formerErr, "%q has %s, and clears nothing", tc.domain, tc.wrong)
			require.ErrorContains(t, formerErr, `the former cookie "old" cannot have been one`)
		}
	}
}

// A path is part of what a cookie is: when RefreshPath comes or goes, two cookies of one name meet, and the older has
// to be cleared. The very cookie that is set now is no former one.
func TestFormerCookieOfAnotherPath(t *testing.T) {
	const setNow = "is one that is set now"
	names := jot.CookieConfig{AccessName: "access", RefreshName: "refresh", RefreshCSRFName: "csrf"}
	under := func(path string) jot.CookieConfig {
		names.RefreshPath = path
		return names
	}
	for _, tc := range []struct {
		name   string
		now    jot.CookieConfig
		former jot.FormerCookie
		wrong  string
	}{
		{"it had no path before", under("/auth"), jot.FormerCookie{Name: "refresh"}, ""},
		{"it had the path / before", under("/auth"), jot.FormerCookie{Name: "refresh", Path: "/"}, ""},
		{"it had another path before", under("/auth"), jot.FormerCookie{Name: "refresh", Path: "/old"}, ""},
		{"it had a path before", under(""), jot.FormerCookie{Name: "refresh", Path: "/auth"}, ""},
		{"it has this path", under("/auth"), jot.FormerCookie{Name: "refresh", Path: "/auth"}, setNow},
		{"it has no path", under(""), jot.FormerCookie{Name: "refresh", Path: "/"}, setNow},
		{"the others have the path /", under("/auth"), jot.FormerCookie{Name: "access"}, setNow},
		{"the others had a path", under("/auth"), jot.FormerCookie{Name: "access", Path: "/auth"}, ""},
		{"its CSRF value has the path /", under("/auth"), jot.FormerCookie{Name: "csrf"}, setNow},
		{"its CSRF value had a path", under("/auth"), jot.FormerCookie{Name: "csrf", Path: "/auth"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.now.Former = []jot.FormerCookie{tc.former}
			m, err := jot.New(jot.HS256(secret), jot.WithCookies(tc.now), at(now))
			if tc.wrong != "" {
				require.ErrorContains(t, err, tc.wrong)
				return
			}
			require.NoError(t, err)
			path := cmp.Or(tc.former.Path, "/")
			set, cleared := httptest.NewRecorder(), httptest.NewRecorder()
			require.NoError(t, m.SetCookies(set, pair(t, m)))
			m.UnsetCookies(cleared)
			for _, w := range []*httptest.ResponseRecorder{set, cleared} {
				require.Len(t, w.Result().Cookies(), 5, "the four, and the former one")
				gone := slices.ContainsFunc(w.Result().Cookies(), func(c *http.Cookie) bool {
					return c.Name == tc.former.Name && c.Path == path && c.MaxAge < 0
				})
				require.True(t, gone, "the former one is cleared by its own path")
			}
		})
	}
}

// What may be meant, but is mostly a mistake, is a line in the log at start-up.
func TestCookieWarnings(t *testing.T) {
	none := jot.CookieConfig{SameSite: http.SameSiteNoneMode}
	embedded := none
	embedded.Partitioned = true
	for _, tc := range []struct {
		config jot.CookieConfig
		warns  string
	}{
		{jot.CookieConfig{}, ""},
		{jot.CookieConfig{Insecure: true}, "cookies are Insecure"},
		{none, "SameSite=None and without Partitioned"},
		{embedded, ""},
	} {
		out := logged(t)
		_, err := jot.New(jot.HS256(secret), jot.WithCookies(tc.config))
		require.NoError(t, err)
		require.Contains(t, out.String(), tc.warns)
		require.Equal(t, tc.warns == "", out.Len() == 0, out.String())
	}
}
