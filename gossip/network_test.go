package gossip

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// scheduledSpec is the mainnet preset with a fork every ten epochs and two changes of the blob limit in Fulu.
func scheduledSpec(t testing.TB) *params.Spec {
	t.Helper()
	config := "PRESET_BASE: mainnet\nCONFIG_NAME: test\n"
	for i, f := range params.Forks()[1 : params.Gloas+1] {
		config += strings.ToUpper(f.String()) + "_FORK_EPOCH: " + string(rune('1'+i)) + "0\n"
	}
	config += "BLOB_SCHEDULE:\n  - EPOCH: 61\n    MAX_BLOBS_PER_BLOCK: 12\n  - EPOCH: 65\n    MAX_BLOBS_PER_BLOCK: 15\n"
	spec, _, err := params.Load([]byte(config))
	check(t, err)
	return spec
}

func testNetwork(t testing.TB) *Network {
	return NewNetwork(scheduledSpec(t), types.Root{1})
}

// Spec: the tables of message types of every fork.
func TestTopicsOfEveryFork(t *testing.T) {
	n := testNetwork(t)
	names := func(epoch types.Epoch) (out []string) {
		for _, topic := range n.Topics(epoch, Interests{[]uint64{3}, []uint64{1}, []uint64{0, 127}, true}) {
			if topic.Digest == n.At(epoch).Digest {
				out = append(out, topic.Name())
			}
		}
		return out
	}
	phase0 := []string{"beacon_block", "beacon_aggregate_and_proof", "beacon_attestation_3", "voluntary_exit", "proposer_slashing", "attester_slashing"}
	altair := append(slices.Clone(phase0), "sync_committee_contribution_and_proof", "sync_committee_1", "light_client_finality_update", "light_client_optimistic_update")
	capella := append(slices.Clone(altair), "bls_to_execution_change")
	blobs := func(n int) (out []string) {
		for i := range n {
			out = append(out, "blob_sidecar_"+string(rune('0'+i)))
		}
		return out
	}
	fulu := append(slices.Clone(capella), "data_column_sidecar_0", "data_column_sidecar_127")
	for epoch, want := range map[types.Epoch][]string{
		0: phase0, 10: altair, 20: altair, 30: capella, 40: slices.Concat(capella, blobs(6)), 50: slices.Concat(capella, blobs(9)), 60: fulu,
		70: append(slices.Clone(fulu), "execution_payload", "execution_payload_bid", "payload_attestation_message", "proposer_preferences"),
	} {
		if got := names(epoch); !slices.Equal(got, want) {
			t.Errorf("epoch %d: %v, want %v", epoch, got, want)
		}
	}
}

// Spec: "Transitioning the gossip" (altair).
func TestTopicsChangeHandsOverTwoEpochsEachWay(t *testing.T) {
	n := testNetwork(t)
	for _, c := range []struct {
		epoch types.Epoch
		want  []types.Epoch // beginnings of the eras subscribed to
	}{
		{0, []types.Epoch{0}}, {7, []types.Epoch{0}}, {8, []types.Epoch{0, 10}}, {10, []types.Epoch{0, 10}}, {11, []types.Epoch{0, 10}},
		{12, []types.Epoch{10}}, {58, []types.Epoch{50, 60}}, {59, []types.Epoch{50, 60, 61}}, {61, []types.Epoch{50, 60, 61}},
		{62, []types.Epoch{60, 61}}, {63, []types.Epoch{61, 65}}, {67, []types.Epoch{65}}, {1 << 40, []types.Epoch{70}},
	} {
		var got []types.Epoch
		for _, era := range n.Eras(c.epoch) {
			got = append(got, era.Epoch)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("epoch %d: eras of %v, want %v", c.epoch, got, c.want)
		}
	}
}

func TestATopicOfALaterForkOpensWithIt(t *testing.T) {
	n := testNetwork(t)
	slot, ms := uint64(32*70), n.spec.SlotDurationMs
	at := func(kind Kind) Topic {
		topic, err := n.Topic(kind, 0, 70)
		check(t, err)
		return topic
	}
	for _, c := range []struct {
		kind Kind
		now  uint64
		want bool
	}{
		{BeaconBlock, slot*ms - 501, false}, {BeaconBlock, slot*ms - 500, true},
		{ProposerPreferences, (slot-32)*ms - 501, false}, {ProposerPreferences, (slot-32)*ms - 500, true},
	} {
		d := n.Open(at(c.kind), c.now)
		if (d.Verdict == Accept) != c.want || !c.want && (d.Verdict != Ignore || d.Rule != RuleNotBegun) {
			t.Errorf("%v at %d: %v, want open %t", c.kind, c.now, d, c.want)
		}
	}
	if d := n.Open(Topic{Digest: types.ForkDigest{1, 2, 3, 4}}, slot*ms); d.Verdict != Reject || !errors.Is(d, ErrTopic) {
		t.Errorf("a topic of another chain: %v", d)
	}
}

// Every topic is read back from what it is written as; anything else is none.
func TestTopicsAreParsed(t *testing.T) {
	n := testNetwork(t)
	for _, epoch := range []types.Epoch{0, 45, 63, 99} {
		for _, topic := range n.Topics(epoch, Interests{AttestationSubnets: []uint64{0, 63}, SyncCommitteeSubnets: []uint64{3}, ColumnSubnets: []uint64{17}}) {
			got, err := n.Parse(topic.String())
			if err != nil || got != topic {
				t.Errorf("%v: parsed as %v: %v", topic, got, err)
			}
		}
	}
	digest := strings.TrimPrefix(n.At(0).Digest.String(), "0x")
	good := "/eth2/" + digest + "/beacon_attestation_7/ssz_snappy"
	if _, err := n.Parse(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "/", good + "/", good[1:], strings.Replace(good, "ssz_snappy", "ssz", 1), strings.Replace(good, "_7", "_64", 1),
		strings.Replace(good, "_7", "_07", 1), strings.Replace(good, "_7", "_+7", 1), strings.Replace(good, "_7", "", 1),
		strings.Replace(good, "_7", "_7_7", 1), strings.Replace(good, "beacon_attestation_7", "beacon_block_0", 1),
		strings.Replace(good, "beacon_attestation_7", "sync_committee_0", 1), strings.Replace(good, "beacon_attestation_7", "no_such_thing", 1),
		strings.Replace(good, digest, "00000000", 1), strings.Replace(good, digest, strings.ToUpper(digest), 1) + "x",
		strings.Replace(good, "/beacon", "beacon", 1), "/eth2/" + digest, strings.Replace(good, "_7", "_18446744073709551616", 1),
	} {
		if topic, err := n.Parse(bad); !errors.Is(err, ErrTopic) {
			t.Errorf("%q is parsed as %v: %v", bad, topic, err)
		}
	}
	if _, err := n.Topic(BlobSidecar, 6, 45); !errors.Is(err, ErrTopic) {
		t.Errorf("the seventh blob subnet of deneb: %v", err)
	}
	if _, err := n.Topic(BlobSidecar, 8, 55); err != nil {
		t.Errorf("the ninth blob subnet of electra: %v", err)
	}
}

// Spec: "Topics and messages" (phase0; modified altair).
func TestMessageIDs(t *testing.T) {
	n := testNetwork(t)
	content := []byte("some message")
	packed := snappy.Encode(nil, content)
	old, err := n.Topic(BeaconBlock, 0, 0)
	check(t, err)
	young, err := n.Topic(BeaconBlock, 0, 10)
	check(t, err)
	length := func(topic string) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(len(topic))) }
	hash := func(parts ...[]byte) (id MessageID) {
		sum := sha256.Sum256(bytes.Join(parts, nil))
		copy(id[:], sum[:])
		return id
	}
	valid, invalid := []byte{1, 0, 0, 0}, []byte{0, 0, 0, 0}
	topic := young.String()
	lie := binary.AppendUvarint(nil, 10<<20) // declares ten megabytes and has none
	exits, err := n.Topic(VoluntaryExit, 0, 10)
	check(t, err)
	exit, bomb := exits.String(), snappy.Encode(nil, make([]byte, 10<<20))
	for _, c := range []struct {
		name  string
		topic string
		data  []byte
		want  MessageID
	}{
		{"phase 0", old.String(), packed, hash(valid, content)},
		{"phase 0, not snappy", old.String(), content, hash(invalid, content)},
		{"altair", topic, packed, hash(valid, length(topic), []byte(topic), content)},
		{"altair, not snappy", topic, content, hash(invalid, length(topic), []byte(topic), content)},
		{"altair, a lie about the length", topic, lie, hash(invalid, length(topic), []byte(topic), lie)},
		{"altair, more than the type may have", exit, bomb, hash(invalid, length(exit), []byte(exit), bomb)},
		{"no topic of ours", "x", packed, hash(valid, length("x"), []byte("x"), content)},
		{"nothing", topic, nil, hash(invalid, length(topic), []byte(topic))},
	} {
		if got := n.MessageID(c.topic, c.data); got != c.want {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}

// Spec: "Type-specific SSZ bounds" (gloas), and what the types say before.
func TestSizesOfMessages(t *testing.T) {
	spec := scheduledSpec(t)
	for _, c := range []struct {
		kind Kind
		fork params.Fork
		want Bounds
	}{
		{VoluntaryExit, params.Phase0, Bounds{112, 112}},
		{BeaconAttestation, params.Phase0, Bounds{229, 229 + 256}}, // 2,048 bits and one
		{BeaconAttestation, params.Electra, Bounds{240, 240}},
		{AttesterSlashing, params.Phase0, Bounds{464, 464 + 2*2048*8}},
		{AttesterSlashing, params.Electra, Bounds{464, 464 + 2*131072*8}},
		{AttesterSlashing, params.Gloas, Bounds{464, spec.MaxAttesterSlashingSize}},
		{BeaconAggregateAndProof, params.Gloas, Bounds{445, spec.MaxSignedAggregateAndProofSize}},
		{BlobSidecar, params.Deneb, Bounds{131928, 131928}},
		{DataColumnSidecar, params.Gloas, Bounds{56, spec.MaxDataColumnSidecarSize}},
		{ExecutionPayloadBid, params.Gloas, Bounds{324, spec.MaxSignedExecutionPayloadBidSize}},
	} {
		if got := c.kind.Bounds(spec, c.fork); got != c.want {
			t.Errorf("%v in %v: %d, want %d", c.kind, c.fork, got, c.want)
		}
	}
	for _, kind := range Kinds() {
		for _, fork := range params.Forks()[:params.Gloas+1] {
			if b := kind.Bounds(spec, fork); kind.In(fork) && (b.Min == 0 || b.Min > b.Max || b.Max > spec.MaxPayloadSize) {
				t.Errorf("%v in %v: %d", kind, fork, b)
			}
		}
	}
	if got := params.MaxCompressedLen(10485760); got != 32+10485760+1747626 {
		t.Errorf("max_compressed_len is %d", got)
	}
	if got := MaxMessageSize(spec); got != params.MaxCompressedLen(10485760)+1024 {
		t.Errorf("max_message_size is %d", got)
	}
}

// The bounds that Gloas gives by number are those that the types had before, where those were the same.
func TestMaxSizeOfATypeIsThatOfItsLargestValue(t *testing.T) {
	spec := scheduledSpec(t)
	cx := ssz.Context{Spec: spec, Fork: params.Electra}
	a := &types.AttesterSlashing{}
	for _, indexed := range []*types.IndexedAttestation{&a.Attestation1, &a.Attestation2} {
		indexed.AttestingIndices = make([]types.ValidatorIndex, spec.MaxValidatorsPerCommittee*spec.MaxCommitteesPerSlot)
	}
	if got, want := ssz.MaxSize(cx, ssz.Container(&types.AttesterSlashing{})), uint64(ssz.Size(cx, ssz.Container(a))); got != want {
		t.Errorf("largest attester slashing has %d bytes, computed are %d", want, got)
	}
	if got := ssz.MaxSize(ssz.Context{Spec: spec, Fork: params.Gloas}, ssz.Container(a)); got != ssz.Unbounded {
		t.Errorf("a type with progressive lists has at most %d bytes", got)
	}
}

func TestPayloadsAreCheckedBeforeMemoryIsTaken(t *testing.T) {
	n := testNetwork(t)
	topic, err := n.Topic(VoluntaryExit, 0, 0)
	check(t, err)
	e := &types.SignedVoluntaryExit{Message: types.VoluntaryExit{Epoch: 3, ValidatorIndex: 4}}
	packed, err := n.Encode(topic, e)
	check(t, err)
	object, err := n.Decode(topic, packed)
	check(t, err)
	if got := object.(*types.SignedVoluntaryExit); *got != *e {
		t.Errorf("decoded %+v, want %+v", got, e)
	}
	huge := binary.AppendUvarint(nil, 1<<32-1)
	within := append(binary.AppendUvarint(nil, 112), 0)
	for name, data := range map[string][]byte{
		"nothing": nil, "not snappy": []byte("no"), "too long": snappy.Encode(nil, make([]byte, 113)), "too short": snappy.Encode(nil, make([]byte, 111)),
		"a lie": huge, "a lie within bounds": within, "trailing bytes": append(slices.Clone(packed), 0), "cut": packed[:len(packed)-1],
		"too much data": make([]byte, params.MaxCompressedLen(112)+1),
	} {
		if _, err := n.Decode(topic, data); !errors.Is(err, ErrPayload) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if allocated := testing.AllocsPerRun(10, func() { _, _ = n.Decode(topic, huge) }); allocated > 20 {
		t.Errorf("a lie costs %v allocations", allocated)
	}
	blob, err := n.Topic(BlobSidecar, 0, 40)
	check(t, err)
	blob.Fork = params.Fulu // a kind that is gone
	if _, err := n.Decode(blob, packed); !errors.Is(err, ErrPayload) {
		t.Errorf("a kind that does not exist in the topic's fork: %v", err)
	}
	if _, err := n.Encode(topic, &types.DataColumnSidecar{Slot: 1}); err == nil {
		t.Error("a value that its fork lacks was encoded")
	}
}

func TestPartialMessagesAreDecoded(t *testing.T) {
	n := testNetwork(t)
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		group := types.PartialDataColumnGroupID{BeaconBlockRoot: types.Root{7}}
		if fork == params.Gloas {
			group.Slot = 5
		}
		id, err := n.EncodePartialGroupID(fork, group)
		check(t, err)
		if got, known, err := n.DecodePartialGroupID(fork, id); err != nil || !known || got != group {
			t.Errorf("%v: group %+v, %t, %v", fork, got, known, err)
		}
		if _, known, err := n.DecodePartialGroupID(fork, append([]byte{1}, id[1:]...)); known || err != nil {
			t.Errorf("%v: an unknown version is known: %t, %v", fork, known, err)
		}
		if _, _, err := n.DecodePartialGroupID(fork, id[:5]); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: a cut group id: %v", fork, err)
		}
		cx := ssz.Context{Spec: n.spec, Fork: fork}
		metadata := &types.PartialDataColumnPartsMetadata{Available: bitsOf(9, 1), Requests: bitsOf(9, 2)}
		data, err := ssz.Marshal(cx, ssz.Container(metadata))
		check(t, err)
		if got, err := n.DecodePartsMetadata(fork, data); err != nil || !bytes.Equal(got.Available, metadata.Available) {
			t.Errorf("%v: metadata %+v, %v", fork, got, err)
		}
		if _, err := n.DecodePartsMetadata(fork, make([]byte, 2000)); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: large metadata: %v", fork, err)
		}
		sidecar := &types.PartialDataColumnSidecar{CellsPresentBitmap: bitsOf(2)}
		data, err = ssz.Marshal(cx, ssz.Container(sidecar))
		check(t, err)
		if got, err := n.DecodePartial(fork, data); err != nil || got.CellsPresentBitmap.Len() != 2 {
			t.Errorf("%v: sidecar %+v, %v", fork, got, err)
		}
		if _, err := n.DecodePartial(fork, make([]byte, n.spec.MaxPayloadSize+1)); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: a large sidecar: %v", fork, err)
		}
	}
}

// Spec: compute_subscribed_subnets (phase0).
func TestSubscribedSubnets(t *testing.T) {
	spec := scheduledSpec(t)
	var id das.NodeID
	for i := range id {
		id[i] = byte(255 - i)
	}
	first := ComputeSubscribedSubnets(spec, id, 0)
	if len(first) != 2 || first[1] != (first[0]+1)%64 {
		t.Fatalf("subnets %v, want two in a row", first)
	}
	// node_id % 256 is the last byte, 224: the subnets change when epoch + 224 is a multiple of 256.
	changes := []types.Epoch{}
	for epoch, last := types.Epoch(0), first; epoch < 600; epoch++ {
		now := ComputeSubscribedSubnets(spec, id, epoch)
		if !slices.Equal(now, last) {
			changes = append(changes, epoch)
		}
		last = now
	}
	if want := []types.Epoch{32, 288, 544}; !slices.Equal(changes, want) {
		t.Errorf("subnets change in epochs %v, want %v", changes, want)
	}
	// Nodes that share the first six bits share their subnets as long as their periods are the same.
	other := id
	other[1] ^= 0xff
	if got := ComputeSubscribedSubnets(spec, other, 0); !slices.Equal(got, first) {
		t.Errorf("a node with the same prefix has subnets %v, want %v", got, first)
	}
}
