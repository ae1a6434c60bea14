package devnet

import (
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
)

// Forks below the first begin with it, forks above the last never.
func TestScheduleFillsTheForksThatItLeavesOut(t *testing.T) {
	schedule, err := ParseSchedule("deneb:0,fulu:4")
	if err != nil {
		t.Fatal(err)
	}
	want := map[params.Fork]params.Epoch{params.Altair: 0, params.Bellatrix: 0, params.Capella: 0, params.Deneb: 0, params.Electra: 4, params.Fulu: 4}
	for fork, epoch := range want {
		if schedule[fork] != epoch {
			t.Errorf("%v begins at epoch %d, want %d", fork, schedule[fork], epoch)
		}
	}
	if schedule, err = ParseSchedule("electra"); err != nil {
		t.Fatal(err)
	}
	if schedule[params.Electra] != 0 || schedule[params.Fulu] != params.FarFutureEpoch {
		t.Errorf("electra begins at %d and fulu at %d, want 0 and never", schedule[params.Electra], schedule[params.Fulu])
	}
}

// A schedule that is out of order, begins late or names what cannot run is refused by name.
func TestScheduleRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"": "fork schedule", "nosuch": "nosuch", "deneb:1": "epoch 1", "fulu:0,deneb:1": "in order", "deneb:0,electra:3,fulu:2": "before electra",
		"capella": "deneb to fulu", "gloas": "deneb to fulu", "deneb:x": `"x"`,
	} {
		if _, err := ParseSchedule(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want an error with %q", text, err, why)
		}
	}
}

// What a run waits for is printed as it is read, and wrong words are refused.
func TestUntil(t *testing.T) {
	for text, want := range map[string]Until{
		"finalized:3": {UntilFinalized, 3}, "slot:17": {UntilSlot, 17}, "operations": {Kind: UntilOperations},
	} {
		u, err := ParseUntil(text)
		if err != nil || u != want || u.String() != text {
			t.Errorf("%q: %v, %v, want %v", text, u, err, want)
		}
	}
	for _, text := range []string{"finalized", "finalized:0", "slot:-1", "slot:x", "operations:3", "never"} {
		if _, err := ParseUntil(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// The deadline of a finalized epoch leaves one epoch above the three that finality needs after it began; an interrupt has none.
func TestDeadline(t *testing.T) {
	schedule, err := ParseSchedule("deneb:0,electra:2,fulu:4")
	if err != nil {
		t.Fatal(err)
	}
	_, spec, err := networkConfig(nil, "minimal", 4e9, schedule)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		until Until
		want  params.Slot
	}{{Until{UntilFinalized, 3}, 52}, {Until{UntilSlot, 10}, 18}, {Until{Kind: UntilOperations}, (4 + 1 + 4 + operationsEpochs) * 8}} {
		if slot, ok := c.until.deadline(spec); !ok || slot != c.want {
			t.Errorf("%v: slot %d, %t, want %d", c.until, slot, ok, c.want)
		}
	}
	spec.ShardCommitteePeriod, spec.MinValidatorWithdrawabilityDelay = 64, 256 // of a network config that is no development network's
	if slot, _ := (Until{Kind: UntilOperations}).deadline(spec); slot != (4+64+256+operationsEpochs)*8 {
		t.Errorf("operations are to be over in slot %d where validators stay for 320 epochs", slot)
	}
	if _, ok := (Until{}).deadline(spec); ok {
		t.Error("a run until it is interrupted has a deadline")
	}
}

// Faults are printed as they are read, and wrong ones are refused.
func TestFaults(t *testing.T) {
	texts := []string{"stop geth 0 20-50", "stop beacon 1 24-32", "stop validator 1 40-44", "cut 56-72", "late 2 40", "late 3 41 checkpoint"}
	faults, err := ParseFaults(strings.Join(texts, " ; "))
	if err != nil || len(faults) != len(texts) {
		t.Fatalf("%v, %v, want %d", faults, err, len(texts))
	}
	for i, want := range texts {
		if got := faults[i].String(); got != want {
			t.Errorf("fault %d is %q, want %q", i, got, want)
		}
	}
	if none, err := ParseFaults(" "); err != nil || none != nil {
		t.Errorf("nothing gives %v, %v", none, err)
	}
	for _, text := range []string{
		"stop geth 0", "kill geth 0 1-2", "stop reth 0 1-2", "stop geth x 1-2", "stop geth 0 5-5", "stop geth 0 0-5", "stop geth 0 7", "cut", "cut 5-5", "cut 0 1-2",
		"late 2", "late x 4", "late 2 0", "late 2 4 genesis", "late 2 4-5",
	} {
		if _, err := ParseFaults(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// A network refuses faults that it cannot have.
func TestFaultsOfANetwork(t *testing.T) {
	for text, want := range map[string]string{
		"stop beacon 2 4-8": "there is no node 2", "stop geth 0 4-8": "there is no geth", "late 0 9": "node 0", "late 1 9": "", "cut 4-8": "", "stop beacon 1 4-8": "",
	} {
		faults, err := ParseFaults(text)
		if err != nil {
			t.Fatal(err)
		}
		err = faults[0].check(&Config{Nodes: 2, Execution: Mock})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := (Fault{What: cut, First: 4, Last: 8}).check(&Config{Nodes: 1, Execution: Mock}); err == nil {
		t.Error("one node is cut in two")
	}
}

// Every key belongs to one node, those of nodes that come late are few, and the validator that is deposited for is one of a node that is there.
func TestKeysOfNodes(t *testing.T) {
	faults, err := ParseFaults("late 1 9; late 3 10 checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{cfg: Config{Nodes: 4, Validators: leastValidators, Faults: faults}, keys: make([]validatorKeys, leastValidators+1)}
	count := [4]int{}
	for key := range n.keys {
		count[n.nodeOf(key)]++
	}
	if want := [4]int{33, lateKeys, 24, lateKeys}; count != want {
		t.Errorf("the nodes have %v keys, want %v", count, want)
	}
	if got := n.nodeOf(leastValidators); got != 2 {
		t.Errorf("the validator that is deposited for is at node %d, want 2", got)
	}
}
