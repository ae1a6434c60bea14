package params

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

func rootFromHex(t *testing.T, digits string) Root {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != 32 {
		t.Fatalf("root %q: %v", digits, err)
	}
	return Root(b)
}

// The digests before Fulu are announced in the "eth2" entry of boot nodes' records or in general use;
// 0x8c9f62fe is mainnet's since January 2026.
func TestForkDigestsOfLiveNetworks(t *testing.T) {
	roots := map[string]string{
		"mainnet": "4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95",
		"sepolia": "d8ea171f3c94aea21ebc42a1ed61052acf3f9209c00e4efbaaddac09ed9b8078",
		"hoodi":   "212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f",
		"gnosis":  "f5dcb5564e829aab27264b9becd5dfaa017085611224cb3036f573368dbb9d47",
		"chiado":  "9d642dac73058fbf39c0ae41ab1e34e4d889043cb199851ded7095bc99eb4c1e",
	}
	// Some records were made before genesis, when the validators root was not known.
	chiado, err := ByName("chiado")
	if err != nil {
		t.Fatal(err)
	}
	if got := chiado.ComputeForkDigest(Root{}, 0); got.String() != "0x0dcd4496" {
		t.Errorf("chiado before genesis: digest %v, want 0x0dcd4496", got)
	}
	for _, c := range []struct {
		network string
		epoch   Epoch
		want    string
	}{
		{"mainnet", 0, "0xb5303f2a"},
		{"mainnet", 74239, "0xb5303f2a"},
		{"mainnet", 74240, "0xafcaaba0"},
		{"mainnet", 144896, "0x4a26c58b"},
		{"mainnet", 194048, "0xbba4da96"},
		{"mainnet", 269568, "0x6a95a1a9"},
		{"mainnet", 411391, "0xad532ceb"},
		{"mainnet", 419072, "0x8c9f62fe"},
		{"sepolia", 0, "0xa8fee8ee"},
		{"sepolia", 100, "0x36fa5013"},
		{"hoodi", 0, "0xd2f1997f"},
		{"gnosis", 385536, "0x824be431"},
		{"gnosis", 648704, "0x21a6f836"},
		{"gnosis", 889856, "0x3ebfd484"},
		{"chiado", 180, "0x31367043"},
		{"chiado", 516608, "0x9d33b675"},
	} {
		s, err := ByName(c.network)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.ComputeForkDigest(rootFromHex(t, roots[c.network]), c.epoch); got.String() != c.want {
			t.Errorf("%s at epoch %d: digest %v, want %s", c.network, c.epoch, got, c.want)
		}
	}
}

// The cases are those of the specification's own test of compute_fork_digest.
func TestForkDigestsWithBlobParameters(t *testing.T) {
	const schedule = `{FULU_FORK_EPOCH: 0, GLOAS_FORK_EPOCH: 18446744073709551615,
ALTAIR_FORK_EPOCH: 0, BELLATRIX_FORK_EPOCH: 0, CAPELLA_FORK_EPOCH: 0, DENEB_FORK_EPOCH: 0, ELECTRA_FORK_EPOCH: 0,
FULU_FORK_VERSION: %s, GLOAS_FORK_VERSION: 0xffffffff,
BLOB_SCHEDULE: [
{EPOCH: 9, MAX_BLOBS_PER_BLOCK: 9}, {EPOCH: 100, MAX_BLOBS_PER_BLOCK: 100}, {EPOCH: 150, MAX_BLOBS_PER_BLOCK: 175},
{EPOCH: 200, MAX_BLOBS_PER_BLOCK: 200}, {EPOCH: 250, MAX_BLOBS_PER_BLOCK: 275}, {EPOCH: 300, MAX_BLOBS_PER_BLOCK: 300}]}`
	for _, c := range []struct {
		epoch   Epoch
		version string
		root    byte // repeated
		want    string
	}{
		{9, "0x06000000", 0, "0xab3ae6c8"},
		{99, "0x06000000", 0, "0xab3ae6c8"},
		{100, "0x06000000", 0, "0xdf67557b"},
		{150, "0x06000000", 0, "0x8ab38b59"},
		{199, "0x06000000", 0, "0x8ab38b59"},
		{200, "0x06000000", 0, "0xd9b81438"},
		{250, "0x06000000", 0, "0x4ef32a62"},
		{300, "0x06000000", 0, "0xca100d64"},
		{301, "0x06000000", 0, "0xca100d64"},
		{9, "0x06000000", 1, "0x89671111"},
		{9, "0x06000000", 2, "0xf49b0e24"},
		{100, "0x06000000", 3, "0xf209fdfc"},
		{9, "0x06000001", 0, "0x30f8c25b"},
		{9, "0x07000000", 0, "0x0432f5a9"},
		{100, "0x07000001", 0, "0x1a3415c2"},
	} {
		s, warnings, err := Mainnet().Override(fmt.Appendf(nil, schedule, c.version))
		if err != nil || len(warnings) > 0 {
			t.Fatal(err, warnings)
		}
		root := Root(slices.Repeat([]byte{c.root}, 32))
		if got := s.ComputeForkDigest(root, c.epoch); got.String() != c.want {
			t.Errorf("epoch %d, version %s, root of %d: digest %v, want %s", c.epoch, c.version, c.root, got, c.want)
		}
	}
}

func TestForkScheduleListsForksAndBlobChanges(t *testing.T) {
	s, err := ByName("sepolia")
	if err != nil {
		t.Fatal(err)
	}
	beforeBPO := BlobParameters{222464, 9}
	want := []ForkScheduleEntry{
		{0, Phase0, BlobParameters{}},
		{50, Altair, BlobParameters{}},
		{100, Bellatrix, BlobParameters{}},
		{56832, Capella, BlobParameters{}},
		{132608, Deneb, BlobParameters{}},
		{222464, Electra, BlobParameters{}},
		{272640, Fulu, beforeBPO},
		{274176, Fulu, BlobParameters{274176, 15}},
		{275712, Fulu, BlobParameters{275712, 21}},
		{353024, Gloas, BlobParameters{275712, 21}},
	}
	got := s.ForkSchedule()
	if !slices.Equal(got, want) {
		t.Errorf("schedule is\n%v, want\n%v", got, want)
	}
	seen := make(map[ForkDigest]bool)
	for i, entry := range got {
		digest := s.ComputeForkDigest(Root{1}, entry.Epoch)
		if seen[digest] {
			t.Errorf("digest %v of epoch %d is an earlier one", digest, entry.Epoch)
		}
		seen[digest] = true
		if entry.Epoch > 0 && s.ComputeForkDigest(Root{1}, entry.Epoch-1) == digest {
			t.Errorf("digest %v of epoch %d begins earlier", digest, entry.Epoch)
		}
		next, ok := s.NextScheduled(entry.Epoch)
		if last := i == len(got)-1; ok == last || (!last && next != got[i+1]) {
			t.Errorf("after epoch %d comes %v, %v", entry.Epoch, next, ok)
		}
	}
	for _, c := range []struct{ epoch, want Epoch }{{49, 50}, {273000, 274176}, {274175, 274176}, {274176, 275712}} {
		if next, ok := s.NextScheduled(c.epoch); !ok || next.Epoch != c.want {
			t.Errorf("after epoch %d comes %v, %v, want epoch %d", c.epoch, next, ok, c.want)
		}
	}
}

func TestForksThatBeginTogetherAreOneEntry(t *testing.T) {
	s, err := ByName("plataberget")
	if err != nil {
		t.Fatal(err)
	}
	want := []ForkScheduleEntry{{0, Fulu, BlobParameters{0, 21}}, {1536, Gloas, BlobParameters{0, 21}}}
	if got := s.ForkSchedule(); !slices.Equal(got, want) {
		t.Errorf("schedule is %v, want %v", got, want)
	}
	if got := Minimal().ForkSchedule(); !slices.Equal(got, []ForkScheduleEntry{{0, Phase0, BlobParameters{}}}) {
		t.Errorf("schedule of minimal is %v", got)
	}
}

func TestABlobScheduleWithoutFuluIsNotInForce(t *testing.T) {
	s, _, err := Mainnet().Override([]byte("FULU_FORK_EPOCH: 18446744073709551615"))
	if err != nil {
		t.Fatal(err)
	}
	schedule := s.ForkSchedule()
	if last := schedule[len(schedule)-1]; last != (ForkScheduleEntry{364032, Electra, BlobParameters{}}) {
		t.Errorf("last entry is %v, want electra at 364032", last)
	}
	if got := s.MaxBlobsPerBlockAt(419072); got != 9 {
		t.Errorf("blob limit is %d, want electra's 9", got)
	}
}

func TestForkOfEpochsAndSlots(t *testing.T) {
	s := Mainnet()
	for _, c := range []struct {
		epoch Epoch
		want  Fork
	}{
		{0, Phase0}, {74239, Phase0}, {74240, Altair}, {144895, Altair}, {144896, Bellatrix}, {194048, Capella},
		{269568, Deneb}, {364031, Deneb}, {364032, Electra}, {411392, Fulu}, {419072, Fulu}, {FarFutureEpoch - 1, Fulu},
	} {
		if got := s.ForkAtEpoch(c.epoch); got != c.want {
			t.Errorf("epoch %d is %v, want %v", c.epoch, got, c.want)
		}
		if c.epoch >= FarFutureEpoch/32 {
			continue
		}
		for _, slot := range []Slot{Slot(c.epoch * 32), Slot(c.epoch*32 + 31)} {
			if got := s.ForkAtSlot(slot); got != c.want {
				t.Errorf("slot %d is %v, want %v", slot, got, c.want)
			}
		}
		if got := s.ComputeForkVersion(c.epoch); got != s.ForkVersion(c.want) {
			t.Errorf("version of epoch %d is %v, want %v", c.epoch, got, s.ForkVersion(c.want))
		}
	}
	for _, f := range Forks() {
		if f == Phase0 {
			continue
		}
		fields, text := s.fieldsByKey(), specText(s)
		epochKey, versionKey := forkKeys(f)
		if fields[epochKey] == nil || text[epochKey] != fmt.Sprint(uint64(s.ForkEpoch(f))) {
			t.Errorf("ForkEpoch(%v) is %d, %s is %s", f, s.ForkEpoch(f), epochKey, text[epochKey])
		}
		if fields[versionKey] == nil || text[versionKey] != s.ForkVersion(f).String() {
			t.Errorf("ForkVersion(%v) is %v, %s is %s", f, s.ForkVersion(f), versionKey, text[versionKey])
		}
	}
	if s.ForkEpoch(Phase0) != 0 || s.ForkVersion(Phase0) != s.GenesisForkVersion || s.ForkEpoch(Fork(9)) != FarFutureEpoch {
		t.Errorf("phase0 begins at %d with %v, fork(9) at %d", s.ForkEpoch(Phase0), s.ForkVersion(Phase0), s.ForkEpoch(Fork(9)))
	}
}

func TestBlobLimitsOfEveryFork(t *testing.T) {
	s := Mainnet()
	for _, c := range []struct {
		epoch Epoch
		want  uint64
	}{
		{269567, 0}, {269568, 6}, {364031, 6}, {364032, 9}, {411392, 9}, {412671, 9}, {412672, 15}, {419071, 15}, {419072, 21}, {1 << 40, 21},
	} {
		if got := s.MaxBlobsPerBlockAt(c.epoch); got != c.want {
			t.Errorf("epoch %d: %d blobs, want %d", c.epoch, got, c.want)
		}
	}
	if got := s.GetBlobParameters(411392); got != (BlobParameters{364032, 9}) {
		t.Errorf("blob parameters before the schedule are %v, want those of electra", got)
	}
}

func TestBlobSchedules(t *testing.T) {
	for name, want := range map[string][]BlobParameters{
		"mainnet":     {{412672, 15}, {419072, 21}},
		"sepolia":     {{274176, 15}, {275712, 21}},
		"hoodi":       {{52480, 15}, {54016, 21}},
		"plataberget": {{0, 21}},
		"gnosis":      {},
		"chiado":      {},
		"minimal":     {},
	} {
		s, err := ByName(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.Equal(s.BlobSchedule, want) {
			t.Errorf("%s: blob schedule %v, want %v", name, s.BlobSchedule, want)
		}
	}
}

func TestDerivedValues(t *testing.T) {
	s := Mainnet()
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"compute_min_epochs_for_block_requests", uint64(s.ComputeMinEpochsForBlockRequests()), 33024},
		{"compute_attestation_subnet_prefix_bits", s.ComputeAttestationSubnetPrefixBits(), 6},
		{"compute_max_request_blob_sidecars, deneb", s.ComputeMaxRequestBlobSidecars(Deneb), 768},
		{"compute_max_request_blob_sidecars, electra", s.ComputeMaxRequestBlobSidecars(Electra), 1152},
		{"compute_max_request_data_column_sidecars", s.ComputeMaxRequestDataColumnSidecars(), 16384},
		{"max_compressed_len of MAX_PAYLOAD_SIZE", MaxCompressedLen(s.MaxPayloadSize), 12_233_418},
		{"max_compressed_len of nothing", MaxCompressedLen(0), 32},
		{"max_compressed_len of what does not fit", MaxCompressedLen(math.MaxUint64), math.MaxUint64},
		{"PAYLOAD_TIMELY_THRESHOLD", s.PayloadTimelyThreshold(), 256},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, want %d", c.name, c.got, c.want)
		}
	}
	if s.SlotDuration() != 12*time.Second {
		t.Errorf("a slot takes %v", s.SlotDuration())
	}
}
