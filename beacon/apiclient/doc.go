// Package apiclient is a typed client of the Beacon HTTP API.
//
// What a server sends is bounded in size before it is kept, a download that stands still is given up, and one that broke off is resumed
// where the server can do that.
//
//	client.go   the Client, requests and their errors
//	download.go large answers: progress, resuming
//	states.go   what is asked of states and blocks
//	operations.go genesis, one validator, operations handed in
//
// Ownership: a Client never changes and may be used by many goroutines.
//
// Layer: 2.
//
// Specification: beacon-APIs.
package apiclient
