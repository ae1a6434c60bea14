package store

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

// schemaVersion is the version of what this file says. A change that old records do not follow raises it and adds a step to
// migrations.
const schemaVersion = 1

// part is a part of a key. Numbers are big-endian, so that keys are in the order of their numbers.
type part struct {
	name string
	size int // bytes; 0 takes the rest of the key
}

// The parts keys are made of.
var (
	partSlot  = part{"slot", 8}
	partRoot  = part{"block root", 32}
	partIndex = part{"index", 2}
	partChunk = part{"chunk", 4}
	partSeq   = part{"number", 8}
	partName  = part{"name", 0}
)

// kind is one kind of record.
type kind struct {
	prefix byte
	name   string
	key    []part
	value  string // in words
	limit  int    // of the value's bytes when unpacked
}

// The kinds of records: the key schema. What lies by slot is written and deleted in the order of its keys, so that the engine hardly
// ever moves it. The larger values are kept apart from what lists them, so that listing reads no value.
var (
	kindMeta        = kind{'m', "metadata", []part{partName}, "by name, see metaNames", 1 << 12}
	kindBlock       = kind{'b', "block", []part{partSlot, partRoot}, "SignedBeaconBlock, packed", 1 << 26}
	kindBlockIndex  = kind{'s', "block index", []part{partSlot, partRoot}, "empty", 0}
	kindSlot        = kind{'r', "slot of block", []part{partRoot}, "slot", 8}
	kindCanonical   = kind{'c', "canonical block", []part{partSlot}, "block root", 32}
	kindPayload     = kind{'p', "payload", []part{partSlot, partRoot}, "SignedExecutionPayloadEnvelope, packed", 1 << 26}
	kindPayloadMark = kind{'q', "payload index", []part{partSlot, partRoot}, "empty", 0}
	kindColumn      = kind{'d', "column", []part{partSlot, partRoot, partIndex}, "DataColumnSidecar", 1 << 26}
	kindColumnMark  = kind{'e', "column index", []part{partSlot, partRoot, partIndex}, "empty", 0}
	kindBlob        = kind{'o', "blob", []part{partSlot, partRoot, partIndex}, "BlobSidecar", 1 << 24}
	kindBlobMark    = kind{'i', "blob index", []part{partSlot, partRoot, partIndex}, "empty", 0}
	kindState       = kind{'h', "hot state", []part{partSlot, partRoot}, "head of a state", 1 << 10}
	kindStateChunk  = kind{'H', "chunk of hot state", []part{partSlot, partRoot, partChunk}, "1 MiB of it, packed", chunkBytes}
	kindCold        = kind{'k', "cold state", []part{partSlot}, "head of a state", 1 << 10}
	kindColdChunk   = kind{'K', "chunk of cold state", []part{partSlot, partChunk}, "1 MiB of it, packed", chunkBytes}
	kindForkChoice  = kind{'f', "fork choice", nil, "head of the chunks", 1 << 10}
	kindForkChunk   = kind{'F', "chunk of fork choice", []part{partChunk}, "1 MiB of it, packed", chunkBytes}
	kindJournal     = kind{'j', "journal record", []part{partSeq}, "the chain's own", 1 << 20}
)

// kinds lists the schema.
func kinds() []*kind {
	return []*kind{
		&kindMeta, &kindBlock, &kindBlockIndex, &kindSlot, &kindCanonical, &kindPayload, &kindPayloadMark, &kindColumn, &kindColumnMark,
		&kindBlob, &kindBlobMark, &kindState, &kindStateChunk, &kindCold, &kindColdChunk, &kindForkChoice, &kindForkChunk, &kindJournal,
	}
}

// at begins a key.
func (k *kind) at() []byte { return append(make([]byte, 0, 48), k.prefix) }

// bySlot is a key, or the beginning of one, by slot and block.
func (k *kind) bySlot(slot types.Slot, root ...types.Root) []byte {
	key := binary.BigEndian.AppendUint64(k.at(), uint64(slot))
	for i := range root {
		key = append(key, root[i][:]...)
	}
	return key
}

func (k *kind) byRoot(root types.Root) []byte { return append(k.at(), root[:]...) }

func (k *kind) byIndex(slot types.Slot, root types.Root, index uint64) []byte {
	return binary.BigEndian.AppendUint16(k.bySlot(slot, root), uint16(index))
}

func (k *kind) byNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(k.at(), n) }

func (k *kind) byName(name metaName) []byte { return append(k.at(), name...) }

// chunk is the key of a chunk under a key's remainder.
func (k *kind) chunk(rest []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(k.at(), rest...), uint32(n))
}

// all is the bounds of the kind's keys.
func (k *kind) all() (from, to []byte) { return []byte{k.prefix}, []byte{k.prefix + 1} }

// upTo is the bounds of the kind's keys from one slot up to and with another.
func (k *kind) slots(from, to types.Slot) (lower, upper []byte) {
	if to == ^types.Slot(0) {
		_, upper = k.all()
	} else {
		upper = k.bySlot(to + 1)
	}
	return k.bySlot(from), upper
}

// after is the smallest key that does not begin with a prefix whose bytes are not all 255.
func after(prefix []byte) []byte {
	next := append([]byte(nil), prefix...)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}

// size is the length of the kind's keys in bytes, and whether it is fixed.
func (k *kind) size() (n int, fixed bool) {
	n, fixed = 1, true
	for _, p := range k.key {
		n, fixed = n+p.size, fixed && p.size != 0
	}
	return n, fixed
}

// slotOf and rootOf take a key apart that begins with a slot, and a block root behind it.
func slotOf(key []byte) types.Slot { return types.Slot(binary.BigEndian.Uint64(key[1:])) }

func rootOf(key []byte) types.Root { return types.Root(key[9:41]) }

func indexOf(key []byte) uint64 { return uint64(binary.BigEndian.Uint16(key[41:])) }

// describe says in words which record a key is of. It takes any bytes.
func describe(key []byte) string {
	if len(key) == 0 {
		return "record without key"
	}
	for _, k := range kinds() {
		if k.prefix == key[0] {
			return k.describe(key)
		}
	}
	return fmt.Sprintf("record of unknown kind with key %#x", key)
}

func (k *kind) describe(key []byte) string {
	if want, fixed := k.size(); len(key) < want || fixed && len(key) != want {
		return fmt.Sprintf("%s with a key of %d bytes %#x", k.name, len(key), key)
	}
	words := []string{k.name}
	rest := key[1:]
	for _, p := range k.key {
		var value string
		switch p.size {
		case 0:
			value, rest = fmt.Sprintf("%q", rest), nil
		case 2:
			value, rest = fmt.Sprint(binary.BigEndian.Uint16(rest)), rest[2:]
		case 4:
			value, rest = fmt.Sprint(binary.BigEndian.Uint32(rest)), rest[4:]
		case 8:
			value, rest = fmt.Sprint(binary.BigEndian.Uint64(rest)), rest[8:]
		default:
			value, rest = fmt.Sprintf("%#x", rest[:p.size]), rest[p.size:]
		}
		words = append(words, p.name+" "+value)
	}
	return strings.Join(words, ", ")
}
