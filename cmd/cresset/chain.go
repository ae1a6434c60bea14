package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/signer"
)

// chainFlags say for which chain something is signed: its configuration, and what is only known once it began.
type chainFlags struct {
	network, config string
	root            string
	time            uint64
	node            string
}

// addSpec adds the flags of the configuration.
func (f *chainFlags) addSpec(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.network, "network", "", "a network that is built in: "+strings.Join(params.Networks(), ", "))
	cmd.Flags().StringVar(&f.config, "network-config", "", "the chain's configuration, YAML")
}

// addGenesis adds the flags of what began with genesis.
func (f *chainFlags) addGenesis(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.node, "beacon-node", "", "URL of a beacon node")
	cmd.Flags().StringVar(&f.root, "genesis-validators-root", "", "that of the chain (default: the beacon node's)")
	cmd.Flags().Uint64Var(&f.time, "genesis-time", 0, "that of the chain, Unix seconds (default: the beacon node's)")
}

func (f *chainFlags) spec(cmd *cobra.Command) (*params.Spec, error) {
	switch {
	case (f.network == "") == (f.config == ""):
		return nil, usageError(errors.New("one of --network and --network-config is needed"))
	case f.config != "":
		return loadSpec(f.config, cmd.InOrStdin(), cmd.ErrOrStderr())
	}
	spec, _, _, err := params.Network(f.network)
	if err != nil {
		return nil, usageError(fmt.Errorf("--network: %w", err))
	}
	return spec, nil
}

// client is that of the beacon node, nil where none is named.
func (f *chainFlags) client() (*apiclient.Client, error) {
	if f.node == "" {
		return nil, nil
	}
	c, err := apiclient.New(apiclient.Config{URL: f.node})
	if err != nil {
		return nil, usageError(fmt.Errorf("--beacon-node: %w", err))
	}
	return c, nil
}

// genesis is what the chain began with. A beacon node that says otherwise than the flags is an error.
func (f *chainFlags) genesis(cmd *cobra.Command) (g apiclient.Genesis, err error) {
	c, err := f.client()
	if err != nil {
		return g, err
	}
	if f.root != "" {
		if err := parseHex(g.ValidatorsRoot[:], "--genesis-validators-root", f.root); err != nil {
			return g, usageError(err)
		}
	} else if c == nil {
		return g, usageError(errors.New("--genesis-validators-root or --beacon-node is missing"))
	}
	g.Time = f.time
	if c == nil {
		return g, nil
	}
	told, err := c.Genesis(cmd.Context())
	switch {
	case err != nil:
		return g, fmt.Errorf("ask for genesis: %w", err)
	case f.root != "" && g.ValidatorsRoot != told.ValidatorsRoot:
		return g, inputError(fmt.Errorf("the beacon node is on another chain: genesis validators root is %v, want %v", told.ValidatorsRoot, g.ValidatorsRoot))
	case f.time != 0 && f.time != told.Time:
		return g, inputError(fmt.Errorf("the beacon node is on another chain: genesis time is %d, want %d", told.Time, f.time))
	}
	return told, nil
}

func (f *chainFlags) validatorsRoot(cmd *cobra.Command) (types.Root, error) {
	g, err := f.genesis(cmd)
	return g.ValidatorsRoot, err
}

// chain is a chain that something is signed for.
type chain struct {
	spec    *params.Spec
	genesis apiclient.Genesis
	clock   *clock.Clock
	client  *apiclient.Client // nil without a beacon node
}

func (f *chainFlags) open(cmd *cobra.Command) (c chain, err error) {
	if c.spec, err = f.spec(cmd); err != nil {
		return c, err
	}
	if c.client, err = f.client(); err != nil {
		return c, err
	}
	if c.genesis, err = f.genesis(cmd); err != nil {
		return c, err
	}
	if c.genesis.Time == 0 {
		return c, usageError(errors.New("--genesis-time or --beacon-node is missing"))
	}
	c.clock = clock.New(clock.Config{Spec: c.spec, GenesisTime: c.genesis.Time})
	return c, nil
}

func (c chain) signer() *signer.Signer {
	return signer.New(signer.Config{Spec: c.spec, GenesisValidatorsRoot: c.genesis.ValidatorsRoot, Clock: c.clock})
}

// fork is what the configuration says of an epoch.
func (c chain) fork(epoch types.Epoch) signer.ForkInfo {
	fork := c.spec.ForkAtEpoch(epoch)
	info := signer.ForkInfo{GenesisValidatorsRoot: c.genesis.ValidatorsRoot}
	info.Fork = types.Fork{PreviousVersion: c.spec.ForkVersion(fork), CurrentVersion: c.spec.ForkVersion(fork), Epoch: c.spec.ForkEpoch(fork)}
	if fork > params.Phase0 {
		info.Fork.PreviousVersion = c.spec.ForkVersion(fork - 1)
	}
	return info
}
