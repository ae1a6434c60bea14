package api

import (
	"encoding/binary"
	"encoding/hex"
	"net/http"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// blobs answers with the blobs of a block, all or those with some versioned hashes, in the order of their commitments. Spec: getBlobs.
func (c *call) blobs() error {
	texts, err := c.list("versioned_hashes", maxQueryList)
	if err != nil {
		return err
	}
	wanted := map[types.Bytes32]bool{}
	for _, text := range texts {
		hash, ok := parseRoot(text)
		if !ok {
			return invalid("versioned_hashes", text, "0x and 64 hex digits")
		}
		wanted[hash] = true
	}
	ref, signed, cx, err := c.namedBlock()
	if err != nil {
		return err
	}
	commitments := signed.Message.Body.BlobKZGCommitments
	if cx.Fork >= params.Gloas {
		commitments = signed.Message.Body.SignedExecutionPayloadBid.Message.BlobKZGCommitments
	}
	var indices []int
	for i, commitment := range commitments {
		if len(wanted) == 0 || wanted[types.Bytes32(transition.KZGCommitmentToVersionedHash(commitment))] {
			indices = append(indices, i)
		}
	}
	var blobs [][]byte
	if len(indices) > 0 {
		if blobs, err = c.readBlobs(ref, cx, len(commitments)); err != nil {
			return err
		}
	}
	if c.media == mediaSSZ { // blobs have a fixed size: a list is one after the other
		return c.octets(of(ref.flags), func(out *ssz.Stream) error {
			for _, i := range indices {
				if err := out.Append(func(dst []byte) ([]byte, error) { return append(dst, blobs[i]...), nil }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return c.stream(of(ref.flags), func(out *ssz.Stream) error {
		separator := byte('[')
		for _, i := range indices {
			err := out.Append(func(dst []byte) ([]byte, error) {
				dst = append(dst, separator, '"', '0', 'x')
				separator = ','
				return append(hex.AppendEncode(dst, blobs[i]), '"'), nil
			})
			if err != nil {
				return err
			}
		}
		return closeList(out, separator)
	})
}

// readBlobs gives all blobs of a block.
func (c *call) readBlobs(ref *blockRef, cx ssz.Context, count int) ([][]byte, error) {
	blobs := make([][]byte, count)
	if cx.Fork < params.Fulu {
		sidecars, err := c.n.Store.BlobSidecars(ref.Root)
		if err != nil {
			return nil, err
		}
		have := 0
		for _, s := range sidecars {
			if s.Index < uint64(count) {
				blobs[s.Index] = s.Blob
				have++
			}
		}
		if have < count {
			return nil, notFound("Blobs not found: %d of the %d blobs of block %v are kept", have, count, ref.Root)
		}
		return blobs, nil
	}
	columns, err := c.halfOfColumns(ref, cx)
	if err != nil {
		return nil, err
	}
	for _, column := range columns {
		if len(column.Column) != count {
			return nil, fail(http.StatusInternalServerError, "Internal error: column %d has %d cells, the block %d blobs", column.Index, len(column.Column), count)
		}
		for i, cell := range column.Column {
			blobs[i] = append(blobs[i], cell...)
		}
	}
	return blobs, nil
}

// halfOfColumns gives the columns of the first half, which are the blobs themselves, in order. They are recovered from others where they are
// not kept. Spec: "Clients may implement blob reconstruction logic for non-super nodes."
func (c *call) halfOfColumns(ref *blockRef, cx ssz.Context) ([]*types.DataColumnSidecar, error) {
	half := cx.Spec.NumberOfColumns / 2
	kept, err := c.n.Store.ColumnIndices(ref.Root)
	if err != nil {
		return nil, err
	}
	if uint64(len(kept)) < half {
		return nil, notFound("Blobs not found: %d columns of block %v are kept, %d are needed", len(kept), ref.Root, half)
	}
	some, err := c.n.Store.Columns(ref.Root, kept[:half])
	if err != nil {
		return nil, err
	}
	if uint64(len(some)) < half {
		return nil, notFound("Blobs not found: %d columns of block %v are left, %d are needed", len(some), ref.Root, half)
	}
	if some[half-1].Index == half-1 { // ascending and once each, so it is exactly the first half
		return some, nil
	}
	all, err := das.RecoverDataColumnSidecars(c.n.KZG, some)
	if err != nil {
		return nil, err
	}
	return all[:half], nil
}

// debugColumns answers with columns that this node keeps of a block. Spec: getDebugDataColumnSidecars (since fulu).
func (c *call) debugColumns() error {
	texts, err := c.list("indices", maxQueryList)
	if err != nil {
		return err
	}
	wanted := map[uint64]bool{}
	for _, text := range texts {
		index, ok := parseNumber(text)
		if columns := c.s.cfg.Spec.NumberOfColumns; !ok || index >= columns {
			return invalid("indices", text, "a column below "+decimal(columns))
		}
		wanted[index] = true
	}
	ref, err := c.blockRef()
	if err != nil {
		return err
	}
	if _, _, err := c.read(ref); err != nil {
		return err
	}
	kept, err := c.n.Store.ColumnIndices(ref.Root)
	if err != nil {
		return err
	}
	var indices []uint64
	for _, index := range kept {
		if len(wanted) == 0 || wanted[index] {
			indices = append(indices, index)
		}
	}
	cx := c.context(c.s.cfg.Spec.ForkAtSlot(ref.Slot))
	m := ofFork(ref.flags, cx.Fork)
	if c.media == mediaSSZ {
		return c.columnOctets(m, ref, indices)
	}
	return c.stream(m, func(out *ssz.Stream) error {
		separator := "["
		for _, index := range indices {
			columns, err := c.n.Store.Columns(ref.Root, []uint64{index})
			if err != nil {
				return err
			}
			for _, column := range columns {
				if err := out.Text(separator); err != nil {
					return err
				}
				separator = ","
				if err := out.JSON(cx, ssz.Container(column)); err != nil {
					return err
				}
			}
		}
		return closeList(out, separator[0])
	})
}

// columnOctets answers with a list of elements of variable size: the offsets come first. A column is read once for its length and once more to be
// sent, so that no more than one is in memory.
func (c *call) columnOctets(m meta, ref *blockRef, indices []uint64) error {
	var sizes []int
	for _, index := range indices {
		encoded, err := c.n.Store.ColumnBytes(ref.Root, index)
		if err != nil {
			return err
		}
		sizes = append(sizes, len(encoded))
	}
	return c.octets(m, func(out *ssz.Stream) error {
		if err := out.Append(func(dst []byte) ([]byte, error) { return appendOffsets(dst, sizes), nil }); err != nil {
			return err
		}
		for _, index := range indices {
			encoded, err := c.n.Store.ColumnBytes(ref.Root, index)
			if err != nil {
				return err
			}
			if err := out.Append(func(dst []byte) ([]byte, error) { return append(dst, encoded...), nil }); err != nil {
				return err
			}
		}
		return nil
	})
}

// appendOffsets writes the offsets of a list whose elements have the given sizes. Spec: simple-serialize.md, "Serialization".
func appendOffsets(dst []byte, sizes []int) []byte {
	at := 4 * len(sizes)
	for _, size := range sizes {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(at))
		at += size
	}
	return dst
}
