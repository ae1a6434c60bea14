package spectest

import (
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// runFork upgrades a state to the case's fork.
func runFork(t *testing.T, c *Case) {
	if m := readMeta(c); m.Fork != c.Fork.String() {
		t.Fatalf("meta names %s", m.Fork)
	}
	s := decodeState(t, c, c.Spec(), c.Fork-1, "pre")
	checkPost(t, c, s, transition.Upgrade(s, c.Fork))
}

// withForks gives the spec of the case with every fork up to one before the case's from genesis on, and the case's at an epoch.
func withForks(t *testing.T, c *Case, at params.Epoch) *params.Spec {
	t.Helper()
	text := ""
	for _, fork := range params.Forks()[1:] {
		epoch := params.FarFutureEpoch
		if fork < c.Fork {
			epoch = 0
		} else if fork == c.Fork {
			epoch = at
		}
		text += fmt.Sprintf("%s_FORK_EPOCH: %d\n", upper(fork.String()), epoch)
	}
	spec, _, err := c.Spec().Override([]byte(text))
	if err != nil {
		t.Fatalf("schedule forks: %v", err)
	}
	return spec
}

func upper(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// runTransition applies blocks across a fork.
func runTransition(t *testing.T, c *Case) {
	m := readMeta(c)
	spec := withForks(t, c, m.ForkEpoch)
	s := decodeState(t, c, spec, c.Fork-1, "pre")
	var err error
	for i := range m.BlocksCount {
		fork := c.Fork
		if m.ForkBlock != nil && i <= *m.ForkBlock {
			fork--
		}
		block := decodeAs[types.SignedBeaconBlock](t, c, ssz.Context{Spec: spec, Fork: fork}, fmt.Sprintf("blocks_%d", i))
		if err == nil {
			err = applyBlock(s, block, m)
		}
	}
	checkPost(t, c, s, err)
}
