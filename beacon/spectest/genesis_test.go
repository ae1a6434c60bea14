package spectest

import (
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// runGenesisInitialization makes a genesis state from deposits.
func runGenesisInitialization(t *testing.T, c *Case) {
	var eth1 struct {
		Hash hexBytes `yaml:"eth1_block_hash"`
		Time uint64   `yaml:"eth1_timestamp"`
	}
	m := readMeta(c)
	c.MustYAML("eth1", &eth1)
	if m.PayloadHeader {
		t.Fatal("genesis with an execution payload header")
	}
	deposits := make([]types.Deposit, m.DepositsCount)
	for i := range deposits {
		deposits[i] = *decode[types.Deposit](t, c, fmt.Sprintf("deposits_%d", i))
	}
	s, err := transition.InitializeBeaconStateFromEth1(c.Spec(), transition.NewEnv(nil), types.Hash32(eth1.Hash), eth1.Time, deposits)
	checkOutcome(t, c, s, "state", err)
}

// runGenesisValidity tells whether a state may start a chain.
func runGenesisValidity(t *testing.T, c *Case) {
	readMeta(c)
	var want bool
	c.MustYAML("is_valid", &want)
	if have := transition.IsValidGenesisState(readState(t, c, "genesis")); have != want {
		t.Fatalf("genesis is valid: %t, want %t", have, want)
	}
}

// runShuffling compares the shuffling of a whole list and of each index with the mapping.
func runShuffling(t *testing.T, c *Case) {
	var want struct {
		Seed    hexBytes `yaml:"seed"`
		Count   uint64   `yaml:"count"`
		Mapping []uint32 `yaml:"mapping"`
	}
	c.MustYAML("mapping", &want)
	rounds, seed := c.Spec().ShuffleRoundCount, types.Bytes32(want.Seed)
	list := make([]uint32, want.Count)
	for i := range list {
		list[i] = uint32(i)
	}
	transition.ShuffleList(list, seed, rounds)
	for i, to := range want.Mapping {
		if list[i] != to {
			t.Fatalf("element %d of the shuffled list is %d, want %d", i, list[i], to)
		}
		if have := transition.ComputeShuffledIndex(uint64(i), want.Count, seed, rounds); have != uint64(to) {
			t.Fatalf("index %d goes to %d, want %d", i, have, to)
		}
	}
	if len(want.Mapping) != len(list) {
		t.Fatalf("mapping has %d entries of %d", len(want.Mapping), len(list))
	}
}
