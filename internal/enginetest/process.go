package enginetest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// watchdog is a shell that runs an engine until nobody holds the other end of its input any more, as when the process
// that tests has ended. Then it stops all that it has started, and removes the directory.
//
// TERM is for whatever is not the engine itself yet: what prepares it. The last argument of the two is the signal by
// which an engine stops at once.
const watchdog = `
dir=$1 signal=$2
shift 2
"$@" </dev/null >"$dir/log" 2>&1 &
engine=$!
exec 3>&-
read -r _
trap '' TERM
kill -TERM 0
kill -s "$signal" "$engine"
kill -s CONT "$engine" # a test may have stopped it
wait "$engine"
for _ in 1 2 3 4 5 6 7 8 9; do
	rm -rf "$dir" && exit
	sleep 1
done
`

// process is an engine and its watchdog.
type process struct {
	dir  string
	dog  *exec.Cmd
	hold *os.File      // the end of the watchdog's input
	died chan struct{} // closed when the engine has ended
}

// workplace makes a directory that an engine's own user may pass.
func workplace() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "jot-engine-"); err != nil {
		return "", err
	}
	if err = os.Chmod(dir, 0o711); err == nil { //nolint:gosec // for the engine's user
		dir, err = filepath.EvalSymlinks(dir)
	}
	return dir, err
}

// run starts a command in a directory, which it removes in the end, and waits until it is ready.
func run(dir, signal string, command []string, ready func() error) (*process, error) {
	p, err := watch(dir, signal, command)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		if err = ready(); err == nil {
			return p, nil
		}
		select {
		case <-p.died:
			return nil, p.failed("it has ended")
		case <-late:
			return nil, p.failed("it is not ready after a minute: " + err.Error())
		case <-tick.C:
		}
	}
}

// watch starts a watchdog and its engine. The engine alone inherits the end of a pipe, which tells when it has ended.
func watch(dir, signal string, command []string) (*process, error) {
	input, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	lives, alive, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, input.Close(), hold.Close())
	}
	args := append([]string{"-c", watchdog, "watchdog", dir, signal}, command...)
	dog := exec.Command("sh", args...) //nolint:gosec,noctx // it outlives the test
	dog.Dir, dog.Stdin, dog.ExtraFiles, dog.SysProcAttr = dir, input, []*os.File{alive}, apart()
	err = dog.Start()
	_, _ = input.Close(), alive.Close() // they are the watchdog's
	if err != nil {
		return nil, errors.Join(err, hold.Close(), lives.Close())
	}
	p := &process{dir, dog, hold, make(chan struct{})}
	go func() {
		_, _ = io.Copy(io.Discard, lives)
		_ = lives.Close()
		close(p.died)
	}()
	return p, nil
}

// end stops the engine, and waits until nothing of it is left.
func (p *process) end() {
	_ = p.hold.Close()
	_ = p.dog.Wait()
}

// failed stops the engine, and returns why, with what it has said.
func (p *process) failed(why string) error {
	log, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		log = []byte(err.Error())
	}
	p.end()
	return fmt.Errorf("%s\n%s", why, log)
}

// freePort returns a port on which nobody listens just now, and 10000 above which there is room for another.
func freePort() int {
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is ready at once
		if err != nil {
			return 0 // on which no engine starts
		}
		port := listener.Addr().(*net.TCPAddr).Port
		_ = listener.Close()
		if port < 55_000 {
			return port
		}
	}
}
