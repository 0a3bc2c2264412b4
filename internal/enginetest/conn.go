package enginetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Conn is a connection to a Redis server, for one goroutine at a time.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
}

// Error is what a server answers to a command that it refuses.
type Error string

func (e Error) Error() string { return string(e) }

// patience is how long a server may take for one command.
const patience = 10 * time.Second

// Dial connects to the server at an address.
func Dial(addr string) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, patience) //nolint:noctx // it has a limit
	if err != nil {
		return nil, err
	}
	return &Conn{conn, bufio.NewReader(conn)}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Do sends a command and returns its answer: nil for null, an int64, a string, or a []any of them. A refusal is an
// [Error]; within a []any it is an element. After any other error the connection is of no use any more.
func (c *Conn) Do(args ...string) (any, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	text := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, arg := range args {
		text = fmt.Appendf(text, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := c.conn.Write(text); err != nil {
		return nil, err
	}
	answer, err := c.read()
	if refusal, ok := answer.(Error); ok {
		return nil, refusal
	}
	return answer, err
}

// read reads one answer of RESP2, the protocol of Redis.
func (c *Conn) read() (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 {
		return nil, fmt.Errorf("enginetest: an answer of %q", line)
	}
	kind, rest := line[0], line[1:len(line)-2]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return Error(rest), nil
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("enginetest: an answer of %q", line)
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil //nolint:nilnil // the server's null
	case kind == '$':
		text := make([]byte, n+2)
		_, err = io.ReadFull(c.in, text)
		return string(text[:n]), err
	case kind == '*':
		return c.readList(int(n))
	}
	return nil, fmt.Errorf("enginetest: an answer of %q", line)
}

func (c *Conn) readList(n int) (list []any, err error) {
	list = make([]any, n)
	for i := range list {
		if list[i], err = c.read(); err != nil {
			return nil, err
		}
	}
	return list, nil
}
