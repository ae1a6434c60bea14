package producer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Why no block is made, for errors.Is.
var (
	// ErrFork: blocks of the slot's fork are not made.
	ErrFork = errors.New("blocks of this fork cannot be produced")
	// ErrSlot: the slot is not the present or the next one, or the head is not before it.
	ErrSlot = errors.New("no block can be produced for this slot")
	// ErrOptimistic: the execution client has not verified the block to build on. Spec: sync/optimistic.md.
	ErrOptimistic = errors.New("the execution client has not verified the block to build on")
	// ErrRandao: the reveal is not the proposer's.
	ErrRandao = errors.New("the randao reveal is not the proposer's")
	// ErrDeposits: the state demands deposits of the deposit contract.
	ErrDeposits = errors.New("the state demands deposits that this node does not follow")
	// ErrFeeRecipient: nobody has said who gets the fees.
	ErrFeeRecipient = errors.New("no fee recipient is known")
)

// Payloads gives payloads that were asked for; an *engine.Client does.
type Payloads interface {
	GetPayload(ctx context.Context, fork params.Fork, id engine.PayloadID) (*engine.BuiltPayload, error)
}

// Config is what a Producer is made of.
type Config struct {
	Chain    *chain.Chain
	Pool     *pool.Pool
	Payloads Payloads
	Log      *slog.Logger
	// FeeRecipient gets the fees of blocks whose proposer has not said who shall; zero for nobody: such a block is then refused.
	FeeRecipient types.ExecutionAddress
	// Graffiti stands in blocks whose proposer asks for none.
	Graffiti types.Bytes32
	// BuildTime is how long a payload is given to be filled. Default a 24th of a slot, 500 ms on mainnet: one that was begun ahead is older when its slot begins.
	BuildTime time.Duration
	// Attributes hears of payloads that were begun ahead; it must not wait. It may be nil.
	Attributes func(Begun)
}

// Producer makes blocks.
type Producer struct {
	cfg Config
	log *slog.Logger

	mu struct {
		sync.Mutex
		recipients map[types.ValidatorIndex]recipient
		begun      begun // the payload of the next slot, if it was begun ahead
	}
}

// New makes a Producer. It starts nothing.
func New(cfg Config) *Producer {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.BuildTime == 0 {
		cfg.BuildTime = cfg.Chain.Spec().SlotDuration() / 24
	}
	p := &Producer{cfg: cfg, log: cfg.Log}
	p.mu.recipients = map[types.ValidatorIndex]recipient{}
	return p
}

// Produce makes the block of a slot, the present one or the next, on the head or, where that came too late, on its parent.
// Spec: block proposal (phase0/validator.md; modified altair to fulu), compute_new_state_root.
func (p *Producer) Produce(ctx context.Context, r Request) (*Produced, error) {
	out, err := p.produce(ctx, r)
	if errors.Is(err, chain.ErrHeadMoved) { // a block has come, or the last votes: what is built on the head of now counts
		out, err = p.produce(ctx, r)
	}
	if err != nil {
		return nil, fmt.Errorf("produce block of slot %d: %w", r.Slot, err)
	}
	return out, nil
}

func (p *Producer) produce(ctx context.Context, r Request) (*Produced, error) {
	fork := p.cfg.Chain.Spec().ForkAtSlot(r.Slot)
	if fork >= params.Gloas {
		return nil, fmt.Errorf("%w: %v", ErrFork, fork)
	}
	parent, err := p.parent(ctx, r.Slot)
	if err != nil {
		return nil, err
	}
	state, err := p.cfg.Chain.StateAt(ctx, parent, r.Slot)
	if err != nil {
		return nil, err
	}
	block, err := draft(state, parent, &r)
	if err != nil {
		return nil, err
	}
	if r.Graffiti == (types.Bytes32{}) {
		block.Body.Graffiti = p.cfg.Graffiti
	}
	out := &Produced{Fork: fork, Block: block}
	// The execution client and the pool are asked at the same time; each has a state of its own.
	payload := make(chan error, 1)
	own := state.Copy()
	go func() { payload <- p.payload(ctx, own, out) }()
	ops, err := fill(p.cfg.Pool, state)
	if failed := <-payload; failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	ops.into(&block.Body)
	return out, finish(state, out)
}

// parent is the block to build on.
func (p *Producer) parent(ctx context.Context, slot types.Slot) (types.Root, error) {
	c := p.cfg.Chain
	now := c.Clock().CurrentSlot()
	if slot != now && slot != now+1 {
		return types.Root{}, fmt.Errorf("%w: it is slot %d", ErrSlot, now)
	}
	root := c.Snapshot().Head.Root
	if slot == now { // before that the head may still become strong
		node, err := c.ProposerHead(ctx, slot)
		if err != nil {
			return types.Root{}, err
		}
		root = node.Root
	}
	b := c.Block(root)
	switch {
	case b == nil:
		return types.Root{}, fmt.Errorf("block %v: %w", root, chain.ErrUnknownBlock)
	case b.Slot >= slot:
		return types.Root{}, fmt.Errorf("%w: the head is of slot %d", ErrSlot, b.Slot)
	case b.ExecutionStatus() != forkchoice.Valid && b.ExecutionBlockHash != (types.Hash32{}):
		return types.Root{}, fmt.Errorf("%w: %v of slot %d; wait until the execution client has synced", ErrOptimistic, root, b.Slot)
	}
	return root, nil
}

// draft is a block with what is known without pool and payload. It checks what the proposer has given, and what the state demands.
func draft(state *transition.State, parent types.Root, r *Request) (*types.BeaconBlock, error) {
	proposer, err := state.GetBeaconProposerIndex()
	if err != nil {
		return nil, err
	}
	if due, err := transition.ExpectedDeposits(state); err != nil {
		return nil, err
	} else if due > 0 {
		return nil, fmt.Errorf("%w: %d from index %d of the deposit contract on; deposits come as requests of the execution layer from electra on", ErrDeposits, due, state.Eth1DepositIndex)
	}
	block := &types.BeaconBlock{Slot: r.Slot, ProposerIndex: proposer, ParentRoot: parent}
	// The eth1 vote repeats the state's.
	block.Body.RandaoReveal, block.Body.Graffiti, block.Body.Eth1Data = r.RandaoReveal, r.Graffiti, state.Eth1Data
	if r.SkipRandao {
		return block, nil
	}
	var epoch types.Root
	binary.LittleEndian.PutUint64(epoch[:], uint64(state.GetCurrentEpoch()))
	root := types.ComputeSigningRoot(epoch, state.GetDomain(params.DomainRandao(), state.GetCurrentEpoch()))
	key, err := state.Frozen().PublicKey(proposer)
	if err != nil {
		return nil, err
	}
	signature, err := bls.SignatureFromBytes(r.RandaoReveal[:])
	if err != nil || !bls.Verify(key, root[:], signature) {
		return nil, fmt.Errorf("%w: validator %d proposes", ErrRandao, proposer)
	}
	return block, nil
}

// contents is what a block has from the pool.
type contents struct {
	pool.Operations
	attestations []types.Attestation
	sync         types.SyncAggregate
}

// fill asks the pool for the contents of a block.
func fill(from *pool.Pool, state *transition.State) (c contents, err error) {
	c.Operations = from.SelectOperations(state)
	if c.attestations, err = from.PackAttestations(state); err != nil {
		return c, err
	}
	if state.Since(params.Altair) {
		root, err := state.GetBlockRootAtSlot(state.Slot - 1)
		if err != nil {
			return c, err
		}
		if c.sync, err = from.SyncAggregate(state.Slot-1, root); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *contents) into(body *types.BeaconBlockBody) {
	body.ProposerSlashings, body.AttesterSlashings, body.Attestations = c.ProposerSlashings, c.AttesterSlashings, c.attestations
	body.VoluntaryExits, body.BLSToExecutionChanges, body.SyncAggregate = c.VoluntaryExits, c.BLSToExecutionChanges, c.sync
}

// finish applies the block to its state, which gives the state root and what the proposer is paid.
func finish(state *transition.State, out *Produced) error {
	var paid rewards
	if _, err := transition.ProcessBlock(state, out.Block, transition.Hooks{Rewards: &paid}); err != nil {
		return err
	}
	var err error
	out.Block.StateRoot, err = state.HashTreeRoot()
	out.ConsensusValue = wei(uint64(paid))
	return err
}

// rewards adds up what the proposer of a block is paid, in Gwei.
type rewards types.Gwei

// BlockReward implements transition.RewardReporter.
func (r *rewards) BlockReward(_ transition.RewardSource, amount types.Gwei) { *r += rewards(amount) }

// SyncCommitteeReward implements transition.RewardReporter.
func (r *rewards) SyncCommitteeReward(types.ValidatorIndex, types.Gwei, types.Gwei) {}

// AttestationReward implements transition.RewardReporter.
func (r *rewards) AttestationReward(types.ValidatorIndex, transition.AttestationDuty, types.Gwei, types.Gwei) {
}

// wei is an amount of Gwei in wei.
func wei(gwei uint64) (out ssz.Uint256) {
	product := new(big.Int).Mul(new(big.Int).SetUint64(gwei), big.NewInt(1e9))
	product.FillBytes(out[:])
	slices.Reverse(out[:])
	return out
}
