// Package wire is the format of the Engine API: its methods with the forks and limits of each, its structures as JSON, and its
// error codes. The client (beacon/engine) and the mock (beacon/engine/mock) are the two sides that speak it.
//
// Layer: 3. It imports beacon/params, beacon/ssz, beacon/types and beacon/transition.
//
// A structure is described once, as a Value that both writes and reads it, as Define does for SSZ. Reading is strict: a QUANTITY or
// DATA that breaks the rules of common.md, a list longer than its limit, a field given twice or missing, and nesting without end
// are errors that name the field. Nothing is allocated for a length that has not been seen. A body is read in one pass and hex goes straight
// into the memory of the result.
//
// The package has no state; everything in it may be used by many goroutines at once, a Value by one.
//
// Spec: execution-apis src/engine, common.md, identification.md and paris.md to amsterdam.md; get_execution_requests of validator.md.
package wire
