package main

import (
	"errors"
	"strings"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/store"
)

// The exit codes.
const (
	exitTransient = 1
	exitUsage     = 2
	exitOperator  = 3
)

// usageError says that the command was called wrongly.
func usageError(err error) error { return &node.UsageError{Err: err} }

// ending is what an error means to whoever started the program.
type ending struct {
	code   int
	is     func(error) bool
	action string // empty where the error itself says what to do
}

// endings is the table of errors; the first row that an error is of counts.
func endings() []ending {
	return []ending{
		{exitUsage, as[*node.UsageError], "see cresset-beacon --help"},
		{exitTransient, as[*store.LockedError], "end that process, or give this one another --datadir"},
		{exitOperator, as[*store.NetworkError], "give this network a --datadir of its own"},
		{exitOperator, as[*store.VersionError], ""},
		{exitOperator, as[*chain.RejectedError], "the block breaks a rule of the network: check that it is of this network and not damaged"},
		{exitOperator, as[*node.OperatorError], ""},
		{exitTransient, is(errInterrupted), "what was imported is kept, start again to go on"},
		{exitTransient, func(error) bool { return true }, "start again; if this repeats, look at what is logged with --log-level debug"},
	}
}

func as[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// judge gives the exit code of an error, and the one line that is said of it.
func judge(err error) (code int, line string) {
	line = strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	for _, e := range endings() {
		if e.is(err) {
			if e.action != "" {
				line += "; " + e.action
			}
			return e.code, line
		}
	}
	return exitTransient, line
}
