package rangesync

import (
	"maps"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
)

const (
	// witnesses is how many peers are asked whether they have a block.
	witnesses = 3
	// surveyTime is how long their answers may take.
	surveyTime = 5 * time.Second
)

// survey is the search for a block that the peers of a target have too.
type survey struct {
	at      Block // of our chain, which is asked for
	step    types.Slot
	asked   map[uint64]string // peers by request
	yes, no int
	due     time.Time
}

// ask asks peers for our block at a slot. If nothing but the finalized block is left, or nobody to ask, the run begins there.
func (m *Machine) ask(now time.Time, slot types.Slot) {
	at, ok := m.cfg.Chain.Canonical(slot)
	if !ok || at.Slot <= m.local.FinalizedSlot {
		m.begin(now, m.local.FinalizedSlot)
		return
	}
	m.survey.at, m.survey.yes, m.survey.no, m.survey.due = at, 0, 0, now.Add(surveyTime)
	m.survey.asked = map[uint64]string{}
	for _, id := range slices.Sorted(maps.Keys(m.peers)) {
		if s := m.peers[id]; m.target.claims(s) && s.Earliest <= at.Slot && len(m.survey.asked) < witnesses {
			number := m.cfg.Download.Numbers.Next()
			m.survey.asked[number] = id
			m.do(download.Request{ID: number, Peer: id, Part: download.Blocks, Start: at.Slot, Count: 1, First: true})
		}
	}
	if len(m.survey.asked) == 0 {
		m.begin(now, m.local.FinalizedSlot)
	}
}

// probed takes in a peer's answer: the block it has at the slot, if it has one. No answer is none.
func (m *Machine) probed(now time.Time, id uint64, blocks []download.Block, answered bool) {
	if m.survey == nil || m.survey.asked[id] == "" {
		return
	}
	delete(m.survey.asked, id)
	switch {
	case !answered:
	case len(blocks) == 1 && blocks[0].Root == m.survey.at.Root:
		m.survey.yes++
	default:
		m.survey.no++
	}
	if len(m.survey.asked) == 0 {
		m.judge(now)
	}
}

// judge goes by the majority. A peer that lies costs a run that begins too late and fails, or one that begins earlier than it had to.
func (m *Machine) judge(now time.Time) {
	for id := range m.survey.asked {
		m.do(download.Cancel{ID: id})
	}
	if m.survey.yes > m.survey.no {
		m.begin(now, m.survey.at.Slot)
		return
	}
	m.survey.step *= 2
	m.ask(now, m.survey.at.Slot.SubSaturating(m.survey.step))
}
