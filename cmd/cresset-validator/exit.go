package main

import (
	"errors"
	"strings"

	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/client"
)

// The exit codes, which are those of cresset-beacon.
const (
	exitTransient = 1
	exitUsage     = 2
	exitOperator  = 3
)

// ending is what an error means to whoever started the program.
type ending struct {
	code   int
	is     func(error) bool
	action string // empty where the error itself says what to do
}

// endings is the table of errors; the first row that an error is of counts.
func endings() []ending {
	return []ending{
		{exitUsage, as[*client.UsageError], "see cresset-validator --help"},
		{exitOperator, as[*client.OperatorError], ""},
		{exitTransient, func(err error) bool { return errors.Is(err, keystore.ErrLocked) }, "end the process that uses these keys: they must never be used by two"},
		{exitTransient, func(error) bool { return true }, "start again; if this repeats, look at what is logged with --log-level debug"},
	}
}

func as[E error](err error) bool {
	var target E
	return errors.As(err, &target)
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
