package devnet

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// genesisState makes the state that the beacon chain begins with: validators active from genesis on, above an execution layer that begins with the
// block of the header. Nothing was deposited in the deposit contract so far.
func genesisState(spec *params.Spec, time uint64, keys []validatorKeys, account types.ExecutionAddress, header types.ExecutionPayloadHeader) (*types.BeaconState, error) {
	s, err := transition.InitializeBeaconStateFromEth1(spec, transition.NewEnv(nil), header.BlockHash, time-spec.GenesisDelay, nil)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		c := credentials(keys[i], i, account)
		if err := transition.AddValidatorToRegistry(s, keys[i].signing.PublicKey().Bytes(), c, genesisBalance(spec, i)); err != nil {
			return nil, fmt.Errorf("validator %d of genesis: %w", i, err)
		}
		s.Validators.SetActivationEligibilityEpoch(types.ValidatorIndex(i), params.GenesisEpoch)
		s.Validators.SetActivationEpoch(types.ValidatorIndex(i), params.GenesisEpoch)
	}
	var empty ssz.Hasher
	empty.Push(ssz.ZeroHash(params.DepositContractTreeDepth))
	empty.MixIn(0)
	s.Eth1Data.DepositRoot = empty.Pop()
	if s.GenesisValidatorsRoot, err = transition.ValidatorsRoot(s.BeaconState); err != nil {
		return nil, err
	}
	for fork := params.Altair; fork <= spec.GenesisFork(); fork++ {
		if err := transition.Upgrade(s, fork); err != nil {
			return nil, fmt.Errorf("genesis of %v: %w", fork, err)
		}
	}
	s.LatestExecutionPayloadHeader = header
	body := types.BeaconBlockBody{}
	body.SyncAggregate.SyncCommitteeBits = ssz.NewBitvector(spec.SyncCommitteeSize)
	body.ExecutionPayload.LogsBloom = make([]byte, spec.BytesPerLogsBloom)
	if s.LatestBlockHeader.BodyRoot, err = ssz.HashTreeRoot(s.Cx, ssz.Container(&body)); err != nil {
		return nil, err
	}
	return s.BeaconState, nil
}
