// Command sso is one login for several services, each a process of its own: run it by
//
//	go run ./_example/sso
//
// and do what it prints. The issuer logs users in, and publishes its keys at a URL. The services orders and invoices
// share two things with it: that URL, which they follow by package remotekeys, and an SQLite file, which tells them of
// logouts. They know no secret, so whoever breaks into one of them can issue nothing.
//
// The issuer replaces its key while it serves, by what stands in rotation.go, every few minutes here so that there is
// something to see. Kill it, and the others go on with the tokens that are there; its keys and sessions are in files,
// so that everything is as it was when it is back.
//
// Without a word the program starts the three, and again what has ended. They are
//
//	sso issuer  -addr 127.0.0.1:8090 -keys keys.json -store sessions.db
//	sso service -addr 127.0.0.1:8091 -name orders -issuer http://127.0.0.1:8090 -store sessions.db
//
// On hosts of their own, the issuer's URL is HTTPS, which remotekeys asks for, and the file is a PostgreSQL database.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := command(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	addr   string // where to listen
	name   string // of a service
	issuer string // its URL
	keys   string // the file of the issuer's keys
	store  string // the file of sessions
	port   int    // of the issuer, where all three are started
	back   time.Duration
	piped  bool
	times
}

// times are how long things last. All processes are told the same.
type times struct {
	access, leeway        time.Duration // of tokens
	refetch, rotate, keep time.Duration // of keys
}

// args are the flags that say the same.
func (t times) args() []string {
	return []string{
		"-access", t.access.String(), "-leeway", t.leeway.String(),
		"-refetch", t.refetch.String(), "-rotate", t.rotate.String(), "-keep", t.keep.String(),
	}
}

// command does what the first word says, until ctx ends.
func command(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	verb := "all"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	var cfg config
	flags := flag.NewFlagSet("sso [issuer|service]", flag.ContinueOnError)
	flags.StringVar(&cfg.addr, "addr", "127.0.0.1:0", "where to listen; port 0 picks a free one")
	flags.StringVar(&cfg.name, "name", "orders", "of the service, which is the audience of its tokens")
	flags.StringVar(&cfg.issuer, "issuer", "http://127.0.0.1:8090", "the `URL` of the issuer")
	flags.StringVar(&cfg.keys, "keys", "keys.json", "the `file` that keeps the issuer's keys, made if there is none")
	flags.StringVar(&cfg.store, "store", "sessions.db", "the SQLite `file` of sessions, made if there is none")
	flags.IntVar(&cfg.port, "port", 8090, "of the issuer, if all are started, the services have the next; 0 picks any")
	flags.DurationVar(&cfg.back, "back", 20*time.Second, "after how long a process that has ended is started again")
	flags.BoolVar(&cfg.piped, "piped", false, "end when standard input does, so as not to outlive who started this")
	flags.DurationVar(&cfg.access, "access", 5*time.Minute, "how long an access token lives")
	flags.DurationVar(&cfg.leeway, "leeway", 30*time.Second, "how far clocks may differ")
	flags.DurationVar(&cfg.refetch, "refetch", 5*time.Second, "how often the services ask for the issuer's keys")
	flags.DurationVar(&cfg.rotate, "rotate", time.Minute, "how long a key signs alone before the next one is published")
	flags.DurationVar(&cfg.keep, "keep", 0,
		"how long a former key verifies, of a leaked one shorter; 0 is as long as there are tokens of it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if cfg.keep == 0 {
		cfg.keep = cfg.access + cfg.leeway
	}
	if cfg.piped {
		piped, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() { _, _ = io.Copy(io.Discard, in); cancel() }()
		ctx = piped
	}
	switch verb {
	case "all":
		if err := all(ctx, cfg, out); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	case "issuer":
		return issuer(ctx, cfg, out)
	case "service":
		return service(ctx, cfg, out)
	}
	return fmt.Errorf("%q is neither issuer nor service", verb)
}

// serve serves until ctx ends, and then lets the requests under way finish.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, out io.Writer) error {
	_, _ = fmt.Fprintf(out, "Listening on http://%s as process %d\n", listener.Addr(), os.Getpid())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(last); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}
