package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// all runs the issuer and its services, each in a process of its own, until ctx ends. What ends before is started
// again, as an init system would do.
func all(ctx context.Context, cfg config, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "jot-sso-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait() // for all to end, before their files go
	defer cancel()

	to, store := &lines{to: out}, filepath.Join(dir, "sessions.db")
	start := func(name string, place int, args ...string) (*process, error) {
		port := 0
		if cfg.port != 0 {
			port = cfg.port + place
		}
		p := &process{
			name: name, out: to, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
			args: append(append(args, "-piped", "-store", store), cfg.args()...), listening: make(chan struct{}),
		}
		failed := make(chan error, 1)
		running.Go(func() { failed <- p.keep(ctx, cfg.back) })
		select {
		case err := <-failed:
			return nil, err
		case <-p.listening:
			return p, nil
		}
	}
	issuer, err := start("issuer", 0, "issuer", "-keys", filepath.Join(dir, "keys.json"))
	if err != nil {
		return err
	}
	urls := []any{"http://" + issuer.addr}
	for i, name := range services {
		p, err := start(name, i+1, "service", "-name", name, "-issuer", "http://"+issuer.addr)
		if err != nil {
			return err
		}
		urls = append(urls, "http://"+p.addr)
	}
	to.write("", fmt.Sprintf(welcome, urls...))
	<-ctx.Done()
	return nil
}

const welcome = `
Log in as alice, password wonderland, or bob, password builder, and call both services with one token:

  LOGIN=$(curl -s %[1]s/login -d username=alice -d password=wonderland)
  ACCESS=$(echo "$LOGIN" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  REFRESH=$(echo "$LOGIN" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')
  curl -i %[2]s/orders -H "Authorization: Bearer $ACCESS"
  curl -i %[3]s/invoices -H "Authorization: Bearer $ACCESS"

The keys come and go, and nobody who is logged in notices:

  curl -s %[1]s/.well-known/jwks.json

Kill the issuer (kill -9 and the number of its process), and call both as above: they go on. When it is back:

  curl -i -X POST %[1]s/refresh -H "Authorization: Bearer $REFRESH"

Log out everywhere, and neither service takes the token any more:

  curl -i -X DELETE %[1]s/sessions -H "Authorization: Bearer $ACCESS"

`

// process is this program once more.
type process struct {
	name      string
	args      []string
	out       *lines
	addr      string        // where it listens, of a free port from the first time on
	listening chan struct{} // closed when it did for the first time
	once      sync.Once
}

// keep starts the process, and again when it has ended, until ctx ends. That it never came to listen is an error.
func (p *process) keep(ctx context.Context, back time.Duration) error {
	for {
		failure := p.run(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-p.listening:
		default:
			return fmt.Errorf("%s: %w", p.name, failure)
		}
		p.out.write(p.name, fmt.Sprintf("it has ended, and is started again in %v", back))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(back):
		}
	}
}

// run runs the process once. When ctx ends, it is told by its standard input, as it is when this process is killed.
func (p *process) run(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, append(p.args, "-addr", p.addr)...) //nolint:gosec // of our own
	cmd.Stdout, cmd.Stderr = p, p
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Cancel, cmd.WaitDelay = stdin.Close, 10*time.Second
	return cmd.Run()
}

var listens = regexp.MustCompile(`(?m)^Listening on http://(\S+)`)

// Write passes on what the process says, which writes whole lines.
func (p *process) Write(text []byte) (int, error) {
	if match := listens.FindSubmatch(text); match != nil {
		p.once.Do(func() {
			p.addr = string(match[1])
			close(p.listening)
		})
	}
	for line := range bytes.Lines(text) {
		p.out.write(p.name, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return len(text), nil
}

// lines are what all say.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) write(name, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name != "" {
		text = fmt.Sprintf("%-9s %s", name+":", text)
	}
	_, _ = fmt.Fprintln(l.to, text)
}
