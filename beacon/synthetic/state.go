package synthetic

import (
	"fmt"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// State makes the state that a config describes, right after the block of its slot, and the chain that goes on from it. It
// fails on a config that makes no sense and when the file of keys cannot be written.
func State(c Config) (*transition.State, *Chain, error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	chain := &Chain{config: c}
	var err error
	if chain.spec, err = c.schedule(); err != nil {
		return nil, nil, err
	}
	if chain.keys, err = NewKeys(c.Seed); err != nil {
		return nil, nil, fmt.Errorf("keys of seed %d: %w", c.Seed, err)
	}
	pubkeys := chain.keys.Pubkeys(0, c.Validators)
	var cache *bls.KeyCache
	if c.KeyFile != "" {
		if cache, err = LoadKeys(c.KeyFile, pubkeys); err != nil {
			return nil, nil, fmt.Errorf("load keys: %w", err)
		}
	}
	b := types.NewBeaconState(chain.spec, c.Fork)
	chain.reshape(b)
	g := fillRegistry(b, &c, pubkeys)
	chain.compounding = g.compounding
	chain.fillHistory(b)
	chain.fillVotes(b, g)
	chain.fillExecution(b)
	chain.fillQueues(b, g)
	if c.Fork >= params.Gloas {
		if err := chain.fillBuilders(b); err != nil {
			return nil, nil, err
		}
	}
	b.PreviousEpochParticipation.Zero(c.Validators)
	b.CurrentEpochParticipation.Zero(c.Validators)
	s, err := transition.NewState(b, transition.NewEnv(cache))
	if err != nil {
		return nil, nil, err
	}
	if err := chain.draw(s); err != nil {
		return nil, nil, fmt.Errorf("draw committees: %w", err)
	}
	return s, chain, chain.participate(s)
}

// reshape lays the empty lists out as the fork's schema wants them.
func (c *Chain) reshape(s *types.BeaconState) {
	for _, list := range []interface{ Reshape(progressive bool) }{
		&s.Validators, &s.Balances, &s.PreviousEpochParticipation, &s.CurrentEpochParticipation, &s.InactivityScores,
		&s.PendingDeposits, &s.PendingPartialWithdrawals, &s.PendingConsolidations, &s.Builders, &s.BuilderPendingWithdrawals,
	} {
		list.Reshape(c.config.Fork >= params.Gloas)
	}
}

// startSlot is the first slot of the state's epoch or of one shortly before; none of them overflows.
func (c *Chain) startSlot(e types.Epoch) types.Slot {
	return types.Slot(uint64(e) * c.spec.SlotsPerEpoch)
}

// fillHistory sets what tells where the state stands, with all histories full.
func (c *Chain) fillHistory(s *types.BeaconState) {
	spec, r := c.spec, newRandom(c.config.Seed, 4)
	noise := func(int) types.Root { return r.root() }
	s.GenesisTime, s.GenesisValidatorsRoot = 1_606_824_023, r.root()
	s.Slot = c.startSlot(epoch) + types.Slot(c.config.SlotInEpoch)
	c.first = s.Slot
	s.Fork = types.Fork{
		PreviousVersion: spec.ForkVersion(c.config.Fork - 1), CurrentVersion: spec.ForkVersion(c.config.Fork),
		Epoch: spec.ForkEpoch(c.config.Fork),
	}
	fill(&s.BlockRoots, int(spec.SlotsPerHistoricalRoot), noise)
	fill(&s.StateRoots, int(spec.SlotsPerHistoricalRoot), noise)
	fill(&s.RandaoMixes, int(spec.EpochsPerHistoricalVector), noise)
	period := spec.SlotsPerHistoricalRoot / spec.SlotsPerEpoch
	fill(&s.HistoricalRoots, int(uint64(spec.CapellaForkEpoch)/period), noise)
	for range uint64(epoch-spec.CapellaForkEpoch) / period {
		s.HistoricalSummaries.Append(types.HistoricalSummary{BlockSummaryRoot: r.root(), StateSummaryRoot: r.root()})
	}
	s.LatestBlockHeader = types.BeaconBlockHeader{
		Slot: s.Slot, ProposerIndex: types.ValidatorIndex(r.Uint64N(uint64(c.config.Validators))),
		ParentRoot: s.BlockRoots.At(int(uint64(s.Slot-1) % spec.SlotsPerHistoricalRoot)), BodyRoot: r.root(),
	}
	s.Eth1Data = types.Eth1Data{DepositRoot: r.root(), DepositCount: uint64(c.config.Validators), BlockHash: types.Hash32(r.root())}
	s.Eth1DepositIndex, s.DepositRequestsStartIndex = s.Eth1Data.DepositCount, s.Eth1Data.DepositCount
	for range uint64(s.Slot) % (spec.EpochsPerEth1VotingPeriod * spec.SlotsPerEpoch) {
		s.Eth1DataVotes.Append(s.Eth1Data)
	}
}

// fillVotes sets the checkpoints, as they are when every epoch is justified and the one before the previous one final.
// Nobody has an inactivity score: they go down to nothing in finality.
func (c *Chain) fillVotes(s *types.BeaconState, g *registry) {
	checkpoint := func(e types.Epoch) types.Checkpoint {
		return types.Checkpoint{Epoch: e, Root: s.BlockRoots.At(int(uint64(c.startSlot(e)) % c.spec.SlotsPerHistoricalRoot))}
	}
	s.JustificationBits = ssz.NewBitvector(params.JustificationBitsLength)
	for i := range uint64(params.JustificationBitsLength) {
		s.JustificationBits.SetBitAt(i, true)
	}
	s.PreviousJustifiedCheckpoint, s.CurrentJustifiedCheckpoint = checkpoint(epoch-2), checkpoint(epoch-1)
	s.FinalizedCheckpoint = checkpoint(epoch - 2)
	for _, flags := range []*plist.Packed[uint8]{&s.PreviousEpochParticipation, &s.CurrentEpochParticipation} {
		fill(flags, c.config.Validators, func(int) uint8 { return 0 })
	}
	fill(&s.InactivityScores, c.config.Validators, func(int) uint64 { return 0 })
	slashings := make([]types.Gwei, c.spec.EpochsPerSlashingsVector)
	slashings[uint64(epoch-10)%c.spec.EpochsPerSlashingsVector] = g.slashed
	fill(&s.Slashings, len(slashings), func(i int) types.Gwei { return slashings[i] })
}

// fillExecution sets what the state knows of the execution layer.
func (c *Chain) fillExecution(s *types.BeaconState) {
	r := newRandom(c.config.Seed, 5)
	s.NextWithdrawalIndex = 100_000_000
	s.NextWithdrawalValidatorIndex = types.ValidatorIndex(c.config.Validators / 2)
	if c.config.Fork >= params.Gloas {
		s.LatestBlockHash = types.Hash32(r.root())
		return
	}
	s.LatestExecutionPayloadHeader = types.ExecutionPayloadHeader{
		ParentHash: types.Hash32(r.root()), StateRoot: r.root(), ReceiptsRoot: r.root(), LogsBloom: r.bytes(int(c.spec.BytesPerLogsBloom)),
		PrevRandao: r.root(), BlockNumber: 24_000_000, GasLimit: gasLimit, GasUsed: gasLimit / 2, ExtraData: r.bytes(20),
		BlockHash: types.Hash32(r.root()), TransactionsRoot: r.root(), WithdrawalsRoot: r.root(),
	}
}

// draw lets the transition choose the sync committees, the proposers and the payload timeliness committees.
func (c *Chain) draw(s *transition.State) error {
	period := types.Epoch(c.spec.EpochsPerSyncCommitteePeriod)
	for _, p := range []struct {
		committee **ssz.Shared[types.SyncCommittee]
		chosen    types.Epoch // the last one of a period
	}{{&s.CurrentSyncCommittee, epoch - epoch%period - period - 1}, {&s.NextSyncCommittee, epoch - epoch%period - 1}} {
		before := s.Copy()
		before.Slot = c.startSlot(p.chosen)
		committee, err := before.GetNextSyncCommittee()
		if err != nil {
			return err
		}
		*p.committee = committee
	}
	var err error
	if s.ProposerLookahead, err = transition.InitializeProposerLookahead(s); err != nil || c.config.Fork < params.Gloas {
		return err
	}
	for slot := c.startSlot(epoch - 1); slot < c.startSlot(epoch+2); slot++ {
		committee, err := s.ComputePTC(slot)
		if err != nil {
			return err
		}
		s.PTCWindow = append(s.PTCWindow, committee)
	}
	return nil
}

// participate sets the votes of all slots but those of the backlog.
func (c *Chain) participate(s *transition.State) error {
	for _, of := range []struct {
		epoch types.Epoch
		flags *plist.Packed[uint8]
	}{{epoch - 1, &s.PreviousEpochParticipation}, {epoch, &s.CurrentEpochParticipation}} {
		sh, err := s.Shuffling(of.epoch)
		if err != nil {
			return err
		}
		end := min(c.startSlot(of.epoch+1), s.Slot+1-types.Slot(c.config.Backlog))
		for slot := c.startSlot(of.epoch); slot < end; slot++ {
			for _, member := range sh.SlotCommittees(slot) {
				of.flags.Set(int(member), c.flags(member, of.epoch))
			}
		}
	}
	return nil
}

// absent tells whether a validator does not vote in an epoch: one in a hundred.
func (c *Chain) absent(member uint32, e types.Epoch) bool {
	return mixed(c.config.Seed, uint64(member), uint64(e))%100 == 0
}

// flags is the participation of a validator in an epoch: two in a hundred votes name another head.
func (c *Chain) flags(member uint32, e types.Epoch) (flags uint8) {
	switch kind := mixed(c.config.Seed, uint64(member), uint64(e)) % 100; {
	case kind == 0:
		return 0
	case kind > 2:
		flags = transition.AddFlag(flags, params.TimelyHeadFlagIndex)
	}
	return transition.AddFlag(transition.AddFlag(flags, params.TimelySourceFlagIndex), params.TimelyTargetFlagIndex)
}
