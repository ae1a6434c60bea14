// Package api serves the Beacon HTTP API: what the node knows of the chain, of itself and of its peers, the stream of events, and what validator
// clients need.
//
// Where to find what:
//
//	config.go    what a Server is made of, its limits
//	server.go    the Server: it is up before the chain is, and ends within a deadline
//	listener.go  no more connections than allowed
//	node.go      what the server is handed once the chain is ready
//	routes.go    the table of all routes: who answers, from which fork on, how large a body, how heavy the work
//	unserved.go  what the specification has and this server does not serve yet, by name
//	dispatch.go  from a request to its handler: host, origin, method, format, turn, panics
//	call.go      a request under way and its answer
//	accept.go    which format a client wants
//	errors.go    what goes wrong, as the client is told
//	gate.go      heavy answers wait for their turn
//	query.go     fields of paths and queries; body.go those of bodies
//	resolve.go   from a state_id or block_id to a state or a block
//	dutyview.go  the chain as validators see it; advances.go steps over the end of an epoch that requests share
//	hub.go       events to clients, each with its bounded queue; topics.go the table of topics, stream.go one client's stream
//
// and one file for each group of endpoints: nodegroup.go, configgroup.go, states.go, validators.go with selection.go, committees.go,
// queues.go, blocks.go, headers.go, blobs.go, pool.go, light.go, debug.go; duties.go, votes.go, prepare.go and produce.go for validators,
// publish.go and publishblock.go for what they sign, rewards.go.
//
// Everything that comes from a client is checked before memory is taken for it. Long answers are written piece by piece, and wait for a turn.
//
// Owner goroutines: a handler runs on its connection's goroutine, with a state of its own. Server.Run starts the HTTP server and the hub's
// reader of the chain's events. The locks hub.mu and advances.mu are
// leaves and never held over I/O.
//
// Layer: 7.
//
// Specification: beacon-APIs, the version in testdata/paths.txt.
package api
