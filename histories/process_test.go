//go:build unix

package histories_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProcess makes the test's own binary one of the processes that call a store: a JSON task.
const asProcess = "JOT_HISTORIES_PROCESS"

// task is what a process is for.
type task struct {
	Engine, At string
	Number     int
	File       string // of its record
	Planted    string // the fault of its store, or nothing
}

func TestMain(m *testing.M) {
	if text := os.Getenv(asProcess); text != "" {
		if err := work(text, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	debug.SetMemoryLimit(1 << 30) // the checker leaves much behind, which need not stay
	os.Exit(m.Run())
}

// What a process and the test say to each other, a line each: a round as JSON and "ready", "stop" and "done".
const (
	ready = "ready"
	stop  = "stop"
	done  = "done"
)

// work plays one round after the other, until there is nobody any more to tell of the next.
func work(text string, in io.Reader, out io.Writer) error {
	var task task
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	file, err := os.OpenFile(task.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	record := &recorder{out: file}
	reach := engineOf(task.Engine).reach
	if task.Planted != "" {
		reach = planted[task.Planted].reach
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		u := users{process: task.Number, record: record}
		record.reach()
		if err := json.Unmarshal(lines.Bytes(), &u.round); err != nil {
			return err
		}
		at, err := reachAgain(reach, task.At, task.Number)
		if err != nil {
			return err
		}
		u.store, u.tidy = at.Store, at.tidy
		fmt.Fprintln(out, ready)
		over := make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			defer close(over)
			u.run(ctx)
		}()
		lines.Scan()
		cancel()
		<-over
		at.close()
		fmt.Fprintln(out, done)
	}
	return nil
}

// process is one that calls a store.
type process struct {
	t      testing.TB
	dir    string
	task   task
	starts int
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string
	log    *bytes.Buffer
	offset int64 // of what was read of its record
	dead   bool
}

// start starts a process, or another one in its place.
func (p *process) start() {
	p.t.Helper()
	p.starts++
	p.task.File = filepath.Join(p.dir, fmt.Sprint("process ", p.task.Number, ", ", p.starts))
	p.offset = 0
	text, err := json.Marshal(p.task)
	require.NoError(p.t, err)
	p.cmd = exec.CommandContext(context.Background(), os.Args[0])
	p.cmd.Env = append(os.Environ(), asProcess+"="+string(text),
		"GORACE=atexit_sleep_ms=50 "+os.Getenv("GORACE")) // it would wait for a second
	p.log = &bytes.Buffer{}
	p.cmd.Stderr = p.log
	p.in, err = p.cmd.StdinPipe()
	require.NoError(p.t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.cmd.Start())
	lines := make(chan string)
	p.lines, p.dead = lines, false
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
}

// say tells the process something, if it lives.
func (p *process) say(line string) {
	if !p.dead {
		_, err := fmt.Fprintln(p.in, line)
		require.NoError(p.t, err)
	}
}

// hear waits until the process, if it lives, has said something.
func (p *process) hear(want string) {
	p.t.Helper()
	if p.dead {
		return
	}
	select {
	case line, ok := <-p.lines:
		if !ok || line != want {
			p.end()
			require.Fail(p.t, "it has ended", "%q instead of %q: %s", line, want, p.log)
		}
	case <-time.After(2 * patience):
		require.Fail(p.t, "it says nothing", want)
	}
}

// kill ends the process in the middle of its calls.
func (p *process) kill() {
	require.NoError(p.t, p.cmd.Process.Kill())
	p.end()
}

// end waits until the process has ended, which has nobody to listen to any more.
func (p *process) end() {
	if p.dead {
		return
	}
	p.dead = true
	_ = p.in.Close()
	for range p.lines {
	}
	_ = p.cmd.Wait()
	if strings.Contains(p.log.String(), "DATA RACE") {
		p.t.Error(p.log)
	}
}

// written is how many bytes the process has written down, since it was started.
func (p *process) written() int64 {
	p.t.Helper()
	info, err := os.Stat(p.task.File)
	require.NoError(p.t, err)
	return info.Size()
}

// read returns what the process has written down since it was asked last.
func (p *process) read() []operation {
	p.t.Helper()
	file, err := os.Open(p.task.File)
	require.NoError(p.t, err)
	defer func() { _ = file.Close() }()
	_, err = file.Seek(p.offset, io.SeekStart)
	require.NoError(p.t, err)
	operations, n, err := read(file, 100*p.task.Number+10*(p.starts%10))
	require.NoError(p.t, err)
	p.offset += n
	return operations
}
