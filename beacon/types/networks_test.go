package types_test

import (
	"testing"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// TestGenesisStatesOfNetworks hashes the genesis states that come with the client.
func TestGenesisStatesOfNetworks(t *testing.T) {
	for _, c := range []struct {
		network, root, validatorsRoot string
		validators                    int
		time                          uint64
	}{
		{"mainnet", "0x7e76880eb67bbdc86250aa578958e9d0675e64e714337855204fb5abaaf82c2b", "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95", 21063, 1606824023},
		{"sepolia", "0xfb9afe32150fa39f4b346be2519a67e2a4f5efcd50a1dc192c3f6b3d013d2798", "0xd8ea171f3c94aea21ebc42a1ed61052acf3f9209c00e4efbaaddac09ed9b8078", 1570, 1655733600},
		{"gnosis", "", "0xf5dcb5564e829aab27264b9becd5dfaa017085611224cb3036f573368dbb9d47", 0, 1638993340},
		{"chiado", "", "0x9d642dac73058fbf39c0ae41ab1e34e4d889043cb199851ded7095bc99eb4c1e", 0, 1665396300},
	} {
		t.Run(c.network, func(t *testing.T) {
			spec, _, packed, err := params.Network(c.network)
			if err != nil {
				t.Fatal(err)
			}
			encoded, err := snappy.Decode(nil, packed)
			if err != nil {
				t.Fatal(err)
			}
			state, err := types.DecodeBeaconState(spec, encoded)
			if err != nil {
				t.Fatal(err)
			}
			root, err := state.HashTreeRoot()
			if err != nil {
				t.Fatal(err)
			}
			if c.root != "" && root.String() != c.root {
				t.Errorf("state root is %v, want %s", root, c.root)
			}
			if c.validators != 0 && state.Validators.Len() != c.validators {
				t.Errorf("%d validators, want %d", state.Validators.Len(), c.validators)
			}
			registry, err := ssz.HashTreeRoot(state.Cx, state.Validators.List(ssz.Cap(spec.ValidatorRegistryLimit, false)))
			if err != nil {
				t.Fatal(err)
			}
			if have := types.Root(registry).String(); have != c.validatorsRoot || state.GenesisValidatorsRoot.String() != c.validatorsRoot {
				t.Errorf("validators root is %s, in the state %v, want %s", have, state.GenesisValidatorsRoot, c.validatorsRoot)
			}
			if state.GenesisTime != c.time {
				t.Errorf("genesis time is %d, want %d", state.GenesisTime, c.time)
			}
		})
	}
}
