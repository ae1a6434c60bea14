package store

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// damage replaces a record by what change makes of it; nil deletes it.
func damage(t testing.TB, s *Store, key []byte, change func([]byte) []byte) {
	t.Helper()
	var record []byte
	check(t, s.db.View(key, func(value []byte) error {
		record = change(slices.Clone(value))
		return nil
	}))
	b := s.db.NewBatch()
	if record == nil {
		check(t, b.Delete(key))
	} else {
		check(t, b.Set(key, record))
	}
	check(t, b.Commit(true))
}

// everything writes at least one record of each kind.
func everything(t testing.TB, s *Store, c *recorded.Chain) {
	t.Helper()
	fill(t, s, c)
	states := recordedStates(t, c)
	chained(t, s, states[:3])
	check(t, s.PutColdState(states[0].Slot, states[0].Copy()))
	check(t, s.PutColdState(states[4].Slot, states[4].Copy()))
	commit(t, s, func(b *Batch) {
		b.PutBegun(1, types.Root{1})
		b.PutAnchor(SlotRoot{1, types.Root{2}})
		b.PutBase(keyOf(states[0]))
		b.PutFinalized(types.Checkpoint{Epoch: 0, Root: types.Root{3}})
		b.PutSplit(4)
		b.PutClean(true)
		check(t, b.PutForkChoice(make([]byte, 3<<20)))
		b.AppendJournal(0, []byte("first"))
		b.AppendJournal(1, []byte("second"))
		root, slot := types.Root{9}, types.Slot(uint64(s.cfg.Spec.GloasForkEpoch)*s.cfg.Spec.SlotsPerEpoch)
		check(t, b.PutPayload(root, envelope(slot, root)))
	})
	_, err := s.Prune(t.Context(), Retention{Orphans: 1})
	check(t, err)
}

// readAll reads everything through the store's own accessors and gives the errors but ErrNotFound.
func readAll(s *Store) (errs []error) {
	note := func(err error) {
		if err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		}
	}
	for e, err := range s.db.Range(kindSlot.all()) {
		note(err)
		root := types.Root(e.Key[1:])
		_, err = s.Block(root)
		note(err)
		_, err = s.Payload(root)
		note(err)
		indices, err := s.ColumnIndices(root)
		note(err)
		_, err = s.Columns(root, indices)
		note(err)
		_, err = s.BlobSidecars(root)
		note(err)
	}
	for k, err := range s.StateKeys() {
		note(err)
		_, err = s.State(k)
		note(err)
	}
	for e := range s.db.Range(kindCold.all()) {
		_, err := s.ColdState(slotOf(e.Key))
		note(err)
	}
	for _, list := range []func(from, to types.Slot) func(func(SlotRoot, error) bool){
		func(from, to types.Slot) func(func(SlotRoot, error) bool) { return s.BlockRoots(from, to) },
		func(from, to types.Slot) func(func(SlotRoot, error) bool) { return s.CanonicalRoots(from, to) },
	} {
		for _, err := range list(0, ^types.Slot(0)) {
			note(err)
		}
	}
	for _, record := range s.Journal(0) {
		note(record.Err)
	}
	_, err := s.ForkChoice()
	note(err)
	for name := range metaNames() {
		_, err := s.meta(name)
		note(err)
	}
	_, err = s.readNetwork()
	note(err)
	for _, k := range []*kind{&kindBlobMark, &kindPayloadMark} {
		for e, err := range s.db.Range(k.all()) {
			note(err)
			_, err = s.entry(k, e)
			note(err)
		}
	}
	return errs
}

// A record of any kind that is cut, has a bit turned over, stands under another key or is missing from a set gives an error that names it:
// no panic, and never a value that was not written.
func TestDamage(t *testing.T) {
	c := load(t, "deneb-to-fulu")
	spec := *c.Spec
	spec.GloasForkEpoch = 1000
	c.Spec = &spec
	// A few blocks: some at the beginning, one with blobs, one with columns.
	blobs, columns := slices.Sorted(maps.Keys(c.Blobs))[0], slices.Sorted(maps.Keys(c.Columns))[0]
	c.Blocks = slices.DeleteFunc(c.Blocks, func(b *types.SignedBeaconBlock) bool {
		return b.Message.Slot > 3 && b.Message.Slot != blobs && b.Message.Slot != columns
	})
	s := openMemory(t, c.Spec, kv.NewMemory())
	everything(t, s, c)
	if errs := readAll(s); len(errs) > 0 {
		t.Fatalf("undamaged: %v", errs)
	}
	changes := map[string]func([]byte) []byte{
		"empty":   func([]byte) []byte { return []byte{} },
		"cut":     func(r []byte) []byte { return r[:len(r)-1] },
		"half":    func(r []byte) []byte { return r[:len(r)/2] },
		"bit":     func(r []byte) []byte { r[len(r)/2] ^= 4; return r },
		"codec":   func(r []byte) []byte { r[0] = 77; return r },
		"longer":  func(r []byte) []byte { return append(r, 0) },
		"foreign": func(r []byte) []byte { return seal([]byte("another key"), r) },
	}
	for _, k := range kinds() {
		var key, original []byte
		for e, err := range s.db.Backward(k.all()) {
			check(t, err)
			key, original = slices.Clone(e.Key), slices.Clone(e.Value)
			break
		}
		if key == nil {
			t.Errorf("no %s was written", k.name)
			continue
		}
		for name, change := range changes {
			damage(t, s, key, change)
			var damaged *DamagedError
			errs := readAll(s)
			if len(errs) == 0 {
				t.Errorf("%s, %s: no error", describe(key), name)
			}
			for _, err := range errs {
				if !errors.As(err, &damaged) || !strings.Contains(err.Error(), k.name) {
					t.Errorf("%s, %s: error %v", describe(key), name, err)
				}
			}
			damage(t, s, key, func([]byte) []byte { return original })
		}
		if errs := readAll(s); len(errs) > 0 {
			t.Fatalf("%s repaired: %v", describe(key), errs)
		}
	}
}

// A chunk that is missing, or from an earlier writing, is damage to the whole.
func TestChunksBelongTogether(t *testing.T) {
	c := load(t, "fulu")
	s := openMemory(t, c.Spec, kv.NewMemory())
	put := func(b byte) {
		commit(t, s, func(batch *Batch) { check(t, batch.PutForkChoice(append(make([]byte, 2<<20), b, b, b))) })
	}
	put(1)
	key := forkChunks().key(2)
	var old []byte
	check(t, s.db.View(key, func(v []byte) error { old = slices.Clone(v); return nil }))
	put(2)
	for name, change := range map[string]func([]byte) []byte{
		"missing": func([]byte) []byte { return nil },
		"earlier": func([]byte) []byte { return old },
	} {
		var damaged *DamagedError
		damage(t, s, key, change)
		if _, err := s.ForkChoice(); !errors.As(err, &damaged) || errors.Is(err, ErrNotFound) {
			t.Errorf("%s chunk: %v", name, err)
		}
		put(2)
	}
	damage(t, s, forkChunks().key(0), func([]byte) []byte { return nil })
	var damaged *DamagedError
	if _, err := s.ForkChoice(); !errors.As(err, &damaged) || errors.Is(err, ErrNotFound) {
		t.Errorf("first chunk missing: %v", err)
	}
}

// Sizes are checked before memory is taken: a record that unpacks to more than its kind allows, or says so, is refused.
func TestBombs(t *testing.T) {
	p, err := newPacker()
	check(t, err)
	defer p.close()
	key := []byte("x")
	bomb := p.pack(key, make([]byte, 64<<20)) // a few kilobytes
	if _, err := p.open(key, bomb, 1<<20); err == nil {
		t.Error("64 MiB come out of a record of at most 1 MiB")
	}
	if n := testing.AllocsPerRun(1, func() { _, _ = p.open(key, bomb, 1<<20) }); n > 10 {
		t.Errorf("%v allocations to refuse a record", n)
	}
	// The record says less than it unpacks to.
	lying := slices.Clone(bomb[:len(bomb)-sumBytes])
	lying = append([]byte{lying[0], 100}, lying[5:]...)
	lying = append(lying, 0, 0, 0, 0)
	body := lying[:len(lying)-sumBytes]
	sum := checksum(key, body)
	for i := range sumBytes {
		lying[len(body)+i] = byte(sum >> (8 * i))
	}
	if out, err := p.open(key, lying, 1<<20); err == nil {
		t.Errorf("a record that says 100 bytes gives %d", len(out))
	}
	s := openMemory(t, gloasSpec(), kv.NewMemory())
	head := lengths{bytes: 1 << 29, sum: 0}
	commit(t, s, func(b *Batch) { check(t, b.put(&kindForkChoice, kindForkChoice.at(), head.append(nil))) })
	var damaged *DamagedError
	if _, err := s.ForkChoice(); !errors.As(err, &damaged) {
		t.Errorf("head of 512 MiB that are not there: %v", err)
	}
	head.bytes = 1 << 62
	commit(t, s, func(b *Batch) { check(t, b.put(&kindForkChoice, kindForkChoice.at(), head.append(nil))) })
	if _, err := s.ForkChoice(); !errors.As(err, &damaged) {
		t.Errorf("head of more than is allowed: %v", err)
	}
}

// What is too large to be read again is not written.
func TestTooLarge(t *testing.T) {
	s := openMemory(t, gloasSpec(), kv.NewMemory())
	b := s.NewBatch()
	b.AppendJournal(0, make([]byte, kindJournal.limit+1))
	if err := b.Commit(true); err == nil {
		t.Error("a journal record beyond its limit is written")
	}
}
