// Package apiclient is a typed client of the Beacon HTTP API.
//
// What a server sends is bounded in size before it is kept, by what was asked: a list has no entries that nobody asked for, and none twice. A download that
// stands still is given up, and one that broke off is resumed where the server can do that.
//
//	client.go   the Client and its requests
//	errors.go   answers that are errors, of a whole request or of some items of a list
//	download.go large answers: progress, resuming
//	states.go   what is asked of states and blocks
//	list.go     answers that are lists
//	operations.go genesis, one validator, operations handed in
//
// Ownership: a Client never changes and may be used by many goroutines.
//
// Layer: 2.
//
// Specification: beacon-APIs.
package apiclient
