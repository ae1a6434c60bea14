package spectest

import (
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
	"github.com/cresset/cresset/gossip"
)

// gossipMeta is meta.yaml of the gossip vectors. Format: tests/formats/networking/gossip_validation.md.
type gossipMeta struct {
	Topic      string        `yaml:"topic"`
	BLSSetting int           `yaml:"bls_setting"`
	Blocks     []gossipBlock `yaml:"blocks"`
	Finalized  *struct {
		Epoch types.Epoch `yaml:"epoch"`
		Root  hexBytes    `yaml:"root"`
		Block string      `yaml:"block"`
	} `yaml:"finalized_checkpoint"`
	SeenHeaders []struct {
		BlockRoot hexBytes `yaml:"block_root"`
		Header    string   `yaml:"header"`
	} `yaml:"seen_partial_data_column_headers"`
	Now      uint64          `yaml:"current_time_ms"`
	Messages []gossipMessage `yaml:"messages"`
}

type gossipBlock struct {
	Block         string `yaml:"block"`
	Failed        bool   `yaml:"failed"`
	Pending       bool   `yaml:"pending"`
	PayloadStatus string `yaml:"payload_status"`
	Payload       string `yaml:"payload"`
}

type gossipMessage struct {
	Offset   uint64      `yaml:"offset_ms"`
	Subnet   uint64      `yaml:"subnet_id"`
	Column   uint64      `yaml:"column_index"`
	Group    string      `yaml:"group_id"`
	Message  string      `yaml:"message"`
	Expected string      `yaml:"expected"`
	Reason   gossip.Rule `yaml:"reason"`
}

// gossipChain is the chain of a gossip vector. It is a gossip.View that computes what a node would have at hand.
type gossipChain struct {
	t         *testing.T
	spec      *params.Spec
	now       uint64
	anchor    *transition.State
	head      types.Root
	blocks    map[types.Root]gossip.Block
	states    map[types.Root]*transition.State
	bids      map[types.Root]*types.ExecutionPayloadBid
	finalized types.Checkpoint
}

func newGossipChain(t *testing.T, c *Case, m *gossipMeta) *gossipChain {
	chain := &gossipChain{
		t: t, spec: scheduled(c.Spec(), c.Fork), anchor: readState(t, c, "state"), blocks: map[types.Root]gossip.Block{},
		states: map[types.Root]*transition.State{}, bids: map[types.Root]*types.ExecutionPayloadBid{},
	}
	roots := map[string]types.Root{}
	for i := range m.Blocks {
		b := &m.Blocks[i]
		signed := decode[types.SignedBeaconBlock](t, c, b.Block)
		header, err := signed.Message.Header(ssz.Context{Spec: c.Spec(), Fork: c.Fork})
		if err != nil {
			t.Fatal(err)
		}
		root := types.HashTreeRoot(&header)
		roots[b.Block] = root
		if b.Pending {
			continue // no more is known of it than of one that was never seen
		}
		info := chain.describe(c, &signed.Message)
		info.Failed, info.Execution = b.Failed, statusOf(t, b.PayloadStatus)
		info.PayloadVerified = b.Payload != ""
		chain.blocks[root] = info
		switch {
		case i == 0:
			if have, err := chain.anchor.HashTreeRoot(); err != nil || have != signed.Message.StateRoot {
				t.Fatalf("anchor state has root %v, its block says %v; %v", have, signed.Message.StateRoot, err)
			}
			chain.finalized = types.Checkpoint{Epoch: chain.anchor.GetCurrentEpoch(), Root: root}
			chain.states[root], chain.head = chain.anchor, root
		case !b.Failed:
			post := chain.states[signed.Message.ParentRoot].Copy()
			if _, err := transition.StateTransition(post, signed, transition.Hooks{}); err != nil {
				t.Fatalf("%s: %v", b.Block, err)
			}
			chain.states[root], chain.head = post, root
		}
	}
	if f := m.Finalized; f != nil {
		chain.finalized = types.Checkpoint{Epoch: f.Epoch}
		if f.Block != "" {
			chain.finalized.Root = roots[f.Block]
		} else {
			chain.finalized.Root = types.Root(f.Root)
		}
	}
	return chain
}

func (c *gossipChain) describe(cs *Case, block *types.BeaconBlock) gossip.Block {
	b := gossip.Block{
		Slot: block.Slot, ParentRoot: block.ParentRoot,
		ExecutionParentHash: block.Body.ExecutionPayload.ParentHash, ExecutionBlockHash: block.Body.ExecutionPayload.BlockHash,
	}
	if cs.Fork >= params.Gloas {
		bid := &block.Body.SignedExecutionPayloadBid.Message
		b.ExecutionParentHash, b.ExecutionBlockHash = bid.ParentBlockHash, bid.BlockHash
	}
	return b
}

func statusOf(t *testing.T, status string) forkchoice.Execution {
	t.Helper()
	switch status {
	case "VALID":
		return forkchoice.Valid
	case "INVALIDATED":
		return forkchoice.Invalid
	case "NOT_VALIDATED", "":
		return forkchoice.Optimistic
	}
	t.Fatalf("payload_status %q", status)
	return 0
}

// at advances a state to a slot; a later one it leaves as it is.
func (c *gossipChain) at(s *transition.State, slot types.Slot) *transition.State {
	s = s.Copy()
	if s.Slot < slot {
		if err := transition.ProcessSlots(s, slot); err != nil {
			c.t.Fatal(err)
		}
	}
	return s
}

func (c *gossipChain) Block(root types.Root) (gossip.Block, bool) {
	b, ok := c.blocks[root]
	return b, ok
}

func (c *gossipChain) Ancestor(root types.Root, slot types.Slot) (types.Root, bool) {
	for {
		b, ok := c.blocks[root]
		if !ok {
			return types.Root{}, false
		}
		if b.Slot <= slot {
			return root, true
		}
		root = b.ParentRoot
	}
}

func (c *gossipChain) Finalized() types.Checkpoint { return c.finalized }

func (c *gossipChain) Shuffling(root types.Root, epoch types.Epoch) (*transition.Shuffling, bool) {
	before := epoch - min(epoch, c.spec.MinSeedLookahead)
	sh, err := c.at(c.states[root], types.Slot(uint64(before)*c.spec.SlotsPerEpoch)).Shuffling(epoch)
	return sh, err == nil
}

func (c *gossipChain) Proposer(root types.Root, slot types.Slot) (types.ValidatorIndex, bool) {
	proposer, err := c.at(c.states[root], slot).GetBeaconProposerIndex()
	return proposer, err == nil
}

func (c *gossipChain) State(root types.Root, epoch types.Epoch) (transition.Frozen, bool) {
	s := c.states[root]
	if s == nil {
		return transition.Frozen{}, false
	}
	return c.at(s, types.Slot(uint64(epoch)*c.spec.SlotsPerEpoch)).Frozen(), true
}

func (c *gossipChain) Bid(root types.Root) (*types.ExecutionPayloadBid, bool) {
	if s := c.states[root]; s != nil {
		return s.Frozen().Bid(), true
	}
	return nil, false
}

func (c *gossipChain) Head() gossip.Head {
	return gossip.Head{Root: c.head, Block: c.blocks[c.head], PayloadStatus: forkchoice.Pending}
}

func (c *gossipChain) HeadState() (transition.Frozen, bool) {
	s := c.anchor
	if head := c.states[c.head]; head != nil {
		s = head
	}
	return c.at(s, types.Slot(c.now/c.spec.SlotDurationMs)).Frozen(), true
}

func (c *gossipChain) IsDependent(root types.Root, slot types.Slot) bool {
	for _, b := range c.blocks {
		if b.ParentRoot == root && b.Slot >= slot {
			return true
		}
	}
	return root == c.head
}

// runGossip checks messages against a chain, one after the other.
func runGossip(t *testing.T, c *Case) {
	var m gossipMeta
	c.MustYAML("meta", &m)
	if m.BLSSetting == 2 {
		t.Fatal("a gossip vector without signatures")
	}
	chain := newGossipChain(t, c, &m)
	setup, err := kzg.New()
	if err != nil {
		t.Fatal(err)
	}
	seen := gossip.NewSeen(chain.spec)
	for _, h := range m.SeenHeaders {
		seen.NotePartialHeader(types.Root(h.BlockRoot), decode[types.PartialDataColumnHeader](t, c, h.Header))
	}
	rules := gossip.New(gossip.Config{
		Spec: chain.spec, GenesisTime: chain.anchor.GenesisTime, GenesisValidatorsRoot: chain.anchor.GenesisValidatorsRoot,
		View: func() gossip.View { return chain }, KZG: setup, Seen: seen,
	})
	for i := range m.Messages {
		message := &m.Messages[i]
		chain.now = m.Now + message.Offset
		in := gossip.Arrival{Now: chain.now, Fork: c.Fork, Subnet: message.Subnet}
		_, d := gossipCandidate(t, c, rules, m.Topic, in, message).Conclude()
		verdict := map[gossip.Verdict]string{gossip.Accept: "valid", gossip.Ignore: "ignore", gossip.Defer: "ignore", gossip.Reject: "reject"}[d.Verdict]
		if verdict != message.Expected {
			t.Fatalf("message %d, %s: verdict %v, want %s %q", i, message.Message, d, message.Expected, message.Reason)
		}
		if message.Reason != "" && d.Rule != message.Reason {
			t.Errorf("message %d, %s: %v, want the rule %q", i, message.Message, d, message.Reason)
		}
	}
}

// gossipCandidate begins the check of a message.
func gossipCandidate(t *testing.T, c *Case, r *gossip.Rules, topic string, in gossip.Arrival, m *gossipMessage) gossip.Candidate {
	t.Helper()
	if topic == "partial_data_column_sidecar" {
		return r.PartialDataColumnSidecar(in, &gossip.Partial{
			Sidecar: decode[types.PartialDataColumnSidecar](t, c, m.Message),
			Group:   *decode[types.PartialDataColumnGroupID](t, c, m.Group), Column: m.Column,
		})
	}
	for _, kind := range gossip.Kinds() {
		if kind.String() != topic {
			continue
		}
		object := kind.New(c.Fork)
		if err := ssz.Unmarshal(ssz.Context{Spec: c.Spec(), Fork: c.Fork}, c.MustSSZ(m.Message), ssz.Container(object)); err != nil {
			t.Fatalf("%s: %v", m.Message, err)
		}
		return r.Check(gossip.Topic{Kind: kind, Subnet: in.Subnet, Fork: in.Fork}, object, in.Now)
	}
	t.Fatal(fmt.Errorf("unknown topic %q", topic))
	return nil
}
