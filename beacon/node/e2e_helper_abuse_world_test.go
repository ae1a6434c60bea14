//go:build e2e

package node

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
	"github.com/cresset/cresset/sync/reqresp"
)

const (
	// hostile is how many hostile peers there are at a time, and pace how often each of them sends: 1,000 messages a second in all.
	hostile = 100
	pace    = 100 * time.Millisecond
	// abuseValidators is how many validators there are: as many as vote for old targets in an epoch.
	abuseValidators = 4096

	// The environment of the process that the world is in.
	abuseNode    = "CRESSET_ABUSE_NODE"    // the node's address
	abuseGenesis = "CRESSET_ABUSE_GENESIS" // seconds
)

// worldEvent is what the world tells the test, one line each on its file 3.
type worldEvent struct {
	// A block that was handed to the node.
	Slot types.Slot `json:",omitempty"`
	Root string     `json:",omitempty"`
	// What became of a row.
	Row      string `json:",omitempty"`
	Sent     uint64 // messages
	Failed   uint64 // that the node did not take
	Peers    uint64 // hostile peers, each with a name of its own
	Left     uint64 // of which the node left so many
	Received uint64 // bytes of gossip that the node sent them
	Block    uint64 // bytes of the largest block so far
	Error    string `json:",omitempty"`
}

// world is all peers of the node: an honest one, who hands it a block each slot, and hostile ones.
type world struct {
	t       *testing.T
	live    *liveNetwork
	node    peer.AddrInfo
	clock   *clock.Clock
	topics  *gossip.Network
	digests *reqresp.Digests
	events  *json.Encoder
	emit    sync.Mutex

	tip  atomic.Pointer[simnet.Tip]
	past atomic.Pointer[[]simnet.Tip] // of all slots
	told sync.Map                     // slot to the id of the message of its block
	size atomic.Uint64                // of the largest block's message

	storms struct {
		sync.Mutex
		now *stormOf
	}
}

// TestAbuseWorld is the process of the world; without a node it has nothing to do.
func TestAbuseWorld(t *testing.T) {
	address := os.Getenv(abuseNode)
	if address == "" {
		return
	}
	seconds, err := strconv.ParseInt(os.Getenv(abuseGenesis), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	a, err := ma.NewMultiaddr(address)
	if err != nil {
		t.Fatal(err)
	}
	info, err := peer.AddrInfoFromP2pAddr(a)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, node: *info, live: newLiveNetworkOf(t, time.Unix(seconds, 0), abuseValidators)}
	w.events = json.NewEncoder(os.NewFile(3, "events"))
	genesis := w.live.net.Genesis()
	root := genesis.State.GenesisValidatorsRoot
	w.clock = clock.New(clock.Config{Spec: w.live.net.Spec(), GenesisTime: uint64(seconds)})
	w.topics, w.digests = gossip.NewNetwork(w.live.net.Spec(), root), reqresp.NewDigests(w.live.net.Spec(), root)
	w.tip.Store(&genesis)
	w.past.Store(&[]simnet.Tip{genesis})
	go w.honest(t.Context())
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		name, duration := commands.Text(), time.Duration(0)
		if _, err := fmt.Sscanf(commands.Text(), "%s %d", &name, &duration); err != nil {
			t.Fatalf("command %q: %v", commands.Text(), err)
		}
		w.tell(w.flood(t.Context(), name, duration))
	}
}

func (w *world) tell(e worldEvent) {
	w.emit.Lock()
	defer w.emit.Unlock()
	_ = w.events.Encode(e) // a test that is gone needs none
}

// connect connects a peer that answers as an honest one does, but for its status.
func (w *world) connect(ctx context.Context, a *attack, received *atomic.Uint64) (*wirePeer, error) {
	status := func(own types.Status) types.Status { return own }
	if a.status != nil {
		status = func(own types.Status) types.Status { return a.status(w, own) }
	}
	answers := politeAnswers(w.live.net.Spec(), w.digests, w.clock, status)
	var protocols []string
	for _, row := range answers.Offered() {
		protocols = append(protocols, row.ID)
	}
	for id := range a.answers {
		protocols = append(protocols, id)
	}
	return dialWire(ctx, w.node, protocols, func(id string, s network.Stream) {
		if own := a.answers[id]; own != nil {
			own(w, s)
			return
		}
		answers.Serve(ctx, s.Conn().RemotePeer().String(), id, s)
	}, received)
}

// honest hands the node a block at the beginning of every slot, with all votes for the one before, and some votes on their own.
func (w *world) honest(ctx context.Context) {
	spec := w.live.net.Spec()
	// It has none of the blocks that hostile peers make the node look for.
	nothing := func(_ *world, s network.Stream) { _ = s.Close() }
	p, err := w.connect(ctx, &attack{answers: map[string]func(*world, network.Stream){blocksByHead: nothing, blocksByRoot: nothing}}, new(atomic.Uint64))
	if err != nil {
		w.tell(worldEvent{Error: fmt.Sprintf("the honest peer does not connect: %v", err)})
		return
	}
	defer p.close()
	var votes []types.Attestation
	tip := w.live.net.Genesis()
	for slot := w.clock.CurrentSlot() + 1; ctx.Err() == nil; slot++ {
		block, next, err := w.live.net.Block(tip, slot, votes, "")
		if err != nil {
			w.tell(worldEvent{Error: fmt.Sprintf("slot %d: %v", slot, err)})
			return
		}
		topic, err := w.topics.Topic(gossip.BeaconBlock, 0, types.ComputeEpochAtSlot(spec, slot))
		if err != nil {
			w.tell(worldEvent{Error: err.Error()})
			return
		}
		data, err := w.topics.Encode(topic, block)
		if err != nil {
			w.tell(worldEvent{Error: err.Error()})
			return
		}
		time.Sleep(time.Until(w.live.genesis.Add(time.Duration(slot) * spec.SlotDuration())))
		w.tell(worldEvent{Slot: slot, Root: next.Root.String()})
		if err := p.publish(topic.String(), data); err != nil {
			w.tell(worldEvent{Error: fmt.Sprintf("slot %d: the node does not take the honest peer's block: %v", slot, err)})
			return
		}
		tip = next
		w.size.Store(max(w.size.Load(), uint64(len(data))))
		w.told.Store(slot, w.topics.MessageID(topic.String(), data))
		past := append((*w.past.Load())[:len(*w.past.Load()):len(*w.past.Load())], tip)
		w.past.Store(&past)
		w.tip.Store(&tip)
		if votes, err = w.live.net.Votes(tip, slot, simnet.Everyone); err != nil {
			w.tell(worldEvent{Error: err.Error()})
			return
		}
	}
}

// flood has the hostile peers do what a row says for so long. Those that the node leaves come again with another name.
func (w *world) flood(ctx context.Context, name string, duration time.Duration) worldEvent {
	a, ok := attacks[name]
	if !ok {
		return worldEvent{Row: name, Error: "no such row"}
	}
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var sent, failed, names, left, received atomic.Uint64
	var all sync.WaitGroup
	for i := range hostile {
		all.Go(func() {
			time.Sleep(time.Duration(i) * pace / hostile)
			tick := time.NewTicker(pace)
			defer tick.Stop()
			var p *wirePeer
			for n := uint64(i); ctx.Err() == nil; n += hostile {
				if p != nil && !p.connected() {
					left.Add(1)
					p.close()
					p = nil
				}
				if p == nil {
					var err error
					if p, err = w.connect(ctx, a, &received); err != nil {
						p = nil
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
						}
						continue
					}
					names.Add(1)
				}
				if err := a.send(w, p, n); err != nil {
					failed.Add(1)
				}
				sent.Add(1)
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
			if p != nil {
				p.close()
			}
		})
	}
	all.Wait()
	return worldEvent{Row: name, Sent: sent.Load(), Failed: failed.Load(), Peers: names.Load(), Left: left.Load(), Received: received.Load(), Block: w.size.Load()}
}
