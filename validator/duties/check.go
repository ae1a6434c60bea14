package duties

import (
	"fmt"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
)

// Answers are checked while a node is asked, so that another one is asked where they make no sense.

// indexOf is the validator that a key of ours was found to be.
func (t *Tracker) indexOf(key types.BLSPubkey) (types.ValidatorIndex, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.mu.validators[key]
	return v.Index, ok
}

// checkKey refuses a key that is not that of a validator of ours.
func (t *Tracker) checkKey(key types.BLSPubkey, validator types.ValidatorIndex) error {
	if index, ok := t.indexOf(key); !ok || index != validator {
		return fmt.Errorf("a duty of validator %d has the key %v, which is not its key", validator, key)
	}
	return nil
}

// checkProposers refuses keys of ours that are said to be of other validators. Most proposers are not ours.
func (t *Tracker) checkProposers(list []apiclient.ProposerDuty) error {
	for _, d := range list {
		if _, ours := t.indexOf(d.Pubkey); ours {
			if err := t.checkKey(d.Pubkey, d.Validator); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAttesters refuses duties that no committee of the epoch has.
func (t *Tracker) checkAttesters(epoch types.Epoch, list []apiclient.AttesterDuty) error {
	spec := t.cfg.Spec
	for _, d := range list {
		switch {
		case t.epoch(d.Slot) != epoch:
			return fmt.Errorf("a duty is of slot %d, which is not of epoch %d", d.Slot, epoch)
		case d.CommitteesAtSlot == 0 || d.CommitteesAtSlot > spec.MaxCommitteesPerSlot || uint64(d.Committee) >= d.CommitteesAtSlot:
			return fmt.Errorf("committee %d of %d, at most %d", d.Committee, d.CommitteesAtSlot, spec.MaxCommitteesPerSlot)
		case d.CommitteeLength > spec.MaxValidatorsPerCommittee || d.Position >= d.CommitteeLength:
			return fmt.Errorf("position %d in a committee of %d", d.Position, d.CommitteeLength)
		}
		if err := t.checkKey(d.Pubkey, d.Validator); err != nil {
			return err
		}
	}
	return nil
}

// checkSync refuses seats that a sync committee has not, or that two members have.
func (t *Tracker) checkSync(list []apiclient.SyncDuty) error {
	taken := map[uint64]bool{}
	for _, d := range list {
		for _, position := range d.Positions {
			if position >= t.cfg.Spec.SyncCommitteeSize || taken[position] {
				return fmt.Errorf("seat %d in a sync committee of %d is there twice, or not at all", position, t.cfg.Spec.SyncCommitteeSize)
			}
			taken[position] = true
		}
		if err := t.checkKey(d.Pubkey, d.Validator); err != nil {
			return err
		}
	}
	return nil
}
