package node

import (
	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// custody is how many custody groups the node keeps, and from which slot on it has all of their columns.
type custody struct {
	groups uint64
	since  types.Slot
}

// readCustody is what the node keeps after a start: what it was told to, or more if it once had validators that asked for more.
// Spec: CUSTODY_REQUIREMENT (fulu/das-core.md); "The previous (highest) custody_group_count SHOULD persist across node restarts" (fulu/validator.md).
func (n *node) readCustody() (custody, error) {
	want := custody{groups: n.spec.CustodyRequirement}
	if n.cfg.Networking.Supernode {
		want.groups = n.spec.NumberOfCustodyGroups
	}
	groups, since, err := n.store.Custody()
	if err != nil {
		return want, err
	}
	if had := (custody{min(groups, n.spec.NumberOfCustodyGroups), since}); had.groups >= want.groups {
		return had, nil
	}
	return want, nil
}

// custodyColumns is the columns that the node keeps: those that follow from its name, or all of them for a node without a network, which has nobody to ask for
// one later. Spec: get_custody_groups, compute_columns_for_custody_group (fulu).
func (n *node) custodyColumns() ([]uint64, error) {
	if n.net == nil {
		columns := make([]uint64, n.spec.NumberOfColumns)
		for i := range columns {
			columns[i] = uint64(i)
		}
		return columns, nil
	}
	return n.net.host.Columns(n.net.host.ID(), n.net.custody.groups)
}

// growCustody keeps more columns from the next slot on if the validators that use this node ask for that. It never keeps less.
//
// The balances are those of the head's state, which is at hand and newer than the finalized one that the specification names.
// Spec: "Validator custody" (fulu/validator.md).
func (n *node) growCustody(slot types.Slot) error {
	state, ok := n.chain.View().HeadState()
	if !ok {
		return nil // it is so for a moment; the next slot is soon enough
	}
	groups := n.net.subnets.CustodyGroups(state)
	if groups <= n.net.custody.groups {
		return nil
	}
	grown := custody{groups: groups, since: n.net.custody.since}
	missing, err := n.lacksColumns()
	if err != nil {
		return err
	}
	if missing {
		grown.since = slot + 1
	}
	batch := n.store.NewBatch()
	batch.PutCustody(grown.groups, grown.since)
	if err := batch.Commit(true); err != nil {
		return err
	}
	n.log.Info("the node keeps more columns for its validators", "custody groups", grown.groups, "before", n.net.custody.groups, "from slot", grown.since)
	n.net.custody = grown
	columns, err := n.custodyColumns()
	if err != nil {
		return err
	}
	n.chain.SetCustody(columns)
	n.net.peering.SetCustody(grown.groups, grown.since)
	return nil
}

// looked is how many blocks are looked at for blobs.
const looked = 1024

// lacksColumns tells whether there may be blocks with columns that the node has not kept so far: any of the latest ones with blobs. A chain without blobs
// stays whole, so that others can sync from it.
func (n *node) lacksColumns() (bool, error) {
	s := n.chain.Snapshot()
	b := s.Head
	for range looked {
		if b == nil {
			return s.FinalizedSlot > 0, nil // more lie on the disk
		}
		if b.Slot == params.GenesisSlot || n.spec.ForkAtSlot(b.Slot) < params.Fulu {
			return false, nil
		}
		has, err := n.hasBlobs(b)
		if has || err != nil {
			return has, err
		}
		b = b.Parent()
	}
	return true, nil
}

func (n *node) hasBlobs(b *chain.Block) (bool, error) {
	signed, err := n.store.Block(b.Root)
	if err != nil {
		return false, err
	}
	body := &signed.Message.Body
	return len(body.BlobKZGCommitments)+len(body.SignedExecutionPayloadBid.Message.BlobKZGCommitments) > 0, nil
}
