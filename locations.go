package jot

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jot/jot/internal/credential"
	"github.com/go-jot/jot/internal/wire"
)

// Location is a place in a request where a token travels.
type Location string

// The places. Where a manager looks is set by [WithLocations], where one route does by [Locations].
const (
	// InHeader is the Authorization header: "Authorization: Bearer <token>" (RFC 6750 section 2.1), or that of
	// [WithHeader].
	InHeader Location = "header"
	// InCookie is a cookie, one for access tokens and one for refresh tokens: see [CookieConfig].
	InCookie Location = "cookie"
	// InQuery is a parameter of the URL (RFC 6750 section 2.3): see [WithQueryParam]. URLs end up in logs and
	// histories, so refresh tokens are never taken from there; use it for short-lived tokens where nothing else can
	// be sent.
	InQuery Location = "query"
	// InBody is a member of a JSON object or a field of an urlencoded form (RFC 6750 section 2.2): see [WithBodyKeys].
	InBody Location = "body"
)

// maxTokenSize is how long a token may be. Longer ones are refused by their length alone, and not issued.
const maxTokenSize = 8 << 10

// places says where tokens are looked for, and under which names.
type places struct {
	order           []Location
	header, scheme  string
	param, prefix   string
	access, refresh names
	profile         *wire.Profile
}

// names are those of one kind of token, and of its CSRF value. Where a name is empty, the kind does not travel.
type names struct{ cookie, param, key, csrfHeader, csrfField string }

var defaultPlaces = places{
	header: "Authorization", scheme: "Bearer", param: "access_token",
	access: names{key: "access_token"}, refresh: names{key: "refresh_token"},
}

// badLocations says what is wrong with a list of places.
func badLocations(places []Location) string {
	if len(places) == 0 {
		return "name at least one"
	}
	for i, at := range places {
		if at != InHeader && at != InCookie && at != InQuery && at != InBody {
			return fmt.Sprintf("%q is no location", string(at))
		}
		if slices.Contains(places[:i], at) {
			return fmt.Sprintf("%q is there twice", string(at))
		}
	}
	return ""
}

// find looks for a token in the places, in order. The first that holds something decides.
func (p *places) find(r *http.Request, order []Location, kind names) (raw string, at Location, err error) {
	for _, at := range order {
		raw, err := p.in(r, at, kind)
		if raw != "" || err != nil {
			return raw, at, err
		}
	}
	return "", "", nil
}

// stray guesses where a token that was not found may be, for whoever sent it or forgot to; "" without a guess. It
// quotes nothing of the request. Secure says that the cookies are.
func (p *places) stray(r *http.Request, order []Location, kind names, secure bool) string {
	if r.Method == http.MethodOptions && len(r.Header["Access-Control-Request-Method"]) > 0 {
		return "a CORS preflight reached the guard: answer it in front of it"
	}
	if slices.Contains(order, InHeader) && p.scheme != "" && len(r.Header[p.header]) > 0 {
		return "the header " + p.header + " does not begin with " + p.scheme
	}
	for _, at := range []Location{InHeader, InCookie, InQuery} { // a body is not read for a guess
		if at == InCookie && kind.cookie == "" || slices.Contains(order, at) {
			continue
		}
		if raw, err := p.in(r, at, kind); raw != "" || err != nil {
			return "a token is there, in a place where this route does not look: " + string(at)
		}
	}
	if !slices.Contains(order, InCookie) {
		return ""
	}
	if raw, _ := p.in(r, InCookie, p.refresh); raw != "" {
		return "the access token's cookie has gone, the refresh token's is there: refresh"
	}
	if secure && isPlain(r) {
		return "no cookie came: browsers send Secure ones by HTTPS and to localhost only"
	}
	return ""
}

// errNoCookie is for the operator alone: most visitors to whom it happens have just not logged in.
var errNoCookie = errors.New(
	"no cookie came: a login sets it by WritePair or SetCookies, before it writes anything else")

// isPlain reports whether a browser has sent the request by plain HTTP to another machine, as far as can be seen.
func isPlain(r *http.Request) bool {
	switch proto := r.Header.Get("X-Forwarded-Proto"); {
	case r.TLS != nil || isHere((&url.URL{Host: r.Host}).Hostname()):
		return false
	case len(r.Header["Sec-Fetch-Site"]) > 0: // which browsers send by HTTPS, and to localhost
		return false
	case proto != "":
		return strings.EqualFold(proto, "http")
	}
	for _, name := range [...]string{"Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"} {
		if len(r.Header[name]) > 0 {
			return false // there is a proxy, and what the browser has spoken to it nobody says
		}
	}
	return true
}

// isHere reports whether a host is this machine, to which browsers trust plain HTTP.
func isHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

// in looks in one place. Nothing there is "" without an error.
func (p *places) in(r *http.Request, at Location, kind names) (raw string, err error) {
	switch at {
	case InHeader:
		return credential.InHeader(r.Header, p.header, p.scheme, maxTokenSize)
	case InCookie:
		return credential.InCookie(r, kind.cookie)
	case InQuery:
		if kind.param == "" {
			return "", nil
		}
		return credential.InQuery(r.URL, kind.param, p.prefix)
	case InBody:
		if raw, err = credential.InJSON(r, kind.key); raw != "" || err != nil || p.profile.NoForms {
			return raw, err
		}
		return credential.InForm(r, kind.key)
	}
	return "", nil
}
