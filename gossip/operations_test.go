package gossip

import (
	"crypto/sha256"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// old moves the head's state so far on that validators may leave.
func old(s *stage) {
	s.changeHead(func(st *transition.State) {
		st.Slot = types.Slot(uint64(s.spec.ShardCommitteePeriod) * s.spec.SlotsPerEpoch)
	})
}

// then sets a stage in several steps.
func then(steps ...func(*stage)) func(*stage) {
	return func(s *stage) {
		for _, step := range steps {
			step(s)
		}
	}
}

// validator changes validator 5 of the head's state.
func validator(change func(*types.Validator)) func(*stage) {
	return func(s *stage) {
		s.changeHead(func(st *transition.State) {
			v := st.Validators.At(5)
			change(&v)
			st.Validators.Set(5, v)
		})
	}
}

type exit = types.SignedVoluntaryExit

func TestRulesOfVoluntaryExits(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Capella, params.Deneb, params.Gloas} {
		topicTest[exit]{
			fork: fork, slot: 3,
			make: func(s *stage, change func(*exit)) *exit {
				e := &exit{Message: types.VoluntaryExit{ValidatorIndex: 5}}
				change(e)
				domain := s.head().State.GetDomain(params.DomainVoluntaryExit(), e.Message.Epoch)
				if fork >= params.Deneb {
					domain = types.ComputeDomain(params.DomainVoluntaryExit(), s.spec.CapellaForkVersion, s.head().State.GenesisValidatorsRoot)
				}
				e.Signature = s.signDomain(domain, types.HashTreeRoot(&e.Message), e.Message.ValidatorIndex)
				return e
			},
			check: func(s *stage, e *exit) Candidate { return s.rules.VoluntaryExit(s.in, e) },
		}.tell(t,
			story[exit]{name: "valid", when: old, want: Accept},
			story[exit]{name: "second of its validator", when: old, first: true, change: func(_ *stage, e *exit) { e.Message.Epoch++ },
				want: Ignore, rule: "already seen voluntary exit for this validator"},
			story[exit]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
			story[exit]{name: "no such validator", when: old, change: func(_ *stage, e *exit) { e.Message.ValidatorIndex = 64 },
				want: Reject, rule: "validator index out of range"},
			story[exit]{name: "not active", when: then(old, validator(func(v *types.Validator) { v.ActivationEpoch = 1000 })),
				want: Reject, rule: "validator is not active"},
			story[exit]{name: "on its way out", when: then(old, validator(func(v *types.Validator) { v.ExitEpoch = 1000 })),
				want: Reject, rule: "validator has already initiated exit"},
			story[exit]{name: "later", when: old, change: func(s *stage, e *exit) { e.Message.Epoch = s.spec.ShardCommitteePeriod + 1 },
				want: Reject, rule: "voluntary exit epoch is in the future"},
			story[exit]{name: "too young", when: then(old, validator(func(v *types.Validator) { v.ActivationEpoch = 1 })),
				want: Reject, rule: "validator has not been active long enough"},
			story[exit]{name: "wrong signature", when: old, spoil: func(s *stage, e *exit) { e.Signature = s.wrong() },
				want: Reject, rule: "invalid voluntary exit signature"},
		)
	}
}

func TestRulesOfProposerSlashings(t *testing.T) {
	type slashing = types.ProposerSlashing
	header := func(proposer types.ValidatorIndex, graffiti byte) types.SignedBeaconBlockHeader {
		return types.SignedBeaconBlockHeader{Message: types.BeaconBlockHeader{Slot: 2, ProposerIndex: proposer, BodyRoot: types.Root{graffiti}}}
	}
	topicTest[slashing]{
		fork: params.Fulu, slot: 3,
		make: func(s *stage, change func(*slashing)) *slashing {
			x := &slashing{SignedHeader1: header(5, 1), SignedHeader2: header(5, 2)}
			change(x)
			for _, signed := range []*types.SignedBeaconBlockHeader{&x.SignedHeader1, &x.SignedHeader2} {
				signed.Signature = s.sign(params.DomainBeaconProposer(), 0, types.HashTreeRoot(&signed.Message), signed.Message.ProposerIndex)
			}
			return x
		},
		check: func(s *stage, x *slashing) Candidate { return s.rules.ProposerSlashing(s.in, x) },
	}.tell(t,
		story[slashing]{name: "valid", want: Accept},
		story[slashing]{name: "second of its proposer", first: true, change: func(_ *stage, x *slashing) { x.SignedHeader1.Message.StateRoot[0]++ },
			want: Ignore, rule: "already seen proposer slashing for this proposer"},
		story[slashing]{name: "two slots", change: func(_ *stage, x *slashing) { x.SignedHeader2.Message.Slot++ }, want: Reject, rule: "header slots do not match"},
		story[slashing]{name: "two proposers", change: func(_ *stage, x *slashing) { x.SignedHeader2.Message.ProposerIndex++ },
			want: Reject, rule: "header proposer indices do not match"},
		story[slashing]{name: "one header", change: func(_ *stage, x *slashing) { x.SignedHeader2 = x.SignedHeader1 }, want: Reject, rule: "headers are not different"},
		story[slashing]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[slashing]{name: "no such proposer", change: func(_ *stage, x *slashing) { *x = slashing{SignedHeader1: header(64, 1), SignedHeader2: header(64, 2)} },
			want: Reject, rule: "proposer index out of range"},
		story[slashing]{name: "slashed before", when: validator(func(v *types.Validator) { v.Slashed = true }), want: Reject, rule: "proposer is not slashable"},
		story[slashing]{name: "first signature wrong", spoil: func(s *stage, x *slashing) { x.SignedHeader1.Signature = s.wrong() },
			want: Reject, rule: "invalid proposer slashing signature"},
		story[slashing]{name: "second signature wrong", spoil: func(s *stage, x *slashing) { x.SignedHeader2.Signature = s.wrong() },
			want: Reject, rule: "invalid proposer slashing signature"},
	)
}

func TestRulesOfAttesterSlashings(t *testing.T) {
	type slashing = types.AttesterSlashing
	for _, fork := range []params.Fork{params.Phase0, params.Electra, params.Gloas} {
		topicTest[slashing]{
			fork: fork, slot: 3,
			make: func(s *stage, change func(*slashing)) *slashing {
				x := &slashing{}
				x.Attestation1 = types.IndexedAttestation{AttestingIndices: []types.ValidatorIndex{4, 5, 6}, Data: s.data()}
				x.Attestation2 = types.IndexedAttestation{AttestingIndices: []types.ValidatorIndex{5, 6, 7}, Data: s.data()}
				x.Attestation2.Data.BeaconBlockRoot[0]++
				change(x)
				for _, a := range []*types.IndexedAttestation{&x.Attestation1, &x.Attestation2} {
					if len(a.AttestingIndices) > 0 {
						a.Signature = s.signVote(&a.Data, a.AttestingIndices...)
					}
				}
				return x
			},
			check: func(s *stage, x *slashing) Candidate { return s.rules.AttesterSlashing(s.in, x) },
		}.tell(t,
			story[slashing]{name: "valid", want: Accept},
			story[slashing]{name: "of nobody", change: func(_ *stage, x *slashing) { x.Attestation2.AttestingIndices = []types.ValidatorIndex{7, 8} },
				want: Ignore, rule: "all attester slashing indices already seen"},
			story[slashing]{name: "of some who are seen", first: true, change: func(_ *stage, x *slashing) {
				x.Attestation1.AttestingIndices, x.Attestation2.AttestingIndices = []types.ValidatorIndex{5}, []types.ValidatorIndex{5}
			}, want: Ignore, rule: "all attester slashing indices already seen"},
			story[slashing]{name: "of one more", first: true, change: func(_ *stage, x *slashing) {
				x.Attestation1.AttestingIndices, x.Attestation2.AttestingIndices = []types.ValidatorIndex{5, 9}, []types.ValidatorIndex{5, 9}
			}, want: Accept},
			story[slashing]{name: "one vote", change: func(_ *stage, x *slashing) { x.Attestation2.Data = x.Attestation1.Data },
				want: Reject, rule: "attestation data is not slashable"},
			story[slashing]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
			story[slashing]{name: "no such voter in 1", change: func(_ *stage, x *slashing) { x.Attestation1.AttestingIndices = []types.ValidatorIndex{5, 64} },
				want: Reject, rule: "validator index out of range in indexed attestation 1"},
			story[slashing]{name: "no such voter in 2", change: func(_ *stage, x *slashing) { x.Attestation2.AttestingIndices = []types.ValidatorIndex{5, 64} },
				want: Reject, rule: "validator index out of range in indexed attestation 2"},
			story[slashing]{name: "out of order in 1", change: func(_ *stage, x *slashing) { x.Attestation1.AttestingIndices = []types.ValidatorIndex{6, 5} },
				want: Reject, rule: "invalid indexed attestation 1"},
			story[slashing]{name: "twice in 2", change: func(_ *stage, x *slashing) { x.Attestation2.AttestingIndices = []types.ValidatorIndex{5, 5} },
				want: Reject, rule: "invalid indexed attestation 2"},
			story[slashing]{name: "wrong signature 1", spoil: func(s *stage, x *slashing) { x.Attestation1.Signature = s.wrong() },
				want: Reject, rule: "invalid indexed attestation 1"},
			story[slashing]{name: "wrong signature 2", spoil: func(s *stage, x *slashing) { x.Attestation2.Signature = s.wrong() },
				want: Reject, rule: "invalid indexed attestation 2"},
			story[slashing]{name: "all slashed before", when: func(s *stage) {
				s.changeHead(func(st *transition.State) {
					st.Validators.SetSlashed(5)
					st.Validators.SetSlashed(6)
				})
			}, want: Reject, rule: "no slashable validators in intersection"},
		)
	}
}

func TestRulesOfChangesOfCredentials(t *testing.T) {
	type change = types.SignedBLSToExecutionChange
	// The withdrawal key of validator 5 is the key of validator 7.
	withdrawal := func(s *stage) {
		key := s.keys.Pubkeys(7, 1)[0]
		hash := sha256.Sum256(key[:])
		hash[0] = params.BLSWithdrawalPrefix
		s.changeHead(func(st *transition.State) { st.Validators.SetWithdrawalCredentials(5, hash) })
	}
	topicTest[change]{
		fork: params.Capella, slot: 3,
		make: func(s *stage, alter func(*change)) *change {
			c := &change{Message: types.BLSToExecutionChange{ValidatorIndex: 5, FromBLSPubkey: s.keys.Pubkeys(7, 1)[0]}}
			alter(c)
			domain := types.ComputeDomain(params.DomainBLSToExecutionChange(), s.spec.GenesisForkVersion, s.head().State.GenesisValidatorsRoot)
			c.Signature = s.signDomain(domain, types.HashTreeRoot(&c.Message), 7)
			return c
		},
		check: func(s *stage, c *change) Candidate { return s.rules.BLSToExecutionChange(s.in, c) },
	}.tell(t,
		story[change]{name: "valid", when: withdrawal, want: Accept},
		story[change]{name: "before capella", when: func(s *stage) {
			spec := *s.spec
			spec.CapellaForkEpoch = 1
			s.rules.spec = &spec
		}, want: Ignore, rule: "current epoch is pre-capella"},
		story[change]{name: "second of its validator", when: withdrawal, first: true, change: func(_ *stage, c *change) { c.Message.ToExecutionAddress[0]++ },
			want: Ignore, rule: "already seen BLS to execution change for this validator"},
		story[change]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[change]{name: "no such validator", when: withdrawal, change: func(_ *stage, c *change) { c.Message.ValidatorIndex = 64 },
			want: Reject, rule: "validator index out of range"},
		story[change]{name: "changed before", want: Reject, rule: "validator does not have BLS withdrawal credentials"},
		story[change]{name: "another key", when: withdrawal, change: func(s *stage, c *change) { c.Message.FromBLSPubkey = s.keys.Pubkeys(8, 1)[0] },
			want: Reject, rule: "pubkey does not match validator withdrawal credentials"},
		story[change]{name: "wrong signature", when: withdrawal, spoil: func(s *stage, c *change) { c.Signature = s.wrong() },
			want: Reject, rule: "invalid BLS to execution change signature"},
	)
}
