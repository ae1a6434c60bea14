package router

import (
	"time"

	"github.com/cresset/cresset/gossip"
)

const kinds = int(gossip.ProposerPreferences) + 1

// drop says which message gives way where a queue is full.
type drop uint8

const (
	dropNewest drop = iota // what waits is worth as much as what comes: work done in order is not undone
	dropOldest             // what comes is worth more than what waits: its time is running out
)

func (d drop) String() string {
	if d == dropOldest {
		return "oldest"
	}
	return "newest"
}

// row is the queue of a kind of message.
type row struct {
	// length is in messages, bytes in bytes of their data as it came.
	length, bytes int
	// workers is how many batches of the kind are checked at a time.
	workers int
	// priority: lower goes first.
	priority int
	// A batch begins when so many messages wait (flush), or when the first has waited for flushAfter; it takes up to most.
	flush, most int
	drop        drop
}

// flushAfter is how long a message waits for others to share a batch with. A queue with flush of 1 does not wait.
const flushAfter = 50 * time.Millisecond

// messageOverhead is about what a message takes besides its data.
const messageOverhead = 512

// queues is the table of queues, by kind. It is never written to. The lengths hold: votes of a slot with all validators of mainnet on all
// subnets (30 thousand at one million active), some 10 slots' aggregates, all columns of four blocks.
var queues = [kinds]row{
	gossip.BeaconBlock:                       {length: 64, bytes: 64 << 20, workers: 2, priority: 0, flush: 1, most: 1, drop: dropNewest},
	gossip.ExecutionPayload:                  {length: 64, bytes: 64 << 20, workers: 2, priority: 0, flush: 1, most: 1, drop: dropNewest},
	gossip.DataColumnSidecar:                 {length: 512, bytes: 128 << 20, workers: 2, priority: 1, flush: 1, most: 1, drop: dropOldest},
	gossip.BlobSidecar:                       {length: 128, bytes: 32 << 20, workers: 2, priority: 1, flush: 1, most: 1, drop: dropOldest},
	gossip.BeaconAggregateAndProof:           {length: 8192, bytes: 16 << 20, workers: 2, priority: 2, flush: 64, most: 512, drop: dropOldest},
	gossip.PayloadAttestationMessage:         {length: 2048, bytes: 4 << 20, workers: 1, priority: 2, flush: 64, most: 512, drop: dropOldest},
	gossip.BeaconAttestation:                 {length: 32768, bytes: 32 << 20, workers: 2, priority: 3, flush: 64, most: 2048, drop: dropOldest},
	gossip.SyncCommitteeContributionAndProof: {length: 1024, bytes: 4 << 20, workers: 1, priority: 4, flush: 64, most: 256, drop: dropOldest},
	gossip.SyncCommittee:                     {length: 4096, bytes: 8 << 20, workers: 1, priority: 4, flush: 64, most: 512, drop: dropOldest},
	gossip.ExecutionPayloadBid:               {length: 1024, bytes: 4 << 20, workers: 1, priority: 4, flush: 1, most: 64, drop: dropOldest},
	gossip.ProposerPreferences:               {length: 1024, bytes: 2 << 20, workers: 1, priority: 5, flush: 64, most: 64, drop: dropOldest},
	gossip.LightClientFinalityUpdate:         {length: 64, bytes: 4 << 20, workers: 1, priority: 5, flush: 1, most: 1, drop: dropOldest},
	gossip.LightClientOptimisticUpdate:       {length: 64, bytes: 4 << 20, workers: 1, priority: 5, flush: 1, most: 1, drop: dropOldest},
	gossip.ProposerSlashing:                  {length: 256, bytes: 1 << 20, workers: 1, priority: 5, flush: 1, most: 1, drop: dropNewest},
	gossip.AttesterSlashing:                  {length: 64, bytes: 16 << 20, workers: 1, priority: 5, flush: 1, most: 1, drop: dropNewest},
	gossip.VoluntaryExit:                     {length: 1024, bytes: 1 << 20, workers: 1, priority: 6, flush: 64, most: 64, drop: dropNewest},
	gossip.BLSToExecutionChange:              {length: 4096, bytes: 4 << 20, workers: 1, priority: 6, flush: 64, most: 64, drop: dropNewest},
}

// waiting is how many messages all queues hold at most.
func waiting() (n int) {
	for i := range queues {
		n += queues[i].length
	}
	return n
}
