// Command _example is a small service with login: run it by
//
//	go run ./_example
//
// and do what it prints. It takes its secret from JWT_SECRET_KEY and the life of its access tokens from
// JWT_ACCESS_TOKEN_EXPIRES, in whole seconds or as a Go duration such as 15m. It keeps sessions in memory, so that a
// restart logs everybody out; with
//
//	go run ./_example -store sessions.db
//
// it keeps them in an SQLite file, and everybody stays logged in. Several of it, on any number of machines, are one
// service if they share the secret and a Redis server:
//
//	JWT_SECRET_KEY=$(openssl rand -base64 48) go run ./_example -store redis://127.0.0.1:6379
//
// With -replica each of them answers for most access tokens from memory.
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
	"strconv"
	"syscall"
	"time"

	"github.com/go-jot/jot"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; port 0 picks a free one")
	store := flag.String("store", "",
		"an SQLite `file` that keeps sessions over a restart, made if there is none, "+
			"or a server, redis://127.0.0.1:6379; memory unless set")
	replica := flag.Bool("replica", false, "with a Redis server: answer for most access tokens from memory")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	cfg, err := configFrom(os.Getenv, *store)
	cfg.addr, cfg.replica = *addr, *replica
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
	store     string // an SQLite file, a server, or empty for memory
	replica   bool   // of the server
	secret    []byte
	secretIn  string // the file that keeps the secret, if one does
	generated bool   // the secret was, so it ends with the process
	accessTTL time.Duration
	rounds    int          // of PBKDF2; tests take fewer
	options   []jot.Option // further settings; tests set the clock
}

// configFrom reads the environment. What is empty there counts as not set.
func configFrom(getenv func(name string) string, store string) (config, error) {
	cfg := config{store: store, secret: []byte(getenv("JWT_SECRET_KEY")), accessTTL: 15 * time.Minute, rounds: 600_000}
	switch {
	case len(cfg.secret) > 0:
	case isRedis(store):
		return cfg, errors.New("JWT_SECRET_KEY is not set: all processes with the same sessions need the same secret")
	case store != "":
		var err error
		cfg.secretIn = store + ".secret"
		if cfg.secret, err = keptSecret(cfg.secretIn); err != nil {
			return cfg, err
		}
	default:
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
func run(ctx context.Context, cfg config, out io.Writer) (err error) {
	store, closeStore, err := openStore(ctx, cfg.store, cfg.replica)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	handler, err := newServer(cfg, store)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	switch {
	case cfg.generated:
		_, _ = fmt.Fprintln(out,
			"JWT_SECRET_KEY is not set: the secret is a new one, and all tokens end with this process.")
	case cfg.secretIn != "":
		_, _ = fmt.Fprintf(out,
			"JWT_SECRET_KEY is not set: the secret is kept in %s, for everybody who can read it.\n", cfg.secretIn)
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
  REFRESH=$(echo "$LOGIN" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')
  curl -i %[1]s/protected
  curl -i %[1]s/protected -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/admin -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/sessions -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/refresh -X POST -H "Authorization: Bearer $REFRESH"
  curl -i %[1]s/logout -X DELETE -H "Authorization: Bearer $ACCESS"
  curl -i %[1]s/protected -H "Authorization: Bearer $ACCESS"
`
