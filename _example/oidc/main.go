// Command oidc lets users in who have signed in elsewhere, with an OpenID Connect provider: run it by
//
//	go run ./_example/oidc
//
// and open what it prints. The provider runs in the same program, on another port and another host name; the service
// knows of it what any service would. Signing in is the authorization code flow with PKCE, whose state and nonce are
// bound to the browser by a short-lived cookie. What follows is a session of jot's own: the provider's ID token is read
// once and is no access token. Its user is a row of a table, found by issuer and sub.
//
// Logging out ends the session here, and at the provider if one likes. When it ends there, the provider tells the
// service (OpenID Connect Back-Channel Logout 1.0), and the jot sessions that it has led to are over at the next
// request. To see that, log in, sign out on the provider's page, and reload.
//
// No page has a script. With -store FILE a restart logs nobody out here; the provider forgets everything. Chromium and
// Firefox take Secure cookies on http://127.0.0.1 and http://localhost.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-jot/jot/_example/oidc/provider"
)

func main() {
	cfg := config{clientID: "notebook", clientSecret: rand.Text(), now: time.Now}
	flag.StringVar(&cfg.addr, "addr", "127.0.0.1:8083", "where to listen; port 0 picks a free one")
	flag.StringVar(&cfg.provider, "provider", "localhost:8084", "where the provider listens: another host to browsers")
	flag.StringVar(&cfg.store, "store", "",
		"an SQLite `file` that keeps users and sessions over a restart, made if there is none; temporary unless set")
	flag.DurationVar(&cfg.access, "access", 15*time.Minute, "how long an access token lives")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, cfg, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// config is what the flags say, and what the service and the provider know of each other.
type config struct {
	addr, provider string
	store          string // an SQLite file, or empty for a temporary one
	access         time.Duration
	now            func() time.Time

	origin, issuer         string // the addresses of both
	clientID, clientSecret string
	http                   *http.Client // by which they speak to each other
}

// callback is where the provider leads back to, and backchannel what it tells of logouts.
const (
	callback    = "/callback"
	backchannel = "/backchannel-logout"
)

// client is how the provider knows the service.
func (cfg config) client() provider.Client {
	return provider.Client{
		ID: cfg.clientID, Secret: cfg.clientSecret, RedirectURI: cfg.origin + callback, LogoutURI: cfg.origin + "/",
		BackchannelURI: cfg.origin + backchannel,
	}
}

// run serves both until ctx ends.
func run(ctx context.Context, cfg config, out io.Writer) (err error) {
	if cfg.store == "" {
		dir, err := os.MkdirTemp("", "jot-oidc-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		cfg.store = filepath.Join(dir, "oidc.db")
	}
	db, err := openDatabase(ctx, cfg.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	service, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	defer func() { _ = service.Close() }()
	elsewhere, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.provider)
	if err != nil {
		return err
	}
	defer func() { _ = elsewhere.Close() }()
	cfg.origin, cfg.issuer = address(cfg.addr, service), address(cfg.provider, elsewhere)
	cfg.http = &http.Client{Timeout: 10 * time.Second}

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	idp, err := provider.New(provider.Config{
		Issuer: cfg.issuer, Key: key, Clients: []provider.Client{cfg.client()}, HTTP: cfg.http, Now: cfg.now,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 2)
	go func() { failed <- serve(ctx, elsewhere, idp) }() // newHandler asks it
	handler, err := newHandler(ctx, cfg, db)
	if err != nil {
		stop()
		return errors.Join(err, <-failed)
	}
	_, _ = fmt.Fprintf(out, `Listening on %s
The provider is at %s
Log in, and look at "Sessions". Then sign out on the provider's page, and reload: the session is over here too.
Do the same with two browsers, or "Sign out in all browsers".
`, cfg.origin, cfg.issuer)
	go func() { failed <- serve(ctx, service, handler) }()
	err = <-failed
	stop() // neither is of use without the other
	return errors.Join(err, <-failed)
}

// address is what others call a listener: by the host of the flag, since cookies belong to a host.
func address(flag string, l net.Listener) string {
	host, _, err := net.SplitHostPort(flag)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err != nil || host == "" {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// serve serves until ctx ends, and lets the requests under way finish.
func serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(last)
}
