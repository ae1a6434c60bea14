// Package repocheck holds the tests that the repository has to pass as a whole: which package may import which, what the pure
// packages stay away from, package documentation, lengths of files, functions and interfaces, words and paths that do not belong in
// source, and the map from the specification's functions to the symbols that implement them (docs/specfuncs.csv).
//
// Layer: none (tests only).
//
// The tests parse the source and read nothing but the checkout. The table of layers is in layers_test.go; it is the table of
// docs/architecture.md as data.
package repocheck
