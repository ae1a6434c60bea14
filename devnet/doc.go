// Package devnet runs a development network on this machine: it makes the genesis of both layers, starts execution clients, beacon nodes and validator
// processes, shows what the chain does, sends it traffic, and judges it.
//
// Layer: 9, below nothing but cmd/cresset.
//
//	config.go    Config and what it may be
//	run.go       New, Run: start, watch, end
//	network.go   the network's configuration file
//	schedule.go  when forks begin
//	until.go     when a run ends, and its deadline
//	keys.go      the validators' keys, their keystores
//	roles.go     what some validators are for
//	genesis.go   the beacon chain's genesis
//	execution.go the execution layer's genesis
//	start.go     the processes' command lines
//	process.go   process groups, logs
//	faults.go    what is done to the network on the way
//	stage.go     two network namespaces behind a bridge, for a network that is cut
//	http.go beacon.go  what is asked of the processes
//	watch.go     the loop over events and slots
//	chain.go     what was seen of the chain
//	judge.go     what is missed, by cause, and the summary
//	oracle.go    every signature that was seen, searched for slashable pairs
//	operation.go kinds of traffic, and where they are in blocks
//	traffic.go   what is sent when
//	effect.go    what it does to the state
//	messages.go  deposits and what goes to the beacon node
//	transaction.go  transactions, signed and encoded
//	table.go     the table
//
// Ownership: the goroutine of Run owns all but the maps behind processes.mu; a goroutine for each node reads its event stream, one for each process
// waits for its end. No lock is held over I/O.
//
// Specification: phase0/validator.md (genesis), EIP-3675, EIP-4844, EIP-7691, EIP-7892 (execution genesis); beacon-APIs.
package devnet
