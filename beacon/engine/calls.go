package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// NewPayload has the execution client check a payload of the given fork. The request is kept until the next one, to be told to
// another endpoint, and must not be changed. A request that fails its own Check is Invalid without a call.
//
// Spec: notify_new_payload, verify_and_notify_new_payload (bellatrix; modified deneb, electra, gloas); engine_newPayloadV1 to V5.
func (c *Client) NewPayload(ctx context.Context, fork params.Fork, r *transition.NewPayloadRequest) (PayloadStatus, error) {
	if err := r.Check(); err != nil {
		return PayloadStatus{Status: Invalid, ValidationError: err.Error()}, nil
	}
	p := &wire.NewPayload{Payload: r.ExecutionPayload, VersionedHashes: r.VersionedHashes, ParentBeaconBlockRoot: r.ParentBeaconBlockRoot}
	if fork >= params.Electra {
		if r.ExecutionRequests == nil {
			return PayloadStatus{}, fmt.Errorf("new payload of %s without execution requests", fork)
		}
		var err error
		if p.Requests, err = transition.GetExecutionRequestsList(ssz.Context{Spec: c.cfg.Spec, Fork: fork}, r.ExecutionRequests); err != nil {
			return PayloadStatus{}, err
		}
	}
	c.mu.Lock()
	c.mu.last.payload, c.mu.last.payloadFork = p, fork
	c.mu.Unlock()
	status, _, err := askActive(ctx, c, c.newPayload(fork, p))
	if err != nil {
		return PayloadStatus{}, fmt.Errorf("new payload %v: %w", r.ExecutionPayload.BlockHash, err)
	}
	return *status, nil
}

func (c *Client) newPayload(fork params.Fork, p *wire.NewPayload) query[PayloadStatus] {
	return query[PayloadStatus]{
		kind:   wire.KindNewPayload,
		fork:   fork,
		params: c.format(fork).NewPayload(p),
		of:     (*PayloadStatus).Value,
		check:  func(s *PayloadStatus) error { return checkValid(s, p.Payload.BlockHash) },
	}
}

func (c *Client) format(fork params.Fork) wire.Context {
	return wire.Context{Spec: c.cfg.Spec, Fork: fork}
}

// checkValid checks that a payload that is VALID is its own latest valid ancestor. Spec: "Payload validation" (paris.md).
func checkValid(s *PayloadStatus, hash types.Hash32) error {
	if s.Status == Valid && (s.LatestValidHash == nil || types.Hash32(*s.LatestValidHash) != hash) {
		return fmt.Errorf("%v is VALID with latestValidHash %v, want the same hash", hash, s.LatestValidHash)
	}
	return nil
}

// ForkchoiceUpdated tells the execution client the head, and has it build a payload if attributes are given; the identifier is nil
// when nothing is being built. The fork is that of the attributes' slot, or of the head's where there are none. Calls reach an endpoint in order.
//
// Spec: notify_forkchoice_updated (bellatrix/fork-choice.md), prepare_execution_payload (validator.md); engine_forkchoiceUpdatedV1 to V4.
func (c *Client) ForkchoiceUpdated(ctx context.Context, fork params.Fork, head ForkchoiceState, attributes *PayloadAttributes) (PayloadStatus, *PayloadID, error) {
	if head.Head == (types.Hash32{}) {
		return PayloadStatus{}, nil, errors.New("forkchoice update to head 0, want the hash of a block")
	}
	c.mu.Lock()
	c.mu.last.head, c.mu.last.headFork = head, fork
	c.mu.Unlock()
	e := c.activeEndpoint()
	tried := []*endpoint{e}
	for {
		answer, err := c.tellHead(ctx, e, attributes, &told{fork, head})
		if err == nil {
			c.pokeOthers(e)
			return answer.Status, answer.ID, nil
		}
		var call *CallError
		next := (*endpoint)(nil)
		if ctx.Err() == nil && errors.As(err, &call) {
			next = c.failOver(ctx, e, tried)
		}
		if next == nil {
			return PayloadStatus{}, nil, fmt.Errorf("forkchoice update to %v: %w", head.Head, err)
		}
		e = next
		tried = append(tried, e)
	}
}

// told is a head with the fork whose method tells it.
type told struct {
	fork params.Fork
	head ForkchoiceState
}

// tellHead tells one endpoint a head; nil stands for the last one. Heads reach the endpoint one after the other, and what is read
// under the semaphore cannot be overtaken by an older one.
func (c *Client) tellHead(ctx context.Context, e *endpoint, attributes *PayloadAttributes, what *told) (*wire.PayloadStatusAndID, error) {
	if err := acquire(ctx, e.order); err != nil {
		return nil, err
	}
	defer func() { <-e.order }()
	c.mu.Lock()
	custody := c.mu.custody
	if what == nil {
		what = &told{c.mu.last.headFork, c.mu.last.head}
	}
	c.mu.Unlock()
	answer, err := ask(ctx, c, e, query[wire.PayloadStatusAndID]{
		kind:   wire.KindForkchoiceUpdated,
		fork:   what.fork,
		params: c.format(what.fork).ForkchoiceUpdated(&what.head, &attributes, &custody),
		of:     (*wire.PayloadStatusAndID).Value,
		check: func(a *wire.PayloadStatusAndID) error {
			if s := a.Status.Status; s != Valid && s != Invalid && s != Syncing {
				return fmt.Errorf("forkchoice update answered with %v, want VALID, INVALID or SYNCING", s)
			}
			return checkValid(&a.Status, what.head.Head)
		},
	})
	if err != nil {
		return nil, err
	}
	c.noteHead(e, answer.Status, what.head.Head)
	if answer.ID != nil {
		c.issue(e, *answer.ID)
	}
	return answer, nil
}

// issue keeps which endpoint builds a payload.
func (c *Client) issue(e *endpoint, id PayloadID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.issued) == maxIssued {
		c.mu.issued = append(c.mu.issued[:0], c.mu.issued[1:]...)
	}
	c.mu.issued = append(c.mu.issued, issue{id, e})
}

// builder is the endpoint that builds a payload, the active one if none is known to.
func (c *Client) builder(id PayloadID) *endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.mu.issued) - 1; i >= 0; i-- {
		if c.mu.issued[i].id == id {
			return c.mu.issued[i].endpoint
		}
	}
	return c.endpoints[c.mu.active]
}

// SetCustodyColumns says which columns this node has custody of. It is sent with every forkchoice update from Gloas on.
func (c *Client) SetCustodyColumns(columns ColumnSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.custody = &columns
}

// GetPayload takes a payload that was asked for with the attributes of a ForkchoiceUpdated, from the endpoint that builds it; fork is
// that of its slot. An error is UnknownPayload when the execution client does not have it.
//
// Spec: get_payload (bellatrix/validator.md; modified deneb, electra, fulu, gloas); engine_getPayloadV1 to V6.
func (c *Client) GetPayload(ctx context.Context, fork params.Fork, id PayloadID) (*BuiltPayload, error) {
	cx := c.format(fork)
	var requests *types.ExecutionRequests
	built, err := ask(ctx, c, c.builder(id), query[wire.BuiltPayload]{
		kind:   wire.KindGetPayload,
		fork:   fork,
		params: wire.Tuple(id.Value()),
		of:     cx.BuiltPayload,
		check: func(b *wire.BuiltPayload) (err error) {
			if requests, err = wire.GetExecutionRequests(cx, b.RequestsList); err != nil {
				return err
			}
			return cx.CheckBundle(&b.Blobs)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("get payload %v: %w", id, err)
	}
	out := &BuiltPayload{Payload: &built.Payload, Value: built.Value, ShouldOverrideBuilder: built.ShouldOverrideBuilder}
	if fork >= params.Deneb {
		out.Blobs = &built.Blobs
	}
	if fork >= params.Electra {
		out.Requests = requests
	}
	return out, nil
}

// GetBlobs asks the execution client's pool for blobs by their versioned hashes, at most 128. The answer has one entry a hash, nil where
// the blob is missing; it is nil as a whole when the execution client cannot serve blobs at all, or, before it knows engine_getBlobsV3, when
// any of them is missing. Neither blobs nor proofs are verified. Spec: engine_getBlobsV1 (until electra), V2 and V3 (from fulu on).
func (c *Client) GetBlobs(ctx context.Context, fork params.Fork, hashes []types.Bytes32) ([]*BlobAndProofs, error) {
	kind := wire.KindGetBlobs
	if fork >= params.Fulu {
		if has, _ := c.offered(c.activeEndpoint(), "engine_getBlobsV3"); has {
			kind = wire.KindGetBlobsPartial
		}
	}
	cx := c.format(fork)
	return listed(ctx, c, "get blobs", len(hashes), query[*[]*BlobAndProofs]{
		kind:     kind,
		fork:     fork,
		params:   wire.Tuple(wire.Hashes(&hashes)),
		of:       func(p **[]*BlobAndProofs) wire.Value { return wire.ListOrNull(p, len(hashes), cx.BlobAndProofs) },
		check:    func(p **[]*BlobAndProofs) error { return cx.CheckBlobs(*p, len(hashes)) },
		optional: true,
	})
}

// GetCells asks the execution client's pool for cells of blobs, at most 128 blobs; nil entries and a nil answer are as in GetBlobs.
// Spec: engine_getBlobsV4 (from gloas on).
func (c *Client) GetCells(ctx context.Context, fork params.Fork, hashes []types.Bytes32, indices ColumnSet) ([]*BlobCellsAndProofs, error) {
	cx := c.format(fork)
	return listed(ctx, c, "get cells", len(hashes), query[*[]*BlobCellsAndProofs]{
		kind:   wire.KindGetCells,
		fork:   fork,
		params: wire.Tuple(wire.Hashes(&hashes), indices.Value()),
		of: func(p **[]*BlobCellsAndProofs) wire.Value {
			return wire.ListOrNull(p, len(hashes), cx.BlobCellsAndProofs)
		},
		check:    func(p **[]*BlobCellsAndProofs) error { return wire.CheckCells(*p, len(hashes), indices.Count()) },
		optional: true,
	})
}

// maxAsked is how many blobs or bodies may be asked for at once: what the Engine API says every execution client has to support.
const (
	maxBlobsAsked  = 128
	maxBodiesAsked = 32
)

// listed makes a call whose answer is a list or null.
func listed[E any](ctx context.Context, c *Client, what string, asked int, q query[*[]*E]) ([]*E, error) {
	if asked == 0 {
		return []*E{}, nil
	}
	most := maxBlobsAsked
	if q.kind == wire.KindBodiesByHash || q.kind == wire.KindBodiesByRange {
		most = maxBodiesAsked
	}
	if asked > most {
		return nil, fmt.Errorf("%s: %d asked for, want at most %d", what, asked, most)
	}
	answer, _, err := askActive(ctx, c, q)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if *answer == nil {
		return nil, nil
	}
	return **answer, nil
}

// GetPayloadBodiesByHash asks for what the headers of blocks lack, by block hashes, at most 32; nil stands for a block that is not there.
// Nothing about the bodies is verified. Spec: engine_getPayloadBodiesByHashV1, V2 (from gloas on).
func (c *Client) GetPayloadBodiesByHash(ctx context.Context, fork params.Fork, hashes []types.Hash32) ([]*PayloadBody, error) {
	asked := make([]types.Bytes32, len(hashes))
	for i, h := range hashes {
		asked[i] = types.Bytes32(h)
	}
	return c.bodies(ctx, fork, wire.KindBodiesByHash, wire.Tuple(wire.Hashes(&asked)), len(hashes), true)
}

// GetPayloadBodiesByRange is GetPayloadBodiesByHash for count blocks of the canonical chain from block number start on; there are fewer
// entries when the chain ends before. Spec: engine_getPayloadBodiesByRangeV1, V2 (from gloas on).
func (c *Client) GetPayloadBodiesByRange(ctx context.Context, fork params.Fork, start, count uint64) ([]*PayloadBody, error) {
	if start == 0 || count == 0 || count > maxBodiesAsked {
		return nil, fmt.Errorf("get payload bodies: %d from block %d, want 1 to %d from block 1 or later", count, start, maxBodiesAsked)
	}
	return c.bodies(ctx, fork, wire.KindBodiesByRange, wire.Tuple(wire.Quantity(&start), wire.Quantity(&count)), int(count), false)
}

func (c *Client) bodies(ctx context.Context, fork params.Fork, kind wire.Kind, asked wire.Value, count int, all bool) ([]*PayloadBody, error) {
	return listed(ctx, c, "get payload bodies", count, query[*[]*PayloadBody]{
		kind:   kind,
		fork:   fork,
		params: asked,
		of:     func(p **[]*PayloadBody) wire.Value { return wire.ListOrNull(p, count, c.format(fork).Body) },
		check: func(p **[]*PayloadBody) error {
			if *p == nil || all && len(**p) != count {
				return fmt.Errorf("not one entry for each of %d payload bodies", count)
			}
			return nil
		},
		optional: true,
	})
}

// PowBlock is a block of before the merge, nil if the execution client does not know it. Spec: get_pow_block (bellatrix/fork-choice.md).
func (c *Client) PowBlock(ctx context.Context, hash types.Hash32) (*PowBlock, error) {
	full := false
	block, _, err := askActive(ctx, c, query[*PowBlock]{
		kind:   wire.KindBlockByHash,
		fork:   c.fork(),
		params: wire.Tuple(wire.Fixed(hash[:]), wire.Bool(&full)),
		of:     func(p **PowBlock) wire.Value { return wire.Nullable(p, (*PowBlock).Value) },
		check: func(p **PowBlock) error {
			if *p != nil && (*p).BlockHash != hash {
				return fmt.Errorf("block %v, want %v", (*p).BlockHash, hash)
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("get block %v of proof of work: %w", hash, err)
	}
	return *block, nil
}

// ClientVersion asks the active endpoint what it calls itself; behind a multiplexer there are several.
// Spec: engine_getClientVersionV1 (identification.md).
func (c *Client) ClientVersion(ctx context.Context) ([]ClientVersion, error) {
	versions, err := c.version(ctx, c.activeEndpoint())
	if err != nil {
		return nil, fmt.Errorf("get version of the execution client: %w", err)
	}
	return versions, nil
}

// maxVersions is how many programs may stand behind one endpoint.
const maxVersions = 64

func (c *Client) version(ctx context.Context, e *endpoint) ([]ClientVersion, error) {
	own := c.cfg.Version
	m, err := wire.MethodFor(wire.KindClientVersion, c.fork())
	if err != nil {
		return nil, err
	}
	var versions []ClientVersion
	if err := e.call(ctx, m, wire.Tuple(own.Value()), wire.List(&versions, maxVersions, (*ClientVersion).Value)); err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, e.failed(m, ErrMalformed, errors.New("no version, want at least one"))
	}
	return versions, nil
}
