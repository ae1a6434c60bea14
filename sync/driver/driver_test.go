package driver

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
	"github.com/cresset/cresset/sync/reqresp"
)

// An empty node gets the recorded chains from another one, over three forks, with blobs and columns.
func TestAnEmptyNodeSyncsFromGenesis(t *testing.T) {
	t.Parallel()
	for _, name := range recorded.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, name)
			source, empty := n.whole("source"), n.node("empty", nil)
			d, b := n.drive(empty, nil)
			d.SetPeer("source", n.status(source))
			n.wantHead(empty)
			n.wantDropped(b)
			n.until("sync says that it is done", func() bool { return d.Progress().Stage == Synced })
		})
	}
}

// checkpoint is a state and its block of a recorded chain.
func (n *network) checkpoint(block int) *chain.Anchor {
	n.t.Helper()
	genesis, err := n.r.GenesisState()
	check(n.t, err)
	s, err := transition.NewState(genesis, transition.NewEnv(nil))
	check(n.t, err)
	for _, signed := range n.r.Blocks[:block+1] {
		check(n.t, transition.ProcessSlots(s, signed.Message.Slot))
		_, err := transition.ApplyBlock(s, signed, transition.Hooks{})
		check(n.t, err)
	}
	return &chain.Anchor{State: s.BeaconState, Block: n.r.Blocks[block]}
}

// finalizedBlock is the last block at the start of an epoch or before that the chain has finalized by its end.
func (n *network) finalizedBlock(epoch types.Epoch) int {
	found := -1
	for i, signed := range n.r.Blocks {
		if uint64(signed.Message.Slot) <= uint64(epoch)*n.r.Spec.SlotsPerEpoch {
			found = i
		}
	}
	return found
}

func TestACheckpointIsFollowedForwardsAndBackwards(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source := n.whole("source")
	at := n.finalizedBlock(10)
	fresh := n.node("fresh", n.checkpoint(at))
	d, b := n.drive(fresh, nil)
	d.SetPeer("source", n.status(source))
	n.wantHead(fresh)
	// Where history ends moves with the time that the test takes.
	n.until("history is complete", func() bool { return history{fresh}.EarliestBlock() <= d.historyEnd() })
	end := d.historyEnd()
	n.wantDropped(b)
	for i, signed := range n.r.Blocks[:at] {
		if signed.Message.Slot < end {
			continue
		}
		root := n.r.Blocks[i+1].Message.ParentRoot
		if ok, err := fresh.store.HasBlock(root); !ok || err != nil {
			t.Errorf("block of slot %d is not there: %v", signed.Message.Slot, err)
		}
		have, err := fresh.store.ColumnIndices(root)
		check(t, err)
		if want := n.r.Columns[signed.Message.Slot]; len(have) != len(want) {
			t.Errorf("slot %d: %d columns, want %d", signed.Message.Slot, len(have), len(want))
		}
	}
}

// Of five peers one is right, one does not answer, one sends blocks with a wrong state root, one answers with what was not asked for, and
// one leaves half-way.
func TestBadPeersDoNotKeepANodeFromSyncing(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, empty := n.whole("right"), n.node("empty", nil)
	stall := func(ctx context.Context, _ *reqresp.Call) error { <-ctx.Done(); return ctx.Err() }
	other := func(name string, f reqresp.Handler) {
		n.serve(&node{source.Chain, name, source.store}, func(h map[reqresp.Method]reqresp.Handler) {
			h[reqresp.BlocksByRangeV2] = f
		})
	}
	other("stalls", stall)
	other("wrong", reqresp.On(func(ctx context.Context, call *reqresp.Call, r *reqresp.BlocksByRange) error {
		for _, signed := range n.r.Blocks {
			if slot := signed.Message.Slot; slot >= r.StartSlot && uint64(slot-r.StartSlot) < r.Count {
				wrong := *signed
				wrong.Message.StateRoot[0] ^= 1
				if err := call.Send(ctx, slot, ssz.Container(&wrong)); err != nil {
					return err
				}
				return nil // the next one would not link
			}
		}
		return nil
	}))
	other("elsewhere", reqresp.On(func(ctx context.Context, call *reqresp.Call, r *reqresp.BlocksByRange) error {
		signed := n.r.Blocks[150]
		return call.Send(ctx, signed.Message.Slot, ssz.Container(signed))
	}))
	d, b := n.drive(empty, nil)
	leaves := 0
	other("leaves", reqresp.On(func(ctx context.Context, _ *reqresp.Call, _ *reqresp.BlocksByRange) error {
		if leaves++; leaves > 1 {
			go d.RemovePeer("leaves")
		}
		<-ctx.Done()
		return ctx.Err()
	}))
	for _, id := range []string{"stalls", "wrong", "elsewhere", "leaves", "right"} {
		d.SetPeer(id, n.status(source))
	}
	n.wantHead(empty)
	n.wantDropped(b, "wrong", "elsewhere")
	// What shows that a block is wrong is the transition, or before that columns from others, which are of another block.
	for peer, words := range map[string]string{"stalls": "no answer in", "wrong": "state_root|not those of the chain", "elsewhere": "slot"} {
		if said := b.saidOf(peer); !regexp.MustCompile(words).MatchString(said) {
			t.Errorf("of %s it is said %q, want %q in it", peer, said, words)
		}
	}
	n.wantBlameless(b, "right")
}

// A block whose parents are not known has them looked up, and its columns, which nobody sends by themselves.
func TestUnknownParentsAndMissingColumnsAreLookedUp(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, behind := n.whole("source"), n.node("behind", nil)
	n.growTo(behind, len(n.r.Blocks)-7)
	d, b := n.drive(behind, nil)
	status := n.status(source)
	status.HeadSlot, status.FinalizedEpoch = behind.Snapshot().Head.Slot, 0 // nothing for range sync
	d.SetPeer("source", status)
	outcome, err := behind.ImportBlock(context.Background(), n.r.Head(), chain.Gossip)
	check(t, err)
	if outcome != chain.Deferred {
		t.Fatalf("the head was %v", outcome)
	}
	n.wantHead(behind)
	n.wantDropped(b)
}

func TestAVoteForAnUnknownBlockHasItLookedUp(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, behind := n.whole("source"), n.node("behind", nil)
	n.growTo(behind, len(n.r.Blocks)-7)
	d, _ := n.drive(behind, nil)
	status := n.status(source)
	status.HeadSlot, status.FinalizedEpoch = behind.Snapshot().Head.Slot, 0
	d.SetPeer("source", status)
	root := n.r.Blocks[len(n.r.Blocks)-2].Message.ParentRoot
	d.FindBlock(root, "source")
	n.until("the block is there", func() bool { return behind.Block(root) != nil })
}

// What there is no room for waits, but for what all else waits for; in the end nothing is held.
func TestSyncGoesOnHoweverLittleRoomThereIs(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, empty := n.node("source", nil), n.node("empty", nil)
	n.grow(source)
	for _, name := range []string{"one", "two", "three"} {
		n.serve(&node{source.Chain, name, source.store}, nil)
	}
	d, b := n.drive(empty, func(cfg *Config) { cfg.BatchBytes = 1 })
	for _, name := range []string{"one", "two", "three"} {
		d.SetPeer(name, n.status(source))
	}
	n.wantHead(empty)
	n.wantDropped(b)
	n.until("nothing is held any more", func() bool { return d.room.held.Load() == 0 && d.Progress().Stage == Synced })
	n.wantBlameless(b, "one", "two", "three")
}

// The search for a common block leaves nothing behind.
func TestASurveyHoldsNothing(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, behind := n.whole("source"), n.node("behind", nil)
	n.growTo(behind, len(n.r.Blocks)-40)
	d, _ := n.drive(behind, func(cfg *Config) { cfg.BatchBytes = 1 })
	d.SetPeer("source", n.status(source))
	n.wantHead(behind)
	n.until("nothing is held any more", func() bool {
		contents := make(chan int, 1)
		d.post(func(context.Context) { contents <- len(d.contents) })
		return <-contents == 0 && d.room.held.Load() == 0
	})
}

func TestOnlyWhatAllElseWaitsForGoesBeyondTheBound(t *testing.T) {
	d := &Driver{cfg: Config{BatchBytes: 1000}}
	var f, first fetched
	check(t, d.hold(download.Request{}, &f, 600))
	check(t, d.hold(download.Request{First: true}, &first, 600))
	err := d.hold(download.Request{}, &f, 100)
	if class, _ := classify(err); class != download.Full {
		t.Errorf("more than there is room for: %v", err)
	}
	d.room.release(first.bytes)
	check(t, d.hold(download.Request{}, &f, 100))
	if d.room.release(f.bytes); d.room.held.Load() != 0 {
		t.Errorf("%d bytes are held", d.room.held.Load())
	}
}

// A block that promises more blobs than there may be would have their columns asked for.
func TestABlockWithTooManyBlobsIsNotTaken(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, empty := n.whole("right"), n.node("empty", nil)
	n.serve(&node{source.Chain, "wrong", source.store}, func(h map[reqresp.Method]reqresp.Handler) {
		h[reqresp.BlocksByRangeV2] = reqresp.On(func(ctx context.Context, call *reqresp.Call, r *reqresp.BlocksByRange) error {
			for _, signed := range n.r.Blocks {
				if slot := signed.Message.Slot; slot >= r.StartSlot && uint64(slot-r.StartSlot) < r.Count {
					wrong := *signed
					wrong.Message.Body.BlobKZGCommitments = make([]types.KZGCommitment, 4096)
					return call.Send(ctx, slot, ssz.Container(&wrong))
				}
			}
			return nil
		})
	})
	d, b := n.drive(empty, nil)
	for _, id := range []string{"wrong", "right"} {
		d.SetPeer(id, n.status(source))
	}
	n.wantHead(empty)
	n.wantDropped(b, "wrong")
	if said := b.saidOf("wrong"); !strings.Contains(said, "4096 blobs") {
		t.Errorf("of the wrong one it is said %q", said)
	}
}

// A column with another number of cells than its block has blobs is refused before its proofs are looked at.
func TestAColumnWithAnotherNumberOfCellsIsRefused(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, empty := n.whole("right"), n.node("empty", nil)
	n.serve(&node{source.Chain, "wrong", source.store}, func(h map[reqresp.Method]reqresp.Handler) {
		h[reqresp.ColumnsByRangeV1] = reqresp.On(func(ctx context.Context, call *reqresp.Call, r *reqresp.ColumnsByRange) error {
			for slot := r.StartSlot; uint64(slot-r.StartSlot) < r.Count; slot++ {
				for _, c := range n.r.Columns[slot] {
					wrong := *c
					wrong.Column = append(slices.Clone(c.Column), c.Column[0])
					if slices.Contains(r.Columns, c.Index) {
						return call.Send(ctx, slot, ssz.Container(&wrong))
					}
				}
			}
			return nil
		})
	})
	d, b := n.drive(empty, nil)
	d.SetPeer("wrong", n.status(source))
	n.until("the wrong one is found", func() bool {
		return regexp.MustCompile(`column \d+ of slot \d+ has \d+ cells, its block \d+ blobs`).MatchString(b.saidOf("wrong"))
	})
	d.SetPeer("right", n.status(source))
	n.wantHead(empty)
	n.wantDropped(b, "wrong")
	n.wantBlameless(b, "right")
}

// More results may come as the driver ends than its inbox has room for.
func TestTheDriverEndsHoweverMuchIsUnderWay(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	d, err := New(Config{Spec: n.r.Spec, Chain: n.node("empty", nil).Chain, Clock: n.clock, Peers: &book{}})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	d.post(func(ctx context.Context) {
		for range 3 * inboxLength {
			d.start(ctx, func(ctx context.Context) {
				<-ctx.Done()
				d.post(func(context.Context) {})
			})
		}
		cancel()
	})
	select {
	case err := <-ended:
		check(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the driver does not end")
	}
}

// Events are lost where the driver does not keep up. What is missing is looked for all the same.
func TestWhatLostEventsToldIsLookedFor(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, behind := n.whole("source"), n.node("behind", nil)
	n.growTo(behind, len(n.r.Blocks)-7)
	outcome, err := behind.ImportBlock(context.Background(), n.r.Head(), chain.Gossip) // nobody hears of what it lacks
	check(t, err)
	if outcome != chain.Deferred {
		t.Fatalf("the head was %v", outcome)
	}
	d, b := n.drive(behind, nil)
	status := n.status(source)
	status.HeadSlot, status.FinalizedEpoch = behind.Snapshot().Head.Slot, 0 // nothing for range sync
	d.SetPeer("source", status)
	d.post(func(ctx context.Context) { d.heard(ctx, chain.DroppedEvent{Count: 1}) })
	n.wantHead(behind)
	n.wantDropped(b)
}

// disbeliever is an execution client that calls one payload invalid.
type disbeliever struct {
	believer
	hash types.Hash32
}

func (e disbeliever) NewPayload(_ context.Context, _ params.Fork, r *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	if r.ExecutionPayload.BlockHash == e.hash {
		return engine.PayloadStatus{Status: engine.Invalid, ValidationError: "so it is told"}, nil
	}
	return engine.PayloadStatus{Status: engine.Valid}, nil
}

// A payload that this node's execution client calls invalid is held against nobody, whether range sync or a lookup brought it: its sender may not be able to tell.
func TestAnInvalidPayloadIsHeldAgainstNobody(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source := n.whole("source")
	blocks := n.r.Blocks

	const at = 60
	n.engine = disbeliever{hash: blocks[at].Message.Body.ExecutionPayload.BlockHash}
	empty := n.node("empty", nil)
	d, b := n.drive(empty, nil)
	d.SetPeer("source", n.status(source))
	n.until("range sync gets no further", func() bool {
		return empty.Snapshot().Head.Root == blocks[at].Message.ParentRoot && d.Progress().Stage == Synced
	})
	n.wantDropped(b)
	n.wantBlameless(b, "source")

	n.engine = disbeliever{hash: blocks[len(blocks)-3].Message.Body.ExecutionPayload.BlockHash}
	behind := n.node("behind", nil)
	n.growTo(behind, len(blocks)-7)
	d, b = n.drive(behind, nil)
	status := n.status(source)
	status.HeadSlot, status.FinalizedEpoch = behind.Snapshot().Head.Slot, 0
	d.SetPeer("source", status)
	_, err := behind.ImportBlock(context.Background(), n.r.Head(), chain.Gossip)
	check(t, err)
	n.until("the lookup gets no further", func() bool { return behind.Snapshot().Head.Root == blocks[len(blocks)-3].Message.ParentRoot })
	n.until("the lookup ends", func() bool {
		active := make(chan int, 1)
		d.post(func(context.Context) {
			n, _ := d.lookups.Active(d.clock.Now())
			active <- n
		})
		return <-active == 0
	})
	n.wantDropped(b)
	n.wantBlameless(b, "source")
}
