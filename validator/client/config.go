package client

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Config is all that a validator client is told.
type Config struct {
	Spec *params.Spec
	// Genesis is what the chain is known to have begun with; nil for what the first beacon node says.
	Genesis *params.Genesis
	// DataDir holds what belongs to the process; keystores are in KeystoreDir, by default DataDir/keystores.
	DataDir     string
	KeystoreDir string
	// PasswordFile is the password of all keystores, or PasswordDir a directory with one for each.
	PasswordFile string
	PasswordDir  string
	// BeaconNodes are the URLs of Beacon APIs.
	BeaconNodes []string
	// FeeRecipient gets the fees of all blocks; zero for the accounts that the validators' withdrawals go to.
	FeeRecipient types.ExecutionAddress
	Graffiti     types.Bytes32
	// ByKey has what is different for some keys.
	ByKey map[types.BLSPubkey]KeySettings
	// MetricsAddress is host:port to serve /metrics on; empty for none.
	MetricsAddress string
	// Init makes a slashing protection database where there never was one, and registers all keys that are not.
	Init bool
	// WatchFirst keeps keys from being used until nobody else was heard to use them for two epochs.
	WatchFirst bool
	// Time is the source of time; nil for the machine's clock.
	Time clock.Source
}

// KeySettings is what is different for a key.
type KeySettings struct {
	FeeRecipient types.ExecutionAddress // zero for that of all keys
	Graffiti     *types.Bytes32         // nil for that of all keys
}

// graffiti is what a key's blocks say.
func (c *Config) graffiti(key types.BLSPubkey) types.Bytes32 {
	if own := c.ByKey[key].Graffiti; own != nil {
		return *own
	}
	return c.Graffiti
}

// recipients is the accounts of the keys that have one of their own.
func (c *Config) recipients() map[types.BLSPubkey]types.ExecutionAddress {
	out := map[types.BLSPubkey]types.ExecutionAddress{}
	for key, own := range c.ByKey {
		if own.FeeRecipient != (types.ExecutionAddress{}) {
			out[key] = own.FeeRecipient
		}
	}
	return out
}

// UsageError says that the configuration is wrong: starting again changes nothing.
type UsageError struct {
	Options []string // the names of the options that it is about
	Err     error
}

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// OperatorError says that somebody has to look at keys or at slashing protection.
type OperatorError struct{ Err error }

func (e *OperatorError) Error() string { return e.Err.Error() }
func (e *OperatorError) Unwrap() error { return e.Err }

func usage(option, format string, args ...any) error {
	return &UsageError{[]string{option}, fmt.Errorf(format, args...)}
}

// Validate says what is wrong before anything is touched, and fills in defaults. It is a UsageError.
func (c *Config) Validate() error {
	if c.KeystoreDir == "" && c.DataDir != "" {
		c.KeystoreDir = filepath.Join(c.DataDir, "keystores")
	}
	switch {
	case c.Spec == nil:
		return usage("network", "network and network-config are not set, want one of them")
	case c.KeystoreDir == "":
		return usage("datadir", "datadir is not set, want a directory")
	case (c.PasswordFile == "") == (c.PasswordDir == ""):
		return &UsageError{[]string{"password-file", "passwords"}, errors.New("want one of password-file and passwords")}
	case len(c.BeaconNodes) == 0:
		return usage("beacon-nodes", "beacon-nodes is not set, want at least one URL such as http://127.0.0.1:5052")
	}
	_, err := c.clients()
	return err
}

// clients makes a client of each node.
func (c *Config) clients() (out []*apiclient.Client, err error) {
	seen := map[string]bool{}
	for _, url := range c.BeaconNodes {
		client, err := apiclient.New(apiclient.Config{URL: url, Timeout: max(2*c.Spec.SlotDuration()/3, minTimeout)})
		if err != nil {
			return nil, usage("beacon-nodes", "beacon-nodes: %w", err)
		}
		if seen[client.String()] {
			return nil, usage("beacon-nodes", "beacon-nodes: %s is there twice", client)
		}
		seen[client.String()] = true
		out = append(out, client)
	}
	return out, nil
}

var errNoKeys = errors.New("no keystore could be used")
