package p2p

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
)

// ErrRecord is what errors.Is finds in the errors about node records.
var ErrRecord = errors.New("node record")

// ENRForkID is which chain a node is on, and which fork it expects next. Source: p2p-interface.md, "eth2 field" (phase0; modified fulu).
type ENRForkID struct {
	ForkDigest      params.ForkDigest
	NextForkVersion params.Version
	NextForkEpoch   params.Epoch
}

// forkIDBytes is the length of an encoded ENRForkID.
const forkIDBytes = 16

// Encode is the SSZ of an ENRForkID.
func (f ENRForkID) Encode() []byte {
	out := append(f.ForkDigest[:], f.NextForkVersion[:]...)
	return binary.LittleEndian.AppendUint64(out, uint64(f.NextForkEpoch))
}

// DecodeForkID reads the SSZ of an ENRForkID.
func DecodeForkID(data []byte) (f ENRForkID, err error) {
	if len(data) != forkIDBytes {
		return f, fmt.Errorf("%w: eth2 of %d bytes, want %d", ErrRecord, len(data), forkIDBytes)
	}
	copy(f.ForkDigest[:], data)
	copy(f.NextForkVersion[:], data[4:])
	f.NextForkEpoch = params.Epoch(binary.LittleEndian.Uint64(data[8:]))
	return f, nil
}

// Forks is what a node record says of forks in an epoch: the eth2 entry, and nfd, the next fork digest.
//
// Spec: "ENR structure" (phase0; modified fulu).
func Forks(spec *params.Spec, genesisValidatorsRoot params.Root, epoch params.Epoch) (ENRForkID, params.ForkDigest) {
	id := ENRForkID{spec.ComputeForkDigest(genesisValidatorsRoot, epoch), spec.ComputeForkVersion(epoch), params.FarFutureEpoch}
	next, ok := spec.NextScheduled(epoch)
	if !ok {
		// "If no future fork is planned, set next_fork_version = current_fork_version", "next_fork_epoch = FAR_FUTURE_EPOCH", and nfd is
		// zero.
		return id, params.ForkDigest{}
	}
	// "next_fork_epoch is the epoch at which the next fork (whether a regular fork or a BPO fork) is planned." Version and epoch are of the
	// same fork: "The fork version will only change for regular forks, not BPO forks."
	id.NextForkEpoch, id.NextForkVersion = next.Epoch, spec.ComputeForkVersion(next.Epoch)
	return id, spec.ComputeForkDigest(genesisValidatorsRoot, next.Epoch)
}
