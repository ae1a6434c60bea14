package pool

import (
	"container/heap"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// PackAttestations chooses the attestations of a block on a state of the block's slot: those that pay most in all, by flags that their voters
// do not have yet and their effective balances. Until Electra an attestation is of one committee; from then on all committees that vote for
// the same data share one. All of them are valid on the state. The state is only read, but by this goroutine alone.
//
// It is greedy: next comes what pays most beside what was chosen. What a choice pays only shrinks while others are chosen, so it is valued
// again only when it comes to the front; and the outcome is at least 1-1/e of the best one of the unions at hand.
// Spec: block proposal, attestations (phase0/validator.md); compute_on_chain_aggregate (electra/validator.md).
func (p *Pool) PackAttestations(s *transition.State) ([]types.Attestation, error) {
	k := &packer{s: s, committees: map[committeeOf]*committee{}}
	for i, weight := range params.ParticipationFlagWeights() {
		for set := range k.weights {
			k.weights[set] += uint64(set) >> i & 1 * weight
		}
	}
	k.countPending()
	most := s.Spec().MaxAttestations
	if s.Since(params.Electra) {
		most = s.Spec().MaxAttestationsElectra
	}
	for _, b := range p.votes.snapshot(allVotes) {
		flags, err := s.AttestationFlags(&b.data)
		sameForm := (s.Cx.Spec.ForkAtSlot(b.data.Slot) >= params.Electra) == s.Since(params.Electra)
		if err == nil && flags != 0 && sameForm {
			k.offers = append(k.offers, &offer{ballot: b, flags: flags, unions: make(map[types.CommitteeIndex][]union, len(b.committees))})
		}
	}
	k.lookUpAll()
	for _, o := range k.offers {
		k.value(o)
	}
	heap.Init(k)
	var chosen []*choice
	for uint64(len(chosen)) < most && len(k.offers) > 0 {
		o := k.offers[0]
		if o.gain == 0 {
			break
		}
		if o.round != k.round {
			k.value(o)
			heap.Fix(k, 0)
			continue
		}
		if k.foreign(o) {
			k.value(o)
			heap.Fix(k, 0)
			continue
		}
		chosen = append(chosen, k.choose(o))
		k.value(o)
		heap.Fix(k, 0)
	}
	return p.sumUp(chosen)
}

// unionsTried is how many unions of a committee are looked at.
const unionsTried = 4

// committeeOf names a committee.
type committeeOf struct {
	slot  types.Slot
	index types.CommitteeIndex
}

// committee is what has been looked up of a committee, by seat.
type committee struct {
	members []uint32
	flags   []uint8  // that its members have in the state, or get from what was chosen
	weight  []uint64 // effective balances in increments; 0 until looked up
	open    [8]seats // by set of flags: the seats to which some of them are new; nil until asked for
}

// openTo is the seats to which some of a set of flags are new.
func (c *committee) openTo(flags uint8) seats {
	if c.open[flags] == nil {
		c.open[flags] = newSeats(len(c.members))
		for seat, have := range c.flags {
			if flags&^have != 0 {
				c.open[flags].add(seat)
			}
		}
	}
	return c.open[flags]
}

// offer is a ballot with what it would pay now.
type offer struct {
	ballot
	flags  uint8
	unions map[types.CommitteeIndex][]union // nil until a committee has a seat to pay
	// The best union of each committee that pays anything, when it was valued.
	picks []pick
	gain  uint64
	round int
}

type pick struct {
	committee types.CommitteeIndex
	union     union
}

// choice is an attestation to be.
type choice struct {
	data  types.AttestationData
	picks []pick // committees ascend
	size  []int
}

// packer is one packing. Its heap has the offer that pays most in front.
type packer struct {
	s          *transition.State
	weights    [8]uint64 // by set of flags
	committees map[committeeOf]*committee
	offers     []*offer
	round      int // how many were chosen
}

func (k *packer) Len() int           { return len(k.offers) }
func (k *packer) Less(i, j int) bool { return k.offers[i].gain > k.offers[j].gain }
func (k *packer) Swap(i, j int)      { k.offers[i], k.offers[j] = k.offers[j], k.offers[i] }
func (k *packer) Push(x any)         { k.offers = append(k.offers, x.(*offer)) }
func (k *packer) Pop() any {
	last := k.offers[len(k.offers)-1]
	k.offers = k.offers[:len(k.offers)-1]
	return last
}

// committee is a committee that was looked up; nil if the state has none of that name.
func (k *packer) committee(slot types.Slot, index types.CommitteeIndex) *committee {
	return k.committees[committeeOf{slot, index}]
}

// lookUpAll looks up the committees of all offers, on all cores: members lie all over the registry, so that most of the time goes by waiting for
// memory.
func (k *packer) lookUpAll() {
	wanted := map[committeeOf]*transition.Shuffling{}
	for _, o := range k.offers {
		sh, err := k.s.Shuffling(types.ComputeEpochAtSlot(k.s.Spec(), o.data.Slot))
		if err != nil {
			continue
		}
		for index := range o.committees {
			wanted[committeeOf{o.data.Slot, index}] = sh
		}
	}
	names := slices.Collect(maps.Keys(wanted))
	found := make([]*committee, len(names))
	_ = inChunks(len(names), func(i int) error {
		if found[i] = k.committees[names[i]]; found[i] == nil {
			found[i] = k.lookUp(names[i], wanted[names[i]])
		}
		return nil
	})
	for i, name := range names {
		k.committees[name] = found[i]
	}
}

// inChunks calls f with the numbers below n, on all cores.
func inChunks(n int, f func(i int) error) error {
	var g errgroup.Group
	size := max(1, (n+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for start := 0; start < n; start += size {
		g.Go(func() error {
			for i := start; i < min(start+size, n); i++ {
				if err := f(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// lookUp reads what the state's lists say of a committee, and nothing that the state derives: it runs on many goroutines.
func (k *packer) lookUp(name committeeOf, sh *transition.Shuffling) *committee {
	if uint64(name.index) >= sh.CommitteesPerSlot {
		return nil
	}
	epoch := types.ComputeEpochAtSlot(k.s.Spec(), name.slot)
	c := &committee{members: sh.Committee(name.slot, name.index)}
	c.flags, c.weight = make([]uint8, len(c.members)), make([]uint64, len(c.members))
	if k.s.Since(params.Altair) {
		participation := &k.s.PreviousEpochParticipation
		if epoch == k.s.GetCurrentEpoch() {
			participation = &k.s.CurrentEpochParticipation
		}
		for seat, m := range c.members {
			c.flags[seat] = participation.At(int(m))
		}
	}
	return c
}

// countPending counts the voters that a phase 0 state has votes of already.
func (k *packer) countPending() {
	if k.s.Since(params.Altair) {
		return
	}
	for _, list := range [][]types.PendingAttestation{k.s.PreviousEpochAttestations, k.s.CurrentEpochAttestations} {
		for i := range list {
			name := committeeOf{list[i].Data.Slot, list[i].Data.Index}
			c := k.committees[name]
			if sh, err := k.s.Shuffling(list[i].Data.Target.Epoch); c == nil && err == nil {
				c = k.lookUp(name, sh)
				k.committees[name] = c
			}
			if c != nil {
				for _, seat := range list[i].AggregationBits.BitIndices() {
					c.flags[seat] |= 1 << params.TimelySourceFlagIndex
				}
			}
		}
	}
}

// value finds the best union of each committee of an offer, and what they pay together.
func (k *packer) value(o *offer) {
	o.picks, o.gain, o.round = o.picks[:0], 0, k.round
	for index, t := range o.committees {
		c := k.committee(o.data.Slot, index)
		if c == nil || len(c.members) != t.size || c.openTo(o.flags).empty() {
			continue
		}
		unions, known := o.unions[index]
		if !known {
			unions = t.unions(unionsTried)
			o.unions[index] = unions
		}
		best, at := uint64(0), -1
		for i := range unions {
			if pays := k.pays(c, &unions[i], o.flags); pays > best {
				best, at = pays, i
			}
		}
		if at >= 0 {
			o.picks, o.gain = append(o.picks, pick{index, unions[at]}), o.gain+best
		}
	}
}

// pays is what a union adds: for each voter the weight of the flags that are new, times its balance.
func (k *packer) pays(c *committee, u *union, flags uint8) (sum uint64) {
	u.seats.eachIn(c.openTo(flags), func(seat int) {
		if c.weight[seat] == 0 {
			balance := k.s.Validators.EffectiveBalance(types.ValidatorIndex(c.members[seat]))
			c.weight[seat] = uint64(balance / k.s.Spec().EffectiveBalanceIncrement)
		}
		sum += k.weights[flags&^c.flags[seat]] * c.weight[seat]
	})
	return sum
}

// foreign takes unions out of an offer whose voters are not those that sit in the state's committee: they voted on a branch with other
// committees, and their signature would make the block invalid. It tells whether there were any.
func (k *packer) foreign(o *offer) (any bool) {
	for _, pick := range o.picks {
		c := k.committee(o.data.Slot, pick.committee)
		mismatch := slices.ContainsFunc(pick.union.parts, func(p *part) bool {
			sum := p.voters
			p.each(func(seat int) { sum -= checksum(uint64(c.members[seat])) })
			return sum != 0
		})
		if mismatch {
			any = true
			o.unions[pick.committee] = slices.DeleteFunc(o.unions[pick.committee], func(u union) bool { return slices.Equal(u.parts, pick.union.parts) })
		}
	}
	return any
}

// choose takes the picks of an offer into the block.
func (k *packer) choose(o *offer) *choice {
	k.round++
	out := &choice{data: o.data, picks: slices.Clone(o.picks)}
	slices.SortFunc(out.picks, func(a, b pick) int { return int(a.committee) - int(b.committee) })
	for _, pick := range out.picks {
		c := k.committee(o.data.Slot, pick.committee)
		out.size = append(out.size, len(c.members))
		pick.union.seats.each(func(seat int) { c.flags[seat] |= o.flags })
		c.open = [8]seats{}
	}
	return out
}

// sumUp makes attestations of choices. Decompressing what was never summed up takes longest, and uses all cores.
func (p *Pool) sumUp(chosen []*choice) ([]types.Attestation, error) {
	if err := decompress(chosen); err != nil {
		return nil, err
	}
	out := make([]types.Attestation, len(chosen))
	for i, c := range chosen {
		var err error
		if out[i], err = c.attestation(p.spec); err != nil {
			return nil, fmt.Errorf("attestation of slot %d: %w", c.data.Slot, err)
		}
	}
	return out, nil
}

// decompress makes points of all signatures that are to be summed up.
func decompress(chosen []*choice) error {
	var parts []*part
	for _, c := range chosen {
		for _, pick := range c.picks {
			parts = append(parts, pick.union.parts...)
		}
	}
	return inChunks(len(parts), func(i int) error {
		_, err := parts[i].decompressed()
		return err
	})
}

// attestation sums up what was chosen. Spec: compute_on_chain_aggregate (electra).
func (c *choice) attestation(spec *params.Spec) (types.Attestation, error) {
	size := 0
	unions := make([]union, len(c.picks))
	for i, pick := range c.picks {
		unions[i] = pick.union
		size += c.size[i]
	}
	a := types.Attestation{AggregationBits: newBitlist(size), Data: c.data}
	if spec.ForkAtSlot(c.data.Slot) >= params.Electra {
		a.CommitteeBits = ssz.NewBitvector(spec.MaxCommitteesPerSlot)
	}
	first := 0
	for i, pick := range c.picks {
		pick.union.seats.each(func(seat int) { a.AggregationBits.SetBitAt(uint64(first+seat), true) })
		if a.CommitteeBits != nil {
			a.CommitteeBits.SetBitAt(uint64(pick.committee), true)
		}
		first += c.size[i]
	}
	var err error
	a.Signature, err = signature(unions...)
	return a, err
}
