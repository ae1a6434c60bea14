// Command cresset-validator runs the validator client: it holds the keys, votes and proposes by way of one or several beacon nodes.
//
// Layer: 9.
//
//	main.go        commands, errors to exit codes
//	options.go     the table of options, and what files they name
//	validators.go  the file with settings of single validators
//
// Flags, variables, keys of the file, "config print" and docs/validator.md follow from the table, which is cmd/internal/options; what every process needs is
// cmd/internal/process.
package main
