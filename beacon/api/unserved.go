package api

import "net/http"

// unserved is a route of the specification that this server knows by name and does not serve.
type unserved struct{ method, pattern, group string }

// notServed lists them. Requests are answered with 501. Spec: NotImplemented (types/http.yaml).
func notServed() []unserved {
	const (
		get  = http.MethodGet
		post = http.MethodPost
	)
	return []unserved{
		{post, "/eth/v1/beacon/execution_payload_envelopes", "publishing"},
		{post, "/eth/v2/beacon/blinded_blocks", "publishing"},

		{post, "/eth/v1/validator/beacon_committee_selections", "validator"},
		{post, "/eth/v1/validator/duties/ptc/{epoch}", "validator"},
		{get, "/eth/v1/validator/execution_payload_envelopes/{slot}/{beacon_block_root}", "validator"},
		{get, "/eth/v1/validator/payload_attestation_data", "validator"},
		{post, "/eth/v1/validator/sync_committee_selections", "validator"},
		{get, "/eth/v4/validator/blocks/{slot}", "validator"},

		{post, "/eth/v1/beacon/execution_payload_bids", "builder"},
		{get, "/eth/v1/validator/execution_payload_bids/{slot}/{builder_index}", "builder"},
		{post, "/eth/v1/validator/proposer_preferences", "builder"},
		{post, "/eth/v1/validator/register_validator", "builder"},
	}
}
