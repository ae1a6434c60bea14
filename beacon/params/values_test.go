package params

import "testing"

// Every key of the Spec is listed once with a value that reads back as the same, and the constants beside.
func TestValues(t *testing.T) {
	for _, s := range []*Spec{Mainnet(), Minimal()} {
		seen := map[string]Value{}
		for _, v := range s.Values() {
			if _, twice := seen[v.Key]; twice {
				t.Errorf("%s is listed twice", v.Key)
			}
			seen[v.Key] = v
			if v.Text == "" && v.Key != "BLOB_SCHEDULE" {
				t.Errorf("%s has no value", v.Key)
			}
		}
		for key := range s.fieldsByKey() {
			if _, ok := seen[key]; !ok {
				t.Errorf("%s is missing", key)
			}
		}
		if len(seen["BLOB_SCHEDULE"].Schedule) != len(s.BlobSchedule) {
			t.Errorf("BLOB_SCHEDULE is %+v, want %+v", seen["BLOB_SCHEDULE"], s.BlobSchedule)
		}
		for key, want := range map[string]string{
			"DOMAIN_AGGREGATE_AND_PROOF": "0x06000000", "INACTIVITY_PENALTY_QUOTIENT_ALTAIR": "50331648", "FAR_FUTURE_EPOCH": "18446744073709551615",
			"BLS_WITHDRAWAL_PREFIX": "0x00", "PRESET_BASE": s.PresetBase, "DEPOSIT_CONTRACT_ADDRESS": s.DepositContractAddress.String(),
			"TERMINAL_TOTAL_DIFFICULTY": s.TerminalTotalDifficulty.String(),
		} {
			if seen[key].Text != want {
				t.Errorf("%s is %q, want %q", key, seen[key].Text, want)
			}
		}
	}
}
