package gossip

import (
	"math"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
)

// What gossipsub demands of parameters, for every topic, fork and size of network.
func TestScoresAreParametersThatGossipsubTakes(t *testing.T) {
	spec := scheduledSpec(t)
	for _, fork := range params.Forks()[:params.Gloas+1] {
		for _, validators := range []uint64{64, 20_000, 1_000_000, 2_400_000} {
			for _, kind := range Kinds() {
				if !kind.In(fork) {
					continue
				}
				s := kind.Score(spec, fork, validators)
				decays := []float64{s.FirstMessageDeliveriesDecay, s.InvalidMessageDeliveriesDecay}
				for _, d := range decays {
					if d <= 0 || d >= 1 {
						t.Errorf("%v in %v: decay %v", kind, fork, d)
					}
				}
				for _, v := range []float64{s.TopicWeight, s.TimeInMeshWeight, s.TimeInMeshCap, s.FirstMessageDeliveriesWeight, s.FirstMessageDeliveriesCap} {
					if !(v > 0) || math.IsInf(v, 0) {
						t.Errorf("%v in %v: %+v has what is not positive", kind, fork, s)
					}
				}
				if s.InvalidMessageDeliveriesWeight >= 0 {
					t.Errorf("%v in %v: invalid messages are worth %v", kind, fork, s.InvalidMessageDeliveriesWeight)
				}
			}
		}
	}
}

// The reasons given in the text hold of the numbers.
func TestScoresMeanWhatTheyAreMeantFor(t *testing.T) {
	spec := scheduledSpec(t)
	near := func(what string, have, want float64) {
		t.Helper()
		if math.Abs(have-want) > 1e-6*math.Abs(want) {
			t.Errorf("%s: %v, want %v", what, have, want)
		}
	}
	best := bestScore(params.Fulu)
	sum := 0.0
	for _, kind := range Kinds() {
		if !kind.In(params.Fulu) {
			continue
		}
		s := kind.Score(spec, params.Fulu, 1_000_000)
		full := s.TimeInMeshWeight*s.TimeInMeshCap + s.FirstMessageDeliveriesWeight*s.FirstMessageDeliveriesCap
		near(kind.String()+" gives at most", full, topicBest)
		near(kind.String()+" takes for an invalid message", s.TopicWeight*s.InvalidMessageDeliveriesWeight, -best)
		sum += s.TopicWeight * full * float64(max(1, kind.Subnets(spec, params.Fulu)))
		near(kind.String()+" stays an hour", float64(s.TimeInMeshQuantum)*s.TimeInMeshCap, float64(time.Hour))
	}
	near("all topics together", sum, best)
	block := BeaconBlock.Score(spec, params.Fulu, 1_000_000)
	near("of a block after 20 epochs is left", math.Pow(block.FirstMessageDeliveriesDecay, 20*32), decayToZero)
	// A peer that is first with an eighth of all blocks has half of the marks.
	near("the share of one in eight", level(1.0/MeshSize, block.FirstMessageDeliveriesDecay)/block.FirstMessageDeliveriesCap, 0.5)
	p := Scores(spec, params.Fulu)
	if !(p.GraylistThreshold < p.PublishThreshold && p.PublishThreshold < p.GossipThreshold && p.GossipThreshold < 0) ||
		!(0 < p.OpportunisticGraftThreshold && p.OpportunisticGraftThreshold < p.AcceptPXThreshold && p.AcceptPXThreshold <= p.TopicScoreCap) {
		t.Errorf("thresholds out of order: %+v", p)
	}
	near("eight invalid messages", -64*best, p.GraylistThreshold)
	// 64 subnets of votes, 4 of sync committees, 128 columns and nine others, all grafted at once.
	near("what is forgiven", p.BehaviourPenaltyThreshold, 64+4+128+9)
	near("twice as much", p.BehaviourPenaltyThreshold*p.BehaviourPenaltyThreshold*p.BehaviourPenaltyWeight, p.GraylistThreshold)
	if SeenTTL(spec) != 768*time.Second {
		t.Errorf("seen_ttl is %v", SeenTTL(spec))
	}
}
