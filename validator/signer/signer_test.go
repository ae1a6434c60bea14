package signer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/protection"
)

var genesis = types.Root{0xaa}

// testSpec goes from phase 0 to gloas, a fork every ten epochs.
func testSpec(t testing.TB) *params.Spec {
	t.Helper()
	spec, _, err := params.Load([]byte(specText))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

const specText = `
PRESET_BASE: minimal
GENESIS_FORK_VERSION: 0x00000001
ALTAIR_FORK_VERSION: 0x01000001
ALTAIR_FORK_EPOCH: 10
BELLATRIX_FORK_VERSION: 0x02000001
BELLATRIX_FORK_EPOCH: 20
CAPELLA_FORK_VERSION: 0x03000001
CAPELLA_FORK_EPOCH: 30
DENEB_FORK_VERSION: 0x04000001
DENEB_FORK_EPOCH: 40
ELECTRA_FORK_VERSION: 0x05000001
ELECTRA_FORK_EPOCH: 50
FULU_FORK_VERSION: 0x06000001
FULU_FORK_EPOCH: 60
GLOAS_FORK_VERSION: 0x07000001
GLOAS_FORK_EPOCH: 70
`

type world struct {
	*testing.T
	spec   *params.Spec
	source *clock.Manual
	clock  *clock.Clock
	signer *Signer
	store  *protection.Store
	key    types.BLSPubkey
}

const genesisTime = 1_600_000_000

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, spec: testSpec(t), source: clock.NewManual(time.Unix(genesisTime, 0))}
	w.clock = clock.New(clock.Config{Spec: w.spec, GenesisTime: genesisTime, Source: w.source})
	w.signer = New(Config{Spec: w.spec, GenesisValidatorsRoot: genesis, Clock: w.clock})
	w.key = w.signer.Add(secret(t, 1))
	w.store = store(t, t.TempDir(), w.key)
	return w
}

func secret(t testing.TB, n uint64) *bls.SecretKey {
	t.Helper()
	key, err := bls.SecretKeyFromUint64(n)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func storeConfig(dir string) protection.Config {
	return protection.Config{Path: filepath.Join(dir, "p.sqlite"), Marker: filepath.Join(dir, protection.MarkerName), GenesisValidatorsRoot: genesis}
}

func store(t testing.TB, dir string, keys ...types.BLSPubkey) *protection.Store {
	t.Helper()
	if err := protection.Create(storeConfig(dir)); err != nil {
		t.Fatal(err)
	}
	s, err := protection.Open(storeConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Register(keys...); err != nil {
		t.Fatal(err)
	}
	return s
}

// at moves the clock to the start of an epoch and gives what a right caller believes then.
func (w *world) at(epoch types.Epoch) ForkInfo {
	w.source.Set(w.clock.StartOf(types.Slot(uint64(epoch) * w.spec.SlotsPerEpoch)))
	return info(w.spec, epoch)
}

func info(spec *params.Spec, epoch types.Epoch) ForkInfo {
	fork := spec.ForkAtEpoch(epoch)
	previous := fork
	if fork > 0 {
		previous--
	}
	return ForkInfo{types.Fork{PreviousVersion: spec.ForkVersion(previous), CurrentVersion: spec.ForkVersion(fork), Epoch: spec.ForkEpoch(fork)}, genesis}
}

// verify checks a signature against what the specification says is signed.
func (w *world) verify(what string, key types.BLSPubkey, signature types.BLSSignature, object types.Root, kind types.DomainType, version types.Version) {
	w.Helper()
	public, err := bls.PublicKeyFromBytes(key[:])
	if err != nil {
		w.Fatal(err)
	}
	sig, err := bls.SignatureFromBytes(signature[:])
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
	root := types.ComputeSigningRoot(object, types.ComputeDomain(kind, version, genesis))
	if !bls.Verify(public, root[:], sig) {
		w.Errorf("%s: signature does not verify", what)
	}
}

func (w *world) root(fork params.Fork, o ssz.Object) types.Root {
	w.Helper()
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.spec, Fork: fork}, ssz.Container(o))
	if err != nil {
		w.Fatal(err)
	}
	return root
}

func block(spec *params.Spec, epoch types.Epoch) *types.BeaconBlock {
	b := types.New("BeaconBlock").(*types.BeaconBlock)
	b.Slot = types.Slot(uint64(epoch)*spec.SlotsPerEpoch + 1)
	return b
}

func attestation(spec *params.Spec, source, target types.Epoch) *types.AttestationData {
	return &types.AttestationData{
		Slot: types.Slot(uint64(target) * spec.SlotsPerEpoch), BeaconBlockRoot: types.Root{1},
		Source: types.Checkpoint{Epoch: source}, Target: types.Checkpoint{Epoch: target},
	}
}

func TestEveryKindIsSignedUnderItsDomainInEveryFork(t *testing.T) {
	w := newWorld(t)
	for fork := params.Phase0; fork <= params.Fulu; fork++ {
		epoch := types.Epoch(10*int(fork) + 1)
		info := w.at(epoch)
		version := w.spec.ForkVersion(fork)
		slot := types.Slot(uint64(epoch) * w.spec.SlotsPerEpoch)
		aggregate := types.New("AggregateAndProof").(*types.AggregateAndProof)
		aggregate.Aggregate.Data = *attestation(w.spec, epoch-1, epoch)
		aggregate.Aggregate.AggregationBits = []byte{3}
		if fork >= params.Electra {
			aggregate.Aggregate.CommitteeBits = make([]byte, 1)
		}
		contribution := &types.ContributionAndProof{Contribution: types.SyncCommitteeContribution{Slot: slot, AggregationBits: make([]byte, 1)}}
		exit := &types.VoluntaryExit{Epoch: epoch, ValidatorIndex: 3}
		change := &types.BLSToExecutionChange{ValidatorIndex: 3}
		exitVersion := version
		if fork >= params.Deneb {
			exitVersion = w.spec.CapellaForkVersion
		}
		for name, c := range map[string]struct {
			message Message
			object  types.Root
			kind    types.DomainType
			version types.Version
		}{
			"randao":         {Randao{epoch}, number(uint64(epoch)), params.DomainRandao(), version},
			"selection":      {SelectionProof{slot}, number(uint64(slot)), params.DomainSelectionProof(), version},
			"aggregate":      {Aggregate{aggregate}, w.root(fork, aggregate), params.DomainAggregateAndProof(), version},
			"sync message":   {SyncMessage{slot, types.Root{5}}, types.Root{5}, params.DomainSyncCommittee(), version},
			"sync selection": {SyncSelectionProof{slot, 2}, types.HashTreeRoot(&types.SyncAggregatorSelectionData{Slot: slot, SubcommitteeIndex: 2}), params.DomainSyncCommitteeSelectionProof(), version},
			"contribution":   {Contribution{contribution}, w.root(max(fork, params.Altair), contribution), params.DomainContributionAndProof(), version},
			"exit":           {VoluntaryExit{exit}, types.HashTreeRoot(exit), params.DomainVoluntaryExit(), exitVersion},
			"BLS change":     {BLSChange{change}, types.HashTreeRoot(change), params.DomainBLSToExecutionChange(), w.spec.GenesisForkVersion},
		} {
			signature, err := w.signer.Sign(info, w.key, c.message)
			if err != nil {
				t.Errorf("%v: %s: %v", fork, name, err)
				continue
			}
			w.verify(fmt.Sprintf("%v: %s", fork, name), w.key, signature, c.object, c.kind, c.version)
		}

		b := block(w.spec, epoch)
		root, err := w.signer.BlockRoot(info, b)
		if err != nil {
			t.Fatalf("%v: %v", fork, err)
		}
		permit, err := w.store.Block(protection.Block{Key: w.key, Slot: b.Slot, SigningRoot: root})
		if err != nil {
			t.Fatal(err)
		}
		signature, err := w.signer.SignBlock(info, w.key, b, permit)
		if err != nil {
			t.Fatalf("%v: block: %v", fork, err)
		}
		w.verify("block", w.key, signature, w.root(fork, b), params.DomainBeaconProposer(), version)

		a := attestation(w.spec, epoch-1, epoch)
		signature, err = w.signer.SignAttestation(info, w.key, a, w.permit(info, a))
		if err != nil {
			t.Fatalf("%v: attestation: %v", fork, err)
		}
		w.verify("attestation", w.key, signature, types.HashTreeRoot(a), params.DomainBeaconAttester(), version)
	}
}

func (w *world) permit(info ForkInfo, a *types.AttestationData) *protection.Permit {
	w.Helper()
	root, err := w.signer.AttestationRoot(info, a)
	if err != nil {
		w.Fatal(err)
	}
	permit, err := w.store.Attestation(protection.Attestation{Key: w.key, Source: a.Source.Epoch, Target: a.Target.Epoch, SigningRoot: root})
	if err != nil {
		w.Fatal(err)
	}
	return permit
}

func TestASlashableMessageIsSignedOnceAndOnlyWithItsPermit(t *testing.T) {
	w := newWorld(t)
	info := w.at(5)
	a, other := attestation(w.spec, 4, 5), attestation(w.spec, 4, 5)
	other.BeaconBlockRoot = types.Root{2}
	permit := w.permit(info, a)
	if _, err := w.signer.SignAttestation(info, w.key, a, nil); err == nil {
		t.Error("signed without a permit")
	}
	if _, err := w.signer.SignAttestation(info, w.key, other, permit); err == nil || !strings.Contains(err.Error(), "signing root") {
		t.Errorf("another message: %v", err)
	}
	if _, err := w.signer.SignBlock(info, w.key, block(w.spec, 5), permit); err == nil {
		t.Error("a block is signed with the permit of an attestation")
	}
	if _, err := w.signer.SignAttestation(info, w.signer.Add(secret(t, 2)), a, permit); err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("another key: %v", err)
	}
	if _, err := w.signer.SignAttestation(info, w.key, a, permit); err != nil {
		t.Errorf("after all that failed: %v", err)
	}
	if _, err := w.signer.SignAttestation(info, w.key, a, permit); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("a second time: %v", err)
	}
}

func TestNothingIsSignedMoreThanOneEpochAhead(t *testing.T) {
	w := newWorld(t)
	w.at(5)
	slot := types.Slot(7 * w.spec.SlotsPerEpoch)
	for _, m := range []Message{Randao{7}, SelectionProof{slot}, SyncMessage{Slot: slot}, VoluntaryExit{&types.VoluntaryExit{Epoch: 7}}, Randao{1<<64 - 1}} {
		if _, err := w.signer.Sign(info(w.spec, 7), w.key, m); !errors.Is(err, ErrTooEarly) {
			t.Errorf("%T: %v", m, err)
		}
	}
	if _, err := w.signer.BlockRoot(info(w.spec, 7), block(w.spec, 7)); !errors.Is(err, ErrTooEarly) {
		t.Errorf("block: %v", err)
	}
	if _, err := w.signer.AttestationRoot(info(w.spec, 7), attestation(w.spec, 6, 7)); !errors.Is(err, ErrTooEarly) {
		t.Errorf("attestation: %v", err)
	}
	if _, err := w.signer.Sign(info(w.spec, 6), w.key, Randao{6}); err != nil {
		t.Errorf("one epoch ahead: %v", err)
	}
}

func TestNothingIsSignedForAnotherForkScheduleOrChain(t *testing.T) {
	w := newWorld(t)
	right := w.at(12)
	later, other, version := right, right, right
	later.Fork.Epoch = 13 // by which altair begins three epochs later
	other.GenesisValidatorsRoot = types.Root{1}
	version.Fork.CurrentVersion = types.Version{9}
	for name, info := range map[string]ForkInfo{"fork's epoch": later, "chain": other, "version": version} {
		if _, err := w.signer.Sign(info, w.key, Randao{12}); !errors.Is(err, ErrOtherChain) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.signer.AttestationRoot(info, attestation(w.spec, 11, 12)); !errors.Is(err, ErrOtherChain) {
			t.Errorf("%s: attestation: %v", name, err)
		}
	}
	for _, m := range []Message{VoluntaryExit{&types.VoluntaryExit{}}, BLSChange{&types.BLSToExecutionChange{}}} {
		if _, err := w.signer.Sign(other, w.key, m); !errors.Is(err, ErrOtherChain) {
			t.Errorf("%T: %v", m, err)
		}
	}
	// Before the fork's epoch its previous version is the right one.
	if _, err := w.signer.Sign(right, w.key, Randao{9}); err != nil {
		t.Error(err)
	}
}

func TestAttestationsThatContradictThemselvesAreRefused(t *testing.T) {
	w := newWorld(t)
	info := w.at(5)
	a := attestation(w.spec, 4, 5)
	a.Slot += types.Slot(w.spec.SlotsPerEpoch)
	if _, err := w.signer.AttestationRoot(info, a); !errors.Is(err, ErrMessage) {
		t.Errorf("target of another epoch: %v", err)
	}
	if _, err := w.signer.AttestationRoot(info, attestation(w.spec, 6, 5)); !errors.Is(err, ErrMessage) {
		t.Errorf("backwards: %v", err)
	}
}

func TestKeysComeAndGo(t *testing.T) {
	w := newWorld(t)
	info := w.at(5)
	two := w.signer.Add(secret(t, 2))
	if again := w.signer.Add(secret(t, 2)); again != two || len(w.signer.Keys()) != 2 || !w.signer.Has(two) {
		t.Errorf("keys are %v", w.signer.Keys())
	}
	if !w.signer.Remove(w.key) || w.signer.Remove(w.key) || w.signer.Has(w.key) {
		t.Error("a key is not removed once")
	}
	if _, err := w.signer.Sign(info, w.key, Randao{5}); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("removed key: %v", err)
	}
	a := attestation(w.spec, 4, 5)
	permit := w.permit(info, a)
	if _, err := w.signer.SignAttestation(info, w.key, a, permit); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("removed key: %v", err)
	}
	w.signer.Add(secret(t, 1))
	if _, err := w.signer.SignAttestation(info, w.key, a, permit); err != nil {
		t.Errorf("the permit was spent without a signature: %v", err)
	}
}

func TestABatchHasAResultForEach(t *testing.T) {
	w := newWorld(t)
	info := w.at(5)
	batch := []Request{{w.key, Randao{5}}, {types.BLSPubkey{1}, Randao{5}}, {w.key, Randao{9}}, {w.key, SelectionProof{40}}}
	results := w.signer.SignBatch(info, batch)
	for i, want := range []error{nil, ErrUnknownKey, ErrTooEarly, nil} {
		if !errors.Is(results[i].Err, want) {
			t.Errorf("%d: %v, want %v", i, results[i].Err, want)
		}
	}
	w.verify("randao", w.key, results[0].Signature, number(5), params.DomainRandao(), w.spec.GenesisForkVersion)
	w.verify("selection", w.key, results[3].Signature, number(40), params.DomainSelectionProof(), w.spec.GenesisForkVersion)
	a := attestation(w.spec, 4, 5)
	attested := w.signer.SignAttestations(info, []AttestationRequest{{w.key, a, nil}, {w.key, a, w.permit(info, a)}})
	if attested[0].Err == nil || attested[1].Err != nil {
		t.Errorf("attestations: %v, %v", attested[0].Err, attested[1].Err)
	}
	w.verify("attestation", w.key, attested[1].Signature, types.HashTreeRoot(a), params.DomainBeaconAttester(), w.spec.GenesisForkVersion)
	if got := w.signer.SignBatch(info, nil); len(got) != 0 {
		t.Errorf("empty batch: %v", got)
	}
}

func TestNoKeyIsEverPrinted(t *testing.T) {
	w := newWorld(t)
	b := bytes.Repeat([]byte{0x5a}, 32)
	key, err := bls.SecretKeyFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	w.signer.Add(key)
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "signer", w.signer, "key", key)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb, w.signer, key)
		fmt.Fprintf(&out, verb, struct{ S *Signer }{w.signer})
	}
	if err := json.NewEncoder(&out).Encode(w.signer); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{hex.EncodeToString(b)[:12], "ZZZZ", "90, 90", "90 90"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is printed: %s", secret, &out)
		}
	}
	if !strings.Contains(out.String(), "signer(2 keys)") {
		t.Errorf("printed: %s", &out)
	}
}

// BenchmarkBatch compares a batch of 1,000 signatures with 1,000 single ones divided by the cores (goal: at most 1.1), in time and, as a machine that others use
// too has no cores to spare, in processor time, where the cores do not count. The votes of a slot are mostly one message, which is hashed once; with a message of
// its own for each key a batch saves nothing.
func BenchmarkBatch(b *testing.B) {
	spec := testSpec(b)
	c := clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: clock.NewManual(time.Unix(genesisTime, 0))})
	s := New(Config{Spec: spec, GenesisValidatorsRoot: genesis, Clock: c})
	fork := info(spec, 0)
	for _, kind := range []struct {
		name    string
		message func(i int) Message
	}{
		{"one-message", func(int) Message { return Randao{0} }},
		{"1000-messages", func(i int) Message { return SyncMessage{0, types.Root{byte(i), byte(i >> 8)}} }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			batch := make([]Request, 1000)
			for i := range batch {
				raw := sha256.Sum256([]byte{byte(i), byte(i >> 8)}) // of full size, as a scalar's size may count
				raw[0] &= 0x3f
				key, err := bls.SecretKeyFromBytes(raw[:])
				if err != nil {
					b.Fatal(err)
				}
				batch[i] = Request{s.Add(key), kind.message(i)}
			}
			var single, many, singleCPU, manyCPU time.Duration
			for b.Loop() {
				begin, cpu := time.Now(), processorTime(b)
				for _, r := range batch {
					if _, err := s.Sign(fork, r.Key, r.Message); err != nil {
						b.Fatal(err)
					}
				}
				single, singleCPU = single+time.Since(begin), singleCPU+processorTime(b)-cpu
				begin, cpu = time.Now(), processorTime(b)
				for _, r := range s.SignBatch(fork, batch) {
					if r.Err != nil {
						b.Fatal(r.Err)
					}
				}
				many, manyCPU = many+time.Since(begin), manyCPU+processorTime(b)-cpu
			}
			b.ReportMetric(float64(single.Microseconds())/float64(b.N)/1000, "µs/single")
			b.ReportMetric(float64(many.Microseconds())/float64(b.N)/1000, "µs/batched")
			b.ReportMetric(float64(many)/(float64(single)/float64(s.cfg.Workers)), "ratio")
			b.ReportMetric(float64(manyCPU)/float64(singleCPU), "cpu-ratio")
		})
	}
}

// processorTime is what the process has used.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
