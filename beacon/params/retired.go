package params

import (
	"fmt"
	"strings"
)

// derivedKey is a key that config files once had to give and that now follows from other keys, by a
// rule of the specification or because it was renamed.
type derivedKey struct {
	key   string
	rule  string
	value func(*Spec) uint64
}

func derivedKeys() []derivedKey {
	return []derivedKey{
		{"MIN_EPOCHS_FOR_BLOCK_REQUESTS", "MIN_VALIDATOR_WITHDRAWABILITY_DELAY + CHURN_LIMIT_QUOTIENT / 2",
			func(s *Spec) uint64 { return uint64(s.ComputeMinEpochsForBlockRequests()) }},
		{"ATTESTATION_SUBNET_PREFIX_BITS", "ceillog2(ATTESTATION_SUBNET_COUNT) + ATTESTATION_SUBNET_EXTRA_BITS",
			(*Spec).ComputeAttestationSubnetPrefixBits},
		{"MAX_REQUEST_BLOB_SIDECARS", "MAX_REQUEST_BLOCKS_DENEB * MAX_BLOBS_PER_BLOCK",
			func(s *Spec) uint64 { return s.ComputeMaxRequestBlobSidecars(Deneb) }},
		{"MAX_REQUEST_BLOB_SIDECARS_ELECTRA", "MAX_REQUEST_BLOCKS_DENEB * MAX_BLOBS_PER_BLOCK_ELECTRA",
			func(s *Spec) uint64 { return s.ComputeMaxRequestBlobSidecars(Electra) }},
		{"MAX_REQUEST_DATA_COLUMN_SIDECARS", "MAX_REQUEST_BLOCKS_DENEB * NUMBER_OF_COLUMNS",
			(*Spec).ComputeMaxRequestDataColumnSidecars},
		{"MAX_CHUNK_SIZE", "MAX_PAYLOAD_SIZE", func(s *Spec) uint64 { return s.MaxPayloadSize }},
		{"GOSSIP_MAX_SIZE", "MAX_PAYLOAD_SIZE", func(s *Spec) uint64 { return s.MaxPayloadSize }},
	}
}

// compareDerived reports a file's value that differs from what the rule gives. The rule's value is
// the one in force.
func (s *Spec) compareDerived(d derivedKey, e entry) ([]Warning, error) {
	var given uint64
	if err := setNumber(&given, e); err != nil {
		return nil, err
	}
	if want := d.value(s); given != want {
		return []Warning{{Key: d.key, Detail: fmt.Sprintf("%d in the file, but %s gives %d, which is used", given, d.rule, want)}}, nil
	}
	return nil, nil
}

// retiredKeys returns the keys that presets and configs of the specification had at some time, that
// nothing reads any more and that are accepted in silence.
func retiredKeys() (map[string]bool, error) {
	list, err := data.ReadFile("data/retired-keys.txt")
	if err != nil {
		return nil, fmt.Errorf("read embedded list of retired keys: %w", err)
	}
	keys := make(map[string]bool)
	for key := range strings.FieldsSeq(string(list)) {
		keys[key] = true
	}
	return keys, nil
}
