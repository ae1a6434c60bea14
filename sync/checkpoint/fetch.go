package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Source is a Beacon API. An *apiclient.Client is one.
type Source interface {
	String() string
	FinalityCheckpoints(ctx context.Context, state string) (apiclient.Finality, error)
	BlockRoot(ctx context.Context, block string) (types.Root, error)
	Block(ctx context.Context, block string) ([]byte, error)
	State(ctx context.Context, state string, most int64, progress apiclient.Progress) ([]byte, error)
}

// Config is what Fetch is told.
type Config struct {
	Spec    *params.Spec
	Sources []Source // at least one
	// Root is the block to begin at; zero for the one that the sources call finalized.
	Root types.Root
	// GenesisValidatorsRoot is that of the network; zero if it is not known.
	GenesisValidatorsRoot types.Root
	// Now is the present time.
	Now time.Time
	// AllowStale takes a state that is older than the weak subjectivity period.
	AllowStale bool
	Log        *slog.Logger
}

// MaxState bounds a state, in bytes: four times mainnet's.
const MaxState = 2 << 30

// Fetch gets a checkpoint from sources that agree on it, and verifies it.
func Fetch(ctx context.Context, cfg Config) (*Checkpoint, error) {
	f := &fetch{Config: cfg}
	root := cfg.Root
	if root == (types.Root{}) {
		var err error
		if root, err = f.agree(ctx); err != nil {
			return nil, err
		}
	}
	block, signed, err := f.block(ctx, root)
	if err != nil {
		return nil, err
	}
	if err := f.compare(ctx, root, signed.Message.Slot); err != nil {
		return nil, err
	}
	c, err := f.state(ctx, root, block, signed)
	if err != nil {
		return nil, err
	}
	if want := cfg.GenesisValidatorsRoot; want != (types.Root{}) && c.State.GenesisValidatorsRoot != want {
		return nil, fmt.Errorf("checkpoint is of another network: genesis validators root is %v, want %v", c.State.GenesisValidatorsRoot, want)
	}
	if err := c.CheckAge(cfg.Now); err != nil {
		if !cfg.AllowStale || !errors.As(err, new(*StaleError)) {
			return nil, err
		}
		cfg.Log.Warn("the checkpoint is older than the weak subjectivity period: another chain could be made up with keys of validators that have left; compare the head with a source you trust", "error", err)
	}
	cfg.Log.Info("checkpoint", "epoch", types.ComputeEpochAtSlot(cfg.Spec, c.State.Slot), "slot", signed.Message.Slot, "root", root)
	return c, nil
}

// fetch is one attempt.
type fetch struct {
	Config
	reached []Source
	failed  []string // what sources that cannot be used say
}

// agree finds the block to begin at: that of the earliest checkpoint that a source calls finalized, for a later one may not have come to
// all of them yet.
func (f *fetch) agree(ctx context.Context) (types.Root, error) {
	var earliest *types.Checkpoint
	for _, s := range f.Sources {
		finality, err := s.FinalityCheckpoints(ctx, "head")
		switch {
		case ctx.Err() != nil:
			return types.Root{}, ctx.Err()
		case err != nil:
			f.fail(s, err)
			continue
		case finality.Finalized.Epoch == 0:
			f.fail(s, errors.New("it has finalized nothing"))
			continue
		}
		f.reached = append(f.reached, s)
		if earliest == nil || finality.Finalized.Epoch < earliest.Epoch {
			earliest = &finality.Finalized
		}
	}
	if earliest == nil {
		return types.Root{}, fmt.Errorf("no source of a checkpoint can be used: %s", strings.Join(f.failed, "; "))
	}
	return earliest.Root, nil
}

// fail notes that a source cannot be used.
func (f *fetch) fail(s Source, err error) {
	f.failed = append(f.failed, fmt.Sprintf("%s: %v", s, err))
	f.Log.Warn("a source of the checkpoint cannot be used, the others are", "source", s.String(), "error", err)
}

// block gets the block of a root from any source.
func (f *fetch) block(ctx context.Context, root types.Root) ([]byte, *types.SignedBeaconBlock, error) {
	if f.reached == nil {
		f.reached = f.Sources
	}
	for _, s := range f.reached {
		data, err := s.Block(ctx, root.String())
		if err == nil {
			signed, have, decoded := decodeBlock(f.Spec, data)
			if err = decoded; err == nil && have != root {
				err = fmt.Errorf("block is %v, want %v", have, root)
			}
			if err == nil {
				return data, signed, nil
			}
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		f.fail(s, err)
	}
	return nil, nil, fmt.Errorf("no source has block %v: %s", root, strings.Join(f.failed, "; "))
}

// compare checks that all sources that can be reached have the block on their chain.
func (f *fetch) compare(ctx context.Context, root types.Root, slot types.Slot) error {
	agreed := 0
	for _, s := range f.reached {
		have, err := s.BlockRoot(ctx, fmt.Sprint(uint64(slot)))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && have == root:
			agreed++
		case err == nil:
			return fmt.Errorf("sources of the checkpoint are on different chains: %s has block %v at slot %d, want %v; one of them lies or is on a fork, leave it out", s, have, slot, root)
		case apiclient.IsNotFound(err):
			return fmt.Errorf("sources of the checkpoint are on different chains: %s has no block at slot %d, want %v; one of them lies, is on a fork, or does not have history", s, slot, root)
		default:
			f.fail(s, err)
		}
	}
	if agreed == 0 {
		return fmt.Errorf("no source says that block %v is on its chain: %s", root, strings.Join(f.failed, "; "))
	}
	f.Log.Info("sources of the checkpoint agree", "block", root, "slot", slot, "sources", agreed, "of", len(f.Sources))
	return nil
}

// progressEvery is how often a download is spoken of.
const progressEvery = 5 * time.Second

// state gets the state after the block from any source, and brings it to the start of the checkpoint's epoch.
func (f *fetch) state(ctx context.Context, root types.Root, block []byte, signed *types.SignedBeaconBlock) (*Checkpoint, error) {
	for _, s := range f.reached {
		for _, id := range []string{signed.Message.StateRoot.String(), fmt.Sprint(uint64(signed.Message.Slot)), "finalized"} {
			spoken := time.Now()
			data, err := s.State(ctx, id, MaxState, func(have, all int64) {
				if time.Since(spoken) >= progressEvery {
					spoken = time.Now()
					f.Log.Info("the checkpoint's state is on its way", "source", s.String(), "bytes", have, "of", all)
				}
			})
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if apiclient.IsNotFound(err) && id != "finalized" {
				continue // not every server keeps states by root
			}
			var c *Checkpoint
			if err == nil {
				c, err = Decode(f.Spec, data, block)
			}
			if err == nil {
				err = checkRoot(c)
			}
			if err == nil {
				return c, c.advance()
			}
			f.fail(s, err)
			break
		}
	}
	return nil, fmt.Errorf("no source has the state of block %v: %s", root, strings.Join(f.failed, "; "))
}

// checkRoot checks that a state is the one that the block names. One that was advanced over empty slots proves nothing: the block does not
// name it.
func checkRoot(c *Checkpoint) error {
	block := &c.Block.Message
	if c.State.Slot != block.Slot {
		return fmt.Errorf("state is of slot %d, want that of the block's slot %d, whose root the block names", c.State.Slot, block.Slot)
	}
	root, err := c.State.HashTreeRoot()
	if err != nil {
		return err
	}
	if root != block.StateRoot {
		return fmt.Errorf("state has root %v, its block says %v", types.Root(root), block.StateRoot)
	}
	return nil
}
