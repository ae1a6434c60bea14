package spectest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// meta is meta.yaml of the runners that work on states.
type meta struct {
	Description   string       `yaml:"description"`
	BLSSetting    int          `yaml:"bls_setting"` // 2: signatures are not to be checked
	BlocksCount   int          `yaml:"blocks_count"`
	ParentSlot    types.Slot   `yaml:"parent_slot"`
	RevealCount   int          `yaml:"reveal_deadlines_setting"`
	Fork          string       `yaml:"fork"`
	PostFork      string       `yaml:"post_fork"`
	ForkEpoch     params.Epoch `yaml:"fork_epoch"`
	ForkBlock     *int         `yaml:"fork_block"`
	DepositsCount int          `yaml:"deposits_count"`
	PayloadHeader bool         `yaml:"execution_payload_header"`
}

// readMeta reads meta.yaml, which a case may not have.
func readMeta(c *Case) (m meta) {
	c.YAML("meta", &m)
	return m
}

// signatures collects signatures, unless the case says that they do not count.
func (m meta) signatures() *transition.SignatureBatch {
	if m.BLSSetting == 2 {
		return nil
	}
	return &transition.SignatureBatch{}
}

// decode reads a container of the case's fork from a file of the case.
func decode[T any, P interface {
	*T
	ssz.Object
}](t *testing.T, c *Case, name string) P {
	t.Helper()
	return decodeAs[T, P](t, c, ssz.Context{Spec: c.Spec(), Fork: c.Fork}, name)
}

// decodeAs reads a container of a given fork from a file of the case.
func decodeAs[T any, P interface {
	*T
	ssz.Object
}](t *testing.T, c *Case, cx ssz.Context, name string) P {
	t.Helper()
	value := P(new(T))
	if err := ssz.Unmarshal(cx, c.MustSSZ(name), ssz.Container(value)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}

// decodeState reads a state of a fork from a file of the case.
func decodeState(t *testing.T, c *Case, spec *params.Spec, fork params.Fork, name string) *transition.State {
	t.Helper()
	b := types.NewBeaconState(spec, fork)
	if err := b.UnmarshalSSZ(c.MustSSZ(name)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if _, err := b.HashTreeRoot(); err != nil { // so that later roots come from what has changed
		t.Fatalf("%s: %v", name, err)
	}
	s, err := transition.NewState(b, transition.NewEnv(nil))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

// readState reads a state of the case's own fork.
func readState(t *testing.T, c *Case, name string) *transition.State {
	t.Helper()
	return decodeState(t, c, c.Spec(), c.Fork, name)
}

// checkPost holds the outcome of a transition against the file post; without it there must be an error.
func checkPost(t *testing.T, c *Case, s *transition.State, err error) {
	t.Helper()
	checkOutcome(t, c, s, "post", err)
}

// checkOutcome holds the outcome of a transition against a file with the expected state.
func checkOutcome(t *testing.T, c *Case, s *transition.State, name string, err error) {
	t.Helper()
	want, valid := c.SSZ(name)
	switch {
	case !valid && err == nil:
		t.Fatalf("no error, but there is no %s: the input is invalid", name)
	case !valid:
		return
	case err != nil:
		t.Fatalf("error of a valid input: %v", err)
	}
	checkState(t, s, want)
}

// checkState compares a state by encoding and by root. The root with what the transition has cached must be that of the
// same state freshly decoded.
func checkState(t *testing.T, s *transition.State, want []byte) {
	t.Helper()
	have, err := s.MarshalSSZ()
	if err != nil {
		t.Fatal(err)
	}
	expected := types.NewBeaconState(s.Spec(), s.Cx.Fork)
	if err := expected.UnmarshalSSZ(want); err != nil {
		t.Fatalf("expected state: %v", err)
	}
	if !bytes.Equal(have, want) {
		t.Fatalf("states differ: %s", difference(t, s.BeaconState, expected))
	}
	cached, err := s.HashTreeRoot()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := expected.HashTreeRoot()
	if err != nil {
		t.Fatal(err)
	}
	if cached != fresh {
		t.Fatalf("root is %v, that of the expected state %v", cached, fresh)
	}
}

// difference names the fields in which two states differ.
func difference(t *testing.T, have, want *types.BeaconState) string {
	t.Helper()
	a, errA := ssz.MarshalJSON(have.Cx, have.Node())
	b, errB := ssz.MarshalJSON(want.Cx, want.Node())
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	fields, expected := plainJSON(t, a).(map[string]any), plainJSON(t, b).(map[string]any)
	out := ""
	for name, x := range fields {
		if x, y := fmt.Sprint(x), fmt.Sprint(expected[name]); x != y {
			out += fmt.Sprintf("\n%s\n  have %.600s\n  want %.600s", name, x, y)
		}
	}
	return out
}
