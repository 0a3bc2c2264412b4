// Command _example is a small service with log-in: run it by
//
//	go run ./_example
//
// and do what it prints. It takes its secret from JWT_SECRET_KEY and the life of its access tokens from JWT_ACCESS_TOKEN_EXPIRES,
// in whole seconds or as a Go duration such as 15m.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/go-jot/jot"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; port 0 picks a free one")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	cfg, err := configFrom(os.Getenv)
	cfg.addr = *addr
	if err == nil {
		err = run(ctx, cfg, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// config is what the environment and the flags say.
type config struct {
	addr      string
	secret    []byte
	generated bool // the secret was, so it ends with the process
	accessTTL time.Duration
	rounds    int          // of PBKDF2; tests take fewer
	options   []jot.Option // further settings; tests set the clock
}

// configFrom reads the environment. What is empty there counts as not set.
func configFrom(getenv func(name string) string) (config, error) {
	cfg := config{secret: []byte(getenv("JWT_SECRET_KEY")), accessTTL: 15 * time.Minute, rounds: 600_000}
	if len(cfg.secret) == 0 {
		cfg.secret, cfg.generated = jot.GenerateSecret(), true
	}
	if text := getenv("JWT_ACCESS_TOKEN_EXPIRES"); text != "" {
		if _, err := strconv.Atoi(text); err == nil {
			text += "s" // Flask counts in seconds
		}
		var err error
		if cfg.accessTTL, err = time.ParseDuration(text); err != nil {
			return cfg, fmt.Errorf("JWT_ACCESS_TOKEN_EXPIRES: %w", err)
		}
	}
	return cfg, nil
}

// run serves until ctx ends, and then lets the requests under way finish.
func run(ctx context.Context, cfg config, out io.Writer) error {
	handler, err := newServer(cfg)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	if cfg.generated {
		_, _ = fmt.Fprintln(out, "JWT_SECRET_KEY is not set: the secret is a new one, and all tokens end with this process.")
	}
	_, _ = fmt.Fprintf(out, welcome, "http://"+listener.Addr().String())

	// Without time limits a client that sends nothing would hold its connection for ever.
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(last)
}

const welcome = `Listening on %[1]s
Users: alice (password wonderland, scope admin) and bob (password builder). Try:

  LOGIN=$(curl -s %[1]s/login -d username=alice -d password=wonderland)
  ACCESS=$(echo "$LOGIN" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i %[1]s/protected
  curl -i %[1]s/protected -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/admin -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/sessions -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/refresh -X POST -H "Authorization: Bearer $(echo "$LOGIN" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')"
  curl -i %[1]s/logout -X DELETE -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/protected -H "Authorization: Bearer $ACCESS"
`
