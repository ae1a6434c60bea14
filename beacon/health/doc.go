// Package health tells in one place how the node is: ready, or for which reasons not. The Beacon API answers by it, and a Monitor logs every change and
// counts it.
//
// Where to find what:
//
//	health.go   the reasons, and the judgement from what the parts of a node say
//	monitor.go  a log line and a metric at each change
//
// Reasons that block mean that validators must not be served: the node is behind, or does not know whether its head is valid. Others are for the operator:
// no peers, or a chain on which no blocks come. On a chain that stands still validators are what is needed most.
//
// Layer: 6.
//
// Owner goroutine: Monitor.Run; Judge is called by anybody. There is no lock.
//
// Specification: getHealth and getSyncingStatus of beacon-APIs; sync/optimistic.md.
package health
