package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Config is all that a node is told. Sizes are in bytes, 0 for the default.
type Config struct {
	DataDir string
	// Network is the name of a network, or NetworkConfig the path of the configuration of another one. One of the two is set.
	Network       string
	NetworkConfig string
	// Genesis is the path of the genesis state, .ssz or .ssz_snappy. Networks that bring their own need none.
	Genesis string
	// CheckpointState and CheckpointBlock are the paths of a finalized state and its block, to begin at instead of genesis.
	CheckpointState string
	CheckpointBlock string
	// CheckpointURLs are Beacon APIs to get such a state and block from, which have to agree; CheckpointRoot names the block.
	CheckpointURLs []string
	CheckpointRoot string
	// ExecutionEndpoints are URLs of the Engine API, the preferred one first; or EmbeddedEngine alone.
	ExecutionEndpoints []string
	// JWTSecret is the path of the secret that node and execution client share.
	JWTSecret string
	// ClockOffset shifts the clock, on networks of one's own.
	ClockOffset time.Duration
	// AllowStale starts from a state that is older than the weak subjectivity period.
	AllowStale bool
	// SafeSlots is SAFE_SLOTS_TO_IMPORT_OPTIMISTICALLY, 0 for the specification's.
	SafeSlots uint64
	// FeeRecipient gets the fees of blocks whose proposer names nobody; zero for nobody. Graffiti stands in blocks whose proposer wants none.
	FeeRecipient types.ExecutionAddress
	Graffiti     types.Bytes32
	// HTTPAddress is host:port to serve the Beacon API at; empty for none. HTTPHosts are names that it may be called by besides localhost,
	// HTTPOrigins the web pages that may read its answers.
	HTTPAddress string
	HTTPHosts   []string
	HTTPOrigins []string
	// MetricsAddress is host:port to serve /metrics on; empty for none.
	MetricsAddress string

	// Networking is nil for a node without a network.
	Networking *Networking

	StateCache    uint64
	DeferredCache uint64
	DataCache     uint64
	DatabaseCache uint64
}

// EmbeddedEngine stands for the URL of an execution client where development networks want none: an engine inside the node that
// believes every payload whose hash is right.
const EmbeddedEngine = "embedded"

// UsageError is a configuration that cannot be run.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// OptionError is what is wrong with some options; it stands in a UsageError.
type OptionError struct {
	Options []string // their names
	Err     error
}

func (e *OptionError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *OptionError) Unwrap() error { return e.Err }

func usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// OperatorError is a state of the data that no restart changes: somebody has to decide.
type OperatorError struct{ Err error }

func (e *OperatorError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *OperatorError) Unwrap() error { return e.Err }

func wrong(options []string, format string, args ...any) error {
	return &UsageError{&OptionError{options, fmt.Errorf(format, args...)}}
}

// Validate checks what can be told without reading a file. The error is a *UsageError that names option, value and what is allowed,
// with an *OptionError in it.
func (c *Config) Validate() error {
	if c.DataDir == "" {
		return wrong([]string{"datadir"}, "datadir is not set, want a directory")
	}
	switch {
	case c.Network == "" && c.NetworkConfig == "":
		return wrong([]string{"network", "network-config"}, "neither network nor network-config is set, want one of %s, or a file", strings.Join(params.Networks(), ", "))
	case c.Network != "" && c.NetworkConfig != "":
		return wrong([]string{"network", "network-config"}, "network is %q and network-config %q, want only one of the two", c.Network, c.NetworkConfig)
	case c.Network != "" && !slices.Contains(params.Networks(), c.Network):
		return wrong([]string{"network"}, "network is %q, want one of %s", c.Network, strings.Join(params.Networks(), ", "))
	case c.Network != "" && c.ClockOffset != 0:
		return wrong([]string{"clock-offset", "network"}, "clock-offset is %v on %s, want none: it is for networks of one's own, named by network-config", c.ClockOffset, c.Network)
	case c.CheckpointState == "" && c.CheckpointBlock != "":
		return wrong([]string{"checkpoint-block"}, "checkpoint-block is %q without checkpoint-state, want both", c.CheckpointBlock)
	case c.CheckpointState != "" && c.CheckpointBlock == "":
		return wrong([]string{"checkpoint-state"}, "checkpoint-state is %q without checkpoint-block, want both", c.CheckpointState)
	case c.CheckpointState != "" && len(c.CheckpointURLs) > 0:
		return wrong([]string{"checkpoint-state", "checkpoint-sync-url"}, "checkpoint-state is %q and checkpoint-sync-url %q, want only one of the two", c.CheckpointState, c.CheckpointURLs)
	case c.CheckpointRoot != "" && len(c.CheckpointURLs) == 0:
		return wrong([]string{"checkpoint-root"}, "checkpoint-root is %q without checkpoint-sync-url, want both", c.CheckpointRoot)
	case len(c.ExecutionEndpoints) == 0:
		return wrong([]string{"execution-endpoint"}, "execution-endpoint is not set, want the URL of an execution client's Engine API, such as http://127.0.0.1:8551")
	}
	embedded := slices.Contains(c.ExecutionEndpoints, EmbeddedEngine)
	switch {
	case embedded && len(c.ExecutionEndpoints) > 1:
		return wrong([]string{"execution-endpoint"}, "execution-endpoint is %q beside others, want it alone", EmbeddedEngine)
	case embedded && c.Network != "":
		return wrong([]string{"execution-endpoint", "network"}, "execution-endpoint is %q on %s, want an execution client: it believes every payload", EmbeddedEngine, c.Network)
	case !embedded && c.JWTSecret == "":
		return wrong([]string{"jwt-secret"}, "jwt-secret is not set, want the file that the execution client was given as its JWT secret")
	}
	return nil
}
