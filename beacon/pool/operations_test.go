package pool

import (
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// exit is a validator's exit.
func (w *world) exit(s *transition.State, v types.ValidatorIndex) *types.SignedVoluntaryExit {
	e := &types.SignedVoluntaryExit{Message: types.VoluntaryExit{ValidatorIndex: v}}
	domain := s.GetDomain(params.DomainVoluntaryExit(), 0)
	if s.Since(params.Deneb) {
		domain = types.ComputeDomain(params.DomainVoluntaryExit(), w.spec.CapellaForkVersion, s.GenesisValidatorsRoot)
	}
	e.Signature = w.net.SignRoot(types.ComputeSigningRoot(types.HashTreeRoot(&e.Message), domain), v)
	return e
}

// change moves a validator's credentials to an account.
func (w *world) change(s *transition.State, v types.ValidatorIndex) *types.SignedBLSToExecutionChange {
	c := &types.SignedBLSToExecutionChange{Message: types.BLSToExecutionChange{
		ValidatorIndex: v, FromBLSPubkey: s.Validators.Pubkey(v), ToExecutionAddress: types.ExecutionAddress{1},
	}}
	domain := types.ComputeDomain(params.DomainBLSToExecutionChange(), w.spec.GenesisForkVersion, s.GenesisValidatorsRoot)
	c.Signature = w.net.SignRoot(types.ComputeSigningRoot(types.HashTreeRoot(&c.Message), domain), v)
	return c
}

// twoBlocks is the proof that a validator proposed two blocks.
func (w *world) twoBlocks(s *transition.State, v types.ValidatorIndex) *types.ProposerSlashing {
	out := &types.ProposerSlashing{}
	for i, h := range []*types.SignedBeaconBlockHeader{&out.SignedHeader1, &out.SignedHeader2} {
		h.Message = types.BeaconBlockHeader{Slot: 1, ProposerIndex: v, BodyRoot: types.Root{byte(i)}}
		root := types.ComputeSigningRoot(types.HashTreeRoot(&h.Message), s.GetDomain(params.DomainBeaconProposer(), 0))
		h.Signature = w.net.SignRoot(root, v)
	}
	return out
}

// twoVotes is the proof that validators voted twice for an epoch.
func (w *world) twoVotes(s *transition.State, who ...types.ValidatorIndex) *types.AttesterSlashing {
	indexed := func(mark byte) types.IndexedAttestation {
		data := types.AttestationData{Slot: 1, BeaconBlockRoot: types.Root{mark}}
		return types.IndexedAttestation{AttestingIndices: who, Data: data, Signature: w.sign(s, &data, who...)}
	}
	return &types.AttesterSlashing{Attestation1: indexed(1), Attestation2: indexed(2)}
}

// mature is a state in which validators may leave, at the start of an epoch.
func (w *world) mature() *transition.State {
	return w.at(w.net.Genesis(), types.Slot(w.spec.SlotsPerEpoch*uint64(w.spec.ShardCommitteePeriod+1)))
}

func TestEveryKindOfOperationGetsIntoABlock(t *testing.T) {
	t.Parallel()
	eachFork(t, func(t *testing.T, fork params.Fork) {
		w := newWorld(t, fork, 64)
		s := w.mature()
		w.InsertProposerSlashing(w.twoBlocks(s, 1))
		w.InsertAttesterSlashing(w.twoVotes(s, 2, 3))
		w.InsertVoluntaryExit(w.exit(s, 4))
		w.InsertBLSToExecutionChange(w.change(s, 5))
		got := w.SelectOperations(s)
		changes := 1
		if fork < params.Capella {
			changes = 0
		}
		if len(got.ProposerSlashings) != 1 || len(got.AttesterSlashings) != 1 || len(got.VoluntaryExits) != 1 || len(got.BLSToExecutionChanges) != changes {
			t.Fatalf("chosen are %+v", got)
		}
		body := types.BeaconBlockBody{
			ProposerSlashings: got.ProposerSlashings, AttesterSlashings: got.AttesterSlashings,
			VoluntaryExits: got.VoluntaryExits, BLSToExecutionChanges: got.BLSToExecutionChanges,
		}
		batch := &transition.SignatureBatch{}
		check(t, transition.ProcessOperations(s, &body, 0, transition.Hooks{Signatures: batch}))
		check(t, batch.Verify())
		if again := w.SelectOperations(s); len(again.ProposerSlashings)+len(again.AttesterSlashings)+len(again.VoluntaryExits)+len(again.BLSToExecutionChanges) != 0 {
			t.Errorf("what the state has already is chosen again: %+v", again)
		}
		lists := func() int {
			return len(w.ProposerSlashings()) + len(w.AttesterSlashings()) + len(w.VoluntaryExits()) + len(w.BLSToExecutionChanges())
		}
		if lists() != 4 {
			t.Errorf("%d operations wait, want 4: a block may be undone", lists())
		}
		w.PruneFinalized(s)
		if want := 1 - changes; lists() != want {
			t.Errorf("%d operations wait after they were finalized, want %d", lists(), want)
		}
	})
}

func TestAnOperationThatTheStateDoesNotAllowIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, 64)
	s := w.mature()
	w.InsertProposerSlashing(w.twoBlocks(s, 1))
	w.InsertVoluntaryExit(w.exit(s, 1)) // slashed by the same block, so that it leaves anyway
	forged := w.exit(s, 2)
	forged.Signature = w.exit(s, 3).Signature
	w.InsertVoluntaryExit(forged)
	early := w.exit(s, 4)
	early.Message.Epoch = s.GetCurrentEpoch() + 1
	w.InsertVoluntaryExit(early)
	w.InsertVoluntaryExit(w.exit(s, 5))
	w.InsertAttesterSlashing(w.twoVotes(s, 1)) // of nobody else
	unknown := w.twoBlocks(s, 6)
	unknown.SignedHeader1.Message.ProposerIndex, unknown.SignedHeader2.Message.ProposerIndex = 1000, 1000
	w.InsertProposerSlashing(unknown)
	got := w.SelectOperations(s)
	if len(got.ProposerSlashings) != 1 || len(got.AttesterSlashings) != 0 || len(got.VoluntaryExits) != 1 || got.VoluntaryExits[0].Message.ValidatorIndex != 5 {
		t.Fatalf("chosen are %+v", got)
	}
}

func TestTheSlashingsThatSlashMostComeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, 64) // room for one attester slashing
	s := w.mature()
	w.InsertAttesterSlashing(w.twoVotes(s, 1, 2))
	w.InsertAttesterSlashing(w.twoVotes(s, 1, 2, 3))
	w.InsertAttesterSlashing(w.twoVotes(s, 4))
	got := w.SelectOperations(s)
	if len(got.AttesterSlashings) != 1 || !slices.Equal(got.AttesterSlashings[0].Attestation1.AttestingIndices, []types.ValidatorIndex{1, 2, 3}) {
		t.Errorf("chosen are %+v", got.AttesterSlashings)
	}
}

func TestThePoolKeepsOneOperationOfAKindForAValidatorAndNotTooMany(t *testing.T) {
	t.Parallel()
	p := New(Config{Spec: params.Minimal()})
	for i := range types.ValidatorIndex(exitsKept + 5) {
		for range 2 {
			p.InsertVoluntaryExit(&types.SignedVoluntaryExit{Message: types.VoluntaryExit{ValidatorIndex: i}})
		}
	}
	kept := p.VoluntaryExits()
	if len(kept) != exitsKept || kept[exitsKept-1].Message.ValidatorIndex != exitsKept-1 {
		t.Errorf("%d exits are kept, want the first %d", len(kept), exitsKept)
	}
	huge := make([]types.ValidatorIndex, slashingIndicesKept/4)
	for i := range 4 {
		s := &types.AttesterSlashing{Attestation1: types.IndexedAttestation{AttestingIndices: huge}, Attestation2: types.IndexedAttestation{AttestingIndices: huge}}
		s.Attestation1.Signature[64] = byte(i)
		p.InsertAttesterSlashing(s)
	}
	if n := len(p.AttesterSlashings()); n != 2 {
		t.Errorf("%d attester slashings are kept, want 2 of half the bound each", n)
	}
}
