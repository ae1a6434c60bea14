// Package engine is the client of the Engine API: it hands payloads and heads to the execution client, gets payloads and blobs from
// it, and knows in plain words how the execution client is.
//
// Layer: 3. It imports beacon/engine/wire (the format), beacon/clock, beacon/transition and below.
//
// A Client may be used by many goroutines. A call goes to the active endpoint, runs in its caller's goroutine and ends with the
// caller's context or the method's own limit of time, whichever is first. Forkchoice updates reach an endpoint one after the other, in the order of
// the calls. Run owns one goroutine an endpoint, which asks it how it is (health.go) and keeps one that stands by up to date.
//
// When the active endpoint fails, the next one that works becomes active; the last payload and the last head are sent to it first. The first
// endpoint of the list becomes active again when it has been ready for Config.HoldDown. An execution client listed here
// must be driven by this node alone.
//
// Locks: Client.mu guards which endpoint is active, the last payload and head, and the health of every endpoint; secret.mu the key of a
// file. No two are ever held together, and none over I/O. endpoint.order is a semaphore that is held over a forkchoice update.
//
// Spec: execution-apis src/engine; ExecutionEngine of <fork>/beacon-chain.md and fork-choice.md; PowBlock and get_pow_block
// (bellatrix/fork-choice.md, validator.md).
package engine
