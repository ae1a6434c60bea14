package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// SlotRoot is a block by its slot and root.
type SlotRoot struct {
	Slot types.Slot
	Root types.Root
}

// context is the schema of a slot's containers.
func (s *Store) context(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: s.cfg.Spec, Fork: s.cfg.Spec.ForkAtSlot(slot)}
}

// place notes the slot of a block.
func (b *Batch) place(slot types.Slot, root types.Root) error {
	if have, ok := b.slots[root]; ok && have == slot {
		return nil
	}
	b.slots[root] = slot
	return b.put(&kindSlot, kindSlot.byRoot(root), binary.BigEndian.AppendUint64(nil, uint64(slot)))
}

// SlotOf is the slot of a block of which something is stored. It gives ErrNotFound where nothing is.
func (s *Store) SlotOf(root types.Root) (types.Slot, error) {
	key := kindSlot.byRoot(root)
	value, err := s.get(&kindSlot, key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, &DamagedError{describe(key), fmt.Errorf("slot of %d bytes, want 8", len(value))}
	}
	return types.Slot(binary.BigEndian.Uint64(value)), nil
}

// PutBlock adds a block under its root.
func (b *Batch) PutBlock(root types.Root, signed *types.SignedBeaconBlock) error {
	slot := signed.Message.Slot
	value, err := ssz.Marshal(b.s.context(slot), ssz.Container(signed))
	if err != nil {
		return b.fail(fmt.Errorf("write block %v of slot %d: %w", root, slot, err))
	}
	if err := b.putPacked(&kindBlock, kindBlock.bySlot(slot, root), value); err != nil {
		return err
	}
	if err := b.put(&kindBlockIndex, kindBlockIndex.bySlot(slot, root), nil); err != nil {
		return err
	}
	return b.place(slot, root)
}

// DeleteBlock deletes a block with its payload, columns and blobs.
func (b *Batch) DeleteBlock(slot types.Slot, root types.Root) error {
	for _, k := range []*kind{&kindBlock, &kindBlockIndex, &kindPayload, &kindPayloadMark} {
		if err := b.delete(k, k.bySlot(slot, root)); err != nil {
			return err
		}
	}
	for _, k := range []*kind{&kindColumn, &kindColumnMark, &kindBlob, &kindBlobMark} {
		from := k.bySlot(slot, root)
		if err := b.deleteRange(k, from, after(from)); err != nil {
			return err
		}
	}
	delete(b.slots, root)
	return b.delete(&kindSlot, kindSlot.byRoot(root))
}

// bytesOf reads a value that lies by slot and root.
func (s *Store) bytesOf(k *kind, root types.Root) ([]byte, []byte, error) {
	slot, err := s.SlotOf(root)
	if err != nil {
		return nil, nil, err
	}
	key := k.bySlot(slot, root)
	value, err := s.get(k, key)
	return key, value, err
}

// BlockBytes is the encoding of a SignedBeaconBlock.
func (s *Store) BlockBytes(root types.Root) ([]byte, error) {
	_, value, err := s.bytesOf(&kindBlock, root)
	return value, err
}

// Block is a block by its root.
func (s *Store) Block(root types.Root) (*types.SignedBeaconBlock, error) {
	key, value, err := s.bytesOf(&kindBlock, root)
	if err != nil {
		return nil, err
	}
	signed, _, err := types.DecodeSignedBeaconBlock(s.cfg.Spec, value)
	if err != nil {
		return nil, &DamagedError{describe(key), err}
	}
	if have := signed.Message.Slot; have != slotOf(key) {
		return nil, &DamagedError{describe(key), fmt.Errorf("it is of slot %d", have)}
	}
	return signed, nil
}

// HasBlock tells whether a block is stored.
func (s *Store) HasBlock(root types.Root) (bool, error) { return s.has(&kindBlockIndex, root) }

func (s *Store) has(index *kind, root types.Root) (bool, error) {
	slot, err := s.SlotOf(root)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.db.Has(index.bySlot(slot, root))
}

// BlockRoots goes over the stored blocks of the slots from one up to and with another, on any branch, in ascending order. An error is
// the last it yields.
func (s *Store) BlockRoots(from, to types.Slot) iter.Seq2[SlotRoot, error] {
	return s.slotRoots(&kindBlockIndex, from, to)
}

func (s *Store) slotRoots(k *kind, from, to types.Slot) iter.Seq2[SlotRoot, error] {
	return func(yield func(SlotRoot, error) bool) {
		lower, upper := k.slots(from, to)
		for e, err := range s.db.Range(lower, upper) {
			if err == nil {
				_, err = s.entry(k, e)
			}
			if err != nil {
				yield(SlotRoot{}, err)
				return
			}
			if !yield(SlotRoot{slotOf(e.Key), rootOf(e.Key)}, nil) {
				return
			}
		}
	}
}

// PutCanonical notes the block of a slot on the finalized chain.
func (b *Batch) PutCanonical(slot types.Slot, root types.Root) {
	_ = b.put(&kindCanonical, kindCanonical.bySlot(slot), root[:]) // Commit gives the error
}

// CanonicalRoot is the block of a slot on the finalized chain. It gives ErrNotFound for a slot without block.
func (s *Store) CanonicalRoot(slot types.Slot) (types.Root, error) {
	key := kindCanonical.bySlot(slot)
	value, err := s.get(&kindCanonical, key)
	if err != nil {
		return types.Root{}, err
	}
	return rootValue(key, value)
}

func rootValue(key, value []byte) (types.Root, error) {
	if len(value) != len(types.Root{}) {
		return types.Root{}, &DamagedError{describe(key), fmt.Errorf("root of %d bytes, want %d", len(value), len(types.Root{}))}
	}
	return types.Root(value), nil
}

// CanonicalRoots goes over the finalized chain from one slot up to and with another, in ascending order. An error is the last it
// yields.
func (s *Store) CanonicalRoots(from, to types.Slot) iter.Seq2[SlotRoot, error] {
	return func(yield func(SlotRoot, error) bool) {
		lower, upper := kindCanonical.slots(from, to)
		for e, err := range s.db.Range(lower, upper) {
			var at SlotRoot
			if err == nil {
				at, err = s.canonicalEntry(e)
			}
			if !yield(at, err) || err != nil {
				return
			}
		}
	}
}

// LastCanonical is the last block of the finalized chain up to a slot. It gives ErrNotFound where there is none.
func (s *Store) LastCanonical(slot types.Slot) (SlotRoot, error) {
	for e, err := range s.db.Backward(kindCanonical.slots(0, slot)) {
		if err != nil {
			return SlotRoot{}, err
		}
		return s.canonicalEntry(e)
	}
	return SlotRoot{}, ErrNotFound
}

func (s *Store) canonicalEntry(e kv.Entry) (SlotRoot, error) {
	value, err := s.entry(&kindCanonical, e)
	if err != nil {
		return SlotRoot{}, err
	}
	root, err := rootValue(e.Key, value)
	return SlotRoot{slotOf(e.Key), root}, err
}

// PutPayload adds the payload of a block, in its envelope. From Gloas on.
func (b *Batch) PutPayload(root types.Root, signed *types.SignedExecutionPayloadEnvelope) error {
	slot := types.Slot(signed.Message.Payload.SlotNumber)
	value, err := ssz.Marshal(b.s.context(slot), ssz.Container(signed))
	if err != nil {
		return b.fail(fmt.Errorf("write payload of block %v of slot %d: %w", root, slot, err))
	}
	if err := b.putPacked(&kindPayload, kindPayload.bySlot(slot, root), value); err != nil {
		return err
	}
	if err := b.put(&kindPayloadMark, kindPayloadMark.bySlot(slot, root), nil); err != nil {
		return err
	}
	return b.place(slot, root)
}

// PayloadBytes is the encoding of the SignedExecutionPayloadEnvelope of a block.
func (s *Store) PayloadBytes(root types.Root) ([]byte, error) {
	_, value, err := s.bytesOf(&kindPayload, root)
	return value, err
}

// Payload is the payload of a block, in its envelope.
func (s *Store) Payload(root types.Root) (*types.SignedExecutionPayloadEnvelope, error) {
	key, value, err := s.bytesOf(&kindPayload, root)
	if err != nil {
		return nil, err
	}
	signed := new(types.SignedExecutionPayloadEnvelope)
	if err := ssz.Unmarshal(s.context(slotOf(key)), value, ssz.Container(signed)); err != nil {
		return nil, &DamagedError{describe(key), err}
	}
	if have := types.Slot(signed.Message.Payload.SlotNumber); have != slotOf(key) {
		return nil, &DamagedError{describe(key), fmt.Errorf("it is of slot %d", have)}
	}
	return signed, nil
}

// HasPayload tells whether the payload of a block is stored.
func (s *Store) HasPayload(root types.Root) (bool, error) { return s.has(&kindPayloadMark, root) }
