// Package simnet makes small networks for tests: a genesis whose validators all belong to the test, and blocks and votes on any
// branch that it likes to have, signed and with payloads that an engine of package engine/mock accepts.
//
// Layer: none. Tests and tools of development import it, nothing else.
package simnet
