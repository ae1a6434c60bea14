package pool

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// paid is what attestations pay on a state in all, in weights of flags times increments, reckoned from the specification's words: each flag
// that a voter does not have pays once.
func paid(t *rapid.T, s *transition.State, all []types.Attestation) (sum uint64) {
	type voter struct {
		index types.ValidatorIndex
		epoch types.Epoch
	}
	have := map[voter]uint8{}
	for i := range all {
		flags, err := s.AttestationFlags(&all[i].Data)
		if err != nil {
			t.Fatal(err)
		}
		voters, err := s.GetAttestingIndices(&all[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range voters {
			v := voter{index, all[i].Data.Target.Epoch}
			if _, known := have[v]; !known {
				if have[v] = s.PreviousEpochParticipation.At(int(index)); v.epoch == s.GetCurrentEpoch() {
					have[v] = s.CurrentEpochParticipation.At(int(index))
				}
			}
			for flag, weight := range params.ParticipationFlagWeights() {
				if bit := uint8(1) << flag; flags&bit != 0 && have[v]&bit == 0 {
					have[v] |= bit
					sum += weight * uint64(s.Validators.EffectiveBalance(index)/s.Spec().EffectiveBalanceIncrement)
				}
			}
		}
	}
	return sum
}

// everyChoice is all attestations that can be made of a ballot: of each committee one union or none.
func everyChoice(p *Pool, b *ballot) (out []types.Attestation) {
	picked := []*choice{{data: b.data}}
	for i := range types.CommitteeIndex(4) {
		t := b.committees[i]
		if t == nil {
			continue
		}
		for _, c := range slices.Clone(picked) {
			for _, u := range t.unions(unionsTried) {
				with := &choice{data: b.data, picks: append(slices.Clone(c.picks), pick{i, u}), size: append(slices.Clone(c.size), t.size)}
				picked = append(picked, with)
			}
		}
	}
	for _, c := range picked[1:] {
		a, err := c.attestation(p.spec)
		if err != nil {
			panic(err)
		}
		out = append(out, a)
	}
	return out
}

// The best of all choices can be better than the greedy one, but not by more than 1-1/e, whatever the votes, the balances and what the state
// has already.
func TestPackingPaysAtLeastWhatGreedAssures(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Altair, params.Electra} {
		t.Run(fork.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fork, 256) // 4 committees of 8
			seven := w.grow(w.net.Genesis(), 7)
			tip := w.grow(seven, 9) // of the next epoch
			datas := []types.AttestationData{w.data(seven, 7, 3), w.data(tip, 9, 1)}
			wrong := datas[1]
			wrong.BeaconBlockRoot = types.Root{1}
			datas = append(datas, wrong)
			some := w.net.SignRoot(types.Root{}, 1)
			base := w.at(tip, 10)
			rapid.Check(t, func(t *rapid.T) {
				s := base.Copy()
				spec := *s.Spec()
				most := rapid.IntRange(1, 2).Draw(t, "most")
				spec.MaxAttestations, spec.MaxAttestationsElectra = uint64(most), uint64(most)
				s.Cx.Spec = &spec
				p := New(Config{Spec: &spec})
				for range rapid.IntRange(1, 8).Draw(t, "votes") {
					data := &datas[rapid.IntRange(0, len(datas)-1).Draw(t, "data")]
					committee := data.Index
					if fork >= params.Electra {
						committee = types.CommitteeIndex(rapid.IntRange(0, 1).Draw(t, "committee"))
					}
					members, err := s.GetBeaconCommittee(data.Slot, committee)
					if err != nil {
						t.Fatal(err)
					}
					a := Aggregate{Data: data, Committee: committee, Bits: newBitlist(len(members)), Signature: some}
					for i := range members {
						v := types.ValidatorIndex(members[i])
						if rapid.IntRange(0, 2).Draw(t, "votes") == 0 {
							a.Bits.SetBitAt(uint64(i), true)
							a.Attesting = append(a.Attesting, v)
							s.Validators.SetEffectiveBalance(v, types.Gwei(rapid.IntRange(1, 32).Draw(t, "ETH"))*1e9)
							s.PreviousEpochParticipation.Set(int(v), uint8(rapid.IntRange(0, 7).Draw(t, "flags")))
							s.CurrentEpochParticipation.Set(int(v), uint8(rapid.IntRange(0, 7).Draw(t, "flags")))
						}
					}
					p.InsertAggregate(a)
				}
				packed, err := p.PackAttestations(s)
				if err != nil {
					t.Fatal(err)
				}
				if len(packed) > most {
					t.Fatalf("%d attestations, room for %d", len(packed), most)
				}
				var all []types.Attestation
				for _, b := range p.votes.snapshot(allVotes) {
					all = append(all, everyChoice(p, &b)...)
				}
				best := uint64(0)
				for i := range all {
					best = max(best, paid(t, s, all[i:i+1]))
					for j := range all[:i] {
						if most > 1 {
							best = max(best, paid(t, s, []types.Attestation{all[i], all[j]}))
						}
					}
				}
				have := paid(t, s, packed)
				if float64(have) < (1-1/math.E)*float64(best) || most == 1 && have != best {
					t.Fatalf("%d attestations pay %d, the best %d", most, have, best)
				}
			})
		})
	}
}

// A union has no voter twice, all voters of its parts, and is of at least as many as the largest aggregate.
func TestUnionsAreOfDisjointParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 130).Draw(t, "size")
		tl := newTally(size)
		largest := 0
		for range rapid.IntRange(1, 2*aggregatesKept).Draw(t, "aggregates") {
			p := &part{seats: newSeats(size)}
			for range rapid.IntRange(1, 8).Draw(t, "voters") {
				p.seats.add(rapid.IntRange(0, size-1).Draw(t, "seat"))
			}
			p.count = p.seats.count()
			tl.aggregate(p)
			largest = max(largest, p.count)
		}
		for range rapid.IntRange(0, 8).Draw(t, "singles") {
			tl.single(&part{seat: rapid.IntRange(0, size-1).Draw(t, "seat"), count: 1})
		}
		for _, u := range tl.unions(unionsTried) {
			seen, count := newSeats(size), 0
			for _, p := range u.parts {
				p.each(func(seat int) {
					if seen.has(seat) {
						t.Fatalf("seat %d is in two parts", seat)
					}
					seen.add(seat)
					count++
				})
			}
			if !slices.Equal(seen, u.seats) || count != u.count {
				t.Fatalf("%v of %d voters, want %v of %d", u.seats, u.count, seen, count)
			}
		}
		if best, ok := tl.best(); !ok || best.count < largest {
			t.Fatalf("the best has %d voters, the largest aggregate %d", best.count, largest)
		}
	})
}
