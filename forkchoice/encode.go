package forkchoice

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// The encoding: eight bytes that name it and its version, the fields of store, block by block those of block, the votes, and the
// SHA-256 of all that. Numbers are little-endian.
const encodingName = "cressFC\x01"

const (
	encodedVote  = 8   // bytes of a vote: target and seen
	encodedBlock = 300 // bytes that a block has at least
)

// ErrEncoding is the class of errors of Decode.
var ErrEncoding = errors.New("fork choice encoding")

// Encode writes the whole store, votes and variables of the fast confirmation rule included. Balances are asked for anew after Decode.
func (s *Store) Encode() []byte {
	size := len(encodingName) + 1024 + len(s.tree.nodes)*(encodedBlock+128) + len(s.votes.all)*encodedVote + sha256.Size
	for i := range s.tree.entries {
		if p := s.tree.entries[i].ptc; p != nil {
			size += len(p.votes)
		}
	}
	c := &codec{buf: append(make([]byte, 0, size), encodingName...)}
	s.fields(c)
	c.count(len(s.tree.nodes), encodedBlock)
	for i := range s.tree.entries {
		s.tree.entries[i].fields(c)
	}
	c.count(len(s.votes.all), encodedVote)
	for i := range s.votes.all {
		v := &s.votes.all[i]
		c.buf = binary.LittleEndian.AppendUint64(c.buf, uint64(v.next)|uint64(v.seen)<<32)
	}
	sum := sha256.Sum256(c.buf)
	return append(c.buf, sum[:]...)
}

// Decode reads what Encode wrote. Of the config the anchor is not used. It fails, with ErrEncoding, on damage, on another version,
// on the store of another chain, and on whatever no store looks like.
func Decode(cfg Config, data []byte) (*Store, error) {
	s := &Store{spec: cfg.Spec, states: cfg.States, genesisTime: cfg.GenesisTime, tree: newTree(cfg.Spec)}
	if err := s.decode(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return s, nil
}

func (s *Store) decode(data []byte) error {
	end := len(data) - sha256.Size
	if end < len(encodingName) || string(data[:len(encodingName)]) != encodingName {
		return fmt.Errorf("begins with %.8q, want %q", data, encodingName)
	}
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return fmt.Errorf("checksum is %x, want %x", data[end:], sum)
	}
	c := &codec{buf: data[len(encodingName):end], reading: true}
	s.fields(c)
	s.decodeBlocks(c)
	s.decodeVotes(c)
	if c.err == nil && len(c.buf) > 0 {
		c.fail("%d bytes after the votes, want none", len(c.buf))
	}
	if c.err != nil {
		return c.err
	}
	return s.checkDecoded()
}

// fields is the part of the encoding that is neither blocks nor votes.
func (s *Store) fields(c *codec) {
	genesis, slotMs, slots, ptc := s.genesisTime, s.spec.SlotDurationMs, s.spec.SlotsPerEpoch, s.spec.PTCSize
	for _, n := range []*uint64{&genesis, &slotMs, &slots, &ptc} {
		number(c, n)
	}
	if genesis != s.genesisTime || slotMs != s.spec.SlotDurationMs || slots != s.spec.SlotsPerEpoch || ptc != s.spec.PTCSize {
		c.fail("genesis at %d, %d ms a slot, %d slots an epoch, payload committees of %d; want %d, %d, %d, %d",
			genesis, slotMs, slots, ptc, s.genesisTime, s.spec.SlotDurationMs, s.spec.SlotsPerEpoch, s.spec.PTCSize)
	}
	number(c, &s.now)
	for _, p := range []*types.Checkpoint{
		&s.justified, &s.finalized, &s.unrealizedJustified, &s.unrealizedFinalized,
		&s.fcr.PreviousEpochObservedJustifiedCheckpoint, &s.fcr.CurrentEpochObservedJustifiedCheckpoint,
		&s.fcr.PreviousEpochGreatestUnrealizedCheckpoint,
	} {
		c.checkpoint(p)
	}
	for _, root := range []*types.Root{&s.boostRoot, &s.fcr.ConfirmedRoot, &s.fcr.PreviousSlotHead, &s.fcr.CurrentSlotHead} {
		c.bytes(root[:])
	}
}

// fields is a block in the encoding. Its place in the tree follows from its parent's root.
func (e *entry) fields(c *codec) {
	number(c, &e.Slot)
	for _, root := range []*types.Root{&e.Root, &e.ParentRoot, &e.StateRoot} {
		c.bytes(root[:])
	}
	number(c, &e.ProposerIndex)
	c.bytes(e.ExecutionParentHash[:])
	c.bytes(e.ExecutionBlockHash[:])
	enum(c, &e.Execution, Invalid+1)
	for _, p := range []*types.Checkpoint{&e.JustifiedCheckpoint, &e.FinalizedCheckpoint, &e.UnrealizedJustified, &e.UnrealizedFinalized} {
		c.checkpoint(p)
	}
	number(c, &e.Arrived)
	c.flag(&e.timely.attestation)
	c.flag(&e.timely.ptc)
	var votes []uint8
	if e.ptc != nil {
		votes = e.ptc.votes
	}
	n := c.count(len(votes), 1)
	if c.reading && n > 0 {
		votes = make([]uint8, n)
		e.ptc = &payloadVotes{votes: votes}
	}
	c.bytes(votes)
}

func (s *Store) decodeBlocks(c *codec) {
	for i := range c.count(0, encodedBlock) {
		var e entry
		e.fields(c)
		if c.err != nil {
			return
		}
		parent, hasParent := s.tree.find(e.ParentRoot)
		_, again := s.tree.find(e.Root)
		switch {
		case again:
			c.fail("block %v twice", e.Root)
		case hasParent != (i > 0):
			c.fail("block %d, %v, with parent %v: has a parent in front of it: %t, want %t", i, e.Root, e.ParentRoot, hasParent, i > 0)
		case hasParent && e.Slot <= s.tree.nodes[parent].slot:
			c.fail("block %v at slot %d, its parent at %d", e.Root, e.Slot, s.tree.nodes[parent].slot)
		case uint64(e.Slot) > maxSlot || e.Slot > s.GetCurrentSlot() || e.Arrived > s.now:
			c.fail("block %v at slot %d, arrived at %d, want at most slot %d and %d", e.Root, e.Slot, e.Arrived, s.GetCurrentSlot(), s.now)
		}
		if c.err != nil {
			return
		}
		s.placeDecoded(c, &e)
	}
}

// placeDecoded adds a block with what New and OnBlock would not take: a payload that came later or was invalidated.
func (s *Store) placeDecoded(c *codec, e *entry) {
	i := s.tree.add(&e.Block, e.timely)
	n := &s.tree.nodes[i]
	n.full = n.gloas && (e.Execution == Valid || e.Execution == Optimistic)
	n.invalid = !n.gloas && e.Execution == Invalid
	if n.parent != none {
		p := &s.tree.nodes[n.parent]
		n.invalid = n.invalid || p.invalid || n.below == Full && !p.full
		if n.below == Full && s.tree.entries[n.parent].Execution == Irrelevant {
			c.fail("block %v builds on a payload that never came", e.Root)
		}
	}
	if n.invalid && e.Execution != Invalid && e.Execution != Irrelevant {
		c.fail("block %v has a payload that is %v, on one that is invalid", e.Root, e.Execution)
	}
	if e.Execution == Valid {
		s.tree.payloadsBelow(n.parent, n.below, func(at uint32) bool {
			if x := s.tree.entries[at].Execution; x != Valid && x != Irrelevant {
				c.fail("block %v has a valid payload on one that is %v", e.Root, x)
			}
			return false
		})
	}
	if e.ptc == nil {
		return
	}
	if !n.gloas || uint64(len(e.ptc.votes)) != s.spec.PTCSize {
		c.fail("block %v has %d payload votes, want %d from gloas on", e.Root, len(e.ptc.votes), s.spec.PTCSize)
		return
	}
	counted := &payloadVotes{votes: make([]uint8, len(e.ptc.votes))}
	for at, v := range e.ptc.votes {
		if v > votedFlag|presentFlag|availableFlag || v != 0 && v&votedFlag == 0 {
			c.fail("block %v: payload vote %d is %#x", e.Root, at, v)
			return
		}
		if v != 0 {
			counted.set(at, v&presentFlag != 0, v&availableFlag != 0)
		}
	}
	s.tree.entries[i].ptc = counted
}

func (s *Store) decodeVotes(c *codec) {
	n := c.count(0, encodedVote)
	if n > maxValidators {
		c.fail("%d votes, want at most %d", n, maxValidators)
	}
	if c.err != nil {
		return
	}
	raw := c.take(n * encodedVote)
	s.votes.grow(n)
	blocks, current := uint32(len(s.tree.nodes)), uint64(s.GetCurrentSlot())
	for i := range s.votes.all {
		both := binary.LittleEndian.Uint64(raw[i*encodedVote:])
		t, seen := target(both), uint32(both>>32)
		switch {
		case t != 0 && (t.block() >= blocks || t&3 == 0 || t.status() != Pending && !s.tree.nodes[t.block()].gloas):
			c.fail("vote of validator %d is for node %#x of %d blocks", i, t, blocks)
		case t != 0 && (seen == 0 || seen == equivocating), seen != equivocating && uint64(seen) > current+1:
			c.fail("vote of validator %d is for node %#x, of slot %d - 1; it is slot %d", i, t, seen, current)
		}
		if c.err != nil {
			return
		}
		s.votes.all[i].next, s.votes.all[i].seen = t, seen
		if seen == equivocating {
			s.votes.equivocators++
		}
	}
}

// checkDecoded checks what the rules rely on: that the checkpoints are of blocks of the tree.
func (s *Store) checkDecoded() error {
	if len(s.tree.nodes) == 0 {
		return errors.New("no blocks, want at least one")
	}
	if s.tree.nodes[0].invalid {
		return errors.New("the first block is invalid")
	}
	for _, root := range []types.Root{s.justified.Root, s.finalized.Root, s.unrealizedJustified.Root, s.unrealizedFinalized.Root} {
		if _, ok := s.tree.find(root); !ok {
			return fmt.Errorf("checkpoint's block %v is not in the tree", root)
		}
	}
	// The boosted block can have been pruned.
	if i, ok := s.tree.find(s.boostRoot); ok && (i == 0 || s.tree.nodes[i].invalid || s.tree.nodes[i].slot != s.GetCurrentSlot()) {
		return fmt.Errorf("boosted block %v is of slot %d, invalid: %t; want a valid one of slot %d", s.boostRoot, s.tree.nodes[i].slot, s.tree.nodes[i].invalid, s.GetCurrentSlot())
	}
	return nil
}
