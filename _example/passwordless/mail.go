package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/_example/internal/site"
)

// perAddress is how many mails an address gets within the life of a link.
const perAddress = 3

// post writes mails when their requests have been answered: how long an answer takes does not tell whether there was
// one to write. In earnest it is a queue that survives a restart.
//
// Its limit is the simplest that keeps a stranger from filling somebody's letter box. In earnest count in a place that
// all processes share, count askers too, by network and with a greater limit, before anything is looked up, and let
// another way to log in remain, as the password is here: by asking often, a stranger can keep links from coming.
type post struct {
	out   io.Writer
	now   func() time.Time
	slots chan struct{} // for so many at once
	tasks sync.WaitGroup

	mu   sync.Mutex
	sent map[string][]time.Time // by the addresses of users alone, so that it grows no further
}

func newPost(out io.Writer, now func() time.Time) *post {
	return &post{out: out, now: now, slots: make(chan struct{}, 64), sent: map[string][]time.Time{}}
}

// later does a task in the background. When there is too much to do, the error is jot.ErrUnavailable.
func (p *post) later(task func()) error {
	select {
	case p.slots <- struct{}{}:
	default:
		return fmt.Errorf("%w: too many mails at once", jot.ErrUnavailable)
	}
	p.tasks.Go(func() {
		defer func() { <-p.slots }()
		task()
	})
	return nil
}

// wait waits until all tasks are done.
func (p *post) wait() { p.tasks.Wait() }

// send would send a mail, and prints it. It reports whether it was one too many.
func (p *post) send(to, text string) (tooMany bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, recent := p.now(), p.sent[to][:0]
	for _, at := range p.sent[to] {
		if now.Sub(at) < linkLife {
			recent = append(recent, at)
		}
	}
	if tooMany = len(recent) >= perAddress; !tooMany {
		recent = append(recent, now)
		_, _ = fmt.Fprintf(p.out, "Mail to %s: %s\n", to, text)
	}
	p.sent[to] = recent
	return tooMany
}

// mail mails a link to a user, to nobody if it is nil.
func (s *server) mail(ctx context.Context, l link, u *site.User, browser string) {
	if u == nil {
		return
	}
	url, err := s.to(ctx, l, u, browser)
	if err != nil {
		slog.ErrorContext(ctx, "a link was not made", "err", err)
		return
	}
	text := fmt.Sprintf("%s, within ten minutes and in the browser where you have asked for it, at %s", l.does, url)
	if s.post.send(u.Email, text) {
		slog.WarnContext(ctx, "a link was not sent: one address has had enough of them", "within", linkLife)
	}
}

// addressOf returns the address that somebody has typed, in the form in which it is kept.
func addressOf(typed string) (address string, ok bool) {
	address = strings.ToLower(strings.TrimSpace(typed))
	parsed, err := mail.ParseAddress(address)
	return address, err == nil && parsed.Address == address && len(address) <= 254
}
