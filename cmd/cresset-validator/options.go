package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/cmd/internal/options"
	"github.com/cresset/cresset/cmd/internal/process"
	"github.com/cresset/cresset/validator/client"
)

// settings is all that the options say.
type settings struct {
	client            client.Config
	network           string
	networkConfig     string
	validatorSettings string
	config            string
	logs              process.Logs
}

// The groups of options, in the order in which they are shown.
const (
	groupKeys      = "keys"
	groupChain     = "chain"
	groupBlocks    = "blocks"
	groupOperation = "operation"
)

// row is one option.
type row = options.Option[settings]

// table is all options. Each row's place in the settings stands beside its name.
func table() *options.Table[settings] {
	path := options.Text("path")
	return &options.Table[settings]{Prefix: "CRESSET_VALIDATOR_", Options: []row{
		options.One(path, func(s *settings) *string { return &s.client.DataDir }, row{Name: "datadir", Group: groupKeys,
			Help: "directory of the process; keystores are in its directory keystores"}),
		options.One(path, func(s *settings) *string { return &s.client.KeystoreDir }, row{Name: "keystores", Group: groupKeys,
			Help: "directory of keystores (keystore*.json) and their slashing protection, in place of the one in datadir"}),
		options.One(path, func(s *settings) *string { return &s.client.PasswordFile }, row{Name: "password-file", Group: groupKeys,
			Help: "file with the password of all keystores"}),
		options.One(path, func(s *settings) *string { return &s.client.PasswordDir }, row{Name: "passwords", Group: groupKeys,
			Help: "directory with the password of NAME.json in NAME.txt, in place of password-file"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.client.Init }, row{Name: "init", Group: groupKeys, Fallback: "false",
			Help: "make slashing protection for keys that never signed anything; refused where there is some or was some"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.client.WatchFirst }, row{Name: "doppelganger-detection", Group: groupKeys, Fallback: "false",
			Help: "use a key only after nobody else was heard to use it for two epochs"}),

		options.Many(options.URL("http://127.0.0.1:5052"), func(s *settings) *[]string { return &s.client.BeaconNodes }, row{Name: "beacon-nodes", Group: groupChain,
			Fallback: "http://127.0.0.1:5052", Secret: true, Commas: true, Help: "Beacon APIs, also with commas between them"}),
		options.One(options.Choice(params.Networks()...), func(s *settings) *string { return &s.network }, row{Name: "network", Group: groupChain,
			Help: "name of the network: " + strings.Join(params.Networks(), ", ")}),
		options.One(path, func(s *settings) *string { return &s.networkConfig }, row{Name: "network-config", Group: groupChain,
			Help: "configuration file of another network, YAML, in place of its name"}),

		options.One(options.Account(), func(s *settings) *types.ExecutionAddress { return &s.client.FeeRecipient }, row{Name: "suggested-fee-recipient", Group: groupBlocks,
			Help: "account that gets the fees of blocks; without it the one that withdrawals go to"}),
		options.One(options.Graffiti(), func(s *settings) *types.Bytes32 { return &s.client.Graffiti }, row{Name: "graffiti", Group: groupBlocks,
			Help: "text of at most 32 bytes in every block; without it the beacon node puts in its own"}),
		options.One(path, func(s *settings) *string { return &s.validatorSettings }, row{Name: "validator-settings", Group: groupBlocks,
			Help: "file with the fee recipients and the graffiti of single validators, YAML"}),

		options.One(path, func(s *settings) *string { return &s.config }, row{Name: options.ConfigOption, Group: groupOperation,
			Help: "file of options, YAML, with the names of this table as keys"}),
		options.One(options.Address(), func(s *settings) *string { return &s.client.MetricsAddress }, row{Name: "metrics-address", Group: groupOperation, Fallback: "127.0.0.1:5064",
			Help: "host:port to serve /metrics at, or nothing for none"}),
		options.One(options.Choice("debug", "info", "warn", "error"), func(s *settings) *string { return &s.logs.Level }, row{Name: "log-level", Group: groupOperation, Fallback: "info",
			Help: "least level that is logged: debug, info, warn, error"}),
		options.One(options.Choice("auto", "text", "json"), func(s *settings) *string { return &s.logs.Format }, row{Name: "log-format", Group: groupOperation, Fallback: "auto",
			Help: "text, json, or auto: coloured on a terminal, text elsewhere"}),
	}}
}

// wrong is a client.UsageError about some options.
func wrong(names []string, format string, args ...any) error {
	return &client.UsageError{Options: names, Err: fmt.Errorf(format, args...)}
}

// configure gives the configuration of a validator client, with what is in the files that options name.
func configure(c *options.Configuration[settings]) (cfg client.Config, err error) {
	s := &c.Settings
	cfg = s.client
	if cfg.Spec, err = s.spec(); err != nil {
		return cfg, err
	}
	if genesis, known := params.KnownGenesis(s.network); known {
		cfg.Genesis = &genesis
	}
	if s.validatorSettings != "" {
		own, err := readValidatorSettings(s.validatorSettings)
		if err != nil {
			return cfg, wrong([]string{"validator-settings"}, "validator-settings: %w", err)
		}
		cfg.ByKey = own.validators
		if own.standard.FeeRecipient != (types.ExecutionAddress{}) {
			if cfg.FeeRecipient != (types.ExecutionAddress{}) {
				return cfg, twice("suggested-fee-recipient", "fee_recipient")
			}
			cfg.FeeRecipient = own.standard.FeeRecipient
		}
		if own.standard.Graffiti != nil {
			if c.IsSet("graffiti") {
				return cfg, twice("graffiti", "graffiti")
			}
			cfg.Graffiti = *own.standard.Graffiti
		}
	}
	return cfg, cfg.Validate()
}

func twice(option, key string) error {
	return wrong([]string{option, "validator-settings"}, "%s is set, and so is %s of default in validator-settings; want only one of the two", option, key)
}

// maxNetworkConfig bounds the configuration file of a network, bytes.
const maxNetworkConfig = 1 << 20

func (s *settings) spec() (*params.Spec, error) {
	names := []string{"network", "network-config"}
	switch {
	case (s.network == "") == (s.networkConfig == ""):
		return nil, wrong(names, "network is %q and network-config %q, want one of the two", s.network, s.networkConfig)
	case s.network != "":
		spec, _, _, err := params.Network(s.network)
		if err != nil {
			return nil, wrong(names[:1], "network: %w", err)
		}
		return spec, nil
	}
	text, err := options.ReadFile(s.networkConfig, maxNetworkConfig)
	if err != nil {
		return nil, wrong(names[1:], "network-config: %w", err)
	}
	spec, _, err := params.Load(text)
	if err != nil {
		return nil, wrong(names[1:], "network-config: %s: %w", s.networkConfig, err)
	}
	return spec, nil
}

// explain adds to an error about options which do not fit together where each of them was set.
func explain(c *options.Configuration[settings], err error) error {
	var usage *client.UsageError
	if !errors.As(err, &usage) {
		return err
	}
	return c.Explain(err, usage.Options)
}
