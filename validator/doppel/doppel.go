package doppel

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
)

// Duties says what has to be done when.
type Duties interface {
	Attesters(context.Context, types.Slot) ([]duties.Attester, error)
	Proposer(context.Context, types.Slot) (*apiclient.ProposerDuty, error)
	SyncCommittee(context.Context, types.Slot) ([]apiclient.SyncDuty, error)
}

// Config is what a Gate is made of. All of it is needed.
type Config struct {
	duties.Tools
	Duties Duties
	// Validators is those of our keys that are validators.
	Validators func() []apiclient.ValidatorOf
	// Voted and Proposed hear of the duties that are left out.
	Voted    func(slot types.Slot, validators []types.ValidatorIndex, after time.Duration, missed *duties.Miss)
	Proposed func(slot types.Slot, block types.Root, missed *duties.Miss)
}

// watch is what is known of a key.
type watch struct {
	since  types.Epoch // the first epoch that counts
	silent uint64      // epochs in which nobody was heard
	heard  bool        // somebody else uses the key
}

// open tells whether a key may be used.
func (w *watch) open() bool { return !w.heard && w.silent >= silentEpochs }

// Gate hands on the duties of keys that nobody else uses. Its methods may be called by many goroutines.
type Gate struct {
	cfg Config

	mu struct {
		sync.Mutex
		before bool // the process was there before genesis
		keys   map[types.BLSPubkey]*watch
	}
}

// New makes a gate that lets nothing through until Run has watched, unless it is made before genesis.
func New(cfg Config) *Gate {
	g := &Gate{cfg: cfg}
	g.mu.before = cfg.Clock.Now().Before(cfg.Clock.Genesis())
	g.mu.keys = map[types.BLSPubkey]*watch{}
	return g
}

func (g *Gate) open(key types.BLSPubkey) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.mu.keys[key]
	return g.mu.before || w != nil && w.open()
}

// withheld is why a duty is left out.
func (g *Gate) withheld(key types.BLSPubkey) *duties.Miss {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := g.mu.keys[key]; w != nil && w.heard {
		return &duties.Miss{Why: "another process uses the key", Err: ErrHeard}
	}
	return &duties.Miss{Why: "it is being watched whether another process uses the key", Err: errWatched}
}

// ErrHeard is what errors.Is finds where another process uses a key.
var ErrHeard = errors.New("a beacon node heard of the validator while this process did not use its key")

var errWatched = errors.New("doppelganger-detection is on")

// Attesters is the seats of a slot whose keys are let through.
func (g *Gate) Attesters(ctx context.Context, slot types.Slot) ([]duties.Attester, error) {
	all, err := g.cfg.Duties.Attesters(ctx, slot)
	if err != nil {
		return nil, err
	}
	var open []duties.Attester
	for _, seat := range all {
		if g.open(seat.Pubkey) {
			open = append(open, seat)
		} else {
			g.cfg.Voted(slot, []types.ValidatorIndex{seat.Validator}, 0, g.withheld(seat.Pubkey))
		}
	}
	return open, nil
}

// Proposer is the proposer of a slot if it is one of ours whose key is let through, else nil.
func (g *Gate) Proposer(ctx context.Context, slot types.Slot) (*apiclient.ProposerDuty, error) {
	duty, err := g.cfg.Duties.Proposer(ctx, slot)
	if err != nil || duty == nil || g.open(duty.Pubkey) {
		return duty, err
	}
	g.cfg.Proposed(slot, types.Root{}, g.withheld(duty.Pubkey))
	return nil, nil
}

// SyncCommittee is the seats in a sync committee whose keys are let through.
func (g *Gate) SyncCommittee(ctx context.Context, slot types.Slot) ([]apiclient.SyncDuty, error) {
	all, err := g.cfg.Duties.SyncCommittee(ctx, slot)
	return slices.DeleteFunc(slices.Clone(all), func(d apiclient.SyncDuty) bool { return !g.open(d.Pubkey) }), err
}
