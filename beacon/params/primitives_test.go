package params

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestSumsAndProductsThatDoNotFitAreErrorsWithBothOperands(t *testing.T) {
	const most = math.MaxUint64
	for _, c := range []struct {
		name        string
		op          func() (uint64, error)
		want        uint64
		left, right uint64 // of the overflow; both 0 where the result fits
	}{
		{"slot sum", func() (uint64, error) { v, err := Slot(most - 1).Add(1); return uint64(v), err }, most, 0, 0},
		{"slot sum too large", func() (uint64, error) { v, err := Slot(most).Add(1); return uint64(v), err }, 0, most, 1},
		{"slot product", func() (uint64, error) { v, err := Slot(most / 3).Mul(3); return uint64(v), err }, most, 0, 0},
		{"slot product too large", func() (uint64, error) { v, err := Slot(1 << 63).Mul(2); return uint64(v), err }, 0, 1 << 63, 2},
		{"epoch sum", func() (uint64, error) { v, err := Epoch(3).Add(4); return uint64(v), err }, 7, 0, 0},
		{"epoch sum too large", func() (uint64, error) { v, err := FarFutureEpoch.Add(256); return uint64(v), err }, 0, most, 256},
		{"epoch product", func() (uint64, error) { v, err := Epoch(0).Mul(most); return uint64(v), err }, 0, 0, 0},
		{"epoch product too large", func() (uint64, error) { v, err := FarFutureEpoch.Mul(32); return uint64(v), err }, 0, most, 32},
		{"gwei sum", func() (uint64, error) { v, err := Gwei(32e9).Add(1); return uint64(v), err }, 32e9 + 1, 0, 0},
		{"gwei sum too large", func() (uint64, error) { v, err := Gwei(2).Add(most); return uint64(v), err }, 0, 2, most},
		{"gwei product", func() (uint64, error) { v, err := Gwei(1 << 32).Mul(1 << 31); return uint64(v), err }, 1 << 63, 0, 0},
		{"gwei product too large", func() (uint64, error) { v, err := Gwei(1 << 32).Mul(1 << 32); return uint64(v), err }, 0, 1 << 32, 1 << 32},
	} {
		got, err := c.op()
		if got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
		var overflow *OverflowError
		switch {
		case c.left == 0 && c.right == 0:
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case !errors.As(err, &overflow) || !errors.Is(err, ErrOverflow):
			t.Errorf("%s: error is %v, want an OverflowError", c.name, err)
		case overflow.Left != c.left || overflow.Right != c.right:
			t.Errorf("%s: operands %d and %d, want %d and %d", c.name, overflow.Left, overflow.Right, c.left, c.right)
		case !strings.Contains(strings.ToLower(err.Error()), strings.Fields(c.name)[0]):
			t.Errorf("%s: error %q does not name the type", c.name, err)
		}
	}
}

func TestSubSaturatingStopsAtZero(t *testing.T) {
	if got := Slot(5).SubSaturating(2); got != 3 {
		t.Errorf("slot 5 - 2 = %d", got)
	}
	if got := Slot(2).SubSaturating(5); got != 0 {
		t.Errorf("slot 2 - 5 = %d", got)
	}
	if got := Epoch(2).SubSaturating(FarFutureEpoch); got != 0 {
		t.Errorf("epoch 2 - far future = %d", got)
	}
	if got := Epoch(9).SubSaturating(9); got != 0 {
		t.Errorf("epoch 9 - 9 = %d", got)
	}
	if got := Gwei(32e9).SubSaturating(1); got != 32e9-1 {
		t.Errorf("gwei 32e9 - 1 = %d", got)
	}
	if got := Gwei(0).SubSaturating(1); got != 0 {
		t.Errorf("gwei 0 - 1 = %d", got)
	}
}

func TestBytesPrintAsHex(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Version{0x90, 0, 0, 0x69}.String(), "0x90000069"},
		{ForkDigest{0xb5, 0x30, 0x3f, 0x2a}.String(), "0xb5303f2a"},
		{DomainPTCAttester().String(), "0x0c000000"},
		{Root{31: 1}.String(), "0x" + strings.Repeat("00", 31) + "01"},
		{Hash32{0xab}.String(), "0xab" + strings.Repeat("00", 31)},
		{Domain{}.String(), "0x" + strings.Repeat("00", 32)},
		{ExecutionAddress{19: 0xff}.String(), "0x" + strings.Repeat("00", 19) + "ff"},
		{BLSPubkey{0xc0}.String(), "0xc0" + strings.Repeat("00", 47)},
		{G2PointAtInfinity().String(), "0xc0" + strings.Repeat("00", 95)},
		{KZGCommitment{1}.String(), "0x01" + strings.Repeat("00", 47)},
		{KZGProof{2}.String(), "0x02" + strings.Repeat("00", 47)},
		{Uint256{31: 255}.String(), "255"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestForkNamesAreInOrderAndParseBack(t *testing.T) {
	names := "phase0 altair bellatrix capella deneb electra fulu gloas heze"
	var got []string
	for i, f := range Forks() {
		if int(f) != i {
			t.Errorf("fork %v stands at %d, its value is %d", f, i, uint8(f))
		}
		got = append(got, f.String())
		if parsed, err := ParseFork(f.String()); err != nil || parsed != f {
			t.Errorf("parse %q: %v, %v", f.String(), parsed, err)
		}
	}
	if strings.Join(got, " ") != names {
		t.Errorf("forks are %v, want %s", got, names)
	}
	for _, name := range []string{"", "Phase0", "fork(9)", "eip8148"} {
		if f, err := ParseFork(name); err == nil {
			t.Errorf("parse %q: %v, want an error", name, f)
		}
	}
	if s := Fork(9).String(); s != "fork(9)" {
		t.Errorf("a fork that does not exist prints as %q", s)
	}
}

func TestParticipationWeightsSumToTheDenominator(t *testing.T) {
	sum := uint64(SyncRewardWeight + ProposerWeight)
	for _, w := range ParticipationFlagWeights() {
		sum += w
	}
	if sum != WeightDenominator {
		t.Errorf("weights sum to %d, WEIGHT_DENOMINATOR is %d", sum, WeightDenominator)
	}
}

func TestDomainsDiffer(t *testing.T) {
	seen := make(map[DomainType]bool)
	for _, d := range []DomainType{
		DomainBeaconProposer(), DomainBeaconAttester(), DomainRandao(), DomainDeposit(), DomainVoluntaryExit(),
		DomainSelectionProof(), DomainAggregateAndProof(), DomainApplicationMask(), DomainSyncCommittee(),
		DomainSyncCommitteeSelectionProof(), DomainContributionAndProof(), DomainBLSToExecutionChange(),
		DomainBeaconBuilder(), DomainPTCAttester(), DomainProposerPreferences(), DomainBuilderDeposit(),
		DomainInclusionListCommittee(),
	} {
		if seen[d] {
			t.Errorf("domain %v is given twice", d)
		}
		seen[d] = true
	}
}
