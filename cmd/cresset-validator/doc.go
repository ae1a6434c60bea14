// Command cresset-validator runs the validator client: it holds the keys, votes and proposes by way of one or several beacon nodes.
//
// Layer: 9.
//
//	main.go      commands
//	flags.go     flags to the configuration
//	exit.go      errors to exit codes
package main
