// Command unpack writes the files of a packed chain or of packed vectors to a directory, so that other tools can read them.
//
// Layer: none.
//
//	go run ./tools/unpack testdata/chains/fulu.tar.zst DIR
package main
