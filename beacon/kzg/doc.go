// Package kzg computes and verifies the polynomial commitments of blobs and their cells, on the C library c-kzg.
//
// Layer 0: it imports the standard library and c-kzg, and it is the only package that names that library.
//
// Spec files covered: polynomial-commitments.md (deneb), polynomial-commitments-sampling.md (fulu), as far as the
// client calls them.
//
// The functions hang on a *Context, which proves that the trusted setup is loaded. The C library keeps the setup in a
// global of its own and refuses to load it twice, so New loads it once per process behind a sync.Once: the only
// package-level state. All functions are pure and safe for concurrent use; none starts goroutines.
//
// Inputs that are malformed (a field element not below the modulus, a point outside the subgroup, a cell index out of
// range, counts that differ) are errors; inputs that are well-formed and do not match verify as false.
package kzg
