package spectest

import (
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/light"
)

// Spec: tests/formats/light_client.

// lightChain reads the light-client objects of a case, whose fork is told by a digest.
type lightChain struct {
	c                     *Case
	spec                  *params.Spec
	genesisValidatorsRoot types.Root
}

// fork finds the fork of a digest.
func (l lightChain) fork(t *testing.T, digest hexBytes) params.Fork {
	t.Helper()
	for _, entry := range l.spec.ForkSchedule() {
		if l.spec.ComputeForkDigest(l.genesisValidatorsRoot, entry.Epoch) == params.ForkDigest(array[[4]byte](t, digest)) {
			return entry.Fork
		}
	}
	t.Fatalf("no fork has the digest %x", digest)
	return 0
}

// read decodes a file of the fork of a digest into an object and returns the context it was read under.
func (l lightChain) read(t *testing.T, name string, digest hexBytes, object ssz.Object) ssz.Context {
	t.Helper()
	cx := ssz.Context{Spec: l.spec, Fork: l.fork(t, digest)}
	if err := ssz.Unmarshal(cx, l.c.MustSSZ(name), ssz.Container(object)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return cx
}

// array turns bytes into an array of their length.
func array[A [4]byte | [32]byte](t *testing.T, b hexBytes) (a A) {
	t.Helper()
	if len(b) != len(a) {
		t.Fatalf("%x has %d bytes, want %d", []byte(b), len(b), len(a))
	}
	return A(b)
}

// forkOfVersion finds the fork of a version.
func forkOfVersion(t *testing.T, spec *params.Spec, version hexBytes) params.Fork {
	t.Helper()
	for _, fork := range params.Forks() {
		if spec.ForkVersion(fork) == params.Version(array[[4]byte](t, version)) {
			return fork
		}
	}
	t.Fatalf("no fork has the version %x", version)
	return 0
}

type lightHeaderCheck struct {
	Slot          types.Slot `yaml:"slot"`
	BeaconRoot    hexBytes   `yaml:"beacon_root"`
	ExecutionRoot *hexBytes  `yaml:"execution_root"` // since capella
}

func (want lightHeaderCheck) check(t *testing.T, what string, cx ssz.Context, header *types.LightClientHeader) {
	t.Helper()
	if header.Beacon.Slot != want.Slot {
		t.Errorf("%s has slot %d, want %d", what, header.Beacon.Slot, want.Slot)
	}
	if root := types.HashTreeRoot(&header.Beacon); root != types.Root(array[[32]byte](t, want.BeaconRoot)) {
		t.Errorf("%s has root %v, want %x", what, root, want.BeaconRoot)
	}
	if (want.ExecutionRoot != nil) != (cx.Fork >= params.Capella) {
		t.Fatalf("%s: execution root %v given for a store of %v", what, want.ExecutionRoot, cx.Fork)
	}
	if want.ExecutionRoot == nil {
		return
	}
	root, err := light.GetLCExecutionRoot(cx, header)
	if err != nil || root != types.Root(array[[32]byte](t, *want.ExecutionRoot)) {
		t.Errorf("%s has execution root %v (%v), want %x", what, root, err, *want.ExecutionRoot)
	}
}

type lightStoreChecks struct {
	FinalizedHeader  lightHeaderCheck `yaml:"finalized_header"`
	OptimisticHeader lightHeaderCheck `yaml:"optimistic_header"`
}

type lightSyncStep struct {
	ProcessUpdate *struct {
		UpdateForkDigest hexBytes         `yaml:"update_fork_digest"`
		Update           string           `yaml:"update"`
		CurrentSlot      types.Slot       `yaml:"current_slot"`
		Checks           lightStoreChecks `yaml:"checks"`
	} `yaml:"process_update"`
	ForceUpdate *struct {
		CurrentSlot types.Slot       `yaml:"current_slot"`
		Checks      lightStoreChecks `yaml:"checks"`
	} `yaml:"force_update"`
	UpgradeStore *struct {
		StoreForkVersion hexBytes         `yaml:"store_fork_version"`
		Checks           lightStoreChecks `yaml:"checks"`
	} `yaml:"upgrade_store"`
}

func runLightClientSync(t *testing.T, c *Case) {
	var meta struct {
		GenesisValidatorsRoot hexBytes `yaml:"genesis_validators_root"`
		TrustedBlockRoot      hexBytes `yaml:"trusted_block_root"`
		BootstrapForkDigest   hexBytes `yaml:"bootstrap_fork_digest"`
		StoreForkVersion      hexBytes `yaml:"store_fork_version"`
	}
	c.MustYAML("meta", &meta)
	var steps []lightSyncStep
	c.MustYAML("steps", &steps)
	chain := lightChain{c, c.Spec(), types.Root(array[[32]byte](t, meta.GenesisValidatorsRoot))}

	bootstrap := new(types.LightClientBootstrap)
	from := chain.read(t, "bootstrap", meta.BootstrapForkDigest, bootstrap)
	cx := ssz.Context{Spec: chain.spec, Fork: forkOfVersion(t, chain.spec, meta.StoreForkVersion)}
	upgraded, err := light.UpgradeLCBootstrap(from, cx.Fork, bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	store, err := light.InitializeLightClientStore(cx, types.Root(array[[32]byte](t, meta.TrustedBlockRoot)), upgraded)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range steps {
		var checks lightStoreChecks
		store, checks = chain.step(t, i, store, step)
		checks.FinalizedHeader.check(t, fmt.Sprintf("step %d: finalized header", i), store.Cx, &store.FinalizedHeader)
		checks.OptimisticHeader.check(t, fmt.Sprintf("step %d: optimistic header", i), store.Cx, &store.OptimisticHeader)
	}
}

// step runs one step and returns the store after it and what it should be like.
func (l lightChain) step(t *testing.T, i int, store *light.LightClientStore, step lightSyncStep) (*light.LightClientStore, lightStoreChecks) {
	t.Helper()
	var checks lightStoreChecks
	var err error
	switch {
	case step.ProcessUpdate != nil:
		s := step.ProcessUpdate
		update := new(types.LightClientUpdate)
		from := l.read(t, s.Update, s.UpdateForkDigest, update)
		if update, err = light.UpgradeLCUpdate(from, store.Cx.Fork, update); err == nil {
			err = light.ProcessLightClientUpdate(store, update, s.CurrentSlot, l.genesisValidatorsRoot)
		}
		checks = s.Checks
	case step.ForceUpdate != nil:
		err = light.ProcessLightClientStoreForceUpdate(store, step.ForceUpdate.CurrentSlot)
		checks = step.ForceUpdate.Checks
	case step.UpgradeStore != nil:
		store, err = light.UpgradeLCStore(store, forkOfVersion(t, l.spec, step.UpgradeStore.StoreForkVersion))
		checks = step.UpgradeStore.Checks
	default:
		t.Fatalf("step %d is of no known kind", i)
	}
	if err != nil {
		t.Fatalf("step %d: %v", i, err)
	}
	return store, checks
}

// runUpdateRanking checks that IsBetterUpdate orders all pairs as they are listed, best first.
func runUpdateRanking(t *testing.T, c *Case) {
	var meta struct {
		UpdatesCount int `yaml:"updates_count"`
	}
	c.MustYAML("meta", &meta)
	cx := ssz.Context{Spec: c.Spec(), Fork: c.Fork}
	updates := make([]types.LightClientUpdate, meta.UpdatesCount)
	for i := range updates {
		if err := ssz.Unmarshal(cx, c.MustSSZ(fmt.Sprintf("updates_%d", i)), ssz.Container(&updates[i])); err != nil {
			t.Fatal(err)
		}
	}
	for i := range updates {
		for k := range updates {
			if better := light.IsBetterUpdate(cx.Spec, &updates[i], &updates[k]); better != (i < k) {
				t.Errorf("update %d is better than %d: %t, want %t", i, k, better, i < k)
			}
		}
	}
}
