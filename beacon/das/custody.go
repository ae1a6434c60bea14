package das

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/params"
)

// NodeID is a discovery node id: a 256-bit number, big-endian.
type NodeID [32]byte

// GetCustodyGroups are the groups, ascending, that a node with a custody group count has to custody. A larger count
// only adds groups. A count above NUMBER_OF_CUSTODY_GROUPS is an error.
// Spec: get_custody_groups (fulu).
func GetCustodyGroups(spec *params.Spec, id NodeID, custodyGroupCount uint64) ([]uint64, error) {
	total := spec.NumberOfCustodyGroups
	if custodyGroupCount > total {
		return nil, fmt.Errorf("custody group count %d exceeds NUMBER_OF_CUSTODY_GROUPS %d", custodyGroupCount, total)
	}
	groups := make([]uint64, 0, custodyGroupCount)
	if custodyGroupCount == total {
		for g := range total {
			groups = append(groups, g)
		}
		return groups, nil
	}
	// The specification hashes the number in little-endian.
	current := [32]byte(id)
	slices.Reverse(current[:])
	taken := make([]bool, total)
	for uint64(len(groups)) < custodyGroupCount {
		digest := sha256.Sum256(current[:])
		if g := binary.LittleEndian.Uint64(digest[:8]) % total; !taken[g] {
			taken[g] = true
			groups = append(groups, g)
		}
		increment(&current)
	}
	slices.Sort(groups)
	return groups, nil
}

// increment adds one to a little-endian number; the largest becomes zero.
func increment(n *[32]byte) {
	for i := range n {
		n[i]++
		if n[i] != 0 {
			return
		}
	}
}

// ComputeColumnsForCustodyGroup are the columns of a group, ascending. A group that does not exist is an error.
// Spec: compute_columns_for_custody_group (fulu).
func ComputeColumnsForCustodyGroup(spec *params.Spec, custodyGroup uint64) ([]uint64, error) {
	groups := spec.NumberOfCustodyGroups
	if custodyGroup >= groups {
		return nil, fmt.Errorf("custody group %d does not exist: NUMBER_OF_CUSTODY_GROUPS is %d", custodyGroup, groups)
	}
	columns := make([]uint64, spec.NumberOfColumns/groups)
	for i := range columns {
		columns[i] = groups*uint64(i) + custodyGroup
	}
	return columns, nil
}

// ComputeSubnetForDataColumnSidecar is the subnet on which a column travels.
// Spec: compute_subnet_for_data_column_sidecar (fulu).
func ComputeSubnetForDataColumnSidecar(spec *params.Spec, columnIndex uint64) uint64 {
	return columnIndex % spec.DataColumnSidecarSubnetCount
}
