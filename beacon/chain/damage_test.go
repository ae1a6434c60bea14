package chain

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// errCrash ends a node that writes nothing more.
var errCrash = errors.New("the test crashes the node")

// crash ends the node as if its process had been killed: what is not on disk is lost.
func (w *world) crash() {
	w.t.Helper()
	check(w.t, w.do(context.Background(), w.inbox.urgent, func() { w.w.fatal = errCrash }))
	if err := w.stop(); !errors.Is(err, errCrash) {
		w.t.Fatalf("the node ended with %v", err)
	}
	w.stop = nil
	check(w.t, w.store.Close())
}

// item is a block with its payload, where that travels alone.
type item struct {
	block *types.SignedBeaconBlock
	tip   simnet.Tip
}

// history is a chain in the order of its slots.
type history struct {
	items []item
	votes []types.Attestation
	next  types.Slot
}

func (h *history) tip() simnet.Tip { return h.items[len(h.items)-1].tip }

// grown builds a chain of blocks in every slot up to one, and its columns if any, without importing it.
func (w *world) grown(h *history, to types.Slot) []item {
	w.t.Helper()
	first := len(h.items)
	for ; h.next <= to; h.next++ {
		tip := w.net.Genesis()
		if len(h.items) > 0 {
			tip = h.tip()
		}
		block, next, err := w.net.Block(tip, h.next, h.votes, "")
		check(w.t, err)
		if next.Payload != nil {
			next = next.WithPayload()
		}
		h.items = append(h.items, item{block, next})
		h.votes, err = w.net.Votes(next, h.next, simnet.Everyone)
		check(w.t, err)
	}
	return h.items[first:]
}

// take hands blocks in as range sync does, and their payloads. Those that finality is past are refused.
func (w *world) take(items []item) {
	w.t.Helper()
	for _, i := range items {
		if i.tip.Slot <= w.Snapshot().FinalizedSlot {
			continue
		}
		_, err := w.ImportBlock(context.Background(), i.block, RangeSync)
		check(w.t, err)
		if i.tip.Payload != nil {
			_, err := w.ImportPayload(context.Background(), i.tip.Payload, RangeSync)
			check(w.t, err)
		}
	}
}

// follow hands blocks in at their times.
func (w *world) follow(items []item) {
	w.t.Helper()
	for _, i := range items {
		w.at(i.tip.Slot, 100)
		w.take([]item{i})
	}
}

// injury is damage to some records.
type injury struct {
	name string
	// prefix is of the keys, which picks those that are meant; all of them if it is nil.
	prefix byte
	which  func(f *fixture, keys [][]byte) [][]byte
	// how the records are changed; nil deletes them.
	change func([]byte) []byte
}

func flipped(record []byte) []byte { record[len(record)/2] ^= 0x10; return record }
func cut(record []byte) []byte     { return record[:len(record)/2] }

// nth picks one of the records, from the end if n is negative.
func nth(n int) func(*fixture, [][]byte) [][]byte {
	return func(_ *fixture, keys [][]byte) [][]byte {
		at := (n + len(keys)) % len(keys)
		return keys[at : at+1]
	}
}

// ofBlock picks the records that begin with the slot and root of a block.
func ofBlock(slot types.Slot) func(*fixture, [][]byte) [][]byte {
	return func(f *fixture, keys [][]byte) [][]byte { return f.of(keys, slot, true) }
}

// bySlot picks the records of a slot.
func bySlot(slot types.Slot) func(*fixture, [][]byte) [][]byte {
	return func(f *fixture, keys [][]byte) [][]byte { return f.of(keys, slot, false) }
}

func named(name string) func(*fixture, [][]byte) [][]byte {
	return func(_ *fixture, keys [][]byte) [][]byte {
		return slices.DeleteFunc(keys, func(key []byte) bool { return string(key[1:]) != name })
	}
}

// base picks the records of the state that others are differences to, others all the rest.
func base(f *fixture, keys [][]byte) [][]byte   { return f.states(keys, true) }
func others(f *fixture, keys [][]byte) [][]byte { return f.states(keys, false) }

// endedWithABranch ends the node when another branch has grown into the last epoch, so that there is a state of it on disk.
func endedWithABranch(f *fixture) {
	f.t.Helper()
	f.now++
	block, _, err := f.net.Block(f.history.items[30-1].tip, f.now, nil, "branch")
	check(f.t, err)
	f.at(f.now, 100)
	f.add(block, Gossip)
	inOrder(f)
}

// ofBranch picks the state of that branch.
func ofBranch(f *fixture, keys [][]byte) [][]byte {
	root := f.history.items[30-1].tip.Root
	return slices.DeleteFunc(keys, func(key []byte) bool { return !bytes.HasSuffix(key, root[:]) })
}

// newest picks the states after the finalized one.
func newest(f *fixture, keys [][]byte) [][]byte {
	return slices.DeleteFunc(keys, func(key []byte) bool {
		return binary.BigEndian.Uint64(key[1:]) <= uint64(f.history.tip().State.FinalizedCheckpoint.Epoch*8)
	})
}

// fixture is a disk to be damaged, and the chain on it.
type fixture struct {
	*world
	disk    *kv.Memory
	base    store.StateKey
	history history
	now     types.Slot
}

func (f *fixture) of(keys [][]byte, slot types.Slot, withRoot bool) [][]byte {
	want := binary.BigEndian.AppendUint64(nil, uint64(slot))
	if root := f.history.items[slot-1].tip.Root; withRoot {
		want = append(want, root[:]...)
	}
	return slices.DeleteFunc(keys, func(key []byte) bool { return !bytes.HasPrefix(key[1:], want) })
}

func (f *fixture) states(keys [][]byte, base bool) [][]byte {
	want := append(binary.BigEndian.AppendUint64(nil, uint64(f.base.Slot)), f.base.Root[:]...)
	return slices.DeleteFunc(keys, func(key []byte) bool { return bytes.HasPrefix(key[1:], want) != base })
}

// hurt damages the disk and tells how many records it changed.
func (f *fixture) hurt(i injury) int {
	f.t.Helper()
	db, err := kv.Open(kv.Config{Dir: filepath.Join(f.dir, "db"), Memory: f.world.disk})
	check(f.t, err)
	var keys [][]byte
	for entry, err := range db.Range([]byte{i.prefix}, []byte{i.prefix + 1}) {
		check(f.t, err)
		keys = append(keys, slices.Clone(entry.Key))
	}
	if i.which != nil {
		keys = i.which(f, keys)
	}
	batch := db.NewBatch()
	for _, key := range keys {
		if i.change == nil {
			check(f.t, batch.Delete(key))
			continue
		}
		check(f.t, db.View(key, func(value []byte) error { return batch.Set(key, i.change(slices.Clone(value))) }))
	}
	check(f.t, batch.Commit(true))
	check(f.t, db.Close())
	return len(keys)
}

// newFixture makes a chain of finalized epochs up to a slot and ends the node, in order or not.
func newFixture(t *testing.T, fork params.Fork, until types.Slot, end func(*fixture)) *fixture {
	t.Helper()
	f := &fixture{world: newWorld(t, fork, nil), history: history{next: 1}, now: until}
	f.follow(f.grown(&f.history, until))
	end(f)
	f.disk = f.world.disk
	return f
}

// settle waits until the persister has written what is to be.
func (f *fixture) settle() {
	f.t.Helper()
	f.until("the disk has the finalized checkpoint and the states of epochs", func() bool {
		finalized, err := f.store.Finalized()
		check(f.t, err)
		f.persist.mu.Lock()
		defer f.persist.mu.Unlock()
		return finalized == f.Snapshot().Finalized && len(f.persist.mu.states) == 0 && f.persist.mu.fc == nil
	})
	var err error
	f.base, err = f.store.Base()
	check(f.t, err)
}

func inOrder(f *fixture) { f.settle(); f.shut() }
func killed(f *fixture)  { f.settle(); f.crash() }

// killedAtTheStartOfAnEpoch ends the node when fork choice has just been written, and no state of the last epoch has.
func killedAtTheStartOfAnEpoch(f *fixture) {
	f.t.Helper()
	f.now++
	f.at(f.now, 0)
	f.until("fork choice is written", func() bool {
		for range f.store.Journal(0) {
			return false
		}
		return true
	})
	killed(f)
}

// survives damages the disk and starts the node twice. It starts by itself; when what is missing has been handed in again the head is what it
// was, and finality goes on.
func (f *fixture) survives(t *testing.T, i injury) {
	f.t, f.world.disk = t, f.disk.LosePower(100, 1)
	f.time = clock.NewManual(f.clock.StartOf(f.now)) // time does not go back
	if n := f.hurt(i); n == 0 {
		t.Fatal("there is no such record")
	}
	for start := range 2 {
		if err := f.open(); err != nil {
			t.Fatalf("start %d: %v", start+1, err)
		}
		f.at(f.now, 0)
		if start == 0 {
			f.crash()
		}
	}
	h := history{slices.Clone(f.history.items), f.history.votes, f.now + 1}
	f.take(h.items)
	f.wantHead(h.tip())
	f.until("the head is verified", func() bool { return !f.Snapshot().Optimistic })
	further := f.now + 10
	if i.prefix == 'm' || i.prefix == 'c' {
		further += 10 // until the next state is kept for good
	}
	more := f.grown(&h, further)
	f.follow(more)
	f.wantHead(h.tip())
	if got, want := f.Snapshot().Finalized, h.tip().State.FinalizedCheckpoint; got != want {
		t.Errorf("finalized %+v, want %+v", got, want)
	}
	f.shut() // it has run without an error
	check(t, f.open())
	f.wantHead(h.tip())
	f.shut()
}

// TestANodeStartsFromADamagedDisk damages one kind of record at a time between two runs.
func TestANodeStartsFromADamagedDisk(t *testing.T) {
	t.Parallel()
	const until = 4*8 + 5
	forkChoice := []injury{
		{"head of fork choice changed", 'f', nil, flipped},
		{"head of fork choice missing", 'f', nil, nil},
		{"chunk of fork choice cut", 'F', nil, cut},
		{"chunk of fork choice missing", 'F', nil, nil},
	}
	blocks := []injury{
		{"block in the middle changed", 'b', ofBlock(until - 2), flipped},
		{"last block cut", 'b', ofBlock(until), cut},
		{"finalized block changed", 'b', ofBlock(2 * 8), flipped},
		{"block index changed", 's', ofBlock(until - 2), flipped},
	}
	states := []injury{
		{"base state's head changed", 'h', base, flipped},
		{"base state's chunk changed", 'H', base, flipped},
		{"base state missing", 'h', base, nil},
		{"other states changed", 'h', others, flipped},
		{"other states' chunks missing", 'H', others, nil},
		{"cold states changed", 'k', nil, flipped},
		{"cold states' chunks missing", 'K', nil, nil},
	}
	metadata := []injury{
		{"begun changed", 'm', named("begun"), flipped},
		{"base changed", 'm', named("base"), cut},
		{"base missing", 'm', named("base"), nil},
		{"finalized changed", 'm', named("finalized"), flipped},
		{"finalized missing", 'm', named("finalized"), nil},
		{"cold start changed", 'm', named("cold start"), flipped},
		{"orphans changed", 'm', named("orphans"), flipped},
		{"canonical block changed", 'c', bySlot(2*8 - 1), flipped},
		{"canonical finalized block missing", 'c', bySlot(2 * 8), nil},
	}
	journal := []injury{
		{"journal's first record missing", 'j', nth(0), nil},
		{"journal record missing", 'j', nth(2), nil},
		{"journal's last record missing", 'j', nth(-1), nil},
		{"journal record cut", 'j', nth(2), cut},
		{"journal record changed", 'j', nth(-1), flipped},
	}
	for _, c := range []struct {
		name     string
		fork     params.Fork
		until    types.Slot
		end      func(*fixture)
		injuries [][]injury
	}{
		{"killed", params.Fulu, until, killed, [][]injury{forkChoice, blocks, states, metadata, journal}},
		{"ended in order", params.Fulu, until, inOrder, [][]injury{forkChoice, blocks, states, metadata}},
		{"gloas", params.Gloas, until, killed, [][]injury{forkChoice[:1], blocks, states[:1], journal[1:4], {
			{"payload changed", 'p', ofBlock(until - 2), flipped},
			{"last payload missing", 'p', ofBlock(until), nil},
			{"finalized block's payload changed", 'p', ofBlock(2 * 8), flipped},
		}}},
		{"altair", params.Altair, until, killed, [][]injury{forkChoice[:1]}},
		{"killed at the start of an epoch", params.Fulu, 4*8 - 1, killedAtTheStartOfAnEpoch, [][]injury{{
			{"block in the middle changed", 'b', ofBlock(4*8 - 4), flipped},
			{"last block missing", 'b', ofBlock(4*8 - 1), nil},
			{"first block of the epoch changed", 'b', ofBlock(3 * 8), flipped},
		}}},
		{"with another base soon", params.Fulu, until, endedWithABranch, [][]injury{{
			{"newest states changed", 'h', newest, flipped},
			{"state of a branch changed", 'h', ofBranch, flipped},
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, c.fork, c.until, c.end)
			if c.name == "with another base soon" {
				f.change = func(cfg *Config) { cfg.BaseEpochs = 2 }
			}
			for _, injuries := range c.injuries {
				for _, i := range injuries {
					t.Run(i.name, func(t *testing.T) { f.survives(t, i) })
				}
			}
			f.t = t
		})
	}
}

// Where no state is left, hot or cold, nothing can be started from.
func TestANodeWithoutAnyStateNeedsAnOperator(t *testing.T) {
	t.Parallel()
	f := newFixture(t, params.Fulu, 4*8+1, killed)
	f.hurt(injury{prefix: 'h', change: flipped})
	f.hurt(injury{prefix: 'k', change: flipped})
	for range 2 {
		if err := f.open(); !errors.As(err, new(*NeedsOperatorError)) {
			t.Fatalf("got %v, want that an operator is needed", err)
		}
	}
}

// A column that cannot be read any more may be handed in again.
func TestADamagedColumnIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	block, tip, columns := w.carrier(w.net.Genesis(), 1, 1)
	w.at(1, 100)
	w.bring(pick(columns, custody...)...)
	if got := w.add(block, Gossip); got != Applied {
		t.Fatalf("the block was %v", got)
	}
	w.crash()
	f := &fixture{world: w}
	if n := f.hurt(injury{prefix: 'd', which: nth(1), change: flipped}); n != 1 {
		t.Fatalf("%d columns were damaged", n)
	}
	for range 2 {
		check(t, w.open())
		w.wantHead(tip)
		w.crash()
	}
	check(t, w.open())
	if _, err := w.store.Columns(tip.Root, custody); !errors.As(err, new(*store.DamagedError)) {
		t.Fatalf("the damaged column gives %v", err)
	}
	w.bring(columns[custody[1]])
	w.until("the column is written again", func() bool {
		_, err := w.store.Columns(tip.Root, custody)
		return err == nil
	})
	w.wantColumns(tip.Root, custody...)
}
