package forkchoice

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// errModel is every failed assertion of the model.
var errModel = errors.New("assertion failed")

// message is LatestMessage.
type message struct {
	slot    types.Slot
	root    types.Root
	present bool
}

// model is the store of the specification, word by word: maps and recursion, nothing remembered. It shares no code with Store but the
// types and the answers of States. Removed blocks are really removed.
type model struct {
	spec   *params.Spec
	states States

	now                                      uint64
	justified, finalized                     types.Checkpoint
	unrealizedJustified, unrealizedFinalized types.Checkpoint
	boost                                    types.Root
	equivocating                             map[types.ValidatorIndex]bool
	blocks                                   map[types.Root]*Block
	removed                                  map[types.Root]bool
	timeliness                               map[types.Root][2]bool
	messages                                 map[types.ValidatorIndex]message
	payloads                                 map[types.Root]bool
	present, available                       map[types.Root][]*bool
	fcr                                      FastConfirmation
}

func newModel(cfg Config) *model {
	anchor := cfg.Anchor
	c := types.Checkpoint{Epoch: types.ComputeEpochAtSlot(cfg.Spec, anchor.Slot), Root: anchor.Root}
	anchor.UnrealizedJustified = c
	return &model{
		spec: cfg.Spec, states: cfg.States, now: uint64(anchor.Slot) * cfg.Spec.SlotDurationMs,
		justified: c, finalized: c, unrealizedJustified: c, unrealizedFinalized: c,
		equivocating: map[types.ValidatorIndex]bool{}, blocks: map[types.Root]*Block{anchor.Root: &anchor},
		removed:    map[types.Root]bool{},
		timeliness: map[types.Root][2]bool{anchor.Root: {true, true}}, messages: map[types.ValidatorIndex]message{},
		payloads: map[types.Root]bool{}, present: map[types.Root][]*bool{}, available: map[types.Root][]*bool{},
		fcr: FastConfirmation{c.Root, c, c, c, c.Root, c.Root},
	}
}

func (m *model) slot() types.Slot { return types.Slot(m.now / m.spec.SlotDurationMs) }
func (m *model) epochOf(slot types.Slot) types.Epoch {
	return types.Epoch(uint64(slot) / m.spec.SlotsPerEpoch)
}
func (m *model) epoch() types.Epoch { return m.epochOf(m.slot()) }
func (m *model) start(epoch types.Epoch) types.Slot {
	return types.Slot(uint64(epoch) * m.spec.SlotsPerEpoch)
}
func (m *model) gloas(root types.Root) bool     { return m.gloasSlot(m.blocks[root].Slot) }
func (m *model) gloasSlot(slot types.Slot) bool { return m.spec.ForkAtSlot(slot) >= params.Gloas }
func (m *model) verified(root types.Root) bool  { return m.payloads[root] }
func (m *model) roots() []types.Root {
	return slices.SortedFunc(maps.Keys(m.blocks), func(a, b types.Root) int { return bytes.Compare(a[:], b[:]) })
}

func (m *model) balances(c types.Checkpoint) *Balances {
	b, err := m.states.Balances(c)
	if err != nil {
		panic(err)
	}
	return b
}

func (m *model) parentStatus(b *Block) PayloadStatus {
	parent := m.blocks[b.ParentRoot]
	switch {
	case parent == nil || !m.gloas(b.ParentRoot):
		return Pending
	case b.ExecutionParentHash == parent.ExecutionBlockHash:
		return Full
	}
	return Empty
}

// ancestor is get_ancestor; what lies below the first block known is that block.
func (m *model) ancestor(n Node, slot types.Slot) Node {
	b := m.blocks[n.Root]
	if b.Slot > slot && m.blocks[b.ParentRoot] != nil {
		return m.ancestor(Node{b.ParentRoot, m.parentStatus(b)}, slot)
	}
	return n
}

func (m *model) isAncestor(n, ancestor Node) bool {
	a := m.ancestor(n, m.blocks[ancestor.Root].Slot)
	return a.Root == ancestor.Root && (a.PayloadStatus == ancestor.PayloadStatus || ancestor.PayloadStatus == Pending)
}

func (m *model) checkpointBlock(root types.Root, epoch types.Epoch) types.Root {
	return m.ancestor(Node{root, Pending}, m.start(epoch)).Root
}

func (m *model) supported(x message) Node {
	b := m.blocks[x.root]
	switch {
	case !m.gloas(x.root) || b.Slot >= x.slot:
		return Node{x.root, Pending}
	case x.present:
		return Node{x.root, Full}
	}
	return Node{x.root, Empty}
}

func (m *model) attestationScore(n Node, b *Balances) (sum types.Gwei) {
	for i, x := range m.messages {
		if m.blocks[x.root] != nil && !m.equivocating[i] && m.isAncestor(m.supported(x), n) {
			sum += b.gwei(b.voting(uint32(i)))
		}
	}
	return sum
}

func (m *model) isHeadWeak(root types.Root) bool {
	b := m.balances(m.justified)
	weight := m.attestationScore(Node{root, Pending}, b)
	committee, err := m.states.Committee(root, m.blocks[root].Slot)
	if err != nil {
		panic(err)
	}
	for _, i := range committee {
		if m.equivocating[types.ValidatorIndex(i)] {
			weight += b.gwei(b.effective(i))
		}
	}
	return weight < b.TotalActiveBalance()/types.Gwei(m.spec.SlotsPerEpoch)*types.Gwei(m.spec.ReorgHeadWeightThreshold)/100
}

func (m *model) shouldApplyBoost() bool {
	b := m.blocks[m.boost]
	if b == nil {
		return false
	}
	if !m.gloasSlot(b.Slot) {
		return true
	}
	parent := m.blocks[b.ParentRoot]
	if parent.Slot+1 < b.Slot || !m.isHeadWeak(b.ParentRoot) {
		return true
	}
	for root, other := range m.blocks {
		if m.timeliness[root][1] && other.ProposerIndex == parent.ProposerIndex && other.Slot+1 == b.Slot && root != b.ParentRoot {
			return false
		}
	}
	return true
}

func (m *model) previousSlotDecision(n Node) bool {
	return m.blocks[n.Root].Slot+1 == m.slot() && n.PayloadStatus != Pending
}

func (m *model) weight(n Node) types.Gwei {
	if m.previousSlotDecision(n) {
		return 0
	}
	b := m.balances(m.justified)
	score := m.attestationScore(n, b)
	if m.shouldApplyBoost() && m.isAncestor(Node{m.boost, Pending}, n) {
		score += b.TotalActiveBalance() / types.Gwei(m.spec.SlotsPerEpoch) * types.Gwei(m.spec.ProposerScoreBoost) / 100
	}
	return score
}

func (m *model) votingSource(root types.Root) types.Checkpoint {
	if b := m.blocks[root]; m.epoch() <= m.epochOf(b.Slot) {
		return b.JustifiedCheckpoint
	}
	return m.blocks[root].UnrealizedJustified
}

func (m *model) filter(root types.Root, into map[types.Root]bool) bool {
	children, viable := 0, false
	for r, b := range m.blocks {
		if b.ParentRoot == root {
			children++
			viable = m.filter(r, into) || viable
		}
	}
	if children > 0 {
		if viable {
			into[root] = true
		}
		return viable
	}
	source := m.votingSource(root)
	justified := m.justified.Epoch == 0 || source.Epoch == m.justified.Epoch || source.Epoch+2 >= m.epoch()
	finalized := m.finalized.Epoch == 0 || m.finalized.Root == m.checkpointBlock(root, m.finalized.Epoch)
	if justified && finalized {
		into[root] = true
	}
	return justified && finalized
}

func (m *model) children(blocks map[types.Root]bool, n Node) (out []Node) {
	if m.gloas(n.Root) && n.PayloadStatus == Pending {
		out = []Node{{n.Root, Empty}}
		if m.verified(n.Root) {
			out = append(out, Node{n.Root, Full})
		}
		return out
	}
	for r := range blocks {
		if b := m.blocks[r]; b.ParentRoot == n.Root && m.parentStatus(b) == n.PayloadStatus {
			out = append(out, Node{r, Pending})
		}
	}
	return out
}

func (m *model) decided(votes []*bool, root types.Root, answer bool) bool {
	if !m.verified(root) {
		return !answer
	}
	count := uint64(0)
	for _, v := range votes {
		if v != nil && *v == answer {
			count++
		}
	}
	return count > m.spec.PTCSize/2
}

func (m *model) shouldExtend(root types.Root) bool {
	if !m.verified(root) {
		return false
	}
	boosted := m.blocks[m.boost]
	return m.decided(m.present[root], root, true) && m.decided(m.available[root], root, true) ||
		boosted == nil || boosted.ParentRoot != root || m.parentStatus(boosted) == Full
}

func (m *model) tiebreaker(n Node) PayloadStatus {
	switch {
	case !m.previousSlotDecision(n):
		return n.PayloadStatus
	case n.PayloadStatus == Empty:
		return 1
	case m.shouldExtend(n.Root):
		return 2
	}
	return 0
}

func (m *model) head() Node {
	blocks := map[types.Root]bool{}
	m.filter(m.justified.Root, blocks)
	head := Node{m.justified.Root, Pending}
	for {
		children := m.children(blocks, head)
		if len(children) == 0 {
			return head
		}
		head = slices.MaxFunc(children, func(a, b Node) int {
			return cmp.Or(cmp.Compare(m.weight(a), m.weight(b)), bytes.Compare(a.Root[:], b.Root[:]), cmp.Compare(m.tiebreaker(a), m.tiebreaker(b)))
		})
	}
}

// leaves are the leaves of the filtered block tree with their weights.
func (m *model) leaves() map[Node]types.Gwei {
	blocks, out := map[types.Root]bool{}, map[Node]types.Gwei{}
	m.filter(m.justified.Root, blocks)
	if !blocks[m.justified.Root] {
		return out
	}
	var walk func(Node)
	walk = func(n Node) {
		children := m.children(blocks, n)
		if len(children) == 0 {
			out[n] = m.weight(n)
		}
		for _, c := range children {
			walk(c)
		}
	}
	walk(Node{m.justified.Root, Pending})
	return out
}

func (m *model) update(j, f types.Checkpoint) {
	if j.Epoch > m.justified.Epoch {
		m.justified = j
	}
	if f.Epoch > m.finalized.Epoch {
		m.finalized = f
	}
}

func (m *model) onTick(ms uint64) {
	perSlot := func(ms uint64) {
		before := m.slot()
		m.now = ms
		if m.slot() > before {
			m.boost = types.Root{}
			if uint64(m.slot())%m.spec.SlotsPerEpoch == 0 {
				m.update(m.unrealizedJustified, m.unrealizedFinalized)
			}
		}
	}
	for m.slot() < types.Slot(ms/m.spec.SlotDurationMs) {
		perSlot(uint64(m.slot()+1) * m.spec.SlotDurationMs)
	}
	perSlot(ms)
}

// setBack is what a store comes to that got everything anew but the votes that the time forbids.
func (m *model) setBack(ms uint64) {
	m.now, m.boost = ms, types.Root{}
	m.fcr = FastConfirmation{m.finalized.Root, m.finalized, m.finalized, m.finalized, m.finalized.Root, m.finalized.Root}
	for i, x := range m.messages {
		if x.slot >= m.slot() {
			delete(m.messages, i)
		}
	}
}

func (m *model) dependent(root types.Root) types.Root {
	slot := types.Slot(0)
	if m.epoch() > m.spec.MinSeedLookahead {
		slot = m.start(m.epoch()-m.spec.MinSeedLookahead) - 1
	}
	return m.ancestor(Node{root, Pending}, slot).Root
}

func (m *model) onBlock(b *Block) error {
	if m.blocks[b.Root] != nil {
		return nil
	}
	parent := m.blocks[b.ParentRoot]
	if parent == nil || m.removed[b.Root] {
		return errModel
	}
	if m.parentStatus(b) == Full && !m.verified(b.ParentRoot) {
		return errModel
	}
	if m.slot() < b.Slot || b.Slot <= parent.Slot || b.Slot <= m.start(m.finalized.Epoch) ||
		m.finalized.Root != m.checkpointBlock(b.ParentRoot, m.finalized.Epoch) {
		return errModel
	}
	head := m.head()
	c := *b
	m.blocks[b.Root] = &c
	m.present[b.Root], m.available[b.Root] = make([]*bool, m.spec.PTCSize), make([]*bool, m.spec.PTCSize)
	into := b.Arrived % m.spec.SlotDurationMs
	arrivedInSlot := types.Slot(b.Arrived/m.spec.SlotDurationMs) == b.Slot
	due := m.spec.AttestationDueBPS
	if m.gloasSlot(b.Slot) {
		due = m.spec.AttestationDueBPSGloas
	}
	timely := [2]bool{
		arrivedInSlot && into < due*m.spec.SlotDurationMs/10000,
		arrivedInSlot && into < m.spec.PayloadAttestationDueBPS*m.spec.SlotDurationMs/10000,
	}
	m.timeliness[b.Root] = timely
	if timely[0] && m.slot() == b.Slot && m.boost == (types.Root{}) && m.dependent(head.Root) == m.dependent(b.Root) {
		m.boost = b.Root
	}
	m.update(b.JustifiedCheckpoint, b.FinalizedCheckpoint)
	if b.UnrealizedJustified.Epoch > m.unrealizedJustified.Epoch {
		m.unrealizedJustified = b.UnrealizedJustified
	}
	if b.UnrealizedFinalized.Epoch > m.unrealizedFinalized.Epoch {
		m.unrealizedFinalized = b.UnrealizedFinalized
	}
	if m.epochOf(b.Slot) < m.epoch() {
		m.update(b.UnrealizedJustified, b.UnrealizedFinalized)
	}
	if b.Execution == Valid {
		m.setValid(b.Root)
	}
	return nil
}

func (m *model) onAttestation(a *Attestation, fromBlock bool) error {
	block, ok := m.blocks[a.BlockRoot]
	previous := max(m.epoch(), 1) - 1
	switch {
	case !fromBlock && a.Target.Epoch != m.epoch() && a.Target.Epoch != previous,
		a.Target.Epoch != m.epochOf(a.Slot), m.blocks[a.Target.Root] == nil, !ok,
		block.Slot > a.Slot:
		return errModel
	}
	if m.gloasSlot(a.Slot) {
		if a.Index > 1 || block.Slot == a.Slot && a.Index != 0 || a.Index == 1 && m.gloas(a.BlockRoot) && !m.verified(a.BlockRoot) {
			return errModel
		}
	}
	c := m.ancestor(Node{a.BlockRoot, Pending}, m.start(a.Target.Epoch)).Root
	if c != a.Target.Root || m.blocks[c].Slot > m.start(a.Target.Epoch) || m.slot() < a.Slot+1 {
		return errModel
	}
	for _, i := range a.Attesting {
		old, voted := m.messages[i]
		later := !voted || m.epochOf(a.Slot) > m.epochOf(old.slot)
		if m.gloasSlot(a.Slot) {
			later = !voted || a.Slot > old.slot
		}
		if !m.equivocating[i] && later {
			m.messages[i] = message{a.Slot, a.BlockRoot, a.Index == 1}
		}
	}
	return nil
}

func (m *model) onPayloadVote(v PayloadVote, fromBlock bool) error {
	b := m.blocks[v.Root]
	if b == nil {
		return errModel
	}
	if v.Slot != b.Slot || !m.gloas(v.Root) {
		return nil
	}
	committee, err := m.states.PayloadCommittee(v.Root, v.Slot)
	if err != nil || !slices.Contains(committee, v.Validator) || !fromBlock && v.Slot != m.slot() {
		return errModel
	}
	for at, i := range committee {
		if i == v.Validator {
			if m.present[v.Root] == nil { // The anchor begins without.
				m.present[v.Root], m.available[v.Root] = make([]*bool, m.spec.PTCSize), make([]*bool, m.spec.PTCSize)
			}
			m.present[v.Root][at], m.available[v.Root][at] = &v.Present, &v.DataAvailable
		}
	}
	return nil
}

func (m *model) onEnvelope(root types.Root, e Execution) error {
	b := m.blocks[root]
	if b == nil || !m.gloas(root) || b.Execution == Invalid {
		return errModel
	}
	m.payloads[root] = true
	if b.Execution == Irrelevant {
		b.Execution = Optimistic
	}
	if e == Valid {
		m.setValid(root)
	}
	return nil
}

// chain is the blocks whose payloads are in the chain of a node, last first.
func (m *model) chain(n Node) (out []*Block) {
	b := m.blocks[n.Root]
	if b == nil {
		return nil
	}
	if !m.gloas(n.Root) || n.PayloadStatus == Full {
		out = []*Block{b}
	}
	return append(out, m.chain(Node{b.ParentRoot, m.parentStatus(b)})...)
}

func (m *model) own(root types.Root) Node {
	if m.gloas(root) {
		return Node{root, Full}
	}
	return Node{root, Pending}
}

func (m *model) setValid(root types.Root) {
	for _, b := range m.chain(m.own(root)) {
		if b.Execution == Optimistic {
			b.Execution = Valid
		}
	}
}

// setInvalid is the table of sync/optimistic.md.
func (m *model) setInvalid(root types.Root, latestValid *types.Hash32) error {
	chain := m.chain(m.own(root))
	first := chain[0]
	if latestValid != nil {
		for i, b := range chain {
			if b.ExecutionBlockHash == *latestValid && i > 0 {
				first = chain[i-1]
			}
			if *latestValid == (types.Hash32{}) && b.Execution != Irrelevant {
				first = b
			}
		}
	}
	if first.Execution == Valid {
		return errModel
	}
	if first.Execution == Invalid {
		return nil
	}
	delete(m.payloads, first.Root)
	first.Execution = Invalid
	full := m.own(first.Root)
	for _, r := range m.roots() {
		if m.gloas(first.Root) && r == first.Root {
			continue
		}
		if m.isAncestor(Node{r, Pending}, full) {
			m.removed[r] = true
		}
	}
	for r := range m.removed {
		m.remove(r)
	}
	if m.removed[m.boost] {
		m.boost = types.Root{}
	}
	return nil
}

func (m *model) remove(r types.Root) {
	delete(m.blocks, r)
	delete(m.payloads, r)
}

// prune removes what the finalized checkpoint excludes, if that is none of the other checkpoints.
func (m *model) prune() {
	keep := func(r types.Root) bool {
		return r == m.finalized.Root || m.blocks[r].Slot > m.start(m.finalized.Epoch) && m.checkpointBlock(r, m.finalized.Epoch) == m.finalized.Root
	}
	for _, c := range []types.Checkpoint{m.justified, m.unrealizedJustified, m.unrealizedFinalized} {
		if !keep(c.Root) {
			return
		}
	}
	var gone []types.Root
	for _, r := range m.roots() {
		if !keep(r) {
			gone = append(gone, r)
		}
	}
	for _, r := range gone {
		m.remove(r)
	}
}

func (m *model) proposerHead(head Node, slot types.Slot) (Node, error) {
	b := m.blocks[head.Root]
	parent := m.blocks[b.ParentRoot]
	if m.boost == head.Root {
		return Node{}, errModel
	}
	if parent == nil {
		return head, nil
	}
	balances := m.balances(m.justified)
	single := parent.Slot+1 == b.Slot && b.Slot+1 == slot
	weak := m.isHeadWeak(head.Root)
	strong := m.attestationScore(Node{b.ParentRoot, Pending}, balances) >
		balances.TotalActiveBalance()/types.Gwei(m.spec.SlotsPerEpoch)*types.Gwei(m.spec.ReorgParentWeightThreshold)/100
	onTime := m.now%m.spec.SlotDurationMs <= m.spec.ProposerReorgCutoffBPS*m.spec.SlotDurationMs/10000
	finalOK := m.epochOf(slot)-m.finalized.Epoch <= m.spec.ReorgMaxEpochsSinceFinalization
	same := 0
	for _, other := range m.blocks {
		if other.ProposerIndex == b.ProposerIndex && other.Slot == b.Slot {
			same++
		}
	}
	late := !m.timeliness[head.Root][0] && uint64(slot)%m.spec.SlotsPerEpoch != 0 && b.UnrealizedJustified == parent.UnrealizedJustified
	if late && finalOK && onTime && single && weak && strong || weak && b.Slot+1 == slot && same > 1 {
		return Node{b.ParentRoot, m.parentStatus(b)}, nil
	}
	return head, nil
}
