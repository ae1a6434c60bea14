package propose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
)

// Duties says who proposes when.
type Duties interface {
	// Proposer is nil for those of others. It waits until it is known, or until the context ends.
	Proposer(context.Context, types.Slot) (*apiclient.ProposerDuty, error)
}

// Recipients says where fees go.
type Recipients interface {
	// Recipient is where the fees of a validator's blocks go; false where nobody said.
	Recipient(types.BLSPubkey) (types.ExecutionAddress, bool)
}

// Protection records blocks before they are signed.
type Protection interface {
	Block(protection.Block) (*protection.Permit, error)
}

// Config is what a Proposer is made of. All but Before is needed.
type Config struct {
	duties.Tools
	Duties     Duties
	Recipients Recipients
	Protection Protection
	Graffiti   func(types.BLSPubkey) types.Bytes32
	// Before is what keys had signed when the process started.
	Before map[types.BLSPubkey]protection.Mark
	// Done hears of every proposal: the root of the block that a node took, or why it was missed.
	Done func(slot types.Slot, block types.Root, missed *duties.Miss)
}

// Proposer proposes.
type Proposer struct{ cfg Config }

// New makes a proposer.
func New(cfg Config) *Proposer { return &Proposer{cfg} }

// Run proposes in every slot of ours from the first one on, until the context ends. Nobody proposes the genesis block.
func (p *Proposer) Run(ctx context.Context, first types.Slot) error {
	return p.cfg.Clock.EachSlot(ctx, max(first, params.GenesisSlot+1), func(slot types.Slot) { p.slot(ctx, slot) })
}

// slot proposes the block of a slot, where that is for us to do; it is given up when the slot is over.
func (p *Proposer) slot(ctx context.Context, slot types.Slot) {
	ctx, cancel := p.cfg.Clock.Until(ctx, p.cfg.Clock.StartOf(slot+1))
	defer cancel()
	duty, err := p.cfg.Duties.Proposer(ctx, slot)
	if err != nil || duty == nil {
		return
	}
	if m := p.cfg.Before[duty.Pubkey]; m.HasBlock && m.Slot == slot {
		p.cfg.Log.Info("the block of this slot was signed before the process started, it is not made again", "slot", slot, "validator", duty.Validator)
		return
	}
	block, root, miss := p.propose(ctx, types.ComputeEpochAtSlot(p.cfg.Spec, slot), duty)
	p.cfg.Done(slot, root, miss)
	if miss != nil {
		p.cfg.Metrics.Duties.WithLabelValues("block", "missed").Inc()
		p.cfg.Log.Error("block missed; "+advice(miss), "slot", slot, "validator", duty.Validator, "why", miss.Why, "error", miss.Err)
		return
	}
	since := p.cfg.Clock.Now().Sub(p.cfg.Clock.StartOf(slot))
	p.cfg.Metrics.Duties.WithLabelValues("block", "published").Inc()
	p.cfg.Metrics.Delay.WithLabelValues("block").Observe(since.Seconds())
	p.cfg.Log.Info("proposed", "slot", slot, "validator", duty.Validator, "parent", block.ParentRoot, "transactions", len(block.Body.ExecutionPayload.Transactions),
		"blobs", len(block.Body.BlobKZGCommitments), "recipient", block.Body.ExecutionPayload.FeeRecipient, "after", since.Round(time.Millisecond))
}

func advice(miss *duties.Miss) string {
	switch {
	case errors.Is(miss, ErrRecipient):
		return "look at the fee recipient that the beacon node was told"
	case errors.Is(miss, errNoRecipient):
		return "set --suggested-fee-recipient"
	case errors.Is(miss, errNotMade):
		return "use a validator client that makes them"
	}
	return miss.Advice()
}

// errNotMade is of forks in which a payload follows its block: nobody would hand it in.
var errNotMade = errors.New("blocks without payloads, which follow in envelopes, are not made by this validator client")

var errNoRecipient = errors.New("nobody said where the fees of this validator's blocks go")

// patience is the part of a slot that a node may take for a block before another one is asked too: a block that comes after a third of the slot gets few votes.
const patience = 6

// propose gives the block that a node took and its root, or why there is none.
func (p *Proposer) propose(ctx context.Context, epoch types.Epoch, duty *apiclient.ProposerDuty) (*types.BeaconBlock, types.Root, *duties.Miss) {
	missed := func(why string, err error) (*types.BeaconBlock, types.Root, *duties.Miss) {
		return nil, types.Root{}, &duties.Miss{Why: why, Err: err}
	}
	if fork := p.cfg.Spec.ForkAtSlot(duty.Slot); fork >= params.Gloas {
		return missed("blocks of this fork are not made", fmt.Errorf("%v: %w", fork, errNotMade))
	}
	info := p.cfg.ForkInfo(epoch)
	o, graffiti := order{duty: *duty}, p.cfg.Graffiti(duty.Pubkey)
	var ok bool
	if o.recipient, ok = p.cfg.Recipients.Recipient(duty.Pubkey); !ok && p.cfg.Spec.ForkAtEpoch(epoch) >= params.Bellatrix {
		return missed("no fee recipient", errNoRecipient)
	}
	var err error
	if o.randao, err = p.cfg.Signer.Sign(info, duty.Pubkey, signer.Randao{Epoch: epoch}); err != nil {
		return missed("not signed", err)
	}
	var made *apiclient.Produced
	err = p.cfg.Retry(ctx, func() (err error) {
		made, err = nodes.Try(ctx, p.cfg.Nodes, p.cfg.Clock.SlotDuration()/patience, func(ctx context.Context, c *apiclient.Client) (*apiclient.Produced, error) {
			made, err := c.ProduceBlock(ctx, p.cfg.Spec, duty.Slot, o.randao, graffiti)
			if err == nil {
				err = check(p.cfg.Spec, o, made)
			}
			return made, err
		})
		return err
	})
	if err != nil {
		if errors.Is(err, ErrRecipient) {
			return missed("the block would have paid somebody else", err)
		}
		return missed("no beacon node made a block", err)
	}
	block := &made.Contents.Block
	if said := block.Body.Graffiti; graffiti != (types.Bytes32{}) && said != graffiti {
		p.cfg.Log.Info("the beacon node has changed the graffiti", "slot", duty.Slot, "says", graffitiText(said), "asked", graffitiText(graffiti))
	}
	cx := ssz.Context{Spec: p.cfg.Spec, Fork: made.Fork}
	root, err := ssz.HashTreeRoot(cx, ssz.Container(block))
	if err != nil {
		return missed("not signed", err)
	}
	signingRoot, err := p.cfg.Signer.BlockRoot(info, block)
	if err != nil {
		return missed("not signed", err)
	}
	permit, err := p.cfg.Protection.Block(protection.Block{Key: duty.Pubkey, Slot: duty.Slot, SigningRoot: signingRoot})
	switch {
	case errors.Is(err, protection.ErrUnusable):
		return missed("slashing protection failed", err)
	case err != nil:
		return missed("slashing protection refused", err)
	}
	signature, err := p.cfg.Signer.SignBlock(info, duty.Pubkey, block, permit)
	if err != nil {
		return missed("not signed", err)
	}
	signed := &types.SignedBlockContents{
		SignedBlock: types.SignedBeaconBlock{Message: *block, Signature: signature}, KZGProofs: made.Contents.KZGProofs, Blobs: made.Contents.Blobs,
	}
	var warn sync.Once
	err = p.cfg.Send(ctx, func(ctx context.Context, c *apiclient.Client) error {
		imported, err := c.PublishBlock(ctx, cx, signed)
		if err == nil && !imported {
			warn.Do(func() {
				p.cfg.Log.Warn("a beacon node published the block and could not import it; look at its log for why, as the chain may leave the block", "slot", duty.Slot, "node", c)
			})
		}
		return err
	})
	if err != nil {
		return missed("no beacon node took the block", err)
	}
	return block, root, nil
}

// graffitiText is graffiti as people write them.
func graffitiText(b types.Bytes32) string { return strings.TrimRight(string(b[:]), "\x00") }
