package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// metaName names a metadata record.
type metaName string

// The names. Values are numbers of 8 bytes, big-endian, and roots, one behind the other.
const (
	metaVersion   metaName = "schema version" // number
	metaMigration metaName = "migration"      // where the step to the next version stands, the step's own
	metaNetwork   metaName = "network"        // JSON, see network
	metaBegun     metaName = "begun"          // genesis time, genesis validators root
	metaAnchor    metaName = "anchor"         // slot and root of the block the chain was started from
	metaBase      metaName = "base"           // slot and root: the hot state that others are differences to
	metaFinalized metaName = "finalized"      // epoch and root of the checkpoint
	metaSplit     metaName = "split"          // slot below which the chain's states are cold
	metaClean     metaName = "clean shutdown" // 1 if the last process to write ended on purpose, 0 while one runs
	metaOrphans   metaName = "orphans"        // slot below which blocks off the finalized chain are deleted
	metaColdStart metaName = "cold start"     // slot of the first cold state
	metaCustody   metaName = "custody"        // custody groups, slot from which on their columns are here
	metaOldest    metaName = "oldest"         // slot of the oldest block without a gap after it, root of the one before
)

// metaNames lists them with what is checked of their values: a length in bytes, or 0 for any.
func metaNames() map[metaName]int {
	return map[metaName]int{
		metaVersion: 8, metaMigration: 0, metaNetwork: 0, metaBegun: 40, metaAnchor: 40, metaBase: 40, metaFinalized: 40,
		metaSplit: 8, metaClean: 8, metaOrphans: 8, metaColdStart: 8, metaOldest: 40, metaCustody: 16,
	}
}

// meta reads a metadata record.
func (s *Store) meta(name metaName) ([]byte, error) {
	key := kindMeta.byName(name)
	value, err := s.get(&kindMeta, key)
	if err != nil {
		return nil, err
	}
	if want := metaNames()[name]; want != 0 && len(value) != want {
		return nil, &DamagedError{describe(key), fmt.Errorf("%d bytes, want %d", len(value), want)}
	}
	return value, nil
}

func (s *Store) metaNumber(name metaName) (uint64, error) {
	value, err := s.meta(name)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(value), nil
}

func (s *Store) metaNumberRoot(name metaName) (uint64, types.Root, error) {
	value, err := s.meta(name)
	if err != nil {
		return 0, types.Root{}, err
	}
	return binary.BigEndian.Uint64(value), types.Root(value[8:]), nil
}

func (b *Batch) putMeta(name metaName, value []byte) {
	_ = b.put(&kindMeta, kindMeta.byName(name), value) // Commit gives the error
}

func (b *Batch) putMetaNumber(name metaName, n uint64, root ...types.Root) {
	value := binary.BigEndian.AppendUint64(nil, n)
	for i := range root {
		value = append(value, root[i][:]...)
	}
	b.putMeta(name, value)
}

// PutBegun notes that the store holds a chain, and of which genesis: its time in Unix seconds and its validators' root.
func (b *Batch) PutBegun(genesisTime uint64, genesisValidatorsRoot types.Root) {
	b.putMetaNumber(metaBegun, genesisTime, genesisValidatorsRoot)
}

// Begun tells whether the store holds a chain.
func (s *Store) Begun() (bool, error) {
	_, err := s.meta(metaBegun)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Genesis is the genesis time in Unix seconds and the genesis validators' root of the chain.
func (s *Store) Genesis() (uint64, types.Root, error) { return s.metaNumberRoot(metaBegun) }

// PutAnchor notes the block that the chain was started from.
func (b *Batch) PutAnchor(at SlotRoot) { b.putMetaNumber(metaAnchor, uint64(at.Slot), at.Root) }

// Anchor is the block that the chain was started from.
func (s *Store) Anchor() (SlotRoot, error) {
	slot, root, err := s.metaNumberRoot(metaAnchor)
	return SlotRoot{types.Slot(slot), root}, err
}

// PutCustody notes how many custody groups are kept, and from which slot on all of their columns are here.
func (b *Batch) PutCustody(groups uint64, since types.Slot) {
	b.putMeta(metaCustody, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, groups), uint64(since)))
}

// Custody gives what PutCustody noted; zeros if it has noted nothing.
func (s *Store) Custody() (groups uint64, since types.Slot, err error) {
	value, err := s.meta(metaCustody)
	if errors.Is(err, ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint64(value), types.Slot(binary.BigEndian.Uint64(value[8:])), nil
}

// PutOldest notes the oldest slot from which on all blocks are here, and the root of the last block before it.
func (b *Batch) PutOldest(slot types.Slot, parent types.Root) {
	b.putMetaNumber(metaOldest, uint64(slot), parent)
}

// Oldest gives what PutOldest noted.
func (s *Store) Oldest() (slot types.Slot, parent types.Root, err error) {
	n, parent, err := s.metaNumberRoot(metaOldest)
	return types.Slot(n), parent, err
}

// PutBase notes the state that other hot states are differences to.
func (b *Batch) PutBase(key StateKey) { b.putMetaNumber(metaBase, uint64(key.Slot), key.Root) }

// Base is the state that other hot states are differences to.
func (s *Store) Base() (StateKey, error) {
	slot, root, err := s.metaNumberRoot(metaBase)
	return StateKey{Root: root, Slot: types.Slot(slot)}, err
}

// PutFinalized notes the finalized checkpoint.
func (b *Batch) PutFinalized(c types.Checkpoint) {
	b.putMetaNumber(metaFinalized, uint64(c.Epoch), c.Root)
}

// Finalized is the finalized checkpoint.
func (s *Store) Finalized() (types.Checkpoint, error) {
	epoch, root, err := s.metaNumberRoot(metaFinalized)
	return types.Checkpoint{Epoch: types.Epoch(epoch), Root: root}, err
}

// PutSplit notes the slot below which the states of the finalized chain are cold ones.
func (b *Batch) PutSplit(slot types.Slot) { b.putMetaNumber(metaSplit, uint64(slot)) }

// Split is the slot below which the states of the finalized chain are cold ones.
func (s *Store) Split() (types.Slot, error) {
	slot, err := s.metaNumber(metaSplit)
	return types.Slot(slot), err
}

// PutClean notes whether the process that writes has ended on purpose.
func (b *Batch) PutClean(clean bool) {
	var n uint64
	if clean {
		n = 1
	}
	b.putMetaNumber(metaClean, n)
}

// Clean tells whether the last process that wrote ended on purpose. It is false where none noted it.
func (s *Store) Clean() (bool, error) {
	n, err := s.metaNumber(metaClean)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return n == 1, err
}
