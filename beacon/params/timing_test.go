package params

import (
	"math"
	"testing"
)

func TestDeadlinesWithinASlot(t *testing.T) {
	s := Mainnet()
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"attestation, until fulu", s.GetAttestationDueMs(Fulu), 3999},
		{"attestation, from gloas", s.GetAttestationDueMs(Gloas), 3000},
		{"aggregate, until fulu", s.GetAggregateDueMs(Phase0), 8000},
		{"aggregate, from gloas", s.GetAggregateDueMs(Heze), 6000},
		{"sync message, until fulu", s.GetSyncMessageDueMs(Altair), 3999},
		{"sync message, from gloas", s.GetSyncMessageDueMs(Gloas), 3000},
		{"contribution, until fulu", s.GetContributionDueMs(Altair), 8000},
		{"contribution, from gloas", s.GetContributionDueMs(Gloas), 6000},
		{"proposer's re-org", s.GetProposerReorgCutoffMs(), 2000},
		{"payload attestation", s.GetPayloadAttestationDueMs(), 9000},
		{"payload", s.GetPayloadDueMs(), s.PayloadDueBPS * 12000 / 10000},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d ms, want %d", c.name, c.got, c.want)
		}
	}
}

// The presets name the same shares of their slots, by fork.
func TestDutiesAreDueByForkAndSlot(t *testing.T) {
	for _, c := range []struct {
		spec                                          *Spec
		fork                                          Fork
		attestation, aggregate, message, contribution uint64
	}{
		{Mainnet(), Fulu, 3999, 8000, 3999, 8000},
		{Mainnet(), Gloas, 3000, 6000, 3000, 6000},
		{Minimal(), Fulu, 1999, 4000, 1999, 4000},
		{Minimal(), Gloas, 1500, 3000, 1500, 3000},
	} {
		got := [4]uint64{c.spec.GetAttestationDueMs(c.fork), c.spec.GetAggregateDueMs(c.fork), c.spec.GetSyncMessageDueMs(c.fork), c.spec.GetContributionDueMs(c.fork)}
		if want := [4]uint64{c.attestation, c.aggregate, c.message, c.contribution}; got != want {
			t.Errorf("%v with slots of %d ms: %d ms, want %d", c.fork, c.spec.SlotDurationMs, got, want)
		}
	}
}

func TestSecondsToMillisecondsSaturates(t *testing.T) {
	for seconds, want := range map[uint64]uint64{
		0: 0, 12: 12000, math.MaxUint64 / 1000: math.MaxUint64 / 1000 * 1000, math.MaxUint64/1000 + 1: math.MaxUint64, math.MaxUint64: math.MaxUint64,
	} {
		if got := SecondsToMilliseconds(seconds); got != want {
			t.Errorf("%d s are %d ms, want %d", seconds, got, want)
		}
	}
}
