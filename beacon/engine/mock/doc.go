// Package mock is an execution client without an execution layer: it speaks the whole Engine API, keeps a tree of payloads, checks what can be
// checked of a payload without a state (its hash first of all, computed with Keccak-256 over RLP and Merkle-Patricia tries as the EIPs say), and builds
// payloads that are always the same for the same attributes. Development networks run on it, and tests of everything above
// the Engine API tell it to fail (Faults).
//
// Layer: 3. It imports beacon/engine/wire and below, and not the client.
//
// It does not execute: transactions are opaque bytes but for the blob hashes of type 3, state and receipts roots are
// believed, and gas is not counted.
//
// An Engine has no goroutine but those of requests, and may be used by many. Serve its Handler over HTTP, or hand it to a client as its
// http.RoundTripper, which needs no network. One mutex guards all of its state and is not held while it writes an answer or waits.
//
// Spec: execution-apis src/engine, paris.md to amsterdam.md; the block header of EIP-3675, 4399, 1559, 4895, 4844, 4788, 7685, 7928 and 7843.
package mock
