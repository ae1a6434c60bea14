package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// InitializeBeaconStateFromEth1 makes the phase 0 genesis state from the deposits up to an execution block.
// Spec: initialize_beacon_state_from_eth1 (phase0).
func InitializeBeaconStateFromEth1(spec *params.Spec, env *Env, blockHash types.Hash32, timestamp uint64, deposits []types.Deposit) (*State, error) {
	b := types.NewBeaconState(spec, params.Phase0)
	body, err := ssz.HashTreeRoot(b.Cx, ssz.Container(&types.BeaconBlockBody{}))
	if err != nil {
		return nil, err
	}
	b.GenesisTime = timestamp + spec.GenesisDelay
	b.Fork = types.Fork{PreviousVersion: spec.GenesisForkVersion, CurrentVersion: spec.GenesisForkVersion, Epoch: params.GenesisEpoch}
	b.Eth1Data = types.Eth1Data{DepositCount: uint64(len(deposits)), BlockHash: blockHash}
	b.LatestBlockHeader = types.BeaconBlockHeader{BodyRoot: body}
	b.BlockRoots.Zero(int(spec.SlotsPerHistoricalRoot))
	b.StateRoots.Zero(int(spec.SlotsPerHistoricalRoot))
	b.Slashings.Zero(int(spec.EpochsPerSlashingsVector))
	b.RandaoMixes.Zero(int(spec.EpochsPerHistoricalVector))
	for i := range b.RandaoMixes.Len() {
		b.RandaoMixes.Set(i, types.Bytes32(blockHash))
	}
	b.JustificationBits = ssz.NewBitvector(params.JustificationBitsLength)
	s, err := NewState(b, env)
	if err != nil {
		return nil, err
	}
	if err := genesisDeposits(s, deposits); err != nil {
		return nil, err
	}
	for i := range b.Validators.Len() {
		index := types.ValidatorIndex(i)
		balance := b.Balances.At(i)
		effective := min(balance-balance%spec.EffectiveBalanceIncrement, spec.MaxEffectiveBalance)
		b.Validators.SetEffectiveBalance(index, effective)
		if effective == spec.MaxEffectiveBalance {
			b.Validators.SetActivationEligibilityEpoch(index, params.GenesisEpoch)
			b.Validators.SetActivationEpoch(index, params.GenesisEpoch)
		}
	}
	b.GenesisValidatorsRoot, err = ValidatorsRoot(b)
	return s, err
}

// genesisDeposits processes each deposit against the root of the deposits up to it. The leaves are hashed once; the
// tree over them grows by one path a deposit.
func genesisDeposits(s *State, deposits []types.Deposit) error {
	var left [params.DepositContractTreeDepth][32]byte // the left siblings on the way up from the next leaf
	for i := range deposits {
		node := [32]byte(types.HashTreeRoot(&deposits[i].Data))
		open := false // whether node's place on the path was already recorded
		for depth := range params.DepositContractTreeDepth {
			if i>>depth&1 == 1 {
				node = ssz.HashPair(left[depth], node)
				continue
			}
			if !open {
				left[depth], open = node, true
			}
			node = ssz.HashPair(node, ssz.ZeroHash(depth))
		}
		var h ssz.Hasher
		h.Push(node)
		h.MixIn(uint64(i) + 1)
		s.Eth1Data.DepositRoot = h.Pop()
		if err := ProcessDeposit(s, &deposits[i]); err != nil {
			return fmt.Errorf("genesis deposit %d: %w", i, err)
		}
	}
	return nil
}

// ValidatorsRoot is the root of the registry alone: genesis_validators_root when it is that of the genesis state.
func ValidatorsRoot(b *types.BeaconState) (types.Root, error) {
	shape := ssz.Cap(b.Cx.Spec.ValidatorRegistryLimit, b.Since(params.Gloas))
	return ssz.HashTreeRoot(b.Cx, b.Validators.List(shape))
}

// IsValidGenesisState tells whether a candidate may start the chain. Spec: is_valid_genesis_state (phase0).
func IsValidGenesisState(s *State) bool {
	return s.GenesisTime >= s.Spec().MinGenesisTime &&
		uint64(len(s.GetActiveValidatorIndices(params.GenesisEpoch))) >= s.Spec().MinGenesisActiveValidatorCount
}
