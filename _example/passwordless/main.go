// Command passwordless logs in by a link in a mail, for browsers without a single script. Run it by
//
//	go run ./_example/passwordless
//
// open what it prints, and ask for a link: the mails go to the terminal. Then open the link a second time, or in
// another browser.
//
// What makes such a link safe, and where it stands:
//
//   - It holds a token of a type that no other route takes, and works once: [jot.Type] and [jot.SingleUse], link.go.
//   - Opening it changes nothing, because scanners of mails open links. It shows a button, whose POST counts.
//   - It works only in the browser that asked for it: the hash of a random cookie is a claim of the token, browser.go.
//     So a link that leaks is worth nothing, and nobody can be logged in as somebody else by a link that was sent to
//     them, nor talked into pressing the button of somebody else's login.
//   - It lasts ten minutes, and ends when the address or the password changes: a claim again.
//   - Its address stays out of Referer headers and caches. Without scripts it cannot be behind a #, where no server
//     sees it, so tell your proxy's log to leave out the query. Should it be there all the same, see above.
//   - The answer is the same for an address that nobody has, also in the time it takes, since mails are written when
//     the answer has gone; and an address gets three in ten minutes, mail.go.
//
// A password is optional. Who forgot it gets a link of the same kind to set another, which ends all sessions of the
// user and all links that are under way: reset.go.
//
// Everything is in a temporary file. With -store FILE, a restart logs nobody out. Chromium and Firefox take Secure
// cookies on http://127.0.0.1; for a browser that does not there is -insecure.
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
	ahead := flag.Duration("ahead", 0, "how far the clock is ahead, to see what becomes of a link after ten minutes")
	flag.StringVar(&cfg.addr, "addr", "127.0.0.1:8083", "where to listen; port 0 picks a free one")
	flag.StringVar(&cfg.store, "store", "",
		"an SQLite `file` that keeps everything over a restart, made if there is none; a temporary one unless set")
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
	insecure bool
	now      func() time.Time
	rounds   int       // of PBKDF2; tests take fewer
	origin   string    // what links in mails begin with
	mail     io.Writer // where mails go
}

const greeting = `Listening on %s
Ask for a link as alice@example.com or bob@example.com: the mail comes here.
Then open its link twice, or in another browser, or ask for one as mallory@example.com.
The password of alice is wonderland, that of bob is builder.
`

// run serves until ctx ends, and then lets the requests and the mails under way finish.
func run(ctx context.Context, cfg config, out io.Writer) (err error) {
	if cfg.store == "" {
		dir, err := os.MkdirTemp("", "jot-passwordless-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		cfg.store = filepath.Join(dir, "passwordless.db")
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
	// Never from the Host header, which whoever asks for a link may choose: it would lead elsewhere.
	cfg.origin, cfg.mail = "http://"+listener.Addr().String(), out
	s, err := newServer(ctx, cfg, db)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	_, _ = fmt.Fprintf(out, greeting, cfg.origin)
	defer s.post.wait()
	return site.Serve(ctx, listener, s.handler())
}
