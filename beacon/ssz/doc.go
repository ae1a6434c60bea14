// Package ssz turns one definition of a container into everything SSZ asks of it: encoding, strict decoding, size,
// hash tree root, Merkle proofs and the Beacon API's JSON.
//
// Layer: 0. Imports beacon/params for the pair (spec, fork) that gives a schema its limits and its shape.
//
// A container implements [Object]: its Define method lists the fields once, in the specification's order, each a [Node]
// (a pointer to the field together with its SSZ kind). The visitors in this package (codec.go, merkle.go, proof.go,
// json.go) walk that list. A field that exists only from or until some fork says so in the list; decoding leaves it zero
// in the other forks and encoding refuses a value there. Whether a list or a container is Merkleized as a binary or as
// a progressive tree is part of the schema too, so one Go type serves both.
//
// Everything here is a pure function of its input; nothing is shared between calls but a pool of hash buffers.
//
// Spec: ssz/simple-serialize.md, ssz/merkle-proofs.md.
package ssz
