package remotekeys

import (
	"net/http"
	"time"
)

// Option is a setting of [New].
type Option func(*follower)

// WithInterval sets how long to wait between two requests, whatever the issuer's Cache-Control says. For an issuer
// that says nothing sensible: a key that it has withdrawn is accepted here for that long.
func WithInterval(d time.Duration) Option { return func(f *follower) { f.interval = d } }

// WithClient sets the client that asks the issuer, for its transport: a proxy, a certificate authority of your own.
// [http.DefaultTransport] is used unless set. The client is copied, and what it says of redirects is not followed.
func WithClient(c *http.Client) Option { return func(f *follower) { f.client = c } }

// WithLateKeys lets [New] succeed although the issuer did not answer: for services that start together with it. All
// tokens are refused with [jot.ErrUnavailable], 503, until the keys are there.
func WithLateKeys() Option { return func(f *follower) { f.late = true } }

// WithErrorHandler sets what is told of each request that failed, in place of [slog.Default]: for metrics, and for
// alarms after a while. An error names the URL without user, password and query. f is called by the goroutine that
// fetches, which waits for it.
func WithErrorHandler(f func(err error)) Option { return func(to *follower) { to.report = f } }

// InsecureHTTP allows a URL without TLS on another host than this one: only for where nobody else can be on the way,
// such as a private network of containers. Whoever is can put a key of their own into the answer, and log in as
// anybody.
func InsecureHTTP() Option { return func(f *follower) { f.insecure = true } }
