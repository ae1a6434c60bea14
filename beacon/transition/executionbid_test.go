package transition

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// revealed makes a Gloas state with a bid of builder 0 and the envelope that fulfils it, signed.
func revealed(t *testing.T) (*State, *types.SignedExecutionPayloadEnvelope) {
	t.Helper()
	s := testState(t, params.Gloas, 64)
	s.Builders.Append(types.Builder{Pubkey: secretKey(t, 500).PublicKey().Bytes(), Balance: 5e9, WithdrawableEpoch: params.FarFutureEpoch})
	s.LatestBlockHash = types.Hash32{1}
	s.LatestBlockHeader = types.BeaconBlockHeader{Slot: s.Slot, ProposerIndex: 7, ParentRoot: types.Root{2}}
	s.PayloadExpectedWithdrawals = []types.Withdrawal{{Index: 3, ValidatorIndex: 4, Amount: 5}}
	time, err := s.ComputeTimeAtSlot(s.Slot)
	if err != nil {
		t.Fatal(err)
	}
	envelope := types.ExecutionPayloadEnvelope{
		Payload: types.ExecutionPayload{
			ParentHash: s.LatestBlockHash, PrevRandao: types.Bytes32{6}, GasLimit: 7, Timestamp: time, BlockHash: types.Hash32{8},
			Withdrawals: []types.Withdrawal{{Index: 3, ValidatorIndex: 4, Amount: 5}}, SlotNumber: uint64(s.Slot),
			Transactions: [][]byte{{1}},
		},
		ExecutionRequests:     types.ExecutionRequests{BuilderExits: []types.BuilderExitRequest{{}}},
		ParentBeaconBlockRoot: types.Root{2},
	}
	requests, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&envelope.ExecutionRequests))
	if err != nil {
		t.Fatal(err)
	}
	s.LatestExecutionPayloadBid = types.ExecutionPayloadBid{
		PrevRandao: types.Bytes32{6}, GasLimit: 7, BlockHash: types.Hash32{8}, Slot: s.Slot, ExecutionRequestsRoot: requests,
		BlobKZGCommitments: []types.KZGCommitment{{9}},
	}
	header := s.LatestBlockHeader
	if header.StateRoot, err = s.HashTreeRoot(); err != nil {
		t.Fatal(err)
	}
	envelope.BeaconBlockRoot = types.HashTreeRoot(&header)
	return s, signEnvelope(t, s, envelope, secretKey(t, 500))
}

func signEnvelope(t *testing.T, s *State, envelope types.ExecutionPayloadEnvelope, key *bls.SecretKey) *types.SignedExecutionPayloadEnvelope {
	t.Helper()
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&envelope))
	if err != nil {
		t.Fatal(err)
	}
	root = types.ComputeSigningRoot(root, s.GetDomain(params.DomainBeaconBuilder(), s.GetCurrentEpoch()))
	return &types.SignedExecutionPayloadEnvelope{Message: envelope, Signature: key.Sign(root[:]).Bytes()}
}

func TestRevealedPayloadHasToBeTheOneThatTheBidPromised(t *testing.T) {
	s, signed := revealed(t)
	h := Hooks{Signatures: new(SignatureBatch)}
	request, err := VerifyExecutionPayloadEnvelope(s, signed, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Signatures.Verify(); err != nil {
		t.Fatal(err)
	}
	want := KZGCommitmentToVersionedHash(types.KZGCommitment{9})
	if len(request.VersionedHashes) != 1 || request.VersionedHashes[0] != want || want[0] != params.VersionedHashVersionKZG {
		t.Errorf("versioned hashes are %v, want %v", request.VersionedHashes, want)
	}
	if request.ParentBeaconBlockRoot != (types.Root{2}) || request.ExecutionPayload != &signed.Message.Payload {
		t.Errorf("request is %+v", request)
	}
	for name, change := range map[string]func(*types.ExecutionPayloadEnvelope){
		"builder":       func(e *types.ExecutionPayloadEnvelope) { e.BuilderIndex = params.BuilderIndexSelfBuild },
		"other builder": func(e *types.ExecutionPayloadEnvelope) { e.BuilderIndex = 1 },
		"block":         func(e *types.ExecutionPayloadEnvelope) { e.BeaconBlockRoot[0]++ },
		"parent block":  func(e *types.ExecutionPayloadEnvelope) { e.ParentBeaconBlockRoot[0]++ },
		"requests":      func(e *types.ExecutionPayloadEnvelope) { e.ExecutionRequests.BuilderExits = nil },
		"randao":        func(e *types.ExecutionPayloadEnvelope) { e.Payload.PrevRandao[0]++ },
		"gas limit":     func(e *types.ExecutionPayloadEnvelope) { e.Payload.GasLimit++ },
		"block hash":    func(e *types.ExecutionPayloadEnvelope) { e.Payload.BlockHash[0]++ },
		"parent hash":   func(e *types.ExecutionPayloadEnvelope) { e.Payload.ParentHash[0]++ },
		"slot number":   func(e *types.ExecutionPayloadEnvelope) { e.Payload.SlotNumber++ },
		"timestamp":     func(e *types.ExecutionPayloadEnvelope) { e.Payload.Timestamp++ },
		"withdrawals":   func(e *types.ExecutionPayloadEnvelope) { e.Payload.Withdrawals = nil },
	} {
		s, signed := revealed(t)
		change(&signed.Message)
		if _, err := VerifyExecutionPayloadEnvelope(s, signed, Hooks{}); !refused(err) {
			t.Errorf("another %s: error is %v", name, err)
		}
	}
}

func TestEnvelopeIsSignedByTheBuilderOrForASelfBuildByTheProposer(t *testing.T) {
	s, signed := revealed(t)
	forged := signEnvelope(t, s, signed.Message, secretKey(t, 501))
	h := Hooks{Signatures: new(SignatureBatch)}
	if _, err := VerifyExecutionPayloadEnvelope(s, forged, h); err != nil {
		t.Fatal(err)
	}
	if err := h.Signatures.Verify(); !errors.Is(err, bls.ErrSignature) {
		t.Errorf("error of a forged envelope is %v, want %v", err, bls.ErrSignature)
	}

	own := signed.Message
	own.BuilderIndex, s.LatestExecutionPayloadBid.BuilderIndex = params.BuilderIndexSelfBuild, params.BuilderIndexSelfBuild
	header := s.LatestBlockHeader
	var err error
	if header.StateRoot, err = s.HashTreeRoot(); err != nil {
		t.Fatal(err)
	}
	own.BeaconBlockRoot = types.HashTreeRoot(&header)
	if _, err := VerifyExecutionPayloadEnvelope(s, signEnvelope(t, s, own, secretKey(t, 7)), h); err != nil {
		t.Fatal(err)
	}
	if err := h.Signatures.Verify(); err != nil {
		t.Errorf("the proposer's own envelope: %v", err)
	}
}

func TestBidsOfBuildersThatDoNotExistAreRefused(t *testing.T) {
	s := testState(t, params.Gloas, 64)
	for _, index := range []types.BuilderIndex{0, 1 << 40, math.MaxInt64, math.MaxUint64 - 1} {
		bid := &types.SignedExecutionPayloadBid{Message: types.ExecutionPayloadBid{BuilderIndex: index}}
		if _, err := ProcessExecutionPayloadBid(s, bid, Hooks{}); !refused(err) {
			t.Errorf("builder %d: error is %v", index, err)
		}
	}
}

func TestRequestsAreEncodedBehindTheirTypeAndEmptyKindsLeftOut(t *testing.T) {
	requests := types.ExecutionRequests{
		Withdrawals:  []types.WithdrawalRequest{{Amount: 1}, {Amount: 2}},
		BuilderExits: []types.BuilderExitRequest{{Pubkey: types.BLSPubkey{3}}},
	}
	list, err := GetExecutionRequestsList(ssz.Context{Spec: params.Minimal(), Fork: params.Gloas}, &requests)
	if err != nil {
		t.Fatal(err)
	}
	withdrawal := make([]byte, 20+48+8)
	first, second, exit := bytes.Clone(withdrawal), bytes.Clone(withdrawal), make([]byte, 20+48)
	first[68], second[68], exit[20] = 1, 2, 3
	want := [][]byte{
		append(append([]byte{params.WithdrawalRequestType}, first...), second...),
		append([]byte{params.BuilderExitRequestType}, exit...),
	}
	if len(list) != 2 || !bytes.Equal(list[0], want[0]) || !bytes.Equal(list[1], want[1]) {
		t.Fatalf("list is %x, want %x", list, want)
	}
}

func TestPayloadWithAnEmptyTransactionIsInvalidWithoutAskingTheExecutionClient(t *testing.T) {
	payload := &types.ExecutionPayload{Transactions: [][]byte{{1}, {2}}}
	if err := (&NewPayloadRequest{ExecutionPayload: payload}).Check(); err != nil {
		t.Fatal(err)
	}
	payload.Transactions[1] = nil
	if err := (&NewPayloadRequest{ExecutionPayload: payload}).Check(); !refused(err) {
		t.Fatalf("error is %v", err)
	}
}

func TestBuilderThatOverflowsItsBalanceIsAnErrorAndNotAWrap(t *testing.T) {
	s := testState(t, params.Gloas, 64)
	s.Builders.Append(types.Builder{Pubkey: types.BLSPubkey{1}, Balance: math.MaxUint64, WithdrawableEpoch: params.FarFutureEpoch})
	op := &types.BuilderDepositRequest{Pubkey: types.BLSPubkey{1}, WithdrawalCredentials: types.Bytes32{params.BuilderWithdrawalPrefix}, Amount: 1}
	if err := ProcessBuilderDepositRequest(s, op); !errors.Is(err, params.ErrOverflow) {
		t.Fatalf("error is %v, want %v", err, params.ErrOverflow)
	}
}

func TestPayloadCommitteeIsKnownForTheEpochBeforeAndTheLookahead(t *testing.T) {
	s := testState(t, params.Gloas, 64)
	spec := s.Spec()
	for i := range s.PTCWindow {
		s.PTCWindow[i] = ssz.Share([]types.ValidatorIndex{types.ValidatorIndex(i)})
	}
	first, err := types.ComputeStartSlotAtEpoch(spec, s.GetCurrentEpoch()-1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.PTCWindow {
		committee, err := s.GetPTC(first + types.Slot(i))
		if err != nil {
			t.Fatal(err)
		}
		if committee[0] != types.ValidatorIndex(i) {
			t.Errorf("slot %d of the window has committee %d", i, committee[0])
		}
	}
	for _, slot := range []types.Slot{0, first - 1, first + types.Slot(len(s.PTCWindow)), math.MaxUint64} {
		if _, err := s.GetPTC(slot); !refused(err) {
			t.Errorf("slot %d: error is %v", slot, err)
		}
	}
}

func TestPayloadAttestationWithoutBitsOrOfStrangersIsRefused(t *testing.T) {
	s := testState(t, params.Gloas, 64)
	op := &types.PayloadAttestation{Data: types.PayloadAttestationData{Slot: s.Slot - 1}}
	if err := ProcessPayloadAttestation(s, op, Hooks{}); !refused(err) {
		t.Errorf("without bits: error is %v", err)
	}
	op.AggregationBits = ssz.NewBitvector(s.Spec().PTCSize)
	op.AggregationBits.SetBitAt(0, true)
	if err := ProcessPayloadAttestation(s, op, Hooks{}); err != nil {
		t.Errorf("of validator 0: %v", err)
	}
	slots := s.Spec().SlotsPerEpoch
	s.PTCWindow[slots+uint64(s.Slot-1)%slots] = ssz.Share([]types.ValidatorIndex{1 << 32})
	if err := ProcessPayloadAttestation(s, op, Hooks{}); !refused(err) {
		t.Errorf("of a stranger: error is %v", err)
	}
}
