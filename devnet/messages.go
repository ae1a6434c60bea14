package devnet

import (
	"context"
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

func bigEndian(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// sign signs a message for a domain.
func sign(key *bls.SecretKey, message ssz.Object, domain types.Domain) types.BLSSignature {
	root := types.ComputeSigningRoot(types.HashTreeRoot(message), domain)
	return key.Sign(root[:]).Bytes()
}

// exit is a voluntary exit. Its domain is that of Capella for good (EIP-7044).
func (t *traffic) exit(ctx context.Context, s *seen) error {
	message := types.VoluntaryExit{Epoch: s.head.GetCurrentEpoch(), ValidatorIndex: exiting}
	domain := types.ComputeDomain(params.DomainVoluntaryExit(), t.spec.CapellaForkVersion, t.genesis.GenesisValidatorsRoot)
	signed := &types.SignedVoluntaryExit{Message: message, Signature: sign(t.keys[exiting].signing, &message, domain)}
	return t.nodes[0].api.submit(ctx, "/eth/v1/beacon/pool/voluntary_exits", firstFork, signed, false)
}

// change is a change of BLS credentials to the account.
func (t *traffic) change(ctx context.Context) error {
	account, err := accountAddress(0)
	if err != nil {
		return err
	}
	key := t.keys[changing].withdrawal
	message := types.BLSToExecutionChange{ValidatorIndex: changing, FromBLSPubkey: key.PublicKey().Bytes(), ToExecutionAddress: account}
	domain := types.ComputeDomain(params.DomainBLSToExecutionChange(), t.spec.GenesisForkVersion, t.genesis.GenesisValidatorsRoot)
	signed := &types.SignedBLSToExecutionChange{Message: message, Signature: sign(key, &message, domain)}
	return t.nodes[0].api.submit(ctx, "/eth/v1/beacon/pool/bls_to_execution_changes", firstFork, signed, true)
}

// slashProposer proves that a sacrificed validator made two headers for the slot of the head.
func (t *traffic) slashProposer(ctx context.Context, s *seen) error {
	domain := s.head.GetDomain(params.DomainBeaconProposer(), s.head.GetCurrentEpoch())
	header := func(body byte) (h types.SignedBeaconBlockHeader) {
		h.Message = types.BeaconBlockHeader{Slot: s.head.Slot, ProposerIndex: proposerLoss, ParentRoot: s.headRoot, BodyRoot: types.Root{body}}
		h.Signature = sign(t.keys[proposerLoss].signing, &h.Message, domain)
		return h
	}
	slashing := &types.ProposerSlashing{SignedHeader1: header(1), SignedHeader2: header(2)}
	return t.nodes[0].api.submit(ctx, "/eth/v1/beacon/pool/proposer_slashings", s.head.Cx.Fork, slashing, false)
}

// slashAttester proves that a sacrificed validator voted twice for the target of the head's epoch.
func (t *traffic) slashAttester(ctx context.Context, s *seen) error {
	epoch := s.head.GetCurrentEpoch()
	domain := s.head.GetDomain(params.DomainBeaconAttester(), epoch)
	vote := func(block byte) (a types.IndexedAttestation) {
		a.AttestingIndices = []types.ValidatorIndex{attesterLoss}
		a.Data = types.AttestationData{
			Slot: s.head.Slot, BeaconBlockRoot: types.Root{block}, Source: s.head.CurrentJustifiedCheckpoint, Target: types.Checkpoint{Epoch: epoch, Root: types.Root{block}},
		}
		a.Signature = sign(t.keys[attesterLoss].signing, &a.Data, domain)
		return a
	}
	slashing := &types.AttesterSlashing{Attestation1: vote(1), Attestation2: vote(2)}
	return t.nodes[0].api.submit(ctx, "/eth/v2/beacon/pool/attester_slashings", s.head.Cx.Fork, slashing, false)
}

// depositSelector is the first four bytes of the hash of deposit(bytes,bytes,bytes,bytes32).
var depositSelector = [...]byte{0x22, 0x89, 0x51, 0x18}

// deposit is a deposit of 32 ETH for a new validator. Spec: solidity_deposit_contract.
func (t *traffic) deposit() (c call, err error) {
	account, err := accountAddress(0)
	if err != nil {
		return c, err
	}
	data := types.DepositData{Pubkey: t.extra().signing.PublicKey().Bytes(), Amount: t.spec.MinActivationBalance}
	data.WithdrawalCredentials[0] = params.Eth1AddressWithdrawalPrefix
	copy(data.WithdrawalCredentials[12:], account[:])
	message := types.DepositMessage{Pubkey: data.Pubkey, WithdrawalCredentials: data.WithdrawalCredentials, Amount: data.Amount}
	data.Signature = sign(t.extra().signing, &message, types.ComputeDomain(params.DomainDeposit(), t.spec.GenesisForkVersion, types.Root{}))
	root := types.HashTreeRoot(&data)
	word := func(n uint64) []byte { return slices.Concat(make([]byte, 24), bigEndian(n)) }
	// Solidity's encoding: where the three byte strings begin, the root, and each string after its length, filled up to words of 32 bytes.
	const key, credentials, signature = 128, 128 + 32 + 64, 128 + 32 + 64 + 32 + 32
	c.data = slices.Concat(depositSelector[:], word(key), word(credentials), word(signature), root[:],
		word(48), data.Pubkey[:], make([]byte, 16), word(32), data.WithdrawalCredentials[:], word(96), data.Signature[:])
	c.to = t.spec.DepositContractAddress
	c.value = new(big.Int).Mul(new(big.Int).SetUint64(uint64(data.Amount)), big.NewInt(params.EthToGwei))
	return c, nil
}
