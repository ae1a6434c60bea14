package pool

import (
	"container/heap"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/bls"
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
	for _, b := range p.votes.snapshot() {
		flags, err := s.AttestationFlags(&b.data)
		sameForm := (s.Cx.Spec.ForkAtSlot(b.data.Slot) >= params.Electra) == s.Since(params.Electra)
		if err != nil || flags == 0 || !sameForm {
			continue
		}
		o := &offer{ballot: b, flags: flags, unions: make(map[types.CommitteeIndex][]union, len(b.committees))}
		for i, t := range b.committees {
			o.unions[i] = t.unions(unionsTried)
		}
		k.value(o)
		k.offers = append(k.offers, o)
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
}

// offer is a ballot with what it would pay now.
type offer struct {
	ballot
	flags  uint8
	unions map[types.CommitteeIndex][]union
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

// committee looks up a committee; nil if the state has none of that name.
func (k *packer) committee(slot types.Slot, index types.CommitteeIndex) *committee {
	name := committeeOf{slot, index}
	if c, ok := k.committees[name]; ok {
		return c
	}
	c := k.lookUp(name)
	k.committees[name] = c
	return c
}

func (k *packer) lookUp(name committeeOf) *committee {
	epoch := types.ComputeEpochAtSlot(k.s.Spec(), name.slot)
	sh, err := k.s.Shuffling(epoch)
	if err != nil || uint64(name.index) >= sh.CommitteesPerSlot {
		return nil
	}
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
			if c := k.committee(list[i].Data.Slot, list[i].Data.Index); c != nil {
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
	for index, unions := range o.unions {
		c := k.committee(o.data.Slot, index)
		best, at := uint64(0), -1
		for i := range unions {
			if c == nil || len(c.members) != o.committees[index].size {
				break
			}
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
	u.seats.each(func(seat int) {
		if fresh := flags &^ c.flags[seat]; fresh != 0 {
			if c.weight[seat] == 0 {
				balance := k.s.Validators.EffectiveBalance(types.ValidatorIndex(c.members[seat]))
				c.weight[seat] = uint64(balance / k.s.Spec().EffectiveBalanceIncrement)
			}
			sum += k.weights[fresh] * c.weight[seat]
		}
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
	var g errgroup.Group
	for chunk := range slices.Chunk(parts, max(1, (len(parts)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))) {
		g.Go(func() error {
			for _, p := range chunk {
				if _, err := p.decompressed(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
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

// verified checks the signatures that a batch has collected.
func verified(batch *transition.SignatureBatch) error { return bls.VerifyBatch(batch.Take()) }
