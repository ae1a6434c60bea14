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
	"github.com/cresset/cresset/validator/duties"
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
	before map[types.BLSPubkey]protection.Mark
	done   []string
	log    bytes.Buffer
	says   types.Bytes32 // the graffiti that is asked for
	root   types.Root    // of the block that was taken last
	start  time.Time
	end    func()
}

var (
	recipient = types.ExecutionAddress{0xfe}
	graffiti  = types.Bytes32{'h', 'i'}
	nodeSays  = types.Bytes32{'n', 'o', 'd', 'e'}
)

func (s *stage) Proposer(_ context.Context, slot types.Slot) (*apiclient.ProposerDuty, error) {
	if slot != s.duty.Slot {
		return nil, nil
	}
	return &s.duty, nil
}

func (s *stage) Recipient(types.BLSPubkey) (types.ExecutionAddress, bool) { return recipient, true }

// newStage is called in a bubble; end is called before the bubble ends. Changes are made before the proposer runs.
func newStage(t *testing.T, count int, changes ...func(*stage)) *stage {
	t.Helper()
	spec := nodestest.SpecOf(params.Minimal(), params.Fulu)
	s := &stage{t: t, spec: spec, start: time.Now(), before: map[types.BLSPubkey]protection.Mark{}}
	root := types.Root{7}
	s.says = graffiti
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
	for _, change := range changes {
		change(s)
	}
	p := New(Config{
		Tools:  duties.Tools{Spec: spec, Clock: now, Nodes: s.beacon, Signer: holder, Log: slog.New(slog.NewTextHandler(&s.log, nil)), Metrics: metrics.NewValidator(metrics.New())},
		Duties: s, Recipients: s, Protection: s.store, Graffiti: func(types.BLSPubkey) types.Bytes32 { return s.says },
		Done: func(_ types.Slot, root types.Root, missed *duties.Miss) {
			if missed != nil {
				s.done = append(s.done, missed.Why)
			} else {
				s.done, s.root = append(s.done, ""), root
			}
		},
		Before: s.before,
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
		body.Graffiti = nodeSays
		if r.URL.Query().Has("graffiti") {
			text, err := hex.DecodeString(strings.TrimPrefix(r.URL.Query().Get("graffiti"), "0x"))
			if err != nil || len(text) != 32 {
				return http.StatusBadRequest, "graffiti"
			}
			body.Graffiti = types.Bytes32(text)
		}
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

// Some nodes change the graffiti, and put in their own where there is none. Blocks are signed as they are.
func TestNoBlockIsLostForItsGraffiti(t *testing.T) {
	for name, asked := range map[string]types.Bytes32{"none": {}, "changed": graffiti} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, 1, func(s *stage) { s.says = asked })
				want := nodeSays
				s.fakes[0].On(producePath, s.produce(func(c *types.BlockContents) {
					if text := &c.Block.Body.Graffiti; asked != (types.Bytes32{}) {
						text[2] = '!'
						want = *text
					}
				}))
				s.until(2)
				s.end()
				posts := s.fakes[0].Posts(publishPath)
				if len(posts) != 1 || len(s.done) != 1 || s.done[0] != "" {
					t.Fatalf("%d blocks published, done: %q", len(posts), s.done)
				}
				var signed types.SignedBlockContents
				if err := ssz.Unmarshal(ssz.Context{Spec: s.spec, Fork: params.Fulu}, posts[0].Body, ssz.Container(&signed)); err != nil {
					t.Fatal(err)
				}
				if said := signed.SignedBlock.Message.Body.Graffiti; said != want {
					t.Errorf("graffiti is %q, want %q", said, want)
				}
			})
		})
	}
}

// withBlob gives a block a blob with some proofs.
func withBlob(proofs int) func(*types.BlockContents) {
	return func(c *types.BlockContents) {
		c.Blobs, c.KZGProofs = [][]byte{make([]byte, 131072)}, make([]types.KZGProof, proofs)
		c.Block.Body.BlobKZGCommitments = make([]types.KZGCommitment, 1)
	}
}

// A block goes out with its blobs and with as many proofs as its fork wants.
func TestBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1)
		s.fakes[0].On(producePath, s.produce(withBlob(128)))
		s.until(2)
		s.end()
		if len(s.fakes[0].Posts(publishPath)) != 1 {
			t.Errorf("done: %q, want a block published", s.done)
		}
	})
	spec := nodestest.SpecOf(params.Minimal(), params.Deneb)
	for proofs, good := range map[int]bool{0: false, 1: true, 128: false} {
		p := &apiclient.Produced{Fork: params.Deneb, Contents: types.BlockContents{Block: types.BeaconBlock{Slot: 1, ParentRoot: types.Root{1}}}}
		withBlob(proofs)(&p.Contents)
		if err := check(spec, order{duty: apiclient.ProposerDuty{Slot: 1}}, p); (err == nil) != good {
			t.Errorf("a blob of Deneb with %d proofs: %v", proofs, err)
		}
	}
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
		"too many blobs":    {func(c *types.BlockContents) { c.Blobs = [][]byte{make([]byte, 131072)} }, "no beacon node made a block"},
		"no blobs":          {func(c *types.BlockContents) { c.Block.Body.BlobKZGCommitments = make([]types.KZGCommitment, 1) }, "no beacon node made a block"},
		"a proof a blob":    {withBlob(1), "no beacon node made a block"},
		"a proof too many":  {withBlob(129), "no beacon node made a block"},
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

// A node that takes a request for a block and never answers costs a sixth of the slot, one that is gone costs nothing.
func TestFailsOver(t *testing.T) {
	for name, c := range map[string]struct {
		state nodestest.State
		after time.Duration
	}{
		"hangs": {nodestest.State{Head: 1, Delay: time.Hour}, params.Minimal().SlotDuration() / 6},
		"gone":  {nodestest.State{Head: 1, Down: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, 2)
				s.fakes[0].Set(nodestest.State{Head: 1}) // the best one
				time.Sleep(time.Until(s.start.Add(s.spec.SlotDuration() - time.Millisecond)))
				s.fakes[0].Set(c.state)
				s.until(2)
				s.end()
				posts := s.fakes[1].Posts(publishPath)
				if len(s.done) != 1 || s.done[0] != "" || len(posts) != 1 {
					t.Fatalf("done: %q, the second node has got %d blocks", s.done, len(posts))
				}
				if late := posts[0].At.Sub(s.start) - s.spec.SlotDuration(); late != c.after {
					t.Errorf("published %v after the start of the slot, want %v", late, c.after)
				}
			})
		})
	}
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

// A block that a node published and could not import is published: it is not handed in again, and the operator is told once.
func TestPublishedAndNotImported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		for _, f := range s.fakes {
			f.On(publishPath, func(*http.Request, []byte) (int, string) { return http.StatusAccepted, "" })
		}
		s.until(3)
		s.end()
		for i, f := range s.fakes {
			if posts := f.Posts(publishPath); len(posts) != 1 {
				t.Errorf("node %d was handed the block %d times, want once", i, len(posts))
			}
		}
		if text := s.log.String(); len(s.done) != 1 || s.done[0] != "" || strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "could not import it") {
			t.Errorf("done: %q, the log is %s", s.done, text)
		}
	})
}

// A block that was signed before the process started is not made again, and is no alarm.
func TestRestartInTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1, func(s *stage) { s.before[s.duty.Pubkey] = protection.Mark{HasBlock: true, Slot: 1} })
		defer s.end()
		s.until(2)
		if asked := s.fakes[0].Asked(producePath + "1"); asked != 0 || len(s.done) != 0 {
			t.Errorf("a block was asked for %d times, done: %q; want nothing", asked, s.done)
		}
	})
}

// Nobody proposes the genesis block, whatever a node says.
func TestGenesisSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1, func(s *stage) { s.duty.Slot = 0 })
		defer s.end()
		s.until(2)
		if asked := s.fakes[0].Asked(producePath + "0"); asked != 0 || len(s.done) != 0 {
			t.Errorf("a block was asked for %d times, done: %q; want nothing", asked, s.done)
		}
	})
}

// From Gloas on no block is asked for: its payload would not follow.
func TestGloas(t *testing.T) {
	p := New(Config{Tools: duties.Tools{Spec: nodestest.SpecOf(params.Minimal(), params.Gloas)}})
	_, _, miss := p.propose(t.Context(), 0, &apiclient.ProposerDuty{Slot: 1})
	if miss == nil || miss.Why != "blocks of this fork are not made" || !strings.Contains(advice(miss), "makes them") {
		t.Errorf("the miss is %+v", miss)
	}
}
