//go:build unix

package histories_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
)

const (
	processes = 3
	clients   = 2  // of a process
	subjects  = 3  // of a round
	calls     = 25 // of a client about a subject
)

// undecidedAfter is how long the checker may take for the history of one subject.
const undecidedAfter = 20 * time.Second

// duration is how long histories are recorded: HISTORIES_FOR, or what CI has time for.
func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("HISTORIES_FOR")
	if text == "" {
		return 15 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// Whatever happens to an engine whose disk keeps what it has acknowledged, all that three processes hear of it is what
// one store would say that carries out one call after the other.
func TestLinearizable(t *testing.T) {
	for name, start := range map[string]func(*testing.T) engine{
		"Redis": durableRedis, "PostgreSQL": durablePostgres, "MariaDB": durableMariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(t, start(t), "")
			for began := time.Now(); time.Since(began) < duration(t); {
				happens := []func(){r.quiet, r.stall, r.kill}
				if r.engine.tellsEarly {
					happens = happens[:2]
				}
				bad := r.round(happens[r.rounds%len(happens)])
				if bad != nil {
					require.FailNow(t, "not linearizable", "%v\n%v", r, bad.shrink())
				}
			}
			t.Log(r)
			require.Zero(t, r.undecided)
			require.NotZero(t, r.stalls*r.failed)
			require.Equal(t, r.engine.tellsEarly, r.kills == 0)
		})
	}
}

// recorder starts workers, and does to their engine what happens to engines.
type recorder struct {
	t       *testing.T
	engine  engine
	workers []*process
	took    time.Duration // by a round in which nothing happens

	rounds, operations, failed, kills, stalls, judged, undecided int
	worst                                                        time.Duration
}

// process is a worker, and what is read of it.
type process struct {
	rounds  io.WriteCloser
	said    *bufio.Reader
	history *bufio.Reader
}

func newRecorder(t *testing.T, e engine, fault string) *recorder {
	t.Helper()
	r := &recorder{t: t, engine: e, took: time.Second}
	self, err := os.Executable()
	require.NoError(t, err)
	for i := range processes {
		a := assignment{
			Number: i, Clients: clients, Store: e.store, At: e.at, Fault: fault,
			Ahead: time.Duration(i-1) * 1500 * time.Millisecond,
			File:  filepath.Join(t.TempDir(), fmt.Sprintf("%d.jsonl", i)), Seed: rand.Uint64(),
		}
		r.workers = append(r.workers, startProcess(t, self, a))
	}
	return r
}

func startProcess(t *testing.T, self string, a assignment) *process {
	t.Helper()
	text, err := json.Marshal(a)
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run=^TestWorker$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), workerEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	p := &process{}
	p.rounds, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p.said = bufio.NewReader(out)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = p.rounds.Close()
		_, _ = io.Copy(io.Discard, p.said)
		_ = cmd.Wait()
	})
	p.expect(t, "ready")
	file, err := os.Open(a.File)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	p.history = bufio.NewReader(file)
	return p
}

// expect waits until a worker says something.
func (p *process) expect(t *testing.T, what string) {
	t.Helper()
	var all strings.Builder
	for {
		line, err := p.said.ReadString('\n')
		all.WriteString(line)
		require.NoError(t, err, "a worker ends:\n%s", &all)
		if line == what+"\n" {
			return
		}
	}
}

// read reads what a worker has written since.
func (p *process) read(t *testing.T) (list []*operation) {
	t.Helper()
	for {
		line, err := p.history.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			require.Empty(t, line)
			return list
		}
		require.NoError(t, err)
		o := new(operation)
		require.NoError(t, json.Unmarshal(line, o))
		list = append(list, o)
	}
}

// round lets the workers make calls about new subjects, does something meanwhile, and returns a history that is wrong.
func (r *recorder) round(meanwhile func()) (bad history) {
	r.t.Helper()
	next := round{Calls: calls}
	for i := range subjects {
		next.Subjects = append(next.Subjects, fmt.Sprintf("subject-%d-%d", r.rounds, i))
	}
	r.rounds++
	line, err := json.Marshal(next)
	require.NoError(r.t, err)
	began := time.Now()
	for _, w := range r.workers {
		_, err := w.rounds.Write(append(line, '\n'))
		require.NoError(r.t, err)
	}
	faults := r.kills + r.stalls
	meanwhile()
	var all []*operation
	for _, w := range r.workers {
		w.expect(r.t, "done")
		all = append(all, w.read(r.t)...)
	}
	if faults == r.kills+r.stalls {
		r.took = time.Since(began)
	}
	r.operations += len(all)
	for _, o := range all {
		if o.Error != "" {
			r.failed++
		}
	}
	for _, h := range bySubject(all) {
		began := time.Now()
		verdict := judge(h, undecidedAfter)
		r.worst = max(r.worst, time.Since(began))
		r.judged++
		if verdict == porcupine.Illegal {
			bad = h
		}
		if verdict == porcupine.Unknown {
			r.undecided++
		}
	}
	return bad
}

// sometime waits until somewhere in a round.
func (r *recorder) sometime() { <-time.After(rand.N(r.took)) }

func (r *recorder) quiet() {}

// stall stops the engine for as long as clients wait, or not so long.
func (r *recorder) stall() {
	r.sometime()
	r.engine.stop()
	<-time.After(20*time.Millisecond + rand.N(2*patience))
	r.engine.goOn()
	r.stalls++
}

// kill ends the engine in the middle of what it does, and starts it again.
func (r *recorder) kill() {
	r.sometime()
	r.engine.kill()
	r.engine.restart()
	r.kills++
}

func (r *recorder) String() string {
	return fmt.Sprintf("%d calls of %d clients in %d processes about %d subjects, %d of which failed; "+
		"%d kills, %d stalls; %d histories undecided, and %v for the one that took longest",
		r.operations, processes*clients, processes, r.judged, r.failed, r.kills, r.stalls, r.undecided, r.worst)
}

func (h history) String() string {
	var text strings.Builder
	for _, o := range h {
		text.WriteString(o.String() + "\n")
	}
	return text.String()
}

// What is wrong is found.
func TestPlanted(t *testing.T) {
	snapshots := func(t *testing.T) engine {
		t.Helper()
		server := enginetest.NewRedis(t, "--appendonly", "no")
		e := ofRedis(t, server)
		kill := e.kill
		e.kill = func() {
			_, err := server.Do("SAVE")
			require.NoError(t, err)
			<-time.After(20 * time.Millisecond)
			kill()
		}
		return e
	}
	for _, tc := range []struct {
		name  string
		start func(*testing.T) engine
		fault string
	}{
		{"a cache of look-ups", durableRedis, "cache"},
		{"a rotation that is applied twice", durableRedis, "twice"},
		{"a logout taken for done", durableRedis, "deaf"},
		{"Redis without a log", func(t *testing.T) engine {
			t.Helper()
			return ofRedis(t, enginetest.NewRedis(t, "--appendonly", "no"))
		}, ""},
		{"Redis with snapshots alone", snapshots, ""},
		{"PostgreSQL that does not wait for its log", func(t *testing.T) engine {
			t.Helper()
			return ofDatabase("postgres", enginetest.OwnPostgres(t,
				"-c", "synchronous_commit=off", "-c", "wal_writer_delay=10s"))
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRecorder(t, tc.start(t), tc.fault)
			for late := time.Now().Add(time.Minute); ; {
				if bad := r.round([]func(){r.stall, r.kill}[r.rounds%2]); bad != nil {
					t.Log(r)
					return
				}
				require.Less(t, time.Now(), late, "not found: %v", r)
			}
		})
	}
}
