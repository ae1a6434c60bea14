// Package nodestest is a beacon node that lives in a test: it answers the Beacon API out of what the test sets, and keeps what is handed in.
//
// Layer: none. Tests import it, nothing else. Its methods may be called by many goroutines; nothing of it runs on its own, so it works in testing/synctest.
package nodestest
