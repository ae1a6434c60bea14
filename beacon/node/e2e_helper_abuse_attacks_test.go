//go:build e2e

package node

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/golang/snappy"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// attack is what the hostile peers of a row do. Send is one message, the n-th of all; an error is that the node did not take it.
type attack struct {
	send func(w *world, p *wirePeer, n uint64) error
	// status is what they say of themselves, nil for what the node says; answers are what they answer requests with.
	status  func(w *world, node types.Status) types.Status
	answers map[string]func(w *world, s network.Stream)
}

const (
	blocksByRange = "/eth2/beacon_chain/req/beacon_blocks_by_range/2/ssz_snappy"
	blocksByRoot  = "/eth2/beacon_chain/req/beacon_blocks_by_root/2/ssz_snappy"
	blocksByHead  = "/eth2/beacon_chain/req/beacon_blocks_by_head/1/ssz_snappy"
	columnsByRoot = "/eth2/beacon_chain/req/data_column_sidecars_by_root/1/ssz_snappy"
	pingProtocol  = "/eth2/beacon_chain/req/ping/1/ssz_snappy"
)

// attacks is what the hostile peers do, by the names of rows.
var attacks = map[string]*attack{
	"graft-prune": {send: func(w *world, p *wirePeer, n uint64) error {
		c := &pb.ControlMessage{}
		for _, topic := range w.globalTopics() {
			c.Prune = append(c.Prune, &pb.ControlPrune{TopicID: &topic})
			c.Graft = append(c.Graft, &pb.ControlGraft{TopicID: &topic})
		}
		return p.frame(&pb.RPC{Control: c})
	}},
	"graft-many": {send: func(w *world, p *wirePeer, n uint64) error {
		topic := w.topic(gossip.BeaconBlock, 0)
		c := &pb.ControlMessage{}
		for range 1025 {
			c.Graft = append(c.Graft, &pb.ControlGraft{TopicID: &topic})
		}
		return p.frame(&pb.RPC{Control: c})
	}},
	"ihave": {send: func(w *world, p *wirePeer, n uint64) error {
		topic := w.topic(gossip.BeaconBlock, 0)
		return p.frame(&pb.RPC{Control: &pb.ControlMessage{Ihave: []*pb.ControlIHave{{TopicID: &topic, MessageIDs: madeUp(n, 100)}}}})
	}},
	"iwant": {send: func(w *world, p *wirePeer, n uint64) error {
		ids := madeUp(n, 50)
		if id, ok := w.told.Load(w.tip.Load().Slot); ok {
			for range 50 { // the same block again and again
				raw := id.(gossip.MessageID)
				ids = append(ids, string(raw[:]))
			}
		}
		return p.frame(&pb.RPC{Control: &pb.ControlMessage{Iwant: []*pb.ControlIWant{{MessageIDs: ids}}}})
	}},
	"subscriptions": {send: func(w *world, p *wirePeer, n uint64) error {
		count, rpc := uint64(100), &pb.RPC{}
		if n/hostile%10 == 9 {
			count = 1025
		}
		for i := range count {
			on, topic := (n/hostile+i)%2 == 0, fmt.Sprintf("/eth2/%08x/beacon_attestation_%d/ssz_snappy", n, i)
			if i < 32 {
				topic = w.topic(gossip.BeaconAttestation, i)
			}
			rpc.Subscriptions = append(rpc.Subscriptions, &pb.RPC_SubOpts{Subscribe: &on, Topicid: &topic})
		}
		return p.frame(rpc)
	}},
	"gossip-bombs": {send: func(w *world, p *wirePeer, n uint64) error {
		switch (n/hostile + n) % 100 { // ten a second of each: half a megabyte, that becomes ten
		case 0:
			return p.publish(w.topic(gossip.VoluntaryExit, 0), zeros())
		case 50:
			return p.publish(w.topic(gossip.BeaconBlock, 0), zeros())
		}
		declared := binary.AppendUvarint(nil, math.MaxUint32-n) // nothing behind it
		return p.publish(w.topic(gossip.BeaconBlock, 0), append(declared, byte(n), byte(n>>8), byte(n>>16)))
	}},
	"request-bombs": {send: func(w *world, p *wirePeer, n uint64) error {
		// As much as a list of roots may have, in frames that hold more.
		return p.request(blocksByRoot, zeroRoots(), nil)
	}},
	"lying-lengths": {send: func(w *world, p *wirePeer, n uint64) error {
		switch n / hostile % 6 {
		case 0: // a frame of gossip of 2^63 bytes
			return p.write(append(binary.AppendUvarint(nil, 1<<63), 1, 2, 3))
		case 1: // one of as many as are allowed, that ends before
			if err := p.write(append(binary.AppendUvarint(nil, 10<<20), 1, 2, 3)); err != nil {
				return err
			}
			err := p.gossip.Reset()
			p.gossip = nil
			return err
		case 2:
			return p.request(blocksByRange, append(binary.AppendUvarint(nil, 1<<63), 1, 2, 3), nil)
		case 3: // more than the type has
			return p.request(pingProtocol, payload(make([]byte, 4096)), nil)
		case 4: // shorter than declared
			return p.request(blocksByRange, lyingPayload(24, make([]byte, 8)), nil)
		}
		return p.publish(w.topic(gossip.BeaconBlock, 0), snappy.Encode(nil, binary.LittleEndian.AppendUint64(make([]byte, 96), n)))
	}},
	"overflowing-ranges": {send: func(w *world, p *wirePeer, n uint64) error {
		type r struct{ start, count, step uint64 }
		ranges := []r{{math.MaxUint64, math.MaxUint64, 1}, {math.MaxUint64 - 1, 2, 1}, {1, math.MaxUint64, 1}, {0, math.MaxUint64, 1}, {0, 8, 0}, {0, math.MaxUint64, math.MaxUint64}}
		x := ranges[n/hostile%uint64(len(ranges))]
		content := binary.LittleEndian.AppendUint64(nil, x.start)
		content = binary.LittleEndian.AppendUint64(content, x.count)
		content = binary.LittleEndian.AppendUint64(content, x.step)
		return p.request(blocksByRange, payload(content), nil)
	}},
	"half-open": {send: func(w *world, p *wirePeer, n uint64) error {
		ids := []string{blocksByRange, blocksByRoot, columnsByRoot, pingProtocol, mesh}
		s, err := p.open(ids[n/hostile%uint64(len(ids))])
		if err != nil {
			return err
		}
		if n/hostile%2 == 0 {
			_, err = s.Write([]byte{0x80}) // the first byte of a length without end
		} else {
			_, err = s.Write(nil) // nothing but the protocol
		}
		return err // the stream stays as it is
	}},
	"one-byte-readers": {send: func(w *world, p *wirePeer, n uint64) error {
		content := binary.LittleEndian.AppendUint64(nil, 0)
		content = binary.LittleEndian.AppendUint64(content, 128)
		content = binary.LittleEndian.AppendUint64(content, 1)
		return p.request(blocksByRange, payload(content), func(s network.Stream) {
			var one [1]byte
			for _ = s.SetReadDeadline(time.Now().Add(time.Minute)); ; time.Sleep(time.Second) {
				if _, err := s.Read(one[:]); err != nil {
					return
				}
			}
		})
	}},
	"wrong-digests": {
		// They make the node look for blocks that they name, and hand out some of another network; and they send on its topics.
		status: func(w *world, s types.Status) types.Status {
			s.HeadSlot, s.HeadRoot = w.clock.CurrentSlot(), types.Root{1}
			return s
		},
		answers: map[string]func(*world, network.Stream){blocksByRange: (*world).wrongDigest, blocksByRoot: (*world).wrongDigest, blocksByHead: (*world).wrongDigest},
		send: func(w *world, p *wirePeer, n uint64) error {
			if (n/hostile+n)%10 == 0 {
				return w.vote(p, n, unknown, false)
			}
			topic := fmt.Sprintf("/eth2/%s/beacon_block/ssz_snappy", hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(n))))
			return p.publish(topic, snappy.Encode(nil, binary.LittleEndian.AppendUint64(make([]byte, 96), n)))
		},
	},
	"wrong-network": {
		status: func(_ *world, s types.Status) types.Status {
			s.ForkDigest[0] ^= 1
			return s
		},
		send: func(w *world, p *wirePeer, n uint64) error {
			content := make([]byte, 92) // a status of nowhere
			binary.LittleEndian.PutUint64(content[4:], n)
			return p.request("/eth2/beacon_chain/req/status/2/ssz_snappy", payload(content), nil)
		},
	},
	"bad-signatures": {send: func(w *world, p *wirePeer, n uint64) error {
		if n/hostile%10 == 0 {
			return w.badBlock(p, n)
		}
		return w.vote(p, n, func(o *stormOf, _ uint64) (block, target types.Root) { return o.tip.Root, o.target }, true)
	}},
	"old-targets-known": {send: func(w *world, p *wirePeer, n uint64) error {
		return w.vote(p, n, func(o *stormOf, _ uint64) (block, target types.Root) {
			root := o.old[n/512%uint64(len(o.old))]
			return root, root
		}, false)
	}},
	"old-targets-unknown": {send: func(w *world, p *wirePeer, n uint64) error {
		return w.vote(p, n, unknown, false)
	}},
}

// zeroRoots declares 128 roots and has a megabyte.
var zeroRoots = sync.OnceValue(func() []byte { return lyingPayload(32*128, make([]byte, 1<<20)) })

// zeros is ten megabytes in half a one.
var zeros = sync.OnceValue(func() []byte { return snappy.Encode(nil, make([]byte, 10<<20)) })

func madeUp(n uint64, count int) (ids []string) {
	for i := range count {
		id := make([]byte, gossip.MessageIDSize)
		binary.LittleEndian.PutUint64(id, n)
		id[8] = byte(i)
		ids = append(ids, string(id))
	}
	return ids
}

func (w *world) epoch() types.Epoch { return w.clock.CurrentEpoch() }

func (w *world) topic(kind gossip.Kind, subnet uint64) string {
	t, err := w.topics.Topic(kind, subnet, w.epoch())
	if err != nil {
		panic(err) // a mistake in the table
	}
	return t.String()
}

func (w *world) globalTopics() (out []string) {
	for _, t := range w.topics.Topics(w.epoch(), gossip.Interests{LightClient: true}) {
		out = append(out, t.String())
	}
	return out
}

// wrongDigest answers with a block under a digest of no fork.
func (w *world) wrongDigest(s network.Stream) {
	defer func() { _ = s.Close() }()
	_ = s.SetDeadline(time.Now().Add(writeTime))
	_, _ = s.Write(append([]byte{0, 0xde, 0xad, 0xbe, 0xef}, payload(make([]byte, 1000))...))
}

// stormOf is what the votes of a slot are made of.
type stormOf struct {
	tip            simnet.Tip
	slot           types.Slot
	target         types.Root
	source         types.Checkpoint
	old            []types.Root // blocks of before the epoch
	committees     [][]uint32
	committeeCount uint64
}

// unknown is a block that nobody has.
func unknown(_ *stormOf, n uint64) (block, target types.Root) {
	binary.LittleEndian.PutUint64(block[:], n+1)
	return block, block
}

// storm makes the votes' material of the present slot, once.
func (w *world) storm() (*stormOf, error) {
	w.storms.Lock()
	defer w.storms.Unlock()
	slot := w.clock.CurrentSlot()
	if w.storms.now != nil && w.storms.now.slot == slot {
		return w.storms.now, nil
	}
	spec := w.live.net.Spec()
	o := &stormOf{tip: *w.tip.Load(), slot: slot}
	s := o.tip.State.Copy()
	if s.Slot < slot {
		if err := transition.ProcessSlots(s, slot); err != nil {
			return nil, err
		}
	}
	epoch := types.ComputeEpochAtSlot(spec, slot)
	start, err := types.ComputeStartSlotAtEpoch(spec, epoch)
	if err != nil {
		return nil, err
	}
	o.source, o.target = s.CurrentJustifiedCheckpoint, o.tip.Root
	for _, t := range *w.past.Load() {
		if t.Slot <= start {
			o.target = t.Root
		}
		// Those that are not finalized.
		if t.Slot < start && t.Slot+types.Slot(2*spec.SlotsPerEpoch) > start {
			o.old = append(o.old, t.Root)
		}
	}
	if len(o.old) == 0 {
		return nil, errors.New("no old targets yet")
	}
	shuffling, err := s.Shuffling(epoch)
	if err != nil {
		return nil, err
	}
	o.committeeCount = shuffling.CommitteesPerSlot
	for i := range o.committeeCount {
		o.committees = append(o.committees, shuffling.Committee(slot, types.CommitteeIndex(i)))
	}
	w.storms.now = o
	return o, nil
}

// vote sends the n-th vote of the present slot, for the blocks that choose names. A forged one has another validator's signature of something else.
func (w *world) vote(p *wirePeer, n uint64, choose func(o *stormOf, n uint64) (block, target types.Root), forged bool) error {
	o, err := w.storm()
	if err != nil {
		return err
	}
	spec := w.live.net.Spec()
	epoch := types.ComputeEpochAtSlot(spec, o.slot)
	index := types.CommitteeIndex(n % o.committeeCount)
	committee := o.committees[index]
	voter := types.ValidatorIndex(committee[n/o.committeeCount%uint64(len(committee))])
	vote := &types.SingleAttestation{CommitteeIndex: index, AttesterIndex: voter, Data: types.AttestationData{Slot: o.slot, Source: o.source}}
	vote.Data.Target.Epoch = epoch
	vote.Data.BeaconBlockRoot, vote.Data.Target.Root = choose(o, n)
	signed, signer := types.HashTreeRoot(&vote.Data), voter
	if forged {
		signed, signer = types.Root{}, (voter+1)%abuseValidators
		binary.LittleEndian.PutUint64(signed[:], n)
	}
	vote.Signature = w.live.net.Sign(o.tip, signer, signed, params.DomainBeaconAttester(), epoch)
	topic, err := w.topics.Topic(gossip.BeaconAttestation, types.ComputeSubnetForAttestation(spec, o.committeeCount, o.slot, index), epoch)
	if err != nil {
		return err
	}
	data, err := w.topics.Encode(topic, vote)
	if err != nil {
		return err
	}
	return p.publish(topic.String(), data)
}

// badBlock sends a block on the tip that its proposer did not sign.
func (w *world) badBlock(p *wirePeer, n uint64) error {
	spec, tip := w.live.net.Spec(), *w.tip.Load()
	block := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: w.clock.CurrentSlot(), ProposerIndex: types.ValidatorIndex(n % abuseValidators), ParentRoot: tip.Root}}
	block.Message.Body.SyncAggregate.SyncCommitteeBits = ssz.NewBitvector(spec.SyncCommitteeSize)
	block.Message.Body.ExecutionPayload.LogsBloom = make([]byte, spec.BytesPerLogsBloom)
	binary.LittleEndian.PutUint64(block.Message.StateRoot[:], n)
	block.Signature = w.live.net.Sign(tip, types.ValidatorIndex((n+1)%abuseValidators), block.Message.StateRoot, params.DomainBeaconProposer(), w.epoch())
	topic, err := w.topics.Topic(gossip.BeaconBlock, 0, w.epoch())
	if err != nil {
		return err
	}
	data, err := w.topics.Encode(topic, block)
	if err != nil {
		return err
	}
	return p.publish(topic.String(), data)
}

// request sends a request on a stream of its own, and has the answer read by somebody else; nil gives it up when it has begun.
func (p *wirePeer) request(id string, data []byte, read func(network.Stream)) error {
	s, err := p.open(id)
	if err != nil {
		return err
	}
	_, err = s.Write(data)
	if err == nil {
		err = s.CloseWrite()
	}
	if err != nil {
		_ = s.Reset()
		return err
	}
	go func() {
		defer func() { _ = s.Reset() }()
		if read != nil {
			read(s)
			return
		}
		_, _ = io.ReadFull(s, make([]byte, 1)) // what the node answers is seen at the node
	}()
	return nil
}

// payload is a request or chunk as it has to be: the length, and frames of snappy.
func payload(content []byte) []byte {
	return lyingPayload(uint64(len(content)), content)
}

// lyingPayload declares another length.
func lyingPayload(declared uint64, content []byte) []byte {
	out := bytes.NewBuffer(binary.AppendUvarint(nil, declared))
	w := snappy.NewBufferedWriter(out)
	_, _ = w.Write(content) // into memory
	_ = w.Close()
	return out.Bytes()
}
