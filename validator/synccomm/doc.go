// Package synccomm does the duties of the sync committee.
//
// Layer: 5. It imports validator/{duties,nodes,signer}, beacon/{apiclient,params,types}.
//
//	synccomm.go      Member: the course of a slot, messages
//	contribution.go  selection proofs and contributions
//
// Messages are made when a node tells of the slot's block as the head, or when they are due by the network's configuration, whichever is first; contributions
// when they are due. A head whose payload is not verified is signed by nobody.
//
// Goroutines: Run has one for each slot under way and waits for them.
//
// Specification: altair/validator.md (sync committee), gloas/validator.md (due times).
package synccomm
