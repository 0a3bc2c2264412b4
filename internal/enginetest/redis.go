package enginetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

func startRedis(port int) (addr string, p *process, err error) {
	return serveRedis(port, nil, func(*Conn) error { return nil })
}

func startCluster(port int) (addr string, p *process, err error) {
	return serveRedis(port, []string{"--cluster-enabled", "yes"}, settle)
}

// settle gives all slots to a server that is alone in its cluster, and fails until it answers for them.
func settle(c *Conn) error {
	info, err := c.Do("CLUSTER", "INFO")
	if err != nil {
		return err
	}
	text := fmt.Sprint(info)
	if strings.Contains(text, "cluster_slots_assigned:0\r") {
		if _, err := c.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383"); err != nil {
			return err
		}
	}
	if !strings.Contains(text, "cluster_state:ok") {
		return errors.New("the cluster is not settled")
	}
	return nil
}

func serveRedis(port int, more []string, settled func(*Conn) error) (addr string, p *process, err error) {
	dir, err := workplace()
	if err != nil {
		return "", nil, err
	}
	return serveRedisIn(dir, dir, port, more, settled)
}

// serveRedisIn starts a server whose files are in a directory, and which is watched from another one or the same.
func serveRedisIn(
	data, dir string, port int, more []string, settled func(*Conn) error,
) (addr string, p *process, err error) {
	server, err := find("redis-server")
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	command := append([]string{
		server, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", data, "--save", "", "--appendonly", "no",
	}, more...)
	p, err = run(dir, "KILL", command, func() error { return redisIsReady(addr, data, settled) })
	return addr, p, err
}

// redisIsReady asks the server who it is: one that answers at the port may be another's.
func redisIsReady(addr, dir string, settled func(*Conn) error) error {
	c, err := Dial(addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	answer, err := c.Do("CONFIG", "GET", "dir")
	if err != nil {
		return err
	}
	if pair, ok := answer.([]any); !ok || len(pair) != 2 || pair[1] != dir {
		return errors.New("another server answers at its port")
	}
	return settled(c)
}
