package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// sidecars is how one kind of sidecar is read.
type sidecars struct {
	name    string
	indices func(types.Root) ([]uint64, error)
	bytes   func(types.Root, uint64) ([]byte, error)
}

func (s *server) columns() sidecars {
	return sidecars{"column", s.Data.ColumnIndices, s.Data.ColumnBytes}
}

func (s *server) blobs() sidecars { return sidecars{"blob", s.Data.BlobIndices, s.Data.BlobBytes} }

// columnsByRange answers with the columns that this node has in custody, of those asked for.
func (s *server) columnsByRange(ctx context.Context, call *reqresp.Call, request *reqresp.ColumnsByRange) error {
	r := s.rangeOf(request.Range)
	r.from = max(r.from, s.startOf(s.Spec.FuluForkEpoch))
	first := s.window(s.Spec.MinEpochsForDataColumnSidecarsRequests, params.Fulu)
	return s.sidecarsByRange(ctx, call, r, first, s.columns(), func(i uint64) bool { return slices.Contains(request.Columns, i) })
}

// blobsByRange answers with the blobs of before Fulu.
//
// Spec: "Clients MAY respond with an empty list if the requested range lies entirely at or after FULU_FORK_EPOCH." (fulu)
func (s *server) blobsByRange(ctx context.Context, call *reqresp.Call, request *reqresp.BlobsByRange) error {
	r := s.rangeOf(request.Range)
	r.from, r.end = max(r.from, s.startOf(s.Spec.DenebForkEpoch)), min(r.end, s.startOf(s.Spec.FuluForkEpoch))
	first := s.window(s.Spec.MinEpochsForBlobSidecarsRequests, params.Deneb)
	return s.sidecarsByRange(ctx, call, r, first, s.blobs(), func(uint64) bool { return true })
}

// sidecarsByRange answers with the sidecars of the canonical chain in order of slots and indices, those of a block all or none.
//
// Spec: "Clients MUST include all data column sidecars of each block from which they include data column sidecars." The same for blobs.
func (s *server) sidecarsByRange(ctx context.Context, call *reqresp.Call, r slots, first types.Slot, kind sidecars, asked func(uint64) bool) error {
	// Spec: "Peers that are unable to reply to data column sidecar requests within the range data_column_serve_range SHOULD respond with
	// error code 3: ResourceUnavailable." What is older than the range is deleted.
	if earliest := max(first, s.History.EarliestSidecar()); !r.empty() && r.from < earliest {
		return reqresp.Unavailable("%ss are available from slot %d on, asked for is slot %d", kind.name, earliest, r.from)
	}
	chain, err := s.canonical(r)
	if err != nil {
		return err
	}
	for _, at := range chain {
		indices, err := kind.indices(at.Root)
		if err != nil {
			return fmt.Errorf("list %ss of block %v of slot %d: %w", kind.name, at.Root, at.Slot, err)
		}
		indices = slices.DeleteFunc(indices, func(i uint64) bool { return !asked(i) })
		if uint64(len(indices)) > call.Left() {
			return nil
		}
		for _, i := range indices {
			if err := s.sendSidecar(ctx, call, at, i, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendSidecar sends a sidecar.
func (s *server) sendSidecar(ctx context.Context, call *reqresp.Call, at store.SlotRoot, index uint64, kind sidecars) error {
	encoded, err := kind.bytes(at.Root, index)
	if err != nil {
		return fmt.Errorf("read %s %d of block %v of slot %d: %w", kind.name, index, at.Root, at.Slot, err)
	}
	return call.SendSSZ(ctx, at.Slot, encoded)
}

// columnsByRoot answers with the columns that are at hand, of blocks on any branch.
func (s *server) columnsByRoot(ctx context.Context, call *reqresp.Call, request *reqresp.ColumnIdentifiers) error {
	seen := map[reqresp.ColumnID]bool{}
	for i := range request.Blocks {
		id := &request.Blocks[i]
		for _, index := range id.Columns {
			if err := s.sidecarByRoot(ctx, call, reqresp.ColumnID{Root: id.BlockRoot, Index: index}, seen, s.columns()); err != nil {
				return err
			}
		}
	}
	return nil
}

// blobsByRoot answers with the blobs that are at hand, of blocks on any branch.
func (s *server) blobsByRoot(ctx context.Context, call *reqresp.Call, request *reqresp.BlobIdentifiers) error {
	seen := map[reqresp.ColumnID]bool{}
	for _, id := range request.Blobs {
		if err := s.sidecarByRoot(ctx, call, reqresp.ColumnID{Root: id.BlockRoot, Index: id.Index}, seen, s.blobs()); err != nil {
			return err
		}
	}
	return nil
}

// sidecarByRoot sends a sidecar that was not sent already, if it is at hand.
func (s *server) sidecarByRoot(ctx context.Context, call *reqresp.Call, id reqresp.ColumnID, seen map[reqresp.ColumnID]bool, kind sidecars) error {
	if seen[id] {
		return nil
	}
	seen[id] = true
	slot, err := s.Blocks.SlotOf(id.Root)
	if err == nil {
		err = s.sendSidecar(ctx, call, store.SlotRoot{Slot: slot, Root: id.Root}, id.Index, kind)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
