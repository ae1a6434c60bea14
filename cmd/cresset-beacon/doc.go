// Command cresset-beacon is the beacon node: it turns flags, environment and a file into the configuration of package node, runs a
// node or an import with it, and turns how that ended into an exit code.
//
// Layer: 9.
//
// One table (options.go) lists all options; flags, variables, keys of the file, "config print" and docs/configuration.md follow
// from it, which is cmd/internal/options; what every process needs is cmd/internal/process.
//
// Exit codes: 0 done, 1 failed for a reason that may pass (start it again), 2 wrong usage or configuration, 3 the data needs an
// operator (a restart changes nothing).
package main
