package params

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// ForkEpoch returns the first epoch of the fork, FarFutureEpoch if it is not scheduled or not
// known.
func (s *Spec) ForkEpoch(f Fork) Epoch {
	switch f {
	case Phase0:
		return GenesisEpoch
	case Altair:
		return s.AltairForkEpoch
	case Bellatrix:
		return s.BellatrixForkEpoch
	case Capella:
		return s.CapellaForkEpoch
	case Deneb:
		return s.DenebForkEpoch
	case Electra:
		return s.ElectraForkEpoch
	case Fulu:
		return s.FuluForkEpoch
	case Gloas:
		return s.GloasForkEpoch
	case Heze:
		return s.HezeForkEpoch
	}
	return FarFutureEpoch
}

// ForkVersion returns the version that names the fork in signatures and digests. A Fork that does
// not exist has the zero version.
func (s *Spec) ForkVersion(f Fork) Version {
	switch f {
	case Phase0:
		return s.GenesisForkVersion
	case Altair:
		return s.AltairForkVersion
	case Bellatrix:
		return s.BellatrixForkVersion
	case Capella:
		return s.CapellaForkVersion
	case Deneb:
		return s.DenebForkVersion
	case Electra:
		return s.ElectraForkVersion
	case Fulu:
		return s.FuluForkVersion
	case Gloas:
		return s.GloasForkVersion
	case Heze:
		return s.HezeForkVersion
	}
	return Version{}
}

// ForkAtEpoch returns the fork that governs the epoch: the newest of those that have begun.
func (s *Spec) ForkAtEpoch(epoch Epoch) Fork {
	for f := forkCount - 1; f > Phase0; f-- {
		if epoch >= s.ForkEpoch(f) {
			return f
		}
	}
	return Phase0
}

// ForkAtSlot returns the fork that governs the slot.
func (s *Spec) ForkAtSlot(slot Slot) Fork {
	return s.ForkAtEpoch(Epoch(uint64(slot) / s.SlotsPerEpoch))
}

// GenesisFork returns the fork that the chain starts with.
func (s *Spec) GenesisFork() Fork { return s.ForkAtEpoch(GenesisEpoch) }

// SlotDuration returns the length of a slot.
func (s *Spec) SlotDuration() time.Duration {
	return time.Duration(s.SlotDurationMs) * time.Millisecond
}

// GetBlobParameters returns the blob limit of an epoch in Fulu or later.
//
// Spec: get_blob_parameters (fulu).
func (s *Spec) GetBlobParameters(epoch Epoch) BlobParameters {
	for i := len(s.BlobSchedule) - 1; i >= 0; i-- {
		if epoch >= s.BlobSchedule[i].Epoch {
			return s.BlobSchedule[i]
		}
	}
	return BlobParameters{Epoch: s.ElectraForkEpoch, MaxBlobsPerBlock: s.MaxBlobsPerBlockElectra}
}

// MaxBlobsPerBlockAt returns how many blobs a block of the epoch may carry, in any fork; before
// Deneb it is 0.
func (s *Spec) MaxBlobsPerBlockAt(epoch Epoch) uint64 {
	switch fork := s.ForkAtEpoch(epoch); {
	case fork >= Fulu:
		return s.GetBlobParameters(epoch).MaxBlobsPerBlock
	case fork >= Electra:
		return s.MaxBlobsPerBlockElectra
	case fork >= Deneb:
		return s.MaxBlobsPerBlock
	}
	return 0
}

// ComputeForkVersion returns the version of the fork that governs the epoch.
//
// Spec: compute_fork_version (phase0; modified in every fork).
func (s *Spec) ComputeForkVersion(epoch Epoch) Version {
	return s.ForkVersion(s.ForkAtEpoch(epoch))
}

// ComputeForkDataRoot returns the root of the container ForkData, whose two leaves are the version,
// padded with zeros, and the genesis validators root.
//
// Spec: compute_fork_data_root (phase0).
func ComputeForkDataRoot(currentVersion Version, genesisValidatorsRoot Root) Root {
	var leaves [64]byte
	copy(leaves[:32], currentVersion[:])
	copy(leaves[32:], genesisValidatorsRoot[:])
	return sha256.Sum256(leaves[:])
}

// ComputeForkDigest returns the digest that stands for the chain in the epoch on the network.
//
// Spec: compute_fork_digest (phase0; modified fulu).
func (s *Spec) ComputeForkDigest(genesisValidatorsRoot Root, epoch Epoch) ForkDigest {
	base := ComputeForkDataRoot(s.ComputeForkVersion(epoch), genesisValidatorsRoot)
	digest := ForkDigest(base[:4])
	if s.ForkAtEpoch(epoch) < Fulu {
		return digest
	}
	blobs := s.GetBlobParameters(epoch)
	var in [16]byte
	binary.LittleEndian.PutUint64(in[:8], uint64(blobs.Epoch))
	binary.LittleEndian.PutUint64(in[8:], blobs.MaxBlobsPerBlock)
	mask := sha256.Sum256(in[:])
	for i := range digest {
		digest[i] ^= mask[i]
	}
	return digest
}

// ForkScheduleEntry is a point from which on the chain has another fork digest: a fork, or (Fulu
// and later) a change of the blob parameters alone.
type ForkScheduleEntry struct {
	Epoch Epoch
	Fork  Fork
	// BlobParameters are those of ComputeForkDigest; zero before Fulu.
	BlobParameters BlobParameters
}

// ForkSchedule returns every scheduled change of the fork digest in order of epochs, the first at
// genesis. Of several forks that begin in one epoch only the newest is listed. The digest of an
// entry is ComputeForkDigest of its epoch.
func (s *Spec) ForkSchedule() []ForkScheduleEntry {
	schedule := []ForkScheduleEntry{s.scheduleEntry(GenesisEpoch)}
	for epoch, ok := s.nextChange(GenesisEpoch); ok; epoch, ok = s.nextChange(epoch) {
		schedule = append(schedule, s.scheduleEntry(epoch))
	}
	return schedule
}

// NextScheduled returns the first change of the fork digest after the epoch; false if none is
// scheduled. It is what next_fork_epoch and nfd of a node record announce.
//
// Spec: p2p-interface.md, "ENR structure" (fulu).
func (s *Spec) NextScheduled(epoch Epoch) (ForkScheduleEntry, bool) {
	next, ok := s.nextChange(epoch)
	if !ok {
		return ForkScheduleEntry{}, false
	}
	return s.scheduleEntry(next), true
}

func (s *Spec) scheduleEntry(epoch Epoch) ForkScheduleEntry {
	entry := ForkScheduleEntry{Epoch: epoch, Fork: s.ForkAtEpoch(epoch)}
	if entry.Fork >= Fulu {
		entry.BlobParameters = s.GetBlobParameters(epoch)
	}
	return entry
}

// nextChange returns the smallest epoch after the given one in which a fork or a blob limit begins.
func (s *Spec) nextChange(after Epoch) (Epoch, bool) {
	next := FarFutureEpoch
	for f := range forkCount {
		if e := s.ForkEpoch(f); e > after {
			next = min(next, e)
		}
	}
	for _, entry := range s.BlobSchedule {
		// An entry before Fulu (in a config that has not scheduled it) changes no digest.
		if entry.Epoch > after && entry.Epoch >= s.FuluForkEpoch {
			next = min(next, entry.Epoch)
		}
	}
	return next, next != FarFutureEpoch
}
