package devnet

import (
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// An operation is done when the state shows what it does, not before.
func TestEffects(t *testing.T) {
	for o, c := range map[operation]struct {
		do    func(*transition.State)
		words string
	}{
		deposit: {func(s *transition.State) {
			s.Validators.SetActivationEpoch(leastValidators, 0)
		}, "validator 64 is active from epoch 0 on"},
		voluntaryExit: {func(s *transition.State) { s.Validators.SetExitEpoch(exiting, 9) }, "validator 16 leaves in epoch 9"},
		fullWithdrawal: {func(s *transition.State) {
			s.Validators.SetExitEpoch(withdrawing, 9)
			s.Balances.Set(withdrawing, 0)
		}, "validator 17 leaves in epoch 9 and has 0.00 ETH left"},
		partialWithdrawal: {func(s *transition.State) {
			s.PendingDeposits = types.PendingDeposits{}
			s.Balances.Set(partial, 35*params.EthToGwei)
		}, "validator 48 has 35.00 ETH of 36.00"},
		consolidation: {func(s *transition.State) {
			s.Validators.SetExitEpoch(source, 9)
			s.Balances.Set(source, 0)
			s.Balances.Set(target, 64*params.EthToGwei)
		}, "validator 49 leaves in epoch 9, validator 50 has 64.00 ETH"},
		blsChange: {func(s *transition.State) {
			s.Validators.SetWithdrawalCredentials(changing, types.Bytes32{params.Eth1AddressWithdrawalPrefix})
		}, "validator 0 has credentials 01"},
		proposerSlashing: {func(s *transition.State) { s.Validators.SetSlashed(proposerLoss) }, "validator 18 is slashed: true"},
		attesterSlashing: {func(s *transition.State) { s.Validators.SetSlashed(attesterLoss) }, "validator 19 is slashed: true"},
	} {
		keys, err := deriveKeys(leastValidators + 1)
		if err != nil {
			t.Fatal(err)
		}
		spec := specOf(t, "fulu")
		made, err := genesisState(spec, 1_800_000_000, keys[:leastValidators], types.ExecutionAddress{0xaa}, types.ExecutionPayloadHeader{LogsBloom: make([]byte, 256)})
		if err != nil {
			t.Fatal(err)
		}
		s, err := transition.NewState(made, transition.NewEnv(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := transition.AddValidatorToRegistry(s, keys[leastValidators].signing.PublicKey().Bytes(), types.Bytes32{}, spec.MinActivationBalance); err != nil {
			t.Fatal(err)
		}
		traffic := &traffic{network: &network{cfg: Config{Validators: leastValidators}, spec: spec, keys: keys}}
		if words, done := traffic.effect(o, s); done {
			t.Errorf("%v is done before it began: %s", o, words)
		}
		c.do(s)
		if words, done := traffic.effect(o, s); !done || !strings.Contains(words, c.words) {
			t.Errorf("%v: %q, done %t, want %q", o, words, done, c.words)
		}
	}
}
