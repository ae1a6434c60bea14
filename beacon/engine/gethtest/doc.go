// Package gethtest runs a real geth for tests: on the loopback interface, with a data directory of its own.
//
// Layer: none; only tests import it.
//
// geth is the program that the environment variable CRESSET_GETH names; `make geth` builds it. Tests that need it have the build tag geth.
package gethtest
