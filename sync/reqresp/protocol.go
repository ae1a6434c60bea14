package reqresp

import (
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Method is a protocol of the table.
type Method uint8

// The protocols, all of them up to Gloas but version 1 of the requests for blocks, which is deprecated since Altair.
const (
	StatusV1 Method = iota
	StatusV2
	GoodbyeV1
	PingV1
	MetaDataV1
	MetaDataV2
	MetaDataV3
	BlocksByRangeV2
	BlocksByRootV2
	BlocksByHeadV1
	BlobsByRangeV1
	BlobsByRootV1
	ColumnsByRangeV1
	ColumnsByRootV1
	EnvelopesByRangeV1
	EnvelopesByRootV1
	LightClientBootstrapV1
	LightClientUpdatesByRangeV1
	LightClientFinalityUpdateV1
	LightClientOptimisticUpdateV1

	methods
)

// Quota is how many things may be asked for in a time.
type Quota struct {
	Tokens uint64
	Per    time.Duration
}

// Deadlines is how long an exchange may take.
type Deadlines struct {
	// Wait is for the first byte of each chunk: "The responder MAY rate-limit chunks by withholding each chunk until capacity is available."
	Wait time.Duration
	// Chunk is for the rest of a chunk, and for the request.
	Chunk time.Duration
	// Whole is for all of it.
	Whole time.Duration
}

// Protocol is a row of the table.
type Protocol struct {
	Method  Method
	Name    string
	Version int
	// ID is what is negotiated for a stream.
	ID string
	// Since is the fork that brought the protocol, and whose form its messages have where they carry no context.
	Since params.Fork
	// From is the first fork that chunks can be of where they carry a context.
	From params.Fork
	// Many tells whether the answer is any number of chunks; it is one otherwise.
	Many bool
	// Context tells whether a chunk carries the fork digest of its type.
	Context bool
	// Listed tells that the request names each thing, so that one for too many is refused; a range is shortened.
	Listed bool
	// Peer and All are how much one peer and all peers together may ask for.
	Peer, All Quota
	Deadlines Deadlines

	request  func() Message // nil for no content
	response func() ssz.Node
	limit    func(*params.Spec, params.Fork) uint64 // of chunks; nil for 1
	until    func(*params.Spec) types.Epoch         // nil for ever
	most     func(*params.Spec, params.Fork) uint64 // bytes of a chunk; nil for what the type and MAX_PAYLOAD_SIZE say

	asked  bounds
	chunks [lastFork + 1]bounds
}

// bounds is the fewest and the most bytes of an encoding.
type bounds struct{ least, most uint64 }

// boundsOf is the bounds of a type, by a node with its default value.
func boundsOf(cx ssz.Context, n ssz.Node) bounds {
	return bounds{uint64(ssz.Size(cx, n)), ssz.MaxSize(cx, n)}
}

// String is name and version.
func (p *Protocol) String() string { return fmt.Sprintf("%s/%d", p.Name, p.Version) }

// MaxChunks is how many things one request may ask for in a fork.
func (p *Protocol) MaxChunks(spec *params.Spec, fork params.Fork) uint64 {
	if p.limit == nil {
		return 1
	}
	return p.limit(spec, fork)
}

// Offered tells whether a node speaks the protocol in an epoch: from before its fork, if that is scheduled, until it is deprecated.
func (p *Protocol) Offered(spec *params.Spec, epoch types.Epoch) bool {
	return spec.ForkEpoch(p.Since) != params.FarFutureEpoch && (p.until == nil || epoch < p.until(spec))
}

// Table is all protocols of a spec. It never changes.
type Table struct {
	spec *params.Spec
	rows [methods]Protocol
	ids  map[string]*Protocol
}

const prefix = "/eth2/beacon_chain/req"

func ofBlocks(s *params.Spec, fork params.Fork) uint64 {
	if fork >= params.Deneb {
		return s.MaxRequestBlocksDeneb
	}
	return s.MaxRequestBlocks
}

func ofBlocksDeneb(s *params.Spec, _ params.Fork) uint64 { return s.MaxRequestBlocksDeneb }

func ofBlobs(s *params.Spec, fork params.Fork) uint64 { return s.ComputeMaxRequestBlobSidecars(fork) }

func ofColumns(s *params.Spec, _ params.Fork) uint64 { return s.ComputeMaxRequestDataColumnSidecars() }

// ofColumnBytes is the bound of a type that is progressive from Gloas on.
func ofColumnBytes(s *params.Spec, fork params.Fork) uint64 {
	if fork >= params.Gloas {
		return s.MaxDataColumnSidecarSize
	}
	return s.MaxPayloadSize
}

func ofEnvelopes(s *params.Spec, _ params.Fork) uint64 { return s.MaxRequestPayloads }

func ofUpdates(*params.Spec, params.Fork) uint64 { return params.MaxRequestLightClientUpdates }

// untilBlobs is when blobs are no longer asked for.
// Spec: "Deprecated as of FULU_FORK_EPOCH + MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS." (fulu)
func untilBlobs(s *params.Spec) types.Epoch {
	if end, err := s.FuluForkEpoch.Add(s.MinEpochsForBlobSidecarsRequests); err == nil {
		return end
	}
	return params.FarFutureEpoch
}

func number() ssz.Node { return ssz.Uint(new(uint64)) }

func container[T any, P interface {
	*T
	ssz.Object
}]() func() ssz.Node {
	return func() ssz.Node { return ssz.Container(P(new(T))) }
}

func message[T any, P interface {
	*T
	Message
}]() func() Message {
	return func() Message { return P(new(T)) }
}

// table lists the protocols.
func table() []Protocol {
	const s = time.Second
	// Deadlines of answers of one small chunk, and of those that move the chain.
	short := Deadlines{Wait: 10 * s, Chunk: 10 * s, Whole: 30 * s}
	long := Deadlines{Wait: 15 * s, Chunk: 10 * s, Whole: 120 * s}

	status, metadata := container[types.Status](), container[types.MetaData]()
	block, blob, column := container[types.SignedBeaconBlock](), container[types.BlobSidecar](), container[types.DataColumnSidecar]()
	envelope := container[types.SignedExecutionPayloadEnvelope]()
	bootstrap, update := container[types.LightClientBootstrap](), container[types.LightClientUpdate]()
	finality, optimistic := container[types.LightClientFinalityUpdate](), container[types.LightClientOptimisticUpdate]()

	return []Protocol{
		{
			Method: StatusV1, Name: "status", Version: 1, Since: params.Phase0,
			request: message[Status](), response: status,
			Peer: Quota{5, 15 * s}, All: Quota{500, 15 * s}, Deadlines: short,
		},
		{
			Method: StatusV2, Name: "status", Version: 2, Since: params.Fulu,
			request: message[Status](), response: status,
			Peer: Quota{5, 15 * s}, All: Quota{500, 15 * s}, Deadlines: short,
		},
		{
			Method: GoodbyeV1, Name: "goodbye", Version: 1, Since: params.Phase0,
			request: message[Uint64](), response: number,
			Peer: Quota{1, 10 * s}, All: Quota{500, 10 * s}, Deadlines: short,
		},
		{
			Method: PingV1, Name: "ping", Version: 1, Since: params.Phase0,
			request: message[Uint64](), response: number,
			Peer: Quota{2, 10 * s}, All: Quota{500, 10 * s}, Deadlines: short,
		},
		{
			Method: MetaDataV1, Name: "metadata", Version: 1, Since: params.Phase0,
			response: metadata,
			Peer:     Quota{2, 5 * s}, All: Quota{500, 5 * s}, Deadlines: short,
		},
		{
			Method: MetaDataV2, Name: "metadata", Version: 2, Since: params.Altair,
			response: metadata,
			Peer:     Quota{2, 5 * s}, All: Quota{500, 5 * s}, Deadlines: short,
		},
		{
			Method: MetaDataV3, Name: "metadata", Version: 3, Since: params.Fulu,
			response: metadata,
			Peer:     Quota{2, 5 * s}, All: Quota{500, 5 * s}, Deadlines: short,
		},
		{
			Method: BlocksByRangeV2, Name: "beacon_blocks_by_range", Version: 2, Since: params.Altair, From: params.Phase0,
			request: message[BlocksByRange](), response: block, limit: ofBlocks,
			Many: true, Context: true, Peer: Quota{512, 10 * s}, All: Quota{2560, 10 * s}, Deadlines: long,
		},
		{
			Method: BlocksByRootV2, Name: "beacon_blocks_by_root", Version: 2, Since: params.Altair, From: params.Phase0,
			request: message[BlockRoots](), response: block, limit: ofBlocks,
			Many: true, Context: true, Listed: true, Peer: Quota{128, 10 * s}, All: Quota{1280, 10 * s}, Deadlines: long,
		},
		{
			Method: BlocksByHeadV1, Name: "beacon_blocks_by_head", Version: 1, Since: params.Fulu, From: params.Phase0,
			request: message[BlocksByHead](), response: block, limit: ofBlocksDeneb,
			Many: true, Context: true, Peer: Quota{512, 10 * s}, All: Quota{2560, 10 * s}, Deadlines: long,
		},
		{
			Method: BlobsByRangeV1, Name: "blob_sidecars_by_range", Version: 1, Since: params.Deneb, From: params.Deneb,
			request: message[BlobsByRange](), response: blob, limit: ofBlobs, until: untilBlobs,
			Many: true, Context: true, Peer: Quota{1152, 10 * s}, All: Quota{4608, 10 * s}, Deadlines: long,
		},
		{
			Method: BlobsByRootV1, Name: "blob_sidecars_by_root", Version: 1, Since: params.Deneb, From: params.Deneb,
			request: message[BlobIdentifiers](), response: blob, limit: ofBlobs, until: untilBlobs,
			Many: true, Context: true, Listed: true, Peer: Quota{288, 10 * s}, All: Quota{2304, 10 * s}, Deadlines: long,
		},
		{
			Method: ColumnsByRangeV1, Name: "data_column_sidecars_by_range", Version: 1, Since: params.Fulu, From: params.Fulu,
			request: message[ColumnsByRange](), response: column, limit: ofColumns, most: ofColumnBytes,
			Many: true, Context: true, Peer: Quota{16384, 10 * s}, All: Quota{65536, 10 * s}, Deadlines: long,
		},
		{
			Method: ColumnsByRootV1, Name: "data_column_sidecars_by_root", Version: 1, Since: params.Fulu, From: params.Fulu,
			request: message[ColumnIdentifiers](), response: column, limit: ofColumns, most: ofColumnBytes,
			Many: true, Context: true, Listed: true, Peer: Quota{8192, 10 * s}, All: Quota{32768, 10 * s}, Deadlines: long,
		},
		{
			Method: EnvelopesByRangeV1, Name: "execution_payload_envelopes_by_range", Version: 1, Since: params.Gloas, From: params.Gloas,
			request: message[EnvelopesByRange](), response: envelope, limit: ofEnvelopes,
			Many: true, Context: true, Peer: Quota{512, 10 * s}, All: Quota{2560, 10 * s}, Deadlines: long,
		},
		{
			Method: EnvelopesByRootV1, Name: "execution_payload_envelopes_by_root", Version: 1, Since: params.Gloas, From: params.Gloas,
			request: message[EnvelopeRoots](), response: envelope, limit: ofEnvelopes,
			Many: true, Context: true, Listed: true, Peer: Quota{128, 10 * s}, All: Quota{1280, 10 * s}, Deadlines: long,
		},
		{
			Method: LightClientBootstrapV1, Name: "light_client_bootstrap", Version: 1, Since: params.Altair, From: params.Altair,
			request: message[Root](), response: bootstrap,
			Context: true, Peer: Quota{5, 15 * s}, All: Quota{100, 15 * s}, Deadlines: short,
		},
		{
			Method: LightClientUpdatesByRangeV1, Name: "light_client_updates_by_range", Version: 1, Since: params.Altair, From: params.Altair,
			request: message[UpdatesByRange](), response: update, limit: ofUpdates,
			Many: true, Context: true, Peer: Quota{128, 10 * s}, All: Quota{1280, 10 * s}, Deadlines: long,
		},
		{
			Method: LightClientFinalityUpdateV1, Name: "light_client_finality_update", Version: 1, Since: params.Altair, From: params.Altair,
			response: finality,
			Context:  true, Peer: Quota{4, 12 * s}, All: Quota{400, 12 * s}, Deadlines: short,
		},
		{
			Method: LightClientOptimisticUpdateV1, Name: "light_client_optimistic_update", Version: 1, Since: params.Altair, From: params.Altair,
			response: optimistic,
			Context:  true, Peer: Quota{4, 12 * s}, All: Quota{400, 12 * s}, Deadlines: short,
		},
	}
}

// NewTable makes the table for a spec.
func NewTable(spec *params.Spec) *Table {
	t := &Table{spec: spec, ids: map[string]*Protocol{}}
	for _, row := range table() {
		row.ID = fmt.Sprintf("%s/%s/%d/ssz_snappy", prefix, row.Name, row.Version)
		if row.request != nil {
			cx := ssz.Context{Spec: spec, Fork: row.Since}
			row.asked = boundsOf(cx, row.request().Node(cx))
		}
		for fork := row.From; fork <= lastFork; fork++ {
			row.chunks[fork] = row.boundsIn(spec, fork)
		}
		t.rows[row.Method] = row
		t.ids[row.ID] = &t.rows[row.Method]
	}
	return t
}

// boundsIn is the bounds of a chunk's type in a fork.
// Spec: "size bounds derived from the payload SSZ type or MAX_PAYLOAD_SIZE, whichever is smaller".
func (p *Protocol) boundsIn(spec *params.Spec, fork params.Fork) (b bounds) {
	b = boundsOf(ssz.Context{Spec: spec, Fork: fork}, p.response())
	b.most = min(b.most, spec.MaxPayloadSize)
	if p.most != nil {
		b.most = min(b.most, p.most(spec, fork))
	}
	return b
}

// Row is the row of a protocol.
func (t *Table) Row(m Method) *Protocol { return &t.rows[m] }

// ByID finds the row of a protocol id, nil if there is none.
func (t *Table) ByID(id string) *Protocol { return t.ids[id] }

// Offered lists the protocols that a node speaks in an epoch.
func (t *Table) Offered(epoch types.Epoch) []*Protocol {
	var rows []*Protocol
	for i := range t.rows {
		if t.rows[i].Offered(t.spec, epoch) {
			rows = append(rows, &t.rows[i])
		}
	}
	return rows
}
