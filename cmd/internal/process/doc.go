// Package process is what the programs have in common as processes: signals, an orderly end, exit codes, the last line on standard error, the log.
//
// Layer: 2.
//
//	process.go    World, Execute: arguments in, exit code out
//	exit.go       errors to exit codes
//	supervise.go  a job under the eyes of whoever sends signals
//	logs.go       the logger
//
// Goroutines: Supervise has one for the job, which it leaves behind when the job does not end.
package process
