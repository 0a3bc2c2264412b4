// Command web is a notebook for browsers without a single script: run it by
//
//	go run ./_example/web
//
// and open what it prints. All pages are made by html/template, and all changes are forms. The access token slides, so
// that nobody is logged out while reading, and who comes back after hours finds what was typed. With
//
//	go run ./_example/web -store web.db
//
// a restart logs nobody out; without it everything is in a temporary file. A reset of a password "mails" its link to
// the terminal. Chromium and Firefox take Secure cookies on http://127.0.0.1; for a browser that does not there is
// -insecure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-jot/jot/_example/internal/site"
)

func main() {
	cfg := config{rounds: 600_000}
	ahead := flag.Duration("ahead", 0, "how far the clock is ahead, to see what becomes of a session after hours")
	flag.StringVar(&cfg.addr, "addr", "127.0.0.1:8082", "where to listen; port 0 picks a free one")
	flag.StringVar(&cfg.store, "store", "",
		"an SQLite `file` that keeps everything over a restart, made if there is none; a temporary one unless set")
	flag.DurationVar(&cfg.access, "access", 15*time.Minute, "how long an access token lives")
	flag.BoolVar(&cfg.insecure, "insecure", false, "cookies without Secure, for a browser that wants HTTPS for them")
	flag.Parse()
	cfg.now = func() time.Time { return time.Now().Add(*ahead) }
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, cfg, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// config is what the flags say.
type config struct {
	addr     string
	store    string // an SQLite file, or empty for a temporary one
	access   time.Duration
	insecure bool
	now      func() time.Time
	rounds   int       // of PBKDF2; tests take fewer
	origin   string    // what links in mails begin with
	mail     io.Writer // where mails go
}

// run serves until ctx ends, and then lets the requests under way finish.
func run(ctx context.Context, cfg config, out io.Writer) (err error) {
	if cfg.store == "" {
		dir, err := os.MkdirTemp("", "jot-web-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		cfg.store = filepath.Join(dir, "web.db")
	}
	db, err := site.OpenDatabase(ctx, cfg.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	// Never from the Host header, which whoever asks for a reset may choose: the link would lead elsewhere.
	cfg.origin, cfg.mail = "http://"+listener.Addr().String(), out
	handler, err := newHandler(ctx, cfg, db)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	_, _ = fmt.Fprintf(out, "Listening on %s\nLog in as alice, password wonderland, or bob, password builder.\n",
		cfg.origin)
	return site.Serve(ctx, listener, handler)
}
