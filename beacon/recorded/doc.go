// Package recorded reads the chains under testdata/chains, for tests: real chains that another client made with a real execution
// client, with what that client reported of them.
//
// Layer: none. Tests and tools of development import it, nothing else.
package recorded
