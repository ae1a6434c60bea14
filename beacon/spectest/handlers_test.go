package spectest

// plan names the function of every runner and handler, and what is known and not yet run. Whatever is in neither fails.
func plan() Plan {
	return Plan{
		Handlers: map[string]Handler{
			"bls/aggregate":                 runAggregate,
			"bls/aggregate_verify":          runAggregateVerify,
			"bls/batch_verify":              runBatchVerify,
			"bls/deserialization_G1":        runDeserializationG1,
			"bls/deserialization_G2":        runDeserializationG2,
			"bls/eth_aggregate_pubkeys":     runEthAggregatePubkeys,
			"bls/eth_fast_aggregate_verify": runEthFastAggregateVerify,
			"bls/fast_aggregate_verify":     runFastAggregateVerify,
			"bls/hash_to_G2":                runHashToG2,
			"bls/sign":                      runSign,
			"bls/verify":                    runVerify,

			"networking/compute_columns_for_custody_group": runComputeColumnsForCustodyGroup,
			"networking/get_custody_groups":                runGetCustodyGroups,

			"networking/gossip_beacon_aggregate_and_proof":            runGossip,
			"networking/gossip_beacon_attestation":                    runGossip,
			"networking/gossip_beacon_block":                          runGossip,
			"networking/gossip_bls_to_execution_change":               runGossip,
			"networking/gossip_data_column_sidecar":                   runGossip,
			"networking/gossip_partial_data_column_sidecar":           runGossip,
			"networking/gossip_sync_committee_contribution_and_proof": runGossip,
			"networking/gossip_sync_committee_message":                runGossip,
			"networking/gossip_voluntary_exit":                        runGossip,

			"light_client/data_collection":     runLightClientDataCollection,
			"light_client/single_merkle_proof": runSingleMerkleProof,
			"light_client/sync":                runLightClientSync,
			"light_client/update_ranking":      runUpdateRanking,
			"merkle_proof/single_merkle_proof": runSingleMerkleProof,

			"epoch_processing/*":     runEpochProcessing,
			"fork/fork":              runFork,
			"genesis/initialization": runGenesisInitialization,
			"genesis/validity":       runGenesisValidity,
			"rewards/*":              runRewards,
			"shuffling/core":         runShuffling,
			"transition/core":        runTransition,
			"finality/finality":      runBlocks,
			"operations/*":           runOperation,
			"random/random":          runBlocks,
			"sanity/blocks":          runBlocks,
			"sanity/slots":           runSlots,

			"fork_choice/*":       runForkChoice,
			"fast_confirmation/*": runFastConfirmation,
			"sync/optimistic":     runForkChoice,

			"ssz_static/*":  runSSZStatic,
			"ssz_generic/*": runSSZGeneric,
		},
	}
}
