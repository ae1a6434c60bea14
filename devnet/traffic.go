package devnet

import (
	"context"
	"fmt"
	"math/big"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// traffic sends operations. It belongs to the goroutine that watches.
type traffic struct {
	*network
	setup  *kzg.Context
	nonces [accounts]uint64
	sent   [operations]types.Slot
	final  *transition.State // the finalized one, as far as a node was asked; nil before that
}

func newTraffic(n *network) (*traffic, error) {
	setup, err := kzg.New()
	if err != nil {
		return nil, err
	}
	return &traffic{network: n, setup: setup}, nil
}

// send sends at the beginning of a slot what is due, one operation of a kind a run, and a transfer in every slot. Nothing is sent before an epoch is over: an
// exit is possible from SHARD_COMMITTEE_PERIOD on.
func (t *traffic) send(ctx context.Context, slot types.Slot, s *seen) error {
	if s.head == nil {
		return nil
	}
	began := types.Slot((1 + uint64(t.spec.ShardCommitteePeriod)) * t.spec.SlotsPerEpoch)
	for _, o := range t.possible() {
		start := max(began, types.Slot(uint64(t.spec.ForkEpoch(o.since()))*t.spec.SlotsPerEpoch)+1) + types.Slot(o)
		if slot < start || t.sent[o] != 0 && o != transfer {
			continue
		}
		if err := t.sendOne(ctx, o, s); err != nil {
			return fmt.Errorf("send %v in slot %d: %w", o, slot, err)
		}
		t.sent[o] = slot
	}
	return nil
}

// sendOne sends an operation of a kind.
func (t *traffic) sendOne(ctx context.Context, o operation, s *seen) error {
	switch o {
	case voluntaryExit:
		return t.exit(ctx, s)
	case blsChange:
		return t.change(ctx)
	case proposerSlashing:
		return t.slashProposer(ctx, s)
	case attesterSlashing:
		return t.slashAttester(ctx, s)
	}
	c, err := t.call(o)
	if err != nil {
		return err
	}
	return t.transact(ctx, c)
}

// Addresses of the contracts that take requests. Spec: EIP-7002, EIP-7251.
const (
	withdrawalContract    = "0x00000961Ef480Eb55e80D19ad83579A64c007002"
	consolidationContract = "0x0000BBdDc7CE488642fb579F8B00f3a590007251"
)

// requestFee is paid for each request, wei; the contracts keep it. A queue that is empty asks for 1 wei.
const requestFee = 1000

// call is the transaction of an operation.
func (t *traffic) call(o operation) (c call, err error) {
	c.value = new(big.Int)
	contract := func(address string) error {
		raw, err := parseHex(address)
		copy(c.to[:], raw)
		return err
	}
	key := func(i int) []byte {
		k := t.keys[i].signing.PublicKey().Bytes()
		return k[:]
	}
	switch o {
	case transfer, blobs:
		if c.to, err = accountAddress(1); err != nil {
			return c, err
		}
		c.value.SetUint64(params.EthToGwei)
		if o == blobs {
			c.from = 2 // geth lets no account have both kinds of transactions waiting
			c.blob = new(kzg.Blob)
			copy(c.blob[1:], "devnet") // below the modulus: the first byte of a field element is its highest
		}
	case deposit:
		return t.deposit()
	case fullWithdrawal, partialWithdrawal:
		who, amount := withdrawing, uint64(params.FullExitRequestAmount)
		if o == partialWithdrawal {
			who, amount = partial, params.EthToGwei
		}
		c.data = append(key(who), bigEndian(amount)...)
		c.value.SetUint64(requestFee)
		err = contract(withdrawalContract)
	case consolidation:
		c.data = append(key(source), key(target)...)
		c.value.SetUint64(requestFee)
		err = contract(consolidationContract)
	}
	return c, err
}

// possible are the kinds that the network can have at all.
func (t *traffic) possible() (kinds []operation) {
	for o := range operations {
		if t.spec.ForkEpoch(o.since()) != params.FarFutureEpoch && (t.cfg.Execution == Geth || !o.onExecution()) {
			kinds = append(kinds, o)
		}
	}
	return kinds
}

// look asks for the finalized state when there is another one.
func (t *traffic) look(ctx context.Context, s *seen) (err error) {
	if s.final.Epoch > 0 && (t.final == nil || t.final.GetCurrentEpoch() < s.final.Epoch) {
		t.final, err = t.nodes[0].api.state(ctx, t.env, "finalized")
	}
	return err
}

// finalized are the kinds that are in a finalized block, with the first slot.
func (t *traffic) finalized(s *seen) map[operation]types.Slot {
	found := map[operation]types.Slot{}
	for _, b := range s.ancestors(s.final.Root) {
		for _, o := range b.done {
			if at, known := found[o]; !known || b.slot < at {
				found[o] = b.slot
			}
		}
	}
	return found
}

// done tells whether all kinds are in finalized blocks, with all that they have to do done in the finalized state.
func (t *traffic) done(s *seen) bool {
	finalized := t.finalized(s)
	for _, o := range t.possible() {
		if _, ok := finalized[o]; !ok || t.final == nil {
			return false
		}
		if _, ok := t.effect(o, t.final); !ok {
			return false
		}
	}
	return true
}

// said is a line for each kind.
func (t *traffic) said(s *seen) (lines []string) {
	finalized := t.finalized(s)
	for _, o := range t.possible() {
		at, ok := finalized[o]
		line := fmt.Sprintf("%v: in no finalized block", o)
		if ok {
			line = fmt.Sprintf("%v: finalized in slot %d", o, at)
		}
		if t.final != nil {
			words, done := t.effect(o, t.final)
			if !done {
				words = "not done: " + words
			}
			if words != "" {
				line += "; " + words
			}
		}
		lines = append(lines, line)
	}
	return lines
}
