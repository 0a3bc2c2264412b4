//go:build unix

package histories_test

import (
	"slices"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fault is what happens to a server, or to a process that calls it, in the middle of a round.
type fault struct {
	name   string
	happen func(g *game)
}

// allFaults are those of a server, and of who calls it.
var allFaults = slices.Concat(serverFaults, processFaults)

var serverFaults = []fault{
	{"connections cut", func(g *game) {
		for range 1 + g.random.IntN(4) {
			g.server.cut()
			g.rest(10, 150)
		}
	}},
	{"server stalled", func(g *game) {
		g.server.stop()
		g.rest(200, 900)
		g.server.goOn()
	}},
	{"server killed", killsServer},
	{"server stalled, connections cut", func(g *game) {
		g.server.stop()
		g.rest(200, 900)
		g.server.goOn()
		g.server.cut()
	}},
	{"server stalled, process killed", func(g *game) { // what it has sent is carried out afterwards
		g.server.stop()
		g.rest(50, 100)
		g.anyone().kill()
		g.rest(50, 300)
		g.server.goOn()
	}},
	{"server stalled, then killed", func(g *game) {
		g.server.stop()
		g.rest(100, 500)
		g.server.goOn()
		killsServer(g)
	}},
}

func killsServer(g *game) {
	g.server.kill()
	g.rest(0, 200)
	g.server.restart()
}

var processFaults = []fault{
	{"process killed", func(g *game) { g.anyone().kill() }},
	{"process stalled", func(g *game) { // with whatever it has locked
		p := g.anyone().cmd.Process.Pid
		require.NoError(g.t, unix.Kill(p, unix.SIGSTOP))
		g.rest(100, 700)
		require.NoError(g.t, unix.Kill(p, unix.SIGCONT))
	}},
}

// processReplaced is a process that is killed and another one that begins in its place, and in the middle of a round.
var processReplaced = fault{"process killed, another started", func(g *game) {
	for range 1 + g.random.IntN(3) {
		g.replace(g.anyone())
		g.rest(50, 150)
	}
}}

// replicaFaults are those of replicas, which begin by loading what they have not heard.
var replicaFaults = slices.Concat(allFaults, []fault{processReplaced})

// anyone is one of the processes.
func (g *game) anyone() *process { return g.processes[g.random.IntN(len(g.processes))] }
