package producer

import (
	"context"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Preparation says who gets the fees of a validator's blocks. Spec: prepareBeaconProposer.
type Preparation struct {
	Validator    types.ValidatorIndex
	FeeRecipient types.ExecutionAddress
}

// recipient is who gets the fees of a validator, and when that was said last.
type recipient struct {
	address types.ExecutionAddress
	epoch   types.Epoch
}

// preparedEpochs is for how many epochs after its own a preparation holds. Spec: prepareBeaconProposer (beacon-APIs).
const preparedEpochs = 2

// Prepare says who gets the fees of validators' blocks, for this epoch and the next two. It also says that these validators are ours: the
// payloads of their blocks are begun ahead. Indices that no validator has are not kept.
func (p *Producer) Prepare(ctx context.Context, all []Preparation) error {
	head, err := p.cfg.Chain.HeadState(ctx, p.cfg.Chain.Snapshot())
	if err != nil {
		return err
	}
	epoch := p.cfg.Chain.Clock().CurrentEpoch()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range p.mu.recipients {
		if r.epoch+preparedEpochs < epoch {
			delete(p.mu.recipients, i)
		}
	}
	for _, one := range all {
		if uint64(one.Validator) < uint64(head.Validators.Len()) {
			p.mu.recipients[one.Validator] = recipient{one.FeeRecipient, epoch}
		}
	}
	return nil
}

// prepared finds what a validator has said; false if it has said nothing for epochs.
func (p *Producer) prepared(v types.ValidatorIndex) (types.ExecutionAddress, bool) {
	epoch := p.cfg.Chain.Clock().CurrentEpoch()
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.mu.recipients[v]
	return r.address, ok && r.epoch+preparedEpochs >= epoch
}

// recipient is who gets the fees of a proposer's block. Fees are not burnt because nobody has said who gets them.
func (p *Producer) recipient(v types.ValidatorIndex) (types.ExecutionAddress, error) {
	address, ok := p.prepared(v)
	if !ok {
		address = p.cfg.FeeRecipient
	}
	if address == (types.ExecutionAddress{}) {
		return address, fmt.Errorf("%w: validator %d has none, and this node was started without --suggested-fee-recipient; give the validator client a fee recipient", ErrFeeRecipient, v)
	}
	return address, nil
}

// Run has payloads begun ahead of their slots until the context ends: when the chain has brought the head's state to the next slot, and again
// when the head changes after that.
func (p *Producer) Run(ctx context.Context) error {
	events := p.cfg.Chain.Subscribe(64)
	defer events.Close()
	if next, due := p.next(); due { // the event has passed
		p.ahead(ctx, next)
	}
	for {
		select {
		case e := <-events.C:
			next, due := p.next()
			advanced, isAdvanced := e.(chain.AdvancedEvent)
			_, isHead := e.(chain.HeadEvent)
			if isAdvanced && advanced.Slot == next || isHead && due {
				p.ahead(ctx, next)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// next is the slot that comes next, and whether it is so near that its payload is due to be begun.
func (p *Producer) next() (slot types.Slot, due bool) {
	c := p.cfg.Chain.Clock()
	slot = c.CurrentSlot() + 1
	return slot, !c.Now().Before(c.StartOf(slot).Add(-c.SlotDuration() / aheadBy))
}

// aheadBy is how long before a slot its payload is begun at the earliest, in parts of a slot: the chain brings the head's state to the slot then.
const aheadBy = 4

// ahead has the payload of a slot begun, if a validator that was prepared proposes it.
func (p *Producer) ahead(ctx context.Context, slot types.Slot) {
	fork := p.cfg.Chain.Spec().ForkAtSlot(slot)
	p.mu.Lock()
	nobody := len(p.mu.recipients) == 0
	p.mu.Unlock()
	if nobody || fork < params.Bellatrix || fork >= params.Gloas {
		return
	}
	err := p.tryAhead(ctx, slot)
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.Is(err, chain.ErrHeadMoved): // the new head is on its way here
	default:
		p.log.Debug("a payload could not be begun ahead of its slot", "slot", slot, "error", err)
	}
}

func (p *Producer) tryAhead(ctx context.Context, slot types.Slot) error {
	head := p.cfg.Chain.Snapshot().Head
	if head.Slot >= slot {
		return nil
	}
	state, err := p.cfg.Chain.StateAt(ctx, head.Root, slot)
	if err != nil {
		return err
	}
	proposer, err := state.GetBeaconProposerIndex()
	if err != nil {
		return err
	}
	if _, ours := p.prepared(proposer); !ours || !transition.IsMergeTransitionComplete(state) {
		return nil
	}
	want, err := p.order(state, proposer)
	if err != nil {
		return err
	}
	p.mu.Lock()
	same := p.mu.begun.is(want)
	p.mu.Unlock()
	if same {
		return nil
	}
	b, err := p.begin(ctx, want)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.mu.begun = *b
	p.mu.Unlock()
	if p.cfg.Attributes != nil {
		p.cfg.Attributes(*want)
	}
	// Choosing attestations decompresses their signatures, which takes longest of all; the block finds them done.
	_, err = p.cfg.Pool.PackAttestations(state)
	return err
}
