package api

import (
	"net/http"

	"github.com/cresset/cresset/beacon/params"
)

// work is how heavy the answer to a request is.
type work uint8

const (
	light     work = iota // is answered at once
	bulk                  // waits for a turn
	bulkIfAll             // waits for a turn if it asks for everything
)

// formats is what a route can answer in.
type formats uint8

const (
	jsonOnly  formats = iota
	jsonOrSSZ         // by the Accept header
	events
	statusOnly // no body
)

func (f formats) offers() []string {
	switch f {
	case jsonOrSSZ:
		return []string{mediaJSON, mediaSSZ}
	case events:
		return []string{mediaEvents}
	}
	return []string{mediaJSON}
}

// route is a row of the table.
type route struct {
	method, pattern string
	group           string
	handle          func(*call) error
	formats         formats
	work            work
	// body is how many bytes of a body are read; 0 for a route that reads none.
	body int64
	// sszBody is whether a body may be SSZ instead of JSON.
	sszBody bool
	// since and until bound the forks of the state or block that a request names; others are answered with 400.
	since params.Fork
	until params.Fork // 0 for no end
	// early is a route that is answered before the chain is ready.
	early bool
}

// bodies names what a body may be.
func (r *route) bodies() string {
	if r.sszBody {
		return mediaJSON + " or " + mediaSSZ
	}
	return mediaJSON
}

// The largest bodies. Each id takes at most 101 bytes of JSON.
const (
	maxBodyIDs  = 1 << 17
	maxBody     = 101*maxBodyIDs + 4096
	maxQueryIDs = 64 // Spec: maxItems
	// maxBlock is a block of MAX_PAYLOAD_SIZE with more blobs than any schedule has, all in JSON's hex digits.
	maxBlock     = 64 << 20
	maxItem      = 1 << 20 // a slashing of a whole committee, in JSON
	maxQueryList = 256
)

// routes is the table of all routes.
func routes() []route {
	const (
		states    = "/eth/v1/beacon/states/{state_id}"
		pool      = "/eth/v1/beacon/pool"
		validator = "/eth/v1/validator"
		get       = http.MethodGet
		post      = http.MethodPost
	)
	return []route{
		{method: get, pattern: "/eth/v1/node/identity", group: "node", handle: (*call).nodeIdentity},
		{method: get, pattern: "/eth/v1/node/peers", group: "node", handle: (*call).nodePeers},
		{method: get, pattern: "/eth/v1/node/peers/{peer_id}", group: "node", handle: (*call).nodePeer},
		{method: get, pattern: "/eth/v1/node/peer_count", group: "node", handle: (*call).nodePeerCount},
		{method: get, pattern: "/eth/v1/node/version", group: "node", handle: (*call).nodeVersion, early: true},
		{method: get, pattern: "/eth/v2/node/version", group: "node", handle: (*call).nodeVersionV2, early: true},
		{method: get, pattern: "/eth/v1/node/syncing", group: "node", handle: (*call).nodeSyncing},
		{method: get, pattern: "/eth/v1/node/health", group: "node", handle: (*call).nodeHealth, formats: statusOnly, early: true},

		{method: get, pattern: "/eth/v1/config/fork_schedule", group: "config", handle: (*call).configForkSchedule, early: true},
		{method: get, pattern: "/eth/v1/config/spec", group: "config", handle: (*call).configSpec, early: true},
		{method: get, pattern: "/eth/v1/config/deposit_contract", group: "config", handle: (*call).configDepositContract, early: true},

		{method: get, pattern: "/eth/v1/beacon/genesis", group: "beacon", handle: (*call).beaconGenesis},
		{method: get, pattern: states + "/root", group: "beacon", handle: (*call).stateRoot},
		{method: get, pattern: states + "/fork", group: "beacon", handle: (*call).stateFork},
		{method: get, pattern: states + "/finality_checkpoints", group: "beacon", handle: (*call).stateFinality},
		{method: get, pattern: states + "/validators", group: "beacon", handle: (*call).getValidators, work: bulkIfAll},
		{method: post, pattern: states + "/validators", group: "beacon", handle: (*call).postValidators, work: bulkIfAll, body: maxBody},
		{method: get, pattern: states + "/validators/{validator_id}", group: "beacon", handle: (*call).stateValidator},
		{method: get, pattern: states + "/validator_balances", group: "beacon", handle: (*call).getBalances, formats: jsonOrSSZ, work: bulkIfAll},
		{method: post, pattern: states + "/validator_balances", group: "beacon", handle: (*call).postBalances, formats: jsonOrSSZ, work: bulkIfAll, body: maxBody},
		{method: post, pattern: states + "/validator_identities", group: "beacon", handle: (*call).postIdentities, formats: jsonOrSSZ, work: bulkIfAll, body: maxBody},
		{method: post, pattern: states + "/builders", group: "beacon", handle: (*call).postBuilders, work: bulkIfAll, body: maxBody, since: params.Gloas},
		{method: get, pattern: states + "/committees", group: "beacon", handle: (*call).stateCommittees, work: bulkIfAll},
		{method: get, pattern: states + "/sync_committees", group: "beacon", handle: (*call).stateSyncCommittees, since: params.Altair},
		{method: get, pattern: states + "/randao", group: "beacon", handle: (*call).stateRandao},
		{method: get, pattern: states + "/pending_consolidations", group: "beacon", handle: (*call).pendingConsolidations, formats: jsonOrSSZ, work: bulk, since: params.Electra},
		{method: get, pattern: states + "/pending_deposits", group: "beacon", handle: (*call).pendingDeposits, formats: jsonOrSSZ, work: bulk, since: params.Electra},
		{method: get, pattern: states + "/pending_partial_withdrawals", group: "beacon", handle: (*call).pendingPartialWithdrawals, formats: jsonOrSSZ, work: bulk, since: params.Electra},
		{method: get, pattern: states + "/proposer_lookahead", group: "beacon", handle: (*call).proposerLookahead, formats: jsonOrSSZ, since: params.Fulu},

		{method: get, pattern: "/eth/v1/beacon/headers", group: "beacon", handle: (*call).headers},
		{method: get, pattern: "/eth/v1/beacon/headers/{block_id}", group: "beacon", handle: (*call).header},
		{method: get, pattern: "/eth/v2/beacon/blocks/{block_id}", group: "beacon", handle: (*call).block, formats: jsonOrSSZ},
		{method: get, pattern: "/eth/v1/beacon/blocks/{block_id}/root", group: "beacon", handle: (*call).blockRoot},
		{method: get, pattern: "/eth/v2/beacon/blocks/{block_id}/attestations", group: "beacon", handle: (*call).blockAttestations},
		{method: get, pattern: "/eth/v1/beacon/blinded_blocks/{block_id}", group: "beacon", handle: (*call).blindedBlock, formats: jsonOrSSZ, until: params.Gloas},
		{method: get, pattern: "/eth/v1/beacon/execution_payload_envelopes/{block_id}", group: "beacon", handle: (*call).envelope, formats: jsonOrSSZ},
		{method: get, pattern: "/eth/v1/beacon/blobs/{block_id}", group: "beacon", handle: (*call).blobs, formats: jsonOrSSZ, work: bulk},

		{method: get, pattern: "/eth/v2/beacon/pool/attestations", group: "pool", handle: (*call).poolAttestations, work: bulkIfAll},
		{method: get, pattern: pool + "/payload_attestations", group: "pool", handle: (*call).poolPayloadAttestations, formats: jsonOrSSZ},
		{method: get, pattern: "/eth/v2/beacon/pool/attester_slashings", group: "pool", handle: (*call).poolAttesterSlashings},
		{method: get, pattern: pool + "/proposer_slashings", group: "pool", handle: (*call).poolProposerSlashings},
		{method: get, pattern: pool + "/voluntary_exits", group: "pool", handle: (*call).poolVoluntaryExits},
		{method: get, pattern: pool + "/bls_to_execution_changes", group: "pool", handle: (*call).poolBLSToExecutionChanges},

		{method: post, pattern: "/eth/v2/beacon/blocks", group: "publishing", handle: (*call).publishBlock, formats: statusOnly, body: maxBlock, sszBody: true},
		{method: post, pattern: "/eth/v2/beacon/pool/attestations", group: "publishing", handle: (*call).publishAttestations, formats: statusOnly, body: maxBody, sszBody: true},
		{method: post, pattern: pool + "/payload_attestations", group: "publishing", handle: (*call).publishPayloadAttestations, formats: statusOnly, body: maxBody, sszBody: true},
		{method: post, pattern: "/eth/v2/beacon/pool/attester_slashings", group: "publishing", handle: (*call).publishAttesterSlashing, formats: statusOnly, body: 4 * maxItem},
		{method: post, pattern: pool + "/proposer_slashings", group: "publishing", handle: (*call).publishProposerSlashing, formats: statusOnly, body: maxItem},
		{method: post, pattern: pool + "/voluntary_exits", group: "publishing", handle: (*call).publishVoluntaryExit, formats: statusOnly, body: maxItem},
		{method: post, pattern: pool + "/bls_to_execution_changes", group: "publishing", handle: (*call).publishBLSToExecutionChanges, formats: statusOnly, body: maxBody},
		{method: post, pattern: pool + "/sync_committees", group: "publishing", handle: (*call).publishSyncMessages, formats: statusOnly, body: maxBody},
		{method: post, pattern: validator + "/contribution_and_proofs", group: "publishing", handle: (*call).publishContributions, formats: statusOnly, body: maxBody},
		{method: post, pattern: "/eth/v2/validator/aggregate_and_proofs", group: "publishing", handle: (*call).publishAggregates, formats: statusOnly, body: maxBody, sszBody: true},

		{method: get, pattern: validator + "/attestation_data", group: "validator", handle: (*call).attestationData, formats: jsonOrSSZ},
		{method: get, pattern: "/eth/v2/validator/aggregate_attestation", group: "validator", handle: (*call).aggregateAttestation, formats: jsonOrSSZ},
		{method: get, pattern: validator + "/sync_committee_contribution", group: "validator", handle: (*call).syncContribution},
		{method: post, pattern: validator + "/duties/attester/{epoch}", group: "validator", handle: (*call).attesterDuties, body: maxBody},
		{method: get, pattern: validator + "/duties/proposer/{epoch}", group: "validator", handle: (*call).proposerDuties},
		{method: get, pattern: "/eth/v2/validator/duties/proposer/{epoch}", group: "validator", handle: (*call).proposerDutiesV2},
		{method: post, pattern: validator + "/duties/sync/{epoch}", group: "validator", handle: (*call).syncDuties, body: maxBody},
		{method: post, pattern: validator + "/liveness/{epoch}", group: "validator", handle: (*call).liveness, body: maxBody},
		{method: post, pattern: validator + "/prepare_beacon_proposer", group: "validator", handle: (*call).prepareProposers, formats: statusOnly, body: maxBody},
		{method: post, pattern: validator + "/beacon_committee_subscriptions", group: "validator", handle: (*call).subscribeCommittees, formats: statusOnly, body: maxBody},
		{method: post, pattern: validator + "/sync_committee_subscriptions", group: "validator", handle: (*call).subscribeSync, formats: statusOnly, body: maxBody},
		{method: get, pattern: "/eth/v3/validator/blocks/{slot}", group: "validator", handle: (*call).produceBlock, formats: jsonOrSSZ},

		{method: post, pattern: "/eth/v1/beacon/rewards/attestations/{epoch}", group: "rewards", handle: (*call).attestationRewards, body: maxBody, work: bulk, since: params.Altair},
		{method: get, pattern: "/eth/v1/beacon/rewards/blocks/{block_id}", group: "rewards", handle: (*call).blockRewards, since: params.Altair},
		{method: post, pattern: "/eth/v1/beacon/rewards/sync_committee/{block_id}", group: "rewards", handle: (*call).syncRewards, body: maxBody, since: params.Altair},

		{method: get, pattern: "/eth/v1/beacon/light_client/bootstrap/{block_root}", group: "light_client", handle: (*call).lightBootstrap, formats: jsonOrSSZ},
		{method: get, pattern: "/eth/v1/beacon/light_client/updates", group: "light_client", handle: (*call).lightUpdates, formats: jsonOrSSZ},
		{method: get, pattern: "/eth/v1/beacon/light_client/finality_update", group: "light_client", handle: (*call).lightFinalityUpdate, formats: jsonOrSSZ},
		{method: get, pattern: "/eth/v1/beacon/light_client/optimistic_update", group: "light_client", handle: (*call).lightOptimisticUpdate, formats: jsonOrSSZ},

		{method: get, pattern: "/eth/v2/debug/beacon/states/{state_id}", group: "debug", handle: (*call).debugState, formats: jsonOrSSZ, work: bulk},
		{method: get, pattern: "/eth/v2/debug/beacon/heads", group: "debug", handle: (*call).debugHeads},
		{method: get, pattern: "/eth/v1/debug/fork_choice", group: "debug", handle: (*call).debugForkChoice},
		{method: get, pattern: "/eth/v1/debug/beacon/data_column_sidecars/{block_id}", group: "debug", handle: (*call).debugColumns, formats: jsonOrSSZ, work: bulk, since: params.Fulu},

		{method: get, pattern: "/eth/v1/events", group: "events", handle: (*call).eventStream, formats: events},
	}
}
