// Package metrics holds what the node counts about itself, under the names that Ethereum clients share where there is one.
//
// A Registry is made by the program and handed down; pure packages never see it.
//
// Layer: 0. Metrics may be set by many goroutines.
//
// Specification: beacon-metrics.
package metrics
