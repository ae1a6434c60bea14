// Package reqresptest connects clients and servers of requests in memory, for tests: streams that can be half closed and reset, with
// deadlines, and a network of named peers. All of it works in a bubble of testing/synctest.
//
// Layer: none. Tests import it, nothing else.
package reqresptest
