//go:build e2e

package node

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip/subnets"
)

// abuseRow is a kind of abuse and the response that the node is to have to it.
type abuseRow struct {
	name string
	// response says in words what is counted.
	response string
	// counters are metrics that have to grow, by name and labels, or the beginning of those; of alternatives, separated by |, one does.
	counters []string
	// left tells that the node has to leave hostile peers.
	left bool
	// slots is how many it lasts, rowSlots if 0.
	slots types.Slot
	// most is how much metrics may grow, all together whose names begin so.
	most map[string]float64
}

var abuseRows = []abuseRow{
	{"graft-prune", "left for what gossipsub scores", []string{`cresset_peer_offences_total{class="unheard"}`}, true, 0, nil},
	{"graft-many", "frames refused, left and banned", []string{`cresset_gossip_refused_total{what="grafts"}`}, true, 0, nil},
	{"ihave", "left for promises that are not kept", []string{`cresset_peer_offences_total{class="unheard"}`}, true, 36, nil},
	{"iwant", "a message is sent again at most three times", nil, false, 0, nil},
	{"subscriptions", "what does not exist is not kept, frames refused, left and banned", []string{`cresset_gossip_refused_total{what="subscriptions"}`}, true, 0, nil},
	{"gossip-bombs", "rejected by the declared length, left and banned", []string{`cresset_gossip_messages_total{topic="beacon_block",verdict="reject"}`, `cresset_gossip_messages_total{topic="voluntary_exit",verdict="reject"}`}, true, 0, nil},
	{"request-bombs", "InvalidRequest, left and banned", []string{`cresset_peer_offences_total{class="wrong"}`}, true, 0, nil},
	{"lying-lengths", "streams reset, InvalidRequest, rejected, left and banned", []string{`cresset_peer_offences_total{class="wrong"}`}, true, 0, nil},
	{"overflowing-ranges", "InvalidRequest or shortened, left and banned", []string{`cresset_peer_offences_total{class="wrong"}`}, true, 0, nil},
	{"half-open", "no more than so many streams, reset after 10 s", []string{`cresset_peer_offences_total{class="useless"}|cresset_peer_offences_total{class="slow"}`}, false, 0, nil},
	{"one-byte-readers", "no more than so many streams, left if it goes on", []string{`cresset_peer_offences_total{class="useless"}|cresset_peer_offences_total{class="slow"}`}, false, 0, nil},
	{"wrong-digests", "answers rejected, left and banned", []string{`cresset_peer_offences_total{class="fatal"}`}, true, 0, nil},
	{"wrong-network", "goodbye: wrong network", []string{`cresset_goodbyes_total{reason="2"}`}, true, 0, nil},
	{"bad-signatures", "rejected, left and banned", []string{`cresset_gossip_messages_total{topic="beacon_attestation",verdict="reject"}`, `cresset_gossip_messages_total{topic="beacon_block",verdict="reject"}`}, true, 0, nil},
	{"old-targets-known", "each validator's first vote accepted, at most a state a slot computed", []string{`cresset_gossip_messages_total{topic="beacon_attestation",verdict="accept"}`}, false, 0, map[string]float64{"cresset_state_regenerations_total": rowSlots}},
	{"old-targets-unknown", "held in 32 MiB at most", []string{`cresset_gossip_messages_total{topic="beacon_attestation",verdict="defer"}`}, false, 0, map[string]float64{"cresset_gossip_held_bytes": 32 << 20}},
}

const (
	// rowSlots is how long a row lasts, and idleSlots the node without hostile peers.
	rowSlots, idleSlots = 6, 8
	// heapMost is how much the heap may grow above the same node's when idle.
	heapMost = 256 << 20
)

// abuse is a node among hostile peers.
type abuse struct {
	t       *testing.T
	live    *liveNetwork
	node    *runningNode
	command io.Writer
	results chan worldEvent

	mu struct {
		sync.Mutex
		peak  uint64                // of the heap
		heads map[string]time.Time  // when a block became the head
		told  map[types.Slot]string // blocks that were handed to the node
	}
}

// TestE2EAbuse has 100 hostile peers send a node 1,000 messages a second in all, in every way of the table. The heap of the node grows by at most 256
// MiB, and every block of an honest peer is its head within a third of the slot. All peers are in another process.
func TestE2EAbuse(t *testing.T) {
	begin := time.Now()
	a := &abuse{t: t, live: newLiveNetworkOf(t, time.Now().Add(20*time.Second).Truncate(time.Second), abuseValidators), results: make(chan worldEvent)}
	a.mu.heads, a.mu.told = map[string]time.Time{}, map[types.Slot]string{}
	s := &syncStage{t: t}
	only := strings.Split(os.Getenv("CRESSET_ABUSE_ROWS"), ",") // none for all
	if only[0] != "" {
		s.level = slog.LevelDebug
	}
	a.node = s.start(t, "node", func(cfg *Config) {
		cfg.NetworkConfig, cfg.Genesis, cfg.ClockOffset = a.live.config, a.live.state, 0
		cfg.Networking.Peers = 2 * hostile
	})
	a.startWorld()
	go a.follow()
	time.Sleep(time.Until(a.at(2 * types.Slot(a.live.net.Spec().SlotsPerEpoch))))
	debug.FreeOSMemory()
	idle := a.measure("", idleSlots)
	t.Logf("idle: heap %d MiB, slowest head %v", idle.heap>>20, idle.slowest)
	if idle.blocks == 0 {
		t.Fatal("the honest peer handed no block to the node")
	}
	lines, sent, failed, worstHeap, slowest := []string{}, uint64(0), 0, int64(0), time.Duration(0)
	for _, row := range abuseRows {
		if only[0] != "" && !slices.Contains(only, row.name) {
			continue
		}
		before := a.node.counters()
		if row.slots == 0 {
			row.slots = rowSlots
		}
		m := a.measure(row.name, row.slots)
		grown := int64(m.heap) - int64(idle.heap)
		faults := a.judge(row, &m, before, grown)
		line := fmt.Sprintf("%-20s %4d peers, %5d messages, %4d not taken, heap %+4d MiB, slowest head %4d ms of %d blocks, %d peers left: %s",
			row.name, m.result.Peers, m.result.Sent, m.result.Failed, grown>>20, m.slowest.Milliseconds(), m.blocks, m.result.Left, row.response)
		if len(faults) > 0 {
			failed++
			line += ": FAILED: " + errors.Join(faults...).Error()
			t.Errorf("%s: %v", row.name, errors.Join(faults...))
		}
		t.Log(line)
		lines = append(lines, line)
		sent, worstHeap, slowest = sent+m.result.Sent, max(worstHeap, grown), max(slowest, m.slowest)
	}
	line := fmt.Sprintf("e2e-abuse: %d kinds of abuse by %d peers at a time, %d messages, heap at most %d MiB above idle (of %d allowed), slowest head %d ms into its slot (of %d allowed), %.0f s: %s",
		len(lines), hostile, sent, worstHeap>>20, heapMost>>20, slowest.Milliseconds(), a.third().Milliseconds(), time.Since(begin).Seconds(), map[bool]string{false: "ok", true: fmt.Sprintf("%d failed", failed)}[t.Failed()])
	t.Log(line)
	if path := os.Getenv("CRESSET_SUMMARY"); path != "" {
		if err := os.WriteFile(path, []byte(strings.Join(append(lines, line), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (a *abuse) at(slot types.Slot) time.Time {
	return a.live.genesis.Add(time.Duration(slot) * a.live.net.Spec().SlotDuration())
}

func (a *abuse) third() time.Duration { return a.live.net.Spec().SlotDuration() / 3 }

// startWorld starts the process that all peers are in.
func (a *abuse) startWorld() {
	a.t.Helper()
	events, w, err := os.Pipe()
	if err != nil {
		a.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAbuseWorld$", "-test.timeout=15m")
	cmd.Env = append(os.Environ(), abuseNode+"="+a.node.address(a.t, "tcp")[0], abuseGenesis+"="+strconv.FormatInt(a.live.genesis.Unix(), 10))
	cmd.ExtraFiles = []*os.File{w}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		a.t.Fatal(err)
	}
	output := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	_ = w.Close()
	a.command = stdin
	a.t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			a.t.Errorf("the process of the peers ended: %v\n%s", err, output)
		}
	})
	go func() {
		defer close(a.results)
		for lines := bufio.NewScanner(events); lines.Scan(); {
			var e worldEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				e = worldEvent{Error: err.Error()}
			}
			switch {
			case e.Row != "":
				a.results <- e
			case e.Error != "":
				a.t.Errorf("the peers: %s", e.Error)
			default:
				a.mu.Lock()
				a.mu.told[e.Slot] = e.Root
				a.mu.Unlock()
			}
		}
	}()
}

// follow notes when blocks become the head and how large the heap is, and keeps the node on the subnets of the votes.
func (a *abuse) follow() {
	spec, subscribed := a.live.net.Spec(), types.Slot(0)
	var m runtime.MemStats
	for n := 0; a.t.Context().Err() == nil; n++ {
		head := a.node.chain.Snapshot().Head.Root.String()
		a.mu.Lock()
		if _, ok := a.mu.heads[head]; !ok {
			a.mu.heads[head] = time.Now()
		}
		a.mu.Unlock()
		if n%20 == 0 { // every 100 ms
			runtime.ReadMemStats(&m)
			a.mu.Lock()
			a.mu.peak = max(a.mu.peak, m.HeapInuse)
			a.mu.Unlock()
		}
		for end := a.node.clock.CurrentSlot() + 4; subscribed < end; subscribed++ {
			var seats []subnets.Committee
			for i := range spec.MaxCommitteesPerSlot {
				seats = append(seats, subnets.Committee{Slot: subscribed, Committee: types.CommitteeIndex(i), CommitteesAtSlot: spec.MaxCommitteesPerSlot, Aggregator: true})
			}
			a.node.net.subnets.SubscribeCommittees(seats)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// measured is what was seen in some slots.
type measured struct {
	result  worldEvent
	heap    uint64 // its peak
	blocks  int
	slowest time.Duration // from the beginning of a slot until its block was the head
	missing []types.Slot  // whose blocks did not become the head
}

// measure has a row done, or nothing, for some slots.
func (a *abuse) measure(row string, slots types.Slot) (m measured) {
	a.t.Helper()
	first := a.node.clock.CurrentSlot() + 1
	time.Sleep(time.Until(a.at(first)))
	a.mu.Lock()
	a.mu.peak = 0
	a.mu.Unlock()
	if row != "" {
		duration := time.Duration(slots) * a.live.net.Spec().SlotDuration()
		if _, err := fmt.Fprintf(a.command, "%s %d\n", row, duration); err != nil {
			a.t.Fatal(err)
		}
		var ok bool
		if m.result, ok = <-a.results; !ok {
			a.t.Fatal("the process of the peers ended")
		}
		if m.result.Error != "" {
			a.t.Fatalf("%s: %s", row, m.result.Error)
		}
	}
	time.Sleep(time.Until(a.at(first + slots)))
	a.mu.Lock()
	defer a.mu.Unlock()
	m.heap = a.mu.peak
	for slot := first; slot < first+slots; slot++ {
		root, ok := a.mu.told[slot]
		if !ok {
			continue // the honest peer had none
		}
		m.blocks++
		at, ok := a.mu.heads[root]
		if !ok {
			m.missing = append(m.missing, slot)
			continue
		}
		m.slowest = max(m.slowest, at.Sub(a.at(slot)))
	}
	return m
}

// judge tells what a row broke.
func (a *abuse) judge(row abuseRow, m *measured, before map[string]float64, grown int64) (faults []error) {
	after := a.node.counters()
	for _, any := range row.counters {
		met := false
		for name := range strings.SplitSeq(any, "|") {
			met = met || after[name] > before[name]
		}
		if !met {
			faults = append(faults, fmt.Errorf("%s did not grow", any))
		}
	}
	for prefix, most := range row.most {
		grown := 0.0
		for name, v := range after {
			if strings.HasPrefix(name, prefix) {
				grown += v - before[name]
			}
		}
		if grown > most {
			faults = append(faults, fmt.Errorf("%s grew by %.0f, at most %.0f", prefix, grown, most))
		}
	}
	// Four copies of a block at most: three that were asked for, and one that gossip brings. The rest is for what a node tells all its peers.
	if most := m.result.Peers * (16<<10 + 4*uint64(m.blocks+1)*m.result.Block); row.name == "iwant" && m.result.Received > most {
		faults = append(faults, fmt.Errorf("the node sent %d bytes of gossip to the hostile peers, at most %d", m.result.Received, most))
	}
	a.t.Logf("    %d bytes of gossip sent to the hostile peers, the largest block has %d", m.result.Received, m.result.Block)
	if row.left && m.result.Left == 0 {
		faults = append(faults, errors.New("the node left nobody"))
	}
	if m.result.Peers < hostile {
		faults = append(faults, fmt.Errorf("%d peers were connected, want %d", m.result.Peers, hostile))
	}
	if grown > heapMost {
		faults = append(faults, fmt.Errorf("the heap grew by %d MiB, at most %d", grown>>20, heapMost>>20))
	}
	if m.blocks < int(row.slots)-1 {
		faults = append(faults, fmt.Errorf("the honest peer handed over %d blocks in %d slots", m.blocks, row.slots))
	}
	if len(m.missing) > 0 {
		faults = append(faults, fmt.Errorf("blocks of slots %v did not become the head", m.missing))
	}
	if m.slowest > a.third() {
		faults = append(faults, fmt.Errorf("a block was head %v into its slot, at most %v", m.slowest, a.third()))
	}
	for name, v := range after {
		if d := v - before[name]; d != 0 && !strings.Contains(name, "_seconds") && (strings.HasPrefix(name, "cresset_gossip") || strings.HasPrefix(name, "cresset_peer") || strings.HasPrefix(name, "cresset_goodbyes") || strings.HasPrefix(name, "cresset_connections")) {
			a.t.Logf("    %s %+g", name, d)
		}
	}
	return faults
}
