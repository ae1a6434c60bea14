package node

import (
	"context"
	"errors"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// custody is how many custody groups the node keeps, and from which slot on it has all of their columns.
type custody struct {
	groups uint64
	since  types.Slot
}

// custodyAsked is what the custody that validators ask for was last worked out from.
type custodyAsked struct {
	finalized types.Root
	arrivals  uint64
}

// readCustody is what the node keeps after a start: what it kept before, as it has the columns of no more. The first time it is what it is told to, from the
// first block on: blocks that are here already came to a node without a network, which keeps all columns. Spec: "The previous (highest) custody_group_count SHOULD persist across node restarts" (fulu/validator.md).
func (n *node) readCustody() (custody, error) {
	groups, since, err := n.store.Custody()
	if err != nil || groups > 0 {
		return custody{min(groups, n.spec.NumberOfCustodyGroups), since}, err
	}
	first := custody{groups: n.custodyTold()}
	return first, n.noteCustody(first)
}

// custodyTold is how many groups the node is to keep whoever uses it. Spec: CUSTODY_REQUIREMENT (fulu/das-core.md).
func (n *node) custodyTold() uint64 {
	if n.cfg.Networking.Supernode {
		return n.spec.NumberOfCustodyGroups
	}
	return n.spec.CustodyRequirement
}

// columnsOf is the columns of so many custody groups of this node's: those that follow from its name. Spec: get_custody_groups,
// compute_columns_for_custody_group (fulu).
func (n *node) columnsOf(groups uint64) ([]uint64, error) {
	return n.net.host.Columns(n.net.host.ID(), groups)
}

// custodyColumns is the columns that the node keeps: all of them for a node without a network, which has nobody to ask for one later.
func (n *node) custodyColumns() ([]uint64, error) {
	if n.net == nil {
		columns := make([]uint64, n.spec.NumberOfColumns)
		for i := range columns {
			columns[i] = uint64(i)
		}
		return columns, nil
	}
	return n.columnsOf(n.net.keeps().groups)
}

// growCustody keeps more columns from the next slot on if the node is told to, or if the validators that use it ask for that. It never keeps less.
// Spec: "Validator custody" (fulu/validator.md).
func (n *node) growCustody(ctx context.Context, slot types.Slot) error {
	asked, groups, err := n.custodyOfValidators(ctx)
	if err != nil {
		return err
	}
	groups = max(groups, n.custodyTold())
	before := n.net.keeps()
	if groups <= before.groups {
		n.net.asked = asked
		return nil
	}
	grown := custody{groups: groups, since: before.since}
	missing, err := n.lacksColumns()
	if err != nil {
		return err
	}
	if missing {
		grown.since = slot + 1
	}
	columns, err := n.columnsOf(groups)
	if err != nil {
		return err
	}
	n.chain.SetCustody(columns) // before it is noted that they are kept, so that nobody finds the past whole by the columns of before
	if err := n.setCustody(grown); err != nil {
		return err
	}
	n.log.Info("the node keeps more columns", "custody groups", grown.groups, "before", before.groups, "from slot", grown.since)
	n.net.asked = asked
	n.net.peering.SetCustody(grown.groups, grown.since)
	return nil
}

// custodyOfValidators is how many groups the validators that use the node ask for, by their balances in the finalized state, and what that was worked out from; none if
// it is what was looked at last.
func (n *node) custodyOfValidators(ctx context.Context) (custodyAsked, uint64, error) {
	asked := custodyAsked{n.chain.Snapshot().Finalized.Root, n.net.subnets.Arrivals()}
	if asked == n.net.asked || asked.arrivals == 0 {
		return n.net.asked, 0, nil
	}
	block := n.chain.Block(asked.finalized)
	if block == nil {
		return n.net.asked, 0, nil // a later one is finalized already; the next slot is soon enough
	}
	state, err := n.chain.StateAt(ctx, block.Root, block.Slot)
	if errors.Is(err, chain.ErrStateBusy) || errors.Is(err, chain.ErrUnknownBlock) {
		return n.net.asked, 0, nil
	}
	if err != nil {
		return n.net.asked, 0, err
	}
	return asked, n.net.subnets.CustodyGroups(state.Frozen()), nil
}

// keeps is what the node keeps now.
func (w *peerNetwork) keeps() custody {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.custody
}

// setCustody notes what the node keeps, on disk first.
func (n *node) setCustody(c custody) error {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.setCustodyLocked(c)
}

func (n *node) setCustodyLocked(c custody) error {
	if err := n.noteCustody(c); err != nil {
		return err
	}
	n.net.mu.custody = c
	return nil
}

func (n *node) noteCustody(c custody) error {
	batch := n.store.NewBatch()
	batch.PutCustody(c.groups, c.since)
	return batch.Commit(true)
}

// gaps is where custody begins to be whole. It implements driver.Custody.
type gaps struct{ *node }

// Gaps implements driver.Custody. Where nothing is missing any more, earliest_available_slot moves back.
//
// Spec: "If the node decides to backfill due to the custody_group_count change, the earliest_available_slot field in the status RPC message MAY be updated with
// progressively lower values as the backfill process advances" (fulu/validator.md).
func (g gaps) Gaps(below types.Slot, most int) ([]chain.Gap, types.Slot, error) {
	first, err := types.ComputeStartSlotAtEpoch(g.spec, g.spec.FuluForkEpoch)
	if err != nil {
		return nil, 0, nil // no block has columns
	}
	first = max(first, params.GenesisSlot+1)
	have := g.net.keeps()
	if have.since <= first {
		return nil, 0, nil
	}
	found, reached, whole, err := g.chain.Gaps(min(below, have.since), first, most)
	if err != nil {
		return nil, 0, err
	}
	if reached <= first {
		reached = 0
	}
	if below < have.since || whole == have.since {
		return found, reached, nil
	}
	g.net.mu.Lock()
	defer g.net.mu.Unlock()
	if g.net.mu.custody != have {
		return nil, 0, nil // it has grown meanwhile, and other columns are missing
	}
	if err := g.setCustodyLocked(custody{have.groups, whole}); err != nil {
		return nil, 0, err
	}
	g.net.peering.SetCustodySince(whole)
	return found, reached, nil
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
