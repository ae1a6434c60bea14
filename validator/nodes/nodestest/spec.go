package nodestest

import (
	"fmt"
	"strings"

	"github.com/cresset/cresset/beacon/params"
)

// SpecOf is a preset's network that has been in a fork since genesis, and never leaves it.
func SpecOf(preset *params.Spec, fork params.Fork) *params.Spec {
	var text strings.Builder
	for _, f := range params.Forks()[1:] {
		epoch := uint64(params.FarFutureEpoch)
		if f <= fork {
			epoch = 0
		}
		fmt.Fprintf(&text, "%s_FORK_EPOCH: %d\n", strings.ToUpper(f.String()), epoch)
	}
	spec, _, err := preset.Override([]byte(text.String()))
	if err != nil {
		panic(err) // the forks are the network's own
	}
	return spec
}
