package remotekeys

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-jot/jot"
)

const (
	usual    = 5 * time.Minute  // between two requests, for an issuer that says nothing
	least    = time.Minute      // … and within these bounds for one that does
	most     = time.Hour        //
	cooldown = 10 * time.Second // after a failure, and between two requests for unknown keys
	timeout  = 5 * time.Second  // of a request as a whole
	patience = 2 * time.Second  // of a token that waits for one
)

// pairs are the algorithms of key pairs, the only ones whose keys can be published.
var pairs = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// follower keeps the latest set of an issuer. One goroutine fetches, so that no older answer replaces a newer one.
type follower struct {
	ctx  context.Context
	url  string
	name string // the URL as it may be shown
	algs []string

	client   *http.Client
	interval time.Duration
	late     bool
	insecure bool
	report   func(err error)

	keys atomic.Pointer[keys] // nil until the set was loaded

	wanted  chan chan struct{} // to the goroutine: fetch, and close this
	mu      sync.Mutex         // of what follows
	askedAt time.Time
	asked   chan struct{}
}

// name is how a token names a key. An id alone would let it choose among keys of several algorithms.
type name struct{ alg, kid string }

type keys map[name]crypto.PublicKey

// New returns the keys that an issuer publishes at a URL, for [jot.New]. They only verify, and only by the algorithms
// named, which are those of [jot.PublicKey]. A key without "alg" is taken for the first of them that it is fit for.
//
// The set is loaded before New returns, which fails if it cannot be, within 5 seconds, unless [WithLateKeys] says
// otherwise. It is followed until ctx ends, the service's own; what was known then goes on verifying, so a ctx with a
// deadline is an error.
//
// The URL is HTTPS, or leads to this machine (localhost, 127.0.0.1), or see [InsecureHTTP]. Redirects are followed to
// the same scheme and host alone, and an answer has at most 512 KiB.
//
// A token with an unknown key is refused as [jot.ErrInvalid], and as [jot.ErrUnavailable] where no set was loaded yet.
// Always give [jot.New] the issuer's name and your own (jot.WithIssuer, jot.WithAudience): an issuer signs for others
// too.
func New(ctx context.Context, url string, algs []string, opts ...Option) (jot.KeySource, error) {
	f := &follower{ctx: ctx, url: url, algs: slices.Clone(algs), report: warn, wanted: make(chan chan struct{}, 1)}
	for _, option := range opts {
		option(f)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("remotekeys: %w", err)
	}
	wait, err := f.load()
	switch {
	case err != nil && !f.late:
		return nil, err
	case err != nil:
		f.report(err)
	}
	go f.follow(wait)
	return jot.Keyfunc(f.key, f.algs...), nil
}

func warn(err error) { slog.Warn("jot: the keys of an issuer cannot be fetched", "error", err) }

// check reports every mistake of the caller, and completes what is right.
func (f *follower) check() error {
	var errs []error
	parsed, err := url.Parse(f.url)
	switch {
	case err != nil || parsed.Host == "":
		// What url says of it quotes it, and perhaps a password.
		errs = append(errs, errors.New("the URL cannot be read"))
	case parsed.Scheme == "https":
	case parsed.Scheme != "http":
		errs = append(errs, fmt.Errorf("the URL is %q, not https", parsed.Scheme))
	case !f.insecure && !local(parsed.Hostname()):
		errs = append(errs, errors.New("without https others can put keys of theirs into the answer: see InsecureHTTP"))
	}
	if _, ends := f.ctx.Deadline(); ends {
		errs = append(errs, errors.New("ctx has a deadline, after which no key would be learnt or forgotten any more: "+
			"give it the service's context, not one of its start"))
	}
	if len(f.algs) == 0 {
		errs = append(errs, errors.New("name the algorithms to accept"))
	}
	for _, alg := range f.algs {
		if !slices.Contains(pairs, alg) {
			errs = append(errs, fmt.Errorf("%q is no algorithm of key pairs: want %v", alg, pairs))
		}
	}
	if f.interval < 0 {
		errs = append(errs, fmt.Errorf("WithInterval: %v is negative", f.interval))
	}
	if f.report == nil {
		errs = append(errs, errors.New("WithErrorHandler: the function is nil"))
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	shown := url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}
	f.name = shown.String()
	client := http.Client{}
	if f.client != nil {
		client = *f.client
	}
	client.CheckRedirect = stay
	f.client = &client
	return nil
}

// local reports whether a host is this machine, so that nobody is on the way.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// follow fetches the set whenever it is time, or when somebody wants it, until the context ends.
func (f *follower) follow(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		var done chan struct{}
		select {
		case <-f.ctx.Done():
			return
		case <-timer.C:
		case done = <-f.wanted:
		}
		wait, err := f.load()
		if done != nil {
			close(done)
		}
		if err != nil && f.ctx.Err() == nil {
			f.report(err)
		}
		timer.Reset(wait)
	}
}

// load takes the issuer's set in the place of the one before, which stays if there is no new one. It returns when to
// come again.
func (f *follower) load() (wait time.Duration, err error) {
	body, wait, err := f.fetch()
	if err == nil {
		var found keys
		if found, err = f.parse(body); found != nil {
			f.keys.Store(&found)
		}
	}
	if err != nil {
		wait, err = cooldown, fmt.Errorf("remotekeys: %s: %w", f.name, err)
	}
	if f.interval > 0 && (err == nil || f.interval < wait) {
		wait = f.interval
	}
	return wait, err
}

// key is the key function: it returns the key that a token names.
func (f *follower) key(t *jwt.Token) (any, error) {
	alg, _ := t.Header["alg"].(string)
	kid, _ := t.Header["kid"].(string)
	wanted := name{alg, kid}
	if key, ok := f.known()[wanted]; ok {
		return key, nil
	}
	f.ask()
	known := f.known()
	if key, ok := known[wanted]; ok {
		return key, nil
	}
	if known == nil {
		return nil, fmt.Errorf("%w: the keys of %s were not loaded yet", jot.ErrUnavailable, f.name)
	}
	return nil, fmt.Errorf("%s has no %s key with the id %.80q", f.name, alg, kid)
}

func (f *follower) known() keys {
	if known := f.keys.Load(); known != nil {
		return *known
	}
	return nil
}

// ask has the set fetched for a key that is not known, and waits for that, but not for long. The next who ask share
// the same request, and whoever asks after it and before the cooldown is over gets none.
func (f *follower) ask() {
	f.mu.Lock()
	if now := time.Now(); f.asked == nil || now.Sub(f.askedAt) >= cooldown {
		done := make(chan struct{})
		select {
		case f.wanted <- done:
			f.askedAt, f.asked = now, done
		default: // the goroutine is still at the one before
		}
	}
	asked := f.asked
	f.mu.Unlock()
	select {
	case <-asked:
	case <-time.After(patience):
	case <-f.ctx.Done():
	}
}
