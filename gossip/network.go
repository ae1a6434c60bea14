package gossip

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

const (
	topicPrefix   = "/eth2/"
	topicEncoding = "/ssz_snappy"
)

// ErrTopic is what errors.Is finds in the errors about topics that do not exist. Messages on them are to be rejected.
var ErrTopic = errors.New("unknown topic")

// Topic is one topic of a chain.
type Topic struct {
	Kind   Kind
	Subnet uint64 // 0 where the kind has no subnets
	Digest types.ForkDigest
	Fork   params.Fork // that the digest is of
}

// Name is the part of the topic that says what is sent, with the subnet: beacon_attestation_7.
func (t Topic) Name() string {
	if t.Kind < kinds && topics[t.Kind].subnets != nil {
		return t.Kind.String() + "_" + strconv.FormatUint(t.Subnet, 10)
	}
	return t.Kind.String()
}

// String is the topic as it is on the wire: /eth2/ForkDigestValue/Name/Encoding.
func (t Topic) String() string {
	return topicPrefix + hex.EncodeToString(t.Digest[:]) + "/" + t.Name() + topicEncoding
}

// Era is a span of epochs with one fork digest.
type Era struct {
	Digest types.ForkDigest
	Fork   params.Fork
	Epoch  types.Epoch // the first one
}

// Network is the topics of one chain, with all digests that its schedule has. It is never changed.
type Network struct {
	spec    *params.Spec
	eras    []Era // in order of epochs
	byName  map[string]Kind
	bounds  [kinds][params.Heze + 1]Bounds
	largest uint64 // of all messages: MAX_PAYLOAD_SIZE
}

// NewNetwork makes the topics of a chain.
func NewNetwork(spec *params.Spec, genesisValidatorsRoot types.Root) *Network {
	n := &Network{spec: spec, byName: map[string]Kind{}, largest: spec.MaxPayloadSize}
	for _, entry := range spec.ForkSchedule() {
		if entry.Fork > params.Gloas {
			break // what comes later has topics that are not defined here
		}
		n.eras = append(n.eras, Era{spec.ComputeForkDigest(genesisValidatorsRoot, entry.Epoch), entry.Fork, entry.Epoch})
	}
	for _, k := range Kinds() {
		n.byName[k.String()] = k
		for _, era := range n.eras {
			if k.In(era.Fork) {
				n.bounds[k][era.Fork] = k.Bounds(spec, era.Fork)
			}
		}
	}
	return n
}

// At is the era of an epoch.
func (n *Network) At(epoch types.Epoch) Era {
	at := n.eras[0]
	for _, era := range n.eras {
		if era.Epoch <= epoch {
			at = era
		}
	}
	return at
}

// Topic is a topic of an epoch. It fails on a kind that does not exist then, and on a subnet that does not exist.
func (n *Network) Topic(kind Kind, subnet uint64, epoch types.Epoch) (Topic, error) {
	return n.topic(kind, subnet, n.At(epoch))
}

func (n *Network) topic(kind Kind, subnet uint64, era Era) (Topic, error) {
	t := Topic{Kind: kind, Subnet: subnet, Digest: era.Digest, Fork: era.Fork}
	if !kind.In(era.Fork) {
		return Topic{}, fmt.Errorf("%w: %v does not exist in %v", ErrTopic, kind, era.Fork)
	}
	if count := kind.Subnets(n.spec, era.Fork); subnet >= max(1, count) {
		return Topic{}, fmt.Errorf("%w: %s of %d subnets in %v", ErrTopic, t.Name(), count, era.Fork)
	}
	return t, nil
}

// digest finds the era that a topic is of, whatever else it says.
func (n *Network) digest(topic string) (era Era, rest string, ok bool) {
	const digits = 2 * len(types.ForkDigest{})
	rest, ok = strings.CutPrefix(topic, topicPrefix)
	if !ok || len(rest) < digits {
		return Era{}, "", false
	}
	for _, era := range n.eras {
		if hex.EncodeToString(era.Digest[:]) == rest[:digits] {
			return era, rest[digits:], true
		}
	}
	return Era{}, "", false
}

// Parse reads a topic as it is on the wire. All its errors are ErrTopic.
//
// Spec: "Clients MUST reject messages with an unknown topic" (phase0).
func (n *Network) Parse(topic string) (Topic, error) {
	era, rest, ok := n.digest(topic)
	if !ok {
		return Topic{}, fmt.Errorf("%w: %.128q has no digest of this chain", ErrTopic, topic)
	}
	name, encoded := strings.CutSuffix(rest, topicEncoding)
	name, slash := strings.CutPrefix(name, "/")
	if !encoded || !slash {
		return Topic{}, fmt.Errorf("%w: %.128q is not /eth2/digest/name%s", ErrTopic, topic, topicEncoding)
	}
	if kind, ok := n.byName[name]; ok && topics[kind].subnets == nil {
		return n.topic(kind, 0, era)
	}
	at := strings.LastIndexByte(name, '_')
	if at < 0 {
		return Topic{}, fmt.Errorf("%w: %.128q", ErrTopic, topic)
	}
	kind, ok := n.byName[name[:at]]
	subnet, err := strconv.ParseUint(name[at+1:], 10, 32)
	if !ok || topics[kind].subnets == nil || err != nil || strconv.FormatUint(subnet, 10) != name[at+1:] {
		return Topic{}, fmt.Errorf("%w: %.128q", ErrTopic, topic)
	}
	return n.topic(kind, subnet, era)
}

// Interests is what a node wants to hear besides the global topics.
type Interests struct {
	AttestationSubnets   []uint64
	SyncCommitteeSubnets []uint64
	ColumnSubnets        []uint64 // of the columns that it keeps or samples; see das.ComputeSubnetForDataColumnSidecar
	// LightClient asks for the two topics with light client updates.
	LightClient bool
}

// transitionEpochs is for how long before and after a change of the digest the topics of both sides are kept.
//
// Spec: "Transitioning the gossip" (altair): "In advance of the fork, a node SHOULD subscribe to the post-fork variants of the topics",
// "Two epochs after the fork, pre-fork topics SHOULD be unsubscribed from".
const transitionEpochs = 2

// Eras lists those whose topics a node is subscribed to in an epoch: the present one, the next from two epochs before it begins, and
// those before until two epochs after they ended.
func (n *Network) Eras(epoch types.Epoch) []Era {
	var out []Era
	for i, era := range n.eras {
		begun := era.Epoch <= epoch || era.Epoch-epoch <= transitionEpochs
		over := i+1 < len(n.eras) && n.eras[i+1].Epoch <= epoch && epoch-n.eras[i+1].Epoch >= transitionEpochs
		if begun && !over {
			out = append(out, era)
		}
	}
	return out
}

// Topics lists the topics that a node is to be subscribed to in an epoch. Subnets that do not exist are left out.
func (n *Network) Topics(epoch types.Epoch, want Interests) (out []Topic) {
	for _, era := range n.Eras(epoch) {
		for _, kind := range Kinds() {
			if (kind == LightClientFinalityUpdate || kind == LightClientOptimisticUpdate) && !want.LightClient {
				continue
			}
			for _, subnet := range n.subnets(kind, era, want) {
				if t, err := n.topic(kind, subnet, era); err == nil {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// subnets lists those of a kind that a node wants; a global topic is subnet 0.
func (n *Network) subnets(kind Kind, era Era, want Interests) []uint64 {
	switch kind {
	case BeaconAttestation:
		return want.AttestationSubnets
	case SyncCommittee:
		return want.SyncCommitteeSubnets
	case DataColumnSidecar:
		return want.ColumnSubnets
	case BlobSidecar: // everybody takes all blobs
		all := make([]uint64, kind.Subnets(n.spec, era.Fork))
		for i := range all {
			all[i] = uint64(i)
		}
		return all
	}
	return []uint64{0}
}

// Open decides whether messages on a topic count yet: its era has begun, or does so within MAXIMUM_GOSSIP_CLOCK_DISPARITY; if not they
// are ignored. Proposers' preferences count from one epoch before. Now is milliseconds since genesis.
//
// Spec: "Messages can be IGNORED on the post-fork topics, with a MAXIMUM_GOSSIP_CLOCK_DISPARITY margin" (altair); "Proposers SHOULD
// broadcast their preferences in the epoch before the fork" (gloas).
func (n *Network) Open(t Topic, now uint64) Decision {
	for _, era := range n.eras {
		if era.Digest != t.Digest {
			continue
		}
		epoch := era.Epoch
		if t.Kind == ProposerPreferences {
			epoch = epoch.SubSaturating(n.spec.MinSeedLookahead)
		}
		start, err := types.ComputeStartSlotAtEpoch(n.spec, epoch)
		if err == nil && !isFutureSlot(n.spec, start, now) {
			return accepted
		}
		return ignore(RuleNotBegun, currentSlot(n.spec, now), start)
	}
	return Decision{Rule: RuleType, Err: fmt.Errorf("%w: %v", ErrTopic, t.Digest)}
}
