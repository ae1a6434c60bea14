package synthetic

import (
	"fmt"
	"math/rand/v2"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// epoch is the epoch of all states: beyond mainnet's Fulu fork, with full histories under every preset, and followed by no
// change of a sync committee, voting or history period.
const epoch types.Epoch = 449_892

// settled is the last epoch in which an active validator has become active: all may leave.
const settled = epoch - 300

// Config says what a state is to look like. Default gives one that resembles mainnet.
type Config struct {
	// Spec is the chain. State works with a copy in which Fork has begun and no later fork is scheduled.
	Spec *params.Spec
	Fork params.Fork // Fulu or Gloas
	// UpgradeNext schedules the fork after Fork for the next epoch.
	UpgradeNext bool
	Seed        uint64
	Validators  int // entries of the registry
	Active      int // of them
	SlotInEpoch uint64
	// Backlog is the number of latest slots, that of the state included, whose votes are in no block yet; at least 1.
	Backlog            uint64
	PendingDeposits    int
	BuilderDeposits    int // of them, with builder credentials
	PartialWithdrawals int
	Consolidations     int
	Builders           int // Gloas only
	// KeyFile keeps decompressed keys between runs; without one, keys are decompressed when they are first used.
	KeyFile string
}

// Default is a state in the middle of an epoch, on which a block with a vote of each of the last 8 slots can be built.
// The queues are mainnet's, or shorter where the registry is small.
func Default(spec *params.Spec, fork params.Fork, validators, active int) Config {
	c := Config{
		Spec: spec, Fork: fork, Seed: 1, Validators: validators, Active: active, SlotInEpoch: spec.SlotsPerEpoch / 2,
		Backlog:            min(spec.MaxAttestationsElectra, spec.SlotsPerEpoch/2),
		PendingDeposits:    min(5000, validators/8),
		PartialWithdrawals: min(300, validators/100),
		Consolidations:     min(100, validators/500),
	}
	if fork >= params.Gloas {
		c.Builders = 200
	}
	return c
}

func (c *Config) check() error {
	switch {
	case c.Fork != params.Fulu && c.Fork != params.Gloas:
		return fmt.Errorf("synthetic state of %v, only %v and %v can be made", c.Fork, params.Fulu, params.Gloas)
	case c.Active < 1 || c.Active > c.Validators:
		return fmt.Errorf("%d active of %d validators", c.Active, c.Validators)
	case uint64(c.Validators) > c.Spec.ValidatorRegistryLimit || c.Validators >= depositKeys:
		return fmt.Errorf("%d validators, at most %d", c.Validators, min(c.Spec.ValidatorRegistryLimit, depositKeys-1))
	case c.SlotInEpoch >= c.Spec.SlotsPerEpoch:
		return fmt.Errorf("slot %d of an epoch of %d", c.SlotInEpoch, c.Spec.SlotsPerEpoch)
	case c.Backlog < 1 || c.Backlog > c.Spec.SlotsPerEpoch:
		return fmt.Errorf("backlog of %d slots, at least 1 and at most %d", c.Backlog, c.Spec.SlotsPerEpoch)
	case c.BuilderDeposits > c.PendingDeposits:
		return fmt.Errorf("%d builder deposits of %d deposits", c.BuilderDeposits, c.PendingDeposits)
	case c.Builders > 0 && c.Fork < params.Gloas:
		return fmt.Errorf("%d builders in %v", c.Builders, c.Fork)
	case c.Fork >= params.Gloas && c.Builders == 0:
		return fmt.Errorf("no builder in %v to bid for a block", c.Fork)
	}
	return nil
}

// schedule is the spec with the forks where the config wants them.
func (c *Config) schedule() (*params.Spec, error) {
	s := *c.Spec
	for f, at := range map[params.Fork]*params.Epoch{
		params.Altair: &s.AltairForkEpoch, params.Bellatrix: &s.BellatrixForkEpoch, params.Capella: &s.CapellaForkEpoch,
		params.Deneb: &s.DenebForkEpoch, params.Electra: &s.ElectraForkEpoch, params.Fulu: &s.FuluForkEpoch,
		params.Gloas: &s.GloasForkEpoch, params.Heze: &s.HezeForkEpoch,
	} {
		switch {
		case f == c.Fork+1 && c.UpgradeNext:
			*at = epoch + 1
		case f > c.Fork:
			*at = params.FarFutureEpoch
		case *at > epoch-1000:
			*at = epoch - 1000 + 100*types.Epoch(f)
		}
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("schedule of a synthetic state: %w", err)
	}
	return &s, nil
}

// random is a source of numbers that are the same in every run.
type random struct{ *rand.Rand }

func newRandom(seed, purpose uint64) random { return random{rand.New(rand.NewPCG(seed, purpose))} }

// fill overwrites b.
func (r random) fill(b []byte) {
	for len(b) > 0 {
		var word [8]byte
		for v, i := r.Uint64(), 0; i < len(word); v, i = v>>8, i+1 {
			word[i] = byte(v)
		}
		b = b[copy(b, word[:]):]
	}
}

func (r random) root() (out types.Root) {
	r.fill(out[:])
	return out
}

func (r random) bytes(n int) []byte {
	out := make([]byte, n)
	r.fill(out)
	return out
}

// gwei is a balance in [low, high).
func (r random) gwei(low, high types.Gwei) types.Gwei {
	return low + types.Gwei(r.Uint64N(uint64(high-low)))
}

// mixed is a number that depends on all bits of its arguments (splitmix64).
func mixed(seed, a, b uint64) uint64 {
	x := seed + a*0x9e3779b97f4a7c15 + b*0xbf58476d1ce4e5b9
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
