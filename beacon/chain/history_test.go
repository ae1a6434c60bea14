package chain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// historyOf begins a chain at a block of a recorded one, whose history is then missing. The node keeps all columns.
func historyOf(t *testing.T, name string, blocks int) (*Chain, *recorded.Chain) {
	t.Helper()
	r, err := recorded.Load(name)
	check(t, err)
	genesis, err := r.GenesisState()
	check(t, err)
	s, err := transition.NewState(genesis, transition.NewEnv(nil))
	check(t, err)
	for _, signed := range r.Blocks[:blocks] {
		check(t, transition.ProcessSlots(s, signed.Message.Slot))
		_, err := transition.ApplyBlock(s, signed, transition.Hooks{})
		check(t, err)
	}
	db, err := store.Open(store.Config{Memory: kv.NewMemory(), Spec: r.Spec})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	setup, err := kzg.New()
	check(t, err)
	now := clock.NewManual(r.TimeAt(r.Head().Message.Slot + 2))
	custody := make([]uint64, r.Spec.NumberOfColumns)
	for i := range custody {
		custody[i] = uint64(i)
	}
	c, err := New(Config{
		Spec: r.Spec, Store: db, Engine: believer{}, KZG: setup, Custody: custody,
		Clock:  clock.New(clock.Config{Spec: r.Spec, GenesisTime: r.GenesisTime, Source: now}),
		Anchor: &Anchor{State: s.BeaconState, Block: r.Blocks[blocks-1]},
	})
	check(t, err)
	return c, r
}

// historic is recorded blocks with their data.
func historic(t *testing.T, c *Chain, r *recorded.Chain, from, to int) (out []HistoricBlock) {
	t.Helper()
	for i, signed := range r.Blocks[from:to] {
		slot := signed.Message.Slot
		b := HistoricBlock{Signed: signed, Blobs: r.Blobs[slot]}
		if columns := r.Columns[slot]; len(columns) > 0 {
			v, err := c.VerifyColumns(BlockID{slot, r.Blocks[from+i+1].Message.ParentRoot}, &signed.Message, columns)
			check(t, err)
			b.Columns = append(b.Columns, v)
		}
		out = append(out, b)
	}
	return out
}

// The history of two recorded chains, over three forks, is imported with its data, backwards.
func TestHistoryIsImportedBackwards(t *testing.T) {
	t.Parallel()
	for _, name := range recorded.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, r := historyOf(t, name, 120)
			if oldest, _, err := c.History(); err != nil || oldest != r.Blocks[119].Message.Slot {
				t.Fatalf("oldest is %d, %v; want %d", oldest, err, r.Blocks[119].Message.Slot)
			}
			for end := 119; end > 0; end -= 17 {
				check(t, c.ImportHistory(context.Background(), historic(t, c, r, max(0, end-17), end)))
			}
			oldest, parent, err := c.History()
			check(t, err)
			if oldest != r.Blocks[0].Message.Slot || parent != r.Blocks[0].Message.ParentRoot {
				t.Errorf("oldest is %d with parent %v", oldest, parent)
			}
			columns := 0
			for i, signed := range r.Blocks[:119] {
				root, err := c.store.CanonicalRoot(signed.Message.Slot)
				check(t, err)
				if root != r.Blocks[i+1].Message.ParentRoot {
					t.Fatalf("block of slot %d is %v, want %v", signed.Message.Slot, root, r.Blocks[i+1].Message.ParentRoot)
				}
				have, err := c.store.ColumnIndices(root)
				check(t, err)
				if len(have) != len(r.Columns[signed.Message.Slot]) {
					t.Errorf("slot %d: %d columns, want %d", signed.Message.Slot, len(have), len(r.Columns[signed.Message.Slot]))
				}
				columns += len(have)
				if want := r.Blobs[signed.Message.Slot]; len(want) > 0 {
					blobs, err := c.store.BlobSidecars(root)
					check(t, err)
					if len(blobs) != len(want) {
						t.Errorf("slot %d: %d blobs, want %d", signed.Message.Slot, len(blobs), len(want))
					}
				}
			}
			if columns == 0 && name == "fulu" {
				t.Error("no columns were compared")
			}
			check(t, c.FinishHistory(0))
			if oldest, _, _ := c.History(); oldest != 0 {
				t.Errorf("oldest is %d after the end", oldest)
			}
		})
	}
}

func TestWrongHistoryIsRefusedWhole(t *testing.T) {
	t.Parallel()
	c, r := historyOf(t, "fulu", 120)
	oldest, parent, err := c.History()
	check(t, err)
	refused := func(name string, blocks []HistoricBlock, gap bool, words string) {
		t.Helper()
		err := c.ImportHistory(context.Background(), blocks)
		if err == nil || errors.Is(err, ErrHistoryGap) != gap || errors.As(err, new(*RejectedError)) == gap || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", name, err)
		}
		if o, p, err := c.History(); o != oldest || p != parent || err != nil {
			t.Errorf("%s: oldest is %d", name, o)
		}
		if ok, err := c.store.HasBlock(r.Blocks[119].Message.ParentRoot); ok || err != nil {
			t.Errorf("%s: a block was stored", name)
		}
	}
	blocks := func() []HistoricBlock { return historic(t, c, r, 60, 119) }
	changed := func(i int, change func(*types.SignedBeaconBlock)) []HistoricBlock {
		out := blocks()
		signed := *out[i].Signed
		change(&signed)
		out[i].Signed = &signed
		return out
	}
	refused("a gap before the oldest", historic(t, c, r, 60, 118), true, "lead to the oldest block")
	missing := blocks()
	refused("a gap inside", append(missing[:5:5], missing[6:]...), false, "not the parent of the next one")
	refused("another block", changed(7, func(s *types.SignedBeaconBlock) { s.Message.StateRoot[0] ^= 1 }), false, "not the parent of the next one")
	refused("a wrong signature", changed(7, func(s *types.SignedBeaconBlock) { s.Signature = r.Blocks[3].Signature }), false, "block of slot")
	for i, b := range blocks() {
		if len(b.Columns) == 0 {
			continue
		}
		other := blocks()
		other[i-1].Columns = b.Columns
		refused("columns of another block", other, false, "columns are of block")
		return
	}
	t.Error("no block with columns")
}

func TestColumnsThatAreNotTheBlocksAreNotVerified(t *testing.T) {
	t.Parallel()
	c, r := historyOf(t, "fulu", 120)
	refused := func(name string, of BlockID, block *types.BeaconBlock, columns []*types.DataColumnSidecar, words string) {
		t.Helper()
		if _, err := c.VerifyColumns(of, block, columns); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, signed := range r.Blocks[:119] {
		columns := r.Columns[signed.Message.Slot]
		if len(columns) == 0 {
			continue
		}
		of := BlockID{signed.Message.Slot, r.Blocks[i+1].Message.ParentRoot}
		_, err := c.VerifyColumns(of, &signed.Message, columns)
		check(t, err)
		wrong := *columns[3]
		wrong.KZGProofs = append(wrong.KZGProofs[:0:0], columns[4].KZGProofs...)
		refused("a wrong proof", of, &signed.Message, []*types.DataColumnSidecar{columns[2], &wrong}, "proof")
		refused("another block's", BlockID{of.Slot, types.Root{1}}, &signed.Message, columns, "is of block")
		without := signed.Message
		without.Body.BlobKZGCommitments = nil
		refused("commitments that the block does not have", of, &without, columns[:1], "of no blobs")
		return
	}
	t.Error("no block with columns")
}

// From Gloas on a historic block comes with the payload that its bid promised.
func TestHistoryOfGloasHasItsPayloads(t *testing.T) {
	t.Parallel()
	spec, err := simnet.Spec(params.Gloas)
	check(t, err)
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	tip := net.Genesis()
	var blocks []HistoricBlock
	for slot := types.Slot(1); slot <= 9; slot++ {
		signed, next, err := net.Block(tip, slot, nil, "")
		check(t, err)
		blocks = append(blocks, HistoricBlock{Signed: signed, Payload: next.Payload})
		tip = next.WithPayload()
	}
	db, err := store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	setup, err := kzg.New()
	check(t, err)
	cl := clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: clock.NewManual(clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime}).StartOf(20))})
	c, err := New(Config{Spec: spec, Store: db, Engine: believer{}, KZG: setup, Clock: cl, Anchor: &Anchor{State: tip.State.Copy().BeaconState, Block: blocks[8].Signed}})
	check(t, err)
	wrong := blocks[7]
	other := *wrong.Payload
	other.Message.Payload.BlockHash[0] ^= 1
	wrong.Payload = &other
	if err := c.ImportHistory(context.Background(), []HistoricBlock{blocks[6], wrong}); err == nil || !strings.Contains(err.Error(), "payload.block_hash == bid.block_hash") {
		t.Errorf("another payload: %v", err)
	}
	check(t, c.ImportHistory(context.Background(), blocks[:8]))
	for _, b := range blocks[:8] {
		if ok, err := db.HasPayload(b.Payload.Message.BeaconBlockRoot); !ok || err != nil {
			t.Errorf("payload of slot %d: %v, %v", b.Signed.Message.Slot, ok, err)
		}
	}
}

// A payload that the next block builds on has to come with its block, be the next one of the same run or the oldest that is here; one that the chain went on without need not.
func TestAPayloadThatHistoryBuildsOnIsMissed(t *testing.T) {
	t.Parallel()
	spec, err := simnet.Spec(params.Gloas)
	check(t, err)
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	const without = 3
	var all []HistoricBlock
	var roots []types.Root
	tip := net.Genesis()
	for slot := types.Slot(1); slot <= 6; slot++ {
		block, next, err := net.Block(tip, slot, nil, "")
		check(t, err)
		b := HistoricBlock{Signed: block, Payload: next.Payload}
		if tip = next.WithPayload(); slot == without {
			tip, b.Payload = next, nil
		}
		all, roots = append(all, b), append(roots, next.Root)
	}
	db, err := store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	setup, err := kzg.New()
	check(t, err)
	ticker := clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: clock.NewManual(time.Unix(genesisTime+60, 0))})
	c, err := New(Config{Spec: spec, Store: db, Engine: believer{}, KZG: setup, Clock: ticker, Anchor: &Anchor{State: tip.State.BeaconState, Block: all[5].Signed}})
	check(t, err)
	for _, missing := range []int{1, 2, 5} {
		blocks := slices.Clone(all[:5])
		blocks[missing-1].Payload = nil
		var e *PayloadMissingError
		if err := c.ImportHistory(context.Background(), blocks); !errors.As(err, &e) || e.Slot != types.Slot(missing+1) || e.Parent != roots[missing-1] {
			t.Errorf("without the payload of slot %d: %v", missing, err)
		}
	}
	check(t, c.ImportHistory(context.Background(), all[3:5]))
	check(t, c.ImportHistory(context.Background(), all[:3]))
}
