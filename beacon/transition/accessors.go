package transition

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/types"
)

// GetCurrentEpoch is the epoch of the state's slot. Spec: get_current_epoch (phase0).
func (s *State) GetCurrentEpoch() types.Epoch { return types.ComputeEpochAtSlot(s.Spec(), s.Slot) }

// GetPreviousEpoch is the epoch before, at genesis the same one. Spec: get_previous_epoch (phase0).
func (s *State) GetPreviousEpoch() types.Epoch {
	if e := s.GetCurrentEpoch(); e > params.GenesisEpoch {
		return e - 1
	}
	return params.GenesisEpoch
}

// GetBlockRoot is the block root at the start of a recent epoch. Spec: get_block_root (phase0).
func (s *State) GetBlockRoot(epoch types.Epoch) (types.Root, error) {
	slot, err := types.ComputeStartSlotAtEpoch(s.Spec(), epoch)
	if err != nil {
		return types.Root{}, err
	}
	return s.GetBlockRootAtSlot(slot)
}

// GetBlockRootAtSlot is the block root at a recent slot. Spec: get_block_root_at_slot (phase0).
func (s *State) GetBlockRootAtSlot(slot types.Slot) (types.Root, error) {
	history := types.Slot(s.Spec().SlotsPerHistoricalRoot)
	if slot >= s.Slot || s.Slot-slot > history {
		return types.Root{}, broken("slot < state.slot <= slot + SLOTS_PER_HISTORICAL_ROOT", slot, fmt.Sprintf("within %d before %d", history, s.Slot))
	}
	return s.BlockRoots.At(int(slot % history)), nil
}

// GetRandaoMix is the mix of a recent epoch. Spec: get_randao_mix (phase0).
func (s *State) GetRandaoMix(epoch types.Epoch) types.Bytes32 {
	return s.RandaoMixes.At(int(uint64(epoch) % s.Spec().EpochsPerHistoricalVector))
}

// GetSeed is the seed of an epoch for a purpose. Spec: get_seed (phase0).
func (s *State) GetSeed(epoch types.Epoch, kind types.DomainType) types.Bytes32 {
	mix := s.GetRandaoMix(epoch + types.Epoch(s.Spec().EpochsPerHistoricalVector) - s.Spec().MinSeedLookahead - 1)
	var data [44]byte
	copy(data[:4], kind[:])
	binary.LittleEndian.PutUint64(data[4:], uint64(epoch))
	copy(data[12:], mix[:])
	return sha256.Sum256(data[:])
}

// hashWithUint64 is hash(seed + uint_to_bytes(n)).
func hashWithUint64(seed types.Bytes32, n uint64) types.Bytes32 {
	var data [40]byte
	copy(data[:], seed[:])
	binary.LittleEndian.PutUint64(data[32:], n)
	return sha256.Sum256(data[:])
}

// GetDomain is the signature domain of a message of an epoch. Spec: get_domain (phase0).
func (s *State) GetDomain(kind types.DomainType, epoch types.Epoch) types.Domain {
	version := s.Fork.CurrentVersion
	if epoch < s.Fork.Epoch {
		version = s.Fork.PreviousVersion
	}
	return types.ComputeDomain(kind, version, s.GenesisValidatorsRoot)
}

// GetTotalActiveBalance is the effective balance of all active validators, at least one increment.
// Spec: get_total_active_balance, get_total_balance (phase0).
func (s *State) GetTotalActiveBalance() types.Gwei {
	epoch := s.GetCurrentEpoch()
	if !s.total.known || s.total.epoch != epoch {
		s.total.known, s.total.epoch = true, epoch
		s.total.balance = max(s.activeBalance(epoch), s.Spec().EffectiveBalanceIncrement)
	}
	return s.total.balance
}

func (s *State) activeBalance(epoch types.Epoch) (sum types.Gwei) {
	for i := 0; i < s.Validators.Len(); {
		run := s.Validators.From(i)
		i += len(run.EffectiveBalance)
		for k, balance := range run.EffectiveBalance {
			if run.ActivationEpoch[k] <= epoch && epoch < run.ExitEpoch[k] {
				sum += balance
			}
		}
	}
	return sum
}

// IsActiveValidator tells whether a validator is active at an epoch. Spec: is_active_validator (phase0).
func IsActiveValidator(v *types.Validator, epoch types.Epoch) bool {
	return v.ActivationEpoch <= epoch && epoch < v.ExitEpoch
}

// IsSlashableValidator tells whether a validator can be slashed at an epoch. Spec: is_slashable_validator (phase0).
func IsSlashableValidator(v *types.Validator, epoch types.Epoch) bool {
	return !v.Slashed && v.ActivationEpoch <= epoch && epoch < v.WithdrawableEpoch
}

// GetActiveValidatorIndices lists the validators active at an epoch. Spec: get_active_validator_indices (phase0).
func (s *State) GetActiveValidatorIndices(epoch types.Epoch) []uint32 {
	shares := make([][]uint32, runtime.GOMAXPROCS(0))
	_ = plist.Parallel(s.Validators.Len(), anywhere, func(share, from, to int) error {
		shares[share] = s.activeBetween(epoch, from, to)
		return nil
	})
	return slices.Concat(shares...)
}

// anywhere lets plist.Parallel cut where it likes: what is only read needs no branches of its own.
func anywhere(i int) int { return i }

// activeBetween lists the active validators from one to before another. Active ones and others stand side by side all over
// the registry, so that each index is written and only the active ones counted.
func (s *State) activeBetween(epoch types.Epoch, from, to int) []uint32 {
	out, n := make([]uint32, to-from), 0
	for i := from; i < to; {
		run := s.Validators.From(i)
		count := min(len(run.Slashed), to-i)
		for k := range count {
			out[n] = uint32(i + k)
			n += int(bit(run.ActivationEpoch[k] <= epoch) & bit(epoch < run.ExitEpoch[k]))
		}
		i += count
	}
	return out[:n]
}

// IncreaseBalance adds to a validator's balance. Spec: increase_balance (phase0).
func (s *State) IncreaseBalance(i types.ValidatorIndex, delta types.Gwei) error {
	sum, err := s.Balances.At(int(i)).Add(delta)
	if err != nil {
		return fmt.Errorf("balance of validator %d: %w", i, err)
	}
	s.Balances.Set(int(i), sum)
	return nil
}

// DecreaseBalance takes from a validator's balance, down to nothing. Spec: decrease_balance (phase0).
func (s *State) DecreaseBalance(i types.ValidatorIndex, delta types.Gwei) {
	have := s.Balances.At(int(i))
	s.Balances.Set(int(i), have-min(have, delta))
}
