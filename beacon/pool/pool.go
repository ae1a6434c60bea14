package pool

import (
	"errors"
	"log/slog"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ErrNone says that the pool has no vote of what is asked for.
var ErrNone = errors.New("the pool has no vote of this")

// Config is what a Pool is made of.
type Config struct {
	Spec *params.Spec
	Log  *slog.Logger
	// VoteBytes bounds the memory of votes and aggregates. Default 256 MiB.
	VoteBytes int
}

const defaultVoteBytes = 256 << 20

// Pool holds what waits for a block. It may be used by many goroutines.
type Pool struct {
	spec     *params.Spec
	log      *slog.Logger
	votes    votes
	sync     syncVotes
	payloads payloadVotes
	ops      operations
}

// New makes an empty pool.
func New(cfg Config) *Pool {
	if cfg.VoteBytes == 0 {
		cfg.VoteBytes = defaultVoteBytes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{spec: cfg.Spec, log: cfg.Log}
	p.votes.most = cfg.VoteBytes
	p.votes.mu.slots = map[types.Slot]*slotVotes{}
	p.sync.mu.tallies = map[syncKey]*tally{}
	p.payloads.mu.tallies = map[types.PayloadAttestationData]*tally{}
	p.ops.init()
	return p
}

// Prune drops what no block of a slot or later can carry because of its age.
func (p *Pool) Prune(slot types.Slot) {
	p.votes.prune(p.spec, slot)
	p.sync.prune(slot)
	p.payloads.prune(slot)
}
