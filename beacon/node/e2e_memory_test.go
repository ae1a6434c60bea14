//go:build e2e

package node

import (
	"cmp"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
	"github.com/cresset/cresset/gossip/subnets"
	"github.com/cresset/cresset/sync/reqresp"
)

// BenchmarkMemory prints what a node needs on a chain with 2.4 million validators, of whom one million are active: how the heap grows with each part, and the
// resident size of the process with the states of 64 full blocks in memory and 100 peers on the loopback interface, who send all votes of a slot: at its
// highest, and after it. What the process has besides the node, the maker of the chain and the peers' own ends, is in it.
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
		highest := n.hearSlot(b, c, peers)
		b.Logf("%6.0f MiB  resident after the slot, %.0f MiB at its highest", resident(b), highest)
		grown("the votes of a slot: seen, pooled, counted")
		debug.FreeOSMemory()
		b.Logf("%6.0f MiB  resident after unused memory was given back", resident(b))
		b.ReportMetric(highest, "MiB-highest")
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

// hearSlot has the peers send the votes of all validators of a slot, two of them each vote, in a third of it, to a node that is on all attestation subnets, and waits
// until it has accepted all of them. It gives the highest resident size of the process meanwhile.
func (n *benchNode) hearSlot(b *testing.B, c *benchChain, peers []*wirePeer) (highest float64) {
	_, genesis, err := n.store.Genesis()
	check(b, err)
	topics := gossip.NewNetwork(n.spec, genesis)
	head, slot := n.chain.Snapshot().Head, n.clock.CurrentSlot()+6 // the votes have to be signed
	epoch := types.ComputeEpochAtSlot(n.spec, slot)
	state, err := n.chain.StateAt(b.Context(), head.Root, slot)
	check(b, err)
	shuffling, err := state.Shuffling(epoch)
	check(b, err)
	var seats []subnets.Committee
	for i := range types.CommitteeIndex(shuffling.CommitteesPerSlot) {
		seats = append(seats, subnets.Committee{Slot: slot, Committee: i, CommitteesAtSlot: shuffling.CommitteesPerSlot, Aggregator: true})
	}
	n.net.subnets.SubscribeCommittees(seats)
	subscribe := &pb.RPC{}
	for i := range n.spec.AttestationSubnetCount {
		topic, err := topics.Topic(gossip.BeaconAttestation, i, epoch)
		check(b, err)
		on, name := true, topic.String()
		subscribe.Subscriptions = append(subscribe.Subscriptions, &pb.RPC_SubOpts{Subscribe: &on, Topicid: &name})
	}
	for _, p := range peers {
		check(b, p.frame(subscribe))
	}
	votes, _ := c.maker.Votes(shuffling, genesis, types.AttestationData{
		Slot: slot, BeaconBlockRoot: head.Root, Source: state.CurrentJustifiedCheckpoint, Target: types.Checkpoint{Epoch: epoch, Root: head.Root},
	})
	const accepted = `cresset_gossip_messages_total{topic="beacon_attestation",verdict="accept"}`
	before := n.counters()[accepted]
	begin, third := time.Now().Add(n.clock.StartOf(slot).Sub(n.clock.Now())), n.spec.SlotDuration()/3
	if late := time.Since(begin.Add(third)); late > 0 {
		b.Fatalf("the votes were signed %v late", late)
	}
	type message struct {
		at   time.Duration // into the slot
		vote int
	}
	var sending sync.WaitGroup
	for i, p := range peers {
		var plan []message
		for k := range votes {
			at := third + third*time.Duration(k)/time.Duration(len(votes))
			switch k % len(peers) {
			case i:
				plan = append(plan, message{at, k})
			case (i + len(peers)/2) % len(peers): // what others have sent before
				plan = append(plan, message{at + third/4, k})
			}
		}
		slices.SortFunc(plan, func(a, b message) int { return cmp.Compare(a.at, b.at) })
		sending.Go(func() {
			for _, m := range plan {
				topic, err := topics.Topic(gossip.BeaconAttestation, votes[m.vote].Subnet, epoch)
				if err != nil {
					b.Error(err)
					return
				}
				data, err := topics.Encode(topic, &votes[m.vote].SingleAttestation)
				if err != nil {
					b.Error(err)
					return
				}
				time.Sleep(time.Until(begin.Add(m.at)))
				if err := p.publish(topic.String(), data); err != nil {
					b.Errorf("vote %d: %v", m.vote, err)
					return
				}
			}
		})
	}
	have := 0.0
	for end := begin.Add(12 * third); time.Now().Before(end) && have < float64(len(votes)); time.Sleep(20 * time.Millisecond) {
		have, highest = n.counters()[accepted]-before, max(highest, resident(b))
	}
	sending.Wait()
	if have != float64(len(votes)) {
		for name, count := range n.counters() { // what became of the others
			if count > 0 && strings.Contains(name, `topic="beacon_attestation"`) {
				b.Logf("%6.0f  %s", count, name)
			}
		}
		b.Fatalf("%.0f of %d votes were accepted within four slots", have, len(votes))
	}
	b.Logf("%6d votes accepted, the last one %.1f s into their slot", len(votes), time.Since(begin).Seconds())
	return highest
}
