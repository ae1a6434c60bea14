package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// maxState bounds an encoded state or difference in bytes: 2**24 validators and all queues fit.
const maxState = 4 << 30

// maxDiffs bounds how many differences are applied one after the other to get a state.
const maxDiffs = 64

// head describes a stored state. On disk it is
//
//	form       1 byte, 0 in full, 1 a difference
//	fork       1 byte
//	root       32 bytes, of the state
//	base slot  8 bytes     } the state that a difference is to; zeros for a state in full
//	base root  32 bytes    } (block root; cold states have none)
//	base state 32 bytes, root of that state
//	bytes, sum of the chunks
type head struct {
	diff      bool
	fork      params.Fork
	root      types.Root
	base      StateKey
	baseState types.Root
	lengths   lengths
}

const headBytes = 2 + 32 + 8 + 32 + 32 + lengthsBytes

func (h head) encode() []byte {
	out := make([]byte, 0, headBytes)
	form := byte(0)
	if h.diff {
		form = 1
	}
	out = append(out, form, byte(h.fork))
	out = append(out, h.root[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(h.base.Slot))
	out = append(out, h.base.Root[:]...)
	out = append(out, h.baseState[:]...)
	return h.lengths.append(out)
}

func decodeHead(b []byte) (h head, err error) {
	if len(b) != headBytes {
		return h, fmt.Errorf("head of %d bytes, want %d", len(b), headBytes)
	}
	if b[0] > 1 {
		return h, fmt.Errorf("form %d is neither 0 nor 1", b[0])
	}
	h.diff, h.fork = b[0] == 1, params.Fork(b[1])
	h.root = types.Root(b[2:])
	h.base = StateKey{Slot: types.Slot(binary.BigEndian.Uint64(b[34:])), Root: types.Root(b[42:])}
	h.baseState = types.Root(b[74:])
	h.lengths = lengthsOf(b[106:])
	return h, nil
}

// place is where a state lies: hot states and cold ones differ in nothing else.
type place struct {
	head   *kind
	chunks *kind
	rest   []byte // of the keys, behind the prefix
	slot   types.Slot
}

func hotPlace(key StateKey) place {
	return place{&kindState, &kindStateChunk, kindState.bySlot(key.Slot, key.Root)[1:], key.Slot}
}

func coldPlace(slot types.Slot) place {
	return place{&kindCold, &kindColdChunk, kindCold.bySlot(slot)[1:], slot}
}

func (p place) key() []byte    { return append(p.head.at(), p.rest...) }
func (p place) series() series { return series{p.chunks, p.rest, describe(p.key())} }

// putWhole adds a state in full.
func (b *Batch) putWhole(p place, st *types.BeaconState) error {
	root, err := st.HashTreeRoot()
	if err != nil {
		return b.fail(fmt.Errorf("write %s: %w", describe(p.key()), err))
	}
	value, err := st.MarshalSSZ()
	if err != nil {
		return b.fail(fmt.Errorf("write %s: %w", describe(p.key()), err))
	}
	return b.putState(p, head{fork: st.Cx.Fork, root: root}, value)
}

// putDiff adds a state as a difference to another.
func (b *Batch) putDiff(p place, st *types.BeaconState, baseKey StateKey, base *types.BeaconState) error {
	h := head{diff: true, fork: st.Cx.Fork, base: baseKey}
	var err error
	if h.root, err = st.HashTreeRoot(); err != nil {
		return b.fail(fmt.Errorf("write %s: %w", describe(p.key()), err))
	}
	if h.baseState, err = base.HashTreeRoot(); err != nil {
		return b.fail(fmt.Errorf("write %s: its base: %w", describe(p.key()), err))
	}
	value, err := diffStates(base, st)
	if err != nil {
		return b.fail(fmt.Errorf("write %s: %w", describe(p.key()), err))
	}
	return b.putState(p, h, value)
}

func (b *Batch) putState(p place, h head, value []byte) (err error) {
	if len(value) > maxState {
		return b.fail(fmt.Errorf("write %s: %d bytes, at most %d are allowed", describe(p.key()), len(value), maxState))
	}
	if h.lengths, err = b.putChunks(p.series(), value); err != nil {
		return err
	}
	return b.put(p.head, p.key(), h.encode())
}

func (b *Batch) deleteState(p place) error {
	if err := b.delete(p.head, p.key()); err != nil {
		return err
	}
	from, to := p.series().bounds()
	return b.deleteRange(p.chunks, from, to)
}

// readHead reads the head of a state.
func (s *Store) readHead(p place) (head, error) {
	key := p.key()
	value, err := s.get(p.head, key)
	if err != nil {
		return head{}, err
	}
	h, err := decodeHead(value)
	if err != nil {
		return head{}, &DamagedError{describe(key), err}
	}
	if want := s.cfg.Spec.ForkAtSlot(p.slot); h.fork != want {
		return head{}, &DamagedError{describe(key), fmt.Errorf("it is of fork %v, slot %d is of %v", h.fork, p.slot, want)}
	}
	return h, nil
}

// link is a state of a chain of differences.
type link struct {
	place
	head
}

// resolve reads a state: down the chain of differences to one in full, or to one that known has in memory, and up again. The result
// belongs to the caller; its root is up to date and right.
func (s *Store) resolve(p place, next func(StateKey) place, known func(StateKey) *types.BeaconState) (*types.BeaconState, error) {
	var links []link
	var st *types.BeaconState
	for at := p; ; {
		h, err := s.readHead(at)
		if err != nil {
			return nil, missingBase(p, at, err)
		}
		if n := len(links); n > 0 && links[n-1].baseState != h.root {
			return nil, &DamagedError{describe(links[n-1].key()), fmt.Errorf("it is a difference to state %v, %s is %v", links[n-1].baseState, describe(at.key()), h.root)}
		}
		links = append(links, link{at, h})
		if !h.diff {
			break
		}
		if len(links) > maxDiffs {
			return nil, &DamagedError{describe(p.key()), fmt.Errorf("no state in full below %d differences", maxDiffs)}
		}
		if known != nil {
			if base := known(h.base); base != nil {
				if st, err = checkBase(base, h, at); err != nil {
					return nil, err
				}
				break
			}
		}
		at = next(h.base)
	}
	return s.build(links, st)
}

// missingBase tells a state that is not there from one whose base is not.
func missingBase(asked, at place, err error) error {
	if errors.Is(err, ErrNotFound) && !bytes.Equal(asked.key(), at.key()) {
		return &DamagedError{describe(asked.key()), fmt.Errorf("%s, which it is a difference to, is missing", describe(at.key()))}
	}
	return err
}

// checkBase refuses a state in memory that is not the one a difference was made to.
func checkBase(base *types.BeaconState, h head, at place) (*types.BeaconState, error) {
	root, err := base.HashTreeRoot()
	if err != nil {
		return nil, err
	}
	if root != h.baseState {
		return nil, fmt.Errorf("%s is a difference to state %v, the base that was given is %v", describe(at.key()), h.baseState, root)
	}
	return base, nil
}

// build goes up a chain of differences, from st if it is not nil. The root of the last state is computed and compared; those between
// follow from it.
func (s *Store) build(links []link, st *types.BeaconState) (*types.BeaconState, error) {
	for i := len(links) - 1; i >= 0; i-- {
		l := links[i]
		value, err := s.readChunks(l.series(), l.lengths, maxState)
		if err != nil {
			return nil, err
		}
		if l.diff {
			st, err = applyDiff(st, ssz.Context{Spec: s.cfg.Spec, Fork: l.fork}, value)
		} else {
			st = types.NewBeaconState(s.cfg.Spec, l.fork)
			err = st.UnmarshalSSZ(value)
		}
		if err == nil && st.Slot != l.slot {
			err = fmt.Errorf("it is of slot %d", st.Slot)
		}
		if err != nil {
			return nil, &DamagedError{describe(l.key()), err}
		}
	}
	want := links[0]
	root, err := st.HashTreeRoot()
	if err == nil && root != want.root {
		err = fmt.Errorf("its root is %v, its head says %v", types.Root(root), want.root)
	}
	if err != nil {
		return nil, &DamagedError{describe(want.key()), err}
	}
	return st, nil
}
