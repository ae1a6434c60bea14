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
	}{{Until{UntilFinalized, 3}, 52}, {Until{UntilSlot, 10}, 18}, {Until{Kind: UntilOperations}, (4 + operationsEpochs) * 8}} {
		if slot, ok := c.until.deadline(spec); !ok || slot != c.want {
			t.Errorf("%v: slot %d, %t, want %d", c.until, slot, ok, c.want)
		}
	}
	if _, ok := (Until{}).deadline(spec); ok {
		t.Error("a run until it is interrupted has a deadline")
	}
}

// Faults are printed as they are read, and wrong ones are refused.
func TestFaults(t *testing.T) {
	faults, err := ParseFaults("stop geth 0 20-50; stop beacon 1 24-32;stop validator 1 40-44")
	if err != nil || len(faults) != 3 {
		t.Fatalf("%v, %v, want three", faults, err)
	}
	if got := faults[1].String(); got != "stop beacon 1 24-32" {
		t.Errorf("the second is %q", got)
	}
	if none, err := ParseFaults(" "); err != nil || none != nil {
		t.Errorf("nothing gives %v, %v", none, err)
	}
	for _, text := range []string{"stop geth 0", "kill geth 0 1-2", "stop reth 0 1-2", "stop geth x 1-2", "stop geth 0 5-5", "stop geth 0 0-5", "stop geth 0 7"} {
		if _, err := ParseFaults(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
