package jot

import (
	"fmt"
	"net/http"
	"slices"

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
