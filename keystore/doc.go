// Package keystore holds validators' secret keys on disk: encrypted files, their derivation from a mnemonic, and the locks that keep
// two processes from loading the same file.
//
// Layer: 0. It imports beacon/bls.
//
//	keystore.go   Keystore: one encrypted key, its JSON
//	cheap.go      encryption for keys of development networks
//	crypto.go     encryption and decryption, bounds on the cost that a file may demand
//	password.go   Password: normalised, never printed
//	derive.go     paths, derivation of keys from a seed
//	mnemonic.go   mnemonics and their seeds
//	files.go      permissions, atomic writing, reading with a bound
//	lock.go       one process per file
//	load.go       many files at once, a result for each
//
// What stands in a file is hostile until checked: its size, every field, and the memory and time that it demands of whoever decrypts
// it are bounded before anything is derived. Secrets in slices of our own are wiped after use; copies that the runtime, the libraries
// and beacon/bls hold cannot be.
//
// Ownership: no goroutine outlives a call. A Lock belongs to whoever took it; everything else is a value.
//
// Specification: EIP-2333 (derivation), EIP-2334 (paths), EIP-2335 (files), BIP-39 (mnemonics).
package keystore
