package router

import (
	"context"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// Level is how much of a block is checked before it is sent. Spec: BroadcastValidation (beacon-APIs).
type Level uint8

// The levels. Each one contains those before it.
const (
	GossipLevel       Level = iota // the rules of gossip
	ConsensusLevel                 // all but what the payload's transactions say
	EquivocationLevel              // no other block of the same proposer and slot is known, or waits for something
)

// Data is what belongs to a block and travels apart from it: columns from Fulu on, blobs before.
type Data struct {
	Columns []*types.DataColumnSidecar
	Blobs   []*types.BlobSidecar
}

// Proposal is a block that a validator asks this node to send and import.
type Proposal struct {
	Block *types.SignedBeaconBlock
	// Data makes what travels apart from the block, once that is worth the work; nil for nothing.
	Data  func() (Data, error)
	Level Level
}

// NotImportedError says that a block was sent, but could not be imported.
type NotImportedError struct{ Err error }

func (e *NotImportedError) Error() string {
	return "the block was sent but not imported: " + e.Err.Error()
}

// Unwrap gives the reason.
func (e *NotImportedError) Unwrap() error { return e.Err }

// ErrEquivocation means that another block of the same proposer and slot is known.
var ErrEquivocation = errors.New("the proposer has made another block in the same slot")

// SubmitBlock checks a block and its data as if they had come from a peer, sends them and imports them. A block that was accepted before is
// sent and imported with what its data brings besides. What does not pass the level asked for is not sent: the error is a gossip.Decision,
// ErrEquivocation, or why the data or the block is wrong; what was sent and not imported is a *NotImportedError. Nobody having heard of it is
// no error.
func (r *Router) SubmitBlock(ctx context.Context, p Proposal) error {
	if r.mesh.Load() == nil {
		return ErrNotRunning
	}
	block := &p.Block.Message
	cx := ssz.Context{Spec: r.cfg.Spec, Fork: r.cfg.Spec.ForkAtSlot(block.Slot)}
	root, err := ssz.HashTreeRoot(cx, ssz.Container(block))
	if err != nil {
		return fmt.Errorf("block of slot %d: %w", block.Slot, err)
	}
	topic, err := r.cfg.Network.Topic(gossip.BeaconBlock, 0, types.ComputeEpochAtSlot(r.cfg.Spec, block.Slot))
	if err != nil {
		return err
	}
	checked, decision := r.cfg.Rules.Check(topic, p.Block, r.now()).Conclude()
	if decision.Verdict != gossip.Accept {
		first, _ := r.cfg.Rules.Seen().Proposal(block.Slot, block.ProposerIndex)
		switch {
		case !decision.Seen:
			return decision
		case first != root && p.Level == EquivocationLevel:
			return fmt.Errorf("%w: block %v of slot %d by proposer %d, after %v", ErrEquivocation, root, block.Slot, block.ProposerIndex, first)
		case first != root:
			return decision
		}
		// The block is known, but a root says nothing of the signature, which goes out with the block and its data.
		if err := r.cfg.Chain.VerifyProposer(ctx, p.Block, root); err != nil {
			return fmt.Errorf("block %v of slot %d: %w", root, block.Slot, err)
		}
	}
	s := &submission{Proposal: p, router: r, id: chain.BlockID{Slot: block.Slot, Root: root}, topic: topic, cx: cx, checked: checked}
	if err := s.takeData(ctx); err != nil {
		return fmt.Errorf("data of block %v: %w", root, err)
	}
	return s.run(context.WithoutCancel(ctx)) // a client that goes away does not end what was begun
}

// submission is a proposal under way.
type submission struct {
	Proposal
	router *Router
	id     chain.BlockID
	topic  gossip.Topic
	cx     ssz.Context
	// checked is the block as gossip's rules accepted it; nil if it was known before.
	checked gossip.Checked
	data    Data
	sent    bool
}

// takeData checks what belongs to the block and hands it to the chain, so that the block finds it.
func (s *submission) takeData(ctx context.Context) (err error) {
	if s.Data == nil {
		return nil
	}
	if s.data, err = s.Data(); err != nil {
		return err
	}
	if len(s.data.Columns) > 0 {
		verified, err := s.router.cfg.Chain.VerifyColumns(s.id, &s.Block.Message, s.data.Columns)
		if err != nil {
			return err
		}
		s.router.cfg.Chain.HoldColumns(verified)
	}
	for _, blob := range s.data.Blobs {
		if of := types.HashTreeRoot(&blob.SignedBlockHeader.Message); of != s.id.Root {
			return fmt.Errorf("blob %d is of block %v, want %v", blob.Index, of, s.id.Root)
		}
	}
	if len(s.data.Blobs) > 0 {
		return s.router.cfg.Chain.ImportBlobs(ctx, s.data.Blobs)
	}
	return nil
}

// run sends and imports, in the order that the level asks for.
func (s *submission) run(ctx context.Context) error {
	importing := s.router.cfg.Chain
	if s.Level == GossipLevel {
		if err := s.send(ctx); err != nil {
			return err
		}
		if _, err := importing.ImportBlock(ctx, s.Block, chain.API); err != nil {
			return &NotImportedError{err}
		}
		return nil
	}
	_, err := importing.ImportBlockTelling(ctx, s.Block, chain.API, func() error { return s.send(ctx) })
	switch {
	case err != nil && s.sent:
		return &NotImportedError{err}
	case err == nil && !s.sent: // it was known
		return s.send(ctx)
	}
	return err
}

// send publishes the block and what is new of its data.
func (s *submission) send(ctx context.Context) error {
	if s.Level == EquivocationLevel {
		if err := s.checkEquivocation(ctx); err != nil {
			return err
		}
	}
	data, err := s.router.cfg.Network.Encode(s.topic, s.Block)
	if err != nil {
		return err
	}
	if err := s.router.send(ctx, s.topic, data); err != nil && !errors.Is(err, ErrNoPeers) {
		return err
	}
	s.sent = true
	if s.checked != nil {
		s.router.pool(s.checked)
	}
	proposer, all := s.Block.Message.ProposerIndex, s.router.cfg.Spec.NumberOfColumns
	for _, column := range s.data.Columns {
		first, _ := s.router.columns.see(s.id.Root, s.id.Slot, column.Index, all)
		noted := s.router.cfg.Rules.Seen().NoteColumn(column, s.id.Root, s.id.Slot, proposer)
		if first {
			s.router.pool(noted)
			s.sendPart(ctx, gossip.DataColumnSidecar, das.ComputeSubnetForDataColumnSidecar(s.cx.Spec, column.Index), column)
		}
	}
	for _, blob := range s.data.Blobs {
		s.sendPart(ctx, gossip.BlobSidecar, types.ComputeSubnetForBlobSidecar(s.cx.Spec, s.cx.Fork, blob.Index), blob)
	}
	return nil
}

// sendPart publishes a column or blob. The block is out already, and others can do without a part of it.
func (s *submission) sendPart(ctx context.Context, kind gossip.Kind, subnet uint64, object ssz.Object) {
	topic, err := s.router.cfg.Network.Topic(kind, subnet, types.ComputeEpochAtSlot(s.cx.Spec, s.id.Slot))
	var data []byte
	if err == nil {
		data, err = s.router.cfg.Network.Encode(topic, object)
	}
	if err == nil {
		err = s.router.send(ctx, topic, data)
	}
	if err != nil && !errors.Is(err, ErrNoPeers) {
		s.router.log.Warn("a part of this node's block was not sent; look at the connections to peers", "block", s.id.Root, "slot", s.id.Slot, "kind", kind, "error", err)
	}
}

// checkEquivocation looks for another block of the same proposer and slot.
func (s *submission) checkEquivocation(ctx context.Context) error {
	other, found, err := s.router.cfg.Chain.OtherProposal(ctx, &s.Block.Message, s.id.Root)
	if err == nil && found {
		err = fmt.Errorf("%w: block %v of slot %d by proposer %d, after %v", ErrEquivocation, s.id.Root, s.id.Slot, s.Block.Message.ProposerIndex, other)
	}
	return err
}
