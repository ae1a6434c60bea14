//go:build e2e && linux

package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// The plot, in slots: two nodes with half of the validators each are together, cut apart, and joined again.
const (
	togetherSlots = 16
	apartSlots    = 100
	afterSlots    = 32
)

// Two processes of this test play a role each beside the test itself: the stage has a network namespace with a bridge and starts two
// nodes, which have a network namespace each. roleVariable says who plays what.
const (
	roleVariable    = "CRESSET_PARTITION_ROLE"
	genesisVariable = "CRESSET_PARTITION_GENESIS"
	peerVariable    = "CRESSET_PARTITION_PEER"
)

// TestE2EPartition cuts two nodes apart for 100 slots, at the bridge between their network namespaces, and joins them. Each makes the blocks
// and votes of its half of the validators. They have one head again within one epoch, and finalize.
func TestE2EPartition(t *testing.T) {
	switch role := os.Getenv(roleVariable); role {
	case "":
	case "stage":
		playStage(t)
		return
	default:
		playNode(t, role)
		return
	}
	begin := time.Now()
	cmd := exec.Command(os.Args[0], "-test.run=^TestE2EPartition$", "-test.v", "-test.timeout=15m")
	cmd.Env = append(os.Environ(), roleVariable+"=stage")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	line := ""
	for text := range strings.SplitSeq(string(out), "\n") {
		if rest, ok := strings.CutPrefix(text, "partition: "); ok {
			line = rest
		}
	}
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL):
		line = fmt.Sprintf("not run, this machine gives no network namespaces: %v", err)
	case err != nil || line == "":
		t.Fatalf("the stage ended: %v\n%s", err, out)
	default:
		line += fmt.Sprintf(", %.0f s: ok", time.Since(begin).Seconds())
	}
	line = "e2e-partition: " + line
	t.Log(line)
	if path := os.Getenv("CRESSET_SUMMARY"); path != "" {
		if err := os.WriteFile(path, []byte(line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// actor is a node's process as the stage sees it.
type actor struct {
	name    string
	in      io.Writer
	address chan string
	link    netlink.Link // its end at the bridge

	mu    sync.Mutex
	heads map[types.Slot]report
}

// report is what a node says at the end of a slot.
type report struct {
	head      string
	finalized int
	peers     int
}

func (a *actor) at(slot types.Slot) (report, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.heads[slot]
	return r, ok
}

// playStage makes the network, starts the nodes and moves the plot on.
func playStage(t *testing.T) {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "bridge"}}
	must(t, "make a bridge", netlink.LinkAdd(bridge))
	must(t, "raise the bridge", netlink.LinkSetUp(bridge))
	genesis := time.Now().Add(12 * time.Second).Unix()
	var actors []*actor
	peer := "" // the one before
	for _, name := range []string{"0", "1"} {
		a := &actor{name: name, address: make(chan string, 1), heads: map[types.Slot]report{}}
		cmd := exec.Command(os.Args[0], "-test.run=^TestE2EPartition$", "-test.v", "-test.timeout=15m")
		cmd.Env = append(os.Environ(), roleVariable+"="+name, fmt.Sprint(genesisVariable, "=", genesis), peerVariable+"="+peer)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		in, err := cmd.StdinPipe()
		must(t, "pipe", err)
		out, err := cmd.StdoutPipe()
		must(t, "pipe", err)
		cmd.Stderr = os.Stderr
		a.in = in
		must(t, "start a node", cmd.Start())
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "port" + name}, PeerName: "node" + name}
		must(t, "make a cable", netlink.LinkAdd(pair))
		far, err := netlink.LinkByName(pair.PeerName)
		must(t, "find the cable", err)
		must(t, "hand the cable over", netlink.LinkSetNsPid(far, cmd.Process.Pid))
		a.link = pair
		must(t, "plug the cable in", netlink.LinkSetMaster(pair, bridge))
		must(t, "raise the cable", netlink.LinkSetUp(pair))
		go a.listen(out)
		t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
		actors = append(actors, a)
		_, err = fmt.Fprintln(in, "wired")
		must(t, "tell a node", err)
		select {
		case peer = <-a.address:
		case <-time.After(60 * time.Second):
			t.Fatalf("node %s does not start", name)
		}
	}
	slotAt := func(slot types.Slot) time.Time { return time.Unix(genesis, 0).Add(time.Duration(slot) * partitionSlot) }
	time.Sleep(time.Until(slotAt(togetherSlots)))
	must(t, "cut the cable", netlink.LinkSetNoMaster(actors[1].link))
	time.Sleep(time.Until(slotAt(togetherSlots + apartSlots)))
	must(t, "join the cable", netlink.LinkSetMaster(actors[1].link, bridge))
	time.Sleep(time.Until(slotAt(togetherSlots + apartSlots + afterSlots + 1)))

	same := func(slot types.Slot) bool {
		x, known := actors[0].at(slot)
		y, also := actors[1].at(slot)
		return known && also && x.head == y.head
	}
	for _, a := range actors {
		for slot := types.Slot(1); slot < togetherSlots+apartSlots+afterSlots; slot++ {
			r, ok := a.at(slot)
			t.Logf("node %s slot %d: %+v %t", a.name, slot, r, ok)
		}
	}
	for slot := types.Slot(4); slot < togetherSlots; slot++ {
		if !same(slot) {
			t.Errorf("slot %d: the nodes have not the same head before they are cut apart", slot)
		}
	}
	if same(togetherSlots + apartSlots - 1) {
		t.Error("the nodes have the same head after 100 slots apart: the cut did not cut")
	}
	one := types.Slot(togetherSlots + apartSlots)
	for one < togetherSlots+apartSlots+afterSlots && !same(one) {
		one++
	}
	took := one - (togetherSlots + apartSlots) + 1
	if took > 8 {
		t.Errorf("the nodes have one head %d slots after they are joined, want at most 8, an epoch", took)
	}
	for slot := one; slot < togetherSlots+apartSlots+afterSlots; slot++ {
		if !same(slot) {
			t.Errorf("slot %d: the nodes have different heads again", slot)
		}
	}
	last, _ := actors[0].at(togetherSlots + apartSlots + afterSlots - 1)
	if last.finalized <= togetherSlots/8 {
		t.Errorf("epoch %d is finalized at the end, want one after the cut", last.finalized)
	}
	if !t.Failed() {
		fmt.Printf("partition: two nodes in two network namespaces, cut apart for %d slots of %v, one head %d slots after they were joined (an epoch is 8), finalized epoch %d at the end\n",
			apartSlots, partitionSlot, took, last.finalized)
	}
}

const partitionSlot = 2 * time.Second

// listen reads what a node says until it ends.
func (a *actor) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 2 && fields[0] == "address":
			a.address <- fields[1]
		case len(fields) == 5 && fields[0] == "slot":
			slot, _ := strconv.Atoi(fields[1])
			finalized, _ := strconv.Atoi(fields[3])
			peers, _ := strconv.Atoi(fields[4])
			a.mu.Lock()
			a.heads[types.Slot(slot)] = report{fields[2], finalized, peers}
			a.mu.Unlock()
		default:
			fmt.Println("node", a.name, lines.Text())
		}
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// playNode is a node with the validators of even or odd index.
func playNode(t *testing.T, role string) {
	number, err := strconv.Atoi(role)
	must(t, "role", err)
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lo", "node" + role} {
		link, err := netlink.LinkByName(name)
		must(t, name, err)
		if name != "lo" {
			address, err := netlink.ParseAddr(fmt.Sprintf("10.77.0.%d/24", number+1))
			must(t, "address", err)
			must(t, "address", netlink.AddrAdd(link, address))
		}
		must(t, "raise "+name, netlink.LinkSetUp(link))
	}
	seconds, err := strconv.ParseInt(os.Getenv(genesisVariable), 10, 64)
	must(t, "genesis", err)
	l := newLiveNetworkAt(t, time.Unix(seconds, 0))
	s := &syncStage{t: t}
	n := s.start(t, "node"+role, func(cfg *Config) {
		cfg.NetworkConfig, cfg.Genesis, cfg.ClockOffset = l.config, l.state, 0
		cfg.Networking.Listen = []string{fmt.Sprintf("10.77.0.%d", number+1)}
		if peer := os.Getenv(peerVariable); peer != "" {
			cfg.Networking.Static = []string{peer}
		}
	})
	fmt.Println("address", n.address(t, "tcp")[0])
	half := func(v types.ValidatorIndex) bool { return int(v)%2 == number }
	var pool []types.Attestation
	for slot := types.Slot(1); slot < togetherSlots+apartSlots+afterSlots; slot++ {
		start := l.genesis.Add(time.Duration(slot) * partitionSlot)
		time.Sleep(time.Until(start))
		l.propose(n, slot, half, pool)
		time.Sleep(time.Until(start.Add(partitionSlot / 3)))
		_, tip := l.head(n)
		votes, err := l.net.Votes(tip, slot, half)
		must(t, "vote", err)
		pool = append(pool, votes...)
		pool = pool[max(0, len(pool)-8):]
		time.Sleep(time.Until(start.Add(partitionSlot * 9 / 10)))
		head := n.chain.Snapshot()
		fmt.Println("slot", slot, head.Head.Root, uint64(head.Finalized.Epoch), n.net.host.Counts().Connected)
	}
}

// head is a node's head, to build on.
func (l *liveNetwork) head(n *runningNode) (*chain.Snapshot, simnet.Tip) {
	l.t.Helper()
	head := n.chain.Snapshot()
	state, err := n.chain.HeadState(context.Background(), head)
	must(l.t, "state of the head", err)
	return head, simnet.TipAt(head.Head.Root, state)
}

// propose makes the block of a slot if its proposer is one of ours, with the votes that fit its chain.
func (l *liveNetwork) propose(n *runningNode, slot types.Slot, ours func(types.ValidatorIndex) bool, pool []types.Attestation) {
	l.t.Helper()
	head, tip := l.head(n)
	if head.Head.Slot >= slot {
		return
	}
	view := n.chain.View()
	fits := func(a types.Attestation) bool {
		onChain := func(root types.Root, at types.Slot) bool {
			found, ok := view.Ancestor(head.Head.Root, at)
			return ok && found == root
		}
		start, err := types.ComputeStartSlotAtEpoch(l.net.Spec(), a.Data.Target.Epoch)
		recent := a.Data.Target.Epoch+1 >= types.ComputeEpochAtSlot(l.net.Spec(), slot)
		return err == nil && recent && a.Data.Slot < slot && onChain(a.Data.BeaconBlockRoot, a.Data.Slot) && onChain(a.Data.Target.Root, start)
	}
	pool = slices.DeleteFunc(slices.Clone(pool), func(a types.Attestation) bool { return !fits(a) })
	block, _, err := l.net.Block(tip, slot, pool, "")
	must(l.t, "block", err)
	if !ours(block.Message.ProposerIndex) {
		return
	}
	if _, err := n.chain.ImportBlock(context.Background(), block, chain.Own); err != nil {
		l.t.Fatalf("slot %d: %v", slot, err)
	}
	if err := n.net.router.Publish(context.Background(), gossip.BeaconBlock, 0, block); err != nil {
		l.t.Logf("slot %d: publish: %v", slot, err) // nobody is there to hear it
	}
}
