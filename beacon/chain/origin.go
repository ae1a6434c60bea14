package chain

// Origin is where an item comes from.
type Origin uint8

// The origins.
const (
	// Gossip is the live network.
	Gossip Origin = iota
	// RangeSync is a batch asked for from peers, oldest first.
	RangeSync
	// Own is a block that a validator of this node has made.
	Own
	// API is a block that somebody else published through this node.
	API
	// Replay is a recorded chain from files.
	Replay
	// Restore is this node's own disk after a start. It was verified before it was written.
	Restore

	origins
)

func (o Origin) String() string { return policies[o].name }

// policy is what an origin changes in the handling of an item. Nothing else in this package asks for the origin.
type policy struct {
	name string
	// verify checks signatures, has the execution client check payloads, and demands blob data.
	verify bool
	// deferred lets an item that lacks something wait for it; otherwise that is an error for whoever brought it.
	deferred bool
	// patient waits for the execution client while it does not answer, and for states as long as they take.
	patient bool
	// prompt means that the time of the item's arrival says whether it was made in time; others are judged by when they are applied.
	prompt bool
}

// policies is all that depends on the origin.
var policies = [origins]policy{
	Gossip:    {name: "gossip", verify: true, deferred: true, prompt: true},
	RangeSync: {name: "range sync", verify: true, patient: true},
	Own:       {name: "own", verify: true, prompt: true},
	API:       {name: "api", verify: true, prompt: true},
	Replay:    {name: "replay", verify: true, patient: true},
	Restore:   {name: "restore", patient: true, prompt: true},
}

func (o Origin) policy() policy { return policies[o] }
