package producer

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
)

// In every fork blocks are made over two epochs, each with the votes and sync committee messages for the one before, and each becomes the head.
func TestAProducedBlockBecomesTheHead(t *testing.T) {
	t.Parallel()
	for fork := params.Phase0; fork <= params.Fulu; fork++ {
		t.Run(fork.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fork, nil)
			for slot := types.Slot(1); slot <= 3*types.Slot(w.spec.SlotsPerEpoch)+1; slot++ {
				w.at(slot, 50)
				out := w.produce(slot)
				if out.Fork != fork || out.Block.Body.Graffiti != (types.Bytes32{'g'}) {
					t.Fatalf("fork %v, graffiti %v", out.Fork, out.Block.Body.Graffiti)
				}
				if slot > 1 {
					voters := uint64(0)
					for _, a := range out.Block.Body.Attestations {
						voters += a.AggregationBits.Count()
					}
					if voters != 8 {
						t.Errorf("slot %d: %d voters, want the 8 of a slot", slot, voters)
					}
					if fork >= params.Altair && out.Block.Body.SyncAggregate.SyncCommitteeBits.Count() != w.spec.SyncCommitteeSize {
						t.Errorf("slot %d: %d sync committee members", slot, out.Block.Body.SyncAggregate.SyncCommitteeBits.Count())
					}
					if paid := out.ConsensusValue.Big().Sign() > 0; paid != (fork >= params.Altair) {
						t.Errorf("slot %d pays its proposer %v", slot, out.ConsensusValue.Big())
					}
				}
				if fork >= params.Bellatrix && out.Block.Body.ExecutionPayload.FeeRecipient != fees {
					t.Errorf("slot %d: fees go to %v", slot, out.Block.Body.ExecutionPayload.FeeRecipient)
				}
				w.add(out)
				w.votes(slot)
				if fork >= params.Altair {
					w.syncMessages(slot)
				}
			}
			if j := w.chain.Snapshot().Justified.Epoch; j < 2 {
				t.Errorf("justified is epoch %d after everybody voted in three", j)
			}
		})
	}
}

func TestAPayloadIsBegunBeforeItsSlotAndTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, nil)
	ours := types.ExecutionAddress{0x01}
	var all []Preparation
	for i := range types.ValidatorIndex(64) {
		all = append(all, Preparation{i, ours})
	}
	check(t, w.Prepare(context.Background(), append(all, Preparation{1000, ours})))
	if n := len(w.mu.recipients); n != 64 {
		t.Errorf("%d preparations are kept, want those of the 64 validators", n)
	}
	w.at(0, 800)
	ahead := w.nextBegun()
	if ahead.Slot != 1 || ahead.Attributes.SuggestedFeeRecipient != ours || ahead.ParentBlockRoot != w.chain.Snapshot().Head.Root {
		t.Fatalf("begun ahead is %+v", ahead)
	}
	w.until("it is remembered", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.mu.begun.Slot == 1 })
	w.at(1, 10)
	w.until("the chain has said what it has to of the slot", w.chain.EngineFollows)
	asked := w.mock.Calls("engine_forkchoiceUpdatedV3")
	out := w.produce(1)
	if calls := w.mock.Calls("engine_getPayloadV4"); calls != 1 {
		t.Errorf("the payload was taken %d times", calls)
	}
	if calls := w.mock.Calls("engine_forkchoiceUpdatedV3"); calls != asked {
		t.Errorf("%d payloads were begun in the slot although one was at hand", calls-asked)
	}
	if out.Block.Body.ExecutionPayload.FeeRecipient != ours {
		t.Errorf("fees go to %v", out.Block.Body.ExecutionPayload.FeeRecipient)
	}
	w.add(out)
	// A payload that was begun for another parent is not taken.
	w.at(1, 800)
	w.nextBegun()
	w.until("it is remembered", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.mu.begun.Slot == 2 })
	w.mu.Lock()
	w.mu.begun.ParentBlockRoot = types.Root{1}
	w.mu.Unlock()
	w.at(2, 10)
	w.add(w.produce(2))
	// Preparations end.
	w.at(5*types.Slot(w.spec.SlotsPerEpoch), 0)
	if _, ok := w.prepared(1); ok {
		t.Error("a preparation holds for ever")
	}
}

// dying is an execution client that is gone when the payload that it has begun is asked for; the next one answers.
type dying struct {
	Payloads
	died bool
}

func (d *dying) GetPayload(ctx context.Context, fork params.Fork, id engine.PayloadID) (*engine.BuiltPayload, error) {
	if !d.died {
		d.died = true
		return nil, errors.New("connection refused")
	}
	return d.Payloads.GetPayload(ctx, fork, id)
}

func TestAPayloadThatIsLostWithItsExecutionClientCostsNoBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, nil)
	var all []Preparation
	for i := range types.ValidatorIndex(64) {
		all = append(all, Preparation{i, fees})
	}
	check(t, w.Prepare(context.Background(), all))
	w.at(0, 800)
	w.nextBegun()
	w.until("it is remembered", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.mu.begun.Slot == 1 })
	d := &dying{Payloads: w.Producer.cfg.Payloads}
	w.Producer.cfg.Payloads = d
	w.at(1, 10)
	w.add(w.produce(1))
	if !d.died {
		t.Error("the payload that was begun ahead was not asked for")
	}
}

func TestABlockThatCameTooLateIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, nil)
	for slot := types.Slot(1); slot <= 2; slot++ {
		w.at(slot, 50)
		w.add(w.produce(slot))
		w.votes(slot)
	}
	parent := w.chain.Snapshot().Head
	w.at(3, 900) // long after attestations were due, and nobody votes for it
	late := w.add(w.produce(3))
	w.at(4, 10)
	w.until("the execution client is told of the late block", func() bool { return w.mock.Head() == late.Message.Body.ExecutionPayload.BlockHash })
	out := w.produce(4)
	if out.Block.ParentRoot != parent.Root || out.Block.Body.ExecutionPayload.ParentHash != parent.ExecutionBlockHash {
		t.Fatalf("it builds on %v, want %v", out.Block.ParentRoot, parent.Root)
	}
	if w.mock.Head() != parent.ExecutionBlockHash {
		t.Error("the payload was not asked for on the parent's")
	}
	// If the block is never published, the execution client is told the head again.
	w.at(5, 0)
	w.until("the late block is the execution client's head", func() bool { return w.mock.Head() == late.Message.Body.ExecutionPayload.BlockHash })
	_, err := w.chain.BuildPayload(context.Background(), types.Root{1}, params.Electra, nil)
	if !errors.Is(err, chain.ErrHeadMoved) {
		t.Errorf("a payload on a block that is no head: %v, want ErrHeadMoved", err)
	}
}

func TestNoBlockIsMadeWhere(t *testing.T) {
	t.Parallel()
	fails := func(w *world, r Request, want error) {
		w.t.Helper()
		if _, err := w.try(r); !errors.Is(err, want) {
			w.t.Errorf("have %v, want %v", err, want)
		}
	}
	t.Run("nobody gets the fees", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, params.Electra, func(_ *mock.Config, c *Config) { c.FeeRecipient = types.ExecutionAddress{} })
		w.at(1, 50)
		fails(w, w.request(1), ErrFeeRecipient)
	})
	t.Run("the slot is another one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, params.Electra, nil)
		w.at(1, 50)
		fails(w, w.request(3), ErrSlot)
		w.add(w.produce(1))
		r := w.request(2)
		r.Slot = 1
		fails(w, r, ErrSlot)
	})
	t.Run("the reveal is another one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, params.Electra, nil)
		w.at(1, 50)
		r := w.request(1)
		r.RandaoReveal = w.net.SignRoot(types.Root{}, 1)
		fails(w, r, ErrRandao)
		r.RandaoReveal = types.BLSSignature{}
		fails(w, r, ErrRandao)
		r.SkipRandao = true
		fails(w, r, nil)
	})
	t.Run("the fork is gloas", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, params.Gloas, nil)
		w.at(1, 50)
		fails(w, w.request(1), ErrFork)
	})
	t.Run("the execution client does not answer", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, params.Electra, nil)
		w.at(1, 50)
		w.mock.SetFaults(mock.Faults{Wrong: mock.Closed})
		fails(w, w.request(1), chain.ErrEngine)
		w.mock.SetFaults(mock.Faults{Methods: []string{"engine_getPayloadV4"}, Wrong: mock.Broken})
		if _, err := w.try(w.request(1)); err == nil {
			t.Error("a block is made without a payload")
		}
		w.mock.SetFaults(mock.Faults{})
		w.until("it answers again", func() bool { _, err := w.try(w.request(1)); return err == nil })
	})
}

func TestEveryOperationOfThePoolGetsIntoTheBlock(t *testing.T) {
	t.Parallel()
	for fork := params.Capella; fork <= params.Fulu; fork++ {
		t.Run(fork.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fork, nil)
			w.at(1, 50)
			w.add(w.produce(1))
			w.at(2, 50)
			s := w.state(2)
			proposer, err := s.GetBeaconProposerIndex()
			check(t, err)
			who := slices.DeleteFunc([]types.ValidatorIndex{10, 11, 12, 13, 14}, func(v types.ValidatorIndex) bool { return v == proposer })
			slashing := &types.ProposerSlashing{}
			for i, h := range []*types.SignedBeaconBlockHeader{&slashing.SignedHeader1, &slashing.SignedHeader2} {
				h.Message = types.BeaconBlockHeader{Slot: 1, ProposerIndex: who[0], BodyRoot: types.Root{byte(i)}}
				h.Signature = w.net.SignRoot(signingRoot(s, types.HashTreeRoot(&h.Message), params.DomainBeaconProposer()), who[0])
			}
			w.pool.InsertProposerSlashing(slashing)
			tip := simnet.Tip{State: s}
			w.pool.InsertAttesterSlashing(&types.AttesterSlashing{
				Attestation1: w.net.Indexed(tip, types.AttestationData{Slot: 1, BeaconBlockRoot: types.Root{1}}, who[1]),
				Attestation2: w.net.Indexed(tip, types.AttestationData{Slot: 1, BeaconBlockRoot: types.Root{2}}, who[1]),
			})
			exit := &types.SignedVoluntaryExit{Message: types.VoluntaryExit{ValidatorIndex: who[2]}}
			domain := types.ComputeDomain(params.DomainVoluntaryExit(), w.spec.CapellaForkVersion, s.GenesisValidatorsRoot)
			exit.Signature = w.net.SignRoot(types.ComputeSigningRoot(types.HashTreeRoot(&exit.Message), domain), who[2])
			w.pool.InsertVoluntaryExit(exit)
			change := &types.SignedBLSToExecutionChange{Message: types.BLSToExecutionChange{ValidatorIndex: who[3], FromBLSPubkey: s.Validators.Pubkey(who[3])}}
			domain = types.ComputeDomain(params.DomainBLSToExecutionChange(), w.spec.GenesisForkVersion, s.GenesisValidatorsRoot)
			change.Signature = w.net.SignRoot(types.ComputeSigningRoot(types.HashTreeRoot(&change.Message), domain), who[3])
			w.pool.InsertBLSToExecutionChange(change)
			out := w.produce(2)
			body := &out.Block.Body
			if len(body.ProposerSlashings) != 1 || len(body.AttesterSlashings) != 1 || len(body.VoluntaryExits) != 1 || len(body.BLSToExecutionChanges) != 1 {
				t.Fatalf("the block has %d, %d, %d and %d operations", len(body.ProposerSlashings), len(body.AttesterSlashings), len(body.VoluntaryExits), len(body.BLSToExecutionChanges))
			}
			w.add(out)
			w.at(3, 50)
			out = w.produce(3)
			if body := &out.Block.Body; len(body.ProposerSlashings)+len(body.AttesterSlashings)+len(body.VoluntaryExits)+len(body.BLSToExecutionChanges) != 0 {
				t.Error("operations are in two blocks")
			}
			w.add(out)
		})
	}
}

func TestBlobsArePublishedBesideTheirBlock(t *testing.T) {
	t.Parallel()
	setup, err := kzg.New()
	check(t, err)
	for fork := params.Deneb; fork <= params.Fulu; fork++ {
		t.Run(fork.String(), func(t *testing.T) {
			t.Parallel()
			bundle := wire.BlobsBundle{}
			for i := range uint64(2) {
				blob, commitment, err := simnet.Blob(setup, 1000*i)
				check(t, err)
				bundle.Blobs, bundle.Commitments = append(bundle.Blobs, blob[:]), append(bundle.Commitments, commitment)
				if fork < params.Fulu {
					proof, err := setup.ComputeBlobKZGProof(blob, kzg.Commitment(commitment))
					check(t, err)
					bundle.Proofs = append(bundle.Proofs, types.KZGProof(proof))
					continue
				}
				_, proofs, err := setup.ComputeCellsAndKZGProofs(blob)
				check(t, err)
				for _, p := range proofs {
					bundle.Proofs = append(bundle.Proofs, types.KZGProof(p))
				}
			}
			w := newWorld(t, fork, func(c *mock.Config, _ *Config) {
				c.Blobs = func(uint64) wire.BlobsBundle { return bundle }
				c.Transactions = func(uint64) [][]byte { return [][]byte{simnet.BlobTransaction(bundle.Commitments)} }
			})
			w.at(1, 50)
			out := w.produce(1)
			if len(out.Blobs) != 2 || len(out.Block.Body.BlobKZGCommitments) != 2 {
				t.Fatalf("%d blobs of %d commitments", len(out.Blobs), len(out.Block.Body.BlobKZGCommitments))
			}
			signed := w.add(out)
			wrong := slices.Clone(out.Proofs)
			wrong[0] = out.Proofs[len(out.Proofs)-1]
			other := make([]byte, len(kzg.Blob{}))
			binary.BigEndian.PutUint64(other[8:], 7)
			for name, try := range map[string]func() error{
				"a proof of another blob": func() error { _, err := Sidecars(setup, w.spec, signed, out.Blobs, wrong); return err },
				"another blob": func() error {
					_, err := Sidecars(setup, w.spec, signed, [][]byte{out.Blobs[0], other}, out.Proofs)
					return err
				},
				"too few blobs":  func() error { _, err := Sidecars(setup, w.spec, signed, out.Blobs[:1], out.Proofs); return err },
				"too few proofs": func() error { _, err := Sidecars(setup, w.spec, signed, out.Blobs, out.Proofs[1:]); return err },
				"half a blob": func() error {
					_, err := Sidecars(setup, w.spec, signed, [][]byte{out.Blobs[0], other[:7]}, out.Proofs)
					return err
				},
			} {
				if err := try(); !errors.Is(err, ErrBlobs) {
					t.Errorf("%s: %v, want ErrBlobs", name, err)
				}
			}
		})
	}
}
