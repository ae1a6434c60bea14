// Command packvectors packs reference vectors for the repository: it reads directories in the official layout, and archives
// of them, and writes one archive a preset and fork (general.tar.zst for the preset general, bls.tar.zst for
// bls/<handler>/<case>.yaml), with an index of the number of cases.
//
//	go run ./tools/packvectors -out testdata/spec SOURCE...
//
// Layer: none (tool).
//
// The archives depend on the content only: names are sorted, times are zero. Files in places where only vectors
// are expected are an error.
package main
