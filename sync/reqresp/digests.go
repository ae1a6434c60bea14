package reqresp

import (
	"fmt"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Digests is the fork digests of a chain. It never changes.
type Digests struct {
	spec     *params.Spec
	root     types.Root
	schedule []digestEntry // oldest first
}

type digestEntry struct {
	epoch  types.Epoch
	digest types.ForkDigest
	fork   params.Fork
}

// NewDigests computes the digests of all forks and blob limits that are scheduled, up to the last fork whose containers are defined.
func NewDigests(spec *params.Spec, genesisValidatorsRoot types.Root) *Digests {
	d := &Digests{spec: spec, root: genesisValidatorsRoot}
	for _, e := range spec.ForkSchedule() {
		if e.Fork <= lastFork {
			d.schedule = append(d.schedule, digestEntry{e.Epoch, spec.ComputeForkDigest(genesisValidatorsRoot, e.Epoch), e.Fork})
		}
	}
	return d
}

// lastFork is the last fork whose containers are defined.
const lastFork = params.Gloas

// At is the digest of a slot's epoch.
func (d *Digests) At(slot types.Slot) types.ForkDigest {
	epoch := types.ComputeEpochAtSlot(d.spec, slot)
	for i := len(d.schedule) - 1; i > 0; i-- {
		if epoch >= d.schedule[i].epoch {
			return d.schedule[i].digest
		}
	}
	return d.schedule[0].digest
}

// fork is the fork that a digest stands for.
func (d *Digests) fork(digest types.ForkDigest) (params.Fork, error) {
	for _, e := range d.schedule {
		if e.digest == digest {
			return e.fork, nil
		}
	}
	return 0, broken("context bytes are a fork digest of this chain", digest, d)
}

// String lists the digests.
func (d *Digests) String() string {
	var words []string
	for _, e := range d.schedule {
		words = append(words, fmt.Sprintf("%v (%v, epoch %d)", e.digest, e.fork, e.epoch))
	}
	return strings.Join(words, ", ")
}
