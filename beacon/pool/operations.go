package pool

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// What is kept of each kind at most.
const (
	proposerSlashingsKept = 1024
	attesterSlashingsKept = 256
	slashingIndicesKept   = 4 << 20 / 8 // of attesters, in all attester slashings
	exitsKept             = 16_384
	changesKept           = 65_536
)

// operations is what validators and their accusers ask for, one of a kind for each validator but for attester slashings.
type operations struct {
	mu struct {
		sync.Mutex
		proposer map[types.ValidatorIndex]*types.ProposerSlashing
		attester map[types.Root]*types.AttesterSlashing
		indices  int // of attesters
		exits    map[types.ValidatorIndex]*types.SignedVoluntaryExit
		changes  map[types.ValidatorIndex]*types.SignedBLSToExecutionChange
	}
}

func (o *operations) init() {
	o.mu.proposer = map[types.ValidatorIndex]*types.ProposerSlashing{}
	o.mu.attester = map[types.Root]*types.AttesterSlashing{}
	o.mu.exits = map[types.ValidatorIndex]*types.SignedVoluntaryExit{}
	o.mu.changes = map[types.ValidatorIndex]*types.SignedBLSToExecutionChange{}
}

// put keeps a value unless there is one, or too many.
func put[V any](o *operations, m map[types.ValidatorIndex]V, key types.ValidatorIndex, v V, most int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, have := m[key]; !have && len(m) < most {
		m[key] = v
	}
}

// InsertProposerSlashing adds a slashing that was verified.
func (p *Pool) InsertProposerSlashing(s *types.ProposerSlashing) {
	put(&p.ops, p.ops.mu.proposer, s.SignedHeader1.Message.ProposerIndex, s, proposerSlashingsKept)
}

// InsertAttesterSlashing adds a slashing that was verified. Several may slash the same validators: which of them slashes most depends on the
// state.
func (p *Pool) InsertAttesterSlashing(s *types.AttesterSlashing) {
	key := attesterKey(s)
	n := len(s.Attestation1.AttestingIndices) + len(s.Attestation2.AttestingIndices)
	p.ops.mu.Lock()
	defer p.ops.mu.Unlock()
	if _, have := p.ops.mu.attester[key]; !have && len(p.ops.mu.attester) < attesterSlashingsKept && p.ops.mu.indices+n <= slashingIndicesKept {
		p.ops.mu.attester[key] = s
		p.ops.mu.indices += n
	}
}

// attesterKey tells attester slashings apart: the same data signed by different validators gives different signatures.
func attesterKey(s *types.AttesterSlashing) types.Root {
	var key types.Root
	for i := range key {
		key[i] = s.Attestation1.Signature[64+i] ^ s.Attestation2.Signature[32+i]
	}
	return key
}

// InsertVoluntaryExit adds an exit that was verified.
func (p *Pool) InsertVoluntaryExit(e *types.SignedVoluntaryExit) {
	put(&p.ops, p.ops.mu.exits, e.Message.ValidatorIndex, e, exitsKept)
}

// InsertBLSToExecutionChange adds a change that was verified.
func (p *Pool) InsertBLSToExecutionChange(c *types.SignedBLSToExecutionChange) {
	put(&p.ops, p.ops.mu.changes, c.Message.ValidatorIndex, c, changesKept)
}

// sorted is the values of a map, by its keys.
func sorted[K cmp.Ordered, V any](o *operations, m map[K]V) []V {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// ProposerSlashings is the proposer slashings that wait, by proposer.
func (p *Pool) ProposerSlashings() []*types.ProposerSlashing {
	return sorted(&p.ops, p.ops.mu.proposer)
}

// AttesterSlashings is the attester slashings that wait.
func (p *Pool) AttesterSlashings() []*types.AttesterSlashing {
	p.ops.mu.Lock()
	defer p.ops.mu.Unlock()
	return slices.Collect(maps.Values(p.ops.mu.attester))
}

// VoluntaryExits is the exits that wait, by validator.
func (p *Pool) VoluntaryExits() []*types.SignedVoluntaryExit { return sorted(&p.ops, p.ops.mu.exits) }

// BLSToExecutionChanges is the changes that wait, by validator.
func (p *Pool) BLSToExecutionChanges() []*types.SignedBLSToExecutionChange {
	return sorted(&p.ops, p.ops.mu.changes)
}

// PruneFinalized drops the operations that the finalized state has done with, or will never allow.
func (p *Pool) PruneFinalized(s *transition.State) {
	epoch := s.GetCurrentEpoch()
	slashable := func(i types.ValidatorIndex) bool {
		if uint64(i) >= uint64(s.Validators.Len()) {
			return true // it has joined since
		}
		v := s.Validators.At(i)
		return !v.Slashed && epoch < v.WithdrawableEpoch
	}
	o := &p.ops
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.mu.proposer, func(i types.ValidatorIndex, _ *types.ProposerSlashing) bool { return !slashable(i) })
	maps.DeleteFunc(o.mu.attester, func(_ types.Root, a *types.AttesterSlashing) bool {
		if slices.ContainsFunc(common(a), slashable) {
			return false
		}
		o.mu.indices -= len(a.Attestation1.AttestingIndices) + len(a.Attestation2.AttestingIndices)
		return true
	})
	maps.DeleteFunc(o.mu.exits, func(i types.ValidatorIndex, _ *types.SignedVoluntaryExit) bool { return leaves(s, i) })
	maps.DeleteFunc(o.mu.changes, func(i types.ValidatorIndex, _ *types.SignedBLSToExecutionChange) bool { return changed(s, i) })
}

// common is the validators that made both attestations of a slashing. Both lists ascend.
func common(a *types.AttesterSlashing) (both []types.ValidatorIndex) {
	others := a.Attestation2.AttestingIndices
	for _, i := range a.Attestation1.AttestingIndices {
		if _, found := slices.BinarySearch(others, i); found {
			both = append(both, i)
		}
	}
	return both
}
