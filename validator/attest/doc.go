// Package attest votes and aggregates.
//
// Layer: 5. It imports validator/{duties,nodes,protection,signer}, beacon/{apiclient,params,ssz,types}.
//
//	attest.go    Attester: the course of a slot, votes
//	data.go      what is voted for, and what is checked of it
//	aggregate.go aggregates
//
// A slot's votes are made when a node tells of the slot's block as the head, or when they are due by the network's configuration, whichever is first. One
// question gives the data of all (until Deneb one a committee); all keys are recorded in one durable commit, signed in parallel and handed in together, to
// every node. What fails because no node answers is tried again until it is of no use any more.
//
// Goroutines: Run has one for each slot under way and waits for them.
//
// Specification: phase0/validator.md (attesting, attestation aggregation), electra/validator.md, gloas/validator.md (due times).
package attest
