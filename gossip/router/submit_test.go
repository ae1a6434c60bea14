package router

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// resign signs a block again after it was changed.
func (w *world) resign(parent simnet.Tip, block *types.SignedBeaconBlock) {
	w.t.Helper()
	epoch := types.ComputeEpochAtSlot(w.net.Spec(), block.Message.Slot)
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.net.Spec(), Fork: w.net.Spec().ForkAtSlot(block.Message.Slot)}, ssz.Container(&block.Message))
	check(w.t, err)
	block.Signature = w.net.Sign(parent, block.Message.ProposerIndex, root, params.DomainBeaconProposer(), epoch)
}

// pair is two nodes that have each other as peers, at the beginning of slot 1.
func pair(t *testing.T, fork params.Fork) (w *world, a, b *node) {
	t.Helper()
	w = newWorld(t, specOf(t, fork))
	a, b = w.node(), w.node()
	w.join(a, b)
	w.at(1, 100)
	return w, a, b
}

func TestASubmittedBlockIsImportedHereAndSentToOthers(t *testing.T) {
	t.Parallel()
	for _, level := range []Level{GossipLevel, ConsensusLevel, EquivocationLevel} {
		w, a, b := pair(t, params.Electra)
		block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
		check(t, a.router.SubmitBlock(context.Background(), Proposal{Block: block, Level: level}))
		if a.chain.Snapshot().Head.Root != tip.Root {
			t.Errorf("level %d: the block is not the head", level)
		}
		w.until("the block is the other's head", b.hasHead(tip.Root))
		check(t, a.router.SubmitBlock(context.Background(), Proposal{Block: block, Level: level})) // again
	}
}

func TestABlockThatBreaksARuleOfTheChainIsSentOnlyIfNobodyAskedForMore(t *testing.T) {
	t.Parallel()
	for level, sent := range map[Level]bool{GossipLevel: true, ConsensusLevel: false, EquivocationLevel: false} {
		w, a, b := pair(t, params.Electra)
		block, _ := w.block(w.net.Genesis(), 1, simnet.Content{})
		block.Message.StateRoot[3] ^= 1
		w.resign(w.net.Genesis(), block)
		err := a.router.SubmitBlock(context.Background(), Proposal{Block: block, Level: level})
		var notImported *NotImportedError
		var rejected *chain.RejectedError
		if errors.As(err, &notImported) != sent || !errors.As(err, &rejected) {
			t.Errorf("level %d: error is %v", level, err)
		}
		if sent {
			w.until("the other has it too", func() bool {
				_, seen := b.rules.Seen().Proposal(1, block.Message.ProposerIndex)
				return seen
			})
			continue
		}
		// What is sent afterwards on the same connection comes, so that the block was not on its way.
		good, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
		check(t, a.router.send(context.Background(), a.topicOf(gossip.BeaconBlock), a.encode(gossip.BeaconBlock, good)))
		w.until("the good block is the other's head", b.hasHead(tip.Root))
	}
}

func (n *node) topicOf(kind gossip.Kind) gossip.Topic {
	n.t.Helper()
	topic, err := n.world.of.Topic(kind, 0, n.chain.Clock().CurrentEpoch())
	check(n.t, err)
	return topic
}

func (n *node) encode(kind gossip.Kind, object ssz.Object) []byte {
	n.t.Helper()
	data, err := n.world.of.Encode(n.topicOf(kind), object)
	check(n.t, err)
	return data
}

func TestASecondBlockOfAProposerIsRefused(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, params.Electra)
	first, _ := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "first"})
	second, _ := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "second"})
	check(t, a.router.SubmitBlock(context.Background(), Proposal{Block: first}))
	var decision gossip.Decision
	if err := a.router.SubmitBlock(context.Background(), Proposal{Block: second}); !errors.As(err, &decision) || !decision.Seen {
		t.Errorf("error is %v, want that another block was seen", err)
	}
	if err := a.router.SubmitBlock(context.Background(), Proposal{Block: second, Level: EquivocationLevel}); !errors.Is(err, ErrEquivocation) {
		t.Errorf("error is %v, want ErrEquivocation", err)
	}
}

func TestABlockThatCameOnAnotherWayMakesASecondOneAnEquivocation(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, params.Electra)
	first, _ := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "first"})
	second, _ := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "second"})
	a.add(first)
	err := a.router.SubmitBlock(context.Background(), Proposal{Block: second, Level: EquivocationLevel})
	if !errors.Is(err, ErrEquivocation) {
		t.Errorf("error is %v, want ErrEquivocation", err)
	}
}

// The other block waits for its columns, and is on no branch.
func TestABlockThatWaitsMakesASecondOneAnEquivocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Fulu))
	a := w.node(0, 1)
	w.at(1, 100)
	setup, err := trustedSetup()
	check(t, err)
	_, commitment, err := simnet.Blob(setup, 1)
	check(t, err)
	first, _ := w.block(w.net.Genesis(), 1, simnet.Content{Commitments: []types.KZGCommitment{commitment}})
	second, _ := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "second"})
	if outcome, err := a.chain.ImportBlock(context.Background(), first, chain.Gossip); err != nil || outcome != chain.Deferred {
		t.Fatalf("a block without its columns was %v, %v", outcome, err)
	}
	err = a.router.SubmitBlock(context.Background(), Proposal{Block: second, Level: EquivocationLevel})
	if !errors.Is(err, ErrEquivocation) {
		t.Errorf("error is %v, want ErrEquivocation", err)
	}
	check(t, a.router.SubmitBlock(context.Background(), Proposal{Block: second, Level: ConsensusLevel}))
}

func TestWhatARuleHoldsAgainstABlockIsTheError(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, params.Electra)
	parent, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	child, _ := w.block(tip, 2, simnet.Content{})
	w.at(2, 100)
	var decision gossip.Decision
	if err := a.router.SubmitBlock(context.Background(), Proposal{Block: child}); !errors.As(err, &decision) || decision.Verdict != gossip.Defer || decision.Wait.Root != tip.Root {
		t.Errorf("error is %v, want that the parent is not known", err)
	}
	parent.Signature[4] ^= 1
	if err := a.router.SubmitBlock(context.Background(), Proposal{Block: parent}); !errors.As(err, &decision) || decision.Verdict != gossip.Reject {
		t.Errorf("error is %v, want a rejection", err)
	}
}

// withoutData hands a block with a blob in to the first of two nodes without its columns, which ColumnsOf makes for any block with that blob.
func withoutData(t *testing.T) (w *world, a, b *node, block *types.SignedBeaconBlock, tip simnet.Tip, columnsOf func(*types.SignedBeaconBlock) []*types.DataColumnSidecar) {
	t.Helper()
	w = newWorld(t, specOf(t, params.Fulu))
	setup, err := trustedSetup()
	check(t, err)
	a, b = w.node(0, 1), w.node(0, 1)
	w.joinColumns(a, b, 0, 1)
	blob, commitment, err := simnet.Blob(setup, 1)
	check(t, err)
	block, tip = w.block(w.net.Genesis(), 1, simnet.Content{Commitments: []types.KZGCommitment{commitment}})
	w.at(1, 100)
	if err := a.router.SubmitBlock(context.Background(), Proposal{Block: block}); !errors.As(err, new(*NotImportedError)) || !errors.Is(err, chain.ErrDataMissing) {
		t.Fatalf("error is %v, want that the data is missing", err)
	}
	return w, a, b, block, tip, func(of *types.SignedBeaconBlock) []*types.DataColumnSidecar {
		columns, err := w.net.Columns(setup, of, blob)
		check(t, err)
		return columns
	}
}

// A block that came without its data waits for it; the block handed in again with its columns brings them, here and to others.
func TestAKnownBlockThatBringsNewDataGetsItSent(t *testing.T) {
	t.Parallel()
	w, a, b, block, tip, columnsOf := withoutData(t)
	columns := columnsOf(block)
	data := func() (Data, error) { return Data{Columns: columns}, nil }
	check(t, a.router.SubmitBlock(context.Background(), Proposal{Block: block, Data: data}))
	if a.chain.Snapshot().Head.Root != tip.Root {
		t.Error("the block is not the head")
	}
	w.until("the block is the other's head", b.hasHead(tip.Root))
	missing, err := a.chain.MissingColumns(tip.Root)
	if check(t, err); len(missing) != 0 {
		t.Errorf("columns %v are missing", missing)
	}
	// Whoever listens hears of the block and of each column once, as of those that peers send.
	if got, want := a.pooled(), 1+int(w.net.Spec().NumberOfColumns); got != want {
		t.Errorf("%d messages were told of, want %d", got, want)
	}
}

// A block's root says nothing of its signature: a known block that is handed in with another one is not sent, nor are its columns.
func TestAKnownBlockWithAWrongSignatureIsNotSent(t *testing.T) {
	t.Parallel()
	w, a, _, block, tip, columnsOf := withoutData(t)
	other, _ := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "other"})
	wrong := *block
	wrong.Signature = other.Signature
	columns := columnsOf(&wrong)
	pooled := a.pooled()
	err := a.router.SubmitBlock(context.Background(), Proposal{Block: &wrong, Data: func() (Data, error) { return Data{Columns: columns}, nil }})
	if !errors.Is(err, bls.ErrSignature) {
		t.Fatalf("error is %v, want that the signature is wrong", err)
	}
	if missing, err := a.chain.MissingColumns(tip.Root); err != nil || len(missing) == 0 || a.pooled() != pooled {
		t.Errorf("columns %v are missing, %v; %d messages were sent", missing, err, a.pooled()-pooled)
	}
}

func TestBlobsBeforeFuluTravelWithTheirBlock(t *testing.T) {
	t.Parallel()
	w, a, b := pair(t, params.Electra)
	w.until("the mesh of the blob's subnet is there", func() bool { return a.sees(b, gossip.BlobSidecar, 0) })
	setup, err := trustedSetup()
	check(t, err)
	blob, commitment, err := simnet.Blob(setup, 1)
	check(t, err)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{Commitments: []types.KZGCommitment{commitment}})
	blobs, err := w.net.BlobSidecars(setup, block, blob)
	check(t, err)
	bad := *blobs[0]
	bad.Blob = slices.Clone(bad.Blob)
	bad.Blob[40] ^= 1
	err = a.router.SubmitBlock(context.Background(), Proposal{Block: block, Data: func() (Data, error) { return Data{Blobs: []*types.BlobSidecar{&bad}}, nil }})
	if err == nil || errors.As(err, new(*NotImportedError)) {
		t.Fatalf("a block with a wrong blob gives %v", err)
	}
	check(t, a.router.SubmitBlock(context.Background(), Proposal{Block: block, Data: func() (Data, error) { return Data{Blobs: blobs}, nil }, Level: ConsensusLevel}))
	w.until("the block is the other's head", b.hasHead(tip.Root))
}

func TestAMessageHandedInTwiceIsNoError(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, params.Electra)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	a.add(block)
	vote, subnet := w.vote(tip, 1, w.voters(tip, 1)[0])
	for range 2 {
		check(t, a.router.Publish(context.Background(), gossip.BeaconAttestation, subnet, vote))
	}
	if a.pooled() != 1 {
		t.Errorf("the pool got %d votes", a.pooled())
	}
	vote, subnet = w.vote(tip, 2, w.voters(tip, 2)[0])
	var decision gossip.Decision
	if err := a.router.Publish(context.Background(), gossip.BeaconAttestation, subnet, vote); !errors.As(err, &decision) || decision.Verdict != gossip.Defer {
		t.Errorf("a vote of a slot to come gives %v", err)
	}
}
