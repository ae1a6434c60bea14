// Command specfuncs extracts the functions of the consensus specification into the map from them to our symbols.
//
//	go run ./tools/specfuncs -specs DIR [-out docs/specfuncs.csv] [-fill .]
//
// Layer: none (tool).
//
// DIR is a checkout of the specification. A function is a `def` in a python block of specs/<fork>/**/*.md, ssz/*.md or
// sync/*.md; features that belong to no fork are left out. The columns are file, function, fork, where. What stands under "where" in the
// existing file is kept; a new row begins with the area it belongs to when that is still to come, else empty. Rows of functions
// that the specification no longer has are dropped and named. With -fill an open row is filled where exactly one function or method of
// the repository has the function's name in Go case. cmd/repocheck checks the result.
package main
