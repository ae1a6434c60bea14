package devnet

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// seenUntil is a network of two nodes as it was seen until a slot, with a block in every slot that finalizes as it must, all votes in.
func seenUntil(t *testing.T, forks, faults string, head types.Slot) *watcher {
	t.Helper()
	spec := specOf(t, forks)
	ordered, err := ParseFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := deriveKeys(leastValidators)
	if err != nil {
		t.Fatal(err)
	}
	header := types.ExecutionPayloadHeader{BlockHash: types.Hash32{7}, GasLimit: gasLimit, LogsBloom: make([]byte, 256)}
	genesis, err := genesisState(spec, 1_800_000_000, keys, types.ExecutionAddress{0xaa}, header)
	if err != nil {
		t.Fatal(err)
	}
	state, err := transition.NewState(genesis, transition.NewEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := transition.ProcessSlots(state, head); err != nil {
		t.Fatal(err)
	}
	n := &network{
		cfg: Config{Nodes: 2, Validators: leastValidators, BeaconsPerValidator: 1, Faults: ordered, Out: &bytes.Buffer{}}, spec: spec, time: time.Now(),
		keys:  make([]validatorKeys, leastValidators+1),
		nodes: []*node{{validator: &process{name: "validator-0"}}, {validator: &process{name: "validator-1"}}},
	}
	w := &watcher{network: n, seen: newSeen(spec, types.Root{}), oracle: newOracle(), absent: map[types.Slot]types.ValidatorIndex{}}
	for slot := types.Slot(1); slot <= head; slot++ {
		epoch := types.ComputeEpochAtSlot(spec, slot)
		w.seen.blocks[types.Root{byte(slot)}] = &seenBlock{
			root: types.Root{byte(slot)}, parent: types.Root{byte(slot - 1)}, slot: slot, before: turnout{share: 1, validators: leastValidators},
			final: epoch.SubSaturating(2), voters: map[types.ValidatorIndex]bool{types.ValidatorIndex(slot): true},
		}
	}
	w.seen.head, w.seen.headRoot = state, types.Root{byte(head)}
	w.seen.justified.epoch, w.seen.justified.in = 2, 2
	w.seen.finalized.epoch, w.seen.finalized.in = 2, 3
	return w
}

// misses takes the vote of a validator in a slot out of the chain.
func (w *watcher) misses(v types.ValidatorIndex, slot types.Slot) {
	for _, b := range w.seen.blocks {
		if types.ComputeEpochAtSlot(w.spec, b.slot) == types.ComputeEpochAtSlot(w.spec, slot)+1 {
			b.before.missing = append(b.before.missing, duty{v, slot})
		}
	}
}

// lacks takes the block of a slot out of the chain.
func (w *watcher) lacks(slot types.Slot, proposer types.ValidatorIndex) {
	delete(w.seen.blocks, types.Root{byte(slot)})
	if next := w.seen.blocks[types.Root{byte(slot + 1)}]; next != nil {
		next.parent = types.Root{byte(slot - 1)}
	}
	w.absent[slot] = proposer
}

// What is missed without a fault fails a run, what a fault excuses is told of with it.
func TestJudgement(t *testing.T) {
	for name, c := range map[string]struct {
		forks, faults string
		do            func(*watcher)
		wrong, said   string
	}{
		"all is well": {do: func(*watcher) {}, said: "participation"},
		"a vote is missing": {do: func(w *watcher) { w.misses(7, 33) },
			wrong: "epoch 4: 98.44 % of its validators have their vote in a block or were excused by a fault, want 99 %; missing are validators 7 in slot 33", said: "no fault: 1 votes (epochs 4 to 4)"},
		"a block is missing": {do: func(w *watcher) { w.lacks(33, 7) }, wrong: "slot 33 is missed though no fault was ordered", said: "its proposer is validator 7 of validator-0"},
		"a process was away": {faults: "stop validator 1 32-36", do: func(w *watcher) { w.misses(40, 33); w.lacks(34, 41) },
			said: "stop validator 1 32-36: 1 votes (epochs 4 to 4) and 1 blocks missed; an epoch after 2 is finalized in slot 40, 0.5 epochs after its end"},
		"the other process misses": {faults: "stop validator 1 32-36", do: func(w *watcher) { w.misses(7, 33) }, wrong: "epoch 4: 98.44 %", said: "32-36: none missed"},
		"an epoch after the fault": {faults: "stop validator 1 32-36", do: func(w *watcher) { w.misses(40, 44) }, wrong: "epoch 5: 98.44 %", said: "32-36: none missed"},
		"another node was there": {faults: "stop beacon 1 32-36", do: func(w *watcher) { w.cfg.BeaconsPerValidator = 2; w.misses(40, 33) },
			wrong: "epoch 4: 98.44 %", said: "32-36: none missed"},
		"a cut excuses all": {faults: "cut 32-40", do: func(w *watcher) { w.misses(40, 33); w.misses(7, 41) }, said: "cut 32-40: 2 votes (epochs 4 to 5) and 0 blocks missed"},
		"finality does not return": {faults: "stop geth 1 32-40", do: func(w *watcher) {
			for _, b := range w.seen.blocks {
				b.final = min(b.final, 2)
			}
		}, wrong: "stop geth 1 32-40: in slot 64, 3 epochs after its end, it is not so that an epoch after 2 is finalized", said: "not yet: an epoch after 2"},
		"a late node votes": {faults: "late 1 40", do: func(*watcher) {},
			said: "late 1 40: none missed; an epoch after 2 is finalized in slot 40, 0.0 epochs after it came; a vote of its validators is in a block in slot 60"},
		"a late node does not vote": {faults: "late 1 40", do: func(w *watcher) {
			for _, b := range w.seen.blocks {
				b.voters = nil
			}
		}, wrong: "late 1 40: in slot 64, 3 epochs after it came, it is not so that a vote of its validators is in a block", said: "not yet: a vote"},
		"a run that is too short": {faults: "stop geth 1 56-64", do: func(w *watcher) {
			w.over = true
			for _, b := range w.seen.blocks {
				b.final = min(b.final, 2)
			}
		}, wrong: "stop geth 1 56-64: it is not so that an epoch after 2 is finalized when the run ends in slot 70, give it until slot 88", said: "not yet: an epoch after 2"},
		"before electra": {forks: "deneb:0,electra:4", do: func(w *watcher) { w.misses(7, 31) }, said: "blocks of Electra hold no votes of Deneb: 1 votes"},
	} {
		t.Run(name, func(t *testing.T) {
			forks := c.forks
			if forks == "" {
				forks = "fulu"
			}
			w := seenUntil(t, forks, c.faults, 70)
			c.do(w)
			err := w.summary()
			switch {
			case c.wrong == "" && err != nil:
				t.Errorf("it is wrong that %v", err)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
				t.Errorf("wrong is %v, want %q", err, c.wrong)
			}
			if said := w.cfg.Out.(*bytes.Buffer).String(); !strings.Contains(said, c.said) {
				t.Errorf("it says\n%swant %q", said, c.said)
			}
		})
	}
}
