package simnet

import (
	"fmt"

	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Network is a network whose validators all belong to the test. It may be used by many goroutines; states of tips may not be written
// to.
type Network struct {
	spec    *params.Spec
	keys    synthetic.Keys
	env     *transition.Env
	genesis Tip
}

// Tip is a block that others can build on.
type Tip struct {
	Root types.Root
	Slot types.Slot
	// State is the one after the block, frozen.
	State *transition.State
	// Payload is the block's own payload where it travels alone, from Gloas on; Full whether descendants build on it.
	Payload *types.SignedExecutionPayloadEnvelope
	Full    bool

	number, below uint64 // of the block's payload, and of the one that it builds on
}

// next is the number of the payload of a block on the tip.
func (t Tip) next() uint64 {
	if t.State.Since(params.Gloas) && !t.Full {
		return t.below + 1
	}
	return t.number + 1
}

// Spec is the minimal preset with a fork from genesis on.
func Spec(fork params.Fork) (*params.Spec, error) {
	config := "PRESET_BASE: minimal\nCONFIG_NAME: simnet\nTERMINAL_TOTAL_DIFFICULTY: 0\n"
	for _, f := range params.Forks() {
		if f == params.Phase0 {
			continue
		}
		epoch := params.FarFutureEpoch
		if f <= fork {
			epoch = 0
		}
		config += fmt.Sprintf("%s_FORK_EPOCH: %d\n", upper(f.String()), uint64(epoch))
	}
	spec, _, err := params.Minimal().Override([]byte(config))
	return spec, err
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// genesisHash is the execution block that the first payload builds on.
var genesisHash = types.Hash32{0x67, 0x65, 0x6e}

const gasLimit = 60_000_000

// New makes a network of validators with 32 ETH each, which are active from genesis on. With Bellatrix and a terminal total difficulty it
// begins before the merge.
func New(spec *params.Spec, validators int, genesisTime uint64) (*Network, error) {
	return NewWith(spec, validators, genesisTime, func(i int, _ types.BLSPubkey) types.Bytes32 {
		return types.Bytes32{0: params.Eth1AddressWithdrawalPrefix, 31: byte(i)}
	})
}

// NewWith is New with withdrawal credentials of the caller's choice.
func NewWith(spec *params.Spec, validators int, genesisTime uint64, credentials func(i int, key types.BLSPubkey) types.Bytes32) (*Network, error) {
	keys, err := synthetic.NewKeys(1)
	if err != nil {
		return nil, err
	}
	n := &Network{spec: spec, keys: keys, env: transition.NewEnv(nil)}
	s, err := transition.InitializeBeaconStateFromEth1(spec, n.env, types.Hash32{1}, genesisTime-spec.GenesisDelay, nil)
	if err != nil {
		return nil, err
	}
	for i, key := range keys.Pubkeys(0, validators) {
		if err := transition.AddValidatorToRegistry(s, key, credentials(i, key), spec.MaxEffectiveBalance); err != nil {
			return nil, err
		}
		s.Validators.SetActivationEligibilityEpoch(types.ValidatorIndex(i), params.GenesisEpoch)
		s.Validators.SetActivationEpoch(types.ValidatorIndex(i), params.GenesisEpoch)
	}
	s.Eth1Data.DepositCount, s.Eth1DepositIndex = uint64(validators), uint64(validators)
	if s.GenesisValidatorsRoot, err = transition.ValidatorsRoot(s.BeaconState); err != nil {
		return nil, err
	}
	fork := spec.GenesisFork()
	for f := params.Altair; f <= fork; f++ {
		if f == params.Gloas {
			header := &s.LatestExecutionPayloadHeader
			header.BlockHash, header.GasLimit = genesisHash, gasLimit
		}
		if err := transition.Upgrade(s, f); err != nil {
			return nil, fmt.Errorf("genesis of %v: %w", f, err)
		}
	}
	beforeMerge := fork == params.Bellatrix && spec.TerminalTotalDifficulty != (params.Uint256{})
	if fork >= params.Bellatrix && fork < params.Gloas && !beforeMerge {
		header := &s.LatestExecutionPayloadHeader
		header.BlockHash, header.GasLimit = genesisHash, gasLimit
	}
	if fork >= params.Gloas {
		// The genesis block has promised nothing: the first payload builds on what the execution client begins with.
		s.LatestExecutionPayloadBid = types.ExecutionPayloadBid{ParentBlockHash: genesisHash, GasLimit: gasLimit}
	}
	body := types.BeaconBlockBody{}
	body.SyncAggregate.SyncCommitteeBits = ssz.NewBitvector(spec.SyncCommitteeSize)
	body.ExecutionPayload.LogsBloom = make([]byte, spec.BytesPerLogsBloom)
	if s.LatestBlockHeader.BodyRoot, err = ssz.HashTreeRoot(s.Cx, ssz.Container(&body)); err != nil {
		return nil, err
	}
	n.genesis, err = tipOf(s)
	return n, err
}

// tipOf freezes a state right after its block.
func tipOf(s *transition.State) (Tip, error) {
	root, err := s.Freeze()
	if err != nil {
		return Tip{}, err
	}
	header := s.LatestBlockHeader
	header.StateRoot = root
	return Tip{Root: types.HashTreeRoot(&header), Slot: s.Slot, State: s}, nil
}

// TipAt is the tip of a block that is known from elsewhere, by the frozen state after it (before Gloas).
func TipAt(root types.Root, s *transition.State) Tip {
	number := s.LatestExecutionPayloadHeader.BlockNumber
	return Tip{Root: root, Slot: s.LatestBlockHeader.Slot, State: s, number: number, below: number - min(number, 1)}
}

// Spec is the spec of the network.
func (n *Network) Spec() *params.Spec { return n.spec }

// Genesis is the first tip.
func (n *Network) Genesis() Tip { return n.genesis }

// GenesisState is the genesis state, for a chain to begin with.
func (n *Network) GenesisState() *types.BeaconState { return n.genesis.State.BeaconState.Copy() }

// Engine makes an execution client that knows the network's genesis; secret may be nil to let everyone in.
func (n *Network) Engine(secret []byte) (*mock.Engine, error) {
	return mock.New(n.EngineConfig(secret))
}

// EngineConfig is what Engine makes an execution client of.
func (n *Network) EngineConfig(secret []byte) mock.Config {
	return mock.Config{
		Spec: n.spec, GenesisTime: n.genesis.State.GenesisTime, Secret: secret, Genesis: mock.Genesis{Hash: genesisHash, GasLimit: gasLimit},
	}
}
