package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// watcher follows all nodes. One goroutine owns it; those that read the event streams only hand events over.
type watcher struct {
	*network
	seen   *seen
	oracle *oracle
	table  *table
	events chan event
	down   map[*process]bool // by a fault
	// starting are beacon nodes that were started on the way and are not synced yet.
	starting map[*process]bool
	unread   int                                 // votes that no committee was known for
	absent   map[types.Slot]types.ValidatorIndex // proposers of slots without a block at their end
	traffic  *traffic
	over     bool // what the run was to reach is reached
}

// eventQueue is how many events may wait; a stream waits too when it is full.
const eventQueue = 4096

func newWatcher(n *network) (*watcher, error) {
	traffic, err := newTraffic(n)
	if err != nil {
		return nil, err
	}
	w := &watcher{
		network: n, seen: newSeen(n.spec, n.root), oracle: newOracle(proposerLoss, attesterLoss), table: newTable(n.cfg.Out, n.cfg.Live),
		events: make(chan event, eventQueue), down: map[*process]bool{}, starting: map[*process]bool{}, absent: map[types.Slot]types.ValidatorIndex{}, traffic: traffic,
	}
	_, late := n.cfg.arrivals()
	for _, i := range late {
		w.away(i)
	}
	return w, nil
}

// away takes note that a whole node is not there.
func (w *watcher) away(i int) {
	for _, p := range []*process{w.nodes[i].geth, w.nodes[i].beacon, w.nodes[i].validator} {
		if p != nil {
			w.down[p] = true
		}
	}
}

// follow reads the event stream of a node, again and again, for a node may stand still for a time.
func (w *watcher) follow(ctx context.Context, i int) {
	for ctx.Err() == nil {
		err := w.nodes[i].api.blocks(ctx, i, w.events)
		if refused := (*answerError)(nil); errors.As(err, &refused) && refused.code < http.StatusInternalServerError {
			select {
			case w.events <- event{node: i, err: err}:
			case <-ctx.Done():
			}
			return
		}
		// A stream that broke, or a node that is just starting, is asked again: that the process ended is told elsewhere.
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// errDeadline is the end of a run that did not reach what it was to reach.
var errDeadline = errors.New("deadline")

// watch follows the network until it has reached what it was to reach.
func (w *watcher) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range w.nodes {
		go w.follow(ctx, i)
	}
	deadline, bounded := w.cfg.Until.deadline(w.spec)
	// A slot's line is written shortly before its end, when aggregates were sent; faults and traffic begin with a slot.
	next := types.Slot(0)
	for {
		begin := time.NewTimer(time.Until(w.startOf(next)))
		if err := w.handle(ctx, begin.C); err != nil {
			return err
		}
		if err := w.fault(ctx, next); err != nil {
			return err
		}
		if err := w.send(ctx, next); err != nil {
			return err
		}
		line := time.NewTimer(time.Until(w.startOf(next).Add(w.spec.SlotDuration() * 9 / 10)))
		if err := w.handle(ctx, line.C); err != nil {
			return err
		}
		if err := w.pools(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		row := w.row(ctx, next)
		if row.proposer == "" && next > 0 {
			if err := w.noteAbsent(next); err != nil {
				return err
			}
		}
		w.table.line(row)
		if w.cfg.Until.Kind == UntilOperations {
			if err := w.traffic.look(ctx, w.seen); err != nil {
				if err := w.unlessDown(0, fmt.Errorf("finalized state: %w", err)); err != nil {
					return err
				}
			}
		}
		if w.over = w.reached(); w.over {
			return nil
		}
		if bounded && next >= deadline {
			return fmt.Errorf("%w: %v is not reached at the end of slot %d", errDeadline, w.cfg.Until, next)
		}
		next++
	}
}

// send sends the traffic of a slot, unless the node that it goes to is away.
func (w *watcher) send(ctx context.Context, slot types.Slot) error {
	if w.down[w.nodes[0].beacon] || w.down[w.nodes[0].geth] {
		return nil
	}
	err := w.traffic.send(ctx, slot, w.seen)
	if err != nil && ctx.Err() == nil && len(w.cfg.Faults) > 0 {
		w.table.note("%v", err) // a process that was just started may not answer yet
		return nil
	}
	return err
}

func (w *watcher) startOf(slot types.Slot) time.Time {
	return w.time.Add(time.Duration(slot) * w.spec.SlotDuration())
}

// handle takes events until a time comes.
func (w *watcher) handle(ctx context.Context, stop <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-w.processes.failed:
			return err
		case <-stop:
			return nil
		case e := <-w.events:
			if err := w.event(ctx, e); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// event takes one event.
func (w *watcher) event(ctx context.Context, e event) error {
	if e.err != nil {
		return e.err
	}
	var data struct {
		Block string `json:"block"`
	}
	if err := json.Unmarshal(e.data, &data); err != nil {
		return fmt.Errorf("block event: %w", err)
	}
	root, err := parseHex(data.Block)
	if err != nil || len(root) != len(types.Root{}) {
		return fmt.Errorf("block event: the root is %q, want 32 bytes in hexadecimal", data.Block)
	}
	return w.block(ctx, e.node, types.Root(root))
}

// pools gives the oracle the votes that the nodes keep, in blocks or not.
func (w *watcher) pools(ctx context.Context) error {
	if w.seen.head == nil {
		return nil
	}
	for i, n := range w.nodes {
		if w.down[n.beacon] {
			continue
		}
		votes, err := n.api.pool(ctx)
		if err != nil {
			if err := w.unlessDown(i, err); err != nil {
				return err
			}
			continue
		}
		if len(votes) == 0 {
			continue
		}
		// Its committees are those of its own head, which may be on another branch or far behind.
		state, err := w.headState(ctx, i)
		if err != nil {
			if err := w.unlessDown(i, err); err != nil {
				return err
			}
			continue
		}
		for j := range votes {
			voters, ok := verified(state, &votes[j])
			if !ok {
				w.unread++
			}
			for _, v := range voters {
				w.oracle.vote(v, votes[j].Data)
			}
		}
	}
	return nil
}

// headState is the state of a node's head in the slot that it is.
func (w *watcher) headState(ctx context.Context, i int) (*transition.State, error) {
	state, err := w.nodes[i].api.state(ctx, w.env, "head")
	if err != nil {
		return nil, err
	}
	if now := types.Slot(time.Since(w.time) / w.spec.SlotDuration()); state.Slot < now {
		err = transition.ProcessSlots(state, now)
	}
	return state, err
}

// verified gives who made an attestation, if they, members of the committees that a state has, signed it: on another branch its bits are of others.
func verified(s *transition.State, a *types.Attestation) (voters []types.ValidatorIndex, ok bool) {
	indexed, err := s.GetIndexedAttestation(a)
	if err != nil {
		return nil, false
	}
	hooks := transition.Hooks{Signatures: &transition.SignatureBatch{}}
	if transition.IsValidIndexedAttestation(s, indexed, hooks) != nil || hooks.Signatures.Verify() != nil {
		return nil, false
	}
	return indexed.AttestingIndices, true
}

// votes gives the oracle the votes of an attestation, whose committees a state knows.
func (w *watcher) votes(s *transition.State, a *types.Attestation) []types.ValidatorIndex {
	voters, err := s.GetAttestingIndices(a)
	if err != nil {
		w.unread++
		return nil
	}
	for _, v := range voters {
		w.oracle.vote(v, a.Data)
	}
	return voters
}

// block takes a block that a node told of, and those below it that nobody told of.
func (w *watcher) block(ctx context.Context, from int, root types.Root) error {
	if root == w.seen.genesis || w.seen.blocks[root] != nil {
		return nil
	}
	api := w.nodes[from].api
	signed, err := api.block(ctx, root.String())
	if err != nil {
		return w.unlessDown(from, fmt.Errorf("block %v: %w", root, err))
	}
	block := &signed.Message
	after := time.Since(w.startOf(block.Slot))
	if err := w.block(ctx, from, block.ParentRoot); err != nil {
		return err
	}
	state, err := api.state(ctx, w.env, block.StateRoot.String())
	if err != nil {
		return w.unlessDown(from, fmt.Errorf("state of the block of slot %d: %w", block.Slot, err))
	}
	w.oracle.block(block.ProposerIndex, block.Slot, root)
	voters := map[types.ValidatorIndex]bool{}
	for i := range block.Body.Attestations {
		for _, v := range w.votes(state, &block.Body.Attestations[i]) {
			voters[v] = true
		}
	}
	return w.seen.add(root, block, state, voters, after)
}

// unlessDown is an error, but of a node that a fault is stopping: it says the same again when it is back.
func (w *watcher) unlessDown(i int, err error) error {
	if w.down[w.nodes[i].beacon] {
		return nil
	}
	return fmt.Errorf("beacon node %d: %w; its last lines:\n%s", i, err, lastLines(w.nodes[i].beacon.log))
}

// noteAbsent takes note of the proposer of a slot that has no block at its end.
func (w *watcher) noteAbsent(slot types.Slot) error {
	s, err := (*transition.State)(nil), error(nil)
	if w.seen.head != nil {
		s = w.seen.head.Copy()
	} else if s, err = transition.NewState(w.genesis.Copy(), w.env); err != nil {
		return err
	}
	if s.Slot > slot {
		if types.ComputeEpochAtSlot(w.spec, slot) != s.GetCurrentEpoch() {
			return nil
		}
		s.Slot = slot // whose proposer stands in every state of the epoch; this copy is for nothing else
	}
	if s.Slot < slot {
		if err := transition.ProcessSlots(s, slot); err != nil {
			return fmt.Errorf("proposer of slot %d: %w", slot, err)
		}
	}
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return fmt.Errorf("proposer of slot %d: %w", slot, err)
	}
	w.absent[slot] = proposer
	return nil
}

// process is that of a fault.
func (w *watcher) process(f Fault) *process {
	n := w.nodes[f.Node]
	return map[kind]*process{geth: n.geth, beaconOf: n.beacon, validator: n.validator}[f.Kind]
}

// fault does what is to be done at the beginning of a slot.
func (w *watcher) fault(ctx context.Context, slot types.Slot) error {
	for _, f := range w.cfg.Faults {
		if slot != f.First && slot != f.Last {
			continue
		}
		begins := slot == f.First
		var err error
		switch f.What {
		case stop:
			err = w.interrupt(f, begins)
		case cut:
			if err = w.stage.apart(begins); err == nil {
				w.table.note("slot %d: the halves of the network are %s", slot, map[bool]string{true: "cut apart", false: "joined"}[begins])
			}
		case late:
			if begins {
				continue // it is not there from genesis on
			}
			if err = w.startLate(ctx, f.Node); err == nil {
				n := w.nodes[f.Node]
				delete(w.down, n.geth)
				delete(w.down, n.validator)
				w.starting[n.beacon] = true
				w.table.note("slot %d: node %d is started", slot, f.Node)
			}
		}
		if err != nil {
			return fmt.Errorf("%v: %w", f, err)
		}
	}
	return nil
}

// interrupt stops a process, or starts it again.
func (w *watcher) interrupt(f Fault, begins bool) error {
	p := w.process(f)
	if begins {
		w.down[p] = true
		w.processes.stop(p)
		w.table.note("slot %d: %s is stopped", f.First, p.name)
		return nil
	}
	if err := w.processes.start(p); err != nil {
		return err
	}
	if f.Kind == beaconOf {
		w.starting[p] = true // it is down until it is synced
	} else {
		delete(w.down, p)
	}
	w.table.note("slot %d: %s is started again", f.Last, p.name)
	return nil
}

// reached tells whether the run is at its end.
func (w *watcher) reached() bool {
	u := w.cfg.Until
	switch u.Kind {
	case UntilFinalized:
		return uint64(w.seen.final.Epoch) >= u.N
	case UntilSlot:
		return w.seen.head != nil && uint64(w.seen.head.Slot) >= u.N
	case UntilOperations:
		return w.traffic.done(w.seen)
	}
	return false
}

// row is the line of a slot.
func (w *watcher) row(ctx context.Context, slot types.Slot) row {
	r := row{slot: slot, epoch: types.ComputeEpochAtSlot(w.spec, slot), fork: w.spec.ForkAtSlot(slot)}
	for _, n := range w.nodes {
		peers, head := "-", ""
		if w.starting[n.beacon] && n.api.synced(ctx) {
			delete(w.starting, n.beacon)
			delete(w.down, n.beacon)
		}
		if !w.down[n.beacon] {
			if count, err := n.api.peers(ctx); err == nil {
				peers = fmt.Sprint(count)
			}
			head, _, _ = n.api.head(ctx) // a node that does not answer has no head
		}
		r.peers, r.heads = append(r.peers, peers), append(r.heads, head)
	}
	s := w.seen
	if s.head == nil {
		return r
	}
	r.justified, r.finalized = s.head.CurrentJustifiedCheckpoint.Epoch, s.final.Epoch
	b := s.blocks[s.headRoot]
	if s.head.GetCurrentEpoch() > 0 {
		r.share = fmt.Sprintf("%.1f %%", 100*b.before.share)
	}
	if b.slot == slot {
		r.proposer, r.did = fmt.Sprint(b.proposer), b.did
	}
	return r
}
