// Package driver is the input and output of sync: it gives the machines (sync/rangesync, sync/backfill, sync/lookup) what peers and the
// chain say, sends the requests that they want sent, keeps what comes until it is imported, and hands it to the chain.
//
//	driver.go   the Driver, its loop and its inbox
//	local.go    where this node is; the machines' view of the chain
//	fetch.go    requests of range sync and backfill
//	content.go  what came of a batch
//	imports.go  batches into the chain
//	find.go     lookups
//	fill.go     columns of the past that came to custody later
//	progress.go stage, percent, speed, and the time that is left
//	watchdog.go what must not stand still, and what is done when it does
//
// Owner goroutine: Run owns the machines and the contents of batches. Requests and imports run on goroutines of their own and bring
// their results back through the inbox. No lock is held over anything; Progress is an atomic value.
//
// Layer: 6.
//
// Specification: none of its own.
package driver
