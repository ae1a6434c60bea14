package reqresp

import (
	"math"
	"math/bits"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Message is the content of a request. Messages of a single field are encoded as that field.
type Message interface {
	// Node is the message with its type.
	Node(cx ssz.Context) ssz.Node
	// Items is how many things are asked for: what the request costs, and how many chunks may answer it.
	Items(cx ssz.Context) uint64
	// Check says what makes no sense about the values.
	Check(cx ssz.Context) error
}

// single is a request for one thing in which every value makes sense.
type single struct{}

func (single) Items(ssz.Context) uint64 { return 1 }
func (single) Check(ssz.Context) error  { return nil }

// Status is the request and the answer of status.
type Status struct {
	single
	types.Status
}

// Node is the message with its type.
func (m *Status) Node(ssz.Context) ssz.Node { return ssz.Container(&m.Status) }

// Uint64 is the request and the answer of goodbye (a reason) and ping (a sequence number of metadata).
type Uint64 struct {
	single
	Value uint64
}

// Node is the message with its type.
func (m *Uint64) Node(ssz.Context) ssz.Node { return ssz.Uint(&m.Value) }

// Root is the request of light_client_bootstrap.
type Root struct {
	single
	types.Root
}

// Node is the message with its type.
func (m *Root) Node(ssz.Context) ssz.Node { return ssz.Bytes(m.Root[:]) }

// Range is a range of slots, [StartSlot, StartSlot + Count).
type Range struct {
	StartSlot types.Slot
	Count     uint64
}

// end is the first slot after the range.
func (r Range) end() types.Slot {
	if end, err := r.StartSlot.Add(types.Slot(r.Count)); err == nil {
		return end
	}
	return math.MaxUint64
}

// Check refuses a range that ends behind the last slot.
func (r Range) Check(ssz.Context) error {
	if uint64(r.StartSlot) > math.MaxUint64-r.Count {
		return broken("start_slot + count fits 64 bits", r, uint64(math.MaxUint64))
	}
	return nil
}

// BlocksByRange is the request of beacon_blocks_by_range.
type BlocksByRange struct {
	Range
	Step uint64 // deprecated
}

// Define lists the fields of the container.
func (m *BlocksByRange) Define(d *ssz.Def) {
	d.Field("start_slot", ssz.Uint(&m.StartSlot))
	d.Field("count", ssz.Uint(&m.Count))
	d.Field("step", ssz.Uint(&m.Step))
}

// Node is the message with its type.
func (m *BlocksByRange) Node(ssz.Context) ssz.Node { return ssz.Container(m) }

// Items is how many blocks are asked for. Spec: "Clients may respond with a single block if a larger step is returned."
func (m *BlocksByRange) Items(ssz.Context) uint64 {
	if m.Step > 1 {
		return min(m.Count, 1)
	}
	return m.Count
}

// Check refuses a range that ends behind the last slot, and steps of nothing.
func (m *BlocksByRange) Check(cx ssz.Context) error {
	if m.Step == 0 {
		return broken("step is 1", m.Step, 1)
	}
	return m.Range.Check(cx)
}

// EnvelopesByRange is the request of execution_payload_envelopes_by_range.
type EnvelopesByRange struct{ Range }

// Define lists the fields of the container.
func (m *EnvelopesByRange) Define(d *ssz.Def) {
	d.Field("start_slot", ssz.Uint(&m.StartSlot))
	d.Field("count", ssz.Uint(&m.Count))
}

// Node is the message with its type.
func (m *EnvelopesByRange) Node(ssz.Context) ssz.Node { return ssz.Container(m) }

// Items is how many envelopes are asked for.
func (m *EnvelopesByRange) Items(ssz.Context) uint64 { return m.Count }

// BlobsByRange is the request of blob_sidecars_by_range.
type BlobsByRange struct{ Range }

// Define lists the fields of the container.
func (m *BlobsByRange) Define(d *ssz.Def) {
	d.Field("start_slot", ssz.Uint(&m.StartSlot))
	d.Field("count", ssz.Uint(&m.Count))
}

// Node is the message with its type.
func (m *BlobsByRange) Node(ssz.Context) ssz.Node { return ssz.Container(m) }

// Items is how many blobs are asked for.
// Spec: "The response MUST contain no more than count * MAX_BLOBS_PER_BLOCK blob sidecars."
func (m *BlobsByRange) Items(cx ssz.Context) uint64 {
	if cx.Fork >= params.Electra {
		return times(m.Count, cx.Spec.MaxBlobsPerBlockElectra)
	}
	return times(m.Count, cx.Spec.MaxBlobsPerBlock)
}

// ColumnsByRange is the request of data_column_sidecars_by_range.
type ColumnsByRange struct {
	Range
	Columns []uint64
}

// Define lists the fields of the container.
func (m *ColumnsByRange) Define(d *ssz.Def) {
	d.Field("start_slot", ssz.Uint(&m.StartSlot))
	d.Field("count", ssz.Uint(&m.Count))
	d.Field("columns", ssz.Uints(&m.Columns, ssz.Cap(d.Spec.NumberOfColumns, false)))
}

// Node is the message with its type.
func (m *ColumnsByRange) Node(ssz.Context) ssz.Node { return ssz.Container(m) }

// Items is how many columns are asked for.
func (m *ColumnsByRange) Items(ssz.Context) uint64 { return times(m.Count, uint64(len(m.Columns))) }

// Check refuses a range that ends behind the last slot, and columns that do not exist or are asked for twice.
func (m *ColumnsByRange) Check(cx ssz.Context) error {
	if err := m.Range.Check(cx); err != nil {
		return err
	}
	return checkColumns(cx, m.Columns)
}

func checkColumns(cx ssz.Context, columns []uint64) error {
	seen := make(map[uint64]bool, len(columns))
	for _, c := range columns {
		if c >= cx.Spec.NumberOfColumns {
			return broken("column < NUMBER_OF_COLUMNS", c, cx.Spec.NumberOfColumns)
		}
		if seen[c] {
			return broken("columns are asked for once", c, "each once")
		}
		seen[c] = true
	}
	return nil
}

// BlockRoots is the request of beacon_blocks_by_root.
type BlockRoots struct{ Roots []types.Root }

// Node is the message with its type.
func (m *BlockRoots) Node(cx ssz.Context) ssz.Node { return roots(&m.Roots, cx.Spec.MaxRequestBlocks) }

// Items is how many blocks are asked for.
func (m *BlockRoots) Items(ssz.Context) uint64 { return uint64(len(m.Roots)) }

// Check accepts all values.
func (m *BlockRoots) Check(ssz.Context) error { return nil }

// EnvelopeRoots is the request of execution_payload_envelopes_by_root.
type EnvelopeRoots struct{ Roots []types.Root }

// Node is the message with its type.
func (m *EnvelopeRoots) Node(cx ssz.Context) ssz.Node {
	return roots(&m.Roots, cx.Spec.MaxRequestPayloads)
}

// Items is how many envelopes are asked for.
func (m *EnvelopeRoots) Items(ssz.Context) uint64 { return uint64(len(m.Roots)) }

// Check accepts all values.
func (m *EnvelopeRoots) Check(ssz.Context) error { return nil }

func roots(p *[]types.Root, limit uint64) ssz.Node {
	return ssz.ListOf(p, ssz.Cap(limit, false), func(r *types.Root) ssz.Node { return ssz.Bytes(r[:]) })
}

// BlocksByHead is the request of beacon_blocks_by_head.
type BlocksByHead struct {
	BeaconRoot types.Root
	Count      uint64
}

// Define lists the fields of the container.
func (m *BlocksByHead) Define(d *ssz.Def) {
	d.Field("beacon_root", ssz.Bytes(m.BeaconRoot[:]))
	d.Field("count", ssz.Uint(&m.Count))
}

// Node is the message with its type.
func (m *BlocksByHead) Node(ssz.Context) ssz.Node { return ssz.Container(m) }

// Items is how many blocks are asked for.
func (m *BlocksByHead) Items(ssz.Context) uint64 { return m.Count }

// Check accepts all values.
func (m *BlocksByHead) Check(ssz.Context) error { return nil }

// BlobIdentifiers is the request of blob_sidecars_by_root.
type BlobIdentifiers struct{ Blobs []types.BlobIdentifier }

// Node is the message with its type. Its limit is that of Electra, the larger one; the smaller one is checked with the fork known.
func (m *BlobIdentifiers) Node(cx ssz.Context) ssz.Node {
	return ssz.List(&m.Blobs, ssz.Cap(cx.Spec.ComputeMaxRequestBlobSidecars(params.Electra), false))
}

// Items is how many blobs are asked for.
func (m *BlobIdentifiers) Items(ssz.Context) uint64 { return uint64(len(m.Blobs)) }

// Check accepts all values.
func (m *BlobIdentifiers) Check(ssz.Context) error { return nil }

// ColumnIdentifiers is the request of data_column_sidecars_by_root.
type ColumnIdentifiers struct {
	Blocks []types.DataColumnsByRootIdentifier
}

// Node is the message with its type.
func (m *ColumnIdentifiers) Node(cx ssz.Context) ssz.Node {
	return ssz.List(&m.Blocks, ssz.Cap(cx.Spec.MaxRequestBlocksDeneb, false))
}

// Items is how many columns are asked for. Spec: "requested_columns_count = sum(len(r.columns) for r in request)".
func (m *ColumnIdentifiers) Items(ssz.Context) (n uint64) {
	for i := range m.Blocks {
		n += uint64(len(m.Blocks[i].Columns))
	}
	return n
}

// Check refuses columns that do not exist or are asked for twice of a block.
func (m *ColumnIdentifiers) Check(cx ssz.Context) error {
	for i := range m.Blocks {
		if err := checkColumns(cx, m.Blocks[i].Columns); err != nil {
			return err
		}
	}
	return nil
}

// UpdatesByRange is the request of light_client_updates_by_range: sync committee periods [StartPeriod, StartPeriod + Count).
type UpdatesByRange struct{ StartPeriod, Count uint64 }

// Define lists the fields of the container.
func (m *UpdatesByRange) Define(d *ssz.Def) {
	d.Field("start_period", ssz.Uint(&m.StartPeriod))
	d.Field("count", ssz.Uint(&m.Count))
}

// Node is the message with its type.
func (m *UpdatesByRange) Node(ssz.Context) ssz.Node { return ssz.Container(m) }

// Items is how many updates are asked for.
func (m *UpdatesByRange) Items(ssz.Context) uint64 { return m.Count }

// Check refuses a range that does not fit.
func (m *UpdatesByRange) Check(ssz.Context) error {
	if m.StartPeriod > math.MaxUint64-m.Count {
		return broken("start_period + count fits 64 bits", *m, uint64(math.MaxUint64))
	}
	return nil
}

// times is a product that ends at math.MaxUint64.
func times(a, b uint64) uint64 {
	if hi, lo := bits.Mul64(a, b); hi == 0 {
		return lo
	}
	return math.MaxUint64
}
