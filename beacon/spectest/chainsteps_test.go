package spectest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// chainStep is one entry of steps.yaml. Format: tests/formats/fork_choice, fast_confirmation, sync.
type chainStep struct {
	Tick               *uint64  `yaml:"tick"` // Unix seconds, from a genesis at 0
	Block              string   `yaml:"block"`
	Columns            []string `yaml:"columns"`
	Attestation        string   `yaml:"attestation"`
	AttesterSlashing   string   `yaml:"attester_slashing"`
	ExecutionPayload   string   `yaml:"execution_payload"`
	PayloadAttestation string   `yaml:"payload_attestation_message"`
	Valid              *bool    `yaml:"valid"`

	BlockHash     hexBytes       `yaml:"block_hash"`
	PayloadStatus *payloadStatus `yaml:"payload_status"`

	Checks map[string]yaml.Node `yaml:"checks"`

	hasColumns bool
}

// payloadStatus is what the execution client answers about a payload.
type payloadStatus struct {
	Status          string   `yaml:"status"`
	LatestValidHash hexBytes `yaml:"latest_valid_hash"`
	ValidationError string   `yaml:"validation_error"`
}

// latestValid is the latest valid hash, nil where there is none.
func (p *payloadStatus) latestValid() *types.Hash32 {
	if len(p.LatestValidHash) == 0 {
		return nil
	}
	hash := types.Hash32(p.LatestValidHash)
	return &hash
}

// UnmarshalYAML tells an empty list of columns, with which there is no data, from none, with which no data is needed.
func (s *chainStep) UnmarshalYAML(node *yaml.Node) error {
	type plain chainStep
	if err := node.Decode((*plain)(s)); err != nil {
		return err
	}
	known := []string{
		"tick", "block", "columns", "attestation", "attester_slashing", "execution_payload", "payload_attestation_message", "valid",
		"block_hash", "payload_status", "checks",
	}
	for i := 0; i < len(node.Content); i += 2 {
		key := node.Content[i].Value
		if !slices.Contains(known, key) {
			return fmt.Errorf("line %d: unknown step %q", node.Line, key)
		}
		s.hasColumns = s.hasColumns || key == "columns"
	}
	return nil
}

// chainDriver is a chain that is tested by steps. Its methods return the errors that make a step invalid.
type chainDriver interface {
	Tick(seconds uint64) error
	// Block imports a block; columns is nil where the step says nothing of them.
	Block(block *types.SignedBeaconBlock, columns []*types.DataColumnSidecar, available bool) error
	Attestation(a *types.Attestation) error
	AttesterSlashing(a *types.AttesterSlashing) error
	Envelope(e *types.SignedExecutionPayloadEnvelope, columns []*types.DataColumnSidecar, available bool) error
	PayloadAttestation(m *types.PayloadAttestationMessage) error
	// Payload is what the execution client answers about a payload from now on.
	Payload(hash types.Hash32, status *payloadStatus)
}

// chainCase is a case that is told in steps.
type chainCase struct {
	Anchor *types.BeaconState
	Block  *types.BeaconBlock
	Steps  []chainStep
	meta   meta
	cx     ssz.Context
}

// readChainCase reads anchor and steps.
func readChainCase(t *testing.T, c *Case) *chainCase {
	t.Helper()
	cc := &chainCase{meta: readMeta(c), cx: ssz.Context{Spec: c.Spec(), Fork: c.Fork}, Block: decode[types.BeaconBlock](t, c, "anchor_block")}
	cc.Anchor = types.NewBeaconState(c.Spec(), c.Fork)
	if err := cc.Anchor.UnmarshalSSZ(c.MustSSZ("anchor_state")); err != nil {
		t.Fatalf("anchor_state: %v", err)
	}
	c.MustYAML("steps", &cc.Steps)
	return cc
}

// scheduled is the case's spec with all forks up to the case's in force from genesis: presets schedule none, and a fork-choice store
// goes by the schedule.
func scheduled(spec *params.Spec, fork params.Fork) *params.Spec {
	s := *spec
	epochs := []*params.Epoch{
		&s.AltairForkEpoch, &s.BellatrixForkEpoch, &s.CapellaForkEpoch, &s.DenebForkEpoch, &s.ElectraForkEpoch, &s.FuluForkEpoch,
		&s.GloasForkEpoch, &s.HezeForkEpoch,
	}
	for i, epoch := range epochs {
		if params.Fork(i+1) <= fork {
			*epoch = params.GenesisEpoch
		}
	}
	return &s
}

// run drives a chain through all steps. Check is called with every entry of a step with checks.
func (cc *chainCase) run(t *testing.T, c *Case, chain chainDriver, check func(name string, want *yaml.Node) error) {
	t.Helper()
	for i := range cc.Steps {
		step := &cc.Steps[i]
		if step.Checks != nil {
			for _, name := range slices.Sorted(maps.Keys(step.Checks)) {
				want := step.Checks[name]
				if err := check(name, &want); err != nil {
					t.Fatalf("step %d: %s: %v", i, name, err)
				}
			}
			continue
		}
		name, err := cc.perform(t, c, chain, step)
		switch valid := step.Valid == nil || *step.Valid; {
		case valid && err != nil:
			t.Fatalf("step %d: %s: error of a valid step: %v", i, name, err)
		case !valid && err == nil:
			t.Fatalf("step %d: %s: no error, but the step is invalid", i, name)
		}
	}
}

func (cc *chainCase) perform(t *testing.T, c *Case, chain chainDriver, step *chainStep) (name string, err error) {
	t.Helper()
	var columns []*types.DataColumnSidecar
	for _, name := range step.Columns {
		columns = append(columns, decode[types.DataColumnSidecar](t, c, name))
	}
	available := !step.hasColumns || len(columns) > 0
	switch {
	case step.Tick != nil:
		return "tick", chain.Tick(*step.Tick)
	case step.Block != "":
		return step.Block, chain.Block(decode[types.SignedBeaconBlock](t, c, step.Block), columns, available)
	case step.Attestation != "":
		return step.Attestation, chain.Attestation(decode[types.Attestation](t, c, step.Attestation))
	case step.AttesterSlashing != "":
		return step.AttesterSlashing, chain.AttesterSlashing(decode[types.AttesterSlashing](t, c, step.AttesterSlashing))
	case step.ExecutionPayload != "":
		return step.ExecutionPayload, chain.Envelope(decode[types.SignedExecutionPayloadEnvelope](t, c, step.ExecutionPayload), columns, available)
	case step.PayloadAttestation != "":
		return step.PayloadAttestation, chain.PayloadAttestation(decode[types.PayloadAttestationMessage](t, c, step.PayloadAttestation))
	case step.PayloadStatus != nil:
		chain.Payload(types.Hash32(step.BlockHash), step.PayloadStatus)
		return "payload_status", nil
	}
	t.Fatal("a step that does nothing")
	return "", nil
}
