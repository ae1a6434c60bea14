// Package reqresp is the request and response protocols between peers: the table of all of them, the encoding of requests and
// response chunks, quotas, and a generic client and server over a small stream interface.
//
// Where to find what:
//
//	protocol.go  one row a protocol: id, messages, limits, quotas, deadlines
//	messages.go  the requests
//	digests.go   fork digests, which are the context of chunks
//	frames.go    the framing format of snappy
//	codec.go     requests and response chunks
//	stream.go    what is needed of a stream
//	errors.go    rules, result codes, classes of failure
//	client.go    one exchange: a request is sent, chunks are read
//	blocks.go, columns.go, envelopes.go, blobs.go, lightclient.go, control.go
//	             typed requests with the rules that a whole response keeps
//	quota.go     token buckets
//	server.go    one exchange from the other side
//	writer.go    chunks on their way out
//	peers.go     what the server counts of each peer
//
// Nothing from the network is trusted: a length is checked against the bounds of the type of its fork before memory is taken, memory
// grows with what has arrived, and no more than max_compressed_len bytes are read for a payload.
//
// Ownership: a Table and Digests never change. Client and Server may be used by many goroutines and start none; an exchange runs on its
// caller's. Locks (turns.mu, registry.mu) are leaves and never held over I/O. Deadlines of streams are by the machine's clock, as
// streams know no other; quotas are by the chain's clock.
//
// Layer: 4.
//
// Specification: p2p-interface.md (phase0 to gloas) and light-client/p2p-interface.md (altair to gloas), "The Req/Resp domain".
package reqresp
