package gossip

import (
	"math"
	"time"

	"github.com/cresset/cresset/beacon/params"
)

// The specification's parameters of the mesh. Spec: "Gossipsub Parameters" (phase0).
const (
	MeshSize          = 8                      // D
	MeshLow           = 6                      // D_low
	MeshHigh          = 12                     // D_high
	GossipPeers       = 6                      // D_lazy
	HeartbeatInterval = 700 * time.Millisecond // heartbeat_interval
	FanoutTTL         = 60 * time.Second       // fanout_ttl
	HistoryLength     = 6                      // mcache_len
	HistoryGossip     = 3                      // mcache_gossip
)

// SeenTTL is for how long message ids are remembered: seen_ttl. Spec: "Gossipsub Parameters" (phase0).
func SeenTTL(spec *params.Spec) time.Duration {
	return spec.SlotDuration() * time.Duration(spec.SlotsPerEpoch) * 2
}

// The specification leaves the scores of gossipsub 1.1 open. Here a topic gives a peer in its mesh at most topicBest points times its
// weight: inMeshBest for having been there for an hour, firstBest for having been the first to bring its share of the messages. The
// rest follows from how many messages a topic has, which follows from the chain's constants and the number of validators:
//
//   - What a peer did counts less with time; after a number of slots (the topic's memory) as good as nothing is left (decayToZero).
//   - Full marks for first deliveries are for twice the share that each of MeshSize peers has, so that being fast pays, and being twice
//     as fast as that pays no more: a peer that is much faster than all others may well be the one that made the messages.
//   - Nothing is asked of a peer in the mesh: how many messages it can bring follows from what others make and from what was there before.
//     In a network of two nodes, before genesis and while the chain stands still honest peers bring next to none, and aggregates that say
//     nothing new are not counted. A peer that brings nothing earns nothing, and gives way to one that does.
//   - One invalid message costs as much as all topics together can give; several cost the square of their number. The thresholds are in
//     units of that: honest peers send none.
const (
	inMeshBest  = 10.0
	firstBest   = 40.0
	topicBest   = inMeshBest + firstBest
	inMeshTime  = time.Hour
	decayToZero = 0.01

	// misdeedMemory is for how many epochs an invalid message, an early graft or a broken promise is held against a peer.
	misdeedMemory = 50
	// After so many invalid messages a peer gets no gossip, none of our messages, no attention.
	invalidForGossip, invalidForPublish, invalidForGraylist = 4, 6, 8
)

// scoreRow is how a topic counts.
type scoreRow struct {
	// weight is that of a topic or, divided among them, of all subnets of a kind. Blocks, payloads and votes carry the chain.
	weight float64
	// memory is in epochs.
	memory float64
	// rate is about how many messages there are a slot, on all subnets together.
	rate func(*params.Spec, uint64) float64
}

func each(n float64) func(*params.Spec, uint64) float64 {
	return func(*params.Spec, uint64) float64 { return n }
}

// perEpoch is the rate of n messages an epoch.
func perEpoch(n float64) func(*params.Spec, uint64) float64 {
	return func(s *params.Spec, _ uint64) float64 { return n / float64(s.SlotsPerEpoch) }
}

// committeesPerSlot is get_committee_count_per_slot of so many active validators.
func committeesPerSlot(s *params.Spec, validators uint64) float64 {
	return float64(max(1, min(s.MaxCommitteesPerSlot, validators/s.SlotsPerEpoch/s.TargetCommitteeSize)))
}

// scores is the table of topics' scores, by kind. It is never written to.
var scores = [kinds]scoreRow{
	BeaconBlock: {weight: 0.5, memory: 20, rate: each(1)},
	BeaconAggregateAndProof: {weight: 0.5, memory: 1, rate: func(s *params.Spec, v uint64) float64 {
		return committeesPerSlot(s, v) * params.TargetAggregatorsPerCommittee
	}},
	// A subnet has its votes in some slots of an epoch only; the average over the memory counts.
	BeaconAttestation: {weight: 1, memory: 4, rate: func(s *params.Spec, v uint64) float64 {
		return float64(v) / float64(s.SlotsPerEpoch)
	}},
	VoluntaryExit:                     {weight: 0.05, memory: 100, rate: perEpoch(4)},
	ProposerSlashing:                  {weight: 0.05, memory: 100, rate: perEpoch(0.2)},
	AttesterSlashing:                  {weight: 0.05, memory: 100, rate: perEpoch(0.2)},
	SyncCommitteeContributionAndProof: {weight: 0.2, memory: 1, rate: each(params.SyncCommitteeSubnetCount * params.TargetAggregatorsPerSyncSubcommittee)},
	SyncCommittee:                     {weight: 0.4, memory: 1, rate: func(s *params.Spec, _ uint64) float64 { return float64(s.SyncCommitteeSize) }},
	LightClientFinalityUpdate:         {weight: 0.05, memory: 20, rate: perEpoch(1)},
	LightClientOptimisticUpdate:       {weight: 0.05, memory: 20, rate: each(1)},
	BLSToExecutionChange:              {weight: 0.05, memory: 100, rate: perEpoch(4)},
	BlobSidecar: {weight: 0.5, memory: 20, rate: func(s *params.Spec, _ uint64) float64 {
		return float64(s.MaxBlobsPerBlock) / 2
	}},
	// A column a slot on each subnet, as far as blocks have blobs.
	DataColumnSidecar:         {weight: 1, memory: 20, rate: func(s *params.Spec, _ uint64) float64 { return float64(s.NumberOfColumns) / 2 }},
	ExecutionPayload:          {weight: 0.5, memory: 20, rate: each(1)},
	ExecutionPayloadBid:       {weight: 0.05, memory: 1, rate: each(4)},
	PayloadAttestationMessage: {weight: 0.2, memory: 1, rate: func(s *params.Spec, _ uint64) float64 { return float64(s.PTCSize) }},
	ProposerPreferences:       {weight: 0.05, memory: 20, rate: each(1)},
}

// TopicScore is how peers are scored by what they do on a topic. The names are those of gossipsub 1.1.
type TopicScore struct {
	TopicWeight float64

	TimeInMeshWeight  float64
	TimeInMeshQuantum time.Duration
	TimeInMeshCap     float64

	FirstMessageDeliveriesWeight float64
	FirstMessageDeliveriesDecay  float64
	FirstMessageDeliveriesCap    float64

	InvalidMessageDeliveriesWeight float64
	InvalidMessageDeliveriesDecay  float64
}

// decay is the factor a slot that leaves decayToZero after so many epochs.
func decay(spec *params.Spec, epochs float64) float64 {
	return math.Pow(decayToZero, 1/(epochs*float64(spec.SlotsPerEpoch)))
}

// level is where a counter settles that grows by rate a slot and decays.
func level(rate, decay float64) float64 { return rate / (1 - decay) }

// Score gives how peers are scored on a topic of the kind, in a fork and with so many active validators.
func (k Kind) Score(spec *params.Spec, fork params.Fork, validators uint64) TopicScore {
	r := &scores[k]
	subnets := float64(max(1, k.Subnets(spec, fork)))
	rate := r.rate(spec, validators) / subnets
	slot := spec.SlotDuration()
	remembered := decay(spec, r.memory)
	s := TopicScore{
		TopicWeight:                    r.weight / subnets,
		TimeInMeshQuantum:              slot,
		TimeInMeshCap:                  float64(inMeshTime / slot),
		FirstMessageDeliveriesDecay:    remembered,
		FirstMessageDeliveriesCap:      max(1, 2*level(rate, remembered)/MeshSize),
		InvalidMessageDeliveriesDecay:  decay(spec, misdeedMemory),
		InvalidMessageDeliveriesWeight: -bestScore(fork) / (r.weight / subnets),
	}
	s.TimeInMeshWeight = inMeshBest / s.TimeInMeshCap
	s.FirstMessageDeliveriesWeight = firstBest / s.FirstMessageDeliveriesCap
	return s
}

// bestScore is what all topics of a fork together can give, to a peer that is in the mesh of every one.
func bestScore(fork params.Fork) (sum float64) {
	for _, k := range Kinds() {
		if k.In(fork) {
			sum += scores[k].weight * topicBest
		}
	}
	return sum
}

// topicCount is how many topics a fork has, with all subnets.
func topicCount(spec *params.Spec, fork params.Fork) (n float64) {
	for _, k := range Kinds() {
		if k.In(fork) {
			n += float64(max(1, k.Subnets(spec, fork)))
		}
	}
	return n
}

// PeerScore is how peers are scored beyond single topics, and what scores mean. The names are those of gossipsub 1.1.
type PeerScore struct {
	TopicScoreCap float64
	DecayInterval time.Duration
	DecayToZero   float64
	RetainScore   time.Duration

	AppSpecificWeight         float64
	BehaviourPenaltyWeight    float64
	BehaviourPenaltyThreshold float64
	BehaviourPenaltyDecay     float64

	GossipThreshold             float64
	PublishThreshold            float64
	GraylistThreshold           float64
	AcceptPXThreshold           float64
	OpportunisticGraftThreshold float64
}

// Scores gives how peers are scored in a fork. Where they are does not count: how many of one address are let in is the peer manager's matter.
func Scores(spec *params.Spec, fork params.Fork) PeerScore {
	best, topics := bestScore(fork), topicCount(spec, fork)
	graylist := -best * invalidForGraylist * invalidForGraylist
	return PeerScore{
		// All that peers can earn counts half: with more, an attacker could save up for a misdeed.
		TopicScoreCap: best / 2,
		DecayInterval: spec.SlotDuration(), DecayToZero: decayToZero,
		RetainScore:       spec.SlotDuration() * time.Duration(spec.SlotsPerEpoch) * 2 * misdeedMemory,
		AppSpecificWeight: 1,
		// Broken promises and too early grafts. A peer that starts again knows nothing of the topics that it was pruned from, and grafts all of
		// them at once: so many are forgiven. Twice as many, and it is not listened to.
		BehaviourPenaltyWeight: graylist / (topics * topics), BehaviourPenaltyThreshold: topics, BehaviourPenaltyDecay: decay(spec, misdeedMemory),
		GossipThreshold:             -best * invalidForGossip * invalidForGossip,
		PublishThreshold:            -best * invalidForPublish * invalidForPublish,
		GraylistThreshold:           graylist,
		AcceptPXThreshold:           best / 2, // nobody but those with full marks
		OpportunisticGraftThreshold: topicBest / 10,
	}
}
