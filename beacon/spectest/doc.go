// Package spectest runs the reference vectors of the consensus specification, of any preset, from packed archives or from
// a directory in the official layout.
//
// Layer: none. Only tests and tools import it; its handlers, which import everything they check, are tests themselves.
//
// A vector is a directory of files, <preset>/<fork>/<runner>/<handler>/<suite>/<case>/<file>; the BLS signature scheme's own
// vectors, bls/<handler>/<case>.yaml, become cases of the runner bls (see [ParsePath]). [Open] finds the cases, [Run] hands each
// to the function that a [Plan] names for its runner and handler. A case fails when its function fails, when it leaves a file
// unopened, and when nobody knows its handler. What is known and not yet run is listed by the plan and counted in the table
// that closes the run. The presets are those of beacon/params: nothing here names one.
//
// Without other instruction the archives under testdata/spec are run, whose index.csv says how many cases must be there
// (cmd packvectors writes both). CRESSET_VECTORS=dir runs a directory instead.
//
// Cases run in parallel, as many at a time as go test's -parallel says; one group (an archive, or a fork of a directory)
// after the other, so that one archive at a time is held in memory. A [Case] belongs to the goroutine of its test.
//
// Spec: tests/formats/README.md and the README of each format.
package spectest
