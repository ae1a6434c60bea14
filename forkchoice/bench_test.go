package forkchoice

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// The benchmarks are of a chain of mainnet's size that has not been finalized for a day.
const (
	benchValidators = 2_400_000
	benchBlocks     = 7_200
	benchVotes      = 30_000
)

// benchStates has the same balances at every checkpoint, and committees of 75 thousand.
type benchStates struct {
	balances *Balances
	order    []uint32
}

func (s *benchStates) Balances(types.Checkpoint) (*Balances, error) { return s.balances, nil }

func (s *benchStates) Committee(_ types.Root, slot types.Slot) ([]uint32, error) {
	size := len(s.order) / 32
	at := int(slot) % 32 * size
	return s.order[at : at+size], nil
}

func (s *benchStates) PayloadCommittee(types.Root, types.Slot) ([]types.ValidatorIndex, error) {
	return make([]types.ValidatorIndex, 512), nil
}

func benchRoot(n int) (root types.Root) {
	binary.BigEndian.PutUint64(root[:], uint64(n)+1)
	return root
}

// benchStore is a store with a chain that forks now and then and a vote of every validator in its last epoch.
func benchStore(b *testing.B) (*Store, *benchStates, Config) {
	b.Helper()
	spec := *params.Mainnet()
	rng := rand.New(rand.NewPCG(1, 2))
	states := &benchStates{balances: NewBalances(&spec, benchValidators), order: make([]uint32, benchValidators)}
	for i := range states.order {
		states.order[i] = uint32(i)
		if err := states.balances.Append(types.Gwei(32+rng.IntN(200))*spec.EffectiveBalanceIncrement, rng.IntN(3) > 0, rng.IntN(500) == 0); err != nil {
			b.Fatal(err)
		}
	}
	rng.Shuffle(len(states.order), func(i, j int) { states.order[i], states.order[j] = states.order[j], states.order[i] })
	for _, epoch := range []*params.Epoch{&spec.AltairForkEpoch, &spec.BellatrixForkEpoch, &spec.CapellaForkEpoch, &spec.DenebForkEpoch, &spec.ElectraForkEpoch, &spec.FuluForkEpoch} {
		*epoch = 0
	}
	cfg := Config{Spec: &spec, Anchor: Block{Root: benchRoot(0), Execution: Valid}, States: states}
	s, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	s.OnTick((benchBlocks + 8) * spec.SlotDurationMs)
	for i := 1; i < benchBlocks; i++ {
		parent := i - 1
		if i%10 == 0 {
			parent = max(0, i-3)
		}
		if err := s.OnBlock(&Block{Slot: types.Slot(i), Root: benchRoot(i), ParentRoot: benchRoot(parent), Execution: Valid, UnrealizedJustified: s.justified}); err != nil {
			b.Fatal(err)
		}
	}
	for slot := types.Slot(benchBlocks - 40); slot < benchBlocks-8; slot++ {
		committee, _ := states.Committee(types.Root{}, slot)
		benchAttest(b, s, committee, int(slot), slot)
	}
	if _, err := s.GetHead(); err != nil {
		b.Fatal(err)
	}
	return s, states, cfg
}

// benchAttest lets validators vote for the block of a number.
func benchAttest(b *testing.B, s *Store, validators []uint32, block int, slot types.Slot) {
	b.Helper()
	epoch := s.epochOf(slot)
	target, err := s.GetCheckpointBlock(benchRoot(block), epoch)
	if err != nil {
		b.Fatal(err)
	}
	a := &Attestation{Slot: slot, BlockRoot: benchRoot(block), Target: types.Checkpoint{Epoch: epoch, Root: target}}
	for _, v := range validators {
		a.Attesting = append(a.Attesting, types.ValidatorIndex(v))
	}
	if err := s.OnAttestation(a, true); err != nil {
		b.Fatal(err)
	}
}

// dependentAccess is the time of one memory access whose address the one before gives, on an array as large as the votes.
func dependentAccess() float64 {
	const words = benchValidators * 16 / 8
	next, order := make([]uint64, words), rand.New(rand.NewPCG(3, 4)).Perm(words/8)
	for i, at := range order { // one word of each cache line
		next[at*8] = uint64(order[(i+1)%len(order)] * 8)
	}
	at, start := uint64(0), time.Now()
	const steps = 1_000_000
	for range steps {
		at = next[at]
	}
	taken := time.Since(start)
	if at == 1 {
		panic("no cycle")
	}
	return float64(taken.Nanoseconds()) / steps
}

// bandwidth is the time that one byte takes to be read from memory and written back.
func bandwidth() float64 {
	data := make([]uint64, 8<<20)
	for i := range data {
		data[i] = uint64(i)
	}
	start := time.Now()
	for i := range data {
		data[i]++
	}
	return float64(time.Since(start).Nanoseconds()) / float64(len(data)*8*2)
}

// revote points the votes of some validators somewhere else.
func revote(s *Store, validators []uint32, block int) {
	for _, v := range validators {
		s.votes.set(v, targetOf(uint32(block), Pending))
	}
}

func BenchmarkGetHead(b *testing.B) {
	s, states, _ := benchStore(b)
	limit := benchVotes * dependentAccess()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		at := i % (benchValidators / benchVotes) * benchVotes
		revote(s, states.order[at:at+benchVotes], benchBlocks-50+i%40)
		evict()
		b.StartTimer()
		if _, err := s.GetHead(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/limit, "x-limit")
}

// evict empties the caches of what a benchmark has just prepared.
var evict = func() func() {
	data := make([]byte, 64<<20)
	return func() {
		for i := 0; i < len(data); i += 64 {
			data[i]++
		}
	}
}()

func BenchmarkGetHeadUnchanged(b *testing.B) {
	s, _, _ := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		s.fresh = false
		if _, err := s.GetHead(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJustifiedBalances(b *testing.B) {
	s, states, _ := benchStore(b)
	limit := bandwidth() * benchValidators * (16 + 16 + 2)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		s.votes.recount(s.tree.nodes, s.justified, states.balances)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/limit, "x-limit")
}

func BenchmarkOnAttestation(b *testing.B) {
	s, states, _ := benchStore(b)
	limit := benchVotes * dependentAccess()
	block := benchBlocks - 2
	target, err := s.GetCheckpointBlock(benchRoot(block), s.epochOf(benchBlocks-1))
	if err != nil {
		b.Fatal(err)
	}
	a := &Attestation{Slot: benchBlocks - 1, BlockRoot: benchRoot(block), Target: types.Checkpoint{Epoch: s.epochOf(benchBlocks - 1), Root: target}}
	voters := slices.Clone(states.order[:benchVotes])
	for _, v := range voters {
		a.Attesting = append(a.Attesting, types.ValidatorIndex(v))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		for _, v := range voters {
			s.votes.all[v].seen = 1
			s.votes.set(v, 0)
		}
		s.votes.flush(s.tree.nodes)
		evict()
		b.StartTimer()
		if err := s.OnAttestation(a, true); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/limit, "x-limit")
}

func BenchmarkOnFastConfirmation(b *testing.B) {
	s, states, _ := benchStore(b)
	for i := range 500 {
		if err := s.OnAttesterSlashing([]types.ValidatorIndex{types.ValidatorIndex(states.order[i*17])}); err != nil {
			b.Fatal(err)
		}
	}
	// Two more checkpoints than the justified one, so that nothing can be shared.
	s.fcr.CurrentEpochObservedJustifiedCheckpoint = types.Checkpoint{Epoch: s.epochOf(benchBlocks - 70), Root: benchRoot(benchBlocks - 70)}
	limit := bandwidth() * benchValidators * (16 + 2)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r := newRule(s)
		r.scoreOf(s.fcr.CurrentEpochObservedJustifiedCheckpoint)
		r.support()
		if r.err != nil {
			b.Fatal(r.err)
		}
		if err := s.OnFastConfirmation(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/limit, "x-limit")
}

func BenchmarkEncode(b *testing.B) {
	s, _, _ := benchStore(b)
	b.ResetTimer()
	for range b.N {
		b.SetBytes(int64(len(s.Encode())))
	}
}

func BenchmarkDecode(b *testing.B) {
	s, _, cfg := benchStore(b)
	data := s.Encode()
	b.SetBytes(int64(len(data)))
	b.ResetTimer()
	for range b.N {
		if _, err := Decode(cfg, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrune(b *testing.B) {
	s, _, _ := benchStore(b)
	keep := make([]bool, len(s.tree.nodes))
	for i := range keep {
		keep[i] = true
	}
	b.ResetTimer()
	for range b.N {
		moved, _ := s.tree.keep(keep)
		s.votes.move(moved)
	}
}
