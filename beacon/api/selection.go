package api

import (
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/types"
)

// statuses is a set of statuses of validators; nil stands for all.
type statuses map[types.ValidatorStatus]bool

// statusGroups are the names that stand for several statuses.
func statusGroups() map[string][]types.ValidatorStatus {
	return map[string][]types.ValidatorStatus{
		"pending":    {types.StatusPendingInitialized, types.StatusPendingQueued},
		"active":     {types.StatusActiveOngoing, types.StatusActiveExiting, types.StatusActiveSlashed},
		"exited":     {types.StatusExitedUnslashed, types.StatusExitedSlashed},
		"withdrawal": {types.StatusWithdrawalPossible, types.StatusWithdrawalDone},
	}
}

// parseStatuses reads names of statuses and of groups of them. Spec: ValidatorStatus (types/api.yaml).
func parseStatuses(field string, names []string) (statuses, error) {
	if len(names) == 0 {
		return nil, nil
	}
	groups, known := statusGroups(), map[string][]types.ValidatorStatus{}
	for name, group := range groups {
		known[name] = group
		for _, status := range group {
			known[string(status)] = []types.ValidatorStatus{status}
		}
	}
	set := statuses{}
	for _, name := range names {
		group, ok := known[name]
		if !ok {
			all := []string{}
			for k := range known {
				all = append(all, k)
			}
			slices.Sort(all)
			return nil, invalid(field, name, fmt.Sprintf("one of %v", all))
		}
		for _, status := range group {
			set[status] = true
		}
	}
	return set, nil
}

// selection is which entries of a registry an answer has.
type selection struct {
	all     bool
	indices []int // ascending, once each; unless all
	n       int   // entries of the registry
}

// choose turns ids into indices. Ids that nobody has are passed over, and no ids choose all. Spec: "If an index or public key does not match any
// known validator, no information will be returned but this will not cause an error."
func choose(ids []validatorID, n int, byKey func(types.BLSPubkey) (uint64, bool)) selection {
	if len(ids) == 0 {
		return selection{all: true, n: n}
	}
	indices := make([]int, 0, len(ids))
	for _, id := range ids {
		index, ok := id.index, true
		if id.isKey {
			index, ok = byKey(id.key)
		}
		if ok && index < uint64(n) {
			indices = append(indices, int(index))
		}
	}
	slices.Sort(indices)
	return selection{indices: slices.Compact(indices), n: n}
}

// runs calls f with what was chosen, at most 64 entries at a time.
func (s selection) runs(f func(indices []int) error) error {
	if !s.all {
		for run := range slices.Chunk(s.indices, 64) {
			if err := f(run); err != nil {
				return err
			}
		}
		return nil
	}
	var buf [64]int
	for first := 0; first < s.n; first += len(buf) {
		run := buf[:min(len(buf), s.n-first)]
		for k := range run {
			run[k] = first + k
		}
		if err := f(run); err != nil {
			return err
		}
	}
	return nil
}
