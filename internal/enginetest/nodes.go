package enginetest

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// RedisNodes returns the addresses of three servers that are one cluster, each with a third of its slots, and which
// all tests of the process share.
func RedisNodes(tb testing.TB) (addrs []string) {
	tb.Helper()
	for i := range nodes {
		addrs = append(addrs, nodes[i].use(tb))
	}
	join.Do(func() { joined = joinNodes(addrs) })
	if joined != nil {
		tb.Fatalf("enginetest: Redis Cluster: %v", joined)
	}
	return addrs
}

// NewRedisNodes returns such a cluster of a test's own, which may move its slots.
func NewRedisNodes(tb testing.TB) (addrs []string) {
	tb.Helper()
	for range 3 {
		addrs = append(addrs, NewRedis(tb, "--cluster-enabled", "yes").Addr)
	}
	if err := joinNodes(addrs); err != nil {
		tb.Fatalf("enginetest: Redis Cluster: %v", err)
	}
	return addrs
}

var (
	nodes = [3]engine{
		{name: "Redis Cluster, a node", start: startNode},
		{name: "Redis Cluster, a node", start: startNode},
		{name: "Redis Cluster, a node", start: startNode},
	}
	join   sync.Once
	joined error
)

func startNode(port int) (addr string, p *process, err error) {
	return serveRedis(port, []string{"--cluster-enabled", "yes"}, func(*Conn) error { return nil })
}

// joinNodes makes one cluster of servers, and waits until each of them knows all of it.
func joinNodes(addrs []string) error {
	for i, addr := range addrs {
		host, port, err := net.SplitHostPort(addrs[0])
		if err != nil {
			return err
		}
		first, last := i*16384/len(addrs), (i+1)*16384/len(addrs)-1
		if _, err := do(addr, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)); err != nil {
			return err
		}
		if _, err := do(addr, "CLUSTER", "MEET", host, port); err != nil {
			return err
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for _, addr := range addrs {
		for {
			info, err := do(addr, "CLUSTER", "INFO")
			if err != nil {
				return err
			}
			text := fmt.Sprint(info)
			if strings.Contains(text, "cluster_state:ok") &&
				strings.Contains(text, fmt.Sprintf("cluster_known_nodes:%d\r", len(addrs))) {
				break
			}
			select {
			case <-tick.C:
			case <-late:
				return errors.New("the nodes do not find each other in a minute:\n" + text)
			}
		}
	}
	return nil
}

// do sends one command to the server at an address.
func do(addr string, command ...string) (answer any, err error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	answer, err = c.Do(command...)
	return answer, err
}
