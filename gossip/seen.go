package gossip

import (
	"sync"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Seen is what was seen on the topics of a chain, whatever its fork digests. Spec: Seen (phase0; modified in every fork).
//
// Every cache has a bound. Those by slot hold so many entries (see NewSeen); those of validators a bit for each validator of the
// registry, 0.3 MB for 2.4 million, times the epochs kept or the kinds of operations; those of bit sets so many bytes. Together they
// hold some 60 MB at most at mainnet's size, and some 5 MB as a rule.
type Seen struct {
	spec *params.Spec

	blocks         *window[proposerKey, types.Root]
	aggregates     aggregatesSeen
	attesters      attestersSeen
	exits          validatorSet
	proposers      validatorSet // slashed
	slashed        validatorSet // attesters
	contributions  contributionsSeen
	syncMessages   *window[syncMessageKey, struct{}]
	blsChanges     validatorSet
	blobs          *window[sidecarKey, struct{}]
	columns        *window[sidecarKey, struct{}]
	headers        *window[[32]byte, struct{}] // headers with a valid signature and a proof of their commitments, by root of it all
	partialHeaders *window[types.Root, *types.PartialDataColumnHeader]
	envelopes      *window[envelopeKey, struct{}]
	payloads       payloadsSeen
	ptcVotes       *window[types.ValidatorIndex, struct{}]
	bids           bidsSeen
	preferences    *window[types.Root, types.ProposerPreferences]
	lightClient    lightClientSeen
}

type (
	proposerKey struct{ proposer types.ValidatorIndex }
	sidecarKey  struct {
		root     types.Root // of the block, from gloas on; zero before
		proposer types.ValidatorIndex
		index    uint64
	}
	syncMessageKey struct {
		validator types.ValidatorIndex
		subnet    uint64
	}
	envelopeKey struct {
		root    types.Root
		builder types.BuilderIndex
	}
)

// What the caches hold at most, in entries, and about how many bytes an entry has. One with a valid signature costs its maker's stake if
// there are two, so that full caches mean weeks without finality, of which the latest slots are kept.
const (
	// A block or payload a slot, with some to spare for branches.
	blocksKept, blockBytes     = 1 << 14, 96
	envelopesKept              = 1 << 14
	payloadsKept, payloadBytes = 1 << 10, 80
	// A few slots with all columns or blobs; with the header a few slots are enough, too.
	sidecarsKept, sidecarBytes           = 1 << 16, 96
	headersKept, headerBytes             = 1 << 8, 72
	partialHeadersKept, partialHeadBytes = 32, 200 << 10
	// All members of a sync committee, on up to four subnets, for three slots; and of a payload committee.
	membersKept, memberBytes = 1 << 13, 56
	// Bids by all builders on a few branches; preferences by all proposers of three epochs on a few branches.
	bidsKept, bidBytes               = 1 << 14, 160
	preferencesKept, preferenceBytes = 1 << 12, 200

	aggregateBitsBudget    = 32 << 20
	contributionBitsBudget = 1 << 20
)

// NewSeen makes empty caches.
func NewSeen(spec *params.Spec) *Seen {
	s := &Seen{
		spec:           spec,
		blocks:         newWindow[proposerKey, types.Root]("blocks", blocksKept, blockBytes),
		exits:          validatorSet{name: "voluntary_exits"},
		proposers:      validatorSet{name: "proposer_slashings"},
		slashed:        validatorSet{name: "attester_slashings"},
		blsChanges:     validatorSet{name: "bls_to_execution_changes"},
		syncMessages:   newWindow[syncMessageKey, struct{}]("sync_messages", membersKept, memberBytes),
		blobs:          newWindow[sidecarKey, struct{}]("blob_sidecars", sidecarsKept, sidecarBytes),
		columns:        newWindow[sidecarKey, struct{}]("data_column_sidecars", sidecarsKept, sidecarBytes),
		headers:        newWindow[[32]byte, struct{}]("sidecar_headers", headersKept, headerBytes),
		partialHeaders: newWindow[types.Root, *types.PartialDataColumnHeader]("partial_data_column_headers", partialHeadersKept, partialHeadBytes),
		envelopes:      newWindow[envelopeKey, struct{}]("execution_payload_envelopes", envelopesKept, blockBytes),
		ptcVotes:       newWindow[types.ValidatorIndex, struct{}]("payload_attestations", membersKept, memberBytes),
		preferences:    newWindow[types.Root, types.ProposerPreferences]("proposer_preferences", preferencesKept, preferenceBytes),
	}
	s.aggregates.mu.aggregators = epochVoters{}
	s.aggregates.mu.data = covered[aggregateKey]{budget: aggregateBitsBudget, slots: map[types.Slot]map[aggregateKey][][]byte{}}
	s.attesters.mu.voters = epochVoters{}
	s.contributions.mu.aggregators = map[types.Slot]map[syncMessageKey]struct{}{}
	s.contributions.mu.data = covered[contributionKey]{budget: contributionBitsBudget, slots: map[types.Slot]map[contributionKey][][]byte{}}
	s.payloads.mu.gasLimits = map[types.Hash32]knownPayload{}
	s.bids.mu.slots = map[types.Slot]*slotBids{}
	return s
}

// CacheSize is what a cache holds.
type CacheSize struct {
	Name    string
	Entries int
	Bytes   int // about
}

// Sizes tells what the caches hold.
func (s *Seen) Sizes() []CacheSize {
	return []CacheSize{
		s.blocks.size(), s.aggregates.size(), s.attesters.size(), s.exits.size(), s.proposers.size(), s.slashed.size(),
		s.contributions.size(), s.syncMessages.size(), s.blsChanges.size(), s.blobs.size(), s.columns.size(), s.headers.size(),
		s.partialHeaders.size(), s.envelopes.size(), s.payloads.size(), s.ptcVotes.size(), s.bids.size(), s.preferences.size(),
	}
}

// Prune forgets what no rule asks for any more: what is not after the finalized slot, and what the present slot has left behind. It is
// to be called each slot.
func (s *Seen) Prune(current, finalized types.Slot) {
	for _, c := range []interface{ prune(types.Slot) }{s.blocks, s.blobs, s.columns, s.headers, s.partialHeaders, s.envelopes} {
		c.prune(finalized)
	}
	last := current.SubSaturating(1) // a message of the slot before can still come, within the disparity of clocks
	for _, c := range []interface{ prune(types.Slot) }{s.syncMessages, s.ptcVotes, s.preferences, &s.contributions, &s.bids} {
		c.prune(last)
	}
	// Votes of the present and the previous epoch count, and of one more within the disparity of clocks.
	oldest := types.ComputeEpochAtSlot(s.spec, current).SubSaturating(2)
	s.aggregates.prune(s.spec, oldest)
	s.attesters.prune(oldest)
}

// Proposal is the root of the block of a proposer in a slot that was accepted; false if there was none.
func (s *Seen) Proposal(slot types.Slot, proposer types.ValidatorIndex) (types.Root, bool) {
	return s.blocks.get(slot, proposerKey{proposer})
}

// Attested tells whether a vote of a validator for an epoch, or an aggregate that it made, was accepted. Of the present epoch and the one before
// all is remembered that came.
func (s *Seen) Attested(epoch types.Epoch, validator types.ValidatorIndex) bool {
	return s.attesters.has(epoch, validator) || s.aggregates.aggregated(epoch, validator)
}

// attestersSeen is attestation_validator_epochs.
type attestersSeen struct {
	mu struct {
		sync.Mutex
		voters epochVoters
	}
}

func (a *attestersSeen) has(epoch types.Epoch, i types.ValidatorIndex) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.voters.has(epoch, i)
}

func (a *attestersSeen) put(epoch types.Epoch, i types.ValidatorIndex) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.voters.has(epoch, i) {
		return false
	}
	a.mu.voters.add(epoch, i)
	return true
}

func (a *attestersSeen) prune(before types.Epoch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.voters.prune(before)
}

func (a *attestersSeen) size() CacheSize {
	a.mu.Lock()
	defer a.mu.Unlock()
	return CacheSize{"attesters", len(a.mu.voters), a.mu.voters.bytes()}
}

// aggregateKey is what an aggregate is about: the root of its data and, from Electra on, the committee.
type aggregateKey struct {
	data      types.Root
	committee types.CommitteeIndex
}

// aggregatesSeen is aggregator_epochs and aggregate_data_roots.
type aggregatesSeen struct {
	mu struct {
		sync.Mutex
		aggregators epochVoters
		data        covered[aggregateKey]
	}
}

// The results of a look at what was seen of an aggregate.
type sighting uint8

const (
	fresh      sighting = iota
	sameData            // what it says is known
	sameSender          // its sender has said something before
)

// look tells whether an aggregate is new: first by its data, then by its aggregator, as the rules are ordered.
func (a *aggregatesSeen) look(epoch types.Epoch, slot types.Slot, aggregator types.ValidatorIndex, key aggregateKey, bits []byte) sighting {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lookLocked(epoch, slot, aggregator, key, bits)
}

func (a *aggregatesSeen) lookLocked(epoch types.Epoch, slot types.Slot, aggregator types.ValidatorIndex, key aggregateKey, bits []byte) sighting {
	switch {
	case a.mu.data.covers(slot, key, bits):
		return sameData
	case a.mu.aggregators.has(epoch, aggregator):
		return sameSender
	}
	return fresh
}

// put is look, and marks what is new. It keeps bits.
func (a *aggregatesSeen) put(epoch types.Epoch, slot types.Slot, aggregator types.ValidatorIndex, key aggregateKey, bits []byte) sighting {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.lookLocked(epoch, slot, aggregator, key, bits); s != fresh {
		return s
	}
	a.mu.aggregators.add(epoch, aggregator)
	a.mu.data.add(slot, key, bits)
	return fresh
}

// aggregated tells whether an aggregate of an aggregator was accepted.
func (a *aggregatesSeen) aggregated(epoch types.Epoch, aggregator types.ValidatorIndex) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.aggregators.has(epoch, aggregator)
}

func (a *aggregatesSeen) prune(spec *params.Spec, before types.Epoch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.aggregators.prune(before)
	if slot, err := types.ComputeStartSlotAtEpoch(spec, before); err == nil {
		a.mu.data.prune(slot)
	}
}

func (a *aggregatesSeen) size() CacheSize {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, keys := range a.mu.data.slots {
		n += len(keys)
	}
	return CacheSize{"aggregates", n, a.mu.data.bytes + a.mu.aggregators.bytes()}
}
