// Package options is the configuration of a program: one table of options from which flags, variables of the environment, keys of a file, "config print" and
// the documentation follow. A flag overrides the environment, which overrides the file, which overrides the default.
//
// Layer: 2. It imports beacon/types and cmd/internal/process.
//
//	options.go  Table, Option: the rows
//	kinds.go    how values are written
//	config.go   Load: all sources together
//	layers.go   one source over the other
//	flags.go    flags and environment
//	file.go     the file
//	yaml.go     files that users write
//	print.go    what is set, and the documentation's tables
//	nearest.go  what was probably meant
//
// Ownership: a Table never changes.
package options
