package transition

import (
	"fmt"
	"math"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Env is what the states of one chain share. It may be used by many goroutines.
type Env struct {
	Keys       *bls.KeyCache
	Shufflings *ShufflingCache
	Deposits   *DepositCache
}

// NewEnv makes an Env with empty caches; keys may be nil for a cache without a file.
func NewEnv(keys *bls.KeyCache) *Env {
	if keys == nil {
		keys = bls.NewKeyCache()
	}
	return &Env{Keys: keys, Shufflings: NewShufflingCache(DefaultShufflingBytes), Deposits: NewDepositCache()}
}

// State is a beacon state with what is derived from it. Derived values are computed when first asked for and hold until
// the state leaves the epoch or slot they are for. A State thus belongs to one goroutine, even to read; others are given a
// Copy, which that goroutine makes for them.
type State struct {
	*types.BeaconState
	env *Env

	shufflings [3]*Shuffling // of the epochs around the current one, in no order
	active     *activeSet
	total      struct { // get_total_active_balance
		known   bool
		epoch   types.Epoch
		balance types.Gwei
	}
	proposer struct { // get_beacon_proposer_index, before fulu
		known bool
		slot  types.Slot
		index types.ValidatorIndex
	}
	participation participation
	exits         exitQueue // before electra
	increments    *increments
}

// NewState derives what a transition needs from a beacon state and registers its validators' keys. It fails on a state whose
// lists do not fit each other or whose balances are beyond any arithmetic.
func NewState(b *types.BeaconState, env *Env) (*State, error) {
	if n := b.Validators.Len(); n > math.MaxUint32 {
		return nil, fmt.Errorf("registry has %d validators, this client holds at most %d", n, uint32(math.MaxUint32))
	}
	if err := checkColumns(b); err != nil {
		return nil, err
	}
	if err := checkStake(b); err != nil {
		return nil, err
	}
	s := &State{BeaconState: b, env: env}
	for i := range b.Validators.Len() {
		if err := env.Keys.Add(uint64(i), b.Validators.Pubkey(types.ValidatorIndex(i))); err != nil {
			return nil, fmt.Errorf("register key of validator %d: %w", i, err)
		}
	}
	return s, nil
}

// checkColumns checks that the lists with an element for each validator have as many.
func checkColumns(b *types.BeaconState) error {
	lists := []struct {
		name  string
		since params.Fork
		len   int
	}{
		{"balances", params.Phase0, b.Balances.Len()},
		{"previous_epoch_participation", params.Altair, b.PreviousEpochParticipation.Len()},
		{"current_epoch_participation", params.Altair, b.CurrentEpochParticipation.Len()},
		{"inactivity_scores", params.Altair, b.InactivityScores.Len()},
	}
	for _, list := range lists {
		if b.Since(list.since) && list.len != b.Validators.Len() {
			return broken("len(state."+list.name+") == len(state.validators)", list.len, b.Validators.Len())
		}
	}
	return nil
}

// checkStake checks that sums of effective balances, multiplied as the end of an epoch does, fit 64 bits. Deposits cannot
// bring them there, as no validator gets more than MAX_EFFECTIVE_BALANCE in effect.
func checkStake(b *types.BeaconState) (err error) {
	spec, sum := b.Cx.Spec, types.Gwei(0)
	for i := 0; i < b.Validators.Len(); {
		run := b.Validators.From(i).EffectiveBalance
		for k, balance := range run {
			if sum, err = sum.Add(balance); err != nil {
				return fmt.Errorf("effective balance of validator %d: %w", i+k, err)
			}
		}
		i += len(run)
	}
	if _, err = sum.Mul(3); err != nil {
		return fmt.Errorf("effective balance of all validators: %w", err)
	}
	sum = 0
	for i := range b.Slashings.Len() {
		if sum, err = sum.Add(b.Slashings.At(i)); err != nil {
			return fmt.Errorf("slashings[%d]: %w", i, err)
		}
	}
	multiplier := max(spec.ProportionalSlashingMultiplier, spec.ProportionalSlashingMultiplierAltair, spec.ProportionalSlashingMultiplierBellatrix)
	if _, err = sum.Mul(multiplier); err != nil {
		return fmt.Errorf("all slashings: %w", err)
	}
	return nil
}

// Copy gives an independent state. It shares memory with s until one of them writes.
func (s *State) Copy() *State {
	c := *s
	c.BeaconState = s.BeaconState.Copy()
	return &c
}

// Spec is the spec of the state's chain.
func (s *State) Spec() *params.Spec { return s.Cx.Spec }

// Env is what the state shares with others.
func (s *State) Env() *Env { return s.env }

// keyAt gives the key of a validator to the key cache.
func (s *State) keyAt(i uint64) ([48]byte, bool) {
	if i >= uint64(s.Validators.Len()) {
		return [48]byte{}, false
	}
	return s.Validators.Pubkey(types.ValidatorIndex(i)), true
}

// ValidatorByPubkey finds the index of the validator with a key.
func (s *State) ValidatorByPubkey(key types.BLSPubkey) (types.ValidatorIndex, bool) {
	i, ok := s.env.Keys.Lookup(key, s.keyAt)
	return types.ValidatorIndex(i), ok
}

// publicKey is the decompressed key of a validator in the registry.
func (s *State) publicKey(i types.ValidatorIndex) (*bls.PublicKey, error) {
	key, err := s.env.Keys.PublicKey(uint64(i), s.Validators.Pubkey(i))
	if err != nil {
		return nil, fmt.Errorf("key of validator %d: %w", i, err)
	}
	return key, nil
}

// checkValidator fails on an index that is not in the registry.
func (s *State) checkValidator(i types.ValidatorIndex) error {
	if uint64(i) >= uint64(s.Validators.Len()) {
		return broken("validator index is in the registry", i, fmt.Sprintf("below %d", s.Validators.Len()))
	}
	return nil
}
