package enginetest

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// Server is a Redis server of a test's own, which may be stopped, killed and started again. It ends with the test.
type Server struct {
	Addr string

	tb       testing.TB
	settings []string
	port     int
	data     string     // the directory of the first process, which is there until the test ends
	runs     []*process // one for each start
}

// NewRedis starts a server with settings of its own: "--appendonly", "yes" say.
func NewRedis(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s := &Server{tb: tb, settings: settings}
	own := engine{name: "Redis", start: func(port int) (addr string, p *process, err error) {
		s.port = port
		return s.start()
	}}
	s.Addr = own.use(tb)
	s.data = s.runs[0].dir
	tb.Cleanup(func() {
		for _, p := range s.runs {
			_ = p.hold.Close()
			_ = p.dog.Wait()
		}
	})
	return s
}

func (s *Server) start() (addr string, p *process, err error) {
	dir, err := workplace()
	if err != nil {
		return "", nil, err
	}
	data := cmp.Or(s.data, dir)
	addr, p, err = serveRedisIn(data, dir, s.port, s.settings, func(*Conn) error { return nil })
	if err == nil {
		s.runs = append(s.runs, p)
	}
	return addr, p, err
}

// Kill ends the server as a crash does. What it has on its disk stays.
func (s *Server) Kill() {
	s.tb.Helper()
	if err := s.Process().Kill(); err != nil {
		s.tb.Fatalf("enginetest: %v", err)
	}
	<-s.runs[len(s.runs)-1].died
}

// Start starts a server that was killed again, with more settings.
func (s *Server) Start(settings ...string) {
	s.tb.Helper()
	s.settings = append(s.settings, settings...)
	if _, _, err := s.start(); err != nil {
		s.tb.Fatalf("enginetest: Redis: %v", err)
	}
}

// Process returns the server's process, to send it signals.
func (s *Server) Process() *os.Process {
	s.tb.Helper()
	answer, err := do(s.Addr, "INFO", "server")
	if err != nil {
		s.tb.Fatalf("enginetest: INFO: %v", err)
	}
	found := regexp.MustCompile(`process_id:(\d+)`).FindStringSubmatch(fmt.Sprint(answer))
	if found == nil {
		s.tb.Fatalf("enginetest: INFO says no process_id: %v", answer)
	}
	pid, _ := strconv.Atoi(found[1])
	p, err := os.FindProcess(pid)
	if err != nil {
		s.tb.Fatalf("enginetest: %v", err)
	}
	return p
}

// Do sends one command to the server.
func (s *Server) Do(command ...string) (answer any, err error) {
	s.tb.Helper()
	return do(s.Addr, command...)
}
