package propose

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/nodes/nodestest"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
)

const (
	producePath = "/eth/v3/validator/blocks/"
	publishPath = "/eth/v2/beacon/blocks"
)

// stage is a proposer whose key proposes in slot 1.
type stage struct {
	t      *testing.T
	spec   *params.Spec
	fakes  []*nodestest.Node
	duty   apiclient.ProposerDuty
	beacon *nodes.Nodes
	store  *protection.Store
	done   []string
	start  time.Time
	end    func()
}

var (
	recipient = types.ExecutionAddress{0xfe}
	graffiti  = types.Bytes32{'h', 'i'}
)

func (s *stage) Proposer(slot types.Slot) (apiclient.ProposerDuty, bool) {
	return s.duty, slot == s.duty.Slot
}

func (s *stage) ForkInfo(epoch types.Epoch) signer.ForkInfo {
	chain := s.beacon.Chain()
	return signer.ForkInfo{Fork: chain.Fork(epoch), GenesisValidatorsRoot: chain.GenesisValidatorsRoot}
}

func (s *stage) Recipient(types.BLSPubkey) (types.ExecutionAddress, bool) { return recipient, true }

// newStage is called in a bubble; end is called before the bubble ends.
func newStage(t *testing.T, count int) *stage {
	t.Helper()
	var text strings.Builder
	for _, f := range params.Forks()[1:] {
		epoch := uint64(params.FarFutureEpoch)
		if f <= params.Fulu {
			epoch = 0
		}
		fmt.Fprintf(&text, "%s_FORK_EPOCH: %d\n", strings.ToUpper(f.String()), epoch)
	}
	spec, _, err := params.Minimal().Override([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, spec: spec, start: time.Now()}
	root := types.Root{7}
	cfg := nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler)}
	for i := range count {
		f := nodestest.New(spec, s.start, root)
		f.On(producePath, s.produce(func(*types.BlockContents) {}))
		s.fakes = append(s.fakes, f)
		cfg.Clients = append(cfg.Clients, f.Client(fmt.Sprint("node", i)))
	}
	s.beacon = nodes.New(cfg)
	if _, err := s.beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := clock.New(clock.Config{Spec: spec, GenesisTime: uint64(s.start.Unix())})
	holder := signer.New(signer.Config{Spec: spec, GenesisValidatorsRoot: root, Clock: now})
	secret, err := bls.SecretKeyFromUint64(5)
	if err != nil {
		t.Fatal(err)
	}
	s.duty = apiclient.ProposerDuty{Pubkey: holder.Add(secret), Validator: 42, Slot: 1}
	dir := t.TempDir()
	where := protection.Config{Path: filepath.Join(dir, "p.sqlite"), Marker: filepath.Join(dir, protection.MarkerName), GenesisValidatorsRoot: root}
	if err := protection.Create(where); err != nil {
		t.Fatal(err)
	}
	if s.store, err = protection.Open(where); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Register(s.duty.Pubkey); err != nil {
		t.Fatal(err)
	}
	p := New(Config{
		Spec: spec, Clock: now, Nodes: s.beacon, Duties: s, Recipients: s, Signer: holder, Protection: s.store, Graffiti: graffiti,
		Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewValidator(metrics.New()), Done: func(_ types.Epoch, why string) { s.done = append(s.done, why) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, run := range []func(){func() { _ = s.beacon.Run(ctx) }, func() { _ = p.Run(ctx, 0) }} { // both end with the context
		go func() { run(); ended <- struct{}{} }()
	}
	s.end = func() {
		cancel()
		<-ended
		<-ended
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	}
	return s
}

// produce answers with a block that is as ordered, but for a change.
func (s *stage) produce(change func(*types.BlockContents)) nodestest.Answer {
	return func(r *http.Request, _ []byte) (int, string) {
		c := &types.BlockContents{Block: types.BeaconBlock{Slot: 1, ProposerIndex: 42, ParentRoot: types.Root{1}}}
		body := &c.Block.Body
		reveal, err := hex.DecodeString(strings.TrimPrefix(r.URL.Query().Get("randao_reveal"), "0x"))
		if err != nil || len(reveal) != 96 {
			return http.StatusBadRequest, "randao_reveal"
		}
		body.RandaoReveal = types.BLSSignature(reveal)
		text, err := hex.DecodeString(strings.TrimPrefix(r.URL.Query().Get("graffiti"), "0x"))
		if err != nil || len(text) != 32 {
			return http.StatusBadRequest, "graffiti"
		}
		body.Graffiti = types.Bytes32(text)
		body.SyncAggregate.SyncCommitteeBits = ssz.NewBitvector(s.spec.SyncCommitteeSize)
		body.ExecutionPayload.FeeRecipient, body.ExecutionPayload.BlockHash = recipient, types.Hash32{3}
		change(c)
		out, err := ssz.MarshalJSON(ssz.Context{Spec: s.spec, Fork: params.Fulu}, ssz.Container(c))
		if err != nil {
			return http.StatusInternalServerError, err.Error()
		}
		return http.StatusOK, `{"version":"fulu","execution_payload_blinded":false,"data":` + string(out) + `}`
	}
}

func (s *stage) until(slot int) {
	time.Sleep(time.Until(s.start.Add(time.Duration(slot) * s.spec.SlotDuration())))
	synctest.Wait()
}

// A block is made, recorded, signed and handed to every node at the start of its slot.
func TestProposes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		s.until(2)
		s.end()
		if len(s.done) != 1 || s.done[0] != "" {
			t.Fatalf("done: %q", s.done)
		}
		var published [][]byte
		for i, f := range s.fakes {
			posts := f.Posts(publishPath)
			if len(posts) != 1 || posts[0].At.Sub(s.start) != s.spec.SlotDuration() {
				t.Fatalf("node %d has got %d blocks, want one at the start of slot 1", i, len(posts))
			}
			published = append(published, posts[0].Body)
		}
		if !bytes.Equal(published[0], published[1]) {
			t.Error("the nodes have got different blocks")
		}
		cx := ssz.Context{Spec: s.spec, Fork: params.Fulu}
		var signed types.SignedBlockContents
		if err := ssz.Unmarshal(cx, published[0], ssz.Container(&signed)); err != nil {
			t.Fatal(err)
		}
		if signed.SignedBlock.Message.Body.Graffiti != graffiti {
			t.Errorf("graffiti is %q", signed.SignedBlock.Message.Body.Graffiti)
		}
		object, err := ssz.HashTreeRoot(cx, ssz.Container(&signed.SignedBlock.Message))
		if err != nil {
			t.Fatal(err)
		}
		root := types.ComputeSigningRoot(object, types.ComputeDomain(params.DomainBeaconProposer(), s.spec.ForkVersion(params.Fulu), types.Root{7}))
		key, err := bls.PublicKeyFromBytes(s.duty.Pubkey[:])
		if err != nil {
			t.Fatal(err)
		}
		signature, err := bls.SignatureFromBytes(signed.SignedBlock.Signature[:])
		if err != nil {
			t.Fatal(err)
		}
		if !bls.Verify(key, root[:], signature) {
			t.Error("the block's signature is wrong")
		}
	})
}

// A block that is not what was asked for is neither recorded nor signed; it is said why.
func TestRefusesBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*types.BlockContents)
		why    string
	}{
		"another recipient": {func(c *types.BlockContents) { c.Block.Body.ExecutionPayload.FeeRecipient = types.ExecutionAddress{1} }, "the block would have paid somebody else"},
		"another slot":      {func(c *types.BlockContents) { c.Block.Slot = 2 }, "no beacon node made a block"},
		"another proposer":  {func(c *types.BlockContents) { c.Block.ProposerIndex = 41 }, "no beacon node made a block"},
		"no parent":         {func(c *types.BlockContents) { c.Block.ParentRoot = types.Root{} }, "no beacon node made a block"},
		"another reveal":    {func(c *types.BlockContents) { c.Block.Body.RandaoReveal[5]++ }, "no beacon node made a block"},
		"other graffiti":    {func(c *types.BlockContents) { c.Block.Body.Graffiti[0] = 'x' }, "no beacon node made a block"},
		"too many blobs":    {func(c *types.BlockContents) { c.Blobs = [][]byte{make([]byte, 131072)} }, "no beacon node made a block"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, 1)
				defer s.end()
				s.fakes[0].On(producePath, s.produce(c.change))
				s.until(3)
				if len(s.fakes[0].Posts(publishPath)) != 0 || len(s.done) != 1 || s.done[0] != c.why {
					t.Errorf("%d blocks published, done: %q, want none and %q", len(s.fakes[0].Posts(publishPath)), s.done, c.why)
				}
				marks, err := s.store.Marks()
				if err != nil || len(marks) != 1 || marks[0].HasBlock {
					t.Errorf("recorded: %+v, %v", marks, err)
				}
			})
		})
	}
}

// Where one node's block pays somebody else, the other node's is taken.
func TestSecondNodesBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		s.fakes[0].On(producePath, s.produce(func(c *types.BlockContents) { c.Block.Body.ExecutionPayload.FeeRecipient = types.ExecutionAddress{1} }))
		s.until(2)
		s.end()
		if len(s.done) != 1 || s.done[0] != "" || len(s.fakes[0].Posts(publishPath)) != 1 {
			t.Errorf("done: %q, the first node has got %d blocks", s.done, len(s.fakes[0].Posts(publishPath)))
		}
	})
}

// A second block of a slot is never signed.
func TestSlashingProtection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1)
		defer s.end()
		if _, err := s.store.Block(protection.Block{Key: s.duty.Pubkey, Slot: 1, SigningRoot: types.Root{1}}); err != nil {
			t.Fatal(err)
		}
		s.until(3)
		if len(s.fakes[0].Posts(publishPath)) != 0 || len(s.done) != 1 || s.done[0] != "slashing protection refused" {
			t.Errorf("%d blocks published, done: %q", len(s.fakes[0].Posts(publishPath)), s.done)
		}
	})
}

// A block that no node takes at first is handed in again, not made again.
func TestPublishesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1)
		defer s.end()
		refusals := 2
		s.fakes[0].On(publishPath, func(*http.Request, []byte) (int, string) {
			if refusals--; refusals >= 0 {
				return http.StatusServiceUnavailable, "syncing"
			}
			return http.StatusOK, ""
		})
		s.until(2)
		posts := s.fakes[0].Posts(publishPath)
		if len(posts) != 3 || !bytes.Equal(posts[0].Body, posts[2].Body) || s.fakes[0].Asked(producePath+"1") != 1 || len(s.done) != 1 || s.done[0] != "" {
			t.Errorf("handed in %d times, made %d times, done: %q", len(posts), s.fakes[0].Asked(producePath+"1"), s.done)
		}
	})
}
