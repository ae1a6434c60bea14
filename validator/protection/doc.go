// Package protection keeps validators from signing two messages that get them slashed.
//
// Layer: 2. It imports beacon/types and keystore (for locks and files).
//
//	store.go        Store: create, open, close, register; what a database has to be for being opened
//	check.go        the rules, and the Permit that a signature needs
//	rows.go         the marks of keys: reading, writing, digests
//	marker.go       the file beside the keystores that says which database belongs to them
//	interchange.go  import and export of EIP-3076's format
//
// The rule is minimal: of each key the highest block, the highest source and the highest target are kept. What is not above them is
// refused, except the very message at the height, which may be signed again where its signing root is known. This
// never grows, and is safe with respect to everything that was ever recorded, what was imported too.
//
// A request is checked and recorded in one transaction, durable before the Permit exists; a Permit is bound to key, kind and signing
// root and is good for one signature. A batch is one transaction with a verdict for each request.
//
// A database is made by Create and by nothing else. One that is missing, empty, cut off, damaged, of another program or another chain,
// or that is not the one of the marker, is ErrUnusable: it is never taken for a new one. Keys are registered explicitly; for others nothing is signed.
//
// Locking: all methods of Store may be called concurrently; one mutex is held for the time of a transaction, that is over the disk:
// the order of transactions is what is being protected. Of processes one at a time has a database open.
//
// Specification: EIP-3076; phase0/validator.md (how to avoid slashing).
package protection
