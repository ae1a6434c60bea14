package forkchoice

import (
	"maps"
	"slices"

	"github.com/cresset/cresset/beacon/types"
)

// The fast confirmation rule, word by word on the model. A block that is gone satisfies no condition.

func (m *model) epochStart(slot types.Slot) bool { return uint64(slot)%m.spec.SlotsPerEpoch == 0 }

func (m *model) blockEpoch(root types.Root) types.Epoch { return m.epochOf(m.blocks[root].Slot) }

func (m *model) onFastConfirmation() {
	f := &m.fcr
	head := m.head().Root
	f.PreviousSlotHead, f.CurrentSlotHead = f.CurrentSlotHead, head
	if m.epochStart(m.slot() + 1) {
		f.PreviousEpochGreatestUnrealizedCheckpoint = m.unrealizedJustified
	}
	if m.epochStart(m.slot()) {
		f.PreviousEpochObservedJustifiedCheckpoint = f.CurrentEpochObservedJustifiedCheckpoint
		f.CurrentEpochObservedJustifiedCheckpoint = f.PreviousEpochGreatestUnrealizedCheckpoint
	}
	f.ConfirmedRoot = m.latestConfirmed(head)
}

func (m *model) latestConfirmed(head types.Root) types.Root {
	confirmed, epoch := m.fcr.ConfirmedRoot, m.epoch()
	observed := m.fcr.CurrentEpochObservedJustifiedCheckpoint
	if m.blocks[confirmed] == nil || m.blockEpoch(confirmed)+1 < epoch || !m.isAncestor(Node{head, Pending}, Node{confirmed, Pending}) ||
		m.epochStart(m.slot()) && !m.chainSafe(head, confirmed) {
		confirmed = m.finalized.Root
	}
	if o := m.blocks[observed.Root]; o != nil && m.epochStart(m.slot()) && m.epochOf(o.Slot)+1 == epoch &&
		observed == m.blocks[head].UnrealizedJustified && m.blocks[confirmed].Slot < o.Slot {
		confirmed = observed.Root
	}
	if m.blockEpoch(confirmed)+1 >= epoch {
		return m.latestDescendant(head, confirmed)
	}
	return confirmed
}

func (m *model) ancestorRoots(root, terminal types.Root) (out []types.Root) {
	for m.blocks[root].Slot > m.blocks[terminal].Slot {
		out = slices.Insert(out, 0, root)
		root = m.blocks[root].ParentRoot
		if root == terminal {
			return out
		}
	}
	return nil
}

func (m *model) chainSafe(head, confirmed types.Root) bool {
	observed := m.fcr.CurrentEpochObservedJustifiedCheckpoint
	if observed.Root != m.checkpointBlock(confirmed, observed.Epoch) {
		return false
	}
	exclusive := observed.Root
	if observed.Epoch+1 < m.epoch() {
		a := m.ancestor(Node{confirmed, Pending}, m.start(m.epoch()-1)).Root
		if exclusive = a; m.blockEpoch(a)+1 == m.epoch() {
			if exclusive = m.blocks[a].ParentRoot; m.blocks[exclusive] == nil {
				return false
			}
		}
	}
	for _, root := range m.ancestorRoots(confirmed, exclusive) {
		if !m.oneConfirmed(head, m.fcr.PreviousEpochObservedJustifiedCheckpoint, root) {
			return false
		}
	}
	return true
}

func (m *model) latestDescendant(head, confirmed types.Root) types.Root {
	epoch, source := m.epoch(), m.fcr.CurrentEpochObservedJustifiedCheckpoint
	previous := m.fcr.PreviousSlotHead
	unrealized := func(root types.Root) types.Epoch { return m.blocks[root].UnrealizedJustified.Epoch }
	if m.blocks[previous] != nil && m.blockEpoch(confirmed)+1 == epoch && m.votingSource(previous).Epoch+2 >= epoch &&
		(m.epochStart(m.slot()) || m.noConflicting(head) && (unrealized(previous)+1 >= epoch || unrealized(head)+1 >= epoch)) {
		for _, root := range m.ancestorRoots(head, confirmed) {
			if m.blockEpoch(root) == epoch || !m.isAncestor(Node{previous, Pending}, Node{root, Pending}) || !m.oneConfirmed(head, source, root) {
				break
			}
			confirmed = root
		}
	}
	if m.epochStart(m.slot()) || unrealized(head)+1 >= epoch {
		tentative := confirmed
		for _, root := range m.ancestorRoots(head, confirmed) {
			if m.blockEpoch(root) > m.blockEpoch(tentative) {
				if honest, total := m.honestSupport(head); 3*honest < 2*total {
					break
				}
			}
			if !m.oneConfirmed(head, source, root) {
				break
			}
			tentative = root
		}
		if m.blockEpoch(tentative) == epoch || m.votingSource(tentative).Epoch+2 >= epoch && (m.epochStart(m.slot()) || m.noConflicting(head)) {
			confirmed = tentative
		}
	}
	return confirmed
}

func (m *model) committees(head types.Root, from, to types.Slot) map[uint32]bool {
	all := map[uint32]bool{}
	for slot := from; slot <= to; slot++ {
		committee, err := m.states.Committee(head, slot)
		if err != nil {
			panic(err)
		}
		for _, i := range committee {
			all[i] = true
		}
	}
	return all
}

func (m *model) estimate(total types.Gwei, from, to types.Slot) types.Gwei {
	slots := types.Gwei(m.spec.SlotsPerEpoch)
	switch {
	case from > to:
		return 0
	case m.epochOf(from+types.Slot(slots)-1) < m.epochOf(to+1):
		return total
	case m.epochOf(from) == m.epochOf(to):
		return total / slots * types.Gwei(to-from+1)
	}
	inEnd := types.Gwei(to)%slots + 1
	inStart := slots - types.Gwei(from)%slots
	sum := total/slots*inStart/slots*(slots-inEnd) + total/slots*inEnd
	return (sum + 999) / 1000 * 1005
}

func (m *model) adversarial(head types.Root, b *Balances, from, to types.Slot) types.Gwei {
	most := m.estimate(b.TotalActiveBalance(), from, to) / 100 * types.Gwei(m.spec.ConfirmationByzantineThreshold)
	var score types.Gwei
	for i := range m.committees(head, from, to) {
		if m.equivocating[types.ValidatorIndex(i)] && b.isActive(i) {
			score += b.gwei(b.effective(i))
		}
	}
	return most - min(most, score)
}

func (m *model) oneConfirmed(head types.Root, source types.Checkpoint, root types.Root) bool {
	if m.blocks[source.Root] == nil {
		return false
	}
	b := m.balances(source)
	block := m.blocks[root]
	for _, p := range m.chain(Node{root, Pending})[:min(1, len(m.chain(Node{root, Pending})))] {
		if p.Execution == Optimistic || p.Execution == Invalid {
			return false
		}
	}
	parent, last := m.blocks[block.ParentRoot], m.slot()-1
	var discount types.Gwei
	if parent.Slot+1 < block.Slot && m.epochOf(parent.Slot+1)+2 >= m.epoch() {
		for i := range m.committees(head, parent.Slot+1, block.Slot-1) {
			if x, ok := m.messages[types.ValidatorIndex(i)]; ok && x.root == block.ParentRoot && !m.equivocating[types.ValidatorIndex(i)] {
				discount += b.gwei(b.voting(i))
			}
		}
		discount -= min(discount, m.adversarial(head, b, parent.Slot+1, block.Slot-1))
	}
	from := block.Slot
	if m.blockEpoch(root) > m.blockEpoch(block.ParentRoot) {
		from = m.start(m.blockEpoch(root))
	}
	sum := m.estimate(b.TotalActiveBalance(), parent.Slot+1, last) + 2*m.adversarial(head, b, from, last) +
		b.TotalActiveBalance()/types.Gwei(m.spec.SlotsPerEpoch)*types.Gwei(m.spec.ProposerScoreBoost)/100
	return m.attestationScore(Node{root, Pending}, b) > (sum-min(sum, discount))/2
}

func (m *model) honestSupport(head types.Root) (honest, total types.Gwei) {
	b := m.balances(types.Checkpoint{Epoch: m.epoch(), Root: head})
	target := m.checkpointBlock(head, m.epoch())
	var support types.Gwei
	for _, i := range slices.Collect(maps.Keys(m.messages)) {
		x := m.messages[i]
		if m.blocks[x.root] != nil && !m.equivocating[i] && m.epochOf(x.slot) == m.epoch() && m.checkpointBlock(x.root, m.epoch()) == target {
			support += b.gwei(b.voting(uint32(i)))
		}
	}
	total = b.TotalActiveBalance()
	var tillNow, adversarial types.Gwei
	if start := m.start(m.epoch()); m.slot() > start {
		tillNow = m.estimate(total, start, m.slot()-1)
		adversarial = m.adversarial(head, b, start, m.slot()-1)
	}
	remaining := (total - tillNow) / 100 * types.Gwei(100-m.spec.ConfirmationByzantineThreshold)
	return support - min(support, adversarial) + remaining, total
}

func (m *model) noConflicting(head types.Root) bool {
	if (types.Checkpoint{Epoch: m.epoch(), Root: m.checkpointBlock(head, m.epoch())}) == m.unrealizedJustified {
		return true
	}
	honest, total := m.honestSupport(head)
	return 3*honest > total
}
