package transition

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Shuffling is the committees of one epoch. It is immutable but for the sums of keys, which lock themselves, and is shared
// by all states with the same decision root.
type Shuffling struct {
	Epoch types.Epoch
	// CommitteesPerSlot is get_committee_count_per_slot.
	CommitteesPerSlot uint64
	// Active is the number of active validators.
	Active int

	slots   uint64
	indices []uint32 // active validators, shuffled
	sums    []committeeSum
}

// committeeSum is the sum of a committee's keys, computed when first asked for.
type committeeSum struct {
	once sync.Once
	key  *bls.PublicKey
	err  error
}

// ComputeShuffling shuffles the active validators of an epoch. It takes over active.
// Spec: compute_committee, get_committee_count_per_slot (phase0).
func ComputeShuffling(spec *params.Spec, epoch types.Epoch, seed types.Bytes32, active []uint32) *Shuffling {
	n := uint64(len(active))
	perSlot := max(1, min(spec.MaxCommitteesPerSlot, n/spec.SlotsPerEpoch/spec.TargetCommitteeSize))
	ShuffleList(active, seed, spec.ShuffleRoundCount)
	return &Shuffling{
		Epoch: epoch, CommitteesPerSlot: perSlot, Active: len(active), slots: spec.SlotsPerEpoch,
		indices: active, sums: make([]committeeSum, perSlot*spec.SlotsPerEpoch),
	}
}

// Committee is the members of a committee of a slot of the epoch; index is below CommitteesPerSlot.
// Spec: get_beacon_committee, compute_committee (phase0).
func (sh *Shuffling) Committee(slot types.Slot, index types.CommitteeIndex) []uint32 {
	n, k, count := uint64(len(sh.indices)), sh.number(slot, index), uint64(len(sh.sums))
	return sh.indices[n*k/count : n*(k+1)/count]
}

func (sh *Shuffling) number(slot types.Slot, index types.CommitteeIndex) uint64 {
	return uint64(slot)%sh.slots*sh.CommitteesPerSlot + uint64(index)
}

// Slots is how many slots the epoch has.
func (sh *Shuffling) Slots() uint64 { return sh.slots }

// SlotCommittees is the members of all committees of a slot, one after the other.
func (sh *Shuffling) SlotCommittees(slot types.Slot) []uint32 {
	n, k, count := uint64(len(sh.indices)), sh.number(slot, 0), uint64(len(sh.sums))
	return sh.indices[n*k/count : n*(k+sh.CommitteesPerSlot)/count]
}

// committeeKey is the sum of the keys of a committee.
func (sh *Shuffling) committeeKey(s *State, slot types.Slot, index types.CommitteeIndex) (*bls.PublicKey, error) {
	sum := &sh.sums[sh.number(slot, index)]
	sum.once.Do(func() { sum.key, sum.err = s.sumKeys(sh.Committee(slot, index)) })
	return sum.key, sum.err
}

// committeeKeys is the sums of the keys of several committees of a slot; those not known yet are computed on all cores.
func (sh *Shuffling) committeeKeys(s *State, slot types.Slot, committees []types.CommitteeIndex) ([]*bls.PublicKey, error) {
	keys := make([]*bls.PublicKey, len(committees))
	err := onAllCores(len(committees), func(i int) (err error) {
		keys[i], err = sh.committeeKey(s, slot, committees[i])
		return err
	})
	return keys, err
}

// PrepareEpoch computes ahead of time what blocks of an epoch ask for first: its committees and the sums of their keys, and the
// committees of the epoch after it. The state is in the epoch.
func (s *State) PrepareEpoch(epoch types.Epoch) error {
	sh, err := s.Shuffling(epoch)
	if err != nil {
		return err
	}
	first, err := types.ComputeStartSlotAtEpoch(s.Spec(), epoch)
	if err != nil {
		return err
	}
	all := make([]types.CommitteeIndex, sh.CommitteesPerSlot)
	for i := range all {
		all[i] = types.CommitteeIndex(i)
	}
	for slot := range types.Slot(sh.slots) {
		if _, err := sh.committeeKeys(s, first+slot, all); err != nil {
			return err
		}
	}
	_, err = s.Shuffling(epoch + s.Spec().MinSeedLookahead)
	return err
}

// sumKeys adds up the keys of validators.
func (s *State) sumKeys(members []uint32) (*bls.PublicKey, error) {
	indices := make([]uint64, len(members))
	for i, m := range members {
		indices[i] = uint64(m)
	}
	return s.env.Keys.SumKeys(indices, s.keyAt)
}

// ShuffleList permutes list in place as compute_shuffled_index would place each element, a round for all at a time: a
// round exchanges the two ends of pairs mirrored around a pivot, and one hash decides for 256 positions. Element k of the
// result is element compute_shuffled_index(k) of the input, so rounds run backwards.
// Spec: compute_shuffled_index, compute_shuffled_permutation (phase0).
func ShuffleList(list []uint32, seed types.Bytes32, rounds uint64) {
	n := uint64(len(list))
	if n < 2 {
		return
	}
	var input [37]byte
	copy(input[:32], seed[:])
	for round := int(rounds) - 1; round >= 0; round-- {
		input[32] = byte(round)
		head := sha256.Sum256(input[:33])
		pivot := binary.LittleEndian.Uint64(head[:8]) % n
		// Positions 0..pivot mirror around pivot/2, the rest around (pivot+n)/2; the higher position's bit decides.
		mirror(list, 0, pivot, &input)
		mirror(list, pivot+1, n-1, &input)
	}
}

// mirror exchanges list[low+k] with list[high-k] where the round's bit for the higher one is set. The bits are random, so
// that the exchange is made without a branch, and one hash at a time serves a stretch of the list.
func mirror(list []uint32, low, high uint64, input *[37]byte) {
	if low >= high || high == ^uint64(0) {
		return
	}
	for i, j := low, high; i < j; {
		block := j >> 8
		binary.LittleEndian.PutUint32(input[33:], uint32(block))
		source := sha256.Sum256(input[:])
		var words [4]uint64
		for w := range words {
			words[w] = binary.LittleEndian.Uint64(source[8*w:])
		}
		// The pairs whose higher position lies in this block, as far as they have not met.
		n := min(j-block<<8+1, (j-i+1)/2)
		left, right := list[i:i+n], list[j+1-n:j+1]
		position := j & 255
		for k := range left {
			other := &right[len(right)-1-k]
			mask := -uint32(words[position>>6&3] >> (position & 63) & 1)
			difference := (left[k] ^ *other) & mask
			left[k] ^= difference
			*other ^= difference
			position--
		}
		i, j = i+n, j-n
	}
}

// ComputeShuffledIndex is where one index goes; index is below n. Spec: compute_shuffled_index (phase0).
func ComputeShuffledIndex(index, n uint64, seed types.Bytes32, rounds uint64) uint64 {
	return newShuffler(n, seed, rounds).index(index)
}

// shuffler tells where single indices go. What rounds have in common for all indices is computed once.
type shuffler struct {
	n      uint64
	seed   types.Bytes32
	pivots []uint64
}

func newShuffler(n uint64, seed types.Bytes32, rounds uint64) *shuffler {
	sh := &shuffler{n: n, seed: seed, pivots: make([]uint64, rounds)}
	var input [33]byte
	copy(input[:32], seed[:])
	for round := range sh.pivots {
		input[32] = byte(round)
		head := sha256.Sum256(input[:])
		sh.pivots[round] = binary.LittleEndian.Uint64(head[:8]) % n
	}
	return sh
}

func (sh *shuffler) index(index uint64) uint64 {
	var input [37]byte
	copy(input[:32], sh.seed[:])
	for round, pivot := range sh.pivots {
		flip := pivot + sh.n - index
		if flip >= sh.n {
			flip -= sh.n
		}
		position := max(index, flip)
		input[32] = byte(round)
		binary.LittleEndian.PutUint32(input[33:], uint32(position>>8))
		source := sha256.Sum256(input[:])
		if source[position>>3&31]>>(position&7)&1 == 1 {
			index = flip
		}
	}
	return index
}
