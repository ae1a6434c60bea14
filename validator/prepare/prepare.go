package prepare

import (
	"context"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
)

// Duties says which validators there are, and when one of them proposes.
type Duties interface {
	Validators() []apiclient.ValidatorOf
	Proposes(types.Slot) bool
}

// Config is what a Preparer is made of.
type Config struct {
	duties.Tools
	Duties Duties
	// ByKey has the recipients of some keys, Default that of all others; zero for none.
	ByKey   map[types.BLSPubkey]types.ExecutionAddress
	Default types.ExecutionAddress
}

// Preparer tells nodes where fees go. Recipient may be called by many goroutines.
type Preparer struct{ cfg Config }

// New makes a preparer.
func New(cfg Config) *Preparer { return &Preparer{cfg} }

// Recipient is where the fees of a validator's blocks go; false where nobody said.
func (p *Preparer) Recipient(key types.BLSPubkey) (types.ExecutionAddress, bool) {
	for _, v := range p.cfg.Duties.Validators() {
		if v.Pubkey == key {
			return p.of(v)
		}
	}
	return types.ExecutionAddress{}, false
}

func (p *Preparer) of(v apiclient.ValidatorOf) (types.ExecutionAddress, bool) {
	if a, ok := p.cfg.ByKey[v.Pubkey]; ok {
		return a, true
	}
	if p.cfg.Default != (types.ExecutionAddress{}) {
		return p.cfg.Default, true
	}
	switch v.WithdrawalCredentials[0] {
	case params.Eth1AddressWithdrawalPrefix, params.CompoundingWithdrawalPrefix:
		return types.ExecutionAddress(v.WithdrawalCredentials[12:]), true
	}
	return types.ExecutionAddress{}, false
}

// preparations is what nodes are told, by index; and the validators for which nobody said.
func (p *Preparer) preparations() (list []apiclient.Preparation, without []types.ValidatorIndex) {
	for _, v := range p.cfg.Duties.Validators() {
		if a, ok := p.of(v); ok {
			list = append(list, apiclient.Preparation{Validator: v.Index, Recipient: a})
		} else {
			without = append(without, v.Index)
		}
	}
	return list, without
}

// Run tells the nodes until the context ends.
func (p *Preparer) Run(ctx context.Context) error {
	var told []apiclient.Preparation
	var warned []types.ValidatorIndex
	last := types.Epoch(params.FarFutureEpoch)
	for {
		slot := p.cfg.Clock.CurrentSlot()
		epoch := types.ComputeEpochAtSlot(p.cfg.Spec, slot)
		list, without := p.preparations()
		if len(without) > 0 && !slices.Equal(without, warned) {
			warned = without
			p.cfg.Log.Warn("some validators have no fee recipient and propose nothing; set --suggested-fee-recipient", "validators", len(without), "first", without[0])
		}
		next := p.cfg.Duties.Proposes(slot + 1)
		if len(list) > 0 && (epoch != last || next || !slices.Equal(list, told)) {
			err := p.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error { return c.PrepareProposers(ctx, list) })
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				p.cfg.Log.Warn("no beacon node was told where fees go, this is tried again; look at the beacon nodes if it goes on", "error", err)
			default:
				told, last = list, epoch
			}
		}
		// A quarter into the next slot, when its duties are known.
		begin, wait := p.cfg.Clock.Now(), p.cfg.Clock.SlotDuration()/4
		slot = p.cfg.Clock.CurrentSlot() + 1
		err := p.cfg.Clock.WaitFor(ctx, func() time.Time {
			if len(told) == 0 {
				return begin.Add(wait)
			}
			slot = min(slot, p.cfg.Clock.CurrentSlot()+1) // less than before once the clock was set back
			return p.cfg.Clock.StartOf(slot).Add(wait)
		})
		if err != nil {
			return err
		}
	}
}
