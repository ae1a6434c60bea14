//go:build e2e

package node

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/cresset/cresset/sync/reqresp"
)

// BenchmarkMemory prints what a node needs on a chain with 2.4 million validators, of whom one million are active: how the heap grows with each part, and the
// resident size of the process with the states of 64 full blocks in memory and 100 peers on the loopback interface. What the process has besides the node, the
// maker of the chain and the peers' own ends, is in it.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		grown := func(what string) {
			now := heap()
			b.Logf("%6.0f MiB  %s", float64(int64(now)-int64(before))/(1<<20), what)
			before = now
		}
		c := mainnetChain(b, grown)
		n := c.start(b, true)
		grown("a node that has imported the blocks, with 64 states")
		peers := connectPeers(b, n, 100)
		grown("100 peers, with their own ends")
		b.Logf("%6.0f MiB  resident, %.0f MiB after unused memory was given back", resident(b), func() float64 { debug.FreeOSMemory(); return resident(b) }())
		b.ReportMetric(resident(b), "MiB-resident")
		for _, p := range peers {
			p.close()
		}
		n.stop()
		runtime.KeepAlive(c)
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// resident is the resident size of the process in MiB.
func resident(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/statm")
	check(b, err)
	pages := 0.0
	for _, c := range strings.Fields(string(text))[1] {
		pages = 10*pages + float64(c-'0')
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// connectPeers connects honest peers, which stay.
func connectPeers(b *testing.B, n *benchNode, count int) (all []*wirePeer) {
	a, err := ma.NewMultiaddr(n.address(b))
	check(b, err)
	info, err := peer.AddrInfoFromP2pAddr(a)
	check(b, err)
	_, root, err := n.store.Genesis()
	check(b, err)
	received := new(atomic.Uint64)
	for range count {
		answers := politeAnswers(n.spec, reqresp.NewDigests(n.spec, root), n.clock, nil)
		var protocols []string
		for _, row := range answers.Offered() {
			protocols = append(protocols, row.ID)
		}
		p, err := dialWire(b.Context(), *info, protocols, func(id string, s network.Stream) {
			answers.Serve(b.Context(), s.Conn().RemotePeer().String(), id, s)
		}, received)
		check(b, err)
		all = append(all, p)
	}
	time.Sleep(10 * time.Second) // they say where they stand
	if have := n.net.host.Counts().Connected; have < count {
		b.Logf("%d of %d peers stay", have, count)
	}
	return all
}
