package devnet

import (
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// traffic sends operations. It belongs to the goroutine that watches.
type traffic struct {
	*network
	setup  *kzg.Context
	nonces [accounts]uint64
	sent   [operations]types.Slot
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

// final are the kinds that are in a finalized block, with the first slot.
func (t *traffic) final(s *seen) map[operation]types.Slot {
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

// lacking are the kinds that are not finalized yet; the validator that was deposited for has to be active besides.
func (t *traffic) lacking(s *seen) (words []string) {
	final := t.final(s)
	for _, o := range t.possible() {
		if _, ok := final[o]; !ok {
			words = append(words, o.String())
		}
	}
	if s.head != nil && t.sent[deposit] != 0 {
		i, known := s.head.ValidatorByPubkey(t.extra().signing.PublicKey().Bytes())
		if !known || s.head.Validators.At(i).ActivationEpoch > s.head.GetCurrentEpoch() {
			words = append(words, "activation of the validator that was deposited for")
		}
	}
	return words
}

// said says what is finalized, and what is not.
func (t *traffic) said(s *seen) string {
	final, lacking := t.final(s), t.lacking(s)
	var words []string
	for o := range operations {
		if at, ok := final[o]; ok {
			words = append(words, fmt.Sprintf("%v (slot %d)", o, at))
		}
	}
	text := "finalized: " + strings.Join(words, ", ")
	if len(lacking) > 0 {
		text += "; not: " + strings.Join(lacking, ", ")
	}
	return text
}
