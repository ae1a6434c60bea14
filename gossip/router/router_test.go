package router

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

func (n *node) hasHead(root types.Root) func() bool {
	return func() bool { return n.chain.Snapshot().Head.Root == root }
}

func TestABlockPublishedByOneNodeBecomesTheHeadOfTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b := w.node(), w.node()
	w.join(a, b)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	w.at(1, 100)
	check(t, a.router.Publish(context.Background(), gossip.BeaconBlock, 0, block))
	w.until("the block is the other's head", b.hasHead(tip.Root))
	if p := b.penalties(a); len(p) != 0 {
		t.Errorf("the publisher was punished: %v", p)
	}
}

func TestAMessageTravelsOverANodeBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b, c := w.node(), w.node(), w.node()
	w.join(a, b)
	w.join(b, c)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	w.at(1, 100)
	check(t, a.router.Publish(context.Background(), gossip.BeaconBlock, 0, block))
	w.until("the block is the farthest node's head", c.hasHead(tip.Root))
}

func TestNobodyToPublishToIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a := w.node()
	block, _ := w.block(w.net.Genesis(), 1, simnet.Content{})
	w.at(1, 100)
	if err := a.router.Publish(context.Background(), gossip.BeaconBlock, 0, block); !errors.Is(err, ErrNoPeers) {
		t.Errorf("error is %v, want ErrNoPeers", err)
	}
}

func TestANodePublishesNothingThatOthersReject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b := w.node(), w.node()
	w.join(a, b)
	block, _ := w.block(w.net.Genesis(), 1, simnet.Content{})
	w.at(1, 100)
	block.Signature[5] ^= 1
	var decision gossip.Decision
	if err := a.router.Publish(context.Background(), gossip.BeaconBlock, 0, block); !errors.As(err, &decision) || decision.Verdict != gossip.Reject {
		t.Errorf("error is %v, want a rejection", err)
	}
}

func TestVotesMoveAHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b := w.node(), w.node()
	w.join(a, b)
	one, oneTip := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "one"})
	two, twoTip := w.block(w.net.Genesis(), 1, simnet.Content{Graffiti: "two"})
	w.at(1, 900) // too late for a boost
	for _, n := range w.all {
		n.add(one)
		n.add(two)
	}
	other := oneTip
	if b.hasHead(oneTip.Root)() {
		other = twoTip
	}
	for _, v := range w.voters(other, 1) {
		vote, subnet := w.vote(other, 1, v)
		check(t, a.router.Publish(context.Background(), gossip.BeaconAttestation, subnet, vote))
	}
	w.until("the votes have come", func() bool { return b.pooled() == len(w.voters(other, 1)) })
	w.at(2, 0) // their slot is over
	w.until("the votes move the head", b.hasHead(other.Root))
	w.until("the votes move the publisher's head, too", a.hasHead(other.Root))
}

// raw publishes data as it is, without any check.
func (n *node) raw(kind gossip.Kind, subnet uint64, data []byte) {
	n.t.Helper()
	topic, err := n.world.of.Topic(kind, subnet, n.chain.Clock().CurrentEpoch())
	check(n.t, err)
	check(n.t, n.router.send(context.Background(), topic, data))
}

func TestAnInvalidMessageIsRejectedAndItsPeerPunished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b := w.node(), w.node()
	w.join(a, b)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	block.Signature[5] ^= 1
	w.at(1, 100)
	topic, err := w.of.Topic(gossip.BeaconBlock, 0, 0)
	check(t, err)
	data, err := w.of.Encode(topic, block)
	check(t, err)
	a.raw(gossip.BeaconBlock, 0, data)
	w.until("the peer is punished", func() bool { return len(b.penalties(a)) > 0 })
	if p := b.penalties(a); !strings.Contains(p[0], "signature") {
		t.Errorf("penalties are %v, want one for the signature", p)
	}
	a.raw(gossip.VoluntaryExit, 0, []byte("no snappy at all"))
	w.until("the peer is punished again", func() bool { return len(b.penalties(a)) > 1 })
	if b.chain.Block(tip.Root) != nil {
		t.Error("the block was imported")
	}
}

func TestAVoteForAnUnknownBlockIsCountedWhenTheBlockComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b, c := w.node(), w.node(), w.node()
	w.join(a, b)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	w.at(1, 500)
	a.add(block)
	voter := w.voters(tip, 1)[0]
	vote, subnet := w.vote(tip, 1, voter)
	check(t, a.router.Publish(context.Background(), gossip.BeaconAttestation, subnet, vote))
	w.until("the block is asked for", func() bool { return slices.Contains(b.wanted(), tip.Root) })
	if b.pooled() != 0 {
		t.Fatal("the vote was accepted without its block")
	}
	w.join(b, c)
	c.add(block)
	b.add(block)
	w.until("the vote is accepted", func() bool { return b.pooled() == 1 })
	w.until("the vote is passed on", func() bool { return c.pooled() == 1 })
	if p := b.penalties(a); len(p) != 0 {
		t.Errorf("the publisher was punished: %v", p)
	}
	if count, bytes := b.router.hold.size(); count != 0 || bytes != 0 {
		t.Errorf("%d messages of %d bytes are held still", count, bytes)
	}
}

// verify_attestation_payload_status (gloas): a vote for a payload that is not here has the payload asked for, and counts when it comes.
func TestAVoteForAnUnknownPayloadIsCountedWhenThePayloadComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Gloas))
	a, b := w.node(), w.node()
	w.join(a, b)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	w.at(1, 500)
	reveal := func(n *node) {
		t.Helper()
		outcome, err := n.chain.ImportPayload(context.Background(), tip.Payload, chain.API)
		if check(t, err); outcome != chain.Applied {
			t.Fatalf("the payload is %v", outcome)
		}
	}
	a.add(block)
	b.add(block)
	reveal(a)
	w.at(2, 500)
	vote, subnet := w.vote(tip.WithPayload(), 2, w.voters(tip, 2)[0])
	if vote.Data.Index != 1 {
		t.Fatalf("the vote says %d of the payload", vote.Data.Index)
	}
	check(t, a.router.Publish(context.Background(), gossip.BeaconAttestation, subnet, vote))
	w.until("the payload is asked for", func() bool { return slices.Contains(b.wanted(), tip.Root) })
	if b.pooled() != 0 {
		t.Fatal("the vote was accepted without its payload")
	}
	reveal(b)
	w.until("the vote is accepted", func() bool { return b.pooled() == 1 })
}

// Votes of a payload timeliness committee come all at once: none is lost, however many blocks wait to be imported.
func TestNoVoteOnAPayloadIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Gloas))
	a, b := w.node(), w.node()
	w.join(a, b)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	w.at(1, 500)
	a.add(block)
	b.add(block)
	outcome, err := a.chain.ImportPayload(context.Background(), tip.Payload, chain.API)
	if check(t, err); outcome != chain.Applied || !a.chain.Snapshot().BuildOnFull {
		t.Fatalf("the payload is %v, it is to be built on: %v", outcome, a.chain.Snapshot().BuildOnFull)
	}
	for range cap(a.router.imports) { // there is no room for more
		a.router.imports <- func(ctx context.Context) { <-ctx.Done() }
	}
	committee, err := tip.State.Copy().GetPTC(1)
	check(t, err)
	data := types.PayloadAttestationData{BeaconBlockRoot: tip.Root, Slot: 1} // nobody has seen it
	seen := map[types.ValidatorIndex]bool{}
	for _, who := range committee {
		if !seen[who] {
			err := a.router.Publish(context.Background(), gossip.PayloadAttestationMessage, 0, w.net.PayloadVote(tip, who, data))
			if check(t, err); a.pooled() != len(seen)+1 {
				t.Fatalf("%d votes were accepted, want %d", a.pooled(), len(seen)+1)
			}
		}
		seen[who] = true
	}
	w.until("the committee's votes count", func() bool { return !a.chain.Snapshot().BuildOnFull })
}

func TestAMessageOfTheNextSlotIsCheckedInItsSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b := w.node(), w.node()
	w.join(a, b)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{})
	topic, err := w.of.Topic(gossip.BeaconBlock, 0, 0)
	check(t, err)
	data, err := w.of.Encode(topic, block)
	check(t, err)
	a.raw(gossip.BeaconBlock, 0, data) // in slot 0
	w.until("the block waits", func() bool { n, _ := b.router.hold.size(); return n == 1 })
	w.at(1, 0)
	w.until("the block is the head", b.hasHead(tip.Root))
}

func TestABlockWhoseParentIsUnknownWaitsInTheChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b := w.node(), w.node()
	w.join(a, b)
	first, firstTip := w.block(w.net.Genesis(), 1, simnet.Content{})
	second, secondTip := w.block(firstTip, 2, simnet.Content{})
	w.at(2, 100)
	missing := b.chain.Subscribe(16)
	defer missing.Close()
	a.add(first)
	check(t, a.router.Publish(context.Background(), gossip.BeaconBlock, 0, second))
	<-missing.C // it asks for the parent
	b.add(first)
	w.until("the block is the head", b.hasHead(secondTip.Root))
}

func TestANodeThatIsNotSyncedIsSubscribedToNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Electra))
	a, b := w.node(), w.node()
	w.join(a, b)
	topics := w.of.Topics(0, gossip.Interests{AttestationSubnets: []uint64{1}})
	listed := func() (n int) {
		for _, topic := range topics {
			n += len(b.router.mesh.Load().ListPeers(topic.String()))
		}
		return n
	}
	w.until("it is subscribed to all topics", func() bool { return listed() == len(topics) })
	a.router.SetSynced(false)
	w.until("it has left all topics", func() bool { return listed() == 0 })
	a.router.SetSynced(true)
	w.until("it is back", func() bool { return listed() == len(topics) })
}

func TestTopicsOfTheNextForkComeTwoEpochsAheadAndThoseOfTheLastGoTwoEpochsLater(t *testing.T) {
	t.Parallel()
	spec := specOf(t, params.Electra)
	spec.FuluForkEpoch = 4
	w := newWorld(t, spec)
	a, b := w.node(0), w.node(0)
	w.join(a, b)
	old, err := w.of.Topic(gossip.BeaconBlock, 0, 0)
	check(t, err)
	next, err := w.of.Topic(gossip.BeaconBlock, 0, 4)
	check(t, err)
	peers := func(topic gossip.Topic) int { return len(b.router.mesh.Load().ListPeers(topic.String())) }
	slots := types.Slot(spec.SlotsPerEpoch)
	w.at(2*slots-1, 0)
	if peers(old) != 1 || peers(next) != 0 {
		t.Errorf("before: %d peers on the old topic, %d on the new one", peers(old), peers(next))
	}
	w.at(2*slots, 0)
	w.until("the new topic is there two epochs ahead", func() bool { return peers(old) == 1 && peers(next) == 1 })
	w.at(6*slots-1, 0)
	if peers(old) != 1 {
		t.Error("the old topic has gone before two epochs have passed")
	}
	w.at(6*slots, 0)
	w.until("the old topic is left", func() bool { return peers(old) == 0 && peers(next) == 1 })
}

// Gossipsub keeps the scores of peers that are gone; those are not blamed again and again.
func TestPeersThatAreGoneAreNotBlamedForTheirScores(t *testing.T) {
	w := newWorld(t, specOf(t, params.Fulu))
	a, b := w.node(), w.node()
	w.join(a, b)
	scores := map[peer.ID]*pubsub.PeerScoreSnapshot{b.host.ID(): {Score: -1e9}}
	before := len(a.penalties(b))
	a.router.inspectScores(scores)
	if got := len(a.penalties(b)) - before; got != 1 {
		t.Fatalf("a connected peer with a low score was blamed %d times, want once", got)
	}
	if a.score(b) != -1e9 {
		t.Errorf("the score of a connected peer was told as %v", a.score(b))
	}
	check(t, a.host.Network().ClosePeer(b.host.ID()))
	w.until("the peer is gone", func() bool { return a.host.Network().Connectedness(b.host.ID()) != network.Connected })
	a.router.inspectScores(scores)
	if got := len(a.penalties(b)) - before; got != 1 {
		t.Errorf("a peer that is gone was blamed %d times, want not again", got)
	}
	if a.score(b) != 0 {
		t.Errorf("the score of a peer that is gone was told as %v", a.score(b))
	}
}
