package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// blocksByRange answers with the canonical chain.
//
// Spec: "Clients MUST respond with at least the first block that exists in the range, if they have it, and no more than MAX_REQUEST_BLOCKS
// blocks. The following blocks, where they exist, MUST be sent in consecutive order."
func (s *server) blocksByRange(ctx context.Context, call *reqresp.Call, request *reqresp.BlocksByRange) error {
	r := s.rangeOf(request.Range)
	// Spec: "Peers that are unable to reply to block requests within the [...] epoch range SHOULD respond with error code
	// 3: ResourceUnavailable."
	if earliest := s.History.EarliestBlock(); !r.empty() && r.from < earliest {
		return reqresp.Unavailable("blocks are available from slot %d on, asked for is slot %d", earliest, r.from)
	}
	chain, err := s.canonical(r)
	if err != nil {
		return err
	}
	for _, at := range chain {
		if call.Left() == 0 {
			return nil
		}
		encoded, err := s.Blocks.BlockBytes(at.Root)
		if errors.Is(err, store.ErrNotFound) && at.Slot == params.GenesisSlot {
			continue // Genesis is a state: there is no block to send.
		}
		if err != nil {
			return fmt.Errorf("read block %v of slot %d: %w", at.Root, at.Slot, err)
		}
		if err := call.SendSSZ(ctx, at.Slot, encoded); err != nil {
			return err
		}
	}
	return nil
}

// blocksByRoot answers with the blocks that are at hand, on any branch.
//
// Spec: "If any root in the request content references a block earlier than this range, peers MAY respond with error code
// 3: ResourceUnavailable or not include the block in the response."
func (s *server) blocksByRoot(ctx context.Context, call *reqresp.Call, request *reqresp.BlockRoots) error {
	return s.byRoot(ctx, call, request.Roots, s.Blocks.BlockBytes)
}

// envelopesByRoot answers with the payloads that are at hand.
func (s *server) envelopesByRoot(ctx context.Context, call *reqresp.Call, request *reqresp.EnvelopeRoots) error {
	return s.byRoot(ctx, call, request.Roots, s.Blocks.PayloadBytes)
}

func (s *server) byRoot(ctx context.Context, call *reqresp.Call, roots []types.Root, read func(types.Root) ([]byte, error)) error {
	seen := make(map[types.Root]bool, len(roots))
	for _, root := range roots {
		if seen[root] {
			continue
		}
		seen[root] = true
		slot, err := s.Blocks.SlotOf(root)
		var encoded []byte
		if err == nil {
			encoded, err = read(root)
		}
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read what belongs to block %v: %w", root, err)
		}
		if err := call.SendSSZ(ctx, slot, encoded); err != nil {
			return err
		}
	}
	return nil
}

// blocksByHead answers with a block and its ancestors.
//
// Spec: "in descending slot order. The walk stops as soon as the response contains min(count, MAX_REQUEST_BLOCKS_DENEB) blocks or the next
// ancestor falls outside the epoch range that clients are required to serve".
func (s *server) blocksByHead(ctx context.Context, call *reqresp.Call, request *reqresp.BlocksByHead) error {
	first := s.window(s.Spec.ComputeMinEpochsForBlockRequests(), params.Phase0)
	for root := request.BeaconRoot; call.Left() > 0; {
		slot, err := s.Blocks.SlotOf(root)
		if err == nil && slot < first {
			if root != request.BeaconRoot {
				return nil
			}
			return reqresp.Unavailable("blocks are served from slot %d on, asked for is one of slot %d", first, slot)
		}
		var encoded []byte
		if err == nil {
			encoded, err = s.Blocks.BlockBytes(root)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read block %v: %w", root, err)
		}
		if err := call.SendSSZ(ctx, slot, encoded); err != nil {
			return err
		}
		if _, root, err = types.PeekBlock(encoded); err != nil {
			return err
		}
	}
	return nil
}

// envelopesByRange answers with the payloads that were revealed for blocks of the canonical chain.
//
// Spec: "Specifications of request/response methods are equivalent to BeaconBlocksByRange v2, with the only difference being the response
// content type." (gloas)
func (s *server) envelopesByRange(ctx context.Context, call *reqresp.Call, request *reqresp.EnvelopesByRange) error {
	r := s.rangeOf(request.Range)
	r.from = max(r.from, s.startOf(s.Spec.GloasForkEpoch))
	if earliest := s.History.EarliestBlock(); !r.empty() && r.from < earliest {
		return reqresp.Unavailable("payloads are available from slot %d on, asked for is slot %d", earliest, r.from)
	}
	chain, err := s.canonical(r)
	if err != nil {
		return err
	}
	for _, at := range chain {
		if call.Left() == 0 {
			return nil
		}
		encoded, err := s.Blocks.PayloadBytes(at.Root)
		if errors.Is(err, store.ErrNotFound) {
			continue // it was not revealed
		}
		if err != nil {
			return fmt.Errorf("read payload of block %v of slot %d: %w", at.Root, at.Slot, err)
		}
		if err := call.SendSSZ(ctx, at.Slot, encoded); err != nil {
			return err
		}
	}
	return nil
}
