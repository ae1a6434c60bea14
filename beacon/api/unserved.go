package api

import "net/http"

// unserved is a route of the specification that this server knows by name and does not serve yet.
type unserved struct{ method, pattern, group string }

// notServed lists them. Requests are answered with 501. Spec: NotImplemented (types/http.yaml).
func notServed() []unserved {
	const (
		get  = http.MethodGet
		post = http.MethodPost
	)
	return []unserved{
		{post, "/eth/v1/beacon/execution_payload_envelopes", "publishing"},
		{post, "/eth/v1/beacon/pool/bls_to_execution_changes", "publishing"},
		{post, "/eth/v1/beacon/pool/payload_attestations", "publishing"},
		{post, "/eth/v1/beacon/pool/proposer_slashings", "publishing"},
		{post, "/eth/v1/beacon/pool/sync_committees", "publishing"},
		{post, "/eth/v1/beacon/pool/voluntary_exits", "publishing"},
		{post, "/eth/v2/beacon/blinded_blocks", "publishing"},
		{post, "/eth/v2/beacon/blocks", "publishing"},
		{post, "/eth/v2/beacon/pool/attestations", "publishing"},
		{post, "/eth/v2/beacon/pool/attester_slashings", "publishing"},

		{get, "/eth/v1/validator/attestation_data", "validator"},
		{post, "/eth/v1/validator/beacon_committee_selections", "validator"},
		{post, "/eth/v1/validator/beacon_committee_subscriptions", "validator"},
		{post, "/eth/v1/validator/contribution_and_proofs", "validator"},
		{post, "/eth/v1/validator/duties/attester/{epoch}", "validator"},
		{get, "/eth/v1/validator/duties/proposer/{epoch}", "validator"},
		{post, "/eth/v1/validator/duties/ptc/{epoch}", "validator"},
		{post, "/eth/v1/validator/duties/sync/{epoch}", "validator"},
		{get, "/eth/v1/validator/execution_payload_envelopes/{slot}/{beacon_block_root}", "validator"},
		{post, "/eth/v1/validator/liveness/{epoch}", "validator"},
		{get, "/eth/v1/validator/payload_attestation_data", "validator"},
		{post, "/eth/v1/validator/prepare_beacon_proposer", "validator"},
		{get, "/eth/v1/validator/sync_committee_contribution", "validator"},
		{post, "/eth/v1/validator/sync_committee_selections", "validator"},
		{post, "/eth/v1/validator/sync_committee_subscriptions", "validator"},
		{post, "/eth/v2/validator/aggregate_and_proofs", "validator"},
		{get, "/eth/v2/validator/aggregate_attestation", "validator"},
		{get, "/eth/v2/validator/duties/proposer/{epoch}", "validator"},
		{get, "/eth/v3/validator/blocks/{slot}", "validator"},
		{get, "/eth/v4/validator/blocks/{slot}", "validator"},

		{post, "/eth/v1/beacon/rewards/attestations/{epoch}", "rewards"},
		{get, "/eth/v1/beacon/rewards/blocks/{block_id}", "rewards"},
		{post, "/eth/v1/beacon/rewards/sync_committee/{block_id}", "rewards"},

		{post, "/eth/v1/beacon/execution_payload_bids", "builder"},
		{get, "/eth/v1/validator/execution_payload_bids/{slot}/{builder_index}", "builder"},
		{post, "/eth/v1/validator/proposer_preferences", "builder"},
		{post, "/eth/v1/validator/register_validator", "builder"},
	}
}
