package propose

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
)

// Duties says who proposes when.
type Duties interface {
	Proposer(types.Slot) (apiclient.ProposerDuty, bool)
	ForkInfo(types.Epoch) signer.ForkInfo
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

// Config is what a Proposer is made of. All but Graffiti is needed.
type Config struct {
	Spec       *params.Spec
	Clock      *clock.Clock
	Nodes      *nodes.Nodes
	Duties     Duties
	Recipients Recipients
	Signer     *signer.Signer
	Protection Protection
	Graffiti   types.Bytes32
	Log        *slog.Logger
	Metrics    *metrics.Validator
	// Done hears of every proposal: why is empty where it was taken.
	Done func(epoch types.Epoch, why string)
}

// Proposer proposes.
type Proposer struct{ cfg Config }

// New makes a proposer.
func New(cfg Config) *Proposer { return &Proposer{cfg} }

// Run proposes in every slot of ours after one, until the context ends.
func (p *Proposer) Run(ctx context.Context, handled types.Slot) error {
	var slots sync.WaitGroup
	defer slots.Wait()
	return p.cfg.Clock.Slots(ctx, handled, func() {
		if duty, ok := p.cfg.Duties.Proposer(p.cfg.Clock.CurrentSlot()); ok {
			slots.Go(func() { p.slot(ctx, duty) })
		}
	})
}

// slot proposes the block of a slot; it is given up when the slot is over.
func (p *Proposer) slot(ctx context.Context, duty apiclient.ProposerDuty) {
	start := p.cfg.Clock.StartOf(duty.Slot)
	ctx, cancel := p.cfg.Clock.Until(ctx, p.cfg.Clock.StartOf(duty.Slot+1))
	defer cancel()
	epoch := types.ComputeEpochAtSlot(p.cfg.Spec, duty.Slot)
	block, why, err := p.propose(ctx, epoch, duty)
	if err != nil {
		p.cfg.Metrics.Duties.WithLabelValues("block", "missed").Inc()
		p.cfg.Log.Error("block missed; "+advice(err), "slot", duty.Slot, "validator", duty.Validator, "why", why, "error", err)
		p.cfg.Done(epoch, why)
		return
	}
	since := p.cfg.Clock.Now().Sub(start)
	p.cfg.Metrics.Duties.WithLabelValues("block", "published").Inc()
	p.cfg.Metrics.Delay.WithLabelValues("block").Observe(since.Seconds())
	p.cfg.Done(epoch, "")
	p.cfg.Log.Info("proposed", "slot", duty.Slot, "validator", duty.Validator, "parent", block.ParentRoot, "transactions", len(block.Body.ExecutionPayload.Transactions),
		"blobs", len(block.Body.BlobKZGCommitments), "recipient", block.Body.ExecutionPayload.FeeRecipient, "after", since.Round(time.Millisecond))
}

func advice(err error) string {
	switch {
	case errors.Is(err, protection.ErrSlashable):
		return "make sure that no other process has this key"
	case errors.Is(err, protection.ErrNotRegistered):
		return "import the key's slashing protection, or register it"
	case errors.Is(err, protection.ErrUnusable):
		return "stop, and look at the slashing protection database"
	case errors.Is(err, ErrRecipient):
		return "look at the fee recipient that the beacon node was told"
	case errors.Is(err, errNoRecipient):
		return "set --suggested-fee-recipient"
	}
	return "look at the beacon nodes"
}

var errNoRecipient = errors.New("nobody said where the fees of this validator's blocks go")

// propose gives the block that a node took, or why there is none.
func (p *Proposer) propose(ctx context.Context, epoch types.Epoch, duty apiclient.ProposerDuty) (*types.BeaconBlock, string, error) {
	info := p.cfg.Duties.ForkInfo(epoch)
	o := order{duty: duty, graffiti: p.cfg.Graffiti}
	var ok bool
	if o.recipient, ok = p.cfg.Recipients.Recipient(duty.Pubkey); !ok && p.cfg.Spec.ForkAtEpoch(epoch) >= params.Bellatrix {
		return nil, "no fee recipient", errNoRecipient
	}
	var err error
	if o.randao, err = p.cfg.Signer.Sign(info, duty.Pubkey, signer.Randao{Epoch: epoch}); err != nil {
		return nil, "not signed", err
	}
	var made *apiclient.Produced
	err = p.cfg.Nodes.Retry(ctx, p.cfg.Clock.SlotDuration()/16, func() (err error) {
		made, err = nodes.Try(ctx, p.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (*apiclient.Produced, error) {
			made, err := c.ProduceBlock(ctx, p.cfg.Spec, duty.Slot, o.randao, o.graffiti)
			if err == nil {
				err = check(p.cfg.Spec, o, made)
			}
			return made, err
		})
		return err
	})
	if err != nil {
		if errors.Is(err, ErrRecipient) {
			return nil, "the block would have paid somebody else", err
		}
		return nil, "no beacon node made a block", err
	}
	block := &made.Contents.Block
	root, err := p.cfg.Signer.BlockRoot(info, block)
	if err != nil {
		return nil, "not signed", err
	}
	permit, err := p.cfg.Protection.Block(protection.Block{Key: duty.Pubkey, Slot: duty.Slot, SigningRoot: root})
	if err != nil {
		return nil, "slashing protection refused", err
	}
	signature, err := p.cfg.Signer.SignBlock(info, duty.Pubkey, block, permit)
	if err != nil {
		return nil, "not signed", err
	}
	signed := &types.SignedBlockContents{
		SignedBlock: types.SignedBeaconBlock{Message: *block, Signature: signature}, KZGProofs: made.Contents.KZGProofs, Blobs: made.Contents.Blobs,
	}
	cx := ssz.Context{Spec: p.cfg.Spec, Fork: made.Fork}
	err = p.cfg.Nodes.Retry(ctx, p.cfg.Clock.SlotDuration()/16, func() error {
		return p.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error { return c.PublishBlock(ctx, cx, signed) })
	})
	if err != nil {
		return nil, "no beacon node took the block", err
	}
	return block, "", nil
}
