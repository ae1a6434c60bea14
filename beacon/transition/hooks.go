package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/types"
)

// Hooks go into the processing of a block. The zero value verifies no signature and reports nothing.
type Hooks struct {
	// Signatures collects what is to be verified; nil means that signatures are not checked.
	Signatures *SignatureBatch
	// Rewards hears of every reward and penalty; it may be nil.
	Rewards RewardReporter
}

// RewardReporter hears of rewards and penalties as they are applied.
type RewardReporter interface {
	// BlockReward is what the proposer of the block gets for a part of it.
	BlockReward(source RewardSource, amount types.Gwei)
	// SyncCommitteeReward is what a member gets or pays for a block's sync aggregate.
	SyncCommitteeReward(index types.ValidatorIndex, reward, penalty types.Gwei)
	// AttestationReward is what a validator gets or pays for a duty of the previous epoch.
	AttestationReward(index types.ValidatorIndex, duty AttestationDuty, reward, penalty types.Gwei)
}

// RewardSource is a part of a block that its proposer is paid for.
type RewardSource uint8

// The parts of a block that pay its proposer.
const (
	RewardAttestations RewardSource = iota
	RewardSyncAggregate
	RewardProposerSlashings
	RewardAttesterSlashings
)

// AttestationDuty is what an attester is paid for or pays for.
type AttestationDuty uint8

// The duties of an attester. The first three are in the order of the participation flags.
const (
	DutySource AttestationDuty = iota
	DutyTarget
	DutyHead
	DutyInactivity
	DutyInclusionDelay // phase0
)

// SignatureBatch collects signatures, to be verified together. It belongs to one goroutine.
type SignatureBatch struct {
	// Of says what the signatures collected from now on belong to, such as a block; it stands in front of their names in
	// errors. It may be nil.
	Of any
	// Into takes each signature when it is collected, and begins with it at once, beside whoever collects; nil keeps them here until Verify.
	Into *bls.Batch
	sets []bls.Set
}

// signatureName names a signature in errors. Text is made only when it is asked for.
type signatureName struct{ of, what any }

func (n signatureName) String() string {
	if n.of == nil {
		return fmt.Sprint(n.what)
	}
	return fmt.Sprintf("%v: %v", n.of, n.what)
}

// Len is the number of signatures kept here.
func (b *SignatureBatch) Len() int { return len(b.sets) }

// Verify checks all signatures collected, with whatever else is in Into, and forgets them. The error names what each wrong one is of.
func (b *SignatureBatch) Verify() (err error) {
	if b.Into != nil {
		err = b.Into.Verify()
	} else {
		err = bls.VerifyBatch(b.Take())
	}
	if err != nil {
		return fmt.Errorf("verify signatures: %w", err)
	}
	return nil
}

// Take gives the signatures kept here, to be verified together with others, and forgets them.
func (b *SignatureBatch) Take() []bls.Set {
	sets := b.sets
	b.sets = nil
	return sets
}

// add collects a signature of a signing root by a sum of keys.
func (b *SignatureBatch) add(key *bls.PublicKey, root types.Root, signature types.BLSSignature, of any) {
	set := bls.Set{Keys: []*bls.PublicKey{key}, Message: root, Signature: signature, Label: signatureName{b.Of, of}}
	if b.Into != nil {
		b.Into.Add(set)
		return
	}
	b.sets = append(b.sets, set)
}

// signedByValidator collects the signature of a validator in the registry.
func (h Hooks) signedByValidator(s *State, i types.ValidatorIndex, root types.Root, signature types.BLSSignature, of string) error {
	if h.Signatures == nil {
		return nil
	}
	key, err := s.publicKey(i)
	if err != nil {
		return within(of, err)
	}
	h.Signatures.add(key, root, signature, of)
	return nil
}

// signedByKey collects the signature of a key that need not be a validator's.
func (h Hooks) signedByKey(s *State, key types.BLSPubkey, root types.Root, signature types.BLSSignature, of string) error {
	if h.Signatures == nil {
		return nil
	}
	point, err := s.env.Keys.PublicKeyOf(key)
	if err != nil {
		return within(of, err)
	}
	h.Signatures.add(point, root, signature, of)
	return nil
}

// signedByMembers collects the aggregate signature of validators.
func (h Hooks) signedByMembers(s *State, members []uint32, root types.Root, signature types.BLSSignature, of string) error {
	if h.Signatures == nil {
		return nil
	}
	key, err := s.sumKeys(members)
	if err != nil {
		return within(of, err)
	}
	h.Signatures.add(key, root, signature, of)
	return nil
}
