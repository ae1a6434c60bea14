package pool

import (
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Operations is what a block carries besides votes.
type Operations struct {
	ProposerSlashings     []types.ProposerSlashing
	AttesterSlashings     []types.AttesterSlashing
	VoluntaryExits        []types.SignedVoluntaryExit
	BLSToExecutionChanges []types.SignedBLSToExecutionChange
}

// SelectOperations chooses the operations of a block on a state of the block's slot: the slashings that slash most, and the exits and changes of
// the lowest indices. Each was processed on the state after those before it, with its signature, so that a block with all of them is valid;
// one that is not is left out. The state is not changed.
// Spec: block proposal (phase0/validator.md; capella/validator.md).
func (p *Pool) SelectOperations(s *transition.State) Operations {
	spec := s.Spec()
	t := &trial{s: s, pool: p}
	attesterSlashings := spec.MaxAttesterSlashings
	if s.Since(params.Electra) {
		attesterSlashings = spec.MaxAttesterSlashingsElectra
	}
	var out Operations
	balance := func(i types.ValidatorIndex) types.Gwei {
		if uint64(i) >= uint64(t.s.Validators.Len()) {
			return 0
		}
		if v := t.s.Validators.At(i); transition.IsSlashableValidator(&v, t.s.GetCurrentEpoch()) {
			return v.EffectiveBalance
		}
		return 0
	}
	out.ProposerSlashings = greatest(t, "proposer slashing", spec.MaxProposerSlashings, p.ProposerSlashings(), transition.ProcessProposerSlashing,
		func(o *types.ProposerSlashing) types.Gwei { return balance(o.SignedHeader1.Message.ProposerIndex) })
	out.AttesterSlashings = greatest(t, "attester slashing", attesterSlashings, p.AttesterSlashings(), transition.ProcessAttesterSlashing,
		func(o *types.AttesterSlashing) (sum types.Gwei) {
			for _, i := range common(o) {
				sum += balance(i)
			}
			return sum
		})
	// What a block since finality has done waits on, in case that it is undone. It costs nothing to pass over.
	exits := slices.DeleteFunc(p.VoluntaryExits(), func(o *types.SignedVoluntaryExit) bool { return leaves(t.s, o.Message.ValidatorIndex) })
	out.VoluntaryExits = first(t, "voluntary exit", spec.MaxVoluntaryExits, exits, transition.ProcessVoluntaryExit)
	if s.Since(params.Capella) {
		changes := slices.DeleteFunc(p.BLSToExecutionChanges(), func(o *types.SignedBLSToExecutionChange) bool { return changed(t.s, o.Message.ValidatorIndex) })
		out.BLSToExecutionChanges = first(t, "BLS to execution change", spec.MaxBLSToExecutionChanges, changes, transition.ProcessBLSToExecutionChange)
	}
	return out
}

// leaves tells whether a validator's exit has begun.
func leaves(s *transition.State, i types.ValidatorIndex) bool {
	return uint64(i) < uint64(s.Validators.Len()) && s.Validators.ExitEpoch(i) != params.FarFutureEpoch
}

// changed tells whether a validator's credentials are no withdrawal key any more.
func changed(s *transition.State, i types.ValidatorIndex) bool {
	return uint64(i) < uint64(s.Validators.Len()) && s.Validators.WithdrawalCredentials(i)[0] != params.BLSWithdrawalPrefix
}

// triedAtMost is how many operations of a kind are tried on top of those that a block has room for: each may cost a signature.
const triedAtMost = 32

// trial is a state that operations are tried on.
type trial struct {
	s    *transition.State
	pool *Pool
}

// process is how an operation is processed.
type process[T any] func(*transition.State, *T, transition.Hooks) error

// holds tries an operation, and keeps what it did to the state if it is valid.
func holds[T any](t *trial, kind string, op *T, run process[T]) bool {
	after := t.s.Copy()
	batch := &transition.SignatureBatch{}
	err := run(after, op, transition.Hooks{Signatures: batch})
	if err == nil {
		err = batch.Verify()
	}
	if err != nil {
		t.pool.log.Debug("an operation of the pool does not fit the block", "kind", kind, "slot", t.s.Slot, "error", err)
		return false
	}
	t.s = after
	return true
}

// first takes operations in order, as many as there is room for.
func first[T any](t *trial, kind string, most uint64, ops []*T, run process[T]) (out []T) {
	for tried, op := range ops {
		if uint64(len(out)) == most || uint64(tried) == most+triedAtMost {
			break
		}
		if holds(t, kind, op, run) {
			out = append(out, *op)
		}
	}
	return out
}

// greatest takes operations by what they are worth beside what was taken, the greatest first. One that is worth nothing is never taken.
func greatest[T any](t *trial, kind string, most uint64, ops []*T, run process[T], worth func(*T) types.Gwei) (out []T) {
	for tried := uint64(0); uint64(len(out)) < most && tried < most+triedAtMost && len(ops) > 0; tried++ {
		at, best := 0, types.Gwei(0)
		for i, op := range ops {
			if w := worth(op); w > best {
				at, best = i, w
			}
		}
		if best == 0 {
			break
		}
		op := ops[at]
		ops = slices.Delete(ops, at, at+1)
		if holds(t, kind, op, run) {
			out = append(out, *op)
		}
	}
	return out
}
