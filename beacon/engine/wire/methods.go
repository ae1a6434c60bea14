package wire

import (
	"fmt"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/params"
)

// Kind is a method without its version.
type Kind uint8

// The methods that are spoken.
const (
	KindNewPayload Kind = iota
	KindForkchoiceUpdated
	KindGetPayload
	KindGetBlobs
	KindGetBlobsPartial
	KindGetCells
	KindBodiesByHash
	KindBodiesByRange
	KindExchangeCapabilities
	KindClientVersion
	KindBlockByHash
	KindBlockByNumber
	KindChainID
	KindSyncing
)

// Method is one row of the table of methods.
type Method struct {
	Kind    Kind
	Version int // 0 for methods without one
	Name    string
	// Since and Until are the forks whose payloads the method is for: Since <= fork < Until.
	Since, Until params.Fork
	// Required tells whether a node cannot follow the chain without the method.
	Required bool
	// Timeout is how long an answer is waited for. Spec: "timeout" of each method; "Timeouts" (common.md).
	Timeout time.Duration
	// MaxResponse is the longest body of an answer, in bytes, that is read.
	MaxResponse int64
}

// The end of the table's ranges for methods that no fork has replaced yet.
const never = params.Fork(255)

const (
	kilo = 1 << 10
	mega = 1 << 20
)

// Methods is the table of all methods, ascending by version within a kind.
func Methods() []Method {
	const phase0, bellatrix, capella, deneb = params.Phase0, params.Bellatrix, params.Capella, params.Deneb
	const electra, fulu, gloas = params.Electra, params.Fulu, params.Gloas
	const s = time.Second
	// Of the questions about an endpoint's health, engine_exchangeCapabilities and engine_getClientVersionV1 have 1 s in the documents and
	// the others nothing. A client may wait longer, and one that is slow under load must not count as one that is gone.
	const patient = 5 * s
	return []Method{
		{KindNewPayload, 1, "engine_newPayloadV1", bellatrix, capella, true, 8 * s, 64 * kilo},
		{KindNewPayload, 2, "engine_newPayloadV2", capella, deneb, true, 8 * s, 64 * kilo},
		{KindNewPayload, 3, "engine_newPayloadV3", deneb, electra, true, 8 * s, 64 * kilo},
		{KindNewPayload, 4, "engine_newPayloadV4", electra, gloas, true, 8 * s, 64 * kilo},
		{KindNewPayload, 5, "engine_newPayloadV5", gloas, never, true, 6 * s, 64 * kilo},
		{KindForkchoiceUpdated, 1, "engine_forkchoiceUpdatedV1", bellatrix, capella, true, 8 * s, 64 * kilo},
		{KindForkchoiceUpdated, 2, "engine_forkchoiceUpdatedV2", capella, deneb, true, 8 * s, 64 * kilo},
		{KindForkchoiceUpdated, 3, "engine_forkchoiceUpdatedV3", deneb, gloas, true, 8 * s, 64 * kilo},
		{KindForkchoiceUpdated, 4, "engine_forkchoiceUpdatedV4", gloas, never, true, 8 * s, 64 * kilo},
		{KindGetPayload, 1, "engine_getPayloadV1", bellatrix, capella, true, s, 64 * mega},
		{KindGetPayload, 2, "engine_getPayloadV2", capella, deneb, true, s, 64 * mega},
		{KindGetPayload, 3, "engine_getPayloadV3", deneb, electra, true, s, 64 * mega},
		{KindGetPayload, 4, "engine_getPayloadV4", electra, fulu, true, s, 64 * mega},
		{KindGetPayload, 5, "engine_getPayloadV5", fulu, gloas, true, s, 64 * mega},
		{KindGetPayload, 6, "engine_getPayloadV6", gloas, never, true, s, 64 * mega},
		{KindGetBlobs, 1, "engine_getBlobsV1", deneb, fulu, false, s, 64 * mega},
		{KindGetBlobs, 2, "engine_getBlobsV2", fulu, never, false, s, 64 * mega},
		{KindGetBlobsPartial, 3, "engine_getBlobsV3", fulu, never, false, s, 64 * mega},
		{KindGetCells, 4, "engine_getBlobsV4", gloas, never, false, s, 96 * mega},
		{KindBodiesByHash, 1, "engine_getPayloadBodiesByHashV1", bellatrix, gloas, false, 10 * s, 128 * mega},
		{KindBodiesByHash, 2, "engine_getPayloadBodiesByHashV2", gloas, never, false, 10 * s, 128 * mega},
		{KindBodiesByRange, 1, "engine_getPayloadBodiesByRangeV1", bellatrix, gloas, false, 10 * s, 128 * mega},
		{KindBodiesByRange, 2, "engine_getPayloadBodiesByRangeV2", gloas, never, false, 10 * s, 128 * mega},
		{KindExchangeCapabilities, 0, "engine_exchangeCapabilities", phase0, never, true, patient, 64 * kilo},
		{KindClientVersion, 1, "engine_getClientVersionV1", phase0, never, false, patient, 64 * kilo},
		{KindBlockByHash, 0, "eth_getBlockByHash", phase0, never, true, patient, 4 * mega},
		{KindBlockByNumber, 0, "eth_getBlockByNumber", phase0, never, true, patient, 4 * mega},
		{KindChainID, 0, "eth_chainId", phase0, never, true, patient, 64 * kilo},
		{KindSyncing, 0, "eth_syncing", phase0, never, true, patient, 64 * kilo},
	}
}

// String is the name of the method without its version.
func (k Kind) String() string {
	for _, m := range Methods() {
		if m.Kind == k {
			return m.unversioned()
		}
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

func (m Method) unversioned() string {
	if m.Version == 0 {
		return m.Name
	}
	return m.Name[:len(m.Name)-len("V1")]
}

// MethodFor is the method of a kind that a fork demands; an error if the fork has none.
func MethodFor(kind Kind, fork params.Fork) (Method, error) {
	methods := Methods()
	i := slices.IndexFunc(methods, func(m Method) bool { return m.Kind == kind && m.Since <= fork && fork < m.Until })
	if i < 0 {
		return Method{}, fmt.Errorf("the Engine API has no %s for fork %s", kind, fork)
	}
	return methods[i], nil
}

// MethodNamed is the row of a method's full name.
func MethodNamed(name string) (Method, bool) {
	methods := Methods()
	i := slices.IndexFunc(methods, func(m Method) bool { return m.Name == name })
	if i < 0 {
		return Method{}, false
	}
	return methods[i], true
}

// Capabilities is the names of all methods of the Engine API that are spoken, for engine_exchangeCapabilities, which is not among them.
func Capabilities() []string {
	var names []string
	for _, m := range Methods() {
		if m.Version > 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

// Demanded is the names of the methods without which payloads of a fork cannot be followed or built.
func Demanded(fork params.Fork) []string {
	var names []string
	for _, m := range Methods() {
		if m.Version > 0 && m.Required && m.Since <= fork && fork < m.Until {
			names = append(names, m.Name)
		}
	}
	return names
}
