package params

import (
	"reflect"
	"strings"
	"testing"
)

func TestValidateNamesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		change func(*Spec)
		want   []string
	}{
		{func(s *Spec) { s.SlotsPerEpoch = 0 }, []string{"SLOTS_PER_EPOCH: 0"}},
		{func(s *Spec) { s.EffectiveBalanceIncrement = 0 }, []string{"EFFECTIVE_BALANCE_INCREMENT: 0"}},
		{func(s *Spec) { s.ShuffleRoundCount = 256 }, []string{"SHUFFLE_ROUND_COUNT: 256", "255"}},
		{func(s *Spec) { s.ValidatorRegistryLimit = 1<<40 + 1 }, []string{"VALIDATOR_REGISTRY_LIMIT: 1099511627777"}},
		{func(s *Spec) { s.SlotsPerHistoricalRoot = 8191 }, []string{"SLOTS_PER_HISTORICAL_ROOT", "8191 and 32"}},
		{func(s *Spec) { s.EpochsPerHistoricalVector = 2 }, []string{"EPOCHS_PER_HISTORICAL_VECTOR", "2 and 2"}},
		{func(s *Spec) { s.SyncCommitteeSize = 510 }, []string{"SYNC_COMMITTEE_SIZE", "510 and 4"}},
		{func(s *Spec) { s.NumberOfColumns = 64 }, []string{"NUMBER_OF_C"}},
		{func(s *Spec) { s.NumberOfCustodyGroups = 100 }, []string{"NUMBER_OF_CUSTODY_GROUPS", "128 and 100"}},
		{func(s *Spec) { s.CustodyRequirement = 129 }, []string{"CUSTODY_REQUIREMENT: 129", "128"}},
		{func(s *Spec) { s.FieldElementsPerExtBlob = 4096 }, []string{"FIELD_ELEMENTS_PER_EXT_BLOB", "4096 and 4096"}},
		{func(s *Spec) { s.FieldElementsPerCell = 63 }, []string{"FIELD_ELEMENTS_PER_CELL", "8192 and 63"}},
		{func(s *Spec) { s.AttestationDueBPS = 10001 }, []string{"ATTESTATION_DUE_BPS: 10001", "10000"}},
		{func(s *Spec) { s.MaxBlobsPerBlockElectra = 4097 }, []string{"MAX_BLOBS_PER_BLOCK_ELECTRA: 4097", "4096"}},
		{func(s *Spec) { s.SlotDurationMs = 1 << 60 }, []string{"SLOT_DURATION_MS: 1152921504606846976"}},
		{func(s *Spec) { s.AltairForkEpoch = 144897 }, []string{"BELLATRIX_FORK_EPOCH: 144896", "altair at epoch 144897"}},
		{func(s *Spec) { s.ElectraForkEpoch = FarFutureEpoch }, []string{"FULU_FORK_EPOCH: 411392", "electra"}},
		{func(s *Spec) { s.FuluForkVersion = s.DenebForkVersion }, []string{"FULU_FORK_VERSION: 0x04000000", "deneb"}},
		{func(s *Spec) { s.AltairForkVersion = s.GenesisForkVersion }, []string{"ALTAIR_FORK_VERSION: 0x00000000", "phase0"}},
		{func(s *Spec) { s.BlobSchedule = []BlobParameters{{411391, 9}} }, []string{"BLOB_SCHEDULE: epoch 411391", "411392"}},
		{func(s *Spec) { s.BlobSchedule = []BlobParameters{{500000, 9}, {500000, 10}} }, []string{"BLOB_SCHEDULE: epoch 500000 follows epoch 500000"}},
		{func(s *Spec) { s.BlobSchedule = []BlobParameters{{500001, 9}, {500000, 10}} }, []string{"epoch 500000 follows epoch 500001"}},
		{func(s *Spec) { s.BlobSchedule = []BlobParameters{{500000, 4097}} }, []string{"4097 blobs", "4096"}},
	} {
		s := Mainnet()
		c.change(s)
		err := s.Validate()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
		}
	}
	if err := Mainnet().Validate(); err != nil {
		t.Error(err)
	}
}

// TestNoNumberWithoutTheTagMayBeZero sets each number to 0 in turn.
func TestNoNumberWithoutTheTagMayBeZero(t *testing.T) {
	fields := reflect.TypeFor[Spec]()
	numbers, mayBeZero := 0, 0
	for i := range fields.NumField() {
		s := Mainnet()
		v := reflect.ValueOf(s).Elem().Field(i)
		if !v.CanUint() {
			continue
		}
		numbers++
		v.SetUint(0)
		key := fields.Field(i).Tag.Get("yaml")
		if fields.Field(i).Tag.Get("zero") == "ok" {
			mayBeZero++
			continue
		}
		if err := s.Validate(); err == nil || err.Error() != key+": 0, must be positive" {
			t.Errorf("%s is 0: %v", key, err)
		}
	}
	if numbers < 150 || mayBeZero > 60 {
		t.Errorf("%d numbers, %d of which may be 0", numbers, mayBeZero)
	}
}

func TestForksThatNeverComeMayShareVersions(t *testing.T) {
	s := Mainnet()
	s.HezeForkVersion = s.GloasForkVersion
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}
