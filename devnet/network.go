package devnet

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/beacon/params"
)

// chainID is that of the execution layer where no network config says another.
const chainID = 1337

// depositContract is where contracts.json has the deposit contract.
const depositContract = "0x4242424242424242424242424242424242424242"

// networkConfig makes the network's config file: of base, or where that is nil of a preset, with what a development network needs of its own. slot
// 0 and an empty schedule leave base alone.
func networkConfig(base []byte, preset string, slot time.Duration, schedule map[params.Fork]params.Epoch) ([]byte, *params.Spec, error) {
	values := map[string]yaml.Node{}
	set := func(key, value string) { values[key] = yaml.Node{Kind: yaml.ScalarNode, Value: value} }
	if base == nil {
		set("PRESET_BASE", preset)
		set("CONFIG_NAME", "devnet")
		set("DEPOSIT_CHAIN_ID", strconv.Itoa(chainID))
		set("DEPOSIT_NETWORK_ID", strconv.Itoa(chainID))
		set("SHARD_COMMITTEE_PERIOD", "1")
		set("MIN_VALIDATOR_WITHDRAWABILITY_DELAY", "4")
		set("ETH1_FOLLOW_DISTANCE", "8")
		// With few validators consolidations have a churn of their own only where that of all is above that of activations and exits.
		set("MIN_PER_EPOCH_CHURN_LIMIT_ELECTRA", "128000000000")
		set("MAX_PER_EPOCH_ACTIVATION_EXIT_CHURN_LIMIT", "64000000000")
	} else if err := yaml.Unmarshal(base, &values); err != nil {
		return nil, nil, fmt.Errorf("network config: %w", err)
	}
	set("TERMINAL_TOTAL_DIFFICULTY", "0")
	set("DEPOSIT_CONTRACT_ADDRESS", depositContract)
	set("GENESIS_DELAY", "0")
	set("MIN_GENESIS_TIME", "0")
	if slot != 0 {
		set("SLOT_DURATION_MS", strconv.FormatInt(slot.Milliseconds(), 10))
		set("SECONDS_PER_SLOT", strconv.FormatInt(slot.Milliseconds()/1000, 10))
	}
	for fork, epoch := range schedule {
		set(strings.ToUpper(fork.String())+"_FORK_EPOCH", strconv.FormatUint(uint64(epoch), 10))
	}
	file, err := yaml.Marshal(values)
	if err != nil {
		return nil, nil, err
	}
	spec, _, err := params.Load(file)
	if err != nil {
		return nil, nil, fmt.Errorf("network config: %w", err)
	}
	if fork := spec.GenesisFork(); fork < firstFork || fork > lastFork {
		return nil, nil, fmt.Errorf("network config: the network begins with %v, want %v to %v", fork, firstFork, lastFork)
	}
	if fork := lastFork + 1; spec.ForkEpoch(fork) != params.FarFutureEpoch {
		return nil, nil, fmt.Errorf("network config: %v begins at epoch %d, want no fork above %v", fork, spec.ForkEpoch(fork), lastFork)
	}
	if spec.SlotDuration()%time.Second != 0 {
		return nil, nil, fmt.Errorf("network config: a slot lasts %v, want whole seconds: payloads have no finer time", spec.SlotDuration())
	}
	return file, spec, nil
}

func parseHex(text string) ([]byte, error) {
	return hex.DecodeString(strings.TrimPrefix(text, "0x"))
}
