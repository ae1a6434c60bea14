package download

import (
	"fmt"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Result is what became of an import.
type Result uint8

// The results.
const (
	// Imported means that all of the batch is imported.
	Imported Result = iota
	// Wrong means that a block, or what belongs to one, breaks a rule: whoever sent it is dropped.
	Wrong
	// Unlinked means that the first block's parent is not the block before the batch (going backwards: the last block is not the parent of
	// the one after it): this batch is another chain's, or one before it lacks a block.
	Unlinked
	// Incomplete means that something is not there that belongs to the batch, though all came that was asked for. Part says what: columns that this
	// node did not keep when they were asked for, blobs, or the payload of a block that the next one builds on.
	Incomplete
	// Waits means that the first block builds on the payload of the one before the batch, which is not here and is looked for.
	Waits
	// Invalid means that the execution client calls a payload invalid, which whoever sent it may not have been able to tell.
	Invalid
	// Later means that this side could not import it, for a reason that has nothing to do with it: it is tried again.
	Later
)

// The pauses of an import that is tried again.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// handOut asks for the first batch to be imported, if it is complete, and ends the run if it cannot be completed.
func (m *Machine) handOut(now time.Time) {
	for !m.at && len(m.row) > 0 && !now.Before(m.retry) {
		b := m.row[0]
		if !b.complete() {
			m.giveUp(now, b)
			return
		}
		if len(b.blocks) > 0 {
			m.at = true
			m.do(Import{Batch: b.id, Start: b.start, Count: b.count})
			return
		}
		// Nothing to import. Whether a block was withheld is seen when the next one does not link.
		m.gap = append(m.gap, b)
		m.leave(b)
		m.fill()
		m.assign(now)
	}
}

// leave takes the first batch out of the row.
func (m *Machine) leave(b *batch) {
	m.row = m.row[1:]
	m.imported += b.count
	m.do(Discard{b.id})
}

// giveUp ends the run if its first batch, which everything waits for, cannot be had from anybody. Who could have it and was tried may be
// tried again for a while: peers that have just got a block, or are busy, say that they lack it, and what did not link may have been right.
func (m *Machine) giveUp(now time.Time, b *batch) {
	if b.underWay() || len(m.peers) == 0 {
		return
	}
	var serving []*peer
	for _, p := range m.peers {
		if !p.serves(b) {
			continue
		}
		if !m.exhausted(b, p) {
			return
		}
		serving = append(serving, p)
	}
	if b.rounds++; len(serving) == 0 || b.rounds >= m.cfg.Attempts {
		m.fail(fmt.Sprintf("%v: none of %d peers has it", b, len(m.peers)), b)
		return
	}
	clear(b.tried)
	for _, p := range serving {
		p.slow(now)
	}
}

// exhausted tells whether a peer was tried for everything that is missing and that it could have.
func (m *Machine) exhausted(b *batch, p *peer) bool {
	switch {
	case !b.got:
		return b.tried[attempt{p.ID, Blocks}]
	case b.needs.Payloads && !b.tried[attempt{p.ID, Payloads}], b.needs.Blobs && !b.tried[attempt{p.ID, Blobs}]:
		return false
	}
	if b.tried[attempt{p.ID, Columns}] {
		return true
	}
	return !slices.ContainsFunc(b.needs.Columns, func(c uint64) bool { return p.custody[c] })
}

func (m *Machine) fail(reason string, b *batch) {
	m.ended = true
	var peers []string
	for _, w := range b.wrong {
		peers = append(peers, w.peer)
	}
	for _, other := range m.row {
		m.cancel(other)
		m.do(Discard{other.id})
	}
	m.do(Failed{Reason: reason, Peers: peers})
}

// Stop ends the run before it is done.
func (m *Machine) Stop(reason string) []Action {
	if !m.ended {
		m.fail(reason, &batch{})
	}
	out := m.out
	m.out = nil
	return out
}

// Imported takes in what became of the batch that was handed out last. Part says what was wrong with a Wrong one; reason is for the
// penalty.
func (m *Machine) Imported(now time.Time, id uint64, result Result, part Part, reason string) []Action {
	if !m.at || m.ended || m.row[0].id != id {
		return m.step(now) // the run has ended meanwhile
	}
	m.at = false
	b := m.row[0]
	switch result {
	case Imported:
		m.pause = 0
		if b.waits > 0 {
			m.hold(m.paid, fmt.Sprintf("payloads of the slots before %v: left out the last", b))
		}
		m.paid = b.from[Payloads]
		m.tip = b.blocks[len(b.blocks)-1].Root
		if m.cfg.Backward {
			m.tip = b.blocks[0].Parent
		}
		rest := m.rest(b)
		m.blame(b)
		m.gap = rest
		m.leave(b)
	case Later:
		m.wait(now)
	case Incomplete:
		m.lacks(now, b, part, reason)
	case Waits:
		if b.waits++; b.waits <= m.cfg.Attempts {
			m.wait(now)
			break
		}
		// Nobody has that payload, so the block that builds on it may be made up.
		b.waits = 0
		m.reopen(1)
	case Invalid:
		m.shun(b, part, reason)
	case Wrong:
		for _, id := range b.from[part] {
			b.tried[attempt{id, part}] = true
			alone := len(b.from[part]) == 1 // of several it is not known who it was
			m.do(Penalise{Peer: id, Reason: fmt.Sprintf("%s of %v: %s", part, b, reason), Drop: alone})
			if alone {
				m.distrust(id)
			}
		}
		m.again(b)
	case Unlinked:
		m.reopen(1)
	}
	return m.step(now)
}

// wait lets time pass before the first batch is imported once more.
func (m *Machine) wait(now time.Time) {
	m.pause = min(longestPause, max(firstPause, 2*m.pause))
	m.retry = now.Add(m.pause)
}

// hold holds something against peers that are still here.
func (m *Machine) hold(peers []string, reason string) {
	for _, id := range peers {
		if m.peers[id] != nil {
			m.do(Penalise{Peer: id, Reason: reason})
		}
	}
}

// lacks has what a batch lacks asked for. Columns are nobody's fault. That the payload of a block was left out is known if somebody else sends the same blocks.
func (m *Machine) lacks(now time.Time, b *batch, part Part, reason string) {
	reason = fmt.Sprintf("%s of %v: %s", part, b, reason)
	if part == Payloads {
		for _, id := range b.from[Payloads] {
			m.dispute(b, attempt{id, Payloads}, reason)
		}
		if b.got {
			m.again(b) // there is nobody else who has the blocks, but there may be one who has the payload
		}
		return
	}
	if part == Blobs {
		m.hold(b.from[Blobs], reason)
		for _, id := range b.from[Blobs] {
			b.tried[attempt{id, Blobs}] = true
		}
	}
	m.need(b, true)
	if b.complete() {
		m.wait(now)
	}
}

// shun leaves those out of the run who sent a payload that the execution client calls invalid, for they are on a chain that this node cannot follow, and holds nothing against
// them. The run ends if nobody else is there.
func (m *Machine) shun(b *batch, part Part, reason string) {
	senders := b.from[part]
	delete(b.from, part) // so that they are not blamed if another one's blocks are imported
	m.again(b)
	for _, id := range senders {
		m.shunned[id] = true
		m.distrust(id)
	}
	if len(m.peers) == 0 && !m.ended {
		m.fail(fmt.Sprintf("%v: %s", b, reason), &batch{})
	}
}

// restart forgets what came of a batch, so that it is downloaded anew.
func (m *Machine) restart(b *batch) {
	m.cancel(b)
	m.do(Discard{b.id})
	b.reset()
}

// again has a batch downloaded anew, from somebody else.
func (m *Machine) again(b *batch) {
	b.fails++
	for _, id := range b.from[Blocks] {
		b.wrong = append(b.wrong, content{id, b.blocks})
	}
	m.restart(b)
	if b.fails >= m.cfg.Attempts && !m.ended {
		m.fail(fmt.Sprintf("%v: nothing that %d peers sent could be imported", b, b.fails), b)
	}
}

// rest is the slots of an imported batch after its last block (going backwards: before its first): a batch of its own that nothing came
// for. Whether a block of it was withheld is seen when the next one does not link.
func (m *Machine) rest(b *batch) []*batch {
	start, end := b.blocks[len(b.blocks)-1].Slot+1, b.start+types.Slot(b.count)
	if m.cfg.Backward {
		start, end = b.start, b.blocks[0].Slot
	}
	if start >= end {
		return nil
	}
	r := &batch{id: m.cfg.Numbers.Next(), start: start, count: uint64(end - start), tried: map[attempt]bool{}}
	r.reset()
	r.got, r.from[Blocks] = true, b.from[Blocks]
	// What was sent before for these slots is judged with them.
	for i, w := range b.wrong {
		inside := func(block Block) bool { return start <= block.Slot && block.Slot < end }
		r.wrong = append(r.wrong, content{w.peer, slices.DeleteFunc(slices.Clone(w.blocks), func(block Block) bool { return !inside(block) })})
		b.wrong[i].blocks = slices.DeleteFunc(slices.Clone(w.blocks), inside)
	}
	return []*batch{r}
}

// reopen has the first batches of the row, which do not link, downloaded anew, and what came before them without a block: something may be
// missing there.
func (m *Machine) reopen(batches int) {
	gap := m.gap
	m.gap = nil
	for _, g := range gap {
		m.imported -= g.count
	}
	m.row = append(slices.Clone(gap), m.row...)
	for _, g := range m.row[:len(gap)+batches] {
		for _, id := range g.from[Blocks] {
			g.tried[attempt{id, Blocks}] = true
		}
		m.again(g)
	}
}

// end ends the run, if it ends with what it has to. Where that is not known, slots at the end that nothing came for are asked for once more, from somebody else.
func (m *Machine) end(now time.Time) {
	complete := m.cfg.End == m.tip
	if m.cfg.End == (types.Root{}) {
		complete = !slices.ContainsFunc(m.gap, func(g *batch) bool { return g.fails == 0 })
	}
	switch {
	case complete:
		m.ended = true
		m.do(Done{})
	case len(m.gap) == 0:
		m.ended = true
		m.do(Failed{Reason: fmt.Sprintf("the run ends with %v, want %v", m.tip, m.cfg.End)})
	default:
		m.reopen(0)
		m.assign(now)
	}
}

// blame drops the peers that sent for a batch, or for one without a block before it, something else than what could be imported in the end.
func (m *Machine) blame(b *batch) {
	for _, done := range append(slices.Clone(m.gap), b) {
		for _, w := range done.wrong {
			if slices.Equal(w.blocks, done.blocks) || m.peers[w.peer] == nil {
				continue
			}
			m.distrust(w.peer)
			m.do(Penalise{Peer: w.peer, Reason: fmt.Sprintf("blocks of %v are not those of the chain", done), Drop: true})
		}
	}
}
