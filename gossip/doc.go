// Package gossip says what travels on the gossip topics and what of it is worth passing on: topics, message ids, payloads, and the
// rules for every kind of message.
//
// Where to find what:
//
//	topics.go       the table of topics: names, forks, subnets, containers, size bounds
//	network.go      topics of one chain: digests, parsing, which ones to be subscribed to
//	subnets.go      the subnets of a node
//	messageid.go    message ids of both eras
//	payload.go      compression, size limits, decoding
//	verdict.go      Verdict, Rule, Wait, Decision
//	pending.go      the two halves of every check, and folding signatures of many messages into one batch
//	view.go         what the rules ask of the chain
//	rules.go        what the checks have in common
//	check.go        from a topic to its rules
//	seen*.go        what was seen before, bounded and pruned
//	scoring.go      parameters of peer scores, as data
//
// and one file for each topic's rules, in the specification's order, each rule under its [REJECT] or [IGNORE] sentence: block.go,
// aggregate.go, attestation.go (what both have in common is in vote.go), exit.go, proposerslashing.go, attesterslashing.go,
// contribution.go, syncmessage.go, blschange.go, header.go with blob.go and column.go, partial.go, envelope.go,
// payloadattestation.go, bid.go, preferences.go, lightclient.go.
//
// A check has two halves. Beginning one runs the rules up to the signatures and collects what they state; Verify verifies the
// statements of many checks in one batch; Finish runs the rules after the signatures and marks the message as seen, in one step with
// the last look whether it was. So nothing is marked before its signatures are known to be valid, the first valid one of several wins,
// and no message without a valid signature makes anybody wait or ask for what it names.
//
// Nothing here computes a state or waits for anything. What the chain does not have at hand gives Defer (and says what would help) or
// Ignore.
//
// Layer: 4. Pure: no clock, network, disk or log; the time is handed in as milliseconds since genesis.
//
// Owner goroutine: none. Rules, Seen and Network may be used by many goroutines; a Pending belongs to one at a time. Locks: one in each
// cache of Seen, none is held while another one is taken.
//
// Specification: p2p-interface.md (phase0 to gloas), the gossip domain, and partial-columns/p2p-interface.md (fulu, gloas);
// light-client/p2p-interface.md (altair); sync/optimistic.md as far as it is about gossip.
package gossip
